/* SPDX-License-Identifier: BSD-2-Clause */
/* How a job ends: what is in sync then, its conclusion and what it says. */
#include "initiator/core.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

/* It holds the image, and what it has missed behind it does not come with that. */
static bool lacks_the_rest(const struct job *j, unsigned member)
{
	return (j->rest & job_complete_members(j)) >> member & 1;
}

static void stale_text(const struct job *j, unsigned t, char *text, size_t n)
{
	const struct ini_job_target *x = &j->pub.t[t];
	const struct ini_run *r = x->n_runs ? &x->runs[0] : NULL;

	if (lacks_the_rest(j, j->member_of[t]))
		(void)snprintf(text, n, "job %u: it lacks writes behind the image: resync",
		               j->pub.id);
	else if (x->bad == 0)
		(void)snprintf(text, n, "job %u: its cache could not be flushed", j->pub.id);
	else
		(void)snprintf(text, n, "job %u: %llu blocks bad: %.40s", j->pub.id,
		               (unsigned long long)x->bad, r ? r->what : "unknown");
}

/* A flush that failed: the blocks are there, but not safe. */
static void unflushed(struct job *j, uint16_t complete)
{
	for (unsigned t = 0; t < j->pub.n_targets; t++) {
		uint16_t b = (uint16_t)(1U << j->member_of[t]);
		if (!(complete & b) || (j->holders & b))
			continue;
		j->pub.t[t].good = 0;
		target_bad(j, t, 0, j->blocks, &j->flush_why);
	}
}

/* What was copied to it may have been changed by a client's command since, or be so any time. */
static void bypassed(struct job *j, uint16_t complete)
{
	struct why why = {.status = STATUS_NONE,
	                  .what = "a client's own command changed its medium"};

	for (unsigned t = 0; t < j->pub.n_targets; t++) {
		if (!(complete & j->bypassed & 1U << j->member_of[t]))
			continue;
		j->pub.t[t].good = 0;
		target_bad(j, t, 0, j->blocks, &why);
	}
}

/* What a member that was started again during a mirror job, or has failed a flush of before, lost
 * behind the end of a smaller image is not copied by that: another one has it, or they are to be
 * made equal there. */
static void settle_behind(struct job *j)
{
	struct group *g = j->g;
	uint16_t worse = j->again | j->torn;

	if (j->pub.type != JOB_MIRROR || !worse || j->blocks == g->pub.blocks ||
	    !intent_lacking_from(g->log, log_behind(g, j->blocks)))
		return;
	if (j->holders & (uint16_t) ~(worse | j->rest)) {
		j->rest |= worse;
		return;
	}
	j->differ = true;
	if (j->again & j->holders)
		restart_lost(g);
}

/* Members in sync that a recovery could not write have left by that, but for the last one: it does
 * when another one has come in sync. */
static void leave_last(struct job *j)
{
	struct group *g = j->g;
	uint16_t sync = members_in_sync(g);
	char text[96];

	for (unsigned t = 0; (sync & j->holders) && t < j->pub.n_targets; t++) {
		unsigned m = j->member_of[t];
		if (!((sync & (uint16_t)~j->holders) >> m & 1))
			continue;
		stale_text(j, t, text, sizeof(text));
		(void)member_stale(g, m, text);
	}
}

static void settle_writer(struct job *j)
{
	struct group *g = j->g;
	char text[96];

	unflushed(j, job_complete_members(j));
	bypassed(j, job_complete_members(j));
	target_settle_missed(j); /* what other writes have spoiled since the flush began */
	j->holders &= job_complete_members(j) & (uint16_t)~j->unflushed;
	settle_behind(j);
	for (unsigned t = 0; t < j->pub.n_targets; t++) {
		unsigned m = j->member_of[t];
		if (j->pub.recovery && g->pub.m[m].state == MEMBER_IN_SYNC)
			continue;
		if ((j->holders >> m & 1) && !lacks_the_rest(j, m)) {
			g->pub.m[m].state = MEMBER_IN_SYNC;
			g->pub.m[m].restarted = false;
			g->pub.m[m].why[0] = '\0';
		} else {
			stale_text(j, t, text, sizeof(text));
			(void)member_stale(g, m, text);
		}
	}
	if (j->pub.recovery)
		leave_last(j);
	if (j->differ && members_in_sync(g)) /* before a flush lets go of what says where */
		g->recover = true;
	j->ticket = group_change(g, true);
}

/*
 * A mirror job that has sent nothing: who was in sync is again, unless its medium is in doubt, or
 * it was away meanwhile, with its page unseen. A flush that some have failed makes them differ, and
 * nobody was made stale for it.
 */
static void put_back(struct job *j)
{
	struct group *g = j->g;
	uint16_t back = 0;

	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct ini_member *m = &g->pub.m[i];
		bool away = m->unit != WIRE_NO_ID && g->x[i].attach != j->was_attach[i];
		if ((j->was_sync & (uint16_t)~j->bypassed) >> i & 1 && m->logged && !away)
			back |= (uint16_t)(1U << i);
	}
	uint16_t worse = j->torn | j->restarted | j->again;
	if (back & (uint16_t)~worse)
		back &= (uint16_t)~worse;
	else if (back)
		g->recover = true;
	for (unsigned i = 0; back && i < g->pub.n; i++) {
		struct ini_member *m = &g->pub.m[i];
		if (!(back >> i & 1))
			continue;
		m->state = MEMBER_IN_SYNC;
		m->why[0] = '\0';
	}
	if (back)
		(void)group_change(g, true);
}

/* Members that hold blocks that are wrong, or may be, and stay so. */
static void settle_scrub(struct job *j)
{
	struct group *g = j->g;
	uint16_t doubted = members_that_may_leave(g, j->doubted);
	bool some = false;

	for (unsigned i = 0; i < g->pub.n; i++)
		if (doubted >> i & 1)
			some |= member_doubt(g, i, "a scrub found blocks that it could not repair");
	if (some)
		j->ticket = group_change(g, true);
}

void job_settle(struct job *j)
{
	j->ticket = 0;
	if (job_copies(j))
		settle_writer(j);
	else if (j->pub.type == JOB_LOAD)
		load_settle(j);
	else if (j->pub.type == JOB_SCRUB)
		settle_scrub(j);
}

static void name_first_bad(struct job *j, const char *what, unsigned good)
{
	struct ini_error *e = &j->pub.error;

	for (unsigned t = 0; t < j->pub.n_targets; t++) {
		const struct ini_job_target *x = &j->pub.t[t];
		if (x->bad == 0)
			continue;
		const struct ini_run *r = x->n_runs ? &x->runs[0] : NULL;
		(void)ini_refuse(e, INI_E_DEVICE, "%u of %u members %s; %s: %llu blocks bad", good,
		                 j->pub.n_targets, what, x->name, (unsigned long long)x->bad);
		size_t at = strlen(e->text);
		if (r)
			(void)snprintf(e->text + at, sizeof(e->text) - at,
			               ", the first at LBA %llu: %s", (unsigned long long)r->lba,
			               r->what);
		if (r) {
			struct why why = {
			        .status = r->status, .has_sense = r->has_sense, .sense = r->sense};
			ini_error_why(e, x->name, &why);
		}
		return;
	}
}

/* A page 30h that could not be written at the end takes a member out again. */
static void lost_at_the_end(struct job *j)
{
	struct group *g = j->g;
	struct why why = {.status = STATUS_NONE, .what = "the target went away at the job's end"};

	for (unsigned t = 0; t < j->pub.n_targets; t++) {
		unsigned m = j->member_of[t];
		if (j->pub.t[t].bad > 0 || g->pub.m[m].state == MEMBER_IN_SYNC ||
		    lacks_the_rest(j, m))
			continue;
		j->pub.t[t].good = 0;
		target_bad(j, t, 0, j->blocks, &why);
	}
}

static enum ini_conclusion read_verdict(struct job *j)
{
	uint64_t bad = 0;

	for (unsigned t = 0; t < j->pub.n_targets; t++)
		bad += j->pub.t[t].bad;
	if (bad == 0)
		return JOB_SUCCESS;
	name_first_bad(j, "could be read", 0);
	(void)snprintf(j->pub.error.text, sizeof(j->pub.error.text),
	               "%llu blocks could not be read from any member; they are zeros in the file",
	               (unsigned long long)bad);
	return bad < j->blocks ? JOB_PARTIAL : JOB_FAILED;
}

enum ini_conclusion job_verdict(struct job *j)
{
	unsigned good = 0;

	if (j->pub.type == JOB_READ)
		return read_verdict(j);
	if (job_copies(j))
		lost_at_the_end(j);
	for (unsigned t = 0; t < j->pub.n_targets; t++)
		good += j->pub.t[t].bad == 0;
	if (good == j->pub.n_targets && (j->repaired & (uint16_t)~j->flushed)) {
		struct ini_error *e = &j->pub.error;
		const char *name = j->g->pub.m[j->flush_member].name;
		(void)ini_refuse(e, INI_E_DEVICE, "%s was repaired, but not flushed", name);
		ini_error_why(e, name, &j->flush_why);
		return JOB_PARTIAL;
	}
	if (good == j->pub.n_targets && j->undone) {
		(void)ini_refuse(&j->pub.error, INI_E_DEVICE,
		                 "%s was repaired, and started again before it was flushed: scrub "
		                 "again",
		                 j->g->pub.m[__builtin_ctz(j->undone)].name);
		return JOB_PARTIAL;
	}
	for (unsigned t = 0; good == j->pub.n_targets && t < j->pub.n_targets; t++) {
		if (!lacks_the_rest(j, j->member_of[t]))
			continue;
		(void)ini_refuse(
		        &j->pub.error, INI_E_UNSYNCED,
		        "%s, which was stale, holds the image, and lacks writes behind it: "
		        "resync",
		        j->pub.t[t].name);
		return JOB_PARTIAL;
	}
	if (good == j->pub.n_targets)
		return JOB_SUCCESS;
	bool compares = j->pub.type == JOB_VERIFY || j->pub.type == JOB_SCRUB;
	name_first_bad(j, compares ? "are equal" : "hold all of it", good);
	return good > 0 ? JOB_PARTIAL : JOB_FAILED;
}

/* A recovery has made equal what it can: what it could not, no medium gives, and another one would
 * not find, either. */
static bool has_recovered(const struct job *j, enum ini_conclusion c)
{
	uint64_t bad = 0;

	for (unsigned t = 0; t < j->pub.n_targets; t++)
		bad += j->pub.t[t].bad;
	return c == JOB_SUCCESS || c == JOB_PARTIAL ||
	       (c == JOB_FAILED && bad > 0 && bad == j->unread);
}

/* Since it was copied to last: it is to be looked at once more. */
static bool was_restarted(const struct job *j)
{
	return j->restarted || (j->spent & members_in_sync(j->g));
}

void job_conclude(struct job *j, enum ini_conclusion c)
{
	struct ini *ini = j->ini;

	sm_assert(j->ios == 0 && j->running == 0 && !j->sync_flying);
	job_time(j);
	if (j->pub.type == JOB_LOAD)
		load_sum_up(j);
	if (j->pub.type == JOB_MIRROR && j->was_sync && !j->touched &&
	    (c == JOB_FAILED || c == JOB_CANCELLED))
		put_back(j);
	if (j->phase > PHASE_QUEUED)
		for (unsigned t = 0; t < j->pub.n_targets; t++)
			j->g->x[j->member_of[t]].syncing = false;
	if (j->pub.recovery)
		log_recovered(j->g, has_recovered(j, c) && !was_restarted(j), c == JOB_FAILED);
	logs_touch(ini);
	group_changed(j->g);
	j->phase = PHASE_ENDED;
	j->pub.state = JOB_CONCLUDED;
	j->pub.conclusion = c;
	j->pub.stalled = false;
	j->pub.ended_ns = ini->now;
	j->g = NULL;
	TAILQ_REMOVE(&ini->job_live, j, live);
	ini->n_live--;
	ini->jobs_over++;
	ini->moves++;
	j->close_due = j->has_file;
	ini->closes_due |= j->has_file;
	job_changed(j);
	(void)save_request(ini);
	ini_log(ini, 6, "job %u (%s of group %s): %s%s%s", j->pub.id,
	        ini_job_type_name(j->pub.type), j->pub.group, ini_conclusion_name(c),
	        j->pub.error.kind != INI_OK ? ": " : "",
	        j->pub.error.kind != INI_OK ? j->pub.error.text : "");
}
