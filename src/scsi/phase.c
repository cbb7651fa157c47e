/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/phase.h"

static const char *const names[PHASE_KINDS] = {
        [PHASE_DATA_OUT] = "DATA OUT",
        [PHASE_DATA_IN] = "DATA IN",
        [PHASE_COMMAND] = "COMMAND",
        [PHASE_STATUS] = "STATUS",
        [PHASE_MESSAGE_OUT] = "MESSAGE OUT",
        [PHASE_MESSAGE_IN] = "MESSAGE IN",
        [PHASE_BUS_FREE] = "BUS FREE",
        [PHASE_ARBITRATION] = "ARBITRATION",
        [PHASE_SELECTION] = "SELECTION",
        [PHASE_RESELECTION] = "RESELECTION",
        [PHASE_RESET] = "RESET",
};

const char *scsi_phase_name(enum scsi_phase phase)
{
	size_t i = (size_t)phase;
	return i < ARRAY_LEN(names) && names[i] ? names[i] : "RESERVED";
}
