/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes on their way, connections, and the bus server at their end. */
#include "steps/inside.h"

#include "shell/conn.h"

#include <stdlib.h>
#include <string.h>

/* ---- bytes ---- */

static void put_bytes(struct bytes *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	if (b->n + n > b->room) {
		b->room = (b->n + n) * 2;
		b->p = realloc(b->p, b->room);
		must(b->p != NULL, "no memory");
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void put_frame(struct bytes *b, const struct wire_frame *f)
{
	static uint8_t head[WIRE_HEADER_LEN + WIRE_HEAD_MAX];
	struct wr w = wr_init(head, sizeof(head));

	wire_put(&w, f);
	must(wr_ok(&w), "%s does not fit", wire_type_name((uint8_t)f->type));
	put_bytes(b, head, w.n);
	if (f->data)
		put_bytes(b, f->data->data, f->data->len);
	else
		put_bytes(b, f->small.p, f->small.n);
}

enum got wires_take(struct bytes *b, struct wire_frame *f)
{
	static uint8_t head[WIRE_HEAD_MAX];
	struct wire_header h;
	struct block *data = NULL;
	char why[200];

	if (b->n < WIRE_HEADER_LEN)
		return GOT_NONE;
	must(wire_header_get(b->p, &h, why, sizeof(why)), "%s", why);
	size_t all = WIRE_HEADER_LEN + (size_t)h.head_len + h.data_len;
	must(b->n >= all, "cut short");
	memcpy(head, b->p + WIRE_HEADER_LEN, h.head_len);
	if (h.data_len && !(data = block_new(h.data_len)))
		return GOT_NO_MEMORY;
	if (data)
		memcpy(data->data, b->p + WIRE_HEADER_LEN + h.head_len, h.data_len);
	memmove(b->p, b->p + all, b->n - all);
	b->n -= all;
	must(wire_get(&h, (struct span){head, h.head_len}, data, f, why, sizeof(why)), "%s", why);
	f->data = data;
	return GOT_FRAME;
}

/* ---- the bus server ---- */

static void perform(struct world *w, const struct bus_actions *out)
{
	w->bus_due |= out->more;
	for (unsigned k = 0; k < out->n; k++) {
		const struct bus_action *a = &out->action[k];
		struct link *l = &w->link[BUS_HANDLE_SLOT(a->handle)];
		if (!l->bus_open || l->handle != a->handle)
			continue;
		if (a->kind == BUS_ACT_SEND && l->up)
			put_frame(&l->from_bus, &a->frame);
		else if (a->kind == BUS_ACT_CLOSE)
			l->bus_open = false;
	}
	bus_check(w->bus);
}

static void event(struct world *w, enum bus_event_kind kind, uint32_t handle,
                  const struct wire_frame *f)
{
	struct bus_event ev = {
	        .kind = kind, .now = w->now, .handle = handle, .frame = f, .why = "it is gone"};
	struct bus_actions out;

	bus_step(w->bus, &ev, &out);
	w->bus_due |= kind != BUS_EV_GO;
	perform(w, &out);
}

void bus_start(struct world *w)
{
	struct bus_config cfg = bus_config_default();

	cfg.boot = ++w->boot;
	w->bus = bus_new(&cfg);
	if (!w->bus) {
		must(memory_struck(), "no memory");
		w->bus_at = w->now + LATER_NS;
		return;
	}
	w->bus_due = false;
}

void bus_time(struct world *w)
{
	event(w, BUS_EV_DEADLINE, 0, NULL);
}

static void lost(struct world *w, unsigned i)
{
	struct link *l = &w->link[i];

	l->up = false;
	l->heartbeat_ns = 0;
	l->from_bus.n = 0;
	l->dial_at = w->now + AGAIN_NS;
}

static void closed(struct world *w, unsigned i)
{
	struct link *l = &w->link[i];

	l->to_bus.n = 0;
	if (!l->bus_open)
		return;
	l->bus_open = false;
	event(w, BUS_EV_CLOSED, l->handle, NULL);
}

/* A server that is stopped finds what was sent to it before, and then the end. */
void wires_cut(struct world *w, unsigned i)
{
	if (w->link[i].up)
		lost(w, i);
	w->link[i].from_bus.n = 0;
	if (w->bus && !world_stopped(w, BUS))
		closed(w, i);
}

void bus_kill(struct world *w)
{
	for (unsigned i = 0; i < LINKS; i++) {
		w->link[i].bus_open = false;
		w->link[i].to_bus.n = w->link[i].from_bus.n = 0;
		if (w->link[i].up)
			lost(w, i);
	}
	bus_free(w->bus);
	w->bus = NULL;
	w->bus_at = w->now + AGAIN_NS;
}

static bool link_turn(struct world *w, unsigned i)
{
	struct link *l = &w->link[i];
	struct wire_frame f;

	if (!l->bus_open)
		return false;
	switch (wires_take(&l->to_bus, &f)) {
	case GOT_FRAME:
		event(w, BUS_EV_FRAME, l->handle, &f);
		block_unref(f.data);
		return true;
	case GOT_NO_MEMORY:
		wires_cut(w, i);
		return true;
	case GOT_NONE:
		if (l->up)
			return false;
		closed(w, i);
		return true;
	}
	return false;
}

bool bus_turn(struct world *w)
{
	if (!w->bus || world_stopped(w, BUS))
		return false;
	for (unsigned i = 0; i < LINKS; i++)
		if (link_turn(w, i))
			return true;
	if (w->bus_due) {
		w->bus_due = false;
		event(w, BUS_EV_GO, 0, NULL);
		return true;
	}
	return false;
}

/* ---- a device's end ---- */

void wires_send(struct world *w, unsigned i, const struct wire_frame *f)
{
	if (w->link[i].up)
		put_frame(&w->link[i].to_bus, f);
}

void wires_dial(struct world *w, unsigned i, const struct wire_attach *a)
{
	struct link *l = &w->link[i];
	struct wire_frame f = {.type = WIRE_ATTACH, .attach = *a};

	/* Or it does not answer, or has not noticed that the last one is gone. */
	if (!w->bus || world_stopped(w, BUS) || l->bus_open) {
		l->dial_at = w->now + AGAIN_NS;
		return;
	}
	l->up = l->bus_open = true;
	l->handle = i | ++w->generation << 8;
	l->to_bus.n = l->from_bus.n = 0;
	event(w, BUS_EV_OPEN, l->handle, NULL);
	put_frame(&l->to_bus, &f);
}

bool wires_frame(struct world *w, unsigned i, const struct wire_frame *f)
{
	struct link *l = &w->link[i];
	const struct wire_frame pong = {.type = WIRE_PONG, .ping = f->ping};

	l->heard_at = w->now;
	if (f->type == WIRE_ATTACHED) {
		l->heartbeat_ns = f->attached.heartbeat_ms * NS_PER_MS;
		l->ping_at = w->now + l->heartbeat_ns / 3;
	} else if (f->type == WIRE_REFUSED) {
		wires_cut(w, i);
		return true;
	} else if (f->type == WIRE_PING) {
		wires_send(w, i, &pong);
		return true;
	}
	return false;
}

bool wires_ping(struct world *w, unsigned i)
{
	struct link *l = &w->link[i];
	const struct wire_frame ping = {.type = WIRE_PING, .ping.cookie = w->now};

	if (!l->up || !l->heartbeat_ns || w->now < l->ping_at)
		return false;
	if (w->now > l->heard_at + conn_silence_limit(l->heartbeat_ns)) {
		wires_cut(w, i);
		return true;
	}
	wires_send(w, i, &ping);
	l->ping_at = w->now + l->heartbeat_ns / 3;
	return true;
}

/* All that it had sent before was read. */
bool wires_server_closed(const struct link *l)
{
	return l->up && !l->bus_open;
}
