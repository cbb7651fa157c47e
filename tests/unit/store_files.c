/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/store_files.h"

#include "unit/checks.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

bool in_doubt(void)
{
	uint8_t marks[MARKS_LEN], some = 0;

	peek(files.beside, marks, sizeof(marks), MARKS_AT);
	for (size_t i = 0; i < sizeof(marks); i++)
		some |= marks[i];
	return some != 0;
}
