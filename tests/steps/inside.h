/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the world have of each other. */
#ifndef TESTS_STEPS_INSIDE_H
#define TESTS_STEPS_INSIDE_H

#include "steps/world.h"

/* Until what was cut dials, and what was killed is started. No divisor of other times: who comes
 * and goes for ever would do so always at the moment at which he is waited for no more. */
#define AGAIN_NS (53 * NS_PER_MS)
#define LATER_NS (1 * NS_PER_S) /* until it is tried again what there was no memory for */

/* wires.c: bytes, connections and the bus server */
enum got { GOT_FRAME, GOT_NONE, GOT_NO_MEMORY };
/* The next frame that came; its data are the caller's to drop. */
enum got wires_take(struct bytes *b, struct wire_frame *f);
/* To the bus server, if it can be; nobody hears it otherwise. */
void wires_send(struct world *w, unsigned i, const struct wire_frame *f);
void wires_dial(struct world *w, unsigned i, const struct wire_attach *a);
/* Both ends lose it, with what was on its way. */
void wires_cut(struct world *w, unsigned i);
/* A frame of the connection itself, which is no core's: an answer is sent. */
bool wires_frame(struct world *w, unsigned i, const struct wire_frame *f);
/* Says that it is there when it is time, or hangs up on a server that is not. */
bool wires_ping(struct world *w, unsigned i);
bool wires_server_closed(const struct link *l);
void bus_start(struct world *w);
void bus_kill(struct world *w);
bool bus_turn(struct world *w);
void bus_time(struct world *w);

/* disk.c */
void disk_start(struct world *w, unsigned i);
void disk_kill(struct world *w, unsigned i);
bool disk_turn(struct world *w, unsigned i);
void disk_time(struct world *w, unsigned i);

/* host.c: the daemon */
void host_start(struct world *w);
void host_kill(struct world *w);
bool host_turn(struct world *w);
ns_t host_deadline(const struct host *h);
void host_work(struct host *h, const struct work *k);

/* host_jobs.c: its journal */
void host_jobs_changed(struct host *h);
void host_jobs_saved(struct host *h);
void host_jobs_restore(struct host *h);

/* world.c: the fault of this class strikes now */
bool strikes(struct world *w, enum fault_what what, unsigned who);
/* It has struck for good. */
bool stays(const struct world *w, enum fault_what what, unsigned who);

static inline ns_t earlier(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

#endif
