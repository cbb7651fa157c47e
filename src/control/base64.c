/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/base64.h"

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Value of a character plus one, 0 if it is none of the alphabet. */
static const uint8_t values[256] = {
        ['A'] = 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,         12,         13,
        14,         15, 16, 17, 18, 19, 20, 21, 22, 23, 24,         25,         26,
        ['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,         38,         39,
        40,         41, 42, 43, 44, 45, 46, 47, 48, 49, 50,         51,         52,
        ['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['+'] = 63, ['/'] = 64,
};

size_t base64_encode(const void *bytes, size_t n, char *out)
{
	const uint8_t *p = bytes;
	char *to = out;

	for (; n >= 3; n -= 3, p += 3, to += 4) {
		uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

		to[0] = alphabet[v >> 18];
		to[1] = alphabet[v >> 12 & 63];
		to[2] = alphabet[v >> 6 & 63];
		to[3] = alphabet[v & 63];
	}
	if (n) {
		uint32_t v = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);

		to[0] = alphabet[v >> 18];
		to[1] = alphabet[v >> 12 & 63];
		to[2] = n == 2 ? alphabet[v >> 6 & 63] : '=';
		to[3] = '=';
		to += 4;
	}
	return (size_t)(to - out);
}

bool base64_decoded_len(const char *text, size_t n, size_t *out)
{
	if (n % 4)
		return false;
	*out = n / 4 * 3;
	if (n && text[n - 1] == '=')
		*out -= text[n - 2] == '=' ? 2 : 1;
	return true;
}

/* The last quantum, which may be padded. */
static bool decode_tail(const uint8_t *s, uint8_t *out, size_t *bad)
{
	unsigned pads = s[3] == '=' ? (s[2] == '=' ? 2 : 1) : 0;
	uint32_t v = 0;

	for (unsigned i = 0; i < 4 - pads; i++) {
		if (!values[s[i]]) {
			*bad = i;
			return false;
		}
		v |= (uint32_t)(values[s[i]] - 1) << (18 - 6 * i);
	}
	if (v & (pads == 2 ? 0xffffU : pads == 1 ? 0xffU : 0U)) {
		*bad = 3 - pads; /* bits that stand for nothing */
		return false;
	}
	out[0] = (uint8_t)(v >> 16);
	if (pads < 2)
		out[1] = (uint8_t)(v >> 8);
	if (pads < 1)
		out[2] = (uint8_t)v;
	return true;
}

bool base64_decode(const char *text, size_t n, uint8_t *out, size_t *at)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t bad;

	if (n % 4) {
		*at = n;
		return false;
	}
	if (!n)
		return true;
	for (; n > 4; n -= 4, s += 4, out += 3) {
		/* What is none of the alphabet wraps, so one comparison tells of all four. */
		uint32_t a = values[s[0]] - 1U, b = values[s[1]] - 1U;
		uint32_t c = values[s[2]] - 1U, d = values[s[3]] - 1U;
		uint32_t v = a << 18 | b << 12 | c << 6 | d;

		if ((a | b | c | d) > 63) {
			for (bad = 0; values[s[bad]]; bad++)
				;
			*at = (size_t)(s - (const uint8_t *)text) + bad;
			return false;
		}
		out[0] = (uint8_t)(v >> 16);
		out[1] = (uint8_t)(v >> 8);
		out[2] = (uint8_t)v;
	}
	if (!decode_tail(s, out, &bad)) {
		*at = (size_t)(s - (const uint8_t *)text) + bad;
		return false;
	}
	return true;
}
