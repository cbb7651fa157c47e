/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "shell/cli_text.h"

#include <string.h>

static char buf[256];

START_TEST(plain_text_stays_as_it_is)
{
	ck_assert_str_eq(cli_clean("disk0 a_b-c.d", buf, sizeof(buf)), "disk0 a_b-c.d");
	ck_assert_str_eq(cli_clean("", buf, sizeof(buf)), "");
	ck_assert_str_eq(cli_clean("Gr\xc3\xb6\xc3\x9f"
	                           "e \xe2\x82\xac \xf0\x9f\x92\xbe",
	                           buf, sizeof(buf)),
	                 "Gr\xc3\xb6\xc3\x9f"
	                 "e \xe2\x82\xac \xf0\x9f\x92\xbe");
}
END_TEST

START_TEST(control_characters_do_nothing_to_a_terminal)
{
	ck_assert_str_eq(cli_clean("\x1b[2Jx\n\r\t\x07\x7f", buf, sizeof(buf)),
	                 "\\x1b[2Jx\\x0a\\x0d\\x09\\x07\\x7f");
	/* CSI as one character of C1; RIGHT-TO-LEFT OVERRIDE; LINE SEPARATOR */
	ck_assert_str_eq(cli_clean("\xc2\x9b"
	                           "31m",
	                           buf, sizeof(buf)),
	                 "\\x9b31m");
	ck_assert_str_eq(cli_clean("a\xe2\x80\xae"
	                           "b\xe2\x80\xa8",
	                           buf, sizeof(buf)),
	                 "a\\u{202e}b\\u{2028}");
}
END_TEST

START_TEST(what_is_no_utf8_is_shown_byte_by_byte)
{
	ck_assert_str_eq(cli_clean("a\xff\x80z", buf, sizeof(buf)), "a\\xff\\x80z");
	/* overlong, a surrogate, cut short, beyond Unicode */
	ck_assert_str_eq(cli_clean("\xc0\xaf", buf, sizeof(buf)), "\\xc0\\xaf");
	ck_assert_str_eq(cli_clean("\xed\xa0\x80", buf, sizeof(buf)), "\\xed\\xa0\\x80");
	ck_assert_str_eq(cli_clean("\xe2\x82", buf, sizeof(buf)), "\\xe2\\x82");
	ck_assert_str_eq(cli_clean("\xf4\x90\x80\x80", buf, sizeof(buf)), "\\xf4\\x90\\x80\\x80");
}
END_TEST

START_TEST(long_text_is_cut_between_characters)
{
	char small[8];

	ck_assert_str_eq(cli_clean("1234567", small, sizeof(small)), "1234567");
	ck_assert_str_eq(cli_clean("12345678", small, sizeof(small)), "1234...");
	ck_assert_str_eq(cli_clean("123\xc3\xb6\xc3\xb6\xc3\xb6", small, sizeof(small)), "123...");
	ck_assert_str_eq(cli_clean("\x1b\x1b\x1b", small, sizeof(small)), "\\x1b...");
	for (size_t n = 1; n < sizeof(small); n++) {
		memset(small, 'X', sizeof(small));
		(void)cli_clean("\x1b\xc3\xb6long", small, n);
		ck_assert_uint_lt(strlen(small), n);
		ck_assert_int_eq(small[n], 'X');
	}
}
END_TEST

START_TEST(width_counts_characters)
{
	ck_assert_uint_eq(cli_width(""), 0);
	ck_assert_uint_eq(cli_width("abc"), 3);
	ck_assert_uint_eq(cli_width("\xc3\xb6\xe2\x82\xac"), 2);
}
END_TEST

START_TEST(rates_have_three_digits)
{
	ck_assert_str_eq(cli_rate_text(0, buf, sizeof(buf)), "0 B/s");
	ck_assert_str_eq(cli_rate_text(999, buf, sizeof(buf)), "999 B/s");
	ck_assert_str_eq(cli_rate_text(1000, buf, sizeof(buf)), "1.00 kB/s");
	ck_assert_str_eq(cli_rate_text(853000000, buf, sizeof(buf)), "853 MB/s");
	ck_assert_str_eq(cli_rate_text(85340000, buf, sizeof(buf)), "85.3 MB/s");
	ck_assert_str_eq(cli_rate_text(999900000, buf, sizeof(buf)), "1.00 GB/s");
	ck_assert_str_eq(cli_rate_text(10300000000, buf, sizeof(buf)), "10.3 GB/s");
}
END_TEST

START_TEST(times_are_readable)
{
	ck_assert_str_eq(cli_ns_text(7, buf, sizeof(buf)), "7 ns");
	ck_assert_str_eq(cli_ns_text(12345, buf, sizeof(buf)), "12.3 us");
	ck_assert_str_eq(cli_ns_text(1200 * NS_PER_MS, buf, sizeof(buf)), "1.20 s");
	ck_assert_str_eq(cli_clock_text(7, buf, sizeof(buf)), "0:07");
	ck_assert_str_eq(cli_clock_text(3723, buf, sizeof(buf)), "1:02:03");
	ck_assert_str_eq(cli_clock_text(86400 * 3 + 3723, buf, sizeof(buf)), "3 d 1:02:03");
}
END_TEST

TAP_MAIN("cli_text", plain_text_stays_as_it_is, control_characters_do_nothing_to_a_terminal,
         what_is_no_utf8_is_shown_byte_by_byte, long_text_is_cut_between_characters,
         width_counts_characters, rates_have_three_digits, times_are_readable);
