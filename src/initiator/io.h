/* SPDX-License-Identifier: BSD-2-Clause */
/* One run of blocks to, or from, members: the engine (core.h says whose functions these are). */
#ifndef INITIATOR_IO_H
#define INITIATOR_IO_H

#include "initiator/parts.h"
#include "mirror/lock.h"
#include "mirror/resend.h"

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

#define MEND_MAX 16 /* blocks that one read repairs */

/* Of a read: blocks that members' media did not give, and another member did (mend.c). While it is
 * on, lba, blocks, want, kind and data_off of the io are those of the block that is written. */
struct mend {
	bool on;
	uint16_t hurt; /* members whose media did not give the block at rd.lba */
	unsigned n, at;
	struct {
		lba_t lba;
		uint16_t members;
	} block[MEND_MAX];
	lba_t lba; /* the whole run */
	uint32_t blocks, data_off;
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
	bool awaits_buffer; /* one to compare with */
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
	uint32_t data_off;  /* of its first block in data */
	uint16_t restarted; /* members whose targets were started again since it began */
	uint16_t by_read;   /* verify: members that differ so much that they are read instead */
	struct block *cmp;  /* what was read of one */
	bool scrub;         /* members that differ are repaired */
	struct heal heal;
	struct mend mend;
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
	uint16_t sent;   /* members that something of it was sent to */
	uint16_t bad;    /* members that have failed for good with some block of it */
	uint16_t away;   /* of them, those that were not here */
	uint16_t spared; /* of them, those that failed nothing before it was cancelled */
	uint16_t doubt;  /* of them, those that told of an error of before: nobody knows of what */
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

/* io.c */
struct io *io_new(struct ini *ini, struct group *g, struct job *job, struct cmd *cmd);
void io_start(struct io *io); /* has its data, or needs none: stands in line for its range */
void io_step(struct io *io);  /* looks at what it may do next */
void io_due(struct io *io);   /* puts it on ini's list of those to be stepped */
void io_timer(struct io *io, ns_t at);
void io_timer_off(struct io *io);
void io_want_file(struct io *io); /* its file operation is put out */
void io_abandon(struct io *io);
/* A member's target was started again: what it took before may be gone. */
void io_restarted(struct group *g, unsigned member);
/* Members that hold what it wrote, and are in sync now: who had it and has left since, by another
 * write that failed there, keeps nothing that can be read. */
uint16_t io_holders(const struct io *io);
/* At its end: a member in sync holds it and none lacks it. Where all fail one stays in sync all the
 * same, which another write may have chosen without regard to this one. */
bool io_lasts(const struct io *io);
void io_finish(struct io *io);
void io_run(struct ini *ini);
void io_grant(struct group *g);
/* True: a crash from now on would leave word of it. Else it waits for io_marked(): its regions are
 * marked; or that has failed. */
bool io_mark_first(struct io *io);
void io_marked(struct io *io, bool good);
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
/* A check of protection information that failed counts, too. */
bool why_is_of_blocks(const struct why *why);
/* mend.c: a member failed to give io->rd; if that is a block that its medium does not give, only
 * this one is asked of others. Then one gave it. */
void mend_hurt(struct io *io, const struct why *why);
void mend_read(struct io *io);
/* All is read. False: there is nothing to mend. Else it goes on when that is marked in the log, or
 * could not be; and, behind each block that was written, with the next. False: there is none. */
bool mend_begin(struct io *io);
void mend_marked(struct io *io, bool good);
bool mend_written(struct io *io);
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

/* source.c: reading from a member */
void source_start(struct io *io);
void source_step(struct io *io);
/* What was read goes to who wants it. */
void source_over(struct io *io);
void source_outcome(struct io *io, const struct verdict *v);

#endif
