/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data blocks: the only refcounted objects. A block holds the bytes of one
 * data phase. Whoever keeps a pointer past the call that brought it takes a
 * reference and drops it once. References are counted without locks: a block
 * belongs to one thread (a worker gets plain pointers, its loop keeps the reference).
 */
#ifndef BASE_BLOCK_H
#define BASE_BLOCK_H

#include "base/units.h"

struct block {
	unsigned refs;
	size_t len; /* bytes in use */
	size_t cap; /* bytes there are room for */
	uint8_t *data;
	/* The bytes are in memory that processes share: whoever only passes the block on leaves
	 * them unread. */
	bool shared;
	/* Called when the last reference goes; NULL for blocks of block_new(). The place where a
	 * ring slot or a pool takes its memory back. */
	void (*release)(struct block *b, void *ctx);
	void *release_ctx;
};

/* A block of len bytes from the heap, one reference, page-aligned, contents undefined.
 * NULL when out of memory. Only shells and tests create blocks: cores pass them on. */
struct block *block_new(size_t len);
struct block *block_ref(struct block *b);
/* Drops a reference; NULL is allowed. */
void block_unref(struct block *b);

#endif
