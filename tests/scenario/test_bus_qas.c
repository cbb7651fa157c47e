/* SPDX-License-Identifier: BSD-2-Clause */
/* Quick arbitration and selection (SPI-4): who hands the bus on, to whom, and what it spares. */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#include <string.h>

#define PPR(options) 0x01, 0x06, 0x04, 0x09, 0x00, 0x3e, 0x01, (options)

/* PPR of initiator 7 with this target. */
static void agree(struct rig *r, uint8_t target, uint8_t options)
{
	const uint8_t offer[] = {0xc0, PPR(options)};
	const uint8_t complete = 0x00;
	struct items i;

	it_begin(&i);
	it_select(&i, target);
	it_message(&i, ITEM_MSG_OUT, offer, sizeof(offer));
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, 100U + target, &i, NULL);
	rig_go(r);
	it_begin(&i);
	it_message(&i, ITEM_MSG_IN, offer + 1, sizeof(offer) - 1);
	it_plain(&i, ITEM_COMMAND, 0);
	it_plain(&i, ITEM_STATUS, 0);
	it_message(&i, ITEM_MSG_IN, &complete, 1);
	it_plain(&i, ITEM_FREE, 0);
	rig_continue(r, target, &i, NULL);
}

/* Targets 2 and 4, each with these options of PPR, and initiator 7. */
static struct rig *begin(const char *profile, uint8_t of_2, uint8_t of_4)
{
	struct bus_config cfg = bus_config_default();

	cfg.tenures_per_go = 1;
	ck_assert(bus_timing_profile(&cfg.timing, profile));
	struct rig *r = rig_new(&cfg);
	rig_group(r, 2, ARM_FULL);
	agree(r, 2, of_2);
	agree(r, 4, of_4);
	rig_forget(r);
	r->sends = false;
	return r;
}

static void status(struct rig *r, uint8_t target, uint32_t op)
{
	struct items i;
	it_status(&i, 1, 0, op, 0);
	rig_reselect(r, target, 7, op, &i, NULL);
}

#define STATUS(n, id)                                                                              \
	"T" n " RESELECTION 7<" id " bsy=" id ",7 sel=" id "\n"                                    \
	"T" n " MESSAGE IN bsy=" id " drv=" id " IDENTIFY SIMPLE(1) MIRROR STATUS(d0 op1)\n"       \
	"T" n " STATUS drv=" id " GOOD\n"                                                          \
	"T" n " MESSAGE IN bsy=" id " drv=" id " COMMAND COMPLETE\n"
#define REQUEST(n, id) "T" n " MESSAGE IN bsy=" id " drv=" id " QAS REQUEST\n"

static const struct {
	const char *clause, *profile;
	uint8_t of_2, of_4;
	const char *trace;
} rows[] = {
        {"both have it: from one to the other, then BUS FREE", "spi4", 6, 6,
         "T3 ARBITRATION ids=2,4 win=4\n" STATUS("3", "4")
                 REQUEST("3", "4") "T4 ARBITRATION ids=2 win=2\n" STATUS("4", "2")
                         REQUEST("4", "2") "T4 BUS FREE\n"},
        {"without the agreement nothing is handed on", "spi4", 2, 2,
         "T3 ARBITRATION ids=2,4 win=4\n" STATUS("3", "4") "T3 BUS FREE\n"
                                                           "T4 ARBITRATION ids=2 win=2\n" STATUS(
                                                                   "4", "2") "T4 BUS FREE\n"},
        {"to one without it, the bus goes free", "spi4", 2, 6,
         "T3 ARBITRATION ids=2,4 win=4\n" STATUS("3", "4")
                 REQUEST("3", "4") "T3 BUS FREE\n"
                                   "T4 ARBITRATION ids=2 win=2\n" STATUS("4", "2") "T4 BUS FREE\n"},
        {"one without it does not hand it on", "spi4", 6, 2,
         "T3 ARBITRATION ids=2,4 win=4\n" STATUS(
                 "3", "4") "T3 BUS FREE\n"
                           "T4 ARBITRATION ids=2 win=2\n" STATUS("4", "2")
                                   REQUEST("4", "2") "T4 BUS FREE\n"},
        {"SPI-2 has none", "spi2", 6, 6,
         "T3 ARBITRATION ids=2,4 win=4\n" STATUS("3", "4") "T3 BUS FREE\n"
                                                           "T4 ARBITRATION ids=2 win=2\n" STATUS(
                                                                   "4", "2") "T4 BUS FREE\n"},
};

START_TEST(who_hands_on)
{
	struct rig *r = begin(rows[_i].profile, rows[_i].of_2, rows[_i].of_4);

	status(r, 2, 1);
	status(r, 4, 1);
	rig_go(r);
	r->text[r->n] = '\0';
	ck_assert_msg(strcmp(r->text, rows[_i].trace) == 0, "%s:\n%s", rows[_i].clause, r->text);
	rig_free(r);
}
END_TEST

/* Bus time of two statuses. */
static ns_t two_statuses(uint8_t options, ns_t *arbitration)
{
	struct rig *r = begin("spi4", options, options);
	ns_t before = bus_now(r->bus);

	status(r, 2, 1);
	status(r, 4, 1);
	rig_go(r);
	for (unsigned i = 0; i < r->n_phases; i++)
		if (r->phase[i].phase == PHASE_ARBITRATION)
			*arbitration = r->phase[i].dur_ns; /* the last one's */
	ns_t took = bus_now(r->bus) - before;
	rig_free(r);
	return took;
}

START_TEST(what_it_spares)
{
	ns_t slow = 0, quick = 0;
	ns_t without = two_statuses(2, &slow), with = two_statuses(6, &quick);

	ck_assert_uint_eq(slow, 2400 + 800 + 400);
	ck_assert_uint_eq(quick, 200 + 1000 + 200 + 400);
	/* A BUS FREE and the difference of the arbitrations; against it two messages of one byte,
	 * and the delay after the last, which nobody answers. */
	ck_assert_uint_eq(without - with, 1200 + (3600 - 1800) - 2 * (400 + 160) - 1000);
}
END_TEST

/* Who was to take it goes, or another one without QAS comes: the bus goes free at last. */
START_TEST(nobody_takes_it)
{
	struct rig *r = begin("spi4", 6, 6);

	status(r, 2, 1);
	status(r, 4, 1);
	rig_go_once(r);
	rig_expect(r, "T3 ARBITRATION ids=2,4 win=4\n" STATUS("3", "4") REQUEST("3", "4"));
	ns_t before = bus_now(r->bus);
	rig_gone(r, 2);
	rig_expect(r, "T3 BUS FREE\n");
	ck_assert_uint_eq(bus_now(r->bus) - before, 1000 + 1200);
	rig_free(r);

	struct wire_frame rst = {.type = WIRE_RESET};
	r = begin("spi4", 6, 6);
	status(r, 2, 1);
	status(r, 4, 1);
	rig_go_once(r);
	rig_forget(r);
	rig_frame(r, r->handle[7], &rst);
	rig_go(r);
	rig_expect(r, "T4 RESET\n"
	              "T4 BUS FREE\n");
	rig_command(r, 2, 9, 0, 0);
	rig_go(r);
	rig_expect(r, "T5 ARBITRATION ids=7 win=7\n"
	              "T5 SELECTION 7>2 bsy=2 sel=7 atn\n"
	              "T5 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(9) atn\n"
	              "T5 COMMAND drv=2 TEST UNIT READY\n");
	rig_free(r);
}
END_TEST

/* Its tenure ends with BUS RELEASE and BUS FREE. */
START_TEST(a_silent_pass_does_not_hand_on)
{
	struct rig *r = begin("spi4", 6, 6);
	struct block *data = rig_block(512);
	struct items i;

	status(r, 4, 1);
	it_pass(&i, 2, 2, 1, 9, data);
	rig_script(r, 7, 1, &i, data);
	rig_go_once(r);
	r->text[r->n] = '\0';
	ck_assert_ptr_nonnull(strstr(r->text, "BUS RELEASE"));
	ck_assert_ptr_nonnull(strstr(r->text, "T3 BUS FREE\n"));
	ck_assert_ptr_null(strstr(r->text, "QAS REQUEST"));
	rig_go(r);
	block_unref(data);
	rig_free(r);
}
END_TEST

TAP_MAIN_TABLE("bus_qas", NULL, NULL, TAP_EACH(who_hands_on, rows), TAP_ONCE(what_it_spares),
               TAP_ONCE(nobody_takes_it), TAP_ONCE(a_silent_pass_does_not_hand_on));
