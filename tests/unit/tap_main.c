/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static TCase *only_case(Suite *suite, const char *name, SFun set_up, SFun tear_down)
{
	TCase *tcase = tcase_create(name);

	if (set_up || tear_down)
		tcase_add_checked_fixture(tcase, set_up, tear_down);
	suite_add_tcase(suite, tcase);
	return tcase;
}

Suite *tap_suite_with(const char *name, SFun set_up, SFun tear_down, const TTest *const *tests,
                      size_t count)
{
	Suite *suite = suite_create(name);
	TCase *tcase = only_case(suite, name, set_up, tear_down);

	for (size_t i = 0; i < count; i++)
		tcase_add_test(tcase, tests[i]);
	return suite;
}

Suite *tap_suite(const char *name, const TTest *const *tests, size_t count)
{
	return tap_suite_with(name, NULL, NULL, tests, count);
}

Suite *tap_table(const char *name, SFun set_up, SFun tear_down, const struct tap_test *tests,
                 size_t count)
{
	Suite *suite = suite_create(name);
	TCase *tcase = only_case(suite, name, set_up, tear_down);

	for (size_t i = 0; i < count; i++) {
		if (tests[i].times == 0)
			tcase_add_test(tcase, tests[i].test);
		else
			tcase_add_loop_test(tcase, tests[i].test, 0, tests[i].times);
	}
	return suite;
}

/*
 * Check tells the names of tests in its TAP log only, and the lines only in its results. So the log
 * goes to memory and the two are put together: the log's line for the result "k" starts with "ok k
 * - FILE:CASE:NAME: ".
 */
static bool test_name(const char *log, int k, TestResult *result, char *name, size_t size)
{
	const char *verdict = tr_rtype(result) == CK_PASS ? "ok" : "not ok";
	char start[1024];
	int length = snprintf(start, sizeof(start), "%s %d - %s:%s:", verdict, k, tr_lfile(result),
	                      tr_tcname(result));

	if (length < 0 || (size_t)length >= sizeof(start))
		return false;
	for (const char *line = log; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, start, (size_t)length) == 0) {
			line += length;
			snprintf(name, size, "%.*s", (int)strcspn(line, ":\n"), line);
			return true;
		}
	}
	return false;
}

static void print_diagnostics(TestResult *result)
{
	const char *message = tr_msg(result);

	printf("# %s:%d:", tr_lfile(result), tr_lno(result));
	while (*message) {
		size_t length = strcspn(message, "\n");

		printf(" %.*s\n", (int)length, message);
		message += length;
		message += *message == '\n';
		if (*message)
			putchar('#');
	}
}

static int print_results(SRunner *runner, const char *log)
{
	int count = srunner_ntests_run(runner);
	TestResult **results = srunner_results(runner);
	char name[256];
	char last[256] = "";
	int iteration = 0;

	printf("1..%d\n", count);
	for (int k = 1; k <= count; k++) {
		TestResult *result = results[k - 1];
		const char *verdict = tr_rtype(result) == CK_PASS ? "ok" : "not ok";

		if (!test_name(log, k, result, name, sizeof(name)))
			snprintf(name, sizeof(name), "test %d", k);
		iteration = strcmp(name, last) == 0 ? iteration + 1 : 0;
		memcpy(last, name, sizeof(last));

		printf("%s %d - %s: %s", verdict, k, tr_tcname(result), name);
		if (iteration)
			printf(" [%d]", iteration);
		putchar('\n');
		if (tr_rtype(result) != CK_PASS)
			print_diagnostics(result);
	}
	free(results);
	return count;
}

static char *read_all(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = size < 0 ? NULL : malloc((size_t)size + 1);

	if (!text)
		return NULL;
	ssize_t got = pread(fd, text, (size_t)size, 0);
	text[got < 0 ? 0 : got] = '\0';
	return text;
}

int tap_run(Suite *suite)
{
	char path[64];
	int fd = memfd_create("tap", MFD_CLOEXEC);

	if (fd < 0) {
		printf("Bail out! no memory file for the results\n");
		return EXIT_FAILURE;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

	SRunner *runner = srunner_create(suite);
	srunner_set_tap(runner, path);
	srunner_run_all(runner, CK_SILENT);

	char *log = read_all(fd);
	int count = print_results(runner, log ? log : "");
	int failed = srunner_ntests_failed(runner);

	free(log);
	srunner_free(runner);
	close(fd);
	if (fflush(stdout) != 0)
		return EXIT_FAILURE;
	return count == 0 || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
