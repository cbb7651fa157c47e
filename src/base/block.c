/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/block.h"

#include "base/assert.h"

#include <stdlib.h>

#define BLOCK_ALIGN 4096

struct block *block_new(size_t len)
{
	size_t cap = (len + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
	if (cap < len)
		return NULL;
	struct block *b = malloc(sizeof(*b));
	if (!b)
		return NULL;
	*b = (struct block){.refs = 1, .len = len, .cap = cap};
	b->data = aligned_alloc(BLOCK_ALIGN, cap ? cap : BLOCK_ALIGN);
	if (!b->data) {
		free(b);
		return NULL;
	}
	return b;
}

struct block *block_ref(struct block *b)
{
	sm_assert(b->refs > 0 && b->refs < UINT32_MAX);
	b->refs++;
	return b;
}

void block_unref(struct block *b)
{
	if (!b)
		return;
	sm_assert(b->refs > 0);
	if (--b->refs > 0)
		return;
	if (b->release) {
		b->release(b, b->release_ctx);
		return;
	}
	free(b->data);
	free(b);
}
