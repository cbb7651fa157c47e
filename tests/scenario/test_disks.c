/* SPDX-License-Identifier: BSD-2-Clause */
/* Targets on a bus: passes and commands, with the trace as the oracle. */
#include "scenario/disks.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define GOOD(id, dev, tag, op) "from " #id ": tag " #tag " device " #dev " op " #op " GOOD; "

/* A pass of one block to devices 1, 2, 3 (IDs 0, 1, 2): claims 1 to 9. */
static const struct disks_op three = {
        .op = 9, .tag = 5, .lba = 4, .blocks = 1, .fill = 0x5a, .n = 3, .device = {1, 2, 3}};

#define STATUS_OF(id, bsy)                                                                         \
	"ARBITRATION; RESELECTION; MESSAGE IN " #id "/" #bsy "; STATUS " #id "/" #bsy              \
	"; MESSAGE IN " #id "/" #bsy "; BUS FREE; "

/* The leader, ID 0, asserts BSY alone (mask 1) until BUS FREE, whoever drives the phase lines. */
#define TENURE                                                                                     \
	"ARBITRATION; SELECTION; MESSAGE OUT 0/1; COMMAND 0/1; DATA OUT 0/1; MESSAGE OUT 0/1; "    \
	"DATA OUT 1/1; MESSAGE OUT 1/1; DATA OUT 2/1; MESSAGE OUT 2/1; BUS FREE; "

START_TEST(silent_pass)
{
	struct disks *r = disks_new(_i == 1); /* armed and unarmed: the trace is the same */
	disks_pass(r, 1, &three, 1);
	ck_assert_str_eq(r->errors, "");
	const char *statuses = strstr(r->trace, "BUS FREE; ") + strlen("BUS FREE; ");
	ck_assert(strncmp(r->trace, TENURE, strlen(TENURE)) == 0);
	ck_assert_ptr_nonnull(strstr(statuses, STATUS_OF(0, 1)));
	ck_assert_ptr_nonnull(strstr(statuses, STATUS_OF(1, 2)));
	ck_assert_ptr_nonnull(strstr(statuses, STATUS_OF(2, 4)));
	ck_assert_uint_eq(strlen(statuses), 3 * strlen(STATUS_OF(0, 1)));
	ck_assert(strncmp(r->reports, "script 1: released 1:taken, 2:taken, 3:taken; ", 40) == 0);
	ck_assert_ptr_nonnull(strstr(r->reports, GOOD(0, 1, 5, 9)));
	ck_assert_ptr_nonnull(strstr(r->reports, GOOD(1, 2, 5, 9)));
	ck_assert_ptr_nonnull(strstr(r->reports, GOOD(2, 3, 5, 9)));
	for (unsigned i = 0; i < DISKS_TARGETS; i++)
		ck_assert(disks_filled(r, i, 4, 1, i < 3 ? 0x5a : 0));
	disks_free(r);
}
END_TEST

START_TEST(chained_passes)
{
	struct disks *r = disks_new(_i == 1);
	const struct disks_op ops[] = {
	        {.op = 9, .tag = 5, .lba = 4, .blocks = 2, .fill = 0x11, .n = 2, .device = {1, 2}},
	        {.op = 10, .tag = 6, .lba = 8, .blocks = 1, .fill = 0x22, .n = 2, .device = {1, 4}},
	};
	disks_pass(r, 1, ops, 2);
	ck_assert_str_eq(r->errors, "");
	ck_assert(strncmp(r->reports, "script 1: released 1:taken, 2:taken, 1:taken, 4:taken; ",
	                  50) == 0);
	ck_assert_ptr_nonnull(strstr(r->reports, GOOD(0, 1, 5, 9)));
	ck_assert_ptr_nonnull(strstr(r->reports, GOOD(0, 1, 6, 10)));
	ck_assert_ptr_nonnull(strstr(r->reports, GOOD(1, 2, 5, 9)));
	ck_assert_ptr_nonnull(strstr(r->reports, GOOD(3, 4, 6, 10)));
	ck_assert(disks_filled(r, 0, 4, 2, 0x11) && disks_filled(r, 0, 8, 1, 0x22));
	ck_assert(disks_filled(r, 1, 4, 2, 0x11) && disks_filled(r, 1, 8, 1, 0));
	ck_assert(disks_filled(r, 3, 4, 2, 0) && disks_filled(r, 3, 8, 1, 0x22));
	disks_free(r);
}
END_TEST

/* Who refuses skips its data phase, and the others do not notice. */
static const struct {
	const char *fault;
	unsigned target;
	const char *legs, *status;
} faults[] = {
        {"busy", 0, "1:declined, 2:taken, 3:taken", "device 1 op 9 BUSY"},
        {"busy", 1, "1:taken, 2:declined, 3:taken", "device 2 op 9 BUSY"},
        {"task-set-full", 2, "1:taken, 2:taken, 3:declined", "device 3 op 9 TASK SET FULL"},
        {"crc-error", 1, "1:taken, 2:taken, 3:taken", "device 2 op 9 b/47/1 CHECK CONDITION"},
        {"medium-error:lba=4", 0, "1:taken, 2:taken, 3:taken",
         "device 1 op 9 3/c/0 CHECK CONDITION"},
        {"no-status", 2, "1:taken, 2:taken, 3:taken", ""},
};

START_TEST(one_of_them_fails)
{
	struct disks *r = disks_new(_i % 2 == 1);
	unsigned k = (unsigned)_i / 2;
	char want[100];
	disks_fault(r, faults[k].target, faults[k].fault);
	disks_pass(r, 1, &three, 1);
	ck_assert_str_eq(r->errors, "");
	(void)snprintf(want, sizeof(want), "script 1: released %s; ", faults[k].legs);
	ck_assert_msg(strncmp(r->reports, want, strlen(want)) == 0, "%s", r->reports);
	ck_assert_msg(strstr(r->reports, faults[k].status) != NULL, "%s", r->reports);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(disks_filled(
		        r, i, 4, 1,
		        i == faults[k].target && strcmp(faults[k].fault, "no-status") ? 0 : 0x5a));
	/* the next pass finds all of them well */
	disks_clear(r);
	disks_pass(r, 2, &three, 1);
	for (unsigned i = 0; i < 3; i++)
		ck_assert(disks_filled(r, i, 4, 1, 0x5a));
	disks_free(r);
}
END_TEST

/* ---- death in the pass ---- */

/* Members of which some have protection information. A pass that brings none is taken by all; one
 * that does, by those that can take it, if it is right. Each says so by itself. */
START_TEST(members_with_protection_information)
{
	static const uint8_t types[DISKS_TARGETS] = {1, 0, 2, 1};
	struct disks *r = disks_new_protected(_i == 1, types);
	struct disks_op op = {.op = 9,
	                      .tag = 5,
	                      .lba = 4,
	                      .blocks = 2,
	                      .fill = 0x5a,
	                      .n = 4,
	                      .device = {1, 2, 3, 4}};
	static const char *const good[] = {GOOD(0, 1, 5, 9), GOOD(1, 2, 5, 9), GOOD(2, 3, 5, 9),
	                                   GOOD(3, 4, 5, 9)};
	disks_pass(r, 1, &op, 1);
	for (unsigned i = 0; i < DISKS_TARGETS; i++) {
		struct protect_tuple t = protect_get(r->target[i].tuples + 5 * PROTECT_LEN);
		ck_assert_msg(strstr(r->reports, good[i]) != NULL, "%s", r->reports);
		ck_assert(disks_filled(r, i, 4, 2, 0x5a));
		ck_assert_uint_eq(t.ref, types[i] == 1 ? 5 : 0xffffffff);
	}
	disks_clear(r);
	op.protect = 1;
	op.fill = 0x66;
	disks_pass(r, 2, &op, 1);
	for (unsigned i = 0; i < DISKS_TARGETS; i++) {
		bool takes = types[i] == 1;
		ck_assert_msg((strstr(r->reports, good[i]) != NULL) == takes, "%s", r->reports);
		ck_assert(disks_filled(r, i, 4, 2, takes ? 0x66 : 0x5a));
	}
	ck_assert_ptr_nonnull(strstr(r->reports, "device 2 op 9 5/24/0 CHECK CONDITION"));
	ck_assert_ptr_nonnull(strstr(r->reports, "device 3 op 9 5/20/0 CHECK CONDITION"));
	disks_clear(r);
	op.guard = 1;
	op.fill = 0x77;
	disks_pass(r, 3, &op, 1);
	for (unsigned i = 0; i < DISKS_TARGETS; i++) {
		ck_assert_msg(strstr(r->reports, good[i]) == NULL, "%s", r->reports);
		ck_assert(disks_filled(r, i, 4, 2, types[i] == 1 ? 0x66 : 0x5a));
	}
	disks_free(r);
}
END_TEST

START_TEST(participant_dies_with_the_token)
{
	struct disks *r = disks_new(_i == 1);
	disks_fault(r, 1, "die:at=data");
	disks_pass(r, 1, &three, 1);
	ck_assert_str_eq(r->errors, "");
	/* the token goes back to the leader, which drives MESSAGE OUT; the pass goes on */
	ck_assert_ptr_nonnull(strstr(r->trace, "MESSAGE OUT 0/1; MESSAGE OUT 0/1; DATA OUT 2/1"));
	ck_assert(strncmp(r->reports, "script 1: released 1:taken, 2:timeout, 3:taken; ", 40) == 0);
	ck_assert(disks_filled(r, 0, 4, 1, 0x5a) && disks_filled(r, 1, 4, 1, 0) &&
	          disks_filled(r, 2, 4, 1, 0x5a));
	/* it comes back, and is told of what it lost */
	disks_attach(r, 1);
	ck_assert_str_eq(r->errors, "");
	disks_free(r);
}
END_TEST

START_TEST(leader_dies)
{
	struct disks *r = disks_new(_i == 1);
	disks_fault(r, 0, "die:at=data");
	disks_pass(r, 1, &three, 1);
	ck_assert_ptr_nonnull(strstr(r->reports, "script 1: unexpected_free"));
	ck_assert_ptr_nonnull(strstr(r->reports, "2:not reached, 3:not reached"));
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(disks_filled(r, i, 4, 1, 0));
		ck_assert_uint_eq(tgt_tasks(r->target[i].t), 0);
	}
	/* another one leads */
	const struct disks_op two = {
	        .op = 10, .tag = 6, .lba = 4, .blocks = 1, .fill = 0x33, .n = 2, .device = {2, 3}};
	disks_clear(r);
	disks_pass(r, 2, &two, 1);
	ck_assert(disks_filled(r, 1, 4, 1, 0x33) && disks_filled(r, 2, 4, 1, 0x33));
	ck_assert_str_eq(r->errors, "");
	disks_free(r);
}
END_TEST

/* ---- commands ---- */

START_TEST(conventional_commands)
{
	struct disks *r = disks_new(_i == 1);
	const uint8_t write[10] = {0x2a, 0, 0, 0, 0, 7, 0, 0, 2, 0};
	const uint8_t read[10] = {0x28, 0, 0, 0, 0, 7, 0, 0, 2, 0};
	struct block *data = block_new(1024);
	memset(data->data, 0x44, 1024);
	disks_command(r, 1, 2, 9, (struct span){write, 10}, data, 0);
	ck_assert_str_eq(r->reports, "script 1: disconnected; from 2: tag 9 GOOD; ");
	ck_assert(disks_filled(r, 2, 7, 2, 0x44));
	disks_clear(r);
	disks_command(r, 2, 2, 9, (struct span){read, 10}, NULL, 1024);
	ck_assert_str_eq(r->reports, "script 2: disconnected; from 2: tag 9 GOOD; ");
	ck_assert_ptr_nonnull(strstr(r->trace, "RESELECTION; MESSAGE IN 2/4; DATA IN 2/4; STATUS"));
	ck_assert_str_eq(r->errors, "");
	block_unref(data);
	disks_free(r);
}
END_TEST

START_TEST(abort_of_a_slow_task)
{
	struct disks *r = disks_new(_i == 1);
	const uint8_t write[10] = {0x2a, 0, 0, 0, 0, 7, 0, 0, 1, 0};
	struct block *data = block_new(512);
	memset(data->data, 0x44, 512);
	disks_fault(r, 2, "slow:ms=100");
	disks_command(r, 1, 2, 9, (struct span){write, 10}, data, 0);
	ck_assert_str_eq(r->reports, "script 1: disconnected; ");
	ck_assert_uint_eq(tgt_tasks(r->target[2].t), 1);
	disks_clear(r);
	disks_abort(r, 2, 2, 9);
	ck_assert_str_eq(r->reports, "script 2: complete; ");
	ck_assert_uint_eq(tgt_tasks(r->target[2].t), 0);
	ck_assert_uint_eq(tgt_deadline(r->target[2].t), NS_NEVER);
	ck_assert_str_eq(r->errors, "");
	block_unref(data);
	disks_free(r);
}
END_TEST

TAP_MAIN_TABLE("disks", NULL, NULL, TAP_TIMES(silent_pass, 2), TAP_TIMES(chained_passes, 2),
               TAP_TIMES(one_of_them_fails, 2 * (int)ARRAY_LEN(faults)),
               TAP_TIMES(participant_dies_with_the_token, 2),
               TAP_TIMES(members_with_protection_information, 2), TAP_TIMES(leader_dies, 2),
               TAP_TIMES(conventional_commands, 2), TAP_TIMES(abort_of_a_slow_task, 2));
