/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/hex.h"

#include "unit/checks.h"
#include <stdio.h>
#include <string.h>

size_t hex_get(const char *text, uint8_t *out, size_t cap)
{
	size_t n = 0;
	for (const char *p = text; *p; n++) {
		unsigned byte = 0;
		int used = 0;
		ck_assert_msg(sscanf(p, "%2x%n", &byte, &used) == 1 && used == 2, "not hex: %s", p);
		ck_assert_msg(n < cap, "more than %zu bytes: %s", cap, text);
		out[n] = (uint8_t)byte;
		p += 2;
		while (*p == ' ')
			p++;
	}
	return n;
}

void hex_assert(const uint8_t *p, size_t n, const char *text)
{
	uint8_t want[512];
	size_t len = hex_get(text, want, sizeof(want));
	ck_assert_msg(len == n, "%zu bytes, not the %zu of %s", n, len, text);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(p[i] == want[i], "byte %zu is %02x, not %02x: %s", i, p[i], want[i],
		              text);
}
