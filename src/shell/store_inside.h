/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of a store, shared by the store*.c files only. */
#ifndef SHELL_STORE_INSIDE_H
#define SHELL_STORE_INSIDE_H

#include "shell/store.h"
#include "shell/store_beside.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#define PAGE          4096
#define SCRATCH_BYTES (256 * KIB) /* what compare and verify read at once */

struct scratch;

struct store {
	int fd;
	char *path;
	uint32_t block_size;
	uint64_t blocks;
	bool direct, in_memory;
	uint64_t inode;
	int64_t changed;         /* when it was, before it was opened, in ns */
	const atomic_bool *stop; /* while it is being opened */
	bool opened;      /* nothing of what a process before this one has left is in doubt */
	atomic_bool dead; /* a flush failed, or a sync of what is beside it */
	atomic_bool silent_r, silent_w; /* the file system does not know RWF_NOWAIT */
	pthread_mutex_t flushing; /* by one at a time: the kernel tells only one of an error */
	int journal;              /* of atomic writes; -1: not opened yet */
	char *journal_path;
	pthread_mutex_t journaling; /* one at a time */
	struct beside *tuples;      /* protection information; NULL: it keeps none */
	struct beside *sums;        /* checksums; NULL: it keeps none */
	struct mapped *mapped;      /* NULL: it is read and written by system calls only */
	char *redo_path;
	pthread_mutex_t lock; /* of the buffers: as many as calls were made side by side */
	SLIST_HEAD(, scratch) scratch;
};

/* ---- store.c ---- */

/* A buffer of SCRATCH_BYTES, on a page, until it is put back; NULL: out of memory. */
uint8_t *store_scratch_get(struct store *s);
void store_scratch_put(struct store *s, uint8_t *p);
/* Blocks of the file as they are, without checksums; out: they are written. *good as in store.h. */
enum tgt_store_result store_move(struct store *s, bool out, uint8_t *p, lba_t lba, uint32_t blocks,
                                 uint32_t *good);

/* beside_begin() of one of its files: where that cannot be synced, the store is dead. */
enum tgt_store_result store_begin(struct store *s, struct beside *b, lba_t lba, uint32_t blocks,
                                  unsigned *half);

/* ---- store_repair.c ---- */

/* Blocks of which what is kept beside the store was changed. */
struct store_changed {
	uint64_t looked, blocks; /* at so many; in so many */
	unsigned n;
	struct {
		lba_t first, end;
	} run[8]; /* the first of them */
	bool more;
};
void store_changed_add(struct store_changed *c, lba_t lba);

/* What may have been cut off is looked through, in pieces of n blocks; not those that cannot be
 * read. beside: room for PROTECT_LEN bytes each. What came of it is logged, with `what` the blocks
 * that were changed have, and the file can be written to. False with why. */
typedef enum tgt_store_result store_look_fn(struct store *s, lba_t lba, uint32_t n,
                                            const uint8_t *data, uint8_t *beside,
                                            struct store_changed *changed);
bool store_look_through(struct store *s, struct beside *b, store_look_fn *look, const char *what,
                        bool write_protect, char *why, size_t n);

/* ---- store_make.c ---- */

/* Before a store is made at `path`, which is not there, or empty, as `state` says: false with why,
 * if what makes a disk known lies beside it. What was begun in a store that is gone is removed. */
bool store_may_make(const char *path, const char *state, char *why, size_t n);
/* One that was made after that could not be opened: nothing is left of it. */
void store_unmake(const char *path);

/* ---- store_mapped.c ---- */

/* What a process before this one had begun to write is brought to its end; then the file is mapped,
 * if it is in memory and the configuration says so. False with why. */
bool store_mapped_open(struct store *s, const struct store_config *c, char *why, size_t n);
void store_mapped_close(struct store *s);
/* All of n bytes at `at`, which are whole blocks. False: it is left to pread() and pwrite(). */
bool store_mapped_write(struct store *s, uint64_t at, const uint8_t *p, size_t n);
bool store_mapped_read(struct store *s, uint64_t at, uint8_t *p, size_t n);
/* A hole in the file, mapped or not: 0, or errno. */
int store_mapped_punch(struct store *s, uint64_t at, uint64_t n);
/* The file says when it was written last, which it does not do by itself where it is mapped. */
void store_mapped_touch(struct store *s);

/* ---- store_protect.c ---- */

/* Opens FILE.protection, or creates it, if the store is to have one. False with why. */
bool store_tuples_open(struct store *s, const struct store_config *c, char *why, size_t n);
bool store_tuples_repair(struct store *s, bool write_protect, char *why, size_t n);
/* PROTECT_LEN bytes for each block. What is written from is not as it was after that. */
enum tgt_store_result store_tuples_read(struct store *s, lba_t lba, uint32_t n, uint8_t *p);
enum tgt_store_result store_tuples_write(struct store *s, lba_t lba, uint32_t n, uint8_t *p);

/* ---- store_sums.c ---- */

/* Opens FILE.integrity, or creates it, if the store is to have one. False with why. */
bool store_sums_open(struct store *s, const struct store_config *c, char *why, size_t n);
bool store_sums_repair(struct store *s, bool write_protect, char *why, size_t n);
/* STORE_ROTTEN: the block after the good ones is not what was written there. */
enum tgt_store_result store_sums_check(struct store *s, lba_t lba, uint32_t n, const uint8_t *data,
                                       uint32_t *good);
enum tgt_store_result store_sums_put(struct store *s, lba_t lba, uint32_t n, const uint8_t *data);

/* ---- store_atomic.c ---- */

/* What a process before this one had begun is brought to its end; nothing else is in doubt any
 * more. False with why. */
bool store_atomic_open(struct store *s, const struct store_config *c, char *why, size_t n);
void store_atomic_close(struct store *s);
/* As store_write_atomic(), with their protection information; tuples NULL: without. */
enum tgt_store_result store_write_record(struct store *s, lba_t lba, uint32_t blocks,
                                         const uint8_t *data, const uint8_t *tuples,
                                         uint32_t *good);

#endif
