/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done on the loop and what in threads, with a store that is a test's: it is in memory, and
 * each block of it has a gate at which calls wait for as long as the test likes. (It stands in for
 * shell/store.c, which is not linked.)
 */
#include "unit/tap_main.h"

#include "shell/ended.h"
#include "shell/meta.h"
#include "shell/ring.h"
#include "shell/store.h"
#include "shell/target_io.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS  8192 /* of 512 bytes */
#define LBA_ALL 63   /* the gate of flushes; else that of lba % 63 */

/* ---- the store ---- */

static struct store {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool shut[LBA_ALL + 1];
	unsigned waiting, begun, flushes;
	bool in_memory, naps, protects;
	enum store_now now;
	lba_t syncs_from; /* writes from there on; 0: none */
	enum tgt_store_result flush_result;
	uint8_t media[BLOCKS * 512];
	struct protect protect; /* of the last operation that had to do with it */
	char log[400];          /* what ended, in its order */
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static void pass(unsigned gate)
{
	pthread_mutex_lock(&fake.lock);
	fake.begun++;
	fake.waiting++;
	pthread_cond_broadcast(&fake.moved);
	while (fake.shut[gate])
		pthread_cond_wait(&fake.moved, &fake.lock);
	fake.waiting--;
	pthread_mutex_unlock(&fake.lock);
	if (fake.naps)
		(void)poll(NULL, 0, 2);
}

static void gate(unsigned which, bool shut)
{
	pthread_mutex_lock(&fake.lock);
	fake.shut[which] = shut;
	pthread_cond_broadcast(&fake.moved);
	pthread_mutex_unlock(&fake.lock);
}

/* Returns when n calls stand at gates. */
static void await_waiting(unsigned n)
{
	pthread_mutex_lock(&fake.lock);
	while (fake.waiting != n)
		pthread_cond_wait(&fake.moved, &fake.lock);
	pthread_mutex_unlock(&fake.lock);
}

static void note(char what, lba_t lba)
{
	pthread_mutex_lock(&fake.lock);
	size_t n = strlen(fake.log);
	(void)snprintf(fake.log + n, sizeof(fake.log) - n, "%c%u ", what, (unsigned)lba);
	pthread_mutex_unlock(&fake.lock);
}

struct store *store_open(const struct store_config *cfg, char *why, size_t n)
{
	(void)why, (void)n;
	ck_assert_uint_eq(cfg->block_size, 512);
	fake.protects = cfg->protects;
	return &fake;
}

void store_close(struct store *s)
{
	(void)s;
}

uint64_t store_blocks(const struct store *s)
{
	(void)s;
	return BLOCKS;
}

bool store_in_memory(const struct store *s)
{
	return s->in_memory;
}

enum tgt_store_result store_read(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out,
                                 uint32_t *good)
{
	pass((unsigned)(lba % LBA_ALL));
	memcpy(out, s->media + lba * 512, (size_t)blocks * 512);
	note('r', lba);
	*good = blocks;
	return STORE_OK;
}

enum tgt_store_result store_write(struct store *s, lba_t lba, uint32_t blocks, const uint8_t *data,
                                  uint32_t *good)
{
	pass((unsigned)(lba % LBA_ALL));
	memcpy(s->media + lba * 512, data, (size_t)blocks * 512);
	note('w', lba);
	*good = blocks;
	return STORE_OK;
}

enum tgt_store_result store_write_atomic(struct store *s, lba_t lba, uint32_t blocks,
                                         const uint8_t *data, uint32_t *good)
{
	return store_write(s, lba, blocks, data, good);
}

enum tgt_store_result store_write_same(struct store *s, lba_t lba, uint32_t blocks,
                                       const uint8_t *data, uint32_t *good)
{
	pass((unsigned)(lba % LBA_ALL));
	for (uint32_t i = 0; i < blocks; i++)
		memcpy(s->media + (lba + i) * 512, data, 512);
	note('s', lba);
	*good = blocks;
	return STORE_OK;
}

enum tgt_store_result store_or(struct store *s, lba_t lba, uint32_t blocks, const uint8_t *data,
                               uint32_t *good)
{
	pass((unsigned)(lba % LBA_ALL));
	for (size_t i = 0; i < (size_t)blocks * 512; i++)
		s->media[lba * 512 + i] |= data[i];
	note('o', lba);
	*good = blocks;
	return STORE_OK;
}

enum tgt_store_result store_zero(struct store *s, lba_t lba, uint32_t blocks, uint32_t *good)
{
	pass((unsigned)(lba % LBA_ALL));
	memset(s->media + lba * 512, 0, (size_t)blocks * 512);
	note('z', lba);
	*good = blocks;
	return STORE_OK;
}

enum tgt_store_result store_compare(struct store *s, lba_t lba, uint32_t blocks,
                                    const uint8_t *data, bool repeat, uint32_t *good,
                                    uint32_t *differs)
{
	*differs = 0;
	pass((unsigned)(lba % LBA_ALL));
	note(repeat ? 'C' : 'c', lba);
	*good = 0;
	return memcmp(s->media + lba * 512, data, (size_t)(repeat ? 1 : blocks) * 512)
	               ? STORE_MISCOMPARE
	               : STORE_OK;
}

enum tgt_store_result store_verify(struct store *s, lba_t lba, uint32_t blocks, uint32_t *good)
{
	(void)s;
	pass((unsigned)(lba % LBA_ALL));
	note('v', lba);
	*good = blocks;
	return STORE_OK;
}

bool store_has_integrity(const struct store *s)
{
	(void)s;
	return false;
}

bool store_write_syncs(const struct store *s, lba_t lba, uint32_t blocks)
{
	return s->syncs_from > 0 && lba + blocks > s->syncs_from;
}

bool store_protects(const struct store *s)
{
	return s->protects;
}

/* Of each block its number. What is compared has a wrong reference tag. */
enum tgt_store_result store_protected(struct store *s, enum tgt_action_kind kind,
                                      const struct protect *p, struct store_op *o)
{
	pass((unsigned)(o->lba % LBA_ALL));
	note(kind == TGT_STORE_READ ? 'R' : kind == TGT_STORE_WRITE ? 'W' : 'P', o->lba);
	s->protect = *p;
	for (uint32_t i = 0; kind == TGT_STORE_READ && i < o->blocks; i++)
		memset(o->bytes + i * (512U + PROTECT_LEN), (int)(o->lba + i), 512 + PROTECT_LEN);
	o->good = kind == TGT_STORE_COMPARE ? 1 : o->blocks;
	o->field = kind == TGT_STORE_COMPARE ? PROTECT_REF : 0;
	return kind == TGT_STORE_COMPARE ? STORE_PROTECTION : STORE_OK;
}

enum tgt_store_result store_flush(struct store *s)
{
	pass(LBA_ALL);
	note('f', 0);
	s->flushes++;
	return s->flush_result;
}

enum store_now store_read_now(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out)
{
	if (s->now == STORE_NOW_DONE)
		memcpy(out, s->media + lba * 512, (size_t)blocks * 512);
	return s->now;
}

enum store_now store_write_now(struct store *s, lba_t lba, uint32_t blocks, const uint8_t *data)
{
	if (s->now == STORE_NOW_DONE)
		memcpy(s->media + lba * 512, data, (size_t)blocks * 512);
	return s->now;
}

/* ---- what is tested ---- */

static char dir[64], path[128];
static struct target_opts opts;
static struct event_base *base;
static struct tgt *core;
static struct target_io *io;
static uint32_t next_op = 1;

static void woken(void *ctx)
{
	(*(unsigned *)ctx)++;
}
static unsigned wakes;

static void set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/smirror-io-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/disk.img", dir);
	opts = (struct target_opts){
	        .disk.store = path, .disk.name = "disk", .queue_depth = 64, .workers = 2};
	fake.now = STORE_NOW_ASK;
	base = event_base_new();
}

static void open_it(void)
{
	char why[400] = "";
	io = target_io_open(&opts, base, woken, &wakes, &core, why, sizeof(why));
	ck_assert_msg(io != NULL, "%s", why);
}

static void close_it(void)
{
	tgt_free(core);
	target_io_close(io);
	io = NULL;
}

static void tear_down(void)
{
	if (io)
		close_it();
	event_base_free(base);
	char command[100];
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static uint32_t ask(enum tgt_action_kind kind, lba_t lba, uint32_t blocks, struct block *b)
{
	struct tgt_action a = {
	        .kind = kind, .op = next_op++, .lba = lba, .blocks = blocks, .block = b};
	target_io_do(io, &a);
	return a.op;
}

static uint32_t ask_write(lba_t lba, uint8_t fill)
{
	struct block *b = block_new(512);
	memset(b->data, fill, 512);
	uint32_t op = ask(TGT_STORE_WRITE, lba, 1, b);
	block_unref(b);
	return op;
}

/* The next completion; its op. 0: there is none, and nothing of it was waited for. */
static uint32_t done_op;
static enum tgt_store_result done_result;

static bool at_once(void)
{
	struct tgt_event ev;
	if (!target_io_next(io, &ev))
		return false;
	done_op = ev.kind == TGT_EV_META_DONE ? ev.meta.op : ev.store.op;
	done_result = ev.kind == TGT_EV_META_DONE ? (ev.meta.ok ? STORE_OK : STORE_ERROR)
	                                          : ev.store.result;
	ck_assert(ev.kind == TGT_EV_META_DONE || !ev.store.block || ev.store.block->refs == 1);
	target_io_taken(io);
	return true;
}

/* It was done at once, and well. */
static void must_be_done(uint32_t op)
{
	ck_assert(at_once());
	ck_assert_uint_eq(done_op, op);
	ck_assert_int_eq(done_result, STORE_OK);
}

static uint32_t later(void)
{
	while (!at_once())
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	return done_op;
}

/* ---- tests ---- */

START_TEST(a_slow_one_holds_up_only_itself)
{
	open_it();
	gate(5, true);
	uint32_t slow = ask_write(5, 0x55);
	await_waiting(1);
	uint32_t a = ask_write(6, 0x66);
	ck_assert_uint_eq(later(), a);
	uint32_t b = ask(TGT_STORE_READ, 6, 1, NULL);
	ck_assert_uint_eq(later(), b);
	uint32_t c = ask(TGT_STORE_FLUSH, 0, 0, NULL);
	ck_assert_uint_eq(later(), c);
	uint32_t v = ask(TGT_STORE_VERIFY, 9, 3, NULL);
	ck_assert_uint_eq(later(), v);
	ck_assert_uint_eq(fake.media[5 * 512], 0);
	ck_assert(!at_once());
	gate(5, false);
	ck_assert_uint_eq(later(), slow);
	ck_assert_int_eq(done_result, STORE_OK);
	ck_assert_uint_eq(fake.media[5 * 512], 0x55);
	ck_assert_uint_ge(wakes, 5);
}
END_TEST

START_TEST(more_than_threads_wait_their_turn)
{
	open_it();
	gate(1, true);
	gate(2, true);
	(void)ask_write(1, 1);
	(void)ask_write(2, 2);
	await_waiting(2);
	uint32_t third = ask_write(3, 3);
	ck_assert(!at_once());
	ck_assert_uint_eq(fake.begun, 2);
	gate(1, false);
	(void)later();
	ck_assert_uint_eq(later(), third);
	gate(2, false);
	(void)later();
	ck_assert_str_eq(fake.log, "w1 w3 w2 ");
}
END_TEST

START_TEST(what_is_asked_is_what_is_done)
{
	open_it();
	struct block *b = block_new(1024);
	memset(b->data, 0xaa, 512);
	memset(b->data + 512, 0xbb, 512);
	struct tgt_action a = {.kind = TGT_STORE_WRITE, .op = 70, .lba = 7, .blocks = 1};
	a.block = b;
	a.offset = 512;
	target_io_do(io, &a);
	ck_assert_uint_eq(later(), 70);
	ck_assert_uint_eq(fake.media[7 * 512], 0xbb);
	a.kind = TGT_STORE_COMPARE;
	a.op = 71;
	a.repeat = true;
	target_io_do(io, &a);
	ck_assert_uint_eq(later(), 71);
	ck_assert_int_eq(done_result, STORE_OK);
	a.op = 72;
	a.repeat = false;
	a.offset = 0;
	target_io_do(io, &a);
	ck_assert_uint_eq(later(), 72);
	ck_assert_int_eq(done_result, STORE_MISCOMPARE);
	ck_assert_str_eq(fake.log, "w7 C7 c7 ");
	block_unref(b);
	/* what is read comes in a block of its own */
	struct tgt_event ev;
	(void)ask(TGT_STORE_READ, 7, 1, NULL);
	while (!target_io_next(io, &ev))
		(void)event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(ev.store.block->len, 512);
	ck_assert_uint_eq(ev.store.block->data[511], 0xbb);
	target_io_taken(io);
}
END_TEST

/* The store is told what is to be done about protection information, and says what came of it. */
START_TEST(protection_information)
{
	struct tgt_event ev;
	struct tgt_action a = {
	        .kind = TGT_STORE_READ,
	        .op = 70,
	        .lba = 7,
	        .blocks = 2,
	        .protect =
	                {.type = 2, .moved = true, .medium = PROTECT_ALL, .ref = 5, .mask = 0xff},
	};
	opts.disk.protects = true;
	opts.disk.protection = 2;
	fake.now = STORE_NOW_DONE; /* which is about one file only */
	open_it();
	target_io_do(io, &a);
	while (!target_io_next(io, &ev))
		(void)event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(ev.store.result, STORE_OK);
	ck_assert_uint_eq(ev.store.block->len, 2 * (512 + PROTECT_LEN));
	ck_assert_uint_eq(ev.store.block->data[520 + 519], 8);
	ck_assert(fake.protect.type == 2 && fake.protect.ref == 5 && fake.protect.mask == 0xff);
	target_io_taken(io);
	a.kind = TGT_STORE_COMPARE;
	a.op = 71;
	a.block = block_new(2 * (512 + PROTECT_LEN));
	target_io_do(io, &a);
	while (!target_io_next(io, &ev))
		(void)event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(ev.store.result, STORE_PROTECTION);
	ck_assert_uint_eq(ev.store.good_blocks, 1);
	ck_assert_uint_eq(ev.store.field, PROTECT_REF);
	target_io_taken(io);
	block_unref(a.block);
	ck_assert_str_eq(fake.log, "R7 P7 ");
}
END_TEST

/* What a disk is formatted with is in its metadata from the first start on; later it is for FORMAT
 * UNIT to change. */
START_TEST(protection_is_kept)
{
	struct meta m;
	char why[400];
	static const uint8_t says[] = {0x7d, 1, 2};
	open_it();
	close_it();
	ck_assert_int_eq(meta_load(path, &m, why, sizeof(why)), META_LOADED);
	ck_assert_uint_eq(m.n_saved, 0);
	opts.disk.protects = true;
	opts.disk.protection = 2;
	open_it();
	close_it();
	ck_assert_int_eq(meta_load(path, &m, why, sizeof(why)), META_LOADED);
	ck_assert_uint_eq(m.n_saved, sizeof(says));
	ck_assert_mem_eq(m.saved, says, sizeof(says));
	opts.disk.protection = 1;
	open_it();
	close_it();
	ck_assert_int_eq(meta_load(path, &m, why, sizeof(why)), META_LOADED);
	ck_assert_mem_eq(m.saved, says, sizeof(says));
}
END_TEST

static void released(struct block *b, void *ctx)
{
	(void)b;
	*(bool *)ctx = true;
}

START_TEST(data_are_held_until_it_is_done)
{
	bool free_now = false;
	uint8_t bytes[512] = {0x77};
	struct block b = {.refs = 1, .len = 512, .cap = 512, .data = bytes};
	b.release = released;
	b.release_ctx = &free_now;
	open_it();
	gate(4, true);
	(void)ask(TGT_STORE_WRITE, 4, 1, &b);
	block_unref(&b); /* the core's: its connection is gone, its task is dropped */
	await_waiting(1);
	ck_assert(!free_now);
	gate(4, false);
	(void)later();
	ck_assert(free_now);
	ck_assert_uint_eq(fake.media[4 * 512], 0x77);
}
END_TEST

START_TEST(shared_data_that_changed_meanwhile)
{
	char why[160];
	struct wire_ref ref;
	struct ring *maker = ring_new(7, MIB, why, sizeof(why));
	ck_assert_msg(maker != NULL, "%s", why);
	struct ring *reader =
	        ring_open(7, ring_bytes(maker), dup(ring_fd(maker)), why, sizeof(why));
	ck_assert_msg(reader != NULL, "%s", why);
	open_it();
	for (unsigned late = 0; late < 2; late++) {
		struct block *b = ring_get(maker, 512);
		ck_assert(ring_find(maker, b, &ref));
		struct block *got = ring_at(reader, &ref, 512, why, sizeof(why));
		gate(4, true);
		(void)ask(TGT_STORE_WRITE, 4, 1, got);
		block_unref(got);
		await_waiting(1);
		if (late) {
			block_unref(b);
			b = ring_get(maker, 512);
		}
		gate(4, false);
		(void)later();
		ck_assert_int_eq(done_result, late ? STORE_DATA_GONE : STORE_OK);
		block_unref(b);
	}
	/* Before it began: the store is not touched. */
	struct block *b = ring_get(maker, 512);
	ck_assert(ring_find(maker, b, &ref));
	struct block *got = ring_at(reader, &ref, 512, why, sizeof(why));
	block_unref(b);
	b = ring_get(maker, 512);
	(void)ask(TGT_STORE_WRITE, 4, 1, got);
	ck_assert(at_once());
	ck_assert_int_eq(done_result, STORE_DATA_GONE);
	block_unref(got);
	block_unref(b);
	ring_unref(maker);
	ring_unref(reader);
}
END_TEST

/* A ring, by its two ends, and a write from it to LBA 4 that is given up: its memory is another's.
 */
static struct ring *maker, *reader;
static struct block *others;

static void open_ring(void)
{
	char why[160];
	maker = ring_new(7, 4 * MIB, why, sizeof(why));
	ck_assert_msg(maker != NULL, "%s", why);
	reader = ring_open(7, ring_bytes(maker), dup(ring_fd(maker)), why, sizeof(why));
	ck_assert_msg(reader != NULL, "%s", why);
}

static struct block *ask_from_ring(enum tgt_action_kind kind, uint32_t blocks, uint8_t fill)
{
	char why[160];
	struct wire_ref ref;
	struct block *b = ring_get(maker, blocks * 512);
	ck_assert(ring_find(maker, b, &ref));
	memset(b->data, fill, b->len);
	struct block *got = ring_at(reader, &ref, blocks * 512, why, sizeof(why));
	(void)ask(kind, 4, blocks, got);
	block_unref(got);
	return b;
}

static void give_up(struct block *b, uint8_t fill)
{
	const uint8_t *was = b->data;
	size_t n = b->len;
	block_unref(b);
	others = ring_get(maker, n);
	ck_assert_ptr_eq(others->data, was);
	memset(others->data, fill, n);
}

static void close_ring(void)
{
	block_unref(others);
	ring_unref(maker);
	ring_unref(reader);
}

/* All threads hang, and when they wake the data are another write's. */
START_TEST(data_that_changed_in_the_line_are_not_written)
{
	open_it();
	open_ring();
	fake.in_memory = _i > 0; /* more than a MiB is a thread's there, too */
	gate(1, true);
	gate(2, true);
	uint32_t n = fake.in_memory ? 2049 : 1;
	for (lba_t lba = 1; lba <= 2; lba++)
		(void)ask(TGT_STORE_VERIFY, lba, 2049, NULL);
	await_waiting(2);
	give_up(ask_from_ring(TGT_STORE_WRITE, n, 0x44), 0xee);
	gate(1, false);
	gate(2, false);
	while (later(), done_result == STORE_OK)
		;
	ck_assert_int_eq(done_result, STORE_DATA_GONE);
	ck_assert_uint_eq(fake.media[4 * 512], 0);
	ck_assert_ptr_null(strchr(fake.log, 'w'));
	close_ring();
}
END_TEST

/* The store hangs in the middle of it: what comes to it is the task's own. */
START_TEST(data_that_changed_under_a_write_are_not_written)
{
	open_it();
	open_ring();
	gate(4, true);
	struct block *b = ask_from_ring(TGT_STORE_WRITE, 3, 0x44);
	await_waiting(1);
	give_up(b, 0xee);
	gate(4, false);
	(void)later();
	ck_assert_int_eq(done_result, STORE_DATA_GONE);
	for (size_t i = 0; i < 3UL * 512; i++)
		ck_assert_uint_eq(fake.media[4 * 512 + i], 0x44);
	close_ring();
}
END_TEST

START_TEST(flushes_that_come_meanwhile_go_together)
{
	open_it();
	gate(LBA_ALL, true);
	uint32_t first = ask(TGT_STORE_FLUSH, 0, 0, NULL);
	await_waiting(1);
	(void)ask_write(3, 3);
	(void)later();
	/* the one that runs may have begun before that write: it does not count for these */
	uint32_t second = ask(TGT_STORE_FLUSH, 0, 0, NULL);
	uint32_t third = ask(TGT_STORE_FLUSH, 0, 0, NULL);
	ck_assert(!at_once());
	fake.flush_result = STORE_DEAD;
	gate(LBA_ALL, false);
	ck_assert_uint_eq(later(), first);
	ck_assert_uint_eq(later(), second);
	ck_assert_int_eq(done_result, STORE_DEAD);
	ck_assert_uint_eq(later(), third);
	ck_assert_int_eq(done_result, STORE_DEAD);
	ck_assert_uint_eq(fake.flushes, 2);
}
END_TEST

/* However calm the store has been. */
START_TEST(a_write_that_has_to_sync_first_is_a_threads)
{
	static const enum tgt_action_kind kinds[] = {TGT_STORE_WRITE, TGT_STORE_OR, TGT_STORE_ZERO};
	struct block *b = block_new(512);
	open_it();
	for (unsigned i = 0; i < 100; i++) {
		(void)ask_write(3, 3);
		(void)later();
	}
	fake.syncs_from = 20;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		uint32_t op = ask(kinds[i], 20, 1, b);
		ck_assert(!at_once());
		ck_assert_uint_eq(later(), op);
	}
	fake.now = STORE_NOW_DONE;
	must_be_done(ask(TGT_STORE_WRITE, 19, 1, b));
	must_be_done(ask(TGT_STORE_READ, 20, 1, NULL));
	fake.in_memory = true; /* nothing to wait for */
	must_be_done(ask(TGT_STORE_ZERO, 20, 1, b));
	block_unref(b);
}
END_TEST

START_TEST(in_memory_all_is_done_at_once)
{
	fake.in_memory = true;
	open_it();
	must_be_done(ask_write(3, 3));
	must_be_done(ask(TGT_STORE_FLUSH, 0, 0, NULL));
	must_be_done(ask(TGT_STORE_READ, 3, 2048, NULL));
	/* but for what is a long copy even so */
	uint32_t large = ask(TGT_STORE_VERIFY, 3, 2049, NULL);
	ck_assert(!at_once());
	ck_assert_uint_eq(later(), large);
}
END_TEST

START_TEST(what_the_kernel_can_do_now_is_done_at_once)
{
	open_it();
	fake.now = STORE_NOW_DONE;
	must_be_done(ask_write(3, 0x33));
	must_be_done(ask(TGT_STORE_READ, 3, 1, NULL));
	ck_assert_uint_eq(fake.media[3 * 512], 0x33);
	ck_assert_str_eq(fake.log, "");
	/* however often it can: what it cannot is a thread's */
	for (unsigned i = 0; i < 100; i++)
		must_be_done(ask_write(3, 0x33));
	fake.now = STORE_NOW_NOT;
	uint32_t op = ask_write(3, 0x44);
	ck_assert(!at_once());
	ck_assert_uint_eq(later(), op);
	ck_assert_str_eq(fake.log, "w3 ");
}
END_TEST

START_TEST(a_calm_store_is_written_at_once)
{
	unsigned n = 0;
	open_it();
	while (n < 1000 && (ask_write(3, 3), !at_once())) {
		(void)later();
		n++;
	}
	ck_assert_uint_gt(n, 4);
	ck_assert_uint_lt(n, 1000);
	/* never what has to wait by its nature */
	(void)ask(TGT_STORE_FLUSH, 0, 0, NULL);
	ck_assert(!at_once());
	(void)later();
	/* until it stalls: that once it holds up the loop */
	fake.naps = true;
	(void)ask_write(3, 3);
	ck_assert(at_once());
	(void)ask_write(3, 3);
	ck_assert(!at_once());
	(void)later();
}
END_TEST

START_TEST(direct_io_is_a_threads)
{
	opts.direct = true;
	fake.now = STORE_NOW_DONE;
	open_it();
	for (unsigned i = 0; i < 100; i++) {
		(void)ask_write(3, 3);
		ck_assert(!at_once());
		(void)later();
	}
}
END_TEST

START_TEST(without_threads_all_is_done_at_once)
{
	opts.workers = 0;
	open_it();
	must_be_done(ask_write(3, 3));
	must_be_done(ask(TGT_STORE_FLUSH, 0, 0, NULL));
	must_be_done(ask(TGT_STORE_VERIFY, 0, BLOCKS, NULL));
	ck_assert_uint_eq(wakes, 0);
}
END_TEST

static uint32_t ask_save(const char *bytes)
{
	struct tgt_action a = {.kind = TGT_META_SAVE, .op = next_op++};
	a.bytes = (struct span){(const uint8_t *)bytes, strlen(bytes)};
	target_io_do(io, &a);
	return a.op;
}

START_TEST(pages_are_saved_when_it_says_so)
{
	struct meta m;
	uint32_t op;
	char why[400], off[140];
	open_it();
	op = ask_save("pages");
	ck_assert_uint_eq(later(), op);
	ck_assert_int_eq(done_result, STORE_OK);
	ck_assert_int_eq(meta_load(path, &m, why, sizeof(why)), META_LOADED);
	ck_assert(m.n_saved == 5 && memcmp(m.saved, "pages", 5) == 0);
	ck_assert(memcmp(m.uuid, target_io_uuid(io), UUID_LEN) == 0);
	/* or not at all */
	(void)snprintf(off, sizeof(off), "%s.off", dir);
	ck_assert_int_eq(rename(dir, off), 0);
	op = ask_save("other");
	ck_assert_uint_eq(later(), op);
	ck_assert_int_eq(done_result, STORE_ERROR);
	ck_assert_int_eq(rename(off, dir), 0);
}
END_TEST

/* Well after the test waits for them, or before: both have to do. */
static void *open_gates(void *arg)
{
	(void)arg;
	(void)poll(NULL, 0, 20);
	gate(1, false);
	gate(2, false);
	return NULL;
}

START_TEST(the_end_waits_for_what_has_begun)
{
	pthread_t helper;
	bool free_now = false;
	uint8_t bytes[512] = {1};
	struct block b = {.refs = 1, .len = 512, .cap = 512, .data = bytes};
	b.release = released;
	b.release_ctx = &free_now;
	open_it();
	gate(1, true);
	gate(2, true);
	(void)ask_write(1, 0x11);
	(void)ask_write(2, 0x22);
	await_waiting(2);
	(void)ask(TGT_STORE_WRITE, 3, 1, &b); /* there is no thread for it */
	block_unref(&b);
	(void)ask(TGT_STORE_FLUSH, 0, 0, NULL);
	(void)ask(TGT_STORE_FLUSH, 0, 0, NULL);
	ck_assert_int_eq(pthread_create(&helper, NULL, open_gates, NULL), 0);
	ck_assert(target_io_end(io));
	ck_assert_int_eq(pthread_join(helper, NULL), 0);
	ck_assert_uint_eq(fake.media[1 * 512], 0x11);
	ck_assert_uint_eq(fake.media[2 * 512], 0x22);
	ck_assert_uint_eq(fake.media[3 * 512], 0);
	/* what was written is flushed in any case, once */
	ck_assert_uint_eq(fake.flushes, 1);
	/* the loop has nothing to wait for */
	ck_assert_int_eq(event_base_dispatch(base), 1);
	close_it();
	ck_assert(free_now);
}
END_TEST

/* Nobody asked for that flush: the log is all that says so. */
START_TEST(a_flush_that_fails_at_the_end)
{
	char name[100], said[300] = "", wanted[300];
	(void)snprintf(name, sizeof(name), "%s/log", dir);
	open_it();
	fake.flush_result = STORE_DEAD;
	int log = open(name, O_RDWR | O_CREAT, 0600), kept = dup(STDERR_FILENO);
	ck_assert(log >= 0 && kept >= 0 && dup2(log, STDERR_FILENO) >= 0);
	bool ended = target_io_end(io);
	ck_assert(dup2(kept, STDERR_FILENO) >= 0 && close(kept) == 0);
	ck_assert(!ended && pread(log, said, sizeof(said) - 1, 0) > 0 && close(log) == 0);
	(void)snprintf(wanted, sizeof(wanted), "%s: the last flush failed", path);
	ck_assert_msg(strstr(said, wanted), "%s", said);
	fake.flush_result = STORE_OK;
	close_it();
}
END_TEST

static uint32_t left(const char *store)
{
	char why[400];
	struct ended e = ended_look(store, why, sizeof(why));

	ck_assert_str_eq(why, "");
	return e.number;
}

static uint32_t number_after_end(bool good)
{
	ck_assert_int_eq(target_io_end(io), good);
	close_it();
	return left(path);
}

/* By the number others know that it was started, and may have lost something. */
START_TEST(the_number_of_a_start_that_lost_nothing_goes_on)
{
	open_it();
	uint32_t number = number_after_end(true);
	ck_assert_uint_ne(number, 0);
	for (unsigned i = 0; i < 2; i++) {
		open_it();
		ck_assert_uint_eq(left(path), 0);
		ck_assert_uint_eq(number_after_end(true), number);
	}
	/* a start that comes to nothing changes nothing */
	open_it();
	close_it();
	ck_assert_uint_eq(left(path), number);
	/* one that is killed leaves none */
	open_it();
	ck_assert_uint_eq(ask_write(1, 0x11), later());
	close_it();
	ck_assert_uint_eq(left(path), 0);
	open_it();
	uint32_t other = number_after_end(true);
	ck_assert(other != 0 && other != number);
	open_it();
	fake.flush_result = STORE_DEAD;
	ck_assert_uint_eq(number_after_end(false), 0);
	fake.flush_result = STORE_OK;
}
END_TEST

static struct tgt_lu *add(const struct disk_opts *o)
{
	char why[400];
	struct tgt_lu *lu = target_io_add(io, o, why, sizeof(why));

	ck_assert_msg(lu != NULL, "%s", why);
	tgt_lu_free(lu);
	return lu;
}

/* Where there are several, all of them. */
START_TEST(the_number_is_of_all_logical_units)
{
	char second[160];
	struct disk_opts further = {.lun = 1, .store = second, .name = "further"};
	uint32_t number;

	(void)snprintf(second, sizeof(second), "%s.2", path);
	open_it();
	number = number_after_end(true);
	/* there is one more */
	opts.luns.v[0] = further;
	opts.luns.n = 1;
	open_it();
	(void)add(&further);
	uint32_t of_two = number_after_end(true);
	ck_assert(of_two != 0 && of_two != number && left(second) == of_two);
	open_it();
	ck_assert_uint_eq(left(second), of_two);
	(void)add(&further);
	ck_assert_uint_eq(left(second), 0);
	ck_assert_uint_eq(number_after_end(true), of_two);
	/* it was with another target meanwhile */
	char why[400];
	struct ended e = {.number = of_two + 1, .luns = 2};
	ck_assert(ended_save(second, &e, why, sizeof(why)));
	open_it();
	(void)add(&further);
	number = number_after_end(true);
	ck_assert(number != of_two && left(second) == number);
	/* the numbers of logical units go by when they were put in */
	open_it();
	(void)add(&further);
	target_io_remove(io, 1);
	ck_assert_uint_eq(number_after_end(true), 0);
	ck_assert_uint_eq(left(second), 0);
}
END_TEST

/* What was read waits for the bus: further reads wait for that. */
START_TEST(what_reads_hold_is_bounded)
{
	struct block *held[64];
	struct tgt_event ev;
	const unsigned before = wakes;
	opts.workers = 0;
	open_it();
	for (unsigned i = 0; i < 66; i++) /* of 4 MiB: 256 MiB are 64 */
		(void)ask(TGT_STORE_READ, 0, BLOCKS, NULL);
	for (unsigned i = 0; i < ARRAY_LEN(held); i++) {
		ck_assert(target_io_next(io, &ev));
		held[i] = block_ref(ev.store.block);
		target_io_taken(io);
	}
	ck_assert(!target_io_next(io, &ev));
	must_be_done(ask_write(5, 0x55)); /* which brings nothing */
	ck_assert_uint_eq(wakes, before);
	block_unref(held[0]);
	ck_assert_uint_eq(wakes, before + 1);
	ck_assert(target_io_next(io, &ev));
	held[0] = block_ref(ev.store.block);
	target_io_taken(io);
	ck_assert(!target_io_next(io, &ev));
	for (unsigned i = 0; i < ARRAY_LEN(held); i++)
		block_unref(held[i]);
	ck_assert(at_once());
	ck_assert(!at_once());
}
END_TEST

TAP_MAIN_TABLE("target_io", set_up, tear_down, TAP_ONCE(a_slow_one_holds_up_only_itself),
               TAP_ONCE(more_than_threads_wait_their_turn), TAP_ONCE(what_is_asked_is_what_is_done),
               TAP_ONCE(protection_information), TAP_ONCE(protection_is_kept),
               TAP_ONCE(data_are_held_until_it_is_done),
               TAP_ONCE(shared_data_that_changed_meanwhile),
               TAP_TIMES(data_that_changed_in_the_line_are_not_written, 2),
               TAP_ONCE(data_that_changed_under_a_write_are_not_written),
               TAP_ONCE(flushes_that_come_meanwhile_go_together),
               TAP_ONCE(a_flush_that_fails_at_the_end),
               TAP_ONCE(the_number_of_a_start_that_lost_nothing_goes_on),
               TAP_ONCE(the_number_is_of_all_logical_units),
               TAP_ONCE(a_write_that_has_to_sync_first_is_a_threads),
               TAP_ONCE(in_memory_all_is_done_at_once),
               TAP_ONCE(what_the_kernel_can_do_now_is_done_at_once),
               TAP_ONCE(a_calm_store_is_written_at_once), TAP_ONCE(direct_io_is_a_threads),
               TAP_ONCE(without_threads_all_is_done_at_once),
               TAP_ONCE(pages_are_saved_when_it_says_so),
               TAP_ONCE(the_end_waits_for_what_has_begun), TAP_ONCE(what_reads_hold_is_bounded));
