/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of the three cores together write, and hold them to. */
#ifndef TESTS_SCENARIO_COUPLE_CHECK_H
#define TESTS_SCENARIO_COUPLE_CHECK_H

#include "scenario/couple.h"

/* Data at random, by this seed; for block_unref(). */
struct block *couple_pattern(size_t len, uint64_t seed);
/* A write of all of `data` to disks 0..n-1; not begun, and nobody is told of its end. */
void couple_pass(struct hba_pass *p, unsigned n, lba_t lba, struct block *data);
bool couple_holds(const struct couple *c, unsigned disk, lba_t lba, const struct block *data);
/* What came to an end has left nothing: no task is under way, and nobody was in the wrong. */
void couple_quiet(const struct couple *c);

#endif
