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
	if (b->step > STEP_PASS)
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
	/* How large it is, and the like, is known whatever is on it. */
	bool about_medium = (c->flags & CMD_MEDIUM) || k->cdb.op == OP_TEST_UNIT_READY;
	if (!about_medium || b->medium == MEDIUM_GOOD || sanitizes(k->cdb.op))
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

static bool step_is_save(enum bg_step step)
{
	return step == STEP_SAVE || step == STEP_CLEAR;
}

static enum tgt_action_kind action_of(const struct background *b)
{
	if (step_is_save(b->step))
		return TGT_META_SAVE;
	if (b->step == STEP_FLUSH)
		return TGT_STORE_FLUSH;
	return b->zeros ? TGT_STORE_ZERO : TGT_STORE_WRITE;
}

static void pass_put(struct tgt *t, struct tgt_lu *lu, struct tgt_action *a)
{
	struct background *b = &lu->bg;
	uint64_t left = lu->cfg.blocks - b->at;
	uint32_t most = TGT_TRANSFER_MAX / lu->cfg.block_size;
	lba_t bad;
	b->chunk = left < most ? (uint32_t)left : most;
	b->bad = fault_strike_medium(&t->faults, lu->lun, b->at, b->chunk, &bad);
	a->lba = b->at;
	a->blocks = b->chunk;
	if (a->kind == TGT_STORE_WRITE) {
		a->block = b->pattern;
		a->repeat = true;
	}
	/* SBC-3, FORMAT UNIT, FMTPINFO field: what is written then is FFFF_FFFF_FFFF_FFFFh. */
	if (b->protection)
		a->protect = (struct protect){.type = b->protection, .none = true};
}

static void save_put(struct tgt_lu *lu, struct tgt_action *a)
{
	struct background *b = &lu->bg;
	struct wr w = wr_init(lu->saved, sizeof(lu->saved));
	b->kept = b->step == STEP_SAVE ? kinds[b->kind].left : MEDIUM_GOOD;
	lu->protection_kept = b->step == STEP_SAVE ? lu->protection : b->protection;
	tgt_lu_saved_put(lu, &lu->modes.saved, &lu->resv, &w);
	sm_assert(wr_ok(&w) && !lu->saving);
	a->bytes = (struct span){lu->saved, w.n};
	lu->saving = true;
}

static void issue(struct tgt *t, struct tgt_lu *lu)
{
	struct background *b = &lu->bg;
	struct tgt_action *a = tgt_out_action(t, action_of(b));
	b->op = (OP_BASE + lu->lun) | t->next_bg++ << TGT_GEN_SHIFT;
	b->busy = true;
	b->bad = false;
	a->op = b->op;
	a->lun = lu->lun;
	if (b->step == STEP_PASS)
		pass_put(t, lu, a);
	else if (step_is_save(b->step))
		save_put(lu, a);
}

void tgt_bg_start(struct tgt *t, struct tgt_lu *lu, enum bg_kind kind, unsigned passes)
{
	struct background *b = &lu->bg;
	sm_assert(b->kind == BG_NONE && !b->busy);
	b->kind = kind;
	if (kind != BG_FORMAT)
		b->protection = lu->protection;
	b->step = kind == BG_FLUSH ? STEP_FLUSH : kind == BG_LEAVE ? STEP_CLEAR : STEP_SAVE;
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

/* SPC-4: who knows another type is told. */
static void formatted(struct tgt_lu *lu)
{
	if (lu->protection != lu->bg.protection)
		tgt_lu_attention(lu, lu->bg.by, UA_CAPACITY_CHANGED);
	lu->protection = lu->bg.protection;
}

static void end(struct tgt *t, struct tgt_lu *lu, bool ok)
{
	struct background *b = &lu->bg;
	enum bg_kind kind = b->kind;
	b->kind = BG_NONE;
	if (ok && kind == BG_FORMAT)
		formatted(lu);
	lu->protection_kept = lu->protection;
	switch (kind) {
	case BG_NONE:
	case BG_FLUSH: /* a store that cannot be flushed says so from now on */
		return;
	case BG_LEAVE:
		b->medium = ok ? MEDIUM_GOOD : b->medium;
		b->kept = b->medium;
		tell(t, lu, ok ? NULL : &SENSE_INTERNAL_TARGET_FAILURE);
		return;
	case BG_FORMAT:
	case BG_SANITIZE:
		b->medium = b->kept = ok ? MEDIUM_GOOD : kinds[kind].left;
		tell(t, lu, ok ? NULL : kinds[kind].failed);
		return;
	}
}

static void invert(struct tgt_lu *lu)
{
	for (size_t i = 0; i < lu->cfg.block_size; i++)
		lu->bg.pattern->data[i] ^= 0xff;
}

/* False: it was the last step. */
static bool advance(struct tgt_lu *lu)
{
	struct background *b = &lu->bg;
	switch (b->step) {
	case STEP_SAVE:
		b->step = STEP_PASS;
		return true;
	case STEP_PASS:
		tgt_log_done(lu, WORK_WRITE, b->chunk);
		b->at += b->chunk;
		if (b->at < lu->cfg.blocks)
			return true;
		b->at = 0;
		if (++b->pass == b->passes)
			b->step = STEP_FLUSH;
		else if (b->invert)
			invert(lu);
		return true;
	case STEP_FLUSH:
		b->step = STEP_CLEAR;
		return b->kind != BG_FLUSH;
	case STEP_CLEAR:
		break;
	}
	return false;
}

struct tgt_lu *tgt_bg_by_op(const struct tgt *t, uint32_t op)
{
	uint32_t slot = op & ((1U << TGT_GEN_SHIFT) - 1);
	struct tgt_lu *lu;
	if (slot < OP_BASE)
		return NULL;
	/* One that has gone is waited for, and another may be at its LUN. */
	SLIST_FOREACH(lu, &t->gone, link)
	if (lu->bg.busy && lu->bg.op == op)
		return lu;
	lu = t->lu[slot - OP_BASE];
	return lu && lu->bg.busy && lu->bg.op == op ? lu : NULL;
}

static void done(struct tgt *t, struct tgt_lu *lu, bool ok)
{
	struct background *b = &lu->bg;
	b->busy = false;
	if (ok && lu->present && !b->bad && advance(lu))
		issue(t, lu);
	else
		end(t, lu, ok && lu->present && !b->bad);
}

void tgt_bg_store_done(struct tgt *t, struct tgt_lu *lu, enum tgt_store_result result)
{
	if (result == STORE_DEAD)
		lu->store_dead = true;
	done(t, lu, result == STORE_OK && !lu->store_dead);
}

void tgt_bg_meta_done(struct tgt *t, struct tgt_lu *lu, bool ok)
{
	lu->saving = false;
	done(t, lu, ok);
}

/* ---- what is kept ---- */

#define KEPT_AUSE 0x80

uint8_t tgt_bg_kept(const struct background *b)
{
	return b->kept == MEDIUM_GOOD ? 0 : (uint8_t)(b->kept | (b->ause ? KEPT_AUSE : 0U));
}

bool tgt_bg_keep(struct background *b, uint8_t kept)
{
	unsigned medium = kept & ~(unsigned)KEPT_AUSE;
	if (medium > MEDIUM_SANITIZE_FAILED)
		return false;
	b->medium = b->kept = (enum bg_medium)medium;
	b->ause = kept & KEPT_AUSE;
	return true;
}
