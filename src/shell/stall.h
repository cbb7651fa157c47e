/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is it to be feared that a call blocks? Told by how the last ones went: a store that has stalled
 * nobody for a while is written on the loop, which costs a few microseconds where the way through a
 * thread and back costs two wake-ups; one that did stall its caller is left to the threads until it
 * has been calm again. Each stall on the loop doubles how long it has to be calm.
 *
 * A call stalled when its thread went to sleep in it. One that was merely preempted, on a busy
 * machine, did not: its thread never gave the processor away.
 */
#ifndef SHELL_STALL_H
#define SHELL_STALL_H

#include "base/units.h"

#define STALL_CALM_FIRST 16   /* calm calls before it is trusted */
#define STALL_CALM_MOST  4096 /* after stalls */

struct stall {
	unsigned calm, need; /* calls without a stall: in a row, and wanted */
};

struct stall stall_init(void);
/* The next call belongs into a thread. */
bool stall_feared(const struct stall *s);
/* How a call went. on_loop: it was not made in a thread. */
void stall_note(struct stall *s, bool stalled, bool on_loop);

struct stall_watch {
	ns_t at;
	long sleeps; /* of this thread, so far */
};

/* Around a call, in its thread. */
struct stall_watch stall_begin(void);
bool stall_end(const struct stall_watch *w);

#endif
