/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protection information of a store, in FILE.protection: what of it is kept, checked and compared
 * is held against a disk in memory (sim/medium.c) by operations at random; what is left of writes
 * that were cut off; files that are none.
 */
#include "unit/store_files.h"
#include "unit/tap_main.h"

#include "base/crc.h"
#include "base/prng.h"
#include "shell/store.h"
#include "sim/medium.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BS        512
#define BLOCKS    1400 /* more than two pieces */
#define PIECE     512
#define TUPLES_AT 8192

static void set_up(void)
{
	files_set_up(".protection");
}

static struct store *open_as(bool protects, bool write_protect)
{
	return files_open(
	        (uint64_t)BLOCKS * BS, BS,
	        (struct store_config){.protects = protects, .write_protect = write_protect});
}

static struct store *open_it(void)
{
	return files_opened((uint64_t)BLOCKS * BS, BS, (struct store_config){.protects = true});
}

static struct protect_tuple kept(lba_t lba)
{
	uint8_t p[PROTECT_LEN];
	peek(files.beside, p, sizeof(p), (off_t)(TUPLES_AT + lba * PROTECT_LEN));
	for (size_t i = 0; i < sizeof(p); i++)
		p[i] ^= 0xff;
	return protect_get(p);
}

/* ---- operations ---- */

static const struct protect plain = {.type = 1, .medium = PROTECT_GUARD};

static enum tgt_store_result write_plain(struct store *s, lba_t lba, uint32_t n, uint8_t fill)
{
	static uint8_t data[BLOCKS * BS];
	struct store_op o = {.lba = lba, .blocks = n, .bytes = data};
	memset(data, fill, (size_t)n * BS);
	return store_protected(s, TGT_STORE_WRITE, &plain, &o);
}

static enum tgt_store_result verify(struct store *s, lba_t lba, uint32_t n, uint32_t *good)
{
	struct store_op o = {.lba = lba, .blocks = n};
	enum tgt_store_result r = store_protected(s, TGT_STORE_VERIFY, &plain, &o);
	*good = o.good;
	return r;
}

/* The image has the blocks and nothing else; what was never written has nothing, and no room. */
START_TEST(beside_the_image)
{
	struct stat st;
	uint8_t block[BS];
	struct store *s = open_it();
	ck_assert(store_protects(s));
	ck_assert(stat(files.path, &st) == 0 && st.st_size == BLOCKS * BS && st.st_blocks == 0);
	ck_assert(stat(files.beside, &st) == 0 && st.st_size == TUPLES_AT + BLOCKS * PROTECT_LEN);
	ck_assert(st.st_blocks <= 16 && protect_is_none(kept(BLOCKS - 1)));
	ck_assert_int_eq(write_plain(s, 7, 1, 0x5a), STORE_OK);
	memset(block, 0x5a, sizeof(block));
	struct protect_tuple t = kept(7);
	ck_assert(t.guard == crc16_guard(block, BS) && t.app == 0 && t.ref == 7);
	ck_assert(protect_is_none(kept(6)) && protect_is_none(kept(8)));
	store_close(s);
	peek(files.path, block, BS, 7 * BS);
	ck_assert_uint_eq(block[BS - 1], 0x5a);
	/* it is used whatever is asked for, once it is there */
	s = open_as(false, false);
	ck_assert_msg(s && store_protects(s), "%s", files.why);
	store_close(s);
	ck_assert(unlink(files.beside) == 0);
	s = open_as(false, false);
	ck_assert(s && !store_protects(s) && access(files.beside, F_OK) != 0);
	store_close(s);
}
END_TEST

/* ---- against a disk in memory ---- */

struct world {
	struct prng g;
	struct store *s;
	struct medium m;
};

static uint8_t small(struct world *w)
{
	return (uint8_t)(prng_below(&w->g, 3) * 0x55);
}

/* Mostly right. */
static void put_data(struct world *w, const struct tgt_action *a, uint32_t n, struct block *b)
{
	bool moved = a->protect.moved;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *p = b->data + i * (BS + (moved ? PROTECT_LEN : 0U));
		memset(p, small(w), BS);
		if (!moved)
			continue;
		struct protect_tuple t = {crc16_guard(p, BS), 0x0101, a->protect.ref + i};
		if (prng_below(&w->g, 600) == 0)
			t.guard ^= 1;
		if (prng_below(&w->g, 600) == 0)
			t.ref ^= 1;
		if (prng_below(&w->g, 100) == 0)
			t = PROTECT_NONE;
		protect_put(p + BS, t);
	}
}

static struct tgt_action draw(struct world *w)
{
	static const enum tgt_action_kind kinds[] = {
	        TGT_STORE_READ, TGT_STORE_WRITE,   TGT_STORE_WRITE,  TGT_STORE_ATOMIC,
	        TGT_STORE_OR,   TGT_STORE_COMPARE, TGT_STORE_VERIFY, TGT_STORE_ZERO};
	struct tgt_action a = {.kind = kinds[prng_below(&w->g, ARRAY_LEN(kinds))]};
	bool takes = a.kind != TGT_STORE_VERIFY && a.kind != TGT_STORE_ZERO;
	a.lba = prng_below(&w->g, BLOCKS);
	a.blocks = (uint32_t)prng_below(&w->g, prng_below(&w->g, 4) ? 4 : BLOCKS) + 1;
	if (a.blocks > BLOCKS - a.lba)
		a.blocks = (uint32_t)(BLOCKS - a.lba);
	a.repeat = (a.kind == TGT_STORE_WRITE || a.kind == TGT_STORE_COMPARE) &&
	           prng_below(&w->g, 3) == 0;
	a.protect = (struct protect){
	        .type = (uint8_t)(1 + prng_below(&w->g, 3)),
	        .moved = takes && prng_below(&w->g, 2),
	        .none = a.kind == TGT_STORE_ZERO,
	        .medium = (uint8_t)(prng_below(&w->g, 4) ? 0 : prng_below(&w->g, 8)),
	        .data = (uint8_t)prng_below(&w->g, 8),
	        .compare = (uint8_t)prng_below(&w->g, 8),
	        .ref = (uint32_t)a.lba,
	        .app = 0x0101,
	        .mask = 0x0fff,
	        .made = (uint16_t)(prng_below(&w->g, 2) ? 0x0101 : 0xffff),
	};
	/* What is checked is what is read; a store does the pieces of a long one in turn. */
	bool reads = a.kind == TGT_STORE_READ || a.kind == TGT_STORE_VERIFY ||
	             ((a.kind == TGT_STORE_OR || a.kind == TGT_STORE_COMPARE) && a.blocks <= PIECE);
	if (!reads)
		a.protect.medium = 0;
	return a;
}

static void both(struct world *w)
{
	struct tgt_action a = draw(w);
	size_t stride = BS + (a.protect.moved ? PROTECT_LEN : 0U);
	struct tgt_event ev = {0};
	struct block *b = block_new(a.blocks * stride);
	memset(b->data, 0, b->len);
	if (a.kind != TGT_STORE_READ) {
		put_data(w, &a, a.repeat ? 1 : a.blocks, b);
		a.block = a.kind == TGT_STORE_VERIFY || a.kind == TGT_STORE_ZERO ? NULL : b;
	}
	struct store_op o = {
	        .lba = a.lba, .blocks = a.blocks, .bytes = b->data, .repeat = a.repeat};
	enum tgt_store_result r = store_protected(w->s, a.kind, &a.protect, &o);
	medium_do(&w->m, &a, a.blocks, &ev);
	ck_assert_msg(r == ev.store.result, "kind %u, blocks %u+%u: %d, not %d", a.kind,
	              (unsigned)a.lba, a.blocks, r, ev.store.result);
	if (r == STORE_OK)
		ck_assert_uint_eq(o.good, a.blocks);
	else
		ck_assert(o.good == ev.store.good_blocks && o.field == ev.store.field);
	if (r == STORE_MISCOMPARE && o.field == 0)
		ck_assert_uint_eq(o.differs, ev.store.differs);
	if (ev.store.block && r == STORE_OK)
		ck_assert_mem_eq(b->data, ev.store.block->data, b->len);
	block_unref(ev.store.block);
	block_unref(b);
}

START_TEST(as_a_disk_in_memory)
{
	static uint8_t media[BLOCKS * BS], tuples[BLOCKS * PROTECT_LEN], file[BLOCKS * BS];
	struct world w = {.g = prng_init((uint64_t)_i + 1),
	                  .s = open_it(),
	                  .m = {media, NULL, BS, BLOCKS, tuples}};
	memset(media, 0, sizeof(media));
	memset(tuples, 0xff, sizeof(tuples));
	for (unsigned i = 0; i < 400; i++)
		both(&w);
	store_close(w.s);
	peek(files.path, file, sizeof(file), 0);
	ck_assert_mem_eq(file, media, sizeof(media));
	peek(files.beside, file, sizeof(tuples), TUPLES_AT);
	for (size_t i = 0; i < sizeof(tuples); i++)
		ck_assert_uint_eq(file[i] ^ 0xff, tuples[i]);
}
END_TEST

/* Nothing is written of what came with wrong protection information, however late it is. */
START_TEST(all_is_checked_before_anything_is_written)
{
	static uint8_t data[BLOCKS * (BS + PROTECT_LEN)];
	const struct protect p = {.type = 1, .moved = true, .data = PROTECT_ALL, .ref = 0};
	struct store *s = open_it();
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint8_t *at = data + i * (BS + PROTECT_LEN);
		memset(at, 0x77, BS);
		protect_put(at + BS,
		            (struct protect_tuple){crc16_guard(at, BS), 1, i + (i == BLOCKS - 1)});
	}
	struct store_op o = {.blocks = BLOCKS, .bytes = data};
	ck_assert_int_eq(store_protected(s, TGT_STORE_WRITE, &p, &o), STORE_PROTECTION);
	ck_assert_uint_eq(o.good, BLOCKS - 1);
	ck_assert_uint_eq(o.field, PROTECT_REF);
	store_close(s);
	peek(files.path, data, BS, 0);
	ck_assert_uint_eq(data[0], 0);
	ck_assert(protect_is_none(kept(0)));
}
END_TEST

/* ---- cut off ---- */

/* A process that ends without closing the store. */
static void killed(void)
{
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct store *s = open_it();
		bool ok = write_plain(s, 3, 4, 0x5a) == STORE_OK;
		_exit(ok ? 0 : 1);
	}
	int status;
	ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
}

/* A block that does not fit after a crash is one of which half was written: it is not known which
 * half, so nothing is said of it any more. Where nothing was cut off it is the medium that rots. */
START_TEST(in_doubt_after_a_crash_only)
{
	uint8_t block[BS];
	uint32_t good = 0;
	memset(block, 0x11, sizeof(block));
	killed();
	ck_assert(in_doubt());
	poke(files.path, block, BS, 4 * BS); /* the data of the next write, without its guard */
	poke(files.beside, "\1\2", 2, TUPLES_AT + 6 * PROTECT_LEN); /* the other way round */
	struct store *s = open_it();
	ck_assert(!in_doubt());
	ck_assert(protect_is_none(kept(4)) && protect_is_none(kept(6)));
	ck_assert(kept(3).ref == 3 && kept(5).ref == 5);
	ck_assert_int_eq(verify(s, 0, BLOCKS, &good), STORE_OK);
	ck_assert_int_eq(write_plain(s, 4, 1, 0x22), STORE_OK);
	ck_assert(in_doubt());
	ck_assert_int_eq(store_flush(s), STORE_OK); /* nothing is written beside it */
	ck_assert(!in_doubt());
	ck_assert_int_eq(write_plain(s, 4, 1, 0x22), STORE_OK);
	ck_assert(in_doubt());
	store_close(s);
	ck_assert(!in_doubt());
	poke(files.path, block, BS, 4 * BS);
	s = open_it();
	ck_assert_int_eq(verify(s, 0, BLOCKS, &good), STORE_PROTECTION);
	ck_assert_uint_eq(good, 4);
	store_close(s);
}
END_TEST

/* Nor is one that nobody was writing, in the same region. */
START_TEST(what_was_not_begun_is_not_in_doubt)
{
	uint8_t block[BS];
	char begun[180];
	uint32_t good = 0;
	(void)snprintf(begun, sizeof(begun), "%s.begun", files.beside);
	memset(block, 0x11, sizeof(block));
	for (int known = 1; known >= 0; known--) {
		struct store *s = open_it();
		ck_assert_int_eq(write_plain(s, 0, BLOCKS, 0x33), STORE_OK);
		store_close(s);
		killed();
		ck_assert(in_doubt() && (known || unlink(begun) == 0));
		poke(files.path, block, BS, 4 * BS);
		poke(files.path, block, BS, 100 * BS);
		s = open_it();
		ck_assert(protect_is_none(kept(4)) && protect_is_none(kept(100)) == !known);
		ck_assert_int_eq(verify(s, 0, BLOCKS, &good), known ? STORE_PROTECTION : STORE_OK);
		ck_assert_uint_eq(good, known ? 100 : BLOCKS);
		store_close(s);
	}
}
END_TEST

START_TEST(doubts_need_writing)
{
	killed();
	ck_assert_ptr_null(open_as(true, true));
	ck_assert_ptr_nonnull(strstr(files.why, ".protection: writes were cut off"));
	store_close(open_it());
	struct store *s = open_as(true, true);
	ck_assert_msg(s && store_protects(s), "%s", files.why);
	store_close(s);
}
END_TEST

/* A mark is on the medium before the write to its region. */
START_TEST(marked_first)
{
	struct store *s = open_it();
	const struct protect p = {.type = 1, .none = true};
	struct store_op o = {.lba = 5, .blocks = 9};
	ck_assert(!in_doubt());
	ck_assert_int_eq(write_plain(s, 5, 1, 0x33), STORE_OK);
	ck_assert(in_doubt());
	ck_assert_int_eq(store_flush(s), STORE_OK);
	ck_assert(!in_doubt());
	/* The hole may come to the medium, and the guard of what was there stay. */
	ck_assert_int_eq(store_protected(s, TGT_STORE_ZERO, &p, &o), STORE_OK);
	ck_assert(in_doubt());
	store_close(s);
}
END_TEST

/* WRITE ATOMIC: blocks and protection information are there, or neither. */
START_TEST(an_atomic_write_is_finished)
{
	const struct files_record r = {BS, 9, 2, 0x66, true};
	const size_t all = FILES_RECORD_HEAD + 2 * (BS + PROTECT_LEN);
	for (int whole = 0; whole < 2; whole++) {
		uint8_t first;
		store_close(open_it());
		files_record(&r, all - (whole ? 0 : 1));
		store_close(open_it());
		struct protect_tuple t = kept(10);
		ck_assert_int_eq(t.app == 0x66 && t.ref == 10, whole);
		peek(files.path, &first, 1, 10 * BS);
		ck_assert_int_eq(first == 0x66, whole);
	}
}
END_TEST

/* Beside another one that was cut off: that is looked through before the flush of this. */
START_TEST(in_doubt_beside_an_atomic_write)
{
	uint8_t block[BS];
	uint32_t good = 0;
	memset(block, 0x11, sizeof(block));
	killed();
	poke(files.path, block, BS, 4 * BS);
	files_record(&(struct files_record){BS, 100, 2, 0x66, true}, SIZE_MAX);
	struct store *s = open_it();
	ck_assert_int_eq(verify(s, 0, BLOCKS, &good), STORE_OK);
	ck_assert(protect_is_none(kept(4)) && kept(101).ref == 101);
	store_close(s);
}
END_TEST

/* What is in doubt stays so where another file keeps the store from being opened. */
START_TEST(in_doubt_after_a_start_that_is_refused)
{
	uint8_t block[BS];
	uint32_t good = 0;
	char sums[160];
	(void)snprintf(sums, sizeof(sums), "%s.integrity", files.path);
	memset(block, 0x11, sizeof(block));
	killed();
	poke(files.path, block, BS, 4 * BS);
	ck_assert(mkdir(sums, 0700) == 0);
	ck_assert_ptr_null(open_as(true, false));
	ck_assert(in_doubt());
	ck_assert(rmdir(sums) == 0);
	struct store *s = open_it();
	ck_assert_int_eq(verify(s, 0, BLOCKS, &good), STORE_OK);
	store_close(s);
}
END_TEST

/* ---- what is none ---- */

START_TEST(files_that_are_none)
{
	struct stat st;
	uint8_t byte = 1;
	ck_assert_ptr_null(open_as(true, true)); /* neither is there */
	store_close(open_as(false, false));
	ck_assert_ptr_null(open_as(true, true));
	ck_assert_ptr_nonnull(strstr(files.why, ".protection: cannot be opened"));
	store_close(open_it());
	for (off_t at = 0; at < 32; at++) {
		uint8_t was, is;
		peek(files.beside, &was, 1, at);
		is = was ^ 0x10;
		poke(files.beside, &is, 1, at);
		ck_assert_ptr_null(open_as(true, false));
		ck_assert_ptr_nonnull(
		        strstr(files.why, "not the protection information of such a disk"));
		poke(files.beside, &was, 1, at);
	}
	ck_assert(stat(files.beside, &st) == 0 && truncate(files.beside, st.st_size - 1) == 0);
	ck_assert_ptr_null(open_as(true, false));
	off_t whole = st.st_size;
	for (int i = 0; i < 2; i++) { /* empty; all zeros */
		ck_assert(truncate(files.beside, i * whole) == 0);
		ck_assert_ptr_null(open_as(i == 0, false));
		ck_assert_ptr_nonnull(
		        strstr(files.why, ".protection: is damaged, its head is gone"));
	}
	ck_assert(unlink(files.beside) == 0);
	store_close(open_it());
	peek(files.beside, &byte, 1, 0);
	ck_assert_uint_eq(byte, 'S');
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("store_protect");
	TCase *c = tcase_create("store_protect");
	tcase_add_checked_fixture(c, set_up, files_tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, beside_the_image);
	tcase_add_loop_test(c, as_a_disk_in_memory, 0, 8);
	tcase_add_test(c, all_is_checked_before_anything_is_written);
	tcase_add_test(c, in_doubt_after_a_crash_only);
	tcase_add_test(c, what_was_not_begun_is_not_in_doubt);
	tcase_add_test(c, doubts_need_writing);
	tcase_add_test(c, marked_first);
	tcase_add_test(c, an_atomic_write_is_finished);
	tcase_add_test(c, in_doubt_beside_an_atomic_write);
	tcase_add_test(c, in_doubt_after_a_start_that_is_refused);
	tcase_add_test(c, files_that_are_none);
	suite_add_tcase(s, c);
	return s;
}

TAP_MAIN_SUITE(make_suite);
