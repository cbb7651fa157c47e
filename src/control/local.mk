# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/control/NAME.c, src/control/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/control/libcontrol.a
src_control_libcontrol_a_SOURCES =
