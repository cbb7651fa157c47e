/* SPDX-License-Identifier: BSD-2-Clause */
/* Between import.c, which asks for pages and writes them, and import_judge.c, which reads them. */
#ifndef INITIATOR_IMPORT_H
#define INITIATOR_IMPORT_H

#include "initiator/group.h"

struct found { /* a group's targets that are here */
	const struct hba_target *t[HBA_UNITS];
	unsigned n;
	const struct mode_mirror *latest; /* NULL: none */
};

/* Those with a page of the group, but for members that were removed while they were away. */
void import_find(struct ini *ini, const uint8_t uuid[UUID_LEN], struct found *f);
/* The members that g has, as their pages are now; false: one has gone, or is no member any more. */
bool import_find_again(const struct group *g, struct found *f);
/* Who is in sync; the generation, and the term, which is later than that of whoever had it; and
 * whether it is to be taken from somebody (claiming). */
void import_judge(struct group *g, const struct found *f);

#endif
