# SPDX-License-Identifier: BSD-2-Clause
#
# A unit test is tests/unit/test_NAME.c, which ends in TAP_MAIN (see tap_main.h), and one line in the fragment of the
# directory that it tests (src/base/local.mk): unit_tests += tests/unit/test_NAME

unit_tests += tests/unit/test_tap

check_LIBRARIES += tests/unit/libtap.a
tests_unit_libtap_a_SOURCES = \
	tests/unit/conn_peer.c \
	tests/unit/conn_peer.h \
	tests/unit/hex.c \
	tests/unit/checks.h \
	tests/unit/hex.h \
	tests/unit/must.h \
	tests/unit/store_files.c \
	tests/unit/store_files.h \
	tests/unit/tap_main.c \
	tests/unit/tap_main.h
