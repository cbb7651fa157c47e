/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a run from a member that is in sync, with another one where that
 * fails. The run is read from its beginning to its end; a block that no member can give after all
 * tries is bad, and what is behind it is still read.
 */
#include "initiator/core.h"

#include "base/assert.h"

#include <string.h>

/* With so many unreadable blocks in one run, the rest of the run is not tried. */
#define UNREADABLE_LIMIT 64

static lba_t end_of(const struct io *io)
{
	return io->lba + io->blocks;
}

static void read_on(struct io *io, lba_t from)
{
	io->rd.lba = from;
	io->rd.blocks = (uint32_t)(end_of(io) - from);
	io->rd.tried = 0;
	io->rd.round = 0;
	io->mend.hurt = 0;
}

void source_start(struct io *io)
{
	io->state = IO_SOURCE;
	io->rd.bad_blocks = 0;
	io->rd.why = (struct why){.status = STATUS_NONE, .what = "no member in sync is there"};
	io->rd.member = io->from ? (unsigned)__builtin_ctz(io->from) : 0;
	read_on(io, io->lba);
	if (io->kind != IO_READ)
		mir_set_init(&io->set, io->lba, io->blocks, io->want);
}

/* Blocks that cannot be read are bad for everybody that they were to go to. */
static void unreadable(struct io *io, lba_t lba, uint32_t blocks)
{
	struct why why = io->rd.why;
	uint32_t bs = io->g->pub.block_size;

	if (io->heal.on) {
		heal_unread(io, lba, blocks);
		return;
	}
	why.away = false; /* what cannot be read is not waited for */
	io->rd.bad_blocks += blocks;
	if (io->data)
		memset(io->data->data + io->data_off + (size_t)(lba - io->lba) * bs, 0,
		       (size_t)blocks * bs);
	if (io->kind == IO_READ) {
		io_bad(io, io->rd.member, lba, blocks, &why);
		return;
	}
	if (io->scrub) /* whoever has them is to give them to the others */
		heal_suspect(io, lba, blocks);
	if (io->kind == IO_VERIFY && !io->want && !io->scrub) /* nobody else is to have them */
		io_bad(io, io->rd.member, lba, blocks, &why);
	for (unsigned i = 0; i < io->g->pub.n; i++) {
		if (!(io->want >> i & 1))
			continue;
		mir_set_fail(&io->set, i, lba, blocks);
		if (io->scrub)
			continue;
		/* Members in sync that cannot give a block are no worse than they were. */
		if (io->job && io->job->pub.recovery && (members_in_sync(io->g) >> i & 1))
			job_io_bad(io->job, io, i, lba, blocks, &why);
		else
			io_bad(io, i, lba, blocks, &why);
	}
}

static uint16_t readable(const struct io *io);

static void give_up(struct io *io)
{
	const struct scsi_sense *s = &io->rd.why.sense;
	bool located = io->rd.why.has_sense && scsi_sense_names_block(s) && s->info == io->rd.lba;
	bool one = (located || io->mend.hurt) && io->rd.bad_blocks < UNREADABLE_LIMIT &&
	           !io->abandon && (io->kind == IO_READ || mir_set_room(&io->set));
	uint32_t n = one ? 1 : (uint32_t)(end_of(io) - io->rd.lba);
	lba_t lba = io->rd.lba;

	if (io->job && one && why_is_of_blocks(&io->rd.why) &&
	    !(readable(io) & (uint16_t)~io->rd.tried))
		io->job->unread += (unsigned)__builtin_popcount(io->want);

	unreadable(io, lba, n);
	read_on(io, lba + n);
}

static void source_done(struct io *io)
{
	if (io->heal.on) {
		heal_read(io);
		return;
	}
	if (io->kind == IO_READ && mend_begin(io))
		return;
	source_over(io);
}

void source_over(struct io *io)
{
	if (io->kind != IO_READ) {
		io->state = IO_RUN;
		io->round = 0;
		io->delay_ns = 0;
		io->busy_since_ns = 0;
		io_due(io);
	} else if (io->job && !io->abandon) {
		io->state = IO_SINK;
		io_want_file(io);
	} else {
		io_finish(io);
	}
}

/* Who has the blocks: a member that has left, or missed a write, while the io waited for its range
 * has not, any more; one that has come in sync meanwhile has, but others compare with who they were
 * begun with. */
static uint16_t readable(const struct io *io)
{
	uint16_t sync = members_in_sync(io->g), from = sync & io->from;

	if (io->catch_up) /* members that the job itself has written, too */
		from = job_givers(io->job, io->lba, io->blocks);
	return restart_readable(io->g, io->kind == IO_READ ? sync : from);
}

static bool some_are_coming(const struct io *io, uint16_t from, ns_t *until)
{
	bool some = false;

	*until = NS_NEVER;
	for (unsigned i = 0; i < io->g->pub.n; i++) {
		if (!(from >> i & 1) || member_presence(io->g, i) != COMING)
			continue;
		some = true;
		if (io->g->x[i].wait_until < *until)
			*until = io->g->x[i].wait_until;
	}
	return some;
}

static void next_attempt(struct io *io)
{
	uint16_t from = readable(io), here = members_here(io->g, from);
	uint16_t left = here & (uint16_t)~io->rd.tried;
	ns_t until;

	io->awaits_presence = false;
	if (left) {
		io->rd.member = (unsigned)__builtin_ctz(left);
		attempt_read(io);
	} else if (some_are_coming(io, here ? from & (uint16_t)~io->rd.tried : from, &until)) {
		io->awaits_presence = true;
		io_timer(io, until);
	} else if (here && io->rd.round + 1 < io->g->pub.max_passes) {
		io_timer(io, io->ini->now + resend_delay(io, io->rd.round));
		io->rd.round++;
		io->rd.tried = 0;
	} else {
		give_up(io);
		io_due(io);
	}
}

void source_step(struct io *io)
{
	struct ini *ini = io->ini;

	if (io->flying)
		return;
	if (io->is_timed) {
		if (!io->abandon && !io->awaits_presence && ini->now < io->due_ns)
			return;
		io_timer_off(io);
	}
	if (!io->data && !io->abandon) {
		io->data = buffer_get(ini, io->blocks * io->g->pub.block_size, false);
		if (!io->data)
			return;
	}
	if (io->abandon && io->rd.lba < end_of(io)) {
		io->rd.why = (struct why){.status = STATUS_NONE, .what = "cancelled"};
		give_up(io);
	}
	if (io->rd.lba == end_of(io))
		source_done(io);
	else
		next_attempt(io);
}

void source_outcome(struct io *io, const struct verdict *v)
{
	lba_t lba = io->rd.lba;
	ns_t now = io->ini->now;

	switch (v->kind) {
	case V_GOOD:
		/* The command was on its way when the member left: what made it leave may have come
		 * before. */
		if (!(readable(io) >> io->rd.member & 1)) {
			io->rd.tried |= (uint16_t)(1U << io->rd.member);
			io->rd.why = (struct why){.status = STATUS_NONE,
			                          .what = "it is not in sync any more"};
			return;
		}
		mend_read(io);
		read_on(io, lba + io->rd.blocks);
		return;
	case V_PART:
		if (v->lba > lba) { /* what is before it can be read */
			io->rd.blocks = (uint32_t)(v->lba - lba);
			return;
		}
		break;
	case V_SOFT:
		if (io->busy_since_ns == 0)
			io->busy_since_ns = now ? now : 1;
		if (now - io->busy_since_ns < io->ini->cfg.busy_limit_ns) {
			io_timer(io, now + io->ini->cfg.busy_delay_ns);
			return;
		}
		break;
	case V_DIFFERS:
	case V_MISSED: /* of broadcast passes only */
	case V_HARD:
	case V_FATAL:
		break;
	}
	io->rd.tried |= (uint16_t)(1U << io->rd.member);
	io->rd.why = v->why;
	mend_hurt(io, &v->why);
}
