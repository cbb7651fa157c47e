/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose a group is: range locks and the write-intent log are in one daemon's memory, so what two
 * write to one group, or one writes while the other one recovers it, can be lost. Page 30h names
 * the initiator that serves the group; while that one is on the bus, nobody else does. One that has
 * left is succeeded: what it may have had in flight is copied.
 *
 * A daemon whose group is taken over by force hears of it by UNIT ATTENTION, MODE PARAMETERS
 * CHANGED, which each target has for it before it does anything more: the page is read again
 * (hba_scan.c), and all of the group's members look as if they were away.
 */
#include "initiator/core.h"

#include <string.h>

static const uint8_t nobody[UUID_LEN];

bool page_is_foreign(const struct ini *ini, const struct mode_mirror *page)
{
	return page->member && memcmp(page->owner, nobody, UUID_LEN) != 0 &&
	       memcmp(page->owner, hba_own_uuid(ini->hba), UUID_LEN) != 0;
}

/* The page of a member that is on the bus; NULL: it is not, or has none of this group. */
static const struct mode_mirror *page_here(const struct group *g, unsigned member)
{
	const struct hba_target *t = hba_find(g->ini->hba, g->pub.m[member].uuid);

	if (!t || !t->member.member || memcmp(t->member.group_uuid, g->pub.uuid, UUID_LEN) != 0)
		return NULL;
	return &t->member;
}

/* Of two that took the group in one term, the one with the lesser UUID has it. */
static bool later(uint16_t term, const uint8_t *owner, uint16_t than, const uint8_t *than_owner)
{
	if (term != than)
		return term > than;
	return memcmp(owner, than_owner, UUID_LEN) < 0;
}

bool page_succeeds_us(const struct group *g, const struct mode_mirror *page)
{
	const struct mode_mirror *before = &g->heir_of;

	if (!page_is_foreign(g->ini, page))
		return false;
	if (before->member && page->term == before->term &&
	    memcmp(page->owner, before->owner, UUID_LEN) == 0)
		return true;
	return later(page->term, page->owner, g->pub.term, hba_own_uuid(g->ini->hba));
}

/* Who served the group since we did may have had writes in flight. */
static void succeed(struct group *g, const struct mode_mirror *page)
{
	if (!g->heir_of.member)
		log_unknown(g);
	g->heir_of = *page;
	(void)group_change(g, true);
}

void group_take(struct group *g, const struct mode_mirror *page)
{
	uint16_t term = page->term;

	if (g->listed && page_succeeds_us(g, page))
		succeed(g, page);
	if (page_is_foreign(g->ini, page) && term < UINT16_MAX)
		term++;
	if (g->pub.term < term)
		g->pub.term = term;
}

/* The latest page counts: who was away when the group went to another still names the one before.
 */
const char *group_holder(const struct group *g, uint8_t *id)
{
	const struct mode_mirror *last = NULL;

	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct mode_mirror *page = page_here(g, i);
		if (page && page_succeeds_us(g, page) &&
		    (!last || later(page->term, page->owner, last->term, last->owner)))
			last = page;
	}
	return last ? hba_initiator(g->ini->hba, last->owner, id) : NULL;
}

bool group_is_free(const struct group *g, struct ini_error *e)
{
	uint8_t id;
	const char *holder = group_holder(g, &id);

	return !holder ||
	       ini_refuse(e, INI_E_BUSY, "group %s is served by initiator %s (SCSI ID %u)",
	                  g->pub.name, holder, id);
}
