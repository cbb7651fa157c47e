/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded cursors with a sticky error: the only way in which bytes of a peer
 * are read and in which bytes for a peer are written. Multi-byte values are
 * big-endian, as in SCSI. After the first overrun every further call does
 * nothing (reads yield 0 or an empty span), so a codec tests once, at its end.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/units.h"

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

struct rd rd_init(const void *p, size_t n);
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u24(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
/* n bytes as a borrowed span; empty and error when fewer are left. */
struct span rd_bytes(struct rd *r, size_t n);
/* Copies exactly n bytes to out; out is zeroed on error. */
void rd_copy(struct rd *r, void *out, size_t n);
void rd_skip(struct rd *r, size_t n);
/* Marks the input as bad; the codec's own range checks use it. */
void rd_fail(struct rd *r);
/* True when all bytes were read and none was missing: the one test at a codec's end. */
bool rd_done(const struct rd *r);
static inline size_t rd_left(const struct rd *r)
{
	return r->error ? 0 : r->n;
}

struct wr wr_init(void *p, size_t cap);
void wr_u8(struct wr *w, uint8_t v);
void wr_u16(struct wr *w, uint16_t v);
void wr_u24(struct wr *w, uint32_t v);
void wr_u32(struct wr *w, uint32_t v);
void wr_u64(struct wr *w, uint64_t v);
void wr_bytes(struct wr *w, const void *p, size_t n);
void wr_zero(struct wr *w, size_t n);
/* n bytes of p, cut or padded with `pad` to exactly width bytes (ASCII fields of INQUIRY). */
void wr_padded(struct wr *w, const void *p, size_t n, size_t width, uint8_t pad);
/* Overwrites earlier bytes (lengths known only at the end). Error when not all of them were
 * written. */
void wr_at_u8(struct wr *w, size_t at, uint8_t v);
void wr_at_u16(struct wr *w, size_t at, uint16_t v);
void wr_at_u32(struct wr *w, size_t at, uint32_t v);
static inline bool wr_ok(const struct wr *w)
{
	return !w->error;
}

/* Unaligned big-endian access where a bound was checked before. */
uint16_t get_be16(const uint8_t *p);
uint32_t get_be24(const uint8_t *p);
uint32_t get_be32(const uint8_t *p);
uint64_t get_be64(const uint8_t *p);
void put_be16(uint8_t *p, uint16_t v);
void put_be24(uint8_t *p, uint32_t v);
void put_be32(uint8_t *p, uint32_t v);
void put_be64(uint8_t *p, uint64_t v);

#endif
