/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk: its core, its store in memory, and what its shell does. */
#include "steps/inside.h"

#include "sim/medium.h"

#include <stdio.h>
#include <string.h>

static void identity(unsigned i, uint8_t *uuid, char *name, size_t n)
{
	memset(uuid, (int)(0xd0 + i), UUID_LEN);
	(void)snprintf(name, n, "disk%u", i);
}

void disk_start(struct world *w, unsigned i)
{
	struct disk *d = &w->disk[i];
	struct tgt_config c = {.lu.block_size = BLOCK,
	                       .lu.blocks = BLOCKS,
	                       .lu.saved = {d->saved, d->n_saved},
	                       .queue_depth = 8,
	                       .xfer = XFER_ULTRA160};
	char why[200];

	identity(i, c.lu.uuid, c.lu.name, sizeof(c.lu.name));
	d->t = tgt_new(&c, why, sizeof(why));
	if (!d->t) { /* there was no memory */
		must(memory_struck(), "%s", why);
		d->start_at = w->now + LATER_NS;
		return;
	}
	d->attached = d->dead = false;
	d->n_done = 0;
	w->link[i].dial_at = w->now;
}

void disk_kill(struct world *w, unsigned i)
{
	struct disk *d = &w->disk[i];

	wires_cut(w, i);
	for (unsigned k = 0; k < d->n_done; k++)
		if (d->done[k].kind == TGT_EV_STORE_DONE)
			block_unref(d->done[k].store.block);
	d->n_done = 0;
	tgt_free(d->t);
	d->t = NULL;
	d->start_at = w->now + AGAIN_NS;
}

/* ---- the store ---- */

static bool reads(enum tgt_action_kind kind)
{
	return kind == TGT_STORE_READ || kind == TGT_STORE_COMPARE || kind == TGT_STORE_VERIFY;
}

static bool writes(enum tgt_action_kind kind)
{
	return kind == TGT_STORE_WRITE || kind == TGT_STORE_ZERO || kind == TGT_STORE_OR ||
	       kind == TGT_STORE_ATOMIC;
}

static enum tgt_store_result result_of(struct world *w, unsigned i, enum tgt_action_kind kind)
{
	if (w->disk[i].dead && (writes(kind) || kind == TGT_STORE_FLUSH))
		return STORE_DEAD;
	if (writes(kind) && strikes(w, WRITE_ERROR, i))
		return STORE_ERROR;
	if (writes(kind) && strikes(w, NO_SPACE, i))
		return STORE_NO_SPACE;
	if (reads(kind) && strikes(w, READ_ERROR, i))
		return STORE_ERROR;
	if (kind == TGT_STORE_FLUSH && strikes(w, FLUSH_DEAD, i)) {
		w->disk[i].dead = true;
		return STORE_DEAD;
	}
	return STORE_OK;
}

/* As shell/target_io.c: what brings data needs a block. */
static bool has_room(enum tgt_action_kind kind)
{
	struct block *b;

	if (kind != TGT_STORE_READ && kind != TGT_STORE_MAP)
		return true;
	b = block_new(1);
	block_unref(b);
	return b != NULL;
}

/* Up to the first block that the medium does not give; what is written is good again. */
static void do_blocks(struct disk *d, const struct tgt_action *a, struct tgt_event *ev)
{
	const struct medium m = {.bytes = d->media, .block_size = BLOCK, .blocks = BLOCKS};
	uint32_t n = 0;

	while (n < a->blocks && !(reads(a->kind) && d->bad[a->lba + n]))
		n++;
	if (n == a->blocks || a->kind == TGT_STORE_COMPARE)
		medium_do(&m, a, n, ev);
	if (n < a->blocks && ev->store.result == STORE_OK) {
		ev->store.result = STORE_ERROR;
		ev->store.good_blocks = n;
	}
	if (writes(a->kind))
		memset(d->bad + a->lba, 0, n * sizeof(d->bad[0]));
}

static void perform(struct world *w, unsigned i, const struct tgt_action *a)
{
	struct disk *d = &w->disk[i];
	struct tgt_event ev = {.kind = TGT_EV_STORE_DONE};

	must(d->n_done < OPS, "too many");
	if (a->kind == TGT_META_SAVE) {
		ev.kind = TGT_EV_META_DONE;
		ev.meta.op = a->op;
		ev.meta.ok = !strikes(w, META_ERROR, i);
		if (ev.meta.ok) {
			memcpy(d->saved, a->bytes.p, a->bytes.n);
			d->n_saved = a->bytes.n;
		}
	} else {
		ev.store.op = a->op;
		ev.store.result = has_room(a->kind) ? result_of(w, i, a->kind) : STORE_ERROR;
		if (ev.store.result == STORE_OK)
			do_blocks(d, a, &ev);
	}
	d->done[d->n_done++] = ev;
}

/* ---- its shell ---- */

static void event(struct world *w, unsigned i, struct tgt_event ev)
{
	struct tgt_actions out;

	ev.now = w->now;
	tgt_step(w->disk[i].t, &ev, &out);
	for (unsigned k = 0; k < out.n; k++) {
		const struct tgt_action *a = &out.v[k];
		must(a->kind != TGT_DIE, "it dies");
		if (a->kind != TGT_SEND)
			perform(w, i, a);
		else
			wires_send(w, i, &a->frame);
	}
	tgt_check(w->disk[i].t);
}

void disk_time(struct world *w, unsigned i)
{
	event(w, i, (struct tgt_event){.kind = TGT_EV_DEADLINE});
}

static void came(struct world *w, unsigned i, const struct wire_frame *f)
{
	if (wires_frame(w, i, f))
		return;
	if (f->type == WIRE_ATTACHED) {
		w->disk[i].attached = true;
		event(w, i, (struct tgt_event){.kind = TGT_EV_ATTACHED, .attached = &f->attached});
	} else if (f->type != WIRE_ERROR && f->type != WIRE_RING) {
		event(w, i, (struct tgt_event){.kind = TGT_EV_FRAME, .frame = f});
	}
}

static void stored(struct world *w, unsigned i)
{
	struct disk *d = &w->disk[i];
	struct tgt_event ev = d->done[0];

	memmove(d->done, d->done + 1, --d->n_done * sizeof(ev));
	event(w, i, ev);
	if (ev.kind == TGT_EV_STORE_DONE)
		block_unref(ev.store.block);
}

static bool dials(struct world *w, unsigned i)
{
	struct disk *d = &w->disk[i];
	struct wire_attach a = {.version = WIRE_VERSION, .role = ROLE_TARGET, .id = (uint8_t)i};

	if (w->link[i].up || w->now < w->link[i].dial_at || tgt_store_ops(d->t) > 0 ||
	    stays(w, CUT, i) || !w->bus)
		return false;
	identity(i, a.uuid, a.name, sizeof(a.name));
	wires_dial(w, i, &a);
	return true;
}

bool disk_turn(struct world *w, unsigned i)
{
	struct disk *d = &w->disk[i];
	struct link *l = &w->link[i];
	struct wire_frame f;

	if (!d->t || world_stopped(w, i))
		return false;
	if (d->attached && !l->up) {
		d->attached = false;
		event(w, i, (struct tgt_event){.kind = TGT_EV_DETACHED});
		return true;
	}
	enum got got = l->up ? wires_take(&l->from_bus, &f) : GOT_NONE;
	if (got == GOT_FRAME) {
		came(w, i, &f);
		block_unref(f.data);
		return true;
	}
	if (got == GOT_NO_MEMORY || wires_server_closed(l)) {
		wires_cut(w, i);
		return true;
	}
	if (d->n_done > 0) {
		stored(w, i);
		return true;
	}
	return dials(w, i) || wires_ping(w, i);
}
