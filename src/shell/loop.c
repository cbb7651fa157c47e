/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/loop.h"

#include "base/assert.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

struct loop {
	struct event_base *base;
	const struct loop_ops *ops;
	void *ctx;
	struct event *ev_signal[ARRAY_LEN(signals)];
	struct event *ev_run, *ev_timer;
	ns_t deadline; /* what was asked for */
	ns_t armed;    /* when the timer fires: not later than the deadline */
	bool terminating, stopped, broken;
	ns_t poll_ns; /* how long it looks for more before it sleeps */
	bool active;  /* since that began */
};

ns_t loop_now(void)
{
	struct timespec ts;
	sm_assert(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	return (ns_t)ts.tv_sec * NS_PER_S + (ns_t)ts.tv_nsec;
}

static void arm(struct loop *l, ns_t now)
{
	ns_t wait = l->deadline > now ? l->deadline - now : 0;
	/* Rounded up: waking early would only mean waking twice. */
	ns_t us = (wait + NS_PER_US - 1) / NS_PER_US;
	const struct timeval t = {.tv_sec = (time_t)(us / 1000000),
	                          .tv_usec = (suseconds_t)(us % 1000000)};

	l->armed = event_add(l->ev_timer, &t) == 0 ? l->deadline : NS_NEVER;
}

void loop_deadline(struct loop *l, ns_t at)
{
	l->deadline = at;
	if (l->stopped)
		return;
	if (at == NS_NEVER) {
		(void)event_del(l->ev_timer);
		l->armed = NS_NEVER;
	} else if (at < l->armed) {
		/* A later one stays as it is armed: deadlines mostly move away before they come. */
		arm(l, loop_now());
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	ns_t now = loop_now();
	(void)fd, (void)what;

	l->armed = NS_NEVER;
	if (now >= l->deadline) {
		l->deadline = NS_NEVER;
		loop_wake(l);
	} else if (l->deadline != NS_NEVER && !l->stopped) {
		arm(l, now);
	}
}

static void on_run(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	(void)fd, (void)what;
	if (!l->stopped)
		l->ops->run(l->ctx, loop_now());
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct loop *l = arg;
	(void)what;

	if (signo == SIGHUP) {
		if (l->ops->reload && !l->terminating)
			l->ops->reload(l->ctx);
	} else if (l->terminating) {
		loop_break(l);
	} else {
		l->terminating = true;
		l->ops->terminate(l->ctx, (int)signo);
	}
}

static bool add_events(struct loop *l)
{
	l->ev_run = event_new(l->base, -1, 0, on_run, l);
	l->ev_timer = event_new(l->base, -1, 0, on_timer, l);
	if (!l->ev_run || !l->ev_timer)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		l->ev_signal[i] = evsignal_new(l->base, signals[i], on_signal, l);
		if (!l->ev_signal[i] || event_add(l->ev_signal[i], NULL) != 0)
			return false;
	}
	return true;
}

struct loop *loop_new(const struct loop_ops *ops, void *ctx)
{
	struct loop *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	*l = (struct loop){.ops = ops, .ctx = ctx, .deadline = NS_NEVER, .armed = NS_NEVER};
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* EFBIG says it, too */
	l->base = event_base_new();
	if (l->base && add_events(l))
		return l;
	loop_free(l);
	return NULL;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		if (l->ev_signal[i])
			event_free(l->ev_signal[i]);
	}
	if (l->ev_run)
		event_free(l->ev_run);
	if (l->ev_timer)
		event_free(l->ev_timer);
	if (l->base)
		event_base_free(l->base);
	free(l);
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

void loop_wake(struct loop *l)
{
	/* Behind the events that are active already: those of this turn's ready sockets. */
	l->active = true;
	event_active(l->ev_run, EV_TIMEOUT, 0);
}

void loop_active(struct loop *l)
{
	l->active = true;
}

void loop_busy_poll(struct loop *l, ns_t ns)
{
	l->poll_ns = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? ns : 0;
}

/* One look at what is ready, without sleeping. Whoever else wants the processor has it first. */
static int look(struct loop *l)
{
	(void)sched_yield();
	return event_base_loop(l->base, EVLOOP_NONBLOCK);
}

bool loop_run(struct loop *l)
{
	ns_t until = 0; /* 0: it sleeps */
	int r = 0;

	while (r == 0 && !l->broken) {
		if (l->active)
			until = l->poll_ns ? loop_now() + l->poll_ns : 0;
		else if (until && loop_now() >= until)
			until = 0;
		l->active = false;
		r = until ? look(l) : event_base_loop(l->base, EVLOOP_ONCE);
	}
	return r >= 0;
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		(void)event_del(l->ev_signal[i]);
	(void)event_del(l->ev_run);
	(void)event_del(l->ev_timer);
	l->armed = NS_NEVER;
}

void loop_break(struct loop *l)
{
	l->broken = true;
	(void)event_base_loopbreak(l->base);
}
