/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs of type verify, read and resync. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)

static struct rig *mirrored(unsigned n, uint64_t blocks)
{
	struct rig *r = rig_new(n, BLOCKS);

	rig_group(r, n, false);
	rig_concludes(r, rig_mirror(r, blocks * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	return r;
}

static const struct ini_job *verify(struct rig *r, bool image, enum ini_mode mode)
{
	struct ini_job_spec s = rig_spec(r, JOB_VERIFY);

	s.has_image = image;
	s.image_size = r->image_len;
	s.mode = mode;
	return rig_job(r, rig_start(r, &s), LIMIT);
}

static void spoil(struct rig *r, uint8_t id, lba_t lba, uint32_t blocks)
{
	for (uint32_t i = 0; i < blocks; i++)
		r->h->disk[id].store[(lba + i) * FAKE_BLOCK + 17] ^= 0x5a;
}

static void assert_runs(const struct ini_job_target *t, const struct ini_run *want, unsigned n)
{
	uint64_t bad = 0;

	ck_assert_uint_eq(t->n_runs, n);
	for (unsigned i = 0; i < n; i++) {
		ck_assert_uint_eq(t->runs[i].lba, want[i].lba);
		ck_assert_uint_eq(t->runs[i].blocks, want[i].blocks);
		bad += want[i].blocks;
	}
	ck_assert_uint_eq(t->bad, bad);
	ck_assert_uint_eq(t->good, BLOCKS - bad);
}

START_TEST(a_verify_finds_exactly_what_differs)
{
	static const enum ini_mode mode[] = {INI_SILENT, INI_CONVENTIONAL};

	for (unsigned k = 0; k < 4; k++) {
		struct rig *r = mirrored(3, BLOCKS);
		bool image = k < 2;
		ck_assert_int_eq(verify(r, image, mode[k % 2])->conclusion, JOB_SUCCESS);
		spoil(r, 1, 5, 2);
		spoil(r, 1, 63, 1);
		spoil(r, 1, 100, 1);
		spoil(r, 1, 102, 1);
		spoil(r, 1, 104, 20); /* more than one by one */
		spoil(r, 1, 126, 40); /* over a run's end */
		spoil(r, 2, 100, 1);
		spoil(r, 2, BLOCKS - 1, 1);
		const struct ini_job *j = verify(r, image, mode[k % 2]);
		ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
		ck_assert_uint_eq(j->done, j->total);
		assert_runs(&j->t[0], NULL, 0);
		assert_runs(&j->t[1],
		            (const struct ini_run[]){{.lba = 5, .blocks = 2},
		                                     {.lba = 63, .blocks = 1},
		                                     {.lba = 100, .blocks = 1},
		                                     {.lba = 102, .blocks = 1},
		                                     {.lba = 104, .blocks = 20},
		                                     {.lba = 126, .blocks = 40}},
		            6);
		assert_runs(&j->t[2],
		            (const struct ini_run[]){{.lba = 100, .blocks = 1},
		                                     {.lba = BLOCKS - 1, .blocks = 1}},
		            2);
		ck_assert_uint_eq(j->differing, 67);
		ck_assert_ptr_nonnull(strstr(j->t[1].runs[0].what, "differs"));
		ck_assert_uint_eq(j->t[1].resent, 0);
		/* who is right a verify cannot know: a scrub is for that */
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
		rig_free(r);
	}
}
END_TEST

START_TEST(every_second_block_differs)
{
	struct rig *r = mirrored(2, BLOCKS);

	for (uint32_t i = 0; i < BLOCKS; i += 2)
		spoil(r, 0, i, 1);
	const struct ini_job *j = verify(r, true, INI_SILENT);
	ck_assert_uint_eq(j->differing, BLOCKS / 2);
	ck_assert_uint_eq(j->t[0].bad, BLOCKS / 2);
	ck_assert_uint_eq(j->t[0].good, BLOCKS / 2);
	ck_assert_uint_eq(j->t[0].n_runs, INI_RUNS_MAX);
	ck_assert_uint_eq(j->t[0].runs_dropped, BLOCKS / 2 - INI_RUNS_MAX);
	ck_assert_uint_lt(r->h->n_trace, 200);
	rig_free(r);
}
END_TEST

START_TEST(blocks_that_cannot_be_verified_are_bad)
{
	struct rig *r = mirrored(2, BLOCKS);

	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 200, .blocks = 2});
	spoil(r, 1, 210, 1);
	const struct ini_job *j = verify(r, true, INI_SILENT);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	ck_assert_uint_eq(j->differing, 1);
	assert_runs(&j->t[1],
	            (const struct ini_run[]){{.lba = 200, .blocks = 2}, {.lba = 210, .blocks = 1}},
	            2);
	rig_free(r);
}
END_TEST

START_TEST(a_verify_of_one_member_tells_what_it_cannot_read)
{
	struct rig *r = rig_new(1, BLOCKS);

	rig_group(r, 1, true);
	fake_fault(
	        r->h, 0,
	        (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 100, .blocks = 4, .reads = true});
	const struct ini_job *j = rig_do(r, JOB_VERIFY, LIMIT, JOB_FAILED);
	ck_assert_uint_eq(j->t[0].good, BLOCKS - 4);
	ck_assert_uint_eq(j->t[0].bad, 4);
	ck_assert_uint_eq(j->t[0].n_runs, 1);
	ck_assert_uint_eq(j->t[0].runs[0].lba, 100);
	ck_assert_uint_eq(j->t[0].runs[0].blocks, 4);
	ck_assert(rig_in_sync(r, 0));
	fake_clear_faults(r->h, 0);
	(void)rig_do(r, JOB_VERIFY, LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

/* The only one in sync is away for a moment when a read from it has failed: it is waited for. */
START_TEST(who_has_failed_is_waited_for)
{
	struct rig *r = rig_new(1, BLOCKS);
	struct block *into = rig_bytes(FAKE_BLOCK, 1);
	struct ini_error e;

	rig_group(r, 1, true);
	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_CRC, .times = 1});
	r->h->latency_ns = NS_PER_MS;
	ck_assert(ini_group_read(r->ini, "g0", 9 * FAKE_BLOCK, FAKE_BLOCK, into, 77, &e));
	rig_step(r);
	rig_step(r);
	r->now += 2 * NS_PER_MS;
	fake_run(r->h, r->now);
	fake_reset(r->h);
	ck_assert_int_eq(rig_reply(r, 77, LIMIT)->error.kind, INI_OK);
	block_unref(into);
	rig_free(r);
}
END_TEST

/* A CHECK CONDITION whose sense is lost says nothing of the blocks, also where each is tried once.
 */
START_TEST(a_sense_that_is_lost)
{
	struct rig *r = rig_new(2, BLOCKS);
	const struct ini_group_set once = {.has_max_passes = true, .max_passes = 1};
	struct ini_error e;

	rig_group(r, 2, true);
	rig_replies(r, ini_group_set(r->ini, "g0", &once, 5, &e), &e, 5, LIMIT, INI_OK);
	for (unsigned k = 0; k < 6; k++) {
		struct fake_fault f = {.kind = k & 1 ? FAULT_SENSE : FAULT_STATUS,
		                       .status = SCSI_CHECK_CONDITION,
		                       .times = 2};
		fake_fault(r->h, 0, f);
		fake_fault(r->h, 1, f);
		if (k < 2)
			rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
		else
			rig_do(r, k < 4 ? JOB_VERIFY : JOB_SCRUB, LIMIT, JOB_SUCCESS);
	}
	rig_free(r);
}
END_TEST

START_TEST(a_verify_with_a_member_missing_is_partial)
{
	struct rig *r = mirrored(3, BLOCKS);

	fake_gone(r->h, 2);
	rig_step(r);
	const struct ini_job *j = verify(r, true, INI_SILENT);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	assert_runs(&j->t[2], (const struct ini_run[]){{.lba = 0, .blocks = BLOCKS}}, 1);
	ck_assert_uint_eq(j->differing, 0);
	rig_free(r);
}
END_TEST

START_TEST(a_read_job_gives_the_image_back)
{
	struct rig *r = mirrored(2, 999);
	const struct ini_job *j = rig_do(r, JOB_READ, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->total, BLOCKS * FAKE_BLOCK);
	ck_assert_mem_eq(r->file, r->h->disk[0].store, BLOCKS * FAKE_BLOCK);
	ck_assert_uint_eq(r->syncs, 1);
	ck_assert_uint_eq(r->closes, 2);
	rig_free(r);
}
END_TEST

/* One that is away for a moment is waited for, before a block is given up that another one cannot
 * give. */
START_TEST(who_comes_is_asked_for_what_another_one_cannot_give)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(FAKE_BLOCK, 9), *into = rig_bytes(FAKE_BLOCK, 1);
	struct ini_error e;

	rig_group(r, 2, true);
	rig_write(r, 9 * FAKE_BLOCK, b, LIMIT, INI_OK);
	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 9, .blocks = 1, .reads = true});
	fake_bus_down(r->h);
	rig_run(r, NS_PER_S);
	r->h->up = true;
	fake_back(r->h, 0);
	rig_step(r);
	unsigned replies = r->n_replies;
	ck_assert(ini_group_read(r->ini, "g0", 9 * FAKE_BLOCK, FAKE_BLOCK, into, 77, &e));
	rig_run(r, 5 * NS_PER_S);
	ck_assert_uint_eq(r->n_replies, replies);
	fake_back(r->h, 1);
	ck_assert_int_eq(rig_reply(r, 77, LIMIT)->error.kind, INI_OK);
	ck_assert_mem_eq(into->data, b->data, FAKE_BLOCK);
	block_unref(b);
	block_unref(into);
	rig_free(r);
}
END_TEST

START_TEST(a_read_job_uses_another_member_where_one_fails)
{
	struct rig *r = mirrored(2, BLOCKS);
	struct ini_job_spec s = rig_spec(r, JOB_READ);

	fake_fault(r->h, 0,
	           (struct fake_fault){
	                   .kind = FAULT_MEDIUM, .lba = 100, .blocks = 300, .reads = true});
	uint32_t id = rig_start(r, &s);
	rig_run(r, NS_PER_MS);
	fake_gone(r->h, 0);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_mem_eq(r->file, r->h->disk[1].store, BLOCKS * FAKE_BLOCK);
	rig_free(r);
}
END_TEST

START_TEST(what_nobody_can_read_is_told)
{
	struct rig *r = mirrored(2, BLOCKS);
	struct ini_job_spec s = rig_spec(r, JOB_READ);

	for (uint8_t i = 0; i < 2; i++)
		fake_fault(r->h, i,
		           (struct fake_fault){
		                   .kind = FAULT_MEDIUM, .lba = 77, .blocks = 2, .reads = true});
	memset(r->file, 0xee, r->file_len);
	const struct ini_job *j = rig_concludes(r, rig_start(r, &s), LIMIT, JOB_PARTIAL);
	ck_assert_uint_eq(j->t[0].bad + j->t[1].bad, 2);
	for (lba_t lba = 0; lba < BLOCKS; lba++) {
		static const uint8_t zeros[FAKE_BLOCK];
		const uint8_t *want =
		        lba == 77 || lba == 78 ? zeros : r->h->disk[0].store + lba * FAKE_BLOCK;
		ck_assert_mem_eq(r->file + lba * FAKE_BLOCK, want, FAKE_BLOCK);
	}
	rig_free(r);
}
END_TEST

/* The only member in sync goes in the middle of it; a stale one, which is here, is nobody to read
 * from. */
START_TEST(the_last_member_in_sync_goes_while_it_is_read)
{
	struct rig *r = mirrored(2, BLOCKS);
	struct ini_job_spec s = rig_spec(r, JOB_READ);

	rig_bypass(r, 0);
	rig_step(r);
	uint32_t id = rig_start(r, &s);
	while (ini_job_find(r->ini, id)->done < BLOCKS * FAKE_BLOCK / 4)
		rig_run(r, NS_PER_MS / 20);
	fake_gone(r->h, 1);
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_PARTIAL);
	ck_assert_uint_gt(j->t[0].bad, 0);
	ck_assert_uint_eq(j->t[0].good + j->t[0].bad, BLOCKS);
	rig_free(r);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_fails_the_read)
{
	struct rig *r = mirrored(2, BLOCKS);
	struct ini_job_spec s = rig_spec(r, JOB_READ);

	r->write_err = 28;
	const struct ini_job *j = rig_concludes(r, rig_start(r, &s), LIMIT, JOB_FAILED);
	ck_assert_int_eq(j->error.kind, INI_E_IO);
	ck_assert_ptr_nonnull(strstr(j->error.text, " at byte 0: No space left on device"));
	r->write_err = 0;
	r->sync_err = 5;
	j = rig_concludes(r, rig_start(r, &s), LIMIT, JOB_FAILED);
	ck_assert_ptr_nonnull(strstr(j->error.text, " flushed: Input/output error"));
	ck_assert_uint_eq(r->closes, 3);
	ck_assert(rig_in_sync(r, 0));
	rig_free(r);
}
END_TEST

/* Makes disk `id` stale and different. */
static void degrade(struct rig *r, uint8_t id)
{
	memset(r->h->disk[id].store, 0x33, BLOCKS * FAKE_BLOCK);
	rig_bypass(r, id);
	rig_run(r, NS_PER_S);
}

START_TEST(a_resync_makes_stale_members_equal)
{
	struct rig *r = mirrored(4, BLOCKS);

	degrade(r, 1);
	degrade(r, 3);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	fake_fault(r->h, 3, (struct fake_fault){.kind = FAULT_CRC, .times = 2});
	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 9, .blocks = 1, .reads = true});
	unsigned before = fake_count(r->h, OP_WRITE_16, 0);
	const struct ini_job *j = rig_concludes(r, rig_start(r, &s), LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->n_targets, 2);
	ck_assert_str_eq(j->t[1].name, "disk3");
	ck_assert_uint_eq(j->t[1].resent, 128);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, 0), before);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert(rig_in_sync(r, i) && rig_holds(r, (uint8_t)i));
		ck_assert_uint_eq(r->h->target[i].member.generation,
		                  ini_group_find(r->ini, "g0")->generation);
	}
	/* nothing is left to do: done at once */
	j = rig_concludes(r, rig_start(r, &s), LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->total, 0);
	rig_free(r);
}
END_TEST

START_TEST(a_resync_cannot_give_what_its_source_cannot_read)
{
	struct rig *r = mirrored(2, BLOCKS);

	degrade(r, 1);
	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 9, .blocks = 1, .reads = true});
	const struct ini_job *j = rig_do(r, JOB_RESYNC, LIMIT, JOB_FAILED);
	ck_assert_uint_eq(j->t[0].bad, 1);
	ck_assert_uint_eq(j->t[0].good, BLOCKS - 1);
	ck_assert(!rig_in_sync(r, 1) && rig_in_sync(r, 0));
	rig_free(r);
}
END_TEST

START_TEST(the_source_of_a_resync_goes)
{
	struct rig *r = mirrored(3, BLOCKS);

	degrade(r, 2);
	uint32_t id = rig_begin(r, JOB_RESYNC);
	rig_run(r, NS_PER_MS);
	fake_gone(r->h, 0);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS); /* disk1 has it, too */
	ck_assert(rig_holds(r, 2));
	rig_free(r);
}
END_TEST

START_TEST(a_resync_is_cancelled)
{
	struct rig *r = mirrored(2, BLOCKS);
	struct ini_error e;

	degrade(r, 1);
	uint32_t id = rig_begin(r, JOB_RESYNC);
	rig_run(r, NS_PER_MS / 4);
	ck_assert(ini_job_cancel(r->ini, id, &e));
	rig_concludes(r, id, LIMIT, JOB_CANCELLED);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

/* In one batch: the resync's last command comes back, and a write that waited for its range finds
 * nobody there. What the resync has copied it has not counted. */
START_TEST(a_write_fails_behind_a_cancelled_resync)
{
	struct rig *r = mirrored(2, BLOCKS);
	struct block *b = block_new(8 * FAKE_BLOCK);
	struct ini_error e;

	degrade(r, 1);
	uint32_t id = rig_begin(r, JOB_RESYNC);
	rig_step(r);
	r->h->held = true;
	rig_run(r, NS_PER_MS);
	memset(b->data, 3, b->len);
	ck_assert(ini_group_write(r->ini, "g0", 0, (uint32_t)b->len, b, 9, &e));
	rig_run(r, NS_PER_MS);
	ck_assert(ini_job_cancel(r->ini, id, &e));
	fake_gone(r->h, 0);
	fake_gone(r->h, 1);
	r->h->held = false;
	ck_assert_int_eq(rig_reply(r, 9, LIMIT)->error.kind, INI_E_DEVICE);
	rig_concludes(r, id, LIMIT, JOB_CANCELLED);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* All of a member differs, so each run takes a buffer for its source, and one to compare with:
 * there are fewer than such a window would like. */
START_TEST(a_wide_window_over_members_that_differ_ends)
{
	static const unsigned windows[] = {8, 31, 32, 40, 64};

	for (unsigned i = 0; i < 2 * ARRAY_LEN(windows); i++) {
		struct rig *r = rig_new(2, 64 * 128);
		rig_group(r, 2, true);
		memset(r->h->disk[1].store, 0x55, 64 * 128 * FAKE_BLOCK);
		struct ini_job_spec s = rig_spec(r, i % 2 ? JOB_SCRUB : JOB_VERIFY);
		s.window = windows[i / 2];
		s.has_image = false;
		const struct ini_job *j = rig_job(r, rig_start(r, &s), LIMIT);
		ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
		ck_assert_uint_eq(j->differing, 64 * 128);
		ini_check(r->ini);
		rig_free(r);
	}
}
END_TEST

/* A read that has waited for a mirror: who is read from was not known when it was made. */
START_TEST(a_read_behind_a_mirror_tells_what_cannot_be_read)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_job_spec s;

	rig_group(r, 2, false);
	uint32_t m = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	rig_step(r);
	s = rig_spec(r, JOB_READ);
	uint32_t id = rig_start(r, &s);
	for (uint8_t i = 0; i < 2; i++)
		fake_fault(r->h, i,
		           (struct fake_fault){
		                   .kind = FAULT_MEDIUM, .lba = 700, .blocks = 3, .reads = true});
	rig_concludes(r, m, LIMIT, JOB_SUCCESS);
	const struct ini_job *j = rig_job(r, id, LIMIT);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	ck_assert_ptr_nonnull(strstr(j->error.text, "3 blocks could not be read"));
	ck_assert_uint_eq(j->n_targets, 2);
	rig_free(r);
}
END_TEST

/* A client writes on, beside a resync that is paused and whose member is away: more than can be
 * remembered of what that one misses. */
START_TEST(writes_beside_a_paused_resync_whose_member_is_away)
{
	const lba_t blocks = 2 * BLOCKS;
	struct rig *r = rig_new(2, blocks);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct ini_error e;

	rig_group(r, 2, false);
	rig_concludes(r, rig_mirror(r, blocks * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	rig_bypass(r, 1);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	uint32_t id = rig_start(r, &s);
	const struct ini_job *j = ini_job_find(r->ini, id);
	while (j->done < blocks / 2 * FAKE_BLOCK)
		rig_run(r, NS_PER_MS / 20);
	ck_assert(ini_job_pause(r->ini, id, &e));
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(j->state, JOB_PAUSED);
	fake_gone(r->h, 1);
	rig_run(r, NS_PER_S);
	for (unsigned n = 0; n < 2 * blocks; n++) {
		r->n_replies = 0;
		rig_write(r, 2 * (n % (blocks / 4)) * FAKE_BLOCK, b, LIMIT, INI_OK);
	}
	fake_back(r->h, 1);
	ck_assert(ini_job_resume(r->ini, id, &e));
	ck_assert_int_ne(rig_job(r, id, LIMIT)->conclusion, JOB_SUCCESS);
	ck_assert(!rig_in_sync(r, 1));
	(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(r, 1));
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, blocks * FAKE_BLOCK);
	block_unref(b);
	rig_free(r);
}
END_TEST

TAP_MAIN("verify_read_resync", who_has_failed_is_waited_for, a_sense_that_is_lost,
         who_comes_is_asked_for_what_another_one_cannot_give,
         a_read_behind_a_mirror_tells_what_cannot_be_read,
         writes_beside_a_paused_resync_whose_member_is_away,
         a_verify_of_one_member_tells_what_it_cannot_read,
         a_wide_window_over_members_that_differ_ends, a_verify_finds_exactly_what_differs,
         every_second_block_differs, blocks_that_cannot_be_verified_are_bad,
         a_verify_with_a_member_missing_is_partial, a_read_job_gives_the_image_back,
         a_read_job_uses_another_member_where_one_fails, what_nobody_can_read_is_told,
         the_last_member_in_sync_goes_while_it_is_read,
         a_file_that_cannot_be_written_fails_the_read, a_resync_makes_stale_members_equal,
         a_resync_cannot_give_what_its_source_cannot_read, the_source_of_a_resync_goes,
         a_resync_is_cancelled, a_write_fails_behind_a_cancelled_resync);
