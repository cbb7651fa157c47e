/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of groups, who may be a member, and looking things up by name. */
#include "initiator/core.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

const char *uuid_text(const uint8_t uuid[UUID_LEN], char buf[37])
{
	uuid_unparse_lower(uuid, buf);
	return buf;
}

bool uuid_parse_text(const char *text, uint8_t out[UUID_LEN])
{
	uuid_t parsed;

	if (strnlen(text, 37) != 36 || uuid_parse(text, parsed) != 0)
		return false;
	memcpy(out, parsed, UUID_LEN);
	return true;
}

bool group_name_ok(const char *name)
{
	static const char first[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	static const char rest[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t len = strnlen(name, INI_NAME_MAX + 1);

	return len > 0 && len <= INI_NAME_MAX && strchr(first, name[0]) &&
	       strspn(name, rest) == len;
}

struct group *group_find(const struct ini *ini, const char *name)
{
	for (unsigned i = 0; i < ini->n_listed; i++)
		if (strcmp(ini->listed[i]->pub.name, name) == 0)
			return ini->listed[i];
	return NULL;
}

struct group *group_need(struct ini *ini, const char *name, struct ini_error *e)
{
	struct group *g = group_find(ini, name);

	if (!g)
		(void)ini_refuse(e, INI_E_NO_SUCH_GROUP, "there is no group %.63s", name);
	return g;
}

struct group *group_of(const struct ini *ini, const uint8_t uuid[UUID_LEN], unsigned *member)
{
	for (unsigned k = 0; k < ini->groups_used; k++) {
		const struct group *g = &ini->group[k];
		for (unsigned i = 0; g->used && i < g->pub.n; i++) {
			if (memcmp(g->pub.m[i].uuid, uuid, UUID_LEN) != 0)
				continue;
			if (member)
				*member = i;
			return (struct group *)(uintptr_t)g;
		}
	}
	return NULL;
}

/* The lowest group id that neither a group nor the page 30h of a target here uses. */
static uint16_t free_group_id(const struct ini *ini)
{
	for (uint16_t id = 1; id < UINT16_MAX; id++) {
		bool taken = false;
		for (unsigned k = 0; k < ini->groups_used; k++)
			taken |= ini->group[k].used && ini->group[k].pub.id == id;
		for (uint8_t t = 0; t < HBA_UNITS; t++) {
			const struct hba_target *target = hba_target(ini->hba, t);
			taken |= target->state == HBA_READY && target->member.member &&
			         target->member.group == id;
		}
		if (!taken)
			return id;
	}
	return UINT16_MAX;
}

static void group_init(struct ini *ini, struct group *g)
{
	memset(g, 0, sizeof(*g));
	g->ini = ini;
	g->used = true;
	g->log = &ini->logs[g - ini->group];
	mir_locks_init(&g->locks);
	TAILQ_INIT(&g->waiting);
	TAILQ_INIT(&g->unmarked);
	for (unsigned i = 0; i < INI_MEMBERS_MAX; i++) {
		g->pub.m[i].unit = g->pub.m[i].id = WIRE_NO_ID;
		g->x[i].last_unit = WIRE_NO_ID;
	}
}

static struct group *slot(struct ini *ini, struct ini_error *e)
{
	unsigned k = 0;

	while (k < ini->groups_used && ini->group[k].used)
		k++;
	if (k == INI_GROUPS_MAX) {
		(void)ini_refuse(e, INI_E_TOO_MANY, "there are %d groups, no more are possible",
		                 INI_GROUPS_MAX);
		return NULL;
	}
	if (k == ini->groups_used)
		ini->groups_used++;
	group_init(ini, &ini->group[k]);
	return &ini->group[k];
}

bool group_name_free(const struct ini *ini, const char *name, struct ini_error *e)
{
	if (!group_name_ok(name))
		return ini_refuse(e, INI_E_BAD_NAME,
		                  "'%.63s' is no name for a group: 1 to %d of A-Z a-z 0-9 _ . -, "
		                  "first a letter or digit",
		                  name, INI_NAME_MAX);
	for (unsigned k = 0; k < ini->groups_used; k++)
		if (ini->group[k].used && strcmp(ini->group[k].pub.name, name) == 0)
			return ini_refuse(e, INI_E_EXISTS, "there is a group %s already", name);
	return true;
}

struct group *group_new(struct ini *ini, const char *name, struct ini_error *e)
{
	if (!group_name_free(ini, name, e))
		return NULL;
	uint16_t id = free_group_id(ini);
	struct group *g = slot(ini, e);
	if (!g)
		return NULL;
	copy_text(g->pub.name, sizeof(g->pub.name), name);
	g->pub.id = id;
	g->pub.generation = 1;
	g->pub.transfer = ini->cfg.transfer;
	g->pub.window = ini->cfg.window;
	g->pub.max_passes = ini->cfg.max_passes;
	return g;
}

void group_list(struct group *g)
{
	struct ini *ini = g->ini;

	sm_assert(!g->listed && ini->n_listed < INI_GROUPS_MAX);
	g->listed = true;
	group_settled(g);
	group_saved(g);
	ini->listed[ini->n_listed++] = g;
	group_changed(g);
}

static void gone_note(struct ini *ini, const char *name)
{
	if (ini->gone_n == INI_GONE_MAX)
		return;
	struct gone *x = &ini->gone[(ini->gone_first + ini->gone_n++) % INI_GONE_MAX];
	*x = (struct gone){.object = OBJ_GROUP};
	copy_text(x->name, sizeof(x->name), name);
	ini->announce = true;
}

void group_unlist(struct group *g)
{
	struct ini *ini = g->ini;

	for (unsigned i = 0; i < ini->n_listed; i++) {
		if (ini->listed[i] != g)
			continue;
		gone_note(ini, g->pub.name);
		ini->n_listed--;
		memmove(&ini->listed[i], &ini->listed[i + 1],
		        (ini->n_listed - i) * sizeof(ini->listed[0]));
		break;
	}
	g->listed = false;
}

void group_gone(struct group *g)
{
	struct ini *ini = g->ini;

	sm_assert(g->ios == 0 && g->phase == CHANGE_IDLE && g->pages_open == 0 &&
	          TAILQ_EMPTY(&g->locks));
	if (g->change_done != g->change_wanted)
		ini->changes_open--;
	for (unsigned i = 0; i < g->pub.n; i++)
		member_leaves(g, i);
	group_unlist(g);
	log_drop(g);
	g->used = false;
}

void group_changed(struct group *g)
{
	g->changed = true;
	g->ini->announce = true;
	revive_touch(g->ini);
}

/* The member that is another logical unit of this target. */
static const struct ini_member *same_target(const struct group *g, const struct hba_target *t)
{
	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.m[i].id == t->id)
			return &g->pub.m[i];
	return NULL;
}

static const struct group *group_with(const struct ini *ini, const uint8_t uuid[UUID_LEN])
{
	for (unsigned k = 0; k < ini->groups_used; k++)
		if (ini->group[k].used && memcmp(ini->group[k].pub.uuid, uuid, UUID_LEN) == 0)
			return &ini->group[k];
	return NULL;
}

bool group_admit(struct ini *ini, struct group *g, uint8_t id, struct ini_error *e)
{
	const struct hba_target *t = hba_target(ini->hba, id);
	struct group *of = group_of(ini, t->uuid, NULL);
	const struct ini_member *with;
	enum ini_kind kind = INI_OK;

	if (of == g && of) {
		ini_refuse(e, INI_E_DUPLICATE, "target %s is named twice, or in the group already",
		           t->name);
		kind = e->kind;
	} else if (of) {
		ini_refuse(e, INI_E_MEMBER_OF_OTHER, "target %s is a member of group %s", t->name,
		           of->pub.name);
		kind = e->kind;
	} else if (t->state == HBA_SCANNING) {
		ini_refuse(e, INI_E_BUSY, "target %s is being scanned: try again", t->name);
		kind = e->kind;
	} else if (t->state != HBA_READY) {
		ini_refuse(e, INI_E_DEVICE, "target %s is not ready: %s", t->name, t->why);
		kind = e->kind;
	} else if (!t->mirror || !t->vpd.silent) {
		ini_refuse(e, INI_E_NOT_MIRRORING,
		           "target %s does not do silent mirroring (VPD page C0h)", t->name);
		kind = e->kind;
	} else if (t->block_size == 0 || t->blocks == 0) {
		ini_refuse(e, INI_E_BAD_VALUE, "target %s has no blocks", t->name);
		kind = e->kind;
	} else if (g->pub.n > 0 && t->block_size != g->pub.block_size) {
		ini_refuse(e, INI_E_MIXED_BLOCK_SIZE,
		           "target %s has blocks of %u bytes, the group of %u", t->name,
		           t->block_size, g->pub.block_size);
		kind = e->kind;
	} else if (g->pub.mode == INI_BROADCAST && !broadcast_admits(g, UINT16_MAX, t, e)) {
		kind = e->kind;
	} else if ((with = same_target(g, t)) != NULL) {
		ini_refuse(e, INI_E_DUPLICATE,
		           "targets %s and %s are logical units of one target: a pass names it "
		           "once",
		           with->name, t->name);
		kind = e->kind;
	} else if (g->pub.n == INI_MEMBERS_MAX) {
		ini_refuse(e, INI_E_TOO_MANY, "a group has at most %d members", INI_MEMBERS_MAX);
		kind = e->kind;
	} else if (t->member.member) {
		const struct group *ours = group_with(ini, t->member.group_uuid);
		char text[37];
		if (ours && t->member.generation > ours->pub.generation) {
			ini_refuse(
			        e, INI_E_BAD_STATE,
			        "target %s has generation %llu of group %s, which is at %llu: it "
			        "may hold what was written since",
			        t->name, (unsigned long long)t->member.generation, ours->pub.name,
			        (unsigned long long)ours->pub.generation);
			kind = e->kind;
		} else if (!ours) { /* else left over from a removal while it was away */
			ini_refuse(e, INI_E_MEMBER_OF_OTHER,
			           "target %s says that it is a member of the unknown group %s "
			           "(group import takes it over)",
			           t->name, uuid_text(t->member.group_uuid, text));
			kind = e->kind;
		}
	}
	if (kind == INI_OK)
		return true;
	copy_text(e->member, sizeof(e->member), t->name);
	return false;
}

static uint8_t free_device(const struct group *g)
{
	for (uint8_t device = 1;; device++) {
		bool taken = false;
		for (unsigned i = 0; i < g->pub.n; i++)
			taken |= g->pub.m[i].device == device;
		if (!taken)
			return device;
	}
}

unsigned group_append(struct group *g, uint8_t id)
{
	const struct hba_target *t = hba_target(g->ini->hba, id);
	uint8_t device = free_device(g);
	unsigned i = g->pub.n++;
	struct ini_member *m = &g->pub.m[i];

	sm_assert(i < INI_MEMBERS_MAX);
	*m = (struct ini_member){.device = device, .state = MEMBER_STALE, .id = WIRE_NO_ID};
	memcpy(m->uuid, t->uuid, UUID_LEN);
	copy_text(m->why, sizeof(m->why), "not synchronised yet");
	memset(&g->x[i], 0, sizeof(g->x[i]));
	bool listed = g->listed;
	g->listed = false; /* its page is about to be written: nothing to compare */
	member_arrives(g, i, t);
	g->listed = listed;
	g->pub.block_size = t->block_size;
	if (i == 0 || t->blocks < g->pub.blocks)
		g->pub.blocks = t->blocks;
	return i;
}

uint32_t group_transfer(const struct group *g, uint32_t wanted, uint16_t members)
{
	uint32_t bytes = wanted ? wanted : g->pub.transfer;

	if (bytes > INI_BLOCK_MAX)
		bytes = INI_BLOCK_MAX;
	for (unsigned i = 0; i < g->pub.n; i++) {
		uint8_t id = g->pub.m[i].unit;
		if (!(members >> i & 1) || id == WIRE_NO_ID)
			continue;
		uint32_t most = hba_target(g->ini->hba, id)->vpd.max_transfer;
		if (most > 0 && bytes > most)
			bytes = most;
	}
	bytes -= bytes % g->pub.block_size;
	return bytes ? bytes : g->pub.block_size;
}

/* ---- looking from outside ---- */

/* One or two digits, below `below`. */
static bool parse_number(const char *text, unsigned below, uint8_t *out)
{
	unsigned v = 0;
	size_t len = strnlen(text, 4);

	if (len == 0 || len > 2 || strspn(text, "0123456789") != len)
		return false;
	for (size_t i = 0; i < len; i++)
		v = v * 10 + (unsigned)(text[i] - '0');
	*out = (uint8_t)v;
	return v < below;
}

/* "3", "3:1": SCSI ID and LUN. */
static uint8_t by_address(const struct ini *ini, const char *text)
{
	const char *colon = strchr(text, ':');
	char first[4] = "";
	uint8_t id, lun = 0, unit = WIRE_NO_ID;

	if (colon &&
	    ((size_t)(colon - text) >= sizeof(first) || !parse_number(colon + 1, SCSI_LUNS, &lun)))
		return WIRE_NO_ID;
	snprintf(first, sizeof(first), "%.*s", colon ? (int)(colon - text) : 3, text);
	if (parse_number(first, WIRE_IDS, &id))
		unit = hba_unit_at(ini->hba, id, lun);
	return unit != WIRE_NO_ID && hba_target(ini->hba, unit)->state != HBA_ABSENT ? unit
	                                                                             : WIRE_NO_ID;
}

/* Of those that are usable, or that are on the bus and are not: how many go by that name or have
 * that UUID, and one. */
static unsigned find(const struct ini *ini, const char *text, bool usable, uint8_t *unit)
{
	uint8_t uuid[UUID_LEN];
	bool is_uuid = uuid_parse_text(text, uuid);
	unsigned found = 0;

	for (uint8_t i = 0; i < HBA_UNITS; i++) {
		const struct hba_target *t = hba_target(ini->hba, i);
		bool same = strcmp(t->name, text) == 0 ||
		            (is_uuid && memcmp(t->uuid, uuid, UUID_LEN) == 0);
		if (!same || t->state == HBA_ABSENT || (t->state == HBA_READY) != usable)
			continue;
		*unit = i;
		found++;
	}
	return found;
}

uint8_t ini_target_by(const struct ini *ini, const char *text, struct ini_error *e)
{
	uint8_t id = WIRE_NO_ID;
	unsigned found = find(ini, text, true, &id);

	if (found == 0)
		found = find(ini, text, false, &id);
	if (found == 1)
		return id;
	if (found > 1) {
		(void)ini_refuse(e, INI_E_DUPLICATE, "%u targets have the name %.63s: use the UUID",
		                 found, text);
		return WIRE_NO_ID;
	}
	id = by_address(ini, text);
	if (id == WIRE_NO_ID)
		(void)ini_refuse(e, INI_E_NO_SUCH_TARGET, "there is no target %.63s on the bus%s",
		                 text, ini->bus_up ? "" : " (no bus server)");
	return id;
}

unsigned ini_groups(const struct ini *ini)
{
	return ini->n_listed;
}

const struct ini_group *ini_group_at(const struct ini *ini, unsigned i)
{
	return i < ini->n_listed ? log_shown(ini->listed[i]) : NULL;
}

const struct ini_group *ini_group_find(const struct ini *ini, const char *name)
{
	struct group *g = group_find(ini, name);

	return g ? log_shown(g) : NULL;
}

const struct ini_group *ini_group_of(const struct ini *ini, const uint8_t uuid[UUID_LEN])
{
	const struct group *g = group_of(ini, uuid, NULL);

	return g && g->listed ? &g->pub : NULL;
}

/* ---- from the state directory ---- */

static bool restorable(struct ini *ini, const struct ini_group *p, struct ini_error *e)
{
	if (!group_name_ok(p->name))
		return ini_refuse(e, INI_E_BAD_NAME, "a saved group has a bad name");
	if (p->n == 0 || p->n > INI_MEMBERS_MAX)
		return ini_refuse(e, INI_E_BAD_VALUE, "saved group %s has %u members", p->name,
		                  p->n);
	if (p->block_size == 0 || p->blocks == 0 || p->max_passes == 0 || p->window == 0 ||
	    p->window > INI_WINDOW_MAX || p->transfer == 0 || p->mode > INI_BROADCAST)
		return ini_refuse(e, INI_E_BAD_VALUE, "saved group %s has a value out of range",
		                  p->name);
	for (unsigned k = 0; k < ini->groups_used; k++) {
		const struct ini_group *o = &ini->group[k].pub;
		if (ini->group[k].used && (strcmp(o->name, p->name) == 0 || o->id == p->id ||
		                           memcmp(o->uuid, p->uuid, UUID_LEN) == 0))
			return ini_refuse(e, INI_E_DUPLICATE,
			                  "saved groups %s and %s have the same name, id or UUID",
			                  o->name, p->name);
	}
	for (unsigned i = 0; i < p->n; i++) {
		struct group *of = group_of(ini, p->m[i].uuid, NULL);
		if (of)
			return ini_refuse(e, INI_E_MEMBER_OF_OTHER,
			                  "a member of saved group %s is one of %s, too", p->name,
			                  of->pub.name);
		for (unsigned k = 0; k < i; k++)
			if (memcmp(p->m[i].uuid, p->m[k].uuid, UUID_LEN) == 0 ||
			    p->m[i].device == p->m[k].device)
				return ini_refuse(e, INI_E_DUPLICATE,
				                  "saved group %s names a member twice", p->name);
	}
	return true;
}

/*
 * What a change was due for is not so, nobody was told; but one that was cut off may have reached a
 * member that is stale again by that. As long as it is away, those in sync look older than it does,
 * to whoever has not this state.
 */
static void owe_what_was_used(struct group *g)
{
	g->pub.owed = 0;
	for (unsigned i = 0; g->pub.used > g->pub.generation && i < g->pub.n; i++)
		if (g->pub.m[i].state == MEMBER_STALE)
			group_owes(g, g->pub.used);
}

bool ini_restore_group(struct ini *ini, const struct ini_group *p, struct ini_error *e)
{
	if (!restorable(ini, p, e))
		return false;
	struct group *g = slot(ini, e);
	if (!g)
		return false;
	g->pub = *p;
	for (unsigned i = 0; i < p->n; i++) {
		g->pub.m[i].unit = g->pub.m[i].id = WIRE_NO_ID;
		g->pub.m[i].resent = g->pub.m[i].failed = 0;
	}
	g->restored_generation = p->generation;
	if (g->pub.term == 0) /* saved before there were terms */
		g->pub.term = 1;
	if (g->pub.used < p->generation)
		g->pub.used = p->generation;
	g->used_saved = g->pub.used;
	owe_what_was_used(g);
	log_open(g);
	group_list(g);
	ini->targets_seen = UINT16_MAX;
	return true;
}
