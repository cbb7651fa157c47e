/* SPDX-License-Identifier: BSD-2-Clause */
/* What a disk is made of: its store, and the metadata beside it. */
#ifndef SHELL_TARGET_DISK_H
#define SHELL_TARGET_DISK_H

#include "shell/disk_opts.h"
#include "shell/meta.h"
#include "shell/store.h"
#include "target/target.h"

struct target_disk {
	struct store *store;
	struct meta meta; /* as it was saved last */
};

/* Opens (or creates) store and metadata. False with why, and nothing is open. `stop` as in store.h.
 */
struct target_disk_how {
	bool direct, map;
	const atomic_bool *stop;
};
bool target_disk_open(const struct disk_opts *o, const struct target_disk_how *how,
                      struct target_disk *d, char *why, size_t n);
/* For the core; points into *d. */
struct tgt_lu_config target_disk_config(const struct disk_opts *o, const struct target_disk *d);
void target_disk_close(struct target_disk *d);

#endif
