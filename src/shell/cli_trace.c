/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `bus trace`: a tap on the bus server, which sends its trace as it is written. Who reads it may
 * pause (a pager) for longer than the server would wait for a sign of life: nothing here waits for
 * standard output. What does not fit is held, and beyond a limit it is lost, and counted.
 */
#include "shell/addr.h"
#include "shell/cli.h"
#include "shell/cli_conn.h"
#include "shell/cli_table.h"
#include "shell/conn.h"
#include "shell/loop.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>

#define OUT_MAX  (64 * KIB) /* a tap sends nothing but its attach and pings */
#define HELD_MAX (8 * MIB)  /* for standard output */
#define CHUNK    4096       /* a pipe that is writable takes as much at once: PIPE_BUF */
#define RETRY_US 20000

struct tap {
	struct cli *cli;
	struct loop *loop;
	struct conn *conn;
	struct event *beat;
	struct evbuffer *held;
	int out;             /* standard output */
	struct event *retry; /* standard output took no more */
	const char *address;
	bool attached, broken; /* standard output is */
	uint64_t left, lost;
	int status;
};

static void over(struct tap *t, int status)
{
	t->status = status;
	loop_break(t->loop);
}

/* A heartbeat, that the server knows us alive. */
static void on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct tap *t = arg;
	const struct wire_frame f = {.type = WIRE_PING};
	(void)fd, (void)what;

	conn_send(t->conn, &f);
}

static void on_attached(struct tap *t, const struct wire_attached *a)
{
	t->attached = true;
	if (a->heartbeat_ms == 0)
		return;
	/* Three times within the limit: one that is late does no harm. */
	uint32_t ms = a->heartbeat_ms / 3 + 1;
	const struct timeval every = {.tv_sec = (time_t)(ms / 1000),
	                              .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
	t->beat = event_new(loop_base(t->loop), -1, EV_PERSIST, on_beat, t);
	if (!t->beat || event_add(t->beat, &every) != 0)
		over(t, cli_fail(t->cli, CLI_FAILED, "out of memory"));
}

/*
 * A description of our own, which others that have the terminal or the pipe, too, do not find to be
 * non-blocking. Of a file there is none, as it would begin anew; it never waits.
 */
static int open_out(void)
{
	struct stat st;
	bool waits =
	        fstat(STDOUT_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode));
	int fd = waits ? open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;

	return fd >= 0 ? fd : STDOUT_FILENO;
}

static bool is_writable(const struct tap *t, int wait_ms)
{
	struct pollfd fd = {.fd = t->out, .events = POLLOUT};

	return poll(&fd, 1, wait_ms) > 0; /* or broken: writing tells */
}

/* False: it takes no more now, or not at all, which ends the trace. */
static bool put_some(struct tap *t, int wait_ms)
{
	if (t->broken || !is_writable(t, wait_ms))
		return false;
	if (evbuffer_write_atmost(t->held, t->out, CHUNK) > 0)
		return true;
	if (errno == EAGAIN || errno == EINTR)
		return wait_ms < 0 && errno == EAGAIN; /* somebody else took the room */
	t->broken = true;
	over(t, cli_fail(t->cli, CLI_FAILED, "cannot write to standard output"));
	return false;
}

static void put_held(struct tap *t)
{
	static const struct timeval soon = {.tv_usec = RETRY_US};

	while (evbuffer_get_length(t->held) > 0) {
		if (put_some(t, 0))
			continue;
		if (!t->broken)
			(void)event_add(t->retry, &soon);
		return;
	}
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	put_held(arg);
}

static void tell_lost(struct tap *t)
{
	if (t->lost > 0)
		cli_say("%llu lines were lost: they came faster than they could be written",
		        (unsigned long long)t->lost);
	t->lost = 0;
}

static uint64_t lines_of(struct span text)
{
	uint64_t lines = 0;

	for (size_t i = 0; text.p && i < text.n; i++)
		lines += text.p[i] == '\n';
	return lines;
}

/* Without what could act on a terminal; no more lines than were asked for. */
static void hold(struct tap *t, struct span text)
{
	size_t from = 0, i = 0;

	for (; i < text.n && t->left > 0; i++) {
		uint8_t c = text.p[i];
		t->left -= c == '\n';
		if (c == '\n' || (c >= 0x20 && c < 0x7f))
			continue;
		(void)evbuffer_add(t->held, text.p + from, i - from);
		(void)evbuffer_add_printf(t->held, "\\u%04x", c);
		from = i + 1;
	}
	(void)evbuffer_add(t->held, text.p + from, i - from);
}

/* Whole lines. */
static void on_trace(struct tap *t, const struct wire_trace *trace)
{
	t->lost += trace->lost;
	if (evbuffer_get_length(t->held) > HELD_MAX) {
		t->lost += lines_of(trace->text);
	} else {
		tell_lost(t);
		hold(t, trace->text);
	}
	put_held(t);
	if (t->left == 0 && !t->broken)
		over(t, CLI_OK);
}

static void on_frame(void *ctx, const struct wire_frame *f)
{
	struct tap *t = ctx;

	if (f->type == WIRE_ATTACHED) {
		on_attached(t, &f->attached);
	} else if (f->type == WIRE_TRACE) {
		on_trace(t, &f->trace);
	} else if (f->type == WIRE_PING) {
		const struct wire_frame pong = {.type = WIRE_PONG, .ping = f->ping};
		conn_send(t->conn, &pong);
	} else if (f->type == WIRE_REFUSED || f->type == WIRE_ERROR) {
		over(t, cli_fail(t->cli, CLI_FAILED, "%s: %s", t->address, f->error.text));
	}
}

static void on_bad(void *ctx, const char *why)
{
	struct tap *t = ctx;

	over(t, cli_fail(t->cli, CLI_FAILED, "%s: %s", t->address, why));
}

static void on_batch(void *ctx)
{
	(void)ctx;
}

static void on_closed(void *ctx, const char *why)
{
	struct tap *t = ctx;

	over(t, cli_fail(t->cli, CLI_FAILED, "%s: %s", t->address, why));
}

static void on_run(void *ctx, ns_t now)
{
	(void)ctx, (void)now;
}

/* Ctrl-C is how a trace ends; what is held goes out as far as it is taken. */
static void on_terminate(void *ctx, int signo)
{
	(void)signo;
	over(ctx, CLI_OK);
}

static bool attach(struct tap *t)
{
	static const struct conn_ops ops = {on_frame, on_bad, on_batch, on_closed};
	struct wire_frame f = {.type = WIRE_ATTACH,
	                       .attach = {.version = WIRE_VERSION,
	                                  .role = ROLE_TAP,
	                                  .id = WIRE_NO_ID,
	                                  .name = CLI_PROGRAM}};
	struct addr addr;
	char why[256];

	if (!addr_parse(t->address, &addr, why, sizeof(why))) {
		(void)cli_fail(t->cli, CLI_FAILED, "%s", why);
		return false;
	}
	int fd = addr_connect(&addr, why, sizeof(why));
	if (fd < 0) {
		(void)cli_fail(t->cli, CLI_FAILED, "%s", why);
		return false;
	}
	t->conn = conn_new(loop_base(t->loop), fd, &ops, t, OUT_MAX);
	if (!t->conn) {
		(void)cli_fail(t->cli, CLI_FAILED, "out of memory");
		return false;
	}
	uuid_generate(f.attach.uuid);
	conn_send(t->conn, &f);
	return true;
}

static bool prepare(struct tap *t, const struct loop_ops *ops)
{
	t->loop = loop_new(ops, t);
	t->held = evbuffer_new();
	t->retry = t->loop ? event_new(loop_base(t->loop), -1, 0, on_retry, t) : NULL;
	return t->loop && t->held && t->retry;
}

/* All lines that were asked for, until SIGINT; else the reader has paused, perhaps for good. */
static void put_rest(struct tap *t)
{
	bool all = t->left == 0 && t->status == CLI_OK;

	while (evbuffer_get_length(t->held) > 0 && put_some(t, all ? -1 : 0))
		continue;
	if (t->broken)
		return; /* nobody is there who misses them */
	if (t->status != CLI_OK)
		t->lost += lines_of(
		        (struct span){evbuffer_pullup(t->held, -1), evbuffer_get_length(t->held)});
	tell_lost(t);
}

static int run_tap(struct cli *cli, const char *address)
{
	static const struct loop_ops ops = {.run = on_run, .terminate = on_terminate};
	struct tap t = {.cli = cli,
	                .address = address,
	                .out = open_out(),
	                .left = cli_local_number(cli, "--count", UINT64_MAX),
	                .status = CLI_FAILED};

	if (!prepare(&t, &ops))
		(void)cli_fail(cli, CLI_FAILED, "out of memory");
	else if (t.left == 0)
		t.status = CLI_OK;
	else if (attach(&t) && !loop_run(t.loop))
		(void)cli_fail(cli, CLI_FAILED, "the event loop failed");
	if (t.held)
		put_rest(&t);
	if (t.out > STDOUT_FILENO)
		(void)close(t.out);
	if (t.beat)
		event_free(t.beat);
	if (t.retry)
		event_free(t.retry);
	if (t.held)
		evbuffer_free(t.held);
	if (t.conn)
		conn_free(t.conn);
	if (t.loop)
		loop_free(t.loop);
	return t.status;
}

int cli_run_trace(struct cli *cli)
{
	const char *address = cli_local_text(cli, "--bus");

	if (address)
		return run_tap(cli, address);
	json_t *params = json_object();
	json_t *daemon = cli_call(cli, "daemon.info", params, -1);
	json_decref(params);
	if (!daemon)
		return cli->status;
	int status = run_tap(cli, cli_str(daemon, "bus"));
	json_decref(daemon);
	return status;
}
