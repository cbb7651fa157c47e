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

TAP_MAIN("in_sync", who_is_not_there_yet_at_a_start_is_waited_for,
         a_source_that_may_still_write_is_not_given_up, a_verify_tells_and_changes_nobody,
         who_has_left_has_no_vote_in_a_scrub, a_smaller_image_does_not_make_up_for_what_was_missed,
         a_resync_leaves_alone_who_is_in_sync_by_then);
