/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/assert.h"
#include "target/core.h"

#include <string.h>

/* Operations of the store name a slot; those of logical units are named behind all slots. */
#define OP_BASE ((1U << TGT_GEN_SHIFT) - SCSI_LUNS)
_Static_assert(SCSI_LUNS *TGT_DEPTH_MAX + 1 <= OP_BASE, "slots");

static const struct kind {
	const struct scsi_sense *under_way, *failed;
	enum bg_medium left; /* when it fails */
} kinds[] = {
        [BG_FORMAT] = {&SENSE_FORMAT_IN_PROGRESS, &SENSE_FORMAT_FAILED, MEDIUM_FORMAT_FAILED},
        [BG_SANITIZE] = {&SENSE_SANITIZE_IN_PROGRESS, &SENSE_SANITIZE_FAILED,
                         MEDIUM_SANITIZE_FAILED},
};

static bool refuses(const struct background *b)
{
	return b->kind == BG_FORMAT || b->kind == BG_SANITIZE;
}

/* SPC-4, progress indication: of 65536. */
static uint16_t progress(const struct tgt_lu *lu)
{
	const struct background *b = &lu->bg;
	uint64_t all = lu->cfg.blocks;
	uint64_t of_pass = all > UINT16_MAX ? b->at / (all >> 16) : (b->at << 16) / all;
	if (b->passes == 0 || b->pass == b->passes)
		return UINT16_MAX;
	of_pass = of_pass < UINT16_MAX ? of_pass : UINT16_MAX;
	return (uint16_t)((((uint64_t)b->pass << 16) + of_pass) / b->passes);
}

bool tgt_bg_sense(const struct tgt_lu *lu, struct scsi_sense *out)
{
	if (!refuses(&lu->bg))
		return false;
	*out = scsi_sense_progress(*kinds[lu->bg.kind].under_way, progress(lu));
	return true;
}

static bool sanitizes(enum scsi_op op)
{
	return op == OP_SANITIZE_OVERWRITE || op == OP_SANITIZE_BLOCK_ERASE ||
	       op == OP_SANITIZE_EXIT_FAILURE;
}

bool tgt_bg_allows(struct task *k, const struct cmd *c)
{
	const struct background *b = &k->lu->bg;
	/* INQUIRY, REPORT LUNS and REQUEST SENSE are the commands that are about no medium. */
	if (c->flags & CMD_ANY_LUN)
		return true;
	if (refuses(b)) {
		struct scsi_sense s;
		(void)tgt_bg_sense(k->lu, &s);
		tgt_task_fail(k, s);
		return false;
	}
	if (!(c->flags & CMD_READY) || b->medium == MEDIUM_GOOD || sanitizes(k->cdb.op))
		return true;
	if (b->medium == MEDIUM_FORMAT_FAILED && k->cdb.op == OP_FORMAT_UNIT)
		return true;
	tgt_task_fail(k, b->medium == MEDIUM_FORMAT_FAILED ? SENSE_FORMAT_CORRUPTED
	                                                   : SENSE_SANITIZE_FAILED);
	return false;
}

bool tgt_bg_is_for(enum scsi_op op)
{
	return op == OP_FORMAT_UNIT || op == OP_START_STOP_UNIT || sanitizes(op);
}

bool tgt_bg_in_the_way(const struct task *k)
{
	return k->parked || (k->lu->bg.kind != BG_NONE && tgt_bg_is_for(k->cdb.op));
}

/* ---- the work ---- */

static void issue(struct tgt *t, struct tgt_lu *lu)
{
	struct background *b = &lu->bg;
	bool ends = b->pass == b->passes;
	uint64_t left = lu->cfg.blocks - b->at;
	uint32_t most = TGT_TRANSFER_MAX / lu->cfg.block_size;
	lba_t bad;
	struct tgt_action *a = tgt_out_action(t, ends       ? TGT_STORE_FLUSH
	                                         : b->zeros ? TGT_STORE_ZERO
	                                                    : TGT_STORE_WRITE);
	b->busy = true;
	b->chunk = ends ? 0 : left < most ? (uint32_t)left : most;
	b->bad = !ends && fault_strike_medium(&t->faults, lu->lun, b->at, b->chunk, &bad);
	a->op = OP_BASE + lu->lun;
	a->lun = lu->lun;
	a->lba = ends ? 0 : b->at;
	a->blocks = b->chunk;
	if (a->kind == TGT_STORE_WRITE) {
		a->block = b->pattern;
		a->repeat = true;
	}
}

void tgt_bg_start(struct tgt *t, struct tgt_lu *lu, enum bg_kind kind, unsigned passes)
{
	struct background *b = &lu->bg;
	sm_assert(b->kind == BG_NONE && !b->busy);
	b->kind = kind;
	b->pass = 0;
	b->passes = passes;
	b->at = 0;
	issue(t, lu);
}

void tgt_bg_fill(struct tgt_lu *lu, struct span pattern)
{
	struct background *b = &lu->bg;
	sm_assert(pattern.n > 0 && !b->busy);
	b->zeros = false;
	for (size_t i = 0; i < lu->cfg.block_size; i++)
		b->pattern->data[i] = pattern.p[i % pattern.n];
}

/* Whoever waits for it gets its status. */
static void tell(struct tgt *t, const struct tgt_lu *lu, const struct scsi_sense *failed)
{
	struct task *k = TAILQ_FIRST(&t->tasks);
	while (k) {
		struct task *next = TAILQ_NEXT(k, link);
		if (k->parked && k->lu == lu) {
			if (failed)
				tgt_task_fail(k, *failed);
			tgt_task_finish(t, k);
		}
		k = next;
	}
}

static void end(struct tgt *t, struct tgt_lu *lu, bool ok)
{
	struct background *b = &lu->bg;
	enum bg_kind kind = b->kind;
	b->kind = BG_NONE;
	if (kind == BG_FLUSH)
		return; /* a store that cannot be flushed says so from now on */
	b->medium = ok ? MEDIUM_GOOD : kinds[kind].left;
	tell(t, lu, ok ? NULL : kinds[kind].failed);
}

static void next_pass(struct tgt_lu *lu)
{
	struct background *b = &lu->bg;
	b->at = 0;
	b->pass++;
	for (size_t i = 0; b->invert && i < lu->cfg.block_size; i++)
		b->pattern->data[i] ^= 0xff;
}

struct tgt_lu *tgt_bg_by_op(const struct tgt *t, uint32_t op)
{
	struct tgt_lu *lu;
	if (op < OP_BASE || op >= OP_BASE + SCSI_LUNS)
		return NULL;
	/* One that has gone is waited for, and another may be at its LUN. */
	SLIST_FOREACH(lu, &t->gone, link)
	if (lu->lun == op - OP_BASE && lu->bg.busy)
		return lu;
	lu = t->lu[op - OP_BASE];
	return lu && lu->bg.busy ? lu : NULL;
}

void tgt_bg_store_done(struct tgt *t, struct tgt_lu *lu, enum tgt_store_result result)
{
	struct background *b = &lu->bg;
	bool flushed = b->chunk == 0;
	b->busy = false;
	if (result == STORE_DEAD)
		lu->store_dead = true;
	if (result != STORE_OK || lu->store_dead || b->bad || flushed || !lu->present) {
		end(t, lu, result == STORE_OK && !lu->store_dead && !b->bad && lu->present);
		return;
	}
	tgt_log_done(lu, WORK_WRITE, b->chunk);
	b->at += b->chunk;
	if (b->at == lu->cfg.blocks)
		next_pass(lu);
	issue(t, lu);
}
