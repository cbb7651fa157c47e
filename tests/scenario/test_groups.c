/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups: who may be a member, page 30h and state, import; reads, writes and flushes of a group. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)

static const uint8_t uuid_a[UUID_LEN] = {0xa0, 1}, uuid_b[UUID_LEN] = {0xb0, 2};

static void refuses(struct rig *r, const char *name, const char *const *members, unsigned n,
                    enum ini_kind kind)
{
	struct ini_error e;
	unsigned groups = ini_groups(r->ini);

	ck_assert(!ini_group_create(r->ini, name, members, n, INI_SILENT, false, uuid_b, 1, &e));
	ck_assert_str_eq(ini_kind_name(e.kind), ini_kind_name(kind));
	ck_assert(e.text[0]);
	ck_assert_uint_eq(ini_groups(r->ini), groups);
	rig_step(r);
	ck_assert_uint_eq(r->h->n_ops, 0);
}

START_TEST(refusals)
{
	struct rig *r = rig_new(4, BLOCKS);
	char longest[INI_NAME_MAX + 2];

	fake_add(r->h, 8, "big-blocks", 100, 4096);
	fake_add(r->h, 9, "disk3", BLOCKS, FAKE_BLOCK); /* a name that is there twice */
	fake_add(r->h, 10, "plain", BLOCKS, FAKE_BLOCK);
	r->h->target[10].mirror = false;
	fake_add(r->h, 11, "foreign", BLOCKS, FAKE_BLOCK);
	r->h->target[11].member = (struct mode_mirror){true, 1, 9, {9}, 3};
	rig_group(r, 1, false);
#define L(...) ((const char *const[]){__VA_ARGS__})
	refuses(r, "g1", NULL, 0, INI_E_NO_MEMBERS);
	refuses(r, "g0", L("disk1"), 1, INI_E_EXISTS);
	refuses(r, "g1", L("nobody"), 1, INI_E_NO_SUCH_TARGET);
	refuses(r, "g1", L("15"), 1, INI_E_NO_SUCH_TARGET);
	refuses(r, "g1", L("disk1", "1"), 2, INI_E_DUPLICATE);
	refuses(r, "g1", L("disk3"), 1, INI_E_DUPLICATE);
	refuses(r, "g1", L("disk1", "disk0"), 2, INI_E_MEMBER_OF_OTHER);
	refuses(r, "g1", L("foreign"), 1, INI_E_MEMBER_OF_OTHER);
	refuses(r, "g1", L("disk1", "big-blocks"), 2, INI_E_MIXED_BLOCK_SIZE);
	refuses(r, "g1", L("plain"), 1, INI_E_NOT_MIRRORING);
	refuses(r, "", L("disk1"), 1, INI_E_BAD_NAME);
	refuses(r, ".g", L("disk1"), 1, INI_E_BAD_NAME);
	refuses(r, "a b", L("disk1"), 1, INI_E_BAD_NAME);
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	refuses(r, longest, L("disk1"), 1, INI_E_BAD_NAME);
	struct ini_error e;
	r->h->target[1].vpd.broadcast = false;
	ck_assert(!ini_group_create(r->ini, "g1", L("disk1"), 1, INI_BROADCAST, false, uuid_b, 1,
	                            &e));
	ck_assert_int_eq(e.kind, INI_E_UNSUPPORTED);
	ck_assert_str_eq(e.member, "disk1");
	rig_free(r);
}
END_TEST

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
	ck_assert(ini_group_create(r->ini, "g0", L("disk0", "disk1", "disk2"), 3, INI_SILENT, true,
	                           uuid_a, 5, &e));
	const struct rig_reply *p = rig_reply(r, 5, NS_PER_S);
	ck_assert_int_eq(p->error.kind, INI_E_DEVICE);
	ck_assert_str_eq(p->error.member, "disk1");
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	ck_assert(!r->h->target[0].member.member && !r->h->target[2].member.member);
	r->h->disk[1].page_fails = false;
	rig_group(r, 3, false);
	rig_free(r);
}
END_TEST

START_TEST(delete_clears_the_pages)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;

	rig_group(r, 2, false);
	ck_assert(!ini_group_delete(r->ini, "g9", 6, &e) && e.kind == INI_E_NO_SUCH_GROUP);
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	rig_run(r, NS_PER_MS / 2);
	ck_assert(!ini_group_delete(r->ini, "g0", 6, &e) && e.kind == INI_E_BUSY);
	rig_job(r, id, LIMIT);
	ck_assert(ini_group_delete(r->ini, "g0", 6, &e));
	ck_assert_int_eq(rig_reply(r, 6, NS_PER_S)->error.kind, INI_OK);
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
	ck_assert(!ini_group_add_member(r->ini, "g0", "disk1", 1, &e) && e.kind == INI_E_DUPLICATE);
	ck_assert(ini_group_add_member(r->ini, "g0", "disk2", 2, &e));
	ck_assert_int_eq(rig_reply(r, 2, NS_PER_S)->error.kind, INI_OK);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	ck_assert_uint_eq(r->h->target[2].member.device, 3);
	ck_assert_uint_eq(r->h->target[2].member.generation, 0);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	const struct ini_job *j = rig_job(r, rig_start(r, &s), LIMIT);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	ck_assert_uint_eq(j->n_targets, 1);
	ck_assert_uint_eq(j->t[0].good, BLOCKS);
	ck_assert(rig_in_sync(r, 2) && rig_holds(r, 2));
	ck_assert(ini_group_remove_member(r->ini, "g0", "disk0", 3, &e));
	ck_assert_int_eq(rig_reply(r, 3, NS_PER_S)->error.kind, INI_OK);
	const struct ini_group *g = ini_group_find(r->ini, "g0");
	ck_assert_uint_eq(g->n, 2);
	ck_assert_str_eq(g->m[0].name, "disk1");
	ck_assert_uint_eq(g->m[0].device, 2);
	ck_assert(!r->h->target[0].member.member);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert(ini_group_remove_member(r->ini, "g0", "disk1", 4, &e));
	rig_reply(r, 4, NS_PER_S);
	ck_assert(!ini_group_remove_member(r->ini, "g0", "disk2", 5, &e) &&
	          e.kind == INI_E_NO_MEMBERS);
	ck_assert(!ini_group_remove_member(r->ini, "g0", "disk1", 5, &e) &&
	          e.kind == INI_E_NO_SUCH_TARGET);
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
	ck_assert(!ini_group_set(r->ini, "g0", &set, 1, &e) && e.kind == INI_E_UNSUPPORTED);
	r->h->target[0].vpd.broadcast = true;
	ck_assert(ini_group_set(r->ini, "g0", &set, 1, &e));
	ck_assert_int_eq(rig_reply(r, 1, NS_PER_S)->error.kind, INI_OK);
	ck_assert_int_eq(r->saved[0].mode, INI_BROADCAST);
	set.mode = INI_MODE_DEFAULT;
	ck_assert(!ini_group_set(r->ini, "g0", &set, 1, &e) && e.kind == INI_E_BAD_VALUE);
	set = (struct ini_group_set){.has_window = true, .window = 0};
	ck_assert(!ini_group_set(r->ini, "g0", &set, 1, &e) && e.kind == INI_E_BAD_VALUE);
	set = (struct ini_group_set){.has_transfer = true, .transfer = 511};
	ck_assert(!ini_group_set(r->ini, "g0", &set, 1, &e) && e.kind == INI_E_BAD_VALUE);
	set = (struct ini_group_set){.has_mode = true,
	                             .mode = INI_CONVENTIONAL,
	                             .has_window = true,
	                             .window = 2,
	                             .has_transfer = true,
	                             .transfer = 4096,
	                             .has_max_passes = true,
	                             .max_passes = 1};
	ck_assert(ini_group_set(r->ini, "g0", &set, 2, &e));
	ck_assert_int_eq(rig_reply(r, 2, NS_PER_S)->error.kind, INI_OK);
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

	ck_assert(!ini_group_import(r->ini, "g1", NULL, 1, &e) && e.kind == INI_E_NO_MEMBERS);
	rig_group(r, 3, false);
	rig_job(r, rig_mirror(r, 700 * FAKE_BLOCK), LIMIT);
	uint64_t generation = ini_group_find(r->ini, "g0")->generation;
	ck_assert(!ini_group_import(r->ini, "g1", NULL, 1, &e) && e.kind == INI_E_NO_MEMBERS);
	r->n_saved = 0;
	rig_restart(r);
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	ck_assert(ini_group_import(r->ini, "again", NULL, 2, &e));
	ck_assert_int_eq(rig_reply(r, 2, NS_PER_S)->error.kind, INI_OK);
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

START_TEST(import_of_unequal_generations_is_stale)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	rig_group(r, 3, true);
	r->n_saved = 0;
	r->h->target[1].member.generation--;
	rig_restart(r);
	ck_assert(ini_group_import(r->ini, "again", NULL, 3, &e));
	rig_reply(r, 3, NS_PER_S);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(ini_group_at(r->ini, 0)->m[i].state, MEMBER_STALE);
	rig_free(r);
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
        {as_it_is, 0xbb, "again", "no target here is a member of bb01", INI_E_NO_MEMBERS},
        {as_it_is, 0xaa, "no name", "", INI_E_BAD_NAME},
};

START_TEST(what_cannot_be_imported)
{
	struct rig *r = rig_new(3, BLOCKS);
	const uint8_t uuid[UUID_LEN] = {no_imports[_i].uuid, 1};
	struct ini_error e;

	rig_group(r, 3, true);
	r->n_saved = 0;
	rig_restart(r);
	no_imports[_i].change(r);
	rig_step(r);
	ck_assert(!ini_group_import(r->ini, no_imports[_i].name, uuid[0] ? uuid : NULL, 2, &e));
	ck_assert_msg(e.kind == no_imports[_i].kind && strstr(e.text, no_imports[_i].says),
	              "%s: %s", ini_kind_name(e.kind), e.text);
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	rig_free(r);
}
END_TEST

START_TEST(import_by_name_of_one_of_two)
{
	struct rig *r = rig_new(3, BLOCKS);
	const uint8_t uuid[UUID_LEN] = {0xaa, 1};
	struct ini_error e;

	rig_group(r, 3, true);
	r->n_saved = 0;
	rig_restart(r);
	r->h->target[2].member.group_uuid[0] = 0xcc;
	ck_assert(ini_group_import(r->ini, "again", uuid, 2, &e));
	ck_assert_int_eq(rig_reply(r, 2, NS_PER_S)->error.kind, INI_OK);
	ck_assert_uint_eq(ini_group_at(r->ini, 0)->n, 2);
	ck_assert(!ini_group_import(r->ini, "more", uuid, 3, &e) && e.kind == INI_E_EXISTS);
	/* the other one has its group id */
	ck_assert(!ini_group_import(r->ini, "more", NULL, 3, &e) && e.kind == INI_E_EXISTS);
	ck_assert_ptr_nonnull(strstr(e.text, "is that of group again"));
	rig_free(r);
}
END_TEST

START_TEST(a_bad_saved_group_is_refused)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;

	rig_group(r, 2, false);
	struct ini_group g = *ini_group_at(r->ini, 0);
	ck_assert(!ini_restore_group(r->ini, &g, &e) && e.kind == INI_E_DUPLICATE);
	snprintf(g.name, sizeof(g.name), "g1");
	g.id++;
	g.uuid[0]++;
	ck_assert(!ini_restore_group(r->ini, &g, &e) && e.kind == INI_E_MEMBER_OF_OTHER);
	g.n = INI_MEMBERS_MAX + 1;
	ck_assert(!ini_restore_group(r->ini, &g, &e));
	g.n = 0;
	ck_assert(!ini_restore_group(r->ini, &g, &e));
	rig_free(r);
}
END_TEST

/* ---- reads, writes, flushes ---- */

static struct block *bytes(uint32_t len, uint8_t seed)
{
	struct block *b = block_new(len);

	for (uint32_t i = 0; i < len; i++)
		b->data[i] = (uint8_t)(seed + i / 512 * 3 + i);
	return b;
}

START_TEST(write_read_flush)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;
	uint32_t len = 200 * FAKE_BLOCK;
	struct block *b = bytes(len, 1), *into = block_new(len);

	rig_group(r, 3, true);
	ck_assert(ini_group_write(r->ini, "g0", 24 * FAKE_BLOCK, len, b, 1, &e));
	ck_assert_int_eq(rig_reply(r, 1, NS_PER_S)->error.kind, INI_OK);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_mem_eq(r->h->disk[i].store + 24 * FAKE_BLOCK, b->data, len);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, -1), 4);
	ck_assert(ini_group_read(r->ini, "g0", 24 * FAKE_BLOCK, len, into, 2, &e));
	const struct rig_reply *p = rig_reply(r, 2, NS_PER_S);
	ck_assert_uint_eq(p->len, len);
	ck_assert_mem_eq(p->data, b->data, len);
	ck_assert(ini_group_flush(r->ini, "g0", 3, &e));
	ck_assert_int_eq(rig_reply(r, 3, NS_PER_S)->error.kind, INI_OK);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(r->h->disk[i].flushes, 1);
	ck_assert_uint_eq(b->refs, 1);
	rig_step(r);
	ck_assert_uint_eq(into->refs, 1);
	block_unref(b);
	block_unref(into);
	rig_free(r);
}
END_TEST

START_TEST(io_refusals)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;
	struct block *b = block_new(WIRE_DATA_MAX);

	rig_group(r, 2, false);
	ck_assert(!ini_group_write(r->ini, "g0", 0, 512, b, 1, &e) && e.kind == INI_E_UNSYNCED);
	ck_assert(!ini_group_read(r->ini, "g1", 0, 512, b, 1, &e) && e.kind == INI_E_NO_SUCH_GROUP);
	rig_job(r, rig_mirror(r, 100), LIMIT);
	static const struct {
		uint64_t offset;
		uint32_t len;
	} bad[] = {{0, 0},
	           {0, 511},
	           {1, 512},
	           {BLOCKS * 512, 512},
	           {(BLOCKS - 1) * 512, 1024},
	           {UINT64_MAX - 511, 512},
	           {0, WIRE_DATA_MAX + 512}};
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert(!ini_group_write(r->ini, "g0", bad[i].offset, bad[i].len, b, 1, &e));
		ck_assert_int_eq(e.kind, INI_E_BAD_RANGE);
		ck_assert(!ini_group_read(r->ini, "g0", bad[i].offset, bad[i].len, b, 1, &e));
		ck_assert_int_eq(e.kind, INI_E_BAD_RANGE);
	}
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	rig_run(r, NS_PER_MS / 2);
	ck_assert(!ini_group_write(r->ini, "g0", 0, 512, b, 1, &e));
	rig_job(r, id, LIMIT);
	fake_bus_down(r->h);
	rig_step(r);
	ck_assert(!ini_group_write(r->ini, "g0", 0, 512, b, 1, &e) && e.kind == INI_E_BUS_DOWN);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Until it is saved that disk1 is stale, nothing that disk1 lacks is acknowledged, whoever's
 * failure it was that made it stale. */
/* One write fails everywhere, so that a member that lacks another write stays in sync: the other is
 * not acknowledged. */
START_TEST(what_the_member_that_stays_lacks_is_not_acknowledged)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;
	struct block *b = bytes(8 * 512, 1);

	rig_group(r, 2, true);
	for (uint8_t i = 0; i < 2; i++)
		fake_fault(r->h, i,
		           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 20, .blocks = 1});
	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 3, .blocks = 1});
	ck_assert(ini_group_write(r->ini, "g0", 16 * 512, 8 * 512, b, 1, &e));
	ck_assert(ini_group_write(r->ini, "g0", 0, 8 * 512, b, 2, &e));
	ck_assert_int_ne(rig_reply(r, 1, LIMIT)->error.kind, INI_OK);
	ck_assert_int_ne(rig_reply(r, 2, LIMIT)->error.kind, INI_OK);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(nothing_that_a_stale_member_lacks_is_acknowledged_early)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;
	struct block *b = bytes(8 * 512, 1);

	rig_group(r, 3, true);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 3, .blocks = 1});
	r->saves_held = true;
	ck_assert(ini_group_write(r->ini, "g0", 0, 8 * 512, b, 1, &e));
	rig_run(r, 5 * NS_PER_S);
	ck_assert(!rig_in_sync(r, 1));
	ck_assert(ini_group_write(r->ini, "g0", 16 * 512, 8 * 512, b, 2, &e));
	ck_assert(ini_group_flush(r->ini, "g0", 3, &e));
	rig_run(r, 5 * NS_PER_S);
	ck_assert_uint_eq(r->n_replies, 1); /* that of group.create */
	r->saves_held = false;
	ini_saved(r->ini, r->held_save, 0);
	for (uint64_t token = 1; token <= 3; token++)
		ck_assert_int_eq(rig_reply(r, token, NS_PER_S)->error.kind, INI_OK);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Without our state, who is left must not look as good as who stays. */
START_TEST(who_misses_a_change_looks_older)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_group_set set = {.has_mode = true, .mode = INI_CONVENTIONAL};
	struct ini_error e;

	rig_group(r, 2, true);
	uint64_t before = r->h->target[1].member.generation;
	fake_gone(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert(ini_group_set(r->ini, "g0", &set, 1, &e));
	ck_assert_int_eq(rig_reply(r, 1, LIMIT)->error.kind, INI_OK);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	ck_assert_uint_gt(r->h->target[0].member.generation, before);
	rig_free(r);
}
END_TEST

/* Nor is any later write, before the state file knows who has left. */
START_TEST(no_write_is_acknowledged_on_a_state_that_was_not_saved)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = bytes(512, 3);
	struct ini_error e;

	rig_group(r, 2, true);
	fake_gone(r->h, 1);
	rig_step(r);
	r->save_err = 5;
	for (uint8_t i = 1; i < 4; i++) {
		ck_assert(ini_group_write(r->ini, "g0", i * 512U, 512, b, i, &e));
		ck_assert_int_eq(rig_reply(r, i, LIMIT)->error.kind, INI_E_STATE_DIR);
	}
	r->save_err = 0;
	ck_assert(ini_group_write(r->ini, "g0", 0, 512, b, 9, &e));
	ck_assert_int_eq(rig_reply(r, 9, LIMIT)->error.kind, INI_OK);
	ck_assert_int_eq(r->saved[0].m[1].state, MEMBER_STALE);
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(who_may_have_the_new_generation_gets_no_equal)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct block *b = bytes(512, 3);
	struct ini_error e;

	rig_group(r, 3, true);
	r->h->disk[1].page_lost = true;
	fake_gone(r->h, 2);
	rig_step(r);
	ck_assert(ini_group_write(r->ini, "g0", 0, 512, b, 1, &e));
	ck_assert_int_eq(rig_reply(r, 1, LIMIT)->error.kind, INI_OK);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	ck_assert_uint_gt(r->h->target[0].member.generation, r->h->target[1].member.generation);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* disk1 fails a write, as all do, and is out; nobody is there to be told. With `restart`, the
 * daemon starts anew before disk0 comes. */
static void owed_generation(bool restart)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = bytes(512, 3);
	struct ini_error e;

	rig_group(r, 2, true);
	uint64_t before = r->h->target[1].member.generation;
	fake_gone(r->h, 0);
	fake_gone(r->h, 1);
	rig_step(r);
	ck_assert(ini_group_write(r->ini, "g0", 0, 512, b, 1, &e));
	ck_assert_int_eq(rig_reply(r, 1, LIMIT)->error.kind, INI_E_DEVICE);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	if (restart)
		rig_restart(r);
	fake_back(r->h, 0);
	rig_step(r);
	ck_assert(ini_group_write(r->ini, "g0", 0, 512, b, 2, &e));
	ck_assert_int_eq(rig_reply(r, 2, LIMIT)->error.kind, INI_OK);
	ck_assert_uint_eq(r->h->target[1].member.generation, before);
	ck_assert_uint_gt(r->h->target[0].member.generation, before);
	ck_assert_uint_eq(r->saved[0].owed, 0);
	block_unref(b);
	rig_free(r);
}

START_TEST(a_generation_that_nobody_could_be_told_is_owed)
{
	owed_generation(false);
}
END_TEST

START_TEST(a_generation_that_is_owed_outlives_the_daemon)
{
	owed_generation(true);
}
END_TEST

/* Nobody in sync takes the new page: the error says so, and who comes next is told. */
START_TEST(a_generation_that_nobody_took_is_owed)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = bytes(512, 3);
	struct ini_error e;

	rig_group(r, 2, true);
	uint64_t before = r->h->target[1].member.generation;
	fake_gone(r->h, 1);
	r->h->disk[0].page_fails = true;
	rig_step(r);
	ck_assert(ini_group_write(r->ini, "g0", 0, 512, b, 1, &e));
	ck_assert_int_eq(rig_reply(r, 1, LIMIT)->error.kind, INI_E_DEVICE);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	/* nor is anything more acknowledged that disk1 lacks */
	ck_assert(ini_group_write(r->ini, "g0", 512, 512, b, 2, &e));
	ck_assert_int_eq(rig_reply(r, 2, LIMIT)->error.kind, INI_E_DEVICE);
	r->h->disk[0].page_fails = false;
	fake_gone(r->h, 0);
	rig_step(r);
	rig_restart(r);
	fake_back(r->h, 0);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0));
	ck_assert_uint_gt(r->h->target[0].member.generation, before);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* One of two has taken a write that the other one missed, and is away while pages are written: what
 * waited for that, and what waits for the change behind it, is not acknowledged. */
START_TEST(a_change_behind_one_that_nobody_was_told_of)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = bytes(512, 3);
	struct ini_group_set set = {.has_mode = true, .mode = INI_CONVENTIONAL};
	struct ini_error e;

	rig_group(r, 2, true);
	fake_gone(r->h, 0);
	fake_gone(r->h, 1);
	rig_step(r);
	ck_assert(ini_group_write(r->ini, "g0", 0, 512, b, 1, &e));
	ck_assert_int_eq(rig_reply(r, 1, LIMIT)->error.kind, INI_E_DEVICE);
	ck_assert_uint_gt(ini_group_find(r->ini, "g0")->owed, 0);
	ck_assert(ini_group_set(r->ini, "g0", &set, 2, &e));
	ck_assert_int_eq(rig_reply(r, 2, LIMIT)->error.kind, INI_E_DEVICE);
	fake_back(r->h, 0);
	rig_step(r);
	ck_assert(ini_group_set(r->ini, "g0", &set, 3, &e));
	ck_assert_int_eq(rig_reply(r, 3, LIMIT)->error.kind, INI_OK);
	block_unref(b);
	rig_free(r);
}
END_TEST

/*
 * A stale member comes back with a page as new as the group's, or newer, and it cannot be cleared:
 * those in sync stay so, and look newer than it should the state be lost.
 */
static void stale_and_newer(uint64_t by)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct block *b = bytes(512, 3);
	struct ini_error e;

	rig_group(r, 3, true);
	fake_gone(r->h, 2);
	rig_step(r);
	ck_assert(ini_group_write(r->ini, "g0", 0, 512, b, 1, &e));
	ck_assert_int_eq(rig_reply(r, 1, LIMIT)->error.kind, INI_OK);
	ck_assert(!rig_in_sync(r, 2) && rig_member(r, 2)->logged);
	uint64_t newest = ini_group_find(r->ini, "g0")->generation + by;
	r->h->target[2].member.generation = newest;
	r->h->disk[2].page_fails = true;
	fake_back(r->h, 2);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	ck_assert(rig_member(r, 2)->logged == (by == 0));
	ck_assert_uint_eq(r->h->target[2].member.generation, newest);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_uint_gt(r->h->target[i].member.generation, newest);
	r->n_saved = 0;
	rig_restart(r);
	ck_assert(ini_group_import(r->ini, "again", NULL, 2, &e));
	ck_assert_int_eq(rig_reply(r, 2, LIMIT)->error.kind, INI_OK);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(ini_group_at(r->ini, 0)->m[i].state, MEMBER_STALE);
	block_unref(b);
	rig_free(r);
}

START_TEST(a_stale_member_does_not_look_as_good_as_the_others)
{
	stale_and_newer(0);
	stale_and_newer(1);
	stale_and_newer(1000);
}
END_TEST

START_TEST(a_generation_beyond_all_sense_is_nobodys)
{
	struct rig *r = rig_new(2, BLOCKS);

	rig_group(r, 2, true);
	for (unsigned i = 0; i < 2; i++) { /* in sync, then stale */
		fake_gone(r->h, 1);
		r->h->target[1].member.generation = INT64_MAX - 1;
		fake_back(r->h, 1);
		rig_run(r, NS_PER_S);
		ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
		ck_assert_uint_lt(ini_group_find(r->ini, "g0")->generation, 100);
		ck_assert_uint_eq(r->h->target[1].member.generation, 0);
	}
	rig_free(r);
}
END_TEST

START_TEST(a_member_that_fails_is_stale_before_the_write_is_acknowledged)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;
	struct block *b = bytes(8 * 512, 1);

	rig_group(r, 3, true);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 3, .blocks = 1});
	r->saves_held = true;
	ck_assert(ini_group_write(r->ini, "g0", 0, 8 * 512, b, 1, &e));
	rig_run(r, 5 * NS_PER_S);
	ck_assert_uint_eq(r->n_replies, 1); /* that of group.create */
	ck_assert(!rig_in_sync(r, 1));
	ck_assert_uint_eq(r->h->target[0].member.generation, 2);
	ck_assert_uint_eq(r->h->target[1].member.generation, 0);
	r->saves_held = false;
	ini_saved(r->ini, r->held_save, 0);
	ck_assert_int_eq(rig_reply(r, 1, NS_PER_S)->error.kind, INI_OK);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 2));
	ck_assert_uint_eq(rig_member(r, 1)->failed, 1);
	/* the next one goes to those in sync only */
	unsigned before = fake_count(r->h, OP_WRITE_16, 1);
	ck_assert(ini_group_write(r->ini, "g0", 0, 8 * 512, b, 2, &e));
	ck_assert_int_eq(rig_reply(r, 2, NS_PER_S)->error.kind, INI_OK);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, 1), before);
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(a_write_that_cannot_be_made_durable_is_no_success)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;
	struct block *b = bytes(8 * 512, 1);

	rig_group(r, 2, true);
	fake_gone(r->h, 1);
	r->save_err = 28;
	rig_step(r);
	ck_assert(ini_group_write(r->ini, "g0", 0, 8 * 512, b, 1, &e));
	ck_assert_int_eq(rig_reply(r, 1, NS_PER_S)->error.kind, INI_E_STATE_DIR);
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(a_write_that_fails_everywhere_is_an_error_and_keeps_one_member)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;
	struct block *b = bytes(8 * 512, 1);

	rig_group(r, 2, true);
	for (uint8_t i = 0; i < 2; i++)
		fake_fault(r->h, i,
		           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 3, .blocks = 1});
	ck_assert(ini_group_write(r->ini, "g0", 0, 8 * 512, b, 1, &e));
	const struct rig_reply *p = rig_reply(r, 1, NS_PER_S);
	ck_assert_int_eq(p->error.kind, INI_E_DEVICE);
	ck_assert(p->error.has_sense && p->error.sense.key == KEY_MEDIUM_ERROR);
	ck_assert(rig_in_sync(r, 0) != rig_in_sync(r, 1));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Nobody could be told of a new generation: there is none, and the last member stays in sync. */
START_TEST(a_page_that_cannot_be_written_does_not_cost_the_last_member)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;
	struct block *b = bytes(8 * 512, 1);

	rig_group(r, 2, true);
	r->h->disk[0].page_fails = true;
	fake_gone(r->h, 1);
	rig_step(r);
	ck_assert(ini_group_write(r->ini, "g0", 0, 8 * 512, b, 1, &e));
	/* that the other one has left is on no member: the write is no success */
	ck_assert_int_eq(rig_reply(r, 1, NS_PER_S)->error.kind, INI_E_DEVICE);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->generation, 1);
	fake_gone(r->h, 0);
	rig_step(r);
	fake_back(r->h, 0);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* It is saving another page, perhaps: that is no reason to leave the group, for a while. */
START_TEST(a_page_that_is_busy_is_written_later)
{
	for (unsigned patient = 0; patient < 2; patient++) {
		struct rig *r = rig_new(3, BLOCKS);
		struct ini_error e;
		struct block *b = bytes(8 * 512, 1);

		rig_group(r, 3, true);
		r->h->disk[1].page_busy = patient ? 1000000 : 40;
		fake_gone(r->h, 2);
		rig_step(r);
		ck_assert(ini_group_write(r->ini, "g0", 0, 8 * 512, b, 1, &e));
		ck_assert_int_eq(rig_reply(r, 1, LIMIT)->error.kind, INI_OK);
		ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 2));
		ck_assert_int_eq(rig_in_sync(r, 1), !patient);
		/* 40 times 10 ms; no more than 10 s */
		ck_assert(r->now > NS_PER_S + (patient ? 10 * NS_PER_S : 400 * NS_PER_MS));
		ck_assert(r->now < 15 * NS_PER_S);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

START_TEST(a_read_falls_over_to_another_member)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;
	struct block *b = bytes(64 * 512, 1), *into = block_new(64 * 512);

	rig_group(r, 2, true);
	ck_assert(ini_group_write(r->ini, "g0", 0, 64 * 512, b, 1, &e));
	rig_reply(r, 1, NS_PER_S);
	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 7, .blocks = 2, .reads = true});
	fake_fault(
	        r->h, 1,
	        (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 20, .blocks = 2, .reads = true});
	ck_assert(ini_group_read(r->ini, "g0", 0, 64 * 512, into, 2, &e));
	const struct rig_reply *p = rig_reply(r, 2, 10 * NS_PER_S);
	ck_assert_int_eq(p->error.kind, INI_OK);
	ck_assert_mem_eq(p->data, b->data, 64 * 512);
	fake_fault(r->h, 1,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 8, .blocks = 1, .reads = true});
	ck_assert(ini_group_read(r->ini, "g0", 0, 64 * 512, into, 3, &e));
	p = rig_reply(r, 3, 10 * NS_PER_S);
	ck_assert_int_eq(p->error.kind, INI_E_DEVICE);
	ck_assert_ptr_null(p->data);
	block_unref(b);
	block_unref(into);
	rig_free(r);
}
END_TEST

START_TEST(writes_that_overlap_leave_equal_members)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_error e;

	rig_group(r, 3, true);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_CRC, .times = 9});
	for (uint8_t i = 0; i < 40; i++) { /* the fake asserts that none is beside another */
		struct block *b = bytes(16 * 512, (uint8_t)(i * 5));
		ck_assert(ini_group_write(r->ini, "g0", (i % 7) * 512U * 4, 16 * 512, b, 100 + i,
		                          &e));
		block_unref(b);
	}
	for (uint8_t i = 0; i < 40; i++)
		ck_assert_int_eq(rig_reply(r, 100 + i, 10 * NS_PER_S)->error.kind, INI_OK);
	/* One that has failed for good gets nothing more, until a resync. */
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1) && rig_in_sync(r, 2));
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[2].store, BLOCKS * 512);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	ck_assert_int_eq(rig_job(r, rig_start(r, &s), LIMIT)->conclusion, JOB_SUCCESS);
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, BLOCKS * 512);
	rig_free(r);
}
END_TEST

START_TEST(writes_during_a_resync_reach_the_new_member)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;

	rig_group(r, 1, true);
	ck_assert(ini_group_add_member(r->ini, "g0", "disk1", 1, &e));
	rig_reply(r, 1, NS_PER_S);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	uint32_t id = rig_start(r, &s);
	for (uint8_t i = 0; i < 30; i++) {
		struct block *b = bytes(16 * 512, (uint8_t)(i * 5));
		rig_run(r, NS_PER_MS / 10);
		ck_assert(ini_group_write(r->ini, "g0", (i * 37U % 60) * 512U * 16, 16 * 512, b,
		                          100 + i, &e));
		block_unref(b);
	}
	ck_assert_int_eq(rig_job(r, id, LIMIT)->conclusion, JOB_SUCCESS);
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, BLOCKS * 512);
	ck_assert(rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

/* A resync of disk1 from disk0, halfway: blocks 0..511 were copied. */
static uint32_t half_a_resync(struct rig *r)
{
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	struct ini_error e;

	rig_group(r, 1, true);
	ck_assert(ini_group_add_member(r->ini, "g0", "disk1", 1, &e));
	rig_reply(r, 1, NS_PER_S);
	s.speed_limit = 64 * FAKE_BLOCK; /* a run of 64 blocks a second */
	uint32_t id = rig_start(r, &s);
	while (ini_job_find(r->ini, id)->done < 512 * FAKE_BLOCK)
		rig_run(r, NS_PER_S / 10);
	return id;
}

START_TEST(a_write_that_fails_on_the_new_member_is_copied_again)
{
	for (uint8_t victim = 0; victim < 2; victim++) {
		struct rig *r = rig_new(2, BLOCKS);
		struct ini_error e;
		uint32_t id = half_a_resync(r);
		struct fake_fault f = {.kind = FAULT_MEDIUM, .lba = 100, .blocks = 1, .times = 5};
		struct block *b = bytes(16 * 512, 9);

		/* victim 0: the only member in sync fails the write, the new one has it */
		fake_fault(r->h, victim, f);
		ck_assert(ini_group_write(r->ini, "g0", 96 * 512, 16 * 512, b, 2, &e));
		const struct rig_reply *p = rig_reply(r, 2, NS_PER_S);
		ck_assert_int_eq(p->error.kind, victim ? INI_OK : INI_E_DEVICE);
		block_unref(b);
		const struct ini_job *j = rig_job(r, id, LIMIT);
		ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
		ck_assert_uint_eq(j->t[0].good, BLOCKS);
		ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, BLOCKS * 512);
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
		rig_free(r);
	}
}
END_TEST

/*
 * disk1 and disk2 are copied to; disk1 misses a write and is to be caught up with, in a command
 * that waits for another write to the same blocks. That one fails on disk2, at whatever moment it
 * goes: then disk2 lacks it, too, and is not in sync before it has it.
 */
static void caught_up_behind_a_write(ns_t moment)
{
	struct rig *r = rig_new(3, BLOCKS);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	struct ini_error e;
	struct block *a = bytes(16 * 512, 7), *b = bytes(16 * 512, 9);

	rig_group(r, 1, true);
	for (unsigned i = 1; i < 3; i++) {
		ck_assert(ini_group_add_member(r->ini, "g0", i == 1 ? "disk1" : "disk2", i, &e));
		rig_reply(r, i, NS_PER_S);
	}
	s.window = 1;
	uint32_t id = rig_start(r, &s);
	while (ini_job_find(r->ini, id)->done < (BLOCKS - 128) * FAKE_BLOCK)
		rig_step(r), rig_run(r, NS_PER_US * 100);
	fake_gone(r->h, 1);
	rig_step(r);
	ck_assert(ini_group_write(r->ini, "g0", 0, 16 * 512, a, 10, &e));
	ck_assert_int_eq(rig_reply(r, 10, LIMIT)->error.kind, INI_OK);
	fake_back(r->h, 1);
	rig_run(r, moment);
	ck_assert(ini_group_write(r->ini, "g0", 0, 16 * 512, b, 11, &e));
	rig_run(r, NS_PER_US * 50);
	fake_gone(r->h, 2);
	ck_assert_int_eq(rig_reply(r, 11, LIMIT)->error.kind, INI_OK);
	fake_back(r->h, 2);
	(void)rig_job(r, id, LIMIT);
	for (unsigned i = 1; i < 3; i++)
		ck_assert_msg(!rig_in_sync(r, i) || memcmp(r->h->disk[0].store, r->h->disk[i].store,
		                                           BLOCKS * 512) == 0,
		              "disk%u is in sync, and is not what disk0 is", i);
	block_unref(a);
	block_unref(b);
	rig_free(r);
}

START_TEST(what_a_catch_up_waits_for_may_be_missed_by_another)
{
	for (ns_t moment = 0; moment < 3 * NS_PER_MS; moment += 100 * NS_PER_US)
		caught_up_behind_a_write(moment);
}
END_TEST

START_TEST(a_changed_medium_makes_a_member_stale)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct scsi_cdb read = {.op = OP_READ_10}, write = {.op = OP_WRITE_10};

	rig_group(r, 2, true);
	ini_medium_changed(r->ini, 1, &read);
	ck_assert(rig_in_sync(r, 1));
	ini_medium_changed(r->ini, 9, &write);
	ini_medium_changed(r->ini, 1, &write);
	rig_run(r, NS_PER_S);
	ck_assert(!rig_in_sync(r, 1) && rig_in_sync(r, 0));
	ck_assert_int_eq(r->saved[0].m[1].state, MEMBER_STALE);
	rig_free(r);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const plain[] = {
	        refusals,
	        create_writes_page_30h_and_the_state,
	        assume_clean,
	        a_create_that_fails_leaves_nothing,
	        delete_clears_the_pages,
	        members_are_added_and_removed,
	        settings,
	        import,
	        who_misses_a_change_looks_older,
	        who_may_have_the_new_generation_gets_no_equal,
	        a_generation_that_nobody_could_be_told_is_owed,
	        a_generation_that_is_owed_outlives_the_daemon,
	        a_generation_that_nobody_took_is_owed,
	        a_change_behind_one_that_nobody_was_told_of,
	        a_stale_member_does_not_look_as_good_as_the_others,
	        a_generation_beyond_all_sense_is_nobodys,
	        no_write_is_acknowledged_on_a_state_that_was_not_saved,
	        import_of_unequal_generations_is_stale,
	        import_by_name_of_one_of_two,
	        a_bad_saved_group_is_refused,
	        write_read_flush,
	        io_refusals,
	        a_member_that_fails_is_stale_before_the_write_is_acknowledged,
	        what_the_member_that_stays_lacks_is_not_acknowledged,
	        nothing_that_a_stale_member_lacks_is_acknowledged_early,
	        a_write_that_cannot_be_made_durable_is_no_success,
	        a_write_that_fails_everywhere_is_an_error_and_keeps_one_member,
	        a_page_that_cannot_be_written_does_not_cost_the_last_member,
	        a_page_that_is_busy_is_written_later,
	        what_a_catch_up_waits_for_may_be_missed_by_another,
	        a_read_falls_over_to_another_member,
	        writes_that_overlap_leave_equal_members,
	        writes_during_a_resync_reach_the_new_member,
	        a_write_that_fails_on_the_new_member_is_copied_again,
	        a_changed_medium_makes_a_member_stale};
	Suite *suite = tap_suite("groups", plain, ARRAY_LEN(plain));
	TCase *each = tcase_create("imports");

	tcase_add_loop_test(each, what_cannot_be_imported, 0, ARRAY_LEN(no_imports));
	suite_add_tcase(suite, each);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
