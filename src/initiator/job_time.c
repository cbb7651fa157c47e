/* SPDX-License-Identifier: BSD-2-Clause */
/* Progress, rate, stalling, running time and the speed limit of a job. */
#include "initiator/core.h"

#include "base/assert.h"

#define SAMPLE_NS (NS_PER_S / 2)
#define SHOW_NS   (NS_PER_S / 4)
#define STALL_NS  (5 * NS_PER_S)

/* From now on time runs (again): what was before a pause says nothing about the rate. */
void job_time_start(struct job *j)
{
	ns_t now = j->ini->now;

	j->clock_ns = now;
	j->progress_ns = now;
	j->speed_ns = now;
	j->samples = 1;
	j->sample[0].at_ns = now;
	j->sample[0].done = j->pub.done;
	j->pub.stalled = false;
	j->pub.rate = 0;
}

static void take_sample(struct job *j)
{
	ns_t now = j->ini->now;

	if (j->samples == INI_RATE_SLOTS) {
		for (unsigned i = 1; i < INI_RATE_SLOTS; i++)
			j->sample[i - 1] = j->sample[i];
		j->samples--;
	}
	j->sample[j->samples].at_ns = now;
	j->sample[j->samples].done = j->pub.done;
	j->samples++;
	ns_t span = now - j->sample[0].at_ns;
	uint64_t bytes = j->pub.done - j->sample[0].done;
	/* No product of bytes and 10^9 fits 64 bits for long. */
	if (j->pub.type == JOB_LOAD)
		load_sum_up(j);
	j->pub.rate = span ? (uint64_t)((long double)bytes * NS_PER_S / (long double)span) : 0;
}

void job_time(struct job *j)
{
	ns_t now = j->ini->now;

	if (j->pub.state != JOB_RUNNING)
		return;
	j->pub.running_ns += now - j->clock_ns;
	if (j->pub.type == JOB_LOAD && j->phase == PHASE_SWEEP)
		j->pub.load.ran_ns += now - j->clock_ns;
	j->clock_ns = now;
	if (now - j->sample[j->samples - 1].at_ns >= SAMPLE_NS)
		take_sample(j);
	bool stalled = j->phase == PHASE_SWEEP && now - j->progress_ns >= STALL_NS;
	if (stalled != j->pub.stalled) {
		j->pub.stalled = stalled;
		job_changed(j);
	}
}

void job_progress(struct job *j, uint64_t bytes)
{
	ns_t now = j->ini->now;

	sm_assert(bytes <= j->pub.total - j->pub.done);
	j->pub.done += bytes;
	j->progress_ns = now;
	if (now - j->shown_ns >= SHOW_NS) {
		j->shown_ns = now;
		job_changed(j);
	}
}

ns_t job_time_deadline(const struct job *j)
{
	const struct ini_load *l = &j->pub.load;

	if (j->phase == PHASE_RESTORED)
		return j->restored_ns ? j->look_ns : NS_NEVER;
	if (j->pub.state != JOB_RUNNING)
		return NS_NEVER;
	ns_t at = j->sample[j->samples - 1].at_ns + SAMPLE_NS;
	if ((j->phase == PHASE_SWEEP || j->phase == PHASE_CATCH_UP) && j->speed_ns > j->ini->now &&
	    j->speed_ns < at)
		at = j->speed_ns;
	if (j->phase == PHASE_SWEEP && l->spec.for_ns > l->ran_ns &&
	    j->clock_ns + (l->spec.for_ns - l->ran_ns) < at)
		at = j->clock_ns + (l->spec.for_ns - l->ran_ns);
	if (j->phase == PHASE_GRACE && j->grace_until_ns > j->ini->now && j->grace_until_ns < at)
		at = j->grace_until_ns;
	return at;
}

bool job_speed_allows(const struct job *j)
{
	return j->pub.speed_limit == 0 || j->speed_ns <= j->ini->now;
}

void job_speed_spend(struct job *j, uint64_t bytes)
{
	ns_t now = j->ini->now;
	uint64_t limit = j->pub.speed_limit;

	if (limit == 0)
		return;
	ns_t from = j->speed_ns > now ? j->speed_ns : now;
	j->speed_ns = from + bytes * NS_PER_S / limit; /* bytes: at most INI_BLOCK_MAX */
}
