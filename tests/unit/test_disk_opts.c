/* SPDX-License-Identifier: BSD-2-Clause */
/* Specifications of logical units. */
#include "shell/disk_opts.h"

#include "unit/tap_main.h"

#include <string.h>

START_TEST(all_that_can_be_said)
{
	struct disk_list l = {0};
	char why[400] = "";
	ck_assert(disk_list_add(&l,
	                        "0x3f=/a/b=c.img,size=1G,block-size=4096,name=Vier,thin,"
	                        "uuid=00112233-4455-6677-8899-aabbccddeeff,write-protect",
	                        why, sizeof(why)));
	const struct disk_opts *d = disk_list_find(&l, 63);
	ck_assert_ptr_nonnull(d);
	ck_assert_str_eq(d->store, "/a/b=c.img");
	ck_assert_uint_eq(d->size, 1U << 30);
	ck_assert_uint_eq(d->block_size, 4096);
	ck_assert_str_eq(d->name, "Vier");
	ck_assert(d->thin && d->write_protect && d->has_uuid);
	ck_assert_uint_eq(d->uuid[15], 0xff);
	disk_list_free(&l);
}
END_TEST

START_TEST(what_is_not_said)
{
	struct disk_list l = {0};
	char why[400] = "";
	ck_assert(disk_list_add(&l, "7=/a/seven.img", why, sizeof(why)));
	ck_assert(disk_list_add(&l, "5=/a/.b c", why, sizeof(why)));
	ck_assert(disk_list_add(&l, "6=six", why, sizeof(why)));
	ck_assert_uint_eq(l.v[0].lun, 5);
	ck_assert_uint_eq(l.v[1].lun, 6);
	ck_assert_uint_eq(l.v[2].lun, 7);
	ck_assert_str_eq(l.v[0].name, "lun5");
	ck_assert_str_eq(l.v[1].name, "six");
	ck_assert_str_eq(l.v[2].name, "seven");
	ck_assert_uint_eq(l.v[2].block_size, 0);
	ck_assert(!l.v[2].thin && !l.v[2].write_protect && !l.v[2].has_uuid && !l.v[2].size);
	ck_assert_str_eq(l.v[2].spec, "7=/a/seven.img");
	disk_list_free(&l);
}
END_TEST

static const struct {
	const char *spec, *why;
} refused[] = {
        {"", "\"\": LUN=FILE is wanted, with a LUN of 1 to 63"},
        {"1", "\"1\": LUN=FILE is wanted, with a LUN of 1 to 63"},
        {"0=x", "\"0\": LUN=FILE is wanted, with a LUN of 1 to 63"},
        {"64=x", "\"64\": LUN=FILE is wanted, with a LUN of 1 to 63"},
        {"x=x", "\"x\": LUN=FILE is wanted, with a LUN of 1 to 63"},
        {"1=", "LUN 1: its file is missing"},
        {"1=x,", "\"\": no such option of a disk"},
        {"1=x,size", "size: a value is missing"},
        {"1=x,size=0", "size=0: must be a size of 512 bytes to 1024 TiB"},
        {"1=x,size=1000", "size: 1000 is not a multiple of the block size, 512"},
        {"1=x,size=512,block-size=4096", "size: 512 is not a multiple of the block size, 4096"},
        {"1=x,block-size=1024", "1024 is neither 512 nor 4096"},
        {"1=x,name=", "\"\" is not 1 to 32 printable characters without blanks"},
        {"1=x,uuid=00000000-0000-0000-0000-000000000000",
         "\"00000000-0000-0000-0000-000000000000\" is no UUID"},
        {"1=x,thin=yes", "thin takes no value"},
        {"9=x", "LUN 9 is given twice"},
};

START_TEST(refuses)
{
	struct disk_list l = {0};
	char why[400] = "";
	ck_assert(disk_list_add(&l, "9=y", why, sizeof(why)));
	ck_assert(!disk_list_add(&l, refused[_i].spec, why, sizeof(why)));
	ck_assert_str_eq(why, refused[_i].why);
	ck_assert_uint_eq(l.n, 1);
	disk_list_free(&l);
}
END_TEST

TAP_MAIN_TABLE("disk_opts", NULL, NULL, TAP_ONCE(all_that_can_be_said), TAP_ONCE(what_is_not_said),
               TAP_EACH(refuses, refused));
