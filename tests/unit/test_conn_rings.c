/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection over a socket pair: data by reference, and descriptors. */
#include "unit/conn_peer.h"
#include "unit/tap_main.h"

#include "shell/addr.h"
#include "shell/conn.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- data by reference ---- */

static struct ring *make_ring(uint32_t number)
{
	char why[200];
	struct ring *r = ring_new(number, 1 * MIB, why, sizeof(why));
	if (!r)
		ck_abort_msg("%s", why);
	return r;
}

/* The same as another process has it. */
static struct ring *reader_of(const struct ring *maker)
{
	char why[200];
	struct ring *r = ring_open(ring_number(maker), ring_bytes(maker), dup(ring_fd(maker)), why,
	                           sizeof(why));
	if (!r)
		ck_abort_msg("%s", why);
	return r;
}

static void let_refer_to(const struct ring *maker)
{
	struct ring *r = reader_of(maker);
	ck_assert(ring_set_add(conn_rings_in(conn), r));
	ring_unref(r);
}

/* The peer sends a SCRIPT whose data are at a reference. */
static void peer_refers(struct wire_ref ref, size_t len)
{
	struct block *data = block_new(len);
	struct wire_frame f = script(data);
	uint8_t bytes[256];
	struct wr w = wr_init(bytes, sizeof(bytes));

	wire_put_ref(&w, &f, &ref);
	ck_assert(wr_ok(&w));
	peer_writes(bytes, w.n);
	block_unref(data);
}

START_TEST(data_by_reference_are_found)
{
	struct ring *r = make_ring(4);
	struct block *data = ring_get(r, 70000);
	struct wire_ref ref;

	for (size_t i = 0; i < data->len; i++)
		data->data[i] = (uint8_t)(i * 7 + i / 253);
	ck_assert(ring_find(r, data, &ref));
	let_refer_to(r);
	peer_pings(1, 1);
	peer_refers(ref, 70000);
	peer_pings(2, 1);
	turn();
	ck_assert_uint_eq(seen.frames, 3);
	ck_assert_uint_eq(seen.last_cookie, 2);
	ck_assert_uint_eq(seen.data->len, 70000);
	ck_assert(seen.data->shared);
	ck_assert_mem_eq(seen.data->data, data->data, 70000);
	/* What was kept stays, whatever becomes of ring and connection. */
	conn_free(conn);
	conn = NULL;
	ring_unref(r);
	ck_assert_mem_eq(seen.data->data, data->data, 70000);
	block_unref(data);
}
END_TEST

START_TEST(data_in_an_unknown_ring_are_bad)
{
	struct ring *r = make_ring(4);
	struct block *data = ring_get(r, 100);
	struct wire_ref ref;

	ck_assert(ring_find(r, data, &ref));
	/* Known to the peer, and of our own making: not one that it may refer to. */
	ck_assert(ring_set_add(conn_rings_out(conn), r));
	peer_refers(ref, 100);
	peer_pings(1, 1);
	turn();
	ck_assert_uint_eq(seen.frames, 0);
	ck_assert_uint_eq(seen.bads, 1);
	ck_assert_str_eq(seen.why, "SCRIPT: its data are in ring 4, which is not known");
	block_unref(data);
	ring_unref(r);
}
END_TEST

START_TEST(data_outside_of_their_ring_are_bad)
{
	struct ring *r = make_ring(4);
	const uint32_t end = (uint32_t)ring_bytes(r);
	char want[200];

	let_refer_to(r);
	peer_refers((struct wire_ref){.ring = 4, .off = end - 511}, 512);
	peer_pings(1, 1);
	turn();
	ck_assert_uint_eq(seen.frames, 0);
	ck_assert_uint_eq(seen.bads, 1);
	(void)snprintf(want, sizeof(want), "512 bytes at %u do not lie in ring 4 of %u bytes",
	               end - 511, end);
	ck_assert_str_eq(seen.why, want);
	ring_unref(r);
}
END_TEST

START_TEST(a_frame_by_reference_may_end_the_connection)
{
	struct ring *r = make_ring(4);
	struct block *data = ring_get(r, 5000);
	struct wire_ref ref;

	ck_assert(ring_find(r, data, &ref));
	let_refer_to(r);
	ring_unref(r);
	seen.free_when = IN_FRAME;
	peer_refers(ref, 5000);
	turn();
	ck_assert_ptr_null(conn);
	ck_assert_uint_eq(seen.data->len, 5000);
	block_unref(data);
}
END_TEST

START_TEST(data_that_the_peer_has_do_not_travel)
{
	struct ring *r = make_ring(4);
	struct block *data = ring_get(r, 500000);
	struct wire_frame f = script(data);
	uint8_t got[256];

	ck_assert(ring_set_add(conn_rings_out(conn), r));
	conn_send(conn, &f);
	ck_assert_uint_lt(conn_queued(conn), 100);
	turn();
	ssize_t n = recv(peer, got, sizeof(got), 0);
	ck_assert_int_gt(n, WIRE_HEADER_LEN + WIRE_REF_LEN);
	ck_assert_uint_eq(got[1], SMIRROR_DATA_IN_RING);
	ck_assert_uint_eq(get_be32(got + WIRE_HEADER_LEN), 4);
	/* Withdrawn: the next one does. */
	ring_set_remove(conn_rings_out(conn), 4);
	conn_send(conn, &f);
	ck_assert_uint_gt(conn_queued(conn), 500000);
	ck_assert_uint_eq(data->refs, 2);
	conn_free(conn);
	conn = NULL;
	ck_assert_uint_eq(data->refs, 1);
	block_unref(data);
	ring_unref(r);
}
END_TEST

/* ---- descriptors ---- */

static unsigned open_fds(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Sends bytes with n descriptors of /dev/null. */
static void peer_sends_fds(const void *p, size_t len, unsigned n)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec v = {(void *)(uintptr_t)p, len};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes};
	int fds[16];

	ck_assert_uint_le(n, ARRAY_LEN(fds));
	for (unsigned i = 0; i < n; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	m.msg_controllen = CMSG_SPACE(n * sizeof(int));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
	ck_assert_int_eq(sendmsg(peer, &m, MSG_NOSIGNAL), (ssize_t)len);
	for (unsigned i = 0; i < n; i++)
		(void)close(fds[i]);
}

/* However many come, with however many messages: one is kept until it is asked for. */
START_TEST(one_descriptor_is_kept)
{
	uint8_t bytes[64];
	size_t n = ping(bytes, 1);
	unsigned before = open_fds();

	ck_assert(conn_is_local(conn));
	ck_assert_int_lt(conn_take_fd(conn), 0);
	for (unsigned count = 1; count <= 16; count++) {
		peer_sends_fds(bytes, n, count);
		turn();
		ck_assert_uint_eq(seen.frames, count);
		ck_assert_uint_eq(open_fds(), before + 1);
	}
	int fd = conn_take_fd(conn);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	(void)close(fd);
	ck_assert_int_lt(conn_take_fd(conn), 0);
	ck_assert_uint_eq(open_fds(), before);
	/* One that nobody asks for ends with the connection. */
	peer_sends_fds(bytes, n, 1);
	turn();
	conn_free(conn);
	conn = NULL;
	ck_assert_uint_eq(open_fds(), before - 1);
}
END_TEST

START_TEST(a_descriptor_is_sent_with_its_frame)
{
	uint8_t got[256];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec v = {got, sizeof(got)};
	struct msghdr m = {.msg_iov = &v,
	                   .msg_iovlen = 1,
	                   .msg_control = control.bytes,
	                   .msg_controllen = sizeof(control.bytes)};
	struct wire_frame f = {.type = WIRE_RING, .ring = {.number = 1, .bytes = 2}};
	int pipes[2], fd;
	char c = 0;

	ck_assert_int_eq(pipe(pipes), 0);
	send_ping(1);
	ck_assert(conn_send_fd(conn, &f, pipes[1]));
	send_ping(2);
	(void)close(pipes[1]); /* it was copied */
	turn();
	ck_assert_int_eq(recvmsg(peer, &m, MSG_CMSG_CLOEXEC), 20 + 24 + 20);
	ck_assert_uint_eq(got[20], WIRE_RING);
	ck_assert(!(m.msg_flags & MSG_CTRUNC));
	ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&m));
	ck_assert_uint_eq(control.head.cmsg_len, CMSG_LEN(sizeof(int)));
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(int));
	/* Ours is the last that is open: the pipe ends with it. */
	ck_assert_int_eq(write(fd, "x", 1), 1);
	(void)close(fd);
	ck_assert_int_eq(read(pipes[0], &c, 1), 1);
	ck_assert_int_eq(read(pipes[0], &c, 1), 0);
	(void)close(pipes[0]);
	/* None that is not open, and none after the end. */
	ck_assert(!conn_send_fd(conn, &f, pipes[0]));
	ck_assert_uint_eq(conn_queued(conn), 0);
	(void)close(peer);
	peer = -1;
	turn();
	unsigned before = open_fds();
	ck_assert(!conn_send_fd(conn, &f, 0));
	ck_assert_uint_eq(open_fds(), before);
}
END_TEST

START_TEST(a_descriptor_waits_for_a_slow_peer)
{
	struct block *data = block_new(3000000);
	struct wire_frame big = script(data);
	struct wire_frame f = {.type = WIRE_RING, .ring = {.number = 1, .bytes = 2}};
	uint8_t *got = malloc(65536);
	unsigned fds = 0;
	size_t at = 0;

	conn_send(conn, &big);
	ck_assert(conn_send_fd(conn, &f, peer));
	conn_send(conn, &big);
	size_t all = conn_queued(conn), before = (all - 24) / 2;
	while (at < all) {
		union {
			struct cmsghdr head;
			char bytes[CMSG_SPACE(4 * sizeof(int))];
		} control;
		struct iovec v = {got, 9999};
		struct msghdr m = {.msg_iov = &v,
		                   .msg_iovlen = 1,
		                   .msg_control = control.bytes,
		                   .msg_controllen = sizeof(control.bytes)};
		turn();
		ssize_t n = recvmsg(peer, &m, 0);
		ck_assert_int_gt(n, 0);
		if (CMSG_FIRSTHDR(&m)) {
			int fd;
			memcpy(&fd, CMSG_DATA(&control.head), sizeof(int));
			(void)close(fd);
			fds++;
			/* This read had the first byte of its frame. */
			ck_assert(at <= before && before < at + (size_t)n);
		}
		at += (size_t)n;
	}
	ck_assert_uint_eq(fds, 1);
	block_unref(data);
	free(got);
}
END_TEST

/* A connection over TCP, with its peer. */
static void over_tcp(void)
{
	struct addr a;
	char why[256] = "";

	ck_assert_msg(addr_parse("tcp:127.0.0.1:0", &a, why, sizeof(why)), "%s", why);
	int listening = addr_listen(&a, why, sizeof(why));
	ck_assert_int_ge(listening, 0);
	int fd = addr_connect(&a, why, sizeof(why));
	ck_assert_int_ge(fd, 0);
	struct pollfd p = {.fd = listening, .events = POLLIN};
	ck_assert_int_eq(poll(&p, 1, 5000), 1);
	(void)close(peer);
	peer = accept(listening, NULL, NULL);
	ck_assert_int_ge(peer, 0);
	(void)close(listening);
	conn_free(conn);
	conn = conn_new(base, fd, &peer_ops, &seen, 8 * MIB);
	ck_assert_ptr_nonnull(conn);
}

START_TEST(tcp_has_no_descriptors)
{
	struct wire_frame f = {.type = WIRE_RING, .ring = {.number = 1, .bytes = 2}};

	over_tcp();
	unsigned before = open_fds();
	ck_assert(!conn_is_local(conn));
	ck_assert(!conn_send_fd(conn, &f, peer));
	ck_assert_uint_eq(conn_queued(conn), 0);
	ck_assert_uint_eq(open_fds(), before);
	peer_pings(3, 1);
	while (seen.frames == 0)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_uint_eq(seen.last_cookie, 3);
	ck_assert_int_lt(conn_take_fd(conn), 0);
}
END_TEST

TAP_MAIN_WITH("conn_rings", peer_set_up, peer_tear_down, data_by_reference_are_found,
              data_in_an_unknown_ring_are_bad, data_outside_of_their_ring_are_bad,
              a_frame_by_reference_may_end_the_connection, data_that_the_peer_has_do_not_travel,
              one_descriptor_is_kept, a_descriptor_is_sent_with_its_frame,
              a_descriptor_waits_for_a_slow_peer, tcp_has_no_descriptors);
