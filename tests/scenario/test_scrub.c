/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs of type scrub: who is right, who is repaired, and what is left alone. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)

static struct rig *mirrored(unsigned n)
{
	struct rig *r = rig_new(n, BLOCKS);

	rig_group(r, n, false);
	rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	return r;
}

static const struct ini_job *scrub(struct rig *r, enum ini_mode mode)
{
	struct ini_job_spec s = rig_spec(r, JOB_SCRUB);

	s.mode = mode;
	return rig_job(r, rig_start(r, &s), LIMIT);
}

static void spoil(struct rig *r, uint8_t id, lba_t lba, uint32_t blocks, uint8_t how)
{
	for (uint32_t i = 0; i < blocks; i++)
		r->h->disk[id].store[(lba + i) * FAKE_BLOCK + 17] ^= how;
}

static void assert_target(const struct ini_job *j, unsigned t, uint64_t repaired, uint64_t bad)
{
	ck_assert_uint_eq(j->t[t].repaired, repaired);
	ck_assert_uint_eq(j->t[t].bad, bad);
	ck_assert_uint_eq(j->t[t].good, BLOCKS - bad);
}

START_TEST(equal_members_are_left_alone)
{
	static const enum ini_mode mode[] = {INI_SILENT, INI_CONVENTIONAL};

	for (unsigned k = 0; k < 2; k++) {
		struct rig *r = mirrored(3);
		unsigned writes = fake_count(r->h, OP_WRITE_16, -1);
		unsigned flushes = r->h->disk[0].flushes;
		const struct ini_job *j = scrub(r, mode[k]);
		ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
		ck_assert_uint_eq(j->done, j->total);
		for (unsigned t = 0; t < 3; t++)
			assert_target(j, t, 0, 0);
		ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, -1), writes);
		ck_assert_uint_eq(r->h->disk[0].flushes, flushes);
		rig_free(r);
	}
}
END_TEST

/* The one that differs may be the one that the others were compared with. */
START_TEST(most_members_are_right)
{
	static const enum ini_mode mode[] = {INI_SILENT, INI_CONVENTIONAL};

	for (unsigned k = 0; k < 2; k++) {
		struct rig *r = mirrored(3);
		spoil(r, 0, 5, 2, 1);
		spoil(r, 1, 6, 1, 2); /* all three differ here: see below */
		spoil(r, 1, 63, 4, 1);
		spoil(r, 2, 200, 150, 1); /* more than is judged at once */
		spoil(r, 0, 6, 1, 1);     /* back as it was: 0 and 2 are alike */
		spoil(r, 2, BLOCKS - 1, 1, 1);
		unsigned flushes[3];
		for (unsigned i = 0; i < 3; i++)
			flushes[i] = r->h->disk[i].flushes;
		const struct ini_job *j = scrub(r, mode[k]);
		ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
		assert_target(j, 0, 1, 0);
		assert_target(j, 1, 5, 0);
		assert_target(j, 2, 151, 0);
		ck_assert_uint_eq(j->differing, 157);
		for (unsigned i = 0; i < 3; i++) {
			ck_assert(rig_holds(r, (uint8_t)i) && rig_in_sync(r, i));
			ck_assert_uint_gt(r->h->disk[i].flushes, flushes[i]);
		}
		ck_assert_uint_eq(scrub(r, mode[k])->differing, 0);
		rig_free(r);
	}
}
END_TEST

/* Nothing outside what was repaired is written. */
START_TEST(only_the_losers_blocks_are_written)
{
	struct rig *r = mirrored(4);
	uint64_t written[4];

	for (unsigned i = 0; i < 4; i++)
		written[i] = r->h->disk[i].written;
	spoil(r, 3, 10, 3, 1);
	spoil(r, 3, 500, 1, 1);
	ck_assert_int_eq(scrub(r, INI_SILENT)->conclusion, JOB_SUCCESS);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(r->h->disk[i].written - written[i], i == 3 ? 4 : 0);
	rig_free(r);
}
END_TEST

START_TEST(without_a_majority_nothing_is_written)
{
	struct rig *r = mirrored(2);
	uint64_t written = r->h->disk[0].written + r->h->disk[1].written;

	spoil(r, 0, 100, 3, 1);
	const struct ini_job *j = scrub(r, INI_SILENT);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	ck_assert_uint_eq(j->differing, 3);
	assert_target(j, 0, 0, 0);
	assert_target(j, 1, 0, 3);
	ck_assert_uint_eq(j->t[1].n_runs, 1);
	ck_assert_uint_eq(j->t[1].runs[0].lba, 100);
	ck_assert_uint_eq(j->t[1].runs[0].blocks, 3);
	ck_assert_ptr_nonnull(strstr(j->t[1].runs[0].what, "no majority"));
	ck_assert_uint_eq(r->h->disk[0].written + r->h->disk[1].written, written);
	/* the group stays what its reads give, and says who is not of it any more */
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

START_TEST(two_against_two_is_no_majority)
{
	struct rig *r = mirrored(4);

	spoil(r, 1, 7, 1, 1);
	spoil(r, 3, 7, 1, 1);
	spoil(r, 2, 8, 1, 1);
	const struct ini_job *j = scrub(r, INI_SILENT);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	assert_target(j, 0, 0, 0);
	assert_target(j, 1, 0, 1);
	assert_target(j, 2, 1, 0);
	assert_target(j, 3, 0, 1);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(rig_in_sync(r, i), i % 2 == 0);
	rig_free(r);
}
END_TEST

/* Two members are enough where one says itself that it has lost a block. */
START_TEST(what_a_medium_does_not_give_comes_from_another_member)
{
	for (uint8_t who = 0; who < 2; who++) {
		struct rig *r = mirrored(2);
		uint64_t written = r->h->disk[who].written;
		fake_fault(r->h, who,
		           (struct fake_fault){.kind = FAULT_MEDIUM,
		                               .lba = 77,
		                               .blocks = 2,
		                               .reads = who == 0,
		                               .times = who == 0 ? 0 : 8});
		const struct ini_job *j = scrub(r, INI_SILENT);
		ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
		if (who == 0) { /* disk1 has mended itself while it was looked at closely */
			assert_target(j, 0, 2, 0);
			ck_assert_uint_eq(r->h->disk[0].written - written, 2);
		}
		assert_target(j, 1 - who, 0, 0);
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && rig_holds(r, who));
		rig_free(r);
	}
}
END_TEST

START_TEST(what_no_medium_gives_is_told)
{
	struct rig *r = mirrored(2);

	for (uint8_t i = 0; i < 2; i++)
		fake_fault(r->h, i,
		           (struct fake_fault){
		                   .kind = FAULT_MEDIUM, .lba = 77, .blocks = 2, .reads = true});
	const struct ini_job *j = scrub(r, INI_SILENT);
	ck_assert_int_eq(j->conclusion, JOB_FAILED);
	assert_target(j, 0, 0, 2);
	assert_target(j, 1, 0, 2);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1)); /* nobody is worse than the other */
	rig_free(r);
}
END_TEST

/* A block that differs and cannot be written makes its member stale; one that is unreadable and
 * cannot be written is as bad as before, and says so itself. */
START_TEST(a_repair_that_fails)
{
	struct rig *r = mirrored(3);

	spoil(r, 1, 50, 1, 1);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 300, .blocks = 1});
	fake_fault(r->h, 2, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 400, .blocks = 1});
	const struct ini_job *j = scrub(r, INI_SILENT);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	assert_target(j, 0, 0, 0);
	assert_target(j, 1, 1, 1);
	assert_target(j, 2, 0, 1);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && rig_in_sync(r, 2));
	rig_free(r);
}
END_TEST

/* disk1 cannot be compared, nor be written anew where another one differs: each block is bad once.
 */
START_TEST(what_cannot_be_compared_is_told_once)
{
	struct rig *r = mirrored(4);

	spoil(r, 2, 9, 1, 1);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_CRC, .times = 5});
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 9, .blocks = 1});
	struct ini_job_spec s = rig_spec(r, JOB_SCRUB);
	s.window = 1;
	const struct ini_job *j = rig_job(r, rig_start(r, &s), LIMIT);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	ck_assert_uint_eq(j->t[2].repaired, 1);
	ck_assert_uint_gt(j->t[1].bad, 1);
	ck_assert_uint_eq(j->t[1].good + j->t[1].bad, BLOCKS);
	for (unsigned i = 1; i < j->t[1].n_runs; i++)
		ck_assert_uint_le(j->t[1].runs[i - 1].lba + j->t[1].runs[i - 1].blocks,
		                  j->t[1].runs[i].lba);
	rig_free(r);
}
END_TEST

static bool all_bad_run(const struct ini_job_target *t)
{
	return t->bad == BLOCKS && t->good == 0;
}

START_TEST(members_that_are_not_there)
{
	struct rig *r = mirrored(3);

	fake_gone(r->h, 2);
	rig_step(r);
	spoil(r, 1, 50, 1, 1); /* disk2 would know */
	const struct ini_job *j = scrub(r, INI_SILENT);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	assert_target(j, 1, 0, 1);
	ck_assert(all_bad_run(&j->t[2]));
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	fake_back(r->h, 2);
	rig_run(r, NS_PER_S);
	j = scrub(r, INI_SILENT);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	assert_target(j, 1, 1, 0);
	ck_assert(rig_holds(r, 1));
	rig_free(r);
}
END_TEST

/* disk1 has what disk0's medium does not give, and is not there. */
START_TEST(who_may_have_a_block_is_not_there)
{
	struct rig *r = mirrored(2);

	fake_fault(
	        r->h, 0,
	        (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 50, .blocks = 1, .reads = true});
	fake_gone(r->h, 1);
	rig_step(r);
	const struct ini_job *j = scrub(r, INI_SILENT);
	assert_target(j, 0, 0, 1);
	ck_assert_uint_eq(j->t[0].runs[0].lba, 50);
	ck_assert_ptr_nonnull(strstr(j->t[0].runs[0].what, "others could not be asked"));
	ck_assert(all_bad_run(&j->t[1]));
	rig_free(r);
}
END_TEST

START_TEST(a_member_goes_while_it_is_scrubbed)
{
	for (unsigned step = 0; step < 60; step += 4) {
		struct rig *r = mirrored(3);
		for (lba_t lba = 3; lba < BLOCKS; lba += 100)
			spoil(r, (uint8_t)(lba % 3), lba, 2, 1);
		uint32_t id = rig_begin(r, JOB_SCRUB);
		rig_run(r, step * NS_PER_MS / 20);
		fake_gone(r->h, (uint8_t)(step % 3));
		const struct ini_job *j = rig_job(r, id, LIMIT);
		for (unsigned t = 0; t < 3; t++)
			ck_assert_uint_eq(j->t[t].good + j->t[t].bad, BLOCKS);
		fake_back(r->h, (uint8_t)(step % 3));
		rig_run(r, NS_PER_S);
		/* also one that went before it was repaired: it keeps its vote about the rest */
		for (unsigned i = 0; i < 3; i++)
			ck_assert(rig_in_sync(r, i));
		ck_assert_int_eq(scrub(r, INI_SILENT)->conclusion, JOB_SUCCESS);
		for (unsigned i = 0; i < 3; i++)
			ck_assert(rig_holds(r, (uint8_t)i));
		rig_free(r);
	}
}
END_TEST

/* A stale member has no vote, and is left to a resync. */
/* Runs of a target, as they are told: in order, apart, and as many blocks as are bad. */
static void assert_told_once(const struct ini_job_target *t)
{
	uint64_t bad = 0;
	lba_t end = 0;

	for (unsigned i = 0; i < t->n_runs; i++) {
		ck_assert_uint_ge(t->runs[i].lba, end);
		end = t->runs[i].lba + t->runs[i].blocks;
		bad += t->runs[i].blocks;
	}
	ck_assert_uint_eq(t->runs_dropped, 0);
	ck_assert_uint_eq(t->bad, bad);
	ck_assert_uint_eq(t->good + t->bad, BLOCKS);
}

static bool target_bad_at(const struct ini_job_target *t, lba_t lba)
{
	for (unsigned i = 0; i < t->n_runs; i++)
		if (lba >= t->runs[i].lba && lba - t->runs[i].lba < t->runs[i].blocks)
			return true;
	return false;
}

/* disk1 goes while it is compared, which says that it could not be, and is back when the block in
 * which all differ is looked at: it is told once. */
START_TEST(a_member_that_goes_and_comes_back_is_told_once)
{
	struct rig *r = mirrored(3);
	struct ini_job_spec s = rig_spec(r, JOB_SCRUB);

	spoil(r, 1, 5, 1, 1);
	spoil(r, 2, 5, 1, 2);
	r->h->latency_ns = 10 * NS_PER_MS;
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_DIE, .times = 1});
	uint32_t id = rig_start(r, &s);
	rig_run(r, 25 * NS_PER_MS); /* read, compared, and compared further behind the block */
	ck_assert_uint_eq(rig_member(r, 1)->id, WIRE_NO_ID);
	fake_back(r->h, 1);
	const struct ini_job *j = rig_job(r, id, LIMIT);
	ck_assert_uint_gt(j->t[1].bad, 0);
	ck_assert_uint_eq(j->t[2].bad, 1);
	for (unsigned t = 0; t < 3; t++)
		assert_told_once(&j->t[t]);
	rig_free(r);
}
END_TEST

/* disk2 differs, and goes while disk1 is compared further: it was not repaired, and does not count
 * as good there. */
START_TEST(a_member_that_differs_goes_before_it_is_repaired)
{
	for (unsigned ms = 5; ms < 100; ms += 5) {
		struct rig *r = mirrored(3);
		struct ini_job_spec s = rig_spec(r, JOB_SCRUB);
		spoil(r, 1, 5, 1, 1);
		spoil(r, 2, 63, 1, 1);
		r->h->latency_ns = 10 * NS_PER_MS;
		uint32_t id = rig_start(r, &s);
		rig_run(r, ms * NS_PER_MS);
		fake_gone(r->h, 2);
		const struct ini_job *j = rig_job(r, id, LIMIT);
		ck_assert(j->t[2].repaired == 1 || target_bad_at(&j->t[2], 63));
		for (unsigned t = 0; t < 3; t++)
			assert_told_once(&j->t[t]);
		rig_free(r);
	}
}
END_TEST

/* disk1 has to be compared once more, and all members go when it is known that disk2 differs. */
START_TEST(all_members_go_while_they_are_scrubbed)
{
	struct rig *r = mirrored(3);
	struct ini_job_spec s = rig_spec(r, JOB_SCRUB);

	spoil(r, 2, 5, 1, 1);
	r->h->latency_ns = 10 * NS_PER_MS;
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_CRC, .times = 1});
	uint32_t id = rig_start(r, &s);
	rig_run(r, 25 * NS_PER_MS);
	for (uint8_t i = 0; i < 3; i++)
		fake_gone(r->h, i);
	const struct ini_job *j = rig_job(r, id, LIMIT);
	for (unsigned t = 0; t < 3; t++) {
		ck_assert_uint_gt(j->t[t].bad, 0);
		assert_told_once(&j->t[t]);
	}
	rig_free(r);
}
END_TEST

START_TEST(stale_members_are_not_asked)
{
	struct rig *r = mirrored(3);

	spoil(r, 2, 9, 1, 1);
	rig_bypass(r, 2);
	rig_run(r, NS_PER_S);
	const struct ini_job *j = scrub(r, INI_SILENT);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	ck_assert_uint_eq(j->n_targets, 2);
	ck_assert(!rig_holds(r, 2));
	rig_free(r);
}
END_TEST

START_TEST(a_group_of_one_is_read)
{
	struct rig *r = mirrored(1);

	ck_assert_int_eq(scrub(r, INI_SILENT)->conclusion, JOB_SUCCESS);
	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 5, .blocks = 1, .reads = true});
	const struct ini_job *j = scrub(r, INI_SILENT);
	ck_assert_int_eq(j->conclusion, JOB_FAILED);
	assert_target(j, 0, 0, 1);
	ck_assert(rig_in_sync(r, 0));
	rig_free(r);
}
END_TEST

START_TEST(a_flush_that_fails_after_a_repair)
{
	struct rig *r = mirrored(3);

	spoil(r, 1, 9, 1, 1);
	uint32_t id = rig_begin(r, JOB_SCRUB);
	while (ini_job_find(r->ini, id)->t[1].repaired == 0)
		rig_run(r, NS_PER_MS / 20);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_SENSE, .key = KEY_HARDWARE_ERROR});
	rig_concludes(r, id, LIMIT, JOB_PARTIAL);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1) && rig_in_sync(r, 2));
	rig_free(r);
}
END_TEST

START_TEST(it_is_cancelled_anywhere)
{
	for (unsigned step = 0; step < 40; step += 3) {
		struct rig *r = mirrored(3);
		struct ini_error e;
		spoil(r, 1, 0, 300, 1);
		uint32_t id = rig_begin(r, JOB_SCRUB);
		rig_run(r, step * NS_PER_MS / 40);
		bool cancelled = ini_job_cancel(r->ini, id, &e);
		const struct ini_job *j = rig_job(r, id, LIMIT);
		ck_assert_int_eq(j->conclusion, cancelled ? JOB_CANCELLED : JOB_SUCCESS);
		for (unsigned i = 0; i < 3; i++)
			ck_assert(rig_in_sync(r, i));
		rig_free(r);
	}
}
END_TEST

/* What is written meanwhile is neither lost nor undone. */
START_TEST(writes_go_on_meanwhile)
{
	struct rig *r = mirrored(3);
	struct ini_error e;
	uint64_t token = 1000;

	for (lba_t lba = 0; lba < BLOCKS; lba += 4)
		spoil(r, (uint8_t)(lba / 4 % 3), lba, 1, 1);
	uint32_t id = rig_begin(r, JOB_SCRUB);
	for (lba_t lba = 0; lba < BLOCKS; lba += 32) {
		struct block *b = block_new(FAKE_BLOCK * 2);
		memset(b->data, (int)(lba / 32 + 1), b->len);
		memset(r->image + lba * FAKE_BLOCK, (int)(lba / 32 + 1), b->len);
		ck_assert(ini_group_write(r->ini, "g0", lba * FAKE_BLOCK, (uint32_t)b->len, b,
		                          ++token, &e));
		block_unref(b);
		ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_OK);
	}
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(rig_holds(r, (uint8_t)i) && rig_in_sync(r, i));
	rig_free(r);
}
END_TEST

START_TEST(it_takes_no_file)
{
	struct rig *r = mirrored(2);
	struct ini_job_spec s = rig_spec(r, JOB_SCRUB);
	struct ini_error e;

	s.has_image = true;
	s.image_size = FAKE_BLOCK;
	ck_assert_uint_eq(ini_job_create(r->ini, &s, &e), 0);
	ck_assert_int_eq(e.kind, INI_E_BAD_VALUE);
	rig_free(r);
}
END_TEST

TAP_MAIN("scrub", what_cannot_be_compared_is_told_once, equal_members_are_left_alone,
         most_members_are_right, only_the_losers_blocks_are_written,
         without_a_majority_nothing_is_written, two_against_two_is_no_majority,
         what_a_medium_does_not_give_comes_from_another_member, what_no_medium_gives_is_told,
         a_repair_that_fails, members_that_are_not_there, who_may_have_a_block_is_not_there,
         a_member_goes_while_it_is_scrubbed, a_member_that_goes_and_comes_back_is_told_once,
         a_member_that_differs_goes_before_it_is_repaired, all_members_go_while_they_are_scrubbed,
         stale_members_are_not_asked, a_group_of_one_is_read, a_flush_that_fails_after_a_repair,
         it_is_cancelled_anywhere, writes_go_on_meanwhile, it_takes_no_file);
