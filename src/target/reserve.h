/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reservations of a logical unit: persistent ones (SPC-4, clause "Reservations"), and those of
 * RESERVE and RELEASE (SPC-2) beside them. Plain state and pure functions: what a change means to
 * others comes back as sets of I_T nexuses.
 *
 * Identity. A parallel bus has neither initiator port names nor world wide names: an initiator port
 * is its SCSI ID (SPI-4; TransportID of the parallel bus in SPC-4), and with one target port an I_T
 * nexus is named by it, too. So a registration is the ID's. It stays when the device there goes,
 * and whoever takes the ID later has it, as on a bus of wires, where a target cannot tell them
 * apart. (CLEAR and PREEMPT are for what a device left behind.) A reservation of RESERVE is not so:
 * it ends with the I_T nexus.
 *
 * Life. Registrations and persistent reservation survive resets and losses of the nexus, and the
 * end of the process if the last registration asked for it (APTPL). PRGENERATION begins at 0 with
 * the process.
 */
#ifndef TARGET_RESERVE_H
#define TARGET_RESERVE_H

#include "base/cursor.h"

#define RESV_NEXUSES 16 /* SCSI IDs of a wide bus */
#define RESV_NOBODY  0xff

/* SPC-4, table "Persistent reservation TYPE field"; 0: no reservation. */
enum resv_type {
	RESV_NONE = 0x0,
	RESV_WRITE_EXCLUSIVE = 0x1,
	RESV_EXCLUSIVE_ACCESS = 0x3,
	RESV_WRITE_EXCLUSIVE_RO = 0x5, /* registrants only */
	RESV_EXCLUSIVE_ACCESS_RO = 0x6,
	RESV_WRITE_EXCLUSIVE_AR = 0x7, /* all registrants */
	RESV_EXCLUSIVE_ACCESS_AR = 0x8,
};

struct reserve {
	uint16_t registered; /* a bit for each nexus */
	uint64_t key[RESV_NEXUSES];
	uint32_t generation;
	uint8_t type;   /* enum resv_type */
	uint8_t holder; /* of types that are not for all registrants */
	bool aptpl;     /* activate persist through power loss: is to be saved */
	uint8_t spc2;   /* who has it by RESERVE, or RESV_NOBODY */
};

/* What a command asks of the unit, when another one has it reserved: the columns of conflicts.def.
 */
enum resv_access {
	ACCESS_CHANGES,  /* conflicts with all types */
	ACCESS_READS,    /* conflicts with exclusive access */
	ACCESS_STATE,    /* conflicts with RESERVE only */
	ACCESS_NONE,     /* conflicts with nothing */
	ACCESS_PREVENTS, /* ACCESS_CHANGES to prevent, ACCESS_NONE to allow */
	ACCESS_STARTS,   /* ACCESS_NONE to start, ACCESS_CHANGES for all else */
	ACCESS_OWN,      /* the commands that are about reservations: they judge by themselves */
};

void reserve_init(struct reserve *r);

/* A reservation that may conflict with something is there. */
static inline bool reserve_any(const struct reserve *r)
{
	return r->type != RESV_NONE || r->spc2 != RESV_NOBODY;
}
static inline bool reserve_registered(const struct reserve *r, uint8_t nexus)
{
	return nexus < RESV_NEXUSES && (r->registered >> nexus & 1);
}
/* True for a persistent reservation holder: with all registrants types each registered one is. */
bool reserve_holds(const struct reserve *r, uint8_t nexus);
/* False: RESERVATION CONFLICT. access is one of the first four. */
bool reserve_allows(const struct reserve *r, uint8_t nexus, enum resv_access access);

/* ---- PERSISTENT RESERVE OUT ---- */

/* Service actions. */
enum resv_action {
	RESV_REGISTER = 0x00,
	RESV_RESERVE = 0x01,
	RESV_RELEASE = 0x02,
	RESV_CLEAR = 0x03,
	RESV_PREEMPT = 0x04,
	RESV_PREEMPT_ABORT = 0x05,
	RESV_REGISTER_IGNORE = 0x06,
	RESV_REGISTER_MOVE = 0x07,
};

struct resv_out {
	enum resv_action action;
	uint8_t type; /* RESERVE, RELEASE, PREEMPT...: one of enum resv_type, not RESV_NONE */
	uint64_t key; /* RESERVATION KEY */
	uint64_t action_key; /* SERVICE ACTION RESERVATION KEY */
	bool aptpl;          /* REGISTER... */
	bool others_too;     /* REGISTER: SPEC_I_PT */
	uint16_t others;     /* ... and whom, a bit for each */
	bool unregister;     /* REGISTER AND MOVE: UNREG */
	uint8_t to;          /* REGISTER AND MOVE */
};

/* What comes of it. Those after RESV_CONFLICT are ILLEGAL REQUEST. */
enum resv_result {
	RESV_DONE,
	RESV_CONFLICT,
	RESV_BAD_ACTION_KEY, /* INVALID FIELD IN PARAMETER LIST, bytes 8 to 15 */
	RESV_BAD_TO,         /* ..., the TransportID */
	RESV_BAD_CDB,        /* INVALID FIELD IN CDB */
	RESV_BAD_RELEASE,    /* INVALID RELEASE OF PERSISTENT RESERVATION */
};

/* UNIT ATTENTIONs and aborts that are due, a bit for each nexus. */
struct resv_effect {
	uint16_t preempted;    /* RESERVATIONS PREEMPTED */
	uint16_t released;     /* RESERVATIONS RELEASED */
	uint16_t unregistered; /* REGISTRATIONS PREEMPTED */
	uint16_t abort;        /* PREEMPT AND ABORT: all tasks but the one that asks */
};

/* Does it, from this nexus. Nothing has changed, and *e is empty, unless it is RESV_DONE. */
enum resv_result reserve_out(struct reserve *r, uint8_t nexus, const struct resv_out *o,
                             struct resv_effect *e);
/* What differs between them is to be saved. */
bool reserve_must_save(const struct reserve *was, const struct reserve *is);

/* ---- RESERVE, RELEASE (SPC-2; SPC-4, "Exceptions to SPC-2 RESERVE and RELEASE behavior") ---- */

/* False: RESERVATION CONFLICT. */
bool reserve_spc2_reserve(struct reserve *r, uint8_t nexus);
bool reserve_spc2_release(struct reserve *r, uint8_t nexus);
/* Its nexus is lost; RESV_NOBODY: a reset, for all. */
void reserve_lost(struct reserve *r, uint8_t nexus);

/* ---- kept over a restart ---- */

#define RESERVE_SAVED_MAX (2 + RESV_NEXUSES * 9)

/* Nothing is written when nothing is to be kept. */
void reserve_put(const struct reserve *r, struct wr *w);
/* False: not what reserve_put() writes; r is untouched then. */
bool reserve_get(struct span bytes, struct reserve *r);

/* Asserts the invariants. */
void reserve_check(const struct reserve *r);

#endif
