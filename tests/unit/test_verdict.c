/* SPDX-License-Identifier: BSD-2-Clause */
/* What a member's outcome means (src/initiator/resend.c): whether it is sent again, counts as a
 * try, or is final, and from which block on. */
#include "initiator/core.h"
#include "unit/tap_main.h"

#define LBA    100
#define BLOCKS 16
#define BYTES  (BLOCKS * 512)

#define AT(block) .info_valid = true, .info = LBA + (block)

/* CHECK CONDITION with this sense, for commands of each kind. */
static const struct {
	struct scsi_sense sense;
	enum io_kind kind;
	enum verdict_kind want;
	uint32_t block; /* that it names, from the first one */
	bool not_sent;
} senses[] = {
        /* a medium error ends before the block that it names, if it is one of the command's */
        {{.key = KEY_MEDIUM_ERROR, AT(0)}, IO_WRITE, V_PART, 0, false},
        {{.key = KEY_MEDIUM_ERROR, AT(7)}, IO_WRITE, V_PART, 7, false},
        {{.key = KEY_MEDIUM_ERROR, AT(15)}, IO_VERIFY, V_PART, 15, false},
        {{.key = KEY_MEDIUM_ERROR, AT(15)}, IO_READ, V_PART, 15, false},
        {{.key = KEY_MEDIUM_ERROR, AT(16)}, IO_WRITE, V_HARD, 0, false},
        {{.key = KEY_MEDIUM_ERROR, AT(-1)}, IO_WRITE, V_HARD, 0, false},
        {{.key = KEY_MEDIUM_ERROR, AT(UINT64_MAX - LBA)}, IO_WRITE, V_HARD, 0, false},
        {{.key = KEY_MEDIUM_ERROR, .info = LBA + 7}, IO_WRITE, V_HARD, 0, false},
        {{.key = KEY_MEDIUM_ERROR, AT(7)}, IO_FLUSH, V_HARD, 0, false},
        /* so does protection information that is wrong; another ABORTED COMMAND names none */
        {{.key = KEY_ABORTED_COMMAND, .asc = 0x10, .ascq = 1, AT(7)}, IO_WRITE, V_PART, 7, false},
        {{.key = KEY_ABORTED_COMMAND, .asc = 0x47, AT(7)}, IO_WRITE, V_HARD, 7, false},
        /* deferred: of a command before, this one was not done */
        {{.key = KEY_MEDIUM_ERROR, .deferred = true, AT(7)}, IO_WRITE, V_FATAL, 7, false},
        {{.key = KEY_RECOVERED_ERROR, .deferred = true}, IO_WRITE, V_FATAL, 0, false},
        /* only a verify may find that blocks differ */
        {{.key = KEY_MISCOMPARE, AT(7)}, IO_VERIFY, V_DIFFERS, 7, false},
        {{.key = KEY_MISCOMPARE}, IO_VERIFY, V_DIFFERS, 0, false},
        {{.key = KEY_MISCOMPARE, AT(7)}, IO_WRITE, V_FATAL, 7, false},
        /* of no block of the command's: it is another one's */
        {{.key = KEY_MISCOMPARE, AT(16)}, IO_VERIFY, V_SOFT, 0, false},
        {{.key = KEY_MISCOMPARE, AT(-1)}, IO_WRITE, V_SOFT, 0, false},
        {{.key = KEY_RECOVERED_ERROR, AT(16)}, IO_WRITE, V_SOFT, 0, false},
        {{.key = KEY_RECOVERED_ERROR, AT(16)}, IO_FLUSH, V_GOOD, 0, false},
        /* sense that a reset has taken away; but not NO SENSE that says something */
        {{.key = KEY_NO_SENSE}, IO_WRITE, V_SOFT, 0, false},
        {{.key = KEY_NO_SENSE, .asc = 0x5d}, IO_WRITE, V_HARD, 0, false},
        {{.key = KEY_RECOVERED_ERROR, .asc = 0x17, AT(3)}, IO_WRITE, V_GOOD, 3, false},
        /* the command was not begun */
        {{.key = KEY_UNIT_ATTENTION, .asc = 0x29}, IO_WRITE, V_SOFT, 0, true},
        /* no use in trying again */
        {{.key = KEY_ILLEGAL_REQUEST, .asc = 0x21}, IO_WRITE, V_FATAL, 0, false},
        {{.key = KEY_DATA_PROTECT, .asc = 0x27}, IO_WRITE, V_FATAL, 0, false},
        /* perhaps the next time */
        {{.key = KEY_NOT_READY, .asc = 0x04}, IO_WRITE, V_HARD, 0, false},
        {{.key = KEY_HARDWARE_ERROR, .asc = 0x44}, IO_WRITE, V_HARD, 0, false},
        {{.key = KEY_BLANK_CHECK}, IO_WRITE, V_HARD, 0, false},
};

static struct hba_pass pass;
static struct hba_pass_member *const participant = &pass.m[1];

static void setup(void)
{
	pass = (struct hba_pass){.n = 3, .data_len = BYTES};
	for (unsigned i = 0; i < pass.n; i++)
		pass.m[i].moved = BYTES;
}

static struct verdict of_pass(void)
{
	return verdict_pass(participant, &pass, IO_WRITE, LBA, BLOCKS);
}

START_TEST(each_sense_by_pass_and_by_task)
{
	struct hba_task t = {.outcome = HBA_COMPLETED,
	                     .status = SCSI_CHECK_CONDITION,
	                     .has_sense = true,
	                     .sense = senses[_i].sense};

	participant->status = SCSI_CHECK_CONDITION;
	participant->has_sense = true;
	participant->sense = senses[_i].sense;
	struct verdict v[2] = {
	        verdict_pass(participant, &pass, senses[_i].kind, LBA, BLOCKS),
	        verdict_task(&t, senses[_i].kind, LBA, BLOCKS),
	};
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(v[i].kind, senses[_i].want);
		ck_assert_uint_eq(v[i].lba, LBA + senses[_i].block);
		ck_assert_int_eq(v[i].sent, !senses[_i].not_sent);
		ck_assert(!v[i].loose && v[i].why.has_sense);
		ck_assert_uint_eq(v[i].why.sense.key, senses[_i].sense.key);
	}
}
END_TEST

static const struct {
	uint8_t status;
	enum verdict_kind want;
	bool sent;
} statuses[] = {
        {SCSI_GOOD, V_GOOD, true},
        {SCSI_CONDITION_MET, V_GOOD, true},
        {SCSI_BUSY, V_SOFT, false},
        {SCSI_TASK_SET_FULL, V_SOFT, false},
        {SCSI_ACA_ACTIVE, V_SOFT, false},
        {SCSI_TASK_ABORTED, V_SOFT, true},
        {SCSI_RESERVATION_CONFLICT, V_FATAL, true},
        {SCSI_CHECK_CONDITION, V_SOFT, true}, /* whose sense is not known */
        {0x10, V_HARD, true},                 /* obsolete: INTERMEDIATE */
        {0xff, V_HARD, true},
};

START_TEST(each_status_by_pass_and_by_task)
{
	struct hba_task t = {.outcome = HBA_COMPLETED, .status = statuses[_i].status};

	participant->status = statuses[_i].status;
	struct verdict v[2] = {of_pass(), verdict_task(&t, IO_WRITE, LBA, BLOCKS)};
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(v[i].kind, statuses[_i].want);
		ck_assert_int_eq(v[i].sent, statuses[_i].sent);
		ck_assert(!v[i].loose && !v[i].why.has_sense);
		ck_assert_uint_eq(v[i].why.status, statuses[_i].status);
	}
}
END_TEST

/* GOOD is believed only for what was taken, of all of it. */
START_TEST(good_without_its_data)
{
	struct hba_task t = {
	        .outcome = HBA_COMPLETED, .data_out_len = BYTES, .moved_out = BYTES - 512};

	participant->moved -= 512;
	struct verdict v[2] = {of_pass(), verdict_task(&t, IO_WRITE, LBA, BLOCKS)};
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(v[i].kind, V_HARD);
		ck_assert_uint_eq(v[i].why.status, SCSI_GOOD);
		ck_assert_str_eq(v[i].why.what, "GOOD status for data that it did not take");
	}
}
END_TEST

/* Who took nothing: a participant, one whose leader failed, the leader itself; and in a broadcast
 * pass, where only the leader's REQ and ACK count. */
START_TEST(not_taken)
{
	static const struct {
		unsigned member;
		bool leader_failed, broadcast;
		enum verdict_kind want;
	} rows[] = {
	        {1, false, false, V_HARD},  {1, true, false, V_SOFT},  {0, true, false, V_HARD},
	        {1, false, true, V_MISSED}, {1, true, true, V_MISSED}, {0, true, true, V_HARD},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		pass.leader_failed = rows[i].leader_failed;
		pass.broadcast = rows[i].broadcast;
		pass.m[rows[i].member].outcome = PASS_NOT_TAKEN;
		struct verdict v =
		        verdict_pass(&pass.m[rows[i].member], &pass, IO_WRITE, LBA, BLOCKS);
		ck_assert_int_eq(v.kind, rows[i].want);
		ck_assert(v.sent && !v.loose);
	}
}
END_TEST

/* A command that was given up, and of which nobody has said that it is over, may still write. */
START_TEST(without_a_status)
{
	static const struct {
		enum hba_outcome outcome;
		bool aborted;
		enum verdict_kind want;
		bool sent, loose;
	} tasks[] = {
	        {HBA_SELECTION_TIMEOUT, false, V_HARD, false, false},
	        {HBA_COMMAND_TIMEOUT, false, V_HARD, true, true},
	        {HBA_COMMAND_TIMEOUT, true, V_HARD, true, false},
	        {HBA_BUS_RESET, false, V_SOFT, true, false},
	        {HBA_ABORTED, false, V_SOFT, true, true},
	        {HBA_ABORTED, true, V_SOFT, true, false},
	};

	for (unsigned i = 0; i < ARRAY_LEN(tasks); i++) {
		struct hba_task t = {.outcome = tasks[i].outcome, .aborted = tasks[i].aborted};
		struct verdict v = verdict_task(&t, IO_WRITE, LBA, BLOCKS);
		ck_assert_int_eq(v.kind, tasks[i].want);
		ck_assert_int_eq(v.sent, tasks[i].sent);
		ck_assert_int_eq(v.loose, tasks[i].loose);
		ck_assert_uint_eq(v.why.status, STATUS_NONE);
	}
	for (unsigned aborted = 0; aborted < 2; aborted++) {
		participant->outcome = PASS_TIMEOUT;
		participant->aborted = aborted;
		struct verdict v = of_pass();
		ck_assert(v.kind == V_HARD && v.sent && v.loose == !aborted);
	}
	participant->outcome = PASS_LOST;
	struct verdict v = of_pass();
	ck_assert(v.kind == V_SOFT && v.sent && !v.loose);
}
END_TEST

TAP_MAIN_TABLE("verdict", setup, NULL, TAP_EACH(each_sense_by_pass_and_by_task, senses),
               TAP_EACH(each_status_by_pass_and_by_task, statuses), TAP_ONCE(good_without_its_data),
               TAP_ONCE(not_taken), TAP_ONCE(without_a_status));
