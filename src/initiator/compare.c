/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A verify tells the first block that differs, no more. Where a member turns out to
 * differ in many blocks of a run, the rest of the run is read from it and compared here: one
 * command finds all of them.
 */
#include "initiator/core.h"

#include "base/assert.h"

#include <string.h>

static const struct why differs = {
        .status = SCSI_CHECK_CONDITION,
        .has_sense = true,
        .sense = {.key = KEY_MISCOMPARE, .asc = 0x1d, .info_valid = true},
        .what = "differs"};

static void take_data(struct hba_task *t, uint32_t offset, struct block *data, uint32_t len)
{
	struct io *io = t->ctx;

	if (offset > io->cmp->len || len > io->cmp->len - offset || len > data->len)
		return;
	memcpy(io->cmp->data + offset, data->data, len);
}

static void tell(struct io *io, unsigned member, lba_t lba, uint32_t blocks)
{
	struct why why = differs;

	if (blocks == 0)
		return;
	why.sense.info = lba;
	io->differing[member] += blocks;
	io_bad(io, member, lba, blocks, &why);
}

static void compare(struct io *io, unsigned member)
{
	uint32_t bs = io->g->pub.block_size, first = 0, n = 0;
	const uint8_t *want = io->data->data + io->data_off + (size_t)(io->try.lba - io->lba) * bs;

	for (uint32_t i = 0; i < io->try.blocks; i++) {
		if (memcmp(io->cmp->data + (size_t)i * bs, want + (size_t)i * bs, bs) != 0) {
			first = n++ ? first : i;
			continue;
		}
		tell(io, member, io->try.lba + first, n);
		n = 0;
	}
	tell(io, member, io->try.lba + first, n);
	mir_set_ok(&io->set, member, io->try.lba, io->try.blocks);
}

static void compare_done(struct hba_task *t)
{
	struct io *io = t->ctx;
	unsigned member = (unsigned)(t - io->u.task);
	struct verdict v = verdict_task(t, IO_READ, io->try.lba, io->try.blocks);

	io->flying = 0;
	if (v.kind == V_GOOD && t->moved_in == t->data_in_len) {
		compare(io, member);
	} else if (v.kind == V_SOFT) {
		resend_outcome(io, member, io->try.lba, io->try.blocks, &v);
	} else { /* a verify pass has finer outcomes */
		io->by_read &= (uint16_t) ~(1U << member);
		mir_set_back(&io->set, member, io->try.lba, io->try.blocks, false);
	}
	block_unref(io->cmp);
	io->cmp = NULL;
	if (io->job)
		io->job->pub.bus_ns += t->bus_ns;
	io_due(io);
}

bool compare_start(struct io *io, int run, unsigned member)
{
	const struct mir_run *r = &io->set.run[run];

	sm_assert(io->kind == IO_VERIFY && !io->cmp);
	io->cmp = buffer_get(io->ini, r->blocks * io->g->pub.block_size, true);
	if (!io->cmp) {
		io->awaits_buffer = true;
		return false;
	}
	io->try.lba = r->lba;
	io->try.blocks = r->blocks;
	io->try.members = (uint16_t)(1U << member);
	mir_set_send(&io->set, run, io->try.members);
	io->flying = io->try.members;
	attempt_command(io, member, OP_READ_16, take_data, compare_done);
	return true;
}
