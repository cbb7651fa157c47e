/* SPDX-License-Identifier: BSD-2-Clause */
#include "mirror/lock.h"
#include "unit/tap_main.h"

static struct mir_locks locks;
static struct mir_lock l[8];

static bool add(unsigned i, lba_t lba, uint64_t blocks, bool shared)
{
	mir_lock_add(&locks, &l[i], lba, blocks, shared);
	return mir_lock_granted(&locks, &l[i]);
}

START_TEST(overlaps_wait)
{
	mir_locks_init(&locks);
	ck_assert(add(0, 100, 50, false));
	ck_assert(add(1, 150, 10, false)); /* touches */
	ck_assert(add(2, 90, 10, false));
	ck_assert(!add(3, 149, 1, false));
	ck_assert(!add(4, 0, 1000, false));
	mir_lock_drop(&locks, &l[0]);
	ck_assert(mir_lock_granted(&locks, &l[3]));
	ck_assert(!mir_lock_granted(&locks, &l[4]));
	mir_lock_drop(&locks, &l[1]);
	mir_lock_drop(&locks, &l[2]);
	mir_lock_drop(&locks, &l[3]);
	ck_assert(mir_lock_granted(&locks, &l[4]));
}
END_TEST

START_TEST(first_come_first_served)
{
	mir_locks_init(&locks);
	ck_assert(add(0, 0, 10, false));
	ck_assert(!add(1, 5, 10, false));
	ck_assert(!add(2, 12, 10, false)); /* free, but in the way of the one before */
	mir_lock_drop(&locks, &l[1]);      /* gives up */
	ck_assert(mir_lock_granted(&locks, &l[2]));
}
END_TEST

START_TEST(readers_share)
{
	mir_locks_init(&locks);
	ck_assert(add(0, 0, 10, true));
	ck_assert(add(1, 0, 10, true));
	ck_assert(!add(2, 0, 10, false));
	ck_assert(!add(3, 0, 10, true)); /* behind a writer: writers do not starve */
	mir_lock_drop(&locks, &l[0]);
	ck_assert(!mir_lock_granted(&locks, &l[2]));
	mir_lock_drop(&locks, &l[1]);
	ck_assert(mir_lock_granted(&locks, &l[2]));
}
END_TEST

START_TEST(the_last_block_there_is)
{
	mir_locks_init(&locks);
	ck_assert(add(0, UINT64_MAX, 1, false));
	ck_assert(!add(1, UINT64_MAX - 5, 6, false));
	ck_assert(add(2, 0, 10, false));
}
END_TEST

TAP_MAIN("lock", overlaps_wait, first_come_first_served, readers_share, the_last_block_there_is);
