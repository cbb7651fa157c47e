/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk's medium in memory, for tests: what the store does for a target core. */
#ifndef TESTS_SIM_MEDIUM_H
#define TESTS_SIM_MEDIUM_H

#include "target/target.h"

struct medium {
	uint8_t *bytes;
	bool *mapped; /* each block: it was written, and not unmapped since; NULL: nobody asks */
	uint32_t block_size;
	uint64_t blocks;
	uint8_t *tuples; /* protection information; NULL: no action has to do with it */
};

/* Does a STORE_* action to its first n blocks, all of them within the medium; *ev gets what comes
 * of it where that is not as it is set already: data (a reference of the caller's), a miscompare.
 */
void medium_do(const struct medium *m, const struct tgt_action *a, uint32_t n,
               struct tgt_event *ev);

#endif
