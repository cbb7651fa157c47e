/* SPDX-License-Identifier: BSD-2-Clause */
/* The generation of a group: who misses a change must look older than who has it, whoever can be
 * told of it and whenever. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)

/* Without our state, who is left must not look as good as who stays. */
START_TEST(who_misses_a_change_looks_older)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_group_set set = {.has_mode = true, .mode = INI_CONVENTIONAL};
	struct ini_error e;

	rig_group(r, 2, true);
	uint64_t before = r->h->target[1].member.generation;
	fake_gone(r->h, 1);
	rig_run(r, NS_PER_S);
	rig_replies(r, ini_group_set(r->ini, "g0", &set, 1, &e), &e, 1, LIMIT, INI_OK);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	ck_assert_uint_gt(r->h->target[0].member.generation, before);
	rig_free(r);
}
END_TEST

/* Nor is any later write, before the state file knows who has left. */
START_TEST(no_write_is_acknowledged_on_a_state_that_was_not_saved)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 2, true);
	fake_gone(r->h, 1);
	rig_step(r);
	r->save_err = 5;
	for (uint8_t i = 1; i < 4; i++)
		rig_write(r, i * 512U, b, LIMIT, INI_E_STATE_DIR);
	r->save_err = 0;
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert_int_eq(r->saved[0].m[1].state, MEMBER_STALE);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* A state directory of before is put back: what disk1 has missed since, it does not know, nor its
 * log; but it knows less than the pages. Of a copy that is as new as they are (1), all is so. */
START_TEST(a_state_of_before_is_found_out)
{
	for (unsigned as_new = 0; as_new < 2; as_new++) {
		struct rig *r = rig_new(2, BLOCKS);
		struct block *b = rig_bytes(512, 3);

		rig_group(r, 2, true);
		rig_run(r, LIMIT);
		struct ini_group state = r->saved[0];
		struct rig_log log[ARRAY_LEN(r->log)];
		memcpy(log, r->log, sizeof(log));
		fake_gone(r->h, 1);
		rig_step(r);
		rig_write(r, 0, b, LIMIT, INI_OK);
		rig_run(r, LIMIT);
		if (!as_new) {
			r->saved[0] = state;
			memcpy(r->log, log, sizeof(log));
		}
		rig_restart(r);
		rig_run(r, NS_PER_S);
		fake_back(r->h, 1);
		rig_run(r, LIMIT);
		ck_assert(rig_in_sync(r, 0));
		if (!rig_in_sync(r, 1))
			(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
		ck_assert(rig_in_sync(r, 1));
		for (unsigned i = 0; i < 2; i++)
			ck_assert_mem_eq(r->h->disk[i].store, b->data, 512);
		ck_assert_uint_eq(r->h->disk[1].written < BLOCKS, as_new);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* A state directory of before is put back, or none was left and the group imported, but for its
 * log, which a write in flight at the end is not in. That all of it is to be copied is not in the
 * log, which cannot be saved, when the daemon is killed: the next one does not believe the log,
 * either. */
START_TEST(a_log_of_before_is_not_believed_later)
{
	for (unsigned import = 0; import < 2; import++) {
		struct rig *r = rig_new(2, BLOCKS);
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct rig_log log[ARRAY_LEN(r->log)];
		struct ini_error e;

		rig_group(r, 2, true);
		rig_run(r, LIMIT);
		struct ini_group state = r->saved[0];
		memcpy(log, r->log, sizeof(log));
		fake_gone(r->h, 1); /* the generation changes */
		rig_step(r);
		rig_write(r, 0, b, LIMIT, INI_OK);
		fake_back(r->h, 1);
		rig_run(r, NS_PER_S);
		(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
		rig_run(r, LIMIT);
		memset(r->h->disk[0].store + 900 * FAKE_BLOCK, 0x77, FAKE_BLOCK);
		r->log_err = 28;
		if (import) {
			rig_lose_state(r);
			rig_replies(r, ini_group_import(r->ini, "g0", NULL, false, 2, &e), &e, 2,
			            LIMIT, INI_OK);
		} else {
			r->saved[0] = state;
			rig_restart(r);
		}
		rig_run(r, NS_PER_S);
		memcpy(r->log, log, sizeof(log));
		r->log_err = 0;
		rig_restart(r);
		rig_run(r, LIMIT);
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
		ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, BLOCKS * FAKE_BLOCK);
		ck_assert(!r->saved[0].log_lost);
		uint64_t written = r->h->disk[1].written;
		rig_restart(r); /* and then it is good again */
		rig_run(r, LIMIT);
		ck_assert_uint_eq(r->h->disk[1].written, written);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

START_TEST(who_may_have_the_new_generation_gets_no_equal)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 3, true);
	r->h->disk[1].page_lost = true;
	fake_gone(r->h, 2);
	rig_step(r);
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	ck_assert_uint_gt(r->h->target[0].member.generation, r->h->target[1].member.generation);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Both disks go while a write is on its way to them: it fails, one of them stays in sync, and
 * nobody is there to be told. */
static void lost_on_the_way(struct rig *r, struct block *b)
{
	r->h->latency_ns = 10 * NS_PER_MS;
	uint64_t token = rig_begin_write(r, 0, b);
	rig_run(r, NS_PER_MS);
	fake_gone(r->h, 0);
	fake_gone(r->h, 1);
	r->h->latency_ns = 100 * NS_PER_US;
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_E_DEVICE);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
}

/* Nobody is there: nobody has missed anything, and whoever comes first is not the only good one. */
START_TEST(a_write_when_nobody_is_there_changes_nobody)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);
	struct ini_error e;

	rig_group(r, 2, true);
	fake_gone(r->h, 0);
	fake_gone(r->h, 1);
	rig_step(r);
	rig_write(r, 0, b, LIMIT, INI_E_DEVICE);
	rig_replies(r, ini_group_flush(r->ini, "g0", 2, &e), &e, 2, LIMIT, INI_E_DEVICE);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	fake_back(r->h, 0);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* disk0 is away for a moment when a change begins, which disk1 is told of: disk2 does not do silent
 * mirroring any more. disk0 comes with the page that it had, and has missed nothing. */
START_TEST(who_is_awaited_in_a_change_is_believed)
{
	struct rig *r = rig_new(3, BLOCKS);

	rig_group(r, 3, true);
	uint64_t before = r->h->target[0].member.generation;
	fake_bus_down(r->h);
	rig_step(r);
	r->h->up = true;
	r->h->target[2].mirror = false;
	fake_back(r->h, 1);
	fake_back(r->h, 2);
	rig_run(r, 100 * NS_PER_MS);
	ck_assert_uint_eq(r->h->target[1].member.generation, before + 1);
	fake_back(r->h, 0);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	ck_assert_uint_eq(r->h->target[0].member.generation, r->h->target[1].member.generation);
	rig_free(r);
}
END_TEST

/* The daemon has started anew, and has seen disk1 only, which goes with a write on its way: it
 * stays, and not disk0, which may be anything. */
START_TEST(who_was_seen_stays)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 2, true);
	fake_gone(r->h, 0);
	fake_gone(r->h, 1);
	rig_step(r);
	rig_restart(r);
	fake_back(r->h, 1);
	rig_step(r);
	r->h->latency_ns = 10 * NS_PER_MS;
	uint64_t token = rig_begin_write(r, 0, b);
	rig_run(r, NS_PER_MS);
	fake_gone(r->h, 1);
	r->h->latency_ns = 100 * NS_PER_US;
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_E_DEVICE);
	ck_assert(!rig_in_sync(r, 0) && rig_in_sync(r, 1));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* disk1 has missed a write, which disk0 took; but disk0's page cannot be written, so nobody hears
 * of it. Then disk1's stays as it is: the state file still trusts it. */
START_TEST(who_has_left_is_told_after_who_stays)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 2, true);
	uint64_t before = r->h->target[1].member.generation;
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 0, .blocks = 1});
	r->h->disk[0].page_fails = true;
	rig_write(r, 0, b, LIMIT, INI_E_DEVICE);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	ck_assert_uint_eq(r->h->target[1].member.generation, before);
	ck_assert_int_eq(r->saved[0].m[1].state, MEMBER_IN_SYNC);
	r->h->disk[0].page_fails = false;
	rig_write(r, 512, b, LIMIT, INI_OK);
	ck_assert_uint_gt(r->h->target[0].member.generation, before);
	ck_assert_uint_eq(r->h->target[1].member.generation, 0);
	ck_assert_int_eq(r->saved[0].m[1].state, MEMBER_STALE);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* With `restart`, the daemon starts anew before disk0 comes. */
static void owed_generation(bool restart)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 2, true);
	uint64_t before = r->h->target[1].member.generation;
	lost_on_the_way(r, b);
	if (restart)
		rig_restart(r);
	fake_back(r->h, 0);
	rig_step(r);
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert_uint_eq(r->h->target[1].member.generation, before);
	ck_assert_uint_gt(r->h->target[0].member.generation, before);
	block_unref(b);
	rig_free(r);
}

START_TEST(a_generation_that_nobody_could_be_told_is_owed)
{
	owed_generation(false);
}
END_TEST

START_TEST(a_generation_that_is_owed_outlives_the_daemon)
{
	owed_generation(true);
}
END_TEST

/* Nobody in sync takes the new page: the error says so, and who comes next is told. */
START_TEST(a_generation_that_nobody_took_is_owed)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 2, true);
	uint64_t before = r->h->target[1].member.generation;
	fake_gone(r->h, 1);
	r->h->disk[0].page_fails = true;
	rig_step(r);
	rig_write(r, 0, b, LIMIT, INI_E_DEVICE);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	/* nor is anything more acknowledged that disk1 lacks */
	rig_write(r, 512, b, LIMIT, INI_E_DEVICE);
	r->h->disk[0].page_fails = false;
	fake_gone(r->h, 0);
	rig_step(r);
	rig_restart(r);
	fake_back(r->h, 0);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0));
	/* nobody was told, so nothing is due; the number is not used again */
	ck_assert_uint_eq(r->h->target[0].member.generation, before);
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert_uint_gt(r->h->target[0].member.generation, before + 1);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Somebody saves the state, for a job that was asked for, while disk0 is being told of a new
 * generation; then the daemon is killed, and disk0 never heard. It has not missed anything. */
START_TEST(a_state_is_not_newer_than_all_pages)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 2, true);
	uint64_t before = r->h->target[0].member.generation;
	fake_gone(r->h, 1);
	rig_step(r);
	r->h->latency_ns = 100 * NS_PER_MS;
	(void)rig_begin_write(r, 0, b);
	const struct ini_group *g = ini_group_find(r->ini, "g0");
	for (unsigned i = 0; i < 1000 && g->generation == before; i++)
		rig_run(r, NS_PER_MS);
	ck_assert_uint_gt(g->generation, before);
	ck_assert_uint_eq(r->h->target[0].member.generation, before);
	(void)rig_begin(r, JOB_VERIFY);
	rig_step(r);
	ck_assert_uint_eq(r->saved[0].generation, before);
	ck_assert_uint_eq(r->saved[0].used, before + 1);          /* some may have that one */
	ck_assert_int_eq(r->saved[0].m[1].state, MEMBER_IN_SYNC); /* nobody was told otherwise */
	r->h->latency_ns = 0;
	rig_restart(r);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0));
	ck_assert_uint_eq(r->h->target[0].member.generation, before);
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert_uint_gt(r->h->target[0].member.generation, before + 1);
	block_unref(b);
	rig_free(r);
}
END_TEST

/*
 * A change was cut off: disk0 and disk1 have its generation, and disk2, which has lost what was in
 * its cache, has not; the state file is of before. disk2 is the first that is back. The others are
 * newer than the file, and are believed.
 */
START_TEST(who_comes_first_is_not_the_only_good_one)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct block *b = rig_bytes(512, 3);
	struct ini_error e;

	rig_group(r, 3, true);
	rig_write(r, 0, b, LIMIT, INI_OK);
	uint64_t before = r->h->target[0].member.generation;
	memset(r->h->disk[2].store, 0, 512);
	fake_fault(r->h, 2, (struct fake_fault){.kind = FAULT_SENSE, .key = KEY_HARDWARE_ERROR});
	r->h->disk[2].page_fails = true;
	ck_assert(ini_group_flush(r->ini, "g0", 2, &e));
	for (unsigned i = 0; i < 20000 && r->h->target[1].member.generation == before; i++)
		rig_run(r, 100 * NS_PER_US);
	r->saves_held = true;
	rig_run(r, NS_PER_MS);
	ck_assert_int_eq(r->saved[0].m[2].state, MEMBER_IN_SYNC);
	r->saves_held = false;
	for (uint8_t i = 0; i < 3; i++)
		fake_gone(r->h, i);
	fake_clear_faults(r->h, 2);
	r->h->disk[2].page_fails = false;
	rig_restart(r);
	fake_back(r->h, 2);
	rig_run(r, 100 * NS_PER_MS);
	fake_back(r->h, 0);
	fake_back(r->h, 1);
	rig_run(r, 20 * NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	for (uint8_t i = 0; i < 3; i++) /* disk2 is mended by the log, which marks it */
		ck_assert(!rig_in_sync(r, i) || memcmp(r->h->disk[i].store, b->data, 512) == 0);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* The same, and nobody was at fault: those that were there stay in sync, one after the other. */
START_TEST(who_comes_after_a_change_that_was_cut_off)
{
	struct rig *r = rig_new(4, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 4, true);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_gone(r->h, 3);
	rig_step(r);
	r->saves_held = true;
	(void)rig_begin_write(r, 0, b);
	rig_run(r, NS_PER_S);
	r->saves_held = false; /* what is used is saved, then the daemon is killed */
	ini_group_save(r->ini, 0, &r->saved[0]);
	for (uint8_t i = 0; i < 3; i++)
		fake_gone(r->h, i);
	rig_restart(r);
	for (uint8_t i = 0; i < 4; i++) {
		fake_back(r->h, i);
		rig_run(r, 100 * NS_PER_MS);
	}
	rig_run(r, 20 * NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && rig_in_sync(r, 2));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* That a generation is used could not be saved: no page gets it. */
START_TEST(a_generation_that_is_not_saved_is_on_no_page)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 2, true);
	uint64_t before = r->h->target[0].member.generation;
	fake_gone(r->h, 1);
	rig_step(r);
	r->save_err = 28;
	rig_write(r, 0, b, LIMIT, INI_E_STATE_DIR);
	ck_assert_uint_eq(r->h->target[0].member.generation, before);
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->generation, before);
	r->save_err = 0;
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert_uint_gt(r->h->target[0].member.generation, before);
	ck_assert_int_eq(r->saved[0].m[1].state, MEMBER_STALE);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Whoever starts after a crash must not use a generation again that some page may have. */
START_TEST(a_generation_is_on_no_page_before_the_state_has_it)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 2, true);
	uint64_t before = r->h->target[0].member.generation;
	fake_gone(r->h, 1);
	rig_step(r);
	r->saves_held = true;
	uint64_t token = rig_begin_write(r, 0, b);
	rig_run(r, 10 * NS_PER_S);
	ck_assert_uint_eq(r->h->target[0].member.generation, before);
	r->saves_held = false;
	struct ini_group saved;
	ini_group_save(r->ini, 0, &saved);
	ck_assert_uint_eq(saved.generation, before);
	ck_assert_uint_eq(saved.used, before + 1);
	ini_saved(r->ini, r->held_save, 0);
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_OK);
	ck_assert_uint_eq(r->h->target[0].member.generation, before + 1);
	ck_assert_uint_eq(r->saved[0].generation, before + 1);
	block_unref(b);
	rig_free(r);
}
END_TEST

/*
 * disk0 is sent a generation, and goes; it comes with its page as it was, and is sent a later one;
 * then it comes with the first one, which it saved late. Nothing was acknowledged that it lacks.
 * With `restart`, the daemon starts anew in between.
 */
static void page_that_comes_late(bool restart)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);
	const struct ini_group *g;

	rig_group(r, 2, true);
	uint64_t before = r->h->target[0].member.generation;
	fake_gone(r->h, 1);
	rig_step(r);
	for (unsigned i = 1; i < 3; i++) {
		r->h->latency_ns = 100 * NS_PER_MS;
		(void)rig_begin_write(r, 0, b);
		g = ini_group_find(r->ini, "g0");
		for (unsigned k = 0; k < 100000 && g->generation != before + i; k++)
			rig_run(r, NS_PER_MS);
		ck_assert_uint_eq(g->generation, before + i);
		rig_run(r, NS_PER_MS);
		fake_gone(r->h, 0);
		r->h->latency_ns = 0;
		if (i == 1) {
			rig_run(r, NS_PER_S);
			if (restart)
				rig_restart(r);
		} else {
			r->h->target[0].member.generation = before + 1;
		}
		fake_back(r->h, 0);
		r->h->latency_ns = 100 * NS_PER_MS;
		rig_step(r);
	}
	rig_run(r, 10 * NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	ck_assert_uint_gt(r->h->target[0].member.generation, before + 1);
	block_unref(b);
	rig_free(r);
}

START_TEST(a_page_that_comes_late_is_not_an_old_one)
{
	page_that_comes_late(false);
	page_that_comes_late(true);
}
END_TEST

/* The state file owes a generation when the daemon starts. While disk0, which it trusts, is being
 * told of a later one, disk1 comes with one in between: it was with somebody else since. */
START_TEST(who_is_newer_than_the_file_is_believed_while_another_is_told)
{
	struct rig *r = rig_new(3, BLOCKS);

	rig_group(r, 3, true);
	uint64_t before = r->h->target[0].member.generation;
	fake_gone(r->h, 1);
	rig_step(r);
	r->saved[0].used = before + 1;
	r->h->latency_ns = 100 * NS_PER_MS;
	r->h->target[2].mirror = false; /* a reason for a change */
	rig_restart(r);
	const struct ini_group *g = ini_group_find(r->ini, "g0");
	for (unsigned i = 0; i < 100000 && g->generation == before; i++)
		rig_run(r, NS_PER_MS);
	rig_run(r, NS_PER_MS);
	ck_assert_uint_eq(g->generation, before + 2);
	ck_assert_uint_eq(r->h->target[0].member.generation, before);
	r->h->target[1].member.generation = before + 1;
	fake_back(r->h, 1);
	rig_run(r, 10 * NS_PER_S);
	ck_assert(!rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert_uint_gt(r->h->target[1].member.generation, before + 2);
	ck_assert_uint_eq(r->h->target[0].member.generation, 0);
	rig_free(r);
}
END_TEST

/* disk1 does not answer a write, nor the aborts. Nobody waits for it to take a page, too: that of
 * disk0 is newer. */
START_TEST(who_does_not_answer_is_not_told)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 2, true);
	uint64_t before = r->h->target[1].member.generation;
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_NO_STATUS, .unaborted = true});
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	ck_assert_uint_gt(r->h->target[0].member.generation, before);
	ck_assert_uint_eq(r->h->target[1].member.generation, before);
	/* when it comes anew it is */
	fake_clear_faults(r->h, 1);
	fake_gone(r->h, 1);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert_uint_eq(r->h->target[1].member.generation, 0);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* A mirror job begins to overwrite the only member in sync. A daemon that starts after a crash
 * before the state file says so still has that member. */
START_TEST(who_the_file_trusts_alone_keeps_its_page_till_it_does_not)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 2, true);
	fake_gone(r->h, 1);
	rig_step(r);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	uint64_t before = r->h->target[0].member.generation;
	rig_image(r, BLOCKS * 512, 1);
	r->saves_held = true;
	(void)rig_mirror(r, BLOCKS * 512);
	for (bool told = false; !told;) {
		struct ini_group saved;
		rig_run(r, NS_PER_S);
		ck_assert_uint_eq(r->h->target[0].member.generation, before);
		ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, 1), 0);
		ini_group_save(r->ini, 0, &saved);
		told = saved.m[0].state == MEMBER_STALE;
		ini_saved(r->ini, r->held_save, 0);
	}
	r->saves_held = false;
	rig_run(r, 100 * NS_PER_MS);
	ck_assert_uint_ne(r->h->target[0].member.generation, before);
	ck_assert_uint_gt(fake_count(r->h, OP_WRITE_16, 1), 0);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* One of two has taken a write that the other one missed, and is away while pages are written: what
 * waited for that, and what waits for the change behind it, is not acknowledged. */
START_TEST(a_change_behind_one_that_nobody_was_told_of)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);
	struct ini_group_set set = {.has_mode = true, .mode = INI_CONVENTIONAL};
	struct ini_error e;

	rig_group(r, 2, true);
	lost_on_the_way(r, b);
	ck_assert_uint_gt(ini_group_find(r->ini, "g0")->owed, 0);
	rig_replies(r, ini_group_set(r->ini, "g0", &set, 2, &e), &e, 2, LIMIT, INI_E_DEVICE);
	fake_back(r->h, 0);
	rig_step(r);
	rig_replies(r, ini_group_set(r->ini, "g0", &set, 3, &e), &e, 3, LIMIT, INI_OK);
	block_unref(b);
	rig_free(r);
}
END_TEST

/*
 * A stale member comes back with a page as new as the group's, or newer, and it cannot be cleared:
 * those in sync stay so, and look newer than it should the state be lost.
 */
static void stale_and_newer(uint64_t by)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct block *b = rig_bytes(512, 3);
	struct ini_error e;

	rig_group(r, 3, true);
	fake_gone(r->h, 2);
	rig_step(r);
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert(!rig_in_sync(r, 2) && rig_member(r, 2)->logged);
	uint64_t newest = ini_group_find(r->ini, "g0")->generation + by;
	r->h->target[2].member.generation = newest;
	r->h->disk[2].page_fails = true;
	fake_back(r->h, 2);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	ck_assert(rig_member(r, 2)->logged == (by == 0));
	ck_assert_uint_eq(r->h->target[2].member.generation, newest);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_uint_gt(r->h->target[i].member.generation, newest);
	rig_lose_state(r);
	rig_replies(r, ini_group_import(r->ini, "again", NULL, false, 2, &e), &e, 2, LIMIT, INI_OK);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(ini_group_at(r->ini, 0)->m[i].state,
		                 i == 2 ? MEMBER_STALE : MEMBER_IN_SYNC);
	block_unref(b);
	rig_free(r);
}

/* A change that brought it in sync was cut off after its pages were written and before the state
 * was saved: it has gone since, with a page as new as those which the group goes on with. */
START_TEST(a_member_of_a_change_that_was_cut_off_is_away)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct block *b = rig_bytes(512, 3);
	struct ini_error e;

	rig_group(r, 3, true);
	fake_gone(r->h, 2);
	rig_step(r);
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert(!rig_in_sync(r, 2));
	uint64_t next = ini_group_find(r->ini, "g0")->generation + 1;
	uint8_t device = r->h->target[2].member.device;
	r->h->target[2].member = r->h->target[1].member;
	r->h->target[2].member.device = device;
	for (unsigned i = 0; i < 3; i++)
		r->h->target[i].member.generation = next;
	r->saved[0].used = next; /* that was saved before */
	r->h->latency_ns = 20 * NS_PER_MS;
	rig_restart(r);
	rig_run(r, 10 * NS_PER_MS);
	const struct ini_job *j = ini_job_at(r->ini, ini_jobs(r->ini) - 1);
	ck_assert(j->type == JOB_RESYNC && j->state == JOB_RUNNING);
	ck_assert(ini_job_cancel(r->ini, j->id, &e)); /* its end would raise the generation */
	rig_concludes(r, j->id, NS_PER_S, JOB_CANCELLED);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	rig_write(r, 512, b, LIMIT, INI_OK);
	rig_lose_state(r);
	fake_back(r->h, 2);
	rig_step(r);
	rig_replies(r, ini_group_import(r->ini, "again", NULL, false, 2, &e), &e, 2, LIMIT, INI_OK);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(ini_group_at(r->ini, 0)->m[i].state,
		                 i == 2 ? MEMBER_STALE : MEMBER_IN_SYNC);
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(a_stale_member_does_not_look_as_good_as_the_others)
{
	stale_and_newer(0);
	stale_and_newer(1);
	stale_and_newer(1000);
}
END_TEST

START_TEST(a_generation_beyond_all_sense_is_nobodys)
{
	struct rig *r = rig_new(2, BLOCKS);

	rig_group(r, 2, true);
	for (unsigned i = 0; i < 2; i++) { /* in sync, then stale */
		fake_gone(r->h, 1);
		r->h->target[1].member.generation = INT64_MAX - 1;
		fake_back(r->h, 1);
		rig_run(r, NS_PER_S);
		ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
		ck_assert_uint_lt(ini_group_find(r->ini, "g0")->generation, 100);
		ck_assert_uint_eq(r->h->target[1].member.generation, 0);
	}
	rig_free(r);
}
END_TEST

/* Nobody could be told of a new generation: there is none, and the last member stays in sync. */
START_TEST(a_page_that_cannot_be_written_does_not_cost_the_last_member)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(8 * 512, 1);

	rig_group(r, 2, true);
	r->h->disk[0].page_fails = true;
	fake_gone(r->h, 1);
	rig_step(r);
	/* that the other one has left is on no member: the write is no success */
	rig_write(r, 0, b, NS_PER_S, INI_E_DEVICE);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->generation, 1);
	fake_gone(r->h, 0);
	rig_step(r);
	fake_back(r->h, 0);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* It is saving another page, perhaps: that is no reason to leave the group, for a while. */
START_TEST(a_page_that_is_busy_is_written_later)
{
	for (unsigned patient = 0; patient < 2; patient++) {
		struct rig *r = rig_new(3, BLOCKS);
		struct block *b = rig_bytes(8 * 512, 1);

		rig_group(r, 3, true);
		r->h->disk[1].page_busy = patient ? 1000000 : 40;
		fake_gone(r->h, 2);
		rig_step(r);
		rig_write(r, 0, b, LIMIT, INI_OK);
		ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 2));
		ck_assert_int_eq(rig_in_sync(r, 1), !patient);
		/* 40 times 10 ms; no more than 10 s */
		ck_assert(r->now > NS_PER_S + (patient ? 10 * NS_PER_S : 400 * NS_PER_MS));
		ck_assert(r->now < 15 * NS_PER_S);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* disk1 has been copied to, and hears that it is in sync; disk0 does not, as the daemon is killed.
 * When it starts again, disk1 is away, and stale: disk0 gets a page that is later than that one
 * before it takes what disk1 lacks. */
START_TEST(a_change_that_was_cut_off_reached_who_is_stale)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 2, true);
	fake_gone(r->h, 1);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	uint64_t before = r->h->target[0].member.generation;
	ck_assert_uint_eq(r->h->target[1].member.generation, 0);
	r->h->disk[0].page_busy = 1000000;
	uint32_t job = rig_begin(r, JOB_RESYNC);
	for (unsigned i = 0; i < 10000 && !r->h->target[1].member.generation; i++)
		rig_run(r, NS_PER_MS);
	ck_assert_uint_gt(r->h->target[1].member.generation, before);
	fake_gone(r->h, 1);
	rig_restart(r);
	struct ini_error e;
	ck_assert(ini_job_cancel(r->ini, job, &e));
	ck_assert_uint_eq(r->h->target[0].member.generation, before);
	rig_run(r, NS_PER_S);
	unsigned replies = r->n_replies;
	uint64_t token = rig_begin_write(r, 0, b);
	rig_run(r, NS_PER_S);
	ck_assert_uint_eq(r->n_replies, replies);
	r->h->disk[0].page_busy = 0;
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_OK);
	ck_assert_uint_gt(r->h->target[0].member.generation, r->h->target[1].member.generation);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	block_unref(b);
	rig_free(r);
}
END_TEST

TAP_MAIN("group_generations", a_change_that_was_cut_off_reached_who_is_stale,
         who_misses_a_change_looks_older, no_write_is_acknowledged_on_a_state_that_was_not_saved,
         a_state_of_before_is_found_out, a_log_of_before_is_not_believed_later,
         who_may_have_the_new_generation_gets_no_equal,
         a_generation_that_nobody_could_be_told_is_owed,
         a_generation_that_is_owed_outlives_the_daemon, a_generation_that_nobody_took_is_owed,
         a_change_behind_one_that_nobody_was_told_of, a_state_is_not_newer_than_all_pages,
         a_generation_is_on_no_page_before_the_state_has_it,
         who_comes_first_is_not_the_only_good_one, who_comes_after_a_change_that_was_cut_off,
         a_generation_that_is_not_saved_is_on_no_page, a_write_when_nobody_is_there_changes_nobody,
         who_is_awaited_in_a_change_is_believed, a_page_that_comes_late_is_not_an_old_one,
         who_does_not_answer_is_not_told,
         who_is_newer_than_the_file_is_believed_while_another_is_told,
         who_the_file_trusts_alone_keeps_its_page_till_it_does_not, who_was_seen_stays,
         who_has_left_is_told_after_who_stays, a_stale_member_does_not_look_as_good_as_the_others,
         a_member_of_a_change_that_was_cut_off_is_away, a_generation_beyond_all_sense_is_nobodys,
         a_page_that_cannot_be_written_does_not_cost_the_last_member,
         a_page_that_is_busy_is_written_later);
