/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose a group is: range locks and the write-intent log are in one daemon's memory, so what two
 * write to one group, or one writes while the other one recovers it, can be lost. Page 30h names
 * the initiator that serves the group, and its term, which grows when another one takes it over by
 * group.import.
 *
 * A daemon that finds such a page has lost the group, and serves it no more, whether the other one
 * is there or not: what its state says of the members is of before. It hears of it by UNIT
 * ATTENTION, MODE PARAMETERS CHANGED, which each target has for it in place of all that touches the
 * medium until the page is read again. So the page is read again (hba_scan.c), and from then on all
 * of the group's members look as if they were away. The way back is the same: to delete the group
 * here, which leaves what others wrote, and to import it.
 */
#include "initiator/core.h"

#include <string.h>

static const uint8_t nobody[UUID_LEN];

bool page_has_owner(const struct mode_mirror *page)
{
	return page->member && memcmp(page->owner, nobody, UUID_LEN) != 0;
}

bool page_is_foreign(const struct ini *ini, const struct mode_mirror *page)
{
	return page_has_owner(page) && memcmp(page->owner, hba_own_uuid(ini->hba), UUID_LEN) != 0;
}

bool group_is_lost(const struct group *g)
{
	return memcmp(g->pub.lost_to, nobody, UUID_LEN) != 0;
}

/* Who is about to take the group over is later than who had it, and earlier than who has. */
static uint32_t claim_of(uint16_t term, bool importing)
{
	return 2U * term + importing;
}

/* Of two that took the group in one term, the one with the lesser UUID has it. */
static bool later(uint32_t claim, const uint8_t *owner, uint32_t than, const uint8_t *than_owner)
{
	if (claim != than)
		return claim > than;
	return memcmp(owner, than_owner, UUID_LEN) < 0;
}

/* The latest page of those that are later than our own; NULL: there is none. */
static const struct hba_target *taker(const struct group *g)
{
	const struct hba_target *last = NULL;
	const uint8_t *owner = hba_own_uuid(g->ini->hba);
	uint32_t claim = claim_of(g->pub.term, false) - g->claiming;

	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct hba_target *t = hba_find(g->ini->hba, g->pub.m[i].uuid);
		if (!t || memcmp(t->member.group_uuid, g->pub.uuid, UUID_LEN) != 0 ||
		    !page_is_foreign(g->ini, &t->member))
			continue;
		uint32_t its = claim_of(t->member.term, t->member.importing);
		if (!later(its, t->member.owner, claim, owner))
			continue;
		last = t;
		claim = its;
		owner = t->member.owner;
	}
	return last;
}

void group_look_at_owner(struct group *g)
{
	const struct hba_target *t = taker(g);
	char text[37];

	if (!t || memcmp(t->member.owner, g->pub.lost_to, UUID_LEN) == 0)
		return;
	memcpy(g->pub.lost_to, t->member.owner, UUID_LEN);
	ini_log(g->ini, 4, "group %s is that of initiator %s now, says %s", g->pub.name,
	        uuid_text(g->pub.lost_to, text), t->name);
	(void)save_request(g->ini); /* for whoever is there when we start again */
	group_changed(g);
}

void group_server(const struct group *g, char *name, size_t n)
{
	char text[37];
	uint8_t id;

	if (!group_is_lost(g)) {
		copy_text(name, n, "");
		return;
	}
	const char *there = hba_initiator(g->ini->hba, g->pub.lost_to, &id);
	copy_text(name, n, there ? there : uuid_text(g->pub.lost_to, text));
}

bool group_is_ours(const struct group *g, struct ini_error *e)
{
	char text[37];
	uint8_t id;

	if (!group_is_lost(g))
		return true;
	const char *there = hba_initiator(g->ini->hba, g->pub.lost_to, &id);
	if (there)
		return ini_refuse(e, INI_E_BUSY, "group %s is served by initiator %s (SCSI ID %u)",
		                  g->pub.name, there, id);
	return ini_refuse(e, INI_E_BUSY,
	                  "group %s was taken over by initiator %s, which is not on this bus: "
	                  "delete it here, and import it",
	                  g->pub.name, uuid_text(g->pub.lost_to, text));
}
