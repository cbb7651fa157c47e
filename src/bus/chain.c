/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several scripts under one tenure.
 *
 * Where a mirroring script comes to its BUS RELEASE, and the next one in its port's queue is for
 * the same leader, the adapter leaves the message out: the leader keeps BSY, the port reports the
 * first script and sends the identification of the next, without IDENTIFY, for the nexus stands. So
 * the bus is spared BUS FREE, ARBITRATION and SELECTION.
 *
 * Both scripts have to allow it (ITEM_CHAIN), and the tenure has to be below the limit of each, in
 * bus time: then others get the bus, before all else the targets with their statuses. What is
 * counted, traced and limited by tenure stays one: its number, its kind, its limit of the machine's
 * time. What is said of a script (legs, bytes, times) is of its part only.
 */
#include "bus/core.h"

/* So much of the tenure's limit may be used up when a further script begins under it: that one has
 * the rest, and is not ended by RST for what the ones before it took. */
#define MACHINE_SHARE 10

/* What both scripts ask of the bus is the same, but for the operation. */
static bool alike(const struct script *a, const struct script *b)
{
	return a->target == b->target && a->identify == b->identify &&
	       a->broadcast == b->broadcast && a->known == b->known;
}

static bool in_time(const struct bus *b, const struct script *s)
{
	const struct tenure *t = &b->ten;

	return b->bus_ns - t->start_ns < s->chain_ns &&
	       b->now - t->machine_start < b->cfg.tenure_limit_ns / MACHINE_SHARE;
}

struct script *chain_next(const struct bus *b)
{
	const struct script *s = b->ten.script;
	struct script *next = TAILQ_FIRST(&b->port[b->ten.init].queue);

	/* Only the first in the queue: a port's scripts run in their order. */
	if (!next || !s->chain_ns || !next->chain_ns || !alike(s, next) || !in_time(b, s) ||
	    !in_time(b, next) || !act_room(b))
		return NULL;
	return next;
}

void chain_begin(struct bus *b, struct script *next)
{
	struct tenure *t = &b->ten;

	/* Who drives the phase lines goes on to do so for one more MESSAGE OUT. */
	if (t->driver != t->target)
		burst_flush(b, ten_driver(b), false);
	burst_flush(b, ten_target(b), false);
	nexus_report(b, OUTCOME_CHAINED);
	script_free(b, t->script);
	t->part_ns = b->bus_ns;
	t->data_out = 0;
	t->n_msg_in = 0;
	t->n_legs = t->leg = t->listeners = 0;
	t->crc_known = false; /* of another block */
	t->select = (struct span){NULL, 0};
	script_run(b, next);
	silent_begin(b, next);
}

struct span chain_identification(struct span first)
{
	/* Judged when the script came: IDENTIFY is its first byte. */
	sm_assert(first.n > 1);
	return (struct span){first.p + 1, first.n - 1};
}
