/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protection information (SBC-3, "Protection information model"): the 8 bytes that go with a
 * logical block, and what they are checked for. Which checks a command has is the disk's to say
 * (target/protect.c); whoever has the bytes makes them.
 *
 * In a transfer a block's 8 bytes follow it: GUARD (2), a CRC-16 of the block; APPLICATION TAG (2);
 * REFERENCE TAG (4).
 */
#ifndef SCSI_PROTECT_H
#define SCSI_PROTECT_H

#include "base/units.h"

#define PROTECT_LEN      8
#define PROTECT_TYPE_MAX 3

struct protect_tuple {
	uint16_t guard, app;
	uint32_t ref;
};

/* Of blocks that were formatted or unmapped: nothing of them is checked. */
#define PROTECT_NONE ((struct protect_tuple){0xffff, 0xffff, 0xffffffff})

struct protect_tuple protect_get(const uint8_t *p);
void protect_put(uint8_t *p, struct protect_tuple t);
bool protect_is_none(struct protect_tuple t);

enum protect_field { PROTECT_GUARD = 1, PROTECT_APP = 2, PROTECT_REF = 4 };
#define PROTECT_ALL (PROTECT_GUARD | PROTECT_APP | PROTECT_REF)

/* What an operation on some blocks has to do with their protection information. Sets of fields are
 * of enum protect_field. */
struct protect {
	uint8_t type;    /* 1 to 3; 0: there is none, and nothing else here means anything */
	bool moved;      /* it is in the data, behind each block */
	bool none;       /* what is written has none, whatever the data are */
	uint8_t medium;  /* fields that are checked of what is read */
	uint8_t data;    /* ... of what came */
	uint8_t compare; /* ... that have to be equal in a comparison */
	/* Of PROTECT_REF: expected of the command's first block, one more of each after it; the
	 * operation begins with block `index` of the command. */
	uint32_t ref, index;
	uint16_t app, mask; /* of PROTECT_APP: expected in the bits of the mask */
	uint16_t made;      /* application tag of what is made where none came */
};

/* Which of these fields is the first one wrong of block i of the operation; 0: none. data: the
 * block's n bytes. */
unsigned protect_wrong(const struct protect *r, unsigned fields, uint32_t i, const uint8_t *data,
                       size_t n, struct protect_tuple t);
/* What is on the medium says that it is not to be checked (SBC-3: an application tag of FFFFh, with
 * type 3 also a reference tag of FFFF_FFFFh). */
bool protect_escapes(const struct protect *r, struct protect_tuple t);
/* For a block that came without. */
struct protect_tuple protect_make(const struct protect *r, lba_t lba, const uint8_t *data,
                                  size_t n);
/* For block i of those that are written from one that came with t (SBC-3, WRITE SAME). */
struct protect_tuple protect_repeat(const struct protect *r, uint32_t i, struct protect_tuple t);
/* Which field of r->compare differs first; 0: none. */
unsigned protect_differs(const struct protect *r, struct protect_tuple a, struct protect_tuple b);

#endif
