/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of the three cores together write, and hold them to. */
#ifndef TESTS_SCENARIO_COUPLE_CHECK_H
#define TESTS_SCENARIO_COUPLE_CHECK_H

#include "scenario/couple.h"

/* Passes and tasks that have come to their ends: their done() counts them. */
extern unsigned couple_told;
void couple_pass_done(struct hba_pass *p);
void couple_task_done(struct hba_task *t);
/* data_in() of a task: to t->ctx, which has room for all that the task has room for. */
void couple_take(struct hba_task *t, uint32_t at, struct block *data, uint32_t n);
/* Begins a task, which is then counted. */
void couple_start(struct couple *c, struct hba_task *t, const struct scsi_cdb *cdb);

/* Data at random, by this seed; for block_unref(). */
struct block *couple_pattern(size_t len, uint64_t seed);
/* A write of all of `data` to disks 0..n-1; not begun; it will be counted. */
void couple_pass(struct hba_pass *p, unsigned n, lba_t lba, struct block *data);
bool couple_holds(const struct couple *c, unsigned disk, lba_t lba, const struct block *data);
/* What came to an end has left nothing: no task is under way, and nobody was in the wrong. */
void couple_quiet(const struct couple *c);

#endif
