/* SPDX-License-Identifier: BSD-2-Clause */
/* Checksums by the check values of their catalogues, in one run and in pieces. */
#include "base/crc.h"
#include "base/prng.h"
#include "unit/tap_main.h"

#include <string.h>

typedef uint32_t crc_fn(uint32_t crc, const void *p, size_t n);

static const struct {
	crc_fn *fn;
	const char *data;
	size_t n;
	uint32_t crc;
} known[] = {
        {crc_data, "123456789", 9, 0xe3069283},
        {crc32c, "123456789", 9, 0xe3069283},
        {crc32c, "", 0, 0},
        {crc32c, "The quick brown fox jumps over the lazy dog", 43, 0x22620404},
};

START_TEST(known_values)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		ck_assert_msg(known[i].fn(0, known[i].data, known[i].n) == known[i].crc, "row %zu",
		              i);
}
END_TEST

/* RFC 3720, B.4: 32 bytes of zeros, ones, ascending, descending. */
START_TEST(known_values_of_iscsi)
{
	uint8_t buf[32] = {0};
	ck_assert_uint_eq(crc32c(0, buf, sizeof(buf)), 0x8a9136aa);
	memset(buf, 0xff, sizeof(buf));
	ck_assert_uint_eq(crc32c(0, buf, sizeof(buf)), 0x62a8ab43);
	for (unsigned i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)i;
	ck_assert_uint_eq(crc32c(0, buf, sizeof(buf)), 0x46dd794e);
	for (unsigned i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(31 - i);
	ck_assert_uint_eq(crc32c(0, buf, sizeof(buf)), 0x113fdb5c);
}
END_TEST

/* SBC-3, "CRC test cases" of the logical block guard; and the catalogue's check value. */
START_TEST(known_values_of_guards)
{
	uint8_t buf[32] = {0};
	ck_assert_uint_eq(crc16_guard("123456789", 9), 0xd0db);
	ck_assert_uint_eq(crc16_guard(buf, sizeof(buf)), 0x0000);
	memset(buf, 0xff, sizeof(buf));
	ck_assert_uint_eq(crc16_guard(buf, sizeof(buf)), 0xa293);
	for (unsigned i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)i;
	ck_assert_uint_eq(crc16_guard(buf, sizeof(buf)), 0x0224);
	memset(buf, 0, sizeof(buf));
	buf[0] = buf[1] = 0xff;
	ck_assert_uint_eq(crc16_guard(buf, sizeof(buf)), 0x21b8);
	for (unsigned i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(0xff - i);
	ck_assert_uint_eq(crc16_guard(buf, sizeof(buf)), 0xa0b7);
}
END_TEST

START_TEST(pieces_give_the_same)
{
	crc_fn *const fns[] = {crc_data, crc32c};
	uint8_t buf[1025];
	struct prng g = prng_init(7);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)prng_u64(&g);
	for (size_t f = 0; f < ARRAY_LEN(fns); f++) {
		uint32_t whole = fns[f](0, buf, sizeof(buf));
		for (size_t n = 0; n <= sizeof(buf); n++) {
			uint32_t head = fns[f](0, buf, n);
			ck_assert_uint_eq(fns[f](head, buf + n, sizeof(buf) - n), whole);
		}
	}
}
END_TEST

START_TEST(every_flipped_bit_shows)
{
	crc_fn *const fns[] = {crc_data, crc32c};
	uint8_t buf[64] = {0};
	for (size_t f = 0; f < ARRAY_LEN(fns); f++)
		for (size_t bit = 0; bit < sizeof(buf) * 8; bit++) {
			uint32_t before = fns[f](0, buf, sizeof(buf));
			buf[bit / 8] ^= (uint8_t)(1U << bit % 8);
			ck_assert_uint_ne(fns[f](0, buf, sizeof(buf)), before);
		}
}
END_TEST

TAP_MAIN("crc", known_values, known_values_of_iscsi, known_values_of_guards, pieces_give_the_same,
         every_flipped_bit_shows);
