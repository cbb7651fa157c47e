/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus server, three disks and the daemon, in one process: their cores, joined by encoded bytes,
 * and what their shells do around them. One thing happens at a time, always in the same order, so
 * that a run can be had again with a fault before its kth step.
 */
#ifndef TESTS_STEPS_WORLD_H
#define TESTS_STEPS_WORLD_H

#include "bus/bus.h"
#include "initiator/initiator.h"
#include "mirror/intent.h"
#include "target/target.h"
#include "unit/must.h"

#define DISKS   3
#define HOST    DISKS /* its link */
#define LINKS   (DISKS + 1)
#define HOST_ID 7
#define BLOCK   512
#define BLOCKS  64
#define OPS     64

/* FAULT(sym, name, good): one class; `good`: it can be there for good, too. */
enum fault {
#define FAULT(sym, name) FAULT_##sym,
#include "steps/faults.def"
#undef FAULT
	FAULTS
};
extern const char *const fault_names[FAULTS];

struct bytes { /* on their way in one direction */
	uint8_t *p;
	size_t n, room;
};

struct link {
	bool up;       /* as the device sees it */
	bool bus_open; /* as the bus server sees it */
	uint32_t handle;
	struct bytes to_bus, from_bus;
	ns_t dial_at;
};

struct disk {
	struct tgt *t; /* NULL: it does not run */
	bool attached, dead;
	uint8_t media[BLOCKS * BLOCK];
	uint8_t saved[TGT_SAVED_MAX];
	size_t n_saved;
	struct tgt_event done[OPS]; /* of the store: to be told */
	unsigned n_done;
	ns_t start_at;
};

struct host {
	struct hba *h; /* NULL: it does not run */
	struct ini *ini;
	bool attached, due;
	unsigned lives; /* that it has begun */
	ns_t start_at;
	/* what is durable */
	bool has_state;
	unsigned n_groups;
	struct ini_group group;
	uint32_t next_job;
	uint8_t log[INTENT_SAVED_MAX];
	size_t n_log; /* 0: none */
	/* completions to come */
	struct work {
		enum ini_action_kind kind;
		uint64_t op, offset;
		uint32_t len;
		unsigned n_groups;
		struct ini_group group; /* SAVE */
		uint32_t next_job;
		uint8_t *bytes; /* INTENT */
	} work[OPS];
	unsigned n_work;
	/* the command that waits for its reply */
	uint64_t token;
	bool replied;
	struct ini_error error;
};

struct world {
	ns_t now;
	struct bus *bus; /* NULL: it does not run */
	bool bus_due;
	uint64_t boot;
	ns_t bus_at;
	uint32_t generation;
	struct link link[LINKS];
	struct disk disk[DISKS];
	struct host host;
	unsigned turn;
	uint64_t steps;
	uint8_t image;                   /* what files are filled with */
	void (*before)(struct world *w); /* each step; NULL: nothing */
	/* the fault */
	enum fault fault;
	bool good; /* for good */
	bool armed, struck;
};

void world_new(struct world *w);
void world_free(struct world *w);
/* One thing happens; false: nothing can without time. */
bool world_step(struct world *w);
/* Until cond holds; false: it did not within `limit`. */
bool world_until(struct world *w, ns_t limit, bool (*cond)(const struct world *w));
void world_kill_disk(struct world *w, unsigned i);
/* A fault of this class; good: for good. */
void world_strike(struct world *w, enum fault f, bool good);
/* There are no faults any more; what is dead is started, disk1 anew. */
void world_repair(struct world *w);
/* Memory of cores and shells that is in use (tests/steps/memory.c). */
long memory_live(void);
/* The allocation of so many from here on fails (1: the next); 0: none does, UINT_MAX: all do. */
void memory_fail(unsigned at);
/* The same of any allocation, not only of blocks. */
void memory_fail_any(unsigned at);
bool memory_struck(void);
/* For the test's own data: never fails. */
struct block *memory_block(size_t n);

#endif
