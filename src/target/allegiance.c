/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands between a CHECK CONDITION and its initiator's knowing of it. There is no autosense on
 * a parallel bus without information units: the sense is kept, for each I_T nexus, until REQUEST
 * SENSE comes for it. With them it goes with the status, and nothing is kept; of the two conditions
 * below there is only the second.
 *
 * CA, contingent allegiance (NACA=0; SCSI-2, SAM-2): the initiator's tasks do not start until it
 * has asked for the sense, or sent another command, or five seconds have passed. Others have no
 * part in it.
 *
 * ACA, auto contingent allegiance (NACA=1; SAM-5): no task of the task set starts, but one with the
 * ACA attribute, of that initiator. With TST=0 the task set is everybody's. It ends by CLEAR ACA,
 * by the CHECK CONDITION of an ACA task, by PREEMPT AND ABORT, and when the nexus is lost or there
 * is a reset; not by itself: how long it lasts is for its initiator to say.
 *
 * There is room for one sense. A task that had started before, and that fails, too, gives its CHECK
 * CONDITION when that has been asked for or is void: otherwise its initiator would take the one for
 * the other.
 *
 * Mirroring passes carry their sense with the status. They begin no allegiance and have no part in
 * one of the first kind; ACA, which is about the task set, holds them up as all others.
 */
#include "base/assert.h"
#include "target/core.h"

#define CA_LIMIT_NS                                                                                \
	(5 * NS_PER_S) /* no wait without a limit; a host that is slow still gets its sense */

void tgt_allegiance_begin(const struct tgt *t, const struct task *k)
{
	struct nexus *x = tgt_nexus(k);
	uint16_t bit = (uint16_t)(1U << k->initiator);
	/* SAM-5: one of an ACA task is the end of the condition that it was let through by. */
	if (k->attr == MSG_ACA)
		k->lu->aca &= (uint16_t)~bit;
	if ((k->cdb.control & SCSI_CONTROL_NACA) && k->lu->present)
		k->lu->aca |= bit;
	x->ca = !(k->lu->aca & bit) && !k->units;
	x->ca_lun = k->lun;
	x->has_sense = !k->units;
	x->sense = k->sense;
	x->ca_due = t->now + CA_LIMIT_NS;
}

void tgt_allegiance_end(struct tgt_lu *lu, uint8_t initiator)
{
	lu->aca &= (uint16_t) ~(1U << initiator);
	lu->nexus[initiator].ca = false;
	lu->nexus[initiator].has_sense = false;
}

void tgt_allegiance_sent(const struct task *k, bool queued)
{
	if (tgt_nexus(k)->ca && !k->silent && !queued)
		tgt_allegiance_end(k->lu, k->initiator);
}

bool tgt_allegiance_sense(const struct task *k, struct scsi_sense *out)
{
	struct nexus *x = tgt_nexus(k);
	if (!x->has_sense || x->ca_lun != k->lun)
		return false;
	*out = x->sense;
	x->has_sense = false;
	x->ca = false;
	return true;
}

/* One that there is no room for in the task set has to go at once; and ACA, which has no limit,
 * holds back none. */
bool tgt_allegiance_delays(const struct task *k)
{
	bool fails = k->status == SCSI_CHECK_CONDITION && !k->silent && !k->units && k->lu->present;
	bool may_stay = k->delayed || k->lu->n_tasks <= k->lu->queue_depth;
	return fails && may_stay && tgt_nexus(k)->ca;
}

/* ---- ACA ---- */

/* The nexus whose ACA is in this one's way, which may be itself; WIRE_NO_ID: none. */
static uint8_t in_the_way(const struct task *k)
{
	unsigned aca = k->lu->aca;
	if (aca >> k->initiator & 1)
		return k->initiator;
	if (aca == 0 || tgt_lu_apart(k->lu))
		return WIRE_NO_ID;
	return (uint8_t)__builtin_ctz(aca);
}

static bool another_aca_task(const struct tgt *t, const struct task *k)
{
	const struct task *other;
	TAILQ_FOREACH (other, &t->tasks, link) {
		if (other != k && other->attr == MSG_ACA && other->lu == k->lu &&
		    other->initiator == k->initiator && other->state != TASK_DRAIN)
			return true;
	}
	return false;
}

/* SAM-5, tables "Processing new commands ... while an ACA condition is in effect". */
bool tgt_allegiance_admits(const struct tgt *t, struct task *k)
{
	uint8_t by = in_the_way(k);
	bool own = by == k->initiator;
	bool naca = k->cdb.control & SCSI_CONTROL_NACA;
	if (k->attr == MSG_ACA && k->lu->present && (by == WIRE_NO_ID)) {
		tgt_task_fail(k, SENSE_INVALID_ATTRIBUTE);
		return false;
	}
	if (by == WIRE_NO_ID || k->cdb.op == OP_PR_OUT_PREEMPT_AND_ABORT)
		return true;
	if (own && k->attr == MSG_ACA && !another_aca_task(t, k))
		return true;
	bool busy = !own && k->attr != MSG_ACA && !naca;
	k->status = busy ? SCSI_BUSY : SCSI_ACA_ACTIVE;
	return false;
}

bool tgt_allegiance_holds(const struct task *k)
{
	if (k->attr != MSG_ACA && k->cdb.op != OP_PR_OUT_PREEMPT_AND_ABORT &&
	    in_the_way(k) != WIRE_NO_ID)
		return true;
	return !k->silent && tgt_nexus(k)->ca;
}

/* ---- time ---- */

static void expire(struct tgt_lu *lu, ns_t now)
{
	for (uint8_t i = 0; i < WIRE_IDS; i++)
		if (lu->nexus[i].ca && lu->nexus[i].ca_due <= now)
			tgt_allegiance_end(lu, i);
}

void tgt_allegiance_expire(struct tgt *t)
{
	struct tgt_lu *lu;
	LU_FOREACH (lu, t)
		expire(lu, t->now);
	expire(&t->absent, t->now);
}

static ns_t deadline(const struct tgt_lu *lu, ns_t first)
{
	for (unsigned i = 0; i < WIRE_IDS; i++)
		if (lu->nexus[i].ca && lu->nexus[i].ca_due < first)
			first = lu->nexus[i].ca_due;
	return first;
}

ns_t tgt_allegiance_deadline(const struct tgt *t)
{
	const struct tgt_lu *lu;
	ns_t first = deadline(&t->absent, NS_NEVER);
	LU_FOREACH (lu, t)
		first = deadline(lu, first);
	return first;
}
