/* SPDX-License-Identifier: BSD-2-Clause */
/* The host adapter frame by frame: silent mirroring passes and all their outcomes. */
#include "scenario/fake_bus.h"
#include "unit/tap_main.h"

#include <string.h>

static struct fake f;
static unsigned told;
static struct block *data;

static void pass_done(struct hba_pass *p)
{
	(void)p;
	told++;
}

static void task_done(struct hba_task *t)
{
	(void)t;
	told++;
}

static void page_done(struct hba_set_member *m, bool ok, const char *why)
{
	(void)m, (void)ok, (void)why;
	told++;
}

/* Three disks, 1, 2 and 3, with device ids 11, 12 and 13 in group 77. */
static void setup_with(const struct hba_config *cfg, uint16_t queue_depth)
{
	told = 0;
	fake_init(&f, cfg);
	for (uint8_t id = 1; id <= 3; id++)
		fake_disk_up(&f, id, queue_depth);
	data = block_new(4096);
	memset(data->data, 0x5a, 4096);
}

static void setup(void)
{
	setup_with(NULL, 8);
}

static void teardown(void)
{
	fake_end(&f);
	ck_assert_uint_eq(data->refs, 1);
	block_unref(data);
}

static void prepare(struct hba_pass *p, unsigned n)
{
	fake_pass(p, n, data, pass_done);
}

static void start(struct hba_pass *p, unsigned n)
{
	prepare(p, n);
	hba_pass_start(f.h, p);
	fake_run(&f);
}

/* A pass to three, up to the report of its tenure, which is to be changed and sent. */
static struct fake_script s;
static struct wire_tenure run(struct hba_pass *p)
{
	start(p, 3);
	s = fake_take(&f);
	return fake_released(&f, &s);
}

static void status_good(unsigned leg)
{
	struct fake_status st = fake_status_of(&f, &s, leg, (uint8_t)(1 + leg));

	fake_send_status(&f, &st);
}

static void expect(const struct hba_pass *p, enum hba_member_outcome a, enum hba_member_outcome b,
                   enum hba_member_outcome c)
{
	ck_assert_int_eq(p->m[0].outcome, a);
	ck_assert_int_eq(p->m[1].outcome, b);
	ck_assert_int_eq(p->m[2].outcome, c);
	for (uint8_t id = 1; id <= 3; id++)
		if (hba_target(f.h, id)->state != HBA_SCANNING)
			ck_assert_uint_eq(hba_target(f.h, id)->in_flight, 0);
}

START_TEST(the_script_is_as_the_protocol_says)
{
	struct hba_pass p;

	run(&p);
	ck_assert_uint_eq(s.target, 1);
	ck_assert(s.tagged && s.mirror && s.release);
	ck_assert_uint_eq(s.group, 77);
	ck_assert_uint_eq(s.cdb[0], 0x8a);
	ck_assert_uint_eq(s.cdb_len, 16);
	ck_assert_uint_eq(s.n_legs, 3);
	ck_assert_uint_eq(s.data_block, 4096); /* once, however many legs */
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(s.leg[i].device, 11 + i);
		ck_assert_uint_eq(s.leg[i].op, p.op);
		ck_assert_uint_eq(s.leg[i].data_len, 4096);
		ck_assert_int_eq(s.leg[i].last, i == 2);
	}
	hba_detached(f.h, f.now);
	fake_run(&f);
}
END_TEST

/* Another pass goes on under its tenure: it is over as if the bus had been released. */
START_TEST(a_chained_one_awaits_its_statuses)
{
	struct hba_config cfg = fake_config();
	struct hba_pass p;

	teardown();
	cfg.tenure_chain_limit_ns = 10 * NS_PER_MS;
	setup_with(&cfg, 8);
	struct wire_tenure tn = run(&p);
	ck_assert_uint_eq(s.chain_ns, 10 * NS_PER_MS);
	tn.outcome = OUTCOME_CHAINED;
	fake_send(&f, &tn, NULL, 0);
	ck_assert_uint_eq(told, 0);
	for (unsigned i = 0; i < 3; i++)
		status_good(i);
	ck_assert_uint_eq(told, 1);
	ck_assert(!p.leader_failed);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_STATUS);
	ck_assert_uint_eq(hba_stats(f.h)->protocol_errors, 0);
}
END_TEST

/* Each has a tenure of its own. */
START_TEST(without_a_limit_none_is_chained)
{
	struct hba_pass p;

	run(&p);
	ck_assert_uint_eq(s.chain_ns, 0);
	hba_detached(f.h, f.now);
	fake_run(&f);
}
END_TEST

START_TEST(one_member_is_a_pass_too)
{
	struct hba_pass p;

	start(&p, 1);
	s = fake_take(&f);
	ck_assert_uint_eq(s.n_legs, 1);
	ck_assert(s.leg[0].last && s.release);
	struct wire_tenure tn = fake_released(&f, &s);
	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(p.m[0].outcome, PASS_STATUS);
}
END_TEST

START_TEST(all_good)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	fake_send(&f, &tn, NULL, 0);
	status_good(2);
	status_good(0);
	ck_assert_uint_eq(told, 0);
	ck_assert_uint_eq(hba_target(f.h, 2)->in_flight, 1);
	ck_assert_uint_eq(hba_target(f.h, 1)->in_flight, 0);
	status_good(1);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_STATUS);
	ck_assert_uint_eq(p.m[1].moved, 4096);
	ck_assert_uint_eq(p.bus_ns, 4000); /* its tenure and three of statuses */
	ck_assert(!p.leader_failed);
	status_good(1); /* twice is once too often */
	ck_assert_uint_eq(told, 1);
	ck_assert_uint_eq(hba_stats(f.h)->stale_statuses, 1);
}
END_TEST

START_TEST(statuses_before_the_report)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	status_good(0);
	status_good(1);
	status_good(2);
	ck_assert_uint_eq(told, 0);
	fake_send(&f, &tn, NULL, 0);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_STATUS);
	ck_assert_uint_eq(p.m[2].moved, 4096);
}
END_TEST

START_TEST(a_pass_without_data)
{
	struct hba_pass p;

	prepare(&p, 3);
	p.cdb = (struct scsi_cdb){.op = OP_SYNCHRONIZE_CACHE_16};
	p.data = NULL;
	p.data_len = 0;
	hba_pass_start(f.h, &p);
	fake_run(&f);
	s = fake_take(&f);
	ck_assert_uint_eq(s.data_out, 0);
	ck_assert_uint_eq(s.n_legs, 3);
	struct wire_tenure tn = fake_released(&f, &s);
	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	status_good(1);
	ck_assert_uint_eq(told, 0);
	fake_port(&f, 3, false); /* it may have flushed or not: that is not "nothing done" */
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_LOST);
}
END_TEST

START_TEST(sense_comes_with_the_status)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);
	struct scsi_sense sense = scsi_sense_info(SENSE_WRITE_ERROR, 12);

	tn.legs[2].result = LEG_DECLINED;
	tn.legs[2].moved = 0;
	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	struct fake_status st = fake_status_of(&f, &s, 1, 2);
	st.status = SCSI_CHECK_CONDITION;
	st.sense = &sense;
	fake_send_status(&f, &st);
	st = fake_status_of(&f, &s, 2, 3);
	st.status = SCSI_BUSY;
	fake_send_status(&f, &st);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_STATUS);
	ck_assert(p.m[1].has_sense && p.m[1].sense.info_valid);
	ck_assert_uint_eq(p.m[1].sense.info, 12);
	ck_assert_uint_eq(p.m[2].status, SCSI_BUSY);
	ck_assert(!p.m[2].has_sense);
	ck_assert_uint_eq(p.m[2].moved, 0);
}
END_TEST

START_TEST(not_taken)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	tn.legs[1].result = LEG_NO_TAKER;
	tn.legs[1].moved = 0;
	tn.legs[2].result = LEG_TIMEOUT;
	tn.legs[2].moved = 0;
	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_NOT_TAKEN, PASS_NOT_TAKEN);
	ck_assert(!p.leader_failed);
	/* the one that had the token may know the task: it is told to forget it */
	struct fake_script a = fake_take(&f);
	ck_assert(a.abort);
	ck_assert_uint_eq(a.target, 3);
	ck_assert_uint_eq(a.tag, s.tag);
	ck_assert_uint_eq(f.n, 0);
	hba_detached(f.h, f.now);
}
END_TEST

START_TEST(a_status_saves_who_was_late)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	tn.legs[2].result = LEG_TIMEOUT;
	tn.legs[2].moved = 0;
	status_good(2);
	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	status_good(1);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_STATUS);
	ck_assert_uint_eq(f.n, 0);
}
END_TEST

START_TEST(nobody_is_there_to_lead)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	tn.outcome = OUTCOME_SELECTION_TIMEOUT;
	tn.n_legs = 0;
	fake_send(&f, &tn, NULL, 0);
	ck_assert_uint_eq(told, 1);
	ck_assert(p.leader_failed);
	expect(&p, PASS_NOT_TAKEN, PASS_NOT_TAKEN, PASS_NOT_TAKEN);
}
END_TEST

START_TEST(the_leader_goes_astray)
{
	static const uint8_t outcomes[] = {OUTCOME_BAD_SCRIPT, OUTCOME_COMPLETE,
	                                   OUTCOME_DISCONNECTED, OUTCOME_NO_NEXUS};
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	tn.outcome = outcomes[_i];
	for (unsigned i = 0; i < 3; i++) {
		tn.legs[i].result = LEG_NOT_REACHED;
		tn.legs[i].moved = 0;
	}
	fake_send(&f, &tn, NULL, 0);
	ck_assert_uint_eq(told, 1);
	ck_assert(p.leader_failed);
	ck_assert_uint_eq(hba_stats(f.h)->protocol_errors, 1);
	expect(&p, PASS_NOT_TAKEN, PASS_NOT_TAKEN, PASS_NOT_TAKEN);
}
END_TEST

START_TEST(the_leader_dies)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	/* participant 1 had all its data, participant 2 was never named */
	tn.outcome = OUTCOME_UNEXPECTED_FREE;
	tn.legs[2].result = LEG_NOT_REACHED;
	tn.legs[2].moved = 0;
	if (_i == 0)
		fake_port(&f, 1, false); /* before the report, or after it */
	fake_send(&f, &tn, NULL, 0);
	if (_i == 1)
		fake_port(&f, 1, false);
	ck_assert_uint_eq(told, 0);
	status_good(1);
	ck_assert_uint_eq(told, 1);
	ck_assert(p.leader_failed);
	expect(&p, PASS_LOST, PASS_STATUS, PASS_NOT_TAKEN);
}
END_TEST

START_TEST(the_leader_dies_in_its_data_phase)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	tn.outcome = OUTCOME_UNEXPECTED_FREE;
	tn.legs[0].result = LEG_CUT;
	tn.legs[0].moved = _i ? 512 : 0;
	for (unsigned i = 1; i < 3; i++) {
		tn.legs[i].result = LEG_NOT_REACHED;
		tn.legs[i].moved = 0;
	}
	fake_send(&f, &tn, NULL, 0);
	ck_assert_uint_eq(told, 0);
	fake_port(&f, 1, false);
	ck_assert_uint_eq(told, 1);
	expect(&p, _i ? PASS_LOST : PASS_NOT_TAKEN, PASS_NOT_TAKEN, PASS_NOT_TAKEN);
}
END_TEST

START_TEST(one_is_cut_off_and_says_so)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	tn.outcome = OUTCOME_UNEXPECTED_FREE;
	tn.legs[1].result = LEG_CUT;
	tn.legs[1].moved = 1024;
	tn.legs[2].result = LEG_NOT_REACHED;
	tn.legs[2].moved = 0;
	fake_send(&f, &tn, NULL, 0);
	struct fake_status st = fake_status_of(&f, &s, 1, 2);
	st.status = SCSI_CHECK_CONDITION;
	st.sense = &SENSE_DATA_PHASE_ERROR;
	fake_send_status(&f, &st);
	status_good(0); /* the leader let go, but lives */
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_NOT_TAKEN);
	ck_assert_uint_eq(p.m[1].sense.asc, 0x4b);
	ck_assert_uint_eq(p.m[1].moved, 1024);
}
END_TEST

START_TEST(a_reset_in_the_tenure)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	tn.outcome = OUTCOME_RESET;
	tn.legs[1].result = LEG_CUT;
	tn.legs[1].moved = 512;
	tn.legs[2].result = LEG_NOT_REACHED;
	tn.legs[2].moved = 0;
	if (_i == 0)
		fake_rst(&f); /* either order */
	ck_assert_uint_eq(told, 0);
	fake_send(&f, &tn, NULL, 0);
	ck_assert_uint_eq(told, 1);
	if (_i == 1)
		fake_rst(&f);
	expect(&p, PASS_LOST, PASS_LOST, PASS_NOT_TAKEN);
	ck_assert(!p.leader_failed);
	fake_serve(&f);
	ck_assert(hba_settled(f.h));
}
END_TEST

START_TEST(a_reset_while_statuses_are_awaited)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	tn.legs[2].result = LEG_DECLINED;
	tn.legs[2].moved = 0;
	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	fake_rst(&f);
	ck_assert_uint_eq(told, 1);
	/* who declined wrote nothing */
	expect(&p, PASS_STATUS, PASS_LOST, PASS_NOT_TAKEN);
	status_good(1);
	ck_assert_uint_eq(told, 1);
	fake_serve(&f);
}
END_TEST

START_TEST(a_port_goes_while_its_status_is_awaited)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	status_good(1);
	fake_port(&f, 3, false);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_LOST);
}
END_TEST

START_TEST(status_timeout)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	fake_wait(&f, 5 * NS_PER_S - 1);
	ck_assert_uint_eq(f.n, 0);
	fake_wait(&f, 1);
	/* both are aborted; one confirms, the other's status comes after all */
	struct fake_script a = fake_take(&f), b = fake_take(&f);
	ck_assert(a.abort && b.abort);
	ck_assert_uint_eq(a.target + b.target, 5);
	ck_assert_uint_eq(a.tag, s.tag);
	fake_outcome(&f, a.target == 2 ? &a : &b, OUTCOME_UNEXPECTED_FREE);
	ck_assert_uint_eq(told, 0);
	status_good(2);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_TIMEOUT, PASS_STATUS);
	ck_assert(p.m[1].aborted);
	/* its abort is still on its way: the tag is not used meanwhile */
	for (unsigned i = 0; i < 300; i++) {
		prepare(&p, 1);
		p.m[0].target = 3;
		hba_pass_start(f.h, &p);
		fake_run(&f);
		struct fake_script other = fake_take(&f);
		ck_assert_uint_ne(other.tag, s.tag);
		fake_outcome(&f, &other, OUTCOME_SELECTION_TIMEOUT);
	}
}
END_TEST

START_TEST(an_abort_without_answer)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);

	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	status_good(1);
	fake_wait(&f, 6 * NS_PER_S);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_TIMEOUT);
	ck_assert(!p.m[2].aborted);
	status_good(2);
	ck_assert_uint_eq(hba_stats(f.h)->stale_statuses, 1);
	/* It may still read them: the memory is not for other data before it has gone. */
	ck_assert_uint_eq(data->refs, 2);
	fake_port(&f, 3, false);
	fake_run(&f);
	ck_assert_uint_eq(data->refs, 1);
}
END_TEST

START_TEST(old_statuses_are_dropped)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);
	struct fake_status st = fake_status_of(&f, &s, 1, 2);

	fake_send(&f, &tn, NULL, 0);
	switch (_i) {
	case 0:
		st.op--;
		break;
	case 1:
		st.tag++;
		break;
	case 2:
		st.epoch--;
		break;
	case 3:
		st.group++;
		break;
	case 4:
		st.device++;
		break;
	case 5:
		st.target = 3; /* another target speaks for it */
		st.epoch = f.disk[3].epoch;
		break;
	}
	fake_send_status(&f, &st);
	ck_assert_uint_eq(hba_stats(f.h)->stale_statuses, 1);
	ck_assert_uint_eq(hba_target(f.h, 2)->in_flight, 1);
	status_good(0);
	status_good(1);
	status_good(2);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_STATUS);
}
END_TEST

START_TEST(a_status_cut_short_is_none)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);
	struct fake_script none = {.target = 2};

	fake_send(&f, &tn, NULL, 0);
	tn = fake_tenure(&f, &none, OUTCOME_UNEXPECTED_FREE);
	tn.reselected = true;
	fake_send(&f, &tn, NULL, 0);
	ck_assert_uint_eq(hba_stats(f.h)->protocol_errors, 1);
	ck_assert_uint_eq(hba_target(f.h, 2)->in_flight, 1);
	for (unsigned i = 0; i < 3; i++)
		status_good(i);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_STATUS);
}
END_TEST

START_TEST(the_server_goes)
{
	struct hba_pass flying, handed, waiting;
	struct wire_tenure tn = run(&flying);

	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	start(&handed, 3);
	prepare(&waiting, 3);
	hba_pass_start(f.h, &waiting);
	hba_detached(f.h, f.now);
	fake_run(&f);
	ck_assert_uint_eq(told, 3);
	expect(&flying, PASS_STATUS, PASS_LOST, PASS_LOST);
	expect(&handed, PASS_LOST, PASS_LOST, PASS_LOST);
	expect(&waiting, PASS_NOT_TAKEN, PASS_NOT_TAKEN, PASS_NOT_TAKEN);
	start(&waiting, 3);
	ck_assert_uint_eq(told, 4);
	expect(&waiting, PASS_NOT_TAKEN, PASS_NOT_TAKEN, PASS_NOT_TAKEN);
}
END_TEST

START_TEST(the_server_goes_after_all_statuses)
{
	struct hba_pass p;

	run(&p);
	for (unsigned i = 0; i < 3; i++)
		status_good(i);
	ck_assert_uint_eq(told, 0);
	hba_detached(f.h, f.now);
	fake_run(&f);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_STATUS);
}
END_TEST

/* In each state: data go back, and nobody is told. */
START_TEST(the_adapter_is_freed)
{
	static struct hba_pass flying, known, handed, waiting;
	static struct hba_set_member page;
	struct hba_task task = {.target = 2,
	                        .cdb_len = 6,
	                        .cdb = {0x0a, 0, 0, 8, 8},
	                        .data_out = data,
	                        .data_out_len = 4096,
	                        .done = task_done};
	struct block *param = block_new(64);

	run(&known);
	for (unsigned i = 0; i < 3; i++)
		status_good(i); /* before the report: it holds no tag any more */
	struct wire_tenure tn = run(&flying);
	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	start(&handed, 3);
	hba_task_start(f.h, &task);
	page = (struct hba_set_member){.param = block_ref(param), .done = page_done};
	hba_set_member(f.h, 3, &page);
	fake_run(&f);
	start(&waiting, 3);
	ck_assert_uint_eq(told, 0);
	ck_assert_uint_gt(data->refs, 1);
	hba_free(f.h);
	ck_assert_uint_eq(told, 0);
	ck_assert_uint_eq(data->refs, 1);
	ck_assert_uint_eq(param->refs, 1);
	block_unref(param);
	fake_init(&f, NULL);
}
END_TEST

/* It is not for who comes in a member's place. */
START_TEST(what_waits_when_a_member_goes)
{
	struct hba_pass p;

	hba_scan(f.h);
	fake_run(&f);
	start(&p, 3);
	fake_port(&f, 2, true); /* another one, with that ID */
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_LOST, PASS_LOST, PASS_LOST);
	ck_assert(!p.leader_failed);
	while (f.n > 0) {
		ck_assert(!f.script[0].mirror);
		fake_serve_one(&f);
	}
	ck_assert_uint_eq(told, 1);
}
END_TEST

/* Nor for a group that another initiator has taken over, as the scan finds out that it waits for.
 */
START_TEST(what_waits_when_a_group_is_taken_over)
{
	struct hba_pass p;

	hba_scan(f.h);
	fake_run(&f);
	start(&p, 3);
	f.disk[2].member.member = true;
	f.disk[2].member.owner[0] = 6;
	fake_serve(&f);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_LOST, PASS_LOST, PASS_LOST);
}
END_TEST

START_TEST(a_new_incarnation_is_not_the_old_one)
{
	struct hba_pass p;
	struct wire_tenure tn = run(&p);
	uint32_t old = f.disk[2].epoch;

	fake_port(&f, 2, false);
	fake_port(&f, 2, true);
	f.n = 0; /* its scan is not answered here */
	tn.legs[1].moved = 4096;
	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	status_good(2);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_LOST, PASS_STATUS);
	ck_assert_uint_ne(f.disk[2].epoch, old);
	hba_detached(f.h, f.now);
}
END_TEST

START_TEST(a_refused_script)
{
	struct hba_pass p;
	struct wire_frame e = {.type = WIRE_ERROR,
	                       .error = {.code = CODE_BAD_FRAME, .frame_type = WIRE_SCRIPT}};

	run(&p);
	e.error.ref = s.id;
	fake_frame(&f, &e);
	ck_assert_uint_eq(told, 1);
	ck_assert_uint_eq(hba_stats(f.h)->internal_errors, 1);
	expect(&p, PASS_LOST, PASS_LOST, PASS_LOST);
	hba_detached(f.h, f.now);
}
END_TEST

START_TEST(a_silent_server)
{
	struct hba_pass p;

	run(&p);
	fake_wait(&f, 10 * NS_PER_S);
	ck_assert_uint_eq(f.n_cancel, 1);
	ck_assert_uint_eq(told, 0);
	if (_i == 0) {
		fake_outcome(&f, &s, OUTCOME_CANCELLED);
		ck_assert_uint_eq(told, 1);
		expect(&p, PASS_NOT_TAKEN, PASS_NOT_TAKEN, PASS_NOT_TAKEN);
	} else {
		fake_wait(&f, 10 * NS_PER_S);
		ck_assert_uint_eq(told, 1);
		expect(&p, PASS_LOST, PASS_LOST, PASS_LOST);
		ck_assert_uint_eq(f.n_reset, 1);
		ck_assert(!hba_server_lost(f.h));
		fake_wait(&f, 10 * NS_PER_S);
		ck_assert(hba_server_lost(f.h));
		ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_ABSENT);
	}
	hba_detached(f.h, f.now);
}
END_TEST

/* A broadcast to three, as the adapter sends it; `legs` are its members' in the report. */
static struct wire_tenure run_broadcast(struct hba_pass *p, const uint8_t legs[3])
{
	prepare(p, 3);
	p->broadcast = true;
	hba_pass_start(f.h, p);
	fake_run(&f);
	s = fake_take(&f);
	struct wire_tenure tn = fake_released(&f, &s);
	for (unsigned i = 0; i < 3; i++) {
		bool taken = legs[i] == LEG_TAKEN;
		s.leg[i] = (struct fake_leg){.device = (uint8_t)(11 + i), .op = p->op};
		tn.legs[i] = (struct wire_leg){.op = p->op,
		                               .device = (uint8_t)(11 + i),
		                               .result = legs[i],
		                               .moved = taken ? 4096 : 0};
	}
	tn.n_legs = 3;
	return tn;
}

START_TEST(a_broadcast_names_all_and_sends_the_data_once)
{
	static const uint8_t legs[] = {LEG_TAKEN, LEG_TAKEN, LEG_TAKEN};
	struct hba_pass p;
	struct wire_tenure tn = run_broadcast(&p, legs);

	ck_assert_uint_eq(s.target, 1);
	ck_assert(s.mirror && s.broadcast && s.release && s.tagged);
	ck_assert_uint_eq(s.devices, 7U << 11);
	ck_assert_uint_eq(s.n_legs, 1); /* nobody else is named */
	ck_assert_uint_eq(s.data_out, 4096);
	ck_assert_uint_eq(s.cdb_len, 16);
	fake_send(&f, &tn, NULL, 0);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(told, 0);
		status_good(i);
	}
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_STATUS, PASS_STATUS);
	ck_assert_uint_eq(p.m[2].moved, 4096);
}
END_TEST

START_TEST(who_misses_a_broadcast_owes_no_status)
{
	static const uint8_t legs[] = {LEG_TAKEN, LEG_NO_TAKER, LEG_TAKEN};
	struct hba_pass p;
	struct wire_tenure tn = run_broadcast(&p, legs);

	fake_send(&f, &tn, NULL, 0);
	status_good(0);
	status_good(2);
	ck_assert_uint_eq(told, 1);
	expect(&p, PASS_STATUS, PASS_NOT_TAKEN, PASS_STATUS);
	ck_assert(!p.leader_failed);
	ck_assert_uint_eq(f.n, 0); /* nothing is to be aborted */
}
END_TEST

TAP_MAIN_TABLE("hba_passes", setup, teardown, TAP_ONCE(the_script_is_as_the_protocol_says),
               TAP_ONCE(one_member_is_a_pass_too), TAP_ONCE(a_chained_one_awaits_its_statuses),
               TAP_ONCE(without_a_limit_none_is_chained), TAP_ONCE(all_good),
               TAP_ONCE(statuses_before_the_report), TAP_ONCE(a_pass_without_data),
               TAP_ONCE(sense_comes_with_the_status), TAP_ONCE(not_taken),
               TAP_ONCE(a_status_saves_who_was_late), TAP_ONCE(nobody_is_there_to_lead),
               TAP_TIMES(the_leader_goes_astray, 4), TAP_TIMES(the_leader_dies, 2),
               TAP_TIMES(the_leader_dies_in_its_data_phase, 2),
               TAP_ONCE(one_is_cut_off_and_says_so), TAP_TIMES(a_reset_in_the_tenure, 2),
               TAP_ONCE(a_reset_while_statuses_are_awaited),
               TAP_ONCE(a_port_goes_while_its_status_is_awaited), TAP_ONCE(status_timeout),
               TAP_ONCE(an_abort_without_answer), TAP_TIMES(old_statuses_are_dropped, 6),
               TAP_ONCE(a_status_cut_short_is_none), TAP_ONCE(the_server_goes),
               TAP_ONCE(the_server_goes_after_all_statuses), TAP_ONCE(the_adapter_is_freed),
               TAP_ONCE(what_waits_when_a_member_goes),
               TAP_ONCE(what_waits_when_a_group_is_taken_over),
               TAP_ONCE(a_new_incarnation_is_not_the_old_one), TAP_ONCE(a_refused_script),
               TAP_TIMES(a_silent_server, 2),
               TAP_ONCE(a_broadcast_names_all_and_sends_the_data_once),
               TAP_ONCE(who_misses_a_broadcast_owes_no_status));
