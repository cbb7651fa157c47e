/* SPDX-License-Identifier: BSD-2-Clause */
#include "mirror/intent.h"

#include "base/assert.h"
#include "base/crc.h"
#include "base/cursor.h"

#include <stdio.h>
#include <string.h>

static const char magic[8] = {'S', 'M', 'I', 'R', 'I', 'N', 'T', '\n'};

/* ---- maps ---- */

static bool get(const uint64_t *map, uint32_t r)
{
	return map[r / 64] >> (r % 64) & 1;
}

static void set(uint64_t *map, uint32_t r)
{
	map[r / 64] |= 1ULL << (r % 64);
}

static void clear(uint64_t *map, uint32_t r)
{
	map[r / 64] &= ~(1ULL << (r % 64));
}

static uint32_t words(const struct intent *l)
{
	return (l->n + 63) / 64;
}

static uint32_t count(const struct intent *l, const uint64_t *map)
{
	uint32_t n = 0;

	for (uint32_t w = 0; w < words(l); w++)
		n += (uint32_t)__builtin_popcountll(map[w]);
	return n;
}

static uint32_t first_of(const struct intent *l, lba_t lba)
{
	return (uint32_t)(lba >> l->shift);
}

static uint32_t last_of(const struct intent *l, lba_t lba, uint64_t blocks)
{
	sm_assert(blocks > 0 && lba < l->blocks && blocks <= l->blocks - lba);
	return (uint32_t)((lba + blocks - 1) >> l->shift);
}

static uint64_t blocks_of(const struct intent *l, uint32_t r)
{
	lba_t first = (lba_t)r << l->shift;
	uint64_t most = 1ULL << l->shift;

	return l->blocks - first < most ? l->blocks - first : most;
}

/* ---- life ---- */

unsigned intent_shift(uint32_t block_size, uint64_t blocks, uint64_t bytes)
{
	uint64_t least = ((bytes ? bytes : INTENT_REGION_BYTES) - 1) / block_size + 1;
	unsigned shift = 0;

	while (shift < 62 && (1ULL << shift) < least)
		shift++;
	while (shift < 62 && (blocks - 1) >> shift >= INTENT_REGIONS_MAX)
		shift++;
	return shift;
}

static void shape(struct intent *l, uint64_t blocks, unsigned shift)
{
	sm_assert(blocks > 0 && shift < 64 && (blocks - 1) >> shift < INTENT_REGIONS_MAX);
	l->blocks = blocks;
	l->shift = shift;
	l->n = (uint32_t)((blocks - 1) >> shift) + 1;
}

void intent_init(struct intent *l, const uint8_t uuid[INTENT_UUID_LEN], uint64_t blocks,
                 unsigned shift)
{
	size_t before = words(l) * sizeof(l->dirty[0]), n = l->n;

	/* Only what was in use is cleared: the rest is memory that was never touched. */
	memset(l->dirty, 0, before);
	memset(l->behind, 0, before);
	memset(l->durable, 0, before);
	memset(l->image, 0, before);
	memset(l->plan, 0, before);
	memset(l->flying, 0, n * sizeof(l->flying[0]));
	memset(l->stamp, 0, n * sizeof(l->stamp[0]));
	memcpy(l->uuid, uuid, INTENT_UUID_LEN);
	shape(l, blocks, shift);
	l->n_dirty = l->n_behind = 0;
	l->clock = l->least = 1;
	l->unsaved = true;
	l->saving = false;
}

/* ---- writes ---- */

static void mark(struct intent *l, uint32_t r)
{
	if (get(l->dirty, r))
		return;
	set(l->dirty, r);
	l->n_dirty++;
	l->unsaved = true;
}

bool intent_begin(struct intent *l, lba_t lba, uint64_t blocks)
{
	uint32_t last = last_of(l, lba, blocks);
	bool ready = true;

	for (uint32_t r = first_of(l, lba); r <= last; r++) {
		sm_assert(l->flying[r] < UINT16_MAX);
		l->flying[r]++;
		if (get(l->durable, r))
			continue;
		ready = false;
		/* It may be marked, and the save of it have failed. */
		l->unsaved |= !l->saving || !get(l->image, r);
		mark(l, r);
	}
	return ready;
}

bool intent_ready(const struct intent *l, lba_t lba, uint64_t blocks)
{
	uint32_t last = last_of(l, lba, blocks);

	for (uint32_t r = first_of(l, lba); r <= last; r++)
		if (!get(l->durable, r))
			return false;
	return true;
}

bool intent_imaged(const struct intent *l, lba_t lba, uint64_t blocks)
{
	uint32_t last = last_of(l, lba, blocks);

	for (uint32_t r = first_of(l, lba); r <= last; r++)
		if (!get(l->image, r))
			return false;
	return true;
}

void intent_end(struct intent *l, lba_t lba, uint64_t blocks)
{
	uint32_t last = last_of(l, lba, blocks);

	for (uint32_t r = first_of(l, lba); r <= last; r++) {
		sm_assert(l->flying[r] > 0);
		l->flying[r]--;
		l->stamp[r] = l->clock;
	}
}

void intent_mark(struct intent *l, lba_t lba, uint64_t blocks)
{
	uint32_t last = last_of(l, lba, blocks);

	for (uint32_t r = first_of(l, lba); r <= last; r++) {
		l->unsaved |= !get(l->durable, r) && (!l->saving || !get(l->image, r));
		mark(l, r);
		l->stamp[r] = l->clock;
	}
}

void intent_lose(struct intent *l)
{
	intent_mark(l, 0, l->blocks);
}

/* ---- letting go ---- */

uint64_t intent_ticket(struct intent *l)
{
	return ++l->clock;
}

static void let_go(struct intent *l, uint32_t r, bool all)
{
	if (get(l->dirty, r) && !all && !get(l->behind, r)) {
		set(l->behind, r);
		l->n_behind++;
	}
	if (all && get(l->behind, r)) {
		clear(l->behind, r);
		l->n_behind--;
	}
	if (get(l->dirty, r)) {
		clear(l->dirty, r);
		clear(l->durable, r);
		l->n_dirty--;
	}
	l->unsaved = true;
}

bool intent_flushed(struct intent *l, uint64_t ticket, bool all)
{
	return intent_flushed_to(l, ticket, all, l->blocks);
}

bool intent_flushed_to(struct intent *l, uint64_t ticket, bool all, lba_t end)
{
	if (ticket < l->least)
		return false;
	for (uint32_t w = 0; w < words(l); w++) {
		uint64_t some = l->dirty[w] | (all ? l->behind[w] : 0);
		while (some) {
			uint32_t r = w * 64 + (uint32_t)__builtin_ctzll(some);
			some &= some - 1;
			lba_t first = (lba_t)r << l->shift;
			if (first + blocks_of(l, r) > end)
				return true;
			if (l->flying[r] == 0 && l->stamp[r] < ticket)
				let_go(l, r, all);
		}
	}
	return true;
}

void intent_void(struct intent *l)
{
	l->least = ++l->clock;
}

bool intent_wants_flush(const struct intent *l, bool all)
{
	return l->n_dirty > 0 || (all && l->n_behind > 0);
}

/* ---- resync ---- */

static uint64_t wanted(const struct intent *l, uint32_t w, bool lacking, bool whole)
{
	uint32_t rest = l->n - w * 64;

	if (whole)
		return rest < 64 ? (1ULL << rest) - 1 : UINT64_MAX;
	return l->dirty[w] | (lacking ? l->behind[w] : 0);
}

bool intent_is_marked(const struct intent *l, lba_t lba)
{
	uint32_t r = first_of(l, lba);

	return get(l->dirty, r) || get(l->behind, r);
}

bool intent_lacking_from(const struct intent *l, lba_t from)
{
	for (uint64_t r = from >> l->shift; from < l->blocks && r < l->n; r++)
		if ((l->dirty[r / 64] | l->behind[r / 64]) >> r % 64 & 1)
			return true;
	return false;
}

void intent_doubt_from(struct intent *l, lba_t from)
{
	for (uint32_t r = (uint32_t)(from >> l->shift); from < l->blocks && r < l->n; r++) {
		if (!get(l->behind, r) || get(l->dirty, r))
			continue;
		mark(l, r);
		l->stamp[r] = l->clock;
	}
}

uint64_t intent_lacking(const struct intent *l, bool lacking, bool whole)
{
	uint64_t regions = 0;
	uint32_t last = l->n - 1;

	for (uint32_t w = 0; w < words(l); w++)
		regions += (uint64_t)__builtin_popcountll(wanted(l, w, lacking, whole));
	bool short_one = wanted(l, last / 64, lacking, whole) >> (last % 64) & 1;
	return (regions << l->shift) - (short_one ? (1ULL << l->shift) - blocks_of(l, last) : 0);
}

uint64_t intent_plan(struct intent *l, bool lacking, bool whole)
{
	for (uint32_t w = 0; w < words(l); w++)
		l->plan[w] = wanted(l, w, lacking, whole);
	return intent_lacking(l, lacking, whole);
}

bool intent_planned(const struct intent *l, lba_t from, struct mir_span *out)
{
	if (from >= l->blocks)
		return false;
	uint32_t r = first_of(l, from);
	while (r < l->n && !get(l->plan, r)) {
		if (l->plan[r / 64] == 0)
			r = (r / 64 + 1) * 64;
		else
			r++;
	}
	if (r >= l->n)
		return false;
	lba_t first = (lba_t)r << l->shift, end = first;
	while (r < l->n && get(l->plan, r)) {
		end += blocks_of(l, r);
		r++;
	}
	out->lba = first > from ? first : from;
	out->blocks = end - out->lba;
	return true;
}

/* ---- its file: magic, version, shift, group's UUID and blocks, regions, the two maps, a CRC ----
 */

static void put_map(struct wr *w, const struct intent *l, const uint64_t *map)
{
	for (uint32_t i = 0; i < words(l); i++)
		wr_u64(w, map[i]);
}

bool intent_unsaved(const struct intent *l)
{
	return l->unsaved && !l->saving;
}

size_t intent_save(struct intent *l, uint8_t *out)
{
	struct wr w = wr_init(out, INTENT_SAVED_MAX);

	sm_assert(!l->saving);
	wr_bytes(&w, magic, sizeof(magic));
	wr_u32(&w, INTENT_VERSION);
	wr_u32(&w, l->shift);
	wr_bytes(&w, l->uuid, sizeof(l->uuid));
	wr_u64(&w, l->blocks);
	wr_u32(&w, l->n);
	wr_zero(&w, INTENT_HEAD_LEN - w.n);
	put_map(&w, l, l->dirty);
	put_map(&w, l, l->behind);
	wr_u32(&w, crc32c(0, out, w.n));
	sm_assert(wr_ok(&w));
	memcpy(l->image, l->dirty, words(l) * sizeof(l->dirty[0]));
	l->unsaved = false;
	l->saving = true;
	return w.n;
}

void intent_saved(struct intent *l, bool good)
{
	sm_assert(l->saving);
	l->saving = false;
	/* What was let go of and marked again since is marked in this image, too, and in the next:
	 * it was marked before that one was made. */
	for (uint32_t w = 0; good && w < words(l); w++)
		l->durable[w] = l->image[w] & l->dirty[w];
}

static bool damaged(char *why, size_t n, const char *what)
{
	(void)snprintf(why, n, "%s", what);
	return false;
}

static bool head_ok(struct rd *r, const struct intent *l, unsigned *shift, char *why, size_t n)
{
	uint8_t uuid[INTENT_UUID_LEN];
	size_t len = rd_left(r);

	rd_skip(r, sizeof(magic) + 4);
	*shift = rd_u32(r);
	rd_copy(r, uuid, sizeof(uuid));
	uint64_t blocks = rd_u64(r);
	uint32_t regions = rd_u32(r);
	rd_skip(r, INTENT_HEAD_LEN - (len - rd_left(r)));
	if (memcmp(uuid, l->uuid, sizeof(uuid)) != 0)
		return damaged(why, n, "it is another group's");
	if (blocks != l->blocks)
		return damaged(why, n, "it is of a group of another size");
	if (*shift > 62 || (blocks - 1) >> *shift >= INTENT_REGIONS_MAX ||
	    regions != ((blocks - 1) >> *shift) + 1)
		return damaged(why, n, "its regions do not fit the group");
	if (rd_left(r) != (size_t)((regions + 63) / 64) * 16)
		return damaged(why, n, "its length does not fit its regions");
	return true;
}

/* Bits behind the last region would be regions that there are not. */
static void get_map(struct rd *r, const struct intent *l, uint64_t *map)
{
	for (uint32_t i = 0; i < words(l); i++)
		map[i] = rd_u64(r) & wanted(l, i, false, true);
}

bool intent_load(struct intent *l, const uint8_t *p, size_t n, char *why, size_t why_n)
{
	unsigned shift;

	if (n < INTENT_HEAD_LEN + 4 || n > INTENT_SAVED_MAX)
		return damaged(why, why_n, "it is cut short, or too long");
	if (memcmp(p, magic, sizeof(magic)) != 0)
		return damaged(why, why_n, "it is no write-intent log");
	if (crc32c(0, p, n - 4) != get_be32(p + n - 4))
		return damaged(why, why_n, "it is damaged: its checksum does not match");
	if (get_be32(p + sizeof(magic)) != INTENT_VERSION)
		return damaged(why, why_n, "its version is another one");
	struct rd r = rd_init(p, n - 4);
	if (!head_ok(&r, l, &shift, why, why_n))
		return false;
	shape(l, l->blocks, shift);
	get_map(&r, l, l->dirty);
	get_map(&r, l, l->behind);
	memcpy(l->durable, l->dirty, words(l) * sizeof(l->dirty[0]));
	memcpy(l->image, l->dirty, words(l) * sizeof(l->dirty[0]));
	l->n_dirty = count(l, l->dirty);
	l->n_behind = count(l, l->behind);
	l->unsaved = false;
	return true;
}

void intent_check(const struct intent *l)
{
	sm_assert(l->n > 0 && l->n <= INTENT_REGIONS_MAX);
	sm_assert(l->n_dirty == count(l, l->dirty) && l->n_behind == count(l, l->behind));
	for (uint32_t w = 0; w < words(l); w++) {
		sm_assert((l->durable[w] & ~l->dirty[w]) == 0);
		sm_assert(!l->saving || (l->durable[w] & ~l->image[w]) == 0);
	}
	for (uint32_t r = 0; r < l->n; r++)
		sm_assert(l->flying[r] == 0 || get(l->dirty, r));
}
