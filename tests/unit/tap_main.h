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
 * With a fixture: TAP_MAIN_WITH("loop", set_up, tear_down, it_ends, ...). With tests that run once
 *for each row of a table, whose number is _i, too (no fixture: NULL, NULL):
 *
 *	TAP_MAIN_TABLE("sense", set_up, tear_down, TAP_EACH(what_it_says, rows), TAP_ONCE(it_ends),
 *	               TAP_TIMES(any_order, 40));
 *
 * Time limits and expected signals need a suite of one's own: TAP_MAIN_SUITE(make_suite); where
 *make_suite() returns a Suite *. CK_FORK=no in the environment runs all in one process, for a
 *debugger; CK_RUN_CASE=name runs one test case.
 */
#ifndef TESTS_UNIT_TAP_MAIN_H
#define TESTS_UNIT_TAP_MAIN_H

#include "unit/checks.h"

#include <stddef.h>

/* A suite of one test case, which holds the tests. */
Suite *tap_suite(const char *name, const TTest *const *tests, size_t count);
/* The same, each between the functions of a fixture. */
Suite *tap_suite_with(const char *name, SFun set_up, SFun tear_down, const TTest *const *tests,
                      size_t count);

/* The same of tests that run so often, 0: once and without a number, each between the fixture's
 * functions (NULL, NULL: none). */
struct tap_test {
	const TTest *test;
	int times;
};
#define TAP_ONCE(test)       ((struct tap_test){test, 0})
#define TAP_TIMES(test, n)   ((struct tap_test){test, (int)(n)})
#define TAP_EACH(test, rows) TAP_TIMES(test, sizeof(rows) / sizeof((rows)[0]))
Suite *tap_table(const char *name, SFun set_up, SFun tear_down, const struct tap_test *tests,
                 size_t count);

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

#define TAP_MAIN_WITH(name, set_up, tear_down, ...)                                                \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const tap_tests[] = {__VA_ARGS__};                                    \
		Suite *tap_made = tap_suite_with(name, set_up, tear_down, tap_tests,               \
		                                 sizeof(tap_tests) / sizeof(tap_tests[0]));        \
		return tap_run(tap_made);                                                          \
	}                                                                                          \
	int main(void)

#define TAP_MAIN_TABLE(name, set_up, tear_down, ...)                                               \
	int main(void)                                                                             \
	{                                                                                          \
		const struct tap_test tap_tests[] = {__VA_ARGS__};                                 \
		return tap_run(tap_table(name, set_up, tear_down, tap_tests,                       \
		                         sizeof(tap_tests) / sizeof(tap_tests[0])));               \
	}                                                                                          \
	int main(void)

#define TAP_MAIN_SUITE(make_suite)                                                                 \
	int main(void)                                                                             \
	{                                                                                          \
		return tap_run(make_suite());                                                      \
	}                                                                                          \
	int main(void)

#endif
