/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main of a test program: it runs its tests with Check, each in a process of its own, and
 *prints TAP.
 *
 *	#include "unit/tap_main.h"
 *	#include "base/cursor.h"
 *
 *	START_TEST(reads_a_byte)
 *	{
 *		ck_assert_int_eq(...);
 *	}
 *	END_TEST
 *
 *	TAP_MAIN("cursor", reads_a_byte, refuses_to_read_past_the_end);
 *
 * Fixtures, loops and expected signals need a suite of one's own: TAP_MAIN_SUITE(make_suite); where
 *make_suite() returns a Suite *. CK_FORK=no in the environment runs all in one process, for a
 *debugger; CK_RUN_CASE=name runs one test case.
 */
#ifndef TESTS_UNIT_TAP_MAIN_H
#define TESTS_UNIT_TAP_MAIN_H

#include "unit/checks.h"

#include <stddef.h>

/* A suite of one test case, which holds the tests. */
Suite *tap_suite(const char *name, const TTest *const *tests, size_t count);

/* Runs a suite and prints its TAP; what main returns. */
int tap_run(Suite *suite);

#define TAP_MAIN(name, ...)                                                                        \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const tap_tests[] = {__VA_ARGS__};                                    \
		return tap_run(                                                                    \
		        tap_suite(name, tap_tests, sizeof(tap_tests) / sizeof(tap_tests[0])));     \
	}                                                                                          \
	int main(void)

#define TAP_MAIN_SUITE(make_suite)                                                                 \
	int main(void)                                                                             \
	{                                                                                          \
		return tap_run(make_suite());                                                      \
	}                                                                                          \
	int main(void)

#endif
