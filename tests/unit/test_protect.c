/* SPDX-License-Identifier: BSD-2-Clause */
/* Protection information: tuples as bytes, what is wrong of one, what is made. */
#include "scsi/protect.h"

#include "base/crc.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <string.h>

START_TEST(there_and_back)
{
	const struct protect_tuple t = {0x0102, 0x8304, 0x95060708};
	uint8_t bytes[PROTECT_LEN];
	protect_put(bytes, t);
	hex_assert(bytes, sizeof(bytes), "0102 8304 95060708");
	struct protect_tuple back = protect_get(bytes);
	ck_assert(back.guard == t.guard && back.app == t.app && back.ref == t.ref);
	protect_put(bytes, PROTECT_NONE);
	hex_assert(bytes, sizeof(bytes), "ffff ffff ffffffff");
	ck_assert(protect_is_none(protect_get(bytes)) && !protect_is_none(t));
	for (unsigned i = 0; i < PROTECT_LEN; i++) {
		protect_put(bytes, PROTECT_NONE);
		bytes[i] = 0xfe;
		ck_assert(!protect_is_none(protect_get(bytes)));
	}
}
END_TEST

/* The first field that is wrong, of those that are looked at. */
START_TEST(what_is_wrong)
{
	const uint8_t data[16] = {1, 2, 3};
	const struct protect r = {
	        .type = 2, .ref = 0xfffffffe, .index = 1, .app = 0x1230, .mask = 0xfff0};
	struct protect_tuple t = {crc16_guard(data, sizeof(data)), 0x1239, 0};
	ck_assert_uint_eq(protect_wrong(&r, PROTECT_ALL, 1, data, sizeof(data), t), 0);
	/* the reference tag goes over its end: of block 2 it is 1 */
	ck_assert_uint_eq(protect_wrong(&r, PROTECT_ALL, 2, data, sizeof(data), t), PROTECT_REF);
	ck_assert_uint_eq(protect_wrong(&r, PROTECT_GUARD | PROTECT_APP, 2, data, sizeof(data), t),
	                  0);
	t.app = 0x1220;
	ck_assert_uint_eq(protect_wrong(&r, PROTECT_ALL, 2, data, sizeof(data), t), PROTECT_APP);
	t.guard ^= 1;
	ck_assert_uint_eq(protect_wrong(&r, PROTECT_ALL, 2, data, sizeof(data), t), PROTECT_GUARD);
	ck_assert_uint_eq(protect_wrong(&r, PROTECT_APP | PROTECT_REF, 2, data, sizeof(data), t),
	                  PROTECT_APP);
	ck_assert_uint_eq(protect_wrong(&r, 0, 2, data, sizeof(data), t), 0);
}
END_TEST

START_TEST(what_says_that_it_is_not_checked)
{
	static const struct {
		uint8_t type;
		struct protect_tuple t;
		bool escapes;
	} rows[] = {
	        {1, {0, 0xffff, 0}, true},           {1, {0xffff, 0xfffe, 0xffffffff}, false},
	        {2, {0, 0xffff, 0}, true},           {2, {0, 0, 0xffffffff}, false},
	        {3, {0, 0xffff, 0xfffffffe}, false}, {3, {0, 0xfffe, 0xffffffff}, false},
	        {3, {0, 0xffff, 0xffffffff}, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct protect r = {.type = rows[i].type};
		ck_assert_int_eq(protect_escapes(&r, rows[i].t), rows[i].escapes);
	}
}
END_TEST

START_TEST(what_is_made)
{
	const uint8_t data[16] = {9};
	struct protect r = {.type = 1, .made = 0x55};
	struct protect_tuple t = protect_make(&r, 0x123456789a, data, sizeof(data));
	ck_assert(t.guard == crc16_guard(data, 16) && t.app == 0x55 && t.ref == 0x3456789a);
	for (r.type = 2; r.type <= 3; r.type++) {
		t = protect_make(&r, 5, data, sizeof(data));
		ck_assert(t.guard == crc16_guard(data, 16) && t.app == 0x55 && t.ref == 0xffffffff);
	}
	r.none = true;
	ck_assert(protect_is_none(protect_make(&r, 5, data, sizeof(data))));
}
END_TEST

START_TEST(what_is_repeated)
{
	const struct protect_tuple t = {1, 2, 0xffffffff};
	for (uint8_t type = 1; type <= 3; type++) {
		const struct protect r = {.type = type, .index = 4};
		struct protect_tuple of = protect_repeat(&r, 3, t);
		ck_assert(of.guard == 1 && of.app == 2);
		ck_assert_uint_eq(of.ref, type == 3 ? 0xffffffff : 6);
		ck_assert(protect_is_none(protect_repeat(&r, 3, PROTECT_NONE)));
	}
}
END_TEST

START_TEST(what_differs)
{
	const struct protect_tuple a = {1, 2, 3};
	struct protect r = {.compare = PROTECT_ALL};
	ck_assert_uint_eq(protect_differs(&r, a, a), 0);
	ck_assert_uint_eq(protect_differs(&r, a, (struct protect_tuple){1, 2, 4}), PROTECT_REF);
	ck_assert_uint_eq(protect_differs(&r, a, (struct protect_tuple){1, 3, 4}), PROTECT_APP);
	ck_assert_uint_eq(protect_differs(&r, a, (struct protect_tuple){0, 3, 4}), PROTECT_GUARD);
	r.compare = PROTECT_REF;
	ck_assert_uint_eq(protect_differs(&r, a, (struct protect_tuple){0, 3, 3}), 0);
}
END_TEST

TAP_MAIN("protect", there_and_back, what_is_wrong, what_says_that_it_is_not_checked, what_is_made,
         what_is_repeated, what_differs);
