/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/store_beside.h"

#include "base/assert.h"
#include "base/crc.h"
#include "base/cursor.h"
#include "base/size.h"
#include "shell/dirsync.h"
#include "shell/fileio.h"
#include "shell/log.h"
#include "shell/store_begun.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC_LEN    8
#define FILE_VERSION 1
#define HEAD_LEN     32
#define CRC_AT       28
#define MARKS_AT     4096
#define MARKS_LEN    4096
#define ENTRIES_AT   8192
#define REGIONS_MAX  (MARKS_LEN * 8)
#define REGION_BYTES (64 * MIB) /* at least: a mark costs a flush */
#define PAGE         4096
_Static_assert(REGIONS_MAX <= BEGUN_REGIONS, "each region can be named");

struct beside {
	const struct beside_kind *kind;
	int fd;
	uint32_t block_size;
	uint64_t blocks;
	unsigned shift; /* a region is 1 << shift blocks */
	char *path;
	/* What the file has; looked at without the lock. */
	_Atomic uint8_t marks[MARKS_LEN];
	pthread_mutex_t marking;
	struct begun_config of;
	struct begun *begun;     /* NULL: nothing may be written yet */
	struct begun_left *left; /* of the process before; NULL: nothing is known of it */
	const char *unknown;     /* why */
	bool fresh;              /* the file was made just now */
	pthread_mutex_t syncing; /* by one at a time: the kernel tells only one of an error */
	/* It could not be synced: the kernel may have dropped what it could not write, and would
	 * say next time that all is there. */
	atomic_bool dead;
};

static bool fail(char *why, size_t n, const struct beside *b, const char *what, int error)
{
	(void)snprintf(why, n, "%s: %s%s%s", b->path, what, error ? ": " : "",
	               error ? strerrordesc_np(error) : "");
	return false;
}

/* ---- bytes of the file ---- */

static off_t place(const struct beside *b, lba_t lba)
{
	return (off_t)(ENTRIES_AT + lba * b->kind->entry);
}

static enum tgt_store_result result_of(bool ok)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
	return ok ? STORE_OK : full ? STORE_NO_SPACE : STORE_ERROR;
}

enum tgt_store_result beside_reserve(struct beside *b, lba_t lba, uint32_t n)
{
	int k;
	do {
		k = fallocate(b->fd, FALLOC_FL_KEEP_SIZE, place(b, lba),
		              (off_t)((size_t)n * b->kind->entry));
	} while (k != 0 && errno == EINTR);
	return k != 0 && (errno == ENOSPC || errno == EDQUOT) ? STORE_NO_SPACE : STORE_OK;
}

enum tgt_store_result beside_read(struct beside *b, lba_t lba, uint32_t n, uint8_t *p)
{
	return result_of(fileio_get(b->fd, p, (size_t)n * b->kind->entry, place(b, lba)));
}

enum tgt_store_result beside_write(struct beside *b, lba_t lba, uint32_t n, const uint8_t *p)
{
	return result_of(fileio_put(b->fd, p, (size_t)n * b->kind->entry, place(b, lba)));
}

enum tgt_store_result beside_none(struct beside *b, lba_t lba, uint32_t n)
{
	static const uint8_t zeros[PAGE];
	off_t at = place(b, lba);
	size_t bytes = (size_t)n * b->kind->entry;
	int how = b->kind->roomy ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE, k;
	do {
		k = fallocate(b->fd, how | FALLOC_FL_KEEP_SIZE, at, (off_t)bytes);
	} while (k != 0 && errno == EINTR);
	bool ok = true;
	while (k != 0 && ok && bytes > 0) {
		size_t piece = bytes < PAGE ? bytes : PAGE;
		ok = fileio_put(b->fd, zeros, piece, at);
		at += (off_t)piece;
		bytes -= piece;
	}
	return result_of(ok);
}

static bool sync_it(struct beside *b)
{
	sm_assert(pthread_mutex_lock(&b->syncing) == 0);
	if (!b->dead && fdatasync(b->fd) != 0)
		b->dead = true;
	bool ok = !b->dead;
	sm_assert(pthread_mutex_unlock(&b->syncing) == 0);
	return ok;
}

/* ---- marks ---- */

static bool marked(const struct beside *b, uint64_t region)
{
	return b->marks[region / 8] >> region % 8 & 1;
}

static bool all_marked(const struct beside *b, uint64_t first, uint64_t last)
{
	uint64_t r = first;
	while (r <= last && marked(b, r))
		r++;
	return r > last;
}

/* More of them, durably. They may have been taken away for a moment only. */
static enum tgt_store_result mark(struct beside *b, uint64_t first, uint64_t last)
{
	uint8_t marks[MARKS_LEN];
	enum tgt_store_result result = STORE_OK;
	sm_assert(pthread_mutex_lock(&b->marking) == 0);
	bool all = all_marked(b, first, last);
	for (size_t i = 0; i < MARKS_LEN; i++)
		marks[i] = b->marks[i];
	for (uint64_t r = first; r <= last; r++)
		marks[r / 8] = (uint8_t)(marks[r / 8] | 1U << r % 8);
	if (!all)
		result = result_of(fileio_put(b->fd, marks, sizeof(marks), MARKS_AT) && sync_it(b));
	if (b->dead)
		result = STORE_DEAD;
	for (size_t i = 0; result == STORE_OK && i < MARKS_LEN; i++)
		b->marks[i] = marks[i];
	sm_assert(pthread_mutex_unlock(&b->marking) == 0);
	return result;
}

static uint64_t last_region(const struct beside *b, lba_t lba, uint32_t n)
{
	return (lba + (n ? n - 1 : 0)) >> b->shift;
}

bool beside_ready(const struct beside *b, lba_t lba, uint32_t n)
{
	return n == 0 || all_marked(b, lba >> b->shift, last_region(b, lba, n));
}

enum tgt_store_result beside_begin(struct beside *b, lba_t lba, uint32_t n, unsigned *half)
{
	uint64_t first = lba >> b->shift, last = last_region(b, lba, n);
	/* In this order: let_go() takes the marks away, then looks which regions are named. */
	if (!b->begun || !begun_enter(b->begun, lba, n, half))
		return STORE_ERROR;
	enum tgt_store_result result = STORE_OK;
	if (b->dead)
		result = STORE_DEAD;
	else if (n > 0 && !all_marked(b, first, last))
		result = mark(b, first, last);
	if (result != STORE_OK)
		begun_leave(b->begun, *half);
	return result;
}

void beside_end(struct beside *b, unsigned half)
{
	begun_leave(b->begun, half);
}

bool beside_marked(const struct beside *b)
{
	size_t i = 0;
	while (i < MARKS_LEN && b->marks[i] == 0)
		i++;
	return i < MARKS_LEN;
}

bool beside_settled(struct beside *b)
{
	static const uint8_t none[MARKS_LEN];
	bool ok = sync_it(b) && fileio_put(b->fd, none, sizeof(none), MARKS_AT) && sync_it(b);
	for (size_t i = 0; ok && i < MARKS_LEN; i++)
		b->marks[i] = 0;
	return ok;
}

/* Marks of regions in which nothing was begun that is not known to be durable. Not durably: marks
 * that are found again cost time only. So do those that could not be taken out of the file: which
 * of them are there still is not known, and the next write makes its own anew. */
static void let_go(struct beside *b)
{
	uint8_t named[MARKS_LEN] = {0}, marks[MARKS_LEN];
	bool some = false;
	sm_assert(pthread_mutex_lock(&b->marking) == 0);
	bool known = begun_regions(b->begun, named);
	for (size_t i = 0; i < MARKS_LEN; i++) {
		marks[i] = b->marks[i];
		some |= (marks[i] & ~named[i]) != 0;
		if (known)
			b->marks[i] &= named[i];
	}
	/* Some may have begun, and have seen their marks. */
	known = known && some && begun_regions(b->begun, named);
	for (size_t i = 0; some && i < MARKS_LEN; i++) {
		if (known)
			marks[i] &= named[i];
		b->marks[i] = marks[i];
	}
	if (known)
		(void)fileio_put(b->fd, marks, sizeof(marks), MARKS_AT);
	sm_assert(pthread_mutex_unlock(&b->marking) == 0);
}

void beside_flush_begin(struct beside *b)
{
	if (b->begun)
		begun_flush_begin(b->begun);
}

bool beside_flush_end(struct beside *b)
{
	if (!sync_it(b))
		return false;
	if (b->begun && begun_flush_end(b->begun) && beside_marked(b))
		let_go(b);
	return true;
}

bool beside_fresh(const struct beside *b)
{
	return b->fresh;
}

const char *beside_unknown(const struct beside *b)
{
	if (!b->left)
		return b->unknown;
	return begun_left_full(b->left) ? "there were more than the record of them has room for"
	                                : NULL;
}

bool beside_doubt(const struct beside *b, lba_t lba, lba_t *first, uint64_t *blocks)
{
	for (*first = lba; *first < b->blocks;) {
		uint64_t r = *first >> b->shift;
		lba_t end = (r + 1) << b->shift;
		end = end < b->blocks ? end : b->blocks;
		*blocks = end - *first;
		if (marked(b, r) && (!b->left || begun_left_next(b->left, end, first, blocks)))
			return true;
		*first = end;
	}
	return false;
}

bool beside_start(struct beside *b, char *why, size_t n)
{
	begun_left_free(b->left);
	b->left = NULL;
	b->begun = begun_new(&b->of);
	return b->begun || fail(why, n, b, "the record of what was begun cannot be made", errno);
}

/* ---- opening ---- */

static void head_put(uint8_t head[HEAD_LEN], const struct beside *b)
{
	struct wr w = wr_init(head, HEAD_LEN);
	wr_bytes(&w, b->kind->magic, MAGIC_LEN);
	wr_u32(&w, FILE_VERSION);
	wr_u32(&w, b->block_size);
	wr_u64(&w, b->blocks);
	wr_u32(&w, b->shift);
	wr_u32(&w, crc32c(0, head, CRC_AT));
	sm_assert(wr_ok(&w) && w.n == HEAD_LEN);
}

/* All that a new file has; it is open then. */
static bool fill(struct beside *b, const char *tmp)
{
	uint8_t head[HEAD_LEN], marks[MARKS_LEN];
	head_put(head, b);
	memset(marks, b->kind->doubted ? 0xff : 0, sizeof(marks));
	for (size_t i = 0; i < MARKS_LEN; i++)
		b->marks[i] = marks[i];
	b->fd = open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
	return b->fd >= 0 && ftruncate(b->fd, place(b, b->blocks)) == 0 &&
	       fileio_put(b->fd, head, HEAD_LEN, 0) &&
	       fileio_put(b->fd, marks, sizeof(marks), MARKS_AT) && fsync(b->fd) == 0;
}

/* It gets its name when all of it is durable: half a file would be taken for a damaged one. */
static bool create(struct beside *b, char *why, size_t n)
{
	char tmp[PATH_MAX];
	int len = snprintf(tmp, sizeof(tmp), "%s.tmp", b->path);
	if (len < 0 || (size_t)len >= sizeof(tmp))
		return fail(why, n, b, "cannot be created", ENAMETOOLONG);
	/* What was begun is of another one. */
	b->fresh = true;
	if (!begun_forget(&b->of))
		return fail(why, n, b, "an old record of what was begun cannot be removed", errno);
	if (fill(b, tmp) && rename(tmp, b->path) == 0 && dirsync(b->path))
		return true;
	/* What is not known to be there is not to be found by the next start. */
	(void)fail(why, n, b, "cannot be created", errno);
	(void)unlink(tmp);
	(void)unlink(b->path);
	return false;
}

/* Somebody has asked for it, and may not know that it was there. */
static bool make(struct beside *b, bool had, char *why, size_t n)
{
	if (had)
		log_warning("%s: was there before, and is not now: it is made anew of what the "
		            "store holds",
		            b->path);
	return create(b, why, n);
}

static bool marks_get(struct beside *b)
{
	uint8_t marks[MARKS_LEN];
	if (!fileio_get(b->fd, marks, sizeof(marks), MARKS_AT))
		return false;
	for (size_t i = 0; i < MARKS_LEN; i++)
		b->marks[i] = marks[i];
	return true;
}

static bool head_ok(struct beside *b, char *why, size_t n)
{
	uint8_t head[HEAD_LEN] = {0}, wanted[HEAD_LEN], none[HEAD_LEN] = {0};
	char text[120];
	struct stat st;
	head_put(wanted, b);
	if (fstat(b->fd, &st) != 0)
		return fail(why, n, b, "cannot be examined", errno);
	if (fileio_load(b->fd, head, HEAD_LEN) < 0)
		return fail(why, n, b, "cannot be read", errno);
	/* It was whole when it got its name. Nobody is to lose it without a word. */
	if (memcmp(head, none, HEAD_LEN) == 0)
		return fail(why, n, b,
		            "is damaged, its head is gone: bring it back as it was, or remove it",
		            0);
	(void)snprintf(text, sizeof(text), "not %s of such a disk", b->kind->what);
	if (st.st_size != place(b, b->blocks) || memcmp(head, wanted, HEAD_LEN) != 0)
		return fail(why, n, b, text, 0);
	return marks_get(b) || fail(why, n, b, "cannot be read", errno);
}

static unsigned shift_of(const struct beside *b)
{
	unsigned shift = 0;
	while ((uint64_t)b->block_size << shift < REGION_BYTES ||
	       (b->blocks - 1) >> shift >= REGIONS_MAX)
		shift++;
	return shift;
}

static struct beside *new_beside(const struct beside_config *c)
{
	size_t len = strlen(c->path) + strlen(c->kind->suffix) + 1;
	struct beside *b = calloc(1, sizeof(*b));
	if (!b || !(b->path = malloc(len))) {
		free(b);
		return NULL;
	}
	(void)snprintf(b->path, len, "%s%s", c->path, c->kind->suffix);
	sm_assert(pthread_mutex_init(&b->marking, NULL) == 0);
	sm_assert(pthread_mutex_init(&b->syncing, NULL) == 0);
	b->kind = c->kind;
	b->block_size = c->block_size;
	b->blocks = c->blocks;
	b->shift = shift_of(b);
	b->fd = -1;
	b->of = (struct begun_config){.path = b->path,
	                              .block_size = b->block_size,
	                              .shift = b->shift,
	                              .blocks = b->blocks,
	                              .inode = c->inode};
	return b;
}

struct beside *beside_open(const struct beside_config *c, char *why, size_t n)
{
	struct beside *b = new_beside(c);
	why[0] = '\0';
	if (!b) {
		(void)snprintf(why, n, "%s: out of memory", c->path);
		return NULL;
	}
	b->fd = open(b->path, (c->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	bool ok = false;
	if (b->fd >= 0)
		ok = head_ok(b, why, n);
	else if (errno == ENOENT && c->make && !c->read_only)
		ok = make(b, c->had, why, n);
	else if (errno == ENOENT && c->had)
		(void)fail(why, n, b, b->kind->gone, 0);
	else if (errno != ENOENT || c->make)
		(void)fail(why, n, b, "cannot be opened", errno);
	if (ok && !b->fresh && beside_marked(b))
		b->left = begun_left_load(&b->of, c->changed, &b->unknown);
	if (ok)
		return b;
	beside_close(b, false);
	return NULL;
}

void beside_close(struct beside *b, bool clean)
{
	if (b->fd >= 0 && clean && beside_marked(b))
		clean = beside_settled(b);
	if (b->fd >= 0)
		(void)close(b->fd);
	if (b->begun)
		begun_close(b->begun, !clean);
	begun_left_free(b->left);
	(void)pthread_mutex_destroy(&b->marking);
	(void)pthread_mutex_destroy(&b->syncing);
	free(b->path);
	free(b);
}

const char *beside_path(const struct beside *b)
{
	return b->path;
}
