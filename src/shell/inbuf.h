/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a stream in, frames out; no I/O of its own. Headers, heads and short
 * data go through a buffer; data that are not wholly there with their head get
 * their block at once, and the rest is read straight into it: inbuf_room()
 * offers the rest of the block and, behind it, a little of the buffer, so that
 * a frame costs one read. How much is read ahead follows what comes: little
 * behind large data (it would have to be copied), much among small frames.
 */
#ifndef SHELL_INBUF_H
#define SHELL_INBUF_H

#include "shell/pool.h"
#include "wire/wire.h"

#include <sys/uio.h>

struct inbuf {
	struct pool *pool;
	uint8_t *bytes;
	size_t at, end; /* what is there and not used yet */
	size_t ahead;   /* to read into the buffer at once */
	size_t offered; /* bytes of the last room */
	struct wire_header header;
	struct block *block; /* of the frame at `at`, with `got` bytes in it; NULL: not begun */
	size_t got;
	struct block *delivered; /* of the frame that was handed out last */
};

enum inbuf_result { INBUF_FRAME, INBUF_MORE, INBUF_BAD, INBUF_NO_MEMORY };

bool inbuf_init(struct inbuf *in);
void inbuf_free(struct inbuf *in);
/* Where the next bytes go: one or two runs, never empty. */
int inbuf_room(struct inbuf *in, struct iovec v[2]);
/* n bytes went there. */
void inbuf_added(struct inbuf *in, size_t n);
/* The next frame: it and its spans live until the next call. BAD: why says what was wrong. */
enum inbuf_result inbuf_next(struct inbuf *in, struct wire_frame *out, char *why, size_t n);
/* True when part of a frame is there. */
bool inbuf_partial(const struct inbuf *in);

#endif
