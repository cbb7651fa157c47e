/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Write-intent logs (mirror/intent.h): a write goes to members when its regions are durably marked.
 * They are let go of lazily: when a group has not been written for a while, or has been for long,
 * its members are flushed. What is still marked when the daemon starts may differ between members:
 * a resync of its own copies it to all of them, the one that it is read from included, so that a
 * write of before, landing late, cannot make them differ again.
 */
#include "initiator/core.h"

#include "base/assert.h"

#include <string.h>

#define OP_REMOVE          (1ULL << 32)
#define RECOVER_PAUSE_MOST (3600 * NS_PER_S) /* between two recoveries that fail */
#define SETTLE_NS          (50 * NS_PER_MS) /* between two looks at what says nothing when it ends */

static uint16_t all_members(const struct group *g)
{
	return (uint16_t)((1U << g->pub.n) - 1);
}

static unsigned slot_of(const struct group *g)
{
	return (unsigned)(g - g->ini->group);
}

void logs_touch(struct ini *ini)
{
	ini->logs_at = ini->now;
}

void logs_look_at(struct ini *ini, ns_t at)
{
	if (at < ini->logs_at)
		ini->logs_at = at;
}

void logs_look_by(struct ini *ini, ns_t at)
{
	logs_look_at(ini, at < ini->now + SETTLE_NS ? at : ini->now + SETTLE_NS);
}

void log_open(struct group *g)
{
	const struct ini_group *p = &g->pub;

	intent_init(g->log, p->uuid, p->blocks,
	            intent_shift(p->block_size, p->blocks, g->ini->cfg.region_bytes));
	g->ini->logs_due = true;
}

void log_unknown(struct group *g)
{
	intent_lose(g->log);
	g->log_lost = true;
	g->lost_is_out = false;
	g->tail = 0;
	for (unsigned i = 0; i < g->pub.n; i++)
		g->pub.m[i].logged = false;
	g->recover = true;
	g->dirty_ns = 1;
	g->ini->logs_due = true;
	logs_touch(g->ini);
}

void log_drop(struct group *g)
{
	struct ini *ini = g->ini;
	unsigned k = slot_of(g);

	ini->log_file[k].gone = true;
	memcpy(ini->log_file[k].uuid, g->pub.uuid, UUID_LEN);
	ini->logs_due = true;
}

/* ---- writes ---- */

/* Images mostly end in the middle of a region. What is marked there in a mirror job that a member
 * has missed some of says nothing of what is behind the image. */
static bool same_region(const struct group *g, lba_t a, lba_t b)
{
	return a >> g->log->shift == b >> g->log->shift;
}

static void note_tail(struct group *g, uint64_t blocks)
{
	/* One that goes beyond that region may be missed behind the tail, too. */
	if (g->tail && blocks > g->tail &&
	    (blocks == g->pub.blocks || !same_region(g, g->tail, blocks)))
		g->tail = 0;
	if (blocks == g->pub.blocks || !same_region(g, blocks - 1, blocks))
		return;
	if (!intent_is_marked(g->log, blocks))
		g->tail = blocks;
	else if (g->tail && same_region(g, g->tail, blocks) && g->tail < blocks)
		g->tail = blocks;
}

lba_t log_behind(const struct group *g, uint64_t blocks)
{
	unsigned shift = g->log->shift;

	if (g->tail && g->tail <= blocks && same_region(g, g->tail, blocks))
		return ((blocks >> shift) + 1) << shift;
	return blocks;
}

static void spoil_tail(const struct io *io)
{
	struct group *g = io->g;
	unsigned shift = g->log->shift;

	if (g->tail && io->lba + io->blocks > g->tail && io->lba >> shift <= g->tail >> shift &&
	    !(io->job && io->job->pub.type == JOB_MIRROR))
		g->tail = 0;
}

bool log_begin(struct io *io)
{
	struct group *g = io->g;
	struct ini *ini = g->ini;

	io->logged = true;
	spoil_tail(io);
	if (!g->dirty_ns) {
		g->dirty_ns = ini->now ? ini->now : 1;
		logs_look_at(ini, ini->now + ini->cfg.clean_idle_ns);
	}
	if (intent_begin(g->log, io->lba, io->blocks))
		return true;
	ini->logs_due = true;
	return false;
}

void log_end(struct io *io)
{
	io->logged = false;
	io->g->written_ns = io->ini->now;
	intent_end(io->g->log, io->lba, io->blocks);
}

static void kinds(const struct group *g, uint16_t members, bool *lacking, bool *whole)
{
	*lacking = *whole = false;
	for (unsigned i = 0; i < g->pub.n; i++) {
		if (!(members >> i & 1) || g->pub.m[i].state != MEMBER_STALE)
			continue;
		*lacking = true;
		*whole |= !g->pub.m[i].logged;
	}
}

uint64_t log_lacking(const struct group *g, uint16_t members, bool recovery)
{
	bool lacking, whole;

	kinds(g, members, &lacking, &whole);
	return intent_lacking(g->log, lacking, whole && !recovery);
}

bool log_is_for(const struct group *g, uint16_t members)
{
	return members & members_trusted(g);
}

void log_prepare(struct job *j)
{
	struct group *g = j->g;
	struct mir_span s;
	bool lacking, whole;

	g->log_failed = false;
	if (!g->dirty_ns)
		g->dirty_ns = g->ini->now ? g->ini->now : 1;
	if (j->pub.type == JOB_MIRROR) {
		note_tail(g, j->blocks);
		intent_mark(g->log, 0, j->blocks);
	} else if (j->blocks > 0) {
		kinds(g, j->want, &lacking, &whole);
		j->pub.total = intent_plan(g->log, lacking, whole) * g->pub.block_size;
		for (lba_t at = 0; log_is_for(g, j->want) && intent_planned(g->log, at, &s);
		     at = s.lba + s.blocks)
			intent_mark(g->log, s.lba, s.blocks);
	}
	g->ini->logs_due = true;
}

/* What was marked and let go of again is marked by its writes. */
enum log_ready log_is_ready(const struct job *j)
{
	const struct intent *l = j->g->log;

	if (j->g->log_failed)
		return LOG_FAILED;
	return l->unsaved || l->saving ? LOG_WAITS : LOG_READY;
}

/* ---- letting go ---- */

void log_flushed(struct group *g, uint64_t ticket, uint16_t members)
{
	bool all = members == all_members(g);

	if (!members || g->recover || (members_trusted(g) & ~members) || !group_is_saved(g))
		return;
	(void)intent_flushed(g->log, ticket, all);
	if (!intent_wants_flush(g->log, all))
		g->dirty_ns = 0;
	g->ini->logs_due = true;
}

/* What a recovery would have made equal there is equal; and what was lost is of no use any more. */
void log_overwritten(struct group *g, uint64_t ticket, uint16_t members, uint64_t blocks)
{
	if (members && blocks == g->pub.blocks)
		g->pub.unflushed_lost = false;
	if (g->recover && members == all_members(g)) {
		(void)intent_flushed_to(g->log, ticket, true, blocks);
		g->recover = g->log->n_dirty > 0;
		g->ini->logs_due = true;
	}
	log_flushed(g, ticket, members);
}

static bool being_copied(const struct group *g)
{
	const struct job *j;

	TAILQ_FOREACH (j, &g->ini->job_live, live)
		if (j->g == g && job_copies(j) && j->phase > PHASE_QUEUED)
			return true;
	return false;
}

static bool all_in_sync_are_here(const struct group *g)
{
	uint16_t sync = members_in_sync(g);

	return sync && members_here(g, sync) == sync;
}

/* Those that do not answer, or may still write, too: a resync begins with what ends that. */
static bool all_in_sync_are_attached(const struct group *g)
{
	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.m[i].state == MEMBER_IN_SYNC && g->pub.m[i].unit == WIRE_NO_ID)
			return false;
	return members_in_sync(g) != 0;
}

static bool can_clean(const struct group *g)
{
	bool all = members_in_sync(g) == all_members(g);

	if (g->ini->draining && g->ios > 0) /* after the last write */
		return false;
	return g->listed && g->ini->bus_up && !g->command && !g->cleaning && !g->recover &&
	       intent_wants_flush(g->log, all) && all_in_sync_are_here(g) &&
	       members_trusted(g) == members_in_sync(g) && group_is_saved(g) && !being_copied(g);
}

static void clean_start(struct group *g)
{
	struct ini *ini = g->ini;
	struct ini_error e;
	struct cmd *c = cmd_new(ini, CMD_FLUSH, 0, &e);

	if (!c) {
		g->clean_not_before_ns = ini->now + ini->cfg.clean_idle_ns;
		return;
	}
	c->g = g;
	c->end = 1;
	c->forgotten = c->clean = true;
	g->cleaning = true;
}

void log_clean_done(struct group *g, bool good)
{
	struct ini *ini = g->ini;

	g->cleaning = false;
	g->clean_failed = !good;
	g->dirty_ns = 0;
	if (intent_wants_flush(g->log, members_in_sync(g) == all_members(g)))
		g->dirty_ns = ini->now ? ini->now : 1;
	/* Writes in flight all the time would have it flushed again at once. */
	g->clean_not_before_ns = ini->now + ini->cfg.clean_idle_ns;
	logs_touch(ini);
}

/* The state could not be saved: what waits for that is not what a client does next. */
static void save_look(struct group *g)
{
	struct ini *ini = g->ini;

	if (group_is_saved(g) || g->change_done != g->change_wanted || !g->listed || ini->draining)
		return;
	if (ini->now < g->save_not_before_ns) {
		logs_look_at(ini, g->save_not_before_ns);
		return;
	}
	g->save_not_before_ns = ini->now + ini->cfg.bus_wait_ns;
	(void)group_change(g, false);
}

/* A job that was to copy has marked nothing, or not brought in sync who lacks what is marked: the
 * next write is the first one again. */
static void forget_nothing(struct group *g)
{
	bool all = members_in_sync(g) == all_members(g);

	if (!g->recover && !being_copied(g) && !intent_wants_flush(g->log, all))
		g->dirty_ns = 0;
}

static void clean_look(struct group *g)
{
	struct ini *ini = g->ini;
	const struct ini_config *cfg = &ini->cfg;
	ns_t at = g->written_ns + cfg->clean_idle_ns;

	forget_nothing(g);
	if (ini->draining && g->ios > 0)
		logs_look_at(ini, ini->now + SETTLE_NS);
	if (!g->dirty_ns || !can_clean(g)) /* who may change that calls logs_touch() */
		return;
	if (g->dirty_ns + cfg->clean_most_ns < at)
		at = g->dirty_ns + cfg->clean_most_ns;
	if (at < g->clean_not_before_ns)
		at = g->clean_not_before_ns;
	if (ini->draining && !g->clean_failed)
		at = ini->now;
	if (ini->now >= at)
		clean_start(g);
	if (!g->cleaning)
		logs_look_at(ini, at > ini->now ? at : g->clean_not_before_ns);
}

/* ---- recovery ---- */

static const struct job *live_recovery(const struct group *g)
{
	const struct job *j;

	TAILQ_FOREACH (j, &g->ini->job_live, live)
		if (j->g == g && j->pub.recovery)
			return j;
	return NULL;
}

unsigned log_ios(const struct group *g)
{
	const struct job *j = live_recovery(g);

	return g->cleaning + (j ? j->ios : 0);
}

bool log_busy(const struct group *g)
{
	return g->cleaning || live_recovery(g);
}

/* It is begun anew later; what is in its way is to be over when the command's change is. */
void log_pause(struct group *g)
{
	const struct job *j = live_recovery(g);
	struct ini_error e;

	if (j)
		(void)ini_job_cancel(g->ini, j->pub.id, &e); /* else it is about to end */
}

/* Changes when a member comes back: then what has failed before may be done. */
static uint64_t attaches(const struct group *g)
{
	uint64_t sum = g->pub.n;

	for (unsigned i = 0; i < g->pub.n; i++)
		sum += g->x[i].attach;
	return sum;
}

static ns_t recover_at(const struct group *g)
{
	ns_t pause = g->recover_pause_ns, least = g->ini->cfg.bus_wait_ns;

	if (pause > least && attaches(g) != g->recover_attaches)
		pause = least;
	return pause ? g->recover_failed_ns + pause : 0;
}

/* All members in sync are waited for: one that is left out would have to leave the group. */
static void recover_look(struct group *g)
{
	struct ini *ini = g->ini;
	struct ini_job_spec s = {.type = JOB_RESYNC, .mode = INI_MODE_DEFAULT, .recovery = true};
	struct ini_error e;

	if (!g->recover || !g->listed || group_is_lost(g) || ini->draining || !ini->bus_up ||
	    g->command || !all_in_sync_are_attached(g) || live_recovery(g))
		return;
	if (!hba_settled(ini->hba)) {
		logs_look_at(ini, ini->now + SETTLE_NS);
		return;
	}
	if (being_copied(g)) /* then there may be one more */
		return;
	if (ini->now < recover_at(g)) {
		logs_look_at(ini, recover_at(g));
		return;
	}
	if (__builtin_popcount(members_in_sync(g) | members_logged(g)) < 2) {
		g->recover = false; /* alone it agrees with itself */
		return;
	}
	copy_text(s.group, sizeof(s.group), g->pub.name);
	if (ini_job_create(ini, &s, &e)) {
		ini_log(ini, 5, "group %s: %u of %u regions may differ since the last end: resync",
		        g->pub.name, g->log->n_dirty, g->log->n);
		return;
	}
	ini_log(ini, 4, "group %s cannot be made equal yet: %s", g->pub.name, e.text);
	log_recovered(g, false, false);
}

void log_recovered(struct group *g, bool good, bool failed)
{
	ns_t least = g->ini->cfg.bus_wait_ns, pause = failed ? 2 * g->recover_pause_ns : 0;

	if (pause > RECOVER_PAUSE_MOST)
		pause = RECOVER_PAUSE_MOST;
	if (pause < least)
		pause = least;
	if (good) {
		g->recover = false;
		g->recover_pause_ns = 0;
	} else {
		g->recover_pause_ns = pause;
		g->recover_failed_ns = g->ini->now;
		g->recover_attaches = attaches(g);
	}
	logs_touch(g->ini);
}

bool ini_restore_intent(struct ini *ini, const char *group, const uint8_t *bytes, size_t len,
                        struct ini_error *e)
{
	struct group *g = group_need(ini, group, e);
	char why[128] = "it is missing";

	if (!g)
		return false;
	bool good = bytes && intent_load(g->log, bytes, len, why, sizeof(why));
	if (!good) {
		log_unknown(g);
		(void)ini_refuse(
		        e, INI_E_STATE_DIR,
		        "the write-intent log of group %s is refused: %s: all of the group "
		        "is copied",
		        group, why);
	}
	if (good && g->pub.log_lost)
		log_unknown(g);
	g->recover = g->log->n_dirty > 0;
	g->dirty_ns = g->recover ? 1 : 0;
	ini->logs_due = true;
	logs_touch(ini);
	return good;
}

/* ---- running ---- */

void logs_run(struct ini *ini)
{
	if (ini->now < ini->logs_at)
		return;
	ini->logs_at = NS_NEVER;
	for (unsigned k = 0; k < ini->groups_used; k++) {
		struct group *g = &ini->group[k];
		if (!g->used)
			continue;
		restart_look(g);
		recover_look(g);
		save_look(g);
		clean_look(g);
		restart_renew(g);
	}
}

ns_t logs_deadline(const struct ini *ini)
{
	return ini->logs_at;
}

bool logs_idle(const struct ini *ini)
{
	for (unsigned k = 0; k < ini->groups_used; k++) {
		const struct group *g = &ini->group[k];
		if (ini->log_file[k].busy || ini->log_file[k].gone)
			return false;
		if (!g->used)
			continue;
		if (g->cleaning || g->log->unsaved)
			return false;
		if (ini->draining && g->dirty_ns && !g->clean_failed && can_clean(g))
			return false;
	}
	return true;
}

bool out_intent(struct ini *ini, struct ini_action *a)
{
	if (!ini->logs_due)
		return false;
	for (unsigned k = 0; k < ini->groups_used; k++) {
		struct group *g = &ini->group[k];
		bool remove = ini->log_file[k].gone;
		if (ini->log_file[k].busy || (!remove && !(g->used && intent_unsaved(g->log))))
			continue;
		ini->log_file[k].busy = true;
		ini->log_file[k].gone = false;
		a->kind = INI_ACT_INTENT;
		a->op = k | (remove ? OP_REMOVE : 0);
		a->bytes = ini->log_bytes;
		a->len = remove ? 0 : (uint32_t)intent_save(g->log, ini->log_bytes);
		if (!remove) {
			memcpy(ini->log_file[k].uuid, g->pub.uuid, UUID_LEN);
			g->lost_is_out = g->log_lost;
		}
		a->uuid = ini->log_file[k].uuid;
		return true;
	}
	ini->logs_due = false;
	return false;
}

static void marked(struct group *g, bool good)
{
	struct io *io = TAILQ_FIRST(&g->unmarked);

	while (io) {
		struct io *next = TAILQ_NEXT(io, wait);
		/* A save that failed fails those that it was for, not those behind it. */
		if (good ? intent_ready(g->log, io->lba, io->blocks)
		         : intent_imaged(g->log, io->lba, io->blocks))
			io_marked(io, good);
		io = next;
	}
}

void ini_intent_saved(struct ini *ini, uint64_t op, int err)
{
	uint32_t k = (uint32_t)op;

	if (k >= INI_GROUPS_MAX || !ini->log_file[k].busy)
		return;
	struct group *g = &ini->group[k];
	ini->log_file[k].busy = false;
	ini->logs_due = true;
	ini->moves++;
	if ((op & OP_REMOVE) || !g->used || !g->log->saving ||
	    memcmp(g->pub.uuid, ini->log_file[k].uuid, UUID_LEN) != 0)
		return;
	intent_saved(g->log, !err);
	if (!err && g->lost_is_out) {
		g->log_lost = false;
		(void)save_request(ini);
	}
	g->lost_is_out = false;
	if (err) {
		g->log_failed = true;
		ini_log(ini, 3, "the write-intent log of group %s could not be saved: %s",
		        g->pub.name, errno_text(err));
	}
	marked(g, !err);
}

const struct ini_group *log_shown(struct group *g)
{
	g->pub.intent =
	        (struct ini_intent){.region_bytes = (uint64_t)g->pub.block_size << g->log->shift,
	                            .regions = g->log->n,
	                            .dirty = g->log->n_dirty,
	                            .behind = g->log->n_behind,
	                            .recovering = g->recover};
	group_server(g, g->pub.served_by, sizeof(g->pub.served_by));
	return &g->pub;
}
