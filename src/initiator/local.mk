# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/initiator/NAME.c, src/initiator/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/initiator/libinitiator.a
src_initiator_libinitiator_a_SOURCES = \
	src/initiator/hba.c \
	src/initiator/hba.h \
	src/initiator/hba_check.c \
	src/initiator/hba_core.h \
	src/initiator/hba_member.c \
	src/initiator/hba_pass.c \
	src/initiator/hba_reset.c \
	src/initiator/hba_scan.c \
	src/initiator/hba_sched.c \
	src/initiator/hba_tag.c \
	src/initiator/hba_task.c \
	src/initiator/initiator.h
