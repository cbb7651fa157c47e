/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host adapter half of the initiator core: what is on the bus, tags,
 * nexuses, conventional tasks and mirroring passes. Sans-IO: frames and time go in, frames
 * come out. It knows nothing of groups in sync, jobs or images (initiator.h).
 *
 * Ownership: tasks and passes are the caller's memory (embed them); the hba links them
 * from start until done() was called. done() is called from hba_run(), never from within a start
 * function, so a caller may start the next one inside done().
 */
#ifndef INITIATOR_HBA_H
#define INITIATOR_HBA_H

#include "scsi/cdb.h"
#include "scsi/sense.h"
#include "scsi/status.h"
#include "wire/wire.h"

#include <sys/queue.h>

struct hba;
struct hba_task;
struct hba_pass;

struct hba_config {
	uint8_t id; /* our SCSI ID */
	uint8_t uuid[UUID_LEN];
	struct xfer xfer;           /* the best agreement that we offer */
	ns_t task_timeout_ns;       /* default of a task's timeout, machine time */
	ns_t status_timeout_ns;     /* of a pass: from the end of its tenure to the last status */
	ns_t tenure_chain_limit_ns; /* bus time that a tenure may have taken when a further pass is
	                               chained to it, up to WIRE_CHAIN_NS_MAX; 0: no chaining */
	uint64_t seed;
	uint32_t first_op; /* operation id of the first pass after an attach; 0: 1 */
};

/* What no caller of a task or pass is told. Counted since hba_new(). */
struct hba_stats {
	uint64_t tenures;               /* reports */
	uint64_t stale_statuses;        /* of an old task, pass or attach: dropped */
	uint64_t stale_reports;         /* of a script that had ended here: dropped */
	uint64_t protocol_errors;       /* reports that make no sense */
	uint64_t internal_errors;       /* scripts of ours that the server refused */
	uint64_t overruns;              /* tasks with data in beyond what they had room for */
	uint64_t aborts, aborts_failed; /* ABORT TASK sent; not confirmed in time */
	uint64_t resets;
};

/*
 * What the hba keeps in a task or pass while it holds it: nothing here is the caller's.
 *
 *   IDLE -> WAITING (for credit and a tag) -> HANDED (the bus server has its script)
 *        -> NEXUS (task: disconnected; pass: statuses are awaited) -> DONE (done() is due) -> IDLE
 *   HANDED, NEXUS -> URGENT -> HANDED: a task's REQUEST SENSE, ahead of those that wait
 *   NEXUS -> ABORTING (task: ABORT TASK is on its way) -> DONE
 */
struct hba_timer {
	ns_t at; /* NS_NEVER: not armed */
	uint8_t kind;
	bool late; /* which list it is in */
	TAILQ_ENTRY(hba_timer) link;
};

struct hba_item {
	uint8_t kind, state;
	uint8_t tag;
	bool canceling;   /* HANDED: CANCEL was sent */
	uint16_t targets; /* by SCSI ID */
	uint32_t script;  /* 0: none */
	struct hba_timer timer;
	TAILQ_ENTRY(hba_item) link; /* WAITING, URGENT, DONE */
};

/* ---- what is on the bus ---- */

enum hba_target_state {
	HBA_ABSENT,   /* no port with this ID is up */
	HBA_SCANNING, /* being inquired and negotiated with */
	HBA_READY,    /* usable; the fields below are known */
	/* Answered the scan wrongly: `why` says how. Where that may pass (not ready, busy, somebody
	 * else's reservation, a UUID that a unit elsewhere has) it is inquired again from time to
	 * time, for an hour. */
	HBA_FAILED,
};

/*
 * A logical unit of a target. Units have numbers, which all of this header but tasks and passes
 * knows them by: 0 to 15 are LUN 0 of the target with that SCSI ID, whether it is there or not; the
 * others are further logical units, in the order in which they were found.
 */
#define HBA_UNITS 64

struct hba_target {
	uint8_t unit, id, lun;
	enum hba_target_state state;
	uint32_t epoch;  /* of its attach, as the bus server counts them since it was started */
	uint64_t attach; /* as we count them: another one each time that any of them comes back */
	/* READY: the attach in which it told last that it was started again (UNIT ATTENTION, POWER
	 * ON OCCURRED): what it had cached before is gone. 0: never. */
	uint64_t power_on;
	bool started; /* it has told so, and was not READY since */
	char why[160];
	uint8_t uuid[UUID_LEN]; /* from VPD 83h: the identity */
	/* from VPD C0h; of a further logical unit: that of LUN 0, a colon, the LUN */
	char name[TARGET_NAME_MAX + 1];
	char vendor[9], product[17], revision[5], serial[33];
	uint32_t block_size;
	uint64_t blocks;  /* capacity */
	struct xfer xfer; /* agreement in force */
	bool mirror;      /* has VPD C0h */
	struct vpd_mirror vpd;
	struct mode_mirror
	        member; /* mode page 30h as read, or its saved values, by hba_set_member() */
	/* private: likewise, as it was when the unit could be written to for the last time: as the
	 * scan read it, or ours */
	struct mode_mirror asked;
	unsigned in_flight;        /* tasks and passes that wait for its status */
	uint64_t commands, errors; /* since its attach */
};

struct hba *hba_new(const struct hba_config *cfg);
/* What is in flight ends without done(): the adapter gives back the references to data that it has
 * (block.release is called), so tasks, passes and what they refer to must still be there. */
void hba_free(struct hba *h);

/* Always HBA_UNITS entries. */
const struct hba_target *hba_target(const struct hba *h, uint8_t unit);
/* The unit at this SCSI ID and LUN, or WIRE_NO_ID: none is known. */
uint8_t hba_unit_at(const struct hba *h, uint8_t id, uint8_t lun);
/* By UUID; NULL when no target that is READY has it. */
const struct hba_target *hba_find(const struct hba *h, const uint8_t uuid[UUID_LEN]);
/* Another initiator that is attached, that with the lowest SCSI ID: its name, valid until the next
 * frame, and the ID; NULL and WIRE_NO_ID: there is none. Known of all ports once a target is READY:
 * the server tells them before anything else. */
const char *hba_other_initiator(const struct hba *h, uint8_t *id);
/* The same of the one with this UUID. The target callback is called with WIRE_NO_ID when one comes
 * or goes. */
const char *hba_initiator(const struct hba *h, const uint8_t uuid[UUID_LEN], uint8_t *id);
const uint8_t *hba_own_uuid(const struct hba *h);
/* Inquires all ports again (bus.scan). A target that says that its logical units have changed, or
 * the capacity or the mode pages of one (UNIT ATTENTION, 3Fh/0Eh, 2Ah/09h, 2Ah/01h), is inquired
 * anyway. */
void hba_scan(struct hba *h);
/* True when all ports were told to us since the attach and no target is SCANNING. A target that is
 * inquired again (hba_scan(), a reset) keeps its attach; what is started for it waits. */
bool hba_settled(const struct hba *h);
/* True from hba_attached() to hba_detached(). */
bool hba_up(const struct hba *h);
/* Asks for RST. */
void hba_reset_bus(struct hba *h);
/* Bus time and tenure of the last report. */
ns_t hba_bus_now(const struct hba *h);
const struct hba_stats *hba_stats(const struct hba *h);

/* ---- conventional tasks ---- */

enum hba_outcome {
	HBA_COMPLETED,         /* a status came */
	HBA_SELECTION_TIMEOUT, /* nobody answers at this ID */
	HBA_COMMAND_TIMEOUT,   /* no status in time; ABORT TASK was sent */
	HBA_BUS_RESET,
	HBA_ABORTED, /* by hba_task_abort(), the target's port going, the bus server going, or the
	                target (unexpected bus free) */
};

/* Task attributes (SAM-5), as the queue tag messages have them. */
enum hba_attribute { HBA_SIMPLE, HBA_ORDERED, HBA_HEAD_OF_QUEUE, HBA_ACA, HBA_ATTRIBUTES };
/* "head_of_queue" */
const char *hba_attribute_name(enum hba_attribute a);

struct hba_task {
	/* in */
	uint8_t target, lun;
	enum hba_attribute attribute;
	bool keeps_aca;     /* an ACA that it begins (NACA), or meets, is for the caller to end */
	bool untagged;      /* no queue tag message: only where the caller insists */
	bool no_disconnect; /* DiscPriv=0: the target keeps the bus until its status */
	/* The caller goes on after a UNIT ATTENTION: REQUEST SENSE asks for one even where its
	 * sense came with the status, or with UA_INTLCK_CTRL it would stay (SPC-4, control mode
	 * page). */
	bool takes_attention;
	bool no_auto_sense; /* CHECK CONDITION is left to the caller (scsi.execute keeps auto-sense
	                       on) */
	uint8_t cdb[SCSI_CDB_MAX];
	uint8_t cdb_len;
	struct block *data_out; /* whole block is sent from offset 0, data_out_len bytes; reference
	                           kept by the hba until done */
	uint32_t data_out_len;
	bool has_crc; /* data_out_crc is crc_data() of the data; else the hba computes it */
	uint32_t data_out_crc;
	uint32_t data_in_len; /* room */
	ns_t timeout_ns;      /* 0: default */
	/* Data that came, in order; offset within the task's data in. Take a reference to keep it.
	 */
	void (*data_in)(struct hba_task *t, uint32_t offset, struct block *data, uint32_t len);
	void (*done)(struct hba_task *t);
	void *ctx;
	/* out, valid in done() */
	enum hba_outcome outcome;
	uint8_t status; /* HBA_COMPLETED */
	bool aborted;   /* HBA_COMMAND_TIMEOUT, HBA_ABORTED: the target has confirmed ABORT TASK, or
	                   was not sent the task, or another one there has ended it: it does nothing
	                   more */
	bool has_sense;
	/* has_sense: with CHECK CONDITION, where information units are agreed on; else by REQUEST
	 * SENSE after it */
	struct scsi_sense sense;
	uint8_t sense_raw[SCSI_SENSE_MAX];
	uint8_t sense_raw_len;
	uint32_t moved_out, moved_in;
	uint64_t over_in; /* bytes of data in that there was no room for: dropped */
	ns_t bus_ns;      /* bus time of its tenures, REQUEST SENSE included */
	/* private */
	struct hba_item item;
	uint8_t end_as;            /* enum hba_outcome, once it is cancelled or aborted */
	bool ending, sensing;      /* end_as counts; the REQUEST SENSE is what runs */
	bool failed;               /* CHECK CONDITION came while ABORT TASK was on its way */
	bool own;                  /* the hba's: not held back while the target is scanned */
	bool asks;                 /* it counts in the port's asking */
	uint64_t driven_in;        /* bytes of data in that the target drove */
	uint8_t negotiate, answer; /* what goes out in the first MESSAGE OUT; what came back */
	struct xfer xfer;
};

/* Queues a task. It waits for the target's credit (its queue depth), never on the bus. */
void hba_task_start(struct hba *h, struct hba_task *t);
/* Ends it early: done() is called with HBA_ABORTED once the abort is confirmed or the target is
 * gone. */
void hba_task_abort(struct hba *h, struct hba_task *t);

/* ---- mirroring passes ---- */

#define HBA_PASS_MEMBERS         16
#define HBA_BROADCAST_DEVICE_MAX 31 /* the bitmap of a broadcast pass has 32 bits */

enum hba_member_outcome {
	PASS_STATUS,    /* its MIRROR STATUS came: status and sense say what it did */
	PASS_NOT_TAKEN, /* it never had its data (no taker, token timeout, tenure ended before):
	                   nothing was written */
	PASS_LOST, /* its port went, the bus was reset or the server went: what it wrote is unknown
	            */
	PASS_TIMEOUT, /* no status in time; ABORT TASK was sent: what it wrote is unknown */
};

struct hba_pass_member {
	uint8_t target; /* SCSI ID: each once */
	uint8_t lun;    /* of the leader it is in IDENTIFY; the others know theirs */
	uint8_t device; /* device id in the group */
	/* out */
	enum hba_member_outcome outcome;
	uint8_t status;
	bool has_sense;
	struct scsi_sense sense;
	bool aborted;   /* PASS_TIMEOUT: ABORT TASK was confirmed, it writes nothing more */
	uint32_t moved; /* bytes it took in its DATA OUT phase */
	/* private */
	uint8_t leg; /* enum wire_leg_result */
};

/*
 * One mirroring pass. Silent: select the leader (member 0), identification, CDB, block, the other
 * members in turn, BUS RELEASE, statuses. Broadcast: the identification names all members, and the
 * block goes out once. It has a tenure of its own, or goes on under that
 * of another pass for the same leader (tenure_chain_limit_ns): that is the port's choice.
 */
struct hba_pass {
	/* in */
	/* One DATA OUT phase for all members, whose device ids are below 32 and whose agreements
	 * are equal; it needs data. Who cannot latch them at once ends as PASS_NOT_TAKEN. */
	bool broadcast;
	uint16_t group;
	struct scsi_cdb cdb;
	struct block *data; /* data_len bytes from offset 0; reference kept by the hba until done.
	                       NULL: no data (SYNCHRONIZE CACHE) */
	uint32_t data_len;
	uint32_t crc; /* crc_data() of the data */
	unsigned n;   /* members, 1..HBA_PASS_MEMBERS */
	struct hba_pass_member m[HBA_PASS_MEMBERS];
	void (*done)(struct hba_pass *p);
	void *ctx;
	/* out */
	uint32_t op;        /* operation id that the hba gave it */
	ns_t bus_ns;        /* bus time: its tenure (of a shared one: its part), and the status
	                       tenures */
	bool leader_failed; /* selection timed out, or the leader let the bus go early: elect
	                       another */
	/* private */
	struct hba_item item;
	uint16_t waiting; /* members whose outcome is open, by index */
	uint16_t gone;    /* members whose port went before the tenure was reported */
	bool reported;    /* the tenure was */
};

void hba_pass_start(struct hba *h, struct hba_pass *p);

/* Writes (or clears: all zero) mode page 30h, saved, on a target and reads it back. The result as
 * of any task. It looks first: a page that another initiator wrote since it was last read, and that
 * makes the target a member of some other group, or is not as the caller takes it to be, is left
 * alone (`conflict`). A page that is there already is not written, unless it is to be written
 * `anew`, and then only that one: the target forgets that it was started since it was written (VPD
 * page C0h). Another attach, or a UNIT ATTENTION, ends that: it may be of another start. */
struct hba_set_member {
	struct hba_task task; /* done() and ctx are the hba's */
	struct mode_mirror page;
	struct mode_mirror was; /* what the caller takes the page to be now */
	bool anew;
	void (*done)(struct hba_set_member *s, bool ok, const char *why);
	void *ctx;
	struct block *
	        param; /* made by the caller: block_new(MODE_MIRROR_LEN + 16); dropped by the hba */
	bool conflict; /* valid in done() */
	bool busy;     /* likewise: not done, but only for now */
	bool may_have; /* likewise: not known to be done, but the target may have the page */
	/* private */
	struct hba *hba;
	uint8_t unit, tries;
	uint8_t uuid[UUID_LEN]; /* of the unit: nobody else gets the page */
	uint64_t attach;
	bool reading, wrote;
	uint8_t got[MODE_MIRROR_LEN + 8];
	uint32_t got_len;
};
void hba_set_member(struct hba *h, uint8_t unit, struct hba_set_member *s);

/* ---- driving it ---- */

/* A change of what is on the bus, for the upper half (state changed, READY in a new attach, gone).
 */
typedef void (*hba_target_fn)(void *ctx, uint8_t unit);
void hba_on_target(struct hba *h, hba_target_fn fn, void *ctx);
/* RST was seen. */
typedef void (*hba_reset_fn)(void *ctx, uint8_t by);
void hba_on_reset(struct hba *h, hba_reset_fn fn, void *ctx);
/* Tasks that this unit was given and that ended without their abort having been confirmed have left
 * its store: nothing of them lands any more. */
typedef void (*hba_drained_fn)(void *ctx, uint8_t unit);
void hba_on_drained(struct hba *h, hba_drained_fn fn, void *ctx);

/* The connection to the bus server is up (ATTACHED came) or down. Down: all tasks and passes end.
 */
void hba_attached(struct hba *h, const struct wire_attached *a, ns_t now);
void hba_detached(struct hba *h, ns_t now);
/* True after the server answered neither CANCEL nor RST in time: all has ended as by
 * hba_detached(); close the connection and attach anew. */
bool hba_server_lost(const struct hba *h);
/* A frame of the bus server. MGMT answers, TRACE and ERROR texts are the caller's to look at;
 * others are consumed here. */
void hba_frame(struct hba *h, const struct wire_frame *f, ns_t now);
/* Lets time pass and runs what is due: completions, waiting tasks, timeouts. Call after each batch
 * of frames and at the deadline. */
void hba_run(struct hba *h, ns_t now);
ns_t hba_deadline(const struct hba *h);
/* The next frame to send, or NULL; valid until the next call of any hba function. */
const struct wire_frame *hba_output(struct hba *h);
/* Asserts every invariant (tests call it after each step). */
void hba_check(const struct hba *h);

#endif
