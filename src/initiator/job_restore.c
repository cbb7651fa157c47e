/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jobs of the daemon's earlier life. Those that need nothing of a client go on: first they wait,
 * outside of the line of jobs (PHASE_RESTORED), until their group is as it was; then they stand in
 * line behind those that are there, as if they had been created at that moment, so that no two jobs
 * write to one group. A resync finds what is left in the write-intent log. A verify or a scrub
 * begins where it was: behind the blocks that were compared and are alike. What is bad it finds
 * once more, as it lies behind; what a scrub has repaired is good by now, and its number is kept.
 * One that works on a client's file goes on where that was kept open for the daemon, and begins
 * anew: what of an image is on all members is not known.
 */
#include "initiator/core.h"

#include <stdio.h>
#include <string.h>

#define KEEP_NS    (3 * NS_PER_S) /* between two times that it is taken down how far jobs are */
#define SETTLE_NS  (100 * NS_PER_MS)
#define WAITS_MOST 6 /* times bus_wait_ns: then one that cannot begin fails */

void ini_restore_next_job(struct ini *ini, uint32_t next)
{
	if (next > ini->next_job)
		ini->next_job = next;
	if (next > ini->next_saved) /* as long as that is in some file */
		ini->next_saved = next;
}

bool ini_job_goes_on(const struct ini_job *j)
{
	bool alone = j->type == JOB_VERIFY || j->type == JOB_RESYNC || j->type == JOB_SCRUB;

	return (j->kept.file ? j->kept.reopened : alone) && !j->recovery;
}

static bool sweeps_on(const struct job *j)
{
	return ini_job_goes_on(&j->pub) && j->pub.type != JOB_RESYNC && !j->pub.kept.file;
}

/* ---- how far it is ---- */

static void from_the_start(struct job *j)
{
	struct ini_job *p = &j->pub;

	p->kept.swept = 0;
	p->running_ns = p->bus_ns = 0;
	p->resend_passes = 0;
	memset(p->passes, 0, sizeof(p->passes));
}

void job_place(struct job *j)
{
	struct ini_job *p = &j->pub;
	unsigned n = p->n_targets;
	bool same = true;
	struct {
		uint8_t uuid[UUID_LEN];
		uint64_t repaired;
	} was[INI_MEMBERS_MAX];

	for (unsigned t = 0; t < n; t++) {
		memcpy(was[t].uuid, p->t[t].uuid, UUID_LEN);
		was[t].repaired = p->t[t].repaired;
	}
	job_list_targets(j);
	for (unsigned t = 0; t < p->n_targets; t++) {
		unsigned i = 0;
		while (i < n && memcmp(was[i].uuid, p->t[t].uuid, UUID_LEN) != 0)
			i++;
		same &= i < n;
		p->t[t].repaired = i < n ? was[i].repaired : 0;
		if (p->t[t].repaired > 0) /* it is to be flushed, too */
			j->repaired |= (uint16_t)(1U << j->member_of[t]);
	}
	/* One that was not compared with the others there. */
	if (!same || n != p->n_targets || p->kept.swept > j->blocks)
		from_the_start(j);
	j->next = p->kept.swept;
	p->done = j->next * j->g->pub.block_size;
	for (unsigned t = 0; t < p->n_targets; t++)
		p->t[t].good = j->next;
}

void job_keep(struct job *j)
{
	const struct ini *ini = j->ini;
	lba_t low = j->next < j->bad_from ? j->next : j->bad_from;

	/* The ios of one that is about to end count for nothing. */
	if (j->phase != PHASE_SWEEP || !sweeps_on(j) || j->aborting || j->pub.kept.cancelled)
		return;
	for (unsigned i = 0; i < ini->ios_used; i++) {
		const struct io *io = &ini->ios[i];
		if (io->state == IO_FREE || io->job != j)
			continue;
		lba_t at = io->scrub && io->heal.on ? io->heal.lba : io->lba;
		low = at < low ? at : low;
	}
	if (low <= j->pub.kept.swept)
		return;
	j->pub.kept.swept = low;
	job_changed(j);
}

void jobs_keep(struct ini *ini)
{
	struct job *j;

	if (ini->now < ini->keep_at)
		return;
	TAILQ_FOREACH (j, &ini->job_live, live)
		job_keep(j);
	ini->keep_at = ini->now + KEEP_NS;
}

/* ---- from the state directory ---- */

static void over(struct job *j, enum ini_conclusion c, enum ini_kind kind, const char *text)
{
	j->phase = PHASE_ENDED;
	j->pub.state = JOB_CONCLUDED;
	j->pub.conclusion = c;
	j->pub.error = (struct ini_error){.kind = kind};
	copy_text(j->pub.error.text, sizeof(j->pub.error.text), text);
}

static void failed(struct job *j, const char *text)
{
	over(j, JOB_FAILED, INI_E_SHUTDOWN, text);
}

/* One that cannot go on; false: it can. */
static bool is_left(struct job *j)
{
	const struct ini_job *p = &j->pub;

	if (!p->kept.known)
		failed(j, "the daemon ended before the job was over");
	else if (p->kept.cancelled)
		over(j, JOB_CANCELLED, INI_OK, "");
	else if (p->kept.file && !p->kept.reopened)
		failed(j, "the daemon was restarted before the job was over, and the file that the "
		          "client had opened for it is not open any more: start the job again");
	else if (p->type == JOB_LOAD)
		failed(j, "the daemon was restarted before the job was over, and with it what it "
		          "had measured is gone: start the job again");
	else if (p->recovery)
		failed(j, "the daemon was restarted before the job was over: what is left of it it "
		          "does by itself, as another job");
	else if (!ini_job_goes_on(p))
		failed(j, "what was saved of the job makes no sense: start it again");
	else
		return false;
	return true;
}

/* The group that it goes on with; NULL: there is none, and it has failed. */
static struct group *group_left(struct job *j)
{
	struct group *g = group_find(j->ini, j->pub.group);
	char text[INI_TEXT_MAX];

	if (g && memcmp(g->pub.uuid, j->pub.kept.group, UUID_LEN) == 0)
		return g;
	(void)snprintf(text, sizeof(text),
	               "the daemon was restarted before the job was over, and group %s is %s",
	               j->pub.group, g ? "another one now" : "not there any more");
	over(j, JOB_FAILED, INI_E_NO_SUCH_GROUP, text);
	return NULL;
}

static void go_on(struct job *j)
{
	struct ini *ini = j->ini;
	struct ini_job *p = &j->pub;
	struct group *g = group_left(j);

	if (!g)
		return;
	if (ini->n_live >= INI_JOBS_MAX) {
		failed(j, "the daemon was restarted, and there are too many jobs to go on with");
		return;
	}
	j->g = g;
	j->phase = PHASE_RESTORED;
	j->has_file = p->kept.file;
	j->file = p->kept.handle;
	j->blocks = g->pub.blocks;
	p->state = JOB_WAITING;
	if (!sweeps_on(j) || p->kept.swept > g->pub.blocks ||
	    p->total != g->pub.blocks * g->pub.block_size)
		from_the_start(j);
	p->done = p->kept.swept * g->pub.block_size;
	p->differing = p->kept.mended;
	for (unsigned t = 0; t < p->n_targets; t++) {
		p->t[t].good = p->kept.swept;
		p->t[t].bad = p->t[t].resent = 0;
		p->t[t].n_runs = 0;
	}
	TAILQ_INSERT_TAIL(&ini->job_live, j, live);
	ini->n_live++;
	ini->moves++;
}

static bool may_have_file(const struct ini_job *p)
{
	return !p->kept.reopened ||
	       (p->kept.file &&
	        (p->type == JOB_MIRROR || p->type == JOB_VERIFY || p->type == JOB_READ));
}

/* What it does not need is given back. */
static void close_file(struct job *j)
{
	j->file = j->pub.kept.handle;
	j->close_due = j->ini->closes_due = true;
}

bool ini_restore_job(struct ini *ini, const struct ini_job *p, struct ini_error *e)
{
	if (p->id == 0 || job_find(ini, p->id) || p->type >= JOB_TYPES ||
	    p->state > JOB_DISMISSED || p->conclusion > JOB_CANCELLED ||
	    p->n_targets > INI_MEMBERS_MAX || !may_have_file(p))
		return ini_refuse(e, INI_E_BAD_VALUE, "saved job %u makes no sense", p->id);
	struct job *j = job_slot(ini);
	if (!j)
		return ini_refuse(e, INI_E_TOO_MANY, "the table of jobs is full");
	memcpy(&j->pub, p, offsetof(struct ini_job, t));
	for (unsigned t = 0; t < p->n_targets; t++) {
		const struct ini_job_target *from = &p->t[t];
		unsigned n = from->n_runs < INI_RUNS_MAX ? from->n_runs : INI_RUNS_MAX;
		memcpy(&j->pub.t[t], from, offsetof(struct ini_job_target, runs));
		memcpy(j->pub.t[t].runs, from->runs, n * sizeof(from->runs[0]));
		j->pub.t[t].n_runs = n;
	}
	j->phase = PHASE_ENDED;
	j->pub.rate = 0;
	j->pub.stalled = false;
	bool was_over = p->state == JOB_CONCLUDED || p->state == JOB_DISMISSED;
	if (!was_over) /* they are of another life of the clock; their difference is not */
		j->pub.started_ns = j->pub.ended_ns = 0;
	if (!was_over && !is_left(j))
		go_on(j);
	if (p->kept.reopened && j->phase == PHASE_ENDED)
		close_file(j);
	ini_restore_next_job(ini, p->id + 1);
	return true;
}

/* ---- until it stands in line ---- */

static bool all_are_here(const struct group *g)
{
	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.m[i].unit == WIRE_NO_ID)
			return false;
	return true;
}

/* Its group is as it was, and what was in flight at the last end is made good: but for a mirror,
 * which overwrites it, and leaves nobody in sync to make it good from. */
static bool is_ready(const struct job *j)
{
	const struct ini *ini = j->ini;

	return ini->bus_up && hba_settled(ini->hba) && all_are_here(j->g) &&
	       (!j->g->recover || j->pub.type == JOB_MIRROR);
}

static void fails(struct job *j, const struct ini_error *e)
{
	j->pub.error = *e;
	(void)snprintf(j->pub.error.text, sizeof(j->pub.error.text),
	               "the job could not go on after the daemon was restarted: %.180s", e->text);
	job_conclude(j, JOB_FAILED);
}

static void stand_in_line(struct job *j, const struct ini_job_spec *s)
{
	struct ini *ini = j->ini;

	job_fill(j, j->g, s);
	j->pub.kept.reopened = false;
	j->pub.speed_limit = s->speed_limit; /* none, perhaps, where there is one by default */
	if (sweeps_on(j))
		job_place(j);
	else
		job_list_targets(j);
	TAILQ_REMOVE(&ini->job_live, j, live);
	TAILQ_INSERT_TAIL(&ini->job_live, j, live);
	ini->moves++;
	job_changed(j);
	ini_log(ini, 6, "job %u (%s of group %s) goes on after the restart, from block %llu on",
	        j->pub.id, ini_job_type_name(j->pub.type), j->pub.group,
	        (unsigned long long)j->next);
}

/* One job that was before it in line has not got there yet. */
static bool is_behind(const struct job *j)
{
	const struct job *before;

	TAILQ_FOREACH (before, &j->ini->job_live, live) {
		if (before == j)
			return false;
		if (before->phase == PHASE_RESTORED && before->g == j->g &&
		    (job_writes(before) || job_writes(j)))
			return true;
	}
	return false;
}

/* A member that it can be read from, if it is. */
static bool has_source(const struct job *j, struct ini_error *e)
{
	bool reads = j->pub.type != JOB_MIRROR && (!j->has_file || j->pub.type == JOB_READ);
	uint16_t sync = members_in_sync(j->g);

	return !reads || !sync || members_here(j->g, sync) ||
	       ini_refuse(e, INI_E_MEMBER_MISSING, "no member of group %s that is in sync is here",
	                  j->pub.group);
}

/* The time in which members that come are waited for: since the bus server is there. */
static bool may_come(struct job *j)
{
	struct ini *ini = j->ini;

	if (!ini->bus_up)
		j->up_ns = 0;
	else if (!j->up_ns)
		j->up_ns = ini->now;
	if (!ini->bus_up || ini->now - j->up_ns >= ini->cfg.bus_wait_ns || is_ready(j))
		return false;
	j->look_ns = j->up_ns + ini->cfg.bus_wait_ns;
	if (!hba_settled(ini->hba) && ini->now + SETTLE_NS < j->look_ns)
		j->look_ns = ini->now + SETTLE_NS;
	return true;
}

static void look(struct job *j)
{
	struct ini *ini = j->ini;
	ns_t until = j->restored_ns + WAITS_MOST * ini->cfg.bus_wait_ns;
	struct ini_job_spec s = {.type = j->pub.type,
	                         .mode = j->pub.mode,
	                         .transfer = j->pub.transfer,
	                         .window = j->pub.window,
	                         .speed_limit = j->pub.speed_limit,
	                         .has_image = j->has_file,
	                         .image = j->file,
	                         .image_size = j->pub.kept.size};
	struct ini_error e;

	if (ini->now < until && may_come(j))
		return;
	copy_text(s.group, sizeof(s.group), j->pub.group);
	copy_text(s.image_name, sizeof(s.image_name), j->pub.image);
	if (job_check(ini, j->g, &s, &e) && has_source(j, &e))
		stand_in_line(j, &s);
	else if (ini->now >= until)
		fails(j, &e);
	else
		j->look_ns = until;
}

void job_restored(struct job *j)
{
	struct ini *ini = j->ini;
	struct ini_error e;

	if (j->pub.kept.cancelled) {
		job_conclude(j, JOB_CANCELLED);
		return;
	}
	if (!group_is_ours(j->g, &e)) {
		fails(j, &e);
		return;
	}
	job_set_state(j, j->pub.kept.paused ? JOB_PAUSED : JOB_WAITING);
	/* The end of which wakes us. */
	if (j->pub.kept.paused || j->g->command || ini->draining || is_behind(j)) {
		j->restored_ns = 0; /* then it has all the time again */
		return;
	}
	if (!j->restored_ns) {
		j->restored_ns = ini->now ? ini->now : 1;
		j->up_ns = 0;
	}
	look(j);
}
