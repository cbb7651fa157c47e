/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults on demand: their specifications, and how each strikes. */
#include "unit/disk.h"
#include "unit/tap_main.h"

#include "target/fault.h"

#include <string.h>

#define END        "STATUS(GOOD) COMMAND COMPLETE FREE"
#define RESEL      "resel 7 IDENTIFY SIMPLE(5) "
#define CHECK      "STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"
#define WRITE(lba) "sel msg=c02005 cmd=2a:4." lba ".0000.0200 out=1024:11 free"

static const struct {
	const char *spec;
	const char *out; /* as it is listed, or what is wrong with it */
} specs[] = {
        {"medium-error:lba=7", "medium-error:lba=7,blocks=1,times=1\n"},
        {"medium-error:times=0,blocks=3,lba=0", "medium-error:lba=0,blocks=3,times=0\n"},
        {"medium-error:lba=18446744073709551615",
         "medium-error:lba=18446744073709551615,blocks=1,times=1\n"},
        {"crc-error", "crc-error:times=1\n"},
        {"busy:times=5", "busy:times=5\n"},
        {"task-set-full:times=2", "task-set-full:times=2\n"},
        {"no-status:times=0", "no-status:times=0\n"},
        {"slow:ms=250", "slow:ms=250\n"},
        {"die:at=data", "die:at=data\n"},
        {"busy:lun=63", "busy:times=1,lun=63\n"},
        {"slow:lun=0,ms=9", "slow:ms=9,lun=0\n"},
        {"medium-error:lba=1,lun=5", "medium-error:lba=1,blocks=1,times=1,lun=5\n"},
        {"busy:lun=64", "lun=64: must be 0 to 63"},
        {"die:at=data,lun=1", "lun=1: die has no such key"},
        {"parity-error:phase=message-out", "parity-error:phase=message-out,times=1\n"},
        {"parity-error:times=2,phase=status", "parity-error:phase=status,times=2\n"},
        {"parity-error", "parity-error: phase is missing"},
        {"parity-error:phase=bus-free",
         "phase=bus-free: no such phase (message-out, command, data-out, message-in, data-in, "
         "status)"},
        {"", ": no such fault"},
        {"explode", "explode: no such fault"},
        {"medium-error", "medium-error: lba is missing"},
        {"medium-error:lba=-1", "lba=-1: not a number"},
        {"medium-error:lba=", "lba=: not a number"},
        {"medium-error:lba=18446744073709551616", "lba=18446744073709551616: not a number"},
        {"medium-error:lba=1,blocks=0", "blocks=0: must be 1 to 4294967295"},
        {"medium-error:lba=1,lba=2", "lba=2: lba is given twice"},
        {"medium-error:lba", "lba=: not a number"},
        {"crc-error:lba=1", "lba=1: crc-error has no such key"},
        {"crc-error:times=x", "times=x: not a number"},
        {"busy:,", ": busy has no such key"},
        {"slow", "slow: ms is missing"},
        {"slow:ms=600001", "ms=600001: must be 0 to 600000"},
        {"die:at=lunch", "at=lunch: no such step (selected, command, data, status)"},
};

START_TEST(specifications)
{
	struct faults f = {0};
	char why[200] = "";
	uint8_t text[200];
	struct wr w = wr_init(text, sizeof(text) - 1);
	struct span s = {(const uint8_t *)specs[_i].spec, strlen(specs[_i].spec)};
	if (fault_add(&f, s, why, sizeof(why))) {
		fault_list(&f, &w);
		text[w.n] = '\0';
		ck_assert_str_eq((char *)text, specs[_i].out);
	} else {
		ck_assert_str_eq(why, specs[_i].out);
		ck_assert_uint_eq(f.n, 0);
	}
}
END_TEST

START_TEST(bounded)
{
	struct faults f = {0};
	char why[200];
	struct span s = {(const uint8_t *)"busy", 4};
	for (unsigned i = 0; i < FAULTS_MAX; i++)
		ck_assert(fault_add(&f, s, why, sizeof(why)));
	ck_assert(!fault_add(&f, s, why, sizeof(why)));
	ck_assert_str_eq(why, "busy: 32 faults are there already");
}
END_TEST

static const struct {
	lba_t at;
	uint64_t n;
	lba_t lba;
	uint64_t blocks;
	bool strikes;
	lba_t bad;
} ranges[] = {
        {5, 1, 5, 1, true, 5},           {5, 1, 4, 1, false, 0},
        {5, 1, 6, 1, false, 0},          {5, 10, 0, 6, true, 5},
        {5, 10, 0, 5, false, 0},         {5, 10, 14, 10, true, 14},
        {5, 10, 15, 10, false, 0},       {5, 10, 8, 1, true, 8},
        {5, 1, 0, 0, false, 0},          {UINT64_MAX, 1, UINT64_MAX - 1, 2, true, UINT64_MAX},
        {UINT64_MAX, 9, 0, 9, false, 0}, {0, UINT32_MAX, UINT32_MAX, 1, false, 0},
};

START_TEST(medium_ranges)
{
	struct faults f = {.n = 1};
	lba_t bad = 0;
	f.f[0] = (struct fault){.kind = FAULT_MEDIUM,
	                        .lba = ranges[_i].at,
	                        .blocks = ranges[_i].n,
	                        .times = 1,
	                        .lun = FAULT_ANY_LUN};
	ck_assert(fault_strike_medium(&f, 3, ranges[_i].lba, ranges[_i].blocks, &bad) ==
	          ranges[_i].strikes);
	ck_assert_uint_eq(bad, ranges[_i].bad);
	ck_assert_uint_eq(f.n, ranges[_i].strikes ? 0 : 1);
}
END_TEST

START_TEST(the_first_bad_block_of_several)
{
	struct faults f = {.n = 2};
	lba_t bad = 0;
	f.f[0] = (struct fault){
	        .lun = FAULT_ANY_LUN, .kind = FAULT_MEDIUM, .lba = 9, .blocks = 1, .times = 0};
	f.f[1] = (struct fault){.lun = 3, .kind = FAULT_MEDIUM, .lba = 7, .blocks = 1, .times = 1};
	ck_assert(fault_strike_medium(&f, 3, 0, 20, &bad));
	ck_assert_uint_eq(bad, 7);
	ck_assert(fault_strike_medium(&f, 3, 0, 20, &bad));
	ck_assert_uint_eq(bad, 9); /* for good */
	ck_assert(fault_strike_medium(&f, 3, 0, 20, &bad));
}
END_TEST

/* ---- in the target ---- */

START_TEST(medium_error_for_good)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_fault(d, "medium-error:lba=4,times=0"), "mgmt ok ok");
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_str_eq(disk_burst(d, WRITE("03")), "write 3+1; " RESEL CHECK);
		ck_assert_str_eq(disk_sense(d), "3/c/0 info 4");
		disk_refuses(d, "28:4.03.0000.0200", "3/11/0 info 4");
	}
	ck_assert_str_eq(disk_burst(d, WRITE("04")), RESEL CHECK);
	(void)disk_sense(d);
	ck_assert_str_eq(disk_burst(d, WRITE("05")), "write 5+2; " RESEL END);
	disk_free(d);
}
END_TEST

START_TEST(busy_then_not)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_fault(d, "busy:times=2"), "mgmt ok ok; arm front");
	/* armed no more: it is refused without its data */
	ck_assert_str_eq(disk_burst(d, "want sel msg=c02005 cmd=2a:6.0001.00"),
	                 "cont STATUS(BUSY) COMMAND COMPLETE FREE");
	/* a scan takes no strikes */
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	ck_assert_str_eq(disk_command(d, "28:6.0001.00"),
	                 "cont STATUS(BUSY) COMMAND COMPLETE FREE; arm full");
	ck_assert_str_eq(disk_burst(d, WRITE("05")), "write 5+2; " RESEL END);
	disk_free(d);
}
END_TEST

START_TEST(status_never_sent)
{
	struct disk *d = disk_new();
	(void)disk_fault(d, "no-status");
	ck_assert_str_eq(disk_burst(d, WRITE("05")), "write 5+2");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	ck_assert_uint_eq(d->media[5 * 512], 0x11);
	ck_assert_str_eq(disk_burst(d, WRITE("05")), "write 5+2; " RESEL END);
	disk_free(d);
}
END_TEST

START_TEST(slow_holds_up_nobody)
{
	struct disk *d = disk_new();
	(void)disk_fault(d, "slow:ms=100");
	ck_assert_str_eq(disk_burst(d, WRITE("05")), "write 5+2");
	d->now += 50 * NS_PER_MS;
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c02006 cmd=2a:4.07.0000.0100 out=512:11 free"),
	                 "write 7+1");
	ns_t then = d->now;
	ck_assert_str_eq(disk_wait(d), RESEL END);
	ck_assert_uint_eq(d->now - then, 50 * NS_PER_MS);
	ck_assert_str_eq(disk_wait(d), "resel 7 IDENTIFY SIMPLE(6) " END);
	ck_assert_uint_eq(d->now - then, 100 * NS_PER_MS);
	ck_assert_uint_eq(tgt_deadline(d->t), NS_NEVER);
	disk_free(d);
}
END_TEST

START_TEST(management_frames)
{
	struct disk *d = disk_new();
	struct wire_frame f = {.type = WIRE_MGMT};
	f.mgmt = (struct wire_mgmt){.req = 1, .from = 7, .to = 2, .kind = MGMT_FAULT_LIST};
	(void)disk_fault(d, "crc-error");
	(void)disk_fault(d, "slow:ms=1");
	ck_assert_str_eq(disk_frame(d, &f), "mgmt ok crc-error:times=1\nslow:ms=1\n");
	f.mgmt.kind = MGMT_FAULT_CLEAR;
	ck_assert_str_eq(disk_frame(d, &f), "mgmt ok ");
	f.mgmt.kind = MGMT_FAULT_LIST;
	ck_assert_str_eq(disk_frame(d, &f), "mgmt ok ");
	const char *bad = disk_fault(d, "slow:ms=x");
	ck_assert_ptr_nonnull(strstr(bad, "ms=x: not a number"));
	f.mgmt.answer = true;
	ck_assert_str_eq(disk_frame(d, &f), "");
	disk_free(d);
}
END_TEST

/* ---- death ---- */

static const struct {
	const char *spec;
	unsigned phase; /* of the unarmed write below in which it dies */
} deaths[] = {
        {"die:at=selected", 0}, {"die:at=command", 2}, {"die:at=data", 2}, {"die:at=status", 3}};

START_TEST(dies_at_its_step)
{
	static const char *const phases[] = {"want atn sel", "want msg=c02005",
	                                     "want cmd=2a:6.0001.00", "want out=512:11"};
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_fault(d, deaths[_i].spec), "mgmt ok ok; arm none");
	for (unsigned i = 0; i < ARRAY_LEN(phases) && !d->dead; i++) {
		const char *out = disk_burst(d, phases[i]);
		ck_assert_msg(d->dead == (i == deaths[_i].phase), "%u: %s", i, out);
	}
	ck_assert(d->dead);
	ck_assert_uint_eq(d->media[0], _i == 3 ? 0x11 : 0);
	disk_free(d);
}
END_TEST

START_TEST(participant_dies_with_the_token)
{
	struct disk *d = disk_new();
	disk_join(d);
	(void)disk_fault(d, deaths[_i].spec);
	const char *out = disk_burst(d, "role=P want latch=c02005010ae00100000101.00000009 "
	                                "cmd=2a:6.0001.00 tok");
	ck_assert_str_eq(out, _i == 3 ? "cont DATA-OUT(512)" : "die");
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_faults", NULL, NULL, TAP_EACH(specifications, specs), TAP_ONCE(bounded),
               TAP_EACH(medium_ranges, ranges), TAP_ONCE(the_first_bad_block_of_several),
               TAP_ONCE(medium_error_for_good), TAP_ONCE(busy_then_not),
               TAP_ONCE(status_never_sent), TAP_ONCE(slow_holds_up_nobody),
               TAP_ONCE(management_frames), TAP_EACH(dies_at_its_step, deaths),
               TAP_EACH(participant_dies_with_the_token, deaths));
