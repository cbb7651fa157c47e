/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that change groups. Each is checked wholly before anything is done;
 * then its change goes to page 30h and the state file (change.c), and the reply follows.
 */
#include "initiator/core.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

static bool may_change(struct ini *ini, struct group *g, struct ini_error *e)
{
	if (ini->draining)
		return ini_refuse(e, INI_E_SHUTDOWN, "the daemon is shutting down");
	if (g && g->command)
		return ini_refuse(e, INI_E_BUSY, "group %s is being changed already", g->pub.name);
	return true;
}

/* A client's write, read or flush, which need not have begun. */
static bool has_io(const struct ini *ini, const struct group *g)
{
	const struct cmd *c;

	TAILQ_FOREACH (c, &ini->cmd_live, link)
		if (c->g == g && !c->clean)
			return true;
	return false;
}

static bool idle(struct ini *ini, struct group *g, struct ini_error *e)
{
	const struct job *j;

	if (!may_change(ini, g, e))
		return false;
	TAILQ_FOREACH (j, &ini->job_live, live)
		if (j->g == g && !j->pub.recovery)
			return ini_refuse(e, INI_E_BUSY, "job %u of group %s is not over",
			                  j->pub.id, g->pub.name);
	/* What we do by ourselves is no reason to refuse: the command waits for its end. */
	if (g->ios > log_ios(g) || has_io(ini, g))
		return ini_refuse(e, INI_E_BUSY, "group %s is being written or read", g->pub.name);
	return true;
}

static struct cmd *begin(struct ini *ini, struct group *g, enum cmd_kind kind, uint64_t token,
                         struct ini_error *e)
{
	struct cmd *c = cmd_new(ini, kind, token, e);

	if (c) {
		c->g = g;
		g->command = c;
		if (kind != CMD_SET)
			log_pause(g);
	}
	return c;
}

/* ---- create ---- */

static bool find_members(struct ini *ini, struct group *g, const char *const members[], unsigned n,
                         struct ini_error *e)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t id = ini_target_by(ini, members[i], e);
		if (id == WIRE_NO_ID || !group_admit(ini, g, id, e))
			return false;
		(void)group_append(g, id);
	}
	return true;
}

bool ini_group_create(struct ini *ini, const char *name, const char *const members[], unsigned n,
                      enum ini_mode mode, bool assume_clean, const uint8_t uuid[UUID_LEN],
                      uint64_t token, struct ini_error *e)
{
	if (!may_change(ini, NULL, e))
		return false;
	if (n == 0)
		return ini_refuse(e, INI_E_NO_MEMBERS, "a group needs at least one member");
	if (n > INI_MEMBERS_MAX)
		return ini_refuse(e, INI_E_TOO_MANY, "%u members, at most %d", n, INI_MEMBERS_MAX);
	if (!ini->bus_up)
		return ini_refuse(e, INI_E_BUS_DOWN, "there is no bus server");
	struct group *g = group_new(ini, name, e);
	if (!g)
		return false;
	memcpy(g->pub.uuid, uuid, UUID_LEN);
	g->pub.term = 1;
	g->pub.mode = mode == INI_MODE_DEFAULT ? INI_SILENT : mode;
	if (!find_members(ini, g, members, n, e) || !begin(ini, g, CMD_CREATE, token, e)) {
		g->used = false;
		return false;
	}
	log_open(g);
	for (unsigned i = 0; assume_clean && i < g->pub.n; i++) {
		g->pub.m[i].state = MEMBER_IN_SYNC;
		g->pub.m[i].why[0] = '\0';
	}
	g->command->ticket = group_change(g, false);
	return true;
}

static bool pages_failed(struct group *g, struct ini_error *e)
{
	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct ini_member *m = &g->pub.m[i];
		const struct page_write *w = &g->x[i].page;
		if (m->unit != WIRE_NO_ID && !w->failed)
			continue;
		(void)ini_refuse(e, INI_E_DEVICE, "mode page 30h of %s could not be written: %s",
		                 m->name, w->failed ? w->why : "the target went away");
		copy_text(e->member, sizeof(e->member), m->name);
		return true;
	}
	return false;
}

/* Pages first; a group whose members all know of it is listed and saved, else it is undone. */
static void create_step(struct ini *ini, struct cmd *c)
{
	struct group *g = c->g;

	if (c->undoing) {
		g->command = NULL;
		group_gone(g);
		(void)save_request(ini);
		cmd_reply(ini, c);
	} else if (!g->listed) {
		if (pages_failed(g, &c->error)) {
			c->undoing = true;
			g->dissolving = true;
		} else {
			group_list(g);
		}
		c->ticket = group_change(g, false);
	} else if (g->change_error.kind != INI_OK) {
		c->error = g->change_error;
		c->undoing = true;
		g->dissolving = true;
		group_unlist(g);
		c->ticket = group_change(g, false);
	} else {
		g->command = NULL;
		cmd_reply(ini, c);
	}
}

/* ---- delete ---- */

bool ini_group_delete(struct ini *ini, const char *name, uint64_t token, struct ini_error *e)
{
	struct group *g = group_need(ini, name, e);

	if (!g || !idle(ini, g, e))
		return false;
	struct cmd *c = begin(ini, g, CMD_DELETE, token, e);
	if (!c)
		return false;
	g->dissolving = true;
	c->ticket = group_change(g, false);
	return true;
}

static void delete_step(struct ini *ini, struct cmd *c)
{
	if (c->g) {
		c->g->command = NULL;
		group_gone(c->g);
		c->g = NULL;
		c->ticket = save_request(ini);
		return;
	}
	if (!save_is_done(ini, c->ticket))
		return;
	if (ini->save_err)
		(void)ini_refuse(&c->error, INI_E_STATE_DIR, "the state could not be saved");
	cmd_reply(ini, c);
}

/* ---- members ---- */

/* Who is in sync is told first of a change: there is none while they are away, and a new member
 * would not hear of it, either. */
static bool can_be_told(const struct group *g, struct ini_error *e)
{
	uint16_t sync = members_in_sync(g);

	for (unsigned i = 0; i < g->pub.n; i++)
		if ((sync >> i & 1) && member_presence(g, i) != GONE)
			return true;
	return !sync || ini_refuse(e, INI_E_MEMBER_MISSING,
	                           "no member of group %s that is in sync is here", g->pub.name);
}

bool ini_group_add_member(struct ini *ini, const char *name, const char *target, uint64_t token,
                          struct ini_error *e)
{
	struct group *g = group_need(ini, name, e);

	if (!g || !group_is_ours(g, e) || !idle(ini, g, e) || !can_be_told(g, e))
		return false;
	uint8_t id = ini_target_by(ini, target, e);
	if (id == WIRE_NO_ID || !group_admit(ini, g, id, e))
		return false;
	const struct hba_target *t = hba_target(ini->hba, id);
	if (t->blocks < g->pub.blocks)
		return ini_refuse(e, INI_E_BAD_VALUE,
		                  "target %s has %llu blocks, the group has %llu", t->name,
		                  (unsigned long long)t->blocks, (unsigned long long)g->pub.blocks);
	struct cmd *c = begin(ini, g, CMD_ADD, token, e);
	if (!c)
		return false;
	uint64_t blocks = g->pub.blocks;
	c->member = group_append(g, id);
	g->pub.blocks = blocks;
	c->ticket = group_change(g, true);
	return true;
}

static void drop_member(struct group *g, unsigned member)
{
	unsigned after = g->pub.n - member - 1;

	member_leaves(g, member);
	memmove(&g->pub.m[member], &g->pub.m[member + 1], after * sizeof(g->pub.m[0]));
	memmove(&g->x[member], &g->x[member + 1], after * sizeof(g->x[0]));
	g->pub.n--;
	g->leaving = 0;
}

static void undo_add(struct cmd *c)
{
	struct group *g = c->g;

	drop_member(g, c->member);
	c->ticket = group_change(g, true);
}

static bool add_failed(struct cmd *c)
{
	const struct group *g = c->g;
	const struct page_write *w = &g->x[c->member].page;
	const char *name = g->pub.m[c->member].name;

	c->error = g->change_error;
	if (!w->failed)
		return c->error.kind != INI_OK;
	(void)ini_refuse(&c->error, INI_E_DEVICE, "mode page 30h of %s could not be written: %s",
	                 name, w->why);
	copy_text(c->error.member, sizeof(c->error.member), name);
	return true;
}

/* What has failed is undone: its page, if it has one, first. */
static void add_step(struct ini *ini, struct cmd *c)
{
	struct group *g = c->g;

	if (!c->undoing && add_failed(c)) {
		c->undoing = true;
		if (g->x[c->member].page.failed) {
			undo_add(c);
			return;
		}
		g->leaving = (uint16_t)(1U << c->member);
		c->ticket = group_change(g, false);
		return;
	}
	if (g->leaving) {
		undo_add(c);
		return;
	}
	g->command = NULL;
	cmd_reply(ini, c);
}

/* A member by name, UUID or SCSI ID; it need not be on the bus. */
static bool find_member(struct ini *ini, const struct group *g, const char *text, unsigned *member,
                        struct ini_error *e)
{
	uint8_t uuid[UUID_LEN];
	bool is_uuid = uuid_parse_text(text, uuid);
	unsigned found = 0;

	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct ini_member *m = &g->pub.m[i];
		if (is_uuid ? memcmp(m->uuid, uuid, UUID_LEN) == 0 : strcmp(m->name, text) == 0) {
			*member = i;
			found++;
		}
	}
	if (found == 1)
		return true;
	if (found > 1)
		return ini_refuse(e, INI_E_DUPLICATE,
		                  "%u members have the name %.63s: use the UUID", found, text);
	uint8_t id = ini_target_by(ini, text, e);
	if (id == WIRE_NO_ID)
		return false;
	for (unsigned i = 0; i < g->pub.n; i++) {
		if (g->pub.m[i].unit == id) {
			*member = i;
			return true;
		}
	}
	return ini_refuse(e, INI_E_NO_SUCH_TARGET, "target %.63s is no member of group %s", text,
	                  g->pub.name);
}

bool ini_group_remove_member(struct ini *ini, const char *name, const char *target, uint64_t token,
                             struct ini_error *e)
{
	struct group *g = group_need(ini, name, e);
	unsigned member = 0;

	if (!g || !group_is_ours(g, e) || !idle(ini, g, e) ||
	    !find_member(ini, g, target, &member, e))
		return false;
	if (g->pub.n == 1)
		return ini_refuse(e, INI_E_NO_MEMBERS,
		                  "%s is the only member of group %s: delete the group",
		                  g->pub.m[member].name, name);
	/* If it is not here, they cannot be read anyway. */
	if (members_in_sync(g) == (1U << member) && g->pub.m[member].unit != WIRE_NO_ID)
		return ini_refuse(e, INI_E_UNSYNCED,
		                  "%s is the only member of group %s that is in sync: resync the "
		                  "others first, or delete the group",
		                  g->pub.m[member].name, name);
	struct cmd *c = begin(ini, g, CMD_REMOVE, token, e);
	if (!c)
		return false;
	c->member = member;
	g->leaving = (uint16_t)(1U << member);
	c->ticket = group_change(g, false);
	return true;
}

static void remove_step(struct ini *ini, struct cmd *c)
{
	struct group *g = c->g;

	if (g->leaving) { /* its page is cleared, or it is away */
		drop_member(g, c->member);
		c->ticket = group_change(g, true);
		return;
	}
	c->error = g->change_error;
	g->command = NULL;
	cmd_reply(ini, c);
}

/* ---- settings ---- */

bool ini_group_set(struct ini *ini, const char *name, const struct ini_group_set *set,
                   uint64_t token, struct ini_error *e)
{
	struct group *g = group_need(ini, name, e);

	if (!g || !group_is_ours(g, e) || !may_change(ini, g, e))
		return false;
	if (set->has_mode && set->mode > INI_BROADCAST)
		return ini_refuse(e, INI_E_BAD_VALUE, "that is no mode of a group");
	if (set->has_transfer &&
	    (set->transfer < g->pub.block_size || set->transfer > INI_BLOCK_MAX))
		return ini_refuse(e, INI_E_BAD_VALUE,
		                  "a transfer is one block (%u bytes) to %u bytes",
		                  g->pub.block_size, INI_BLOCK_MAX);
	if (set->has_window && (set->window == 0 || set->window > INI_WINDOW_MAX))
		return ini_refuse(e, INI_E_BAD_VALUE, "a window is 1 to %d", INI_WINDOW_MAX);
	if (set->has_max_passes && (set->max_passes == 0 || set->max_passes > 100))
		return ini_refuse(e, INI_E_BAD_VALUE, "max_passes is 1 to 100");
	if (set->has_mode && set->mode == INI_BROADCAST && !broadcast_check(g, UINT16_MAX, e))
		return false;
	struct cmd *c = begin(ini, g, CMD_SET, token, e);
	if (!c)
		return false;
	if (set->has_mode)
		g->pub.mode = set->mode;
	if (set->has_transfer)
		g->pub.transfer = set->transfer;
	if (set->has_window)
		g->pub.window = set->window;
	if (set->has_max_passes)
		g->pub.max_passes = set->max_passes;
	c->ticket = group_change(g, false);
	return true;
}

static void set_step(struct ini *ini, struct cmd *c)
{
	struct group *g = c->g;

	c->error = g->change_error;
	g->command = NULL;
	cmd_reply(ini, c);
}

void group_cmd_step(struct ini *ini, struct cmd *c)
{
	/* Settings hold for whatever runs. A recovery that stands in line would wait for them, too.
	 */
	bool minds_recovery = c->kind != CMD_SET;

	if (c->g && (!group_change_done(c->g, c->ticket) || (minds_recovery && log_busy(c->g))))
		return;
	/* Another change may have begun while the recovery came to its end, or a page be renewed
	 * behind one that could not be saved: pages are written to members by their place in the
	 * table. */
	if (c->g && (c->g->phase != CHANGE_IDLE || c->g->pages_open > 0))
		return;
	switch (c->kind) {
	case CMD_CREATE:
		create_step(ini, c);
		break;
	case CMD_DELETE:
		delete_step(ini, c);
		break;
	case CMD_ADD:
		add_step(ini, c);
		break;
	case CMD_REMOVE:
		remove_step(ini, c);
		break;
	case CMD_IMPORT:
		import_step(ini, c);
		break;
	case CMD_SET:
		set_step(ini, c);
		break;
	case CMD_FREE:
	case CMD_WRITE:
	case CMD_READ:
	case CMD_FLUSH:
	case CMD_WAIT:
	case CMD_BYPASS:
		sm_assert(false);
		break;
	}
}
