/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a target keeps beside its store, in FILE.meta: its UUID, block size and capacity, whether it
 * has checksums, and what its core saves: mode pages, reservations. Written as a whole to
 * FILE.meta.tmp and renamed: after a crash the old or the new one is there.
 *
 *   0 "SMIRTGT\0"   8 version (2)   10 length of what is saved (2)   12 block size (4)
 *   16 UUID (16)    32 blocks (8)   40 what is saved   then CRC-32C of all before (4)   big-endian
 *
 * Version 1 has no blocks. Version 3 is as 2, of a disk that has checksums: a program that does not
 * know of these is not to go on without.
 */
#ifndef SHELL_META_H
#define SHELL_META_H

#include "target/target.h"

struct meta {
	uint8_t uuid[UUID_LEN];
	uint32_t block_size;
	uint64_t blocks; /* 0: not known; it is saved in version 1 then */
	bool sums;       /* FILE.integrity is there; only where blocks are known */
	uint8_t saved[TGT_SAVED_MAX];
	size_t n_saved;
};

enum meta_load { META_LOADED, META_NONE, META_BAD };

/* The metadata of the store at `store`. META_BAD: with why, which names the file and what is wrong.
 */
enum meta_load meta_load(const char *store, struct meta *out, char *why, size_t n);
/* Durable when it returns true. False: the old ones count, or, where the directory of the new file
 * could not be synced, whichever the next start finds. */
bool meta_save(const char *store, const struct meta *m, char *why, size_t n);

#endif
