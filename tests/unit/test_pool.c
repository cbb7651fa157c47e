/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "shell/pool.h"

#include <string.h>

START_TEST(a_released_block_is_used_again)
{
	struct pool *p = pool_new(1 * MIB);
	struct block *a = pool_get(p, 100000);
	const uint8_t *memory = a->data;

	ck_assert_uint_eq(a->len, 100000);
	ck_assert_uint_ge(a->cap, 100000);
	memset(a->data, 1, a->len);
	block_ref(a);
	block_unref(a);
	ck_assert_uint_eq(a->refs, 1);
	block_unref(a);
	/* Of the same class, another length. */
	struct block *b = pool_get(p, 70000);
	ck_assert_ptr_eq(b->data, memory);
	ck_assert_uint_eq(b->len, 70000);
	ck_assert_uint_eq(b->refs, 1);
	struct block *c = pool_get(p, 70000);
	ck_assert_ptr_ne(c->data, memory);
	block_unref(b);
	block_unref(c);
	pool_free(p);
}
END_TEST

START_TEST(what_is_kept_is_bounded)
{
	struct pool *p = pool_new(64 * KIB);
	struct block *b[4];
	const uint8_t *memory[4];

	for (int i = 0; i < 4; i++) {
		b[i] = pool_get(p, 32 * KIB);
		memory[i] = b[i]->data;
	}
	/* Two fit: those that come back last are freed. */
	for (int i = 0; i < 4; i++)
		block_unref(b[i]);
	b[0] = pool_get(p, 32 * KIB);
	b[1] = pool_get(p, 32 * KIB);
	ck_assert_ptr_eq(b[0]->data, memory[1]);
	ck_assert_ptr_eq(b[1]->data, memory[0]);
	block_unref(b[0]);
	block_unref(b[1]);
	pool_free(p);
}
END_TEST

START_TEST(blocks_outlive_their_owner)
{
	struct pool *p = pool_new(1 * MIB);
	struct block *a = pool_get(p, 5000), *b = pool_get(p, 5);

	block_unref(a);
	pool_free(p);
	memset(b->data, 7, b->len);
	block_unref(b);
}
END_TEST

START_TEST(lengths_at_the_edges)
{
	static const size_t lengths[] = {0, 1, 4096, 4097, 16 * MIB, 16 * MIB + 1};
	struct pool *p = pool_new(64 * MIB);

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct block *b = pool_get(p, lengths[i]);
		ck_assert_uint_eq(b->len, lengths[i]);
		ck_assert_uint_ge(b->cap, lengths[i]);
		if (lengths[i] > 0)
			b->data[lengths[i] - 1] = 1;
		block_unref(b);
	}
	pool_free(p);
}
END_TEST

TAP_MAIN("pool", a_released_block_is_used_again, what_is_kept_is_bounded,
         blocks_outlive_their_owner, lengths_at_the_edges);
