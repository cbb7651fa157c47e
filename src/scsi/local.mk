# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/scsi/NAME.c, src/scsi/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/scsi/libscsi.a
src_scsi_libscsi_a_SOURCES = \
	src/scsi/cdb.c \
	src/scsi/cdb.h \
	src/scsi/iu.c \
	src/scsi/iu.h \
	src/scsi/msg.c \
	src/scsi/msg.h \
	src/scsi/opcodes.def \
	src/scsi/page.c \
	src/scsi/page.h \
	src/scsi/phase.c \
	src/scsi/phase.h \
	src/scsi/protect.c \
	src/scsi/protect.h \
	src/scsi/reach.c \
	src/scsi/reach.h \
	src/scsi/sense.c \
	src/scsi/sense.def \
	src/scsi/sense.h \
	src/scsi/status.c \
	src/scsi/status.h \
	src/scsi/xfer.c \
	src/scsi/xfer.h

unit_tests += tests/unit/test_cdb
unit_tests += tests/unit/test_reach
unit_tests += tests/unit/test_iu
unit_tests += tests/unit/test_msg
unit_tests += tests/unit/test_page
unit_tests += tests/unit/test_phase
unit_tests += tests/unit/test_protect
unit_tests += tests/unit/test_sense
unit_tests += tests/unit/test_status
unit_tests += tests/unit/test_xfer
