/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulator (tests/sim): 2,000 seeds. One that fails is told on standard error, with the
 * command that runs it again.
 */
#include "sim/mutant.h"
#include "sim/sim.h"
#include "unit/tap_main.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__ /* each takes several times as long */
#define EVENTS      2500
#define SEEDS       10
#define STRIKES     200
#define QUICK       2
#define QUICK_SEEDS 20
#else
#define EVENTS      10000
#define SEEDS       250 /* of one test */
#define STRIKES     600
#define QUICK       ARRAY_LEN(quick)
#define QUICK_SEEDS 400
#endif
#define TESTS 8

static const struct sim_options options = {
        .events = EVENTS, .check_every = 512, .struck_max = UINT64_MAX};

static uint64_t marks[MARKS];

/* ---- one that fails ---- */

static char again[160];

/* Whatever aborts: a check of the simulator, or an assertion of a core that knows no seeds. */
static void tell(int sig)
{
	(void)sig;
	(void)!write(STDERR_FILENO, again, strlen(again));
}

static void run(uint64_t seed)
{
	uint64_t steps;

	(void)snprintf(again, sizeof(again),
	               "FAILED: seed %llu; again: " SIM_PROGRAM
	               " --events %d --seed %llu --trace\n",
	               (unsigned long long)seed, EVENTS, (unsigned long long)seed);
	(void)sim_run(seed, &options, marks, &steps);
}

START_TEST(seeds)
{
	uint64_t first = 1 + (uint64_t)_i * SEEDS;

	(void)signal(SIGABRT, tell);
	for (uint64_t seed = first; seed < first + SEEDS; seed++)
		run(seed);
}
END_TEST

/* All that a process says that runs seeds with this mistake in them until one fails. */
static size_t listen_to(unsigned mutant, char *out, size_t n)
{
	int fd[2], status;
	size_t got = 0;
	ssize_t k;

	ck_assert_int_eq(pipe(fd), 0);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		sim_mutant = mutant;
		(void)dup2(fd[1], STDERR_FILENO);
		(void)signal(SIGABRT, tell);
		for (uint64_t seed = 1; seed <= QUICK_SEEDS; seed++)
			run(seed);
		_exit(0);
	}
	(void)close(fd[1]);
	while ((k = read(fd[0], out + got, n - 1 - got)) > 0)
		got += (size_t)k;
	out[got] = '\0';
	(void)close(fd[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	return got;
}

START_TEST(a_seed_that_fails_is_told_with_a_command)
{
	unsigned long long seed = 0, last = 0;
	char text[4096];

	ck_assert_uint_gt(listen_to(MUTANT_FLUSH_EARLY, text, sizeof(text)), 0);
	ck_assert_int_eq(sscanf(text, "seed %llu at step", &seed), 1);
	const char *line = strstr(text, "again: tests/sim/sim");
	ck_assert_ptr_nonnull(line);
	ck_assert_int_eq(
	        sscanf(line, "again: tests/sim/sim --events %*d --seed %llu --trace", &last), 1);
	ck_assert_uint_eq(seed, last);
}
END_TEST

/* Bit for bit, also after another one, and with its invariants looked at more often. */
START_TEST(a_seed_is_a_run)
{
	struct sim_options often = options, rare = options;
	uint64_t other, steps[3];

	often.check_every = 1;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		often.two = rare.two = seed % 4 == 0;
		uint64_t first = sim_run(seed, &rare, marks, &steps[0]);
		(void)sim_run(seed + 1, &options, marks, &other);
		ck_assert_uint_eq(sim_run(seed, &rare, marks, &steps[1]), first);
		ck_assert_uint_eq(sim_run(seed, &often, marks, &steps[2]), first);
		ck_assert_uint_eq(steps[0], steps[1]);
		ck_assert_uint_eq(steps[0], steps[2]);
	}
}
END_TEST

START_TEST(seeds_differ)
{
	uint64_t steps;

	ck_assert_uint_ne(sim_run(1, &options, marks, &steps), sim_run(2, &options, marks, &steps));
}
END_TEST

/* Seen too seldom for so few seeds. */
static bool is_rare(unsigned mark)
{
	return STRIKES < 500
	               ? sim_marks[mark].per == '-'
	               : mark == MARK_STATUS_OLD || mark == MARK_LEG_CUT || mark == MARK_TORN ||
	                         mark == MARK_JOB_GOES_ON_THERE || mark == MARK_FENCED_TENURE;
}

/* The first one that has not been seen; MARKS: all have. */
static unsigned never(void)
{
	unsigned m = 0;

	while (m < MARKS && (marks[m] > 0 || is_rare(m)))
		m++;
	return m;
}

/* Every class strikes, and what comes of it is seen: one that never is tests nothing. Which seeds
 * have the rarest ones changes with the cores: there may be more of them, but not without end. */
START_TEST(each_fault_strikes)
{
	uint64_t steps;

	for (uint64_t seed = 1; seed <= STRIKES || (seed <= 5 * STRIKES && never() < MARKS); seed++)
		(void)sim_run(seed, &options, marks, &steps);
	ck_assert_msg(never() == MARKS, "%s: never", sim_marks[never()].name);
}
END_TEST

/* A fault that is left out is left out. */
START_TEST(faults_can_be_left_out)
{
	struct sim_options none = options, no_kills = options;
	uint64_t steps;

	none.struck_max = 0;
	no_kills.without[MARK_DISK_KILL] = true;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		(void)sim_run(seed, &none, marks, &steps);
		(void)sim_run(seed, &no_kills, marks, &steps);
	}
	ck_assert_uint_eq(marks[MARK_DISK_KILL], 0);
	ck_assert_uint_gt(marks[MARK_NET_CUT], 0);
}
END_TEST

/* Mistakes that a few seeds find (all of them: `make sim-mutants`), and none at all. */
static const unsigned quick[] = {
        MUTANT_NONE,
        MUTANT_FLUSH_EARLY,
        MUTANT_STORE_ERROR_IGNORED,
        MUTANT_STORE_STILL_BUSY,
        MUTANT_CRC_IGNORED,
        MUTANT_RST_KEEPS,
        MUTANT_EPOCH_IGNORED,
        MUTANT_STATE_NOT_SAVED,
        MUTANT_LOG_NOT_SAVED,
        MUTANT_NO_RECOVERY,
        MUTANT_TAG_EARLY,
        MUTANT_STATUS_FOR_ALL,
        MUTANT_LOG_LATE,
        MUTANT_LOG_CLEARED,
        MUTANT_LOG_TICKET,
        MUTANT_PLAN_DIRTY,
        MUTANT_FAILED_STAYS,
        MUTANT_WANT_SYNC,
        MUTANT_COMPLETE,
        MUTANT_LOCKS,
        MUTANT_LOST_SERVES,
        MUTANT_RESTART_IGNORED,
};

/* In a process of its own: what is found ends it. */
static bool is_found(unsigned mutant)
{
	struct sim_options longer = options;
	int status = 0;

	longer.events = 10000;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		uint64_t steps;
		sim_mutant = mutant;
		if (!freopen("/dev/null", "w", stderr))
			_exit(2);
		for (uint64_t seed = 1; seed <= QUICK_SEEDS; seed++)
			(void)sim_run(seed, &longer, marks, &steps);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

START_TEST(mutants_are_found)
{
	ck_assert_int_eq(is_found(quick[_i]), quick[_i] != MUTANT_NONE);
}
END_TEST

static Suite *make_suite(void)
{
	sim_keep_memory();
	Suite *s = suite_create("sim");
	TCase *c = tcase_create("seeds"), *d = tcase_create("the simulator itself");

	/* Of a machine that others load, too. */
	tcase_set_timeout(c, 600);
	tcase_set_timeout(d, 600);
	tcase_add_loop_test(c, seeds, 0, TESTS);
	tcase_add_test(d, a_seed_that_fails_is_told_with_a_command);
	tcase_add_test(d, a_seed_is_a_run);
	tcase_add_test(d, seeds_differ);
	tcase_add_test(d, each_fault_strikes);
	tcase_add_test(d, faults_can_be_left_out);
	tcase_add_loop_test(d, mutants_are_found, 0, (int)QUICK);
	suite_add_tcase(s, c);
	suite_add_tcase(s, d);
	return s;
}

TAP_MAIN_SUITE(make_suite);
