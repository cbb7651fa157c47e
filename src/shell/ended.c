/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/ended.h"

#include "base/crc.h"
#include "base/cursor.h"
#include "shell/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC         "SMIREND"
#define MAGIC_LEN     8
#define ENDED_VERSION 1
#define FILE_LEN      20
#define CRC_LEN       4

static bool fail(char *why, size_t n, const char *store, const char *what, int error)
{
	(void)snprintf(why, n, "%s.ended: %s%s%s", store, what, error ? ": " : "",
	               error ? strerrordesc_np(error) : "");
	return false;
}

static bool name_of(char out[PATH_MAX], const char *store, const char *end)
{
	int n = snprintf(out, PATH_MAX, "%s.ended%s", store, end);
	return n > 0 && n < PATH_MAX;
}

bool ended_save(const char *store, const struct ended *e, char *why, size_t n)
{
	char path[PATH_MAX], tmp[PATH_MAX];
	uint8_t bytes[FILE_LEN];
	struct wr w = wr_init(bytes, sizeof(bytes));

	wr_bytes(&w, MAGIC, MAGIC_LEN);
	wr_u16(&w, ENDED_VERSION);
	wr_u16(&w, e->luns);
	wr_u32(&w, e->number);
	uint32_t crc = crc32c(0, bytes, w.n);
	wr_u32(&w, crc);
	if (!name_of(path, store, "") || !name_of(tmp, store, ".tmp"))
		return fail(why, n, store, "the name is too long", 0);
	if (fileio_replace(path, tmp, bytes, sizeof(bytes)))
		return true;
	int error = errno;
	(void)unlink(tmp);
	return fail(why, n, store, "cannot be written", error);
}

/* What is wrong with the bytes, or NULL. */
static const char *decode(const uint8_t *p, size_t len, struct ended *out)
{
	struct ended e = {0};
	if (len == 0)
		return NULL;
	struct rd r = rd_init(p, len);
	struct span magic = rd_bytes(&r, MAGIC_LEN);
	if (r.error || memcmp(magic.p, MAGIC, MAGIC_LEN) != 0)
		return "not what a target leaves that has ended";
	uint16_t version = rd_u16(&r);
	e.luns = rd_u16(&r);
	e.number = rd_u32(&r);
	uint32_t crc = rd_u32(&r);
	if (version != ENDED_VERSION)
		return "of a version that is not known here";
	if (!rd_done(&r))
		return "damaged: its length is wrong";
	if (crc != crc32c(0, p, len - CRC_LEN))
		return "damaged: its checksum is wrong";
	if (e.number == 0 || e.luns == 0)
		return "damaged: a number is wrong";
	*out = e;
	return NULL;
}

static struct ended load(int fd, const char *store, char *why, size_t n)
{
	uint8_t bytes[FILE_LEN + 1];
	struct ended e = {0};
	ssize_t len = fileio_load(fd, bytes, sizeof(bytes));
	const char *wrong = len < 0 ? "cannot be read" : decode(bytes, (size_t)len, &e);
	if (wrong)
		(void)fail(why, n, store, wrong, len < 0 ? errno : 0);
	return e;
}

struct ended ended_look(const char *store, char *why, size_t n)
{
	char path[PATH_MAX];
	struct ended e = {0};

	why[0] = '\0';
	int fd = name_of(path, store, "") ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (fd < 0)
		return e;
	e = load(fd, store, why, n);
	(void)close(fd);
	return e;
}

/* Its bytes first: that its name is gone is durable where the file system syncs directories. */
bool ended_take(const char *store, struct ended *out, char *why, size_t n)
{
	char path[PATH_MAX];

	*out = (struct ended){0};
	why[0] = '\0';
	if (!name_of(path, store, ""))
		return true; /* then there is none */
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || fail(why, n, store, "cannot be opened", errno);
	*out = load(fd, store, why, n);
	bool empty = ftruncate(fd, 0) == 0 && fdatasync(fd) == 0;
	int error = errno;
	(void)close(fd);
	if (!empty)
		return fail(why, n, store, "cannot be made void", error);
	(void)unlink(path);
	return true;
}
