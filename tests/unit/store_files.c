/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/store_files.h"

#include "base/crc.h"
#include "base/cursor.h"
#include "unit/checks.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARKS_LEN 4096

struct store_files files;

static void set_up_in(const char *parent, const char *suffix)
{
	(void)snprintf(files.dir, sizeof(files.dir), "%s/smirror-store-XXXXXX", parent);
	ck_assert_ptr_nonnull(mkdtemp(files.dir));
	(void)snprintf(files.path, sizeof(files.path), "%s/disk.img", files.dir);
	(void)snprintf(files.beside, sizeof(files.beside), "%s%s", files.path, suffix);
	files.why[0] = '\0';
}

void files_set_up(const char *suffix)
{
	set_up_in("/tmp", suffix);
}

void files_set_up_shm(const char *suffix)
{
	set_up_in(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", suffix);
}

struct store *files_open(uint64_t size, uint32_t block_size, struct store_config how)
{
	how.path = files.path;
	how.size = size;
	how.block_size = block_size;
	return store_open(&how, files.why, sizeof(files.why));
}

struct store *files_opened(uint64_t size, uint32_t block_size, struct store_config how)
{
	struct store *s = files_open(size, block_size, how);

	ck_assert_msg(s != NULL, "%s", files.why);
	return s;
}

void files_tear_down(void)
{
	char command[100];

	(void)snprintf(command, sizeof(command), "rm -r %s", files.dir);
	ck_assert_int_eq(system(command), 0);
}

void peek(const char *file, void *p, size_t n, off_t at)
{
	int fd = open(file, O_RDONLY);

	ck_assert(fd >= 0 && pread(fd, p, n, at) == (ssize_t)n && close(fd) == 0);
}

void poke(const char *file, const void *p, size_t n, off_t at)
{
	int fd = open(file, O_WRONLY);

	ck_assert(fd >= 0 && pwrite(fd, p, n, at) == (ssize_t)n && close(fd) == 0);
}

void files_record(const struct files_record *r, size_t n)
{
	size_t data = (size_t)r->blocks * r->block_size, all = FILES_RECORD_HEAD + data;
	uint8_t *bytes = malloc(all + (size_t)r->blocks * PROTECT_LEN);
	char path[160];

	ck_assert_ptr_nonnull(bytes);
	memset(bytes + FILES_RECORD_HEAD, r->fill, data);
	for (uint32_t i = 0; r->tuples && i < r->blocks; i++, all += PROTECT_LEN)
		protect_put(bytes + all,
		            (struct protect_tuple){
		                    crc16_guard(bytes + FILES_RECORD_HEAD, r->block_size), r->fill,
		                    (uint32_t)r->lba + i});
	struct wr w = wr_init(bytes, FILES_RECORD_HEAD);
	wr_bytes(&w, "SMIRATW", 8);
	wr_u32(&w, r->tuples ? 2 : 1);
	wr_u32(&w, r->block_size);
	wr_u64(&w, r->lba);
	wr_u32(&w, r->blocks);
	wr_u32(&w, crc32c(crc32c(0, bytes, FILES_RECORD_HEAD - 4), bytes + FILES_RECORD_HEAD,
	                  all - FILES_RECORD_HEAD));
	(void)snprintf(path, sizeof(path), "%s.atomic", files.path);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	n = n < all ? n : all;
	ck_assert(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && close(fd) == 0);
	free(bytes);
}

bool in_doubt(void)
{
	uint8_t marks[MARKS_LEN], some = 0;

	peek(files.beside, marks, sizeof(marks), MARKS_AT);
	for (size_t i = 0; i < sizeof(marks); i++)
		some |= marks[i];
	return some != 0;
}
