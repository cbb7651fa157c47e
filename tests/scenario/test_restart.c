/* SPDX-License-Identifier: BSD-2-Clause */
/* Targets that are started again, whose machine has lost what it had cached: nothing that was
 * acknowledged is lost with it, as long as another one has it. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <errno.h>
#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)
#define WHOLE  (BLOCKS * FAKE_BLOCK)

/* Three members in sync, and a write to block 100 that nobody has flushed. */
static struct rig *written(unsigned n, struct block *b)
{
	struct rig *r = rig_new(n, BLOCKS);

	rig_group(r, n, true);
	rig_write(r, 100 * FAKE_BLOCK, b, LIMIT, INI_OK);
	ck_assert_uint_gt(ini_group_at(r->ini, 0)->intent.dirty, 0);
	return r;
}

static void lose(struct rig *r, uint8_t disk, lba_t lba, uint64_t blocks)
{
	memset(r->h->disk[disk].store + lba * FAKE_BLOCK, 0, blocks * FAKE_BLOCK);
}

static void power_cut(struct rig *r, uint8_t disk, lba_t lba, uint64_t blocks)
{
	fake_gone(r->h, disk);
	rig_run(r, 10 * NS_PER_MS);
	lose(r, disk, lba, blocks);
}

static bool has(const struct rig *r, uint8_t disk, lba_t lba, const struct block *b)
{
	return memcmp(r->h->disk[disk].store + lba * FAKE_BLOCK, b->data, b->len) == 0;
}

static bool equal(const struct rig *r, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		if (memcmp(r->h->disk[0].store, r->h->disk[i].store, WHOLE) != 0)
			return false;
	return true;
}

/* It leaves before anything is read from it, and gets what it lacks from another one. */
START_TEST(it_gets_what_it_lost)
{
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct rig *r = written(3, b);

	power_cut(r, 1, 100, 1);
	fake_started(r->h, 1);
	rig_step(r);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1) && rig_in_sync(r, 2));
	ck_assert(rig_member(r, 1)->logged);
	ck_assert_ptr_nonnull(strstr(rig_member(r, 1)->why, "started again"));
	rig_run(r, 60 * NS_PER_S);
	for (uint8_t i = 0; i < 3; i++)
		ck_assert(rig_in_sync(r, i) && has(r, i, 100, b));
	ck_assert_uint_eq(ini_group_at(r->ini, 0)->intent.dirty, 0);
	rig_run(r, LIMIT);
	ck_assert_uint_eq(ini_jobs(r->ini), 1);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* What was flushed is not lost, nor is what a target has whose connection was cut. */
START_TEST(it_lost_nothing)
{
	for (unsigned flushed = 0; flushed < 2; flushed++) {
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct rig *r = written(2, b);

		if (flushed)
			rig_run(r, 60 * NS_PER_S);
		fake_gone(r->h, 1);
		rig_run(r, 10 * NS_PER_MS);
		if (flushed)
			fake_started(r->h, 1);
		else
			fake_back(r->h, 1);
		rig_run(r, NS_PER_S);
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
		ck_assert_uint_eq(ini_jobs(r->ini), 0);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* A scan in the same attach tells nothing new; what a target told before it was a member means
 * nothing. */
START_TEST(it_is_seen_once)
{
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct rig *r = rig_new(2, BLOCKS);

	for (uint8_t i = 0; i < 2; i++)
		r->h->target[i].power_on = r->h->target[i].attach;
	rig_group(r, 2, true);
	rig_write(r, 100 * FAKE_BLOCK, b, LIMIT, INI_OK);
	hba_scan(r->h);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert_uint_eq(ini_jobs(r->ini), 0);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Each may have lost something else: they are made equal, and somebody stays in sync. */
START_TEST(all_were_started_again)
{
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct rig *r = written(3, b);

	for (uint8_t i = 0; i < 3; i++)
		fake_gone(r->h, i);
	rig_run(r, 10 * NS_PER_MS);
	lose(r, 1, 100, 1);
	for (uint8_t i = 0; i < 3; i++)
		fake_started(r->h, i);
	rig_run(r, 60 * NS_PER_S);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(rig_in_sync(r, i));
	ck_assert(equal(r, 3));
	block_unref(b);
	rig_free(r);
}
END_TEST

static void flushes(struct rig *r, uint64_t token, enum ini_kind kind)
{
	struct ini_error e;

	rig_replies(r, ini_group_flush(r->ini, "g0", token, &e), &e, token, LIMIT, kind);
}

static void all_started(struct rig *r, uint8_t n)
{
	for (uint8_t i = 0; i < n; i++)
		fake_gone(r->h, i);
	rig_run(r, 10 * NS_PER_MS);
	for (uint8_t i = 0; i < n; i++)
		lose(r, i, 100, 1);
	for (uint8_t i = 0; i < n; i++)
		fake_started(r->h, i);
	rig_run(r, NS_PER_S);
}

/* Nobody has any more what was acknowledged: the next flush says so, once. One that the core has
 * done by itself in between does not take that away, nor does another start of the daemon. */
START_TEST(a_flush_tells_of_what_all_have_lost)
{
	for (unsigned i = 0; i < 4; i++) {
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		uint8_t n = i == 0 ? 1 : 2;
		struct rig *r = written(n, b);

		all_started(r, n);
		if (i == 2)
			rig_run(r, LIMIT);
		if (i == 3)
			rig_restart(r);
		if (i >= 2)
			rig_run(r, LIMIT);
		ck_assert(i < 2 || ini_group_at(r->ini, 0)->intent.dirty == 0);
		flushes(r, 77, INI_E_LOST);
		flushes(r, 78, INI_OK);
		rig_restart(r);
		rig_run(r, LIMIT);
		rig_write(r, 0, b, LIMIT, INI_OK);
		flushes(r, 79, INI_OK);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* disk1 lacks what is on disk0, and flushed: disk0 is started again while it is copied. */
static void started_in_a_resync(struct rig *r, struct block *b)
{
	fake_gone(r->h, 1);
	rig_write(r, 100 * FAKE_BLOCK, b, LIMIT, INI_OK);
	rig_run(r, 60 * NS_PER_S);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	r->h->latency_ns = 100 * NS_PER_MS;
	uint32_t id = rig_begin(r, JOB_RESYNC);
	rig_run(r, 150 * NS_PER_MS);
	r->h->latency_ns = 100 * NS_PER_US;
	fake_gone(r->h, 0);
	rig_step(r);
	fake_started(r->h, 0);
	(void)rig_job(r, id, LIMIT);
}

/* It is flushed, or another one has it, or it was overwritten since. */
START_TEST(a_flush_has_nothing_to_tell)
{
	for (unsigned i = 0; i < 4; i++) {
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct rig *r = written(2, b);

		if (i == 0)
			flushes(r, 76, INI_OK);
		if (i == 1) {
			power_cut(r, 1, 100, 1);
			fake_started(r->h, 1);
		} else if (i == 3) {
			started_in_a_resync(r, b);
		} else {
			all_started(r, 2);
		}
		if (i == 2)
			rig_concludes(r, rig_mirror(r, WHOLE), LIMIT, JOB_SUCCESS);
		flushes(r, 77, INI_OK);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* disk0 has lost it, and disk1, which has it, is gone for good: who has it flushed then is told. */
START_TEST(a_flush_when_who_has_it_is_gone)
{
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct rig *r = written(2, b);

	fake_gone(r->h, 1);
	power_cut(r, 0, 100, 1);
	fake_started(r->h, 0);
	rig_run(r, NS_PER_S);
	flushes(r, 77, INI_E_LOST);
	flushes(r, 78, INI_OK);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* All are started again during a mirror job, which overwrites what they have lost, or does not:
 * that lies behind the image. */
START_TEST(a_flush_tells_of_what_is_lost_behind_an_image)
{
	for (unsigned behind = 0; behind < 2; behind++) {
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct rig *r = written(2, b);

		r->h->latency_ns = 100 * NS_PER_MS;
		uint32_t id = rig_mirror(r, (behind ? 64 : 1000) * FAKE_BLOCK);
		while (r->h->disk[1].written < 2)
			rig_run(r, NS_PER_MS);
		all_started(r, 2);
		r->h->latency_ns = 100 * NS_PER_US;
		rig_concludes(r, id, LIMIT, JOB_SUCCESS);
		flushes(r, 77, behind ? INI_E_LOST : INI_OK);
		flushes(r, 78, INI_OK);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* A target that has a number of its start is believed by that alone: who was the first to hear of
 * it may not have been there to the end. */
START_TEST(by_its_number)
{
	for (unsigned again = 0; again < 2; again++) {
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct rig *r = rig_new(2, BLOCKS);

		for (uint8_t i = 0; i < 2; i++)
			r->h->target[i].vpd.boot = 7;
		rig_group(r, 2, true);
		rig_write(r, 100 * FAKE_BLOCK, b, LIMIT, INI_OK);
		power_cut(r, 1, 100, again);
		r->h->target[1].vpd.boot += again;
		if (again)
			fake_back(r->h, 1);
		else
			fake_started(r->h, 1);
		rig_restart(r);
		rig_run(r, 60 * NS_PER_S);
		for (uint8_t i = 0; i < 2; i++)
			ck_assert(rig_in_sync(r, i) && has(r, i, 100, b));
		ck_assert_uint_eq(ini_jobs(r->ini), 1); /* that of the daemon's start */
		if (again)
			ck_assert_uint_eq(rig_member(r, 1)->boot, 8);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* That it has left is not durable yet when it comes back, and the state that is saved then trusts
 * it still: it says that it was started again, too. */
START_TEST(before_it_has_left)
{
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct rig *r = rig_new(2, BLOCKS);

	for (uint8_t i = 0; i < 2; i++)
		r->h->target[i].vpd.boot = 7;
	rig_group(r, 2, true);
	rig_write(r, 100 * FAKE_BLOCK, b, LIMIT, INI_OK);
	r->h->disk[1].page_busy = 100000;
	power_cut(r, 0, 100, 1);
	(void)rig_begin_write(r, 200 * FAKE_BLOCK, b);
	rig_run(r, 5 * NS_PER_S);
	ck_assert(!rig_in_sync(r, 0));
	r->h->target[0].vpd.boot = 8;
	fake_back(r->h, 0);
	rig_run(r, NS_PER_MS);
	ck_assert_uint_eq(r->saved[0].m[0].boot, 8);
	ck_assert_int_eq(r->saved[0].m[0].state, MEMBER_IN_SYNC);
	rig_restart(r);
	r->h->disk[1].page_busy = 0;
	rig_run(r, 60 * NS_PER_S);
	for (uint8_t i = 0; i < 2; i++)
		ck_assert(rig_in_sync(r, i) && has(r, i, 100, b));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* The one that has it is away when the other one is there again: it is better, when it comes. */
START_TEST(the_one_that_has_it_comes_late)
{
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct rig *r = written(2, b);

	fake_gone(r->h, 0);
	power_cut(r, 1, 100, 1);
	fake_started(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	fake_back(r->h, 0);
	rig_step(r);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	rig_run(r, 60 * NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && has(r, 1, 100, b));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* So it is when a flush ends meanwhile: the one that has it confirmed it, and left; the other one
 * confirms it, and has nothing left to flush. */
START_TEST(in_the_middle_of_a_flush)
{
	for (unsigned write = 0; write < 2; write++) {
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct rig *r = written(2, b);
		struct ini_error e;

		fake_fault(r->h, 1,
		           (struct fake_fault){
		                   .kind = FAULT_STATUS, .status = SCSI_BUSY, .times = 1000});
		ck_assert(ini_group_flush(r->ini, "g0", 77, &e));
		rig_run(r, NS_PER_S);
		ck_assert_uint_eq(r->h->disk[0].flushes, 1);
		fake_gone(r->h, 0);
		fake_gone(r->h, 1);
		lose(r, 1, 100, 1);
		fake_clear_faults(r->h, 1);
		fake_started(r->h, 1);
		rig_run(r, 5 * NS_PER_S);
		ck_assert_uint_ge(r->h->disk[1].flushes, 1);
		ck_assert_uint_gt(ini_group_at(r->ini, 0)->intent.dirty, 0);
		if (write)
			(void)rig_begin_write(r, 0, b);
		fake_back(r->h, 0);
		rig_run(r, 60 * NS_PER_S);
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && has(r, 1, 100, b));
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* The bus server was on the machine of the one that has lost it, and that one is first to come
 * back: it is not read from, as long as the other one may come. If that one does not, it is. */
START_TEST(nobody_reads_what_it_lost)
{
	for (unsigned comes = 0; comes < 2; comes++) {
		struct block *b = rig_bytes(FAKE_BLOCK, 9), *into = rig_bytes(FAKE_BLOCK, 1);
		struct rig *r = written(2, b);
		struct ini_error e;

		fake_bus_down(r->h);
		rig_run(r, 60 * NS_PER_S);
		lose(r, 0, 100, 1);
		r->h->up = true;
		fake_started(r->h, 0);
		rig_step(r);
		unsigned before = fake_count(r->h, OP_READ_16, 0);
		ck_assert(ini_group_read(r->ini, "g0", 100 * FAKE_BLOCK, FAKE_BLOCK, into, 7, &e));
		rig_run(r, NS_PER_S);
		ck_assert_uint_eq(fake_count(r->h, OP_READ_16, 0), before);
		if (comes)
			fake_back(r->h, 1);
		ck_assert_int_eq(rig_reply(r, 7, LIMIT)->error.kind, INI_OK);
		ck_assert((memcmp(into->data, b->data, FAKE_BLOCK) == 0) == comes);
		rig_run(r, LIMIT);
		ck_assert(rig_in_sync(r, 0) && has(r, 0, 100, b) == comes);
		block_unref(b);
		block_unref(into);
		rig_free(r);
	}
}
END_TEST

/* After the daemon was started again, too: it has the log, and hears of it when they come. */
START_TEST(the_daemon_was_away)
{
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct rig *r = written(2, b);

	power_cut(r, 0, 100, 1);
	fake_started(r->h, 0);
	rig_restart(r);
	rig_run(r, 60 * NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert(has(r, 0, 100, b) && has(r, 1, 100, b));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* ---- what a target says of itself ---- */

static void started_since_its_page(struct rig *r, uint8_t id)
{
	r->h->target[id].vpd.started = true;
	fake_started(r->h, id);
}

/* It has lost nothing, or what it has lost was made good: its page is written as it is, and whoever
 * imports the group without our state does not take it for worse than the others. */
START_TEST(its_page_is_renewed)
{
	for (unsigned lost = 0; lost < 2; lost++) {
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct rig *r = written(1 + lost, b);
		struct ini_error e;

		if (!lost)
			rig_run(r, 60 * NS_PER_S);
		for (uint8_t i = 0; i <= lost; i++)
			fake_gone(r->h, i);
		rig_run(r, 10 * NS_PER_MS);
		for (uint8_t i = 0; i <= lost; i++)
			started_since_its_page(r, i);
		rig_step(r);
		ck_assert(r->h->target[0].vpd.started);
		rig_run(r, 60 * NS_PER_S);
		for (uint8_t i = 0; i <= lost; i++)
			ck_assert(rig_in_sync(r, i) && !r->h->target[i].vpd.started);
		const struct mode_mirror *page = &r->h->target[0].member;
		ck_assert(page->member && page->generation > 0 && !page->importing);
		ck_assert(ini_group_delete(r->ini, "g0", 3, &e));
		ck_assert_int_eq(rig_reply(r, 3, LIMIT)->error.kind, INI_OK);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* Who has what it lost is not there yet: it says so as long, to whoever asks. */
START_TEST(its_page_is_not_renewed)
{
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct rig *r = written(2, b);

	fake_gone(r->h, 0);
	power_cut(r, 1, 100, 1);
	started_since_its_page(r, 1);
	rig_run(r, LIMIT);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && r->h->target[1].vpd.started);
	fake_back(r->h, 0);
	rig_run(r, LIMIT);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && has(r, 1, 100, b));
	ck_assert(!r->h->target[1].vpd.started);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* It is started once more while it is being told, and comes back before that has failed. */
START_TEST(it_is_started_again_while_its_page_is_renewed)
{
	struct rig *r = rig_new(2, BLOCKS);

	rig_group(r, 2, true);
	r->h->latency_ns = 10 * NS_PER_MS;
	for (unsigned i = 0; i < 3; i++) {
		fake_gone(r->h, 1);
		rig_run(r, NS_PER_MS);
		started_since_its_page(r, 1);
		rig_run(r, NS_PER_MS);
	}
	ck_assert(r->h->target[1].vpd.started);
	rig_run(r, LIMIT);
	ck_assert(rig_in_sync(r, 1) && !r->h->target[1].vpd.started);
	rig_free(r);
}
END_TEST

/* It is tried again after a while, in the same attach, too. */
START_TEST(its_page_cannot_be_renewed)
{
	struct rig *r = rig_new(2, BLOCKS);

	rig_group(r, 2, true);
	r->h->disk[1].page_fails = true;
	fake_gone(r->h, 1);
	rig_run(r, NS_PER_S);
	started_since_its_page(r, 1);
	rig_run(r, LIMIT);
	ck_assert(rig_in_sync(r, 1) && r->h->target[1].vpd.started);
	r->h->disk[1].page_fails = false;
	rig_run(r, LIMIT);
	ck_assert(rig_in_sync(r, 1) && !r->h->target[1].vpd.started);
	rig_free(r);
}
END_TEST

/* disk1 has left, and nobody could be told, as the state cannot be saved: disk0, which lost it
 * since, may not look as good as disk1 does. */
START_TEST(its_page_is_not_renewed_while_a_change_is_owed)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct ini_error e;

	rig_group(r, 2, true);
	rig_run(r, 60 * NS_PER_S);
	r->save_err = ENOSPC;
	fake_gone(r->h, 1);
	rig_write(r, 0, b, LIMIT, INI_E_STATE_DIR);
	fake_gone(r->h, 0);
	rig_run(r, NS_PER_MS);
	r->h->latency_ns = 100 * NS_PER_MS;
	started_since_its_page(r, 0);
	rig_run(r, NS_PER_S);
	ck_assert(r->h->target[0].vpd.started);
	ck_assert(ini_group_delete(r->ini, "g0", 3, &e));
	rig_run(r, LIMIT);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* ---- jobs ---- */

/* What a scrub has written anew is gone with a start before it was flushed: the job says so, and it
 * is copied once more. */
START_TEST(what_a_scrub_has_repaired)
{
	enum { REPAIRED, COMPARED, FLUSHED, WHENS };

	for (unsigned when = 0; when < WHENS; when++) {
		struct rig *r = rig_new(3, BLOCKS);

		rig_group(r, 3, false);
		rig_concludes(r, rig_mirror(r, WHOLE), LIMIT, JOB_SUCCESS);
		r->h->disk[1].store[9 * FAKE_BLOCK] ^= 1;
		unsigned flushes = r->h->disk[1].flushes;
		r->h->latency_ns = NS_PER_MS;
		uint32_t id = rig_begin(r, JOB_SCRUB);
		const struct ini_job *j = ini_job_find(r->ini, id);
		while (j->t[1].repaired == 0 || (when == COMPARED && j->done < j->total) ||
		       (when == FLUSHED && r->h->disk[1].flushes == flushes))
			rig_run(r, NS_PER_MS / 20);
		rig_run(r, when == FLUSHED ? 2 * r->h->latency_ns : 0);
		fake_gone(r->h, 1);
		if (when != FLUSHED)
			r->h->disk[1].store[9 * FAKE_BLOCK] ^= 1;
		fake_started(r->h, 1);
		rig_concludes(r, id, LIMIT, when == FLUSHED ? JOB_SUCCESS : JOB_PARTIAL);
		if (when == COMPARED)
			ck_assert_ptr_nonnull(strstr(j->error.text, "disk1 was repaired, and "
			                                            "started again"));
		rig_run(r, LIMIT);
		ck_assert(rig_in_sync(r, 1) && equal(r, 3));
		id = rig_begin(r, JOB_SCRUB);
		rig_concludes(r, id, LIMIT, JOB_SUCCESS);
		ck_assert_uint_eq(ini_job_find(r->ini, id)->t[1].repaired, 0);
		rig_free(r);
	}
}
END_TEST

static void run_until(struct rig *r, uint32_t id, uint64_t blocks)
{
	while (ini_job_find(r->ini, id)->done < blocks * FAKE_BLOCK)
		rig_run(r, NS_PER_MS / 20);
}

/* In the middle of the sweep, all that it had by then is gone; it is copied again. */
START_TEST(in_the_middle_of_a_mirror)
{
	struct rig *r = rig_new(3, BLOCKS);

	rig_group(r, 3, false);
	uint32_t id = rig_mirror(r, WHOLE);
	run_until(r, id, BLOCKS / 2);
	fake_gone(r->h, 1);
	lose(r, 1, 0, BLOCKS);
	rig_step(r);
	fake_started(r->h, 1);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	const struct ini_job *j = ini_job_find(r->ini, id);
	ck_assert(equal(r, 3));
	for (unsigned i = 0; i < 3; i++)
		ck_assert(rig_in_sync(r, i) && j->t[i].good == BLOCKS && j->t[i].bad == 0);
	rig_free(r);
}
END_TEST

/* A resync of a region, beside which a client writes to another one, that it was not begun for. */
START_TEST(in_the_middle_of_a_resync)
{
	const lba_t blocks = 8 * BLOCKS, late = blocks - 10;
	struct rig *r = rig_new(2, blocks);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct ini_error e;

	rig_group(r, 2, true);
	ck_assert_uint_gt(ini_group_at(r->ini, 0)->intent.regions, 2);
	fake_gone(r->h, 1);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert(!rig_in_sync(r, 1) && rig_member(r, 1)->logged);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	s.transfer = 8 * FAKE_BLOCK;
	s.window = 1;
	uint32_t id = rig_start(r, &s);
	const struct ini_job *j = ini_job_find(r->ini, id);
	while (j->done == 0)
		rig_run(r, NS_PER_MS / 100);
	ck_assert(ini_job_pause(r->ini, id, &e));
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(j->state, JOB_PAUSED);
	ck_assert_uint_lt(j->done, j->total);
	ck_assert_uint_lt(j->total, blocks / 2 * FAKE_BLOCK);
	rig_write(r, late * FAKE_BLOCK, b, LIMIT, INI_OK);
	ck_assert(has(r, 1, 0, b) && has(r, 1, late, b));
	power_cut(r, 1, 0, blocks);
	fake_started(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert(ini_job_resume(r->ini, id, &e));
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(r, 1) && has(r, 1, 0, b) && has(r, 1, late, b));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* What is copied once more keeps to the speed limit, too, and waits while the job is paused. */
START_TEST(copied_again_at_the_speed_limit)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	rig_group(r, 3, false);
	uint32_t id = rig_mirror(r, WHOLE);
	const struct ini_job *j = ini_job_find(r->ini, id);
	run_until(r, id, BLOCKS);
	fake_gone(r->h, 1);
	lose(r, 1, 0, BLOCKS);
	ck_assert(ini_job_set_speed(r->ini, id, WHOLE / 16, &e));
	rig_step(r);
	uint64_t before = r->h->disk[1].written;
	fake_started(r->h, 1);
	rig_run(r, 8 * NS_PER_S);
	uint64_t half = r->h->disk[1].written - before;
	ck_assert_uint_ge(half, BLOCKS * 7 / 16);
	ck_assert_uint_le(half, BLOCKS * 9 / 16);
	ck_assert(ini_job_pause(r->ini, id, &e));
	rig_run(r, 2 * NS_PER_S);
	ck_assert_int_eq(j->state, JOB_PAUSED);
	half = r->h->disk[1].written;
	rig_run(r, 100 * NS_PER_S);
	ck_assert_uint_eq(r->h->disk[1].written, half);
	ck_assert(ini_job_resume(r->ini, id, &e));
	rig_run(r, 2 * NS_PER_S);
	ck_assert_int_eq(j->state, JOB_RUNNING);
	ck_assert(ini_job_set_speed(r->ini, id, 0, &e));
	ns_t from = r->now;
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_lt(r->now - from, NS_PER_S);
	ck_assert(equal(r, 3));
	rig_free(r);
}
END_TEST

/* All is copied, and it goes before it is flushed, or in the midst of that. */
START_TEST(before_it_is_flushed)
{
	for (unsigned us = 0; us < 3000; us += 50) {
		struct rig *r = rig_new(2, BLOCKS);

		rig_group(r, 2, false);
		r->h->latency_ns = NS_PER_MS;
		uint32_t id = rig_mirror(r, WHOLE);
		run_until(r, id, BLOCKS);
		rig_run(r, us * NS_PER_US);
		if (!r->h->disk[1].flushes) {
			fake_gone(r->h, 1);
			lose(r, 1, 0, BLOCKS);
			fake_started(r->h, 1);
		}
		const struct ini_job *j = rig_job(r, id, LIMIT);
		ck_assert(j->conclusion == JOB_SUCCESS || !rig_in_sync(r, 1));
		ck_assert(!rig_in_sync(r, 1) || equal(r, 2));
		rig_free(r);
	}
}
END_TEST

/* disk1 has missed a write, and is back. */
static struct rig *one_is_behind(lba_t blocks, struct block *b)
{
	struct rig *r = rig_new(2, blocks);

	rig_group(r, 2, true);
	fake_gone(r->h, 1);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	return r;
}

/* The only one in sync is started again while another one is copied to, which may have what it has
 * lost: they are made equal. */
START_TEST(the_source_of_a_resync)
{
	const lba_t blocks = 8 * BLOCKS, late = blocks - 10;
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct rig *r = one_is_behind(blocks, b);
	struct ini_error e;

	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	s.transfer = 8 * FAKE_BLOCK;
	s.window = 1;
	uint32_t id = rig_start(r, &s);
	const struct ini_job *j = ini_job_find(r->ini, id);
	while (j->done == 0)
		rig_run(r, NS_PER_MS / 100);
	ck_assert(ini_job_pause(r->ini, id, &e));
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(j->state, JOB_PAUSED);
	rig_write(r, late * FAKE_BLOCK, b, LIMIT, INI_OK);
	ck_assert(has(r, 0, late, b) && has(r, 1, late, b));
	power_cut(r, 0, late, 1);
	fake_started(r->h, 0);
	rig_run(r, NS_PER_S);
	ck_assert(ini_job_resume(r->ini, id, &e));
	(void)rig_job(r, id, LIMIT);
	rig_run(r, 2 * LIMIT);
	ck_assert(!rig_in_sync(r, 1) ||
	          memcmp(r->h->disk[0].store, r->h->disk[1].store, blocks * FAKE_BLOCK) == 0);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* A read that began when only one member was in sync: that one loses what was written last, and
 * another one that has come in sync meanwhile has it. */
START_TEST(who_has_come_in_sync_is_read)
{
	enum { WRITTEN = 100, READ = 101 };
	struct block *b = rig_bytes(FAKE_BLOCK, 9), *into = rig_bytes(FAKE_BLOCK, 1);
	struct rig *r = one_is_behind(BLOCKS, b);
	struct ini_error e;

	unsigned flushes = fake_count(r->h, OP_SYNCHRONIZE_CACHE_16, 1);
	(void)rig_begin(r, JOB_RESYNC);
	/* It is being flushed; what is written then is not. */
	while (fake_count(r->h, OP_SYNCHRONIZE_CACHE_16, 1) == flushes)
		rig_run(r, NS_PER_MS / 100);
	ck_assert(!rig_in_sync(r, 1));
	ck_assert(ini_group_write(r->ini, "g0", 100 * FAKE_BLOCK, FAKE_BLOCK, b, WRITTEN, &e));
	ck_assert(ini_group_read(r->ini, "g0", 100 * FAKE_BLOCK, FAKE_BLOCK, into, READ, &e));
	ck_assert_int_eq(rig_reply(r, WRITTEN, LIMIT)->error.kind, INI_OK);
	r->h->held = true; /* the read is under way */
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 1));
	fake_gone(r->h, 0);
	r->h->held = false;
	rig_run(r, 10 * NS_PER_MS);
	lose(r, 0, 100, 1);
	fake_started(r->h, 0);
	ck_assert_int_eq(rig_reply(r, READ, LIMIT)->error.kind, INI_OK);
	ck_assert_mem_eq(into->data, b->data, FAKE_BLOCK);
	ck_assert(has(r, 1, 100, b));
	block_unref(b);
	block_unref(into);
	rig_free(r);
}
END_TEST

/* What a job compares with was started again, has lost nothing, and the others come later. */
START_TEST(what_is_compared_with_is_started_again)
{
	static const enum ini_job_type type[] = {JOB_VERIFY, JOB_SCRUB};

	for (unsigned i = 0; i < ARRAY_LEN(type); i++) {
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct rig *r = written(2, b);

		uint32_t id = rig_begin(r, type[i]);
		r->h->held = true;
		rig_run(r, NS_PER_MS);
		fake_bus_down(r->h);
		r->h->held = false;
		rig_run(r, NS_PER_S / 10);
		r->h->up = true;
		fake_started(r->h, 0);
		rig_run(r, NS_PER_S);
		fake_started(r->h, 1);
		rig_concludes(r, id, LIMIT, JOB_SUCCESS);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

static void scan_once(struct rig *r, uint8_t id, ns_t after)
{
	r->h->disk[id].scanning = true;
	r->h->target[id].state = HBA_SCANNING;
	r->h->on_target(r->h->target_ctx, id);
	rig_run(r, NS_PER_S);
	if (!after)
		return;
	r->h->disk[id].scanning = false;
	r->h->target[id].state = HBA_ABSENT;
	r->h->on_target(r->h->target_ctx, id);
	rig_run(r, after);
}

/* Who has it has failed to start before, and is being scanned now. */
START_TEST(who_has_it_is_scanned_again)
{
	struct block *b = rig_bytes(FAKE_BLOCK, 9), *into = rig_bytes(FAKE_BLOCK, 1);
	struct rig *r = written(2, b);
	struct ini_error e;

	fake_gone(r->h, 1);
	rig_run(r, NS_PER_MS);
	for (unsigned i = 0; i < 5; i++)
		scan_once(r, 1, 12 * NS_PER_S);
	power_cut(r, 0, 100, 1);
	fake_started(r->h, 0);
	rig_run(r, 11 * NS_PER_S);
	scan_once(r, 1, 0);
	ck_assert(ini_group_read(r->ini, "g0", 100 * FAKE_BLOCK, FAKE_BLOCK, into, 7, &e));
	rig_run(r, NS_PER_S / 2);
	r->h->disk[1].scanning = false;
	fake_back(r->h, 1);
	ck_assert_int_eq(rig_reply(r, 7, LIMIT)->error.kind, INI_OK);
	ck_assert_mem_eq(into->data, b->data, FAKE_BLOCK);
	block_unref(b);
	block_unref(into);
	rig_free(r);
}
END_TEST

/* The target of a resync is started again before the sweep has begun: writes go to it by then. */
START_TEST(before_the_sweep)
{
	const lba_t blocks = 8 * BLOCKS, late = blocks - 10;
	struct rig *r = rig_new(2, blocks);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);

	rig_group(r, 2, true);
	fake_gone(r->h, 1);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	r->saves_held = true;
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	uint32_t id = rig_start(r, &s);
	rig_run(r, NS_PER_S);
	(void)rig_begin_write(r, late * FAKE_BLOCK, b);
	rig_run(r, NS_PER_S);
	power_cut(r, 1, late, 1);
	fake_started(r->h, 1);
	rig_run(r, NS_PER_S);
	r->saves_held = false;
	if (r->held_save)
		ini_saved(r->ini, r->held_save, 0);
	(void)rig_job(r, id, LIMIT);
	rig_run(r, 2 * LIMIT);
	ck_assert(!rig_in_sync(r, 1) ||
	          memcmp(r->h->disk[0].store, r->h->disk[1].store, blocks * FAKE_BLOCK) == 0);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* ... also if the daemon ends and starts while it is away, which hears of it only once. */
START_TEST(the_daemon_forgets)
{
	for (int again = 0; again < 2; again++) {
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct rig *r = written(2, b);

		fake_gone(r->h, 1);
		power_cut(r, 0, 100, 1);
		fake_started(r->h, 0);
		rig_run(r, NS_PER_S);
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
		if (again) {
			r->h->target[0].power_on = 0; /* to the new one it says I_T NEXUS LOSS */
			rig_restart(r);
		}
		rig_run(r, NS_PER_S);
		fake_back(r->h, 1);
		rig_run(r, 60 * NS_PER_S);
		ck_assert(has(r, 1, 100, b));
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* ... of a smaller image: behind that, nothing is copied again, and another one has what it lost.
 * If all were started again, they are made equal there, too. */
START_TEST(behind_a_smaller_image)
{
	for (unsigned both = 0; both < 2; both++) {
		struct block *b = rig_bytes(FAKE_BLOCK, 9);
		struct rig *r = rig_new(2, 8 * BLOCKS);
		const lba_t late = 8 * BLOCKS - 10;

		rig_group(r, 2, true);
		rig_write(r, late * FAKE_BLOCK, b, LIMIT, INI_OK);
		uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
		run_until(r, id, BLOCKS / 2);
		power_cut(r, 0, late, 1);
		fake_started(r->h, 0);
		if (both) {
			fake_gone(r->h, 1);
			rig_run(r, NS_PER_MS);
			fake_started(r->h, 1);
		}
		rig_run(r, LIMIT);
		if (!both) {
			ck_assert(!rig_in_sync(r, 0) && rig_in_sync(r, 1));
			(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
			ck_assert(has(r, 0, late, b));
		}
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
		ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store,
		                 (size_t)8 * BLOCKS * FAKE_BLOCK);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* A mirror job is cancelled when it has begun, so nobody is in sync; then the one that had lost
 * something is not the latest any more: the next one, smaller, does not make it so. */
START_TEST(after_a_mirror_that_was_cut_off)
{
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct rig *r = rig_new(2, 8 * BLOCKS);
	const lba_t late = 8 * BLOCKS - 10;
	struct ini_error e;

	rig_group(r, 2, true);
	rig_write(r, late * FAKE_BLOCK, b, LIMIT, INI_OK);
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	run_until(r, id, BLOCKS / 2);
	ck_assert(ini_job_cancel(r->ini, id, &e));
	rig_run(r, NS_PER_S);
	ck_assert(!rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	power_cut(r, 0, late, 1);
	fake_started(r->h, 0);
	rig_run(r, NS_PER_S);
	ck_assert(!rig_member(r, 0)->latest && rig_member(r, 1)->latest);
	(void)rig_mirror(r, BLOCKS * FAKE_BLOCK);
	rig_run(r, LIMIT);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert(has(r, 0, late, b) && has(r, 1, late, b));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* disk0, which has a bad block and comes in sync no more, was started again: what it has lost is
 * not given to disk1, which was, too, and is copied to once more. */
START_TEST(what_it_held_is_given_to_nobody)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);
	struct ini_error e;

	rig_group(r, 3, true);
	for (uint8_t i = 0; i < 3; i++)
		memset(r->h->disk[i].store, 0x5a, WHOLE);
	fake_gone(r->h, 0);
	fake_gone(r->h, 1);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 3, .blocks = 1});
	fake_back(r->h, 0);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	s.transfer = 8 * FAKE_BLOCK;
	s.window = 1;
	uint32_t id = rig_start(r, &s);
	while (ini_job_find(r->ini, id)->done < 16 * FAKE_BLOCK)
		rig_run(r, NS_PER_MS / 100);
	ck_assert(ini_job_pause(r->ini, id, &e));
	rig_run(r, NS_PER_S);
	for (uint8_t i = 0; i < 2; i++) {
		power_cut(r, i, 8, 8);
		fake_started(r->h, i);
	}
	rig_run(r, NS_PER_S);
	ck_assert(ini_job_resume(r->ini, id, &e));
	rig_concludes(r, id, LIMIT, JOB_PARTIAL);
	ck_assert(!rig_in_sync(r, 0) && rig_in_sync(r, 1) && rig_in_sync(r, 2));
	ck_assert_mem_eq(r->h->disk[1].store, r->h->disk[2].store, WHOLE);
	block_unref(b);
	rig_free(r);
}
END_TEST

TAP_MAIN("restart", in_the_middle_of_a_flush, after_a_mirror_that_was_cut_off,
         behind_a_smaller_image, what_it_held_is_given_to_nobody, the_daemon_forgets,
         the_source_of_a_resync, who_has_come_in_sync_is_read,
         what_is_compared_with_is_started_again, who_has_it_is_scanned_again, before_the_sweep,
         it_gets_what_it_lost, it_lost_nothing, it_is_seen_once, all_were_started_again,
         a_flush_tells_of_what_all_have_lost, a_flush_has_nothing_to_tell,
         a_flush_when_who_has_it_is_gone, a_flush_tells_of_what_is_lost_behind_an_image,
         the_one_that_has_it_comes_late, nobody_reads_what_it_lost, by_its_number,
         before_it_has_left, the_daemon_was_away, in_the_middle_of_a_mirror,
         in_the_middle_of_a_resync, copied_again_at_the_speed_limit, before_it_is_flushed,
         what_a_scrub_has_repaired, its_page_is_renewed, its_page_is_not_renewed,
         it_is_started_again_while_its_page_is_renewed, its_page_cannot_be_renewed,
         its_page_is_not_renewed_while_a_change_is_owed);
