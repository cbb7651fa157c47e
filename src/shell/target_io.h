/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store and the metadata of one target behind the core's actions. An action is performed when
 * it is given; its completion waits here until the core takes it, so that the core is never called
 * from within a call of its own. A worker pool would only change this file.
 */
#ifndef SHELL_TARGET_IO_H
#define SHELL_TARGET_IO_H

#include "shell/target_opts.h"

struct target_io;

/* Opens store and metadata, and makes the core for them. NULL with why. */
struct target_io *target_io_open(const struct target_opts *o, struct tgt **t, char *why, size_t n);
/* After tgt_free(). */
void target_io_close(struct target_io *io);
const uint8_t *target_io_uuid(const struct target_io *io);

/* STORE_* and META_SAVE. */
void target_io_do(struct target_io *io, const struct tgt_action *a);
/* The next completion, borrowed until target_io_taken(). */
bool target_io_next(struct target_io *io, struct tgt_event *out);
void target_io_taken(struct target_io *io);
/* All that was written is durable. */
bool target_io_flush(struct target_io *io);

#endif
