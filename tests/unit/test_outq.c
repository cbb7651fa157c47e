/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "base/prng.h"
#include "shell/outq.h"

#include <stdlib.h>
#include <string.h>

static struct outq q;
static int no_fd;

static struct wire_frame script(uint32_t id, struct block *data)
{
	static uint8_t list[64];
	struct wr w = wr_init(list, sizeof(list));
	wire_put_plain(&w, ITEM_SELECT, 1, ITEM_ATN);
	return (struct wire_frame){
	        .type = WIRE_SCRIPT, .script = {.id = id, .items = {list, w.n}}, .data = data};
}

START_TEST(heads_join_into_one_piece)
{
	struct wire_frame f = {.type = WIRE_PING};
	struct block *data = block_new(1000);
	struct iovec v[8];

	ck_assert_int_eq(outq_peek(&q, v, 8, &no_fd), 0);
	for (int i = 0; i < 10; i++)
		ck_assert(outq_put(&q, &f, NULL, -1));
	ck_assert_int_eq(outq_peek(&q, v, 8, &no_fd), 1);
	ck_assert_uint_eq(v[0].iov_len, 200);
	struct wire_frame s = script(1, data);
	ck_assert(outq_put(&q, &s, NULL, -1));
	ck_assert(outq_put(&q, &f, NULL, -1));
	ck_assert_int_eq(outq_peek(&q, v, 8, &no_fd), 3);
	ck_assert_ptr_eq(v[1].iov_base, data->data);
	ck_assert_int_eq(outq_peek(&q, v, 2, &no_fd), 2);
	ck_assert_uint_eq(data->refs, 2);
	outq_take(&q, q.bytes - 21);
	ck_assert_uint_eq(data->refs, 2); /* one byte of it is still to go */
	outq_take(&q, 1);
	ck_assert_uint_eq(data->refs, 1);
	ck_assert_uint_eq(q.bytes, 20);
	outq_clear(&q);
	block_unref(data);
}
END_TEST

/* What comes out is what went in, however it is written: frames of many kinds, taken in pieces. */
START_TEST(the_stream_is_the_frames)
{
	struct prng g = prng_init(7);
	const size_t cap = 4 * MIB;
	uint8_t *want = malloc(cap), *got = malloc(cap);
	struct block *data = block_new(3000);
	struct wr w = wr_init(want, cap);
	size_t n = 0;

	for (size_t i = 0; i < data->len; i++)
		data->data[i] = (uint8_t)prng_u64(&g);
	for (uint32_t i = 1; i <= 1500; i++) {
		struct wire_frame f = script(i, prng_below(&g, 2) ? data : NULL);
		if (!f.data && prng_below(&g, 2))
			f.small = (struct span){data->data + i, prng_below(&g, 900)};
		ck_assert(outq_put(&q, &f, NULL, -1));
		wire_put(&w, &f);
		if (f.data)
			wr_bytes(&w, data->data, data->len);
		wr_bytes(&w, f.small.p, f.small.n);
		/* Written less than what comes, so that the ring grows and wraps. */
		for (uint64_t times = prng_below(&g, 3); times > 0 && q.bytes > 0; times--) {
			struct iovec v;
			ck_assert_int_eq(outq_peek(&q, &v, 1, &no_fd), 1);
			size_t part = 1 + prng_below(&g, v.iov_len);
			memcpy(got + n, v.iov_base, part);
			n += part;
			outq_take(&q, part);
		}
	}
	while (q.bytes > 0) {
		struct iovec v;
		(void)outq_peek(&q, &v, 1, &no_fd);
		memcpy(got + n, v.iov_base, v.iov_len);
		n += v.iov_len;
		outq_take(&q, v.iov_len);
	}
	ck_assert(wr_ok(&w));
	ck_assert_uint_eq(n, w.n);
	ck_assert_mem_eq(got, want, n);
	ck_assert_uint_eq(data->refs, 1);
	outq_clear(&q);
	block_unref(data);
	free(want);
	free(got);
}
END_TEST

START_TEST(short_data_beyond_a_chunk)
{
	static uint8_t large[200000];
	struct wire_frame f = script(1, NULL);
	struct iovec v[4];

	memset(large, 5, sizeof(large));
	f.small = (struct span){large, sizeof(large)};
	ck_assert(outq_put(&q, &f, NULL, -1));
	ck_assert_int_eq(outq_peek(&q, v, 4, &no_fd), 1);
	ck_assert_uint_gt(v[0].iov_len, sizeof(large));
	ck_assert_uint_eq(((const uint8_t *)v[0].iov_base)[v[0].iov_len - 1], 5);
	outq_clear(&q);
}
END_TEST

START_TEST(what_is_dropped_is_let_go)
{
	struct block *data = block_new(10);
	struct wire_frame f = script(1, data);

	for (int i = 0; i < 100; i++)
		ck_assert(outq_put(&q, &f, NULL, -1));
	ck_assert_uint_eq(data->refs, 101);
	outq_clear(&q);
	ck_assert_uint_eq(data->refs, 1);
	ck_assert_uint_eq(q.bytes, 0);
	/* And it can be used again. */
	ck_assert(outq_put(&q, &f, NULL, -1));
	outq_clear(&q);
	block_unref(data);
}
END_TEST

TAP_MAIN("outq", heads_join_into_one_piece, the_stream_is_the_frames, short_data_beyond_a_chunk,
         what_is_dropped_is_let_go);
