/* SPDX-License-Identifier: BSD-2-Clause */
/* The host adapter frame by frame: the scan of targets. */
#include "scenario/fake_bus.h"
#include "unit/tap_main.h"

#include <string.h>

static unsigned told;

static void task_done(struct hba_task *t)
{
	(void)t;
	told++;
}

static struct fake f;

static void start(struct hba_task *t, uint8_t target)
{
	*t = (struct hba_task){.target = target, .cdb_len = 6, .done = task_done};
	hba_task_start(f.h, t);
	fake_run(&f);
}

START_TEST(scan_finds_two_targets)
{
	uint8_t uuid[UUID_LEN];

	fake_init(&f, NULL);
	ck_assert(hba_settled(f.h));
	f.disk[1].member = (struct mode_mirror){.member = true, .device = 3, .group = 9};
	fake_disk_up(&f, 1, 8);
	f.disk[15].reject_ppr = true;
	fake_disk_up(&f, 15, 4);
	ck_assert(hba_settled(f.h));

	const struct hba_target *t = hba_target(f.h, 1);
	ck_assert_str_eq(t->vendor, "SMIRROR");
	ck_assert_str_eq(t->product, "VIRTUAL DISK");
	ck_assert_str_eq(t->serial, "SN0001");
	ck_assert_str_eq(t->name, "disk1");
	ck_assert_uint_eq(t->blocks, 10000);
	ck_assert_uint_eq(t->block_size, 512);
	ck_assert(t->mirror);
	ck_assert_uint_eq(t->member.group, 9);
	ck_assert_uint_eq(t->xfer.offset, 31);
	ck_assert_uint_eq(t->xfer.period, 9);
	ck_assert_uint_eq(t->xfer.options, XFER_DT_REQ);
	fake_uuid(15, uuid);
	ck_assert_ptr_eq(hba_find(f.h, uuid), hba_target(f.h, 15));
	/* PPR was rejected: WDTR and SDTR instead */
	ck_assert_uint_eq(hba_target(f.h, 15)->xfer.wide, 1);
	ck_assert_uint_eq(hba_target(f.h, 15)->xfer.period, 0x0a);
	ck_assert_uint_eq(hba_target(f.h, 15)->xfer.options, 0);
	fake_end(&f);
}
END_TEST

START_TEST(scan_judges_targets)
{
	fake_init(&f, NULL);
	f.disk[1].reject_all = true;
	fake_disk_up(&f, 1, 8);
	ck_assert_uint_eq(hba_target(f.h, 1)->xfer.offset, 0);
	ck_assert_uint_eq(hba_target(f.h, 1)->xfer.wide, 0);
	f.disk[2].no_mirror = true;
	fake_disk_up(&f, 2, 8);
	ck_assert(!hba_target(f.h, 2)->mirror);
	f.disk[3].liar = true;
	fake_port(&f, 3, true);
	ck_assert(!hba_settled(f.h));
	fake_serve(&f);
	ck_assert(hba_settled(f.h));
	ck_assert_int_eq(hba_target(f.h, 3)->state, HBA_FAILED);
	ck_assert_ptr_nonnull(strstr(hba_target(f.h, 3)->why, "C0h"));
	/* asked again, it has mended its ways */
	f.disk[3].liar = false;
	hba_scan(f.h);
	fake_run(&f);
	fake_serve(&f);
	ck_assert_int_eq(hba_target(f.h, 3)->state, HBA_READY);
	fake_end(&f);
}
END_TEST

static unsigned changes;
static void target_changed(void *ctx, uint8_t id)
{
	ck_assert_ptr_eq(ctx, &f);
	ck_assert_uint_eq(id, 1);
	changes++;
}

START_TEST(a_port_that_goes_and_comes)
{
	fake_init(&f, NULL);
	hba_on_target(f.h, target_changed, &f);
	fake_disk_up(&f, 1, 8);
	uint32_t epoch = hba_target(f.h, 1)->epoch;
	/* in the middle of a scan */
	hba_scan(f.h);
	fake_run(&f);
	struct fake_script s = fake_take(&f);
	fake_port(&f, 1, false);
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_ABSENT);
	fake_port(&f, 1, true);
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_SCANNING);
	struct wire_tenure tn = fake_tenure(&f, &s, OUTCOME_SELECTION_TIMEOUT);
	fake_send(&f, &tn, NULL, 0);
	fake_wait(&f, NS_PER_S);
	fake_serve(&f);
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_READY);
	ck_assert_uint_ne(hba_target(f.h, 1)->epoch, epoch);
	ck_assert_uint_ge(changes, 4);
	fake_end(&f);
}
END_TEST

START_TEST(what_is_started_during_a_scan_waits)
{
	struct hba_task t, early;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, _i ? 8 : 1);
	start(&early, 1);
	struct fake_script s = fake_take(&f);
	hba_scan(f.h);
	start(&t, 1);
	ck_assert_uint_eq(f.n, _i ? 1 : 0); /* the scan keeps to the credit, too */
	fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	ck_assert_uint_eq(told, 1);
	for (unsigned n = 0; hba_target(f.h, 1)->state == HBA_SCANNING; n++) {
		ck_assert_uint_lt(n, 100);
		ck_assert_uint_eq(f.n, 1);
		ck_assert_uint_eq(t.item.script, 0);
		ck_assert_uint_eq(told, 1);
		fake_serve_one(&f);
	}
	ck_assert_uint_eq(f.n, 1);
	s = fake_take(&f);
	fake_end_task(&f, &s, SCSI_GOOD, NULL, 0);
	ck_assert_uint_eq(told, 2);
	fake_end(&f);
}
END_TEST

START_TEST(a_scan_that_is_asked_for_again_starts_over)
{
	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	hba_scan(f.h);
	fake_run(&f);
	for (unsigned i = 0; i < 3; i++)
		fake_serve_one(&f);
	ck_assert_uint_eq(f.n, 1);
	ck_assert_uint_eq(f.script[0].cdb[0], 0x12);
	/* the next incarnation is another one: what the old one said does not count */
	fake_port(&f, 1, false);
	fake_port(&f, 1, true);
	f.disk[1].liar = true;
	fake_serve_one(&f);
	ck_assert_uint_eq(f.n, 1);
	ck_assert_uint_eq(f.script[0].cdb[0], 0x00);
	fake_serve(&f);
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_FAILED);
	fake_end(&f);
}
END_TEST

START_TEST(a_target_that_never_answers_the_scan)
{
	fake_init(&f, NULL);
	fake_port(&f, 1, true);
	for (unsigned n = 0; hba_target(f.h, 1)->state == HBA_SCANNING; n++) {
		ck_assert_uint_lt(n, 100);
		while (f.n) {
			struct fake_script s = fake_take(&f);
			struct wire_tenure tn = fake_tenure(
			        &f, &s, s.abort ? OUTCOME_UNEXPECTED_FREE : OUTCOME_DISCONNECTED);
			fake_send(&f, &tn, NULL, 0);
		}
		fake_wait(&f, 11 * NS_PER_S);
	}
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_FAILED);
	fake_end(&f);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const plain[] = {
	        scan_finds_two_targets,
	        scan_judges_targets,
	        a_port_that_goes_and_comes,
	        a_scan_that_is_asked_for_again_starts_over,
	        a_target_that_never_answers_the_scan,
	};
	Suite *suite = tap_suite("hba_scan", plain, sizeof(plain) / sizeof(plain[0]));
	TCase *both = tcase_create("both ways");

	tcase_add_loop_test(both, what_is_started_during_a_scan_waits, 0, 2);
	suite_add_tcase(suite, both);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
