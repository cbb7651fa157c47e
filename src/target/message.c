/* SPDX-License-Identifier: BSD-2-Clause */
/* MESSAGE OUT: what the initiator says (SPI-3, clause 16). */
#include "base/assert.h"
#include "target/core.h"

#include <string.h>

/* ---- answers ---- */

static void reply(struct tenure *n, const struct scsi_msg *m)
{
	struct wr w = wr_init(n->reply + n->reply_len, sizeof(n->reply) - n->reply_len);
	scsi_msg_put(&w, m);
	/* One that has no room is one too many in one phase: it stays unanswered. */
	if (wr_ok(&w))
		n->reply_len = (uint8_t)(n->reply_len + w.n);
}

static void reject(struct tenure *n)
{
	const struct scsi_msg m = {.kind = MSG_MESSAGE_REJECT};
	reply(n, &m);
}

/* Without DT clocking, which only PPR agrees on: the period then ends at Fast-40. */
static struct xfer without_dt(struct xfer x)
{
	x.options = 0;
	return x;
}

static void ended(struct tgt *t, struct drain d);

static struct drain of_unit(const struct tgt *t, uint8_t initiator)
{
	return (struct drain){.initiator = initiator, .lun = t->tenure.lun};
}

/*
 * SPI-4, IU_REQ: where a negotiation changes it, all tasks of the initiator are aborted, and BUS
 * FREE follows the messages. (SDTR and WDTR end an agreement on information units.)
 */
static void take_units(struct tgt *t, bool units)
{
	struct ini *i = &t->ini[t->tenure.initiator];
	if (i->units == units)
		return;
	i->units = units;
	tgt_task_abort_all(t, t->tenure.initiator, WIRE_NO_ID);
	ended(t,
	      (struct drain){.initiator = t->tenure.initiator, .lun = WIRE_NO_ID, .lasts = true});
}

static void negotiate(struct tgt *t, const struct scsi_msg *m)
{
	struct scsi_msg answer = {.kind = m->kind};
	struct xfer best = t->cfg.xfer;
	struct xfer offer = m->xfer;
	if (m->kind != MSG_EXT_PPR) {
		offer.options = 0;
		best = without_dt(best);
	}
	if (m->kind == MSG_EXT_SDTR)
		offer.wide = 0;
	else if (m->kind == MSG_EXT_WDTR)
		offer.offset = 0;
	/* SPI-4, table 72: period factors below 8 are reserved. */
	if (m->kind != MSG_EXT_WDTR && offer.offset > 0 && offer.period < 8)
		offer.period = 8;
	answer.xfer = xfer_common(offer, best);
	reply(&t->tenure, &answer);
	take_units(t, answer.xfer.options & XFER_IU_REQ);
}

/* ---- task management ---- */

/* What is over goes to BUS FREE, once nothing that was aborted is left in the store. */
static void ended(struct tgt *t, struct drain d)
{
	ns_t since;
	t->tenure.drain = d;
	t->tenure.next = tgt_task_drains(t, &d, &since) ? NEXT_DRAIN : NEXT_FREE;
}

static void abort_one(struct tgt *t, struct task *k)
{
	struct drain d = of_unit(t, t->tenure.initiator);
	d.one = true;
	d.tagged = t->tenure.tagged;
	d.tag = t->tenure.tag;
	if (k)
		tgt_task_abort(t, k);
	ended(t, d);
}

static void abort_task(struct tgt *t)
{
	const struct tenure *n = &t->tenure;
	abort_one(t, tgt_task_find(t, n->initiator, n->lun, n->tagged, n->tag));
}

/* The tasks of all initiators (SAM-5, 7.4), or with TST=1 only its own. */
static void clear_task_set(struct tgt *t)
{
	const struct tenure *n = &t->tenure;
	const struct tgt_lu *lu = tgt_lu_at(t, n->lun);
	bool own = tgt_lu_apart(lu);
	tgt_task_abort_set(t, lu, (uint16_t)(own ? 1U << n->initiator : UINT16_MAX), n->initiator,
	                   NULL);
	tgt_task_abort_gone(t, n->lun);
	ended(t, of_unit(t, own ? n->initiator : WIRE_NO_ID));
}

/* SAM-5, "CLEAR ACA": what waited goes on. Of one that is not this initiator's nothing becomes. */
static void clear_aca(struct tgt *t)
{
	struct tgt_lu *lu = tgt_lu_at(t, t->tenure.lun);
	if (lu->aca >> t->tenure.initiator & 1)
		tgt_allegiance_end(lu, t->tenure.initiator);
	t->tenure.next = NEXT_FREE;
}

static void lu_reset(struct tgt *t)
{
	struct tgt_lu *lu = tgt_lu_at(t, t->tenure.lun);
	tgt_task_abort_set(t, lu, UINT16_MAX, t->tenure.initiator, NULL);
	tgt_task_abort_gone(t, t->tenure.lun);
	if (lu->present)
		tgt_lu_reset(lu, UA_TARGET_RESET);
	tgt_port_members(t);
	ended(t, of_unit(t, WIRE_NO_ID));
}

void tgt_target_reset(struct tgt *t, enum ua_kind ua)
{
	tgt_task_abort_all(t, WIRE_NO_ID, WIRE_NO_ID);
	for (unsigned i = 0; i < WIRE_IDS; i++)
		t->ini[i].units = false; /* all agreements end */
	struct tgt_lu *lu;
	LU_FOREACH (lu, t)
		tgt_lu_reset(lu, ua);
	tgt_port_members(t);
}

/* The initiator could not take what we sent, or saw an error: the command ends. */
static void detected_error(struct tgt *t)
{
	struct task *k = t->tenure.task;
	if (!k || k->silent)
		return;
	if (k->state == TASK_RUNNING) {
		abort_one(t, k);
		return;
	}
	tgt_task_fail(k, SENSE_INITIATOR_DETECTED_ERROR);
	tgt_task_set(t, k, TASK_DONE);
	t->tenure.next = NEXT_STATUS;
}

/* ---- wrong parity ---- */

#define RETRIES_MAX 3 /* of one tenure */

bool tgt_retry(struct tenure *n)
{
	return n->retries++ < RETRIES_MAX;
}

void tgt_message_reject(struct tgt *t)
{
	reject(&t->tenure);
}

void tgt_message_unexpected_free(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	if (n->task && !n->task->silent)
		tgt_task_abort(t, n->task);
	n->reply_len = 0;
	n->next = NEXT_FREE;
}

/* SPI-3, MESSAGE PARITY ERROR: it is about what we said last, and that is said again. Where we said
 * nothing, and after too many tries, BUS FREE is the answer. */
static void parity_error(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	if (n->said_len == 0 || n->reply_len > 0 || !tgt_retry(n)) {
		tgt_message_unexpected_free(t);
		return;
	}
	memcpy(n->reply, n->said, n->said_len);
	n->reply_len = n->said_len;
}

/* ---- all messages ---- */

/* SPI-3, IDENTIFY: a second one may say anew whether we may disconnect, but not another LUN. */
static void identify(struct tgt *t, const struct scsi_msg *m)
{
	struct tenure *n = &t->tenure;
	if (n->identified && n->role == BURST_TARGET && n->lun != m->identify.lun) {
		tgt_message_unexpected_free(t);
		return;
	}
	n->identified = true;
	n->lun = m->identify.lun;
	n->disc_priv = m->identify.disc_priv;
	if (n->task && n->role == BURST_TARGET)
		n->task->disc_priv = n->disc_priv;
}

/* SPI-3, task attribute messages: one for a task, before its command. */
static void queue_tag(struct tenure *n, const struct scsi_msg *m)
{
	if (n->role == BURST_TARGET && !n->mirror && (n->tagged || n->cdb_len > 0)) {
		reject(n);
		return;
	}
	n->tagged = true;
	n->tag = m->tag;
	n->attr = m->kind;
}

static void one(struct tgt *t, const struct scsi_msg *m)
{
	struct tenure *n = &t->tenure;
	switch (m->kind) {
	case MSG_IDENTIFY:
		identify(t, m);
		break;
	case MSG_SIMPLE:
	case MSG_HEAD_OF_QUEUE:
	case MSG_ORDERED:
	case MSG_ACA:
		queue_tag(n, m);
		break;
	case MSG_EXT_MIRROR:
		tgt_silent_message(t, &m->mirror);
		break;
	case MSG_EXT_PPR:
	case MSG_EXT_WDTR:
	case MSG_EXT_SDTR:
		negotiate(t, m);
		break;
	case MSG_ABORT_TASK:
		abort_task(t);
		break;
	case MSG_ABORT_TASK_SET:
		tgt_task_abort_all(t, n->initiator, n->lun);
		ended(t, of_unit(t, n->initiator));
		break;
	case MSG_CLEAR_TASK_SET:
		clear_task_set(t);
		break;
	case MSG_CLEAR_ACA:
		clear_aca(t);
		break;
	case MSG_LOGICAL_UNIT_RESET:
		lu_reset(t);
		break;
	case MSG_TARGET_RESET:
		tgt_target_reset(t, UA_TARGET_RESET);
		ended(t, (struct drain){.initiator = WIRE_NO_ID, .lun = WIRE_NO_ID});
		break;
	case MSG_INITIATOR_DETECTED_ERROR:
		detected_error(t);
		break;
	case MSG_MESSAGE_PARITY_ERROR:
		parity_error(t);
		break;
	case MSG_NO_OPERATION:
	case MSG_MESSAGE_REJECT: /* of an answer of ours: the agreement stays as it was */
		break;
	case MSG_COMMAND_COMPLETE:
	case MSG_SAVE_DATA_POINTER:
	case MSG_RESTORE_POINTERS:
	case MSG_DISCONNECT:
	case MSG_IGNORE_WIDE_RESIDUE:
	case MSG_EXT_OTHER:
	case MSG_OTHER:
		reject(n);
		break;
	}
}

/* SPI-3, 16.2.1: IDENTIFY is first, but for messages to the target as a whole. */
static bool may_be_first(const struct scsi_msg *m)
{
	return m->kind == MSG_IDENTIFY || m->kind == MSG_TARGET_RESET;
}

void tgt_message_out(struct tgt *t, struct span bytes)
{
	struct tenure *n = &t->tenure;
	struct rd r = rd_init(bytes.p, bytes.n);
	while (rd_left(&r) > 0) {
		struct scsi_msg m;
		if (!scsi_msg_get(&r, &m)) {
			reject(n);
			/* A SILENT MIRRORING message that is none: its tenure cannot go on. */
			if (n->mirror)
				n->next = NEXT_FREE;
			break;
		}
		if (!n->identified && !may_be_first(&m)) {
			n->next = NEXT_FREE;
			return;
		}
		one(t, &m);
		/* SPI-3, BUS FREE is what follows: what the initiator goes on to say is not heard.
		 */
		if (n->next == NEXT_FREE || n->next == NEXT_DRAIN)
			return;
	}
}
