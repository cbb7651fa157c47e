/* SPDX-License-Identifier: BSD-2-Clause */
/* Load jobs: where their writes go and what is in them, bounds, pause and cancel, members that
 * fail. */
#include "base/cursor.h"
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 1024
#define RUN    8 /* logical blocks of a write of 4096 bytes */
#define BYTES  (RUN * FAKE_BLOCK)
#define LIMIT  (300 * NS_PER_S)

static struct rig *three(void)
{
	struct rig *r = rig_new(3, BLOCKS);

	rig_group(r, 3, true);
	return r;
}

static struct ini_job_spec load(const struct rig *r, uint64_t writes, unsigned in_flight)
{
	struct ini_job_spec s = rig_spec(r, JOB_LOAD);

	s.load.writes = writes;
	s.load.seed = 11;
	s.window = in_flight;
	return s;
}

static const struct ini_job *run(struct rig *r, const struct ini_job_spec *s)
{
	return rig_job(r, rig_start(r, s), LIMIT);
}

static const uint8_t *store(const struct rig *r, unsigned id)
{
	return r->h->disk[id].store;
}

static bool equal(const struct rig *r, unsigned a, unsigned b)
{
	return memcmp(store(r, a), store(r, b), BLOCKS * FAKE_BLOCK) == 0;
}

static void assert_latencies(const struct ini_load *l)
{
	const struct ini_latency *t = &l->latency;

	ck_assert(t->min > 0 && t->min <= t->p50 && t->p50 <= t->p90 && t->p90 <= t->p99);
	ck_assert(t->p99 <= t->p99_9 && t->p99_9 <= t->max);
	ck_assert(t->min <= t->mean && t->mean <= t->max);
}

START_TEST(by_count)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 500, 16);
	uint32_t id = rig_start(r, &s);

	ck_assert_uint_eq(ini_job_find(r->ini, id)->total, 500 * BYTES);
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->load.writes, 500);
	ck_assert_uint_eq(j->done, 500 * BYTES);
	ck_assert_uint_eq(j->total, 500 * BYTES);
	ck_assert_uint_eq(j->passes[INI_SILENT], 500);
	ck_assert_uint_eq(j->resend_passes, 0);
	ck_assert_uint_eq(j->n_targets, 3);
	for (unsigned t = 0; t < 3; t++) {
		ck_assert_uint_eq(j->t[t].good, 500 * RUN);
		ck_assert_uint_eq(j->t[t].bad, 0);
		ck_assert(rig_in_sync(r, t));
		ck_assert_uint_eq(r->h->disk[t].flushes, 0);
	}
	ck_assert_uint_eq(r->h->in_flight_most, 16);
	ck_assert(equal(r, 0, 1) && equal(r, 0, 2));
	assert_latencies(&j->load);
	ck_assert_uint_ge(j->load.latency.min, r->h->latency_ns);
	ck_assert_uint_gt(j->load.ran_ns, 0);
	rig_free(r);
}
END_TEST

/* The last write that a place was given wins; its stamp says which it was. */
START_TEST(what_is_written_where)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 300, 1);

	ck_assert_int_eq(run(r, &s)->conclusion, JOB_SUCCESS);
	uint64_t number = 0, last[BLOCKS / RUN] = {0};
	for (unsigned i = 0; i < r->h->n_trace; i++) {
		const struct fake_pass *p = &r->h->trace[i];
		if (p->op != OP_WRITE_16)
			continue;
		ck_assert_uint_eq(p->blocks, RUN);
		ck_assert_uint_eq(p->lba % RUN, 0);
		ck_assert_uint_eq(p->ids, 7);
		last[p->lba / RUN] = ++number;
	}
	ck_assert_uint_eq(number, 300);
	unsigned touched = 0;
	for (lba_t lba = 0; lba < BLOCKS; lba++) {
		const uint8_t *p = store(r, 1) + lba * FAKE_BLOCK;
		ck_assert_uint_eq(get_be64(p), last[lba / RUN]);
		if (!last[lba / RUN])
			continue;
		ck_assert_uint_eq(get_be64(p + 8), lba);
		ck_assert_uint_eq(get_be64(p + 16), 11);
		touched++;
	}
	/* 128 places, 300 throws: most of them, and not all in a row. */
	ck_assert_uint_gt(touched, BLOCKS * 3 / 4);
	ck_assert(memcmp(store(r, 1) + 24, store(r, 1) + FAKE_BLOCK + 24, FAKE_BLOCK - 24) != 0);
	rig_free(r);
}
END_TEST

static uint8_t *content_after(uint64_t seed, unsigned in_flight, enum ini_pattern pattern)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 200, in_flight);
	uint8_t *copy = malloc(BLOCKS * FAKE_BLOCK);

	s.load.seed = seed;
	s.load.pattern = pattern;
	ck_assert_int_eq(run(r, &s)->conclusion, JOB_SUCCESS);
	ck_assert(equal(r, 0, 1) && equal(r, 0, 2));
	memcpy(copy, store(r, 0), BLOCKS * FAKE_BLOCK);
	rig_free(r);
	return copy;
}

START_TEST(a_seed_says_it_all)
{
	uint8_t *a = content_after(5, 16, INI_RANDOM), *b = content_after(5, 16, INI_RANDOM),
	        *c = content_after(6, 16, INI_RANDOM), *d = content_after(5, 1, INI_RANDOM);

	ck_assert(memcmp(a, b, BLOCKS * FAKE_BLOCK) == 0);
	/* Another seed is not only in the stamps: other places are written. */
	unsigned elsewhere = 0;
	for (lba_t lba = 0; lba < BLOCKS; lba += RUN)
		elsewhere += (get_be64(a + lba * FAKE_BLOCK) == 0) !=
		             (get_be64(c + lba * FAKE_BLOCK) == 0);
	ck_assert_uint_gt(elsewhere, 0);
	/* Writes of one place are done in their order, however many are in flight. */
	ck_assert(memcmp(a, d, BLOCKS * FAKE_BLOCK) == 0);
	free(a);
	free(b);
	free(c);
	free(d);
}
END_TEST

START_TEST(sequential)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, BLOCKS / RUN + 3, 1);

	s.load.pattern = INI_SEQUENTIAL;
	ck_assert_int_eq(run(r, &s)->conclusion, JOB_SUCCESS);
	lba_t next = 0;
	for (unsigned i = 0; i < r->h->n_trace; i++) {
		if (r->h->trace[i].op != OP_WRITE_16)
			continue;
		ck_assert_uint_eq(r->h->trace[i].lba, next);
		next = (next + RUN) % BLOCKS;
	}
	ck_assert_uint_eq(next, 3 * RUN);
	rig_free(r);
}
END_TEST

/* Two places for 16 writes in flight: whoever is second waits for the first. */
START_TEST(range_locks_are_honoured)
{
	struct rig *r = rig_new(2, 2 * RUN + 3);

	rig_group(r, 2, true);
	struct ini_job_spec s = load(r, 400, 16);
	const struct ini_job *j = run(r, &s);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	ck_assert_uint_eq(j->load.writes, 400);
	ck_assert_uint_eq(r->h->in_flight_most, 2);
	ck_assert(memcmp(store(r, 0), store(r, 1), (2 * RUN + 3) * FAKE_BLOCK) == 0);
	/* What is left behind the last place is not touched. */
	for (size_t i = 2 * BYTES; i < (2 * RUN + 3) * FAKE_BLOCK; i++)
		ck_assert_uint_eq(store(r, 0)[i], 0);
	/* Those that waited took longer than one that did not. */
	ck_assert_uint_gt(j->load.latency.p50, 4 * r->h->latency_ns);
	rig_free(r);
}
END_TEST

START_TEST(by_time)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 0, 4);

	s.load.for_ns = 20 * NS_PER_MS;
	uint32_t id = rig_start(r, &s);
	rig_run(r, 10 * NS_PER_MS);
	const struct ini_job *j = ini_job_find(r->ini, id);
	ck_assert_int_eq(j->state, JOB_RUNNING);
	ck_assert_uint_gt(j->done, 0);
	ck_assert_uint_le(j->done, j->total);
	ck_assert_uint_le(j->total - j->done, 4 * BYTES);
	rig_job(r, id, LIMIT);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	ck_assert_uint_eq(j->done, j->total);
	ck_assert_uint_eq(j->load.writes * BYTES, j->done);
	ck_assert_uint_ge(j->load.ran_ns, 20 * NS_PER_MS);
	ck_assert_uint_le(j->load.ran_ns, 21 * NS_PER_MS);
	/* 4 in flight, each of them a latency long. */
	ck_assert_uint_ge(j->load.writes, 4 * 20 * NS_PER_MS / r->h->latency_ns * 9 / 10);
	ck_assert_uint_le(j->load.writes, 4 * 20 * NS_PER_MS / r->h->latency_ns + 8);
	rig_free(r);
}
END_TEST

START_TEST(whichever_limit_comes_first)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 10, 4);

	s.load.for_ns = NS_PER_S;
	ck_assert_uint_eq(run(r, &s)->load.writes, 10);
	s = load(r, 1000000, 4);
	s.load.for_ns = 10 * NS_PER_MS;
	const struct ini_job *j = run(r, &s);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	ck_assert_uint_lt(j->load.writes, 1000);
	ck_assert_uint_eq(j->total, j->load.writes * BYTES);
	rig_free(r);
}
END_TEST

START_TEST(defaults)
{
	struct rig *r = three();
	struct ini_job_spec s = rig_spec(r, JOB_LOAD);

	r->h->latency_ns = 20 * NS_PER_MS; /* the trace has an end */
	const struct ini_job *j = run(r, &s);

	ck_assert_uint_eq(j->transfer, 4096);
	ck_assert_uint_eq(j->window, 32);
	ck_assert_uint_eq(j->load.spec.for_ns, 5 * NS_PER_S);
	ck_assert_uint_ge(j->load.ran_ns, 5 * NS_PER_S);
	ck_assert_uint_eq(r->h->in_flight_most, 32);
	rig_free(r);
}
END_TEST

START_TEST(pause_is_not_counted)
{
	struct rig *r = three();
	struct ini_error e;
	struct ini_job_spec s = load(r, 0, 8);

	s.load.for_ns = 50 * NS_PER_MS;
	uint32_t id = rig_start(r, &s);
	const struct ini_job *j = ini_job_find(r->ini, id);
	rig_run(r, 20 * NS_PER_MS);
	ck_assert(ini_job_pause(r->ini, id, &e));
	rig_run(r, 100 * NS_PER_S);
	ck_assert_int_eq(j->state, JOB_PAUSED);
	uint64_t writes = j->load.writes;
	ns_t ran = j->load.ran_ns;
	ck_assert_uint_gt(writes, 0);
	ck_assert_uint_lt(ran, 25 * NS_PER_MS);
	ck_assert_uint_eq(r->h->in_flight, 0);
	ck_assert(ini_job_resume(r->ini, id, &e));
	rig_job(r, id, LIMIT);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	ck_assert_uint_gt(j->load.writes, writes);
	ck_assert_uint_ge(j->load.ran_ns, 50 * NS_PER_MS);
	ck_assert_uint_lt(j->load.ran_ns, 51 * NS_PER_MS);
	ck_assert_uint_lt(j->load.latency.max, NS_PER_MS);
	rig_free(r);
}
END_TEST

START_TEST(cancelled_members_stay_in_sync_and_equal)
{
	struct rig *r = three();
	struct ini_error e;
	struct ini_job_spec s = load(r, 0, 16);

	s.load.for_ns = 100 * NS_PER_S;
	/* One member is to get some blocks once more when the job is cancelled. */
	fake_fault(r->h, 1,
	           (struct fake_fault){
	                   .kind = FAULT_STATUS, .status = SCSI_BUSY, .skip = 100, .times = 20});
	uint32_t id = rig_start(r, &s);
	const struct ini_job *j = ini_job_find(r->ini, id);
	while (j->load.writes < 90)
		rig_run(r, NS_PER_MS / 20);
	ck_assert(ini_job_cancel(r->ini, id, &e));
	rig_job(r, id, LIMIT);
	ck_assert_int_eq(j->conclusion, JOB_CANCELLED);
	ck_assert_uint_ge(j->load.writes, 90);
	ck_assert_uint_le(j->load.writes, 90 + 32);
	assert_latencies(&j->load);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(rig_in_sync(r, i) && equal(r, 0, i));
	rig_free(r);
}
END_TEST

START_TEST(a_failed_block_is_sent_again)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 300, 8);

	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_CRC, .skip = 20, .times = 3});
	const struct ini_job *j = run(r, &s);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	ck_assert_uint_ge(j->resend_passes, 1);
	ck_assert_uint_gt(j->t[1].resent, 0);
	ck_assert_uint_eq(j->t[0].resent, 0);
	ck_assert_uint_eq(j->t[1].good, 300 * RUN);
	ck_assert(rig_in_sync(r, 1) && equal(r, 0, 1) && equal(r, 0, 2));
	/* The time before the resend is in the latency of those writes. */
	ck_assert_uint_ge(j->load.latency.max, rig_config.resend_delay_ns);
	ck_assert_uint_lt(j->load.latency.p90, rig_config.resend_delay_ns);
	rig_free(r);
}
END_TEST

START_TEST(a_member_that_stays_bad_leaves)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 400, 8);

	fake_fault(
	        r->h, 2,
	        (struct fake_fault){.kind = FAULT_SENSE, .key = KEY_HARDWARE_ERROR, .skip = 100});
	const struct ini_job *j = run(r, &s);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	ck_assert_uint_eq(j->load.writes, 400);
	ck_assert_str_eq(j->error.member, "disk2");
	ck_assert_uint_eq(j->t[0].good, 400 * RUN);
	/* What it was not sent any more is bad, too. */
	ck_assert_uint_eq(j->t[2].good + j->t[2].bad, 400 * RUN);
	ck_assert_uint_ge(j->t[2].good, 92 * RUN);
	ck_assert_uint_le(j->t[2].good, 108 * RUN);
	ck_assert_uint_gt(j->t[2].n_runs, 0);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	ck_assert(equal(r, 0, 1) && !equal(r, 0, 2));
	unsigned after = 0;
	for (unsigned i = r->h->n_trace - 100; i < r->h->n_trace; i++)
		after += r->h->trace[i].ids >> 2 & 1;
	ck_assert_uint_eq(after, 0);
	rig_free(r);
}
END_TEST

START_TEST(a_member_that_goes_leaves)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 400, 8);
	uint32_t id = rig_start(r, &s);
	const struct ini_job *j = ini_job_find(r->ini, id);

	while (j->load.writes < 50)
		rig_run(r, NS_PER_MS / 20);
	fake_gone(r->h, 0);
	rig_job(r, id, LIMIT);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	ck_assert_uint_eq(j->load.writes, 400);
	ck_assert_uint_eq(j->t[0].good + j->t[0].bad, 400 * RUN);
	ck_assert(!rig_in_sync(r, 0) && rig_in_sync(r, 1) && rig_in_sync(r, 2));
	ck_assert(equal(r, 1, 2));
	rig_free(r);
}
END_TEST

/* It is told what of it is bad although no write of the job failed on it. */
START_TEST(a_member_that_somebody_else_made_stale_is_partial)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 400, 8);
	uint32_t id = rig_start(r, &s);
	const struct ini_job *j = ini_job_find(r->ini, id);

	while (j->load.writes < 50)
		rig_run(r, NS_PER_MS / 20);
	rig_bypass(r, 1);
	rig_job(r, id, LIMIT);
	ck_assert_int_eq(j->conclusion, JOB_PARTIAL);
	ck_assert_uint_eq(j->t[1].n_runs, 0);
	ck_assert_uint_gt(j->t[1].bad, 0);
	ck_assert_uint_eq(j->t[1].good + j->t[1].bad, 400 * RUN);
	ck_assert_ptr_nonnull(strstr(j->error.text, "disk1"));
	ck_assert(!rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

START_TEST(when_all_fail_the_job_fails)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 400, 8);

	for (uint8_t i = 0; i < 3; i++)
		fake_fault(r->h, i,
		           (struct fake_fault){
		                   .kind = FAULT_SENSE, .key = KEY_DATA_PROTECT, .skip = 50});
	const struct ini_job *j = run(r, &s);
	ck_assert_int_eq(j->conclusion, JOB_FAILED);
	ck_assert_int_eq(j->error.kind, INI_E_DEVICE);
	ck_assert(j->error.member[0] && j->error.has_sense);
	ck_assert_ptr_nonnull(strstr(j->error.text, "could not be written"));
	ck_assert_uint_lt(j->load.writes, 60);
	ck_assert(rig_in_sync(r, 0) || rig_in_sync(r, 1) || rig_in_sync(r, 2));
	rig_free(r);
}
END_TEST

START_TEST(a_client_may_write_meanwhile)
{
	struct rig *r = three();
	struct ini_error e;
	struct ini_job_spec s = load(r, 400, 8);
	uint32_t id = rig_start(r, &s);
	struct block *b = block_new(64 * FAKE_BLOCK);

	memset(b->data, 0x77, b->len);
	while (ini_job_find(r->ini, id)->load.writes < 50)
		rig_run(r, NS_PER_MS / 20);
	ck_assert(ini_group_write(r->ini, "g0", 0, (uint32_t)b->len, b, 5, &e));
	block_unref(b);
	ck_assert_int_eq(rig_reply(r, 5, NS_PER_S)->error.kind, INI_OK);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert(equal(r, 0, 1) && equal(r, 0, 2));
	rig_free(r);
}
END_TEST

START_TEST(it_waits_for_a_mirror_and_takes_its_members)
{
	struct rig *r = rig_new(3, BLOCKS);

	rig_group(r, 3, false);
	uint32_t a = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	struct ini_job_spec s = load(r, 100, 8);
	uint32_t b = rig_start(r, &s);
	rig_run(r, NS_PER_MS / 10);
	ck_assert_int_eq(ini_job_find(r->ini, b)->state, JOB_WAITING);
	rig_concludes(r, a, LIMIT, JOB_SUCCESS);
	const struct ini_job *j = rig_concludes(r, b, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->n_targets, 3);
	ck_assert_uint_eq(j->t[2].good, 100 * RUN);
	rig_free(r);
}
END_TEST

START_TEST(who_writes_else_waits_for_it)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 400, 8);
	uint32_t a = rig_start(r, &s), b = rig_mirror(r, BLOCKS * FAKE_BLOCK);

	s = rig_spec(r, JOB_VERIFY);
	uint32_t c = rig_start(r, &s);
	while (ini_job_find(r->ini, a)->load.writes < 50)
		rig_run(r, NS_PER_MS / 20);
	ck_assert_int_eq(ini_job_find(r->ini, b)->state, JOB_WAITING);
	rig_concludes(r, a, LIMIT, JOB_SUCCESS);
	rig_concludes(r, b, LIMIT, JOB_SUCCESS);
	ck_assert(rig_holds(r, 0) && rig_holds(r, 2));
	rig_concludes(r, c, LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

START_TEST(a_verification_waits_for_it)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 400, 8);
	uint32_t a = rig_start(r, &s);

	s = rig_spec(r, JOB_VERIFY);
	uint32_t b = rig_start(r, &s);
	while (ini_job_find(r->ini, a)->load.writes < 50)
		rig_run(r, NS_PER_MS / 20);
	ck_assert_int_eq(ini_job_find(r->ini, b)->state, JOB_WAITING);
	rig_concludes(r, b, LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

START_TEST(every_mode)
{
	static const enum ini_mode modes[] = {INI_SILENT, INI_CONVENTIONAL, INI_BROADCAST};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct rig *r = three();
		struct ini_job_spec s = load(r, 100, 8);
		s.mode = modes[i];
		const struct ini_job *j = run(r, &s);
		ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
		ck_assert_uint_eq(j->passes[modes[i]], modes[i] == INI_CONVENTIONAL ? 300 : 100);
		ck_assert(equal(r, 0, 1) && equal(r, 0, 2));
		rig_free(r);
	}
}
END_TEST

static void refused(struct rig *r, const struct ini_job_spec *s, enum ini_kind kind,
                    const char *says)
{
	struct ini_error e;

	ck_assert_uint_eq(ini_job_create(r->ini, s, &e), 0);
	ck_assert_str_eq(ini_kind_name(e.kind), ini_kind_name(kind));
	ck_assert_msg(strstr(e.text, says) != NULL, "%s", e.text);
	ck_assert_uint_eq(ini_jobs(r->ini), 0);
}

START_TEST(refusals)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 1, INI_LOAD_WINDOW_MAX + 1);

	refused(r, &s, INI_E_BAD_VALUE, "1 to 256 writes in flight");
	s = load(r, 1, 1);
	s.transfer = 700;
	refused(r, &s, INI_E_BAD_VALUE, "700 bytes is no multiple");
	s.transfer = 1U << 20;
	refused(r, &s, INI_E_BAD_VALUE, "larger than group g0");
	r->h->target[1].vpd.max_transfer = 2048;
	s.transfer = 4096;
	refused(r, &s, INI_E_BAD_VALUE, "at most 2048 at once");
	r->h->target[1].vpd.max_transfer = 1U << 20;
	s = load(r, INI_LOAD_WRITES_MAX + 1, 1);
	refused(r, &s, INI_E_BAD_VALUE, "ends after");
	s = load(r, 1, 1);
	s.load.for_ns = INI_LOAD_FOR_MAX + 1;
	refused(r, &s, INI_E_BAD_VALUE, "ends after");
	s = load(r, 1, 1);
	s.load.pattern = INI_PATTERNS;
	refused(r, &s, INI_E_BAD_VALUE, "pattern");
	s = load(r, 1, 1);
	s.has_image = true;
	s.image_size = 512;
	refused(r, &s, INI_E_BAD_VALUE, "takes no file");
	s = load(r, 1, 1);
	fake_gone(r->h, 2);
	rig_step(r);
	refused(r, &s, INI_E_MEMBER_MISSING, "disk2");
	rig_free(r);
	r = rig_new(2, BLOCKS);
	rig_group(r, 2, false);
	s = load(r, 1, 1);
	refused(r, &s, INI_E_UNSYNCED, "no member of group g0 is in sync");
	rig_free(r);
}
END_TEST

START_TEST(without_memory_it_fails)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 0, 8);
	uint32_t id = rig_start(r, &s);

	rig_run(r, NS_PER_MS);
	r->no_blocks = true;
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_FAILED);
	ck_assert_int_eq(j->error.kind, INI_E_IO);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(rig_in_sync(r, i) && equal(r, 0, i));
	rig_free(r);
}
END_TEST

START_TEST(a_speed_limit_is_kept)
{
	struct rig *r = three();
	struct ini_job_spec s = load(r, 0, 8);

	s.speed_limit = 100 * BYTES;
	s.load.for_ns = 2 * NS_PER_S;
	const struct ini_job *j = run(r, &s);
	ck_assert_uint_ge(j->load.writes, 198);
	ck_assert_uint_le(j->load.writes, 202);
	/* Each is alone: a latency is what one takes. */
	ck_assert_uint_lt(j->load.latency.max, 2 * r->h->latency_ns);
	rig_free(r);
}
END_TEST

/* Loads have more in work than there are ios; a mirror job of another group comes to its flush. */
START_TEST(a_flush_finds_an_io_beside_loads)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;
	uint32_t ids[2];

	for (uint8_t i = 0; i < 3; i++) {
		char name[] = "g0", disk[] = "disk0";
		const char *members[] = {disk};
		const uint8_t uuid[UUID_LEN] = {0xaa, (uint8_t)(i + 1)};
		name[1] = disk[4] = (char)('0' + i);
		rig_replies(r,
		            ini_group_create(r->ini, name, members, 1, INI_SILENT, true, uuid,
		                             100 + i, &e),
		            &e, 100 + i, LIMIT, INI_OK);
	}
	r->h->latency_ns = 20 * NS_PER_MS;
	uint32_t id = rig_mirror(r, 64 * FAKE_BLOCK);
	while (fake_count(r->h, OP_WRITE_16, 0) == 0)
		rig_run(r, NS_PER_MS);
	for (unsigned i = 0; i < 2; i++) {
		struct ini_job_spec s = {
		        .type = JOB_LOAD,
		        .window = INI_WINDOW_MAX,
		        .transfer = FAKE_BLOCK,
		        .load = {.for_ns = 5 * NS_PER_S, .pattern = INI_RANDOM, .seed = i}};
		snprintf(s.group, sizeof(s.group), "g%u", i + 1);
		ids[i] = rig_start(r, &s);
	}
	rig_concludes(r, id, NS_PER_S, JOB_SUCCESS);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(ini_job_find(r->ini, ids[i])->state, JOB_RUNNING);
		ck_assert(ini_job_cancel(r->ini, ids[i], &e));
	}
	rig_free(r);
}
END_TEST

TAP_MAIN("load_jobs", a_flush_finds_an_io_beside_loads, by_count, what_is_written_where,
         a_seed_says_it_all, sequential, range_locks_are_honoured, by_time,
         whichever_limit_comes_first, defaults, pause_is_not_counted,
         cancelled_members_stay_in_sync_and_equal, a_failed_block_is_sent_again,
         a_member_that_stays_bad_leaves, a_member_that_goes_leaves,
         a_member_that_somebody_else_made_stale_is_partial, when_all_fail_the_job_fails,
         a_client_may_write_meanwhile, it_waits_for_a_mirror_and_takes_its_members,
         who_writes_else_waits_for_it, a_verification_waits_for_it, every_mode, refusals,
         without_memory_it_fails, a_speed_limit_is_kept);
