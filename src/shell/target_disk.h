/* SPDX-License-Identifier: BSD-2-Clause */
/* What a target's disk is made of: its store, the metadata beside it, and the core for them. */
#ifndef SHELL_TARGET_DISK_H
#define SHELL_TARGET_DISK_H

#include "shell/meta.h"
#include "shell/store.h"
#include "shell/target_opts.h"

struct target_disk {
	struct store *store;
	struct meta meta; /* as it was saved last */
};

/* Opens (or creates) store and metadata, and makes the core, which is the caller's. False with
 * why. */
bool target_disk_open(const struct target_opts *o, struct target_disk *d, struct tgt **t, char *why,
                      size_t n);
void target_disk_close(struct target_disk *d);

#endif
