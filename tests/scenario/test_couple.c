/* SPDX-License-Identifier: BSD-2-Clause */
/* The three cores together, through encoded frames: what one says the others understand. */
#include "base/crc.h"
#include "scenario/couple_check.h"
#include "unit/tap_main.h"

#include <stdio.h>

#define DATA_BLOCKS 8
#define DATA_LEN    (DATA_BLOCKS * COUPLE_BLOCK_SIZE)

static struct couple *c;

/* As far as it goes without time. */
static void start_pass(struct hba_pass *p)
{
	couple_told = 0;
	hba_pass_start(c->h, p);
	couple_run(c);
}

/* That is to its end. */
static void run_pass(struct hba_pass *p)
{
	start_pass(p);
	ck_assert_uint_eq(couple_told, 1);
}

static void expect_good(const struct hba_pass *p, unsigned i)
{
	ck_assert_int_eq(p->m[i].outcome, PASS_STATUS);
	ck_assert_uint_eq(p->m[i].status, SCSI_GOOD);
	ck_assert_uint_eq(p->m[i].moved, p->data_len);
	ck_assert(couple_holds(c, i, p->cdb.lba, p->data));
}

static void all_good(const struct hba_pass *p)
{
	for (unsigned i = 0; i < p->n; i++)
		expect_good(p, i);
}

/* Nothing is under way, and nobody has the data any more. */
static void end(struct block *data)
{
	couple_quiet(c);
	couple_free(c);
	if (data)
		ck_assert_uint_eq(data->refs, 1);
	block_unref(data);
}

/* ---- without faults ---- */

START_TEST(the_scan_reads_what_the_disks_say)
{
	c = couple_new(3, _i, 16);
	for (uint8_t id = 0; id < 3; id++) {
		const struct hba_target *t = hba_target(c->h, id);
		ck_assert_int_eq(t->state, HBA_READY);
		ck_assert_str_eq(t->vendor, "SMIRROR");
		ck_assert_uint_eq(t->blocks, COUPLE_BLOCKS);
		ck_assert_uint_eq(t->block_size, COUPLE_BLOCK_SIZE);
		ck_assert_uint_eq(t->uuid[5], 0xd0 + id);
		ck_assert(t->mirror && t->vpd.queue_depth == 16);
		ck_assert(t->member.member && t->member.device == id);
		ck_assert_uint_eq(t->xfer.period, 9);
		ck_assert_uint_eq(t->xfer.wide, 1);
		ck_assert_uint_eq(t->xfer.options, XFER_DT_REQ);
	}
	end(NULL);
}
END_TEST

static void check_silent_tenure(const struct hba_pass *p, unsigned n)
{
	unsigned data_out = 0;
	uint32_t tenure = 0;

	ck_assert_uint_eq(couple_count(c, PHASE_SELECTION), 1);
	ck_assert_uint_eq(couple_count(c, PHASE_RESELECTION), n);
	ck_assert_uint_eq(couple_count(c, PHASE_COMMAND), 1);
	ck_assert_uint_eq(couple_count(c, PHASE_STATUS), n);
	for (unsigned i = 0; i < c->n_trace; i++) {
		const struct bus_trace *t = &c->trace[i].t;
		if (t->phase == PHASE_SELECTION)
			tenure = t->tenure;
		if (t->phase != PHASE_DATA_OUT)
			continue;
		ck_assert_uint_eq(t->tenure, tenure);
		ck_assert_uint_eq(t->leader, 0);
		ck_assert_uint_eq(t->bsy, 1); /* the leader's alone */
		ck_assert_uint_eq(t->driver, data_out);
		ck_assert_uint_eq(t->bytes, DATA_LEN);
		ck_assert_uint_eq(t->op, p->op);
		data_out++;
	}
	ck_assert_uint_eq(data_out, n);
}

START_TEST(a_silent_pass_writes_all_copies)
{
	struct block *data = couple_pattern(DATA_LEN, 1);
	struct hba_pass p;
	unsigned n = _i < 4 ? 1 + (unsigned)_i : (unsigned)_i;

	c = couple_new(n < 7 ? n : 7, _i % 2, 16);
	n = n < 7 ? n : 7;
	couple_forget(c);
	couple_pass(&p, n, 16, data);
	run_pass(&p);
	all_good(&p);
	ck_assert_uint_gt(p.bus_ns, 0);
	check_silent_tenure(&p, n);
	end(data);
}
END_TEST

START_TEST(a_flush_pass_and_a_verify_pass)
{
	struct block *data = couple_pattern(DATA_LEN, 2);
	struct hba_pass p;

	c = couple_new(3, _i, 16);
	couple_pass(&p, 3, 0, data);
	run_pass(&p);
	p.cdb = (struct scsi_cdb){.op = OP_SYNCHRONIZE_CACHE_16};
	p.data = NULL;
	p.data_len = 0;
	run_pass(&p);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(p.m[i].outcome, PASS_STATUS);
		ck_assert_uint_eq(p.m[i].status, SCSI_GOOD);
	}
	c->disk[1].media[3 * COUPLE_BLOCK_SIZE + 5] ^= 1;
	couple_pass(&p, 3, 0, data);
	p.cdb = (struct scsi_cdb){.op = OP_VERIFY_16, .blocks = DATA_BLOCKS, .bytchk = 1};
	run_pass(&p);
	ck_assert_uint_eq(p.m[0].status, SCSI_GOOD);
	ck_assert_uint_eq(p.m[1].status, SCSI_CHECK_CONDITION);
	ck_assert(p.m[1].has_sense && p.m[1].sense.key == KEY_MISCOMPARE);
	ck_assert_uint_eq(p.m[2].status, SCSI_GOOD);
	end(data);
}
END_TEST

static uint8_t got[DATA_LEN];
static void start_task(struct hba_task *t, uint8_t target, const struct scsi_cdb *cdb)
{
	t->target = target;
	couple_told = 0;
	couple_start(c, t, cdb);
	couple_run(c);
}

static void run_task(struct hba_task *t, uint8_t target, const struct scsi_cdb *cdb)
{
	start_task(t, target, cdb);
	ck_assert_uint_eq(couple_told, 1);
}

START_TEST(a_task_writes_and_another_reads)
{
	struct block *data = couple_pattern(DATA_LEN, 3);
	struct hba_task w = {.data_out = data, .data_out_len = DATA_LEN};
	struct hba_task r = {.data_in_len = DATA_LEN, .data_in = couple_take, .ctx = got};

	c = couple_new(1, _i, 16);
	run_task(&w, 0, &(struct scsi_cdb){.op = OP_WRITE_10, .lba = 7, .blocks = DATA_BLOCKS});
	ck_assert_int_eq(w.outcome, HBA_COMPLETED);
	ck_assert_uint_eq(w.status, SCSI_GOOD);
	ck_assert_uint_eq(w.moved_out, DATA_LEN);
	ck_assert(couple_holds(c, 0, 7, data));
	run_task(&r, 0, &(struct scsi_cdb){.op = OP_READ_16, .lba = 7, .blocks = DATA_BLOCKS});
	ck_assert_uint_eq(r.status, SCSI_GOOD);
	ck_assert_uint_eq(r.moved_in, DATA_LEN);
	ck_assert_mem_eq(got, data->data, DATA_LEN);
	end(data);
}
END_TEST

START_TEST(room_for_less_than_the_disk_sends)
{
	struct hba_task r = {
	        .data_in_len = 700, .data_in = couple_take, .ctx = got, .timeout_ns = NS_PER_S};
	struct hba_task again = {.data_in_len = DATA_LEN, .data_in = couple_take, .ctx = got};

	c = couple_new(1, _i, 16);
	start_task(&r, 0, &(struct scsi_cdb){.op = OP_READ_10, .blocks = 2});
	couple_wait(c, 3 * NS_PER_S);
	ck_assert_uint_eq(couple_told, 1);
	/* However it ends: the disk can be used as before. */
	ck_assert_uint_le(r.moved_in, 700);
	run_task(&again, 0, &(struct scsi_cdb){.op = OP_READ_10, .blocks = DATA_BLOCKS});
	ck_assert_int_eq(again.outcome, HBA_COMPLETED);
	ck_assert_uint_eq(again.status, SCSI_GOOD);
	couple_free(c);
}
END_TEST

START_TEST(check_condition_and_its_sense)
{
	struct hba_task r = {.data_in_len = 512};

	c = couple_new(1, _i, 16);
	run_task(&r, 0, &(struct scsi_cdb){.op = OP_READ_10, .lba = COUPLE_BLOCKS, .blocks = 1});
	ck_assert_uint_eq(r.status, SCSI_CHECK_CONDITION);
	ck_assert(r.has_sense);
	ck_assert(scsi_sense_is(&r.sense, &SENSE_LBA_OUT_OF_RANGE));
	end(NULL);
}
END_TEST

START_TEST(untagged_tasks)
{
	struct hba_task t[3];

	c = couple_new(1, _i, 16);
	couple_told = 0;
	for (unsigned i = 0; i < 3; i++) {
		t[i] = (struct hba_task){
		        .untagged = true, .cdb = {0x00}, .cdb_len = 6, .done = couple_task_done};
		hba_task_start(c->h, &t[i]);
	}
	couple_run(c);
	ck_assert_uint_eq(couple_told, 3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(t[i].status, SCSI_GOOD);
	end(NULL);
}
END_TEST

START_TEST(nobody_at_this_id)
{
	struct hba_task t = {0};

	c = couple_new(1, false, 16);
	run_task(&t, 12, &(struct scsi_cdb){.op = OP_TEST_UNIT_READY});
	ck_assert_int_eq(t.outcome, HBA_SELECTION_TIMEOUT);
	ck_assert_uint_ge(t.bus_ns, 250 * NS_PER_MS);
	end(NULL);
}
END_TEST

/* ---- faults ---- */

START_TEST(a_medium_error_names_its_block)
{
	struct block *data = couple_pattern(DATA_LEN, 4);
	struct hba_pass p;

	c = couple_new(3, _i, 16);
	couple_fault(c, 1, "medium-error:lba=21,times=1");
	couple_pass(&p, 3, 16, data);
	run_pass(&p);
	expect_good(&p, 0);
	expect_good(&p, 2);
	ck_assert_uint_eq(p.m[1].status, SCSI_CHECK_CONDITION);
	ck_assert(p.m[1].has_sense && p.m[1].sense.info_valid);
	ck_assert_uint_eq(p.m[1].sense.key, KEY_MEDIUM_ERROR);
	ck_assert_uint_eq(p.m[1].sense.info, 21);
	/* to just the one that misses it */
	couple_pass(&p, 1, 16, data);
	p.m[0].target = p.m[0].device = 1;
	run_pass(&p);
	ck_assert_uint_eq(p.m[0].status, SCSI_GOOD);
	ck_assert(couple_holds(c, 1, 16, data));
	end(data);
}
END_TEST

START_TEST(busy_and_full_skip_their_data)
{
	struct block *data = couple_pattern(DATA_LEN, 5);
	struct hba_pass p;

	c = couple_new(3, _i, 16);
	couple_fault(c, 0, "busy:times=1");
	couple_fault(c, 2, "task-set-full:times=1");
	couple_pass(&p, 3, 16, data);
	run_pass(&p);
	ck_assert_uint_eq(p.m[0].status, SCSI_BUSY);
	ck_assert_uint_eq(p.m[0].moved, 0);
	expect_good(&p, 1);
	ck_assert_uint_eq(p.m[2].status, SCSI_TASK_SET_FULL);
	run_pass(&p);
	all_good(&p);
	end(data);
}
END_TEST

START_TEST(a_crc_error_is_told)
{
	struct block *data = couple_pattern(DATA_LEN, 6);
	struct hba_pass p;

	c = couple_new(2, _i, 16);
	couple_fault(c, 1, "crc-error:times=1");
	couple_pass(&p, 2, 0, data);
	run_pass(&p);
	expect_good(&p, 0);
	ck_assert_uint_eq(p.m[1].status, SCSI_CHECK_CONDITION);
	ck_assert(scsi_sense_is(&p.m[1].sense, &SENSE_DATA_CRC));
	end(data);
}
END_TEST

START_TEST(a_status_that_never_comes)
{
	struct block *data = couple_pattern(DATA_LEN, 7);
	struct hba_pass p;

	c = couple_new(3, _i, 16);
	couple_fault(c, 2, "no-status:times=1");
	couple_pass(&p, 3, 0, data);
	start_pass(&p);
	ck_assert_uint_eq(couple_told, 0);
	couple_wait(c, 5 * NS_PER_S);
	ck_assert_uint_eq(couple_told, 1);
	expect_good(&p, 0);
	expect_good(&p, 1);
	ck_assert_int_eq(p.m[2].outcome, PASS_TIMEOUT);
	ck_assert_uint_eq(hba_stats(c->h)->aborts, 1);
	ck_assert_uint_eq(hba_stats(c->h)->aborts_failed, 0);
	/* no tag is lost by it */
	for (unsigned i = 0; i < 600; i++)
		run_pass(&p);
	expect_good(&p, 2);
	end(data);
}
END_TEST

START_TEST(a_task_without_status_is_aborted)
{
	struct hba_task r = {.data_in_len = DATA_LEN, .data_in = couple_take, .ctx = got};

	c = couple_new(1, _i, 16);
	couple_fault(c, 0, "no-status:times=1");
	start_task(&r, 0, &(struct scsi_cdb){.op = OP_READ_10, .blocks = DATA_BLOCKS});
	ck_assert_uint_eq(couple_told, 0);
	couple_wait(c, 11 * NS_PER_S);
	ck_assert_uint_eq(couple_told, 1);
	ck_assert_int_eq(r.outcome, HBA_COMMAND_TIMEOUT);
	run_task(&r, 0, &(struct scsi_cdb){.op = OP_READ_10, .blocks = DATA_BLOCKS});
	ck_assert_uint_eq(r.status, SCSI_GOOD);
	ck_assert_uint_eq(hba_stats(c->h)->aborts_failed, 0);
	end(NULL);
}
END_TEST

START_TEST(slow_disks_do_not_hold_the_others)
{
	struct block *data = couple_pattern(DATA_LEN, 8);
	struct hba_pass p;

	c = couple_new(3, _i, 16);
	couple_fault(c, 1, "slow:ms=300");
	couple_pass(&p, 3, 0, data);
	start_pass(&p);
	ck_assert_uint_eq(couple_told, 0);
	ck_assert_uint_eq(hba_target(c->h, 0)->in_flight, 0);
	couple_wait(c, 300 * NS_PER_MS);
	ck_assert_uint_eq(couple_told, 1);
	expect_good(&p, 1);
	end(data);
}
END_TEST

static const char *const steps[] = {"selected", "command", "data", "status"};

/* Each of three dies at each step; the others' copies are good or known not to be. */
START_TEST(one_dies_in_a_pass)
{
	struct block *data = couple_pattern(DATA_LEN, 9);
	struct hba_pass p;
	unsigned victim = (unsigned)_i % 3;
	char spec[32];

	c = couple_new(3, false, 16);
	snprintf(spec, sizeof(spec), "die:at=%s", steps[_i / 3]);
	couple_fault(c, (uint8_t)victim, spec);
	couple_pass(&p, 3, 0, data);
	start_pass(&p);
	couple_wait(c, 10 * NS_PER_S);
	ck_assert_uint_eq(couple_told, 1);
	ck_assert(c->disk[victim].dead);
	ck_assert_int_eq(hba_target(c->h, (uint8_t)victim)->state, HBA_ABSENT);
	for (unsigned i = 0; i < 3; i++) {
		const struct hba_pass_member *m = &p.m[i];
		if (i == victim) {
			ck_assert(m->outcome == PASS_NOT_TAKEN || m->outcome == PASS_LOST);
			ck_assert(m->outcome == PASS_LOST || !couple_holds(c, i, 0, data));
		} else if (m->outcome == PASS_STATUS) {
			expect_good(&p, i);
		} else {
			ck_assert_uint_eq(victim, 0); /* only the leader takes others with it */
			ck_assert_int_eq(m->outcome, PASS_NOT_TAKEN);
			ck_assert(!couple_holds(c, i, 0, data));
		}
	}
	/* The others go on, another of them leading; the dead one comes back. */
	couple_pass(&p, 2, 8, data);
	p.m[0].target = p.m[0].device = (uint8_t)((victim + 1) % 3);
	p.m[1].target = p.m[1].device = (uint8_t)((victim + 2) % 3);
	run_pass(&p);
	ck_assert_int_eq(p.m[0].outcome, PASS_STATUS);
	ck_assert_int_eq(p.m[1].outcome, PASS_STATUS);
	couple_kill(c, (uint8_t)victim);
	couple_attach(c, (uint8_t)victim);
	couple_wait(c, NS_PER_S);
	ck_assert_int_eq(hba_target(c->h, (uint8_t)victim)->state, HBA_READY);
	couple_free(c);
	block_unref(data);
}
END_TEST

START_TEST(a_reset_under_way)
{
	struct block *data = couple_pattern(DATA_LEN, 10);
	struct hba_pass p;

	c = couple_new(3, _i, 16);
	c->disk[1].slow = true;
	couple_pass(&p, 3, 0, data);
	start_pass(&p);
	ck_assert_uint_eq(couple_told, 0);
	hba_reset_bus(c->h);
	couple_run(c);
	ck_assert_uint_eq(couple_told, 1);
	ck_assert_int_eq(p.m[0].outcome, PASS_STATUS);
	ck_assert_int_eq(p.m[1].outcome, PASS_LOST);
	ck_assert_int_eq(p.m[2].outcome, PASS_STATUS);
	c->disk[1].slow = false;
	couple_release(c, 1);
	couple_wait(c, NS_PER_S);
	ck_assert(hba_settled(c->h));
	for (uint8_t id = 0; id < 3; id++) {
		ck_assert_int_eq(hba_target(c->h, id)->state, HBA_READY);
		ck_assert_uint_eq(hba_target(c->h, id)->xfer.period, 9);
	}
	run_pass(&p);
	all_good(&p);
	couple_free(c);
	block_unref(data);
}
END_TEST

START_TEST(the_bus_server_is_restarted)
{
	struct block *data = couple_pattern(DATA_LEN, 11);
	struct hba_pass p;

	c = couple_new(3, _i, 16);
	c->disk[1].slow = true;
	couple_pass(&p, 3, 0, data);
	start_pass(&p);
	ck_assert_uint_eq(couple_told, 0);
	couple_restart_bus(c);
	couple_wait(c, NS_PER_S);
	ck_assert_uint_eq(couple_told, 1);
	expect_good(&p, 0);
	ck_assert_int_eq(p.m[1].outcome, PASS_LOST);
	expect_good(&p, 2);
	c->disk[1].slow = false;
	ck_assert(hba_settled(c->h));
	run_pass(&p);
	all_good(&p);
	end(data);
}
END_TEST

#define CHAIN 4

/* What waits for the bus together is one tenure. */
START_TEST(passes_that_wait_are_chained)
{
	struct hba_pass p[CHAIN];
	struct block *data[CHAIN];

	c = couple_new(3, _i, 16);
	ns_t before = bus_now(c->bus);
	for (unsigned k = 0; k < CHAIN; k++) {
		data[k] = couple_pattern(DATA_LEN, 50 + k);
		couple_pass(&p[k], 3, k * DATA_BLOCKS, data[k]);
	}
	run_pass(&p[0]);
	ns_t alone = bus_now(c->bus) - before;
	ck_assert_uint_eq(p[0].bus_ns, alone);
	couple_forget(c);
	couple_told = 0;
	before = bus_now(c->bus);
	couple_pass(&p[0], 3, 0, data[0]);
	for (unsigned k = 0; k < CHAIN; k++)
		hba_pass_start(c->h, &p[k]);
	couple_run(c);
	ck_assert_uint_eq(couple_told, CHAIN);
	ns_t took = 0;
	for (unsigned k = 0; k < CHAIN; k++) {
		for (unsigned i = 0; i < 3; i++)
			expect_good(&p[k], i);
		ck_assert(!p[k].leader_failed);
		took += p[k].bus_ns;
	}
	ck_assert_uint_eq(took, bus_now(c->bus) - before);
	ck_assert_uint_eq(took, CHAIN * alone - (CHAIN - 1) * COUPLE_SPARED_NS);
	ck_assert_uint_eq(couple_count(c, PHASE_SELECTION), 1);
	ck_assert_uint_eq(couple_count(c, PHASE_COMMAND), CHAIN);
	ck_assert_uint_eq(couple_count(c, PHASE_RESELECTION), 3 * CHAIN);
	couple_quiet(c);
	couple_free(c);
	for (unsigned k = 0; k < CHAIN; k++)
		block_unref(data[k]);
}
END_TEST

/* The leader dies in the second pass of a chain: the first is done, and nobody's fault. */
START_TEST(a_leader_dies_in_a_chain)
{
	struct hba_pass p[3];
	struct block *data[3];

	c = couple_new(3, true, 16);
	couple_forget(c);
	for (unsigned k = 0; k < 3; k++) {
		data[k] = couple_pattern(DATA_LEN, 60 + k);
		couple_pass(&p[k], 3, k * DATA_BLOCKS, data[k]);
		hba_pass_start(c->h, &p[k]);
	}
	couple_told = 0;
	while (couple_count(c, PHASE_COMMAND) < 2)
		couple_turns(c, 1);
	couple_kill(c, 0);
	couple_run(c);
	couple_attach(c, 0);
	couple_wait(c, 20 * NS_PER_S);
	ck_assert_uint_eq(couple_told, 3);
	ck_assert(!p[0].leader_failed && p[1].leader_failed && p[2].leader_failed);
	ck_assert_int_eq(p[0].m[0].outcome, PASS_LOST); /* its status */
	expect_good(&p[0], 1);
	expect_good(&p[0], 2);
	for (unsigned i = 1; i < 3; i++)
		ck_assert_int_eq(p[1].m[i].outcome, PASS_NOT_TAKEN);
	couple_free(c);
	for (unsigned k = 0; k < 3; k++)
		block_unref(data[k]);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("couple");
	TCase *armed = tcase_create("armed and not"), *rest = tcase_create("couple");

	tcase_set_timeout(armed, 120);
	tcase_set_timeout(rest, 120);
	tcase_add_loop_test(armed, the_scan_reads_what_the_disks_say, 0, 2);
	tcase_add_loop_test(armed, a_silent_pass_writes_all_copies, 0, 8);
	tcase_add_loop_test(armed, a_flush_pass_and_a_verify_pass, 0, 2);
	tcase_add_loop_test(armed, passes_that_wait_are_chained, 0, 2);
	tcase_add_loop_test(armed, a_task_writes_and_another_reads, 0, 2);
	tcase_add_loop_test(armed, room_for_less_than_the_disk_sends, 0, 2);
	tcase_add_loop_test(armed, check_condition_and_its_sense, 0, 2);
	tcase_add_loop_test(armed, untagged_tasks, 0, 2);
	tcase_add_loop_test(armed, a_medium_error_names_its_block, 0, 2);
	tcase_add_loop_test(armed, busy_and_full_skip_their_data, 0, 2);
	tcase_add_loop_test(armed, a_crc_error_is_told, 0, 2);
	tcase_add_loop_test(armed, a_status_that_never_comes, 0, 2);
	tcase_add_loop_test(armed, a_task_without_status_is_aborted, 0, 2);
	tcase_add_loop_test(armed, slow_disks_do_not_hold_the_others, 0, 2);
	tcase_add_loop_test(armed, a_reset_under_way, 0, 2);
	tcase_add_loop_test(armed, the_bus_server_is_restarted, 0, 2);
	suite_add_tcase(suite, armed);
	tcase_add_test(rest, nobody_at_this_id);
	tcase_add_loop_test(rest, one_dies_in_a_pass, 0, 12);
	tcase_add_test(rest, a_leader_dies_in_a_chain);
	suite_add_tcase(suite, rest);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
