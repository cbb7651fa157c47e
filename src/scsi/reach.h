/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far a command reaches that is sent to a member of a mirror group past the group: whose
 * medium, or whose being a member, may be different afterwards. What the table of operations has
 * not, the disk, which has the same one, refuses.
 */
#ifndef SCSI_REACH_H
#define SCSI_REACH_H

#include "base/cursor.h"

enum scsi_reach {
	REACH_NONE,   /* nobody's */
	REACH_UNIT,   /* the logical unit's that it is sent to */
	REACH_TARGET, /* any logical unit's of that target */
};

/* cdb as it is sent, with the data that go out with it (n 0: none). */
enum scsi_reach scsi_reach(struct span cdb, struct span list);

#endif
