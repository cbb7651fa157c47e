/* SPDX-License-Identifier: BSD-2-Clause */
/* group.import: groups from their members' page 30h, after the daemon lost its state. */
#include "initiator/core.h"

#include <stdio.h>
#include <string.h>

static bool is_member_of(const struct hba_target *t, const uint8_t *uuid)
{
	return t->state == HBA_READY && t->mirror && t->member.member &&
	       memcmp(t->member.group_uuid, uuid, UUID_LEN) == 0;
}

static bool known(const struct ini *ini, const uint8_t *uuid)
{
	for (unsigned k = 0; k < ini->groups_used; k++)
		if (ini->group[k].used && memcmp(ini->group[k].pub.uuid, uuid, UUID_LEN) == 0)
			return true;
	return false;
}

/* The UUIDs of groups that targets here speak of and we do not know. */
static unsigned unknown_groups(const struct ini *ini, const uint8_t *found[HBA_UNITS])
{
	unsigned n = 0;

	for (uint8_t id = 0; id < HBA_UNITS; id++) {
		const struct hba_target *t = hba_target(ini->hba, id);
		if (t->state != HBA_READY || !t->mirror || !t->member.member ||
		    known(ini, t->member.group_uuid))
			continue;
		bool seen = false;
		for (unsigned i = 0; i < n; i++)
			seen |= memcmp(found[i], t->member.group_uuid, UUID_LEN) == 0;
		if (!seen)
			found[n++] = t->member.group_uuid;
	}
	return n;
}

static bool add(struct ini *ini, struct group *g, const struct hba_target *t, struct ini_error *e)
{
	if (group_of(ini, t->uuid, NULL))
		return ini_refuse(e, INI_E_MEMBER_OF_OTHER,
		                  "target %s is a member of another group already", t->name);
	if (g->pub.n > 0 && t->block_size != g->pub.block_size)
		return ini_refuse(e, INI_E_MIXED_BLOCK_SIZE,
		                  "target %s has blocks of %u bytes, others of %u", t->name,
		                  t->block_size, g->pub.block_size);
	if (g->pub.n > 0 && t->member.group != g->pub.id)
		return ini_refuse(e, INI_E_BAD_VALUE,
		                  "target %s gives another group id than others", t->name);
	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.m[i].id == t->id)
			return ini_refuse(e, INI_E_DUPLICATE,
			                  "targets %s and %s are logical units of one target",
			                  g->pub.m[i].name, t->name);
	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.m[i].device == t->member.device)
			return ini_refuse(e, INI_E_DUPLICATE,
			                  "targets %s and %s have the same device id, %u",
			                  g->pub.m[i].name, t->name, t->member.device);
	unsigned i = group_append(g, t->unit);
	g->pub.m[i].device = t->member.device;
	g->pub.id = t->member.group;
	if (t->member.generation > g->pub.generation && t->member.generation < GENERATION_MAX)
		g->pub.generation = t->member.generation;
	return true;
}

static const struct mode_mirror *page_at(const struct group *g, unsigned i)
{
	return &hba_target(g->ini->hba, g->pub.m[i].unit)->member;
}

/* How many members the group has, by the latest page; 0: it does not say. */
static unsigned members_of(const struct group *g)
{
	for (unsigned i = 0; i < g->pub.n; i++)
		if (page_at(g, i)->generation == g->pub.generation &&
		    page_at(g, i)->members != MODE_MIRROR_NO_SYNC)
			return page_at(g, i)->members;
	return 0;
}

/*
 * All members are there, as far as can be told: then those with the latest generation are in sync,
 * unless a member says that none was: that is the last word, or it was away when there was one
 * again. Pages that do not say how many there are: device ids 1..n, and all of one generation.
 */
static bool all_are_there(const struct group *g)
{
	unsigned members = members_of(g);

	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct mode_mirror *page = page_at(g, i);
		uint8_t device = g->pub.m[i].device;
		if (page->members == MODE_MIRROR_NO_SYNC)
			return false;
		if (members == 0 &&
		    (device == 0 || device > g->pub.n || page->generation != g->pub.generation))
			return false;
	}
	return g->pub.generation > 0 && (members == 0 || members == g->pub.n);
}

static bool none_is_missing(const struct group *g, struct ini_error *e)
{
	unsigned members = members_of(g);

	return members <= g->pub.n ||
	       ini_refuse(e, INI_E_MEMBER_MISSING,
	                  "the group has %u members, and %u of them are here: the others may "
	                  "hold what was written last (force imports it without them)",
	                  members, g->pub.n);
}

/* As owner.c says; but pages of a group that no initiator was named for may be anybody's. */
static bool nobody_else(const struct group *g, struct ini_error *e)
{
	static const uint8_t nobody[UUID_LEN];
	struct ini *ini = g->ini;
	bool named = false;
	uint8_t id;
	const char *other = group_holder(g, &id);

	if (other)
		return ini_refuse(e, INI_E_BUSY,
		                  "initiator %s (SCSI ID %u) serves this group: stop it first, or "
		                  "import with force",
		                  other, id);
	for (unsigned i = 0; i < g->pub.n; i++)
		named |= memcmp(page_at(g, i)->owner, nobody, UUID_LEN) != 0;
	other = hba_other_initiator(ini->hba, &id);
	if (named || !other)
		return true;
	return ini_refuse(e, INI_E_BUSY,
	                  "initiator %s (SCSI ID %u) is on this bus and may serve this group: "
	                  "stop it first, or import with force",
	                  other, id);
}

/* Another initiator, which may be on the bus, is to see that its pages are not the latest. */
static bool was_foreign(const struct group *g)
{
	for (unsigned i = 0; i < g->pub.n; i++)
		if (page_is_foreign(g->ini, page_at(g, i)))
			return true;
	return false;
}

static bool import_one(struct ini *ini, const char *name, const uint8_t *uuid, bool force,
                       uint64_t token, struct ini_error *e)
{
	struct group *g = group_new(ini, name, e);
	bool ok = true;

	if (!g)
		return false;
	g->pub.generation = 0;
	memcpy(g->pub.uuid, uuid, UUID_LEN);
	for (uint8_t id = 0; ok && id < HBA_UNITS; id++) {
		const struct hba_target *t = hba_target(ini->hba, id);
		if (is_member_of(t, uuid))
			ok = add(ini, g, t, e);
	}
	for (unsigned k = 0; ok && k < ini->groups_used; k++)
		if (&ini->group[k] != g && ini->group[k].used && ini->group[k].pub.id == g->pub.id)
			ok = ini_refuse(e, INI_E_EXISTS, "group id %u is that of group %s",
			                g->pub.id, ini->group[k].pub.name);
	ok = ok && (force || (nobody_else(g, e) && none_is_missing(g, e)));
	struct cmd *c = ok ? cmd_new(ini, CMD_IMPORT, token, e) : NULL;
	if (!c) {
		g->used = false;
		return false;
	}
	log_open(g);
	log_unknown(g); /* it was lost with the rest */
	bool all = all_are_there(g);
	for (unsigned i = 0; i < g->pub.n; i++) {
		struct ini_member *m = &g->pub.m[i];
		bool latest = page_at(g, i)->generation == g->pub.generation;
		m->state = all && latest ? MEMBER_IN_SYNC : MEMBER_STALE;
		copy_text(m->why, sizeof(m->why),
		          m->state == MEMBER_IN_SYNC ? ""
		          : all ? "its generation is older than another member's"
		                : "imported without all members");
	}
	c->g = g;
	g->command = c;
	for (unsigned i = 0; i < g->pub.n; i++)
		group_take(g, page_at(g, i));
	group_list(g);
	c->ticket = group_change(g, was_foreign(g));
	return true;
}

bool ini_group_import(struct ini *ini, const char *name, const uint8_t *group_uuid, bool force,
                      uint64_t token, struct ini_error *e)
{
	const uint8_t *found[HBA_UNITS];
	unsigned n = unknown_groups(ini, found);
	char text[37];

	if (ini->draining)
		return ini_refuse(e, INI_E_SHUTDOWN, "the daemon is shutting down");
	if (!ini->bus_up)
		return ini_refuse(e, INI_E_BUS_DOWN, "there is no bus server");
	if (group_uuid && known(ini, group_uuid))
		return ini_refuse(e, INI_E_EXISTS, "group %s is known already",
		                  uuid_text(group_uuid, text));
	for (unsigned i = 0; i < n; i++)
		if (group_uuid ? memcmp(found[i], group_uuid, UUID_LEN) == 0 : n == 1)
			return import_one(ini, name, found[i], force, token, e);
	if (group_uuid || n == 0)
		return ini_refuse(e, INI_E_NO_MEMBERS, "no target here is a member of %s",
		                  group_uuid ? uuid_text(group_uuid, text) : "an unknown group");
	return ini_refuse(e, INI_E_BAD_VALUE,
	                  "%u unknown groups are here, name one: %s is the first", n,
	                  uuid_text(found[0], text));
}
