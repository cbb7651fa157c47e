/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protection information (SBC-3): what the disk says of it, FORMAT UNIT and SANITIZE, what is kept
 * over a restart, mirroring passes, EXTENDED COPY. What commands check is in
 * test_target_protection.c.
 */
#include "unit/hex.h"
#include "unit/protected.h"
#include "unit/tap_main.h"

#include "base/crc.h"

#include <stdio.h>
#include <string.h>

/* ---- what the disk says ---- */

START_TEST(what_it_says)
{
	static const struct {
		uint8_t type;
		const char *capacity; /* READ CAPACITY(16), bytes 12 and 13 */
		uint32_t most;        /* VPD page B0h */
		uint8_t read16, read32, write_same;
	} says[] = {
	        {0, "00 00", 32768, 0x18, 0, 0x09},
	        {1, "01 00", 32263, 0xf8, 0, 0xe9},
	        {2, "03 00", 32263, 0x18, 0xf8, 0x09},
	        {3, "05 00", 32263, 0xf8, 0, 0xe9},
	};
	struct disk *d = protected_disk(says[_i].type, (struct mode_bits){0});
	ck_assert_ptr_nonnull(strstr(disk_command(d, "120000006000"), END));
	ck_assert_uint_eq(d->in[5], 0x09);
	(void)disk_command(d, "120186004000");
	ck_assert_uint_eq(d->in[4], 0x3f);
	(void)disk_command(d, "9e10:11.2000.00");
	hex_assert(d->in + 12, 2, says[_i].capacity);
	(void)disk_command(d, "1201b0004000");
	ck_assert_uint_eq(d->in[10] * 256U + d->in[11], says[_i].most);
	(void)disk_command(d, "a30c.01.88.0000.000000ff.0000");
	ck_assert_uint_eq(d->in[5], says[_i].read16);
	(void)disk_command(d, "a30c.01.93.0000.000000ff.0000");
	ck_assert_uint_eq(d->in[5], says[_i].write_same);
	(void)disk_command(d, "a30c.02.7f.0009.000000ff.0000");
	if (says[_i].read32) {
		hex_assert(d->in, 14, "0003 0020 7f04 0000 0000 0018 0009");
		ck_assert_uint_eq(d->in[14], says[_i].read32);
		hex_assert(d->in + 16, 20, "ffffffffffffffff ffffffff ffff ffff ffffffff");
		/* another service action is an invalid field */
		disk_refuses(d, "7f:6.18.0007:22", "5/24/0 cdb 8");
		/* ... and so is another length */
		disk_refuses(d, "7f:6.10.0009:14", "5/24/0 cdb 7");
	} else {
		hex_assert(d->in, d->n_in, "0001 0000");
		disk_refuses(d, "7f:6.18.0007:22", "5/20/0 cdb 0.7");
	}
	(void)disk_command(d, "a30c.01.04.0000.000000ff.0000");
	ck_assert_uint_eq(d->in[5], 0xff);
	disk_free(d);
	d = disk_new(); /* one that cannot have it */
	(void)disk_command(d, "120000006000");
	ck_assert_uint_eq(d->in[5], 0x08);
	(void)disk_command(d, "120186004000");
	ck_assert_uint_eq(d->in[4], 0);
	(void)disk_command(d, "a30c.01.04.0000.000000ff.0000");
	ck_assert_uint_eq(d->in[5], 0x3f);
	disk_free(d);
}
END_TEST

/* ---- FORMAT UNIT ---- */

static const char *format(struct disk *d, unsigned fmtpinfo, int usage)
{
	char words[128];
	(void)snprintf(words, sizeof(words), "t=9 want sel msg=80 cmd=%s%02x:4", "04",
	               fmtpinfo << 6 | (usage >= 0 ? 0x10 : 0));
	if (usage >= 0)
		(void)snprintf(words + strlen(words), sizeof(words) - strlen(words), " out=x%02x:3",
		               (unsigned)usage);
	return disk_burst(d, words);
}

/* SBC-3, "FMTPINFO field and PROTECTION FIELD USAGE field". usage -1: no parameter list. */
static const struct {
	unsigned fmtpinfo;
	int usage, type;
	const char *sense;
} formats[] = {
        {0, -1, 0, NULL},
        {0, 0, 0, NULL},
        {0, 1, -1, "5/26/0 data 0.2"},
        {1, -1, -1, "5/24/0 cdb 1.7"},
        {1, 0, -1, "5/24/0 cdb 1.7"},
        {2, -1, 1, NULL},
        {2, 0, 1, NULL},
        {2, 1, -1, "5/26/0 data 0.2"},
        {3, -1, 2, NULL},
        {3, 0, 2, NULL},
        {3, 1, 3, NULL},
        {3, 2, -1, "5/26/0 data 0.2"},
        {3, 7, -1, "5/26/0 data 0.2"},
        {3, 8, -1, "5/26/0 data 0.3"},
};

static int type_said(struct disk *d)
{
	(void)disk_command(d, "9e10:11.2000.00");
	return d->in[12] & 1 ? (d->in[12] >> 1) + 1 : 0;
}

START_TEST(formatted)
{
	for (uint8_t from = 0; from <= 3; from++) {
		struct disk *d = protected_disk(from, (struct mode_bits){0});
		(void)disk_port(d, 6, 3, true);
		(void)disk_burst(d, "t=1 ini=6 want sel msg=80 cmd=03000000.40.00");
		protected_put(d, from);
		const char *out = format(d, formats[_i].fmtpinfo, formats[_i].usage);
		if (formats[_i].sense) {
			ck_assert_str_eq(out, "cont " CHECK);
			ck_assert_str_eq(disk_sense(d), formats[_i].sense);
			ck_assert_int_eq(type_said(d), from);
			disk_free(d);
			continue;
		}
		ck_assert_msg(strstr(out, "save; ") == out && strstr(out, END), "%s", out);
		ck_assert_int_eq(type_said(d), formats[_i].type);
		for (lba_t lba = 0; formats[_i].type && lba < 64; lba++)
			protected_is(d, lba, 0xffff, 0xffff, 0xffffffff);
		/* the others are told, if it is another type */
		out = disk_burst(d, "t=1 ini=6 want sel msg=80 cmd=00:5");
		ck_assert_int_eq(strstr(out, CHECK) != NULL, from != formats[_i].type);
		(void)disk_burst(d, "t=1 ini=6 want sel msg=80 cmd=03000000.40.00");
		if (from != formats[_i].type) { /* CAPACITY DATA HAS CHANGED */
			ck_assert_uint_eq(d->in[2], KEY_UNIT_ATTENTION);
			ck_assert_uint_eq((unsigned)d->in[12] << 8 | d->in[13], 0x2a09);
		}
		/* and it is found again */
		struct tgt_config c = d->cfg;
		c.lu.saved = (struct span){d->saved, d->n_saved};
		struct disk *again = disk_new_raw(&c);
		(void)disk_attach(again, 1);
		(void)disk_sense(again);
		ck_assert_int_eq(type_said(again), formats[_i].type);
		disk_free(again);
		disk_free(d);
	}
}
END_TEST

START_TEST(not_formatted_without_the_means)
{
	struct disk *d = disk_new();
	for (unsigned fmtpinfo = 1; fmtpinfo <= 3; fmtpinfo++) {
		ck_assert_str_eq(format(d, fmtpinfo, -1), "cont " CHECK);
		ck_assert_str_eq(disk_sense(d),
		                 fmtpinfo == 1 ? "5/24/0 cdb 1.6" : "5/24/0 cdb 1.7");
	}
	disk_free(d);
}
END_TEST

/* A format that fails leaves the type that was, now and after a restart. */
START_TEST(a_format_that_failed)
{
	struct disk *d = protected_disk(1, (struct mode_bits){0});
	d->result = STORE_ERROR;
	ck_assert_str_eq(format(d, 3, -1), "save; arm front; zero 0+64; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/31/1");
	ck_assert_int_eq(type_said(d), 1);
	struct tgt_config c = d->cfg;
	c.lu.saved = (struct span){d->saved, d->n_saved};
	struct disk *again = disk_new_raw(&c);
	(void)disk_attach(again, 1);
	(void)disk_sense(again);
	ck_assert_int_eq(type_said(again), 1);
	ck_assert_ptr_nonnull(strstr(format(again, 3, -1), END));
	ck_assert_int_eq(type_said(again), 2);
	disk_free(again);
	disk_free(d);
}
END_TEST

/* All was formatted, but that could not be saved: what is saved later says the type that was. */
START_TEST(a_format_that_is_not_remembered)
{
	struct disk *d = protected_disk(1, (struct mode_bits){0});
	d->hold = true;
	ck_assert_str_eq(format(d, 3, -1), "save; arm front");
	ck_assert_str_eq(disk_answer(d, 0), "zero 0+64");
	ck_assert_str_eq(disk_answer(d, 0), "flush");
	d->meta_fails = true;
	ck_assert_str_eq(disk_answer(d, 0), "save");
	d->meta_fails = false;
	d->hold = false;
	ck_assert_str_eq(disk_answer(d, 0), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/31/1");
	ck_assert_int_eq(type_said(d), 1);
	disk_join(d);
	hex_assert(d->saved, 6, "7e 01 01 7d 01 01");
	disk_free(d);
}
END_TEST

/* A command that was accepted before a format and waits for it finds other blocks: it is refused.
 * One that has nothing to do with protection information goes on. */
START_TEST(overtaken_by_a_format)
{
	struct disk *d = protected_disk(1, (struct mode_bits){0});
	d->hold = true;
	(void)disk_burst(d, "t=1 sel msg=c02001 cmd=28:4.05.00.0001.00 free");
	(void)disk_burst(d, "t=2 sel msg=c02002 cmd=0490:4 out=x:4 free");
	ck_assert_str_eq(disk_burst(d, "t=3 sel msg=c02003 cmd=2820:3.05.00.0001.00 free"), "");
	ck_assert_str_eq(disk_burst(d, "t=4 sel msg=c02004 cmd=28:4.05.00.0001.00 free"), "");
	const char *out = disk_release(d);
	/* the type stays: they are as they were */
	ck_assert_msg(strstr(out, "SIMPLE(3) DATA-IN(520)") &&
	                      strstr(out, "SIMPLE(4) DATA-IN(512)"),
	              "%s", out);
	(void)disk_burst(d, "t=1 sel msg=c02001 cmd=28:4.05.00.0001.00 free");
	(void)disk_burst(d, "t=2 sel msg=c02002 cmd=0400:4 free");
	ck_assert_str_eq(disk_burst(d, "t=3 sel msg=c02003 cmd=2820:3.05.00.0001.00 free"), "");
	ck_assert_str_eq(disk_burst(d, "t=4 sel msg=c02004 cmd=28:4.05.00.0001.00 free"), "");
	out = disk_release(d);
	ck_assert_msg(strstr(out, "SIMPLE(3) STATUS(CHECK CONDITION)") != NULL, "%s", out);
	ck_assert_str_eq(disk_sense(d), "2/4/4");
	ck_assert_str_eq(disk_release(d), "resel 7 IDENTIFY SIMPLE(4) DATA-IN(512) " END);
	disk_free(d);
}
END_TEST

/* SANITIZE leaves the type, and nothing that is checked. */
START_TEST(sanitized)
{
	struct disk *d = protected_disk(3, (struct mode_bits){0});
	protected_put(d, 3);
	ck_assert_ptr_nonnull(strstr(
	        disk_burst(d, "t=2 want sel msg=80 cmd=4801:5.0005.00 out=x0100000133"), END));
	ck_assert_int_eq(type_said(d), 3);
	for (lba_t lba = 0; lba < 64; lba++)
		protected_is(d, lba, 0xffff, 0xffff, 0xffffffff);
	disk_free(d);
}
END_TEST

/* ---- what is kept ---- */

START_TEST(saved_once)
{
	uint8_t saved[TGT_SAVED_MAX] = {0x7e, 1, 1, 0x0a, 0x0a};
	size_t n = tgt_saved_protection(2, saved, 5);
	hex_assert(saved, n, "7d0102 7e0101 0a0a");
	ck_assert_uint_eq(tgt_saved_protection(1, saved, n), n);
	hex_assert(saved, n, "7d0102 7e0101 0a0a");
	ck_assert_uint_eq(tgt_saved_protection(0, saved, 0), 3);
	hex_assert(saved, 3, "7d0100");
}
END_TEST

START_TEST(saved_but_not_there)
{
	static const struct {
		const char *saved, *why;
		bool protects;
	} bad[] = {
	        {"7d0101", "is formatted with type 1 protection, which is not there", false},
	        {"7d0104", "saved type of protection: damaged", true},
	        {"7d020101", "saved type of protection: damaged", true},
	        {"7d01", "saved type of protection: damaged", true},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t saved[8];
		char why[200];
		struct tgt_lu_config c = disk_config().lu;
		c.saved = (struct span){saved, hex_get(bad[i].saved, saved, sizeof(saved))};
		c.protects = bad[i].protects;
		ck_assert_ptr_null(tgt_lu_new(0, &c, why, sizeof(why)));
		ck_assert_str_eq(why, bad[i].why);
	}
}
END_TEST

/* ---- others ---- */

#define LEADER "c0.2005.010ae001000001.02.00000009"
#define STATUS(status, sense)                                                                      \
	"resel 7 IDENTIFY SIMPLE(5) MIRROR STATUS(1:2 op 9 " status sense ") STATUS(" status       \
	") COMMAND COMPLETE FREE"

/* A mirroring pass: plain data are taken, with what is made for them; data that come with
 * protection information only where that can be, and if it is right. */
START_TEST(in_a_pass)
{
	static char words[4096];
	uint8_t data[BS + PROTECT_LEN];
	static const struct {
		uint8_t type;
		const char *cdb;
		char spoil; /* ' ': plain data */
		const char *does;
	} passes[] = {
	        {1, "8a00:8.00000001:2", ' ', "write 0+1; " STATUS("GOOD", "")},
	        {2, "8a00:8.00000001:2", ' ', "write 0+1; " STATUS("GOOD", "")},
	        {1, "8a20:8.00000001:2", '-', "write 0+1; " STATUS("GOOD", "")},
	        {1, "8a20:8.00000001:2", 'g',
	         "write 0+1; " STATUS("CHECK CONDITION", " b/10/1 info 0")},
	        {2, "8a20:8.00000001:2", '-', STATUS("CHECK CONDITION", " 5/20/0 cdb 0.7")},
	        {0, "8a20:8.00000001:2", '-', STATUS("CHECK CONDITION", " 5/24/0 cdb 1.7")},
	};
	for (size_t i = 0; i < ARRAY_LEN(passes); i++) {
		struct disk *d = protected_disk(passes[i].type, (struct mode_bits){0});
		disk_join(d);
		protected_fill(data, 0);
		protect_put(data + BS,
		            protected_spoil(protected_right(1, 0, data), 1, passes[i].spoil));
		size_t n = passes[i].spoil == ' ' ? BS : sizeof(data);
		size_t at =
		        (size_t)snprintf(words, sizeof(words),
		                         "role=L sel msg=" LEADER " cmd=%s out=x", passes[i].cdb);
		for (size_t k = 0; k < n; k++)
			at += (size_t)snprintf(words + at, sizeof(words) - at, "%02x", data[k]);
		(void)snprintf(words + at, sizeof(words) - at,
		               " msg=010ae003000001.02.00000009 free");
		ck_assert_str_eq(disk_burst(d, words), passes[i].does);
		bool written = strstr(passes[i].does, "(GOOD)");
		ck_assert_int_eq(d->media[1] == protected_byte(0, 1), written);
		if (written && passes[i].spoil == ' ')
			protected_is(d, 0, crc16_guard(data, BS), passes[i].type == 2 ? 0xffff : 0,
			             passes[i].type == 2 ? 0xffffffff : 0);
		disk_free(d);
	}
}
END_TEST

/* A pass takes data ahead where they are plain: the port knows that length. */
START_TEST(copied)
{
	struct tgt_config c = disk_config();
	uint8_t saved[TGT_SAVED_MAX];
	c.luns = 2;
	c.lu.protects = true;
	struct disk *d = disk_new_raw(&c);
	(void)disk_add(d, 1, (struct span){saved, tgt_saved_protection(1, saved, 0)});
	(void)disk_attach(d, 1);
	(void)disk_port(d, 7, 3, true);
	for (uint8_t lun = 0; lun < 2; lun++)
		(void)disk_lun_sense(d, lun);
	protected_fill(d->media, 0);
	/* from the one that has none to the one that has: it is made */
	static const char list[] =
	        "t=1 want sel msg=80 cmd=83:9.0000006c00.00 out=x0900.0040.:4.0000001c.00000000."
	        "e400.0000.01.0a.00.12.1000.0102030405060708090a0b0c0d0e0f10.0000.00.000200."
	        "e400.0000.01.03.00.08.390a0b0c0d0e0f01.:12.00.000200."
	        "02000018.00%s.00%s.0000.0001.:7.00.:7.05";
	char words[512];
	(void)snprintf(words, sizeof(words), list, "00", "01");
	ck_assert_str_eq(disk_burst(d, words), "read 0+1; lun 1 write 5+1; cont " END);
	struct protect_tuple t = protect_get(d->other[1].tuples + 5 * PROTECT_LEN);
	ck_assert_uint_eq(t.guard, crc16_guard(d->media, BS));
	ck_assert_uint_eq(t.ref, 5);
	/* back, where it is wrong */
	protect_put(d->other[1].tuples, (struct protect_tuple){1, 2, 3});
	(void)snprintf(words, sizeof(words), list, "01", "00");
	ck_assert_str_eq(disk_burst(d, words), "lun 1 read 0+1; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "a/d/1");
	disk_free(d);
}
END_TEST
static Suite *make_suite(void)
{
	const TTest *const plain[] = {
	        not_formatted_without_the_means,
	        a_format_that_failed,
	        a_format_that_is_not_remembered,
	        overtaken_by_a_format,
	        sanitized,
	        saved_once,
	        saved_but_not_there,
	        in_a_pass,
	        copied,
	};
	Suite *s = tap_suite("target_protect_format", plain, ARRAY_LEN(plain));
	TCase *c = tcase_create("tables");
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, what_it_says, 0, 4);
	tcase_add_loop_test(c, formatted, 0, (int)ARRAY_LEN(formats));
	suite_add_tcase(s, c);
	return s;
}

TAP_MAIN_SUITE(make_suite);
