/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks with protection information, for tests: 64 blocks of 512 bytes, thin. */
#ifndef TESTS_UNIT_PROTECTED_H
#define TESTS_UNIT_PROTECTED_H

#include "scsi/cdb.h"
#include "scsi/protect.h"
#include "unit/disk.h"

#define LBA  4 /* the first of two blocks that protected_put() writes */
#define BS   512
#define REF2 0x11223344U /* of type 2: of block LBA */
#define APP  0x1234

#define END   "STATUS(GOOD) COMMAND COMPLETE FREE"
#define CHECK "STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"

/* Of the control mode page. */
struct mode_bits {
	bool ato, dpicz, rwwp;
};

/* Formatted with this type; no UNIT ATTENTION is pending for initiator 7. */
struct disk *protected_disk(uint8_t type, struct mode_bits bits);
/* Byte i of what protected_fill() makes of a block. */
uint8_t protected_byte(lba_t lba, size_t i);
void protected_fill(uint8_t *p, lba_t lba);
/* For a block as an initiator makes it. */
struct protect_tuple protected_right(uint8_t type, lba_t lba, const uint8_t *p);
struct protect_tuple protected_tuple(const struct disk *d, lba_t lba);
/* Two blocks with what is right for them. */
void protected_put(struct disk *d, uint8_t type);
/* With a guard, application tag or reference tag that is wrong: 'g', 'a', 'r'; '-': as it is; '*':
 * a guard that is wrong, of one that says that it is not to be checked. */
struct protect_tuple protected_spoil(struct protect_tuple t, uint8_t type, char what);
/* A command with n bytes of data, 0: none. Returns what came out of it. */
const char *protected_command(struct disk *d, const struct scsi_cdb *c, const uint8_t *data,
                              size_t n);
/* Fails the test unless this is on the medium. */
void protected_is(const struct disk *d, lba_t lba, unsigned guard, unsigned app, unsigned ref);

#endif
