/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's journal of jobs, as jobs.json: those that are over, too. A kill leaves what was
 * written before. */
#include "steps/inside.h"

#include <string.h>

static struct ini_job job; /* large */

static bool is_over(const struct ini_job *j)
{
	return j->state == JOB_CONCLUDED || j->state == JOB_DISMISSED;
}

/* As shell/daemon_state.c: changes whenever what is written would. */
static uint64_t sum_of(const struct ini *ini)
{
	uint64_t sum = 1;

	for (unsigned i = 0; i < ini_jobs(ini); i++) {
		const struct ini_job *j = ini_job_at(ini, i);
		uint64_t v = is_over(j) ? (uint64_t)j->conclusion + 1 : j->kept.swept << 8;
		sum = (sum ^ ((uint64_t)j->id << 32 | v)) * 0x100000001b3ULL;
	}
	return sum;
}

static void take_down(struct saved_job *to, const struct ini_job *j)
{
	memcpy(to->head, j, sizeof(to->head));
	must(j->n_targets <= DISKS, "too many");
	for (unsigned t = 0; t < j->n_targets; t++)
		memcpy(to->t[t].head, &j->t[t], sizeof(to->t[t].head));
}

static void start_save(struct host *h)
{
	struct saved_jobs *to = &h->jobs_saving;

	h->jobs_are_saving = true;
	h->jobs_sum = sum_of(h->ini);
	to->n = ini_jobs(h->ini);
	must(to->n <= SAVED_JOBS, "too many");
	for (unsigned i = 0; i < to->n; i++)
		take_down(&to->job[i], ini_job_at(h->ini, i));
	host_work(h, &(struct work){.kind = WORK_JOBS});
}

void host_jobs_changed(struct host *h)
{
	if (!h->jobs_are_saving && sum_of(h->ini) != h->jobs_sum)
		start_save(h);
}

void host_jobs_saved(struct host *h)
{
	h->jobs_are_saving = false;
	h->jobs = h->jobs_saving;
	host_jobs_changed(h);
}

bool world_tells(const struct world *w)
{
	return !w->host.jobs_are_saving;
}

static const struct ini_job *head_of(const struct saved_job *s)
{
	memcpy(&job, s->head, sizeof(s->head));
	return &job;
}

bool world_kept(const struct world *w, uint32_t id)
{
	for (unsigned i = 0; i < w->host.jobs.n; i++)
		if (head_of(&w->host.jobs.job[i])->id == id)
			return true;
	return false;
}

/* It goes on if it needs nothing of a client, or that is still there; else it says why not. */
static void look(const struct ini_job *was, const struct ini_job *now)
{
	bool alone = was->type == JOB_RESYNC || was->type == JOB_VERIFY || was->type == JOB_SCRUB;
	bool can = was->kept.file ? was->kept.reopened : alone && !was->recovery;

	if (is_over(was)) {
		must(is_over(now) && now->conclusion == was->conclusion,
		     "job %u was over, and is %s", was->id, ini_job_state_name(now->state));
		return;
	}
	must(is_over(now) != can, "job %u (%s) is %s after a restart", was->id,
	     ini_job_type_name(was->type), ini_job_state_name(now->state));
	must(can || (now->conclusion == JOB_FAILED && now->error.text[0]),
	     "job %u does not go on, and does not say why", was->id);
}

void host_jobs_restore(struct host *h)
{
	struct ini_error e;

	for (unsigned i = 0; i < h->jobs.n; i++) {
		const struct saved_job *from = &h->jobs.job[i];
		(void)head_of(from);
		for (unsigned t = 0; t < job.n_targets; t++)
			memcpy(&job.t[t], from->t[t].head, sizeof(from->t[t].head));
		for (unsigned t = 0; t < job.n_targets; t++)
			job.t[t].n_runs = 0;
		job.kept.reopened = h->keeps_file && job.kept.file && !is_over(&job);
		job.kept.size = job.total; /* of its file */
		must(ini_restore_job(h->ini, &job, &e), "a saved job is refused: %s", e.text);
		look(&job, ini_job_find(h->ini, job.id));
	}
	h->jobs_sum = sum_of(h->ini);
	h->file_open = h->keeps_file;
	h->keeps_file = false;
}
