/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two parts of target_io.h share: its disks, that come and go (target_lus.c), and the
 * operations on them (target_io.c). */
#ifndef SHELL_TARGET_INSIDE_H
#define SHELL_TARGET_INSIDE_H

#include "shell/ended.h"
#include "shell/pool.h"
#include "shell/stall.h"
#include "shell/target_disk.h"
#include "shell/target_io.h"
#include "shell/workers.h"

#include <limits.h>
#include <stdatomic.h>

/* An operation, from its action to its completion. A thread sees bytes; of a block it asks only
 * whose its data are, for references are counted on the loop. */
struct op {
	struct work work; /* first: a thread gets it, and gives it back */
	STAILQ_ENTRY(op) link;
	struct disk *disk;
	enum tgt_action_kind kind;
	uint32_t id; /* the core's */
	lba_t lba;
	uint32_t blocks, room;
	bool repeat;
	struct protect protect;
	struct block *block; /* held: of the data, or of room for what is read */
	uint8_t *bytes;      /* in it */
	bool on_loop;
	bool judged; /* where it is done was for the store's stalls to say */
	/* what came of it */
	enum tgt_store_result result;
	uint32_t good, differs;
	uint8_t field;
	bool stalled;
};
STAILQ_HEAD(op_list, op);

/* The store of a logical unit, and what is under way in it. */
struct disk {
	struct work work; /* first: it is closed */
	struct target_io *io;
	uint8_t lun;
	bool gone;    /* closed when nothing is under way any more */
	bool leaving; /* it is being closed */
	char path[PATH_MAX];
	struct target_disk disk;
	struct ended ended; /* what the process before has left */
	struct stall stall;
	struct op *op; /* each task has one operation at most; one more for what drains */
	struct op_list unused;
	unsigned n_busy;                     /* that are not among them */
	struct op_list flushing, flush_next; /* together in a thread; by the next */
	struct {                             /* META_SAVE, one at a time */
		struct meta meta;
		bool ok;
		char why[512];
	} save;
	bool told_dead;
	SLIST_ENTRY(disk) link; /* gone */
};

/* A logical unit that is being opened. */
struct opening {
	struct work work; /* first */
	struct target_io *io;
	struct disk_list list; /* it alone */
	atomic_bool stop;      /* it is not wanted any more */
	bool over;
	struct disk *disk; /* then; NULL with why */
	char why[PATH_MAX + 400];
	SLIST_ENTRY(opening) link;
};

struct target_io {
	const struct target_opts *o;
	struct event_base *base;
	target_io_wake *wake;
	void *ctx;
	struct disk *disk[SCSI_LUNS];
	SLIST_HEAD(, disk) gone;
	SLIST_HEAD(, opening) opening;
	struct workers *workers; /* NULL: all is done on the loop */
	struct workers *openers; /* NULL: there was nothing to do for them */
	struct pool *pool;
	uint32_t boot;       /* the number of this start */
	bool begun;          /* something was asked for */
	bool changed;        /* logical units have come or gone since */
	bool over;           /* target_io_end() */
	atomic_bool closing; /* nothing more is to be begun */
	struct op_list done; /* for the core, in their order */
	struct op_list wait; /* reads for which there is no room yet */
};

/* The core has heard of an operation: one that is gone is closed when that was the last. */
void disk_settle(struct disk *d);

#endif
