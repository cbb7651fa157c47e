/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a store keeps protection information: in FILE.protection, so that FILE stays a raw image.
 *
 *   0     head: 8 bytes magic, version (32 bits), block size (32), blocks (64), region (32: blocks
 * as a power of two), CRC-32C of all that (32); big-endian 4096  a bit for each region: it has been
 * written to since the store was closed the last time 8192  8 bytes for each block, inverted: a
 * hole, and so a block that was never written or was unmapped, reads as FFFF_FFFF_FFFF_FFFFh, of
 * which nothing is checked
 *
 * A block and its 8 bytes are two writes to two files: where the process, or the machine, ends
 * between them, one may be old and the other one new, of blocks that nobody was told of, or that
 * were not flushed. So a region is marked, durably, before the first write to it; closing the store
 * clears the marks. Whoever opens a store with marks looks through those regions: a block that does
 * not fit its guard loses its protection information, for it is not known which of the two is
 * right. Without that a write that was cut off would look like a medium that rots.
 */
#include "base/assert.h"
#include "base/crc.h"
#include "shell/dirsync.h"
#include "shell/store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC        "SMIRPI\0"
#define MAGIC_LEN    8
#define FILE_VERSION 1
#define HEAD_LEN     32
#define CRC_AT       28
#define MARKS_AT     4096
#define MARKS_LEN    4096
#define TUPLES_AT    8192
#define REGIONS_MAX  (MARKS_LEN * 8)
#define REGION_BYTES (64 * MIB) /* at least: a mark costs a flush */

struct store_tuples {
	int fd;
	unsigned shift; /* a region is 1 << shift blocks */
	char *path;
	/* Those that are durable. Each word is looked at without the lock. */
	_Atomic uint8_t marks[MARKS_LEN];
	pthread_mutex_t marking;
};

static bool fail(char *why, size_t n, const struct store_tuples *t, const char *what, int error)
{
	(void)snprintf(why, n, "%s: %s%s%s", t->path, what, error ? ": " : "",
	               error ? strerrordesc_np(error) : "");
	return false;
}

/* ---- bytes of the file ---- */

static bool move(int fd, bool out, uint8_t *p, size_t n, off_t at)
{
	while (n > 0) {
		ssize_t k = out ? pwrite(fd, p, n, at) : pread(fd, p, n, at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k == 0)
			errno = EIO; /* someone made it shorter */
		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
		at += k;
	}
	return true;
}

static void invert(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] ^= 0xff;
}

static enum tgt_store_result result_of(bool ok)
{
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
	return ok ? STORE_OK : full ? STORE_NO_SPACE : STORE_ERROR;
}

enum tgt_store_result store_tuples_read(struct store *s, lba_t lba, uint32_t n, uint8_t *p)
{
	size_t bytes = (size_t)n * PROTECT_LEN;
	bool ok = move(s->tuples->fd, false, p, bytes, (off_t)(TUPLES_AT + lba * PROTECT_LEN));
	if (ok)
		invert(p, bytes);
	return result_of(ok);
}

enum tgt_store_result store_tuples_write(struct store *s, lba_t lba, uint32_t n, uint8_t *p)
{
	size_t bytes = (size_t)n * PROTECT_LEN;
	invert(p, bytes);
	return result_of(
	        move(s->tuples->fd, true, p, bytes, (off_t)(TUPLES_AT + lba * PROTECT_LEN)));
}

enum tgt_store_result store_tuples_none(struct store *s, lba_t lba, uint32_t n)
{
	static const uint8_t zeros[PAGE];
	off_t at = (off_t)(TUPLES_AT + lba * PROTECT_LEN);
	size_t bytes = (size_t)n * PROTECT_LEN;
	int k;
	do {
		k = fallocate(s->tuples->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
		              (off_t)bytes);
	} while (k != 0 && errno == EINTR);
	bool ok = k == 0;
	while (k != 0 && bytes > 0) {
		size_t piece = bytes < PAGE ? bytes : PAGE;
		ok = move(s->tuples->fd, true, (uint8_t *)(uintptr_t)zeros, piece, at);
		if (!ok)
			break;
		at += (off_t)piece;
		bytes -= piece;
	}
	return result_of(ok);
}

/* ---- marks ---- */

static bool marked(const struct store_tuples *t, uint64_t region)
{
	return t->marks[region / 8] >> region % 8 & 1;
}

/* More of them, durably. */
static bool mark(struct store_tuples *t, uint64_t first, uint64_t last)
{
	uint8_t marks[MARKS_LEN];
	sm_assert(pthread_mutex_lock(&t->marking) == 0);
	for (size_t i = 0; i < MARKS_LEN; i++)
		marks[i] = t->marks[i];
	for (uint64_t r = first; r <= last; r++)
		marks[r / 8] = (uint8_t)(marks[r / 8] | 1U << r % 8);
	bool ok = move(t->fd, true, marks, sizeof(marks), MARKS_AT) && fdatasync(t->fd) == 0;
	for (size_t i = 0; ok && i < MARKS_LEN; i++)
		t->marks[i] = marks[i];
	sm_assert(pthread_mutex_unlock(&t->marking) == 0);
	return ok;
}

enum tgt_store_result store_tuples_mark(struct store *s, lba_t lba, uint32_t n)
{
	struct store_tuples *t = s->tuples;
	uint64_t first = lba >> t->shift, last = (lba + n - 1) >> t->shift;
	bool all = true;
	for (uint64_t r = first; n > 0 && r <= last; r++)
		all = all && marked(t, r);
	return all ? STORE_OK : result_of(mark(t, first, last));
}

static bool any_mark(const struct store_tuples *t)
{
	size_t i = 0;
	while (i < MARKS_LEN && t->marks[i] == 0)
		i++;
	return i < MARKS_LEN;
}

static bool clear_marks(struct store_tuples *t)
{
	uint8_t marks[MARKS_LEN] = {0};
	bool ok = fdatasync(t->fd) == 0 && move(t->fd, true, marks, sizeof(marks), MARKS_AT) &&
	          fdatasync(t->fd) == 0;
	for (size_t i = 0; ok && i < MARKS_LEN; i++)
		t->marks[i] = 0;
	return ok;
}

/* ---- opening ---- */

static void head_put(uint8_t head[HEAD_LEN], const struct store *s)
{
	struct wr w = wr_init(head, HEAD_LEN);
	wr_bytes(&w, MAGIC, MAGIC_LEN);
	wr_u32(&w, FILE_VERSION);
	wr_u32(&w, s->block_size);
	wr_u64(&w, s->blocks);
	wr_u32(&w, s->tuples->shift);
	wr_u32(&w, crc32c(0, head, CRC_AT));
	sm_assert(wr_ok(&w) && w.n == HEAD_LEN);
}

static bool create(struct store *s, char *why, size_t n)
{
	const struct store_tuples *t = s->tuples;
	uint8_t head[HEAD_LEN];
	head_put(head, s);
	/* The head is written when all else is there: what is shorter is made again. */
	if (ftruncate(t->fd, (off_t)(TUPLES_AT + s->blocks * PROTECT_LEN)) == 0 &&
	    fsync(t->fd) == 0 && move(t->fd, true, head, HEAD_LEN, 0) && fsync(t->fd) == 0 &&
	    dirsync(t->path))
		return true;
	return fail(why, n, t, "cannot be created", errno);
}

static bool head_ok(struct store *s, char *why, size_t n)
{
	uint8_t head[HEAD_LEN], wanted[HEAD_LEN], none[HEAD_LEN] = {0}, marks[MARKS_LEN];
	const struct store_tuples *t = s->tuples;
	struct stat st;
	head_put(wanted, s);
	if (fstat(t->fd, &st) != 0)
		return fail(why, n, t, "cannot be examined", errno);
	bool whole = (uint64_t)st.st_size == TUPLES_AT + s->blocks * PROTECT_LEN;
	if (st.st_size < HEAD_LEN || (whole && !move(t->fd, false, head, HEAD_LEN, 0)))
		return st.st_size == 0 ? create(s, why, n)
		                       : fail(why, n, t, "cannot be read", errno);
	if (whole && memcmp(head, none, HEAD_LEN) == 0)
		return create(s, why, n);
	if (!whole || memcmp(head, wanted, HEAD_LEN) != 0)
		return fail(why, n, t, "not the protection information of such a disk", 0);
	if (!move(t->fd, false, marks, sizeof(marks), MARKS_AT))
		return fail(why, n, t, "cannot be read", errno);
	for (size_t i = 0; i < MARKS_LEN; i++)
		s->tuples->marks[i] = marks[i];
	return true;
}

static unsigned shift_of(const struct store *s)
{
	unsigned shift = 0;
	while ((uint64_t)s->block_size << shift < REGION_BYTES ||
	       (s->blocks - 1) >> shift >= REGIONS_MAX)
		shift++;
	return shift;
}

bool store_tuples_open(struct store *s, const struct store_config *c, char *why, size_t n)
{
	size_t len = strlen(c->path) + sizeof(".protection");
	struct store_tuples *t = calloc(1, sizeof(*t));
	if (t)
		t->path = malloc(len);
	if (!t || !t->path) {
		(void)snprintf(why, n, "%s: out of memory", c->path);
		free(t);
		return false;
	}
	(void)snprintf(t->path, len, "%s.protection", c->path);
	sm_assert(pthread_mutex_init(&t->marking, NULL) == 0);
	s->tuples = t;
	t->shift = shift_of(s);
	int make = c->protects && !c->write_protect ? O_CREAT : 0;
	t->fd = open(t->path, (c->write_protect ? O_RDONLY : O_RDWR) | O_CLOEXEC | make, 0660);
	if (t->fd >= 0)
		return head_ok(s, why, n);
	if (errno != ENOENT || c->protects)
		return fail(why, n, t, "cannot be opened", errno);
	store_tuples_close(s);
	return true;
}

/* ---- after a crash ---- */

/* The blocks of a piece that do not fit. False: the medium does not work. */
static bool repair_piece(struct store *s, lba_t lba, uint32_t n, uint8_t *data, uint8_t *tuples)
{
	bool changed = false;
	uint32_t got = 0;
	if (store_tuples_read(s, lba, n, tuples) != STORE_OK)
		return false;
	/* A block that cannot be read now says so when it is read. */
	(void)store_read(s, lba, n, data, &got);
	for (uint32_t i = 0; i < got; i++) {
		struct protect_tuple t = protect_get(tuples + (size_t)i * PROTECT_LEN);
		const uint8_t *block = data + (size_t)i * s->block_size;
		if (protect_is_none(t) || t.guard == crc16_guard(block, s->block_size))
			continue;
		protect_put(tuples + (size_t)i * PROTECT_LEN, PROTECT_NONE);
		changed = true;
	}
	return !changed || store_tuples_write(s, lba, n, tuples) == STORE_OK;
}

static bool repair_region(struct store *s, uint64_t region, uint8_t *data, uint8_t *tuples)
{
	uint32_t piece = (uint32_t)(SCRATCH_BYTES / s->block_size);
	lba_t at = region << s->tuples->shift, end = (region + 1) << s->tuples->shift;
	bool ok = true;
	end = end < s->blocks ? end : s->blocks;
	while (ok && at < end) {
		uint32_t n = end - at < piece ? (uint32_t)(end - at) : piece;
		ok = repair_piece(s, at, n, data, tuples);
		at += n;
	}
	return ok;
}

bool store_tuples_repair(struct store *s, bool write_protect, char *why, size_t n)
{
	struct store_tuples *t = s->tuples;
	if (!any_mark(t))
		return true;
	if (write_protect)
		return fail(why, n, t,
		            "writes were cut off: it has to be looked through without "
		            "--write-protect",
		            0);
	uint8_t *data = store_scratch_get(s), *tuples = store_scratch_get(s);
	bool ok = data && tuples;
	for (uint64_t r = 0; ok && r < REGIONS_MAX; r++)
		ok = !marked(t, r) || repair_region(s, r, data, tuples);
	if (data)
		store_scratch_put(s, data);
	if (tuples)
		store_scratch_put(s, tuples);
	return (ok && clear_marks(t)) || fail(why, n, t, "cannot be looked through", errno);
}

/* ---- flush, end ---- */

bool store_tuples_flush(struct store *s)
{
	return fdatasync(s->tuples->fd) == 0;
}

void store_tuples_close(struct store *s)
{
	struct store_tuples *t = s->tuples;
	if (!t)
		return;
	/* All is there: nothing is in doubt. */
	if (t->fd >= 0 && any_mark(t) && store_flush(s) == STORE_OK)
		(void)clear_marks(t);
	if (t->fd >= 0)
		(void)close(t->fd);
	(void)pthread_mutex_destroy(&t->marking);
	free(t->path);
	free(t);
	s->tuples = NULL;
}

bool store_protects(const struct store *s)
{
	return s->tuples != NULL;
}
