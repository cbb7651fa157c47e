/* SPDX-License-Identifier: BSD-2-Clause */
/* A client's own commands to members: when they may go out, who is trusted after them. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)
#define WHOLE  (BLOCKS * FAKE_BLOCK)

static struct rig *group(unsigned n)
{
	struct rig *r = rig_new(n, BLOCKS);

	rig_group(r, n, true);
	rig_run(r, NS_PER_S);
	return r;
}

/* Of those the test makes itself. */
static bool has_replied(const struct rig *r, uint64_t token)
{
	for (unsigned i = 0; i < r->n_replies; i++)
		if (r->reply[i].token == token)
			return true;
	return false;
}

static void begin(struct rig *r, struct ini_bypass *b, uint8_t id, uint64_t token)
{
	struct ini_error e;

	*b = (struct ini_bypass){.id = id};
	ini_bypass_begin(r->ini, b);
	ck_assert(ini_bypass_ready(r->ini, b, token, &e));
}

static void save(struct rig *r)
{
	r->n_saved = ini_groups(r->ini);
	for (unsigned i = 0; i < r->n_saved; i++)
		r->saved[i] = *ini_group_at(r->ini, i);
	r->saves_held = false;
	ini_saved(r->ini, r->held_save, 0);
}

/* disk `id` misses a write: it is stale, and the log knows what it lacks. */
static void miss_a_write(struct rig *r, uint8_t id)
{
	struct block *b = rig_bytes(8 * FAKE_BLOCK, 7);

	fake_gone(r->h, id);
	rig_write(r, 0, b, LIMIT, INI_OK);
	fake_back(r->h, id);
	rig_run(r, NS_PER_S);
	ck_assert(!rig_in_sync(r, id) && rig_member(r, id)->logged);
	block_unref(b);
}

static const struct ini_member *saved(const struct rig *r, unsigned i)
{
	return &r->saved[0].m[i];
}

START_TEST(a_member_in_sync_is_stale_durably_before)
{
	struct rig *r = group(2);
	struct ini_bypass b;

	rig_bypass(r, 9);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	r->saves_held = true;
	begin(r, &b, 1, 1);
	rig_run(r, NS_PER_S);
	ck_assert(!rig_in_sync(r, 1) && rig_in_sync(r, 0));
	ck_assert(!has_replied(r, 1));
	save(r);
	rig_run(r, NS_PER_S);
	ck_assert(has_replied(r, 1));
	ini_bypass_end(r->ini, &b, false);
	/* nothing is left to be saved for a second one */
	unsigned saves = r->saves;
	rig_bypass(r, 1);
	ck_assert_uint_eq(r->saves, saves);
	ck_assert(saved(r, 1)->state == MEMBER_STALE && !saved(r, 1)->logged);
	rig_free(r);
}
END_TEST

/* What it lacks after that is not in the log any more; a restart must not believe so, either. */
START_TEST(a_stale_member_is_copied_as_a_whole_after)
{
	struct rig *r = group(2);
	struct ini_bypass b;

	miss_a_write(r, 1);
	ck_assert(saved(r, 1)->logged);
	begin(r, &b, 1, 1);
	r->saves_held = true;
	rig_run(r, NS_PER_S);
	ck_assert(!has_replied(r, 1));
	save(r);
	rig_run(r, NS_PER_S);
	ck_assert(has_replied(r, 1));
	memset(r->h->disk[1].store, 0, WHOLE); /* FORMAT UNIT */
	ini_bypass_end(r->ini, &b, false);
	rig_restart(r);
	rig_run(r, NS_PER_S);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	const struct ini_job *j = rig_concludes(r, rig_start(r, &s), LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->total, WHOLE);
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, WHOLE);
	rig_free(r);
}
END_TEST

/* The second finds it stale already, and that is not saved. */
START_TEST(a_second_command_waits_for_what_the_first_has_asked_for)
{
	struct rig *r = group(2);
	struct ini_bypass b[2];

	r->saves_held = true;
	begin(r, &b[0], 1, 1);
	rig_run(r, NS_PER_MS);
	ck_assert(!rig_in_sync(r, 1));
	begin(r, &b[1], 1, 2);
	rig_run(r, NS_PER_S);
	ck_assert(!has_replied(r, 1) && !has_replied(r, 2));
	save(r);
	rig_run(r, NS_PER_S);
	ck_assert(has_replied(r, 1) && has_replied(r, 2));
	ini_bypass_end(r->ini, &b[0], false);
	ini_bypass_end(r->ini, &b[1], false);
	rig_free(r);
}
END_TEST

START_TEST(a_command_waits_for_what_a_failed_write_has_asked_for)
{
	struct rig *r = group(3);
	struct block *data = rig_bytes(8 * FAKE_BLOCK, 3);
	struct ini_bypass b;

	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 3, .blocks = 1});
	r->saves_held = true;
	uint64_t token = rig_begin_write(r, 0, data);
	rig_run(r, 5 * NS_PER_S);
	ck_assert(!rig_in_sync(r, 1) && !has_replied(r, token));
	begin(r, &b, 1, 1);
	rig_run(r, 5 * NS_PER_S);
	ck_assert(!has_replied(r, 1));
	save(r);
	rig_run(r, NS_PER_S);
	ck_assert(has_replied(r, token) && has_replied(r, 1));
	ck_assert(saved(r, 1)->state == MEMBER_STALE && !saved(r, 1)->logged);
	ini_bypass_end(r->ini, &b, false);
	block_unref(data);
	rig_free(r);
}
END_TEST

START_TEST(what_cannot_be_saved_does_not_go_out)
{
	struct rig *r = group(2);
	struct ini_bypass b[3];

	r->save_err = 28;
	begin(r, &b[0], 1, 1);
	ck_assert_int_eq(rig_reply(r, 1, NS_PER_S)->error.kind, INI_E_STATE_DIR);
	/* the next one is not better off, though the member is stale since */
	begin(r, &b[1], 1, 2);
	ck_assert_int_eq(rig_reply(r, 2, NS_PER_S)->error.kind, INI_E_STATE_DIR);
	r->save_err = 0;
	begin(r, &b[2], 1, 3);
	ck_assert_int_eq(rig_reply(r, 3, NS_PER_S)->error.kind, INI_OK);
	ck_assert_int_eq(saved(r, 1)->state, MEMBER_STALE);
	for (unsigned i = 0; i < 3; i++)
		ini_bypass_end(r->ini, &b[i], false);
	rig_free(r);
}
END_TEST

/* A command to the member at a moment of a resync: the blocks copied before are not what they were,
 * and nobody knows which. */
static void resync_with_a_command(ns_t moment, bool before)
{
	struct rig *r = group(2);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	struct ini_bypass b;

	miss_a_write(r, 1);
	if (before)
		begin(r, &b, 1, 1);
	rig_run(r, NS_PER_S);
	uint32_t id = rig_start(r, &s);
	rig_run(r, moment);
	if (!before)
		begin(r, &b, 1, 1);
	ck_assert_int_eq(rig_reply(r, 1, LIMIT)->error.kind, INI_OK);
	(void)rig_job(r, id, LIMIT);
	memset(r->h->disk[1].store, 0x55, WHOLE);
	ini_bypass_end(r->ini, &b, false);
	ck_assert_msg(!rig_in_sync(r, 1), "in sync %llu ns after the resync began",
	              (unsigned long long)moment);
	ck_assert(!rig_member(r, 1)->logged);
	const struct ini_job *j = rig_concludes(r, rig_start(r, &s), LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->total, WHOLE);
	ck_assert(rig_in_sync(r, 1));
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, WHOLE);
	rig_free(r);
}

START_TEST(a_command_in_the_middle_of_a_resync)
{
	for (ns_t at = 0; at < 3 * NS_PER_MS; at += 50 * NS_PER_US)
		resync_with_a_command(at, false);
}
END_TEST

START_TEST(a_resync_that_begins_beside_a_command)
{
	resync_with_a_command(NS_PER_MS, true);
}
END_TEST

/* A mirror job's members give each other what they missed; one that a command has changed does not.
 */
START_TEST(nobody_catches_up_from_a_changed_member)
{
	struct rig *r = group(2);
	struct ini_bypass b;

	rig_image(r, WHOLE, 5);
	uint32_t id = rig_mirror(r, WHOLE);
	const struct ini_job *j = ini_job_find(r->ini, id);
	while (j->done < WHOLE / 4)
		rig_run(r, NS_PER_MS / 20);
	fake_gone(r->h, 0);
	while (j->done < WHOLE / 2)
		rig_run(r, NS_PER_MS / 20);
	begin(r, &b, 1, 1);
	ck_assert_int_eq(rig_reply(r, 1, LIMIT)->error.kind, INI_OK);
	memset(r->h->disk[1].store, 0x55, WHOLE);
	fake_back(r->h, 0);
	(void)rig_job(r, id, LIMIT);
	ini_bypass_end(r->ini, &b, false);
	ck_assert(!rig_in_sync(r, 1));
	ck_assert(!rig_in_sync(r, 0) || rig_holds(r, 0));
	rig_free(r);
}
END_TEST

/* The read is on its way to the member when that is changed. */
START_TEST(what_is_read_meanwhile_comes_from_another_member)
{
	struct rig *r = group(2);
	struct block *into = block_new(8 * FAKE_BLOCK);
	struct ini_bypass b;
	struct ini_error e;

	memset(r->h->disk[0].store, 1, WHOLE);
	memset(r->h->disk[1].store, 1, WHOLE);
	begin(r, &b, 0, 1);
	r->saves_held = true;
	ck_assert(ini_group_read(r->ini, "g0", 0, (uint32_t)into->len, into, 2, &e));
	rig_step(r);
	ck_assert_uint_eq(fake_count(r->h, OP_READ_16, 0), 0); /* stale already */
	save(r);
	rig_reply(r, 2, LIMIT);
	ini_bypass_end(r->ini, &b, false);
	rig_free(r);

	r = group(2);
	memset(r->h->disk[0].store, 1, WHOLE);
	memset(r->h->disk[1].store, 1, WHOLE);
	ck_assert(ini_group_read(r->ini, "g0", 0, (uint32_t)into->len, into, 2, &e));
	rig_step(r);
	ck_assert_uint_eq(fake_count(r->h, OP_READ_16, 0), 1);
	begin(r, &b, 0, 1);
	memset(r->h->disk[0].store, 0x55, WHOLE);
	rig_step(r);
	const struct rig_reply *p = rig_reply(r, 2, LIMIT);
	ck_assert_int_eq(p->error.kind, INI_OK);
	ck_assert_mem_eq(p->data, r->h->disk[1].store, into->len);
	ini_bypass_end(r->ini, &b, false);
	block_unref(into);
	rig_free(r);
}
END_TEST

/* Not ready, whether it said who it is or not: whoever was there may be changed. */
START_TEST(a_member_that_cannot_be_used_is_meant_too)
{
	for (unsigned named = 0; named < 2; named++) {
		struct rig *r = group(2);

		r->h->target[1].state = HBA_FAILED;
		if (!named)
			memset(r->h->target[1].uuid, 0, UUID_LEN);
		r->h->on_target(r->h->target_ctx, 1);
		rig_run(r, NS_PER_S);
		ck_assert(rig_in_sync(r, 1) && rig_member(r, 1)->unit == WIRE_NO_ID);
		rig_bypass(r, 1);
		ck_assert(!rig_in_sync(r, 1) && rig_in_sync(r, 0));
		rig_free(r);
	}
}
END_TEST

/* Another disk has its ID: that one is nobody's. */
START_TEST(who_comes_in_a_members_place_is_not_it)
{
	struct rig *r = group(2);

	fake_gone(r->h, 1);
	rig_run(r, NS_PER_S);
	fake_add(r->h, 1, "other", BLOCKS, FAKE_BLOCK);
	r->h->target[1].uuid[0] ^= 0xff;
	rig_run(r, NS_PER_S);
	ck_assert_int_eq(r->h->target[1].state, HBA_READY);
	rig_bypass(r, 1);
	ck_assert(rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

/* What was durable of it once was so until it was in sync. */
START_TEST(a_member_that_was_in_sync_meanwhile)
{
	struct rig *r = group(2);
	struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
	struct ini_bypass b;

	rig_bypass(r, 1);
	rig_concludes(r, rig_start(r, &s), LIMIT, JOB_SUCCESS);
	ck_assert(rig_in_sync(r, 1));
	r->saves_held = true;
	r->h->target[1].mirror = false; /* stale, and the log does not know what it lacks */
	r->h->target[1].attach++;
	r->h->on_target(r->h->target_ctx, 1);
	rig_run(r, NS_PER_MS);
	ck_assert(!rig_in_sync(r, 1) && !rig_member(r, 1)->logged);
	begin(r, &b, 1, 1);
	rig_run(r, NS_PER_S);
	ck_assert(!has_replied(r, 1));
	save(r);
	rig_run(r, NS_PER_S);
	ck_assert(has_replied(r, 1));
	ini_bypass_end(r->ini, &b, false);
	rig_free(r);
}
END_TEST

/* Inquired just now: nobody knows who is there. */
START_TEST(a_target_that_is_scanned_is_waited_for)
{
	struct rig *r = group(2);
	struct ini_bypass b;

	r->h->disk[1].scanning = true;
	r->h->target[1].state = HBA_SCANNING;
	r->h->on_target(r->h->target_ctx, 1);
	rig_run(r, NS_PER_MS);
	begin(r, &b, 1, 1);
	rig_run(r, NS_PER_S);
	ck_assert(!has_replied(r, 1));
	r->h->disk[1].scanning = false;
	r->h->target[1].state = HBA_READY;
	r->h->on_target(r->h->target_ctx, 1);
	rig_run(r, NS_PER_S);
	ck_assert(has_replied(r, 1));
	ck_assert(!rig_in_sync(r, 1));
	ini_bypass_end(r->ini, &b, false);
	rig_free(r);
}
END_TEST

/* LUN 3 is no member: it is by what the command may do to others that one is concerned. */
START_TEST(other_units_of_the_target)
{
	for (unsigned whole = 0; whole < 2; whole++) {
		struct rig *r = group(2);
		struct ini_bypass b = {.id = 1, .lun = 3, .whole = whole};
		struct ini_error e;

		ini_bypass_begin(r->ini, &b);
		ck_assert(ini_bypass_ready(r->ini, &b, 1, &e));
		ck_assert_int_eq(rig_reply(r, 1, NS_PER_S)->error.kind, INI_OK);
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1) == !whole);
		ini_bypass_end(r->ini, &b, false);
		rig_free(r);
	}
}
END_TEST

/* It may still be at work: the next job makes an end of it. */
START_TEST(a_command_that_was_given_up_is_ended_before_a_resync)
{
	for (unsigned loose = 0; loose < 2; loose++) {
		struct rig *r = group(2);
		struct ini_job_spec s = rig_spec(r, JOB_RESYNC);
		struct ini_bypass b;

		begin(r, &b, 1, 1);
		ck_assert_int_eq(rig_reply(r, 1, NS_PER_S)->error.kind, INI_OK);
		ini_bypass_end(r->ini, &b, loose);
		rig_concludes(r, rig_start(r, &s), LIMIT, JOB_SUCCESS);
		ck_assert_uint_eq(r->h->resets, loose);
		rig_free(r);
	}
}
END_TEST

/* The target goes before it is durable that it is stale, and may be back before the command is
 * sent. */
START_TEST(a_member_that_goes_is_waited_for_all_the_same)
{
	for (unsigned fails = 0; fails < 2; fails++) {
		struct rig *r = group(2);
		struct ini_bypass b;

		r->saves_held = true;
		begin(r, &b, 1, 1);
		rig_run(r, 10 * NS_PER_MS);
		fake_gone(r->h, 1);
		rig_run(r, 10 * NS_PER_MS);
		ck_assert(!has_replied(r, 1));
		fake_back(r->h, 1);
		rig_run(r, 10 * NS_PER_MS);
		ck_assert(!has_replied(r, 1));
		ck_assert_int_eq(r->saved[0].m[1].state, MEMBER_IN_SYNC);
		if (fails)
			fake_gone(r->h, 1);
		rig_run(r, 10 * NS_PER_MS);
		r->saves_held = false;
		r->save_err = fails ? 28 : 0;
		ini_saved(r->ini, r->held_save, r->save_err);
		ck_assert_int_eq(rig_reply(r, 1, NS_PER_S)->error.kind,
		                 fails ? INI_E_STATE_DIR : INI_OK);
		ck_assert(fails || r->saved[0].m[1].state == MEMBER_STALE);
		ini_bypass_end(r->ini, &b, false);
		rig_free(r);
	}
}
END_TEST

TAP_MAIN("bypass", a_member_that_goes_is_waited_for_all_the_same,
         a_member_in_sync_is_stale_durably_before, a_stale_member_is_copied_as_a_whole_after,
         a_second_command_waits_for_what_the_first_has_asked_for,
         a_command_waits_for_what_a_failed_write_has_asked_for,
         what_cannot_be_saved_does_not_go_out, a_command_in_the_middle_of_a_resync,
         a_resync_that_begins_beside_a_command, nobody_catches_up_from_a_changed_member,
         what_is_read_meanwhile_comes_from_another_member,
         a_member_that_cannot_be_used_is_meant_too, who_comes_in_a_members_place_is_not_it,
         a_member_that_was_in_sync_meanwhile, a_target_that_is_scanned_is_waited_for,
         other_units_of_the_target, a_command_that_was_given_up_is_ended_before_a_resync);
