/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logical units: what belongs to one, how it comes and goes (lu.c), its informational exceptions
 * (exceptions.c). What goes on in the background of one: background.h.
 */
#ifndef TARGET_LU_H
#define TARGET_LU_H

#include "target/background.h"
#include "target/mode.h"
#include "target/reserve.h"
#include "target/task.h"
#include "target/ua.h"

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
	/* It has asked for page 30h; which another initiator has changed since. */
	bool asks_members, members_changed;
	uint32_t members_changes; /* how often that was */
	struct copy_result copy;
};

/* What the log pages count, since power on. A compare is a verification. */
enum log_kind { LOG_WRITE, LOG_READ, LOG_VERIFY, LOG_KINDS };
struct log_counters {
	uint64_t bytes;       /* that the store has done */
	uint64_t uncorrected; /* commands that a medium error ended */
};

/* Of READ BUFFER and WRITE BUFFER. An echo buffer's length has 13 bits. */
#define TGT_BUFFER_MAX 4096

struct tgt_echo {
	uint32_t len;
	uint8_t owner;  /* who wrote it last */
	uint32_t wrote; /* who ever did since the last reset, a bit for each ID */
	uint8_t bytes[TGT_BUFFER_MAX];
};
_Static_assert(WIRE_IDS <= 32, "wrote");

/* Power conditions (SBC-3, 4.20): those that START STOP UNIT asks for, until a command needs the
 * medium. */
enum tgt_power { POWER_ACTIVE, POWER_IDLE, POWER_STANDBY };

/* Of the informational exception that is reported now. */
struct exceptions {
	uint32_t reports; /* so far */
	ns_t due;         /* the next one; NS_NEVER: none */
};

/* A logical unit: all that is one's own. What belongs to the port, or to the device as a whole, is
 * in struct tgt. */
struct tgt_lu {
	bool present; /* not so: stands for all that are not there, or has gone */
	uint8_t lun;
	SLIST_ENTRY(tgt_lu) link; /* in `gone` */
	unsigned n_tasks;         /* of its task set */
	unsigned n_copies;        /* EXTENDED COPYs that work on it */
	struct tgt_lu_config cfg;
	struct block *zeros;  /* one block */
	unsigned queue_depth; /* of its task set */
	uint32_t boot;        /* the target's, or another one: it was put in since */
	bool started;         /* since its page 30h was written last */
	struct modes modes;   /* current, saved */
	struct reserve resv;
	/* What a META_SAVE that is outstanding is for: it holds when that is done. */
	struct modes pending;
	bool renews; /* page 30h was written, be it as it was */
	struct reserve pending_resv;
	struct resv_effect pending_effect;
	bool saving, selecting; /* ... and it is a MODE SELECT's */
	uint16_t aca;           /* auto contingent allegiances, by initiator */
	uint16_t faulted;       /* CHECK CONDITIONs that QERR is about, by initiator: tgt.faulted */
	bool stopped;
	enum tgt_power power; /* when it is not stopped */
	bool store_dead;      /* a flush failed: for good */
	/* Type of protection that it is formatted with (SBC-3), 0 to 3; as a restart would find it.
	 */
	uint8_t protection, protection_kept;
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

/* ---- exceptions.c ---- */

/* An informational exception is there. */
bool tgt_exception_is(const struct tgt_lu *lu);
/* Posts it as a UNIT ATTENTION if that is asked for, and due: before a command is looked at. */
void tgt_exception_report(const struct tgt *t, struct tgt_lu *lu);

#endif
