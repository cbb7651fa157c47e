/* SPDX-License-Identifier: BSD-2-Clause */
/* A backing store on a real file. */
#include "unit/store_files.h"
#include "unit/tap_main.h"

#include "shell/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_up(void)
{
	files_set_up(".none");
}

static struct store *open_it(uint64_t size, uint32_t block_size)
{
	return files_open(size, block_size, (struct store_config){.direct = false});
}

static void make_file(off_t size)
{
	int fd = open(files.path, O_RDWR | O_CREAT, 0600);
	ck_assert(fd >= 0 && ftruncate(fd, size) == 0 && close(fd) == 0);
}

START_TEST(creates_sparse)
{
	struct stat st;
	struct store *s = open_it(64 * MIB, 512);
	ck_assert_msg(s != NULL, "%s", files.why);
	ck_assert_uint_eq(store_blocks(s), 131072);
	ck_assert(stat(files.path, &st) == 0 && st.st_size == 64 * 1024 * 1024 &&
	          st.st_blocks < 100);
	store_close(s);
	s = open_it(0, 4096);
	ck_assert_msg(s != NULL, "%s", files.why);
	ck_assert_uint_eq(store_blocks(s), 16384);
	store_close(s);
}
END_TEST

START_TEST(refuses_a_size_that_is_not_its)
{
	make_file(1024);
	ck_assert_ptr_null(open_it(2048, 512));
	ck_assert_ptr_nonnull(strstr(files.why, "has 1024 bytes, not 2048"));
	ck_assert_ptr_nonnull(strstr(files.why, files.path));
	ck_assert_ptr_null(open_it(0, 4096));
	ck_assert_ptr_nonnull(strstr(files.why, "1024, is not a multiple of 4096"));
	make_file(1000);
	ck_assert_ptr_null(open_it(0, 512));
}
END_TEST

START_TEST(refuses_what_is_no_store)
{
	ck_assert_ptr_null(open_it(0, 512));
	ck_assert_ptr_nonnull(strstr(files.why, "no such file"));
	ck_assert(access(files.path, F_OK) != 0);
	const struct store_config c = {.path = "/dev/null", .block_size = 512};
	ck_assert_ptr_null(store_open(&c, files.why, sizeof(files.why)));
	ck_assert_ptr_nonnull(strstr(files.why, "/dev/null: neither"));
	/* an empty file is a creation that was cut off */
	make_file(0);
	ck_assert_ptr_null(open_it(0, 512));
	struct store *s = open_it(4096, 512);
	ck_assert_msg(s != NULL, "%s", files.why);
	store_close(s);
}
END_TEST

START_TEST(one_at_a_time)
{
	struct store *s = open_it(4096, 512);
	ck_assert_ptr_null(open_it(0, 512));
	ck_assert_ptr_nonnull(strstr(files.why, "in use by another process"));
	store_close(s);
	s = open_it(0, 512);
	ck_assert_ptr_nonnull(s);
	store_close(s);
}
END_TEST

START_TEST(moves_blocks)
{
	uint8_t out[2048], in[2048];
	uint32_t good = 0, differs = 0;
	struct store *s = open_it(8192, 512);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 512);
	ck_assert_int_eq(store_write(s, 3, 4, out, &good), STORE_OK);
	ck_assert_uint_eq(good, 4);
	ck_assert_int_eq(store_read(s, 3, 4, in, &good), STORE_OK);
	ck_assert(memcmp(in, out, sizeof(in)) == 0);
	ck_assert_int_eq(store_compare(s, 3, 4, out, false, &good, &differs), STORE_OK);
	out[1024] ^= 1;
	ck_assert_int_eq(store_compare(s, 3, 4, out, false, &good, &differs), STORE_MISCOMPARE);
	ck_assert_uint_eq(good, 2);
	ck_assert_int_eq(store_compare(s, 3, 2, out, true, &good, &differs), STORE_MISCOMPARE);
	ck_assert_uint_eq(good, 1);
	memset(in, 0, sizeof(in));
	ck_assert_int_eq(store_compare(s, 8, 8, in, true, &good, &differs), STORE_OK);
	ck_assert_int_eq(store_verify(s, 0, 16, &good), STORE_OK);
	ck_assert_int_eq(store_flush(s), STORE_OK);
	store_close(s);
}
END_TEST

START_TEST(compares_across_pieces)
{
	uint8_t *zero = calloc(1, 1 << 20);
	uint32_t good = 0, differs = 0;
	struct store *s = open_it(1 << 20, 4096);
	ck_assert_int_eq(store_compare(s, 0, 256, zero, false, &good, &differs), STORE_OK);
	zero[200 * 4096 + 5] = 1;
	ck_assert_int_eq(store_compare(s, 0, 256, zero, false, &good, &differs), STORE_MISCOMPARE);
	ck_assert_uint_eq(good, 200);
	ck_assert_uint_eq(differs, 5);
	store_close(s);
	free(zero);
}
END_TEST

/* One block to many, OR, zeros: across the pieces that they go in. */
START_TEST(changes_across_pieces)
{
	enum { BS = 4096, N = 256 };
	uint8_t *all = calloc(N, BS), *in = calloc(N, BS);
	uint32_t good = 0;
	struct stat before, after;
	struct store *s = open_it(N * BS, BS);
	memset(all, 0x0f, BS);
	ck_assert_int_eq(store_write_same(s, 0, N, all, &good), STORE_OK);
	ck_assert_uint_eq(good, N);
	memset(all, 0xf0, (size_t)N * BS);
	all[100 * BS] = 0x00;
	ck_assert_int_eq(store_or(s, 3, N - 6, all, &good), STORE_OK);
	ck_assert_uint_eq(good, N - 6);
	ck_assert_int_eq(store_read(s, 0, N, in, &good), STORE_OK);
	for (size_t i = 0; i < (size_t)N * BS; i++) {
		bool touched = i >= 3 * BS && i < (N - 3) * BS && i != 103 * BS;
		if (in[i] != (touched ? 0xff : 0x0f)) /* an assertion a byte takes long */
			ck_abort_msg("byte %zu is %02xh", i, in[i]);
	}
	ck_assert_int_eq(store_flush(s), STORE_OK);
	ck_assert(stat(files.path, &before) == 0);
	ck_assert_int_eq(store_zero(s, 2, N - 4, &good), STORE_OK);
	ck_assert_uint_eq(good, N - 4);
	ck_assert_int_eq(store_flush(s), STORE_OK);
	ck_assert(stat(files.path, &after) == 0);
	ck_assert_int_eq(after.st_size, N * BS);
	ck_assert(after.st_blocks < before.st_blocks); /* a hole */
	ck_assert_int_eq(store_read(s, 0, N, in, &good), STORE_OK);
	ck_assert(in[2 * BS] == 0 && memcmp(in + 2 * BS, in + 2 * BS + 1, (N - 4) * BS - 1) == 0);
	ck_assert_uint_eq(in[2 * BS - 1], 0x0f);
	ck_assert_uint_eq(in[(N - 2) * BS], 0x0f);
	store_close(s);
	free(all);
	free(in);
}
END_TEST

START_TEST(errors_say_how_far_it_came)
{
	uint8_t data[2048] = {0};
	uint32_t good = 0;
	struct store *s = open_it(8192, 512);
	/* someone makes the file shorter */
	ck_assert(truncate(files.path, 2 * 512 + 100) == 0);
	ck_assert_int_eq(store_read(s, 1, 4, data, &good), STORE_ERROR);
	ck_assert_uint_eq(good, 1);
	ck_assert_int_eq(store_verify(s, 0, 16, &good), STORE_ERROR);
	ck_assert_uint_eq(good, 2);
	/* no room: a limit of the process stands in for a full file system */
	const struct rlimit limit = {3 * 512, RLIM_INFINITY};
	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	ck_assert_int_eq(store_write(s, 2, 4, data, &good), STORE_NO_SPACE);
	ck_assert_uint_eq(good, 1);
	ck_assert_int_eq(store_write_same(s, 1, 4, data, &good), STORE_NO_SPACE);
	ck_assert_uint_eq(good, 2);
	store_close(s);
}
END_TEST

START_TEST(write_protected)
{
	uint8_t data[512] = {0};
	uint32_t good = 0;
	make_file(4096);
	const struct store_config c = {
	        .path = files.path, .block_size = 512, .write_protect = true};
	struct store *s = store_open(&c, files.why, sizeof(files.why));
	ck_assert_msg(s != NULL, "%s", files.why);
	ck_assert_int_eq(store_write(s, 0, 1, data, &good), STORE_ERROR);
	ck_assert_int_eq(store_read(s, 0, 1, data, &good), STORE_OK);
	ck_assert_int_eq(store_flush(s), STORE_OK);
	store_close(s);
}
END_TEST

/* ---- direct I/O ---- */

static struct store *open_direct(uint64_t size, uint32_t block_size)
{
	return files_open(size, block_size, (struct store_config){.direct = true});
}

static uint8_t *pages(size_t n)
{
	uint8_t *p = aligned_alloc(4096, n);
	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 11 + i / 4096);
	return p;
}

START_TEST(direct_io_from_anywhere)
{
	const uint32_t blocks = 80, n = blocks * 4096; /* longer than a buffer */
	uint8_t *out = pages(n + 4096), *in = pages(n + 4096);
	uint32_t good = 0, differs = 0;
	struct store *s = open_direct(1 << 20, 4096);
	if (!s) {
		/* such a file system there is: it has to be said, and nothing left behind */
		ck_assert_ptr_nonnull(strstr(files.why, "its file system takes no direct I/O"));
		ck_assert(access(files.path, F_OK) != 0);
		free(out);
		free(in);
		return;
	}
	for (uint32_t odd = 0; odd < 1025; odd += 512) {
		memset(in, 0, n + 4096);
		ck_assert_int_eq(store_write(s, odd / 4, blocks, out + odd, &good), STORE_OK);
		ck_assert_uint_eq(good, blocks);
		ck_assert_int_eq(store_read(s, odd / 4, blocks, in + 1024 - odd, &good), STORE_OK);
		ck_assert_uint_eq(good, blocks);
		ck_assert(memcmp(in + 1024 - odd, out + odd, n) == 0);
		ck_assert_int_eq(
		        store_compare(s, odd / 4, blocks, out + odd, false, &good, &differs),
		        STORE_OK);
	}
	ck_assert_int_eq(store_read_now(s, 0, 1, in), STORE_NOW_ASK);
	ck_assert_int_eq(store_flush(s), STORE_OK);
	/* the end of a file that someone made shorter */
	ck_assert(truncate(files.path, 2 * 4096) == 0);
	ck_assert_int_eq(store_read(s, 1, 4, in + 512, &good), STORE_ERROR);
	ck_assert_uint_eq(good, 1);
	store_close(s);
	/* past the page cache or through it: the same file */
	ck_assert_int_eq(truncate(files.path, 1 << 20), 0);
	s = open_it(0, 4096);
	ck_assert_int_eq(store_write(s, 255, 1, out, &good), STORE_OK);
	store_close(s);
	free(out);
	free(in);
}
END_TEST

START_TEST(direct_io_that_is_refused)
{
	/* sysfs has none; a number of a few bytes looks like a file of a page */
	const struct store_config c = {.path = "/sys/kernel/uevent_seqnum",
	                               .block_size = 512,
	                               .write_protect = true,
	                               .direct = true};
	ck_assert_ptr_null(store_open(&c, files.why, sizeof(files.why)));
	ck_assert_str_eq(files.why,
	                 "/sys/kernel/uevent_seqnum: its file system takes no direct I/O");
}
END_TEST

/* ---- without waiting ---- */

START_TEST(now_or_not)
{
	uint8_t out[1024], in[1024] = {0};
	struct store *s = open_it(8192, 512);
	memset(out, 0x5a, sizeof(out));
	uint32_t good = 0;
	enum store_now w = store_write_now(s, 2, 2, out);
	if (w != STORE_NOW_DONE)
		ck_assert_int_eq(store_write(s, 2, 2, out, &good), STORE_OK);
	enum store_now r = store_read_now(s, 2, 2, in);
	/* what was just written is there, if the file system tells */
	ck_assert_int_ne(r, STORE_NOW_NOT);
	if (r == STORE_NOW_ASK)
		ck_assert_int_eq(store_read(s, 2, 2, in, &good), STORE_OK);
	ck_assert(memcmp(in, out, sizeof(in)) == 0);
	/* an error is nothing that can be done now */
	ck_assert(truncate(files.path, 512) == 0);
	ck_assert_int_ne(store_read_now(s, 2, 2, in), STORE_NOW_DONE);
	store_close(s);
}
END_TEST

START_TEST(knows_memory)
{
	struct store *s = open_it(8192, 512);
	ck_assert_int_eq(store_in_memory(s), system("df -t tmpfs /tmp >/dev/null 2>&1") == 0);
	store_close(s);
	/* if there is one to look at */
	(void)unlink(files.path);
	char at[] = "/dev/shm/smirror-store-XXXXXX";
	int fd = mkstemp(at);
	if (fd >= 0 && system("df -t tmpfs /dev/shm >/dev/null 2>&1") == 0) {
		const struct store_config c = {.path = at, .size = 8192, .block_size = 512};
		s = store_open(&c, files.why, sizeof(files.why));
		ck_assert_msg(s != NULL, "%s", files.why);
		ck_assert(store_in_memory(s));
		store_close(s);
	}
	if (fd >= 0)
		(void)close(fd), (void)unlink(at);
}
END_TEST

/* ---- threads ---- */

#define THREADS 6
#define EACH    64 /* blocks of 4096 bytes */

struct hand {
	struct store *s;
	unsigned i;
	bool wrong;
};

static void *write_and_compare(void *arg)
{
	struct hand *h = arg;
	uint8_t *p = pages((EACH + 1) * 4096);
	lba_t lba = (lba_t)h->i * EACH;
	uint32_t good = 0, differs = 0;
	for (unsigned turn = 0; turn < 20; turn++) {
		memset(p + 1, (int)(h->i * 20 + turn), EACH * 4096);
		h->wrong =
		        h->wrong || store_write(h->s, lba, EACH, p + 1, &good) != STORE_OK ||
		        store_compare(h->s, lba, EACH, p + 1, false, &good, &differs) != STORE_OK ||
		        store_flush(h->s) != STORE_OK;
	}
	free(p);
	return NULL;
}

START_TEST(threads_side_by_side)
{
	struct store *s = open_it(THREADS * EACH * 4096, 4096);
	struct hand hand[THREADS];
	pthread_t thread[THREADS];
	for (unsigned i = 0; i < THREADS; i++) {
		hand[i] = (struct hand){.s = s, .i = i};
		ck_assert_int_eq(pthread_create(&thread[i], NULL, write_and_compare, &hand[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
		ck_assert(!hand[i].wrong);
	}
	store_close(s);
}
END_TEST

/* What is mapped is what is not in a hole. */
static void assert_map(struct store *s, lba_t from, const char *want)
{
	struct lba_status v[8];
	char text[200] = "";
	unsigned n = store_map(s, from, v, ARRAY_LEN(v));
	for (unsigned i = 0; i < n; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%llu+%u%s",
		               i ? " " : "", (unsigned long long)v[i].lba, v[i].blocks,
		               v[i].status == LBA_MAPPED ? "" : "-");
	ck_assert_str_eq(text, want);
}

START_TEST(knows_what_is_mapped)
{
	uint8_t data[3 * 4096];
	uint32_t good = 0;
	struct lba_status one;
	struct store *s = open_it(64 * 4096, 512);
	memset(data, 1, sizeof(data));
	assert_map(s, 0, "0+512-");
	/* pages 2, 3 and 8 */
	ck_assert_int_eq(store_write(s, 16, 16, data, &good), STORE_OK);
	ck_assert_int_eq(store_write(s, 67, 1, data, &good), STORE_OK);
	assert_map(s, 0, "0+16- 16+16 32+32- 64+8 72+440-");
	assert_map(s, 20, "20+12 32+32- 64+8 72+440-");
	assert_map(s, 511, "511+1-");
	ck_assert_uint_eq(store_map(s, 20, &one, 1), 1);
	ck_assert(one.lba == 20 && one.blocks == 12 && one.status == LBA_MAPPED);
	/* a page is there as long as a block of it is */
	ck_assert_int_eq(store_zero(s, 16, 4, &good), STORE_OK);
	assert_map(s, 0, "0+16- 16+16 32+32- 64+8 72+440-");
	ck_assert_int_eq(store_zero(s, 16, 8, &good), STORE_OK);
	assert_map(s, 0, "0+24- 24+8 32+32- 64+8 72+440-");
	ck_assert_int_eq(store_zero(s, 0, 512, &good), STORE_OK);
	assert_map(s, 0, "0+512-");
	ck_assert_int_eq(store_write(s, 511, 1, data, &good), STORE_OK);
	assert_map(s, 0, "0+504- 504+8");
	store_close(s);
}
END_TEST

/* A thin one needs a file system with holes; this one's has them. */
START_TEST(thin_where_there_are_holes)
{
	struct store_config c = {.path = files.path, .size = 8192, .block_size = 512, .thin = true};
	struct store *s = store_open(&c, files.why, sizeof(files.why));
	ck_assert_msg(s != NULL, "%s", files.why);
	store_close(s);
	c = (struct store_config){
	        .path = "/sys/kernel/uevent_seqnum", .block_size = 512, .thin = true};
	ck_assert_ptr_null(store_open(&c, files.why, sizeof(files.why)));
}
END_TEST

TAP_MAIN_WITH("store", set_up, files_tear_down, creates_sparse, refuses_a_size_that_is_not_its,
              refuses_what_is_no_store, one_at_a_time, moves_blocks, compares_across_pieces,
              changes_across_pieces, errors_say_how_far_it_came, write_protected,
              direct_io_from_anywhere, direct_io_that_is_refused, now_or_not, knows_what_is_mapped,
              thin_where_there_are_holes, knows_memory, threads_side_by_side);
