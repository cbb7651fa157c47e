/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A histogram of fixed size with log-linear buckets (as HdrHistogram's): each power of two is cut
 * into 64 equal parts, so that what it tells of a value is at most 1/64 (1.6 %) too much, and
 * values below 64 are exact. The smallest and the largest value are kept exactly.
 */
#ifndef BASE_HIST_H
#define BASE_HIST_H

#include "base/units.h"

#define HIST_PART_BITS 6
#define HIST_TOP_BITS                                                                              \
	40 /* values from 2^40 on (18 minutes, in nanoseconds) share the last bucket */
#define HIST_BUCKETS (((HIST_TOP_BITS - HIST_PART_BITS + 1) << HIST_PART_BITS) + 1)

struct hist {
	uint64_t n, sum; /* how many values, and what they come to; the sum may wrap after centuries
	                    of nanoseconds */
	uint64_t min, max;
	uint64_t count[HIST_BUCKETS];
};

void hist_clear(struct hist *h);
void hist_add(struct hist *h, uint64_t value);
/* A value that at least this part of all values (in thousandths, 1 to 1000) does not exceed: the
 * upper edge of the bucket that holds the smallest such, at most the largest value. 0 when it is
 * empty. */
uint64_t hist_at(const struct hist *h, unsigned thousandths);
/* 0 when it is empty. */
uint64_t hist_mean(const struct hist *h);

#endif
