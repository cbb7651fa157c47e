/* SPDX-License-Identifier: BSD-2-Clause */
/* What files.c and calls.c share. */
#ifndef TESTS_CRASH_INSIDE_H
#define TESTS_CRASH_INSIDE_H

#include "crash/files.h"

extern struct image files_now;
/* It happens, and is written down. */
void files_do(const struct record *r);
/* Of what is stored in memory that is mapped: before the next operation. */
void files_look_at_memory(void);
unsigned files_boot(void);
bool image_find(const struct image *m, const char *name, uint32_t *file);

#endif
