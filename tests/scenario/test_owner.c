/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose a group is, by page 30h: no two initiators on a bus serve it, and who takes it over copies
 * what the one before may have had in flight. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)

/* Longer than the fake host adapter takes to inquire its targets. */
#define SCAN_AND_SAVE_NS (5 * NS_PER_MS)

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

/* Who has it has left the bus, or its members have: that does not make the group ours again, nor
 * does a start. */
START_TEST(what_was_lost_stays_lost)
{
	struct rig *r = group_of(2);
	struct block *b = rig_bytes(512, 3);
	struct ini_error e;
	uint64_t gen = generation_of(r);
	const char *says = "group g0 was taken over by initiator b2000000-0000-0000-0000-"
	                   "000000000000, which is not on this bus: delete it here, and import it";

	fake_gone(r->h, 0);
	rig_step(r);
	fake_other(r->h, "another");
	taken_over(r, 1, gen + 1);
	rig_run(r, NS_PER_S);
	fake_back(r->h, 0); /* with our page, of before */
	rig_run(r, NS_PER_S);
	ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, "another");
	fake_gone(r->h, 1);
	fake_other(r->h, NULL);
	rig_run(r, LIMIT);
	rig_refused(ini_group_write(r->ini, "g0", 0, 512, b, 5, &e), &e, INI_E_BUSY, says);
	rig_restart(r);
	rig_run(r, LIMIT);
	rig_refused(ini_group_write(r->ini, "g0", 0, 512, b, 5, &e), &e, INI_E_BUSY, says);
	ck_assert_uint_eq(r->h->target[0].member.generation, gen);
	block_unref(b);
	rig_free(r);
}
END_TEST

/*
 * That one has gone is to be written to the other one's page, and that says then whose it is: it
 * stays as it is (0). So it does where a third one takes its page, and that the other one has left
 * is saved, all that before anybody is told what its page says: it is not written as if that were
 * what was known of it (1).
 */
START_TEST(a_page_that_is_looked_at_says_it)
{
	for (unsigned third = 0; third < 2; third++) {
		struct rig *r = group_of(2 + third);
		struct fake_disk *d = &r->h->disk[1];
		struct block *b = rig_bytes(512, 3);
		struct ini_error e;

		d->page = r->h->target[1].member;
		d->page.term++;
		d->page.generation++;
		memcpy(d->page.owner, r->h->other_uuid, UUID_LEN);
		d->unread = true;
		d->mute = third;
		d->page_busy = third; /* the third one is heard first */
		fake_gone(r->h, 0);
		rig_step(r);
		ck_assert(ini_group_write(r->ini, "g0", 0, 512, b, 5, &e));
		rig_run(r, LIMIT);
		ck_assert(!d->unread);
		d->mute = false;
		rig_run(r, LIMIT);
		ck_assert(mode_mirror_equal(&r->h->target[1].member, &d->page));
		ck_assert_uint_ne(ini_group_find(r->ini, "g0")->lost_to[0], 0);
		block_unref(b);
		rig_free(r);
	}
}
END_TEST

/*
 * The way back. The other one had both, and went on with disk1 alone, when disk0 was away; what it
 * wrote then is there, and what it had in flight is made equal.
 */
START_TEST(a_group_comes_back_by_import)
{
	struct rig *r = group_of(2);
	struct ini_error e;
	uint64_t gen = generation_of(r);

	fake_other(r->h, "another");
	taken_over(r, 0, gen + 1);
	taken_over(r, 1, gen + 2);
	memset(r->h->disk[1].store, 0x5c, (size_t)BLOCKS * FAKE_BLOCK);
	rig_run(r, NS_PER_S);
	fake_other(r->h, NULL);
	rig_replies(r, ini_group_delete(r->ini, "g0", 6, &e), &e, 6, LIMIT, INI_OK);
	ck_assert(!owned_by_us(r, 0) && !owned_by_us(r, 1));
	rig_replies(r, ini_group_import(r->ini, "g0", NULL, false, 7, &e), &e, 7, LIMIT, INI_OK);
	ck_assert(!rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert(owned_by_us(r, 0) && owned_by_us(r, 1));
	ck_assert_uint_gt(r->h->target[1].member.generation, gen + 2);
	ck_assert_uint_gt(r->h->target[1].member.term, 2);
	(void)rig_do(r, JOB_RESYNC, LIMIT, JOB_SUCCESS);
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, (size_t)BLOCKS * FAKE_BLOCK);
	rig_free(r);
}
END_TEST

/* Killed when the pages are written, and the log does not say yet that all is to be copied. */
START_TEST(what_was_in_flight_is_copied_after_a_crash)
{
	struct rig *r = group_of(2);
	struct ini_error e;
	uint64_t gen = generation_of(r);

	for (uint8_t i = 0; i < 2; i++)
		taken_over(r, i, gen);
	r->n_saved = 0; /* and a clean log of before is still there */
	rig_restart(r);
	memset(r->h->disk[1].store + 99 * FAKE_BLOCK, 0x77, FAKE_BLOCK);
	r->logs_held = true;
	ck_assert(ini_group_import(r->ini, "g0", NULL, false, 7, &e));
	rig_run(r, NS_PER_S);
	r->logs_held = false;
	rig_restart(r);
	rig_run(r, LIMIT);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert(owned_by_us(r, 0) && owned_by_us(r, 1));
	ck_assert_mem_eq(r->h->disk[0].store, r->h->disk[1].store, (size_t)BLOCKS * FAKE_BLOCK);
	rig_free(r);
}
END_TEST

/* The bus is reset while the pages of an import are on their way. */
START_TEST(an_import_and_a_reset)
{
	struct rig *r = group_of(3);
	struct ini_error e;
	uint64_t gen = generation_of(r);

	for (uint8_t i = 0; i < 3; i++)
		taken_over(r, i, gen);
	rig_lose_state(r);
	r->h->latency_ns = 10 * NS_PER_MS;
	ck_assert(ini_group_import(r->ini, "g0", NULL, false, 2, &e));
	rig_run(r, 2 * NS_PER_MS);
	fake_reset(r->h);
	ck_assert_int_eq(rig_reply(r, 2, LIMIT)->error.kind, INI_OK);
	rig_run(r, LIMIT);
	for (uint8_t i = 0; i < 3; i++)
		ck_assert(rig_in_sync(r, i) && owned_by_us(r, i));
	rig_free(r);
}
END_TEST

/* By force, beside the one that serves it: that one's pages are not the latest any more. */
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
	rig_restart(r);
	rig_fails(r, ini_group_import(r->ini, "g0", NULL, false, 2, &e), &e, 2, INI_E_BUSY,
	          "initiator another (SCSI ID 6) serves this group: stop it first");
	bool taken = ini_group_import(r->ini, "g0", NULL, true, 3, &e);
	fake_other(r->h, "another"); /* who serves it is looked at before its pages are written */
	rig_replies(r, taken, &e, 3, LIMIT, INI_OK);
	for (uint8_t i = 0; i < 3; i++) {
		ck_assert(rig_in_sync(r, i) && owned_by_us(r, i));
		ck_assert_uint_gt(r->h->target[i].member.term, term);
	}
	ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, "");
	rig_write(r, 0, b, LIMIT, INI_OK);
	block_unref(b);
	rig_free(r);
}
END_TEST

/* What the disk's page says since it was inquired last. */
static void written_since(struct rig *r, uint8_t id, uint64_t generation)
{
	struct mode_mirror *page = &r->h->disk[id].page;

	*page = r->h->target[id].member;
	page->generation = generation;
	r->h->disk[id].unread = true;
}

/* A daemon that has nothing to do with the group hears nothing of it: what its pages say now is
 * asked for. The other one has made the group since we started, or has gone on without disk0. */
START_TEST(an_import_reads_the_pages_anew)
{
	for (unsigned made = 0; made < 2; made++) {
		struct rig *r = group_of(2);
		struct ini_error e;
		uint64_t gen = generation_of(r);

		for (uint8_t i = 0; i < 2; i++)
			taken_over(r, i, gen);
		rig_lose_state(r);
		rig_run(r, NS_PER_S);
		written_since(r, 0, gen);
		written_since(r, 1, gen + 1);
		for (unsigned i = 0; made && i < 2; i++)
			r->h->target[i].member = (struct mode_mirror){0};
		rig_replies(r, ini_group_import(r->ini, "g0", NULL, false, 2, &e), &e, 2, LIMIT,
		            INI_OK);
		ck_assert(!rig_in_sync(r, 0) && rig_in_sync(r, 1));
		rig_free(r);
	}
}
END_TEST

/* A target is inquired for ever: the import does not wait for it for ever, nor without a bus. */
START_TEST(an_import_does_not_wait_for_ever)
{
	struct rig *r = group_of(2);
	struct ini_error e;

	rig_lose_state(r);
	r->h->disk[1].scanning = true;
	rig_fails(r, ini_group_import(r->ini, "g0", NULL, false, 2, &e), &e, 2, INI_E_BUSY,
	          "targets are still being scanned");
	ck_assert(ini_group_import(r->ini, "g0", NULL, false, 3, &e));
	fake_bus_down(r->h);
	rig_fails(r, true, &e, 3, INI_E_BUS_DOWN, "there is no bus server");
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	rig_free(r);
}
END_TEST

/* The machine of the one that had the group had a disk, too, which was started again with it, and
 * has not what was not flushed. If all were started again, none is better than the others. What the
 * others have is later than its page, be it that of another initiator or our own. */
START_TEST(an_import_with_targets_that_were_started_again)
{
	for (uint8_t n = 0; n < 16; n++) {
		uint8_t started = n & 7;
		bool ours = n & 8;
		struct rig *r = group_of(3);
		struct ini_error e;
		uint64_t gen = generation_of(r);

		for (uint8_t i = 0; i < 3; i++) {
			r->h->target[i].vpd.started = started >> i & 1;
			if (!ours)
				taken_over(r, i, gen);
		}
		rig_lose_state(r);
		rig_replies(r, ini_group_import(r->ini, "g0", NULL, false, 2, &e), &e, 2, LIMIT,
		            INI_OK);
		for (uint8_t i = 0; i < 3; i++) {
			bool good = started == 7 || !(started >> i & 1);
			ck_assert(rig_in_sync(r, i) == good);
			if (good && started % 7)
				ck_assert_uint_gt(r->h->target[i].member.generation, gen);
		}
		rig_free(r);
	}
}
END_TEST

/* Nobody could be told: it is as if nothing had been asked for. Nor does a daemon that ends before
 * a page is written have the group when it starts again: the other one goes on with it. */
START_TEST(an_import_that_told_nobody)
{
	for (unsigned ends = 0; ends < 2; ends++) {
		struct rig *r = group_of(2);
		struct ini_error e;
		uint64_t gen = generation_of(r);

		for (uint8_t i = 0; i < 2; i++)
			taken_over(r, i, gen);
		rig_lose_state(r);
		for (uint8_t i = 0; i < 2; i++)
			r->h->disk[i].page_fails = true;
		r->h->latency_ns = ends ? 10 * NS_PER_MS : 0;
		ck_assert(ini_group_import(r->ini, "g0", NULL, false, 2, &e));
		rig_run(r, ends ? SCAN_AND_SAVE_NS : LIMIT);
		if (ends)
			rig_restart(r);
		else
			rig_fails(r, true, &e, 2, INI_E_DEVICE, "could not be told");
		rig_run(r, LIMIT);
		ck_assert_uint_eq(ini_groups(r->ini), 0);
		ck_assert(!owned_by_us(r, 0) && !owned_by_us(r, 1));
		for (uint8_t i = 0; i < 2; i++)
			r->h->disk[i].page_fails = false;
		rig_replies(r, ini_group_import(r->ini, "g0", NULL, false, 3, &e), &e, 3, LIMIT,
		            INI_OK);
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
		rig_free(r);
	}
}
END_TEST

/* Pages of an import that was cut off by its daemon's end, say; its owner before was another. */
static void importing(struct rig *r, uint8_t id)
{
	r->h->target[id].member.importing = true;
	memcpy(r->h->target[id].member.owner, r->h->other_uuid, UUID_LEN);
	fake_back(r->h, id);
}

/*
 * disk1 could not be told: the import has failed, and disk0's page says what it said, but for whose
 * it is about to be. Who asks again has the group, with what its owner of before has written since
 * to disk1, which had not heard: that it goes on without disk0.
 */
START_TEST(an_import_that_told_one)
{
	for (unsigned went_on = 0; went_on < 2; went_on++) {
		struct rig *r = group_of(2);
		struct ini_error e;
		uint64_t gen = generation_of(r);

		for (uint8_t i = 0; i < 2; i++)
			taken_over(r, i, gen);
		struct mode_mirror before = r->h->target[0].member;
		rig_lose_state(r);
		r->h->disk[1].page_fails = true;
		rig_fails(r, ini_group_import(r->ini, "g0", NULL, false, 2, &e), &e, 2,
		          INI_E_DEVICE,
		          "disk1 could not be told by page 30h that group g0 is taken over");
		ck_assert_uint_eq(ini_groups(r->ini), 0);
		memcpy(before.owner, r->h->own_uuid, UUID_LEN);
		before.importing = true;
		ck_assert(mode_mirror_equal(&r->h->target[0].member, &before));
		ck_assert(!owned_by_us(r, 1));
		r->h->disk[1].page_fails = false;
		if (went_on)
			written_since(r, 1, gen + 1);
		rig_replies(r, ini_group_import(r->ini, "g0", NULL, false, 3, &e), &e, 3, LIMIT,
		            INI_OK);
		ck_assert(rig_in_sync(r, 0) == !went_on && rig_in_sync(r, 1));
		for (uint8_t i = 0; i < 2; i++) {
			ck_assert(owned_by_us(r, i) && !r->h->target[i].member.importing);
			ck_assert_uint_gt(r->h->target[i].member.term, before.term);
		}
		rig_free(r);
	}
}
END_TEST

/* Whoever has the group when an import tells its first member has lost it; but not who has come by
 * it since: that page is of before, and is written anew. */
START_TEST(who_loses_it_to_an_import_that_was_cut_off)
{
	for (uint16_t since = 0; since < 2; since++) {
		struct rig *r = group_of(2);

		r->h->target[1].member.term = (uint16_t)(r->h->target[1].member.term - since);
		importing(r, 1);
		rig_run(r, NS_PER_S);
		ck_assert_int_eq(ini_group_find(r->ini, "g0")->served_by[0] == '\0', since);
		ck_assert(owned_by_us(r, 1) == since);
		ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
		rig_free(r);
	}
}
END_TEST

/*
 * An import of another daemon was cut off: when all had been told and none had the second page (0);
 * or disk0 had (1); or disk0 had, and the import was by force, without disk2 (2): then disk1 may be
 * one that was removed since. Terms that that daemon may have taken are not taken again.
 */
START_TEST(an_import_after_one_that_was_cut_off)
{
	for (unsigned second = 0; second < 3; second++) {
		struct rig *r = group_of(3);
		struct ini_error e;
		uint64_t gen = generation_of(r);
		uint16_t term = r->h->target[0].member.term;

		for (uint8_t i = 0; i < 3; i++)
			importing(r, i);
		if (second) {
			taken_over(r, 0, gen + 1);
			r->h->target[0].member.importing = false;
		}
		if (second == 2) {
			fake_gone(r->h, 2);
			r->h->target[0].member.members = 2;
		}
		rig_lose_state(r);
		bool begun = ini_group_import(r->ini, "g0", NULL, false, 2, &e);
		if (second == 2) {
			rig_fails(r, begun, &e, 2, INI_E_MEMBER_MISSING,
			          "the group has 2 members, and 1 of them are here");
			rig_free(r);
			continue;
		}
		rig_replies(r, begun, &e, 2, LIMIT, INI_OK);
		ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, 3);
		for (uint8_t i = 0; i < 3; i++) {
			ck_assert(owned_by_us(r, i) && !r->h->target[i].member.importing);
			ck_assert_uint_eq(r->h->target[i].member.term, term + 2);
			ck_assert(rig_in_sync(r, i) == (i == 0 || !second));
		}
		rig_free(r);
	}
}
END_TEST

/* The initiator that was about to take the group over is there, and has not got it: it has failed,
 * or one of the two will. */
START_TEST(an_import_beside_one_that_has_failed)
{
	struct rig *r = group_of(2);
	struct ini_error e;

	importing(r, 1);
	rig_lose_state(r);
	fake_other(r->h, "another");
	rig_replies(r, ini_group_import(r->ini, "g0", NULL, false, 3, &e), &e, 3, LIMIT, INI_OK);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	rig_free(r);
}
END_TEST

/* disk2 was told, was away when the second pages came, and was removed; or its place is another's
 * now: it is no member. */
START_TEST(an_import_without_one_that_was_told_and_removed)
{
	for (unsigned taken = 0; taken < 2; taken++) {
		struct rig *r = group_of(3);
		struct ini_error e;
		uint64_t gen = generation_of(r);

		importing(r, 2);
		for (uint8_t i = 0; i < 2; i++) {
			taken_over(r, i, gen + 1);
			r->h->target[i].member.members = 2;
		}
		if (taken) {
			r->h->target[1].member.device = r->h->target[2].member.device;
			r->h->target[1].member.members = r->h->target[0].member.members = 3;
		}
		rig_lose_state(r);
		rig_replies(r, ini_group_import(r->ini, "g0", NULL, taken, 2, &e), &e, 2, LIMIT,
		            INI_OK);
		ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, 2);
		ck_assert(rig_in_sync(r, 0) == !taken && rig_in_sync(r, 1) == !taken);
		rig_free(r);
	}
}
END_TEST

/* By force: who cannot be told is stale, if another one in sync can be told. */
START_TEST(an_import_by_force_without_one_that_cannot_be_told)
{
	for (unsigned all = 0; all < 2; all++) {
		struct rig *r = group_of(2);
		struct ini_error e;
		uint64_t gen = generation_of(r);

		for (uint8_t i = 0; i < 2; i++)
			taken_over(r, i, gen);
		rig_lose_state(r);
		r->h->disk[0].page_fails = all;
		r->h->disk[1].page_fails = true;
		if (all) {
			rig_fails(r, ini_group_import(r->ini, "g0", NULL, true, 2, &e), &e, 2,
			          INI_E_DEVICE, "could not be told");
		} else {
			rig_replies(r, ini_group_import(r->ini, "g0", NULL, true, 2, &e), &e, 2,
			            LIMIT, INI_OK);
			ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
			ck_assert(owned_by_us(r, 0) && !owned_by_us(r, 1));
		}
		rig_free(r);
	}
}
END_TEST

/* disk0 has the later term, by force; disk1 is what its owner of before went on with. */
static void split(struct rig *r)
{
	uint64_t gen = generation_of(r);

	taken_over(r, 0, gen);
	importing(r, 1);
	r->h->target[1].member.importing = false;
	r->h->target[1].member.generation = gen + 1;
	rig_lose_state(r);
}

/*
 * An import by force has left out disk1, whose owner before went on with it alone, and has failed,
 * or ended (disk0 has its page). Which of them holds what was written last is not for us to say; by
 * force it is who has the later term. disk1 was not told, or only that of a later import.
 */
START_TEST(an_import_after_one_by_force_that_left_one_out)
{
	for (unsigned told = 0; told < 2; told++) {
		struct rig *r = group_of(2);
		struct ini_error e;

		split(r);
		uint64_t gen = r->h->target[1].member.generation;
		r->h->target[1].member.importing = told;
		bool begun = ini_group_import(r->ini, "g0", NULL, false, 2, &e);
		if (!told) {
			rig_fails(r, begun, &e, 2, INI_E_BAD_STATE,
			          "disk1 was not told when the group was taken over");
			ck_assert_str_eq(rig_reply(r, 2, LIMIT)->error.member, "disk1");
			ck_assert_uint_eq(ini_groups(r->ini), 0);
			ck_assert_uint_eq(r->h->target[1].member.generation, gen);
			begun = ini_group_import(r->ini, "g0", NULL, true, 3, &e);
		}
		rig_replies(r, begun, &e, told ? 2 : 3, LIMIT, INI_OK);
		ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
		ck_assert(owned_by_us(r, 0) && owned_by_us(r, 1));
		rig_free(r);
	}
}
END_TEST

/* As the manual says: imported by force, which leaves what disk1 holds as it is, deleted, and made
 * anew of disk1. */
START_TEST(the_other_part_of_a_group_that_was_split)
{
	struct rig *r = group_of(2);
	const char *members[] = {"disk1"};
	const uint8_t uuid[UUID_LEN] = {0xaa, 2};
	struct ini_error e;

	split(r);
	rig_replies(r, ini_group_import(r->ini, "g0", NULL, true, 2, &e), &e, 2, LIMIT, INI_OK);
	rig_run(r, NS_PER_S);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, 1), 0);
	rig_replies(r, ini_group_delete(r->ini, "g0", 3, &e), &e, 3, LIMIT, INI_OK);
	rig_replies(r, ini_group_create(r->ini, "g0", members, 1, INI_SILENT, true, uuid, 4, &e),
	            &e, 4, LIMIT, INI_OK);
	rig_add(r, "disk0");
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, 2);
	ck_assert(rig_in_sync(r, 0) && !rig_in_sync(r, 1));
	for (uint8_t i = 0; i < 2; i++)
		ck_assert(memcmp(r->h->target[i].member.group_uuid, uuid, UUID_LEN) == 0);
	rig_free(r);
}
END_TEST

/*
 * disk2 was removed while it was away, and its page is of before the group was in sync first. When
 * another daemon has had the group since, it is no member: it stands for none that is missing, and
 * its word that nobody is in sync is an old one.
 */
START_TEST(an_import_beside_one_that_was_removed_before_it_was_in_sync)
{
	for (unsigned missing = 0; missing < 2; missing++) {
		struct rig *r = rig_new(3, BLOCKS);
		struct ini_error e;

		rig_group(r, 3, false);
		struct mode_mirror before = r->h->target[2].member;
		ck_assert(before.none_in_sync);
		rig_image(r, BLOCKS * 512ULL, 1);
		(void)rig_job(r, rig_mirror(r, BLOCKS * 512ULL), LIMIT);
		fake_gone(r->h, 2);
		rig_run(r, NS_PER_S);
		r->h->target[2].member = before;
		rig_replies(r, ini_group_remove_member(r->ini, "g0", "disk2", 2, &e), &e, 2, LIMIT,
		            INI_OK);
		uint64_t gen = generation_of(r);
		for (uint8_t i = 0; i < 2; i++)
			taken_over(r, i, gen + 1);
		if (missing)
			fake_gone(r->h, 1);
		fake_back(r->h, 2);
		rig_lose_state(r);
		bool begun = ini_group_import(r->ini, "g0", NULL, false, 3, &e);
		if (missing) {
			rig_fails(r, begun, &e, 3, INI_E_MEMBER_MISSING,
			          "the group has 2 members, and 1 of them are here");
			begun = ini_group_import(r->ini, "g0", NULL, true, 4, &e);
		}
		rig_replies(r, begun, &e, missing ? 4 : 3, LIMIT, INI_OK);
		ck_assert_uint_eq(ini_group_find(r->ini, "g0")->n, missing ? 1 : 2);
		ck_assert(rig_in_sync(r, 0) == !missing);
		rig_free(r);
	}
}
END_TEST

/* disk0 is started again between its first page and its second: it has lost what it had not
 * flushed, and disk1 has it. */
START_TEST(a_target_that_is_started_again_during_an_import)
{
	struct rig *r = group_of(2);
	struct ini_error e;
	uint64_t gen = generation_of(r);

	for (uint8_t i = 0; i < 2; i++) {
		r->h->target[i].vpd.boot = 7;
		taken_over(r, i, gen);
	}
	memset(r->h->disk[1].store + 99 * FAKE_BLOCK, 0x77, FAKE_BLOCK);
	rig_lose_state(r);
	r->h->disk[1].page_busy = 50;
	ck_assert(ini_group_import(r->ini, "g0", NULL, false, 2, &e));
	for (unsigned i = 0; i < 1000 && !r->h->target[0].member.importing; i++)
		rig_run(r, NS_PER_MS);
	r->h->target[0].vpd.boot = 8;
	fake_back(r->h, 0);
	ck_assert_int_eq(rig_reply(r, 2, LIMIT)->error.kind, INI_OK);
	rig_run(r, LIMIT);
	for (uint8_t i = 0; i < 2; i++) {
		ck_assert(rig_in_sync(r, i));
		ck_assert_uint_eq(r->h->disk[i].store[99 * FAKE_BLOCK], 0x77);
	}
	rig_free(r);
}
END_TEST

/* Between the two pages of an import another one takes the group over: this one has failed. */
START_TEST(an_import_that_is_passed_between_its_pages)
{
	struct rig *r = group_of(2);
	struct ini_error e;
	uint64_t gen = generation_of(r);

	for (uint8_t i = 0; i < 2; i++)
		taken_over(r, i, gen);
	rig_lose_state(r);
	r->h->latency_ns = 10 * NS_PER_MS;
	ck_assert(ini_group_import(r->ini, "g0", NULL, false, 2, &e));
	for (unsigned i = 0; i < 1000 && !r->h->target[0].member.importing; i++)
		rig_run(r, NS_PER_MS);
	ck_assert(r->h->target[0].member.importing && r->h->target[1].member.importing);
	written_since(r, 1, gen);
	memcpy(r->h->disk[1].page.owner, r->h->other_uuid, UUID_LEN);
	rig_fails(r, true, &e, 2, INI_E_BUSY, "another initiator takes over group g0, too");
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	ck_assert(!owned_by_us(r, 1));
	rig_free(r);
}
END_TEST

/* disk0 says so since an import of ours that failed; after it was looked at for the next one, and
 * before that writes its pages, another one takes the group over. */
START_TEST(an_import_asks_who_was_told_before)
{
	struct rig *r = group_of(2);
	struct ini_error e;
	uint64_t gen = generation_of(r);

	for (uint8_t i = 0; i < 2; i++)
		taken_over(r, i, gen);
	uint16_t term = r->h->target[1].member.term;
	rig_lose_state(r);
	r->h->disk[1].page_fails = true;
	rig_fails(r, ini_group_import(r->ini, "g0", NULL, false, 2, &e), &e, 2, INI_E_DEVICE,
	          "disk1 could not be told");
	r->h->disk[1].page_fails = false;
	r->h->latency_ns = 10 * NS_PER_MS;
	ck_assert(ini_group_import(r->ini, "g0", NULL, false, 3, &e));
	rig_run(r, SCAN_AND_SAVE_NS);
	ck_assert(r->h->target[0].member.importing && owned_by_us(r, 0) && !owned_by_us(r, 1));
	written_since(r, 0, gen + 1);
	struct mode_mirror *page = &r->h->disk[0].page;
	page->term = (uint16_t)(term + 2);
	page->importing = false;
	memcpy(page->owner, r->h->other_uuid, UUID_LEN);
	rig_fails(r, true, &e, 3, INI_E_BUSY, "group g0 was taken over by initiator");
	rig_run(r, LIMIT);
	ck_assert(!owned_by_us(r, 0));
	/* Nobody has a page of ours that is the last word. */
	ck_assert(r->h->target[1].member.importing && r->h->target[1].member.term == term);
	rig_free(r);
}
END_TEST

/* The bus goes while an import writes its pages, and another one takes the group over meanwhile:
 * these pages are left alone, and the import has failed. */
START_TEST(an_import_that_another_one_passes)
{
	struct rig *r = group_of(2);
	struct ini_error e;
	uint64_t gen = generation_of(r);

	for (uint8_t i = 0; i < 2; i++)
		taken_over(r, i, gen);
	rig_lose_state(r);
	r->h->latency_ns = 10 * NS_PER_MS;
	ck_assert(ini_group_import(r->ini, "g0", NULL, false, 2, &e));
	rig_run(r, SCAN_AND_SAVE_NS);
	fake_bus_down(r->h);
	rig_step(r);
	r->h->up = true;
	fake_other(r->h, "another");
	for (uint8_t i = 0; i < 2; i++) {
		r->h->target[i].member.term = 8;
		taken_over(r, i, gen + 2);
	}
	rig_fails(r, true, &e, 2, INI_E_BUSY, "group g0 is served by initiator another");
	rig_run(r, LIMIT);
	ck_assert_uint_eq(ini_groups(r->ini), 0);
	for (uint8_t i = 0; i < 2; i++) {
		ck_assert(!owned_by_us(r, i));
		ck_assert_uint_eq(r->h->target[i].member.generation, gen + 2);
	}
	rig_free(r);
}
END_TEST

/*
 * By force, while the other one goes on: after its pages were looked at, and before ours are there,
 * it tells disk1 and disk2 that disk0 has left; or disk0; or begins a mirror job; or does the like
 * again and again.
 */
#define TO_0   1000 /* it is stale */
#define NOBODY 1001 /* is in sync */

static const struct {
	uint64_t generation[3]; /* that is added; 0: it is not written */
	unsigned times;
	uint8_t in_sync;
} goes_on[] = {
        {{0, 1, 1}, 1, 0x6},    {{TO_0, 0, 0}, 1, 0x6}, {{0, 1, 2}, 1, 0x4},
        {{0, 0, NOBODY}, 1, 0}, {{0, 1, 1}, 100, 0},
};

static void other_goes_on(struct rig *r, uint64_t gen, unsigned way)
{
	for (uint8_t i = 0; i < 3; i++) {
		uint64_t add = goes_on[way].generation[i];
		if (add == 0 || owned_by_us(r, i))
			continue;
		written_since(r, i, add >= TO_0 ? 0 : gen + add);
		if (add == NOBODY)
			r->h->disk[i].page.none_in_sync = true;
	}
}

START_TEST(an_import_by_force_from_one_that_goes_on)
{
	for (unsigned way = 0; way < ARRAY_LEN(goes_on); way++) {
		struct rig *r = group_of(3);
		struct ini_error e;
		uint64_t gen = generation_of(r);

		fake_other(r->h, "another");
		for (uint8_t i = 0; i < 3; i++)
			taken_over(r, i, gen);
		rig_lose_state(r);
		rig_run(r, NS_PER_S);
		r->h->latency_ns = 10 * NS_PER_MS;
		ck_assert(ini_group_import(r->ini, "g0", NULL, true, 2, &e));
		rig_run(r, SCAN_AND_SAVE_NS);
		for (unsigned n = 0; n < goes_on[way].times; n++) {
			other_goes_on(r, gen + n, way);
			rig_run(r, 10 * NS_PER_MS);
		}
		if (goes_on[way].times > 1) {
			rig_fails(r, true, &e, 2, INI_E_BUSY, "and changes it: try again");
			ck_assert_uint_eq(ini_groups(r->ini), 0);
			rig_free(r);
			continue;
		}
		rig_replies(r, true, &e, 2, LIMIT, INI_OK);
		for (uint8_t i = 0; i < 3; i++) {
			ck_assert(owned_by_us(r, i));
			ck_assert_msg(rig_in_sync(r, i) == (goes_on[way].in_sync >> i & 1),
			              "way %u, disk%u", way, i);
		}
		rig_free(r);
	}
}
END_TEST

/* Pages name two others: the later one has it, and nothing is saved again for the earlier one. */
START_TEST(the_last_of_two_has_it)
{
	struct rig *r = group_of(2);
	uint64_t gen = generation_of(r);

	fake_other(r->h, "another");
	taken_over(r, 1, gen + 2);
	r->h->target[1].member.term = 7;
	memset(r->h->target[0].member.owner, 0x55, UUID_LEN);
	r->h->target[0].member.term = 6;
	fake_back(r->h, 0);
	rig_run(r, NS_PER_S);
	ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, "another");
	unsigned saves = r->saves;
	for (uint8_t i = 0; i < 2; i++) {
		fake_back(r->h, i);
		rig_run(r, NS_PER_S);
		ck_assert_str_eq(ini_group_find(r->ini, "g0")->served_by, "another");
	}
	ck_assert_uint_eq(r->saves, saves);
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

/* Pages of before there were terms are imported, and are somebody's from then on. */
START_TEST(an_import_of_old_pages_has_a_term)
{
	struct rig *r = group_of(2);
	struct ini_error e;

	for (unsigned i = 0; i < 2; i++) {
		memset(r->h->target[i].member.owner, 0, UUID_LEN);
		r->h->target[i].member.term = r->h->target[i].member.members = 0;
	}
	rig_lose_state(r);
	rig_replies(r, ini_group_import(r->ini, "g0", NULL, false, 2, &e), &e, 2, LIMIT, INI_OK);
	for (uint8_t i = 0; i < 2; i++) {
		ck_assert(owned_by_us(r, i) && rig_in_sync(r, i));
		ck_assert_uint_eq(r->h->target[i].member.term, 1);
	}
	rig_free(r);
}
END_TEST

TAP_MAIN("owner", who_makes_a_group_owns_it, pages_that_name_nobody_are_ours,
         a_group_that_another_serves_is_refused, a_write_in_flight_when_it_is_taken_over,
         what_was_lost_stays_lost, a_page_that_is_looked_at_says_it, a_group_comes_back_by_import,
         what_was_in_flight_is_copied_after_a_crash, an_import_and_a_reset, an_import_by_force,
         a_tie_is_one_s, the_last_of_two_has_it, an_import_of_old_pages_has_a_term,
         an_import_reads_the_pages_anew, an_import_with_targets_that_were_started_again,
         an_import_that_told_nobody, an_import_that_another_one_passes,
         an_import_by_force_from_one_that_goes_on, an_import_does_not_wait_for_ever,
         an_import_that_told_one, an_import_asks_who_was_told_before,
         who_loses_it_to_an_import_that_was_cut_off, an_import_after_one_that_was_cut_off,
         an_import_beside_one_that_has_failed, an_import_without_one_that_was_told_and_removed,
         an_import_by_force_without_one_that_cannot_be_told,
         an_import_after_one_by_force_that_left_one_out, the_other_part_of_a_group_that_was_split,
         an_import_beside_one_that_was_removed_before_it_was_in_sync,

         a_target_that_is_started_again_during_an_import,
         an_import_that_is_passed_between_its_pages);
