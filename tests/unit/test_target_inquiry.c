/* SPDX-License-Identifier: BSD-2-Clause */
/* INQUIRY and the vital product data pages, byte for byte (SPC-4, 6.6 and 7.8; SBC-3, 6.6). */
#include "unit/disk.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define END     "STATUS(GOOD) COMMAND COMPLETE FREE"
#define DATA(n) "cont DATA-IN(" n ") " END
#define CHECK   "cont STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"

#define UUID    "0102030405060708090a0b0c0d0e0f10"
#define SERIAL  "3031303230333034303530363037303830393061306230633064306530663130"
#define VENDOR  "534d4952524f5220"                 /* "SMIRROR " */
#define PRODUCT "454d554c41544544204449534b202020" /* "EMULATED DISK   " */
#define Z8      "0000000000000000"
#define Z16     Z8 Z8

/* Whole pages. C0h is test_page's; here its length and where it stands. */
static const struct {
	const char *clause, *cdb;
	uint32_t block_size; /* 0: 512 */
	const char *data;
} whole[] = {
        {"SPC-4, 6.6.2", "120000006000", 0,
         "00 00 06 32 5b 08 01 32" VENDOR PRODUCT "30303031" Z16 "00000000"
         "0c 00 00a0 0b60 0460 04c0" Z16 Z8 "00000000"
         "0000"},
        {"SPC-4, 7.8.14", "12010000ff00", 0, "00 00 0009 00 80 83 86 8f b0 b1 b2 c0"},
        {"SPC-4, 7.8.15", "12018000ff00", 0, "00 80 0020" SERIAL},
        {"SPC-4, 7.8.6", "12018300ff00", 0,
         "00 83 005e 01 0a 00 12 10 00" UUID
         "01 03 00 08 390a0b0c0d0e0f10 02 01 00 38" VENDOR PRODUCT SERIAL},
        {"SPC-4, 7.8.7", "12018600ff00", 0, "00 86 003c 00 07 01 00" Z16 Z16 Z16 Z8},
        {"SPC-4, Third-party Copy VPD page", "12018f00ff00", 0,
         "00 8f 005c 0001 000c 08 8301008403000304 000000"
         "0004 001c 00000000 0010 0040 00000900 00000000" Z8 "00000000"
         "0008 0004 02 02 e4 00"
         "8001 0020 00000001 00000001 01fffe00 09 00" Z16 "0000"},
        {"SBC-3, 6.6.3", "1201b000ff00", 0,
         "00 b0 003c 01 ff 0008 00008000 00000000 00000000" Z16 "0000000000008000"
         "00000800" Z16},
        {"SBC-3, 6.6.3", "1201b000ff00", 4096,
         "00 b0 003c 01 ff 0001 00001000 00000000 00000000" Z16 "0000000000008000"
         "00000100" Z16},
        {"SBC-3, 6.6.2", "1201b100ff00", 0, "00 b1 003c 0001" Z16 Z16 Z16 Z8 "0000"},
        {"SBC-3, 6.6.4", "1201b200ff00", 0, "00 b2 0004 00 00 00 00"},
};

static struct disk *disk_of(uint32_t block_size)
{
	struct tgt_config c = disk_config();
	if (block_size == 0)
		return disk_new();
	c.lu.block_size = block_size;
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_sense(d); /* takes the UNIT ATTENTION */
	return d;
}

START_TEST(pages)
{
	struct disk *d = disk_of(whole[_i].block_size);
	(void)disk_command(d, whole[_i].cdb);
	hex_assert(d->in, d->n_in, whole[_i].data);
	disk_free(d);
}
END_TEST

/* Any allocation length cuts the same data, whose length fields stay as they are (4.2.5.6). */
START_TEST(allocation_lengths)
{
	struct disk *d = disk_new();
	uint8_t all[256];
	for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
		if (whole[i].block_size)
			continue;
		(void)disk_command(d, whole[i].cdb);
		size_t n = d->n_in;
		ck_assert_uint_le(n, sizeof(all));
		memcpy(all, d->in, n);
		for (unsigned alloc = 0; alloc <= n + 1; alloc++) {
			char cdb[16], out[64] = "cont " END;
			(void)snprintf(cdb, sizeof(cdb), "%.6s%04x00", whole[i].cdb, alloc);
			size_t want = alloc < n ? alloc : n;
			if (want > 0)
				(void)snprintf(out, sizeof(out), "cont DATA-IN(%zu) " END, want);
			ck_assert_str_eq(disk_command(d, cdb), out);
			ck_assert(want == 0 || memcmp(d->in, all, want) == 0);
		}
	}
	/* Both bytes of it are read. */
	ck_assert_str_eq(disk_command(d, "120000010000"), DATA("96"));
	disk_free(d);
}
END_TEST

/* Page 00h lists what is answered, in ascending order, and nothing else is. */
START_TEST(every_page_code)
{
	struct disk *d = disk_new();
	uint8_t list[256];
	(void)disk_command(d, "12010000ff00");
	size_t n = d->n_in, next = 4;
	memcpy(list, d->in, n);
	for (unsigned code = 0; code < 256; code++) {
		char cdb[16];
		(void)snprintf(cdb, sizeof(cdb), "1201%02xffff00", code);
		const char *out = disk_command(d, cdb);
		if (next < n && list[next] == code) {
			next++;
			ck_assert_ptr_null(strstr(out, "CHECK"));
			ck_assert_uint_eq(d->in[0], 0);
			ck_assert_uint_eq(d->in[1], code);
			ck_assert_uint_eq(d->in[2] * 256U + d->in[3], d->n_in - 4);
		} else {
			ck_assert_str_eq(out, CHECK);
			ck_assert_str_eq(disk_sense(d), "5/24/0 cdb 2");
		}
	}
	ck_assert_uint_eq(next, n);
	disk_free(d);
}
END_TEST

static const struct {
	const char *cdb, *sense;
} refused[] = {
        {"120001002400", "5/24/0 cdb 2"}, /* a page code without EVPD (SPC-4, 6.6.1) */
        {"1200c0002400", "5/24/0 cdb 2"},
        {"120200002400", "5/24/0 cdb 1.1"}, /* CMDDT, obsolete */
        {"120300002400", "5/24/0 cdb 1.1"},
        {"120400002400", "5/24/0 cdb 1.2"},
};

START_TEST(refuses)
{
	struct disk *d = disk_new();
	disk_refuses(d, refused[_i].cdb, refused[_i].sense);
	disk_free(d);
}
END_TEST

/* SPC-4, 6.6.2, table 140: qualifier 011b and type 1Fh where no logical unit can be. */
START_TEST(no_logical_unit)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_burst(d, "want sel msg=c3 cmd=120000006000"), DATA("96"));
	ck_assert_uint_eq(d->in[0], 0x7f);
	ck_assert_str_eq(disk_burst(d, "t=2 want sel msg=c3 cmd=120183006000"), CHECK);
	ck_assert_str_eq(disk_burst(d, "t=3 want sel msg=c3 cmd=03:3.1200"), DATA("18"));
	ck_assert_uint_eq(d->in[12], 0x24);
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_inquiry", NULL, NULL, TAP_EACH(pages, whole), TAP_ONCE(allocation_lengths),
               TAP_ONCE(every_page_code), TAP_EACH(refuses, refused), TAP_ONCE(no_logical_unit));
