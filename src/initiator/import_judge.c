/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is in a group, and who of them is in sync, by their pages 30h alone.
 *
 * The latest page (of the latest term, the latest generation) says how many members there are. All
 * have to be there: whoever is missing may have what was written last. Then those with the latest
 * generation are in sync, unless a member says that none was, which is the last word, or it was
 * away when there was one again. Pages with another number of members, and older, are those of
 * targets that were removed while they were away. Pages of before there was such a number (0):
 * device ids 1..n, and all of one generation.
 */
#include "initiator/core.h"
#include "initiator/import.h"

#include <string.h>

static bool is_member_of(const struct hba_target *t, const uint8_t *uuid)
{
	return t->state == HBA_READY && t->mirror && t->member.member &&
	       memcmp(t->member.group_uuid, uuid, UUID_LEN) == 0;
}

static bool page_is_older(const struct mode_mirror *a, const struct mode_mirror *than)
{
	if (a->term != than->term)
		return a->term < than->term;
	return a->generation < than->generation;
}

/* It has another number of members than the latest page, or another's device id. */
static bool was_removed(const struct found *f, const struct mode_mirror *page)
{
	bool taken = false;

	if (page->members == 0 || f->latest->members == 0 || f->latest->none_in_sync ||
	    !page_is_older(page, f->latest))
		return false;
	if (page->none_in_sync && page->term == f->latest->term)
		return false; /* all_are_there(): the last word */
	for (unsigned i = 0; i < f->n; i++) {
		const struct mode_mirror *other = &f->t[i]->member;
		taken |= other->device == page->device && page_is_older(page, other);
	}
	return taken || page->members != f->latest->members;
}

static void leave_out(struct ini *ini, const struct found *all, struct found *f)
{
	f->n = 0;
	for (unsigned i = 0; i < all->n; i++)
		if (!was_removed(all, &all->t[i]->member))
			f->t[f->n++] = all->t[i];
		else
			ini_log(ini, 5, "import: %s is left out, it was removed while it was away",
			        all->t[i]->name);
}

static void take(struct found *f, const struct hba_target *t)
{
	f->t[f->n++] = t;
	if (!f->latest || page_is_older(f->latest, &t->member))
		f->latest = &t->member;
}

void import_find(struct ini *ini, const uint8_t uuid[UUID_LEN], struct found *f)
{
	*f = (struct found){0};
	for (uint8_t id = 0; id < HBA_UNITS; id++) {
		const struct hba_target *t = hba_target(ini->hba, id);
		if (!is_member_of(t, uuid) || t->member.generation >= GENERATION_MAX)
			continue;
		take(f, t);
	}
	struct found all = *f;
	leave_out(ini, &all, f);
}

bool import_find_again(const struct group *g, struct found *f)
{
	*f = (struct found){0};
	for (unsigned i = 0; i < g->pub.n; i++) {
		uint8_t unit = g->pub.m[i].unit;
		const struct hba_target *t =
		        unit == WIRE_NO_ID ? NULL : hba_target(g->ini->hba, unit);
		if (!t || !is_member_of(t, g->pub.uuid) || t->member.device != g->pub.m[i].device ||
		    t->member.generation >= GENERATION_MAX)
			return false;
		take(f, t);
	}
	return true;
}

static bool all_are_there(const struct found *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		const struct mode_mirror *page = &f->t[i]->member;
		if (page->none_in_sync && page->term == f->latest->term)
			return false;
		if (f->latest->members == 0 && (page->device == 0 || page->device > f->n ||
		                                page->generation != f->latest->generation))
			return false;
	}
	return f->latest->generation > 0 && !f->latest->none_in_sync &&
	       (f->latest->members == 0 || f->latest->members == f->n);
}

/* Who was started since it got its page may have lost what it had not flushed, and another one, who
 * was not, has it. */
static bool was_started_alone(const struct found *f, const struct hba_target *t)
{
	if (!t->vpd.started)
		return false;
	for (unsigned i = 0; i < f->n; i++)
		if (!f->t[i]->vpd.started && !page_is_older(&f->t[i]->member, f->latest))
			return true;
	return false;
}

/* That of the latest pages; one that was about to be is somebody's, too. */
static uint16_t next_term(const struct found *f)
{
	uint32_t term = f->latest->term + 1U;

	for (unsigned i = 0; i < f->n; i++)
		if (f->t[i]->member.importing && f->t[i]->member.term == f->latest->term)
			term = f->latest->term + 2U;
	return (uint16_t)(term < UINT16_MAX ? term : UINT16_MAX);
}

/* All of them, and no import was cut off. */
static bool are_ours(const struct ini *ini, const struct found *f)
{
	const uint8_t *own = hba_own_uuid(ini->hba);

	for (unsigned i = 0; i < f->n; i++)
		if (f->t[i]->member.importing || memcmp(f->t[i]->member.owner, own, UUID_LEN) != 0)
			return false;
	return true;
}

/* Who is in sync; and the term, which is later than that of whoever had it. */
void import_judge(struct group *g, const struct found *f)
{
	const struct mode_mirror *latest = f->latest;
	bool all = all_are_there(f);

	g->claiming = !are_ours(g->ini, f);
	g->pub.generation = latest->generation;
	g->pub.term = g->claiming || latest->term == 0 ? next_term(f) : latest->term;
	for (unsigned i = 0; i < g->pub.n; i++) {
		struct ini_member *m = &g->pub.m[i];
		g->x[i].judged = f->t[i]->member;
		bool old = page_is_older(&f->t[i]->member, latest);
		bool started = was_started_alone(f, f->t[i]);
		m->state = all && !old && !started ? MEMBER_IN_SYNC : MEMBER_STALE;
		m->logged = all && !old && started; /* everything is marked */
		/* Until its page says so it looks as good as the others; who takes the group over
		 * gives them a later one anyway. */
		if (m->logged && !g->claiming)
			group_owes(g, latest->generation);
		copy_text(m->why, sizeof(m->why),
		          m->state == MEMBER_IN_SYNC ? ""
		          : !all                     ? "imported without all members"
		          : old ? "its generation is older than another member's"
		                : "it was started again: what was not flushed may be gone");
	}
}
