/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/bus_run.h"

#include "base/assert.h"
#include "shell/bus_rings.h"
#include "shell/bus_tap.h"
#include "shell/conn.h"
#include "shell/listener.h"
#include "shell/loop.h"
#include "shell/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* What may wait for a port to read it. Blocks are shared between the ports that they go to. */
#define OUT_MAX (256 * MIB)
/* A peer that leaves more than this unread gets no answers to its PINGs, and no more than these
 * (8 KiB each) to its other requests to the server. */
#define UNREAD_MAX  (1 * MIB)
#define ANSWERS_MAX 2048

struct server;

struct slot {
	struct server *server;
	struct conn *conn; /* NULL: free */
	uint32_t handle;
	uint64_t since; /* number of its accept */
	bool tap;
	uint8_t role;     /* as its first ATTACH said, the one that counts; 0: none came */
	bool attached;    /* it has said what it is, and was taken */
	unsigned answers; /* of the server's own, since it last had less than UNREAD_MAX unread */
	bool held;        /* not read, for as much of it waits in the core as may */
};

struct server {
	struct bus_opts *o;
	struct bus *bus;
	struct loop *loop;
	struct bus_tap *tap;
	struct bus_rings rings;
	struct listener *listener[BUS_LISTEN_MAX];
	unsigned n_listening; /* sockets that are there to be removed */
	struct slot slot[BUS_CONNS];
	uint32_t next_generation;
	uint64_t accepted;
	unsigned turned_away;
	unsigned n_held;
	bool ending;
	ns_t frames_at; /* the time of the frames that came by one read; 0: not read yet */
};

/* ---- the core ---- */

static struct slot *slot_of(struct server *s, uint32_t handle)
{
	struct slot *slot = &s->slot[BUS_HANDLE_SLOT(handle)];
	return slot->conn && slot->handle == handle ? slot : NULL;
}

static void watch(struct server *s)
{
	bus_trace_on(s->bus, bus_tap_wanted(s->tap));
}

/* Its connection is over; how it ends is the caller's. */
static struct conn *slot_clear(struct slot *slot)
{
	struct conn *c = slot->conn;
	if (slot->tap)
		bus_tap_remove(slot->server->tap, c);
	bus_rings_gone(&slot->server->rings, c);
	slot->conn = NULL;
	slot->server->n_held -= slot->held;
	slot->tap = slot->attached = slot->held = false;
	slot->answers = 0;
	slot->role = 0;
	watch(slot->server);
	return c;
}

static void attached(struct server *s, struct slot *slot, const struct wire_attached *a)
{
	slot->attached = true;
	bus_rings_attached(&s->rings, slot->conn, slot->role, a->epoch);
}

/* It asks, and does not read the answers: they would be all that the server has memory for. */
static bool drowned(struct slot *slot, const struct wire_frame *f)
{
	const bool own = f->type == WIRE_MGMT && f->mgmt.from == WIRE_NO_ID;

	if (conn_queued(slot->conn) < UNREAD_MAX) {
		slot->answers = 0;
		return false;
	}
	slot->answers += own;
	return f->type == WIRE_PONG || (own && slot->answers > ANSWERS_MAX);
}

static void perform_one(struct server *s, const struct bus_action *a)
{
	struct slot *slot = slot_of(s, a->handle);
	if (!slot)
		return;
	switch (a->kind) {
	case BUS_ACT_SEND:
		if (a->lazy)
			conn_send_lazy(slot->conn, &a->frame);
		else if (!drowned(slot, &a->frame))
			conn_send(slot->conn, &a->frame);
		if (a->frame.type == WIRE_ATTACHED)
			attached(s, slot, &a->frame.attached);
		return;
	case BUS_ACT_CLOSE:
		log_info("closing a connection: %s", a->text);
		conn_close(slot_clear(slot));
		return;
	case BUS_ACT_TAP:
		slot->tap = bus_tap_add(s->tap, slot->conn);
		if (!slot->tap)
			log_warning("too many live taps: one more gets nothing");
		watch(s);
		return;
	}
}

static void perform(struct server *s, const struct bus_actions *out)
{
	bus_tap_events(s->tap, out->trace, out->n_trace);
	for (unsigned i = 0; i < out->n; i++)
		perform_one(s, &out->action[i]);
	if (out->more)
		loop_wake(s->loop);
}

/* Whose frames are not read while the core has no room for them. */
static void hold(struct server *s, struct slot *slot)
{
	bool held = !bus_reads(s->bus, slot->handle);
	if (slot->held == held)
		return;
	slot->held = held;
	s->n_held = held ? s->n_held + 1 : s->n_held - 1;
	conn_read(slot->conn, !held);
}

static void hold_all(struct server *s, uint32_t handle)
{
	struct slot *slot = slot_of(s, handle);
	if (slot)
		hold(s, slot);
	for (unsigned i = 0; s->n_held > 0 && i < BUS_CONNS; i++)
		if (s->slot[i].conn && s->slot[i].held)
			hold(s, &s->slot[i]);
}

static void step(struct server *s, enum bus_event_kind kind, uint32_t handle,
                 const struct wire_frame *frame, const char *why)
{
	struct bus_event ev = {.kind = kind, .handle = handle, .frame = frame, .why = why};
	struct bus_actions out;

	if (kind != BUS_EV_FRAME || s->frames_at == 0)
		ev.now = loop_now();
	else
		ev.now = s->frames_at;
	s->frames_at = kind == BUS_EV_FRAME ? ev.now : 0;
	bus_step(s->bus, &ev, &out);
	perform(s, &out);
	hold_all(s, handle);
}

/* ---- connections ---- */

static void on_frame(void *ctx, const struct wire_frame *f)
{
	struct slot *slot = ctx;
	struct server *s = slot->server;
	char why[160] = "";
	if (f->type == WIRE_ATTACH && !slot->role)
		slot->role = f->attach.role;
	if (f->type == WIRE_RING &&
	    bus_rings_frame(&s->rings, slot->conn, &f->ring, why, sizeof(why)))
		return;
	step(s, BUS_EV_FRAME, slot->handle, f, why);
}

static void on_bad(void *ctx, const char *why)
{
	struct slot *slot = ctx;
	struct server *s = slot->server;
	uint32_t handle = slot->handle;
	step(s, BUS_EV_BAD, handle, NULL, why);
	/* Its stream cannot be read any further, whatever the core makes of it. */
	if (slot_of(s, handle)) {
		step(s, BUS_EV_CLOSED, handle, NULL, why);
		if (slot_of(s, handle))
			conn_close(slot_clear(slot));
	}
	loop_wake(s->loop);
}

static void on_batch(void *ctx)
{
	struct slot *slot = ctx;
	slot->server->frames_at = 0;
	loop_wake(slot->server->loop);
}

static void on_closed(void *ctx, const char *why)
{
	struct slot *slot = ctx;
	struct server *s = slot->server;
	uint32_t handle = slot->handle;
	log_debug("a connection ended: %s", why);
	step(s, BUS_EV_CLOSED, handle, NULL, why);
	if (slot_of(s, handle))
		conn_free(slot_clear(slot));
	loop_wake(s->loop);
}

static const struct conn_ops conn_ops = {on_frame, on_bad, on_batch, on_closed};

/* The connection that has been here longest and has not attached makes room for the next. */
static struct slot *displaced_slot(struct server *s)
{
	struct slot *oldest = NULL;

	for (unsigned i = 0; i < BUS_CONNS; i++) {
		struct slot *slot = &s->slot[i];
		if (!slot->attached && (!oldest || slot->since < oldest->since))
			oldest = slot;
	}
	if (oldest) {
		step(s, BUS_EV_CLOSED, oldest->handle, NULL, "displaced");
		conn_free(slot_clear(oldest));
	}
	return oldest;
}

static struct slot *free_slot(struct server *s)
{
	for (unsigned i = 0; i < BUS_CONNS; i++)
		if (!s->slot[i].conn)
			return &s->slot[i];
	return displaced_slot(s);
}

static void on_accept(void *ctx, int fd)
{
	struct server *s = ctx;
	struct slot *slot = free_slot(s);
	if (!slot) {
		if (s->turned_away++ == 0)
			log_warning("%d connections are open: more are turned away", BUS_CONNS);
		(void)close(fd);
		return;
	}
	struct conn *c = conn_new(loop_base(s->loop), fd, &conn_ops, slot, OUT_MAX);
	if (!c) {
		log_error("out of memory for a connection");
		(void)close(fd);
		return;
	}
	s->turned_away = 0;
	slot->conn = c;
	slot->since = s->accepted++;
	slot->handle = (uint32_t)(slot - s->slot) | s->next_generation++ << 8;
	step(s, BUS_EV_OPEN, slot->handle, NULL, NULL);
	loop_wake(s->loop);
}

/* ---- the loop ---- */

static void on_run(void *ctx, ns_t now)
{
	struct server *s = ctx;
	if (s->ending)
		return;
	if (bus_deadline(s->bus) <= now)
		step(s, BUS_EV_DEADLINE, 0, NULL, NULL);
	step(s, BUS_EV_GO, 0, NULL, NULL);
	loop_deadline(s->loop, bus_deadline(s->bus));
}

static void stop_listening(struct server *s)
{
	for (unsigned i = 0; i < s->o->n_listen; i++) {
		if (s->listener[i])
			listener_free(s->listener[i]);
		s->listener[i] = NULL;
	}
	for (unsigned i = 0; i < s->n_listening; i++)
		addr_unlisten(&s->o->listen[i]);
	s->n_listening = 0;
}

static void on_terminate(void *ctx, int signo)
{
	struct server *s = ctx;
	struct bus_actions out;

	log_info("signal %d: ending", signo);
	notify_stopping();
	s->ending = true;
	stop_listening(s);
	bus_shutdown(s->bus, loop_now(), &out);
	perform(s, &out);
	for (unsigned i = 0; i < BUS_CONNS; i++)
		if (s->slot[i].conn)
			conn_close(slot_clear(&s->slot[i]));
	bus_tap_free(s->tap);
	s->tap = NULL;
	loop_deadline(s->loop, NS_NEVER);
	loop_stop(s->loop);
}

static void on_reload(void *ctx)
{
	struct server *s = ctx;
	struct bus_timing timing;
	enum log_level level;
	char why[400];

	notify_reloading();
	if (bus_opts_reread(s->o, &timing, &level, why, sizeof(why))) {
		bus_set_timing(s->bus, &timing);
		log_set_level(level);
	} else {
		log_error("%s; what was in force stays", why);
	}
	if (!bus_tap_reopen(s->tap, why, sizeof(why)))
		log_error("%s; the trace goes on in the old file", why);
	notify_reloaded();
}

static const struct loop_ops loop_ops = {on_run, on_terminate, on_reload};

/* ---- start and end ---- */

static bool listen_all(struct server *s)
{
	char why[400];
	for (unsigned i = 0; i < s->o->n_listen; i++) {
		int fd = addr_listen(&s->o->listen[i], why, sizeof(why));
		if (fd < 0) {
			log_error("%s", why);
			return false;
		}
		s->n_listening = i + 1;
		s->listener[i] = listener_new(loop_base(s->loop), fd, on_accept, s);
		if (!s->listener[i]) {
			(void)close(fd);
			log_error("out of memory for a listener");
			return false;
		}
	}
	return true;
}

static bool start(struct server *s)
{
	char why[400];

	if (getrandom(&s->o->bus.boot, sizeof(s->o->bus.boot), 0) != sizeof(s->o->bus.boot)) {
		log_error("no random number for this run's identity");
		return false;
	}
	s->bus = bus_new(&s->o->bus);
	s->loop = loop_new(&loop_ops, s);
	if (!s->bus || !s->loop) {
		log_error("out of memory for the bus");
		return false;
	}
	/* First: the trace may be that of a server that is listening there already. */
	if (!listen_all(s))
		return false;
	s->tap = bus_tap_new(loop_base(s->loop), s->o->trace, why, sizeof(why));
	if (!s->tap) {
		log_error("%s", why);
		return false;
	}
	watch(s);
	return true;
}

static void tell_ready(const struct server *s)
{
	const char *addrs[BUS_LISTEN_MAX];
	for (unsigned i = 0; i < s->o->n_listen; i++)
		addrs[i] = s->o->listen[i].text;
	notify_ready(addrs, s->o->n_listen);
}

int bus_server_run(struct bus_opts *o)
{
	struct server *s = calloc(1, sizeof(*s));
	int status = EXIT_FAILURE;

	if (!s) {
		log_error("out of memory");
		return status;
	}
	s->o = o;
	for (unsigned i = 0; i < BUS_CONNS; i++)
		s->slot[i].server = s;
	if (start(s)) {
		tell_ready(s);
		loop_busy_poll(s->loop, o->busy_poll_ns);
		if (loop_run(s->loop))
			status = EXIT_SUCCESS;
	}
	stop_listening(s);
	for (unsigned i = 0; i < BUS_CONNS; i++)
		if (s->slot[i].conn)
			conn_free(s->slot[i].conn);
	bus_tap_free(s->tap);
	loop_free(s->loop);
	bus_free(s->bus);
	free(s);
	return status;
}
