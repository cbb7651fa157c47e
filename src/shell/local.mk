# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/shell/NAME.c, src/shell/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/shell/libshell.a
src_shell_libshell_a_SOURCES = \
	src/shell/addr.h \
	src/shell/conn.h
