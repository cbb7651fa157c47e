/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is in sync after a job, when something else happens while it runs: nobody who lacks a block
 * that was acknowledged, and somebody, whatever happens. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)

/* n members in sync, with an image on all of them. */
static struct rig *mirrored(unsigned n)
{
	struct rig *r = rig_new(n, BLOCKS);

	rig_group(r, n, false);
	rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	rig_run(r, 10 * NS_PER_S);
	return r;
}

static uint8_t *byte_of(struct rig *r, uint8_t disk, lba_t lba)
{
	return &r->h->disk[disk].store[lba * FAKE_BLOCK + 17];
}

/* ---- verify ---- */

/* It cannot know who is right: nobody leaves, and a scrub, which asks all of them, repairs. */
START_TEST(a_verify_tells_and_changes_nobody)
{
	struct rig *r = mirrored(3);
	uint8_t was = *byte_of(r, 0, 100);

	*byte_of(r, 0, 100) ^= 1;
	const struct ini_job *j = rig_job(r, rig_begin(r, JOB_VERIFY), LIMIT);
	ck_assert_int_ne(j->conclusion, JOB_SUCCESS);
	ck_assert_uint_gt(j->differing, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(rig_in_sync(r, i));
	(void)rig_do(r, JOB_SCRUB, LIMIT, JOB_SUCCESS);
	for (uint8_t i = 0; i < 3; i++)
		ck_assert(rig_in_sync(r, i) && *byte_of(r, i, 100) == was);
	rig_free(r);
}
END_TEST

/* ---- recovery ---- */

/* The last one in sync has not confirmed that a write which was given up is over: a recovery does
 * not wait for it, it ends that. */
START_TEST(a_recovery_ends_what_may_still_be_written)
{
	struct rig *r = mirrored(2);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct ini_error e;

	fake_gone(r->h, 1);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_back(r->h, 1);
	r->h->latency_ns = 20 * NS_PER_MS;
	rig_restart(r);
	rig_run(r, 10 * NS_PER_MS);
	const struct ini_job *j = ini_job_at(r->ini, ini_jobs(r->ini) - 1);
	ck_assert(j->type == JOB_RESYNC && j->state == JOB_RUNNING);
	ck_assert(ini_job_cancel(r->ini, j->id, &e));
	rig_concludes(r, j->id, NS_PER_S, JOB_CANCELLED);
	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_NO_STATUS, .times = 1, .unaborted = true});
	rig_write(r, 8 * FAKE_BLOCK, b, LIMIT, INI_E_DEVICE);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	ck_assert_uint_eq(r->h->resets, 0);
	rig_run(r, LIMIT);
	ck_assert_uint_eq(r->h->resets, 1);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* It has repaired a member that is too busy to be flushed when it is cancelled. */
START_TEST(a_cancelled_scrub_makes_nobody_stale)
{
	struct rig *r = mirrored(3);
	struct ini_error e;

	*byte_of(r, 1, 100) ^= 1;
	uint64_t was = r->h->disk[1].written;
	uint32_t id = rig_begin(r, JOB_SCRUB);
	const struct ini_job *j = ini_job_find(r->ini, id);
	while (r->h->disk[1].written == was || j->done < (BLOCKS - 64) * FAKE_BLOCK)
		rig_run(r, NS_PER_MS / 100);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_STATUS, .status = SCSI_BUSY});
	rig_run(r, 2 * NS_PER_S);
	ck_assert_int_eq(j->state, JOB_RUNNING);
	ck_assert(ini_job_cancel(r->ini, id, &e));
	rig_concludes(r, id, 2 * NS_PER_S, JOB_CANCELLED);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(rig_in_sync(r, i));
	rig_free(r);
}
END_TEST

/* A command of the group ends a recovery while a member is busy: it is recovered later. */
START_TEST(a_cancelled_recovery_makes_nobody_stale)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);

	rig_group(r, 2, true);
	rig_write(r, 0, b, LIMIT, INI_OK); /* its region is marked */
	rig_restart(r);
	fake_fault(r->h, 1,
	           (struct fake_fault){.kind = FAULT_STATUS, .status = SCSI_BUSY, .times = 30});
	rig_run(r, 100 * NS_PER_MS);
	const struct ini_job *j = ini_job_at(r->ini, ini_jobs(r->ini) - 1);
	ck_assert(j->type == JOB_RESYNC && j->state == JOB_RUNNING);
	rig_add(r, "disk2");
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert(ini_group_at(r->ini, 0)->intent.recovering);
	rig_run(r, 60 * NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert(!ini_group_at(r->ini, 0)->intent.recovering);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* A write of a load that one has, and another one has not when the job is cancelled: they differ,
 * so that one leaves. */
START_TEST(a_cancelled_load_leaves_members_equal_or_stale)
{
	struct rig *r = mirrored(2);
	struct ini_job_spec s = rig_spec(r, JOB_LOAD);
	struct ini_error e;

	s.load.writes = 1;
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_STATUS, .status = SCSI_BUSY});
	uint32_t id = rig_start(r, &s);
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(ini_job_find(r->ini, id)->state, JOB_RUNNING);
	ck_assert(memcmp(r->h->disk[0].store, r->h->disk[1].store, BLOCKS * FAKE_BLOCK) != 0);
	ck_assert(ini_job_cancel(r->ini, id, &e));
	rig_concludes(r, id, LIMIT, JOB_CANCELLED);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

/* ---- members that are let be ---- */

static void let_be_and_tried_again(bool loose)
{
	struct rig *r = mirrored(1);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	ns_t began;

	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_NO_STATUS, .unaborted = loose});
	do {
		began = r->now;
		rig_write(r, 8 * FAKE_BLOCK, b, LIMIT, INI_E_DEVICE);
	} while (r->now - began > NS_PER_S);
	r->h->disk[0].fault[0].kind = FAULT_NONE;
	ck_assert(rig_in_sync(r, 0));
	rig_run(r, 11 * NS_PER_S);
	ck_assert_uint_eq(r->h->resets, loose);
	rig_write(r, 8 * FAKE_BLOCK, b, NS_PER_S, INI_OK);
	rig_run(r, LIMIT);
	ck_assert_uint_eq(ini_group_at(r->ini, 0)->intent.dirty, 0);
	ck_assert_uint_eq(r->h->resets, loose);
	block_unref(b);
	rig_free(r);
}

/* Its writes have no status, so often that it is let be, or once, and the abort is not confirmed:
 * the only one in sync is tried again by itself, after what may still be written is ended. */
START_TEST(the_only_one_is_tried_again)
{
	for (unsigned loose = 0; loose < 2; loose++)
		let_be_and_tried_again(loose);
}
END_TEST

/* One that is dead for good, with a write to it all the time, has the bus reset less and less
 * often. */
START_TEST(the_only_one_is_tried_seldom)
{
	struct rig *r = mirrored(1);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	ns_t end = r->now + 3600 * NS_PER_S;

	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_NO_STATUS, .unaborted = true});
	while (r->now < end) {
		rig_write(r, 8 * FAKE_BLOCK, b, LIMIT, INI_E_DEVICE);
		rig_run(r, 100 * NS_PER_S);
	}
	ck_assert(rig_in_sync(r, 0));
	ck_assert_uint_ge(r->h->resets, 6);
	ck_assert_uint_le(r->h->resets, 12);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* While another one in sync can be asked, or may come, there is no hurry: nothing is reset. */
START_TEST(one_of_two_is_let_be)
{
	struct rig *r = mirrored(2);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);

	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_NO_STATUS, .times = 1, .unaborted = true});
	rig_write(r, 8 * FAKE_BLOCK, b, LIMIT, INI_OK);
	ck_assert(!rig_in_sync(r, 0) && rig_in_sync(r, 1));
	rig_run(r, 3600 * NS_PER_S);
	ck_assert_uint_eq(r->h->resets, 0);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* ---- scrub ---- */

/* disk0 has rot in a block, and leaves by a write that it failed while the other one is read. */
START_TEST(who_has_left_has_no_vote_in_a_scrub)
{
	struct rig *r = mirrored(2);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	uint8_t was = *byte_of(r, 0, 100);
	struct ini_group_set set = {.has_max_passes = true, .max_passes = 1};
	struct ini_error e;
	bool read = false;

	ck_assert(ini_group_set(r->ini, "g0", &set, 5, &e));
	ck_assert_int_eq(rig_reply(r, 5, LIMIT)->error.kind, INI_OK);
	*byte_of(r, 0, 100) ^= 1;
	r->h->latency_ns = 20 * NS_PER_MS;
	uint32_t id = rig_begin(r, JOB_SCRUB);
	for (unsigned n = 0; !read; rig_run(r, NS_PER_MS)) {
		ck_assert_int_ne(ini_job_find(r->ini, id)->state, JOB_CONCLUDED);
		for (; n < r->h->n_trace; n++) {
			const struct fake_pass *p = &r->h->trace[n];
			read |= p->op == OP_READ_16 && p->lba == 100 && p->blocks == 1 &&
			        p->ids == 1;
		}
	}
	rig_run(r, 10 * NS_PER_MS);
	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 900, .blocks = 1});
	uint64_t token = rig_begin_write(r, 900 * FAKE_BLOCK, b);
	(void)rig_job(r, id, LIMIT);
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_OK);
	ck_assert(!rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert_uint_eq(*byte_of(r, 1, 100), was);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* ---- mirror ---- */

/* disk1 has missed a write behind the end of the image that is mirrored to both. */
START_TEST(a_smaller_image_does_not_make_up_for_what_was_missed)
{
	struct rig *r = mirrored(2);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);

	fake_gone(r->h, 1);
	rig_run(r, NS_PER_S);
	rig_write(r, 1000 * FAKE_BLOCK, b, LIMIT, INI_OK);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	const struct ini_job *j = rig_job(r, rig_mirror(r, 10 * FAKE_BLOCK), LIMIT);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	ck_assert_ptr_nonnull(strstr(j->error.text, "disk1, which was stale"));
	ck_assert_uint_eq(j->t[1].bad, 0);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	ck_assert_ptr_nonnull(strstr(rig_member(r, 1)->why, "lacks writes behind the image"));
	(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(r, 1));
	ck_assert_uint_eq(*byte_of(r, 1, 1000), b->data[17]);
	/* nobody has been in sync before: there is nothing that somebody lacks */
	struct rig *fresh = rig_new(2, BLOCKS);
	rig_group(fresh, 2, false);
	rig_concludes(fresh, rig_mirror(fresh, 10 * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(fresh, 0) && rig_in_sync(fresh, 1));
	rig_free(fresh);
	block_unref(b);
	rig_free(r);
}
END_TEST

static bool reads_as(struct rig *r, lba_t lba, const struct block *b)
{
	struct block *into = block_new(FAKE_BLOCK);
	uint64_t token = ++r->tokens;
	struct ini_error e;

	rig_replies(r, ini_group_read(r->ini, "g0", lba * FAKE_BLOCK, FAKE_BLOCK, into, token, &e),
	            &e, token, LIMIT, INI_OK);
	bool same = memcmp(rig_reply(r, token, LIMIT)->data, b->data, FAKE_BLOCK) == 0;
	block_unref(into);
	return same;
}

/* The image is on both; disk1 (or disk0) is not in sync, for it may lack something behind it. */
static void partial(struct rig *r, uint64_t blocks, unsigned lacks)
{
	const struct ini_job *j = rig_job(r, rig_mirror(r, blocks * FAKE_BLOCK), LIMIT);

	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	ck_assert_ptr_nonnull(strstr(j->error.text, "lacks writes behind it"));
	ck_assert(rig_in_sync(r, !lacks) && !rig_in_sync(r, lacks));
}

static void resync_makes_up(struct rig *r, lba_t lba, const struct block *b)
{
	rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	for (uint8_t i = 0; i < 2; i++)
		ck_assert_mem_eq(r->h->disk[i].store + lba * FAKE_BLOCK, b->data, FAKE_BLOCK);
}

/* What a member lacks is not known: it is new; a client has written to it. */
START_TEST(who_may_lack_anything_lacks_what_is_behind_an_image)
{
	for (unsigned bypassed = 0; bypassed < 2; bypassed++) {
		struct rig *r = rig_new(2, BLOCKS);
		struct block *b = rig_bytes(FAKE_BLOCK, 9);

		rig_group(r, 1 + bypassed, true);
		rig_write(r, 900 * FAKE_BLOCK, b, LIMIT, INI_OK);
		rig_run(r, 10 * NS_PER_S);
		if (bypassed) {
			rig_bypass(r, 1);
			memset(byte_of(r, 1, 900), 0xee, FAKE_BLOCK / 2);
		} else {
			rig_add(r, "disk1");
		}
		partial(r, 64, 1);
		ck_assert(reads_as(r, 900, b));
		resync_makes_up(r, 900, b);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* What was missed lies in the region that the image ends in. */
START_TEST(what_was_missed_right_behind_an_image)
{
	struct rig *r = mirrored(2);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);

	fake_gone(r->h, 0);
	rig_step(r);
	rig_write(r, 60 * FAKE_BLOCK, b, LIMIT, INI_OK);
	fake_back(r->h, 0);
	rig_run(r, NS_PER_S);
	partial(r, 48, 0);
	ck_assert(reads_as(r, 60, b));
	resync_makes_up(r, 60, b);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* What is marked there is of an image's own; or something else was written there, before or after.
 * A region has 32 blocks. */
START_TEST(what_an_image_itself_has_marked_right_behind_it)
{
	static const struct {
		lba_t write;    /* a client's, while disk1 is away; 0: none */
		bool after;     /* the first image, not before it */
		uint64_t first; /* blocks of it, which disk1 misses some of, */
		uint64_t second;
		bool lacks;
	} cases[] = {
	        {0, false, 48, 48, false}, {0, false, 48, 50, false}, {0, false, 48, 40, true},
	        {0, false, 64, 64, false}, {0, false, 64, 48, true},  {60, true, 48, 48, true},
	        {40, true, 48, 48, false}, {60, false, 48, 48, true}, {70, true, 48, 48, true},
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig *r = mirrored(2);
		struct block *b = rig_bytes(FAKE_BLOCK, 9);

		if (cases[i].write && !cases[i].after) {
			fake_gone(r->h, 1);
			rig_run(r, NS_PER_S);
			rig_write(r, cases[i].write * FAKE_BLOCK, b, LIMIT, INI_OK);
			fake_back(r->h, 1);
			rig_run(r, NS_PER_S);
		}
		uint32_t id = rig_mirror(r, cases[i].first * FAKE_BLOCK);
		while (ini_job_find(r->ini, id)->state != JOB_RUNNING)
			rig_step(r);
		fake_gone(r->h, 1);
		rig_concludes(r, id, LIMIT, JOB_PARTIAL);
		if (cases[i].write && cases[i].after)
			rig_write(r, cases[i].write * FAKE_BLOCK, b, LIMIT, INI_OK);
		rig_run(r, 10 * NS_PER_S);
		fake_back(r->h, 1);
		rig_run(r, NS_PER_S);
		ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
		if (cases[i].lacks) {
			partial(r, cases[i].second, 1);
		} else {
			id = rig_mirror(r, cases[i].second * FAKE_BLOCK);
			rig_concludes(r, id, LIMIT, JOB_SUCCESS);
			ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store,
			                 BLOCKS * FAKE_BLOCK);
		}
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* disk1 misses the end of an image that goes beyond that of one of before: in the region that this
 * one ended in, too. So the next one of its length does not make up for it. */
START_TEST(what_a_longer_image_has_marked_behind_a_shorter_one)
{
	static const unsigned longer[] = {BLOCKS, 1008, 1000};

	for (unsigned i = 0; i < ARRAY_LEN(longer); i++) {
		struct rig *r = mirrored(2);

		rig_concludes(r, rig_mirror(r, 998 * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
		rig_run(r, 10 * NS_PER_S);
		uint64_t before = r->h->disk[1].written;
		uint32_t id = rig_mirror(r, longer[i] * FAKE_BLOCK);
		while (r->h->disk[1].written < before + 64)
			rig_run(r, 10 * NS_PER_US);
		fake_gone(r->h, 1);
		rig_concludes(r, id, LIMIT, JOB_PARTIAL);
		rig_run(r, 10 * NS_PER_S);
		fake_back(r->h, 1);
		rig_run(r, NS_PER_S);
		partial(r, 998, 1);
		(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
		ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, BLOCKS * FAKE_BLOCK);
		rig_free(r);
	}
}
END_TEST

/* A mirror job begins while disk0 lacks a write. It does not come to its end, and nobody is in
 * sync: disk1 still has more than disk0. */
START_TEST(who_lacked_writes_still_does_after_a_mirror_that_was_cut_off)
{
	for (unsigned restart = 0; restart < 2; restart++) {
		struct rig *r = mirrored(2);
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct ini_error e;

		fake_gone(r->h, 0);
		rig_step(r);
		rig_write(r, 900 * FAKE_BLOCK, b, LIMIT, INI_OK);
		fake_back(r->h, 0);
		rig_run(r, NS_PER_S);
		r->h->latency_ns = 100 * NS_PER_MS;
		uint32_t id = rig_mirror(r, 64 * FAKE_BLOCK);
		while (r->h->disk[1].written < BLOCKS + 2)
			rig_run(r, NS_PER_MS);
		if (restart) {
			rig_restart(r);
		} else {
			ck_assert(ini_job_cancel(r->ini, id, &e));
			rig_concludes(r, id, LIMIT, JOB_CANCELLED);
		}
		r->h->latency_ns = 100 * NS_PER_US;
		rig_run(r, NS_PER_S);
		ck_assert(!rig_in_sync(r, 0) && !rig_in_sync(r, 1));
		partial(r, 64, 0);
		ck_assert(reads_as(r, 900, b));
		resync_makes_up(r, 900, b);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* Part of an image is on disk0 only, when its job is cancelled. */
static struct rig *cut_off(void)
{
	struct rig *r = mirrored(2);
	struct ini_error e;

	rig_image(r, 1000 * FAKE_BLOCK, 5);
	uint32_t id = rig_mirror(r, 1000 * FAKE_BLOCK);
	rig_run(r, 250 * NS_PER_US);
	fake_gone(r->h, 1);
	for (unsigned i = 0; i < 1000 && r->h->disk[0].written < BLOCKS + 600; i++)
		rig_run(r, 50 * NS_PER_US);
	ck_assert(ini_job_cancel(r->ini, id, &e));
	rig_concludes(r, id, LIMIT, JOB_CANCELLED);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert_mem_ne(r->h->disk[0].store, r->h->disk[1].store, BLOCKS * FAKE_BLOCK);
	return r;
}

static void is_equal_in_the_end(struct rig *r)
{
	rig_run(r, 60 * NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, BLOCKS * FAKE_BLOCK);
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->intent.dirty, 0);
	rig_free(r);
}

/* Then comes a smaller one. */
START_TEST(what_a_cancelled_mirror_has_left_behind_an_image_is_made_equal)
{
	struct rig *r = cut_off();

	rig_concludes(r, rig_mirror(r, 48 * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	is_equal_in_the_end(r);
}
END_TEST

/* The same, and while it is made durable that they are in sync, a client has them flushed: that
 * does not let go of what says where they differ. */
START_TEST(a_flush_while_a_mirror_settles_lets_go_of_nothing)
{
	struct rig *r = cut_off();
	struct ini_error e;

	uint32_t id = rig_mirror(r, 48 * FAKE_BLOCK);
	while (!rig_in_sync(r, 0))
		rig_run(r, 10 * NS_PER_US);
	ck_assert_int_eq(ini_job_find(r->ini, id)->state, JOB_RUNNING);
	r->h->disk[1].page_busy = 3; /* a page takes a moment */
	rig_replies(r, ini_group_flush(r->ini, "g0", 77, &e), &e, 77, LIMIT, INI_OK);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	is_equal_in_the_end(r);
}
END_TEST

/* A client's flush is on its way, and disk1 is going to fail it. */
static void fails_its_flush(struct rig *r)
{
	struct ini_error e;

	r->h->latency_ns = 100 * NS_PER_MS;
	fake_fault(r->h, 1,
	           (struct fake_fault){
	                   .kind = FAULT_STATUS, .status = SCSI_RESERVATION_CONFLICT, .times = 1});
	ck_assert_msg(ini_group_flush(r->ini, "g0", 77, &e), "%s", e.text);
	rig_run(r, 10 * NS_PER_MS);
}

/* It cannot even begin: the state is not saved, the log is not, the image cannot be read; or it is
 * cancelled before. */
START_TEST(a_mirror_that_has_sent_nothing_leaves_all_in_sync)
{
	for (unsigned i = 0; i < 4; i++) {
		struct rig *r = mirrored(2);
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct ini_error e;
		uint64_t before;

		rig_write(r, 900 * FAKE_BLOCK, b, LIMIT, INI_OK);
		before = r->h->disk[0].written;
		r->save_err = i == 0 ? 28 : 0;
		r->log_err = i == 1 ? 28 : 0;
		r->read_err = i == 2 ? 5 : 0;
		uint32_t id = rig_mirror(r, 64 * FAKE_BLOCK);
		if (i == 3) {
			rig_step(r);
			ck_assert(!rig_in_sync(r, 0));
			ck_assert(ini_job_cancel(r->ini, id, &e));
		}
		rig_concludes(r, id, LIMIT, i == 3 ? JOB_CANCELLED : JOB_FAILED);
		ck_assert_uint_eq(r->h->disk[0].written, before);
		r->save_err = r->log_err = r->read_err = 0;
		ck_assert(reads_as(r, 900, b));
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
		rig_write(r, 901 * FAKE_BLOCK, b, LIMIT, INI_OK);
		rig_restart(r);
		rig_run(r, 30 * NS_PER_S);
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* The same, while a flush of before is on its way, which disk1 fails. */
START_TEST(a_mirror_that_has_sent_nothing_makes_up_for_no_flush)
{
	struct rig *r = mirrored(2);
	struct ini_error e;

	fails_its_flush(r);
	r->read_err = 5;
	uint32_t id = rig_mirror(r, 64 * FAKE_BLOCK);
	r->logs_held = true; /* it waits for its marks, until the flush is over */
	rig_fails(r, true, &e, 77, INI_E_UNSYNCED, "not in sync any more");
	r->logs_held = false;
	ini_intent_saved(r->ini, r->held_log, 0);
	rig_concludes(r, id, LIMIT, JOB_FAILED);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

/* The same, and the image is written, which is smaller: what disk1 may have lost lies behind it. */
START_TEST(a_smaller_image_does_not_make_up_for_a_flush_that_failed)
{
	struct rig *r = mirrored(2);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct ini_error e;

	rig_write(r, 900 * FAKE_BLOCK, b, LIMIT, INI_OK);
	fails_its_flush(r);
	uint32_t id = rig_mirror(r, 64 * FAKE_BLOCK);
	rig_fails(r, true, &e, 77, INI_E_UNSYNCED, "not in sync any more");
	rig_concludes(r, id, LIMIT, JOB_PARTIAL);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	*byte_of(r, 1, 900) ^= 1;
	resync_makes_up(r, 900, b);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* The same, and the job is cut off: disk0 has more, when the next one begins. */
START_TEST(who_failed_a_flush_has_less_after_a_mirror_that_was_cut_off)
{
	struct rig *r = mirrored(2);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct ini_error e;

	rig_write(r, 900 * FAKE_BLOCK, b, LIMIT, INI_OK);
	fails_its_flush(r);
	uint32_t id = rig_mirror(r, 64 * FAKE_BLOCK);
	while (r->h->disk[0].written < BLOCKS + 2)
		rig_run(r, NS_PER_MS);
	ck_assert(ini_job_cancel(r->ini, id, &e));
	rig_concludes(r, id, LIMIT, JOB_CANCELLED);
	*byte_of(r, 1, 900) ^= 1;
	ck_assert(!rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	partial(r, 64, 1);
	resync_makes_up(r, 900, b);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* A write behind the image is on its way, which disk1 fails: the job waits until it has left for
 * that, and takes no further write. */
START_TEST(a_mirror_waits_for_a_write)
{
	struct rig *r = mirrored(2);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct ini_error e;

	r->h->latency_ns = 100 * NS_PER_MS;
	fake_fault(r->h, 1,
	           (struct fake_fault){
	                   .kind = FAULT_STATUS, .status = SCSI_RESERVATION_CONFLICT, .times = 1});
	uint64_t token = rig_begin_write(r, 900 * FAKE_BLOCK, b);
	rig_run(r, 10 * NS_PER_MS);
	uint32_t id = rig_mirror(r, 64 * FAKE_BLOCK);
	rig_run(r, NS_PER_MS);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert_int_eq(ini_job_find(r->ini, id)->state, JOB_WAITING);
	rig_refused(ini_group_write(r->ini, "g0", 0, FAKE_BLOCK, b, 5, &e), &e, INI_E_BUSY,
	            "is mirroring");
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_OK);
	rig_concludes(r, id, LIMIT, JOB_PARTIAL);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	resync_makes_up(r, 900, b);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Nothing is marked behind the image, yet: a write there waits for a read to end. disk2, which
 * lacks only what the image makes up for, lacks that write, too. */
START_TEST(a_mirror_waits_for_a_write_that_has_not_begun)
{
	struct rig *r = mirrored(3);
	struct block *b = rig_bytes(FAKE_BLOCK, 9), *into = block_new(FAKE_BLOCK);
	struct ini_error e;

	fake_gone(r->h, 2);
	rig_run(r, NS_PER_S);
	rig_write(r, 3 * FAKE_BLOCK, b, LIMIT, INI_OK);
	rig_run(r, 20 * NS_PER_S);
	fake_back(r->h, 2);
	rig_run(r, NS_PER_S);
	r->h->latency_ns = 100 * NS_PER_MS;
	ck_assert(ini_group_read(r->ini, "g0", 900 * FAKE_BLOCK, FAKE_BLOCK, into, 77, &e));
	rig_run(r, 10 * NS_PER_MS);
	uint64_t token = rig_begin_write(r, 900 * FAKE_BLOCK, b);
	rig_run(r, NS_PER_MS);
	uint32_t id = rig_mirror(r, 64 * FAKE_BLOCK);
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_OK);
	rig_concludes(r, id, LIMIT, JOB_PARTIAL);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	ck_assert(reads_as(r, 900, b));
	resync_makes_up(r, 900, b);
	block_unref(b);
	block_unref(into);
	rig_free(r);
}
END_TEST

/* One that is paused, or cancelled, while it waits for a write keeps nobody from writing. */
START_TEST(a_mirror_that_does_not_wait_any_more_bars_no_write)
{
	for (unsigned cancel = 0; cancel < 2; cancel++) {
		struct rig *r = mirrored(2);
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct ini_error e;

		r->h->latency_ns = 100 * NS_PER_MS;
		uint64_t token = rig_begin_write(r, 900 * FAKE_BLOCK, b);
		uint32_t id = rig_mirror(r, 64 * FAKE_BLOCK);
		rig_step(r);
		if (cancel)
			ck_assert(ini_job_cancel(r->ini, id, &e));
		else
			ck_assert(ini_job_pause(r->ini, id, &e));
		rig_step(r);
		rig_write(r, 0, b, LIMIT, INI_OK);
		ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_OK);
		if (!cancel) {
			ck_assert(ini_job_resume(r->ini, id, &e));
			rig_concludes(r, id, LIMIT, JOB_SUCCESS);
		}
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* It is to put members back, and the daemon is killed before that is in the state file: who had the
 * write that disk0 lacks is known all the same, when a smaller image is mirrored then. */
START_TEST(who_had_more_is_known_while_members_are_put_back)
{
	struct rig *r = mirrored(3);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);

	fake_gone(r->h, 0);
	rig_run(r, NS_PER_S);
	rig_write(r, 900 * FAKE_BLOCK, b, LIMIT, INI_OK);
	fake_back(r->h, 0);
	rig_run(r, 20 * NS_PER_S);
	r->read_err = 5;
	uint32_t id = rig_mirror(r, 64 * FAKE_BLOCK);
	while (ini_job_find(r->ini, id)->state != JOB_CONCLUDED)
		rig_run(r, 10 * NS_PER_US);
	ck_assert(rig_in_sync(r, 1) && r->saved[0].m[1].state == MEMBER_STALE);
	ck_assert(r->saved[0].m[1].latest && r->saved[0].m[2].latest && !r->saved[0].m[0].latest);
	rig_restart(r);
	r->read_err = 0;
	rig_run(r, 20 * NS_PER_S);
	partial(r, 64, 0);
	ck_assert(reads_as(r, 900, b));
	ck_assert(!rig_member(r, 1)->latest && !rig_member(r, 2)->latest);
	resync_makes_up(r, 900, b);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* ---- resync ---- */

/* Two resyncs are asked for; the first one brings disk1 in sync, and disk0 goes before the second
 * one has begun, which was to copy to disk1, too. */
START_TEST(a_resync_leaves_alone_who_is_in_sync_by_then)
{
	struct rig *r = mirrored(3);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);

	fake_gone(r->h, 1);
	fake_gone(r->h, 2);
	rig_run(r, NS_PER_S);
	rig_write(r, 500 * FAKE_BLOCK, b, LIMIT, INI_OK);
	fake_back(r->h, 1);
	fake_back(r->h, 2);
	rig_run(r, NS_PER_S);
	uint32_t first = rig_begin(r, JOB_RESYNC), second = rig_begin(r, JOB_RESYNC);
	ck_assert_int_eq(rig_job(r, first, LIMIT)->conclusion, JOB_SUCCESS);
	fake_gone(r->h, 0);
	(void)rig_job(r, second, LIMIT);
	ck_assert(rig_in_sync(r, 1) && rig_in_sync(r, 2));
	rig_write(r, 501 * FAKE_BLOCK, b, LIMIT, INI_OK);
	ck_assert(!rig_in_sync(r, 0));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* disk0, alone in sync, gave no answer to a write, nor was that aborted for sure: it may still do
 * it, and nothing is read from it until RST has made an end of that. */
START_TEST(a_source_that_may_still_write_is_not_given_up)
{
	struct rig *r = mirrored(2);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);

	fake_gone(r->h, 1);
	rig_run(r, NS_PER_S);
	rig_write(r, 501 * FAKE_BLOCK, b, LIMIT, INI_OK);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_NO_STATUS, .unaborted = true});
	rig_write(r, 500 * FAKE_BLOCK, b, LIMIT, INI_E_DEVICE);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	fake_clear_faults(r->h, 0);
	rig_run(r, NS_PER_S);
	unsigned before = r->h->resets;
	(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(r->h->resets, before + 1);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* A mirror job begins: pages say that nobody is in sync, and the disks go before they say that they
 * have them. It has sent nothing, so those that were in sync are, and are believed when they come
 * with those pages. */
START_TEST(who_is_put_back_is_believed)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);

	rig_group(r, 2, true);
	rig_run(r, NS_PER_S);
	r->h->disk[0].page_lost = r->h->disk[1].page_lost = true;
	rig_image(r, BLOCKS * 512, 1);
	(void)rig_concludes(r, rig_mirror(r, BLOCKS * 512), 300 * NS_PER_S, JOB_FAILED);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, -1), 0);
	r->h->disk[0].page_lost = r->h->disk[1].page_lost = false;
	for (uint8_t i = 0; i < 2; i++) {
		ck_assert_uint_eq(r->h->target[i].member.generation, 0);
		fake_back(r->h, i);
	}
	rig_run(r, 10 * NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	rig_write(r, 0, b, 60 * NS_PER_S, INI_OK);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* The daemon has started, and disk1 is not there yet: a write waits for it, and it misses nothing.
 * If it does not come, the write is acknowledged without it. */
START_TEST(who_is_not_there_yet_at_a_start_is_waited_for)
{
	for (unsigned comes = 0; comes < 2; comes++) {
		struct rig *r = rig_new(2, BLOCKS);
		struct block *b = rig_bytes(512, 3);

		rig_group(r, 2, true);
		fake_gone(r->h, 1);
		rig_restart(r);
		uint64_t token = rig_begin_write(r, 0, b);
		rig_run(r, NS_PER_S);
		ck_assert(rig_in_sync(r, 1));
		if (comes)
			fake_back(r->h, 1);
		ck_assert_int_eq(rig_reply(r, token, 60 * NS_PER_S)->error.kind, INI_OK);
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) == comes);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

TAP_MAIN("in_sync", a_cancelled_scrub_makes_nobody_stale, a_cancelled_recovery_makes_nobody_stale,
         a_cancelled_load_leaves_members_equal_or_stale, the_only_one_is_tried_again,
         the_only_one_is_tried_seldom, one_of_two_is_let_be,
         a_recovery_ends_what_may_still_be_written, who_is_put_back_is_believed,
         who_is_not_there_yet_at_a_start_is_waited_for,
         a_source_that_may_still_write_is_not_given_up,
         who_may_lack_anything_lacks_what_is_behind_an_image, what_was_missed_right_behind_an_image,
         what_an_image_itself_has_marked_right_behind_it,
         what_a_longer_image_has_marked_behind_a_shorter_one,
         who_lacked_writes_still_does_after_a_mirror_that_was_cut_off,
         what_a_cancelled_mirror_has_left_behind_an_image_is_made_equal,
         a_flush_while_a_mirror_settles_lets_go_of_nothing,
         a_mirror_that_has_sent_nothing_leaves_all_in_sync,
         a_mirror_that_has_sent_nothing_makes_up_for_no_flush,
         a_smaller_image_does_not_make_up_for_a_flush_that_failed, a_mirror_waits_for_a_write,
         who_failed_a_flush_has_less_after_a_mirror_that_was_cut_off,
         a_mirror_waits_for_a_write_that_has_not_begun,
         a_mirror_that_does_not_wait_any_more_bars_no_write,
         who_had_more_is_known_while_members_are_put_back, a_verify_tells_and_changes_nobody,
         who_has_left_has_no_vote_in_a_scrub, a_smaller_image_does_not_make_up_for_what_was_missed,
         a_resync_leaves_alone_who_is_in_sync_by_then);
