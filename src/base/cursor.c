/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/cursor.h"

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
