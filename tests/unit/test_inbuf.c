/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes in, frames out: however the stream is cut, and where the bytes go. */
#include "unit/tap_main.h"

#include "shell/inbuf.h"
#include "unit/frame_samples.h"

#include <stdlib.h>
#include <string.h>

static struct inbuf in;
static char why[256];

/* Encodes head and data of a frame; returns the length. */
static size_t encode(const struct wire_frame *f, uint8_t *out, size_t cap)
{
	struct wr w = wr_init(out, cap);
	wire_put(&w, f);
	if (f->data)
		wr_bytes(&w, f->data->data, f->data->len);
	ck_assert(wr_ok(&w));
	return w.n;
}

static void put(const struct wire_frame *f, struct wr *w)
{
	size_t n = encode(f, w->p + w->n, w->cap - w->n);
	w->n += n;
}

static struct wire_frame script(struct block *data, uint32_t id)
{
	static uint8_t list[64];
	struct wr w = wr_init(list, sizeof(list));
	wire_put_plain(&w, ITEM_SELECT, 1, ITEM_ATN);
	return (struct wire_frame){
	        .type = WIRE_SCRIPT, .script = {.id = id, .items = {list, w.n}}, .data = data};
}

static struct block *pattern(size_t len, unsigned seed)
{
	struct block *b = block_new(len);
	ck_assert_ptr_nonnull(b);
	for (size_t i = 0; i < len; i++)
		b->data[i] = (uint8_t)(i * 31 + i / 251 + seed);
	return b;
}

/* Adds up to n bytes of p, as a read would; returns how many were taken. */
static size_t feed(const uint8_t *p, size_t n)
{
	struct iovec v[2];
	int count = inbuf_room(&in, v);
	size_t done = 0;

	for (int i = 0; i < count && done < n; i++) {
		size_t take = n - done < v[i].iov_len ? n - done : v[i].iov_len;
		memcpy(v[i].iov_base, p + done, take);
		done += take;
	}
	inbuf_added(&in, done);
	return done;
}

/* A stream of pings and data of many lengths, cut into pieces of all kinds of lengths. */
START_TEST(any_cut_gives_the_same_frames)
{
	static const size_t pieces[] = {1, 7, 11, 12, 13, 4095, 4096, 4097, 65537, SIZE_MAX};
	static const size_t lengths[] = {0, 1, 511, 4096, 40000, 262144, 700001, 0, 3};
	size_t piece = pieces[_i], cap = 2 * MIB;
	uint8_t *stream = malloc(cap);
	struct block *data[ARRAY_LEN(lengths)];
	struct wr w = wr_init(stream, cap);
	size_t frames = 0;

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		data[i] = lengths[i] ? pattern(lengths[i], (unsigned)i) : NULL;
		struct wire_frame f = script(data[i], (uint32_t)i + 1);
		put(&f, &w);
	}
	ck_assert(inbuf_init(&in));
	for (size_t at = 0; at < w.n;) {
		size_t left = w.n - at;
		at += feed(stream + at, left < piece ? left : piece);
		struct wire_frame f;
		enum inbuf_result r;
		while ((r = inbuf_next(&in, &f, why, sizeof(why))) == INBUF_FRAME) {
			ck_assert_uint_lt(frames, ARRAY_LEN(lengths));
			ck_assert_uint_eq(f.script.id, frames + 1);
			ck_assert((f.data != NULL) == (data[frames] != NULL));
			if (f.data) {
				ck_assert_uint_eq(f.data->len, lengths[frames]);
				ck_assert_mem_eq(f.data->data, data[frames]->data, f.data->len);
			}
			frames++;
		}
		ck_assert_int_eq(r, INBUF_MORE);
	}
	ck_assert_uint_eq(frames, ARRAY_LEN(lengths));
	ck_assert(!inbuf_partial(&in));
	inbuf_free(&in);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
		block_unref(data[i]);
	free(stream);
}
END_TEST

START_TEST(data_go_straight_into_their_block)
{
	const size_t len = 1 * MIB, first = 1000;
	uint8_t *stream = malloc(len + 200);
	struct block *data = pattern(len, 0);
	struct wire_frame f = script(data, 1);
	size_t n = encode(&f, stream, len + 200), head = n - len;
	struct iovec v[2];

	ck_assert(inbuf_init(&in));
	ck_assert_uint_eq(feed(stream, head + first), head + first);
	ck_assert_int_eq(inbuf_next(&in, &f, why, sizeof(why)), INBUF_MORE);
	/* The rest of the data, and a little more for the next head. */
	ck_assert_int_eq(inbuf_room(&in, v), 2);
	ck_assert_uint_eq(v[0].iov_len, len - first);
	ck_assert_uint_le(v[1].iov_len, 4096);
	uint8_t *rest = v[0].iov_base;
	inbuf_added(&in, 0);
	ck_assert_uint_eq(feed(stream + head + first, len - first), len - first);
	ck_assert_int_eq(inbuf_next(&in, &f, why, sizeof(why)), INBUF_FRAME);
	ck_assert_ptr_eq(f.data->data + first, rest);
	ck_assert_mem_eq(f.data->data, data->data, len);
	inbuf_free(&in);
	block_unref(data);
	free(stream);
}
END_TEST

START_TEST(a_kept_block_outlives_the_buffer)
{
	uint8_t stream[9000];
	struct block *data = pattern(5000, 3);
	struct wire_frame f = script(data, 1);
	size_t n = encode(&f, stream, sizeof(stream));

	ck_assert(inbuf_init(&in));
	for (size_t at = 0; at < n;) {
		at += feed(stream + at, n - at);
		(void)inbuf_next(&in, &f, why, sizeof(why));
	}
	ck_assert_ptr_nonnull(f.data);
	struct block *kept = block_ref(f.data);
	inbuf_free(&in);
	ck_assert_mem_eq(kept->data, data->data, 5000);
	block_unref(kept);
	block_unref(data);
}
END_TEST

START_TEST(memory_of_a_block_is_used_again)
{
	uint8_t *stream = malloc(70000);
	struct block *data = pattern(65536, 3);
	struct wire_frame f = script(data, 1);
	size_t n = encode(&f, stream, 70000);
	const uint8_t *first = NULL;

	ck_assert(inbuf_init(&in));
	for (int round = 0; round < 5; round++) {
		for (size_t at = 0; at < n;) {
			at += feed(stream + at, n - at);
			(void)inbuf_next(&in, &f, why, sizeof(why));
		}
		ck_assert_ptr_nonnull(f.data);
		if (round == 0)
			first = f.data->data;
		ck_assert_ptr_eq(f.data->data, first);
	}
	inbuf_free(&in);
	block_unref(data);
	free(stream);
}
END_TEST

/* Adds as many pings as there is room for; returns the bytes of room. */
static size_t fill_with_pings(void)
{
	uint8_t ping[32];
	struct wire_frame f = {.type = WIRE_PING};
	size_t n = encode(&f, ping, sizeof(ping));
	static size_t phase; /* where in a ping the last room ended */
	struct iovec v[2];

	ck_assert_int_eq(inbuf_room(&in, v), 1);
	for (size_t i = 0; i < v[0].iov_len; i++) {
		((uint8_t *)v[0].iov_base)[i] = ping[phase];
		phase = (phase + 1) % n;
	}
	inbuf_added(&in, v[0].iov_len);
	while (inbuf_next(&in, &f, why, sizeof(why)) == INBUF_FRAME)
		;
	return v[0].iov_len;
}

START_TEST(read_ahead_follows_what_comes)
{
	struct block *data = pattern(100000, 0);
	uint8_t *stream = malloc(110000);
	struct wire_frame f = script(data, 1);
	size_t n = encode(&f, stream, 110000), before = 0, room = 0;
	struct iovec v[2];

	ck_assert(inbuf_init(&in));
	/* Small frames that fill it: more and more, up to (nearly) the whole buffer. */
	for (int i = 0; i < 8; i++) {
		room = fill_with_pings();
		ck_assert_uint_ge(room + 32, before);
		before = room;
	}
	ck_assert_uint_ge(room, 255 * KIB);
	inbuf_free(&in);

	ck_assert(inbuf_init(&in));
	in.ahead = 64 * KIB;
	ck_assert_uint_eq(feed(stream, 1000), 1000);
	(void)inbuf_next(&in, &f, why, sizeof(why));
	ck_assert_uint_eq(feed(stream + 1000, n - 1000), n - 1000);
	ck_assert_int_eq(inbuf_next(&in, &f, why, sizeof(why)), INBUF_FRAME);
	ck_assert_int_eq(inbuf_room(&in, v), 1);
	ck_assert_uint_eq(v[0].iov_len, 4096);
	inbuf_free(&in);
	block_unref(data);
	free(stream);
}
END_TEST

/* Data in a ring do not follow: what comes next is the next frame. */
START_TEST(data_in_a_ring_are_not_waited_for)
{
	struct block *data = pattern(60000, 1);
	const struct wire_ref ref = {.ring = 8, .off = 4096, .gen = 3};
	struct wire_frame f = script(data, 7);
	uint8_t stream[400];
	struct wr w = wr_init(stream, sizeof(stream));

	wire_put_ref(&w, &f, &ref);
	size_t first = w.n;
	f = script(NULL, 8);
	put(&f, &w);
	ck_assert(inbuf_init(&in));
	for (size_t i = 0; i + 1 < first; i++) {
		ck_assert_uint_eq(feed(stream + i, 1), 1);
		ck_assert_int_eq(inbuf_next(&in, &f, why, sizeof(why)), INBUF_MORE);
	}
	ck_assert_uint_eq(feed(stream + first - 1, w.n - first + 1), w.n - first + 1);
	ck_assert_int_eq(inbuf_next(&in, &f, why, sizeof(why)), INBUF_FRAME);
	ck_assert_uint_eq(f.script.id, 7);
	ck_assert(f.in_ring && !f.data);
	ck_assert_uint_eq(in.header.data_len, 60000);
	ck_assert_uint_eq(f.ref.ring, 8);
	ck_assert_uint_eq(f.ref.off, 4096);
	ck_assert_uint_eq(f.ref.gen, 3);
	ck_assert_int_eq(inbuf_next(&in, &f, why, sizeof(why)), INBUF_FRAME);
	ck_assert_uint_eq(f.script.id, 8);
	ck_assert(!f.in_ring);
	ck_assert(!inbuf_partial(&in));
	inbuf_free(&in);
	block_unref(data);
}
END_TEST

START_TEST(bad_bytes_are_bad)
{
	struct wire_frame f = {.type = WIRE_PING};
	uint8_t stream[64];
	struct wr w = wr_init(stream, sizeof(stream));

	put(&f, &w);
	wr_u8(&w, 200);
	wr_zero(&w, 11);
	ck_assert(inbuf_init(&in));
	ck_assert_uint_eq(feed(stream, w.n), w.n);
	ck_assert_int_eq(inbuf_next(&in, &f, why, sizeof(why)), INBUF_FRAME);
	ck_assert_int_eq(inbuf_next(&in, &f, why, sizeof(why)), INBUF_BAD);
	ck_assert_str_eq(why, "frame type 200 is unknown");
	inbuf_free(&in);
}
END_TEST

TAP_MAIN_TABLE("inbuf", NULL, NULL, TAP_ONCE(data_go_straight_into_their_block),
               TAP_ONCE(a_kept_block_outlives_the_buffer),
               TAP_ONCE(memory_of_a_block_is_used_again), TAP_ONCE(read_ahead_follows_what_comes),
               TAP_ONCE(data_in_a_ring_are_not_waited_for), TAP_ONCE(bad_bytes_are_bad),
               TAP_TIMES(any_cut_gives_the_same_frames, 10));
