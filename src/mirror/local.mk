# SPDX-License-Identifier: BSD-2-Clause
#
# A source file or a header: add it to the list below, one a line (src/mirror/NAME.c, src/mirror/NAME.h).
# Its unit test: tests/unit/test_NAME.c and, here, a line: unit_tests += tests/unit/test_NAME

noinst_LIBRARIES += src/mirror/libmirror.a
src_mirror_libmirror_a_SOURCES = \
	src/mirror/intent.c \
	src/mirror/intent.h \
	src/mirror/lock.c \
	src/mirror/lock.h \
	src/mirror/resend.c \
	src/mirror/resend.h \
	src/mirror/runs.c \
	src/mirror/runs.h

unit_tests += \
	tests/unit/test_intent \
	tests/unit/test_lock \
	tests/unit/test_resend \
	tests/unit/test_runs
