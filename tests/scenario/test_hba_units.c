/* SPDX-License-Identifier: BSD-2-Clause */
/* The host adapter frame by frame: a target's further logical units, those that cannot be used when
 * they are scanned, and lists of units that change or do not come. */
#include "scenario/fake_bus.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

static struct fake f;

#define LUN(n) (UINT64_C(1) << (n))

/* ---- what the tests are made of ---- */

static const struct hba_target *unit(uint8_t lun)
{
	uint8_t n = hba_unit_at(f.h, 1, lun);

	ck_assert_uint_ne(n, WIRE_NO_ID);
	return hba_target(f.h, n);
}

/* These are READY, those FAILED, and there are no others. */
static void expect(uint64_t ready, uint64_t failed)
{
	for (uint8_t lun = 0; lun < 8; lun++) {
		uint8_t n = hba_unit_at(f.h, 1, lun);
		enum hba_target_state is = n == WIRE_NO_ID ? HBA_ABSENT : hba_target(f.h, n)->state;
		enum hba_target_state should = ready & LUN(lun)    ? HBA_READY
		                               : failed & LUN(lun) ? HBA_FAILED
		                                                   : HBA_ABSENT;
		ck_assert_msg(is == should, "LUN %u is in state %d, not %d", lun, is, should);
	}
}

/* Until nothing is left to be sent but after the pause that is to come. */
static void serve_all(void)
{
	for (unsigned n = 0; n < 200; n++) {
		fake_serve(&f);
		fake_wait(&f, 101 * NS_PER_MS);
		if (f.n == 0 && hba_settled(f.h))
			return;
	}
	ck_abort_msg("the scan does not end");
}

/* This target comes with ID 1. */
static void come(struct fake_disk d)
{
	fake_init(&f, NULL);
	f.disk[1] = d;
	fake_port(&f, 1, true);
}

/* The same, and it is scanned. */
static void attach(struct fake_disk d)
{
	come(d);
	serve_all();
}

static void rescan(void)
{
	hba_scan(f.h);
	fake_run(&f);
}

/* What comes in that time, and what follows from it. */
static void wait_and_serve(ns_t ns)
{
	fake_wait(&f, ns);
	serve_all();
}

/* The first pause before a probe is over. */
#define FIRST_PAUSE (600 * NS_PER_MS)

static void that_was_all(void)
{
	fake_wait(&f, 3600 * NS_PER_S);
	ck_assert_uint_eq(f.n, 0);
	fake_end(&f);
}

static unsigned told;
static void task_done(struct hba_task *t)
{
	(void)t;
	told++;
}

static void start(struct hba_task *t, uint8_t lun)
{
	*t = (struct hba_task){.target = 1, .lun = lun, .cdb_len = 6, .done = task_done};
	hba_task_start(f.h, t);
}

static uint8_t changed[8];
static unsigned n_changed;
static void note_change(void *ctx, uint8_t id)
{
	(void)ctx;
	ck_assert_uint_lt(n_changed, ARRAY_LEN(changed));
	changed[n_changed++] = id;
}

/* What stands against a unit: the disk's field, and why the unit fails by it. */
static const struct {
	size_t field;
	const char *why;
} hindrances[] = {
        {offsetof(struct fake_disk, reserved), "MODE SENSE of page 30h: RESERVATION CONFLICT"},
        {offsetof(struct fake_disk, formatting),
         "READ CAPACITY(16): NOT READY, 04h/04h LOGICAL UNIT NOT READY, FORMAT IN PROGRESS"},
        {offsetof(struct fake_disk, busy), "TEST UNIT READY: busy without end"},
};

static void hinder(struct fake_disk *d, unsigned which, uint64_t luns)
{
	memcpy((char *)d + hindrances[which].field, &luns, sizeof(luns));
}

/* ---- probes ---- */

/* The others are found, LUN 0 or not; the one is asked again while they are at work, after pauses
 * that double, and is there when what stood against it has gone. */
START_TEST(what_is_not_ready_is_probed)
{
	struct fake_disk d = {.luns = LUN(2) | LUN(5), .queue_depth = 8};
	unsigned which = (unsigned)_i / 2;
	uint8_t lun = _i % 2 ? 2 : 0;
	uint64_t others = (LUN(0) | LUN(2) | LUN(5)) & ~LUN(lun);
	struct hba_task t;

	hinder(&d, which, LUN(lun));
	attach(d);
	expect(others, LUN(lun));
	ck_assert_str_eq(unit(lun)->why, hindrances[which].why);
	ck_assert_uint_eq(unit(5)->xfer.period, 9);

	/* a probe does not hold up the others, and what it finds again it tells nobody */
	n_changed = 0;
	hba_on_target(f.h, note_change, NULL);
	fake_wait(&f, 500 * NS_PER_MS);
	ck_assert_uint_ge(f.n, 1);
	ck_assert_uint_eq(f.script[0].lun, lun);
	ck_assert(hba_settled(f.h));
	told = 0;
	start(&t, 5);
	serve_all();
	ck_assert_uint_eq(told, 1);
	expect(others, LUN(lun));
	ck_assert_uint_eq(n_changed, 0);

	hinder(&f.disk[1], which, 0);
	wait_and_serve(3 * NS_PER_S);
	expect(others | LUN(lun), 0);
	ck_assert_str_eq(unit(lun)->why, "");
	ck_assert_uint_eq(unit(lun)->xfer.period, 9);
	ck_assert_uint_eq(unit(lun)->blocks, 10000);
	ck_assert_uint_eq(n_changed, 1);
	ck_assert_uint_eq(changed[0], hba_unit_at(f.h, 1, lun));
	that_was_all();
}
END_TEST

/* They end: after pauses that double up to 64 s, one in so many times. A scan begins anew. */
START_TEST(probes_are_bounded)
{
	unsigned probes = 0;
	ns_t pause = 500 * NS_PER_MS, spent = 0;

	attach((struct fake_disk){.formatting = LUN(0), .queue_depth = 8});
	for (;;) {
		fake_wait(&f, pause - 300 * NS_PER_MS);
		ck_assert_uint_eq(f.n, 0);
		fake_wait(&f, FIRST_PAUSE);
		if (f.n == 0)
			break;
		probes++;
		fake_serve(&f);
		spent += pause;
		pause = pause < 64 * NS_PER_S ? 2 * pause : pause;
		ck_assert_uint_lt(probes, 100);
	}
	ck_assert_uint_eq(probes, 64);
	ck_assert(spent > 3600 * NS_PER_S - 10 * NS_PER_S && spent < 2 * 3600 * NS_PER_S);
	fake_wait(&f, 3600 * NS_PER_S);
	ck_assert_uint_eq(f.n, 0);
	rescan();
	serve_all();
	fake_wait(&f, FIRST_PAUSE);
	ck_assert_uint_ge(f.n, 1);
	fake_end(&f);
}
END_TEST

static void overtake_by_reset(void)
{
	f.n = 0;
	fake_rst(&f);
}

static void overtake_by_port(void)
{
	fake_port(&f, 1, false);
	expect(0, 0);
	fake_serve(&f); /* nobody is there */
	fake_wait(&f, 3600 * NS_PER_S);
	fake_port(&f, 1, true);
}

/* A bus reset, a scan, a port that goes: in the middle of a probe, and between two. */
START_TEST(a_probe_that_is_overtaken)
{
	static void (*const overtake[])(void) = {rescan, overtake_by_reset, overtake_by_port};
	bool under_way = _i % 2;

	attach((struct fake_disk){.luns = LUN(2), .reserved = LUN(2), .queue_depth = 8});
	expect(LUN(0), LUN(2));
	if (under_way)
		fake_wait(&f, FIRST_PAUSE);
	ck_assert_uint_eq(f.n, under_way);
	f.disk[1].reserved = 0;
	overtake[_i / 2]();
	ck_assert(!hba_settled(f.h));
	serve_all();
	expect(LUN(0) | LUN(2), 0);
	that_was_all();
}
END_TEST

/* Of the units that are READY, as many commands are under way as the target takes: whatever LUN 0
 * is, and what a probe of it finds. LUN 0 has the say when it is READY. */
START_TEST(the_others_have_their_depth)
{
	struct fake_disk d = {.luns = LUN(2), .queue_depth = 4};
	struct hba_task t[5];

	hinder(&d, (unsigned)_i, LUN(0));
	attach(d);
	expect(LUN(2), LUN(0));
	for (unsigned round = 0; round < 3; round++) {
		told = 0;
		for (unsigned i = 0; i < ARRAY_LEN(t); i++)
			start(&t[i], 2);
		fake_run(&f);
		ck_assert_uint_eq(f.n, round < 2 ? 4 : 1);
		fake_serve(&f);
		ck_assert_uint_eq(told, 5);
		if (round == 1) {
			hinder(&f.disk[1], (unsigned)_i, 0);
			f.disk[1].queue_depth = 1;
		}
		wait_and_serve((round + 1) * FIRST_PAUSE);
		ck_assert_int_eq(unit(0)->state, round < 1 ? HBA_FAILED : HBA_READY);
	}
	fake_end(&f);
}
END_TEST

/* ---- who comes in another's place ---- */

/* What waits for a unit is not for the next one at its LUN: while a scan finds out who it is, and
 * when a target comes in place of another. */
START_TEST(what_waits_is_for_one_unit)
{
	bool replaced = _i == 1, superseded = _i == 2;
	struct hba_task first, same;

	attach((struct fake_disk){.luns = LUN(2), .queue_depth = 8});
	rescan();
	told = 0;
	start(&first, 2);
	start(&same, 0);
	f.disk[1].at[2] = replaced ? 7 : 0;
	if (superseded)
		fake_port(&f, 1, true);
	serve_all();
	expect(LUN(0) | LUN(2), 0);
	ck_assert_uint_eq(told, 2);
	ck_assert_int_eq(first.outcome, _i ? HBA_ABORTED : HBA_COMPLETED);
	ck_assert_int_eq(first.aborted, _i > 0);
	ck_assert_int_eq(same.outcome, superseded ? HBA_ABORTED : HBA_COMPLETED);
	that_was_all();
}
END_TEST

static bool page_ok;
static char page_why[160];
static void page_done(struct hba_set_member *s, bool ok, const char *why)
{
	(void)s;
	page_ok = ok;
	snprintf(page_why, sizeof(page_why), "%s", why);
	told++;
}

/* Nor is a page 30h that is to be written, whatever of it is under way. */
START_TEST(a_membership_is_for_one_unit)
{
	struct hba_set_member m = {.page = {.member = true, .device = 1, .group = 5},
	                           .done = page_done,
	                           .param = block_new(MODE_MIRROR_LEN + 16)};
	uint8_t page[8 + MODE_MIRROR_LEN] = {0};
	struct wr w = wr_init(page + 8, MODE_MIRROR_LEN);

	attach((struct fake_disk){.luns = LUN(2), .queue_depth = 8});
	hba_set_member(f.h, unit(2)->unit, &m);
	fake_run(&f);
	struct fake_script s = fake_take(&f);
	ck_assert_uint_eq(s.cdb[0], 0x5a);
	f.disk[1].at[2] = 7;
	rescan();
	serve_all();
	told = 0;
	mode_mirror_put(&w, &f.disk[1].member);
	fake_end_task(&f, &s, _i ? SCSI_BUSY : SCSI_GOOD, page, sizeof(page));
	ck_assert_uint_eq(f.n, 0); /* no MODE SELECT */
	ck_assert_uint_eq(told, 1);
	ck_assert(!page_ok && !m.may_have);
	ck_assert_str_eq(page_why, "page 30h: the logical unit is not the one that it was");
	that_was_all();
}
END_TEST

/* Units that change their LUNs are who they were: at once where the list tells that the old LUN is
 * gone; else when it has been looked at again. */
START_TEST(a_unit_that_moves)
{
	static const struct {
		uint64_t before, after;
		uint8_t at2, at5;
	} moves[] = {{LUN(2), LUN(5), 0, 2},
	             {LUN(5), LUN(2), 5, 0},
	             {LUN(2) | LUN(5), LUN(2) | LUN(5), 5, 2}};
	bool swap = moves[_i].before == moves[_i].after;
	uint8_t uuid[UUID_LEN];

	attach((struct fake_disk){.luns = moves[_i].before, .queue_depth = 8});
	expect(LUN(0) | moves[_i].before, 0);
	f.disk[1].luns = moves[_i].after;
	f.disk[1].at[2] = moves[_i].at2;
	f.disk[1].at[5] = moves[_i].at5;
	rescan();
	serve_all();
	if (swap) {
		expect(LUN(0) | LUN(5), LUN(2));
		ck_assert_str_eq(unit(2)->why, "VPD page 83h: the UUID of LUN 5 at ID 1");
		wait_and_serve(FIRST_PAUSE);
	}
	expect(LUN(0) | moves[_i].after, 0);
	for (uint8_t lun = 2; lun <= 5; lun++) {
		if (!(moves[_i].after & LUN(lun)))
			continue;
		fake_unit_uuid(1, f.disk[1].at[lun], uuid);
		ck_assert_ptr_eq(hba_find(f.h, uuid), unit(lun));
	}
	that_was_all();
}
END_TEST

/* ---- lists that change ---- */

/* That the list is another is said once, and a probe may be who is told. */
START_TEST(a_probe_that_meets_another_list)
{
	uint8_t lun = _i ? 2 : 0;

	attach((struct fake_disk){.luns = LUN(2), .formatting = LUN(lun)});
	ck_assert_int_eq(unit(lun)->state, HBA_FAILED);
	f.disk[1].luns |= LUN(5);
	f.disk[1].luns_changed = true;
	fake_wait(&f, FIRST_PAUSE);
	ck_assert_uint_eq(f.n, 1);
	serve_all();
	ck_assert(!f.disk[1].luns_changed);
	expect((LUN(0) | LUN(2) | LUN(5)) & ~LUN(lun), LUN(lun));
	/* the one is probed all the same */
	f.disk[1].formatting = 0;
	wait_and_serve(FIRST_PAUSE);
	expect(LUN(0) | LUN(2) | LUN(5), 0);
	that_was_all();
}
END_TEST

/* Serves it to this command of LUN 2, which is not to be served yet. False: none came. */
static bool serve_up_to(uint8_t op)
{
	for (unsigned n = 0; f.n > 0; n++) {
		if (f.script[0].lun == 2 && f.script[0].cdb[0] == op)
			return true;
		ck_assert_uint_lt(n, 1000);
		fake_serve_one(&f);
	}
	return false;
}

/* The list that the scan has read is another one while it is at a further unit. */
START_TEST(a_list_that_changes_behind_its_back)
{
	static const uint8_t ops[] = {0x00, 0x9e, 0x5a};

	come((struct fake_disk){.luns = LUN(2) | LUN(3)});
	ck_assert(serve_up_to(ops[_i]));
	f.disk[1].luns = LUN(2) | LUN(5);
	f.disk[1].luns_changed = true;
	serve_all();
	ck_assert(!f.disk[1].luns_changed);
	expect(LUN(0) | LUN(2) | LUN(5), 0);
	that_was_all();
}
END_TEST

/* Serves all, until nothing is to come any more. Each time that LUN 2 is begun with, or only when
 * it is probed, the target says that its list is another. How often it was begun with. */
static unsigned serve_a_liar(bool to_probes)
{
	unsigned begun = 0;

	for (;;) {
		while (serve_up_to(0x00)) {
			ck_assert_uint_lt(++begun, 1000);
			f.disk[1].luns_changed = hba_settled(f.h) || !to_probes;
			fake_serve_one(&f);
			if (f.disk[1].luns_changed)
				fake_serve_one(&f); /* REQUEST SENSE */
			ck_assert(!f.disk[1].luns_changed);
			if (f.n > 0 && f.script[0].lun == 2)
				fake_serve_one(&f); /* once more */
		}
		if (hba_deadline(f.h) == NS_NEVER)
			return begun;
		fake_wait(&f, hba_deadline(f.h) - f.now);
	}
}

/* That ends: the last list holds, until somebody from outside is told that it is another. What is
 * not ready is probed all the same. */
START_TEST(a_list_that_always_changes)
{
	static const struct {
		bool formatting, to_probes;
		unsigned begun;
	} ways[] = {
	        {false, false, 1 + 16}, {true, false, 1 + 16 + 64}, {true, true, 1 + 2 * 16 + 64}};
	uint64_t formatting = ways[_i].formatting ? LUN(2) : 0;
	struct hba_task t;

	come((struct fake_disk){.luns = LUN(2), .formatting = formatting});
	for (unsigned round = 0; round < 2; round++) {
		ck_assert_uint_eq(serve_a_liar(ways[_i].to_probes), ways[_i].begun);
		ck_assert(hba_settled(f.h));
		expect((LUN(0) | LUN(2)) & ~formatting, formatting);
		f.disk[1].luns_changed = true;
		start(&t, 0);
		fake_run(&f);
	}
	fake_end(&f);
}
END_TEST

/* A unit's size is another one: a caller's command is told, or the scan, before and after it has
 * asked for that. */
START_TEST(a_size_that_changes)
{
	static const uint8_t ops[] = {0x00, 0x5a};
	struct fake_disk d = {.luns = LUN(2), .queue_depth = 8};
	struct hba_task t;

	if (_i == 0) {
		attach(d);
		ck_assert_uint_eq(unit(2)->block_size, 512);
		start(&t, 2);
		fake_run(&f);
	} else {
		come(d);
		ck_assert(serve_up_to(ops[_i - 1]));
	}
	f.disk[1].block_size = 4096;
	f.disk[1].size_changed = true;
	serve_all();
	ck_assert(!f.disk[1].size_changed);
	expect(LUN(0) | LUN(2), 0);
	ck_assert_uint_eq(unit(2)->block_size, 4096);
	that_was_all();
}
END_TEST

/* The same of page 30h, which somebody else has written. */
START_TEST(a_page_that_changes)
{
	static const uint8_t ops[] = {0x00, 0x5a};
	struct fake_disk d = {.luns = LUN(2), .queue_depth = 8};
	struct hba_task t;

	if (_i == 0) {
		attach(d);
		ck_assert(!unit(2)->member.member);
		start(&t, 2);
		fake_run(&f);
	} else {
		come(d);
		ck_assert(serve_up_to(ops[_i - 1]));
	}
	f.disk[1].member = (struct mode_mirror){.member = true, .device = 4, .owner = {9}};
	f.disk[1].pages_changed = true;
	serve_all();
	ck_assert(!f.disk[1].pages_changed);
	ck_assert(mode_mirror_equal(&unit(2)->member, &f.disk[1].member));
	that_was_all();
}
END_TEST

/* ---- lists that do not come ---- */

/* What it has beside LUN 0 is asked for when that answers: of a target that is new, and of one
 * whose units were known. */
START_TEST(a_target_that_is_too_busy_for_its_list)
{
	struct fake_disk d = {.luns = LUN(2) | LUN(5), .queue_depth = 8};

	if (_i) {
		attach(d);
		expect(LUN(0) | LUN(2) | LUN(5), 0);
		rescan();
		f.disk[1].busy = LUN(0);
		f.disk[1].busy_list = true;
	} else {
		d.busy = LUN(0);
		d.busy_list = true;
		come(d);
	}
	serve_all();
	expect(0, LUN(0));
	ck_assert_str_eq(unit(0)->why, "TEST UNIT READY: busy without end");
	ck_assert_int_eq(hba_unit_at(f.h, 1, 5) != WIRE_NO_ID, _i);
	f.disk[1].busy = 0;
	f.disk[1].busy_list = false;
	f.disk[1].formatting = LUN(2);
	wait_and_serve(FIRST_PAUSE);
	expect(LUN(0) | LUN(5), LUN(2));
	ck_assert_uint_eq(unit(0)->xfer.period, 9);
	/* whose first pause is the first again */
	f.disk[1].formatting = 0;
	wait_and_serve(FIRST_PAUSE);
	expect(LUN(0) | LUN(2) | LUN(5), 0);
	that_was_all();
}
END_TEST

/* Nor is that asked for for ever: LUN 0 is there without it in the end. */
START_TEST(a_list_that_never_comes)
{
	unsigned scans = 0;

	attach((struct fake_disk){.luns = LUN(2), .busy_list = true});
	expect(0, LUN(0));
	ck_assert_str_eq(unit(0)->why, "REPORT LUNS: busy without end");
	while (unit(0)->state == HBA_FAILED) {
		ck_assert_uint_lt(scans++, 100);
		ns_t pause = hba_deadline(f.h) - f.now;
		ck_assert(pause <= 64 * NS_PER_S);
		fake_wait(&f, pause);
		ck_assert_uint_ge(f.n, 1);
		serve_all();
	}
	ck_assert_uint_eq(scans, 64);
	expect(LUN(0), 0);
	that_was_all();
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const plain[] = {
	        probes_are_bounded,
	        a_list_that_never_comes,
	};
	Suite *suite = tap_suite("hba_units", plain, sizeof(plain) / sizeof(plain[0]));
	TCase *ways = tcase_create("several ways");

	tcase_add_loop_test(ways, what_is_not_ready_is_probed, 0, 2 * (int)ARRAY_LEN(hindrances));
	tcase_add_loop_test(ways, a_probe_that_is_overtaken, 0, 6);
	tcase_add_loop_test(ways, the_others_have_their_depth, 0, (int)ARRAY_LEN(hindrances));
	tcase_add_loop_test(ways, what_waits_is_for_one_unit, 0, 3);
	tcase_add_loop_test(ways, a_membership_is_for_one_unit, 0, 2);
	tcase_add_loop_test(ways, a_unit_that_moves, 0, 3);
	tcase_add_loop_test(ways, a_probe_that_meets_another_list, 0, 2);
	tcase_add_loop_test(ways, a_list_that_changes_behind_its_back, 0, 3);
	tcase_add_loop_test(ways, a_size_that_changes, 0, 3);
	tcase_add_loop_test(ways, a_page_that_changes, 0, 3);
	tcase_add_loop_test(ways, a_list_that_always_changes, 0, 3);
	tcase_add_loop_test(ways, a_target_that_is_too_busy_for_its_list, 0, 2);
	suite_add_tcase(suite, ways);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
