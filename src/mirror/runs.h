/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of logical blocks as a bounded list of runs, in order, none touching
 * another: what a member that was away has missed.
 */
#ifndef MIRROR_RUNS_H
#define MIRROR_RUNS_H

#include "base/units.h"

#define MIR_LIST_MAX 256

struct mir_span {
	lba_t lba;
	uint64_t blocks;
};

struct mir_list {
	unsigned n;
	struct mir_span run[MIR_LIST_MAX];
};

void mir_list_clear(struct mir_list *l);
/* False, with nothing changed, when the list is full. */
bool mir_list_add(struct mir_list *l, lba_t lba, uint64_t blocks);
bool mir_list_remove(struct mir_list *l, lba_t lba, uint64_t blocks);
/* True when one of these blocks is in the set. */
bool mir_list_meets(const struct mir_list *l, lba_t lba, uint64_t blocks);
uint64_t mir_list_blocks(const struct mir_list *l);
/* The first run at or after `from`, cut to begin there; false: none. */
bool mir_list_next(const struct mir_list *l, lba_t from, struct mir_span *out);
void mir_list_check(const struct mir_list *l);

#endif
