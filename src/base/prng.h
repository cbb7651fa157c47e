/* SPDX-License-Identifier: BSD-2-Clause */
/* A small seeded generator (splitmix64): randomness in cores and simulator comes from here only. */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include "base/units.h"

struct prng {
	uint64_t state;
};

struct prng prng_init(uint64_t seed);
uint64_t prng_u64(struct prng *g);
/* Uniform in 0..below-1; below > 0. */
uint64_t prng_below(struct prng *g, uint64_t below);

#endif
