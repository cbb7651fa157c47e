/* SPDX-License-Identifier: BSD-2-Clause */
/* A group is written, read and flushed: who has what, what is acknowledged, what a resync beside it
 * copies. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)

START_TEST(write_read_flush)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;
	uint32_t len = 200 * FAKE_BLOCK;
	struct block *b = rig_bytes(len, 1), *into = block_new(len);

	rig_group(r, 3, true);
	rig_write(r, 24 * FAKE_BLOCK, b, NS_PER_S, INI_OK);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_mem_eq(r->h->disk[i].store + 24 * FAKE_BLOCK, b->data, len);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, -1), 4);
	const struct rig_reply *p =
	        rig_replies(r, ini_group_read(r->ini, "g0", 24 * FAKE_BLOCK, len, into, 2, &e), &e,
	                    2, NS_PER_S, INI_OK);
	ck_assert_uint_eq(p->len, len);
	ck_assert_mem_eq(p->data, b->data, len);
	rig_replies(r, ini_group_flush(r->ini, "g0", 3, &e), &e, 3, NS_PER_S, INI_OK);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(r->h->disk[i].flushes, 1);
	ck_assert_uint_eq(b->refs, 1);
	rig_step(r);
	ck_assert_uint_eq(into->refs, 1);
	block_unref(b);
	block_unref(into);
	rig_free(r);
}
END_TEST

START_TEST(io_refusals)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;
	struct block *b = block_new(WIRE_DATA_MAX);

	rig_group(r, 2, false);
	rig_refused(ini_group_write(r->ini, "g0", 0, 512, b, 1, &e), &e, INI_E_UNSYNCED, "");
	rig_refused(ini_group_read(r->ini, "g1", 0, 512, b, 1, &e), &e, INI_E_NO_SUCH_GROUP, "");
	rig_job(r, rig_mirror(r, 100), LIMIT);
	static const struct {
		uint64_t offset;
		uint32_t len;
	} bad[] = {{0, 0},
	           {0, 511},
	           {1, 512},
	           {BLOCKS * 512, 512},
	           {(BLOCKS - 1) * 512, 1024},
	           {UINT64_MAX - 511, 512},
	           {0, WIRE_DATA_MAX + 512}};
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		rig_refused(ini_group_write(r->ini, "g0", bad[i].offset, bad[i].len, b, 1, &e), &e,
		            INI_E_BAD_RANGE, "");
		rig_refused(ini_group_read(r->ini, "g0", bad[i].offset, bad[i].len, b, 1, &e), &e,
		            INI_E_BAD_RANGE, "");
	}
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	rig_run(r, NS_PER_MS / 2);
	ck_assert(!ini_group_write(r->ini, "g0", 0, 512, b, 1, &e));
	rig_job(r, id, LIMIT);
	fake_bus_down(r->h);
	rig_step(r);
	rig_refused(ini_group_write(r->ini, "g0", 0, 512, b, 1, &e), &e, INI_E_BUS_DOWN, "");
	block_unref(b);
	rig_free(r);
}
END_TEST

/* One write fails everywhere, so that a member that lacks another write stays in sync: the other is
 * not acknowledged. */
START_TEST(what_the_member_that_stays_lacks_is_not_acknowledged)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(8 * 512, 1);

	rig_group(r, 2, true);
	for (uint8_t i = 0; i < 2; i++)
		fake_fault(r->h, i,
		           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 20, .blocks = 1});
	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 3, .blocks = 1});
	uint64_t nowhere = rig_begin_write(r, 16 * 512, b), elsewhere = rig_begin_write(r, 0, b);
	ck_assert_int_ne(rig_reply(r, nowhere, LIMIT)->error.kind, INI_OK);
	ck_assert_int_ne(rig_reply(r, elsewhere, LIMIT)->error.kind, INI_OK);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Until it is saved that disk1 is stale, nothing that disk1 lacks is acknowledged, whoever's
 * failure it was that made it stale. */
START_TEST(nothing_that_a_stale_member_lacks_is_acknowledged_early)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;
	struct block *b = rig_bytes(8 * 512, 1);

	rig_group(r, 3, true);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 3, .blocks = 1});
	r->saves_held = true;
	uint64_t token[] = {rig_begin_write(r, 0, b), 0, 3};
	rig_run(r, 5 * NS_PER_S);
	ck_assert(!rig_in_sync(r, 1));
	token[1] = rig_begin_write(r, 16 * 512, b);
	ck_assert(ini_group_flush(r->ini, "g0", 3, &e));
	rig_run(r, 5 * NS_PER_S);
	ck_assert_uint_eq(r->n_replies, 1); /* that of group.create */
	r->saves_held = false;
	ini_saved(r->ini, r->held_save, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(rig_reply(r, token[i], NS_PER_S)->error.kind, INI_OK);
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(a_member_that_fails_is_stale_before_the_write_is_acknowledged)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct block *b = rig_bytes(8 * 512, 1);

	rig_group(r, 3, true);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 3, .blocks = 1});
	r->saves_held = true;
	uint64_t token = rig_begin_write(r, 0, b);
	rig_run(r, 5 * NS_PER_S);
	ini_saved(r->ini, r->held_save, 0); /* the generation is used, then the change */
	rig_run(r, 5 * NS_PER_S);
	ck_assert_uint_eq(r->n_replies, 1); /* that of group.create */
	ck_assert(!rig_in_sync(r, 1));
	ck_assert_uint_eq(r->h->target[0].member.generation, 2);
	ck_assert_uint_eq(r->h->target[1].member.generation, 0);
	r->saves_held = false;
	ini_saved(r->ini, r->held_save, 0);
	ck_assert_int_eq(rig_reply(r, token, NS_PER_S)->error.kind, INI_OK);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 2));
	ck_assert_uint_eq(rig_member(r, 1)->failed, 1);
	/* the next one goes to those in sync only */
	unsigned before = fake_count(r->h, OP_WRITE_16, 1);
	rig_write(r, 0, b, NS_PER_S, INI_OK);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, 1), before);
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(a_write_that_cannot_be_made_durable_is_no_success)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(8 * 512, 1);

	rig_group(r, 2, true);
	fake_gone(r->h, 1);
	r->save_err = 28;
	rig_step(r);
	rig_write(r, 0, b, NS_PER_S, INI_E_STATE_DIR);
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(a_write_that_fails_everywhere_is_an_error_and_keeps_one_member)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(8 * 512, 1);

	rig_group(r, 2, true);
	for (uint8_t i = 0; i < 2; i++)
		fake_fault(r->h, i,
		           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 3, .blocks = 1});
	const struct rig_reply *p = rig_write(r, 0, b, NS_PER_S, INI_E_DEVICE);
	ck_assert(p->error.has_sense && p->error.sense.key == KEY_MEDIUM_ERROR);
	ck_assert(rig_in_sync(r, 0) != rig_in_sync(r, 1));
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(a_read_falls_over_to_another_member)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;
	struct block *b = rig_bytes(64 * 512, 1), *into = block_new(64 * 512);

	rig_group(r, 2, true);
	rig_write(r, 0, b, NS_PER_S, INI_OK);
	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 7, .blocks = 2, .reads = true});
	fake_fault(
	        r->h, 1,
	        (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 20, .blocks = 2, .reads = true});
	const struct rig_reply *p =
	        rig_replies(r, ini_group_read(r->ini, "g0", 0, 64 * 512, into, 2, &e), &e, 2,
	                    10 * NS_PER_S, INI_OK);
	ck_assert_mem_eq(p->data, b->data, 64 * 512);
	fake_fault(r->h, 1,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 8, .blocks = 1, .reads = true});
	p = rig_replies(r, ini_group_read(r->ini, "g0", 0, 64 * 512, into, 3, &e), &e, 3,
	                10 * NS_PER_S, INI_E_DEVICE);
	ck_assert_ptr_null(p->data);
	block_unref(b);
	block_unref(into);
	rig_free(r);
}
END_TEST

START_TEST(writes_that_overlap_leave_equal_members)
{
	struct rig *r = rig_new(3, BLOCKS);

	rig_group(r, 3, true);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_CRC, .times = 9});
	uint64_t token[40];
	for (uint8_t i = 0; i < 40; i++) { /* the fake asserts that none is beside another */
		struct block *b = rig_bytes(16 * 512, (uint8_t)(i * 5));
		token[i] = rig_begin_write(r, (i % 7) * 512U * 4, b);
		block_unref(b);
	}
	for (uint8_t i = 0; i < 40; i++)
		ck_assert_int_eq(rig_reply(r, token[i], 10 * NS_PER_S)->error.kind, INI_OK);
	/* One that has failed for good gets nothing more, until a resync. */
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1) && rig_in_sync(r, 2));
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[2].store, BLOCKS * 512);
	rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, BLOCKS * 512);
	rig_free(r);
}
END_TEST

START_TEST(writes_during_a_resync_reach_the_new_member)
{
	struct rig *r = rig_new(2, BLOCKS);

	rig_group(r, 1, true);
	rig_add(r, "disk1");
	uint32_t id = rig_begin(r, JOB_RESYNC);
	for (uint8_t i = 0; i < 30; i++) {
		struct block *b = rig_bytes(16 * 512, (uint8_t)(i * 5));
		rig_run(r, NS_PER_MS / 10);
		(void)rig_begin_write(r, (i * 37U % 60) * 512U * 16, b);
		block_unref(b);
	}
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, BLOCKS * 512);
	ck_assert(rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

/* A resync of disk1 from disk0, halfway: blocks 0..511 were copied. */
static uint32_t half_a_resync(struct rig *r)
{
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);

	rig_group(r, 1, true);
	rig_add(r, "disk1");
	s.speed_limit = 64 * FAKE_BLOCK; /* a run of 64 blocks a second */
	uint32_t id = rig_start(r, &s);
	while (ini_job_find(r->ini, id)->done < 512 * FAKE_BLOCK)
		rig_run(r, NS_PER_S / 10);
	return id;
}

START_TEST(a_write_that_fails_on_the_new_member_is_copied_again)
{
	for (uint8_t victim = 0; victim < 2; victim++) {
		struct rig *r = rig_new(2, BLOCKS);
		uint32_t id = half_a_resync(r);
		struct fake_fault f = {.kind = FAULT_MEDIUM, .lba = 100, .blocks = 1, .times = 5};
		struct block *b = rig_bytes(16 * 512, 9);

		/* victim 0: the only member in sync fails the write, the new one has it */
		fake_fault(r->h, victim, f);
		rig_write(r, 96 * 512, b, NS_PER_S, victim ? INI_OK : INI_E_DEVICE);
		block_unref(b);
		const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_SUCCESS);
		ck_assert_uint_eq(j->t[0].good, BLOCKS);
		ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, BLOCKS * 512);
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
		rig_free(r);
	}
}
END_TEST

/*
 * disk1 and disk2 are copied to; disk1 misses a write and is to be caught up with, in a command
 * that waits for another write to the same blocks. That one fails on disk2, at whatever moment it
 * goes: then disk2 lacks it, too, and is not in sync before it has it.
 */
static void caught_up_behind_a_write(ns_t moment)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	struct block *a = rig_bytes(16 * 512, 7), *b = rig_bytes(16 * 512, 9);

	rig_group(r, 1, true);
	rig_add(r, "disk1");
	rig_add(r, "disk2");
	s.window = 1;
	uint32_t id = rig_start(r, &s);
	while (ini_job_find(r->ini, id)->done < (BLOCKS - 128) * FAKE_BLOCK)
		rig_step(r), rig_run(r, NS_PER_US * 100);
	fake_gone(r->h, 1);
	rig_step(r);
	rig_write(r, 0, a, LIMIT, INI_OK);
	fake_back(r->h, 1);
	rig_run(r, moment);
	uint64_t token = rig_begin_write(r, 0, b);
	rig_run(r, NS_PER_US * 50);
	fake_gone(r->h, 2);
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_OK);
	fake_back(r->h, 2);
	(void)rig_job(r, id, LIMIT);
	for (unsigned i = 1; i < 3; i++)
		ck_assert_msg(!rig_in_sync(r, i) || memcmp(r->h->disk[0].store, r->h->disk[i].store,
		                                           BLOCKS * 512) == 0,
		              "disk%u is in sync, and is not what disk0 is", i);
	block_unref(a);
	block_unref(b);
	rig_free(r);
}

START_TEST(what_a_catch_up_waits_for_may_be_missed_by_another)
{
	for (ns_t moment = 0; moment < 3 * NS_PER_MS; moment += 100 * NS_PER_US)
		caught_up_behind_a_write(moment);
}
END_TEST

TAP_MAIN("group_io", write_read_flush, io_refusals,
         what_the_member_that_stays_lacks_is_not_acknowledged,
         nothing_that_a_stale_member_lacks_is_acknowledged_early,
         a_member_that_fails_is_stale_before_the_write_is_acknowledged,
         a_write_that_cannot_be_made_durable_is_no_success,
         a_write_that_fails_everywhere_is_an_error_and_keeps_one_member,
         a_read_falls_over_to_another_member, writes_that_overlap_leave_equal_members,
         writes_during_a_resync_reach_the_new_member,
         a_write_that_fails_on_the_new_member_is_copied_again,
         what_a_catch_up_waits_for_may_be_missed_by_another);
