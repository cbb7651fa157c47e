# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/target/NAME.c, src/target/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/target/libtarget.a
src_target_libtarget_a_SOURCES =
