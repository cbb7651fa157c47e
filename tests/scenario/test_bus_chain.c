/* SPDX-License-Identifier: BSD-2-Clause */
/* Several scripts under one tenure: what is chained and what is not, as transcripts; what each
 * report says; and that others get the bus. */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#include "base/crc.h"

#include <string.h>

#define BLOCK   4096
#define LIMIT   (10 * 1000 * 1000) /* of bus time: a pass of two takes 1.4 ms here */
#define SCRIPTS 3

struct setup {
	struct rig *r;
	struct block *data[SCRIPTS];
	struct items i;
};

/* n targets in a group, 2 (the leader), 4, 5; and blocks that differ. */
static void begin(struct setup *s, unsigned n, uint8_t mode, const struct bus_config *cfg)
{
	s->r = rig_new(cfg);
	rig_group(s->r, n, mode);
	for (unsigned k = 0; k < SCRIPTS; k++) {
		s->data[k] = rig_block(BLOCK);
		memset(s->data[k]->data, (int)(k + 1), BLOCK);
	}
}

static void end(struct setup *s)
{
	rig_go(s->r);
	for (unsigned k = 0; k < SCRIPTS; k++) {
		ck_assert_uint_eq(s->data[k]->refs, 1);
		block_unref(s->data[k]);
	}
	rig_free(s->r);
}

/* Script 11 + k: operation 1 + k, of n members. */
static void queue(struct setup *s, unsigned k, unsigned n, uint32_t limit)
{
	it_pass(&s->i, 2, n, (uint8_t)(k + 1), k + 1, s->data[k]);
	if (limit)
		it_chain(&s->i, limit);
	rig_script(s->r, 7, 11 + k, &s->i, s->data[k]);
}

static void answer(struct rig *r, uint8_t id, uint8_t kind)
{
	struct items i;

	it_begin(&i);
	if (kind == ITEM_DATA_OUT)
		it_data(&i, kind, 0, BLOCK, 0);
	else
		it_plain(&i, kind, 0);
	rig_continue(r, id, &i, NULL);
}

#define FIRST_PASS                                                                                 \
	"T1 ARBITRATION ids=7 win=7\n"                                                             \
	"T1 SELECTION 7>2 bsy=2 sel=7 atn\n"                                                       \
	"T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER IDENTIFICATION(d0 op1) "      \
	"atn\n"                                                                                    \
	"T1 COMMAND drv=2 WRITE(16)\n"                                                             \
	"T1 DATA OUT bsy=2 drv=2 4096 crc\n"                                                       \
	"T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d1 op1 last) atn\n"                           \
	"T1 DATA OUT bsy=2 drv=4 4096 crc\n"
#define NEXT_PASS                                                                                  \
	"T1 MESSAGE OUT bsy=2 drv=4 SIMPLE(2) TARGET LEADER IDENTIFICATION(d0 op2) atn\n"          \
	"T1 COMMAND drv=2 WRITE(16)\n"                                                             \
	"T1 DATA OUT bsy=2 drv=2 4096 crc\n"                                                       \
	"T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d1 op2 last) atn\n"                           \
	"T1 DATA OUT bsy=2 drv=4 4096 crc\n"                                                       \
	"T1 MESSAGE OUT bsy=2 drv=4 BUS RELEASE(d0 op2) atn\n"                                     \
	"T1 BUS FREE\n"
#define TOOK "4< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"

START_TEST(two_scripts_under_one_tenure)
{
	struct setup s;

	begin(&s, 2, ARM_FULL, NULL);
	queue(&s, 0, 2, LIMIT);
	queue(&s, 1, 2, LIMIT);
	rig_go(s.r);
	rig_expect(
	        s.r, FIRST_PASS NEXT_PASS TOOK
	        "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(4096)] data=4096\n"
	        "7< TENURE s11 T1 chained out=8192 op1/d0@2:taken(4096) op1/d1@4:taken(4096)\n" TOOK
	        "2< BURST leader T1 [MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"
	        "7< TENURE s12 T1 released out=8192 op2/d0@2:taken(4096) op2/d1@4:taken(4096)\n");
	end(&s);
}
END_TEST

/* Bus time is told once; each event is of one operation, and the tenure has one leader. */
START_TEST(each_report_is_of_its_part)
{
	struct setup s;

	begin(&s, 2, ARM_FULL, NULL);
	for (unsigned k = 0; k < 3; k++)
		queue(&s, k, 2, LIMIT);
	ns_t before = bus_now(s.r->bus);
	rig_go(s.r);
	ck_assert_uint_eq(s.r->n_reports, 3);
	const struct wire_tenure *t = s.r->report;
	ck_assert_uint_eq(t[0].start_ns, before);
	ck_assert_uint_eq(t[1].start_ns, t[0].end_ns);
	ck_assert_uint_eq(t[2].start_ns, t[1].end_ns);
	ck_assert_uint_eq(t[2].end_ns, bus_now(s.r->bus));
	unsigned part = 0;
	for (unsigned n = 0; n < s.r->n_phases; n++) {
		const struct bus_trace *p = &s.r->phase[n];
		if (part < 2 && p->t_ns >= t[part].end_ns)
			part++;
		ck_assert_uint_eq(p->tenure, t[0].tenure);
		ck_assert(p->has_op);
		ck_assert_uint_eq(p->op, part + 1);
		ck_assert_uint_eq(p->leader, 2);
		ck_assert_uint_ge(p->t_ns, t[part].start_ns);
		ck_assert_uint_le(p->t_ns + p->dur_ns, t[part].end_ns);
	}
	ck_assert_uint_eq(part, 2);
	for (unsigned k = 0; k < 3; k++) {
		ck_assert_uint_eq(t[k].tenure, t[0].tenure);
		ck_assert_uint_eq(t[k].data_out, 2 * BLOCK);
		ck_assert_uint_eq(t[k].n_legs, 2);
	}
	end(&s);
}
END_TEST

static void ask_stats(struct rig *r)
{
	struct wire_frame f = {.type = WIRE_MGMT};

	f.mgmt = (struct wire_mgmt){.req = 1, .to = WIRE_NO_ID, .kind = MGMT_BUS_STATS};
	rig_frame(r, r->handle[7], &f);
}

/* Chained, a pass costs what it does, less what is left out. */
START_TEST(what_a_chained_pass_spares)
{
	struct setup s;

	begin(&s, 2, ARM_FULL, NULL);
	queue(&s, 0, 2, 0);
	rig_go(s.r);
	ns_t alone = bus_now(s.r->bus);
	rig_forget(s.r);
	queue(&s, 0, 2, LIMIT);
	queue(&s, 1, 2, LIMIT);
	rig_go(s.r);
	const struct wire_tenure *t = s.r->report;
	/* Both together: a BUS FREE, an ARBITRATION, a SELECTION, a MESSAGE OUT of 12 bytes (BUS
	 * RELEASE), and the byte of IDENTIFY. */
	ck_assert_uint_eq(2 * alone - (t[1].end_ns - t[0].start_ns),
	                  1200 + 3600 + 580 + (400 + 12 * 160) + 160);
	ask_stats(s.r);
	ck_assert_uint_eq(s.r->stats.tenures[TENURE_SILENT], 2);
	ck_assert_uint_eq(s.r->stats.phase[TENURE_SILENT][PHASE_ARBITRATION].count, 2);
	ck_assert_uint_eq(s.r->stats.phase[TENURE_SILENT][PHASE_BUS_FREE].count, 2);
	ck_assert_uint_eq(s.r->stats.phase[TENURE_SILENT][PHASE_COMMAND].count, 3);
	ns_t sum = 0;
	for (unsigned p = 0; p < PHASE_KINDS; p++)
		sum += s.r->stats.phase[TENURE_SILENT][p].ns;
	ck_assert_uint_eq(sum, bus_now(s.r->bus));
	end(&s);
}
END_TEST

/* Tenures of the scripts that are queued: reports of one tenure each, in order. */
static void expect_tenures(struct rig *r, unsigned n, const unsigned *in_tenure)
{
	unsigned at = 0;

	for (unsigned k = 0; k < n; k++)
		for (unsigned i = 0; i < in_tenure[k]; i++, at++) {
			const struct wire_tenure *t = &r->report[at];
			ck_assert_uint_lt(at, r->n_reports);
			ck_assert_uint_eq(t->tenure - r->report[0].tenure, k);
			ck_assert_uint_eq(t->outcome, i + 1 < in_tenure[k] ? OUTCOME_CHAINED
			                                                   : OUTCOME_RELEASED);
		}
	ck_assert_uint_eq(at, r->n_reports);
	rig_forget(r);
}

START_TEST(the_limit_is_of_bus_time)
{
	struct setup s;
	static const unsigned alone[] = {1, 1, 1}, twos[] = {2, 1}, all[] = {3};

	begin(&s, 2, ARM_FULL, NULL);
	s.r->sends = s.r->traces = false;
	for (unsigned k = 0; k < 3; k++)
		queue(&s, k, 2, LIMIT);
	rig_go(s.r);
	uint32_t one = (uint32_t)(s.r->report[0].end_ns - s.r->report[0].start_ns);
	uint32_t two = (uint32_t)(s.r->report[1].end_ns - s.r->report[0].start_ns);
	expect_tenures(s.r, 1, all);
	/* Where the first has its end the tenure is as old as that. */
	for (unsigned k = 0; k < 3; k++)
		queue(&s, k, 2, one);
	rig_go(s.r);
	expect_tenures(s.r, 3, alone);
	for (unsigned k = 0; k < 3; k++)
		queue(&s, k, 2, one + 1);
	rig_go(s.r);
	expect_tenures(s.r, 2, twos);
	for (unsigned k = 0; k < 3; k++)
		queue(&s, k, 2, two + 1);
	rig_go(s.r);
	expect_tenures(s.r, 1, all);
	/* The lesser one counts, be it of the one that runs or of the next. */
	queue(&s, 0, 2, LIMIT);
	queue(&s, 1, 2, two);
	queue(&s, 2, 2, LIMIT);
	rig_go(s.r);
	expect_tenures(s.r, 2, twos);
	queue(&s, 0, 2, LIMIT);
	queue(&s, 1, 2, LIMIT);
	queue(&s, 2, 2, two);
	rig_go(s.r);
	expect_tenures(s.r, 2, twos);
	end(&s);
}
END_TEST

/* A pass of one member to the leader `target`, by an IDENTIFY of its own. */
static void queue_other(struct setup *s, uint32_t script, uint8_t target, uint8_t device,
                        uint8_t identify)
{
	it_begin(&s->i);
	it_select(&s->i, target);
	it_leader(&s->i, true, 9, device, 99, true);
	s->i.buf[2 * WIRE_ITEM_LEN] = identify;
	it_write16(&s->i, 0, BLOCK / 512);
	it_data(&s->i, ITEM_DATA_OUT, 0, BLOCK, crc_data(0, s->data[1]->data, BLOCK));
	it_release(&s->i, device, 99);
	it_chain(&s->i, LIMIT);
	rig_script(s->r, 7, script, &s->i, s->data[1]);
}

static void queue_broadcast(struct setup *s, uint32_t script, uint32_t op)
{
	it_broadcast(&s->i, 2, 3, (uint8_t)op, op, s->data[1]);
	it_chain(&s->i, LIMIT);
	rig_script(s->r, 7, script, &s->i, s->data[1]);
}

START_TEST(what_is_not_alike_is_not_chained)
{
	struct setup s;
	static const unsigned three[] = {1, 1, 1}, two[] = {1, 1};

	begin(&s, 2, ARM_FULL, NULL);
	s.r->sends = s.r->traces = false;
	queue(&s, 0, 1, LIMIT);
	queue_other(&s, 20, 4, 1, 0xc0); /* another leader */
	queue(&s, 2, 1, LIMIT);
	rig_go(s.r);
	expect_tenures(s.r, 3, three);
	queue(&s, 0, 1, LIMIT);
	queue_other(&s, 20, 2, 0, 0x80); /* it may not disconnect */
	queue(&s, 2, 1, LIMIT);
	rig_go(s.r);
	expect_tenures(s.r, 3, three);
	queue(&s, 0, 1, LIMIT);
	queue_broadcast(&s, 20, 50);
	queue(&s, 2, 1, LIMIT);
	rig_go(s.r);
	expect_tenures(s.r, 3, three);
	queue(&s, 0, 1, 0); /* not to be chained */
	queue(&s, 1, 1, LIMIT);
	rig_go(s.r);
	expect_tenures(s.r, 2, two);
	queue(&s, 0, 1, LIMIT);
	queue(&s, 1, 1, 0);
	rig_go(s.r);
	expect_tenures(s.r, 2, two);
	queue(&s, 0, 1, LIMIT);
	it_pass(&s.i, 2, 1, 2, 2, s.data[1]);
	it_chain(&s.i, LIMIT);
	wire_select_known(&s.i.w, UINT32_MAX); /* its initiator knew of other ports */
	rig_script(s.r, 7, 12, &s.i, s.data[1]);
	rig_go(s.r);
	expect_tenures(s.r, 2, two);
	end(&s);
}
END_TEST

/* Scripts of a port run in their order: what is not to be chained is not overtaken. */
START_TEST(nothing_is_overtaken)
{
	struct setup s;

	begin(&s, 2, ARM_FULL, NULL);
	s.r->traces = false;
	queue(&s, 0, 1, LIMIT);
	it_begin(&s.i);
	it_select(&s.i, 3);
	rig_script(s.r, 7, 20, &s.i, NULL);
	queue(&s, 1, 1, LIMIT);
	rig_go(s.r);
	rig_expect(s.r,
	           "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"
	           "7< TENURE s11 T1 released out=4096 op1/d0@2:taken(4096)\n"
	           "7< TENURE s20 T2 selection_timeout\n"
	           "2< BURST leader T3 [SELECT MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"
	           "7< TENURE s12 T3 released out=4096 op2/d0@2:taken(4096)\n");
	end(&s);
}
END_TEST

START_TEST(broadcast_passes_are_chained)
{
	struct setup s;

	begin(&s, 2, ARM_FULL, NULL);
	s.r->traces = false;
	queue_broadcast(&s, 11, 1);
	queue_broadcast(&s, 12, 2);
	rig_go(s.r);
	rig_expect(
	        s.r,
	        "4< BURST participant T1 [LATCH COMMAND DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(4096)] data=4096\n"
	        "7< TENURE s11 T1 chained out=4096 op1/d0@2:taken(4096) op1/d1@4:taken(4096)\n"
	        "4< BURST participant T1 [LATCH COMMAND DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"
	        "7< TENURE s12 T1 released out=4096 op2/d0@2:taken(4096) op2/d1@4:taken(4096)\n");
	end(&s);
}
END_TEST

/* All are asked, the leader after the participant that drove the identification, too. */
START_TEST(unarmed)
{
	struct setup s;

	begin(&s, 2, ARM_NONE, NULL);
	queue(&s, 0, 2, LIMIT);
	queue(&s, 1, 2, LIMIT);
	rig_go(s.r);
	answer(s.r, 2, ITEM_MSG_OUT);
	answer(s.r, 2, ITEM_COMMAND);
	answer(s.r, 2, ITEM_DATA_OUT);
	answer(s.r, 2, ITEM_MSG_OUT);
	answer(s.r, 2, ITEM_PASS);
	answer(s.r, 4, ITEM_DATA_OUT);
	rig_forget(s.r);
	answer(s.r, 4, ITEM_MSG_OUT);
	rig_expect(s.r,
	           "T1 MESSAGE OUT bsy=2 drv=4 SIMPLE(2) TARGET LEADER IDENTIFICATION(d0 op2) atn\n"
	           "7< TENURE s11 T1 chained out=8192 op1/d0@2:taken(4096) op1/d1@4:taken(4096)\n"
	           "2< BURST leader T1 wanted [MSG_OUT]\n");
	answer(s.r, 2, ITEM_COMMAND);
	answer(s.r, 2, ITEM_DATA_OUT);
	answer(s.r, 2, ITEM_MSG_OUT);
	answer(s.r, 2, ITEM_PASS);
	answer(s.r, 4, ITEM_MSG_OUT); /* declines */
	rig_forget(s.r);
	answer(s.r, 2, ITEM_FREE);
	rig_expect(s.r,
	           "T1 BUS FREE\n"
	           "7< TENURE s12 T1 released out=4096 op2/d0@2:taken(4096) op2/d1@4:declined\n");
	end(&s);
}
END_TEST

/* Two operations of a chain, up to where the second waits for the one that is asked. */
static void begin_second(struct setup *s, uint8_t asked, bool third)
{
	begin(s, 3, ARM_FULL, NULL);
	queue(s, 0, 3, LIMIT);
	rig_arm(s->r, asked, ARM_NONE);
	queue(s, 1, 3, LIMIT);
	if (third)
		queue(s, 2, 3, LIMIT);
	rig_go(s->r);
	if (asked == 2) {
		static const uint8_t does[] = {ITEM_MSG_OUT, ITEM_COMMAND, ITEM_DATA_OUT,
		                               ITEM_MSG_OUT, ITEM_PASS,    ITEM_PASS};
		for (unsigned k = 0; k < sizeof(does); k++)
			answer(s->r, asked, does[k]);
	} else {
		answer(s->r, asked, ITEM_DATA_OUT);
		answer(s->r, asked, ITEM_MSG_OUT);
	}
	ck_assert_uint_eq(s->r->n_reports, 1);
	ck_assert_uint_eq(s->r->report[0].outcome, OUTCOME_CHAINED);
	s->r->traces = false;
	rig_forget(s->r);
}

START_TEST(the_leader_dies_in_the_second)
{
	struct setup s;

	begin_second(&s, 2, false);
	rig_gone(s.r, 2);
	rig_expect(s.r, "7< TENURE s12 T1 unexpected_free op2/d0@2:not_reached op2/d1:not_reached "
	                "op2/d2:not_reached\n"
	                "4< PORT 2 down\n"
	                "5< PORT 2 down\n"
	                "7< PORT 2 down\n");
	end(&s);
}
END_TEST

START_TEST(a_leader_that_is_silent_in_the_second)
{
	struct setup s;

	begin_second(&s, 2, false);
	s.r->sends = false;
	rig_wait(s.r, 2 * NS_PER_S);
	ck_assert_uint_eq(s.r->n_reports, 1);
	ck_assert_uint_eq(s.r->report[0].script, 12);
	ck_assert_uint_eq(s.r->report[0].outcome, OUTCOME_RESET);
	ck_assert_uint_eq(s.r->report[0].n_legs, 3);
	ck_assert_uint_eq(s.r->report[0].legs[0].result, LEG_TIMEOUT);
	ck_assert_uint_eq(s.r->report[0].legs[1].result, LEG_NOT_REACHED);
	end(&s);
}
END_TEST

START_TEST(a_participant_dies_in_the_second)
{
	struct setup s;

	begin_second(&s, 4, false);
	rig_gone(s.r, 4);
	rig_expect(
	        s.r,
	        "5< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [FREE]\n"
	        "7< TENURE s12 T1 released out=8192 op2/d0@2:taken(4096) op2/d1@4:timeout "
	        "op2/d2@5:taken(4096)\n"
	        "2< PORT 4 down\n"
	        "5< PORT 4 down\n"
	        "7< PORT 4 down\n");
	end(&s);
}
END_TEST

/* Nor does the bus time that the first one's dead participant costs end its chain, or get lost. */
START_TEST(a_participant_dies_in_the_first)
{
	struct setup s;

	begin(&s, 2, ARM_FULL, NULL);
	queue(&s, 0, 2, LIMIT);
	rig_arm(s.r, 4, ARM_NONE);
	queue(&s, 1, 2, LIMIT);
	rig_go(s.r);
	s.r->traces = false;
	rig_forget(s.r);
	rig_gone(s.r, 4);
	rig_expect(s.r, "7< TENURE s11 T1 chained out=4096 op1/d0@2:taken(4096) op1/d1@4:timeout\n"
	                "2< BURST leader T1 [MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"
	                "7< TENURE s12 T1 released out=4096 op2/d0@2:taken(4096) op2/d1:no_taker\n"
	                "2< PORT 4 down\n"
	                "7< PORT 4 down\n");
	end(&s);
}
END_TEST

START_TEST(the_initiator_dies)
{
	struct setup s;

	begin_second(&s, 4, true);
	rig_gone(s.r, 7);
	rig_expect(s.r, "4< BURST participant T1 [DATA_OUT(0)! FREE!]\n"
	                "2< BURST leader T1 [FREE!]\n"
	                "2< PORT 7 down\n"
	                "4< PORT 7 down\n"
	                "5< PORT 7 down\n");
	end(&s);
}
END_TEST

START_TEST(rst_ends_the_one_that_runs)
{
	struct setup s;
	struct wire_frame rst = {.type = WIRE_RESET};

	begin_second(&s, 4, true);
	rig_frame(s.r, s.r->handle[7], &rst);
	rig_expect(s.r, "7< TENURE s12 T1 reset out=4096 op2/d0@2:taken(4096) op2/d1@4:not_reached "
	                "op2/d2:not_reached\n"
	                "2< RESET by 7: RST was asserted\n"
	                "4< RESET by 7: RST was asserted\n"
	                "5< RESET by 7: RST was asserted\n"
	                "7< TENURE s13 T0 reset\n"
	                "7< RESET by 7: RST was asserted\n");
	end(&s);
}
END_TEST

START_TEST(what_is_cancelled_is_not_chained)
{
	struct setup s;

	begin_second(&s, 4, true);
	/* The one that runs runs on. */
	rig_cancel(s.r, 7, 12);
	rig_expect(s.r, "");
	rig_cancel(s.r, 7, 13);
	rig_expect(s.r, "7< TENURE s13 T0 cancelled\n");
	answer(s.r, 4, ITEM_DATA_OUT);
	rig_forget(s.r);
	answer(s.r, 4, ITEM_MSG_OUT);
	rig_expect(
	        s.r,
	        "5< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [FREE]\n"
	        "7< TENURE s12 T1 released out=12288 op2/d0@2:taken(4096) op2/d1@4:taken(4096) "
	        "op2/d2@5:taken(4096)\n");
	end(&s);
}
END_TEST

/* One that comes while the tenure waits is chained: the queue is looked at where it ends. */
START_TEST(one_that_comes_in_time)
{
	struct setup s;

	begin(&s, 2, ARM_FULL, NULL);
	rig_arm(s.r, 4, ARM_NONE);
	queue(&s, 0, 2, LIMIT);
	rig_go(s.r);
	answer(s.r, 4, ITEM_DATA_OUT);
	queue(&s, 1, 2, LIMIT);
	rig_forget(s.r);
	answer(s.r, 4, ITEM_MSG_OUT);
	ck_assert_uint_eq(s.r->n_reports, 1);
	ck_assert_uint_eq(s.r->report[0].outcome, OUTCOME_CHAINED);
	/* Its number is free again, that of the one that runs is not. */
	rig_forget(s.r);
	s.r->traces = false;
	queue(&s, 0, 2, LIMIT);
	rig_expect(s.r, "");
	queue(&s, 1, 2, LIMIT);
	rig_expect(s.r, "7< ERROR bad_state 12: script 12 is live already\n");
	rig_gone(s.r, 7);
	end(&s);
}
END_TEST

/* Waits of the first are not the second's fault: it begins where it has nearly all of the tenure's
 * limit. The limit itself holds for the tenure as a whole. */
START_TEST(a_slow_one_is_not_chained)
{
	struct setup s;

	begin(&s, 2, ARM_FULL, NULL);
	rig_arm(s.r, 4, ARM_NONE);
	queue(&s, 0, 2, LIMIT);
	queue(&s, 1, 2, LIMIT);
	queue(&s, 2, 2, LIMIT);
	rig_go(s.r);
	rig_wait(s.r, 499 * NS_PER_MS);
	answer(s.r, 4, ITEM_DATA_OUT);
	answer(s.r, 4, ITEM_MSG_OUT);
	ck_assert_uint_eq(s.r->report[0].outcome, OUTCOME_CHAINED);
	rig_wait(s.r, NS_PER_MS);
	answer(s.r, 4, ITEM_DATA_OUT);
	answer(s.r, 4, ITEM_MSG_OUT);
	ck_assert_uint_eq(s.r->report[1].outcome, OUTCOME_RELEASED);
	ck_assert_uint_eq(s.r->report[1].tenure, s.r->report[0].tenure);
	rig_gone(s.r, 7);
	end(&s);
}
END_TEST

START_TEST(the_tenure_s_limit_is_of_the_chain)
{
	struct setup s;

	begin_second(&s, 2, false);
	s.r->sends = false;
	rig_wait(s.r, 1900 * NS_PER_MS);
	answer(s.r, 2, ITEM_COMMAND);
	rig_wait(s.r, 1900 * NS_PER_MS);
	answer(s.r, 2, ITEM_DATA_OUT);
	ck_assert_uint_eq(s.r->n_reports, 0);
	s.r->sends = true;
	rig_forget(s.r);
	rig_wait(s.r, 1200 * NS_PER_MS - 1);
	rig_expect(s.r, "");
	rig_wait(s.r, 1);
	ck_assert_uint_eq(s.r->n_reports, 1);
	ck_assert_uint_eq(s.r->report[0].outcome, OUTCOME_RESET);
	end(&s);
}
END_TEST

START_TEST(the_pace_is_of_the_chain)
{
	struct bus_config cfg = bus_config_default();
	struct setup s;

	cfg.pace = true;
	begin(&s, 2, ARM_FULL, &cfg);
	s.r->sends = s.r->traces = false;
	ns_t before = bus_now(s.r->bus);
	queue(&s, 0, 2, LIMIT);
	queue(&s, 1, 2, LIMIT);
	rig_go(s.r);
	ck_assert_uint_eq(s.r->n_reports, 2);
	ns_t took = bus_now(s.r->bus) - before;
	queue(&s, 2, 2, LIMIT);
	rig_go(s.r);
	ck_assert_uint_eq(bus_deadline(s.r->bus), s.r->now + took);
	rig_wait(s.r, took);
	ck_assert_uint_eq(s.r->n_reports, 3);
	end(&s);
}
END_TEST

/* ---- others get the bus ---- */

#define ROUNDS        200
#define FIRST_PASS_ID 1000 /* scripts below are the other initiator's */

/* How many passes the leader's port has had since the last call: each is owed a status. */
static unsigned passes_done(struct rig *r)
{
	unsigned n = 0;

	for (unsigned k = 0; k < r->n_reports; k++)
		n += r->report[k].script >= FIRST_PASS_ID && !r->report[k].reselected;
	return n;
}

/* The initiator always has more to send; targets with a status, and another initiator, still get
 * the bus after each chain. */
START_TEST(others_get_the_bus)
{
	struct bus_config cfg = bus_config_default();
	struct setup s;
	struct items i;
	unsigned sent = 0, answered = 0;

	cfg.tenures_per_go = 1;
	begin(&s, 2, ARM_FULL, &cfg);
	rig_attach(s.r, 1, ROLE_INITIATOR, "other");
	s.r->sends = s.r->traces = false;
	ns_t pass = 0, longest = 0;
	for (unsigned round = 0, script = FIRST_PASS_ID, waiting = 0; round < ROUNDS; round++) {
		for (; waiting < 32; waiting++, script++) {
			it_pass(&s.i, 2, 2, 1, script, s.data[0]);
			it_chain(&s.i, 5 * 1000 * 1000);
			rig_script(s.r, 7, script, &s.i, s.data[0]);
		}
		it_begin(&i);
		it_select(&i, 3); /* nobody: a tenure all the same */
		it_identify(&i, 9);
		it_cdb6(&i, 0, 0);
		rig_script(s.r, 1, 1 + round, &i, NULL);
		/* A chain; the other initiator, for which the targets wait, too, since it lost
		 * before they wanted the bus; another chain; each of the targets. */
		unsigned others = 0;
		for (unsigned turn = 0; turn < 5; turn++) {
			rig_forget(s.r);
			rig_go_once(s.r);
			ck_assert_uint_gt(s.r->n_reports, 0);
			unsigned n = passes_done(s.r);
			answered += s.r->report[0].reselected;
			others += s.r->report[0].outcome == OUTCOME_SELECTION_TIMEOUT;
			ck_assert_msg(n == 0 || turn == 0 || turn == 2,
			              "round %u turn %u: %u passes", round, turn, n);
			waiting -= n;
			if (turn > 0)
				continue;
			ck_assert_uint_gt(n, 1);
			const struct wire_tenure *t = s.r->report;
			ck_assert_uint_eq(t[n - 1].outcome, OUTCOME_RELEASED);
			if (t[n - 1].end_ns - t[0].start_ns > longest)
				longest = t[n - 1].end_ns - t[0].start_ns;
			pass = t[0].end_ns - t[0].start_ns;
			it_status(&i, 1, 0, t[0].legs[0].op, 0);
			rig_reselect(s.r, 2, 7, ++sent, &i, NULL);
			it_status(&i, 1, 0, t[0].legs[0].op, 1);
			rig_reselect(s.r, 4, 7, ++sent, &i, NULL);
		}
		ck_assert_uint_eq(answered, sent);
		ck_assert_uint_eq(others, 1);
	}
	ck_assert_uint_gt(longest, 5 * NS_PER_MS);
	ck_assert_uint_le(longest, 5 * NS_PER_MS + pass);
	rig_gone(s.r, 7);
	end(&s);
}
END_TEST

/* As many phases as there is room for in one step: then the bus is released, whatever the limit. */
START_TEST(a_chain_ends_where_the_step_is_full)
{
	struct setup s;
	unsigned chained = 0, released = 0;

	begin(&s, 1, ARM_FULL, NULL);
	s.r->sends = s.r->traces = false;
	for (uint32_t k = 0; k < 64; k++) {
		it_begin(&s.i);
		it_select(&s.i, 2);
		for (uint32_t op = 1; op <= WIRE_LEGS_MAX; op++) {
			it_leader(&s.i, op == 1, 1, 0, op, true);
			it_write16(&s.i, 0, 1);
			it_data(&s.i, ITEM_DATA_OUT, 0, 512, 0);
		}
		it_release(&s.i, 0, WIRE_LEGS_MAX);
		it_chain(&s.i, WIRE_CHAIN_NS_MAX);
		rig_script(s.r, 7, 1 + k, &s.i, s.data[0]);
	}
	rig_go_once(s.r);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned k = 0; k < s.r->n_reports; k++) {
			chained += s.r->report[k].outcome == OUTCOME_CHAINED;
			released += s.r->report[k].outcome == OUTCOME_RELEASED;
		}
		ck_assert(round > 0 || (s.r->more && released == 1));
		rig_forget(s.r);
		rig_go_once(s.r);
	}
	ck_assert_uint_eq(chained + released, 64);
	ck_assert_uint_gt(chained, 32);
	end(&s);
}
END_TEST

START_TEST(scripts_that_cannot_be_chained)
{
	struct setup s;

	begin(&s, 1, ARM_FULL, NULL);
	it_begin(&s.i);
	it_select(&s.i, 2);
	it_identify(&s.i, 1);
	it_cdb6(&s.i, 0, 0);
	it_chain(&s.i, LIMIT);
	rig_script(s.r, 7, 1, &s.i, NULL);
	rig_expect(s.r, "7< ERROR bad_value 1: script: only a mirroring script may be chained\n");
	/* Its first message is without IDENTIFY, then with a message too many. */
	it_begin(&s.i);
	it_select(&s.i, 2);
	it_leader(&s.i, false, 1, 0, 1, true);
	it_write16(&s.i, 0, 1);
	it_release(&s.i, 0, 1);
	rig_script(s.r, 7, 2, &s.i, NULL);
	rig_expect(s.r, "");
	it_chain(&s.i, LIMIT);
	rig_script(s.r, 7, 3, &s.i, NULL);
	rig_expect(s.r, "7< ERROR bad_value 3: script: a script that may be chained begins with "
	                "IDENTIFY, SIMPLE and TARGET LEADER IDENTIFICATION\n");
	rig_cancel(s.r, 7, 2);
	rig_forget(s.r);
	uint8_t message[64] = {0xc0, 0x20, 1};
	struct wr w = wr_init(message + 3, sizeof(message) - 3);
	struct scsi_msg m = {.kind = MSG_EXT_MIRROR,
	                     .mirror = {.function = MIRROR_LEADER, .group = 1, .op = 1}};
	scsi_msg_put(&w, &m);
	wr_u8(&w, 0x08); /* NO OPERATION */
	it_begin(&s.i);
	it_select(&s.i, 2);
	it_message(&s.i, ITEM_MSG_OUT, message, 3 + w.n);
	it_write16(&s.i, 0, 1);
	it_release(&s.i, 0, 1);
	it_chain(&s.i, LIMIT);
	rig_script(s.r, 7, 4, &s.i, NULL);
	rig_expect(s.r, "7< ERROR bad_value 4: script: a script that may be chained begins with "
	                "IDENTIFY, SIMPLE and TARGET LEADER IDENTIFICATION\n");
	end(&s);
}
END_TEST

TAP_MAIN("bus_chain", two_scripts_under_one_tenure, each_report_is_of_its_part,
         what_a_chained_pass_spares, the_limit_is_of_bus_time, what_is_not_alike_is_not_chained,
         nothing_is_overtaken, broadcast_passes_are_chained, unarmed, the_leader_dies_in_the_second,
         a_leader_that_is_silent_in_the_second, a_participant_dies_in_the_second,
         a_participant_dies_in_the_first, the_initiator_dies, rst_ends_the_one_that_runs,
         what_is_cancelled_is_not_chained, one_that_comes_in_time, a_slow_one_is_not_chained,
         the_tenure_s_limit_is_of_the_chain, the_pace_is_of_the_chain, others_get_the_bus,
         a_chain_ends_where_the_step_is_full, scripts_that_cannot_be_chained);
