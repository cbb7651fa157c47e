/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk's core with a small medium, for harnesses that send it frames. What it asks of its store
 * is done at once, and answered when the harness says so. */
#ifndef TESTS_FUZZ_DISK_H
#define TESTS_FUZZ_DISK_H

#include "target/target.h"

#define DISK_ID     2
#define DISK_BLOCKS 64
#define DISK_BLOCK  512
#define DISK_HELD   64

struct fuzz_disk {
	struct tgt *t;
	ns_t now;
	void (*sends)(const struct wire_frame *f); /* looks at what it sends */
	uint8_t media[DISK_BLOCKS * DISK_BLOCK];
	struct tgt_event held[DISK_HELD]; /* not answered yet */
	unsigned n_held;
};

/* A new one, which is not attached. */
void fuzz_disk_new(struct fuzz_disk *d, ns_t now, void (*sends)(const struct wire_frame *f));

void fuzz_disk_free(struct fuzz_disk *d);

/* A step, and what follows from it; the invariants hold behind it. */
void fuzz_disk_step(struct fuzz_disk *d, struct tgt_event ev);

void fuzz_disk_frame(struct fuzz_disk *d, const struct wire_frame *f);

/* Answers what was asked of the store, and what is asked then, until there is nothing more. */
void fuzz_disk_answer(struct fuzz_disk *d);

#endif
