/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks: what one is, the task set (task.c), which may start (order.c), what holds them up
 * (allegiance.c), what ends them (abort.c), and what they do to the store (work.c).
 */
#ifndef TARGET_TASK_H
#define TARGET_TASK_H

#include "scsi/cdb.h"
#include "scsi/msg.h"
#include "scsi/sense.h"
#include "target/target.h"

#include <sys/queue.h>

struct drain; /* tenure.h */

/*
 * A task (SAM-5, clause 8; here also of a mirroring pass).
 *
 *              accepted            data came             submitted           may start
 *   TASK_FREE ---------> TASK_DATA ---------> TASK_READY ---------> TASK_WAITING ----> TASK_RUNNING
 *      ^ |                                        ^  |                  |               |    |
 *      | +------ accepted, no data to come -------+  +-- data bad ----+ | needs no store|    |
 *      | +------ refused ---------------------------------------+     | |               |    |
 *      |                                                        v     v v store answered|    |
 *      +<-- the status went out ---------------------------- TASK_DONE <----------------+    |
 *      +<-- the store answered ------------------- TASK_DRAIN <-------------- aborted -------+
 *
 * Invariants (task_check): TASK_DATA and TASK_READY only for the task of the open tenure, or
 * parked; a store operation is outstanding exactly in TASK_RUNNING and TASK_DRAIN; blocks are held
 * only outside of TASK_FREE; tasks outside of TASK_FREE are in the list `tasks`, oldest first.
 * TASK_DONE waits for `due` (slow), for what it aborted to leave the store (after_drain), or for
 * the bus to ask (connected).
 */
enum task_state {
	TASK_FREE,
	TASK_DATA,
	TASK_READY,
	TASK_WAITING,
	TASK_RUNNING,
	TASK_DONE,
	TASK_DRAIN,
};

/* What is left to do for a task; done from the lowest bit up. */
enum task_work {
	WORK_READ = 0x01,
	WORK_MATCH = 0x02, /* as COMPARE, before it writes */
	WORK_WRITE = 0x04, /* ORWRITE: also reads */
	WORK_ZERO = 0x08,
	WORK_FLUSH = 0x10,
	WORK_COMPARE = 0x20,
	WORK_VERIFY = 0x40,
	WORK_SAVE = 0x80, /* META_SAVE */
	WORK_MAP = 0x100,
};

#define TGT_BEYOND_MAX  8  /* tasks that are refused, and whose DATA OUT comes later */
#define TGT_GEN_SHIFT   15 /* an op is slot | generation << TGT_GEN_SHIFT */
#define TGT_FORMAT_HEAD 12 /* bytes of a FORMAT UNIT's list before the pattern */

struct task {
	enum task_state state;
	TAILQ_ENTRY(task) link;
	uint32_t gen; /* goes up each time that the slot is used: an op names slot and gen */
	uint8_t initiator, lun;
	struct tgt_lu *lu;        /* never NULL: `absent` where there is none */
	uint32_t epoch;           /* of the initiator's attach */
	uint32_t tenure;          /* in which it came: which of the tasks that had its tag it is */
	uint32_t members_changes; /* of its nexus, when it came */
	enum scsi_msg_kind attr;  /* MSG_SIMPLE (also untagged), _ORDERED, _HEAD_OF_QUEUE, _ACA */
	bool tagged;
	uint8_t tag;
	bool disc_priv;
	bool connected; /* the open tenure is this task's: its status needs no reselection */
	bool units;     /* came by information units: its sense data go with its status */
	bool silent;    /* of a mirroring pass; group, device, op name it */
	uint16_t group;
	uint8_t device;
	uint32_t op;
	struct scsi_cdb cdb;

	uint8_t status;
	struct scsi_sense sense; /* with CHECK CONDITION */
	uint32_t want_out;       /* bytes of its DATA OUT phase */
	struct block *data;      /* DATA OUT, held */
	uint32_t data_off;
	/* FORMAT UNIT: what came of the list before `data`. */
	uint8_t head[TGT_FORMAT_HEAD], head_len;
	bool parked;       /* TASK_WAITING, for what goes on in the background */
	struct block *in;  /* DATA IN of reads, held */
	uint32_t split;    /* the tenure whose DATA OUT goes on later, 0: none */
	bool beyond;       /* the same, when its unit had no room for it */
	struct span small; /* DATA IN of quick commands: in tgt.resp, for this step only */

	uint8_t protection;   /* the unit's when it was accepted */
	uint16_t work, doing; /* enum task_work */
	lba_t first;          /* the range, cut off before bad_lba */
	uint32_t count;       /* blocks of it */
	uint32_t pos;         /* blocks of it that the present work has done */
	uint32_t chunk;       /* blocks in the operation that is outstanding */
	bool bad;             /* a medium error strikes at bad_lba */
	lba_t bad_lba;
	uint16_t step;     /* UNMAP: descriptors that were begun; EXTENDED COPY: segments done */
	struct tgt_lu *on; /* EXTENDED COPY: whose store is worked on; NULL: lu's */
	uint64_t copied;   /* EXTENDED COPY: bytes of the segment */
	bool copies, copy_wrote; /* its list was found right, and it has not ended; what is in `in`
	                            goes to `on` */
	ns_t due;                /* TASK_DONE that waits; else NS_NEVER */
	ns_t drains;             /* TASK_DRAIN: since then */
	bool told;               /* TASK_DRAIN: its status is TASK ABORTED */
	bool after_drain;        /* TASK_DONE that waits for its unit's tasks in TASK_DRAIN */
	bool delayed;            /* TASK_DONE that waits for an allegiance to end */
};
TAILQ_HEAD(task_list, task);

/* ---- task.c ---- */

struct task *tgt_task_take(struct tgt *t);
void tgt_task_drop(struct tgt *t, struct task *k); /* to TASK_FREE */
/* The task that has this nexus and has not been aborted, or NULL. */
struct task *tgt_task_find(struct tgt *t, uint8_t initiator, uint8_t lun, bool tagged, uint8_t tag);
struct task *tgt_task_by_op(struct tgt *t, uint32_t op); /* NULL: an old one */
uint32_t tgt_task_op(const struct tgt *t, const struct task *k);
/* All that it needs is there: starts, or waits for its turn. */
void tgt_task_submit(struct tgt *t, struct task *k);
/* Starts what may start now. */
void tgt_task_run_waiting(struct tgt *t);
/* CHECK CONDITION with this sense, not sent yet. */
void tgt_task_fail(struct task *k, struct scsi_sense sense);
/* The status is known: sends it, now or when `slow` lets it. */
void tgt_task_finish(struct tgt *t, struct task *k);
/* Sends it now. */
void tgt_task_deliver(struct tgt *t, struct task *k);
/* Another state; keeps the counts. */
void tgt_task_set(struct tgt *t, struct task *k, enum task_state state);
/* It may still have a status: has not been aborted, or that is what it will say. */
static inline bool tgt_task_lives(const struct task *k)
{
	return k->state != TASK_DRAIN || k->told;
}
/* Delivers what tgt_allegiance_delays() has held back, as far as nothing does so any more. */
void tgt_task_deliver_delayed(struct tgt *t);
/* Statuses and allegiances whose time has come. */
void tgt_task_expire(struct tgt *t);
ns_t tgt_task_deadline(const struct tgt *t);
void tgt_task_check(const struct tgt *t);

/* ---- order.c ---- */

/* Nothing stands against a task that waits: neither its attribute, nor an allegiance, nor another
 * task's blocks. */
bool tgt_order_may_start(const struct tgt *t, const struct task *k);

/* ---- allegiance.c ---- */

/* CHECK CONDITION of k, which is not of a mirroring pass, goes out: CA, or ACA with NACA. */
void tgt_allegiance_begin(const struct tgt *t, const struct task *k);
/* Both kinds, and the sense. */
void tgt_allegiance_end(struct tgt_lu *lu, uint8_t initiator);
/* A command came: the end of a CA, unless it is queued, as one that had been on its way. */
void tgt_allegiance_sent(const struct task *k, bool queued);
/* REQUEST SENSE: takes what was kept. False: nothing was. */
bool tgt_allegiance_sense(const struct task *k, struct scsi_sense *out);
/* False, with the status: an ACA stands against it, or there is none for its ACA attribute. */
bool tgt_allegiance_admits(const struct tgt *t, struct task *k);
/* Its CHECK CONDITION has to wait: the sense of another one is still to be asked for. */
bool tgt_allegiance_delays(const struct task *k);
/* It must not start. */
bool tgt_allegiance_holds(const struct task *k);
void tgt_allegiance_expire(struct tgt *t);
ns_t tgt_allegiance_deadline(const struct tgt *t);

/* ---- abort.c ---- */

/* Ends a task without a status; one in the store drains first. */
void tgt_task_abort(struct tgt *t, struct task *k);
/* initiator or lun WIRE_NO_ID: any. */
void tgt_task_abort_all(struct tgt *t, uint8_t initiator, uint8_t lun);
/* Those that a unit which has gone had at this LUN: it tells nobody. */
void tgt_task_abort_gone(struct tgt *t, uint8_t lun);
/* Ends a task by the doing of `by`: another initiator is told, as TAS says. */
void tgt_task_abort_by(struct tgt *t, struct task *k, uint8_t by);
/* All of these nexuses, a bit for each, with this unit; `but` (or NULL) lives on. */
void tgt_task_abort_set(struct tgt *t, const struct tgt_lu *lu, uint16_t nexuses, uint8_t by,
                        const struct task *but);
/* PREEMPT AND ABORT, by k: ends all other tasks of these nexuses with its unit, and their
 * allegiances. The status of k waits until they have left the store. */
void tgt_task_preempt(struct tgt *t, struct task *k, uint16_t nexuses);
/* A CHECK CONDITION goes out, which QERR may be about; what it ends is ended by
 * tgt_task_queue_errors(). */
void tgt_task_faulted(struct tgt *t, const struct task *k);
/* False: there was nothing to be done. */
bool tgt_task_queue_errors(struct tgt *t);
/* It is TASK_DONE, and nothing stands against its status. */
bool tgt_task_ended(const struct tgt *t, const struct task *k);
/* k, which was aborted, has left the store: it goes, with TASK ABORTED where that was due, and so
 * do statuses that waited for it. */
void tgt_task_drained(struct tgt *t, struct task *k);

/* Whether any of these is in the store yet; since when tasks of their unit, whosever, have been
 * that were aborted: *since. */
bool tgt_task_drains(const struct tgt *t, const struct drain *d, ns_t *since);

/* ---- work.c ---- */

/* Goes on with what k->work says; finishes the task when nothing is left. */
void tgt_work_next(struct tgt *t, struct task *k);
void tgt_work_store_done(struct tgt *t, const struct tgt_event *ev);
void tgt_work_meta_done(struct tgt *t, const struct tgt_event *ev);

#endif
