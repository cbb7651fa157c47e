/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/ended.h"

#include "base/cursor.h"
#include "base/crc.h"
#include "shell/dirsync.h"
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

static void fail(char *why, size_t n, const char *store, const char *what, int error)
{
	(void)snprintf(why, n, "%s.ended: %s%s%s", store, what, error ? ": " : "",
	               error ? strerrordesc_np(error) : "");
}

bool ended_save(const char *store, uint32_t number, char *why, size_t n)
{
	char path[PATH_MAX], tmp[PATH_MAX];
	uint8_t bytes[FILE_LEN];
	struct wr w = wr_init(bytes, sizeof(bytes));

	wr_bytes(&w, MAGIC, MAGIC_LEN);
	wr_u16(&w, ENDED_VERSION);
	wr_u16(&w, 0);
	wr_u32(&w, number);
	wr_u32(&w, crc32c(0, bytes, w.n));
	(void)snprintf(path, sizeof(path), "%s.ended", store);
	if (snprintf(tmp, sizeof(tmp), "%s.ended.tmp", store) >= (int)sizeof(tmp)) {
		fail(why, n, store, "the name is too long", 0);
		return false;
	}
	if (fileio_replace(path, tmp, bytes, sizeof(bytes)))
		return true;
	fail(why, n, store, "cannot be written", errno);
	return false;
}

/* What is wrong with the bytes, or NULL. */
static const char *decode(const uint8_t *p, size_t len, uint32_t *number)
{
	struct rd r = rd_init(p, len);
	struct span magic = rd_bytes(&r, MAGIC_LEN);
	if (r.error || memcmp(magic.p, MAGIC, MAGIC_LEN) != 0)
		return "not what a target leaves that has ended";
	uint16_t version = rd_u16(&r), zero = rd_u16(&r);
	*number = rd_u32(&r);
	uint32_t crc = rd_u32(&r);
	if (version != ENDED_VERSION)
		return "of a version that is not known here";
	if (!rd_done(&r) || zero != 0 || *number == 0)
		return "damaged";
	if (crc != crc32c(0, p, len - CRC_LEN))
		return "damaged: its checksum is wrong";
	return NULL;
}

uint32_t ended_take(const char *store, char *why, size_t n)
{
	char path[PATH_MAX];
	uint8_t bytes[FILE_LEN + 1];
	uint32_t number = 0;

	why[0] = '\0';
	if (snprintf(path, sizeof(path), "%s.ended", store) >= (int)sizeof(path))
		return 0; /* then there is none */
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	ssize_t len = fd >= 0 ? fileio_load(fd, bytes, sizeof(bytes)) : -1;
	int error = errno;
	if (fd >= 0)
		(void)close(fd);
	const char *wrong = len >= 0 ? decode(bytes, (size_t)len, &number) : "cannot be read";
	if (wrong)
		fail(why, n, store, wrong, len < 0 ? error : 0);
	/* Also a damaged one: it is of an end that is past. */
	if (unlink(path) == 0 && dirsync(path))
		return wrong ? 0 : number;
	fail(why, n, store, "cannot be removed", errno);
	return 0;
}
