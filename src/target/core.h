/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the target core, shared by the files of src/target only.
 *
 * Flow: target.c takes events; port.c turns a burst into the messages, command and data of one
 * tenure; dispatch.c accepts or refuses the command; task.c keeps the task set, order.c says which
 * may start, allegiance.c what holds them up, abort.c what ends them; lu.c has the logical units;
 * cmd_*.c run them; reply.c writes phase programs; silent.c has the rules of a mirroring tenure.
 */
#ifndef TARGET_CORE_H
#define TARGET_CORE_H

#include "scsi/cdb.h"
#include "scsi/msg.h"
#include "scsi/sense.h"
#include "scsi/status.h"
#include "target/background.h"
#include "target/fault.h"
#include "target/mode.h"
#include "target/reserve.h"
#include "target/target.h"
#include "target/ua.h"

#include <sys/queue.h>

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

#define TGT_GEN_SHIFT   15 /* an op is slot | generation << TGT_GEN_SHIFT */
#define TGT_FORMAT_HEAD 12 /* bytes of a FORMAT UNIT's list before the pattern */

struct task {
	enum task_state state;
	TAILQ_ENTRY(task) link;
	uint32_t gen; /* goes up each time that the slot is used: an op names slot and gen */
	uint8_t initiator, lun;
	struct tgt_lu *lu;       /* never NULL: `absent` where there is none */
	uint32_t epoch;          /* of the initiator's attach */
	enum scsi_msg_kind attr; /* MSG_SIMPLE (also untagged), _ORDERED, _HEAD_OF_QUEUE, _ACA */
	bool tagged;
	uint8_t tag;
	bool disc_priv;
	bool connected; /* the open tenure is this task's: its status needs no reselection */
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
	struct span small; /* DATA IN of quick commands: in tgt.resp, for this step only */

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
	bool copies, copy_wrote; /* its list was found right; what is in `in` goes to `on` */
	ns_t due;                /* TASK_DONE that waits; else NS_NEVER */
	bool told;               /* TASK_DRAIN: its status is TASK ABORTED */
	bool after_drain;        /* TASK_DONE that waits for its unit's tasks in TASK_DRAIN */
};
TAILQ_HEAD(task_list, task);

/* An initiator by SCSI ID. */
struct ini {
	bool up;
	uint32_t epoch;
};

/* EXTENDED COPY: what is kept of the last one that has a list identifier. */
enum copy_manager { COPY_RUNNING = 0x00, COPY_DONE = 0x01, COPY_FAILED = 0x02 };
struct copy_result {
	bool kept;
	uint8_t list;
	uint8_t manager; /* enum copy_manager */
	uint16_t segments;
	uint8_t status;
	struct scsi_sense sense;
};

/* What a logical unit keeps for an initiator (of the I_T_L nexus). */
struct nexus {
	struct ua ua;
	/* Since its last CHECK CONDITION: allegiance.c. */
	bool ca;
	bool has_sense; /* that nobody has asked for yet */
	uint8_t ca_lun;
	struct scsi_sense sense;
	ns_t ca_due; /* of ca */
	struct copy_result copy;
};

/*
 * What the bus would get if it asked for a program: the state of a tenure as we see it.
 *
 *   NEXT_MESSAGES -> NEXT_COMMAND -> [NEXT_DATA ->] NEXT_STATUS                     conventional
 *   ...           -> NEXT_COMMAND -> [NEXT_DATA ->] NEXT_MORE -> NEXT_PASS          leader
 *                       ^------ TARGET LEADER IDENTIFICATION -/ \-> NEXT_FREE on BUS RELEASE
 *   NEXT_LATCHED --ITEM_TOKEN--> [NEXT_DATA ->] NEXT_MORE -> NEXT_PASS              participant
 *   NEXT_LATCHED --ITEM_DATA_OUT--> NEXT_MORE                            participant, broadcast
 */
enum tenure_next {
	NEXT_MESSAGES, /* drive MESSAGE OUT */
	NEXT_COMMAND,  /* drive COMMAND */
	NEXT_DATA,     /* drive DATA OUT */
	NEXT_STATUS,   /* conventional: data in and status, or DISCONNECT */
	NEXT_LATCHED,  /* participant: not named yet */
	NEXT_MORE,     /* mirroring: drive MESSAGE OUT for the initiator's next message */
	NEXT_PASS,     /* leader: another one drives; keep BSY */
	NEXT_FREE,     /* release BSY */
	NEXT_DRAIN,    /* release BSY when what was aborted has left the store */
};

struct tenure {
	bool open;
	uint32_t number, token;
	bool wanted; /* the bus waits for our program */
	bool atn;
	uint8_t role, initiator;
	uint32_t epoch;
	enum tenure_next next;
	bool identified, disc_priv;
	uint8_t lun;
	bool tagged;
	uint8_t tag;
	enum scsi_msg_kind attr;
	bool mirror;    /* a mirroring tenure, by the messages */
	bool foreign;   /* ... of a group or device that is not ours: nothing is done for it */
	bool broadcast; /* ... in which one DATA OUT phase is for all: no token is handed over */
	uint16_t group;
	uint8_t device; /* ours */
	uint32_t op;
	uint8_t cdb[SCSI_CDB_MAX];
	uint8_t cdb_len;
	struct task *task; /* TASK_DATA, or to be answered in this tenure */
	uint8_t reply[64]; /* MESSAGE IN bytes that are due */
	uint8_t reply_len;
	/* Recovery from wrong parity. */
	bool last_item;   /* the one at hand is its burst's last */
	bool again;       /* the MESSAGE OUT phase is to come once more */
	bool restore;     /* RESTORE POINTERS goes before the next phase */
	uint8_t retries;  /* that this tenure has had */
	bool resumed;     /* its DATA OUT came in parts */
	uint8_t said[64]; /* the bytes of reply, as they went out last */
	uint8_t said_len; /* 0: nothing that MESSAGE PARITY ERROR could be about */
};

/* What the log pages count, since power on. A compare is a verification. */
enum log_kind { LOG_WRITE, LOG_READ, LOG_VERIFY, LOG_KINDS };
struct log_counters {
	uint64_t bytes;       /* that the store has done */
	uint64_t uncorrected; /* commands that a medium error ended */
};

/* Of one UNMAP: as VPD page B0h says. */
#define TGT_UNMAP_BLOCKS_MAX      (1U << 20)
#define TGT_UNMAP_DESCRIPTORS_MAX 256
/* Of one WRITE SAME, likewise. */
#define TGT_SAME_BLOCKS_MAX 32768

#define TGT_RESP_MAX 4096 /* data of quick commands */
/* Of READ BUFFER and WRITE BUFFER. An echo buffer's length has 13 bits. */
#define TGT_BUFFER_MAX 4096
_Static_assert(TGT_BUFFER_MAX <= TGT_RESP_MAX, "buffers");

struct tgt_echo {
	uint32_t len;
	uint8_t owner;  /* who wrote it last */
	uint32_t wrote; /* who ever did since the last reset, a bit for each ID */
	uint8_t bytes[TGT_BUFFER_MAX];
};
_Static_assert(WIRE_IDS <= 32, "wrote");

/* Byte 4 of PREVENT ALLOW MEDIUM REMOVAL and START STOP UNIT. */
#define TGT_PREVENT         0x01 /* the field's other values are obsolete */
#define TGT_START           0x01
#define TGT_POWER_CONDITION 4 /* a shift */

/* Power conditions (SBC-3, 4.20): those that START STOP UNIT asks for, until a command needs the
 * medium. */
enum tgt_power { POWER_ACTIVE, POWER_IDLE, POWER_STANDBY };

/* A logical unit: all that is one's own. What belongs to the port, or to the device as a whole, is
 * in struct tgt. */
/* Of the informational exception that is reported now. */
struct exceptions {
	uint32_t reports; /* so far */
	ns_t due;         /* the next one; NS_NEVER: none */
};

struct tgt_lu {
	bool present; /* not so: stands for all that are not there, or has gone */
	uint8_t lun;
	SLIST_ENTRY(tgt_lu) link; /* in `gone` */
	unsigned n_tasks;         /* that point to it */
	struct tgt_lu_config cfg;
	struct block *zeros;  /* one block */
	unsigned queue_depth; /* of its task set */
	struct modes modes;   /* current, saved */
	struct reserve resv;
	/* What a META_SAVE that is outstanding is for: it holds when that is done. */
	struct modes pending;
	struct reserve pending_resv;
	struct resv_effect pending_effect;
	bool saving;
	uint16_t aca;     /* auto contingent allegiances, by initiator */
	uint16_t faulted; /* CHECK CONDITIONs that QERR is about, by initiator: tgt.faulted */
	bool stopped;
	enum tgt_power power; /* when it is not stopped */
	bool store_dead;      /* a flush failed: for good */
	struct background bg;
	uint8_t buffer[TGT_BUFFER_MAX];
	struct tgt_echo echo;
	struct log_counters log[LOG_KINDS];
	struct exceptions exceptions;
	struct nexus nexus[WIRE_IDS];
	/* Mode page 02h (limits.c): of which values; what it says to the port. */
	struct mode_values limits_of;
	struct wire_limit limit;
	uint8_t saved[TGT_SAVED_MAX]; /* bytes of META_SAVE */
};

struct tgt {
	struct tgt_config cfg;
	ns_t now;
	bool attached, was_attached;
	uint64_t boot;
	uint8_t id;

	struct tgt_lu *lu[SCSI_LUNS]; /* NULL: not there */
	uint64_t luns; /* those that are there, by bit: looked through at each step */
	struct tgt_lu absent;
	SLIST_HEAD(, tgt_lu) gone; /* that tasks still point to */
	bool luns_changed;         /* the server has not been told yet */
	struct faults faults;
	struct ini ini[WIRE_IDS];

	struct tenure tenure;
	struct task *slot; /* luns * depth + 1: a command that is refused needs one, too */
	unsigned n_slots;
	struct task_list tasks;
	unsigned n_tasks;              /* in the list */
	bool faulted;                  /* some unit has tasks that QERR ends */
	unsigned n_in[TASK_DRAIN + 1]; /* of them, by state */
	uint32_t next_program;
	uint32_t next_bg; /* tells operations of the background apart */

	uint8_t armed;       /* enum wire_arm_mode, as last sent */
	uint64_t armed_luns; /* likewise, a bit for each */
	bool arm_sent;
	bool limits_due;     /* the port is to be told */
	uint8_t limits_told; /* how many units had any, as last sent */

	/* out */
	struct tgt_action *act;
	unsigned n_act, cap_act;
	uint8_t *arena; /* bytes that actions point to */
	size_t arena_used, arena_cap;
	struct block **held; /* references that the actions of this step need */
	unsigned n_held;
	uint8_t resp[TGT_RESP_MAX];
};

/* ---- lu.c ---- */

/* The events. */
void tgt_lu_added(struct tgt *t, struct tgt_lu *lu);
void tgt_lu_removed(struct tgt *t, uint8_t lun);
/* Frees those of `gone` that no task points to any more. */
void tgt_lu_reap(struct tgt *t);
/* The one at this LUN: `absent` when there is none. */
struct tgt_lu *tgt_lu_at(struct tgt *t, uint8_t lun);
/* The next that is there, beginning with that at *lun; NULL: no more. */
struct tgt_lu *tgt_lu_next(const struct tgt *t, unsigned *lun);
#define LU_FOREACH(lu_, t_)                                                                        \
	for (unsigned lun_ = 0; ((lu_) = tgt_lu_next((t_), &lun_)) != NULL; lun_++)
/* The member of this group, of which a target has one at most; NULL: none. */
const struct tgt_lu *tgt_lu_of_group(const struct tgt *t, uint16_t group);
static inline struct nexus *tgt_nexus(const struct task *k)
{
	return &k->lu->nexus[k->initiator];
}
/* What is kept over a restart, and back. False with why. */
void tgt_lu_saved_put(const struct tgt_lu *lu, const struct mode_values *modes,
                      const struct reserve *resv, struct wr *w);
bool tgt_lu_saved_get(struct tgt_lu *lu, struct span bytes, char *why, size_t n);
/* REPORTED LUNS DATA HAS CHANGED has been heard of: nowhere pending any more. */
void tgt_lu_inventory_told(struct tgt *t, uint8_t initiator);
/* SPC-4, control mode page, TST=001b: each I_T nexus has a task set of its own. */
static inline bool tgt_lu_apart(const struct tgt_lu *lu)
{
	return lu->modes.current.tst == TST_EACH;
}
/* A UNIT ATTENTION for each initiator but this one; WIRE_NO_ID: for all. */
void tgt_lu_attention(struct tgt_lu *lu, uint8_t but, enum ua_kind ua);
/* Hard reset (SPC-4, 5.11): what a reset ends but the tasks, and its UNIT ATTENTION. */
void tgt_lu_reset(struct tgt_lu *lu, enum ua_kind ua);
/* The initiator is gone, or what it had here: its allegiance, what it wrote. */
void tgt_lu_lose_nexus(struct tgt_lu *lu, uint8_t initiator, enum ua_kind ua);

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
/* Statuses and allegiances whose time has come. */
void tgt_task_expire(struct tgt *t);
ns_t tgt_task_deadline(const struct tgt *t);
void tgt_task_check(const struct tgt *t);

/* ---- abort.c ---- */

/* Ends a task without a status; one in the store drains first. */
void tgt_task_abort(struct tgt *t, struct task *k);
/* initiator or lun WIRE_NO_ID: any. */
void tgt_task_abort_all(struct tgt *t, uint8_t initiator, uint8_t lun);
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
/* It must not start. */
bool tgt_allegiance_holds(const struct task *k);
void tgt_allegiance_expire(struct tgt *t);
ns_t tgt_allegiance_deadline(const struct tgt *t);

/* ---- order.c ---- */

/* Nothing stands against a task that waits: neither its attribute, nor an allegiance, nor another
 * task's blocks. */
bool tgt_order_may_start(const struct tgt *t, const struct task *k);

/* ---- port.c ---- */

void tgt_port_burst(struct tgt *t, const struct wire_burst *b, struct block *data);
/* The tenure's task, which was not answered, is over. */
void tgt_port_forget(struct tgt *t);
/* The tenure is over; a task whose data had not all come goes. */
void tgt_port_close(struct tgt *t);
/* Arming and memberships as they must be now, if the server was told otherwise. */
void tgt_port_arm(struct tgt *t);
void tgt_port_members(struct tgt *t);
/* What was aborted has left the store: answers an abort that waits for it. */
void tgt_port_drained(struct tgt *t);
/* The task's part in the tenure is over: its status comes by reselection. */
void tgt_port_detach(struct tgt *t, struct task *k);

/* ---- limits.c ---- */

/* Mode page 02h as a port's limits; lun is left alone. */
void tgt_limits_get(struct span page, struct wire_limit *out);
/* Tells the port, if they have changed. */
void tgt_limits_tell(struct tgt *t);

/* ---- message.c ---- */

/* All messages of one MESSAGE OUT phase. */
void tgt_message_out(struct tgt *t, struct span bytes);
/* One more try at a phase, if the tenure has not had too many. */
bool tgt_retry(struct tenure *n);
/* BUS FREE that the initiator does not expect: what it says when nothing else can be said. */
void tgt_message_unexpected_free(struct tgt *t);
/* RST, TARGET RESET, LOGICAL UNIT RESET: all but the tenure. */
void tgt_target_reset(struct tgt *t, enum ua_kind ua);

/* ---- silent.c ---- */

/* A SILENT MIRRORING message in MESSAGE OUT (or latched from it). */
void tgt_silent_message(struct tgt *t, const struct scsi_msg_mirror *m);
/* The command of the operation is ours to do: leader at COMMAND, participant at ITEM_TOKEN. */
void tgt_silent_accept(struct tgt *t);
void tgt_silent_token(struct tgt *t);
/* Our port has latched the data of a broadcast pass: we are asked only now. */
void tgt_silent_latched(struct tgt *t);
/* Answers the bus, if it waits. */
void tgt_silent_answer(struct tgt *t);

/* ---- exceptions.c ---- */

/* An informational exception is there. */
bool tgt_exception_is(const struct tgt_lu *lu);
/* Posts it as a UNIT ATTENTION if that is asked for, and due: before a command is looked at. */
void tgt_exception_report(const struct tgt *t, struct tgt_lu *lu);

/* ---- dispatch.c ---- */

enum cmd_flags {
	CMD_QUICK = 0x01,   /* answered at once, never queued */
	CMD_MEDIUM = 0x02,  /* touches the medium: faults strike, must be started */
	CMD_READY = 0x04,   /* must be started */
	CMD_NO_UA = 0x08,   /* no CHECK CONDITION for a UNIT ATTENTION (SAM-5, 5.14) */
	CMD_ANY_LUN = 0x10, /* answers for logical units that are not there */
	CMD_PASS = 0x20,    /* may be the command of a mirroring pass */
	CMD_KEEP_CA = 0x40, /* does not clear the contingent allegiance that it finds */
	CMD_BLOCKS = 0x80,  /* touches the blocks that its CDB names: order.c */
	CMD_THIN = 0x100,   /* only where logical blocks can be unmapped */
};

struct cmd {
	enum scsi_op op;
	uint16_t flags;
	/* Looks at the CDB. False: refused with k->sense. Sets k->want_out. */
	bool (*accept)(struct tgt *t, struct task *k);
	/* Quick: answers (k->status, k->small). Others: says what is to be done (k->work). False:
	 * ended, with k->status. */
	bool (*run)(struct tgt *t, struct task *k);
};
const struct cmd *tgt_cmd_find(enum scsi_op op); /* NULL: not supported */
/* The same by what this logical unit is like. */
const struct cmd *tgt_cmd_of(const struct tgt_lu *lu, enum scsi_op op);

/* A task for the tenure's command; refused ones come back in TASK_DONE. */
struct task *tgt_dispatch(struct tgt *t);
/* A task for a command that could not be read: in TASK_DONE, with this sense. */
struct task *tgt_dispatch_unread(struct tgt *t, struct scsi_sense sense);
/* False, with the sense set: INVALID FIELD IN CDB. bit 0xff: the whole byte. */
bool tgt_cdb_field_bad(struct task *k, uint16_t field, uint8_t bit);

/* True when byte `at` of the CDB has no bits but the allowed ones; else the pointer is at the first
 * of the others. */
bool tgt_cdb_only(struct task *k, uint16_t at, uint8_t byte, uint8_t allowed);

bool tgt_cmd_accept_rw(struct tgt *t, struct task *k);
bool tgt_cmd_accept_verify(struct tgt *t, struct task *k);
bool tgt_cmd_accept_write_atomic(struct tgt *t, struct task *k);
bool tgt_cmd_accept_sync(struct tgt *t, struct task *k);
bool tgt_cmd_accept_write_same(struct tgt *t, struct task *k);
bool tgt_cmd_run_write_same(struct tgt *t, struct task *k);
bool tgt_cmd_accept_pre_fetch(struct tgt *t, struct task *k);
bool tgt_cmd_run_pre_fetch(struct tgt *t, struct task *k);
bool tgt_cmd_run_rw(struct tgt *t, struct task *k);
bool tgt_cmd_run_sync(struct tgt *t, struct task *k);
bool tgt_cmd_accept_inquiry(struct tgt *t, struct task *k);
bool tgt_cmd_run_inquiry(struct tgt *t, struct task *k);
bool tgt_cmd_accept_mode_sense(struct tgt *t, struct task *k);
bool tgt_cmd_run_mode_sense(struct tgt *t, struct task *k);
bool tgt_cmd_accept_mode_select(struct tgt *t, struct task *k);
bool tgt_cmd_run_mode_select(struct tgt *t, struct task *k);
void tgt_cmd_mode_saved(struct tgt *t, struct task *k, bool ok);
bool tgt_cmd_accept_plain(struct tgt *t, struct task *k);
bool tgt_cmd_run_test_unit_ready(struct tgt *t, struct task *k);
bool tgt_cmd_accept_request_sense(struct tgt *t, struct task *k);
bool tgt_cmd_run_request_sense(struct tgt *t, struct task *k);
bool tgt_cmd_accept_read_capacity(struct tgt *t, struct task *k);
bool tgt_cmd_run_read_capacity(struct tgt *t, struct task *k);
bool tgt_cmd_run_reserve(struct tgt *t, struct task *k);
bool tgt_cmd_run_release(struct tgt *t, struct task *k);
bool tgt_cmd_accept_pr_in(struct tgt *t, struct task *k);
bool tgt_cmd_run_pr_in_read_keys(struct tgt *t, struct task *k);
bool tgt_cmd_run_pr_in_read_reservation(struct tgt *t, struct task *k);
bool tgt_cmd_run_pr_in_report_capabilities(struct tgt *t, struct task *k);
bool tgt_cmd_run_pr_in_read_full_status(struct tgt *t, struct task *k);
bool tgt_cmd_accept_pr_out(struct tgt *t, struct task *k);
bool tgt_cmd_run_pr_out(struct tgt *t, struct task *k);
/* It is a PERSISTENT RESERVE OUT. */
bool tgt_cmd_reserves(const struct task *k);
void tgt_cmd_reserve_saved(struct tgt *t, struct task *k, bool ok);
bool tgt_cmd_accept_report_luns(struct tgt *t, struct task *k);
bool tgt_cmd_run_report_luns(struct tgt *t, struct task *k);
bool tgt_cmd_accept_start_stop(struct tgt *t, struct task *k);
bool tgt_cmd_run_start_stop(struct tgt *t, struct task *k);

bool tgt_cmd_accept_report_opcodes(struct tgt *t, struct task *k);
bool tgt_cmd_run_report_opcodes(struct tgt *t, struct task *k);
bool tgt_cmd_accept_report_functions(struct tgt *t, struct task *k);
bool tgt_cmd_run_report_functions(struct tgt *t, struct task *k);
bool tgt_cmd_accept_log_select(struct tgt *t, struct task *k);
bool tgt_cmd_run_log_select(struct tgt *t, struct task *k);
bool tgt_cmd_accept_extended_copy(struct tgt *t, struct task *k);
bool tgt_cmd_run_extended_copy(struct tgt *t, struct task *k);
bool tgt_cmd_accept_copy_status(struct tgt *t, struct task *k);
bool tgt_cmd_run_copy_status(struct tgt *t, struct task *k);
bool tgt_cmd_run_copy_failed(struct tgt *t, struct task *k);
bool tgt_cmd_accept_copy_parameters(struct tgt *t, struct task *k);
bool tgt_cmd_run_copy_parameters(struct tgt *t, struct task *k);
/* What is to be done next, in k->on; false: nothing more, or it failed. */
bool tgt_copy_next(struct tgt *t, struct task *k);
/* What was read is over. */
void tgt_copy_drop(struct tgt *t, struct task *k);
/* Its status is known: that is kept. */
void tgt_copy_end(struct task *k);
bool tgt_cmd_accept_log_sense(struct tgt *t, struct task *k);
bool tgt_cmd_run_log_sense(struct tgt *t, struct task *k);

bool tgt_cmd_accept_prevent_allow(struct tgt *t, struct task *k);
bool tgt_cmd_run_prevent_allow(struct tgt *t, struct task *k);
bool tgt_cmd_accept_write_buffer(struct tgt *t, struct task *k);
bool tgt_cmd_run_write_buffer(struct tgt *t, struct task *k);
bool tgt_cmd_accept_read_buffer(struct tgt *t, struct task *k);
bool tgt_cmd_run_read_buffer(struct tgt *t, struct task *k);
bool tgt_cmd_accept_send_diagnostic(struct tgt *t, struct task *k);
bool tgt_cmd_run_send_diagnostic(struct tgt *t, struct task *k);
bool tgt_cmd_accept_receive_diagnostic(struct tgt *t, struct task *k);
bool tgt_cmd_run_receive_diagnostic(struct tgt *t, struct task *k);
bool tgt_cmd_accept_defects(struct tgt *t, struct task *k);
bool tgt_cmd_run_defects(struct tgt *t, struct task *k);

bool tgt_cmd_accept_unmap(struct tgt *t, struct task *k);
bool tgt_cmd_run_unmap(struct tgt *t, struct task *k);
bool tgt_cmd_accept_format(struct tgt *t, struct task *k);
bool tgt_cmd_run_format(struct tgt *t, struct task *k);
bool tgt_cmd_accept_sanitize(struct tgt *t, struct task *k);
bool tgt_cmd_run_sanitize(struct tgt *t, struct task *k);
bool tgt_cmd_run_sanitize_exit(struct tgt *t, struct task *k);
bool tgt_cmd_accept_get_lba_status(struct tgt *t, struct task *k);
bool tgt_cmd_run_get_lba_status(struct tgt *t, struct task *k);

/* What a command has to do, to these blocks: up to the first one that a medium error strikes. */
void tgt_cmd_start(struct tgt *t, struct task *k, lba_t first, uint32_t count, uint16_t work);
/* False, with the sense set: the unit may not be written. */
bool tgt_cmd_may_write(struct task *k);
/* Quick commands: w holds the data; the allocation length cuts them. */
void tgt_cmd_reply(struct tgt *t, struct task *k, const struct wr *w);

/* ---- cmd_unmap.c ---- */

/* From the first to the last block that an UNMAP, which has its list, names; *blocks 0: none. */
void tgt_unmap_extent(const struct task *k, lba_t *lba, uint64_t *blocks);
/* The next of its descriptors, as work. False: there is none. */
bool tgt_unmap_next(struct tgt *t, struct task *k);

/* ---- cmd_reserve.c ---- */

/* conflicts.def has a row for it. */
bool tgt_reserve_knows(enum scsi_op op);
/* False: RESERVATION CONFLICT. (PERSISTENT RESERVE OUT may find one by its keys, later.) */
bool tgt_reserve_allows(const struct task *k);
/* Some initiator that is up may not write. */
bool tgt_reserve_hinders(const struct tgt *t, const struct tgt_lu *lu);

/* ---- cmd_format.c ---- */

/* A FORMAT UNIT whose data came: more are to come, k->want_out of them. Else it has them all, or is
 * refused (k->status). */
bool tgt_format_more(struct tgt *t, struct task *k);

/* ---- background.c ---- */

/* The pattern of what is started next, repeated to a block; without it, zeros. */
void tgt_bg_fill(struct tgt_lu *lu, struct span pattern);
/* Nothing else is under way. */
void tgt_bg_start(struct tgt *t, struct tgt_lu *lu, enum bg_kind kind, unsigned passes);
/* False, with the sense set: it stands against this command, or what the last one left does. */
bool tgt_bg_allows(struct task *k, const struct cmd *c);
/* Commands that have to do with the whole unit, and use the background. */
bool tgt_bg_is_for(enum scsi_op op);
/* The task has to wait for its end. */
bool tgt_bg_in_the_way(const struct task *k);
/* What REQUEST SENSE says of it, if it says something. */
bool tgt_bg_sense(const struct tgt_lu *lu, struct scsi_sense *out);
/* Whose operation of the store this is; NULL: a task's. */
struct tgt_lu *tgt_bg_by_op(const struct tgt *t, uint32_t op);
void tgt_bg_store_done(struct tgt *t, struct tgt_lu *lu, enum tgt_store_result result);
void tgt_bg_meta_done(struct tgt *t, struct tgt_lu *lu, bool ok);
/* What a restart has to know, 0: nothing; and back. False: no such thing. */
uint8_t tgt_bg_kept(const struct background *b);
bool tgt_bg_keep(struct background *b, uint8_t kept);

/* ---- cmd_log.c ---- */

/* Work of the store that counts: blocks that were done; a medium error that ends the command. Work
 * that moves no blocks is not counted. */
void tgt_log_done(struct tgt_lu *lu, enum task_work work, uint32_t blocks);
void tgt_log_error(struct tgt_lu *lu, enum task_work work);

/* ---- vpd.c ---- */

/* INQUIRY shows them, too. */
#define TGT_VENDOR  "SMIRROR "
#define TGT_PRODUCT "EMULATED DISK   "

#define TGT_NAA_LEN 8
/* NAA designator: locally assigned, of the UUID. */
void tgt_vpd_naa(const struct tgt_lu *lu, uint8_t out[TGT_NAA_LEN]);
bool tgt_vpd_known(uint8_t code);
/* The whole page, which is known, to an empty w. */
void tgt_vpd_put(const struct tgt_lu *lu, uint8_t code, struct wr *w);

/* ---- work.c ---- */

/* Goes on with what k->work says; finishes the task when nothing is left. */
void tgt_work_next(struct tgt *t, struct task *k);
void tgt_work_store_done(struct tgt *t, const struct tgt_event *ev);
void tgt_work_meta_done(struct tgt *t, const struct tgt_event *ev);

/* ---- reply.c ---- */

void tgt_out_reset(struct tgt *t);
struct tgt_action *tgt_out_action(struct tgt *t, enum tgt_action_kind kind);
/* Keeps b alive for the actions of this step: takes over the caller's reference. */
void tgt_out_hold(struct tgt *t, struct block *b);
/* A cursor over what is left of the arena; tgt_out_take() keeps what was written. */
struct wr tgt_out_cursor(const struct tgt *t);
struct span tgt_out_take(struct tgt *t, const struct wr *w);
void tgt_out_die(struct tgt *t);

/* Programs that answer the open tenure. Each begins with the MESSAGE IN bytes that are due. */
void tgt_reply_phase(struct tgt *t, enum wire_item_kind kind, uint32_t len);
/* MESSAGE OUT once more: all bytes of the phase that came last. */
void tgt_reply_again(struct tgt *t);
void tgt_reply_disconnect(struct tgt *t);
/* Data in, status, COMMAND COMPLETE of a task: in its tenure, or by reselection. */
void tgt_reply_status(struct tgt *t, struct task *k);

#endif
