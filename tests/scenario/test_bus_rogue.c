/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus core and ports that attach properly, and then want more than is theirs. */
#include "scenario/bus_rig.h"

#include "unit/tap_main.h"

#include <string.h>

/* A target and the initiator 7. */
static struct rig *begin(void)
{
	struct rig *r = rig_new(NULL);

	rig_attach(r, 2, ROLE_TARGET, "disk2");
	rig_attach(r, 7, ROLE_INITIATOR, "host");
	rig_go(r);
	rig_forget(r);
	return r;
}

START_TEST(another_role_is_another_device)
{
	struct rig *r = begin();
	uint32_t handle = rig_open(r);

	rig_attach_frame(r, handle, 7, ROLE_TARGET, "host");
	rig_go(r);
	rig_expect(r, "h2< REFUSED id_held 0: SCSI ID 7 is held by host (UUID "
	              "686f7374-0000-0000-0000-000000000000)\n");
	ck_assert(rig_closed(r, handle));
	rig_free(r);
}
END_TEST

START_TEST(live_taps_are_bounded)
{
	struct rig *r = begin();
	uint32_t tap[BUS_TAPS + 1];

	for (unsigned i = 0; i <= BUS_TAPS; i++) {
		rig_forget(r);
		tap[i] = rig_open(r);
		rig_attach_frame(r, tap[i], WIRE_NO_ID, ROLE_TAP, "tap");
		rig_go(r);
	}
	rig_expect(r, "h10< REFUSED flood 0: 8 live taps are there already\n");
	ck_assert(rig_closed(r, tap[BUS_TAPS]));
	/* The place of one that went is there again. */
	rig_close(r, tap[0]);
	rig_attach_frame(r, rig_open(r), WIRE_NO_ID, ROLE_TAP, "tap");
	rig_go(r);
	rig_expect(r, "h2< ATTACHED\n"
	              "h2 is a tap\n");
	rig_free(r);
}
END_TEST

START_TEST(who_claims_again_and_again_is_out)
{
	struct rig *r = begin();
	uint32_t handle;

	rig_member(r, 2, 1, 1);
	rig_attach(r, 9, ROLE_TARGET, "twin");
	rig_go(r);
	handle = r->handle[9];
	for (unsigned i = 0; i < 15; i++) {
		rig_member(r, 9, 1, 1);
		rig_member(r, 9, 1, 2);
	}
	ck_assert(!rig_closed(r, handle));
	rig_forget(r);
	rig_member(r, 9, 1, 1);
	rig_expect(r, "2< ERROR conflict 0: device 1 of group 1 is claimed by twin (ID 9), too\n"
	              "9< ERROR conflict 0: device 1 of group 1 is claimed by disk2 (ID 2), too\n"
	              "9< REFUSED conflict 0: 16 frames were refused\n"
	              "2< PORT 9 down\n"
	              "7< PORT 9 down\n");
	ck_assert(rig_closed(r, handle));
	rig_free(r);
}
END_TEST

/* One program that makes the tenure a mirroring one, and goes on as if it were not. */
START_TEST(no_status_behind_an_identification)
{
	struct rig *r = rig_new(NULL);
	struct block *data = rig_block(4096);
	struct items i;

	rig_group(r, 2, ARM_NONE);
	it_pass(&i, 2, 2, 1, 9, data);
	rig_script(r, 7, 11, &i, data);
	rig_go(r);
	it_begin(&i);
	it_plain(&i, ITEM_MSG_OUT, 0);
	it_plain(&i, ITEM_COMMAND, 0);
	it_plain(&i, ITEM_STATUS, 0);
	it_plain(&i, ITEM_FREE, 0);
	rig_forget(r);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(1) TARGET LEADER "
	              "IDENTIFICATION(d0 op9) atn\n"
	              "T1 COMMAND drv=2 WRITE(16)\n"
	              "2< BURST leader T1 wanted [MSG_OUT COMMAND]\n");
	rig_free(r);
	block_unref(data);
}
END_TEST

/* A member says what it is after each RST: whoever claims the same does not put it out. */
START_TEST(what_was_claimed_is_no_new_claim)
{
	struct rig *r = begin();

	rig_member(r, 2, 1, 1);
	rig_attach(r, 9, ROLE_TARGET, "twin");
	rig_go(r);
	rig_member(r, 9, 1, 1);
	rig_forget(r);
	for (unsigned i = 0; i < 40; i++)
		rig_member(r, 2, 1, 1);
	rig_expect(r, "");
	ck_assert(!rig_closed(r, r->handle[2]));
	rig_free(r);
}
END_TEST

/* Somebody asserts RST again and again, each time while another's program is under way. */
START_TEST(a_late_program_is_not_held_against_its_port)
{
	struct rig *r = begin();
	const uint32_t handle = r->handle[2];
	struct wire_frame rst = {.type = WIRE_RESET};
	struct items script, program;

	it_begin(&script);
	it_select(&script, 2);
	it_identify(&script, 1);
	it_cdb6(&script, 0, 0);
	it_begin(&program);
	it_plain(&program, ITEM_MSG_OUT, 0);
	for (uint32_t n = 1; n <= 40; n++) {
		rig_script(r, 7, n, &script, NULL);
		rig_go(r);
		rig_frame(r, r->handle[7], &rst);
		rig_forget(r);
		rig_continue(r, 2, &program, NULL);
		ck_assert_ptr_nonnull(strstr(r->text, "2< ERROR not_yours"));
		ck_assert(!rig_closed(r, handle));
	}
	/* But it is late only once. */
	for (unsigned n = 0; n < 16; n++)
		rig_continue(r, 2, &program, NULL);
	ck_assert(rig_closed(r, handle));
	rig_free(r);
}
END_TEST

/* ... and faster than answers come. */
START_TEST(many_questions_are_taken_back)
{
	struct rig *r = begin();
	const uint32_t handle = r->handle[2];
	struct wire_frame rst = {.type = WIRE_RESET};
	struct items script, program;
	unsigned n;

	it_begin(&script);
	it_select(&script, 2);
	it_identify(&script, 1);
	it_cdb6(&script, 0, 0);
	it_begin(&program);
	it_plain(&program, ITEM_MSG_OUT, 0);
	for (n = 1; n <= 40; n++) {
		rig_script(r, 7, n, &script, NULL);
		rig_go(r);
		rig_frame(r, r->handle[7], &rst);
	}
	rig_script(r, 7, n, &script, NULL);
	rig_go(r);
	const uint32_t token = r->token[2];
	for (n = 40; n > 0; n--) {
		r->token[2] = token - n;
		rig_continue(r, 2, &program, NULL);
	}
	ck_assert(!rig_closed(r, handle));
	/* What it is asked for now is right, and nothing is late from then on. */
	r->token[2] = token;
	rig_forget(r);
	rig_continue(r, 2, &program, NULL);
	ck_assert_ptr_null(strstr(r->text, "ERROR"));
	r->token[2] = token;
	for (n = 0; n < 16; n++)
		rig_continue(r, 2, &program, NULL);
	ck_assert(rig_closed(r, handle));
	rig_free(r);
}
END_TEST

START_TEST(rst_again_and_again)
{
	struct rig *r = begin();
	const uint32_t handle = r->handle[7];
	struct wire_frame rst = {.type = WIRE_RESET}, ping = {.type = WIRE_PING};

	r->sends = r->traces = false;
	for (unsigned n = 0; n < 100; n++) { /* one in two seconds is no crime */
		rig_frame(r, handle, &rst);
		rig_wait(r, 2 * NS_PER_S);
		rig_frame(r, r->handle[2], &ping);
	}
	ck_assert(!rig_closed(r, handle));
	for (unsigned n = 0; n < 64 + 15; n++)
		rig_frame(r, handle, &rst);
	ck_assert(!rig_closed(r, handle));
	r->sends = true;
	rig_forget(r);
	rig_frame(r, handle, &rst);
	rig_expect(r, "7< ERROR flood 0: RST again and again\n"
	              "7< REFUSED flood 0: 16 frames were refused\n"
	              "2< PORT 7 down\n");
	/* A new attach is no new start. */
	rig_attach(r, 7, ROLE_INITIATOR, "host");
	rig_forget(r);
	rig_frame(r, r->handle[7], &rst);
	rig_expect(r, "7< ERROR flood 0: RST again and again\n");
	rig_free(r);
}
END_TEST

/* Whoever asks and goes does not make the answers a crime of who was asked. */
START_TEST(answers_for_one_that_has_gone)
{
	struct rig *r = begin();
	const uint32_t handle = r->handle[2];
	struct wire_frame f = {.type = WIRE_MGMT};

	for (unsigned round = 0; round < 2; round++) {
		for (uint32_t n = 1; n <= 20; n++) {
			f.mgmt = (struct wire_mgmt){
			        .req = n, .from = 7, .to = 2, .kind = MGMT_FAULT_LIST};
			rig_frame(r, r->handle[7], &f);
		}
		rig_close(r, r->handle[7]);
		rig_attach(r, 7, ROLE_INITIATOR, "host");
		rig_go(r);
		rig_forget(r);
		for (uint32_t n = 1; n <= 20; n++) {
			f.mgmt = (struct wire_mgmt){.req = n,
			                            .answer = true,
			                            .from = 2,
			                            .to = 7,
			                            .kind = MGMT_FAULT_LIST};
			rig_frame(r, handle, &f);
		}
		ck_assert_ptr_nonnull(strstr(r->text, "2< ERROR not_yours"));
		ck_assert(!rig_closed(r, handle));
	}
	for (unsigned n = 0; n < 16; n++)
		rig_frame(r, handle, &f);
	ck_assert(rig_closed(r, handle));
	rig_free(r);
}
END_TEST

/* ... or waits for too long. */
START_TEST(answers_after_their_time)
{
	struct rig *r = begin();
	const uint32_t handle = r->handle[2];
	struct wire_frame f = {.type = WIRE_MGMT};

	r->sends = false;
	for (uint32_t n = 1; n <= 64; n++) {
		f.mgmt = (struct wire_mgmt){.req = n, .from = 7, .to = 2, .kind = MGMT_FAULT_LIST};
		rig_frame(r, r->handle[7], &f);
		if (n == 32)
			r->now += 10 * NS_PER_S;
	}
	for (uint32_t n = 1; n <= 64; n++) {
		f.mgmt = (struct wire_mgmt){
		        .req = n, .answer = true, .from = 2, .to = 7, .kind = MGMT_FAULT_LIST};
		rig_frame(r, handle, &f);
	}
	ck_assert(!rig_closed(r, handle));
	rig_free(r);
}
END_TEST

TAP_MAIN("bus_rogue", a_late_program_is_not_held_against_its_port, answers_after_their_time,
         answers_for_one_that_has_gone, another_role_is_another_device, live_taps_are_bounded,
         many_questions_are_taken_back, no_status_behind_an_identification, rst_again_and_again,
         what_was_claimed_is_no_new_claim, who_claims_again_and_again_is_out);
