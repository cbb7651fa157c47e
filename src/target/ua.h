/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UNIT ATTENTION conditions of one initiator (SAM-5, 5.14). Those of resets stand above each other:
 * the event that happened to more of the device stands for the lesser ones (SPC-4, table 33).
 */
#ifndef TARGET_UA_H
#define TARGET_UA_H

#include "scsi/sense.h"

/* In the order in which they are reported. */
enum ua_kind {
	UA_POWER_ON,
	UA_BUS_RESET,
	UA_TARGET_RESET,
	UA_NEXUS_LOSS,
	UA_CLEARED, /* COMMANDS CLEARED BY ANOTHER INITIATOR */
	UA_MODE_CHANGED,
	UA_CAPACITY_CHANGED, /* what READ CAPACITY says: the type of protection */
	UA_RESERVATIONS_PREEMPTED,
	UA_RESERVATIONS_RELEASED,
	UA_REGISTRATIONS_PREEMPTED,
	/* UA_INTLCK_CTRL = 11b: of a status that carries no sense */
	UA_PREVIOUS_BUSY,
	UA_PREVIOUS_FULL,
	UA_PREVIOUS_CONFLICT,
	UA_LUNS_CHANGED, /* REPORTED LUNS DATA HAS CHANGED */
	UA_LOG_CHANGED,
	UA_EXCEPTION, /* an informational one */
	UA_KINDS,
};

struct ua {
	uint32_t pending; /* bit = enum ua_kind */
};

void ua_post(struct ua *u, enum ua_kind kind);
static inline bool ua_pending(const struct ua *u)
{
	return u->pending != 0;
}
/* One of those that are no resets: no longer pending. */
void ua_clear(struct ua *u, enum ua_kind kind);
/* The one to report; NO SENSE when there is none. */
struct scsi_sense ua_first(const struct ua *u);
/* The one to report, which is no longer pending then; NO SENSE when there is none. */
struct scsi_sense ua_take(struct ua *u);

#endif
