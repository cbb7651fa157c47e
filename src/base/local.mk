# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/base/NAME.c, src/base/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/base/libbase.a
src_base_libbase_a_SOURCES = \
	src/base/assert.c \
	src/base/assert.h \
	src/base/block.c \
	src/base/block.h \
	src/base/crc.c \
	src/base/crc.h \
	src/base/cursor.c \
	src/base/cursor.h \
	src/base/hist.c \
	src/base/hist.h \
	src/base/prng.c \
	src/base/prng.h \
	src/base/size.c \
	src/base/size.h \
	src/base/units.h

unit_tests += tests/unit/test_assert
unit_tests += tests/unit/test_block
unit_tests += tests/unit/test_crc
unit_tests += tests/unit/test_cursor
unit_tests += tests/unit/test_hist
unit_tests += tests/unit/test_prng
unit_tests += tests/unit/test_size
