/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of the cores, for a process that makes and frees thousands of them. They have tables
 * of up to hundreds of megabytes, of which a run touches little: from the system each touched page
 * is a fault, from malloc() all of it is zeroed each time. So what is large keeps its pages here
 * when it is freed, and of what has to be zero only pages that were ever touched are zeroed. By the
 * linker's --wrap; what is small, and what libraries allocate, is malloc()'s as ever.
 *
 * Not with AddressSanitizer, which is to see each of them.
 */
#include "base/assert.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t align, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t n);
void __wrap_free(void *p);

#define PAGE     4096U
#define LARGE    (32U * 1024) /* what is no smaller is here */
#define ROOM     (1ULL << 34) /* of addresses: none of it is memory before it is touched */
#define SIZES    64           /* different ones */
#define LOOK_MAX 16384        /* pages that one look at what was touched is for */

struct piece { /* in the page before it */
	size_t pages;
	struct piece *next;
	bool zero;
};

static struct {
	uint8_t *base, *at, *end;
	struct {
		size_t pages;
		struct piece *first;
	} size[SIZES];
	unsigned sizes;
} room;

void sim_keep_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
	if (room.base)
		return;
	void *p = mmap(NULL, ROOM, PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return; /* slower */
	room.base = room.at = p;
	room.end = room.base + ROOM;
#endif
}

static uint8_t *bytes_of(struct piece *p)
{
	return (uint8_t *)p + PAGE;
}

static struct piece **kept(size_t pages)
{
	unsigned i = 0;

	while (i < room.sizes && room.size[i].pages != pages)
		i++;
	if (i == SIZES)
		return NULL;
	if (i == room.sizes)
		room.size[room.sizes++].pages = pages;
	return &room.size[i].first;
}

/* Zeroes what was touched: of the rest the system will give zeros. */
static void clean(struct piece *p)
{
	static union {
		unsigned char page[LOOK_MAX];
		uint64_t all[LOOK_MAX / 8];
	} there;

	for (size_t at = 0; at < p->pages; at += LOOK_MAX) {
		uint8_t *from = bytes_of(p) + at * PAGE;
		size_t n = p->pages - at < LOOK_MAX ? p->pages - at : LOOK_MAX;
		sm_assert(mincore(from, n * PAGE, there.page) == 0);
		for (size_t i = 0; i < n; i++) {
			if (i % 8 == 0 && i + 8 <= n && there.all[i / 8] == 0)
				i += 7;
			else if (there.page[i] & 1)
				memset(from + i * PAGE, 0, PAGE);
		}
	}
	p->zero = true;
}

static void *take(size_t n, bool zero)
{
	size_t pages = (n + PAGE - 1) / PAGE;
	struct piece **list = kept(pages);
	struct piece *p;

	if (!list || (!*list && (size_t)(room.end - room.at) / PAGE <= pages))
		return NULL;
	p = *list;
	if (p) {
		*list = p->next;
	} else {
		p = (struct piece *)(void *)room.at;
		room.at += (pages + 1) * PAGE;
		*p = (struct piece){.pages = pages, .zero = true};
	}
	if (zero && !p->zero)
		clean(p);
	p->zero = false;
	return bytes_of(p);
}

static bool is_ours(size_t n)
{
	return n >= LARGE && room.base;
}

void *__wrap_malloc(size_t n)
{
	void *p = is_ours(n) ? take(n, false) : NULL;

	return p ? p : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	size_t all;
	void *p = !__builtin_mul_overflow(n, size, &all) && is_ours(all) ? take(all, true) : NULL;

	return p ? p : __real_calloc(n, size);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
	void *p = align <= PAGE && n >= PAGE && room.base ? take(n, false) : NULL;

	return p ? p : __real_aligned_alloc(align, n);
}

void __wrap_free(void *v)
{
	uint8_t *at = v;
	struct piece *p, **list;

	if (!room.base || at < room.base || at >= room.end) {
		__real_free(v);
		return;
	}
	p = (struct piece *)(void *)(at - PAGE);
	list = kept(p->pages);
	sm_assert(list);
	p->next = *list;
	*list = p;
}
