/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The write-intent log of one group: which regions of it may differ between members. A region is
 * marked, durably, before the first byte of a write to it goes to a member, so whatever was in
 * flight when everything stopped lies in a marked region; a write to a marked region costs nothing.
 *
 *            begin, mark               saved                     flushed
 *   clean ---------------> marked ---------------> durable ------------------> clean
 *                          (the write waits)       (it goes)    \ some member is stale
 *                                                                \-----------> behind ---> clean
 *                                                              flushed, all members in sync /
 *
 * `dirty` regions may differ between members in sync. `behind` ones are the same on these, but
 * members that are stale lack what was written there: a resync copies both, and nothing else. A
 * region is let go of only when no write to it is in flight or was since the flush began.
 *
 * Pure: no file, no clock. Whoever owns it writes intent_save()'s bytes so that after a crash there
 * is the old file or the new one, one save at a time, and says intent_saved(). What is on the
 * medium is then always one of two images, and both hold every region that intent_ready() said yes
 * to.
 */
#ifndef MIRROR_INTENT_H
#define MIRROR_INTENT_H

#include "base/units.h"
#include "mirror/runs.h"

#define INTENT_REGIONS_MAX 65536
#define INTENT_WORDS       (INTENT_REGIONS_MAX / 64)
#define INTENT_UUID_LEN    16
#define INTENT_VERSION     1
#define INTENT_HEAD_LEN    56 /* of a saved log; two maps and a CRC follow */
#define INTENT_SAVED_MAX   (INTENT_HEAD_LEN + 2 * INTENT_REGIONS_MAX / 8 + 4)
/* Copying a region takes about as long as making its mark durable on a disk does. */
#define INTENT_REGION_BYTES (4U << 20)

struct intent {
	uint8_t uuid[INTENT_UUID_LEN];
	uint64_t blocks; /* of the group */
	unsigned shift;  /* a region is 1 << shift blocks */
	uint32_t n;      /* regions */
	uint32_t n_dirty, n_behind;
	uint64_t clock; /* grows with each ticket */
	uint64_t least; /* tickets before this one are void */
	bool unsaved;   /* what is here is not what was saved last */
	bool saving;    /* `image` is on its way to the medium */
	uint64_t dirty[INTENT_WORDS];
	uint64_t behind[INTENT_WORDS];
	uint64_t durable[INTENT_WORDS]; /* of dirty: marked in whatever a crash leaves */
	uint64_t image[INTENT_WORDS];   /* dirty, as it was saved last */
	uint64_t plan[INTENT_WORDS];    /* what a resync is to copy */
	uint16_t flying[INTENT_REGIONS_MAX];
	uint64_t stamp[INTENT_REGIONS_MAX]; /* the clock when a write ended last */
};

/* The region length in blocks, as a power of two: at least `bytes` (0: INTENT_REGION_BYTES), longer
 * where a group of so many blocks would have more than INTENT_REGIONS_MAX regions. */
unsigned intent_shift(uint32_t block_size, uint64_t blocks, uint64_t bytes);

/* All clean, nothing saved yet. blocks > 0. The memory of a first use must be zero. */
void intent_init(struct intent *l, const uint8_t uuid[INTENT_UUID_LEN], uint64_t blocks,
                 unsigned shift);

/* ---- writes ---- */

/* A write to these blocks (within the group) is to begin; it counts as in flight until
 * intent_end(). True: it may go. False: only when intent_ready() says so. */
bool intent_begin(struct intent *l, lba_t lba, uint64_t blocks);
bool intent_ready(const struct intent *l, lba_t lba, uint64_t blocks);
/* These marks are all in the image that was saved last. */
bool intent_imaged(const struct intent *l, lba_t lba, uint64_t blocks);
void intent_end(struct intent *l, lba_t lba, uint64_t blocks);
/* Marks regions that are about to be written one by one, so that one save serves them all. */
void intent_mark(struct intent *l, lba_t lba, uint64_t blocks);
/* Nothing is known of any region: all are dirty. */
void intent_lose(struct intent *l);

/* ---- letting go ---- */

/* Before the flushes go to the members: a ticket for what has been written until now. */
uint64_t intent_ticket(struct intent *l);
/* All members in sync have confirmed a flush that began after the ticket; `all`: no member is
 * stale. False: the ticket is void. */
bool intent_flushed(struct intent *l, uint64_t ticket, bool all);
/* The same, of the regions that lie wholly before `end`. */
bool intent_flushed_to(struct intent *l, uint64_t ticket, bool all, lba_t end);
/* A member has left the in-sync set: flushes in work say nothing of what it lacks. */
void intent_void(struct intent *l);
/* Flushing might let go of something. */
bool intent_wants_flush(const struct intent *l, bool all);

/* ---- resync ---- */

/* Takes down what a resync is to copy: what is dirty; `lacking`: and what stale members lack;
 * `whole`: all there is. Returns the blocks of it. */
uint64_t intent_plan(struct intent *l, bool lacking, bool whole);
/* The same count, without taking it down. */
uint64_t intent_lacking(const struct intent *l, bool lacking, bool whole);
/* The region of this block, one of the group, is dirty or behind. */
bool intent_is_marked(const struct intent *l, lba_t lba);
/* Whether stale members may lack something in the region of block `from`, which may be the end, or
 * behind it. */
bool intent_lacking_from(const struct intent *l, lba_t from);
/* What stale members lack there, those in sync may not have alike, either: that is dirty now. */
void intent_doubt_from(struct intent *l, lba_t from);
/* The next run of blocks to be copied that ends behind `from`; false: none. */
bool intent_planned(const struct intent *l, lba_t from, struct mir_span *out);

/* ---- its file ---- */

bool intent_unsaved(const struct intent *l); /* and none is in work */
/* The bytes to be made durable, into INTENT_SAVED_MAX bytes; their number. */
size_t intent_save(struct intent *l, uint8_t *out);
/* Good: they are durable. Not good: the medium has them or what it had before; whoever waits for a
 * mark waits in vain, until something is to be saved again. */
void intent_saved(struct intent *l, bool good);
/* Takes the log as it was saved. False with why: it is damaged, or another group's; l is as it was
 * after intent_init(), of which shift is taken from the file. */
bool intent_load(struct intent *l, const uint8_t *p, size_t n, char *why, size_t why_n);

void intent_check(const struct intent *l);

#endif
