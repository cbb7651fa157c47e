/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A buddy allocator of pages: runs of 2^order pages within a region of any number of pages. It
 * keeps its books apart from the region, whose memory others may see. What came back last is given
 * out first, so that the region is used no wider than is needed.
 */
#ifndef SHELL_BUDDY_H
#define SHELL_BUDDY_H

#include "base/units.h"

#define BUDDY_ORDERS 13 /* the longest run has 2^12 pages */
#define BUDDY_NONE   UINT32_MAX

struct buddy;

/* NULL when out of memory. pages: at least 1, below BUDDY_NONE. */
struct buddy *buddy_new(uint32_t pages);
void buddy_free(struct buddy *b);
/* The first page of a run of 2^order pages, BUDDY_NONE: there is none. */
uint32_t buddy_get(struct buddy *b, unsigned order);
/* Gives it back, with the order that it was taken with. */
void buddy_put(struct buddy *b, uint32_t page, unsigned order);
/* The order of the shortest run of at least n pages; BUDDY_ORDERS: none is that long. */
unsigned buddy_order(size_t pages);
/* Pages that are free. */
uint32_t buddy_left(const struct buddy *b);

#endif
