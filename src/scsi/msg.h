/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages (SPI-3, clause 16; SCSI-2, 6.6), and the one vendor-unique extended
 * message of silent mirroring. Layouts are written once, in msg.c.
 */
#ifndef SCSI_MSG_H
#define SCSI_MSG_H

#include "base/cursor.h"
#include "scsi/sense.h"
#include "scsi/xfer.h"

#include <smirror/mirror.h>

enum scsi_msg_kind {
	MSG_COMMAND_COMPLETE,         /* 00h */
	MSG_EXT_PPR,                  /* 01h 06h 04h */
	MSG_EXT_WDTR,                 /* 01h 02h 03h */
	MSG_EXT_SDTR,                 /* 01h 03h 01h */
	MSG_EXT_MIRROR,               /* 01h n E0h: SILENT MIRRORING */
	MSG_EXT_OTHER,                /* 01h n ..: an extended message that we do not know */
	MSG_SAVE_DATA_POINTER,        /* 02h */
	MSG_RESTORE_POINTERS,         /* 03h */
	MSG_DISCONNECT,               /* 04h */
	MSG_INITIATOR_DETECTED_ERROR, /* 05h */
	MSG_ABORT_TASK_SET,           /* 06h (SCSI-2: ABORT) */
	MSG_MESSAGE_REJECT,           /* 07h */
	MSG_NO_OPERATION,             /* 08h */
	MSG_MESSAGE_PARITY_ERROR,     /* 09h */
	MSG_TARGET_RESET,             /* 0Ch (SCSI-2: BUS DEVICE RESET) */
	MSG_ABORT_TASK,               /* 0Dh (SCSI-2: ABORT TAG) */
	MSG_CLEAR_TASK_SET,           /* 0Eh (SCSI-2: CLEAR QUEUE) */
	MSG_CLEAR_ACA,                /* 16h */
	MSG_LOGICAL_UNIT_RESET,       /* 17h */
	MSG_SIMPLE,                   /* 20h tag */
	MSG_HEAD_OF_QUEUE,            /* 21h tag */
	MSG_ORDERED,                  /* 22h tag */
	MSG_IGNORE_WIDE_RESIDUE,      /* 23h n */
	MSG_ACA,                      /* 24h tag */
	MSG_IDENTIFY,                 /* 80h..FFh */
	MSG_OTHER,                    /* any other one- or two-byte message */
};

#define SCSI_LUNS 64 /* that IDENTIFY can name */

/* SILENT MIRRORING, the extended message with code E0h: byte 3. */
enum mirror_function {
	MIRROR_LEADER = SMIRROR_MSG_LEADER,   /* TARGET LEADER IDENTIFICATION */
	MIRROR_SELECT = SMIRROR_MSG_SELECT,   /* TARGET SELECTION */
	MIRROR_RELEASE = SMIRROR_MSG_RELEASE, /* BUS RELEASE */
	MIRROR_STATUS = SMIRROR_MSG_STATUS,   /* MIRROR STATUS, target to initiator */
};

#define MSG_MIRROR_CODE       SMIRROR_MSG_CODE
#define MIRROR_FLAG_LAST      SMIRROR_MSG_FLAG_LAST
#define MIRROR_FLAG_BROADCAST SMIRROR_MSG_FLAG_BROADCAST

struct scsi_msg_mirror {
	enum mirror_function function;
	bool last, broadcast;
	uint16_t group;
	uint8_t device;
	uint32_t op;      /* operation id */
	uint32_t devices; /* BROADCAST: bitmap of device ids 0..31 */
	uint8_t status;   /* MIRROR STATUS: SAM status */
	uint8_t sense_len;
	uint8_t sense[SCSI_SENSE_MAX]; /* MIRROR STATUS: sense_len bytes of it */
};

struct scsi_msg {
	enum scsi_msg_kind kind;
	union {
		uint8_t tag; /* SIMPLE, HEAD OF QUEUE, ORDERED, ACA */
		/* MSG_OTHER, MSG_EXT_OTHER: the code; IGNORE WIDE RESIDUE: the residue */
		uint8_t code;
		struct {
			uint8_t lun;
			bool disc_priv;
		} identify;
		struct xfer xfer; /* PPR (all), SDTR (period, offset), WDTR (wide) */
		struct scsi_msg_mirror mirror;
	};
};

#define SCSI_MSG_MAX 96 /* longest message that we send */

/*
 * Reads one message. False, with the cursor's error set, when the message is
 * cut short, an extended length does not fit its code, or a SILENT MIRRORING
 * message is malformed (unknown function, reserved flags set, lengths wrong; a
 * MIRROR STATUS has no flags). out is untouched then. What follows the message
 * stays in the cursor: messages come in sequences.
 */
bool scsi_msg_get(struct rd *r, struct scsi_msg *out);
/* Writes one message. A SILENT MIRRORING message that scsi_msg_get() would refuse and a LUN above
 * 63 are our own bugs: asserted. */
void scsi_msg_put(struct wr *w, const struct scsi_msg *m);

/* The standard's name; for SILENT MIRRORING the function's ("TARGET SELECTION"). Never NULL. */
const char *scsi_msg_name(const struct scsi_msg *m);

/* Shorthands for the messages that everyone sends. */
void msg_put_identify(struct wr *w, uint8_t lun, bool disc_priv);
void msg_put_simple(struct wr *w, uint8_t tag);
void msg_put_byte(struct wr *w, uint8_t code); /* one-byte messages: 00h, 02h, 04h, 06h, 07h ... */

#endif
