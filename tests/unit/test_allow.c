/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may do what: every kind of peer against every level, and the level of every method. */
#include "unit/tap_main.h"

#include "control/allow.h"

#include <string.h>

#define DAEMON  500
#define SMIRROR 600

static const struct {
	const char *what;
	struct ctl_peer peer;
	gid_t group;
	enum ctl_who who;
} peers[] = {
        {"root", {.uid = 0, .gid = 0}, SMIRROR, CTL_OWNER},
        {"root without a group", {.uid = 0, .gid = 0}, CTL_NO_GROUP, CTL_OWNER},
        {"the daemon's user", {.uid = DAEMON, .gid = 1}, SMIRROR, CTL_OWNER},
        {"main group", {.uid = 7, .gid = SMIRROR}, SMIRROR, CTL_GROUP_MEMBER},
        {"further group",
         {.uid = 7, .gid = 7, .n_groups = 3, .groups = {1, 2, SMIRROR}},
         SMIRROR,
         CTL_GROUP_MEMBER},
        {"other groups",
         {.uid = 7, .gid = 7, .n_groups = 2, .groups = {1, 2, SMIRROR}},
         SMIRROR,
         CTL_NOBODY},
        {"nobody", {.uid = 65534, .gid = 65534}, SMIRROR, CTL_NOBODY},
        {"no such group here", {.uid = 7, .gid = CTL_NO_GROUP}, CTL_NO_GROUP, CTL_NOBODY},
        {"a group that is the daemon's user id", {.uid = 7, .gid = DAEMON}, SMIRROR, CTL_NOBODY},
};

START_TEST(who)
{
	for (size_t i = 0; i < ARRAY_LEN(peers); i++)
		ck_assert_msg(ctl_who(&peers[i].peer, DAEMON, peers[i].group) == peers[i].who, "%s",
		              peers[i].what);
}
END_TEST

START_TEST(what)
{
	static const bool may[3][3] = {[CTL_NOBODY] = {false, false, false},
	                               [CTL_GROUP_MEMBER] = {true, true, false},
	                               [CTL_OWNER] = {true, true, true}};

	for (unsigned w = 0; w < 3; w++)
		for (unsigned l = 0; l < 3; l++)
			ck_assert(ctl_may((enum ctl_who)w, (enum ctl_level)l) == may[w][l]);
}
END_TEST

/* The methods that a member of the group may use, as they are promised. All others: not. */
static const char members_may[] =
        " daemon.info rpc.discover events.subscribe bus.show bus.scan bus.stats target.list "
        "target.show group.list group.show group.read group.flush job.create job.list job.show "
        "job.wait job.pause job.resume job.cancel job.set_speed job.dismiss ";

START_TEST(methods)
{
	char why[200], word[64];
	struct ctl_schema *s =
	        ctl_schema_new(ctl_schema_text, ctl_schema_text_len, why, sizeof(why));

	ck_assert_msg(s != NULL, "%s", why);
	for (unsigned m = 0; m < CTL_METHODS; m++) {
		const char *name = ctl_method_name((enum ctl_method)m);

		snprintf(word, sizeof(word), " %s ", name);
		ck_assert_msg(ctl_may(CTL_GROUP_MEMBER, ctl_method_level(s, (enum ctl_method)m)) ==
		                      (strstr(members_may, word) != NULL),
		              "%s", name);
	}
	ctl_schema_free(s);
}
END_TEST

TAP_MAIN("allow", who, what, methods);
