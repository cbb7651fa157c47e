/* SPDX-License-Identifier: BSD-2-Clause */
/* Atomic writes, and what is left of one that was cut off. The record is made by hand here. */
#include "unit/store_files.h"
#include "unit/tap_main.h"

#include "base/crc.h"
#include "shell/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK  512
#define BLOCKS 64
#define HEAD   32

static void set_up(void)
{
	files_set_up(".atomic");
}

static struct store *open_it(bool write_protect)
{
	return files_open(BLOCKS * BLOCK, BLOCK,
	                  (struct store_config){.write_protect = write_protect});
}

/* A record, of which the first n bytes came to the file; its data are of one byte. */
static void leave_record(lba_t lba, uint32_t blocks, uint8_t fill, size_t n)
{
	uint8_t bytes[HEAD + BLOCKS * BLOCK];
	size_t data = (size_t)blocks * BLOCK;
	struct wr w = wr_init(bytes, sizeof(bytes));
	wr_bytes(&w, "SMIRATW", 8);
	wr_u32(&w, 1);
	wr_u32(&w, BLOCK);
	wr_u64(&w, lba);
	wr_u32(&w, blocks);
	memset(bytes + HEAD, fill, data);
	wr_u32(&w, crc32c(crc32c(0, bytes, HEAD - 4), bytes + HEAD, data));
	int fd = open(files.beside, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	n = n < HEAD + data ? n : HEAD + data;
	ck_assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && close(fd) == 0);
}

static off_t record_left(void)
{
	struct stat st;
	return stat(files.beside, &st) == 0 ? st.st_size : -1;
}

static void assert_blocks(struct store *s, lba_t lba, uint32_t blocks, uint8_t fill)
{
	uint8_t one[BLOCK];
	uint32_t good = 0, differs = 0;
	memset(one, fill, sizeof(one));
	ck_assert_int_eq(store_compare(s, lba, blocks, one, true, &good, &differs), STORE_OK);
}

START_TEST(writes)
{
	uint8_t data[4 * BLOCK];
	uint32_t good = 0;
	memset(data, 0x5a, sizeof(data));
	struct store *s = open_it(false);
	ck_assert_msg(s != NULL, "%s", files.why);
	ck_assert_int_eq(record_left(), -1); /* nobody asked for it yet */
	for (lba_t lba = 3; lba < 20; lba += 8)
		ck_assert_int_eq(store_write_atomic(s, lba, 4, data, &good), STORE_OK);
	ck_assert_uint_eq(good, 4);
	assert_blocks(s, 3, 4, 0x5a);
	assert_blocks(s, 7, 4, 0);
	assert_blocks(s, 19, 4, 0x5a);
	ck_assert_int_eq(record_left(), 0);
	store_close(s);
}
END_TEST

/* The process ended when the record was there: the blocks may be there by half, and become whole.
 */
START_TEST(finishes_what_was_cut_off)
{
	store_close(open_it(false));
	leave_record(10, 3, 0x77, SIZE_MAX);
	struct store *s = open_it(true);
	ck_assert_ptr_null(s);
	ck_assert_ptr_nonnull(strstr(files.why, "a write was cut off"));
	ck_assert_ptr_nonnull(strstr(files.why, files.beside));
	s = open_it(false);
	ck_assert_msg(s != NULL, "%s", files.why);
	assert_blocks(s, 9, 1, 0);
	assert_blocks(s, 10, 3, 0x77);
	assert_blocks(s, 13, 1, 0);
	ck_assert_int_eq(record_left(), 0);
	store_close(s);
	s = open_it(true);
	ck_assert_msg(s != NULL, "%s", files.why);
	store_close(s);
}
END_TEST

/* It ended before: nothing was begun, and nothing is done. */
static const size_t cut_off_at[] = {0, 1, 8, HEAD - 1, HEAD, HEAD + 1, HEAD + 3 * BLOCK - 1};

START_TEST(forgets_what_is_not_whole)
{
	store_close(open_it(false));
	leave_record(10, 3, 0x77, cut_off_at[_i]);
	struct store *s = open_it(false);
	ck_assert_msg(s != NULL, "%s", files.why);
	assert_blocks(s, 0, BLOCKS, 0);
	ck_assert_int_eq(record_left(), 0);
	store_close(s);
}
END_TEST

/* Of what is no record of this store, nothing is believed. */
START_TEST(forgets_what_is_not_its_own)
{
	static const struct {
		lba_t lba;
		uint32_t blocks;
		long flip; /* a byte, -1: none */
	} bad[] = {
	        {BLOCKS - 2, 3, -1}, {UINT64_MAX, 1, -1}, {10, 3, 0},  {10, 3, 11},
	        {10, 3, 15},         {10, 3, 23},         {10, 3, 31}, {10, 3, HEAD + 700},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		store_close(open_it(false));
		leave_record(bad[i].lba, bad[i].blocks, 0x77, SIZE_MAX);
		int fd = open(files.beside, O_RDWR);
		uint8_t b = 0;
		if (bad[i].flip >= 0) {
			ck_assert(pread(fd, &b, 1, bad[i].flip) == 1);
			b ^= 1;
			ck_assert(pwrite(fd, &b, 1, bad[i].flip) == 1);
		}
		(void)close(fd);
		struct store *s = open_it(false);
		ck_assert_msg(s != NULL, "%zu: %s", i, files.why);
		assert_blocks(s, 0, BLOCKS, 0);
		ck_assert_int_eq(record_left(), 0);
		store_close(s);
	}
}
END_TEST

/* A record that cannot be kept: nothing is written. */
START_TEST(no_record_no_write)
{
	uint8_t data[2 * BLOCK];
	uint32_t good = 9;
	memset(data, 0x5a, sizeof(data));
	struct store *s = open_it(false);
	ck_assert(mkdir(files.beside, 0700) == 0);
	ck_assert_int_eq(store_write_atomic(s, 3, 2, data, &good), STORE_ERROR);
	ck_assert_uint_eq(good, 0);
	assert_blocks(s, 0, BLOCKS, 0);
	ck_assert(rmdir(files.beside) == 0);
	ck_assert_int_eq(store_write_atomic(s, 3, 2, data, &good), STORE_OK);
	assert_blocks(s, 3, 2, 0x5a);
	store_close(s);
}
END_TEST

TAP_MAIN_TABLE("store_atomic", set_up, files_tear_down, TAP_ONCE(writes),
               TAP_ONCE(finishes_what_was_cut_off), TAP_EACH(forgets_what_is_not_whole, cut_off_at),
               TAP_ONCE(forgets_what_is_not_its_own), TAP_ONCE(no_record_no_write));
