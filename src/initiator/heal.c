/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a scrub does about blocks that members do not have alike. It has the run's
 * range to itself, so nothing is written there meanwhile.
 *
 *   compared -> (a span of suspects) read from each member in turn -> judged -> the losers are
 * given what the winner has, by one pass -> judged further -> (the next span) ... -> done
 *
 * A winner is what most members have: those in sync, as all of them hold what was
 * acknowledged, and a stale one is resynchronised anyway. A block that a medium does not give has
 * no vote, and is written anew. Without a majority nothing is written: who is right cannot be
 * known.
 */
#include "initiator/core.h"

#include "base/assert.h"

#include <string.h>

static const struct why torn = {.status = STATUS_NONE,
                                .what = "differs, and no majority of members agrees"};
static const struct why lost = {.status = STATUS_NONE,
                                .what = "no member's medium gives this block any more"};
static const struct why alone = {
        .status = STATUS_NONE,
        .what = "its medium does not give it, and others could not be asked"};
static const struct why quiet = {.status = STATUS_NONE,
                                 .what = "the member could not be read to be compared"};

/* ---- suspects ---- */

/* A check of protection information that failed has the additional sense code 10h. */
bool why_is_of_blocks(const struct why *why)
{
	const struct scsi_sense *s = &why->sense;

	return why->has_sense && (s->key == KEY_MISCOMPARE || s->key == KEY_MEDIUM_ERROR ||
	                          (s->key == KEY_ABORTED_COMMAND && s->asc == 0x10));
}

void heal_suspect(struct io *io, lba_t lba, uint32_t blocks)
{
	for (uint32_t i = 0; i < blocks; i++) {
		uint64_t b = lba - io->lba + i;
		io->heal.suspect[b / 64] |= 1ULL << b % 64;
	}
}

bool heal_suspects(struct io *io, lba_t lba, uint32_t blocks, const struct why *why)
{
	if (io->heal.on || !why_is_of_blocks(why))
		return false;
	heal_suspect(io, lba, blocks);
	return true;
}

static bool is_suspect(const struct heal *h, uint32_t block)
{
	return h->suspect[block / 64] >> block % 64 & 1;
}

/* ---- the way through a run ---- */

bool heal_is_due(const struct io *io)
{
	const struct heal *h = &io->heal;
	uint64_t some = 0;

	if (!io->scrub || io->abandon)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(h->suspect); i++)
		some |= h->suspect[i];
	return some != 0;
}

static void let_go(struct io *io)
{
	if (io->data)
		block_unref(io->data);
	io->data = NULL;
	io->data_off = 0;
}

void heal_start(struct io *io)
{
	struct heal *h = &io->heal;

	h->on = true;
	h->lba = io->lba;
	h->blocks = io->blocks;
	h->want = io->want;
	h->at = h->span = 0;
	io->by_read = 0;
	let_go(io);
	io->state = IO_HEAL;
	io_due(io);
}

static void over(struct io *io)
{
	struct heal *h = &io->heal;

	io->lba = h->lba;
	io->blocks = h->blocks;
	io->want = h->want;
	io->kind = IO_VERIFY;
	io->state = IO_RUN;
	io_finish(io);
}

static uint32_t place(const struct io *io, unsigned member)
{
	const struct heal *h = &io->heal;
	unsigned before = (unsigned)__builtin_popcount(h->members & ((1U << member) - 1));

	return before * h->span * io->g->pub.block_size;
}

static const uint8_t *bytes_at(const struct io *io, unsigned member, uint32_t block)
{
	return io->data->data + place(io, member) + (size_t)block * io->g->pub.block_size;
}

/* Takes up the next suspects; false: there are none. */
static bool next_span(struct io *io)
{
	struct heal *h = &io->heal;
	uint32_t most = HEAL_SPAN, fit;

	h->at += h->span;
	h->span = h->judged = 0;
	h->members = members_here(io->g, members_in_sync(io->g) & io->job->want);
	while (h->at < h->blocks && !is_suspect(h, h->at))
		h->at++;
	if (h->at == h->blocks)
		return false;
	fit = INI_BLOCK_MAX / io->g->pub.block_size;
	if (h->members)
		fit /= (unsigned)__builtin_popcount(h->members);
	if (most > fit)
		most = fit;
	while (h->span < most && h->at + h->span < h->blocks && is_suspect(h, h->at + h->span))
		h->span++;
	/* One that has gone since it was compared may be why they are suspect. */
	h->silent = members_in_sync(io->g) & io->job->want & (uint16_t)~h->members;
	memset(h->unread, 0, sizeof(h->unread));
	return true;
}

static void read_from(struct io *io, unsigned member)
{
	struct heal *h = &io->heal;

	io->kind = IO_VERIFY;
	io->lba = h->lba + h->at;
	io->blocks = h->span;
	io->data_off = place(io, member);
	io->from = io->want = (uint16_t)(1U << member);
	io->busy_since_ns = 0;
	source_start(io);
	io_due(io);
}

/* Each block once, also where the comparison before has told of all that it could not read. */
static void bad_for(struct io *io, uint16_t members, uint32_t block, const struct why *why)
{
	lba_t lba = io->heal.lba + io->heal.at + block;

	for (unsigned i = 0; i < io->g->pub.n; i++)
		if ((members >> i & 1) && !target_is_bad(io->job, i, lba))
			io_bad(io, i, lba, 1, why);
}

/* All members have gone: nothing is known of these blocks. */
static void nobody(struct io *io)
{
	struct heal *h = &io->heal;

	for (uint32_t i = 0; i < h->span; i++)
		bad_for(io, members_in_sync(io->g) & io->job->want, i, &quiet);
	io_due(io);
}

void heal_step(struct io *io)
{
	struct heal *h = &io->heal;

	if (io->abandon) {
		over(io);
		return;
	}
	if (h->span == h->judged && !next_span(io)) {
		over(io);
		return;
	}
	if (!h->members) {
		nobody(io);
		h->judged = h->span;
		return;
	}
	if (!io->data) {
		uint32_t n = (uint32_t)__builtin_popcount(h->members) * h->span;
		io->data = buffer_get(io->ini, n * io->g->pub.block_size, false);
	}
	if (!io->data)
		return;
	read_from(io, (unsigned)__builtin_ctz(h->members));
}

/* ---- judging ---- */

struct judgement {
	unsigned winner; /* INI_MEMBERS_MAX: none */
	uint16_t losers;
	uint16_t differed; /* of them, those that have other data, not none */
};

static uint16_t alike(const struct io *io, uint16_t among, unsigned member, uint32_t block)
{
	uint16_t same = 0;

	for (unsigned i = 0; i < io->g->pub.n; i++)
		if ((among >> i & 1) && memcmp(bytes_at(io, i, block), bytes_at(io, member, block),
		                               io->g->pub.block_size) == 0)
			same |= (uint16_t)(1U << i);
	return same;
}

static struct judgement judge(const struct io *io, uint32_t block)
{
	const struct heal *h = &io->heal;
	/* One that has left meanwhile lacks what was acknowledged since. */
	uint16_t sync = members_in_sync(io->g), unread = h->unread[block] & sync;
	uint16_t readable =
	        h->members & restart_readable(io->g, sync) & (uint16_t) ~(unread | h->silent);
	/* Those in sync that are away, or gave no answer, would have a vote. */
	uint16_t voters = sync & io->job->want & (uint16_t)~unread;
	struct judgement j = {.winner = INI_MEMBERS_MAX, .losers = unread};

	for (unsigned i = 0; i < io->g->pub.n; i++) {
		if (!(readable >> i & 1))
			continue;
		uint16_t same = alike(io, readable, i, block);
		bool most = __builtin_popcount(same) * 2 > __builtin_popcount(voters);
		if (most || same == readable) {
			j.winner = i;
			j.differed = readable & (uint16_t)~same;
			j.losers |= j.differed;
			return j;
		}
	}
	/* Nobody is right for sure: all but the first one, whom clients read from, are told bad. */
	if (readable) {
		j.differed = readable & (uint16_t)~alike(io, readable,
		                                         (unsigned)__builtin_ctz(readable), block);
		j.losers |= j.differed;
	}
	return j;
}

static void undecided(struct io *io, const struct judgement *j)
{
	struct heal *h = &io->heal;
	uint16_t away = members_in_sync(io->g) & io->job->want &
	                (uint16_t) ~(h->members & (uint16_t)~h->silent);

	bad_for(io, j->losers, h->judged, j->differed ? &torn : away ? &alone : &lost);
	/* One that is away may decide it another time. */
	if (!away)
		io->job->doubted |= j->differed;
}

/* The winner's blocks from here on, as many as have the same losers, go out to them. */
static void write_losers(struct io *io, const struct judgement *first)
{
	struct heal *h = &io->heal;
	uint32_t n = 1;

	for (; h->judged + n < h->span; n++) {
		struct judgement j = judge(io, h->judged + n);
		if (j.winner != first->winner || j.losers != first->losers ||
		    j.differed != first->differed)
			break;
	}
	h->writing = n;
	h->losers = first->losers;
	h->differed = first->differed;
	io->kind = IO_WRITE;
	io->lba = h->lba + h->at + h->judged;
	io->blocks = n;
	io->data_off = place(io, first->winner) + h->judged * io->g->pub.block_size;
	io->want = first->losers;
	io->round = 0;
	io->restarted = 0;
	io->delay_ns = io->busy_since_ns = 0;
	mir_set_init(&io->set, io->lba, io->blocks, io->want);
	io->state = IO_RUN;
	io_due(io);
}

static void judge_on(struct io *io)
{
	struct heal *h = &io->heal;

	while (h->judged < h->span && !io->abandon) {
		struct judgement j = judge(io, h->judged);
		io->job->pub.differing += (unsigned)__builtin_popcount(j.differed);
		if (j.winner < INI_MEMBERS_MAX && j.losers) {
			write_losers(io, &j);
			/* the others of the same pass were not counted yet */
			io->job->pub.differing +=
			        (uint64_t)__builtin_popcount(j.differed) * (h->writing - 1);
			return;
		}
		if (j.losers)
			undecided(io, &j);
		h->judged++;
	}
	let_go(io);
	io->state = IO_HEAL;
	io_due(io);
}

void heal_unread(struct io *io, lba_t lba, uint32_t blocks)
{
	struct heal *h = &io->heal;
	uint16_t b = io->from;

	if (!why_is_of_blocks(&io->rd.why)) {
		h->silent |= b;
		return;
	}
	for (uint32_t i = 0; i < blocks; i++)
		h->unread[lba - io->lba + i] |= b;
}

static void tell_silent(struct io *io)
{
	for (uint32_t i = 0; i < io->heal.span; i++)
		bad_for(io, io->heal.silent, i, &quiet);
}

void heal_read(struct io *io)
{
	struct heal *h = &io->heal;
	unsigned member = (unsigned)__builtin_ctz(io->from);
	uint16_t left = h->members & (uint16_t) ~((2U << member) - 1);

	if (left && !io->abandon) {
		read_from(io, (unsigned)__builtin_ctz(left));
		return;
	}
	tell_silent(io);
	judge_on(io);
}

void heal_written(struct io *io)
{
	struct heal *h = &io->heal;
	struct job *j = io->job;

	for (unsigned i = 0; i < io->g->pub.n; i++) {
		if (!(h->losers >> i & 1))
			continue;
		uint16_t b = (uint16_t)(1U << i);
		uint64_t ok = mir_set_tally(&io->set, i).ok;
		if (ok > 0) {
			j->repaired |= b;
			j->undone |= io->restarted & b;
			j->pub.t[j->target_of[i]].repaired += ok;
			j->pub.kept.mended += h->differed & b ? ok : 0;
			ini_log(io->ini, 5,
			        "job %u (scrub of group %s): %llu of %u blocks from LBA %llu of %s "
			        "%s, "
			        "written anew",
			        j->pub.id, j->pub.group, (unsigned long long)ok, io->blocks,
			        (unsigned long long)io->lba, io->g->pub.m[i].name,
			        h->differed & b ? "differed from most members'"
			                        : "were unreadable");
		}
		/* One that has gone is as it was, and keeps its vote: a resync might spread what is
		 * wrong with its source. */
		if (ok < io->blocks)
			j->doubted |= h->differed & b & (uint16_t)~io->away;
	}
	h->judged += h->writing;
	judge_on(io);
}
