/* SPDX-License-Identifier: BSD-2-Clause */
/* The write-intent log, by itself and against a model that remembers every write. */
#include "mirror/intent.h"
#include "unit/tap_main.h"

#include "base/crc.h"
#include "base/cursor.h"
#include "base/prng.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t uuid[INTENT_UUID_LEN] = {1, 2, 3};
static uint8_t saved[INTENT_SAVED_MAX];
static char why[128];

/* 100 blocks in regions of 8: 13 of them, the last one short. */
static struct intent *log_new(uint64_t blocks, unsigned shift)
{
	struct intent *l = calloc(1, sizeof(*l));

	ck_assert_ptr_nonnull(l);
	intent_init(l, uuid, blocks, shift);
	return l;
}

static size_t save(struct intent *l)
{
	ck_assert(intent_unsaved(l));
	size_t n = intent_save(l, saved);
	intent_saved(l, true);
	intent_check(l);
	return n;
}

START_TEST(a_write_waits_for_its_mark_once)
{
	struct intent *l = log_new(100, 3);

	save(l); /* a new one is saved, too */
	ck_assert(!intent_unsaved(l));
	ck_assert(!intent_begin(l, 6, 4)); /* regions 0 and 1 */
	ck_assert(intent_unsaved(l) && !intent_ready(l, 6, 4));
	(void)intent_save(l, saved);
	ck_assert(!intent_ready(l, 6, 4)); /* on its way is not there */
	ck_assert(!intent_begin(l, 0, 1) && !intent_unsaved(l));
	intent_saved(l, true);
	ck_assert(intent_ready(l, 6, 4));
	ck_assert(intent_begin(l, 15, 1));
	ck_assert(!intent_begin(l, 15, 2));
	ck_assert(!intent_ready(l, 99, 1));
	ck_assert_uint_eq(l->n_dirty, 3);
	intent_check(l);
	free(l);
}
END_TEST

START_TEST(a_save_that_fails_marks_nothing)
{
	struct intent *l = log_new(100, 3);

	ck_assert(!intent_begin(l, 0, 1));
	(void)intent_save(l, saved);
	intent_saved(l, false);
	ck_assert(!intent_ready(l, 0, 1));
	ck_assert(!intent_unsaved(l)); /* it is not tried for ever */
	intent_end(l, 0, 1);
	ck_assert(!intent_begin(l, 1, 1)); /* the next write has it tried again */
	ck_assert(intent_unsaved(l));
	save(l);
	ck_assert(intent_ready(l, 1, 1));
	free(l);
}
END_TEST

START_TEST(a_flush_lets_go_of_what_was_before_it)
{
	struct intent *l = log_new(100, 3);

	(void)intent_begin(l, 0, 1);
	(void)intent_begin(l, 8, 1);
	(void)intent_begin(l, 16, 1);
	save(l);
	intent_end(l, 0, 1);
	uint64_t ticket = intent_ticket(l);
	intent_end(l, 8, 1); /* in flight when the flush began */
	(void)intent_begin(l, 24, 1);
	intent_end(l, 24, 1); /* all of it behind that */
	ck_assert(intent_flushed(l, ticket, true));
	ck_assert(!intent_ready(l, 0, 1) && intent_ready(l, 8, 1) && intent_ready(l, 16, 1));
	ck_assert_uint_eq(l->n_dirty, 3);
	ck_assert(intent_unsaved(l));
	ticket = intent_ticket(l);
	ck_assert(intent_flushed(l, ticket, true));
	ck_assert_uint_eq(l->n_dirty, 1); /* 16 is still in flight */
	intent_end(l, 16, 1);
	ck_assert(intent_flushed(l, intent_ticket(l), true));
	ck_assert(!intent_wants_flush(l, true));
	intent_check(l);
	free(l);
}
END_TEST

START_TEST(a_region_let_go_while_it_is_saved_is_marked_anew)
{
	struct intent *l = log_new(100, 3);

	(void)intent_begin(l, 0, 1);
	save(l);
	intent_end(l, 0, 1);
	(void)intent_begin(l, 50, 1);
	(void)intent_save(l, saved); /* region 0 is in this image */
	ck_assert(intent_flushed(l, intent_ticket(l), true));
	intent_saved(l, true);
	ck_assert(intent_ready(l, 50, 1));
	ck_assert(!intent_ready(l, 0, 1)); /* the next image will not have it */
	(void)intent_save(l, saved);
	ck_assert(!intent_begin(l, 0, 1));
	intent_saved(l, true);
	ck_assert(!intent_ready(l, 0, 1));
	save(l);
	ck_assert(intent_ready(l, 0, 1));
	intent_check(l);
	free(l);
}
END_TEST

START_TEST(a_member_that_leaves_voids_flushes)
{
	struct intent *l = log_new(100, 3);

	(void)intent_begin(l, 0, 1);
	intent_end(l, 0, 1);
	uint64_t ticket = intent_ticket(l);
	intent_void(l);
	ck_assert(!intent_flushed(l, ticket, true));
	ck_assert_uint_eq(l->n_dirty, 1);
	ck_assert(intent_flushed(l, intent_ticket(l), false));
	ck_assert_uint_eq(l->n_dirty, 0);
	ck_assert_uint_eq(l->n_behind, 1);
	ck_assert(!intent_wants_flush(l, false) && intent_wants_flush(l, true));
	ck_assert(intent_flushed(l, intent_ticket(l), true));
	ck_assert_uint_eq(l->n_behind, 0);
	free(l);
}
END_TEST

START_TEST(a_plan_is_what_differs)
{
	struct intent *l = log_new(100, 3);
	struct mir_span s;

	(void)intent_begin(l, 0, 1);
	intent_end(l, 0, 1);
	(void)intent_flushed(l, intent_ticket(l), false);
	(void)intent_begin(l, 20, 5); /* regions 2 and 3 */
	(void)intent_begin(l, 99, 1); /* the short one: 4 blocks */
	ck_assert_uint_eq(intent_plan(l, false, false), 20);
	ck_assert(intent_planned(l, 0, &s) && s.lba == 16 && s.blocks == 16);
	ck_assert(intent_planned(l, 18, &s) && s.lba == 18 && s.blocks == 14);
	ck_assert(intent_planned(l, 32, &s) && s.lba == 96 && s.blocks == 4);
	ck_assert(intent_planned(l, 99, &s) && s.lba == 99 && s.blocks == 1);
	ck_assert(!intent_planned(l, 100, &s));
	ck_assert_uint_eq(intent_plan(l, true, false), 28);
	ck_assert(intent_planned(l, 0, &s) && s.lba == 0 && s.blocks == 8);
	ck_assert_uint_eq(intent_plan(l, false, true), 100);
	ck_assert(intent_planned(l, 0, &s) && s.lba == 0 && s.blocks == 100);
	intent_lose(l);
	ck_assert_uint_eq(intent_plan(l, false, false), 100);
	free(l);
}
END_TEST

/* The region that an image ends in counts, too. */
START_TEST(what_is_lacking_behind_an_image)
{
	struct intent *l = log_new(100, 3);
	lba_t region = 8;

	ck_assert(!intent_lacking_from(l, 0));
	(void)intent_begin(l, 2 * region, 1);
	intent_end(l, 2 * region, 1);
	ck_assert(intent_is_marked(l, 3 * region - 1) && !intent_is_marked(l, 3 * region));
	ck_assert(intent_lacking_from(l, 0) && intent_lacking_from(l, 2 * region));
	ck_assert(intent_lacking_from(l, region + 1) && intent_lacking_from(l, 3 * region - 1));
	ck_assert(!intent_lacking_from(l, 3 * region) && !intent_lacking_from(l, 100));
	ck_assert(intent_flushed(l, intent_ticket(l), false)); /* it is behind now */
	ck_assert(intent_lacking_from(l, 2 * region) && !intent_lacking_from(l, 3 * region));
	ck_assert(intent_is_marked(l, 2 * region));
	intent_doubt_from(l, 3 * region);
	intent_doubt_from(l, 100);
	ck_assert_uint_eq(l->n_dirty, 0);
	intent_doubt_from(l, 2 * region + 1);
	ck_assert_uint_eq(l->n_dirty, 1);
	ck_assert(l->unsaved && l->n_behind == 1);
	intent_check(l);
	free(l);
}
END_TEST

START_TEST(regions_fit_the_table)
{
	ck_assert_uint_eq(512ULL << intent_shift(512, 2048, 0), INTENT_REGION_BYTES);
	ck_assert_uint_eq(4096ULL << intent_shift(4096, 1, 0), INTENT_REGION_BYTES);
	ck_assert_uint_eq(512ULL << intent_shift(512, 2048, 65536), 65536);
	ck_assert_uint_eq(512ULL << intent_shift(512, 2048, 65537), 131072);
	for (unsigned bits = 0; bits < 64; bits++) {
		uint64_t blocks = UINT64_MAX >> bits;
		unsigned shift = intent_shift(4096, blocks, 4096);
		ck_assert((blocks - 1) >> shift < INTENT_REGIONS_MAX);
		ck_assert(shift == 0 || (blocks - 1) >> (shift - 1) >= INTENT_REGIONS_MAX);
	}
	struct intent *l = log_new(UINT64_MAX, intent_shift(512, UINT64_MAX, 0));
	ck_assert(!intent_begin(l, UINT64_MAX - 1, 1));
	intent_lose(l);
	ck_assert_uint_le(save(l), INTENT_SAVED_MAX);
	free(l);
}
END_TEST

/* ---- its file ---- */

START_TEST(what_was_saved_comes_back)
{
	struct intent *l = log_new(100, 3), *m = log_new(100, 5);

	(void)intent_begin(l, 0, 1);
	intent_end(l, 0, 1);
	(void)intent_flushed(l, intent_ticket(l), false);
	(void)intent_begin(l, 60, 20);
	size_t n = save(l);
	ck_assert_msg(intent_load(m, saved, n, why, sizeof(why)), "%s", why);
	ck_assert_uint_eq(m->shift, 3);
	ck_assert_uint_eq(m->n_dirty, l->n_dirty);
	ck_assert_uint_eq(m->n_behind, l->n_behind);
	ck_assert(intent_ready(m, 60, 20) && !intent_ready(m, 0, 1) && !intent_unsaved(m));
	intent_check(m);
	free(l);
	free(m);
}
END_TEST

static void refused(const uint8_t *p, size_t n, const char *text)
{
	struct intent *m = log_new(100, 3);

	ck_assert(!intent_load(m, p, n, why, sizeof(why)));
	ck_assert_msg(strstr(why, text) != NULL, "'%s' says nothing of '%s'", why, text);
	ck_assert_uint_eq(m->n_dirty, 0);
	free(m);
}

START_TEST(nothing_else_is_taken_for_it)
{
	struct intent *l = log_new(100, 3);
	static uint8_t p[INTENT_SAVED_MAX + 1];

	(void)intent_begin(l, 60, 20);
	size_t n = save(l);
	for (size_t i = 0; i < n; i++) { /* cut short anywhere */
		memcpy(p, saved, n);
		refused(p, i, i < INTENT_HEAD_LEN + 4 ? "short" : "checksum");
	}
	refused(p, INTENT_SAVED_MAX + 1, "too long");
	for (size_t i = 0; i < n; i++) { /* each byte, one bit wrong */
		memcpy(p, saved, n);
		p[i] ^= (uint8_t)(1U << i % 8);
		refused(p, n, i < 8 ? "no write-intent log" : "checksum");
	}
	free(l);
}
END_TEST

static void patch32(size_t at, uint32_t v, size_t n, const char *text)
{
	static uint8_t p[INTENT_SAVED_MAX];

	memcpy(p, saved, n);
	put_be32(p + at, v);
	put_be32(p + n - 4, crc32c(0, p, n - 4));
	refused(p, n, text);
}

START_TEST(a_log_that_does_not_fit_is_refused)
{
	struct intent *l = log_new(100, 3);
	size_t n = save(l);

	patch32(8, INTENT_VERSION + 1, n, "version");
	patch32(12, 2, n, "regions");
	patch32(12, 63, n, "regions");
	patch32(12, 0xffffffff, n, "regions");
	patch32(16, 7, n, "another group");
	patch32(36, 99, n, "another size");
	patch32(40, 14, n, "regions");
	free(l);
	l = log_new(100, 0); /* 100 regions: two words a map */
	n = save(l);
	patch32(12, 3, n, "regions");
	patch32(40, 13, n, "regions");
	free(l);
}
END_TEST

/* ---- the model ---- */

#define M_BLOCKS  64
#define M_SHIFT   2
#define M_REGIONS (M_BLOCKS >> M_SHIFT)
#define M_WRITES  12

struct model {
	struct intent *l;
	struct {
		bool used, out; /* out: it was let go to the members */
		lba_t lba;
		uint64_t blocks;
	} w[M_WRITES];
	bool owed[M_REGIONS];  /* written since the last flush that counts */
	bool lacks[M_REGIONS]; /* the stale member lacks what was written */
	bool stale;
	bool flushing;
	uint64_t ticket;
	bool at_flush[M_REGIONS], since[M_REGIONS]; /* owed when it began; touched since */
	uint8_t disk[2][INTENT_SAVED_MAX]; /* what a crash may leave: [1] only while saving */
	size_t len[2];
	bool have[2];
};

static bool overlaps(const struct model *m, unsigned i, uint32_t r)
{
	lba_t first = m->w[i].lba >> M_SHIFT, last = (m->w[i].lba + m->w[i].blocks - 1) >> M_SHIFT;

	return m->w[i].used && first <= r && r <= last;
}

/* Whatever a crash leaves now tells of all that may differ, and of all that is lacking. */
static void crash_now(const struct model *m)
{
	static struct intent *x;

	if (!x)
		x = log_new(M_BLOCKS, M_SHIFT);
	for (unsigned d = 0; d < 2; d++) {
		if (!m->have[d])
			continue;
		intent_init(x, uuid, M_BLOCKS, M_SHIFT);
		if (!intent_load(x, m->disk[d], m->len[d], why, sizeof(why)))
			ck_abort_msg("%s", why);
		for (uint32_t r = 0; r < M_REGIONS; r++) {
			bool dirty = x->dirty[0] >> r & 1, behind = x->behind[0] >> r & 1;
			bool out = false;
			for (unsigned i = 0; i < M_WRITES; i++)
				out |= m->w[i].out && overlaps(m, i, r);
			/* Each assertion of Check costs a system call. */
			if ((out || m->owed[r]) && !dirty)
				ck_abort_msg("region %u may differ", r);
			if (m->lacks[r] && !dirty && !behind)
				ck_abort_msg("region %u is lacking", r);
		}
	}
}

static void let_out(struct model *m)
{
	for (unsigned i = 0; i < M_WRITES; i++)
		if (m->w[i].used && !m->w[i].out)
			m->w[i].out = intent_ready(m->l, m->w[i].lba, m->w[i].blocks);
}

static void step_write(struct model *m, struct prng *g)
{
	unsigned i = (unsigned)prng_below(g, M_WRITES);

	if (!m->w[i].used) {
		m->w[i].used = true;
		m->w[i].lba = prng_below(g, M_BLOCKS);
		m->w[i].blocks =
		        1 + prng_below(g, M_BLOCKS - m->w[i].lba < 9 ? M_BLOCKS - m->w[i].lba : 9);
		m->w[i].out = intent_begin(m->l, m->w[i].lba, m->w[i].blocks);
		for (uint32_t r = 0; r < M_REGIONS; r++)
			m->since[r] |= overlaps(m, i, r);
		return;
	}
	intent_end(m->l, m->w[i].lba, m->w[i].blocks);
	for (uint32_t r = 0; r < M_REGIONS; r++) {
		if (!overlaps(m, i, r))
			continue;
		m->since[r] = true;
		m->owed[r] |= m->w[i].out;
		m->lacks[r] |= m->w[i].out && m->stale;
	}
	m->w[i].used = m->w[i].out = false;
}

static void step_save(struct model *m, struct prng *g)
{
	if (!m->have[1]) {
		if (!intent_unsaved(m->l))
			return;
		m->len[1] = intent_save(m->l, m->disk[1]);
		m->have[1] = true;
		return;
	}
	bool good = prng_below(g, 4) != 0, landed = good || prng_below(g, 2);
	if (landed) {
		memcpy(m->disk[0], m->disk[1], m->len[1]);
		m->len[0] = m->len[1];
		m->have[0] = true;
	}
	m->have[1] = false;
	intent_saved(m->l, good);
	let_out(m);
}

static void step_flush(struct model *m)
{
	if (!m->flushing) {
		m->flushing = true;
		m->ticket = intent_ticket(m->l);
		memcpy(m->at_flush, m->owed, sizeof(m->owed));
		memset(m->since, 0, sizeof(m->since));
		for (uint32_t r = 0; r < M_REGIONS; r++)
			for (unsigned i = 0; i < M_WRITES; i++)
				m->since[r] |= overlaps(m, i, r);
		return;
	}
	m->flushing = false;
	if (!intent_flushed(m->l, m->ticket, !m->stale))
		return;
	for (uint32_t r = 0; r < M_REGIONS; r++) {
		m->owed[r] &= !m->at_flush[r] || m->since[r];
		if (!m->stale)
			m->lacks[r] = m->lacks[r] && m->since[r];
	}
}

static void step_member(struct model *m)
{
	m->stale = !m->stale;
	if (!m->stale) /* it has got all that it lacked, by writes that were logged */
		return;
	intent_void(m->l);
	/* What no flush has confirmed it may lack. */
	memcpy(m->lacks, m->owed, sizeof(m->lacks));
	for (uint32_t r = 0; r < M_REGIONS; r++)
		for (unsigned i = 0; i < M_WRITES; i++)
			m->lacks[r] |= m->w[i].out && overlaps(m, i, r);
}

static void random_life(uint64_t seed)
{
	struct prng g = prng_init(seed);
	struct model m = {.l = log_new(M_BLOCKS, M_SHIFT)};

	for (unsigned k = 0; k < 3000; k++) {
		uint64_t what = prng_below(&g, 100);
		if (what < 55)
			step_write(&m, &g);
		else if (what < 85)
			step_save(&m, &g);
		else if (what < 98)
			step_flush(&m);
		else
			step_member(&m);
		intent_check(m.l);
		crash_now(&m);
	}
	free(m.l);
}

START_TEST(whatever_a_crash_leaves_tells_all)
{
	for (uint64_t seed = 1; seed <= 100; seed++)
		random_life(seed);
}
END_TEST

/* It does let go: with no write in flight a flush leaves nothing marked. */
START_TEST(it_comes_clean)
{
	struct prng g = prng_init(100);
	struct model m = {.l = log_new(M_BLOCKS, M_SHIFT)};

	for (unsigned k = 0; k < 300; k++)
		step_write(&m, &g);
	for (unsigned i = 0; i < M_WRITES; i++)
		if (m.w[i].used)
			intent_end(m.l, m.w[i].lba, m.w[i].blocks);
	ck_assert(intent_flushed(m.l, intent_ticket(m.l), true));
	ck_assert_uint_eq(m.l->n_dirty + m.l->n_behind, 0);
	free(m.l);
}
END_TEST

TAP_MAIN("intent", a_write_waits_for_its_mark_once, a_save_that_fails_marks_nothing,
         a_flush_lets_go_of_what_was_before_it, a_region_let_go_while_it_is_saved_is_marked_anew,
         a_member_that_leaves_voids_flushes, a_plan_is_what_differs,
         what_is_lacking_behind_an_image, regions_fit_the_table, what_was_saved_comes_back,
         nothing_else_is_taken_for_it, a_log_that_does_not_fit_is_refused,
         whatever_a_crash_leaves_tells_all, it_comes_clean);
