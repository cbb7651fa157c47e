/* SPDX-License-Identifier: BSD-2-Clause */
/* Conventional commands on the bus core, as transcripts. */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#include "base/crc.h"

#include <string.h>

START_TEST(an_armed_write)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct block *data = rig_block(1024);

	rig_write(r, 2, 5, 3, data);
	rig_go(r);
	rig_expect(r, "T1 ARBITRATION ids=7 win=7\n"
	              "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(3) atn\n"
	              "T1 COMMAND drv=2 WRITE(16)\n"
	              "T1 DATA OUT bsy=2 drv=2 1024 crc\n"
	              "T1 MESSAGE IN bsy=2 drv=2 DISCONNECT\n"
	              "T1 BUS FREE\n"
	              "2< BURST target T1 [SELECT MSG_OUT COMMAND DATA_OUT(1024) FREE] data=1024\n"
	              "7< TENURE s5 T1 disconnected out=1024 msg_in: DISCONNECT\n");
	rig_status(r, 2, 7, 1, 3, 0);
	rig_go(r);
	rig_expect(
	        r,
	        "T2 ARBITRATION ids=2 win=2\n"
	        "T2 RESELECTION 7<2 bsy=2,7 sel=2\n"
	        "T2 MESSAGE IN bsy=2 drv=2 IDENTIFY SIMPLE(3)\n"
	        "T2 STATUS drv=2 GOOD\n"
	        "T2 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	        "T2 BUS FREE\n"
	        "7< TENURE s5 T2 complete status=00 msg_in: IDENTIFY SIMPLE(3) COMMAND COMPLETE\n");
	rig_end(r, data);
}
END_TEST

START_TEST(a_read_in_one_tenure)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct block *data = rig_block(36);
	struct items i;

	rig_inquiry(r, 5, 3, 96);
	rig_go(r);
	rig_expect(r, "T1 ARBITRATION ids=7 win=7\n"
	              "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(3) atn\n"
	              "T1 COMMAND drv=2 INQUIRY\n"
	              "2< BURST target T1 wanted [SELECT MSG_OUT COMMAND]\n");
	it_begin(&i);
	it_data(&i, ITEM_DATA_IN, 0, 36, crc_data(0, data->data, 36));
	it_complete(&i, 0);
	rig_continue(r, 2, &i, data);
	rig_expect(r,
	           "T1 DATA IN bsy=2 drv=2 36 crc\n"
	           "T1 STATUS drv=2 GOOD\n"
	           "T1 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	           "T1 BUS FREE\n"
	           "7< TENURE s5 T1 complete status=00 in=36 msg_in: COMMAND COMPLETE data=36\n");
	ck_assert_uint_eq(r->last_data_len, 36);
	rig_end(r, data);
}
END_TEST

START_TEST(unarmed_each_phase_waits)
{
	struct rig *r = rig_disks(1, ARM_NONE);
	struct items i;

	rig_inquiry(r, 5, 3, 96);
	rig_go(r);
	rig_plain(r, 2, ITEM_MSG_OUT, 0);
	rig_plain(r, 2, ITEM_COMMAND, 0);
	rig_plain(r, 2, ITEM_STATUS, 0x02);
	it_begin(&i);
	it_hex(&i, ITEM_MSG_IN, "00");
	rig_continue(r, 2, &i, NULL);
	rig_plain(r, 2, ITEM_FREE, 0);
	rig_expect(r, "T1 ARBITRATION ids=7 win=7\n"
	              "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	              "2< BURST target T1 wanted atn [SELECT]\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(3) atn\n"
	              "2< BURST target T1 wanted [MSG_OUT]\n"
	              "T1 COMMAND drv=2 INQUIRY\n"
	              "2< BURST target T1 wanted [COMMAND]\n"
	              "T1 STATUS drv=2 CHECK CONDITION\n"
	              "2< BURST target T1 wanted []\n"
	              "T1 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "2< BURST target T1 wanted []\n"
	              "T1 BUS FREE\n"
	              "7< TENURE s5 T1 complete status=02 msg_in: COMMAND COMPLETE\n");
	rig_free(r);
}
END_TEST

START_TEST(a_read_by_reconnection_in_pieces)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct block *data = rig_block(2048);
	struct items i;

	rig_inquiry(r, 5, 3, 200);
	rig_go(r);
	rig_disconnect(r, 2);
	rig_forget(r);
	it_reconnect(&i, 3);
	it_data(&i, ITEM_DATA_IN, 0, 128, crc_data(0, data->data, 128));
	it_data(&i, ITEM_DATA_IN, 512, 64, 1);
	it_complete(&i, 0);
	rig_reselect(r, 2, 7, 1, &i, data);
	rig_go(r);
	rig_expect(r, "T2 ARBITRATION ids=2 win=2\n"
	              "T2 RESELECTION 7<2 bsy=2,7 sel=2\n"
	              "T2 MESSAGE IN bsy=2 drv=2 IDENTIFY SIMPLE(3)\n"
	              "T2 DATA IN bsy=2 drv=2 128 crc\n"
	              "T2 DATA IN bsy=2 drv=2 64 badcrc\n"
	              "T2 STATUS drv=2 GOOD\n"
	              "T2 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T2 BUS FREE\n"
	              "7< TENURE s5 T2 more in=128 data=128\n"
	              "7< TENURE s5 T2 complete status=00 in=192 msg_in: IDENTIFY SIMPLE(3) "
	              "COMMAND COMPLETE data=64\n");
	ck_assert_uint_eq(r->last_data[0], data->data[512]);
	rig_end(r, data);
}
END_TEST

START_TEST(more_than_there_is_room_for_is_dropped)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct block *data = rig_block(128);
	struct items i;

	rig_inquiry(r, 5, 3, 100);
	rig_go(r);
	rig_forget(r);
	it_begin(&i);
	it_data(&i, ITEM_DATA_IN, 0, 128, crc_data(0, data->data, 128));
	it_complete(&i, 0);
	rig_continue(r, 2, &i, data);
	rig_expect(r,
	           "T1 DATA IN bsy=2 drv=2 128 crc\n"
	           "T1 STATUS drv=2 GOOD\n"
	           "T1 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	           "T1 BUS FREE\n"
	           "7< TENURE s5 T1 complete status=00 in=128 msg_in: COMMAND COMPLETE data=100\n");
	ck_assert_uint_eq(r->last_data_len, 100);
	block_unref(data);
	rig_free(r);
}
END_TEST

/* Data out in two tenures: the data pointer goes on where it was saved. */
static void two_pieces(bool save, const char *second)
{
	struct rig *r = rig_disks(1, ARM_FRONT);
	struct block *data = rig_block(1024);
	struct items i;

	rig_write(r, 2, 5, 3, data);
	rig_go(r);
	it_begin(&i);
	it_data(&i, ITEM_DATA_OUT, 0, 512, 0);
	rig_continue(r, 2, &i, NULL);
	it_begin(&i);
	if (save)
		it_hex(&i, ITEM_MSG_IN, "02"); /* SAVE DATA POINTER */
	it_disconnect(&i);
	rig_continue(r, 2, &i, NULL);
	rig_forget(r);
	r->traces = false;
	it_reconnect(&i, 3);
	it_data(&i, ITEM_DATA_OUT, 0, 2048, 0);
	rig_reselect(r, 2, 7, 1, &i, NULL);
	rig_go(r);
	rig_expect_at(r, second, __FILE__, __LINE__);
	rig_complete(r, 2, 0);
	rig_end(r, data);
}

START_TEST(the_data_pointer_was_saved)
{
	two_pieces(true, "2< BURST target T2 p1 wanted [DATA_OUT(512)!] data=512\n");
}
END_TEST

START_TEST(the_data_pointer_was_not_saved)
{
	two_pieces(false, "2< BURST target T2 p1 wanted [DATA_OUT(1024)!] data=1024\n");
}
END_TEST

START_TEST(restore_pointers_begins_again)
{
	struct rig *r = rig_disks(1, ARM_FRONT);
	struct block *data = rig_block(1024);
	struct items i;

	rig_write(r, 2, 5, 3, data);
	rig_go(r);
	rig_forget(r);
	r->traces = false;
	it_begin(&i);
	it_data(&i, ITEM_DATA_OUT, 0, 1024, 0);
	it_hex(&i, ITEM_MSG_IN, "03"); /* RESTORE POINTERS */
	it_data(&i, ITEM_DATA_OUT, 0, 1024, 0);
	it_complete(&i, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "2< BURST target T1 [DATA_OUT(1024)] data=1024\n"
	              "2< BURST target T1 [DATA_OUT(1024) FREE] data=1024\n"
	              "7< TENURE s5 T1 complete status=00 out=1024 msg_in: RESTORE POINTERS "
	              "COMMAND COMPLETE\n");
	rig_go(r);
	block_unref(data);
	rig_free(r);
}
END_TEST

START_TEST(data_for_an_unknown_task)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct block *data = rig_block(64);
	struct items i;

	it_reconnect(&i, 77);
	it_data(&i, ITEM_DATA_IN, 0, 64, 0);
	it_complete(&i, 0);
	rig_reselect(r, 2, 7, 1, &i, data);
	rig_go(r);
	rig_expect(r, "T1 ARBITRATION ids=2 win=2\n"
	              "T1 RESELECTION 7<2 bsy=2,7 sel=2\n"
	              "T1 MESSAGE IN bsy=2 drv=2 IDENTIFY SIMPLE(77)\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 ABORT TASK atn\n"
	              "T1 BUS FREE\n"
	              "2< BURST target T1 p1 [MSG_OUT FREE!]\n"
	              "7< TENURE s0 T1 no_nexus msg_in: IDENTIFY SIMPLE(77)\n");
	rig_end(r, data);
}
END_TEST

START_TEST(a_cancelled_nexus_is_unknown)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	rig_inquiry(r, 5, 3, 96);
	rig_go(r);
	rig_disconnect(r, 2);
	rig_forget(r);
	rig_cancel(r, 7, 5);
	rig_cancel(r, 7, 5); /* crossed with its report: no fault */
	rig_expect(r, "7< TENURE s5 T0 cancelled\n");
	/* One that waits is cancelled without having run. */
	rig_inquiry(r, 6, 4, 96);
	rig_cancel(r, 7, 6);
	rig_go(r);
	rig_expect(r, "7< TENURE s6 T0 cancelled\n");
	rig_free(r);
}
END_TEST

START_TEST(nobody_answers_a_selection)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;

	it_begin(&i);
	it_select(&i, 3);
	it_identify(&i, 1);
	it_cdb6(&i, 0, 0);
	ns_t before = bus_now(r->bus);
	rig_script(r, 7, 5, &i, NULL);
	rig_go(r);
	rig_expect(r, "T1 ARBITRATION ids=7 win=7\n"
	              "T1 SELECTION 7>3 bsy= sel=7 atn\n"
	              "T1 BUS FREE\n"
	              "7< TENURE s5 T1 selection_timeout\n");
	/* arbitration, selection time-out, abort time, bus free; the machine did not wait */
	ck_assert_uint_eq(bus_now(r->bus) - before, 3600 + 490 + 250000000 + 200000 + 1200);
	rig_free(r);
}
END_TEST

START_TEST(messages_that_need_an_answer_go_to_the_process)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;
	uint8_t bytes[16];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct scsi_msg m = {.kind = MSG_EXT_PPR, .xfer = XFER_ULTRA160};
	struct xfer slower = {.period = 0x0a, .offset = 31, .wide = 1};

	msg_put_identify(&w, 0, true);
	scsi_msg_put(&w, &m);
	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_MSG_OUT, bytes, w.n);
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, 5, &i, NULL);
	rig_go(r);
	rig_expect(r, "T1 ARBITRATION ids=7 win=7\n"
	              "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY PARALLEL PROTOCOL REQUEST atn\n"
	              "2< BURST target T1 wanted [SELECT MSG_OUT]\n");
	w = wr_init(bytes, sizeof(bytes));
	m.xfer = slower;
	scsi_msg_put(&w, &m);
	it_begin(&i);
	it_message(&i, ITEM_MSG_IN, bytes, w.n);
	it_plain(&i, ITEM_COMMAND, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "T1 MESSAGE IN bsy=2 drv=2 PARALLEL PROTOCOL REQUEST\n"
	              "T1 COMMAND drv=2 TEST UNIT READY\n"
	              "2< BURST target T1 wanted [COMMAND]\n");
	rig_complete(r, 2, 0);
	rig_forget(r);

	/* 512 bytes at Fast-40 wide: 256 transfers of 25 ns, and the change of phase */
	struct block *data = rig_block(512);
	rig_write(r, 2, 6, 1, data);
	ns_t before = bus_now(r->bus);
	rig_go(r);
	ns_t fixed = 3600 + 580 + 1200 + (400 + 3 * 160) + (400 + 16 * 160) + (800 + 160);
	ck_assert_uint_eq(bus_now(r->bus) - before, fixed + 400 + 256 * 25);
	rig_go(r);
	block_unref(data);
	rig_free(r);
}
END_TEST

START_TEST(a_rejected_negotiation_is_asynchronous)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;
	const uint8_t sdtr[] = {0xc0, 0x01, 0x03, 0x01, 0x0c, 0x0f};

	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_MSG_OUT, sdtr, sizeof(sdtr));
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, 5, &i, NULL);
	rig_go(r);
	it_begin(&i);
	it_hex(&i, ITEM_MSG_IN, "07");
	it_plain(&i, ITEM_COMMAND, 0);
	it_complete(&i, 0);
	rig_continue(r, 2, &i, NULL);
	rig_forget(r);
	struct wire_frame show = {.type = WIRE_MGMT};
	show.mgmt = (struct wire_mgmt){.req = 1, .to = WIRE_NO_ID, .kind = MGMT_BUS_SHOW};
	rig_frame(r, r->handle[7], &show);
	ck_assert_uint_eq(r->show.port[0].xfer.offset, 0);
	rig_free(r);
}
END_TEST

START_TEST(what_a_target_says_unasked_is_rejected)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;
	const uint8_t sdtr[] = {0x01, 0x03, 0x01, 0x0c, 0x0f};

	rig_inquiry(r, 5, 3, 96);
	rig_go(r);
	rig_forget(r);
	it_begin(&i);
	it_message(&i, ITEM_MSG_IN, sdtr, sizeof(sdtr));
	it_complete(&i, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "T1 MESSAGE IN bsy=2 drv=2 SYNCHRONOUS DATA TRANSFER REQUEST\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 MESSAGE REJECT atn\n"
	              "T1 STATUS drv=2 GOOD\n"
	              "T1 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T1 BUS FREE\n"
	              "2< BURST target T1 [MSG_OUT FREE]\n"
	              "7< TENURE s5 T1 complete status=00 msg_in: SYNCHRONOUS DATA TRANSFER "
	              "REQUEST COMMAND COMPLETE\n");
	rig_free(r);
}
END_TEST

START_TEST(abort_task_ends_with_bus_free)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	const uint8_t bytes[] = {0xc0, 0x20, 0x03, 0x0d};
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_MSG_OUT, bytes, sizeof(bytes));
	rig_script(r, 7, 5, &i, NULL);
	rig_go(r);
	rig_plain(r, 2, ITEM_FREE, 0);
	rig_expect(r, "T1 ARBITRATION ids=7 win=7\n"
	              "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(3) ABORT TASK atn\n"
	              "2< BURST target T1 wanted [SELECT MSG_OUT]\n"
	              "T1 BUS FREE\n"
	              "7< TENURE s5 T1 complete\n");
	rig_free(r);
}
END_TEST

START_TEST(a_target_frees_the_bus_without_a_word)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	rig_inquiry(r, 5, 3, 96);
	rig_go(r);
	rig_forget(r);
	rig_plain(r, 2, ITEM_FREE, 0);
	rig_expect(r, "T1 BUS FREE\n"
	              "7< TENURE s5 T1 unexpected_free\n");
	rig_free(r);
}
END_TEST

START_TEST(a_script_without_a_command)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, 9);
	rig_script(r, 7, 5, &i, NULL);
	rig_go(r);
	rig_plain(r, 2, ITEM_COMMAND, 0);
	rig_expect(r, "T1 ARBITRATION ids=7 win=7\n"
	              "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(9) atn\n"
	              "2< BURST target T1 wanted [SELECT MSG_OUT]\n"
	              "T1 MESSAGE OUT bsy=2 drv=2 ABORT TASK atn\n"
	              "T1 BUS FREE\n"
	              "2< BURST target T1 [MSG_OUT FREE!]\n"
	              "7< TENURE s5 T1 bad_script\n"
	              "7< ERROR bad_value 5: the target drove a phase for which the script has "
	              "nothing\n");
	rig_free(r);
}
END_TEST

START_TEST(the_target_dies_in_the_middle)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	rig_inquiry(r, 5, 3, 96);
	rig_go(r);
	rig_forget(r);
	rig_gone(r, 2);
	rig_expect(r, "T1 BUS FREE\n"
	              "7< TENURE s5 T1 unexpected_free\n"
	              "7< PORT 2 down\n");
	rig_free(r);
}
END_TEST

START_TEST(a_program_for_an_initiator_that_is_gone)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	rig_status(r, 2, 7, 1, 3, 0);
	rig_close(r, r->handle[7]);
	rig_attach(r, 7, ROLE_INITIATOR, "another");
	rig_expect(r, "2< PORT 7 down\n"
	              "7< ATTACHED\n"
	              "7< PORT 2 up\n"
	              "2< PORT 7 up\n"
	              "2< BURST target T0 p1 [FREE!]\n");
	rig_free(r);
}
END_TEST

/* Both targets want to reconnect all the time, and the initiator to select: who had the bus? */
static void contend(bool fairness, const char *want)
{
	struct bus_config cfg = bus_config_default();
	cfg.fairness = fairness;
	struct rig *r = rig_new(&cfg);
	struct block *data = rig_block(512);
	struct items i;
	char got[64];
	size_t n = 0;

	rig_group(r, 2, ARM_FULL);
	r->sends = false;
	for (uint32_t k = 1; k <= 4; k++) {
		it_status(&i, (uint8_t)k, 0, k, 0);
		rig_reselect(r, 2, 7, k, &i, NULL);
		rig_reselect(r, 4, 7, k, &i, NULL);
		it_pass(&i, 2, 1, (uint8_t)(10 + k), 10 + k, data);
		rig_script(r, 7, k, &i, data);
	}
	rig_go(r);
	for (const char *p = r->text; (p = strstr(p, "win=")) != NULL; p += 4)
		got[n++] = p[4];
	got[n] = '\0';
	ck_assert_str_eq(got, want);
	rig_go(r);
	block_unref(data);
	rig_free(r);
}

START_TEST(fairness)
{
	contend(true, "742742742742");
}
END_TEST

START_TEST(without_fairness_priority_rules)
{
	contend(false, "777744442222");
}
END_TEST

START_TEST(wide_priorities)
{
	struct bus_config cfg = bus_config_default();
	cfg.fairness = false;
	struct rig *r = rig_new(&cfg);
	static const uint8_t ids[] = {0, 8, 15, 6};
	struct items i;

	rig_attach(r, 7, ROLE_INITIATOR, "daemon");
	for (unsigned k = 0; k < 4; k++)
		rig_target(r, ids[k], ARM_FULL, 1, (uint8_t)k);
	it_status(&i, 1, 0, 1, 0);
	for (unsigned k = 0; k < 4; k++)
		rig_reselect(r, ids[k], 7, 1, &i, NULL);
	rig_forget(r);
	r->sends = false;
	rig_go(r);
	const char *p = r->text;
	static const char *const wins[] = {"ids=0,6,8,15 win=6", "ids=0,8,15 win=0",
	                                   "ids=8,15 win=15", "ids=8 win=8"};
	for (unsigned k = 0; k < 4; k++) {
		p = strstr(p, wins[k]);
		ck_assert_ptr_nonnull(p);
	}
	rig_free(r);
}
END_TEST

START_TEST(the_port_takes_only_what_may_disconnect)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct block *data = rig_block(512);
	/* no DiscPriv; no tag; an ORDERED one */
	static const uint8_t bytes[3][3] = {{0x80, 0x20, 1}, {0xc0}, {0xc0, 0x22, 1}};
	static const size_t lengths[3] = {3, 1, 3};
	struct items i;

	r->traces = false;
	for (uint32_t n = 0; n < 3; n++) {
		it_begin(&i);
		it_select(&i, 2);
		it_message(&i, ITEM_MSG_OUT, bytes[n], lengths[n]);
		it_write16(&i, 0, 1);
		it_data(&i, ITEM_DATA_OUT, 0, 512, crc_data(0, data->data, 512));
		rig_script(r, 7, 1 + n, &i, data);
		rig_go(r);
		rig_complete(r, 2, 0x08);
	}
	rig_expect(r, "2< BURST target T1 wanted [SELECT MSG_OUT COMMAND]\n"
	              "7< TENURE s1 T1 complete status=08 msg_in: COMMAND COMPLETE\n"
	              "2< BURST target T2 wanted [SELECT MSG_OUT COMMAND]\n"
	              "7< TENURE s2 T2 complete status=08 msg_in: COMMAND COMPLETE\n"
	              "2< BURST target T3 wanted [SELECT MSG_OUT COMMAND]\n"
	              "7< TENURE s3 T3 complete status=08 msg_in: COMMAND COMPLETE\n");
	block_unref(data);
	rig_free(r);
}
END_TEST

/* Bus time of an armed write of 512 bytes. */
static ns_t write_takes(struct rig *r, struct block *data)
{
	ns_t before = bus_now(r->bus);

	rig_write(r, 2, 90, 90, data);
	rig_go(r);
	ns_t took = bus_now(r->bus) - before;
	rig_status(r, 2, 7, 1, 90, 0);
	rig_go(r);
	return took;
}

static void negotiate(struct rig *r)
{
	static const uint8_t sdtr[] = {0xc0, 0x01, 0x03, 0x01, 0x0c, 0x0f};
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_MSG_OUT, sdtr, sizeof(sdtr));
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, 91, &i, NULL);
	rig_go(r);
	it_begin(&i);
	it_message(&i, ITEM_MSG_IN, sdtr + 1, sizeof(sdtr) - 1);
	it_plain(&i, ITEM_COMMAND, 0);
	it_complete(&i, 0);
	rig_continue(r, 2, &i, NULL);
}

START_TEST(agreements_end)
{
	static const uint8_t target_reset[] = {0xc0, 0x0c};
	struct rig *r = rig_disks(1, ARM_FULL);
	struct block *data = rig_block(512);
	struct wire_frame rst = {.type = WIRE_RESET};
	struct items i;
	ns_t slow = write_takes(r, data);

	for (unsigned n = 0; n < 4; n++) {
		negotiate(r);
		/* Fast-20, 15 REQs at most in 700 ns */
		ck_assert_uint_eq(write_takes(r, data), slow - 512ULL * 160 + 512ULL * 50);
		if (n == 0) {
			rig_frame(r, r->handle[7], &rst);
		} else if (n == 1) {
			it_begin(&i);
			it_select(&i, 2);
			it_message(&i, ITEM_MSG_OUT, target_reset, sizeof(target_reset));
			rig_script(r, 7, 92, &i, NULL);
			rig_go(r);
			rig_plain(r, 2, ITEM_FREE, 0);
		} else if (n == 2) {
			rig_gone(r, 2);
			rig_target(r, 2, ARM_FULL, 1, 0);
		} else {
			rig_gone(r, 7);
			rig_attach(r, 7, ROLE_INITIATOR, "daemon");
		}
		ck_assert_uint_eq(write_takes(r, data), slow);
	}
	rig_end(r, data);
}
END_TEST

START_TEST(what_a_status_costs)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	rig_status(r, 2, 7, 1, 3, 0);
	rig_go(r);
	/* I/O is true from the reselection on: nothing turns */
	ck_assert_uint_eq(bus_now(r->bus),
	                  3600 + 580 + (400 + 3 * 160) + (400 + 160) + (400 + 160) + 1200);
	rig_free(r);
}
END_TEST

START_TEST(cancelled_while_it_is_at_work)
{
	struct rig *r = rig_disks(1, ARM_FRONT);
	struct items i;

	rig_inquiry(r, 5, 3, 96);
	rig_go(r);
	rig_disconnect(r, 2);
	it_reconnect(&i, 3);
	rig_reselect(r, 2, 7, 1, &i, NULL);
	rig_go(r);
	rig_forget(r);
	rig_cancel(r, 7, 5);
	rig_complete(r, 2, 0);
	rig_expect(
	        r,
	        "T2 STATUS drv=2 GOOD\n"
	        "T2 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	        "T2 BUS FREE\n"
	        "7< TENURE s5 T2 complete status=00 msg_in: IDENTIFY SIMPLE(3) COMMAND COMPLETE\n");
	rig_free(r);
}
END_TEST

START_TEST(a_nexus_goes_with_its_target)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	rig_inquiry(r, 5, 3, 96);
	rig_go(r);
	rig_disconnect(r, 2);
	rig_gone(r, 2);
	rig_target(r, 2, ARM_FULL, 1, 0);
	rig_forget(r);
	/* Its number is free. */
	rig_inquiry(r, 5, 3, 96);
	rig_expect(r, "");
	rig_free(r);
}
END_TEST

START_TEST(a_nexus_is_target_lun_and_tag)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct block *data = rig_block(64);
	static const uint8_t other[3][3] = {{0x80, 0x20, 4}, {0x81, 0x20, 3}, {0x80}};
	static const size_t lengths[3] = {3, 3, 1};
	struct items i;

	rig_inquiry(r, 5, 3, 96);
	rig_go(r);
	rig_disconnect(r, 2);
	rig_forget(r);
	r->traces = false;
	for (unsigned n = 0; n < 3; n++) {
		it_begin(&i);
		it_message(&i, ITEM_MSG_IN, other[n], lengths[n]);
		it_data(&i, ITEM_DATA_IN, 0, 64, 0);
		it_complete(&i, 0);
		rig_reselect(r, 2, 7, 1 + n, &i, data);
		rig_go(r);
	}
	rig_expect(r, "2< BURST target T2 p1 [MSG_OUT FREE!]\n"
	              "7< TENURE s0 T2 no_nexus msg_in: IDENTIFY SIMPLE(4)\n"
	              "2< BURST target T3 p2 [MSG_OUT FREE!]\n"
	              "7< TENURE s0 T3 no_nexus msg_in: IDENTIFY SIMPLE(3)\n"
	              "2< BURST target T4 p3 [MSG_OUT FREE!]\n"
	              "7< TENURE s0 T4 no_nexus msg_in: IDENTIFY\n");
	block_unref(data);
	rig_free(r);
}
END_TEST

TAP_MAIN("bus_conventional", an_armed_write, a_read_in_one_tenure, unarmed_each_phase_waits,
         a_read_by_reconnection_in_pieces, more_than_there_is_room_for_is_dropped,
         the_data_pointer_was_saved, the_data_pointer_was_not_saved, restore_pointers_begins_again,
         data_for_an_unknown_task, a_cancelled_nexus_is_unknown, nobody_answers_a_selection,
         messages_that_need_an_answer_go_to_the_process, a_rejected_negotiation_is_asynchronous,
         what_a_target_says_unasked_is_rejected, abort_task_ends_with_bus_free,
         a_target_frees_the_bus_without_a_word, a_script_without_a_command,
         the_target_dies_in_the_middle, a_program_for_an_initiator_that_is_gone, fairness,
         without_fairness_priority_rules, wide_priorities, the_port_takes_only_what_may_disconnect,
         agreements_end, what_a_status_costs, cancelled_while_it_is_at_work,
         a_nexus_goes_with_its_target, a_nexus_is_target_lun_and_tag);
