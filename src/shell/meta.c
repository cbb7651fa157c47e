/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/meta.h"

#include "base/crc.h"
#include "shell/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC        "SMIRTGT"
#define MAGIC_LEN    8
#define META_VERSION 2
#define SIZELESS     1  /* the version before, without the capacity */
#define WITH_SUMS    3  /* the disk has checksums */
#define FIXED_LEN    40 /* but of SIZELESS */
#define CRC_LEN      4
#define FILE_MAX     (FIXED_LEN + TGT_SAVED_MAX + CRC_LEN)

static bool path_of(char out[PATH_MAX], const char *store, const char *end)
{
	int n = snprintf(out, PATH_MAX, "%s%s", store, end);
	return n > 0 && n < PATH_MAX;
}

static bool fail(char *why, size_t n, const char *path, const char *what, int error)
{
	(void)snprintf(why, n, "%s: %s%s%s", path, what, error ? ": " : "",
	               error ? strerrordesc_np(error) : "");
	return false;
}

/* ---- reading ---- */

/* What is wrong with the bytes, or NULL. */
static const char *decode(const uint8_t *p, size_t n, struct meta *out)
{
	struct meta m = {0};
	struct rd r = rd_init(p, n);
	struct span magic = rd_bytes(&r, MAGIC_LEN);
	if (r.error || memcmp(magic.p, MAGIC, MAGIC_LEN) != 0)
		return "not the metadata of a target";
	uint16_t version = rd_u16(&r);
	if (version != META_VERSION && version != SIZELESS && version != WITH_SUMS)
		return "of a version that is not known here";
	m.n_saved = rd_u16(&r);
	m.block_size = rd_u32(&r);
	rd_copy(&r, m.uuid, UUID_LEN);
	m.sums = version == WITH_SUMS;
	if (version != SIZELESS)
		m.blocks = rd_u64(&r);
	if (m.n_saved > TGT_SAVED_MAX)
		return "damaged: a length is wrong";
	rd_copy(&r, m.saved, m.n_saved);
	uint32_t crc = rd_u32(&r);
	if (!rd_done(&r))
		return "damaged: its length is wrong";
	if (crc != crc32c(0, p, n - CRC_LEN))
		return "damaged: its checksum is wrong";
	if (m.block_size != 512 && m.block_size != 4096)
		return "damaged: its block size is wrong";
	if (m.blocks > INT64_MAX / m.block_size || (m.blocks == 0 && version != SIZELESS))
		return "damaged: its number of blocks is wrong";
	*out = m;
	return NULL;
}

enum meta_load meta_load(const char *store, struct meta *out, char *why, size_t n)
{
	char path[PATH_MAX];
	uint8_t bytes[FILE_MAX + 1];
	if (!path_of(path, store, ".meta")) {
		(void)fail(why, n, store, "the name is too long", 0);
		return META_BAD;
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return META_NONE;
	ssize_t len = fd >= 0 ? fileio_load(fd, bytes, sizeof(bytes)) : -1;
	int error = errno;
	if (fd >= 0)
		(void)close(fd);
	if (len < 0) {
		(void)fail(why, n, path, "cannot be read", error);
		return META_BAD;
	}
	const char *wrong = decode(bytes, (size_t)len, out);
	if (!wrong)
		return META_LOADED;
	(void)fail(why, n, path, wrong, 0);
	return META_BAD;
}

/* ---- writing ---- */

static size_t encode(const struct meta *m, uint8_t *p, size_t cap)
{
	struct wr w = wr_init(p, cap);
	wr_bytes(&w, MAGIC, MAGIC_LEN);
	wr_u16(&w, !m->blocks ? SIZELESS : m->sums ? WITH_SUMS : META_VERSION);
	wr_u16(&w, (uint16_t)m->n_saved);
	wr_u32(&w, m->block_size);
	wr_bytes(&w, m->uuid, UUID_LEN);
	if (m->blocks)
		wr_u64(&w, m->blocks);
	wr_bytes(&w, m->saved, m->n_saved);
	uint32_t crc = crc32c(0, p, w.n);
	wr_u32(&w, crc);
	return wr_ok(&w) ? w.n : 0;
}

bool meta_save(const char *store, const struct meta *m, char *why, size_t n)
{
	char path[PATH_MAX], tmp[PATH_MAX];
	uint8_t bytes[FILE_MAX];
	size_t len = encode(m, bytes, sizeof(bytes));
	if (len == 0 || !path_of(path, store, ".meta") || !path_of(tmp, store, ".meta.tmp"))
		return fail(why, n, store, "the name is too long", 0);
	return fileio_replace(path, tmp, bytes, len) ||
	       fail(why, n, path, "cannot be written", errno);
}
