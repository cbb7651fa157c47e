/* SPDX-License-Identifier: BSD-2-Clause */
/* The three cores together, through encoded frames: many passes in flight, random faults. GOOD
 * means that the copy is there, not taken that nothing was written. */
#include "base/prng.h"
#include "scenario/couple_check.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define DATA_BLOCKS 8
#define DATA_LEN    (DATA_BLOCKS * COUPLE_BLOCK_SIZE)

static struct couple *c;
static unsigned told;

/* Every second disk's port is not armed; from 4 on they agree on information units. */
static struct couple *begin(unsigned i, unsigned depth)
{
	return couple_with(&(struct couple_setup){
	        .n = 4,
	        .unarmed = i % 2,
	        .queue_depth = depth,
	        .blocks = COUPLE_BLOCKS,
	        .xfer = i < 4 ? XFER_ULTRA160 : XFER_ULTRA320,
	        .chain_ns = 10 * NS_PER_MS,
	});
}

#define MANY 24

/* Each writes its own range: over and over, other members in another order. */
static struct hba_pass many[MANY];
static struct hba_task reads[MANY];
static bool runs[2 * MANY];
static uint8_t before[MANY][4][DATA_LEN]; /* what was in its range when it started */
static struct prng g;
static unsigned started, good;

static const uint8_t *range_of(const struct hba_pass *p, uint8_t target)
{
	return c->disk[target].media + p->cdb.lba * COUPLE_BLOCK_SIZE;
}

static void write_done(struct hba_pass *p)
{
	ck_assert(runs[p - many]);
	runs[p - many] = false;
	told++;
	for (unsigned i = 0; i < p->n; i++) {
		const struct hba_pass_member *m = &p->m[i];
		if (m->outcome == PASS_NOT_TAKEN)
			ck_assert_mem_eq(range_of(p, m->target), before[p - many][m->target],
			                 DATA_LEN);
		if (m->outcome != PASS_STATUS || m->status != SCSI_GOOD)
			continue;
		good++;
		ck_assert_msg(couple_holds(c, m->target, p->cdb.lba, p->data),
		              "disk %u, LBA %u: GOOD, but it is not there", m->target,
		              (unsigned)p->cdb.lba);
	}
}

static void start_write(unsigned k)
{
	struct hba_pass *p = &many[k];
	struct block *data = p->data ? p->data : couple_pattern(DATA_LEN, 100 + k);

	if (runs[k])
		return;
	runs[k] = true;
	started++;
	data->data[0]++;
	data->data[DATA_LEN - 1]++;
	couple_pass(p, 1 + (unsigned)prng_below(&g, 4), (lba_t)k * DATA_BLOCKS, data);
	unsigned first = (unsigned)prng_below(&g, 4);
	for (unsigned i = 0; i < p->n; i++)
		p->m[i].target = p->m[i].device = (uint8_t)((first + i) % 4);
	for (uint8_t id = 0; id < 4; id++)
		memcpy(before[k][id], range_of(p, id), DATA_LEN);
	p->done = write_done;
	hba_pass_start(c->h, p);
}

static void read_done(struct hba_task *t)
{
	ck_assert(runs[MANY + (t - reads)]);
	runs[MANY + (t - reads)] = false;
	told++;
}

static void start_read(unsigned k)
{
	struct scsi_cdb cdb = {.op = OP_READ_10, .lba = 200, .blocks = DATA_BLOCKS};

	if (runs[MANY + k])
		return;
	runs[MANY + k] = true;
	started++;
	reads[k] = (struct hba_task){
	        .target = (uint8_t)prng_below(&g, 4), .data_in_len = DATA_LEN, .done = read_done};
	reads[k].cdb_len = (uint8_t)scsi_cdb_put(&cdb, reads[k].cdb);
	hba_task_start(c->h, &reads[k]);
}

static void start_some(void)
{
	for (unsigned n = (unsigned)prng_below(&g, 8); n > 0; n--)
		start_write((unsigned)prng_below(&g, MANY));
	if (prng_below(&g, 4) == 0)
		start_read((unsigned)prng_below(&g, MANY));
}

static void end_many(void)
{
	ck_assert_uint_eq(told, started);
	for (uint8_t id = 0; id < WIRE_IDS; id++)
		ck_assert_uint_eq(hba_target(c->h, id)->in_flight, 0);
	ck_assert_uint_eq(hba_stats(c->h)->protocol_errors, 0);
	ck_assert_uint_eq(hba_stats(c->h)->internal_errors, 0);
	ck_assert(!hba_server_lost(c->h));
}

/* Tags that were given up keep their data until their targets have gone. */
static void end_data(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		if (many[i].data)
			ck_assert_uint_eq(many[i].data->refs, 1);
		block_unref(many[i].data);
	}
}

START_TEST(many_in_flight)
{
	unsigned legs = 0;

	g = prng_init(7 + (uint64_t)_i);
	c = begin((unsigned)_i, _i % 4 < 2 ? 4 : 64);
	for (unsigned n = 0; n < 300; n++) {
		start_some();
		couple_turns(c, (unsigned)prng_below(&g, 5));
	}
	couple_run(c);
	end_many();
	for (unsigned i = 0; i < MANY; i++)
		for (unsigned k = 0; k < many[i].n; k++, legs++)
			ck_assert_int_eq(many[i].m[k].outcome, PASS_STATUS);
	ck_assert_uint_gt(good, legs);
	couple_quiet(c);
	/* Some were chained: there is a COMMAND for each, and a SELECTION for each tenure of
	 * passes. */
	const struct wire_stats *s = couple_stats(c);
	ck_assert_uint_gt(s->phase[TENURE_SILENT][PHASE_COMMAND].count,
	                  s->phase[TENURE_SILENT][PHASE_SELECTION].count);
	couple_free(c);
	end_data();
}
END_TEST

static void hurt(uint8_t id)
{
	static const char *const specs[] = {
	        "medium-error:lba=9,times=3",
	        "crc-error:times=2",
	        "busy:times=3",
	        "task-set-full:times=2",
	        "no-status:times=1",
	        "slow:ms=20",
	        "die:at=selected",
	        "die:at=command",
	        "die:at=data",
	        "die:at=status",
	};
	struct couple_disk *d = &c->disk[id];

	switch (prng_below(&g, 16)) {
	case 4:
		if (prng_below(&g, 4) == 0)
			couple_restart_bus(c);
		break;
	case 0:
	case 1:
		couple_kill(c, id);
		break;
	case 2:
		hba_reset_bus(c->h);
		break;
	case 3:
		d->slow = true;
		break;
	default:
		if (d->t && !d->dead)
			couple_fault(c, id,
			             specs[prng_below(&g, sizeof(specs) / sizeof(specs[0]))]);
	}
}

static void mend(void)
{
	for (uint8_t id = 0; id < 4; id++) {
		struct couple_disk *d = &c->disk[id];
		d->slow = false;
		if (d->t && (d->dead || !d->link.up))
			couple_kill(c, id);
		if (!d->t)
			couple_attach(c, id);
	}
}

START_TEST(many_in_trouble)
{
	g = prng_init(70 + (uint64_t)_i);
	c = begin((unsigned)_i, 8);
	for (unsigned n = 0; n < 800; n++) {
		start_some();
		couple_turns(c, (unsigned)prng_below(&g, 4));
		if (prng_below(&g, 10) == 0)
			hurt((uint8_t)prng_below(&g, 4));
		if (prng_below(&g, 10) == 0)
			mend();
		if (prng_below(&g, 10) == 0)
			couple_wait(c, prng_below(&g, 30) * 100 * NS_PER_MS);
	}
	mend();
	couple_wait(c, 60 * NS_PER_S);
	end_many();
	ck_assert_uint_gt(good, 100);
	couple_free(c);
	end_data();
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("couple_random");
	TCase *tcase = tcase_create("couple_random");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, many_in_flight, 0, 8);
	tcase_add_loop_test(tcase, many_in_trouble, 0, 8);
	suite_add_tcase(suite, tcase);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
