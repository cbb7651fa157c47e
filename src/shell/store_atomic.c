/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes that are whole or not at all. A write of several pages can be cut off between them, by the
 * end of the process or of the machine. So what is to be written goes to FILE.atomic first, and is
 * gone from there when it is in the store:
 *
 *   record written, durable -> blocks written, durable -> record gone, durable
 *
 * Whoever opens the store writes the blocks of a record that is whole, and forgets one that is not:
 * its blocks were not begun. One that is whole and cannot be of this store, as it was opened, is
 * the only copy of some blocks of another: it is kept, and the store not opened. Each step waits
 * for the one before it; a record that outlived later writes to its blocks would undo them.
 *
 * The record: 8 bytes magic, version (32 bits), block size (32), first block (64), blocks (32),
 * CRC-32C of all that and the data (32); then the data. Version 2: behind them the protection
 * information of each block.
 */
#include "base/assert.h"
#include "base/crc.h"
#include "shell/dirsync.h"
#include "shell/fileio.h"
#include "shell/store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC          "SMIRATW"
#define MAGIC_LEN      8
#define RECORD_VERSION 1 /* 2: with protection information */
#define CRC_AT         28
#define HEAD_LEN       32
#define RECORD_MAX     (HEAD_LEN + TGT_ATOMIC_MAX + TGT_ATOMIC_MAX / 512 * PROTECT_LEN)

struct record {
	lba_t lba;
	uint32_t block_size, blocks;
	bool tuples; /* protection information follows the data */
};

static size_t data_len(const struct record *r)
{
	return (size_t)r->blocks * r->block_size;
}

static size_t tuples_len(const struct record *r)
{
	return r->tuples ? (size_t)r->blocks * PROTECT_LEN : 0;
}

/* ---- the record ---- */

static uint32_t crc_of(const struct record *r, const uint8_t *head, const uint8_t *data,
                       const uint8_t *tuples)
{
	uint32_t crc = crc32c(crc32c(0, head, CRC_AT), data, data_len(r));
	return r->tuples ? crc32c(crc, tuples, tuples_len(r)) : crc;
}

static void head_put(uint8_t head[HEAD_LEN], const struct record *r, const uint8_t *data,
                     const uint8_t *tuples)
{
	struct wr w = wr_init(head, HEAD_LEN);
	wr_bytes(&w, MAGIC, MAGIC_LEN);
	wr_u32(&w, RECORD_VERSION + (r->tuples ? 1U : 0U));
	wr_u32(&w, r->block_size);
	wr_u64(&w, r->lba);
	wr_u32(&w, r->blocks);
	wr_u32(&w, crc_of(r, head, data, tuples));
	sm_assert(wr_ok(&w) && w.n == HEAD_LEN);
}

/* A record that is whole, of whichever store. */
static bool record_get(const uint8_t *p, size_t n, struct record *r)
{
	struct rd in = rd_init(p, n);
	struct span magic = rd_bytes(&in, MAGIC_LEN);
	bool known = !in.error && memcmp(magic.p, MAGIC, MAGIC_LEN) == 0;
	uint32_t version = rd_u32(&in);
	r->tuples = version == RECORD_VERSION + 1;
	known = known && (version == RECORD_VERSION || r->tuples);
	r->block_size = rd_u32(&in);
	r->lba = rd_u64(&in);
	r->blocks = rd_u32(&in);
	uint32_t crc = rd_u32(&in);
	const uint8_t *data = p + HEAD_LEN;
	known = known && r->block_size >= 512 && r->blocks <= TGT_ATOMIC_MAX / r->block_size;
	return known && !in.error && rd_left(&in) == data_len(r) + tuples_len(r) &&
	       crc == crc_of(r, p, data, data + data_len(r));
}

static bool is_of(const struct record *r, const struct store *s)
{
	return r->block_size == s->block_size && r->lba <= s->blocks &&
	       r->blocks <= s->blocks - r->lba && (!r->tuples || s->tuples);
}

/* ---- the file ---- */

static bool forget(const struct store *s)
{
	return ftruncate(s->journal, 0) == 0 && fdatasync(s->journal) == 0;
}

static bool create(struct store *s)
{
	if (s->journal >= 0)
		return true;
	s->journal = open(s->journal_path, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
	if (s->journal >= 0 && !dirsync(s->journal_path))
		s->dead = true; /* or the next record would be taken to have a name */
	return s->journal >= 0 && !s->dead;
}

/* ---- opening ---- */

static bool fail(char *why, size_t n, const struct store *s, const char *what, int error)
{
	(void)snprintf(why, n, "%s: %s%s%s", s->journal_path, what, error ? ": " : "",
	               error ? strerrordesc_np(error) : "");
	return false;
}

static bool refuse(char *why, size_t n, const struct store *s, const struct record *r)
{
	char text[200];
	(void)snprintf(text, sizeof(text),
	               "has a write that was cut off of another disk (block %llu, %u blocks of %u "
	               "bytes%s): open it as that, or remove this file",
	               (unsigned long long)r->lba, (unsigned)r->blocks, (unsigned)r->block_size,
	               r->tuples ? " with protection information" : "");
	return fail(why, n, s, text, 0);
}

static bool finish(struct store *s, const struct store_config *c, uint8_t *p, char *why, size_t n)
{
	uint32_t good = 0;
	struct record r = {0};
	ssize_t got = fileio_load(s->journal, p, RECORD_MAX + 1);
	if (got < 0)
		return fail(why, n, s, "cannot be read", errno);
	bool whole = (size_t)got <= RECORD_MAX && record_get(p, (size_t)got, &r);
	if (whole && !is_of(&r, s))
		return refuse(why, n, s, &r);
	if (c->write_protect)
		return !whole || fail(why, n, s,
		                      "a write was cut off: it has to be finished without "
		                      "--write-protect",
		                      0);
	uint8_t *data = p + HEAD_LEN;
	/* A process that was killed may not have come to that. */
	if (whole && fdatasync(s->journal) != 0)
		return fail(why, n, s, "cannot be made durable", errno);
	if (whole && (store_write(s, r.lba, r.blocks, data, &good) != STORE_OK ||
	              (r.tuples &&
	               store_tuples_write(s, r.lba, r.blocks, data + data_len(&r)) != STORE_OK) ||
	              store_flush(s) != STORE_OK))
		return fail(why, n, s, "a write that was cut off cannot be finished", 0);
	/* One that is empty may be so in memory only: what lies on the medium would be done after
	 * the end of the machine, on top of what is written from now on. */
	if (!forget(s))
		return fail(why, n, s, "cannot be emptied", errno);
	return true;
}

bool store_atomic_open(struct store *s, const struct store_config *c, char *why, size_t n)
{
	size_t len = strlen(c->path) + sizeof(".atomic");
	s->journal_path = malloc(len);
	uint8_t *p = malloc(RECORD_MAX + 1);
	bool ok = s->journal_path && p;
	if (!ok)
		(void)snprintf(why, n, "%s: out of memory", c->path);
	if (s->journal_path)
		(void)snprintf(s->journal_path, len, "%s.atomic", c->path);
	if (ok) {
		s->journal =
		        open(s->journal_path, (c->write_protect ? O_RDONLY : O_RDWR) | O_CLOEXEC);
		if (s->journal >= 0)
			ok = finish(s, c, p, why, n);
		else if (errno != ENOENT)
			ok = fail(why, n, s, "cannot be opened", errno);
	}
	free(p);
	return ok;
}

void store_atomic_close(struct store *s)
{
	if (s->journal >= 0)
		(void)close(s->journal);
	free(s->journal_path);
}

/* ---- writing ---- */

/* Where there is no room it is found out before anything was begun. */
static enum tgt_store_result reserve(struct store *s, const struct record *r)
{
	int k;
	do {
		k = fallocate(s->fd, FALLOC_FL_KEEP_SIZE, (off_t)(r->lba * s->block_size),
		              (off_t)data_len(r));
	} while (k != 0 && errno == EINTR);
	if (k != 0 && (errno == ENOSPC || errno == EDQUOT))
		return STORE_NO_SPACE;
	return r->tuples ? beside_reserve(s->tuples, r->lba, r->blocks) : STORE_OK;
}

/* A sync that failed is not tried again on top of what the kernel may have dropped. */
static bool sync_record(struct store *s)
{
	if (fdatasync(s->journal) != 0)
		s->dead = true;
	return !s->dead;
}

static enum tgt_store_result keep(struct store *s, const struct record *r, const uint8_t *data,
                                  const uint8_t *tuples)
{
	uint8_t head[HEAD_LEN];
	off_t end = (off_t)(HEAD_LEN + data_len(r));
	head_put(head, r, data, tuples);
	errno = 0;
	if (create(s) && fileio_put(s->journal, head, HEAD_LEN, 0) &&
	    fileio_put(s->journal, data, data_len(r), HEAD_LEN) &&
	    fileio_put(s->journal, tuples, tuples_len(r), end) && sync_record(s))
		return STORE_OK;
	bool full = errno == ENOSPC || errno == EDQUOT;
	/* One that is whole would be done at the next start, on top of what is written until then.
	 */
	if (s->journal >= 0 && !forget(s))
		s->dead = true;
	return full ? STORE_NO_SPACE : STORE_ERROR;
}

/* Behind the blocks. They are changed by that. */
static enum tgt_store_result write_tuples(struct store *s, const struct record *r,
                                          const uint8_t *tuples)
{
	uint8_t *copy = malloc(tuples_len(r));
	enum tgt_store_result result = STORE_ERROR;
	if (!copy)
		return result;
	memcpy(copy, tuples, tuples_len(r));
	result = store_tuples_write(s, r->lba, r->blocks, copy);
	free(copy);
	return result;
}

enum tgt_store_result store_write_record(struct store *s, lba_t lba, uint32_t blocks,
                                         const uint8_t *data, const uint8_t *tuples, uint32_t *good)
{
	const struct record r = {lba, s->block_size, blocks, tuples != NULL};
	*good = 0;
	sm_assert((uint64_t)blocks * s->block_size <= TGT_ATOMIC_MAX);
	if (s->dead)
		return STORE_DEAD;
	sm_assert(pthread_mutex_lock(&s->journaling) == 0);
	enum tgt_store_result result = reserve(s, &r);
	if (result == STORE_OK)
		result = keep(s, &r, data, tuples);
	if (result == STORE_OK) {
		result = store_write(s, lba, blocks, data, good);
		if (result == STORE_OK && tuples)
			result = write_tuples(s, &r, tuples);
		if (result == STORE_OK)
			result = store_flush(s);
		/* One that cannot be forgotten would be done again at the next start. */
		if (!forget(s))
			s->dead = true;
	}
	sm_assert(pthread_mutex_unlock(&s->journaling) == 0);
	return s->dead ? STORE_DEAD : result;
}

enum tgt_store_result store_write_atomic(struct store *s, lba_t lba, uint32_t blocks,
                                         const uint8_t *data, uint32_t *good)
{
	return store_write_record(s, lba, blocks, data, NULL, good);
}
