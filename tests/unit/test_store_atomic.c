/* SPDX-License-Identifier: BSD-2-Clause */
/* Atomic writes, and what is left of one that was cut off. The record is made by hand here. */
#include "unit/store_files.h"
#include "unit/tap_main.h"

#include "shell/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK  512
#define BLOCKS 64
#define HEAD   FILES_RECORD_HEAD

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
	files_record(&(struct files_record){BLOCK, lba, blocks, fill, false}, n);
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

/* Of what is no record, nothing is believed. */
START_TEST(forgets_what_is_no_record)
{
	static const off_t flip[] = {0, 11, 12, 15, 23, 24, 27, 31, HEAD + 700};
	for (size_t i = 0; i < ARRAY_LEN(flip); i++) {
		uint8_t b;
		store_close(open_it(false));
		leave_record(10, 3, 0x77, SIZE_MAX);
		peek(files.beside, &b, 1, flip[i]);
		b ^= 1;
		poke(files.beside, &b, 1, flip[i]);
		struct store *s = open_it(false);
		ck_assert_msg(s != NULL, "%zu: %s", i, files.why);
		assert_blocks(s, 0, BLOCKS, 0);
		ck_assert_int_eq(record_left(), 0);
		store_close(s);
	}
}
END_TEST

/* The only copy of what another disk has: opened as that, it gets it. */
START_TEST(keeps_what_is_not_its_own)
{
	static const struct files_record others[] = {
	        {BLOCK, BLOCKS - 2, 3, 0x77, false}, {BLOCK, UINT64_MAX, 1, 0x77, false},
	        {4096, 2, 2, 0x77, false},           {8192, 0, 1, 0x77, false},
	        {BLOCK, 10, 3, 0x77, true},
	};
	store_close(open_it(false));
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		files_record(&others[i], SIZE_MAX);
		off_t n = record_left();
		for (unsigned k = 0; k < 2; k++) {
			ck_assert_ptr_null(open_it(k == 1));
			ck_assert_ptr_nonnull(strstr(files.why, "of another disk"));
			ck_assert_ptr_nonnull(strstr(files.why, files.beside));
			ck_assert_int_eq(record_left(), n);
		}
	}
	files_record(&others[2], SIZE_MAX);
	ck_assert_ptr_null(open_it(false));
	struct store *s = files_opened(BLOCKS * BLOCK, 4096, (struct store_config){.size = 0});
	ck_assert_int_eq(record_left(), 0);
	store_close(s);
	s = open_it(false);
	assert_blocks(s, 15, 1, 0);
	assert_blocks(s, 16, 16, 0x77);
	assert_blocks(s, 32, 1, 0);
	store_close(s);
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
               TAP_ONCE(forgets_what_is_no_record), TAP_ONCE(keeps_what_is_not_its_own),
               TAP_ONCE(no_record_no_write));
