# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/bus/NAME.c, src/bus/NAME.h).
# Its unit test: tests/unit/test_NAME.c and one line in tests/unit/local.mk.

noinst_LIBRARIES += src/bus/libbus.a
src_bus_libbus_a_SOURCES =
