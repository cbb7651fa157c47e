/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three cores in one process: a host adapter, the bus and some disks with
 * their media in memory, joined by streams of encoded bytes. Time is virtual. All cores are
 * checked after each step.
 */
#ifndef TESTS_SCENARIO_COUPLE_H
#define TESTS_SCENARIO_COUPLE_H

#include "bus/bus.h"
#include "initiator/hba.h"
#include "scsi/msg.h"
#include "target/target.h"

#define COUPLE_DISKS      16
#define COUPLE_BLOCKS     256 /* of a disk, where couple_setup says nothing else */
#define COUPLE_BLOCK_SIZE 512
#define COUPLE_HELD       128
#define COUPLE_PHASES     512
/* Bus time (spi3) that a silent pass spares by being chained: BUS FREE, ARBITRATION, SELECTION, the
 * BUS RELEASE of the pass before it, and the byte of its own IDENTIFY. */
#define COUPLE_SPARED_NS (1200 + 3600 + 580 + (400 + 12 * 160) + 160)

struct couple_phase {
	struct bus_trace t; /* its octets are those below */
	uint8_t octets[SCSI_MSG_MAX];
};

/* Bytes on their way in one direction. */
struct couple_pipe {
	uint8_t *p;
	size_t n, cap;
};

struct couple_link {
	bool up;
	uint32_t handle; /* as the bus core names it */
	struct couple_pipe to_bus, from_bus;
};

struct couple_disk {
	struct couple_link link;
	struct tgt *t;
	uint8_t *media;
	uint8_t *tuples;                    /* protection information */
	struct tgt_event held[COUPLE_HELD]; /* store operations that are done, but not yet told */
	unsigned n_held;
	bool slow; /* they wait for couple_release() */
	bool dead; /* it asked to die */
	bool attached;
	uint8_t saved[TGT_SAVED_MAX]; /* its metadata */
	size_t n_saved;
};

struct couple {
	struct bus *bus;
	struct hba *h;
	struct couple_link link; /* the host adapter's */
	struct couple_disk disk[COUPLE_DISKS];
	struct tgt_config disk_config;
	uint64_t boot;
	ns_t now;
	uint32_t generation;
	ns_t ping_at;                             /* the disks show that they live */
	struct couple_phase trace[COUPLE_PHASES]; /* since couple_forget(), the first ones */
	unsigned n_trace;
	unsigned n_closed; /* connections that the bus server has closed */
	unsigned n_errors; /* REFUSED and ERROR frames to anybody: the last text is kept */
	char why[WIRE_TEXT_MAX + 1];
	struct wire_stats stats; /* of couple_stats() */
	bool has_stats;
};

struct couple_setup {
	unsigned n; /* disks */
	bool unarmed;
	unsigned queue_depth;
	uint64_t blocks;  /* of a disk */
	struct xfer xfer; /* the best agreement that each of them offers */
	ns_t chain_ns;    /* hba_config.tenure_chain_limit_ns */
};

/* A bus with our adapter at ID 7 and n disks from ID 0 on; scanned, members of group 1 with their
 * ID as device id. Passes are chained as smirrord has it. */
struct couple *couple_new(unsigned n, bool unarmed, unsigned queue_depth);
struct couple *couple_with(const struct couple_setup *setup);
void couple_free(struct couple *c);

/* Until nothing moves any more without time. */
void couple_run(struct couple *c);
/* Only so many rounds of it, in each of which everybody has one turn. */
void couple_turns(struct couple *c, unsigned n);
/* Lets time pass, from deadline to deadline. */
void couple_wait(struct couple *c, ns_t ns);

void couple_attach(struct couple *c, uint8_t id);
/* As SIGKILL does; its media stay. */
void couple_kill(struct couple *c, uint8_t id);
/* The bus server dies and another one is there; all attach again. */
void couple_restart_bus(struct couple *c);
void couple_fault(struct couple *c, uint8_t id, const char *spec);
void couple_release(struct couple *c, uint8_t id);
/* Totals of the bus, as it answers when asked; valid until the next call. */
const struct wire_stats *couple_stats(struct couple *c);
/* The trace begins anew. */
void couple_forget(struct couple *c);
/* Phases of this kind in the trace. */
unsigned couple_count(const struct couple *c, enum scsi_phase phase);
/* Writes mode page 30h of a disk; fails the test if that fails. */
void couple_join(struct couple *c, uint8_t id, uint16_t group, uint8_t device);

#endif
