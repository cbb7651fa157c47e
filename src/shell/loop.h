/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop of a program around one core: signals, the machine's clock,
 * the core's one timer, and the moment at which the core runs: after all
 * sockets that were ready in this turn of the loop have been read, so that
 * what came at the same time is decided together.
 */
#ifndef SHELL_LOOP_H
#define SHELL_LOOP_H

#include "base/units.h"

#include <event2/event.h>

struct loop;

struct loop_ops {
	/* After loop_wake(), or the deadline has come. The callee tells the next one
	 * (loop_deadline()). */
	void (*run)(void *ctx, ns_t now);
	/* SIGTERM or SIGINT: end in order, then loop_stop(). A second one ends the loop at once. */
	void (*terminate)(void *ctx, int signo);
	/* SIGHUP; may be NULL: nothing to reread. */
	void (*reload)(void *ctx);
};

/* The machine's monotonic clock: the only place where shells read it. */
ns_t loop_now(void);

/* NULL with errno. SIGPIPE and SIGXFSZ are ignored from here on. */
struct loop *loop_new(const struct loop_ops *ops, void *ctx);
void loop_free(struct loop *l);
struct event_base *loop_base(struct loop *l);
/* Has run() called once, at the end of this turn, however often it is asked for. */
void loop_wake(struct loop *l);
/* Arms the one timer (machine time), NS_NEVER: none. */
void loop_deadline(struct loop *l, ns_t at);
/* Something came that has no run() to follow it: more may come. */
void loop_active(struct loop *l);
/*
 * Busy polling: a loop that was active goes on looking for so long before it sleeps, and lets
 * others have the processor meanwhile. Between processes on several processors, to wake one that
 * sleeps can cost more than all that a small write is otherwise. 0: none; none, too, where there is
 * one processor.
 */
#define LOOP_POLL_US_DEFAULT 100 /* of the bus server and of the daemon */
#define LOOP_POLL_US_MOST    10000
void loop_busy_poll(struct loop *l, ns_t ns);
/* Runs until loop_stop(); false when the loop itself failed. */
bool loop_run(struct loop *l);
/* Ends loop_run() once connections that are being closed (conn_close()) have gone and nothing else
 * is awaited: the callee has freed its listeners, stores and timers. */
void loop_stop(struct loop *l);
/* Ends loop_run() at the end of this turn. */
void loop_break(struct loop *l);

#endif
