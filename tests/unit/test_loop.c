/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "shell/loop.h"

#include <signal.h>
#include <unistd.h>

static struct loop *loop;
static struct {
	unsigned runs, reads, reads_at_run, terminates, reloads;
	int signo;
	ns_t ran_at;
	bool stop_in_run;
} seen;

static void on_run(void *ctx, ns_t now)
{
	ck_assert_ptr_eq(ctx, &seen);
	seen.runs++;
	seen.ran_at = now;
	seen.reads_at_run = seen.reads;
	if (seen.stop_in_run)
		loop_stop(loop);
}

static void on_terminate(void *ctx, int signo)
{
	(void)ctx;
	seen.terminates++;
	seen.signo = signo;
}

static void on_reload(void *ctx)
{
	(void)ctx;
	seen.reloads++;
}

static const struct loop_ops ops = {on_run, on_terminate, on_reload};

static void setup(void)
{
	loop = loop_new(&ops, &seen);
	ck_assert_ptr_nonnull(loop);
}

static void teardown(void)
{
	loop_free(loop);
}

static void turn(void)
{
	ck_assert_int_ge(event_base_loop(loop_base(loop), EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	char c;
	(void)what, (void)arg;
	ck_assert_int_eq(read(fd, &c, 1), 1);
	seen.reads++;
	loop_wake(loop);
}

START_TEST(the_core_runs_once_after_all_reads)
{
	struct event *ev[3];
	int fds[3][2];

	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pipe(fds[i]), 0);
		ev[i] = event_new(loop_base(loop), fds[i][0], EV_READ | EV_PERSIST, on_readable,
		                  NULL);
		ck_assert_int_eq(event_add(ev[i], NULL), 0);
		ck_assert_int_eq(write(fds[i][1], "x", 1), 1);
	}
	turn();
	ck_assert_uint_eq(seen.reads, 3);
	ck_assert_uint_eq(seen.runs, 1);
	ck_assert_uint_eq(seen.reads_at_run, 3);
	for (int i = 0; i < 3; i++)
		event_free(ev[i]);
}
END_TEST

START_TEST(the_deadline_wakes_it)
{
	ns_t at = loop_now() + 20 * NS_PER_MS;

	loop_deadline(loop, at);
	while (seen.runs == 0)
		ck_assert_int_eq(event_base_loop(loop_base(loop), EVLOOP_ONCE), 0);
	ck_assert_uint_ge(seen.ran_at, at);
	ck_assert_uint_lt(seen.ran_at, at + 5 * NS_PER_S);
}
END_TEST

START_TEST(an_earlier_deadline_counts)
{
	ns_t start = loop_now();

	loop_deadline(loop, start + 3600 * NS_PER_S);
	loop_deadline(loop, start + 10 * NS_PER_MS);
	while (seen.runs == 0)
		ck_assert_int_eq(event_base_loop(loop_base(loop), EVLOOP_ONCE), 0);
	ck_assert_uint_ge(seen.ran_at, start + 10 * NS_PER_MS);
}
END_TEST

START_TEST(a_later_deadline_counts)
{
	ns_t start = loop_now();

	loop_deadline(loop, start + 5 * NS_PER_MS);
	loop_deadline(loop, start + 60 * NS_PER_MS);
	while (seen.runs == 0)
		ck_assert_int_eq(event_base_loop(loop_base(loop), EVLOOP_ONCE), 0);
	ck_assert_uint_ge(seen.ran_at, start + 60 * NS_PER_MS);
}
END_TEST

START_TEST(a_deadline_can_be_taken_back)
{
	loop_deadline(loop, loop_now());
	loop_deadline(loop, NS_NEVER);
	turn();
	ck_assert_uint_eq(seen.runs, 0);
	/* And one that has passed comes at once. */
	loop_deadline(loop, loop_now() - 1);
	while (seen.runs == 0)
		ck_assert_int_eq(event_base_loop(loop_base(loop), EVLOOP_ONCE), 0);
}
END_TEST

START_TEST(signals_are_told)
{
	(void)raise(SIGHUP);
	(void)raise(SIGPIPE);
	turn();
	ck_assert_uint_eq(seen.reloads, 1);
	(void)raise(SIGTERM);
	turn();
	ck_assert_uint_eq(seen.terminates, 1);
	ck_assert_int_eq(seen.signo, SIGTERM);
	/* The second one ends the loop at once. */
	(void)raise(SIGINT);
	ck_assert(loop_run(loop));
	ck_assert_uint_eq(seen.terminates, 1);
}
END_TEST

START_TEST(it_ends_when_stopped)
{
	seen.stop_in_run = true;
	loop_deadline(loop, loop_now() + 3600 * NS_PER_S);
	loop_wake(loop);
	ck_assert(loop_run(loop));
	ck_assert_uint_eq(seen.runs, 1);
}
END_TEST

TAP_MAIN_WITH("loop", setup, teardown, the_core_runs_once_after_all_reads, the_deadline_wakes_it,
              an_earlier_deadline_counts, a_later_deadline_counts, a_deadline_can_be_taken_back,
              signals_are_told, it_ends_when_stopped);
