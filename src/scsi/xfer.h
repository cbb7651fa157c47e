/* SPDX-License-Identifier: BSD-2-Clause */
/* A data transfer agreement between an initiator and a target (SPI-3, 4.12): by PPR, WDTR, SDTR. */
#ifndef SCSI_XFER_H
#define SCSI_XFER_H

#include "base/units.h"

#define XFER_WIDE_MAX   1 /* transfer width exponent: 0 = 8 bits, 1 = 16 bits */
#define XFER_OFFSET_MAX 127

struct xfer {
	uint8_t period; /* PPR transfer period factor; meaningless when offset is 0 */
	uint8_t offset; /* REQ/ACK offset; 0: asynchronous */
	uint8_t wide;
	uint8_t options; /* PPR protocol options */
};

#define XFER_IU_REQ  0x01
#define XFER_DT_REQ  0x02
#define XFER_QAS_REQ 0x04
#define XFER_RTI     0x40 /* training information is retained */

#define XFER_ASYNC ((struct xfer){0})
/* Ultra160: Fast-80 DT, wide, offset 62: the most that members of a mirror group negotiate. */
#define XFER_ULTRA160                                                                              \
	((struct xfer){.period = 0x09, .offset = 62, .wide = 1, .options = XFER_DT_REQ})
/* Ultra320: Fast-160, which has information units and nothing else. */
#define XFER_ULTRA320                                                                              \
	((struct xfer){.period = 0x08,                                                             \
	               .offset = 127,                                                              \
	               .wide = 1,                                                                  \
	               .options = XFER_DT_REQ | XFER_IU_REQ | XFER_RTI})

/* The lesser of two offers, field by field (the slower period, smaller offset and width, common
 * options). Where the standard has no such mode, the next slower one: without DT no Fast-80,
 * without information units no Fast-160; asynchronous has no period and no options; options need
 * the wide bus, information units DT; only paced transfers, Fast-160, have training information
 * that can be retained (SPI-4, negotiable field combinations). */
struct xfer xfer_common(struct xfer a, struct xfer b);
bool xfer_equal(struct xfer a, struct xfer b);
/* The agreement where it is used without information units: at most Fast-80. */
struct xfer xfer_plain(struct xfer x);
/* Paced transfers (SPI-4): a training pattern goes before them. */
bool xfer_paced(struct xfer x);
/* Data of passes, which have no information units, move alike under both: QAS is about what comes
 * after them. */
bool xfer_alike(struct xfer a, struct xfer b);
/* Period in units of 10 picoseconds (08h -> 625, 09h -> 1250, 0Ah -> 2500, 0Bh -> 3030, 0Ch ->
 * 5000, above: factor * 400). 0 for reserved factors 0..7. */
uint32_t xfer_period_10ps(uint8_t factor);
/* Names a mode: "async", "Fast-10", "Fast-20", "Fast-40", "Fast-80 (Ultra160)", ... with " wide",
 * " IU" and " QAS" where they apply. */
const char *xfer_name(struct xfer x, char *buf, size_t n);

#endif
