# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/initiator/NAME.c, src/initiator/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/initiator/libinitiator.a
src_initiator_libinitiator_a_SOURCES = \
	src/initiator/hba.h \
	src/initiator/initiator.h
