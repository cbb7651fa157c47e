/* SPDX-License-Identifier: BSD-2-Clause */
/* Silent mirroring passes on the bus core, as transcripts. */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#include "base/crc.h"

#include <string.h>

/* Answers that targets give. */
static void answer(struct rig *r, uint8_t id, uint8_t kind)
{
	struct items i;
	it_begin(&i);
	if (kind == ITEM_DATA_OUT)
		it_data(&i, kind, 0, 4096, 0);
	else
		it_plain(&i, kind, 0);
	rig_continue(r, id, &i, NULL);
}

static void message_out(struct rig *r, uint8_t id)
{
	answer(r, id, ITEM_MSG_OUT);
}

struct setup {
	struct rig *r;
	struct block *data;
};

/* n targets in a group, and a pass to all of them, not yet run. */
static struct setup begin(unsigned n, uint8_t mode)
{
	struct setup s = {rig_new(NULL), rig_block(4096)};
	struct items i;

	rig_group(s.r, n, mode);
	it_pass(&i, 2, n, 1, 9, s.data);
	rig_script(s.r, 7, 11, &i, s.data);
	return s;
}

static void end(struct setup *s)
{
	ck_assert_uint_eq(s->data->refs, 1);
	block_unref(s->data);
	rig_free(s->r);
}

START_TEST(two_targets_armed)
{
	struct setup s = begin(2, ARM_FULL);

	rig_go(s.r);
	rig_expect(
	        s.r,
	        "T1 ARBITRATION ids=7 win=7\n"
	        "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	        "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER IDENTIFICATION(d0 "
	        "op9) atn\n"
	        "T1 COMMAND drv=2 WRITE(16)\n"
	        "T1 DATA OUT bsy=2 drv=2 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d1 op9 last) atn\n"
	        "T1 DATA OUT bsy=2 drv=4 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=4 BUS RELEASE(d0 op9) atn\n"
	        "T1 BUS FREE\n"
	        "4< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"
	        "7< TENURE s11 T1 released out=8192 op9/d0@2:taken(4096) op9/d1@4:taken(4096)\n");
	/* References to the data go with the next step. */
	rig_go(s.r);
	end(&s);
}
END_TEST

START_TEST(each_target_returns_its_status)
{
	struct setup s = begin(2, ARM_FULL);
	struct items i;

	rig_go(s.r);
	rig_forget(s.r);
	it_status(&i, 1, 0x00, 9, 1);
	rig_reselect(s.r, 4, 7, 100, &i, NULL);
	it_status(&i, 1, 0x02, 9, 0);
	rig_reselect(s.r, 2, 7, 200, &i, NULL);
	rig_go(s.r);
	rig_expect(s.r, "T2 ARBITRATION ids=2,4 win=4\n"
	                "T2 RESELECTION 7<4 bsy=4,7 sel=4\n"
	                "T2 MESSAGE IN bsy=4 drv=4 IDENTIFY SIMPLE(1) MIRROR STATUS(d1 op9)\n"
	                "T2 STATUS drv=4 GOOD\n"
	                "T2 MESSAGE IN bsy=4 drv=4 COMMAND COMPLETE\n"
	                "T2 BUS FREE\n"
	                "T3 ARBITRATION ids=2 win=2\n"
	                "T3 RESELECTION 7<2 bsy=2,7 sel=2\n"
	                "T3 MESSAGE IN bsy=2 drv=2 IDENTIFY SIMPLE(1) MIRROR STATUS(d0 op9)\n"
	                "T3 STATUS drv=2 CHECK CONDITION\n"
	                "T3 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	                "T3 BUS FREE\n"
	                "7< TENURE s0 T2 complete status=00 msg_in: IDENTIFY SIMPLE(1) MIRROR "
	                "STATUS(d1 op9) COMMAND COMPLETE\n"
	                "7< TENURE s0 T3 complete status=02 msg_in: IDENTIFY SIMPLE(1) MIRROR "
	                "STATUS(d0 op9) COMMAND COMPLETE\n");
	end(&s);
}
END_TEST

START_TEST(a_pass_to_one)
{
	struct setup s = begin(1, ARM_FULL);

	rig_go(s.r);
	rig_expect(s.r,
	           "T1 ARBITRATION ids=7 win=7\n"
	           "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	           "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER IDENTIFICATION(d0 "
	           "op9 last) atn\n"
	           "T1 COMMAND drv=2 WRITE(16)\n"
	           "T1 DATA OUT bsy=2 drv=2 4096 crc\n"
	           "T1 MESSAGE OUT bsy=2 drv=2 BUS RELEASE(d0 op9) atn\n"
	           "T1 BUS FREE\n"
	           "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"
	           "7< TENURE s11 T1 released out=4096 op9/d0@2:taken(4096)\n");
	rig_go(s.r);
	end(&s);
}
END_TEST

START_TEST(a_participant_declines)
{
	struct setup s = begin(3, ARM_FULL);

	rig_arm(s.r, 4, ARM_FRONT);
	rig_go(s.r);
	rig_expect(s.r, "T1 ARBITRATION ids=7 win=7\n"
	                "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	                "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER "
	                "IDENTIFICATION(d0 op9) atn\n"
	                "T1 COMMAND drv=2 WRITE(16)\n"
	                "T1 DATA OUT bsy=2 drv=2 4096 crc\n"
	                "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d1 op9) atn\n"
	                "4< BURST participant T1 wanted [LATCH COMMAND MSG_OUT TOKEN]\n"
	                "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(4096)] data=4096\n");
	message_out(s.r, 4);
	rig_expect(
	        s.r,
	        "T1 MESSAGE OUT bsy=2 drv=4 TARGET SELECTION(d2 op9 last) atn\n"
	        "T1 DATA OUT bsy=2 drv=5 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=5 BUS RELEASE(d0 op9) atn\n"
	        "T1 BUS FREE\n"
	        "5< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [FREE]\n"
	        "7< TENURE s11 T1 released out=8192 op9/d0@2:taken(4096) op9/d1@4:declined "
	        "op9/d2@5:taken(4096)\n");
	end(&s);
}
END_TEST

START_TEST(a_participant_decides_and_takes)
{
	struct setup s = begin(2, ARM_FULL);

	rig_arm(s.r, 4, ARM_FRONT);
	rig_go(s.r);
	rig_forget(s.r);
	answer(s.r, 4, ITEM_DATA_OUT);
	rig_expect(
	        s.r,
	        "T1 DATA OUT bsy=2 drv=4 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=4 BUS RELEASE(d0 op9) atn\n"
	        "T1 BUS FREE\n"
	        "4< BURST participant T1 [DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [FREE]\n"
	        "7< TENURE s11 T1 released out=8192 op9/d0@2:taken(4096) op9/d1@4:taken(4096)\n");
	rig_go(s.r);
	end(&s);
}
END_TEST

START_TEST(the_leader_declines)
{
	struct setup s = begin(2, ARM_FULL);

	rig_arm(s.r, 2, ARM_FRONT);
	rig_go(s.r);
	rig_expect(s.r, "T1 ARBITRATION ids=7 win=7\n"
	                "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	                "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER "
	                "IDENTIFICATION(d0 op9) atn\n"
	                "T1 COMMAND drv=2 WRITE(16)\n"
	                "2< BURST leader T1 wanted [SELECT MSG_OUT COMMAND]\n");
	message_out(s.r, 2);
	rig_expect(
	        s.r,
	        "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d1 op9 last) atn\n"
	        "T1 DATA OUT bsy=2 drv=4 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=4 BUS RELEASE(d0 op9) atn\n"
	        "T1 BUS FREE\n"
	        "4< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [FREE]\n"
	        "7< TENURE s11 T1 released out=4096 op9/d0@2:declined op9/d1@4:taken(4096)\n");
	rig_go(s.r);
	end(&s);
}
END_TEST

/* One that has attached since is not the one that the initiator meant: neither its CDB nor its data
 * are for it (0); nor does it take them from the one that is meant by being the same member (1). */
START_TEST(a_participant_came_later)
{
	for (unsigned beside = 0; beside < 2; beside++) {
		struct setup s = {rig_new(NULL), rig_block(4096)};
		struct items i;

		rig_group(s.r, 3, ARM_FULL);
		uint32_t known = s.r->epoch[7];
		unsigned id = beside ? 6 : 4;
		if (!beside)
			rig_gone(s.r, 4);
		rig_target(s.r, (uint8_t)id, ARM_FULL, 1, 1);
		it_pass(&i, 2, 3, 1, 9, s.data);
		wire_select_known(&i.w, known);
		rig_script(s.r, 7, 11, &i, s.data);
		rig_forget(s.r);
		rig_go(s.r);
		ck_assert_uint_gt(s.r->epoch[id], known);
		ck_assert_ptr_null(strstr(s.r->text, beside ? "6< BURST" : "4< BURST"));
		ck_assert_ptr_nonnull(
		        strstr(s.r->text, beside ? "op9/d0@2:taken(4096) op9/d1@4:taken(4096) "
		                                   "op9/d2@5:taken(4096)\n"
		                                 : "op9/d0@2:taken(4096) op9/d1:no_taker "
		                                   "op9/d2@5:taken(4096)\n"));
		rig_go(s.r); /* gives back what the last frames referred to */
		end(&s);
	}
}
END_TEST

START_TEST(a_participant_is_absent)
{
	struct setup s = begin(3, ARM_FULL);

	rig_gone(s.r, 4);
	rig_expect(
	        s.r,
	        "2< PORT 4 down\n"
	        "5< PORT 4 down\n"
	        "7< PORT 4 down\n"
	        "T1 ARBITRATION ids=7 win=7\n"
	        "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	        "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER IDENTIFICATION(d0 "
	        "op9) atn\n"
	        "T1 COMMAND drv=2 WRITE(16)\n"
	        "T1 DATA OUT bsy=2 drv=2 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d1 op9) atn\n"
	        "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d2 op9 last) atn\n"
	        "T1 DATA OUT bsy=2 drv=5 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=5 BUS RELEASE(d0 op9) atn\n"
	        "T1 BUS FREE\n"
	        "5< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"
	        "7< TENURE s11 T1 released out=8192 op9/d0@2:taken(4096) op9/d1:no_taker "
	        "op9/d2@5:taken(4096)\n");
	rig_go(s.r);
	end(&s);
}
END_TEST

START_TEST(a_participant_is_silent)
{
	struct setup s = begin(3, ARM_FULL);

	rig_arm(s.r, 4, ARM_NONE);
	rig_go(s.r);
	rig_forget(s.r);
	rig_wait(s.r, 2 * NS_PER_S - 1);
	rig_expect(s.r, "");
	rig_wait(s.r, 1);
	rig_expect(
	        s.r,
	        "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d2 op9 last) atn\n"
	        "T1 DATA OUT bsy=2 drv=5 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=5 BUS RELEASE(d0 op9) atn\n"
	        "T1 BUS FREE\n"
	        "4< REFUSED bad_state 0: ID 4 kept a phase waiting in tenure 1 for 2000 ms: attach "
	        "anew\n"
	        "5< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [FREE]\n"
	        "7< TENURE s11 T1 released out=8192 op9/d0@2:taken(4096) op9/d1@4:timeout "
	        "op9/d2@5:taken(4096)\n"
	        "2< PORT 4 down\n"
	        "5< PORT 4 down\n"
	        "7< PORT 4 down\n");
	/* What it says now is nobody's. */
	answer(s.r, 4, ITEM_DATA_OUT);
	rig_expect(s.r, "");
	end(&s);
}
END_TEST

START_TEST(an_old_token)
{
	struct setup s = begin(3, ARM_FULL);

	rig_arm(s.r, 4, ARM_NONE);
	rig_arm(s.r, 5, ARM_NONE);
	rig_go(s.r);
	uint32_t old = s.r->token[4];
	answer(s.r, 4, ITEM_DATA_OUT);
	ck_assert_uint_ne(s.r->token[4], old);
	rig_forget(s.r);
	/* It says the same again. */
	s.r->token[4] = old;
	answer(s.r, 4, ITEM_DATA_OUT);
	rig_expect(s.r,
	           "4< ERROR not_yours 0: tenure 1 does not wait for this port with token 1\n");
	s.r->token[4] = old + 1;
	message_out(s.r, 4);
	rig_forget(s.r);
	/* The third has the token; the second speaks, and even guesses it. */
	s.r->token[4] = s.r->token[5];
	answer(s.r, 4, ITEM_DATA_OUT);
	rig_expect(s.r,
	           "4< ERROR not_yours 0: tenure 1 does not wait for this port with token 3\n");
	answer(s.r, 5, ITEM_DATA_OUT);
	message_out(s.r, 5);
	/* Nor is one of a tenure that is over. */
	rig_forget(s.r);
	message_out(s.r, 5);
	rig_expect(s.r,
	           "5< ERROR not_yours 0: tenure 1 does not wait for this port with token 4\n");
	rig_go(s.r);
	end(&s);
}
END_TEST

START_TEST(the_leader_dies)
{
	struct setup s = begin(3, ARM_FULL);

	rig_arm(s.r, 4, ARM_FRONT);
	rig_go(s.r);
	rig_forget(s.r);
	rig_gone(s.r, 2);
	rig_expect(s.r, "T1 BUS FREE\n"
	                "4< BURST participant T1 [DATA_OUT(0)! FREE!]\n"
	                "7< TENURE s11 T1 unexpected_free out=4096 op9/d0@2:taken(4096) "
	                "op9/d1@4:cut op9/d2:not_reached\n"
	                "4< PORT 2 down\n"
	                "5< PORT 2 down\n"
	                "7< PORT 2 down\n");
	end(&s);
}
END_TEST

START_TEST(the_initiator_dies)
{
	struct setup s = begin(3, ARM_FULL);

	rig_arm(s.r, 4, ARM_FRONT);
	rig_go(s.r);
	rig_forget(s.r);
	rig_gone(s.r, 7);
	rig_expect(s.r, "T1 BUS FREE\n"
	                "4< BURST participant T1 [DATA_OUT(0)! FREE!]\n"
	                "2< BURST leader T1 [FREE!]\n"
	                "2< PORT 7 down\n"
	                "4< PORT 7 down\n"
	                "5< PORT 7 down\n");
	end(&s);
}
END_TEST

START_TEST(a_participant_dies_with_the_token)
{
	struct setup s = begin(3, ARM_FULL);

	rig_arm(s.r, 4, ARM_FRONT);
	rig_go(s.r);
	rig_forget(s.r);
	rig_gone(s.r, 4);
	rig_expect(
	        s.r,
	        "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d2 op9 last) atn\n"
	        "T1 DATA OUT bsy=2 drv=5 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=5 BUS RELEASE(d0 op9) atn\n"
	        "T1 BUS FREE\n"
	        "5< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [FREE]\n"
	        "7< TENURE s11 T1 released out=8192 op9/d0@2:taken(4096) op9/d1@4:timeout "
	        "op9/d2@5:taken(4096)\n"
	        "2< PORT 4 down\n"
	        "5< PORT 4 down\n"
	        "7< PORT 4 down\n");
	rig_go(s.r);
	end(&s);
}
END_TEST

START_TEST(a_silent_leader_is_reset)
{
	struct setup s = begin(2, ARM_FULL);

	rig_arm(s.r, 2, ARM_NONE);
	rig_go(s.r);
	rig_forget(s.r);
	rig_wait(s.r, 2 * NS_PER_S);
	rig_expect(s.r, "T1 RESET\n"
	                "T1 BUS FREE\n"
	                "7< TENURE s11 T1 reset op9/d0@2:timeout op9/d1:not_reached\n"
	                "2< RESET by 255: ID 2 kept a phase waiting in tenure 1\n"
	                "4< RESET by 255: ID 2 kept a phase waiting in tenure 1\n"
	                "7< RESET by 255: ID 2 kept a phase waiting in tenure 1\n"
	                "2< REFUSED bad_state 0: ID 2 kept a phase waiting in tenure 1 for 2000 "
	                "ms: attach anew\n"
	                "4< PORT 2 down\n"
	                "7< PORT 2 down\n");
	end(&s);
}
END_TEST

START_TEST(a_slow_tenure_is_reset)
{
	struct setup s = begin(3, ARM_NONE);

	rig_go(s.r);
	for (unsigned n = 0; n < 4; n++) {
		rig_wait(s.r, NS_PER_S);
		answer(s.r, 2, n == 1 ? ITEM_COMMAND : n == 2 ? ITEM_DATA_OUT : ITEM_MSG_OUT);
	}
	rig_forget(s.r);
	rig_wait(s.r, NS_PER_S - 1);
	rig_expect(s.r, "");
	rig_wait(s.r, 1);
	rig_expect(
	        s.r,
	        "T1 RESET\n"
	        "T1 BUS FREE\n"
	        "7< TENURE s11 T1 reset out=4096 op9/d0@2:taken(4096) op9/d1:not_reached "
	        "op9/d2:not_reached\n"
	        "2< RESET by 255: tenure 1 of ID 2 is past its limit\n"
	        "4< RESET by 255: tenure 1 of ID 2 is past its limit\n"
	        "5< RESET by 255: tenure 1 of ID 2 is past its limit\n"
	        "7< RESET by 255: tenure 1 of ID 2 is past its limit\n"
	        "2< REFUSED bad_state 0: ID 2 kept the bus in tenure 1 for 5000 ms: attach anew\n"
	        "4< PORT 2 down\n"
	        "5< PORT 2 down\n"
	        "7< PORT 2 down\n");
	end(&s);
}
END_TEST

/* It passes the token on just before the limit: whom the bus waits for then is not to blame. */
START_TEST(a_slow_leader_blames_nobody_else)
{
	struct setup s = begin(2, ARM_NONE);
	static const uint8_t answers[] = {ITEM_MSG_OUT, ITEM_COMMAND, ITEM_DATA_OUT, ITEM_MSG_OUT,
	                                  ITEM_PASS};
	const uint32_t innocent = s.r->handle[4];

	rig_go(s.r);
	for (size_t n = 0; n < ARRAY_LEN(answers); n++) {
		rig_wait(s.r, NS_PER_S - NS_PER_MS);
		answer(s.r, 2, answers[n]);
	}
	ck_assert_ptr_nonnull(strstr(s.r->text, "4< BURST participant T1 wanted"));
	rig_forget(s.r);
	rig_wait(s.r, 5 * NS_PER_MS);
	ck_assert_ptr_nonnull(
	        strstr(s.r->text, "2< REFUSED bad_state 0: ID 2 kept the bus in tenure 1"));
	ck_assert(!rig_closed(s.r, innocent));
	end(&s);
}
END_TEST

START_TEST(unarmed_everything)
{
	struct setup s = begin(3, ARM_NONE);

	rig_go(s.r);
	message_out(s.r, 2);
	answer(s.r, 2, ITEM_COMMAND);
	answer(s.r, 2, ITEM_DATA_OUT);
	message_out(s.r, 2);
	answer(s.r, 2, ITEM_PASS);
	rig_expect(s.r, "T1 ARBITRATION ids=7 win=7\n"
	                "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	                "2< BURST target T1 wanted atn [SELECT]\n"
	                "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER "
	                "IDENTIFICATION(d0 op9) atn\n"
	                "2< BURST leader T1 wanted [MSG_OUT]\n"
	                "T1 COMMAND drv=2 WRITE(16)\n"
	                "2< BURST leader T1 wanted [COMMAND]\n"
	                "T1 DATA OUT bsy=2 drv=2 4096 crc\n"
	                "2< BURST leader T1 wanted atn [DATA_OUT(4096)] data=4096\n"
	                "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d1 op9) atn\n"
	                "2< BURST leader T1 wanted [MSG_OUT]\n"
	                "4< BURST participant T1 wanted [LATCH COMMAND MSG_OUT TOKEN]\n");
	answer(s.r, 4, ITEM_DATA_OUT);
	message_out(s.r, 4);
	rig_expect(s.r, "T1 DATA OUT bsy=2 drv=4 4096 crc\n"
	                "4< BURST participant T1 wanted atn [DATA_OUT(4096)] data=4096\n"
	                "T1 MESSAGE OUT bsy=2 drv=4 TARGET SELECTION(d2 op9 last) atn\n"
	                "5< BURST participant T1 wanted [LATCH COMMAND MSG_OUT TOKEN]\n");
	message_out(s.r, 5);
	answer(s.r, 2, ITEM_FREE);
	rig_expect(s.r, "T1 MESSAGE OUT bsy=2 drv=5 BUS RELEASE(d0 op9) atn\n"
	                "2< BURST leader T1 wanted [MSG_OUT MSG_OUT]\n"
	                "T1 BUS FREE\n"
	                "7< TENURE s11 T1 released out=8192 op9/d0@2:taken(4096) "
	                "op9/d1@4:taken(4096) op9/d2@5:declined\n");
	end(&s);
}
END_TEST

START_TEST(unarmed_the_token_comes_back)
{
	struct setup s = begin(3, ARM_NONE);

	rig_gone(s.r, 4);
	message_out(s.r, 2);
	answer(s.r, 2, ITEM_COMMAND);
	answer(s.r, 2, ITEM_DATA_OUT);
	message_out(s.r, 2);
	rig_forget(s.r);
	answer(s.r, 2, ITEM_PASS);
	rig_expect(s.r, "2< BURST leader T1 wanted atn [TOKEN]\n");
	message_out(s.r, 2);
	rig_expect(s.r, "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d2 op9 last) atn\n"
	                "2< BURST leader T1 wanted [MSG_OUT]\n");
	answer(s.r, 2, ITEM_PASS);
	rig_expect(s.r, "5< BURST participant T1 wanted [LATCH COMMAND MSG_OUT TOKEN]\n");
	/* This one lets go of the lines instead of taking anything. */
	answer(s.r, 5, ITEM_PASS);
	rig_expect(s.r, "2< BURST leader T1 wanted atn [TOKEN]\n");
	message_out(s.r, 2);
	answer(s.r, 2, ITEM_FREE);
	rig_expect(s.r, "T1 MESSAGE OUT bsy=2 drv=2 BUS RELEASE(d0 op9) atn\n"
	                "2< BURST leader T1 wanted [MSG_OUT]\n"
	                "T1 BUS FREE\n"
	                "7< TENURE s11 T1 released out=4096 op9/d0@2:taken(4096) op9/d1:no_taker "
	                "op9/d2@5:declined\n");
	end(&s);
}
END_TEST

START_TEST(a_leader_that_arms_itself_late)
{
	struct setup s = begin(2, ARM_NONE);

	rig_go(s.r);
	message_out(s.r, 2);
	answer(s.r, 2, ITEM_COMMAND);
	answer(s.r, 2, ITEM_DATA_OUT);
	message_out(s.r, 2);
	/* It does not do what it was told. */
	rig_forget(s.r);
	answer(s.r, 2, ITEM_FREE);
	rig_expect(s.r, "2< ERROR bad_state 0: program: a leader that was told the next target "
	                "lets go of the phase lines\n");
	/* Its port does the rest. */
	rig_arm(s.r, 2, ARM_FULL);
	rig_arm(s.r, 4, ARM_FULL);
	answer(s.r, 2, ITEM_PASS);
	rig_expect(
	        s.r,
	        "T1 DATA OUT bsy=2 drv=4 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=4 BUS RELEASE(d0 op9) atn\n"
	        "T1 BUS FREE\n"
	        "4< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [FREE]\n"
	        "7< TENURE s11 T1 released out=8192 op9/d0@2:taken(4096) op9/d1@4:taken(4096)\n");
	rig_go(s.r);
	end(&s);
}
END_TEST

static void chain(struct items *i, const struct block *data, uint8_t second)
{
	uint32_t crc = crc_data(0, data->data, 4096);

	it_begin(i);
	it_select(i, 2);
	for (unsigned op = 1; op <= 2; op++) {
		it_leader(i, op == 1, (uint8_t)op, 0, op, false);
		it_write16(i, 8 * op, 8);
		it_data(i, ITEM_DATA_OUT, 0, 4096, crc);
		it_name(i, op == 1 ? 1 : second, op, true);
		it_data(i, ITEM_DATA_OUT, 0, 4096, crc);
	}
	it_release(i, 0, 2);
}

START_TEST(a_chained_pass)
{
	struct setup s = {rig_new(NULL), rig_block(4096)};
	struct items i;

	rig_group(s.r, 3, ARM_FULL);
	chain(&i, s.data, 2);
	rig_script(s.r, 7, 11, &i, s.data);
	rig_go(s.r);
	/* The message that identifies the leader is the second operation's. */
	for (unsigned n = 0; n < s.r->n_phases; n++)
		ck_assert_uint_eq(s.r->phase[n].op, n < 7 ? 1 : 2);
	rig_expect(
	        s.r,
	        "T1 ARBITRATION ids=7 win=7\n"
	        "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	        "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER IDENTIFICATION(d0 "
	        "op1) atn\n"
	        "T1 COMMAND drv=2 WRITE(16)\n"
	        "T1 DATA OUT bsy=2 drv=2 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d1 op1 last) atn\n"
	        "T1 DATA OUT bsy=2 drv=4 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=4 SIMPLE(2) TARGET LEADER IDENTIFICATION(d0 op2) atn\n"
	        "T1 COMMAND drv=2 WRITE(16)\n"
	        "T1 DATA OUT bsy=2 drv=2 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d2 op2 last) atn\n"
	        "T1 DATA OUT bsy=2 drv=5 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=5 BUS RELEASE(d0 op2) atn\n"
	        "T1 BUS FREE\n"
	        "4< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(4096)] data=4096\n"
	        "5< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 [MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"
	        "7< TENURE s11 T1 released out=16384 op1/d0@2:taken(4096) op1/d1@4:taken(4096) "
	        "op2/d0@2:taken(4096) op2/d2@5:taken(4096)\n");
	rig_go(s.r);
	end(&s);
}
END_TEST

START_TEST(a_chained_pass_unarmed)
{
	struct setup s = {rig_new(NULL), rig_block(4096)};
	struct items i;

	rig_group(s.r, 2, ARM_FULL);
	rig_arm(s.r, 2, ARM_NONE);
	chain(&i, s.data, 1);
	rig_script(s.r, 7, 11, &i, s.data);
	rig_go(s.r);
	message_out(s.r, 2);
	answer(s.r, 2, ITEM_COMMAND);
	answer(s.r, 2, ITEM_DATA_OUT);
	message_out(s.r, 2);
	rig_forget(s.r);
	answer(s.r, 2, ITEM_PASS);
	rig_expect(
	        s.r,
	        "T1 DATA OUT bsy=2 drv=4 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=4 SIMPLE(2) TARGET LEADER IDENTIFICATION(d0 op2) atn\n"
	        "4< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 wanted [MSG_OUT]\n");
	answer(s.r, 2, ITEM_COMMAND);
	answer(s.r, 2, ITEM_DATA_OUT);
	message_out(s.r, 2);
	rig_forget(s.r);
	answer(s.r, 2, ITEM_PASS);
	rig_expect(
	        s.r,
	        "T1 DATA OUT bsy=2 drv=4 4096 crc\n"
	        "T1 MESSAGE OUT bsy=2 drv=4 BUS RELEASE(d0 op2) atn\n"
	        "4< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T1 wanted [MSG_OUT]\n");
	answer(s.r, 2, ITEM_FREE);
	rig_expect(s.r, "T1 BUS FREE\n"
	                "7< TENURE s11 T1 released out=16384 op1/d0@2:taken(4096) "
	                "op1/d1@4:taken(4096) op2/d0@2:taken(4096) op2/d1@4:taken(4096)\n");
	end(&s);
}
END_TEST

START_TEST(two_claimants_take_nothing)
{
	struct setup s = {rig_new(NULL), rig_block(4096)};
	struct items i;

	rig_group(s.r, 2, ARM_FULL);
	rig_attach(s.r, 9, ROLE_TARGET, "twin");
	rig_forget(s.r);
	rig_member(s.r, 9, 1, 1);
	rig_expect(s.r,
	           "4< ERROR conflict 0: device 1 of group 1 is claimed by twin (ID 9), too\n"
	           "9< ERROR conflict 0: device 1 of group 1 is claimed by disk4 (ID 4), too\n");
	it_pass(&i, 2, 2, 1, 9, s.data);
	s.r->traces = false;
	rig_script(s.r, 7, 11, &i, s.data);
	rig_go(s.r);
	rig_expect(s.r,
	           "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"
	           "7< TENURE s11 T1 released out=4096 op9/d0@2:taken(4096) op9/d1:no_taker\n");
	/* One of them leaves the group: the other is the one again. */
	rig_member(s.r, 9, 2, 1);
	rig_script(s.r, 7, 11, &i, s.data);
	rig_go(s.r);
	rig_expect(
	        s.r,
	        "4< BURST participant T2 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(4096)] data=4096\n"
	        "2< BURST leader T2 [SELECT MSG_OUT COMMAND DATA_OUT(4096) FREE] data=4096\n"
	        "7< TENURE s11 T2 released out=8192 op9/d0@2:taken(4096) op9/d1@4:taken(4096)\n");
	rig_go(s.r);
	end(&s);
}
END_TEST

START_TEST(a_member_that_did_not_hear_the_command)
{
	struct setup s = begin(2, ARM_FULL);

	rig_gone(s.r, 4);
	rig_forget(s.r);
	struct items i;
	it_pass(&i, 2, 2, 1, 10, s.data);
	rig_arm(s.r, 2, ARM_NONE);
	rig_script(s.r, 7, 12, &i, s.data);
	rig_go(s.r);
	message_out(s.r, 2);
	answer(s.r, 2, ITEM_COMMAND);
	/* It comes now, and is armed, but holds no CDB. */
	rig_target(s.r, 4, ARM_FULL, 1, 1);
	rig_forget(s.r);
	answer(s.r, 2, ITEM_DATA_OUT);
	message_out(s.r, 2);
	rig_forget(s.r);
	answer(s.r, 2, ITEM_PASS);
	rig_expect(s.r, "2< BURST leader T2 wanted atn [TOKEN]\n");
	rig_gone(s.r, 7);
	end(&s);
}
END_TEST

START_TEST(named_twice_takes_once)
{
	struct setup s = {rig_new(NULL), rig_block(512)};
	struct items i;
	uint32_t crc = crc_data(0, s.data->data, 512);

	rig_group(s.r, 2, ARM_FULL);
	it_begin(&i);
	it_select(&i, 2);
	it_leader(&i, true, 1, 0, 3, false);
	it_write16(&i, 0, 1);
	it_data(&i, ITEM_DATA_OUT, 0, 512, crc);
	for (unsigned n = 0; n < 2; n++) {
		it_name(&i, 1, 3, false);
		it_data(&i, ITEM_DATA_OUT, 0, 512, crc);
	}
	it_name(&i, 0, 3, true); /* the leader itself */
	it_release(&i, 0, 3);
	rig_script(s.r, 7, 11, &i, s.data);
	rig_go(s.r);
	rig_expect(s.r,
	           "T1 ARBITRATION ids=7 win=7\n"
	           "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	           "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER IDENTIFICATION(d0 "
	           "op3) atn\n"
	           "T1 COMMAND drv=2 WRITE(16)\n"
	           "T1 DATA OUT bsy=2 drv=2 512 crc\n"
	           "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d1 op3) atn\n"
	           "T1 DATA OUT bsy=2 drv=4 512 crc\n"
	           "T1 MESSAGE OUT bsy=2 drv=4 TARGET SELECTION(d1 op3) atn\n"
	           "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d0 op3 last) atn\n"
	           "T1 MESSAGE OUT bsy=2 drv=2 BUS RELEASE(d0 op3) atn\n"
	           "T1 BUS FREE\n"
	           "4< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(512)] data=512\n"
	           "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(512) FREE] data=512\n"
	           "7< TENURE s11 T1 released out=1024 op3/d0@2:taken(512) op3/d1@4:taken(512) "
	           "op3/d1:no_taker op3/d0:no_taker\n");
	rig_go(s.r);
	end(&s);
}
END_TEST

START_TEST(a_leader_of_another_group_is_asked)
{
	struct setup s = begin(2, ARM_FULL);
	static const uint8_t reject = 0x07;
	struct items i;

	rig_member(s.r, 2, 5, 0);
	rig_go(s.r);
	rig_expect(s.r, "T1 ARBITRATION ids=7 win=7\n"
	                "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	                "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER "
	                "IDENTIFICATION(d0 op9) atn\n"
	                "2< BURST leader T1 wanted [SELECT MSG_OUT]\n");
	it_begin(&i);
	it_message(&i, ITEM_MSG_IN, &reject, 1);
	it_plain(&i, ITEM_FREE, 0);
	rig_continue(s.r, 2, &i, NULL);
	rig_expect(s.r, "T1 MESSAGE IN bsy=2 drv=2 MESSAGE REJECT\n"
	                "T1 BUS FREE\n"
	                "7< TENURE s11 T1 unexpected_free msg_in: MESSAGE REJECT "
	                "op9/d0@2:not_reached op9/d1:not_reached\n");
	end(&s);
}
END_TEST

START_TEST(a_pass_without_data)
{
	struct setup s = {rig_new(NULL), rig_block(512)};
	static const uint8_t synchronize[10] = {0x35};
	struct items i;

	rig_group(s.r, 2, ARM_FULL);
	it_begin(&i);
	it_select(&i, 2);
	it_leader(&i, true, 1, 0, 4, false);
	it_message(&i, ITEM_COMMAND, synchronize, sizeof(synchronize));
	it_name(&i, 1, 4, true);
	it_release(&i, 0, 4);
	rig_script(s.r, 7, 11, &i, NULL);
	rig_go(s.r);
	message_out(s.r, 2);
	message_out(s.r, 4);
	rig_expect(s.r, "T1 ARBITRATION ids=7 win=7\n"
	                "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	                "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER "
	                "IDENTIFICATION(d0 op4) atn\n"
	                "T1 COMMAND drv=2 SYNCHRONIZE CACHE(10)\n"
	                "2< BURST leader T1 wanted [SELECT MSG_OUT COMMAND]\n"
	                "T1 MESSAGE OUT bsy=2 drv=2 TARGET SELECTION(d1 op4 last) atn\n"
	                "4< BURST participant T1 wanted [LATCH COMMAND MSG_OUT TOKEN]\n"
	                "T1 MESSAGE OUT bsy=2 drv=4 BUS RELEASE(d0 op4) atn\n"
	                "T1 BUS FREE\n"
	                "2< BURST leader T1 [FREE]\n"
	                "7< TENURE s11 T1 released op4/d0@2:taken op4/d1@4:taken\n");
	end(&s);
}
END_TEST

START_TEST(the_port_takes_only_what_fits)
{
	/* a CDB beyond the capacity, a length that differs, a wrong CRC (which is taken) */
	struct setup s = {rig_new(NULL), rig_block(1024)};
	struct items i;
	uint32_t crc = crc_data(0, s.data->data, 1024);

	rig_group(s.r, 1, ARM_FULL);
	s.r->traces = false;
	for (unsigned n = 0; n < 4; n++) {
		it_begin(&i);
		it_select(&i, 2);
		it_leader(&i, true, 1, 0, 4 + n, true);
		it_write16(&i, n == 0 ? 999 : 998, n == 1 ? 1 : 2);
		it_data(&i, ITEM_DATA_OUT, 0, 1024, n == 2 ? crc + 1 : crc);
		it_release(&i, 0, 4 + n);
		rig_script(s.r, 7, 11, &i, s.data);
		rig_go(s.r);
		if (n < 2)
			message_out(s.r, 2);
	}
	rig_expect(s.r,
	           "2< BURST leader T1 wanted [SELECT MSG_OUT COMMAND]\n"
	           "2< BURST leader T1 [FREE]\n"
	           "7< TENURE s11 T1 released op4/d0@2:declined\n"
	           "2< BURST leader T2 wanted [SELECT MSG_OUT COMMAND]\n"
	           "2< BURST leader T2 [FREE]\n"
	           "7< TENURE s11 T2 released op5/d0@2:declined\n"
	           "2< BURST leader T3 [SELECT MSG_OUT COMMAND DATA_OUT(1024) FREE] data=1024\n"
	           "7< TENURE s11 T3 released out=1024 op6/d0@2:taken(1024)\n"
	           "2< BURST leader T4 [SELECT MSG_OUT COMMAND DATA_OUT(1024) FREE] data=1024\n"
	           "7< TENURE s11 T4 released out=1024 op7/d0@2:taken(1024)\n");
	rig_go(s.r);
	end(&s);
}
END_TEST

START_TEST(part_of_a_block_is_what_is_delivered)
{
	struct setup s = {rig_new(NULL), rig_block(2048)};
	struct items i;

	rig_group(s.r, 1, ARM_FULL);
	it_begin(&i);
	it_select(&i, 2);
	it_leader(&i, true, 1, 0, 4, true);
	it_write16(&i, 0, 1);
	it_data(&i, ITEM_DATA_OUT, 512, 512, crc_data(0, s.data->data + 512, 512));
	it_release(&i, 0, 4);
	rig_script(s.r, 7, 11, &i, s.data);
	rig_go(s.r);
	ck_assert_uint_eq(s.r->last_data_len, 0); /* TENURE came last */
	rig_expect(s.r, "T1 ARBITRATION ids=7 win=7\n"
	                "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	                "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER "
	                "IDENTIFICATION(d0 op4 last) atn\n"
	                "T1 COMMAND drv=2 WRITE(16)\n"
	                "T1 DATA OUT bsy=2 drv=2 512 crc\n"
	                "T1 MESSAGE OUT bsy=2 drv=2 BUS RELEASE(d0 op4) atn\n"
	                "T1 BUS FREE\n"
	                "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(512) FREE] data=512\n"
	                "7< TENURE s11 T1 released out=512 op4/d0@2:taken(512)\n");
	rig_go(s.r);
	end(&s);
}
END_TEST

START_TEST(a_member_that_came_anew_holds_no_cdb)
{
	struct setup s = begin(2, ARM_FULL);

	rig_arm(s.r, 2, ARM_NONE);
	rig_go(s.r);
	message_out(s.r, 2);
	answer(s.r, 2, ITEM_COMMAND);
	rig_close(s.r, s.r->handle[4]);
	rig_target(s.r, 4, ARM_FULL, 1, 1);
	answer(s.r, 2, ITEM_DATA_OUT);
	message_out(s.r, 2);
	rig_forget(s.r);
	answer(s.r, 2, ITEM_PASS);
	rig_expect(s.r, "2< BURST leader T1 wanted atn [TOKEN]\n");
	rig_gone(s.r, 7);
	end(&s);
}
END_TEST

START_TEST(an_ordered_pass_is_the_process_s)
{
	struct setup s = {rig_new(NULL), rig_block(512)};
	struct scsi_msg m = {.kind = MSG_EXT_MIRROR};
	uint8_t bytes[64];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct items i;

	rig_group(s.r, 1, ARM_FULL);
	m.mirror.function = MIRROR_LEADER;
	m.mirror.group = 1;
	m.mirror.op = 3;
	wr_u8(&w, 0xc0);
	wr_u8(&w, 0x22); /* ORDERED */
	wr_u8(&w, 1);
	scsi_msg_put(&w, &m);
	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_MSG_OUT, bytes, w.n);
	it_write16(&i, 0, 1);
	it_data(&i, ITEM_DATA_OUT, 0, 512, crc_data(0, s.data->data, 512));
	it_release(&i, 0, 3);
	s.r->traces = false;
	rig_script(s.r, 7, 11, &i, s.data);
	rig_go(s.r);
	rig_expect(s.r, "2< BURST leader T1 wanted [SELECT MSG_OUT COMMAND]\n");
	rig_gone(s.r, 7);
	rig_go(s.r);
	end(&s);
}
END_TEST

TAP_MAIN("bus_pass", a_participant_came_later, two_targets_armed, each_target_returns_its_status,
         a_pass_to_one, a_participant_declines, a_participant_decides_and_takes,
         the_leader_declines, a_participant_is_absent, a_participant_is_silent, an_old_token,
         the_leader_dies, the_initiator_dies, a_participant_dies_with_the_token,
         a_silent_leader_is_reset, a_slow_tenure_is_reset, a_slow_leader_blames_nobody_else,
         unarmed_everything, unarmed_the_token_comes_back, a_leader_that_arms_itself_late,
         a_chained_pass, a_chained_pass_unarmed, two_claimants_take_nothing,
         a_member_that_did_not_hear_the_command, named_twice_takes_once,
         a_leader_of_another_group_is_asked, a_pass_without_data, the_port_takes_only_what_fits,
         part_of_a_block_is_what_is_delivered, a_member_that_came_anew_holds_no_cdb,
         an_ordered_pass_is_the_process_s);
