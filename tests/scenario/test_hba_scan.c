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
        {0x12, 0xc0, "00c00001ff", "VPD page C0h: malformed"},
        {0x9e, 0x00, ":8", "READ CAPACITY(16): fewer than 12 bytes"},
        {0x9e, 0x00, ":8.00000064:20", "READ CAPACITY(16): logical blocks of 100 bytes"},
        {0x9e, 0x00, ":8.00000100:20", "READ CAPACITY(16): logical blocks of 256 bytes"},
        {0x9e, 0x00, ":8.00020000:20", "READ CAPACITY(16): logical blocks of 131072 bytes"},
        {0x9e, 0x00, "ffffffffffffffff.00000200:20", "READ CAPACITY(16): more than 2^64 bytes"},
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

/* ---- units that are not ready yet ---- */

static const struct hba_target *unit(uint8_t lun)
{
	uint8_t n = hba_unit_at(f.h, 1, lun);

	ck_assert_uint_ne(n, WIRE_NO_ID);
	return hba_target(f.h, n);
}

static uint8_t changed[8];
static unsigned n_changed;
static void note_change(void *ctx, uint8_t id)
{
	(void)ctx;
	ck_assert_uint_lt(n_changed, ARRAY_LEN(changed));
	changed[n_changed++] = id;
}

/* What stands against a unit: the disk's field, whether its LUN 0 fails by it, and why. */
static const struct {
	size_t field;
	const char *why;
} hindrances[] = {
        {offsetof(struct fake_disk, reserved), "MODE SENSE of page 30h: RESERVATION CONFLICT"},
        {offsetof(struct fake_disk, formatting),
         "READ CAPACITY(16): NOT READY, 04h/04h LOGICAL UNIT NOT READY, FORMAT IN PROGRESS"},
        {offsetof(struct fake_disk, busy), "TEST UNIT READY: busy without end"},
};

static uint64_t *hindrance(unsigned i)
{
	return (uint64_t *)((char *)&f.disk[1] + hindrances[i].field);
}

/* Until nothing is left to be sent but after the pause that is to come. */
static void serve_all(void)
{
	for (unsigned n = 0; n < 200; n++) {
		fake_serve(&f);
		fake_wait(&f, 101 * NS_PER_MS);
		if (f.n == 0 && hba_settled(f.h))
			return;
	}
	ck_abort_msg("the scan does not end");
}

/* The others are found, LUN 0 or not; the one is asked again while they are at work, after pauses
 * that double, and is there when what stood against it has gone. */
START_TEST(what_is_not_ready_is_probed)
{
	unsigned which = (unsigned)_i / 2;
	uint8_t lun = _i % 2 ? 2 : 0, other = lun ? 0 : 2;
	struct hba_task t;

	fake_init(&f, NULL);
	f.disk[1].luns = 1U << 2 | 1U << 5;
	f.disk[1].queue_depth = 8;
	*hindrance(which) = 1U << lun;
	fake_port(&f, 1, true);
	serve_all();
	ck_assert_int_eq(unit(lun)->state, HBA_FAILED);
	ck_assert_str_eq(unit(lun)->why, hindrances[which].why);
	ck_assert_int_eq(unit(other)->state, HBA_READY);
	ck_assert_int_eq(unit(5)->state, HBA_READY);
	ck_assert_uint_eq(unit(5)->xfer.period, 9);

	/* a probe does not hold up the others, and what it finds again it tells nobody */
	n_changed = 0;
	hba_on_target(f.h, note_change, NULL);
	fake_wait(&f, 500 * NS_PER_MS);
	ck_assert_uint_ge(f.n, 1);
	ck_assert_uint_eq(f.script[0].lun, lun);
	ck_assert(hba_settled(f.h));
	told = 0;
	t = (struct hba_task){.target = 1, .lun = 5, .cdb_len = 6, .done = task_done};
	hba_task_start(f.h, &t);
	serve_all();
	ck_assert_uint_eq(told, 1);
	ck_assert_int_eq(unit(lun)->state, HBA_FAILED);
	ck_assert_uint_eq(n_changed, 0);

	*hindrance(which) = 0;
	fake_wait(&f, 3 * NS_PER_S);
	serve_all();
	ck_assert_int_eq(unit(lun)->state, HBA_READY);
	ck_assert_str_eq(unit(lun)->why, "");
	ck_assert_uint_eq(unit(lun)->xfer.period, 9);
	ck_assert_uint_eq(unit(lun)->blocks, 10000);
	ck_assert_uint_eq(n_changed, 1);
	ck_assert_uint_eq(changed[0], hba_unit_at(f.h, 1, lun));
	/* that was all */
	fake_wait(&f, 600 * NS_PER_S);
	ck_assert_uint_eq(f.n, 0);
	fake_end(&f);
}
END_TEST

/* They end: after pauses that double up to 64 s, one in so many times. A scan begins anew. */
START_TEST(probes_are_bounded)
{
	fake_init(&f, NULL);
	f.disk[1].formatting = 1;
	f.disk[1].queue_depth = 8;
	fake_port(&f, 1, true);
	serve_all();
	unsigned probes = 0;
	ns_t pause = 500 * NS_PER_MS, spent = 0;
	for (;;) {
		fake_wait(&f, pause - 300 * NS_PER_MS);
		ck_assert_uint_eq(f.n, 0);
		fake_wait(&f, 600 * NS_PER_MS);
		if (f.n == 0)
			break;
		probes++;
		fake_serve(&f);
		spent += pause;
		pause = pause < 64 * NS_PER_S ? 2 * pause : pause;
		ck_assert_uint_lt(probes, 100);
	}
	ck_assert_uint_eq(probes, 64);
	ck_assert(spent > 3600 * NS_PER_S - 10 * NS_PER_S && spent < 2 * 3600 * NS_PER_S);
	fake_wait(&f, 3600 * NS_PER_S);
	ck_assert_uint_eq(f.n, 0);
	hba_scan(f.h);
	fake_run(&f);
	serve_all();
	fake_wait(&f, 600 * NS_PER_MS);
	ck_assert_uint_ge(f.n, 1);
	fake_end(&f);
}
END_TEST

/* A bus reset, a scan, a port that goes: in the middle of a probe, and between two. */
START_TEST(a_probe_that_is_overtaken)
{
	bool under_way = _i % 2;

	fake_init(&f, NULL);
	f.disk[1].luns = 1U << 2;
	f.disk[1].reserved = 1U << 2;
	f.disk[1].queue_depth = 8;
	fake_port(&f, 1, true);
	serve_all();
	ck_assert_int_eq(unit(2)->state, HBA_FAILED);
	if (under_way)
		fake_wait(&f, 600 * NS_PER_MS);
	ck_assert_uint_eq(f.n, under_way);
	f.disk[1].reserved = 0;
	if (_i / 2 == 0) {
		hba_scan(f.h);
		fake_run(&f);
	} else if (_i / 2 == 1) {
		f.n = 0;
		fake_rst(&f);
	} else {
		fake_port(&f, 1, false);
		ck_assert_int_eq(unit(2)->state, HBA_ABSENT);
		fake_serve(&f); /* nobody is there */
		fake_wait(&f, 3600 * NS_PER_S);
		fake_port(&f, 1, true);
	}
	ck_assert(!hba_settled(f.h));
	serve_all();
	ck_assert_int_eq(unit(0)->state, HBA_READY);
	ck_assert_int_eq(unit(2)->state, HBA_READY);
	fake_wait(&f, 3600 * NS_PER_S);
	ck_assert_uint_eq(f.n, 0);
	fake_end(&f);
}
END_TEST

/* That the list is another is said once, and a probe may be who is told. */
START_TEST(a_probe_that_meets_another_list)
{
	fake_init(&f, NULL);
	f.disk[1].luns = 1U << 2;
	f.disk[1].formatting = _i ? 1U << 2 : 1;
	fake_port(&f, 1, true);
	serve_all();
	ck_assert_int_eq(unit(_i ? 2 : 0)->state, HBA_FAILED);
	f.disk[1].luns |= 1U << 5;
	f.disk[1].luns_changed = true;
	fake_wait(&f, 600 * NS_PER_MS);
	ck_assert_uint_eq(f.n, 1);
	serve_all();
	ck_assert(!f.disk[1].luns_changed);
	ck_assert_int_eq(unit(5)->state, HBA_READY);
	ck_assert_int_eq(unit(_i ? 2 : 0)->state, HBA_FAILED);
	/* the one is probed all the same */
	f.disk[1].formatting = 0;
	fake_wait(&f, 600 * NS_PER_MS);
	serve_all();
	ck_assert_int_eq(unit(0)->state, HBA_READY);
	ck_assert_int_eq(unit(2)->state, HBA_READY);
	fake_wait(&f, 3600 * NS_PER_S);
	ck_assert_uint_eq(f.n, 0);
	fake_end(&f);
}
END_TEST

/* Serves it to this command of LUN 2, which is not to be served yet. False: none came. */
static bool serve_up_to(uint8_t op)
{
	for (unsigned n = 0; f.n > 0; n++) {
		if (f.script[0].lun == 2 && f.script[0].cdb[0] == op)
			return true;
		ck_assert_uint_lt(n, 1000);
		fake_serve_one(&f);
	}
	return false;
}

/* The list that the scan has read is another one while it is at a further unit. */
START_TEST(a_list_that_changes_behind_its_back)
{
	static const uint8_t ops[] = {0x00, 0x9e, 0x5a};

	fake_init(&f, NULL);
	f.disk[1].luns = 1U << 2 | 1U << 3;
	fake_port(&f, 1, true);
	ck_assert(serve_up_to(ops[_i]));
	f.disk[1].luns = 1U << 2 | 1U << 5;
	f.disk[1].luns_changed = true;
	serve_all();
	ck_assert(!f.disk[1].luns_changed);
	ck_assert_int_eq(unit(0)->state, HBA_READY);
	ck_assert_int_eq(unit(2)->state, HBA_READY);
	ck_assert_int_eq(unit(5)->state, HBA_READY);
	ck_assert_int_eq(unit(3)->state, HBA_ABSENT);
	fake_wait(&f, 3600 * NS_PER_S);
	ck_assert_uint_eq(f.n, 0);
	fake_end(&f);
}
END_TEST

/* Serves all, until nothing is to come any more. Each time that LUN 2 is begun with, or only when
 * it is probed, the target says that its list is another. How often it was begun with. */
static unsigned serve_a_liar(bool to_probes)
{
	unsigned begun = 0;

	for (;;) {
		while (serve_up_to(0x00)) {
			ck_assert_uint_lt(++begun, 1000);
			f.disk[1].luns_changed = hba_settled(f.h) || !to_probes;
			fake_serve_one(&f);
			if (f.disk[1].luns_changed)
				fake_serve_one(&f); /* REQUEST SENSE */
			ck_assert(!f.disk[1].luns_changed);
			if (f.n > 0 && f.script[0].lun == 2)
				fake_serve_one(&f); /* once more */
		}
		if (hba_deadline(f.h) == NS_NEVER)
			return begun;
		fake_wait(&f, hba_deadline(f.h) - f.now);
	}
}

/* That ends: the last list holds, until somebody from outside is told that it is another. What is
 * not ready is probed all the same. */
START_TEST(a_list_that_always_changes)
{
	static const struct {
		bool formatting, to_probes;
		unsigned begun;
	} ways[] = {
	        {false, false, 1 + 16}, {true, false, 1 + 16 + 64}, {true, true, 1 + 2 * 16 + 64}};
	struct hba_task t;

	fake_init(&f, NULL);
	f.disk[1].luns = 1U << 2;
	f.disk[1].formatting = ways[_i].formatting ? 1U << 2 : 0;
	fake_port(&f, 1, true);
	for (unsigned round = 0; round < 2; round++) {
		ck_assert_uint_eq(serve_a_liar(ways[_i].to_probes), ways[_i].begun);
		ck_assert(hba_settled(f.h));
		ck_assert_int_eq(unit(0)->state, HBA_READY);
		ck_assert_int_eq(unit(2)->state, ways[_i].formatting ? HBA_FAILED : HBA_READY);
		f.disk[1].luns_changed = true;
		start(&t, 1);
	}
	fake_end(&f);
}
END_TEST

/* What it has beside LUN 0 is asked for when that answers: of a target that is new, and of one
 * whose units were known. */
START_TEST(a_target_that_is_too_busy_for_its_list)
{
	fake_init(&f, NULL);
	f.disk[1].luns = 1U << 2 | 1U << 5;
	f.disk[1].queue_depth = 8;
	if (_i) {
		fake_disk_up(&f, 1, 8);
		ck_assert_int_eq(unit(5)->state, HBA_READY);
		hba_scan(f.h);
		fake_run(&f);
	}
	f.disk[1].busy = 1;
	f.disk[1].busy_list = true;
	if (!_i)
		fake_port(&f, 1, true);
	serve_all();
	ck_assert_int_eq(unit(0)->state, HBA_FAILED);
	ck_assert_str_eq(unit(0)->why, "TEST UNIT READY: busy without end");
	if (_i)
		ck_assert_int_eq(unit(5)->state, HBA_ABSENT);
	else
		ck_assert_uint_eq(hba_unit_at(f.h, 1, 5), WIRE_NO_ID);
	f.disk[1].busy = 0;
	f.disk[1].busy_list = false;
	f.disk[1].formatting = 1U << 2;
	fake_wait(&f, 600 * NS_PER_MS);
	serve_all();
	ck_assert_int_eq(unit(0)->state, HBA_READY);
	ck_assert_uint_eq(unit(0)->xfer.period, 9);
	ck_assert_int_eq(unit(5)->state, HBA_READY);
	ck_assert_int_eq(unit(2)->state, HBA_FAILED);
	/* whose first pause is the first again */
	f.disk[1].formatting = 0;
	fake_wait(&f, 600 * NS_PER_MS);
	serve_all();
	ck_assert_int_eq(unit(2)->state, HBA_READY);
	fake_wait(&f, 3600 * NS_PER_S);
	ck_assert_uint_eq(f.n, 0);
	fake_end(&f);
}
END_TEST

/* Nor is that asked for for ever: LUN 0 is there without it in the end. */
START_TEST(a_list_that_never_comes)
{
	unsigned scans = 0;

	fake_init(&f, NULL);
	f.disk[1].luns = 1U << 2;
	f.disk[1].busy_list = true;
	fake_port(&f, 1, true);
	serve_all();
	ck_assert_int_eq(unit(0)->state, HBA_FAILED);
	ck_assert_str_eq(unit(0)->why, "REPORT LUNS: busy without end");
	while (unit(0)->state == HBA_FAILED) {
		ck_assert_uint_lt(scans++, 100);
		for (unsigned n = 0; f.n == 0; n++) {
			ck_assert_uint_lt(n, 650);
			fake_wait(&f, 100 * NS_PER_MS);
		}
		serve_all();
	}
	ck_assert_uint_eq(scans, 64);
	ck_assert_int_eq(unit(0)->state, HBA_READY);
	fake_wait(&f, 3600 * NS_PER_S);
	ck_assert_uint_eq(f.n, 0);
	fake_end(&f);
}
END_TEST

/* Of the units that are READY, as many commands are under way as the target takes: whatever LUN 0
 * is, and what a probe of it finds. LUN 0 has the say when it is READY. */
START_TEST(the_others_have_their_depth)
{
	struct hba_task t[5];

	fake_init(&f, NULL);
	f.disk[1].luns = 1U << 2;
	f.disk[1].queue_depth = 4;
	*hindrance((unsigned)_i) = 1;
	fake_port(&f, 1, true);
	serve_all();
	ck_assert_int_eq(unit(0)->state, HBA_FAILED);
	for (unsigned round = 0; round < 3; round++) {
		told = 0;
		for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
			t[i] = (struct hba_task){
			        .target = 1, .lun = 2, .cdb_len = 6, .done = task_done};
			hba_task_start(f.h, &t[i]);
		}
		fake_run(&f);
		ck_assert_uint_eq(f.n, round < 2 ? 4 : 1);
		fake_serve(&f);
		ck_assert_uint_eq(told, 5);
		if (round == 1) {
			*hindrance((unsigned)_i) = 0;
			f.disk[1].queue_depth = 1;
		}
		fake_wait(&f, (round + 1) * 600 * NS_PER_MS);
		serve_all();
		ck_assert_int_eq(unit(0)->state, round < 1 ? HBA_FAILED : HBA_READY);
	}
	fake_end(&f);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const plain[] = {
	        further_units_are_found_and_judged,
	        scan_finds_two_targets,
	        scan_judges_targets,
	        a_port_that_goes_and_comes,
	        a_scan_that_is_asked_for_again_starts_over,
	        a_target_that_never_answers_the_scan,
	        probes_are_bounded,
	        a_list_that_never_comes,
	};
	Suite *suite = tap_suite("hba_scan", plain, sizeof(plain) / sizeof(plain[0]));
	TCase *both = tcase_create("both ways");

	tcase_add_loop_test(both, what_is_started_during_a_scan_waits, 0, 2);
	tcase_add_loop_test(both, a_target_that_never_does_what_the_scan_asks, 0, ARRAY_LEN(never));
	tcase_add_loop_test(both, wrong_answers_are_told, 0, ARRAY_LEN(wrong));
	tcase_add_loop_test(both, what_is_not_ready_is_probed, 0, 2 * (int)ARRAY_LEN(hindrances));
	tcase_add_loop_test(both, a_probe_that_is_overtaken, 0, 6);
	tcase_add_loop_test(both, a_probe_that_meets_another_list, 0, 2);
	tcase_add_loop_test(both, a_list_that_changes_behind_its_back, 0, 3);
	tcase_add_loop_test(both, a_list_that_always_changes, 0, 3);
	tcase_add_loop_test(both, a_target_that_is_too_busy_for_its_list, 0, 2);
	tcase_add_loop_test(both, the_others_have_their_depth, 0, (int)ARRAY_LEN(hindrances));
	suite_add_tcase(suite, both);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
