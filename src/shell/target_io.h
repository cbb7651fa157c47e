/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stores and the metadata of one target, of each logical unit, behind the core's actions. Its
 * completions wait here until the core takes them, so that the core is never called from within a
 * call of its own.
 *
 * What cannot be slow is done at once, on the loop; what may be goes to a few threads, so that it
 * holds up nothing but its own status: flushes, large transfers, direct I/O, the first write to a
 * region of which that has to be noted, what the kernel would have to wait for (RWF_NOWAIT), and,
 * where that is not known, all of a store that has stalled its caller lately (stall.h). Flushes
 * that come while one is running are done together by the next.
 *
 * Logical units that come and go while others are in use are opened and closed by threads of their
 * own: a store may have to be looked through as a whole.
 */
#ifndef SHELL_TARGET_IO_H
#define SHELL_TARGET_IO_H

#include "shell/target_opts.h"

#include <event2/event.h>

struct target_io;

/* Completions have come from threads: called on the loop, at least once for all that came together.
 */
typedef void target_io_wake(void *ctx);

/* Opens store and metadata of LUN 0, and makes the core for them. NULL with why. */
struct target_io *target_io_open(const struct target_opts *o, struct event_base *base,
                                 target_io_wake *wake, void *ctx, struct tgt **t, char *why,
                                 size_t n);
/* Opens a further logical unit, for TGT_EV_LU_ADDED, while nobody waits for anything else. NULL
 * with why. */
struct tgt_lu *target_io_add(struct target_io *io, const struct disk_opts *o, char *why, size_t n);
/* The same, in a thread, for target_io_added(); one at a time of each LUN. False with why. */
bool target_io_add_later(struct target_io *io, const struct disk_opts *o, char *why, size_t n);
/* This one is being opened like that, as `spec` says. */
bool target_io_adds(const struct target_io *io, uint8_t lun, const char *spec);
/* It is not wanted any more. */
void target_io_add_stop(struct target_io *io, uint8_t lun);
/* One that is over, of which the wake tells: *lu is as of target_io_add(), or NULL with why, which
 * is empty if it was stopped. */
bool target_io_added(struct target_io *io, uint8_t *lun, struct tgt_lu **lu, char *why, size_t n);
/* After TGT_EV_LU_REMOVED: its store is closed, by a thread, when all that is under way has been
 * taken; of that the wake tells, too. */
void target_io_remove(struct target_io *io, uint8_t lun);
/* One that was removed still has this store. */
bool target_io_closing(const struct target_io *io, const char *store);
/* After tgt_free(). */
void target_io_close(struct target_io *io);
const uint8_t *target_io_uuid(const struct target_io *io);

/* STORE_* and META_SAVE. */
void target_io_do(struct target_io *io, const struct tgt_action *a);
/* The next completion, borrowed until target_io_taken(). */
bool target_io_next(struct target_io *io, struct tgt_event *out);
void target_io_taken(struct target_io *io);
/* The end: what a thread is at is waited for, what had not begun is dropped, all that was written
 * is made durable (false: it is not). The loop waits for nothing of it any more. */
bool target_io_end(struct target_io *io);

#endif
