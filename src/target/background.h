/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a logical unit does to its medium as a whole, with or without somebody who waits for it:
 * FORMAT UNIT, SANITIZE, the flush of a START STOP UNIT with IMMED. It is no task: no task
 * management function and no reset ends it (SBC-3, "Sanitize operations", "FORMAT UNIT command").
 *
 *   BG_NONE -> STEP_SAVE -> STEP_PASS ... STEP_PASS -> STEP_FLUSH -> STEP_CLEAR -> BG_NONE
 *                |             |                          |             |
 *                +-------------+-- one that fails --------+-------------+--------> BG_NONE
 *
 * A format or a sanitize is saved as one that has failed before it begins, and is forgotten when
 * all is done: a process that ends in the middle of it leaves what has to be done again. BG_FLUSH
 * is the one step, BG_LEAVE, of the failure mode, the last one.
 *
 * Invariant: `busy`, an operation of the store or a META_SAVE is outstanding, exactly outside of
 * BG_NONE.
 */
#ifndef TARGET_BACKGROUND_H
#define TARGET_BACKGROUND_H

#include "scsi/cdb.h"
#include "scsi/sense.h"
#include "target/target.h"

struct cmd;
struct task;

enum bg_kind { BG_NONE, BG_FLUSH, BG_FORMAT, BG_SANITIZE, BG_LEAVE };
enum bg_step { STEP_SAVE, STEP_PASS, STEP_FLUSH, STEP_CLEAR };

/* What the last of them left behind. */
enum bg_medium {
	MEDIUM_GOOD,
	MEDIUM_FORMAT_FAILED,   /* until one succeeds, or a sanitize */
	MEDIUM_SANITIZE_FAILED, /* until one succeeds; with `ause` EXIT FAILURE MODE ends it */
};

struct background {
	enum bg_kind kind;
	enum bg_step step;
	uint32_t op;        /* that is outstanding */
	bool busy, bad;     /* bad: a medium error strikes in the operation that is outstanding */
	bool zeros;         /* each pass leaves zeros, unmapped ones; else `pattern` */
	bool invert;        /* the pattern, from pass to pass */
	bool ause;          /* allow unrestricted sanitize exit */
	uint8_t by;         /* whose FORMAT UNIT it is */
	uint8_t protection; /* type that the unit is formatted with when it is done */
	unsigned pass, passes;
	lba_t at;                    /* where the pass is */
	uint32_t chunk;              /* blocks in the operation that is outstanding */
	enum bg_medium medium, kept; /* as it is; as a restart would find it */
	struct block *pattern;       /* one block */
};

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

#endif
