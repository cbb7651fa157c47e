/* SPDX-License-Identifier: BSD-2-Clause */
/* `bus trace`: a tap on the bus server, which sends its trace as it is written. */
#include "shell/addr.h"
#include "shell/cli.h"
#include "shell/cli_conn.h"
#include "shell/cli_table.h"
#include "shell/conn.h"
#include "shell/loop.h"

#include <string.h>
#include <uuid/uuid.h>

#define OUT_MAX (64 * KIB) /* a tap sends nothing but its attach and pings */

struct tap {
	struct cli *cli;
	struct loop *loop;
	struct conn *conn;
	struct event *beat;
	const char *address;
	bool attached;
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

/* Whole lines, without what could act on a terminal. */
static void on_trace(struct tap *t, const struct wire_trace *trace)
{
	if (trace->lost > 0) {
		t->lost += trace->lost;
		cli_say("%llu lines were lost: they came faster than they could be written",
		        (unsigned long long)trace->lost);
	}
	for (size_t i = 0; i < trace->text.n && t->left > 0; i++) {
		uint8_t c = trace->text.p[i];

		if (c == '\n')
			t->left--;
		if (c == '\n' || (c >= 0x20 && c < 0x7f))
			(void)putchar(c);
		else
			(void)printf("\\u%04x", c);
	}
	if (fflush(stdout) != 0)
		over(t, CLI_OK); /* cli_main() tells that it failed */
	else if (t->left == 0)
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

/* Ctrl-C is how a trace ends. */
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

static int run_tap(struct cli *cli, const char *address)
{
	static const struct loop_ops ops = {.run = on_run, .terminate = on_terminate};
	struct tap t = {.cli = cli,
	                .address = address,
	                .left = cli_local_number(cli, "--count", UINT64_MAX),
	                .status = CLI_FAILED};

	t.loop = loop_new(&ops, &t);
	if (!t.loop)
		return cli_fail(cli, CLI_FAILED, "out of memory");
	if (t.left == 0)
		t.status = CLI_OK;
	else if (attach(&t) && !loop_run(t.loop))
		(void)cli_fail(cli, CLI_FAILED, "the event loop failed");
	if (t.beat)
		event_free(t.beat);
	if (t.conn)
		conn_free(t.conn);
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
