/* SPDX-License-Identifier: BSD-2-Clause */
/* The record of which blocks of a store were begun to be written: what the next process finds of it
 * after each step. What stores make of it is in test_store_integrity.c. */
#include "unit/store_files.h"
#include "unit/tap_main.h"

#include "base/prng.h"
#include "shell/store_begun.h"
#include "shell/store_beside.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHIFT  10
#define REGION (1U << SHIFT)
#define BLOCKS (4000U << SHIFT)

static struct begun_config config;
static struct begun *b;

static void set_up(void)
{
	files_set_up(".integrity");
	config = (struct begun_config){.path = files.beside,
	                               .block_size = 512,
	                               .shift = SHIFT,
	                               .blocks = BLOCKS,
	                               .inode = 7};
	b = begun_new(&config);
	ck_assert_ptr_nonnull(b);
}

static void tear_down(void)
{
	begun_close(b, false);
	files_tear_down();
}

static unsigned enter(lba_t lba, uint32_t n)
{
	unsigned half;
	ck_assert(begun_enter(b, lba, n, &half));
	return half;
}

static void done(lba_t lba, uint32_t n)
{
	begun_leave(b, enter(lba, n));
}

static bool flush(void)
{
	begun_flush_begin(b);
	return begun_flush_end(b);
}

/* What would be found now: "5+1 9+2". */
static const char *left(void)
{
	static char text[400];
	const char *why;
	struct begun_left *l = begun_left_load(&config, 0, &why);
	size_t at = 0;
	lba_t lba = 0;
	uint64_t n = 0;
	ck_assert_msg(l != NULL, "%s", why);
	text[0] = '\0';
	for (; at < sizeof(text) && begun_left_next(l, BLOCKS, &lba, &n); lba += n)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%u+%u", at ? " " : "",
		                       (unsigned)lba, (unsigned)n);
	begun_left_free(l);
	return text;
}

static bool names(uint64_t region)
{
	uint8_t regions[BEGUN_REGIONS / 8] = {0};
	ck_assert(begun_regions(b, regions));
	return regions[region / 8] >> region % 8 & 1;
}

static uint32_t entries(void)
{
	static struct begun_file f;
	char name[180];
	(void)snprintf(name, sizeof(name), "%s.begun", files.beside);
	peek(name, &f, sizeof(f), 0);
	return f.half[0].used + f.half[1].used;
}

START_TEST(each_write_is_there_from_its_beginning)
{
	ck_assert_str_eq(left(), "");
	unsigned half = enter(5, 1);
	ck_assert_str_eq(left(), "5+1");
	begun_leave(b, half);
	ck_assert_str_eq(left(), "5+1");
	done(3 * REGION - 2, 4); /* in two regions */
	ck_assert_str_eq(left(), "5+1 3070+2 3072+2");
	ck_assert(names(0) && !names(1) && names(2) && names(3) && !names(4));
	done(BLOCKS - 1, 1);
	done(9, 0);
	ck_assert_str_eq(left(), "5+1 3070+2 3072+2 4095999+1");
	ck_assert(flush());
	ck_assert_str_eq(left(), "");
	ck_assert(!names(0) && !names(3));
}
END_TEST

START_TEST(writes_one_behind_the_other_are_one)
{
	for (uint32_t i = 0; i < 3 * BEGUN_ENTRIES; i++)
		done(100 + i, 1);
	ck_assert_uint_eq(entries(), 1);
	done(200, 50); /* within it */
	done(100, 1);
	ck_assert_uint_eq(entries(), 1);
	done(99, 1);
	ck_assert_uint_eq(entries(), 2);
	/* Several of them side by side. */
	for (uint32_t i = 0; i < BEGUN_ENTRIES; i++)
		for (uint32_t k = 0; k < 6; k++)
			done(1000 * REGION + k * 100 * REGION + i, 2);
	ck_assert_uint_eq(entries(), 8);
	ck_assert(names(0) && names(12) && names(1000) && names(1500) && names(1504));
	ck_assert(!names(13) && !names(999) && !names(1505));
}
END_TEST

/* What is under way at a flush is kept, and what comes meanwhile; of what was over before it
 * nothing as soon as nothing is older that is under way. */
START_TEST(what_was_over_before_a_flush_goes)
{
	done(1, 1);
	unsigned slow = enter(10, 1);
	begun_flush_begin(b);
	done(20, 1);
	begun_leave(b, slow); /* may have come behind the flush */
	ck_assert(!begun_flush_end(b));
	ck_assert_str_eq(left(), "1+1 10+1 20+1");
	begun_flush_begin(b);
	done(30, 1);
	ck_assert(begun_flush_end(b));
	ck_assert_str_eq(left(), "20+1 30+1");
	done(40, 1);
	ck_assert(flush());
	ck_assert_str_eq(left(), ""); /* nothing is under way */
}
END_TEST

START_TEST(one_that_hangs_is_kept)
{
	unsigned slow = enter(10, 1);
	for (uint32_t i = 0; i < 5; i++) {
		done(20 + 10 * i, 1);
		ck_assert(!flush());
	}
	ck_assert_str_eq(left(), "10+1 20+1 30+1 40+1 50+1 60+1");
	begun_leave(b, slow);
	ck_assert(flush());
	ck_assert_str_eq(left(), "");
}
END_TEST

/* There is always one under way, and a flush is never without any. */
START_TEST(under_steady_load)
{
	unsigned half = enter(0, 1);
	char most[400] = "";
	for (uint32_t i = 1; i < 50; i++) {
		unsigned next = enter(10 * i, 1);
		begun_leave(b, half);
		half = next;
		(void)flush();
		next = enter(10 * i + 5, 1);
		begun_leave(b, half);
		half = next;
		if (strlen(left()) > strlen(most))
			(void)snprintf(most, sizeof(most), "%s", left());
	}
	ck_assert_str_eq(left(), "485+1 490+1 495+1");
	ck_assert_uint_le(strlen(most), strlen("475+1 480+1 485+1 490+1 495+1 500+1"));
	begun_leave(b, half);
}
END_TEST

START_TEST(more_than_there_is_room_for)
{
	unsigned half = enter(7 * REGION + 3, 2);
	for (uint32_t i = 0; i < BEGUN_ENTRIES + 10; i++)
		done((20 + i % 4) * REGION + i / 4 * 20 % REGION, 1);
	ck_assert(names(7) && names(20) && names(23) && !names(24));
	ck_assert_ptr_nonnull(strstr(left(), "7171+2 "));
	begun_leave(b, half);
	done(9 * REGION - 1, 2);
	ck_assert(names(8) && names(9) && !names(10));
	/* Whole regions, then: those at the end of the list. */
	struct begun_left *l;
	const char *why;
	lba_t lba = 8 * REGION;
	uint64_t n = 0;
	l = begun_left_load(&config, 0, &why);
	ck_assert(l && begun_left_next(l, BLOCKS, &lba, &n) && lba == 8 * REGION && n == REGION);
	ck_assert(begun_left_full(l));
	begun_left_free(l);
	ck_assert(flush());
	ck_assert_str_eq(left(), "");
	done(3, 1);
	ck_assert_str_eq(left(), "3+1");
}
END_TEST

/* ---- marks ---- */

static uint8_t marks(void)
{
	uint8_t first;
	peek(files.beside, &first, 1, MARKS_AT);
	return first;
}

static unsigned begin(struct beside *beside, unsigned region)
{
	unsigned half;
	lba_t lba = (uint64_t)region * 64 * MIB / 512;
	ck_assert_int_eq(beside_begin(beside, lba, 1, &half), STORE_OK);
	return half;
}

/* A flush takes those of regions in which nothing has begun since what it is known to be of. */
START_TEST(marks_go_with_what_was_begun)
{
	static const struct beside_kind kind = {
	        .suffix = ".integrity", .magic = "SMIRSUM", .entry = 4, .what = "it"};
	const struct beside_config c = {.kind = &kind,
	                                .path = files.path,
	                                .block_size = 512,
	                                .blocks = 1 << 20,
	                                .make = true};
	struct beside *beside = beside_open(&c, files.why, sizeof(files.why));
	ck_assert(beside && beside_start(beside, files.why, sizeof(files.why)));
	beside_end(beside, begin(beside, 0));
	beside_end(beside, begin(beside, 1));
	beside_flush_begin(beside);
	unsigned slow = begin(beside, 3);
	beside_end(beside, begin(beside, 1));
	ck_assert_uint_eq(marks(), 1 | 2 | 8);
	ck_assert(beside_flush_end(beside));
	ck_assert_uint_eq(marks(), 2 | 8);
	for (unsigned i = 0; i < 4; i++) {
		beside_end(beside, begin(beside, 0));
		beside_flush_begin(beside);
		ck_assert(beside_flush_end(beside));
		ck_assert_uint_eq(marks() & 8, 8);
	}
	beside_end(beside, slow);
	ck_assert_uint_eq(marks() & 8, 8);
	beside_flush_begin(beside);
	ck_assert(beside_flush_end(beside));
	ck_assert_uint_eq(marks(), 0);
	beside_close(beside, true);
}
END_TEST

/* ---- side by side ---- */

#define THREADS 4

static atomic_bool over;

static bool is_left(struct begun_left *l, lba_t first, uint32_t n)
{
	lba_t lba = first;
	uint64_t got = 0;
	return begun_left_next(l, first + n, &lba, &got) && lba == first && got == n;
}

/* What this thread has begun and not ended is there, whatever the others do. */
static void *write_on(void *ctx)
{
	struct prng g = prng_init((uint64_t)(uintptr_t)ctx + 1);
	const char *why;
	for (unsigned i = 0; i < 3000; i++) {
		lba_t lba = prng_below(&g, 100) * REGION + prng_below(&g, 200);
		uint32_t n = 1 + (uint32_t)prng_below(&g, 8);
		unsigned half = enter(lba, n);
		if (i % 16 == 0) {
			struct begun_left *l = begun_left_load(&config, 0, &why);
			/* One that another thread is storing looks damaged: it is not dead. */
			ck_assert(!l || is_left(l, lba, n));
			begun_left_free(l);
			ck_assert(names(lba >> SHIFT));
		}
		begun_leave(b, half);
	}
	return NULL;
}

static void *flush_on(void *ctx)
{
	while (!over)
		(void)flush();
	return ctx;
}

START_TEST(side_by_side)
{
	pthread_t t[THREADS + 1];
	over = false;
	ck_assert_int_eq(pthread_create(&t[THREADS], NULL, flush_on, NULL), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, write_on, (void *)i), 0);
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	over = true;
	ck_assert_int_eq(pthread_join(t[THREADS], NULL), 0);
	(void)flush();
	(void)flush();
	ck_assert_str_eq(left(), "");
}
END_TEST

/* The next process finds it, or not. */
START_TEST(what_is_closed)
{
	const char *why;
	done(5, 1);
	begun_close(b, true);
	ck_assert_str_eq(left(), "5+1");
	struct begun_left *l = begun_left_load(&config, 0, &why);
	ck_assert(l && !begun_left_full(l));
	begun_left_free(l);
	b = begun_new(&config);
	ck_assert_str_eq(left(), "");
	begun_close(b, false);
	ck_assert_ptr_null(begun_left_load(&config, 0, &why));
	ck_assert_str_eq(why, "there is no record of them");
	b = begun_new(&config);
	done(5, 1);
}
END_TEST

TAP_MAIN_TABLE("store_begun", set_up, tear_down, TAP_ONCE(each_write_is_there_from_its_beginning),
               TAP_ONCE(writes_one_behind_the_other_are_one),
               TAP_ONCE(what_was_over_before_a_flush_goes), TAP_ONCE(one_that_hangs_is_kept),
               TAP_ONCE(under_steady_load), TAP_ONCE(more_than_there_is_room_for),
               TAP_ONCE(marks_go_with_what_was_begun), TAP_ONCE(side_by_side),
               TAP_ONCE(what_is_closed));
