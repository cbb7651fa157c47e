/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "base/prng.h"
#include "shell/buddy.h"

#include <stdlib.h>
#include <string.h>

START_TEST(a_length_has_its_order)
{
	static const struct {
		size_t pages;
		unsigned order;
	} rows[] = {{1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {4095, 12}, {4096, 12}, {4097, 13}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_uint_eq(buddy_order(rows[i].pages), rows[i].order);
	ck_assert_uint_eq(buddy_order(SIZE_MAX), BUDDY_ORDERS);
}
END_TEST

START_TEST(all_is_given_out_once_and_joins_again)
{
	const uint32_t pages = 4096 + 64 + 1;
	struct buddy *b = buddy_new(pages);
	bool *seen = calloc(pages, sizeof(bool));

	for (uint32_t i = 0; i < pages; i++) {
		uint32_t at = buddy_get(b, 0);
		ck_assert_uint_lt(at, pages);
		ck_assert(!seen[at]);
		seen[at] = true;
	}
	ck_assert_uint_eq(buddy_left(b), 0);
	ck_assert_uint_eq(buddy_get(b, 0), BUDDY_NONE);
	for (uint32_t i = 0; i < pages; i++)
		buddy_put(b, i, 0);
	ck_assert_uint_eq(buddy_left(b), pages);
	ck_assert_uint_eq(buddy_get(b, 12), 0);
	ck_assert_uint_eq(buddy_get(b, 6), 4096);
	ck_assert_uint_eq(buddy_get(b, 1), BUDDY_NONE);
	ck_assert_uint_eq(buddy_get(b, 0), 4160);
	free(seen);
	buddy_free(b);
}
END_TEST

START_TEST(the_last_that_came_back_is_the_next)
{
	struct buddy *b = buddy_new(1024);
	uint32_t first = buddy_get(b, 6), second = buddy_get(b, 6), third = buddy_get(b, 6);

	ck_assert(first != second && second != third);
	buddy_put(b, second, 6);
	ck_assert_uint_eq(buddy_get(b, 6), second);
	buddy_free(b);
}
END_TEST

/* Against a map of who has which page. */
static void overlap_run(uint64_t seed)
{
	enum { PAGES = 1500, HELD = 64 };
	struct prng g = prng_init(seed);
	struct buddy *b = buddy_new(PAGES);
	bool taken[PAGES] = {false};
	struct {
		uint32_t at;
		unsigned order;
		bool used;
	} held[HELD] = {{0}};
	uint32_t left = PAGES;

	for (int step = 0; step < 20000; step++) {
		unsigned k = (unsigned)prng_below(&g, HELD);
		if (!held[k].used) {
			held[k].order = (unsigned)prng_below(&g, 9);
			held[k].at = buddy_get(b, held[k].order);
			held[k].used = held[k].at != BUDDY_NONE;
		} else {
			buddy_put(b, held[k].at, held[k].order);
			held[k].used = false;
			for (uint32_t i = 0; i < 1U << held[k].order; i++)
				taken[held[k].at + i] = false;
			left += 1U << held[k].order;
			continue;
		}
		if (!held[k].used)
			continue;
		ck_assert_uint_eq(held[k].at % (1U << held[k].order), 0);
		ck_assert_uint_le(held[k].at + (1U << held[k].order), PAGES);
		for (uint32_t i = 0; i < 1U << held[k].order; i++) {
			ck_assert(!taken[held[k].at + i]);
			taken[held[k].at + i] = true;
		}
		left -= 1U << held[k].order;
		ck_assert_uint_eq(buddy_left(b), left);
	}
	buddy_free(b);
}

START_TEST(runs_never_overlap)
{
	for (uint64_t seed = 1; seed <= 5; seed++)
		overlap_run(seed);
}
END_TEST

TAP_MAIN("buddy", a_length_has_its_order, all_is_given_out_once_and_joins_again,
         the_last_that_came_back_is_the_next, runs_never_overlap);
