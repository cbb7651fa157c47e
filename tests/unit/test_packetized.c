/* SPDX-License-Identifier: BSD-2-Clause */
/* The model of packetized writes, against sums that were made by hand from SPI-4's tables. */
#include "bus/packetized.h"
#include "unit/tap_main.h"

#define NS(n) ((ps_t)(n)*PS_PER_NS)

/* spi4, in ns. */
#define ARBITRATE 3600 /* 2400 + 800 + 400 */
#define SELECT    580  /* 4 * 45 + 400 */
#define SETTLE    400
#define TURN      800 /* bus settle, data release */
#define FREE      1200
#define TRAIN_OUT (90 + 2500)
#define TRAIN_IN  (180 + 2500)
#define L_Q       75 /* (20 + 4) / 2 transfers of 6.25 */
#define COMMAND   75
#define DATA_508  1600 /* (508 + 4) / 2 */
#define QAS       (160 + 200 + 1000 + 200 + 400)

static const struct xfer ultra320 = {
        .period = 0x08, .offset = 127, .wide = 1, .options = XFER_DT_REQ | XFER_IU_REQ};

static ps_t cost(struct packetized how, unsigned n, uint32_t bytes)
{
	struct bus_timing t;

	ck_assert(bus_timing_profile(&t, "spi4"));
	return packetized_write(&t, ultra320, how, n, bytes);
}

static ps_t unit_of(uint32_t bytes)
{
	struct bus_timing t;

	ck_assert(bus_timing_profile(&t, "spi4"));
	return packetized_unit(&t, ultra320, bytes);
}

START_TEST(units_are_padded_and_end_with_a_crc)
{
	ck_assert_uint_eq(unit_of(20), NS(L_Q));
	ck_assert_uint_eq(unit_of(508), NS(DATA_508));
	ck_assert_uint_eq(unit_of(505), NS(DATA_508));
	ck_assert_uint_eq(unit_of(509), 258ULL * 6250);
	ck_assert_uint_eq(unit_of(PACKETIZED_DATA_MOST), (16777216ULL + 4) / 2 * 6250);
}
END_TEST

START_TEST(a_training_pattern_has_400_transfer_periods)
{
	struct bus_timing t;

	ck_assert(bus_timing_profile(&t, "spi4"));
	ck_assert_uint_eq(packetized_training(&t, ultra320, false), NS(TRAIN_OUT));
	ck_assert_uint_eq(packetized_training(&t, ultra320, true), NS(TRAIN_IN));
}
END_TEST

START_TEST(a_write_that_disconnects)
{
	ps_t front = NS(ARBITRATE + SELECT + SETTLE + TRAIN_OUT + L_Q + COMMAND + TURN + TRAIN_IN +
	                L_Q + SETTLE + DATA_508 + FREE);
	ps_t status = NS(ARBITRATE + SELECT + SETTLE + TRAIN_IN + L_Q + FREE);

	ck_assert_uint_eq(front, NS(14075));
	ck_assert_uint_eq(status, NS(8535));
	ck_assert_uint_eq(cost((struct packetized){0}, 1, 508), front + status);
	ck_assert_uint_eq(cost((struct packetized){0}, 7, 508), 7 * (front + status));
	ck_assert_uint_eq(cost((struct packetized){.retained = true}, 1, 508),
	                  front + status - NS(TRAIN_OUT + 2 * TRAIN_IN));
}
END_TEST

START_TEST(a_write_that_holds_the_bus)
{
	ps_t one = NS(ARBITRATE + SELECT + SETTLE + TRAIN_OUT + L_Q + COMMAND + TURN + TRAIN_IN +
	              L_Q + SETTLE + DATA_508 + TURN + L_Q + FREE);

	ck_assert_uint_eq(one, NS(14950));
	ck_assert_uint_eq(cost((struct packetized){.held = true}, 1, 508), one);
	ck_assert_uint_eq(cost((struct packetized){.held = true, .retained = true}, 3, 508),
	                  3 * (one - NS(TRAIN_OUT + TRAIN_IN)));
}
END_TEST

/* The first tenure arbitrates, the last ends with BUS FREE, between them the bus is handed on. */
START_TEST(quick_arbitration)
{
	struct packetized how = {.held = true, .retained = true, .qas = true};
	ps_t body = NS(SELECT + SETTLE + L_Q + COMMAND + TURN + L_Q + SETTLE + DATA_508);
	ps_t status = NS(TURN + L_Q);

	ck_assert_uint_eq(cost(how, 1, 508), NS(ARBITRATE + FREE) + body + status);
	/* from DT DATA IN to MESSAGE IN nothing turns */
	ck_assert_uint_eq(cost(how, 3, 508),
	                  NS(ARBITRATE + FREE + 2 * (SETTLE + QAS)) + 3 * (body + status));
	how.held = false;
	status = NS(SELECT + SETTLE + L_Q);
	/* from DT DATA OUT to MESSAGE IN it does */
	ck_assert_uint_eq(cost(how, 1, 508), NS(ARBITRATE + FREE + TURN + QAS) + body + status);
	ck_assert_uint_eq(cost(how, 2, 508),
	                  NS(ARBITRATE + FREE + 2 * (TURN + QAS) + SETTLE + QAS) +
	                          2 * (body + status));
}
END_TEST

START_TEST(what_it_can_be_asked_about)
{
	struct xfer x = ultra320;

	ck_assert(packetized_applies(x));
	x.options = XFER_DT_REQ;
	ck_assert(!packetized_applies(x));
	x.options = XFER_IU_REQ;
	ck_assert(!packetized_applies(x));
	x = ultra320;
	x.wide = 0;
	ck_assert(!packetized_applies(x));
	x = ultra320;
	x.offset = 0;
	ck_assert(!packetized_applies(x));
	ck_assert(!packetized_applies(XFER_ULTRA160));
	ck_assert_uint_eq(cost((struct packetized){0}, 0, 508), 0);
}
END_TEST

TAP_MAIN("packetized", units_are_padded_and_end_with_a_crc,
         a_training_pattern_has_400_transfer_periods, a_write_that_disconnects,
         a_write_that_holds_the_bus, quick_arbitration, what_it_can_be_asked_about);
