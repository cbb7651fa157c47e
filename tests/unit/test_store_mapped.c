/* SPDX-License-Identifier: BSD-2-Clause */
/* A store on tmpfs that is mapped, and what is left of it by a process that was killed. Where
 * /dev/shm is no tmpfs there is nothing to map, and nothing to look at. */
#include "unit/store_files.h"
#include "unit/tap_main.h"

#include "base/prng.h"
#include "shell/store.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK  512
#define SIZE   (1024 * KIB)
#define BLOCKS ((uint32_t)(SIZE / BLOCK))
#define CHUNK  (256 * KIB)
#define OFTEN  4 /* writes after which a chunk is mapped */

static uint8_t *want, *got; /* SIZE bytes each */

static void set_up(void)
{
	files_set_up_shm(".redo");
	want = calloc(1, SIZE);
	got = calloc(1, SIZE);
	ck_assert(want && got);
}

static void tear_down(void)
{
	files_tear_down();
	free(want);
	free(got);
}

static struct store *open_as(bool map, bool write_protect)
{
	return files_open(SIZE, BLOCK,
	                  (struct store_config){.map = map, .write_protect = write_protect});
}

static struct store *open_it(void)
{
	return files_opened(SIZE, BLOCK, (struct store_config){.map = true});
}

static void put(struct store *s, lba_t lba, uint32_t blocks, uint8_t fill)
{
	uint32_t good = 0;
	memset(want + lba * BLOCK, fill, (size_t)blocks * BLOCK);
	ck_assert_int_eq(store_write(s, lba, blocks, want + lba * BLOCK, &good), STORE_OK);
	ck_assert_uint_eq(good, blocks);
}

/* All of it as is wanted: by the store, and in the file, where others find it. */
static void assert_same(struct store *s)
{
	uint32_t good = 0;
	ck_assert_int_eq(store_read(s, 0, BLOCKS, got, &good), STORE_OK);
	ck_assert(memcmp(got, want, SIZE) == 0);
	int fd = open(files.path, O_RDONLY);
	ck_assert(fd >= 0 && pread(fd, got, SIZE, 0) == (ssize_t)SIZE && close(fd) == 0);
	ck_assert(memcmp(got, want, SIZE) == 0);
}

static bool is_mapped(void)
{
	return access(files.beside, F_OK) == 0;
}

START_TEST(maps_what_is_written_often)
{
	struct store *s = open_it();
	for (uint8_t i = 1; i < 3; i++)
		put(s, 0, BLOCKS, i);
	ck_assert(!is_mapped());
	put(s, 0, BLOCKS, 3);
	ck_assert(is_mapped() == store_in_memory(s));
	for (uint8_t i = 4; i < 8; i++)
		put(s, i, i, i);
	assert_same(s);
	store_close(s);
	ck_assert(!is_mapped());
	s = open_it();
	assert_same(s);
	store_close(s);
}
END_TEST

START_TEST(not_where_it_is_not_wanted)
{
	struct store *s = open_as(false, false);
	for (uint8_t i = 0; i < 9; i++)
		put(s, 0, BLOCKS, i);
	ck_assert(!is_mapped());
	assert_same(s);
	store_close(s);
}
END_TEST

/* Writes, holes and reads of any size and place, against a buffer. */
START_TEST(is_the_same_store)
{
	struct prng rng = prng_init(7);
	struct store *s = open_it();
	uint32_t good = 0;
	for (unsigned i = 0; i < 4000; i++) {
		uint32_t n = 1 + (uint32_t)prng_below(&rng, prng_below(&rng, 4) ? 32 : 600);
		lba_t lba = prng_below(&rng, BLOCKS - n + 1);
		uint8_t *p = want + lba * BLOCK;
		if (prng_below(&rng, 20) == 0) {
			memset(p, 0, (size_t)n * BLOCK);
			ck_assert_int_eq(store_zero(s, lba, n, &good), STORE_OK);
		} else if (prng_below(&rng, 4) == 0) {
			ck_assert_int_eq(store_read(s, lba, n, got, &good), STORE_OK);
			ck_assert(memcmp(got, p, (size_t)n * BLOCK) == 0);
		} else {
			for (size_t k = 0; k < (size_t)n * BLOCK; k++)
				p[k] = (uint8_t)(prng_u64(&rng) >> 56);
			ck_assert_int_eq(store_write(s, lba, n, p, &good), STORE_OK);
		}
	}
	assert_same(s);
	store_close(s);
}
END_TEST

static blkcnt_t room(void)
{
	struct stat st;
	ck_assert(stat(files.path, &st) == 0);
	return st.st_blocks;
}

/* Mapping fills no hole. */
START_TEST(holes_stay)
{
	struct store *s = open_it();
	struct lba_status map[4];
	uint32_t good = 0;
	for (unsigned i = 0; i < 40; i++)
		put(s, 0, 8, (uint8_t)i);
	ck_assert_int_le(room(), 16);
	for (unsigned i = 0; i < OFTEN; i++)
		put(s, 0, BLOCKS, (uint8_t)i);
	memset(want + CHUNK, 0, 4096);
	ck_assert_int_eq(store_zero(s, CHUNK / BLOCK, 4096 / BLOCK, &good), STORE_OK);
	for (unsigned i = 0; i < 40; i++)
		put(s, CHUNK / BLOCK + 64, 8, (uint8_t)i);
	ck_assert_uint_eq(store_map(s, 0, map, 4), 3);
	ck_assert(map[1].lba == CHUNK / BLOCK && map[1].status == LBA_DEALLOCATED);
	/* and what is written there is there */
	for (unsigned i = 0; i < 40; i++)
		put(s, CHUNK / BLOCK, 8, (uint8_t)i);
	assert_same(s);
	store_close(s);
}
END_TEST

/* Memory that is gone: the file was made shorter by somebody. */
START_TEST(survives_a_file_that_shrinks)
{
	uint32_t good = 0;
	struct store *s = open_it();
	for (uint8_t i = 0; i < OFTEN; i++)
		put(s, 0, BLOCKS, i);
	ck_assert(truncate(files.path, BLOCK) == 0);
	ck_assert_int_eq(store_read(s, 0, BLOCKS, got, &good), STORE_ERROR);
	ck_assert_uint_eq(good, 1);
	for (uint8_t i = 0; i < 2 * OFTEN; i++)
		put(s, 0, BLOCKS, i);
	assert_same(s);
	/* the record, too */
	if (is_mapped())
		ck_assert(truncate(files.beside, 0) == 0);
	for (uint8_t i = 0; i < 3 * OFTEN; i++)
		put(s, 8, 64, i);
	assert_same(s);
	store_close(s);
}
END_TEST

START_TEST(says_when_it_was_written)
{
	const struct timespec then[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct stat st;
	struct store *s = open_it();
	for (uint8_t i = 0; i < OFTEN; i++)
		put(s, 0, BLOCKS, i);
	ck_assert(utimensat(AT_FDCWD, files.path, then, 0) == 0);
	put(s, 0, BLOCKS, 9);
	ck_assert_int_eq(store_flush(s), STORE_OK);
	ck_assert(stat(files.path, &st) == 0);
	ck_assert_int_gt(st.st_mtim.tv_sec, 1000);
	store_close(s);
}
END_TEST

/* ---- killed ---- */

#define AT_ONCE 128 /* blocks: 4 pieces */
#define A_PIECE (AT_ONCE / 4 * BLOCK)

/* Writes all ones, all twos ..., and says so at the one that is asked for. */
static void write_for_ever(int told, unsigned until)
{
	static uint8_t data[AT_ONCE * BLOCK];
	uint32_t good = 0;
	struct store *s = open_as(true, false);
	for (unsigned i = 0; s; i++) {
		memset(data, (int)(i & 0xFF), sizeof(data));
		if (store_write(s, 0, AT_ONCE, data, &good) != STORE_OK ||
		    (i == until && write(told, "", 1) != 1))
			break;
	}
	_exit(1);
}

/* Nothing is half new: each piece is of one write, those in front of the same or of the next. */
static void assert_whole(unsigned round)
{
	for (size_t at = 0; at < AT_ONCE * BLOCK; at += A_PIECE) {
		uint8_t first = got[at], before = at ? got[at - 1] : first;
		size_t i = 1;
		while (i < A_PIECE && got[at + i] == first)
			i++;
		ck_assert_msg(i == A_PIECE, "round %u: torn at %zu", round, at + i);
		ck_assert_msg(before == first || before == (uint8_t)(first + 1), "round %u", round);
	}
}

START_TEST(a_kill_tears_no_block)
{
	struct prng rng = prng_init(3);
	struct store *s = open_it();
	put(s, 0, BLOCKS, 0);
	store_close(s);
	for (unsigned round = 0; round < 40; round++) {
		uint32_t good = 0;
		int told[2];
		char byte;
		unsigned until = OFTEN + (unsigned)prng_below(&rng, 50);
		ck_assert(pipe(told) == 0);
		pid_t child = fork();
		ck_assert(child >= 0);
		if (child == 0)
			write_for_ever(told[1], until);
		ck_assert(close(told[1]) == 0 && read(told[0], &byte, 1) == 1);
		ck_assert(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
		ck_assert(close(told[0]) == 0);
		s = open_it();
		ck_assert_int_eq(store_read(s, 0, AT_ONCE, got, &good), STORE_OK);
		assert_whole(round);
		store_close(s);
	}
}
END_TEST

/* ---- what was left, made by hand ---- */

struct left {
	char magic[8];
	uint64_t inode;
	uint64_t at;
	int64_t since;
	uint32_t len;
	uint8_t gap[4096 - 36];
	uint8_t piece[16 * KIB];
};

static int64_t clock_ns(void)
{
	struct timespec t;
	ck_assert(clock_gettime(CLOCK_REALTIME, &t) == 0);
	return t.tv_sec * (int64_t)NS_PER_S + t.tv_nsec;
}

/* The piece, of which the first n bytes came to the store. */
static void leave(uint64_t at, uint32_t len, int64_t since, size_t n)
{
	static struct left l;
	struct stat st;
	memcpy(l.magic, "SMIRRDO", 8);
	l.at = at;
	l.len = len;
	l.since = since;
	memset(l.piece, 0x77, sizeof(l.piece));
	int store = open(files.path, O_WRONLY);
	ck_assert(store >= 0 && pwrite(store, l.piece, n, (off_t)at) == (ssize_t)n);
	ck_assert(fstat(store, &st) == 0 && close(store) == 0);
	l.inode = st.st_ino;
	int fd = open(files.beside, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert(fd >= 0 && write(fd, &l, sizeof(l)) == (ssize_t)sizeof(l) && close(fd) == 0);
}

static void leave_bytes(const char *bytes, size_t n)
{
	int fd = open(files.beside, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && close(fd) == 0);
}

#define CUT 16 /* as little as can be there */

static void make_store(uint8_t fill)
{
	struct store *s = open_as(false, false);
	ck_assert_msg(s != NULL, "%s", files.why);
	put(s, 0, BLOCKS, fill);
	store_close(s);
}

/* A new file, which no redo file belongs to. */
static void make_again(uint8_t fill)
{
	memset(want, fill, SIZE);
	int fd = open(files.path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ck_assert(fd >= 0 && write(fd, want, SIZE) == (ssize_t)SIZE && close(fd) == 0);
}

/* As the store was left: nothing was finished. */
static void assert_left(lba_t lba)
{
	struct store *s = open_as(false, false);
	ck_assert_msg(s != NULL, "%s", files.why);
	ck_assert(!is_mapped());
	memset(want + lba * BLOCK, 0x77, CUT);
	assert_same(s);
	store_close(s);
}

/* Place and length in the redo file. */
static void change(off_t where, uint64_t at, uint32_t len)
{
	int fd = open(files.beside, O_WRONLY);
	ck_assert(fd >= 0 && pwrite(fd, &at, sizeof(at), where) == (ssize_t)sizeof(at));
	ck_assert(pwrite(fd, &len, sizeof(len), where + 16) == (ssize_t)sizeof(len));
	ck_assert(close(fd) == 0);
}

static void assert_after(lba_t lba, uint32_t blocks, uint8_t fill)
{
	struct store *s = open_as(false, false);
	ck_assert_msg(s != NULL, "%s", files.why);
	ck_assert(!is_mapped());
	memset(want + lba * BLOCK, fill, (size_t)blocks * BLOCK);
	assert_same(s);
	store_close(s);
}

START_TEST(finishes_what_was_begun)
{
	make_store(1);
	leave(4 * BLOCK, 3 * BLOCK, clock_ns(), CUT);
	assert_after(4, 3, 0x77);
	leave(8 * BLOCK, 3 * BLOCK, clock_ns(), 2 * BLOCK + 48);
	assert_after(8, 3, 0x77);
	/* up to the end */
	leave(SIZE - 16 * KIB, 16 * KIB, clock_ns(), BLOCK);
	assert_after(BLOCKS - 32, 32, 0x77);
	/* nothing came to the store: it is as it was */
	leave(20 * BLOCK, 3 * BLOCK, clock_ns(), 0);
	assert_after(20, 3, 1);
}
END_TEST

/* What is there at rest, and while it is made. */
START_TEST(nothing_was_under_way)
{
	static const char zeros[sizeof(struct left)];

	make_store(1);
	leave(4 * BLOCK, 0, clock_ns(), 0);
	assert_after(4, 0, 0);
	/* of a disk that was larger, or had other blocks */
	leave(0, 0, clock_ns(), 0);
	int fd = open(files.beside, O_WRONLY);
	const uint64_t at = 8 * SIZE + 1;
	ck_assert(fd >= 0 && pwrite(fd, &at, 8, 16) == 8 && close(fd) == 0);
	assert_after(4, 0, 0);
	leave_bytes(zeros, 0);
	assert_after(4, 0, 0);
	leave_bytes(zeros, 100);
	assert_after(4, 0, 0);
	leave_bytes(zeros, sizeof(zeros));
	assert_after(4, 0, 0);
}
END_TEST

/* Somebody put another image there since, with whatever times; or the clock was set back. */
START_TEST(does_not_write_into_what_came_later)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

	make_store(1);
	leave(4 * BLOCK, 3 * BLOCK, clock_ns() - 5 * (int64_t)NS_PER_S, CUT);
	ck_assert(utimensat(AT_FDCWD, files.path, old, 0) == 0);
	assert_left(4);
	leave(4 * BLOCK, 3 * BLOCK, clock_ns() + 5 * (int64_t)NS_PER_S, CUT);
	assert_left(4);
	leave(4 * BLOCK, 3 * BLOCK, INT64_MAX, CUT);
	assert_left(4);
	leave(4 * BLOCK, 3 * BLOCK, INT64_MIN, CUT);
	assert_left(4);
	/* another file of this name, at once */
	leave(4 * BLOCK, 3 * BLOCK, clock_ns(), CUT);
	char other[160];
	(void)snprintf(other, sizeof(other), "%s.old", files.path);
	ck_assert(rename(files.path, other) == 0);
	make_again(0x77);
	ck_assert(unlink(other) == 0);
	memset(want + 4 * BLOCK + CUT, 1, BLOCK);
	int fd = open(files.path, O_WRONLY);
	ck_assert(fd >= 0 && pwrite(fd, want, SIZE, 0) == (ssize_t)SIZE && close(fd) == 0);
	assert_left(4);
}
END_TEST

START_TEST(damaged_records_are_refused)
{
	static const struct {
		uint64_t at;
		uint32_t len;
	} bad[] = {{BLOCK + 1, BLOCK},
	           {BLOCK, BLOCK + 1},
	           {SIZE, BLOCK},
	           {SIZE - BLOCK, 2 * BLOCK},
	           {UINT64_MAX - BLOCK + 1, BLOCK},
	           {0, 17 * KIB}};
	make_store(1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		leave(0, 1, clock_ns(), 0);
		change(16, bad[i].at, bad[i].len);
		ck_assert_ptr_null(open_as(true, false));
		ck_assert_ptr_nonnull(strstr(files.why, ".redo: is damaged, or not of this store"));
		ck_assert(is_mapped());
	}
	leave_bytes("somebody's", 10);
	ck_assert_ptr_null(open_as(true, false));
	ck_assert_ptr_nonnull(strstr(files.why, ".redo: is damaged, or not of this store"));
	ck_assert(is_mapped());
	leave(0, 0, clock_ns(), 0);
	int fd = open(files.beside, O_WRONLY);
	ck_assert(fd >= 0 && write(fd, "X", 1) == 1 && close(fd) == 0);
	ck_assert_ptr_null(open_as(true, false));
}
END_TEST

START_TEST(write_protected_ones_are_not_finished)
{
	make_store(1);
	leave(0, BLOCK, clock_ns(), CUT);
	ck_assert_ptr_null(open_as(true, true));
	ck_assert_ptr_nonnull(strstr(files.why, ".redo: a write was cut off"));
	leave(0, 0, clock_ns(), 0);
	struct store *s = open_as(true, true);
	ck_assert_msg(s != NULL, "%s", files.why);
	store_close(s);
}
END_TEST

TAP_MAIN_WITH("store_mapped", set_up, tear_down, maps_what_is_written_often,
              not_where_it_is_not_wanted, is_the_same_store, holes_stay,
              survives_a_file_that_shrinks, says_when_it_was_written, a_kill_tears_no_block,
              finishes_what_was_begun, nothing_was_under_way, does_not_write_into_what_came_later,
              damaged_records_are_refused, write_protected_ones_are_not_finished);
