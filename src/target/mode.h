/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mode pages of the disk: error recovery (01h), disconnect-reconnect (02h), caching (08h), control
 * (0Ah), informational exceptions (1Ch), membership (30h). modes.def has their fields; a page is
 * written by its values, and what a MODE SELECT may change is a mask of the page's bytes.
 */
#ifndef TARGET_MODE_H
#define TARGET_MODE_H

#include "base/cursor.h"
#include "scsi/page.h"
#include "scsi/sense.h"

#define MODE_PAGE_ERRORS     0x01
#define MODE_PAGE_DISCONNECT 0x02
#define MODE_PAGE_CACHING    0x08
#define MODE_PAGE_CONTROL    0x0a
#define MODE_PAGE_EXCEPTIONS 0x1c
#define MODE_PAGE_ALL        0x3f

#define MODE_PAGES    6
#define MODE_PAGE_MAX MODE_MIRROR_LEN /* bytes of the longest page */

/* PC, bits 7-6 of byte 2 of MODE SENSE (SPC-4, table 130). */
enum mode_pc { PC_CURRENT, PC_CHANGEABLE, PC_DEFAULT, PC_SAVED };

/* Control mode page (SPC-4): values of TST, QERR and UA_INTLCK_CTRL that mean something to others.
 */
#define TST_EACH      1 /* each I_T nexus has a task set of its own */
#define QERR_ALL      1 /* a CHECK CONDITION ends all of the task set */
#define QERR_NEXUS    3 /* ... all of its I_T nexus */
#define UA_INTLCK_ALL 3 /* ... also for statuses without sense */

/* The fields that modes.def names, and the membership. */
struct mode_values {
#define MODE_PAGE(code, len)
#define MODE_FIELD(page, member, byte, low, bits, def, most, name) uint32_t member;
#include "target/modes.def"
#undef MODE_PAGE
#undef MODE_FIELD
	struct mode_mirror mirror;
};

struct modes {
	struct mode_values current, saved;
};

void modes_init(struct modes *m); /* defaults */

/* MRIE of page 1Ch (SPC-4, informational exceptions control mode page): how an informational
 * exception is reported. */
enum mode_mrie { MRIE_NONE = 0, MRIE_ATTENTION = 2, MRIE_ON_REQUEST = 6 };

/* The code of page i of MODE_PAGES: they ascend. */
uint8_t mode_page_code(unsigned i);
/* One page. Returns its length, 0: no such page. out has room for MODE_PAGE_MAX bytes. */
size_t mode_page_put(const struct modes *m, uint8_t code, enum mode_pc pc, uint8_t *out);

/*
 * Pages of a MODE SELECT, one behind the other, laid over *v. False with *field (offset from the
 * first page's first byte) and *bit of what is wrong (bit 0xff: none) and *sense: INVALID FIELD IN
 * PARAMETER LIST or PARAMETER LIST LENGTH ERROR; *v is untouched then.
 */
bool mode_pages_get(struct mode_values *v, struct span list, struct scsi_sense *sense,
                    uint16_t *field, uint8_t *bit);

/* Such a list, which mode_pages_get() has taken, has this page. */
bool mode_pages_have(struct span list, uint8_t code);

/* No page differs. */
bool mode_values_equal(const struct mode_values *a, const struct mode_values *b);

/* What is kept over a restart: the saved pages. */
void modes_saved_put(const struct mode_values *v, struct wr *w);
bool modes_saved_get(struct span bytes, struct mode_values *v);

#endif
