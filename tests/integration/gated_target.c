/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smirror-target with a disk that a test can stop: a call of the store waits at its gate. Linked
 * with
 * --wrap, so that all but the gates is the program as it is.
 *
 * Gates are FIFOs in the directory that GATES names: "100" is for calls that begin at LBA 100,
 * "flush" for flushes, "open" for stores that are opened. Whoever waits there makes "100.waits"; it
 * goes on when the FIFO is opened for writing.
 */
#include "shell/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FLUSH UINT64_MAX
#define OPEN  (UINT64_MAX - 1)

struct store *__real_store_open(const struct store_config *cfg, char *why, size_t n);
struct store *__wrap_store_open(const struct store_config *cfg, char *why, size_t n);

enum tgt_store_result __real_store_read(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out,
                                        uint32_t *good);
enum tgt_store_result __real_store_write(struct store *s, lba_t lba, uint32_t blocks,
                                         const uint8_t *data, uint32_t *good);
enum tgt_store_result __real_store_flush(struct store *s);
enum store_now __real_store_read_now(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out);
enum store_now __real_store_write_now(struct store *s, lba_t lba, uint32_t blocks,
                                      const uint8_t *data);

enum tgt_store_result __wrap_store_read(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out,
                                        uint32_t *good);
enum tgt_store_result __wrap_store_write(struct store *s, lba_t lba, uint32_t blocks,
                                         const uint8_t *data, uint32_t *good);
enum tgt_store_result __wrap_store_flush(struct store *s);
enum store_now __wrap_store_read_now(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out);
enum store_now __wrap_store_write_now(struct store *s, lba_t lba, uint32_t blocks,
                                      const uint8_t *data);
bool __wrap_store_in_memory(const struct store *s);

/* The gate's path, behind it `suffix`. False: there is none. */
static bool gate(uint64_t which, const char *suffix, char *path, size_t n)
{
	const char *dir = getenv("GATES");
	if (!dir)
		return false;
	if (which >= OPEN)
		(void)snprintf(path, n, "%s/%s%s", dir, which == OPEN ? "open" : "flush", suffix);
	else
		(void)snprintf(path, n, "%s/%llu%s", dir, (unsigned long long)which, suffix);
	return true;
}

static bool shut(uint64_t which)
{
	char path[300];
	return gate(which, "", path, sizeof(path)) && access(path, F_OK) == 0;
}

static void pass(uint64_t which)
{
	char path[300], waits[300];
	if (!shut(which) || !gate(which, "", path, sizeof(path)) ||
	    !gate(which, ".waits", waits, sizeof(waits)))
		return;
	/* This one, whatever it is called when the test has heard of it. */
	char itself[64];
	int held = open(path, O_PATH | O_CLOEXEC);
	(void)snprintf(itself, sizeof(itself), "/proc/self/fd/%d", held);
	int told = open(waits, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int fd = open(itself, O_RDONLY | O_CLOEXEC); /* waits for the test */
	if (told >= 0)
		(void)close(told);
	if (fd >= 0)
		(void)close(fd);
	if (held >= 0)
		(void)close(held);
}

enum tgt_store_result __wrap_store_read(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out,
                                        uint32_t *good)
{
	pass(lba);
	return __real_store_read(s, lba, blocks, out, good);
}

enum tgt_store_result __wrap_store_write(struct store *s, lba_t lba, uint32_t blocks,
                                         const uint8_t *data, uint32_t *good)
{
	pass(lba);
	return __real_store_write(s, lba, blocks, data, good);
}

enum tgt_store_result __wrap_store_flush(struct store *s)
{
	pass(FLUSH);
	return __real_store_flush(s);
}

struct store *__wrap_store_open(const struct store_config *cfg, char *why, size_t n)
{
	pass(OPEN);
	return __real_store_open(cfg, why, n);
}

enum store_now __wrap_store_read_now(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out)
{
	return shut(lba) ? STORE_NOW_NOT : __real_store_read_now(s, lba, blocks, out);
}

enum store_now __wrap_store_write_now(struct store *s, lba_t lba, uint32_t blocks,
                                      const uint8_t *data)
{
	return shut(lba) ? STORE_NOW_NOT : __real_store_write_now(s, lba, blocks, data);
}

/* It would be a slow one. */
bool __wrap_store_in_memory(const struct store *s)
{
	(void)s;
	return false;
}
