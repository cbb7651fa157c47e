/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/buddy.h"

#include "base/assert.h"

#include <stdlib.h>

/* Of the first page of a free run; of all others state is TAKEN. */
#define TAKEN 0xff

struct buddy_page {
	uint32_t next, prev; /* in the list of its order */
	uint8_t order;
};

struct buddy {
	uint32_t pages, left;
	uint32_t first[BUDDY_ORDERS];
	struct buddy_page page[];
};

static void push(struct buddy *b, uint32_t at, unsigned order)
{
	uint32_t next = b->first[order];

	b->page[at] =
	        (struct buddy_page){.next = next, .prev = BUDDY_NONE, .order = (uint8_t)order};
	if (next != BUDDY_NONE)
		b->page[next].prev = at;
	b->first[order] = at;
}

static void unlink_run(struct buddy *b, uint32_t at)
{
	struct buddy_page *p = &b->page[at];

	if (p->prev == BUDDY_NONE)
		b->first[p->order] = p->next;
	else
		b->page[p->prev].next = p->next;
	if (p->next != BUDDY_NONE)
		b->page[p->next].prev = p->prev;
	p->order = TAKEN;
}

struct buddy *buddy_new(uint32_t pages)
{
	struct buddy *b = calloc(1, sizeof(*b) + (size_t)pages * sizeof(b->page[0]));

	if (!b)
		return NULL;
	b->pages = b->left = pages;
	for (unsigned order = 0; order < BUDDY_ORDERS; order++)
		b->first[order] = BUDDY_NONE;
	for (uint32_t i = 0; i < pages; i++)
		b->page[i].order = TAKEN;
	/* The longest runs that lie at a multiple of their length. */
	for (uint32_t at = 0; at < pages;) {
		unsigned order = BUDDY_ORDERS - 1;
		while (at & ((1U << order) - 1) || (1U << order) > pages - at)
			order--;
		push(b, at, order);
		at += 1U << order;
	}
	return b;
}

void buddy_free(struct buddy *b)
{
	free(b);
}

uint32_t buddy_get(struct buddy *b, unsigned order)
{
	unsigned from = order;

	while (from < BUDDY_ORDERS && b->first[from] == BUDDY_NONE)
		from++;
	if (from >= BUDDY_ORDERS)
		return BUDDY_NONE;
	uint32_t at = b->first[from];
	unlink_run(b, at);
	while (from > order) { /* the upper half goes back */
		from--;
		push(b, at + (1U << from), from);
	}
	b->left -= 1U << order;
	return at;
}

void buddy_put(struct buddy *b, uint32_t page, unsigned order)
{
	sm_assert(order < BUDDY_ORDERS && page < b->pages && b->page[page].order == TAKEN);
	b->left += 1U << order;
	while (order + 1 < BUDDY_ORDERS) {
		uint32_t other = page ^ 1U << order;
		if (other >= b->pages || b->page[other].order != order)
			break;
		unlink_run(b, other);
		page &= ~(1U << order);
		order++;
	}
	push(b, page, order);
}

unsigned buddy_order(size_t pages)
{
	unsigned order = 0;

	while (order < BUDDY_ORDERS && (size_t)1 << order < pages)
		order++;
	return order;
}

uint32_t buddy_left(const struct buddy *b)
{
	return b->left;
}
