/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statuses that the passes of an initiator still wait for. It can do nothing with the report of a
 * pass, nor with a status, before the last one is there: so those that others are to follow need
 * not be sent at once, and one frame's worth of waking it serves for all of them. That is a hint to
 * the shell, which bounds the wait; nothing depends on it. Passes whose places coincide lose
 * theirs, and are sent as they come.
 */
#include "bus/core.h"

static struct owed *place(struct port *p, uint32_t op)
{
	return &p->owed[op % OWED_OPS];
}

static bool comes(uint8_t leg_result)
{
	switch ((enum wire_leg_result)leg_result) {
	case LEG_TAKEN:
	case LEG_DECLINED:
	case LEG_CUT:
		return true;
	case LEG_NO_TAKER:
	case LEG_TIMEOUT:
	case LEG_NOT_REACHED:
		break;
	}
	return false;
}

bool owed_pass(struct port *p, const struct wire_leg *legs, unsigned n)
{
	bool some = false;

	/* An earlier attach of the port may have left the same operation ids behind. */
	for (unsigned i = 0; i < n; i++)
		*place(p, legs[i].op) = (struct owed){.op = legs[i].op};
	for (unsigned i = 0; i < n; i++) {
		struct owed *o = place(p, legs[i].op);
		if (o->op == legs[i].op && comes(legs[i].result)) {
			o->left++;
			some = true;
		}
	}
	return some;
}

bool owed_status(struct port *p, uint32_t op)
{
	struct owed *o = place(p, op);

	if (o->op != op || o->left == 0)
		return false;
	return --o->left > 0;
}
