/* SPDX-License-Identifier: BSD-2-Clause */
/* The scenario, and what has to hold however it goes on. */
#ifndef TESTS_STEPS_SCENARIO_H
#define TESTS_STEPS_SCENARIO_H

#include "steps/world.h"

#define IMAGE      24 /* blocks */
#define IMAGE_FILL 1

extern struct world world;
extern char where[200]; /* in which run, for whoever reads of a failure */

/* The scenario, with `before` before each of its steps (NULL: nothing), and its end; how many these
 * are. */
uint64_t scenario_run(void (*before)(struct world *w));

/* promises.c: what of blocks was promised */
void promises_new(void);
void promise_begun(uint32_t lba, uint32_t n, uint8_t fill);
void promise_acked(uint32_t lba, uint32_t n);
/* What a read gave. */
void promise_read(uint32_t lba, uint32_t n, const uint8_t *bytes);
/* A member that counts as in sync holds what was acknowledged. */
void promise_check(void);
/* Of a job that is over: what it says is so. */
void promise_check_job(const struct ini_job *j);
const struct ini_group *the_group(void);
unsigned members_synced(void);
bool members_equal(void); /* those in sync */
bool members_readable(void);

#endif
