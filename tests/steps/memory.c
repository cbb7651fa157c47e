/* SPDX-License-Identifier: BSD-2-Clause */
/* What cores and shells allocate (the linker leads it here): it is counted, and fails on demand.
 * What the test itself allocates is only counted. */
#include "base/assert.h"
#include "base/block.h"
#include "steps/world.h"

#include <limits.h>
#include <stdlib.h>

/* The pieces that are in use: what libc gives out by itself (strdup()) is freed here, too, and is
 * none of them. */
#define PIECES (1U << 16)
static void *piece[PIECES];
static long live;
static unsigned fail_at;
static bool struck;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
void __wrap_free(void *p);

long memory_live(void)
{
	return live;
}

void memory_fail(unsigned at)
{
	fail_at = at;
	struck = false;
}

bool memory_struck(void)
{
	return struck;
}

static bool fails(void)
{
	bool now = fail_at == 1 || fail_at == UINT_MAX;

	if (fail_at > 0 && fail_at != UINT_MAX)
		fail_at--;
	struck |= now;
	return now;
}

static unsigned place(const void *p)
{
	return (unsigned)((uintptr_t)p / 16 * 0x9e3779b1U) % PIECES;
}

static void *counted(void *p)
{
	unsigned i = place(p);

	if (!p)
		return NULL;
	sm_assert(live < PIECES / 2);
	while (piece[i])
		i = (i + 1) % PIECES;
	piece[i] = p;
	live++;
	return p;
}

/* Those behind it, up to a gap, move up. */
static void uncounted(const void *p)
{
	unsigned i = place(p);

	while (piece[i] && piece[i] != p)
		i = (i + 1) % PIECES;
	if (!p || !piece[i])
		return;
	live--;
	piece[i] = NULL;
	for (i = (i + 1) % PIECES; piece[i]; i = (i + 1) % PIECES) {
		void *q = piece[i];
		piece[i] = NULL;
		live--;
		(void)counted(q);
	}
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
	uncounted(p);
	return counted(__real_realloc(p, n)); /* the test's own: it does not fail */
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
	return fails() ? NULL : counted(__real_aligned_alloc(align, n));
}

void __wrap_free(void *p)
{
	uncounted(p);
	__real_free(p);
}

void *memory_own(size_t n)
{
	void *p = __real_malloc(n);

	sm_assert(p != NULL);
	return counted(p);
}

struct block *memory_block(size_t n)
{
	unsigned at = fail_at;
	struct block *b;

	fail_at = 0;
	b = block_new(n);
	fail_at = at;
	return b;
}
