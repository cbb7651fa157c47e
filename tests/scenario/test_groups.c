/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups are made, changed, imported and deleted: page 30h of their members, and the state. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)

static const uint8_t uuid_a[UUID_LEN] = {0xa0, 1};

#define L(...) ((const char *const[]){__VA_ARGS__})

START_TEST(create_writes_page_30h_and_the_state)
{
	struct rig *r = rig_new(3, BLOCKS);

	fake_add(r->h, 1, "disk1", BLOCKS - 24, FAKE_BLOCK);
	rig_step(r);
	r->saves_held = true;
	struct ini_error e;
	ck_assert(ini_group_create(r->ini, "g0", L("disk2", "1", "disk0"), 3, INI_MODE_DEFAULT,
	                           false, uuid_a, 5, &e));
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	rig_run(r, NS_PER_S);
	ck_assert_uint_eq(r->n_replies, 0);
	r->saves_held = false;
	ini_saved(r->ini, r->held_save, 0);
	ck_assert_int_eq(rig_reply(r, 5, NS_PER_S)->error.kind, INI_OK);
	const struct ini_group *g = ini_group_at(r->ini, 0);
	ck_assert_uint_eq(g->blocks, BLOCKS - 24);
	ck_assert_int_eq(g->mode, INI_SILENT);
	ck_assert_uint_eq(g->transfer, rig_config.transfer);
	for (unsigned i = 0; i < 3; i++) {
		static const uint8_t id[] = {2, 1, 0};
		const struct mode_mirror *page = &r->h->target[id[i]].member;
		ck_assert(page->member);
		ck_assert_uint_eq(page->device, i + 1);
		ck_assert_uint_eq(page->group, g->id);
		ck_assert_mem_eq(page->group_uuid, uuid_a, UUID_LEN);
		ck_assert_uint_eq(page->generation, 0); /* nothing is in sync yet */
		ck_assert_uint_eq(g->m[i].id, id[i]);
		ck_assert_int_eq(g->m[i].state, MEMBER_STALE);
	}
	ck_assert_ptr_eq(ini_group_of(r->ini, r->h->target[1].uuid), g);
	rig_free(r);
}
END_TEST

START_TEST(assume_clean)
{
	struct rig *r = rig_new(2, BLOCKS);

	rig_group(r, 2, true);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert_uint_eq(r->h->target[1].member.generation, 1);
	ck_assert_int_eq(r->saved[0].m[1].state, MEMBER_IN_SYNC);
	rig_free(r);
}
END_TEST

START_TEST(a_create_that_fails_leaves_nothing)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	r->h->disk[1].page_fails = true;
	const struct rig_reply *p =
	        rig_replies(r,
	                    ini_group_create(r->ini, "g0", L("disk0", "disk1", "disk2"), 3,
	                                     INI_SILENT, true, uuid_a, 5, &e),
	                    &e, 5, NS_PER_S, INI_E_DEVICE);
	ck_assert_str_eq(p->error.member, "disk1");
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	ck_assert(!r->h->target[0].member.member && !r->h->target[2].member.member);
	r->h->disk[1].page_fails = false;
	rig_group(r, 3, false);
	rig_free(r);
}
END_TEST

/* The pages are there, the state is not: it is no group after a restart, so it is none now. */
START_TEST(a_create_that_cannot_be_saved_leaves_nothing)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;

	r->save_err = 28;
	rig_replies(r,
	            ini_group_create(r->ini, "g0", L("disk0", "disk1"), 2, INI_SILENT, true, uuid_a,
	                             5, &e),
	            &e, 5, NS_PER_S, INI_E_STATE_DIR);
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	ck_assert(!r->h->target[0].member.member && !r->h->target[1].member.member);
	r->save_err = 0;
	rig_group(r, 2, true);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

START_TEST(the_only_member_in_sync_stays)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(FAKE_BLOCK, 7);
	struct ini_error e;

	rig_group(r, 2, true);
	fake_gone(r->h, 0);
	rig_step(r);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_back(r->h, 0);
	rig_run(r, NS_PER_S);
	ck_assert(!rig_in_sync(r, 0) && rig_in_sync(r, 1));
	rig_refused(ini_group_remove_member(r->ini, "g0", "disk1", 7, &e), &e, INI_E_UNSYNCED,
	            "disk1 is the only member of group g0 that is in sync");
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, 2);
	rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	rig_replies(r, ini_group_remove_member(r->ini, "g0", "disk1", 7, &e), &e, 7, LIMIT, INI_OK);
	ck_assert(rig_in_sync(r, 0));
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(delete_clears_the_pages)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;

	rig_group(r, 2, false);
	rig_refused(ini_group_delete(r->ini, "g9", 6, &e), &e, INI_E_NO_SUCH_GROUP, "");
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	rig_run(r, NS_PER_MS / 2);
	rig_refused(ini_group_delete(r->ini, "g0", 6, &e), &e, INI_E_BUSY, "");
	rig_job(r, id, LIMIT);
	rig_replies(r, ini_group_delete(r->ini, "g0", 6, &e), &e, 6, NS_PER_S, INI_OK);
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	ck_assert_uint_eq(r->n_saved, 0);
	ck_assert(!r->h->target[0].member.member && !r->h->target[1].member.member);
	rig_free(r);
}
END_TEST

START_TEST(members_are_added_and_removed)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	rig_group(r, 2, false);
	rig_job(r, rig_mirror(r, 700 * FAKE_BLOCK), LIMIT);
	rig_refused(ini_group_add_member(r->ini, "g0", "disk1", 1, &e), &e, INI_E_DUPLICATE, "");
	rig_add(r, "disk2");
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	ck_assert_uint_eq(r->h->target[2].member.device, 3);
	ck_assert_uint_eq(r->h->target[2].member.generation, 0);
	const struct ini_job *j = rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->n_targets, 1);
	ck_assert_uint_eq(j->t[0].good, BLOCKS);
	ck_assert(rig_in_sync(r, 2) && rig_holds(r, 2));
	rig_replies(r, ini_group_remove_member(r->ini, "g0", "disk0", 3, &e), &e, 3, NS_PER_S,
	            INI_OK);
	const struct ini_group *g = ini_group_find(r->ini, "g0");
	ck_assert_uint_eq(g->n, 2);
	ck_assert_str_eq(g->m[0].name, "disk1");
	ck_assert_uint_eq(g->m[0].device, 2);
	ck_assert(!r->h->target[0].member.member);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	rig_replies(r, ini_group_remove_member(r->ini, "g0", "disk1", 4, &e), &e, 4, NS_PER_S,
	            INI_OK);
	rig_refused(ini_group_remove_member(r->ini, "g0", "disk2", 5, &e), &e, INI_E_NO_MEMBERS,
	            "");
	rig_refused(ini_group_remove_member(r->ini, "g0", "disk1", 5, &e), &e, INI_E_NO_SUCH_TARGET,
	            "");
	rig_free(r);
}
END_TEST

START_TEST(settings)
{
	struct rig *r = rig_new(1, BLOCKS);
	struct ini_error e;

	rig_group(r, 1, false);
	struct ini_group_set set = {.has_mode = true, .mode = INI_BROADCAST};
	r->h->target[0].vpd.broadcast = false;
	rig_refused(ini_group_set(r->ini, "g0", &set, 1, &e), &e, INI_E_UNSUPPORTED, "");
	r->h->target[0].vpd.broadcast = true;
	rig_replies(r, ini_group_set(r->ini, "g0", &set, 1, &e), &e, 1, NS_PER_S, INI_OK);
	ck_assert_int_eq(r->saved[0].mode, INI_BROADCAST);
	set.mode = INI_MODE_DEFAULT;
	rig_refused(ini_group_set(r->ini, "g0", &set, 1, &e), &e, INI_E_BAD_VALUE, "");
	set = (struct ini_group_set){.has_window = true, .window = 0};
	rig_refused(ini_group_set(r->ini, "g0", &set, 1, &e), &e, INI_E_BAD_VALUE, "");
	set = (struct ini_group_set){.has_transfer = true, .transfer = 511};
	rig_refused(ini_group_set(r->ini, "g0", &set, 1, &e), &e, INI_E_BAD_VALUE, "");
	set = (struct ini_group_set){.has_mode = true,
	                             .mode = INI_CONVENTIONAL,
	                             .has_window = true,
	                             .window = 2,
	                             .has_transfer = true,
	                             .transfer = 4096,
	                             .has_max_passes = true,
	                             .max_passes = 1};
	rig_replies(r, ini_group_set(r->ini, "g0", &set, 2, &e), &e, 2, NS_PER_S, INI_OK);
	ck_assert_uint_eq(r->saved[0].transfer, 4096);
	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_CRC, .times = 1});
	const struct ini_job *j = rig_job(r, rig_mirror(r, 32 * 512), LIMIT);
	ck_assert_uint_eq(j->passes[INI_CONVENTIONAL], 4);
	ck_assert_int_eq(j->conclusion, JOB_FAILED); /* one try only */
	ck_assert_uint_eq(j->t[0].bad, 8);
	rig_free(r);
}
END_TEST

START_TEST(import)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	rig_fails(r, ini_group_import(r->ini, "g1", NULL, false, 1, &e), &e, 1, INI_E_NO_MEMBERS,
	          "");
	rig_group(r, 3, false);
	rig_job(r, rig_mirror(r, 700 * FAKE_BLOCK), LIMIT);
	uint64_t generation = ini_group_find(r->ini, "g0")->generation;
	rig_fails(r, ini_group_import(r->ini, "g1", NULL, false, 1, &e), &e, 1, INI_E_NO_MEMBERS,
	          "");
	rig_lose_state(r);
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	rig_replies(r, ini_group_import(r->ini, "again", NULL, false, 2, &e), &e, 2, NS_PER_S,
	            INI_OK);
	const struct ini_group *g = ini_group_find(r->ini, "again");
	ck_assert_uint_eq(g->n, 3);
	ck_assert_uint_eq(g->generation, generation);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(g->m[i].state, MEMBER_IN_SYNC);
		ck_assert_uint_eq(g->m[i].device, i + 1);
	}
	rig_free(r);
}
END_TEST

/* Of all members those with the latest generation; of pages of before, which do not say how many
 * members there are, nobody. */
START_TEST(import_of_unequal_generations)
{
	for (unsigned told = 0; told < 2; told++) {
		struct rig *r = rig_new(3, BLOCKS);
		struct ini_error e;

		rig_group(r, 3, true);
		r->n_saved = 0;
		r->h->target[1].member.generation--;
		for (unsigned i = 0; !told && i < 3; i++)
			r->h->target[i].member.members = 0;
		rig_restart(r);
		rig_replies(r, ini_group_import(r->ini, "again", NULL, false, 3, &e), &e, 3,
		            NS_PER_S, INI_OK);
		for (unsigned i = 0; i < 3; i++)
			ck_assert_int_eq(ini_group_at(r->ini, 0)->m[i].state,
			                 told && i != 1 ? MEMBER_IN_SYNC : MEMBER_STALE);
		rig_free(r);
	}
}
END_TEST

static void another_id(struct rig *r)
{
	r->h->target[1].member.group++;
}

static void same_device(struct rig *r)
{
	r->h->target[1].member.device = r->h->target[0].member.device;
}

static void other_blocks(struct rig *r)
{
	r->h->target[1].block_size = 4096;
}

static void two_groups(struct rig *r)
{
	r->h->target[1].member.group_uuid[0] ^= 1;
}

static void same_target(struct rig *r)
{
	memcpy(r->h->target[1].uuid, r->h->target[0].uuid, UUID_LEN);
}

static void no_bus(struct rig *r)
{
	fake_bus_down(r->h);
}

static void ending(struct rig *r)
{
	ini_drain(r->ini);
}

static void not_alone(struct rig *r)
{
	r->h->other = "smirrord";
	for (unsigned i = 0; i < 3; i++)
		memset(r->h->target[i].member.owner, 0, UUID_LEN);
}

/* Whichever UUID is the lesser one: a tie is of two that have it. */
static void served_with(struct rig *r, uint8_t other)
{
	r->h->other_uuid[0] = other;
	r->h->other = "smirrord";
	for (unsigned i = 0; i < 3; i++)
		memcpy(r->h->target[i].member.owner, r->h->other_uuid, UUID_LEN);
}

static void served_by_the_lesser(struct rig *r)
{
	served_with(r, 0x01);
}

static void served_by_the_greater(struct rig *r)
{
	served_with(r, 0xff);
}

static void served(struct rig *r)
{
	r->h->other = "smirrord";
	for (unsigned i = 0; i < 3; i++) {
		memcpy(r->h->target[i].member.owner, r->h->other_uuid, UUID_LEN);
		r->h->target[i].member.term = 2;
	}
}

static void as_it_is(struct rig *r)
{
	(void)r;
}

/* What keeps an import from being one; the group's UUID is given where uuid is not 0. */
static const struct {
	void (*change)(struct rig *r);
	uint8_t uuid;
	const char *name, *says;
	enum ini_kind kind;
} no_imports[] = {
        {another_id, 0, "again", "target disk1 gives another group id than others",
         INI_E_BAD_VALUE},
        {same_device, 0, "again", "have the same device id, 1", INI_E_DUPLICATE},
        {other_blocks, 0, "again", "target disk1 has blocks of 4096 bytes, others of 512",
         INI_E_MIXED_BLOCK_SIZE},
        {two_groups, 0, "again", "2 unknown groups are here, name one", INI_E_BAD_VALUE},
        {same_target, 0, "again", "is a member of another group already", INI_E_MEMBER_OF_OTHER},
        {no_bus, 0, "again", "there is no bus server", INI_E_BUS_DOWN},
        {ending, 0, "again", "the daemon is shutting down", INI_E_SHUTDOWN},
        {not_alone, 0, "again",
         "initiator smirrord (SCSI ID 6) is on this bus and may serve this group", INI_E_BUSY},
        {not_alone, 0xaa, "again", "stop it first, or import with force", INI_E_BUSY},
        {served, 0, "again", "initiator smirrord (SCSI ID 6) serves this group: stop it first",
         INI_E_BUSY},
        {served_by_the_lesser, 0, "again", "initiator smirrord (SCSI ID 6) serves this group",
         INI_E_BUSY},
        {served_by_the_greater, 0, "again", "initiator smirrord (SCSI ID 6) serves this group",
         INI_E_BUSY},
        {as_it_is, 0xbb, "again", "no target here is a member of bb01", INI_E_NO_MEMBERS},
        {as_it_is, 0xaa, "no name", "", INI_E_BAD_NAME},
};

START_TEST(what_cannot_be_imported)
{
	struct rig *r = rig_new(3, BLOCKS);
	const uint8_t uuid[UUID_LEN] = {no_imports[_i].uuid, 1};
	struct ini_error e;

	rig_group(r, 3, true);
	rig_lose_state(r);
	no_imports[_i].change(r);
	rig_step(r);
	rig_fails(
	        r,
	        ini_group_import(r->ini, no_imports[_i].name, uuid[0] ? uuid : NULL, false, 2, &e),
	        &e, 2, no_imports[_i].kind, no_imports[_i].says);
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	rig_free(r);
}
END_TEST

/* disk0 has missed a write, and keeps its page; disk1, the last one in sync, began to be
 * overwritten: of both nothing is trusted. */
START_TEST(an_import_when_nobody_was_in_sync)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);
	struct ini_error e;

	rig_group(r, 2, true);
	fake_gone(r->h, 0);
	rig_step(r);
	rig_write(r, 0, b, 300 * NS_PER_S, INI_OK);
	r->h->disk[0].page_fails = true; /* its page stays as it was */
	fake_back(r->h, 0);
	rig_run(r, NS_PER_S);
	rig_image(r, BLOCKS * 512, 1);
	r->h->latency_ns = 10 * NS_PER_MS;
	(void)rig_mirror(r, BLOCKS * 512);
	for (unsigned i = 0; i < 1000 && fake_count(r->h, OP_WRITE_16, 1) < 3; i++)
		rig_run(r, 10 * NS_PER_MS);
	ck_assert(!rig_in_sync(r, 1));
	rig_lose_state(r);
	r->h->latency_ns = 0;
	rig_run(r, NS_PER_S);
	rig_replies(r, ini_group_import(r->ini, "g0", NULL, false, 5, &e), &e, 5, NS_PER_S, INI_OK);
	ck_assert(!rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Of a group of two, whose state was lost, that member is there that lacks what was written last:
 * it is not trusted alone, and the other one is not overwritten. */
START_TEST(an_import_of_a_part)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(512, 3);
	struct ini_error e;

	rig_group(r, 2, true);
	fake_gone(r->h, 0);
	rig_step(r);
	rig_write(r, 0, b, 300 * NS_PER_S, INI_OK);
	fake_gone(r->h, 1);
	rig_lose_state(r);
	fake_back(r->h, 0);
	rig_run(r, NS_PER_S);
	rig_fails(r, ini_group_import(r->ini, "g0", NULL, false, 4, &e), &e, 4,
	          INI_E_MEMBER_MISSING, "the group has 2 members, and 1 of them are here");
	rig_replies(r, ini_group_import(r->ini, "g0", NULL, true, 5, &e), &e, 5, NS_PER_S, INI_OK);
	ck_assert(!rig_in_sync(r, 0));
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	rig_refused(ini_group_add_member(r->ini, "g0", "disk1", 6, &e), &e, INI_E_BAD_STATE,
	            "target disk1 has generation 2 of group g0");
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Nobody was in sync: nothing can be lost, but a part would be another group than the rest. */
START_TEST(an_import_of_a_part_of_which_none_is_in_sync)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	rig_group(r, 3, false);
	fake_gone(r->h, 2);
	rig_lose_state(r);
	rig_fails(r, ini_group_import(r->ini, "g0", NULL, false, 4, &e), &e, 4,
	          INI_E_MEMBER_MISSING, "the group has 3 members, and 2 of them are here");
	fake_back(r->h, 2);
	rig_replies(r, ini_group_import(r->ini, "g0", NULL, false, 5, &e), &e, 5, NS_PER_S, INI_OK);
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, 3);
	for (uint8_t i = 0; i < 3; i++)
		ck_assert(!rig_in_sync(r, i));
	rig_free(r);
}
END_TEST

/* disk2 is removed while it is away, and keeps its page. */
static struct rig *removed_while_away(void)
{
	struct rig *r = rig_new(4, BLOCKS);
	struct ini_error e;

	rig_group(r, 3, true);
	fake_gone(r->h, 2);
	rig_step(r);
	rig_replies(r, ini_group_remove_member(r->ini, "g0", "disk2", 1, &e), &e, 1, 300 * NS_PER_S,
	            INI_OK);
	return r;
}

/* It is no member: neither in the place of one that is missing, nor beside all of them, nor with
 * the device id that another one got. */
START_TEST(an_import_leaves_out_who_was_removed)
{
	for (unsigned way = 0; way < 3; way++) {
		struct rig *r = removed_while_away();
		struct ini_error e;

		if (way == 2) {
			rig_add(r, "disk3");
			(void)rig_do(r, JOB_RESYNC, 300 * NS_PER_S, JOB_SUCCESS);
		}
		r->n_saved = 0;
		memset(r->log, 0, sizeof(r->log));
		if (way == 0)
			fake_gone(r->h, 0);
		rig_restart(r);
		fake_back(r->h, 2);
		rig_step(r);
		bool taken = ini_group_import(r->ini, "g0", NULL, false, 2, &e);
		if (way == 0) {
			rig_fails(r, taken, &e, 2, INI_E_MEMBER_MISSING, "");
			rig_free(r);
			continue;
		}
		rig_replies(r, taken, &e, 2, NS_PER_S, INI_OK);
		ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, way == 1 ? 2 : 3);
		for (unsigned i = 0; i < ini_group_find(r->ini, "g0")->n; i++)
			ck_assert(rig_in_sync(r, i));
		rig_free(r);
	}
}
END_TEST

/* Beside another initiator if it is forced, and without that once the other is gone. */
START_TEST(an_import_beside_another_initiator)
{
	const bool force = _i == 0;
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	rig_group(r, 3, true);
	rig_lose_state(r);
	served(r);
	rig_fails(r, ini_group_import(r->ini, "again", NULL, false, 2, &e), &e, 2, INI_E_BUSY, "");
	if (!force)
		r->h->other = NULL;
	rig_replies(r, ini_group_import(r->ini, "again", NULL, force, 3, &e), &e, 3, NS_PER_S,
	            INI_OK);
	ck_assert_uint_eq(ini_group_find(r->ini, "again")->n, 3);
	rig_free(r);
}
END_TEST

START_TEST(import_by_name_of_one_of_two)
{
	struct rig *r = rig_new(3, BLOCKS);
	const uint8_t uuid[UUID_LEN] = {0xaa, 1};
	struct ini_error e;

	rig_group(r, 3, true);
	rig_lose_state(r);
	r->h->target[2].member.group_uuid[0] = 0xcc;
	for (unsigned i = 0; i < 3; i++)
		r->h->target[i].member.members = 2;
	rig_replies(r, ini_group_import(r->ini, "again", uuid, false, 2, &e), &e, 2, NS_PER_S,
	            INI_OK);
	ck_assert_uint_eq(ini_group_at(r->ini, 0)->n, 2);
	rig_fails(r, ini_group_import(r->ini, "more", uuid, false, 3, &e), &e, 3, INI_E_EXISTS, "");
	/* the other one has its group id */
	rig_fails(r, ini_group_import(r->ini, "more", NULL, false, 3, &e), &e, 3, INI_E_EXISTS,
	          "is that of group again");
	rig_free(r);
}
END_TEST

START_TEST(a_bad_saved_group_is_refused)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;

	rig_group(r, 2, false);
	struct ini_group g = *ini_group_at(r->ini, 0);
	rig_refused(ini_restore_group(r->ini, &g, &e), &e, INI_E_DUPLICATE, "");
	snprintf(g.name, sizeof(g.name), "g1");
	g.id++;
	g.uuid[0]++;
	rig_refused(ini_restore_group(r->ini, &g, &e), &e, INI_E_MEMBER_OF_OTHER, "");
	g.n = INI_MEMBERS_MAX + 1;
	ck_assert(!ini_restore_group(r->ini, &g, &e));
	g.n = 0;
	ck_assert(!ini_restore_group(r->ini, &g, &e));
	rig_free(r);
}
END_TEST

TAP_MAIN_TABLE("groups", NULL, NULL, TAP_ONCE(create_writes_page_30h_and_the_state),
               TAP_ONCE(assume_clean), TAP_ONCE(a_create_that_fails_leaves_nothing),
               TAP_ONCE(delete_clears_the_pages), TAP_ONCE(members_are_added_and_removed),
               TAP_ONCE(settings), TAP_ONCE(import), TAP_ONCE(import_of_unequal_generations),
               TAP_ONCE(import_by_name_of_one_of_two), TAP_ONCE(an_import_of_a_part),
               TAP_ONCE(an_import_of_a_part_of_which_none_is_in_sync),
               TAP_ONCE(an_import_leaves_out_who_was_removed),
               TAP_ONCE(an_import_when_nobody_was_in_sync), TAP_ONCE(a_bad_saved_group_is_refused),
               TAP_ONCE(a_create_that_cannot_be_saved_leaves_nothing),
               TAP_ONCE(the_only_member_in_sync_stays),
               TAP_EACH(what_cannot_be_imported, no_imports),
               TAP_TIMES(an_import_beside_another_initiator, 2));
