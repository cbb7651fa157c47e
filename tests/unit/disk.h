/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target core with a medium in memory, for tests: bursts go in as words, what it does comes out
 * as words. Of operations of the store that are under way together none may write what another one
 * touches.
 *
 *	ck_assert_str_eq(disk_burst(d, "t=1 want sel msg=c02005 cmd=00:5"), "cont STATUS(GOOD)
 *...");
 *
 * Words of a burst, in the order of its items:
 *   t=N tenure   role=T|L|P   ini=N   epoch=N   want   atn   program=N
 *   sel (with ATN)   selno   selu (information units)   msg=HEX   cmd=HEX   latch=HEX   tok   free
 *   out=BYTES:FILL   data of BYTES bytes, each FILL (hex); out=xHEX: these bytes
 *   cut   badcrc   parity   park     flags of the item before
 * Hex may hold '.' and ':N', N zero bytes.
 *
 * What comes out, one after the other, with "; " between:
 *   cont ITEMS       a program that continues the tenure; "!" behind what has wrong parity
 *   resel INI ITEMS  a reselection
 *   arm MODE, members GROUP:DEVICE, mgmt CODE TEXT; of more logical units than LUN 0: arm full 0,3
 *   members 3=GROUP:DEVICE ...
 *   read|write|atomic|or|zero|compare|verify LBA+BLOCKS (write each: one block to all), map LBA,
 *   flush, save, die
 *   lun N ...        of another store than that of LUN 0
 */
#ifndef TESTS_UNIT_DISK_H
#define TESTS_UNIT_DISK_H

#include "target/target.h"

#define DISK_TEXT 8192
#define DISK_HELD 64

/* An operation of the store that is under way: it happens when it is answered. */
struct disk_op {
	struct tgt_action a;
	enum tgt_store_result result;
	uint32_t good_blocks;
	bool meta_fails;
};

struct disk {
	struct tgt_config cfg;
	struct tgt *t;
	uint8_t *media;
	bool *mapped;    /* each block: it was written, and not unmapped since */
	uint8_t *tuples; /* protection information of each block; at first, none */
	struct {
		uint8_t *media;
		bool *mapped;
		uint8_t *tuples;
	} other[SCSI_LUNS]; /* likewise, those that ever were; not LUN 0 */
	ns_t now;
	bool hold; /* store operations wait for disk_release() or disk_answer() */
	struct disk_op held[DISK_HELD];
	unsigned n_held;
	/* Answers to what the store is asked from here on. */
	enum tgt_store_result result;
	uint32_t good_blocks;
	bool meta_fails;
	bool dead; /* it asked to die */
	char text[DISK_TEXT];
	uint8_t in[65536]; /* the data of the last DATA IN */
	size_t n_in;
	uint8_t saved[TGT_SAVED_MAX];
	size_t n_saved;
};

/* 64 blocks of 512 bytes, depth 4, in no group; attached, initiator 7 is up and has no UNIT
 * ATTENTION pending any more (unless raw). */
struct disk *disk_new(void);
struct disk *disk_new_raw(const struct tgt_config *cfg);
void disk_free(struct disk *d);
/* Each returns what came out of it; valid until the next call. */
const char *disk_attach(struct disk *d, uint64_t boot);
const char *disk_detach(struct disk *d);
const char *disk_burst(struct disk *d, const char *words);
const char *disk_frame(struct disk *d, const struct wire_frame *f);
const char *disk_port(struct disk *d, uint8_t id, uint32_t epoch, bool up);
const char *disk_reset(struct disk *d);
/* A logical unit as LUN 0 is, but for a UUID that begins and ends with its LUN; saved: see
 * tgt_lu_config. */
const char *disk_add(struct disk *d, uint8_t lun, struct span saved);
const char *disk_remove(struct disk *d, uint8_t lun);
const char *disk_fault(struct disk *d, const char *spec); /* as a management frame */
/* Answers what was held back, in its order. */
const char *disk_release(struct disk *d);
/* Answers one of d->n_held, whichever; what comes of it may be held, too. */
const char *disk_answer(struct disk *d, unsigned which);
/* Lets time pass to the deadline. */
const char *disk_wait(struct disk *d);
/* A command that waits for its status: messages IDENTIFY (disconnection not allowed), the CDB, in
 * which there may be blanks. */
const char *disk_command(struct disk *d, const char *cdb);
/* The same with the data of the command, as out= has them; NULL: none. */
const char *disk_command_with(struct disk *d, const char *cdb, const char *data);
const char *disk_lun_command(struct disk *d, uint8_t lun, const char *cdb);
/* REQUEST SENSE: "5/24/0 cdb 2.7", "3/c/0 info 9". */
const char *disk_sense(struct disk *d);
const char *disk_lun_sense(struct disk *d, uint8_t lun);
/* It answers with this data (hex.h); it is refused with this sense. */
void disk_answers(struct disk *d, const char *cdb, const char *data);
void disk_refuses(struct disk *d, const char *cdb, const char *sense);
/* What a clause says of a command with this data, or NULL; `sense`: after a CHECK CONDITION, or
 * NULL. Nothing is left of it then. */
struct disk_row {
	const char *clause, *cdb, *data, *does, *sense;
};
void disk_does(struct disk *d, const struct disk_row *row);
/* All bytes of a block of the medium are this. */
bool disk_block_is(const struct disk *d, unsigned lba, uint8_t with);
/* Joins group 1 as device 2. */
void disk_join(struct disk *d);

struct tgt_config disk_config(void);

#endif
