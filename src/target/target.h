/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The target core: one emulated SCSI disk behind one port. Sans-IO: events go in with the machine's
 * time, actions come out. It keeps the task set, the mode pages, the UNIT ATTENTIONs and the role
 * in silent mirroring; media, metadata and the connection are the shell's.
 *
 * Ownership: an event and what it points to are borrowed for the call. Actions and all that they
 * point to are the core's and live until the next tgt_step() or tgt_free(); a shell that goes on
 * using a block takes a reference. The core allocates in tgt_new() and tgt_lu_new() only.
 *
 * A shell performs the actions in their order and answers every STORE_* and META_SAVE with one
 * TGT_EV_STORE_DONE or TGT_EV_META_DONE of the same op, also across DETACHED: it attaches again
 * when tgt_store_ops() is 0. Several are outstanding at once, as many as there are tasks, and may
 * be done side by side and answered in any order: of two that touch the same blocks of a logical
 * unit, one of them writing, the core asks for the second when the first is answered.
 *
 * Logical units come and go by events. What a unit that goes has asked for is answered as ever; it
 * asks for nothing more.
 */
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include "base/block.h"
#include "scsi/page.h"
#include "scsi/protect.h"
#include "scsi/xfer.h"
#include "wire/wire.h"

#define TGT_DEPTH_DEFAULT 64
#define TGT_DEPTH_MAX     256
#define TGT_TRANSFER_MAX  WIRE_DATA_MAX /* bytes of one command's data phase */
#define TGT_ATOMIC_MAX    (1 * MIB)     /* bytes of STORE_ATOMIC */
#define TGT_MAP_MAX       256           /* descriptors of STORE_MAP */
#define TGT_SAVED_MAX     512           /* bytes of META_SAVE */

struct tgt;
struct tgt_lu;

/* Of a logical unit. */
struct tgt_lu_config {
	uint8_t uuid[UUID_LEN];
	char name[TARGET_NAME_MAX + 1];
	uint32_t block_size; /* 512 or 4096 */
	uint64_t blocks;     /* capacity, at least 1 */
	bool write_protect;
	bool thin;     /* logical blocks can be unmapped, and are mapped when they are written */
	bool protects; /* the store can keep protection information: tgt_saved_protection() */
	struct span saved; /* the bytes of its last META_SAVE; empty: never saved */
};

struct tgt_config {
	struct tgt_lu_config lu; /* LUN 0 */
	unsigned luns;           /* most logical units that it ever has, up to SCSI_LUNS; 0: 1 */
	unsigned queue_depth;    /* tasks that each takes at once, 1..TGT_DEPTH_MAX */
	bool unarmed;            /* every phase waits for the process */
	uint32_t boot;           /* another one each time that it is started, unless nothing
	                            that was acknowledged is lost by that; 0: unknown. A
	                            logical unit that is put in later has one of its own */
	struct xfer xfer;        /* the best agreement that it answers with */
};

enum tgt_event_kind {
	TGT_EV_ATTACHED,   /* the server's ATTACHED came */
	TGT_EV_DETACHED,   /* the connection is gone */
	TGT_EV_FRAME,      /* any other frame */
	TGT_EV_STORE_DONE, /* answers a STORE_* action */
	TGT_EV_META_DONE,  /* answers META_SAVE */
	TGT_EV_LU_ADDED,   /* a logical unit is there: the core's from here on */
	TGT_EV_LU_REMOVED, /* it is no more; what it had asked for is still answered */
	TGT_EV_DEADLINE,   /* tgt_deadline() was reached */
};

enum tgt_store_result {
	STORE_OK,
	STORE_ERROR,      /* the medium refused; good_blocks from the start are done */
	STORE_ROTTEN,     /* likewise: the block after them is not what was written there */
	STORE_NO_SPACE,   /* the file system is full: likewise */
	STORE_DATA_GONE,  /* the initiator gave the memory of the data to others meanwhile */
	STORE_MISCOMPARE, /* compare: good_blocks from the start are equal */
	STORE_PROTECTION, /* protection information is wrong: good_blocks from the start are right.
	                   * Nothing was written of what came with it */
	STORE_DEAD,       /* flush: what was written may be lost, for good */
};

struct tgt_event {
	enum tgt_event_kind kind;
	ns_t now; /* machine time, never goes back */
	union {
		const struct wire_attached *attached;
		const struct wire_frame *frame;
		struct {
			uint32_t op;
			enum tgt_store_result result;
			uint32_t good_blocks; /* where result says so */
			uint32_t differs;     /* STORE_MISCOMPARE: first byte of the block after */
			/* STORE_PROTECTION: what is wrong of the block after; STORE_MISCOMPARE: it
			 * is this that differs (enum protect_field; 0: it is the data) */
			uint8_t field;
			/* STORE_READ that is STORE_OK: exactly the bytes asked for, each block with
			 * its protection information where that is moved; STORE_MAP: what
			 * lba_status_put() writes, cut off at `room`. */
			struct block *block;
		} store;
		struct {
			uint32_t op;
			bool ok;
		} meta;
		struct tgt_lu *added; /* where none is, below cfg.luns in number */
		uint8_t removed;      /* LUN, not 0 */
	};
};

enum tgt_action_kind {
	TGT_SEND,
	TGT_STORE_READ,
	TGT_STORE_WRITE,   /* repeat: the same block to each */
	TGT_STORE_ATOMIC,  /* as WRITE, at most TGT_ATOMIC_MAX bytes: all of it is there, or none,
	                    * also when the process or the machine ends in the middle */
	TGT_STORE_OR,      /* what is there OR block: the blocks are read and written */
	TGT_STORE_ZERO,    /* they read as zeros from now on; what held them may be given back */
	TGT_STORE_COMPARE, /* medium against block; repeat: each block against the same one */
	TGT_STORE_VERIFY,  /* read, no data wanted */
	TGT_STORE_MAP,     /* which blocks from lba on are mapped, as GET LBA STATUS says it */
	TGT_STORE_FLUSH,   /* each WRITE that was answered before is on the medium when it ends */
	TGT_META_SAVE,     /* keep `bytes` durably */
	TGT_DIE,           /* end at once, as if killed: nothing after this is performed */
};

struct tgt_action {
	enum tgt_action_kind kind;
	uint32_t op; /* STORE_*, META_SAVE */
	uint8_t lun; /* whose store, whose bytes */
	lba_t lba;
	uint32_t blocks;
	struct block *block; /* WRITE, ATOMIC, OR, COMPARE */
	uint32_t offset;     /* where in block the bytes begin */
	bool repeat;         /* WRITE, COMPARE */
	/* READ, WRITE, ATOMIC, OR, ZERO, COMPARE, VERIFY: to be kept and checked with the blocks.
	 * Where it is moved, each block of `block` has its own behind it. What came is checked, all
	 * of it, before anything is written or compared; what is read, before it is used. OR: the
	 * tags of what came are written, the guard is made. */
	struct protect protect;
	uint32_t room;           /* MAP: bytes of data at most, at least 1 */
	struct span bytes;       /* META_SAVE */
	struct wire_frame frame; /* SEND */
};

struct tgt_actions {
	unsigned n;
	const struct tgt_action *v;
};

/* NULL with why when the configuration or what was saved is not usable, or memory is out. */
struct tgt *tgt_new(const struct tgt_config *cfg, char *why, size_t why_len);
void tgt_free(struct tgt *t);

/* Of a logical unit whose store has just become able to keep protection information, all of it
 * PROTECT_NONE: what it saved (`len` bytes of TGT_SAVED_MAX) is to say that it is formatted with
 * this type of protection, 0 to 3. Returns the new length; what says so already stays as it is. */
size_t tgt_saved_protection(uint8_t type, uint8_t *saved, size_t len);

/* A logical unit for TGT_EV_LU_ADDED. NULL with why, as tgt_new(). */
struct tgt_lu *tgt_lu_new(uint8_t lun, const struct tgt_lu_config *cfg, char *why, size_t why_len);
/* One that no target was given. */
void tgt_lu_free(struct tgt_lu *lu);
/* Whether a logical unit is there. */
bool tgt_has_lun(const struct tgt *t, uint8_t lun);

/* Lets one event happen; *out is what to do now. */
void tgt_step(struct tgt *t, const struct tgt_event *ev, struct tgt_actions *out);
/* When it wants TGT_EV_DEADLINE; NS_NEVER if it does not. */
ns_t tgt_deadline(const struct tgt *t);
/* Asserts every invariant (tests call it after each step). */
void tgt_check(const struct tgt *t);

/* STORE_* and META_SAVE actions that were not answered yet, but those of what goes on in the
 * background (FORMAT UNIT, SANITIZE): that stops for no detach. */
unsigned tgt_store_ops(const struct tgt *t);
/* Tasks that have not ended. */
unsigned tgt_tasks(const struct tgt *t);

/* Adds a fault ("medium-error:lba=7,times=2"). False with why, which names key and value. */
bool tgt_fault_add(struct tgt *t, const char *spec, char *why, size_t why_len);

#endif
