/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parameter list of EXTENDED COPY(LID1) (SPC-4, "EXTENDED COPY(LID1) command"), as plain
 * values, and the limits that RECEIVE COPY RESULTS and VPD page 8Fh tell.
 */
#ifndef TARGET_COPY_H
#define TARGET_COPY_H

#include "base/cursor.h"
#include "scsi/sense.h"

#define COPY_HEAD_LEN    16
#define COPY_CSCD_LEN    32
#define COPY_SEGMENT_LEN 28 /* of 02h */
#define COPY_CSCDS_MAX   16
#define COPY_SEGMENTS    64 /* most */
/* Both descriptor lists together. */
#define COPY_LISTS_MAX (COPY_CSCDS_MAX * COPY_CSCD_LEN + COPY_SEGMENTS * COPY_SEGMENT_LEN)
#define COPY_LIST_MAX  4096       /* bytes of a parameter list that are taken to look at */
#define COPY_PIECE     (1U << 20) /* bytes that are moved at once */
/* A segment's blocks have 16 bits. */
#define COPY_SEGMENT_BYTES_MAX (UINT16_MAX * 512U)

#define COPY_CSCD_IDENT     0xe4 /* identification descriptor */
#define COPY_SEGMENT_BLOCKS 0x02 /* block device to block device */

struct copy_list {
	uint8_t id;
	bool keeps; /* its status can be asked for */
	unsigned n_cscds, n_segments;
	struct span cscds, segments;
};

/* Whom a copy reads or writes. */
struct copy_cscd {
	uint8_t device_type;
	uint32_t block_size; /* 0: not said */
	uint8_t code_set, association, type;
	struct span id;
};

struct copy_segment {
	uint16_t source, destination; /* indices of CSCDs */
	bool counts_destination;      /* DC: blocks are the destination's */
	uint32_t blocks;
	lba_t from, to;
};

/* False with the sense: PARAMETER LIST LENGTH ERROR, or ILLEGAL REQUEST with a field pointer. */
bool copy_list_get(struct span bytes, struct copy_list *out, struct scsi_sense *sense);
/* Of a list that was found right. */
struct copy_cscd copy_cscd(const struct copy_list *l, unsigned i);
struct copy_segment copy_segment(const struct copy_list *l, unsigned i);

#endif
