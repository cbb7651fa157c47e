/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Members that are let be, and that nobody else can stand in for. One that is attached and has
 * brought no status for a while, or has not confirmed that a write which was given up is over, is
 * sent nothing more: another one serves the group, and a resync, which begins with what makes an
 * end of such writes, brings it back. When no member in sync is left to serve it, nothing would
 * ever be tried again, with one member not even a resync: so they are tried again here, after
 * pauses that double as long as that does not last.
 */
#include "initiator/core.h"

#include "base/assert.h"

#define PAUSE_MOST (600 * NS_PER_S)

void revive_touch(struct ini *ini)
{
	ini->revive_at = ini->now;
}

static void look_at(struct ini *ini, ns_t at)
{
	if (at < ini->revive_at)
		ini->revive_at = at;
}

/* Members in sync are attached, and none of them is sent anything, or about to come. */
static bool all_are_let_be(const struct group *g)
{
	bool some = false;

	for (unsigned i = 0; i < g->pub.n; i++) {
		if (g->pub.m[i].state != MEMBER_IN_SYNC)
			continue;
		switch (member_presence(g, i)) {
		case HERE:
			return false;
		case COMING:
			look_at(g->ini, g->x[i].wait_until);
			return false;
		case GONE:
			break;
		case MUTE:
			some = true;
			break;
		}
	}
	return some;
}

static void try_again(struct group *g)
{
	const struct ini_member *loose = NULL, *mute = NULL;

	for (unsigned i = 0; i < g->pub.n; i++) {
		if (g->pub.m[i].state != MEMBER_IN_SYNC || member_presence(g, i) != MUTE)
			continue;
		mute = &g->pub.m[i];
		loose = g->x[i].loose ? mute : loose;
		g->x[i].mute = 0;
	}
	sm_assert(mute);
	if (loose) {
		ini_log(g->ini, 5,
		        "group %s: the bus is reset, since %s has not confirmed an abort",
		        g->pub.name, loose->name);
		hba_reset_bus(g->ini->hba);
	} else {
		ini_log(g->ini, 5, "group %s: no member in sync answers: %s is tried again",
		        g->pub.name, mute->name);
	}
	g->revived_ns = g->ini->now;
	logs_touch(g->ini); /* a flush may be due */
}

static ns_t next_pause(const struct group *g)
{
	ns_t least = g->ini->cfg.bus_wait_ns, pause = 2 * g->revive_pause_ns;
	bool good_since = g->ini->now - g->revived_ns > 2 * PAUSE_MOST;

	if (good_since || pause < least)
		return least;
	return pause > PAUSE_MOST ? PAUSE_MOST : pause;
}

static void look(struct group *g)
{
	struct ini *ini = g->ini;

	if (!g->listed || group_is_lost(g) || !ini->bus_up || ini->draining || !all_are_let_be(g)) {
		g->revive_ns = 0;
		return;
	}
	if (g->revive_ns != 0 && ini->now >= g->revive_ns) {
		try_again(g);
		g->revive_ns = 0;
	}
	if (g->revive_ns == 0) {
		g->revive_pause_ns = next_pause(g);
		g->revive_ns = ini->now + g->revive_pause_ns;
	}
	look_at(ini, g->revive_ns);
}

void revive_run(struct ini *ini)
{
	if (ini->now < ini->revive_at)
		return;
	ini->revive_at = NS_NEVER;
	for (unsigned k = 0; k < ini->groups_used; k++)
		if (ini->group[k].used)
			look(&ini->group[k]);
}
