/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host adapter with disks behind it, in the test's memory: it has the functions
 * of hba.h that the upper half of the initiator core calls, and is linked in their place.
 * What the test tells a disk to do wrong, it does; what went over the bus is written down.
 */
#ifndef TESTS_SCENARIO_FAKE_HBA_H
#define TESTS_SCENARIO_FAKE_HBA_H

#include "initiator/hba.h"

#define FAKE_FAULTS    8
#define FAKE_BLOCK     512
#define FAKE_TRACE_MAX 20000

enum fake_fault_kind {
	FAULT_NONE,
	FAULT_MEDIUM,    /* 03h/0Ch or 03h/11h with the first LBA of the area that was touched */
	FAULT_CRC,       /* 0Bh/47h */
	FAULT_SENSE,     /* CHECK CONDITION with `key`, `deferred` */
	FAULT_STATUS,    /* `status` */
	FAULT_NO_STATUS, /* PASS_TIMEOUT, HBA_COMMAND_TIMEOUT */
	FAULT_NOT_TAKEN, /* does not take the token */
	FAULT_DEAF,      /* misses a broadcast */
	FAULT_LEADER,    /* as a leader, lets the bus go early */
	FAULT_DIE,       /* its port goes at this command */
};

struct fake_fault {
	enum fake_fault_kind kind;
	lba_t lba; /* MEDIUM */
	uint32_t blocks;
	unsigned times; /* 0: for good */
	unsigned skip;  /* commands that are let through before */
	uint8_t status, key;
	bool unaborted; /* NO_STATUS: nor does it confirm ABORT TASK */
	bool reads;     /* MEDIUM: strikes reads only */
	bool deferred;
};

struct fake_disk {
	uint8_t *store;
	struct fake_fault fault[FAKE_FAULTS];
	bool scanning;      /* for so long as the test says so */
	bool page_fails;    /* MODE SELECT of page 30h is refused */
	bool page_lost;     /* it is done, and the target goes before it says so */
	unsigned page_busy; /* so often it is BUSY first */
	bool untold; /* what a page write has found: told when the adapter runs the next time, */
	bool mute;   /* or once this is over */
	bool unread; /* another initiator has written page 30h: it is read when it is
	                inquired, or to be written */
	struct mode_mirror page;
	unsigned flushes;
	uint64_t written; /* blocks */
};

struct fake_pass { /* one line of what went over the bus */
	enum scsi_op op;
	lba_t lba;
	uint32_t blocks;
	uint16_t ids; /* SCSI IDs that it went to, a bit each */
	uint8_t leader;
	bool silent, broadcast;
	ns_t at;
};

/* What came onto a medium (blocks of a write), is to be flushed (SYNCHRONIZE CACHE with 1 block)
 * and was (with none), or changed in page 30h (MODE SELECT). */
typedef void fake_seen_fn(void *ctx, uint8_t id, enum scsi_op op, lba_t lba, uint32_t blocks);

struct hba {
	fake_seen_fn *seen; /* NULL: nobody asks */
	void *seen_ctx;
	struct hba_target target[WIRE_IDS];
	struct fake_disk disk[WIRE_IDS];
	hba_target_fn on_target;
	void *target_ctx;
	hba_reset_fn on_reset;
	void *reset_ctx;
	ns_t now, latency_ns;
	bool up;
	const char *other; /* another initiator's name, at SCSI ID 6; NULL: there is none */
	uint8_t other_uuid[UUID_LEN];
	uint8_t own_uuid[UUID_LEN];
	ns_t scan_ends;    /* after a reset, or as it was asked for */
	bool held;         /* nothing completes */
	bool broadcasting; /* the command at hand is of a broadcast pass */
	unsigned resets;   /* that were asked for */
	uint32_t epochs;
	unsigned in_flight, in_flight_most;
	struct fake_pass trace[FAKE_TRACE_MAX];
	unsigned n_trace;
	struct fake_op {
		struct hba_pass *pass;
		struct hba_task *task;
		struct hba_set_member *set;
		uint8_t target; /* SET */
		bool lost;      /* its bus went */
		ns_t at;
	} op[512];
	unsigned n_ops;
};

struct hba *fake_new(void);
void fake_free(struct hba *h);
/* Forgets what is in flight: whoever started it is no more. */
void fake_drop(struct hba *h);
/* A disk with this ID and name; its UUID ends in the ID + 1. */
void fake_add(struct hba *h, uint8_t id, const char *name, uint64_t blocks, uint32_t block_size);
void fake_fault(struct hba *h, uint8_t id, struct fake_fault f);
void fake_clear_faults(struct hba *h, uint8_t id);
void fake_gone(struct hba *h, uint8_t id);
void fake_back(struct hba *h, uint8_t id);
/* It was started again: what it had cached may be gone, which is for the test to do. */
void fake_started(struct hba *h, uint8_t id);
void fake_move(struct hba *h, uint8_t from, uint8_t to); /* the disk attaches with another ID */
/* Another initiator with this name comes (NULL: goes). */
void fake_other(struct hba *h, const char *name);
void fake_bus_down(struct hba *h);
void fake_bus_up(struct hba *h);
void fake_reset(struct hba *h);
/* Completes what is due. */
void fake_run(struct hba *h, ns_t now);
ns_t fake_deadline(const struct hba *h);
/* Passes (or commands) of an operation that went to this ID; -1: to any. */
unsigned fake_count(const struct hba *h, enum scsi_op op, int id);

#endif
