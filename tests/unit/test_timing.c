/* SPDX-License-Identifier: BSD-2-Clause */
/* The timing model, by figures that were computed by hand from the tables. */
#include "bus/timing.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define NS(n) ((ps_t)(n)*PS_PER_NS)

static struct bus_timing profile(const char *name)
{
	struct bus_timing t;
	ck_assert(bus_timing_profile(&t, name));
	return t;
}

START_TEST(sequence_costs)
{
	struct bus_timing t = profile("spi3");
	ck_assert_uint_eq(bus_timing_free(&t), NS(400 + 800));
	ck_assert_uint_eq(bus_timing_arbitration(&t), NS(2400 + 800 + 400));
	ck_assert_uint_eq(bus_timing_selection(&t), NS(45 * 2 + 400 + 45 * 2));
	ck_assert_uint_eq(bus_timing_selection_timeout(&t), NS(45 * 2 + 400 + 250000000 + 200000));
	ck_assert_uint_eq(bus_timing_reset(&t), NS(25000));
	ck_assert_uint_eq(bus_timing_change(&t, false), NS(400));
	ck_assert_uint_eq(bus_timing_change(&t, true), NS(400 + 400));
	ck_assert_uint_eq(bus_timing_bytes(&t, 16), NS(16 * 160));
}
END_TEST

START_TEST(scsi2_differs)
{
	struct bus_timing t = profile("scsi2");
	ck_assert_uint_eq(t.ps[BUS_BUS_SET_DELAY], NS(1800));
	ck_assert_uint_eq(t.ps[BUS_CABLE_SKEW], NS(10));
	ck_assert_uint_eq(bus_timing_bytes(&t, 10), NS(10 * 200));
	struct bus_timing s = profile("spi2");
	ck_assert_uint_eq(s.ps[BUS_BUS_SET_DELAY], NS(1600));
	ck_assert_uint_eq(s.ps[BUS_QAS_ARBITRATION_DELAY], 0);
	ck_assert_uint_eq(profile("spi4").ps[BUS_QAS_ARBITRATION_DELAY], NS(1000));
}
END_TEST

static ps_t data(uint8_t period, uint8_t offset, uint8_t wide, uint8_t options, uint32_t bytes)
{
	struct bus_timing t = profile("spi3");
	struct xfer x = {.period = period, .offset = offset, .wide = wide, .options = options};
	return bus_timing_data(&t, x, bytes);
}

START_TEST(data_phases)
{
	/* asynchronous, 8 and 16 bits */
	ck_assert_uint_eq(data(0, 0, 0, 0, 1000), NS(160000));
	ck_assert_uint_eq(data(0, 0, 1, 0, 1000), NS(80000));
	/* Fast-10 (19h: 100 ns), 8 bits */
	ck_assert_uint_eq(data(0x19, 15, 0, 0, 1000), NS(100000));
	/* Fast-20 (0Ch: 50 ns) wide, an odd byte takes a transfer */
	ck_assert_uint_eq(data(0x0c, 31, 1, 0, 1001), NS(501 * 50));
	/* Fast-40 (0Ah: 25 ns) wide */
	ck_assert_uint_eq(data(0x0a, 31, 1, 0, 65536), NS(32768 * 25));
	/* Fast-80 DT (09h: 12.5 ns) wide, and 4 bytes of CRC */
	ck_assert_uint_eq(data(0x09, 62, 1, XFER_DT_REQ, 65536), 32770ULL * 12500);
	/* Fast-160 DT (08h: 6.25 ns) at offset 127 */
	ck_assert_uint_eq(data(0x08, 127, 1, XFER_DT_REQ, 512), 258ULL * 6250);
	ck_assert_uint_eq(data(0x09, 62, 1, XFER_DT_REQ, 0), 0);
}
END_TEST

START_TEST(the_offset_limits_the_rate)
{
	/* 15 REQs in 700 ns: one each 46.666 ns, when 25 would be possible */
	ck_assert_uint_eq(data(0x0a, 15, 0, 0, 300), 300ULL * 46666);
	/* 28 * 25 ns = 700 ns: just not limited */
	ck_assert_uint_eq(data(0x0a, 28, 0, 0, 300), NS(300 * 25));
	struct bus_timing t = profile("spi3");
	struct xfer x = {.period = 0x0a, .offset = 28};
	ck_assert(bus_timing_set(&t, "req_to_ack", NS(140)));
	ck_assert_uint_eq(bus_timing_data(&t, x, 300), NS(300 * 30));
}
END_TEST

START_TEST(overrides)
{
	struct bus_timing t = profile("spi3");
	ck_assert(bus_timing_set(&t, "arbitration_delay", 1));
	ck_assert_uint_eq(bus_timing_arbitration(&t), NS(1200) + 1);
	ck_assert(!bus_timing_set(&t, "arbitration", 1));
	ck_assert(!bus_timing_set(&t, "bus_free_delay", BUS_VALUE_MOST + 1));
	ck_assert_uint_eq(bus_timing_free(&t), NS(1200));
	/* No sum overflows: the most bytes at the most a byte. */
	ck_assert(bus_timing_set(&t, "async_byte", BUS_VALUE_MOST));
	ck_assert_uint_eq(bus_timing_data(&t, XFER_ASYNC, 16777216), 16777216ULL * BUS_VALUE_MOST);
}
END_TEST

START_TEST(all_profiles_are_named)
{
	struct bus_timing t;
	unsigned n = 0;
	for (const char *name; (name = bus_timing_profile_name(n)) != NULL; n++) {
		ck_assert(bus_timing_profile(&t, name));
		ck_assert_str_eq(t.profile, name);
	}
	ck_assert_uint_eq(n, 4);
	ck_assert(!bus_timing_profile(&t, "spi5"));
	for (unsigned v = 0; v < BUS_VALUES; v++)
		ck_assert(bus_timing_set(&t, bus_timing_value_name((enum bus_value)v), 5));
}
END_TEST

TAP_MAIN("timing", sequence_costs, scsi2_differs, data_phases, the_offset_limits_the_rate,
         overrides, all_profiles_are_named);
