/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/codec.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void in_fail(struct wire_in *in, const char *fmt, ...)
{
	if (in->r.error)
		return;
	rd_fail(&in->r);
	if (in->n == 0)
		return;
	int at = snprintf(in->why, in->n, "%s: ", in->frame);
	if (at < 0 || (size_t)at >= in->n)
		return;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(in->why + at, in->n - (size_t)at, fmt, ap);
	va_end(ap);
}

/* True when n more bytes are there. */
static bool in_has(struct wire_in *in, const char *field, size_t n)
{
	if (in->r.error)
		return false;
	if (rd_left(&in->r) >= n)
		return true;
	in_fail(in, "cut short at %s: %zu bytes wanted, %zu left", field, n, rd_left(&in->r));
	return false;
}

static bool in_range(struct wire_in *in, const char *field, uint64_t v, uint64_t least,
                     uint64_t most)
{
	if (v < least)
		in_fail(in, "%s is %llu, the least is %llu", field, (unsigned long long)v,
		        (unsigned long long)least);
	else if (v > most)
		in_fail(in, "%s is %llu, the most is %llu", field, (unsigned long long)v,
		        (unsigned long long)most);
	return v >= least && v <= most;
}

uint8_t in_u8(struct wire_in *in, const char *field)
{
	return in_has(in, field, 1) ? rd_u8(&in->r) : 0;
}

uint8_t in_u8_range(struct wire_in *in, const char *field, uint8_t least, uint8_t most)
{
	uint8_t v = in_u8(in, field);
	return !in->r.error && in_range(in, field, v, least, most) ? v : 0;
}

uint8_t in_u8_flagged(struct wire_in *in, const char *field, uint8_t least, uint8_t most,
                      uint8_t flag, bool *set)
{
	uint8_t v = in_u8(in, field);

	*set = (v & flag) != 0;
	v &= (uint8_t)~flag;
	return !in->r.error && in_range(in, field, v, least, most) ? v : 0;
}

bool in_bool(struct wire_in *in, const char *field)
{
	return in_u8_range(in, field, 0, 1) == 1;
}

uint8_t in_id(struct wire_in *in, const char *field)
{
	return in_u8_range(in, field, 0, WIRE_IDS - 1);
}

uint8_t in_id_or_none(struct wire_in *in, const char *field)
{
	uint8_t v = in_u8(in, field);
	if (v == WIRE_NO_ID || in->r.error)
		return v;
	return in_range(in, field, v, 0, WIRE_IDS - 1) ? v : 0;
}

uint16_t in_u16(struct wire_in *in, const char *field)
{
	return in_has(in, field, 2) ? rd_u16(&in->r) : 0;
}

uint32_t in_u32(struct wire_in *in, const char *field)
{
	return in_has(in, field, 4) ? rd_u32(&in->r) : 0;
}

uint32_t in_u32_range(struct wire_in *in, const char *field, uint32_t least, uint32_t most)
{
	uint32_t v = in_u32(in, field);
	return !in->r.error && in_range(in, field, v, least, most) ? v : 0;
}

uint64_t in_u64(struct wire_in *in, const char *field)
{
	return in_has(in, field, 8) ? rd_u64(&in->r) : 0;
}

void in_copy(struct wire_in *in, const char *field, void *out, size_t n)
{
	if (in_has(in, field, n))
		rd_copy(&in->r, out, n);
	else
		memset(out, 0, n);
}

struct span in_span(struct wire_in *in, const char *field, size_t most)
{
	uint16_t n = in_u16(in, field);
	if (in->r.error)
		return (struct span){NULL, 0};
	if (n > most) {
		in_fail(in, "length of %s is %u, the most is %zu", field, n, most);
		return (struct span){NULL, 0};
	}
	return in_has(in, field, n) ? rd_bytes(&in->r, n) : (struct span){NULL, 0};
}

static void in_string(struct wire_in *in, const char *field, char *out, size_t most, uint8_t least,
                      uint8_t highest)
{
	struct span s = in_span(in, field, most);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] >= least && s.p[i] <= highest && s.p[i] != 0x7f)
			continue;
		in_fail(in, "%s holds a byte %02xh at %zu", field, s.p[i], i);
		s.n = 0;
	}
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

void in_text(struct wire_in *in, const char *field, char *out, size_t most)
{
	in_string(in, field, out, most, ' ', 0xff);
}

void in_name(struct wire_in *in, const char *field, char out[TARGET_NAME_MAX + 1])
{
	in_string(in, field, out, TARGET_NAME_MAX, ' ' + 1, '~');
}

void out_bool(struct wr *w, bool v)
{
	wr_u8(w, v ? 1 : 0);
}

void out_span(struct wr *w, struct span s, size_t most)
{
	sm_assert(s.n <= most && s.n <= UINT16_MAX);
	wr_u16(w, (uint16_t)s.n);
	wr_bytes(w, s.p, s.n);
}

void out_text(struct wr *w, const char *text, size_t most)
{
	size_t n = strnlen(text, most);
	wr_u16(w, (uint16_t)n);
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)text[i];
		wr_u8(w, c < ' ' || c == 0x7f ? '?' : c);
	}
}
