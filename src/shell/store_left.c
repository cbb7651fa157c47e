/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process that was killed has left of the record of what it had begun (store_begun.h). It is
 * taken as a whole or not at all: what looks wrong anywhere says nothing. */
#include "shell/store_begun.h"

#include "base/crc.h"
#include "shell/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The store may be changed so long after a write to it has begun that is not recorded as hung, nor
 * as another's. */
#define HANGS (60 * (int64_t)NS_PER_S)

struct run {
	lba_t first, end;
};

struct begun_left {
	unsigned shift;
	uint8_t regions[BEGUN_REGIONS / 8];
	size_t n; /* in ascending order, none touches the next one */
	struct run run[2 * BEGUN_ENTRIES];
};

/* ---- loading ---- */

static const char damaged[] = "the record of them is damaged";

/* NULL: it is of this store, of this boot, and the last that was written there. */
static const char *unfit(const struct begun_file *f, const struct begun_config *c, int64_t changed)
{
	struct begun_head wanted;
	if (!begun_head(c, &wanted))
		return "the system does not say which of its boots this is";
	if (memcmp(f->head.magic, wanted.magic, sizeof(wanted.magic)) != 0 ||
	    f->head.crc != crc32c(0, &f->head, offsetof(struct begun_head, crc)))
		return damaged;
	if (memcmp(f->head.boot, wanted.boot, sizeof(wanted.boot)) != 0)
		return "the machine has been started since";
	if (memcmp(&f->head, &wanted, sizeof(wanted)) != 0)
		return "the record of them is of another store, or another program's";
	if (changed - HANGS > f->since) /* which may be any number */
		return "the store was changed since";
	return NULL;
}

static bool add_run(struct begun_left *l, lba_t lba, uint64_t blocks, const struct begun_config *c)
{
	if (lba >= c->blocks || blocks > c->blocks - lba)
		return false;
	l->run[l->n++] = (struct run){lba, lba + blocks};
	return true;
}

static bool add_half(struct begun_left *l, const struct begun_half *h, const struct begun_config *c)
{
	bool ok = true;
	for (uint32_t i = 0; ok && i < BEGUN_ENTRIES; i++) {
		lba_t lba = h->entry[i].lba;
		uint64_t span = h->entry[i].span, blocks = span >> 32;
		if (span != 0)
			ok = i < h->used && span == begun_span(lba, blocks) &&
			     add_run(l, lba, blocks, c);
	}
	for (size_t i = 0; i < sizeof(l->regions); i++)
		l->regions[i] |= h->regions[i];
	return ok;
}

static int ascending(const void *a, const void *b)
{
	lba_t x = ((const struct run *)a)->first, y = ((const struct run *)b)->first;
	return x < y ? -1 : x > y;
}

static void sort(struct begun_left *l)
{
	size_t n = 0;
	qsort(l->run, l->n, sizeof(l->run[0]), ascending);
	for (size_t i = 0; i < l->n; i++) {
		struct run r = l->run[i];
		if (n > 0 && r.first <= l->run[n - 1].end)
			l->run[n - 1].end = r.end > l->run[n - 1].end ? r.end : l->run[n - 1].end;
		else
			l->run[n++] = r;
	}
	l->n = n;
}

static struct begun_left *take(const struct begun_file *f, const struct begun_config *c)
{
	struct begun_left *l = calloc(1, sizeof(*l));
	if (l && add_half(l, &f->half[0], c) && add_half(l, &f->half[1], c)) {
		l->shift = c->shift;
		sort(l);
		return l;
	}
	free(l);
	return NULL;
}

static const char *read_it(int fd, struct begun_file *f)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || st.st_size != sizeof(*f) ||
	    fileio_load(fd, f, sizeof(*f)) != (ssize_t)sizeof(*f))
		return damaged;
	return NULL;
}

struct begun_left *begun_left_load(const struct begun_config *c, int64_t changed, const char **why)
{
	char path[PATH_MAX];
	struct begun_left *l = NULL;
	int fd = begun_name(c, path, sizeof(path)) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	*why = errno == ENOENT ? "there is no record of them" : "the record of them cannot be read";
	if (fd < 0)
		return NULL;
	struct begun_file *f = malloc(sizeof(*f));
	*why = f ? read_it(fd, f) : "out of memory";
	if (!*why)
		*why = unfit(f, c, changed);
	if (!*why && !(l = take(f, c)))
		*why = damaged;
	free(f);
	(void)close(fd);
	return l;
}

void begun_left_free(struct begun_left *l)
{
	free(l);
}

/* ---- looking ---- */

/* The first that ends behind it. */
static size_t find(const struct begun_left *l, lba_t lba)
{
	size_t from = 0, to = l->n;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (l->run[middle].end > lba)
			to = middle;
		else
			from = middle + 1;
	}
	return from;
}

bool begun_left_full(const struct begun_left *l)
{
	for (size_t i = 0; i < sizeof(l->regions); i++)
		if (l->regions[i])
			return true;
	return false;
}

bool begun_left_next(const struct begun_left *l, lba_t end, lba_t *lba, uint64_t *blocks)
{
	size_t i = find(l, *lba);
	while (*lba < end) {
		uint64_t r = *lba >> l->shift;
		lba_t region_end = (r + 1) << l->shift;
		bool whole = l->regions[r / 8] >> r % 8 & 1;
		region_end = region_end < end ? region_end : end;
		if (whole || (i < l->n && l->run[i].first < region_end)) {
			lba_t until =
			        whole || l->run[i].end > region_end ? region_end : l->run[i].end;
			if (!whole && l->run[i].first > *lba)
				*lba = l->run[i].first;
			*blocks = until - *lba;
			return true;
		}
		*lba = region_end;
	}
	return false;
}
