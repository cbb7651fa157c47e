/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SPI information units (SPI-4, clause 14): what goes through the DT DATA phases of a connection
 * for which initiator and target have agreed on information unit transfers (IU_REQ of PPR). An L_Q
 * names the nexus, and what follows it: a command (from the initiator), data, a status. Each unit
 * is padded to a multiple of 4 bytes and ends with an iuCRC; neither is counted or encoded here.
 */
#ifndef SCSI_IU_H
#define SCSI_IU_H

#include "base/cursor.h"
#include "scsi/cdb.h"
#include "scsi/msg.h"
#include "scsi/sense.h"

#define IU_L_Q_LEN      20
#define IU_COMMAND_LEN  20 /* 4 and a CDB of 16 bytes; longer ones have additional bytes */
#define IU_COMMAND_MAX  0x90
#define IU_DATA_MAX     0xffffffU /* the DATA LENGTH of an L_Q has 24 bits */
#define IU_STATUS_LEN   12
#define IU_FAILURES_LEN 4
#define IU_STATUS_MAX   (IU_STATUS_LEN + IU_FAILURES_LEN + SCSI_SENSE_MAX)

/* TYPE of an L_Q: what follows. */
enum iu_type {
	IU_LAST_COMMAND = 0x01,
	IU_MULTIPLE_COMMAND = 0x02, /* further commands come in the same connection */
	IU_DATA = 0x04,
	IU_DATA_STREAM = 0x05,
	IU_STATUS = 0x08,
};

struct iu_l_q {
	uint8_t type; /* enum iu_type, or what else came */
	uint16_t tag;
	uint8_t lun[8];  /* SAM-5, 4.7 */
	uint32_t length; /* bytes of the unit that follows; IU_STATUS: 0 is GOOD, none follows */
};

/* False, with the cursor's error set and out untouched, when it is cut short. */
bool iu_l_q_get(struct rd *r, struct iu_l_q *out);
/* length: up to IU_DATA_MAX. */
void iu_l_q_put(struct wr *w, const struct iu_l_q *q);
/* An L_Q for a logical unit that IDENTIFY can name, too (0 to 63). */
struct iu_l_q iu_l_q(enum iu_type type, uint16_t tag, uint8_t lun, uint32_t length);
/* The same back; false: the LUN is of a form, or has a number, that IDENTIFY cannot name. */
bool iu_l_q_lun(const struct iu_l_q *q, uint8_t *lun);
/* "LAST COMMAND"; "RESERVED" for a type that there is not. */
const char *iu_type_name(uint8_t type);

/* PACKETIZED FAILURE CODE of a status. */
enum iu_failure {
	IU_FAILURE_NONE = 0x00,
	IU_FAILURE_COMMAND_FIELDS = 0x02,    /* SPI COMMAND INFORMATION UNIT FIELDS INVALID */
	IU_FAILURE_TMF_NOT_SUPPORTED = 0x04, /* TASK MANAGEMENT FUNCTION NOT SUPPORTED */
	IU_FAILURE_TMF_FAILED = 0x05,
	IU_FAILURE_TYPE_CODE = 0x06,       /* INVALID TYPE CODE RECEIVED IN SPI L_Q */
	IU_FAILURE_ILLEGAL_REQUEST = 0x07, /* ILLEGAL REQUEST RECEIVED IN SPI L_Q */
};
/* The standard's name; "RESERVED" for others. */
const char *iu_failure_name(uint8_t code);

/* A command information unit. A task management function is named by the message that it is
 * without information units (MSG_ABORT_TASK, ...); MSG_NO_OPERATION: it is a command. */
struct iu_command {
	enum scsi_msg_kind attr; /* MSG_SIMPLE, _HEAD_OF_QUEUE, _ORDERED, _ACA */
	enum scsi_msg_kind function;
	bool rd, wr;     /* RDDATA, WRDATA: data are expected */
	struct span cdb; /* with the additional bytes; borrowed */
};

/* Reads all of s. IU_FAILURE_NONE, or why it is refused (out untouched): its length is not what
 * ADDITIONAL CDB LENGTH says, a reserved task attribute, a function that there is not. */
enum iu_failure iu_command_get(struct span s, struct iu_command *out);
/* Bytes of one with a CDB of so many. */
uint32_t iu_command_len(size_t cdb_len);
/* A CDB of up to SCSI_CDB_MAX bytes, padded with zeros; function and attr have to be such. */
void iu_command_put(struct wr *w, const struct iu_command *c);

/* A status information unit. */
struct iu_status {
	uint8_t status;
	bool failed; /* RSPVALID: `failure` counts, status is GOOD */
	uint8_t failure;
	struct span sense; /* SNSVALID: not empty; up to SCSI_SENSE_MAX bytes; borrowed */
};

/* False (out untouched): it is cut short or longer than its lists say. */
bool iu_status_get(struct span s, struct iu_status *out);
void iu_status_put(struct wr *w, const struct iu_status *s);

#endif
