/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that read, write, compare or flush the medium (SBC-3, clause 5). */
#include "target/core.h"

#define FUA_NV  0x02
#define RARC    0x04
#define IMMED   0x02 /* of PRE-FETCH, SYNCHRONIZE CACHE */
#define SYNC_NV 0x04 /* obsolete */
#define NDOB    0x01 /* of WRITE SAME(16) */
#define UNMAP   0x08 /* of WRITE SAME */

static bool is_write(enum scsi_op op)
{
	return scsi_op_writes_medium(op);
}

static bool is_verify(enum scsi_op op)
{
	return op == OP_VERIFY_10 || op == OP_VERIFY_12 || op == OP_VERIFY_16 || op == OP_VERIFY_32;
}

static bool is_write_and_verify(enum scsi_op op)
{
	return op == OP_WRITE_AND_VERIFY_10 || op == OP_WRITE_AND_VERIFY_12 ||
	       op == OP_WRITE_AND_VERIFY_16 || op == OP_WRITE_AND_VERIFY_32;
}

static bool range_ok(struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	if (c->lba <= k->lu->cfg.blocks && c->blocks <= k->lu->cfg.blocks - c->lba)
		return true;
	/* SPC-4, 4.5.2.4.2: the pointer names the first byte of the field. */
	tgt_task_fail(k, scsi_sense_field(SENSE_LBA_OUT_OF_RANGE, true, c->lba_at, 0xff));
	return false;
}

bool tgt_cmd_may_write(struct task *k)
{
	if (!is_write(k->cdb.op) || !(k->lu->cfg.write_protect || k->lu->modes.current.swp))
		return true;
	tgt_task_fail(k, k->lu->cfg.write_protect ? SENSE_WRITE_PROTECTED
	                                          : SENSE_SOFTWARE_WRITE_PROTECTED);
	return false;
}

/* Of READ and WRITE: FUA_NV, which is obsolete, and of READ: RARC (SBC-3, 5.11), which asks for
 * what the unit does anyway. */
static uint8_t ignored_in_byte1(const struct scsi_cdb *c)
{
	if (c->len == 6 || is_verify(c->op) || is_write_and_verify(c->op) ||
	    c->op == OP_ORWRITE_16 || c->op == OP_COMPARE_AND_WRITE || c->op == OP_WRITE_ATOMIC_16)
		return 0;
	return is_write(c->op) ? FUA_NV : FUA_NV | RARC;
}

bool tgt_cmd_accept_rw(struct tgt *t, struct task *k)
{
	(void)t;
	const struct scsi_cdb *c = &k->cdb;
	enum scsi_dir dir;
	if (!tgt_protect_accept(k))
		return false;
	uint64_t bytes = scsi_cdb_data_len(c, tgt_protect_stride(k), &dir);
	if (!tgt_cdb_only(k, c->flags_at, c->byte1, ignored_in_byte1(c)))
		return false;
	if (!range_ok(k))
		return false;
	if (bytes > TGT_TRANSFER_MAX)
		return tgt_cdb_field_bad(k, c->blocks_at, 0xff);
	if (!tgt_cmd_may_write(k))
		return false;
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
		return tgt_cdb_field_bad(k, k->cdb.flags_at, 2);
	return tgt_cmd_accept_rw(t, k);
}

/* SBC-4, WRITE ATOMIC(16): within the limits of VPD page B0h, which has no boundaries. */
bool tgt_cmd_accept_write_atomic(struct tgt *t, struct task *k)
{
	if (!tgt_cmd_accept_rw(t, k))
		return false;
	if (k->cdb.selector != 0)
		return tgt_cdb_field_bad(k, 10, 0xff);
	bool fits = (uint64_t)k->cdb.blocks * k->lu->cfg.block_size <= TGT_ATOMIC_MAX;
	return fits ? true : tgt_cdb_field_bad(k, k->cdb.blocks_at, 0xff);
}

/* SYNCHRONIZE CACHE: blocks 0 means up to the end. The whole cache is flushed, whatever the range
 * is. */
bool tgt_cmd_accept_sync(struct tgt *t, struct task *k)
{
	(void)t;
	return tgt_cdb_only(k, 1, k->cdb.byte1, IMMED | SYNC_NV) && range_ok(k);
}

bool tgt_cmd_run_sync(struct tgt *t, struct task *k)
{
	(void)t;
	k->work = WORK_FLUSH;
	return true;
}

/* What a command does, when all goes well. */
static uint16_t work_of(const struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	bool compares = c->bytchk != 0;
	if (is_verify(c->op))
		return compares ? WORK_COMPARE : WORK_VERIFY;
	/* SBC-3, 5.11: what is read with FUA is on the medium. */
	if (!is_write(c->op))
		return c->fua ? WORK_READ | WORK_FLUSH : WORK_READ;
	unsigned work = WORK_WRITE;
	if (c->op == OP_COMPARE_AND_WRITE)
		work |= WORK_MATCH;
	/* What is verified is the medium, not the cache: it is flushed before. */
	if (c->fua || !k->lu->modes.current.wce || is_write_and_verify(c->op))
		work |= WORK_FLUSH;
	if (is_write_and_verify(c->op))
		work |= compares ? WORK_COMPARE : WORK_VERIFY;
	return (uint16_t)work;
}

void tgt_cmd_start(struct tgt *t, struct task *k, lba_t first, uint32_t count, uint16_t work)
{
	k->first = first;
	k->count = count;
	k->work = count > 0 ? work : 0;
	/* It waited for a format, which has left another kind of blocks. */
	if (k->protection != k->lu->protection && (k->cdb.wrprotect || k->cdb.len == 32)) {
		k->work = 0;
		tgt_task_fail(k, SENSE_FORMAT_IN_PROGRESS);
		return;
	}
	k->bad = fault_strike_medium(&t->faults, k->lun, first, count, &k->bad_lba);
	if (!k->bad)
		return;
	/* The blocks before the bad one are done; a read that fails sends none of them, and what
	 * is atomic, or to be compared first, is not written by half. */
	bool whole = (work & (WORK_READ | WORK_MATCH)) || k->cdb.op == OP_WRITE_ATOMIC_16;
	k->count = (uint32_t)(k->bad_lba - first);
	if (k->count == 0 || whole) {
		k->work = 0;
		k->count = 0;
	}
}

bool tgt_cmd_run_rw(struct tgt *t, struct task *k)
{
	tgt_cmd_start(t, k, k->cdb.lba, k->cdb.blocks, work_of(k));
	return true;
}

/* ---- WRITE SAME, PRE-FETCH ---- */

/* SBC-3, WRITE SAME commands. UNMAP is for thin provisioned disks; ANCHOR is refused: they have no
 * anchored blocks. 0 blocks are refused, which were "up to the end" (VPD page B0h, WSNZ): that asks
 * for more than the limit on all but the smallest disks. */
bool tgt_cmd_accept_write_same(struct tgt *t, struct task *k)
{
	(void)t;
	const struct scsi_cdb *c = &k->cdb;
	enum scsi_dir dir;
	if (!tgt_protect_accept(k))
		return false;
	unsigned flags = c->op != OP_WRITE_SAME_10 ? NDOB | UNMAP : UNMAP;
	if (!tgt_cdb_only(k, c->flags_at, c->byte1, (uint8_t)flags))
		return false;
	if (!range_ok(k))
		return false;
	if (c->blocks == 0 || c->blocks > TGT_SAME_BLOCKS_MAX)
		return tgt_cdb_field_bad(k, c->blocks_at, 0xff);
	if (!tgt_cmd_may_write(k))
		return false;
	/* Last: that it may not be written says more to who wanted to unmap. */
	if ((c->byte1 & UNMAP) && !k->lu->cfg.thin)
		return tgt_cdb_field_bad(k, c->flags_at, 3);
	k->want_out = (uint32_t)scsi_cdb_data_len(c, tgt_protect_stride(k), &dir);
	return true;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	size_t i = 0;
	while (i < n && p[i] == 0)
		i++;
	return i == n;
}

/* The block of a WRITE SAME is what an unmapped block reads as. */
static bool like_unmapped(const struct task *k)
{
	uint32_t size = k->lu->cfg.block_size;
	if (!k->data)
		return true;
	const uint8_t *p = k->data->data + k->data_off;
	return all_zero(p, size) && (!k->cdb.wrprotect || protect_is_none(protect_get(p + size)));
}

/* Without data: zeros. A fully provisioned disk need not keep them. A thin one makes of them what
 * it is asked for: unmapped, which reads as zeros, or blocks that are mapped. */
bool tgt_cmd_run_write_same(struct tgt *t, struct task *k)
{
	uint16_t work = work_of(k);
	bool unmap = k->lu->cfg.thin ? k->cdb.byte1 & UNMAP : !k->data;
	if (unmap && like_unmapped(k))
		work = (uint16_t)((work & ~WORK_WRITE) | WORK_ZERO);
	tgt_cmd_start(t, k, k->cdb.lba, k->cdb.blocks, work);
	return true;
}

/* Blocks 0 means up to the end. */
static bool to_the_end(struct task *k)
{
	struct scsi_cdb *c = &k->cdb;
	lba_t left = k->lu->cfg.blocks - c->lba;
	if (c->blocks == 0)
		c->blocks = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
	if (c->blocks > 0)
		return true;
	tgt_task_fail(k, scsi_sense_field(SENSE_LBA_OUT_OF_RANGE, true, c->lba_at, 0xff));
	return false;
}

/* SBC-3, PRE-FETCH commands. */
bool tgt_cmd_accept_pre_fetch(struct tgt *t, struct task *k)
{
	(void)t;
	return tgt_cdb_only(k, 1, k->cdb.byte1, IMMED) && range_ok(k) && to_the_end(k);
}

/* The kernel's cache takes what is read. One transfer's length is promised, no more: GOOD says that
 * not all is there. IMMED: the status may wait all the same. */
bool tgt_cmd_run_pre_fetch(struct tgt *t, struct task *k)
{
	uint32_t most = TGT_TRANSFER_MAX / k->lu->cfg.block_size;
	bool fits = k->cdb.blocks <= most;
	k->status = fits ? SCSI_CONDITION_MET : SCSI_GOOD;
	tgt_cmd_start(t, k, k->cdb.lba, fits ? k->cdb.blocks : most, WORK_VERIFY);
	return true;
}
