/* SPDX-License-Identifier: BSD-2-Clause */
/* An assertion that holds costs nothing; one that does not says where, and aborts. */
#include "base/assert.h"
#include "unit/tap_main.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(holds)
{
	int evaluated = 0;
	sm_assert(++evaluated == 1);
	ck_assert_int_eq(evaluated, 1);
}
END_TEST

START_TEST(says_what_failed_and_aborts)
{
	int pipe_fds[2];
	ck_assert_int_eq(pipe(pipe_fds), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(pipe_fds[1], STDERR_FILENO);
		sm_assert(2 + 2 == 5);
		_exit(0);
	}
	close(pipe_fds[1]);
	char text[256] = "";
	ssize_t n = read(pipe_fds[0], text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	int status = 0;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(text, "test_assert.c:"));
	ck_assert_ptr_nonnull(strstr(text, "assertion failed: 2 + 2 == 5"));
	close(pipe_fds[0]);
}
END_TEST

TAP_MAIN("assert", holds, says_what_failed_and_aborts);
