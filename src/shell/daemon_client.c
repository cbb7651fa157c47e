/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One connection of the control socket. Requests are taken in the order of their lines; a client
 * that has much in flight, or does not read its answers, is not read from until that is better.
 *
 * Nothing is freed under a caller's feet: a connection that is over is `dead`, and goes at the end
 * of the turn, once no thread has its line.
 */
#include "shell/daemon_core.h"

#include "shell/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ_BYTES  (64 * KIB)
#define READ_LARGE  (1 * MIB) /* in the midst of a long line */
#define READS_MOST  4         /* of one wake, so that one client does not starve the others */
#define IOV_MOST    16
#define CHUNK_BYTES (64 * KIB) /* small answers share chunks of about this size */

static void process(struct client *c);

/* ---- writing ---- */

static void client_dead(struct client *c)
{
	c->dead = true;
	loop_wake(c->d->loop);
}

void client_take(struct client *c, struct jw *text)
{
	struct chunk *k = text->failed || c->dead ? NULL : calloc(1, sizeof(*k));

	if (!k) {
		if (!c->dead)
			log_error("out of memory: a connection of the control socket is closed");
		jw_free(text);
		client_dead(c);
		return;
	}
	k->text = *text;
	*text = jw_init();
	c->out_bytes += k->text.n;
	TAILQ_INSERT_TAIL(&c->out, k, link);
	loop_wake(c->d->loop);
}

void client_put(struct client *c, const struct jw *text)
{
	struct chunk *last = TAILQ_LAST(&c->out, chunk_list);
	struct jw copy = jw_init();

	if (!text->failed && last && !c->dead && last->text.n < CHUNK_BYTES) {
		jw_raw(&last->text, text->p, text->n);
		if (!last->text.failed) {
			c->out_bytes += text->n;
			loop_wake(c->d->loop);
			return;
		}
	}
	jw_raw(&copy, text->p, text->n);
	copy.failed |= text->failed;
	client_take(c, &copy);
}

static void written(struct client *c, size_t n)
{
	c->out_bytes -= n;
	while (n) {
		struct chunk *k = TAILQ_FIRST(&c->out);
		size_t left = k->text.n - k->at;

		if (n < left) {
			k->at += n;
			return;
		}
		n -= left;
		TAILQ_REMOVE(&c->out, k, link);
		jw_free(&k->text);
		free(k);
	}
}

static void write_out(struct client *c)
{
	while (!c->dead && c->out_bytes) {
		struct iovec v[IOV_MOST];
		struct msghdr msg = {.msg_iov = v};
		struct chunk *k;

		TAILQ_FOREACH (k, &c->out, link) {
			if (msg.msg_iovlen == IOV_MOST)
				break;
			v[msg.msg_iovlen++] = (struct iovec){.iov_base = k->text.p + k->at,
			                                     .iov_len = k->text.n - k->at};
		}
		ssize_t n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (!c->unread_since)
				c->unread_since = loop_now();
			(void)event_add(c->ev_write, NULL);
			return;
		}
		if (n < 0) {
			client_dead(c);
			return;
		}
		c->unread_since = 0;
		written(c, (size_t)n);
	}
	if (!c->out_bytes)
		(void)event_del(c->ev_write);
	if (c->closing && !c->out_bytes)
		client_dead(c);
}

/* ---- descriptors ---- */

static void drop_fds(struct client *c, uint64_t until)
{
	while (c->n_fds && c->fds[0].until <= until) {
		close(c->fds[0].fd);
		memmove(&c->fds[0], &c->fds[1], --c->n_fds * sizeof(c->fds[0]));
	}
}

int client_claim(struct client *c)
{
	if (!c->n_fds)
		return -1;
	int fd = c->fds[0].fd;
	memmove(&c->fds[0], &c->fds[1], --c->n_fds * sizeof(c->fds[0]));
	return fd;
}

static void fatal(struct client *c, const char *kind, const char *text)
{
	struct ctl_error e;

	ctl_fail(&e, CTL_LIMIT, kind, "%s", text);
	c->d->scratch.n = 0;
	c->d->scratch.comma = false;
	ctl_put_error(&c->d->scratch, "", &e);
	client_put(c, &c->d->scratch);
	c->closing = true;
	c->ended = true;
}

/* The kernel ends a read behind the piece that descriptors came with, so they belong to a line
 * that has a byte in what was read, and to none that begins behind it. */
static void take_fds(struct client *c, struct msghdr *msg)
{
	bool too_many = (msg->msg_flags & MSG_CTRUNC) != 0;

	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m; m = CMSG_NXTHDR(msg, m)) {
		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof(fd));
			if (c->n_fds == DAEMON_FDS) {
				close(fd);
				too_many = true;
				continue;
			}
			c->fds[c->n_fds++] = (struct client_fd){.fd = fd, .until = c->came};
		}
	}
	if (too_many)
		fatal(c, "too_many_descriptors", "at most 8 descriptors may come with a line");
}

/* ---- lines ---- */

static bool has_room(const struct client *c)
{
	return !c->decoding && !c->dead && !c->closing && c->in_flight < DAEMON_REQUESTS &&
	       c->data < BOUND_DATA_BYTES && c->out_bytes < BOUND_OUT_BYTES;
}

static bool is_blank(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != ' ' && p[i] != '\t' && p[i] != '\r')
			return false;
	return true;
}

static void decode_run(struct work *w)
{
	struct client *c = (struct client *)((char *)w - offsetof(struct client, decode));

	ctl_decode(c->d->schema, c->line, c->line_len, &c->decoded);
}

static void line_done(struct client *c)
{
	call_start(c, &c->decoded);
	drop_fds(c, c->lines.taken);
}

static void decode_done(struct work *w)
{
	struct client *c = (struct client *)((char *)w - offsetof(struct client, decode));

	c->decoding = false;
	if (c->dead || c->d->stopped)
		ctl_request_free(c->decoded.request);
	else
		line_done(c);
	loop_wake(c->d->loop);
}

static void take_line(struct client *c, char *line, size_t n)
{
	if (is_blank(line, n)) {
		drop_fds(c, c->lines.taken);
		return;
	}
	if (n > DECODE_INLINE_MAX) {
		/* The line stays where it is: nothing is read in the meantime. */
		c->decoding = true;
		c->line = line;
		c->line_len = n;
		c->decode = (struct work){.run = decode_run, .done = decode_done};
		workers_add(c->d->workers, &c->decode);
		return;
	}
	ctl_decode(c->d->schema, line, n, &c->decoded);
	line_done(c);
}

static void process(struct client *c)
{
	char *line;
	size_t n;

	while (has_room(c)) {
		switch (ctl_lines_next(&c->lines, &line, &n)) {
		case CTL_LINE:
			take_line(c, line, n);
			continue;
		case CTL_LINE_TOO_LONG:
			c->decoded = (struct ctl_decoded){0};
			ctl_fail(&c->decoded.error, CTL_INVALID_REQUEST, "too_long",
			         "a line has at most %u bytes", CTL_LINE_MAX);
			line_done(c);
			continue;
		case CTL_LINE_NONE:
			break;
		}
		break;
	}
	bool want = has_room(c) && !c->ended;
	if (want != c->reading && !c->dead) {
		if (want)
			(void)event_add(c->ev_read, NULL);
		else
			(void)event_del(c->ev_read);
		c->reading = want;
	}
	if (c->ended && !c->decoding && TAILQ_EMPTY(&c->calls) && !c->sub.on && has_room(c)) {
		c->closing = true;
		loop_wake(c->d->loop);
	}
}

/* ---- reading ---- */

static bool peer_is_gone(const struct client *c)
{
	struct pollfd p = {.fd = c->fd};

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static bool read_some(struct client *c)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * DAEMON_FDS)];
	} control;
	size_t room = c->lines.n > READ_BYTES ? READ_LARGE : READ_BYTES;
	char *p = ctl_lines_room(&c->lines, room);
	struct iovec v = {.iov_base = p, .iov_len = room};
	struct msghdr msg = {.msg_iov = &v,
	                     .msg_iovlen = 1,
	                     .msg_control = control.bytes,
	                     .msg_controllen = sizeof(control.bytes)};

	if (!p) {
		fatal(c, "internal", "out of memory for the line");
		return false;
	}
	ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			client_dead(c);
		return false;
	}
	if (n == 0) {
		/* A peer that only closed its sending side still gets its answers. */
		c->ended = true;
		if (peer_is_gone(c))
			client_dead(c);
		return false;
	}
	ctl_lines_came(&c->lines, (size_t)n);
	c->came += (uint64_t)n;
	take_fds(c, &msg);
	return (size_t)n == room || msg.msg_controllen != 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	(void)fd, (void)what;

	for (int i = 0; i < READS_MOST && has_room(c) && !c->ended; i++) {
		bool more = read_some(c);

		process(c);
		if (!more)
			break;
	}
	process(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	(void)fd, (void)what;

	write_out(c);
	if (!c->dead)
		process(c);
}

/* ---- life ---- */

void client_greet(struct client *c)
{
	struct jw w = jw_init();

	jw_obj(&w, NULL);
	jw_str(&w, "product", DAEMON_PRODUCT);
	jw_str(&w, "version", PACKAGE_VERSION);
	jw_obj(&w, "api");
	jw_u64(&w, "major", DAEMON_API_MAJOR);
	jw_u64(&w, "minor", DAEMON_API_MINOR);
	jw_end_obj(&w);
	jw_arr(&w, "features");
	jw_str(&w, NULL, "silent");
	jw_str(&w, NULL, "conventional");
	jw_str(&w, NULL, "broadcast");
	jw_str(&w, NULL, "events");
	jw_str(&w, NULL, "descriptors");
	jw_end_arr(&w);
	jw_end_obj(&w);
	jw_raw(&w, "\n", 1);
	client_take(c, &w);
}

static void client_free(struct client *c)
{
	struct call *call;
	struct chunk *k;

	while ((call = TAILQ_FIRST(&c->calls)) != NULL)
		call_orphan(call);
	while ((k = TAILQ_FIRST(&c->out)) != NULL) {
		TAILQ_REMOVE(&c->out, k, link);
		jw_free(&k->text);
		free(k);
	}
	if (c->executed || c->written)
		log_notice("uid %u pid %d: closed, after %llu scsi.execute and %llu group.write",
		           (unsigned)c->peer.uid, (int)c->peer.pid, (unsigned long long)c->executed,
		           (unsigned long long)c->written);
	drop_fds(c, UINT64_MAX);
	if (c->ev_read)
		event_free(c->ev_read);
	if (c->ev_write)
		event_free(c->ev_write);
	ctl_lines_free(&c->lines);
	TAILQ_REMOVE(&c->d->clients, c, link);
	c->d->n_clients--;
	close(c->fd);
	free(c);
}

struct client *client_new(struct daemon *d, int fd, const struct ctl_peer *peer, enum ctl_who who)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->d = d;
	c->fd = fd;
	c->peer = *peer;
	c->who = who;
	TAILQ_INIT(&c->out);
	TAILQ_INIT(&c->calls);
	ctl_lines_init(&c->lines, CTL_LINE_MAX);
	c->ev_read = event_new(loop_base(d->loop), fd, EV_READ | EV_PERSIST, on_readable, c);
	c->ev_write = event_new(loop_base(d->loop), fd, EV_WRITE | EV_PERSIST, on_writable, c);
	if (!c->ev_read || !c->ev_write || event_add(c->ev_read, NULL) != 0) {
		if (c->ev_read)
			event_free(c->ev_read);
		if (c->ev_write)
			event_free(c->ev_write);
		free(c);
		return NULL;
	}
	c->reading = true;
	TAILQ_INSERT_TAIL(&d->clients, c, link);
	d->n_clients++;
	return c;
}

void clients_turn(struct daemon *d)
{
	struct client *c, *next;

	for (c = TAILQ_FIRST(&d->clients); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (!c->dead && c->out_bytes && !event_pending(c->ev_write, EV_WRITE, NULL))
			write_out(c);
		if (!c->dead && (!c->reading || c->ended))
			process(c);
		if (!c->dead && c->closing)
			write_out(c);
		if (c->dead && !c->decoding)
			client_free(c);
	}
}

void clients_tick(struct daemon *d, ns_t now)
{
	struct client *c;

	TAILQ_FOREACH (c, &d->clients, link) {
		bool stuck = c->unread_since && now > c->unread_since + UNREAD_LIMIT_NS;

		if (stuck)
			log_notice("uid %u pid %d: reads nothing: disconnected",
			           (unsigned)c->peer.uid, (int)c->peer.pid);
		if (stuck || (c->ended && peer_is_gone(c)))
			client_dead(c);
	}
}

void clients_free(struct daemon *d)
{
	struct client *c;

	while ((c = TAILQ_FIRST(&d->clients)) != NULL) {
		if (!c->dead)
			write_out(c);
		client_free(c);
	}
}
