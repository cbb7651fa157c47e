/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs: refusals, waiting, pause, cancel, speed, time, waiting for them, draining, history. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)

static struct rig *three(void)
{
	struct rig *r = rig_new(3, BLOCKS);

	rig_group(r, 3, false);
	return r;
}

static void refused(struct rig *r, const struct ini_job_spec *s, enum ini_kind kind,
                    const char *member)
{
	struct ini_error e;
	unsigned jobs = ini_jobs(r->ini);

	ck_assert_uint_eq(ini_job_create(r->ini, s, &e), 0);
	ck_assert_str_eq(ini_kind_name(e.kind), ini_kind_name(kind));
	ck_assert_str_eq(e.member, member);
	ck_assert(e.text[0]);
	ck_assert_uint_eq(ini_jobs(r->ini), jobs);
}

START_TEST(refusals)
{
	struct rig *r = three();
	rig_image(r, BLOCKS * FAKE_BLOCK, 1);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);

	s.image_size = BLOCKS * FAKE_BLOCK + 1;
	refused(r, &s, INI_E_IMAGE_TOO_LARGE, "");
	s.image_size = UINT64_MAX;
	refused(r, &s, INI_E_IMAGE_TOO_LARGE, "");
	s.image_size = 0;
	refused(r, &s, INI_E_IMAGE_EMPTY, "");
	s = rig_spec(r, JOB_MIRROR);
	s.has_image = false;
	refused(r, &s, INI_E_BAD_VALUE, "");
	s = rig_spec(r, JOB_MIRROR);
	s.mode = INI_BROADCAST;
	r->h->target[1].vpd.broadcast = false;
	refused(r, &s, INI_E_UNSUPPORTED, "disk1");
	r->h->target[1].vpd.broadcast = true;
	r->h->target[2].xfer.offset--;
	refused(r, &s, INI_E_UNSUPPORTED, "disk0");
	r->h->target[2].xfer = XFER_ULTRA160;
	s = rig_spec(r, JOB_MIRROR);
	s.window = INI_WINDOW_MAX + 1;
	refused(r, &s, INI_E_BAD_VALUE, "");
	s = rig_spec(r, JOB_MIRROR);
	s.transfer = INI_BLOCK_MAX + 1;
	refused(r, &s, INI_E_BAD_VALUE, "");
	s = rig_spec(r, JOB_MIRROR);
	snprintf(s.group, sizeof(s.group), "g9");
	refused(r, &s, INI_E_NO_SUCH_GROUP, "");
	s = rig_spec(r, JOB_READ);
	refused(r, &s, INI_E_UNSYNCED, "");
	s = rig_spec(r, JOB_RESYNC);
	refused(r, &s, INI_E_UNSYNCED, "");
	s = rig_spec(r, JOB_VERIFY);
	refused(r, &s, INI_E_UNSYNCED, "");
	fake_gone(r->h, 1);
	rig_step(r);
	s = rig_spec(r, JOB_MIRROR);
	refused(r, &s, INI_E_MEMBER_MISSING, "disk1");
	fake_bus_down(r->h);
	rig_step(r);
	refused(r, &s, INI_E_BUS_DOWN, "");
	struct ini_error e;
	ck_assert(!ini_job_pause(r->ini, 5, &e) && e.kind == INI_E_NO_SUCH_JOB);
	ck_assert(!ini_job_wait(r->ini, 5, 1, &e) && e.kind == INI_E_NO_SUCH_JOB);
	rig_free(r);
}
END_TEST

START_TEST(writing_jobs_wait_for_each_other)
{
	struct rig *r = three();
	uint32_t a = rig_mirror(r, 900 * FAKE_BLOCK);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);
	uint32_t b = rig_start(r, &s);
	s = rig_spec(r, JOB_VERIFY);
	uint32_t c = rig_start(r, &s);

	rig_run(r, NS_PER_MS / 10);
	ck_assert_int_eq(ini_job_find(r->ini, a)->state, JOB_RUNNING);
	ck_assert_int_eq(ini_job_find(r->ini, b)->state, JOB_WAITING);
	ck_assert_int_eq(ini_job_find(r->ini, c)->state, JOB_WAITING);
	ck_assert_uint_eq(ini_job_find(r->ini, b)->total, 900 * FAKE_BLOCK);
	rig_job(r, a, LIMIT);
	ck_assert_int_eq(ini_job_find(r->ini, b)->state, JOB_RUNNING);
	ck_assert_int_eq(ini_job_find(r->ini, c)->state, JOB_WAITING);
	rig_concludes(r, b, LIMIT, JOB_SUCCESS);
	rig_concludes(r, c, LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

START_TEST(two_groups_do_not_wait)
{
	static const uint8_t uuid[UUID_LEN] = {0xbb};
	struct rig *r = rig_new(4, BLOCKS);
	struct ini_error e;

	rig_group(r, 2, false);
	ck_assert(ini_group_create(r->ini, "g1", (const char *const[]){"disk2", "disk3"}, 2,
	                           INI_CONVENTIONAL, false, uuid, 7, &e));
	rig_reply(r, 7, NS_PER_S);
	uint32_t a = rig_mirror(r, 900 * FAKE_BLOCK);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);
	snprintf(s.group, sizeof(s.group), "g1");
	uint32_t b = rig_start(r, &s);
	rig_run(r, NS_PER_MS / 10);
	ck_assert_int_eq(ini_job_find(r->ini, a)->state, JOB_RUNNING);
	ck_assert_int_eq(ini_job_find(r->ini, b)->state, JOB_RUNNING);
	rig_concludes(r, a, LIMIT, JOB_SUCCESS);
	rig_concludes(r, b, LIMIT, JOB_SUCCESS);
	for (unsigned i = 0; i < 4; i++)
		ck_assert(rig_holds(r, (uint8_t)i));
	rig_free(r);
}
END_TEST

START_TEST(cancel_in_mid_job)
{
	struct rig *r = three();
	struct ini_error e;
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);

	while (ini_job_find(r->ini, id)->done == 0)
		rig_run(r, NS_PER_MS / 20);
	ck_assert(ini_job_wait(r->ini, id, 5, &e));
	r->h->held = true;
	ck_assert(ini_job_cancel(r->ini, id, &e));
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(ini_job_find(r->ini, id)->state, JOB_RUNNING); /* passes are in flight */
	unsigned passes = r->h->n_trace;
	r->h->held = false;
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_CANCELLED);
	ck_assert_uint_eq(r->h->n_trace, passes);
	ck_assert_uint_lt(j->done, j->total);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(!rig_in_sync(r, i));
	ck_assert_int_eq(rig_reply(r, 5, NS_PER_S)->error.kind, INI_OK);
	ck_assert(!ini_job_cancel(r->ini, id, &e) && e.kind == INI_E_BAD_STATE);
	ck_assert_uint_eq(r->closes, 1);
	rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

START_TEST(cancel_while_a_resend_waits)
{
	struct rig *r = three();
	struct ini_error e;

	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_STATUS, .status = SCSI_BUSY});
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	rig_run(r, NS_PER_S);
	ck_assert(ini_job_cancel(r->ini, id, &e));
	ns_t start = r->now;
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_CANCELLED);
	ck_assert_uint_lt(r->now - start, NS_PER_S);
	ck_assert_uint_eq(j->t[1].bad, 0); /* what was not tried to its end is not said to be bad */
	rig_free(r);
}
END_TEST

START_TEST(a_waiting_job_is_cancelled_at_once)
{
	struct rig *r = three();
	struct ini_error e;
	uint32_t a = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);
	uint32_t b = rig_start(r, &s);

	rig_run(r, NS_PER_MS / 10);
	ck_assert(ini_job_cancel(r->ini, b, &e));
	rig_step(r);
	ck_assert_int_eq(ini_job_find(r->ini, b)->conclusion, JOB_CANCELLED);
	ck_assert_int_eq(ini_job_find(r->ini, a)->state, JOB_RUNNING);
	rig_concludes(r, a, LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(r, 0));
	rig_free(r);
}
END_TEST

START_TEST(pause_and_resume)
{
	struct rig *r = three();
	struct ini_error e;
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	const struct ini_job *j = ini_job_find(r->ini, id);

	while (j->done == 0)
		rig_run(r, NS_PER_MS / 20);
	ck_assert(!ini_job_resume(r->ini, id, &e) && e.kind == INI_E_BAD_STATE);
	ck_assert(ini_job_pause(r->ini, id, &e));
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(j->state, JOB_PAUSED);
	uint64_t done = j->done;
	ns_t running = j->running_ns;
	ck_assert_uint_lt(done, j->total);
	rig_run(r, 100 * NS_PER_S);
	ck_assert_uint_eq(j->done, done);
	ck_assert(j->running_ns - running < NS_PER_MS);
	ck_assert(!j->stalled);
	ck_assert_uint_eq(r->h->in_flight, 0);
	ck_assert(ini_job_resume(r->ini, id, &e));
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_lt(j->running_ns, NS_PER_S);
	ck_assert(rig_holds(r, 2));
	rig_free(r);
}
END_TEST

START_TEST(a_waiting_job_can_be_paused)
{
	struct rig *r = three();
	struct ini_error e;
	uint32_t a = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);
	uint32_t b = rig_start(r, &s);

	ck_assert(ini_job_pause(r->ini, b, &e));
	rig_job(r, a, LIMIT);
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(ini_job_find(r->ini, b)->state, JOB_PAUSED);
	ck_assert(rig_in_sync(r, 0));
	ck_assert(ini_job_resume(r->ini, b, &e));
	rig_concludes(r, b, LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

START_TEST(the_speed_limit_is_kept)
{
	struct rig *r = three();
	struct ini_error e;
	rig_image(r, BLOCKS * FAKE_BLOCK, 1);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);

	s.speed_limit = 64 * FAKE_BLOCK; /* a run a second: 16 s */
	uint32_t id = rig_start(r, &s);
	rig_run(r, 8 * NS_PER_S);
	const struct ini_job *j = ini_job_find(r->ini, id);
	ck_assert_uint_ge(j->done, 7 * s.speed_limit);
	ck_assert_uint_le(j->done, 9 * s.speed_limit);
	ck_assert_uint_ge(j->rate, s.speed_limit * 7 / 10);
	ck_assert_uint_le(j->rate, s.speed_limit * 13 / 10);
	ck_assert_uint_ge(j->running_ns, 8 * NS_PER_S - NS_PER_MS);
	ck_assert_uint_le(j->running_ns, 8 * NS_PER_S);
	ck_assert(!j->stalled);
	ck_assert(ini_job_set_speed(r->ini, id, 0, &e));
	ns_t start = r->now;
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_lt(r->now - start, NS_PER_S);
	rig_free(r);
}
END_TEST

START_TEST(without_progress_it_says_so)
{
	struct rig *r = three();
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);

	r->h->held = false;
	while (ini_job_find(r->ini, id)->done == 0)
		rig_run(r, NS_PER_MS / 20);
	r->h->held = true;
	rig_run(r, 4 * NS_PER_S);
	ck_assert(!ini_job_find(r->ini, id)->stalled);
	rig_run(r, 3 * NS_PER_S);
	ck_assert(ini_job_find(r->ini, id)->stalled);
	ck_assert_uint_eq(ini_job_find(r->ini, id)->rate, 0);
	r->h->held = false;
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert(!ini_job_find(r->ini, id)->stalled);
	rig_free(r);
}
END_TEST

START_TEST(waiting_for_a_job)
{
	struct rig *r = three();
	struct ini_error e;
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);

	ck_assert(ini_job_wait(r->ini, id, 1, &e));
	ck_assert(ini_job_wait(r->ini, id, 2, &e));
	ini_forget(r->ini, 2);
	rig_job(r, id, LIMIT);
	ck_assert(ini_job_wait(r->ini, id, 3, &e)); /* it is over: at once */
	rig_reply(r, 1, NS_PER_S);
	rig_reply(r, 3, NS_PER_S);
	for (unsigned i = 0; i < r->n_replies; i++)
		ck_assert_uint_ne(r->reply[i].token, 2);
	rig_free(r);
}
END_TEST

/* However many wait for jobs: whoever writes is served. */
START_TEST(waiters_are_bounded)
{
	struct rig *r = rig_new(1, BLOCKS);
	struct block *b = rig_bytes(FAKE_BLOCK, 7);
	struct ini_error e;
	uint64_t n = 0;

	rig_group(r, 1, true);
	r->h->latency_ns = NS_PER_MS;
	struct ini_job_spec s = rig_spec(r, JOB_VERIFY);
	s.has_image = false;
	s.transfer = FAKE_BLOCK;
	s.window = 1;
	uint32_t id = rig_start(r, &s);
	while (ini_job_wait(r->ini, id, 10000 + n, &e))
		ck_assert_uint_le(++n, 1000);
	ck_assert_uint_eq(n, 256);
	ck_assert_int_eq(e.kind, INI_E_TOO_MANY);
	rig_write(r, 0, b, NS_PER_S, INI_OK);
	for (uint64_t i = 0; i < 200; i++) /* fewer replies than the rig can take */
		ini_forget(r->ini, 10000 + i);
	ck_assert(ini_job_wait(r->ini, id, 9000, &e));
	for (uint64_t i = 200; i < n; i++)
		ini_forget(r->ini, 10000 + i);
	rig_reply(r, 9000, LIMIT);
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(history)
{
	struct rig *r = three();
	struct ini_error e;
	uint32_t first = rig_mirror(r, 1);

	rig_job(r, first, LIMIT);
	ck_assert(ini_job_dismiss(r->ini, first, &e));
	ck_assert(!ini_job_dismiss(r->ini, first, &e) && e.kind == INI_E_BAD_STATE);
	ck_assert_int_eq(ini_job_find(r->ini, first)->state, JOB_DISMISSED);
	for (unsigned i = 1; i < INI_HISTORY_MAX + 10; i++) {
		uint32_t id = rig_mirror(r, 1);
		ck_assert_uint_eq(id, first + i);
		rig_job(r, id, LIMIT);
	}
	ck_assert_uint_eq(ini_jobs(r->ini), INI_HISTORY_MAX);
	ck_assert_ptr_null(ini_job_find(r->ini, first));
	for (unsigned i = 1; i < ini_jobs(r->ini); i++)
		ck_assert_uint_gt(ini_job_at(r->ini, i)->id, ini_job_at(r->ini, i - 1)->id);
	rig_free(r);
}
END_TEST

START_TEST(the_table_of_jobs_is_bounded)
{
	struct rig *r = three();
	struct ini_error e;
	rig_image(r, 1000, 1);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);

	for (unsigned i = 0; i < INI_JOBS_MAX; i++)
		rig_start(r, &s);
	ck_assert_uint_eq(ini_job_create(r->ini, &s, &e), 0);
	ck_assert_int_eq(e.kind, INI_E_TOO_MANY);
	rig_run(r, 60 * NS_PER_S);
	for (unsigned i = 0; i < ini_jobs(r->ini); i++)
		ck_assert_int_eq(ini_job_at(r->ini, i)->conclusion, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

START_TEST(draining_stops_at_a_pass_boundary)
{
	struct rig *r = three();
	struct ini_error e;
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);

	while (ini_job_find(r->ini, id)->done == 0)
		rig_run(r, NS_PER_MS / 20);
	ini_drain(r->ini);
	ck_assert(!ini_drained(r->ini));
	rig_run(r, NS_PER_S);
	ck_assert(ini_drained(r->ini));
	ck_assert_int_eq(ini_job_find(r->ini, id)->state, JOB_PAUSED);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);
	ck_assert_uint_eq(ini_job_create(r->ini, &s, &e), 0);
	ck_assert_int_eq(e.kind, INI_E_SHUTDOWN);
	rig_restart(r);
	ck_assert(!rig_in_sync(r, 0));
	rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

START_TEST(a_job_of_an_earlier_life_that_an_older_daemon_left_has_failed)
{
	static struct ini_job saved; /* large */
	struct rig *r = three();
	struct ini_error e;
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);

	while (ini_job_find(r->ini, id)->done == 0)
		rig_run(r, NS_PER_MS / 20);
	saved = *ini_job_find(r->ini, id);
	saved.kept.known = false;
	saved.id++;
	rig_restart(r);
	id = saved.id;
	ck_assert(ini_restore_job(r->ini, &saved, &e));
	ck_assert(!ini_restore_job(r->ini, &saved, &e));
	const struct ini_job *j = ini_job_find(r->ini, id);
	ck_assert_int_eq(j->state, JOB_CONCLUDED);
	ck_assert_int_eq(j->conclusion, JOB_FAILED);
	ck_assert(j->error.text[0]);
	ck_assert_uint_gt(rig_mirror(r, 512), id);
	ini_check(r->ini);
	rig_free(r);
}
END_TEST

TAP_MAIN("job_control", refusals, writing_jobs_wait_for_each_other, two_groups_do_not_wait,
         cancel_in_mid_job, cancel_while_a_resend_waits, a_waiting_job_is_cancelled_at_once,
         pause_and_resume, a_waiting_job_can_be_paused, the_speed_limit_is_kept,
         without_progress_it_says_so, waiting_for_a_job, waiters_are_bounded, history,
         the_table_of_jobs_is_bounded, draining_stops_at_a_pass_boundary,
         a_job_of_an_earlier_life_that_an_older_daemon_left_has_failed);
