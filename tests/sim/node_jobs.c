/* SPDX-License-Identifier: BSD-2-Clause */
/* The initiator daemon's journal of jobs: those that are not over, so that they go on after a kill.
 * (Those that are over tell clients something, and the cores nothing: they are not kept.) */
#include "base/assert.h"
#include "sim/sim.h"

#include <string.h>

#define AGAIN_NS (2 * NS_PER_S) /* after they could not be saved, as the daemon has it */

static bool is_over(const struct ini_job *j)
{
	return j->state == JOB_CONCLUDED || j->state == JOB_DISMISSED;
}

static void take_down(struct host_job *to, const struct ini_job *j)
{
	memset(to, 0, sizeof(*to));
	memcpy(to->head, j, sizeof(to->head));
	sm_assert(j->n_targets <= SIM_DISKS);
	for (unsigned t = 0; t < j->n_targets; t++) {
		memcpy(to->t[t].uuid, j->t[t].uuid, UUID_LEN);
		to->t[t].repaired = j->t[t].repaired;
	}
}

/* Changes with whatever a restart would go on with. */
static uint64_t sum_of(const struct ini *ini)
{
	uint64_t sum = 1;

	for (unsigned i = 0; i < ini_jobs(ini); i++) {
		const struct ini_job *j = ini_job_at(ini, i);
		const uint64_t v = (uint64_t)j->id << 32 | j->kept.swept << 2 |
		                   (uint64_t)j->kept.cancelled << 1 | j->kept.paused;
		if (!is_over(j))
			sum = (sum ^ v) * 0x100000001b3ULL;
	}
	return sum;
}

static void start_save(struct sim *s, struct sim_host *h)
{
	struct host_jobs *to = &h->jobs_saving;

	h->jobs_are_saving = true;
	h->jobs_again = false;
	h->jobs_fail = sim_strikes(s, MARK_HOST_JOBS_FAIL);
	to->n = 0;
	for (unsigned i = 0; i < ini_jobs(h->ini); i++) {
		const struct ini_job *j = ini_job_at(h->ini, i);
		if (is_over(j))
			continue;
		sm_assert(to->n < SIM_JOBS);
		take_down(&to->j[to->n++], j);
	}
	sim_host_at(s, h, s->now + sim_about(&s->journal, s->store_delay), SIM_SAVE, 2);
}

void host_jobs_changed(struct sim *s, struct sim_host *h)
{
	uint64_t sum = sum_of(h->ini);

	if (sum == h->jobs_sum)
		return;
	h->jobs_sum = sum;
	if (h->jobs_are_saving)
		h->jobs_again = true;
	else
		start_save(s, h);
}

void host_jobs_saved(struct sim *s, struct sim_host *h)
{
	/* Behind the rename: its directory could not be synced. */
	if (!h->jobs_fail || sim_chance(&s->files, 2))
		h->jobs = h->jobs_saving;
	if (h->jobs_fail) {
		sim_host_at(s, h, s->now + AGAIN_NS, SIM_SAVE, 3);
		return;
	}
	h->jobs_are_saving = false;
	if (h->jobs_again)
		start_save(s, h);
}

void host_jobs_again(struct sim *s, struct sim_host *h)
{
	start_save(s, h);
}

void host_jobs_killed(struct sim *s, struct sim_host *h)
{
	if (h->jobs_are_saving && sim_chance(&s->journal, 2) && !h->jobs_fail)
		h->jobs = h->jobs_saving;
	h->jobs_are_saving = h->jobs_again = false;
	h->jobs_sum = 0;
}

void host_jobs_restore(struct sim *s, struct sim_host *h)
{
	static struct ini_job j; /* large */
	struct ini_error e;

	for (unsigned i = 0; i < h->jobs.n; i++) {
		const struct host_job *from = &h->jobs.j[i];
		memcpy(&j, from->head, sizeof(from->head));
		for (unsigned t = 0; t < j.n_targets; t++) {
			memcpy(j.t[t].uuid, from->t[t].uuid, UUID_LEN);
			j.t[t].repaired = from->t[t].repaired;
		}
		if (!ini_restore_job(h->ini, &j, &e))
			sim_fail(s, "a saved job is refused: %s", e.text);
		const struct ini_job *now = ini_job_find(h->ini, j.id);
		SAY(s, "job %u (%s) is there again, behind %llu blocks: %s", j.id,
		    ini_job_type_name(j.type), (unsigned long long)j.kept.swept,
		    is_over(now) ? now->error.text : "it goes on");
		if (is_over(now))
			continue;
		sim_mark(s, MARK_JOB_GOES_ON);
		if (now->kept.swept > 0)
			sim_mark(s, MARK_JOB_GOES_ON_THERE);
		if (now->kept.cancelled || now->kept.file || now->recovery)
			sim_fail(s, "job %u comes back", j.id);
	}
}
