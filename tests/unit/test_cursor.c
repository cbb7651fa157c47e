/* SPDX-License-Identifier: BSD-2-Clause */
/* Cursors: what is written is read again, and neither end can be left. */
#include "base/cursor.h"
#include "base/prng.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <string.h>

/* One value of each width; the expected bytes are big-endian. */
static const char all_hex[] = "01 0203 040506 0708090a 0b0c0d0e0f101112 aabb 0000";
#define ALL_LEN 22

static void put_all(struct wr *w)
{
	wr_u8(w, 0x01);
	wr_u16(w, 0x0203);
	wr_u24(w, 0x040506);
	wr_u32(w, 0x0708090a);
	wr_u64(w, 0x0b0c0d0e0f101112);
	wr_bytes(w, "\xaa\xbb", 2);
	wr_zero(w, 2);
}

/* True when every value came out as put_all() wrote it. */
static bool get_all(struct rd *r)
{
	bool ok = rd_u8(r) == 0x01;
	ok = rd_u16(r) == 0x0203 && ok;
	ok = rd_u24(r) == 0x040506 && ok;
	ok = rd_u32(r) == 0x0708090a && ok;
	ok = rd_u64(r) == 0x0b0c0d0e0f101112 && ok;
	struct span s = rd_bytes(r, 2);
	ok = s.n == 2 && memcmp(s.p, "\xaa\xbb", 2) == 0 && ok;
	rd_skip(r, 2);
	return ok;
}

START_TEST(writes_and_reads_each_width)
{
	uint8_t buf[ALL_LEN];
	struct wr w = wr_init(buf, sizeof(buf));
	put_all(&w);
	ck_assert(wr_ok(&w));
	ck_assert_uint_eq(w.n, ALL_LEN);
	hex_assert(buf, w.n, all_hex);
	struct rd r = rd_init(buf, w.n);
	ck_assert_uint_eq(rd_left(&r), ALL_LEN);
	ck_assert(get_all(&r));
	ck_assert(rd_done(&r));
	ck_assert_uint_eq(rd_left(&r), 0);
}
END_TEST

START_TEST(a_truncation_is_an_error)
{
	uint8_t buf[ALL_LEN + 1];
	hex_get(all_hex, buf, sizeof(buf));
	for (size_t n = 0; n < ALL_LEN; n++) {
		struct rd r = rd_init(buf, n);
		get_all(&r);
		ck_assert_msg(r.error && !rd_done(&r), "%zu bytes", n);
		ck_assert_uint_eq(rd_left(&r), 0);
	}
	struct rd r = rd_init(buf, ALL_LEN + 1);
	get_all(&r);
	ck_assert(!r.error && !rd_done(&r));
	ck_assert_uint_eq(rd_left(&r), 1);
}
END_TEST

START_TEST(a_small_buffer_is_an_error)
{
	for (size_t cap = 0; cap < ALL_LEN; cap++) {
		uint8_t buf[ALL_LEN];
		memset(buf, 0x55, sizeof(buf));
		struct wr w = wr_init(buf, cap);
		put_all(&w);
		ck_assert_msg(!wr_ok(&w) && w.n <= cap, "room for %zu", cap);
		for (size_t i = cap; i < sizeof(buf); i++)
			ck_assert_uint_eq(buf[i], 0x55);
	}
}
END_TEST

START_TEST(an_error_sticks)
{
	uint8_t buf[4] = {1, 2, 3, 4};
	struct rd r = rd_init(buf, sizeof(buf));
	ck_assert_uint_eq(rd_u64(&r), 0);
	ck_assert_uint_eq(rd_u8(&r), 0);
	ck_assert_uint_eq(rd_u16(&r), 0);
	ck_assert_uint_eq(rd_u24(&r), 0);
	ck_assert_uint_eq(rd_u32(&r), 0);
	struct span s = rd_bytes(&r, 1);
	ck_assert(!s.p && s.n == 0);
	struct wr w = wr_init(buf, sizeof(buf));
	wr_u64(&w, 9);
	wr_u8(&w, 9);
	wr_zero(&w, 1);
	wr_padded(&w, "x", 1, 2, 0);
	wr_at_u8(&w, 0, 9);
	ck_assert(!wr_ok(&w));
	hex_assert(buf, 4, "01020304");
	r = rd_init(buf, sizeof(buf));
	rd_fail(&r);
	ck_assert(!rd_done(&r));
	ck_assert_uint_eq(rd_u8(&r), 0);
}
END_TEST

START_TEST(copies_or_zeroes)
{
	uint8_t buf[3] = {1, 2, 3}, out[3] = {9, 9, 9};
	struct rd r = rd_init(buf, sizeof(buf));
	rd_copy(&r, out, 2);
	hex_assert(out, 3, "010209");
	rd_copy(&r, out, 0);
	ck_assert(!r.error);
	rd_copy(&r, out, 3);
	ck_assert(r.error);
	hex_assert(out, 3, "000000");
}
END_TEST

START_TEST(huge_counts_do_not_wrap)
{
	uint8_t buf[8] = {0};
	struct rd r = rd_init(buf, sizeof(buf));
	rd_skip(&r, 1);
	rd_skip(&r, SIZE_MAX);
	ck_assert(r.error);
	struct wr w = wr_init(buf, sizeof(buf));
	wr_u8(&w, 1);
	wr_zero(&w, SIZE_MAX);
	ck_assert(!wr_ok(&w));
	w = wr_init(buf, sizeof(buf));
	wr_zero(&w, 8);
	wr_at_u16(&w, SIZE_MAX, 1);
	ck_assert(!wr_ok(&w));
}
END_TEST

START_TEST(nothing_of_nothing)
{
	struct rd r = rd_init(NULL, 0);
	struct wr w = wr_init(NULL, 0);
	rd_skip(&r, 0);
	rd_copy(&r, NULL, 0);
	ck_assert_uint_eq(rd_bytes(&r, 0).n, 0);
	ck_assert(rd_done(&r));
	wr_bytes(&w, NULL, 0);
	wr_zero(&w, 0);
	wr_padded(&w, NULL, 0, 0, ' ');
	ck_assert(wr_ok(&w));
	wr_u8(&w, 0);
	ck_assert(!wr_ok(&w));
}
END_TEST

START_TEST(pads_and_cuts)
{
	uint8_t buf[12];
	struct wr w = wr_init(buf, sizeof(buf));
	wr_padded(&w, "SMIRROR", 7, 8, ' ');
	wr_padded(&w, "CUTOFF", 6, 3, ' ');
	wr_padded(&w, NULL, 0, 1, '-');
	ck_assert(wr_ok(&w));
	ck_assert_mem_eq(buf, "SMIRROR CUT-", 12);
	wr_padded(&w, "x", 1, 1, 0);
	ck_assert(!wr_ok(&w));
}
END_TEST

START_TEST(overwrites_what_was_written)
{
	uint8_t buf[8];
	struct wr w = wr_init(buf, sizeof(buf));
	wr_zero(&w, 7);
	wr_at_u8(&w, 0, 1);
	wr_at_u16(&w, 1, 0x0203);
	wr_at_u32(&w, 3, 0x04050607);
	ck_assert(wr_ok(&w));
	ck_assert_uint_eq(w.n, 7);
	hex_assert(buf, 7, "01020304050607");
}
END_TEST

START_TEST(overwrites_nothing_else)
{
	static const struct {
		size_t at, width;
	} bad[] = {{7, 1}, {6, 2}, {4, 4}, {7, 2}, {8, 1}};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t buf[8] = {0};
		struct wr w = wr_init(buf, sizeof(buf));
		wr_zero(&w, 7);
		if (bad[i].width == 1)
			wr_at_u8(&w, bad[i].at, 0xff);
		else if (bad[i].width == 2)
			wr_at_u16(&w, bad[i].at, 0xffff);
		else
			wr_at_u32(&w, bad[i].at, 0xffffffff);
		ck_assert_msg(!wr_ok(&w), "%zu bytes at %zu", bad[i].width, bad[i].at);
		hex_assert(buf, 8, "0000000000000000");
	}
}
END_TEST

START_TEST(unaligned_access)
{
	struct prng g = prng_init(1);
	for (int i = 0; i < 1000; i++) {
		uint8_t buf[9];
		uint64_t v = prng_u64(&g);
		put_be64(buf + 1, v);
		ck_assert_uint_eq(get_be64(buf + 1), v);
		put_be32(buf + 1, (uint32_t)v);
		ck_assert_uint_eq(get_be32(buf + 1), (uint32_t)v);
		put_be24(buf + 1, (uint32_t)v);
		ck_assert_uint_eq(get_be24(buf + 1), v & 0xffffff);
		put_be16(buf + 1, (uint16_t)v);
		ck_assert_uint_eq(get_be16(buf + 1), (uint16_t)v);
	}
}
END_TEST

TAP_MAIN("cursor", writes_and_reads_each_width, a_truncation_is_an_error,
         a_small_buffer_is_an_error, an_error_sticks, copies_or_zeroes, huge_counts_do_not_wrap,
         nothing_of_nothing, pads_and_cuts, overwrites_what_was_written, overwrites_nothing_else,
         unaligned_access);
