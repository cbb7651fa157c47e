/* SPDX-License-Identifier: BSD-2-Clause */
/* The ios of a job: the sweep over all of its blocks, and the catch-up of what members missed. */
#include "initiator/core.h"

#include "base/assert.h"

/* Runs of the image that are read before the window has room for them: enough for reading to go on
 * beside writing, and no more, for each holds a block of the memory that all jobs share. */
#define READ_AHEAD 4

static bool from_file(const struct job *j)
{
	return j->has_file && (j->pub.type == JOB_MIRROR || j->pub.type == JOB_VERIFY);
}

static uint64_t bytes_of(const struct job *j, const struct io *io)
{
	uint32_t bs = j->g->pub.block_size;
	uint64_t first = io->lba * bs, end = (io->lba + io->blocks) * bs;

	/* A load has no end that a run could go beyond, a resync none inside the group. */
	if (j->pub.type == JOB_LOAD || j->pub.type == JOB_RESYNC)
		return end - first;
	return (end < j->pub.total ? end : j->pub.total) - first;
}

bool job_on_hold(const struct job *j)
{
	return j->pub.kept.paused || j->ini->draining;
}

static bool may_start(const struct job *j)
{
	unsigned most = from_file(j) ? j->pub.window + READ_AHEAD : j->pub.window;

	return j->next < j->blocks && j->ios < most && !j->pub.kept.cancelled && !j->aborting &&
	       !job_on_hold(j) && job_speed_allows(j);
}

static uint16_t one_source(const struct group *g)
{
	uint16_t sync = restart_readable(g, members_in_sync(g)), here = members_here(g, sync);
	uint16_t among = here ? here : sync;

	return (uint16_t)(among & (~among + 1U));
}

/* Fills in where an io's data come from and go to. */
static void direct(struct job *j, struct io *io)
{
	struct group *g = j->g;

	switch (j->pub.type) {
	case JOB_MIRROR:
		io->kind = IO_WRITE;
		io->want = j->want;
		break;
	case JOB_VERIFY:
		io->kind = IO_VERIFY;
		io->want = j->want;
		if (!j->has_file) {
			io->from_member = true;
			io->from = one_source(g);
			io->want &= (uint16_t)~io->from;
		}
		break;
	case JOB_SCRUB:
		io->kind = IO_VERIFY;
		io->scrub = true;
		io->from_member = true;
		io->from = one_source(g);
		io->want = j->want & members_in_sync(g) & (uint16_t)~io->from;
		break;
	case JOB_RESYNC:
		io->kind = IO_WRITE;
		io->from_member = true;
		io->want = j->want;
		io->from = members_in_sync(g);
		if (!j->pub.recovery)
			io->from &= (uint16_t)~j->want;
		break;
	case JOB_READ:
		io->kind = IO_READ;
		io->from = members_in_sync(g);
		break;
	case JOB_LOAD:
		io->kind = IO_WRITE;
		io->want = members_in_sync(g);
		break;
	case JOB_TYPES:
		sm_assert(false);
		break;
	}
}

/* Goes to the next blocks of the job; how many follow there. 0: it has come to its end. */
static uint64_t next_span(struct job *j)
{
	struct mir_span s;

	if (j->pub.type != JOB_RESYNC)
		return j->blocks - j->next;
	if (!intent_planned(j->g->log, j->next, &s) || s.lba >= j->blocks) {
		j->next = j->blocks;
		return 0;
	}
	j->next = s.lba;
	return s.blocks;
}

static bool start_one(struct job *j)
{
	uint64_t left = next_span(j);
	struct io *io = left ? io_new(j->ini, j->g, j, NULL) : NULL;

	if (!io)
		return false;
	io->lba = j->next;
	io->blocks = left < j->run_blocks ? (uint32_t)left : j->run_blocks;
	io->file_offset = io->lba * j->g->pub.block_size;
	direct(j, io);
	j->next += io->blocks;
	if (j->pub.type == JOB_LOAD)
		load_place(j, io);
	j->ios++;
	job_speed_spend(j, bytes_of(j, io));
	if (from_file(j) || j->pub.type == JOB_LOAD) {
		io->state = IO_FILE;
		io_want_file(io);
	} else {
		j->running++;
		io_start(io);
	}
	return true;
}

void job_sweep(struct job *j)
{
	struct io *io;

	while ((io = TAILQ_FIRST(&j->ready)) && j->running < j->pub.window) {
		TAILQ_REMOVE(&j->ready, io, link);
		j->running++;
		io_start(io);
	}
	while (may_start(j))
		if (!start_one(j))
			break;
}

void job_drop_ready(struct job *j)
{
	struct io *io;

	while ((io = TAILQ_FIRST(&j->ready))) {
		TAILQ_REMOVE(&j->ready, io, link);
		io_finish(io);
	}
}

/* ---- catching up ---- */

/* Members that hold these blocks. */
static uint16_t holders_of(const struct job *j, lba_t lba, uint64_t blocks)
{
	uint16_t set = 0;

	for (unsigned t = 0; t < j->pub.n_targets; t++) {
		const struct ini_job_target *x = &j->pub.t[t];
		bool holds = !mir_list_meets(&j->missed[t], lba, blocks) && x->runs_dropped == 0 &&
		             j->lost_blocks[t] == 0;
		for (unsigned i = 0; holds && i < x->n_runs; i++)
			holds = x->runs[i].lba + x->runs[i].blocks <= lba ||
			        x->runs[i].lba >= lba + blocks;
		if (holds)
			set |= (uint16_t)(1U << j->member_of[t]);
	}
	return set;
}

uint16_t job_givers(const struct job *j, lba_t lba, uint64_t blocks)
{
	uint16_t set = holders_of(j, lba, blocks) & (uint16_t) ~(j->restarted | j->spent);

	if (j->pub.type == JOB_RESYNC)
		set |= members_in_sync(j->g) & (uint16_t)~j->want;
	return set & (uint16_t)~j->bypassed;
}

/* Cuts a span to where each target has missed all of it or nothing. */
static void cut_span(const struct job *j, struct mir_span *s)
{
	struct mir_span m;

	for (unsigned t = 0; t < j->pub.n_targets; t++) {
		if (!mir_list_next(&j->missed[t], s->lba, &m) || m.lba - s->lba >= s->blocks)
			continue;
		if (m.lba > s->lba)
			s->blocks = m.lba - s->lba;
		else if (m.blocks < s->blocks)
			s->blocks = m.blocks;
	}
}

/* Those that have these blocks are away: they have time to come back. Then they are to take what
 * others have, and have missed it: the image may have changed. False: it stays missed for now. */
static bool without(struct job *j, uint16_t givers, const struct mir_span *s)
{
	if (!givers)
		return true;
	if (j->ini->now < j->grace_until_ns) {
		j->awaited |= givers;
		return false;
	}
	for (unsigned t = 0; t < j->pub.n_targets; t++) {
		uint64_t *good = &j->pub.t[t].good;
		if (!(givers >> j->member_of[t] & 1))
			continue;
		*good -= *good < s->blocks ? *good : s->blocks;
		target_missed(j, t, s->lba, s->blocks);
	}
	return true;
}

/*
 * What a member missed is read from one that has it, so that all hold the same even if the image
 * has changed meanwhile. Where nobody has it, it comes from the image once more (and goes to all).
 */
static bool catch_one(struct job *j, unsigned t, const struct mir_span *s)
{
	struct group *g = j->g;
	uint16_t givers = job_givers(j, s->lba, s->blocks), from = members_here(g, givers);
	uint16_t want = 0;

	for (unsigned k = 0; k < j->pub.n_targets; k++)
		if (mir_list_meets(&j->missed[k], s->lba, s->blocks))
			want |= (uint16_t)(1U << j->member_of[k]);
	want &= members_here(g, want);
	sm_assert(want >> j->member_of[t] & 1);
	if (!from && (!j->has_file || !without(j, givers, s)))
		return true; /* nobody can give it */
	struct io *io = io_new(j->ini, g, j, NULL);
	if (!io)
		return false;
	io->lba = s->lba;
	io->blocks = (uint32_t)s->blocks;
	io->file_offset = io->lba * g->pub.block_size;
	io->kind = IO_WRITE;
	io->catch_up = true;
	io->want = want;
	j->ios++;
	job_speed_spend(j, s->blocks * g->pub.block_size);
	if (from) {
		io->from_member = true;
		io->from = from;
		j->running++;
		io_start(io);
	} else {
		io->state = IO_FILE;
		io_want_file(io);
	}
	return true;
}

bool job_catch_up(struct job *j)
{
	struct io *io;
	struct mir_span s;

	while ((io = TAILQ_FIRST(&j->ready)) && j->running < j->pub.window) {
		TAILQ_REMOVE(&j->ready, io, link);
		j->running++;
		io_start(io);
	}
	while (j->catch_target < j->pub.n_targets && j->ios < j->pub.window && !job_on_hold(j) &&
	       job_speed_allows(j)) {
		unsigned t = j->catch_target;
		uint16_t b = (uint16_t)(1U << j->member_of[t]);
		if ((j->lost >> t & 1) || !members_here(j->g, b) ||
		    !mir_list_next(&j->missed[t], j->catch_lba, &s)) {
			if (j->ios > 0) /* these may be what the next one misses, too */
				break;
			j->catch_target++;
			j->catch_lba = 0;
			continue;
		}
		if (s.blocks > j->run_blocks)
			s.blocks = j->run_blocks;
		cut_span(j, &s);
		if (!catch_one(j, t, &s))
			break;
		j->catch_lba = s.lba + s.blocks;
	}
	return j->catch_target < j->pub.n_targets || j->ios > 0;
}

/* ---- what ios tell ---- */

void job_io_bad(struct job *j, struct io *io, unsigned member, lba_t lba, uint32_t blocks,
                const struct why *why)
{
	unsigned t = j->target_of[member];

	/* One that came in sync while the job ran: what nobody can read is bad all the same. */
	if (j->pub.type == JOB_READ && t >= INI_MEMBERS_MAX)
		t = 0;
	if (io->abandon || io->kind == IO_FLUSH || t >= INI_MEMBERS_MAX)
		return;
	if (j->pub.type == JOB_LOAD) {
		load_bad(j, t, lba, blocks, why);
		return;
	}
	if (why->away) {
		target_missed(j, t, lba, blocks);
		return;
	}
	if (io->catch_up && !mir_list_remove(&j->missed[t], lba, blocks))
		j->lost |= (uint16_t)(1U << t);
	target_bad(j, t, lba, blocks, why);
}

void job_io_done(struct job *j, struct io *io)
{
	sm_assert(j->ios > 0);
	j->ios--;
	if (io->log_failed)
		job_fail(j, INI_E_STATE_DIR, "the write-intent log of group %s could not be saved",
		         j->pub.group);
	if (!io->started)
		return;
	sm_assert(j->running > 0);
	j->running--;
	j->touched |= io->sent;
	if (io->kind == IO_FLUSH) {
		j->holders = j->flushed = io->want & (uint16_t)~io->bad;
		j->doubted |= io->bad & (uint16_t)~io->away;
		j->flush_why = io->last;
		j->flush_member = io->last_member;
		return;
	}
	if (io->abandon || (j->pub.type == JOB_LOAD && !load_written(j, io)))
		return;
	if (io->state == IO_RUN || io->state == IO_DURABLE || io->kind == IO_READ)
		job_count(j, io);
	if (!io->catch_up)
		job_progress(j, bytes_of(j, io));
}
