/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/ua.h"

#include "base/assert.h"

static const struct scsi_sense *const senses[UA_KINDS] = {
        [UA_POWER_ON] = &SENSE_POWER_ON,
        [UA_BUS_RESET] = &SENSE_BUS_RESET,
        [UA_TARGET_RESET] = &SENSE_TARGET_RESET,
        [UA_NEXUS_LOSS] = &SENSE_NEXUS_LOSS,
        [UA_CLEARED] = &SENSE_COMMANDS_CLEARED,
        [UA_MODE_CHANGED] = &SENSE_MODE_PARAMETERS_CHANGED,
        [UA_CAPACITY_CHANGED] = &SENSE_CAPACITY_CHANGED,
        [UA_RESERVATIONS_PREEMPTED] = &SENSE_RESERVATIONS_PREEMPTED,
        [UA_RESERVATIONS_RELEASED] = &SENSE_RESERVATIONS_RELEASED,
        [UA_REGISTRATIONS_PREEMPTED] = &SENSE_REGISTRATIONS_PREEMPTED,
        [UA_PREVIOUS_BUSY] = &SENSE_PREVIOUS_BUSY,
        [UA_PREVIOUS_FULL] = &SENSE_PREVIOUS_TASK_SET_FULL,
        [UA_PREVIOUS_CONFLICT] = &SENSE_PREVIOUS_RESERVATION_CONFLICT,
        [UA_LUNS_CHANGED] = &SENSE_LUNS_CHANGED,
        [UA_LOG_CHANGED] = &SENSE_LOG_PARAMETERS_CHANGED,
        [UA_EXCEPTION] = &SENSE_FALSE_EXCEPTION_ATTENTION,
};

#define BIT(kind) (UINT32_C(1) << (kind))
_Static_assert(UA_KINDS <= 32, "pending");
/* What a reset stands for: all that the list has after it. */
#define RESETS (BIT(UA_POWER_ON) | BIT(UA_BUS_RESET) | BIT(UA_TARGET_RESET) | BIT(UA_NEXUS_LOSS))

void ua_post(struct ua *u, enum ua_kind kind)
{
	sm_assert(kind < UA_KINDS);
	if (!(BIT(kind) & RESETS)) {
		u->pending |= BIT(kind);
		return;
	}
	/* A greater reset that was not reported yet stands for this one; what came before this one
	 * means nothing any more. */
	uint32_t greater = u->pending & RESETS & (BIT(kind) - 1);
	u->pending = greater ? greater : BIT(kind);
}

void ua_clear(struct ua *u, enum ua_kind kind)
{
	sm_assert(kind < UA_KINDS && !(BIT(kind) & RESETS));
	u->pending &= ~BIT(kind);
}

struct scsi_sense ua_first(const struct ua *u)
{
	struct ua copy = *u;
	return ua_take(&copy);
}

struct scsi_sense ua_take(struct ua *u)
{
	for (unsigned kind = 0; kind < UA_KINDS; kind++) {
		if (!(u->pending & BIT(kind)))
			continue;
		u->pending &= ~BIT(kind);
		return *senses[kind];
	}
	return SENSE_NONE;
}
