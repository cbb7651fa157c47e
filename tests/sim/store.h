/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk's store: what reads see (the page cache), what is durable, and the writes in between. A
 * power cut keeps, drops or tears each of those. Its metadata file is replaced by renaming, so that
 * the old or the new one is there.
 */
#ifndef TESTS_SIM_STORE_H
#define TESTS_SIM_STORE_H

#include "target/target.h"

struct sim;

#define STORE_OPS     320
#define STORE_PENDING 512

struct store_op {
	bool used;
	enum tgt_action_kind kind;
	uint32_t id, life;
	lba_t lba;
	uint32_t blocks;
	struct block *block;
	uint32_t offset;
	bool told; /* the core has its answer: it is carried out all the same */
	uint64_t started;
	uint8_t bytes[TGT_SAVED_MAX];
	size_t n_bytes;
};

struct store_write {
	lba_t lba;
	uint64_t done; /* the model's clock */
	bool astray;   /* meant for another block */
	uint8_t *bytes;
};

struct store_sim {
	uint8_t *cache, *durable;
	struct store_write pending[STORE_PENDING]; /* a block each, in the order of writing */
	unsigned n_pending;
	uint64_t flushed; /* the model's clock: a group's flush said that all until then is durable
	                   */
	uint64_t last_flush; /* and when it was, of the last good one */
	bool dead;           /* a flush has failed */
	/* The model's clock: what was written since then and is lost by that, until the process
	 * ends. */
	uint64_t lost;
	uint8_t saved[TGT_SAVED_MAX];
	size_t n_saved;
	struct store_op op[STORE_OPS];
	unsigned n_ops;
	uint64_t done_last; /* `started` of the last one that ended */
};

void store_init(struct sim *s, unsigned disk);
void store_free(struct sim *s, unsigned disk);
/* A STORE_* or META_SAVE action: SIM_STORE comes when it is done. */
void store_do(struct sim *s, unsigned disk, const struct tgt_action *a);
/* It is: the answer for the core; false: it has it already. The block is the caller's. */
bool store_done(struct sim *s, unsigned disk, uint32_t op, struct tgt_event *ev);
/* The process ends: each operation under way was done or not. */
void store_killed(struct sim *s, unsigned disk);
/* Then the machine: what is pending is kept, dropped or torn. */
void store_power_cut(struct sim *s, unsigned disk);
/* A flush that began then was acknowledged, and the disk is in sync. */
void store_flushed(struct sim *s, unsigned disk, uint64_t began);
/* The block is another one now on this disk, and nobody knows: it may be read. */
void store_excuse(struct sim *s, unsigned disk, lba_t lba);
/* The log has no mark of this block any more: it is durable. */
void store_let_go(struct sim *s, unsigned disk, lba_t lba);
/* A bit changes on the medium. */
void store_rot(struct sim *s, unsigned disk);

#endif
