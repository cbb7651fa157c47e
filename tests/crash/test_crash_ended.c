/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash points of the number that a target leaves when it has ended in good order (shell/ended.h):
 * from each state that the end of the machine can leave, a start that goes on with the number of an
 * earlier one finds all that was acknowledged until then; and it is found once only.
 */
#include "crash/points.h"
#include "shell/ended.h"
#include "shell/store.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCK 512
#define STORE FILES_DIR "/d"

/* Notes: this start, by its number, has acknowledged a write of block 0. */
#define NOTE_ACKNOWLEDGED 1

static struct store *open_store(void)
{
	const struct store_config c = {
	        .path = STORE, .size = 8 * (uint64_t)BLOCK, .block_size = BLOCK};
	char why[400] = "";
	struct store *s = store_open(&c, why, sizeof(why));

	ck_assert_msg(s != NULL, "%s: %s", points_where(), why);
	return s;
}

static uint32_t take(void)
{
	char why[400];
	struct ended e;

	ck_assert_msg(ended_take(STORE, &e, why, sizeof(why)) && why[0] == '\0', "%s: %s",
	              points_where(), why);
	return e.number;
}

/* A start: it writes its number. It ends in good order, or is killed with what is not flushed. */
static void live(uint8_t number, uint32_t expect, bool good_end)
{
	uint8_t data[BLOCK];
	uint32_t good;
	char why[400];
	struct store *s = open_store();

	ck_assert_uint_eq(take(), expect);
	memset(data, number, sizeof(data));
	ck_assert_int_eq(store_write(s, 0, 1, data, &good), STORE_OK);
	files_note(NOTE_ACKNOWLEDGED, &number, 1);
	if (good_end) {
		ck_assert_int_eq(store_flush(s), STORE_OK);
		struct ended e = {.number = number, .luns = 1};
		ck_assert(ended_save(STORE, &e, why, sizeof(why)));
	}
	store_close(s);
}

static uint64_t acknowledged(const struct history *h, size_t cut)
{
	uint64_t last = 0;

	for (size_t i = 0; i < cut; i++)
		if (h->v[i].kind == RECORD_NOTE)
			last = h->v[i].bytes[0];
	return last;
}

static unsigned gone_on;

static void look(void *ctx, struct history *h, size_t cut)
{
	uint64_t last = acknowledged(h, cut);
	uint8_t data[BLOCK];
	uint32_t good;
	struct store *s = open_store();
	uint32_t number = take();
	(void)ctx;

	if (number) {
		gone_on++;
		ck_assert_int_eq(store_read(s, 0, 1, data, &good), STORE_OK);
		ck_assert_msg(number == last && data[0] == last,
		              "%s: start %u goes on, %llu has acknowledged what is there as %u",
		              points_where(), number, (unsigned long long)last, data[0]);
	}
	ck_assert_uint_eq(take(), 0);
	store_close(s);
}

START_TEST(who_goes_on_has_lost_nothing)
{
	struct points p = {0};

	files_reset();
	live(1, 0, true);
	live(2, 1, true);
	live(3, 2, false);
	live(4, 0, true);
	live(5, 4, true);
	struct history h = files_take();
	points_history(&p, &h,
	               &(struct points_of){
	                       .name = "end", .fn = look, .salt = acknowledged, .distinct = 50},
	               NULL);
	ck_assert_uint_gt(gone_on, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("crash points of an end");

	points_add(s, who_goes_on_has_lost_nothing, 1);
	return s;
}

TAP_MAIN_SUITE(make_suite);
