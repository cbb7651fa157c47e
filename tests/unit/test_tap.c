/* SPDX-License-Identifier: BSD-2-Clause */
/* The harness itself: a test that fails, one that crashes and one that never ends are seen as
 * failed. */
#include "unit/tap_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(passes)
{
	ck_assert_int_eq(1, 1);
}
END_TEST

START_TEST(fails)
{
	ck_assert_msg(_i < 0, "first line\nok 1 - second line");
}
END_TEST

START_TEST(crashes)
{
	abort();
}
END_TEST

START_TEST(hangs)
{
	for (;;)
		pause();
}
END_TEST

static Suite *make_bad_suite(void)
{
	Suite *suite = suite_create("bad");
	TCase *tcase = tcase_create("case");

	tcase_set_timeout(tcase, 1);
	tcase_add_test(tcase, passes);
	tcase_add_loop_test(tcase, fails, 0, 2);
	tcase_add_test(tcase, crashes);
	tcase_add_test(tcase, hangs);
	suite_add_tcase(suite, tcase);
	return suite;
}

static Suite *make_good_suite(void)
{
	const TTest *const tests[] = {passes, passes};

	return tap_suite("good", tests, 2);
}

static int set_up_here;

static void set_up(void)
{
	set_up_here++;
}

static void tear_down(void)
{
	ck_assert_int_eq(set_up_here, 1);
}

static const char rows[] = {'a', 'b', 'x'};

START_TEST(is_set_up)
{
	ck_assert_int_eq(set_up_here, 1);
	ck_assert_int_ne(rows[_i], 'x');
}
END_TEST

static Suite *make_table(void)
{
	const struct tap_test tests[] = {TAP_ONCE(passes), TAP_EACH(is_set_up, rows),
	                                 TAP_TIMES(passes, 1)};

	return tap_table("table", set_up, tear_down, tests, 3);
}

static Suite *make_empty_suite(void)
{
	return suite_create("empty");
}

/* Runs a suite as a test program would be, and gives what it printed and how it ended. */
static int run_to_text(Suite *(*make_suite)(void), char *text, size_t size)
{
	int ends[2];
	int status;
	size_t got = 0;
	ssize_t n;

	ck_assert_int_eq(pipe(ends), 0);
	fflush(stdout);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		_exit(tap_run(make_suite()));
	}
	close(ends[1]);
	while ((n = read(ends[0], text + got, size - 1 - got)) > 0)
		got += (size_t)n;
	text[got] = '\0';
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(failures_are_told)
{
	char text[8192];

	ck_assert_int_eq(run_to_text(make_bad_suite, text, sizeof(text)), EXIT_FAILURE);
	ck_assert_ptr_eq(strstr(text, "1..5\nok 1 - case: passes\n"), text);
	ck_assert_ptr_nonnull(strstr(text, "\nnot ok 2 - case: fails\n# "));
	ck_assert_ptr_nonnull(strstr(text, "test_tap.c:"));
	ck_assert_ptr_nonnull(strstr(text, ": first line\n# ok 1 - second line\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nnot ok 3 - case: fails [1]\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nnot ok 4 - case: crashes\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nnot ok 5 - case: hangs\n"));
}
END_TEST

START_TEST(success_is_told)
{
	char text[8192];

	ck_assert_int_eq(run_to_text(make_good_suite, text, sizeof(text)), EXIT_SUCCESS);
	ck_assert_str_eq(text, "1..2\nok 1 - good: passes\nok 2 - good: passes [1]\n");
}
END_TEST

START_TEST(a_table_runs_each_row)
{
	char text[8192];

	ck_assert_int_eq(run_to_text(make_table, text, sizeof(text)), EXIT_FAILURE);
	ck_assert_ptr_eq(strstr(text, "1..5\nok 1 - table: passes\nok 2 - table: is_set_up\n"
	                              "ok 3 - table: is_set_up [1]\n"
	                              "not ok 4 - table: is_set_up [2]\n"),
	                 text);
	ck_assert_ptr_nonnull(strstr(text, "\nok 5 - table: passes\n"));
}
END_TEST

START_TEST(no_tests_are_a_failure)
{
	char text[8192];

	ck_assert_int_eq(run_to_text(make_empty_suite, text, sizeof(text)), EXIT_FAILURE);
	ck_assert_str_eq(text, "1..0\n");
}
END_TEST

TAP_MAIN("tap", failures_are_told, success_is_told, a_table_runs_each_row, no_tests_are_a_failure);
