/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A backing store: a file (or block device) that holds the raw image of a disk's blocks and nothing
 * else; the protection information of a disk that has it is in FILE.protection (store_protect.c),
 * checksums in FILE.integrity (store_sums.c).
 * One process at a time: it is locked. Calls are synchronous; threads may make them side by side.
 */
#ifndef SHELL_STORE_H
#define SHELL_STORE_H

#include "target/target.h"

#include <stdatomic.h>

struct store;

struct store_config {
	const char *path;
	/* Bytes; 0: as the file is. A file that is not there, or empty, is made, sparse, unless
	 * metadata, checksums or protection information lie beside it. */
	uint64_t size;
	/* Bytes that it had when it was known last, and durable; 0: not known. It has as many,
	 * unless size says otherwise. */
	uint64_t kept;
	uint32_t block_size; /* the size is a multiple of it */
	bool write_protect;  /* the file is opened for reading only */
	bool direct;         /* past the page cache (O_DIRECT) */
	bool map;            /* what is often written is mapped, where the store is in memory */
	bool thin;           /* its file system has to make holes */
	bool integrity; /* FILE.integrity is created if it is not there; where it is, it is used */
	bool had_integrity; /* it is there, or made, or the store is not opened */
	bool protects; /* FILE.protection is created if it is not there; where it is, it is used */
	/* Another thread says that it is not wanted any more: what would take long is not done, and
	 * it is not opened. NULL: nobody does. */
	const atomic_bool *stop;
};

/* NULL with why, which names the file. */
struct store *store_open(const struct store_config *cfg, char *why, size_t n);
/* No call is under way. */
void store_close(struct store *s);
uint64_t store_blocks(const struct store *s);
/* It keeps protection information. */
bool store_protects(const struct store *s);
/* It knows what it has written: what a medium gives instead is STORE_ROTTEN. */
bool store_has_integrity(const struct store *s);
/* It is in memory (tmpfs): no call waits for a device. */
bool store_in_memory(const struct store *s);

/*
 * Whole blocks within the store. Results as in target.h; *good is then how many blocks from the
 * start were done. EINTR and short transfers are gone on with. Bytes that direct I/O cannot take
 * from where they are (not on a page) go through a buffer.
 */
enum tgt_store_result store_read(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out,
                                 uint32_t *good);
enum tgt_store_result store_write(struct store *s, lba_t lba, uint32_t blocks, const uint8_t *data,
                                  uint32_t *good);
/* All of it, or none: at most TGT_ATOMIC_MAX bytes. It is kept beside the store, in FILE.atomic,
 * while it is under way: opening the store finishes what was cut off. Durable when it returns. A
 * medium that fails in the middle of it may have a part. */
enum tgt_store_result store_write_atomic(struct store *s, lba_t lba, uint32_t blocks,
                                         const uint8_t *data, uint32_t *good);
/* To write there would have to note first, durably, that it is being written (FILE.protection,
 * FILE.integrity). */
bool store_write_syncs(const struct store *s, lba_t lba, uint32_t blocks);
/* Each from the one block that data is. */
enum tgt_store_result store_write_same(struct store *s, lba_t lba, uint32_t blocks,
                                       const uint8_t *data, uint32_t *good);
/* What is there OR data is written. Not at once: nobody else may touch these blocks meanwhile. */
enum tgt_store_result store_or(struct store *s, lba_t lba, uint32_t blocks, const uint8_t *data,
                               uint32_t *good);
/* Zeros: a hole in the file, or written where the file system makes none. */
enum tgt_store_result store_zero(struct store *s, lba_t lba, uint32_t blocks, uint32_t *good);
/* repeat: data is one block, which each is compared with. *differs: the first byte that is not
 * equal in the block after the good ones, if there is one. */
enum tgt_store_result store_compare(struct store *s, lba_t lba, uint32_t blocks,
                                    const uint8_t *data, bool repeat, uint32_t *good,
                                    uint32_t *differs);
/* Runs of blocks from lba on that are alike, of the file as it is: each that is not in a hole is
 * mapped. Returns how many, at most `most`; up to the end if that is enough. */
unsigned store_map(struct store *s, lba_t lba, struct lba_status *out, unsigned most);
enum tgt_store_result store_verify(struct store *s, lba_t lba, uint32_t blocks, uint32_t *good);
/* All that was written before is durable. Once it fails, or a write fails for good because a file
 * beside the store could not be synced (STORE_DEAD), so does each flush and write from then on: the
 * kernel may have dropped what it could not write. */
enum tgt_store_result store_flush(struct store *s);

/* An operation on blocks and their protection information. */
struct store_op {
	lba_t lba;
	uint32_t blocks;
	uint8_t *
	        bytes; /* of data, each block with its own where that is moved; READ: room for it */
	bool repeat;   /* WRITE, COMPARE: bytes are one block */
	uint32_t good, differs; /* results, as in target.h */
	uint8_t field;
};

/* As the action of that kind with this p->type, which is not 0, would have it (target.h). The store
 * keeps protection information. */
enum tgt_store_result store_protected(struct store *s, enum tgt_action_kind kind,
                                      const struct protect *p, struct store_op *o);

enum store_now {
	STORE_NOW_DONE, /* all of it */
	STORE_NOW_NOT,  /* it would have to wait; what was done of it may be done again */
	STORE_NOW_ASK,  /* there is no telling: the file system does not say */
};

/* Reads or writes if that needs no waiting (RWF_NOWAIT). */
enum store_now store_read_now(struct store *s, lba_t lba, uint32_t blocks, uint8_t *out);
enum store_now store_write_now(struct store *s, lba_t lba, uint32_t blocks, const uint8_t *data);

#endif
