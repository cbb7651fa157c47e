/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The upper half of the initiator core: mirror groups, group I/O with resend
 * passes, and jobs. It drives the host adapter (hba.h). Sans-IO: commands, completions and time
 * go in; actions (files, state to save, events, replies) come out.
 *
 * Commands return false and fill struct ini_error when they cannot be carried out; nothing has then
 * changed. Commands that take time answer later by INI_ACT_REPLY with the caller's token.
 */
#ifndef INITIATOR_INITIATOR_H
#define INITIATOR_INITIATOR_H

#include "initiator/hba.h"

#include <sys/queue.h>

#define INI_NAME_MAX        63 /* bytes of a group's name: [A-Za-z0-9_.-], first a letter or digit */
#define INI_GROUPS_MAX      64
#define INI_MEMBERS_MAX     15  /* 16 IDs, one is ours */
#define INI_JOBS_MAX        64  /* live ones */
#define INI_HISTORY_MAX     256 /* concluded and dismissed ones that are still listed */
#define INI_RUNS_MAX        256 /* failed LBA runs kept for each target of a job; more are counted */
#define INI_WINDOW_MAX      64
#define INI_LOAD_WINDOW_MAX 256 /* writes in flight of a load job */
#define INI_BLOCK_MAX                                                                              \
	(1U << 20) /* default and, for jobs, largest transfer per pass; WIRE_DATA_MAX bounds group \
	              I/O */
#define INI_TEXT_MAX 256

struct ini;

enum ini_mode { INI_SILENT, INI_CONVENTIONAL, INI_BROADCAST, INI_MODE_DEFAULT /* the group's */ };

/* Stable strings for control-api's data.kind, by ini_kind_name(): "no_such_group", ... */
enum ini_kind {
	INI_OK = 0,
	INI_E_NO_SUCH_GROUP,
	INI_E_NO_SUCH_JOB,
	INI_E_NO_SUCH_TARGET,
	INI_E_EXISTS, /* group name taken */
	INI_E_BAD_NAME,
	INI_E_NO_MEMBERS, /* a group of zero */
	INI_E_TOO_MANY,   /* members, groups, jobs */
	INI_E_DUPLICATE,  /* the same UUID twice, or two targets with one UUID */
	INI_E_MIXED_BLOCK_SIZE,
	INI_E_MEMBER_OF_OTHER, /* already in another group */
	INI_E_NOT_MIRRORING,   /* target without VPD C0h */
	INI_E_MEMBER_MISSING,  /* a configured member is not on the bus */
	INI_E_IMAGE_TOO_LARGE, /* larger than the smallest member */
	INI_E_IMAGE_EMPTY,
	INI_E_BUSY,      /* a job of the group forbids it */
	INI_E_BAD_STATE, /* job or group is not in a state that allows it */
	INI_E_BAD_RANGE, /* beyond the end, or not a multiple of the block size */
	INI_E_BAD_VALUE,
	INI_E_UNSYNCED,    /* no member is in sync: nothing to read from */
	INI_E_UNSUPPORTED, /* broadcast passes: a member does not take part, or agreements differ */
	INI_E_DEVICE,      /* a target failed it: member, status, sense say how */
	INI_E_BUS_DOWN,    /* not attached to a bus server */
	INI_E_STATE_DIR,   /* the state could not be saved */
	INI_E_LOST,        /* what was acknowledged before, and not flushed, may be gone */
	INI_E_IO,          /* the image could not be read or written */
	INI_E_SHUTDOWN,
	INI_KINDS
};
const char *ini_kind_name(enum ini_kind kind);

struct ini_error {
	enum ini_kind kind;
	char text[INI_TEXT_MAX];          /* for people: names what and where */
	char member[TARGET_NAME_MAX + 1]; /* "" if none */
	bool has_status;
	uint8_t status;
	bool has_sense;
	struct scsi_sense sense;
};

/* ---- groups ---- */

enum ini_member_state {
	MEMBER_IN_SYNC,
	MEMBER_STALE, /* it may differ: unsynchronised, failed, was away, cancelled */
};

struct ini_member {
	uint8_t uuid[UUID_LEN];
	uint8_t device; /* device id in the group */
	char name[TARGET_NAME_MAX + 1];
	enum ini_member_state state;
	char why[96];    /* of a stale one */
	uint8_t unit;    /* of the host adapter now, WIRE_NO_ID while it is absent */
	uint8_t id, lun; /* where that is; id WIRE_NO_ID likewise */
	bool logged;     /* of a stale one: all that it lacks is in the write-intent log */
	bool restarted;  /* of one in sync, or that a state file trusts: its target was started
	                    again, and what it had not flushed may be gone, which another one, that
	                    is not here, may have */
	uint32_t boot;   /* of its target, as it was seen last: another one, and that was started
	                    again; 0: it does not say */
	bool latest;     /* of a stale one, while nobody is in sync, or the state file does not say
	                  * so yet: it was when somebody was the last time, so nobody has more of
	                  * what was acknowledged */
	uint64_t resent, failed; /* blocks, since the daemon started */
	uint64_t repaired;       /* blocks that it could not give, written anew by reads */
};

/* The write-intent log of a group (mirror/intent.h). */
struct ini_intent {
	uint64_t region_bytes;
	uint32_t regions, dirty, behind;
	bool recovering; /* members may still differ where writes were in flight at the last end */
};

struct ini_group {
	char name[INI_NAME_MAX + 1];
	uint16_t id;
	uint8_t uuid[UUID_LEN];
	uint64_t generation; /* grows with each change of membership or of what is in sync */
	uint16_t term; /* grows when it goes to another initiator (scsi/page.h); 0: not ours yet */
	uint64_t used; /* the highest that some page may have: it is not used again */
	uint64_t owed; /* not saved: what it is to grow to, at least, once a member in sync is there
	                  to be told; 0: nothing */
	enum ini_mode mode;
	uint32_t block_size;
	uint64_t blocks;          /* of the smallest member */
	uint32_t transfer;        /* bytes per pass, default for jobs */
	unsigned window;          /* passes in flight, default for jobs */
	unsigned max_passes;      /* for one block, the first included */
	struct ini_intent intent; /* as it was when the group was looked at */
	bool log_lost;            /* of a saved one: all is to be copied, whatever the log says */
	bool unflushed_lost; /* all that were in sync were started again with something that was
	                        not flushed: the next client's flush is to say so */
	uint8_t lost_to[UUID_LEN]; /* the initiator that has taken it over; zeros: none */
	char served_by[40]; /* likewise: the name of lost_to, or the UUID if it is not on the bus */
	unsigned n;
	struct ini_member m[INI_MEMBERS_MAX];
};

/* ---- jobs ---- */

enum ini_job_type { JOB_MIRROR, JOB_VERIFY, JOB_RESYNC, JOB_READ, JOB_LOAD, JOB_SCRUB, JOB_TYPES };
enum ini_job_state {
	JOB_CREATED,
	JOB_WAITING,
	JOB_RUNNING,
	JOB_PAUSED,
	JOB_CONCLUDED,
	JOB_DISMISSED
};
enum ini_conclusion { JOB_NONE, JOB_SUCCESS, JOB_PARTIAL, JOB_FAILED, JOB_CANCELLED };

struct ini_run { /* a run of logical blocks of one target that is bad, and why */
	lba_t lba;
	uint64_t blocks;
	uint8_t status; /* SAM status, 0xff: none came */
	bool has_sense;
	struct scsi_sense sense;
	char what[64]; /* "status timeout", "target went away", "differs from the image" ... */
};

/*
 * A load job writes blocks of generated data to a group, through the path of ini_group_write(), and
 * measures how long each takes. Its writes are numbered from 1. Where they go and what is in them
 * depends on nothing but `seed`, the length of a block and the size of the group: each logical
 * block begins with the number of the write, its own LBA and the seed (8 bytes each, big-endian);
 * the rest is the same noise each time.
 */
enum ini_pattern {
	INI_RANDOM, /* anywhere, on multiples of the block; each place as likely as the others */
	INI_SEQUENTIAL, /* from the first block on, and again from there */
	INI_PATTERNS
};

struct ini_load_spec {
	enum ini_pattern pattern;
	uint64_t seed;
	ns_t for_ns;     /* start no write after so long (without pauses), 0: no such limit */
	uint64_t writes; /* nor after so many, 0: no such limit; at most INI_LOAD_WRITES_MAX */
};
#define INI_LOAD_WRITES_MAX (1ULL << 40)
#define INI_LOAD_FOR_MAX    (86400 * NS_PER_S)

struct ini_latency { /* nanoseconds; percentiles at most 1/64 too large (base/hist.h) */
	uint64_t min, mean, p50, p90, p99, p99_9, max;
};

struct ini_load {
	struct ini_load_spec spec;
	uint64_t
	        writes; /* that every member in sync has answered, with one of them GOOD at least */
	ns_t ran_ns;    /* from the first write's start to the last one's end, without pauses */
	/* Of these writes, from the run of the core in which one is begun to the one in which its
	 * last answer is seen: waiting for its range, resends and what the core itself takes are in
	 * it. With the time that ini_run() is told: too much by at most one turn of the shell,
	 * never too little. As of half a second ago while the job runs. */
	struct ini_latency latency;
};

/* Of a job that is not over: what it takes to go on with it after a restart, beside what it was
 * asked for. The core keeps it as it is; the shell saves it with the job. */
struct ini_kept {
	bool known; /* in ini_restore_job(): the rest was saved, which older daemons did not do */
	bool paused, cancelled; /* a client wants it so */
	bool file;              /* it works on a client's file */
	bool reopened;          /* in ini_restore_job(), not saved: and that is still open, as */
	int handle;             /* a mirror, a verify or a read job's image of */
	uint64_t size;          /* so many bytes now */
	uint8_t group[UUID_LEN];
	uint64_t swept;  /* verify and scrub, of members among themselves: logical blocks, from the
	                    first on, that were compared and are alike on all of its targets; as of
	                    some seconds ago */
	uint64_t mended; /* scrub: of `differing`, those that it has written anew */
};

struct ini_job_target {
	uint8_t uuid[UUID_LEN];
	char name[TARGET_NAME_MAX + 1];
	uint64_t good, resent, bad; /* logical blocks; resent: sent again at least once; good + bad
	                               <= blocks of the job. Of a load each time a block was
	                               written; bad are also those that it was not sent since it is
	                               not in sync any more */
	uint64_t repaired;          /* of a scrub: blocks that it wrote anew; they count as good */
	unsigned n_runs;            /* failures, merged where they touch; still bad ones */
	uint64_t runs_dropped;      /* that did not fit */
	struct ini_run runs[INI_RUNS_MAX];
};

struct ini_job {
	uint32_t id; /* 1.., kept in the state: never reused */
	enum ini_job_type type;
	enum ini_job_state state;
	enum ini_conclusion conclusion;
	struct ini_error error; /* kind != INI_OK: why it failed, or what is partial */
	char group[INI_NAME_MAX + 1];
	enum ini_mode mode;
	char image[INI_TEXT_MAX]; /* name of the file as the client gave it; for people only */
	uint32_t transfer;        /* bytes per pass */
	unsigned window;
	uint64_t speed_limit; /* bytes per second, 0: none */
	uint64_t done,
	        total; /* bytes of the image (or the group): total is known before it runs; of a
	                  load without a limit of writes it is what was started until now */
	uint64_t rate; /* bytes/s, over the last seconds */
	ns_t started_ns, ended_ns; /* machine time, monotonic */
	ns_t running_ns;           /* without pauses */
	bool stalled;              /* running, but without progress for 5 s */
	bool recovery;      /* of a resync: after a restart, of members in sync, too (not kept) */
	uint64_t passes[3]; /* silent/conventional/broadcast (by ini_mode): passes (conventional:
	                       commands) that were run */
	uint64_t resend_passes;
	ns_t bus_ns;        /* bus time that it took */
	uint64_t differing; /* verify, scrub: logical blocks that differ, summed over members; of a
	                       scrub before it repaired them */
	struct ini_load load; /* of a load job */
	struct ini_kept kept;
	unsigned n_targets;
	struct ini_job_target t[INI_MEMBERS_MAX];
};

struct ini_job_spec {
	enum ini_job_type type;
	char group[INI_NAME_MAX + 1];
	enum ini_mode mode; /* INI_MODE_DEFAULT */
	uint32_t transfer;  /* 0: the group's; of a load its block, 0: 4096 */
	unsigned window;    /* 0: the group's; of a load its writes in flight, 0: 32 */
	uint64_t speed_limit;
	bool has_image;
	int image; /* the shell's handle of the file: passed back in actions, never looked into */
	uint64_t image_size; /* bytes */
	char image_name[INI_TEXT_MAX];
	struct ini_load_spec load; /* neither limit: 5 s */
	bool recovery;             /* set by the core only */
};

/* ---- actions ---- */

enum ini_action_kind {
	INI_ACT_FILE_READ, /* read len bytes at offset of file; complete with ini_file_read_done().
	                      Past the end: zeros */
	INI_ACT_BLOCK, /* a block of len bytes is wanted for a write of a load job; what is in it
	                  does not matter. Complete with ini_block_done(), at once where that is
	                  possible: it goes on in the same turn */
	INI_ACT_FILE_WRITE, /* write len bytes of data (from data_off) at offset; ini_file_done() */
	INI_ACT_FILE_SYNC,  /* fsync; ini_file_done() */
	INI_ACT_FILE_CLOSE, /* the job is done with it; no completion. Of one that was cancelled, or
	                       has failed, operations may be in work yet: what they bring is ignored
	                     */
	INI_ACT_SAVE,   /* save all groups and job ids durably (ini_group_save(), ini_next_job()),
	                   then ini_saved(seq). What is to be known of jobs after a restart
	                   (ini_job_at(), ini_restore_job()) is saved beside it, whenever
	                   INI_ACT_CHANGED names a job of which that has changed */
	INI_ACT_INTENT, /* make `len` bytes of `bytes` the write-intent log of the group `uuid`,
	                   durably and all or nothing (len 0: remove it), then ini_intent_saved(op)
	                 */
	INI_ACT_REPLY, /* a command is done: token, error (kind INI_OK: good), data of group.read */
	INI_ACT_CHANGED, /* something that events.subscribe shows changed: what, and its id or name
	                  */
	INI_ACT_LOG,     /* a line for the log: level as in syslog, text */

};

enum ini_object { OBJ_TARGET, OBJ_GROUP, OBJ_JOB, OBJ_BUS };

struct ini_action {
	enum ini_action_kind kind;
	uint64_t op; /* FILE_*, BLOCK: to be passed back; SAVE: seq */
	int file;
	uint64_t offset;
	uint32_t len;
	struct block *data; /* FILE_WRITE, REPLY: borrowed */
	uint32_t data_off;
	const uint8_t *bytes, *uuid; /* INTENT: borrowed */
	uint64_t token;              /* REPLY */
	struct ini_error error;      /* REPLY */
	enum ini_object object;      /* CHANGED */
	char name[INI_NAME_MAX + 1]; /* CHANGED: the group's name */
	uint32_t id;                 /* CHANGED: job id or SCSI ID */
	bool gone;                   /* CHANGED: it is no more */
	int level;                   /* LOG */
	char text[INI_TEXT_MAX];
};

/* ---- life ---- */

struct ini_config {
	ns_t resend_delay_ns; /* before the second pass of a block; doubles with each, at most
	                         resend_delay_max_ns */
	ns_t resend_delay_max_ns;
	unsigned max_passes; /* default of new groups */
	unsigned window;     /* default of new groups */
	uint32_t transfer;   /* default of new groups, bytes */
	uint64_t seed;       /* for group UUIDs the shell passes one in with each command */
	/* 0: the default in brackets */
	ns_t bus_wait_ns; /* how long work waits for the bus server or a scan to come back (10 s) */
	ns_t member_grace_ns;  /* how long a job's end waits for a member that went away (2 s) */
	ns_t busy_limit_ns;    /* how long BUSY and UNIT ATTENTION are retried for nothing (10 s) */
	ns_t busy_delay_ns;    /* between two such tries (10 ms) */
	uint64_t region_bytes; /* of write-intent logs of new groups (intent_shift()) */
	ns_t clean_idle_ns;    /* how long after the last write members are flushed, so that the log
	                          can    let go (5 s) */
	ns_t clean_most_ns;    /* the same while writes go on, after the first one (60 s) */
	uint64_t resync_rate; /* speed limit of resyncs that have none, bytes per second; 0: none */
};

/* h is the caller's and outlives it; ini registers itself with hba_on_target(), hba_on_reset().
 * NULL: out of memory. */
struct ini *ini_new(const struct ini_config *cfg, struct hba *h);
void ini_free(struct ini *ini);

/* Restores what was saved, before anything else. False: it does not fit together (the text says
 * what). Next job id likewise. */
bool ini_restore_group(struct ini *ini, const struct ini_group *g, struct ini_error *e);
void ini_restore_next_job(struct ini *ini, uint32_t next);
/* The group's write-intent log as it was saved; bytes NULL: there is none. False, with e: it is
 * refused (or missing), so nothing is known of what was in flight: all of the group is copied. */
bool ini_restore_intent(struct ini *ini, const char *group, const uint8_t *bytes, size_t len,
                        struct ini_error *e);
/* A job of the daemon's earlier life, after the groups and their logs. Runs of its targets may be
 * left out. One that was not concluded goes on by itself if ini_job_goes_on(): when the members of
 * its group are there and equal again, or after bus_wait_ns with those that are there, as if it
 * were created then; if it cannot begin within six times bus_wait_ns, it fails with what
 * ini_job_create() would say. Any other one is concluded here: cancelled if a client wanted that,
 * else failed, with a text that says why. A file that is open again is its own from then on
 * (INI_ACT_FILE_CLOSE gives it back). False, with e: it makes no sense, or the table is full.
 */
bool ini_restore_job(struct ini *ini, const struct ini_job *j, struct ini_error *e);
/* It needs nothing for that but the group, and its file, if it has one, open again: it measures
 * nothing. With a file it begins anew, at the first block. */
bool ini_job_goes_on(const struct ini_job *j);

/* Lets time pass, runs completions: call after hba_run() and at the deadline; then take all
 * actions, run hba outputs. */
void ini_run(struct ini *ini, ns_t now);
ns_t ini_deadline(const struct ini *ini);
/* The next action, or NULL; valid until the next call of any ini function. */
const struct ini_action *ini_output(struct ini *ini);
void ini_check(const struct ini *ini);

/* Completions. err: 0 or an errno value. The block is borrowed: the core takes its own reference.
 */
void ini_file_read_done(struct ini *ini, uint64_t op, int err, struct block *data);
void ini_file_done(struct ini *ini, uint64_t op, int err);
/* NULL: out of memory; the job fails. The core writes into the block, and keeps it until all
 * members have answered. */
void ini_block_done(struct ini *ini, uint64_t op, struct block *block);
void ini_saved(struct ini *ini, uint64_t seq, int err);
void ini_intent_saved(struct ini *ini, uint64_t op, int err);

/* No new work; running jobs pause at a pass boundary; true from ini_drained() when nothing is in
 * flight. */
void ini_drain(struct ini *ini);
bool ini_drained(const struct ini *ini);

/* ---- commands ---- */

/* Members are named by target name, UUID text or SCSI ID in decimal. Replies when page 30h is saved
 * on every member and the state is durable. */
bool ini_group_create(struct ini *ini, const char *name, const char *const members[], unsigned n,
                      enum ini_mode mode, bool assume_clean, const uint8_t uuid[UUID_LEN],
                      uint64_t token, struct ini_error *e);
bool ini_group_delete(struct ini *ini, const char *name, uint64_t token, struct ini_error *e);
bool ini_group_add_member(struct ini *ini, const char *name, const char *target, uint64_t token,
                          struct ini_error *e);
bool ini_group_remove_member(struct ini *ini, const char *name, const char *target, uint64_t token,
                             struct ini_error *e);
/* From the members' page 30h, which all targets are asked for anew, after the daemon lost its
 * state, or another one had the group: group_uuid or NULL for all that are found; all members are
 * stale unless every member is there with the same generation. Refused, by the reply, while another
 * initiator on the bus serves the group, or may (its pages do not say who does), unless `force` is
 * set. */
bool ini_group_import(struct ini *ini, const char *name, const uint8_t *group_uuid, bool force,
                      uint64_t token, struct ini_error *e);

struct ini_group_set {
	bool has_mode, has_transfer, has_window, has_max_passes;
	enum ini_mode mode;
	uint32_t transfer;
	unsigned window, max_passes;
};
bool ini_group_set(struct ini *ini, const char *name, const struct ini_group_set *set,
                   uint64_t token, struct ini_error *e);

/* Group I/O: byte ranges, multiples of the block size, at most WIRE_DATA_MAX. write: data are on
 * every member that is still in sync when the reply comes (FUA unset); members that stay failed are
 * stale, durably, before. read: from one in-sync member into the reply's data (several passes are
 * one block: the caller gives an empty block of len bytes). flush: SYNCHRONIZE CACHE on all. */
bool ini_group_write(struct ini *ini, const char *name, uint64_t offset, uint32_t len,
                     struct block *data, uint64_t token, struct ini_error *e);
bool ini_group_read(struct ini *ini, const char *name, uint64_t offset, uint32_t len,
                    struct block *into, uint64_t token, struct ini_error *e);
bool ini_group_flush(struct ini *ini, const char *name, uint64_t token, struct ini_error *e);

/* Returns the new job's id, 0 on failure. The file handle is the job's from then on
 * (INI_ACT_FILE_CLOSE gives it back). */
uint32_t ini_job_create(struct ini *ini, const struct ini_job_spec *spec, struct ini_error *e);
bool ini_job_pause(struct ini *ini, uint32_t id, struct ini_error *e);
bool ini_job_resume(struct ini *ini, uint32_t id, struct ini_error *e);
bool ini_job_cancel(struct ini *ini, uint32_t id, struct ini_error *e);
bool ini_job_set_speed(struct ini *ini, uint32_t id, uint64_t bytes_per_s, struct ini_error *e);
bool ini_job_dismiss(struct ini *ini, uint32_t id, struct ini_error *e);
/* Replies when the job is concluded (at once if it is). */
bool ini_job_wait(struct ini *ini, uint32_t id, uint64_t token, struct ini_error *e);
/* A caller has gone: its token's reply is not wanted any more. */
void ini_forget(struct ini *ini, uint64_t token);

/*
 * A command of a client to a disk itself (scsi.execute of the shell), which changes its medium, or
 * may: told here from before it goes out until it is over, or does not go out. The caller's; no job
 * brings members in sync meanwhile that it concerns.
 */
struct ini_bypass {
	uint8_t id, lun; /* whom it is sent to */
	bool whole;      /* it may change other logical units of this target, too */
	TAILQ_ENTRY(ini_bypass) link;
};
void ini_bypass_begin(struct ini *ini, struct ini_bypass *b);
/* Replies when it may go out: members that it concerns are stale, and it is durable that all of
 * them is to be copied. At once where there is none. False: too many commands are in work. */
bool ini_bypass_ready(struct ini *ini, const struct ini_bypass *b, uint64_t token,
                      struct ini_error *e);
/* loose: it was given up, and the target has not confirmed that: it may still be at work. */
void ini_bypass_end(struct ini *ini, struct ini_bypass *b, bool loose);

/* ---- looking ---- */

/* A target on the bus by name, UUID text or SCSI ID in decimal, also one that is being scanned or
 * that failed, if no usable one has the name; WIRE_NO_ID with e (ambiguous names are refused). */
uint8_t ini_target_by(const struct ini *ini, const char *text, struct ini_error *e);
unsigned ini_groups(const struct ini *ini);
const struct ini_group *ini_group_at(const struct ini *ini, unsigned i);
const struct ini_group *ini_group_find(const struct ini *ini, const char *name);
/* The group as a state file is to have it now: of a change that its members are just being told of
 * nothing, but that there is one. */
void ini_group_save(const struct ini *ini, unsigned i, struct ini_group *out);
/* The group that a target is a configured member of, or NULL. */
const struct ini_group *ini_group_of(const struct ini *ini, const uint8_t uuid[UUID_LEN]);
unsigned ini_jobs(const struct ini *ini); /* live and history, oldest first */
const struct ini_job *ini_job_at(const struct ini *ini, unsigned i);
const struct ini_job *ini_job_find(const struct ini *ini, uint32_t id);
uint32_t ini_next_job(const struct ini *ini);
/* Jobs with numbers below this one are known to the state as it was saved last with success: their
 * numbers are not given again. A job that is not, since that failed, fails before it begins. */
uint32_t ini_saved_jobs(const struct ini *ini);

const char *ini_mode_name(enum ini_mode m);       /* "silent", ... */
const char *ini_pattern_name(enum ini_pattern p); /* "random", ... */
const char *ini_job_type_name(enum ini_job_type t);
const char *ini_job_state_name(enum ini_job_state s);
const char *ini_conclusion_name(enum ini_conclusion c);

#endif
