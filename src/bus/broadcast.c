/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Broadcast passes: one DATA OUT phase for all members.
 *
 * The identification names the members by a bitmap of device ids. The leader drives the phase
 * lines throughout, and clocks the data; every other named member that heard the COMMAND phase and
 * whose port is armed for this very command latches them, at the leader's agreement. Nobody else
 * can be asked in the middle of a data phase, so who cannot latch misses it: the initiator learns
 * that by the legs of its report, and sends it the data by a silent pass.
 */
#include "bus/core.h"

#include <string.h>

void broadcast_begin(struct bus *b, const struct scsi_msg_mirror *m)
{
	struct tenure *t = &b->ten;

	t->listeners = (unsigned)__builtin_popcount(m->devices) - 1;
	sm_assert(t->leg + t->listeners <= t->n_legs);
}

/* The leader's data phase is clocked as the leader has agreed to: who has agreed to anything else
 * cannot follow. */
static bool follows(const struct bus *b, const struct port *p)
{
	const struct xfer *x = b->agreed[b->ten.init];

	return xfer_alike(x[p->id], x[b->ten.target]);
}

static void latch(struct bus *b, struct wire_leg *leg)
{
	struct tenure *t = &b->ten;
	struct port *p = silent_claimant(b, leg->device);

	if (!p || !(t->latched & id_bit(p->id)) || !follows(b, p) ||
	    !arm_takes_pass(b, p, leg->device))
		return;
	t->latched &= (uint16_t)~id_bit(p->id);
	leg->port = p->id;
	leg->moved = t->leg_piece.len;
	leg->result = LEG_TAKEN;
	broadcast_note(b, p->id, true);
	burst_bytes(b, p, ITEM_LATCH, t->target, (struct span){t->latch, t->latch_len});
	burst_bytes(b, p, ITEM_COMMAND, 0, (struct span){t->cdb, t->cdb_len});
	burst_data(b, p, t->script->data, t->leg_piece, 0);
	burst_flush(b, p, false);
}

void broadcast_data(struct bus *b)
{
	struct tenure *t = &b->ten;

	for (unsigned i = 0; i < t->listeners; i++)
		latch(b, &t->legs[t->leg + i]);
}

void broadcast_close(struct tenure *t)
{
	for (unsigned i = 0; i < t->listeners; i++)
		if (t->legs[t->leg + i].result == LEG_NOT_REACHED)
			t->legs[t->leg + i].result = LEG_NO_TAKER;
}

void broadcast_note(struct bus *b, uint8_t id, bool broadcast)
{
	const struct tenure *t = &b->ten;
	uint64_t *word = &b->port[id].broadcast_tags[t->init][t->tag / 64];
	uint64_t bit = UINT64_C(1) << t->tag % 64;

	*word = broadcast ? *word | bit : *word & ~bit;
}

bool broadcast_status(const struct port *p, const struct program *g)
{
	/* A program may name an initiator that is not there: it is not run then. */
	return g->mirror && g->tagged && g->initiator < WIRE_IDS &&
	       (p->broadcast_tags[g->initiator][g->tag / 64] >> g->tag % 64 & 1);
}
