/* SPDX-License-Identifier: BSD-2-Clause */
/* LOG SENSE: pages byte for byte, counters that count, what is refused (SPC-4, 6.6 and 7.3). */
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

/* The CDB without the blanks. */
static const char *command(struct disk *d, const char *cdb)
{
	char text[64];
	size_t n = 0;
	for (; *cdb; cdb++)
		if (*cdb != ' ')
			text[n++] = *cdb;
	text[n] = '\0';
	return disk_command(d, text);
}

START_TEST(answers_with)
{
	struct disk *d = disk_new();
	ck_assert_ptr_null(strstr(command(d, answers[_i].cdb), "CHECK"));
	hex_assert(d->in, d->n_in, answers[_i].data);
	disk_free(d);
}
END_TEST

static const struct {
	const char *cdb, *sense;
} refused[] = {
        {"4d0142:4.00ff00", "5/24/0 cdb 1.0"}, /* SP: nothing is saved */
        {"4d0242:4.00ff00", "5/24/0 cdb 1.1"}, /* PPC, obsolete */
        {"4d0442:4.00ff00", "5/24/0 cdb 1.7"},
        {"4d0041:4.00ff00", "5/24/0 cdb 2.5"}, /* no such page */
        {"4d007f:4.00ff00", "5/24/0 cdb 2.5"},
        {"4d0042ff:3.00ff00", "5/24/0 cdb 3"},
        {"4d0000ff:3.00ff00", "5/24/0 cdb 3"},
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
	ck_assert_str_eq(command(d, refused[_i].cdb), CHECK);
	ck_assert_str_eq(disk_sense(d), refused[_i].sense);
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

static Suite *make_suite(void)
{
	Suite *s = suite_create("target_log");
	TCase *c = tcase_create("log");
	tcase_add_loop_test(c, answers_with, 0, ARRAY_LEN(answers));
	tcase_add_loop_test(c, refuses, 0, ARRAY_LEN(refused));
	tcase_add_loop_test(c, counters_count, 0, ARRAY_LEN(counts));
	suite_add_tcase(s, c);
	return s;
}

TAP_MAIN_SUITE(make_suite);
