/* SPDX-License-Identifier: BSD-2-Clause */
/* The store: it answers late, in any order, or with errors. */
#include "fuzz/cdb_world.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

static void trace(const struct world *w, const char *what, const struct tgt_action *a, unsigned arg)
{
	if (w->trace)
		(void)fprintf(stderr, "%s: action %d op %xh LUN %u %llu+%u %02xh\n", what,
		              (int)a->kind, a->op, a->lun, (unsigned long long)a->lba, a->blocks,
		              arg);
}

static bool changes(const struct tgt_action *a)
{
	return a->kind == TGT_STORE_WRITE || a->kind == TGT_STORE_OR || a->kind == TGT_STORE_ZERO ||
	       a->kind == TGT_STORE_ATOMIC;
}

/* Two of them side by side: neither changes what the other one touches. */
static void check_apart(const struct world *w, const struct tgt_action *a)
{
	for (unsigned i = 0; i < w->n_held; i++) {
		const struct tgt_action *b = &w->held[i].a;
		bool same = a->lun == b->lun && w->held[i].generation == w->unit[a->lun].generation;
		bool none = a->blocks == 0 || b->blocks == 0;
		bool apart = none || a->lba + a->blocks <= b->lba || b->lba + b->blocks <= a->lba;
		sm_assert(a->op != b->op);
		sm_assert(!same || apart || (!changes(a) && !changes(b)));
	}
}

void world_hold(struct world *w, const struct tgt_action *a)
{
	sm_assert(w->n_held < OPS_MAX && a->lun < UNITS);
	trace(w, "store", a, 0);
	check_apart(w, a);
	if (changes(a))
		model_store(w, a);
	w->held[w->n_held] = (struct held){
	        .a = *a, .generation = w->unit[a->lun].generation, .how = next(&w->in)};
	if (a->kind == TGT_META_SAVE) {
		w->held[w->n_held].ends_others = world_others_end(w);
		sm_assert(a->bytes.n <= TGT_SAVED_MAX);
		memcpy(w->unit[a->lun].saving, a->bytes.p, a->bytes.n);
	}
	if (a->block)
		(void)block_ref(a->block);
	w->n_held++;
}

static enum tgt_store_result result_of(const struct held *h)
{
	if (h->a.kind == TGT_STORE_FLUSH)
		return h->how == 0xff ? STORE_DEAD : h->how == 0xfe ? STORE_ERROR : STORE_OK;
	if (h->a.kind == TGT_STORE_MAP)
		return h->how == 0xff ? STORE_ERROR : STORE_OK;
	if (h->how >= 0xfc && changes(&h->a))
		return STORE_NO_SPACE;
	return h->how >= 0xf0 ? STORE_ERROR : STORE_OK;
}

/* To the medium as it was when it was asked for: a unit that has gone has one of its own. */
static void do_it(struct world *w, const struct held *h, uint32_t n, struct tgt_event *ev)
{
	static uint8_t gone[BLOCKS * BLOCK];
	struct unit *u = &w->unit[h->a.lun];
	struct medium m = u->m;

	if (h->generation != u->generation) {
		m.bytes = gone;
		m.mapped = NULL;
	}
	medium_do(&m, &h->a, n, ev);
}

static void answer_save(struct world *w, const struct held *h)
{
	struct tgt_event ev = {.kind = TGT_EV_META_DONE};
	struct unit *u = &w->unit[h->a.lun];

	ev.meta.op = h->a.op;
	ev.meta.ok = h->how < 0xf0;
	if (ev.meta.ok && h->generation == u->generation) {
		u->n_saved = h->a.bytes.n;
		memcpy(u->saved, u->saving, u->n_saved);
	}
	world_step(w, &ev);
}

void world_answer(struct world *w, unsigned which)
{
	struct held h = w->held[which];
	struct tgt_event ev = {.kind = TGT_EV_STORE_DONE};

	trace(w, "answered", &h.a, h.how);
	w->n_held--;
	memmove(&w->held[which], &w->held[which + 1], (w->n_held - which) * sizeof(h));
	if (h.a.kind == TGT_META_SAVE) {
		answer_save(w, &h);
		return;
	}
	ev.store.op = h.a.op;
	ev.store.result = result_of(&h);
	bool part = ev.store.result != STORE_OK;
	/* An ATOMIC that fails has done nothing. */
	uint32_t good =
	        part && h.a.blocks > 0 && h.a.kind != TGT_STORE_ATOMIC ? h.how % h.a.blocks : 0;
	ev.store.good_blocks = good;
	if (!part || changes(&h.a))
		do_it(w, &h, part ? good : h.a.blocks, &ev);
	struct block *b = ev.store.block;
	world_step(w, &ev);
	block_unref(b);
	block_unref(h.a.block);
}
