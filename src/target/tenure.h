/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tenure of the bus, and what the port does in it: bursts and programs (port.c), messages
 * (message.c), a mirroring tenure (silent.c), answers (reply.c), and how long a data phase may be
 * (limits.c).
 */
#ifndef TARGET_TENURE_H
#define TARGET_TENURE_H

#include "scsi/cdb.h"
#include "scsi/msg.h"
#include "target/target.h"
#include "target/ua.h"

struct task;

/*
 * What the bus would get if it asked for a program: the state of a tenure as we see it.
 *
 *   NEXT_MESSAGES -> NEXT_COMMAND -> [NEXT_DATA ->] NEXT_STATUS                     conventional
 *   ...           -> NEXT_COMMAND -> [NEXT_DATA ->] NEXT_MORE -> NEXT_PASS          leader
 *                       ^------ TARGET LEADER IDENTIFICATION -/ \-> NEXT_FREE on BUS RELEASE
 *   NEXT_LATCHED --ITEM_TOKEN--> [NEXT_DATA ->] NEXT_MORE -> NEXT_PASS              participant
 *   NEXT_LATCHED --ITEM_DATA_OUT--> NEXT_MORE                            participant, broadcast
 */
enum tenure_next {
	NEXT_MESSAGES, /* drive MESSAGE OUT */
	NEXT_COMMAND,  /* drive COMMAND */
	NEXT_DATA,     /* drive DATA OUT */
	NEXT_STATUS,   /* conventional: data in and status, or DISCONNECT */
	NEXT_LATCHED,  /* participant: not named yet */
	NEXT_MORE,     /* mirroring: drive MESSAGE OUT for the initiator's next message */
	NEXT_PASS,     /* leader: another one drives; keep BSY */
	NEXT_FREE,     /* release BSY */
	NEXT_DRAIN, /* release BSY when what was aborted has left the store, or has not for too long
	             */
};

/* The tasks that a message has ended. */
struct drain {
	uint8_t initiator, lun; /* WIRE_NO_ID: any */
	bool one, tagged;       /* of those the one with this tag, or the untagged one */
	uint8_t tag;
	bool lasts; /* it is waited for, however long that takes */
};

struct tenure {
	bool open;
	uint32_t number, token;
	bool wanted; /* the bus waits for our program */
	bool atn;
	uint8_t role, initiator;
	uint32_t epoch;
	enum tenure_next next;
	bool identified, disc_priv;
	uint8_t lun;
	bool tagged;
	uint8_t tag;
	enum scsi_msg_kind attr;
	bool units;     /* packetized */
	bool mirror;    /* a mirroring tenure, by the messages */
	bool foreign;   /* ... of a group or device that is not ours: nothing is done for it */
	bool broadcast; /* ... in which one DATA OUT phase is for all: no token is handed over */
	uint16_t group;
	uint8_t device; /* ours */
	uint32_t op;
	uint8_t cdb[SCSI_CDB_MAX];
	uint8_t cdb_len;
	struct task *task;  /* TASK_DATA, or to be answered in this tenure */
	struct drain drain; /* NEXT_DRAIN: what is waited for */
	uint8_t reply[64];  /* MESSAGE IN bytes that are due */
	uint8_t reply_len;
	/* Recovery from wrong parity. */
	bool last_item;   /* the one at hand is its burst's last */
	bool again;       /* the MESSAGE OUT phase is to come once more */
	bool restore;     /* RESTORE POINTERS goes before the next phase */
	uint8_t retries;  /* that this tenure has had */
	bool resumed;     /* its DATA OUT came in parts */
	uint8_t said[64]; /* the bytes of reply, as they went out last */
	uint8_t said_len; /* 0: nothing that MESSAGE PARITY ERROR could be about */
};

/* ---- port.c ---- */

void tgt_port_burst(struct tgt *t, const struct wire_burst *b, struct block *data);
/* The tenure's task, which was not answered, is over. */
void tgt_port_forget(struct tgt *t);
/* The tenure is over; a task whose data had not all come goes. */
void tgt_port_close(struct tgt *t);
/* Arming and memberships as they must be now, if the server was told otherwise. */
void tgt_port_arm(struct tgt *t);
void tgt_port_members(struct tgt *t);
/* Answers an abort if what it has ended has left the store, or is there for too long. */
void tgt_port_drained(struct tgt *t);
/* Lets the bus go where the task that it waits for has gone. */
void tgt_port_abandoned(struct tgt *t);
/* When that will be too long; NS_NEVER: nothing is waited for. */
ns_t tgt_port_deadline(const struct tgt *t);
/* The task's part in the tenure is over: its status comes by reselection. */
void tgt_port_detach(struct tgt *t, struct task *k);

/* ---- message.c ---- */

/* All messages of one MESSAGE OUT phase. */
void tgt_message_out(struct tgt *t, struct span bytes);
/* One more try at a phase, if the tenure has not had too many. */
bool tgt_retry(struct tenure *n);
/* MESSAGE REJECT is due: what it said last has not been done. */
void tgt_message_reject(struct tgt *t);
/* BUS FREE that the initiator does not expect: what it says when nothing else can be said. */
void tgt_message_unexpected_free(struct tgt *t);
/* RST, TARGET RESET, LOGICAL UNIT RESET: all but the tenure. */
void tgt_target_reset(struct tgt *t, enum ua_kind ua);

/* ---- silent.c ---- */

/* A SILENT MIRRORING message in MESSAGE OUT (or latched from it). */
void tgt_silent_message(struct tgt *t, const struct scsi_msg_mirror *m);
/* The command of the operation is ours to do: leader at COMMAND, participant at ITEM_TOKEN. */
void tgt_silent_accept(struct tgt *t);
void tgt_silent_token(struct tgt *t);
/* Our port has latched the data of a broadcast pass: we are asked only now. */
void tgt_silent_latched(struct tgt *t);
/* Answers the bus, if it waits. */
void tgt_silent_answer(struct tgt *t);

/* ---- limits.c ---- */

/* Mode page 02h as a port's limits; lun is left alone. */
void tgt_limits_get(struct span page, struct wire_limit *out);
/* Tells the port, if they have changed. */
void tgt_limits_tell(struct tgt *t);

#endif
