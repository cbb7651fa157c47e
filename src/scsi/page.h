/* SPDX-License-Identifier: BSD-2-Clause */
/* Vendor pages of silent mirroring: VPD page C0h (capability), mode page 30h (membership). */
#ifndef SCSI_PAGE_H
#define SCSI_PAGE_H

#include "base/cursor.h"

#include <smirror/mirror.h>

#define VPD_MIRROR_PAGE         SMIRROR_VPD_PAGE
#define MODE_MIRROR_PAGE        SMIRROR_MODE_PAGE
#define MIRROR_PROTOCOL_VERSION SMIRROR_PROTOCOL_VERSION
#define UUID_LEN                16
#define TARGET_NAME_MAX         32 /* bytes, printable ASCII, no blanks */

/* True when the n bytes can be a target's name: not too long, printable ASCII, no blanks. */
bool target_name_ok(const char *name, size_t n);

/*
 * VPD C0h. Layout after the 4-byte header (page length 64): byte 4 protocol version, byte 5 flags
 * (bit 0 silent mirroring, bit 1 broadcast passes, bit 2 the target was started since its page 30h
 * was written, but by one that is about to import the group), 6-7 queue depth (tasks that it
 * takes at once: the daemon's credit), 8-11 largest transfer per pass in bytes, 12-15 a number that
 * is another one each time that the target is started, or the logical unit put in (0: it does not
 * say), 16-31 UUID, 32-63 name (ASCII, NUL padded), 64-67 reserved.
 */
struct vpd_mirror {
	uint8_t version;
	bool silent, broadcast, started;
	uint16_t queue_depth;
	uint32_t max_transfer; /* bytes */
	uint32_t boot;
	uint8_t uuid[UUID_LEN];
	char name[TARGET_NAME_MAX + 1];
};
/* The whole page with its header. */
void vpd_mirror_put(struct wr *w, const struct vpd_mirror *p);
/* False (out untouched): too short, another page, a name that is not printable. Later versions may
 * append: what follows is not read. */
bool vpd_mirror_get(struct span page, struct vpd_mirror *out);

/*
 * Mode page 30h, page length 2Eh (48 bytes in all): byte 2 bit 0 member, bit 1 none of the group's
 * members is in sync, bit 2 its owner is about to take the group over, and all but the owner is as
 * it was before, bits 3-7 how many members the group has (0: it does not say; 31 is read as 0 with
 * bit 1), 3 device id, 4-5 group id, 6-7 term, 8-23 group UUID, 24-31 generation, 32-47 UUID of the
 * initiator that serves the group, its owner (zero: none says so). The term is how often the group
 * went to another owner: of pages that name different ones the latest counts. All zero: no
 * membership.
 */
struct mode_mirror {
	bool member;
	bool none_in_sync;
	bool importing;
	uint8_t members;
	uint8_t device;
	uint16_t group;
	uint8_t group_uuid[UUID_LEN];
	uint64_t generation;
	uint8_t owner[UUID_LEN];
	uint16_t term;
};
#define MODE_MIRROR_LEN SMIRROR_MODE_PAGE_LEN
/* With page code and length, PS=1. */
void mode_mirror_put(struct wr *w, const struct mode_mirror *p);
/* The page begins at its page code byte; other pages may follow it. False (out untouched): too
 * short, another page or length. */
bool mode_mirror_get(struct span page, struct mode_mirror *out);
bool mode_mirror_equal(const struct mode_mirror *a, const struct mode_mirror *b);

/*
 * GET LBA STATUS parameter data (SBC-3): bytes 0-3 length of what follows, 4-7 reserved, then
 * descriptors of 16 bytes: 0-7 first block, 8-11 number of blocks, 12 provisioning status.
 */
#define LBA_STATUS_HEAD_LEN       8
#define LBA_STATUS_DESCRIPTOR_LEN 16
enum lba_provisioning { LBA_MAPPED, LBA_DEALLOCATED, LBA_ANCHORED };
struct lba_status {
	lba_t lba;
	uint32_t blocks;
	enum lba_provisioning status;
};
void lba_status_put(struct wr *w, const struct lba_status *v, size_t n);

#endif
