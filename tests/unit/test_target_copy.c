/* SPDX-License-Identifier: BSD-2-Clause */
/* EXTENDED COPY(LID1) and RECEIVE COPY RESULTS (SPC-4), between logical units 0, 1 and 2 of 64
 * blocks. */
#include "unit/disk.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define END   "STATUS(GOOD) COMMAND COMPLETE FREE"
#define CHECK "cont STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"

/* Identification descriptors (E4h) by the UUID that disk.h gives each. */
#define CSCD(first, last)                                                                          \
	"e400.0000.01.0a.00.12.1000." first "02030405060708090a0b0c0d0e0f" last ".0000.00.000200"
#define LUN0      CSCD("01", "10")
#define LUN1_REST ".0000.01.03.00.08.390a0b0c0d0e0f01.:12.00.000200" /* by NAA */
#define LUN1      "e400" LUN1_REST
#define LUN2      CSCD("02", "02")
#define NOBODY    CSCD("77", "10")
/* A segment: 02h, from CSCD to CSCD, blocks, LBAs. */
#define SEGMENT(from, to, blocks, source, destination)                                             \
	"02000018.00" from ".00" to ".0000.00" blocks ".:7." source ".:7." destination

static struct disk *three(void)
{
	struct tgt_config c = disk_config();
	c.luns = 3;
	struct disk *d = disk_new_raw(&c);
	(void)disk_add(d, 1, (struct span){0});
	(void)disk_add(d, 2, (struct span){0});
	(void)disk_attach(d, 1);
	(void)disk_port(d, 7, 3, true);
	for (uint8_t lun = 0; lun < 3; lun++)
		(void)disk_lun_sense(d, lun);
	for (unsigned i = 0; i < 64 * 512; i++)
		d->media[i] = (uint8_t)(i / 512 + 1);
	return d;
}

/* The length of what hex stands for: a header of 16, n CSCDs, n segments. */
static const char *copy(struct disk *d, const char *head, const char *lists)
{
	char words[1024];
	unsigned n = 16;
	for (const char *at = lists; (at = strstr(at, "e40")) != NULL; at++)
		n += 32;
	for (const char *at = lists; (at = strstr(at, "02000018.")) != NULL; at++)
		n += 28;
	(void)snprintf(words, sizeof(words), "want sel msg=80 cmd=83:9.%08x0000 out=x%s.%s", n,
	               head, lists);
	return disk_burst(d, words);
}

/* List identifier 9, usage 00b; two CSCDs, one segment. */
#define HEAD2 "0900.0040.:4.0000001c.00000000"
#define HEAD1 "0900.0020.:4.0000001c.00000000"

START_TEST(copies)
{
	struct disk *d = three();
	ck_assert_str_eq(copy(d, HEAD2, LUN0 "." LUN2 "." SEGMENT("00", "01", "04", "05", "0a")),
	                 "read 5+4; lun 2 write 10+4; cont " END);
	ck_assert_int_eq(memcmp(d->other[2].media + 10 * 512, d->media + 5 * 512, 4 * 512), 0);
	ck_assert_uint_eq(d->other[2].media[9 * 512], 0);
	ck_assert_uint_eq(d->other[2].media[14 * 512], 0);
	/* from another one than that which is asked, to it */
	ck_assert_str_eq(copy(d, HEAD2, LUN2 "." LUN0 "." SEGMENT("00", "01", "01", "0a", "3f")),
	                 "lun 2 read 10+1; write 63+1; cont " END);
	ck_assert_uint_eq(d->media[63 * 512], 6);
	/* an empty one */
	ck_assert_str_eq(copy(d, HEAD2, LUN0 "." LUN1 "." SEGMENT("00", "01", "00", "00", "00")),
	                 "cont " END);
	disk_free(d);
}
END_TEST

/* It is one task of the task set, whichever stores it is in. */
START_TEST(one_of_the_queue)
{
	struct disk *d = three();
	char words[80];
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "want sel msg=c02009 cmd=83:9.0000006c0000 out=x" HEAD2
	                               "." LUN0 "." LUN2 "." SEGMENT("00", "01", "04", "05", "0a")),
	                 "cont DISCONNECT FREE; read 5+4");
	for (unsigned tag = 1; tag < d->cfg.queue_depth; tag++) {
		(void)snprintf(words, sizeof(words), "t=%u want sel msg=c020%02x cmd=28:6.0001.00",
		               tag + 10, tag);
		ck_assert_str_eq(disk_burst(d, words), "cont DISCONNECT FREE");
	}
	disk_free(d);
}
END_TEST

START_TEST(within_one)
{
	struct disk *d = three();
	ck_assert_str_eq(copy(d, HEAD1, LUN0 "." SEGMENT("00", "00", "20", "00", "10")),
	                 "read 0+32; write 16+32; cont " END);
	for (unsigned lba = 0; lba < 48; lba++)
		ck_assert_uint_eq(d->media[lba * 512], lba < 16 ? lba + 1 : lba - 16 + 1);
	disk_free(d);
}
END_TEST

/* In pieces: from the end that overwrites nothing which is still to be read. */
START_TEST(overlaps)
{
	struct tgt_config c = disk_config();
	c.lu.blocks = 8192;
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_sense(d);
	for (unsigned lba = 0; lba < 8192; lba++)
		d->media[lba * 512] = (uint8_t)(lba * 7 / 5);
	ck_assert_str_eq(copy(d, HEAD1, LUN0 ".02000018.0000.0000.0000.0bb8.:8.:7.64"),
	                 "read 952+2048; write 1052+2048; read 0+952; write 100+952; cont " END);
	for (unsigned lba = 0; lba < 3000; lba++)
		ck_assert_uint_eq(d->media[(lba + 100) * 512], (uint8_t)(lba * 7 / 5));
	ck_assert_str_eq(copy(d, HEAD1, LUN0 ".02000018.0000.0000.0000.0bb8.:7.64.:8"),
	                 "read 100+2048; write 0+2048; read 2148+952; write 2048+952; cont " END);
	for (unsigned lba = 0; lba < 3000; lba++)
		ck_assert_uint_eq(d->media[lba * 512], (uint8_t)(lba * 7 / 5));
	disk_free(d);
}
END_TEST

START_TEST(nothing_to_do)
{
	struct disk *d = three();
	ck_assert_str_eq(disk_command(d, "83:15"), "cont " END);
	disk_free(d);
}
END_TEST

static const struct {
	const char *what, *head, *lists, *sense;
} refused[] = {
        {"usage 01b", "0908.0020.:4.0000001c.00000000",
         LUN0 "." SEGMENT("00", "00", "01", "00", "01"), "5/26/0 data 1"},
        {"usage 11b with an identifier", "0918.0020.:4.0000001c.00000000",
         LUN0 "." SEGMENT("00", "00", "01", "00", "01"), "5/26/0 data 0"},
        {"half a CSCD", "0900.0010.:4.0000001c.00000000",
         LUN0 "." SEGMENT("00", "00", "01", "00", "01"), "5/26/0 data 2"},
        {"inline data", "0900.0020.:4.0000001c.00000001",
         LUN0 "." SEGMENT("00", "00", "01", "00", "01"), "5/26/b data 12"},
        {"lists longer than what came", "0900.0040.:4.0000001c.00000000",
         LUN0 "." SEGMENT("00", "00", "01", "00", "01"), "5/1a/0"},
        {"lists longer than can be", "0900.0020.:4.00000900.00000000",
         LUN0 "." SEGMENT("00", "00", "01", "00", "01"), "5/1a/0"},
        {"a descriptor of no CSCD", "0900.0020.:4.0000001c.00000000",
         SEGMENT("00", "00", "01", "00", "01") "." LUN0, "5/26/7 data 16"},
        {"a descriptor of no segment", "0900.0020.:4.00000020.00000000", LUN0 "." LUN1,
         "5/26/9 data 48"},
        {"a CSCD that is not there", HEAD2, LUN0 "." LUN1 "." SEGMENT("00", "02", "01", "00", "01"),
         "a/8/4"},
        {"nobody's designator", HEAD2, LUN0 "." NOBODY "." SEGMENT("00", "01", "01", "00", "01"),
         "a/d/2"},
        {"beyond the end", HEAD2, LUN0 "." LUN1 "." SEGMENT("00", "01", "02", "3f", "00"), "a/d/2"},
        {"a CSCD that is a tape", HEAD2,
         LUN0 ".e401" LUN1_REST "." SEGMENT("00", "01", "01", "00", "01"), "a/d/3"},
        {"a CSCD with blocks of another size", HEAD2,
         LUN0 ".e400.0000.01.03.00.08.390a0b0c0d0e0f01.:12.00.001000." SEGMENT("00", "01", "01",
                                                                               "00", "01"),
         "a/d/2"},
        {"beyond the end there", HEAD2, LUN0 "." LUN1 "." SEGMENT("00", "01", "02", "00", "3f"),
         "a/d/2"},
};

START_TEST(refuses)
{
	struct disk *d = three();
	ck_assert_str_eq(copy(d, refused[_i].head, refused[_i].lists), CHECK);
	ck_assert_str_eq(disk_sense(d), refused[_i].sense);
	disk_free(d);
}
END_TEST

/* SPC-4, EXTENDED COPY parameter list: more descriptors than VPD page 8Fh says. */
START_TEST(too_many_descriptors)
{
	struct disk *d = three();
	char words[1600];
	(void)snprintf(words, sizeof(words), "want sel msg=80 cmd=83:9.%08x0000 out=x%s",
	               16 + 17 * 32, "0900.0220.:4.:4.:4.:544");
	ck_assert_str_eq(disk_burst(d, words), CHECK);
	ck_assert_str_eq(disk_sense(d), "5/26/6 data 2");
	int n = snprintf(words, sizeof(words), "t=2 want sel msg=80 cmd=83:9.%08x0000 out=x%s",
	                 16 + 65 * 28, "0900.0000.:4.0000071c.:4.");
	for (unsigned i = 0; i < 65; i++)
		n += snprintf(words + n, sizeof(words) - (size_t)n, "02000018:24.");
	ck_assert_str_eq(disk_burst(d, words), CHECK);
	ck_assert_str_eq(disk_sense(d), "5/26/8 data 1808");
	disk_free(d);
}
END_TEST

START_TEST(of_the_cdb)
{
	struct disk *d = three();
	disk_refuses(d, "83:9.000010010000", "5/1a/0 cdb 10");
	ck_assert_str_eq(disk_burst(d, "want sel msg=80 cmd=83:9.0000000f0000 out=15:0"), CHECK);
	ck_assert_str_eq(disk_sense(d), "5/1a/0");
	ck_assert_str_eq(disk_command(d, "8301:14"), CHECK); /* LID4 */
	ck_assert_str_eq(disk_sense(d), "5/24/0 cdb 1.4");
	disk_free(d);
}
END_TEST

/* Segments before the bad one are done; the third and fourth byte of COMMAND-SPECIFIC INFORMATION
 * name it. */
START_TEST(ends_at_a_bad_segment)
{
	struct disk *d = three();
	ck_assert_str_eq(disk_fault(d, "medium-error:lba=7,lun=1,times=0"), "mgmt ok ok");
	ck_assert_str_eq(copy(d, "0900.0040.:4.00000054.00000000",
	                      LUN0 "." LUN1 "." SEGMENT("00", "01", "02", "00", "00") "." SEGMENT(
	                              "00", "01", "02", "00", "06") "." SEGMENT("00", "01", "02",
	                                                                        "00", "10")),
	                 "read 0+2; lun 1 write 0+2; read 0+2; " CHECK);
	(void)disk_command(d, "03000000.40.00");
	ck_assert_uint_eq(d->in[2], 0x0a);
	ck_assert_uint_eq(d->in[12], 0x0d);
	ck_assert_uint_eq(d->in[13], 0x01);
	hex_assert(d->in + 8, 4, "00 00 00 01");
	ck_assert_uint_eq(d->other[1].media[512], 2);
	ck_assert_uint_eq(d->other[1].media[16 * 512], 0);
	/* RECEIVE COPY STATUS: completed with errors, one segment */
	ck_assert_str_eq(disk_command(d, "8400.09.:7.00000040.0000"), "cont DATA-IN(12) " END);
	hex_assert(d->in, d->n_in, "00000008 02 0001 00 00000000");
	/* ... FAILURE DETAILS: the status and the sense */
	ck_assert_str_eq(disk_command(d, "8404.09.:7.00000100.0000"), "cont DATA-IN(78) " END);
	hex_assert(d->in, 4, "0000004a");
	hex_assert(d->in + 56, 8, "02 00 0012 70 00 0a 00");
	disk_free(d);
}
END_TEST

START_TEST(what_stands_against_it)
{
	struct disk *d = three();
	ck_assert_ptr_nonnull(strstr(disk_lun_command(d, 1, "1b:5"), END));
	ck_assert_str_eq(copy(d, HEAD2, LUN0 "." LUN1 "." SEGMENT("00", "01", "01", "00", "00")),
	                 CHECK);
	ck_assert_str_eq(disk_sense(d), "a/d/2");
	/* reserved by another initiator */
	(void)disk_port(d, 5, 1, true);
	(void)disk_burst(d, "t=70 ini=5 epoch=1 want sel msg=82 cmd=03:3.1200");
	(void)disk_burst(d, "t=71 ini=5 epoch=1 want sel msg=82 cmd=16:5");
	ck_assert_str_eq(copy(d, HEAD2, LUN0 "." LUN2 "." SEGMENT("00", "01", "01", "00", "00")),
	                 CHECK);
	ck_assert_str_eq(disk_sense(d), "a/d/1");
	disk_free(d);
}
END_TEST

/* It is alone in the stores: it waits for what is there, and what comes waits for it. */
/* Its destination is another initiator's since we have asked whose it is. */
START_TEST(to_whom_it_belongs_has_changed)
{
	static const char ask[] = "1a.08.30.00.ff.00";
	static const char lists[] = LUN0 "." LUN2 "." SEGMENT("00", "01", "01", "00", "00");
	struct disk *d = three();

	ck_assert_ptr_nonnull(strstr(disk_lun_command(d, 2, ask), END));
	(void)disk_port(d, 5, 1, true);
	(void)disk_burst(d, "t=70 ini=5 epoch=1 want sel msg=82 cmd=03:3.1200");
	ck_assert_ptr_nonnull(
	        strstr(disk_burst(d, "t=71 ini=5 epoch=1 want sel msg=82 cmd=15.11.00.00.34.00 "
	                             "out=x00000000.30.2e.11.01.0001.0001."
	                             "66666666666666666666666666666666.0000000000000002."
	                             "00000000000000000000000000000066"),
	               END));
	ck_assert_str_eq(copy(d, HEAD2, lists), CHECK);
	ck_assert_str_eq(disk_sense(d), "a/d/1");
	(void)disk_lun_sense(d, 2);
	ck_assert_ptr_nonnull(strstr(disk_lun_command(d, 2, ask), END));
	ck_assert_ptr_nonnull(strstr(copy(d, HEAD2, lists), END));
	disk_free(d);
}
END_TEST

START_TEST(alone)
{
	struct disk *d = three();
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "t=1 sel msg=c22001 cmd=2a:6.0001.00 out=512:11 free"),
	                 "lun 2 write 0+1");
	ck_assert_str_eq(disk_burst(d,
	                            "t=2 sel msg=c02002 cmd=83:9.0000006c.0000 out=x" HEAD2 "." LUN0
	                            "." LUN2 "." SEGMENT("00", "01", "01", "04", "00") " free"),
	                 "");
	ck_assert_str_eq(disk_burst(d, "t=3 sel msg=c12003 cmd=2a:6.0001.00 out=512:33 free"), "");
	ck_assert_str_eq(disk_answer(d, 0), "resel 7 IDENTIFY(2) SIMPLE(1) " END "; read 4+1");
	ck_assert_str_eq(disk_answer(d, 0), "lun 2 write 0+1");
	ck_assert_str_eq(disk_answer(d, 0), "resel 7 IDENTIFY SIMPLE(2) " END "; lun 1 write 0+1");
	ck_assert_str_eq(disk_answer(d, 0), "resel 7 IDENTIFY(1) SIMPLE(3) " END);
	ck_assert_uint_eq(d->other[2].media[0], 5);
	disk_free(d);
}
END_TEST

/* The logical unit that is written goes while the copy reads. */
START_TEST(one_goes)
{
	struct disk *d = three();
	d->hold = true;
	ck_assert_str_eq(copy(d, HEAD2, LUN0 "." LUN2 "." SEGMENT("00", "01", "01", "04", "00")),
	                 "read 4+1");
	(void)disk_remove(d, 2);
	ck_assert_str_eq(disk_answer(d, 0), CHECK);
	d->hold = false;
	ck_assert_str_eq(disk_sense(d), "a/d/2");
	disk_free(d);
}
END_TEST

/* The one that is read goes, and one that says that it is the same is there by the time that its
 * data are: they are not its data. */
START_TEST(one_is_replaced)
{
	struct disk *d = three();
	d->hold = true;
	ck_assert_str_eq(copy(d, HEAD2, LUN2 "." LUN0 "." SEGMENT("00", "01", "01", "04", "00")),
	                 "lun 2 read 4+1");
	(void)disk_remove(d, 2);
	(void)disk_add(d, 2, (struct span){0});
	ck_assert_str_eq(disk_answer(d, 0), CHECK);
	d->hold = false;
	ck_assert_str_eq(disk_sense(d), "a/d/2");
	ck_assert_uint_eq(d->media[0], 1);
	disk_free(d);
}
END_TEST

/* It goes between the WRITE and the FLUSH, also if another one is at its LUN then. */
START_TEST(one_goes_before_the_flush)
{
	struct disk *d = three();
	(void)disk_burst(d, "t=5 want sel msg=82 cmd=1511.0000.1800 out=x:4.0812.:18");
	d->hold = true;
	ck_assert_str_eq(copy(d, HEAD2, LUN0 "." LUN2 "." SEGMENT("00", "01", "01", "04", "00")),
	                 "read 4+1");
	ck_assert_str_eq(disk_answer(d, 0), "lun 2 write 0+1");
	(void)disk_remove(d, 2);
	if (_i)
		(void)disk_add(d, 2, (struct span){0});
	ck_assert_str_eq(disk_answer(d, 0), CHECK);
	d->hold = false;
	ck_assert_str_eq(disk_sense(d), "a/d/2");
	disk_free(d);
}
END_TEST

/* ABORT TASK, while it is in the store. */
START_TEST(aborted)
{
	struct disk *d = three();
	d->hold = true;
	(void)disk_burst(d, "t=50 want sel msg=c02009 cmd=83:9.0000006c0000 out=x" HEAD2 "." LUN0
	                    "." LUN2 "." SEGMENT("00", "01", "04", "05", "0a"));
	(void)disk_burst(d, "t=51 want sel msg=c020090d");
	ck_assert_str_eq(disk_command(d, "8400.09.:7.00000040.0000"), "cont DATA-IN(12) " END);
	hex_assert(d->in, d->n_in, "00000008 00 0000 00 00000000");
	(void)disk_release(d);
	ck_assert_str_eq(disk_command(d, "8400.09.:7.00000040.0000"), "cont DATA-IN(12) " END);
	hex_assert(d->in, d->n_in, "00000008 02 0000 00 00000000");
	ck_assert_str_eq(disk_command(d, "8404.09.:7.00000100.0000"), "cont DATA-IN(78) " END);
	hex_assert(d->in + 56, 4, "40 00 0012");
	disk_free(d);
}
END_TEST

START_TEST(results)
{
	struct disk *d = three();
	ck_assert_str_eq(disk_command(d, "8403.00.:7.00000040.0000"), "cont DATA-IN(46) " END);
	hex_assert(d->in, d->n_in,
	           "0000002a 00 000000 0010 0040 00000900 01fffe00 00000000 00000000 00000000 0000 "
	           "0001 01 09 00 00 000000 02 02 e4");
	ck_assert_str_eq(disk_command(d, "8400.09.:7.00000040.0000"), CHECK); /* none is known */
	ck_assert_str_eq(disk_sense(d), "5/24/0 cdb 2");
	(void)copy(d, HEAD2, LUN0 "." LUN2 "." SEGMENT("00", "01", "01", "04", "00"));
	ck_assert_str_eq(disk_command(d, "8404.09.:7.00000040.0000"), "cont DATA-IN(4) " END);
	hex_assert(d->in, d->n_in, "00000000"); /* it did not fail */
	ck_assert_str_eq(disk_command(d, "8400.09.:7.00000040.0000"), "cont DATA-IN(12) " END);
	hex_assert(d->in, d->n_in, "00000008 01 0001 00 00000000");
	(void)disk_command(d, "28:6.0001.00");
	ck_assert_str_eq(disk_command(d, "8400.09.:7.00000040.0000"), CHECK);
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_copy", NULL, NULL, TAP_ONCE(copies), TAP_ONCE(one_of_the_queue),
               TAP_ONCE(within_one), TAP_ONCE(overlaps), TAP_ONCE(nothing_to_do),
               TAP_EACH(refuses, refused), TAP_ONCE(of_the_cdb), TAP_ONCE(too_many_descriptors),
               TAP_ONCE(ends_at_a_bad_segment), TAP_ONCE(what_stands_against_it),
               TAP_ONCE(to_whom_it_belongs_has_changed), TAP_ONCE(alone), TAP_ONCE(one_goes),
               TAP_ONCE(one_is_replaced), TAP_TIMES(one_goes_before_the_flush, 2),
               TAP_ONCE(aborted), TAP_ONCE(results));
