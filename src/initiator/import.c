/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * group.import: groups from their members' page 30h, after the daemon lost its state, or another
 * one had the group. Who has nothing to do with a group hears nothing of what another initiator
 * writes to these pages: all targets are inquired anew first. What they say is judged by
 * import_judge.c.
 *
 * Whoever had the group learns from any member's page that it has lost it, and from nothing else.
 * So the pages are written twice. First all of them say who is about to take the group over, and
 * else what they said: if one cannot be told, the import fails, and whoever comes next judges by
 * what was there, also by what the owner of before has written since to those that were not told.
 * When all have it, nobody else can do anything any more, and the second ones have the later term
 * and generation. They come before the state file: a term that a file has is on some page.
 */
#include "initiator/core.h"
#include "initiator/import.h"

#include <stdio.h>
#include <string.h>

#define JUDGED_MOST 4 /* while another initiator changes the pages */

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
	if (g->pub.n == INI_MEMBERS_MAX)
		return ini_refuse(e, INI_E_TOO_MANY, "a group has at most %d members",
		                  INI_MEMBERS_MAX);
	unsigned i = group_append(g, t->unit);
	g->pub.m[i].device = t->member.device;
	g->pub.id = t->member.group;
	member_seen(&g->x[i], t);
	return true;
}

static bool none_is_missing(const struct found *f, struct ini_error *e)
{
	return f->latest->members <= f->n ||
	       ini_refuse(e, INI_E_MEMBER_MISSING,
	                  "the group has %u members, and %u of them are here: the others may "
	                  "hold what was written last (force imports it without them)",
	                  f->latest->members, f->n);
}

/* An import tells all members before any has a later term (claim_done()), but for one by force. Who
 * had the group before that may have gone on with those that were not told, and written to them
 * what the others, of a later term, do not hold. One that was removed while it was away, and about
 * to be added again when a daemon ended, looks the same. */
static bool all_were_told(const struct found *f, struct ini_error *e)
{
	for (unsigned i = 0; i < f->n; i++) {
		const struct mode_mirror *page = &f->t[i]->member;
		if (page->term == f->latest->term || page->importing || !page_has_owner(page))
			continue;
		(void)ini_refuse(e, INI_E_BAD_STATE,
		                 "%s was not told when the group was taken over: it was left out "
		                 "by force, and who had the group may have written to it since, "
		                 "or it had been removed (force goes by the others)",
		                 f->t[i]->name);
		copy_text(e->member, sizeof(e->member), f->t[i]->name);
		return false;
	}
	return true;
}

/* As owner.c says; but pages of a group that no initiator was named for may be anybody's. Of the
 * latest term some may name who serves it, and some who was about to take it over, which is refused
 * by us, or we by it, where it still is. */
static bool nobody_else(struct ini *ini, const struct found *f, struct ini_error *e)
{
	const char *other;
	uint8_t id;

	for (unsigned i = 0; i < f->n; i++) {
		const struct mode_mirror *page = &f->t[i]->member;
		if (page->term != f->latest->term || page->importing || !page_is_foreign(ini, page))
			continue;
		other = hba_initiator(ini->hba, page->owner, &id);
		if (other)
			return ini_refuse(e, INI_E_BUSY,
			                  "initiator %s (SCSI ID %u) serves this group: stop it "
			                  "first, or import with force",
			                  other, id);
	}
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

static bool import_one(struct ini *ini, struct cmd *c, const uint8_t *uuid, struct ini_error *e)
{
	struct found f;
	struct group *g = group_new(ini, c->name, e);

	if (!g)
		return false;
	memcpy(g->pub.uuid, uuid, UUID_LEN);
	import_find(ini, uuid, &f);
	bool ok = f.n > 0 || ini_refuse(e, INI_E_BAD_VALUE,
	                                "no target has a page 30h of this group that makes sense");
	ok = ok && make(ini, g, &f, e) &&
	     (c->force ||
	      (nobody_else(ini, &f, e) && none_is_missing(&f, e) && all_were_told(&f, e)));
	if (!ok) {
		g->used = false;
		return false;
	}
	log_open(g);
	log_unknown(g); /* it was lost with the rest, or is another's */
	import_judge(g, &f);
	c->g = g;
	c->judged = 1;
	g->importing = true;
	g->command = c;
	c->ticket = group_change(g, false);
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

/* The member whose page is not as it is to be; NULL: there is none. */
static const struct ini_member *untold(const struct group *g, const char **why)
{
	for (unsigned i = 0; i < g->pub.n; i++) {
		if (member_has_page(g, i))
			continue;
		*why = g->pub.m[i].unit == WIRE_NO_ID ? "it has gone" : g->x[i].page.why;
		return &g->pub.m[i];
	}
	return NULL;
}

static bool overtaken(const struct group *g)
{
	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->x[i].page.conflict)
			return true;
	return false;
}

/*
 * By force, while the other one goes on: it has written pages since they were looked at, before we
 * had told these members that the group is about to be ours. Those that we have told say what they
 * said before, but for that.
 */
static bool judge_again(struct group *g, struct cmd *c)
{
	struct found f;

	if (!c->force || c->judged++ >= JUDGED_MOST || !import_find_again(g, &f))
		return false;
	import_judge(g, &f);
	for (unsigned i = 0; i < g->pub.n; i++)
		g->x[i].page.conflict = false;
	c->ticket = group_change(g, false);
	return true;
}

/* Who cannot be told is stale, by force: whoever had the group may still find it alone, and serve
 * what it holds. False: nobody else is in sync, and has been told. */
static bool goes_on_without(struct group *g, const struct cmd *c)
{
	bool some = false;

	for (unsigned i = 0; i < g->pub.n; i++)
		some |= g->pub.m[i].state == MEMBER_IN_SYNC && member_has_page(g, i);
	if (!some || !c->force)
		return false;
	for (unsigned i = 0; i < g->pub.n; i++)
		if (!member_has_page(g, i))
			(void)member_doubt(g, i,
			                   "it could not be told that the group is taken over");
	return true;
}

/* Since they were judged: their next pages would not say so any more. All is marked in the log. */
static void leave_restarted(struct group *g)
{
	uint16_t restarted = 0, sync = members_in_sync(g);

	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.m[i].restarted)
			restarted |= (uint16_t)(1U << i);
	for (unsigned i = 0; (sync & (uint16_t)~restarted) && i < g->pub.n; i++)
		if (sync & restarted & (1U << i))
			(void)member_stale(
			        g, i, "it was started again: what was not flushed may be gone");
}

/* All members say that the group is about to be ours: whoever had it can do nothing to them that it
 * does not hear of that. */
static void claim_done(struct group *g, struct cmd *c)
{
	const char *why = "";
	const struct ini_member *m = untold(g, &why);

	if (overtaken(g)) {
		if (!judge_again(g, c))
			(void)ini_refuse(&c->error, INI_E_BUSY,
			                 "another initiator serves group %s, and changes it: try "
			                 "again",
			                 g->pub.name);
		return;
	}
	if (m && !goes_on_without(g, c)) {
		(void)ini_refuse(&c->error, INI_E_DEVICE,
		                 "%s could not be told by page 30h that group %s is taken over: "
		                 "%s: try again, or import with force",
		                 m->name, g->pub.name, why);
		copy_text(c->error.member, sizeof(c->error.member), m->name);
		return;
	}
	leave_restarted(g);
	for (unsigned i = 0; i < g->pub.n; i++)
		if (member_has_page(g, i))
			g->x[i].judged = member_page(g, i);
	g->claiming = false;
	c->ticket = group_change(g, true);
}

/*
 * Pages first: until a member has one that names us, the group is whoever's it was. If the daemon
 * ends before, or somebody could not be told, it is as if nothing had been asked for, but that the
 * other one loses the group when it sees a page of those: what was judged by the pages of now says
 * nothing of what it may do until then.
 */
static void pages_done(struct ini *ini, struct cmd *c)
{
	struct group *g = c->g;
	bool ours = group_is_ours(g, &c->error);

	if (ours && g->claiming) {
		claim_done(g, c);
		if (c->error.kind == INI_OK)
			return;
	} else if (ours && g->importing && overtaken(g)) {
		(void)ini_refuse(&c->error, INI_E_BUSY,
		                 "another initiator takes over group %s, too: try again",
		                 g->pub.name);
	} else if (ours && !g->listed && g->change_error.kind == INI_OK) {
		g->importing = false;
		group_list(g);
		c->ticket = group_change(g, false);
		return;
	} else if (ours) {
		c->error = g->change_error;
	}
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
