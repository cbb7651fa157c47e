/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks that end without having been done: by their own initiator, by another one, by QERR, by
 * resets. SAM-5, "Aborting commands": the initiator whose doing it was is told nothing; others are,
 * by UNIT ATTENTION, or with TAS=1 by TASK ABORTED status of each task.
 *
 * What is in the store stays there until that has answered: whoever is told that it has ended, is
 * told so after that.
 */
#include "base/assert.h"
#include "target/core.h"

/* It has the bus, perhaps, and its data are still to come: they are not waited for. */
static void want_no_data(struct tgt *t, const struct task *k)
{
	if (t->tenure.task == k && t->tenure.next == NEXT_DATA)
		t->tenure.next = k->silent ? NEXT_MORE : NEXT_STATUS;
}

void tgt_task_abort(struct tgt *t, struct task *k)
{
	k->told = false;
	if (k->state == TASK_DRAIN)
		return;
	want_no_data(t, k);
	if (t->tenure.task == k)
		t->tenure.task = NULL;
	if (k->state == TASK_RUNNING)
		tgt_task_set(t, k, TASK_DRAIN);
	else
		tgt_task_drop(t, k);
}

void tgt_task_abort_all(struct tgt *t, uint8_t initiator, uint8_t lun)
{
	struct task *k = TAILQ_FIRST(&t->tasks);
	while (k) {
		struct task *next = TAILQ_NEXT(k, link);
		if ((initiator == WIRE_NO_ID || k->initiator == initiator) &&
		    (lun == WIRE_NO_ID || k->lun == lun))
			tgt_task_abort(t, k);
		k = next;
	}
}

void tgt_task_abort_gone(struct tgt *t, uint8_t lun)
{
	struct task *k = TAILQ_FIRST(&t->tasks);
	while (k) {
		struct task *next = TAILQ_NEXT(k, link);
		if (k->lun == lun && !k->lu->present)
			tgt_task_abort(t, k);
		k = next;
	}
}

/* ---- by another initiator ---- */

/* TASK ABORTED, when it has left the store; in the tenure that is open for it, as its status. */
static void tell_by_status(struct tgt *t, struct task *k)
{
	if (k->state == TASK_DRAIN)
		return;
	k->status = SCSI_TASK_ABORTED;
	k->parked = false;
	if (k->state == TASK_RUNNING) {
		tgt_task_set(t, k, TASK_DRAIN);
		k->told = true;
		return;
	}
	want_no_data(t, k);
	tgt_task_deliver(t, k);
}

void tgt_task_abort_by(struct tgt *t, struct task *k, uint8_t by)
{
	bool others = k->initiator != by;
	if (others && k->lu->modes.current.tas) {
		tell_by_status(t, k);
		return;
	}
	if (others && k->state != TASK_DRAIN)
		ua_post(&tgt_nexus(k)->ua, UA_CLEARED);
	tgt_task_abort(t, k);
}

void tgt_task_abort_set(struct tgt *t, const struct tgt_lu *lu, uint16_t nexuses, uint8_t by,
                        const struct task *but)
{
	/* By slot: those that end may be any of the list. */
	for (unsigned i = 0; i < t->n_slots; i++) {
		struct task *k = &t->slot[i];
		if (k->state != TASK_FREE && k != but && k->lu == lu &&
		    (nexuses >> k->initiator & 1))
			tgt_task_abort_by(t, k, by);
	}
}

void tgt_task_preempt(struct tgt *t, struct task *k, uint16_t nexuses)
{
	tgt_task_abort_set(t, k->lu, nexuses, k->initiator, k);
	for (uint8_t i = 0; i < WIRE_IDS; i++)
		if (nexuses >> i & 1)
			tgt_allegiance_end(k->lu, i);
	k->after_drain = true;
}

/* ---- QERR ---- */

static void queue_error(struct tgt *t, struct tgt_lu *lu)
{
	uint16_t nexuses = lu->faulted;
	lu->faulted = 0;
	for (uint8_t i = 0; i < WIRE_IDS; i++) {
		bool all = lu->modes.current.qerr == QERR_ALL && !tgt_lu_apart(lu);
		if (nexuses >> i & 1)
			tgt_task_abort_set(t, lu, (uint16_t)(all ? UINT16_MAX : 1U << i), i, NULL);
	}
}

void tgt_task_faulted(struct tgt *t, const struct task *k)
{
	uint32_t qerr = k->lu->modes.current.qerr;
	if (qerr != QERR_ALL && qerr != QERR_NEXUS)
		return;
	k->lu->faulted |= (uint16_t)(1U << k->initiator);
	t->faulted = true;
}

bool tgt_task_queue_errors(struct tgt *t)
{
	struct tgt_lu *lu;
	if (!t->faulted)
		return false;
	t->faulted = false;
	LU_FOREACH (lu, t)
		queue_error(t, lu);
	return true;
}

/* ---- what waits for the store ---- */

static bool drains(const struct tgt *t, const struct tgt_lu *lu)
{
	const struct task *k;
	if (t->n_in[TASK_DRAIN] == 0)
		return false;
	TAILQ_FOREACH (k, &t->tasks, link) {
		if (k->state == TASK_DRAIN && k->lu == lu)
			return true;
	}
	return false;
}

static bool is_of(const struct task *k, const struct drain *d)
{
	return (d->initiator == WIRE_NO_ID || k->initiator == d->initiator) &&
	       (!d->one || (k->tagged == d->tagged && (!d->tagged || k->tag == d->tag)));
}

bool tgt_task_drains(const struct tgt *t, const struct drain *d, ns_t *since)
{
	const struct task *k;
	bool any = false;
	*since = NS_NEVER;
	if (t->n_in[TASK_DRAIN] == 0)
		return false;
	TAILQ_FOREACH (k, &t->tasks, link) {
		if (k->state != TASK_DRAIN || (d->lun != WIRE_NO_ID && k->lun != d->lun))
			continue;
		any = any || is_of(k, d);
		if (k->drains < *since)
			*since = k->drains;
	}
	return any;
}

bool tgt_task_ended(const struct tgt *t, const struct task *k)
{
	return k->state == TASK_DONE && k->due == NS_NEVER && !(k->after_drain && drains(t, k->lu));
}

void tgt_task_drained(struct tgt *t, struct task *k)
{
	tgt_copy_aborted(k);
	if (k->told)
		tgt_task_deliver(t, k);
	else
		tgt_task_drop(t, k);
	k = TAILQ_FIRST(&t->tasks);
	while (k) {
		struct task *next = TAILQ_NEXT(k, link);
		if (k->after_drain && tgt_task_ended(t, k))
			tgt_task_deliver(t, k);
		k = next;
	}
}
