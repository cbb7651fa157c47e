/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bus phases of the parallel bus (SPI-3, clause 10). The information transfer
 * phases are encoded as their MSG, C/D, I/O lines.
 */
#ifndef SCSI_PHASE_H
#define SCSI_PHASE_H

#include "base/units.h"

#define SCSI_IO  0x01 /* I/O asserted: target to initiator */
#define SCSI_CD  0x02 /* C/D asserted: control */
#define SCSI_MSG 0x04

enum scsi_phase {
	PHASE_DATA_OUT = 0,
	PHASE_DATA_IN = SCSI_IO,
	PHASE_COMMAND = SCSI_CD,
	PHASE_STATUS = SCSI_CD | SCSI_IO,
	PHASE_MESSAGE_OUT = SCSI_MSG | SCSI_CD,
	PHASE_MESSAGE_IN = SCSI_MSG | SCSI_CD | SCSI_IO,
	PHASE_BUS_FREE = 8,
	PHASE_ARBITRATION,
	PHASE_SELECTION,
	PHASE_RESELECTION,
	PHASE_RESET,
};

#define PHASE_KINDS 13 /* values above are 0..12; 4 and 5 are reserved by the standard */

/* As the standard and the trace print it: "MESSAGE OUT", "BUS FREE", ... */
const char *scsi_phase_name(enum scsi_phase phase);

#endif
