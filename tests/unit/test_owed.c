/* SPDX-License-Identifier: BSD-2-Clause */
/* Which reports of a pass can wait, because more of the same pass is to come. */
#include "unit/tap_main.h"

#include "bus/core.h"

#include <string.h>

static struct port port;

static unsigned legs_of(struct wire_leg *legs, uint32_t op, const uint8_t *results, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		legs[i] = (struct wire_leg){.op = op, .device = (uint8_t)i, .result = results[i]};
	return n;
}

static bool pass(uint32_t op, const uint8_t *results, unsigned n)
{
	struct wire_leg legs[WIRE_LEGS_MAX];
	return owed_pass(&port, legs, legs_of(legs, op, results, n));
}

START_TEST(the_last_status_does_not_wait)
{
	static const uint8_t taken[] = {LEG_TAKEN, LEG_DECLINED, LEG_CUT};

	memset(&port, 0, sizeof(port));
	ck_assert(pass(9, taken, 3));
	ck_assert(owed_status(&port, 9));
	ck_assert(owed_status(&port, 9));
	ck_assert(!owed_status(&port, 9));
	ck_assert(!owed_status(&port, 9)); /* one too many */
}
END_TEST

START_TEST(who_took_nothing_owes_nothing)
{
	static const uint8_t none[] = {LEG_NO_TAKER, LEG_TIMEOUT, LEG_NOT_REACHED};
	static const uint8_t one[] = {LEG_NO_TAKER, LEG_TAKEN, LEG_TIMEOUT};

	memset(&port, 0, sizeof(port));
	ck_assert(!pass(9, none, 3));
	ck_assert(!owed_status(&port, 9));
	ck_assert(pass(10, one, 3));
	ck_assert(!owed_status(&port, 10));
}
END_TEST

START_TEST(passes_side_by_side)
{
	static const uint8_t taken[] = {LEG_TAKEN, LEG_TAKEN};

	memset(&port, 0, sizeof(port));
	for (uint32_t op = 1; op <= OWED_OPS; op++)
		ck_assert(pass(op, taken, 2));
	for (uint32_t op = 1; op <= OWED_OPS; op++)
		ck_assert(owed_status(&port, op));
	for (uint32_t op = 1; op <= OWED_OPS; op++)
		ck_assert(!owed_status(&port, op));
	/* One that takes another's place: the other's are sent as they come. */
	ck_assert(pass(5, taken, 2));
	ck_assert(pass(5 + OWED_OPS, taken, 2));
	ck_assert(!owed_status(&port, 5));
	ck_assert(owed_status(&port, 5 + OWED_OPS));
	ck_assert(!owed_status(&port, 77)); /* never heard of */
}
END_TEST

START_TEST(operation_ids_begin_anew_with_an_attach)
{
	static const uint8_t taken[] = {LEG_TAKEN, LEG_TAKEN};

	memset(&port, 0, sizeof(port));
	ck_assert(pass(1, taken, 2)); /* no status of it came */
	ck_assert(pass(1, taken, 2));
	ck_assert(owed_status(&port, 1));
	ck_assert(!owed_status(&port, 1));
}
END_TEST

TAP_MAIN("owed", the_last_status_does_not_wait, who_took_nothing_owes_nothing, passes_side_by_side,
         operation_ids_begin_anew_with_an_attach);
