/* SPDX-License-Identifier: BSD-2-Clause */
#include "sim/store.h"

#include "base/assert.h"
#include "sim/medium.h"
#include "sim/mutant.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

static struct store_sim *store_of(struct sim *s, unsigned disk)
{
	return &s->d[disk].store;
}

static uint8_t *at(uint8_t *image, lba_t lba)
{
	return image + lba * SIM_BLOCK;
}

void store_init(struct sim *s, unsigned disk)
{
	struct store_sim *t = store_of(s, disk);

	t->cache = calloc(s->blocks, SIM_BLOCK);
	t->durable = calloc(s->blocks, SIM_BLOCK);
	t->lost = UINT64_MAX;
	if (!t->cache || !t->durable)
		sim_fail(s, "out of memory");
}

static void forget_pending(struct store_sim *t)
{
	for (unsigned i = 0; i < t->n_pending; i++)
		free(t->pending[i].bytes);
	t->n_pending = 0;
}

void store_free(struct sim *s, unsigned disk)
{
	struct store_sim *t = store_of(s, disk);

	forget_pending(t);
	for (unsigned i = 0; i < STORE_OPS; i++)
		if (t->op[i].used)
			block_unref(t->op[i].block);
	free(t->cache);
	free(t->durable);
}

/* ---- writes ---- */

void store_excuse(struct sim *s, unsigned disk, lba_t lba)
{
	if (lba >= s->model.blocks)
		return;
	sim_mark(s, MARK_EXCUSED);
	SAY(s, "disk %u: block %llu is not what it should be", disk, (unsigned long long)lba);
	model_excuse(&s->model, lba, model_hash(at(store_of(s, disk)->cache, lba), SIM_BLOCK));
}

/* The kernel writes the oldest ones back. */
static void write_back(struct store_sim *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		memcpy(at(t->durable, t->pending[i].lba), t->pending[i].bytes, SIM_BLOCK);
		free(t->pending[i].bytes);
	}
	t->n_pending -= n;
	memmove(t->pending, t->pending + n, t->n_pending * sizeof(t->pending[0]));
}

static void write_block(struct sim *s, unsigned disk, lba_t lba, const uint8_t *p, bool astray)
{
	struct store_sim *t = store_of(s, disk);
	struct store_write *w;

	if (s->cuts > 0 && !astray)
		cuts_written(s, disk, lba, p);
	if (t->n_pending == STORE_PENDING)
		write_back(t, STORE_PENDING / 2);
	w = &t->pending[t->n_pending++];
	*w = (struct store_write){
	        .lba = lba, .done = s->model.clock, .astray = astray, .bytes = malloc(SIM_BLOCK)};
	if (!w->bytes)
		sim_fail(s, "out of memory");
	memcpy(w->bytes, p, SIM_BLOCK);
	memcpy(at(t->cache, lba), p, SIM_BLOCK);
}

/* The first n blocks of a write. */
static void write_blocks(struct sim *s, unsigned disk, const struct store_op *o, uint32_t n)
{
	lba_t to = o->lba;
	bool lost = sim_strikes(s, MARK_STORE_LOST);
	bool elsewhere = !lost && sim_strikes(s, MARK_STORE_MISDIRECTED);

	SAY(s, "disk %u: blocks %llu+%u are written", disk, (unsigned long long)o->lba, n);
	if (elsewhere)
		to = prng_below(&s->inner, s->blocks - n + 1);
	for (uint32_t i = 0; i < n && !lost; i++) {
		const uint8_t *p = o->block->data + o->offset + (size_t)i * SIM_BLOCK;
		bool other = memcmp(at(store_of(s, disk)->cache, to + i), p, SIM_BLOCK) != 0;
		write_block(s, disk, to + i, p, elsewhere);
		if (other && !elsewhere)
			host_files_written(s, disk, to + i);
	}
	for (uint32_t i = 0; i < n && (lost || elsewhere); i++) {
		store_excuse(s, disk, o->lba + i);
		if (elsewhere)
			store_excuse(s, disk, to + i);
	}
}

/* ---- the machine ---- */

/* Some of a block, in sectors of 64 bytes as memory has them. */
static void tear(struct sim *s, uint8_t *to, const uint8_t *from)
{
	size_t n = 64 * (1 + (size_t)prng_below(&s->disk, SIM_BLOCK / 64 - 1));

	memcpy(to, from, n);
}

static void survive(struct sim *s, struct store_sim *t, const struct store_write *w)
{
	uint8_t *to = at(t->durable, w->lba);

	switch (prng_below(&s->disk, 4)) {
	case 0:
		sim_mark(s, MARK_STORE_DROPPED);
		break;
	case 1:
		sim_mark(s, MARK_STORE_TORN);
		tear(s, to, w->bytes);
		break;
	default:
		sim_mark(s, MARK_STORE_KEPT);
		memcpy(to, w->bytes, SIM_BLOCK);
	}
}

/* What a flush has promised is not told. */
static void lose_pending(struct sim *s, unsigned disk,
                         void (*tell)(struct sim *s, unsigned disk, lba_t lba))
{
	struct store_sim *t = store_of(s, disk);
	bool touched[SIM_BLOCKS] = {false}, astray[SIM_BLOCKS] = {false};
	uint64_t flushed[SIM_BLOCKS];

	for (unsigned i = 0; i < t->n_pending; i++) {
		touched[t->pending[i].lba] = true;
		astray[t->pending[i].lba] |= t->pending[i].astray;
		flushed[t->pending[i].lba] = t->pending[i].done;
		survive(s, t, &t->pending[i]);
	}
	memcpy(t->cache, t->durable, s->blocks * SIM_BLOCK);
	for (lba_t lba = 0; lba < s->blocks; lba++)
		if (astray[lba]) /* nobody knew of that one */
			store_excuse(s, disk, lba);
		else if (touched[lba] && flushed[lba] >= t->flushed)
			tell(s, disk, lba);
	forget_pending(t);
}

/* ---- flush ---- */

/* fsync has failed: each pending write may be gone, from the cache, too. */
static void flush_fails(struct sim *s, unsigned disk)
{
	struct store_sim *t = store_of(s, disk);

	for (unsigned i = 0; i < t->n_pending; i++)
		if (t->pending[i].done < t->lost)
			t->lost = t->pending[i].done;
	t->dead = true;
	memcpy(t->cache, t->durable, s->blocks * SIM_BLOCK);
	lose_pending(s, disk, store_excuse);
}

static void flush(struct store_sim *t)
{
	write_back(t, t->n_pending);
}

/* ---- operations ---- */

static ns_t latency(struct sim *s)
{
	ns_t t = sim_about(&s->disk, s->store_delay);

	return sim_strikes(s, MARK_STORE_SLOW) ? t * 50 + prng_below(&s->inner, s->slow_most) : t;
}

void store_do(struct sim *s, unsigned disk, const struct tgt_action *a)
{
	struct store_sim *t = store_of(s, disk);
	struct store_op *o = t->op;

	while (o->used)
		sm_assert(++o < t->op + STORE_OPS);
	*o = (struct store_op){.used = true,
	                       .kind = a->kind,
	                       .id = a->op,
	                       .life = s->d[disk].life,
	                       .lba = a->lba,
	                       .blocks = a->blocks,
	                       .offset = a->offset,
	                       .started = s->seq};
	t->n_ops++;
	if (a->block)
		o->block = block_ref(a->block);
	if (a->kind == TGT_META_SAVE) {
		sm_assert(a->bytes.n <= sizeof(o->bytes));
		memcpy(o->bytes, a->bytes.p, a->bytes.n);
		o->n_bytes = a->bytes.n;
	}
	uint32_t what = disk | (uint32_t)(o - t->op) << 8;
	sim_at(s, s->now + latency(s), SIM_STORE, what, o->life);
}

static void drop(struct store_sim *t, struct store_op *o)
{
	block_unref(o->block);
	o->used = false;
	t->n_ops--;
}

static enum tgt_store_result do_write(struct sim *s, unsigned disk, const struct store_op *o,
                                      uint32_t *good)
{
	enum tgt_store_result r = STORE_OK;

	if (store_of(s, disk)->dead)
		return STORE_DEAD;
	*good = o->blocks;
	if (sim_strikes(s, MARK_STORE_EIO_WRITE))
		r = STORE_ERROR;
	else if (sim_strikes(s, MARK_STORE_ENOSPC))
		r = STORE_NO_SPACE;
	if (r != STORE_OK)
		*good = (uint32_t)prng_below(&s->inner, o->blocks);
	if (r != STORE_OK && *good > 0)
		sim_mark(s, MARK_STORE_SHORT);
	write_blocks(s, disk, o, *good);
	if (r != STORE_OK && MUTANT(STORE_ERROR_IGNORED))
		r = STORE_OK;
	return r;
}

static enum tgt_store_result do_read(struct sim *s, unsigned disk, const struct store_op *o,
                                     struct tgt_event *ev)
{
	const struct medium m = {store_of(s, disk)->cache, NULL, SIM_BLOCK, s->blocks, NULL};
	const struct tgt_action a = {
	        .kind = o->kind, .lba = o->lba, .block = o->block, .offset = o->offset};

	if (sim_strikes(s, MARK_STORE_EIO_READ)) {
		ev->store.good_blocks = (uint32_t)prng_below(&s->inner, o->blocks);
		return STORE_ERROR;
	}
	ev->store.result = STORE_OK;
	medium_do(&m, &a, o->blocks, ev);
	return ev->store.result;
}

static enum tgt_store_result do_flush(struct sim *s, unsigned disk)
{
	struct store_sim *t = store_of(s, disk);

	if (!t->dead && sim_strikes(s, MARK_STORE_FSYNC)) {
		flush_fails(s, disk);
		t->dead = !MUTANT(FSYNC_RETRIED);
	} else if (!t->dead && !MUTANT(FLUSH_EARLY)) {
		flush(t);
	}
	if (!t->dead)
		t->last_flush = s->model.clock;
	SAY(s, "disk %u: flushed%s", disk, t->dead ? ", but its store is dead" : "");
	return t->dead && !MUTANT(FSYNC_IGNORED) ? STORE_DEAD : STORE_OK;
}

static bool save_meta(struct sim *s, struct store_sim *t, const struct store_op *o)
{
	bool fails = sim_strikes(s, MARK_META_FAIL);
	/* Behind the rename: its directory could not be synced. */
	if (fails && sim_chance(&s->inner, 2))
		return false;
	memcpy(t->saved, o->bytes, o->n_bytes);
	t->n_saved = o->n_bytes;
	return !fails;
}

static void carry_out(struct sim *s, unsigned disk, struct store_op *o, struct tgt_event *ev)
{
	*ev = (struct tgt_event){.kind = TGT_EV_STORE_DONE};
	ev->store.op = o->id;
	switch (o->kind) {
	case TGT_STORE_READ:
	case TGT_STORE_COMPARE:
	case TGT_STORE_VERIFY:
		ev->store.result = do_read(s, disk, o, ev);
		break;
	case TGT_STORE_WRITE:
		ev->store.result = do_write(s, disk, o, &ev->store.good_blocks);
		break;
	case TGT_STORE_FLUSH:
		ev->store.result = do_flush(s, disk);
		break;
	case TGT_META_SAVE: {
		bool ok = save_meta(s, store_of(s, disk), o);
		*ev = (struct tgt_event){.kind = TGT_EV_META_DONE};
		ev->meta.op = o->id;
		ev->meta.ok = ok;
		break;
	}
	case TGT_STORE_ATOMIC:
	case TGT_STORE_OR:
	case TGT_STORE_ZERO:
	case TGT_STORE_MAP:
	case TGT_SEND:
	case TGT_DIE:
		sim_fail(s, "disk %u: store operation %d, which nobody asked for", disk, o->kind);
	}
}

bool store_done(struct sim *s, unsigned disk, uint32_t op, struct tgt_event *ev)
{
	struct store_sim *t = store_of(s, disk);
	struct store_op *o = &t->op[op];

	sm_assert(op < STORE_OPS && o->used);
	if (o->started < t->done_last)
		sim_mark(s, MARK_STORE_DISORDER);
	t->done_last = o->started;
	bool told = o->told;
	carry_out(s, disk, o, ev);
	drop(t, o);
	return !told;
}

void store_flushed(struct sim *s, unsigned disk, uint64_t began)
{
	struct store_sim *t = store_of(s, disk);

	if (t->lost < began)
		sim_fail(s, "a flush is acknowledged, and the fsync of disk %u has failed", disk);
	for (unsigned i = 0; i < t->n_pending; i++)
		if (t->pending[i].done < began)
			sim_fail(
			        s,
			        "a flush is acknowledged, and block %llu of disk %u is not durable",
			        (unsigned long long)t->pending[i].lba, disk);
	if (t->flushed < began)
		t->flushed = began;
}

void store_let_go(struct sim *s, unsigned disk, lba_t lba)
{
	const struct store_sim *t = store_of(s, disk);

	for (unsigned i = 0; i < t->n_pending; i++)
		if (t->pending[i].lba == lba && !t->pending[i].astray &&
		    memcmp(t->pending[i].bytes, at(t->durable, lba), SIM_BLOCK) != 0 &&
		    !model_may_differ(&s->model, lba))
			sim_fail(s,
			         "the log lets go of block %llu, which is not durable on disk %u",
			         (unsigned long long)lba, disk);
}

void store_killed(struct sim *s, unsigned disk)
{
	struct store_sim *t = store_of(s, disk);
	struct tgt_event ev;

	t->lost = UINT64_MAX;

	for (unsigned i = 0; i < STORE_OPS; i++) {
		struct store_op *o = &t->op[i];
		if (!o->used || o->told)
			continue;
		if (MUTANT(STORE_STILL_BUSY) && o->kind == TGT_STORE_WRITE) {
			o->told = true; /* by a thread that outlives its process */
			sim_at(s, s->now + sim_about(&s->disk, 20 * s->store_delay), SIM_STORE,
			       disk | i << 8, s->d[disk].life + 1);
			continue;
		}
		bool done = sim_chance(&s->disk, 2);
		if (o->kind == TGT_META_SAVE)
			sim_mark(s, done ? MARK_META_NEW : MARK_META_OLD);
		if (o->kind == TGT_STORE_WRITE && done && !t->dead)
			write_blocks(s, disk, o, (uint32_t)prng_below(&s->disk, o->blocks + 1ULL));
		else if (o->kind == TGT_META_SAVE && done)
			carry_out(s, disk, o, &ev);
		drop(t, o);
	}
}

void store_power_cut(struct sim *s, unsigned disk)
{
	lose_pending(s, disk, cuts_note);
}

void store_rot(struct sim *s, unsigned disk)
{
	struct store_sim *t = store_of(s, disk);
	lba_t lba = prng_below(&s->disk, s->blocks);
	size_t byte = (size_t)prng_below(&s->disk, SIM_BLOCK);
	uint8_t bit = (uint8_t)(1U << prng_below(&s->disk, 8));

	for (unsigned i = 0; i < t->n_pending; i++)
		if (t->pending[i].lba == lba)
			return;
	at(t->cache, lba)[byte] ^= bit;
	at(t->durable, lba)[byte] ^= bit;
	store_excuse(s, disk, lba);
}
