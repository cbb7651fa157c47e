/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each block of a group may be read as. A write that was acknowledged is there until a later
 * one takes its place; one that was not may be there or not. "Later" is in terms of the clients:
 * writes that overlap in time may end up in either order.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "base/units.h"

#define MODEL_BLOCKS  128
#define MODEL_ENTRIES 48

struct model_entry {
	uint64_t hash;
	uint32_t write;
	bool acked, excuse;
	uint64_t began, ended, removed; /* 0: not yet */
};

struct model_block {
	unsigned n;
	uint64_t wild;  /* since then too much has happened: anything goes until an acknowledged
	                   write that began later; 0: no */
	uint64_t tamed; /* when that ended last: reads that began before may have seen it */
	struct model_entry e[MODEL_ENTRIES];
};

struct model {
	lba_t blocks;
	uint64_t clock;       /* of what clients do */
	uint64_t oldest_read; /* what was removed before is of no use */
	uint32_t next_write;
	struct model_block b[MODEL_BLOCKS];
};

/* The contents of a block that was written as `value`: 0: zeros. */
void model_fill(uint64_t value, lba_t lba, uint8_t *out, size_t len);
uint64_t model_hash(const uint8_t *p, size_t len);

void model_init(struct model *m, lba_t blocks, size_t block_len);
/* Whether one more write fits. */
bool model_room(const struct model *m, lba_t lba, lba_t blocks);
/* A write of these contents (of the first block on, `step` bytes apart) begins: returns its number.
 */
uint32_t model_begin(struct model *m, lba_t lba, lba_t blocks, const uint8_t *p, size_t block_len);
/* It has ended; or nothing of it was ever done. */
void model_end(struct model *m, lba_t lba, lba_t blocks, uint32_t write, bool acked);
void model_undo(struct model *m, lba_t lba, lba_t blocks, uint32_t write);
/* The clock, for a read that begins. */
uint64_t model_now(struct model *m);
/* Whether a read that began then may see this. */
bool model_allows(const struct model *m, lba_t lba, uint64_t hash, uint64_t began);
/* A medium has forgotten or spoilt a block in a way that nobody can know of: this may be seen, too.
 */
void model_excuse(struct model *m, lba_t lba, uint64_t hash);
/* Members in sync may differ in this block: one has forgotten or spoilt it. What was not
 * acknowledged is no excuse: it is on all of them, or on none. */
bool model_may_differ(const struct model *m, lba_t lba);
/* All of them are made equal in this block, which began at that time (the clock): what was
 * forgotten or spoilt until then is no excuse any more. */
void model_recovers(struct model *m, lba_t lba, uint64_t begun);
/* Nobody can say any more which of them are lost: each block, until it is written again. */
void model_wild(struct model *m);
/* The group is made anew of what is there. */
void model_settle(struct model *m, lba_t lba, uint64_t hash);

#endif
