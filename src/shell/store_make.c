/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that is made. Its blocks are zeros; what lies beside it would say otherwise, if it is of
 * a disk whose file is gone: mode pages that it is a member in sync, checksums and protection
 * information of other data. Nobody may go by these, and they are not this program's to remove: the
 * file may come back.
 */
#include "shell/store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a disk is known by; store_open() makes the latter two. */
static const char *const vouching[] = {".meta", ".protection", ".integrity"};
/* What was begun of its blocks. */
static const char *const under_way[] = {".atomic", ".redo", ".protection.begun", ".integrity.begun",
                                        ".ended"};

static bool name_of(char out[PATH_MAX], const char *path, const char *suffix)
{
	int n = snprintf(out, PATH_MAX, "%s%s", path, suffix);
	return n > 0 && n < PATH_MAX;
}

/* What cannot be looked at is taken to be there. */
static bool is_there(const char *path, const char *suffix)
{
	char file[PATH_MAX];
	return name_of(file, path, suffix) && (faccessat(AT_FDCWD, file, F_OK, 0) == 0 ||
	                                       (errno != ENOENT && errno != ENAMETOOLONG));
}

bool store_may_make(const char *path, const char *state, char *why, size_t n)
{
	char file[PATH_MAX], found[64] = "";
	for (size_t i = 0; i < ARRAY_LEN(vouching); i++)
		if (is_there(path, vouching[i])) {
			size_t at = strlen(found);
			(void)snprintf(found + at, sizeof(found) - at, "%s%s", at ? ", " : "",
			               vouching[i]);
		}
	if (found[0]) {
		(void)snprintf(why, n,
		               "%s: is %s, but what was kept beside it is there (%s): bring it "
		               "back, or remove these for a new disk",
		               path, state, found);
		return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(under_way); i++)
		if (name_of(file, path, under_way[i]))
			(void)unlink(file);
	return true;
}

void store_unmake(const char *path)
{
	char file[PATH_MAX];
	for (size_t i = 1; i < ARRAY_LEN(vouching); i++)
		if (name_of(file, path, vouching[i]))
			(void)unlink(file);
	for (size_t i = 0; i < ARRAY_LEN(under_way); i++)
		if (name_of(file, path, under_way[i]))
			(void)unlink(file);
	(void)unlink(path);
}
