/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A framed stream connection (TCP or UNIX) on a libevent loop: bytes in, struct
 * wire_frame out, and the other way round. One read takes many frames, one
 * write sends many; the data of a frame are read straight into their block and
 * written straight from it (writev), never copied. Data in a ring that both ends have do not travel
 * at all (shell/ring.h).
 */
#ifndef SHELL_CONN_H
#define SHELL_CONN_H

#include "shell/ring.h"
#include "wire/wire.h"

#include <event2/event.h>

struct conn;

/* A bus server that lives answers PING: whoever has sent one each third of its heartbeat, and has
 * heard nothing for so long, is at the wrong end of a dead connection, which the kernel does not
 * notice where nothing is to be sent again. */
#define CONN_SILENCE_MIN_NS (5 * NS_PER_S)
static inline ns_t conn_silence_limit(ns_t heartbeat)
{
	return 4 * heartbeat > CONN_SILENCE_MIN_NS ? 4 * heartbeat : CONN_SILENCE_MIN_NS;
}

struct conn_ops {
	/* A frame came. It and its spans live until the call returns; frame->data: take a reference
	 * to keep it. */
	void (*frame)(void *ctx, const struct wire_frame *frame);
	/* What the peer sent is no frame. The connection reads no more; the owner answers
	 * (conn_send) and closes. */
	void (*bad)(void *ctx, const char *why);
	/* The end of what was there to read: the moment to let a core run. */
	void (*batch)(void *ctx);
	/* The peer closed, or the connection failed, or more than out_max bytes wait unread by the
	 * peer. What the peer sent before was delivered. No call follows; the owner calls
	 * conn_free(), at once or later. */
	void (*closed)(void *ctx, const char *why);
};

/* Takes over fd (made non-blocking); it may still be connecting. out_max: bytes that may wait to be
 * written. NULL when out of memory (fd stays the caller's). */
struct conn *conn_new(struct event_base *base, int fd, const struct conn_ops *ops, void *ctx,
                      size_t out_max);
/* Queues a frame; refers to its data block. Written at the end of this loop iteration, or at
 * conn_flush(). Never calls back. */
void conn_send(struct conn *c, const struct wire_frame *f);
void conn_flush(struct conn *c);
/* The same, but it may wait for what is sent next, for a millisecond or two: another frame is about
 * to follow. */
void conn_send_lazy(struct conn *c, const struct wire_frame *f);
/* The same with a descriptor, which a UNIX socket's peer gets with the frame: a copy is made. False
 * when that cannot be (the frame was not queued). */
bool conn_send_fd(struct conn *c, const struct wire_frame *f, int fd);
/* A descriptor that came with a frame of this batch, the caller's to close; -1: none. */
int conn_take_fd(struct conn *c);
/* Whether descriptors, and so rings, are possible: it is a UNIX socket. */
bool conn_is_local(const struct conn *c);
/* Rings that the peer may refer to, and those that it knows: data in them go by reference. */
struct ring_set *conn_rings_in(struct conn *c);
struct ring_set *conn_rings_out(struct conn *c);
/* Stops reading while `on` is false (flow control); may be called from a callback: no further frame
 * follows then. The peer's end is not seen while off. */
void conn_read(struct conn *c, bool on);
/* Writes out what is queued, lets the peer read it, within a bound of time (2 s), then closes and
 * frees; no callback follows. Needs the loop to run on. */
void conn_close(struct conn *c);
/* Closes at once, drops what is queued. May be called from a callback of this connection. */
void conn_free(struct conn *c);
/* Bytes that wait to be written. */
size_t conn_queued(const struct conn *c);
int conn_fd(const struct conn *c);

#endif
