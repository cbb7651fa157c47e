/* SPDX-License-Identifier: BSD-2-Clause */
/* SAM status codes (SAM-5, 5.3.1). */
#ifndef SCSI_STATUS_H
#define SCSI_STATUS_H

#include "base/units.h"

enum scsi_status {
	SCSI_GOOD = 0x00,
	SCSI_CHECK_CONDITION = 0x02,
	SCSI_CONDITION_MET = 0x04,
	SCSI_BUSY = 0x08,
	SCSI_RESERVATION_CONFLICT = 0x18,
	SCSI_TASK_SET_FULL = 0x28,
	SCSI_ACA_ACTIVE = 0x30,
	SCSI_TASK_ABORTED = 0x40,
};

/* The standard's name in capitals ("CHECK CONDITION"), or "UNKNOWN STATUS". */
const char *scsi_status_name(uint8_t status);

#endif
