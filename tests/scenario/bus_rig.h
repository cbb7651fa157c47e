/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bus core with the test at all of its ports. Frames to and from it are encoded and decoded
 * on the way, invariants are asserted after each step, and all that happens is written down:
 * the trace as lines "T1 SELECTION 7>2 atn", frames to devices as lines "2< BURST ...".
 */
#ifndef SCENARIO_BUS_RIG_H
#define SCENARIO_BUS_RIG_H

#include "bus/bus.h"
#include "scsi/cdb.h"
#include "scsi/msg.h"

#include <stdio.h>

#define RIG_TEXT    (64 * 1024)
#define RIG_REPORTS 64
#define RIG_PHASES  512

struct rig {
	struct bus *bus;
	ns_t now;
	uint32_t gen;
	uint32_t handle[WIRE_IDS]; /* 0: not attached */
	uint32_t epoch[WIRE_IDS];
	/* the last burst that wanted a program, by port */
	uint32_t tenure[WIRE_IDS], token[WIRE_IDS];
	/* the tenure in which the last task came, by port, initiator and tag (last: untagged) */
	uint32_t came[WIRE_IDS][WIRE_IDS][257];
	bool sends, traces;   /* what is written down */
	bool open[BUS_CONNS]; /* by slot */
	bool more;
	uint64_t frames; /* that were sent */
	char text[RIG_TEXT];
	size_t n;
	/* since rig_forget(), the first ones; what their spans point to is gone */
	struct wire_tenure report[RIG_REPORTS];
	struct bus_trace phase[RIG_PHASES];
	unsigned n_reports, n_phases;
	struct wire_stats stats; /* the last answer */
	struct wire_show show;
	uint32_t last_data_len; /* of the last BURST or TENURE */
	uint8_t last_data[16];
};

/* Items of a script or program under construction. */
struct items {
	uint8_t buf[WIRE_HEAD_MAX];
	struct wr w;
};

struct rig *rig_new(const struct bus_config *cfg); /* NULL: default */
void rig_free(struct rig *r);

/* A new connection's handle. */
uint32_t rig_open(struct rig *r);
bool rig_closed(const struct rig *r, uint32_t handle);
void rig_frame(struct rig *r, uint32_t handle, const struct wire_frame *f);
void rig_bad(struct rig *r, uint32_t handle, const char *why);
void rig_close(struct rig *r, uint32_t handle);
/* One GO; then those that follow because there is more. */
void rig_go_once(struct rig *r);
void rig_go(struct rig *r);
void rig_shutdown(struct rig *r);
/* Time passes; deadlines that come are told. */
void rig_wait(struct rig *r, ns_t ns);

void rig_attach(struct rig *r, uint8_t id, uint8_t role, const char *name);
void rig_attach_frame(struct rig *r, uint32_t handle, uint8_t id, uint8_t role, const char *name);
void rig_arm(struct rig *r, uint8_t id, uint8_t mode);
void rig_member(struct rig *r, uint8_t id, uint16_t group, uint8_t device);
/* A target that is (group, device), armed so. */
void rig_target(struct rig *r, uint8_t id, uint8_t mode, uint16_t group, uint8_t device);
/* The targets 2, 4, 5, ... with devices 0, 1, 2, ... of group 1, and initiator 7. */
void rig_group(struct rig *r, unsigned n, uint8_t mode);
void rig_gone(struct rig *r, uint8_t id);

void rig_script(struct rig *r, uint8_t id, uint32_t script, const struct items *items,
                struct block *data);
void rig_cancel(struct rig *r, uint8_t id, uint32_t script);
/* Answers the last burst that wanted a program. */
void rig_continue(struct rig *r, uint8_t id, const struct items *items, struct block *data);
void rig_reselect(struct rig *r, uint8_t id, uint8_t initiator, uint32_t program,
                  const struct items *items, struct block *data);

/* ---- agreements: initiator 7 ---- */

/* PPR with this target, whose process answers so, and then goes free, or does the command. */
void rig_negotiate(struct rig *r, uint8_t target, struct xfer offer, struct xfer answer, bool free);
/* Fast-160, offset 127, wide, with these options. */
struct xfer rig_xfer(uint8_t options);
/* Targets 2 and 4 as a group, armed so, timing profile spi4, one tenure a step; rig_xfer(options)
 * is agreed on with both. */
struct rig *rig_units(uint8_t mode, uint8_t options);
/* A command of 6 bytes, byte 4 and the room for data in are `room`; its script's id is the tag. */
void rig_command(struct rig *r, uint8_t target, uint8_t tag, uint8_t opcode, uint32_t room);

/* Compares what was written down with `want`, and forgets it. */
void rig_expect_at(struct rig *r, const char *want, const char *file, int line);
#define rig_expect(r, want) rig_expect_at(r, want, __FILE__, __LINE__)
void rig_forget(struct rig *r);

/* ---- items ---- */
void it_begin(struct items *i);
void it_select(struct items *i, uint8_t target);
void it_identify(struct items *i, uint8_t tag); /* IDENTIFY, SIMPLE */
/* Begins a program that reconnects with IDENTIFY and the tag; ends one with the status. */
void it_reconnect(struct items *i, uint8_t tag);
void it_complete(struct items *i, uint8_t status);
void it_message(struct items *i, uint8_t kind, const void *p, size_t n);
void it_leader(struct items *i, bool first, uint8_t tag, uint8_t device, uint32_t op, bool last);
void it_name(struct items *i, uint8_t device, uint32_t op, bool last);
void it_release(struct items *i, uint8_t device, uint32_t op);
void it_write16(struct items *i, lba_t lba, uint32_t blocks);
void it_cdb6(struct items *i, uint8_t opcode, uint8_t byte4);
void it_data(struct items *i, uint8_t kind, uint32_t off, uint32_t len, uint32_t crc);
void it_plain(struct items *i, uint8_t kind, uint8_t arg);
/* A reconnection with STATUS and COMMAND COMPLETE; op != 0: with MIRROR STATUS. */
void it_status(struct items *i, uint8_t tag, uint8_t status, uint32_t op, uint8_t device);
/* A whole pass of one operation: leader `target`, devices 0..n-1, len bytes of data. */
void it_pass(struct items *i, uint8_t target, unsigned n, uint8_t tag, uint32_t op,
             const struct block *data);

/* It may be chained below this bus time: of a script that has begun. */
void it_chain(struct items *i, uint32_t limit_ns);

/* The same as a broadcast pass to the devices of a bitmap, in one tenure of as many. */
void it_broadcast(struct items *i, uint8_t target, uint32_t devices, uint8_t tag, uint32_t op,
                  const struct block *data);
/* TARGET LEADER IDENTIFICATION, BUS RELEASE (any function) with BROADCAST. */
void it_broadcast_message(struct items *i, const struct scsi_msg_mirror *m, uint8_t tag);

/* A block of len bytes that count. */
struct block *rig_block(uint32_t len);

#endif
