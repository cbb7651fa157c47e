/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Silent mirroring: leader, participants, the phase token.
 *
 * The token is the right to drive REQ, C/D, I/O and MSG (tenure.driver). It goes L -> P1 -> ...
 * -> Pk; BSY stays with L. Who gets it is whom the initiator names, if that one port registered
 * (group, device) and heard the operation's COMMAND phase: it latched leader, tag and CDB. A
 * port that was named has used its latch up.
 *
 *   leader identified -> COMMAND: latched = members of the group
 *   TARGET SELECTION  -> token to the claimant, or (nobody, conflict, no latch) back to L
 *   token taken back  -> (time-out, port gone) L drives MESSAGE OUT; the old token is void
 *   a further TARGET LEADER IDENTIFICATION (of the script, or of the next, chain.c): L has the
 *                        token, members latch anew
 *   BUS RELEASE       -> L releases BSY
 *
 * In a broadcast pass the token stays with L, and there is one DATA OUT phase (broadcast.c).
 */
#include "bus/core.h"

#include <string.h>

/* ---- legs ---- */

static struct wire_leg *leg(struct tenure *t)
{
	sm_assert(t->leg > 0 && t->leg <= t->n_legs);
	return &t->legs[t->leg - 1];
}

void silent_begin(struct bus *b, const struct script *s)
{
	struct tenure *t = &b->ten;

	t->mirror = true;
	t->has_op = true;
	t->op = s->op;
	t->n_legs = s->n_legs;
	memcpy(t->legs, s->buf->legs, s->n_legs * sizeof(*t->legs));
}

static void leg_open(struct tenure *t, uint8_t port)
{
	t->leg += 1 + t->listeners;
	t->listeners = 0;
	leg(t)->port = port;
	t->leg_asked = false;
	t->leg_data = false;
}

/* The bytes that the script has for the leg at hand. */
static void leg_find_data(struct tenure *t)
{
	struct wire_item it;

	t->leg_data = script_next(t, ITEM_DATA_OUT, &it);
	if (t->leg_data)
		t->leg_piece = (struct piece){it.off, it.len, it.crc};
}

/* Its DATA OUT is over, or will not come. */
static void leg_close(struct tenure *t, uint8_t result)
{
	if (!t->leg_asked)
		leg(t)->result = result;
	t->leg_asked = true;
}

/* ---- the operation ---- */

void silent_identified(struct bus *b, struct span bytes)
{
	struct tenure *t = &b->ten;
	struct scsi_msg msg;

	sm_assert(script_mirror(bytes, &msg) && bytes.n <= sizeof(t->latch));
	const struct scsi_msg_mirror *m = &msg.mirror;
	t->group = m->group;
	t->device = m->device;
	t->op = m->op;
	t->latched = 0;
	t->cdb_len = 0;
	t->cdb_known = false;
	t->latch_len = (uint16_t)bytes.n;
	memcpy(t->latch, bytes.p, bytes.n);
	leg_open(t, t->target);
	t->pos = POS_MESSAGES;
	broadcast_note(b, t->target, m->broadcast);
	if (m->broadcast)
		broadcast_begin(b, m);
}

static bool in_group(const struct port *p, uint16_t group)
{
	for (unsigned i = 0; i < p->members.n; i++)
		if (p->members.m[i].group == group)
			return true;
	return false;
}

const struct wire_member *silent_member(const struct port *p, uint16_t group, uint8_t device)
{
	for (unsigned i = 0; i < p->members.n; i++)
		if (p->members.m[i].group == group && p->members.m[i].device == device)
			return &p->members.m[i];
	return NULL;
}

void silent_latch(struct bus *b)
{
	struct tenure *t = &b->ten;

	for (uint8_t i = 0; i < WIRE_IDS; i++)
		if (b->port[i].up && i != t->target && in_group(&b->port[i], t->group) &&
		    script_is_for(t->script, &b->port[i]))
			t->latched |= id_bit(i);
	leg_find_data(t);
}

/* ---- the token ---- */

struct port *silent_claimant(struct bus *b, uint8_t device)
{
	struct port *found = NULL;

	for (unsigned i = 0; i < WIRE_IDS; i++) {
		struct port *p = &b->port[i];
		if (!p->up || !silent_member(p, b->ten.group, device) ||
		    !script_is_for(b->ten.script, p))
			continue;
		if (found)
			return NULL;
		found = p;
	}
	return found;
}

static void give(struct bus *b)
{
	struct tenure *t = &b->ten;
	struct port *p = silent_claimant(b, leg(t)->device);

	if (!p || !(t->latched & id_bit(p->id))) {
		silent_back(b, LEG_NO_TAKER);
		return;
	}
	t->latched &= (uint16_t)~id_bit(p->id);
	broadcast_note(b, p->id, false);
	leg(t)->port = p->id;
	t->driver = p->id;
	t->pos = POS_COMMAND;
	burst_bytes(b, p, ITEM_LATCH, t->target, (struct span){t->latch, t->latch_len});
	burst_bytes(b, p, ITEM_COMMAND, 0, (struct span){t->cdb, t->cdb_len});
	burst_bytes(b, p, ITEM_MSG_OUT, 0, t->select);
	burst_plain(b, p, ITEM_TOKEN, 0, 0);
}

void silent_back(struct bus *b, uint8_t result)
{
	struct tenure *t = &b->ten;

	/* Nobody drives REQ until the initiator gives up waiting. A port that lets go by itself
	 * costs nothing. */
	if (result != LEG_DECLINED)
		t->lost_ps += b->cfg.timing.ps[BUS_SELECTION_ABORT_TIME];
	leg_close(t, result);
	t->driver = t->target;
	tenure_unwait(b);
	t->state = TENURE_RUNS;
	t->pos = POS_BACK;
	if (ten_target(b)->arm.mode == ARM_NONE)
		burst_plain(b, ten_target(b), ITEM_TOKEN, 0, 0);
}

void silent_pass(struct bus *b)
{
	struct tenure *t = &b->ten;

	if (t->driver == t->target) {
		give(b);
	} else {
		burst_flush(b, ten_driver(b), false);
		silent_back(b, LEG_DECLINED);
	}
}

/* ---- phases ---- */

void silent_data_out(struct bus *b, uint32_t most)
{
	struct tenure *t = &b->ten;
	struct piece piece = t->leg_piece;
	struct block *data = t->script->data;

	if (!t->leg_data || t->leg_asked)
		piece = (struct piece){0};
	uint32_t whole = piece.len;
	if (piece.len > most) {
		piece.len = most;
		piece.crc = piece.len ? phase_crc(b, data, piece) : 0;
	}
	phase_data(b, PHASE_DATA_OUT, data, piece);
	t->data_out += piece.len;
	leg(t)->moved += piece.len;
	burst_data(b, ten_driver(b), data, piece, piece.len < most ? ITEM_CUT : 0);
	if (t->listeners > 0 && piece.len == whole && !t->leg_asked)
		broadcast_data(b);
	leg_close(t, piece.len == whole ? LEG_TAKEN : LEG_CUT);
	t->pos = POS_DATA;
}

/* The next MESSAGE OUT of the script, whatever the driver left out before it. */
static bool next_message(struct tenure *t, struct wire_item *it)
{
	while (wire_item_get(&t->items, it))
		if (it->kind == ITEM_MSG_OUT)
			return true;
	return false;
}

static void named(struct bus *b, struct span bytes)
{
	struct tenure *t = &b->ten;
	struct port *l = ten_target(b);

	leg_open(t, WIRE_NO_ID);
	leg_find_data(t);
	t->select = bytes;
	if (l->arm.mode == ARM_NONE) {
		burst_bytes(b, l, ITEM_MSG_OUT, 0, bytes);
		if (t->driver == t->target) {
			t->pos = POS_NAMED;
			return;
		}
	}
	give(b);
}

static void released(struct bus *b, struct span bytes)
{
	struct tenure *t = &b->ten;
	struct port *l = ten_target(b);

	t->release = true;
	t->driver = t->target;
	if (l->arm.mode != ARM_NONE) {
		tenure_end(b, OUTCOME_RELEASED, false);
		return;
	}
	burst_bytes(b, l, ITEM_MSG_OUT, 0, bytes);
	t->pos = POS_RELEASED;
}

/* A further operation under the same tenure: it begins as the first did, but for the selection. */
static void chained(struct bus *b, struct span bytes)
{
	struct tenure *t = &b->ten;

	t->driver = t->target;
	burst_flush(b, ten_target(b), false); /* one burst an operation */
	burst_bytes(b, ten_target(b), ITEM_MSG_OUT, 0, bytes);
	t->tagged = t->simple = false;
	t->plain = true;
	snoop_out(b, bytes);
	silent_identified(b, bytes);
}

void silent_message_out(struct bus *b)
{
	struct tenure *t = &b->ten;
	struct scsi_msg m;
	struct wire_item it;

	/* Without data there is nothing to decline: what it did comes with its status. */
	leg_close(t, t->leg_data || t->cdb_len == 0 ? LEG_DECLINED : LEG_TAKEN);
	broadcast_close(t);
	bool there = next_message(t, &it) && script_mirror(it.bytes, &m);
	sm_assert(there); /* judged when the script came: it ends with BUS RELEASE */
	struct script *next = m.mirror.function == MIRROR_RELEASE ? chain_next(b) : NULL;
	if (next) {
		chain_begin(b, next);
		there = next_message(t, &it) && script_mirror(it.bytes, &m);
		sm_assert(there);
		it.bytes = chain_identification(it.bytes);
	}
	t->op = m.mirror.op;
	phase_bytes(b, PHASE_MESSAGE_OUT, true, it.bytes);
	if (t->driver != t->target)
		burst_flush(b, ten_driver(b), false);
	switch (m.mirror.function) {
	case MIRROR_LEADER:
		chained(b, it.bytes);
		break;
	case MIRROR_SELECT:
		named(b, it.bytes);
		break;
	case MIRROR_RELEASE:
		released(b, it.bytes);
		break;
	case MIRROR_STATUS:
		sm_assert(false);
		break;
	}
}

/* ---- ends ---- */

void silent_port_lost(struct bus *b, struct port *p)
{
	struct tenure *t = &b->ten;

	t->latched &= (uint16_t)~id_bit(p->id);
	if (!t->mirror || t->driver != p->id)
		return;
	silent_back(b, LEG_TIMEOUT);
	tenure_advance(b);
}

void silent_blame(struct tenure *t)
{
	if (!t->mirror)
		return;
	if (t->leg == 0)
		leg_open(t, t->target);
	if (t->leg == 1)
		leg_close(t, LEG_TIMEOUT);
}

void silent_end(struct bus *b)
{
	struct tenure *t = &b->ten;

	if (!t->mirror || t->leg == 0 || t->driver == WIRE_NO_ID)
		return;
	bool cut = !t->leg_asked && t->leg_data && t->pos == POS_COMMAND;
	if (cut)
		leg_close(t, LEG_CUT);
	if (t->driver == t->target)
		return;
	struct port *p = ten_driver(b);
	if (cut)
		burst_data(b, p, NULL, (struct piece){0}, ITEM_CUT);
	burst_plain(b, p, ITEM_FREE, 0, ITEM_CUT);
	burst_flush(b, p, false);
}
