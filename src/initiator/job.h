/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs: an image, a copy, a comparison or a load, run by run (core.h says whose functions these
 * are). */
#ifndef INITIATOR_JOB_H
#define INITIATOR_JOB_H

#include "base/hist.h"
#include "base/prng.h"
#include "initiator/parts.h"
#include "mirror/runs.h"

/*
 *   [RESTORED (its group may not be there yet) ->] QUEUED -> PREPARE (stale marks durable) -> SWEEP
 * (all runs) -> GRACE (a member that went may come back) -> CATCH_UP -> FLUSH (SYNCHRONIZE CACHE,
 * or the file's fsync) -> SETTLE (in-sync set durable) -> ENDED verify, load: QUEUED, PREPARE,
 * SWEEP, SETTLE.  read, scrub: QUEUED, PREPARE, SWEEP, FLUSH, SETTLE.
 */
enum job_phase {
	PHASE_RESTORED,
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
	bool aborting;
	ns_t restored_ns; /* PHASE_RESTORED: it waits since then; 0: it does not */
	ns_t up_ns;       /* and the bus server is there since then; 0: it is not */
	ns_t look_ns;     /* and is to be looked at then */
	lba_t bad_from;   /* the first block that is bad on some target, or was missed */
	uint16_t want;    /* members that it concerns */
	uint8_t target_of[INI_MEMBERS_MAX];      /* index in pub.t */
	uint8_t member_of[INI_MEMBERS_MAX];      /* index in the group of pub.t[i] */
	struct mir_list missed[INI_MEMBERS_MAX]; /* by pub.t: blocks not sent while it was away */
	uint16_t lost; /* by pub.t: missed more runs than can be remembered; not caught up */
	uint64_t lost_blocks[INI_MEMBERS_MAX];
	uint16_t holders;  /* members that hold all of it */
	uint16_t rest;     /* mirror: members that lack something behind the image */
	uint16_t was_sync; /* mirror: those that were in sync when it began, */
	uint64_t was_attach[INI_MEMBERS_MAX]; /* in this attach, */
	uint16_t touched;                     /* and those that it has sent something to */
	uint16_t torn; /* mirror: members that have failed a flush of before, meanwhile */
	bool differ;   /* mirror: nobody was in sync, and members may differ behind the image where
	                  the log says so */
	struct why flush_why;
	unsigned flush_member;
	uint64_t ticket;
	ns_t grace_until_ns;
	uint64_t sync_op;
	bool sync_wanted, sync_flying, sync_done;
	bool bars_writes;    /* mirror: it is to begin when the clients' writes that are in work are
	                        over; no further ones are taken */
	bool flush_wanted;   /* in PHASE_FLUSH: no io was free for it yet */
	uint64_t save_seq;   /* the job's id is durable */
	uint64_t log_ticket; /* from before its flush */
	uint16_t flushed;    /* members that have confirmed it */
	uint16_t repaired;   /* a scrub: members that it wrote to */
	uint16_t doubted; /* a scrub: members that hold what it could not mend, or lost what it did
	                   */
	uint16_t undone;  /* a scrub: members that it wrote to, and that were started again before
	                     they had confirmed a flush */
	uint16_t restarted; /* members whose targets were started again since it wrote to them, */
	uint16_t again;     /* of before, or before it began: it copies to them (again); */
	uint16_t spent;     /* and, of before, that it does not copy to again: nobody is given what
	                       they hold */
	uint16_t bypassed;  /* members that a client's own command changed meanwhile, or may have */
	uint16_t unflushed; /* members that have failed another's flush since it began */
	uint64_t unread; /* a recovery: blocks of targets that were bad since nobody's medium gives
	                  * them
	                  */
	/* catch-up */
	unsigned catch_target, catch_rounds;
	lba_t catch_lba;
	uint16_t awaited; /* members that were away, and have what others have missed */
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
void job_size_resync(struct job *j); /* how much there is to copy, as things are */
struct job *job_find(const struct ini *ini, uint32_t id);
/* Refuses what cannot be begun now. */
bool job_check(struct ini *ini, const struct group *g, const struct ini_job_spec *s,
               struct ini_error *e);
/* A slot of the table, all of it zero; NULL: it is full. */
struct job *job_slot(struct ini *ini);
/* What is asked for, of this group as it is. */
void job_fill(struct job *j, struct group *g, const struct ini_job_spec *s);
/* job_restore.c: jobs of an earlier life */
void job_restored(struct job *j);
/* Lists the targets that it wants, and goes to where it is to begin. */
void job_place(struct job *j);
/* Takes down how far jobs are, if the last time was some seconds ago; or now. */
void jobs_keep(struct ini *ini);
void job_keep(struct job *j);
/* job_run.c: phases */
void job_set_state(struct job *j, enum ini_job_state state);
void job_step(struct job *j);
void jobs_run(struct ini *ini);
ns_t jobs_deadline(const struct ini *ini);
/* job_sweep.c: a job's ios */
void job_sweep(struct job *j);
bool job_on_hold(const struct job *j); /* it is to begin nothing more for now */
/* Starts what is missed by members that are back; false: nothing is left to do. */
bool job_catch_up(struct job *j);
/* Members that a catch-up may read these blocks from, as it is now: a job's own that hold them, and
 * those that a resync was not begun for while they are in sync. */
uint16_t job_givers(const struct job *j, lba_t lba, uint64_t blocks);
void job_drop_ready(struct job *j);
void job_io_done(struct job *j, struct io *io);
void job_io_bad(struct job *j, struct io *io, unsigned member, lba_t lba, uint32_t blocks,
                const struct why *why);
/* job_target.c: what each target holds */
void target_bad(struct job *j, unsigned t, lba_t lba, uint64_t blocks, const struct why *why);
/* This block of a member was told already. */
bool target_is_bad(const struct job *j, unsigned member, lba_t lba);
/* What it was sent may be gone: all of it is missed. Nothing of the job is in flight. */
void target_again(struct job *j, unsigned t);
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
