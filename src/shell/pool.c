/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/pool.h"

#include "base/assert.h"

#include <stdlib.h>

/* Size classes are powers of two, from a page on; what is larger than the last is not kept. */
#define CLASS_SHIFT 12
#define CLASSES     13 /* 4 KiB .. 16 MiB */

/* A released block's release_ctx links it into its class: the pool is known there. */
struct pool {
	size_t max_bytes, kept_bytes;
	size_t out, out_bytes; /* blocks that are in use */
	void (*returned)(void *ctx);
	void *returned_ctx;
	bool owned;
	struct block *kept[CLASSES];
};

static unsigned class_of(size_t len)
{
	unsigned k = 0;
	while (k < CLASSES && len > (size_t)1 << (CLASS_SHIFT + k))
		k++;
	return k;
}

static void block_free(struct block *b)
{
	b->refs = 1;
	b->release = NULL;
	block_unref(b);
}

static void pool_end(struct pool *p)
{
	if (!p->owned && p->out == 0)
		free(p);
}

static void put_back(struct block *b, void *ctx)
{
	struct pool *p = ctx;
	unsigned k = class_of(b->cap);

	sm_assert(p->out > 0);
	p->out--;
	p->out_bytes -= b->cap;
	if (p->owned && p->returned)
		p->returned(p->returned_ctx);
	if (p->owned && k < CLASSES && b->cap <= p->max_bytes - p->kept_bytes) {
		b->release_ctx = p->kept[k];
		p->kept[k] = b;
		p->kept_bytes += b->cap;
	} else {
		block_free(b);
	}
	pool_end(p);
}

struct pool *pool_new(size_t max_bytes)
{
	struct pool *p = calloc(1, sizeof(*p));
	if (p)
		*p = (struct pool){.max_bytes = max_bytes, .owned = true};
	return p;
}

struct block *pool_get(struct pool *p, size_t len)
{
	unsigned k = class_of(len);
	struct block *b = k < CLASSES ? p->kept[k] : NULL;

	if (b) {
		p->kept[k] = b->release_ctx;
		p->kept_bytes -= b->cap;
	} else {
		b = block_new(k < CLASSES ? (size_t)1 << (CLASS_SHIFT + k) : len);
		if (!b)
			return NULL;
	}
	b->refs = 1;
	b->len = len;
	b->release = put_back;
	b->release_ctx = p;
	p->out++;
	p->out_bytes += b->cap;
	return b;
}

size_t pool_in_use(const struct pool *p)
{
	return p->out_bytes;
}

void pool_on_return(struct pool *p, void (*fn)(void *ctx), void *ctx)
{
	p->returned = fn;
	p->returned_ctx = ctx;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	for (unsigned k = 0; k < CLASSES; k++) {
		while (p->kept[k]) {
			struct block *b = p->kept[k];
			p->kept[k] = b->release_ctx;
			block_free(b);
		}
	}
	p->owned = false;
	pool_end(p);
}
