/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Information units that are wrong: what a target's port answers (SPI-4, clause 14), what an
 * initiator's does with a task that it does not know; programs and scripts that have no place in a
 * packetized tenure.
 */
#include "scenario/bus_rig.h"
#include "scsi/iu.h"
#include "unit/tap_main.h"

#include <string.h>

#define IU (XFER_DT_REQ | XFER_IU_REQ)

#define LUN_0   "0000000000000000"
#define L_Q_20  "01 00 0009 " LUN_0 " 00 000014 0000 0000 "
#define NO_CDB  "000000000000 00000000000000000000"
#define FREE_AT "T3 BUS FREE\n2< BURST target T3 [SELECT# FREE!]\n7< TENURE s9 T3 unexpected_free\n"

static const struct {
	const char *what, *hex;
	int failure; /* -1: BUS FREE; -2: it is taken */
} wrong[] = {
        {"taken", L_Q_20 "00 00 00 00" NO_CDB, -2},
        {"an L_Q cut short", "01 00 0009 " LUN_0 " 00 0000", -1},
        {"no command behind it", L_Q_20, -1},
        {"a command cut short", L_Q_20 "00 00 00 00 0000", -1},
        {"type DATA, a target's", "04 00 0009 " LUN_0 " 00 000200 0000 0000", 6},
        {"type STATUS, a target's", "08 00 0009 " LUN_0 " 00 000000 0000 0000", 6},
        {"a reserved type", "7f 00 0009 " LUN_0 " 00 000014 0000 0000 00 00 00 00" NO_CDB, 6},
        {"several commands, for which there is no room",
         "02 00 0009 " LUN_0 " 00 000014 0000 0000 00 00 00 00" NO_CDB, 6},
        {"a length below 14h", "01 00 0009 " LUN_0 " 00 000013 0000 0000 00 00 00 00" NO_CDB, 7},
        {"a length above 90h", "01 00 0009 " LUN_0 " 00 000091 0000 0000 00 00 00 00" NO_CDB, 7},
        {"a tag of 16 bits", "01 00 0109 " LUN_0 " 00 000014 0000 0000 00 00 00 00" NO_CDB, 7},
        {"a LUN of a second level",
         "01 00 0009 0000 0001 0000 0000 00 000014 0000 0000 00 00 00 00" NO_CDB, 7},
        {"a LUN above 63", "01 00 0009 0040 0000 0000 0000 00 000014 0000 0000 00 00 00 00" NO_CDB,
         7},
        {"a reserved attribute", L_Q_20 "00 03 00 00" NO_CDB, 2},
        {"additional bytes that are not there", L_Q_20 "00 00 00 04" NO_CDB, 2},
        {"additional bytes",
         "01 00 0009 " LUN_0 " 00 000018 0000 0000 00 00 00 04" NO_CDB "00000000", -2},
        {"a function that there is not", L_Q_20 "00 00 80 00" NO_CDB, 4},
        {"two functions", L_Q_20 "00 00 03 00" NO_CDB, 4},
};

static size_t read_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (unsigned v; *hex; hex += 2) {
		while (*hex == ' ')
			hex++;
		if (!*hex)
			break;
		ck_assert_int_eq(sscanf(hex, "%2x", &v), 1);
		out[n++] = (uint8_t)v;
	}
	return n;
}

static void send_units(struct rig *r, const char *hex, uint8_t flags)
{
	uint8_t bytes[256];
	struct items i;
	struct wire_item it = {.kind = ITEM_UNIT, .flags = flags};

	it.len = (uint32_t)read_hex(hex, bytes);
	it.bytes = (struct span){bytes, it.len};
	it_begin(&i);
	it_select(&i, 2);
	wire_item_put(&i.w, &it);
	rig_script(r, 7, 9, &i, NULL);
	rig_go(r);
	r->text[r->n] = '\0';
}

START_TEST(wrong_units)
{
	struct rig *r = rig_units(ARM_FRONT, IU);
	char want[160];

	send_units(r, wrong[_i].hex, 0);
	if (wrong[_i].failure == -2) {
		ck_assert_msg(strstr(r->text, "wanted [SELECT# MSG_OUT COMMAND]\n") != NULL,
		              "%s:\n%s", wrong[_i].what, r->text);
	} else if (wrong[_i].failure == -1) {
		ck_assert_msg(strstr(r->text, FREE_AT) != NULL, "%s:\n%s", wrong[_i].what, r->text);
	} else {
		(void)snprintf(want, sizeof(want),
		               "T3 BUS FREE\n"
		               "2< BURST target T3 [SELECT# FREE]\n"
		               "7< TENURE s9 T3 complete status=00 STATUS(GOOD failure=%d)\n",
		               wrong[_i].failure);
		ck_assert_msg(strstr(r->text, want) != NULL, "%s:\n%s", wrong[_i].what, r->text);
		/* Of the nexus that the L_Q named. */
		ck_assert_ptr_nonnull(strstr(r->text, "L_Q(STATUS t"));
	}
	/* The bus goes on. */
	if (wrong[_i].failure != -2) {
		rig_forget(r);
		rig_command(r, 2, 10, 0, 0);
		rig_go(r);
		r->text[r->n] = '\0';
		ck_assert_ptr_nonnull(strstr(r->text, "wanted [SELECT# MSG_OUT COMMAND]\n"));
	}
	rig_free(r);
}
END_TEST

/* A wrong iuCRC: of the L_Q, BUS FREE; of the command, its process decides. */
START_TEST(wrong_crc)
{
	struct rig *r = rig_units(ARM_FULL, IU);
	const uint8_t nexus[] = {0xc0, 0x20, 9}, cdb[6] = {0};
	struct items i;

	send_units(r, L_Q_20 "00 00 00 00" NO_CDB, ITEM_PARITY);
	ck_assert_ptr_nonnull(strstr(r->text, " badcrc: "));
	ck_assert_ptr_nonnull(strstr(r->text, FREE_AT));
	rig_forget(r);
	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_MSG_OUT, nexus, sizeof(nexus));
	struct wire_item command = {
	        .kind = ITEM_COMMAND, .flags = ITEM_PARITY, .len = 6, .bytes = {cdb, 6}};
	wire_item_put(&i.w, &command);
	rig_script(r, 7, 9, &i, NULL);
	rig_go(r);
	rig_expect(r, "T4 ARBITRATION ids=7 win=7\n"
	              "T4 SELECTION 7>2 bsy=2 sel=7\n"
	              "2< BURST target T4 wanted [SELECT# MSG_OUT COMMAND~]\n");
	rig_free(r);
}
END_TEST

/* An L_Q of a nexus that the initiator does not know (another tag, another LUN). */
START_TEST(wrong_nexus)
{
	static const uint8_t nexuses[][3] = {{0x80, 0x20, 8}, {0x81, 0x20, 9}};

	for (size_t n = 0; n < 2 * ARRAY_LEN(nexuses); n++) {
		struct rig *r = rig_units(ARM_NONE, IU);
		struct block *data = rig_block(36);
		struct items i;
		bool read = n >= ARRAY_LEN(nexuses);

		rig_command(r, 2, 9, 0x12, 36);
		rig_go(r);
		it_begin(&i);
		it_plain(&i, ITEM_COMMAND, 0);
		it_plain(&i, ITEM_FREE, 0);
		rig_continue(r, 2, &i, NULL);
		rig_forget(r);
		it_begin(&i);
		it_message(&i, ITEM_MSG_IN, nexuses[n % ARRAY_LEN(nexuses)], 3);
		if (read)
			it_data(&i, ITEM_DATA_IN, 0, 36, 0);
		it_plain(&i, ITEM_STATUS, 0);
		it_plain(&i, ITEM_FREE, 0);
		rig_reselect(r, 2, 7, 1, &i, read ? data : NULL);
		rig_go(r);
		r->text[r->n] = '\0';
		ck_assert_msg(strstr(r->text, read ? ": L_Q(DATA t" : ": L_Q(STATUS t") != NULL &&
		                      strstr(r->text, "MESSAGE OUT bsy=2 drv=2 ABORT TASK atn\n"
		                                      "T4 BUS FREE\n") != NULL &&
		                      strstr(r->text, "7< TENURE s0 T4 no_nexus") != NULL,
		              "%s", r->text);
		block_unref(data);
		rig_free(r);
	}
}
END_TEST

/* Programs that have no place in a packetized tenure. */
START_TEST(wrong_programs)
{
	static const struct {
		uint8_t kinds[3];
		const char *want;
	} rows[] = {
	        {{ITEM_COMMAND, ITEM_COMMAND}, "7< TENURE s9 T3 bad_script"},
	        {{ITEM_COMMAND, ITEM_MSG_OUT}, "T3 MESSAGE OUT bsy=2 drv=2 NO OPERATION\n"},
	        {{ITEM_FREE}, "7< TENURE s9 T3 unexpected_free"},
	        {{ITEM_MSG_OUT, ITEM_COMMAND}, "COMMAND(SIMPLE INQUIRY rd)"},
	};
	for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
		struct rig *r = rig_units(ARM_NONE, IU);
		struct items i;

		rig_command(r, 2, 9, 0x12, 36);
		rig_go(r);
		it_begin(&i);
		for (unsigned k = 0; k < 3 && rows[n].kinds[k]; k++)
			it_plain(&i, rows[n].kinds[k], 0);
		if (n == 3)
			it_plain(&i, ITEM_FREE, 0);
		rig_continue(r, 2, &i, NULL);
		r->text[r->n] = '\0';
		ck_assert_msg(strstr(r->text, rows[n].want) != NULL, "row %zu:\n%s", n, r->text);
		rig_free(r);
	}
}
END_TEST

/* Scripts with units that are refused when they come, and units without an agreement. */
START_TEST(wrong_scripts)
{
	struct rig *r = rig_units(ARM_FRONT, IU);
	const uint8_t unit[20] = {1};
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_UNIT, unit, sizeof(unit));
	it_message(&i, ITEM_UNIT, unit, sizeof(unit));
	rig_script(r, 7, 1, &i, NULL);
	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_UNIT, unit, sizeof(unit));
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, 2, &i, NULL);
	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_UNIT, unit, 0);
	rig_script(r, 7, 3, &i, NULL);
	rig_go(r);
	rig_expect(r,
	           "7< ERROR bad_value 1: script: information units beside others, messages or a "
	           "command\n"
	           "7< ERROR bad_value 2: script: information units beside others, messages or a "
	           "command\n"
	           "7< ERROR bad_value 3: script: information units of 0 bytes, 1 to 512 are "
	           "possible\n");
	rig_negotiate(r, 2, rig_xfer(XFER_DT_REQ), (struct xfer){0x09, 62, 1, XFER_DT_REQ}, true);
	rig_arm(r, 2, ARM_NONE);
	rig_forget(r);
	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_UNIT, unit, sizeof(unit));
	rig_script(r, 7, 4, &i, NULL);
	rig_go(r);
	rig_plain(r, 2, ITEM_COMMAND, 0);
	r->text[r->n] = '\0';
	ck_assert_ptr_nonnull(strstr(r->text, "7< TENURE s4 T4 bad_script"));
	rig_free(r);
}
END_TEST

TAP_MAIN_TABLE("bus_units_wrong", NULL, NULL, TAP_ONCE(wrong_crc), TAP_ONCE(wrong_nexus),
               TAP_ONCE(wrong_programs), TAP_ONCE(wrong_scripts), TAP_EACH(wrong_units, wrong));
