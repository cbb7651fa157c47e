/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of a store, in a directory of its own, and the one beside it. */
#ifndef TESTS_UNIT_STORE_FILES_H
#define TESTS_UNIT_STORE_FILES_H

#include "shell/store.h"

#include <sys/types.h>

#define MARKS_AT 4096 /* of the file beside it: regions that are being written */

extern struct store_files {
	char dir[64], path[128], beside[160];
	char why[400];
} files;

/* Neither file is there yet; suffix: of the one beside the store. */
void files_set_up(const char *suffix);
/* On tmpfs where there is one. */
void files_set_up_shm(const char *suffix);
void files_tear_down(void);
/* The store of so many bytes, with what else `how` says of it; NULL: files.why says why not. */
struct store *files_open(uint64_t size, uint32_t block_size, struct store_config how);
/* It can be opened. */
struct store *files_opened(uint64_t size, uint32_t block_size, struct store_config how);
void peek(const char *file, void *p, size_t n, off_t at);
void poke(const char *file, const void *p, size_t n, off_t at);
/* What is left in FILE.atomic of a write that was cut off: the first n bytes, at most all. */
#define FILES_RECORD_HEAD 32
struct files_record {
	uint32_t block_size;
	lba_t lba;
	uint32_t blocks;
	uint8_t fill; /* each byte of the data */
	bool tuples;  /* with protection information, of type 1; application tag: fill */
};
void files_record(const struct files_record *r, size_t n);
/* Some region is marked. */
bool in_doubt(void);

#endif
