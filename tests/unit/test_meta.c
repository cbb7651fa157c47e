/* SPDX-License-Identifier: BSD-2-Clause */
/* What is kept beside a store: round trip, and every kind of damage is seen. */
#include "unit/tap_main.h"

#include "base/crc.h"
#include "shell/meta.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], store[100], file[120], tmp[120], why[400];

static void set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/smirror-meta-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(store, sizeof(store), "%s/disk.img", dir);
	(void)snprintf(file, sizeof(file), "%s.meta", store);
	(void)snprintf(tmp, sizeof(tmp), "%s.meta.tmp", store);
}

static void tear_down(void)
{
	(void)unlink(file);
	(void)unlink(tmp);
	(void)rmdir(dir);
}

static struct meta example(void)
{
	struct meta m = {.block_size = 4096, .n_saved = 5};
	memcpy(m.uuid, "0123456789abcdef", UUID_LEN);
	memcpy(m.saved, "pages", 5);
	return m;
}

static size_t get_file(uint8_t *p, size_t cap)
{
	int fd = open(file, O_RDONLY);
	ssize_t n = read(fd, p, cap);
	ck_assert(fd >= 0 && n >= 0 && close(fd) == 0);
	return (size_t)n;
}

static void put_file(const uint8_t *p, size_t n)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert(fd >= 0 && write(fd, p, n) == (ssize_t)n && close(fd) == 0);
}

START_TEST(comes_back)
{
	struct meta m = example(), out;
	ck_assert_int_eq(meta_load(store, &out, why, sizeof(why)), META_NONE);
	ck_assert(meta_save(store, &m, why, sizeof(why)));
	ck_assert_int_eq(meta_load(store, &out, why, sizeof(why)), META_LOADED);
	ck_assert(memcmp(out.uuid, m.uuid, UUID_LEN) == 0);
	ck_assert_uint_eq(out.block_size, 4096);
	ck_assert_uint_eq(out.n_saved, 5);
	ck_assert(memcmp(out.saved, "pages", 5) == 0);
	ck_assert(access(tmp, F_OK) != 0);
	/* what a crash left behind does not matter */
	ck_assert(close(open(tmp, O_WRONLY | O_CREAT, 0600)) == 0);
	m.n_saved = 0;
	ck_assert(meta_save(store, &m, why, sizeof(why)));
	ck_assert_int_eq(meta_load(store, &out, why, sizeof(why)), META_LOADED);
	ck_assert_uint_eq(out.n_saved, 0);
}
END_TEST

/* Files of the version before have no capacity, and are written so until it is known. */
START_TEST(without_a_capacity)
{
	static const uint64_t wrong[] = {0, INT64_MAX / 4096 + 1, UINT64_MAX};
	struct meta m = example(), out;
	uint8_t bytes[400];
	ck_assert(meta_save(store, &m, why, sizeof(why)));
	ck_assert_uint_eq(get_file(bytes, sizeof(bytes)), 32 + 5 + 4);
	ck_assert_uint_eq(bytes[9], 1);
	ck_assert_int_eq(meta_load(store, &out, why, sizeof(why)), META_LOADED);
	ck_assert_uint_eq(out.blocks, 0);
	m.blocks = 0x1234567;
	ck_assert(meta_save(store, &m, why, sizeof(why)));
	size_t n = get_file(bytes, sizeof(bytes));
	ck_assert_int_eq(meta_load(store, &out, why, sizeof(why)), META_LOADED);
	ck_assert_uint_eq(out.blocks, m.blocks);
	ck_assert(out.n_saved == 5 && memcmp(out.saved, "pages", 5) == 0);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		put_be64(bytes + 32, wrong[i]);
		put_be32(bytes + n - 4, crc32c(0, bytes, n - 4));
		put_file(bytes, n);
		ck_assert_int_eq(meta_load(store, &out, why, sizeof(why)), META_BAD);
		ck_assert_ptr_nonnull(strstr(why, "number of blocks"));
	}
}
END_TEST

/* Who does not know of them does not know the version. */
START_TEST(checksums_are_known_of)
{
	struct meta m = example(), out;
	uint8_t bytes[400];
	m.blocks = 99;
	for (int i = 0; i < 2; i++) {
		m.sums = i;
		ck_assert(meta_save(store, &m, why, sizeof(why)));
		ck_assert_int_eq(meta_load(store, &out, why, sizeof(why)), META_LOADED);
		ck_assert(out.sums == m.sums && out.blocks == 99 && out.n_saved == 5);
		(void)get_file(bytes, sizeof(bytes));
		ck_assert_int_eq(bytes[9], 2 + i);
	}
}
END_TEST

START_TEST(each_damaged_byte_is_seen)
{
	struct meta m = example(), out = {.block_size = 77};
	m.blocks = _i ? 99 : 0;
	m.sums = _i > 1;
	uint8_t bytes[400];
	ck_assert(meta_save(store, &m, why, sizeof(why)));
	size_t n = get_file(bytes, sizeof(bytes));
	for (size_t i = 0; i < n; i++) {
		bytes[i] ^= 0x10;
		put_file(bytes, n);
		why[0] = '\0';
		ck_assert_msg(meta_load(store, &out, why, sizeof(why)) == META_BAD, "byte %zu", i);
		ck_assert_ptr_nonnull(strstr(why, file));
		bytes[i] ^= 0x10;
	}
	for (size_t i = 0; i < n; i++) {
		put_file(bytes, i);
		ck_assert_msg(meta_load(store, &out, why, sizeof(why)) == META_BAD, "cut at %zu",
		              i);
	}
	bytes[n] = 0;
	put_file(bytes, n + 1);
	ck_assert_int_eq(meta_load(store, &out, why, sizeof(why)), META_BAD);
	ck_assert_uint_eq(out.block_size, 77);
}
END_TEST

START_TEST(later_versions_are_named)
{
	struct meta m = example(), out;
	uint8_t bytes[400];
	ck_assert(meta_save(store, &m, why, sizeof(why)));
	size_t n = get_file(bytes, sizeof(bytes));
	bytes[9] = 4;
	put_file(bytes, n);
	ck_assert_int_eq(meta_load(store, &out, why, sizeof(why)), META_BAD);
	ck_assert_ptr_nonnull(strstr(why, "version"));
}
END_TEST

START_TEST(a_save_that_fails_leaves_the_old_one)
{
	struct meta m = example(), out;
	ck_assert(meta_save(store, &m, why, sizeof(why)));
	ck_assert(mkdir(tmp, 0700) == 0); /* the new file cannot be made */
	m.block_size = 512;
	ck_assert(!meta_save(store, &m, why, sizeof(why)));
	ck_assert_ptr_nonnull(strstr(why, file));
	ck_assert(rmdir(tmp) == 0);
	ck_assert_int_eq(meta_load(store, &out, why, sizeof(why)), META_LOADED);
	ck_assert_uint_eq(out.block_size, 4096);
}
END_TEST

TAP_MAIN_TABLE("meta", set_up, tear_down, TAP_ONCE(comes_back), TAP_ONCE(without_a_capacity),
               TAP_ONCE(checksums_are_known_of), TAP_TIMES(each_damaged_byte_is_seen, 3),
               TAP_ONCE(later_versions_are_named), TAP_ONCE(a_save_that_fails_leaves_the_old_one));
