/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz/disk.h"

#include "base/assert.h"
#include "sim/medium.h"

#include <string.h>

void fuzz_disk_new(struct fuzz_disk *d, ns_t now, void (*sends)(const struct wire_frame *f))
{
	const struct tgt_config cfg = {.lu = {.uuid = {1},
	                                      .name = "disk",
	                                      .block_size = DISK_BLOCK,
	                                      .blocks = DISK_BLOCKS},
	                               .queue_depth = 4,
	                               .xfer = XFER_ULTRA160};
	char why[200];

	memset(d->media, 0, sizeof(d->media));
	d->n_held = 0;
	d->now = now;
	d->sends = sends;
	d->t = tgt_new(&cfg, why, sizeof(why));
	sm_assert(d->t);
}

void fuzz_disk_free(struct fuzz_disk *d)
{
	for (unsigned i = 0; i < d->n_held; i++)
		if (d->held[i].kind == TGT_EV_STORE_DONE)
			block_unref(d->held[i].store.block);
	d->n_held = 0;
	tgt_free(d->t);
}

static void ask_store(struct fuzz_disk *d, const struct tgt_action *a)
{
	const struct medium m = {
	        .bytes = d->media, .block_size = DISK_BLOCK, .blocks = DISK_BLOCKS};
	struct tgt_event ev = {.kind = TGT_EV_STORE_DONE};

	sm_assert(d->n_held < DISK_HELD);
	if (a->kind == TGT_META_SAVE) {
		ev.kind = TGT_EV_META_DONE;
		ev.meta.op = a->op;
		ev.meta.ok = true;
	} else {
		sm_assert(a->lba <= DISK_BLOCKS && a->blocks <= DISK_BLOCKS - a->lba);
		ev.store.op = a->op;
		medium_do(&m, a, a->blocks, &ev);
	}
	d->held[d->n_held++] = ev;
}

void fuzz_disk_step(struct fuzz_disk *d, struct tgt_event ev)
{
	struct tgt_actions out;

	ev.now = d->now;
	tgt_step(d->t, &ev, &out);
	for (unsigned i = 0; i < out.n; i++) {
		if (out.v[i].kind == TGT_SEND)
			d->sends(&out.v[i].frame);
		else if (out.v[i].kind != TGT_DIE)
			ask_store(d, &out.v[i]);
	}
	tgt_check(d->t);
}

void fuzz_disk_frame(struct fuzz_disk *d, const struct wire_frame *f)
{
	fuzz_disk_step(d, (struct tgt_event){.kind = TGT_EV_FRAME, .frame = f});
}

void fuzz_disk_answer(struct fuzz_disk *d)
{
	while (d->n_held > 0) {
		struct tgt_event ev = d->held[0];
		memmove(d->held, d->held + 1, --d->n_held * sizeof(ev));
		fuzz_disk_step(d, ev);
		if (ev.kind == TGT_EV_STORE_DONE)
			block_unref(ev.store.block);
	}
}
