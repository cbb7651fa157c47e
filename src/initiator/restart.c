/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target that was started again, by its process or its machine: VPD page C0h has another number
 * then, which the state file keeps; where it has none, UNIT ATTENTION, POWER ON OCCURRED, tells it,
 * once, where a connection that was cut is I_T NEXUS LOSS OCCURRED. What it had acknowledged and
 * not flushed may be gone, and it is the only one that cannot say so. What that is, the
 * write-intent log knows: its marks stay until all members in sync have confirmed a flush.
 *
 * So a member in sync that comes back like this leaves, if there is another one that was not
 * started again, and a recovery copies what is marked. If all of them were, they are made equal,
 * and the next flush that a client asks for fails: what it was to make durable may be gone. As long
 * as the other one may still come, nothing is read from it. What a job has copied to it since its
 * last flush is copied again.
 *
 * Whoever imports the group has no such state, and goes by what the target says of itself: that it
 * was started since its page 30h was written last. So when nothing is to be made good (any more),
 * its page is written as it is.
 */
#include "initiator/core.h"

#include "base/assert.h"

/* In sync, or a state file may say so: one that is saved before it is durable that it has left has
 * what it was seen to be, too. */
static bool trusted(const struct group *g, unsigned member)
{
	return members_trusted(g) >> member & 1;
}

static bool here(const struct group *g, unsigned member)
{
	return g->pub.m[member].unit != WIRE_NO_ID;
}

/* And that is noted. */
static bool was_started(struct ini_member *m, struct member *x, const struct hba_target *t)
{
	bool told = t->power_on == t->attach && x->power_on != t->attach;
	bool known = m->boot != 0 && t->vpd.boot != 0, other = m->boot != t->vpd.boot;

	if (told)
		x->power_on = t->attach;
	m->boot = t->vpd.boot;
	return known ? other : told;
}

/* Who has it all may have gone just now, and come back. */
static void await_others(struct group *g)
{
	ns_t until = g->ini->now + g->ini->cfg.bus_wait_ns;

	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.m[i].state == MEMBER_IN_SYNC && !g->pub.m[i].restarted && !here(g, i) &&
		    g->x[i].wait_until < until) {
			g->x[i].wait_until = until;
			g->x[i].scans = 0;
		}
}

void restart_seen(struct group *g, unsigned member, const struct hba_target *t)
{
	struct ini_member *m = &g->pub.m[member];
	uint32_t boot = m->boot;
	struct job *j;

	bool started = was_started(m, &g->x[member], t);
	bool matters = started && g->dirty_ns != 0 && trusted(g, member);
	if ((g->listed || g->importing) && (m->boot != boot || (matters && !m->restarted))) {
		m->restarted |= matters;
		(void)save_request(g->ini); /* it tells only once */
	}
	if (matters)
		await_others(g);
	if (started && g->dirty_ns != 0 && m->latest)
		member_not_latest(g, member);
	if (!started)
		return;
	uint16_t b = (uint16_t)(1U << member);
	io_restarted(g, member);
	TAILQ_FOREACH (j, &g->ini->job_live, live) {
		if (j->g == g && job_copies(j) && j->phase >= PHASE_PREPARE &&
		    j->phase <= PHASE_SETTLE)
			j->restarted |= b;
		if (j->g == g && j->pub.type == JOB_SCRUB)
			j->undone |= j->repaired & (uint16_t)~j->flushed & b;
	}
}

uint16_t restart_readable(const struct group *g, uint16_t of)
{
	uint16_t restarted = 0;
	bool other = false;

	for (unsigned i = 0; g->dirty_ns != 0 && i < g->pub.n; i++) {
		if (!(of >> i & 1))
			continue;
		enum presence is = member_presence(g, i);
		if (g->pub.m[i].restarted)
			restarted |= (uint16_t)(1U << i);
		else
			other |= is == HERE || is == COMING;
	}
	return other ? of & (uint16_t)~restarted : of;
}

static void leave(struct group *g, uint16_t set)
{
	for (unsigned i = 0; i < g->pub.n; i++)
		if (set >> i & 1)
			(void)member_stale(
			        g, i, "it was started again: what was not flushed may be gone");
	(void)group_change(g, true);
}

void restart_lost(struct group *g)
{
	if (g->pub.unflushed_lost || g->log->n_dirty == 0)
		return;
	g->pub.unflushed_lost = true;
	(void)save_request(g->ini);
	ini_log(g->ini, 4,
	        "group %s: all members in sync were started again: writes that were acknowledged "
	        "and not flushed may be lost, which the next flush tells",
	        g->pub.name);
}

/* Marks stay while one of those that were not started again may come yet. */
void restart_look(struct group *g)
{
	uint16_t restarted = 0, other = 0;
	bool all_here = true;

	if (!g->listed)
		return;
	for (unsigned i = 0; i < g->pub.n; i++) {
		struct ini_member *m = &g->pub.m[i];
		if (!trusted(g, i) || g->dirty_ns == 0)
			m->restarted = false; /* it is copied to anyway; nothing is marked */
		else if (m->state != MEMBER_IN_SYNC)
			continue;
		else if (m->restarted)
			restarted |= (uint16_t)(1U << i);
		else if (here(g, i))
			other |= (uint16_t)(1U << i);
		if (m->state == MEMBER_IN_SYNC && !here(g, i))
			all_here = false;
	}
	if (!restarted || (!other && !all_here))
		return;
	if (other)
		leave(g, restarted);
	else
		restart_lost(g);
	for (unsigned i = 0; i < g->pub.n; i++)
		if (restarted >> i & 1)
			g->pub.m[i].restarted = !(members_in_sync(g) >> i & 1);
	(void)save_request(g->ini);
	/* One alone agrees with itself; but not with one that is being copied to from it, and may
	 * have what it has lost. */
	g->recover |= other || (restarted & (restarted - 1)) || members_syncing(g);
}

static void renewed(struct hba_set_member *s, bool ok, const char *why)
{
	struct page_write *w = s->ctx;
	struct group *g = w->g;

	sm_assert(w->busy && g->pages_open > 0);
	w->busy = false;
	g->pages_open--;
	g->ini->moves++;
	logs_touch(g->ini); /* it may have been started again meanwhile */
	if (ok)
		return;
	ini_log(g->ini, 5, "group %s: page 30h of %s could not be renewed: %s", g->pub.name,
	        g->pub.m[w->member].name, why ? why : "");
	if (!s->conflict) /* it is another's, which is found out otherwise */
		g->x[w->member].renewed = 0;
	g->x[w->member].renew_at = g->ini->now + g->ini->cfg.bus_wait_ns;
}

/* Once in each attach, if it does not fail: without it a later import, after another start that
 * cost something, could not know who has more. */
static bool is_to_be_renewed(const struct group *g, unsigned member)
{
	const struct ini_member *m = &g->pub.m[member];
	const struct member *x = &g->x[member];

	if (m->state != MEMBER_IN_SYNC || m->restarted || member_presence(g, member) != HERE ||
	    x->renewed == x->attach || x->page.busy || !member_has_page(g, member))
		return false;
	const struct hba_target *t = hba_target(g->ini->hba, m->unit);
	if (!t->vpd.started || t->attach != x->attach)
		return false;
	if (g->ini->now < x->renew_at)
		logs_look_at(g->ini, x->renew_at);
	return g->ini->now >= x->renew_at;
}

static void renew(struct group *g, unsigned member)
{
	struct page_write *w = &g->x[member].page;
	struct block *param = param_get(g->ini);
	struct mode_mirror page = member_page(g, member);

	if (!param)
		return;
	w->g = g;
	w->member = member;
	w->busy = w->sent = true;
	w->set = (struct hba_set_member){
	        .page = page, .was = page, .anew = true, .done = renewed, .ctx = w, .param = param};
	g->pages_open++;
	g->x[member].renewed = g->x[member].attach;
	hba_set_member(g->ini->hba, g->pub.m[member].unit, &w->set);
}

void restart_renew(struct group *g)
{
	if (!g->listed || g->importing || g->dissolving || g->recover || g->command ||
	    g->ini->draining || group_is_lost(g) || g->phase != CHANGE_IDLE ||
	    g->change_done != g->change_wanted || g->pub.owed || !group_is_saved(g))
		return;
	for (unsigned i = 0; i < g->pub.n; i++)
		if (is_to_be_renewed(g, i))
			renew(g, i);
}
