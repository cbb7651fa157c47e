/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "base/prng.h"
#include "shell/outq.h"

#include <fcntl.h>
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

/* ---- rings ---- */

static struct ring *make(uint32_t number)
{
	char why[200];
	struct ring *r = ring_new(number, 1 * MIB, why, sizeof(why));
	if (!r)
		ck_abort_msg("%s", why);
	return r;
}

START_TEST(data_in_a_known_ring_do_not_travel)
{
	struct ring *known = make(5), *other = make(6);
	struct ring_set set = {0};
	struct block *in = ring_get(known, 5000), *out = ring_get(other, 5000);
	struct wire_frame f = script(1, in);
	struct wire_header h;
	struct wire_frame got;
	struct iovec v[8];
	char why[200];

	ck_assert(ring_set_add(&set, known));
	ck_assert(outq_put(&q, &f, &set, -1));
	ck_assert_int_eq(outq_peek(&q, v, 8, &no_fd), 1);
	ck_assert_uint_eq(v[0].iov_len, q.bytes);
	ck_assert_msg(wire_header_get(v[0].iov_base, &h, why, sizeof(why)), "%s", why);
	ck_assert(h.in_ring);
	ck_assert_uint_eq(h.data_len, 5000);
	ck_assert_uint_eq(h.head_len, v[0].iov_len - WIRE_HEADER_LEN);
	struct span head = {(uint8_t *)v[0].iov_base + WIRE_HEADER_LEN, h.head_len};
	ck_assert_msg(wire_get(&h, head, NULL, &got, why, sizeof(why)), "%s", why);
	ck_assert_uint_eq(got.ref.ring, 5);
	ck_assert_uint_eq(in->refs, 1); /* it is the sender's to keep it */
	/* What the peer does not know goes as before, and so does all when it knows none. */
	f = script(2, out);
	ck_assert(outq_put(&q, &f, &set, -1));
	ck_assert_int_eq(outq_peek(&q, v, 8, &no_fd), 2);
	ck_assert_ptr_eq(v[1].iov_base, out->data);
	f = script(3, in);
	ck_assert(outq_put(&q, &f, NULL, -1));
	ck_assert_int_eq(outq_peek(&q, v, 8, &no_fd), 4);
	ck_assert_ptr_eq(v[3].iov_base, in->data);
	ck_assert_uint_eq(in->refs, 2);
	/* A block holds its ring, also when the set has let it go. */
	ring_set_clear(&set);
	block_unref(in);
	ring_unref(known);
	outq_clear(&q);
	block_unref(out);
	ring_unref(other);
}
END_TEST

static int some_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(a_descriptor_goes_with_the_first_byte_of_its_frame)
{
	const struct wire_frame ping = {.type = WIRE_PING}; /* of 20 bytes */
	int first = some_fd(), second = some_fd(), fd = -2;
	struct iovec v[8];

	for (int i = 0; i < 3; i++)
		ck_assert(outq_put(&q, &ping, NULL, -1));
	ck_assert(outq_put(&q, &ping, NULL, first));
	ck_assert(outq_put(&q, &ping, NULL, -1));
	ck_assert(outq_put(&q, &ping, NULL, second));
	/* What was queued before goes without it. */
	ck_assert_int_eq(outq_peek(&q, v, 8, &fd), 1);
	ck_assert_int_eq(fd, -1);
	ck_assert_uint_eq(v[0].iov_len, 60);
	outq_take(&q, 59);
	ck_assert_int_eq(outq_peek(&q, v, 8, &fd), 1);
	ck_assert_int_eq(fd, -1);
	ck_assert_uint_eq(v[0].iov_len, 1);
	outq_take(&q, 1);
	ck_assert(is_open(first));
	/* What follows may go along, up to the next descriptor. */
	ck_assert_int_eq(outq_peek(&q, v, 8, &fd), 1);
	ck_assert_int_eq(fd, first);
	ck_assert_uint_eq(v[0].iov_len, 40);
	/* It has gone with the first byte: not again with the rest. */
	outq_take(&q, 1);
	ck_assert(!is_open(first));
	ck_assert_int_eq(outq_peek(&q, v, 8, &fd), 1);
	ck_assert_int_eq(fd, -1);
	ck_assert_uint_eq(v[0].iov_len, 39);
	outq_take(&q, 39);
	ck_assert(is_open(second));
	ck_assert_int_eq(outq_peek(&q, v, 8, &fd), 1);
	ck_assert_int_eq(fd, second);
	outq_take(&q, 20);
	ck_assert(!is_open(second));
	ck_assert_int_eq(outq_peek(&q, v, 8, &fd), 0);
	ck_assert_int_eq(fd, -1);
	outq_clear(&q);
}
END_TEST

START_TEST(descriptors_that_never_went_are_closed)
{
	const struct wire_frame ping = {.type = WIRE_PING};
	int fds[100];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) { /* the ring of pieces grows on the way */
		fds[i] = some_fd();
		ck_assert(outq_put(&q, &ping, NULL, fds[i]));
	}
	outq_take(&q, 30);
	ck_assert(!is_open(fds[0]) && !is_open(fds[1]) && is_open(fds[2]) && is_open(fds[99]));
	outq_clear(&q);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		ck_assert(!is_open(fds[i]));
}
END_TEST

TAP_MAIN("outq", heads_join_into_one_piece, the_stream_is_the_frames, short_data_beyond_a_chunk,
         what_is_dropped_is_let_go, data_in_a_known_ring_do_not_travel,
         a_descriptor_goes_with_the_first_byte_of_its_frame,
         descriptors_that_never_went_are_closed);
