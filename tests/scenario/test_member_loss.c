/* SPDX-License-Identifier: BSD-2-Clause */
/* Members and buses that go and come back while jobs run. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCKS 2048
#define LIMIT  (300 * NS_PER_S)

static struct rig *running(unsigned n, uint32_t *id)
{
	struct rig *r = rig_new(n, BLOCKS);

	rig_group(r, n, false);
	*id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	while (ini_job_find(r->ini, *id)->done < BLOCKS * FAKE_BLOCK / 4)
		rig_run(r, NS_PER_MS / 20);
	return r;
}

START_TEST(a_member_goes_for_good)
{
	uint32_t id;
	struct rig *r = running(3, &id);
	ns_t start = r->now;

	fake_gone(r->h, 1);
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_PARTIAL);
	ck_assert_uint_lt(r->now - start, 5 * NS_PER_S); /* not a wait for each run */
	ck_assert_uint_eq(j->done, j->total);
	ck_assert_uint_eq(j->t[1].good + j->t[1].bad, BLOCKS);
	ck_assert_uint_gt(j->t[1].good, 0);
	ck_assert_uint_gt(j->t[1].bad, 0);
	ck_assert_uint_eq(j->t[1].n_runs, 1);
	ck_assert_uint_eq(j->t[1].runs[0].status, 0xff);
	ck_assert(rig_holds(r, 0) && rig_holds(r, 2));
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1) && rig_in_sync(r, 2));
	rig_free(r);
}
END_TEST

START_TEST(the_leader_goes_for_good)
{
	uint32_t id;
	struct rig *r = running(3, &id);

	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_DIE});
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_PARTIAL);
	ck_assert(rig_holds(r, 1) && rig_holds(r, 2));
	ck_assert_uint_eq(j->t[0].good + j->t[0].bad, BLOCKS);
	ck_assert_uint_eq(j->t[1].bad + j->t[2].bad, 0);
	rig_free(r);
}
END_TEST

START_TEST(a_member_that_comes_back_is_caught_up)
{
	uint32_t id;
	struct rig *r = running(3, &id);

	fake_gone(r->h, 1);
	while (ini_job_find(r->ini, id)->done < BLOCKS * FAKE_BLOCK / 2)
		rig_run(r, NS_PER_MS / 20);
	fake_back(r->h, 1);
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->t[1].good, BLOCKS);
	ck_assert_uint_gt(j->t[1].resent, 0);
	ck_assert(rig_holds(r, 1) && rig_in_sync(r, 1));
	ck_assert_uint_gt(fake_count(r->h, OP_READ_16, -1), 0);
	rig_free(r);
}
END_TEST

START_TEST(a_catch_up_takes_what_the_others_have)
{
	uint32_t id;
	struct rig *r = running(3, &id);

	fake_gone(r->h, 1);
	while (ini_job_find(r->ini, id)->done < BLOCKS * FAKE_BLOCK / 2)
		rig_run(r, NS_PER_MS / 20);
	memset(r->image, 0x11, r->image_len); /* the image changes under the job */
	fake_back(r->h, 1);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	for (unsigned i = 1; i < 3; i++)
		ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[i].store, BLOCKS * FAKE_BLOCK);
	rig_free(r);
}
END_TEST

/* disk0 has the image as it was, and goes just when disk1, which has missed it, comes back. It is
 * waited for; if it comes too late, disk1 has the image as it is by then, and disk0 is stale. */
START_TEST(a_catch_up_waits_for_who_has_it)
{
	for (unsigned late = 0; late < 2; late++) {
		struct rig *r = rig_new(2, BLOCKS);

		rig_group(r, 2, true);
		rig_run(r, NS_PER_S);
		r->h->latency_ns = 10 * NS_PER_MS;
		uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
		rig_run(r, 25 * NS_PER_MS);
		fake_gone(r->h, 1);
		while (r->h->disk[0].written < BLOCKS)
			rig_run(r, NS_PER_MS);
		memset(r->image, 0x33, r->image_len);
		rig_run(r, 10 * NS_PER_MS);
		fake_gone(r->h, 0);
		fake_back(r->h, 1);
		rig_run(r, late ? 10 * NS_PER_S : 15 * NS_PER_MS);
		fake_back(r->h, 0);
		rig_concludes(r, id, LIMIT, late ? JOB_PARTIAL : JOB_SUCCESS);
		rig_run(r, 60 * NS_PER_S);
		ck_assert(rig_in_sync(r, 0) == !late && rig_in_sync(r, 1));
		if (late)
			ck_assert_uint_eq(r->h->disk[1].store[BLOCKS * FAKE_BLOCK - 1], 0x33);
		else
			ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store,
			                 BLOCKS * FAKE_BLOCK);
		rig_free(r);
	}
}
END_TEST

/* Blocks that nobody has are read from the image again, and go to all alike; others come from the
 * member that has them. */
START_TEST(members_that_missed_different_blocks_end_equal)
{
	struct rig *r = rig_new(2, BLOCKS);
	rig_group(r, 2, false);
	rig_image(r, BLOCKS * FAKE_BLOCK, 3);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);
	s.speed_limit = 64 * FAKE_BLOCK; /* a run of 64 blocks a second */
	uint32_t id = rig_start(r, &s);

	/* disk0 has 0..99 when it goes, disk1 0..127 and, later, others */
	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 100, .blocks = 1, .times = 1});
	while (r->h->disk[0].fault[0].kind != FAULT_NONE)
		rig_run(r, NS_PER_MS / 10);
	fake_gone(r->h, 0);
	rig_run(r, NS_PER_S / 2);
	fake_gone(r->h, 1);
	rig_run(r, 3 * NS_PER_S);
	fake_back(r->h, 1);
	rig_run(r, 3 * NS_PER_S);
	memset(r->image, 0x44, r->image_len);
	fake_back(r->h, 0);
	rig_step(r);
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, BLOCKS * FAKE_BLOCK);
	ck_assert_uint_ne(r->h->disk[0].store[127 * FAKE_BLOCK], 0x44);
	ck_assert_uint_eq(r->h->disk[0].store[128 * FAKE_BLOCK], 0x44);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_uint_eq(j->t[i].good, BLOCKS);
	rig_free(r);
}
END_TEST

START_TEST(a_catch_up_that_fails_is_partial)
{
	uint32_t id;
	struct rig *r = running(2, &id);

	fake_gone(r->h, 1);
	while (ini_job_find(r->ini, id)->done < BLOCKS * FAKE_BLOCK / 2)
		rig_run(r, NS_PER_MS / 20);
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 700, .blocks = 3});
	fake_back(r->h, 1);
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_PARTIAL);
	ck_assert_uint_eq(j->t[1].bad, 3);
	ck_assert_uint_eq(j->t[1].good, BLOCKS - 3);
	ck_assert_uint_eq(j->t[1].runs[0].lba, 700);
	rig_free(r);
}
END_TEST

START_TEST(the_bus_goes_and_comes_back)
{
	uint32_t id;
	struct rig *r = running(3, &id);

	fake_bus_down(r->h);
	rig_run(r, 3 * NS_PER_S);
	ck_assert_int_eq(ini_job_find(r->ini, id)->state, JOB_RUNNING);
	r->h->up = true;
	rig_run(r, NS_PER_MS);
	fake_back(r->h, 2); /* one after another */
	rig_run(r, NS_PER_S);
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	fake_back(r->h, 0);
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(rig_holds(r, (uint8_t)i) && rig_in_sync(r, i));
		ck_assert_uint_eq(j->t[i].good, BLOCKS);
	}
	rig_free(r);
}
END_TEST

/* Its time is not up, and nothing has to be waited for any more. */
START_TEST(a_read_goes_on_when_the_bus_is_back)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;
	struct block *b = rig_bytes(FAKE_BLOCK, 1), *into = block_new(FAKE_BLOCK);

	rig_group(r, 2, true);
	rig_write(r, 0, b, NS_PER_S, INI_OK);
	ck_assert(ini_group_read(r->ini, "g0", 0, FAKE_BLOCK, into, 7, &e));
	rig_step(r);
	fake_bus_down(r->h);
	rig_run(r, NS_PER_S / 10);
	fake_bus_up(r->h);
	ns_t back = r->now;
	const struct rig_reply *p = rig_reply(r, 7, LIMIT);
	ck_assert_int_eq(p->error.kind, INI_OK);
	ck_assert_mem_eq(p->data, b->data, FAKE_BLOCK);
	ck_assert_uint_lt(r->now - back, NS_PER_S);
	block_unref(b);
	block_unref(into);
	rig_free(r);
}
END_TEST

START_TEST(the_bus_stays_away)
{
	uint32_t id;
	struct rig *r = running(3, &id);
	ns_t start = r->now;

	fake_bus_down(r->h);
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_FAILED);
	ck_assert_uint_ge(r->now - start, 10 * NS_PER_S);
	ck_assert_uint_lt(r->now - start, 15 * NS_PER_S);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(j->t[i].good + j->t[i].bad, BLOCKS);
		ck_assert(!rig_in_sync(r, i));
	}
	fake_bus_up(r->h);
	rig_step(r);
	rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

START_TEST(after_a_reset_what_is_unacknowledged_is_sent_again)
{
	uint32_t id;
	struct rig *r = running(3, &id);

	for (unsigned i = 0; i < 20; i++) {
		rig_run(r, i * NS_PER_MS / 8);
		fake_reset(r->h);
	}
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_gt(j->resend_passes, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(rig_holds(r, (uint8_t)i));
	rig_free(r);
}
END_TEST

/* Also in the moments in which page 30h is being written. */
START_TEST(a_reset_at_any_time_costs_nothing)
{
	for (unsigned at = 0; at < 60; at++) {
		struct rig *r = rig_new(3, BLOCKS);
		rig_group(r, 3, at % 2);
		uint32_t id = rig_mirror(r, 4 * 64 * FAKE_BLOCK);
		rig_run(r, at * 25 * NS_PER_US);
		fake_reset(r->h);
		rig_concludes(r, id, LIMIT, JOB_SUCCESS);
		rig_run(r, 20 * NS_PER_S);
		for (unsigned i = 0; i < 3; i++) {
			ck_assert(rig_holds(r, (uint8_t)i) && rig_in_sync(r, i));
			ck_assert_uint_eq(r->h->target[i].member.generation,
			                  ini_group_find(r->ini, "g0")->generation);
		}
		rig_free(r);
	}
}
END_TEST

START_TEST(a_rescan_is_waited_for)
{
	uint32_t id;
	struct rig *r = running(3, &id);

	r->h->disk[1].scanning = true;
	r->h->target[1].state = HBA_SCANNING;
	r->h->on_target(r->h->target_ctx, 1);
	rig_run(r, NS_PER_S);
	ck_assert_uint_lt(ini_job_find(r->ini, id)->done, BLOCKS * FAKE_BLOCK);
	r->h->target[1].state = HBA_READY;
	r->h->on_target(r->h->target_ctx, 1);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

static void scans(struct rig *r, uint8_t id, bool does)
{
	r->h->disk[id].scanning = does;
	r->h->target[id].state = does ? HBA_SCANNING : HBA_ABSENT;
	r->h->on_target(r->h->target_ctx, id);
	rig_step(r);
}

/* Targets that are started and end before they are there, again and again, in turn: so that one of
 * them is always about to come when the group's change looks at who is still to be told of it. */
START_TEST(rescans_are_not_waited_for_without_end)
{
	struct rig *r = rig_new(4, BLOCKS);
	struct ini_error e;
	unsigned i;

	rig_group(r, 4, true);
	unsigned replies = r->n_replies;
	scans(r, 2, true);
	rig_run(r, 5 * NS_PER_S);
	scans(r, 1, true);
	ck_assert(ini_group_remove_member(r->ini, "g0", "disk3", 7, &e));
	for (i = 0; i < 300 && r->n_replies == replies; i++) {
		rig_run(r, NS_PER_S);
		scans(r, 1, i % 2 == 0);
		scans(r, 2, i % 2 == 0);
	}
	ck_assert_uint_lt(i, 60);
	ck_assert_int_eq(rig_reply(r, 7, NS_PER_S)->error.kind, INI_OK);
	rig_free(r);
}
END_TEST

START_TEST(a_write_that_may_still_land_bars_its_member)
{
	uint32_t id;
	struct rig *r = running(3, &id);
	struct fake_fault f = {.kind = FAULT_NO_STATUS, .times = 1, .unaborted = true};

	fake_fault(r->h, 1, f);
	while (r->h->disk[1].fault[0].kind != FAULT_NONE)
		rig_run(r, NS_PER_MS / 20);
	unsigned count = fake_count(r->h, OP_WRITE_16, 1);
	rig_concludes(r, id, LIMIT, JOB_PARTIAL);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, 1), count);
	ck_assert(!rig_in_sync(r, 1) && rig_in_sync(r, 0));
	/* the next job makes an end of the old write first */
	id = rig_mirror(r, BLOCKS * FAKE_BLOCK);
	rig_step(r);
	ck_assert_uint_eq(r->h->resets, 1);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, 1), count);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

/* It is still in the same attach after a scan, as another entry of the group's table, or as a
 * member of another group. */
START_TEST(what_may_still_land_is_not_forgotten)
{
	static const char *const members[] = {"disk0", "disk1"};
	static const uint8_t uuid[UUID_LEN] = {0xbb, 1};

	for (unsigned i = 0; i < 4; i++) {
		struct rig *r = rig_new(2, BLOCKS);
		struct block *b = rig_bytes(FAKE_BLOCK, 7);
		struct ini_error e;

		rig_group(r, 2, true);
		fake_fault(r->h, 1,
		           (struct fake_fault){.kind = FAULT_NO_STATUS, .unaborted = true});
		rig_write(r, 0, b, LIMIT, INI_OK);
		fake_clear_faults(r->h, 1);
		ck_assert(!rig_in_sync(r, 1));
		if (i == 1) {
			r->h->target[1].state = HBA_SCANNING;
			r->h->scan_ends = r->now + NS_PER_MS;
			r->h->on_target(r->h->target_ctx, 1);
			rig_run(r, 10 * NS_PER_MS);
		} else if (i == 2) {
			rig_replies(r, ini_group_remove_member(r->ini, "g0", "disk1", 7, &e), &e, 7,
			            LIMIT, INI_OK);
			rig_add(r, "disk1");
		} else if (i == 3) {
			rig_replies(r, ini_group_delete(r->ini, "g0", 7, &e), &e, 7, LIMIT, INI_OK);
			rig_replies(r,
			            ini_group_create(r->ini, "g0", members, 2, INI_SILENT, false,
			                             uuid, 8, &e),
			            &e, 8, LIMIT, INI_OK);
		}
		ck_assert_uint_eq(r->h->resets, 0);
		if (i == 3)
			rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
		else
			rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
		ck_assert_uint_eq(r->h->resets, 1);
		/* and that is the end of it */
		rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
		ck_assert_uint_eq(r->h->resets, 1);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

START_TEST(members_are_known_by_uuid)
{
	uint32_t id;
	struct rig *r = running(3, &id);

	fake_move(r->h, 1, 9);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(rig_member(r, 1)->id, 9);
	ck_assert(rig_holds(r, 9));
	rig_free(r);
}
END_TEST

START_TEST(all_members_go)
{
	uint32_t id;
	struct rig *r = running(2, &id);

	fake_gone(r->h, 0);
	fake_gone(r->h, 1);
	ns_t start = r->now;
	rig_concludes(r, id, LIMIT, JOB_FAILED);
	ck_assert_uint_lt(r->now - start, 5 * NS_PER_S);
	rig_free(r);
}
END_TEST

START_TEST(all_come_back_and_the_image_is_read_again)
{
	uint32_t id;
	struct rig *r = running(2, &id);

	fake_gone(r->h, 0);
	fake_gone(r->h, 1);
	rig_run(r, NS_PER_S);
	fake_back(r->h, 0);
	fake_back(r->h, 1);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert(rig_holds(r, 0) && rig_holds(r, 1));
	rig_free(r);
}
END_TEST

START_TEST(flapping_members_end_truthfully)
{
	for (unsigned seed = 0; seed < 20; seed++) {
		uint32_t id;
		struct rig *r = running(3, &id);
		for (unsigned i = 0; i < 12; i++) {
			uint8_t who = (uint8_t)((seed * 7 + i * 5) % 3);
			if (r->h->target[who].state == HBA_READY)
				fake_gone(r->h, who);
			else
				fake_back(r->h, who);
			rig_run(r, (seed + 1) * NS_PER_MS / 15);
		}
		const struct ini_job *j = rig_job(r, id, LIMIT);
		for (unsigned i = 0; i < 3; i++) {
			ck_assert_uint_eq(j->t[i].good + j->t[i].bad, BLOCKS);
			ck_assert_int_eq(rig_in_sync(r, i), j->t[i].bad == 0);
			if (rig_in_sync(r, i))
				ck_assert(rig_holds(r, (uint8_t)i));
		}
		rig_free(r);
	}
}
END_TEST

START_TEST(a_member_of_an_older_generation_is_stale)
{
	uint32_t id;
	struct rig *r = running(3, &id);

	rig_job(r, id, LIMIT);
	uint64_t generation = r->h->target[1].member.generation;
	fake_gone(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 1)); /* nothing was written meanwhile */
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 1));
	fake_gone(r->h, 1);
	r->h->target[1].member.generation = generation - 1; /* an old copy of the disk */
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert(!rig_in_sync(r, 1));
	ck_assert_ptr_nonnull(strstr(rig_member(r, 1)->why, "older"));
	ck_assert_uint_eq(r->h->target[1].member.generation, 0);
	ck_assert_uint_eq(r->h->target[0].member.generation,
	                  ini_group_find(r->ini, "g0")->generation);
	rig_free(r);
}
END_TEST

START_TEST(a_crash_between_page_and_state_is_survived)
{
	uint32_t id;
	struct rig *r = running(3, &id);

	rig_job(r, id, LIMIT);
	/* disk1 left the in-sync set on the pages of the others, the state was not saved */
	r->h->target[0].member.generation++;
	r->h->target[2].member.generation++;
	rig_restart(r);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1) && rig_in_sync(r, 2));
	rig_free(r);
}
END_TEST

/* The state is not to trust disk1 at the next crash, though disk1 came before what shows that it
 * must not. */
START_TEST(what_a_newer_generation_shows_is_saved)
{
	uint32_t id;
	struct rig *r = running(3, &id);

	rig_job(r, id, LIMIT);
	r->h->target[0].member.generation++;
	r->h->target[2].member.generation++;
	fake_gone(r->h, 0);
	fake_gone(r->h, 2);
	rig_restart(r);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 1));
	fake_back(r->h, 0);
	fake_back(r->h, 2);
	rig_run(r, NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1) && rig_in_sync(r, 2));
	ck_assert_uint_eq(r->n_saved, 1);
	ck_assert_int_eq(r->saved[0].m[1].state, MEMBER_STALE);
	rig_free(r);
}
END_TEST

START_TEST(a_disk_taken_over_by_another_group_is_not_touched)
{
	uint32_t id;
	struct rig *r = running(2, &id);

	rig_job(r, id, LIMIT);
	fake_gone(r->h, 1);
	rig_run(r, NS_PER_S);
	r->h->target[1].member.group_uuid[3] ^= 1;
	fake_back(r->h, 1);
	rig_run(r, NS_PER_S);
	ck_assert(!rig_in_sync(r, 1));
	ck_assert_uint_eq(rig_member(r, 1)->id, WIRE_NO_ID);
	ck_assert_uint_ne(r->h->target[1].member.generation, 0);
	rig_free(r);
}
END_TEST

/* Each of two writes fails on another of the two members: one member stays in sync, and what only
 * the other one took was not written. */
START_TEST(two_writes_fail_on_two_members)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct ini_error e;
	struct block *b = block_new(FAKE_BLOCK);

	rig_group(r, 2, true);
	memset(b->data, 0x5c, b->len);
	for (uint8_t i = 0; i < 2; i++)
		fake_fault(r->h, i,
		           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = i, .blocks = 1});
	for (uint64_t i = 0; i < 2; i++)
		ck_assert(
		        ini_group_write(r->ini, "g0", i * FAKE_BLOCK, FAKE_BLOCK, b, 100 + i, &e));
	bool good[2];
	for (unsigned i = 0; i < 2; i++)
		good[i] = rig_reply(r, 100 + i, LIMIT)->error.kind == INI_OK;
	ck_assert(rig_in_sync(r, 0) != rig_in_sync(r, 1));
	unsigned left = rig_in_sync(r, 0) ? 0 : 1;
	ck_assert(!good[left] && good[!left]);
	ck_assert_mem_eq(r->h->disk[left].store + !left * FAKE_BLOCK, b->data, FAKE_BLOCK);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* What it lost was written before, and may be anything: it leaves, and all of it is to be copied.
 */
START_TEST(a_deferred_error)
{
	struct rig *r = rig_new(2, BLOCKS);
	struct block *b = rig_bytes(FAKE_BLOCK, 9);

	rig_group(r, 2, true);
	fake_fault(r->h, 1,
	           (struct fake_fault){.kind = FAULT_SENSE,
	                               .key = KEY_RECOVERED_ERROR,
	                               .times = 1,
	                               .deferred = true});
	rig_write(r, 0, b, LIMIT, INI_OK);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	ck_assert(!rig_member(r, 1)->logged);
	(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(r, 1));
	block_unref(b);
	rig_free(r);
}
END_TEST

TAP_MAIN("member_loss", a_deferred_error, what_may_still_land_is_not_forgotten,
         a_member_goes_for_good, the_leader_goes_for_good, a_member_that_comes_back_is_caught_up,
         a_catch_up_takes_what_the_others_have, a_catch_up_waits_for_who_has_it,
         members_that_missed_different_blocks_end_equal, a_catch_up_that_fails_is_partial,
         the_bus_goes_and_comes_back, a_read_goes_on_when_the_bus_is_back, the_bus_stays_away,
         after_a_reset_what_is_unacknowledged_is_sent_again, a_reset_at_any_time_costs_nothing,
         a_rescan_is_waited_for, rescans_are_not_waited_for_without_end,
         a_write_that_may_still_land_bars_its_member, members_are_known_by_uuid, all_members_go,
         all_come_back_and_the_image_is_read_again, two_writes_fail_on_two_members,
         flapping_members_end_truthfully, a_member_of_an_older_generation_is_stale,
         what_a_newer_generation_shows_is_saved, a_crash_between_page_and_state_is_survived,
         a_disk_taken_over_by_another_group_is_not_touched);
