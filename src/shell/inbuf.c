/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/inbuf.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_LEN  (256 * KIB)
#define AHEAD_LEAST (4 * KIB)
#define LARGE_DATA  (32 * KIB) /* from here on a copy costs more than a read */
#define POOL_BYTES  (16 * MIB)
#define HEADER_HEAD ((size_t)WIRE_HEADER_LEN + WIRE_HEAD_MAX)

_Static_assert(BUFFER_LEN >= 2 * HEADER_HEAD, "a whole head and more fit into the buffer");

bool inbuf_init(struct inbuf *in)
{
	*in = (struct inbuf){.ahead = AHEAD_LEAST};
	in->pool = pool_new(POOL_BYTES);
	in->bytes = malloc(BUFFER_LEN);
	if (in->pool && in->bytes)
		return true;
	inbuf_free(in);
	return false;
}

void inbuf_free(struct inbuf *in)
{
	block_unref(in->block);
	block_unref(in->delivered);
	pool_free(in->pool);
	free(in->bytes);
	*in = (struct inbuf){0};
}

bool inbuf_partial(const struct inbuf *in)
{
	return in->end > in->at;
}

/* Moves what is there to the front. */
static void compact(struct inbuf *in)
{
	size_t n = in->end - in->at;
	if (in->at == 0)
		return;
	memmove(in->bytes, in->bytes + in->at, n);
	in->at = 0;
	in->end = n;
}

int inbuf_room(struct inbuf *in, struct iovec v[2])
{
	int n = 0;

	in->offered = 0;
	if (in->block) {
		v[n++] = (struct iovec){.iov_base = in->block->data + in->got,
		                        .iov_len = in->block->len - in->got};
		in->offered += v[0].iov_len;
	}
	if (in->at == in->end || BUFFER_LEN - in->end < in->ahead)
		compact(in);
	size_t left = BUFFER_LEN - in->end;
	v[n++] = (struct iovec){.iov_base = in->bytes + in->end,
	                        .iov_len = left < in->ahead ? left : in->ahead};
	in->offered += v[n - 1].iov_len;
	sm_assert(in->offered > 0);
	return n;
}

void inbuf_added(struct inbuf *in, size_t n)
{
	sm_assert(n <= in->offered);
	if (n == in->offered && in->ahead < BUFFER_LEN)
		in->ahead *= 2;
	in->offered = 0;
	if (in->block) {
		size_t rest = in->block->len - in->got;
		size_t into = n < rest ? n : rest;
		in->got += into;
		n -= into;
	}
	in->end += n;
}

/* A head is there whole, its data begin: takes what of them is in the buffer already. */
static bool begin_data(struct inbuf *in, size_t head_end)
{
	in->block = pool_get(in->pool, in->header.data_len);
	if (!in->block)
		return false;
	size_t have = in->end - (in->at + head_end);
	in->got = have < in->header.data_len ? have : in->header.data_len;
	memcpy(in->block->data, in->bytes + in->at + head_end, in->got);
	/* Close the gap, so that the head is followed by what comes after the data. */
	if (in->got < have)
		memmove(in->bytes + in->at + in->got, in->bytes + in->at, head_end);
	else
		in->end = in->at + head_end;
	if (in->got < have)
		in->at += in->got;
	if (in->header.data_len >= LARGE_DATA)
		in->ahead = AHEAD_LEAST;
	return true;
}

static enum inbuf_result deliver(struct inbuf *in, struct wire_frame *out, char *why, size_t n)
{
	struct span head = {in->bytes + in->at + WIRE_HEADER_LEN, in->header.head_len};

	in->delivered = in->block;
	in->block = NULL;
	in->got = 0;
	in->at += WIRE_HEADER_LEN + in->header.head_len;
	return wire_get(&in->header, head, in->delivered, out, why, n) ? INBUF_FRAME : INBUF_BAD;
}

enum inbuf_result inbuf_next(struct inbuf *in, struct wire_frame *out, char *why, size_t n)
{
	block_unref(in->delivered);
	in->delivered = NULL;
	if (!in->block) {
		size_t left = in->end - in->at;
		if (left < WIRE_HEADER_LEN)
			return INBUF_MORE;
		if (!wire_header_get(in->bytes + in->at, &in->header, why, n))
			return INBUF_BAD;
		size_t head_end = (size_t)WIRE_HEADER_LEN + in->header.head_len;
		if (left < head_end)
			return INBUF_MORE;
		if (in->header.data_len == 0 || in->header.in_ring)
			return deliver(in, out, why, n);
		if (!begin_data(in, head_end))
			return INBUF_NO_MEMORY;
	}
	return in->got < in->block->len ? INBUF_MORE : deliver(in, out, why, n);
}
