/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Range locks: passes that overlap in LBAs of one group never run side by side.
 * First come, first served: a range is granted when nothing that came before
 * conflicts with it (shared ranges do not conflict), so nobody starves. The locks are
 * the caller's memory.
 */
#ifndef MIRROR_LOCK_H
#define MIRROR_LOCK_H

#include "base/units.h"

#include <sys/queue.h>

struct mir_lock {
	TAILQ_ENTRY(mir_lock) link;
	lba_t lba;
	uint64_t blocks;
	bool shared;
	bool queued; /* in the list; granted or not */
};

TAILQ_HEAD(mir_locks, mir_lock);

void mir_locks_init(struct mir_locks *locks);
/* Stands in line. */
void mir_lock_add(struct mir_locks *locks, struct mir_lock *l, lba_t lba, uint64_t blocks,
                  bool shared);
/* True when nothing that stands before it conflicts. Once true it stays true. */
bool mir_lock_granted(const struct mir_locks *locks, const struct mir_lock *l);
void mir_lock_drop(struct mir_locks *locks, struct mir_lock *l);

#endif
