/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What waits to be written on a connection: heads, copied one behind the other
 * into chunks, and data blocks, by reference. Heads of frames without data join
 * into one piece, so that one writev carries many frames. Data in a ring that the peer has, too,
 * go as a reference within the head. A descriptor goes with the first byte of its frame.
 */
#ifndef SHELL_OUTQ_H
#define SHELL_OUTQ_H

#include "shell/ring.h"
#include "wire/wire.h"

#include <sys/uio.h>

struct outq_chunk;

struct outq_piece {
	const uint8_t *p;
	size_t n;
	struct block *block;      /* of data, one reference */
	struct outq_chunk *chunk; /* of heads, one count in chunk->pieces */
	int fd;                   /* goes with its first byte; -1: none */
};

struct outq {
	struct outq_piece *ring; /* cap is a power of two, or 0 */
	size_t cap, first, count;
	size_t bytes;             /* that wait */
	struct outq_chunk *chunk; /* where the next head goes; holds one count itself */
};

/*
 * Encodes the frame's head and takes its data; those in a ring of `rings` (NULL: none) by
 * reference. fd: to go with it, taken over; -1: none. False when out of memory (nothing was queued,
 * fd stays the caller's).
 */
bool outq_put(struct outq *q, const struct wire_frame *f, const struct ring_set *rings, int fd);
/* The first pieces that may go together, at most max; returns how many. *fd is what has to go with
 * them, or -1: outq_take() closes it. */
int outq_peek(const struct outq *q, struct iovec *v, int max, int *fd);
/* n bytes were written. */
void outq_take(struct outq *q, size_t n);
/* Drops everything and frees what it has. */
void outq_clear(struct outq *q);

#endif
