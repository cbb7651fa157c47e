/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The insides of the host adapter, for its own files (hba*.c) only.
 *
 * Everything is found by a handle: a script by its id (an index and a generation), the task or
 * pass of a status by (target, tag). Nothing is searched for.
 */
#ifndef INITIATOR_HBA_CORE_H
#define INITIATOR_HBA_CORE_H

#include "initiator/hba.h"

#ifndef HBA_TAGS     /* fewer, for fuzzing: a multiple of 64 */
#define HBA_TAGS 256 /* of a target; 0 stands for an untagged task */
#endif
#define HBA_SCRIPTS    512 /* live scripts, queued or nexuses: as many as the server keeps */
#define HBA_LIVE_MAX   448 /* the same, for what waits its turn */
#define HBA_DATA_MAX   (192ULL * MIB) /* data of live scripts: below the server's 256 MiB */
#define HBA_QUEUED_MAX 48             /* scripts that the server holds and has not yet run */
#define HBA_URGENT_MAX                                                                             \
	60 /* the same, for REQUEST SENSE, scans and ABORT TASK: below the server's 64 */
#define HBA_OUT_MAX   (2 * HBA_SCRIPTS + 8)
#define HBA_ITEMS_LEN 8192 /* encoded items of one script */
#define HBA_SCAN_BUF  256  /* what is asked for of a page */
#define HBA_SCAN_LUNS (8 + 8 * SCSI_LUNS)
#define HBA_EXTRA     (HBA_UNITS - WIRE_IDS) /* units beside LUN 0 of each ID */
#define HBA_ABORT_NS  NS_PER_S               /* for ABORT TASK to be carried out */
#define HBA_AGAIN_NS  NS_PER_S               /* after which a rejected one is said again */
#define HBA_LOST_TAGS 128 /* quarantined tags of one target that lead to a bus reset */

enum hba_item_kind { HBA_ITEM_TASK, HBA_ITEM_PASS };
enum hba_item_state {
	HBA_IDLE,
	HBA_WAITING,
	HBA_URGENT,
	HBA_HANDED,
	HBA_NEXUS,
	HBA_ABORTING,
	HBA_DONE,
};
enum hba_timer_kind { HBA_TIMER_ITEM, HBA_TIMER_TAG, HBA_TIMER_SCAN };

TAILQ_HEAD(hba_items, hba_item);
TAILQ_HEAD(hba_timers, hba_timer);

enum hba_script_kind { HBA_SCRIPT_NONE, HBA_SCRIPT_TASK, HBA_SCRIPT_PASS, HBA_SCRIPT_ABORT };

struct hba_script {
	uint32_t id; /* 0: free */
	uint32_t generation;
	uint8_t kind;
	uint8_t target, tag;
	bool queued;    /* counted in hba.queued */
	bool sent;      /* taken by hba_output() */
	size_t data;    /* bytes that the server keeps for it */
	uint32_t known; /* the latest epoch of a port, then: it is not for who comes later */
	struct hba_item *item;
	uint16_t next_free;
};

/*
 * A tag of a target.
 *
 *   FREE -> BUSY (owner) -> FREE                when the owner's task is over at the target
 *   BUSY -> ABORTING -> FREE                    ABORT TASK was confirmed
 *                    -> QUARANTINED -> FREE     it was not; a new epoch or a bus reset frees it
 *   QUARANTINED -> ABORTING (no owner)          again, a second later
 *
 * ABORTING outlives its owner: the tag is not used again as long as an ABORT TASK script for it may
 * still run.
 */
enum hba_tag_state { HBA_TAG_FREE, HBA_TAG_BUSY, HBA_TAG_ABORTING, HBA_TAG_QUARANTINED };

struct hba_tag {
	uint8_t state;
	uint8_t target, tag, lun;
	uint8_t member; /* the owner's, where it is a pass */
	bool canceling; /* ABORTING: CANCEL was sent for its script */
	bool aca;       /* what it leaves at the target is ended by CLEAR ACA */
	bool over;      /* ABORTING: the task is over anyway, the end of the script frees the tag */
	bool again;     /* ABORT TASK was said before, and not confirmed */
	uint32_t epoch; /* of the target, when it was taken */
	uint32_t script; /* ABORTING: its script, 0: not handed over yet */
	struct hba_item *owner;
	/* What the task writes, or NULL: its memory is not used for other data as long as the
	 * target may still read it, which is longer than the owner waits. */
	struct block *data;
	struct hba_timer timer;
	TAILQ_ENTRY(hba_tag) link; /* ABORTING, not handed over */
};
TAILQ_HEAD(hba_tag_list, hba_tag);

struct hba_scan {
	struct hba_task task;
	bool again;   /* start over when the task is back, or after a rest */
	bool probing; /* units that were not ready, while others are at work */
	uint8_t step, tries;
	uint8_t probes; /* since the last scan of the whole target */
	struct hba_timer timer;
	struct hba_target found;
	uint8_t answer;
	struct xfer offer;
	uint64_t luns;   /* that are still to be inquired, a bit for each */
	uint64_t asked;  /* whose page 30h has been asked for, and no answer has come yet */
	uint64_t later;  /* that were not ready, or somebody else's: to be probed */
	bool not_now;    /* the unit at hand is one of them */
	bool unlisted;   /* REPORT LUNS has not been answered */
	bool outdated;   /* the target has said that what was read, list or size, is another now */
	uint8_t relists; /* scans because of that, since one was asked for */
	uint8_t buf[HBA_SCAN_LUNS];
	uint32_t got;
};

/* Another initiator with this SCSI ID. */
struct hba_initiator {
	bool up;
	uint32_t epoch;
	uint8_t uuid[UUID_LEN];
	char name[TARGET_NAME_MAX + 1];
};

struct hba_port {
	struct hba_target t; /* LUN 0; in_flight: of all */
	bool up;             /* a target's port */
	struct hba_initiator other;
	bool scanning;        /* what is started for it waits */
	unsigned depth;       /* credit */
	unsigned frozen;      /* tasks with a REQUEST SENSE due or running */
	unsigned asking;      /* tasks that ask for page 30h, handed */
	uint64_t sensing;     /* logical units that have some of them */
	uint64_t mixed;       /* ... that have had several at once: whose sense is whose? */
	unsigned waiting;     /* items in hba.waiting that want it */
	unsigned quarantined; /* tags */
	uint8_t next_tag;
	uint64_t free_tags[HBA_TAGS / 64];
	struct hba_tag tag[HBA_TAGS];
	struct hba_scan scan;
};

enum hba_out_kind { HBA_OUT_SCRIPT, HBA_OUT_CANCEL, HBA_OUT_RESET, HBA_OUT_PING };

struct hba {
	struct hba_config cfg;
	struct hba_stats stats;
	bool attached, settled, lost;
	ns_t now, bus_now, report_ns, sent_ns, heartbeat_ns;
	uint32_t next_op;
	uint32_t known;    /* the latest epoch that the server has told of */
	uint64_t attaches; /* of targets, so far */
	unsigned passes;   /* handed over and not yet done */
	struct hba_port port[WIRE_IDS];
	struct hba_target extra[HBA_EXTRA]; /* by unit - WIRE_IDS; each keeps its ID and LUN */
	unsigned n_extra;

	struct hba_items waiting, urgent, done;
	unsigned n_done;
	struct hba_tag_list aborts;
	struct hba_timers timers[2]; /* hba_sched.c */
	bool dirty;                  /* something may be startable */

	struct hba_script script[HBA_SCRIPTS];
	uint16_t free_script;
	unsigned queued, live;
	uint64_t data; /* of live scripts */

	struct {
		uint8_t kind;
		uint32_t id;
	} out[HBA_OUT_MAX];
	unsigned out_first, out_n;
	bool pong, resetting;
	ns_t reset_until; /* resetting: RST is to be seen by then */
	uint64_t pong_cookie, ping_cookie;
	struct wire_frame frame;
	uint8_t items[HBA_ITEMS_LEN];

	uint64_t changed; /* units to be told of */
	bool initiators_changed;
	hba_target_fn target_fn;
	void *target_ctx;
	uint8_t reset_by;
	bool reset_seen;
	hba_reset_fn reset_fn;
	void *reset_ctx;
	hba_drained_fn drained_fn;
	void *drained_ctx;
	uint64_t units_drained; /* of which that is to be told, a bit for each */
};

#define HBA_OWNER(ptr, type, field) ((type *)(void *)((char *)(ptr)-offsetof(type, field)))
static inline struct hba_task *hba_task_of(struct hba_item *i)
{
	return HBA_OWNER(i, struct hba_task, item);
}
static inline struct hba_pass *hba_pass_of(struct hba_item *i)
{
	return HBA_OWNER(i, struct hba_pass, item);
}

/* ---- hba.c ---- */

void hba_out(struct hba *h, enum hba_out_kind kind, uint32_t id);
void hba_target_changed(struct hba *h, uint8_t unit);
/* As hba_target(), to be written. */
struct hba_target *hba_unit(struct hba *h, uint8_t unit);
/* Who counts what is for this LUN: LUN 0 where it is not known. */
struct hba_target *hba_counts(struct hba *h, uint8_t id, uint8_t lun);
/* Another state for each further logical unit at this ID. */
void hba_extras_state(struct hba *h, uint8_t id, enum hba_target_state state);

/* ---- hba_sched.c: timers, scripts, who may start ---- */

void hba_timer_set(struct hba *h, struct hba_timer *t, ns_t at);
void hba_timer_clear(struct hba *h, struct hba_timer *t);
/* The one that expires first, NULL: none is set. */
struct hba_timer *hba_timer_first(const struct hba *h);
/* Runs those that are due; they may set new ones. */
void hba_timers_run(struct hba *h);

/* NULL when all are in use. The script is queued for output. */
struct hba_script *hba_script_new(struct hba *h, enum hba_script_kind kind, uint8_t target,
                                  uint8_t tag, struct hba_item *item);
struct hba_script *hba_script_find(struct hba *h, uint32_t id);
/* The server has run it once (or refused it): it is in no queue any more. */
void hba_script_ran(struct hba *h, struct hba_script *s);
/* It is over, or we want to hear no more of it. *id becomes 0. */
void hba_script_drop(struct hba *h, uint32_t *id);

void hba_item_init(struct hba_item *i, enum hba_item_kind kind, uint16_t targets);
void hba_item_wait(struct hba *h, struct hba_item *i);
void hba_item_urgent(struct hba *h, struct hba_item *i);
/* Takes it out of the list that it waits in. */
void hba_item_unlink(struct hba *h, struct hba_item *i);
void hba_item_done(struct hba *h, struct hba_item *i);
/* Hands over what has credit, a tag and room in the server's queue. */
void hba_pump(struct hba *h);

/* ---- hba_tag.c ---- */

void hba_tags_init(struct hba *h);
/* A tag 1..255 that is free on all of `targets`, 0 if there is none. */
uint8_t hba_tag_pick(struct hba *h, uint16_t targets);
void hba_tag_take(struct hba *h, uint8_t target, uint8_t tag, struct hba_item *owner,
                  uint8_t member, uint8_t lun, struct block *data);
/* The first tag from this one on that is not free; HBA_TAGS: none. */
unsigned hba_tag_in_use(const struct hba_port *p, unsigned from);
/* The owner leaves; its task is over at the target. */
void hba_tag_release(struct hba *h, uint8_t target, uint8_t tag);
/* The owner leaves; its task may live on at the target: it is aborted. */
void hba_tag_drop(struct hba *h, uint8_t target, uint8_t tag);
/* The task, which is about to be released, has left an ACA condition: CLEAR ACA goes out before the
 * tag is free. */
void hba_tag_left_aca(struct hba *h, uint8_t target, uint8_t tag);
/* Aborts the owner's task: the owner hears of it by hba_task_aborted() or hba_pass_aborted(). */
void hba_tag_abort(struct hba *h, uint8_t target, uint8_t tag);
/* Takes that back, if it is not on its way yet: the owner's task has ended by itself. False: it is;
 * hba_task_sense() is called when it is over. */
bool hba_tag_keep(struct hba *h, uint8_t target, uint8_t tag);
/* All tasks of a target are void (a new epoch, a bus reset). Owners have been dealt with. */
void hba_tags_void(struct hba *h, uint8_t target);
/* The server went, and all scripts with it. */
void hba_tags_clear(struct hba *h, uint8_t target);
bool hba_abort_hand(struct hba *h, struct hba_tag *g);
void hba_abort_build(struct hba *h, const struct hba_tag *g, struct wr *w);
void hba_abort_report(struct hba *h, struct hba_script *s, const struct wire_tenure *tn);
void hba_abort_expired(struct hba *h, struct hba_tag *g);

/* ---- hba_task.c ---- */

enum hba_negotiate {
	HBA_NEGOTIATE_NONE,
	HBA_NEGOTIATE_PPR,
	HBA_NEGOTIATE_WDTR,
	HBA_NEGOTIATE_SDTR
};
enum hba_answer { HBA_ANSWER_NONE, HBA_ANSWER_AGREED, HBA_ANSWER_REJECTED };

bool hba_task_hand(struct hba *h, struct hba_task *t); /* false: no tag, no script */
void hba_task_build(struct hba *h, const struct hba_task *t, struct wr *w, struct wire_frame *f);
void hba_task_report(struct hba *h, struct hba_task *t, const struct wire_tenure *tn,
                     struct block *data);
void hba_task_refused(struct hba *h, struct hba_task *t);
void hba_task_expired(struct hba *h, struct hba_task *t);
void hba_task_aborted(struct hba *h, struct hba_task *t, bool confirmed);
/* The ABORT TASK that CHECK CONDITION came before is over, and the tag is the task's again: what
 * happened is asked for. */
void hba_task_sense(struct hba *h, struct hba_task *t);
/* Its nexus is gone (bus reset, port down, server down). */
void hba_task_lost(struct hba *h, struct hba_task *t, enum hba_outcome outcome);
void hba_task_tell(struct hba_task *t);
/* In place of telling: the adapter is freed. */
void hba_task_forget(struct hba_task *t);

/* ---- hba_member.c ---- */

/* What is read of page 30h. If another initiator has taken its group over since the scan read it
 * before, what waits was meant for ours (hba_waiting_taken()); if it has only written it anew, a
 * MODE SELECT of ours that waits was meant for what there was then. What a look finds, the scan
 * finds again: until that has asked, the target refuses, and more may wait. */
void hba_member_found(struct hba *h, const struct hba_target *t, const struct mode_mirror *is);
/* The task is that of an hba_set_member(), and writes. */
bool hba_member_selects(struct hba_task *t);
/* The task is that of an hba_set_member(), and only reads. */
bool hba_member_looks(struct hba_task *t);
/* hba_task_forget() of one, where it is one. */
void hba_member_forget(struct hba_task *t);

/* ---- hba_pass.c ---- */

bool hba_pass_hand(struct hba *h, struct hba_pass *p);
void hba_pass_build(struct hba *h, const struct hba_pass *p, struct wr *w, struct wire_frame *f);
void hba_pass_report(struct hba *h, struct hba_pass *p, const struct wire_tenure *tn);
void hba_pass_refused(struct hba *h, struct hba_pass *p);
void hba_pass_expired(struct hba *h, struct hba_pass *p);
void hba_pass_aborted(struct hba *h, struct hba_pass *p, unsigned member, bool confirmed);
/* A member's task is void: its port went or the bus was reset. */
void hba_pass_member_lost(struct hba *h, struct hba_pass *p, unsigned member, bool port_gone);
/* The server went: all that is open ends. */
void hba_pass_lost(struct hba *h, struct hba_pass *p);
void hba_pass_status(struct hba *h, const struct wire_tenure *tn);
void hba_pass_tell(struct hba_pass *p);

/* ---- hba_scan.c ---- */

void hba_scan_start(struct hba *h, uint8_t id);
/* The same, not by somebody from outside: what bounds such scans counts on. */
void hba_scan_anew(struct hba *h, uint8_t id);
void hba_scan_stop(struct hba *h, uint8_t id);
/* The next of the units that are still to be inquired; the end of the scan or the probe, if none
 * is. */
void hba_scan_next(struct hba *h, struct hba_scan *s);
void hba_scan_expired(struct hba *h, struct hba_scan *s);
/* A command met a UNIT ATTENTION: has the inventory changed, or a size? own: it was a scan's, or a
 * probe's. */
void hba_take_attention(struct hba *h, uint8_t id, uint8_t lun, const struct scsi_sense *s,
                        bool own);

/* ---- hba_inquiry.c: the data of a step, into `found`; false: `why` says what is wrong ---- */

bool hba_read_inquiry(struct hba_scan *s, struct span d);
bool hba_read_identity(struct hba_scan *s, struct span d); /* VPD page 83h */
bool hba_read_serial(struct hba_scan *s, struct span d);   /* VPD page 80h */
bool hba_read_mirror(struct hba_scan *s, struct span d);   /* VPD page C0h */
bool hba_read_capacity(struct hba_scan *s, struct span d);
bool hba_read_member(struct hba_scan *s, struct span d); /* mode page 30h */
bool hba_read_luns(struct hba_scan *s, struct span d);   /* into `luns` */
/* Says why; false. */
bool hba_scan_bad(struct hba_scan *s, const char *what);

/* ---- hba_probe.c ---- */

/* The unit at hand cannot be used now, and may be later. */
void hba_probe_later(struct hba_scan *s);
/* The scan or the probe is over: if units are left for later, the next probe is after a pause. */
void hba_probe_arm(struct hba *h, struct hba_scan *s);
void hba_probe_start(struct hba *h, struct hba_scan *s);
/* True: a probe found LUN 0 usable, whose list of units is still to be read. A scan has begun
 * instead. */
bool hba_probe_scans(struct hba *h, struct hba_scan *s);
/* Nothing is probed any more, and what was for later is forgotten. */
void hba_probe_stop(struct hba *h, struct hba_scan *s);

/* ---- hba_reset.c ---- */

void hba_on_port(struct hba *h, const struct wire_port *p);
/* Ends the tasks and passes that wait for their turn at this LUN, WIRE_NO_ID: at any: they are for
 * a unit that has gone, not for who comes in its place. */
void hba_waiting_lost(struct hba *h, uint8_t id, uint8_t lun);
/* Likewise when its group is another initiator's now; who is about to look at page 30h sees that
 * for itself. */
void hba_waiting_taken(struct hba *h, uint8_t id, uint8_t lun);
/* Likewise, of page writes alone. */
void hba_selects_lost(struct hba *h, uint8_t id, uint8_t lun);
void hba_on_rst(struct hba *h, const struct wire_reset *r);
void hba_all_lost(struct hba *h);

#endif
