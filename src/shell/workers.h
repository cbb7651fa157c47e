/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A few threads for what would stall the loop: fsync, cold files, decoding of many MiB. A piece of
 * work is its owner's memory from workers_add() until done() is called, which happens on the loop.
 */
#ifndef SHELL_WORKERS_H
#define SHELL_WORKERS_H

#include "base/units.h"

#include <event2/event.h>
#include <stdbool.h>
#include <sys/queue.h>

#define WORKERS_MAX 16 /* threads */

struct work {
	void (*run)(struct work *w);  /* in a thread */
	void (*done)(struct work *w); /* on the loop; may free w */
	STAILQ_ENTRY(work) link;
};

struct workers;

/* NULL with errno. */
struct workers *workers_new(struct event_base *base, unsigned threads);
void workers_add(struct workers *p, struct work *w);
/* Waits for all that was added; their done() functions are called in here. May be called by one of
 * those, the last one. */
void workers_free(struct workers *p);
/* The same, within a time. False: something does not end, all is as it was, and there is no way to
 * be rid of it but to end the process. */
bool workers_end(struct workers *p, ns_t within);

#endif
