/* SPDX-License-Identifier: BSD-2-Clause */
/* The generator: one seed, one sequence; bounds are kept and reached evenly. */
#include "base/prng.h"
#include "unit/tap_main.h"

#include <signal.h>

/* The first values of splitmix64, from its published reference. */
START_TEST(known_values)
{
	static const uint64_t of_1234567[] = {6457827717110365317ULL, 3203168211198807973ULL,
	                                      9817491932198370423ULL, 4593380528125082431ULL,
	                                      16408922859458223821ULL};
	struct prng g = prng_init(1234567);
	for (size_t i = 0; i < ARRAY_LEN(of_1234567); i++)
		ck_assert_uint_eq(prng_u64(&g), of_1234567[i]);
}
END_TEST

START_TEST(a_copy_goes_on_alike)
{
	struct prng g = prng_init(42);
	prng_u64(&g);
	struct prng copy = g;
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(prng_u64(&g), prng_u64(&copy));
}
END_TEST

START_TEST(keeps_bounds)
{
	static const uint64_t bounds[] = {1,         2, 3, 10, 255, 1ULL << 32, (1ULL << 63) + 1,
	                                  UINT64_MAX};
	struct prng g = prng_init(3);
	for (size_t b = 0; b < ARRAY_LEN(bounds); b++)
		for (int i = 0; i < 1000; i++)
			ck_assert_uint_lt(prng_below(&g, bounds[b]), bounds[b]);
}
END_TEST

START_TEST(all_values_are_about_as_likely)
{
	unsigned seen[6] = {0};
	struct prng g = prng_init(4);
	for (int i = 0; i < 60000; i++)
		seen[prng_below(&g, ARRAY_LEN(seen))]++;
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		ck_assert_msg(seen[i] > 9500 && seen[i] < 10500, "%zu came %u times", i, seen[i]);
}
END_TEST

START_TEST(nothing_is_below_zero)
{
	struct prng g = prng_init(5);
	prng_below(&g, 0);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const tests[] = {known_values, a_copy_goes_on_alike, keeps_bounds,
	                              all_values_are_about_as_likely};
	Suite *suite = tap_suite("prng", tests, ARRAY_LEN(tests));
	TCase *misuse = tcase_create("misuse");
	tcase_add_test_raise_signal(misuse, nothing_is_below_zero, SIGABRT);
	suite_add_tcase(suite, misuse);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
