/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/json.h"

#include "control/base64.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jw jw_init(void)
{
	return (struct jw){0};
}

void jw_free(struct jw *w)
{
	free(w->p);
	*w = jw_init();
}

bool jw_room(struct jw *w, size_t n)
{
	if (w->failed)
		return false;
	if (n <= w->cap - w->n)
		return true;
	size_t cap = w->cap ? w->cap : 512;
	while (cap - w->n < n) {
		if (cap > SIZE_MAX / 2) {
			w->failed = true;
			return false;
		}
		cap *= 2;
	}
	char *p = realloc(w->p, cap);
	if (!p) {
		w->failed = true;
		return false;
	}
	w->p = p;
	w->cap = cap;
	return true;
}

void jw_raw(struct jw *w, const char *p, size_t n)
{
	if (!jw_room(w, n))
		return;
	if (n)
		memcpy(w->p + w->n, p, n);
	w->n += n;
}

static void put_char(struct jw *w, char c)
{
	jw_raw(w, &c, 1);
}

/* Length of the well-formed UTF-8 sequence at s (RFC 3629), 0 if there is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	size_t len;
	unsigned low = 0x80, high = 0xbf;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		len = 2;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		len = 3;
		low = s[0] == 0xe0 ? 0xa0 : low;
		high = s[0] == 0xed ? 0x9f : high;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		len = 4;
		low = s[0] == 0xf0 ? 0x90 : low;
		high = s[0] == 0xf4 ? 0x8f : high;
	} else {
		return 0;
	}
	if (n < len || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

static void put_escaped(struct jw *w, unsigned char c)
{
	char esc[8];

	switch (c) {
	case '"':
	case '\\':
		put_char(w, '\\');
		put_char(w, (char)c);
		return;
	case '\n':
		jw_raw(w, "\\n", 2);
		return;
	case '\t':
		jw_raw(w, "\\t", 2);
		return;
	default:
		snprintf(esc, sizeof(esc), "\\u%04x", c);
		jw_raw(w, esc, 6);
	}
}

static void put_string(struct jw *w, const char *s, size_t n)
{
	size_t i = 0, from = 0;

	put_char(w, '"');
	while (i < n) {
		unsigned char c = (unsigned char)s[i];
		size_t len = utf8_len((const unsigned char *)s + i, n - i);

		if (len && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
			i += len;
			continue;
		}
		jw_raw(w, s + from, i - from);
		if (len)
			put_escaped(w, c);
		else
			jw_raw(w, "\xef\xbf\xbd", 3);
		from = ++i;
	}
	jw_raw(w, s + from, n - from);
	put_char(w, '"');
}

static void begin(struct jw *w, const char *key)
{
	if (w->comma)
		put_char(w, ',');
	w->comma = true;
	if (key) {
		put_char(w, '"');
		jw_raw(w, key, strlen(key));
		jw_raw(w, "\":", 2);
	}
}

void jw_obj(struct jw *w, const char *key)
{
	begin(w, key);
	put_char(w, '{');
	w->comma = false;
}

void jw_end_obj(struct jw *w)
{
	put_char(w, '}');
	w->comma = true;
}

void jw_arr(struct jw *w, const char *key)
{
	begin(w, key);
	put_char(w, '[');
	w->comma = false;
}

void jw_end_arr(struct jw *w)
{
	put_char(w, ']');
	w->comma = true;
}

void jw_strn(struct jw *w, const char *key, const char *s, size_t n)
{
	begin(w, key);
	put_string(w, s, n);
}

void jw_str(struct jw *w, const char *key, const char *s)
{
	jw_strn(w, key, s, strlen(s));
}

void jw_str_or_null(struct jw *w, const char *key, const char *s)
{
	if (*s)
		jw_str(w, key, s);
	else
		jw_null(w, key);
}

void jw_u64(struct jw *w, const char *key, uint64_t v)
{
	char digits[24];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + v % 10);
	while (v /= 10);
	begin(w, key);
	jw_raw(w, digits + i, sizeof(digits) - i);
}

void jw_bool(struct jw *w, const char *key, bool v)
{
	begin(w, key);
	jw_raw(w, v ? "true" : "false", v ? 4 : 5);
}

void jw_null(struct jw *w, const char *key)
{
	begin(w, key);
	jw_raw(w, "null", 4);
}

void jw_milli(struct jw *w, const char *key, uint64_t thousandths)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%" PRIu64 ".%03u", thousandths / 1000,
	                 (unsigned)(thousandths % 1000));

	while (text[n - 1] == '0')
		n--;
	if (text[n - 1] == '.')
		n--;
	begin(w, key);
	jw_raw(w, text, (size_t)n);
}

static void put_hex(struct jw *w, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	if (!jw_room(w, 2 * n))
		return;
	for (size_t i = 0; i < n; i++) {
		w->p[w->n++] = digits[p[i] >> 4];
		w->p[w->n++] = digits[p[i] & 15];
	}
}

void jw_hex(struct jw *w, const char *key, const void *p, size_t n)
{
	begin(w, key);
	put_char(w, '"');
	put_hex(w, p, n);
	put_char(w, '"');
}

void jw_base64(struct jw *w, const char *key, const void *p, size_t n)
{
	begin(w, key);
	put_char(w, '"');
	if (jw_room(w, base64_encoded_len(n)))
		w->n += base64_encode(p, n, w->p + w->n);
	put_char(w, '"');
}

void jw_uuid(struct jw *w, const char *key, const uint8_t *uuid)
{
	static const uint8_t parts[] = {4, 2, 2, 2, 6};

	begin(w, key);
	put_char(w, '"');
	for (size_t i = 0; i < sizeof(parts); i++) {
		if (i)
			put_char(w, '-');
		put_hex(w, uuid, parts[i]);
		uuid += parts[i];
	}
	put_char(w, '"');
}

void jw_json(struct jw *w, const char *key, const char *p, size_t n)
{
	begin(w, key);
	jw_raw(w, p, n);
}
