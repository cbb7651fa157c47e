/* SPDX-License-Identifier: BSD-2-Clause */
/* The task set: slots, start, completion. The state diagram stands in task.h. */
#include "base/assert.h"
#include "target/core.h"

void tgt_task_set(struct tgt *t, struct task *k, enum task_state state)
{
	if (k->state != TASK_FREE)
		t->n_in[k->state]--;
	k->state = state;
	if (state == TASK_DRAIN)
		k->drains = t->now;
	if (state != TASK_FREE)
		t->n_in[state]++;
}

struct task *tgt_task_take(struct tgt *t)
{
	struct task *k = t->slot;
	while (k < t->slot + t->n_slots && k->state != TASK_FREE)
		k++;
	/* A tenure has one task at most, and others are accepted up to the queue depth only, and
	 * TGT_BEYOND_MAX. */
	sm_assert(k < t->slot + t->n_slots);
	uint32_t gen = k->gen + 1;
	*k = (struct task){.gen = gen, .due = NS_NEVER};
	tgt_task_set(t, k, TASK_READY);
	TAILQ_INSERT_TAIL(&t->tasks, k, link);
	t->n_tasks++;
	return k;
}

void tgt_task_drop(struct tgt *t, struct task *k)
{
	sm_assert(k->state != TASK_FREE);
	if (t->tenure.task == k)
		t->tenure.task = NULL;
	tgt_copy_aborted(k);
	/* Actions of this step may still point to them. */
	tgt_out_hold(t, k->data);
	tgt_out_hold(t, k->in);
	k->data = NULL;
	k->in = NULL;
	TAILQ_REMOVE(&t->tasks, k, link);
	t->n_tasks--;
	k->lu->n_tasks--;
	if (k->on)
		k->on->n_copies--;
	k->on = NULL;
	tgt_task_set(t, k, TASK_FREE);
}

struct task *tgt_task_find(struct tgt *t, uint8_t initiator, uint8_t lun, bool tagged, uint8_t tag)
{
	struct task *k;
	TAILQ_FOREACH (k, &t->tasks, link) {
		if (tgt_task_lives(k) && k->initiator == initiator && k->lun == lun &&
		    k->tagged == tagged && k->tag == tag)
			return k;
	}
	return NULL;
}

uint32_t tgt_task_op(const struct tgt *t, const struct task *k)
{
	return (uint32_t)(k - t->slot) | k->gen << TGT_GEN_SHIFT;
}

struct task *tgt_task_by_op(struct tgt *t, uint32_t op)
{
	unsigned i = op & ((1U << TGT_GEN_SHIFT) - 1);
	if (i >= t->n_slots)
		return NULL;
	struct task *k = &t->slot[i];
	bool live = k->state == TASK_RUNNING || k->state == TASK_DRAIN;
	return live && tgt_task_op(t, k) == op ? k : NULL;
}

/* ---- start ---- */

static void start(struct tgt *t, struct task *k)
{
	const struct cmd *c = tgt_cmd_find(k->cdb.op);
	sm_assert(k->state == TASK_WAITING && c);
	/* SPC-4, "Reservations": what counts is what is reserved when it is its turn. */
	if (!tgt_reserve_allows(k)) {
		k->status = SCSI_RESERVATION_CONFLICT;
		tgt_task_finish(t, k);
		return;
	}
	if (tgt_members_before(k, c->flags)) {
		tgt_task_fail(k, SENSE_MODE_PARAMETERS_CHANGED);
		tgt_task_finish(t, k);
		return;
	}
	k->status = SCSI_GOOD;
	/* SPC-4: what is kept of a copy goes when its room is needed, here for whatever comes next
	 * that is more than a question. */
	if (!(c->flags & CMD_QUICK))
		tgt_nexus(k)->copy.kept = false;
	bool goes_on = tgt_bg_allows(k, c) && c->run(t, k);
	if (k->parked)
		return;
	if (goes_on)
		tgt_work_next(t, k);
	else
		tgt_task_finish(t, k);
}

void tgt_task_submit(struct tgt *t, struct task *k)
{
	sm_assert(k->state == TASK_READY);
	const struct cmd *c = tgt_cmd_find(k->cdb.op);
	tgt_task_set(t, k, TASK_WAITING);
	if (!k->lu->present && !(c && (c->flags & CMD_ANY_LUN))) {
		tgt_task_fail(k, SENSE_LUN_NOT_SUPPORTED); /* it went meanwhile */
		tgt_task_finish(t, k);
		return;
	}
	/* Quick commands touch nothing that others have to do with: no order holds for them. */
	if ((c && (c->flags & CMD_QUICK)) || tgt_order_may_start(t, k))
		start(t, k);
}

/* One that may not disconnect has the bus, and whose the ACA is needs the bus to end it: it cannot
 * wait for that. */
static bool cannot_wait(const struct tgt *t, struct task *k)
{
	return k->connected && k->attr != MSG_ACA && !tgt_allegiance_admits(t, k);
}

void tgt_task_run_waiting(struct tgt *t)
{
	struct task *k = TAILQ_FIRST(&t->tasks);
	while (t->n_in[TASK_WAITING] > 0 && k) {
		struct task *next = TAILQ_NEXT(k, link);
		bool waits = k->state == TASK_WAITING;
		if (waits && tgt_order_may_start(t, k))
			start(t, k);
		else if (waits && !k->parked && cannot_wait(t, k))
			tgt_task_finish(t, k);
		k = next;
	}
}

/* ---- completion ---- */

void tgt_task_fail(struct task *k, struct scsi_sense sense)
{
	k->status = SCSI_CHECK_CONDITION;
	k->sense = sense;
}

/* SPC-4, control mode page, UA_INTLCK_CTRL: one also for a status that carries no sense. */
static void interlock(const struct task *k, enum ua_kind ua)
{
	if (k->lu->modes.current.ua_intlck == UA_INTLCK_ALL && !k->silent)
		ua_post(&tgt_nexus(k)->ua, ua);
}

/* Of a status that goes out now. */
static void consequences(struct tgt *t, const struct task *k)
{
	if (k->status == SCSI_BUSY)
		interlock(k, UA_PREVIOUS_BUSY);
	else if (k->status == SCSI_TASK_SET_FULL)
		interlock(k, UA_PREVIOUS_FULL);
	else if (k->status == SCSI_RESERVATION_CONFLICT)
		interlock(k, UA_PREVIOUS_CONFLICT);
	if (k->status != SCSI_CHECK_CONDITION)
		return;
	tgt_task_faulted(t, k);
	if (!k->silent)
		tgt_allegiance_begin(t, k);
}

void tgt_task_deliver(struct tgt *t, struct task *k)
{
	if (k->state != TASK_DONE)
		tgt_task_set(t, k, TASK_DONE);
	k->due = NS_NEVER;
	if (!tgt_task_ended(t, k))
		return; /* what it aborted is in the store yet */
	if (k->connected && !t->tenure.wanted)
		return; /* the bus will ask */
	if (!k->connected && tgt_allegiance_delays(k)) {
		k->delayed = true;
		t->delayed = true;
		return;
	}
	k->delayed = false;
	consequences(t, k);
	tgt_reply_status(t, k);
	if (k->connected)
		tgt_port_close(t);
	else
		tgt_task_drop(t, k);
}

void tgt_task_deliver_delayed(struct tgt *t)
{
	struct task *k = TAILQ_FIRST(&t->tasks);
	if (!t->delayed)
		return;
	t->delayed = false;
	while (k) {
		struct task *next = TAILQ_NEXT(k, link);
		if (k->delayed)
			tgt_task_deliver(t, k);
		k = next;
	}
}

void tgt_task_finish(struct tgt *t, struct task *k)
{
	const struct cmd *c = tgt_cmd_find(k->cdb.op);
	if (k->cdb.op == OP_EXTENDED_COPY)
		tgt_copy_end(k);
	tgt_task_set(t, k, TASK_DONE);
	k->parked = false;
	if (c && (c->flags & CMD_MEDIUM)) {
		if (fault_dies(&t->faults, STEP_STATUS) ||
		    (k->in && fault_dies(&t->faults, STEP_DATA))) {
			tgt_out_die(t);
			return;
		}
		if (fault_strike(&t->faults, FAULT_NO_STATUS, k->lun)) {
			tgt_task_drop(t, k);
			return;
		}
		ns_t wait = fault_slow_ns(&t->faults, k->lun);
		if (wait > 0) {
			k->due = t->now + wait;
			return;
		}
	}
	tgt_task_deliver(t, k);
}

void tgt_task_expire(struct tgt *t)
{
	struct task *k = TAILQ_FIRST(&t->tasks);
	while (k) {
		struct task *next = TAILQ_NEXT(k, link);
		if (k->state == TASK_DONE && k->due <= t->now)
			tgt_task_deliver(t, k);
		k = next;
	}
	tgt_allegiance_expire(t);
}

static ns_t least(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

ns_t tgt_task_deadline(const struct tgt *t)
{
	ns_t first = NS_NEVER;
	const struct task *k;
	if (t->n_in[TASK_DONE] > 0) {
		TAILQ_FOREACH (k, &t->tasks, link) {
			if (k->state == TASK_DONE && k->due < first)
				first = k->due;
		}
	}
	return least(first, tgt_allegiance_deadline(t));
}

void tgt_task_check(const struct tgt *t)
{
	unsigned n_in[TASK_DRAIN + 1] = {0};
	unsigned n = 0;
	const struct task *k;
	TAILQ_FOREACH (k, &t->tasks, link) {
		n++;
		n_in[k->state]++;
		sm_assert(k->state != TASK_FREE);
		sm_assert(k->initiator < WIRE_IDS && k->lu && k->lu->n_tasks > 0);
		sm_assert(k->state != TASK_DATA || ((t->tenure.task == k || k->split) && !k->data));
		sm_assert(k->state != TASK_READY || t->tenure.task == k || k->split);
		sm_assert((k->doing != 0) == (k->state == TASK_RUNNING || k->state == TASK_DRAIN));
		sm_assert(k->due == NS_NEVER || k->state == TASK_DONE);
		sm_assert(!k->parked || (k->state == TASK_WAITING && k->lu->bg.kind != BG_NONE));
		sm_assert(!k->told || k->state == TASK_DRAIN || k->state == TASK_DONE);
		sm_assert(!k->connected || t->tenure.task == k || k->state == TASK_DRAIN);
		sm_assert(!k->delayed || (k->state == TASK_DONE && t->delayed && !k->connected));
		sm_assert(k->state == TASK_DRAIN || k->state == TASK_DONE || k->pos <= k->count);
	}
	for (unsigned s = TASK_DATA; s <= TASK_DRAIN; s++)
		sm_assert(n_in[s] == t->n_in[s]);
	sm_assert(n == t->n_tasks && n <= t->n_slots);
	for (unsigned i = 0; i < t->n_slots; i++)
		sm_assert(t->slot[i].state != TASK_FREE || (!t->slot[i].data && !t->slot[i].in));
}
