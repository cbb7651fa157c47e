/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of a run: faults stop, all that was asked is answered within bounded time, members are
 * brought in sync, and every block of every member is what the model lets it be.
 */
#include "base/assert.h"
#include "sim/rest.h"
#include "sim/sim.h"

#include <string.h>

#define ANSWER_LIMIT (120 * NS_PER_S)
#define JOB_LIMIT    (120 * NS_PER_S)
#define QUIET_LIMIT  (60 * NS_PER_S)
#define TRIES        4

static bool rested(struct sim *s)
{
	bool rest = work_idle(s);

	for (unsigned i = 0; rest && i < s->n_hosts; i++)
		rest = host_runs(s, &s->host[i]) && s->host[i].link == HOST_ATTACHED &&
		       hba_settled(s->host[i].h);
	return rest;
}

/* A recovery begins by itself, when all members in sync are there. */
static bool no_job_runs(const struct sim_host *h)
{
	const struct ini_group *g = host_group(h);

	for (unsigned i = 0; i < ini_jobs(h->ini); i++) {
		enum ini_job_state state = ini_job_at(h->ini, i)->state;
		if (state != JOB_CONCLUDED && state != JOB_DISMISSED)
			return false;
	}
	return !g || host_has_lost(h) || !g->intent.recovering || host_in_sync(g) == 0;
}

static bool all_here(struct sim *s)
{
	const struct sim_host *h = host_owner(s);
	const struct ini_group *g = host_group(h);

	if (!rested(s) || !g || !owners_agree(s))
		return false;
	for (unsigned i = 0; i < g->n; i++)
		if (!host_sees(s, h, &g->m[i]))
			return false;
	for (unsigned i = 0; i < s->n_hosts; i++)
		if (!no_job_runs(&s->host[i]) || ini_deadline(s->host[i].ini) <= s->now ||
		    s->host[i].is_saving)
			return false;
	return true;
}

/* An operation that a fault has made slow holds up what comes behind it at its disk. */
static bool stores_rest(struct sim *s)
{
	for (unsigned i = 0; i < s->n_disks; i++)
		if (s->d[i].store.n_ops > 0 || (s->d[i].t && tgt_store_ops(s->d[i].t) > 0))
			return false;
	return true;
}

/* The log is clean, so nothing more is due: members were flushed for it. */
static bool quiet(struct sim *s)
{
	if (!all_here(s) || host_group(host_owner(s))->intent.dirty > 0)
		return false;
	for (unsigned i = 0; i < s->n_hosts; i++)
		if (rest_kept(s->host[i].ini, s->host[i].h))
			return false;
	return stores_rest(s);
}

static uint32_t run_job(struct sim *s, struct sim_host *h, enum ini_job_type type)
{
	uint32_t job = work_job(s, h, type);

	if (!job)
		sim_fail(s, "at the end, a %s job is refused", ini_job_type_name(type));
	if (!sim_until(s, JOB_LIMIT, all_here))
		sim_fail(s, "job %u (%s) does not end", job, ini_job_type_name(type));
	return job;
}

static void bring_in_sync(struct sim *s, struct sim_host *h)
{
	const struct ini_group *g = host_group(h);

	for (unsigned i = 0; host_in_sync(g) < g->n; i++) {
		if (i == TRIES)
			sim_fail(s, "%u of %u members are in sync after %u jobs without a fault",
			         host_in_sync(g), g->n, TRIES);
		(void)run_job(s, h, host_in_sync(g) ? JOB_RESYNC : JOB_MIRROR);
		sim_mark(s, MARK_RESYNCED);
	}
}

static const uint8_t *member_block(const struct sim *s, const struct ini_group *g, unsigned member,
                                   lba_t lba)
{
	return s->d[g->m[member].uuid[0] - 0xd0].store.cache + lba * SIM_BLOCK;
}

/* Blocks that differ from those of the first member. */
static uint64_t compare_members(struct sim *s, struct sim_host *h)
{
	const struct ini_group *g = host_group(h);
	uint64_t differ = 0;

	for (lba_t lba = 0; lba < s->blocks; lba++) {
		const uint8_t *first = member_block(s, g, 0, lba);
		for (unsigned i = 0; i < g->n; i++) {
			const uint8_t *p = member_block(s, g, i, lba);
			if (!model_allows(&s->model, lba, model_hash(p, SIM_BLOCK),
			                  s->model.clock + 1))
				sim_fail(s, "at the end, block %llu of %s is what it may not be",
				         (unsigned long long)lba, g->m[i].name);
			if (memcmp(first, p, SIM_BLOCK) == 0)
				continue;
			differ++;
			if (!model_may_differ(&s->model, lba))
				sim_fail(s, "at the end, block %llu of %s is not that of %s",
				         (unsigned long long)lba, g->m[i].name, g->m[0].name);
		}
	}
	return differ;
}

static void verify(struct sim *s, struct sim_host *h, uint64_t differ)
{
	const struct ini_job *j = ini_job_find(h->ini, run_job(s, h, JOB_VERIFY));
	sm_assert(j); /* not the last one, where a recovery has begun meanwhile */
	if (j->differing != differ)
		sim_fail(s, "verify says that %llu blocks differ, %llu do",
		         (unsigned long long)j->differing, (unsigned long long)differ);
	if (differ)
		sim_mark(s, MARK_DIFFER_TOLD);
}

/* Everybody has given back what was lent: a store operation or a block that is kept would be, for
 * ever. */
static void look_for_leaks(struct sim *s)
{
	for (unsigned i = 0; i < s->n_hosts; i++) {
		const char *kept = rest_kept(s->host[i].ini, s->host[i].h);
		if (kept)
			sim_fail(s, "at rest, initiator %u keeps something: %s", s->host[i].id,
			         kept);
	}
	for (unsigned i = 0; i < s->n_disks; i++)
		if (tgt_tasks(s->d[i].t) > 0 || s->d[i].store.n_ops > 0)
			sim_fail(s, "at rest, disk %u has %u tasks and %u operations of its store",
			         i, tgt_tasks(s->d[i].t), s->d[i].store.n_ops);
}

static void look(struct sim *s)
{
	if (!sim_until(s, ANSWER_LIMIT, all_here))
		sim_fail(s, "faults have stopped, and not all is answered and here within %llu s",
		         (unsigned long long)(ANSWER_LIMIT / NS_PER_S));
	if (!sim_until(s, ANSWER_LIMIT, stores_rest))
		sim_fail(s, "the store of a disk does not answer");
	/* Who does nothing hears nothing: that an import which was cut off has taken the group. */
	owners_ask(s);
	if (!sim_until(s, ANSWER_LIMIT, all_here))
		sim_fail(s, "a member has gone after the faults have stopped");
	owners_look_at_end(s);
	struct sim_host *h = host_owner(s);
	bring_in_sync(s, h);
	verify(s, h, compare_members(s, h));
	run_job(s, h, JOB_READ);
}

void sim_end(struct sim *s)
{
	faults_stop(s);
	look(s);
	if (owners_change_at_end(s))
		look(s);
	if (!sim_until(s, QUIET_LIMIT, quiet))
		sim_fail(s, "something goes on without end");
	look_for_leaks(s);
}
