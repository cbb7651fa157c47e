/* SPDX-License-Identifier: BSD-2-Clause */
#include "mirror/lock.h"

#include "base/assert.h"

void mir_locks_init(struct mir_locks *locks)
{
	TAILQ_INIT(locks);
}

void mir_lock_add(struct mir_locks *locks, struct mir_lock *l, lba_t lba, uint64_t blocks,
                  bool shared)
{
	sm_assert(!l->queued && blocks > 0);
	l->lba = lba;
	l->blocks = blocks;
	l->shared = shared;
	l->queued = true;
	TAILQ_INSERT_TAIL(locks, l, link);
}

static bool conflict(const struct mir_lock *a, const struct mir_lock *b)
{
	if (a->shared && b->shared)
		return false;
	return a->lba < b->lba ? b->lba - a->lba < a->blocks : a->lba - b->lba < b->blocks;
}

bool mir_lock_granted(const struct mir_locks *locks, const struct mir_lock *l)
{
	const struct mir_lock *before;

	sm_assert(l->queued);
	TAILQ_FOREACH (before, locks, link) {
		if (before == l)
			return true;
		if (conflict(before, l))
			return false;
	}
	sm_assert(false);
	return false;
}

void mir_lock_drop(struct mir_locks *locks, struct mir_lock *l)
{
	sm_assert(l->queued);
	TAILQ_REMOVE(locks, l, link);
	l->queued = false;
}
