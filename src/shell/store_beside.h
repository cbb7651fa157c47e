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
 * were not flushed. So a region is marked, durably, before the first write to it; a flush while
 * nothing is written, and closing, clear the marks. Whoever opens a store with marks looks through
 * those regions. Without that a write that was cut off would look like a medium that rots.
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
	bool make; /* if it is not there */
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
 * follows when both are, whatever became of it, unless this has failed. STORE_DEAD: the file could
 * not be synced, now or before, which is for good. */
enum tgt_store_result beside_begin(struct beside *b, lba_t lba, uint32_t n);
void beside_end(struct beside *b);

/* The next blocks from `lba` on that are in doubt; false: there are none. */
bool beside_doubt(const struct beside *b, lba_t lba, lba_t *first, uint64_t *blocks);
/* They were looked through, all of them, and the blocks that were seen are durable: so is that. */
bool beside_settled(struct beside *b);

/* Around a flush of the store: the entries are durable, and, if nothing was written meanwhile,
 * nothing is in doubt any more. False: not durable, for good. */
uint64_t beside_flush_begin(struct beside *b);
bool beside_flush_end(struct beside *b, uint64_t begun);

#endif
