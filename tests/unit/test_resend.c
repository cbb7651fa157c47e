/* SPDX-License-Identifier: BSD-2-Clause */
#include "mirror/resend.h"
#include "base/prng.h"
#include "unit/tap_main.h"

#include <signal.h>

static struct mir_set s;

static int next(uint16_t allowed, uint16_t *who)
{
	mir_set_check(&s);
	return mir_set_next(&s, allowed, who);
}

START_TEST(all_good)
{
	uint16_t who = 0;

	mir_set_init(&s, 100, 64, 0x7);
	ck_assert_int_eq(next(0xffff, &who), 0);
	ck_assert_uint_eq(who, 0x7);
	mir_set_send(&s, 0, who);
	ck_assert_int_eq(next(0xffff, &who), -1);
	for (unsigned m = 0; m < 3; m++)
		mir_set_ok(&s, m, 100, 64);
	mir_set_merge(&s);
	ck_assert_uint_eq(s.n, 1);
	ck_assert_uint_eq(mir_set_open(&s), 0);
	ck_assert_uint_eq(mir_set_failed(&s), 0);
	ck_assert_uint_eq(mir_set_tally(&s, 2).ok, 64);
	ck_assert_uint_eq(mir_set_tally(&s, 2).again, 0);
	ck_assert_uint_eq(mir_set_tally(&s, 3).ok, 0);
}
END_TEST

START_TEST(only_the_allowed_are_sent_to)
{
	uint16_t who = 0;

	mir_set_init(&s, 0, 8, 0x5);
	ck_assert_int_eq(next(0x2, &who), -1);
	ck_assert_int_eq(next(0x6, &who), 0);
	ck_assert_uint_eq(who, 0x4);
	mir_set_send(&s, 0, who);
	ck_assert_int_eq(next(0xffff, &who), 0);
	ck_assert_uint_eq(who, 0x1);
}
END_TEST

START_TEST(what_failed_goes_out_again_to_those_that_miss_it)
{
	uint16_t who = 0;

	mir_set_init(&s, 0, 100, 0x7);
	mir_set_send(&s, 0, 0x7);
	mir_set_ok(&s, 0, 0, 100);
	mir_set_ok(&s, 1, 0, 10); /* 10.. failed */
	mir_set_hold(&s, 1, 10, 90, true, true);
	mir_set_ok(&s, 2, 0, 40); /* 40.. failed */
	mir_set_hold(&s, 2, 40, 60, true, true);
	ck_assert_int_eq(next(0xffff, &who), -1);
	ck_assert_uint_eq(mir_set_held(&s), 0x6);
	mir_set_release(&s);
	mir_set_merge(&s);
	int run = next(0xffff, &who);
	ck_assert_uint_eq(s.run[run].lba, 10);
	ck_assert_uint_eq(s.run[run].blocks, 30);
	ck_assert_uint_eq(who, 0x2);
	mir_set_send(&s, run, who);
	run = next(0xffff, &who);
	ck_assert_uint_eq(s.run[run].lba, 40);
	ck_assert_uint_eq(s.run[run].blocks, 60);
	ck_assert_uint_eq(who, 0x6);
	mir_set_send(&s, run, who);
	mir_set_ok(&s, 1, 10, 30);
	mir_set_ok(&s, 1, 40, 60);
	mir_set_ok(&s, 2, 40, 60);
	mir_set_check(&s);
	ck_assert_uint_eq(mir_set_open(&s), 0);
	ck_assert_uint_eq(mir_set_tally(&s, 0).again, 0);
	ck_assert_uint_eq(mir_set_tally(&s, 1).again, 90);
	ck_assert_uint_eq(mir_set_tally(&s, 2).again, 60);
	ck_assert_uint_eq(mir_set_tries(&s, 1, 10), 1);
	ck_assert_uint_eq(mir_set_tries(&s, 1, 9), 0);
}
END_TEST

START_TEST(what_was_not_sent_is_not_resent)
{
	mir_set_init(&s, 0, 8, 0x1);
	mir_set_send(&s, 0, 0x1);
	mir_set_hold(&s, 0, 0, 8, false, false); /* BUSY */
	mir_set_release(&s);
	mir_set_send(&s, 0, 0x1);
	mir_set_ok(&s, 0, 0, 8);
	ck_assert_uint_eq(mir_set_tally(&s, 0).again, 0);
	ck_assert_uint_eq(mir_set_tries(&s, 0, 0), 0);
}
END_TEST

START_TEST(giving_up_spares_what_is_done)
{
	mir_set_init(&s, 0, 8, 0x3);
	mir_set_send(&s, 0, 0x3);
	mir_set_ok(&s, 0, 0, 3);
	mir_set_hold(&s, 0, 3, 5, true, true);
	mir_set_fail(&s, 0, 0, 8);
	mir_set_check(&s);
	ck_assert_uint_eq(mir_set_tally(&s, 0).ok, 3);
	ck_assert_uint_eq(mir_set_tally(&s, 0).failed, 5);
	ck_assert_uint_eq(mir_set_open(&s), 0x2);
	ck_assert_uint_eq(mir_set_failed(&s), 0x1);
}
END_TEST

START_TEST(back_is_sent_in_the_same_round)
{
	uint16_t who = 0;

	mir_set_init(&s, 0, 8, 0x1);
	mir_set_send(&s, 0, 0x1);
	mir_set_back(&s, 0, 4, 4, true);
	mir_set_hold(&s, 0, 0, 4, true, true);
	int run = next(0xffff, &who);
	ck_assert_uint_eq(s.run[run].lba, 4);
	mir_set_send(&s, run, who);
	mir_set_ok(&s, 0, 4, 4);
	ck_assert_uint_eq(mir_set_tally(&s, 0).again, 4);
}
END_TEST

/* Any order of outcomes keeps to the legal combinations, and each block ends once. */
START_TEST(random_outcomes)
{
	struct prng g = prng_init((uint64_t)_i);
	uint16_t want = (uint16_t)(1 + prng_below(&g, 0x7fff)), who = 0;

	mir_set_init(&s, 1000, 256, want);
	for (unsigned step = 0; step < 2000 && mir_set_open(&s); step++) {
		int run = next(0xffff, &who);
		if (run < 0) {
			mir_set_release(&s);
			mir_set_merge(&s);
			continue;
		}
		lba_t lba = s.run[run].lba;
		uint32_t blocks = s.run[run].blocks;
		mir_set_send(&s, run, who);
		for (unsigned m = 0; m < MIR_MEMBERS_MAX; m++) {
			if (!(who >> m & 1))
				continue;
			uint32_t part =
			        mir_set_room(&s) ? (uint32_t)prng_below(&g, blocks + 1) : blocks;
			mir_set_ok(&s, m, lba, part);
			if (prng_below(&g, 8) == 0)
				mir_set_fail(&s, m, lba + part, blocks - part);
			else
				mir_set_hold(&s, m, lba + part, blocks - part, true, true);
			mir_set_check(&s);
		}
	}
	ck_assert_uint_eq(mir_set_open(&s), 0);
	for (unsigned m = 0; m < MIR_MEMBERS_MAX; m++) {
		struct mir_tally t = mir_set_tally(&s, m);
		ck_assert_uint_eq(t.ok + t.failed, want >> m & 1 ? 256 : 0);
	}
}
END_TEST

START_TEST(an_outcome_of_what_was_not_sent_is_a_bug)
{
	mir_set_init(&s, 0, 8, 0x1);
	mir_set_ok(&s, 0, 0, 8);
}
END_TEST

START_TEST(sending_twice_is_a_bug)
{
	mir_set_init(&s, 0, 8, 0x1);
	mir_set_send(&s, 0, 0x1);
	mir_set_send(&s, 0, 0x1);
}
END_TEST

START_TEST(illegal_combinations_are_found)
{
	mir_set_init(&s, 0, 8, 0x1);
	s.run[0].ok = s.run[0].failed = 0x1;
	mir_set_check(&s);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("resend");
	TCase *tcase = tcase_create("resend");

	tcase_add_test(tcase, all_good);
	tcase_add_test(tcase, only_the_allowed_are_sent_to);
	tcase_add_test(tcase, what_failed_goes_out_again_to_those_that_miss_it);
	tcase_add_test(tcase, what_was_not_sent_is_not_resent);
	tcase_add_test(tcase, giving_up_spares_what_is_done);
	tcase_add_test(tcase, back_is_sent_in_the_same_round);
	tcase_add_loop_test(tcase, random_outcomes, 0, 50);
	tcase_add_test_raise_signal(tcase, an_outcome_of_what_was_not_sent_is_a_bug, SIGABRT);
	tcase_add_test_raise_signal(tcase, sending_twice_is_a_bug, SIGABRT);
	tcase_add_test_raise_signal(tcase, illegal_combinations_are_found, SIGABRT);
	suite_add_tcase(suite, tcase);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
