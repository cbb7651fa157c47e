/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection over a socket pair, with the test as the peer. */
#include "unit/conn_peer.h"
#include "unit/tap_main.h"

#include "shell/addr.h"
#include "shell/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct block *pattern(size_t len)
{
	struct block *b = block_new(len);
	ck_assert_ptr_nonnull(b);
	for (size_t i = 0; i < len; i++)
		b->data[i] = (uint8_t)(i * 31 + i / 251);
	return b;
}

START_TEST(a_frame_comes_in_pieces)
{
	uint8_t bytes[64];
	size_t n = ping(bytes, 77);

	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(seen.frames, 0);
		peer_writes(bytes + i, 1);
		turn();
	}
	ck_assert_uint_eq(seen.frames, 1);
	ck_assert_uint_eq(seen.batches, 1);
	ck_assert_uint_eq(seen.last_cookie, 77);
}
END_TEST

START_TEST(many_frames_come_in_one_read)
{
	peer_pings(1, 150);
	ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
	ck_assert_uint_eq(seen.frames, 150);
	ck_assert_uint_eq(seen.last_cookie, 150);
	ck_assert_uint_eq(seen.batches, 1);
}
END_TEST

START_TEST(a_busy_peer_is_read_within_a_bound)
{
	/* 100,000 frames of 20 bytes would be 2 MB. */
	int bytes = 8 * 1024 * 1024;
	(void)setsockopt(peer, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	uint8_t one[64];
	size_t n = ping(one, 1);
	unsigned sent = 0;

	while (sent < 100000 && send(peer, one, n, MSG_NOSIGNAL) == (ssize_t)n)
		sent++;
	ck_assert_uint_gt(sent, 400);
	ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
	ck_assert_uint_lt(seen.frames, 1 * MIB / n + 1);
	ck_assert_uint_eq(seen.batches, 1);
	while (seen.frames < sent)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_uint_eq(seen.frames, sent);
}
END_TEST

START_TEST(data_arrive_whole)
{
	struct block *data = pattern(600001);
	struct wire_frame f = script(data);
	uint8_t *bytes = malloc(700000);
	struct wr w = wr_init(bytes, 700000);

	wire_put(&w, &f);
	wr_bytes(&w, data->data, data->len);
	w.n += ping(bytes + w.n, 5);
	for (size_t at = 0; at < w.n;) {
		ssize_t n = send(peer, bytes + at, w.n - at, MSG_NOSIGNAL);
		if (n > 0)
			at += (size_t)n;
		turn();
	}
	turn();
	ck_assert_uint_eq(seen.frames, 2);
	ck_assert_uint_eq(seen.last_cookie, 5);
	ck_assert_uint_eq(seen.data->len, data->len);
	ck_assert_mem_eq(seen.data->data, data->data, data->len);
	block_unref(data);
	free(bytes);
}
END_TEST

START_TEST(an_oversize_header_is_bad)
{
	static const uint8_t big[WIRE_HEADER_LEN] = {5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};

	peer_pings(1, 3);
	peer_writes(big, sizeof(big));
	peer_pings(50, 1);
	turn();
	ck_assert_uint_eq(seen.frames, 3);
	ck_assert_uint_eq(seen.bads, 1);
	ck_assert_uint_eq(seen.closeds, 0);
	ck_assert_str_eq(seen.why, "PING: head length is 4294967295, the most is 16384");
	/* Nothing more is read; the owner can still answer. */
	peer_pings(60, 1);
	turn();
	ck_assert_uint_eq(seen.frames, 3);
	send_ping(9);
	turn();
	uint8_t got[64];
	ck_assert_int_gt(recv(peer, got, sizeof(got), 0), 0);
}
END_TEST

START_TEST(a_bad_head_is_bad)
{
	static const uint8_t cancel_zero[WIRE_HEADER_LEN + 4] = {WIRE_CANCEL, 0, 0, 0, 0, 0, 0, 4};

	peer_writes(cancel_zero, sizeof(cancel_zero));
	turn();
	ck_assert_uint_eq(seen.bads, 1);
	ck_assert_str_eq(seen.why, "CANCEL: id is 0, the least is 1");
}
END_TEST

START_TEST(frames_go_out_at_the_end_of_the_turn)
{
	uint8_t got[4096];

	for (unsigned i = 0; i < 100; i++)
		send_ping(i);
	ck_assert_uint_eq(conn_queued(conn), 2000);
	ck_assert_int_eq(recv(peer, got, sizeof(got), 0), -1);
	ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
	ck_assert_int_eq(recv(peer, got, sizeof(got), 0), 2000);
	ck_assert_uint_eq(conn_queued(conn), 0);
	/* Or when asked. */
	send_ping(7);
	conn_flush(conn);
	ck_assert_int_eq(recv(peer, got, sizeof(got), 0), 20);
}
END_TEST

START_TEST(a_slow_peer_gets_everything)
{
	struct block *data = pattern(3000000);
	struct wire_frame f = script(data);
	uint8_t *got = malloc(3100000);
	size_t at = 0;

	send_ping(1);
	conn_send(conn, &f);
	send_ping(2);
	size_t all = conn_queued(conn);
	ck_assert_uint_eq(data->refs, 2);
	while (at < all) {
		turn();
		ssize_t n = recv(peer, got + at, 9999, 0);
		ck_assert_int_gt(n, 0);
		at += (size_t)n;
	}
	turn();
	ck_assert_uint_eq(conn_queued(conn), 0);
	ck_assert_uint_eq(data->refs, 1);
	ck_assert_mem_eq(got + all - 20 - data->len, data->data, data->len);
	block_unref(data);
	free(got);
}
END_TEST

START_TEST(short_data_are_copied)
{
	uint8_t text[] = "hello", got[256];
	struct wire_frame f = script(NULL);

	f.small = (struct span){text, 5};
	conn_send(conn, &f);
	memset(text, 'x', 5);
	turn();
	ssize_t n = recv(peer, got, sizeof(got), 0);
	ck_assert_int_gt(n, 5);
	ck_assert_mem_eq(got + n - 5, "hello", 5);
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_closed)
{
	struct block *data = pattern(1 * MIB);
	struct wire_frame f = script(data);

	for (int i = 0; i < 9; i++) {
		conn_send(conn, &f);
		ck_assert_uint_eq(seen.closeds, 0); /* conn_send() never calls back */
	}
	turn();
	ck_assert_uint_eq(seen.closeds, 1);
	ck_assert_ptr_nonnull(strstr(seen.why, " bytes wait for the peer, the most is 8388608"));
	ck_assert_uint_eq(data->refs, 1);
	conn_send(conn, &f); /* ignored */
	turn();
	ck_assert_uint_eq(seen.closeds, 1);
	block_unref(data);
}
END_TEST

START_TEST(it_can_be_freed_in_a_callback)
{
	static const uint8_t bad[WIRE_HEADER_LEN] = {99};

	seen.free_when = (enum peer_when)_i;
	send_ping(1);
	peer_pings(1, 5);
	if (_i == IN_BAD)
		peer_writes(bad, sizeof(bad));
	if (_i == IN_CLOSED) {
		(void)close(peer);
		peer = -1;
	}
	turn();
	ck_assert_ptr_null(conn);
	ck_assert_uint_eq(seen.frames, _i == IN_FRAME ? 1 : 5);
	ck_assert_uint_eq(seen.bads, _i == IN_BAD ? 1 : 0);
	ck_assert_uint_eq(seen.batches, _i == IN_BATCH || _i == IN_CLOSED ? 1 : 0);
	ck_assert_uint_eq(seen.closeds, _i == IN_CLOSED ? 1 : 0);
}
END_TEST

START_TEST(reading_can_be_stopped)
{
	seen.pause_at = 3;
	peer_pings(1, 10);
	turn();
	ck_assert_uint_eq(seen.frames, 3);
	/* What waits in the buffer comes, too, without anything new from the peer. */
	conn_read(conn, true);
	turn();
	ck_assert_uint_eq(seen.frames, 10);
	conn_read(conn, false);
	peer_pings(11, 10);
	turn();
	ck_assert_uint_eq(seen.frames, 10);
	conn_read(conn, true);
	turn();
	ck_assert_uint_eq(seen.frames, 20);
	ck_assert_uint_eq(seen.last_cookie, 20);
}
END_TEST

START_TEST(the_peer_closes)
{
	peer_pings(1, 2);
	(void)close(peer);
	peer = -1;
	turn();
	ck_assert_uint_eq(seen.frames, 2);
	ck_assert_uint_eq(seen.batches, 1);
	ck_assert_uint_eq(seen.closeds, 1);
	ck_assert_str_eq(seen.why, "the peer closed");
}
END_TEST

START_TEST(the_peer_closes_in_a_frame)
{
	static const uint8_t half[3] = {5};
	peer_writes(half, sizeof(half));
	(void)close(peer);
	peer = -1;
	turn();
	ck_assert_str_eq(seen.why, "the peer closed in the middle of a frame");
}
END_TEST

/* A peer that refuses us says why and closes while we are still writing: what it said comes first.
 */
START_TEST(the_last_words_are_heard)
{
	peer_pings(1, 1);
	(void)close(peer);
	peer = -1;
	send_ping(5);
	conn_flush(conn); /* fails: nobody is there */
	ck_assert_uint_eq(seen.closeds, 0);
	turn();
	ck_assert_uint_eq(seen.frames, 1);
	ck_assert_uint_eq(seen.closeds, 1);
}
END_TEST

/* Closing writes out what is queued, and drops what still comes. */
START_TEST(closing_writes_first)
{
	struct block *data = pattern(2000000);
	struct wire_frame f = script(data);
	uint8_t *got = malloc(65536);
	size_t all, at = 0;
	ssize_t n = 1;

	peer_pings(1, 2000); /* unread: on TCP a plain close would reset the connection */
	conn_send(conn, &f);
	all = conn_queued(conn);
	conn_close(conn);
	conn = NULL;
	for (int i = 0; n != 0 && i < 100000; i++) {
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		n = recv(peer, got, 65536, 0);
		if (n > 0)
			at += (size_t)n;
	}
	ck_assert_int_eq(n, 0);
	ck_assert_uint_eq(at, all);
	ck_assert_uint_eq(seen.frames + seen.closeds, 0);
	/* The peer closes: that was it. */
	(void)close(peer);
	peer = -1;
	ck_assert_int_eq(event_base_dispatch(base), 1);
	ck_assert_uint_eq(data->refs, 1);
	block_unref(data);
	free(got);
}
END_TEST

START_TEST(closing_has_a_limit)
{
	struct block *data = pattern(4 * MIB);
	struct wire_frame f = script(data);

	conn_send(conn, &f);
	conn_close(conn);
	conn = NULL;
	/* The peer neither reads nor closes. The loop ends when nothing is left. */
	ck_assert_int_eq(event_base_dispatch(base), 1);
	ck_assert_uint_eq(data->refs, 1);
	block_unref(data);
}
END_TEST

/* Runs the loop until closed() or a frame came. */
static void wait_for_something(void)
{
	while (seen.frames + seen.closeds == 0)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
}

START_TEST(a_connection_is_made)
{
	struct addr a;
	char why[256] = "";

	ck_assert_msg(addr_parse("tcp:127.0.0.1:0", &a, why, sizeof(why)), "%s", why);
	int listening = addr_listen(&a, why, sizeof(why));
	ck_assert_msg(listening >= 0, "%s", why);
	int fd = addr_connect(&a, why, sizeof(why));
	ck_assert_msg(fd >= 0, "%s", why);
	conn_free(conn);
	conn = conn_new(base, fd, &peer_ops, &seen, 8 * MIB);
	ck_assert_ptr_nonnull(conn);
	send_ping(3); /* before it is connected */
	struct pollfd p = {.fd = listening, .events = POLLIN};
	ck_assert_int_eq(poll(&p, 1, 5000), 1);
	(void)close(peer);
	peer = accept(listening, NULL, NULL);
	ck_assert_int_ge(peer, 0);
	peer_pings(8, 1);
	wait_for_something();
	ck_assert_uint_eq(seen.last_cookie, 8);
	uint8_t got[64];
	ck_assert_int_eq(recv(peer, got, 20, MSG_WAITALL), 20);
	(void)close(listening);
}
END_TEST

START_TEST(a_connection_is_refused)
{
	struct addr a;
	char why[256] = "";

	ck_assert(addr_parse("tcp:127.0.0.1:0", &a, why, sizeof(why)));
	int listening = addr_listen(&a, why, sizeof(why));
	ck_assert_int_ge(listening, 0);
	(void)close(listening); /* nobody listens on this port now */
	int fd = addr_connect(&a, why, sizeof(why));
	if (fd < 0) { /* told at once: as good */
		ck_assert_ptr_nonnull(strstr(why, "Connection refused"));
		return;
	}
	conn_free(conn);
	conn = conn_new(base, fd, &peer_ops, &seen, 8 * MIB);
	wait_for_something();
	ck_assert_uint_eq(seen.closeds, 1);
	ck_assert_str_eq(seen.why, "Connection refused");
}
END_TEST

static ssize_t peer_reads(void)
{
	uint8_t buf[256];
	ssize_t n = recv(peer, buf, sizeof(buf), MSG_DONTWAIT);
	return n < 0 && errno == EAGAIN ? 0 : n;
}

START_TEST(a_lazy_frame_goes_with_the_next)
{
	struct wire_frame f = {.type = WIRE_PING, .ping = {1}};

	conn_send_lazy(conn, &f);
	conn_send_lazy(conn, &f);
	ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
	ck_assert_int_eq(peer_reads(), 0);
	send_ping(2);
	turn();
	ck_assert_int_eq(peer_reads(), 3 * 20);
}
END_TEST

START_TEST(a_lazy_frame_goes_by_itself)
{
	struct wire_frame f = {.type = WIRE_PING, .ping = {1}};
	struct pollfd p = {.fd = peer, .events = POLLIN};

	conn_send_lazy(conn, &f);
	while (poll(&p, 1, 0) == 0)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_int_eq(peer_reads(), 20);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const once[] = {
	        a_frame_comes_in_pieces,
	        many_frames_come_in_one_read,
	        a_busy_peer_is_read_within_a_bound,
	        data_arrive_whole,
	        an_oversize_header_is_bad,
	        a_bad_head_is_bad,
	        frames_go_out_at_the_end_of_the_turn,
	        a_lazy_frame_goes_with_the_next,
	        a_lazy_frame_goes_by_itself,
	        a_slow_peer_gets_everything,
	        short_data_are_copied,
	        a_peer_that_does_not_read_is_closed,
	        reading_can_be_stopped,
	        the_peer_closes,
	        the_peer_closes_in_a_frame,
	        the_last_words_are_heard,
	        closing_writes_first,
	        closing_has_a_limit,
	        a_connection_is_made,
	        a_connection_is_refused,
	};
	Suite *s = suite_create("conn");
	TCase *t = tcase_create("conn");

	tcase_add_checked_fixture(t, peer_set_up, peer_tear_down);
	for (size_t i = 0; i < ARRAY_LEN(once); i++)
		tcase_add_test(t, once[i]);
	tcase_add_loop_test(t, it_can_be_freed_in_a_callback, IN_FRAME, IN_CLOSED + 1);
	suite_add_tcase(s, t);
	return s;
}

TAP_MAIN_SUITE(make_suite);
