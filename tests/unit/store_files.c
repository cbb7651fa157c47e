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

void files_set_up(const char *suffix)
{
	(void)snprintf(files.dir, sizeof(files.dir), "/tmp/smirror-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(files.dir));
	(void)snprintf(files.path, sizeof(files.path), "%s/disk.img", files.dir);
	(void)snprintf(files.beside, sizeof(files.beside), "%s%s", files.path, suffix);
	files.why[0] = '\0';
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
