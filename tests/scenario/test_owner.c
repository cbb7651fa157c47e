/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose a group is, by page 30h: no two initiators on a bus serve it, and who takes it over copies
 * what the one before may have had in flight. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)

static struct rig *group_of(unsigned n)
{
	struct rig *r = rig_new(n, BLOCKS);

	rig_group(r, n, true);
	rig_run(r, NS_PER_S);
	return r;
}

/* What another daemon leaves on this disk that has taken the group over: in sync, or not (0). */
static void taken_over(struct rig *r, uint8_t id, uint64_t generation)
{
	r->h->target[id].member.term = (uint16_t)(r->h->target[id].member.term + 1);
	memcpy(r->h->target[id].member.owner, r->h->other_uuid, UUID_LEN);
	r->h->target[id].member.generation = generation;
	fake_back(r->h, id); /* it is inquired again, by UNIT ATTENTION */
}

static bool owned_by_us(const struct rig *r, uint8_t id)
{
	return memcmp(r->h->target[id].member.owner, r->h->own_uuid, UUID_LEN) == 0;
}

static uint64_t generation_of(const struct rig *r)
{
	return ini_group_find(r->ini, "g0")->generation;
}

START_TEST(who_makes_a_group_owns_it)
{
	struct rig *r = group_of(2);

	ck_assert(owned_by_us(r, 0) && owned_by_us(r, 1));
	ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, "");
	rig_free(r);
}
END_TEST

/* Pages of before there was an owner: they get one, and nothing else changes. */
START_TEST(pages_that_name_nobody_are_ours)
{
	struct rig *r = group_of(2);
	uint64_t before = generation_of(r);

	for (unsigned i = 0; i < 2; i++)
		memset(r->h->target[i].member.owner, 0, UUID_LEN);
	rig_restart(r);
	rig_run(r, NS_PER_S);
	ck_assert(owned_by_us(r, 0) && owned_by_us(r, 1));
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert_uint_eq(generation_of(r), before);
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->intent.dirty, 0);
	rig_free(r);
}
END_TEST

/* Everything but giving it up is refused, by name, and nothing is written to a member; pages stay
 * as they are. `restart`: the daemon starts when it is so; else it is while it serves the group. */
static void served_by_another(bool restart)
{
	struct rig *r = group_of(2);
	struct block *b = rig_bytes(512, 3);
	struct ini_group_set set = {.has_window = true, .window = 2};
	struct ini_job_spec spec = rig_spec(r, JOB_VERIFY);
	struct ini_error e;
	uint64_t gen = generation_of(r);
	const char *says = "group g0 is served by initiator another (SCSI ID 6)";

	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_other(r->h, "another");
	if (restart)
		rig_restart(r);
	for (uint8_t i = 0; i < 2; i++)
		taken_over(r, i, gen + 1);
	rig_run(r, NS_PER_S);
	unsigned writes = fake_count(r->h, OP_WRITE_16, -1);
	ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, "another");
	rig_refused(ini_group_write(r->ini, "g0", 0, 512, b, 5, &e), &e, INI_E_BUSY, says);
	rig_refused(ini_group_read(r->ini, "g0", 0, 512, b, 5, &e), &e, INI_E_BUSY, says);
	rig_refused(ini_group_flush(r->ini, "g0", 5, &e), &e, INI_E_BUSY, says);
	rig_refused(ini_group_set(r->ini, "g0", &set, 5, &e), &e, INI_E_BUSY, says);
	rig_refused(ini_group_remove_member(r->ini, "g0", "disk1", 5, &e), &e, INI_E_BUSY, says);
	rig_refused(ini_group_add_member(r->ini, "g0", "disk1", 5, &e), &e, INI_E_BUSY, says);
	rig_refused(ini_job_create(r->ini, &spec, &e) != 0, &e, INI_E_BUSY, says);
	rig_run(r, LIMIT);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, -1), writes);
	for (uint8_t i = 0; i < 2; i++) {
		ck_assert(!owned_by_us(r, i));
		ck_assert_uint_eq(r->h->target[i].member.generation, gen + 1);
		ck_assert(rig_in_sync(r, i));
	}
	rig_replies(r, ini_group_delete(r->ini, "g0", 6, &e), &e, 6, LIMIT, INI_OK);
	ck_assert(r->h->target[0].member.member && r->h->target[1].member.member);
	block_unref(b);
	rig_free(r);
}

START_TEST(a_group_that_another_serves_is_refused)
{
	served_by_another(true);
	served_by_another(false);
}
END_TEST

/* A write is on its way when the group is taken over: it is not acknowledged. */
START_TEST(a_write_in_flight_when_it_is_taken_over)
{
	struct rig *r = group_of(2);
	struct block *b = rig_bytes(512, 3);

	r->h->latency_ns = 10 * NS_PER_MS;
	uint64_t gen = generation_of(r);
	uint64_t token = rig_begin_write(r, 0, b);
	rig_run(r, NS_PER_MS);
	fake_bus_down(r->h);
	rig_step(r);
	r->h->up = true;
	fake_other(r->h, "another");
	for (uint8_t i = 0; i < 2; i++)
		taken_over(r, i, gen + 1);
	ck_assert_int_eq(rig_reply(r, token, LIMIT)->error.kind, INI_E_BUSY);
	for (uint8_t i = 0; i < 2; i++)
		ck_assert(!owned_by_us(r, i) && rig_in_sync(r, i));
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Who had served it has left the bus: what it knew is its pages', and what it had in flight is
 * nobody's, so all is copied. disk1 was stale for us, and the only one in sync for the other. */
START_TEST(who_has_left_is_succeeded)
{
	struct rig *r = group_of(3);
	struct block *b = rig_bytes(512, 3);

	fake_gone(r->h, 1);
	rig_step(r);
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert(!rig_in_sync(r, 1));
	uint64_t gen = generation_of(r);
	fake_other(r->h, "another");
	taken_over(r, 0, 0);
	taken_over(r, 1, gen + 5);
	taken_over(r, 2, 0);
	memset(r->h->disk[1].store, 0x5c, (size_t)BLOCKS * FAKE_BLOCK);
	rig_run(r, NS_PER_S);
	ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, "another");
	fake_other(r->h, NULL);
	rig_run(r, LIMIT);
	ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, "");
	ck_assert(!rig_in_sync(r, 0) && rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	ck_assert_uint_gt(generation_of(r), gen + 5);
	ck_assert(owned_by_us(r, 0) && owned_by_us(r, 1) && owned_by_us(r, 2));
	(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	for (unsigned i = 0; i < 3; i += 2)
		ck_assert_mem_eq(r->h->disk[i].store, r->h->disk[1].store,
		                 (size_t)BLOCKS * FAKE_BLOCK);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* The other one has left members as they were, with a write that only one of them took. */
START_TEST(what_the_other_one_had_in_flight_is_made_equal)
{
	struct rig *r = group_of(2);
	uint64_t gen = generation_of(r);

	fake_other(r->h, "another");
	for (uint8_t i = 0; i < 2; i++)
		taken_over(r, i, gen);
	rig_run(r, NS_PER_S);
	memset(r->h->disk[1].store + 99 * FAKE_BLOCK, 0x77, FAKE_BLOCK);
	fake_other(r->h, NULL);
	rig_run(r, LIMIT);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, (size_t)BLOCKS * FAKE_BLOCK);
	ck_assert_uint_gt(r->h->target[0].member.generation, gen);
	ck_assert_uint_gt(r->h->target[1].member.generation, gen);
	rig_free(r);
}
END_TEST

/* By force, beside the one that serves it: that one's pages are not the latest any more. Of a
 * member that was away, and still names the one before, nothing is believed. */
START_TEST(an_import_by_force)
{
	struct rig *r = group_of(3);
	struct block *b = rig_bytes(512, 3);
	struct ini_error e;
	uint64_t gen = generation_of(r);

	r->n_saved = 0;
	fake_other(r->h, "another");
	for (uint8_t i = 0; i < 3; i++)
		taken_over(r, i, gen);
	uint16_t term = r->h->target[0].member.term;
	fake_gone(r->h, 0);
	rig_restart(r);
	rig_refused(ini_group_import(r->ini, "g0", NULL, false, 2, &e), &e, INI_E_BUSY,
	            "initiator another (SCSI ID 6) serves this group: stop it first");
	bool taken = ini_group_import(r->ini, "g0", NULL, true, 3, &e);
	fake_other(r->h, "another"); /* who serves it is looked at before its pages are written */
	rig_replies(r, taken, &e, 3, LIMIT, INI_OK);
	for (uint8_t i = 1; i < 3; i++) {
		ck_assert(owned_by_us(r, i));
		ck_assert_uint_gt(r->h->target[i].member.term, term);
	}
	ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, "");
	rig_image(r, BLOCKS * 512, 1);
	rig_concludes(r, rig_mirror(r, BLOCKS * 512), LIMIT, JOB_SUCCESS);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_back(r->h, 0); /* it is no member: the import did not see it */
	rig_run(r, NS_PER_S);
	ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, "");
	rig_write(r, 0, b, LIMIT, INI_OK);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* disk2 was away when we succeeded the other one, which comes back on the bus before disk2 does:
 * its page, of before, does not make the group the other one's, who sees ours. */
START_TEST(a_page_of_before_counts_no_more)
{
	struct rig *r = group_of(3);
	struct block *b = rig_bytes(512, 3);
	uint64_t gen = generation_of(r);

	fake_other(r->h, "another");
	for (uint8_t i = 0; i < 3; i++)
		taken_over(r, i, gen + 1);
	rig_run(r, NS_PER_S);
	fake_gone(r->h, 2);
	fake_other(r->h, NULL);
	rig_run(r, LIMIT);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_other(r->h, "another");
	fake_back(r->h, 2);
	rig_run(r, NS_PER_S);
	ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, "");
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) && !rig_in_sync(r, 2));
	ck_assert(owned_by_us(r, 2));
	rig_write(r, 0, b, LIMIT, INI_OK);
	/* and so it is after a start, by the state file, should it see that page first */
	for (uint8_t i = 0; i < 2; i++)
		fake_gone(r->h, i);
	memcpy(r->h->target[2].member.owner, r->h->other_uuid, UUID_LEN);
	r->h->target[2].member.term = 2;
	rig_restart(r);
	rig_run(r, NS_PER_S);
	ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, "");
	block_unref(b);
	rig_free(r);
}
END_TEST

/* Two have taken the group in one term: one has it, whoever looks. */
START_TEST(a_tie_is_one_s)
{
	for (unsigned lesser = 0; lesser < 2; lesser++) {
		struct rig *r = group_of(2);
		uint64_t gen = generation_of(r);

		r->h->other_uuid[0] = lesser ? 0x01 : 0xff;
		fake_other(r->h, "another");
		taken_over(r, 1, gen + 1);
		r->h->target[1].member.term = 1;
		rig_run(r, NS_PER_S);
		ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, lesser ? "another" : "");
		ck_assert(owned_by_us(r, 1) == !lesser);
		rig_free(r);
	}
}
END_TEST

TAP_MAIN("owner", a_page_of_before_counts_no_more, a_tie_is_one_s, who_makes_a_group_owns_it,
         pages_that_name_nobody_are_ours, a_group_that_another_serves_is_refused,
         a_write_in_flight_when_it_is_taken_over, who_has_left_is_succeeded,
         what_the_other_one_had_in_flight_is_made_equal, an_import_by_force);
