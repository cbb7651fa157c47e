/* SPDX-License-Identifier: BSD-2-Clause */
/* Tasks that touch the same blocks, with a store that answers in any order. */
#include "unit/disk.h"
#include "unit/tap_main.h"

#include "base/prng.h"

#include <stdio.h>
#include <string.h>

#define GOOD       "STATUS(GOOD) COMMAND COMPLETE FREE"
#define DONE(tag)  "resel 7 IDENTIFY SIMPLE(" tag ") " GOOD
#define FAILS(tag) "resel 7 IDENTIFY SIMPLE(" tag ") STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"
#define READS(tag, bytes)                                                                          \
	"resel 7 IDENTIFY SIMPLE(" tag ") DATA-IN(" bytes ") STATUS(GOOD) COMMAND COMPLETE FREE"
/* IDENTIFY with disconnection, a queue tag (20 SIMPLE, 21 HEAD OF QUEUE, 22 ORDERED); the port is
 * armed: what can be taken ahead has been. */
#define TASK(t, attr, tag)  "t=" t " sel msg=c0" attr tag " "
#define WRITE(lba, n, data) "cmd=2a:4." lba ".00000" n "00 out=" data " free"
#define READ(lba, n)        "cmd=28:4." lba ".00000" n "00 free"

static struct disk *disk_that_waits(void)
{
	struct tgt_config c = disk_config();
	c.queue_depth = 16;
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_port(d, 7, 3, true);
	(void)disk_command(d, "00:5");
	(void)disk_sense(d);
	d->hold = true;
	return d;
}

/* ---- two tasks ---- */

static const struct {
	const char *first, *second;
	const char *asked; /* for the second, while the first is in the store */
} pairs[] = {
        /* the same blocks, some of them, none */
        {WRITE("04", "2", "1024:11"), WRITE("04", "2", "1024:22"), ""},
        {WRITE("04", "2", "1024:11"), WRITE("05", "2", "1024:22"), ""},
        {WRITE("04", "2", "1024:11"), WRITE("03", "2", "1024:22"), ""},
        {WRITE("04", "2", "1024:11"), WRITE("06", "2", "1024:22"), "write 6+2"},
        {WRITE("04", "2", "1024:11"), WRITE("02", "2", "1024:22"), "write 2+2"},
        /* reads */
        {WRITE("04", "2", "1024:11"), READ("05", "1"), ""},
        {READ("04", "2"), WRITE("05", "1", "512:22"), ""},
        {READ("04", "2"), READ("05", "1"), "read 5+1"},
        {WRITE("04", "2", "1024:11"), READ("06", "1"), "read 6+1"},
        /* VERIFY, alone and with BYTCHK; WRITE AND VERIFY; FUA */
        {WRITE("04", "2", "1024:11"), "cmd=2f:4.05.00000100 free", ""},
        {WRITE("04", "2", "1024:11"), "cmd=2f02:3.05.00000100 out=512:11 free", ""},
        {READ("04", "2"), "cmd=2f:4.05.00000100 free", "verify 5+1"},
        {READ("04", "2"), "cmd=2e:4.05.00000100 out=512:11 free", ""},
        {READ("04", "2"), "cmd=2a08:3.05.00000100 out=512:11 free", ""},
        /* blocks 0 of READ and WRITE: none */
        {WRITE("04", "2", "1024:11"), READ("04", "0"), DONE("2")},
        /* SYNCHRONIZE CACHE is for what is completed; its blocks are nobody's */
        {WRITE("04", "2", "1024:11"), "cmd=35:4.04.00000200 free", "flush"},
        {"cmd=35:4.04.00000200 free", WRITE("04", "2", "1024:11"), "write 4+2"},
        /* the unit stops when all is written */
        {WRITE("04", "2", "1024:11"), "cmd=1b:5 free", ""},
        {"cmd=1b:5 free", "cmd=35:9 free",
         "resel 7 IDENTIFY SIMPLE(2) STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"},
};

START_TEST(side_by_side_or_not)
{
	struct disk *d = disk_that_waits();
	char words[200];
	(void)snprintf(words, sizeof(words), "%s%s", TASK("1", "20", "01"), pairs[_i].first);
	ck_assert_str_ne(disk_burst(d, words), "");
	(void)snprintf(words, sizeof(words), "%s%s", TASK("2", "20", "02"), pairs[_i].second);
	const char *got = disk_burst(d, words);
	char asked[200];
	/* the port is told, too, when the unit stops */
	(void)snprintf(asked, sizeof(asked), "%s", got);
	char *arm = strstr(asked, "; arm");
	if (arm)
		*arm = '\0';
	ck_assert_str_eq(asked, pairs[_i].asked);
	/* the second has its turn, and both end */
	bool waited = pairs[_i].asked[0] == '\0';
	ck_assert_uint_eq(d->n_held, waited ? 1 : tgt_tasks(d->t));
	(void)disk_answer(d, 0);
	ck_assert(!waited || d->n_held == 1);
	(void)disk_release(d);
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

START_TEST(only_those_behind_it_wait)
{
	struct disk *d = disk_that_waits();
	ck_assert_str_eq(disk_burst(d, TASK("1", "20", "01") WRITE("04", "2", "1024:11")),
	                 "write 4+2");
	ck_assert_str_eq(disk_burst(d, TASK("2", "20", "02") READ("05", "4")), "");
	ck_assert_str_eq(disk_burst(d, TASK("3", "20", "03") WRITE("20", "1", "512:22")),
	                 "write 32+1");
	/* behind what waits, so that this is not passed again and again */
	ck_assert_str_eq(disk_burst(d, TASK("4", "20", "04") WRITE("08", "1", "512:33")), "");
	ck_assert_str_eq(disk_answer(d, 1), DONE("3"));
	ck_assert_str_eq(disk_answer(d, 0), DONE("1") "; read 5+4");
	ck_assert_str_eq(disk_answer(d, 0), READS("2", "2048") "; write 8+1");
	ck_assert_uint_eq(d->in[0], 0x11);
	ck_assert_uint_eq(d->in[512 * 3], 0);
	ck_assert_str_eq(disk_answer(d, 0), DONE("4"));
	disk_free(d);
}
END_TEST

START_TEST(all_of_a_command_is_kept_together)
{
	struct disk *d = disk_that_waits();
	/* WRITE AND VERIFY, BYTCHK: what is compared is what it wrote */
	ck_assert_str_eq(disk_burst(d, TASK("1", "20", "01") "cmd=2e02:3.04.00000100 out=512:11"
	                                                     " free"),
	                 "write 4+1");
	ck_assert_str_eq(disk_burst(d, TASK("2", "20", "02") WRITE("04", "1", "512:22")), "");
	ck_assert_str_eq(disk_answer(d, 0), "flush");
	ck_assert_str_eq(disk_answer(d, 0), "compare 4+1");
	ck_assert_str_eq(disk_answer(d, 0), DONE("1") "; write 4+1");
	ck_assert_str_eq(disk_answer(d, 0), DONE("2"));
	ck_assert_uint_eq(d->media[4 * 512], 0x22);
	disk_free(d);
}
END_TEST

/* ---- attributes ---- */

START_TEST(ahead_of_those_that_wait)
{
	struct disk *d = disk_that_waits();
	(void)disk_burst(d, TASK("1", "20", "01") WRITE("04", "1", "512:11"));
	ck_assert_str_eq(disk_burst(d, TASK("2", "20", "02") WRITE("04", "1", "512:22")), "");
	/* HEAD OF QUEUE waits for what is in the store, not for what waits; the last is first */
	ck_assert_str_eq(disk_burst(d, TASK("3", "21", "03") WRITE("04", "1", "512:33")), "");
	ck_assert_str_eq(disk_burst(d, TASK("4", "21", "04") WRITE("04", "1", "512:44")), "");
	ck_assert_str_eq(disk_burst(d, TASK("5", "21", "05") READ("09", "1")), "read 9+1");
	/* SIMPLE waits for them all */
	ck_assert_str_eq(disk_burst(d, TASK("6", "20", "06") READ("30", "1")), "");
	ck_assert_str_eq(disk_answer(d, 0), DONE("1") "; write 4+1");
	ck_assert_str_eq(disk_answer(d, 1), DONE("4") "; write 4+1");
	ck_assert_uint_eq(d->media[4 * 512], 0x44);
	ck_assert_str_eq(disk_answer(d, 0), READS("5", "512"));
	ck_assert_str_eq(disk_answer(d, 0), DONE("3") "; write 4+1; read 48+1");
	ck_assert_str_eq(disk_answer(d, 1), READS("6", "512"));
	ck_assert_str_eq(disk_answer(d, 0), DONE("2"));
	disk_free(d);
}
END_TEST

START_TEST(ordered_among_those_side_by_side)
{
	struct disk *d = disk_that_waits();
	(void)disk_burst(d, TASK("1", "20", "01") WRITE("01", "1", "512:11"));
	(void)disk_burst(d, TASK("2", "20", "02") WRITE("02", "1", "512:11"));
	ck_assert_str_eq(disk_burst(d, TASK("3", "22", "03") WRITE("03", "1", "512:11")), "");
	ck_assert_str_eq(disk_burst(d, TASK("4", "20", "04") WRITE("04", "1", "512:11")), "");
	ck_assert_str_eq(disk_answer(d, 1), DONE("2"));
	ck_assert_str_eq(disk_answer(d, 0), DONE("1") "; write 3+1");
	ck_assert_str_eq(disk_answer(d, 0), DONE("3") "; write 4+1");
	disk_free(d);
}
END_TEST

START_TEST(an_allegiance_holds_up_nobody_else)
{
	struct disk *d = disk_that_waits();
	(void)disk_port(d, 6, 9, true);
	(void)disk_burst(d, "ini=6 epoch=9 want sel msg=80 cmd=03:3.1200");
	(void)disk_command(d, "02:5"); /* initiator 7 has to ask for its sense */
	ck_assert_str_eq(disk_burst(d, TASK("1", "20", "01") WRITE("04", "1", "512:11")), "");
	ck_assert_str_eq(
	        disk_burst(d, "t=2 ini=6 epoch=9 sel msg=c02002 " WRITE("04", "1", "512:22")),
	        "write 4+1");
	/* its turn comes, but the blocks are not free */
	(void)disk_sense(d);
	ck_assert_uint_eq(d->n_held, 1);
	ck_assert_str_eq(disk_answer(d, 0), "resel 6 IDENTIFY SIMPLE(2) " GOOD "; write 4+1");
	disk_free(d);
}
END_TEST

/* ---- what was aborted ---- */

START_TEST(aborted_but_still_in_the_store)
{
	struct disk *d = disk_that_waits();
	(void)disk_burst(d, TASK("1", "20", "01") WRITE("04", "1", "512:11"));
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c02001.0d"), "");
	/* the same tag again, too: it is free */
	ck_assert_str_eq(disk_burst(d, TASK("3", "20", "01") WRITE("04", "1", "512:22")), "");
	ck_assert_str_eq(disk_burst(d, TASK("4", "20", "02") READ("04", "1")), "");
	ck_assert_str_eq(disk_burst(d, TASK("5", "20", "03") READ("05", "1")), "read 5+1");
	ck_assert_str_eq(disk_answer(d, 0), "write 4+1");
	ck_assert_str_eq(disk_answer(d, 1), DONE("1") "; read 4+1");
	ck_assert_str_eq(disk_answer(d, 1), READS("2", "512"));
	ck_assert_uint_eq(d->in[0], 0x22);
	disk_free(d);
}
END_TEST

START_TEST(a_lost_connection_leaves_writes_behind)
{
	struct disk *d = disk_that_waits();
	(void)disk_burst(d, TASK("1", "20", "01") WRITE("04", "1", "512:11"));
	(void)disk_burst(d, TASK("2", "20", "02") WRITE("04", "1", "512:22"));
	(void)disk_detach(d);
	/* the one that waited is gone; the other is awaited before it attaches again */
	ck_assert_uint_eq(tgt_store_ops(d->t), 1);
	ck_assert_uint_eq(tgt_tasks(d->t), 1);
	ck_assert_str_eq(disk_answer(d, 0), "");
	ck_assert_uint_eq(tgt_store_ops(d->t), 0);
	ck_assert_uint_eq(d->media[4 * 512], 0x11);
	disk_free(d);
}
END_TEST

/* ---- a store that fails ---- */

START_TEST(a_failed_flush_fails_what_is_under_way)
{
	struct disk *d = disk_that_waits();
	d->result = STORE_DEAD;
	ck_assert_str_eq(disk_burst(d, TASK("1", "20", "01") "cmd=35:9 free"), "flush");
	d->result = STORE_OK;
	(void)disk_burst(d, TASK("2", "20", "02") WRITE("04", "1", "512:11"));
	(void)disk_burst(d, TASK("3", "20", "03") READ("05", "1"));
	(void)disk_burst(d, TASK("4", "20", "04") WRITE("04", "1", "512:22"));
	ck_assert_str_eq(disk_answer(d, 0), FAILS("1") "; arm front");
	/* the kernel may have dropped what it took */
	ck_assert_str_eq(disk_answer(d, 0), "");
	ck_assert_str_eq(disk_sense(d), "4/44/0"); /* of the flush; then the next one's */
	ck_assert_str_eq(disk_answer(d, 0), "");
	ck_assert_str_eq(disk_sense(d), "4/44/0");
	ck_assert_str_eq(disk_sense(d), "4/44/0");
	(void)disk_release(d);
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

START_TEST(one_that_fails_fails_alone)
{
	struct disk *d = disk_that_waits();
	d->result = STORE_ERROR;
	d->good_blocks = 1;
	(void)disk_burst(d, TASK("1", "20", "01") WRITE("04", "2", "1024:11"));
	d->result = STORE_OK;
	(void)disk_burst(d, TASK("2", "20", "02") WRITE("06", "1", "512:22"));
	(void)disk_burst(d, TASK("3", "20", "03") WRITE("05", "1", "512:33"));
	ck_assert_str_eq(disk_answer(d, 1), DONE("2"));
	ck_assert_str_eq(disk_answer(d, 0), FAILS("1"));
	ck_assert_str_eq(disk_sense(d), "3/c/0 info 5");
	/* the next for these blocks has its turn */
	ck_assert_str_eq(disk_answer(d, 0), DONE("3"));
	disk_free(d);
}
END_TEST

/* ---- any order ---- */

/*
 * Reads, writes and aborts of 8 blocks, by up to 16 tasks at once, answered in random order. The
 * n-th command's data are all bytes n. What a read finds, and what is there in the end, is of a
 * write at least as late as the last one whose GOOD was there when the read came, and for a read
 * not of one that came after it.
 */
#define COMMANDS 250
#define TAGS     14
#define RANGE    8

struct wanted {
	bool used, reads;
	uint8_t n; /* of the command */
	uint8_t lba, blocks;
	uint8_t least[RANGE];
};

struct race {
	struct prng g;
	struct disk *d;
	struct wanted task[TAGS];
	uint8_t done[RANGE]; /* the latest write that is GOOD, by block */
	unsigned finished;
};

static void check_read(const struct race *r, const struct wanted *w)
{
	ck_assert_uint_eq(r->d->n_in, w->blocks * 512U);
	for (unsigned i = 0; i < w->blocks; i++) {
		uint8_t found = r->d->in[i * 512U];
		ck_assert_msg(found >= w->least[w->lba + i] && found < w->n,
		              "read %u of block %u: %u, at least %u", w->n, w->lba + i, found,
		              w->least[w->lba + i]);
	}
}

/* The statuses in what it said. */
static void collect(struct race *r, const char *said)
{
	for (const char *p = said; (p = strstr(p, "SIMPLE(")) != NULL; p++) {
		unsigned tag = 0;
		ck_assert(sscanf(p, "SIMPLE(%u)", &tag) == 1 && tag < TAGS);
		struct wanted *w = &r->task[tag];
		ck_assert(w->used);
		w->used = false;
		r->finished++;
		if (w->reads)
			check_read(r, w);
		for (unsigned i = w->lba; !w->reads && i < w->lba + w->blocks; i++)
			r->done[i] = w->n > r->done[i] ? w->n : r->done[i];
	}
}

static void send(struct race *r, unsigned n, unsigned tag)
{
	struct wanted *w = &r->task[tag];
	char words[200];
	*w = (struct wanted){.used = true, .n = (uint8_t)n, .reads = prng_below(&r->g, 3) == 0};
	w->lba = (uint8_t)prng_below(&r->g, RANGE);
	w->blocks = (uint8_t)(1 + prng_below(&r->g, RANGE - w->lba));
	memcpy(w->least, r->done, sizeof(w->least));
	int k = snprintf(words, sizeof(words), "t=%u sel msg=c020%02x cmd=%s:4.%02x.0000%02x00", n,
	                 tag, w->reads ? "28" : "2a", w->lba, w->blocks);
	if (!w->reads)
		(void)snprintf(words + k, sizeof(words) - (size_t)k, " out=%u:%02x",
		               w->blocks * 512U, n);
	strcat(words, " free");
	collect(r, disk_burst(r->d, words));
}

static void abort_one(struct race *r, unsigned n, unsigned tag)
{
	char words[60];
	(void)snprintf(words, sizeof(words), "t=%u sel msg=c020%02x.0d", 1000 + n, tag);
	r->task[tag].used = false; /* its status must not come */
	collect(r, disk_burst(r->d, words));
}

START_TEST(any_order)
{
	struct race r = {.g = prng_init((uint64_t)_i), .d = disk_that_waits()};
	for (unsigned n = 1; n <= COMMANDS; n++) {
		unsigned tag = (unsigned)prng_below(&r.g, TAGS);
		if (!r.task[tag].used)
			send(&r, n, tag);
		else if (prng_below(&r.g, 10) == 0)
			abort_one(&r, n, tag);
		if (r.d->n_held > 0 && prng_below(&r.g, 100) < 55)
			collect(&r, disk_answer(r.d, (unsigned)prng_below(&r.g, r.d->n_held)));
	}
	while (r.d->n_held > 0)
		collect(&r, disk_answer(r.d, (unsigned)prng_below(&r.g, r.d->n_held)));
	ck_assert_uint_eq(tgt_tasks(r.d->t), 0);
	for (unsigned tag = 0; tag < TAGS; tag++)
		ck_assert(!r.task[tag].used);
	for (unsigned i = 0; i < RANGE; i++)
		ck_assert_uint_ge(r.d->media[i * 512U], r.done[i]);
	ck_assert_uint_gt(r.finished, COMMANDS / 4);
	disk_free(r.d);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("target_order");
	TCase *c = tcase_create("order");
	tcase_add_loop_test(c, side_by_side_or_not, 0, ARRAY_LEN(pairs));
	tcase_add_test(c, only_those_behind_it_wait);
	tcase_add_test(c, all_of_a_command_is_kept_together);
	tcase_add_test(c, ahead_of_those_that_wait);
	tcase_add_test(c, ordered_among_those_side_by_side);
	tcase_add_test(c, an_allegiance_holds_up_nobody_else);
	tcase_add_test(c, aborted_but_still_in_the_store);
	tcase_add_test(c, a_lost_connection_leaves_writes_behind);
	tcase_add_test(c, a_failed_flush_fails_what_is_under_way);
	tcase_add_test(c, one_that_fails_fails_alone);
	tcase_add_loop_test(c, any_order, 1, 41);
	suite_add_tcase(s, c);
	return s;
}

TAP_MAIN_SUITE(make_suite);
