/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the upper half share: its tables, and who calls whom. Groups are in group.h,
 * runs of blocks in io.h, jobs in job.h, write-intent logs in intents.h.
 *
 *   cmd.c, group_cmd.c, group_io.c   commands of the control socket
 *   job*.c                           jobs: sweep, catch-up, flush, settle
 *   intents.c                        write-intent logs: marks before writes, flushes, recovery
 *   bypass.c                         commands that clients send to members themselves
 *   change.c                         a group's change of generation and in-sync set, made durable
 *   io.c, attempt.c, resend.c        one run of blocks to (or from) members: the engine
 *   heal.c                           a scrub's run: which member is right, and the others rewritten
 *   mend.c                           what a read repairs
 *   member.c                         which SCSI ID is which member, and whether it is here
 *   output.c                         actions
 *
 * Everything is allocated in ini_new(). Handles that leave the core (file operations) carry
 * the slot's generation, so a late completion finds nobody.
 */
#ifndef INITIATOR_CORE_H
#define INITIATOR_CORE_H

#include "initiator/group.h"
#include "initiator/initiator.h"
#include "initiator/intents.h"
#include "initiator/io.h"
#include "initiator/job.h"

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
	CMD_BYPASS,
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
	/* IMPORT, until it has its group: what was asked for, and how long targets may take to say
	 * what their pages are now */
	char name[INI_NAME_MAX + 1];
	uint8_t uuid[UUID_LEN];
	bool by_uuid, force;
	ns_t until;
	unsigned judged; /* so often */
	struct ini_bypass bypass;
	uint64_t
	        waits; /* BYPASS: groups (by slot) whose change it waited for when it looked last */
	/* WRITE, READ */
	struct block *data;
	lba_t first, next, end;
	unsigned ios;
};

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
	bool initiators_seen;     /* an initiator came or went: whose groups are is looked at */
	bool bus_up, bus_changed;
	struct {
		bool is;
		uint64_t attach;
	} loose[HBA_UNITS];    /* who was a member, of a group that is gone, perhaps: a write may
	                          still land there in this attach */
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
	uint32_t next_out, next_saved; /* as it is being saved; as it was saved last */
	ns_t keep_at;                  /* how far jobs are is taken down then */

	struct io *ios; /* INI_IOS, likewise */
	unsigned ios_used;
	struct mir_lock *locks; /* of each io */
	struct io_list io_free, io_due, io_timers, io_files, io_durable;
	unsigned n_io_free; /* with those that were never used */

	struct cmd *cmds;
	struct cmd_list cmd_free, cmd_live, replies;
	unsigned n_waits; /* of them, those that wait for jobs */

	struct view *views;
	TAILQ_HEAD(, view) view_free;
	struct buffer buffer[INI_BUFFERS];
	TAILQ_HEAD(, buffer) buffer_free;
	unsigned n_buffer_free;
	bool buffer_short; /* somebody waits for a buffer */
	uint8_t *noise;    /* INI_BLOCK_MAX bytes that loads write; made for the first one */
	bool noisy;        /* it is made */
	struct param *params;
	TAILQ_HEAD(, param) param_free;

	uint64_t save_wanted, save_out, save_done;
	bool save_flying;
	int save_err;

	TAILQ_HEAD(, ini_bypass) bypasses; /* that are under way */

	struct intent *logs; /* of each group */
	struct {
		bool busy; /* a save, or the removal, is in work */
		bool gone; /* to be removed */
		uint8_t uuid[UUID_LEN];
	} log_file[INI_GROUPS_MAX];
	bool logs_due;  /* some log may have something to be saved */
	ns_t logs_at;   /* when logs are to be looked at */
	ns_t revive_at; /* ... members that are let be */
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
/* What an errno value says, in English; lasts. */
const char *errno_text(int err);

/* pool.c */
bool ini_pool_new(struct ini *ini);
void ini_pool_free(struct ini *ini);
/* Parts of a block; NULL: all in use, try again. The first takes a reference to b. */
struct view *view_get(struct ini *ini, struct block *b, uint32_t off, uint32_t len);
/* NULL: whoever waits for one is stepped when there is one. `second`: by somebody who holds one
 * already, and gives this one back without waiting for a third. */
struct block *buffer_get(struct ini *ini, uint32_t len, bool second);
struct block *param_get(struct ini *ini);

/* cmd.c */
struct cmd *cmd_new(struct ini *ini, enum cmd_kind kind, uint64_t token, struct ini_error *e);
void cmd_reply(struct ini *ini, struct cmd *c);
void cmd_free(struct ini *ini, struct cmd *c);
void cmd_run(struct ini *ini);

/* bypass.c */
void bypass_step(struct ini *ini, struct cmd *c);
/* A client's own command is changing this member, or may be. */
bool bypass_under_way(const struct group *g, unsigned member);

/* group_cmd.c */
void group_cmd_step(struct ini *ini, struct cmd *c);

/* import.c */
void import_step(struct ini *ini, struct cmd *c);

/* group_io.c */
void group_io_step(struct ini *ini, struct cmd *c);
bool group_is_written(const struct group *g); /* by a client */
void group_io_done(struct cmd *c, struct io *io);

#endif
