/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No write takes a lock here. What makes that right:
 *
 *   - A half is emptied only when nobody is in it, and no more can come: a write counts itself in,
 *     and looks again whether new ones still go there.
 *   - An entry belongs to its half until that is emptied; its number of blocks only grows.
 *   - A write names its blocks, then looks for its regions' marks; whoever takes marks away does
 *     that first, then looks which regions are named, and puts those back (store_beside.c). Either
 *     the write sees that its mark has gone, or the other one sees the name.
 *
 * Each store to the file is in its place before the next one: the process can be killed between
 * any two of them. An entry that was counted and not filled is of a write that did not begin.
 */
#include "shell/store_begun.h"

#include "base/assert.h"
#include "base/crc.h"
#include "shell/fileio.h"
#include "shell/sigbus.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define LAST    8 /* entries that a write may be put together with: as many run side by side */

struct begun {
	struct begun_config c;
	char path[PATH_MAX];
	struct begun_file *file;     /* mapped, from the file or of memory */
	atomic_bool in_file;         /* the next process can find it */
	atomic_bool lost;            /* it does not know all any more */
	_Atomic unsigned current;    /* new writes go to this half */
	_Atomic uint64_t writers[2]; /* in each half, that are not over */
	_Atomic uint64_t entered;    /* writes */
	/* The flush's. */
	bool older_used;         /* the half that is not the current one may name something */
	bool older_over;         /* all writes in it were over when the flush began */
	uint64_t entered_before; /* as many, when none was under way; UINT64_MAX: some were */
};

/* ---- the file ---- */

uint64_t begun_span(lba_t lba, uint64_t blocks)
{
	uint64_t x = (lba ^ blocks << 40 ^ 0x5bd1e995) * 0xff51afd7ed558ccdULL;
	x ^= x >> 29;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return blocks << 32 | x >> 32;
}

bool begun_head(const struct begun_config *c, struct begun_head *out)
{
	*out = (struct begun_head){.magic = BEGUN_MAGIC,
	                           .version = BEGUN_VERSION,
	                           .block_size = c->block_size,
	                           .blocks = c->blocks,
	                           .inode = c->inode,
	                           .shift = c->shift,
	                           .entries = BEGUN_ENTRIES};
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? fileio_load(fd, out->boot, sizeof(out->boot) - 1) : -1;
	if (fd >= 0)
		(void)close(fd);
	out->crc = crc32c(0, out, offsetof(struct begun_head, crc));
	return got > 0;
}

bool begun_name(const struct begun_config *c, char *out, size_t n)
{
	int len = snprintf(out, n, "%s.begun", c->path);
	if (len > 0 && (size_t)len < n)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

bool begun_forget(const struct begun_config *c)
{
	char path[PATH_MAX];
	return begun_name(c, path, sizeof(path)) && (unlink(path) == 0 || errno == ENOENT);
}

/* All of it is written, not made by fallocate(): its room is there on any file system. */
static struct begun_file *map_file(const struct begun_config *c, const char *path)
{
	struct begun_file *fresh = calloc(1, sizeof(*fresh));
	void *p = MAP_FAILED;
	int fd = -1;
	if (fresh && begun_head(c, &fresh->head))
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
	if (fd >= 0 && fileio_put(fd, fresh, sizeof(*fresh), 0))
		p = mmap(NULL, sizeof(*fresh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		         fd, 0);
	if (fd >= 0)
		(void)close(fd);
	free(fresh);
	return p != MAP_FAILED ? p : NULL;
}

static void *map_memory(void *at)
{
	void *p = mmap(at, sizeof(struct begun_file), PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);
	return p != MAP_FAILED ? p : NULL;
}

struct begun *begun_new(const struct begun_config *c)
{
	struct begun *b = calloc(1, sizeof(*b));
	if (!b || !begun_name(c, b->path, sizeof(b->path))) {
		free(b);
		return NULL;
	}
	b->c = *c;
	b->file = map_file(c, b->path);
	b->in_file = b->file != NULL;
	sigbus_catch();
	if (!b->file && begun_forget(c))
		b->file = map_memory(NULL);
	if (b->file)
		return b;
	free(b);
	return NULL;
}

void begun_close(struct begun *b, bool keep)
{
	(void)munmap(b->file, sizeof(*b->file));
	if (b->in_file && !keep)
		(void)unlink(b->path);
	free(b);
}

/* Its memory is not to be had: who comes next is to find nothing, not a part. */
static bool lose(struct begun *b)
{
	b->lost = true;
	if (b->in_file && unlink(b->path) != 0 && errno != ENOENT)
		return false;
	b->in_file = false;
	(void)map_memory(b->file);
	return true;
}

/* ---- entries ---- */

static struct begun_half *half_of(struct begun *b, unsigned half)
{
	return &b->file->half[half];
}

static void stamp(struct begun_file *f)
{
	struct timespec t;
	sm_assert(clock_gettime(CLOCK_REALTIME_COARSE, &t) == 0);
	int64_t now = (int64_t)t.tv_sec * (int64_t)NS_PER_S + t.tv_nsec;
	if (f->since != now)
		f->since = now;
}

/* Once it has blocks. */
static lba_t lba_of(const struct begun_entry *e)
{
	return atomic_load_explicit(&e->lba, memory_order_relaxed);
}

/* This entry has the blocks, or has them now. */
static bool widened(struct begun_entry *e, lba_t lba, uint64_t end)
{
	uint64_t span = e->span;
	while (span != 0) {
		uint64_t first = lba_of(e), until = first + (span >> 32);
		if (lba < first || lba > until || end - first > UINT32_MAX)
			return false;
		if (end <= until ||
		    atomic_compare_exchange_weak(&e->span, &span, begun_span(first, end - first)))
			return true;
	}
	return false;
}

static uint32_t used_of(const struct begun_half *h)
{
	uint32_t used = h->used;
	return used < BEGUN_ENTRIES ? used : BEGUN_ENTRIES;
}

static void put_regions(struct begun_half *h, uint64_t first, uint64_t last)
{
	for (uint64_t r = first; r <= last; r++) {
		uint8_t bit = (uint8_t)(1U << r % 8);
		if (!(h->regions[r / 8] & bit))
			atomic_fetch_or(&h->regions[r / 8], bit);
	}
}

static bool put_entry(struct begun_half *h, lba_t lba, uint32_t n)
{
	uint32_t used = h->used;
	if (used >= BEGUN_ENTRIES)
		return false;
	for (uint32_t i = 1; i <= LAST && i <= used; i++)
		if (widened(&h->entry[used - i], lba, lba + n))
			return true;
	uint32_t mine = h->used++;
	if (mine >= BEGUN_ENTRIES)
		return false;
	atomic_store_explicit(&h->entry[mine].lba, lba, memory_order_relaxed);
	h->entry[mine].span = begun_span(lba, n);
	return true;
}

static void put(struct begun_half *h, lba_t lba, uint32_t n, unsigned shift)
{
	if (!put_entry(h, lba, n))
		put_regions(h, lba >> shift, (lba + n - 1) >> shift);
}

static bool name_it(struct begun *b, unsigned half, lba_t lba, uint32_t n)
{
	if (sigsetjmp(sigbus_back, 0) != 0)
		return false;
	sigbus_guarded = 1;
	put(half_of(b, half), lba, n, b->c.shift);
	stamp(b->file);
	sigbus_guarded = 0;
	return true;
}

bool begun_enter(struct begun *b, lba_t lba, uint32_t n, unsigned *half)
{
	unsigned h = b->current;
	b->writers[h]++;
	while (b->current != h) {
		b->writers[h]--;
		h = b->current;
		b->writers[h]++;
	}
	b->entered++;
	*half = h;
	if (n == 0 || (name_it(b, h, lba, n) && (!b->lost || !b->in_file)) || lose(b))
		return true;
	b->writers[h]--;
	return false;
}

void begun_leave(struct begun *b, unsigned half)
{
	b->writers[half]--;
}

/* ---- flushes ---- */

/* Nobody is in it. */
static bool empty(struct begun *b, unsigned half)
{
	struct begun_half *h = half_of(b, half);
	if (sigsetjmp(sigbus_back, 0) != 0)
		return false;
	sigbus_guarded = 1;
	uint32_t used = used_of(h);
	for (uint32_t i = 0; i < used; i++)
		atomic_store_explicit(&h->entry[i].span, 0, memory_order_relaxed);
	for (size_t i = 0; used == BEGUN_ENTRIES && i < sizeof(h->regions); i++)
		atomic_store_explicit(&h->regions[i], 0, memory_order_relaxed);
	h->used = 0;
	sigbus_guarded = 0;
	return true;
}

static bool is_empty(struct begun *b, unsigned half, bool *none)
{
	if (sigsetjmp(sigbus_back, 0) != 0)
		return false;
	sigbus_guarded = 1;
	*none = half_of(b, half)->used == 0;
	stamp(b->file);
	sigbus_guarded = 0;
	return true;
}

/* New writes go to the half that is empty. */
static void lead_over(struct begun *b)
{
	b->current = 1 - b->current;
	b->older_used = true;
}

void begun_flush_begin(struct begun *b)
{
	if (!b->older_used)
		lead_over(b);
	/* In this order: a write is counted in its half, then as one that entered. */
	uint64_t entered = b->entered;
	b->older_over = b->writers[1 - b->current] == 0;
	b->entered_before = b->older_over && b->writers[b->current] == 0 ? entered : UINT64_MAX;
}

/* All that was there at the beginning of the flush, if nobody has come since. */
static bool empty_both(struct begun *b)
{
	unsigned last = b->current;
	lead_over(b);
	/* In this order: of who has entered since, one of the two tells. */
	if (b->writers[last] != 0 || b->entered_before != b->entered)
		return true;
	b->older_used = false;
	return empty(b, last);
}

bool begun_flush_end(struct begun *b)
{
	bool none = true;
	if (b->lost || !b->older_over)
		return false;
	b->older_used = false;
	bool ok = empty(b, 1 - b->current) && is_empty(b, b->current, &none);
	if (ok && !none)
		ok = empty_both(b);
	if (!ok)
		(void)lose(b);
	return ok;
}

static void add_entry(const struct begun_entry *e, unsigned shift, uint8_t *out)
{
	uint64_t blocks = e->span >> 32;
	if (blocks == 0)
		return;
	lba_t lba = lba_of(e);
	for (uint64_t r = lba >> shift; r <= (lba + blocks - 1) >> shift; r++)
		out[r / 8] = (uint8_t)(out[r / 8] | 1U << r % 8);
}

bool begun_regions(struct begun *b, uint8_t out[BEGUN_REGIONS / 8])
{
	if (b->lost)
		return false;
	if (sigsetjmp(sigbus_back, 0) != 0) {
		(void)lose(b);
		return false;
	}
	sigbus_guarded = 1;
	for (unsigned half = 0; half < 2; half++) {
		const struct begun_half *h = half_of(b, half);
		uint32_t used = used_of(h);
		for (uint32_t i = 0; i < used; i++)
			add_entry(&h->entry[i], b->c.shift, out);
		for (size_t i = 0; i < sizeof(h->regions); i++)
			out[i] |= h->regions[i];
	}
	sigbus_guarded = 0;
	return true;
}
