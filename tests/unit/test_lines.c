/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "base/prng.h"
#include "control/lines.h"

#include <string.h>

#define MOST 16

static void feed(struct ctl_lines *l, const char *p, size_t n)
{
	char *room = n ? ctl_lines_room(l, n) : NULL;

	if (!n)
		return;
	ck_assert_ptr_nonnull(room);
	memcpy(room, p, n);
	ctl_lines_came(l, n);
}

/* What came, written as one text: <line> for a line, ! for one that was too long. */
static void drain(struct ctl_lines *l, char *out)
{
	char *line;
	size_t n;
	enum ctl_line r;

	while ((r = ctl_lines_next(l, &line, &n)) != CTL_LINE_NONE) {
		if (r == CTL_LINE_TOO_LONG) {
			strcat(out, "!");
			continue;
		}
		strcat(out, "<");
		strncat(out, line, n);
		strcat(out, ">");
	}
}

/* The same stream, cut at every place and into single bytes, gives the same lines. */
static void check(const char *stream, const char *expected)
{
	size_t n = strlen(stream);

	for (size_t cut = 0; cut <= n + 1; cut++) {
		struct ctl_lines l;
		char out[512] = "";

		ctl_lines_init(&l, MOST);
		if (cut <= n) {
			feed(&l, stream, cut);
			drain(&l, out);
			feed(&l, stream + cut, n - cut);
			drain(&l, out);
		} else {
			for (size_t i = 0; i < n; i++) {
				feed(&l, stream + i, 1);
				drain(&l, out);
			}
		}
		ck_assert_str_eq(out, expected);
		ctl_lines_free(&l);
	}
}

START_TEST(lines)
{
	check("", "");
	check("abc", "");
	check("abc\n", "<abc>");
	check("\n\nx\n", "<><><x>");
	check("one\ntwo\nthree", "<one><two>");
}
END_TEST

START_TEST(limits)
{
	check("0123456789abcdef\n", "<0123456789abcdef>");
	check("0123456789abcdefg\nx\n", "!<x>");
	check("0123456789abcdefg0123456789abcdefg0123456789abcdefg\n\ny\n", "!<><y>");
	check("0123456789abcdefg0123456789", "!");
	check("a\n0123456789abcdefgh\n0123456789abcdefgh\nb\n", "<a>!!<b>");
}
END_TEST

START_TEST(nul_bytes_are_bytes)
{
	struct ctl_lines l;
	char *line;
	size_t n;

	ctl_lines_init(&l, MOST);
	feed(&l, "a\0b\n\0\n", 6);
	ck_assert_int_eq(ctl_lines_next(&l, &line, &n), CTL_LINE);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(memcmp(line, "a\0b", 3), 0);
	ck_assert_int_eq(ctl_lines_next(&l, &line, &n), CTL_LINE);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(l.taken, 6);
	ctl_lines_free(&l);
}
END_TEST

/* An endless line keeps no memory, and the position in the stream is kept. */
START_TEST(endless)
{
	struct ctl_lines l;
	static char chunk[65536];
	char out[16] = "";

	memset(chunk, 'x', sizeof(chunk));
	ctl_lines_init(&l, 100000);
	for (int i = 0; i < 1000; i++) {
		feed(&l, chunk, sizeof(chunk));
		drain(&l, out);
		ck_assert_uint_le(l.cap, 512 * KIB);
	}
	ck_assert_str_eq(out, "!");
	ck_assert_uint_eq(l.taken, 1000ULL * sizeof(chunk));
	feed(&l, "\nok\n", 4);
	drain(&l, out);
	ck_assert_str_eq(out, "!<ok>");
	ctl_lines_free(&l);
}
END_TEST

TAP_MAIN("lines", lines, limits, nul_bytes_are_bytes, endless);
