/* SPDX-License-Identifier: BSD-2-Clause */
/* Marks of what the bus server says of tenures and of its ports, and disks of their commands. */
#include "bus/core.h"
#include "scsi/iu.h"
#include "scsi/msg.h"
#include "scsi/status.h"
#include "sim/sim.h"

#include <string.h>

/* ---- statuses ---- */

/* Sense keys that say why a command was not done; of each other one: none. */
static const struct {
	uint8_t key;
	enum mark mark;
} keys[] = {
        {KEY_NOT_READY, MARK_SAYS_NOT_READY},
        {KEY_UNIT_ATTENTION, MARK_SAYS_ATTENTION},
        {KEY_DATA_PROTECT, MARK_SAYS_PROTECTED},
        {KEY_ABORTED_COMMAND, MARK_SAYS_CUT},
};

static void sense_seen(struct sim *s, struct span bytes)
{
	struct scsi_sense sense;

	if (bytes.n == 0 || !scsi_sense_get(bytes, &sense))
		return;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (keys[i].key == sense.key)
			sim_mark(s, keys[i].mark);
}

/* Of a pass it comes with MIRROR STATUS, of a packetized command in its unit. */
static void sense_of(struct sim *s, const struct wire_tenure *tn)
{
	struct rd r = rd_init(tn->msg_in.p, tn->msg_in.n);
	struct iu_status u;
	struct scsi_msg m;

	while (rd_left(&r) && scsi_msg_get(&r, &m))
		if (m.kind == MSG_EXT_MIRROR && m.mirror.function == MIRROR_STATUS)
			sense_seen(s, (struct span){m.mirror.sense, m.mirror.sense_len});
	if (tn->unit.n > 0 && iu_status_get(tn->unit, &u))
		sense_seen(s, (struct span){u.sense.p, u.sense.n});
}

static void status_seen(struct sim *s, const struct wire_tenure *tn)
{
	if (!tn->has_status)
		return;
	if (tn->status == SCSI_BUSY || tn->status == SCSI_TASK_SET_FULL)
		sim_mark(s, MARK_SAYS_BUSY);
	if (tn->status == SCSI_RESERVATION_CONFLICT)
		sim_mark(s, MARK_SAYS_CONFLICT);
	if (tn->status == SCSI_CHECK_CONDITION)
		sense_of(s, tn);
}

/* ---- tenures ---- */

static const enum mark legs[] = {
        [LEG_DECLINED] = MARK_LEG_DECLINED,       [LEG_NO_TAKER] = MARK_LEG_NO_TAKER,
        [LEG_TIMEOUT] = MARK_LEG_TIMEOUT,         [LEG_CUT] = MARK_LEG_CUT,
        [LEG_NOT_REACHED] = MARK_LEG_NOT_REACHED,
};

static void leg_seen(struct sim *s, const struct wire_tenure *tn, const struct wire_leg *l,
                     bool leader)
{
	bool broadcast = s->bus.b->ten.kind == TENURE_BROADCAST;

	if (l->result == LEG_TAKEN)
		return;
	if (broadcast && !leader && l->result == LEG_NO_TAKER &&
	    (tn->outcome == OUTCOME_RELEASED || tn->outcome == OUTCOME_CHAINED))
		sim_mark(s, MARK_BROADCAST_MISSED);
	else if (leader && l->result == LEG_DECLINED)
		sim_mark(s, MARK_LEADER_REFUSES);
	else if (!leader)
		sim_mark(s, legs[l->result]);
}

static void tenure_seen(struct sim *s, const struct wire_tenure *tn)
{
	bool silent = tn->n_legs > 0;

	if (tn->outcome == OUTCOME_NO_NEXUS)
		sim_mark(s, MARK_NO_NEXUS);
	else if (silent && tn->outcome == OUTCOME_UNEXPECTED_FREE)
		sim_mark(s, MARK_LEADER_GONE);
	else if (silent && tn->outcome == OUTCOME_RESET && tn->tenure != 0)
		sim_mark(s, MARK_LEADER_RESET);
	else if (silent && tn->outcome == OUTCOME_SELECTION_TIMEOUT)
		sim_mark(s, MARK_LEADER_NOBODY);
	/* What never had the bus says nothing of its participants. */
	bool ran = tn->tenure != 0 && tn->outcome != OUTCOME_SELECTION_TIMEOUT;
	for (unsigned i = 0; ran && i < tn->n_legs; i++)
		leg_seen(s, tn, &tn->legs[i], i == 0);
	status_seen(s, tn);
}

/* ---- ports ---- */

/* The bus server's words: which limit it was is nowhere else. */
static const struct {
	uint8_t type; /* of the frame: who is refused is told why, and goes; who only errs stays */
	const char *text;
	enum mark mark;
} words[] = {
        {WIRE_REFUSED, "kept a phase waiting in tenure", MARK_FENCED_PHASE},
        {WIRE_REFUSED, "kept the bus in tenure", MARK_FENCED_TENURE},
        {WIRE_REFUSED, "silent for", MARK_FENCED_SILENT},
        {WIRE_ERROR, "any more", MARK_OLD_TOKEN},
        {WIRE_ERROR, "is claimed by", MARK_CLAIMED_TWICE},
};

static void words_seen(struct sim *s, const struct wire_frame *f)
{
	if (f->error.code == CODE_SUPERSEDED || f->error.code == CODE_UUID_HELD)
		sim_mark(s, MARK_UUID_TWICE);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].type == f->type && strstr(f->error.text, words[i].text))
			sim_mark(s, words[i].mark);
}

void seen_frame(struct sim *s, const struct wire_frame *f)
{
	if (f->type == WIRE_TENURE)
		tenure_seen(s, &f->tenure);
	else if (f->type == WIRE_REFUSED || f->type == WIRE_ERROR)
		words_seen(s, f);
}

/* ---- the host adapter ---- */

void seen_host(struct sim *s, struct sim_host *h)
{
	const struct hba_stats *now = hba_stats(h->h), *was = &h->stats;

	if (now->stale_statuses > was->stale_statuses)
		sim_mark(s, MARK_STATUS_OLD);
	if (now->aborts > was->aborts)
		sim_mark(s, MARK_STATUS_LATE);
	if (now->aborts_failed > was->aborts_failed)
		sim_mark(s, MARK_ABORT_UNKNOWN);
	h->stats = *now;
}
