/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A read repairs what it meets: a block that one member's medium did not give, and another
 * member's did, is written anew to the first. The read has its range, so nobody writes there
 * meanwhile, and members in sync hold the same; who is right need not be judged, as by a scrub
 * (heal.c), for nothing readable is overwritten.
 *
 *   read from a member -> (a block that it does not give: from another one) ... -> all is read ->
 * (each of these blocks is written to who did not give it) -> the reply
 *
 * It is tried once, and what comes of it changes nothing for who reads.
 */
#include "initiator/core.h"

void mend_hurt(struct io *io, const struct why *why)
{
	struct mend *m = &io->mend;

	if (io->kind != IO_READ || m->n == MEND_MAX || !why_is_of_blocks(why) ||
	    !scsi_sense_names_block(&why->sense) || why->sense.info != io->rd.lba)
		return;
	/* Others are asked for this block alone, so that the rest is still read from here. */
	m->hurt |= (uint16_t)(1U << io->rd.member);
	io->rd.blocks = 1;
}

void mend_read(struct io *io)
{
	struct mend *m = &io->mend;

	if (m->hurt && m->n < MEND_MAX) {
		m->block[m->n].lba = io->rd.lba;
		m->block[m->n].members = m->hurt;
		m->n++;
	}
}

/* The next block whose member is there; false: there is none. */
static bool next(struct io *io)
{
	struct mend *m = &io->mend;

	for (; m->at < m->n; m->at++) {
		uint16_t members = m->block[m->at].members & members_in_sync(io->g);
		io->want = members_here(io->g, members);
		if (io->want)
			return true;
	}
	return false;
}

static void write_block(struct io *io)
{
	struct mend *m = &io->mend;
	lba_t lba = m->block[m->at].lba;

	io->kind = IO_WRITE;
	io->lba = lba;
	io->blocks = 1;
	io->data_off = m->data_off + (uint32_t)(lba - m->lba) * io->g->pub.block_size;
	io->round = 0;
	io->delay_ns = io->busy_since_ns = 0;
	mir_set_init(&io->set, io->lba, io->blocks, io->want);
	io->state = IO_RUN;
	io_due(io);
}

/* A power cut may undo what is written, and leave the block there for a good one: it is marked
 * first, as a write is. */
bool mend_begin(struct io *io)
{
	io->mend.at = 0;
	if (io->abandon || !next(io))
		return false;
	io->want = 0;
	if (io_mark_first(io))
		mend_marked(io, true);
	return true;
}

void mend_marked(struct io *io, bool good)
{
	struct mend *m = &io->mend;

	io->state = IO_SOURCE;
	if (!good || io->abandon || !next(io)) {
		io->want = 0;
		source_over(io);
		return;
	}
	m->on = true;
	m->lba = io->lba;
	m->blocks = io->blocks;
	m->data_off = io->data_off;
	write_block(io);
}

static void tell(struct io *io)
{
	for (unsigned i = 0; i < io->g->pub.n; i++) {
		if (!(io->want >> i & 1))
			continue;
		bool good = mir_set_tally(&io->set, i).ok > 0;
		io->g->pub.m[i].repaired += good;
		/* Whoever reads it again and again is not to fill the log. */
		lba_t *told = &io->g->x[i].mend_told;
		if (!good && *told == io->lba + 1)
			continue;
		*told = good ? 0 : io->lba + 1;
		ini_log(io->ini, good ? 5 : 4,
		        "group %s: LBA %llu of %s was unreadable, and %s what another member has",
		        io->g->pub.name, (unsigned long long)io->lba, io->g->pub.m[i].name,
		        good ? "was written anew with" : "could not be written anew with");
	}
}

bool mend_written(struct io *io)
{
	struct mend *m = &io->mend;

	tell(io);
	m->at++;
	if (!io->abandon && next(io)) {
		write_block(io);
		return true;
	}
	m->on = false;
	m->n = 0;
	io->kind = IO_READ;
	io->lba = m->lba;
	io->blocks = m->blocks;
	io->data_off = m->data_off;
	io->want = 0;
	return false;
}
