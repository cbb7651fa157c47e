/* SPDX-License-Identifier: BSD-2-Clause */
/* What a task does to the store, one operation after the other. */
#include "base/assert.h"
#include "target/core.h"

static enum tgt_action_kind action_of(const struct task *k, enum task_work work)
{
	switch (work) {
	case WORK_READ:
		return TGT_STORE_READ;
	case WORK_WRITE:
		return k->cdb.op == OP_ORWRITE_16        ? TGT_STORE_OR
		       : k->cdb.op == OP_WRITE_ATOMIC_16 ? TGT_STORE_ATOMIC
		                                         : TGT_STORE_WRITE;
	case WORK_ZERO:
		return TGT_STORE_ZERO;
	case WORK_FLUSH:
		return TGT_STORE_FLUSH;
	case WORK_MATCH:
	case WORK_COMPARE:
		return TGT_STORE_COMPARE;
	case WORK_VERIFY:
		return TGT_STORE_VERIFY;
	case WORK_MAP:
		return TGT_STORE_MAP;
	case WORK_SAVE:
		break;
	}
	return TGT_META_SAVE;
}

/* All that is kept: what the task changes, as it is to be; the rest as it is. */
static void save(struct tgt_lu *lu, const struct task *k, struct tgt_action *a)
{
	struct wr w = wr_init(lu->saved, sizeof(lu->saved));
	if (tgt_cmd_reserves(k))
		tgt_lu_saved_put(lu, &lu->modes.saved, &lu->pending_resv, &w);
	else
		tgt_lu_saved_put(lu, &lu->pending.saved, &lu->resv, &w);
	sm_assert(wr_ok(&w));
	a->bytes = (struct span){lu->saved, w.n};
}

/* Whose store it is. */
static struct tgt_lu *unit(const struct task *k)
{
	return k->on ? k->on : k->lu;
}

/* Bytes of a block in memory. */
static uint32_t stride(const struct task *k)
{
	return k->on ? k->on->cfg.block_size : tgt_protect_stride(k);
}

/* Blocks of the next operation: what has no block of data of its own goes in bounded pieces. */
static uint32_t piece(const struct task *k)
{
	uint32_t left = k->count - k->pos;
	uint32_t most = TGT_TRANSFER_MAX / unit(k)->cfg.block_size;
	return left < most ? left : most;
}

static void attach_data(const struct task *k, struct tgt_action *a)
{
	const struct scsi_cdb *c = &k->cdb;
	bool same =
	        c->op == OP_WRITE_SAME_10 || c->op == OP_WRITE_SAME_16 || c->op == OP_WRITE_SAME_32;
	uint32_t block = k->pos;
	/* COMPARE AND WRITE: what is to be written comes after what is to be there. */
	if (c->op == OP_COMPARE_AND_WRITE && k->doing == WORK_WRITE)
		block += c->blocks;
	if (c->op == OP_EXTENDED_COPY) {
		a->block = k->in;
		return;
	}
	/* WRITE SAME without data, of blocks that are to be mapped. */
	a->block = k->data ? k->data : k->lu->zeros;
	a->repeat = c->bytchk == 3 || same;
	a->offset = k->data_off + (a->repeat ? 0 : block * tgt_protect_stride(k));
}

/* Goes block by block. */
static bool moves(enum task_work work)
{
	return work != WORK_FLUSH && work != WORK_MAP;
}

static void issue(struct tgt *t, struct task *k, enum task_work work)
{
	struct tgt_action *a = tgt_out_action(t, action_of(k, work));
	k->doing = (uint16_t)work;
	if (k->state != TASK_RUNNING)
		tgt_task_set(t, k, TASK_RUNNING);
	a->op = tgt_task_op(t, k);
	a->lun = unit(k)->lun;
	if (work == WORK_SAVE) {
		save(k->lu, k, a);
		return;
	}
	a->lba = k->first + k->pos;
	a->room = k->cdb.alloc; /* of MAP */
	k->chunk = moves(work) ? piece(k) : 0;
	a->blocks = k->chunk;
	if (work & (WORK_MATCH | WORK_WRITE | WORK_COMPARE))
		attach_data(k, a);
	if (unit(k)->protection && moves(work))
		a->protect = tgt_protect_of(k, unit(k), work);
}

static struct scsi_sense medium_error(const struct task *k, bool write, bool rotten, lba_t at)
{
	if (k->cdb.op == OP_SEND_DIAGNOSTIC)
		return SENSE_SELF_TEST_FAILED;
	if (rotten)
		return scsi_sense_info(SENSE_READ_ERROR_REWRITE, at);
	return scsi_sense_info(write ? SENSE_WRITE_ERROR : SENSE_READ_ERROR, at);
}

static bool reads(enum scsi_op op)
{
	return op == OP_READ_6 || op == OP_READ_10 || op == OP_READ_12 || op == OP_READ_16 ||
	       op == OP_READ_32;
}

/* One whose store is to be worked on went meanwhile, and another may be at its LUN: the task fails.
 */
static bool went(struct tgt *t, struct task *k)
{
	bool copy = k->cdb.op == OP_EXTENDED_COPY;
	bool more = k->work || copy || (!k->bad && k->cdb.op == OP_UNMAP);
	if (more && !k->lu->present) {
		tgt_task_fail(k, SENSE_LUN_NOT_SUPPORTED);
		return true;
	}
	if (k->work && !unit(k)->present) {
		tgt_copy_drop(t, k);
		tgt_task_fail(k, scsi_sense_specific(SENSE_COPY_NOT_REACHABLE, k->step));
		return true;
	}
	return false;
}

void tgt_work_next(struct tgt *t, struct task *k)
{
	bool copy = k->cdb.op == OP_EXTENDED_COPY;
	if (went(t, k)) {
		tgt_task_finish(t, k);
		return;
	}
	if (!k->work && copy)
		(void)tgt_copy_next(t, k);
	if (!k->work && !k->bad && k->cdb.op == OP_UNMAP)
		(void)tgt_unmap_next(t, k);
	if (k->work) {
		unsigned lowest = k->work & (0U - k->work);
		issue(t, k, (enum task_work)lowest);
		return;
	}
	if (k->bad) {
		bool write = scsi_op_writes_medium(k->cdb.op);
		tgt_log_error(k->lu, write              ? WORK_WRITE
		                     : reads(k->cdb.op) ? WORK_READ
		                                        : WORK_VERIFY);
		tgt_task_fail(k, medium_error(k, write, false, k->bad_lba));
	}
	tgt_task_finish(t, k);
}

/* SBC-3, 5.2: INFORMATION is the offset in the data of the first byte that differs; elsewhere it is
 * the block. */
static uint64_t where(const struct task *k, lba_t at, uint32_t differs)
{
	if (k->cdb.op == OP_COMPARE_AND_WRITE)
		return (at - k->first) * tgt_protect_stride(k) + differs;
	return at;
}

/* What differs may be the protection information: its sense then goes with the key of miscompares
 * (SBC-3, VRPROTECT field, byte-by-byte comparison). */
static struct scsi_sense miscompare(const struct task *k, lba_t at, const struct tgt_event *ev)
{
	if (!ev->store.field)
		return scsi_sense_info(SENSE_MISCOMPARE, where(k, at, ev->store.differs));
	struct scsi_sense s = tgt_protect_sense(ev->store.field, at);
	s.key = KEY_MISCOMPARE;
	return s;
}

/* An operation went wrong: the task ends. */
static void failed(struct tgt *t, struct task *k, enum tgt_store_result result,
                   const struct tgt_event *ev)
{
	uint32_t good = ev->store.good_blocks;
	good = good < k->chunk ? good : k->chunk;
	lba_t at = k->first + k->pos + good;
	bool write = k->doing == WORK_WRITE || k->doing == WORK_ZERO;
	enum task_work work = (enum task_work)k->doing;
	k->doing = 0;
	if (k->on) {
		tgt_log_done(k->on, work, good);
		tgt_log_error(k->on, work);
		tgt_copy_drop(t, k);
		tgt_task_fail(k, scsi_sense_specific(SENSE_COPY_DEVICE_FAILED, k->step));
		tgt_task_finish(t, k);
		return;
	}
	switch (result) {
	case STORE_MISCOMPARE:
		tgt_log_done(k->lu, work, good);
		tgt_task_fail(k, miscompare(k, at, ev));
		break;
	case STORE_PROTECTION:
		tgt_log_done(k->lu, work, write ? 0 : good);
		tgt_task_fail(k, k->cdb.op == OP_SEND_DIAGNOSTIC
		                         ? SENSE_SELF_TEST_FAILED
		                         : tgt_protect_sense(ev->store.field, at));
		break;
	case STORE_NO_SPACE:
		/* SBC-3, thin provisioned logical units: no resource is left to map the block. */
		if (k->lu->cfg.thin) {
			tgt_log_done(k->lu, work, good);
			tgt_task_fail(k, scsi_sense_info(SENSE_SPACE_ALLOCATION_FAILED, at));
			break;
		}
		/* fall through */
	case STORE_ROTTEN:
	case STORE_ERROR:
		tgt_log_done(k->lu, work, good);
		tgt_log_error(k->lu, work);
		tgt_task_fail(k, medium_error(k, write, ev->store.result == STORE_ROTTEN, at));
		break;
	case STORE_DATA_GONE: /* whoever did so has given up on this task */
		tgt_task_fail(k, SENSE_DATA_PHASE_ERROR);
		break;
	case STORE_DEAD:
	case STORE_OK:
		tgt_task_fail(k, SENSE_INTERNAL_TARGET_FAILURE);
		break;
	}
	tgt_task_finish(t, k);
}

static void drained(struct tgt *t, struct task *k)
{
	k->doing = 0;
	tgt_task_drained(t, k);
	tgt_port_drained(t);
}

void tgt_work_store_done(struct tgt *t, const struct tgt_event *ev)
{
	struct tgt_lu *lu = tgt_bg_by_op(t, ev->store.op);
	if (lu) {
		tgt_bg_store_done(t, lu, ev->store.result);
		return;
	}
	struct task *k = tgt_task_by_op(t, ev->store.op);
	enum tgt_store_result result = ev->store.result;
	sm_assert(k && k->doing && k->doing != WORK_SAVE);
	/* What is on the medium is not known: nothing more is promised for it, nor for what was
	 * under way while the flush failed. */
	if (result == STORE_DEAD)
		unit(k)->store_dead = true;
	if (result == STORE_OK && unit(k)->store_dead)
		result = STORE_DEAD;
	if (k->state == TASK_DRAIN) {
		drained(t, k);
	} else if (result != STORE_OK) {
		failed(t, k, result, ev);
	} else {
		if (k->doing == WORK_READ) {
			sm_assert(ev->store.block &&
			          ev->store.block->len == (size_t)k->chunk * stride(k));
			k->in = block_ref(ev->store.block);
		}
		if (k->doing == WORK_MAP)
			k->in = block_ref(ev->store.block);
		tgt_log_done(unit(k), (enum task_work)k->doing, k->chunk);
		k->pos += k->chunk;
		if (!moves((enum task_work)k->doing) || k->pos == k->count) {
			k->work &= (uint16_t)~k->doing;
			k->pos = 0;
		}
		k->doing = 0;
		tgt_work_next(t, k);
	}
}

void tgt_work_meta_done(struct tgt *t, const struct tgt_event *ev)
{
	struct tgt_lu *lu = tgt_bg_by_op(t, ev->meta.op);
	if (lu) {
		tgt_bg_meta_done(t, lu, ev->meta.ok);
		return;
	}
	struct task *k = tgt_task_by_op(t, ev->meta.op);
	sm_assert(k && k->doing == WORK_SAVE && k->lu->saving);
	/* What was saved holds, also when nobody waits for the status any more. */
	k->lu->saving = false;
	if (tgt_cmd_reserves(k))
		tgt_cmd_reserve_saved(t, k, ev->meta.ok);
	else
		tgt_cmd_mode_saved(t, k, ev->meta.ok);
	if (k->state == TASK_DRAIN) {
		drained(t, k);
	} else {
		k->doing = 0;
		k->work = 0;
		tgt_task_finish(t, k);
	}
}
