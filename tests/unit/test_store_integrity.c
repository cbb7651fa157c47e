/* SPDX-License-Identifier: BSD-2-Clause */
/* Checksums of a store, in FILE.integrity: what is found, what is not taken for damage, and what is
 * left of writes that were cut off. */
#include "unit/store_files.h"
#include "unit/tap_main.h"

#include "base/crc.h"
#include "base/prng.h"
#include "shell/store.h"
#include "shell/store_begun.h"
#include "shell/workers.h"

#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
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
#define REGION  (uint32_t)(64 * MIB / BS)

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

/* ---- what was begun ---- */

static void put_blocks(struct store *s, lba_t lba, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		put(s, lba + 2 * i, 1, (uint8_t)i);
}

/* A process does this to a store of so many blocks, and is killed. */
static void killed_after(uint32_t blocks, void (*fn)(struct store *s))
{
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		fn(files_opened((uint64_t)blocks * BS, BS,
		                (struct store_config){.integrity = true}));
		_exit(0);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void spoil(lba_t lba)
{
	uint8_t block[BS];
	memset(block, 0x99, BS);
	poke(files.path, block, BS, (off_t)(lba * BS));
}

static bool is_rotten(struct store *s, lba_t lba)
{
	uint32_t good;
	enum tgt_store_result r = read_all(s, lba, 1, &good);
	ck_assert(r == STORE_OK || r == STORE_ROTTEN);
	return r == STORE_ROTTEN;
}

/* Of a store in which block 5 was written since a flush, and 5 and 100 are not as they were. */
static void write_5(struct store *s)
{
	put(s, 0, BLOCKS, 1);
	if (store_flush(s) != STORE_OK)
		_exit(1);
	put(s, 5, 1, 7);
}

static void leave_5_and_100(void)
{
	killed_after(BLOCKS, write_5);
	ck_assert(in_doubt());
	spoil(5);
	spoil(100);
}

static const char *begun(void)
{
	static char name[180];
	(void)snprintf(name, sizeof(name), "%s.begun", files.beside);
	return name;
}

/* 5 has been taken for one that was cut off, in any case; 100 where nothing is known. */
static void found(bool known)
{
	struct store *s = open_it();
	ck_assert(!is_rotten(s, 5));
	ck_assert_int_eq(is_rotten(s, 100), known);
	ck_assert(!in_doubt());
	store_close(s);
	ck_assert(access(begun(), F_OK) != 0);
	s = open_it(); /* nor does another start make it right */
	ck_assert_int_eq(is_rotten(s, 100), known);
	put(s, 100, 1, 1);
	store_close(s);
}

START_TEST(what_rots_beside_a_write_that_was_cut_off_is_found)
{
	leave_5_and_100();
	found(true);
}
END_TEST

/* A start that was cut off, too, has left all as it was. */
START_TEST(by_the_second_start_too)
{
	leave_5_and_100();
	ck_assert_ptr_null(open_as(true, true));
	ck_assert(in_doubt());
	found(true);
}
END_TEST

/* Whoever starts the machine anew finds the file, perhaps; it is not of this boot. */
static void other_boot(struct begun_file *f)
{
	f->head.boot[3] ^= 1;
	f->head.crc = crc32c(0, &f->head, offsetof(struct begun_head, crc));
}

static void other_store(struct begun_file *f)
{
	f->head.inode++;
	f->head.crc = crc32c(0, &f->head, offsetof(struct begun_head, crc));
}

static void damaged_head(struct begun_file *f)
{
	f->head.boot[3] ^= 1;
}

static void damaged_magic(struct begun_file *f)
{
	f->head.magic[0] ^= 1;
}

static struct begun_entry *an_entry(struct begun_file *f)
{
	for (unsigned i = 0; i < 2; i++)
		if (f->half[i].used > 0)
			return &f->half[i].entry[0];
	ck_abort_msg("nothing was begun");
	return NULL;
}

static void damaged_lba(struct begun_file *f)
{
	an_entry(f)->lba ^= 1 << 4;
}

static void damaged_length(struct begun_file *f)
{
	an_entry(f)->span ^= UINT64_C(1) << 33;
}

static void beyond_the_end(struct begun_file *f)
{
	struct begun_entry *e = an_entry(f);
	e->span = begun_span(e->lba, BLOCKS);
}

static void beyond_the_used(struct begun_file *f)
{
	f->half[0].entry[7].lba = 9;
	f->half[0].entry[7].span = begun_span(9, 1);
}

/* Others have written there since, who know nothing of it. */
static void changed_later(struct begun_file *f)
{
	f->since -= 100 * (int64_t)NS_PER_S;
}

static void never_begun(struct begun_file *f)
{
	f->since = INT64_MIN;
}

static void (*const unfit[])(struct begun_file *) = {
        other_boot,     other_store,    damaged_head,    damaged_magic, damaged_lba,
        damaged_length, beyond_the_end, beyond_the_used, changed_later, never_begun};

START_TEST(a_record_that_is_unfit_is_not_gone_by)
{
	static struct begun_file f;
	leave_5_and_100();
	peek(begun(), &f, sizeof(f), 0);
	unfit[_i](&f);
	poke(begun(), &f, sizeof(f), 0);
	found(false);
}
END_TEST

START_TEST(a_part_of_a_record_is_not_gone_by)
{
	static const off_t left[] = {0, 50, 4096, sizeof(struct begun_file) - 1};
	for (size_t i = 0; i < ARRAY_LEN(left); i++) {
		leave_5_and_100();
		ck_assert_int_eq(truncate(begun(), left[i]), 0);
		found(false);
	}
}
END_TEST

/* As by a program before this one. */
START_TEST(without_a_record)
{
	leave_5_and_100();
	ck_assert_int_eq(unlink(begun()), 0);
	found(false);
}
END_TEST

/* One that stays beside checksums that are made anew is not of these. */
START_TEST(a_record_of_other_checksums)
{
	leave_5_and_100();
	ck_assert_int_eq(unlink(files.beside), 0);
	found(false);
}
END_TEST

/* Which cannot be removed, nor be gone by. */
START_TEST(something_in_its_place)
{
	static const char *const text[] = {"an old record of what was begun cannot be removed",
	                                   "the record of what was begun cannot be made"};
	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		ck_assert_int_eq(mkdir(begun(), 0700), 0);
		ck_assert_ptr_null(open_as(true, false));
		ck_assert_msg(strstr(files.why, text[i]), "%s", files.why);
		ck_assert_int_eq(rmdir(begun()), 0);
		store_close(open_it());
	}
}
END_TEST

static void write_too_many(struct store *s)
{
	put(s, 0, BLOCKS, 1);
	put(s, REGION, BLOCKS, 1);
	if (store_flush(s) != STORE_OK)
		_exit(1);
	put(s, REGION + 5, 1, 9);
	for (unsigned i = 0; i < 2 * BEGUN_ENTRIES / 1000; i++)
		put_blocks(s, 1000, 1000);
}

/* Of what there is no room for, the region is known. */
START_TEST(more_than_there_is_room_for)
{
	killed_after(2 * REGION, write_too_many);
	spoil(1);
	spoil(2998);
	spoil(REGION + 5);
	spoil(REGION + 100);
	struct store *s =
	        files_opened(2ULL * REGION * BS, BS, (struct store_config){.integrity = true});
	ck_assert(!is_rotten(s, 1) && !is_rotten(s, 2998) && !is_rotten(s, REGION + 5));
	ck_assert(is_rotten(s, REGION + 100));
	store_close(s);
}
END_TEST

static void write_too_many_and_flush(struct store *s)
{
	write_too_many(s);
	if (store_flush(s) != STORE_OK)
		_exit(1);
	put(s, 5, 1, 7);
}

START_TEST(more_than_there_was_room_for_before_a_flush)
{
	killed_after(2 * REGION, write_too_many_and_flush);
	spoil(5);
	spoil(1000);
	spoil(REGION + 5);
	struct store *s =
	        files_opened(2ULL * REGION * BS, BS, (struct store_config){.integrity = true});
	ck_assert(!is_rotten(s, 5) && is_rotten(s, 1000) && is_rotten(s, REGION + 5));
	store_close(s);
}
END_TEST

/* The file that is mapped has lost its memory: the writes go on, and the next start finds none. */
static void write_without_memory(struct store *s)
{
	put(s, 0, BLOCKS, 1);
	if (store_flush(s) != STORE_OK || truncate(begun(), 0) != 0)
		_exit(1);
	put(s, 5, 1, 7);
	if (access(begun(), F_OK) == 0)
		_exit(1);
	put(s, 7, 1, 7);
	put(s, 7, 1, 8);
}

START_TEST(a_record_that_loses_its_memory)
{
	killed_after(BLOCKS, write_without_memory);
	spoil(5);
	spoil(7);
	spoil(100);
	found(false);
	struct store *s = open_it();
	ck_assert(!is_rotten(s, 7));
	store_close(s);
}
END_TEST

static void flush_without_memory(struct store *s)
{
	write_5(s);
	if (truncate(begun(), 0) != 0 || store_flush(s) != STORE_OK || store_flush(s) != STORE_OK)
		_exit(1);
}

START_TEST(a_record_that_loses_its_memory_at_a_flush)
{
	killed_after(BLOCKS, flush_without_memory);
	spoil(5);
	spoil(100);
	found(false);
}
END_TEST

/* Where signals are blocked, but those of its own. */
struct in_thread {
	struct work work;
	struct store *s;
	struct event_base *base;
};

static void run_in_thread(struct work *w)
{
	flush_without_memory(((struct in_thread *)w)->s);
}

static void done_in_thread(struct work *w)
{
	(void)event_base_loopbreak(((struct in_thread *)w)->base);
}

static void flush_in_a_worker(struct store *s)
{
	struct in_thread t = {.work = {.run = run_in_thread, .done = done_in_thread},
	                      .s = s,
	                      .base = event_base_new()};
	struct workers *p = workers_new(t.base, 1);
	if (!p)
		_exit(1);
	workers_add(p, &t.work);
	if (event_base_dispatch(t.base) != 0)
		_exit(1);
	workers_free(p);
	event_base_free(t.base);
}

START_TEST(a_record_that_loses_its_memory_in_a_thread)
{
	killed_after(BLOCKS, flush_in_a_worker);
	spoil(5);
	spoil(100);
	found(false);
}
END_TEST

/* The next one would find that the store was changed after the record. */
START_TEST(a_start_that_fails_changes_nothing)
{
	struct stat before, after;
	uint8_t bad = 0;

	leave_5_and_100();
	poke(files.beside, &bad, 1, 0);
	ck_assert_int_eq(stat(files.path, &before), 0);
	ck_assert_ptr_null(files_open((uint64_t)BLOCKS * BS, BS,
	                              (struct store_config){.integrity = true, .thin = true}));
	ck_assert_int_eq(stat(files.path, &after), 0);
	ck_assert_mem_eq(&after.st_ctim, &before.st_ctim, sizeof(before.st_ctim));
}
END_TEST

/* ---- flushes and writes ---- */

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

static atomic_bool go_on = true;

static void *write_always(void *ctx)
{
	struct writer *w = ctx;
	for (unsigned i = 0; go_on; i++)
		put(w->s, w->lba + i % 40, 3, (uint8_t)i);
	return NULL;
}

/* Some are under way at any time. */
static void write_under_load(struct store *s)
{
	static struct writer w[3];
	pthread_t t;
	put(s, 0, BLOCKS, 1);
	put(s, REGION, BLOCKS, 1);
	for (unsigned i = 0; i < 3; i++) {
		w[i] = (struct writer){s, i * 50};
		if (pthread_create(&t, NULL, write_always, &w[i]) != 0)
			_exit(1);
	}
	for (unsigned i = 0; i < 30; i++)
		if (store_flush(s) != STORE_OK)
			_exit(1);
	put(s, 500, 1, 3);
}

/* What is flushed is not in doubt any more, though a flush without any write never comes. */
START_TEST(a_flush_lets_go_under_steady_load)
{
	uint8_t marks = 0;
	killed_after(2 * REGION, write_under_load);
	peek(files.beside, &marks, 1, MARKS_AT);
	ck_assert_uint_eq(marks, 1); /* nor is the other region marked */
	spoil(500);
	spoil(1000);
	spoil(REGION + 1000);
	struct store *s =
	        files_opened(2ULL * REGION * BS, BS, (struct store_config){.integrity = true});
	uint32_t good;
	ck_assert_int_eq(read_all(s, 0, 200, &good), STORE_OK);
	ck_assert(!is_rotten(s, 500) && is_rotten(s, 1000) && is_rotten(s, REGION + 1000));
	store_close(s);
}
END_TEST

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

/* The first write to a region syncs its mark. */
START_TEST(a_write_that_has_to_wait_is_known)
{
	struct store *s = files_opened((2ULL * REGION + 8) * BS, BS,
	                               (struct store_config){.integrity = true});
	ck_assert(store_write_syncs(s, 5, 1) && store_write_syncs(s, REGION, 1));
	put(s, 5, 1, 1);
	ck_assert(!store_write_syncs(s, 0, REGION) && store_write_syncs(s, 0, REGION + 1));
	ck_assert(store_write_syncs(s, REGION, 1) && !store_write_syncs(s, REGION, 0));
	put(s, REGION - 1, 2, 1);
	ck_assert(!store_write_syncs(s, 0, 2 * REGION));
	for (int i = 0; i < 2; i++) /* what was written before the last but one */
		ck_assert_int_eq(store_flush(s), STORE_OK);
	ck_assert(store_write_syncs(s, 5, 1));
	store_close(s);
}
END_TEST

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
	ck_assert_int_eq(truncate(files.beside, 0), 0);
	refused("is damaged, its head is gone");
	ck_assert_int_eq(truncate(files.beside, SUMS_AT + 4 * BLOCKS), 0); /* zeros */
	refused("is damaged, its head is gone");
	ck_assert_int_eq(unlink(files.beside), 0);
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
	tcase_add_test(c, a_write_that_has_to_wait_is_known);
	tcase_add_test(c, each_kind_of_damage_is_found);
	tcase_add_test(c, damage_to_what_was_never_written);
	tcase_add_test(c, a_store_with_data_gets_its_checksums_at_the_first_start);
	tcase_add_test(c, a_write_that_was_cut_off_is_no_damage);
	tcase_add_test(c, nor_beside_an_atomic_write);
	tcase_add_test(c, the_first_checksums_beside_an_atomic_write);
	tcase_add_test(c, what_was_flushed_is_not_in_doubt);
	tcase_add_test(c, what_rots_beside_a_write_that_was_cut_off_is_found);
	tcase_add_test(c, by_the_second_start_too);
	tcase_add_loop_test(c, a_record_that_is_unfit_is_not_gone_by, 0, (int)ARRAY_LEN(unfit));
	tcase_add_test(c, a_part_of_a_record_is_not_gone_by);
	tcase_add_test(c, without_a_record);
	tcase_add_test(c, a_record_of_other_checksums);
	tcase_add_test(c, something_in_its_place);
	tcase_add_test(c, more_than_there_is_room_for);
	tcase_add_test(c, more_than_there_was_room_for_before_a_flush);
	tcase_add_test(c, a_record_that_loses_its_memory);
	tcase_add_test(c, a_record_that_loses_its_memory_at_a_flush);
	tcase_add_test(c, a_record_that_loses_its_memory_in_a_thread);
	tcase_add_test(c, a_start_that_fails_changes_nothing);
	tcase_add_test(c, a_flush_lets_go_under_steady_load);
	tcase_add_test(c, writes_and_flushes_side_by_side);
	tcase_add_test(c, checksums_keep_their_room);
	tcase_add_test(c, blocks_without_checksums_are_not_good);
	tcase_add_test(c, a_file_that_is_no_such_file_is_refused);
	suite_add_tcase(s, c);
	return s;
}

TAP_MAIN_SUITE(make_suite);
