/* SPDX-License-Identifier: BSD-2-Clause */
/* Write-intent logs: marks before writes, what flushes let go of, recovery, and what a resync
 * copies. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCKS 2048
#define REGION 32 /* blocks: rig_config */
#define LIMIT  (300 * NS_PER_S)
#define IDLE   (6 * NS_PER_S) /* more than it takes until a group is flushed */

static uint64_t tokens = 5000;

static uint64_t begin_write(struct rig *r, lba_t lba, uint32_t blocks, uint8_t fill)
{
	struct ini_error e;
	struct block *b = block_new((size_t)blocks * FAKE_BLOCK);

	memset(b->data, fill, b->len);
	ck_assert_msg(
	        ini_group_write(r->ini, "g0", lba * FAKE_BLOCK, (uint32_t)b->len, b, ++tokens, &e),
	        "%s", e.text);
	block_unref(b);
	return tokens;
}

static void write_all(struct rig *r, lba_t lba, uint32_t blocks, uint8_t fill)
{
	const struct rig_reply *p = rig_reply(r, begin_write(r, lba, blocks, fill), LIMIT);

	ck_assert_msg(p->error.kind == INI_OK, "%s", p->error.text);
}

static struct ini_intent shown(struct rig *r)
{
	return ini_group_find(r->ini, "g0")->intent;
}

static bool equal(const struct rig *r, unsigned a, unsigned b)
{
	return memcmp(r->h->disk[a].store, r->h->disk[b].store, (size_t)BLOCKS * FAKE_BLOCK) == 0;
}

static struct rig *clean_group(unsigned n)
{
	struct rig *r = rig_new(n, BLOCKS);

	rig_group(r, n, true);
	rig_run(r, NS_PER_S);
	return r;
}

START_TEST(a_write_to_a_clean_region_waits_for_its_mark)
{
	struct rig *r = clean_group(2);

	r->logs_held = true;
	uint64_t token = begin_write(r, 10, 8, 1);
	rig_run(r, NS_PER_S);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, -1), 0);
	r->logs_held = false;
	ini_intent_saved(r->ini, r->held_log, 0);
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_OK);
	unsigned saves = r->log_saves;
	for (unsigned i = 0; i < 20; i++)
		write_all(r, i, 4, 2);
	ck_assert_uint_eq(r->log_saves, saves); /* a marked one costs nothing */
	write_all(r, REGION - 2, 4, 3);
	ck_assert_uint_eq(r->log_saves, saves + 1);
	ck_assert_uint_eq(shown(r).dirty, 2);
	rig_free(r);
}
END_TEST

/* disk1 has missed a write, and nobody could be told. The state file trusts it till then: so what
 * it lacks stays marked, whoever is flushed, and a daemon that starts with that file mends it. */
START_TEST(nothing_is_let_go_of_that_one_lacks_whom_the_file_trusts)
{
	struct rig *r = clean_group(3);

	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .blocks = 1});
	r->h->disk[0].page_fails = r->h->disk[2].page_fails = true;
	ck_assert_int_eq(rig_reply(r, begin_write(r, 0, 8, 1), LIMIT)->error.kind, INI_E_DEVICE);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1) && rig_in_sync(r, 2));
	unsigned flushes = r->h->disk[0].flushes;
	struct ini_error e;
	rig_replies(r, ini_group_flush(r->ini, "g0", 2, &e), &e, 2, LIMIT, INI_E_DEVICE);
	ck_assert_uint_gt(r->h->disk[0].flushes, flushes);
	rig_run(r, IDLE);
	ck_assert_uint_eq(shown(r).dirty, 1);
	ck_assert(!equal(r, 0, 1));
	fake_clear_faults(r->h, 1);
	r->h->disk[0].page_fails = r->h->disk[2].page_fails = false;
	rig_restart(r);
	rig_run(r, LIMIT);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && rig_in_sync(r, 2));
	ck_assert(equal(r, 0, 1) && equal(r, 0, 2));
	ck_assert_uint_eq(shown(r).dirty, 0);
	rig_free(r);
}
END_TEST

/* disk2 lacks a write, and is removed, which could not be saved: a daemon that starts with that
 * file still has it, so what it lacks stays marked. */
START_TEST(nothing_is_let_go_of_when_a_removal_is_not_saved)
{
	struct rig *r = clean_group(3);
	struct ini_error e;

	fake_gone(r->h, 2);
	rig_step(r);
	write_all(r, 20, 1, 7);
	r->save_err = 28;
	rig_replies(r, ini_group_remove_member(r->ini, "g0", "disk2", 7, &e), &e, 7, LIMIT,
	            INI_E_STATE_DIR);
	(void)rig_replies(r, ini_group_flush(r->ini, "g0", 8, &e), &e, 8, LIMIT, INI_E_STATE_DIR);
	rig_run(r, 3 * IDLE);
	r->save_err = 0;
	rig_restart(r);
	fake_back(r->h, 2);
	rig_run(r, 20 * NS_PER_S);
	(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(r, 2) && equal(r, 0, 2));
	rig_free(r);
}
END_TEST

/* The state could not be saved once: that is made up for, and the log lets go, without a client. */
START_TEST(a_state_that_was_not_saved_is_saved_later)
{
	struct rig *r = clean_group(3);

	fake_gone(r->h, 2);
	rig_step(r);
	r->save_err = 28;
	ck_assert_int_eq(rig_reply(r, begin_write(r, 20, 1, 7), LIMIT)->error.kind,
	                 INI_E_STATE_DIR);
	rig_run(r, IDLE);
	ck_assert_uint_eq(shown(r).dirty, 1);
	r->save_err = 0;
	rig_run(r, LIMIT);
	ck_assert_int_eq(r->saved[0].m[2].state, MEMBER_STALE);
	ck_assert_uint_eq(shown(r).dirty, 0);
	ck_assert_uint_eq(shown(r).behind, 1);
	rig_free(r);
}
END_TEST

START_TEST(writes_that_wait_share_a_save)
{
	struct rig *r = clean_group(2);
	uint64_t token[10];

	r->logs_held = true;
	token[0] = begin_write(r, 0, 1, 1);
	rig_step(r);
	for (unsigned i = 1; i < 10; i++)
		token[i] = begin_write(r, i * REGION, 1, 1);
	rig_step(r);
	unsigned saves = r->log_saves;
	r->logs_held = false;
	ini_intent_saved(r->ini, r->held_log, 0);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_int_eq(rig_reply(r, token[i], LIMIT)->error.kind, INI_OK);
	ck_assert_uint_eq(r->log_saves, saves + 1);
	rig_free(r);
}
END_TEST

START_TEST(a_mark_that_cannot_be_saved_fails_the_write)
{
	struct rig *r = clean_group(2);

	r->log_err = 5;
	const struct rig_reply *p = rig_reply(r, begin_write(r, 0, 1, 1), LIMIT);
	ck_assert_int_eq(p->error.kind, INI_E_STATE_DIR);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, -1), 0);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	uint32_t id = rig_mirror(r, 64 * FAKE_BLOCK);
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_FAILED);
	ck_assert_int_eq(j->error.kind, INI_E_STATE_DIR);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, -1), 0);
	r->log_err = 0;
	id = rig_mirror(r, 64 * FAKE_BLOCK);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	write_all(r, 500, 1, 2);
	rig_free(r);
}
END_TEST

START_TEST(an_idle_group_is_flushed_and_comes_clean)
{
	struct rig *r = clean_group(3);

	write_all(r, 0, 100, 7);
	ck_assert_uint_eq(shown(r).dirty, 4);
	rig_run(r, IDLE);
	ck_assert_uint_eq(shown(r).dirty, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(r->h->disk[i].flushes, 1);
	rig_run(r, 10 * IDLE);
	ck_assert_uint_eq(r->h->disk[0].flushes, 1); /* once is enough */
	write_all(r, 0, 1, 8);
	ck_assert_uint_eq(shown(r).dirty, 1);
	rig_free(r);
}
END_TEST

/* Writes are flushed by themselves, all the time. */
static void is_flushed_when_idle(struct rig *r, uint32_t behind)
{
	for (unsigned i = 0; i < 3; i++) {
		write_all(r, i * 100, 4, 1);
		rig_run(r, NS_PER_S);
		ck_assert_uint_ge(shown(r).dirty, 1); /* not at once, either */
		rig_run(r, IDLE);
		ck_assert_uint_eq(shown(r).dirty, 0);
	}
	ck_assert_uint_eq(shown(r).behind, behind);
}

/* A resync has nothing to copy, or only what disk1 lacks, which is gone again before. */
START_TEST(a_resync_that_has_marked_nothing)
{
	for (unsigned fails = 0; fails < 2; fails++) {
		struct rig *r = clean_group(2);

		if (fails) {
			fake_gone(r->h, 1);
			rig_run(r, NS_PER_S);
			write_all(r, 0, 4, 1);
			rig_run(r, IDLE);
			fake_back(r->h, 1);
			rig_run(r, NS_PER_S);
			fake_fault(r->h, 1,
			           (struct fake_fault){.kind = FAULT_MEDIUM, .blocks = BLOCKS});
			(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_FAILED);
			ck_assert(!rig_in_sync(r, 1));
		} else {
			(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
		}
		rig_run(r, LIMIT);
		is_flushed_when_idle(r, fails ? 3 : 0);
		rig_free(r);
	}
}
END_TEST

START_TEST(a_mirror_job_leaves_a_clean_log)
{
	struct rig *r = rig_new(3, BLOCKS);

	rig_group(r, 3, false);
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	unsigned saves = r->log_saves;
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(shown(r).dirty, 0);
	ck_assert_uint_le(r->log_saves, saves + 2); /* all marks by one, and letting go */
	rig_run(r, IDLE);
	ck_assert_uint_eq(r->h->disk[0].flushes, 1); /* its own */
	rig_free(r);
}
END_TEST

START_TEST(a_member_that_is_away_keeps_marks)
{
	struct rig *r = clean_group(3);

	write_all(r, 0, 1, 1);
	rig_run(r, IDLE);
	fake_gone(r->h, 2);
	rig_step(r);
	write_all(r, 5 * REGION, 2 * REGION, 2);
	ck_assert(!rig_in_sync(r, 2) && rig_member(r, 2)->logged);
	rig_run(r, IDLE);
	ck_assert_uint_eq(shown(r).dirty, 0);
	ck_assert_uint_eq(shown(r).behind, 2);
	rig_restart(r); /* that is kept */
	rig_run(r, IDLE);
	ck_assert_uint_eq(shown(r).behind, 2);
	ck_assert(!shown(r).recovering);
	fake_back(r->h, 2);
	rig_step(r);
	uint64_t before = r->h->disk[2].written;
	const struct ini_job *j = rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->total, 2 * REGION * FAKE_BLOCK);
	ck_assert_uint_eq(r->h->disk[2].written - before, 2 * REGION);
	ck_assert(equal(r, 0, 2) && rig_in_sync(r, 2));
	rig_run(r, IDLE);
	ck_assert_uint_eq(shown(r).behind + shown(r).dirty, 0);
	rig_free(r);
}
END_TEST

/* What it misses while it is copied to is caught up with, and is none of what the resync was for.
 */
START_TEST(a_catch_up_outside_the_plan_counts_nothing)
{
	struct rig *r = clean_group(3);

	fake_gone(r->h, 2);
	rig_step(r);
	write_all(r, 5 * REGION, 4 * REGION, 2);
	rig_run(r, IDLE);
	fake_back(r->h, 2);
	rig_step(r);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	s.speed_limit = REGION * FAKE_BLOCK; /* a region a second */
	uint32_t id = rig_start(r, &s);
	while (ini_job_find(r->ini, id)->done < 2 * REGION * FAKE_BLOCK)
		rig_run(r, NS_PER_S / 10);
	fake_gone(r->h, 2);
	rig_step(r);
	write_all(r, 20 * REGION, 8, 3);
	fake_back(r->h, 2);
	rig_step(r);
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->total, 4 * REGION * FAKE_BLOCK);
	ck_assert_uint_gt(j->t[0].resent, 0);
	ck_assert_uint_eq(j->t[0].good, 4 * REGION);
	ck_assert(equal(r, 0, 2) && rig_in_sync(r, 2));
	rig_free(r);
}
END_TEST

/*
 * Members that are stale are copied to; one of them misses a write, and is caught up with from
 * disk0. Before, that waits for another write in its range, which disk0 cannot take: it has nothing
 * to give any more. The rig, with the group as it is then.
 */
static struct rig *source_that_cannot_take_a_write(uint16_t stale, uint8_t misses)
{
	struct rig *r = clean_group(3);
	ns_t latency = r->h->latency_ns;

	for (uint8_t i = 0; i < 3; i++)
		if (stale >> i & 1)
			fake_gone(r->h, i);
	rig_step(r);
	write_all(r, 5 * REGION, 2 * REGION, 2);
	rig_run(r, IDLE);
	for (uint8_t i = 0; i < 3; i++)
		if (stale >> i & 1)
			fake_back(r->h, i);
	rig_step(r);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	s.speed_limit = REGION * FAKE_BLOCK;
	uint32_t id = rig_start(r, &s);
	while (ini_job_find(r->ini, id)->done < REGION * FAKE_BLOCK)
		rig_run(r, NS_PER_S / 10);
	fake_gone(r->h, misses);
	rig_step(r);
	write_all(r, 5 * REGION, 8, 3);
	fake_back(r->h, misses);
	rig_step(r);
	r->h->latency_ns = 10 * NS_PER_S;
	uint64_t token = begin_write(r, 5 * REGION, 8, 4);
	rig_step(r);
	r->h->latency_ns = latency;
	rig_run(r, 5 * NS_PER_S);
	ck_assert_uint_eq(ini_job_find(r->ini, id)->done, 2 * REGION * FAKE_BLOCK);
	ck_assert_int_eq(ini_job_find(r->ini, id)->state, JOB_RUNNING);
	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_SENSE, .key = KEY_DATA_PROTECT, .times = 1});
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_OK);
	ck_assert(!rig_in_sync(r, 0));
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(r, 1) && rig_in_sync(r, 2));
	ck_assert(equal(r, 1, 2));
	return r;
}

START_TEST(a_member_in_sync_leaves_while_a_catch_up_from_it_waits)
{
	struct rig *r = source_that_cannot_take_a_write(1U << 2, 2);

	ck_assert(!rig_in_sync(r, 0) && !equal(r, 0, 2));
	rig_free(r);
}
END_TEST

START_TEST(a_new_member_misses_a_write_while_a_catch_up_from_it_waits)
{
	struct rig *r = source_that_cannot_take_a_write(1U << 0 | 1U << 1, 1);

	ck_assert(rig_in_sync(r, 0) && equal(r, 0, 2));
	rig_free(r);
}
END_TEST

START_TEST(a_member_whose_past_is_unknown_gets_all)
{
	struct rig *r = clean_group(2);

	rig_bypass(r, 1);
	rig_run(r, NS_PER_S);
	ck_assert(!rig_in_sync(r, 1) && !rig_member(r, 1)->logged);
	const struct ini_job *j = rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->total, BLOCKS * FAKE_BLOCK);
	rig_free(r);
}
END_TEST

/* Everything stops in the middle of writes, and each member has something else of them. */
static struct rig *stopped_in_mid_write(unsigned n)
{
	struct rig *r = clean_group(n);

	write_all(r, 0, BLOCKS / 2, 1);
	write_all(r, BLOCKS / 2, BLOCKS / 2, 1);
	rig_run(r, IDLE);
	r->h->held = true;
	(void)begin_write(r, 100, 40, 9); /* regions 3 and 4 */
	rig_run(r, NS_PER_S);
	for (unsigned i = 0; i < n; i++)
		memset(r->h->disk[i].store + 100 * FAKE_BLOCK, (int)i + 20, 20 * FAKE_BLOCK);
	r->h->held = false;
	return r;
}

/* What is written to a new member alone is no reason to copy those in sync to each other when all
 * ends in the middle of it; but what a client writes beside it is. */
START_TEST(a_resync_that_is_cut_off_costs_nobody_else)
{
	for (unsigned beside = 0; beside < 2; beside++) {
		struct rig *r = rig_new(3, BLOCKS);
		struct ini_job_spec s = rig_spec(r, JOB_RESYNC);

		rig_group(r, 2, true);
		rig_add(r, "disk2");
		s.speed_limit = 64 * FAKE_BLOCK;
		uint32_t id = rig_start(r, &s);
		rig_run(r, 4 * NS_PER_S);
		ck_assert_uint_gt(r->h->disk[2].written, REGION);
		ck_assert_uint_eq(ini_job_find(r->ini, id)->total, (uint64_t)BLOCKS * FAKE_BLOCK);
		if (beside)
			write_all(r, 0, 1, 7);
		ck_assert_uint_eq(shown(r).dirty, beside);
		uint64_t before = r->h->disk[0].written + r->h->disk[1].written;
		rig_restart(r);
		ck_assert_uint_eq(shown(r).dirty, beside);
		rig_concludes(r, id, LIMIT, JOB_SUCCESS); /* it goes on */
		ck_assert_uint_eq(r->h->disk[0].written + r->h->disk[1].written - before,
		                  beside ? 2 * REGION : 0);
		for (unsigned i = 0; i < 3; i++)
			ck_assert(rig_in_sync(r, i) && equal(r, 0, i));
		rig_free(r);
	}
}
END_TEST

START_TEST(after_a_restart_members_are_made_equal)
{
	struct rig *r = stopped_in_mid_write(3);

	rig_restart(r);
	rig_run(r, NS_PER_MS);
	ck_assert_uint_eq(ini_jobs(r->ini), 1);
	const struct ini_job *j = rig_job(r, ini_job_at(r->ini, 0)->id, LIMIT);
	ck_assert_int_eq(j->type, JOB_RESYNC);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	ck_assert_uint_eq(j->n_targets, 3); /* that it was read from, too */
	ck_assert_uint_eq(j->total, 2 * REGION * FAKE_BLOCK);
	ck_assert(equal(r, 0, 1) && equal(r, 0, 2));
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && rig_in_sync(r, 2));
	ck_assert(!shown(r).recovering);
	rig_run(r, IDLE);
	ck_assert_uint_eq(shown(r).dirty, 0);
	rig_restart(r);
	rig_run(r, NS_PER_S);
	ck_assert_uint_eq(ini_jobs(r->ini), 1); /* the one of before: nothing is left to do */
	rig_free(r);
}
END_TEST

START_TEST(a_recovery_that_is_cut_off_begins_anew)
{
	struct rig *r = stopped_in_mid_write(2);

	for (unsigned i = 0; i < 5; i++) {
		rig_restart(r);
		rig_run(r, NS_PER_US * 50 * i);
	}
	rig_restart(r);
	rig_run(r, NS_PER_S);
	ck_assert(equal(r, 0, 1));
	rig_free(r);
}
END_TEST

START_TEST(a_recovery_waits_for_members_in_sync)
{
	struct rig *r = stopped_in_mid_write(3);

	fake_gone(r->h, 1);
	rig_restart(r);
	rig_run(r, 100 * NS_PER_S);
	ck_assert_uint_eq(ini_jobs(r->ini), 0);
	ck_assert(rig_in_sync(r, 1) && shown(r).recovering);
	rig_run(r, IDLE); /* nothing is let go of meanwhile */
	ck_assert_uint_eq(shown(r).dirty, 2);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert(equal(r, 0, 1) && equal(r, 0, 2) && !shown(r).recovering);
	rig_free(r);
}
END_TEST

START_TEST(a_member_that_a_recovery_cannot_write_leaves)
{
	struct rig *r = stopped_in_mid_write(3);

	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 105, .blocks = 1});
	rig_restart(r);
	rig_run(r, 100 * NS_PER_S);
	ck_assert(equal(r, 0, 2) && rig_in_sync(r, 0) && rig_in_sync(r, 2));
	ck_assert(!rig_in_sync(r, 1) && rig_member(r, 1)->logged);
	ck_assert(!shown(r).recovering);
	rig_free(r);
}
END_TEST

/* Nobody in sync takes all of it, and a stale one does: one of those in sync stays as long as there
 * is nobody else, and leaves when that one has come in sync. */
START_TEST(only_a_stale_member_takes_a_recovery)
{
	struct rig *r = clean_group(3);

	fake_gone(r->h, 1);
	write_all(r, 100, 40, 3);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert(!rig_in_sync(r, 1) && rig_member(r, 1)->logged);
	r->h->held = true;
	(void)begin_write(r, 100, 40, 9);
	rig_run(r, NS_PER_S);
	for (unsigned i = 0; i < 3; i++) {
		memset(r->h->disk[i].store + 100 * FAKE_BLOCK, (int)i + 20, 20 * FAKE_BLOCK);
		if (i != 1)
			fake_fault(r->h, (uint8_t)i,
			           (struct fake_fault){.kind = FAULT_SENSE,
			                               .key = KEY_HARDWARE_ERROR,
			                               .skip = i == 0}); /* a read */
	}
	r->h->held = false;
	rig_restart(r);
	rig_run(r, NS_PER_MS);
	rig_concludes(r, ini_job_at(r->ini, 0)->id, LIMIT, JOB_PARTIAL);
	for (unsigned i = 0; i < 3; i++)
		fake_clear_faults(r->h, (uint8_t)i);
	rig_run(r, 100 * NS_PER_S);
	ck_assert(!rig_in_sync(r, 0) && rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	ck_assert(rig_member(r, 0)->logged && rig_member(r, 2)->logged);
	rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	ck_assert(equal(r, 0, 1) && equal(r, 0, 2));
	rig_free(r);
}
END_TEST

START_TEST(a_log_that_is_refused_means_all)
{
	struct rig *r = stopped_in_mid_write(2);

	r->log[0].n = r->log[1].n = r->log[2].n = r->log[3].n = 0;
	rig_restart(r);
	ck_assert(shown(r).recovering);
	rig_run(r, NS_PER_MS);
	const struct ini_job *j = rig_job(r, ini_job_at(r->ini, 0)->id, LIMIT);
	ck_assert_uint_eq(j->total, BLOCKS * FAKE_BLOCK);
	ck_assert(equal(r, 0, 1));
	rig_free(r);
}
END_TEST

START_TEST(a_group_is_written_and_read_during_a_recovery)
{
	struct rig *r = stopped_in_mid_write(3);

	rig_restart(r);
	for (unsigned i = 0; i < 30; i++)
		write_all(r, (i * 37) % (BLOCKS - 8), 8, (uint8_t)(i + 40));
	rig_run(r, NS_PER_S);
	ck_assert(equal(r, 0, 1) && equal(r, 0, 2) && !shown(r).recovering);
	ck_assert_uint_eq(r->h->disk[1].store[((29 * 37) % (BLOCKS - 8)) * FAKE_BLOCK], 69);
	rig_free(r);
}
END_TEST

START_TEST(a_clean_end_leaves_nothing_to_recover)
{
	struct rig *r = clean_group(2);

	write_all(r, 0, 100, 3);
	ini_drain(r->ini);
	rig_run(r, NS_PER_S);
	ck_assert(ini_drained(r->ini));
	ck_assert_uint_eq(shown(r).dirty, 0);
	rig_free(r);
}
END_TEST

START_TEST(an_image_over_all_ends_a_recovery)
{
	struct rig *r = stopped_in_mid_write(2);

	struct ini_error e;
	rig_restart(r);
	ck_assert(ini_job_cancel(r->ini, ini_job_at(r->ini, 0)->id, &e));
	rig_run(r, NS_PER_S);
	ck_assert(shown(r).recovering); /* it is tried again, but later */
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	rig_run(r, IDLE);
	ck_assert(rig_holds(r, 0) && rig_holds(r, 1));
	ck_assert(!shown(r).recovering && shown(r).dirty == 0);
	rig_run(r, 100 * NS_PER_S);
	ck_assert_uint_eq(ini_jobs(r->ini), 2);
	rig_free(r);
}
END_TEST

START_TEST(a_group_that_goes_takes_its_log_along)
{
	struct rig *r = clean_group(2);
	struct ini_error e;

	ck_assert_uint_gt(r->log[0].n + r->log[1].n + r->log[2].n + r->log[3].n, 0);
	write_all(r, 0, 1, 1);
	rig_run(r, 5 * NS_PER_S - NS_PER_MS); /* it is about to be flushed */
	ck_assert(ini_group_delete(r->ini, "g0", 77, &e));
	ck_assert_int_eq(rig_reply(r, 77, LIMIT)->error.kind, INI_OK);
	rig_run(r, NS_PER_S);
	ck_assert_uint_eq(r->log[0].n + r->log[1].n + r->log[2].n + r->log[3].n, 0);
	rig_group(r, 2, true);
	rig_run(r, NS_PER_S);
	write_all(r, 0, 1, 1);
	rig_free(r);
}
END_TEST

START_TEST(a_command_comes_before_a_recovery)
{
	struct rig *r = stopped_in_mid_write(3);
	struct ini_error e;

	r->h->latency_ns = 10 * NS_PER_MS;
	rig_restart(r);
	rig_run(r, 5 * NS_PER_MS); /* in mid work */
	ck_assert_int_eq(ini_job_at(r->ini, 0)->state, JOB_RUNNING);
	ck_assert_msg(ini_group_remove_member(r->ini, "g0", "disk2", 5, &e), "%s", e.text);
	ck_assert_int_eq(rig_reply(r, 5, LIMIT)->error.kind, INI_OK);
	rig_run(r, 30 * NS_PER_S);
	ck_assert(!shown(r).recovering && equal(r, 0, 1));
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	rig_restart(r);
	rig_run(r, NS_PER_MS);
	ck_assert(ini_group_delete(r->ini, "g0", 6, &e));
	ck_assert_int_eq(rig_reply(r, 6, LIMIT)->error.kind, INI_OK);
	rig_free(r);
}
END_TEST

/* It was asked for before the resync began, and goes after that: nobody else would copy it. */
/* A block that no medium gives in a region that is to be made equal: of both members in sync, or of
 * the only one. */
START_TEST(a_recovery_without_a_block_is_not_begun_anew)
{
	for (unsigned alone = 0; alone < 2; alone++) {
		struct rig *r = clean_group(2);
		struct fake_fault f = {
		        .kind = FAULT_MEDIUM, .lba = 9, .blocks = 1, .times = 0, .reads = true};

		if (alone) {
			fake_gone(r->h, 1);
			rig_step(r);
		}
		write_all(r, 0, 1, 7);
		fake_fault(r->h, 0, f);
		if (alone)
			fake_back(r->h, 1);
		else
			fake_fault(r->h, 1, f);
		rig_restart(r);
		rig_run(r, 3600 * NS_PER_S);
		ck_assert_uint_eq(ini_jobs(r->ini), 1);
		const struct ini_job *j = ini_job_at(r->ini, 0);
		ck_assert_int_eq(j->conclusion, JOB_FAILED);
		ck_assert_uint_eq(j->t[0].bad, 1);
		ck_assert_uint_eq(j->t[0].runs[0].lba, 9);
		ck_assert(rig_in_sync(r, 0));
		ck_assert(rig_in_sync(r, 1) != alone);
		ck_assert(!shown(r).recovering && shown(r).dirty == 0);
		rig_free(r);
	}
}
END_TEST

/* Nothing can be read, for other reasons than the media: that may be over some time. */
START_TEST(a_recovery_that_fails_is_begun_anew_less_and_less)
{
	struct rig *r = stopped_in_mid_write(2);

	for (uint8_t i = 0; i < 2; i++)
		fake_fault(r->h, i,
		           (struct fake_fault){.kind = FAULT_SENSE, .key = KEY_HARDWARE_ERROR});
	rig_restart(r);
	uint32_t first = ini_next_job(r->ini);
	rig_run(r, 3600 * NS_PER_S);
	ck_assert(shown(r).recovering);
	ck_assert_uint_ge(ini_next_job(r->ini), first + 6);
	ck_assert_uint_le(ini_next_job(r->ini), first + 12);
	for (uint8_t i = 0; i < 2; i++)
		fake_clear_faults(r->h, i);
	/* one that is back is a reason to try again soon */
	fake_gone(r->h, 1);
	rig_run(r, NS_PER_S);
	fake_back(r->h, 1);
	rig_run(r, 60 * NS_PER_S);
	ck_assert(!shown(r).recovering);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && equal(r, 0, 1));
	rig_free(r);
}
END_TEST

/* What a command waits for is done, a recovery that was stopped for it is not; meanwhile a member
 * is back, and its page is being written. */
static void changed_while_a_recovery_ends(bool remove)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	rig_group(r, 3, true);
	fake_gone(r->h, 2);
	rig_step(r);
	write_all(r, 0, 1, 7); /* what disk2 lacks: the recovery is to mark it anew */
	rig_replies(r, ini_group_flush(r->ini, "g0", 9, &e), &e, 9, LIMIT, INI_OK);
	write_all(r, BLOCKS / 2, 1, 7);
	fake_gone(r->h, 1);
	rig_restart(r);
	r->logs_held = true;
	fake_back(r->h, 2);
	rig_run(r, 100 * NS_PER_MS);
	fake_back(r->h, 1);
	rig_run(r, 100 * NS_PER_MS);
	ck_assert_int_eq(ini_job_at(r->ini, 0)->state, JOB_RUNNING);
	bool taken = remove ? ini_group_remove_member(r->ini, "g0", "disk0", 7, &e)
	                    : ini_group_delete(r->ini, "g0", 7, &e);
	ck_assert_msg(taken, "%s", e.text);
	rig_run(r, 500 * NS_PER_MS);
	ck_assert(!r->h->target[0].member.member);
	fake_gone(r->h, 2);
	rig_run(r, 10 * NS_PER_MS);
	r->h->latency_ns = 100 * NS_PER_MS;
	r->saves_held = !remove;
	r->h->target[2].member.generation = 0;
	fake_back(r->h, 2);
	rig_run(r, 20 * NS_PER_MS);
	r->logs_held = false;
	ini_intent_saved(r->ini, r->held_log, 0);
	rig_run(r, 3 * NS_PER_S);
	if (r->saves_held) {
		r->saves_held = false;
		ini_saved(r->ini, r->held_save, 0);
	}
	ck_assert_int_eq(rig_reply(r, 7, LIMIT)->error.kind, INI_OK);
	if (remove) {
		ck_assert_str_eq(rig_member(r, 1)->name, "disk2");
		ck_assert(r->h->target[2].member.member);
	} else {
		ck_assert_uint_eq(ini_groups(r->ini), 0);
	}
	ini_check(r->ini);
	rig_free(r);
}

START_TEST(a_change_beside_a_recovery_that_ends_is_waited_for)
{
	changed_while_a_recovery_ends(false);
	changed_while_a_recovery_ends(true);
}
END_TEST

START_TEST(a_write_that_waited_goes_to_the_new_member)
{
	struct rig *r = clean_group(3);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);

	fake_gone(r->h, 2);
	rig_step(r);
	write_all(r, 0, 8, 1);
	ck_assert(!rig_in_sync(r, 2));
	rig_run(r, IDLE);
	fake_back(r->h, 2);
	rig_run(r, NS_PER_S);
	r->h->held = true;
	uint64_t first = begin_write(r, 3 * REGION, 8, 2);
	uint64_t second =
	        begin_write(r, 3 * REGION + 4, REGION, 3); /* waits, and ends in another */
	rig_run(r, NS_PER_S);
	uint32_t id = rig_start(r, &s);
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(ini_job_find(r->ini, id)->state, JOB_RUNNING);
	r->h->held = false;
	ck_assert_int_eq(rig_reply(r, first, LIMIT)->error.kind, INI_OK);
	ck_assert_int_eq(rig_reply(r, second, LIMIT)->error.kind, INI_OK);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(r, 2));
	ck_assert(equal(r, 0, 1) && equal(r, 0, 2));
	rig_free(r);
}
END_TEST

/* What it comes in sync with is as durable as on the others. */
START_TEST(a_flush_reaches_the_new_member)
{
	struct rig *r = clean_group(2);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	struct ini_error e;

	fake_gone(r->h, 1);
	rig_step(r);
	write_all(r, 0, BLOCKS / 2, 1);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_MS);
	s.speed_limit = BLOCKS / 8 * FAKE_BLOCK;
	uint32_t id = rig_start(r, &s);
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(ini_job_find(r->ini, id)->state, JOB_RUNNING);
	unsigned before[] = {r->h->disk[0].flushes, r->h->disk[1].flushes};
	ck_assert(ini_group_flush(r->ini, "g0", 7, &e));
	ck_assert_int_eq(rig_reply(r, 7, NS_PER_S)->error.kind, INI_OK);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_uint_eq(r->h->disk[i].flushes, before[i] + 1);
	/* what is stale keeps its marks */
	ck_assert_uint_gt(shown(r).dirty + shown(r).behind, 0);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert(equal(r, 0, 1) && rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

/* The recovery stands in line behind a job, and each of the two would wait for the other. */
START_TEST(settings_do_not_wait_for_a_recovery_in_line)
{
	struct rig *r = stopped_in_mid_write(3);
	struct ini_job_spec s = rig_spec(r, JOB_READ);
	struct ini_group_set set = {.has_window = true, .window = 2};
	struct ini_error e;

	fake_gone(r->h, 2);
	rig_restart(r);
	rig_run(r, NS_PER_S);
	ck_assert_uint_eq(ini_jobs(r->ini), 0);
	s.speed_limit = BLOCKS * FAKE_BLOCK / 5;
	uint32_t id = rig_start(r, &s);
	rig_run(r, NS_PER_S);
	fake_back(r->h, 2);
	rig_run(r, NS_PER_S);
	ck_assert_uint_eq(ini_jobs(r->ini), 2);
	ck_assert(ini_job_at(r->ini, 1)->recovery);
	ck_assert_int_eq(ini_job_at(r->ini, 1)->state, JOB_WAITING);
	ck_assert(ini_group_set(r->ini, "g0", &set, 5, &e));
	ck_assert_int_eq(rig_reply(r, 5, NS_PER_S)->error.kind, INI_OK);
	(void)rig_job(r, id, LIMIT);
	rig_concludes(r, id + 1, LIMIT, JOB_SUCCESS);
	ck_assert(!shown(r).recovering && equal(r, 0, 1) && equal(r, 0, 2));
	rig_free(r);
}
END_TEST

/*
 * A write that a member cannot take is killed at this moment of its life: before its mark is saved,
 * on its way, while pages 30h are written one after the other, while the state is saved. True: it
 * was acknowledged.
 */
static bool killed_at(ns_t moment, unsigned saves_held)
{
	struct rig *r = clean_group(3);
	struct fake_fault f = {.kind = FAULT_MEDIUM, .lba = 43, .blocks = 1};
	bool acknowledged = false;

	fake_fault(r->h, 1, f);
	r->h->latency_ns = 5 * NS_PER_MS;
	r->saves_held = saves_held & 1;
	r->logs_held = saves_held & 2;
	uint64_t token = begin_write(r, 40, 16, 9);
	rig_run(r, moment);
	for (unsigned i = 0; i < r->n_replies; i++)
		acknowledged |= r->reply[i].token == token && r->reply[i].error.kind == INI_OK;
	r->saves_held = r->logs_held = false;
	fake_clear_faults(r->h, 1); /* it would look as good as the others */
	rig_restart(r);
	rig_run(r, 30 * NS_PER_S);
	ck_assert(!shown(r).recovering);
	unsigned in_sync = 0, first = 0;
	for (unsigned i = 3; i-- > 0;) {
		in_sync += rig_in_sync(r, i);
		first = rig_in_sync(r, i) ? i : first;
	}
	ck_assert_uint_gt(in_sync, 0);
	for (unsigned i = 0; i < 3; i++) {
		if (!rig_in_sync(r, i))
			continue;
		ck_assert(equal(r, i, first));
		ck_assert(!acknowledged || r->h->disk[i].store[43 * FAKE_BLOCK] == 9);
	}
	rig_free(r);
	return acknowledged;
}

START_TEST(a_kill_at_any_moment_of_a_reduction)
{
	unsigned acknowledged = 0, moments = 0;

	for (ns_t at = 0; at < 400 * NS_PER_MS; at += 4 * NS_PER_MS) {
		acknowledged += killed_at(at, 0);
		moments++;
	}
	ck_assert(acknowledged > 0 && acknowledged < moments);
	for (ns_t at = 0; at < 400 * NS_PER_MS; at += 20 * NS_PER_MS)
		for (unsigned held = 1; held < 4; held++)
			ck_assert(!killed_at(
			        at, held)); /* nothing is acknowledged before it is saved */
}
END_TEST

START_TEST(a_flush_that_fails_takes_the_member_out)
{
	struct rig *r = clean_group(3);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);

	write_all(r, 0, 2 * REGION, 1);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_SENSE, .key = KEY_HARDWARE_ERROR});
	rig_run(r, IDLE); /* nobody asked for this flush */
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1) && rig_in_sync(r, 2));
	ck_assert_uint_eq(r->saved[0].m[1].state, MEMBER_STALE);
	ck_assert_uint_eq(r->h->target[0].member.generation, 2);
	rig_run(r, 2 * IDLE); /* the others are flushed by themselves */
	ck_assert_uint_eq(shown(r).dirty, 0);
	ck_assert_uint_eq(shown(r).behind, 2);
	fake_clear_faults(r->h, 1);
	memset(r->h->disk[1].store, 0x77,
	       2 * REGION * FAKE_BLOCK); /* what it had not flushed is lost */
	rig_concludes(r, rig_start(r, &s), LIMIT, JOB_SUCCESS);
	ck_assert(equal(r, 0, 1) && rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

/* A flush of our own that meets a member which has just gone costs nobody anything. */
START_TEST(a_member_that_goes_is_not_flushed_out)
{
	struct rig *r = clean_group(2);

	write_all(r, 0, 1, 1);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_DIE, .times = 1});
	rig_run(r, 3 * IDLE);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert_uint_eq(shown(r).dirty, 1);
	fake_back(r->h, 1);
	rig_run(r, 3 * IDLE);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert_uint_eq(shown(r).dirty, 0);
	rig_free(r);
}
END_TEST

START_TEST(resyncs_are_throttled)
{
	struct rig *r = clean_group(2);

	write_all(r, 0, 64, 1);
	rig_run(r, IDLE);
	fake_gone(r->h, 1);
	rig_step(r);
	write_all(r, 0, 2 * REGION, 2);
	fake_back(r->h, 1);
	rig_step(r);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	s.transfer = 8 * FAKE_BLOCK;
	s.speed_limit = 8 * FAKE_BLOCK;
	ns_t start = r->now;
	rig_concludes(r, rig_start(r, &s), LIMIT, JOB_SUCCESS);
	ck_assert_uint_ge(r->now - start, 7 * NS_PER_S);
	rig_free(r);
}
END_TEST

/* A mirror job makes all stale in the moment that the log is to be cleaned: that is done later. */
START_TEST(nobody_is_in_sync_when_the_log_is_to_be_cleaned)
{
	struct rig *r = rig_new(1, BLOCKS);
	struct block *b = rig_bytes(FAKE_BLOCK, 3);

	rig_group(r, 1, true);
	rig_write(r, 0, b, LIMIT, INI_OK);
	rig_step(r);
	unsigned flushes = r->h->disk[0].flushes;
	rig_run(r, ini_deadline(r->ini) - r->now); /* as long after the write began */
	ck_assert_uint_gt(ini_deadline(r->ini), r->now);
	r->now = ini_deadline(r->ini); /* ... and after its end */
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	rig_step(r);
	ck_assert_uint_eq(r->h->disk[0].flushes, flushes);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert_uint_gt(ini_group_at(r->ini, 0)->intent.dirty, 0);
	rig_run(r, 60 * NS_PER_S);
	ck_assert_uint_eq(ini_group_at(r->ini, 0)->intent.dirty, 0);
	block_unref(b);
	rig_free(r);
}
END_TEST

TAP_MAIN("intents", a_resync_that_has_marked_nothing,
         nobody_is_in_sync_when_the_log_is_to_be_cleaned, a_state_that_was_not_saved_is_saved_later,
         a_recovery_without_a_block_is_not_begun_anew,
         a_recovery_that_fails_is_begun_anew_less_and_less,
         a_change_beside_a_recovery_that_ends_is_waited_for,
         nothing_is_let_go_of_when_a_removal_is_not_saved,
         nothing_is_let_go_of_that_one_lacks_whom_the_file_trusts,
         a_write_to_a_clean_region_waits_for_its_mark, writes_that_wait_share_a_save,
         a_mark_that_cannot_be_saved_fails_the_write, an_idle_group_is_flushed_and_comes_clean,
         a_mirror_job_leaves_a_clean_log, a_member_that_is_away_keeps_marks,
         a_catch_up_outside_the_plan_counts_nothing,
         a_member_in_sync_leaves_while_a_catch_up_from_it_waits,
         a_new_member_misses_a_write_while_a_catch_up_from_it_waits,
         a_member_whose_past_is_unknown_gets_all, a_resync_that_is_cut_off_costs_nobody_else,
         after_a_restart_members_are_made_equal, a_recovery_that_is_cut_off_begins_anew,
         a_recovery_waits_for_members_in_sync, a_member_that_a_recovery_cannot_write_leaves,
         only_a_stale_member_takes_a_recovery, a_log_that_is_refused_means_all,
         a_group_is_written_and_read_during_a_recovery, a_clean_end_leaves_nothing_to_recover,
         an_image_over_all_ends_a_recovery, a_group_that_goes_takes_its_log_along,
         a_command_comes_before_a_recovery, settings_do_not_wait_for_a_recovery_in_line,
         a_write_that_waited_goes_to_the_new_member, a_flush_reaches_the_new_member,
         a_kill_at_any_moment_of_a_reduction, a_flush_that_fails_takes_the_member_out,
         a_member_that_goes_is_not_flushed_out, resyncs_are_throttled);
