/* SPDX-License-Identifier: BSD-2-Clause */
/* A target's phase program, item by item. */
#include "bus/core.h"

#define INITIATOR_DETECTED_ERROR 0x05
#define MESSAGE_PARITY_ERROR     0x09

/* What a program of the awaited port may hold, by its part in the tenure; the first item that may
 * not, as a text. */
static const char *misplaced(const struct tenure *t, struct span items)
{
	bool mirror = ten_mirroring(t);
	bool participant = t->driver != t->target;
	struct rd r = rd_init(items.p, items.n);
	struct wire_item it;

	for (bool first = true; wire_item_get(&r, &it); first = false) {
		if ((it.flags & ITEM_AGAIN) && (!first || mirror || t->last_out.n == 0))
			return "no MESSAGE OUT phase came last that could be repeated";
		if (first && t->pos == POS_NAMED && it.kind != ITEM_PASS)
			return "a leader that was told the next target lets go of the phase lines";
		if (first && t->pos == POS_RELEASED && it.kind != ITEM_FREE)
			return "a leader that was told BUS RELEASE releases BSY";
		if (mirror &&
		    (it.kind == ITEM_STATUS || it.kind == ITEM_DATA_IN || it.kind == ITEM_SENSE))
			return "no STATUS and no DATA IN in a mirroring tenure";
		if (it.kind == ITEM_FREE && participant)
			return "BSY is the leader's to release";
		if (it.kind == ITEM_COMMAND && participant)
			return "the COMMAND phase is the leader's";
		if (it.kind == ITEM_PASS && !mirror)
			return "PASS outside of a mirroring tenure";
		if (it.kind == ITEM_PASS && first && !participant && t->pos != POS_NAMED)
			return "PASS without a target that was named";
	}
	return NULL;
}

/* What the initiator's adapter says to wrong parity. The target's port takes it: its process is not
 * told. */
static void complain(struct bus *b, uint8_t code)
{
	phase_bytes(b, PHASE_MESSAGE_OUT, true, (struct span){&code, 1});
}

static void restore_pointers(struct bus *b)
{
	static const uint8_t restore[] = {0x03};
	const struct span s = {restore, sizeof(restore)};

	phase_bytes(b, PHASE_MESSAGE_IN, false, s);
	snoop_in(b, s);
}

/* SPI-3, MESSAGE PARITY ERROR: the target sends the messages again. */
static void run_message_in(struct bus *b, struct span s, bool parity)
{
	struct tenure *t = &b->ten;

	if (s.n == 0)
		return;
	if (t->units) {
		units_message_in(b, s);
		return;
	}
	if (parity && !t->mirror) {
		phase_bytes(b, PHASE_MESSAGE_IN, false, s);
		complain(b, MESSAGE_PARITY_ERROR);
	}
	phase_bytes(b, PHASE_MESSAGE_IN, t->reject, s);
	snoop_in(b, s);
	if (t->mirror)
		t->reject = false;
	else if (t->reject)
		tenure_message_out(b); /* MESSAGE REJECT, at once: ATN is answered so */
}

/* SPI-3, INITIATOR DETECTED ERROR: the target may try again, from the pointers as they were. */
static void run_status(struct bus *b, const struct wire_item *it)
{
	struct tenure *t = &b->ten;

	if (t->units) {
		units_status(b, it->arg);
		return;
	}
	if (it->flags & ITEM_PARITY) {
		phase_status(b, it->arg);
		complain(b, INITIATOR_DETECTED_ERROR);
		restore_pointers(b);
	}
	phase_status(b, it->arg);
	t->has_status = true;
	t->status = it->arg;
	t->pos = POS_MOVED;
}

/* False: it cannot be repeated here, since data of this tenure lie before it that are not saved. */
static bool run_data_in(struct bus *b, const struct wire_item *it, struct block *data)
{
	const struct script *s = b->ten.script;

	if ((it->flags & ITEM_PARITY) && s && !b->ten.units) {
		phase_data(b, PHASE_DATA_IN, data, (struct piece){it->off, it->len, it->crc ^ 1});
		complain(b, INITIATOR_DETECTED_ERROR);
		if (s->in_at != s->in_saved) {
			const uint8_t code = INITIATOR_DETECTED_ERROR;
			burst_bytes(b, ten_driver(b), ITEM_MSG_OUT, 0, (struct span){&code, 1});
			b->ten.pos = POS_MOVED;
			return false;
		}
		restore_pointers(b);
	}
	nexus_data_in(b, it, data);
	return true;
}

static void run_message_out(struct bus *b, const struct wire_item *it)
{
	if ((it->flags & ITEM_AGAIN) && b->ten.last_out.n > 0 && !ten_mirroring(&b->ten))
		tenure_message_again(b);
	else
		tenure_message_out(b);
}

/* False: it does not fit here any more, and the rest of the program with it. */
static bool run_item(struct bus *b, const struct wire_item *it, struct block *data)
{
	struct tenure *t = &b->ten;

	if ((t->pos == POS_NAMED && it->kind != ITEM_PASS) ||
	    (t->pos == POS_RELEASED && it->kind != ITEM_FREE))
		return false;
	/* misplaced() has judged by what the tenure was before this program made it one. */
	if (ten_mirroring(t) && (it->kind == ITEM_STATUS || it->kind == ITEM_DATA_IN))
		return false;
	switch ((enum wire_item_kind)it->kind) {
	case ITEM_MSG_OUT:
		run_message_out(b, it);
		return true;
	case ITEM_COMMAND:
		tenure_command(b);
		return true;
	case ITEM_DATA_OUT:
		if (ten_mirroring(t))
			silent_data_out(b, it->len);
		else
			nexus_data_out(b, it->len);
		return true;
	case ITEM_DATA_IN:
		return run_data_in(b, it, data);
	case ITEM_STATUS:
		run_status(b, it);
		return true;
	case ITEM_MSG_IN:
		run_message_in(b, it->bytes, it->flags & ITEM_PARITY);
		return true;
	case ITEM_FREE:
		tenure_end(b, tenure_free_outcome(t), true);
		return true;
	case ITEM_PASS:
		if (t->driver == t->target && t->pos != POS_NAMED)
			return false;
		silent_pass(b);
		return true;
	case ITEM_SENSE:
		units_sense(b, it->bytes);
		return true;
	case ITEM_SELECT:
	case ITEM_LATCH:
	case ITEM_TOKEN:
	case ITEM_UNIT:
		break;
	}
	return false;
}

void run_items(struct bus *b, struct span items, struct block *data)
{
	struct tenure *t = &b->ten;
	uint8_t driver = t->driver;
	const struct spent before = act_spent(b);
	struct rd r = rd_init(items.p, items.n);
	struct wire_item it;

	while (t->state == TENURE_RUNS && t->driver == driver && wire_item_get(&r, &it)) {
		t->rest = (struct span){r.p, r.n};
		bool moves = it.kind == ITEM_DATA_OUT || it.kind == ITEM_DATA_IN;
		if ((moves && limit_overrun(b)) || !run_item(b, &it, data))
			break;
		if (t->state == TENURE_RUNS && act_beyond(b, &before)) {
			limit_spent(b);
			break;
		}
	}
}

/* Its program crossed with a reset, or with the end of the tenure: told, and not held against it,
 * or one port's RSTs would put out the others. As many as questions were taken back: several, where
 * RSTs come faster than answers. */
static bool is_late(struct bus *b, struct port *p, const struct wire_program *w)
{
	if (p->late == 0)
		return false;
	p->late--;
	tell_error(b, p, CODE_NOT_YOURS, WIRE_PROGRAM, w->id,
	           "tenure %u does not wait for token %u any more", w->tenure, w->token);
	return true;
}

void run_continue(struct bus *b, struct conn *c, const struct wire_frame *f)
{
	struct tenure *t = &b->ten;
	const struct wire_program *w = &f->program;

	if (t->state != TENURE_WAITS || t->awaited != c->id || w->tenure != t->key ||
	    w->token != t->token) {
		if (!is_late(b, &b->port[c->id], w))
			refuse(b, c, CODE_NOT_YOURS, WIRE_PROGRAM, w->id,
			       "tenure %u does not wait for this port with token %u", w->tenure,
			       w->token);
		return;
	}
	const char *why = misplaced(t, w->items);
	if (why) {
		refuse(b, c, CODE_BAD_STATE, WIRE_PROGRAM, w->id, "program: %s", why);
		return;
	}
	limit_waited(b);
	if (limit_holds(b, &b->port[c->id]))
		return;
	t->state = TENURE_RUNS;
	t->awaited = WIRE_NO_ID;
	/* It answers in order: what was to come late has come, or will not. */
	b->port[c->id].late = 0;
	run_items(b, w->items, f->data);
	tenure_advance(b);
}
