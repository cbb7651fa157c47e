# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/bus/NAME.c, src/bus/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/bus/libbus.a
src_bus_libbus_a_SOURCES =
