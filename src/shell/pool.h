/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool of data blocks: what was released lately is handed out again, so that
 * the page faults of fresh memory are not paid for each frame. Bounded. The
 * pool lives until its owner and all of its blocks have let it go.
 */
#ifndef SHELL_POOL_H
#define SHELL_POOL_H

#include "base/block.h"

struct pool;

/* Keeps at most max_bytes of released blocks. NULL when out of memory. */
struct pool *pool_new(size_t max_bytes);
/* A block of len bytes, one reference, contents undefined; NULL when out of memory. */
struct block *pool_get(struct pool *p, size_t len);
/* Bytes of the blocks that are in use. */
size_t pool_in_use(const struct pool *p);
/* Calls this whenever one comes back, which may be from within anything. */
void pool_on_return(struct pool *p, void (*fn)(void *ctx), void *ctx);
/* The owner lets go: what is kept is freed, blocks that are out are freed as they come back. */
void pool_free(struct pool *p);

#endif
