/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections between devices and the bus server: the shells' own queues and buffers (outq, inbuf),
 * and between them a network that takes its time, splits what it carries and fails. What is sent on
 * one connection never changes its order.
 */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include "shell/inbuf.h"
#include "shell/outq.h"

struct sim;

struct net_pipe {
	struct outq out;
	struct block *kept; /* in place of `out`: what a sender had written that is no more */
	size_t kept_at;
	struct inbuf in;
	bool scheduled, fin,
	        lost; /* fin: the sender has closed it; lost: nothing arrives any more */
	bool open;    /* the receiver has it */
	bool told;    /* lost: its sender will hear of it */
	ns_t stalled_until;
};

struct net_link {
	bool used;
	uint32_t handle; /* the bus server's */
	unsigned device; /* a disk's index, or an initiator's SCSI ID */
	uint8_t id;      /* SCSI ID */
	uint32_t life;   /* of the device */
	struct net_pipe to_bus, to_device;
};

#define NET_LINKS 48

struct net {
	struct net_link link[NET_LINKS];
	uint32_t generation;
	unsigned dead; /* links that are to be freed */
};

/* NULL: nobody listens. */
struct net_link *net_dial(struct sim *s, unsigned device);
void net_send(struct sim *s, struct net_link *l, bool to_bus, const struct wire_frame *f);
/* One end closes: what it sent is still delivered. */
void net_close(struct sim *s, struct net_link *l, bool bus_end);
/* The device is no more, and its memory goes: what it has written is still delivered. */
void net_keep(struct sim *s, struct net_link *l);
/* What is on its way is lost. The ends hear of it; deaf: one of them does not. */
void net_cut(struct sim *s, struct net_link *l, bool bus_deaf, bool device_deaf);
void net_stall(struct sim *s, struct net_link *l, bool to_bus, ns_t until);
void net_deliver(struct sim *s, uint32_t what, uint32_t generation);
void net_closed(struct sim *s, uint32_t what, uint32_t generation);
/* Frees what both ends have let go: not while one of them is looking at a frame. */
void net_reap(struct sim *s);
void net_free(struct sim *s);

#endif
