/* SPDX-License-Identifier: BSD-2-Clause */
/* Broadcast passes through the three cores together, over encoded frames. */
#include "base/crc.h"
#include "scenario/couple_check.h"
#include "unit/tap_main.h"

#define DATA_BLOCKS 8
#define DATA_LEN    (DATA_BLOCKS * COUPLE_BLOCK_SIZE)

static struct couple *c;
static struct block *data;

static void begin(unsigned n, bool unarmed)
{
	c = couple_new(n, unarmed, 16);
	couple_forget(c);
	data = couple_pattern(DATA_LEN, n + 1);
}

static void end(void)
{
	couple_quiet(c);
	couple_free(c);
	ck_assert_uint_eq(data->refs, 1);
	block_unref(data);
}

/* A broadcast to the disks of `ids`, the lowest of which leads. */
static void run(struct hba_pass *p, uint16_t ids, lba_t lba)
{
	*p = (struct hba_pass){
	        .broadcast = true,
	        .group = 1,
	        .cdb = {.op = OP_WRITE_16, .lba = lba, .blocks = DATA_BLOCKS},
	        .data = data,
	        .data_len = DATA_LEN,
	        .crc = crc_data(0, data->data, DATA_LEN),
	        .done = couple_pass_done,
	};
	for (uint8_t id = 0; id < WIRE_IDS; id++) {
		if (!(ids >> id & 1))
			continue;
		p->m[p->n].target = p->m[p->n].device = id;
		p->n++;
	}
	couple_told = 0;
	hba_pass_start(c->h, p);
	couple_run(c);
}

static void expect_good(const struct hba_pass *p, unsigned i)
{
	ck_assert_int_eq(p->m[i].outcome, PASS_STATUS);
	ck_assert_uint_eq(p->m[i].status, SCSI_GOOD);
	ck_assert_uint_eq(p->m[i].moved, DATA_LEN);
	ck_assert(couple_holds(c, p->m[i].target, p->cdb.lba, data));
}

START_TEST(one_data_phase_and_as_many_copies)
{
	static const unsigned sizes[] = {1, 2, 3, 7};
	unsigned n = sizes[_i];
	struct hba_pass p;

	begin(n, false);
	ck_assert(hba_target(c->h, 0)->vpd.broadcast);
	run(&p, (uint16_t)((1U << n) - 1), 16);
	ck_assert_uint_eq(couple_told, 1);
	for (unsigned i = 0; i < n; i++)
		expect_good(&p, i);
	ck_assert_uint_eq(couple_count(c, PHASE_SELECTION), 1);
	ck_assert_uint_eq(couple_count(c, PHASE_COMMAND), 1);
	ck_assert_uint_eq(couple_count(c, PHASE_DATA_OUT), 1);
	ck_assert_uint_eq(couple_count(c, PHASE_RESELECTION), n);
	ck_assert_uint_eq(couple_count(c, PHASE_STATUS), n);
	for (unsigned i = 0; i < c->n_trace; i++) {
		const struct bus_trace *t = &c->trace[i].t;
		if (t->phase != PHASE_DATA_OUT)
			continue;
		ck_assert_uint_eq(t->leader, 0);
		ck_assert_uint_eq(t->driver, 0);
		ck_assert_uint_eq(t->bsy, 1);
		ck_assert_uint_eq(t->bytes, DATA_LEN);
	}
	end();
}
END_TEST

START_TEST(verify)
{
	struct hba_pass p;

	begin(3, false);
	run(&p, 7, 0);
	c->disk[1].media[3 * COUPLE_BLOCK_SIZE + 5] ^= 1;
	p.cdb = (struct scsi_cdb){.op = OP_VERIFY_16, .blocks = DATA_BLOCKS, .bytchk = 1};
	couple_told = 0;
	hba_pass_start(c->h, &p);
	couple_run(c);
	ck_assert_uint_eq(couple_told, 1);
	ck_assert_uint_eq(p.m[0].status, SCSI_GOOD);
	ck_assert_uint_eq(p.m[1].status, SCSI_CHECK_CONDITION);
	ck_assert(p.m[1].has_sense && p.m[1].sense.key == KEY_MISCOMPARE);
	ck_assert_uint_eq(p.m[1].sense.info, 3);
	ck_assert_uint_eq(p.m[2].status, SCSI_GOOD);
	end();
}
END_TEST

START_TEST(a_crc_error_is_one_member_s)
{
	struct hba_pass p;

	begin(3, false);
	couple_fault(c, 1, "crc-error:times=1");
	run(&p, 7, 16);
	ck_assert_uint_eq(couple_told, 1);
	expect_good(&p, 0);
	expect_good(&p, 2);
	ck_assert_int_eq(p.m[1].outcome, PASS_STATUS);
	ck_assert(p.m[1].has_sense && scsi_sense_is(&p.m[1].sense, &SENSE_DATA_CRC));
	ck_assert(!couple_holds(c, 1, 16, data));
	end();
}
END_TEST

/* Busy: disarmed, so it would have to be asked. Nothing is written, no status is owed. */
START_TEST(a_member_that_would_have_to_be_asked_misses_it)
{
	struct hba_pass p;

	begin(3, false);
	couple_fault(c, 2, _i ? "die:at=data" : "busy:times=1");
	run(&p, 7, 16);
	ck_assert_uint_eq(couple_told, 1);
	expect_good(&p, 0);
	expect_good(&p, 1);
	ck_assert_int_eq(p.m[2].outcome, PASS_NOT_TAKEN);
	ck_assert(!couple_holds(c, 2, 16, data) && !c->disk[2].dead);
	end();
}
END_TEST

START_TEST(nobody_but_the_leader_is_armed)
{
	struct hba_pass p;

	begin(3, true); /* nor is it: it is asked phase by phase */
	run(&p, 7, 16);
	ck_assert_uint_eq(couple_told, 1);
	expect_good(&p, 0);
	ck_assert_int_eq(p.m[1].outcome, PASS_NOT_TAKEN);
	ck_assert_int_eq(p.m[2].outcome, PASS_NOT_TAKEN);
	ck_assert_uint_eq(couple_count(c, PHASE_DATA_OUT), 1);
	end();
}
END_TEST

START_TEST(a_leader_that_refuses)
{
	struct hba_pass p;

	begin(3, false);
	couple_fault(c, 0, "busy:times=1");
	run(&p, 7, 16);
	ck_assert_uint_eq(couple_told, 1);
	ck_assert_int_eq(p.m[0].outcome, PASS_STATUS);
	ck_assert_uint_eq(p.m[0].status, SCSI_BUSY);
	ck_assert_int_eq(p.m[1].outcome, PASS_NOT_TAKEN);
	ck_assert_int_eq(p.m[2].outcome, PASS_NOT_TAKEN);
	ck_assert_uint_eq(couple_count(c, PHASE_DATA_OUT), 0);
	/* those that missed it get it, by another broadcast just as well */
	run(&p, 6, 16);
	expect_good(&p, 0);
	expect_good(&p, 1);
	end();
}
END_TEST

START_TEST(a_member_dies_while_its_status_is_awaited)
{
	struct hba_pass p;

	begin(3, false);
	c->disk[1].slow = true;
	run(&p, 7, 16);
	ck_assert_uint_eq(couple_told, 0);
	couple_kill(c, 1);
	couple_run(c);
	ck_assert_uint_eq(couple_told, 1);
	expect_good(&p, 0);
	ck_assert_int_eq(p.m[1].outcome, PASS_LOST);
	expect_good(&p, 2);
	end();
}
END_TEST

START_TEST(many_at_once)
{
	enum { PASSES = 12 };
	struct hba_pass p[PASSES];

	begin(4, false);
	couple_told = 0;
	for (unsigned i = 0; i < PASSES; i++) {
		unsigned before = couple_told;
		run(&p[i], 15, i * DATA_BLOCKS);
		couple_told += before;
	}
	ck_assert_uint_eq(couple_told, PASSES);
	for (unsigned i = 0; i < PASSES; i++)
		for (unsigned m = 0; m < 4; m++)
			expect_good(&p[i], m);
	end();
}
END_TEST

TAP_MAIN_TABLE("couple_broadcast", NULL, NULL, TAP_TIMES(one_data_phase_and_as_many_copies, 4),
               TAP_ONCE(verify), TAP_ONCE(a_crc_error_is_one_member_s),
               TAP_TIMES(a_member_that_would_have_to_be_asked_misses_it, 2),
               TAP_ONCE(nobody_but_the_leader_is_armed), TAP_ONCE(a_leader_that_refuses),
               TAP_ONCE(a_member_dies_while_its_status_is_awaited), TAP_ONCE(many_at_once));
