/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded cursors with a sticky error: the only way in which bytes of a peer
 * are read and in which bytes for a peer are written. Multi-byte values are
 * big-endian, as in SCSI. After the first overrun every further call does
 * nothing (reads yield 0 or an empty span), so a codec tests once, at its end.
 *
 * What is called for each field of each frame is inline: parsing is a good part of what small
 * writes cost.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/units.h"

#include <string.h>

struct rd {
	const uint8_t *p;
	size_t n;   /* bytes left */
	bool error; /* sticky */
};

struct wr {
	uint8_t *p;
	size_t cap;
	size_t n;   /* bytes written so far */
	bool error; /* sticky */
};

/* Unaligned big-endian access where a bound was checked before. */
static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)((uint16_t)(p[0] << 8) | p[1]);
}
static inline uint32_t get_be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}
static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}
static inline uint64_t get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}
static inline void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}
static inline void put_be24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	put_be16(p + 1, (uint16_t)v);
}
static inline void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, (uint16_t)(v >> 16));
	put_be16(p + 2, (uint16_t)v);
}
static inline void put_be64(uint8_t *p, uint64_t v)
{
	put_be32(p, (uint32_t)(v >> 32));
	put_be32(p + 4, (uint32_t)v);
}

/* ---- reading ---- */

static inline struct rd rd_init(const void *p, size_t n)
{
	return (struct rd){.p = p, .n = n};
}
/* The next n bytes, or NULL (and the sticky error) when fewer are left. */
static inline const uint8_t *rd_take(struct rd *r, size_t n)
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
static inline uint8_t rd_u8(struct rd *r)
{
	const uint8_t *p = rd_take(r, 1);
	return p ? *p : 0;
}
static inline uint16_t rd_u16(struct rd *r)
{
	const uint8_t *p = rd_take(r, 2);
	return p ? get_be16(p) : 0;
}
static inline uint32_t rd_u24(struct rd *r)
{
	const uint8_t *p = rd_take(r, 3);
	return p ? get_be24(p) : 0;
}
static inline uint32_t rd_u32(struct rd *r)
{
	const uint8_t *p = rd_take(r, 4);
	return p ? get_be32(p) : 0;
}
static inline uint64_t rd_u64(struct rd *r)
{
	const uint8_t *p = rd_take(r, 8);
	return p ? get_be64(p) : 0;
}
/* n bytes as a borrowed span; empty and error when fewer are left. */
static inline struct span rd_bytes(struct rd *r, size_t n)
{
	const uint8_t *p = rd_take(r, n);
	return p ? (struct span){p, n} : (struct span){NULL, 0};
}
static inline void rd_skip(struct rd *r, size_t n)
{
	(void)rd_take(r, n);
}
/* Marks the input as bad; the codec's own range checks use it. */
static inline void rd_fail(struct rd *r)
{
	r->error = true;
}
/* True when all bytes were read and none was missing: the one test at a codec's end. */
static inline bool rd_done(const struct rd *r)
{
	return !r->error && r->n == 0;
}
static inline size_t rd_left(const struct rd *r)
{
	return r->error ? 0 : r->n;
}
/* Copies exactly n bytes to out; out is zeroed on error. */
void rd_copy(struct rd *r, void *out, size_t n);

/* ---- writing ---- */

static inline struct wr wr_init(void *p, size_t cap)
{
	return (struct wr){.p = p, .cap = cap};
}
/* Room for n more bytes, or NULL (and the sticky error). */
static inline uint8_t *wr_room(struct wr *w, size_t n)
{
	if (w->error || n > w->cap - w->n) {
		w->error = true;
		return NULL;
	}
	uint8_t *p = w->p + w->n;
	w->n += n;
	return p;
}
static inline void wr_u8(struct wr *w, uint8_t v)
{
	uint8_t *p = wr_room(w, 1);
	if (p)
		*p = v;
}
static inline void wr_u16(struct wr *w, uint16_t v)
{
	uint8_t *p = wr_room(w, 2);
	if (p)
		put_be16(p, v);
}
static inline void wr_u24(struct wr *w, uint32_t v)
{
	uint8_t *p = wr_room(w, 3);
	if (p)
		put_be24(p, v);
}
static inline void wr_u32(struct wr *w, uint32_t v)
{
	uint8_t *p = wr_room(w, 4);
	if (p)
		put_be32(p, v);
}
static inline void wr_u64(struct wr *w, uint64_t v)
{
	uint8_t *p = wr_room(w, 8);
	if (p)
		put_be64(p, v);
}
static inline void wr_bytes(struct wr *w, const void *src, size_t n)
{
	uint8_t *p = n > 0 ? wr_room(w, n) : NULL;
	if (p)
		memcpy(p, src, n);
}
static inline bool wr_ok(const struct wr *w)
{
	return !w->error;
}
void wr_zero(struct wr *w, size_t n);
/* n bytes of p, cut or padded with `pad` to exactly width bytes (ASCII fields of INQUIRY). */
void wr_padded(struct wr *w, const void *p, size_t n, size_t width, uint8_t pad);
/* Overwrites earlier bytes (lengths known only at the end). Error when not all of them were
 * written. */
void wr_at_u8(struct wr *w, size_t at, uint8_t v);
void wr_at_u16(struct wr *w, size_t at, uint16_t v);
void wr_at_u32(struct wr *w, size_t at, uint32_t v);

#endif
