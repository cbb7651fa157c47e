/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A group's change of generation, membership or in-sync set, made durable: first
 * on the members (page 30h), then in the state file. In this order a crash in
 * between leaves members that are newer than the state, which is then
 * adopted (member.c); the other way round it would make good members stale.
 * A member that the state file trusts, and that has left, keeps its page until
 * one that the file trusts, too, has the new one, or until the file is saved.
 */
#include "initiator/core.h"

#include "base/assert.h"

#include <string.h>

#define PAGE_TRIES 3

uint64_t save_request(struct ini *ini)
{
	return ++ini->save_wanted;
}

bool save_is_done(const struct ini *ini, uint64_t seq)
{
	return ini->save_done >= seq;
}

void ini_saved(struct ini *ini, uint64_t seq, int err)
{
	if (!ini->save_flying || seq != ini->save_out)
		return;
	ini->save_flying = false;
	ini->save_done = seq;
	ini->save_err = err;
	ini->moves++;
	if (!err)
		ini->next_saved = ini->next_out;
	if (err)
		ini_log(ini, 3, "the state could not be saved: %s", errno_text(err));
}

void group_owes(struct group *g, uint64_t generation)
{
	if (g->pub.owed <= generation)
		g->pub.owed = generation + 1;
}

uint64_t group_change(struct group *g, bool bump)
{
	if (g->change_wanted == g->change_done)
		g->ini->changes_open++;
	if (bump)
		group_owes(g, g->pub.generation);
	g->ini->moves++;
	group_changed(g);
	return ++g->change_wanted;
}

bool group_change_done(const struct group *g, uint64_t ticket)
{
	return g->change_done >= ticket;
}

void group_settled(struct group *g)
{
	g->was_generation = g->pub.generation;
	for (unsigned i = 0; i < g->pub.n; i++)
		g->x[i].was_in_sync = g->pub.m[i].state == MEMBER_IN_SYNC;
}

/* Somebody is in sync, and the state file says so, too: who was so last is of no use any more. As
 * long as a daemon may start with a file that has nobody in sync, it is to know that. */
static void forget_latest(struct group *g)
{
	bool some = false;

	for (unsigned i = 0; i < g->pub.n; i++)
		some |= g->x[i].was_in_sync;
	for (unsigned i = 0; some && members_in_sync(g) && i < g->pub.n; i++)
		g->pub.m[i].latest = false;
}

void group_saved(struct group *g)
{
	forget_latest(g);
	for (unsigned i = 0; i < g->pub.n; i++) {
		g->x[i].in_sync_saved = g->x[i].was_in_sync;
		if (!g->x[i].in_sync_saved && g->pub.m[i].state != MEMBER_IN_SYNC)
			g->pub.m[i].restarted = false;
	}
}

bool group_is_saved(const struct group *g)
{
	return g->change_done == g->change_wanted && g->change_error.kind != INI_E_STATE_DIR;
}

/*
 * Somebody may save while a change is under way. A state file that is newer than all pages would
 * make all members stale, and so might one that trusts who has just come in sync, and not those who
 * have missed a write that nobody was told of yet. So it has what was before the change, and that a
 * later generation is used: those whose pages have that one are newer than the file, and are
 * believed.
 */
void ini_group_save(const struct ini *ini, unsigned i, struct ini_group *out)
{
	const struct group *g = ini->listed[i];
	bool some = false;

	*out = g->pub;
	out->generation = g->was_generation;
	if (out->used < g->pub.generation)
		out->used = g->pub.generation;
	out->log_lost = g->log_lost;
	for (unsigned k = 0; k < g->pub.n; k++)
		some |= g->x[k].was_in_sync;
	for (unsigned k = 0; k < g->pub.n; k++) {
		struct ini_member *m = &out->m[k];
		if (g->x[k].was_in_sync == (m->state == MEMBER_IN_SYNC))
			continue;
		m->state = g->x[k].was_in_sync ? MEMBER_IN_SYNC : MEMBER_STALE;
		/* The log may have let go of what it lacks: not of what nobody had. */
		m->logged &= m->latest && !some;
		copy_text(m->why, sizeof(m->why),
		          g->x[k].was_in_sync ? "" : "its page 30h was still to be written");
	}
}

/* BUSY says nothing about the member: it may be saving the page that was written before. */
static void page_busy(struct page_write *w)
{
	const struct ini *ini = w->g->ini;

	if (w->busy_until == 0)
		w->busy_until = ini->now + ini->cfg.busy_limit_ns;
	if (ini->now >= w->busy_until)
		return;
	w->tries--;
	w->retry_at = ini->now + ini->cfg.busy_delay_ns;
}

static void page_written(struct hba_set_member *s, bool ok, const char *why)
{
	struct page_write *w = s->ctx;
	struct group *g = w->g;

	sm_assert(w->busy && g->pages_open > 0);
	w->busy = false;
	w->failed = !ok;
	w->may_have |= ok || s->may_have;
	w->told = ok;
	if (ok) {
		uint8_t unit = g->pub.m[w->member].unit;
		g->x[w->member].mute = 0;
		if (unit != WIRE_NO_ID)
			member_seen(&g->x[w->member], hba_target(g->ini->hba, unit));
	}
	w->conflict |= s->conflict;
	if (s->conflict)
		w->tries = PAGE_TRIES;
	if (s->busy)
		page_busy(w);
	copy_text(w->why, sizeof(w->why), why ? why : "");
	g->pages_open--;
	g->ini->moves++;
}

static void write_page(struct group *g, unsigned member, const struct mode_mirror *page)
{
	struct page_write *w = &g->x[member].page;
	struct block *param = param_get(g->ini);

	w->g = g;
	w->member = member;
	w->failed = !param;
	if (!param) {
		copy_text(w->why, sizeof(w->why), "no buffer is free");
		return;
	}
	w->busy = true;
	if (page->generation > g->x[member].offered)
		g->x[member].offered = page->generation;
	g->pages_open++;
	memset(&w->set, 0, sizeof(w->set));
	w->set.page = *page;
	w->set.was = g->importing ? g->x[member].judged
	                          : hba_target(g->ini->hba, g->pub.m[member].unit)->member;
	w->sent = true;
	w->set.done = page_written;
	w->set.ctx = w;
	w->set.param = param;
	hba_set_member(g->ini->hba, g->pub.m[member].unit, &w->set);
}

/* The generation grows only if a member in sync can be told: the last one that
 * is in sync must not look older than its group. Till one is there it is owed. */
static void begin(struct group *g)
{
	bool told = false;

	g->change_running = g->change_wanted;
	g->old_generation = g->pub.generation;
	for (unsigned i = 0; i < g->pub.n; i++)
		told |= g->pub.m[i].state == MEMBER_IN_SYNC && g->pub.m[i].unit != WIRE_NO_ID;
	if (g->pub.owed && !g->claiming && (told || members_in_sync(g) == 0)) {
		group_owes(g, g->pub.generation);
		group_owes(g, g->pub.used);
		g->pub.generation = g->pub.owed;
		g->pub.owed = 0;
	}
	for (unsigned i = 0; i < g->pub.n; i++) {
		struct page_write *w = &g->x[i].page;
		w->failed = w->may_have = w->told = false;
		w->tries = 0;
		w->retry_at = w->busy_until = 0;
		w->was_here = g->pub.m[i].unit != WIRE_NO_ID;
		if (w->was_here)
			w->before = hba_target(g->ini->hba, g->pub.m[i].unit)->member.generation;
	}
}

/*
 * A generation that is on some member's page must not be used again for another change, by whoever
 * starts after a crash: without the state file, which knows who has left, they would look alike. So
 * the state file has it before the first page has.
 */
static void announce(struct group *g)
{
	if (g->pub.used < g->pub.generation)
		g->pub.used = g->pub.generation;
	g->unannounced = false;
	g->phase = !g->listed || g->used_saved >= g->pub.used ? CHANGE_PAGES : CHANGE_USED;
	if (g->phase == CHANGE_USED)
		g->save_seq = save_request(g->ini);
}

/* No page gets a generation that is not in the state file: there is no change, as if nobody could
 * be told. */
static void announced(struct group *g)
{
	g->phase = CHANGE_PAGES;
	if (!g->ini->save_err) {
		g->used_saved = g->pub.used;
		return;
	}
	group_owes(g, g->pub.generation);
	g->pub.generation = g->old_generation;
	g->untold = g->unannounced = true;
	g->save_seq = save_request(g->ini);
	g->phase = CHANGE_SAVE;
}

bool member_has_page(const struct group *g, unsigned i)
{
	if (g->pub.m[i].unit == WIRE_NO_ID)
		return false;
	struct mode_mirror page = member_page(g, i);
	const struct mode_mirror *has = &hba_target(g->ini->hba, g->pub.m[i].unit)->member;
	if (!page.member && has->member && memcmp(has->group_uuid, g->pub.uuid, UUID_LEN) != 0)
		return true; /* another group's: not ours to clear */
	/* One that says so since an import of ours that failed may be another's by now. */
	return mode_mirror_equal(&page, has) && (!g->claiming || g->x[i].page.told);
}

/* A member in sync that is away for a moment (a reset, the bus server) is waited for. */
static bool awaited(const struct group *g, unsigned i)
{
	return (g->pub.m[i].state == MEMBER_IN_SYNC || g->claiming) &&
	       member_presence(g, i) == COMING;
}

/* Members whose pages are there. */
static uint16_t have_pages(const struct group *g, uint16_t of)
{
	uint16_t set = 0;

	for (unsigned i = 0; i < g->pub.n; i++)
		if ((of >> i & 1) && member_has_page(g, i))
			set |= (uint16_t)(1U << i);
	return set;
}

/* Members that are stale, and perhaps still trusted by the state file. */
static uint16_t leaving(const struct group *g)
{
	return members_trusted(g) & (uint16_t)~members_in_sync(g);
}

/* Members in sync that the state file trusts, too. */
static uint16_t staying(const struct group *g)
{
	uint16_t set = 0;

	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->x[i].was_in_sync && g->x[i].in_sync_saved)
			set |= (uint16_t)(1U << i);
	return set & members_in_sync(g);
}

/*
 * Those in sync first: as long as none of them has heard, the state file says what it said, and
 * pages of those that it trusts stay as they are. If all that it trusts have left, they keep them
 * until it says so: or after a crash nobody would be in sync.
 */
static uint16_t to_be_told(const struct group *g)
{
	uint16_t sync = members_in_sync(g), all = (uint16_t)((1U << g->pub.n) - 1);

	if (g->dissolving || g->claiming || have_pages(g, staying(g)))
		return all;
	return sync && !have_pages(g, sync) ? sync : all & (uint16_t)~leaving(g);
}

/* A stale member that does not answer would hold up what waits for the change. Its page is that of
 * a generation before this one. */
static bool is_let_be(const struct group *g, unsigned i)
{
	if (g->pub.m[i].state != MEMBER_STALE || member_presence(g, i) != MUTE || g->dissolving ||
	    g->claiming || (g->leaving >> i & 1))
		return false;
	const struct mode_mirror *has = &hba_target(g->ini->hba, g->pub.m[i].unit)->member;
	return has->member &&
	       memcmp(has->group_uuid, g->pub.uuid, UUID_LEN) == 0; /* not a new one */
}

/* One that was started again is not to look better than one that was not, and is awaited. */
static bool is_worse(const struct group *g, unsigned member)
{
	for (unsigned i = 0; g->pub.m[member].restarted && i < g->pub.n; i++)
		if (!g->pub.m[i].restarted && awaited(g, i))
			return true;
	return false;
}

/* Writes the pages that are not as they are to be; true while there is something to wait for. */
static bool write_pages(struct group *g)
{
	uint16_t told = g->phase == CHANGE_LEFT ? g->left : to_be_told(g);
	bool waits = false;

	/* A page that was looked at, to be written, may just have said whose the group is now. */
	group_look_at_owner(g);
	for (unsigned i = 0; i < g->pub.n; i++) {
		struct page_write *w = &g->x[i].page;
		if (!(told >> i & 1) || member_has_page(g, i) || is_let_be(g, i) || is_worse(g, i))
			continue;
		if (g->pub.m[i].unit == WIRE_NO_ID || group_is_lost(g)) {
			waits |= awaited(g, i);
		} else if (w->retry_at > g->ini->now) {
			waits = true;
		} else if (w->tries < PAGE_TRIES) {
			struct mode_mirror page = member_page(g, i);
			w->tries++;
			write_page(g, i, &page);
			waits = true;
		}
	}
	return waits;
}

/* The generation of a member's page, as far as it is known. */
static bool known_generation(const struct group *g, unsigned i, uint64_t *generation)
{
	const struct page_write *w = &g->x[i].page;

	if (g->pub.m[i].unit != WIRE_NO_ID)
		*generation = hba_target(g->ini->hba, g->pub.m[i].unit)->member.generation;
	else
		*generation = w->before;
	return g->pub.m[i].unit != WIRE_NO_ID || w->was_here;
}

/*
 * Members in sync that do not have the new generation while others have it are stale. If nobody has
 * it, there is no new generation: those with the old one stay in sync. Where one of the stale has
 * it, too, or may have it, the others get another one: or without our state it would look as good
 * as they do.
 */
static void pages_done(struct group *g)
{
	uint16_t have = 0, leave = 0;
	bool may_have = false;
	uint64_t has;

	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.m[i].state == MEMBER_IN_SYNC && member_has_page(g, i))
			have |= (uint16_t)(1U << i);
	if (!have && members_in_sync(g) && g->pub.generation != g->old_generation) {
		group_owes(g, g->pub.generation);
		g->pub.generation = g->old_generation;
	}
	for (unsigned i = 0; i < g->pub.n; i++) {
		struct page_write *w = &g->x[i].page;
		if (w->failed)
			ini_log(g->ini, 4, "group %s: page 30h of %s could not be written: %s",
			        g->pub.name, g->pub.m[i].name, w->why);
		if ((have >> i & 1) || g->pub.m[i].state != MEMBER_IN_SYNC)
			continue;
		if (!have && (!known_generation(g, i, &has) || has == g->pub.generation ||
		              member_offered(g, i, has)))
			continue;
		leave |= (uint16_t)(1U << i);
	}
	leave = members_that_may_leave(g, leave);
	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct page_write *w = &g->x[i].page;
		if (!(leave >> i & 1))
			continue;
		may_have |= have && (w->may_have || g->pub.generation == g->old_generation);
		member_stale(g, i,
		             w->failed ? "its page 30h could not be written"
		                       : "it was away when the group's generation changed");
	}
	if (may_have)
		group_owes(g, g->pub.generation);
	if (have && g->pub.owed) {
		begin(g);
		announce(g);
		return;
	}
	g->untold = g->pub.owed && members_in_sync(g);
	/* What nobody was told of is not so yet: nothing is acknowledged on it. */
	if (!g->untold)
		group_settled(g);
	g->save_seq = save_request(g->ini);
	g->phase = CHANGE_SAVE;
}

ns_t changes_deadline(const struct ini *ini)
{
	ns_t at = NS_NEVER;

	for (unsigned k = 0; ini->changes_open > 0 && k < ini->groups_used; k++) {
		const struct group *g = &ini->group[k];
		if (!g->used || (g->phase != CHANGE_PAGES && g->phase != CHANGE_LEFT) ||
		    g->pages_open > 0)
			continue;
		for (unsigned i = 0; i < g->pub.n; i++) {
			if (awaited(g, i) && g->x[i].wait_until < at)
				at = g->x[i].wait_until;
			if (g->x[i].page.retry_at > ini->now && g->x[i].page.retry_at < at)
				at = g->x[i].page.retry_at;
		}
	}
	return at;
}

/* A change that no remaining member knows of is not durable where it must be: without our state,
 * a member that has left would look as good as they do. */
static void note_error(struct group *g)
{
	struct ini_error *e = &g->change_error;

	*e = (struct ini_error){.kind = INI_OK};
	if (g->ini->save_err || g->unannounced)
		(void)ini_refuse(e, INI_E_STATE_DIR, "the state of group %s could not be saved%s%s",
		                 g->pub.name, g->ini->save_err ? ": " : "",
		                 g->ini->save_err ? errno_text(g->ini->save_err) : "");
	else if (g->untold)
		(void)ini_refuse(e, INI_E_DEVICE,
		                 "no member in sync of group %s could be told by page 30h who has "
		                 "left it",
		                 g->pub.name);
}

/* Those that the file trusted alone until now have left: before anything is done that they lack, or
 * to them, their pages say so, too, if they take it. */
static bool change_saved(struct group *g)
{
	uint16_t left = members_here(g, leaving(g));

	note_error(g);
	if (g->ini->save_err)
		return false;
	group_saved(g);
	g->left = left & (uint16_t)~leaving(g);
	for (unsigned i = 0; i < g->pub.n; i++)
		g->x[i].page.tries = 0;
	return have_pages(g, g->left) != g->left;
}

static void change_over(struct group *g)
{
	struct ini *ini = g->ini;

	g->change_done = g->change_running;
	g->phase = CHANGE_IDLE;
	ini->moves++;
	group_changed(g);
	if (g->change_done == g->change_wanted)
		ini->changes_open--;
	logs_touch(ini);
}

void change_step(struct group *g)
{
	struct ini *ini = g->ini;

	for (;;) {
		switch (g->phase) {
		case CHANGE_IDLE:
			if (g->change_done == g->change_wanted)
				return;
			begin(g);
			announce(g);
			break;
		case CHANGE_USED:
			if (!save_is_done(ini, g->save_seq))
				return;
			announced(g);
			break;
		case CHANGE_PAGES:
			if (g->pages_open > 0 || write_pages(g))
				return;
			if (g->claiming) /* nobody has left, and the file does not know of it */
				change_over(g);
			else
				pages_done(g);
			break;
		case CHANGE_SAVE:
			if (!save_is_done(ini, g->save_seq))
				return;
			if (change_saved(g)) {
				g->phase = CHANGE_LEFT;
				break;
			}
			change_over(g);
			return; /* whoever waited looks first */
		case CHANGE_LEFT:
			if (g->pages_open > 0 || write_pages(g))
				return;
			change_over(g);
			return;
		}
	}
}
