/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/stall.h"

#include "shell/loop.h"

#include <sys/resource.h>

/* A sleep that is over so soon (a lock that was held for a moment) is cheaper than two wake-ups. */
#define STALL_NS (200 * NS_PER_US)
/* So many times what is wanted without a stall, and half of it is enough. */
#define FORGIVEN 8

struct stall stall_init(void)
{
	return (struct stall){.need = STALL_CALM_FIRST};
}

bool stall_feared(const struct stall *s)
{
	return s->calm < s->need;
}

void stall_note(struct stall *s, bool stalled, bool on_loop)
{
	if (stalled) {
		s->calm = 0;
		if (on_loop && s->need < STALL_CALM_MOST)
			s->need *= 2;
		return;
	}
	if (++s->calm < FORGIVEN * s->need)
		return;
	if (s->need > STALL_CALM_FIRST)
		s->need /= 2;
	s->calm = s->need;
}

static long sleeps(void)
{
	struct rusage u;
	return getrusage(RUSAGE_THREAD, &u) == 0 ? u.ru_nvcsw : 0;
}

struct stall_watch stall_begin(void)
{
	return (struct stall_watch){.sleeps = sleeps(), .at = loop_now()};
}

bool stall_end(const struct stall_watch *w)
{
	return loop_now() - w->at > STALL_NS && sleeps() != w->sleeps;
}
