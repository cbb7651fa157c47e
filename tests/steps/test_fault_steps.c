/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fault at each step. A fixed scenario is run: a group of three disks, a mirror job, writes, a
 * flush, a member that goes and comes back, a resync, a verify, a read that mends a block, a scrub,
 * a broadcast pass. Before each step of it the process divides, and in the new one each class of
 * faults strikes, once and for good. However it goes on there:
 *
 *   - nothing hangs: each command is answered and each job concluded within its time, or the daemon
 *     that had them is dead; what jobs its journal has, the next one goes on with, or says why not;
 *   - a job that says that it succeeded did, and what it says of a target is so;
 *   - a member that counts as in sync holds every write that was acknowledged;
 *   - when all is repaired the members can be made equal, hold what was acknowledged, and a verify
 *     says so; the daemon drains;
 *   - no memory is left behind.
 */
#include "steps/scenario.h"
#include "unit/tap_main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define FEWER 4 /* it makes each run slow */
#else
#define FEWER 1
#endif

static bool all(void)
{
	const char *v = getenv("FAULT_STEPS");

	return v && strcmp(v, "all") == 0;
}

/* ---- processes ---- */

static unsigned running;
static uint64_t runs;

/* One of them ends; what failed in it was told to Check there. */
static void reap(void)
{
	int status;
	pid_t child;

	do
		child = wait(&status);
	while (child < 0 && errno == EINTR);
	must(child > 0, "no process");
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		_exit(WEXITSTATUS(status));
	must(WIFEXITED(status), "a run ended by signal %d; the last one begun: %s",
	     WTERMSIG(status), where);
	running--;
}

static unsigned at_once(void)
{
	const char *v = getenv("JOBS");

	return v && atoi(v) > 0 ? (unsigned)atoi(v) : 1;
}

/* Whether this is the new process. */
static bool divide(void)
{
	runs++;
	for (; running >= at_once();)
		reap();
	pid_t child = fork();
	must(child >= 0, "no process");
	running += child > 0;
	return child == 0;
}

static uint64_t steps_of_all;

/* Which steps: `make check` has time for some. */
static bool chosen(unsigned f, uint64_t step)
{
	uint64_t stride =
	        all() ? 1
	              : steps_of_all * FEWER /
	                                (faults[f].what == KILL && faults[f].who == HOST ? 40 : 5) +
	                        1;

	return step % stride == (1 + f * 17) % stride;
}

static unsigned kind; /* of fault */

static void each_step(struct world *x)
{
	for (unsigned good = 0; good < 2 && chosen(kind, x->steps + 1); good++) {
		(void)snprintf(where, sizeof(where), "step %llu of %llu: %s%s",
		               (unsigned long long)x->steps + 1, (unsigned long long)steps_of_all,
		               faults[kind].name, good ? ", for good" : "");
		if (!divide())
			continue;
		x->before = NULL;
		world_strike(x, kind, good);
		running = 0;
		steps_of_all = 0; /* the new process */
		return;
	}
}

START_TEST(the_system_ends_right_whatever_fails)
{
	kind = (unsigned)_i;
	(void)snprintf(where, sizeof(where), "without a fault");
	steps_of_all = scenario_run(NULL);
	uint64_t steps = scenario_run(each_step);
	if (steps_of_all == 0)
		exit(0); /* coverage counts what it ran */
	must(steps == steps_of_all, "the scenario is not the same each time");
	while (running > 0)
		reap();
	printf("# %s, before a step of %llu, once and for good: %llu runs, all ended right\n",
	       faults[kind].name, (unsigned long long)steps, (unsigned long long)runs);
	(void)fflush(stdout);
}
END_TEST

static unsigned long long one;
static unsigned one_kind, one_good;

static void one_fault(struct world *x)
{
	if (x->steps + 1 == one)
		world_strike(x, one_kind, one_good);
}

/* One step of one kind, to look at: FAULT_STEP=step:kind:good (STEPS_LOG=1 shows the log). */
START_TEST(one_step)
{
	const char *v = getenv("FAULT_STEP");

	if (!v)
		return;
	ck_assert_int_eq(sscanf(v, "%llu:%u:%u", &one, &one_kind, &one_good), 3);
	must(one_kind < FAULTS, "too many");
	(void)snprintf(where, sizeof(where), "step %llu: %s", one, faults[one_kind].name);
	(void)scenario_run(one_fault);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("faults at each step");
	TCase *c = tcase_create("faults");

	tcase_set_timeout(c, all() ? 24 * 3600 : 600);
	if (getenv("FAULT_STEP"))
		tcase_add_test(c, one_step);
	else
		tcase_add_loop_test(c, the_system_ends_right_whatever_fails, 0, FAULTS);
	suite_add_tcase(s, c);
	return s;
}

TAP_MAIN_SUITE(make_suite);
