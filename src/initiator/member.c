/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Members and the bus: a member is known by its UUID; its SCSI ID and LUN are what the
 * host adapter says at this moment. What comes and goes is noted when it
 * happens and looked at in ini_run(), before results are.
 */
#include "initiator/core.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

/* A member that went this short before the whole bus did went with it. */
#define WITH_BUS_NS NS_PER_S

/* A target that is started and ends before it is there, again and again, is not waited for without
 * end: two of them, in turn, would hold up a change for as long as they do. */
#define SCANS_AWAITED 2

static void on_target(void *ctx, uint8_t unit)
{
	struct ini *ini = ctx;

	if (unit < HBA_UNITS)
		ini->targets_seen |= UINT64_C(1) << unit;
	else
		ini->initiators_seen = true;
}

static void on_reset(void *ctx, uint8_t by)
{
	struct ini *ini = ctx;

	ini->bus_changed = true;
	logs_touch(ini);
	/* All tasks of all targets are void: no write of before can land any more. */
	for (unsigned k = 0; k < ini->groups_used; k++)
		for (unsigned i = 0; ini->group[k].used && i < ini->group[k].pub.n; i++)
			ini->group[k].x[i].loose = false;
	memset(ini->loose, 0, sizeof(ini->loose));
	if (by == WIRE_NO_ID)
		ini_log(ini, 4, "bus reset by the bus server");
	else
		ini_log(ini, 4, "bus reset by SCSI ID %u", by);
}

/* Its store hung, and does not any more: it is written to again. */
static void on_drained(void *ctx, uint8_t unit)
{
	struct ini *ini = ctx;

	logs_touch(ini);
	if (unit < HBA_UNITS)
		ini->loose[unit].is = false;
	for (unsigned k = 0; k < ini->groups_used; k++) {
		struct group *g = &ini->group[k];
		for (unsigned i = 0; g->used && i < g->pub.n; i++) {
			if (g->pub.m[i].unit != unit)
				continue;
			g->x[i].loose = false;
			g->x[i].mute = 0;
		}
	}
}

void members_watch(struct ini *ini)
{
	hba_on_target(ini->hba, on_target, ini);
	hba_on_reset(ini->hba, on_reset, ini);
	hba_on_drained(ini->hba, on_drained, ini);
	ini->targets_seen = UINT64_MAX;
}

enum presence member_presence(const struct group *g, unsigned member)
{
	sm_assert(member < g->pub.n);
	const struct member *x = &g->x[member];

	if (g->pub.m[member].unit != WIRE_NO_ID)
		return x->loose || x->mute >= INI_MUTE_LIMIT ? MUTE : HERE;
	return g->ini->now < x->wait_until ? COMING : GONE;
}

uint16_t members_here(const struct group *g, uint16_t of)
{
	uint16_t here = 0;

	for (unsigned i = 0; i < g->pub.n; i++)
		if ((of >> i & 1) && member_presence(g, i) == HERE)
			here |= (uint16_t)(1U << i);
	return here;
}

uint16_t members_in_sync(const struct group *g)
{
	uint16_t set = 0;

	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.m[i].state == MEMBER_IN_SYNC)
			set |= (uint16_t)(1U << i);
	return set;
}

uint16_t members_trusted(const struct group *g)
{
	uint16_t set = members_in_sync(g);

	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->x[i].was_in_sync || g->x[i].in_sync_saved)
			set |= (uint16_t)(1U << i);
	return set;
}

uint16_t members_syncing(const struct group *g)
{
	uint16_t set = 0;

	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->x[i].syncing)
			set |= (uint16_t)(1U << i);
	return set;
}

uint16_t members_logged(const struct group *g)
{
	uint16_t set = 0;

	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.m[i].state == MEMBER_STALE && g->pub.m[i].logged)
			set |= (uint16_t)(1U << i);
	return members_here(g, set);
}

static bool newer(const struct member *a, const struct member *b)
{
	return a->seen && (!b->seen || a->seen_generation > b->seen_generation);
}

uint16_t members_that_may_leave(const struct group *g, uint16_t set)
{
	uint16_t sync = members_in_sync(g), leave = set & sync;

	if (sync & ~leave)
		return leave;
	uint16_t here = members_here(g, leave), among = here ? here : leave;
	unsigned best = (unsigned)__builtin_ctz(among | 1U << 15);
	for (unsigned i = 0; i < g->pub.n; i++)
		if ((among >> i & 1) && newer(&g->x[i], &g->x[best]))
			best = i;
	return leave & (uint16_t) ~(1U << best);
}

struct mode_mirror member_page(const struct group *g, unsigned member)
{
	const struct ini_member *m = &g->pub.m[member];
	struct mode_mirror page = {0};

	if (g->dissolving || (g->leaving >> member & 1))
		return page;
	if (g->claiming) {
		page = g->x[member].judged;
		memcpy(page.owner, hba_own_uuid(g->ini->hba), UUID_LEN);
		page.importing = true;
		return page;
	}
	page.member = true;
	page.members = (uint8_t)g->pub.n;
	page.none_in_sync = members_in_sync(g) == 0;
	page.device = m->device;
	page.group = g->pub.id;
	memcpy(page.group_uuid, g->pub.uuid, UUID_LEN);
	memcpy(page.owner, hba_own_uuid(g->ini->hba), UUID_LEN);
	page.term = g->pub.term;
	page.generation = m->state == MEMBER_IN_SYNC ? g->pub.generation : 0;
	return page;
}

bool member_stale(struct group *g, unsigned member, const char *why)
{
	struct ini_member *m = &g->pub.m[member];
	bool was = m->state == MEMBER_IN_SYNC;

	m->state = MEMBER_STALE;
	copy_text(m->why, sizeof(m->why), why);
	if (was) {
		m->logged = true;
		for (unsigned i = 0; !members_in_sync(g) && i < g->pub.n; i++)
			g->pub.m[i].latest = i == member;
		g->x[member].given_up = 0;
		intent_void(g->log);
		ini_log(g->ini, 4, "group %s: member %s is stale: %s", g->pub.name, m->name, why);
		group_changed(g);
		logs_touch(g->ini);
	}
	return was;
}

void member_not_latest(struct group *g, unsigned member)
{
	for (unsigned i = 0; i < g->pub.n; i++)
		if (i != member && g->pub.m[i].latest)
			g->pub.m[member].latest = false;
	(void)save_request(g->ini);
}

bool member_doubt(struct group *g, unsigned member, const char *why)
{
	bool was = member_stale(g, member, why);

	g->pub.m[member].logged = false;
	return was;
}

/* The log was kept beside this generation; a member that has another one was with somebody else.
 * If it may get the group's all the same, from a change in work, the group gets a later one. */
static void older(struct group *g, unsigned member, uint64_t generation, const char *why)
{
	if (g->x[member].offered >= g->pub.generation)
		group_owes(g, g->pub.generation);
	if (generation > 0 && generation == g->restored_generation)
		(void)member_stale(g, member, why);
	else
		(void)member_doubt(g, member, why);
}

static bool page_is_ours(const struct group *g, unsigned member, const struct mode_mirror *page)
{
	return page->member && page->group == g->pub.id &&
	       page->device == g->pub.m[member].device &&
	       memcmp(page->group_uuid, g->pub.uuid, UUID_LEN) == 0;
}

/* Why a target with a member's UUID cannot serve as this member; NULL: it can. */
static const char *unusable(const struct group *g, unsigned member, const struct hba_target *t)
{
	if (!t->mirror)
		return "it does not do silent mirroring any more";
	if (t->block_size != g->pub.block_size)
		return "its block size has changed";
	if (t->blocks < g->pub.blocks)
		return "it has become smaller than the group";
	if (g->listed && t->member.member &&
	    memcmp(t->member.group_uuid, g->pub.uuid, UUID_LEN) != 0)
		return "its page 30h says that it belongs to another group";
	for (unsigned i = 0; i < g->pub.n; i++)
		if (i != member && g->pub.m[i].id == t->id)
			return "it is a logical unit of the same target as another member";
	return NULL;
}

/*
 * Members of a newer generation were found: those here with an older one are stale. The state file,
 * which trusts them, is to say so before anything is acknowledged that they lack.
 */
static void adopt_generation(struct group *g, uint64_t generation)
{
	(void)group_change(g, false);
	if (g->pub.generation < generation)
		g->pub.generation = generation;
	/* A stale one that is away may have this one, too, of the change that was cut off, and as
	 * one that is in sync: without the state file it would count. */
	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.owed ||
		    (g->pub.m[i].state == MEMBER_STALE && g->pub.m[i].unit == WIRE_NO_ID))
			group_owes(g, generation);
	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct ini_member *m = &g->pub.m[i];
		if (m->unit == WIRE_NO_ID || m->state != MEMBER_IN_SYNC)
			continue;
		uint64_t has = hba_target(g->ini->hba, m->unit)->member.generation;
		if (has < generation)
			older(g, i, has, "its generation is older than another member's");
	}
}

/*
 * What the state says of a stale member is younger than its page: the state was saved before
 * anything was acknowledged that the member lacks, and the page may be of a change that was cut
 * off, or one that was written without our hearing of it. So a page as new as the group's, or
 * newer, makes nobody else stale. But without the state it would count: those in sync get a
 * generation that is later.
 */
static void look_at_stale(struct group *g, unsigned member, const struct mode_mirror *page)
{
	struct ini_member *m = &g->pub.m[member];

	if (!page_is_ours(g, member, page)) {
		m->logged = false; /* other media, perhaps */
		return;
	}
	if (page->generation < g->pub.generation || page->generation >= GENERATION_MAX)
		return;
	/* Of a change of our own that was cut off, as nobody was in sync: nothing has gone by it.
	 */
	bool own = m->latest && page->generation <= g->pub.used &&
	           memcmp(page->owner, hba_own_uuid(g->ini->hba), UUID_LEN) == 0;
	if (page->generation > g->pub.generation && !own)
		m->logged = false; /* it was with somebody else, perhaps */
	ini_log(g->ini, 4,
	        "group %s: member %s, which is stale, has generation %llu, the group %llu",
	        g->pub.name, m->name, (unsigned long long)page->generation,
	        (unsigned long long)g->pub.generation);
	group_owes(g, page->generation);
}

/*
 * Later than the last generation that is durable, and one that the member was sent: by a change
 * that was not finished, so nothing was acknowledged that it lacks.
 */
bool member_offered(const struct group *g, unsigned member, uint64_t generation)
{
	return generation > g->was_generation && generation <= g->x[member].offered;
}

/*
 * A change is under way, and nobody in sync is known to have its generation yet. Then one that lies
 * between the two was of a change before the daemon started, which reached the member late: as if
 * it had been seen when the daemon started, it is newer than what the state file says.
 */
static bool newer_than_the_file(const struct group *g, uint64_t generation)
{
	if (generation <= g->was_generation)
		return false;
	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct ini_member *m = &g->pub.m[i];
		if (m->state == MEMBER_IN_SYNC && m->unit != WIRE_NO_ID &&
		    hba_target(g->ini->hba, m->unit)->member.generation > generation)
			return false;
	}
	return true;
}

/* A member in sync has come with a page that it was not expected to have. */
static void look_at_in_sync(struct group *g, unsigned member, const struct mode_mirror *page)
{
	if (!page_is_ours(g, member, page))
		member_doubt(g, member, "its page 30h has lost the membership");
	else if (page->generation >= GENERATION_MAX)
		member_doubt(g, member, "its generation makes no sense");
	else if (page->generation > g->pub.generation || newer_than_the_file(g, page->generation))
		adopt_generation(g, page->generation);
	else if (page->generation < g->pub.generation)
		older(g, member, page->generation, "its generation is older than the group's");
}

void member_seen(struct member *x, const struct hba_target *t)
{
	x->seen = true;
	x->seen_generation = t->member.generation;
}

/*
 * No page gets a generation before the state file has it (change.c, announce()). One that we have
 * written all the same, and that the file does not know of: the state directory is one of before,
 * put back, or a copy. What its log says of members and of writes in flight was so then.
 */
static void look_for_lost_state(struct group *g, const struct hba_target *t)
{
	const struct mode_mirror *page = &t->member;

	if (page->importing || page->term != g->pub.term || page->generation <= g->pub.used ||
	    page->generation >= GENERATION_MAX ||
	    memcmp(page->owner, hba_own_uuid(g->ini->hba), UUID_LEN) != 0)
		return;
	ini_log(g->ini, 3,
	        "group %s: page 30h of %s has generation %llu, the state directory knows of none "
	        "after %llu: it is an old one, and all of the group is copied",
	        g->pub.name, t->name, (unsigned long long)page->generation,
	        (unsigned long long)g->pub.used);
	g->pub.used = page->generation;
	g->restored_generation = 0;
	log_unknown(g);
}

void member_arrives(struct group *g, unsigned member, const struct hba_target *t)
{
	struct ini_member *m = &g->pub.m[member];
	struct member *x = &g->x[member];
	const struct ini *ini = g->ini;

	m->unit = t->unit;
	m->id = t->id;
	m->lun = t->lun;
	if (t->name[0])
		copy_text(m->name, sizeof(m->name), t->name);
	/* Of another attach: all that it was sent before is void. */
	x->loose = (x->loose && x->attach == t->attach) ||
	           (ini->loose[t->unit].is && ini->loose[t->unit].attach == t->attach);
	x->last_unit = t->unit;
	x->attach = t->attach;
	x->wait_until = 0;
	x->scans = 0;
	x->mute = 0;
	x->leader_fail = false;
	restart_seen(g, member, t);
	if (!g->listed)
		return;
	if (page_is_ours(g, member, &t->member))
		look_for_lost_state(g, t);
	bool was_in_sync = m->state == MEMBER_IN_SYNC;
	/* Back in the middle of a change, with its page as it was: that is about to be written. */
	bool changing = g->phase == CHANGE_USED || g->phase == CHANGE_PAGES;
	bool due = changing && x->page.was_here && t->member.generation == x->page.before;
	/* Back with the page that it had when it was seen last: it has not been with anybody else,
	 * and nothing was acknowledged without it. Nor has who was in sync before the change in
	 * work. */
	bool as_it_was = x->seen && t->member.generation == x->seen_generation;
	as_it_was |= changing && t->member.generation == g->old_generation;
	as_it_was |= member_offered(g, member, t->member.generation);
	/* Or with the page that it was sent last, and we have not heard of that. */
	as_it_was |= x->page.sent && mode_mirror_equal(&t->member, &x->page.set.page);
	bool ours = page_is_ours(g, member, &t->member), expected = due || (ours && as_it_was);
	member_seen(x, t);
	if (m->state == MEMBER_IN_SYNC && !expected)
		look_at_in_sync(g, member, &t->member);
	else if (m->state == MEMBER_STALE && !due)
		look_at_stale(g, member, &t->member);
	struct mode_mirror wanted = member_page(g, member);
	if (was_in_sync != (m->state == MEMBER_IN_SYNC) || !ours ||
	    !mode_mirror_equal(&t->member, &wanted) || g->pub.owed)
		(void)group_change(g, false);
	group_changed(g);
}

void member_leaves(struct group *g, unsigned member)
{
	const struct member *x = &g->x[member];

	if (!x->loose || x->last_unit >= HBA_UNITS)
		return;
	g->ini->loose[x->last_unit].is = true;
	g->ini->loose[x->last_unit].attach = x->attach;
}

static void member_goes(struct group *g, unsigned member)
{
	struct ini *ini = g->ini;
	struct ini_member *m = &g->pub.m[member];
	struct member *x = &g->x[member];
	bool rescan = hba_target(ini->hba, x->last_unit)->state == HBA_SCANNING;

	m->unit = m->id = WIRE_NO_ID;
	x->gone_ns = ini->now;
	x->wait_until =
	        !group_is_lost(g) && (rescan || !ini->bus_up) ? ini->now + ini->cfg.bus_wait_ns : 0;
	group_changed(g);
}

/* The scan that is waited for is over, and its target's list does not name the unit any more. */
static bool unit_is_off_the_list(const struct ini *ini, const struct member *x)
{
	if (x->last_unit < WIRE_IDS || x->last_unit >= HBA_UNITS)
		return false;
	const struct hba_target *t = hba_target(ini->hba, x->last_unit);
	return t->state == HBA_ABSENT && hba_target(ini->hba, t->id)->state == HBA_READY;
}

static void look_at_member(struct group *g, unsigned member)
{
	struct ini *ini = g->ini;
	struct ini_member *m = &g->pub.m[member];
	struct member *x = &g->x[member];
	const struct hba_target *t = group_is_lost(g) ? NULL : hba_find(ini->hba, m->uuid);
	const char *no = t ? unusable(g, member, t) : NULL;

	if (no) {
		if (member_doubt(g, member, no))
			(void)group_change(g, true);
		copy_text(m->why, sizeof(m->why), no);
		t = NULL;
	}
	if (t && (m->unit != t->unit || x->attach != t->attach))
		member_arrives(g, member, t);
	else if (!t && m->unit != WIRE_NO_ID)
		member_goes(g, member);
	else if (group_is_lost(g))
		x->wait_until = 0;
	else if (!t && x->wait_until > ini->now && unit_is_off_the_list(ini, x))
		x->wait_until = 0;
	else if (!t && !no && x->wait_until <= ini->now && x->scans < SCANS_AWAITED &&
	         x->last_unit < HBA_UNITS && (ini->targets_changed >> x->last_unit & 1) &&
	         hba_target(ini->hba, x->last_unit)->state == HBA_SCANNING) {
		x->wait_until = ini->now + ini->cfg.bus_wait_ns; /* its ID is being scanned */
		x->scans++;
	}
}

static void bus_went(struct ini *ini)
{
	for (unsigned k = 0; k < ini->groups_used; k++) {
		struct group *g = &ini->group[k];
		for (unsigned i = 0; g->used && i < g->pub.n; i++)
			if (g->pub.m[i].unit == WIRE_NO_ID && g->x[i].gone_ns > 0 &&
			    ini->now - g->x[i].gone_ns < WITH_BUS_NS)
				g->x[i].wait_until = ini->now + ini->cfg.bus_wait_ns;
	}
}

/* The daemon has just started, or the bus was away, for however long: a member that the state
 * trusts has not left for not being there yet. */
static void bus_came(struct ini *ini)
{
	for (unsigned k = 0; k < ini->groups_used; k++) {
		struct group *g = &ini->group[k];
		for (unsigned i = 0; g->used && i < g->pub.n; i++)
			if (g->pub.m[i].unit == WIRE_NO_ID && g->pub.m[i].state == MEMBER_IN_SYNC) {
				g->x[i].wait_until = ini->now + ini->cfg.bus_wait_ns;
				g->x[i].scans = 0;
			}
	}
}

void members_look(struct ini *ini)
{
	bool up = hba_up(ini->hba), was = ini->bus_up;

	if (!ini->targets_seen && !ini->initiators_seen && up == was)
		return;
	bool initiators = ini->initiators_seen;
	ini->initiators_seen = false;
	logs_touch(ini);
	ini->targets_changed |= ini->targets_seen;
	ini->targets_seen = 0;
	ini->bus_up = up;
	if (up && !was)
		bus_came(ini);
	ini->bus_changed |= up != was;
	for (unsigned k = 0; k < ini->groups_used; k++) {
		struct group *g = &ini->group[k];
		if (g->used)
			group_look_at_owner(g);
		if (g->used && initiators && group_is_lost(g))
			group_changed(g); /* by the name, or by the UUID */
		for (unsigned i = 0; g->used && i < g->pub.n; i++)
			look_at_member(g, i);
	}
	if (was && !up)
		bus_went(ini);
	for (unsigned i = 0; i < ini->ios_used; i++)
		if (ini->ios[i].state != IO_FREE && ini->ios[i].awaits_presence)
			io_due(&ini->ios[i]);
}
