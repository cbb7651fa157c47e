/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that read, write, compare or flush the medium (SBC-3, clause 5). */
#include "target/core.h"

static bool is_write(enum scsi_op op)
{
	return scsi_op_writes_medium(op);
}

static bool is_verify(enum scsi_op op)
{
	return op == OP_VERIFY_10 || op == OP_VERIFY_16;
}

static bool is_write_and_verify(enum scsi_op op)
{
	return op == OP_WRITE_AND_VERIFY_10 || op == OP_WRITE_AND_VERIFY_16;
}

/* Where the CDB has its transfer length. */
static uint16_t length_field(const struct scsi_cdb *c)
{
	switch (c->len) {
	case 6:
		return 4;
	case 10:
		return 7;
	case 12:
		return 6;
	default:
		return 10;
	}
}

static bool range_ok(const struct tgt *t, struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	if (c->lba <= t->cfg.blocks && c->blocks <= t->cfg.blocks - c->lba)
		return true;
	/* SPC-4, 4.5.2.4.2: the pointer names the first byte of the field. */
	tgt_task_fail(k, scsi_sense_field(SENSE_LBA_OUT_OF_RANGE, true, c->len == 6 ? 1 : 2, 0xff));
	return false;
}

bool tgt_cmd_accept_rw(struct tgt *t, struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	enum scsi_dir dir;
	uint64_t bytes = scsi_cdb_data_len(c, t->cfg.block_size, &dir);
	if (c->len != 6 && c->wrprotect != 0)
		return tgt_cdb_field_bad(k, 1, 7); /* no protection information */
	if (c->len != 6 && (c->byte1 & 0x01))
		return tgt_cdb_field_bad(k, 1, 0); /* RELADR */
	if (!range_ok(t, k))
		return false;
	if (bytes > TGT_TRANSFER_MAX)
		return tgt_cdb_field_bad(k, length_field(c), 0xff);
	if (is_write(c->op) && (t->cfg.write_protect || t->modes.current.swp)) {
		tgt_task_fail(k, SENSE_WRITE_PROTECTED);
		return false;
	}
	if (dir == D_OUT)
		k->want_out = (uint32_t)bytes;
	return true;
}

bool tgt_cmd_accept_verify(struct tgt *t, struct task *k)
{
	uint8_t bytchk = k->cdb.bytchk;
	bool known = bytchk < 2 || (bytchk == 3 && is_verify(k->cdb.op));
	/* A pass mirrors a block: one that has none is no command for it. */
	if (!known || (k->silent && is_verify(k->cdb.op) && bytchk != 1))
		return tgt_cdb_field_bad(k, 1, 2);
	return tgt_cmd_accept_rw(t, k);
}

/* SYNCHRONIZE CACHE: blocks 0 means up to the end. The whole cache is flushed, whatever the range
 * is. */
bool tgt_cmd_accept_sync(struct tgt *t, struct task *k)
{
	if (k->cdb.byte1 & 0x01)
		return tgt_cdb_field_bad(k, 1, 0);
	return range_ok(t, k);
}

bool tgt_cmd_run_sync(struct tgt *t, struct task *k)
{
	(void)t;
	k->work = WORK_FLUSH;
	return true;
}

/* What a command does, when all goes well. */
static uint8_t work_of(const struct tgt *t, const struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	bool compares = c->bytchk != 0;
	if (is_verify(c->op))
		return compares ? WORK_COMPARE : WORK_VERIFY;
	if (!is_write(c->op))
		return WORK_READ;
	unsigned work = WORK_WRITE;
	/* What is verified is the medium, not the cache: it is flushed before. */
	if (c->fua || !t->modes.current.wce || is_write_and_verify(c->op))
		work |= WORK_FLUSH;
	if (is_write_and_verify(c->op))
		work |= compares ? WORK_COMPARE : WORK_VERIFY;
	return (uint8_t)work;
}

bool tgt_cmd_run_rw(struct tgt *t, struct task *k)
{
	k->first = k->cdb.lba;
	k->count = k->cdb.blocks;
	k->work = k->count > 0 ? work_of(t, k) : 0;
	k->bad = fault_strike_medium(&t->faults, k->first, k->count, &k->bad_lba);
	if (!k->bad)
		return true;
	/* The blocks before the bad one are done; a read that fails sends none of them. */
	k->count = (uint32_t)(k->bad_lba - k->first);
	if (k->count == 0 || k->work == WORK_READ) {
		k->work = 0;
		k->count = 0;
	}
	return true;
}
