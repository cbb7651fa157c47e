/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A few threads for what would stall the loop: fsync, cold files, decoding of many MiB. A piece of
 * work is its owner's memory from workers_add() until done() is called, which happens on the loop.
 */
#ifndef SHELL_WORKERS_H
#define SHELL_WORKERS_H

#include <event2/event.h>
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
/* Waits for all that was added; their done() functions are called in here. */
void workers_free(struct workers *p);

#endif
