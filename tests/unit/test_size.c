/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "base/size.h"

START_TEST(sizes)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
	        {"0", 0},
	        {"512", 512},
	        {"1K", 1024},
	        {"64k", 65536},
	        {"3M", 3 * MIB},
	        {"1G", GIB},
	        {"2T", 2048 * GIB},
	        {"18446744073709551615", UINT64_MAX},
	        {"16777215T", 16777215ULL << 40},
	};
	static const char *const bad[] = {"",
	                                  "K",
	                                  "-1",
	                                  "+1",
	                                  " 1",
	                                  "1 ",
	                                  "1KB",
	                                  "1KiB",
	                                  "1.5M",
	                                  "0x10",
	                                  "1P",
	                                  "1e3",
	                                  "16777216T",
	                                  "18446744073709551616",
	                                  "99999999999999999999999"};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		v = 12345;
		ck_assert_msg(size_parse(good[i].text, &v), "%s", good[i].text);
		ck_assert_uint_eq(v, good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		v = 12345;
		ck_assert_msg(!size_parse(bad[i], &v), "%s is taken", bad[i]);
		ck_assert_uint_eq(v, 12345);
	}
}
END_TEST

START_TEST(durations)
{
	static const struct {
		const char *text;
		ns_t ns;
	} good[] = {{"50us", 50000},
	            {"250ms", 250000000},
	            {"10s", 10000000000},
	            {"2min", 120000000000},
	            {"0s", 0}};
	static const char *const bad[] = {"",    "10",   "s",     "10 s", "1h",
	                                  "-1s", "1.5s", "10sec", "1ns",  "18446744073709551615s"};
	ns_t v;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		ck_assert_msg(duration_parse(good[i].text, &v), "%s", good[i].text);
		ck_assert_uint_eq(v, good[i].ns);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!duration_parse(bad[i], &v), "%s is taken", bad[i]);
}
END_TEST

START_TEST(numbers)
{
	uint64_t v = 0;

	ck_assert(number_parse("15", 0, 15, &v) && v == 15);
	ck_assert(number_parse("0xfF", 0, UINT64_MAX, &v) && v == 255);
	ck_assert(number_parse("18446744073709551615", 0, UINT64_MAX, &v) && v == UINT64_MAX);
	ck_assert(!number_parse("16", 0, 15, &v));
	ck_assert(!number_parse("0", 1, 15, &v));
	ck_assert(!number_parse("18446744073709551616", 0, UINT64_MAX, &v));
	ck_assert(!number_parse("0x", 0, 15, &v));
	ck_assert(!number_parse("", 0, 15, &v));
	ck_assert(!number_parse("-1", 0, 15, &v));
	ck_assert(!number_parse("1a", 0, 15, &v));
	ck_assert(!number_parse("1 ", 0, 15, &v));
}
END_TEST

START_TEST(texts)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
	        {0, "0 B"},
	        {1023, "1023 B"},
	        {1024, "1 KiB"},
	        {1536, "1.5 KiB"},
	        {256 * MIB, "256 MiB"},
	        {GIB + GIB / 2, "1.5 GiB"},
	        {UINT64_MAX, "15.9 EiB"},
	};
	char buf[32];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_str_eq(size_text(rows[i].bytes, buf, sizeof(buf)), rows[i].text);
}
END_TEST

TAP_MAIN("size", sizes, durations, numbers, texts);
