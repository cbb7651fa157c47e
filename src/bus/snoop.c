/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages as the bus hears them: what the initiator's adapter has to do about them, and the
 * agreements on data transfer (SPI-3, 4.12), which time the data phases.
 */
#include "bus/core.h"

#include <string.h>

/* ---- agreements ---- */

void agree_none(struct bus *b, uint8_t id)
{
	for (unsigned i = 0; i < WIRE_IDS; i++) {
		b->agreed[id][i] = XFER_ASYNC;
		b->agreed[i][id] = XFER_ASYNC;
		b->trained[id][i] = b->trained[i][id] = 0;
	}
}

static struct xfer *agreement(struct bus *b)
{
	return &b->agreed[b->ten.init][b->ten.target];
}

/*
 * SPI-4, IU_REQ: where it changes, the target aborts all tasks of the initiator and goes to BUS
 * FREE, at the end of the message phases. Nobody else's business: what they know of these tasks
 * goes.
 */
static void renegotiated(struct bus *b, struct xfer was)
{
	struct tenure *t = &b->ten;

	b->trained[t->init][t->target] = 0;
	if (!((was.options ^ agreement(b)->options) & XFER_IU_REQ))
		return;
	t->over = true;
	scripts_cancel_nexuses(b, &b->port[t->init], t->target);
	programs_void_for(ten_target(b), t->init);
}

/* The offer was answered: the lesser of both holds. */
static void agree(struct bus *b, const struct scsi_msg *answer)
{
	struct xfer *x = agreement(b), was = *x;
	struct xfer common = xfer_common(b->ten.offer.xfer, answer->xfer);

	if (answer->kind == MSG_EXT_PPR) {
		*x = common;
	} else if (answer->kind == MSG_EXT_WDTR) {
		*x = (struct xfer){.wide = common.wide};
	} else {
		uint8_t wide = x->wide;
		*x = common;
		x->wide = wide;
	}
	renegotiated(b, was);
}

/* What an answer may not have (SPI-3, 4.12): more than was offered. */
static bool beyond(const struct xfer *answer, const struct xfer *offer)
{
	return answer->offset > offer->offset || answer->wide > offer->wide ||
	       (answer->options & ~offer->options) != 0 ||
	       (answer->offset > 0 && answer->period < offer->period);
}

/* The offer was rejected: what it was about falls back to the least (SPI-3, 4.12.3). */
static void disagree(struct bus *b)
{
	struct xfer *x = agreement(b), was = *x;

	if (b->ten.offer.kind == MSG_EXT_SDTR)
		*x = (struct xfer){.wide = x->wide};
	else
		*x = XFER_ASYNC;
	renegotiated(b, was);
}

/* ---- from the initiator ---- */

static void offer(struct tenure *t, const struct scsi_msg *m)
{
	t->offer = (struct offer){.made = true, .kind = m->kind, .xfer = m->xfer};
	t->plain = false;
}

/* BUS FREE is what follows. Other initiators' tasks are the target's to tell of. */
static void over(struct tenure *t, unsigned ends)
{
	if (ends > t->ends)
		t->ends = ends;
	t->over = true;
	t->plain = false;
}

static void one_out(struct bus *b, const struct scsi_msg *m)
{
	struct tenure *t = &b->ten;

	switch (m->kind) {
	case MSG_IDENTIFY:
		t->identified = true;
		t->lun = m->identify.lun;
		t->disc_priv = m->identify.disc_priv;
		break;
	case MSG_SIMPLE:
	case MSG_HEAD_OF_QUEUE:
	case MSG_ORDERED:
	case MSG_ACA:
		t->tagged = true;
		t->simple = m->kind == MSG_SIMPLE;
		t->tag = m->tag;
		break;
	case MSG_EXT_PPR:
	case MSG_EXT_WDTR:
	case MSG_EXT_SDTR:
		offer(t, m);
		break;
	case MSG_TARGET_RESET:
		for (unsigned i = 0; i < WIRE_IDS; i++)
			b->agreed[i][t->target] = XFER_ASYNC;
		over(t, ENDS_TARGET);
		break;
	case MSG_ABORT_TASK_SET:
	case MSG_CLEAR_TASK_SET:
	case MSG_LOGICAL_UNIT_RESET:
		over(t, ENDS_LUN);
		break;
	case MSG_ABORT_TASK:
		over(t, ENDS_TASK);
		break;
	case MSG_CLEAR_ACA:
		over(t, ENDS_NOTHING);
		break;
	case MSG_EXT_MIRROR: /* silent.c */
	case MSG_NO_OPERATION:
		break;
	case MSG_MESSAGE_REJECT:
		if (t->offer.answered)
			disagree(b);
		t->offer.answered = false;
		t->plain = false;
		break;
	case MSG_COMMAND_COMPLETE:
	case MSG_EXT_OTHER:
	case MSG_SAVE_DATA_POINTER:
	case MSG_RESTORE_POINTERS:
	case MSG_DISCONNECT:
	case MSG_INITIATOR_DETECTED_ERROR:
	case MSG_MESSAGE_PARITY_ERROR:
	case MSG_IGNORE_WIDE_RESIDUE:
	case MSG_OTHER:
		t->plain = false;
		break;
	}
}

void snoop_out(struct bus *b, struct span bytes)
{
	struct rd r = rd_init(bytes.p, bytes.n);
	struct scsi_msg m;

	while (rd_left(&r) > 0) {
		if (!scsi_msg_get(&r, &m)) {
			b->ten.plain = false;
			return;
		}
		one_out(b, &m);
	}
}

/* ---- from the target ---- */

static void negotiated(struct bus *b, const struct scsi_msg *m)
{
	struct tenure *t = &b->ten;

	if (t->offer.made && t->offer.kind == m->kind) {
		t->reject = beyond(&m->xfer, &t->offer.xfer);
		if (t->reject)
			disagree(b);
		else
			agree(b, m);
		t->offer.made = false;
		t->offer.answered = !t->reject;
	} else {
		t->reject = true; /* a target's own wish: no script of ours answers it */
	}
}

/* The pointers go back: what this tenure moved since they were saved does not count, and data in
 * that the initiator has not been given are dropped. */
static void restore(struct tenure *t, struct script *s)
{
	uint32_t out = s->out_at - s->out_saved, in = s->in_at - s->in_saved;

	t->data_out -= out < t->data_out ? out : t->data_out;
	if (t->held && t->held_piece.len == in) {
		t->data_in -= in;
		block_unref(t->held);
		t->held = NULL;
	}
	s->out_at = s->out_saved;
	s->in_at = s->in_saved;
}

/* SPI-3, IGNORE WIDE RESIDUE: the last transfer of the DATA IN phase that came just before, on a
 * wide bus, had a byte that is none. */
static void residue(struct bus *b, uint8_t bytes)
{
	struct tenure *t = &b->ten;

	if (bytes != 1 || !t->after_in || !agreement(b)->wide) {
		t->reject = true;
		return;
	}
	/* Beyond the room that there was, it has been dropped already. */
	if (t->held && t->held_piece.len > 0 && !t->cut_in) {
		t->held_piece.len--;
		t->data_in--;
		t->script->in_at--;
	}
	t->after_in = false;
}

static void one_in(struct bus *b, const struct scsi_msg *m)
{
	struct tenure *t = &b->ten;
	struct script *s = t->script;

	switch (m->kind) {
	case MSG_COMMAND_COMPLETE:
		t->complete = true;
		break;
	case MSG_DISCONNECT:
		t->disconnect = true;
		break;
	case MSG_SAVE_DATA_POINTER:
		if (s) {
			s->out_saved = s->out_at;
			s->in_saved = s->in_at;
		}
		break;
	case MSG_RESTORE_POINTERS:
		t->restored = true;
		if (s)
			restore(t, s);
		break;
	case MSG_IDENTIFY:
		t->identified = true;
		t->lun = m->identify.lun;
		break;
	case MSG_SIMPLE:
	case MSG_HEAD_OF_QUEUE:
	case MSG_ORDERED:
	case MSG_ACA:
		t->tagged = true;
		t->tag = m->tag;
		break;
	case MSG_EXT_PPR:
	case MSG_EXT_WDTR:
	case MSG_EXT_SDTR:
		negotiated(b, m);
		break;
	case MSG_MESSAGE_REJECT:
		if (t->offer.made)
			disagree(b);
		t->offer.made = false;
		break;
	case MSG_IGNORE_WIDE_RESIDUE:
		residue(b, m->code);
		break;
	case MSG_EXT_MIRROR:
		t->reject = m->mirror.function != MIRROR_STATUS;
		break;
	/* What this adapter does not know (MODIFY DATA POINTER among it), and what is for
	 * initiators to say (SPI-3, table of message codes). */
	case MSG_EXT_OTHER:
	case MSG_OTHER:
	case MSG_INITIATOR_DETECTED_ERROR:
	case MSG_ABORT_TASK_SET:
	case MSG_NO_OPERATION:
	case MSG_MESSAGE_PARITY_ERROR:
	case MSG_TARGET_RESET:
	case MSG_ABORT_TASK:
	case MSG_CLEAR_TASK_SET:
	case MSG_CLEAR_ACA:
	case MSG_LOGICAL_UNIT_RESET:
		t->reject = true;
		break;
	}
}

void snoop_in(struct bus *b, struct span bytes)
{
	struct tenure *t = &b->ten;
	size_t room = sizeof(t->msg_in) - t->n_msg_in;
	size_t n = bytes.n < room ? bytes.n : room;
	struct rd r = rd_init(bytes.p, bytes.n);
	struct scsi_msg m;

	if (n > 0)
		memcpy(t->msg_in + t->n_msg_in, bytes.p, n);
	t->n_msg_in = (uint16_t)(t->n_msg_in + n);
	while (rd_left(&r) > 0) {
		if (!scsi_msg_get(&r, &m)) {
			t->reject = true;
			break;
		}
		one_in(b, &m);
	}
	if (t->reselected && !t->nexus_known)
		nexus_find(b);
}
