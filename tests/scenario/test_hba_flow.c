/* SPDX-License-Identifier: BSD-2-Clause */
/* The host adapter frame by frame: when passes start, and under what numbers. */
#include "scenario/fake_bus.h"
#include "unit/tap_main.h"

#include <string.h>

static struct fake f;
static unsigned told;
static struct block *data;

static void pass_done(struct hba_pass *p)
{
	(void)p;
	told++;
}

/* Three disks, 1, 2 and 3, with device ids 11, 12 and 13 in group 77. */
static void setup_with(const struct hba_config *cfg, uint16_t queue_depth)
{
	told = 0;
	fake_init(&f, cfg);
	for (uint8_t id = 1; id <= 3; id++)
		fake_disk_up(&f, id, queue_depth);
	data = block_new(4096);
	memset(data->data, 0x5a, 4096);
}

static void setup(void)
{
	setup_with(NULL, 8);
}

static void teardown(void)
{
	ck_assert_uint_eq(data->refs, 1);
	block_unref(data);
	fake_end(&f);
}

static void prepare(struct hba_pass *p, unsigned n)
{
	fake_pass(p, n, data, pass_done);
}

static void start(struct hba_pass *p, unsigned n)
{
	prepare(p, n);
	hba_pass_start(f.h, p);
	fake_run(&f);
}

static struct fake_script s;

/* Runs the oldest script to its good end. */
static void finish_oldest(void)
{
	struct wire_tenure tn;

	s = fake_take(&f);
	tn = fake_released(&f, &s);
	fake_send(&f, &tn, NULL, 0);
	for (unsigned i = 0; i < s.n_legs; i++) {
		struct fake_status st = fake_status_of(&f, &s, i, (uint8_t)(s.leg[i].device - 10));
		fake_send_status(&f, &st);
	}
}

START_TEST(a_pass_waits_for_credit_of_all_its_members)
{
	struct hba_pass p[4];

	hba_detached(f.h, f.now);
	fake_attach(&f);
	fake_disk_up(&f, 1, 8);
	fake_disk_up(&f, 2, 1); /* the narrow one */
	fake_disk_up(&f, 3, 8);
	start(&p[0], 3);
	start(&p[1], 3);
	ck_assert_uint_eq(f.n, 1);
	/* one for target 1 alone must not overtake for ever: it comes after those before it */
	start(&p[2], 1);
	ck_assert_uint_eq(f.n, 1);
	/* one for target 3 alone neither */
	prepare(&p[3], 1);
	p[3].m[0] = (struct hba_pass_member){.target = 3, .device = 13};
	hba_pass_start(f.h, &p[3]);
	fake_run(&f);
	ck_assert_uint_eq(f.n, 1);
	finish_oldest();
	ck_assert_uint_eq(told, 1);
	ck_assert_uint_eq(f.n, 3);
	ck_assert_uint_eq(f.script[0].n_legs, 3);
	finish_oldest();
	finish_oldest();
	finish_oldest();
	ck_assert_uint_eq(told, 4);
}
END_TEST

START_TEST(operation_ids_do_not_wrap_under_way)
{
	struct hba_config cfg = fake_config();
	struct hba_pass p[4];

	teardown();
	cfg.first_op = UINT32_MAX - 1;
	setup_with(&cfg, 8);
	for (unsigned i = 0; i < 4; i++)
		start(&p[i], 3);
	ck_assert_uint_eq(f.n, 2);
	ck_assert_uint_eq(p[1].op, UINT32_MAX);
	finish_oldest();
	ck_assert_uint_eq(f.n, 1);
	finish_oldest();
	ck_assert_uint_eq(f.n, 2);
	ck_assert_uint_eq(p[2].op, 1);
	finish_oldest();
	finish_oldest();
	ck_assert_uint_eq(told, 4);
}
END_TEST

static struct hba_pass again;
static unsigned rounds;
static void start_again(struct hba_pass *p)
{
	if (++rounds < 1000)
		hba_pass_start(f.h, p);
}

START_TEST(the_next_one_starts_in_done)
{
	prepare(&again, 3);
	again.done = start_again;
	hba_pass_start(f.h, &again);
	fake_run(&f);
	uint32_t op = 0;
	while (f.n) {
		ck_assert_uint_gt(f.script[0].leg[0].op, op);
		op = f.script[0].leg[0].op;
		finish_oldest();
	}
	ck_assert_uint_eq(rounds, 1000);
}
END_TEST

TAP_MAIN_WITH("hba_flow", setup, teardown, a_pass_waits_for_credit_of_all_its_members,
              operation_ids_do_not_wrap_under_way, the_next_one_starts_in_done);
