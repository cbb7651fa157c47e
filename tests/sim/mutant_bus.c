/* SPDX-License-Identifier: BSD-2-Clause */
/* Mistakes of the bus server (mutants.def). */
#include "bus/core.h"
#include "sim/mutant.h"

#include <string.h>

WRAP(bool, script_is_for, (const struct script *s, const struct port *p))
{
	return __real_script_is_for(s, p) || MUTANT(KNOWN_IGNORED);
}

/* Of a port that is up it is a reset. */
WRAP(void, scripts_void, (struct bus * b, struct port *p, bool report))
{
	if (!MUTANT(EPOCH_IGNORED) || p->up)
		__real_scripts_void(b, p, report);
}

/* ---- the token ---- */

/* A program of whichever token, from whomever, as the one that the tenure waits for. */
WRAP(void, run_continue, (struct bus * b, struct conn *c, const struct wire_frame *f))
{
	struct tenure *t = &b->ten;
	/* It was taken back from who has sent this, who was not put out for it (limit_run()). */
	bool stays = MUTANT(TOKEN_STAYS) && f->program.tenure == t->key && b->port[c->id].late > 0;
	struct wire_frame as = *f;

	if (t->state == TENURE_WAITS && (stays || MUTANT(TOKEN_VOID))) {
		as.program.tenure = t->key;
		as.program.token = t->token;
		t->awaited = c->id;
	}
	__real_run_continue(b, c, &as);
}

/* Who lets a phase wait only loses its turn. */
WRAP(void, limit_run, (struct bus * b))
{
	const struct tenure *t = &b->ten;

	if (MUTANT(TOKEN_STAYS) && t->state == TENURE_WAITS && t->awaited != t->target &&
	    b->now >= t->phase_deadline) {
		silent_back(b, LEG_TIMEOUT);
		tenure_advance(b);
	}
	__real_limit_run(b);
}

WRAP(void, silent_port_lost, (struct bus * b, struct port *p))
{
	if (!MUTANT(NOT_BACK) || b->ten.driver != p->id)
		__real_silent_port_lost(b, p);
}

WRAP(void, tenure_lost, (struct bus * b))
{
	if (!MUTANT(LEADER_HOLDS) || ten_target(b)->up || !b->port[b->ten.init].up)
		__real_tenure_lost(b);
}

/* ---- passes ---- */

WRAP(void, chain_begin, (struct bus * b, struct script *next))
{
	struct tenure *t = &b->ten;
	struct wire_leg before[WIRE_LEGS_MAX];
	unsigned n = t->n_legs;

	memcpy(before, t->legs, n * sizeof(before[0]));
	__real_chain_begin(b, next);
	for (unsigned i = 0; MUTANT(CHAIN_LEGS) && i < n && i < t->n_legs; i++) {
		t->legs[i].port = before[i].port;
		t->legs[i].result = before[i].result;
		t->legs[i].moved = before[i].moved;
	}
}
