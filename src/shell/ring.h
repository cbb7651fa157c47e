/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ring: memory for data blocks that one process writes and others read, so that data do not
 * travel over sockets between processes of one machine. The initiator's daemon makes it (a memfd),
 * the bus server hands it on, targets map it; frames carry references to the blocks (struct
 * wire_ref).
 *
 * Who may do what is the kernel's to enforce: the memory is sealed, so that nobody can shrink or
 * grow it, and nobody but its maker (who mapped it before) can write to it. All of it is there from
 * the beginning: no process meets a page that the system cannot give.
 *
 *   header, generations (32 bits a page)  |  pages of data
 *
 * Each page has a generation, which changes when the page is given to other data. A reader that is
 * late finds out by it that it read what was not meant for it (ring_current()).
 */
#ifndef SHELL_RING_H
#define SHELL_RING_H

#include "wire/wire.h"

#define RING_BYTES_MIN  (1 * MIB)
#define RING_BYTES_MAX  (256 * MIB)                /* of data */
#define RING_BYTES_MOST (RING_BYTES_MAX + 1 * MIB) /* of the whole memory */
#define RINGS_MAX       WIRE_IDS

struct ring;

/* Makes one, with room for `bytes` of data. NULL with why. */
struct ring *ring_new(uint32_t number, size_t bytes, char *why, size_t n);
/*
 * Maps one that another process made; takes fd over, also on failure. NULL with why, when it is not
 * of `bytes` bytes, not sealed, has holes, or does not have a ring's form.
 */
struct ring *ring_open(uint32_t number, uint64_t bytes, int fd, char *why, size_t n);
struct ring *ring_ref(struct ring *r);
/* The memory stays as long as a block of it is held. NULL is allowed. */
void ring_unref(struct ring *r);

uint32_t ring_number(const struct ring *r);
/* Of the whole memory: what ring_open() is to be told. */
uint64_t ring_bytes(const struct ring *r);
/* Stays the ring's. */
int ring_fd(const struct ring *r);

/* Its maker: a block of len bytes, one reference, contents undefined. Its room is free again when
 * the last reference goes. NULL: no room, or out of memory. */
struct block *ring_get(struct ring *r, size_t len);
/* A reader: the block that a reference is to. NULL with why when it does not lie in the ring. */
struct block *ring_at(struct ring *r, const struct wire_ref *ref, uint32_t len, char *why,
                      size_t n);
/* False when b (or what it is a part of) does not lie in r. */
bool ring_find(const struct ring *r, const struct block *b, struct wire_ref *out);
/* False when b came by ring_at() and its maker has since given the memory to other data: what was
 * read may be anything. True for all other blocks. */
bool ring_current(const struct block *b);

/* ---- the rings of a connection ---- */

struct ring_set {
	unsigned n;
	struct ring *v[RINGS_MAX];
};

/* Takes a reference. False: full, or one of that number is there. */
bool ring_set_add(struct ring_set *s, struct ring *r);
void ring_set_remove(struct ring_set *s, uint32_t number);
void ring_set_clear(struct ring_set *s);
/* NULL: none of that number. */
struct ring *ring_set_get(const struct ring_set *s, uint32_t number);
/* As ring_find(), in any of them. */
bool ring_set_find(const struct ring_set *s, const struct block *b, struct wire_ref *out);

#endif
