/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hist.h"

#include "base/prng.h"
#include "unit/tap_main.h"

#include <stdlib.h>

static struct hist h;

START_TEST(empty)
{
	hist_clear(&h);
	ck_assert_uint_eq(h.n, 0);
	ck_assert_uint_eq(hist_at(&h, 1), 0);
	ck_assert_uint_eq(hist_at(&h, 1000), 0);
	ck_assert_uint_eq(hist_mean(&h), 0);
	hist_add(&h, 7);
	hist_clear(&h);
	ck_assert_uint_eq(hist_at(&h, 500), 0);
	hist_add(&h, 9);
	ck_assert_uint_eq(h.min, 9);
	ck_assert_uint_eq(h.max, 9);
}
END_TEST

START_TEST(small_values_are_exact)
{
	hist_clear(&h);
	for (uint64_t v = 0; v < 64; v++)
		hist_add(&h, v);
	ck_assert_uint_eq(hist_at(&h, 500), 31);
	ck_assert_uint_eq(hist_at(&h, 1000), 63);
	ck_assert_uint_eq(hist_at(&h, 1), 0);
	ck_assert_uint_eq(hist_mean(&h), 31);
}
END_TEST

START_TEST(one_value_is_told_exactly)
{
	static const uint64_t values[] = {0,
	                                  1,
	                                  63,
	                                  64,
	                                  65,
	                                  127,
	                                  128,
	                                  129,
	                                  1000,
	                                  123456789,
	                                  NS_PER_S,
	                                  (1ULL << 39),
	                                  (1ULL << 40) - 1,
	                                  1ULL << 40,
	                                  UINT64_MAX};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		hist_clear(&h);
		hist_add(&h, values[i]);
		/* The edge of its bucket is cut to the largest value. */
		ck_assert_uint_eq(hist_at(&h, 1), values[i]);
		ck_assert_uint_eq(hist_at(&h, 1000), values[i]);
		ck_assert_uint_eq(h.min, values[i]);
		ck_assert_uint_eq(h.max, values[i]);
	}
}
END_TEST

/* Never too little, and at most a 64th too much, wherever the value lies. */
START_TEST(resolution)
{
	for (unsigned bit = 0; bit < HIST_TOP_BITS; bit++) {
		for (uint64_t off = 0; off < 130; off++) {
			uint64_t v = (1ULL << bit) + off * ((1ULL << bit) / 130);
			hist_clear(&h);
			hist_add(&h, v);
			hist_add(&h, UINT64_MAX);
			uint64_t told = hist_at(&h, 500);
			ck_assert_uint_ge(told, v);
			ck_assert_uint_le(told - v, v / 64);
		}
	}
}
END_TEST

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

START_TEST(percentiles_of_many_values)
{
	static const unsigned at[] = {1, 100, 500, 900, 990, 999, 1000};
	static uint64_t v[20011];
	struct prng g = prng_init(5);
	uint64_t sum = 0;

	hist_clear(&h);
	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		v[i] = prng_u64(&g) >> (24 + prng_below(&g, 30));
		sum += v[i];
		hist_add(&h, v[i]);
	}
	qsort(v, ARRAY_LEN(v), sizeof(v[0]), by_size);
	for (size_t k = 0; k < ARRAY_LEN(at); k++) {
		size_t rank = (ARRAY_LEN(v) * at[k] + 999) / 1000;
		uint64_t exact = v[rank - 1], told = hist_at(&h, at[k]);
		ck_assert_uint_ge(told, exact);
		ck_assert_uint_le(told, exact + exact / 64);
	}
	ck_assert_uint_eq(h.min, v[0]);
	ck_assert_uint_eq(h.max, v[ARRAY_LEN(v) - 1]);
	ck_assert_uint_eq(hist_at(&h, 1000), h.max);
	ck_assert_uint_eq(hist_mean(&h), sum / ARRAY_LEN(v));
}
END_TEST

TAP_MAIN("hist", empty, small_values_are_exact, one_value_is_told_exactly, resolution,
         percentiles_of_many_values);
