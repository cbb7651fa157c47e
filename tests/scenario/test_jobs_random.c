/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups and jobs under random faults, losses, resets, restarts and commands, one seed a run:
 * nothing hangs, every invariant holds after each step, and members that are said
 * to be in sync hold the same.
 */
#include "base/prng.h"
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 512
#define SEEDS  60

struct chaos {
	struct rig *r;
	struct prng g;
	unsigned n;
	uint64_t token;
};

static uint64_t below(struct chaos *c, uint64_t n)
{
	return prng_below(&c->g, n);
}

static void random_fault(struct chaos *c)
{
	static const uint8_t keys[] = {KEY_HARDWARE_ERROR, KEY_UNIT_ATTENTION, KEY_NOT_READY,
	                               KEY_DATA_PROTECT, KEY_ABORTED_COMMAND};
	static const uint8_t status[] = {SCSI_BUSY, SCSI_TASK_SET_FULL, SCSI_RESERVATION_CONFLICT,
	                                 SCSI_TASK_ABORTED};
	uint8_t id = (uint8_t)below(c, c->n);
	struct fake_fault f = {.kind = (enum fake_fault_kind)(1 + below(c, FAULT_DIE)),
	                       .lba = below(c, BLOCKS),
	                       .blocks = (uint32_t)(1 + below(c, 12)),
	                       .times = (unsigned)(1 + below(c, 6)),
	                       .skip = (unsigned)below(c, 5),
	                       .status = status[below(c, ARRAY_LEN(status))],
	                       .key = keys[below(c, ARRAY_LEN(keys))],
	                       .reads = below(c, 2),
	                       .unaborted = below(c, 3) == 0};

	if (below(c, 3) == 0)
		fake_clear_faults(c->r->h, id);
	else if (c->r->h->disk[id].fault[FAKE_FAULTS - 1].kind == FAULT_NONE)
		for (unsigned i = 0; i < FAKE_FAULTS; i++)
			if (c->r->h->disk[id].fault[i].kind == FAULT_NONE) {
				c->r->h->disk[id].fault[i] = f;
				return;
			}
}

static void come_or_go(struct chaos *c)
{
	uint8_t id = (uint8_t)below(c, c->n);

	if (!c->r->h->up)
		return;
	if (c->r->h->target[id].state == HBA_READY)
		fake_gone(c->r->h, id);
	else
		fake_back(c->r->h, id);
}

static bool commands_open(const struct rig *r, uint64_t last)
{
	uint64_t replied = 0;

	for (unsigned i = 0; i < r->n_replies; i++)
		replied += r->reply[i].token > 2000;
	return replied < last - 2000;
}

static bool load_runs(const struct rig *r)
{
	for (unsigned i = 0; i < ini_jobs(r->ini); i++) {
		const struct ini_job *j = ini_job_at(r->ini, i);
		if (j->type == JOB_LOAD && j->conclusion == JOB_NONE)
			return true;
	}
	return false;
}

static void restart(struct chaos *c)
{
	/* A write that was in flight when the daemon died may be on some members only. */
	if (!commands_open(c->r, c->token) && !load_runs(c->r))
		rig_restart(c->r);
}

static void command(struct chaos *c)
{
	struct ini_error e;
	struct rig *r = c->r;
	uint32_t len = (uint32_t)(1 + below(c, 80)) * FAKE_BLOCK;
	uint64_t offset = below(c, BLOCKS) * FAKE_BLOCK;
	struct block *b = block_new(len);

	for (uint32_t i = 0; i < len; i++)
		b->data[i] = (uint8_t)prng_u64(&c->g);
	if (r->n_replies < ARRAY_LEN(r->reply) - 4) {
		bool taken;
		switch (below(c, 4)) {
		case 0:
			taken = ini_group_read(r->ini, "g0", offset, len, b, c->token + 1, &e);
			break;
		case 1:
			taken = ini_group_flush(r->ini, "g0", c->token + 1, &e);
			break;
		default:
			taken = ini_group_write(r->ini, "g0", offset, len, b, c->token + 1, &e);
			break;
		}
		c->token += taken;
	}
	block_unref(b);
}

static void start_job(struct chaos *c)
{
	struct ini_error e;
	struct ini_job_spec s = rig_spec(c->r, (enum ini_job_type)below(c, JOB_TYPES));

	if (s.type == JOB_VERIFY && below(c, 2)) {
		s.has_image = true;
		s.image_size = c->r->image_len;
	}
	s.mode = below(c, 3) ? INI_SILENT : INI_CONVENTIONAL;
	s.transfer = (uint32_t)(1 + below(c, 64)) * FAKE_BLOCK;
	s.window = (unsigned)(1 + below(c, 6));
	s.load = (struct ini_load_spec){.pattern = (enum ini_pattern)below(c, INI_PATTERNS),
	                                .seed = below(c, 1000),
	                                .writes = 1 + below(c, 300),
	                                .for_ns = below(c, 2) * 50 * NS_PER_MS};
	(void)ini_job_create(c->r->ini, &s, &e);
}

static void steer_job(struct chaos *c)
{
	struct ini_error e;
	unsigned n = ini_jobs(c->r->ini);

	if (n == 0)
		return;
	uint32_t id = ini_job_at(c->r->ini, (unsigned)(n - 1 - below(c, n < 3 ? n : 3)))->id;
	switch (below(c, 4)) {
	case 0:
		(void)ini_job_pause(c->r->ini, id, &e);
		break;
	case 1:
		(void)ini_job_cancel(c->r->ini, id, &e);
		break;
	default:
		(void)ini_job_resume(c->r->ini, id, &e);
		break;
	}
}

static void something(struct chaos *c)
{
	struct hba *h = c->r->h;

	switch (below(c, 14)) {
	case 0:
	case 1:
	case 2:
		random_fault(c);
		break;
	case 3:
		come_or_go(c);
		break;
	case 4:
		fake_reset(h);
		break;
	case 5:
		if (h->up && below(c, 4) == 0)
			fake_bus_down(h);
		else if (!h->up)
			fake_bus_up(h);
		break;
	case 6:
	case 7:
		start_job(c);
		break;
	case 8:
		steer_job(c);
		break;
	case 9:
		if (below(c, 6) == 0)
			restart(c);
		break;
	case 10:
		h->disk[below(c, c->n)].page_fails = below(c, 3) == 0;
		break;
	default:
		command(c);
		break;
	}
}

static void calm(struct chaos *c)
{
	struct ini_error e;
	struct rig *r = c->r;

	for (uint8_t i = 0; i < c->n; i++) {
		fake_clear_faults(r->h, i);
		r->h->disk[i].page_fails = false;
	}
	if (!r->h->up)
		fake_bus_up(r->h);
	for (uint8_t i = 0; i < c->n; i++)
		if (r->h->target[i].state != HBA_READY)
			fake_back(r->h, i);
	rig_step(r);
	for (unsigned i = 0; i < ini_jobs(r->ini); i++)
		(void)ini_job_resume(r->ini, ini_job_at(r->ini, i)->id, &e);
	rig_run(r, 100 * NS_PER_S);
}

static void assert_at_rest(struct chaos *c)
{
	struct rig *r = c->r;
	int first = -1;

	ck_assert_uint_eq(r->h->n_ops, 0);
	ck_assert(!commands_open(r, c->token));
	for (unsigned i = 0; i < ini_jobs(r->ini); i++) {
		const struct ini_job *j = ini_job_at(r->ini, i);
		ck_assert_int_eq(j->state, JOB_CONCLUDED);
		ck_assert(j->conclusion != JOB_PARTIAL || j->error.text[0]);
	}
	for (uint8_t i = 0; i < c->n; i++) {
		if (!rig_in_sync(r, i))
			continue;
		if (first < 0)
			first = i;
		ck_assert_msg(memcmp(r->h->disk[first].store, r->h->disk[i].store,
		                     BLOCKS * FAKE_BLOCK) == 0,
		              "disk%d and disk%d are in sync and differ", first, i);
		ck_assert_uint_eq(r->h->target[i].member.generation,
		                  ini_group_find(r->ini, "g0")->generation);
	}
}

START_TEST(chaos)
{
	struct chaos c = {.g = prng_init((uint64_t)_i), .token = 2000};

	c.n = (unsigned)(1 + below(&c, 4));
	c.r = rig_new(c.n, BLOCKS);
	/* Up to within the last block: what an image does not reach may differ after a mirror. */
	rig_image(c.r, BLOCKS * FAKE_BLOCK - below(&c, FAKE_BLOCK), (uint64_t)_i);
	rig_group(c.r, c.n, true);
	for (unsigned i = 0; i < 120; i++) {
		something(&c);
		rig_run(c.r, below(&c, 30) ? below(&c, NS_PER_MS) : below(&c, 4 * NS_PER_S));
	}
	calm(&c);
	assert_at_rest(&c);
	/* whatever was: a job on sound targets succeeds */
	struct ini_job_spec s = rig_spec(c.r, JOB_MIRROR);
	const struct ini_job *j = rig_job(c.r, rig_start(c.r, &s), 100 * NS_PER_S);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	for (uint8_t i = 0; i < c.n; i++)
		ck_assert(rig_holds(c.r, i) && rig_in_sync(c.r, i));
	rig_free(c.r);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("jobs_random");
	TCase *tcase = tcase_create("jobs_random");
	const char *seeds = getenv("SEEDS"), *from = getenv("FIRST");
	int first = from ? atoi(from) : 0;

	tcase_add_loop_test(tcase, chaos, first, first + (seeds ? atoi(seeds) : SEEDS));
	suite_add_tcase(suite, tcase);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
