/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/bus_rings.h"

#include <stdio.h>
#include <unistd.h>

static struct bus_ring_port *port_of(struct bus_rings *s, const struct conn *c)
{
	for (unsigned i = 0; i < BUS_RING_PORTS; i++)
		if (s->port[i].conn == c)
			return &s->port[i];
	return NULL;
}

static void offer(struct bus_ring_port *target, const struct ring *r)
{
	const struct wire_frame f = {
	        .type = WIRE_RING,
	        .ring = {.number = ring_number(r), .bytes = ring_bytes(r)},
	};

	/* If it cannot be, the target gets its data inline. */
	if (target->conn && target->role == ROLE_TARGET)
		(void)conn_send_fd(target->conn, &f, ring_fd(r));
}

static void withdraw(struct bus_ring_port *target, uint32_t number)
{
	const struct wire_frame f = {.type = WIRE_RING, .ring = {.number = number}};

	if (!target->conn || target->role != ROLE_TARGET || !conn_is_local(target->conn))
		return;
	ring_set_remove(conn_rings_out(target->conn), number);
	conn_send(target->conn, &f);
}

void bus_rings_attached(struct bus_rings *s, struct conn *c, uint8_t role, uint32_t epoch)
{
	struct bus_ring_port *p = port_of(s, NULL);

	if (!p || role == ROLE_TAP || !conn_is_local(c))
		return;
	*p = (struct bus_ring_port){.conn = c, .role = role, .epoch = epoch};
	for (unsigned i = 0; i < BUS_RING_PORTS; i++)
		if (s->port[i].ring)
			offer(p, s->port[i].ring);
}

/* Takes fd over. False with why: of no use, and the data come inline as before. */
static bool take(struct bus_rings *s, struct bus_ring_port *p, const struct wire_ring *f, int fd,
                 char *why, size_t n)
{
	const struct wire_frame answer = {.type = WIRE_RING, .ring = *f};

	if (p->ring || f->number != p->epoch || fd < 0) {
		(void)snprintf(why, n, "%s",
		               p->ring  ? "this port has a ring already"
		               : fd < 0 ? "no descriptor came with it"
		                        : "its number is not the epoch of this attach");
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	p->ring = ring_open(f->number, f->bytes, fd, why, n);
	if (!p->ring)
		return false;
	(void)ring_set_add(conn_rings_in(p->conn), p->ring);
	conn_send(p->conn, &answer);
	for (unsigned i = 0; i < BUS_RING_PORTS; i++)
		offer(&s->port[i], p->ring);
	return true;
}

/* A target has mapped a ring; one that is no more by now, or never was, needs nothing. */
static void mapped(struct bus_rings *s, struct bus_ring_port *p, uint32_t number)
{
	for (unsigned i = 0; i < BUS_RING_PORTS; i++) {
		struct ring *r = s->port[i].ring;
		if (r && ring_number(r) == number)
			(void)ring_set_add(conn_rings_out(p->conn), r);
	}
}

bool bus_rings_frame(struct bus_rings *s, struct conn *c, const struct wire_ring *f, char *why,
                     size_t n)
{
	struct bus_ring_port *p = port_of(s, c);
	int fd = conn_take_fd(c);

	if (p && p->role == ROLE_INITIATOR)
		return take(s, p, f, fd, why, n);
	if (fd >= 0)
		(void)close(fd);
	if (!p) {
		(void)snprintf(why, n, "no shared memory over this connection");
		return false;
	}
	mapped(s, p, f->number);
	return true;
}

void bus_rings_gone(struct bus_rings *s, struct conn *c)
{
	struct bus_ring_port *p = port_of(s, c);

	if (!p)
		return;
	struct ring *r = p->ring;
	*p = (struct bus_ring_port){0};
	if (!r)
		return;
	for (unsigned i = 0; i < BUS_RING_PORTS; i++)
		withdraw(&s->port[i], ring_number(r));
	ring_unref(r);
}
