/* SPDX-License-Identifier: BSD-2-Clause */
/* What cannot be done with groups: how targets are named, how many there may be, what a saved group
 * may say, what is under way. What is refused changes nothing. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#define BLOCKS 256
#define LIMIT  (300 * NS_PER_S)
#define L(...) ((const char *const[]){__VA_ARGS__})

static const uint8_t group_uuid[UUID_LEN] = {0xb0, 2};

static const char *uuid_text(const uint8_t *uuid)
{
	static char text[4][37];
	static unsigned next;
	char *to = text[next++ % 4];

	uuid_unparse(uuid, to);
	return to;
}

/* No group of this name can be made of these members, and nothing is sent to them. */
static void not_made(struct rig *r, const char *name, const char *const *members, unsigned n,
                     enum ini_kind kind, const char *says)
{
	struct ini_error e;
	unsigned groups = ini_groups(r->ini);

	rig_refused(
	        ini_group_create(r->ini, name, members, n, INI_SILENT, false, group_uuid, 1, &e),
	        &e, kind, says);
	rig_step(r);
	ck_assert_uint_eq(r->h->n_ops, 0);
	ck_assert_uint_eq(ini_groups(r->ini), groups);
}

/* ---- names ---- */

START_TEST(targets_have_names_numbers_and_uuids)
{
	struct rig *r = rig_new(5, BLOCKS);
	struct ini_error e;

	fake_add(r->h, 5, "disk4", BLOCKS, FAKE_BLOCK); /* a name that is there twice */
	rig_step(r);
	static const char *const none[] = {"12345:1", "1:64",  "1:x", ":1",  "3:", "0:1",
	                                   "16",      "1:001", "",    "0x1", "d0"};
	for (unsigned i = 0; i < ARRAY_LEN(none); i++)
		not_made(r, "g9", L(none[i]), 1, INI_E_NO_SUCH_TARGET, "there is no target");
	uint8_t unknown[UUID_LEN] = {0x99};
	not_made(r, "g9", L(uuid_text(unknown)), 1, INI_E_NO_SUCH_TARGET, "there is no target");
	not_made(r, "g9", L("disk4"), 1, INI_E_DUPLICATE, "2 targets have the name disk4");
	rig_replies(r,
	            ini_group_create(r->ini, "g0",
	                             L("1:0", "2", uuid_text(r->h->target[4].uuid),
	                               uuid_text(r->h->target[5].uuid)),
	                             4, INI_SILENT, false, group_uuid, 5, &e),
	            &e, 5, LIMIT, INI_OK);
	rig_refused(ini_group_remove_member(r->ini, "g0", "disk4", 6, &e), &e, INI_E_DUPLICATE,
	            "2 members have the name disk4");
	rig_refused(ini_group_remove_member(r->ini, "g0", "disk0", 6, &e), &e, INI_E_NO_SUCH_TARGET,
	            "disk0 is no member of group g0");
	rig_replies(r,
	            ini_group_remove_member(r->ini, "g0", uuid_text(r->h->target[5].uuid), 7, &e),
	            &e, 7, LIMIT, INI_OK);
	rig_replies(r, ini_group_remove_member(r->ini, "g0", "1", 8, &e), &e, 8, LIMIT, INI_OK);
	const struct ini_group *g = ini_group_find(r->ini, "g0");
	ck_assert_uint_eq(g->n, 2);
	ck_assert_str_eq(g->m[0].name, "disk2");
	ck_assert_str_eq(g->m[1].name, "disk4");
	rig_free(r);
}
END_TEST

/* One that is scanned, or that failed that, is on the bus: it can be named, but not used. */
START_TEST(targets_that_are_not_ready)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	r->h->target[0].state = HBA_SCANNING;
	r->h->target[1].state = HBA_FAILED;
	snprintf(r->h->target[1].why, sizeof(r->h->target[1].why), "TEST UNIT READY: not now");
	ck_assert_uint_eq(ini_target_by(r->ini, "disk0", &e), 0);
	ck_assert_uint_eq(ini_target_by(r->ini, "1", &e), 1);
	ck_assert_uint_eq(ini_target_by(r->ini, uuid_text(r->h->target[1].uuid), &e), 1);
	not_made(r, "g0", L("disk0"), 1, INI_E_BUSY, "target disk0 is being scanned");
	not_made(r, "g0", L("disk2", "disk1"), 2, INI_E_DEVICE,
	         "target disk1 is not ready: TEST UNIT READY: not now");
	/* One that can be used goes before. */
	fake_add(r->h, 3, "disk0", BLOCKS, FAKE_BLOCK);
	rig_step(r);
	r->h->target[0].state = HBA_SCANNING;
	ck_assert_uint_eq(ini_target_by(r->ini, "disk0", &e), 3);
	rig_free(r);
}
END_TEST

static const struct {
	const char *name, *member[2];
	enum ini_kind kind;
	const char *says;
} no_groups[] = {
        {"g1", {NULL}, INI_E_NO_MEMBERS, ""},
        {"g0", {"disk1"}, INI_E_EXISTS, ""},
        {"g1", {"nobody"}, INI_E_NO_SUCH_TARGET, ""},
        {"g1", {"15"}, INI_E_NO_SUCH_TARGET, ""},
        {"g1", {"disk1", "1"}, INI_E_DUPLICATE, ""},
        {"g1", {"disk3"}, INI_E_DUPLICATE, ""},
        {"g1", {"disk1", "disk0"}, INI_E_MEMBER_OF_OTHER, ""},
        {"g1", {"foreign"}, INI_E_MEMBER_OF_OTHER, ""},
        {"g1", {"disk1", "big-blocks"}, INI_E_MIXED_BLOCK_SIZE, ""},
        {"g1", {"plain"}, INI_E_NOT_MIRRORING, ""},
        {"", {"disk1"}, INI_E_BAD_NAME, ""},
        {".g", {"disk1"}, INI_E_BAD_NAME, ""},
        {"a b", {"disk1"}, INI_E_BAD_NAME, ""},
};

START_TEST(groups_that_cannot_be_made)
{
	struct rig *r = rig_new(4, BLOCKS);
	char too_long[INI_NAME_MAX + 2] = {0};

	memset(too_long, 'x', INI_NAME_MAX + 1);
	fake_add(r->h, 8, "big-blocks", 100, 4096);
	fake_add(r->h, 9, "disk3", BLOCKS, FAKE_BLOCK); /* a name that is there twice */
	fake_add(r->h, 10, "plain", BLOCKS, FAKE_BLOCK);
	r->h->target[10].mirror = false;
	fake_add(r->h, 11, "foreign", BLOCKS, FAKE_BLOCK);
	r->h->target[11].member = (struct mode_mirror){
	        .member = true, .device = 1, .group = 9, .group_uuid = {9}, .generation = 3};
	rig_group(r, 1, false);
	for (unsigned i = 0; i < ARRAY_LEN(no_groups); i++) {
		const char *const *member = no_groups[i].member;
		not_made(r, no_groups[i].name, member,
		         member[1]   ? 2
		         : member[0] ? 1
		                     : 0,
		         no_groups[i].kind, no_groups[i].says);
	}
	not_made(r, too_long, L("disk1"), 1, INI_E_BAD_NAME, "");
	struct ini_error e;
	r->h->target[1].vpd.broadcast = false;
	rig_refused(ini_group_create(r->ini, "g1", L("disk1"), 1, INI_BROADCAST, false, group_uuid,
	                             1, &e),
	            &e, INI_E_UNSUPPORTED, "");
	ck_assert_str_eq(e.member, "disk1");
	rig_free(r);
}
END_TEST

/* ---- who may be a member ---- */

START_TEST(targets_that_cannot_be_members)
{
	struct rig *r = rig_new(4, BLOCKS);
	const char *many[INI_MEMBERS_MAX + 1];

	for (unsigned i = 0; i <= INI_MEMBERS_MAX; i++)
		many[i] = "disk0";
	not_made(r, "g9", many, INI_MEMBERS_MAX + 1, INI_E_TOO_MANY, "at most 15");
	r->h->target[1].blocks = 0;
	not_made(r, "g9", L("disk0", "disk1"), 2, INI_E_BAD_VALUE, "disk1 has no blocks");
	r->h->target[1].blocks = BLOCKS;
	r->h->target[1].vpd.silent = false;
	not_made(r, "g9", L("disk0", "disk1"), 2, INI_E_NOT_MIRRORING, "disk1");
	r->h->target[2].id = 0; /* another logical unit of disk0's target */
	not_made(r, "g9", L("disk0", "disk2"), 2, INI_E_DUPLICATE,
	         "are logical units of one target");
	fake_bus_down(r->h);
	rig_step(r);
	not_made(r, "g9", L("disk3"), 1, INI_E_BUS_DOWN, "");
	rig_free(r);
}
END_TEST

START_TEST(members_that_cannot_be_added)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	fake_add(r->h, 4, "small", BLOCKS - 1, FAKE_BLOCK);
	rig_group(r, 2, true);
	rig_refused(ini_group_add_member(r->ini, "g0", "small", 1, &e), &e, INI_E_BAD_VALUE,
	            "small has 255 blocks, the group has 256");
	rig_refused(ini_group_add_member(r->ini, "g0", "nobody", 1, &e), &e, INI_E_NO_SUCH_TARGET,
	            "");
	rig_refused(ini_group_add_member(r->ini, "g9", "disk2", 1, &e), &e, INI_E_NO_SUCH_GROUP,
	            "");
	/* It does not keep page 30h: the group is as it was. */
	r->h->disk[2].page_fails = true;
	const struct rig_reply *p = rig_replies(
	        r, ini_group_add_member(r->ini, "g0", "disk2", 2, &e), &e, 2, LIMIT, INI_E_DEVICE);
	ck_assert_str_eq(p->error.member, "disk2");
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, 2);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	r->h->disk[2].page_fails = false;
	rig_add(r, "disk2");
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, 3);
	rig_free(r);
}
END_TEST

/* The only member in sync is away, or goes in the middle, or the state cannot be saved: the group
 * is as it was, and disk1 nobody's. */
START_TEST(a_member_that_is_not_added_after_all)
{
	for (unsigned i = 0; i < 3; i++) {
		struct rig *r = rig_new(2, BLOCKS);
		struct ini_error e;

		rig_group(r, 1, true);
		rig_run(r, NS_PER_S);
		if (i == 0)
			fake_gone(r->h, 0);
		rig_run(r, 20 * NS_PER_S);
		r->h->disk[0].page_busy = i == 1 ? 1000 : 0;
		r->save_err = i == 2 ? 28 : 0;
		bool taken = ini_group_add_member(r->ini, "g0", "disk1", 5, &e);
		ck_assert_int_eq(taken, i > 0);
		rig_run(r, 10 * NS_PER_MS);
		if (i == 1)
			fake_gone(r->h, 0);
		rig_fails(r, taken, &e, 5,
		          i == 0   ? INI_E_MEMBER_MISSING
		          : i == 1 ? INI_E_DEVICE
		                   : INI_E_STATE_DIR,
		          i == 0   ? "in sync is here"
		          : i == 1 ? "could be told"
		                   : "could not be saved");
		ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, 1);
		r->h->disk[0].page_busy = 0;
		r->save_err = 0;
		if (i < 2)
			fake_back(r->h, 0);
		rig_run(r, 60 * NS_PER_S);
		ck_assert(rig_in_sync(r, 0));
		ck_assert(!r->h->target[1].member.member);
		ck_assert_uint_eq(r->saved[0].n, 1);
		rig_add(r, "disk1");
		ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, 2);
		rig_free(r);
	}
}
END_TEST

/* ---- what is under way ---- */

START_TEST(groups_that_are_in_use)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;
	struct block *b = rig_bytes(8 * FAKE_BLOCK, 7);
	const struct ini_group_set set = {.has_window = true, .window = 1};

	rig_group(r, 2, true);
	uint64_t token = rig_begin_write(r, 0, b);
	rig_refused(ini_group_add_member(r->ini, "g0", "disk2", 2, &e), &e, INI_E_BUSY,
	            "is being written or read");
	rig_refused(ini_group_remove_member(r->ini, "g0", "disk1", 2, &e), &e, INI_E_BUSY,
	            "is being written or read");
	rig_refused(ini_group_delete(r->ini, "g0", 2, &e), &e, INI_E_BUSY,
	            "is being written or read");
	rig_step(r); /* it has begun */
	rig_refused(ini_group_delete(r->ini, "g0", 2, &e), &e, INI_E_BUSY,
	            "is being written or read");
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_OK);
	ck_assert(ini_group_set(r->ini, "g0", &set, 3, &e));
	rig_refused(ini_group_set(r->ini, "g0", &set, 4, &e), &e, INI_E_BUSY,
	            "is being changed already");
	rig_refused(ini_group_delete(r->ini, "g0", 4, &e), &e, INI_E_BUSY,
	            "is being changed already");
	rig_replies(r, true, &e, 3, LIMIT, INI_OK);
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(a_bus_that_is_gone_has_no_targets)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	rig_group(r, 2, true);
	fake_bus_down(r->h);
	rig_step(r);
	rig_refused(ini_group_remove_member(r->ini, "g0", "disk2", 2, &e), &e, INI_E_NO_SUCH_TARGET,
	            "(no bus server)");
	rig_free(r);
}
END_TEST

START_TEST(a_daemon_that_ends_changes_nothing)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;
	const struct ini_group_set set = {.has_window = true, .window = 1};

	rig_group(r, 2, true);
	ini_drain(r->ini);
	not_made(r, "g9", L("disk2"), 1, INI_E_SHUTDOWN, "shutting down");
	rig_refused(ini_group_set(r->ini, "g0", &set, 4, &e), &e, INI_E_SHUTDOWN, "shutting down");
	rig_refused(ini_group_delete(r->ini, "g0", 4, &e), &e, INI_E_SHUTDOWN, "shutting down");
	rig_refused(ini_group_add_member(r->ini, "g0", "disk2", 4, &e), &e, INI_E_SHUTDOWN,
	            "shutting down");
	rig_refused(ini_group_remove_member(r->ini, "g0", "disk1", 4, &e), &e, INI_E_SHUTDOWN,
	            "shutting down");
	rig_free(r);
}
END_TEST

/* ---- values ---- */

START_TEST(settings_out_of_range)
{
	struct rig *r = rig_new(1, BLOCKS);
	struct ini_error e;
	static const struct ini_group_set wrong[] = {
	        {.has_window = true, .window = INI_WINDOW_MAX + 1},
	        {.has_max_passes = true, .max_passes = 0},
	        {.has_max_passes = true, .max_passes = 101},
	        {.has_transfer = true, .transfer = INI_BLOCK_MAX + 1},
	        {.has_transfer = true, .transfer = 0},
	};

	rig_group(r, 1, false);
	struct ini_group before = *ini_group_find(r->ini, "g0");
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++)
		rig_refused(ini_group_set(r->ini, "g0", &wrong[i], 1, &e), &e, INI_E_BAD_VALUE, "");
	rig_refused(ini_group_set(r->ini, "g9", &wrong[0], 1, &e), &e, INI_E_NO_SUCH_GROUP, "");
	rig_run(r, NS_PER_S);
	const struct ini_group *g = ini_group_find(r->ini, "g0");
	ck_assert(g->window == before.window && g->max_passes == before.max_passes &&
	          g->transfer == before.transfer);
	rig_free(r);
}
END_TEST

/* What the state directory says of a group; each row is one thing that it cannot be. */
static void out_of_range(struct ini_group *g, unsigned which)
{
	switch (which) {
	case 0:
		g->block_size = 0;
		break;
	case 1:
		g->blocks = 0;
		break;
	case 2:
		g->max_passes = 0;
		break;
	case 3:
		g->window = 0;
		break;
	case 4:
		g->window = INI_WINDOW_MAX + 1;
		break;
	case 5:
		g->transfer = 0;
		break;
	case 6:
		g->mode = INI_MODE_DEFAULT;
		break;
	case 7:
		g->n = 0;
		break;
	default:
		g->n = INI_MEMBERS_MAX + 1;
	}
}

static struct ini_group saved_group(unsigned i)
{
	struct ini_group g = {.id = (uint16_t)(100 + i),
	                      .mode = INI_SILENT,
	                      .block_size = FAKE_BLOCK,
	                      .blocks = BLOCKS,
	                      .transfer = 4096,
	                      .window = 2,
	                      .max_passes = 3,
	                      .n = 1};

	(void)snprintf(g.name, sizeof(g.name), "g%u", i);
	g.uuid[0] = (uint8_t)(1 + i);
	g.m[0].uuid[0] = (uint8_t)(1 + i);
	g.m[0].uuid[1] = 0x77;
	g.m[0].device = 1;
	return g;
}

START_TEST(saved_groups_out_of_range)
{
	struct rig *r = rig_new(1, BLOCKS);
	struct ini_error e;

	for (unsigned which = 0; which < 9; which++) {
		struct ini_group g = saved_group(0);
		out_of_range(&g, which);
		rig_refused(ini_restore_group(r->ini, &g, &e), &e, INI_E_BAD_VALUE,
		            "saved group g0");
	}
	struct ini_group g = saved_group(0);
	(void)snprintf(g.name, sizeof(g.name), "a b");
	rig_refused(ini_restore_group(r->ini, &g, &e), &e, INI_E_BAD_NAME, "");
	g = saved_group(0);
	g.n = 2;
	g.m[1] = g.m[0];
	rig_refused(ini_restore_group(r->ini, &g, &e), &e, INI_E_DUPLICATE, "names a member twice");
	g.m[1].device = 2;
	rig_refused(ini_restore_group(r->ini, &g, &e), &e, INI_E_DUPLICATE, "names a member twice");
	g.m[1].uuid[2] = 1;
	g.m[1].device = 1;
	rig_refused(ini_restore_group(r->ini, &g, &e), &e, INI_E_DUPLICATE, "names a member twice");
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	g.m[1].device = 2;
	ck_assert(ini_restore_group(r->ini, &g, &e));
	/* The same name, id or UUID: each by itself. */
	for (unsigned same = 0; same < 3; same++) {
		struct ini_group twin = saved_group(1);
		if (same == 0)
			(void)snprintf(twin.name, sizeof(twin.name), "g0");
		else if (same == 1)
			twin.id = g.id;
		else
			memcpy(twin.uuid, g.uuid, UUID_LEN);
		rig_refused(ini_restore_group(r->ini, &twin, &e), &e, INI_E_DUPLICATE,
		            "the same name, id or UUID");
	}
	rig_free(r);
}
END_TEST

START_TEST(groups_are_bounded)
{
	struct rig *r = rig_new(1, BLOCKS);
	struct ini_error e;

	for (unsigned i = 0; i < INI_GROUPS_MAX; i++) {
		struct ini_group g = saved_group(i);
		ck_assert_msg(ini_restore_group(r->ini, &g, &e), "%s", e.text);
	}
	struct ini_group g = saved_group(INI_GROUPS_MAX);
	rig_refused(ini_restore_group(r->ini, &g, &e), &e, INI_E_TOO_MANY, "no more are possible");
	rig_refused(ini_group_create(r->ini, "more", L("disk0"), 1, INI_SILENT, false, group_uuid,
	                             1, &e),
	            &e, INI_E_TOO_MANY, "no more are possible");
	ck_assert_uint_eq(ini_groups(r->ini), INI_GROUPS_MAX);
	rig_free(r);
}
END_TEST

TAP_MAIN("group_refusals", targets_have_names_numbers_and_uuids, targets_that_are_not_ready,
         groups_that_cannot_be_made, targets_that_cannot_be_members, members_that_cannot_be_added,
         a_member_that_is_not_added_after_all, groups_that_are_in_use,
         a_bus_that_is_gone_has_no_targets, a_daemon_that_ends_changes_nothing,
         settings_out_of_range, saved_groups_out_of_range, groups_are_bounded);
