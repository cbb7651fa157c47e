/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file beside a store that has so many bytes about each block: FILE.protection, FILE.integrity.
 *
 *   0     head: 8 bytes magic, version (32 bits), block size (32), blocks (64), region (32: blocks
 *         as a power of two), CRC-32C of all that (32); big-endian
 *   4096  a bit for each region: it is in doubt
 *   8192  the entries of all blocks
 *
 * A block and its entry are two writes to two files: where the process, or the machine, ends
 * between them, one may be old and the other one new, of blocks that nobody was told of, or that
 * were not flushed. So a region is marked, durably, before the first write to it, and a flush, or
 * closing, clears the marks of those in which no write has begun since. Without that a write that
 * was cut off would look like a medium that rots.
 *
 * Whoever opens a store with marks looks through what is in doubt: in those regions the blocks that
 * the record of what was begun names (store_begun.h), which is there if only the process has ended;
 * else all blocks of them, of which one that has rotted meanwhile is not told from one that was
 * being written.
 *
 * It is made as FILE.protection.tmp or FILE.integrity.tmp, and gets its name when it is whole.
 */
#ifndef SHELL_STORE_BESIDE_H
#define SHELL_STORE_BESIDE_H

#include "target/target.h"

struct beside;

struct beside_kind {
	const char *suffix; /* ".protection" */
	const char *magic;  /* 8 bytes */
	uint32_t entry;     /* bytes of a block; those of a block that was never written are 0 */
	const char *what;   /* "the protection information" */
	const char *gone;   /* what to do where it was there before, and is not now */
	bool doubted;       /* a new file: all blocks are in doubt */
	/* Entries have their room before anything is written to their blocks: without one a block
	 * cannot be read. */
	bool roomy;
};

struct beside_config {
	const struct beside_kind *kind;
	const char *path; /* of the store */
	uint32_t block_size;
	uint64_t blocks;
	uint64_t inode;  /* of the store */
	int64_t changed; /* when that was, by whoever had it before, in ns */
	bool make;       /* if it is not there */
	bool had;        /* it was there */
	bool read_only;
};

/* NULL with an empty why: there is none, and none was to be made. NULL with why: the file cannot be
 * used. Calls for different blocks may be made side by side. */
struct beside *beside_open(const struct beside_config *cfg, char *why, size_t n);
/* clean: what was written is durable, and nothing is in doubt, not even what it was opened with. */
void beside_close(struct beside *b, bool clean);
const char *beside_path(const struct beside *b);

/* The entries of n blocks, to and from p. */
enum tgt_store_result beside_read(struct beside *b, lba_t lba, uint32_t n, uint8_t *p);
enum tgt_store_result beside_write(struct beside *b, lba_t lba, uint32_t n, const uint8_t *p);
/* Zeros; as holes if the file system makes them, unless entries are to keep their room. */
enum tgt_store_result beside_none(struct beside *b, lba_t lba, uint32_t n);

/* Entries have their room; STORE_NO_SPACE: there is none. A file system that cannot tell says
 * nothing. */
enum tgt_store_result beside_reserve(struct beside *b, lba_t lba, uint32_t n);

/* Blocks, or their entries, are about to be written: they are durably in doubt. beside_end()
 * follows when both are, whatever became of it, with what *half was set to, unless this has failed.
 * STORE_DEAD: the file could not be synced, now or before, which is for good. */
enum tgt_store_result beside_begin(struct beside *b, lba_t lba, uint32_t n, unsigned *half);
void beside_end(struct beside *b, unsigned half);
/* It has nothing to sync for that, as it looks now. */
bool beside_ready(const struct beside *b, lba_t lba, uint32_t n);

/* What it was opened with. There are marks: it was not closed. */
bool beside_marked(const struct beside *b);
/* It was made just now. */
bool beside_fresh(const struct beside *b);
/* Why all blocks of the marked regions are in doubt; NULL: those that were begun only. */
const char *beside_unknown(const struct beside *b);
/* The next blocks from `lba` on that are in doubt; false: there are none. */
bool beside_doubt(const struct beside *b, lba_t lba, lba_t *first, uint64_t *blocks);
/* They were looked through, all of them, and the blocks that were seen are durable: so is that. */
bool beside_settled(struct beside *b);
/* Nothing is in doubt: it can be written to from now on. False with why. */
bool beside_start(struct beside *b, char *why, size_t n);

/* Around a flush of the store: the entries are durable, and what was not written since it began is
 * not in doubt any more. One at a time. False: not durable, for good. */
void beside_flush_begin(struct beside *b);
bool beside_flush_end(struct beside *b);

#endif
