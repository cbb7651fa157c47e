/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thin provisioned disk (SBC-3, logical block provisioning): UNMAP, WRITE SAME with UNMAP, GET
 * LBA STATUS, and what READ CAPACITY and the VPD pages say of it. 64 blocks of 512 bytes, of which
 * 8 to 23 are mapped, all 11h. The disk that is not thin is in test_target_sbc.c.
 */
#include "unit/disk.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define END     "STATUS(GOOD) COMMAND COMPLETE FREE"
#define CHECK   "STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"
#define DATA(n) "DATA-IN(" n ") " END

#define MAPPED_FROM 8
#define MAPPED_TO   24

static struct disk *thin_disk(void)
{
	struct tgt_config c = disk_config();
	c.lu.thin = true;
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_port(d, 7, 3, true);
	ck_assert_str_eq(disk_sense(d), "6/29/1");
	for (unsigned i = MAPPED_FROM; i < MAPPED_TO; i++) {
		memset(d->media + (size_t)i * 512, 0x11, 512);
		d->mapped[i] = true;
	}
	return d;
}

static const struct disk_row rows[] = {
        /* nothing to unmap is no error */
        {"UNMAP, PARAMETER LIST LENGTH", "42:6.0000.00", NULL, "cont " END, NULL},
        {"UNMAP, PARAMETER LIST LENGTH", "42:6.0007.00", "7:00", "cont " CHECK, "5/1a/0 cdb 7"},
        {"UNMAP, PARAMETER LIST LENGTH", "42:6.0001.00", "1:00", "cont " CHECK, "5/1a/0 cdb 7"},
        {"UNMAP parameter list", "42:6.0008.00", "x0006.0000.:4", "cont " END, NULL},
        {"UNMAP parameter list", "42:6.0018.00", "x0016.0010.:4.:7.0a.00000003.:4",
         "zero 10+3; cont " END, NULL},
        {"UNMAP parameter list", "42:6.0028.00",
         "x0026.0020.:4.:7.0a.00000003.:4.:7.02.00000001.:4", "zero 10+3; zero 2+1; cont " END,
         NULL},
        /* 0 blocks: nothing; the end is there */
        {"UNMAP block descriptor", "42:6.0028.00",
         "x0026.0020.:4.:7.40.00000000.:4.:7.02.00000001.:4", "zero 2+1; cont " END, NULL},
        /* what comes of the list is what all lengths have: one that is cut off is ignored */
        {"UNMAP, BLOCK DESCRIPTOR DATA LENGTH", "42:6.0028.00",
         "x0026.0010.:4.:7.0a.00000003.:4.:7.02.00000001.:4", "zero 10+3; cont " END, NULL},
        {"UNMAP, BLOCK DESCRIPTOR DATA LENGTH", "42:6.0028.00",
         "x0026.001f.:4.:7.0a.00000003.:4.:7.02.00000001.:4", "zero 10+3; cont " END, NULL},
        {"UNMAP, PARAMETER LIST LENGTH", "42:6.0020.00", "x0026.0020.:4.:7.0a.00000003.:4.:7.02",
         "zero 10+3; cont " END, NULL},
        {"UNMAP, UNMAP DATA LENGTH", "42:6.0028.00",
         "x0016.0020.:4.:7.0a.00000003.:4.:7.02.00000001.:4", "zero 10+3; cont " END, NULL},
        {"UNMAP, UNMAP DATA LENGTH", "42:6.0018.00", "x0000.0010.:4.:7.0a.00000003.:4", "cont " END,
         NULL},
        /* beyond the capacity: nothing is unmapped, not even what comes before */
        {"UNMAP block descriptor", "42:6.0028.00",
         "x0026.0020.:4.:7.0a.00000003.:4.:7.3f.00000002.:4", "cont " CHECK, "5/21/0 data 24"},
        {"UNMAP block descriptor", "42:6.0018.00", "x0016.0010.:4.:7.41.00000000.:4", "cont " CHECK,
         "5/21/0 data 8"},
        {"UNMAP block descriptor", "42:6.0018.00", "x0016.0010.:4.ffffffffffffffff.00000001.:4",
         "cont " CHECK, "5/21/0 data 8"},
        /* no anchored blocks, no groups */
        {"UNMAP, ANCHOR", "4201:5.0018.00", NULL, "cont " CHECK, "5/24/0 cdb 1.0"},
        {"UNMAP, GROUP NUMBER", "42:5.20.0018.00", NULL, "cont " CHECK, "5/24/0 cdb 6.5"},
        {"UNMAP", "42:1.80.:3.00.0018.00", NULL, "cont " CHECK, "5/24/0 cdb 2.7"},
        {"UNMAP", "4202:5.0018.00", NULL, "cont " CHECK, "5/24/0 cdb 1.1"},
        /* WRITE SAME: zeros are unmapped if that is asked for, other data never */
        {"WRITE SAME(10), UNMAP", "4108:3.0a.00.0003.00", "512:00", "zero 10+3; cont " END, NULL},
        {"WRITE SAME(10), UNMAP", "4108:3.0a.00.0003.00", "512:22", "write each 10+3; cont " END,
         NULL},
        {"WRITE SAME(10), UNMAP", "4100:3.0a.00.0003.00", "512:00", "write each 10+3; cont " END,
         NULL},
        {"WRITE SAME(10), ANCHOR", "4118:3.0a.00.0003.00", "512:00", "cont " CHECK,
         "5/24/0 cdb 1.4"},
        {"WRITE SAME(16), UNMAP", "9308:7.0a.00000003.0000", "512:00", "zero 10+3; cont " END,
         NULL},
        {"WRITE SAME(16), UNMAP", "9308:7.3e.00000002.0000", "512:00", "zero 62+2; cont " END,
         NULL},
        {"WRITE SAME(16), NDOB", "9309:7.0a.00000003.0000", NULL, "zero 10+3; cont " END, NULL},
        {"WRITE SAME(16), NDOB", "9301:7.0a.00000003.0000", NULL, "write each 10+3; cont " END,
         NULL},
        /* GET LBA STATUS */
        {"GET LBA STATUS", "9e12:8.00000018.0000", NULL, "map 0; cont " DATA("24"), NULL},
        {"GET LBA STATUS", "9e12:8.00000100.0000", NULL, "map 0; cont " DATA("56"), NULL},
        {"GET LBA STATUS", "9e12:7.3f.00000100.0000", NULL, "map 63; cont " DATA("24"), NULL},
        {"GET LBA STATUS, ALLOCATION LENGTH", "9e12:8.00000005.0000", NULL,
         "map 0; cont " DATA("5"), NULL},
        {"GET LBA STATUS, ALLOCATION LENGTH", "9e12:8.00000000.0000", NULL, "cont " END, NULL},
        {"GET LBA STATUS", "9e12:7.40.00000018.0000", NULL, "cont " CHECK, "5/21/0 cdb 2"},
        {"GET LBA STATUS", "9e12.ffffffffffffffff.00000018.0000", NULL, "cont " CHECK,
         "5/21/0 cdb 2"},
        {"GET LBA STATUS", "9e12:8.00000018.0100", NULL, "cont " CHECK, "5/24/0 cdb 14.0"},
        {"GET LBA STATUS", "9e32:8.00000018.0000", NULL, "cont " CHECK, "5/24/0 cdb 1.5"},
};

START_TEST(as_the_clause_says)
{
	struct disk *d = thin_disk();
	disk_does(d, &rows[_i]);
	disk_free(d);
}
END_TEST

/* What it says of itself. */
START_TEST(what_it_says)
{
	struct disk *d = thin_disk();
	/* READ CAPACITY(16): LBPME, LBPRZ */
	(void)disk_command_with(d, "9e10:8.00000020.0000", NULL);
	hex_assert(d->in, d->n_in,
	           "000000000000003f 00000200 00 00 c000 "
	           "00000000 00000000 00000000 00000000");
	/* block limits: how much, in how many descriptors, in what */
	(void)disk_command_with(d, "1201b000ff00", NULL);
	hex_assert(d->in + 20, 16, "00100000 00000100 00000008 80000000");
	/* provisioning: LBPU, LBPWS, LBPWS10, LBPRZ; thin */
	(void)disk_command_with(d, "1201b200ff00", NULL);
	hex_assert(d->in, d->n_in, "00 b2 0004 00 e4 02 00");
	/* what is looked at */
	(void)disk_command_with(d, "a30c.01.42.0000.000000ff.0000", NULL);
	hex_assert(d->in, d->n_in, "0003000a 42 00 00000000 00 ffff 04");
	(void)disk_command_with(d, "a30c.02.9e.0012.000000ff.0000", NULL);
	hex_assert(d->in, d->n_in, "00030010 9e 12 ffffffffffffffff ffffffff 00 04");
	(void)disk_command_with(d, "a30c.01.93.0000.000000ff.0000", NULL);
	ck_assert_uint_eq(d->in[5], 0x09);
	disk_free(d);
}
END_TEST

/* A disk that is not thin has none of it. */
START_TEST(not_of_others)
{
	static const struct {
		const char *cdb, *sense;
	} no[] = {
	        {"42:6.0000.00", "5/20/0 cdb 0.7"},
	        {"9e12:8.00000018.0000", "5/24/0 cdb 1.4"},
	};
	struct disk *d = disk_new();
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		ck_assert_str_eq(disk_command_with(d, no[i].cdb, NULL), "cont " CHECK);
		ck_assert_str_eq(disk_sense(d), no[i].sense);
	}
	(void)disk_command_with(d, "a30c.01.42.0000.000000ff.0000", NULL);
	hex_assert(d->in, d->n_in, "00010000");
	(void)disk_command_with(d, "a30c.02.9e.0012.000000ff.0000", NULL);
	hex_assert(d->in, d->n_in, "00010000");
	(void)disk_command_with(d, "a30c.01.93.0000.000000ff.0000", NULL);
	ck_assert_uint_eq(d->in[5], 0x01);
	disk_free(d);
}
END_TEST

/* What is unmapped reads as zeros; what is written is mapped. */
START_TEST(what_is_mapped)
{
	struct disk *d = thin_disk();
	(void)disk_command_with(d, "42:6.0028.00",
	                        "x0026.0020.:4.:7.0a.00000003.:4.:7.10.00000030.:4");
	ck_assert(disk_block_is(d, 9, 0x11) && disk_block_is(d, 10, 0) && disk_block_is(d, 12, 0) &&
	          disk_block_is(d, 13, 0x11) && disk_block_is(d, 15, 0x11) &&
	          disk_block_is(d, 16, 0));
	(void)disk_command_with(d, "9301:7.14.00000001.0000", NULL);
	(void)disk_command_with(d, "2a:4.1e.00.0001.00", "512:00");
	(void)disk_command_with(d, "9e12:8.00000100.0000", NULL);
	hex_assert(d->in, d->n_in,
	           "00000094 00000000"
	           "0000000000000000 00000008 01000000 0000000000000008 00000002 00000000"
	           "000000000000000a 00000003 01000000 000000000000000d 00000003 00000000"
	           "0000000000000010 00000004 01000000 0000000000000014 00000001 00000000"
	           "0000000000000015 00000009 01000000 000000000000001e 00000001 00000000"
	           "000000000000001f 00000021 01000000");
	/* It begins where it is asked to. */
	(void)disk_command_with(d, "9e12:7.0e.00000018.0000", NULL);
	hex_assert(d->in, d->n_in, "00000014 00000000 000000000000000e 00000002 00000000");
	disk_free(d);
}
END_TEST

/* More descriptors, or more blocks in all, than block limits say. */
START_TEST(limits)
{
	char text[8 + 3 * 257 * 8] = "x1016.1010.:4";
	struct tgt_config c = disk_config();
	c.lu.thin = true;
	c.lu.blocks = 0x100008;
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_sense(d);
	d->hold = true; /* in pieces of one transfer */
	ck_assert_str_eq(disk_command_with(d, "42:6.0018.00", "x0016.0010.:4.:8.00100000.:4"),
	                 "zero 0+32768");
	ck_assert_uint_eq(d->n_held, 1);
	const char *out = disk_release(d);
	ck_assert_msg(strncmp(out, "zero 32768+32768; zero 65536+32768; ", 36) == 0, "%s", out);
	ck_assert_msg(strstr(out, "; zero 1015808+32768; cont " END), "%s", out);
	ck_assert_str_eq(disk_command_with(d, "42:6.0028.00",
	                                   "x0026.0020.:4.:8.00100000.:4.:7.01.00000001.:4"),
	                 "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "5/26/0 data 32");
	for (unsigned i = 0; i < 257; i++)
		strcat(text, ".:8.:3.01.:4");
	ck_assert_str_eq(disk_command_with(d, "42:6.1018.00", text), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "5/26/0 data 2");
	/* one fewer by the list's own length */
	memcpy(text, "x1006.1010", 10);
	out = disk_command_with(d, "42:6.1018.00", text);
	ck_assert_str_eq(out, "zero 0+1");
	out = disk_release(d);
	ck_assert_msg(strstr(out, "zero 0+1; zero 0+1; cont " END), "%s", out);
	disk_free(d);
}
END_TEST

/* A disk that is write-protected, or stopped. */
START_TEST(when_it_may)
{
	struct tgt_config c = disk_config();
	c.lu.thin = true;
	c.lu.write_protect = true;
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_sense(d);
	ck_assert_str_eq(disk_command_with(d, "42:6.0018.00", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "7/27/0");
	ck_assert_str_eq(disk_command_with(d, "9309:7.0a.00000003.0000", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "7/27/0");
	ck_assert_str_eq(disk_command_with(d, "9e12:8.00000018.0000", NULL),
	                 "map 0; cont " DATA("24"));
	(void)disk_command_with(d, "1b:3.0000", NULL);
	ck_assert_str_eq(disk_command_with(d, "42:6.0018.00", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "2/4/2");
	ck_assert_str_eq(disk_command_with(d, "9e12:8.00000018.0000", NULL), "cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "2/4/2");
	disk_free(d);
}
END_TEST

#define TWO_RANGES "x0026.0020.:4.:7.0a.00000003.:4.:7.14.00000001.:4"

/* No write cache: what was unmapped is on the medium, flushed once. */
START_TEST(without_a_cache)
{
	struct disk *d = thin_disk();
	(void)disk_command_with(d, "1510000018.00", "x00000000.0812.:18");
	ck_assert_str_eq(disk_command_with(d, "42:6.0028.00", TWO_RANGES),
	                 "zero 10+3; zero 20+1; flush; cont " END);
	ck_assert_str_eq(disk_command_with(d, "42:6.0008.00", "x0006.0000.:4"), "cont " END);
	disk_free(d);
}
END_TEST

/* The first range that fails ends it, and says where. */
START_TEST(when_it_fails)
{
	struct disk *d = thin_disk();
	(void)disk_fault(d, "medium-error:lba=20,times=1");
	ck_assert_str_eq(disk_command_with(d, "42:6.0028.00", TWO_RANGES),
	                 "zero 10+3; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/c/0 info 20");
	(void)disk_fault(d, "medium-error:lba=11,times=1");
	ck_assert_str_eq(disk_command_with(d, "42:6.0028.00", TWO_RANGES),
	                 "zero 10+1; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/c/0 info 11");
	d->result = STORE_ERROR;
	d->good_blocks = 2;
	ck_assert_str_eq(disk_command_with(d, "42:6.0028.00", TWO_RANGES),
	                 "zero 10+3; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/c/0 info 12");
	ck_assert_str_eq(disk_command_with(d, "9e12:8.00000018.0000", NULL), "map 0; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "3/11/0 info 0");
	/* no room left to map a block: of a thin disk that is no medium error */
	d->result = STORE_NO_SPACE;
	d->good_blocks = 1;
	ck_assert_str_eq(disk_command_with(d, "2a:4.20.00.0002.00", "1024:22"),
	                 "write 32+2; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "7/27/7 info 33");
	disk_free(d);
}
END_TEST

/* An UNMAP keeps out whoever touches what lies between its first and its last block. */
START_TEST(keeps_others_out)
{
	struct disk *d = thin_disk();
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "t=1 want sel msg=c02005 cmd=42:6.0028.00 out=" TWO_RANGES),
	                 "cont DISCONNECT FREE; zero 10+3");
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c02006 cmd=2a:4.0f.00.0001.00 out=512:33 free"),
	                 "");
	ck_assert_str_eq(disk_burst(d, "t=3 sel msg=c02007 cmd=2a:4.15.00.0001.00 out=512:33 free"),
	                 "write 21+1");
	ck_assert_str_eq(disk_answer(d, 0), "zero 20+1");
	ck_assert_str_eq(disk_answer(d, 1), "resel 7 IDENTIFY SIMPLE(5) " END "; write 15+1");
	(void)disk_release(d);
	/* one that names nothing waits for nobody */
	ck_assert_str_eq(disk_burst(d, "t=4 sel msg=c02006 cmd=2a:6.0001.00 out=512:33 free"),
	                 "write 0+1");
	ck_assert_str_eq(disk_burst(d, "t=5 want sel msg=80 cmd=42:6.0008.00 out=x0006.0000.:4"),
	                 "cont " END);
	(void)disk_release(d);
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_thin", NULL, NULL, TAP_EACH(as_the_clause_says, rows),
               TAP_ONCE(what_it_says), TAP_ONCE(not_of_others), TAP_ONCE(what_is_mapped),
               TAP_ONCE(limits), TAP_ONCE(when_it_may), TAP_ONCE(without_a_cache),
               TAP_ONCE(when_it_fails), TAP_ONCE(keeps_others_out));
