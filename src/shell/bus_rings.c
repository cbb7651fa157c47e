/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/bus_rings.h"

#include "shell/log.h"

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

/* A descriptor that is of no use is answered, and the data come inline as before. */
static void refuse(struct conn *c, uint32_t number, const char *why)
{
	struct wire_frame f = {
	        .type = WIRE_ERROR,
	        .error = {.code = CODE_BAD_VALUE, .frame_type = WIRE_RING, .ref = number},
	};

	(void)snprintf(f.error.text, sizeof(f.error.text), "RING %u: %s", number, why);
	log_warning("%s", f.error.text);
	conn_send(c, &f);
}

static bool take(struct bus_rings *s, struct bus_ring_port *p, const struct wire_ring *f)
{
	const struct wire_frame answer = {.type = WIRE_RING, .ring = *f};
	char why[160];
	int fd;

	if (p->ring || f->number != p->epoch || (fd = conn_take_fd(p->conn)) < 0)
		return false;
	struct ring *r = ring_open(f->number, f->bytes, fd, why, sizeof(why));
	if (!r) {
		refuse(p->conn, f->number, why);
		return true;
	}
	p->ring = r;
	(void)ring_set_add(conn_rings_in(p->conn), r);
	conn_send(p->conn, &answer);
	for (unsigned i = 0; i < BUS_RING_PORTS; i++)
		offer(&s->port[i], r);
	return true;
}

/* A target has mapped a ring; one that is no more by now needs nothing. */
static bool mapped(struct bus_rings *s, struct bus_ring_port *p, uint32_t number)
{
	for (unsigned i = 0; i < BUS_RING_PORTS; i++) {
		struct ring *r = s->port[i].ring;
		if (r && ring_number(r) == number)
			(void)ring_set_add(conn_rings_out(p->conn), r);
	}
	return true;
}

bool bus_rings_frame(struct bus_rings *s, struct conn *c, const struct wire_ring *f)
{
	struct bus_ring_port *p = port_of(s, c);

	if (!p)
		return false;
	return p->role == ROLE_INITIATOR ? take(s, p, f) : mapped(s, p, f->number);
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
