/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/outq.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_LEN  (64U * 1024)
#define HEAD_LEN   (WIRE_HEADER_LEN + WIRE_HEAD_MAX)
#define RING_FIRST 64

struct outq_chunk {
	size_t pieces; /* that refer to it, and one while it is the current one */
	size_t used, cap;
	uint8_t bytes[];
};

static void chunk_unref(struct outq_chunk *c)
{
	if (c && --c->pieces == 0)
		free(c);
}

/* Sees to it that the current chunk has room for n bytes. */
static bool chunk_room(struct outq *q, size_t n)
{
	struct outq_chunk *c = q->chunk;

	if (c && c->pieces == 1)
		c->used = 0; /* all that was in it is written */
	if (c && c->cap - c->used >= n)
		return true;
	size_t cap = n > CHUNK_LEN ? n : CHUNK_LEN;
	struct outq_chunk *fresh = malloc(sizeof(*fresh) + cap);
	if (!fresh)
		return false;
	fresh->pieces = 1;
	fresh->used = 0;
	fresh->cap = cap;
	chunk_unref(c);
	q->chunk = fresh;
	return true;
}

static struct outq_piece *piece_at(const struct outq *q, size_t i)
{
	return &q->ring[(q->first + i) & (q->cap - 1)];
}

/* Sees to it that the ring has room for two more pieces. */
static bool ring_room(struct outq *q)
{
	if (q->cap - q->count >= 2)
		return true;
	size_t cap = q->cap ? 2 * q->cap : RING_FIRST;
	struct outq_piece *ring = malloc(cap * sizeof(*ring));
	if (!ring)
		return false;
	for (size_t i = 0; i < q->count; i++)
		ring[i] = *piece_at(q, i);
	free(q->ring);
	q->ring = ring;
	q->cap = cap;
	q->first = 0;
	return true;
}

/* Queues the n bytes that were just written at the end of the current chunk. */
static void put_chunk_bytes(struct outq *q, size_t n, int fd)
{
	struct outq_chunk *c = q->chunk;
	const uint8_t *p = c->bytes + c->used;

	c->used += n;
	q->bytes += n;
	if (q->count > 0 && fd < 0) {
		struct outq_piece *last = piece_at(q, q->count - 1);
		if (last->chunk == c && last->p + last->n == p) {
			last->n += n;
			return;
		}
	}
	*piece_at(q, q->count++) = (struct outq_piece){.p = p, .n = n, .chunk = c, .fd = fd};
	c->pieces++;
}

bool outq_put(struct outq *q, const struct wire_frame *f, const struct ring_set *rings, int fd)
{
	struct wire_ref ref;
	bool data = f->data && f->data->len > 0;

	if (!ring_room(q) || !chunk_room(q, HEAD_LEN + f->small.n))
		return false;
	bool by_ref = data && rings && ring_set_find(rings, f->data, &ref);
	struct wr w = wr_init(q->chunk->bytes + q->chunk->used, HEAD_LEN);
	if (by_ref)
		wire_put_ref(&w, f, &ref);
	else
		wire_put(&w, f);
	sm_assert(wr_ok(&w));
	size_t n = w.n;
	if (f->small.n > 0) {
		memcpy(w.p + n, f->small.p, f->small.n);
		n += f->small.n;
	}
	put_chunk_bytes(q, n, fd);
	if (data && !by_ref) {
		*piece_at(q, q->count++) = (struct outq_piece){
		        .p = f->data->data,
		        .n = f->data->len,
		        .block = block_ref(f->data),
		        .fd = -1,
		};
		q->bytes += f->data->len;
	}
	return true;
}

int outq_peek(const struct outq *q, struct iovec *v, int max, int *fd)
{
	int n = 0;
	*fd = q->count > 0 ? piece_at(q, 0)->fd : -1;
	for (; n < max && (size_t)n < q->count; n++) {
		const struct outq_piece *p = piece_at(q, (size_t)n);
		if (n > 0 && p->fd >= 0)
			break;
		v[n] = (struct iovec){.iov_base = (void *)(uintptr_t)p->p, .iov_len = p->n};
	}
	return n;
}

static void close_fd(struct outq_piece *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}

static void drop_first(struct outq *q)
{
	struct outq_piece *p = piece_at(q, 0);
	close_fd(p);
	block_unref(p->block);
	chunk_unref(p->chunk);
	q->first = (q->first + 1) & (q->cap - 1);
	q->count--;
}

void outq_take(struct outq *q, size_t n)
{
	sm_assert(n <= q->bytes);
	q->bytes -= n;
	while (n > 0) {
		struct outq_piece *p = piece_at(q, 0);
		close_fd(p);
		if (n < p->n) {
			p->p += n;
			p->n -= n;
			return;
		}
		n -= p->n;
		drop_first(q);
	}
}

void outq_clear(struct outq *q)
{
	while (q->count > 0)
		drop_first(q);
	chunk_unref(q->chunk);
	free(q->ring);
	*q = (struct outq){0};
}
