/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a target stays connected: the limits of its mode page 02h (SPC-4, disconnect-reconnect
 * mode page), which its port keeps for it, as a target chip does that moves long transfers by
 * itself. Where a data phase would be longer than they allow, and the initiator has granted the
 * privilege of disconnection:
 *
 *   DATA phase, as long as may be; MESSAGE IN: SAVE DATA POINTER, DISCONNECT; BUS FREE
 *   the disconnect time limit passes; ARBITRATION, RESELECTION, MESSAGE IN: IDENTIFY and the tag
 *   DATA phase, and so on; after the last one what was to follow, follows
 *
 * What is left is a program of the port's own (program.own), which waits for the bus with those of
 * its process. The process has the data as one DATA OUT, when they are whole: until then its
 * command is parked (ITEM_PARK), under the number of the tenure in which it came (program.tenure).
 * Mirroring tenures have no disconnection.
 */
#include "bus/core.h"

#include <string.h>

/* Of what follows the data in a program: more is not kept, and the data are not split. */
#define REST_MAX     (PROGRAM_SMALL - 2 * WIRE_ITEM_LEN - 3)
#define UNIT         512 /* bytes: what a time limit is rounded to, and the least that moves */
#define TIME_UNIT    (100 * NS_PER_US)
#define IDENTIFY     0x80
#define SIMPLE       0x20
#define SAVE_POINTER 0x02
#define DISCONNECT   0x04

static const struct wire_limit *limit_of(const struct port *p, uint8_t lun)
{
	for (unsigned i = 0; i < p->limits.n; i++)
		if (p->limits.of[i].lun == lun)
			return &p->limits.of[i];
	return NULL;
}

/* Bytes that fit before the connect time limit. */
static uint32_t in_time(struct bus *b, const struct wire_limit *l)
{
	const struct tenure *t = &b->ten;
	ns_t spent = b->bus_ns - t->start_ns, may = l->connect * TIME_UNIT;
	ps_t unit = bus_timing_data(&b->cfg.timing, ten_xfer(b, t->target), UNIT);
	ps_t left = spent < may ? (may - spent) * PS_PER_NS : 0;
	uint64_t units = unit > 0 ? left / unit : 1;

	if (units == 0)
		units = 1;
	return units < WIRE_DATA_MAX / UNIT ? (uint32_t)units * UNIT : WIRE_DATA_MAX;
}

uint32_t connect_bytes(struct bus *b, bool out, uint32_t len)
{
	const struct tenure *t = &b->ten;
	const struct port *p = ten_target(b);
	const struct script *s = t->script;
	const struct wire_limit *l = limit_of(p, t->lun);

	if (!l || !s || t->mirror || !s->disc_priv || l->hold || !program_room(p, 0) ||
	    t->rest.n > REST_MAX)
		return len;
	uint32_t most = out ? l->out : l->in;
	if (most > 0 && most < UNIT)
		most = UNIT;
	if (l->connect > 0) {
		uint32_t timely = in_time(b, l);
		most = most > 0 && most < timely ? most : timely;
	}
	return most > 0 && most < len ? most : len;
}

/* ---- leaving ---- */

/* What is to be done when the target is connected again. */
static void keep(struct bus *b, const struct wire_item *data, struct block *block)
{
	struct tenure *t = &b->ten;
	const struct script *s = t->script;
	struct port *p = ten_target(b);
	const uint8_t nexus[] = {(uint8_t)(IDENTIFY | t->lun), SIMPLE, s->tag};
	struct program *g = program_take(p);
	struct wr w = wr_init(g->small, sizeof(g->small));

	wire_put_bytes(&w, ITEM_MSG_IN, nexus, s->tagged ? sizeof(nexus) : 1);
	wire_item_put(&w, data);
	wr_bytes(&w, t->rest.p, t->rest.n);
	sm_assert(wr_ok(&w)); /* connect_bytes() has seen to it */
	g->own = true;
	g->tenure = t->nexus;
	g->initiator = t->init;
	g->epoch = t->init_epoch;
	g->len = (uint32_t)w.n;
	g->tagged = s->tagged;
	g->lun = t->lun;
	g->tag = s->tag;
	g->data = block ? block_ref(block) : NULL;
	p->program_data += block ? block->len : 0;
}

static void leave(struct bus *b)
{
	static const uint8_t messages[] = {SAVE_POINTER, DISCONNECT};

	tenure_say(b, (struct span){messages, sizeof(messages)});
	tenure_end(b, OUTCOME_DISCONNECTED, true);
}

void connect_leave_out(struct bus *b, uint32_t left)
{
	const struct wire_item data = {.kind = ITEM_DATA_OUT, .len = left};

	keep(b, &data, NULL);
	/* The first time: the process has the command, and waits for its data. */
	if (!b->ten.reselected)
		burst_plain(b, ten_target(b), ITEM_FREE, 0, ITEM_PARK);
	burst_flush(b, ten_target(b), false);
	leave(b);
}

void connect_leave_in(struct bus *b, const struct wire_item *it, uint32_t moved,
                      struct block *block)
{
	/* ITEM_CUT: its CRC is that of the whole. */
	const struct wire_item data = {.kind = ITEM_DATA_IN,
	                               .flags = ITEM_CUT,
	                               .off = it->off + moved,
	                               .len = it->len - moved};

	keep(b, &data, block);
	leave(b);
}

/* ---- coming back ---- */

void connect_note_end(struct bus *b, uint8_t outcome)
{
	const struct tenure *t = &b->ten;
	struct port *p = ten_target(b);
	const struct wire_limit *l = limit_of(p, t->lun);

	if (outcome == OUTCOME_DISCONNECTED && l && l->wait > 0)
		p->back_ns = b->bus_ns + bus_timing_free(&b->cfg.timing) / PS_PER_NS +
		             l->wait * TIME_UNIT;
}

bool connect_may_come(const struct bus *b, const struct port *p, const struct program *g)
{
	return g->mirror || b->bus_ns >= p->back_ns;
}

/* Bus time. */
static ns_t first_back(const struct bus *b)
{
	ns_t first = NS_NEVER;

	for (unsigned i = 0; i < WIRE_IDS; i++) {
		const struct port *p = &b->port[i];
		if (p->up && p->n_programs > 0 && p->back_ns > b->bus_ns && p->back_ns < first)
			first = p->back_ns;
	}
	return first;
}

/* With real pace others may want the bus before that, and have it. */
bool connect_idle(struct bus *b)
{
	ns_t first = first_back(b);

	if (first == NS_NEVER)
		return false;
	if (b->cfg.pace) {
		b->idle_from = b->now;
		return false;
	}
	b->bus_ns = first;
	return true;
}

void connect_pass(struct bus *b)
{
	if (b->idle_from == 0)
		return;
	ns_t at = b->bus_ns + (b->now - b->idle_from), first = first_back(b);
	b->bus_ns = at < first ? at : first;
	b->idle_from = 0;
}

ns_t connect_deadline(const struct bus *b)
{
	ns_t first = b->idle_from ? first_back(b) : NS_NEVER;

	return first == NS_NEVER ? NS_NEVER : b->idle_from + (first - b->bus_ns);
}
