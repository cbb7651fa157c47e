/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums of a store: FILE.integrity (store_beside.h) has 4 bytes for each block, made of the
 * CRC-32C of its data and of where it is. So what a medium gives is known to be what was written
 * there: not rotten, not of a write that was lost, not of one that went to another place.
 *
 * 0 is a block of zeros, which one that was never written, or was unmapped, is. A block in doubt
 * gets the checksum of what is there: nobody was told that it was written, or it was not flushed.
 * After the end of the machine blocks are in doubt by regions, and others are among them.
 */
#include "shell/store_inside.h"

#include "base/crc.h"
#include "base/cursor.h"

#include <stdio.h>
#include <string.h>

#define SUM_LEN 4

static const struct beside_kind kind = {.suffix = ".integrity",
                                        .magic = "SMIRSUM",
                                        .entry = SUM_LEN,
                                        .what = "the checksums",
                                        .gone = "is not there, and the disk had it: bring "
                                                "it back, or say --integrity crc32c to have "
                                                "it made anew of what the store holds, or "
                                                "--integrity none to do without",
                                        .doubted = true,
                                        .roomy = true};

static bool is_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* Of where it is: neighbours have nothing in common (the finalizer of MurmurHash3). */
static uint32_t of_place(lba_t lba)
{
	uint64_t x = lba + 1;
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	x ^= x >> 33;
	return (uint32_t)x;
}

static uint32_t sum_of(const struct store *s, lba_t lba, const uint8_t *block)
{
	if (is_zero(block, s->block_size))
		return 0;
	uint32_t sum = crc32c(0, block, s->block_size) ^ of_place(lba);
	return sum ? sum : 1;
}

/* Entries of so many blocks are moved at once. */
#define AT_ONCE 256U

enum tgt_store_result store_sums_check(struct store *s, lba_t lba, uint32_t n, const uint8_t *data,
                                       uint32_t *good)
{
	uint8_t sums[AT_ONCE * SUM_LEN];
	enum tgt_store_result r = STORE_OK;
	for (*good = 0; *good < n; (*good)++) {
		uint32_t i = *good % AT_ONCE, left = n - *good;
		if (i == 0)
			r = beside_read(s->sums, lba + *good, left < AT_ONCE ? left : AT_ONCE,
			                sums);
		if (r != STORE_OK)
			return r;
		const uint8_t *block = data + (size_t)*good * s->block_size;
		if (get_be32(sums + i * SUM_LEN) != sum_of(s, lba + *good, block))
			return STORE_ROTTEN;
	}
	return STORE_OK;
}

enum tgt_store_result store_sums_put(struct store *s, lba_t lba, uint32_t n, const uint8_t *data)
{
	uint8_t sums[AT_ONCE * SUM_LEN];
	enum tgt_store_result r = STORE_OK;
	for (uint32_t at = 0; r == STORE_OK && at < n; at += AT_ONCE) {
		uint32_t piece = n - at < AT_ONCE ? n - at : AT_ONCE;
		for (uint32_t i = 0; i < piece; i++)
			put_be32(sums + i * SUM_LEN,
			         sum_of(s, lba + at + i, data + (size_t)(at + i) * s->block_size));
		r = beside_write(s->sums, lba + at, piece, sums);
	}
	return r;
}

bool store_sums_open(struct store *s, const struct store_config *c, char *why, size_t n)
{
	const struct beside_config config = {.kind = &kind,
	                                     .path = c->path,
	                                     .block_size = s->block_size,
	                                     .blocks = s->blocks,
	                                     .inode = s->inode,
	                                     .changed = s->changed,
	                                     .make = c->integrity,
	                                     .had = c->had_integrity,
	                                     .read_only = c->write_protect};
	s->sums = beside_open(&config, why, n);
	return s->sums || why[0] == '\0';
}

/* Those that fit are written, too: of a new file they have their room then. */
static enum tgt_store_result look(struct store *s, lba_t lba, uint32_t n, const uint8_t *data,
                                  uint8_t *sums, struct store_changed *changed)
{
	enum tgt_store_result r = beside_read(s->sums, lba, n, sums);
	for (uint32_t i = 0; r == STORE_OK && i < n; i++) {
		uint8_t *had = sums + (size_t)i * SUM_LEN;
		uint32_t sum = sum_of(s, lba + i, data + (size_t)i * s->block_size);
		if (get_be32(had) != sum)
			store_changed_add(changed, lba + i);
		put_be32(had, sum);
	}
	return r == STORE_OK ? beside_write(s->sums, lba, n, sums) : r;
}

bool store_sums_repair(struct store *s, bool write_protect, char *why, size_t n)
{
	return store_look_through(s, s->sums, look, "were given new checksums", write_protect, why,
	                          n);
}

bool store_has_integrity(const struct store *s)
{
	return s->sums != NULL;
}
