/* SPDX-License-Identifier: BSD-2-Clause */
/* Transfer agreements: what two offers have in common, periods and names. */
#include "scsi/xfer.h"
#include "unit/tap_main.h"

#include <string.h>

#define IU  XFER_IU_REQ
#define DT  XFER_DT_REQ
#define QAS XFER_QAS_REQ
#define RTI XFER_RTI

/* {period, offset, wide, options} */
static const struct {
	struct xfer a, b, want;
} offers[] = {
        /* the lesser of each field */
        {{0x09, 62, 1, DT}, {0x09, 31, 1, DT}, {0x09, 31, 1, DT}},
        {{0x09, 62, 1, DT | QAS}, {0x0a, 62, 1, DT}, {0x0a, 62, 1, DT}},
        {{0x08, 127, 1, IU | DT | QAS}, {0x08, 62, 1, IU | DT}, {0x08, 62, 1, IU | DT}},
        {{0x0c, 15, 0, 0}, {0x19, 8, 1, 0}, {0x19, 8, 0, 0}},
        /* no offset: asynchronous, whatever the rest */
        {{0x09, 62, 1, DT}, {0, 0, 1, 0}, {0, 0, 1, 0}},
        {{0x09, 0, 1, DT}, {0x0a, 62, 0, DT}, {0, 0, 0, 0}},
        /* Fast-160 needs information units, Fast-80 needs DT, DT needs the wide bus */
        {{0x08, 62, 1, IU | DT}, {0x08, 62, 1, DT}, {0x09, 62, 1, DT}},
        {{0x08, 62, 1, IU | DT}, {0x08, 62, 1, 0}, {0x0a, 62, 1, 0}},
        {{0x09, 62, 1, DT}, {0x09, 62, 0, DT}, {0x0a, 62, 0, 0}},
        {{0x0b, 62, 1, IU | DT}, {0x0b, 62, 1, IU}, {0x0b, 62, 1, 0}},
        /* only Fast-160 has training information */
        {{0x08, 62, 1, IU | DT | RTI}, {0x08, 62, 1, IU | DT | RTI}, {0x08, 62, 1, IU | DT | RTI}},
        {{0x08, 62, 1, IU | DT | RTI}, {0x08, 62, 1, IU | DT}, {0x08, 62, 1, IU | DT}},
        {{0x08, 62, 1, IU | DT | RTI}, {0x09, 62, 1, IU | DT | RTI}, {0x09, 62, 1, IU | DT}},
        {{0x08, 62, 1, IU | DT | RTI}, {0x08, 62, 0, IU | DT | RTI}, {0x0a, 62, 0, 0}},
};

static void check_equal(struct xfer got, struct xfer want, size_t row)
{
	ck_assert_msg(memcmp(&got, &want, sizeof(got)) == 0, "row %zu: {%02x, %u, %u, %x}", row,
	              got.period, got.offset, got.wide, got.options);
}

START_TEST(what_two_offers_have_in_common)
{
	for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
		check_equal(xfer_common(offers[i].a, offers[i].b), offers[i].want, i);
		check_equal(xfer_common(offers[i].b, offers[i].a), offers[i].want, i);
		/* An agreement agrees with itself. */
		check_equal(xfer_common(offers[i].want, offers[i].want), offers[i].want, i);
	}
}
END_TEST

START_TEST(periods)
{
	static const struct {
		uint8_t factor;
		uint32_t period_10ps;
	} rows[] = {
	        {0x00, 0},     {0x07, 0},     {0x08, 625},    {0x09, 1250},
	        {0x0a, 2500},  {0x0b, 3030},  {0x0c, 5000},   {0x0d, 5200},
	        {0x19, 10000}, {0x32, 20000}, {0xff, 102000},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		ck_assert_uint_eq(xfer_period_10ps(rows[i].factor), rows[i].period_10ps);
	for (unsigned f = 0x09; f <= 0xff; f++)
		ck_assert_uint_gt(xfer_period_10ps((uint8_t)f), xfer_period_10ps((uint8_t)(f - 1)));
}
END_TEST

START_TEST(names)
{
	const struct {
		struct xfer x;
		const char *name;
	} rows[] = {
	        {XFER_ASYNC, "async"},
	        {{.wide = 1}, "async wide"},
	        {{.period = 0xff, .offset = 1}, "Fast-5"},
	        {{.period = 0x32, .offset = 1}, "Fast-5"},
	        {{.period = 0x31, .offset = 1}, "Fast-10"},
	        {{.period = 0x19, .offset = 8}, "Fast-10"},
	        {{.period = 0x18, .offset = 8}, "Fast-20"},
	        {{.period = 0x0c, .offset = 8, .wide = 1}, "Fast-20 wide"},
	        {{.period = 0x0b, .offset = 8}, "Fast-40"},
	        {{.period = 0x0a, .offset = 8, .wide = 1}, "Fast-40 wide"},
	        {XFER_ULTRA160, "Fast-80 (Ultra160) wide"},
	        {{.period = 0x08, .offset = 62, .wide = 1}, "Fast-160 (Ultra320) wide"},
	        {{.period = 0x09, .offset = 62, .wide = 1, .options = 6},
	         "Fast-80 (Ultra160) wide QAS"},
	        {XFER_ULTRA320, "Fast-160 (Ultra320) wide IU"},
	        {{.period = 0x08, .offset = 62, .wide = 1, .options = 7},
	         "Fast-160 (Ultra320) wide IU QAS"},
	        {{.period = 0x07, .offset = 8}, "reserved"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char buf[64];
		ck_assert_str_eq(xfer_name(rows[i].x, buf, sizeof(buf)), rows[i].name);
		char small[5];
		ck_assert_uint_lt(strlen(xfer_name(rows[i].x, small, sizeof(small))),
		                  sizeof(small));
	}
}
END_TEST

START_TEST(equal)
{
	struct xfer one = XFER_ULTRA160;
	ck_assert(xfer_equal(one, XFER_ULTRA160));
	for (unsigned i = 0; i < 4; i++) {
		struct xfer other = one;
		uint8_t *field[] = {&other.period, &other.offset, &other.wide, &other.options};
		*field[i] ^= 1;
		ck_assert(!xfer_equal(one, other));
	}
}
END_TEST

START_TEST(alike)
{
	struct xfer one = XFER_ULTRA160, other = one;
	other.options |= XFER_QAS_REQ;
	ck_assert(xfer_alike(one, other) && !xfer_equal(one, other));
	other.options = XFER_QAS_REQ;
	ck_assert(!xfer_alike(one, other));
	other = one;
	other.offset--;
	ck_assert(!xfer_alike(one, other));
}
END_TEST

/* What is left of an agreement in a tenure without information units. */
START_TEST(plain)
{
	static const struct {
		struct xfer x, want;
	} rows[] = {
	        {{0x08, 127, 1, IU | DT | RTI}, {0x09, 127, 1, DT}},
	        {{0x08, 62, 1, IU | DT | QAS}, {0x09, 62, 1, DT | QAS}},
	        {{0x0a, 62, 1, IU | DT}, {0x0a, 62, 1, DT}},
	        {{0x09, 62, 1, DT | QAS}, {0x09, 62, 1, DT | QAS}},
	        {{0, 0, 0, 0}, {0, 0, 0, 0}},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check_equal(xfer_plain(rows[i].x), rows[i].want, i);
		check_equal(xfer_plain(rows[i].want), rows[i].want, i);
		ck_assert(xfer_alike(rows[i].x, rows[i].want));
	}
	ck_assert(xfer_paced(XFER_ULTRA320) && !xfer_paced(XFER_ULTRA160));
	ck_assert(!xfer_paced((struct xfer){.period = 0x08}));
}
END_TEST

TAP_MAIN("xfer", equal, alike, plain, what_two_offers_have_in_common, periods, names);
