/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/store.h"

#include "shell/dirsync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRATCH_BYTES (256 * KIB) /* what compare and verify read at once */

struct store {
	int fd;
	uint32_t block_size;
	uint64_t blocks;
	bool dead; /* a flush failed */
	uint8_t *scratch;
};

/* ---- opening ---- */

static bool fail(char *why, size_t n, const char *path, const char *what, int error)
{
	(void)snprintf(why, n, "%s: %s%s%s", path, what, error ? ": " : "",
	               error ? strerrordesc_np(error) : "");
	return false;
}

/* Opens what is there, or creates it; *made says which. */
static bool open_file(struct store *s, const struct store_config *c, bool *made, char *why,
                      size_t n)
{
	int mode = c->write_protect ? O_RDONLY : O_RDWR;
	*made = false;
	s->fd = open(c->path, mode | O_CLOEXEC);
	if (s->fd < 0 && errno == ENOENT && c->size == 0)
		return fail(why, n, c->path, "no such file, and no size to create it with", 0);
	if (s->fd < 0 && errno == ENOENT) {
		s->fd = open(c->path, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0660);
		*made = s->fd >= 0;
	}
	if (s->fd < 0)
		return fail(why, n, c->path, "cannot be opened", errno);
	if (flock(s->fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno == EWOULDBLOCK)
		return fail(why, n, c->path, "in use by another process", 0);
	return fail(why, n, c->path, "cannot be locked", errno);
}

static bool measure(struct store *s, const struct store_config *c, uint64_t *bytes, char *why,
                    size_t n)
{
	struct stat st;
	if (fstat(s->fd, &st) != 0)
		return fail(why, n, c->path, "cannot be examined", errno);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return fail(why, n, c->path, "neither a file nor a block device", 0);
	off_t end = lseek(s->fd, 0, SEEK_END);
	if (end < 0)
		return fail(why, n, c->path, "cannot be measured", errno);
	*bytes = (uint64_t)end;
	return true;
}

static bool size_ok(struct store *s, const struct store_config *c, bool made, char *why, size_t n)
{
	char text[160];
	uint64_t bytes = 0;
	if (!measure(s, c, &bytes, why, n))
		return false;
	/* An empty file is one whose creation was cut off. */
	if (bytes == 0 && c->size > 0 && !c->write_protect) {
		if (ftruncate(s->fd, (off_t)c->size) != 0)
			return fail(why, n, c->path, "cannot be given its size", errno);
		bytes = c->size;
	}
	if (made && (fsync(s->fd) != 0 || !dirsync(c->path)))
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
	return true;
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
	s->block_size = c->block_size;
	s->scratch = aligned_alloc(4096, SCRATCH_BYTES);
	if (!s->scratch)
		(void)fail(why, n, c->path, "out of memory", 0);
	else if (open_file(s, c, &made, why, n) && size_ok(s, c, made, why, n))
		return s;
	if (made)
		(void)unlink(c->path);
	store_close(s);
	return NULL;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		(void)close(s->fd);
	free(s->scratch);
	free(s);
}

uint64_t store_blocks(const struct store *s)
{
	return s->blocks;
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

enum tgt_store_result store_read(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out,
                                 uint32_t *good)
{
	size_t done = 0;
	enum tgt_store_result r =
	        move(s, false, out, lba * s->block_size, (size_t)blocks * s->block_size, &done);
	*good = (uint32_t)(done / s->block_size);
	return r;
}

enum tgt_store_result store_write(struct store *s, lba_t lba, uint32_t blocks, const uint8_t *data,
                                  uint32_t *good)
{
	size_t done = 0;
	*good = 0;
	if (s->dead)
		return STORE_DEAD;
	enum tgt_store_result r = move(s, true, (uint8_t *)(uintptr_t)data, lba * s->block_size,
	                               (size_t)blocks * s->block_size, &done);
	*good = (uint32_t)(done / s->block_size);
	return r;
}

/* Reads piece by piece; data NULL: no comparison. */
static enum tgt_store_result scan(struct store *s, lba_t lba, uint32_t blocks, const uint8_t *data,
                                  bool repeat, uint32_t *good)
{
	uint32_t piece = (uint32_t)(SCRATCH_BYTES / s->block_size);
	*good = 0;
	while (*good < blocks) {
		uint32_t n = blocks - *good < piece ? blocks - *good : piece;
		uint32_t got = 0;
		enum tgt_store_result r = store_read(s, lba + *good, n, s->scratch, &got);
		for (uint32_t i = 0; data && i < got; i++) {
			const uint8_t *want =
			        data + (repeat ? 0 : (size_t)(*good + i) * s->block_size);
			if (memcmp(s->scratch + (size_t)i * s->block_size, want, s->block_size)) {
				*good += i;
				return STORE_MISCOMPARE;
			}
		}
		*good += got;
		if (r != STORE_OK)
			return r;
	}
	return STORE_OK;
}

enum tgt_store_result store_compare(struct store *s, lba_t lba, uint32_t blocks,
                                    const uint8_t *data, bool repeat, uint32_t *good)
{
	return scan(s, lba, blocks, data, repeat, good);
}

enum tgt_store_result store_verify(struct store *s, lba_t lba, uint32_t blocks, uint32_t *good)
{
	return scan(s, lba, blocks, NULL, false, good);
}

enum tgt_store_result store_flush(struct store *s)
{
	if (!s->dead && fdatasync(s->fd) != 0)
		s->dead = true;
	return s->dead ? STORE_DEAD : STORE_OK;
}
