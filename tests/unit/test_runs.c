/* SPDX-License-Identifier: BSD-2-Clause */
#include "mirror/runs.h"
#include "base/prng.h"
#include "unit/tap_main.h"

#include <string.h>

static struct mir_list l;

START_TEST(runs_that_touch_are_one)
{
	mir_list_clear(&l);
	ck_assert(mir_list_add(&l, 10, 5) && mir_list_add(&l, 20, 5));
	ck_assert_uint_eq(l.n, 2);
	ck_assert(mir_list_add(&l, 15, 5));
	ck_assert_uint_eq(l.n, 1);
	ck_assert_uint_eq(mir_list_blocks(&l), 15);
	ck_assert(mir_list_add(&l, 0, 100));
	ck_assert_uint_eq(l.n, 1);
	ck_assert_uint_eq(mir_list_blocks(&l), 100);
	mir_list_check(&l);
}
END_TEST

START_TEST(removing_splits)
{
	struct mir_span s;

	mir_list_clear(&l);
	ck_assert(mir_list_add(&l, 0, 100) && mir_list_remove(&l, 40, 10));
	ck_assert_uint_eq(l.n, 2);
	ck_assert(!mir_list_meets(&l, 40, 10) && mir_list_meets(&l, 39, 1));
	ck_assert(mir_list_next(&l, 40, &s));
	ck_assert(s.lba == 50 && s.blocks == 50);
	ck_assert(mir_list_next(&l, 10, &s));
	ck_assert(s.lba == 10 && s.blocks == 30);
	ck_assert(!mir_list_next(&l, 100, &s));
}
END_TEST

START_TEST(a_full_list_changes_nothing)
{
	mir_list_clear(&l);
	for (unsigned i = 0; i < MIR_LIST_MAX; i++)
		ck_assert(mir_list_add(&l, i * 10, 5));
	ck_assert(!mir_list_add(&l, MIR_LIST_MAX * 10, 5));
	ck_assert(!mir_list_remove(&l, 12, 1));
	ck_assert_uint_eq(mir_list_blocks(&l), MIR_LIST_MAX * 5);
	ck_assert(mir_list_add(&l, 15, 5)); /* joins two */
	ck_assert(mir_list_add(&l, MIR_LIST_MAX * 10, 5));
	mir_list_check(&l);
}
END_TEST

/* Against a plain map of blocks. */
START_TEST(random_changes)
{
	struct prng g = prng_init((uint64_t)_i + 1);
	bool map[400] = {false};

	mir_list_clear(&l);
	for (unsigned step = 0; step < 500; step++) {
		lba_t lba = prng_below(&g, 360);
		uint64_t n = prng_below(&g, 40);
		bool add = prng_below(&g, 2);
		ck_assert(add ? mir_list_add(&l, lba, n) : mir_list_remove(&l, lba, n));
		memset(&map[lba], add, n);
		mir_list_check(&l);
		uint64_t count = 0;
		for (unsigned i = 0; i < ARRAY_LEN(map); i++) {
			count += map[i];
			ck_assert_int_eq(mir_list_meets(&l, i, 1), map[i]);
		}
		ck_assert_uint_eq(mir_list_blocks(&l), count);
	}
}
END_TEST

TAP_MAIN_TABLE("runs", NULL, NULL, TAP_ONCE(runs_that_touch_are_one), TAP_ONCE(removing_splits),
               TAP_ONCE(a_full_list_changes_nothing), TAP_TIMES(random_changes, 20));
