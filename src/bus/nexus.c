/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The initiator's adapter in the data phases of conventional commands, and its reports.
 * A nexus (target, LUN, tag) is a script that lives on: a target that reconnects for data finds
 * its data pointers (SPI-3, 16.3: saved by SAVE DATA POINTER, restored at a reconnection).
 */
#include "bus/core.h"

#include "base/crc.h"

#include <string.h>

void nexus_find(struct bus *b)
{
	struct tenure *t = &b->ten;
	struct script *s;

	if (!t->identified)
		return;
	t->nexus_known = true;
	if (t->kind != TENURE_CONVENTIONAL)
		return;
	TAILQ_FOREACH (s, &b->port[t->init].nexuses, link) {
		if (s->target == t->target && s->target_epoch == t->target_epoch &&
		    (t->nexus == 0 || s->tenure == t->nexus) && s->lun == t->lun &&
		    s->tagged == t->tagged && (!s->tagged || s->tag == t->tag)) {
			t->nexus = s->tenure;
			s->out_at = s->out_saved;
			s->in_at = s->in_saved;
			t->script = s;
			return;
		}
	}
}

/* ---- DATA OUT ---- */

struct piece nexus_piece(struct bus *b, const struct script *s, uint32_t at, uint32_t most)
{
	for (unsigned i = 0; i < s->n_pieces; i++) {
		const struct piece *p = &s->piece[i];
		if (at >= p->len) {
			at -= p->len;
			continue;
		}
		struct piece part = {p->off + at, p->len - at, p->crc};
		if (part.len > most)
			part.len = most;
		if (part.len < p->len)
			part.crc = part.len ? phase_crc(b, s->data, part) : 0;
		return part;
	}
	return (struct piece){0};
}

/* What came of it, from `from` on, goes to the target's process. */
static void deliver(struct bus *b, const struct script *s, uint32_t from, bool cut)
{
	do {
		struct piece piece = nexus_piece(b, s, from, s->out_at - from);
		from += piece.len;
		burst_data(b, ten_driver(b), s->data, piece,
		           cut && from == s->out_at ? ITEM_CUT : 0);
	} while (from < s->out_at);
}

/* Moves so many bytes from the data pointer on. */
static void move_out(struct bus *b, struct script *s, uint32_t len)
{
	struct tenure *t = &b->ten;

	do {
		struct piece piece = nexus_piece(b, s, s->out_at, len);
		phase_data(b, PHASE_DATA_OUT, s->data, piece);
		s->out_at += piece.len;
		t->data_out += piece.len;
		len -= piece.len;
	} while (len > 0);
}

void nexus_data_out(struct bus *b, uint32_t most)
{
	struct tenure *t = &b->ten;
	struct script *s = t->script;

	if (!s) {
		if (t->units)
			units_stray(b, most);
		tenure_abort_task(b, OUTCOME_NO_NEXUS);
		return;
	}
	uint32_t left = s->out_total - s->out_at;
	uint32_t len = most < left ? most : left;
	/* What a process reselects for it has itself to split. */
	uint32_t part = t->reselected && !t->own ? len : connect_bytes(b, true, len);
	if (!s->split)
		s->split_at = s->out_at;
	if (t->units)
		units_data_out(b, part, part < len ? part : most);
	else
		move_out(b, s, part);
	t->pos = POS_MOVED;
	s->split = part < len;
	if (s->split) {
		connect_leave_out(b, most - part);
		return;
	}
	deliver(b, s, s->split_at, most > len);
}

/* ---- DATA IN ---- */

static struct wire_frame *report(struct bus *b, uint8_t outcome)
{
	struct tenure *t = &b->ten;
	struct wire_frame *f = act_to(b, &b->port[t->init], WIRE_TENURE);
	struct wire_tenure *r = &f->tenure; /* its legs stay as they are: nexus_report() has them */

	r->script = t->script ? t->script->id : 0;
	r->tenure = t->number;
	r->reselected = t->reselected;
	r->target = t->target;
	r->epoch = t->target_epoch;
	r->outcome = outcome;
	r->has_status = t->has_status;
	r->status = t->status;
	r->data_out = t->data_out;
	r->data_in = t->data_in;
	r->start_ns = t->part_ns;
	r->end_ns = b->bus_ns;
	r->msg_in = r->unit = (struct span){NULL, 0};
	r->n_legs = 0;
	if (t->held) {
		t->in_given += t->held_piece.len;
		if (t->script)
			t->script->in_given += t->held_piece.len;
		act_data(b, f, t->held, t->held_piece.off, t->held_piece.len);
		block_unref(t->held);
		t->held = NULL;
	}
	return f;
}

/*
 * How much the initiator takes from the data pointer on. A target may take back what it sent, by
 * RESTORE POINTERS, and send it again: once in a task, and all of its data in one tenure at most.
 * Or one that does nothing else would have all of the room between the server and the initiator.
 */
static uint32_t in_room(const struct tenure *t, const struct script *s)
{
	uint64_t held = t->held ? t->held_piece.len : 0;
	uint64_t tenure = t->in_given + held, task = s->in_given + held;
	uint64_t most = s->in_room, room = s->in_room - s->in_at;

	if (tenure >= most || task >= 2 * most)
		return 0;
	if (room > most - tenure)
		room = most - tenure;
	if (room > 2 * most - task)
		room = 2 * most - task;
	return (uint32_t)room;
}

void nexus_data_in(struct bus *b, const struct wire_item *it, struct block *data)
{
	struct tenure *t = &b->ten;
	struct script *s = t->script;
	uint32_t len = connect_bytes(b, false, it->len);
	struct piece piece = {it->off, len, it->crc};

	if (!s) {
		if (t->units)
			units_stray(b, len);
		tenure_abort_task(b, OUTCOME_NO_NEXUS);
		return;
	}
	/* The CRC is that of the whole. */
	if ((len < it->len || (it->flags & ITEM_CUT)) && b->tracing && data && !data->shared)
		piece.crc = crc_data(0, data->data + piece.off, piece.len);
	if (t->units)
		units_data_in(b, data, piece);
	else
		phase_data(b, PHASE_DATA_IN, data, piece);
	t->pos = POS_MOVED;
	/* What there is no room for was on the bus, and is dropped by the adapter. */
	uint32_t room = in_room(t, s);
	t->cut_in = piece.len > room || piece.len == 0;
	if (piece.len > room)
		piece.len = room;
	if (piece.len > 0 && t->held)
		(void)report(b, OUTCOME_MORE);
	t->data_in = len > UINT32_MAX - t->data_in ? UINT32_MAX : t->data_in + len;
	if (piece.len > 0) {
		t->held = block_ref(data);
		t->held_piece = piece;
		s->in_at += piece.len;
	}
	if (t->units)
		s->in_saved = s->in_at; /* no message says so */
	if (len < it->len)
		connect_leave_in(b, it, len, data);
}

/* Of the pass that this report is of. */
static bool more_to_come(const struct tenure *t, struct port *p)
{
	if (!t->reselected)
		return t->mirror && owed_pass(p, t->legs, t->n_legs);
	return t->has_op && t->complete && owed_status(p, t->op);
}

void nexus_report(struct bus *b, uint8_t outcome)
{
	struct tenure *t = &b->ten;
	struct port *p = &b->port[t->init];

	if (!p->up || p->epoch != t->init_epoch)
		return;
	struct wire_frame *f = report(b, outcome);
	if (more_to_come(t, p))
		act_lazy(b);
	f->tenure.msg_in = act_copy(b, t->msg_in, t->n_msg_in);
	if (t->units)
		f->tenure.unit = act_copy(b, b->units.status, b->units.n_status);
	f->tenure.n_legs = (uint8_t)t->n_legs;
	memcpy(f->tenure.legs, t->legs, t->n_legs * sizeof(t->legs[0]));
	if (outcome == OUTCOME_BAD_SCRIPT)
		tell_error(b, p, CODE_BAD_VALUE, 0, t->script ? t->script->id : 0,
		           "the target drove a phase for which the script has nothing");
}
