/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes of a file, all that are asked for: what is interrupted or cut short goes on. Errors: errno.
 */
#ifndef SHELL_FILEIO_H
#define SHELL_FILEIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* n bytes from `at` on. Where the file ends before: EIO. */
bool fileio_get(int fd, void *p, size_t n, off_t at);

/* On failure some of them may be there. */
bool fileio_put(int fd, const void *p, size_t n, off_t at);

/* What the file has, at most `cap` bytes from its beginning; -1: an error. */
ssize_t fileio_load(int fd, void *p, size_t cap);

/* The file at path has these bytes, durably, or what it had before: they are written to tmp, which
 * is renamed. False: the old ones count, or, where the directory could not be synced, whichever is
 * found later. */
bool fileio_replace(const char *path, const char *tmp, const void *p, size_t n);

#endif
