/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/longtext.h"

#include <stdlib.h>
#include <string.h>

#define LONG_ENOUGH 256

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* True when what stands before a string's opening quote is "data": or "data_out": */
static bool is_data(const char *line, const char *quote)
{
	static const char *const keys[] = {"\"data\"", "\"data_out\""};
	const char *p = quote;

	while (p > line && is_blank(p[-1]))
		p--;
	if (p == line || *--p != ':')
		return false;
	while (p > line && is_blank(p[-1]))
		p--;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		size_t n = strlen(keys[i]);

		if ((size_t)(p - line) >= n && memcmp(p - n, keys[i], n) == 0)
			return true;
	}
	return false;
}

/* The closing quote of the string that opens at p; NULL: it never ends. A string may be many MiB:
 * it is looked for with memchr. */
static const char *closing(const char *p, const char *end)
{
	for (const char *q = p; (q = memchr(q + 1, '"', (size_t)(end - q - 1))) != NULL;) {
		size_t slashes = 0;

		while (q[-1 - (ptrdiff_t)slashes] == '\\')
			slashes++;
		if (slashes % 2 == 0)
			return q;
	}
	return NULL;
}

struct ctl_line_look ctl_look(const char *line, size_t n, unsigned depth_max, unsigned values_max)
{
	struct ctl_line_look look = {0};
	const char *end = line + n;
	unsigned depth = 0, values = 1;

	for (const char *p = line; p < end; p++) {
		if (*p == '[' || *p == '{') {
			if (++depth > depth_max) {
				look.too_deep = true;
				return look;
			}
		} else if (*p == ']' || *p == '}') {
			depth -= depth > 0;
		} else if (*p == ',') {
			if (++values > values_max) {
				look.too_many = true;
				return look;
			}
		} else if (*p == '"') {
			const char *q = closing(p, end);

			if (!q)
				return look;
			size_t len = (size_t)(q - p - 1);
			if (!look.text.n && len >= LONG_ENOUGH && is_data(line, p) &&
			    !memchr(p + 1, '\\', len))
				look.text = (struct span){(const uint8_t *)p + 1, len};
			p = q;
		}
	}
	return look;
}

char *ctl_without(const char *line, size_t *n, struct span text)
{
	size_t at = (size_t)((const char *)text.p - line), mark = strlen(CTL_TAKEN_JSON);
	size_t rest = *n - at - text.n;
	char *out = malloc(at + mark + rest);

	if (!out)
		return NULL;
	memcpy(out, line, at);
	memcpy(out + at, CTL_TAKEN_JSON, mark);
	memcpy(out + at + mark, line + at + text.n, rest);
	*n = at + mark + rest;
	return out;
}
