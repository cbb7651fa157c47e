/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parallel bus's own rules, as transcripts and tables with the clauses' titles (SPI-3):
 * messages that are rejected, wrong parity, negotiation, selection, BUS FREE.
 */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#include "base/crc.h"

#include <string.h>

/* An item that goes out with wrong parity, or again: the flag of the last one. */
static void flagged(struct items *i, uint8_t kind, uint8_t flags, const void *p, uint32_t n)
{
	struct wire_item it = {.kind = kind, .flags = flags, .len = n, .bytes = {p, n}};
	wire_item_put(&i->w, &it);
}

/* A script of `init` for target 2: these messages, then TEST UNIT READY. */
static void say(struct rig *r, uint8_t init, const char *messages, const char *more)
{
	struct items i;
	it_begin(&i);
	it_select(&i, 2);
	it_hex(&i, ITEM_MSG_OUT, messages);
	if (more)
		it_hex(&i, ITEM_MSG_OUT, more);
	it_cdb6(&i, 0, 0);
	rig_script(r, init, 5, &i, NULL);
	rig_go(r);
}

/* INQUIRY with room for this; target 2's process is asked what to do. */
static void inquire(struct rig *r, uint32_t room)
{
	rig_inquiry(r, 5, 3, room);
	rig_go(r);
	rig_forget(r);
}

/* ---- MESSAGE REJECT ---- */

static const struct {
	const char *clause, *hex, *name;
} not_for_targets[] = {
        {"MODIFY DATA POINTER: not had", "01 05 00 00000200", "MODIFY DATA POINTER"},
        {"MODIFY BIDIRECTIONAL DATA POINTER: not had", "01 09 05 00000200 00000000",
         "MODIFY BIDIRECTIONAL DATA POINTER"},
        {"an extended message that is unknown", "01 02 77 00", "EXTENDED MESSAGE"},
        {"INITIATOR DETECTED ERROR is an initiator's", "05", "INITIATOR DETECTED ERROR"},
        {"ABORT TASK SET is an initiator's", "06", "ABORT TASK SET"},
        {"NO OPERATION is an initiator's", "08", "NO OPERATION"},
        {"MESSAGE PARITY ERROR is an initiator's", "09", "MESSAGE PARITY ERROR"},
        {"TARGET RESET is an initiator's", "0c", "TARGET RESET"},
        {"ABORT TASK is an initiator's", "0d", "ABORT TASK"},
        {"CLEAR TASK SET is an initiator's", "0e", "CLEAR TASK SET"},
        {"LOGICAL UNIT RESET is an initiator's", "17", "LOGICAL UNIT RESET"},
        {"linked commands: not had", "0a", "LINKED COMMAND COMPLETE"},
        {"a message of one byte that is unknown", "30", "UNKNOWN MESSAGE"},
        {"IGNORE WIDE RESIDUE where no DATA IN came", "23 01", "IGNORE WIDE RESIDUE"},
        {"SDTR that nobody has begun", "01 03 01 0c 0f", "SYNCHRONOUS DATA TRANSFER REQUEST"},
        {"PPR that nobody has begun", "01 06 04 09 00 3e 01 02", "PARALLEL PROTOCOL REQUEST"},
        {"WDTR that nobody has begun", "01 02 03 01", "WIDE DATA TRANSFER REQUEST"},
};

START_TEST(message_reject)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;
	char want[600];

	inquire(r, 96);
	it_begin(&i);
	it_hex(&i, ITEM_MSG_IN, not_for_targets[_i].hex);
	it_complete(&i, 0);
	rig_continue(r, 2, &i, NULL);
	(void)snprintf(want, sizeof(want),
	               "T1 MESSAGE IN bsy=2 drv=2 %s\n"
	               "T1 MESSAGE OUT bsy=2 drv=2 MESSAGE REJECT atn\n"
	               "T1 STATUS drv=2 GOOD\n"
	               "T1 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	               "T1 BUS FREE\n"
	               "2< BURST target T1 [MSG_OUT FREE]\n"
	               "7< TENURE s5 T1 complete status=00 msg_in: %s COMMAND COMPLETE\n",
	               not_for_targets[_i].name, not_for_targets[_i].name);
	rig_expect(r, want);
	rig_free(r);
}
END_TEST

/* ---- parity ---- */

START_TEST(message_parity_error)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;
	const uint8_t bytes[] = {0x00};

	inquire(r, 96);
	it_begin(&i);
	it_plain(&i, ITEM_STATUS, 0);
	flagged(&i, ITEM_MSG_IN, ITEM_PARITY, bytes, 1);
	it_plain(&i, ITEM_FREE, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "T1 STATUS drv=2 GOOD\n"
	              "T1 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 MESSAGE PARITY ERROR atn\n"
	              "T1 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T1 BUS FREE\n"
	              "7< TENURE s5 T1 complete status=00 msg_in: COMMAND COMPLETE\n");
	rig_free(r);
}
END_TEST

/* A reconnection whose IDENTIFY has wrong parity: the nexus is the right one's. */
START_TEST(message_parity_error_after_reselection)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;
	const uint8_t bytes[] = {0x80, 0x20, 0x03};

	inquire(r, 96);
	rig_disconnect(r, 2);
	it_begin(&i);
	flagged(&i, ITEM_MSG_IN, ITEM_PARITY, bytes, sizeof(bytes));
	it_complete(&i, 0);
	rig_reselect(r, 2, 7, 1, &i, NULL);
	rig_forget(r);
	rig_go(r);
	rig_expect(
	        r,
	        "T2 ARBITRATION ids=2 win=2\n"
	        "T2 RESELECTION 7<2 bsy=2,7 sel=2\n"
	        "T2 MESSAGE IN bsy=2 drv=2 IDENTIFY SIMPLE(3)\n"
	        "T2 MESSAGE OUT bsy=2 drv=2 MESSAGE PARITY ERROR atn\n"
	        "T2 MESSAGE IN bsy=2 drv=2 IDENTIFY SIMPLE(3)\n"
	        "T2 STATUS drv=2 GOOD\n"
	        "T2 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	        "T2 BUS FREE\n"
	        "7< TENURE s5 T2 complete status=00 msg_in: IDENTIFY SIMPLE(3) COMMAND COMPLETE\n");
	rig_free(r);
}
END_TEST

START_TEST(initiator_detected_error_in_status)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;

	inquire(r, 96);
	it_begin(&i);
	wire_put_plain(&i.w, ITEM_STATUS, 0, ITEM_PARITY);
	it_hex(&i, ITEM_MSG_IN, "00");
	it_plain(&i, ITEM_FREE, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "T1 STATUS drv=2 GOOD\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 INITIATOR DETECTED ERROR atn\n"
	              "T1 MESSAGE IN bsy=2 drv=2 RESTORE POINTERS\n"
	              "T1 STATUS drv=2 GOOD\n"
	              "T1 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T1 BUS FREE\n"
	              "7< TENURE s5 T1 complete status=00 msg_in: RESTORE POINTERS COMMAND "
	              "COMPLETE\n");
	rig_free(r);
}
END_TEST

static void data_in(struct items *i, uint8_t flags, const struct block *data, uint32_t off,
                    uint32_t len)
{
	struct wire_item it = {.kind = ITEM_DATA_IN,
	                       .flags = flags,
	                       .off = off,
	                       .len = len,
	                       .crc = crc_data(0, data->data + off, len)};
	wire_item_put(&i->w, &it);
}

START_TEST(initiator_detected_error_in_data_in)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct block *data = rig_block(36);
	struct items i;

	inquire(r, 96);
	it_begin(&i);
	data_in(&i, ITEM_PARITY, data, 0, 36);
	it_complete(&i, 0);
	rig_continue(r, 2, &i, data);
	rig_expect(r, "T1 DATA IN bsy=2 drv=2 36 badcrc\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 INITIATOR DETECTED ERROR atn\n"
	              "T1 MESSAGE IN bsy=2 drv=2 RESTORE POINTERS\n"
	              "T1 DATA IN bsy=2 drv=2 36 crc\n"
	              "T1 STATUS drv=2 GOOD\n"
	              "T1 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T1 BUS FREE\n"
	              "7< TENURE s5 T1 complete status=00 in=36 msg_in: RESTORE POINTERS COMMAND "
	              "COMPLETE data=36\n");
	rig_end(r, data);
}
END_TEST

/* What lies behind data that are not saved cannot be repeated by the port: its process is asked. */
START_TEST(initiator_detected_error_is_the_process_s)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct block *data = rig_block(36);
	struct items i;

	inquire(r, 96);
	it_begin(&i);
	data_in(&i, 0, data, 0, 16);
	data_in(&i, ITEM_PARITY, data, 16, 20);
	it_complete(&i, 0);
	rig_continue(r, 2, &i, data);
	rig_expect(r, "T1 DATA IN bsy=2 drv=2 16 crc\n"
	              "T1 DATA IN bsy=2 drv=2 20 badcrc\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 INITIATOR DETECTED ERROR atn\n"
	              "2< BURST target T1 wanted [MSG_OUT]\n");
	/* It begins again: what the initiator has not been given is dropped. */
	it_begin(&i);
	it_hex(&i, ITEM_MSG_IN, "03");
	data_in(&i, 0, data, 0, 36);
	it_complete(&i, 0);
	rig_continue(r, 2, &i, data);
	rig_expect(r, "T1 MESSAGE IN bsy=2 drv=2 RESTORE POINTERS\n"
	              "T1 DATA IN bsy=2 drv=2 36 crc\n"
	              "T1 STATUS drv=2 GOOD\n"
	              "T1 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T1 BUS FREE\n"
	              "7< TENURE s5 T1 complete status=00 in=36 msg_in: RESTORE POINTERS COMMAND "
	              "COMPLETE data=36\n");
	rig_end(r, data);
}
END_TEST

START_TEST(message_out_again)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;
	const uint8_t bytes[] = {0xc0, 0x20, 0x03};

	it_begin(&i);
	it_select(&i, 2);
	flagged(&i, ITEM_MSG_OUT, ITEM_PARITY, bytes, sizeof(bytes));
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, 5, &i, NULL);
	rig_go(r);
	it_begin(&i);
	wire_put_plain(&i.w, ITEM_MSG_OUT, 0, ITEM_AGAIN);
	rig_continue(r, 2, &i, NULL);
	rig_plain(r, 2, ITEM_COMMAND, 0);
	rig_expect(r, "T1 ARBITRATION ids=7 win=7\n"
	              "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(3) atn\n"
	              "2< BURST target T1 wanted [SELECT MSG_OUT~]\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(3) atn\n"
	              "2< BURST target T1 wanted [MSG_OUT]\n"
	              "T1 COMMAND drv=2 TEST UNIT READY\n"
	              "2< BURST target T1 wanted [COMMAND]\n");
	/* Another phase came since: nothing is left that could be sent again. */
	it_begin(&i);
	wire_put_plain(&i.w, ITEM_MSG_OUT, 0, ITEM_AGAIN);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "2< ERROR bad_state 0: program: no MESSAGE OUT phase came last that could be "
	              "repeated\n");
	rig_free(r);
}
END_TEST

START_TEST(command_again)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;
	const uint8_t cdb[6] = {0};

	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, 3);
	flagged(&i, ITEM_COMMAND, ITEM_PARITY, cdb, sizeof(cdb));
	rig_script(r, 7, 5, &i, NULL);
	rig_go(r);
	rig_forget(r);
	it_begin(&i);
	it_hex(&i, ITEM_MSG_IN, "03");
	it_plain(&i, ITEM_COMMAND, 0);
	it_complete(&i, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "T1 MESSAGE IN bsy=2 drv=2 RESTORE POINTERS\n"
	              "T1 COMMAND drv=2 TEST UNIT READY\n"
	              "T1 STATUS drv=2 GOOD\n"
	              "T1 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T1 BUS FREE\n"
	              "2< BURST target T1 [COMMAND FREE]\n"
	              "7< TENURE s5 T1 complete status=00 msg_in: RESTORE POINTERS COMMAND "
	              "COMPLETE\n");
	rig_free(r);
}
END_TEST

/* ---- negotiation ---- */

#define PPR "01 06 04 "
#define ASYNC                                                                                      \
	{                                                                                          \
		0, 0, 0, 0                                                                         \
	}

/* One after the other on one bus: what each leaves agreed. */
static const struct {
	const char *clause, *offer, *answer;
	struct xfer agreed;
	bool rejected; /* the answer, by the initiator */
} negotiations[] = {
        {"SDTR", "01 03 01 0c 0f", "01 03 01 0c 0f", {0x0c, 15, 0, 0}, false},
        {"SDTR: the answer is slower", "01 03 01 0a 1f", "01 03 01 19 08", {0x19, 8, 0, 0}, false},
        {"SDTR: offset zero is asynchronous", "01 03 01 0c 0f", "01 03 01 0c 00", ASYNC, false},
        {"SDTR: another one", "01 03 01 0c 0f", "01 03 01 0c 0f", {0x0c, 15, 0, 0}, false},
        {"WDTR ends the synchronous agreement", "01 02 03 01", "01 02 03 01", {0, 0, 1, 0}, false},
        {"SDTR keeps the width", "01 03 01 0a 1f", "01 03 01 0a 1f", {0x0a, 31, 1, 0}, false},
        {"SDTR rejected: asynchronous, as wide as before",
         "01 03 01 0c 0f",
         "07",
         {0, 0, 1, 0},
         false},
        {"WDTR: the answer is narrow", "01 02 03 01", "01 02 03 00", ASYNC, false},
        {"PPR: DT", PPR "09 00 3e 01 02", PPR "09 00 3e 01 02", {9, 62, 1, 2}, false},
        {"PPR: the answer has fewer options",
         PPR "08 00 3e 01 07",
         PPR "09 00 1f 01 02",
         {9, 31, 1, 2},
         false},
        {"SDTR after PPR: no options", "01 03 01 0a 1f", "01 03 01 0a 1f", {0x0a, 31, 1, 0}, false},
        {"PPR: with QAS", PPR "09 00 3e 01 06", PPR "09 00 3e 01 06", {9, 62, 1, 6}, false},
        {"PPR rejected: asynchronous and narrow", PPR "09 00 3e 01 02", "07", ASYNC, false},
        {"PPR", PPR "0a 00 3e 01 00", PPR "0a 00 3e 01 00", {0x0a, 62, 1, 0}, false},
        {"WDTR rejected: narrow", "01 02 03 01", "07", ASYNC, false},
        {"an answer with more options than the offer", PPR "09 00 3e 01 02", PPR "09 00 3e 01 06",
         ASYNC, true},
        {"an answer with a greater offset", "01 03 01 0c 0f", "01 03 01 0c 10", ASYNC, true},
        {"an answer that is faster", "01 03 01 0c 0f", "01 03 01 0a 0f", ASYNC, true},
        {"an answer that is wider", "01 02 03 00", "01 02 03 01", ASYNC, true},
        {"an answer to another question", "01 02 03 01", "01 03 01 0c 0f", ASYNC, true},
};

static struct xfer agreed(struct rig *r)
{
	struct wire_frame show = {.type = WIRE_MGMT};
	show.mgmt = (struct wire_mgmt){.req = 1, .to = WIRE_NO_ID, .kind = MGMT_BUS_SHOW};
	rig_frame(r, r->handle[7], &show);
	for (unsigned k = 0; k < r->show.n_ports; k++)
		if (r->show.port[k].id == 2)
			return r->show.port[k].xfer;
	ck_abort_msg("no port 2");
}

/* The target's answer and the rest of TEST UNIT READY. */
static void answer(struct rig *r, const char *hex)
{
	struct items i;
	it_begin(&i);
	it_hex(&i, ITEM_MSG_IN, hex);
	it_plain(&i, ITEM_COMMAND, 0);
	it_complete(&i, 0);
	rig_continue(r, 2, &i, NULL);
}

START_TEST(negotiation)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	for (unsigned k = 0; k < ARRAY_LEN(negotiations); k++) {
		char offer[64] = "c0 ";
		(void)strncat(offer, negotiations[k].offer, sizeof(offer) - 4);
		rig_forget(r);
		say(r, 7, offer, NULL);
		answer(r, negotiations[k].answer);
		bool rejected = strstr(r->text, "MESSAGE REJECT atn") != NULL;
		ck_assert_msg(rejected == negotiations[k].rejected, "%s: %s",
		              negotiations[k].clause, r->text);
		struct xfer x = agreed(r);
		ck_assert_msg(xfer_equal(x, negotiations[k].agreed), "%s: %u %u %u %u",
		              negotiations[k].clause, x.period, x.offset, x.wide, x.options);
	}
	rig_free(r);
}
END_TEST

/* SPI-3, MESSAGE REJECT: of the target's answer, it undoes what was agreed. */
START_TEST(an_answer_is_rejected)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;

	say(r, 7, "c0 01 03 01 0c 0f", "07");
	it_begin(&i);
	it_hex(&i, ITEM_MSG_IN, "01 03 01 0c 0f");
	it_plain(&i, ITEM_MSG_OUT, 0);
	rig_continue(r, 2, &i, NULL);
	ck_assert(xfer_equal(agreed(r), XFER_ASYNC));
	rig_free(r);
}
END_TEST

/* An agreement is of a pair; the lowest initiator's is shown. */
START_TEST(agreements_are_of_pairs)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	rig_attach(r, 6, ROLE_INITIATOR, "other");
	say(r, 7, "c0 " PPR "09 00 3e 01 02", NULL);
	answer(r, PPR "09 00 3e 01 02");
	ck_assert_uint_eq(agreed(r).period, 9);
	say(r, 6, "c0 01 03 01 19 0f", NULL);
	answer(r, "01 03 01 19 0f");
	ck_assert_uint_eq(agreed(r).period, 0x19);
	rig_gone(r, 6);
	ck_assert_uint_eq(agreed(r).period, 9);
	rig_free(r);
}
END_TEST

/* ---- IGNORE WIDE RESIDUE ---- */

START_TEST(ignore_wide_residue)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct block *data = rig_block(6);
	struct items i;

	say(r, 7, "c0 01 02 03 01", NULL);
	answer(r, "01 02 03 01");
	inquire(r, 96);
	it_begin(&i);
	data_in(&i, 0, data, 0, 6);
	it_hex(&i, ITEM_MSG_IN, "23 01");
	it_complete(&i, 0);
	rig_continue(r, 2, &i, data);
	rig_expect(r, "T2 DATA IN bsy=2 drv=2 6 crc\n"
	              "T2 MESSAGE IN bsy=2 drv=2 IGNORE WIDE RESIDUE\n"
	              "T2 STATUS drv=2 GOOD\n"
	              "T2 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T2 BUS FREE\n"
	              "7< TENURE s5 T2 complete status=00 in=5 msg_in: IGNORE WIDE RESIDUE COMMAND "
	              "COMPLETE data=5\n");
	rig_go(r);
	block_unref(data);
	rig_free(r);
}
END_TEST

/* ---- SELECTION ---- */

static const struct {
	const char *clause;
	uint16_t ids;
	bool answers;
} selections[] = {
        {"SELECTION phase: the target's ID and the initiator's", 0x84, true},
        {"SELECTION phase: the target's alone", 0x04, false},
        {"SELECTION phase: a third one", 0x8c, false},
        {"SELECTION phase: the target's is missing", 0x88, false},
        {"SELECTION phase: the initiator's is another", 0x0c, false},
};

/* Script 5 of initiator 7 is run: target 2 answers its selection, or nobody does. */
static void check_selection(struct rig *r, bool answers, const char *what)
{
	rig_go(r);
	bool timed_out = strstr(r->text, "7< TENURE s5 T1 selection_timeout\n") != NULL;
	bool asked = strstr(r->text, "2< BURST target T1 wanted [SELECT") != NULL;
	ck_assert_msg(asked == answers && timed_out != asked, "%s: %s", what, r->text);
}

START_TEST(two_ids_select)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct wire_item select = {
	        .kind = ITEM_SELECT, .arg = 2, .flags = ITEM_ATN, .off = selections[_i].ids};
	struct items i;

	it_begin(&i);
	wire_item_put(&i.w, &select);
	it_identify(&i, 3);
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, 5, &i, NULL);
	check_selection(r, selections[_i].answers, selections[_i].clause);
	rig_free(r);
}
END_TEST

/* A target that has attached since the initiator said this is not the one that it spoke to. */
START_TEST(who_came_later_does_not_answer)
{
	for (int later = -1; later <= 1; later++) {
		struct rig *r = rig_disks(1, ARM_FULL);
		struct items i;

		rig_gone(r, 2);
		rig_target(r, 2, ARM_FULL, 1, 0);
		rig_forget(r);
		it_begin(&i);
		it_select(&i, 2);
		wire_select_known(&i.w, r->epoch[2] - (uint32_t)later);
		it_identify(&i, 3);
		it_cdb6(&i, 0, 0);
		rig_script(r, 7, 5, &i, NULL);
		check_selection(r, later <= 0, "attached since");
		rig_free(r);
	}
}
END_TEST

/* ---- BUS FREE ---- */

static const struct {
	const char *clause;
	const char *messages; /* after IDENTIFY and SIMPLE, or instead of a command */
	bool command;
	const char *last; /* MESSAGE IN before the target releases BSY */
	const char *outcome;
} frees[] = {
        {"BUS FREE: expected after DISCONNECT", "", true, "04", "disconnected"},
        {"BUS FREE: expected after COMMAND COMPLETE", "", true, "00", "complete"},
        {"BUS FREE: expected after ABORT TASK", "0d", false, NULL, "complete"},
        {"BUS FREE: expected after ABORT TASK SET", "06", false, NULL, "complete"},
        {"BUS FREE: expected after CLEAR TASK SET", "0e", false, NULL, "complete"},
        {"BUS FREE: expected after LOGICAL UNIT RESET", "17", false, NULL, "complete"},
        {"BUS FREE: expected after TARGET RESET", "0c", false, NULL, "complete"},
        {"unexpected BUS FREE: after a command", "", true, NULL, "unexpected_free"},
        {"unexpected BUS FREE: after SAVE DATA POINTER", "", true, "02", "unexpected_free"},
        {"unexpected BUS FREE: after messages", "", false, NULL, "unexpected_free"},
        {"unexpected BUS FREE: DISCONNECT without a command", "", false, "04", "unexpected_free"},
};

START_TEST(ends_of_tenures)
{
	struct rig *r = rig_disks(1, ARM_NONE);
	struct items i;
	char messages[40], want[80];

	(void)snprintf(messages, sizeof(messages), "c0 20 03 %s", frees[_i].messages);
	say(r, 7, messages, NULL);
	it_begin(&i);
	it_plain(&i, ITEM_MSG_OUT, 0);
	if (frees[_i].command)
		it_plain(&i, ITEM_COMMAND, 0);
	if (frees[_i].last)
		it_hex(&i, ITEM_MSG_IN, frees[_i].last);
	it_plain(&i, ITEM_FREE, 0);
	rig_continue(r, 2, &i, NULL);
	(void)snprintf(want, sizeof(want), "7< TENURE s5 T1 %s", frees[_i].outcome);
	ck_assert_msg(strstr(r->text, want) != NULL, "%s: %s", frees[_i].clause, r->text);
	rig_free(r);
}
END_TEST

/* ---- arbitration fairness ---- */

/* One GO a letter: i: initiator 7 queues a script, 2, 4, 5: the target queues a reconnection, '.':
 * an arbitration, whose winner is written down. */
static const struct {
	const char *clause, *story, *winners;
} fair[] = {
        {"fairness: who loses goes first", "24i...", "742"},
        {"fairness: the winner waits for those that lost", "24i.i...", "7427"},
        {"fairness: who does not want the bus listens, and waits for those that lost", "24.i..",
         "427"},
        {"fairness: who waits takes nobody more into its register", "45.i2...", "5472"},
        {"fairness: one that was never there when others lost goes by its priority", "2.4i...",
         "274"},
};

START_TEST(arbitration_fairness)
{
	struct bus_config cfg = bus_config_default();
	struct rig *r;
	char got[16] = "";
	size_t n = 0;
	uint32_t id = 0;

	cfg.tenures_per_go = 1;
	r = rig_new(&cfg);
	rig_group(r, 3, ARM_FULL);
	for (const char *p = fair[_i].story; *p; p++) {
		struct items i;
		if (*p == '.') {
			rig_forget(r);
			rig_go_once(r);
			const char *win = strstr(r->text, "win=");
			if (win)
				got[n++] = win[4];
		} else if (*p == 'i') {
			it_begin(&i);
			it_select(&i, 3); /* nobody: a tenure all the same */
			it_identify(&i, 1);
			rig_script(r, 7, ++id, &i, NULL);
		} else {
			it_status(&i, 1, 0, ++id, 0);
			rig_reselect(r, (uint8_t)(*p - '0'), 7, id, &i, NULL);
		}
	}
	ck_assert_msg(strcmp(got, fair[_i].winners) == 0, "%s: %s", fair[_i].clause, got);
	rig_free(r);
}
END_TEST

TAP_MAIN_TABLE("bus_messages", NULL, NULL, TAP_ONCE(who_came_later_does_not_answer),
               TAP_EACH(message_reject, not_for_targets), TAP_ONCE(message_parity_error),
               TAP_ONCE(message_parity_error_after_reselection),
               TAP_ONCE(initiator_detected_error_in_status),
               TAP_ONCE(initiator_detected_error_in_data_in),
               TAP_ONCE(initiator_detected_error_is_the_process_s), TAP_ONCE(message_out_again),
               TAP_ONCE(command_again), TAP_ONCE(negotiation), TAP_ONCE(an_answer_is_rejected),
               TAP_ONCE(agreements_are_of_pairs), TAP_ONCE(ignore_wide_residue),
               TAP_EACH(two_ids_select, selections), TAP_EACH(ends_of_tenures, frees),
               TAP_EACH(arbitration_fairness, fair));
