/* SPDX-License-Identifier: BSD-2-Clause */
/* Per target of a job: blocks that are good, resent, bad, and those missed while it was away. */
#include "initiator/core.h"

#include "base/assert.h"

#include <string.h>

static bool same_reason(const struct ini_run *r, const struct ini_run *s)
{
	return r->status == s->status && r->has_sense == s->has_sense &&
	       (!r->has_sense || scsi_sense_is(&r->sense, &s->sense)) &&
	       strcmp(r->what, s->what) == 0;
}

/* Joins run i with the one behind it, if they touch and failed alike. */
static void join(struct ini_job_target *t, unsigned i)
{
	struct ini_run *r = &t->runs[i];

	if (i + 1 >= t->n_runs || r->lba + r->blocks != r[1].lba || !same_reason(r, &r[1]))
		return;
	r->blocks += r[1].blocks;
	memmove(&r[1], &r[2], (t->n_runs - i - 2) * sizeof(*r));
	t->n_runs--;
}

static void add_run(struct ini_job_target *t, const struct ini_run *run)
{
	unsigned i = t->n_runs;

	while (i > 0 && t->runs[i - 1].lba > run->lba)
		i--;
	if (t->n_runs == INI_RUNS_MAX) {
		struct ini_run *before = i > 0 ? &t->runs[i - 1] : NULL;
		if (before && before->lba + before->blocks == run->lba && same_reason(before, run))
			before->blocks += run->blocks;
		else
			t->runs_dropped++;
		return;
	}
	memmove(&t->runs[i + 1], &t->runs[i], (t->n_runs - i) * sizeof(*run));
	t->runs[i] = *run;
	t->n_runs++;
	join(t, i);
	if (i > 0)
		join(t, i - 1);
}

/* From there on nothing counts as swept. */
static void note_bad(struct job *j, lba_t lba)
{
	if (lba < j->bad_from)
		j->bad_from = lba;
}

void target_bad(struct job *j, unsigned t, lba_t lba, uint64_t blocks, const struct why *why)
{
	struct ini_run run = {.lba = lba,
	                      .blocks = blocks,
	                      .status = why->status,
	                      .has_sense = why->has_sense,
	                      .sense = why->sense};

	if (blocks == 0)
		return;
	if (why->has_sense && why->sense.key == KEY_MISCOMPARE)
		copy_text(run.what, sizeof(run.what),
		          j->has_file ? "differs from the image"
		                      : "differs from the other members");
	else
		why_text(why, run.what, sizeof(run.what));
	note_bad(j, lba);
	j->pub.t[t].bad += blocks;
	add_run(&j->pub.t[t], &run);
}

void target_missed(struct job *j, unsigned t, lba_t lba, uint64_t blocks)
{
	note_bad(j, lba);
	if (mir_list_add(&j->missed[t], lba, blocks))
		return;
	j->lost |= (uint16_t)(1U << t);
	j->lost_blocks[t] += blocks;
}

void target_again(struct job *j, unsigned t)
{
	const struct intent *l = j->g->log;
	lba_t lba = 0;

	if (j->pub.t[t].bad > 0 || j->lost_blocks[t] > 0) { /* it comes in sync no more */
		j->spent |= (uint16_t)(1U << j->member_of[t]);
		return;
	}
	j->pub.t[t].good = 0;
	if (j->pub.type != JOB_RESYNC) {
		target_missed(j, t, 0, j->blocks);
		return;
	}
	while (lba < j->blocks) {
		struct mir_span planned;
		uint64_t blocks = (((lba >> l->shift) + 1) << l->shift) - lba;
		if (blocks > j->blocks - lba)
			blocks = j->blocks - lba;
		/* And what others have written meanwhile, to all. */
		if (intent_is_marked(l, lba) ||
		    (intent_planned(l, lba, &planned) && planned.lba < lba + blocks))
			target_missed(j, t, lba, blocks);
		lba += blocks;
	}
}

static const struct why was_away = {.status = STATUS_NONE, .what = "the target went away"};

void target_settle_missed(struct job *j)
{
	for (unsigned t = 0; t < j->pub.n_targets; t++) {
		struct mir_list *l = &j->missed[t];
		for (unsigned i = 0; i < l->n; i++)
			target_bad(j, t, l->run[i].lba, l->run[i].blocks, &was_away);
		mir_list_clear(l);
		if (j->lost_blocks[t] > 0) {
			j->pub.t[t].bad += j->lost_blocks[t];
			j->pub.t[t].runs_dropped++;
			j->lost_blocks[t] = 0;
		}
	}
}

uint16_t job_complete_members(const struct job *j)
{
	uint16_t set = 0;

	for (unsigned t = 0; t < j->pub.n_targets; t++)
		if (j->pub.t[t].bad == 0 && j->missed[t].n == 0 && j->lost_blocks[t] == 0)
			set |= (uint16_t)(1U << j->member_of[t]);
	return set;
}

/* Of a resync: one of those that it was begun for. */
static bool is_planned(const struct job *j, lba_t lba)
{
	struct mir_span s;

	return j->pub.type != JOB_RESYNC || (intent_planned(j->g->log, lba, &s) && s.lba == lba);
}

/*
 * A catch-up is over: how many more blocks are good. It may have written others again, that
 * somebody else had missed; and one that a resync was not begun for counts only as long as it is
 * missed.
 */
static uint64_t count_missed(struct job *j, unsigned t, unsigned member, const struct io *io)
{
	uint64_t good = 0;

	for (unsigned i = 0; i < io->set.n; i++) {
		const struct mir_run *r = &io->set.run[i];
		uint64_t n = 0;
		if (!(r->ok >> member & 1))
			continue;
		for (uint32_t k = 0; k < r->blocks; k++)
			n += mir_list_meets(&j->missed[t], r->lba + k, 1) &&
			     is_planned(j, r->lba + k);
		good += mir_list_remove(&j->missed[t], r->lba, r->blocks) ? n : 0;
	}
	return good;
}

static bool is_bad(const struct ini_job_target *t, lba_t lba)
{
	for (unsigned i = 0; i < t->n_runs; i++)
		if (lba >= t->runs[i].lba && lba - t->runs[i].lba < t->runs[i].blocks)
			return true;
	return false;
}

bool target_is_bad(const struct job *j, unsigned member, lba_t lba)
{
	unsigned t = j->target_of[member];

	return t < INI_MEMBERS_MAX &&
	       (is_bad(&j->pub.t[t], lba) || mir_list_meets(&j->missed[t], lba, 1));
}

/* Will still be written to this member: by the sweep, or by an io that waits for whoever has the
 * range now. (A catch-up goes only to those that had missed something when it began.) */
static bool is_ahead(const struct job *j, unsigned member, lba_t lba)
{
	if (!is_planned(j, lba))
		return false;
	if (lba >= j->next)
		return true;
	for (unsigned i = 0; i < j->ini->ios_used; i++) {
		const struct io *io = &j->ini->ios[i];
		if (io->state != IO_FREE && io->job == j && io->kind == IO_WRITE &&
		    (io->want >> member & 1) && lba >= io->lba && lba - io->lba < io->blocks)
			return true;
	}
	return false;
}

void job_spoiled(struct job *j, unsigned member, lba_t lba, uint32_t blocks)
{
	unsigned t = j->target_of[member];

	/* One that is cancelled brings nobody in sync, and has not counted what it has copied. */
	if (t >= INI_MEMBERS_MAX || j->pub.kept.cancelled || j->aborting)
		return;
	for (uint32_t i = 0; i < blocks; i++) { /* rare: one by one will do */
		lba_t b = lba + i;
		if (b >= j->blocks || is_ahead(j, member, b) || is_bad(&j->pub.t[t], b) ||
		    mir_list_meets(&j->missed[t], b, 1))
			continue;
		/* It has missed more than can be remembered, and comes in sync no more. */
		if (j->lost_blocks[t] > 0)
			return;
		if (is_planned(j, b)) { /* it was copied */
			sm_assert(j->pub.t[t].good > 0 || j->pub.t[t].runs_dropped > 0);
			j->pub.t[t].good -= j->pub.t[t].good > 0;
		}
		target_missed(j, t, b, 1);
	}
}

static const struct why has_left = {.status = STATUS_NONE, .what = "it is not in sync any more"};

/* Blocks that stay bad were told before; a member that has left was not compared to the end. */
static void count_scrub(struct job *j, const struct io *io)
{
	for (unsigned m = 0; m < j->g->pub.n; m++) {
		unsigned t = j->target_of[m];
		if (t >= INI_MEMBERS_MAX)
			continue;
		uint32_t rest = io->blocks - io->heal.bad[m];
		if (members_in_sync(j->g) >> m & 1) {
			j->pub.t[t].good += rest;
		} else if (rest == io->blocks) {
			target_bad(j, t, io->lba, rest, &has_left);
		} else { /* between runs that were told: not worth finding out where */
			note_bad(j, io->lba);
			j->pub.t[t].bad += rest;
			j->pub.t[t].runs_dropped += rest > 0;
		}
	}
}

/* An io of the job is over: its outcome per target. Bad blocks were told before (job_io_bad). */
void job_count(struct job *j, const struct io *io)
{
	if (io->scrub) {
		count_scrub(j, io);
		return;
	}
	for (unsigned m = 0; m < j->g->pub.n; m++) {
		unsigned t = j->target_of[m];
		if (t >= INI_MEMBERS_MAX)
			continue;
		if (io->kind == IO_READ || (io->from_member && !(io->want >> m & 1))) {
			if (io->kind != IO_WRITE && io->rd.member == m)
				j->pub.t[t].good += io->blocks - io->rd.bad_blocks;
			continue;
		}
		if (!(io->want >> m & 1))
			continue;
		struct mir_tally tally = mir_set_tally(&io->set, m);
		sm_assert(tally.ok >= io->differing[m]);
		j->pub.t[t].good +=
		        io->catch_up ? count_missed(j, t, m, io) : tally.ok - io->differing[m];
		j->pub.differing += io->differing[m];
		if (io->kind == IO_WRITE)
			j->pub.t[t].resent += io->catch_up ? tally.ok : tally.again;
	}
}
