/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a disk does to its medium as a whole (SBC-3: FORMAT UNIT, SANITIZE, START STOP UNIT with
 * IMMED), and what it answers meanwhile. 64 blocks of 512 bytes, all 11h; thin ones are all mapped.
 */
#include "unit/disk.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define END   "STATUS(GOOD) COMMAND COMPLETE FREE"
#define CHECK "STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"

/* What the bus server is told when it goes on. */
#define OFF "; arm front"

static struct disk *disk_of(bool thin, uint64_t blocks, bool write_protect)
{
	struct tgt_config c = disk_config();
	c.lu.thin = thin;
	c.lu.blocks = blocks;
	c.lu.write_protect = write_protect;
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_port(d, 7, 3, true);
	ck_assert_str_eq(disk_sense(d), "6/29/1");
	memset(d->media, 0x11, blocks * 512);
	for (uint64_t i = 0; i < blocks; i++)
		d->mapped[i] = true;
	return d;
}

/* What comes further in the same tenure. */
static const char *more(struct disk *d, const char *data)
{
	char words[4096];
	(void)snprintf(words, sizeof(words), "t=500 want out=%s", data);
	return disk_burst(d, words);
}

static bool all(const struct disk *d, uint8_t with, bool mapped)
{
	for (size_t i = 0; i < d->cfg.lu.blocks * 512; i++)
		if (d->media[i] != with || d->mapped[i / 512] != mapped)
			return false;
	return true;
}

/* ---- what is refused, and what is done ---- */

static const struct {
	const char *clause, *cdb, *data, *does;
	const char *sense; /* after a CHECK CONDITION; of others, what the medium is like then */
	bool plain;        /* a disk that is not thin */
} rows[] = {
        {"FORMAT UNIT", "0400.0000.00.00", NULL,
         "save; arm front; zero 0+64; flush; save; cont " END "; arm full", "00-", 0},
        {"FORMAT UNIT", "0400.0000.00.00", NULL,
         "save; arm front; zero 0+64; flush; save; cont " END "; arm full", "00-", 1},
        {"FORMAT UNIT, FMTPINFO", "0450.0000.00.00", NULL, "cont " CHECK, "5/24/0 cdb 1.6", 0},
        {"FORMAT UNIT, FMTDATA", "0420.0000.00.00", NULL, "cont " CHECK, "5/24/0 cdb 1.5", 0},
        {"FORMAT UNIT, FMTDATA", "0408.0000.00.00", NULL, "cont " CHECK, "5/24/0 cdb 1.3", 0},
        {"FORMAT UNIT, FMTDATA", "0404.0000.00.00", NULL, "cont " CHECK, "5/24/0 cdb 1.2", 0},
        {"FORMAT UNIT, DEFECT LIST FORMAT", "0416.0000.00.00", NULL, "cont " CHECK,
         "5/24/0 cdb 1.2", 0},
        {"FORMAT UNIT", "0410.0100.00.00", NULL, "cont " CHECK, "5/24/0 cdb 2.0", 0},
        {"FORMAT UNIT, short header", "041d.0000.00.00", "4:00",
         "save; arm front; zero 0+64; flush; save; cont " END "; arm full", "00-", 0},
        {"FORMAT UNIT, short header", "0410.0000.00.00", "x00f00000",
         "save; arm front; zero 0+64; flush; save; cont " END "; arm full", "00-", 0},
        {"FORMAT UNIT, PROTECTION FIELD USAGE", "0410.0000.00.00", "x01000000", "cont " CHECK,
         "5/26/0 data 0.2", 0},
        {"FORMAT UNIT, FOV", "0410.0000.00.00", "x00400000", "cont " CHECK, "5/26/0 data 1.6", 0},
        {"FORMAT UNIT, FOV", "0410.0000.00.00", "x00080000", "cont " CHECK, "5/26/0 data 1.3", 0},
        {"FORMAT UNIT, DSP", "0410.0000.00.00", "x00840000", "cont " CHECK, "5/26/0 data 1.2", 0},
        {"FORMAT UNIT, DEFECT LIST LENGTH", "0410.0000.00.00", "x00000008", "cont " CHECK,
         "5/26/0 data 2", 0},
        {"FORMAT UNIT, long header", "0430.0000.00.00", "8:00",
         "save; arm front; zero 0+64; flush; save; cont " END "; arm full", "00-", 0},
        {"FORMAT UNIT, long header", "0430.0000.00.00", "x0000000100000000", "cont " CHECK,
         "5/26/0 data 3", 0},
        {"FORMAT UNIT, DEFECT LIST LENGTH", "0430.0000.00.00", "x0000000000000008", "cont " CHECK,
         "5/26/0 data 4", 0},
        /* SANITIZE */
        {"SANITIZE, OVERWRITE", "4801:5.0005.00", "x0100000133",
         "save; arm front; write each 0+64; flush; save; cont " END "; arm full", "33+", 0},
        {"SANITIZE, OVERWRITE", "4801:5.0005.00", "x0100000133",
         "save; arm front; write each 0+64; flush; save; cont " END "; arm full", "33+", 1},
        {"SANITIZE, OVERWRITE COUNT", "4801:5.0005.00", "x0200000133",
         "save; arm front; write each 0+64; write each 0+64; flush; save; cont " END "; arm full",
         "33+", 0},
        {"SANITIZE, INVERT", "4801:5.0005.00", "x8200000133",
         "save; arm front; write each 0+64; write each 0+64; flush; save; cont " END "; arm full",
         "cc+", 0},
        {"SANITIZE, OVERWRITE COUNT", "4801:5.0005.00", "x0000000133", "cont " CHECK,
         "5/26/0 data 0.4", 0},
        {"SANITIZE, TEST", "4801:5.0005.00", "x2100000133", "cont " CHECK, "5/26/0 data 0.6", 0},
        {"SANITIZE, INITIALIZATION PATTERN LENGTH", "4801:5.0005.00", "x0100000033", "cont " CHECK,
         "5/26/0 data 2", 0},
        {"SANITIZE, INITIALIZATION PATTERN LENGTH", "4801:5.0005.00", "x0100000233", "cont " CHECK,
         "5/26/0 data 2", 0},
        {"SANITIZE, OVERWRITE", "4801:5.0005.00", "x0101000133", "cont " CHECK, "5/26/0 data 1", 0},
        {"SANITIZE, PARAMETER LIST LENGTH", "4801:5.0004.00", NULL, "cont " CHECK, "5/24/0 cdb 7",
         0},
        {"SANITIZE, PARAMETER LIST LENGTH", "4801:5.0000.00", NULL, "cont " CHECK, "5/24/0 cdb 7",
         0},
        {"SANITIZE, PARAMETER LIST LENGTH", "4801:5.0205.00", NULL, "cont " CHECK, "5/24/0 cdb 7",
         0},
        {"SANITIZE, BLOCK ERASE", "4802:5.0000.00", NULL,
         "save; arm front; zero 0+64; flush; save; cont " END "; arm full", "00-", 0},
        {"SANITIZE, BLOCK ERASE", "4802:5.0000.00", NULL, "cont " CHECK, "5/24/0 cdb 1.4", 1},
        {"SANITIZE, BLOCK ERASE", "4802:5.0008.00", NULL, "cont " CHECK, "5/24/0 cdb 7", 0},
        {"SANITIZE, CRYPTOGRAPHIC ERASE", "4803:5.0000.00", NULL, "cont " CHECK, "5/24/0 cdb 1.4",
         0},
        {"SANITIZE, SERVICE ACTION", "4800:5.0000.00", NULL, "cont " CHECK, "5/24/0 cdb 1.4", 0},
        {"SANITIZE, EXIT FAILURE MODE", "481f:5.0000.00", NULL, "cont " END, "11+", 0},
        {"SANITIZE, EXIT FAILURE MODE", "481f:5.0001.00", NULL, "cont " CHECK, "5/24/0 cdb 7", 0},
        {"SANITIZE", "4842:5.0000.00", NULL, "cont " CHECK, "5/24/0 cdb 1.6", 0},
        {"SANITIZE", "4802.01.:4.0000.00", NULL, "cont " CHECK, "5/24/0 cdb 2.0", 0},
};

START_TEST(as_the_clause_says)
{
	struct disk *d = disk_of(!rows[_i].plain, 64, false);
	const char *out = disk_command_with(d, rows[_i].cdb, rows[_i].data);
	ck_assert_msg(strcmp(out, rows[_i].does) == 0, "%s: %s: %s", rows[_i].clause, rows[_i].cdb,
	              out);
	if (rows[_i].sense[1] == '/')
		ck_assert_str_eq(disk_sense(d), rows[_i].sense);
	else
		ck_assert(all(d, (uint8_t)strtoul(rows[_i].sense, NULL, 16),
		              rows[_i].sense[2] == '+'));
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

/* How much there is, is said piece by piece. */
START_TEST(a_pattern_comes_in_pieces)
{
	struct disk *d = disk_of(true, 64, false);
	ck_assert_str_eq(disk_command_with(d, "0410.0000.00.00", NULL), "cont DATA-OUT(4)");
	ck_assert_str_eq(more(d, "x00880000"), "cont DATA-OUT(4)");
	ck_assert_str_eq(more(d, "x00010003"), "cont DATA-OUT(3)");
	ck_assert_str_eq(more(d, "xaabbcc"),
	                 "save; arm front; write each 0+64; flush; save; cont " END "; arm full");
	for (size_t i = 0; i < (size_t)64 * 512; i++)
		ck_assert_uint_eq(d->media[i],
		                  (unsigned)(0xaabbcc >> (16 - 8 * (i % 512 % 3)) & 0xff));
	/* of a long header; the default pattern has no bytes */
	(void)disk_command_with(d, "0430.0000.00.00", NULL);
	ck_assert_str_eq(more(d, "x0088.:6"), "cont DATA-OUT(4)");
	ck_assert_str_eq(more(d, "x00000000"),
	                 "save; arm front; zero 0+64; flush; save; cont " END "; arm full");
	ck_assert(all(d, 0, false));
	disk_free(d);
}
END_TEST

START_TEST(patterns_that_are_none)
{
	static const struct {
		const char *descriptor, *sense;
	} bad[] = {
	        {"x20010001", "5/26/0 data 4.5"}, /* SI */
	        {"x80010001", "5/26/0 data 4.7"}, /* IP MODIFIER */
	        {"x00020001", "5/26/0 data 5"},   {"x00000001", "5/26/0 data 6"},
	        {"x00010000", "5/26/0 data 6"},   {"x00010201", "5/26/0 data 6"},
	};
	struct disk *d = disk_of(true, 64, false);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)disk_command_with(d, "0410.0000.00.00", "x00880000");
		ck_assert_str_eq(more(d, bad[i].descriptor), "cont " CHECK);
		ck_assert_str_eq(disk_sense(d), bad[i].sense);
	}
	(void)disk_command_with(d, "0410.0000.00.00", "x00880000");
	(void)more(d, "x00010200");
	ck_assert_str_eq(more(d, "512:77"),
	                 "save; arm front; write each 0+64; flush; save; cont " END "; arm full");
	ck_assert(all(d, 0x77, true));
	disk_free(d);
}
END_TEST

/* ---- in the background ---- */

/* Three pieces of a transfer each, of which the last is short. */
#define LARGE (2 * 32768 + 100)

static const struct {
	const char *cdb, *data, *asc;
} immediate[] = {
        {"0410.0000.00.00", "x00020000", "4/4"},
        {"4882:5.0000.00", NULL, "4/1b"},
};

START_TEST(goes_on_without_its_command)
{
	struct disk *d = disk_of(true, LARGE, false);
	char want[64];
	d->hold = true;
	ck_assert_str_eq(disk_command_with(d, immediate[_i].cdb, immediate[_i].data),
	                 "save; cont " END "; arm front");
	ck_assert_str_eq(disk_answer(d, 0), "zero 0+32768");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	/* what is about no medium is answered, all else is not ready */
	ck_assert_ptr_nonnull(strstr(disk_command_with(d, "12000000ff00", NULL), "STATUS(GOOD)"));
	ck_assert_ptr_nonnull(
	        strstr(disk_command_with(d, "a0:5.000000ff.0000", NULL), "STATUS(GOOD)"));
	static const char *const refused[] = {"00:5",         "28:4.09.00.0001.00",
	                                      "1a003f00ff00", "1b:3.0100",
	                                      "04:5",         "4882:5.0000.00"};
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		ck_assert_str_eq(disk_command_with(d, refused[i], NULL), "cont " CHECK);
		(void)snprintf(want, sizeof(want), "2/%s progress 0", immediate[_i].asc);
		ck_assert_str_eq(disk_sense(d), want);
	}
	/* no reset ends it, and no loss of the connection */
	(void)disk_reset(d);
	(void)disk_sense(d);
	(void)disk_detach(d);
	(void)disk_attach(d, 1);
	(void)disk_port(d, 7, 3, true);
	(void)disk_sense(d);
	ck_assert_str_eq(disk_answer(d, 0), "zero 32768+32768");
	(void)snprintf(want, sizeof(want), "2/%s progress %u", immediate[_i].asc,
	               32768 / (LARGE >> 16));
	ck_assert_str_eq(disk_sense(d), want);
	ck_assert_str_eq(disk_answer(d, 0), "zero 65536+100");
	ck_assert_str_eq(disk_answer(d, 0), "flush");
	(void)snprintf(want, sizeof(want), "2/%s progress 65535", immediate[_i].asc);
	ck_assert_str_eq(disk_sense(d), want);
	ck_assert_str_eq(disk_answer(d, 0), "save");
	ck_assert_str_eq(disk_answer(d, 0), "arm full");
	ck_assert_str_eq(disk_sense(d), "0/0/0");
	ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " END);
	ck_assert(all(d, 0, false));
	disk_free(d);
}
END_TEST

/* A command that waits for it may be aborted: it goes on. */
START_TEST(goes_on_when_its_command_is_aborted)
{
	struct disk *d = disk_of(true, LARGE, false);
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "t=1 want sel msg=c02005 cmd=4802:5.0000.00"),
	                 "cont DISCONNECT FREE; save; arm front");
	ck_assert_str_eq(disk_answer(d, 0), "zero 0+32768");
	ck_assert_uint_eq(tgt_tasks(d->t), 1);
	ck_assert_str_eq(disk_burst(d, "t=2 want sel msg=c020050d"), "cont FREE");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	ck_assert_str_eq(disk_answer(d, 0), "zero 32768+32768");
	ck_assert_str_eq(disk_sense(d), "2/4/1b progress 32768");
	ck_assert_ptr_nonnull(strstr(disk_release(d), "flush; save; arm full"));
	ck_assert(all(d, 0, false));
	disk_free(d);
}
END_TEST

/* It begins when all that came before it is done; what came before it began, but after it, waits.
 */
START_TEST(in_order)
{
	struct disk *d = disk_of(true, 64, false);
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "t=1 sel msg=c02005 cmd=2a:4.09.00.0001.00 out=512:33 free"),
	                 "write 9+1");
	ck_assert_str_eq(disk_burst(d, "t=2 want sel msg=c02006 cmd=4802:5.0000.00"),
	                 "cont DISCONNECT FREE");
	ck_assert_str_eq(disk_burst(d, "t=3 want sel msg=c02007 cmd=28:4.09.00.0001.00"),
	                 "cont DISCONNECT FREE");
	ck_assert_str_eq(disk_answer(d, 0), "resel 7 IDENTIFY SIMPLE(5) " END "; save; arm front");
	ck_assert_str_eq(disk_answer(d, 0), "zero 0+64");
	ck_assert_str_eq(disk_burst(d, "t=4 want sel msg=c02008 cmd=28:4.09.00.0001.00"),
	                 "cont " CHECK);
	ck_assert_str_eq(disk_answer(d, 0), "flush");
	ck_assert_str_eq(disk_sense(d), "2/4/1b progress 0");
	ck_assert_str_eq(disk_release(d),
	                 "save; resel 7 IDENTIFY SIMPLE(6) " END "; read 9+1; arm full; "
	                 "resel 7 IDENTIFY SIMPLE(7) DATA-IN(512) " END);
	disk_free(d);
}
END_TEST

/* ---- when it fails ---- */

START_TEST(a_format_that_failed)
{
	struct disk *d = disk_of(true, 64, false);
	(void)disk_fault(d, "medium-error:lba=9,times=1");
	ck_assert_str_eq(disk_command_with(d, "04:5", NULL),
	                 "save; arm front; zero 0+64; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/31/1");
	ck_assert_str_eq(disk_command_with(d, "28:4.09.00.0001.00", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/31/0");
	ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/31/0");
	ck_assert_str_eq(disk_command_with(d, "481f:5.0000.00", NULL), "cont " END);
	ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " CHECK);
	(void)disk_sense(d);
	ck_assert_ptr_nonnull(strstr(disk_command_with(d, "12000000ff00", NULL), "STATUS(GOOD)"));
	ck_assert_str_eq(disk_command_with(d, "04:5", NULL),
	                 "save; zero 0+64; flush; save; cont " END "; arm full");
	ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " END);
	disk_free(d);
}
END_TEST

START_TEST(a_sanitize_that_failed)
{
	struct disk *d = disk_of(true, 64, false);
	d->result = STORE_ERROR;
	ck_assert_str_eq(disk_command_with(d, "4802:5.0000.00", NULL),
	                 "save; arm front; zero 0+64; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/31/3");
	d->result = STORE_OK;
	static const char *const refused[] = {"00:5", "28:4.09.00.0001.00", "04:5", "2a:6.0001.00"};
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		ck_assert_str_eq(disk_command_with(d, refused[i], NULL), "cont " CHECK);
		ck_assert_str_eq(disk_sense(d), "3/31/3");
	}
	ck_assert_ptr_nonnull(strstr(disk_command_with(d, "25:9", NULL), "STATUS(GOOD)"));
	/* not left, but by one that succeeds */
	ck_assert_str_eq(disk_command_with(d, "481f:5.0000.00", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "5/24/0 cdb 1.4");
	ck_assert_str_eq(disk_command_with(d, "4802:5.0000.00", NULL),
	                 "save; zero 0+64; flush; save; cont " END "; arm full");
	/* AUSE: it may be left as it is */
	d->result = STORE_ERROR;
	ck_assert_str_eq(disk_command_with(d, "48a2:5.0000.00", NULL),
	                 "save; cont " END "; arm front; zero 0+64");
	d->result = STORE_OK;
	ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/31/3");
	ck_assert_str_eq(disk_command_with(d, "481f:5.0000.00", NULL),
	                 "save; cont " END "; arm full");
	ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " END);
	disk_free(d);
}
END_TEST

/* The process ends, and another one begins with what was saved. */
static struct disk *again(struct disk *d)
{
	struct tgt_config c = disk_config();
	uint8_t saved[TGT_SAVED_MAX];
	memcpy(saved, d->saved, d->n_saved);
	c.lu.thin = true;
	c.lu.saved = (struct span){saved, d->n_saved};
	disk_free(d);
	d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	ck_assert_str_eq(disk_sense(d), "6/29/1");
	return d;
}

/* One that was cut off is one that failed, until it is done again. */
START_TEST(a_restart_in_the_middle)
{
	static const struct {
		const char *cdb, *sense, *leave;
	} cut[] = {
	        {"04:5", "3/31/0", "cont " END},
	        {"4802:5.0000.00", "3/31/3", "cont " CHECK},
	        {"4822:5.0000.00", "3/31/3", "save; cont " END "; arm full"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cut); i++) {
		struct disk *d = disk_of(true, 64, false);
		d->hold = true;
		(void)disk_burst(d, "t=1 want sel msg=c02005 cmd=1510000018.00 "
		                    "out=x00000000.0812.:18");
		(void)disk_command_with(d, cut[i].cdb, NULL);
		ck_assert_str_eq(disk_answer(d, 0), "zero 0+64");
		d = again(d);
		ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " CHECK);
		ck_assert_str_eq(disk_sense(d), cut[i].sense);
		/* saved with what else is saved */
		(void)disk_command_with(d, "1511000018.00", "x00000000.0812.:18");
		d = again(d);
		ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " CHECK);
		ck_assert_str_eq(disk_sense(d), cut[i].sense);
		ck_assert_str_eq(disk_command_with(d, "481f:5.0000.00", NULL), cut[i].leave);
		(void)disk_sense(d);
		(void)disk_command_with(d, "4802:5.0000.00", NULL);
		d = again(d);
		ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " END);
		disk_free(d);
	}
}
END_TEST

/* What cannot be saved is not begun; what cannot be forgotten did not come to its end. */
START_TEST(what_cannot_be_saved)
{
	struct disk *d = disk_of(true, 64, false);
	d->meta_fails = true;
	ck_assert_str_eq(disk_command_with(d, "4802:5.0000.00", NULL),
	                 "save; arm front; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/31/3");
	ck_assert(all(d, 0x11, true));
	d->meta_fails = false;
	(void)disk_command_with(d, "48a2:5.0000.00", NULL);
	d->result = STORE_ERROR;
	(void)disk_command_with(d, "48a2:5.0000.00", NULL);
	d->meta_fails = true;
	ck_assert_str_eq(disk_command_with(d, "481f:5.0000.00", NULL), "save; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "4/44/0");
	ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/31/3");
	disk_free(d);
}
END_TEST

/* ---- others ---- */

START_TEST(write_protected)
{
	static const char *const refused[] = {"04:5", "4801:5.0005.00", "4802:5.0000.00"};
	struct disk *d = disk_of(true, 64, true);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		ck_assert_str_eq(disk_command_with(d, refused[i], NULL), "cont " CHECK);
		ck_assert_str_eq(disk_sense(d), "7/27/0");
	}
	disk_free(d);
}
END_TEST

/* START STOP UNIT, IMMED: it stops at once, and is flushed after. */
START_TEST(stops_at_once)
{
	struct disk *d = disk_of(false, 64, false);
	d->hold = true;
	ck_assert_str_eq(disk_command_with(d, "1b01:2.0000", NULL), "flush; cont " END OFF);
	ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "2/4/2");
	/* another one waits for the flush */
	ck_assert_str_eq(disk_burst(d, "t=1 want sel msg=c02005 cmd=1b:3.0100"),
	                 "cont DISCONNECT FREE");
	ck_assert_str_eq(disk_answer(d, 0), "resel 7 IDENTIFY SIMPLE(5) " END "; arm full");
	ck_assert_str_eq(disk_command_with(d, "00:5", NULL), "cont " END);
	disk_free(d);
}
END_TEST

/* What it says of itself. */
START_TEST(what_it_says)
{
	struct disk *d = disk_of(true, 64, false);
	(void)disk_command_with(d, "1201b100ff00", NULL);
	hex_assert(d->in, 8, "00 b1 003c 0001 00 40"); /* WABEREQ */
	(void)disk_command_with(d, "a30c.01.04.0000.000000ff.0000", NULL);
	hex_assert(d->in, d->n_in, "00030006 04 3f 00 0000 04");
	(void)disk_command_with(d, "a30c.02.48.0001.000000ff.0000", NULL);
	hex_assert(d->in, d->n_in, "0003000a 48 a1 00000000 00 ffff 04");
	disk_free(d);
	d = disk_of(false, 64, false);
	(void)disk_command_with(d, "1201b100ff00", NULL);
	hex_assert(d->in, 8, "00 b1 003c 0001 00 00");
	(void)disk_command_with(d, "a30c.02.48.0002.000000ff.0000", NULL);
	hex_assert(d->in, d->n_in, "00010000");
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_format", NULL, NULL, TAP_EACH(as_the_clause_says, rows),
               TAP_ONCE(a_pattern_comes_in_pieces), TAP_ONCE(patterns_that_are_none),
               TAP_EACH(goes_on_without_its_command, immediate),
               TAP_ONCE(goes_on_when_its_command_is_aborted), TAP_ONCE(in_order),
               TAP_ONCE(a_format_that_failed), TAP_ONCE(a_sanitize_that_failed),
               TAP_ONCE(a_restart_in_the_middle), TAP_ONCE(what_cannot_be_saved),
               TAP_ONCE(write_protected), TAP_ONCE(stops_at_once), TAP_ONCE(what_it_says));
