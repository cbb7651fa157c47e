/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The role in a silent mirroring tenure, of the leader and of a participant.
 *
 * The leader holds BSY for the whole tenure. Each of them, while it drives the phase lines: takes
 * (or refuses, by skipping it) the DATA OUT phase, drives MESSAGE OUT for the initiator's next
 * message, and lets go of the lines. There is no STATUS in the tenure: each returns its own by
 * reselection, with MIRROR STATUS. A member that was latched but never named does nothing, and
 * keeps nothing.
 */
#include "base/assert.h"
#include "target/core.h"

static void reject(struct tenure *n)
{
	if (n->reply_len < sizeof(n->reply))
		n->reply[n->reply_len++] = 0x07; /* MESSAGE REJECT */
}

static bool same_operation(const struct tenure *n, const struct scsi_msg_mirror *m)
{
	return m->group == n->group && m->op == n->op;
}

static bool names(uint32_t devices, uint8_t device)
{
	return device < 32 && (devices >> device & 1);
}

static void leader_identification(struct tgt *t, const struct scsi_msg_mirror *m)
{
	struct tenure *n = &t->tenure;
	bool leads = n->role != BURST_PARTICIPANT;
	/* IDENTIFY names the leader's logical unit; a participant's is the one that is a member. */
	const struct tgt_lu *lu = leads ? tgt_lu_at(t, n->lun) : tgt_lu_of_group(t, m->group);
	if (!lu)
		lu = &t->absent;
	const struct mode_mirror *member = &lu->modes.current.mirror;
	if (!leads)
		n->lun = lu->lun;
	n->mirror = true;
	n->group = m->group;
	n->op = m->op;
	n->device = member->device;
	n->cdb_len = 0;
	n->broadcast = m->broadcast;
	/* A tag tells the pass's tasks apart. */
	n->foreign = !member->member || member->group != m->group || !n->tagged ||
	             leads != (m->device == member->device) ||
	             (m->broadcast && !names(m->devices, member->device));
	n->next = leads ? NEXT_COMMAND : NEXT_LATCHED;
	if (leads && n->foreign) {
		reject(n);
		n->next = NEXT_FREE;
	}
}

/* The leader hears all further messages: those that it drives itself, and, snooping, the others'.
 */
static void leader_hears(struct tenure *n, const struct scsi_msg_mirror *m)
{
	bool out_of_place = n->broadcast && m->function == MIRROR_SELECT;
	if (!same_operation(n, m) || m->broadcast != n->broadcast || out_of_place) {
		if (n->next == NEXT_MORE)
			reject(n);
		return;
	}
	n->next = m->function == MIRROR_RELEASE ? NEXT_FREE : NEXT_PASS;
}

void tgt_silent_message(struct tgt *t, const struct scsi_msg_mirror *m)
{
	struct tenure *n = &t->tenure;
	switch (m->function) {
	case MIRROR_LEADER:
		leader_identification(t, m);
		return;
	case MIRROR_SELECT:
	case MIRROR_RELEASE:
		if (n->mirror && n->role != BURST_PARTICIPANT) {
			leader_hears(n, m);
			return;
		}
		if (n->mirror)
			return; /* who is named next is the bus's to find */
		break;
	case MIRROR_STATUS:
		break;
	}
	/* Out of place: no operation goes on here, or it is a target's message. */
	reject(n);
	if (!n->mirror)
		n->next = NEXT_FREE;
}

void tgt_silent_accept(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	n->next = NEXT_MORE;
	if (n->foreign || n->cdb_len == 0)
		return;
	struct task *k = tgt_dispatch(t);
	if (k->state == TASK_DONE) {
		tgt_task_deliver(t, k); /* refused: the data phase is skipped */
		return;
	}
	n->task = k;
	if (k->state == TASK_DATA) {
		n->next = NEXT_DATA;
		return;
	}
	n->task = NULL;
	tgt_task_submit(t, k);
}

void tgt_silent_token(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	if (n->role != BURST_PARTICIPANT) {
		/* It came back: from one that did not take it, or died with it. What a message
		 * has said since holds. */
		if (n->next == NEXT_PASS)
			n->next = NEXT_MORE;
		return;
	}
	if (fault_dies(&t->faults, STEP_SELECTED))
		tgt_out_die(t);
	if (n->next == NEXT_LATCHED && n->mirror)
		tgt_silent_accept(t);
	else
		n->next = NEXT_MORE;
}

void tgt_silent_latched(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	if (n->role == BURST_PARTICIPANT && n->mirror && n->broadcast && n->next == NEXT_LATCHED)
		tgt_silent_accept(t);
}

void tgt_silent_answer(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	if (!n->wanted)
		return;
	switch (n->next) {
	case NEXT_MESSAGES:
	case NEXT_MORE:
		tgt_reply_phase(t, ITEM_MSG_OUT, 0);
		break;
	case NEXT_COMMAND:
		tgt_reply_phase(t, ITEM_COMMAND, 0);
		break;
	case NEXT_DATA:
		sm_assert(n->task);
		if (fault_dies(&t->faults, STEP_DATA))
			tgt_out_die(t);
		tgt_reply_phase(t, ITEM_DATA_OUT, n->task->want_out);
		break;
	case NEXT_PASS:
	case NEXT_LATCHED:
		tgt_reply_phase(t, ITEM_PASS, 0);
		break;
	case NEXT_STATUS:
	case NEXT_FREE:
		tgt_reply_phase(t, ITEM_FREE, 0);
		break;
	case NEXT_DRAIN:
		break;
	}
}
