/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target that was started again, by its process or its machine: UNIT ATTENTION, POWER ON
 * OCCURRED, where a connection that was cut is I_T NEXUS LOSS OCCURRED. What it had acknowledged
 * and not flushed may be gone, and it is the only one that cannot say so. What that is, the
 * write-intent log knows: its marks stay until all members in sync have confirmed a flush.
 *
 * So a member in sync that comes back like this leaves, if there is another one that was not
 * started again, and a recovery copies what is marked. If all of them were, they are made equal.
 * What a job has copied to it since its last flush is copied again.
 */
#include "initiator/core.h"

static bool here(const struct group *g, unsigned member)
{
	return g->pub.m[member].unit != WIRE_NO_ID;
}

void restart_seen(struct group *g, unsigned member, const struct hba_target *t)
{
	struct member *x = &g->x[member];
	struct job *j;

	if (t->power_on != t->epoch || x->power_on == t->epoch)
		return;
	x->power_on = t->epoch;
	x->restarted = g->listed && g->dirty_ns != 0;
	TAILQ_FOREACH (j, &g->ini->job_live, live)
		if (j->g == g && job_copies(j) && j->phase >= PHASE_SWEEP &&
		    j->phase <= PHASE_FLUSH)
			j->restarted |= (uint16_t)(1U << member);
}

static void leave(struct group *g, uint16_t set)
{
	for (unsigned i = 0; i < g->pub.n; i++)
		if (set >> i & 1)
			(void)member_stale(
			        g, i, "it was started again: what was not flushed may be gone");
	(void)group_change(g, true);
}

/* Marks stay while one of those that were not started again may come yet. */
void restart_look(struct group *g)
{
	uint16_t restarted = 0, other = 0;
	bool all_here = true;

	if (!g->listed)
		return;
	for (unsigned i = 0; i < g->pub.n; i++) {
		struct member *x = &g->x[i];
		if (g->pub.m[i].state != MEMBER_IN_SYNC || g->dirty_ns == 0)
			x->restarted = false; /* it is copied to anyway; nothing is marked */
		else if (x->restarted)
			restarted |= (uint16_t)(1U << i);
		else if (here(g, i))
			other |= (uint16_t)(1U << i);
		if (g->pub.m[i].state == MEMBER_IN_SYNC && !here(g, i))
			all_here = false;
	}
	if (!restarted || (!other && !all_here))
		return;
	if (other)
		leave(g, restarted);
	for (unsigned i = 0; i < g->pub.n; i++)
		g->x[i].restarted = false;
	g->recover |= other || (restarted & (restarted - 1)); /* one alone agrees with itself */
}
