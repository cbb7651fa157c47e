/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/conn_peer.h"

#include <check.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct event_base *base;
struct conn *conn;
int peer;
struct peer_seen seen;

static void free_if(enum peer_when now)
{
	if (seen.free_when != now)
		return;
	conn_free(conn);
	conn = NULL;
}

static void on_frame(void *ctx, const struct wire_frame *f)
{
	ck_assert_ptr_eq(ctx, &seen);
	ck_assert_uint_eq(seen.closeds, 0);
	seen.frames++;
	if (f->type == WIRE_PING)
		seen.last_cookie = f->ping.cookie;
	if (f->data) {
		block_unref(seen.data);
		seen.data = block_ref(f->data);
	}
	if (seen.frames == seen.pause_at)
		conn_read(conn, false);
	free_if(IN_FRAME);
}

static void on_bad(void *ctx, const char *why)
{
	(void)ctx;
	seen.bads++;
	(void)snprintf(seen.why, sizeof(seen.why), "%s", why);
	free_if(IN_BAD);
}

static void on_batch(void *ctx)
{
	(void)ctx;
	ck_assert_uint_eq(seen.closeds, 0);
	seen.batches++;
	free_if(IN_BATCH);
}

static void on_closed(void *ctx, const char *why)
{
	(void)ctx;
	seen.closeds++;
	(void)snprintf(seen.why, sizeof(seen.why), "%s", why);
	free_if(IN_CLOSED);
}

const struct conn_ops peer_ops = {on_frame, on_bad, on_batch, on_closed};

void peer_set_up(void)
{
	int fds[2];
	memset(&seen, 0, sizeof(seen));
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	peer = fds[1];
	conn = conn_new(base, fds[0], &peer_ops, &seen, 8 * MIB);
	ck_assert_ptr_nonnull(conn);
}

void peer_tear_down(void)
{
	conn_free(conn);
	conn = NULL;
	block_unref(seen.data);
	if (peer >= 0)
		(void)close(peer);
	event_base_free(base);
}

void turn(void)
{
	for (int i = 0; i < 20; i++)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
}

size_t ping(uint8_t *out, uint64_t cookie)
{
	struct wire_frame f = {.type = WIRE_PING, .ping = {cookie}};
	struct wr w = wr_init(out, 64);
	wire_put(&w, &f);
	ck_assert(wr_ok(&w));
	return w.n;
}

void peer_writes(const void *p, size_t n)
{
	ck_assert_int_eq(send(peer, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

void peer_pings(uint64_t first, unsigned count)
{
	uint8_t *all = malloc(count * 64);
	size_t n = 0;
	for (unsigned i = 0; i < count; i++)
		n += ping(all + n, first + i);
	peer_writes(all, n);
	free(all);
}

void send_ping(uint64_t cookie)
{
	struct wire_frame f = {.type = WIRE_PING, .ping = {cookie}};
	conn_send(conn, &f);
}

struct wire_frame script(struct block *data)
{
	static uint8_t list[64];
	struct wr w = wr_init(list, sizeof(list));
	wire_put_plain(&w, ITEM_SELECT, 1, ITEM_ATN);
	return (struct wire_frame){
	        .type = WIRE_SCRIPT, .script = {.id = 9, .items = {list, w.n}}, .data = data};
}
