/* SPDX-License-Identifier: BSD-2-Clause */
/* Mirror jobs: what goes out to whom when targets fail, and what the job says of it. */
#include "scenario/rig.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCKS 1024
#define LIMIT  (300 * NS_PER_S)

static struct rig *three(void)
{
	struct rig *r = rig_new(3, BLOCKS);

	rig_group(r, 3, false);
	return r;
}

static void assert_target(const struct ini_job *j, unsigned t, uint64_t good, uint64_t resent,
                          uint64_t bad)
{
	ck_assert_uint_eq(j->t[t].good, good);
	ck_assert_uint_eq(j->t[t].resent, resent);
	ck_assert_uint_eq(j->t[t].bad, bad);
}

START_TEST(all_good)
{
	struct rig *r = three();
	uint64_t generation = ini_group_find(r->ini, "g0")->generation;
	uint32_t id = rig_mirror(r, 1000 * FAKE_BLOCK);

	ck_assert_uint_eq(ini_job_find(r->ini, id)->total, 1000 * FAKE_BLOCK);
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->done, j->total);
	ck_assert_uint_eq(j->resend_passes, 0);
	ck_assert_uint_eq(j->passes[INI_SILENT], 16);
	ck_assert_uint_gt(j->bus_ns, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_target(j, i, 1000, 0, 0);
		ck_assert(rig_holds(r, (uint8_t)i));
		ck_assert(rig_in_sync(r, i));
		ck_assert_uint_eq(r->h->disk[i].flushes, 1);
		ck_assert_uint_eq(r->h->target[i].member.generation,
		                  ini_group_find(r->ini, "g0")->generation);
	}
	ck_assert_uint_gt(ini_group_find(r->ini, "g0")->generation, generation);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, -1), 16);
	ck_assert_uint_eq(r->h->in_flight_most, 4);
	ck_assert_uint_eq(r->closes, 1);
	/* what was saved says the same */
	ck_assert_int_eq(r->saved[0].m[2].state, MEMBER_IN_SYNC);
	rig_free(r);
}
END_TEST

START_TEST(members_are_stale_durably_before_the_first_write)
{
	struct rig *r = rig_new(2, BLOCKS);

	rig_group(r, 2, true);
	ck_assert(rig_in_sync(r, 0));
	r->saves_held = true;
	uint32_t id = rig_mirror(r, 64 * FAKE_BLOCK);
	rig_run(r, NS_PER_S);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, -1), 0);
	r->saves_held = false;
	ini_saved(r->ini, r->held_save, 0);
	rig_step(r);
	while (fake_count(r->h, OP_WRITE_16, -1) == 0)
		rig_run(r, NS_PER_MS / 10);
	ck_assert_int_eq(r->saved[0].m[0].state, MEMBER_STALE);
	ck_assert_uint_eq(r->h->target[0].member.generation, 0);
	rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	rig_free(r);
}
END_TEST

START_TEST(odd_lengths_are_padded)
{
	static const uint64_t length[] = {1, 511, 512, 513, 64 * 512 - 1, 64 * 512 + 1, 99999};

	for (unsigned i = 0; i < ARRAY_LEN(length); i++) {
		struct rig *r = three();
		memset(r->h->disk[1].store, 0xee, BLOCKS * FAKE_BLOCK);
		const struct ini_job *j = rig_job(r, rig_mirror(r, length[i]), LIMIT);
		uint64_t blocks = (length[i] + FAKE_BLOCK - 1) / FAKE_BLOCK;
		ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
		ck_assert_uint_eq(j->done, length[i]);
		assert_target(j, 1, blocks, 0, 0);
		ck_assert(rig_holds(r, 1));
		ck_assert_uint_eq(r->h->disk[1].store[blocks * FAKE_BLOCK], 0xee);
		rig_free(r);
	}
}
END_TEST

START_TEST(a_medium_error_once_is_mended_by_one_pass_to_that_target)
{
	struct rig *r = three();

	fake_fault(r->h, 1,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 100, .blocks = 5, .times = 1});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 512 * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->resend_passes, 1);
	assert_target(j, 0, 512, 0, 0);
	assert_target(j, 1, 512, 28, 0); /* 100..127 of the run 64..127 */
	assert_target(j, 2, 512, 0, 0);
	unsigned resends = 0;
	for (unsigned i = 0; i < r->h->n_trace; i++) {
		const struct fake_pass *p = &r->h->trace[i];
		if (p->op != OP_WRITE_16 || p->ids == 7)
			continue;
		resends++;
		ck_assert_uint_eq(p->ids, 2);
		ck_assert_uint_eq(p->lba, 100);
		ck_assert_uint_eq(p->blocks, 28);
	}
	ck_assert_uint_eq(resends, 1);
	ck_assert(rig_holds(r, 1));
	ck_assert_uint_eq(rig_member(r, 1)->resent, 28);
	rig_free(r);
}
END_TEST

START_TEST(a_medium_error_three_times_is_mended)
{
	struct rig *r = three();

	fake_fault(r->h, 1,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 100, .blocks = 5, .times = 3});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 512 * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	ck_assert_uint_ge(j->resend_passes, 3);
	assert_target(j, 1, 512, 28, 0);
	ck_assert(rig_holds(r, 1));
	rig_free(r);
}
END_TEST

START_TEST(only_the_bad_blocks_are_bad)
{
	struct rig *r = three();

	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 100, .blocks = 5});
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 110, .blocks = 1});
	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 511, .blocks = 9});
	ns_t start = r->now;
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 512 * FAKE_BLOCK), LIMIT, JOB_PARTIAL);
	ck_assert_uint_eq(j->done, j->total);
	assert_target(j, 0, 512, 0, 0);
	ck_assert_uint_eq(j->t[1].good, 505);
	ck_assert_uint_eq(j->t[1].bad, 7);
	ck_assert_uint_eq(j->t[1].n_runs, 3);
	static const struct {
		lba_t lba;
		uint64_t blocks;
	} want[] = {{100, 5}, {110, 1}, {511, 1}};
	for (unsigned i = 0; i < 3; i++) {
		const struct ini_run *run = &j->t[1].runs[i];
		ck_assert_uint_eq(run->lba, want[i].lba);
		ck_assert_uint_eq(run->blocks, want[i].blocks);
		ck_assert_uint_eq(run->status, SCSI_CHECK_CONDITION);
		ck_assert(run->has_sense && run->sense.key == KEY_MEDIUM_ERROR);
		ck_assert_ptr_nonnull(strstr(run->what, "MEDIUM ERROR"));
	}
	ck_assert_int_eq(j->error.kind, INI_E_DEVICE);
	ck_assert_str_eq(j->error.member, "disk1");
	ck_assert(!rig_in_sync(r, 1) && rig_in_sync(r, 0) && rig_in_sync(r, 2));
	ck_assert_int_eq(r->saved[0].m[1].state, MEMBER_STALE);
	ck_assert_uint_eq(r->h->disk[1].flushes, 0);
	/* Five rounds, with 10, 20, 40 and 80 ms between them: bad neighbours do not add up. */
	ck_assert_uint_lt(r->now - start, 200 * NS_PER_MS);
	/* no block was tried more often than max_passes says, once it was reached */
	unsigned tries = 0;
	for (unsigned i = 0; i < r->h->n_trace; i++)
		tries += r->h->trace[i].lba == 511 && (r->h->trace[i].ids & 2);
	ck_assert_uint_le(tries, 5);
	rig_free(r);
}
END_TEST

START_TEST(a_disk_that_is_all_bad_fails_alone)
{
	struct rig *r = three();

	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 0, .blocks = BLOCKS});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 300 * FAKE_BLOCK), LIMIT, JOB_PARTIAL);
	assert_target(j, 1, 300, 0, 0);
	ck_assert_uint_eq(j->t[0].bad, 300);
	ck_assert_uint_eq(j->t[0].n_runs, 1);
	ck_assert_uint_eq(j->t[0].runs[0].blocks, 300);
	rig_free(r);
}
END_TEST

START_TEST(all_bad_everywhere_is_a_failure)
{
	struct rig *r = rig_new(1, BLOCKS);

	rig_group(r, 1, false);
	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_SENSE, .key = KEY_HARDWARE_ERROR});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 200 * FAKE_BLOCK), LIMIT, JOB_FAILED);
	assert_target(j, 0, 0, 200, 200);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, 0), 4 * 5); /* 4 runs, 5 times each */
	rig_free(r);
}
END_TEST

START_TEST(a_crc_error_is_mended)
{
	struct rig *r = three();

	fake_fault(r->h, 2, (struct fake_fault){.kind = FAULT_CRC, .times = 4});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 512 * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	assert_target(j, 2, 512, 256, 0);
	ck_assert_uint_eq(j->resend_passes, 4);
	ck_assert(rig_holds(r, 2));
	rig_free(r);
}
END_TEST

START_TEST(another_leader_is_elected)
{
	struct rig *r = three();

	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_LEADER});
	rig_concludes(r, rig_mirror(r, 512 * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(r->h->trace[0].leader, 0);
	ck_assert_uint_eq(r->h->trace[r->h->n_trace - 4].leader, 1);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(rig_holds(r, (uint8_t)i));
	rig_free(r);
}
END_TEST

START_TEST(a_leader_that_fails_costs_the_others_no_try)
{
	struct rig *r = three();
	struct ini_group_set set = {.has_max_passes = true, .max_passes = 1};
	struct ini_error e;

	ck_assert(ini_group_set(r->ini, "g0", &set, 1, &e));
	rig_reply(r, 1, NS_PER_S);
	fake_fault(r->h, 0, (struct fake_fault){.kind = FAULT_LEADER, .times = 1});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 64 * FAKE_BLOCK), LIMIT, JOB_PARTIAL);
	assert_target(j, 0, 0, 0, 64);
	assert_target(j, 1, 64, 64, 0);
	assert_target(j, 2, 64, 64, 0);
	rig_free(r);
}
END_TEST

START_TEST(busy_is_no_failure)
{
	struct rig *r = three();

	fake_fault(r->h, 1,
	           (struct fake_fault){.kind = FAULT_STATUS, .status = SCSI_BUSY, .times = 20});
	fake_fault(r->h, 2,
	           (struct fake_fault){
	                   .kind = FAULT_STATUS, .status = SCSI_TASK_SET_FULL, .times = 20});
	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_SENSE, .key = KEY_UNIT_ATTENTION, .times = 1});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 64 * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	for (unsigned i = 0; i < 3; i++) {
		assert_target(j, i, 64, 0, 0);
		ck_assert(rig_holds(r, (uint8_t)i));
	}
	rig_free(r);
}
END_TEST

START_TEST(busy_for_good_ends)
{
	struct rig *r = three();
	ns_t start = r->now;

	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_STATUS, .status = SCSI_BUSY});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 64 * FAKE_BLOCK), LIMIT, JOB_PARTIAL);
	ck_assert(r->now - start > 10 * NS_PER_S && r->now - start < 20 * NS_PER_S);
	ck_assert_uint_eq(j->t[1].bad, 64);
	ck_assert_uint_eq(j->t[1].runs[0].status, SCSI_BUSY);
	rig_free(r);
}
END_TEST

START_TEST(a_status_that_does_not_come_is_a_try)
{
	struct rig *r = three();

	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_NO_STATUS, .times = 2});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 64 * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	assert_target(j, 1, 64, 64, 0);
	rig_free(r);
}
END_TEST

START_TEST(a_mute_target_is_given_up)
{
	struct rig *r = three();

	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_NO_STATUS});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_PARTIAL);
	ck_assert_uint_eq(j->t[1].bad, BLOCKS);
	ck_assert_uint_le(fake_count(r->h, OP_WRITE_16, 1), 16);
	ck_assert(rig_holds(r, 0) && rig_holds(r, 2));
	rig_free(r);
}
END_TEST

START_TEST(not_taking_the_data_is_a_try)
{
	struct rig *r = three();

	fake_fault(r->h, 2, (struct fake_fault){.kind = FAULT_NOT_TAKEN, .times = 1});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 64 * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->resend_passes, 1);
	ck_assert(rig_holds(r, 2));
	rig_free(r);
}
END_TEST

START_TEST(write_protect_is_not_tried_again)
{
	struct rig *r = three();

	fake_fault(r->h, 2, (struct fake_fault){.kind = FAULT_SENSE, .key = KEY_DATA_PROTECT});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 64 * FAKE_BLOCK), LIMIT, JOB_PARTIAL);
	assert_target(j, 2, 0, 0, 64);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, 2), 1);
	rig_free(r);
}
END_TEST

START_TEST(a_reservation_conflict_is_not_tried_again)
{
	struct rig *r = three();

	fake_fault(r->h, 2,
	           (struct fake_fault){.kind = FAULT_STATUS, .status = SCSI_RESERVATION_CONFLICT});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 64 * FAKE_BLOCK), LIMIT, JOB_PARTIAL);
	assert_target(j, 0, 64, 0, 0);
	assert_target(j, 1, 64, 0, 0);
	assert_target(j, 2, 0, 0, 64);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, 2), 1);
	rig_free(r);
}
END_TEST

START_TEST(conventional_mode_sends_a_command_each)
{
	struct rig *r = three();

	rig_image(r, 500 * FAKE_BLOCK, 5);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);
	s.mode = INI_CONVENTIONAL;
	fake_fault(r->h, 1,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 100, .blocks = 5, .times = 2});
	fake_fault(r->h, 2, (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 499, .blocks = 1});
	const struct ini_job *j = rig_concludes(r, rig_start(r, &s), LIMIT, JOB_PARTIAL);
	ck_assert_uint_eq(j->passes[INI_SILENT], 0);
	assert_target(j, 0, 500, 0, 0);
	ck_assert_uint_eq(j->t[1].good, 500);
	ck_assert_uint_eq(j->t[2].bad, 1);
	for (unsigned i = 0; i < r->h->n_trace; i++)
		ck_assert(!r->h->trace[i].silent);
	ck_assert(rig_holds(r, 0) && rig_holds(r, 1));
	rig_free(r);
}
END_TEST

START_TEST(a_single_member_is_a_pass_too)
{
	struct rig *r = rig_new(1, BLOCKS);

	rig_group(r, 1, false);
	rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_SUCCESS);
	ck_assert(r->h->trace[0].silent && r->h->trace[0].ids == 1);
	rig_free(r);
}
END_TEST

START_TEST(fifteen_members)
{
	struct rig *r = rig_new(15, BLOCKS);

	rig_group(r, 15, false);
	for (uint8_t i = 0; i < 15; i++)
		fake_fault(r->h, i,
		           (struct fake_fault){
		                   .kind = FAULT_MEDIUM, .lba = 10U * i, .blocks = 1, .times = i});
	fake_clear_faults(r->h, 0);
	const struct ini_job *j = rig_concludes(r, rig_mirror(r, 64 * FAKE_BLOCK), LIMIT,
	                                        JOB_PARTIAL); /* from 5 times on it is for good */
	for (uint8_t i = 0; i < 15; i++) {
		bool good = i < 5 || i * 10 >= 64;
		ck_assert_uint_eq(j->t[i].bad, good ? 0 : 1);
		ck_assert_int_eq(rig_in_sync(r, i), good);
	}
	rig_free(r);
}
END_TEST

START_TEST(an_image_that_cannot_be_read_fails_the_job)
{
	struct rig *r = three();
	uint32_t id = rig_mirror(r, BLOCKS * FAKE_BLOCK);

	r->read_err = 5;
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_FAILED);
	ck_assert_int_eq(j->error.kind, INI_E_IO);
	ck_assert_ptr_nonnull(strstr(j->error.text, " at byte 0: Input/output error"));
	ck_assert(!rig_in_sync(r, 0));
	ck_assert_uint_eq(r->closes, 1);
	rig_free(r);
}
END_TEST

START_TEST(a_state_that_cannot_be_saved_fails_the_job)
{
	struct rig *r = three();

	r->save_err = 28;
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, BLOCKS * FAKE_BLOCK), LIMIT, JOB_FAILED);
	ck_assert_int_eq(j->error.kind, INI_E_STATE_DIR);
	ck_assert_uint_eq(fake_count(r->h, OP_WRITE_16, -1), 0);
	rig_free(r);
}
END_TEST

START_TEST(a_flush_that_fails_leaves_a_member_stale)
{
	struct rig *r = three();

	fake_fault(r->h, 1,
	           (struct fake_fault){.kind = FAULT_SENSE, .key = KEY_HARDWARE_ERROR, .skip = 1});
	const struct ini_job *j =
	        rig_concludes(r, rig_mirror(r, 64 * FAKE_BLOCK), LIMIT, JOB_PARTIAL);
	assert_target(j, 1, 0, 0, 64);
	ck_assert(j->t[1].runs[0].has_sense);
	ck_assert_uint_eq(j->t[1].runs[0].sense.key, KEY_HARDWARE_ERROR);
	ck_assert(!rig_in_sync(r, 1) && rig_in_sync(r, 0));
	rig_free(r);
}
END_TEST

static const struct ini_job *broadcast(struct rig *r, uint64_t bytes)
{
	rig_image(r, bytes, bytes + 1);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);
	s.mode = INI_BROADCAST;
	return rig_job(r, rig_start(r, &s), LIMIT);
}

/* Passes after the first one of the same blocks are silent. */
static void assert_resends_are_silent(const struct rig *r, uint16_t ids)
{
	for (unsigned i = 0; i < r->h->n_trace; i++) {
		const struct fake_pass *p = &r->h->trace[i];
		if (p->op != OP_WRITE_16)
			continue;
		ck_assert(p->silent);
		ck_assert_int_eq(p->broadcast, p->ids == 7);
		ck_assert(p->broadcast || p->ids == ids);
	}
}

START_TEST(broadcast_mode_sends_each_run_once)
{
	struct rig *r = three();
	const struct ini_job *j = broadcast(r, 512 * FAKE_BLOCK);

	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	ck_assert_uint_eq(j->passes[INI_BROADCAST], 8);
	ck_assert_uint_eq(j->passes[INI_SILENT], 0);
	ck_assert_uint_eq(j->resend_passes, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(rig_holds(r, (uint8_t)i) && rig_in_sync(r, i));
	assert_resends_are_silent(r, 0);
	rig_free(r);
}
END_TEST

START_TEST(who_misses_a_broadcast_gets_it_by_a_silent_pass)
{
	struct rig *r = three();

	fake_fault(r->h, 1, (struct fake_fault){.kind = FAULT_DEAF}); /* for good */
	const struct ini_job *j = broadcast(r, 512 * FAKE_BLOCK);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	ck_assert_uint_eq(j->passes[INI_BROADCAST], 8);
	ck_assert_uint_eq(j->passes[INI_SILENT], 8);
	ck_assert_uint_eq(j->resend_passes, 8);
	assert_target(j, 0, 512, 0, 0);
	assert_target(j, 1, 512, 512, 0);
	ck_assert(rig_holds(r, 1));
	assert_resends_are_silent(r, 1 << 1);
	rig_free(r);
}
END_TEST

START_TEST(a_medium_error_in_a_broadcast_is_mended_silently)
{
	struct rig *r = three();

	fake_fault(r->h, 2,
	           (struct fake_fault){.kind = FAULT_MEDIUM, .lba = 100, .blocks = 5, .times = 1});
	const struct ini_job *j = broadcast(r, 512 * FAKE_BLOCK);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	ck_assert_uint_eq(j->passes[INI_SILENT], 1);
	assert_target(j, 2, 512, 28, 0);
	ck_assert(rig_holds(r, 2));
	assert_resends_are_silent(r, 1 << 2);
	rig_free(r);
}
END_TEST

START_TEST(a_leader_that_refuses_a_broadcast_costs_the_others_no_try)
{
	struct rig *r = three();
	struct ini_group_set set = {.has_max_passes = true, .max_passes = 1};
	struct ini_error e;

	ck_assert(ini_group_set(r->ini, "g0", &set, 7, &e));
	(void)rig_reply(r, 7, NS_PER_S);
	fake_fault(r->h, 0,
	           (struct fake_fault){.kind = FAULT_STATUS, .status = SCSI_BUSY, .times = 1});
	const struct ini_job *j = broadcast(r, 64 * FAKE_BLOCK);
	ck_assert_int_eq(j->conclusion, JOB_SUCCESS);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(rig_holds(r, (uint8_t)i) && rig_in_sync(r, i));
	rig_free(r);
}
END_TEST

/* What the members can do may change while the job runs, as a target is started anew. */
START_TEST(agreements_that_differ_make_it_silent)
{
	struct rig *r = three();

	rig_image(r, 512 * FAKE_BLOCK, 3);
	struct ini_job_spec s = rig_spec(r, JOB_MIRROR);
	s.mode = INI_BROADCAST;
	uint32_t id = rig_start(r, &s);
	r->h->target[2].xfer.period++;
	const struct ini_job *j = rig_concludes(r, id, LIMIT, JOB_SUCCESS);
	ck_assert_uint_eq(j->passes[INI_BROADCAST], 0);
	ck_assert_uint_eq(j->passes[INI_SILENT], 8);
	ck_assert(rig_holds(r, 2));
	rig_free(r);
}
END_TEST

TAP_MAIN("mirror_jobs", broadcast_mode_sends_each_run_once,
         who_misses_a_broadcast_gets_it_by_a_silent_pass,
         a_medium_error_in_a_broadcast_is_mended_silently,
         a_leader_that_refuses_a_broadcast_costs_the_others_no_try,
         agreements_that_differ_make_it_silent, all_good,
         members_are_stale_durably_before_the_first_write, odd_lengths_are_padded,
         a_medium_error_once_is_mended_by_one_pass_to_that_target,
         a_medium_error_three_times_is_mended, only_the_bad_blocks_are_bad,
         a_disk_that_is_all_bad_fails_alone, all_bad_everywhere_is_a_failure, a_crc_error_is_mended,
         another_leader_is_elected, a_leader_that_fails_costs_the_others_no_try, busy_is_no_failure,
         busy_for_good_ends, a_status_that_does_not_come_is_a_try, a_mute_target_is_given_up,
         not_taking_the_data_is_a_try, write_protect_is_not_tried_again,
         a_reservation_conflict_is_not_tried_again, conventional_mode_sends_a_command_each,
         a_single_member_is_a_pass_too, fifteen_members, an_image_that_cannot_be_read_fails_the_job,
         a_state_that_cannot_be_saved_fails_the_job, a_flush_that_fails_leaves_a_member_stale);
