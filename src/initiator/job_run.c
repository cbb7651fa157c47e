/* SPDX-License-Identifier: BSD-2-Clause */
/* The phases of a job (the diagram is in core.h). */
#include "initiator/core.h"

#include "base/assert.h"

#define CATCH_UP_ROUNDS 3

static void enter(struct job *j, enum job_phase phase)
{
	j->phase = phase;
	j->ini->moves++;
}

void job_set_state(struct job *j, enum ini_job_state state)
{
	if (j->pub.state == state)
		return;
	if (state == JOB_RUNNING)
		job_time_start(j);
	else
		job_time(j);
	j->pub.state = state;
	job_changed(j);
}

/* A job waits for earlier ones of its group when one of the two writes. */
static bool must_wait(const struct job *j)
{
	const struct job *before;

	TAILQ_FOREACH (before, &j->ini->job_live, live) {
		if (before == j)
			return false;
		if (before->phase > PHASE_RESTORED && before->g == j->g &&
		    (job_writes(before) || job_writes(j)))
			return true;
	}
	return false;
}

/* A member that may still be doing a write that was given up, of those that are copied to, or from;
 * NULL: none. */
static const struct ini_member *loose_member(const struct job *j)
{
	uint16_t set = j->want | members_in_sync(j->g);

	for (unsigned i = 0; i < j->g->pub.n; i++)
		if ((set >> i & 1) && j->g->x[i].loose && j->g->pub.m[i].unit != WIRE_NO_ID)
			return &j->g->pub.m[i];
	return NULL;
}

/* RST makes an end of such writes. */
static void end_loose_writes(struct job *j)
{
	const struct ini_member *m = loose_member(j);

	if (!m)
		return;
	ini_log(j->ini, 5, "job %u: the bus is reset, since %s has not confirmed an abort",
	        j->pub.id, m->name);
	hba_reset_bus(j->ini->hba);
}

/* Of those that are stale when nobody is in sync, the ones that nobody has more than, and that are
 * equal but for what the log has: 0, if nobody ever was in sync. */
static uint16_t latest_of(const struct group *g)
{
	uint16_t latest = 0, logged = 0;

	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct ini_member *m = &g->pub.m[i];
		uint16_t b = (uint16_t)(m->latest ? 1U << i : 0);
		latest |= b;
		logged |= m->logged ? b : 0;
	}
	/* What differs between those that the log does not know is not known: one of them. */
	return logged ? logged : (uint16_t)(latest & (~latest + 1U));
}

/* Nobody was in sync: what members have behind the image is as good as any, where they were not
 * written unlike. What they will lack the log has, from now on. */
static void nobody_has_more(struct job *j, lba_t behind)
{
	struct group *g = j->g;

	intent_doubt_from(g->log, behind);
	for (unsigned i = 0; i < g->pub.n; i++)
		if (!(j->bypassed >> i & 1))
			g->pub.m[i].logged = true;
}

/*
 * Stale members that lack writes behind the end of a smaller image, or may. The region that the
 * image ends in counts, too, with what is marked there before the job marks it.
 */
static void look_behind(struct job *j)
{
	struct group *g = j->g;
	uint16_t all = (uint16_t)((1U << g->pub.n) - 1), sync = members_in_sync(g);
	uint16_t latest = latest_of(g);
	lba_t behind = log_behind(g, j->blocks);
	bool marked = intent_lacking_from(g->log, behind);

	j->rest = 0;
	j->differ = false;
	if (!sync && !latest)
		nobody_has_more(j, behind);
	if (j->blocks == g->pub.blocks)
		return;
	if (!sync) {
		j->rest = latest ? all & (uint16_t)~latest : 0;
		j->differ = marked;
		return;
	}
	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.m[i].state == MEMBER_STALE && (marked || !g->pub.m[i].logged))
			j->rest |= (uint16_t)(1U << i);
}

/* From here on nobody is in sync: what the job overwrites, all members may have or not. */
static void begin_mirror(struct job *j)
{
	struct group *g = j->g;

	look_behind(j);
	j->was_sync = members_in_sync(g);
	for (unsigned i = 0; i < g->pub.n; i++) {
		j->was_attach[i] = g->x[i].attach;
		if (g->pub.m[i].restarted) /* which is not known of a stale one */
			j->again |= (uint16_t)(1U << i);
		if (j->want >> i & 1)
			(void)member_stale(g, i, "a mirror job has begun to overwrite it");
	}
	for (unsigned i = 0; j->was_sync && i < g->pub.n; i++)
		g->pub.m[i].latest = j->was_sync >> i & 1;
	j->ticket = group_change(g, true);
	log_prepare(j);
}

static void prepare(struct job *j)
{
	struct group *g = j->g;

	j->pub.started_ns = j->ini->now;
	j->ticket = 0;
	if (j->pub.type == JOB_LOAD)
		load_begin(j);
	if (job_writes(j))
		end_loose_writes(j);
	for (unsigned i = 0; i < g->pub.n; i++) /* the one that is copied from, too */
		g->x[i].mute = 0;
	for (unsigned i = 0; i < g->pub.n; i++)
		if (bypass_under_way(g, i))
			j->bypassed |= (uint16_t)(1U << i);
	switch (j->pub.type) {
	case JOB_MIRROR:
		begin_mirror(j);
		break;
	case JOB_RESYNC:
		if (j->pub.recovery) { /* a job that it waited for may have changed who is in sync
			                */
			j->want = members_in_sync(g) | members_logged(g);
			job_list_targets(j);
		} else if (j->want & members_in_sync(g)) {
			j->want &= (uint16_t)~members_in_sync(g);
			job_list_targets(j);
			job_size_resync(j);
		}
		for (unsigned i = 0; i < g->pub.n; i++)
			g->x[i].syncing = j->want >> i & 1;
		log_prepare(j);
		break;
	case JOB_READ: /* what it waited for may have changed who is in sync */
		j->want = members_in_sync(g);
		job_list_targets(j);
		break;
	case JOB_SCRUB: /* likewise */
		j->want = members_in_sync(g);
		job_place(j);
		break;
	case JOB_VERIFY:
	case JOB_LOAD:
	case JOB_TYPES:
		break;
	}
}

/* Its number would be given to another one after a restart. */
static bool has_no_number(struct job *j)
{
	const struct ini *ini = j->ini;

	if (!save_is_done(ini, j->save_seq) || j->pub.id < ini->next_saved)
		return false;
	(void)ini_refuse(&j->pub.error, INI_E_STATE_DIR,
	                 "the number of job %u could not be saved%s%s", j->pub.id,
	                 ini->save_err ? ": " : "", ini->save_err ? errno_text(ini->save_err) : "");
	job_conclude(j, JOB_FAILED);
	return true;
}

/*
 * A mirror job makes all members stale. A write that is on its way then would take nobody out that
 * fails it, and one that still waits for its range, and is in no log yet, would go to those that it
 * knew of, and not to whom the job brings in sync beside them. So it begins when there is none.
 */
static bool awaits_writes(struct job *j)
{
	j->bars_writes = j->pub.type == JOB_MIRROR;
	return j->bars_writes && group_is_written(j->g);
}

static void queued(struct job *j)
{
	if (j->pub.kept.cancelled) {
		job_conclude(j, JOB_CANCELLED);
		return;
	}
	if (has_no_number(j))
		return;
	j->bars_writes = false;
	if (j->pub.kept.paused) {
		job_set_state(j, JOB_PAUSED);
		return;
	}
	if (must_wait(j) || j->g->command || j->ini->draining || awaits_writes(j)) {
		job_set_state(j, JOB_WAITING);
		return;
	}
	if (!j->has_file || j->pub.type == JOB_READ) {
		if (members_in_sync(j->g) == 0) {
			(void)ini_refuse(&j->pub.error, INI_E_UNSYNCED,
			                 "no member of group %s is in sync", j->pub.group);
			job_conclude(j, JOB_FAILED);
			return;
		}
	}
	job_set_state(j, JOB_RUNNING);
	prepare(j);
	enter(j, PHASE_PREPARE);
}

static void preparing(struct job *j)
{
	if (!save_is_done(j->ini, j->save_seq) ||
	    (j->ticket && !group_change_done(j->g, j->ticket)))
		return;
	if (j->ticket && j->g->change_error.kind != INI_OK) {
		j->pub.error = j->g->change_error;
		job_conclude(j, JOB_FAILED);
		return;
	}
	if (has_no_number(j))
		return;
	enum log_ready ready = job_copies(j) ? log_is_ready(j) : LOG_READY;
	if (ready == LOG_FAILED) {
		(void)ini_refuse(&j->pub.error, INI_E_STATE_DIR,
		                 "the write-intent log of group %s could not be saved",
		                 j->pub.group);
		job_conclude(j, JOB_FAILED);
	}
	if (ready != LOG_READY)
		return;
	if (job_writes(j) && loose_member(j) &&
	    j->ini->now - j->pub.started_ns < j->ini->cfg.bus_wait_ns)
		return; /* RST has not come yet */
	job_time_start(j);
	enter(j, PHASE_SWEEP);
}

/* True: it is to go no further for now, and what it had begun is over. */
static bool is_held(struct job *j)
{
	bool hold = job_on_hold(j);

	if (hold && j->ios == 0) {
		if (j->pub.state != JOB_PAUSED)
			job_keep(j);
		job_set_state(j, JOB_PAUSED);
	}
	if (!hold && j->pub.state == JOB_PAUSED)
		job_set_state(j, JOB_RUNNING);
	return j->pub.state == JOB_PAUSED;
}

static void catching_up(struct job *j)
{
	if (!is_held(j) && !job_catch_up(j))
		enter(j, PHASE_GRACE);
}

static void sweeping(struct job *j)
{
	if (j->next < j->blocks && is_held(j))
		return;
	if (j->pub.type == JOB_LOAD)
		load_look(j);
	job_sweep(j);
	if (j->next == j->blocks && j->ios == 0) {
		j->grace_until_ns = j->ini->now + j->ini->cfg.member_grace_ns;
		enter(j, PHASE_GRACE);
	}
}

/* Members that missed something: here (and worth catching up with), or away. */
static void look_for_missed(const struct job *j, bool *here, bool *away)
{
	*here = *away = false;
	for (unsigned t = 0; t < j->pub.n_targets; t++) {
		if (j->missed[t].n == 0 || (j->lost >> t & 1))
			continue;
		switch (member_presence(j->g, j->member_of[t])) {
		case HERE:
			*here = true;
			break;
		case COMING:
		case GONE:
			*away = true;
			break;
		case MUTE:
			break;
		}
	}
}

static void begin_flush(struct job *j)
{
	enter(j, PHASE_FLUSH);
	target_settle_missed(j);
	if (j->pub.type == JOB_READ) {
		j->sync_wanted = true;
		j->ini->syncs_due = true;
		return;
	}
	j->holders = j->flushed = j->unflushed = 0;
	j->flush_wanted = true;
}

/* All ios may be in use: then it is looked at again when one is free. */
static void start_flush(struct job *j)
{
	uint16_t complete = job_copies(j) ? job_complete_members(j) & j->want : j->repaired;
	struct io *io = complete ? io_new(j->ini, j->g, j, NULL) : NULL;

	if (complete && !io)
		return;
	j->flush_wanted = false;
	j->log_ticket = intent_ticket(j->g->log);
	if (!io)
		return;
	io->kind = IO_FLUSH;
	io->want = complete;
	j->ios++;
	j->running++;
	io_start(io);
}

static void copy_again(struct job *j)
{
	j->again |= j->restarted;
	for (unsigned t = 0; t < j->pub.n_targets; t++)
		if (j->restarted >> j->member_of[t] & 1)
			target_again(j, t);
	j->restarted = 0;
}

/* Who is here cannot be given what it has missed, yet. */
static bool awaits_givers(const struct job *j)
{
	return j->awaited && !members_here(j->g, j->awaited) && j->ini->now < j->grace_until_ns;
}

static void grace(struct job *j)
{
	bool here, away;

	if (j->restarted)
		copy_again(j);
	if (awaits_givers(j))
		return;
	look_for_missed(j, &here, &away);
	if (job_copies(j) && here && j->catch_rounds < CATCH_UP_ROUNDS) {
		j->catch_rounds++;
		j->awaited = 0;
		j->catch_target = 0;
		j->catch_lba = 0;
		enter(j, PHASE_CATCH_UP);
	} else if (job_copies(j) && away && j->ini->now < j->grace_until_ns) {
		return;
	} else {
		begin_flush(j);
	}
}

static void flushing(struct job *j)
{
	if (j->flush_wanted)
		start_flush(j);
	if (j->flush_wanted || j->ios > 0 || j->sync_wanted || j->sync_flying)
		return;
	if (j->restarted) { /* before it was flushed, or just after that: who knows */
		enter(j, PHASE_GRACE);
		return;
	}
	job_settle(j);
	enter(j, PHASE_SETTLE);
}

static void settling(struct job *j)
{
	if (j->ticket && !group_change_done(j->g, j->ticket))
		return;
	if (j->ticket && j->g->change_error.kind != INI_OK) {
		j->pub.error = j->g->change_error;
		job_conclude(j, JOB_FAILED);
		return;
	}
	if (j->pub.type == JOB_MIRROR)
		log_overwritten(j->g, j->log_ticket,
		                j->flushed & j->holders & members_in_sync(j->g), j->blocks);
	job_conclude(j, job_verdict(j));
}

/* Cancelled or failed as a whole: true while that is being brought to its end. */
static bool ending(struct job *j)
{
	bool working = j->phase == PHASE_SWEEP || j->phase == PHASE_GRACE ||
	               j->phase == PHASE_CATCH_UP || j->phase == PHASE_FLUSH;

	if (!working || !(j->pub.kept.cancelled || j->aborting))
		return false;
	job_drop_ready(j);
	if (j->ios == 0) {
		j->sync_wanted = j->sync_flying = false; /* it may never end */
		target_settle_missed(j);
		job_conclude(j, j->aborting ? JOB_FAILED : JOB_CANCELLED);
	}
	return true;
}

void job_step(struct job *j)
{
	job_time(j);
	if (ending(j))
		return;
	switch (j->phase) {
	case PHASE_RESTORED:
		job_restored(j);
		break;
	case PHASE_QUEUED:
		queued(j);
		break;
	case PHASE_PREPARE:
		preparing(j);
		break;
	case PHASE_SWEEP:
		sweeping(j);
		break;
	case PHASE_GRACE:
		grace(j);
		break;
	case PHASE_CATCH_UP:
		catching_up(j);
		break;
	case PHASE_FLUSH:
		flushing(j);
		break;
	case PHASE_SETTLE:
		settling(j);
		break;
	case PHASE_ENDED:
		sm_assert(false);
		break;
	}
}

void jobs_run(struct ini *ini)
{
	struct job *j = TAILQ_FIRST(&ini->job_live);

	jobs_keep(ini);
	while (j) {
		struct job *next = TAILQ_NEXT(j, live);
		job_step(j);
		j = next;
	}
}

ns_t jobs_deadline(const struct ini *ini)
{
	const struct job *j;
	ns_t at = NS_NEVER;

	TAILQ_FOREACH (j, &ini->job_live, live) {
		ns_t t = job_time_deadline(j);
		if (t < at)
			at = t;
	}
	return at;
}
