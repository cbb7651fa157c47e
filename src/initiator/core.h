/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the upper half share: its tables, and who calls whom.
 *
 *   cmd.c, group_cmd.c, group_io.c   commands of the control socket
 *   job*.c                           jobs: sweep, catch-up, flush, settle
 *   intents.c                        write-intent logs: marks before writes, flushes, recovery
 *   change.c                         a group's change of generation and in-sync set, made durable
 *   io.c, attempt.c, resend.c        one run of blocks to (or from) members: the engine
 *   heal.c                           a scrub's run: which member is right, and the others rewritten
 *   member.c                         which SCSI ID is which member, and whether it is here
 *   output.c                         actions
 *
 * Everything is allocated in ini_new(). Handles that leave the core (file operations) carry
 * the slot's generation, so a late completion finds nobody.
 */
#ifndef INITIATOR_CORE_H
#define INITIATOR_CORE_H

#include "base/hist.h"
#include "base/prng.h"
#include "initiator/initiator.h"
#include "mirror/intent.h"
#include "mirror/lock.h"
#include "mirror/resend.h"
#include "mirror/runs.h"

#define INI_IOS        512 /* runs of blocks in work at once */
#define INI_IOS_SPARE  64  /* of them kept for commands: jobs leave these alone */
#define INI_CMDS       256
#define INI_VIEWS      1024
#define INI_BUFFERS    32 /* of INI_BLOCK_MAX: what jobs read from members */
#define INI_PARAMS     256
#define INI_LOG_LINES  64
#define INI_GONE_MAX   64
#define INI_MUTE_LIMIT 10 /* attempts in a row without any status: the member is given up */
#define INI_JOB_SLOTS  (INI_JOBS_MAX + INI_HISTORY_MAX)
#define INI_RATE_SLOTS 8
#define STATUS_NONE    0xff

struct io;
struct job;
struct cmd;
struct group;

TAILQ_HEAD(io_list, io);
TAILQ_HEAD(cmd_list, cmd);

/* Why blocks failed on a member. */
struct why {
	uint8_t status; /* STATUS_NONE: none came */
	bool has_sense;
	struct scsi_sense sense;
	const char *what;
	bool away; /* it was not here: they may still be sent when it comes back */
};

/* ---- blocks without allocation ---- */

/* A part of another block. */
struct view {
	struct block b;
	struct block *parent;
	struct ini *ini;
	TAILQ_ENTRY(view) link;
};

struct buffer {
	struct block *b;
	struct ini *ini;
	TAILQ_ENTRY(buffer) link;
};

/* The parameter list of a MODE SELECT. */
struct param {
	struct block b;
	uint8_t bytes[MODE_MIRROR_LEN + 16];
	struct ini *ini;
	TAILQ_ENTRY(param) link;
};

/* ---- groups ---- */

/*
 * Writing mode page 30h of a member. `page` is what is to be there: generation of the group when it
 * is in sync, 0 when it is stale, nothing when it leaves.
 */
struct page_write {
	struct hba_set_member set;
	struct group *g;
	unsigned member;
	bool busy, failed;
	unsigned tries;
	ns_t retry_at;   /* after BUSY; 0: at once */
	ns_t busy_until; /* then BUSY counts as a try; 0: it was not BUSY yet */
	bool was_here;   /* when the change began */
	uint64_t before; /* was_here: the generation that its page had then */
	char why[64];
};

struct member {
	uint8_t last_unit; /* unit that it was last */
	uint32_t epoch;    /* of the attach that it was looked at in */
	ns_t gone_ns;      /* when it went */
	ns_t wait_until;   /* away with the whole bus: it may come back until then */
	unsigned mute;     /* attempts in a row that brought no status */
	bool syncing;      /* a resync job copies to it: writes go to it, too */
	bool loose;        /* a write was not aborted for sure and may still land: until it
	                      attaches anew, nothing more is written to it */
	bool leader_fail;  /* it failed as a leader: another one is preferred while there is one */
	struct page_write page;
};

enum presence { HERE, COMING, GONE, MUTE };

/*
 * A change: IDLE -> PAGES (MODE SELECT on those whose page 30h differs) -> SAVE (state file) ->
 * IDLE. Whoever needs one takes a ticket and waits until change_done has reached it.
 */
enum change_phase { CHANGE_IDLE, CHANGE_PAGES, CHANGE_SAVE };

struct group {
	struct ini_group pub;
	struct ini *ini;
	bool used;
	bool listed;     /* not while it is being created */
	bool dissolving; /* its members' pages are being cleared */
	bool changed;    /* INI_ACT_CHANGED is due */
	struct member x[INI_MEMBERS_MAX];
	uint16_t leaving; /* members whose page is being cleared */
	enum change_phase phase;
	uint64_t change_wanted, change_running, change_done;
	bool bump;               /* the generation grows with the next change */
	uint64_t old_generation; /* before the change in work */
	bool untold;             /* it is to be known to members, and none has its page */
	unsigned pages_open;
	uint64_t save_seq;
	struct ini_error change_error; /* of the change that was done last */
	struct mir_locks locks;
	struct io_list waiting; /* ios that stand in line for their lock */
	struct intent *log;
	struct io_list unmarked;  /* ios whose regions are not durably marked yet */
	ns_t written_ns;          /* when a write ended last */
	ns_t dirty_ns;            /* since when the log has something to let go of; 0: it has not */
	ns_t clean_not_before_ns; /* after a flush that failed */
	bool cleaning;            /* such a flush is in work */
	bool clean_failed;
	bool log_failed; /* the log could not be saved, the last time */
	bool recover; /* writes were in flight at the last end: nothing is let go of before members
	                 are made equal */
	ns_t recover_not_before_ns;
	uint64_t restored_generation; /* as the state file had it */
	unsigned ios;
	struct cmd *command; /* the group command in work */
};

/* ---- one run of blocks ---- */

#define HEAL_SPAN 64 /* blocks that a scrub judges at once */

/*
 * Of a scrub's io: blocks that its members do not have alike, and what becomes of them (heal.c).
 * While it is on, lba, blocks, want, kind and data of the io are those of the part in work.
 */
struct heal {
	bool on;
	uint64_t suspect[INI_BLOCK_MAX / 512 / 64]; /* blocks of the run, a bit each */
	lba_t lba;                                  /* the whole run */
	uint32_t blocks;
	uint16_t want;
	uint32_t at;      /* blocks of the run that are settled */
	uint32_t span;    /* blocks behind them that are in work */
	uint32_t judged;  /* of the span */
	uint32_t writing; /* blocks behind these that losers are given now */
	uint16_t members; /* that the span is read from */
	uint16_t silent;  /* of them, those that gave nothing, for other reasons than their media */
	uint16_t unread[HEAL_SPAN];    /* of them, those whose media did not give a block */
	uint16_t losers;               /* who is given the winner's blocks now */
	uint16_t differed;             /* of them, those that had other data, not none */
	uint32_t bad[INI_MEMBERS_MAX]; /* blocks of a member that stay bad */
};

enum io_kind { IO_WRITE, IO_VERIFY, IO_READ, IO_FLUSH };

/*
 *   FREE -> FILE (reading the image) -> READY (its job's window is full) -> LOCK (range lock) ->
 *     INTENT (a write: its regions are marked in the log first) -> SOURCE (reading from a member)
 * -> RUN (passes and tasks; of a scrub in turn with SOURCE and HEAL) -> DURABLE (members have left
 * the in-sync set: page 30h and state file first) -> owner's done -> FREE READ ends after SOURCE; a
 * read job's goes on to SINK (writing the file).
 */
enum io_state {
	IO_FREE,
	IO_FILE,
	IO_FREADY,
	IO_LOCK,
	IO_INTENT,
	IO_SOURCE,
	IO_RUN,
	IO_HEAL,
	IO_DURABLE,
	IO_SINK
};

struct io {
	TAILQ_ENTRY(io) link;  /* free list, or its owner's list of ready ones */
	TAILQ_ENTRY(io) wait;  /* the group's waiting or unmarked, or ini's durable list */
	TAILQ_ENTRY(io) due;   /* ini's list of results to be looked at */
	TAILQ_ENTRY(io) timer; /* ini's timers, by time */
	TAILQ_ENTRY(io) file;  /* ini's file operations to be put out */
	struct ini *ini;
	struct group *g;
	struct job *job; /* owner: this or a command */
	struct cmd *cmd;
	uint32_t index, serial;
	enum io_kind kind;
	enum io_state state;
	bool from_member; /* its data are read from a member first (resync, verify, catch-up) */
	bool catch_up;    /* blocks that a member missed while it was away */
	bool abandon;     /* cancelled: nothing further is sent */
	bool started;     /* its owner's window counts it */
	bool logged;      /* the group's log counts it as in flight */
	bool log_failed;  /* its mark could not be made durable */
	bool broadcast;   /* it went out by a broadcast pass: what is left goes by silent ones */
	bool is_due, is_timed, wants_file, awaits_presence;
	uint64_t file_op;
	uint64_t file_offset; /* of its first byte in the job's file */
	uint64_t number;      /* of a load's write */
	ns_t began_ns;        /* a load's write: when its job began it */

	lba_t lba;
	uint32_t blocks;
	uint16_t want; /* members that it goes to, a bit each by index in the group */
	uint16_t sync; /* of them, those that were in sync when it began */
	uint16_t from; /* members that it may be read from */
	uint32_t differing[INI_MEMBERS_MAX]; /* verify: blocks of a member that differ */
	struct block *data;
	uint32_t data_off; /* of its first block in data */
	uint16_t by_read;  /* verify: members that differ so much that they are read instead */
	struct block *cmp; /* what was read of one */
	bool scrub;        /* members that differ are repaired */
	struct heal heal;
	struct mir_lock
	        *lock; /* in a table of its own: conflicts are looked for in all of a group */

	/* the engine */
	struct mir_set set;
	unsigned round;
	ns_t due_ns;
	ns_t delay_ns;      /* before the next round */
	ns_t busy_since_ns; /* first BUSY or UNIT ATTENTION, 0: none */
	uint16_t flying;    /* members whose outcome of this attempt is awaited */
	struct {
		lba_t lba;
		uint32_t blocks;
		uint16_t members;
		struct view *view;
	} try;
	uint16_t bad;    /* members that have failed for good with some block of it */
	uint16_t away;   /* of them, those that were not here */
	struct why last; /* of the last failure for good */
	unsigned last_member;
	uint64_t ticket; /* DURABLE */

	/* reading from a member */
	struct {
		lba_t lba; /* what is being read; all before it is there */
		uint32_t blocks;
		unsigned member;
		uint16_t tried; /* members that failed at lba in this round */
		unsigned round;
		struct why why;
		uint32_t bad_blocks;
	} rd;

	union {
		struct hba_pass pass;
		struct hba_task task[INI_MEMBERS_MAX];
	} u;
};

/* ---- commands that reply later ---- */

enum cmd_kind {
	CMD_FREE,
	CMD_CREATE,
	CMD_DELETE,
	CMD_ADD,
	CMD_REMOVE,
	CMD_SET,
	CMD_IMPORT,
	CMD_WRITE,
	CMD_READ,
	CMD_FLUSH,
	CMD_WAIT,
};

struct cmd {
	TAILQ_ENTRY(cmd) link; /* free, live, or replies */
	enum cmd_kind kind;
	uint64_t token;
	bool forgotten, replying, undoing;
	bool clean;          /* FLUSH: of the core itself, so that the log can let go */
	uint64_t log_ticket; /* FLUSH */
	struct ini_error error;
	struct group *g;
	uint64_t ticket;
	uint32_t job;    /* WAIT */
	uint64_t over;   /* WAIT: ini's jobs_over when it looked last */
	unsigned member; /* REMOVE */
	/* WRITE, READ */
	struct block *data;
	lba_t first, next, end;
	unsigned ios;
};

/* ---- jobs ---- */

/*
 *   QUEUED -> PREPARE (stale marks durable) -> SWEEP (all runs) -> GRACE (a member that went may
 *     come back) -> CATCH_UP -> FLUSH (SYNCHRONIZE CACHE, or the file's fsync) -> SETTLE (in-sync
 *     set durable) -> ENDED
 *   verify, load: QUEUED, PREPARE, SWEEP, SETTLE.  read, scrub: QUEUED, PREPARE, SWEEP, FLUSH,
 * SETTLE.
 */
enum job_phase {
	PHASE_QUEUED,
	PHASE_PREPARE,
	PHASE_SWEEP,
	PHASE_GRACE,
	PHASE_CATCH_UP,
	PHASE_FLUSH,
	PHASE_SETTLE,
	PHASE_ENDED,
};

struct job {
	struct ini_job pub;
	struct ini *ini;
	struct group *g; /* NULL once it is concluded */
	bool used, changed;
	TAILQ_ENTRY(job) link; /* all, oldest first */
	TAILQ_ENTRY(job) live; /* those not concluded, oldest first */
	int file;
	bool has_file, close_due;
	enum job_phase phase;
	lba_t next;      /* first block that no io was made for */
	uint64_t blocks; /* of the whole job */
	uint32_t run_blocks;
	unsigned ios;         /* all of its ios */
	unsigned running;     /* of them beyond READY: at most the window */
	struct io_list ready; /* with data, waiting for the window */
	bool pause_wanted, cancel_wanted, aborting;
	uint16_t want;                           /* members that it concerns */
	uint8_t target_of[INI_MEMBERS_MAX];      /* index in pub.t */
	uint8_t member_of[INI_MEMBERS_MAX];      /* index in the group of pub.t[i] */
	struct mir_list missed[INI_MEMBERS_MAX]; /* by pub.t: blocks not sent while it was away */
	uint16_t lost; /* by pub.t: missed more runs than can be remembered; not caught up */
	uint64_t lost_blocks[INI_MEMBERS_MAX];
	uint16_t holders; /* members that hold all of it */
	struct why flush_why;
	unsigned flush_member;
	uint64_t ticket;
	ns_t grace_until_ns;
	uint64_t sync_op;
	bool sync_wanted, sync_flying, sync_done;
	uint64_t save_seq;   /* the job's id is durable */
	uint64_t log_ticket; /* from before its flush */
	uint16_t flushed;    /* members that have confirmed it */
	uint16_t repaired;   /* a scrub: members that it wrote to */
	uint16_t doubted; /* a scrub: members that hold what it could not mend, or lost what it did
	                   */
	uint16_t unflushed; /* members that have failed another's flush since it began */
	/* catch-up */
	unsigned catch_target, catch_rounds;
	lba_t catch_lba;
	/* time */
	ns_t speed_ns;    /* the speed limit lets nothing start before */
	ns_t clock_ns;    /* running time is counted up to here */
	ns_t progress_ns; /* last progress */
	ns_t shown_ns;    /* last time that progress was announced */
	struct {
		ns_t at_ns;
		uint64_t done;
	} sample[INI_RATE_SLOTS];
	unsigned samples;
	struct {
		struct prng places;
		lba_t slots;      /* places that a write may go to */
		uint64_t started; /* writes: the number of the last one */
		struct hist latency;
	} load;
};

TAILQ_HEAD(job_list, job);

/* ---- the whole ---- */

struct gone {
	enum ini_object object;
	char name[INI_NAME_MAX + 1];
	uint32_t id;
};

struct log_line {
	int level;
	char text[INI_TEXT_MAX];
};

struct ini {
	struct ini_config cfg;
	struct hba *hba;
	ns_t now;
	bool draining;
	uint64_t targets_seen;    /* units whose state is to be looked at */
	uint64_t targets_changed; /* to be announced */
	bool bus_up, bus_changed;
	uint8_t presence_seen; /* members came or went: ios that wait look again */

	struct group group[INI_GROUPS_MAX];
	unsigned groups_used; /* of group[]: those that ever were in use */
	struct group *listed[INI_GROUPS_MAX];
	unsigned n_listed;

	/* Jobs and ios are large: one costs memory when it is used for the first time. */
	struct job *jobs; /* INI_JOB_SLOTS, and how many of them were ever used */
	unsigned jobs_used;
	struct job_list job_list, job_live;
	struct job_list job_free;
	unsigned n_jobs, n_live;
	uint64_t jobs_over; /* how many were concluded: whoever waits for one looks again */
	uint32_t next_job;

	struct io *ios; /* INI_IOS, likewise */
	unsigned ios_used;
	struct mir_lock *locks; /* of each io */
	struct io_list io_free, io_due, io_timers, io_files, io_durable;
	unsigned n_io_free; /* with those that were never used */

	struct cmd *cmds;
	struct cmd_list cmd_free, cmd_live, replies;

	struct view *views;
	TAILQ_HEAD(, view) view_free;
	struct buffer buffer[INI_BUFFERS];
	TAILQ_HEAD(, buffer) buffer_free;
	bool buffer_short; /* somebody waits for a buffer */
	uint8_t *noise;    /* INI_BLOCK_MAX bytes that loads write; made for the first one */
	bool noisy;        /* it is made */
	struct param *params;
	TAILQ_HEAD(, param) param_free;

	uint64_t save_wanted, save_out, save_done;
	bool save_flying;
	int save_err;

	struct intent *logs; /* of each group */
	struct {
		bool busy; /* a save, or the removal, is in work */
		bool gone; /* to be removed */
		uint8_t uuid[UUID_LEN];
	} log_file[INI_GROUPS_MAX];
	bool logs_due; /* some log may have something to be saved */
	ns_t logs_at;  /* when logs are to be looked at */
	uint8_t log_bytes[INTENT_SAVED_MAX];

	struct gone gone[INI_GONE_MAX];
	unsigned gone_first, gone_n;
	struct log_line log[INI_LOG_LINES];
	unsigned log_first, log_n;
	uint64_t log_lost;

	unsigned changes_open;      /* groups with a change in work */
	bool syncs_due, closes_due; /* of jobs' files */
	uint64_t moves_run;
	uint64_t moves; /* grows with whatever may let something else go on */
	bool announce;  /* something is to be announced as changed */
	struct ini_action out;
	struct cmd *out_cmd; /* its reply is out: freed with the next ini_output() */
	struct block *out_block;
};

/* error.c */
bool ini_refuse(struct ini_error *e, enum ini_kind kind, const char *fmt, ...)
        __attribute__((format(printf, 3, 4))); /* always false */
void ini_error_why(struct ini_error *e, const char *member, const struct why *why);
/* "MEDIUM ERROR (WRITE ERROR)", "status timeout", ... */
const char *why_text(const struct why *why, char *buf, size_t n);
void ini_log(struct ini *ini, int level, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void copy_text(char *to, size_t n, const char *from);

/* pool.c */
bool ini_pool_new(struct ini *ini);
void ini_pool_free(struct ini *ini);
/* Parts of a block; NULL: all in use, try again. The first takes a reference to b. */
struct view *view_get(struct ini *ini, struct block *b, uint32_t off, uint32_t len);
struct block *buffer_get(struct ini *ini, uint32_t len);
struct block *param_get(struct ini *ini);

/* member.c */
void members_watch(struct ini *ini);
void member_arrives(struct group *g, unsigned member, const struct hba_target *t);
void members_look(struct ini *ini); /* takes notice of what came and went */
enum presence member_presence(const struct group *g, unsigned member);
/* The members of `of` that can be sent something now. */
uint16_t members_here(const struct group *g, uint16_t of);
uint16_t members_in_sync(const struct group *g);
uint16_t members_syncing(const struct group *g);
/* Stale ones that are here and lack no more than the log knows of. */
uint16_t members_logged(const struct group *g);
/* The page that the member is to have. */
struct mode_mirror member_page(const struct group *g, unsigned member);
/* Takes a member out of the in-sync set (durable with the next change). True if it was in it. */
bool member_stale(struct group *g, unsigned member, const char *why);
/* The same; and the log does not know what it lacks. */
bool member_doubt(struct group *g, unsigned member, const char *why);

/* group.c */
struct group *group_find(const struct ini *ini, const char *name);
struct group *group_need(struct ini *ini, const char *name, struct ini_error *e);
struct group *group_of(const struct ini *ini, const uint8_t uuid[UUID_LEN], unsigned *member);
struct group *group_new(struct ini *ini, const char *name, struct ini_error *e);
void group_list(struct group *g);
void group_gone(struct group *g);
bool group_name_ok(const char *name);
void group_changed(struct group *g);
/* Checks a READY target as a member of g (or of a new group). */
bool group_admit(struct ini *ini, struct group *g, uint8_t id, struct ini_error *e);
/* Adds it, stale; the index. */
unsigned group_append(struct group *g, uint8_t id);
uint32_t group_transfer(const struct group *g, uint32_t wanted, uint16_t members);
const char *uuid_text(const uint8_t uuid[UUID_LEN], char buf[37]);
bool uuid_parse_text(const char *text, uint8_t out[UUID_LEN]);

/* intents.c */
void log_open(struct group *g);    /* a new group's: all clean */
void log_unknown(struct group *g); /* nothing is known of what was in flight: all is copied */
void log_drop(struct group *g);    /* the group is gone */
/* A write is to begin. False: only when io_marked() is called. */
bool log_begin(struct io *io);
void log_end(struct io *io);
/* Marks what a copying job will write; log_is_ready() then. */
void log_prepare(struct job *j);
enum log_ready { LOG_READY, LOG_WAITS, LOG_FAILED };
enum log_ready log_is_ready(const struct job *j);
/* Blocks that a resync of these members would copy. */
uint64_t log_lacking(const struct group *g, uint16_t members, bool recovery);
/* These members have confirmed a flush that began after the ticket. */
void log_flushed(struct group *g, uint64_t ticket, uint16_t members);
/* A flush or a recovery of our own: how many ios it has; a command comes before a recovery. */
unsigned log_ios(const struct group *g);
bool log_busy(const struct group *g);
void log_pause(struct group *g);
void log_clean_done(struct group *g, bool good);
void log_recovered(struct group *g, bool good);
/* The same of a job that has written so many blocks, from the first on, to all of them alike. */
void log_overwritten(struct group *g, uint64_t ticket, uint16_t members, uint64_t blocks);
void logs_touch(struct ini *ini); /* something changed: they are looked at */
void logs_run(struct ini *ini);
ns_t logs_deadline(const struct ini *ini);
bool logs_idle(const struct ini *ini); /* nothing is in work, nor could be let go of now */
bool out_intent(struct ini *ini, struct ini_action *a);
const struct ini_group *log_shown(struct group *g); /* with pub.intent as it is */

/* change.c */
uint64_t group_change(struct group *g, bool bump); /* a ticket */
bool group_change_done(const struct group *g, uint64_t ticket);
void change_step(struct group *g);
ns_t changes_deadline(const struct ini *ini);
uint64_t save_request(struct ini *ini);
bool save_is_done(const struct ini *ini, uint64_t seq);

/* io.c */
struct io *io_new(struct ini *ini, struct group *g, struct job *job, struct cmd *cmd);
void io_start(struct io *io); /* has its data, or needs none: stands in line for its range */
void io_step(struct io *io);  /* looks at what it may do next */
void io_due(struct io *io);   /* puts it on ini's list of those to be stepped */
void io_timer(struct io *io, ns_t at);
void io_want_file(struct io *io); /* its file operation is put out */
void io_abandon(struct io *io);
/* Members that hold what it wrote, and are in sync now: who had it and has left since, by another
 * write that failed there, keeps nothing that can be read. */
uint16_t io_holders(const struct io *io);
/* At its end: a member in sync holds it and none lacks it. Where all fail one stays in sync all the
 * same, which another write may have chosen without regard to this one. */
bool io_lasts(const struct io *io);
void io_finish(struct io *io);
void io_run(struct ini *ini);
void io_grant(struct group *g);
void io_marked(struct io *io, bool good); /* its regions are marked; or that has failed */
struct io *io_by_op(struct ini *ini, uint64_t op);
void io_bad(struct io *io, unsigned member, lba_t lba, uint32_t blocks, const struct why *why);
uint64_t io_op(const struct io *io);

void io_fail_open(struct io *io, unsigned member, const struct why *why);
enum ini_mode io_mode(const struct io *io);
/* attempt.c */
/* False: no means at this moment, try again shortly. */
bool attempt_start(struct io *io, int run, uint16_t members);
/* A READ(16) of io->rd from its member. */
void attempt_read(struct io *io);
/* A command that reads the blocks of io->try. */
void attempt_command(struct io *io, unsigned member, enum scsi_op op,
                     void (*data_in)(struct hba_task *t, uint32_t offset, struct block *data,
                                     uint32_t len),
                     void (*done)(struct hba_task *t));
/* heal.c: why is a failure that may be in the blocks, not in the member. They are looked at once
 * the run has been compared; false: it has to be taken as what it is. */
bool heal_suspects(struct io *io, lba_t lba, uint32_t blocks, const struct why *why);
void heal_suspect(struct io *io, lba_t lba, uint32_t blocks);
bool heal_is_due(const struct io *io);
void heal_start(struct io *io);
void heal_step(struct io *io);
/* What the engine did for it is over: a member was read, or blocks of it were not; losers were
 * written to. */
void heal_read(struct io *io);
void heal_unread(struct io *io, lba_t lba, uint32_t blocks);
void heal_written(struct io *io);
/* compare.c. False: no buffer at this moment. */
bool compare_start(struct io *io, int run, unsigned member);

/* resend.c: what an outcome means for what is sent next */
enum verdict_kind {
	V_GOOD,
	V_PART,    /* bad at .lba, good before it */
	V_DIFFERS, /* verify: differs at .lba, equal before it */
	V_SOFT,    /* not its fault: again, without counting it as a try */
	V_HARD,    /* again, as long as there are tries left */
	V_MISSED,  /* it had no chance in a broadcast pass: again, at once, by a silent one */
	V_FATAL,   /* no use in trying again */
};
struct verdict {
	enum verdict_kind kind;
	lba_t lba;  /* PART, DIFFERS: the first bad block */
	bool loose; /* the command was given up, but may still be done */
	bool sent;  /* its data went out: the next time is a resend */
	struct why why;
};
struct verdict verdict_pass(const struct hba_pass_member *m, const struct hba_pass *p,
                            enum io_kind kind, lba_t lba, uint32_t blocks);
struct verdict verdict_task(const struct hba_task *t, enum io_kind kind, lba_t lba,
                            uint32_t blocks);
void resend_outcome(struct io *io, unsigned member, lba_t lba, uint32_t blocks,
                    const struct verdict *v);
ns_t resend_delay(const struct io *io, unsigned round);

/* broadcast.c: who can take part in a broadcast pass. False, with the error: this target cannot,
 * beside these members; these members cannot (those that are not there do not count). */
bool broadcast_admits(const struct group *g, uint16_t members, const struct hba_target *t,
                      struct ini_error *e);
bool broadcast_check(const struct group *g, uint16_t members, struct ini_error *e);
/* At this moment, all of them can. */
bool broadcast_fits(const struct group *g, uint16_t members);

/* source.c: reading from a member */
void source_start(struct io *io);
void source_step(struct io *io);
void source_outcome(struct io *io, const struct verdict *v);

/* cmd.c */
struct cmd *cmd_new(struct ini *ini, enum cmd_kind kind, uint64_t token, struct ini_error *e);
void cmd_reply(struct ini *ini, struct cmd *c);
void cmd_free(struct ini *ini, struct cmd *c);
void cmd_run(struct ini *ini);

/* group_cmd.c */
void group_cmd_step(struct ini *ini, struct cmd *c);
/* group_io.c */
void group_io_step(struct ini *ini, struct cmd *c);
void group_io_done(struct cmd *c, struct io *io);

/* job.c */
void job_fail(struct job *j, enum ini_kind kind, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void job_changed(struct job *j);
bool job_is_live(const struct job *j);
/* It writes to members: one such job of a group at a time. */
bool job_writes(const struct job *j);
/* It brings members in sync: what they missed is caught up with, and flushed at the end. */
bool job_copies(const struct job *j);
/* Lists the targets that it wants. */
void job_list_targets(struct job *j);
struct job *job_find(const struct ini *ini, uint32_t id);
/* job_run.c: phases */
void job_step(struct job *j);
void jobs_run(struct ini *ini);
ns_t jobs_deadline(const struct ini *ini);
/* job_sweep.c: a job's ios */
void job_sweep(struct job *j);
/* Starts what is missed by members that are back; false: nothing is left to do. */
bool job_catch_up(struct job *j);
void job_drop_ready(struct job *j);
void job_io_done(struct job *j, struct io *io);
void job_io_bad(struct job *j, struct io *io, unsigned member, lba_t lba, uint32_t blocks,
                const struct why *why);
/* job_target.c: what each target holds */
void target_bad(struct job *j, unsigned t, lba_t lba, uint64_t blocks, const struct why *why);
void target_missed(struct job *j, unsigned t, lba_t lba, uint64_t blocks);
void target_settle_missed(struct job *j);
uint16_t job_complete_members(const struct job *j); /* those that hold all of it */
void job_count(struct job *j, const struct io *io);
/* A write of somebody else left these blocks of a member that is being copied to as they may not
 * be: they are copied again. */
void job_spoiled(struct job *j, unsigned member, lba_t lba, uint32_t blocks);
/* job_load.c: writes that are made up */
bool load_check(const struct group *g, const struct ini_job_spec *s, struct ini_error *e);
void load_fill_in(struct job *j, const struct ini_job_spec *s);
void load_begin(struct job *j);
/* Its time is over: nothing further is started. */
void load_look(struct job *j);
void load_place(struct job *j, struct io *io);
void load_data(struct io *io, struct block *b);
/* True when it counts: it is on all members that are still in sync. */
bool load_written(struct job *j, const struct io *io);
void load_bad(struct job *j, unsigned t, lba_t lba, uint32_t blocks, const struct why *why);
void load_settle(struct job *j);
void load_sum_up(struct job *j);
/* job_end.c */
void job_settle(struct job *j);
void job_conclude(struct job *j, enum ini_conclusion c);
enum ini_conclusion job_verdict(struct job *j);
/* job_time.c */
void job_time_start(struct job *j);
void job_time(struct job *j);
void job_progress(struct job *j, uint64_t bytes);
ns_t job_time_deadline(const struct job *j);
bool job_speed_allows(const struct job *j);
void job_speed_spend(struct job *j, uint64_t bytes);

#endif
