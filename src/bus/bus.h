/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus core: one parallel SCSI bus, its ports, and what happens on it.
 *
 * Sans-IO: connections, frames and the machine's time go in as events; frames to
 * send, connections to close and typed trace events come out as actions. Two clocks:
 * `now` of an event is the machine's, for limits on peers only; the bus has its own
 * time, which moves only with what happens on the bus (bus/timing.h).
 *
 * Ownership: an event is borrowed for the call. Actions, and what they point to, are
 * valid until the next bus_step(); blocks of frames are referenced by the core until
 * then: whoever keeps one takes a reference. Nothing is allocated after bus_new().
 */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include "bus/timing.h"
#include "wire/wire.h"

struct bus;

/* Connections at once: 16 ports, taps, and such as have not said yet what they are. */
#define BUS_CONNS 64
#define BUS_TAPS  8

struct bus_config {
	struct bus_timing timing;
	bool fairness;         /* SPI-3, annex B: who lost goes first */
	bool pace;             /* tenures start when the machine's time has caught up */
	ns_t phase_timeout_ns; /* machine time that a port may keep a phase waiting */
	ns_t tenure_limit_ns;  /* machine time that a tenure with waits may take */
	ns_t hold_limit_ns;    /* that a port's waits may take, over tenures: limit.c; 0: off */
	uint32_t
	        heartbeat_ms; /* as told in ATTACHED; three of them in silence end a port; 0: off */
	unsigned tenures_per_go; /* run before the sockets are read again */
	uint64_t boot;           /* told in ATTACHED */
};

/* Timing spi3, fairness, no pace, 2 s, 5 s, 5 s, 5 s, 8 tenures. */
struct bus_config bus_config_default(void);

enum bus_event_kind {
	BUS_EV_OPEN,   /* a connection `handle` is there */
	BUS_EV_FRAME,  /* it sent `frame`; RING: the shell does not take it: `why` */
	BUS_EV_BAD,    /* it sent what is no frame: `why` */
	BUS_EV_CLOSED, /* it is gone; no CLOSE of ours came before */
	BUS_EV_GO,     /* all that was there to read was read: attaches, arbitration, tenures */
	BUS_EV_DEADLINE,
};

struct bus_event {
	enum bus_event_kind kind;
	ns_t now;        /* machine time, monotonic */
	uint32_t handle; /* chosen by the shell: slot below BUS_CONNS | generation << 8 */
	const struct wire_frame *frame;
	const char *why;
};
#define BUS_HANDLE_SLOT(handle) ((handle)&0xff)

enum bus_action_kind {
	BUS_ACT_SEND,  /* frame */
	BUS_ACT_CLOSE, /* after what was sent is written; text says why. The handle is dead */
	BUS_ACT_TAP,   /* the connection is a live tap from here on */
};

struct bus_action {
	enum bus_action_kind kind;
	uint32_t handle;
	bool lazy; /* SEND: more for the same connection is to come, and can be waited for a little
	            */
	const char *text;
	struct wire_frame frame;
};

enum bus_crc { BUS_CRC_NULL, BUS_CRC_BAD, BUS_CRC_OK };

/* One phase. IDs that do not apply are WIRE_NO_ID. */
struct bus_trace {
	uint64_t seq;
	ns_t t_ns, dur_ns; /* bus time */
	uint32_t tenure;
	enum scsi_phase phase;
	uint8_t init, leader, driver;
	uint16_t bsy, sel; /* masks of IDs that assert the line */
	bool atn;
	uint32_t bytes;
	enum bus_crc crc; /* data phases */
	bool has_op;
	uint32_t op;
	uint16_t ids; /* ARBITRATION: who took part; SELECTION: what is asserted, if not the two */
	uint8_t winner; /* ARBITRATION */
	uint8_t target; /* SELECTION, RESELECTION */
	uint8_t status; /* STATUS */
	bool units;     /* DATA phases: of information units */
	/* MESSAGE phases: the bytes; COMMAND: the CDB; units: for each its kind, its length in four
	 * bytes, and unless it is data its bytes. */
	struct span octets;
};

enum bus_unit { BUS_UNIT_L_Q, BUS_UNIT_COMMAND, BUS_UNIT_DATA, BUS_UNIT_STATUS };
#define BUS_UNIT_HEAD 5 /* bytes before those of a unit */

struct bus_actions {
	unsigned n;
	const struct bus_action *action;
	unsigned n_trace;
	const struct bus_trace *trace; /* in bus-time order */
	bool more; /* there is more to run: come again with GO once the sockets were read */
};

/* NULL when out of memory. */
struct bus *bus_new(const struct bus_config *cfg);
void bus_free(struct bus *b);

/* out is filled. */
void bus_step(struct bus *b, const struct bus_event *ev, struct bus_actions *out);
/* Machine time at which it wants BUS_EV_DEADLINE (then GO); NS_NEVER: none. */
ns_t bus_deadline(const struct bus *b);
/* Whether frames of this connection are to be read now; false: as much of it waits as may, until
 * some step after this one. What is given nevertheless is taken, or refused. */
bool bus_reads(const struct bus *b, uint32_t handle);
/* Asserts every invariant. */
void bus_check(const struct bus *b);

/* Whether trace events are made, and CRCs checked: false at first. */
void bus_trace_on(struct bus *b, bool on);
/* New timing from the next tenure on. */
void bus_set_timing(struct bus *b, const struct bus_timing *t);
/* The server ends: tells all ports and closes them, in the actions of this step. */
void bus_shutdown(struct bus *b, ns_t now, struct bus_actions *out);
/* Time of the bus. */
ns_t bus_now(const struct bus *b);

#endif
