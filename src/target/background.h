/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a logical unit does to its medium as a whole, with or without somebody who waits for it:
 * FORMAT UNIT, SANITIZE, the flush of a START STOP UNIT with IMMED. It is no task: no task
 * management function and no reset ends it (SBC-3, "Sanitize operations", "FORMAT UNIT command").
 *
 *   BG_NONE --tgt_bg_start--> kind --the store has done all passes, and flushed, or failed-->
 * BG_NONE
 *
 * Invariant: `busy`, an operation of the store is outstanding, exactly outside of BG_NONE.
 */
#ifndef TARGET_BACKGROUND_H
#define TARGET_BACKGROUND_H

#include "scsi/sense.h"

struct block;

enum bg_kind { BG_NONE, BG_FLUSH, BG_FORMAT, BG_SANITIZE };

/* What the last of them left behind. */
enum bg_medium {
	MEDIUM_GOOD,
	MEDIUM_FORMAT_FAILED,   /* until one succeeds, or a sanitize */
	MEDIUM_SANITIZE_FAILED, /* until one succeeds; with `ause` EXIT FAILURE MODE ends it */
};

struct background {
	enum bg_kind kind;
	bool busy, bad; /* bad: a medium error strikes in the operation that is outstanding */
	bool zeros;     /* each pass leaves zeros, unmapped ones; else `pattern` */
	bool invert;    /* the pattern, from pass to pass */
	bool ause;      /* allow unrestricted sanitize exit */
	unsigned pass, passes; /* 0 passes: nothing but the flush at the end */
	lba_t at;              /* where the pass is */
	uint32_t chunk;        /* blocks in the operation that is outstanding; 0: the flush */
	enum bg_medium medium;
	struct block *pattern; /* one block */
};

#endif
