/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a target's port received, gathered until its process has to know: the bus waits for
 * it, or the tenure ends. So a pass that armed ports take by themselves is one frame a target.
 */
#include "bus/core.h"

#include <string.h>

uint8_t burst_role(const struct bus *b, const struct port *p)
{
	const struct tenure *t = &b->ten;
	if (p->id != t->target)
		return BURST_PARTICIPANT;
	return ten_mirroring(t) ? BURST_LEADER : BURST_TARGET;
}

/* Room for an item of n bytes. */
static struct wr room(struct bus *b, struct port *p, size_t n)
{
	struct gather *g = &p->gather;

	if (g->len + WIRE_ITEM_LEN + n > BURST_MAX || g->n + 1 > WIRE_ITEMS_MAX)
		burst_flush(b, p, false);
	return wr_init(g->buf + g->len, BURST_MAX - g->len);
}

static void put(struct port *p, const struct wr *w)
{
	sm_assert(wr_ok(w));
	p->gather.len += (uint32_t)w->n;
	p->gather.n++;
}

void burst_plain(struct bus *b, struct port *p, uint8_t kind, uint8_t arg, uint8_t flags)
{
	if (!p->up)
		return;
	struct wr w = room(b, p, 0);
	wire_put_plain(&w, kind, arg, flags);
	put(p, &w);
}

static void put_bytes(struct bus *b, struct port *p, const struct wire_item *it)
{
	if (!p->up)
		return;
	struct wr w = room(b, p, it->bytes.n);
	wire_item_put(&w, it);
	put(p, &w);
}

void burst_bytes(struct bus *b, struct port *p, uint8_t kind, uint8_t arg, struct span s)
{
	struct wire_item it = {.kind = kind, .arg = arg, .len = (uint32_t)s.n, .bytes = s};
	put_bytes(b, p, &it);
}

void burst_flagged(struct bus *b, struct port *p, uint8_t kind, struct span s, uint8_t flags)
{
	struct wire_item it = {.kind = kind, .flags = flags, .len = (uint32_t)s.n, .bytes = s};
	put_bytes(b, p, &it);
}

void burst_data(struct bus *b, struct port *p, struct block *data, struct piece piece,
                uint8_t flags)
{
	struct gather *g = &p->gather;

	if (!p->up)
		return;
	if (g->has_data)
		burst_flush(b, p, false);
	struct wr w = room(b, p, 0);
	struct wire_item it = {
	        .kind = ITEM_DATA_OUT, .flags = flags, .len = piece.len, .crc = piece.crc};
	wire_item_put(&w, &it);
	put(p, &w);
	g->has_data = true;
	g->piece = piece;
	g->data = piece.len ? block_ref(data) : NULL;
}

static bool atn(const struct tenure *t)
{
	if (t->units || (ten_mirroring(t) && !t->leg_asked))
		return false;
	return t->reject || script_atn(t);
}

void burst_drop(struct port *p)
{
	struct gather *g = &p->gather;

	block_unref(g->data);
	g->data = NULL;
	g->has_data = false;
	g->len = 0;
	g->n = 0;
}

void burst_flush(struct bus *b, struct port *p, bool wanted)
{
	struct tenure *t = &b->ten;
	struct gather *g = &p->gather;

	if (!p->up || (g->n == 0 && !wanted)) {
		burst_drop(p);
		return;
	}
	struct wire_frame *f = act_to(b, p, WIRE_BURST);
	f->burst = (struct wire_burst){
	        .tenure = t->key,
	        .token = wanted ? t->token : 0,
	        .program = t->reselected && p->id == t->target ? t->program : 0,
	        .role = burst_role(b, p),
	        .initiator = t->init,
	        .epoch = t->init_epoch,
	        .wanted = wanted,
	        .atn = wanted && atn(t),
	        .items = act_copy(b, g->buf, g->len),
	};
	if (g->has_data)
		act_data(b, f, g->data, g->piece.off, g->piece.len);
	burst_drop(p);
}

/* Data that are whole need not wait with the bus: their process can begin with them. */
static void flush_data(struct bus *b, const struct port *but)
{
	for (unsigned i = 0; i < WIRE_IDS; i++)
		if (&b->port[i] != but && b->port[i].gather.has_data)
			burst_flush(b, &b->port[i], false);
}

void burst_want(struct bus *b)
{
	struct tenure *t = &b->ten;
	struct port *p = ten_driver(b);

	sm_assert(t->state == TENURE_RUNS);
	if (++b->next_token == 0)
		b->next_token = 1;
	t->token = b->next_token;
	t->awaited = p->id;
	t->state = TENURE_WAITS;
	t->asked_at = b->now;
	t->phase_deadline = b->now + b->cfg.phase_timeout_ns;
	burst_flush(b, p, true);
	flush_data(b, p);
}
