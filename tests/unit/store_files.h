/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of a store, in a directory of its own, and the one beside it. */
#ifndef TESTS_UNIT_STORE_FILES_H
#define TESTS_UNIT_STORE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define MARKS_AT 4096 /* of the file beside it: regions that are being written */

extern struct store_files {
	char dir[64], path[128], beside[160];
	char why[400];
} files;

/* Neither file is there yet; suffix: of the one beside the store. */
void files_set_up(const char *suffix);
void files_tear_down(void);
void peek(const char *file, void *p, size_t n, off_t at);
void poke(const char *file, const void *p, size_t n, off_t at);
/* Some region is marked. */
bool in_doubt(void);

#endif
