/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hist.h"

#include "base/assert.h"

#include <string.h>

#define PARTS (1U << HIST_PART_BITS)

void hist_clear(struct hist *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

/* Below PARTS each value has its own bucket; from there on PARTS buckets a power of two. */
static unsigned bucket_of(uint64_t value)
{
	if (value >> HIST_TOP_BITS)
		return HIST_BUCKETS - 1;
	if (value < PARTS)
		return (unsigned)value;
	unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HIST_PART_BITS;
	return (shift << HIST_PART_BITS) + (unsigned)(value >> shift);
}

/* The largest value of a bucket. */
static uint64_t edge_of(unsigned bucket)
{
	if (bucket < PARTS)
		return bucket;
	unsigned shift = (bucket >> HIST_PART_BITS) - 1;
	uint64_t part = (bucket & (PARTS - 1)) + PARTS;
	return ((part + 1) << shift) - 1;
}

void hist_add(struct hist *h, uint64_t value)
{
	h->n++;
	h->sum += value;
	if (value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->count[bucket_of(value)]++;
}

uint64_t hist_at(const struct hist *h, unsigned thousandths)
{
	uint64_t seen = 0;

	sm_assert(thousandths > 0 && thousandths <= 1000);
	/* Rounded up, without a product that could overflow. */
	uint64_t rank = h->n / 1000 * thousandths + (h->n % 1000 * thousandths + 999) / 1000;
	if (h->n == 0)
		return 0;
	for (unsigned i = 0; i + 1 < HIST_BUCKETS; i++) {
		seen += h->count[i];
		if (seen >= rank)
			return edge_of(i) < h->max ? edge_of(i) : h->max;
	}
	return h->max;
}

uint64_t hist_mean(const struct hist *h)
{
	return h->n ? h->sum / h->n : 0;
}
