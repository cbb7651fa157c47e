/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which blocks of a store may have been written since they were last known to be durable, with what
 * lies beside it: FILE.integrity.begun, FILE.protection.begun.
 *
 * It is memory that is mapped from a file. So it outlives the process, whenever that is killed, and
 * no write waits for it; and it says nothing when the machine has ended, which may have left any
 * part of it on the medium: it has the number of the machine's boot (boot_id), and counts in that
 * one only. The regions that the file beside the store has marks of (store_beside.h) count always.
 *
 * A write names its blocks before it begins, in one of two halves. A flush leads new writes to the
 * other half, and lets go of the one in which all were over before it, when it has succeeded: under
 * steady load one half is emptied by each flush, or by each second one. A write beside, or within,
 * one of the last is put together with that. Where a half is full, its further writes name whole
 * regions.
 *
 * The file, in the machine's order of bytes: see struct begun_file.
 */
#ifndef SHELL_STORE_BEGUN_H
#define SHELL_STORE_BEGUN_H

#include "base/units.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the file beside the store, whose marks it is about. */
struct begun_config {
	const char *path; /* ".begun" follows */
	uint32_t block_size;
	unsigned shift; /* a region is 1 << shift blocks */
	uint64_t blocks;
	uint64_t inode; /* of the store's file */
};

#define BEGUN_REGIONS 32768 /* at most */
#define BEGUN_ENTRIES 4096  /* of a half */

/* ---- the file ---- */

#define BEGUN_MAGIC   "SMIRBEG"
#define BEGUN_VERSION 1

struct begun_head {
	char magic[8];
	uint32_t version, block_size;
	uint64_t blocks, inode;
	uint32_t shift, entries;
	char boot[40];
	uint32_t gap, crc; /* CRC-32C of all that */
};

/* The blocks of a write: 0 in `span`, it names none; else 32 bits how many, and 32 bits by which
 * one is known that was written as a whole, begun_span(). */
struct begun_entry {
	_Atomic uint64_t lba;
	_Atomic uint64_t span;
};

struct begun_half {
	_Atomic uint32_t used; /* entries; more than there are: it is full */
	uint8_t gap[4092];
	_Atomic uint8_t regions[BEGUN_REGIONS / 8]; /* all blocks of these, too */
	struct begun_entry entry[BEGUN_ENTRIES];
};

struct begun_file {
	struct begun_head head;
	_Atomic int64_t since; /* the last write or flush began, by the system's clock, in ns */
	uint8_t gap[4096 - sizeof(struct begun_head) - 8];
	struct begun_half half[2];
};
_Static_assert(sizeof(struct begun_file) == 151552, "the file has no gaps of the compiler's");

uint64_t begun_span(lba_t lba, uint64_t blocks);
/* As it would begin now; false: the system does not say which boot this is. */
bool begun_head(const struct begun_config *c, struct begun_head *out);
/* The name of the file; false: it is too long. */
bool begun_name(const struct begun_config *c, char *out, size_t n);

/* ---- while the store is open ---- */

struct begun;

/* A new record, that names nothing; what a process before this one has left is gone. Where no file
 * can be had it is in this process's memory: the next one finds none. NULL with errno: one that is
 * there cannot be removed, or there is no memory. */
struct begun *begun_new(const struct begun_config *c);
/* keep: what it says still holds. */
void begun_close(struct begun *b, bool keep);
/* What may be there of another file is gone. False with errno. */
bool begun_forget(const struct begun_config *c);

/* Blocks are about to be written, or what lies beside them; begun_leave() follows when both are.
 * False: not recorded, and what the file says is not true any more, and cannot be taken away. */
bool begun_enter(struct begun *b, lba_t lba, uint32_t n, unsigned *half);
void begun_leave(struct begun *b, unsigned half);

/* Around a flush, one at a time. True: of some it is known now that they are durable. */
void begun_flush_begin(struct begun *b);
bool begun_flush_end(struct begun *b);
/* The regions that it names any blocks of, a bit each, are added: all of writes that are in it from
 * before until after. False: it does not know. */
bool begun_regions(struct begun *b, uint8_t out[BEGUN_REGIONS / 8]);

/* ---- what a process has left that was killed ---- */

struct begun_left;

/* NULL with why, a part of a sentence: nothing can be said. `changed`: when the store's file was
 * changed last, in ns; later than the record knows of, others have written there. */
struct begun_left *begun_left_load(const struct begun_config *c, int64_t changed, const char **why);
/* The next blocks that it names, at or behind *lba and before `end`; false: there are none. */
bool begun_left_next(const struct begun_left *l, lba_t end, lba_t *lba, uint64_t *blocks);
/* There were more than it has room for: it names whole regions. */
bool begun_left_full(const struct begun_left *l);
void begun_left_free(struct begun_left *l);

#endif
