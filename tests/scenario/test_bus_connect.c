/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a target stays connected (SPC-4, disconnect-reconnect mode page; SPI-3, disconnection):
 * data phases in several tenures, as transcripts.
 */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#include "base/crc.h"

#include <string.h>

/* Target 2, armed so, with these limits of LUN 0, and initiator 7. */
static struct rig *begin(uint8_t mode, struct wire_limit limit)
{
	struct rig *r = rig_new(NULL);
	struct wire_frame f = {.type = WIRE_LIMITS, .limits = {.n = 1, .of = {limit}}};

	rig_group(r, 1, mode);
	rig_frame(r, r->handle[2], &f);
	return r;
}

static void write_script(struct rig *r, uint8_t tag, struct block *data, uint8_t identify)
{
	const uint8_t messages[] = {identify, 0x20, tag};
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_MSG_OUT, messages, sizeof(messages));
	it_write16(&i, 0, (uint32_t)data->len / 512);
	it_data(&i, ITEM_DATA_OUT, 0, (uint32_t)data->len, crc_data(0, data->data, data->len));
	rig_script(r, 7, tag, &i, data);
}

static void read_script(struct rig *r, uint8_t tag)
{
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, tag);
	it_cdb6(&i, 0x12, 255);
	it_data(&i, ITEM_DATA_IN, 0, 4096, 0);
	rig_script(r, 7, tag, &i, NULL);
	rig_go(r);
	rig_forget(r);
}

static void answer_read(struct rig *r, struct block *data)
{
	struct items i;

	it_begin(&i);
	it_data(&i, ITEM_DATA_IN, 0, (uint32_t)data->len, crc_data(0, data->data, data->len));
	it_complete(&i, 0);
	rig_continue(r, 2, &i, data);
}

#define COMES_BACK(n)                                                                              \
	"T" n " ARBITRATION ids=2 win=2\n"                                                         \
	"T" n " RESELECTION 7<2 bsy=2,7 sel=2\n"                                                   \
	"T" n " MESSAGE IN bsy=2 drv=2 IDENTIFY SIMPLE(3)\n"
#define LEAVES(n)                                                                                  \
	"T" n " MESSAGE IN bsy=2 drv=2 SAVE DATA POINTER DISCONNECT\n"                             \
	"T" n " BUS FREE\n"

START_TEST(an_armed_write_in_bursts)
{
	struct rig *r = begin(ARM_FULL, (struct wire_limit){.out = 1024, .in = 512});
	struct block *data = rig_block(2560);

	write_script(r, 3, data, 0xc0);
	rig_go(r);
	rig_expect(r,
	           "T1 ARBITRATION ids=7 win=7\n"
	           "T1 SELECTION 7>2 bsy=2 sel=7 atn\n"
	           "T1 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(3) atn\n"
	           "T1 COMMAND drv=2 WRITE(16)\n"
	           "T1 DATA OUT bsy=2 drv=2 1024 crc\n" LEAVES("1") COMES_BACK(
	                   "2") "T2 DATA OUT bsy=2 drv=2 1024 crc\n" LEAVES("2")
	                   COMES_BACK("3") "T3 DATA OUT bsy=2 drv=2 512 crc\n"
	                                   "T3 MESSAGE IN bsy=2 drv=2 DISCONNECT\n"
	                                   "T3 BUS FREE\n"
	                                   "2< BURST target T1 [SELECT MSG_OUT COMMAND FREE+]\n"
	                                   "7< TENURE s3 T1 disconnected out=1024 msg_in: SAVE "
	                                   "DATA POINTER DISCONNECT\n"
	                                   "7< TENURE s3 T2 disconnected out=1024 msg_in: "
	                                   "IDENTIFY SIMPLE(3) SAVE DATA POINTER DISCONNECT\n"
	                                   "2< BURST target T1 [DATA_OUT(2560) FREE] data=2560\n"
	                                   "7< TENURE s3 T3 disconnected out=512 msg_in: IDENTIFY "
	                                   "SIMPLE(3) DISCONNECT\n");
	rig_cancel(r, 7, 3);
	rig_end(r, data);
}
END_TEST

START_TEST(a_process_asks_for_the_data)
{
	struct rig *r = begin(ARM_FRONT, (struct wire_limit){.out = 512});
	struct block *data = rig_block(1024);
	struct items i;

	write_script(r, 3, data, 0xc0);
	rig_go(r);
	rig_forget(r);
	it_begin(&i);
	it_data(&i, ITEM_DATA_OUT, 0, 1024, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(
	        r,
	        "T1 DATA OUT bsy=2 drv=2 512 crc\n" LEAVES(
	                "1") "2< BURST target T1 [FREE+]\n"
	                     "7< TENURE s3 T1 disconnected out=512 msg_in: SAVE DATA POINTER "
	                     "DISCONNECT\n" COMES_BACK(
	                             "2") "T2 DATA OUT bsy=2 drv=2 512 crc\n"
	                                  "2< BURST target T1 wanted [DATA_OUT(1024)] data=1024\n");
	/* The bus waits for it, under the number that it knows. */
	it_begin(&i);
	it_plain(&i, ITEM_STATUS, 0);
	it_message(&i, ITEM_MSG_IN, (const uint8_t[]){0x00}, 1);
	it_plain(&i, ITEM_FREE, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "T2 STATUS drv=2 GOOD\n"
	              "T2 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T2 BUS FREE\n"
	              "7< TENURE s3 T2 complete status=00 out=512 msg_in: IDENTIFY SIMPLE(3) "
	              "COMMAND COMPLETE\n");
	rig_end(r, data);
}
END_TEST

START_TEST(a_read_in_bursts)
{
	struct rig *r = begin(ARM_FULL, (struct wire_limit){.in = 1024});
	struct block *data = rig_block(1536);

	read_script(r, 3);
	answer_read(r, data);
	rig_go(r);
	rig_expect(r, "T1 DATA IN bsy=2 drv=2 1024 crc\n" LEAVES(
	                      "1") "7< TENURE s3 T1 disconnected in=1024 msg_in: SAVE DATA POINTER "
	                           "DISCONNECT data=1024\n" COMES_BACK(
	                                   "2") "T2 DATA IN bsy=2 drv=2 512 crc\n"
	                                        "T2 STATUS drv=2 GOOD\n"
	                                        "T2 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	                                        "T2 BUS FREE\n"
	                                        "7< TENURE s3 T2 complete status=00 in=512 msg_in: "
	                                        "IDENTIFY "
	                                        "SIMPLE(3) COMMAND COMPLETE data=512\n");
	ck_assert_uint_eq(r->last_data[0], data->data[1024]);
	rig_end(r, data);
}
END_TEST

/* Phases of this kind, and the bytes of the first. */
static unsigned phases(const struct rig *r, enum scsi_phase phase, uint32_t *first)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->n_phases; i++) {
		if (r->phase[i].phase != phase)
			continue;
		if (n++ == 0)
			*first = r->phase[i].bytes;
	}
	return n;
}

static const struct {
	const char *clause;
	struct wire_limit limit;
	uint8_t identify;
	unsigned phases;
	uint32_t first;
} writes[] = {
        {"maximum burst size", {.out = 1024}, 0xc0, 4, 1024},
        {"maximum burst size: no less than all", {.out = 4096}, 0xc0, 1, 4096},
        {"maximum burst size of the other direction", {.in = 512}, 0xc0, 1, 4096},
        {"IDENTIFY without the privilege of disconnection", {.out = 512}, 0x80, 1, 4096},
        {"data transfer disconnect control", {.out = 512, .hold = true}, 0xc0, 1, 4096},
        {"limits of another logical unit", {.lun = 1, .out = 512}, 0xc0, 1, 4096},
        /* asynchronous: 512 bytes in 82 us; some 4 us before them */
        {"connect time limit: as much as fits", {.connect = 2}, 0xc0, 4, 1024},
        {"connect time limit: one unit at the least", {.connect = 1}, 0xc0, 8, 512},
        {"connect time limit and maximum burst size: the lesser",
         {.connect = 9, .out = 1024},
         0xc0,
         4,
         1024},
};

START_TEST(what_limits_a_data_phase)
{
	struct rig *r = begin(ARM_FULL, writes[_i].limit);
	struct block *data = rig_block(4096);
	uint32_t first = 0;

	write_script(r, 3, data, writes[_i].identify);
	rig_go(r);
	if (!(writes[_i].identify & 0x40)) {
		struct items i;
		it_begin(&i);
		it_data(&i, ITEM_DATA_OUT, 0, 4096, 0);
		rig_continue(r, 2, &i, NULL);
	}
	unsigned n = phases(r, PHASE_DATA_OUT, &first);
	ck_assert_msg(n == writes[_i].phases && first == writes[_i].first, "%s: %u phases, %u",
	              writes[_i].clause, n, first);
	ck_assert_ptr_nonnull(strstr(r->text, "DATA_OUT(4096)"));
	rig_gone(r, 7);
	rig_end(r, data);
}
END_TEST

/* The bus time that its bursts cost is that of their phases, and of the time that it keeps away. */
START_TEST(disconnect_time_limit)
{
	ns_t took[2];
	uint32_t first;

	for (unsigned n = 0; n < 2; n++) {
		struct rig *r =
		        begin(ARM_FULL, (struct wire_limit){.out = 512, .wait = n ? 30 : 0});
		struct block *data = rig_block(2048);
		write_script(r, 3, data, 0xc0);
		ns_t before = bus_now(r->bus);
		rig_go(r);
		took[n] = bus_now(r->bus) - before;
		ck_assert_uint_eq(phases(r, PHASE_DATA_OUT, &first), 4);
		rig_cancel(r, 7, 3);
		rig_end(r, data);
	}
	/* BUS FREE, ARBITRATION, RESELECTION; three bytes and two bytes of MESSAGE IN (RESELECTION:
	 * nothing turns); DATA OUT: another change of phase */
	ns_t each = 1200 + 3600 + 580 + (400 + 3 * 160) + (800 + 2 * 160) + 400;
	/* the first tenure: selection, IDENTIFY and tag, CDB; the last message is one byte shorter
	 */
	ns_t once = 3600 + 580 + (400 + 3 * 160) + (400 + 16 * 160) + 400 + (800 + 160) + 1200;
	ck_assert_uint_eq(took[0], once + 3 * each + 2048 * 160);
	ck_assert_uint_eq(took[1], took[0] + 3ULL * 3000000);
}
END_TEST

/* Another command of the same initiator has its tenure between two bursts. */
START_TEST(others_get_the_bus)
{
	struct bus_config cfg = bus_config_default();
	struct rig *r = rig_new(&cfg);
	struct wire_frame f = {.type = WIRE_LIMITS,
	                       .limits = {.n = 1, .of = {{.out = 512, .wait = 100}}}};
	struct block *data = rig_block(1024);
	struct items i;

	rig_group(r, 1, ARM_FULL);
	rig_frame(r, r->handle[2], &f);
	write_script(r, 3, data, 0xc0);
	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, 4);
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, 4, &i, NULL);
	rig_go(r);
	ck_assert_ptr_nonnull(
	        strstr(r->text, "2< BURST target T2 wanted [SELECT MSG_OUT COMMAND]"));
	rig_forget(r);
	r->traces = false;
	it_begin(&i);
	it_plain(&i, ITEM_STATUS, 0);
	it_message(&i, ITEM_MSG_IN, (const uint8_t[]){0x00}, 1);
	it_plain(&i, ITEM_FREE, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r, "7< TENURE s4 T2 complete status=00 msg_in: COMMAND COMPLETE\n"
	              "2< BURST target T1 [DATA_OUT(1024) FREE] data=1024\n"
	              "7< TENURE s3 T3 disconnected out=512 msg_in: IDENTIFY SIMPLE(3) "
	              "DISCONNECT\n");
	rig_cancel(r, 7, 3);
	rig_end(r, data);
}
END_TEST

/* With real pace the bus is free while a target keeps away: for another one's command at once, and
 * for the target when its time has come. */
START_TEST(others_get_the_bus_at_real_pace)
{
	struct bus_config cfg = bus_config_default();
	cfg.pace = true;
	struct rig *r = rig_new(&cfg);
	struct wire_frame f = {.type = WIRE_LIMITS,
	                       .limits = {.n = 1, .of = {{.out = 512, .wait = 65535}}}};
	struct block *data = rig_block(1024);
	struct items i;

	rig_group(r, 2, ARM_FULL);
	rig_frame(r, r->handle[2], &f);
	write_script(r, 3, data, 0xc0);
	rig_go(r);
	ns_t left = r->now, away = 65535 * (ns_t)(100 * NS_PER_US);
	rig_wait(r, 500 * NS_PER_MS);
	rig_forget(r);
	it_begin(&i);
	it_select(&i, 5); /* nobody: a selection time-out of 250 ms */
	rig_script(r, 7, 4, &i, NULL);
	rig_go(r);
	ck_assert_ptr_nonnull(strstr(r->text, "7< TENURE s4 T2 selection_timeout\n"));
	rig_forget(r);
	/* That took its part of the time for which the other one keeps away. */
	ns_t due = bus_deadline(r->bus);
	ck_assert_uint_le(due, r->now + NS_PER_S);
	rig_wait(r, NS_PER_S);
	ck_assert_uint_ge(bus_now(r->bus), 750 * NS_PER_MS);
	rig_expect(r, "");
	while (bus_deadline(r->bus) < left + away + NS_PER_S && !*r->text)
		rig_wait(r, bus_deadline(r->bus) - r->now);
	ck_assert_ptr_nonnull(strstr(r->text, "RESELECTION"));
	ck_assert_uint_ge(r->now, left + away);
	ck_assert_uint_le(r->now, left + away + NS_PER_MS);
	rig_cancel(r, 7, 3);
	rig_end(r, data);
}
END_TEST

/* The task is not the initiator's any more: it says so, and the process is told by the number that
 * it knows. */
START_TEST(the_nexus_is_gone)
{
	struct bus_config cfg = bus_config_default();
	struct block *data = rig_block(1024);
	struct wire_frame f = {.type = WIRE_LIMITS, .limits = {.n = 1, .of = {{.out = 512}}}};

	cfg.tenures_per_go = 1;
	struct rig *r = rig_new(&cfg);
	rig_group(r, 1, ARM_FULL);
	rig_frame(r, r->handle[2], &f);
	write_script(r, 3, data, 0xc0);
	rig_go_once(r);
	rig_cancel(r, 7, 3);
	rig_forget(r);
	rig_go(r);
	rig_expect(r, COMES_BACK("2") "T2 MESSAGE OUT bsy=2 drv=2 ABORT TASK atn\n"
	                              "T2 BUS FREE\n"
	                              "2< BURST target T1 [MSG_OUT FREE!]\n"
	                              "7< TENURE s0 T2 no_nexus msg_in: IDENTIFY SIMPLE(3)\n");
	/* And when the initiator itself goes. */
	write_script(r, 4, data, 0xc0);
	rig_go_once(r);
	rig_forget(r);
	rig_gone(r, 7);
	rig_expect(r, "2< PORT 7 down\n"
	              "2< BURST target T3 [FREE!]\n");
	rig_end(r, data);
}
END_TEST

START_TEST(reset_and_limits_end)
{
	struct bus_config cfg = bus_config_default();
	struct block *data = rig_block(1024);
	struct wire_frame f = {.type = WIRE_LIMITS, .limits = {.n = 1, .of = {{.out = 512}}}};
	struct wire_frame rst = {.type = WIRE_RESET};
	uint32_t first;

	cfg.tenures_per_go = 1;
	struct rig *r = rig_new(&cfg);
	rig_group(r, 1, ARM_FULL);
	rig_frame(r, r->handle[2], &f);
	write_script(r, 3, data, 0xc0);
	rig_go_once(r);
	rig_frame(r, r->handle[7], &rst);
	rig_forget(r);
	rig_go(r);
	rig_expect(r, "");
	f.limits.n = 0;
	rig_frame(r, r->handle[2], &f);
	write_script(r, 3, data, 0xc0);
	rig_go(r);
	ck_assert_uint_eq(phases(r, PHASE_DATA_OUT, &first), 1);
	rig_cancel(r, 7, 3);
	rig_end(r, data);
}
END_TEST

/* No disconnection is in a mirroring tenure. */
START_TEST(a_silent_pass_is_not_split)
{
	struct rig *r = rig_new(NULL);
	struct wire_frame f = {.type = WIRE_LIMITS,
	                       .limits = {.n = 1, .of = {{.out = 512, .connect = 1}}}};
	struct block *data = rig_block(4096);
	struct items i;
	uint32_t first;

	rig_group(r, 2, ARM_FULL);
	rig_frame(r, r->handle[2], &f);
	rig_frame(r, r->handle[4], &f);
	it_pass(&i, 2, 2, 1, 9, data);
	rig_script(r, 7, 1, &i, data);
	rig_go(r);
	ck_assert_uint_eq(phases(r, PHASE_DATA_OUT, &first), 2);
	ck_assert_uint_eq(first, 4096);
	rig_end(r, data);
}
END_TEST

/* As many programs wait as may while one runs: what that one leaves has a place. */
START_TEST(many_wait)
{
	struct rig *r = begin(ARM_FULL, (struct wire_limit){.in = 512});
	struct block *data = rig_block(1024);
	struct items i;
	uint32_t first = 0;

	read_script(r, 5);
	rig_disconnect(r, 2);
	rig_forget(r);
	it_begin(&i);
	it_reconnect(&i, 5);
	it_data(&i, ITEM_DATA_IN, 0, 1024, crc_data(0, data->data, 1024));
	it_complete(&i, 0);
	for (uint32_t n = 1; n <= 4096; n++)
		rig_reselect(r, 2, 7, n, &i, data);
	ck_assert(!rig_closed(r, r->handle[2]));
	rig_go_once(r);
	ck_assert_uint_eq(phases(r, PHASE_DATA_IN, &first), 8);
	ck_assert_uint_eq(first, 512);
	ck_assert_uint_eq(r->report[0].outcome, OUTCOME_DISCONNECTED);
	ck_assert_uint_eq(r->report[0].data_in, 512);
	r->sends = r->traces = false; /* the others are many lines */
	rig_end(r, data);
}
END_TEST

TAP_MAIN_TABLE("bus_connect", NULL, NULL, TAP_ONCE(an_armed_write_in_bursts),
               TAP_ONCE(a_process_asks_for_the_data), TAP_ONCE(a_read_in_bursts),
               TAP_EACH(what_limits_a_data_phase, writes), TAP_ONCE(disconnect_time_limit),
               TAP_ONCE(others_get_the_bus), TAP_ONCE(the_nexus_is_gone),
               TAP_ONCE(reset_and_limits_end), TAP_ONCE(a_silent_pass_is_not_split),
               TAP_ONCE(many_wait), TAP_ONCE(others_get_the_bus_at_real_pace));
