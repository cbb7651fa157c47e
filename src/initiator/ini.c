/* SPDX-License-Identifier: BSD-2-Clause */
/* Making the core, driving it, and its invariants. */
#include "initiator/core.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define OR_DEFAULT(value, def) ((value) ? (value) : (def))

static void set_defaults(struct ini_config *c)
{
	c->resend_delay_ns = OR_DEFAULT(c->resend_delay_ns, 10 * NS_PER_MS);
	c->resend_delay_max_ns = OR_DEFAULT(c->resend_delay_max_ns, NS_PER_S);
	c->max_passes = OR_DEFAULT(c->max_passes, 5);
	c->window = OR_DEFAULT(c->window, 8);
	c->transfer = OR_DEFAULT(c->transfer, 256U * 1024);
	c->bus_wait_ns = OR_DEFAULT(c->bus_wait_ns, 10 * NS_PER_S);
	c->member_grace_ns = OR_DEFAULT(c->member_grace_ns, 2 * NS_PER_S);
	c->busy_limit_ns = OR_DEFAULT(c->busy_limit_ns, 10 * NS_PER_S);
	c->busy_delay_ns = OR_DEFAULT(c->busy_delay_ns, 10 * NS_PER_MS);
	c->clean_idle_ns = OR_DEFAULT(c->clean_idle_ns, 5 * NS_PER_S);
	c->clean_most_ns = OR_DEFAULT(c->clean_most_ns, 60 * NS_PER_S);
	if (c->window > INI_WINDOW_MAX)
		c->window = INI_WINDOW_MAX;
	if (c->transfer > INI_BLOCK_MAX)
		c->transfer = INI_BLOCK_MAX;
}

static void make_lists(struct ini *ini)
{
	TAILQ_INIT(&ini->job_list);
	TAILQ_INIT(&ini->job_live);
	TAILQ_INIT(&ini->job_free);
	TAILQ_INIT(&ini->io_free);
	TAILQ_INIT(&ini->io_due);
	TAILQ_INIT(&ini->io_timers);
	TAILQ_INIT(&ini->io_files);
	TAILQ_INIT(&ini->io_durable);
	TAILQ_INIT(&ini->cmd_free);
	TAILQ_INIT(&ini->cmd_live);
	TAILQ_INIT(&ini->replies);
	TAILQ_INIT(&ini->bypasses);
	ini->n_io_free = INI_IOS;
	for (unsigned i = 0; i < INI_CMDS; i++)
		TAILQ_INSERT_TAIL(&ini->cmd_free, &ini->cmds[i], link);
}

struct ini *ini_new(const struct ini_config *cfg, struct hba *h)
{
	struct ini *ini = calloc(1, sizeof(*ini));

	if (!ini)
		return NULL;
	ini->cfg = *cfg;
	set_defaults(&ini->cfg);
	ini->hba = h;
	ini->next_job = ini->next_saved = 1;
	/* Of what is large only what is used is touched: jobs and ios are cleared when they are
	 * taken, and calloc() of this size gives untouched pages. */
	ini->jobs = malloc(INI_JOB_SLOTS * sizeof(*ini->jobs));
	ini->ios = malloc(INI_IOS * sizeof(*ini->ios));
	ini->cmds = calloc(INI_CMDS, sizeof(*ini->cmds));
	ini->locks = calloc(INI_IOS, sizeof(*ini->locks));
	ini->noise = calloc(1, INI_BLOCK_MAX);
	ini->logs = calloc(INI_GROUPS_MAX, sizeof(*ini->logs));
	ini->logs_at = ini->revive_at = NS_NEVER;
	if (!ini->jobs || !ini->ios || !ini->cmds || !ini->locks || !ini->noise || !ini->logs ||
	    !ini_pool_new(ini)) {
		ini_free(ini);
		return NULL;
	}
	make_lists(ini);
	members_watch(ini);
	return ini;
}

void ini_free(struct ini *ini)
{
	if (!ini)
		return;
	for (unsigned i = 0; ini->ios && i < ini->ios_used; i++) {
		struct io *io = &ini->ios[i];
		if (io->state == IO_FREE)
			continue;
		if (io->try.view)
			block_unref(&io->try.view->b);
		block_unref(io->cmp);
		block_unref(io->data);
	}
	for (unsigned i = 0; ini->cmds && i < INI_CMDS; i++)
		if (ini->cmds[i].kind != CMD_FREE)
			block_unref(ini->cmds[i].data);
	ini_pool_free(ini);
	free(ini->jobs);
	free(ini->ios);
	free(ini->cmds);
	free(ini->locks);
	free(ini->noise);
	free(ini->logs);
	free(ini);
}

static void changes_run(struct ini *ini)
{
	if (ini->changes_open == 0)
		return;
	for (unsigned k = 0; k < ini->groups_used; k++)
		if (ini->group[k].used)
			change_step(&ini->group[k]);
}

void ini_run(struct ini *ini, ns_t now)
{
	uint64_t moves;

	sm_assert(now >= ini->now);
	ini->now = now;
	members_look(ini);
	revive_run(ini);
	logs_run(ini);
	do {
		moves = ini->moves;
		changes_run(ini);
		io_run(ini);
		jobs_run(ini);
		cmd_run(ini);
	} while (moves != ini->moves || !TAILQ_EMPTY(&ini->io_due));
	ini->moves_run = ini->moves;
}

ns_t ini_deadline(const struct ini *ini)
{
	const struct io *first = TAILQ_FIRST(&ini->io_timers);
	ns_t at = jobs_deadline(ini);

	if (!TAILQ_EMPTY(&ini->io_due) || ini->moves != ini->moves_run || ini->targets_seen ||
	    ini->initiators_seen)
		return ini->now;
	if (first && first->due_ns < at)
		at = first->due_ns;
	ns_t change = changes_deadline(ini);
	if (change < at)
		at = change;
	if (logs_deadline(ini) < at)
		at = logs_deadline(ini);
	if (ini->revive_at < at)
		at = ini->revive_at;
	return at;
}

void ini_drain(struct ini *ini)
{
	ini->draining = true;
	logs_touch(ini);
	ini->moves++;
}

bool ini_drained(const struct ini *ini)
{
	const struct cmd *c;

	if (ini->n_io_free != INI_IOS || ini->changes_open > 0 || ini->save_flying ||
	    ini->save_out != ini->save_wanted || !TAILQ_EMPTY(&ini->replies) || !logs_idle(ini))
		return false;
	TAILQ_FOREACH (c, &ini->cmd_live, link)
		if (c->kind != CMD_WAIT)
			return false;
	return true;
}

/* ---- invariants ---- */

static void check_job(const struct job *j)
{
	const struct ini_job *p = &j->pub;

	sm_assert(p->done <= p->total);
	sm_assert(j->running <= j->ios);
	sm_assert(p->n_targets <= INI_MEMBERS_MAX);
	sm_assert((p->state == JOB_CONCLUDED || p->state == JOB_DISMISSED) ==
	          (j->phase == PHASE_ENDED));
	sm_assert((p->conclusion != JOB_NONE) == (j->phase == PHASE_ENDED));
	sm_assert(p->conclusion != JOB_SUCCESS || p->done == p->total);
	for (unsigned t = 0; t < p->n_targets; t++) {
		const struct ini_job_target *x = &p->t[t];
		sm_assert(x->n_runs <= INI_RUNS_MAX);
		for (unsigned i = 1; i < x->n_runs; i++)
			sm_assert(x->runs[i - 1].lba + x->runs[i - 1].blocks <= x->runs[i].lba);
		mir_list_check(&j->missed[t]);
		if (j->phase != PHASE_ENDED)
			sm_assert(x->good + x->bad <= j->blocks);
	}
}

static void check_io(const struct io *io)
{
	sm_assert(io->g && io->g->used && (io->job != NULL) != (io->cmd != NULL));
	if (io->state == IO_RUN) {
		mir_set_check(&io->set);
		uint16_t sent = 0;
		for (unsigned i = 0; i < io->set.n; i++)
			sent |= io->set.run[i].sent;
		sm_assert(sent == io->flying);
	}
	if (io->kind == IO_FLUSH || io->state == IO_FILE || io->state == IO_FREADY)
		sm_assert(!io->lock->queued);
	else
		sm_assert(io->lock->queued);
	if (io->flying) /* nobody that came before holds these blocks */
		sm_assert(io->kind == IO_FLUSH || mir_lock_granted(&io->g->locks, io->lock));
}

void ini_check(const struct ini *ini)
{
	unsigned used = 0, jobs = 0;
	const struct job *j;

	for (unsigned i = 0; i < ini->ios_used; i++) {
		if (ini->ios[i].state == IO_FREE)
			continue;
		used++;
		check_io(&ini->ios[i]);
	}
	sm_assert(used + ini->n_io_free == INI_IOS);
	TAILQ_FOREACH (j, &ini->job_list, link) {
		unsigned ios = 0;
		for (unsigned i = 0; job_is_live(j) && i < ini->ios_used; i++)
			ios += ini->ios[i].state != IO_FREE && ini->ios[i].job == j;
		sm_assert(ios == j->ios);
		check_job(j);
		jobs++;
	}
	sm_assert(jobs == ini->n_jobs);
	for (unsigned k = 0; k < ini->groups_used; k++) {
		const struct group *g = &ini->group[k];
		if (!g->used)
			continue;
		sm_assert(g->change_done <= g->change_wanted && g->pub.n <= INI_MEMBERS_MAX);
		intent_check(g->log);
		for (unsigned i = 0; i < g->pub.n; i++)
			for (unsigned m = 0; m < i; m++)
				sm_assert(g->pub.m[i].device != g->pub.m[m].device &&
				          memcmp(g->pub.m[i].uuid, g->pub.m[m].uuid, UUID_LEN) !=
				                  0);
	}
}
