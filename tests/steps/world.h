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
#include "unit/checks.h"

#include <stddef.h>

#define DISKS   3
#define HOST    DISKS /* its link */
#define LINKS   (DISKS + 1)
#define BUS     LINKS /* who has all of the links */
#define NODES   (LINKS + 1)
#define HOST_ID 7
#define BLOCK   512
#define BLOCKS  64
#define OPS     64

/* As unit/must.h: Check needs memory to tell of it. */
#define must(cond, ...)                                                                            \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			memory_fail(0);                                                            \
			ck_abort_msg(__VA_ARGS__);                                                 \
		}                                                                                  \
	} while (0)

enum fault_what {
	CUT,
	KILL,
	KILL_KEPT, /* the service manager keeps the image open */
	STOP,      /* for longer than a heartbeat may be missing (STOP_NS) */
	MOMENT,    /* for longer than a phase may take, and no longer; for good: again and again */
	WRITE_ERROR,
	READ_ERROR,
	NO_SPACE,
	FLUSH_DEAD,
	META_ERROR,
	STATE_ERROR,
	LOG_ERROR,
	IMAGE_ERROR,
	NO_MEMORY,
	NO_START,
};

struct fault { /* one class */
	enum fault_what what;
	unsigned who; /* a disk, HOST, BUS */
	const char *name;
};
enum {
#define FAULT(what, who, name) +1
	FAULTS = 0
#include "steps/faults.def"
#undef FAULT
};
extern const struct fault faults[FAULTS];

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
	ns_t heartbeat_ns, ping_at, heard_at; /* the device's; 0: it is not attached */
};

struct disk {
	struct tgt *t; /* NULL: it does not run */
	bool attached, dead;
	uint8_t media[BLOCKS * BLOCK];
	bool bad[BLOCKS]; /* the medium does not give it, until it is written anew */
	uint8_t saved[TGT_SAVED_MAX];
	size_t n_saved;
	struct tgt_event done[OPS]; /* of the store: to be told */
	unsigned n_done;
	ns_t start_at;
};

/* The journal of jobs, as the daemon's jobs.json. */
#define SAVED_JOBS 32
struct saved_jobs {
	unsigned n;
	struct saved_job {
		_Alignas(struct ini_job) uint8_t head[offsetof(struct ini_job, t)];
		struct {
			_Alignas(uint64_t) uint8_t head[offsetof(struct ini_job_target, runs)];
		} t[DISKS]; /* without their runs, which are large */
	} job[SAVED_JOBS];
};

enum work_kind { WORK_SAVE, WORK_INTENT, WORK_FILE_READ, WORK_JOBS };

struct host {
	struct hba *h; /* NULL: it does not run */
	struct ini *ini;
	bool attached, due;
	unsigned lives; /* that it has begun */
	ns_t start_at;
	uint32_t epoch; /* of its last attach, */
	uint64_t boot;  /* and of the bus server then; of this life */
	/* what is durable */
	bool has_state;
	unsigned n_groups;
	struct ini_group group;
	uint32_t next_job;
	uint8_t log[INTENT_SAVED_MAX];
	size_t n_log; /* 0: none */
	struct saved_jobs jobs;
	bool file_open;  /* of the job that has one */
	bool keeps_file; /* it is kept by the service manager, for the next life */
	/* completions to come */
	struct work {
		enum work_kind kind;
		uint64_t op, offset;
		uint32_t len;
		unsigned n_groups;
		struct ini_group group; /* SAVE */
		uint32_t next_job;
		uint8_t *bytes; /* INTENT */
	} work[OPS];
	unsigned n_work;
	struct saved_jobs jobs_saving; /* JOBS */
	bool jobs_are_saving;
	uint64_t jobs_sum;
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
	const struct fault *fault; /* NULL: none yet */
	bool good;                 /* for good */
	bool armed, struck;
	ns_t stopped_until[NODES]; /* 0: it is not; NS_NEVER: for good */
	ns_t stop_again;           /* MOMENT, for good; 0: not yet */
};

void world_new(struct world *w);
void world_free(struct world *w);
/* One thing happens; false: nothing can without time. */
bool world_step(struct world *w);
/* Until cond holds; false: it did not within `limit`. */
bool world_until(struct world *w, ns_t limit, bool (*cond)(const struct world *w));
void world_kill_disk(struct world *w, unsigned i);
bool world_stopped(const struct world *w, unsigned who);
/* A fault of this class; good: for good. */
void world_strike(struct world *w, unsigned f, bool good);
/* There are no faults any more; what is dead or stopped goes on, and the disk that it was at, or
 * disk1, is started anew. */
void world_repair(struct world *w);
/* The journal has a job with this number. */
bool world_kept(const struct world *w, uint32_t job);
/* Clients are told of jobs: all that there is to say is in the journal. */
bool world_tells(const struct world *w);
/* Memory of cores and shells that is in use (tests/steps/memory.c). */
long memory_live(void);
/* The allocation of so many from here on fails (1: the next); 0: none does, UINT_MAX: all do. */
void memory_fail(unsigned at);
bool memory_struck(void);
/* For the test's own data: these never fail. */
struct block *memory_block(size_t n);
void *memory_own(size_t n);

#endif
