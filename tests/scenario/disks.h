/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bus core and target cores in one process, with an initiator that is a test: it hands over
 * scripts and reads reports. Frames go between them as encoded bytes; nothing waits.
 */
#ifndef TESTS_SCENARIO_DISKS_H
#define TESTS_SCENARIO_DISKS_H

#include "bus/bus.h"
#include "target/target.h"

#define DISKS_TARGETS 4
#define DISKS_BLOCKS  64
#define DISKS_TEXT    16384
#define DISKS_INI     7 /* SCSI ID of the initiator */

struct disks;

struct disks_target {
	struct disks *rig;
	struct tgt *t;
	uint32_t handle; /* 0: not connected */
	uint8_t media[DISKS_BLOCKS * 512];
	uint8_t tuples[DISKS_BLOCKS * PROTECT_LEN]; /* protection information */
	struct tgt_event done[16];
	unsigned n_done;
};

struct disks_frame {
	struct disks_frame *next;
	uint32_t handle;
	bool to_bus;
	uint8_t *head; /* header and head, encoded */
	size_t n;
	struct block *data;
};

struct disks {
	struct bus *bus;
	ns_t now;
	struct disks_target target[DISKS_TARGETS]; /* SCSI ID: its index */
	uint32_t ini;                              /* handle */
	uint32_t generation;
	struct disks_frame *first, **last;
	char trace[DISKS_TEXT];   /* since disks_clear(): "TENURE PHASE driver/bsy; ..." */
	char reports[DISKS_TEXT]; /* of the initiator */
	char errors[DISKS_TEXT];  /* what the server refused */
};

/* Targets 0.. of a group 1, devices 1.. (device = ID + 1); all attached, no UNIT ATTENTION pending.
 */
struct disks *disks_new(bool unarmed);
/* The same; the targets are formatted with these types of protection, 0: can have none. */
struct disks *disks_new_protected(bool unarmed, const uint8_t types[DISKS_TARGETS]);
void disks_free(struct disks *r);
void disks_clear(struct disks *r);

/* The end of a target's connection, as when its process dies; and its return. */
void disks_kill(struct disks *r, unsigned target);
void disks_attach(struct disks *r, unsigned target);
void disks_fault(struct disks *r, unsigned target, const char *spec);
/* Lets the machine's time pass to the bus's next deadline. */
void disks_wait(struct disks *r);

/* One operation of a pass: WRITE(16) of `blocks` blocks at lba, all bytes `fill`, to the devices.
 * With protect (WRPROTECT) each brings the protection information of type 1; guard: what its guards
 * are off by. */
struct disks_op {
	uint32_t op;
	uint8_t tag;
	lba_t lba;
	uint32_t blocks;
	uint8_t fill;
	unsigned n;
	uint8_t device[DISKS_TARGETS];
	uint8_t protect;
	uint16_t guard;
};
/* Hands over a script of these operations, under one tenure, and runs all that follows. */
void disks_pass(struct disks *r, uint32_t script, const struct disks_op *ops, unsigned n);
/* A conventional command. data NULL: none. */
void disks_command(struct disks *r, uint32_t script, uint8_t target, uint8_t tag, struct span cdb,
                   struct block *data, uint32_t in_len);
/* ABORT TASK. */
void disks_abort(struct disks *r, uint32_t script, uint8_t target, uint8_t tag);
bool disks_filled(const struct disks *r, unsigned target, unsigned lba, unsigned blocks,
                  uint8_t with);

#endif
