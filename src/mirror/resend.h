/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is still to be sent to whom: one run of logical blocks, cut into runs
 * as the members' outcomes differ. Each run has sets of members (a bit each):
 *
 *   want                 it goes to this member and has not gone out in this round
 *   want sent            in flight
 *   want held            to be sent again, in the next round
 *   want ok              done
 *   want failed          given up
 *   (none)               not for this member
 *
 * No other combination is legal (mir_set_check). `before` and `again` tell
 * what was in flight more than once.
 *
 *            send            ok
 *   missing -------> sent ---------> ok
 *      ^  ^            | |  \ fail
 *      |  \-----back---/ |   \-----> failed
 *      \-- release -- held  (hold)
 *
 * Runs are split where outcomes differ and merged again where they do not, so a
 * table of MIR_RUNS_MAX serves; whoever wants to split asks mir_set_room() first.
 */
#ifndef MIRROR_RESEND_H
#define MIRROR_RESEND_H

#include "base/units.h"

#define MIR_MEMBERS_MAX 16
#define MIR_RUNS_MAX    96
#define MIR_ROOM        (2 * MIR_MEMBERS_MAX) /* runs that the outcomes of one pass may add */

struct mir_run {
	lba_t lba;
	uint32_t blocks;
	uint16_t want, sent, held, ok, failed;
	uint16_t before;                /* was in flight before: the next sending is a resend */
	uint16_t again;                 /* was sent again */
	uint8_t tries[MIR_MEMBERS_MAX]; /* that count against the limit */
};

struct mir_set {
	unsigned n;
	struct mir_run run[MIR_RUNS_MAX]; /* by LBA, without gaps */
};

/* One run, wanted by the members of `want`. */
void mir_set_init(struct mir_set *s, lba_t lba, uint32_t blocks, uint16_t want);

/* The first run that some of the `allowed` members miss; -1: none. *members: which of them. */
int mir_set_next(const struct mir_set *s, uint16_t allowed, uint16_t *members);
/* It goes out to them. */
void mir_set_send(struct mir_set *s, int run, uint16_t members);

/* True when outcomes may split runs further. */
bool mir_set_room(const struct mir_set *s);

/* Outcomes of blocks in flight. hold: to be sent again in the next round; `counts`: as a try.
 * back: to be sent again in this round. `was_sent`: the next sending is a resend. */
void mir_set_ok(struct mir_set *s, unsigned member, lba_t lba, uint32_t blocks);
void mir_set_hold(struct mir_set *s, unsigned member, lba_t lba, uint32_t blocks, bool counts,
                  bool was_sent);
void mir_set_back(struct mir_set *s, unsigned member, lba_t lba, uint32_t blocks, bool was_sent);
/* Gives up what is not final of these blocks. */
void mir_set_fail(struct mir_set *s, unsigned member, lba_t lba, uint32_t blocks);
/* The next round: what was held may be sent. */
void mir_set_release(struct mir_set *s);
/* Joins neighbours that agree. Indices of runs change. */
void mir_set_merge(struct mir_set *s);

/* Members with blocks that are not final; members with held blocks; members with failed ones. */
uint16_t mir_set_open(const struct mir_set *s);
uint16_t mir_set_held(const struct mir_set *s);
uint16_t mir_set_failed(const struct mir_set *s);
/* Tries of the run that holds this block. */
unsigned mir_set_tries(const struct mir_set *s, unsigned member, lba_t lba);

struct mir_tally {
	uint64_t ok, failed, again; /* blocks of one member */
};
struct mir_tally mir_set_tally(const struct mir_set *s, unsigned member);

/* Asserts that the runs are in order, without gaps, and that each combination is legal. */
void mir_set_check(const struct mir_set *s);

#endif
