/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs: the table, and what clients ask of them. */
#include "initiator/core.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool job_is_live(const struct job *j)
{
	return j->used && j->phase != PHASE_ENDED;
}

bool job_writes(const struct job *j)
{
	return job_copies(j) || j->pub.type == JOB_LOAD || j->pub.type == JOB_SCRUB;
}

bool job_copies(const struct job *j)
{
	return j->pub.type == JOB_MIRROR || j->pub.type == JOB_RESYNC;
}

void job_changed(struct job *j)
{
	j->changed = true;
	j->ini->announce = true;
}

struct job *job_find(const struct ini *ini, uint32_t id)
{
	struct job *j;

	TAILQ_FOREACH (j, &ini->job_list, link)
		if (j->pub.id == id)
			return j;
	return NULL;
}

static void abandon_ios(struct job *j)
{
	for (unsigned i = 0; i < j->ini->ios_used; i++) {
		struct io *io = &j->ini->ios[i];
		if (io->state == IO_FREE || io->job != j)
			continue;
		/* A load's members are in sync, and are to stay so: what is on its way to some is
		 * brought to all. */
		if (j->pub.type == JOB_LOAD && io->state > IO_LOCK)
			continue;
		io_abandon(io);
	}
}

void job_fail(struct job *j, enum ini_kind kind, const char *fmt, ...)
{
	va_list ap;

	if (j->aborting || !job_is_live(j))
		return;
	j->aborting = true;
	j->pub.error = (struct ini_error){.kind = kind};
	va_start(ap, fmt);
	(void)vsnprintf(j->pub.error.text, sizeof(j->pub.error.text), fmt, ap);
	va_end(ap);
	abandon_ios(j);
	j->ini->moves++;
}

/* ---- slots ---- */

static void forget_job(struct ini *ini, struct job *j)
{
	TAILQ_REMOVE(&ini->job_list, j, link);
	TAILQ_INSERT_TAIL(&ini->job_free, j, link);
	j->used = false;
	ini->n_jobs--;
	ini->jobs_over++; /* whoever waits for it is told */
}

/* Makes room in the history: the oldest dismissed one goes, else the oldest concluded one. */
static bool make_room(struct ini *ini)
{
	struct job *j, *oldest = NULL;

	TAILQ_FOREACH (j, &ini->job_list, link) {
		if (j->close_due || job_is_live(j))
			continue;
		if (j->pub.state == JOB_DISMISSED) {
			oldest = j;
			break;
		}
		if (!oldest)
			oldest = j;
	}
	if (oldest)
		forget_job(ini, oldest);
	return oldest != NULL;
}

static struct job *take_free(struct ini *ini)
{
	struct job *j = TAILQ_FIRST(&ini->job_free);

	if (!j)
		return &ini->jobs[ini->jobs_used++];
	TAILQ_REMOVE(&ini->job_free, j, link);
	return j;
}

struct job *job_slot(struct ini *ini)
{
	bool full = TAILQ_EMPTY(&ini->job_free) && ini->jobs_used == INI_JOB_SLOTS;

	if (ini->n_jobs - ini->n_live >= INI_HISTORY_MAX || full)
		if (!make_room(ini))
			return NULL;
	struct job *j = take_free(ini);
	/* The tables of runs are large and count only as far as n_runs says. */
	memset(&j->pub, 0, offsetof(struct ini_job, t));
	for (unsigned t = 0; t < INI_MEMBERS_MAX; t++)
		memset(&j->pub.t[t], 0, offsetof(struct ini_job_target, runs));
	memset((char *)j + sizeof(j->pub), 0, sizeof(*j) - sizeof(j->pub));
	j->ini = ini;
	j->used = true;
	TAILQ_INIT(&j->ready);
	TAILQ_INSERT_TAIL(&ini->job_list, j, link);
	ini->n_jobs++;
	return j;
}

/* ---- create ---- */

/* The members that a job of this type concerns. */
static uint16_t concerned(const struct group *g, const struct ini_job_spec *s)
{
	uint16_t all = (uint16_t)((1U << g->pub.n) - 1), sync = members_in_sync(g);

	if (s->recovery)
		return sync | members_logged(g);
	switch (s->type) {
	case JOB_MIRROR:
	case JOB_VERIFY:
		return all;
	case JOB_RESYNC:
		return all & (uint16_t)~sync;
	case JOB_READ:
	case JOB_LOAD:
	case JOB_SCRUB:
		return sync;
	case JOB_TYPES:
		break;
	}
	return 0;
}

/* A job that will bring members in sync. */
static bool pending_writer(const struct group *g)
{
	const struct job *j;

	TAILQ_FOREACH (j, &g->ini->job_live, live)
		if (j->g == g && job_copies(j))
			return true;
	return false;
}

static bool check_members(const struct group *g, const struct ini_job_spec *s, struct ini_error *e)
{
	struct ini *ini = g->ini;
	uint16_t want = concerned(g, s), here = 0;
	bool all = s->type == JOB_MIRROR || s->type == JOB_LOAD;

	for (unsigned i = 0; i < g->pub.n; i++)
		if ((want >> i & 1) && g->pub.m[i].unit != WIRE_NO_ID)
			here |= (uint16_t)(1U << i);

	if (!ini->bus_up)
		return ini_refuse(e, INI_E_BUS_DOWN, "there is no bus server");
	if (s->type == JOB_READ || s->type == JOB_RESYNC || !s->has_image)
		if (members_in_sync(g) == 0 && !pending_writer(g))
			return ini_refuse(e, INI_E_UNSYNCED,
			                  "no member of group %s is in sync: mirror an image to it "
			                  "first",
			                  g->pub.name);
	for (unsigned i = 0; i < g->pub.n; i++) {
		if (!(want >> i & 1) || (here >> i & 1) || (here && !all))
			continue;
		(void)ini_refuse(e, INI_E_MEMBER_MISSING, "member %s of group %s is not on the bus",
		                 g->pub.m[i].name, g->pub.name);
		copy_text(e->member, sizeof(e->member), g->pub.m[i].name);
		return false;
	}
	return true;
}

static bool check_image(const struct group *g, const struct ini_job_spec *s, struct ini_error *e)
{
	uint32_t bs = g->pub.block_size;

	if ((s->type == JOB_MIRROR || s->type == JOB_READ) && !s->has_image)
		return ini_refuse(e, INI_E_BAD_VALUE, "a %s job needs a file",
		                  ini_job_type_name(s->type));
	if ((s->type == JOB_RESYNC || s->type == JOB_LOAD || s->type == JOB_SCRUB) && s->has_image)
		return ini_refuse(e, INI_E_BAD_VALUE, "a %s job takes no file",
		                  ini_job_type_name(s->type));
	if (!s->has_image || s->type == JOB_READ)
		return true;
	if (s->image_size == 0)
		return ini_refuse(e, INI_E_IMAGE_EMPTY, "image %.100s is empty", s->image_name);
	if ((s->image_size - 1) / bs >= g->pub.blocks)
		return ini_refuse(e, INI_E_IMAGE_TOO_LARGE,
		                  "image %.100s has %llu bytes, the smallest member of group %s "
		                  "%llu",
		                  s->image_name, (unsigned long long)s->image_size, g->pub.name,
		                  (unsigned long long)(g->pub.blocks * bs));
	return true;
}

bool job_check(struct ini *ini, const struct group *g, const struct ini_job_spec *s,
               struct ini_error *e)
{
	enum ini_mode mode = s->mode == INI_MODE_DEFAULT ? g->pub.mode : s->mode;

	if (ini->draining)
		return ini_refuse(e, INI_E_SHUTDOWN, "the daemon is shutting down");
	if (s->type >= JOB_TYPES || mode > INI_BROADCAST)
		return ini_refuse(e, INI_E_BAD_VALUE, "no such type of job, or mode");
	if (s->transfer && (s->transfer < g->pub.block_size || s->transfer > INI_BLOCK_MAX))
		return ini_refuse(e, INI_E_BAD_VALUE,
		                  "a transfer is one block (%u bytes) to %u bytes",
		                  g->pub.block_size, INI_BLOCK_MAX);
	if (s->type == JOB_LOAD && !load_check(g, s, e))
		return false;
	if (s->type != JOB_LOAD && s->window > INI_WINDOW_MAX)
		return ini_refuse(e, INI_E_BAD_VALUE, "a window is 1 to %d", INI_WINDOW_MAX);
	if (g->command)
		return ini_refuse(e, INI_E_BUSY, "group %s is being changed", g->pub.name);
	if (!group_is_ours(g, e))
		return false;
	if (mode == INI_BROADCAST && s->type != JOB_READ && !broadcast_check(g, concerned(g, s), e))
		return false;
	return check_image(g, s, e) && check_members(g, s, e);
}

void job_list_targets(struct job *j)
{
	const struct group *g = j->g;

	j->pub.n_targets = 0;
	for (unsigned i = 0; i < g->pub.n; i++) {
		j->target_of[i] = INI_MEMBERS_MAX;
		if (!(j->want >> i & 1))
			continue;
		unsigned t = j->pub.n_targets++;
		j->target_of[i] = (uint8_t)t;
		j->member_of[t] = (uint8_t)i;
		memcpy(j->pub.t[t].uuid, g->pub.m[i].uuid, UUID_LEN);
		copy_text(j->pub.t[t].name, sizeof(j->pub.t[t].name), g->pub.m[i].name);
	}
}

void job_size_resync(struct job *j)
{
	const struct group *g = j->g;

	j->pub.total = log_lacking(g, j->want, j->pub.recovery) * g->pub.block_size;
	if (!j->want) /* nothing is stale: done at once */
		j->blocks = j->pub.total = 0;
}

void job_fill(struct job *j, struct group *g, const struct ini_job_spec *s)
{
	uint32_t bs = g->pub.block_size;
	bool whole = !s->has_image || s->type == JOB_READ;

	j->g = g;
	j->phase = PHASE_QUEUED;
	j->pub.type = s->type;
	j->pub.state = JOB_CREATED;
	j->pub.kept.known = true;
	j->pub.kept.file = s->has_image;
	memcpy(j->pub.kept.group, g->pub.uuid, UUID_LEN);
	copy_text(j->pub.group, sizeof(j->pub.group), g->pub.name);
	copy_text(j->pub.image, sizeof(j->pub.image), s->has_image ? s->image_name : "");
	j->pub.mode = s->mode == INI_MODE_DEFAULT ? g->pub.mode : s->mode;
	j->pub.transfer = group_transfer(g, s->transfer, (uint16_t)((1U << g->pub.n) - 1));
	j->pub.window = s->window ? s->window : g->pub.window;
	j->pub.speed_limit = s->speed_limit;
	j->pub.total = whole ? g->pub.blocks * bs : s->image_size;
	j->blocks = whole ? g->pub.blocks : (s->image_size - 1) / bs + 1;
	j->bad_from = j->blocks;
	j->run_blocks = j->pub.transfer / bs;
	j->want = concerned(g, s);
	j->pub.recovery = s->recovery;
	if (s->type == JOB_RESYNC && !s->speed_limit)
		j->pub.speed_limit = g->ini->cfg.resync_rate;
	if (s->type == JOB_RESYNC)
		job_size_resync(j);
	j->file = s->image;
	j->has_file = s->has_image;
	if (s->type == JOB_LOAD)
		load_fill_in(j, s);
}

uint32_t ini_job_create(struct ini *ini, const struct ini_job_spec *spec, struct ini_error *e)
{
	struct group *g = group_need(ini, spec->group, e);

	if (!g || !job_check(ini, g, spec, e))
		return 0;
	if (ini->n_live >= INI_JOBS_MAX) {
		(void)ini_refuse(e, INI_E_TOO_MANY, "%d jobs are not over yet", INI_JOBS_MAX);
		return 0;
	}
	struct job *j = job_slot(ini);
	if (!j) {
		(void)ini_refuse(e, INI_E_TOO_MANY, "the table of jobs is full");
		return 0;
	}
	job_fill(j, g, spec);
	job_list_targets(j);
	j->pub.id = ini->next_job++;
	j->save_seq = save_request(ini);
	TAILQ_INSERT_TAIL(&ini->job_live, j, live);
	ini->n_live++;
	ini->moves++;
	job_changed(j);
	return j->pub.id;
}

/* ---- what clients ask ---- */

static struct job *live(struct ini *ini, uint32_t id, const char *what, struct ini_error *e)
{
	struct job *j = job_find(ini, id);

	if (!j) {
		(void)ini_refuse(e, INI_E_NO_SUCH_JOB, "there is no job %u", id);
		return NULL;
	}
	if (!job_is_live(j)) {
		(void)ini_refuse(e, INI_E_BAD_STATE, "job %u is %s: it cannot be %s", id,
		                 ini_job_state_name(j->pub.state), what);
		return NULL;
	}
	return j;
}

bool ini_job_pause(struct ini *ini, uint32_t id, struct ini_error *e)
{
	struct job *j = live(ini, id, "paused", e);

	if (!j)
		return false;
	if (j->phase > PHASE_CATCH_UP || j->pub.kept.cancelled)
		return ini_refuse(e, INI_E_BAD_STATE, "job %u is about to end", id);
	j->pub.kept.paused = true;
	ini->moves++;
	job_changed(j);
	return true;
}

bool ini_job_resume(struct ini *ini, uint32_t id, struct ini_error *e)
{
	struct job *j = live(ini, id, "resumed", e);

	if (!j)
		return false;
	if (!j->pub.kept.paused)
		return ini_refuse(e, INI_E_BAD_STATE, "job %u is not paused", id);
	j->pub.kept.paused = false;
	ini->moves++;
	job_changed(j);
	return true;
}

bool ini_job_cancel(struct ini *ini, uint32_t id, struct ini_error *e)
{
	struct job *j = live(ini, id, "cancelled", e);

	if (!j)
		return false;
	if (j->phase == PHASE_SETTLE)
		return ini_refuse(e, INI_E_BAD_STATE, "job %u is about to end", id);
	j->pub.kept.cancelled = true;
	abandon_ios(j);
	ini->moves++;
	job_changed(j);
	return true;
}

bool ini_job_set_speed(struct ini *ini, uint32_t id, uint64_t bytes_per_s, struct ini_error *e)
{
	struct job *j = live(ini, id, "changed", e);

	if (!j)
		return false;
	j->pub.speed_limit = bytes_per_s;
	j->speed_ns = ini->now;
	ini->moves++;
	job_changed(j);
	return true;
}

bool ini_job_dismiss(struct ini *ini, uint32_t id, struct ini_error *e)
{
	struct job *j = job_find(ini, id);

	if (!j)
		return ini_refuse(e, INI_E_NO_SUCH_JOB, "there is no job %u", id);
	if (j->pub.state != JOB_CONCLUDED)
		return ini_refuse(e, INI_E_BAD_STATE,
		                  "job %u is %s, only concluded ones are dismissed", id,
		                  ini_job_state_name(j->pub.state));
	j->pub.state = JOB_DISMISSED;
	job_changed(j);
	(void)save_request(ini);
	return true;
}

/* ---- looking ---- */

unsigned ini_jobs(const struct ini *ini)
{
	return ini->n_jobs;
}

const struct ini_job *ini_job_at(const struct ini *ini, unsigned i)
{
	const struct job *j;

	TAILQ_FOREACH (j, &ini->job_list, link)
		if (i-- == 0)
			return &j->pub;
	return NULL;
}

const struct ini_job *ini_job_find(const struct ini *ini, uint32_t id)
{
	const struct job *j = job_find(ini, id);

	return j ? &j->pub : NULL;
}

uint32_t ini_next_job(const struct ini *ini)
{
	return ini->next_job;
}

uint32_t ini_saved_jobs(const struct ini *ini)
{
	return ini->next_saved;
}
