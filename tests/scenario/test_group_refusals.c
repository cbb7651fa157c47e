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

static void expect(bool ok, const struct ini_error *e, enum ini_kind kind, const char *text)
{
	ck_assert(!ok);
	ck_assert_str_eq(ini_kind_name(e->kind), ini_kind_name(kind));
	ck_assert_msg(strstr(e->text, text) != NULL, "%s", e->text);
}

static void not_made(struct rig *r, const char *const *members, unsigned n, enum ini_kind kind,
                     const char *text)
{
	struct ini_error e;

	expect(ini_group_create(r->ini, "g9", members, n, INI_SILENT, false, group_uuid, 1, &e), &e,
	       kind, text);
	rig_step(r);
	ck_assert_uint_eq(r->h->n_ops, 0);
	ck_assert_ptr_null(ini_group_find(r->ini, "g9"));
}

static void done(struct rig *r, bool ok, uint64_t token, const struct ini_error *e)
{
	ck_assert_msg(ok, "%s", e->text);
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_OK);
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
	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		not_made(r, L(none[i]), 1, INI_E_NO_SUCH_TARGET, "there is no target");
	uint8_t unknown[UUID_LEN] = {0x99};
	not_made(r, L(uuid_text(unknown)), 1, INI_E_NO_SUCH_TARGET, "there is no target");
	not_made(r, L("disk4"), 1, INI_E_DUPLICATE, "2 targets have the name disk4");
	done(r,
	     ini_group_create(r->ini, "g0",
	                      L("1:0", "2", uuid_text(r->h->target[4].uuid),
	                        uuid_text(r->h->target[5].uuid)),
	                      4, INI_SILENT, false, group_uuid, 5, &e),
	     5, &e);
	expect(ini_group_remove_member(r->ini, "g0", "disk4", 6, &e), &e, INI_E_DUPLICATE,
	       "2 members have the name disk4");
	expect(ini_group_remove_member(r->ini, "g0", "disk0", 6, &e), &e, INI_E_NO_SUCH_TARGET,
	       "disk0 is no member of group g0");
	done(r, ini_group_remove_member(r->ini, "g0", uuid_text(r->h->target[5].uuid), 7, &e), 7,
	     &e);
	done(r, ini_group_remove_member(r->ini, "g0", "1", 8, &e), 8, &e);
	const struct ini_group *g = ini_group_find(r->ini, "g0");
	ck_assert_uint_eq(g->n, 2);
	ck_assert_str_eq(g->m[0].name, "disk2");
	ck_assert_str_eq(g->m[1].name, "disk4");
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
	not_made(r, many, INI_MEMBERS_MAX + 1, INI_E_TOO_MANY, "at most 15");
	r->h->target[1].blocks = 0;
	not_made(r, L("disk0", "disk1"), 2, INI_E_BAD_VALUE, "disk1 has no blocks");
	r->h->target[1].blocks = BLOCKS;
	r->h->target[1].vpd.silent = false;
	not_made(r, L("disk0", "disk1"), 2, INI_E_NOT_MIRRORING, "disk1");
	r->h->target[2].id = 0; /* another logical unit of disk0's target */
	not_made(r, L("disk0", "disk2"), 2, INI_E_DUPLICATE, "are logical units of one target");
	fake_bus_down(r->h);
	rig_step(r);
	not_made(r, L("disk3"), 1, INI_E_BUS_DOWN, "");
	rig_free(r);
}
END_TEST

START_TEST(members_that_cannot_be_added)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	fake_add(r->h, 4, "small", BLOCKS - 1, FAKE_BLOCK);
	rig_group(r, 2, true);
	expect(ini_group_add_member(r->ini, "g0", "small", 1, &e), &e, INI_E_BAD_VALUE,
	       "small has 255 blocks, the group has 256");
	expect(ini_group_add_member(r->ini, "g0", "nobody", 1, &e), &e, INI_E_NO_SUCH_TARGET, "");
	expect(ini_group_add_member(r->ini, "g9", "disk2", 1, &e), &e, INI_E_NO_SUCH_GROUP, "");
	/* It does not keep page 30h: the group is as it was. */
	r->h->disk[2].page_fails = true;
	ck_assert(ini_group_add_member(r->ini, "g0", "disk2", 2, &e));
	const struct rig_reply *p = rig_reply(r, 2, LIMIT);
	ck_assert_int_eq(p->error.kind, INI_E_DEVICE);
	ck_assert_str_eq(p->error.member, "disk2");
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, 2);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	r->h->disk[2].page_fails = false;
	done(r, ini_group_add_member(r->ini, "g0", "disk2", 3, &e), 3, &e);
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, 3);
	rig_free(r);
}
END_TEST

/* ---- what is under way ---- */

START_TEST(groups_that_are_in_use)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;
	struct block *b = block_new(8 * FAKE_BLOCK);
	const struct ini_group_set set = {.has_window = true, .window = 1};

	memset(b->data, 7, b->len);
	rig_group(r, 2, true);
	ck_assert(ini_group_write(r->ini, "g0", 0, (uint32_t)b->len, b, 1, &e));
	expect(ini_group_add_member(r->ini, "g0", "disk2", 2, &e), &e, INI_E_BUSY,
	       "is being written or read");
	expect(ini_group_remove_member(r->ini, "g0", "disk1", 2, &e), &e, INI_E_BUSY,
	       "is being written or read");
	expect(ini_group_delete(r->ini, "g0", 2, &e), &e, INI_E_BUSY, "is being written or read");
	rig_step(r); /* it has begun */
	expect(ini_group_delete(r->ini, "g0", 2, &e), &e, INI_E_BUSY, "is being written or read");
	done(r, true, 1, &e);
	ck_assert(ini_group_set(r->ini, "g0", &set, 3, &e));
	expect(ini_group_set(r->ini, "g0", &set, 4, &e), &e, INI_E_BUSY,
	       "is being changed already");
	expect(ini_group_delete(r->ini, "g0", 4, &e), &e, INI_E_BUSY, "is being changed already");
	done(r, true, 3, &e);
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
	expect(ini_group_remove_member(r->ini, "g0", "disk2", 2, &e), &e, INI_E_NO_SUCH_TARGET,
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
	not_made(r, L("disk2"), 1, INI_E_SHUTDOWN, "shutting down");
	expect(ini_group_set(r->ini, "g0", &set, 4, &e), &e, INI_E_SHUTDOWN, "shutting down");
	expect(ini_group_delete(r->ini, "g0", 4, &e), &e, INI_E_SHUTDOWN, "shutting down");
	expect(ini_group_add_member(r->ini, "g0", "disk2", 4, &e), &e, INI_E_SHUTDOWN,
	       "shutting down");
	expect(ini_group_remove_member(r->ini, "g0", "disk1", 4, &e), &e, INI_E_SHUTDOWN,
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
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		expect(ini_group_set(r->ini, "g0", &wrong[i], 1, &e), &e, INI_E_BAD_VALUE, "");
	expect(ini_group_set(r->ini, "g9", &wrong[0], 1, &e), &e, INI_E_NO_SUCH_GROUP, "");
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
		expect(ini_restore_group(r->ini, &g, &e), &e, INI_E_BAD_VALUE, "saved group g0");
	}
	struct ini_group g = saved_group(0);
	(void)snprintf(g.name, sizeof(g.name), "a b");
	expect(ini_restore_group(r->ini, &g, &e), &e, INI_E_BAD_NAME, "");
	g = saved_group(0);
	g.n = 2;
	g.m[1] = g.m[0];
	expect(ini_restore_group(r->ini, &g, &e), &e, INI_E_DUPLICATE, "names a member twice");
	g.m[1].device = 2;
	expect(ini_restore_group(r->ini, &g, &e), &e, INI_E_DUPLICATE, "names a member twice");
	g.m[1].uuid[2] = 1;
	g.m[1].device = 1;
	expect(ini_restore_group(r->ini, &g, &e), &e, INI_E_DUPLICATE, "names a member twice");
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
		expect(ini_restore_group(r->ini, &twin, &e), &e, INI_E_DUPLICATE,
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
	expect(ini_restore_group(r->ini, &g, &e), &e, INI_E_TOO_MANY, "no more are possible");
	expect(ini_group_create(r->ini, "more", L("disk0"), 1, INI_SILENT, false, group_uuid, 1,
	                        &e),
	       &e, INI_E_TOO_MANY, "no more are possible");
	ck_assert_uint_eq(ini_groups(r->ini), INI_GROUPS_MAX);
	rig_free(r);
}
END_TEST

TAP_MAIN("group_refusals", targets_have_names_numbers_and_uuids, targets_that_cannot_be_members,
         members_that_cannot_be_added, groups_that_are_in_use, a_bus_that_is_gone_has_no_targets,
         a_daemon_that_ends_changes_nothing, settings_out_of_range, saved_groups_out_of_range,
         groups_are_bounded);
