/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/cursor.h"

#include <string.h>

uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)((uint16_t)(p[0] << 8) | p[1]);
}

uint32_t get_be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

uint64_t get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

void put_be24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	put_be16(p + 1, (uint16_t)v);
}

void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, (uint16_t)(v >> 16));
	put_be16(p + 2, (uint16_t)v);
}

void put_be64(uint8_t *p, uint64_t v)
{
	put_be32(p, (uint32_t)(v >> 32));
	put_be32(p + 4, (uint32_t)v);
}

struct rd rd_init(const void *p, size_t n)
{
	return (struct rd){.p = p, .n = n};
}

/* The next n bytes, or NULL (and the sticky error) when fewer are left. */
static const uint8_t *rd_take(struct rd *r, size_t n)
{
	if (r->error || n > r->n) {
		r->error = true;
		return NULL;
	}
	const uint8_t *p = r->p;
	if (n > 0)
		r->p += n;
	r->n -= n;
	return p;
}

uint8_t rd_u8(struct rd *r)
{
	const uint8_t *p = rd_take(r, 1);
	return p ? *p : 0;
}

uint16_t rd_u16(struct rd *r)
{
	const uint8_t *p = rd_take(r, 2);
	return p ? get_be16(p) : 0;
}

uint32_t rd_u24(struct rd *r)
{
	const uint8_t *p = rd_take(r, 3);
	return p ? get_be24(p) : 0;
}

uint32_t rd_u32(struct rd *r)
{
	const uint8_t *p = rd_take(r, 4);
	return p ? get_be32(p) : 0;
}

uint64_t rd_u64(struct rd *r)
{
	const uint8_t *p = rd_take(r, 8);
	return p ? get_be64(p) : 0;
}

struct span rd_bytes(struct rd *r, size_t n)
{
	const uint8_t *p = rd_take(r, n);
	return p ? (struct span){p, n} : (struct span){NULL, 0};
}

void rd_copy(struct rd *r, void *out, size_t n)
{
	const uint8_t *p = rd_take(r, n);
	if (n == 0)
		return;
	if (p)
		memcpy(out, p, n);
	else
		memset(out, 0, n);
}

void rd_skip(struct rd *r, size_t n)
{
	(void)rd_take(r, n);
}

void rd_fail(struct rd *r)
{
	r->error = true;
}

bool rd_done(const struct rd *r)
{
	return !r->error && r->n == 0;
}

struct wr wr_init(void *p, size_t cap)
{
	return (struct wr){.p = p, .cap = cap};
}

/* Room for n more bytes, or NULL (and the sticky error). */
static uint8_t *wr_room(struct wr *w, size_t n)
{
	if (w->error || n > w->cap - w->n) {
		w->error = true;
		return NULL;
	}
	uint8_t *p = w->p + w->n;
	w->n += n;
	return p;
}

void wr_u8(struct wr *w, uint8_t v)
{
	uint8_t *p = wr_room(w, 1);
	if (p)
		*p = v;
}

void wr_u16(struct wr *w, uint16_t v)
{
	uint8_t *p = wr_room(w, 2);
	if (p)
		put_be16(p, v);
}

void wr_u24(struct wr *w, uint32_t v)
{
	uint8_t *p = wr_room(w, 3);
	if (p)
		put_be24(p, v);
}

void wr_u32(struct wr *w, uint32_t v)
{
	uint8_t *p = wr_room(w, 4);
	if (p)
		put_be32(p, v);
}

void wr_u64(struct wr *w, uint64_t v)
{
	uint8_t *p = wr_room(w, 8);
	if (p)
		put_be64(p, v);
}

void wr_bytes(struct wr *w, const void *src, size_t n)
{
	if (n == 0)
		return;
	uint8_t *p = wr_room(w, n);
	if (p)
		memcpy(p, src, n);
}

void wr_zero(struct wr *w, size_t n)
{
	if (n == 0)
		return;
	uint8_t *p = wr_room(w, n);
	if (p)
		memset(p, 0, n);
}

void wr_padded(struct wr *w, const void *src, size_t n, size_t width, uint8_t pad)
{
	if (width == 0)
		return;
	uint8_t *p = wr_room(w, width);
	if (!p)
		return;
	size_t take = n < width ? n : width;
	if (take > 0)
		memcpy(p, src, take);
	memset(p + take, pad, width - take);
}

/* An earlier place of n bytes, or NULL (and the sticky error). */
static uint8_t *wr_back(struct wr *w, size_t at, size_t n)
{
	if (w->error || at > w->n || n > w->n - at) {
		w->error = true;
		return NULL;
	}
	return w->p + at;
}

void wr_at_u8(struct wr *w, size_t at, uint8_t v)
{
	uint8_t *p = wr_back(w, at, 1);
	if (p)
		*p = v;
}

void wr_at_u16(struct wr *w, size_t at, uint16_t v)
{
	uint8_t *p = wr_back(w, at, 2);
	if (p)
		put_be16(p, v);
}

void wr_at_u32(struct wr *w, size_t at, uint32_t v)
{
	uint8_t *p = wr_back(w, at, 4);
	if (p)
		put_be32(p, v);
}
