/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection's life:
 *
 *	CONNECTING --> OPEN --> BAD ------.
 *	    |            |        |        |
 *	    |            +--> CLOSING      |     conn_close(): writes, then waits for the peer's end
 *	    v            v        v        v
 *	   OVER <------ OVER     gone     OVER   closed() was called, or is due
 *
 * Callbacks run from events of the loop only. conn_free() inside one of them
 * takes the descriptor and the events away at once; the memory goes when the
 * outermost callback has returned (depth).
 */
#include "shell/conn.h"

#include "base/assert.h"
#include "shell/inbuf.h"
#include "shell/outq.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What one wake may do, so that a busy peer does not starve the others. */
#define READS_MOST      4
#define READ_BYTES_MOST (1 * MIB)
#define WRITES_MOST     8
#define IOV_MOST        64
#define FDS_MOST        4 /* that one read may bring */
/* How long conn_close() goes on for a peer that does not read or does not close. */
#define CLOSE_LIMIT_S 2
/* How long a lazy frame waits for others; the loop rounds it up to its own grain. */
#define LAZY_US 500

enum conn_state { CONN_CONNECTING, CONN_OPEN, CONN_BAD, CONN_CLOSING, CONN_OVER };

struct conn {
	struct event_base *base;
	int fd;
	const struct conn_ops *ops;
	void *ctx;
	enum conn_state state;
	bool paused;    /* by conn_read() */
	bool freed;     /* conn_free() was called inside a callback */
	bool shut;      /* CLOSING: all is written and the peer knows */
	bool lingers;   /* counted */
	unsigned depth; /* of callbacks */
	int write_errno;
	bool doomed; /* closed() is due, with `why` */
	char why[128];
	size_t out_max;
	struct inbuf in;
	struct outq out;
	bool local;  /* a UNIX socket */
	int fd_came; /* that nobody has taken; -1: none */
	struct ring_set rings_in, rings_out;
	struct event *ev_read, *ev_write;
	struct event *ev_later; /* work for the end of this loop iteration */
	struct event *ev_limit; /* CLOSING: of its time */
	struct event *ev_lazy;  /* the end of a lazy frame's wait */
};

/* Of this process: connections that are closing, and wait for their peers. Each has a descriptor,
 * so there are so many at most; one beyond is closed as it is. */
#define LINGER_MOST 64
static unsigned lingering;

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_later(evutil_socket_t fd, short what, void *arg);
static void on_limit(evutil_socket_t fd, short what, void *arg);

/* ---- life ---- */

static void let_go(struct conn *c)
{
	struct event **const events[] = {&c->ev_read, &c->ev_write, &c->ev_later, &c->ev_limit,
	                                 &c->ev_lazy};

	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		if (*events[i])
			event_free(*events[i]);
		*events[i] = NULL;
	}
	lingering -= c->lingers;
	c->lingers = false;
	if (c->fd >= 0)
		(void)close(c->fd);
	if (c->fd_came >= 0)
		(void)close(c->fd_came);
	c->fd = c->fd_came = -1;
}

static void destroy(struct conn *c)
{
	let_go(c);
	inbuf_free(&c->in);
	outq_clear(&c->out);
	ring_set_clear(&c->rings_in);
	ring_set_clear(&c->rings_out);
	free(c);
}

void conn_free(struct conn *c)
{
	if (!c)
		return;
	sm_assert(!c->freed);
	let_go(c);
	c->freed = true;
	if (c->depth == 0)
		destroy(c);
}

static void enter(struct conn *c)
{
	c->depth++;
}

/* The end of an event's work: what was freed on the way goes now. */
static void leave(struct conn *c)
{
	if (--c->depth == 0 && c->freed)
		destroy(c);
}

static void later(struct conn *c)
{
	event_active(c->ev_later, EV_TIMEOUT, 0);
}

static bool make_events(struct conn *c)
{
	c->ev_read = event_new(c->base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
	c->ev_write = event_new(c->base, c->fd, EV_WRITE | EV_PERSIST, on_writable, c);
	c->ev_later = event_new(c->base, -1, 0, on_later, c);
	c->ev_limit = event_new(c->base, -1, 0, on_limit, c);
	c->ev_lazy = event_new(c->base, -1, 0, on_later, c);
	return c->ev_read && c->ev_write && c->ev_later && c->ev_limit && c->ev_lazy &&
	       event_add(c->state == CONN_CONNECTING ? c->ev_write : c->ev_read, NULL) == 0;
}

/* A socket without a peer yet: conn_new() was given one that connects. */
static bool is_connecting(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	return getpeername(fd, (struct sockaddr *)&ss, &len) != 0 && errno == ENOTCONN;
}

static bool is_local(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

struct conn *conn_new(struct event_base *base, int fd, const struct conn_ops *ops, void *ctx,
                      size_t out_max)
{
	struct conn *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	*c = (struct conn){.base = base,
	                   .fd = fd,
	                   .ops = ops,
	                   .ctx = ctx,
	                   .out_max = out_max,
	                   .local = is_local(fd),
	                   .fd_came = -1};
	c->state = is_connecting(fd) ? CONN_CONNECTING : CONN_OPEN;
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && inbuf_init(&c->in) &&
	    make_events(c))
		return c;
	c->fd = -1; /* stays the caller's */
	destroy(c);
	return NULL;
}

/* The connection is over: closed() is called, once. Only from events. */
static void over(struct conn *c, const char *why)
{
	if (c->freed || c->state == CONN_OVER)
		return;
	if (c->state == CONN_CLOSING) {
		conn_free(c);
		return;
	}
	c->state = CONN_OVER;
	(void)event_del(c->ev_read);
	(void)event_del(c->ev_write);
	outq_clear(&c->out);
	c->ops->closed(c->ctx, why);
}

/* The same from outside of events. */
static void over_later(struct conn *c, const char *why)
{
	if (c->doomed || c->state == CONN_OVER)
		return;
	c->doomed = true;
	(void)snprintf(c->why, sizeof(c->why), "%s", why);
	later(c);
}

static void over_errno(struct conn *c, int error)
{
	char text[128];
	(void)snprintf(text, sizeof(text), "%s", strerrordesc_np(error));
	over(c, text);
}

/* ---- reading ---- */

static bool takes_frames(const struct conn *c)
{
	return c->state == CONN_OPEN && !c->paused && !c->freed && !c->doomed;
}

static void bad(struct conn *c, const char *why)
{
	c->state = CONN_BAD;
	(void)event_del(c->ev_read);
	c->ops->bad(c->ctx, why);
}

/* A frame whose data are in a ring: finds them. */
static void deliver_by_ref(struct conn *c, struct wire_frame *f, uint32_t len)
{
	char why[160];
	struct ring *r = ring_set_get(&c->rings_in, f->ref.ring);

	if (!r)
		(void)snprintf(why, sizeof(why), "%s: its data are in ring %u, which is not known",
		               wire_type_name((uint8_t)f->type), f->ref.ring);
	f->data = r ? ring_at(r, &f->ref, len, why, sizeof(why)) : NULL;
	if (!f->data) {
		bad(c, why);
		return;
	}
	c->ops->frame(c->ctx, f);
	block_unref(f->data);
}

/* Hands out the frames that are there; returns how many. */
static unsigned deliver(struct conn *c)
{
	unsigned n = 0;

	while (takes_frames(c)) {
		struct wire_frame f;
		char why[256] = "";
		switch (inbuf_next(&c->in, &f, why, sizeof(why))) {
		case INBUF_FRAME:
			n++;
			if (f.in_ring)
				deliver_by_ref(c, &f, c->in.header.data_len);
			else
				c->ops->frame(c->ctx, &f);
			continue;
		case INBUF_MORE:
			return n;
		case INBUF_BAD:
			bad(c, why);
			return n;
		case INBUF_NO_MEMORY:
			over(c, "out of memory for the data of a frame");
			return n;
		}
	}
	return n;
}

static void end_of_stream(struct conn *c, int error)
{
	if (c->write_errno)
		error = c->write_errno;
	if (error)
		over_errno(c, error);
	else
		over(c, inbuf_partial(&c->in) ? "the peer closed in the middle of a frame"
		                              : "the peer closed");
}

/* Keeps one descriptor: frames that bring one are rare, and one at a time. */
static void take_fds(struct conn *c, struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
			if (c->fd_came < 0)
				c->fd_came = fd;
			else
				(void)close(fd);
		}
	}
}

static ssize_t receive(struct conn *c, struct iovec *v, int n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MOST * sizeof(int))];
	} control;
	struct msghdr m = {.msg_iov = v,
	                   .msg_iovlen = (size_t)n,
	                   .msg_control = control.bytes,
	                   .msg_controllen = sizeof(control.bytes)};

	if (!c->local)
		return readv(c->fd, v, n);
	ssize_t got = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
	if (got >= 0)
		take_fds(c, &m);
	return got;
}

/* Reads once: > 0 bytes, 0 nothing more now, -1 the end (*error says why). */
static ssize_t read_once(struct conn *c, bool *drained, int *error)
{
	struct iovec v[2];
	int n = inbuf_room(&c->in, v);
	ssize_t got;

	do
		got = receive(c, v, n);
	while (got < 0 && errno == EINTR);
	*error = got < 0 ? errno : 0;
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (got <= 0)
		return -1;
	*drained = (size_t)got < c->in.offered;
	inbuf_added(&c->in, (size_t)got);
	return got;
}

static void read_frames(struct conn *c)
{
	bool drained = false, ended = false;
	size_t bytes = 0;
	int error = 0;
	unsigned frames = deliver(c);

	for (int i = 0; i < READS_MOST && bytes < READ_BYTES_MOST && !drained && takes_frames(c);
	     i++) {
		ssize_t got = read_once(c, &drained, &error);
		if (got <= 0) {
			ended = got < 0 || c->write_errno;
			break;
		}
		bytes += (size_t)got;
		frames += deliver(c);
	}
	if (frames > 0 && !c->freed && c->state != CONN_CLOSING && c->state != CONN_OVER)
		c->ops->batch(c->ctx);
	if (c->freed)
		return;
	if (ended)
		end_of_stream(c, error);
	else if (c->write_errno && takes_frames(c))
		event_active(c->ev_read, EV_READ, 0); /* until nothing more is there */
}

/* CLOSING: what still comes is dropped, so that the peer can read our last frames before it sees a
 * reset. */
static void discard(struct conn *c)
{
	uint8_t nowhere[16 * KIB];

	for (int i = 0; i < READS_MOST; i++) {
		ssize_t got = read(c->fd, nowhere, sizeof(nowhere));
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			conn_free(c);
			return;
		}
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)fd, (void)what;

	enter(c);
	if (c->state == CONN_CLOSING)
		discard(c);
	else
		read_frames(c);
	leave(c);
}

void conn_read(struct conn *c, bool on)
{
	if (c->paused == !on)
		return;
	c->paused = !on;
	if (c->state != CONN_OPEN || c->freed)
		return;
	if (on) {
		(void)event_add(c->ev_read, NULL);
		later(c); /* frames may wait in the buffer */
	} else {
		(void)event_del(c->ev_read);
	}
}

/* ---- writing ---- */

/* Nothing more can be written. What the peer said before it went is still read. */
static void write_failed(struct conn *c, int error)
{
	outq_clear(&c->out);
	(void)event_del(c->ev_write);
	c->write_errno = error;
	if (c->state == CONN_OPEN && !c->paused)
		event_active(c->ev_read, EV_READ, 0);
	else
		over_later(c, strerrordesc_np(error));
}

/* One sendmsg() of what is queued. */
static ssize_t send_pieces(struct conn *c, struct iovec v[IOV_MOST])
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	int fd = -1;
	struct msghdr m = {.msg_iov = v};

	m.msg_iovlen = (size_t)outq_peek(&c->out, v, IOV_MOST, &fd);
	if (fd >= 0) {
		control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
		                                .cmsg_type = SCM_RIGHTS,
		                                .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
	}
	return sendmsg(c->fd, &m, MSG_NOSIGNAL);
}

/* Writes what can be written now; waits for the rest. Never calls back. */
static void write_out(struct conn *c)
{
	struct iovec v[IOV_MOST];

	for (int i = 0; i < WRITES_MOST && c->out.bytes > 0; i++) {
		ssize_t sent = send_pieces(c, v);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
			write_failed(c, errno);
			return;
		}
		if (sent < 0)
			break;
		outq_take(&c->out, (size_t)sent);
	}
	if (c->out.bytes > 0)
		(void)event_add(c->ev_write, NULL);
	else
		(void)event_del(c->ev_write);
}

/* True when it was taken, and is to be written. */
static bool queue(struct conn *c, const struct wire_frame *f, int fd)
{
	if (c->freed || c->doomed || c->write_errno || c->state == CONN_CLOSING ||
	    c->state == CONN_OVER)
		return false;
	if (!outq_put(&c->out, f, &c->rings_out, fd)) {
		over_later(c, "out of memory for frames to send");
		return false;
	}
	if (c->out.bytes > c->out_max) {
		char why[sizeof(c->why)];
		(void)snprintf(why, sizeof(why), "%zu bytes wait for the peer, the most is %zu",
		               c->out.bytes, c->out_max);
		over_later(c, why);
	}
	return true;
}

void conn_send(struct conn *c, const struct wire_frame *f)
{
	if (queue(c, f, -1))
		later(c);
}

void conn_send_lazy(struct conn *c, const struct wire_frame *f)
{
	const struct timeval wait = {.tv_usec = LAZY_US};

	if (queue(c, f, -1) && !event_pending(c->ev_lazy, EV_TIMEOUT, NULL) &&
	    event_add(c->ev_lazy, &wait) != 0)
		later(c);
}

bool conn_send_fd(struct conn *c, const struct wire_frame *f, int fd)
{
	int copy = c->local ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (copy < 0)
		return false;
	if (queue(c, f, copy)) {
		later(c);
		return true;
	}
	(void)close(copy);
	return false;
}

int conn_take_fd(struct conn *c)
{
	int fd = c->fd_came;
	c->fd_came = -1;
	return fd;
}

bool conn_is_local(const struct conn *c)
{
	return c->local;
}

struct ring_set *conn_rings_in(struct conn *c)
{
	return &c->rings_in;
}

struct ring_set *conn_rings_out(struct conn *c)
{
	return &c->rings_out;
}

void conn_flush(struct conn *c)
{
	bool open = c->state == CONN_OPEN || c->state == CONN_BAD;
	/* While EV_WRITE is awaited the socket has no room. */
	if (!open || c->freed || c->out.bytes == 0 || event_pending(c->ev_write, EV_WRITE, NULL))
		return;
	write_out(c);
}

int conn_fd(const struct conn *c)
{
	return c->fd;
}

size_t conn_queued(const struct conn *c)
{
	return c->out.bytes;
}

/* CLOSING: once all is written, tells the peer; it closes then, too. */
static void close_on(struct conn *c)
{
	if (c->out.bytes > 0 && !event_pending(c->ev_write, EV_WRITE, NULL))
		write_out(c);
	if (c->write_errno) {
		conn_free(c);
	} else if (c->out.bytes == 0 && !c->shut) {
		c->shut = true;
		if (shutdown(c->fd, SHUT_WR) != 0)
			conn_free(c);
	}
}

void conn_close(struct conn *c)
{
	if (c->freed)
		return;
	if (c->doomed || c->write_errno || c->state == CONN_OVER || c->state == CONN_CONNECTING) {
		conn_free(c);
		return;
	}
	c->state = CONN_CLOSING;
	const struct timeval limit = {.tv_sec = CLOSE_LIMIT_S};
	if (event_add(c->ev_read, NULL) != 0 || event_add(c->ev_limit, &limit) != 0) {
		conn_free(c);
		return;
	}
	c->lingers = true;
	lingering++;
	enter(c);
	close_on(c);
	if (lingering > LINGER_MOST && !c->freed)
		conn_free(c);
	leave(c);
}

/* ---- events ---- */

static void connected(struct conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error) {
		over_errno(c, error);
		return;
	}
	c->state = CONN_OPEN;
	(void)event_del(c->ev_write);
	if (!c->paused)
		(void)event_add(c->ev_read, NULL);
	write_out(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)fd, (void)what;

	enter(c);
	if (c->state == CONN_CONNECTING)
		connected(c);
	else
		write_out(c);
	if (!c->freed && c->state == CONN_CLOSING)
		close_on(c);
	leave(c);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)fd, (void)what;

	enter(c);
	if (c->doomed) {
		over(c, c->why);
	} else {
		conn_flush(c);
		if (takes_frames(c) && inbuf_partial(&c->in))
			read_frames(c);
	}
	leave(c);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	conn_free(arg);
}
