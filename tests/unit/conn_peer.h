/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection over a socket pair, with the test as the peer; what it calls is written down. */
#ifndef TESTS_UNIT_CONN_PEER_H
#define TESTS_UNIT_CONN_PEER_H

#include "shell/conn.h"

enum peer_when { NEVER, IN_FRAME, IN_BAD, IN_BATCH, IN_CLOSED };

struct peer_seen {
	unsigned frames, bads, batches, closeds;
	uint64_t last_cookie;     /* of a PING */
	char why[256];            /* of the last bad or closed */
	struct block *data;       /* of the last frame that had some */
	enum peer_when free_when; /* the callback in which the connection is freed */
	unsigned pause_at;        /* frame number at which reading stops; 0: none */
};

extern struct event_base *base;
extern struct conn *conn; /* NULL: it was freed */
extern int peer;          /* our end; -1: closed */
extern struct peer_seen seen;
extern const struct conn_ops peer_ops; /* their context is &seen */

/* A fixture. */
void peer_set_up(void);
void peer_tear_down(void);
/* Runs what is ready, until nothing is. */
void turn(void);
/* A PING, 20 bytes, to out (64); its length. */
size_t ping(uint8_t *out, uint64_t cookie);
/* The peer sends these bytes; `count` PINGs. */
void peer_writes(const void *p, size_t n);
void peer_pings(uint64_t first, unsigned count);
/* The connection sends a PING. */
void send_ping(uint64_t cookie);
/* A SCRIPT of one item with these data; valid until the next one. */
struct wire_frame script(struct block *data);

#endif
