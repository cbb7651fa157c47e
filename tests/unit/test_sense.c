/* SPDX-License-Identifier: BSD-2-Clause */
/* Sense data in both formats, byte for byte, and what is cut short or malformed. */
#include "scsi/sense.h"
#include "base/prng.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <string.h>

#define FIXED      false
#define DESCRIPTOR true

static const struct {
	struct scsi_sense sense;
	bool format;
	const char *hex;
} rows[] = {
        {{0}, FIXED, "70 00 00 00000000 0a 00000000 0000 00 000000"},
        {{0}, DESCRIPTOR, "72 00 0000 000000 00"},
        {{.key = 6, .asc = 0x29, .ascq = 7, .deferred = true},
         FIXED,
         "71 00 06 00000000 0a 00000000 2907 00 000000"},
        {{.key = 6, .asc = 0x29, .ascq = 7, .deferred = true}, DESCRIPTOR, "73 06 2907 000000 00"},
        {{.key = 3, .asc = 0x0c, .info_valid = true, .info = 0x12345678},
         FIXED,
         "f0 00 03 12345678 0a 00000000 0c00 00 000000"},
        {{.key = 3, .asc = 0x0c, .info_valid = true, .info = 0x123456789abcdef0},
         DESCRIPTOR,
         "72 03 0c00 000000 0c 000a8000123456789abcdef0"},
        {{.key = 5, .asc = 0x24, .sks_valid = true, .sks_cd = true, .sks_bit = 3, .sks_field = 1},
         FIXED,
         "70 00 05 00000000 0a 00000000 2400 00 cb0001"},
        {{.key = 5, .asc = 0x26, .sks_valid = true, .sks_bit = 0xff, .sks_field = 0x0102},
         FIXED,
         "70 00 05 00000000 0a 00000000 2600 00 800102"},
        {{.key = 5, .asc = 0x24, .sks_valid = true, .sks_cd = true, .sks_bit = 0, .sks_field = 14},
         DESCRIPTOR,
         "72 05 2400 000000 08 02060000c8000e00"},
        {{.key = 5,
          .asc = 0x21,
          .info_valid = true,
          .info = UINT64_MAX,
          .sks_valid = true,
          .sks_bit = 0xff,
          .sks_field = 0xffff},
         DESCRIPTOR,
         "72 05 2100 000000 14 000a8000ffffffffffffffff 0206000080ffff00"},
};

static void check_equal(const struct scsi_sense *a, const struct scsi_sense *b)
{
	ck_assert(scsi_sense_is(a, b));
	ck_assert_int_eq(a->deferred, b->deferred);
	ck_assert_int_eq(a->info_valid, b->info_valid);
	ck_assert_uint_eq(a->info, b->info);
	ck_assert_int_eq(a->sks_valid, b->sks_valid);
	ck_assert_int_eq(a->sks_cd, b->sks_cd);
	ck_assert_uint_eq(a->sks_bit, b->sks_bit);
	ck_assert_uint_eq(a->sks_field, b->sks_field);
	ck_assert_int_eq(a->has_progress, b->has_progress);
	ck_assert_uint_eq(a->progress, b->progress);
}

START_TEST(there_and_back)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[SCSI_SENSE_MAX];
		struct scsi_sense s;
		size_t n = scsi_sense_put(&rows[i].sense, rows[i].format, buf, sizeof(buf));
		hex_assert(buf, n, rows[i].hex);
		ck_assert(scsi_sense_get((struct span){buf, n}, &s));
		check_equal(&s, &rows[i].sense);
		for (size_t cap = 0; cap < n; cap++)
			ck_assert_uint_eq(scsi_sense_put(&rows[i].sense, rows[i].format, buf, cap),
			                  0);
	}
}
END_TEST

static const struct scsi_sense *const all[] = {
#define SCSI_SENSE(sym, key, asc, ascq, text) &SENSE_##sym,
#include "scsi/sense.def"
#undef SCSI_SENSE
};

/* Any value of the table with anything beside it. */
START_TEST(there_and_back_at_random)
{
	struct prng g = prng_init(11);
	for (int i = 0; i < 20000; i++) {
		struct scsi_sense s = *all[prng_below(&g, ARRAY_LEN(all))], back;
		bool format = prng_below(&g, 2);
		uint8_t buf[SCSI_SENSE_MAX];
		s.deferred = prng_below(&g, 2);
		if (prng_below(&g, 2))
			s = scsi_sense_info(s, prng_u64(&g) >> (format == FIXED ? 32 : 0));
		if (prng_below(&g, 2))
			s = scsi_sense_field(s, prng_below(&g, 2), (uint16_t)prng_u64(&g),
			                     (uint8_t)prng_below(&g, 10));
		size_t n = scsi_sense_put(&s, format, buf, sizeof(buf));
		ck_assert_uint_gt(n, 0);
		ck_assert(scsi_sense_get((struct span){buf, n}, &back));
		check_equal(&back, &s);
	}
}
END_TEST

START_TEST(a_wide_information_has_no_place_in_the_fixed_format)
{
	struct scsi_sense s = scsi_sense_info(SENSE_WRITE_ERROR, 1ULL << 32), back;
	uint8_t buf[SCSI_SENSE_FIXED_LEN];
	size_t n = scsi_sense_put(&s, FIXED, buf, sizeof(buf));
	hex_assert(buf, n, "70 00 03 00000000 0a 00000000 0c00 00 000000");
	ck_assert(scsi_sense_get((struct span){buf, n}, &back));
	ck_assert(!back.info_valid);
}
END_TEST

START_TEST(only_illegal_request_has_a_field_pointer)
{
	uint8_t buf[SCSI_SENSE_MAX];
	struct scsi_sense s = scsi_sense_field(SENSE_WRITE_ERROR, true, 2, 3);
	ck_assert(!s.sks_valid);
	s = (struct scsi_sense){.key = KEY_MEDIUM_ERROR, .sks_valid = true, .sks_field = 2};
	hex_assert(buf, scsi_sense_put(&s, FIXED, buf, sizeof(buf)),
	           "70 00 03 00000000 0a 00000000 0000 00 000000");
	hex_assert(buf, scsi_sense_put(&s, DESCRIPTOR, buf, sizeof(buf)), "72 03 0000 000000 00");
	/* A retry count is no field pointer. */
	size_t n = hex_get("70 00 03 00000000 0a 00000000 1100 00 800005", buf, sizeof(buf));
	ck_assert(scsi_sense_get((struct span){buf, n}, &s));
	ck_assert(!s.sks_valid);
	/* A bit that is none. */
	s = scsi_sense_field(SENSE_INVALID_FIELD_IN_CDB, true, 2, 8);
	ck_assert_uint_eq(s.sks_bit, 0xff);
}
END_TEST

/* Less than key, ASC and ASCQ is nothing; less than the rest is less. */
START_TEST(cut_short)
{
	static const char fixed[] = "f0 00 05 00000001 0a 00000000 2400 00 cf0002";
	static const char descriptor[] =
	        "72 05 2400 000000 14 000a80000000000000000001 02060000cf000200";
	struct {
		const char *hex;
		size_t least, info, field;
	} const cuts[] = {{fixed, 14, 14, 18}, {descriptor, 4, 20, 28}};
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		uint8_t buf[SCSI_SENSE_MAX];
		size_t whole = hex_get(cuts[i].hex, buf, sizeof(buf));
		for (size_t n = 0; n <= whole; n++) {
			struct scsi_sense s = {.key = 9, .asc = 9};
			bool ok = scsi_sense_get((struct span){buf, n}, &s);
			ck_assert_msg(ok == (n >= cuts[i].least), "%zu of row %zu", n, i);
			ck_assert_uint_eq(s.key, ok ? 5 : 9);
			ck_assert_uint_eq(s.asc, ok ? 0x24 : 9);
			ck_assert_int_eq(s.info_valid, n >= cuts[i].info);
			ck_assert_int_eq(s.sks_valid, n >= cuts[i].field);
		}
	}
}
END_TEST

/* What follows the ADDITIONAL SENSE LENGTH was not set by the device. */
START_TEST(the_length_says_how_much_counts)
{
	uint8_t buf[SCSI_SENSE_MAX];
	struct scsi_sense s;
	size_t n = hex_get("70 00 05 00000000 06 00000000 2400 00 cf0002", buf, sizeof(buf));
	ck_assert(scsi_sense_get((struct span){buf, n}, &s));
	ck_assert(!s.sks_valid);
	n = hex_get("70 00 05 00000000 05 00000000 2400 00 cf0002", buf, sizeof(buf));
	ck_assert(!scsi_sense_get((struct span){buf, n}, &s));
	n = hex_get("72 05 2400 000000 00 000a80000000000000000001", buf, sizeof(buf));
	ck_assert(scsi_sense_get((struct span){buf, n}, &s));
	ck_assert(!s.info_valid);
	/* A length beyond what came, as of an allocation length that was short. */
	n = hex_get("f0 00 05 00000007 f4 00000000 2400 00 cf0002 aabb", buf, sizeof(buf));
	ck_assert(scsi_sense_get((struct span){buf, n}, &s));
	ck_assert(s.info_valid && s.info == 7 && s.sks_valid && s.sks_field == 2);
}
END_TEST

START_TEST(odd_descriptors)
{
	static const struct {
		const char *descriptors;
		bool info, field;
	} odd[] = {
	        {"0902aabb 000a80000000000000000001", true, false}, /* an unknown one first */
	        {"0900 02060000cf000200", false, true},             /* an empty one */
	        {"000a00000000000000000001", false, false},         /* VALID is 0 */
	        {"00088000000000000000", false, false}, /* its length is not its type's */
	        {"000b8000000000000000000100", false, false},
	        {"02050000cf0002", false, false},
	        {"020600004f000200", false, false}, /* SKSV is 0 */
	        {"00", false, false},               /* no length */
	        {"000a8000", false, false},         /* cut off */
	        {"02060000cf000200 00ff80", false, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		uint8_t buf[SCSI_SENSE_MAX];
		struct scsi_sense s;
		size_t n = hex_get("72 05 2400 000000 00", buf, sizeof(buf));
		size_t m = hex_get(odd[i].descriptors, buf + n, sizeof(buf) - n);
		buf[7] = (uint8_t)m;
		ck_assert(scsi_sense_get((struct span){buf, n + m}, &s));
		ck_assert_msg(s.info_valid == odd[i].info && s.sks_valid == odd[i].field, "row %zu",
		              i);
		ck_assert_uint_eq(s.asc, 0x24);
	}
}
END_TEST

START_TEST(other_response_codes)
{
	for (unsigned code = 0; code <= 0xff; code++) {
		uint8_t buf[SCSI_SENSE_FIXED_LEN] = {[7] = 10};
		struct scsi_sense s;
		buf[0] = (uint8_t)code;
		bool known = (code & 0x7f) >= 0x70 && (code & 0x7f) <= 0x73;
		ck_assert_int_eq(scsi_sense_get((struct span){buf, sizeof(buf)}, &s), known);
	}
}
END_TEST

/* SPC-4, progress indication: what FORMAT UNIT has done, of 65536. */
START_TEST(progress_is_of_two_keys)
{
	uint8_t buf[SCSI_SENSE_MAX];
	struct scsi_sense back, s = scsi_sense_progress(SENSE_FORMAT_IN_PROGRESS, 0x1234);
	hex_assert(buf, scsi_sense_put(&s, FIXED, buf, sizeof(buf)),
	           "70 00 02 00000000 0a 00000000 04 04 00 80 1234");
	ck_assert(scsi_sense_get((struct span){buf, 18}, &back));
	check_equal(&back, &s);
	size_t n = scsi_sense_put(&s, DESCRIPTOR, buf, sizeof(buf));
	hex_assert(buf, n, "72 02 04 04 000000 08  02 06 0000 80 1234 00");
	ck_assert(scsi_sense_get((struct span){buf, n}, &back));
	check_equal(&back, &s);
	ck_assert(!scsi_sense_progress(SENSE_READ_ERROR, 1).has_progress);
	ck_assert(scsi_sense_progress(SENSE_NONE, 1).has_progress);
}
END_TEST

START_TEST(noise_is_only_noise)
{
	struct prng g = prng_init(12);
	for (int i = 0; i < 50000; i++) {
		uint8_t buf[SCSI_SENSE_MAX], again[SCSI_SENSE_MAX];
		struct scsi_sense s, back;
		for (size_t k = 0; k < sizeof(buf); k++)
			buf[k] = (uint8_t)prng_u64(&g);
		buf[0] = (uint8_t)(0x70 + prng_below(&g, 4));
		buf[7] &= 0x3f;
		if (!scsi_sense_get((struct span){buf, prng_below(&g, sizeof(buf) + 1)}, &s))
			continue;
		size_t n = scsi_sense_put(&s, DESCRIPTOR, again, sizeof(again));
		ck_assert(scsi_sense_get((struct span){again, n}, &back));
		check_equal(&back, &s);
	}
}
END_TEST

START_TEST(names_and_texts)
{
	ck_assert_str_eq(scsi_sense_key_name(0), "NO SENSE");
	ck_assert_str_eq(scsi_sense_key_name(KEY_MEDIUM_ERROR), "MEDIUM ERROR");
	ck_assert_str_eq(scsi_sense_key_name(KEY_ABORTED_COMMAND), "ABORTED COMMAND");
	ck_assert_str_eq(scsi_sense_key_name(KEY_MISCOMPARE), "MISCOMPARE");
	for (unsigned key = 0; key <= 0xff; key++)
		ck_assert_ptr_nonnull(scsi_sense_key_name((uint8_t)key));
#define SCSI_SENSE(sym, key, asc, ascq, text) ck_assert_str_eq(scsi_sense_text(asc, ascq), text);
#include "scsi/sense.def"
#undef SCSI_SENSE
	ck_assert_ptr_null(scsi_sense_text(0xff, 0xff));
}
END_TEST

START_TEST(the_table_is_one_of_standard_values)
{
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		ck_assert_uint_lt(all[i]->key, 16);
		ck_assert_uint_lt(all[i]->asc, 0x80);
		for (size_t k = 0; k < i; k++)
			ck_assert_msg(!scsi_sense_is(all[i], all[k]), "rows %zu and %zu", k, i);
	}
}
END_TEST

START_TEST(what_names_a_block)
{
	ck_assert(!scsi_sense_names_block(&SENSE_READ_ERROR));
	const struct scsi_sense named[] = {scsi_sense_info(SENSE_READ_ERROR, 7),
	                                   scsi_sense_info(SENSE_GUARD_CHECK, 7),
	                                   scsi_sense_info(SENSE_REFERENCE_TAG_CHECK, 0)};
	for (size_t i = 0; i < ARRAY_LEN(named); i++)
		ck_assert(scsi_sense_names_block(&named[i]));
	const struct scsi_sense not [] = {scsi_sense_info(SENSE_MISCOMPARE, 7),
	                                  scsi_sense_info(SENSE_DATA_CRC, 7), SENSE_GUARD_CHECK};
	for (size_t i = 0; i < ARRAY_LEN(not ); i++)
		ck_assert(!scsi_sense_names_block(&not [i]));
}
END_TEST

TAP_MAIN("sense", what_names_a_block, there_and_back, there_and_back_at_random,
         a_wide_information_has_no_place_in_the_fixed_format,
         only_illegal_request_has_a_field_pointer, progress_is_of_two_keys, cut_short,
         the_length_says_how_much_counts, odd_descriptors, other_response_codes,
         noise_is_only_noise, names_and_texts, the_table_is_one_of_standard_values);
