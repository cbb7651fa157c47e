/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packetized tenures (SPI-4, clause 14): what is on the bus where two ports have agreed on
 * information units, and what it costs.
 */
#include "base/crc.h"
#include "bus/packetized.h"
#include "scenario/bus_rig.h"
#include "scsi/iu.h"
#include "unit/tap_main.h"

#include <string.h>

#define IU    (XFER_DT_REQ | XFER_IU_REQ)
#define ULTRA 0x08, 127, 1

/* ---- negotiation ---- */

START_TEST(iu_req_ends_in_bus_free)
{
	struct rig *r = rig_new(NULL);

	rig_group(r, 1, ARM_FULL);
	r->sends = false;
	rig_negotiate(r, 2, rig_xfer(IU), rig_xfer(IU), true);
	rig_expect(r, "T1 ARBITRATION ids=7 win=7\n"
	              "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY PARALLEL PROTOCOL REQUEST atn\n"
	              "T1 MESSAGE IN bsy=2 drv=2 PARALLEL PROTOCOL REQUEST\n"
	              "T1 BUS FREE\n");
	r->sends = true;
	/* Again, the same: nothing changes, and its tenure goes on, without information units. */
	rig_negotiate(r, 2, rig_xfer(IU), rig_xfer(IU), false);
	ck_assert_uint_eq(r->report[0].outcome, OUTCOME_COMPLETE);
	ck_assert(r->report[0].has_status && r->report[0].status == 0);
	rig_forget(r);
	/* Not any more: BUS FREE. */
	rig_negotiate(r, 2, rig_xfer(IU), (struct xfer){0x09, 62, 1, XFER_DT_REQ}, true);
	ck_assert_uint_eq(r->report[0].outcome, OUTCOME_COMPLETE);
	ck_assert(!r->report[0].has_status);
	rig_free(r);
}
END_TEST

/* What an agreement is that a target may not have made, and what other messages make of one. */
START_TEST(agreements)
{
	static const struct {
		struct xfer offer, answer, want;
	} rows[] = {
	        {{ULTRA, IU}, {ULTRA, IU}, {ULTRA, IU}},
	        {{ULTRA, IU | XFER_QAS_REQ}, {ULTRA, IU}, {ULTRA, IU}},
	        {{0x09, 62, 1, IU}, {0x09, 62, 1, IU}, {0x09, 62, 1, IU}},
	        /* without DT, or the wide bus, there are none; more than was offered is rejected */
	        {{ULTRA, IU}, {ULTRA, XFER_IU_REQ}, {0x0a, 127, 1, 0}},
	        {{ULTRA, IU}, {0x08, 127, 0, IU}, {0x0a, 127, 0, 0}},
	        {{ULTRA, IU}, {0, 0, 1, 0}, {0, 0, 1, 0}},
	        {{0x09, 62, 1, XFER_DT_REQ}, {0x09, 62, 1, IU}, {0, 0, 0, 0}},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rig *r = rig_new(NULL);
		struct wire_frame f = {.type = WIRE_MGMT,
		                       .mgmt = {.req = 1, .to = WIRE_NO_ID, .kind = MGMT_BUS_SHOW}};
		rig_group(r, 1, ARM_FULL);
		rig_negotiate(r, 2, rows[i].offer, rows[i].answer, true);
		rig_frame(r, r->handle[7], &f);
		ck_assert_msg(xfer_equal(r->show.port[0].xfer, rows[i].want), "row %zu", i);
		rig_free(r);
	}
}
END_TEST

/* SPI-4, IU_REQ: all tasks of the initiator are aborted; those of others are not. */
START_TEST(a_change_ends_the_initiators_tasks)
{
	struct rig *r = rig_new(NULL);
	struct items i;

	rig_group(r, 2, ARM_FULL);
	rig_attach(r, 1, ROLE_INITIATOR, "other");
	rig_forget(r);
	for (uint8_t id = 1; id <= 7; id = (uint8_t)(id + 6)) { /* each has a task, disconnected */
		it_begin(&i);
		it_select(&i, 2);
		it_identify(&i, id);
		it_cdb6(&i, 0x12, 36);
		rig_script(r, id, 50, &i, NULL);
		rig_go(r);
		rig_disconnect(r, 2);
	}
	rig_status(r, 2, 7, 70, 7, 0); /* waits behind the negotiation of ID 7 */
	rig_forget(r);
	r->traces = false;
	rig_negotiate(r, 2, rig_xfer(IU), rig_xfer(IU), true);
	rig_expect(r, "2< BURST target T3 wanted [SELECT MSG_OUT]\n"
	              "7< TENURE s50 T0 cancelled\n"
	              "7< TENURE s102 T3 complete msg_in: PARALLEL PROTOCOL REQUEST\n");
	rig_status(r, 2, 1, 71, 1, 0);
	rig_go(r);
	rig_expect(r, "1< TENURE s50 T4 complete status=00 msg_in: IDENTIFY SIMPLE(1) COMMAND "
	              "COMPLETE\n");
	rig_free(r);
}
END_TEST

/* ---- commands ---- */

START_TEST(an_armed_write)
{
	struct rig *r = rig_units(ARM_FULL, IU);
	struct block *data = rig_block(512);

	rig_write(r, 2, 9, 9, data);
	rig_go(r);
	rig_expect(r, "T3 ARBITRATION ids=7 win=7\n"
	              "T3 SELECTION 7>2 bsy=2 sel=7\n"
	              "T3 DATA OUT bsy=2 drv=2 40: L_Q(LAST COMMAND t9 l0 20) COMMAND(SIMPLE "
	              "WRITE(16) wr)\n"
	              "T3 DATA IN bsy=2 drv=2 20: L_Q(DATA t9 l0 512)\n"
	              "T3 DATA OUT bsy=2 drv=2 512 crc: DATA(512)\n"
	              "T3 BUS FREE\n"
	              "2< BURST target T3 [SELECT# MSG_OUT COMMAND DATA_OUT(512) FREE] data=512\n"
	              "7< TENURE s9 T3 disconnected out=512\n");
	rig_status(r, 2, 7, 1, 9, 0);
	rig_go(r);
	rig_expect(r, "T4 ARBITRATION ids=2 win=2\n"
	              "T4 RESELECTION 7<2 bsy=2,7 sel=2\n"
	              "T4 DATA IN bsy=2 drv=2 20: L_Q(STATUS t9 l0 0)\n"
	              "T4 BUS FREE\n"
	              "7< TENURE s9 T4 complete status=00\n");
	block_unref(data);
	rig_free(r);
}
END_TEST

/* A port that is not armed asks its process for each phase. */
START_TEST(an_unarmed_write)
{
	struct rig *r = rig_units(ARM_NONE, IU);
	struct block *data = rig_block(512);
	struct items i;

	rig_write(r, 2, 9, 9, data);
	rig_go(r);
	rig_expect(r, "T3 ARBITRATION ids=7 win=7\n"
	              "T3 SELECTION 7>2 bsy=2 sel=7\n"
	              "2< BURST target T3 wanted [SELECT#]\n");
	rig_plain(r, 2, ITEM_COMMAND, 0);
	rig_expect(r, "2< BURST target T3 wanted [MSG_OUT COMMAND]\n");
	it_begin(&i);
	it_data(&i, ITEM_DATA_OUT, 0, 512, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "T3 DATA OUT bsy=2 drv=2 40: L_Q(LAST COMMAND t9 l0 20) COMMAND(SIMPLE "
	              "WRITE(16) wr)\n"
	              "T3 DATA IN bsy=2 drv=2 20: L_Q(DATA t9 l0 512)\n"
	              "2< BURST target T3 wanted [DATA_OUT(512)] data=512\n");
	it_begin(&i);
	it_plain(&i, ITEM_STATUS, 0);
	it_plain(&i, ITEM_FREE, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "T3 DATA OUT bsy=2 drv=2 512 crc: DATA(512)\n"
	              "T3 DATA IN bsy=2 drv=2 20: L_Q(STATUS t9 l0 0)\n"
	              "T3 BUS FREE\n"
	              "7< TENURE s9 T3 complete status=00 out=512\n");
	block_unref(data);
	rig_free(r);
}
END_TEST

static const uint8_t sense[] = {0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0};

/* Data, status and sense data are one DT DATA IN phase. */
START_TEST(data_in_and_autosense)
{
	struct rig *r = rig_units(ARM_FULL, IU);
	struct block *data = rig_block(36);
	struct items i;

	rig_command(r, 2, 9, 0x12, 36);
	rig_go(r);
	rig_expect(r, "T3 ARBITRATION ids=7 win=7\n"
	              "T3 SELECTION 7>2 bsy=2 sel=7\n"
	              "2< BURST target T3 wanted [SELECT# MSG_OUT COMMAND]\n");
	it_begin(&i);
	it_data(&i, ITEM_DATA_IN, 0, 36, crc_data(0, data->data, 36));
	it_message(&i, ITEM_SENSE, sense, sizeof(sense));
	it_complete(&i, 2);
	rig_continue(r, 2, &i, data);
	rig_expect(r,
	           "T3 DATA OUT bsy=2 drv=2 40: L_Q(LAST COMMAND t9 l0 20) COMMAND(SIMPLE INQUIRY "
	           "rd)\n"
	           "T3 DATA IN bsy=2 drv=2 106 crc: L_Q(DATA t9 l0 36) DATA(36) L_Q(STATUS t9 l0 "
	           "30) STATUS(CHECK CONDITION sense=18)\n"
	           "T3 BUS FREE\n"
	           "7< TENURE s9 T3 complete status=02 in=36 STATUS(CHECK CONDITION sense=18) "
	           "data=36\n");
	/* Without information units the sense is not sent. */
	rig_negotiate(r, 4, rig_xfer(XFER_DT_REQ), (struct xfer){0x09, 62, 1, XFER_DT_REQ}, true);
	rig_command(r, 4, 9, 0x00, 0);
	rig_go(r);
	rig_forget(r);
	it_begin(&i);
	it_message(&i, ITEM_SENSE, sense, sizeof(sense));
	it_complete(&i, 2);
	rig_continue(r, 4, &i, NULL);
	rig_expect(r, "T5 STATUS drv=4 CHECK CONDITION\n"
	              "T5 MESSAGE IN bsy=4 drv=4 COMMAND COMPLETE\n"
	              "T5 BUS FREE\n"
	              "7< TENURE s9 T5 complete status=02 msg_in: COMMAND COMPLETE\n");
	block_unref(data);
	rig_free(r);
}
END_TEST

/* BUS FREE says DISCONNECT; a reselection names its task by an L_Q. */
START_TEST(a_read_that_disconnects)
{
	struct rig *r = rig_units(ARM_FULL, IU);
	struct block *data = rig_block(36);
	struct items i;

	rig_command(r, 2, 9, 0x12, 36);
	rig_go(r);
	rig_plain(r, 2, ITEM_FREE, 0);
	ck_assert_uint_eq(r->report[0].outcome, OUTCOME_DISCONNECTED);
	rig_forget(r);
	it_reconnect(&i, 9);
	it_data(&i, ITEM_DATA_IN, 0, 36, crc_data(0, data->data, 36));
	it_complete(&i, 0);
	rig_reselect(r, 2, 7, 1, &i, data);
	rig_go(r);
	rig_expect(r, "T4 ARBITRATION ids=2 win=2\n"
	              "T4 RESELECTION 7<2 bsy=2,7 sel=2\n"
	              "T4 DATA IN bsy=2 drv=2 76 crc: L_Q(DATA t9 l0 36) DATA(36) L_Q(STATUS t9 l0 "
	              "0)\n"
	              "T4 BUS FREE\n"
	              "7< TENURE s9 T4 complete status=00 in=36 data=36\n");
	block_unref(data);
	rig_free(r);
}
END_TEST

/* An L_Q's length has 24 bits: 16 MiB are two units. */
START_TEST(sixteen_mebibytes_are_two_units)
{
	struct rig *r = rig_units(ARM_NONE, IU);
	struct block *data = rig_block(WIRE_DATA_MAX);
	struct items i;

	rig_write(r, 2, 9, 9, data);
	rig_go(r);
	it_begin(&i);
	it_plain(&i, ITEM_COMMAND, 0);
	it_data(&i, ITEM_DATA_OUT, 0, WIRE_DATA_MAX, 0);
	rig_forget(r);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "T3 DATA OUT bsy=2 drv=2 40: L_Q(LAST COMMAND t9 l0 20) COMMAND(SIMPLE "
	              "WRITE(16) wr)\n"
	              "T3 DATA IN bsy=2 drv=2 20: L_Q(DATA t9 l0 16777215)\n"
	              "T3 DATA OUT bsy=2 drv=2 16777215 crc: DATA(16777215)\n"
	              "T3 DATA IN bsy=2 drv=2 20: L_Q(DATA t9 l0 1)\n"
	              "2< BURST target T3 wanted [MSG_OUT COMMAND DATA_OUT(16777216)] "
	              "data=16777216\n");
	block_unref(data);
	rig_free(r);
}
END_TEST

/* The target asks for more than there is: pad bytes, and it is told what came. */
START_TEST(data_that_run_out)
{
	struct rig *r = rig_units(ARM_NONE, IU);
	struct block *data = rig_block(512);
	struct items i;

	rig_write(r, 2, 9, 9, data);
	rig_go(r);
	rig_forget(r);
	it_begin(&i);
	it_plain(&i, ITEM_COMMAND, 0);
	it_data(&i, ITEM_DATA_OUT, 0, 1024, 0);
	it_plain(&i, ITEM_STATUS, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "T3 DATA OUT bsy=2 drv=2 40: L_Q(LAST COMMAND t9 l0 20) COMMAND(SIMPLE "
	              "WRITE(16) wr)\n"
	              "T3 DATA IN bsy=2 drv=2 20: L_Q(DATA t9 l0 1024)\n"
	              "T3 DATA OUT bsy=2 drv=2 1024 crc: DATA(1024)\n"
	              "2< BURST target T3 wanted [MSG_OUT COMMAND DATA_OUT(512)!] data=512\n");
	block_unref(data);
	rig_free(r);
}
END_TEST

/* Attributes and task management functions, as the messages that name them. */
static const struct {
	uint8_t bytes[4], n;
	const char *unit, *items;
	uint8_t outcome;
} words[] = {
        {{0xc0}, 1, "COMMAND(SIMPLE TEST UNIT READY)", "MSG_OUT COMMAND", 0},
        {{0xc0, 0x21, 9}, 3, "COMMAND(HEAD OF QUEUE TEST UNIT READY)", "MSG_OUT COMMAND", 0},
        {{0xc0, 0x22, 9}, 3, "COMMAND(ORDERED TEST UNIT READY)", "MSG_OUT COMMAND", 0},
        {{0x83, 0x24, 9}, 3, "COMMAND(ACA TEST UNIT READY)", "MSG_OUT COMMAND", 0},
        {{0xc0, 0x20, 9, 0x0d}, 4, "COMMAND(SIMPLE ABORT TASK)", "MSG_OUT", OUTCOME_COMPLETE},
        {{0xc0, 0x06}, 2, "COMMAND(SIMPLE ABORT TASK SET)", "MSG_OUT", OUTCOME_COMPLETE},
        {{0xc0, 0x0e}, 2, "COMMAND(SIMPLE CLEAR TASK SET)", "MSG_OUT", OUTCOME_COMPLETE},
        {{0xc0, 0x17}, 2, "COMMAND(SIMPLE LOGICAL UNIT RESET)", "MSG_OUT", OUTCOME_COMPLETE},
        {{0xc0, 0x0c}, 2, "COMMAND(SIMPLE TARGET RESET)", "MSG_OUT", OUTCOME_COMPLETE},
        {{0xc0, 0x16}, 2, "COMMAND(SIMPLE CLEAR ACA)", "MSG_OUT", OUTCOME_COMPLETE},
};

START_TEST(attributes_and_functions)
{
	struct rig *r = rig_units(ARM_FRONT, IU);
	struct items i;
	char want[512];

	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_MSG_OUT, words[_i].bytes, words[_i].n);
	if (!words[_i].outcome)
		it_cdb6(&i, 0, 0);
	rig_script(r, 7, 9, &i, NULL);
	rig_go(r);
	(void)snprintf(want, sizeof(want),
	               "T3 ARBITRATION ids=7 win=7\n"
	               "T3 SELECTION 7>2 bsy=2 sel=7\n"
	               "2< BURST target T3 wanted [SELECT# %s]\n",
	               words[_i].items);
	rig_expect(r, want);
	rig_plain(r, 2, ITEM_FREE, 0);
	(void)snprintf(want, sizeof(want),
	               "T3 DATA OUT bsy=2 drv=2 40: L_Q(LAST COMMAND t%u l%u 20) %s\n"
	               "T3 BUS FREE\n"
	               "7< TENURE s9 T3 %s\n",
	               words[_i].n > 2 ? 9U : 0U, words[_i].bytes[0] & 0x3fU, words[_i].unit,
	               words[_i].outcome ? "complete" : "disconnected");
	rig_expect(r, want);
	/* TARGET RESET ends all agreements. */
	bool reset = words[_i].bytes[1] == 0x0c;
	rig_command(r, 2, 10, 0, 0);
	rig_go(r);
	r->text[r->n] = '\0';
	ck_assert((strstr(r->text, " atn\n") != NULL) == reset);
	rig_free(r);
}
END_TEST

/* SPI-4, packetized failures: a function that is not done says so in a status. */
START_TEST(a_function_is_rejected)
{
	struct rig *r = rig_units(ARM_FRONT, IU);
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_hex(&i, ITEM_MSG_OUT, "c020090d");
	rig_script(r, 7, 9, &i, NULL);
	rig_go(r);
	rig_forget(r);
	it_begin(&i);
	it_hex(&i, ITEM_MSG_IN, "07");
	it_plain(&i, ITEM_FREE, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "T3 DATA OUT bsy=2 drv=2 40: L_Q(LAST COMMAND t9 l0 20) COMMAND(SIMPLE ABORT "
	              "TASK)\n"
	              "T3 DATA IN bsy=2 drv=2 36: L_Q(STATUS t9 l0 16) STATUS(GOOD failure=5)\n"
	              "T3 BUS FREE\n"
	              "7< TENURE s9 T3 complete status=00 STATUS(GOOD failure=5)\n");
	rig_free(r);
}
END_TEST

/* A CDB of more than 16 bytes has additional ones. */
START_TEST(a_long_cdb)
{
	struct rig *r = rig_units(ARM_FRONT, IU);
	struct scsi_cdb read = {.op = OP_READ_32, .blocks = 1};
	uint8_t cdb[SCSI_CDB_MAX];
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, 9);
	it_message(&i, ITEM_COMMAND, cdb, scsi_cdb_put(&read, cdb));
	rig_script(r, 7, 9, &i, NULL);
	rig_go(r);
	rig_plain(r, 2, ITEM_FREE, 0);
	rig_expect(r, "T3 ARBITRATION ids=7 win=7\n"
	              "T3 SELECTION 7>2 bsy=2 sel=7\n"
	              "2< BURST target T3 wanted [SELECT# MSG_OUT COMMAND]\n"
	              "T3 DATA OUT bsy=2 drv=2 56: L_Q(LAST COMMAND t9 l0 36) COMMAND(SIMPLE "
	              "READ(32))\n"
	              "T3 BUS FREE\n"
	              "7< TENURE s9 T3 disconnected\n");
	rig_free(r);
}
END_TEST

/* ---- what has no information units ---- */

START_TEST(a_pass_has_none)
{
	struct rig *r = rig_units(ARM_FULL, IU);
	struct block *data = rig_block(512);
	struct items i;
	ns_t took[2];

	for (unsigned round = 0; round < 2; round++) {
		r->sends = false;
		it_pass(&i, 2, 2, 1, 9 + round, data);
		rig_script(r, 7, 1, &i, data);
		ns_t before = bus_now(r->bus);
		rig_go(r);
		took[round] = bus_now(r->bus) - before;
		r->text[r->n] = '\0';
		ck_assert_ptr_nonnull(strstr(r->text, "SELECTION 7>2 bsy=2 sel=7 atn\n"));
		ck_assert_ptr_nonnull(strstr(r->text, "COMMAND drv=2 WRITE(16)\n"));
		ck_assert_ptr_nonnull(strstr(r->text, "DATA OUT bsy=2 drv=4 512 crc\n"));
		ck_assert_ptr_null(strstr(r->text, "L_Q"));
		rig_forget(r);
		for (uint8_t id = 2; id <= 4; id = (uint8_t)(id + 2)) {
			it_status(&i, 1, 0, 9 + round, id / 2 - 1);
			rig_reselect(r, id, 7, 40U + id, &i, NULL);
		}
		rig_go(r);
		r->text[r->n] = '\0';
		ck_assert_ptr_nonnull(strstr(r->text, "IDENTIFY SIMPLE(1) MIRROR STATUS"));
		ck_assert_ptr_null(strstr(r->text, "L_Q"));
		/* The same without the agreement: Fast-80 is what both have. */
		for (uint8_t id = 2; id <= 4 && round == 0; id = (uint8_t)(id + 2))
			rig_negotiate(r, id, rig_xfer(XFER_DT_REQ),
			              (struct xfer){0x09, 127, 1, XFER_DT_REQ}, true);
		rig_forget(r);
	}
	ck_assert_uint_eq(took[0], took[1]);
	block_unref(data);
	rig_free(r);
}
END_TEST

/* A script that says more than a command information unit can: its tenure has attention condition,
 * and so have the tenures of its task. */
START_TEST(other_messages_have_none)
{
	static const uint8_t bytes[] = {0xc0, 0x20, 9, 0x08};
	struct rig *r = rig_units(ARM_NONE, IU);
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_MSG_OUT, bytes, sizeof(bytes));
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, 9, &i, NULL);
	rig_go(r);
	rig_expect(r, "T3 ARBITRATION ids=7 win=7\n"
	              "T3 SELECTION 7>2 bsy=2 sel=7 atn\n"
	              "2< BURST target T3 wanted atn [SELECT]\n");
	it_begin(&i);
	it_plain(&i, ITEM_MSG_OUT, 0);
	it_plain(&i, ITEM_COMMAND, 0);
	it_disconnect(&i);
	rig_continue(r, 2, &i, NULL);
	rig_forget(r);
	rig_status(r, 2, 7, 1, 9, 0);
	rig_go(r);
	rig_expect(r, "T4 ARBITRATION ids=2 win=2\n"
	              "T4 RESELECTION 7<2 bsy=2,7 sel=2\n"
	              "T4 MESSAGE IN bsy=2 drv=2 IDENTIFY SIMPLE(9)\n"
	              "T4 STATUS drv=2 GOOD\n"
	              "T4 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T4 BUS FREE\n"
	              "7< TENURE s9 T4 complete status=00 msg_in: IDENTIFY SIMPLE(9) COMMAND "
	              "COMPLETE\n");
	rig_free(r);
}
END_TEST

START_TEST(rst_ends_it)
{
	struct rig *r = rig_units(ARM_NONE, IU);
	struct wire_frame rst = {.type = WIRE_RESET};

	rig_command(r, 2, 9, 0x12, 36);
	rig_go(r);
	rig_plain(r, 2, ITEM_COMMAND, 0);
	r->sends = false;
	rig_forget(r);
	rig_frame(r, r->handle[7], &rst);
	rig_expect(r,
	           "T3 DATA OUT bsy=2 drv=2 40: L_Q(LAST COMMAND t9 l0 20) COMMAND(SIMPLE INQUIRY "
	           "rd)\n"
	           "T3 RESET\n"
	           "T3 BUS FREE\n");
	rig_command(r, 2, 9, 0x12, 36);
	rig_go(r);
	rig_expect(r, "T4 ARBITRATION ids=7 win=7\n"
	              "T4 SELECTION 7>2 bsy=2 sel=7 atn\n");
	rig_free(r);
}
END_TEST

/* QAS REQUEST stands for BUS FREE here, too. */
START_TEST(qas)
{
	struct rig *r = rig_units(ARM_FULL, IU | XFER_QAS_REQ);
	struct block *data = rig_block(512);

	r->sends = false;
	rig_write(r, 2, 9, 9, data);
	rig_write(r, 4, 8, 8, data);
	rig_go(r);
	r->text[r->n] = '\0';
	ck_assert_ptr_nonnull(strstr(r->text, "T3 DATA OUT bsy=2 drv=2 512 crc: DATA(512)\n"
	                                      "T3 MESSAGE IN bsy=2 drv=2 QAS REQUEST\n"
	                                      "T4 ARBITRATION ids=7 win=7\n"));
	rig_forget(r);
	rig_status(r, 2, 7, 1, 9, 0);
	rig_status(r, 4, 7, 2, 8, 0);
	rig_go(r);
	r->text[r->n] = '\0';
	ck_assert_ptr_nonnull(strstr(r->text, "L_Q(STATUS t8 l0 0)\n"
	                                      "T5 MESSAGE IN bsy=4 drv=4 QAS REQUEST\n"
	                                      "T6 ARBITRATION ids=2 win=2\n"));
	/* BUS FREE alone says DISCONNECT, and so does QAS REQUEST. */
	rig_command(r, 2, 9, 0x12, 36);
	rig_go(r);
	rig_forget(r);
	rig_plain(r, 2, ITEM_FREE, 0);
	rig_expect(r,
	           "T7 DATA OUT bsy=2 drv=2 40: L_Q(LAST COMMAND t9 l0 20) COMMAND(SIMPLE INQUIRY "
	           "rd)\n"
	           "T7 MESSAGE IN bsy=2 drv=2 QAS REQUEST\n"
	           "T7 BUS FREE\n");
	block_unref(data);
	rig_free(r);
}
END_TEST

/* ---- what it costs: the model, and the bus ---- */

/* The same block written to target 2, n times; the status in the same tenure, or by reselection. */
static ps_t run_writes(struct packetized how, unsigned n, uint32_t len)
{
	uint8_t options =
	        (uint8_t)(IU | (how.retained ? XFER_RTI : 0) | (how.qas ? XFER_QAS_REQ : 0));
	struct rig *r = rig_units(how.held ? ARM_NONE : ARM_FULL, options);
	struct block *data = rig_block(len);
	struct items i;
	ns_t before = 0;

	/* The first one only trains: what is retained is so from then on. */
	for (unsigned k = 0; k <= n; k++) {
		if (k == 1)
			before = bus_now(r->bus);
		rig_write(r, 2, 9, 9, data);
		if (how.held) {
			rig_go(r);
			it_begin(&i);
			it_plain(&i, ITEM_COMMAND, 0);
			it_data(&i, ITEM_DATA_OUT, 0, len, 0);
			it_plain(&i, ITEM_STATUS, 0);
			it_plain(&i, ITEM_FREE, 0);
			rig_continue(r, 2, &i, NULL);
		} else {
			it_status(&i, 9, 0, 0, 0);
			rig_go(r);
			rig_reselect(r, 2, 7, 1, &i, NULL);
		}
		rig_go(r);
		rig_forget(r);
	}
	ns_t took = bus_now(r->bus) - before;
	block_unref(data);
	rig_free(r);
	return took * PS_PER_NS;
}

/* Each of these tenures goes free, because nobody waits for the bus when it ends. */
START_TEST(the_model_is_what_runs)
{
	static const uint32_t lens[] = {512, 4096, 65536};
	struct bus_timing t;

	ck_assert(bus_timing_profile(&t, "spi4"));
	for (unsigned held = 0; held < 2; held++) {
		for (unsigned retained = 0; retained < 2; retained++) {
			for (size_t k = 0; k < ARRAY_LEN(lens); k++) {
				struct packetized how = {.held = held, .retained = retained};
				ps_t ran = run_writes(how, 3, lens[k]);
				ps_t model = packetized_write(&t, rig_xfer(IU), how, 3, lens[k]);
				/* The clock shows whole nanoseconds. */
				ck_assert_msg(ran < model + PS_PER_NS && model < ran + PS_PER_NS,
				              "held %u retained %u %u: ran %llu, model %llu", held,
				              retained, lens[k], (unsigned long long)ran,
				              (unsigned long long)model);
			}
		}
	}
}
END_TEST

/* With QAS: four statuses that wait for each other, as the model has them; the last has its request
 * for nothing. */
START_TEST(the_model_has_qas)
{
	struct rig *r = rig_units(ARM_FULL, IU | XFER_RTI | XFER_QAS_REQ);
	struct bus_timing t;
	struct block *data = rig_block(512);
	struct packetized how = {.retained = true, .qas = true};

	ck_assert(bus_timing_profile(&t, "spi4"));
	for (unsigned round = 0; round < 2; round++) {
		ns_t before = bus_now(r->bus);
		rig_write(r, 2, 9, 9, data);
		rig_write(r, 4, 8, 8, data);
		rig_go_once(r);
		rig_status(r, 2, 7, 1, 9, 0);
		rig_go_once(r);
		rig_status(r, 4, 7, 1, 8, 0);
		rig_go(r);
		rig_forget(r);
		ns_t took = bus_now(r->bus) - before;
		if (round == 0)
			continue; /* trained */
		ns_t model = packetized_write(&t, rig_xfer(IU), how, 2, 512) / PS_PER_NS;
		/* QAS REQUEST in MESSAGE IN, and the QAS arbitration delay. */
		ck_assert_uint_eq(took, model + 400 + 160 + 1000);
	}
	block_unref(data);
	rig_free(r);
}
END_TEST

TAP_MAIN_TABLE("bus_units", NULL, NULL, TAP_ONCE(iu_req_ends_in_bus_free), TAP_ONCE(agreements),
               TAP_ONCE(a_change_ends_the_initiators_tasks), TAP_ONCE(an_armed_write),
               TAP_ONCE(an_unarmed_write), TAP_ONCE(data_in_and_autosense),
               TAP_ONCE(a_read_that_disconnects), TAP_ONCE(sixteen_mebibytes_are_two_units),
               TAP_ONCE(data_that_run_out), TAP_ONCE(a_long_cdb), TAP_ONCE(a_pass_has_none),
               TAP_ONCE(other_messages_have_none), TAP_ONCE(rst_ends_it), TAP_ONCE(qas),
               TAP_ONCE(the_model_is_what_runs), TAP_ONCE(the_model_has_qas),
               TAP_EACH(attributes_and_functions, words), TAP_ONCE(a_function_is_rejected));
