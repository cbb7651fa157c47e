/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/cli_text.h"

#include <stdio.h>
#include <string.h>

#define BAD_CODE UINT32_MAX

/* Decodes one character: its length in bytes; *code is BAD_CODE for a byte that begins none. */
static size_t decode(const uint8_t *p, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	*code = BAD_CODE;
	if (n == 0 || p[0] > 0xf4)
		return 1;
	uint32_t v = n == 1 ? p[0] : p[0] & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80) /* also at the end of the string */
			return 1;
		v = v << 6 | (p[i] & 0x3fU);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 1;
	*code = v;
	return n;
}

/* Characters that do something to a terminal, a line or the direction of writing. */
static bool acts(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

const char *cli_clean(const char *s, char *buf, size_t n)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t at = 0, fits = 0; /* fits: where "..." can stand in the end */

	if (n == 0)
		return buf;
	buf[0] = '\0';
	while (*p) {
		char piece[16];
		uint32_t code = 0;
		size_t len = decode(p, &code);

		if (code == BAD_CODE || (acts(code) && code < 0x100))
			(void)snprintf(piece, sizeof(piece), "\\x%02x",
			               code == BAD_CODE ? p[0] : (unsigned)code);
		else if (acts(code))
			(void)snprintf(piece, sizeof(piece), "\\u{%x}", (unsigned)code);
		else
			(void)snprintf(piece, sizeof(piece), "%.*s", (int)len, (const char *)p);
		size_t add = strlen(piece);
		if (at + add >= n) {
			(void)snprintf(buf + fits, n - fits, "...");
			return buf;
		}
		memcpy(buf + at, piece, add + 1);
		at += add;
		if (at + 4 <= n)
			fits = at;
		p += len;
	}
	return buf;
}

size_t cli_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* v / scale with three digits. */
static void three_digits(uint64_t v, uint64_t scale, const char *unit, char *buf, size_t n)
{
	double d = (double)v / (double)scale;
	int decimals = scale == 1 || d >= 99.95 ? 0 : d >= 9.995 ? 1 : 2;

	(void)snprintf(buf, n, "%.*f %s", decimals, d, unit);
}

struct unit {
	uint64_t scale;
	const char *name;
};

/* The largest unit of which v is one at least; units grow. */
static const char *in_units(uint64_t v, const struct unit *units, size_t n_units, char *buf,
                            size_t n)
{
	size_t k = 0;

	/* Half a unit in the third digit is rounded up to the next unit. */
	while (k + 1 < n_units && v >= units[k + 1].scale - units[k + 1].scale / 2000)
		k++;
	three_digits(v, units[k].scale, units[k].name, buf, n);
	return buf;
}

const char *cli_rate_text(uint64_t bytes_per_s, char *buf, size_t n)
{
	static const struct unit units[] = {
	        {1, "B/s"}, {1000, "kB/s"}, {1000000, "MB/s"}, {1000000000, "GB/s"}};

	return in_units(bytes_per_s, units, ARRAY_LEN(units), buf, n);
}

const char *cli_ns_text(ns_t ns, char *buf, size_t n)
{
	static const struct unit units[] = {
	        {1, "ns"}, {NS_PER_US, "us"}, {NS_PER_MS, "ms"}, {NS_PER_S, "s"}};

	return in_units(ns, units, ARRAY_LEN(units), buf, n);
}

const char *cli_clock_text(uint64_t seconds, char *buf, size_t n)
{
	unsigned long long days = seconds / 86400;
	unsigned h = (unsigned)(seconds / 3600 % 24), m = (unsigned)(seconds / 60 % 60),
	         s = (unsigned)(seconds % 60);

	if (days > 0)
		(void)snprintf(buf, n, "%llu d %u:%02u:%02u", days, h, m, s);
	else if (h > 0)
		(void)snprintf(buf, n, "%u:%02u:%02u", h, m, s);
	else
		(void)snprintf(buf, n, "%u:%02u", m, s);
	return buf;
}
