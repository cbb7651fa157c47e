/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bus core with the test at all of its ports. Frames to and from it are encoded and decoded
 * on the way, invariants are asserted after each step, and all that happens is written down:
 * the trace as lines "T1 SELECTION 7>2 atn", frames to devices as lines "2< BURST ...".
 */
#ifndef SCENARIO_BUS_RIG_H
#define SCENARIO_BUS_RIG_H

#include "bus/bus.h"
#include "scenario/bus_items.h"
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

struct rig *rig_new(const struct bus_config *cfg); /* NULL: default */
/* One with rig_group(). */
struct rig *rig_disks(unsigned n, uint8_t mode);
void rig_free(struct rig *r);
/* Goes on, after which nobody has the block any more, if any; then both are freed. */
void rig_end(struct rig *r, struct block *data);

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

/* What programs are most often. Answers with one plain item; with DISCONNECT; with the status. */
void rig_plain(struct rig *r, uint8_t id, uint8_t kind, uint8_t arg);
void rig_disconnect(struct rig *r, uint8_t id);
void rig_complete(struct rig *r, uint8_t id, uint8_t status);
/* A reconnection for the status of a task. */
void rig_status(struct rig *r, uint8_t id, uint8_t initiator, uint32_t program, uint8_t tag,
                uint8_t status);

/* Scripts of initiator 7: WRITE(16) of the block, from LBA 0 on; INQUIRY of target 2 with room for
 * so much. */
void rig_write(struct rig *r, uint8_t target, uint32_t script, uint8_t tag, struct block *data);
void rig_inquiry(struct rig *r, uint32_t script, uint8_t tag, uint32_t room);

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

/* A block of len bytes that count. */
struct block *rig_block(uint32_t len);

#endif
