/* SPDX-License-Identifier: BSD-2-Clause */
#include "crash/points.h"

#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUTS_MOST 8192 /* a longer write is cut at its sectors only */

struct walk {
	struct points *p;
	struct history *h;
	size_t cut;
	bool few;
	uint64_t salt;
	points_fn *fn;
	void *ctx;
	size_t loose[LOOSE_MAX];
	unsigned n;
};

static char where[512];
static bool is_torn;

bool points_torn(void)
{
	return is_torn;
}

const char *points_where(void)
{
	return where;
}

bool points_all(void)
{
	const char *v = getenv("CRASH_POINTS");

	return v && strcmp(v, "all") == 0;
}

/* AddressSanitizer makes a start of a daemon, with its large tables, slow. */
static size_t stride_of(const struct points_of *o)
{
#if defined(__SANITIZE_ADDRESS__)
	return o->slow && !points_all() ? 17 : 1;
#else
	(void)o;
	return 1;
#endif
}

static const char *describe(const struct record *r)
{
	static const char *const names[] = {
	        "create", "rename", "unlink", "write", "cut", "sync", "sync of the directory",
	        "note"};
	static char text[160];

	(void)snprintf(text, sizeof(text), "%s %s %s file %u, %zu bytes at %llu", names[r->kind],
	               r->name, r->to, r->file, r->n, (unsigned long long)r->at);
	return text;
}

static void say_where(const struct walk *w, const struct fates *f)
{
	int n = snprintf(where, sizeof(where), "behind %zu of %zu records", w->cut, w->h->n);

	if (w->cut > 0)
		n += snprintf(where + n, sizeof(where) - (size_t)n, " (%s)",
		              describe(&w->h->v[w->cut - 1]));
	if (f->torn != SIZE_MAX)
		n += snprintf(where + n, sizeof(where) - (size_t)n,
		              ", record %zu torn at %zu, sectors %llx", f->torn, f->torn_at,
		              (unsigned long long)f->torn_mask);
	(void)snprintf(where + n, sizeof(where) - (size_t)n, ", kept %llx of %u",
	               (unsigned long long)f->kept, w->n);
}

/* ---- states that were there ---- */

static void grow(struct points *p)
{
	struct points bigger = {.room = p->room ? p->room * 2 : 4096};

	bigger.seen = calloc(bigger.room, sizeof(*bigger.seen));
	sm_assert(bigger.seen);
	for (size_t i = 0; i < p->room; i++) {
		size_t k = p->seen[i] % bigger.room;
		while (p->seen[i] && bigger.seen[k])
			k = (k + 1) % bigger.room;
		if (p->seen[i])
			bigger.seen[k] = p->seen[i];
	}
	free(p->seen);
	p->seen = bigger.seen;
	p->room = bigger.room;
}

static bool is_new(struct points *p, uint64_t hash)
{
	if (p->distinct * 2 >= p->room)
		grow(p);
	hash = hash ? hash : 1;
	size_t k = hash % p->room;
	while (p->seen[k]) {
		if (p->seen[k] == hash)
			return false;
		k = (k + 1) % p->room;
	}
	p->seen[k] = hash;
	p->distinct++;
	return true;
}

void points_free(struct points *p)
{
	free(p->seen);
	*p = (struct points){0};
}

/* ---- one cut ---- */

static void look(struct walk *w, const struct fates *f)
{
	files_crash(w->h, w->cut, f);
	w->p->states++;
	say_where(w, f);
	is_torn = f->torn != SIZE_MAX;
	if (is_new(w->p, (files_hash() ^ w->salt) * 0x9e3779b97f4a7c15ULL))
		w->fn(w->ctx, w->h, w->cut);
}

/* With all others there, and with none. */
static void torn(struct walk *w, struct fates f)
{
	f.kept = ~0ULL;
	look(w, &f);
	f.kept = 0;
	if (w->n > 1)
		look(w, &f);
}

static bool cut_here(const struct walk *w, size_t at, size_t n, uint64_t first)
{
	if (w->few)
		return at == n / 2;
	if (points_all() && n <= CUTS_MOST && (at + w->cut) % (w->p->every ? w->p->every : 1) == 0)
		return true;
	return (first + at) % SECTOR == 0 || at == 1 || at == n / 2 || at == n - 1;
}

static void tear_sectors(struct walk *w, size_t i)
{
	const struct record *r = &w->h->v[i];
	unsigned n = (unsigned)((r->at % SECTOR + r->n + SECTOR - 1) / SECTOR);
	struct fates f = {.torn = i};

	if (n < 2 || n > 64)
		return;
	for (uint64_t m = 1; n <= 4 && m < (1ULL << n) - 1; m++) {
		f.torn_mask = m;
		torn(w, f);
	}
	for (unsigned k = 0; n > 4 && k < n; k++) {
		f.torn_mask = 1ULL << k;
		torn(w, f);
		f.torn_mask ^= n == 64 ? ~0ULL : (1ULL << n) - 1;
		torn(w, f);
	}
}

static void tear(struct walk *w, size_t i)
{
	const struct record *r = &w->h->v[i];

	if (r->kind != RECORD_WRITE) /* renaming is atomic */
		return;
	for (size_t at = 1; at < r->n; at++)
		if (cut_here(w, at, r->n, r->at))
			torn(w, (struct fates){.torn = i, .torn_at = at});
	if (!w->few)
		tear_sectors(w, i);
}

void points_at(struct points *p, struct history *h, size_t cut, bool few, uint64_t salt,
               points_fn *fn, void *ctx)
{
	struct walk w = {p, h, cut, few, salt, fn, ctx, {0}, 0};

	w.n = history_loose(h, cut, w.loose);
	for (uint64_t kept = 0; kept < 1ULL << w.n; kept++)
		look(&w, &(struct fates){.kept = kept, .torn = SIZE_MAX});
	for (unsigned i = 0; i < w.n; i++)
		tear(&w, w.loose[i]);
}

/* ---- a history ---- */

void points_done(struct points *p, const char *name, size_t records, uint64_t distinct)
{
	printf("# %s: %zu records, %llu crash states, %llu of them distinct: all recovered right\n",
	       name, records, (unsigned long long)p->states, (unsigned long long)p->distinct);
	(void)fflush(stdout);
	ck_assert_uint_ge(p->distinct, distinct);
	points_free(p);
	files_reset();
}

void points_history(struct points *p, struct history *h, const struct points_of *o, void *ctx)
{
	size_t stride = stride_of(o);

	p->every = o->every;
	for (size_t cut = 1; cut <= h->n; cut += stride)
		points_at(p, h, cut, o->few, o->salt(h, cut), o->fn, ctx);
	points_done(p, o->name, h->n, stride > 1 ? o->distinct / 32 : o->distinct);
	history_free(h);
}

void points_add(Suite *s, const TTest *test, unsigned times)
{
	TCase *c = tcase_create("states");

	tcase_set_timeout(c, points_all() ? 24 * 3600 : 600);
	tcase_add_loop_test(c, test, 0, (int)times);
	suite_add_tcase(s, c);
}
