# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/wire/NAME.c, src/wire/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/wire/libwire.a
src_wire_libwire_a_SOURCES = \
	src/wire/frames.def \
	src/wire/wire.h
