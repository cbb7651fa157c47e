/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs that were not over when the daemon was killed: which of them go on, from where, when, and
 * what becomes of the others. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLOCKS 1024
#define RUN    64 /* blocks of a pass */
#define LIMIT  (300 * NS_PER_S)
#define WAIT   (10 * NS_PER_S)    /* bus_wait_ns */
#define SPEED  (RUN * FAKE_BLOCK) /* one pass a second */

static struct rig *mirrored(unsigned n)
{
	struct rig *r = rig_new(n, BLOCKS);

	rig_group(r, n, false);
	rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	rig_run(r, 20 * NS_PER_S); /* the log has let go */
	return r;
}

/* One that takes a second for each pass. */
static uint32_t slow(struct rig *r, enum ini_job_type type)
{
	struct ini_job_spec s = rig_spec(r, type);

	s.speed_limit = SPEED;
	return rig_start(r, &s);
}

static void spoil(struct rig *r, uint8_t id, lba_t lba, uint32_t blocks)
{
	for (uint32_t i = 0; i < blocks; i++)
		r->h->disk[id].store[(lba + i) * FAKE_BLOCK + 17] ^= 1;
}

static const struct ini_job *job(const struct rig *r, uint32_t id)
{
	const struct ini_job *j = ini_job_find(r->ini, id);

	ck_assert_ptr_nonnull(j);
	return j;
}

static void any_speed(struct rig *r, uint32_t id)
{
	struct ini_error e;

	ck_assert(ini_job_set_speed(r->ini, id, 0, &e));
}

/* The first block that was read or compared since so many lines of the trace. */
static lba_t first_since(const struct rig *r, unsigned from)
{
	lba_t first = BLOCKS;

	for (unsigned i = from; i < r->h->n_trace; i++)
		if (r->h->trace[i].lba < first && r->h->trace[i].blocks > 0)
			first = r->h->trace[i].lba;
	return first;
}

static void fails_with(const struct ini_job *j, enum ini_kind kind, const char *says)
{
	ck_assert_int_eq(j->state, JOB_CONCLUDED);
	ck_assert_int_eq(j->conclusion, JOB_FAILED);
	ck_assert_str_eq(ini_kind_name(j->error.kind), ini_kind_name(kind));
	ck_assert_msg(strstr(j->error.text, says) != NULL, "%s", j->error.text);
}

/* ---- from where ---- */

START_TEST(a_sweep_goes_on_near_where_it_was)
{
	static const enum ini_job_type type[] = {JOB_VERIFY, JOB_SCRUB};

	for (unsigned k = 0; k < 2; k++) {
		struct rig *r = mirrored(3);
		uint32_t id = slow(r, type[k]);
		rig_run(r, 10 * NS_PER_S + NS_PER_S / 2);
		ck_assert_uint_ge(job(r, id)->done, 10 * SPEED);
		uint64_t ran = job(r, id)->running_ns;
		unsigned before = r->h->n_trace;
		rig_restart(r);
		rig_run(r, NS_PER_S / 2);
		const struct ini_job *j = job(r, id);
		ck_assert_int_eq(j->state, JOB_RUNNING);
		ck_assert_uint_eq(j->speed_limit, SPEED);
		ck_assert_uint_ge(j->done, 6 * SPEED);
		ck_assert_uint_ge(j->running_ns, ran);
		any_speed(r, id);
		j = rig_concludes(r, id, LIMIT, JOB_SUCCESS);
		ck_assert_uint_ge(first_since(r, before), 6 * RUN);
		ck_assert_uint_le(first_since(r, before), 11 * RUN);
		ck_assert_uint_eq(j->done, j->total);
		for (unsigned t = 0; t < 3; t++)
			ck_assert_uint_eq(j->t[t].good, BLOCKS);
		rig_free(r);
	}
}
END_TEST

/* So that it is not written for each pass. */
START_TEST(how_far_it_is_is_taken_down_now_and_then)
{
	struct rig *r = mirrored(2);
	struct ini_job_spec s = rig_spec(r, JOB_VERIFY);
	unsigned times = 0;
	uint64_t last = 0;

	s.transfer = FAKE_BLOCK;
	s.speed_limit = 32 * FAKE_BLOCK; /* 32 passes a second */
	uint32_t id = rig_start(r, &s);
	for (unsigned i = 0; i < 3000; i++) {
		rig_run(r, 10 * NS_PER_MS);
		times += job(r, id)->kept.swept != last;
		last = job(r, id)->kept.swept;
	}
	ck_assert_uint_ge(times, 9);
	ck_assert_uint_le(times, 11);
	ck_assert_uint_ge(last, 800);
	rig_free(r);
}
END_TEST

/* What is in flight was not compared. */
START_TEST(what_is_in_flight_does_not_count)
{
	struct rig *r = mirrored(2);

	r->h->held = true;
	uint32_t id = rig_begin(r, JOB_VERIFY);
	rig_run(r, 4 * NS_PER_S);
	ck_assert_uint_gt(r->h->in_flight, 0);
	ck_assert_uint_eq(job(r, id)->kept.swept, 0);
	r->h->held = false;
	unsigned before = r->h->n_trace;
	rig_restart(r);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(first_since(r, before), 0);
	rig_free(r);
}
END_TEST

/* At a stop (and a pause) it is known to the block. */
START_TEST(a_daemon_that_was_ended_loses_nothing)
{
	struct rig *r = mirrored(2);
	uint32_t id = slow(r, JOB_VERIFY);

	rig_run(r, 5 * NS_PER_S + NS_PER_S / 2);
	ini_drain(r->ini);
	rig_run(r, NS_PER_S);
	ck_assert(ini_drained(r->ini));
	uint64_t done = job(r, id)->done;
	ck_assert_uint_eq(job(r, id)->kept.swept, done / FAKE_BLOCK);
	rig_restart(r);
	rig_run(r, NS_PER_MS);
	ck_assert_uint_ge(job(r, id)->done, done);
	any_speed(r, id);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

/* What a verify has found it finds again: nothing of it is behind the place that it goes on from.
 */
START_TEST(what_was_found_is_told)
{
	struct rig *r = mirrored(3);

	spoil(r, 1, 2 * RUN + 5, 3);
	spoil(r, 2, 8 * RUN, 1);
	uint32_t id = slow(r, JOB_VERIFY);
	rig_run(r, 10 * NS_PER_S);
	ck_assert_uint_eq(job(r, id)->differing, 4);
	ck_assert_uint_ge(job(r, id)->kept.swept, 2 * RUN);
	ck_assert_uint_le(job(r, id)->kept.swept, 2 * RUN + 5);
	for (unsigned i = 0; i < 2; i++) {
		rig_restart(r);
		rig_run(r, 10 * NS_PER_S);
	}
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_PARTIAL);
	ck_assert_uint_eq(j->differing, 4);
	ck_assert_uint_eq(j->t[1].bad, 3);
	ck_assert_uint_eq(j->t[1].n_runs, 1);
	ck_assert_uint_eq(j->t[1].runs[0].lba, 2 * RUN + 5);
	ck_assert_uint_eq(j->t[2].bad, 1);
	ck_assert_uint_eq(j->t[0].good, BLOCKS);
	rig_free(r);
}
END_TEST

/* What a scrub has repaired is good by now, and still told as repaired; what it could not is found
 * again, and told once. */
START_TEST(what_was_repaired_is_told)
{
	struct rig *r = mirrored(3);

	spoil(r, 1, 2 * RUN + 5, 3);
	for (unsigned i = 0; i < 3; i++)
		memset(r->h->disk[i].store + 6 * RUN * FAKE_BLOCK, (int)(0x50 + i), FAKE_BLOCK);
	spoil(r, 2, 15 * RUN, 1);
	uint32_t id = slow(r, JOB_SCRUB);
	rig_run(r, 14 * NS_PER_S); /* the log has let go: no recovery makes them equal */
	ck_assert_uint_eq(job(r, id)->t[1].repaired, 3);
	ck_assert_uint_ge(job(r, id)->kept.swept, 5 * RUN);
	ck_assert_uint_le(job(r, id)->kept.swept, 6 * RUN);
	rig_restart(r);
	rig_run(r, 2 * NS_PER_S);
	ck_assert_uint_eq(job(r, id)->t[1].repaired, 3);
	any_speed(r, id);
	const struct ini_job *j = rig_job(r, id, LIMIT);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	ck_assert_uint_eq(j->t[1].repaired, 3);
	ck_assert_uint_eq(j->t[1].bad, 1);
	ck_assert_uint_eq(j->t[2].repaired, 1);
	ck_assert_uint_eq(j->differing, 3 + 1 + 2);
	rig_free(r);
}
END_TEST

/* A scrub is of those in sync: one that is not any more, or is by now, was not compared. */
START_TEST(with_other_members_it_begins_anew)
{
	struct rig *r = mirrored(3);
	struct block *b = rig_bytes(FAKE_BLOCK, 3);
	uint32_t id = slow(r, JOB_SCRUB);

	rig_run(r, 8 * NS_PER_S);
	ck_assert_uint_ge(job(r, id)->kept.swept, 3 * RUN);
	fake_gone(r->h, 2);
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert(!rig_in_sync(r, 2));
	unsigned before = r->h->n_trace;
	rig_restart(r);
	fake_back(r->h, 2);
	rig_run(r, NS_PER_S);
	any_speed(r, id);
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(first_since(r, before), 0);
	ck_assert_uint_eq(j->n_targets, 2);
	ck_assert_uint_eq(j->t[0].good, BLOCKS);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* As many, and one of them another one. */
START_TEST(with_another_member_it_begins_anew)
{
	static struct ini_job saved; /* large */

	for (unsigned k = 0; k < 2; k++) {
		struct rig *r = mirrored(2);
		struct ini_error e;
		uint32_t id = slow(r, JOB_VERIFY);
		rig_run(r, 8 * NS_PER_S);
		saved = *job(r, id);
		ck_assert_uint_ge(saved.kept.swept, 3 * RUN);
		ck_assert(ini_job_cancel(r->ini, id, &e));
		rig_run(r, NS_PER_S);
		saved.id++;
		saved.t[1].uuid[0] ^= (uint8_t)k;
		rig_restart(r);
		ck_assert(ini_restore_job(r->ini, &saved, &e));
		rig_run(r, NS_PER_MS);
		ck_assert_uint_eq(job(r, saved.id)->kept.swept, k ? 0 : saved.kept.swept);
		any_speed(r, saved.id);
		rig_concludes(r, saved.id, LIMIT, JOB_SUCCESS);
		rig_free(r);
	}
}
END_TEST

/* ---- a resync ---- */

/* disk1 was added, so all of it is to be copied, and a slow resync is under way. */
static uint32_t resyncing(struct rig *r)
{
	rig_add(r, "disk1");
	rig_run(r, 20 * NS_PER_S);
	ck_assert(!rig_in_sync(r, 1));
	return slow(r, JOB_RESYNC);
}

/* One disk, and a second one that is not its member yet. */
static struct rig *alone(void)
{
	struct rig *r = rig_new(2, BLOCKS);

	rig_group(r, 1, false);
	rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	return r;
}

static bool equal(const struct rig *r)
{
	return memcmp(r->h->disk[0].store, r->h->disk[1].store, (size_t)BLOCKS * FAKE_BLOCK) == 0;
}

START_TEST(a_resync_goes_on)
{
	struct rig *r = alone();
	uint32_t id = resyncing(r);

	for (unsigned i = 0; i < 3; i++) {
		rig_run(r, 5 * NS_PER_S);
		ck_assert_int_eq(job(r, id)->state, JOB_RUNNING);
		ck_assert_uint_ge(job(r, id)->done, 4 * SPEED);
		ck_assert_uint_le(job(r, id)->done, job(r, id)->total);
		rig_restart(r);
		ck_assert_uint_eq(job(r, id)->speed_limit, SPEED);
	}
	ck_assert(!rig_in_sync(r, 1));
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->done, j->total);
	ck_assert(rig_in_sync(r, 1) && equal(r));
	rig_free(r);
}
END_TEST

/* Something was written beside it, so the daemon's own recovery comes first, in which who is stale
 * takes part, if the log has all that it lacks: then there is nothing left. */
START_TEST(a_resync_ends_when_a_recovery_has_done_it)
{
	struct rig *r = mirrored(2);
	struct block *b = rig_bytes(8 * RUN * FAKE_BLOCK, 3);

	fake_gone(r->h, 1);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_back(r->h, 1);
	rig_run(r, 20 * NS_PER_S);
	ck_assert(!rig_in_sync(r, 1));
	uint32_t id = slow(r, JOB_RESYNC);
	rig_run(r, 3 * NS_PER_S);
	rig_write(r, 0, b, LIMIT, INI_OK);
	rig_restart(r);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert(ini_job_at(r->ini, ini_jobs(r->ini) - 1)->recovery);
	ck_assert(rig_in_sync(r, 1) && equal(r));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* The first life had just ended with it. */
START_TEST(a_resync_without_work_succeeds_at_once)
{
	struct rig *r = alone();
	uint32_t id = resyncing(r);
	static struct ini_job saved; /* large */
	struct ini_error e;

	rig_run(r, 3 * NS_PER_S);
	saved = *job(r, id);
	any_speed(r, id);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	rig_run(r, 20 * NS_PER_S);
	saved.id++; /* jobs.json is of before */
	rig_restart(r);
	ck_assert_msg(ini_restore_job(r->ini, &saved, &e), "%s", e.text);
	const struct ini_job *j = rig_concludes(r, saved.id, NS_PER_S, JOB_SUCCESS);
	ck_assert_uint_eq(j->done, 0);
	ck_assert_uint_eq(j->total, 0);
	rig_free(r);
}
END_TEST

/* A write was in flight, too: what the daemon does by itself comes first. */
START_TEST(a_recovery_comes_first)
{
	struct rig *r = mirrored(3);
	struct block *b = rig_bytes(FAKE_BLOCK, 3);
	uint32_t id = slow(r, JOB_VERIFY);

	rig_run(r, 5 * NS_PER_S);
	rig_write(r, 0, b, LIMIT, INI_OK); /* its mark is in the log */
	rig_restart(r);
	rig_run(r, NS_PER_MS);
	const struct ini_job *recovery = ini_job_at(r->ini, ini_jobs(r->ini) - 1);
	ck_assert(recovery->recovery && recovery->id > id);
	while (job(r, recovery->id)->conclusion == JOB_NONE) {
		ck_assert_int_eq(job(r, id)->state, JOB_WAITING);
		rig_run(r, NS_PER_US * 100);
	}
	ck_assert_int_eq(job(r, recovery->id)->conclusion, JOB_SUCCESS);
	any_speed(r, id);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* One that was cut off is no job of a client: it is told as over, and another one does it. */
START_TEST(a_recovery_does_not_go_on_itself)
{
	struct rig *r = mirrored(3);
	struct block *b = rig_bytes(FAKE_BLOCK, 3);

	rig_write(r, 0, b, LIMIT, INI_OK);
	rig_restart(r);
	r->h->held = true;
	rig_run(r, NS_PER_MS);
	uint32_t id = ini_job_at(r->ini, ini_jobs(r->ini) - 1)->id;
	ck_assert(job(r, id)->recovery && job(r, id)->conclusion == JOB_NONE);
	r->h->held = false;
	rig_restart(r);
	fails_with(job(r, id), INI_E_SHUTDOWN, "by itself");
	rig_run(r, NS_PER_S);
	const struct ini_job *next = ini_job_at(r->ini, ini_jobs(r->ini) - 1);
	ck_assert(next->recovery && next->id != id && next->conclusion == JOB_SUCCESS);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* ---- what clients wanted ---- */

START_TEST(a_paused_job_stays_paused)
{
	struct ini_error e;

	for (unsigned k = 0; k < 4; k++) {
		struct rig *r = k / 2 ? alone() : mirrored(2);
		uint32_t id = k / 2 ? resyncing(r) : slow(r, JOB_VERIFY);
		if (k % 2) /* else before it has begun */
			rig_run(r, 5 * NS_PER_S);
		ck_assert(ini_job_pause(r->ini, id, &e));
		rig_run(r, k % 2 ? NS_PER_S : 0);
		for (unsigned i = 0; i < 2; i++) {
			rig_restart(r);
			rig_run(r, 200 * NS_PER_S);
			ck_assert_int_eq(job(r, id)->state, JOB_PAUSED);
		}
		rig_do(r, JOB_VERIFY, LIMIT,
		       k / 2 ? JOB_PARTIAL : JOB_SUCCESS); /* nobody waits for it */
		ck_assert(ini_job_resume(r->ini, id, &e));
		any_speed(r, id);
		rig_concludes(r, id, LIMIT, JOB_SUCCESS);
		rig_free(r);
	}
}
END_TEST

/* The answer was given; then the daemon was killed before the job had ended. */
START_TEST(a_cancelled_job_does_not_come_back)
{
	static const enum ini_job_type type[] = {JOB_VERIFY, JOB_MIRROR};
	struct ini_error e;

	for (unsigned k = 0; k < 2; k++) {
		struct rig *r = mirrored(2);
		uint32_t id = slow(r, type[k]);
		rig_run(r, 5 * NS_PER_S);
		r->h->held = true;
		rig_run(r, NS_PER_S);
		ck_assert(ini_job_cancel(r->ini, id, &e));
		ck_assert_int_eq(job(r, id)->conclusion, JOB_NONE);
		r->h->held = false;
		rig_restart(r);
		ck_assert_int_eq(job(r, id)->state, JOB_CONCLUDED);
		ck_assert_int_eq(job(r, id)->conclusion, JOB_CANCELLED);
		rig_free(r);
	}
}
END_TEST

START_TEST(one_that_waits_for_its_group_can_be_steered)
{
	struct rig *r = mirrored(2);
	uint32_t a = slow(r, JOB_VERIFY), b = slow(r, JOB_VERIFY);
	struct ini_error e;

	rig_run(r, 5 * NS_PER_S);
	fake_gone(r->h, 1);
	rig_restart(r);
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(job(r, a)->state, JOB_WAITING);
	ck_assert(ini_job_set_speed(r->ini, a, 0, &e));
	ck_assert(ini_job_pause(r->ini, a, &e));
	ck_assert(ini_job_cancel(r->ini, b, &e));
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(job(r, a)->state, JOB_PAUSED);
	ck_assert_int_eq(job(r, b)->conclusion, JOB_CANCELLED);
	fake_back(r->h, 1);
	ck_assert(ini_job_resume(r->ini, a, &e));
	rig_concludes(r, a, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(job(r, a)->speed_limit, 0);
	rig_free(r);
}
END_TEST

START_TEST(one_with_a_file_has_failed)
{
	struct ini_error e;

	for (unsigned k = 0; k < 4; k++) {
		struct rig *r = mirrored(2);
		struct ini_job_spec s = rig_spec(r, k == 0   ? JOB_MIRROR
		                                    : k == 1 ? JOB_READ
		                                    : k == 2 ? JOB_VERIFY
		                                             : JOB_LOAD);
		s.speed_limit = SPEED;
		if (k == 2) {
			s.has_image = true;
			s.image_size = BLOCKS * FAKE_BLOCK;
		}
		uint32_t id = rig_start(r, &s);
		rig_run(r, 3 * NS_PER_S);
		ck_assert_int_eq(job(r, id)->state, JOB_RUNNING);
		if (k == 1)
			ck_assert(ini_job_pause(r->ini, id, &e));
		rig_restart(r);
		fails_with(job(r, id), INI_E_SHUTDOWN, k == 3 ? "measured" : "file");
		ck_assert_ptr_nonnull(strstr(job(r, id)->error.text, "start the job again"));
		rig_run(r, 20 * NS_PER_S);
		fails_with(job(r, id), INI_E_SHUTDOWN, "restarted");
		rig_free(r);
	}
}
END_TEST

/* Where somebody keeps it open for the daemon: it begins anew, with what the image is now. */
START_TEST(one_whose_file_is_open_still_begins_anew)
{
	static const enum ini_job_type type[] = {JOB_MIRROR, JOB_READ, JOB_VERIFY};

	for (unsigned k = 0; k < ARRAY_LEN(type); k++) {
		struct rig *r = mirrored(2);
		struct ini_job_spec s = rig_spec(r, type[k]);

		s.speed_limit = SPEED;
		s.has_image = true;
		s.image = 77;
		s.image_size = BLOCKS * FAKE_BLOCK;
		r->files_kept = true;
		uint32_t id = rig_start(r, &s);
		rig_run(r, 5 * NS_PER_S);
		unsigned closes = r->closes;
		if (type[k] == JOB_MIRROR)
			rig_image(r, BLOCKS / 2 * FAKE_BLOCK, 99);
		unsigned from = r->h->n_trace;
		rig_restart(r);
		rig_run(r, 5 * NS_PER_S);
		ck_assert_int_eq(job(r, id)->state, JOB_RUNNING);
		ck_assert_uint_eq(job(r, id)->speed_limit, SPEED);
		ck_assert_uint_eq(first_since(r, from), 0);
		any_speed(r, id);
		rig_concludes(r, id, LIMIT, JOB_SUCCESS);
		ck_assert_uint_eq(job(r, id)->total, r->image_len);
		ck_assert_uint_eq(r->closes, closes + 1);
		for (uint8_t i = 0; i < 2; i++)
			ck_assert(rig_in_sync(r, i) && rig_holds(r, i));
		if (type[k] == JOB_READ)
			ck_assert_mem_eq(r->file, r->image, BLOCKS * FAKE_BLOCK);
		rig_free(r);
	}
}
END_TEST

/* It is cancelled before (0), or while it waits (1); its group is gone (2), or somebody else's (3).
 */
START_TEST(what_is_open_for_nothing_is_given_back)
{
	struct ini_error e;

	for (unsigned why = 0; why < 4; why++) {
		struct rig *r = mirrored(2);
		uint32_t id = slow(r, JOB_MIRROR);

		r->files_kept = true;
		rig_run(r, 5 * NS_PER_S);
		r->h->held = true;
		rig_run(r, NS_PER_S);
		unsigned closes = r->closes;
		if (why == 0)
			ck_assert(ini_job_cancel(r->ini, id, &e));
		r->h->held = false;
		if (why == 1)
			fake_gone(r->h, 1);
		if (why == 2)
			r->saved[0].uuid[0] ^= 1;
		if (why == 3)
			memcpy(r->saved[0].lost_to, r->h->other_uuid, UUID_LEN);
		ck_assert_uint_eq(r->closes, closes);
		rig_restart(r);
		if (why == 1) {
			ck_assert_int_eq(job(r, id)->state, JOB_WAITING);
			ck_assert_uint_eq(r->closes, closes);
			ck_assert(ini_job_cancel(r->ini, id, &e));
		}
		rig_run(r, NS_PER_S);
		ck_assert_int_eq(job(r, id)->conclusion, why < 2 ? JOB_CANCELLED : JOB_FAILED);
		ck_assert_uint_eq(r->closes, closes + 1);
		rig_free(r);
	}
}
END_TEST

START_TEST(one_that_is_over_stays_so)
{
	struct rig *r = mirrored(2);
	const struct ini_job *j = rig_do(r, JOB_VERIFY, LIMIT, JOB_SUCCESS);
	uint32_t id = j->id;
	ns_t took = j->ended_ns - j->started_ns;
	struct ini_error e;

	rig_restart(r);
	ck_assert_int_eq(job(r, id)->conclusion, JOB_SUCCESS);
	ck_assert(took > 0 && job(r, id)->ended_ns - job(r, id)->started_ns == took);
	ck_assert(ini_job_dismiss(r->ini, id, &e));
	rig_restart(r);
	ck_assert_int_eq(job(r, id)->state, JOB_DISMISSED);
	rig_free(r);
}
END_TEST

/* ---- when it cannot ---- */

START_TEST(it_waits_for_its_members_and_goes_on_with_those_that_come)
{
	struct rig *r = mirrored(3);
	uint32_t id = slow(r, JOB_SCRUB);

	rig_run(r, 5 * NS_PER_S);
	fake_gone(r->h, 2);
	rig_restart(r);
	rig_run(r, WAIT - NS_PER_MS);
	ck_assert_int_eq(job(r, id)->state, JOB_WAITING);
	ck_assert_uint_eq(job(r, id)->n_targets, 3);
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(job(r, id)->state, JOB_RUNNING);
	any_speed(r, id);
	rig_concludes(r, id, LIMIT, JOB_PARTIAL);
	rig_free(r);
}
END_TEST

START_TEST(it_fails_when_nobody_comes)
{
	for (unsigned k = 0; k < 2; k++) {
		struct rig *r = mirrored(2);
		uint32_t id = slow(r, JOB_VERIFY);
		rig_run(r, 5 * NS_PER_S);
		if (k)
			fake_bus_down(r->h);
		fake_gone(r->h, 0);
		fake_gone(r->h, 1);
		rig_restart(r);
		rig_run(r, 6 * WAIT - NS_PER_S);
		ck_assert_int_eq(job(r, id)->state, JOB_WAITING);
		rig_run(r, 2 * NS_PER_S);
		fails_with(job(r, id), k ? INI_E_BUS_DOWN : INI_E_MEMBER_MISSING, "restarted");
		ck_assert_ptr_nonnull(
		        strstr(job(r, id)->error.text, k ? "no bus server" : "disk0 of group g0"));
		rig_free(r);
	}
}
END_TEST

START_TEST(a_late_member_is_not_too_late)
{
	struct rig *r = mirrored(2);
	uint32_t id = slow(r, JOB_VERIFY);

	rig_run(r, 5 * NS_PER_S);
	fake_gone(r->h, 0);
	fake_gone(r->h, 1);
	rig_restart(r);
	rig_run(r, 3 * WAIT);
	ck_assert_int_eq(job(r, id)->state, JOB_WAITING);
	fake_back(r->h, 0);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(job(r, id)->state, JOB_RUNNING);
	any_speed(r, id);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

START_TEST(it_fails_when_its_group_is_gone)
{
	struct rig *r = mirrored(2);
	uint32_t id = slow(r, JOB_VERIFY);

	rig_run(r, 5 * NS_PER_S);
	r->saved[0].uuid[0] ^= 1; /* another one of this name */
	rig_restart(r);
	fails_with(job(r, id), INI_E_NO_SUCH_GROUP, "another one");
	rig_free(r);
	r = mirrored(2);
	id = slow(r, JOB_VERIFY);
	rig_run(r, 5 * NS_PER_S);
	rig_lose_state(r);
	fails_with(job(r, id), INI_E_NO_SUCH_GROUP, "not there any more");
	rig_free(r);
}
END_TEST

START_TEST(it_fails_when_its_group_is_anothers)
{
	struct ini_error e;

	for (unsigned k = 0; k < 2; k++) {
		struct rig *r = mirrored(2);
		uint32_t id = slow(r, JOB_VERIFY);
		rig_run(r, 5 * NS_PER_S);
		if (k)
			ck_assert(ini_job_pause(r->ini, id, &e));
		fake_other(r->h, "other");
		for (uint8_t i = 0; i < 2; i++) {
			struct mode_mirror *m = &r->h->target[i].member;
			m->term = (uint16_t)(m->term + 1);
			memcpy(m->owner, r->h->other_uuid, UUID_LEN);
		}
		rig_restart(r);
		for (uint8_t i = 0; i < 2; i++)
			fake_back(r->h, i);
		rig_run(r, NS_PER_S);
		fails_with(job(r, id), INI_E_BUSY, "other");
		rig_free(r);
	}
}
END_TEST

/* While it waits for its group others do as they like; then it stands in line. */
START_TEST(there_are_no_two_writers)
{
	struct rig *r = alone();
	uint32_t id = resyncing(r);
	struct ini_job_spec s;

	rig_run(r, 2 * NS_PER_S);
	fake_gone(r->h, 1);
	rig_restart(r);
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(job(r, id)->state, JOB_WAITING);
	s = rig_spec(r, JOB_SCRUB);
	s.speed_limit = SPEED;
	uint32_t other = rig_start(r, &s);
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(job(r, other)->state, JOB_RUNNING);
	fake_back(r->h, 1);
	while (job(r, other)->conclusion == JOB_NONE) {
		ck_assert_int_eq(job(r, id)->state, JOB_WAITING);
		rig_run(r, 100 * NS_PER_MS);
	}
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(r, 1) && equal(r));
	rig_free(r);
}
END_TEST

/* ---- its number ---- */

START_TEST(no_number_is_given_that_may_be_given_again)
{
	struct rig *r = mirrored(2);

	ck_assert_uint_eq(ini_saved_jobs(r->ini), ini_next_job(r->ini));
	r->save_err = ENOSPC;
	uint32_t id = rig_begin(r, JOB_VERIFY);
	fails_with(rig_job(r, id, NS_PER_S), INI_E_STATE_DIR, "the number of job");
	ck_assert_uint_eq(ini_saved_jobs(r->ini), id);
	r->save_err = 0;
	rig_do(r, JOB_VERIFY, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(ini_saved_jobs(r->ini), id + 2);
	rig_free(r);
}
END_TEST

static uint32_t of_file(struct rig *r, enum ini_job_type type)
{
	struct ini_job_spec s = rig_spec(r, type);

	s.speed_limit = SPEED;
	s.has_image = true;
	s.image = 77;
	s.image_size = BLOCKS * FAKE_BLOCK;
	return rig_start(r, &s);
}

/* What stood behind another one of its group does so after the restart, too: where one of the two
 * writes, and also while the first one is paused, or its members are late. */
START_TEST(those_that_are_left_keep_their_order)
{
	static const enum ini_job_type behind[] = {JOB_READ, JOB_MIRROR, JOB_VERIFY, JOB_READ};
	struct ini_error e;

	for (unsigned k = 0; k < ARRAY_LEN(behind); k++) {
		bool paused = k == 1 || k == 3;
		struct rig *r = mirrored(2);
		rig_image(r, BLOCKS * FAKE_BLOCK, 5);
		r->files_kept = true;
		uint32_t first = of_file(r, JOB_MIRROR);
		rig_run(r, 3 * NS_PER_S);
		uint32_t second = of_file(r, behind[k]);
		if (paused)
			ck_assert(ini_job_pause(r->ini, first, &e));
		rig_run(r, NS_PER_S);
		if (!paused)
			fake_gone(r->h, 1);
		rig_restart(r);
		rig_run(r, 15 * NS_PER_S);
		ck_assert_int_eq(job(r, second)->state, JOB_WAITING);
		if (paused)
			ck_assert(ini_job_resume(r->ini, first, &e));
		else
			fake_back(r->h, 1);
		any_speed(r, first);
		any_speed(r, second);
		rig_concludes(r, first, LIMIT, JOB_SUCCESS);
		ck_assert_int_eq(job(r, second)->conclusion, JOB_NONE);
		rig_concludes(r, second, LIMIT, JOB_SUCCESS);
		rig_free(r);
	}
}
END_TEST

/* Of a group that is not in order the one to read from is late. */
START_TEST(it_waits_for_one_to_read_from)
{
	struct rig *r = alone();
	uint32_t id = resyncing(r);

	rig_run(r, 3 * NS_PER_S);
	fake_gone(r->h, 0);
	rig_restart(r);
	any_speed(r, id);
	rig_run(r, 25 * NS_PER_S);
	ck_assert_int_eq(job(r, id)->state, JOB_WAITING);
	fake_back(r->h, 0);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

START_TEST(it_fails_when_nobody_to_read_from_comes)
{
	struct rig *r = alone();
	uint32_t id = resyncing(r);

	rig_run(r, 3 * NS_PER_S);
	fake_gone(r->h, 0);
	rig_restart(r);
	rig_run(r, 59 * NS_PER_S);
	ck_assert_int_eq(job(r, id)->state, JOB_WAITING);
	rig_run(r, 2 * NS_PER_S);
	fails_with(job(r, id), INI_E_MEMBER_MISSING,
	           "no member of group g0 that is in sync is here");
	rig_free(r);
}
END_TEST

/* Its members are scanned one after the other; what a kill has torn is made good before. */
START_TEST(the_time_counts_from_when_the_bus_is_there)
{
	for (unsigned k = 0; k < 2; k++) {
		struct rig *r = mirrored(2);
		struct block *b = rig_bytes(FAKE_BLOCK, 3);
		uint32_t id = slow(r, k ? JOB_VERIFY : JOB_SCRUB);
		rig_run(r, 2 * NS_PER_S);
		rig_write(r, 900 * FAKE_BLOCK, b, LIMIT, INI_OK);
		spoil(r, 1, 900, 1);
		fake_bus_down(r->h);
		fake_gone(r->h, 0);
		fake_gone(r->h, 1);
		rig_restart(r);
		rig_run(r, 15 * NS_PER_S);
		r->h->up = true;
		fake_back(r->h, 0);
		rig_run(r, 2 * NS_PER_S);
		ck_assert_int_eq(job(r, id)->state, JOB_WAITING);
		fake_back(r->h, 1);
		rig_run(r, NS_PER_MS);
		any_speed(r, id);
		rig_concludes(r, id, LIMIT, JOB_SUCCESS);
		ck_assert(rig_in_sync(r, 1));
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/* By whoever has edited the file. */
START_TEST(one_that_cannot_go_on_fails)
{
	static struct ini_job saved; /* large */
	struct rig *r = mirrored(2);
	struct ini_error e;
	uint32_t id = slow(r, JOB_VERIFY);

	rig_run(r, 3 * NS_PER_S);
	saved = *job(r, id);
	saved.id = 99;
	saved.type = JOB_MIRROR;
	rig_restart(r);
	ck_assert(ini_restore_job(r->ini, &saved, &e));
	fails_with(job(r, 99), INI_E_SHUTDOWN, "makes no sense");
	ini_check(r->ini);
	rig_free(r);
}
END_TEST

TAP_MAIN("resume", those_that_are_left_keep_their_order, it_waits_for_one_to_read_from,
         it_fails_when_nobody_to_read_from_comes, the_time_counts_from_when_the_bus_is_there,
         one_that_cannot_go_on_fails, a_sweep_goes_on_near_where_it_was,
         how_far_it_is_is_taken_down_now_and_then, what_is_in_flight_does_not_count,
         a_daemon_that_was_ended_loses_nothing, what_was_found_is_told, what_was_repaired_is_told,
         with_other_members_it_begins_anew, with_another_member_it_begins_anew, a_resync_goes_on,
         a_resync_ends_when_a_recovery_has_done_it, a_resync_without_work_succeeds_at_once,
         a_recovery_comes_first, a_recovery_does_not_go_on_itself, a_paused_job_stays_paused,
         a_cancelled_job_does_not_come_back, one_that_waits_for_its_group_can_be_steered,
         one_with_a_file_has_failed, one_whose_file_is_open_still_begins_anew,
         what_is_open_for_nothing_is_given_back, one_that_is_over_stays_so,
         it_waits_for_its_members_and_goes_on_with_those_that_come, it_fails_when_nobody_comes,
         a_late_member_is_not_too_late, it_fails_when_its_group_is_gone,
         it_fails_when_its_group_is_anothers, there_are_no_two_writers,
         no_number_is_given_that_may_be_given_again);
