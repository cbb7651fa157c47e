/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulator: a bus server, disks and an initiator, whose cores are the real ones, in one
 * process with simulated network, disks, files and time. All that happens follows from a seed.
 *
 *   sim.c       the queue of what is to happen, time, random streams, failures
 *   net.c       connections: the codecs of the shells over a network that delays, splits, cuts
 *   store.c     a disk's medium: what is cached, what is durable, how it fails
 *   node_*.c    the shells: bus server, disk, initiator and its files
 *   model.c     what each block may be read as
 *   owners.c    two initiators on one group, in some seeds
 *   work.c      what is asked of the initiators; faults.c  what is done to all; end.c  the last
 * look
 *
 * Random numbers come from a stream for each concern, so that one that is drawn less often or not
 * at all leaves the others as they are.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "base/prng.h"
#include "bus/bus.h"
#include "initiator/initiator.h"
#include "sim/model.h"
#include "sim/net.h"
#include "sim/store.h"
#include "target/target.h"

#define SIM_DISKS    6 /* at most; SCSI ID: below that, at first the index */
#define SIM_HOSTS    2 /* at most */
#define SIM_HOST     7 /* SCSI ID of the first initiator, the other one's is the one before */
#define SIM_NODES    8
#define SIM_BLOCK    512
#define SIM_BLOCKS   128 /* of a disk, at most */
#define SIM_OPS      24  /* commands of clients at once */
#define SIM_TASKS    8
#define SIM_FILES    4
#define SIM_JOBS     16 /* of an initiator, that are not over */
#define SIM_FILE_OPS 512
#define SIM_GROUP    "g"

enum mark {
#define MARK(sym, name, seeds, per, rate) MARK_##sym,
#include "sim/marks.def"
#undef MARK
	MARKS
};

struct mark_row {
	const char *name;
	unsigned seeds; /* of a thousand */
	char per;       /* 'o', 't', '-': no fault */
	unsigned rate;
};
extern const struct mark_row sim_marks[MARKS];

/* What is wrong with the cores or the shells, on purpose (mutants.def); 0: nothing. */
extern unsigned sim_mutant;

enum sim_event_kind {
	SIM_DELIVER, /* link, direction */
	SIM_CLOSED,  /* link, end */
	SIM_GO,
	SIM_STORE,   /* disk, operation */
	SIM_DISK_UP, /* disk */
	SIM_BUS_UP,
	SIM_HOST_UP, /* this and what else is an initiator's: which one (sim_host_at()) */
	SIM_HOST_RUN,
	SIM_FILE, /* an operation of the initiator's files */
	SIM_SAVE,
	SIM_WORK,
	SIM_FAULT,
	SIM_AGAIN, /* the initiator is killed once more */
	SIM_HIT,   /* it is importing a group */
	SIM_UNIT,  /* disk, and what a while of it is over (enum unit_state) */
};

struct sim_event {
	ns_t at;
	uint64_t seq;
	enum sim_event_kind kind;
	uint32_t what, life; /* of which life of it; another one: it is void */
};

#define SIM_QUEUE 1024

/* What others do to a logical unit, for a while. */
enum unit_state { UNIT_PROTECTED, UNIT_STOPPED, UNIT_RESERVED, UNIT_CLAIMS, UNIT_STATES };

enum disk_link { DISK_OFF, DISK_WAITING, DISK_ASKED, DISK_UP };

struct sim_disk {
	struct tgt *t; /* NULL: not running */
	uint32_t life;
	uint8_t id; /* SCSI ID of its next attach */
	struct store_sim store;
	bool cut[SIM_BLOCKS]; /* a power cut took it, and another one has it */
	uint32_t epoch;       /* of its attach, */
	uint32_t bus_life;    /* to this server, which gives epochs of its own */
	uint32_t seen_life;   /* of which the initiator knows that it was started */
	bool doubtful;        /* it was started again, and has not left the group for that yet */
	bool was_started;     /* its page said so, for who takes the group over */
	enum disk_link link;
	struct net_link *conn;
	ns_t retry_at, pause, asked_until, ping_at, heartbeat_ns;
	ns_t frozen_until; /* stopped */
	ns_t deadline;     /* the core's, after its last step */
	bool unarmed, dying;
	unsigned units; /* what others do to its unit: a bit for each enum unit_state */
	ns_t due;
	bool changed; /* `due` is to be found out anew */
};

struct sim_bus {
	struct bus *b; /* NULL: not running */
	uint32_t life;
	uint64_t boot;
	bool go_due;
	ns_t deadline;
	ns_t frozen_until, stop_from; /* stopped; may be again */
	/* By SCSI ID: the operation that it was told of last, and of which it was given data last.
	 */
	uint32_t told_op[WIRE_IDS], data_op[WIRE_IDS];
	uint32_t token_key, token; /* that a participant was given last */
};

enum host_link { HOST_DOWN, HOST_ATTACHING, HOST_ATTACHED };

struct host_file_op { /* of an image, or of a copy */
	bool used;
	uint64_t op;
	enum ini_action_kind kind;
	int file;
	uint64_t offset;
	uint32_t len;
};

struct host_state { /* the state file */
	bool there;
	uint32_t next_job;
	unsigned n;
	struct ini_group g;
};

struct host_job { /* of struct ini_job: what comes before its targets, and of these */
	char head[offsetof(struct ini_job, t)];
	struct {
		uint8_t uuid[UUID_LEN];
		uint64_t repaired;
	} t[SIM_DISKS];
};

struct host_jobs { /* the journal of jobs */
	unsigned n;
	struct host_job j[SIM_JOBS];
};

#define SIM_INTENT_MAX (64 * KIB)

struct host_intent { /* the write-intent log */
	size_t len;  /* 0: none */
	uint8_t bytes[SIM_INTENT_MAX];
};

struct sim_host {
	unsigned index;
	uint8_t id; /* SCSI ID */
	uint8_t uuid[UUID_LEN];
	struct hba *h; /* NULL: not running */
	struct ini *ini;
	uint32_t life;
	bool has_forgotten; /* its state was lost, once or more */
	enum host_link link;
	struct net_link *conn;
	ns_t retry_at, retry_delay, attach_until, ping_at, heartbeat_ns, heard_at;
	ns_t frozen_until, stop_from;
	bool run_due;
	struct host_state disk, saving; /* what is durable; what is being written */
	bool is_saving, save_again, save_fails, log_fails, jobs_fail;
	uint64_t save_seq, save_again_seq;
	struct host_jobs jobs, jobs_saving; /* likewise */
	bool jobs_are_saving, jobs_again;
	uint64_t jobs_sum;
	struct host_intent log, log_saving;
	bool log_is_saving;
	uint64_t log_op;
	bool may_have_none; /* that no member is in sync is what clients, or a loss, have brought
	                       about */
	bool knows_marks; /* there is a log: what of each block is marked in it, as it is durable */
	bool dirty[SIM_BLOCKS];
	struct host_file_op op[SIM_FILE_OPS];
	uint32_t epoch;         /* of its attach, */
	uint32_t bus_life;      /* as a disk's */
	uint64_t bus_boot;      /* likewise, as it was told */
	struct hba_stats stats; /* when they were looked at last */
	ns_t due;
	bool changed;              /* as a disk's */
	bool importing;            /* and has not got the group yet; */
	bool claims;               /* its members are being told */
	uint64_t imported_at;      /* by the model's clock, that it has got it last */
	ns_t ask_at;               /* it is asked to delete or import then, at the earliest */
	bool had_lost;             /* it has deleted the group after it had lost it */
	bool log_is_new, log_void; /* its log in work is of after the last import; none is saved */
	bool fenced; /* the owner has begun to let go of what its import marked: nothing lands
	                any more that this one has sent */
};

enum client_kind {
	CLIENT_NONE,
	CLIENT_CREATE,
	CLIENT_WRITE,
	CLIENT_READ,
	CLIENT_FLUSH,
	CLIENT_SET,
	CLIENT_IMPORT,
	CLIENT_DELETE
};

struct client_op {
	enum client_kind kind;
	struct sim_host *host; /* who is asked */
	uint64_t token;
	lba_t lba;
	uint32_t blocks;
	uint64_t began;
	struct block *block;
	uint32_t write;        /* the model's */
	struct sim_host *from; /* of an import: whose the group was */
	bool force;
};

struct client_file { /* a job's image or copy */
	bool used;
	struct sim_host *host;
	enum ini_job_type type;
	uint32_t job;
	uint64_t value, began;
	uint32_t write; /* the model's */
	uint32_t other; /* likewise: the image is another one since, 0: it is not */
	lba_t blocks;
	uint64_t hash[SIM_BLOCKS]; /* of a copy */
	bool has[SIM_BLOCKS];
};

struct client_task {
	struct hba_task t;
	struct sim *s;
	struct sim_host *host;
	bool used;
	bool by_abort;
	uint32_t got;
};

struct sim {
	uint64_t seed;
	struct prng net, disk, sched, work, fault, two, journal, files, image, token;
	struct prng inner; /* of the fault that strikes: what it draws moves nothing else */
	ns_t now;
	uint64_t seq, steps, digest;
	unsigned check_every; /* steps */
	uint64_t events;      /* steps before the faults stop */
	bool trace, quiet;
	bool faults_off;
	uint64_t n_struck, struck_max; /* faults that were injected; the most of them */
	bool without[MARKS];
	uint32_t rate[MARKS]; /* of this seed */
	uint64_t *marks;

	struct sim_event queue[SIM_QUEUE];
	unsigned n_queue;
	struct net n;
	struct sim_bus bus;
	struct sim_disk d[SIM_DISKS];
	struct sim_host host[SIM_HOSTS];
	unsigned n_hosts;
	struct sim_host *owner;  /* who has imported the group last, or made it */
	bool taken;              /* and that was answered for */
	bool forced;             /* an import by force has begun, ever */
	bool torn;               /* imported in part, by force: the other one may serve the rest */
	struct sim_host *ending; /* the owner, on its way out; NULL: it is not */
	uint32_t ending_life;
	unsigned refused;       /* imports, since the faults have stopped */
	unsigned hit;           /* the disk that died while the group was imported, last */
	struct sim_host *ghost; /* who had it, and came back */
	ns_t ghost_until;       /* and is asked for more than it would be else */
	ns_t take_until;        /* until then the other one tries to import */
	ns_t force_until;       /* likewise, by force */
	uint64_t swap_every;    /* ticks of the work between two tries for no reason */
	struct model model;
	unsigned cuts; /* blocks of disks that a power cut took, and others have */
	const struct sim_host *cuts_owner; /* the one that was looked at last */

	/* this seed's world */
	struct xfer xfer; /* what disks and initiator agree on: with information units or not */
	unsigned n_disks;
	lba_t blocks;
	ns_t net_delay, store_delay, slow_most, work_every, fault_every;
	bool bus_trace, lowest_tags;
	unsigned queue_depth;
	struct bus_config bus_cfg;
	struct hba_config hba_cfg;
	struct ini_config ini_cfg;

	/* clients */
	struct client_op op[SIM_OPS];
	struct client_file file[SIM_FILES];
	struct client_task task[SIM_TASKS];
	uint64_t next_value, next_token;
	bool created;
};

/* ---- sim.c ---- */

struct sim_options {
	uint64_t events;
	unsigned check_every; /* steps between two looks at all invariants */
	bool trace;
	bool two; /* each seed has two initiators */
	uint64_t struck_max;
	bool without[MARKS];
};

/* What runs a seed again, from the build directory. */
#define SIM_PROGRAM "tests/sim/sim"

/* Runs a seed; fails by sim_fail(). Returns the digest of all that happened. */
uint64_t sim_run(uint64_t seed, const struct sim_options *o, uint64_t *marks, uint64_t *steps);

/* For a process that runs many seeds: cores that are freed leave their memory to the next ones. */
void sim_keep_memory(void);

_Noreturn void sim_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_say(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define SAY(s, ...)                                                                                \
	do {                                                                                       \
		if ((s)->trace)                                                                    \
			sim_say((s), __VA_ARGS__);                                                 \
	} while (0)

void sim_mark(struct sim *s, enum mark m);
/* A fault of this class strikes this operation: marked. */
bool sim_strikes(struct sim *s, enum mark m);
/* What happens is in the digest. */
void sim_note(struct sim *s, uint64_t what);
void sim_at(struct sim *s, ns_t at, enum sim_event_kind kind, uint32_t what, uint32_t life);
/* For an initiator, in this life of it. */
void sim_host_at(struct sim *s, const struct sim_host *h, ns_t at, enum sim_event_kind kind,
                 uint32_t what);
/* All disks are on the bus, and the initiator knows them. */
bool sim_all_ready(const struct sim *s, const struct sim_host *h);
/* One step of a core was made: true when its invariants are to be looked at. */
bool sim_stepped(struct sim *s);
/* Invariants are looked at everywhere: no step is counted. */
static inline bool sim_looks(const struct sim *s)
{
	return s->check_every == 1;
}
/* Until cond says so; false: it did not within so much time. */
bool sim_until(struct sim *s, ns_t limit, bool (*cond)(struct sim *s));
/* Around `mean`, from a stream. */
ns_t sim_about(struct prng *g, ns_t mean);
static inline bool sim_chance(struct prng *g, uint64_t one_in)
{
	return prng_below(g, one_in) == 0;
}

/* ---- node_bus.c ---- */

void bus_node_start(struct sim *s);
void bus_node_kill(struct sim *s);
void bus_node_frame(struct sim *s, struct net_link *l, const struct wire_frame *f);
void bus_node_bad(struct sim *s, struct net_link *l, const char *why);
void bus_node_closed(struct sim *s, struct net_link *l);
void bus_node_open(struct sim *s, struct net_link *l);
void bus_node_go_soon(struct sim *s);
void bus_node_go(struct sim *s);
void bus_node_deadline(struct sim *s);
/* NS_NEVER: it does not run. */
ns_t bus_node_due(const struct sim *s);

/* ---- node_disk.c ---- */

void disk_node_start(struct sim *s, unsigned i);
/* power: what its kernel had cached goes, too. */
void disk_node_kill(struct sim *s, unsigned i, bool power);
void disk_node_free(struct sim *s, unsigned i);
void disk_node_frame(struct sim *s, unsigned i, const struct wire_frame *f);
void disk_node_closed(struct sim *s, unsigned i);
void disk_node_stored(struct sim *s, unsigned i, uint32_t op);
ns_t disk_node_due(struct sim *s, unsigned i);
/* Others do this to its unit, or have done with it. */
void disk_node_unit(struct sim *s, unsigned i, enum unit_state state, bool on);
/* It says that it has the part of another one in the group, too; false: it is in none. */
bool disk_node_claim(struct sim *s, unsigned i, unsigned other);
void disk_node_deadline(struct sim *s, unsigned i);
/* The number of its start, as it tells it. */
static inline uint32_t disk_boot(const struct sim_disk *d)
{
	return 1 + d->life;
}
/* Since its page 30h was written. */
bool disk_node_started(const struct sim *s, unsigned i);
/* NULL: it does not run. */
const struct mode_mirror *disk_node_page(const struct sim *s, unsigned i);
/* A fault of its core's own (target/fault.h). */
void disk_node_fault(struct sim *s, unsigned i, const char *spec);
/* None of them any more; one that is not attached hears of it when it is. */
void disk_node_forgive(struct sim *s, unsigned i);

/* ---- cuts.c ---- */

/* A power cut has taken what this block was. */
void cuts_note(struct sim *s, unsigned disk, lba_t lba);
/* While there are such blocks, after each step: are they back, and do others still have them? */
void cuts_look(struct sim *s);
/* This is about to be written there: it is what others need that were cut, and others may have it.
 */
void cuts_written(struct sim *s, unsigned disk, lba_t lba, const uint8_t *p);
/* The initiator is about to be killed. */
void cuts_host_dies(struct sim *s, const struct sim_host *h);
/* The initiator loses its state: nobody knows who has what. */
void cuts_forgive(struct sim *s);
/* After a run of the initiator: who it knows to have been started. */
void cuts_seen(struct sim *s, const struct sim_host *h);

/* ---- node_host.c ---- */

void host_node_start(struct sim *s, struct sim_host *h);
void host_node_kill(struct sim *s, struct sim_host *h);
/* The initiator that a connection is of; NULL: it is a disk's. */
struct sim_host *host_of(struct sim *s, unsigned device);
void host_node_frame(struct sim *s, struct sim_host *h, const struct wire_frame *f);
void host_node_batch(struct sim *s, struct sim_host *h);
void host_node_closed(struct sim *s, struct sim_host *h);
void host_node_wake(struct sim *s, struct sim_host *h);
void host_node_run(struct sim *s, struct sim_host *h);
ns_t host_node_due(struct sim *s, struct sim_host *h);
/* It is running, and not stopped. */
static inline bool host_runs(const struct sim *s, const struct sim_host *h)
{
	return h->ini && h->frozen_until <= s->now;
}
/* NULL: it has none. */
const struct ini_group *host_group(const struct sim_host *h);
/* It has heard of this member's disk as it is attached now, by this life of it and to this server:
 * of one that lost its power a moment ago, or that is only on its way, it has not. */
bool host_sees(const struct sim *s, const struct sim_host *h, const struct ini_member *m);
/* How many members are in sync. */
unsigned host_in_sync(const struct ini_group *g);

/* ---- node_files.c ---- */

void host_files_start(struct sim *s, struct sim_host *h);
/* The process ends: what it was saving is there, or what was before. */
void host_files_killed(struct sim *s, struct sim_host *h);
/* It is down, and its files are gone. */
void host_files_forget(struct sim_host *h);
/* INI_ACT_FILE_*, _SAVE, _INTENT: SIM_FILE or SIM_SAVE (the state: 0, the log: 1) comes when it is
 * done. */
void host_files_do(struct sim *s, struct sim_host *h, const struct ini_action *a);
void host_files_filed(struct sim *s, struct sim_host *h, uint32_t op);
void host_files_saved(struct sim *s, struct sim_host *h, bool log);
/* A block of a disk gets what an initiator wrote. */
void host_files_written(struct sim *s, unsigned disk, lba_t lba);

/* ---- node_jobs.c ---- */

/* A job has changed: what a restart goes on with is saved, if it has; then SIM_SAVE comes, with 2.
 */
void host_jobs_changed(struct sim *s, struct sim_host *h);
void host_jobs_saved(struct sim *s, struct sim_host *h);
/* A while after they could not be saved: SIM_SAVE with 3. */
void host_jobs_again(struct sim *s, struct sim_host *h);
void host_jobs_killed(struct sim *s, struct sim_host *h);
void host_jobs_restore(struct sim *s, struct sim_host *h);

/* ---- owners.c ---- */

/* Whose the group is, as far as it has come: of those that have it and know of no later one, the
 * latest. */
struct sim_host *host_owner(struct sim *s);
/* A page says that another one has taken the group over since: it does not know yet, or not any
 * more. */
bool host_is_behind(const struct sim *s, const struct sim_host *h);
/* It knows that the group is another one's. */
bool host_has_lost(const struct sim_host *h);
/* Whom a client asks. */
struct sim_host *owners_pick(struct sim *s);
/* With two initiators, before each command of a client. */
void owners_next(struct sim *s);
/* What is done to the owner, so that the other one takes its group over; false: not now. */
bool owners_strike(struct sim *s, enum mark m);
/* Nobody ends any more, and nobody takes over. */
void owners_rest(struct sim *s);
/* One has the group, and the other one knows. */
bool owners_agree(struct sim *s);
/* Who has lost it refuses what is asked. */
/* Both ask all members whose the group is. */
void owners_ask(struct sim *s);
void owners_look_at_end(struct sim *s);
/* The owner is killed, the other one takes over, and the first one is back; false: not in this
 * seed. */
bool owners_change_at_end(struct sim *s);
/* After a run of its cores: an import may have begun to change something. */
void owners_look(struct sim *s, struct sim_host *h);
/* An import by force begins. */
void owners_force(struct sim *s);
/* An import has been answered for; one that has lost the group has deleted it. */
void owners_imported(struct sim *s, const struct client_op *o, const struct ini_error *e);
void owners_deleted(struct sim *s, struct sim_host *h);

/* ---- seen.c ---- */

/* The bus server sends this: marks what it tells of faults and of what came of them. */
void seen_frame(struct sim *s, const struct wire_frame *f);
/* The same of an initiator's adapter, after a run of it. */
void seen_host(struct sim *s, struct sim_host *h);

/* ---- work.c ---- */

void work_next(struct sim *s);
void work_read(struct sim *s, struct sim_host *h);
/* Some writes at once. */
void work_burst(struct sim *s, struct sim_host *h, unsigned n);
void work_reply(struct sim *s, struct sim_host *h, const struct ini_action *a);
void work_image_read(struct sim *s, int file, uint64_t offset, struct block *b);
void work_copy_written(struct sim *s, int file, uint64_t offset, const uint8_t *p, uint32_t len);
/* The image of a mirror job that runs is another one from now on; false: there is none. */
bool work_image_changes(struct sim *s);
void work_file_closed(struct sim *s, int file);
/* group.import when all members are there: one that knows more may be away else; group.delete. */
void work_import(struct sim *s, struct sim_host *h, bool force);
void work_delete(struct sim *s, struct sim_host *h);
/* What nobody has answered, when a seed ends before its end. */
void work_free(struct sim *s);
/* The initiator is gone, and who asked it gets no answer. */
void work_host_gone(struct sim *s, struct sim_host *h);
/* It was started again: of its jobs clients know what there is now. */
void work_host_back(struct sim *s, struct sim_host *h);
bool work_idle(struct sim *s);
bool work_create_group(struct sim *s, struct sim_host *h);
/* Starts a job that takes no file, or an image of one value; 0: refused. */
uint32_t work_job(struct sim *s, struct sim_host *h, enum ini_job_type type);
/* Whether a mirror job of this one overwrites the group. */
bool work_mirrors(const struct sim *s, const struct sim_host *h);

/* ---- faults.c ---- */

void faults_next(struct sim *s);
/* What others did to a disk's unit is over: SIM_UNIT. */
void faults_unit_over(struct sim *s, unsigned i, enum unit_state state);
/* A participant has been given the token: it may be stopped until about when that is taken back. */
void faults_token(struct sim *s, unsigned i);
/* The initiator is killed once more, so soon after it came back. */
void faults_again(struct sim *s, struct sim_host *h);
/* It is importing the group, and a member, or it itself, dies. again: who had it is back. */
void faults_hit(struct sim *s, struct sim_host *h, bool again);
/* The last of them, where the seed has it: everything at rest, a few writes, and in their midst
 * initiator, disks or all are gone. */
void faults_last(struct sim *s);
/* They stop: all that was taken away is there again. */
void faults_stop(struct sim *s);

/* ---- end.c ---- */

/* All is to come to rest, and to be as the model says. */
void sim_end(struct sim *s);

#endif
