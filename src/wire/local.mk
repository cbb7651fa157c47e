# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/wire/NAME.c, src/wire/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/wire/libwire.a
src_wire_libwire_a_SOURCES = \
	src/wire/attach.c \
	src/wire/codec.c \
	src/wire/codec.h \
	src/wire/frame.c \
	src/wire/frames.def \
	src/wire/initiator.c \
	src/wire/item.c \
	src/wire/mgmt.c \
	src/wire/names.c \
	src/wire/show.c \
	src/wire/stats.c \
	src/wire/target.c \
	src/wire/wire.h

unit_tests += tests/unit/test_wire tests/unit/test_wire_payload
tests_unit_test_wire_SOURCES = \
	tests/unit/frame_samples.c \
	tests/unit/frame_samples.h \
	tests/unit/test_wire.c
