/* SPDX-License-Identifier: BSD-2-Clause */
/* The host adapter frame by frame: the scan of targets. */
#include "scenario/fake_bus.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <stdlib.h>
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
static void nothing_done(struct hba_task *t)
{
	ck_assert_int_eq(t->outcome, HBA_COMPLETED);
}

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

static void initiator_port(uint8_t id, enum wire_role role, bool up, uint32_t epoch,
                           const char *name)
{
	struct wire_frame frame = {
	        .type = WIRE_PORT,
	        .port = {.up = up, .id = id, .role = (uint8_t)role, .epoch = epoch}};

	snprintf(frame.port.name, sizeof(frame.port.name), "%s", name);
	fake_frame(&f, &frame);
}

static void other_is(const char *name, uint8_t id)
{
	uint8_t at;
	const char *other = hba_other_initiator(f.h, &at);

	if (name)
		ck_assert_str_eq(other, name);
	else
		ck_assert_ptr_null(other);
	ck_assert_uint_eq(at, id);
}

START_TEST(other_initiators_that_come_and_go)
{
	char longest[TARGET_NAME_MAX + 1];

	fake_init(&f, NULL);
	other_is(NULL, WIRE_NO_ID);
	fake_disk_up(&f, 1, 8); /* a target, a tap, and we ourselves are none */
	initiator_port(4, ROLE_TAP, true, 90, "tap");
	initiator_port(FAKE_OUR_ID, ROLE_INITIATOR, true, 91, "us");
	other_is(NULL, WIRE_NO_ID);
	initiator_port(6, ROLE_INITIATOR, true, 92, "second");
	other_is("second", 6);
	initiator_port(15, ROLE_INITIATOR, true, 93, "third");
	initiator_port(6, ROLE_INITIATOR, true, 94, "anew"); /* superseded, and that is told late */
	initiator_port(6, ROLE_INITIATOR, false, 92, "second");
	other_is("anew", 6);
	initiator_port(6, ROLE_INITIATOR, false, 94, "anew");
	other_is("third", 15);
	/* one whose ID a target gets, or that gets a target's; nothing of a target's is told of it
	 */
	memset(longest, 'n', TARGET_NAME_MAX);
	longest[TARGET_NAME_MAX] = '\0';
	fake_disk_up(&f, 15, 8);
	other_is(NULL, WIRE_NO_ID);
	initiator_port(1, ROLE_INITIATOR, true, 999, longest);
	other_is(longest, 1);
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_ABSENT);
	/* the bus goes: who is there when it comes back is told anew */
	hba_detached(f.h, f.now);
	other_is(NULL, WIRE_NO_ID);
	fake_attach(&f);
	other_is(NULL, WIRE_NO_ID);
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

/* A target that ends every command so: status, sense key (0: REQUEST SENSE brings nothing). */
static const struct {
	uint8_t status, key;
	const char *why;
} never[] = {
        {SCSI_BUSY, 0, "TEST UNIT READY: busy without end"},
        {SCSI_TASK_SET_FULL, 0, "TEST UNIT READY: busy without end"},
        {SCSI_TASK_ABORTED, 0, "TEST UNIT READY: busy without end"},
        {SCSI_CHECK_CONDITION, 0, "INQUIRY: CHECK CONDITION"},
        {SCSI_CHECK_CONDITION, 0x04, "INQUIRY: HARDWARE ERROR, 47h/00h"},
        {SCSI_CHECK_CONDITION, 0x06, "TEST UNIT READY: UNIT ATTENTION without end"},
        {SCSI_CHECK_CONDITION, 0x0b, "TEST UNIT READY: ABORTED COMMAND without end"},
        {SCSI_RESERVATION_CONFLICT, 0, "INQUIRY: RESERVATION CONFLICT"},
        {SCSI_CONDITION_MET, 0, "INQUIRY: CONDITION MET"},
};

START_TEST(a_target_that_never_does_what_the_scan_asks)
{
	const uint8_t sense[18] = {0x70, [2] = never[_i].key, [7] = 10, [12] = 0x47};
	const struct hba_target *t;

	fake_init(&f, NULL);
	t = hba_target(f.h, 1);
	fake_port(&f, 1, true);
	for (unsigned n = 0; t->state == HBA_SCANNING; n++) {
		ck_assert_uint_lt(n, 200);
		while (f.n) {
			struct fake_script s = fake_take(&f);
			if (s.cdb[0] != 0x03)
				fake_end_task(&f, &s, never[_i].status, NULL, 0);
			else
				fake_end_task(&f, &s, SCSI_GOOD, sense,
				              never[_i].key ? sizeof(sense) : 0);
		}
		fake_wait(&f, NS_PER_S);
	}
	ck_assert_int_eq(t->state, HBA_FAILED);
	ck_assert_msg(strncmp(t->why, never[_i].why, strlen(never[_i].why)) == 0, "%s", t->why);
	ck_assert(hba_settled(f.h));
	fake_end(&f);
}
END_TEST

/* Commands whose sense is not known: they are asked again, and nothing is concluded from them; VPD
 * page C0h says that it can be mirrored to. */
static const struct {
	uint8_t op, page;
} unexplained[] = {{0x12, 0x83}, {0x12, 0xc0}, {0x9e, 0}, {0x5a, 0x30}};

START_TEST(a_check_condition_without_sense_says_nothing)
{
	unsigned times = 0;

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	const struct hba_target *t = hba_target(f.h, 1);
	hba_scan(f.h);
	fake_run(&f);
	for (unsigned n = 0; t->state == HBA_SCANNING || n == 0; n++) {
		ck_assert_uint_lt(n, 1000);
		const struct fake_script *s = &f.script[0];
		bool it = f.n > 0 && s->cdb[0] == unexplained[_i].op && times < 2 &&
		          (!unexplained[_i].page ||
		           (s->cdb[2] & 0x3f) == (unexplained[_i].page & 0x3f));
		if (f.n == 0) {
			fake_wait(&f, 100 * NS_PER_MS);
		} else if (it || s->cdb[0] == 0x03) {
			struct fake_script taken = fake_take(&f);
			times += taken.cdb[0] != 0x03;
			fake_end_task(&f, &taken, it ? SCSI_CHECK_CONDITION : SCSI_GOOD, NULL, 0);
		} else {
			fake_serve_one(&f);
		}
	}
	ck_assert_uint_eq(times, 2);
	ck_assert_msg(t->state == HBA_READY, "%s", t->why);
	ck_assert(t->mirror);
	fake_end(&f);
}
END_TEST

/* What a target may answer wrongly: the command and its page, the data (hexadecimal; ":N": N zero
 * bytes), and what is said of the target; NULL: it is taken all the same. */
static const struct {
	uint8_t op, page;
	const char *data, *why;
} wrong[] = {
        {0x12, 0x00, "0000050200", "INQUIRY: fewer than 36 bytes"},
        {0x12, 0x00, "05:40", "INQUIRY: peripheral 05h is not a disk"},
        {0x12, 0x83, "00", "VPD page 83h: malformed"},
        {0x12, 0x83, "00800000", "VPD page 83h: malformed"},
        {0x12, 0x83, "0083000101", "VPD page 83h: a designator is cut short"},
        {0x12, 0x83, "0083001001", "VPD page 83h: malformed"},
        {0x12, 0x83, "00830000", "VPD page 83h: no UUID designator"},
        {0x12, 0x83, "00830006010300020102", "VPD page 83h: no UUID designator"},
        {0x12, 0x83, "00830005010a001210", "VPD page 83h: a designator is cut short"},
        {0x12, 0x83, "00830016010a00121000:16", "VPD page 83h: another UUID than it attached with"},
        {0x12, 0x80, "00800010", "VPD page 80h: malformed"},
        /* longer than was asked for, and cut by that, in the middle of a designator or behind it */
        {0x12, 0x80, "008000fd:252", NULL},
        {0x12, 0x80, "008000fd:251", "VPD page 80h: malformed"},
        {0x12, 0x83, "0083010001030040:64.010300ff:180", "VPD page 83h: a designator is cut short"},
        {0x12, 0x83, "00830100010a00121000a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1:230", NULL},
        {0x12, 0xc0, "00c00001ff", "VPD page C0h: malformed"},
        {0x9e, 0x00, ":8", "READ CAPACITY(16): fewer than 12 bytes"},
        {0x9e, 0x00, ":8.00000064:20", "READ CAPACITY(16): logical blocks of 100 bytes"},
        {0x9e, 0x00, ":8.00000100:20", "READ CAPACITY(16): logical blocks of 256 bytes"},
        {0x9e, 0x00, ":8.00020000:20", "READ CAPACITY(16): logical blocks of 131072 bytes"},
        {0x9e, 0x00, "ffffffffffffffff.00000200:20", "READ CAPACITY(16): 2^63 bytes or more"},
        {0x9e, 0x00, "003fffffffffffff.00000200:20", "READ CAPACITY(16): 2^63 bytes or more"},
        {0x5a, 0x30, "0000", "MODE SENSE(10): header cut short"},
        {0x5a, 0x30, ":6.0010", "MODE SENSE(10): header cut short"},
        {0x5a, 0x30, ":8.b02e", "mode page 30h: malformed"},
        {0x5a, 0x30, ":8.882e:46", "mode page 30h: malformed"},
        {0xa0, 0x00, "00", NULL},
        {0xa0, 0x00, "000000ff:4", NULL},
};

static size_t bytes_of(const char *text, uint8_t *out)
{
	size_t n = 0;

	while (*text) {
		unsigned long zeros = *text == ':' ? strtoul(text + 1, (char **)&text, 10) : 0;
		memset(out + n, 0, zeros);
		n += zeros;
		if (*text == '.')
			text++;
		else if (*text && *text != ':')
			n += sscanf(text, "%2hhx", &out[n]) == 1, text += 2;
	}
	return n;
}

/* Serves the scan; one command is answered with these bytes. */
static void serve_but(uint8_t op, uint8_t page, const uint8_t *data, size_t n)
{
	for (unsigned i = 0; f.n > 0; i++) {
		const struct fake_script *s = &f.script[0];
		bool it = s->cdb[0] == op && s->lun == 0 &&
		          (op == 0x12   ? s->cdb[2] == page && (s->cdb[1] & 1) == (page != 0)
		           : op == 0x5a ? (s->cdb[2] & 0x3f) == page
		                        : true);
		ck_assert_uint_lt(i, 1000);
		if (!it) {
			fake_serve_one(&f);
			continue;
		}
		struct fake_script taken = fake_take(&f);
		fake_end_task(&f, &taken, SCSI_GOOD, data, n);
	}
}

START_TEST(wrong_answers_are_told)
{
	uint8_t data[256];

	fake_init(&f, NULL);
	fake_port(&f, 1, true);
	serve_but(wrong[_i].op, wrong[_i].page, data, bytes_of(wrong[_i].data, data));
	const struct hba_target *t = hba_target(f.h, 1);
	ck_assert_int_eq(t->state, wrong[_i].why ? HBA_FAILED : HBA_READY);
	ck_assert_str_eq(t->why, wrong[_i].why ? wrong[_i].why : "");
	ck_assert(hba_settled(f.h));
	fake_end(&f);
}
END_TEST

/* REPORT LUNS names what IDENTIFY can and what it cannot. The further units answer as LUN 0 does,
 * with its UUID: nobody can be both. */
START_TEST(further_units_are_found_and_judged)
{
	/* LUN 0, 2 by peripheral addressing, 3 by flat space, 64 and beyond by neither, a second
	 * level */
	static const char list[] = "00000038:4.:8.0002:6.4003:6.4041:6.4103:6.c101:6.0002:6";
	uint8_t data[256];

	fake_init(&f, NULL);
	fake_port(&f, 1, true);
	serve_but(0xa0, 0, data, bytes_of(list, data));
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_READY);
	ck_assert_uint_ne(hba_unit_at(f.h, 1, 2), WIRE_NO_ID);
	ck_assert_uint_ne(hba_unit_at(f.h, 1, 3), WIRE_NO_ID);
	ck_assert_uint_eq(hba_unit_at(f.h, 1, 4), WIRE_NO_ID);
	for (uint8_t lun = 2; lun <= 3; lun++) {
		const struct hba_target *t = hba_target(f.h, hba_unit_at(f.h, 1, lun));
		ck_assert_int_eq(t->state, HBA_FAILED);
		ck_assert_ptr_nonnull(strstr(t->why, "the UUID of LUN 0 at ID 1"));
	}
	/* asked again, they are gone */
	hba_scan(f.h);
	fake_run(&f);
	serve_but(0xa0, 0, data, bytes_of("00000000:4", data));
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_READY);
	fake_end(&f);
}
END_TEST

/* It tells only once that it was started again: undisturbed (0), or the scan is cut off by RST (1),
 * or the port goes and comes (2). */
START_TEST(a_start_is_not_forgotten)
{
	for (int k = 0; k < 3; k++) {
		fake_init(&f, NULL);
		fake_disk_up(&f, 1, 8);
		fake_port(&f, 1, false);
		f.disk[1].ua = true;
		fake_port(&f, 1, true);
		for (int n = 0; n < 4; n++)
			fake_serve_one(&f);
		ck_assert(!f.disk[1].ua);
		ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_SCANNING);
		if (k == 1)
			fake_rst(&f);
		if (k == 2) {
			fake_port(&f, 1, false);
			fake_port(&f, 1, true);
		}
		fake_run(&f);
		f.disk[1].ua = false;
		for (int n = 0; n < 20 && hba_target(f.h, 1)->state == HBA_SCANNING; n++) {
			if (k == 2 && f.n && n == 0) {
				struct fake_script s = fake_take(&f);
				fake_outcome(&f, &s, OUTCOME_SELECTION_TIMEOUT);
			}
			fake_wait(&f, NS_PER_S);
			fake_serve(&f);
		}
		const struct hba_target *t = hba_target(f.h, 1);
		ck_assert_int_eq(t->state, HBA_READY);
		ck_assert_uint_eq(t->power_on, t->attach);
		fake_end(&f);
	}
}
END_TEST

/* Not the scan hears of it but a client's command. */
START_TEST(a_start_that_a_command_meets)
{
	struct hba_task t = {.target = 1, .cdb_len = 6, .done = nothing_done};

	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	fake_port(&f, 1, false);
	fake_port(&f, 1, true);
	f.disk[1].ua = false;
	fake_serve(&f);
	ck_assert_uint_ne(hba_target(f.h, 1)->power_on, hba_target(f.h, 1)->attach);
	f.disk[1].ua = true;
	hba_task_start(f.h, &t);
	fake_run(&f);
	fake_serve(&f);
	ck_assert(t.has_sense && !f.disk[1].ua);
	ck_assert_int_eq(hba_target(f.h, 1)->state, HBA_READY);
	ck_assert_uint_eq(hba_target(f.h, 1)->power_on, hba_target(f.h, 1)->attach);
	fake_end(&f);
}
END_TEST

/* A bus server that was started again counts from the beginning: an attach is another one all the
 * same. */
START_TEST(an_epoch_that_was_there_before)
{
	fake_init(&f, NULL);
	fake_disk_up(&f, 1, 8);
	uint32_t epoch = hba_target(f.h, 1)->epoch;
	uint64_t attach = hba_target(f.h, 1)->attach;
	hba_detached(f.h, f.now);
	fake_run(&f);
	f.n = 0;
	f.disk[1].epoch--;
	fake_attach(&f);
	fake_disk_up(&f, 1, 8);
	ck_assert_uint_eq(hba_target(f.h, 1)->epoch, epoch);
	ck_assert_uint_ne(hba_target(f.h, 1)->attach, attach);
	fake_end(&f);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const plain[] = {
	        a_start_is_not_forgotten,
	        a_start_that_a_command_meets,
	        an_epoch_that_was_there_before,
	        further_units_are_found_and_judged,
	        scan_finds_two_targets,
	        scan_judges_targets,
	        a_port_that_goes_and_comes,
	        other_initiators_that_come_and_go,
	        a_scan_that_is_asked_for_again_starts_over,
	        a_target_that_never_answers_the_scan,
	};
	Suite *suite = tap_suite("hba_scan", plain, sizeof(plain) / sizeof(plain[0]));
	TCase *both = tcase_create("both ways");

	tcase_add_loop_test(both, what_is_started_during_a_scan_waits, 0, 2);
	tcase_add_loop_test(both, a_target_that_never_does_what_the_scan_asks, 0, ARRAY_LEN(never));
	tcase_add_loop_test(both, a_check_condition_without_sense_says_nothing, 0,
	                    ARRAY_LEN(unexplained));
	tcase_add_loop_test(both, wrong_answers_are_told, 0, ARRAY_LEN(wrong));
	suite_add_tcase(suite, both);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
