/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of the target core, shared by the files of src/target only.
 *
 * Flow: target.c takes events; port.c turns a burst into the messages, command and data of one
 * tenure (tenure.h); dispatch.c accepts or refuses the command (cmd.h); task.c keeps the task set,
 * order.c says which may start, allegiance.c what holds them up, abort.c what ends them (task.h);
 * lu.c has the logical units (lu.h); cmd_*.c run them; protect.c has what protection information is
 * checked for (protect.h); reply.c writes phase programs; silent.c has the rules of a mirroring
 * tenure.
 */
#ifndef TARGET_CORE_H
#define TARGET_CORE_H

#include "scsi/status.h"
#include "target/cmd.h"
#include "target/fault.h"
#include "target/lu.h"
#include "target/protect.h"
#include "target/task.h"
#include "target/tenure.h"

/* An initiator by SCSI ID. */
struct ini {
	bool up;
	bool units; /* has agreed with us on information units */
	uint32_t epoch;
};

#define TGT_RESP_MAX 4096 /* data of quick commands */
_Static_assert(TGT_BUFFER_MAX <= TGT_RESP_MAX, "buffers");

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
	uint32_t put_in;           /* logical units, since it was attached the first time */
	struct faults faults;
	struct ini ini[WIRE_IDS];

	struct tenure tenure;
	struct task *slot; /* luns * depth + 1: a command that is refused needs one, too */
	unsigned n_slots;
	struct task_list tasks;
	unsigned n_tasks;              /* in the list */
	bool faulted;                  /* some unit has tasks that QERR ends */
	bool delayed;                  /* some of them are */
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
