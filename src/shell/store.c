/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/store_inside.h"

#include "base/assert.h"
#include "shell/dirsync.h"
#include "shell/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A buffer of one call; between calls it lies here and holds the link. */
struct scratch {
	SLIST_ENTRY(scratch) link;
};

/* ---- buffers ---- */

uint8_t *store_scratch_get(struct store *s)
{
	sm_assert(pthread_mutex_lock(&s->lock) == 0);
	struct scratch *one = SLIST_FIRST(&s->scratch);
	if (one)
		SLIST_REMOVE_HEAD(&s->scratch, link);
	sm_assert(pthread_mutex_unlock(&s->lock) == 0);
	return one ? (uint8_t *)one : aligned_alloc(PAGE, SCRATCH_BYTES);
}

void store_scratch_put(struct store *s, uint8_t *p)
{
	struct scratch *one = (struct scratch *)(void *)p;
	sm_assert(pthread_mutex_lock(&s->lock) == 0);
	SLIST_INSERT_HEAD(&s->scratch, one, link);
	sm_assert(pthread_mutex_unlock(&s->lock) == 0);
}

/* ---- opening ---- */

static bool fail(char *why, size_t n, const char *path, const char *what, int error)
{
	(void)snprintf(why, n, "%s: %s%s%s", path, what, error ? ": " : "",
	               error ? strerrordesc_np(error) : "");
	return false;
}

static const char no_direct[] = "its file system takes no direct I/O";

/* Opens what is there, or creates it; *made says which. */
static bool open_file(struct store *s, const struct store_config *c, bool *made, char *why,
                      size_t n)
{
	/* O_NONBLOCK: a FIFO must not keep us waiting before it is refused. */
	int mode = (c->write_protect ? O_RDONLY : O_RDWR) | (c->direct ? O_DIRECT : 0) |
	           O_NONBLOCK | O_CLOEXEC;
	*made = false;
	s->fd = open(c->path, mode);
	if (s->fd < 0 && errno == ENOENT && c->size == 0)
		return fail(why, n, c->path, "no such file, and no size to create it with", 0);
	if (s->fd < 0 && errno == ENOENT) {
		if (!store_may_make(c->path, "not there", why, n))
			return false;
		s->fd = open(c->path, (mode & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL, 0660);
		/* One that is refused for O_DIRECT has been made all the same. */
		*made = s->fd >= 0 || errno == EINVAL;
	}
	if (s->fd < 0 && errno == EINVAL && c->direct)
		return fail(why, n, c->path, no_direct, 0);
	if (s->fd < 0)
		return fail(why, n, c->path, "cannot be opened", errno);
	if (flock(s->fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	*made = false; /* another process has found it, and may be using it */
	if (errno == EWOULDBLOCK)
		return fail(why, n, c->path, "in use by another process", 0);
	return fail(why, n, c->path, "cannot be locked", errno);
}

static bool is_memory(const struct statfs *f)
{
	return (unsigned long)f->f_type == TMPFS_MAGIC || (unsigned long)f->f_type == RAMFS_MAGIC;
}

/* Where a device's name is, the files beside it are, and /dev is anew at each start of the machine:
 * the disk would have another identity then, and an atomic write that was cut off stay so. */
static bool name_lasts(const char *path)
{
	struct statfs f;
	char *copy = strdup(path);
	bool known = copy && statfs(dirname(copy), &f) == 0;
	free(copy);
	return !known || !is_memory(&f);
}

static bool measure(struct store *s, const struct store_config *c, uint64_t *bytes, char *why,
                    size_t n)
{
	struct stat st;
	if (fstat(s->fd, &st) != 0)
		return fail(why, n, c->path, "cannot be examined", errno);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return fail(why, n, c->path, "neither a file nor a block device", 0);
	if (S_ISBLK(st.st_mode) && !name_lasts(c->path))
		return fail(why, n, c->path,
		            "is a device, and what is kept beside it would be lost with the next "
		            "start of the machine: name it by a link in a directory that lasts",
		            0);
	off_t end = lseek(s->fd, 0, SEEK_END);
	if (end < 0)
		return fail(why, n, c->path, "cannot be measured", errno);
	*bytes = (uint64_t)end;
	s->inode = st.st_ino;
	s->changed = (int64_t)st.st_ctim.tv_sec * (int64_t)NS_PER_S + st.st_ctim.tv_nsec;
	return true;
}

static bool in_memory(int fd)
{
	struct stat st;
	struct statfs f;
	/* Of a device it is asked where its name is: that is in memory, too. */
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fstatfs(fd, &f) == 0 && is_memory(&f);
}

/* Another file has been put in its place, or somebody has made it longer or shorter. */
static bool kept_ok(const struct store_config *c, uint64_t bytes, char *why, size_t n)
{
	char text[240];
	if (c->size > 0 || c->kept == 0 || bytes == c->kept)
		return true;
	(void)snprintf(
	        text, sizeof(text),
	        "has %llu bytes, not %llu as it had: bring that one back, or say --size %llu "
	        "if it was made so for this disk",
	        (unsigned long long)bytes, (unsigned long long)c->kept, (unsigned long long)bytes);
	return fail(why, n, c->path, text, 0);
}

/* A process before this one may have been killed before it synced what it had made here: the store,
 * and the names of what lies beside it. This one goes by what it finds, so it has to stay. */
static bool durable(const struct store *s, const struct store_config *c, bool fresh)
{
	if (c->write_protect) /* it changes nothing, but goes by the names, too */
		return dirsync(c->path) || errno == EROFS;
	return ((!fresh && c->kept > 0) || fsync(s->fd) == 0) && dirsync(c->path);
}

static bool size_ok(struct store *s, const struct store_config *c, bool made, char *why, size_t n)
{
	char text[160];
	uint64_t bytes = 0;
	if (!measure(s, c, &bytes, why, n))
		return false;
	if (!kept_ok(c, bytes, why, n))
		return false;
	/* An empty file is one whose creation was cut off. */
	bool sized = bytes == 0 && c->size > 0 && !c->write_protect;
	if (sized) {
		if (!made && !store_may_make(c->path, "empty", why, n))
			return false;
		if (ftruncate(s->fd, (off_t)c->size) != 0)
			return fail(why, n, c->path, "cannot be given its size", errno);
		bytes = c->size;
	}
	if (!durable(s, c, made || sized))
		return fail(why, n, c->path, "cannot be made durable", errno);
	if (c->size > 0 && bytes != c->size) {
		(void)snprintf(text, sizeof(text), "has %llu bytes, not %llu as --size says",
		               (unsigned long long)bytes, (unsigned long long)c->size);
		return fail(why, n, c->path, text, 0);
	}
	if (bytes == 0 || bytes % c->block_size != 0) {
		(void)snprintf(text, sizeof(text), "its size, %llu, is not a multiple of %u bytes",
		               (unsigned long long)bytes, (unsigned)c->block_size);
		return fail(why, n, c->path, text, 0);
	}
	s->blocks = bytes / c->block_size;
	s->in_memory = in_memory(s->fd);
	return true;
}

/* What a process before this one wrote may be in memory only: where the medium did not take it, the
 * kernel has told that process, keeps the pages, takes them for written, and says to this one that
 * all is there. So what can be written is, and then all is read from where it lies. */
static bool as_it_lies(const struct store *s, const struct store_config *c)
{
	if (s->in_memory)
		return true;
	if (fdatasync(s->fd) != 0)
		log_warning("%s: what was left to be written could not be: %s: it is used as it is "
		            "on the medium",
		            c->path, strerrordesc_np(errno));
	(void)posix_fadvise(s->fd, 0, 0, POSIX_FADV_DONTNEED);
	return true;
}

/* Direct I/O works, and with blocks of this size. */
static bool direct_ok(struct store *s, const struct store_config *c, char *why, size_t n)
{
	char text[160];
	uint8_t *p = c->direct ? store_scratch_get(s) : NULL;
	ssize_t got = p ? pread(s->fd, p, c->block_size, 0) : -1;
	int error = errno;
	if (!c->direct)
		return true;
	if (!p)
		return fail(why, n, c->path, "out of memory", 0);
	store_scratch_put(s, p);
	if (got == (ssize_t)c->block_size)
		return true;
	if (got >= 0 || error != EINVAL)
		return fail(why, n, c->path, "cannot be read", got < 0 ? error : 0);
	(void)snprintf(text, sizeof(text), "%s in blocks of %u bytes", no_direct,
	               (unsigned)c->block_size);
	return fail(why, n, c->path, text, 0);
}

/* Where there is nothing: beyond its end. */
static bool holes_ok(struct store *s, const struct store_config *c, char *why, size_t n)
{
	struct stat st;
	if (!c->thin || c->write_protect || fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return true;
	if (fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	              (off_t)(s->blocks * s->block_size), PAGE) == 0)
		return true;
	return fail(why, n, c->path, "its file system makes no holes, for --thin", errno);
}

static bool has_path(const struct store *s, const struct store_config *c, char *why, size_t n)
{
	return s->path || fail(why, n, c->path, "out of memory", 0);
}

struct store *store_open(const struct store_config *c, char *why, size_t n)
{
	struct store *s = calloc(1, sizeof(*s));
	bool made = false;
	if (!s) {
		(void)fail(why, n, c->path, "out of memory", 0);
		return NULL;
	}
	s->fd = -1;
	s->path = strdup(c->path);
	s->journal = -1;
	s->block_size = c->block_size;
	s->direct = c->direct;
	s->stop = c->stop;
	SLIST_INIT(&s->scratch);
	sm_assert(pthread_mutex_init(&s->lock, NULL) == 0);
	sm_assert(pthread_mutex_init(&s->flushing, NULL) == 0);
	sm_assert(pthread_mutex_init(&s->journaling, NULL) == 0);
	/* What is in doubt is looked through before anything is written: the end of a write that
	 * was cut off is flushed, and a flush says that nothing is in doubt; and one that is cut
	 * off here would find a file that was changed since. */
	s->opened = has_path(s, c, why, n) && open_file(s, c, &made, why, n) &&
	            size_ok(s, c, made, why, n) && as_it_lies(s, c) && direct_ok(s, c, why, n) &&
	            store_mapped_open(s, c, why, n) && store_tuples_open(s, c, why, n) &&
	            store_sums_open(s, c, why, n) &&
	            (!s->sums || store_sums_repair(s, c->write_protect, why, n)) &&
	            (!s->tuples || store_tuples_repair(s, c->write_protect, why, n)) &&
	            holes_ok(s, c, why, n) && store_atomic_open(s, c, why, n);
	s->stop = NULL;
	if (s->opened)
		return s;
	if (made)
		store_unmake(c->path);
	store_close(s);
	return NULL;
}

void store_close(struct store *s)
{
	struct scratch *one;
	if (!s)
		return;
	/* All is there: nothing is in doubt. Where opening it has failed, who knows. */
	bool clean = s->opened && (s->tuples || s->sums) && store_flush(s) == STORE_OK;
	if (s->tuples)
		beside_close(s->tuples, clean);
	if (s->sums)
		beside_close(s->sums, clean);
	store_mapped_close(s);
	if (s->fd >= 0)
		(void)close(s->fd);
	while ((one = SLIST_FIRST(&s->scratch)) != NULL) {
		SLIST_REMOVE_HEAD(&s->scratch, link);
		free(one);
	}
	(void)pthread_mutex_destroy(&s->lock);
	store_atomic_close(s);
	(void)pthread_mutex_destroy(&s->flushing);
	(void)pthread_mutex_destroy(&s->journaling);
	free(s->path);
	free(s);
}

uint64_t store_blocks(const struct store *s)
{
	return s->blocks;
}

bool store_in_memory(const struct store *s)
{
	return s->in_memory;
}

/* ---- blocks ---- */

static enum tgt_store_result result_of(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG ? STORE_NO_SPACE : STORE_ERROR;
}

/* Moves n bytes at `at`; *done is how many were. The end of the file comes as an error: someone
 * made it shorter. */
static enum tgt_store_result move(struct store *s, bool out, uint8_t *p, uint64_t at, size_t n,
                                  size_t *done)
{
	*done = 0;
	while (*done < n) {
		off_t off = (off_t)(at + *done);
		ssize_t k = out ? pwrite(s->fd, p + *done, n - *done, off)
		                : pread(s->fd, p + *done, n - *done, off);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? result_of(errno) : STORE_ERROR;
		*done += (size_t)k;
	}
	return STORE_OK;
}

/* The same through a buffer, piece by piece. */
static enum tgt_store_result move_over(struct store *s, bool out, uint8_t *p, uint64_t at, size_t n,
                                       size_t *done)
{
	uint8_t *over = store_scratch_get(s);
	enum tgt_store_result r = over ? STORE_OK : STORE_ERROR;
	*done = 0;
	while (r == STORE_OK && *done < n) {
		size_t piece = n - *done < SCRATCH_BYTES ? n - *done : SCRATCH_BYTES;
		size_t moved = 0;
		if (out)
			memcpy(over, p + *done, piece);
		r = move(s, out, over, at + *done, piece, &moved);
		if (!out)
			memcpy(p + *done, over, moved);
		*done += moved;
	}
	if (over)
		store_scratch_put(s, over);
	return r;
}

enum tgt_store_result store_move(struct store *s, bool out, uint8_t *p, lba_t lba, uint32_t blocks,
                                 uint32_t *good)
{
	size_t done = 0, n = (size_t)blocks * s->block_size;
	uint64_t at = lba * s->block_size;
	*good = blocks;
	if (out ? store_mapped_write(s, at, p, n) : store_mapped_read(s, at, p, n))
		return STORE_OK;
	bool over = s->direct && (uintptr_t)p % PAGE != 0;
	enum tgt_store_result r = (over ? move_over : move)(s, out, p, at, n, &done);
	*good = (uint32_t)(done / s->block_size);
	return r;
}

enum tgt_store_result store_read(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out,
                                 uint32_t *good)
{
	enum tgt_store_result r = store_move(s, false, out, lba, blocks, good);
	uint32_t right = 0;
	if (!s->sums || *good == 0)
		return r;
	enum tgt_store_result known = store_sums_check(s, lba, *good, out, &right);
	*good = right;
	return known != STORE_OK ? known : r;
}

enum tgt_store_result store_begin(struct store *s, struct beside *b, lba_t lba, uint32_t blocks,
                                  unsigned *half)
{
	enum tgt_store_result r = beside_begin(b, lba, blocks, half);
	if (r == STORE_DEAD)
		s->dead = true;
	return r;
}

enum tgt_store_result store_write(struct store *s, lba_t lba, uint32_t blocks, const uint8_t *data,
                                  uint32_t *good)
{
	uint8_t *p = (uint8_t *)(uintptr_t)data;
	unsigned half;
	*good = 0;
	if (s->dead)
		return STORE_DEAD;
	if (!s->sums)
		return store_move(s, true, p, lba, blocks, good);
	enum tgt_store_result r = store_begin(s, s->sums, lba, blocks, &half);
	if (r != STORE_OK)
		return r;
	r = store_move(s, true, p, lba, blocks, good);
	enum tgt_store_result known = store_sums_put(s, lba, *good, data);
	beside_end(s->sums, half);
	if (known != STORE_OK)
		*good = 0; /* they cannot be read */
	return r != STORE_OK ? r : known;
}

bool store_write_syncs(const struct store *s, lba_t lba, uint32_t blocks)
{
	return (s->sums && !beside_ready(s->sums, lba, blocks)) ||
	       (s->tuples && !beside_ready(s->tuples, lba, blocks));
}

static uint32_t blocks_of_scratch(const struct store *s)
{
	return (uint32_t)(SCRATCH_BYTES / s->block_size);
}

enum tgt_store_result store_write_same(struct store *s, lba_t lba, uint32_t blocks,
                                       const uint8_t *data, uint32_t *good)
{
	uint32_t piece = blocks < blocks_of_scratch(s) ? blocks : blocks_of_scratch(s);
	uint8_t *buffer = store_scratch_get(s);
	enum tgt_store_result r = buffer ? STORE_OK : STORE_ERROR;
	*good = 0;
	for (uint32_t i = 0; buffer && i < piece; i++)
		memcpy(buffer + (size_t)i * s->block_size, data, s->block_size);
	while (r == STORE_OK && *good < blocks) {
		uint32_t n = blocks - *good < piece ? blocks - *good : piece;
		uint32_t done = 0;
		r = store_write(s, lba + *good, n, buffer, &done);
		*good += done;
	}
	if (buffer)
		store_scratch_put(s, buffer);
	return r;
}

enum tgt_store_result store_or(struct store *s, lba_t lba, uint32_t blocks, const uint8_t *data,
                               uint32_t *good)
{
	uint8_t *buffer = store_scratch_get(s);
	enum tgt_store_result r = buffer ? STORE_OK : STORE_ERROR;
	*good = 0;
	while (r == STORE_OK && *good < blocks) {
		uint32_t left = blocks - *good;
		uint32_t n = left < blocks_of_scratch(s) ? left : blocks_of_scratch(s);
		uint32_t done = 0;
		const uint8_t *with = data + (size_t)*good * s->block_size;
		r = store_read(s, lba + *good, n, buffer, &done);
		if (r != STORE_OK)
			break;
		for (size_t i = 0; i < (size_t)n * s->block_size; i++)
			buffer[i] |= with[i];
		r = store_write(s, lba + *good, n, buffer, &done);
		*good += done;
	}
	if (buffer)
		store_scratch_put(s, buffer);
	return r;
}

enum tgt_store_result store_zero(struct store *s, lba_t lba, uint32_t blocks, uint32_t *good)
{
	static const uint8_t zeros[PAGE];
	unsigned half = 0;
	*good = 0;
	if (s->dead)
		return STORE_DEAD;
	enum tgt_store_result r = s->sums ? store_begin(s, s->sums, lba, blocks, &half) : STORE_OK;
	if (r != STORE_OK)
		return r;
	int error = store_mapped_punch(s, lba * s->block_size, (uint64_t)blocks * s->block_size);
	if (!error && s->sums)
		r = beside_none(s->sums, lba, blocks);
	if (s->sums)
		beside_end(s->sums, half);
	if (error == EOPNOTSUPP || error == ENOSYS || error == EINVAL)
		return store_write_same(s, lba, blocks, zeros, good);
	if (error)
		return result_of(error);
	*good = r == STORE_OK ? blocks : 0;
	return r;
}

static uint32_t first_difference(const uint8_t *a, const uint8_t *b, uint32_t n)
{
	uint32_t i = 0;
	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/* How many of n blocks at `got` are as wanted. */
static uint32_t equal(const struct store *s, const uint8_t *got, const uint8_t *want, bool repeat,
                      uint32_t n)
{
	size_t bs = s->block_size;
	uint32_t i = 0;
	while (i < n && memcmp(got + i * bs, want + (repeat ? 0 : i * bs), bs) == 0)
		i++;
	return i;
}

/* Reads piece by piece; data NULL: no comparison. */
static enum tgt_store_result scan(struct store *s, lba_t lba, uint32_t blocks, const uint8_t *data,
                                  bool repeat, uint32_t *good, uint32_t *differs)
{
	uint32_t piece = blocks_of_scratch(s);
	uint8_t *buffer = store_scratch_get(s);
	enum tgt_store_result r = buffer ? STORE_OK : STORE_ERROR;
	*good = 0;
	while (r == STORE_OK && *good < blocks) {
		uint32_t n = blocks - *good < piece ? blocks - *good : piece;
		uint32_t got = 0;
		r = store_read(s, lba + *good, n, buffer, &got);
		const uint8_t *with = data;
		if (data && !repeat)
			with += (size_t)*good * s->block_size;
		uint32_t same = data ? equal(s, buffer, with, repeat, got) : got;
		*good += same;
		if (same == got)
			continue;
		size_t off = (size_t)same * s->block_size;
		*differs =
		        first_difference(buffer + off, repeat ? with : with + off, s->block_size);
		r = STORE_MISCOMPARE;
	}
	if (buffer)
		store_scratch_put(s, buffer);
	return r;
}

enum tgt_store_result store_compare(struct store *s, lba_t lba, uint32_t blocks,
                                    const uint8_t *data, bool repeat, uint32_t *good,
                                    uint32_t *differs)
{
	return scan(s, lba, blocks, data, repeat, good, differs);
}

enum tgt_store_result store_verify(struct store *s, lba_t lba, uint32_t blocks, uint32_t *good)
{
	uint32_t differs;
	return scan(s, lba, blocks, NULL, false, good, &differs);
}

/* A file that somebody made shorter would grow again with the next write behind its end, and give
 * zeros for all that was cut off. */
static bool as_long_as_it_was(const struct store *s)
{
	uint64_t had = s->blocks * s->block_size;
	struct stat st;
	if (fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size >= had)
		return true;
	log_error("%s: was cut short while it was in use: it has %llu bytes, not %llu as it had",
	          s->path, (unsigned long long)st.st_size, (unsigned long long)had);
	return false;
}

enum tgt_store_result store_flush(struct store *s)
{
	sm_assert(pthread_mutex_lock(&s->flushing) == 0);
	store_mapped_touch(s);
	if (s->tuples)
		beside_flush_begin(s->tuples);
	if (s->sums)
		beside_flush_begin(s->sums);
	if (!s->dead && (!as_long_as_it_was(s) || fdatasync(s->fd) != 0 ||
	                 (s->tuples && !beside_flush_end(s->tuples)) ||
	                 (s->sums && !beside_flush_end(s->sums))))
		s->dead = true;
	sm_assert(pthread_mutex_unlock(&s->flushing) == 0);
	return s->dead ? STORE_DEAD : STORE_OK;
}

/* ---- without waiting ---- */

static enum store_now now(atomic_bool *silent, ssize_t moved, size_t n)
{
	if (moved == (ssize_t)n)
		return STORE_NOW_DONE;
	if (moved < 0 && (errno == EOPNOTSUPP || errno == EINVAL)) {
		*silent = true;
		return STORE_NOW_ASK;
	}
	return STORE_NOW_NOT; /* whatever is wrong is found again by one that may wait */
}

enum store_now store_read_now(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out)
{
	struct iovec v = {out, (size_t)blocks * s->block_size};
	if (s->silent_r || s->direct || s->sums)
		return STORE_NOW_ASK;
	return now(&s->silent_r, preadv2(s->fd, &v, 1, (off_t)(lba * s->block_size), RWF_NOWAIT),
	           v.iov_len);
}

enum store_now store_write_now(struct store *s, lba_t lba, uint32_t blocks, const uint8_t *data)
{
	struct iovec v = {(uint8_t *)(uintptr_t)data, (size_t)blocks * s->block_size};
	if (s->silent_w || s->direct || s->dead || s->sums)
		return STORE_NOW_ASK;
	return now(&s->silent_w, pwritev2(s->fd, &v, 1, (off_t)(lba * s->block_size), RWF_NOWAIT),
	           v.iov_len);
}
