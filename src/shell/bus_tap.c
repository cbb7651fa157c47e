/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/bus_tap.h"

#include "shell/log.h"
#include "shell/trace_json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BUFFER  (256U * 1024)
#define TAPS_MAX     BUS_TAPS
#define TAP_QUEUED   (4U * 1024 * 1024) /* bytes that wait for a tap; beyond it loses lines */
#define TAP_TEXT_MAX WIRE_TRACE_MAX     /* of one TRACE frame */

struct tap {
	struct conn *conn;
	uint64_t lost;
};

struct bus_tap {
	const char *path;
	int fd;      /* -1: no file */
	bool failed; /* told in the log */
	off_t good;  /* length of the file in whole lines */
	char *buffer;
	size_t n;
	struct event *timer;
	struct tap tap[TAPS_MAX];
	unsigned taps;
};

static void on_timer(evutil_socket_t fd, short what, void *arg);

static int open_file(const char *path, char *why, size_t n)
{
	int fd = open(path,
	              O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
	              0640);
	struct stat st;
	if (fd < 0)
		(void)snprintf(why, n, "%s: %s", path, strerrordesc_np(errno));
	else if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		(void)fcntl(fd, F_SETFL, O_APPEND);
	/* Anything else stays O_NONBLOCK: who reads a FIFO slowly does not stop the bus. */
	return fd;
}

struct bus_tap *bus_tap_new(struct event_base *base, const char *path, char *why, size_t n)
{
	struct bus_tap *t = calloc(1, sizeof(*t));
	(void)snprintf(why, n, "out of memory");
	if (!t)
		return NULL;
	t->path = path;
	t->fd = -1;
	t->buffer = malloc(FILE_BUFFER + TRACE_LINE_MAX);
	t->timer = evtimer_new(base, on_timer, t);
	if (t->buffer && t->timer && (!path || (t->fd = open_file(path, why, n)) >= 0))
		return t;
	bus_tap_free(t);
	return NULL;
}

/* The disk is full or gone: what is in the file stays whole lines, what does not fit is lost, and
 * said once. */
static void write_failed(struct bus_tap *t, ssize_t done)
{
	if (!t->failed)
		log_error("trace %s: %s; events are lost", t->path,
		          done < 0 ? strerrordesc_np(errno) : "the file takes no more");
	t->failed = true;
	if (ftruncate(t->fd, t->good) == 0)
		(void)lseek(t->fd, t->good, SEEK_SET);
}

static void write_soon(struct bus_tap *t)
{
	const struct timeval late = {.tv_usec = TAP_LATE_MS * 1000};

	(void)evtimer_add(t->timer, &late);
}

/* Its reader is behind. What there is room for waits for it, from `at` on; beyond that the line
 * that it has a part of, and whole lines are lost. */
static void keep_rest(struct bus_tap *t, size_t at)
{
	char *rest = t->buffer + at;

	t->n -= at;
	if (t->n >= FILE_BUFFER) {
		const char *end = memchr(rest, '\n', t->n);
		if (!t->failed)
			log_error("trace %s: its reader is behind; events are lost", t->path);
		t->failed = true;
		t->n = end ? (size_t)(end + 1 - rest) : 0;
	}
	memmove(t->buffer, rest, t->n);
	write_soon(t);
}

static void write_out(struct bus_tap *t)
{
	size_t at = 0;

	while (at < t->n) {
		ssize_t done = write(t->fd, t->buffer + at, t->n - at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EAGAIN) {
			keep_rest(t, at);
			return;
		}
		if (done <= 0) {
			write_failed(t, done);
			break;
		}
		at += (size_t)done;
	}
	if (at == t->n) {
		t->good += (off_t)t->n;
		t->failed = false;
	}
	t->n = 0;
}

void bus_tap_free(struct bus_tap *t)
{
	if (!t)
		return;
	if (t->fd >= 0) {
		write_out(t);
		(void)close(t->fd);
	}
	if (t->timer)
		event_free(t->timer);
	free(t->buffer);
	free(t);
}

bool bus_tap_reopen(struct bus_tap *t, char *why, size_t n)
{
	if (!t->path)
		return true;
	write_out(t);
	int fd = open_file(t->path, why, n);
	if (fd < 0)
		return false;
	(void)close(t->fd);
	t->fd = fd;
	t->good = 0;
	t->failed = false;
	return true;
}

bool bus_tap_add(struct bus_tap *t, struct conn *c)
{
	if (t->taps == TAPS_MAX)
		return false;
	t->tap[t->taps++] = (struct tap){.conn = c};
	return true;
}

void bus_tap_remove(struct bus_tap *t, const struct conn *c)
{
	for (unsigned i = 0; i < t->taps; i++) {
		if (t->tap[i].conn == c) {
			t->tap[i] = t->tap[--t->taps];
			return;
		}
	}
}

bool bus_tap_wanted(const struct bus_tap *t)
{
	return t->fd >= 0 || t->taps > 0;
}

static uint64_t lines_in(const char *text, size_t n)
{
	uint64_t lines = 0;
	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

/* To all taps, in frames of whole lines. */
static void send_text(struct bus_tap *t, const char *text, size_t n)
{
	for (unsigned i = 0; i < t->taps; i++) {
		struct tap *tap = &t->tap[i];
		if (conn_queued(tap->conn) > TAP_QUEUED) {
			tap->lost += lines_in(text, n);
			continue;
		}
		struct wire_frame f = {.type = WIRE_TRACE};
		f.trace.lost = tap->lost;
		f.trace.text = (struct span){(const uint8_t *)text, n};
		conn_send(tap->conn, &f);
		tap->lost = 0;
	}
}

static void lose(struct bus_tap *t)
{
	for (unsigned i = 0; i < t->taps; i++)
		t->tap[i].lost++;
}

/* Lines on their way to the taps. */
struct batch {
	char text[TAP_TEXT_MAX];
	size_t n;
};

static void batch_line(struct bus_tap *t, struct batch *b, const char *line, size_t n)
{
	if (n > sizeof(b->text)) {
		lose(t);
		return;
	}
	if (n > sizeof(b->text) - b->n) {
		send_text(t, b->text, b->n);
		b->n = 0;
	}
	memcpy(b->text + b->n, line, n);
	b->n += n;
}

static void file_line(struct bus_tap *t, size_t n)
{
	if (t->n == 0)
		write_soon(t);
	t->n += n;
	if (t->n >= FILE_BUFFER)
		write_out(t);
}

void bus_tap_events(struct bus_tap *t, const struct bus_trace *e, unsigned n)
{
	struct batch batch;

	if (!bus_tap_wanted(t))
		return;
	batch.n = 0;
	for (unsigned i = 0; i < n; i++) {
		char *line = t->buffer + t->n;
		size_t len = trace_json(&e[i], line, TRACE_LINE_MAX);
		if (len == 0) {
			lose(t);
			continue;
		}
		if (t->taps > 0)
			batch_line(t, &batch, line, len);
		if (t->fd >= 0)
			file_line(t, len);
	}
	if (batch.n > 0)
		send_text(t, batch.text, batch.n);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	write_out(arg);
}
