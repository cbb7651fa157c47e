/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be on the medium, by what initiators were told and nothing else. A write that is under
 * way may land or not. GOOD: it has; only what was under way with it may have come later. Any other
 * end of one that had begun to write: some of it may be there.
 */
#include "fuzz/cdb_world.h"

#include "base/assert.h"
#include "scsi/status.h"

#include <string.h>

static unsigned first_from(uint64_t set, unsigned from)
{
	uint64_t rest = from < BLOCKS ? set >> from << from : 0;

	return rest ? (unsigned)__builtin_ctzll(rest) : BLOCKS;
}
#define FOR_BLOCKS(b, set)                                                                         \
	for (unsigned b = first_from((set), 0); b < BLOCKS; b = first_from((set), b + 1))

/* All bytes of a block are the same. */
static bool uniform(const uint8_t *block)
{
	return memcmp(block, block + 1, BLOCK - 1) == 0;
}

static uint64_t value(unsigned v)
{
	return UINT64_C(1) << v % VALUES;
}

static bool writes(const struct expected *e)
{
	return e->out && e->effect == EFFECT_WRITES;
}

static bool finds(const struct expected *e)
{
	return e->out && (e->effect == EFFECT_READS || e->effect == EFFECT_COMPARES);
}

/* Each of the set with the bits of one more. */
static uint64_t ored(uint64_t set, unsigned with)
{
	uint64_t out = 0;

	if (set == ANY)
		return ANY;
	for (unsigned v = 0; v < VALUES; v++)
		if (set >> v & 1)
			out |= value(v | with % VALUES);
	return out;
}

/* What a block may hold at any time from now on, until something else begins. */
static uint64_t now(const struct world *w, uint8_t lun, unsigned b)
{
	uint64_t set = w->unit[lun].may[b];

	FOR_TASKS (w, e)
		if (writes(e) && e->on == lun && (e->touch >> b & 1))
			set |= e->what[b];
	return set;
}

/* ---- begin ---- */

/* What they leave, or find, depends on what others leave. */
static void depends(const struct world *w, struct expected *e)
{
	if (e->ors)
		FOR_BLOCKS (b, e->touch)
			e->what[b] |= ored(now(w, e->on, b), e->base + b);
	if (finds(e))
		FOR_BLOCKS (b, e->touch)
			e->what[b] |= now(w, e->on, b);
}

static void begin_copy(const struct world *w, struct expected *e)
{
	FOR_BLOCKS (b, e->touch)
		e->what[b] = now(w, e->from, b - e->to_lba + e->from_lba);
}

void model_begin(struct world *w, struct expected *e)
{
	if (e->copies)
		begin_copy(w, e);
	depends(w, e);
	if (e->effect != EFFECT_WRITES)
		return;
	FOR_TASKS (w, old)
		if (old != e && old->out && old->copies)
			FOR_BLOCKS (b, old->touch)
				old->what[b] = ANY;
	/* First the writes, twice, for what one leaves may be found by another one. */
	for (unsigned i = 0; i < 2; i++)
		FOR_TASKS (w, old)
			if (writes(old) && old->ors && old->on == e->on)
				depends(w, old);
	FOR_TASKS (w, old)
		if (finds(old) && old->on == e->on)
			depends(w, old);
}

/* ---- end ---- */

/* What it leaves is among what others of the same time leave. */
static void tell_others(struct world *w, const struct expected *e)
{
	FOR_TASKS (w, other)
		if (other != e && writes(other) && other->on == e->on)
			FOR_BLOCKS (b, e->touch & other->touch)
				other->later[b] |= e->what[b];
}

static void settle(struct world *w, struct expected *e, bool all)
{
	uint64_t *may = w->unit[e->on].may;

	if (e->stale)
		return;
	FOR_BLOCKS (b, e->touch)
		may[b] = all ? e->what[b] | e->later[b] : may[b] | e->what[b];
	tell_others(w, e);
}

void model_end(struct world *w, struct expected *e, uint8_t status)
{
	e->out = false;
	if (e->effect == EFFECT_COMPARES && e->cdb.op != OP_COMPARE_AND_WRITE &&
	    status == SCSI_GOOD && !e->stale)
		FOR_BLOCKS (b, e->touch)
			sm_assert(e->what[b] == ANY || (e->what[b] & value(e->with_at[b])));
	if (e->effect != EFFECT_WRITES)
		return;
	/* Whoever is told that it ends at once is not told when it has ended. */
	bool good = status == SCSI_GOOD && !e->immediate;
	if (status == SCSI_GOOD || e->wrote)
		settle(w, e, good);
}

void model_over(struct world *w, struct expected *e)
{
	if (!e->out)
		return;
	e->out = false;
	/* What was begun in the background goes on. */
	if (e->effect == EFFECT_WRITES && (e->wrote || e->bg))
		settle(w, e, false);
}

/* ---- the store ---- */

/* The value of block i of what is written; VALUES: none. */
static unsigned content(const struct tgt_action *a, uint32_t i)
{
	if (a->kind == TGT_STORE_ZERO)
		return 0;
	const uint8_t *p = a->block->data + a->offset + (a->repeat ? 0 : (size_t)i * BLOCK);
	if (!uniform(p))
		return VALUES;
	return p[0] < VALUES ? p[0] : VALUES;
}

static bool asks(const struct expected *e, const struct tgt_action *a)
{
	if (!writes(e) || e->on != a->lun || e->bad)
		return false;
	for (uint32_t i = 0; i < a->blocks; i++) {
		unsigned b = (unsigned)a->lba + i, v = content(a, i);
		if (!(e->touch >> b & 1))
			return false;
		bool right = a->kind == TGT_STORE_OR ? v == (e->base + b) % VALUES
		             : v < VALUES            ? e->what[b] >> v & 1
		                                     : e->what[b] == ANY;
		if (!right)
			return false;
	}
	return true;
}

static bool background(const struct unit *u, const struct tgt_action *a)
{
	unsigned v = content(a, 0);

	return u->bg == ANY || (v < VALUES && (u->bg >> v & 1));
}

void model_store(struct world *w, const struct tgt_action *a)
{
	bool wanted = false;

	sm_assert((w->how & HOW_PROTECTED) != HOW_PROTECTED);
	sm_assert(a->lba < BLOCKS && a->blocks > 0 && a->blocks <= BLOCKS - a->lba);
	FOR_TASKS (w, e)
		if (asks(e, a)) {
			e->wrote = true;
			wanted = true;
		}
	sm_assert(wanted || background(&w->unit[a->lun], a));
}

void model_read(const struct expected *e, struct span data)
{
	size_t at = 0;

	if (e->stale)
		return;
	FOR_BLOCKS (b, e->touch) {
		const uint8_t *p = data.p + at;
		sm_assert(e->what[b] == ANY || uniform(p));
		sm_assert(e->what[b] == ANY || (p[0] < VALUES && (e->what[b] >> p[0] & 1)));
		at += BLOCK;
	}
}

/* ---- units ---- */

void model_unit_new(struct unit *u)
{
	for (unsigned b = 0; b < BLOCKS; b++)
		u->may[b] = value(u->bytes[b * BLOCK]);
	u->bg = 0;
}

void model_replaced(struct world *w, uint8_t lun)
{
	FOR_TASKS (w, e) {
		if (!e->out || !e->copies)
			continue;
		FOR_BLOCKS (b, e->touch) {
			e->what[b] = ANY;
			if (e->on == lun)
				w->unit[lun].may[b] = ANY;
		}
	}
}

void model_finish(const struct unit *u)
{
	for (unsigned b = 0; b < BLOCKS; b++) {
		const uint8_t *p = u->bytes + (size_t)b * BLOCK;
		sm_assert(u->may[b] == ANY || uniform(p));
		sm_assert(u->may[b] == ANY || (p[0] < VALUES && (u->may[b] >> p[0] & 1)));
	}
}
