/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks: each reference is dropped once, the last one releases. */
#include "base/block.h"
#include "unit/tap_main.h"

#include <signal.h>
#include <string.h>

START_TEST(has_room_and_alignment)
{
	static const size_t lens[] = {0, 1, 512, 4095, 4096, 4097, 1 << 20};
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct block *b = block_new(lens[i]);
		ck_assert_ptr_nonnull(b);
		ck_assert_uint_eq(b->refs, 1);
		ck_assert_uint_eq(b->len, lens[i]);
		ck_assert_uint_ge(b->cap, lens[i]);
		ck_assert_uint_eq((uintptr_t)b->data % 4096, 0);
		memset(b->data, 0xa5, b->cap);
		block_unref(b);
	}
}
END_TEST

/* Lengths whose rounding up wraps. */
START_TEST(refuses_what_cannot_be)
{
	ck_assert_ptr_null(block_new(SIZE_MAX));
	ck_assert_ptr_null(block_new(SIZE_MAX - 4094));
}
END_TEST

static void count(struct block *b, void *ctx)
{
	ck_assert_uint_eq(b->refs, 0);
	++*(int *)ctx;
}

START_TEST(releases_with_the_last_reference)
{
	int released = 0;
	struct block b = {.refs = 1, .release = count, .release_ctx = &released};
	ck_assert_ptr_eq(block_ref(&b), &b);
	ck_assert_ptr_eq(block_ref(&b), &b);
	block_unref(&b);
	block_unref(&b);
	ck_assert_int_eq(released, 0);
	ck_assert_uint_eq(b.refs, 1);
	block_unref(&b);
	ck_assert_int_eq(released, 1);
}
END_TEST

START_TEST(no_block_needs_no_unref)
{
	block_unref(NULL);
}
END_TEST

START_TEST(a_released_block_is_not_referenced)
{
	struct block b = {.refs = 0};
	block_ref(&b);
}
END_TEST

START_TEST(a_released_block_is_not_dropped)
{
	struct block b = {.refs = 0};
	block_unref(&b);
}
END_TEST

START_TEST(references_do_not_wrap)
{
	struct block b = {.refs = UINT32_MAX};
	block_ref(&b);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const tests[] = {has_room_and_alignment, refuses_what_cannot_be,
	                              releases_with_the_last_reference, no_block_needs_no_unref};
	const TTest *const aborts[] = {a_released_block_is_not_referenced,
	                               a_released_block_is_not_dropped, references_do_not_wrap};
	Suite *suite = tap_suite("block", tests, ARRAY_LEN(tests));
	TCase *misuse = tcase_create("misuse");
	for (size_t i = 0; i < ARRAY_LEN(aborts); i++)
		tcase_add_test_raise_signal(misuse, aborts[i], SIGABRT);
	suite_add_tcase(suite, misuse);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
