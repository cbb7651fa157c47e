/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a store keeps protection information: in FILE.protection (store_beside.h), 8 bytes for each
 * block, inverted: a hole, and so a block that was never written or was unmapped, reads as
 * FFFF_FFFF_FFFF_FFFFh, of which nothing is checked.
 *
 * A block in doubt that does not fit its guard loses its protection information, for it is not
 * known which of the two is right.
 */
#include "shell/store_inside.h"

#include "base/crc.h"

#include <stdio.h>

static const struct beside_kind kind = {.suffix = ".protection",
                                        .magic = "SMIRPI\0",
                                        .entry = PROTECT_LEN,
                                        .what = "the protection information"};

static void invert(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] ^= 0xff;
}

enum tgt_store_result store_tuples_read(struct store *s, lba_t lba, uint32_t n, uint8_t *p)
{
	enum tgt_store_result r = beside_read(s->tuples, lba, n, p);
	if (r == STORE_OK)
		invert(p, (size_t)n * PROTECT_LEN);
	return r;
}

enum tgt_store_result store_tuples_write(struct store *s, lba_t lba, uint32_t n, uint8_t *p)
{
	invert(p, (size_t)n * PROTECT_LEN);
	return beside_write(s->tuples, lba, n, p);
}

bool store_tuples_open(struct store *s, const struct store_config *c, char *why, size_t n)
{
	const struct beside_config config = {.kind = &kind,
	                                     .path = c->path,
	                                     .block_size = s->block_size,
	                                     .blocks = s->blocks,
	                                     .inode = s->inode,
	                                     .changed = s->changed,
	                                     .make = c->protects,
	                                     .read_only = c->write_protect};
	s->tuples = beside_open(&config, why, n);
	return s->tuples || why[0] == '\0';
}

/* The blocks of a piece that do not fit. The others are written, too: they may be in memory only,
 * of a process that could not write them, and nobody would try again. */
static enum tgt_store_result look(struct store *s, lba_t lba, uint32_t n, const uint8_t *data,
                                  uint8_t *tuples, struct store_changed *changed)
{
	enum tgt_store_result r = store_tuples_read(s, lba, n, tuples);
	for (uint32_t i = 0; r == STORE_OK && i < n; i++) {
		struct protect_tuple t = protect_get(tuples + (size_t)i * PROTECT_LEN);
		const uint8_t *block = data + (size_t)i * s->block_size;
		if (protect_is_none(t) || t.guard == crc16_guard(block, s->block_size))
			continue;
		protect_put(tuples + (size_t)i * PROTECT_LEN, PROTECT_NONE);
		store_changed_add(changed, lba + i);
	}
	return r == STORE_OK ? store_tuples_write(s, lba, n, tuples) : r;
}

bool store_tuples_repair(struct store *s, bool write_protect, char *why, size_t n)
{
	return store_look_through(s, s->tuples, look, "lost their protection information",
	                          write_protect, why, n);
}

bool store_protects(const struct store *s)
{
	return s->tuples != NULL;
}
