/* SPDX-License-Identifier: BSD-2-Clause */
/* The host adapter frame by frame: conventional tasks, resets. */
#include "scenario/fake_bus.h"
#include "unit/tap_main.h"

#include <string.h>

static unsigned told;
static struct hba_task *last;

static void task_done(struct hba_task *t)
{
	told++;
	last = t;
}

static struct fake f;

static void start(struct hba_task *t, uint8_t target)
{
	*t = (struct hba_task){.target = target, .cdb_len = 6, .done = task_done};
	hba_task_start(f.h, t);
	fake_run(&f);
}

/* Each script says what ports its initiator knew of: it is not for who comes later. */
START_TEST(who_is_known_is_said)
{
	struct hba_task t[3];

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	start(&t[0], 1);
	struct fake_script first = fake_take(&f);
	ck_assert_uint_eq(first.known, f.disk[1].epoch);
	fake_disk_up(&f, 5, 8);
	start(&t[1], 1);
	struct fake_script second = fake_take(&f);
	ck_assert_uint_eq(second.known, f.disk[5].epoch);
	ck_assert_uint_gt(second.known, first.known);
	fake_attach(&f); /* a server that counts anew */
	fake_disk_up(&f, 1, 8);
	start(&t[2], 1);
	ck_assert_uint_eq(fake_take(&f).known, f.disk[1].epoch);
	fake_end(&f);
}
END_TEST

START_TEST(good_and_its_data)
{
	struct hba_task t;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	start(&t, 1);
	struct fake_script s = fake_take(&f);
	ck_assert_uint_eq(s.target, 1);
	ck_assert(s.tagged && s.tag != 0);
	ck_assert_uint_eq(s.cdb_len, 6);
	fake_outcome(&f, &s, OUTCOME_DISCONNECTED);
	ck_assert_uint_eq(told, 0);
	ck_assert_uint_eq(hba_target(f.h, 1)->in_flight, 1);
	fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_COMPLETED);
	ck_assert_uint_eq(t.status, SCSI_GOOD);
	ck_assert_uint_eq(t.bus_ns, 2000);
	ck_assert_uint_eq(hba_target(f.h, 1)->in_flight, 0);
	/* a second status for it is nobody's */
	fake_end_task(&f, &s, SCSI_BUSY, NULL, 0);
	ck_assert_uint_eq(told, 1);
	ck_assert_uint_eq(hba_stats(f.h)->stale_reports, 1);
	fake_end(&f);
}
END_TEST

static uint8_t got[64];
static uint32_t got_n;
static void take_data(struct hba_task *t, uint32_t at, struct block *data, uint32_t n)
{
	(void)t;
	ck_assert_uint_eq(at, got_n);
	ck_assert_uint_le(at + n, sizeof(got));
	memcpy(got + at, data->data, n);
	got_n += n;
}

START_TEST(data_in_comes_in_pieces_and_is_cut)
{
	struct hba_task t = {.target = 1,
	                     .cdb = {0x28},
	                     .cdb_len = 10,
	                     .data_in_len = 10,
	                     .data_in = take_data,
	                     .done = task_done};

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	hba_task_start(f.h, &t);
	fake_run(&f);
	struct fake_script s = fake_take(&f);
	ck_assert_uint_eq(s.data_in, 10);
	struct wire_tenure tn = fake_tenure(&f, &s, OUTCOME_MORE);
	fake_send(&f, &tn, "abcd", 4);
	tn = fake_tenure(&f, &s, OUTCOME_DISCONNECTED);
	tn.data_in = 8;
	fake_send(&f, &tn, "efgh", 4);
	ck_assert_uint_eq(hba_stats(f.h)->overruns, 0);
	fake_end_task(&f, &s, SCSI_GOOD, "ijkl", 4);
	ck_assert_uint_eq(told, 1);
	ck_assert_uint_eq(t.moved_in, 10);
	ck_assert_uint_eq(t.over_in, 2);
	ck_assert_mem_eq(got, "abcdefghij", 10);
	ck_assert_uint_eq(hba_stats(f.h)->overruns, 1);
	fake_end(&f);
}
END_TEST

START_TEST(data_out_keeps_its_block_until_done)
{
	struct hba_task t = {.target = 1, .cdb = {0x2a}, .cdb_len = 10, .done = task_done};

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	t.data_out = block_new(512);
	memset(t.data_out->data, 1, 512);
	t.data_out_len = 512;
	hba_task_start(f.h, &t);
	ck_assert_uint_eq(t.data_out->refs, 2);
	fake_run(&f);
	struct fake_script s = fake_take(&f);
	ck_assert_uint_eq(s.data_out, 512);
	ck_assert_uint_eq(s.data_block, 512);
	fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	ck_assert_uint_eq(told, 1);
	ck_assert_uint_eq(t.moved_out, 512);
	ck_assert_uint_eq(t.data_out->refs, 1);
	block_unref(t.data_out);
	fake_end(&f);
}
END_TEST

START_TEST(check_condition_brings_its_sense_first)
{
	struct hba_task t, other;
	uint8_t sense[SCSI_SENSE_FIXED_LEN];

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	start(&t, 1);
	struct fake_script s = fake_take(&f);
	fake_end_task(&f, &s, SCSI_CHECK_CONDITION, NULL, 0);
	start(&other, 1);
	ck_assert_uint_eq(told, 0);
	/* REQUEST SENSE under the same tag; the other one waits for it */
	ck_assert_uint_eq(f.n, 1);
	struct fake_script rs = fake_take(&f);
	ck_assert_uint_eq(rs.cdb[0], 0x03);
	ck_assert_uint_eq(rs.tag, s.tag);
	scsi_sense_put(&SENSE_WRITE_PROTECTED, false, sense, sizeof(sense));
	fake_end_task(&f, &rs, SCSI_GOOD, sense, sizeof(sense));
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_COMPLETED);
	ck_assert_uint_eq(t.status, SCSI_CHECK_CONDITION);
	ck_assert(t.has_sense && scsi_sense_is(&t.sense, &SENSE_WRITE_PROTECTED));
	ck_assert_uint_eq(t.sense_raw_len, sizeof(sense));
	ck_assert_mem_eq(t.sense_raw, sense, sizeof(sense));
	s = fake_take(&f);
	fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	ck_assert_ptr_eq(last, &other);
	fake_end(&f);
}
END_TEST

/* The unit did not wait for REQUEST SENSE: what it tells then may be about either. Another unit of
 * the same target has a sense of its own. */
START_TEST(sense_that_may_be_another_tasks_is_none)
{
	struct hba_task t[3];
	struct fake_script s[3];
	uint8_t sense[SCSI_SENSE_FIXED_LEN];

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	for (unsigned i = 0; i < 3; i++) {
		start(&t[i], 1);
		t[i].lun = i == 2;
		s[i] = fake_take(&f);
	}
	scsi_sense_put(&SENSE_WRITE_PROTECTED, false, sense, sizeof(sense));
	for (unsigned i = 0; i < 3; i++)
		fake_end_task(&f, &s[i], SCSI_CHECK_CONDITION, NULL, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct fake_script rs = fake_take(&f);
		fake_end_task(&f, &rs, SCSI_GOOD, sense, sizeof(sense));
		ck_assert_uint_eq(told, i + 1);
		ck_assert_uint_eq(last->status, SCSI_CHECK_CONDITION);
		ck_assert_int_eq(last->has_sense, last == &t[2]);
	}
	/* what comes later is not touched by it */
	start(&t[0], 1);
	s[0] = fake_take(&f);
	fake_end_task(&f, &s[0], SCSI_CHECK_CONDITION, NULL, 0);
	s[0] = fake_take(&f);
	fake_end_task(&f, &s[0], SCSI_GOOD, sense, sizeof(sense));
	ck_assert(t[0].has_sense);
	fake_end(&f);
}
END_TEST

/* NACA=1: REQUEST SENSE has the ACA attribute, and CLEAR ACA follows it, ahead of all others. */
START_TEST(an_aca_ends_behind_its_sense)
{
	struct hba_task t, other;
	uint8_t sense[SCSI_SENSE_FIXED_LEN];

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	t = (struct hba_task){.target = 1, .cdb_len = 6, .done = task_done};
	t.cdb[5] = SCSI_CONTROL_NACA;
	hba_task_start(f.h, &t);
	fake_run(&f);
	struct fake_script s = fake_take(&f);
	ck_assert(!s.aca);
	fake_end_task(&f, &s, SCSI_CHECK_CONDITION, NULL, 0);
	start(&other, 1);
	struct fake_script rs = fake_take(&f);
	ck_assert(rs.aca && rs.cdb[0] == 0x03 && rs.tag == s.tag);
	scsi_sense_put(&SENSE_WRITE_PROTECTED, false, sense, sizeof(sense));
	fake_end_task(&f, &rs, SCSI_GOOD, sense, sizeof(sense));
	ck_assert_uint_eq(told, 1);
	ck_assert(t.has_sense);
	struct fake_script clear = fake_take(&f);
	ck_assert(clear.clear_aca && !clear.tagged && clear.cdb_len == 0);
	s = fake_take(&f);
	ck_assert(!s.aca && s.tag != clear.tag);
	fake_outcome(&f, &clear, OUTCOME_UNEXPECTED_FREE);
	fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	ck_assert_ptr_eq(last, &other);
	ck_assert_uint_eq(hba_stats(f.h)->aborts, 0);
	fake_end(&f);
}
END_TEST

/* One that nobody here knows of is ended, too; not while the sense of another one is under way. */
START_TEST(an_unknown_aca_is_ended)
{
	struct hba_task t, other;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	start(&t, 1);
	struct fake_script s = fake_take(&f);
	fake_end_task(&f, &s, SCSI_ACA_ACTIVE, NULL, 0);
	ck_assert_uint_eq(told, 1);
	ck_assert_uint_eq(t.status, SCSI_ACA_ACTIVE);
	struct fake_script clear = fake_take(&f);
	ck_assert(clear.clear_aca);
	fake_outcome(&f, &clear, OUTCOME_UNEXPECTED_FREE);
	start(&t, 1);
	start(&other, 1);
	s = fake_take(&f);
	struct fake_script late = fake_take(&f);
	fake_end_task(&f, &s, SCSI_CHECK_CONDITION, NULL, 0);
	fake_end_task(&f, &late, SCSI_ACA_ACTIVE, NULL, 0);
	struct fake_script rs = fake_take(&f);
	ck_assert_uint_eq(rs.cdb[0], 0x03);
	ck_assert_uint_eq(f.n, 0);
	fake_end(&f);
}
END_TEST

START_TEST(sense_that_never_comes_still_ends_the_task)
{
	struct hba_task t;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	start(&t, 1);
	struct fake_script s = fake_take(&f);
	fake_end_task(&f, &s, SCSI_CHECK_CONDITION, NULL, 0);
	struct fake_script rs = fake_take(&f);
	fake_outcome(&f, &rs, OUTCOME_DISCONNECTED);
	fake_wait(&f, 10 * NS_PER_S);
	struct fake_script abort_task = fake_take(&f);
	ck_assert(abort_task.abort);
	fake_outcome(&f, &abort_task, OUTCOME_UNEXPECTED_FREE);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_COMPLETED);
	ck_assert_uint_eq(t.status, SCSI_CHECK_CONDITION);
	ck_assert(!t.has_sense);
	start(&t, 1);
	ck_assert_uint_eq(f.n, 1); /* nothing is frozen */
	fake_end(&f);
}
END_TEST

START_TEST(nobody_answers)
{
	struct hba_task t;

	fake_init(&f, NULL);
	start(&t, 5);
	struct fake_script s = fake_take(&f);
	fake_outcome(&f, &s, OUTCOME_SELECTION_TIMEOUT);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_SELECTION_TIMEOUT);
	fake_end(&f);
}
END_TEST

/* A task without a status: disconnected, and its time is over. */
static struct fake_script let_time_out(struct hba_task *t)
{
	start(t, 1);
	struct fake_script s = fake_take(&f);
	fake_outcome(&f, &s, OUTCOME_DISCONNECTED);
	fake_wait(&f, 10 * NS_PER_S - 1);
	ck_assert_uint_eq(f.n, 0);
	fake_wait(&f, 1);
	return s;
}

START_TEST(command_timeout_aborts_the_task)
{
	struct hba_task t;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	struct fake_script s = let_time_out(&t);
	struct fake_script a = fake_take(&f);
	ck_assert(a.abort && a.tag == s.tag && a.cdb_len == 0);
	ck_assert_uint_eq(told, 0);
	fake_outcome(&f, &a, OUTCOME_UNEXPECTED_FREE);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_COMMAND_TIMEOUT);
	ck_assert(t.aborted);
	/* the server forgets the nexus before the tag is another task's */
	ck_assert_uint_eq(f.n_cancel, 1);
	ck_assert_uint_eq(f.cancel[0], s.id);
	/* all 255 tags can be had */
	for (unsigned i = 0; i < 255; i++) {
		start(&t, 1);
		s = fake_take(&f);
		fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
		ck_assert_uint_eq(told, 2 + i);
	}
	fake_end(&f);
}
END_TEST

static unsigned drained;

static void note_drained(void *ctx, uint8_t unit)
{
	(void)ctx;
	ck_assert_uint_eq(unit, 1);
	drained++;
}

/* The task is in the target's store yet: its tag is not used again, until it has left that. */
START_TEST(a_rejected_abort_is_unconfirmed)
{
	struct hba_task t;
	static const uint8_t message_reject[] = {0x07};

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	struct fake_script s = let_time_out(&t);
	struct fake_script a = fake_take(&f);
	struct wire_tenure tn = fake_tenure(&f, &a, OUTCOME_COMPLETE);
	tn.msg_in = (struct span){message_reject, sizeof(message_reject)};
	hba_on_drained(f.h, note_drained, NULL);
	drained = 0;
	fake_send(&f, &tn, NULL, 0);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_COMMAND_TIMEOUT);
	ck_assert(!t.aborted);
	ck_assert_uint_eq(hba_stats(f.h)->aborts_failed, 1);
	for (unsigned i = 0; i < 255; i++) {
		start(&t, 1);
		struct fake_script next = fake_take(&f);
		ck_assert_uint_ne(next.tag, s.tag);
		fake_end_task(&f, &next, SCSI_GOOD, NULL, 0);
	}
	/* It is said again, until it is done. */
	for (unsigned i = 0; i < 3; i++) {
		fake_wait(&f, NS_PER_S - 1);
		ck_assert_uint_eq(f.n, 0);
		fake_wait(&f, 1);
		a = fake_take(&f);
		ck_assert(a.abort && a.tag == s.tag);
		ck_assert_uint_eq(drained, 0);
		tn = fake_tenure(&f, &a, OUTCOME_COMPLETE);
		if (i < 2)
			tn.msg_in = (struct span){message_reject, sizeof(message_reject)};
		fake_send(&f, &tn, NULL, 0);
	}
	ck_assert_uint_eq(drained, 1);
	ck_assert_uint_eq(hba_stats(f.h)->aborts_failed, 1);
	fake_end(&f);
}
END_TEST

START_TEST(a_status_beats_the_abort)
{
	struct hba_task t;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	struct fake_script s = let_time_out(&t);
	struct fake_script a = fake_take(&f);
	fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_COMPLETED);
	/* As long as ABORT TASK may run, the tag is nobody's. */
	for (unsigned i = 0; i < 300; i++) {
		start(&t, 1);
		s = fake_take(&f);
		ck_assert_uint_ne(s.tag, a.tag);
		fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	}
	fake_end(&f);
}
END_TEST

/* A failure beats it, before it is on its way (0) and after: it is asked about all the same, for
 * until then the unit starts nothing else of ours. */
START_TEST(a_failure_beats_the_abort)
{
	const uint8_t hardware_error[18] = {0x70, [2] = KEY_HARDWARE_ERROR, [7] = 10, [12] = 0x44};
	struct hba_task t;
	struct fake_script a = {0};

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	start(&t, 1);
	struct fake_script s = fake_take(&f);
	fake_outcome(&f, &s, OUTCOME_DISCONNECTED);
	hba_task_abort(f.h, &t);
	if (_i) {
		fake_wait(&f, 1);
		a = fake_take(&f);
		ck_assert(a.abort);
	}
	fake_end_task(&f, &s, SCSI_CHECK_CONDITION, NULL, 0);
	if (_i) {
		ck_assert_uint_eq(f.n, 0); /* it would be aborted itself */
		fake_outcome(&f, &a, OUTCOME_UNEXPECTED_FREE);
	}
	struct fake_script rs = fake_take(&f);
	ck_assert_uint_eq(rs.cdb[0], 0x03);
	ck_assert_uint_eq(rs.tag, s.tag);
	ck_assert_uint_eq(told, 0);
	fake_end_task(&f, &rs, SCSI_GOOD, hardware_error, sizeof(hardware_error));
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_COMPLETED);
	ck_assert_uint_eq(t.status, SCSI_CHECK_CONDITION);
	ck_assert(t.has_sense && !t.aborted);
	ck_assert_uint_eq(f.n, 0);
	ck_assert_uint_eq(hba_stats(f.h)->aborts, (unsigned)_i);
	fake_end(&f);
}
END_TEST

/* The ABORT TASK itself does not end: the task does not wait for that longer than others. */
START_TEST(a_failure_meets_a_hung_abort)
{
	struct hba_task t;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	struct fake_script s = let_time_out(&t);
	struct fake_script a = fake_take(&f);
	ck_assert(a.abort);
	fake_end_task(&f, &s, SCSI_CHECK_CONDITION, NULL, 0);
	ck_assert_uint_eq(told, 0);
	fake_wait(&f, NS_PER_S);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_COMPLETED);
	ck_assert_uint_eq(t.status, SCSI_CHECK_CONDITION);
	ck_assert(!t.has_sense);
	ck_assert_uint_eq(f.n_cancel, 1);
	ck_assert_uint_eq(f.cancel[0], a.id);
	fake_end(&f);
}
END_TEST

static bool uses_tag(uint8_t tag)
{
	struct hba_task t;
	bool seen = false;

	for (unsigned i = 0; i < 300; i++) {
		start(&t, 1);
		struct fake_script s = fake_take(&f);
		seen |= s.tag == tag;
		fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	}
	return seen;
}

START_TEST(an_unconfirmed_abort_quarantines_the_tag)
{
	struct hba_task t;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	struct fake_script s = let_time_out(&t);
	struct fake_script a = fake_take(&f);
	fake_wait(&f, NS_PER_S);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_COMMAND_TIMEOUT);
	ck_assert(!t.aborted);
	/* the old script and the abort are both taken back */
	ck_assert_uint_eq(f.n_cancel, 2);
	ck_assert_uint_eq(f.cancel[0], s.id);
	ck_assert_uint_eq(f.cancel[1], a.id);
	fake_outcome(&f, &a, OUTCOME_CANCELLED);
	ck_assert(!uses_tag(s.tag));
	if (_i == 0) {
		fake_rst(&f);
	} else {
		fake_port(&f, 1, false);
		fake_port(&f, 1, true);
	}
	fake_serve(&f);
	ck_assert(uses_tag(s.tag));
	fake_end(&f);
}
END_TEST

/* The owner does not wait for it any more: the upper half hears of it all the same. */
START_TEST(an_abort_is_confirmed_late)
{
	struct hba_task t;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	struct fake_script s = let_time_out(&t);
	struct fake_script a = fake_take(&f);
	hba_on_drained(f.h, note_drained, NULL);
	drained = 0;
	fake_wait(&f, NS_PER_S);
	ck_assert_uint_eq(told, 1);
	ck_assert(!t.aborted);
	ck_assert_uint_eq(drained, 0);
	fake_outcome(&f, &a, OUTCOME_UNEXPECTED_FREE); /* CANCEL came too late */
	ck_assert_uint_eq(drained, 1);
	ck_assert(uses_tag(s.tag));
	fake_end(&f);
}
END_TEST

START_TEST(a_queued_task_is_cancelled_not_aborted)
{
	struct hba_task t = {.target = 1, .cdb_len = 6, .timeout_ns = NS_PER_S, .done = task_done};

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	hba_task_start(f.h, &t);
	fake_run(&f);
	struct fake_script s = fake_take(&f);
	fake_wait(&f, NS_PER_S);
	ck_assert_uint_eq(f.n_cancel, 1);
	ck_assert_uint_eq(f.cancel[0], s.id);
	fake_outcome(&f, &s, _i ? OUTCOME_DISCONNECTED : OUTCOME_CANCELLED);
	if (_i) { /* it was running by then */
		ck_assert_uint_eq(told, 0);
		struct fake_script a = fake_take(&f);
		ck_assert(a.abort);
		fake_outcome(&f, &a, OUTCOME_UNEXPECTED_FREE);
	}
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_COMMAND_TIMEOUT);
	ck_assert(t.aborted);
	ck_assert_uint_eq(f.n, 0);
	fake_end(&f);
}
END_TEST

START_TEST(the_caller_aborts)
{
	struct hba_task a, b;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 1);
	start(&a, 1);
	start(&b, 1); /* waits: no credit */
	ck_assert_uint_eq(f.n, 1);
	struct fake_script s = fake_take(&f);
	fake_outcome(&f, &s, OUTCOME_DISCONNECTED);
	hba_task_abort(f.h, &b);
	fake_run(&f);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(b.outcome, HBA_ABORTED);
	ck_assert(b.aborted);
	hba_task_abort(f.h, &a);
	fake_run(&f);
	s = fake_take(&f);
	ck_assert(s.abort);
	ck_assert_uint_eq(told, 1);
	fake_outcome(&f, &s, OUTCOME_UNEXPECTED_FREE);
	ck_assert_uint_eq(told, 2);
	ck_assert_int_eq(a.outcome, HBA_ABORTED);
	fake_end(&f);
}
END_TEST

START_TEST(a_reset_ends_nexuses)
{
	struct hba_task a, b;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	start(&a, 1);
	start(&b, 1);
	struct fake_script sa = fake_take(&f), sb = fake_take(&f);
	fake_outcome(&f, &sa, OUTCOME_DISCONNECTED);
	fake_rst(&f);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(a.outcome, HBA_BUS_RESET);
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_SCANNING);
	ck_assert_uint_eq(hba_target(f.h, 1)->xfer.offset, 0);
	/* The server still reports the one that it had queued. */
	fake_outcome(&f, &sb, OUTCOME_RESET);
	ck_assert_uint_eq(told, 2);
	ck_assert_int_eq(b.outcome, HBA_BUS_RESET);
	/* ... and what comes late for the other is nobody's */
	fake_end_task(&f, &sa, SCSI_GOOD, NULL, 0);
	ck_assert_uint_eq(told, 2);
	/* the UNIT ATTENTION is cleared before it is READY again */
	fake_serve(&f);
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_READY);
	ck_assert(!f.disk[1].ua);
	ck_assert_uint_eq(hba_target(f.h, 1)->xfer.offset, 31);
	fake_end(&f);
}
END_TEST

START_TEST(the_port_or_the_server_goes)
{
	struct hba_task a, b, c;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 2);
	start(&a, 1);
	start(&b, 1);
	start(&c, 1);
	struct fake_script s = fake_take(&f);
	fake_outcome(&f, &s, OUTCOME_DISCONNECTED);
	if (_i == 0) {
		fake_port(&f, 1, false);
		ck_assert_uint_eq(told, 2);
		ck_assert_int_eq(a.outcome, HBA_ABORTED);
		ck_assert_int_eq(c.outcome, HBA_ABORTED); /* which waited for its turn */
		ck_assert_uint_eq(f.n_cancel, 1); /* that one is not to run at the next target */
		fake_serve(&f);
		ck_assert_uint_eq(told, 3);
		ck_assert_int_eq(b.outcome, HBA_ABORTED);
	} else {
		hba_detached(f.h, f.now);
		fake_run(&f);
		ck_assert_uint_eq(told, 3);
		ck_assert_int_eq(a.outcome, HBA_ABORTED);
		ck_assert_int_eq(b.outcome, HBA_ABORTED);
		ck_assert_int_eq(c.outcome, HBA_ABORTED);
		ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_ABSENT);
		start(&a, 1);
		ck_assert_uint_eq(told, 4);
		ck_assert_int_eq(a.outcome, HBA_ABORTED);
		f.n = 0;
		fake_attach(&f);
		fake_disk_up(&f, 1, 2);
	}
	fake_end(&f);
}
END_TEST

/* The bus server has it still, and it does not run at the one that has come since: it need not wait
 * for its turn to be told so. Cancelled (0), or its turn came first (1). */
START_TEST(a_command_whose_target_has_gone_is_cancelled)
{
	struct hba_task t;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	start(&t, 1);
	struct fake_script s = fake_take(&f);
	fake_port(&f, 1, false);
	fake_port(&f, 1, true);
	ck_assert_uint_eq(f.cancel[0], s.id);
	ck_assert_uint_eq(told, 0);
	fake_outcome(&f, &s, _i ? OUTCOME_SELECTION_TIMEOUT : OUTCOME_CANCELLED);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_ABORTED);
	ck_assert_int_eq(t.aborted, !_i);
	fake_serve(&f);
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_READY);
	fake_end(&f);
}
END_TEST

START_TEST(credit_and_order)
{
	struct hba_task t[6];

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 2);
	fake_disk_up(&f, 2, 2);
	for (unsigned i = 0; i < 5; i++)
		start(&t[i], 1);
	ck_assert_uint_eq(f.n, 2);
	start(&t[5], 2); /* another target's queue */
	ck_assert_uint_eq(f.n, 3);
	for (unsigned i = 0; i < 6; i++) {
		struct fake_script s = fake_take(&f);
		ck_assert_uint_le(hba_target(f.h, 1)->in_flight, 2);
		fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
		ck_assert_ptr_eq(last, i == 2 ? &t[5] : i < 2 ? &t[i] : &t[i - 1]);
	}
	ck_assert_uint_eq(told, 6);
	fake_end(&f);
}
END_TEST

/* However long its caller would wait for it: what it holds back does not. */
START_TEST(who_asks_for_members_is_not_awaited_for_ever)
{
	struct hba_task t, ask = {.target = 1,
	                          .cdb = {0x5a, 0x08, 0x30, [8] = 64},
	                          .cdb_len = 10,
	                          .timeout_ns = 3600 * NS_PER_S,
	                          .done = task_done};

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	hba_task_start(f.h, &ask);
	start(&t, 1);
	struct fake_script s = fake_take(&f);
	fake_outcome(&f, &s, OUTCOME_DISCONNECTED);
	fake_wait(&f, 10 * NS_PER_S);
	struct fake_script a = fake_take(&f);
	ck_assert(a.abort && a.tag == s.tag);
	fake_outcome(&f, &a, OUTCOME_UNEXPECTED_FREE);
	ck_assert_ptr_eq(last, &ask);
	ck_assert_int_eq(ask.outcome, HBA_COMMAND_TIMEOUT);
	fake_serve(&f);
	ck_assert_uint_eq(told, 2);
	ck_assert_int_eq(t.outcome, HBA_COMPLETED);
	fake_end(&f);
}
END_TEST

/* Who has asked for page 30h may write, says the target, whoever's it is now: until the answer is
 * here, nothing is sent behind that (0: MODE SENSE(10), 1: (6)). What is saved (2), or another page
 * (3), is no matter. Then the scan asks, with an answer or without (4): it was not for us. */
START_TEST(who_asks_for_members_waits_for_the_answer)
{
	static const uint8_t cdbs[5][10] = {
	        {0x5a, 0x08, 0x30, [8] = 64}, {0x1a, 0x08, 0x30, [4] = 64},
	        {0x5a, 0x08, 0xf0, [8] = 64}, {0x5a, 0x08, 0x3f, [8] = 64},
	        {0x5a, 0x08, 0x30, [8] = 64},
	};
	bool holds = _i != 2 && _i != 3;
	struct hba_task ask = {.target = 1, .cdb_len = _i == 1 ? 6 : 10, .done = task_done}, t[2];

	memcpy(ask.cdb, cdbs[_i], sizeof(cdbs[_i]));
	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	fake_disk_up(&f, 2, 8);
	start(&t[0], 1);
	hba_task_start(f.h, &ask);
	start(&t[1], 1);
	ck_assert_uint_eq(f.n, holds ? 2 : 3);
	struct hba_task other;
	start(&other, 2);
	ck_assert_uint_eq(f.n, holds ? 3 : 4);
	struct fake_script s = fake_take(&f);
	fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	ck_assert_uint_eq(f.n, holds ? 2 : 3);
	s = fake_take(&f);
	ck_assert_uint_eq(s.cdb[0], cdbs[_i][0]);
	if (_i == 4)
		fake_outcome(&f, &s, OUTCOME_UNEXPECTED_FREE);
	else
		fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	ck_assert_ptr_eq(last, &ask);
	ck_assert_uint_eq(hba_target(f.h, 1)->state, holds ? HBA_SCANNING : HBA_READY);
	fake_serve(&f);
	ck_assert_uint_eq(hba_target(f.h, 1)->state, HBA_READY);
	ck_assert_uint_eq(told, 4);
	fake_end(&f);
}
END_TEST

static bool member_ok;
static unsigned member_told;
static void member_done(struct hba_set_member *s, bool ok, const char *why)
{
	(void)s;
	(void)why;
	member_ok = ok;
	member_told++;
}

static void start_write(struct hba_task *t)
{
	*t = (struct hba_task){.target = 1, .cdb = {0x2a}, .cdb_len = 10, .done = task_done};
	hba_task_start(f.h, t);
	fake_run(&f);
}

/* To the next MODE SENSE of page 30h, which is left; a write, which is started then, waits. */
static void to_members(struct hba_task *write)
{
	while (f.script[0].cdb[0] != 0x5a) {
		ck_assert_uint_gt(f.n, 0);
		fake_serve_one(&f);
	}
	start_write(write);
	ck_assert_uint_eq(f.n, 1);
}

/* Whose group it is is read: before the page is written (0), by a scan (1), by a probe of one that
 * was not ready (2). What waits was meant for ours. */
START_TEST(what_waits_when_the_owner_is_another)
{
	struct hba_set_member m = {.done = member_done, .param = block_new(MODE_MIRROR_LEN + 16)};
	struct hba_task t;

	fake_init(&f, NULL);
	f.disk[1].member = (struct mode_mirror){.member = true, .group_uuid = {5}, .owner = {7}};
	m.was = f.disk[1].member;
	if (_i == 2)
		f.disk[1].formatting = 1;
	f.disk[1].queue_depth = 1;
	fake_port(&f, 1, true);
	fake_serve(&f);
	f.disk[1].formatting = 0;
	f.disk[1].member.owner[0] = 6;
	if (_i == 0)
		hba_set_member(f.h, 1, &m);
	else if (_i == 1)
		hba_scan(f.h);
	else
		fake_wait(&f, NS_PER_S);
	fake_run(&f);
	to_members(&t);
	fake_serve_one(&f);
	ck_assert_ptr_eq(last, &t);
	ck_assert_int_eq(t.outcome, HBA_ABORTED);
	ck_assert(t.aborted);
	for (; f.n; fake_serve_one(&f))
		ck_assert_uint_ne(f.script[0].cdb[0], 0x2a);
	ck_assert_uint_eq(member_told, _i == 0);
	if (_i != 0)
		block_unref(m.param);
	fake_end(&f);
}
END_TEST

/* A scan asks whose it is, and no answer comes: nor does the target take then what waits. */
START_TEST(what_waits_when_the_owner_is_not_told)
{
	struct hba_task t;
	struct fake_script s;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	hba_scan(f.h);
	fake_run(&f);
	to_members(&t);
	for (unsigned n = 0; told == 0; n++) {
		ck_assert_uint_lt(n, 200);
		if (f.n && f.script[0].cdb[0] != 0x5a) {
			ck_assert_uint_ne(f.script[0].cdb[0], 0x2a);
			fake_serve_one(&f);
		} else if (f.n) {
			s = fake_take(&f);
			fake_outcome(&f, &s, OUTCOME_UNEXPECTED_FREE);
		} else {
			fake_wait(&f, NS_PER_S);
		}
	}
	ck_assert_ptr_eq(last, &t);
	ck_assert_int_eq(t.outcome, HBA_ABORTED);
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_FAILED);
	start_write(&t); /* whoever wants that: the next one is not held */
	while ((s = fake_take(&f)).abort)
		fake_outcome(&f, &s, OUTCOME_UNEXPECTED_FREE);
	ck_assert_uint_eq(s.cdb[0], 0x2a);
	fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	ck_assert_uint_eq(told, 2);
	fake_end(&f);
}
END_TEST

START_TEST(the_server_is_not_flooded)
{
	static struct hba_task t[200];

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 200);
	for (unsigned i = 0; i < 200; i++)
		start(&t[i], 1);
	ck_assert_uint_lt(f.n, 64);
	while (f.n) {
		struct fake_script s = fake_take(&f);
		fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	}
	ck_assert_uint_eq(told, 200);
	fake_end(&f);
}
END_TEST

START_TEST(the_server_is_not_overfed)
{
	static struct hba_task t[30];
	struct block *data = block_new(WIRE_DATA_MAX);

	memset(data->data, 0, data->len);
	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 200);
	for (unsigned i = 0; i < 30; i++) {
		t[i] = (struct hba_task){.target = 1,
		                         .cdb_len = 10,
		                         .data_out = data,
		                         .data_out_len = WIRE_DATA_MAX,
		                         .has_crc = true,
		                         .done = task_done};
		hba_task_start(f.h, &t[i]);
		fake_run(&f);
	}
	ck_assert_uint_gt(f.n, 8);
	while (f.n) { /* 256 MiB is what the server keeps */
		ck_assert_uint_lt(f.n, 16);
		struct fake_script s = fake_take(&f);
		fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	}
	ck_assert_uint_eq(told, 30);
	ck_assert_uint_eq(data->refs, 1);
	block_unref(data);
	fake_end(&f);
}
END_TEST

START_TEST(a_refused_script_ends_its_task)
{
	struct hba_task t;
	struct wire_frame e = {.type = WIRE_ERROR,
	                       .error = {.code = CODE_BAD_FRAME, .frame_type = WIRE_SCRIPT}};

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	start(&t, 1);
	struct fake_script s = fake_take(&f);
	e.error.ref = s.id;
	fake_frame(&f, &e);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(t.outcome, HBA_ABORTED);
	ck_assert_uint_eq(hba_stats(f.h)->internal_errors, 1);
	fake_end(&f);
}
END_TEST

START_TEST(membership_is_written_and_read_back)
{
	static const uint8_t nothing[8 + MODE_MIRROR_LEN] = {[8] = 0x30, [9] = MODE_MIRROR_LEN - 2};
	struct hba_set_member m = {
	        .page = {.member = true, .device = 2, .group = 5, .generation = 7},
	        .done = member_done,
	        .param = block_new(MODE_MIRROR_LEN + 16),
	};

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	hba_set_member(f.h, 1, &m);
	fake_run(&f);
	struct fake_script s = fake_take(&f); /* looks first, at what is saved */
	ck_assert_uint_eq(s.cdb[0], 0x5a);
	ck_assert_uint_eq(s.cdb[2], 0xf0);
	fake_end_task(&f, &s, SCSI_GOOD, nothing, sizeof(nothing));
	s = fake_take(&f);
	ck_assert_uint_eq(s.cdb[0], 0x55);
	ck_assert_uint_eq(s.cdb[1], 0x11);
	ck_assert_uint_eq(s.data_out, 56);
	if (_i == 0)
		f.disk[1].member = m.page;
	fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	ck_assert_uint_eq(member_told, 0);
	fake_serve(&f);
	ck_assert_uint_eq(member_told, 1);
	ck_assert_int_eq(member_ok, _i == 0);
	ck_assert_uint_eq(hba_target(f.h, 1)->member.group, _i == 0 ? 5 : 0);
	fake_end(&f);
}
END_TEST

/* Another initiator made it a member of its group after we had read the page. */
START_TEST(a_membership_of_another_is_left_alone)
{
	struct hba_set_member m = {
	        .page = {.member = _i == 0, .device = 2, .group = 5, .group_uuid = {5}},
	        .done = member_done,
	        .param = block_new(MODE_MIRROR_LEN + 16),
	};

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	f.disk[1].member = (struct mode_mirror){.member = true, .group = 6, .group_uuid = {6}};
	hba_set_member(f.h, 1, &m);
	fake_run(&f);
	fake_serve_one(&f);
	ck_assert_uint_eq(f.n, 0); /* no MODE SELECT */
	ck_assert_uint_eq(member_told, 1);
	ck_assert_int_eq(member_ok, false);
	ck_assert_int_eq(m.conflict, true);
	ck_assert_uint_eq(hba_target(f.h, 1)->member.group, 6);
	fake_end(&f);
}
END_TEST

/* Another initiator took the group over after we had read the page: it is not ours to clear, when
 * that is so at the look, and when it came after the look, which UNIT ATTENTION tells. */
START_TEST(a_group_that_was_taken_over_is_not_cleared)
{
	const uint8_t changed[18] = {
	        0x70, [2] = KEY_UNIT_ATTENTION, [7] = 10, [12] = 0x2a, [13] = 0x01};
	struct hba_set_member m = {.done = member_done, .param = block_new(MODE_MIRROR_LEN + 16)};

	fake_init(&f, NULL);
	f.disk[1].member =
	        (struct mode_mirror){.member = true, .group = 5, .group_uuid = {5}, .owner = {7}};
	m.was = f.disk[1].member;
	fake_disk_up(&f, 1, 8);
	if (_i == 0)
		f.disk[1].member.owner[0] = 6;
	if (_i == 2)
		f.disk[1].member.generation = 3; /* it has it, and says something else of it */
	hba_set_member(f.h, 1, &m);
	fake_run(&f);
	fake_serve_one(&f);
	if (_i == 1) {
		f.disk[1].member.owner[0] = 6;
		struct fake_script s = fake_take(&f);
		ck_assert_uint_eq(s.cdb[0], 0x55);
		fake_end_task(&f, &s, SCSI_CHECK_CONDITION, NULL, 0);
		s = fake_take(&f);
		ck_assert_uint_eq(s.cdb[0], 0x03);
		fake_end_task(&f, &s, SCSI_GOOD, changed, sizeof(changed));
		fake_serve(&f);
	}
	ck_assert_uint_eq(f.n, 0); /* no MODE SELECT */
	ck_assert_uint_eq(member_told, 1);
	ck_assert_int_eq(member_ok, false);
	ck_assert_int_eq(m.conflict, true);
	ck_assert_uint_eq(f.disk[1].member.owner[0], _i == 2 ? 7 : 6);
	ck_assert(f.disk[1].member.member);
	fake_end(&f);
}
END_TEST

/* A page that is there is written all the same (0); not if it was cleared meanwhile (1), and once
 * only, as a UNIT ATTENTION may be that of another start (2). */
START_TEST(a_membership_is_written_anew)
{
	const uint8_t power_on[18] = {
	        0x70, [2] = KEY_UNIT_ATTENTION, [7] = 10, [12] = 0x29, [13] = 0x01};
	struct hba_set_member m = {
	        .page = {.member = true, .device = 2, .group = 5, .generation = 7},
	        .anew = true,
	        .done = member_done,
	        .param = block_new(MODE_MIRROR_LEN + 16),
	};

	fake_init(&f, NULL);
	m.was = f.disk[1].member = m.page;
	fake_disk_up(&f, 1, 8);
	struct hba_target *t = (struct hba_target *)(uintptr_t)hba_target(f.h, 1);
	t->vpd.started = true;
	if (_i == 1)
		f.disk[1].member = (struct mode_mirror){0};
	hba_set_member(f.h, 1, &m);
	fake_run(&f);
	fake_serve_one(&f);
	if (_i != 1) {
		struct fake_script s = fake_take(&f);
		ck_assert_uint_eq(s.cdb[0], 0x55);
		fake_end_task(&f, &s, _i == 0 ? SCSI_GOOD : SCSI_CHECK_CONDITION, NULL, 0);
		s = fake_take(&f);
		ck_assert_uint_eq(s.cdb[0], _i == 0 ? 0x5a : 0x03);
		if (_i == 0) {
			uint8_t page[8 + MODE_MIRROR_LEN] = {0};
			struct wr w = wr_init(page + 8, MODE_MIRROR_LEN);
			mode_mirror_put(&w, &m.page);
			fake_end_task(&f, &s, SCSI_GOOD, page, sizeof(page));
		} else {
			fake_end_task(&f, &s, SCSI_GOOD, power_on, sizeof(power_on));
		}
	}
	ck_assert_uint_eq(member_told, 1);
	ck_assert_int_eq(member_ok, _i == 0);
	ck_assert_int_eq(t->vpd.started, _i != 0);
	for (unsigned i = 0; i < f.n; i++)
		ck_assert_uint_ne(f.script[i].cdb[0], 0x55);
	fake_end(&f);
}
END_TEST

START_TEST(a_membership_may_be_busy)
{
	static const uint8_t status[] = {SCSI_BUSY, SCSI_TASK_SET_FULL, SCSI_RESERVATION_CONFLICT};
	struct hba_set_member m = {
	        .page = {.member = true, .device = 2, .group = 5, .generation = 7},
	        .done = member_done,
	        .param = block_new(MODE_MIRROR_LEN + 16),
	};

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	hba_set_member(f.h, 1, &m);
	fake_run(&f);
	fake_serve_one(&f);
	struct fake_script s = fake_take(&f);
	fake_end_task(&f, &s, status[_i], NULL, 0);
	ck_assert_uint_eq(member_told, 1);
	ck_assert(!member_ok);
	ck_assert_int_eq(m.busy, _i < 2);
	fake_end(&f);
}
END_TEST

/* A MODE SELECT that failed: whether the page may be there all the same. */
static const struct {
	uint8_t status, key; /* 0: no sense data come */
	bool may_have;
} selects[] = {
        {SCSI_BUSY, 0, false},
        {SCSI_TASK_SET_FULL, 0, false},
        {SCSI_RESERVATION_CONFLICT, 0, false},
        {SCSI_ACA_ACTIVE, 0, false},
        {SCSI_TASK_ABORTED, 0, true},
        {SCSI_CHECK_CONDITION, 0, true},
        {SCSI_CHECK_CONDITION, KEY_NOT_READY, false},
        {SCSI_CHECK_CONDITION, KEY_ILLEGAL_REQUEST, false},
        {SCSI_CHECK_CONDITION, KEY_DATA_PROTECT, false},
        {SCSI_CHECK_CONDITION, KEY_MEDIUM_ERROR, true},
        {SCSI_CHECK_CONDITION, KEY_HARDWARE_ERROR, true}, /* saved, its directory not synced */
        {SCSI_CHECK_CONDITION, KEY_ABORTED_COMMAND, true},
};

START_TEST(a_membership_that_failed_may_be_there)
{
	const uint8_t sense[18] = {0x70, [2] = selects[_i].key, [7] = 10, [12] = 0x44};
	struct hba_set_member m = {
	        .page = {.member = true, .device = 2, .group = 5, .generation = 7},
	        .done = member_done,
	        .param = block_new(MODE_MIRROR_LEN + 16),
	};

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	hba_set_member(f.h, 1, &m);
	fake_run(&f);
	fake_serve_one(&f); /* looks first */
	struct fake_script s = fake_take(&f);
	ck_assert_uint_eq(s.cdb[0], 0x55);
	fake_end_task(&f, &s, selects[_i].status, NULL, 0);
	if (selects[_i].status == SCSI_CHECK_CONDITION) {
		s = fake_take(&f);
		ck_assert_uint_eq(s.cdb[0], 0x03);
		fake_end_task(&f, &s, SCSI_GOOD, sense, selects[_i].key ? sizeof(sense) : 0);
	}
	ck_assert_uint_eq(member_told, 1);
	ck_assert(!member_ok);
	ck_assert_int_eq(m.may_have, selects[_i].may_have);
	fake_end(&f);
}
END_TEST

START_TEST(it_shows_that_it_lives)
{
	struct wire_attached a = {.epoch = 9, .id = FAKE_OUR_ID, .heartbeat_ms = 1000};

	fake_init(&f, NULL);
	hba_attached(f.h, &a, f.now);
	fake_run(&f);
	unsigned pings = f.n_ping;
	fake_wait(&f, 10 * NS_PER_S);
	ck_assert_uint_ge(f.n_ping - pings, 10);
	fake_frame(&f, &(struct wire_frame){.type = WIRE_PING, .ping = {77}});
	ck_assert_uint_eq(f.n_pong, 1);
	fake_end(&f);
}
END_TEST

TAP_MAIN_TABLE("hba_tasks", NULL, NULL, TAP_ONCE(good_and_its_data), TAP_ONCE(who_is_known_is_said),
               TAP_ONCE(data_in_comes_in_pieces_and_is_cut),
               TAP_ONCE(data_out_keeps_its_block_until_done),
               TAP_ONCE(check_condition_brings_its_sense_first),
               TAP_ONCE(sense_that_may_be_another_tasks_is_none),
               TAP_ONCE(an_aca_ends_behind_its_sense), TAP_ONCE(an_unknown_aca_is_ended),
               TAP_ONCE(sense_that_never_comes_still_ends_the_task), TAP_ONCE(nobody_answers),
               TAP_ONCE(command_timeout_aborts_the_task), TAP_ONCE(a_rejected_abort_is_unconfirmed),
               TAP_ONCE(a_status_beats_the_abort), TAP_ONCE(the_caller_aborts),
               TAP_TIMES(a_failure_beats_the_abort, 2), TAP_ONCE(a_failure_meets_a_hung_abort),
               TAP_ONCE(a_reset_ends_nexuses), TAP_ONCE(credit_and_order),
               TAP_TIMES(who_asks_for_members_waits_for_the_answer, 5),
               TAP_ONCE(who_asks_for_members_is_not_awaited_for_ever),
               TAP_TIMES(what_waits_when_the_owner_is_another, 3),
               TAP_ONCE(what_waits_when_the_owner_is_not_told), TAP_ONCE(the_server_is_not_flooded),
               TAP_ONCE(the_server_is_not_overfed), TAP_ONCE(a_refused_script_ends_its_task),
               TAP_ONCE(it_shows_that_it_lives),
               TAP_TIMES(an_unconfirmed_abort_quarantines_the_tag, 2),
               TAP_TIMES(a_queued_task_is_cancelled_not_aborted, 2),
               TAP_ONCE(an_abort_is_confirmed_late), TAP_TIMES(the_port_or_the_server_goes, 2),
               TAP_TIMES(a_command_whose_target_has_gone_is_cancelled, 2),
               TAP_TIMES(membership_is_written_and_read_back, 2),
               TAP_TIMES(a_membership_of_another_is_left_alone, 2),
               TAP_TIMES(a_group_that_was_taken_over_is_not_cleared, 3),
               TAP_TIMES(a_membership_is_written_anew, 3), TAP_TIMES(a_membership_may_be_busy, 3),
               TAP_EACH(a_membership_that_failed_may_be_there, selects));
