/* SPDX-License-Identifier: BSD-2-Clause */
/* Broadcast passes on the bus core, as transcripts: one DATA OUT phase for all that listen. */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#include "base/crc.h"

#include <string.h>

#define LEADS                                                                                      \
	"T1 ARBITRATION ids=7 win=7\n"                                                             \
	"T1 SELECTION 7>2 bsy=2 sel=7 atn\n"                                                       \
	"T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER IDENTIFICATION(d0 op9 "       \
	"last)[07] atn\n"                                                                          \
	"T1 COMMAND drv=2 WRITE(16)\n"
#define DATA "T1 DATA OUT bsy=2 drv=2 4096 crc\n"
#define ENDS                                                                                       \
	"T1 MESSAGE OUT bsy=2 drv=2 BUS RELEASE(d0 op9)[07] atn\n"                                 \
	"T1 BUS FREE\n"
#define HEARS(id) id "< BURST participant T1 [LATCH COMMAND DATA_OUT(4096)] data=4096\n"
#define LEADER    "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"

struct setup {
	struct rig *r;
	struct block *data;
};

/* Targets 2, 4 and 5 in a group. */
static struct setup begin(void)
{
	struct setup s = {rig_new(NULL), rig_block(4096)};

	rig_group(s.r, 3, ARM_FULL);
	return s;
}

/* A broadcast to all of them. */
static void run(struct setup *s)
{
	struct items i;

	it_broadcast(&i, 2, 7, 1, 9, s->data);
	rig_script(s->r, 7, 11, &i, s->data);
	rig_go(s->r);
}

static void end(struct setup *s)
{
	rig_end(s->r, s->data); /* references to the data go with the next step */
}

static void answer(struct rig *r, uint8_t id, uint8_t kind, uint32_t len)
{
	struct items i;
	it_begin(&i);
	if (kind == ITEM_DATA_OUT)
		it_data(&i, kind, 0, len, 0);
	else
		it_plain(&i, kind, 0);
	rig_continue(r, id, &i, NULL);
}

START_TEST(three_targets)
{
	struct setup s = begin();

	run(&s);
	rig_expect(s.r, LEADS DATA ENDS HEARS("4") HEARS("5") LEADER
	           "7< TENURE s11 T1 released out=4096 op9/d0@2:taken(4096) "
	           "op9/d1@4:taken(4096) op9/d2@5:taken(4096)\n");
	end(&s);
}
END_TEST

/* Each has a status of its own, and these tenures are of the broadcast, too. */
START_TEST(each_returns_its_status)
{
	struct setup s = begin();
	struct items i;
	struct wire_frame ask = {.type = WIRE_MGMT,
	                         .mgmt = {.req = 1, .to = WIRE_NO_ID, .kind = MGMT_BUS_STATS}};

	run(&s);
	rig_forget(s.r);
	s.r->traces = false;
	it_status(&i, 1, 0x00, 9, 2);
	rig_reselect(s.r, 5, 7, 100, &i, NULL);
	it_status(&i, 1, 0x02, 9, 1);
	rig_reselect(s.r, 4, 7, 101, &i, NULL);
	it_status(&i, 1, 0x00, 9, 0);
	rig_reselect(s.r, 2, 7, 102, &i, NULL);
	rig_go(s.r);
	rig_expect(s.r, "7< TENURE s0 T2 complete status=00 msg_in: IDENTIFY SIMPLE(1) MIRROR "
	                "STATUS(d2 op9) COMMAND COMPLETE\n"
	                "7< TENURE s0 T3 complete status=02 msg_in: IDENTIFY SIMPLE(1) MIRROR "
	                "STATUS(d1 op9) COMMAND COMPLETE\n"
	                "7< TENURE s0 T4 complete status=00 msg_in: IDENTIFY SIMPLE(1) MIRROR "
	                "STATUS(d0 op9) COMMAND COMPLETE\n");
	/* The same tag in a silent pass: the next statuses are of that. */
	it_pass(&i, 2, 2, 1, 10, s.data);
	rig_script(s.r, 7, 12, &i, s.data);
	rig_go(s.r);
	it_status(&i, 1, 0x00, 10, 1);
	rig_reselect(s.r, 4, 7, 103, &i, NULL);
	rig_go(s.r);
	rig_frame(s.r, s.r->handle[7], &ask);
	ck_assert_uint_eq(s.r->stats.tenures[TENURE_BROADCAST], 4);
	ck_assert_uint_eq(s.r->stats.tenures[TENURE_SILENT], 2);
	ck_assert_uint_eq(s.r->stats.phase[TENURE_BROADCAST][PHASE_DATA_OUT].count, 1);
	ck_assert_uint_eq(s.r->stats.phase[TENURE_BROADCAST][PHASE_DATA_OUT].bytes, 4096);
	ck_assert_uint_eq(s.r->stats.phase[TENURE_BROADCAST][PHASE_STATUS].count, 3);
	end(&s);
}
END_TEST

/* Front: it would have to be asked. None: the same. Gone: it is not there. */
START_TEST(who_cannot_latch_misses_it)
{
	struct setup s = begin();

	if (_i < 2) {
		rig_arm(s.r, 4, _i ? ARM_NONE : ARM_FRONT);
	} else if (_i == 2) {
		rig_member(s.r, 4, 2, 1); /* of another group */
	} else if (_i == 3) {
		rig_member(s.r, 4, 1, 3); /* another device, which is not named */
	} else {
		rig_gone(s.r, 4);
	}
	rig_forget(s.r);
	run(&s);
	rig_expect(s.r, LEADS DATA ENDS HEARS("5") LEADER
	           "7< TENURE s11 T1 released out=4096 op9/d0@2:taken(4096) "
	           "op9/d1:no_taker op9/d2@5:taken(4096)\n");
	end(&s);
}
END_TEST

START_TEST(two_claimants_latch_nothing)
{
	struct setup s = begin();

	rig_target(s.r, 6, ARM_FULL, 1, 1);
	rig_forget(s.r);
	s.r->traces = false;
	run(&s);
	rig_expect(s.r, HEARS("5") LEADER "7< TENURE s11 T1 released out=4096 "
	                                  "op9/d0@2:taken(4096) op9/d1:no_taker "
	                                  "op9/d2@5:taken(4096)\n");
	end(&s);
}
END_TEST

START_TEST(another_agreement_cannot_follow)
{
	struct setup s = {rig_new(NULL), rig_block(4096)};
	const struct scsi_msg ppr = {.kind = MSG_EXT_PPR, .xfer = XFER_ULTRA160};
	static const uint8_t identify[] = {0xc0};
	struct items i;
	uint8_t buf[16];
	struct wr w = wr_init(buf, sizeof(buf));

	rig_group(s.r, 3, ARM_FULL);
	scsi_msg_put(&w, &ppr);
	uint8_t out[16];
	memcpy(out, identify, 1);
	memcpy(out + 1, buf, w.n);
	it_begin(&i);
	it_select(&i, 4);
	it_message(&i, ITEM_MSG_OUT, out, w.n + 1);
	it_cdb6(&i, 0, 0);
	rig_script(s.r, 7, 10, &i, NULL);
	rig_go(s.r);
	it_begin(&i);
	it_message(&i, ITEM_MSG_IN, buf, w.n);
	it_plain(&i, ITEM_COMMAND, 0);
	it_plain(&i, ITEM_STATUS, 0);
	static const uint8_t complete[] = {0};
	it_message(&i, ITEM_MSG_IN, complete, 1);
	it_plain(&i, ITEM_FREE, 0);
	rig_continue(s.r, 4, &i, NULL);
	rig_forget(s.r);
	s.r->traces = false;
	it_broadcast(&i, 2, 7, 1, 9, s.data);
	rig_script(s.r, 7, 11, &i, s.data);
	rig_go(s.r);
	rig_expect(s.r, "5< BURST participant T2 [LATCH COMMAND DATA_OUT(4096)] data=4096\n"
	                "2< BURST leader T2 [SELECT MSG_OUT COMMAND DATA_OUT(4096) FREE] "
	                "data=4096\n"
	                "7< TENURE s11 T2 released out=4096 op9/d0@2:taken(4096) op9/d1:no_taker "
	                "op9/d2@5:taken(4096)\n");
	end(&s);
}
END_TEST

START_TEST(a_leader_that_refuses_leaves_all_without)
{
	struct setup s = begin();

	rig_arm(s.r, 2, ARM_FRONT);
	run(&s);
	rig_expect(s.r, LEADS "2< BURST leader T1 wanted [SELECT MSG_OUT COMMAND]\n");
	answer(s.r, 2, ITEM_MSG_OUT, 0);
	rig_expect(s.r, ENDS "2< BURST leader T1 [FREE]\n"
	                     "7< TENURE s11 T1 released op9/d0@2:declined op9/d1:no_taker "
	                     "op9/d2:no_taker\n");
	end(&s);
}
END_TEST

START_TEST(an_unarmed_leader_clocks_the_data)
{
	struct setup s = begin();

	rig_arm(s.r, 2, ARM_NONE);
	run(&s);
	answer(s.r, 2, ITEM_MSG_OUT, 0);
	answer(s.r, 2, ITEM_COMMAND, 0);
	rig_forget(s.r);
	answer(s.r, 2, ITEM_DATA_OUT, 4096);
	rig_expect(s.r, DATA HEARS("4") HEARS("5") "2< BURST leader T1 wanted atn [DATA_OUT(4096)] "
	                                           "data=4096\n");
	answer(s.r, 2, ITEM_MSG_OUT, 0);
	rig_expect(s.r, "T1 MESSAGE OUT bsy=2 drv=2 BUS RELEASE(d0 op9)[07] atn\n"
	                "2< BURST leader T1 wanted [MSG_OUT]\n");
	answer(s.r, 2, ITEM_FREE, 0);
	rig_expect(s.r, "T1 BUS FREE\n"
	                "7< TENURE s11 T1 released out=4096 op9/d0@2:taken(4096) "
	                "op9/d1@4:taken(4096) op9/d2@5:taken(4096)\n");
	end(&s);
}
END_TEST

/* A phase that ends early is nobody's block. */
START_TEST(a_leader_that_clocks_less)
{
	struct setup s = begin();

	rig_arm(s.r, 2, ARM_FRONT);
	run(&s);
	rig_forget(s.r);
	answer(s.r, 2, ITEM_DATA_OUT, 512);
	rig_expect(s.r, "T1 DATA OUT bsy=2 drv=2 512 crc\n" ENDS
	                "2< BURST leader T1 [DATA_OUT(512) FREE] data=512\n"
	                "7< TENURE s11 T1 released out=512 op9/d0@2:cut(512) op9/d1:no_taker "
	                "op9/d2:no_taker\n");
	end(&s);
}
END_TEST

START_TEST(the_leader_keeps_the_token)
{
	struct setup s = begin();

	rig_arm(s.r, 2, ARM_NONE);
	run(&s);
	answer(s.r, 2, ITEM_MSG_OUT, 0);
	rig_forget(s.r);
	answer(s.r, 2, ITEM_PASS, 0);
	rig_expect(s.r, "2< ERROR bad_state 0: program: PASS without a target that was named\n");
	rig_gone(s.r, 2);
	end(&s);
}
END_TEST

START_TEST(the_leader_dies)
{
	struct setup s = begin();

	rig_arm(s.r, 2, ARM_NONE);
	run(&s);
	answer(s.r, 2, ITEM_MSG_OUT, 0);
	answer(s.r, 2, ITEM_COMMAND, 0);
	if (_i)
		answer(s.r, 2, ITEM_DATA_OUT, 4096);
	rig_forget(s.r);
	rig_gone(s.r, 2);
	if (_i)
		rig_expect(s.r, "T1 BUS FREE\n"
		                "7< TENURE s11 T1 unexpected_free out=4096 op9/d0@2:taken(4096) "
		                "op9/d1@4:taken(4096) op9/d2@5:taken(4096)\n"
		                "4< PORT 2 down\n"
		                "5< PORT 2 down\n"
		                "7< PORT 2 down\n");
	else
		rig_expect(s.r, "T1 BUS FREE\n"
		                "7< TENURE s11 T1 unexpected_free op9/d0@2:cut op9/d1:not_reached "
		                "op9/d2:not_reached\n"
		                "4< PORT 2 down\n"
		                "5< PORT 2 down\n"
		                "7< PORT 2 down\n");
	end(&s);
}
END_TEST

/* A script that is no broadcast pass, in one respect each. */
static void wrong(struct rig *r, struct block *data, unsigned which)
{
	struct scsi_msg_mirror m = {
	        .function = MIRROR_LEADER, .last = true, .group = 1, .op = 9, .devices = 7};
	uint32_t crc = crc_data(0, data->data, data->len);
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	m.device = which == 0 ? 3 : 0;
	it_broadcast_message(&i, &m, 1);
	it_write16(&i, 0, 8);
	if (which != 1)
		it_data(&i, ITEM_DATA_OUT, 0, 4096, crc);
	m.function = MIRROR_SELECT;
	m.device = 1;
	if (which == 2)
		it_broadcast_message(&i, &m, 1);
	m.function = MIRROR_RELEASE;
	m.device = 0;
	if (which == 3)
		it_release(&i, 0, 9);
	else if (which == 4)
		it_leader(&i, false, 2, 0, 10, true);
	else
		it_broadcast_message(&i, &m, 1);
	rig_script(r, 7, 5, &i, data);
}

START_TEST(scripts_that_are_none)
{
	struct rig *r = rig_new(NULL);
	struct block *data = rig_block(4096);

	rig_group(r, 3, ARM_FULL);
	for (unsigned i = 0; i < 5; i++)
		wrong(r, data, i);
	rig_expect(r, "7< ERROR bad_value 5: script: the leader, device 3, is not in the bitmap of "
	              "devices\n"
	              "7< ERROR bad_value 5: script: a broadcast pass without DATA OUT\n"
	              "7< ERROR bad_value 5: script: TARGET SELECTION in a broadcast pass\n"
	              "7< ERROR bad_value 5: script: BUS RELEASE whose BROADCAST flag is not the "
	              "pass's\n"
	              "7< ERROR bad_value 5: script: broadcast and silent passes in one tenure\n");
	block_unref(data);
	rig_free(r);
}
END_TEST

static ns_t bus_time_of(unsigned n, bool broadcast)
{
	struct rig *r = rig_new(NULL);
	struct block *data = rig_block(4096);
	struct items i;

	rig_group(r, n, ARM_FULL);
	if (broadcast)
		it_broadcast(&i, 2, (1U << n) - 1, 1, 9, data);
	else
		it_pass(&i, 2, n, 1, 9, data);
	rig_script(r, 7, 11, &i, data);
	rig_go(r);
	rig_frame(
	        r, r->handle[7],
	        &(struct wire_frame){.type = WIRE_MGMT,
	                             .mgmt = {.req = 1, .to = WIRE_NO_ID, .kind = MGMT_BUS_STATS}});
	ns_t ns = r->stats.now_ns;
	rig_go(r);
	block_unref(data);
	rig_free(r);
	return ns;
}

START_TEST(the_tenure_of_seven_copies_takes_the_time_of_one)
{
	ns_t one = bus_time_of(1, true);

	ck_assert_uint_gt(one, 0);
	for (unsigned n = 2; n <= 7; n++)
		ck_assert_uint_eq(bus_time_of(n, true), one);
	ck_assert_uint_gt(bus_time_of(7, false), 6 * one);
}
END_TEST

TAP_MAIN_TABLE("bus_broadcast", NULL, NULL, TAP_ONCE(three_targets),
               TAP_ONCE(each_returns_its_status), TAP_TIMES(who_cannot_latch_misses_it, 5),
               TAP_ONCE(two_claimants_latch_nothing), TAP_ONCE(another_agreement_cannot_follow),
               TAP_ONCE(a_leader_that_refuses_leaves_all_without),
               TAP_ONCE(an_unarmed_leader_clocks_the_data), TAP_ONCE(a_leader_that_clocks_less),
               TAP_ONCE(the_leader_keeps_the_token), TAP_TIMES(the_leader_dies, 2),
               TAP_ONCE(scripts_that_are_none),
               TAP_ONCE(the_tenure_of_seven_copies_takes_the_time_of_one));
