/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "shell/loop.h"
#include "shell/stall.h"

#include <poll.h>

static void calls(struct stall *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		stall_note(s, false, !stall_feared(s));
}

START_TEST(trust_is_earned)
{
	struct stall s = stall_init();
	calls(&s, STALL_CALM_FIRST - 1);
	ck_assert(stall_feared(&s));
	calls(&s, 1);
	ck_assert(!stall_feared(&s));
	/* a stall in a thread, of a call from before, ends it; it costs nobody anything */
	stall_note(&s, true, false);
	ck_assert(stall_feared(&s));
	calls(&s, STALL_CALM_FIRST);
	ck_assert(!stall_feared(&s));
}
END_TEST

START_TEST(each_stall_on_the_loop_makes_it_dearer)
{
	struct stall s = stall_init();
	for (unsigned need = STALL_CALM_FIRST; need < STALL_CALM_MOST; need *= 2) {
		calls(&s, need);
		ck_assert(!stall_feared(&s));
		stall_note(&s, true, true);
		calls(&s, 2 * need - 1);
		ck_assert(stall_feared(&s));
		calls(&s, 1);
	}
	stall_note(&s, true, true);
	calls(&s, STALL_CALM_MOST);
	ck_assert(!stall_feared(&s));
	/* long without one, it is forgiven step by step */
	calls(&s, 100 * STALL_CALM_MOST);
	stall_note(&s, true, false);
	calls(&s, STALL_CALM_FIRST);
	ck_assert(!stall_feared(&s));
}
END_TEST

START_TEST(who_sleeps_has_stalled)
{
	struct stall_watch w = stall_begin();
	(void)poll(NULL, 0, 2);
	ck_assert(stall_end(&w));
	/* as long, but at work */
	ns_t end = loop_now() + 2 * NS_PER_MS;
	w = stall_begin();
	while (loop_now() < end)
		continue;
	ck_assert(!stall_end(&w));
}
END_TEST

TAP_MAIN("stall", trust_is_earned, each_stall_on_the_loop_makes_it_dearer, who_sleeps_has_stalled);
