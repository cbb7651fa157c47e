/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/prng.h"

#include "base/assert.h"

struct prng prng_init(uint64_t seed)
{
	return (struct prng){.state = seed};
}

uint64_t prng_u64(struct prng *g)
{
	uint64_t z = (g->state += 0x9E3779B97F4A7C15ULL);
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
	return z ^ (z >> 31);
}

uint64_t prng_below(struct prng *g, uint64_t below)
{
	sm_assert(below > 0);
	uint64_t v = prng_u64(g);
	/* Reject the short last stretch, so that every value is equally likely; it is shorter than
	 * `below`, and its length seldom needed. */
	if (v < below)
		for (uint64_t reject = (0 - below) % below; v < reject;)
			v = prng_u64(g);
	return v % below;
}
