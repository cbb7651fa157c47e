/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * group.import: groups from their members' page 30h, after the daemon lost its state, or another
 * one had the group. Who has nothing to do with a group hears nothing of what another initiator
 * writes to these pages: all targets are inquired anew first.
 *
 * The latest page (of the latest term, the latest generation) says how many members there are. All
 * have to be there: whoever is missing may have what was written last. Then those with the latest
 * generation are in sync, unless a member says that none was, which is the last word, or it was
 * away when there was one again. Pages with another number of members, and older, are those of
 * targets that were removed while they were away. Pages of before there was such a number (0):
 * device ids 1..n, and all of one generation.
 */
#include "initiator/core.h"

#include <stdio.h>
#include <string.h>

#define JUDGED_MOST 4 /* while another initiator changes the pages */

struct found { /* a group's targets that are here */
	const struct hba_target *t[HBA_UNITS];
	unsigned n;
	const struct mode_mirror *latest;
};

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

static bool page_is_older(const struct mode_mirror *a, const struct mode_mirror *than)
{
	if (a->term != than->term)
		return a->term < than->term;
	return a->generation < than->generation;
}

static bool counts(const struct mode_mirror *page)
{
	return page->members != 0 && page->members != MODE_MIRROR_NO_SYNC;
}

/* It has another number of members than the latest page, or another's device id. */
static bool was_removed(const struct found *f, const struct mode_mirror *page)
{
	bool taken = false;

	if (!counts(page) || !counts(f->latest) || !page_is_older(page, f->latest))
		return false;
	for (unsigned i = 0; i < f->n; i++) {
		const struct mode_mirror *other = &f->t[i]->member;
		taken |= other->device == page->device && page_is_older(page, other);
	}
	return taken || page->members != f->latest->members;
}

static void find(struct ini *ini, const uint8_t *uuid, struct found *f)
{
	struct found all;
	unsigned n = 0;

	*f = (struct found){0};
	for (uint8_t id = 0; id < HBA_UNITS; id++) {
		const struct hba_target *t = hba_target(ini->hba, id);
		if (!is_member_of(t, uuid) || t->member.generation >= GENERATION_MAX)
			continue;
		f->t[f->n++] = t;
		if (!f->latest || page_is_older(f->latest, &t->member))
			f->latest = &t->member;
	}
	all = *f;
	for (unsigned i = 0; i < all.n; i++) {
		if (!was_removed(&all, &all.t[i]->member))
			f->t[n++] = all.t[i];
		else
			ini_log(ini, 5, "import: %s is left out, it was removed while it was away",
			        all.t[i]->name);
	}
	f->n = n;
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
	if (g->pub.n == INI_MEMBERS_MAX)
		return ini_refuse(e, INI_E_TOO_MANY, "a group has at most %d members",
		                  INI_MEMBERS_MAX);
	unsigned i = group_append(g, t->unit);
	g->pub.m[i].device = t->member.device;
	g->pub.id = t->member.group;
	member_seen(&g->x[i], t);
	return true;
}

static bool all_are_there(const struct found *f)
{
	for (unsigned i = 0; i < f->n; i++) {
		const struct mode_mirror *page = &f->t[i]->member;
		if (page->members == MODE_MIRROR_NO_SYNC && page->term == f->latest->term)
			return false;
		if (f->latest->members == 0 && (page->device == 0 || page->device > f->n ||
		                                page->generation != f->latest->generation))
			return false;
	}
	return f->latest->generation > 0 && f->latest->members != MODE_MIRROR_NO_SYNC &&
	       (f->latest->members == 0 || f->latest->members == f->n);
}

static bool none_is_missing(const struct found *f, struct ini_error *e)
{
	return !counts(f->latest) || f->latest->members <= f->n ||
	       ini_refuse(e, INI_E_MEMBER_MISSING,
	                  "the group has %u members, and %u of them are here: the others may "
	                  "hold what was written last (force imports it without them)",
	                  f->latest->members, f->n);
}

/* As owner.c says; but pages of a group that no initiator was named for may be anybody's. */
static bool nobody_else(struct ini *ini, const struct found *f, struct ini_error *e)
{
	uint8_t id;
	const char *other = page_is_foreign(ini, f->latest)
	                            ? hba_initiator(ini->hba, f->latest->owner, &id)
	                            : NULL;

	if (other)
		return ini_refuse(e, INI_E_BUSY,
		                  "initiator %s (SCSI ID %u) serves this group: stop it first, or "
		                  "import with force",
		                  other, id);
	other = hba_other_initiator(ini->hba, &id);
	if (page_has_owner(f->latest) || !other)
		return true;
	return ini_refuse(e, INI_E_BUSY,
	                  "initiator %s (SCSI ID %u) is on this bus and may serve this group: "
	                  "stop it first, or import with force",
	                  other, id);
}

static bool make(struct ini *ini, struct group *g, const struct found *f, struct ini_error *e)
{
	for (unsigned i = 0; i < f->n; i++)
		if (!add(ini, g, f->t[i], e))
			return false;
	for (unsigned k = 0; k < ini->groups_used; k++)
		if (&ini->group[k] != g && ini->group[k].used && ini->group[k].pub.id == g->pub.id)
			return ini_refuse(e, INI_E_EXISTS, "group id %u is that of group %s",
			                  g->pub.id, ini->group[k].pub.name);
	return true;
}

/* Who is in sync; and the term, which is later than that of whoever had it. */
static void judge(struct group *g, const struct found *f)
{
	const struct mode_mirror *latest = f->latest;
	bool all = all_are_there(f);

	g->pub.generation = latest->generation;
	g->pub.term = latest->term;
	if (page_is_foreign(g->ini, latest) && g->pub.term < UINT16_MAX)
		g->pub.term++;
	if (g->pub.term == 0)
		g->pub.term = 1;
	for (unsigned i = 0; i < g->pub.n; i++) {
		struct ini_member *m = &g->pub.m[i];
		g->x[i].judged = f->t[i]->member;
		bool old = page_is_older(&f->t[i]->member, latest);
		m->state = all && !old ? MEMBER_IN_SYNC : MEMBER_STALE;
		copy_text(m->why, sizeof(m->why),
		          m->state == MEMBER_IN_SYNC ? ""
		          : all ? "its generation is older than another member's"
		                : "imported without all members");
	}
}

static bool import_one(struct ini *ini, struct cmd *c, const uint8_t *uuid, struct ini_error *e)
{
	struct found f;
	struct group *g = group_new(ini, c->name, e);

	if (!g)
		return false;
	memcpy(g->pub.uuid, uuid, UUID_LEN);
	find(ini, uuid, &f);
	bool ok = f.n > 0 || ini_refuse(e, INI_E_BAD_VALUE,
	                                "no target has a page 30h of this group that makes sense");
	ok = ok && make(ini, g, &f, e) &&
	     (c->force || (nobody_else(ini, &f, e) && none_is_missing(&f, e)));
	if (!ok) {
		g->used = false;
		return false;
	}
	judge(g, &f);
	log_open(g);
	log_unknown(g); /* it was lost with the rest, or is another's */
	c->g = g;
	c->judged = 1;
	c->generation = f.latest->generation;
	g->importing = true;
	g->command = c;
	/* Whoever had it is to see that its pages are not the latest. */
	c->ticket = group_change(g, page_is_foreign(ini, f.latest));
	return true;
}

static bool possible(const struct ini *ini, const char *name, const uint8_t *uuid,
                     struct ini_error *e)
{
	char text[37];

	if (ini->draining)
		return ini_refuse(e, INI_E_SHUTDOWN, "the daemon is shutting down");
	if (!ini->bus_up)
		return ini_refuse(e, INI_E_BUS_DOWN, "there is no bus server");
	if (uuid && known(ini, uuid))
		return ini_refuse(e, INI_E_EXISTS, "group %s is known already",
		                  uuid_text(uuid, text));
	return group_name_free(ini, name, e);
}

/* The group that is meant is made, and its change has begun. */
static bool begin(struct ini *ini, struct cmd *c, struct ini_error *e)
{
	const uint8_t *found[HBA_UNITS], *uuid = c->by_uuid ? c->uuid : NULL;
	unsigned n = unknown_groups(ini, found);
	char text[37];

	if (!possible(ini, c->name, uuid, e))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (uuid ? memcmp(found[i], uuid, UUID_LEN) == 0 : n == 1)
			return import_one(ini, c, found[i], e);
	if (uuid || n == 0)
		return ini_refuse(e, INI_E_NO_MEMBERS, "no target here is a member of %s",
		                  uuid ? uuid_text(uuid, text) : "an unknown group");
	return ini_refuse(e, INI_E_BAD_VALUE,
	                  "%u unknown groups are here, name one: %s is the first", n,
	                  uuid_text(found[0], text));
}

static bool has_told(const struct group *g, unsigned i)
{
	return g->x[i].page.conflict && g->pub.m[i].unit != WIRE_NO_ID;
}

static bool overtaken(const struct group *g)
{
	for (unsigned i = 0; i < g->pub.n; i++)
		if (has_told(g, i))
			return true;
	return false;
}

/*
 * By force, while the other one goes on: it has written pages since they were looked at, before we
 * had told these members that the group is ours. If it has told some that others have left, those
 * have what it wrote since, and the others may not; or that nobody is in sync. Else it has told
 * these that they are not.
 */
static void judge_again(struct group *g, struct cmd *c)
{
	uint64_t latest = c->generation;
	bool none = false;

	for (unsigned i = 0; i < g->pub.n; i++) {
		if (!has_told(g, i))
			continue;
		g->x[i].judged = hba_target(g->ini->hba, g->pub.m[i].unit)->member;
		none |= g->x[i].judged.members == MODE_MIRROR_NO_SYNC;
		if (g->x[i].judged.generation > latest)
			latest = g->x[i].judged.generation;
	}
	for (unsigned i = 0; i < g->pub.n; i++) {
		bool told = has_told(g, i), same = latest == c->generation;
		bool good = told ? g->x[i].judged.generation == latest
		                 : same && g->pub.m[i].state == MEMBER_IN_SYNC;
		if (!good || none)
			(void)member_stale(g, i, "another initiator has gone on without it");
		else
			g->pub.m[i].state = MEMBER_IN_SYNC;
		g->x[i].page.conflict = false;
	}
	c->generation = latest;
	if (g->pub.generation < latest)
		g->pub.generation = latest;
}

/*
 * Pages first: until a member has one that names us, the group is whoever's it was. If the daemon
 * ends before, or nobody could be told, it is as if nothing had been asked for: what was judged by
 * the pages of now says nothing of what the other one may do later.
 */
static void pages_done(struct ini *ini, struct cmd *c)
{
	struct group *g = c->g;
	bool ours = group_is_ours(g, &c->error), passed = ours && g->importing && overtaken(g);

	if (passed && c->judged++ < JUDGED_MOST) {
		judge_again(g, c);
		c->ticket = group_change(g, true);
		return;
	}
	if (passed)
		ours = ini_refuse(&c->error, INI_E_BUSY,
		                  "another initiator serves group %s, and changes it: try again",
		                  g->pub.name);
	if (ours && !g->listed && g->change_error.kind == INI_OK) {
		g->importing = false;
		group_list(g);
		c->ticket = group_change(g, false);
		return;
	}
	if (ours)
		c->error = g->change_error;
	g->command = NULL;
	if (!g->listed)
		group_gone(g);
	cmd_reply(ini, c);
}

static void inquired(struct ini *ini, struct cmd *c)
{
	if (!hba_settled(ini->hba) && ini->bus_up && !ini->draining && ini->now < c->until) {
		logs_look_by(ini, c->until);
		return;
	}
	if (ini->bus_up && !hba_settled(ini->hba))
		(void)ini_refuse(&c->error, INI_E_BUSY,
		                 "targets are still being scanned: try again");
	else
		(void)begin(ini, c, &c->error);
	if (!c->g)
		cmd_reply(ini, c);
}

void import_step(struct ini *ini, struct cmd *c)
{
	if (c->g)
		pages_done(ini, c);
	else
		inquired(ini, c);
}

bool ini_group_import(struct ini *ini, const char *name, const uint8_t *group_uuid, bool force,
                      uint64_t token, struct ini_error *e)
{
	if (!possible(ini, name, group_uuid, e))
		return false;
	struct cmd *c = cmd_new(ini, CMD_IMPORT, token, e);
	if (!c)
		return false;
	copy_text(c->name, sizeof(c->name), name);
	c->by_uuid = group_uuid != NULL;
	if (group_uuid)
		memcpy(c->uuid, group_uuid, UUID_LEN);
	c->force = force;
	c->until = ini->now + ini->cfg.bus_wait_ns;
	hba_scan(ini->hba);
	return true;
}
