/* SPDX-License-Identifier: BSD-2-Clause */
/* Checksums of a store, in FILE.integrity: what is found, what is not taken for damage, and what is
 * left of writes that were cut off. */
#include "unit/store_files.h"
#include "unit/tap_main.h"

#include "base/prng.h"
#include "shell/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BS      512U
#define BLOCKS  3000U
#define SUMS_AT 8192

static void set_up(void)
{
	files_set_up(".integrity");
}

static struct store *open_as(bool integrity, bool write_protect)
{
	return files_open(
	        (uint64_t)BLOCKS * BS, BS,
	        (struct store_config){.integrity = integrity, .write_protect = write_protect});
}

static struct store *open_it(void)
{
	return files_opened((uint64_t)BLOCKS * BS, BS, (struct store_config){.integrity = true});
}

static void put(struct store *s, lba_t lba, uint32_t n, uint8_t with)
{
	uint8_t *p = malloc((size_t)n * BS);
	uint32_t good;
	for (size_t i = 0; i < (size_t)n * BS; i++)
		p[i] = (uint8_t)(with + i / BS);
	ck_assert_int_eq(store_write(s, lba, n, p, &good), STORE_OK);
	free(p);
}

/* Good blocks of a read, and its result. */
static enum tgt_store_result read_all(struct store *s, lba_t lba, uint32_t n, uint32_t *good)
{
	uint8_t *p = malloc((size_t)n * BS);
	enum tgt_store_result r = store_read(s, lba, n, p, good);
	free(p);
	return r;
}

static void assert_rotten(struct store *s, lba_t lba)
{
	uint32_t good = 99, differs;
	lba_t from = lba < 3 ? 0 : lba - 3;
	uint8_t data[BS] = {0};
	ck_assert_int_eq(read_all(s, from, 7, &good), STORE_ROTTEN);
	ck_assert_uint_eq(good, lba - from);
	ck_assert_int_eq(store_verify(s, 0, BLOCKS, &good), STORE_ROTTEN);
	ck_assert_uint_eq(good, lba);
	ck_assert_int_eq(store_compare(s, lba, 1, data, false, &good, &differs), STORE_ROTTEN);
	ck_assert_int_eq(store_or(s, lba, 1, data, &good), STORE_ROTTEN);
}

static void assert_right(struct store *s)
{
	uint32_t good;
	ck_assert_int_eq(store_verify(s, 0, BLOCKS, &good), STORE_OK);
}

START_TEST(what_was_written_is_read)
{
	struct store *s = open_it();
	uint32_t good;
	ck_assert(store_has_integrity(s));
	assert_right(s); /* nothing was written: zeros */
	put(s, 0, BLOCKS, 1);
	put(s, 700, 600, 9); /* more than its entries are moved at once */
	assert_right(s);
	ck_assert_int_eq(store_zero(s, 100, 1500, &good), STORE_OK);
	assert_right(s);
	const uint8_t ones[BS] = {0x11};
	static const uint8_t none[700 * BS];
	ck_assert_int_eq(store_write_same(s, 5, 300, ones, &good), STORE_OK);
	ck_assert_int_eq(store_or(s, 50, 700, none, &good), STORE_OK);
	ck_assert_int_eq(store_write_atomic(s, 2990, 1, ones, &good), STORE_OK);
	assert_right(s);
	store_close(s);
	s = open_it();
	assert_right(s);
	store_close(s);
	/* used where it is there */
	s = open_as(false, true);
	ck_assert(s && store_has_integrity(s));
	assert_right(s);
	store_close(s);
}
END_TEST

/* One bit, anywhere; a write that never came; one that went astray; zeros in its place. */
START_TEST(each_kind_of_damage_is_found)
{
	uint8_t old[BS], other[BS], byte;
	struct prng g = prng_init(1);
	for (unsigned i = 0; i < 40; i++) {
		lba_t lba = prng_below(&g, BLOCKS - 8);
		off_t at = (off_t)(lba * BS + prng_below(&g, BS));
		struct store *s = open_it();
		put(s, 0, BLOCKS, (uint8_t)i);
		ck_assert_int_eq(store_flush(s), STORE_OK);
		peek(files.path, old, BS, (off_t)(lba * BS));
		put(s, lba, 1, 0x77);
		ck_assert_int_eq(store_flush(s), STORE_OK);
		switch (i % 4) {
		case 0:
			peek(files.path, &byte, 1, at);
			byte ^= (uint8_t)(1U << i / 4 % 8);
			poke(files.path, &byte, 1, at);
			break;
		case 1:
			poke(files.path, old, BS, (off_t)(lba * BS));
			break;
		case 2:
			peek(files.path, other, BS, (off_t)((lba + 5) * BS));
			poke(files.path, other, BS, (off_t)(lba * BS));
			break;
		default:
			memset(other, 0, BS);
			poke(files.path, other, BS, (off_t)(lba * BS));
			break;
		}
		assert_rotten(s, lba);
		store_close(s);
		s = open_it(); /* closing does not make it right */
		assert_rotten(s, lba);
		put(s, lba, 1, 3); /* but writing it anew does */
		assert_right(s);
		store_close(s);
	}
}
END_TEST

/* A write that goes astray into blocks that nobody ever wrote. */
START_TEST(damage_to_what_was_never_written)
{
	struct store *s = open_it();
	uint8_t one = 1;
	poke(files.path, &one, 1, 1000 * BS + 11);
	assert_rotten(s, 1000);
	store_close(s);
}
END_TEST

START_TEST(a_store_with_data_gets_its_checksums_at_the_first_start)
{
	struct store *s = open_as(false, false);
	ck_assert(s && !store_has_integrity(s));
	put(s, 10, 2000, 5);
	store_close(s);
	s = open_it();
	assert_right(s);
	ck_assert(!in_doubt());
	uint8_t byte = 0xee;
	poke(files.path, &byte, 1, 500 * BS);
	assert_rotten(s, 500);
	store_close(s);
}
END_TEST

/* The process ends in the middle of it, with this left behind. */
static void cut_off(bool flushed_before, bool flushed_after)
{
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct store *s = open_as(true, false);
		if (!s)
			_exit(1);
		put(s, 100, 50, 1);
		if (flushed_before && store_flush(s) != STORE_OK)
			_exit(1);
		if (!flushed_before || flushed_after)
			put(s, 120, 1, 7);
		if (flushed_after && store_flush(s) != STORE_OK)
			_exit(1);
		_exit(0);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

START_TEST(a_write_that_was_cut_off_is_no_damage)
{
	uint8_t block[BS];
	memset(block, 0x99, BS);
	cut_off(false, false);
	ck_assert(in_doubt());
	poke(files.path, block, BS, 120 * BS); /* what the medium has kept of it */
	ck_assert_ptr_null(open_as(true, true));
	ck_assert_msg(strstr(files.why, ".integrity: writes were cut off"), "%s", files.why);
	struct store *s = open_it();
	assert_right(s);
	ck_assert(!in_doubt());
	store_close(s);
}
END_TEST

/* Nor where the end of an atomic write is found beside it, which is flushed. */
START_TEST(nor_beside_an_atomic_write)
{
	uint8_t block[BS];
	memset(block, 0x99, BS);
	cut_off(false, false);
	poke(files.path, block, BS, 120 * BS);
	files_record(&(struct files_record){BS, 1000, 2, 0x66, false}, SIZE_MAX);
	struct store *s = open_it();
	assert_right(s);
	store_close(s);
	peek(files.path, block, BS, 1001 * BS);
	ck_assert_uint_eq(block[0], 0x66);
}
END_TEST

START_TEST(the_first_checksums_beside_an_atomic_write)
{
	struct store *s = open_as(false, false);
	ck_assert_ptr_nonnull(s);
	put(s, 10, 2000, 5);
	store_close(s);
	files_record(&(struct files_record){BS, 1000, 2, 0x66, false}, SIZE_MAX);
	s = open_it();
	assert_right(s);
	store_close(s);
}
END_TEST

/* What was flushed is not in doubt: a crash does not whitewash it. */
START_TEST(what_was_flushed_is_not_in_doubt)
{
	for (unsigned k = 0; k < 2; k++) {
		uint8_t block[BS];
		memset(block, 0x99, BS);
		cut_off(k == 0, k == 1);
		ck_assert(!in_doubt());
		poke(files.path, block, BS, 120 * BS);
		struct store *s = open_it();
		assert_rotten(s, 120);
		put(s, 120, 1, 1);
		store_close(s);
	}
}
END_TEST

struct writer {
	struct store *s;
	lba_t lba;
};

static void *write_on(void *ctx)
{
	struct writer *w = ctx;
	for (unsigned i = 0; i < 300; i++)
		put(w->s, w->lba + i % 40, 3, (uint8_t)i);
	return NULL;
}

/* A flush beside writes lets go of no mark that they count on. */
START_TEST(writes_and_flushes_side_by_side)
{
	struct store *s = open_it();
	struct writer w[3];
	pthread_t t[3];
	for (unsigned i = 0; i < 3; i++) {
		w[i] = (struct writer){s, i * 1000};
		ck_assert_int_eq(pthread_create(&t[i], NULL, write_on, &w[i]), 0);
	}
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(store_flush(s), STORE_OK);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	assert_right(s);
	put(s, 0, 1, 1);
	ck_assert(in_doubt());
	ck_assert_int_eq(store_flush(s), STORE_OK);
	ck_assert(!in_doubt());
	store_close(s);
}
END_TEST

/* Where the file system is full the data may get the last room: their checksums have theirs. */
START_TEST(checksums_keep_their_room)
{
	struct stat before, after;
	uint32_t good;
	struct store *s = open_it();
	put(s, 0, BLOCKS, 1);
	ck_assert_int_eq(store_flush(s), STORE_OK);
	ck_assert(stat(files.beside, &before) == 0);
	ck_assert_int_eq(store_zero(s, 0, BLOCKS, &good), STORE_OK);
	ck_assert_int_eq(store_flush(s), STORE_OK);
	ck_assert(stat(files.beside, &after) == 0);
	ck_assert_int_ge(after.st_blocks, before.st_blocks);
	assert_right(s);
	store_close(s);
}
END_TEST

/* A block without its checksum is none that was written. The checksums begin behind the limit. */
START_TEST(blocks_without_checksums_are_not_good)
{
	const uint8_t data[2 * BS] = {1};
	struct rlimit was, few;
	uint32_t good = 9;
	struct store *s = open_it();
	ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &was) == 0);
	few = (struct rlimit){.rlim_cur = SUMS_AT, .rlim_max = was.rlim_max};
	ck_assert(setrlimit(RLIMIT_FSIZE, &few) == 0);
	ck_assert_int_eq(store_write(s, 3, 2, data, &good), STORE_NO_SPACE);
	ck_assert(setrlimit(RLIMIT_FSIZE, &was) == 0);
	ck_assert_uint_eq(good, 0);
	store_close(s);
}
END_TEST

static void refused(const char *text)
{
	ck_assert_ptr_null(open_as(true, false));
	ck_assert_msg(strstr(files.why, text) && strstr(files.why, files.beside), "%s", files.why);
}

START_TEST(a_file_that_is_no_such_file_is_refused)
{
	store_close(open_it());
	static const struct {
		off_t at;
		const char *text;
	} damage[] = {{0, "not the checksums of such a disk"},
	              {9, "not the checksums of such a disk"},
	              {20, "not the checksums of such a disk"},
	              {30, "not the checksums of such a disk"}};
	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		uint8_t was, is;
		peek(files.beside, &was, 1, damage[i].at);
		is = was ^ 0x40;
		poke(files.beside, &is, 1, damage[i].at);
		refused(damage[i].text);
		poke(files.beside, &was, 1, damage[i].at);
	}
	ck_assert_int_eq(truncate(files.beside, SUMS_AT + 4), 0);
	refused("not the checksums of such a disk");
	ck_assert_int_eq(truncate(files.beside, 0), 0); /* its creation was cut off */
	store_close(open_it());
	ck_assert_int_eq(unlink(files.beside), 0);
	ck_assert_int_eq(mkdir(files.beside, 0700), 0);
	refused("cannot be opened");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("store_integrity");
	TCase *c = tcase_create("store_integrity");
	tcase_add_checked_fixture(c, set_up, files_tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, what_was_written_is_read);
	tcase_add_test(c, each_kind_of_damage_is_found);
	tcase_add_test(c, damage_to_what_was_never_written);
	tcase_add_test(c, a_store_with_data_gets_its_checksums_at_the_first_start);
	tcase_add_test(c, a_write_that_was_cut_off_is_no_damage);
	tcase_add_test(c, nor_beside_an_atomic_write);
	tcase_add_test(c, the_first_checksums_beside_an_atomic_write);
	tcase_add_test(c, what_was_flushed_is_not_in_doubt);
	tcase_add_test(c, writes_and_flushes_side_by_side);
	tcase_add_test(c, checksums_keep_their_room);
	tcase_add_test(c, blocks_without_checksums_are_not_good);
	tcase_add_test(c, a_file_that_is_no_such_file_is_refused);
	suite_add_tcase(s, c);
	return s;
}

TAP_MAIN_SUITE(make_suite);
