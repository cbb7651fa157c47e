/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads that meet blocks which a member's medium does not give. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCKS 1024
#define LEN    (64 * FAKE_BLOCK)
#define LIMIT  (10 * NS_PER_S)

static struct rig *written(unsigned n, enum ini_mode mode)
{
	struct rig *r = rig_new(n, BLOCKS);
	struct ini_error e;
	struct block *b = block_new(LEN);

	rig_group(r, n, true);
	struct ini_group_set set = {.mode = mode, .has_mode = true};
	ck_assert(ini_group_set(r->ini, "g0", &set, 9, &e));
	(void)rig_reply(r, 9, LIMIT);
	for (uint32_t i = 0; i < LEN; i++)
		b->data[i] = (uint8_t)(i + i / FAKE_BLOCK * 3 + 1);
	ck_assert(ini_group_write(r->ini, "g0", 0, LEN, b, 1, &e));
	ck_assert_int_eq(rig_reply(r, 1, LIMIT)->error.kind, INI_OK);
	block_unref(b);
	return r;
}

static void unreadable(struct rig *r, uint8_t id, lba_t lba, uint32_t blocks)
{
	fake_fault(r->h, id,
	           (struct fake_fault){
	                   .kind = FAULT_MEDIUM, .lba = lba, .blocks = blocks, .reads = true});
	memset(r->h->disk[id].store + lba * FAKE_BLOCK, 0xEE, (size_t)blocks * FAKE_BLOCK);
}

static struct rig_reply read_all(struct rig *r, uint64_t token)
{
	struct ini_error e;
	struct block *into = block_new(LEN);

	ck_assert(ini_group_read(r->ini, "g0", 0, LEN, into, token, &e));
	struct rig_reply p = *rig_reply(r, token, LIMIT);
	rig_step(r);
	block_unref(into);
	return p;
}

/* The bytes of block i are what was written first. */
static bool is_right(const uint8_t *store, lba_t lba)
{
	for (uint32_t i = 0; i < FAKE_BLOCK; i++)
		if (store[lba * FAKE_BLOCK + i] != (uint8_t)(i + lba * FAKE_BLOCK + lba * 3 + 1))
			return false;
	return true;
}

static unsigned right(const struct rig *r, uint8_t id)
{
	unsigned n = 0;

	for (lba_t i = 0; i < 64; i++)
		n += is_right(r->h->disk[id].store, i);
	return n;
}

START_TEST(what_is_unreadable_is_written_anew)
{
	static const enum ini_mode mode[] = {INI_SILENT, INI_CONVENTIONAL, INI_BROADCAST};

	for (unsigned k = 0; k < 3; k++) {
		struct rig *r = written(3, mode[k]);
		uint64_t before[3];
		for (unsigned i = 0; i < 3; i++)
			before[i] = r->h->disk[i].written;
		unreadable(r, 0, 7, 2);
		unreadable(r, 0, 63, 1);
		ck_assert_uint_eq(right(r, 0), 61);
		struct rig_reply p = read_all(r, 2);
		ck_assert_int_eq(p.error.kind, INI_OK);
		ck_assert_uint_eq(p.len, LEN);
		for (lba_t i = 0; i < 64; i++)
			ck_assert(is_right(p.data, i));
		ck_assert_uint_eq(right(r, 0), 64);
		for (unsigned i = 0; i < 3; i++) {
			ck_assert_uint_eq(r->h->disk[i].written - before[i], i == 0 ? 3 : 0);
			ck_assert(rig_in_sync(r, i));
		}
		ck_assert_uint_eq(rig_member(r, 0)->repaired, 3);
		ck_assert_uint_eq(rig_member(r, 1)->repaired, 0);
		rig_free(r);
	}
}
END_TEST

/* Each has what another one lacks. */
START_TEST(members_mend_each_other)
{
	struct rig *r = written(3, INI_SILENT);

	unreadable(r, 0, 7, 1);
	unreadable(r, 1, 7, 1);
	unreadable(r, 0, 9, 1);
	unreadable(r, 1, 20, 1); /* nobody asks for it */
	ck_assert_int_eq(read_all(r, 2).error.kind, INI_OK);
	ck_assert_uint_eq(right(r, 0), 64);
	ck_assert_uint_eq(right(r, 1), 63);
	ck_assert_uint_eq(rig_member(r, 0)->repaired, 2);
	ck_assert_uint_eq(rig_member(r, 1)->repaired, 1);
	rig_free(r);
}
END_TEST

START_TEST(not_what_nobody_has)
{
	struct rig *r = written(2, INI_SILENT);
	uint64_t before = r->h->disk[0].written + r->h->disk[1].written;

	unreadable(r, 0, 7, 1);
	unreadable(r, 1, 7, 1);
	ck_assert_int_eq(read_all(r, 2).error.kind, INI_E_DEVICE);
	ck_assert_uint_eq(r->h->disk[0].written + r->h->disk[1].written, before);
	rig_free(r);
}
END_TEST

/* What fails for other reasons is not written to: it may be readable the next time. */
START_TEST(only_for_the_blocks_sake)
{
	struct rig *r = written(2, INI_SILENT);
	uint64_t before = r->h->disk[0].written;

	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_SENSE, .key = KEY_HARDWARE_ERROR, .times = 1});
	ck_assert_int_eq(read_all(r, 2).error.kind, INI_OK);
	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_NO_STATUS, .times = 1});
	ck_assert_int_eq(read_all(r, 3).error.kind, INI_OK);
	ck_assert_uint_eq(r->h->disk[0].written, before);
	rig_free(r);
}
END_TEST

START_TEST(many_take_several_reads)
{
	struct rig *r = written(2, INI_SILENT);

	unreadable(r, 0, 10, 20);
	ck_assert_int_eq(read_all(r, 2).error.kind, INI_OK);
	ck_assert_uint_eq(right(r, 0), 64 - 20 + 16);
	/* the fake's medium stays as it is: from here on it is another one */
	fake_clear_faults(r->h, 0);
	unreadable(r, 0, 26, 4);
	ck_assert_int_eq(read_all(r, 3).error.kind, INI_OK);
	ck_assert_uint_eq(right(r, 0), 64);
	rig_free(r);
}
END_TEST

/* It is tried once, costs the reader nothing more, and the member stays as it is. */
START_TEST(one_that_fails_changes_nothing)
{
	struct rig *r = written(2, INI_SILENT);

	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 7, .blocks = 1});
	unsigned writes = fake_count(r->h, OP_WRITE_16, 0);
	ns_t from = r->h->now;
	ck_assert_int_eq(read_all(r, 2).error.kind, INI_OK);
	ck_assert_uint_lt(r->h->now - from, NS_PER_S);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, 0), writes + 1);
	ck_assert(rig_in_sync(r, 0));
	ck_assert_uint_eq(rig_member(r, 0)->repaired, 0);
	ck_assert_uint_eq(rig_member(r, 0)->failed, 0);
	rig_free(r);
}
END_TEST

/* A write to the same blocks comes after, and is not undone. */
START_TEST(writes_wait_for_it)
{
	struct rig *r = written(2, INI_SILENT);
	struct ini_error e;
	struct block *into = block_new(LEN), *b = block_new(LEN);

	unreadable(r, 0, 7, 1);
	memset(b->data, 0x55, LEN);
	ck_assert(ini_group_read(r->ini, "g0", 0, LEN, into, 2, &e));
	ck_assert(ini_group_write(r->ini, "g0", 0, LEN, b, 3, &e));
	ck_assert_int_eq(rig_reply(r, 2, LIMIT)->error.kind, INI_OK);
	ck_assert_int_eq(rig_reply(r, 3, LIMIT)->error.kind, INI_OK);
	rig_step(r);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_mem_eq(r->h->disk[i].store, b->data, LEN);
	ck_assert_uint_eq(rig_member(r, 0)->repaired, 1);
	block_unref(into);
	block_unref(b);
	rig_free(r);
}
END_TEST

START_TEST(a_member_goes_meanwhile)
{
	struct rig *r = written(2, INI_SILENT);

	unreadable(r, 0, 7, 1);
	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_DIE, .skip = 2, .times = 1});
	ck_assert_int_eq(read_all(r, 2).error.kind, INI_OK);
	ck_assert_uint_eq(rig_member(r, 0)->repaired, 0);
	rig_free(r);
}
END_TEST

/* Nothing is marked any more of what was written before. */
static struct rig *settled(void)
{
	struct rig *r = written(2, INI_SILENT);

	for (unsigned i = 0; i < 2; i++) {
		r->h->target[i].vpd.boot = 7;
		fake_back(r->h, (uint8_t)i);
	}
	rig_run(r, 100 * NS_PER_S);
	ck_assert_uint_eq(ini_group_find(r->ini, "g0")->intent.dirty, 0);
	return r;
}

/* What was written to mend a block is as little safe as any write, and what was there before may
 * look good by then: the log knows, and who was not started again has it. */
START_TEST(a_power_cut_undoes_it)
{
	struct rig *r = settled();

	unreadable(r, 0, 7, 1);
	ck_assert_int_eq(read_all(r, 2).error.kind, INI_OK);
	ck_assert_uint_eq(right(r, 0), 64);
	ck_assert_uint_ne(ini_group_find(r->ini, "g0")->intent.dirty, 0);
	memset(r->h->disk[0].store + 7 * FAKE_BLOCK, 0xEE, FAKE_BLOCK);
	r->h->target[0].vpd.boot = 8;
	fake_back(r->h, 0);
	rig_run(r, 100 * NS_PER_S);
	ck_assert(rig_in_sync(r, 0) && rig_in_sync(r, 1));
	ck_assert_uint_eq(right(r, 0), 64);
	ck_assert_uint_eq(right(r, 1), 64);
	rig_free(r);
}
END_TEST

/* Nothing is written before that is marked; where it cannot be marked, nothing at all, and who
 * reads has what it asked for. Or it ends, waiting (2). */
START_TEST(it_is_marked_first)
{
	for (unsigned way = 0; way < 3; way++) {
		struct rig *r = settled();
		struct block *into = block_new(LEN);
		struct ini_error e;

		unsigned replies = r->n_replies;
		unreadable(r, 0, 7, 2);
		r->logs_held = true;
		ck_assert(ini_group_read(r->ini, "g0", 0, LEN, into, 2, &e));
		rig_run(r, NS_PER_S);
		ck_assert_uint_eq(r->n_replies, replies);
		ck_assert_uint_eq(right(r, 0), 62);
		if (way == 2) {
			rig_restart(r);
		} else {
			r->logs_held = false;
			ini_intent_saved(r->ini, r->held_log, way ? 28 : 0);
			ck_assert_int_eq(rig_reply(r, 2, LIMIT)->error.kind, INI_OK);
		}
		ck_assert_uint_eq(right(r, 0), way ? 62 : 64);
		block_unref(into);
		rig_free(r);
	}
}
END_TEST

/* An image that is read out of a group. */
START_TEST(jobs_mend_too)
{
	struct rig *r = written(2, INI_SILENT);
	struct ini_job_spec s = rig_spec(r, JOB_READ);

	unreadable(r, 0, 7, 2);
	ck_assert_int_eq(rig_job(r, rig_start(r, &s), 300 * NS_PER_S)->conclusion, JOB_SUCCESS);
	ck_assert_uint_eq(right(r, 0), 64);
	ck_assert_uint_eq(rig_member(r, 0)->repaired, 2);
	rig_free(r);
}
END_TEST

TAP_MAIN("mend", what_is_unreadable_is_written_anew, members_mend_each_other, not_what_nobody_has,
         only_for_the_blocks_sake, many_take_several_reads, one_that_fails_changes_nothing,
         writes_wait_for_it, a_member_goes_meanwhile, a_power_cut_undoes_it, it_is_marked_first,
         jobs_mend_too);
