/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rings that pass through the bus server. A ring is an initiator's; it is offered to each
 * target on a UNIX socket, and data of frames go by reference to those that have mapped it. The
 * server maps it for targets elsewhere, to which the bytes are sent; else it reads none of it.
 *
 * A ring lives as long as its initiator's connection; what is still referred to stays mapped.
 */
#ifndef SHELL_BUS_RINGS_H
#define SHELL_BUS_RINGS_H

#include "shell/conn.h"

#define BUS_RING_PORTS WIRE_IDS

struct bus_rings {
	struct bus_ring_port {
		struct conn *conn; /* NULL: free */
		uint8_t role;
		uint32_t epoch;
		struct ring *ring; /* an initiator's; NULL: none */
	} port[BUS_RING_PORTS];
};

/* ATTACHED is on its way to a connection of this role. */
void bus_rings_attached(struct bus_rings *s, struct conn *c, uint8_t role, uint32_t epoch);
/* A RING frame of c, and the descriptor that came with it. False with why: it is not in order, for
 * the core to refuse (which counts). */
bool bus_rings_frame(struct bus_rings *s, struct conn *c, const struct wire_ring *f, char *why,
                     size_t n);
/* The connection is over (before it is freed). */
void bus_rings_gone(struct bus_rings *s, struct conn *c);

#endif
