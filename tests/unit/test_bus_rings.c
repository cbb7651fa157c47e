/* SPDX-License-Identifier: BSD-2-Clause */
/* Rings through the bus server: its ends of the connections, with the test as all of its devices.
 */
#include "unit/tap_main.h"

#include "shell/bus_rings.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORTS 4

static struct event_base *base;
static struct bus_rings rings;
static struct port {
	struct conn *conn; /* the server's end */
	int fd;            /* the device's */
	bool refused;
	char why[160];
	unsigned frames;
} port[PORTS];

static void on_frame(void *ctx, const struct wire_frame *f)
{
	struct port *p = ctx;

	ck_assert_int_eq(f->type, WIRE_RING);
	p->frames++;
	p->why[0] = '\0';
	p->refused = !bus_rings_frame(&rings, p->conn, &f->ring, p->why, sizeof(p->why));
	ck_assert(p->refused == (p->why[0] != '\0'));
}

static void on_bad(void *ctx, const char *why)
{
	(void)ctx;
	ck_abort_msg("%s", why);
}

static void on_batch(void *ctx)
{
	(void)ctx;
}

static void on_closed(void *ctx, const char *why)
{
	(void)ctx, (void)why;
}

static const struct conn_ops ops = {on_frame, on_bad, on_batch, on_closed};

static void setup(void)
{
	memset(&rings, 0, sizeof(rings));
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	for (unsigned i = 0; i < PORTS; i++) {
		int fds[2];
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		port[i] = (struct port){.fd = fds[1]};
		port[i].conn = conn_new(base, fds[0], &ops, &port[i], 8 * MIB);
		ck_assert_ptr_nonnull(port[i].conn);
	}
}

static void gone(unsigned i)
{
	bus_rings_gone(&rings, port[i].conn);
	conn_free(port[i].conn);
	port[i].conn = NULL;
}

static void teardown(void)
{
	for (unsigned i = 0; i < PORTS; i++) {
		if (port[i].conn)
			gone(i);
		(void)close(port[i].fd);
	}
	event_base_free(base);
}

static void turn(void)
{
	for (int i = 0; i < 20; i++)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK), 0);
}

static unsigned open_fds(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* ---- what a device does ---- */

/* Sends RING, with a descriptor unless fd is -1, and lets the server take it. */
static void say(unsigned i, uint32_t number, uint64_t bytes, int fd)
{
	struct wire_frame f = {.type = WIRE_RING, .ring = {number, bytes}};
	uint8_t out[64];
	struct wr w = wr_init(out, sizeof(out));
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec v = {out, 0};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	wire_put(&w, &f);
	v.iov_len = w.n;
	if (fd >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
	}
	ck_assert_int_eq(sendmsg(port[i].fd, &m, MSG_NOSIGNAL), (ssize_t)w.n);
	unsigned before = port[i].frames;
	turn();
	ck_assert_uint_eq(port[i].frames, before + 1);
}

/* The next RING that came; its descriptor, -1: it had none. */
static int hear(unsigned i, struct wire_ring *out)
{
	uint8_t bytes[24];
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec v = {bytes, sizeof(bytes)};
	struct msghdr m = {.msg_iov = &v,
	                   .msg_iovlen = 1,
	                   .msg_control = control.bytes,
	                   .msg_controllen = sizeof(control.bytes)};
	struct wire_header h;
	struct wire_frame f;
	char why[160];
	int fd = -1;

	turn();
	ck_assert_int_eq(recvmsg(port[i].fd, &m, MSG_CMSG_CLOEXEC), sizeof(bytes));
	ck_assert_msg(wire_header_get(bytes, &h, why, sizeof(why)), "%s", why);
	ck_assert_uint_eq(h.type, WIRE_RING);
	struct span head = {bytes + WIRE_HEADER_LEN, h.head_len};
	ck_assert_msg(wire_get(&h, head, NULL, &f, why, sizeof(why)), "%s", why);
	*out = f.ring;
	if (CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(int));
	return fd;
}

static bool quiet(unsigned i)
{
	uint8_t byte;
	turn();
	return recv(port[i].fd, &byte, 1, MSG_PEEK) < 0;
}

static struct ring *make(uint32_t number)
{
	char why[200];
	struct ring *r = ring_new(number, 1 * MIB, why, sizeof(why));
	if (!r)
		ck_abort_msg("%s", why);
	return r;
}

/* The initiator of that epoch offers a ring, and hears that it was taken. */
static struct ring *give(unsigned i, uint32_t epoch)
{
	struct ring *r = make(epoch);
	struct wire_ring answer;

	say(i, epoch, ring_bytes(r), ring_fd(r));
	ck_assert_msg(!port[i].refused, "%s", port[i].why);
	ck_assert_int_eq(hear(i, &answer), -1);
	ck_assert_uint_eq(answer.number, epoch);
	ck_assert_uint_eq(answer.bytes, ring_bytes(r));
	return r;
}

/* A target hears of that ring, and gets it. */
static void offered(unsigned i, const struct ring *r)
{
	struct wire_ring got;
	struct stat here, there;
	int fd = hear(i, &got);

	ck_assert_uint_eq(got.number, ring_number(r));
	ck_assert_uint_eq(got.bytes, ring_bytes(r));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &there), 0);
	ck_assert_int_eq(fstat(ring_fd(r), &here), 0);
	ck_assert_uint_eq(here.st_ino, there.st_ino);
	(void)close(fd);
}

static bool goes_by_reference(unsigned i, uint32_t number)
{
	return ring_set_get(conn_rings_out(port[i].conn), number) != NULL;
}

/* ---- tests ---- */

START_TEST(a_ring_goes_to_all_targets)
{
	bus_rings_attached(&rings, port[0].conn, ROLE_INITIATOR, 41);
	bus_rings_attached(&rings, port[1].conn, ROLE_TARGET, 42);
	bus_rings_attached(&rings, port[3].conn, ROLE_TAP, 43);
	struct ring *r = give(0, 41);
	offered(1, r);
	ck_assert_ptr_nonnull(ring_set_get(conn_rings_in(port[0].conn), 41));
	/* Who comes later gets it, too; who is no target does not. */
	bus_rings_attached(&rings, port[2].conn, ROLE_TARGET, 44);
	offered(2, r);
	ck_assert(quiet(0) && quiet(1) && quiet(2) && quiet(3));
	/* By reference from its answer on, and to nobody else. */
	ck_assert(!goes_by_reference(1, 41) && !goes_by_reference(2, 41));
	say(2, 41, ring_bytes(r), -1);
	ck_assert(!port[2].refused);
	ck_assert(!goes_by_reference(1, 41) && goes_by_reference(2, 41));
	/* A target cannot refer to it. */
	ck_assert_ptr_null(ring_set_get(conn_rings_in(port[2].conn), 41));
	ring_unref(r);
}
END_TEST

START_TEST(it_is_withdrawn_when_its_initiator_goes)
{
	struct wire_ring got;

	bus_rings_attached(&rings, port[0].conn, ROLE_INITIATOR, 41);
	bus_rings_attached(&rings, port[1].conn, ROLE_TARGET, 42);
	struct ring *r = give(0, 41);
	offered(1, r);
	say(1, 41, ring_bytes(r), -1);
	/* Data that were sent before are still by reference, and stand before the end of the ring.
	 */
	struct block *b = ring_get(r, 5000);
	struct wire_ref ref;
	char why[160];
	ck_assert(ring_find(r, b, &ref));
	struct block *at_server = ring_at(ring_set_get(conn_rings_out(port[1].conn), 41), &ref,
	                                  5000, why, sizeof(why));
	struct wire_frame f = {.type = WIRE_BURST, .data = at_server};
	conn_send(port[1].conn, &f);
	size_t by_ref = conn_queued(port[1].conn);
	gone(0);
	ck_assert_uint_eq(conn_queued(port[1].conn), by_ref + 24);
	ck_assert(!goes_by_reference(1, 41));
	/* And what is sent after it, inline: the memory is there as long as a block is. */
	conn_send(port[1].conn, &f);
	ck_assert_uint_gt(conn_queued(port[1].conn), 5000);
	memset(b->data, 0x33, 5000);
	ck_assert_uint_eq(at_server->data[4999], 0x33);
	block_unref(at_server);
	turn();
	uint8_t bytes[8192];
	ck_assert_int_eq(recv(port[1].fd, bytes, by_ref, 0), (ssize_t)by_ref);
	ck_assert_uint_eq(bytes[1], SMIRROR_DATA_IN_RING);
	ck_assert_int_eq(hear(1, &got), -1);
	ck_assert_uint_eq(got.number, 41);
	ck_assert_uint_eq(got.bytes, 0);
	ssize_t n = recv(port[1].fd, bytes, sizeof(bytes), 0);
	ck_assert_int_gt(n, 5000);
	ck_assert_uint_eq(bytes[1], SMIRROR_DATA_FOLLOW);
	ck_assert_uint_eq(bytes[n - 1], 0x33);
	/* An answer that comes too late is no matter. */
	say(1, 41, ring_bytes(r), -1);
	ck_assert(!port[1].refused && !goes_by_reference(1, 41));
	/* The next attach has its own. */
	bus_rings_attached(&rings, port[2].conn, ROLE_INITIATOR, 45);
	struct ring *next = give(2, 45);
	offered(1, next);
	block_unref(b);
	ring_unref(r);
	ring_unref(next);
}
END_TEST

START_TEST(two_initiators_have_a_ring_each)
{
	struct wire_ring got;

	bus_rings_attached(&rings, port[0].conn, ROLE_INITIATOR, 41);
	bus_rings_attached(&rings, port[1].conn, ROLE_INITIATOR, 42);
	struct ring *a = give(0, 41), *b = give(1, 42);
	ck_assert(quiet(0)); /* the other's is none of its business */
	bus_rings_attached(&rings, port[2].conn, ROLE_TARGET, 43);
	offered(2, a);
	offered(2, b);
	say(2, 42, ring_bytes(b), -1);
	say(2, 41, ring_bytes(a), -1);
	ck_assert(goes_by_reference(2, 41) && goes_by_reference(2, 42));
	ck_assert_ptr_null(ring_set_get(conn_rings_in(port[0].conn), 42));
	gone(0);
	ck_assert_int_eq(hear(2, &got), -1);
	ck_assert_uint_eq(got.number, 41);
	ck_assert(!goes_by_reference(2, 41) && goes_by_reference(2, 42));
	ck_assert(quiet(1));
	ring_unref(a);
	ring_unref(b);
}
END_TEST

static void refused(unsigned i, uint32_t number, uint64_t bytes, int fd, const char *text)
{
	say(i, number, bytes, fd);
	ck_assert(port[i].refused);
	if (!strstr(port[i].why, text))
		ck_abort_msg("\"%s\" is not in \"%s\"", text, port[i].why);
	ck_assert(quiet(i)); /* the core says so */
}

START_TEST(what_is_not_in_order_is_refused_and_leaves_nothing)
{
	struct ring *r = make(41);
	uint64_t bytes = ring_bytes(r);

	refused(0, 41, bytes, ring_fd(r), "no shared memory over this connection");
	bus_rings_attached(&rings, port[0].conn, ROLE_INITIATOR, 41);
	bus_rings_attached(&rings, port[1].conn, ROLE_TARGET, 42);
	unsigned before = open_fds();
	refused(0, 41, bytes, -1, "no descriptor came with it");
	refused(0, 42, bytes, ring_fd(r), "not the epoch of this attach");
	refused(0, 41, bytes - 4096, ring_fd(r), "not of the length");
	refused(0, 41, 0, ring_fd(r), "no such length");
	refused(0, 41, bytes, STDIN_FILENO, "no sealed memory");
	ck_assert_uint_eq(open_fds(), before);
	ck_assert(quiet(1));
	/* A target has none to offer: what it sends is an answer, here to nothing. */
	say(1, 41, bytes, ring_fd(r));
	ck_assert(!port[1].refused && !goes_by_reference(1, 41));
	ck_assert_uint_eq(open_fds(), before);
	struct ring *first = give(0, 41);
	offered(1, first);
	before = open_fds();
	refused(0, 41, bytes, ring_fd(r), "has a ring already");
	ck_assert_uint_eq(open_fds(), before);
	/* Twice is as once. */
	say(1, 41, bytes, -1);
	say(1, 41, bytes, -1);
	ck_assert_uint_eq(conn_rings_out(port[1].conn)->n, 1);
	ring_unref(first);
	ring_unref(r);
}
END_TEST

START_TEST(nothing_stays_of_many_attaches)
{
	unsigned before = 0;

	for (unsigned round = 0; round < 50; round++) {
		int fds[2];
		bus_rings_attached(&rings, port[0].conn, ROLE_INITIATOR, 100 + 2 * round);
		bus_rings_attached(&rings, port[1].conn, ROLE_TARGET, 101 + 2 * round);
		struct ring *r = give(0, 100 + 2 * round);
		if (round % 3 == 0)
			offered(1, r);
		if (round % 3 == 1)
			say(1, 100 + 2 * round, ring_bytes(r), -1);
		gone(round % 2);
		gone(!(round % 2));
		ring_unref(r);
		for (unsigned i = 0; i < 2; i++) {
			(void)close(port[i].fd);
			ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds),
			                 0);
			port[i] = (struct port){.fd = fds[1]};
			port[i].conn = conn_new(base, fds[0], &ops, &port[i], 8 * MIB);
		}
		if (round == 0)
			before = open_fds();
		ck_assert_uint_eq(open_fds(), before);
		for (unsigned i = 0; i < BUS_RING_PORTS; i++)
			ck_assert(!rings.port[i].conn && !rings.port[i].ring);
	}
}
END_TEST

TAP_MAIN_WITH("bus_rings", setup, teardown, a_ring_goes_to_all_targets,
              it_is_withdrawn_when_its_initiator_goes, two_initiators_have_a_ring_each,
              what_is_not_in_order_is_refused_and_leaves_nothing, nothing_stays_of_many_attaches);
