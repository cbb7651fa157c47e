/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One run of blocks from its data to its end (the diagram is in core.h). Nothing here
 * calls back into an owner from within an owner's call: what happened puts the io on
 * ini's list of due ones, and ini_run() steps those.
 */
#include "initiator/core.h"

#include "base/assert.h"

#include <string.h>

static const struct why cancelled = {.status = STATUS_NONE, .what = "cancelled"};
static const struct why gone = {
        .status = STATUS_NONE, .what = "the target is not on the bus", .away = true};
static const struct why mute = {.status = STATUS_NONE,
                                .what = "given up: the target gives no status"};

enum ini_mode io_mode(const struct io *io)
{
	return io->job ? io->job->pub.mode : io->g->pub.mode;
}

/* ---- lists ---- */

void io_due(struct io *io)
{
	if (io->is_due)
		return;
	io->is_due = true;
	TAILQ_INSERT_TAIL(&io->ini->io_due, io, due);
}

void io_timer_off(struct io *io)
{
	if (io->is_timed)
		TAILQ_REMOVE(&io->ini->io_timers, io, timer);
	io->is_timed = false;
}

void io_timer(struct io *io, ns_t at)
{
	struct io_list *list = &io->ini->io_timers;
	struct io *before;

	io_timer_off(io);
	io->due_ns = at;
	io->is_timed = true;
	/* Timers are rare and mostly the latest: look from the end. */
	TAILQ_FOREACH_REVERSE(before, list, io_list, timer)
	{
		if (before->due_ns <= at) {
			TAILQ_INSERT_AFTER(list, before, io, timer);
			return;
		}
	}
	TAILQ_INSERT_HEAD(list, io, timer);
}

void io_want_file(struct io *io)
{
	sm_assert(!io->wants_file);
	io->wants_file = true;
	io->file_op = io_op(io);
	TAILQ_INSERT_TAIL(&io->ini->io_files, io, file);
}

static void want_no_file(struct io *io)
{
	if (io->wants_file)
		TAILQ_REMOVE(&io->ini->io_files, io, file);
	io->wants_file = false;
}

uint64_t io_op(const struct io *io)
{
	return (uint64_t)io->serial << 32 | io->index;
}

struct io *io_by_op(struct ini *ini, uint64_t op)
{
	uint32_t index = (uint32_t)op;

	if (index >= ini->ios_used)
		return NULL;
	struct io *io = &ini->ios[index];
	bool awaited = (io->state == IO_FILE || io->state == IO_SINK) && !io->wants_file;
	return awaited && io->file_op == op ? io : NULL;
}

/* ---- life ---- */

static struct io *take_free(struct ini *ini)
{
	struct io *io = TAILQ_FIRST(&ini->io_free);

	if (io) {
		TAILQ_REMOVE(&ini->io_free, io, link);
	} else {
		sm_assert(ini->ios_used < INI_IOS);
		io = &ini->ios[ini->ios_used];
		memset(io, 0, sizeof(*io));
		io->ini = ini;
		io->index = ini->ios_used;
		io->lock = &ini->locks[ini->ios_used];
		ini->ios_used++;
	}
	ini->n_io_free--;
	return io;
}

struct io *io_new(struct ini *ini, struct group *g, struct job *job, struct cmd *cmd)
{
	/* A job's flush is one, and the last: others, that have work for all there are, would keep
	 * it waiting. */
	bool spares = job && job->phase != PHASE_FLUSH;

	if (ini->n_io_free == 0 || (spares && ini->n_io_free <= INI_IOS_SPARE))
		return NULL;
	struct io *io = take_free(ini);

	io->serial = io->serial == UINT32_MAX ? 1 : io->serial + 1;
	io->g = g;
	io->job = job;
	io->cmd = cmd;
	io->kind = IO_WRITE;
	io->state = IO_FILE;
	io->from_member = io->catch_up = io->abandon = false;
	io->awaits_presence = io->awaits_buffer = io->started = io->broadcast = false;
	io->logged = io->log_failed = false;
	io->file_offset = 0;
	io->data = NULL;
	io->data_off = 0;
	io->by_read = 0;
	io->cmp = NULL;
	io->want = io->sync = io->from = io->bad = io->away = io->flying = io->sent = 0;
	io->spared = io->doubt = 0;
	io->ticket = 0;
	io->round = 0;
	io->delay_ns = io->busy_since_ns = 0;
	memset(io->differing, 0, sizeof(io->differing));
	if (io->scrub)
		memset(&io->heal, 0, sizeof(io->heal));
	io->scrub = false;
	io->restarted = 0;
	io->mend.on = false;
	io->mend.n = 0;
	io->mend.hurt = 0;
	memset(&io->try, 0, sizeof(io->try));
	memset(&io->rd, 0, sizeof(io->rd));
	io->last = (struct why){.status = STATUS_NONE};
	g->ios++;
	return io;
}

uint16_t io_holders(const struct io *io)
{
	return io->sync & (uint16_t) ~(io->bad | io->restarted) & members_in_sync(io->g);
}

void io_restarted(struct group *g, unsigned member)
{
	struct ini *ini = g->ini;

	for (unsigned i = 0; i < ini->ios_used; i++) {
		struct io *io = &ini->ios[i];
		bool has = io->kind == IO_FLUSH || io->sent >> member & 1;
		if (io->state != IO_FREE && io->g == g && has)
			io->restarted |= (uint16_t)(1U << member);
	}
}

bool io_lasts(const struct io *io)
{
	return io_holders(io) && !(io->bad & members_in_sync(io->g));
}

/*
 * A write goes to whom it concerns when it has its range and its mark, not when it was asked for: a
 * resync that has begun in between does not plan to copy what was not marked then.
 */
static void go(struct io *io)
{
	uint16_t sync = members_in_sync(io->g);

	if (io->cmd && io->kind == IO_WRITE && sync)
		io->want = sync | members_syncing(io->g);
	io->sync = io->want & sync;
	if (io->kind == IO_READ || io->from_member) {
		source_start(io);
	} else {
		mir_set_init(&io->set, io->lba, io->blocks, io->want);
		io->state = IO_RUN;
	}
	io_due(io);
}

bool io_mark_first(struct io *io)
{
	if (log_begin(io))
		return true;
	io->state = IO_INTENT;
	TAILQ_INSERT_TAIL(&io->g->unmarked, io, wait);
	if (io->abandon)
		io_due(io);
	return false;
}

/* It has its range. */
static void proceed(struct io *io)
{
	bool copies = io->job && io->job->pub.type == JOB_RESYNC;

	if (io->kind != IO_WRITE || (copies && !log_is_for(io->g, io->want)) || io_mark_first(io))
		go(io);
}

void io_marked(struct io *io, bool good)
{
	bool mends = io->kind == IO_READ;

	if (!good && !mends) {
		io->log_failed = io->abandon = true;
		io_finish(io);
		return;
	}
	TAILQ_REMOVE(&io->g->unmarked, io, wait);
	if (mends)
		mend_marked(io, good);
	else if (io->scrub)
		heal_start(io);
	else
		go(io);
}

void io_grant(struct group *g)
{
	struct io *io = TAILQ_FIRST(&g->waiting);

	while (io) {
		struct io *next = TAILQ_NEXT(io, wait);
		if (mir_lock_granted(&g->locks, io->lock)) {
			TAILQ_REMOVE(&g->waiting, io, wait);
			proceed(io);
		}
		io = next;
	}
}

void io_start(struct io *io)
{
	struct group *g = io->g;

	io->started = true;
	if (io->kind == IO_FLUSH) { /* touches no blocks: its set is one token per member */
		io->lba = 0;
		io->blocks = 1;
		proceed(io);
		return;
	}
	io->state = IO_LOCK;
	mir_lock_add(&g->locks, io->lock, io->lba, io->blocks,
	             io->kind == IO_READ || (io->kind == IO_VERIFY && !io->scrub));
	TAILQ_INSERT_TAIL(&g->waiting, io, wait);
	io_grant(g);
}

void io_finish(struct io *io)
{
	struct ini *ini = io->ini;
	struct group *g = io->g;
	bool locked = io->lock->queued;

	sm_assert(io->flying == 0 && io->state != IO_FREE && !io->wants_file);
	io_timer_off(io);
	if (io->is_due)
		TAILQ_REMOVE(&ini->io_due, io, due);
	io->is_due = false;
	if (io->job)
		job_io_done(io->job, io);
	else
		group_io_done(io->cmd, io);
	if (io->state == IO_LOCK)
		TAILQ_REMOVE(&g->waiting, io, wait);
	if (io->state == IO_INTENT)
		TAILQ_REMOVE(&g->unmarked, io, wait);
	if (io->logged)
		log_end(io);
	if (locked)
		mir_lock_drop(&g->locks, io->lock);
	block_unref(io->data);
	io->data = NULL;
	io->state = IO_FREE;
	io->awaits_presence = false;
	sm_assert(g->ios > 0);
	g->ios--;
	TAILQ_INSERT_HEAD(&ini->io_free, io, link);
	ini->n_io_free++;
	ini->moves++;
	if (locked)
		io_grant(g);
}

void io_abandon(struct io *io)
{
	io->abandon = true;
	io_due(io);
}

/* ---- failing ---- */

void io_bad(struct io *io, unsigned member, lba_t lba, uint32_t blocks, const struct why *why)
{
	if (io->mend.on) /* who reads has what it wants */
		return;
	if (io->scrub && heal_suspects(io, lba, blocks, why))
		return;
	if (io->scrub && io->heal.on && blocks > 1) {
		for (uint32_t i = 0; i < blocks; i++)
			io_bad(io, member, lba + i, 1, why);
		return;
	}
	/* Of what could not be compared: told already. */
	if (io->scrub && io->heal.on && target_is_bad(io->job, member, lba))
		return;
	if (io->scrub)
		io->heal.bad[member] += blocks;
	io->bad |= (uint16_t)(1U << member);
	if (why->has_sense && why->sense.deferred)
		io->doubt |= (uint16_t)(1U << member);
	if (why->away)
		io->away |= (uint16_t)(1U << member);
	io->last = *why;
	io->last_member = member;
	io->g->pub.m[member].failed += blocks;
	if (io->job)
		job_io_bad(io->job, io, member, lba, blocks, why);
}

void io_fail_open(struct io *io, unsigned member, const struct why *why)
{
	uint16_t b = (uint16_t)(1U << member);

	sm_assert(!(io->flying & b));
	for (unsigned i = 0; i < io->set.n; i++) {
		const struct mir_run *r = &io->set.run[i];
		if (!(r->want & b) || ((r->ok | r->failed) & b))
			continue;
		lba_t lba = r->lba;
		uint32_t blocks = r->blocks;
		mir_set_fail(&io->set, member, lba, blocks);
		io_bad(io, member, lba, blocks, why);
	}
}

/* Gives up what cannot go on; returns the members that blocks can be sent to now. */
static uint16_t sort_out(struct io *io)
{
	uint16_t open = mir_set_open(&io->set), here = 0;

	io->awaits_presence = false;
	for (unsigned i = 0; i < io->g->pub.n; i++) {
		if (!(open >> i & 1))
			continue;
		if (io->abandon) {
			/* Who has not had it yet is as it was: what a scrub or a recovery writes is
			 * what members have, and its marks stay; a load's writes are not abandoned
			 * (job.c). */
			io->spared = (uint16_t)(io->spared | ((1U << i) & ~(unsigned)io->bad));
			io_fail_open(io, i, &cancelled);
			continue;
		}
		if (io->mend.on && member_presence(io->g, i) != HERE) {
			io_fail_open(io, i, &gone);
			continue;
		}
		switch (member_presence(io->g, i)) {
		case HERE:
			here |= (uint16_t)(1U << i);
			break;
		case COMING:
			io->awaits_presence = true;
			break;
		case GONE:
			io_fail_open(io, i, &gone);
			break;
		case MUTE:
			io_fail_open(io, i, &mute);
			break;
		}
	}
	return here;
}

static ns_t presence_limit(const struct io *io)
{
	ns_t at = NS_NEVER;

	for (unsigned i = 0; i < io->g->pub.n; i++)
		if (member_presence(io->g, i) == COMING && io->g->x[i].wait_until < at)
			at = io->g->x[i].wait_until;
	return at;
}

/* ---- the end of a run ---- */

static void await_change(struct io *io, uint64_t ticket)
{
	io->ticket = ticket;
	io->state = IO_DURABLE;
	TAILQ_INSERT_TAIL(&io->ini->io_durable, io, wait);
}

/* The members that failed leave the in-sync set. */
static void leave_in_sync(struct io *io, uint16_t bad)
{
	struct group *g = io->g;
	uint16_t failed = members_that_may_leave(g, bad);
	char text[64];

	for (unsigned i = 0; i < g->pub.n; i++) {
		if (!(failed >> i & 1))
			continue;
		const char *why = why_text(&io->last, text, sizeof(text));
		if (io->doubt >> i & 1)
			(void)member_doubt(g, i, why);
		else
			(void)member_stale(g, i, why);
	}
	await_change(io, group_change(g, true));
}

/* Nobody in sync was there: they are as they were, and who comes first is not the only good one. */
static bool nowhere(const struct io *io)
{
	uint16_t sync = members_in_sync(io->g);

	return !(sync & ~io->bad) && !(sync & io->sent);
}

/* A mirror job has made all stale while a flush was in flight, copies nothing behind a smaller
 * image, and may come to nothing: who has failed it is not as good as those that have not. */
static void tear(struct job *j, const struct io *io)
{
	struct group *g = j->g;

	j->torn |= io->bad;
	for (unsigned i = 0; i < g->pub.n; i++)
		if ((io->bad & (uint16_t)~io->away) >> i & 1 && g->pub.m[i].latest)
			member_not_latest(g, i);
}

/* Members that a resync copies to take part in writes and flushes. One that failed a write, or has
 * what no member in sync has, is to be copied to once more. */
static void tell_job(struct io *io)
{
	struct group *g = io->g;
	bool failed = !io_holders(io);
	struct job *j;

	TAILQ_FOREACH (j, &io->ini->job_live, live)
		if (j->g == g && job_copies(j) && j->phase > PHASE_QUEUED)
			break;
	if (j && j->pub.type == JOB_MIRROR) {
		tear(j, io);
		return;
	}
	if (j && io->kind == IO_FLUSH)
		j->unflushed |= io->bad;
	for (unsigned i = 0; j && io->kind == IO_WRITE && i < g->pub.n; i++)
		if ((io->want >> i & 1) && g->x[i].syncing && (failed || (io->bad >> i & 1)))
			job_spoiled(j, i, io->lba, io->blocks);
}

static void run_done(struct io *io)
{
	struct group *g = io->g;

	if (io->heal.on) {
		heal_written(io);
		return;
	}
	if (io->mend.on) {
		if (!mend_written(io))
			source_over(io);
		return;
	}
	if (heal_is_due(io)) { /* what it writes a power cut may undo, and a resync is to know */
		if (io_mark_first(io))
			heal_start(io);
		return;
	}
	if (io->cmd && io->bad)
		tell_job(io);

	for (unsigned i = 0; i < g->pub.n; i++)
		if (io->want >> i & 1)
			g->pub.m[i].resent += mir_set_tally(&io->set, i).again;
	bool changes = io->kind == IO_WRITE || io->kind == IO_FLUSH;
	uint16_t bad = io->bad & (uint16_t)~io->spared;
	/* Nobody asked for it, or it brought nothing new: who is away has not failed. */
	if ((io->cmd && io->cmd->clean) || (io->job && io->job->pub.type == JOB_SCRUB))
		bad &= (uint16_t)~io->away;
	if (group_is_lost(g)) /* nothing is acknowledged, and who has what is another's to say */
		io_finish(io);
	else if (changes && (bad & members_in_sync(g)) && !nowhere(io))
		leave_in_sync(io, bad);
	else if (changes && !group_change_done(g, g->change_wanted))
		/* A member that it did not reach may be stale in memory only, by another's doing.
		 */
		await_change(io, g->change_wanted);
	else if (changes && (g->change_error.kind == INI_E_STATE_DIR || (io->cmd && g->pub.owed)))
		/* The last change is not in the state file, after which a daemon that starts would
		 * trust those that it left out, or nobody was told of it, after which an import
		 * would: once more, before anything more is acknowledged. */
		await_change(io, group_change(g, false));
	else
		io_finish(io);
}

static void run_step(struct io *io)
{
	uint16_t members;

	if (io->flying)
		return;
	if (io->is_timed) {
		if (io->ini->now < io->due_ns && !io->abandon && !io->awaits_presence &&
		    !io->awaits_buffer)
			return;
		io_timer_off(io);
	}
	io->awaits_buffer = false;
	if (io->delay_ns == 0 || io->abandon) {
		mir_set_release(&io->set);
		mir_set_merge(&io->set);
	}
	uint16_t here = sort_out(io);
	int run = mir_set_next(&io->set, here, &members);
	if (run >= 0) {
		uint16_t by_read = members & io->by_read;
		bool begun = by_read ? compare_start(io, run, (unsigned)__builtin_ctz(by_read))
		                     : attempt_start(io, run, members);
		if (!begun)
			io_timer(io, io->ini->now + io->ini->cfg.busy_delay_ns);
	} else if (!mir_set_open(&io->set)) {
		run_done(io);
	} else if (mir_set_held(&io->set) && here) {
		/* All that could be sent in this round was: the next one after a while. */
		io_timer(io, io->ini->now + io->delay_ns);
		io->delay_ns = 0;
		io->round++;
	} else {
		io_timer(io, presence_limit(io));
	}
}

/* ---- stepping ---- */

static void durable_step(struct io *io)
{
	/* Who is in sync now, and took it, may be so by a change that came behind that one. */
	if (!group_change_done(io->g, io->g->change_wanted)) {
		io->ticket = io->g->change_wanted;
		return;
	}
	TAILQ_REMOVE(&io->ini->io_durable, io, wait);
	io_finish(io);
}

void io_step(struct io *io)
{
	switch (io->state) {
	case IO_FREE:
		break;
	case IO_FILE:
	case IO_SINK:
		/* A file may never give an answer; one that is late finds nobody. */
		if (io->abandon) {
			want_no_file(io);
			io_finish(io);
		}
		break;
	case IO_FREADY:
		break; /* its job starts it */
	case IO_LOCK:
	case IO_INTENT:
		if (io->abandon) {
			io->bad |= io->want;
			io->last = cancelled;
			io_finish(io);
		}
		break;
	case IO_SOURCE:
		source_step(io);
		break;
	case IO_RUN:
		run_step(io);
		break;
	case IO_HEAL:
		heal_step(io);
		break;
	case IO_DURABLE:
		durable_step(io);
		break;
	}
}

static void wake_for_buffers(struct ini *ini)
{
	if (!ini->buffer_short || TAILQ_EMPTY(&ini->buffer_free))
		return;
	ini->buffer_short = false;
	for (unsigned i = 0; i < ini->ios_used; i++) {
		struct io *io = &ini->ios[i];
		if (((io->state == IO_SOURCE || io->state == IO_HEAL) && !io->data) ||
		    (io->state == IO_RUN && io->awaits_buffer))
			io_due(io);
	}
}

void io_run(struct ini *ini)
{
	struct io *io;

	while ((io = TAILQ_FIRST(&ini->io_timers)) && io->due_ns <= ini->now) {
		TAILQ_REMOVE(&ini->io_timers, io, timer);
		io->is_timed = false;
		io_due(io);
	}
	if (!TAILQ_EMPTY(&ini->io_durable))
		TAILQ_FOREACH (io, &ini->io_durable, wait)
			io_due(io);
	wake_for_buffers(ini);
	while ((io = TAILQ_FIRST(&ini->io_due))) {
		TAILQ_REMOVE(&ini->io_due, io, due);
		io->is_due = false;
		io_step(io);
	}
}
