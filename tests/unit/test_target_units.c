/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target that agrees on information units (SPI-4): what it answers to a negotiation, when it goes
 * to BUS FREE for it, and how commands that come by units end.
 */
#include "unit/disk.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define END   "STATUS(GOOD) COMMAND COMPLETE FREE"
#define CHECK "SENSE(18) STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"
/* PPR: Fast-160, offset 127, wide, with these options. */
#define PPR(options) "010604.08007f01" options
#define ULTRA320     "cont PARALLEL PROTOCOL REQUEST(8 127 1 67) FREE"

static struct disk *begin(void)
{
	struct tgt_config c = disk_config();
	c.xfer = XFER_ULTRA320;
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_port(d, 7, 3, true);
	(void)disk_burst(d, "t=1 want sel msg=c0 cmd=00:5"); /* POWER ON */
	(void)disk_burst(d, "t=2 want sel msg=c0 cmd=03:3.1200");
	return d;
}

static const struct {
	const char *clause, *first, *burst, *out;
} rows[] = {
        {"IU_REQ: BUS FREE follows", NULL, "msg=c0." PPR("43") " cmd=00:5", ULTRA320},
        {"the same again: nothing changes", "msg=c0." PPR("43"), "msg=c0." PPR("43") " cmd=00:5",
         "cont PARALLEL PROTOCOL REQUEST(8 127 1 67) " END},
        {"not any more: BUS FREE", "msg=c0." PPR("43"), "msg=c0." PPR("02"),
         "cont PARALLEL PROTOCOL REQUEST(9 127 1 2) FREE"},
        {"WDTR ends it", "msg=c0." PPR("43"), "msg=c0.01020301",
         "cont WIDE DATA TRANSFER REQUEST(0 0 1 0) FREE"},
        {"SDTR ends it", "msg=c0." PPR("43"), "msg=c0.0103010910",
         "cont SYNCHRONOUS DATA TRANSFER REQUEST(10 16 0 0) FREE"},
        {"information units at Fast-80", NULL, "msg=c0.01060409003e0103 cmd=00:5",
         "cont PARALLEL PROTOCOL REQUEST(9 62 1 3) FREE"},
        {"retained training information, if it is asked for", NULL, "msg=c0." PPR("03"),
         "cont PARALLEL PROTOCOL REQUEST(8 127 1 3) FREE"},
        {"QAS is not had", NULL, "msg=c0." PPR("07"),
         "cont PARALLEL PROTOCOL REQUEST(8 127 1 3) FREE"},
        {"flow control, streaming, precompensation are not had", NULL, "msg=c0." PPR("b3"),
         "cont PARALLEL PROTOCOL REQUEST(8 127 1 3) FREE"},
        {"not without DT", NULL, "msg=c0." PPR("01") " cmd=00:5",
         "cont PARALLEL PROTOCOL REQUEST(10 127 1 0) " END},
        {"not on 8 bits", NULL, "msg=c0.0106040800.7f0003 cmd=00:5",
         "cont PARALLEL PROTOCOL REQUEST(10 127 0 0) " END},
        {"not without an offset", NULL, "msg=c0.010604080000.0103 cmd=00:5",
         "cont PARALLEL PROTOCOL REQUEST(0 0 1 0) " END},
};

START_TEST(negotiation)
{
	struct disk *d = begin();
	char words[128];

	if (rows[_i].first) {
		(void)snprintf(words, sizeof(words), "t=3 want sel %s", rows[_i].first);
		ck_assert_str_eq(disk_burst(d, words), ULTRA320);
	}
	(void)snprintf(words, sizeof(words), "t=4 want sel %s", rows[_i].burst);
	const char *out = disk_burst(d, words);
	ck_assert_msg(strcmp(out, rows[_i].out) == 0, "%s: %s", rows[_i].clause, out);
	disk_free(d);
}
END_TEST

/* SPI-4, IU_REQ: the tasks of the initiator go, those of others do not; what is in the store is
 * waited for. */
START_TEST(a_change_aborts)
{
	struct disk *d = begin();

	(void)disk_port(d, 6, 4, true);
	(void)disk_burst(d, "t=3 ini=6 epoch=4 want sel msg=c0 cmd=03:3.1200"); /* POWER ON */
	d->hold = true;
	(void)disk_burst(d, "t=5 want sel msg=c02001 cmd=28:6.0001.00");
	(void)disk_burst(d, "t=6 ini=6 epoch=4 want sel msg=c02001 cmd=28:6.0001.00");
	ck_assert_uint_eq(tgt_tasks(d->t), 2);
	ck_assert_str_eq(disk_burst(d, "t=7 want sel msg=c0." PPR("43")), "");
	d->hold = false;
	const char *out = disk_release(d);
	ck_assert_ptr_nonnull(strstr(out, ULTRA320));
	ck_assert_ptr_nonnull(strstr(out, "resel 6 IDENTIFY SIMPLE(1) DATA-IN(512)"));
	ck_assert_ptr_null(strstr(out, "resel 7"));
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

/* What ends an agreement, so that the next negotiation makes it anew. */
START_TEST(it_ends)
{
	for (unsigned how = 0; how < 4; how++) {
		struct disk *d = begin();
		ck_assert_str_eq(disk_burst(d, "t=3 want sel msg=c0." PPR("43")), ULTRA320);
		switch (how) {
		case 0:
			(void)disk_reset(d);
			break;
		case 1:
			ck_assert_str_eq(disk_burst(d, "t=4 want sel msg=0c"),
			                 "members none; cont FREE; arm front");
			break;
		case 2:
			(void)disk_port(d, 7, 3, false);
			(void)disk_port(d, 7, 5, true);
			break;
		case 3:
			(void)disk_attach(d, 2);
			(void)disk_port(d, 7, 3, true);
			break;
		}
		ck_assert_str_eq(disk_burst(d, how == 2 ? "t=9 epoch=5 want sel msg=c0." PPR("43")
		                                        : "t=9 want sel msg=c0." PPR("43")),
		                 ULTRA320);
		disk_free(d);
	}
}
END_TEST

/* ---- commands that come by units ---- */

START_TEST(sense_goes_with_the_status)
{
	struct disk *d = begin();

	ck_assert_str_eq(disk_burst(d, "t=3 want selu msg=c02001 cmd=28:4.ff:2.01.00"),
	                 "cont " CHECK);
	/* It is not kept. */
	ck_assert_str_eq(disk_burst(d, "t=4 want selu msg=c02001 cmd=03:3.1200"),
	                 "cont DATA-IN(18) " END);
	ck_assert_uint_eq(d->in[2] & 0x0f, 0);
	/* Nor does it hold up what comes: no contingent allegiance. */
	ck_assert_str_eq(disk_burst(d, "t=5 want selu msg=c02001 cmd=ff:5"), "cont " CHECK);
	(void)disk_burst(d, "t=6 want selu msg=c02002 cmd=2a:6.0001.00");
	ck_assert_ptr_nonnull(strstr(disk_burst(d, "t=6 want out=512:11"), END));
	/* Without units it is as ever. */
	ck_assert_str_eq(disk_burst(d, "t=7 want sel msg=c02001 cmd=28:4.ff:2.01.00"),
	                 "cont STATUS(CHECK CONDITION) COMMAND COMPLETE FREE");
	ck_assert_str_eq(disk_burst(d, "t=8 want sel msg=c02001 cmd=03:3.1200"),
	                 "cont DATA-IN(18) " END);
	ck_assert_uint_eq(d->in[2] & 0x0f, 5);
	disk_free(d);
}
END_TEST

/* NACA: ACA begins as it does without units. */
START_TEST(aca)
{
	struct disk *d = begin();

	ck_assert_str_eq(disk_burst(d, "t=3 want selu msg=c02001 cmd=28:4.ff:2.01.04"),
	                 "cont " CHECK "; arm front");
	ck_assert_str_eq(disk_burst(d, "t=4 want selu msg=c02002 cmd=00:5"),
	                 "cont STATUS(ACA ACTIVE) COMMAND COMPLETE FREE");
	ck_assert_str_eq(disk_burst(d, "t=5 want selu msg=c016"), "cont FREE; arm full");
	ck_assert_str_eq(disk_burst(d, "t=6 want selu msg=c02002 cmd=00:5"), "cont " END);
	disk_free(d);
}
END_TEST

/* A wrong iuCRC is no parity error, and is not tried again. */
START_TEST(wrong_crcs)
{
	struct disk *d = begin();

	ck_assert_str_eq(disk_burst(d, "t=3 want selu msg=c02001 cmd=00:5 parity"), "cont " CHECK);
	(void)disk_burst(d, "t=4 want selu msg=c02001 cmd=2a:6.0001.00");
	ck_assert_str_eq(disk_burst(d, "t=4 want out=512:11 badcrc"), "cont " CHECK);
	(void)disk_burst(d, "t=5 want sel msg=c02001 cmd=2a:6.0001.00");
	(void)disk_burst(d, "t=5 want out=512:11 badcrc");
	ck_assert_str_eq(disk_sense(d), "b/47/1");
	disk_free(d);
}
END_TEST

START_TEST(inquiry_says_so)
{
	struct disk *d = begin();

	(void)disk_command(d, "120000006000");
	ck_assert_uint_eq(d->in[56], 0x0d);
	disk_free(d);
	d = disk_new();
	(void)disk_command(d, "120000006000");
	ck_assert_uint_eq(d->in[56], 0x0c);
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_units", NULL, NULL, TAP_ONCE(a_change_aborts), TAP_ONCE(it_ends),
               TAP_ONCE(sense_goes_with_the_status), TAP_ONCE(aca), TAP_ONCE(wrong_crcs),
               TAP_ONCE(inquiry_says_so), TAP_EACH(negotiation, rows));
