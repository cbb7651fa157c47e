/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/status.h"

static const struct {
	uint8_t status;
	const char *name;
} names[] = {
        {SCSI_GOOD, "GOOD"},
        {SCSI_CHECK_CONDITION, "CHECK CONDITION"},
        {SCSI_CONDITION_MET, "CONDITION MET"},
        {SCSI_BUSY, "BUSY"},
        {SCSI_RESERVATION_CONFLICT, "RESERVATION CONFLICT"},
        {SCSI_TASK_SET_FULL, "TASK SET FULL"},
        {SCSI_ACA_ACTIVE, "ACA ACTIVE"},
        {SCSI_TASK_ABORTED, "TASK ABORTED"},
};

const char *scsi_status_name(uint8_t status)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].status == status)
			return names[i].name;
	return "UNKNOWN STATUS";
}
