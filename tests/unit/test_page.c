/* SPDX-License-Identifier: BSD-2-Clause */
/* The vendor pages, byte for byte, and all that is no such page. */
#include "scsi/page.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <string.h>

#define VPD_LEN 68
#define UUID    "00112233445566778899aabbccddeeff"

static const struct {
	struct vpd_mirror page;
	const char *hex;
} vpds[] = {
        {{.version = 1,
          .silent = true,
          .queue_depth = 32,
          .max_transfer = 1 << 20,
          .boot = 0xa1a2a3a4,
          .name = "disk2",
          .uuid = {0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
                   0xee, 0xff}},
         "00c00040 01 01 0020 00100000 a1a2a3a4" UUID "6469736b32"
         "000000000000000000000000000000000000000000000000000000 00000000"},
        {{.version = 0xff,
          .silent = true,
          .broadcast = true,
          .queue_depth = 0xffff,
          .max_transfer = UINT32_MAX,
          .name = "~!a23456789012345678901234567890"},
         "00c00040 ff 03 ffff ffffffff 00000000 00000000000000000000000000000000"
         "7e21613233343536373839303132333435363738393031323334353637383930 00000000"},
        {{.broadcast = true},
         "00c00040 00 02 0000 00000000 00000000 00000000000000000000000000000000"
         "0000000000000000000000000000000000000000000000000000000000000000 00000000"},
};

static void check_vpd(const struct vpd_mirror *a, const struct vpd_mirror *b)
{
	ck_assert_uint_eq(a->version, b->version);
	ck_assert_int_eq(a->silent, b->silent);
	ck_assert_int_eq(a->broadcast, b->broadcast);
	ck_assert_uint_eq(a->queue_depth, b->queue_depth);
	ck_assert_uint_eq(a->max_transfer, b->max_transfer);
	ck_assert_uint_eq(a->boot, b->boot);
	ck_assert_mem_eq(a->uuid, b->uuid, UUID_LEN);
	ck_assert_uint_eq(strnlen(a->name, TARGET_NAME_MAX), strnlen(b->name, TARGET_NAME_MAX));
	ck_assert(strncmp(a->name, b->name, TARGET_NAME_MAX) == 0);
}

START_TEST(vpd_there_and_back)
{
	for (size_t i = 0; i < ARRAY_LEN(vpds); i++) {
		uint8_t buf[VPD_LEN + 1] = {0};
		struct wr w = wr_init(buf, sizeof(buf));
		vpd_mirror_put(&w, &vpds[i].page);
		ck_assert(wr_ok(&w));
		hex_assert(buf, w.n, vpds[i].hex);
		struct vpd_mirror p;
		ck_assert(vpd_mirror_get((struct span){buf, w.n}, &p));
		check_vpd(&p, &vpds[i].page);
		ck_assert(p.name[TARGET_NAME_MAX] == '\0');
		/* A later version may say more. */
		ck_assert(vpd_mirror_get((struct span){buf, VPD_LEN + 1}, &p));
		for (size_t n = 0; n < VPD_LEN; n++) {
			memset(&p, 0x5a, sizeof(p));
			struct vpd_mirror before = p;
			ck_assert_msg(!vpd_mirror_get((struct span){buf, n}, &p), "%zu bytes", n);
			ck_assert_mem_eq(&p, &before, sizeof(p));
			w = wr_init(buf, n);
			vpd_mirror_put(&w, &vpds[i].page);
			ck_assert(!wr_ok(&w));
		}
	}
}
END_TEST

/* One byte of a good page changed. */
struct change {
	size_t at;
	uint8_t to;
	bool ok;
};

START_TEST(vpd_refusals)
{
	static const struct change changes[] = {
	        {0, 0x7f, true},   {1, 0xc1, false}, {2, 0x01, true},   {3, 0x3f, false},
	        {3, 0x41, true},   {5, 0xfd, true},  {12, 0x01, true},  {36, ' ', false},
	        {37, 'x', true},   {38, 'x', false}, {36, 0x7f, false}, {36, 0x80, false},
	        {32, 0x1f, false}, {63, 'x', false}, {64, 0xff, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		uint8_t buf[VPD_LEN];
		struct vpd_mirror p;
		size_t n = hex_get(vpds[0].hex, buf, sizeof(buf));
		buf[changes[i].at] = changes[i].to;
		ck_assert_msg(vpd_mirror_get((struct span){buf, n}, &p) == changes[i].ok,
		              "byte %zu: %02x", changes[i].at, changes[i].to);
	}
}
END_TEST

START_TEST(target_names)
{
	ck_assert(target_name_ok("disk-1", 6));
	ck_assert(target_name_ok("", 0));
	ck_assert(target_name_ok("12345678901234567890123456789012", 32));
	ck_assert(!target_name_ok("123456789012345678901234567890123", 33));
	ck_assert(!target_name_ok("a b", 3));
	ck_assert(!target_name_ok("a\n", 2));
	ck_assert(!target_name_ok("a\0b", 3));
	ck_assert(!target_name_ok("\xc3\xa9", 2));
	ck_assert(!target_name_ok("\x7f", 1));
}
END_TEST

static const struct {
	struct mode_mirror page;
	const char *hex;
} modes[] = {
        {{.member = true,
          .members = 21,
          .device = 3,
          .group = 0x0102,
          .term = 0x7172,
          .generation = 0x1112131415161718,
          .group_uuid = {0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc,
                         0xdd, 0xee, 0xff},
          .owner = {0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
                    0xee, 0xff}},
         "b02e a9 03 0102 7172" UUID "1112131415161718" UUID},
        {{.member = false},
         "b02e 00 00 0000 0000 00000000000000000000000000000000 0000000000000000"
         "00000000000000000000000000000000"},
        {{.member = true, .device = 0xff, .group = 0xffff, .generation = UINT64_MAX},
         "b02e 01 ff ffff 0000 00000000000000000000000000000000 ffffffffffffffff"
         "00000000000000000000000000000000"},
        {{.member = true, .none_in_sync = true, .members = 3, .device = 1, .group = 1},
         "b02e 1b 01 0001 0000 00000000000000000000000000000000 0000000000000000"
         "00000000000000000000000000000000"},
        {{.member = true, .importing = true, .members = 16, .device = 1, .group = 1},
         "b02e 85 01 0001 0000 00000000000000000000000000000000 0000000000000000"
         "00000000000000000000000000000000"},
};

static void check_mode(const struct mode_mirror *a, const struct mode_mirror *b)
{
	ck_assert_int_eq(a->member, b->member);
	ck_assert_uint_eq(a->members, b->members);
	ck_assert_int_eq(a->none_in_sync, b->none_in_sync);
	ck_assert_int_eq(a->importing, b->importing);
	ck_assert_uint_eq(a->device, b->device);
	ck_assert_uint_eq(a->group, b->group);
	ck_assert_mem_eq(a->group_uuid, b->group_uuid, UUID_LEN);
	ck_assert_uint_eq(a->generation, b->generation);
	ck_assert_mem_eq(a->owner, b->owner, UUID_LEN);
	ck_assert_uint_eq(a->term, b->term);
	ck_assert(mode_mirror_equal(a, b));
}

START_TEST(mode_there_and_back)
{
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		uint8_t buf[MODE_MIRROR_LEN + 1] = {0};
		struct wr w = wr_init(buf, sizeof(buf));
		mode_mirror_put(&w, &modes[i].page);
		ck_assert(wr_ok(&w));
		ck_assert_uint_eq(w.n, MODE_MIRROR_LEN);
		hex_assert(buf, w.n, modes[i].hex);
		struct mode_mirror p;
		ck_assert(mode_mirror_get((struct span){buf, w.n}, &p));
		check_mode(&p, &modes[i].page);
		/* Another page may follow. */
		ck_assert(mode_mirror_get((struct span){buf, MODE_MIRROR_LEN + 1}, &p));
		for (size_t n = 0; n < MODE_MIRROR_LEN; n++) {
			memset(&p, 0x5a, sizeof(p));
			struct mode_mirror before = p;
			ck_assert_msg(!mode_mirror_get((struct span){buf, n}, &p), "%zu bytes", n);
			ck_assert_mem_eq(&p, &before, sizeof(p));
			w = wr_init(buf, n);
			mode_mirror_put(&w, &modes[i].page);
			ck_assert(!wr_ok(&w));
		}
	}
}
END_TEST

START_TEST(mode_refusals)
{
	static const struct change changes[] = {
	        {0, 0x30, true},  {0, 0xf0, false}, {0, 0x70, false}, {0, 0xb1, false},
	        {1, 0x2d, false}, {1, 0x2f, false}, {2, 0x00, true},  {2, 0x81, true},
	        {6, 0x01, true},  {7, 0x80, true},  {32, 0x01, true}, {47, 0x01, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		uint8_t buf[MODE_MIRROR_LEN];
		struct mode_mirror p;
		size_t n = hex_get(modes[0].hex, buf, sizeof(buf));
		buf[changes[i].at] = changes[i].to;
		ck_assert_msg(mode_mirror_get((struct span){buf, n}, &p) == changes[i].ok,
		              "byte %zu: %02x", changes[i].at, changes[i].to);
	}
}
END_TEST

/* Of before there was a bit for it. */
START_TEST(mode_of_before)
{
	uint8_t buf[MODE_MIRROR_LEN];
	struct mode_mirror p;
	size_t n = hex_get(modes[0].hex, buf, sizeof(buf));

	buf[2] = 31 << 3 | 1;
	ck_assert(mode_mirror_get((struct span){buf, n}, &p));
	ck_assert(p.member && p.none_in_sync && !p.importing);
	ck_assert_uint_eq(p.members, 0);
}
END_TEST

TAP_MAIN("page", vpd_there_and_back, vpd_refusals, target_names, mode_there_and_back, mode_refusals,
         mode_of_before);
