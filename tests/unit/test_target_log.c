/* SPDX-License-Identifier: BSD-2-Clause */
/* LOG SENSE and LOG SELECT: pages byte for byte, counters that count, what is refused
 * (SPC-4, 6.5, 6.6 and 7.3). */
#include "unit/disk.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define END   "STATUS(GOOD) COMMAND COMPLETE FREE"
#define CHECK "cont STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"

#define Z8 "0000000000000000"
#define F8 "ffffffffffffffff"

#define COUNTERS(page, value) page "000024 0003 22 08" value "0005 22 08" value "0006 22 08" value

static const struct {
	const char *clause, *cdb, *data;
} answers[] = {
        {"7.3.18", "4d0000:4.00ff00", "00 00 0006 00 02 03 05 0d 2f"},
        {"7.3.18", "4d0040:4.00ff00", "00 00 0006 00 02 03 05 0d 2f"},
        {"7.3.19", "4d0000ff:3.00ff00", "40 ff 000e 0000 00ff 0200 0300 0500 0d00 2f00"},
        {"7.3.6, cumulative", "4d0042:4.00ff00", COUNTERS("82", Z8)},
        {"7.3.6, threshold", "4d0002:4.00ff00", COUNTERS("82", F8)},
        {"7.3.6, default threshold", "4d0082:4.00ff00", COUNTERS("82", F8)},
        {"7.3.6, default cumulative", "4d00c2:4.00ff00", COUNTERS("82", Z8)},
        {"7.3.6, read", "4d0043:4.00ff00", COUNTERS("83", Z8)},
        {"7.3.6, verify", "4d0045:4.00ff00", COUNTERS("85", Z8)},
        {"7.3.21", "4d004d:4.00ff00", "8d 00 000c 0000 23 02 00 ff 0001 23 02 00 ff"},
        {"7.3.11", "4d006f:4.00ff00", "af 00 0007 0000 23 03 00 00 ff"},
        /* 6.6: from the parameter pointer on */
        {"6.6, pointer", "4d004200000003 00ff00", COUNTERS("82", Z8)},
        {"6.6, pointer", "4d004200000004 00ff00", "82 00 0018 0005 22 08" Z8 "0006 22 08" Z8},
        {"6.6, pointer", "4d004200000006 00ff00", "82 00 000c 0006 22 08" Z8},
        {"6.6, pointer", "4d004d00000001 00ff00", "8d 00 0006 0001 23 02 00 ff"},
        {"6.6, allocation length", "4d0042:4.000600", "82 00 0024 0003"},
};

START_TEST(answers_with)
{
	struct disk *d = disk_new();
	disk_answers(d, answers[_i].cdb, answers[_i].data);
	disk_free(d);
}
END_TEST

static const struct {
	const char *cdb, *sense;
} refused[] = {
        {"4d0142:4.00ff00", "5/24/0 cdb 1.0"}, /* SP: nothing is saved */
        {"4d0242:4.00ff00", "5/24/0 cdb 1.1"}, /* PPC, obsolete */
        {"4d0442:4.00ff00", "5/24/0 cdb 1.2"},
        {"4d0041:4.00ff00", "5/24/0 cdb 2.5"}, /* no such page */
        {"4d007f:4.00ff00", "5/24/0 cdb 2.5"},
        {"4d0042ff:3.00ff00", "5/24/0 cdb 3"},
        {"4d000001:3.00ff00", "5/24/0 cdb 3"},
        /* beyond the last parameter */
        {"4d004200000007 00ff00", "5/24/0 cdb 5"},
        {"4d004200000100 00ff00", "5/24/0 cdb 5"},
        {"4d000000000001 00ff00", "5/24/0 cdb 5"},
        {"4d004d00000002 00ff00", "5/24/0 cdb 5"},
        {"4d006f00000001 00ff00", "5/24/0 cdb 5"},
};

START_TEST(refuses)
{
	struct disk *d = disk_new();
	disk_refuses(d, refused[_i].cdb, refused[_i].sense);
	disk_free(d);
}
END_TEST

static uint64_t at(const struct disk *d, size_t offset)
{
	uint64_t v = 0;
	for (size_t i = 0; i < 8; i++)
		v = v << 8 | d->in[offset + i];
	return v;
}

/* What a command adds: bytes and uncorrected errors of pages 02h, 03h, 05h. */
static const struct {
	const char *words, *fault;
	enum tgt_store_result result;
	uint64_t bytes[3], errors[3];
} counts[] = {
        {"cmd=2a:4.04.0000.0200 out=1024:11", NULL, STORE_OK, {1024, 0, 0}, {0}},
        {"cmd=28:4.04.0000.0200", NULL, STORE_OK, {0, 1024, 0}, {0}},
        {"cmd=2f:4.04.0000.0200", NULL, STORE_OK, {0, 0, 1024}, {0}},
        {"cmd=2f02:3.04.0000.0200 out=1024:00", NULL, STORE_OK, {0, 0, 1024}, {0}},
        {"cmd=2f02:3.04.0000.0200 out=1024:11", NULL, STORE_OK, {0}, {0}}, /* miscompare */
        {"cmd=2e02:3.04.0000.0200 out=1024:11", NULL, STORE_OK, {1024, 0, 1024}, {0}},
        {"cmd=35:9", NULL, STORE_OK, {0}, {0}},
        /* the store does one block, then fails */
        {"cmd=2a:4.04.0000.0200 out=1024:11", NULL, STORE_ERROR, {512, 0, 0}, {1, 0, 0}},
        {"cmd=2a:4.04.0000.0200 out=1024:11", NULL, STORE_NO_SPACE, {512, 0, 0}, {1, 0, 0}},
        {"cmd=28:4.04.0000.0200", NULL, STORE_ERROR, {0, 512, 0}, {0, 1, 0}},
        {"cmd=2f:4.04.0000.0200", NULL, STORE_ERROR, {0, 0, 512}, {0, 0, 1}},
        /* a fault on demand, in the second block */
        {"cmd=2a:4.04.0000.0200 out=1024:11", "medium-error:lba=5,times=0", STORE_OK, {512}, {1}},
        {"cmd=28:4.04.0000.0200", "medium-error:lba=5,times=0", STORE_OK, {0}, {0, 1, 0}},
        {"cmd=2f:4.04.0000.0200", "medium-error:lba=5,times=0", STORE_OK, {0, 0, 512}, {0, 0, 1}},
        /* refused before the medium is touched */
        {"cmd=28:3.4000.0000.0200", NULL, STORE_OK, {0}, {0}},
};

START_TEST(counters_count)
{
	static const char *const pages[] = {"4d0042:4.00ff00", "4d0043:4.00ff00",
	                                    "4d0045:4.00ff00"};
	struct disk *d = disk_new();
	char words[160];
	if (counts[_i].fault)
		(void)disk_fault(d, counts[_i].fault);
	d->result = counts[_i].result;
	d->good_blocks = 1;
	for (unsigned times = 1; times <= 2; times++) {
		(void)snprintf(words, sizeof(words), "t=%u sel msg=c02005 %s free", times,
		               counts[_i].words);
		(void)disk_burst(d, words);
		(void)disk_sense(d);
		for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
			(void)disk_command(d, pages[i]);
			ck_assert_uint_eq(d->n_in, 40);
			ck_assert_uint_eq(at(d, 8), 0);
			ck_assert_uint_eq(at(d, 20), times * counts[_i].bytes[i]);
			ck_assert_uint_eq(at(d, 32), times * counts[_i].errors[i]);
		}
	}
	disk_free(d);
}
END_TEST

/* LOG SELECT (6.5): the CDB and its list, both without blanks where a list is one word; its sense,
 * NULL: GOOD; what pages 02h and 03h then count, of 512 and 1024 bytes. */
static const struct {
	const char *cdb, *list, *sense;
	uint64_t bytes[2];
	bool told; /* others: LOG PARAMETERS CHANGED */
} selects[] = {
        {"4c0040:8", NULL, NULL, {512, 1024}, false}, /* nothing is asked for */
        {"4c0240:7.00", NULL, NULL, {0, 0}, true},    /* PCR: all pages */
        {"4c0200:7.00", NULL, NULL, {0, 0}, true},
        {"4c0242:7.00", NULL, NULL, {0, 1024}, true},
        {"4c00c0:7.00", NULL, NULL, {0, 0}, true}, /* default cumulative values */
        {"4c00c3:7.00", NULL, NULL, {512, 0}, true},
        {"4c00cd:7.00", NULL, NULL, {512, 1024}, false},
        {"4c0080:7.00", NULL, NULL, {512, 1024}, false}, /* default thresholds: as they are */
        {"4c0040:4.001000", "0200000c000522080000000000000007", NULL, {7, 1024}, true},
        {"4c0040:4.001000", "8200000c000522080000000000000200", NULL, {512, 1024}, false},
        {"4c0040:4.002000",
         "0200000c0005220800000000000000070300000c000522080000000000000008",
         NULL,
         {7, 8},
         true},
        /* refused, and nothing of it done */
        {"4c0140:7.00", NULL, "5/24/0 cdb 1.0", {512, 1024}, false},
        {"4c0440:7.00", NULL, "5/24/0 cdb 1.2", {512, 1024}, false},
        {"4c0240:4.001000", NULL, "5/24/0 cdb 1.1", {512, 1024}, false},
        {"4c0000:4.001000", NULL, "5/24/0 cdb 2.7", {512, 1024}, false},
        {"4c00c0:4.001000", NULL, "5/24/0 cdb 2.7", {512, 1024}, false},
        {"4c0041:7.00", NULL, "5/24/0 cdb 2.5", {512, 1024}, false},
        {"4c0042:4.001000", NULL, "5/24/0 cdb 2.5", {512, 1024}, false},
        {"4c0040ff:6.00", NULL, "5/24/0 cdb 3.7", {512, 1024}, false},
        {"4c0040:4.010100", NULL, "5/1a/0 cdb 7", {512, 1024}, false},
        {"4c0040:4.000300", "020000", "5/1a/0 cdb 7", {512, 1024}, false},
        {"4c0040:4.000f00", "0200000c0005220800000000000000", "5/1a/0 cdb 7", {512, 1024}, false},
        {"4c0040:4.001000", "0200000b000522080000000000000007", "5/1a/0 cdb 7", {512, 1024}, false},
        {"4c0040:4.001000",
         "0100000c000522080000000000000007",
         "5/26/0 data 0.5",
         {512, 1024},
         false},
        {"4c0040:4.001000",
         "4200000c000522080000000000000007",
         "5/26/0 data 0.6",
         {512, 1024},
         false},
        {"4c0040:4.001000",
         "0201000c000522080000000000000007",
         "5/26/0 data 1",
         {512, 1024},
         false},
        {"4c0040:4.001000",
         "0200000c000422080000000000000007",
         "5/26/0 data 4",
         {512, 1024},
         false},
        {"4c0040:4.001000",
         "0200000c000522070000000000000007",
         "5/26/0 data 7",
         {512, 1024},
         false},
        {"4c0040:4.001000",
         "0200000c000322080000000000000007",
         "5/26/0 data 8",
         {512, 1024},
         false},
        {"4c0040:4.002000",
         "0300000c0005220800000000000000070200000c000522080000000000000008",
         "5/26/0 data 16.5",
         {512, 1024},
         false},
};

START_TEST(log_select)
{
	struct disk *d = disk_new();
	char words[256];
	(void)disk_port(d, 6, 9, true);
	(void)disk_burst(d, "ini=6 epoch=9 want sel msg=80 cmd=00:5"); /* its power on */
	(void)disk_burst(d, "t=1 sel msg=c02005 cmd=2a:4.04.0000.0100 out=512:11 free");
	(void)disk_burst(d, "t=2 sel msg=c02005 cmd=28:4.04.0000.0200 free");
	(void)snprintf(words, sizeof(words), "t=3 want sel msg=80 cmd=%s%s%s", selects[_i].cdb,
	               selects[_i].list ? " out=x" : "", selects[_i].list ? selects[_i].list : "");
	if (selects[_i].sense) {
		ck_assert_str_eq(disk_burst(d, words), CHECK);
		ck_assert_str_eq(disk_sense(d), selects[_i].sense);
	} else {
		ck_assert_ptr_nonnull(strstr(disk_burst(d, words), "cont " END));
	}
	(void)disk_command(d, "4d0042:4.00ff00");
	ck_assert_uint_eq(at(d, 20), selects[_i].bytes[0]);
	(void)disk_command(d, "4d0043:4.00ff00");
	ck_assert_uint_eq(at(d, 20), selects[_i].bytes[1]);
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	const char *other = disk_burst(d, "t=4 ini=6 epoch=9 want sel msg=80 cmd=00:5");
	ck_assert_msg((strstr(other, "CHECK") != NULL) == selects[_i].told, "%s", other);
	if (selects[_i].told) {
		(void)disk_burst(d, "t=5 ini=6 epoch=9 want sel msg=80 cmd=03:3.1200");
		ck_assert_uint_eq(d->in[2], 6);
		ck_assert_uint_eq((unsigned)d->in[12] << 8 | d->in[13], 0x2a02);
	}
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_log", NULL, NULL, TAP_EACH(answers_with, answers),
               TAP_EACH(refuses, refused), TAP_EACH(counters_count, counts),
               TAP_EACH(log_select, selects));
