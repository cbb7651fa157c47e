/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash points of what a target keeps: metadata (mode pages, membership, reservations that
 * persist), the records of atomic writes, the store. A history of commands is run with the shell's
 * own files; from each state that the end of the machine can leave the disk is opened again, and
 * once more from each that its end in that very opening leaves. Then what was answered with GOOD is
 * there:
 *
 *   - the pages and reservations are those of the last command that was answered, or of the one
 * that was under way;
 *   - of an atomic write all blocks or none; all, when it was answered;
 *   - a block that was flushed holds what was flushed;
 *   - each block can be read, with checksums, or protection information, as without: what was cut
 *     off is none that rots. A block that was flushed has its protection information.
 *
 * In the history itself processes are closed, and killed. And the process is killed behind each of
 * its operations, and what it has left is recovered, before the machine ends: in that very opening,
 * or when all blocks were written anew after it, and flushed.
 */
#include "crash/points.h"
#include "shell/log.h"
#include "shell/target_disk.h"
#include "unit/disk.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK    512
#define BLOCKS   64
#define VERSIONS 64
#define VALUES   8
#define WILD     0x100 /* a block in which two writes are mixed */

/* ---- what was promised ---- */

enum note {
	NOTE_OPENED,
	NOTE_SAVE, /* the next version is being written; at its end */
	NOTE_SAVED,
	NOTE_WRITE, /* struct area: blocks may be the old or the new ones, or mixed */
	NOTE_ATOMIC,
	NOTE_ATOMIC_DONE,
	NOTE_FLUSHED
};

struct area {
	uint32_t lba, blocks, fill;
};

static struct version { /* of what is saved, and what the disk says of it */
	uint8_t saved[TGT_SAVED_MAX];
	size_t n_saved;
	char said[2048];
} version[VERSIONS];
static unsigned versions; /* 0: of a new disk */

struct promise {
	bool opened;
	unsigned saved, begun;
	struct {
		unsigned n;
		uint16_t may[VALUES];
	} block[BLOCKS];
	struct area atomic; /* under way; blocks 0: none */
};

static void note_area(struct promise *p, const struct area *a, uint16_t also)
{
	for (uint32_t i = a->lba; i < a->lba + a->blocks; i++) {
		if (p->block[i].n > VALUES - 2)
			p->block[i].n = 0, also = WILD;
		p->block[i].may[p->block[i].n++] = (uint16_t)a->fill;
		if (also)
			p->block[i].may[p->block[i].n++] = also;
	}
}

static void only_last(struct promise *p, uint32_t i)
{
	unsigned n = p->block[i].n;

	while (n > 1 && p->block[i].may[n - 1] == WILD)
		n--;
	p->block[i].may[0] = p->block[i].may[n - 1];
	p->block[i].n = 1;
}

static void take_note(struct promise *p, const struct record *r)
{
	struct area a = {0};

	if (r->n)
		memcpy(&a, r->bytes, sizeof(a));
	switch ((enum note)r->file) {
	case NOTE_OPENED:
		p->opened = true;
		break;
	case NOTE_SAVE:
		p->begun++;
		break;
	case NOTE_SAVED:
		p->saved = p->begun;
		break;
	case NOTE_WRITE:
		note_area(p, &a, WILD);
		break;
	case NOTE_ATOMIC:
		p->atomic = a;
		break;
	case NOTE_ATOMIC_DONE:
		note_area(p, &p->atomic, 0);
		for (uint32_t i = 0; i < p->atomic.blocks; i++)
			only_last(p, p->atomic.lba + i);
		p->atomic.blocks = 0;
		break;
	case NOTE_FLUSHED:
		for (uint32_t i = 0; i < BLOCKS; i++)
			only_last(p, i);
		break;
	}
}

/* Of the records before the cut. */
static struct promise promised(const struct history *h, size_t cut)
{
	struct promise p = {0};

	for (unsigned i = 0; i < BLOCKS; i++)
		p.block[i].n = 1;
	for (size_t i = 0; i < cut; i++)
		if (h->v[i].kind == RECORD_NOTE)
			take_note(&p, &h->v[i]);
	return p;
}

/* ---- the disk as it is to be found ---- */

/* What it keeps beside its blocks. */
static const struct kind {
	const char *name;
	bool integrity, later; /* from the first restart on */
	bool protects;
	bool few;          /* as in points.h, unless all are looked at */
	uint64_t distinct; /* states, at least */
} kinds[] = {
        {"target", .distinct = 2000},
        {"target with checksums", .integrity = true, .distinct = 6000},
        {"target with checksums later", .integrity = true, .later = true, .few = true,
         .distinct = 2000},
        {"target with protection information", .protects = true, .distinct = 6000},
        {"target with both", .integrity = true, .protects = true, .few = true, .distinct = 2000},
};

static struct disk_opts opts = {
        .store = FILES_DIR "/d",
        .size = BLOCKS * BLOCK,
        .block_size = BLOCK,
        .name = "disk0",
        .thin = true,
        .has_uuid = true,
        .uuid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
};

static struct disk *core_of(const struct target_disk *t)
{
	struct tgt_config c = disk_config();

	c.lu = target_disk_config(&opts, t);
	struct disk *d = disk_new_raw(&c);
	memcpy(d->saved, t->meta.saved, t->meta.n_saved);
	d->n_saved = t->meta.n_saved;
	(void)disk_attach(d, 1);
	for (uint8_t id = 6; id <= 7; id++)
		(void)disk_port(d, id, 3, true);
	for (unsigned i = 0; i < 8 && !strstr(disk_command(d, "00:5"), "STATUS(GOOD)"); i++)
		(void)disk_sense(d);
	return d;
}

/* Its saved mode pages and its reservations, in hexadecimal. PRGENERATION begins anew with each
 * start. */
static void say(struct disk *d, char *out, size_t n)
{
	static const struct {
		const char *cdb;
		size_t from;
	} asks[] = {
	        {"5a00.ff.00.00.00.00.0400.00", 0}, /* MODE SENSE(10), saved values, all pages */
	        {"5e03.00.00.00.00.00.0400.00", 4}, /* READ FULL STATUS */
	        {"5e01.00.00.00.00.00.0400.00", 4}, /* READ RESERVATION */
	};
	size_t at = 0;

	for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
		ck_assert_ptr_nonnull(strstr(disk_command(d, asks[i].cdb), "STATUS(GOOD)"));
		for (size_t k = asks[i].from; k < d->n_in && at + 3 < n; k++)
			at += (size_t)snprintf(out + at, n - at, "%02x", d->in[k]);
	}
}

static bool is_version(const struct target_disk *t, unsigned v)
{
	return t->meta.n_saved == version[v].n_saved &&
	       memcmp(t->meta.saved, version[v].saved, version[v].n_saved) == 0;
}

/* Returns the version that is there. */
static unsigned check_meta(const struct target_disk *t, const struct promise *p)
{
	unsigned v = p->saved;
	char said[sizeof(version[0].said)] = "";

	while (v < p->begun && !is_version(t, v))
		v++;
	ck_assert_msg(is_version(t, v), "%s: versions %u to %u were possible", points_where(),
	              p->saved, p->begun);
	struct disk *d = core_of(t);
	say(d, said, sizeof(said));
	disk_free(d);
	ck_assert_msg(strcmp(said, version[v].said) == 0, "%s: version %u is %s, was %s",
	              points_where(), v, said, version[v].said);
	return v;
}

static bool uniform(const uint8_t *p)
{
	return memcmp(p, p + 1, BLOCK - 1) == 0;
}

static bool allowed(const struct promise *p, uint32_t i, const uint8_t *bytes)
{
	for (unsigned k = 0; k < p->block[i].n; k++)
		if (p->block[i].may[k] == WILD ||
		    (uniform(bytes) && bytes[0] == p->block[i].may[k]))
			return true;
	return false;
}

static void check_blocks(const struct target_disk *t, const struct promise *p)
{
	uint8_t all[BLOCKS * BLOCK];
	uint32_t good, fresh = 0;
	const struct area *a = &p->atomic;

	enum tgt_store_result r = store_read(t->store, 0, BLOCKS, all, &good);
	ck_assert_msg(r == STORE_OK, "%s: block %u cannot be read: %d", points_where(), good, r);
	for (uint32_t i = 0; i < a->blocks; i++) {
		const uint8_t *b = all + (a->lba + i) * BLOCK;
		fresh += uniform(b) && b[0] == a->fill;
	}
	ck_assert_msg(fresh == 0 || fresh == a->blocks,
	              "%s: %u of the %u blocks of an atomic write", points_where(), fresh,
	              a->blocks);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		bool in_atomic = fresh && i >= a->lba && i < a->lba + a->blocks;
		ck_assert_msg(in_atomic || allowed(p, i, all + i * BLOCK), "%s: block %u is %02x",
		              points_where(), i, all[i * BLOCK]);
	}
}

/* Of blocks that can be one thing only. */
static void check_protection(const struct target_disk *t, const struct promise *p)
{
	static uint8_t all[BLOCKS * (BLOCK + PROTECT_LEN)];
	const struct protect how = {.type = 1, .moved = true, .medium = PROTECT_GUARD};
	struct store_op o = {.blocks = BLOCKS, .bytes = all};

	ck_assert_msg(store_protected(t->store, TGT_STORE_READ, &how, &o) == STORE_OK,
	              "%s: the guard of block %u is wrong", points_where(), o.good);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		const uint8_t *b = all + i * (BLOCK + PROTECT_LEN);
		const struct area *a = &p->atomic;
		struct protect_tuple tuple = protect_get(b + BLOCK);
		bool in_atomic = i >= a->lba && i < a->lba + a->blocks;
		if (in_atomic || p->block[i].n > 1 || p->block[i].may[0] == WILD)
			continue;
		ck_assert_msg(protect_is_none(tuple) ? p->block[i].may[0] == 0 : tuple.ref == i,
		              "%s: block %u of %02x has lost its protection information",
		              points_where(), i, p->block[i].may[0]);
	}
}

/* ---- recovery ---- */

struct run {
	struct points points;
	const struct promise *promise;
};

/* What a disk that has been opened says of itself, after so many records. */
struct found {
	unsigned version;
	size_t records;
};

static struct found open_and_check(const struct promise *p)
{
	struct target_disk t;
	char why[400] = "";

	ck_assert_msg(target_disk_open(&opts, &(struct target_disk_how){0}, &t, why, sizeof(why)),
	              "%s: %s", points_where(), why);
	struct found f = {.records = files_records(), .version = check_meta(&t, p)};
	check_blocks(&t, p);
	if (opts.protects)
		check_protection(&t, p);
	target_disk_close(&t);
	return f;
}

static void again(void *ctx, struct history *h, size_t cut)
{
	const struct run *r = ctx;
	(void)h, (void)cut;

	(void)open_and_check(r->promise);
}

/* Then each end of the machine in this very recovery. */
static void recover(void *ctx, struct history *h, size_t cut)
{
	struct run *r = ctx;
	struct promise p = promised(h, cut);

	(void)open_and_check(&p);
	struct history second = files_take();
	r->promise = &p;
	for (size_t i = 1; i < second.n; i++)
		points_at(&r->points, &second, i, true, cut << 1 | 1, again, r);
	history_free(&second);
}

/* ---- the history ---- */

struct shell {
	struct target_disk t;
	struct disk *d;
};

static enum tgt_store_result to_blocks(struct shell *s, const struct tgt_action *a,
                                       const uint8_t *from)
{
	struct store_op o = {
	        .lba = a->lba, .blocks = a->blocks, .bytes = (uint8_t *)(uintptr_t)from};

	if (a->protect.type)
		return store_protected(s->t.store, a->kind, &a->protect, &o);
	if (a->kind == TGT_STORE_ATOMIC)
		return store_write_atomic(s->t.store, a->lba, a->blocks, from, &o.good);
	return a->kind == TGT_STORE_WRITE
	               ? store_write(s->t.store, a->lba, a->blocks, from, &o.good)
	               : store_zero(s->t.store, a->lba, a->blocks, &o.good);
}

static enum tgt_store_result to_store(struct shell *s, const struct tgt_action *a)
{
	const uint8_t *from = a->block ? a->block->data + a->offset : NULL;
	struct area area = {(uint32_t)a->lba, a->blocks, from ? from[0] : 0};
	enum tgt_store_result r = STORE_OK;

	if ((a->kind == TGT_STORE_WRITE && !a->repeat) || a->kind == TGT_STORE_ZERO) {
		files_note(NOTE_WRITE, &area, sizeof(area));
		r = to_blocks(s, a, from);
	} else if (a->kind == TGT_STORE_ATOMIC) {
		files_note(NOTE_ATOMIC, &area, sizeof(area));
		r = to_blocks(s, a, from);
		files_note(NOTE_ATOMIC_DONE, NULL, 0);
	} else if (a->kind == TGT_STORE_FLUSH) {
		r = store_flush(s->t.store);
		files_note(NOTE_FLUSHED, NULL, 0);
	} else {
		ck_assert_int_eq(a->kind, TGT_STORE_READ);
	}
	return r;
}

static void save(struct shell *s, const struct tgt_action *a)
{
	char why[400] = "";
	struct meta m = s->t.meta;

	m.n_saved = a->bytes.n;
	memcpy(m.saved, s->d->saved, m.n_saved);
	ck_assert_uint_lt(++versions, VERSIONS);
	version[versions].n_saved = m.n_saved;
	memcpy(version[versions].saved, m.saved, m.n_saved);
	files_note(NOTE_SAVE, NULL, 0);
	ck_assert_msg(meta_save(opts.store, &m, why, sizeof(why)), "%s", why);
	s->t.meta = m;
}

/* As the target's shell does it; the answer is a promise. */
static void command(struct shell *s, const char *words)
{
	static unsigned tenure = 10;
	char text[600];
	unsigned before = versions;
	bool good;

	(void)snprintf(text, sizeof(text), "t=%u epoch=3 want sel msg=80 cmd=%s", ++tenure, words);
	s->d->hold = true;
	good = strstr(disk_burst(s->d, text), "STATUS(GOOD)");
	while (s->d->n_held > 0) {
		const struct tgt_action *a = &s->d->held[0].a;
		if (a->kind == TGT_META_SAVE)
			save(s, a);
		else
			ck_assert_int_eq(to_store(s, a), STORE_OK);
		good |= strstr(disk_answer(s->d, 0), "STATUS(GOOD)") != NULL;
	}
	ck_assert_msg(good, "%s: %s", words, s->d->text);
	s->d->hold = false;
	if (versions > before) {
		ck_assert_uint_eq(versions, before + 1);
		files_note(NOTE_SAVED, NULL, 0);
		say(s->d, version[versions].said, sizeof(version[0].said));
	}
}

static void reserve_out(struct shell *s, unsigned action, unsigned type, unsigned key,
                        unsigned action_key, unsigned flags)
{
	char words[200];

	(void)snprintf(words, sizeof(words),
	               "5f%02x%02x0000.00000018.00 out=x%016x.%016x.00000000.%02x000000", action,
	               type, key, action_key, flags);
	command(s, words);
}

static void join(struct shell *s, uint64_t generation)
{
	uint8_t page[MODE_MIRROR_LEN];
	char words[300];
	struct wr w = wr_init(page, sizeof(page));
	struct mode_mirror m = {.member = true, .device = 2, .group = 1, .generation = generation};

	memset(m.group_uuid, 0x66, UUID_LEN);
	mode_mirror_put(&w, &m);
	int n = snprintf(words, sizeof(words), "5511:5.0038.00 out=x:8.");
	for (size_t i = 0; i < sizeof(page); i++)
		n += snprintf(words + n, sizeof(words) - (size_t)n, "%02x", page[i]);
	command(s, words);
}

static void open_disk(struct shell *s)
{
	char why[400] = "";

	ck_assert_msg(
	        target_disk_open(&opts, &(struct target_disk_how){0}, &s->t, why, sizeof(why)),
	        "%s", why);
	s->d = core_of(&s->t);
	files_note(NOTE_OPENED, NULL, 0);
}

/* The process is killed: what it wrote is there, and what was not synced stays so. */
static void kill_process(const struct target_disk *t)
{
	static struct target_disk left[2000]; /* its memory is nobody's any more */
	static unsigned n;

	files_unmap();
	ck_assert_uint_lt(n, ARRAY_LEN(left));
	left[n++] = *t;
}

static void kill_disk(struct shell *s)
{
	disk_free(s->d);
	kill_process(&s->t);
}

static void close_disk(struct shell *s)
{
	disk_free(s->d);
	target_disk_close(&s->t);
}

#define WRITE(lba, n, fill)  "2a:4" lba ":2" n ":1 out=" fill
#define ATOMIC(lba, n, fill) "9c:8" lba ":2.00" n ":2 out=" fill
#define FLUSH                "35:9"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT };

/* One block. */
static void unmap(struct shell *s, unsigned lba)
{
	char words[100];

	(void)snprintf(words, sizeof(words), "42:6.0018.00 out=x00160010:4.%016x.00000001.00000000",
	               lba);
	command(s, words);
}

static void run_history(const struct kind *k)
{
	struct shell s;

	opts.protects = k->protects;
	opts.protection = k->protects;
	opts.integrity = k->integrity && !k->later;
	open_disk(&s);
	say(s.d, version[0].said, sizeof(version[0].said));
	memcpy(version[0].saved, s.t.meta.saved, s.t.meta.n_saved);
	version[0].n_saved = s.t.meta.n_saved;
	join(&s, 1);
	command(&s, "2a:4.08.0000.08.00 out=4096:11");
	command(&s, FLUSH);
	join(&s, 2);
	reserve_out(&s, REGISTER, 0, 0, 0x77, 1);
	command(&s, "9c:8.08.0000.0008.0000 out=4096:22");
	reserve_out(&s, RESERVE, 3, 0x77, 0, 0);
	command(&s, "2a:4.0a.0000.02.00 out=1024:33"); /* into what was atomic */
	command(&s, "9c:8.09.0000.0002.0000 out=1024:44");
	command(&s, FLUSH);
	reserve_out(&s, REGISTER, 0, 0x77, 0x99, 1);
	close_disk(&s);
	opts.integrity = k->integrity;
	open_disk(&s); /* a restart */
	command(&s, "9c:8.30.0000.0010.0000 out=8192:55");
	command(&s, "2a:4.30.0000.10.00 out=8192:66");
	join(&s, 3);
	command(&s, FLUSH);
	unmap(&s, 0x31);
	command(&s, "2a:4.32.0000.01.00 out=512:77");
	kill_disk(&s);
	open_disk(&s);
	command(&s, "2a:4.33.0000.01.00 out=512:88");
	command(&s, "9c:8.10.0000.0002.0000 out=1024:99"); /* beside that */
	command(&s, "2a:4.11.0000.01.00 out=512:aa");
	command(&s, FLUSH);
	unmap(&s, 0x11);
	unmap(&s, 0x33);
	command(&s, FLUSH);
	reserve_out(&s, RELEASE, 3, 0x99, 0, 0);
	reserve_out(&s, CLEAR, 0, 0x99, 0, 0);
	command(&s, "5511:5.001c.00 out=x:8.0812.04:17"); /* caching: write cache on */
	join(&s, 4);
	close_disk(&s);
}

static uint64_t salt(const struct history *h, size_t cut)
{
	(void)h;
	return cut << 1;
}

START_TEST(each_crash_state_is_recovered_right)
{
	const struct kind *k = &kinds[_i];
	struct run r = {0};

	files_reset();
	run_history(k);
	struct history h = files_take();
	points_history(&r.points, &h,
	               &(struct points_of){.name = k->name,
	                                   .fn = recover,
	                                   .salt = salt,
	                                   .few = k->few && !points_all(),
	                                   .slow = _i > 0,
	                                   .every = _i > 0 ? 16 : 0,
	                                   .distinct = k->distinct},
	               &r);
}
END_TEST

static void kill_at(struct run *r, struct history *h, size_t cut)
{
	struct promise p = promised(h, cut);

	files_kill(h, cut);
	size_t before = files_records();
	struct found f = open_and_check(&p);
	struct history second = files_take();
	r->promise = &p;
	for (size_t i = before + 1; i <= second.n; i++) {
		/* Somebody may have seen it. */
		if (i >= f.records)
			p.saved = f.version;
		points_at(&r->points, &second, i, true, cut, again, r);
	}
	history_free(&second);
}

START_TEST(what_a_killed_process_left_is_recovered_right)
{
	const struct kind *k = &kinds[_i];
	struct run r = {0};
	char name[80];

	files_reset();
	run_history(k);
	struct history h = files_take();
	for (size_t cut = 1; cut <= h.n; cut++)
		kill_at(&r, &h, cut);
	(void)snprintf(name, sizeof(name), "%s, killed", k->name);
	points_done(&r.points, name, h.n, 300);
	history_free(&h);
}
END_TEST

static void write_all(const struct target_disk *t, uint8_t fill)
{
	static uint8_t all[BLOCKS * BLOCK];
	const struct protect how = {.type = 1};
	struct store_op o = {.blocks = BLOCKS, .bytes = all};

	memset(all, fill, sizeof(all));
	ck_assert_int_eq(opts.protects ? store_protected(t->store, TGT_STORE_WRITE, &how, &o)
	                               : store_write(t->store, 0, BLOCKS, all, &o.good),
	                 STORE_OK);
	ck_assert_int_eq(store_flush(t->store), STORE_OK);
}

/* Whatever the process was at is over, and what is there instead is durable. */
static void use_after_kill(struct run *r, struct history *h, size_t cut)
{
	struct promise p = promised(h, cut);
	struct target_disk t;
	char why[400] = "";

	files_kill(h, cut);
	ck_assert_msg(target_disk_open(&opts, &(struct target_disk_how){0}, &t, why, sizeof(why)),
	              "%s", why);
	p.saved = p.begun = check_meta(&t, &p);
	write_all(&t, 0xee);
	for (unsigned i = 0; i < BLOCKS; i++) {
		p.block[i].n = 1;
		p.block[i].may[0] = 0xee;
	}
	p.atomic.blocks = 0;
	kill_process(&t);
	struct history second = files_take();
	r->promise = &p;
	points_at(&r->points, &second, second.n, true, cut, again, r);
	history_free(&second);
}

START_TEST(what_is_flushed_after_a_kill_stays)
{
	const struct kind *k = &kinds[_i];
	struct run r = {0};
	char name[80];

	files_reset();
	run_history(k);
	struct history h = files_take();
	for (size_t cut = 1; cut <= h.n; cut++)
		use_after_kill(&r, &h, cut);
	(void)snprintf(name, sizeof(name), "%s, killed and used", k->name);
	points_done(&r.points, name, h.n, 150);
	history_free(&h);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("crash points of a target");

	log_set_level(LOG_LEVEL_ERROR); /* each start says what it has found */
	points_add(s, each_crash_state_is_recovered_right, ARRAY_LEN(kinds));
	points_add(s, what_a_killed_process_left_is_recovered_right, ARRAY_LEN(kinds));
	points_add(s, what_is_flushed_after_a_kill_stays, ARRAY_LEN(kinds));
	return s;
}

TAP_MAIN_SUITE(make_suite);
