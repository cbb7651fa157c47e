/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames between a device (target, initiator, tap) and the bus server.
 *
 * A frame is a 12-byte header, a head (fixed part and lists) and data:
 *
 *   byte 0 type   1 where the data are   2-3 reserved, zero   4-7 head length   8-11 data length
 *                                                                            (big-endian)
 *
 * Data are the bytes of one data phase; they travel as one block and are never
 * copied by a codec. They follow the head, or lie in a ring, memory that both ends share: then
 * nothing follows, and the head begins with a reference to them (struct wire_ref). Everything else
 * is in the head, which wire_get() decodes into struct wire_frame: spans there point into the
 * head's bytes.
 *
 * A port is a host adapter chip, not a wire: an initiator hands it a *script*
 * for a tenure, a target answers with a *phase program* or arms its port ahead;
 * the bus server runs them phase by phase. Scripts, programs and bursts (what a
 * target's port received) are lists of items of one form, struct wire_item.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "base/block.h"
#include "base/cursor.h"
#include "scsi/iu.h"
#include "scsi/msg.h"
#include "scsi/page.h"
#include "scsi/phase.h"
#include "scsi/xfer.h"

#include <smirror/wire.h>

#define WIRE_VERSION     SMIRROR_WIRE_VERSION
#define WIRE_HEADER_LEN  SMIRROR_WIRE_HEADER_LEN
#define WIRE_HEAD_MAX    ((uint32_t)SMIRROR_WIRE_HEAD_MAX)
#define WIRE_DATA_MAX    ((uint32_t)SMIRROR_WIRE_DATA_MAX)
#define WIRE_TEXT_MAX    1024                 /* texts of errors, in bytes */
#define WIRE_ITEMS_MAX   320                  /* items of one script, program or burst */
#define WIRE_IDS         16                   /* SCSI IDs of a wide bus */
#define WIRE_LUNS_MAX    8                    /* that one port may be armed for */
#define WIRE_MEMBERS_MAX SCSI_LUNS            /* memberships that one port may register */
#define WIRE_OPS_MAX     32                   /* opcodes of one armed LUN */
#define WIRE_LEGS_MAX    64                   /* legs of one tenure report */
#define WIRE_MSG_IN_MAX  512                  /* message bytes of one tenure report */
#define WIRE_MGMT_MAX    8192                 /* payload of one management frame */
#define WIRE_TRACE_MAX   (WIRE_HEAD_MAX - 16) /* text of one TRACE frame */
#define WIRE_NO_ID       SMIRROR_WIRE_NO_ID

enum wire_type {
#define WIRE_FRAME(sym, value, member, who) WIRE_##sym = value,
#include "wire/frames.def"
#undef WIRE_FRAME
};

enum wire_role {
	ROLE_TARGET = SMIRROR_ROLE_TARGET,
	ROLE_INITIATOR = SMIRROR_ROLE_INITIATOR,
	ROLE_TAP = SMIRROR_ROLE_TAP
};

/* ---- attach ---- */

/* Device: first frame on a connection. A tap has id WIRE_NO_ID. */
struct wire_attach {
	uint16_t version; /* WIRE_VERSION */
	uint8_t role;
	uint8_t id; /* SCSI ID 0..15 */
	uint8_t uuid[UUID_LEN];
	char name[TARGET_NAME_MAX + 1];
	/* It supersedes only its own last attach, of this epoch and boot, or one that is silent,
	 * and is superseded likewise; false: any attach of its UUID and ID that is false here, too.
	 */
	bool own;
	uint32_t epoch;
	uint64_t boot;
};

/* Server: the port is up. Its memberships, arming and agreements begin empty. */
struct wire_attached {
	uint32_t epoch; /* number of this attach: never reused while the server runs */
	uint64_t boot;  /* changes when the server restarts */
	uint8_t id;
	uint32_t heartbeat_ms; /* the device sends something (a PING) at least this often; 0: not
	                          watched */
	char profile[TARGET_NAME_MAX + 1];
};

enum wire_code {
	CODE_OK = 0,
	CODE_VERSION,    /* protocol version not spoken */
	CODE_ID_HELD,    /* SCSI ID held by another device (the text names it) */
	CODE_UUID_HELD,  /* UUID already attached on another ID, or by another process */
	CODE_BAD_FRAME,  /* malformed, oversize, or of a type that this role may not send */
	CODE_BAD_STATE,  /* asks for what the port's state does not allow */
	CODE_NOT_YOURS,  /* answers for another port, an old tenure or an old token */
	CODE_FLOOD,      /* more queued than allowed */
	CODE_CONFLICT,   /* two claimants of one (group, device) */
	CODE_NO_PORT,    /* no such port (management frames) */
	CODE_BAD_VALUE,  /* a management request's value is wrong (the text says how) */
	CODE_SUPERSEDED, /* the same device attached anew: this connection is over */
	CODE_SHUTDOWN,   /* the server ends */
};

/* Server: ERROR answers a refused frame (counted; too many end the connection); REFUSED ends the
 * connection. */
struct wire_error {
	uint8_t code;       /* enum wire_code */
	uint8_t frame_type; /* of the frame that was refused, 0 if none */
	uint32_t ref;       /* its script, program or request id; of an ATTACH whose UUID another
	                       process has on this ID: the silence, in ms, that would end that; of
	                       one whose ID has to wait (FLOOD): for so many ms; else 0 */
	char text[WIRE_TEXT_MAX + 1];
};

/* Server, to every device port: a port came or went (also, after ATTACHED, one for each port that
 * is up). */
struct wire_port {
	bool up;
	uint8_t id, role;
	uint32_t epoch;
	uint8_t uuid[UUID_LEN];
	char name[TARGET_NAME_MAX + 1];
};

/*
 * Shared memory for data (shell/ring.h), on UNIX sockets only: the descriptor travels with the
 * frame. Initiator: this is my ring; `number` is the epoch of its attach. Server, to it: the ring
 * is taken, data may be in it from here on. Server, to a target: a ring of the initiator of that
 * epoch; target, to the server: it is mapped, data may be sent to me by reference. bytes 0, server
 * to a target: the ring is no more. A device that does not answer gets its data inline.
 */
struct wire_ring {
	uint32_t number;
	uint64_t bytes;
};

struct wire_ping {
	uint64_t cookie; /* PONG returns it */
};

/* ---- what a target's port does by itself ---- */

enum wire_arm_mode {
	ARM_NONE = 0, /* every phase waits for the process */
	ARM_FRONT =
	        1, /* MESSAGE OUT and COMMAND are taken at once; a leader's later duties (messages,
	              passing the token, releasing BSY at BUS RELEASE) are done, too */
	ARM_FULL = 2, /* and DATA OUT of the listed opcodes, then DISCONNECT (conventional, if it
	                 may) or the next message (mirroring) */
};

struct wire_arm_lun {
	uint8_t lun;
	uint32_t block_size;
	uint64_t blocks;   /* capacity: a CDB beyond it goes to the process */
	uint32_t max_data; /* longest data phase taken, bytes */
	uint8_t n_ops;
	uint8_t ops[WIRE_OPS_MAX]; /* opcodes; the CDB's length must equal what the script carries
	                            */
};

/* Target: replaces the port's arming. */
struct wire_arm {
	uint8_t mode;
	uint8_t n_luns;
	struct wire_arm_lun luns[WIRE_LUNS_MAX];
};

struct wire_member {
	uint8_t lun;
	uint16_t group;
	uint8_t device;
};

/* Target: replaces the port's memberships. */
struct wire_members {
	uint8_t n;
	struct wire_member m[WIRE_MEMBERS_MAX];
};

/* How much a logical unit moves, and for how long, before its target disconnects: 0 is no limit. */
struct wire_limit {
	uint8_t lun;
	uint32_t out, in;       /* bytes of one DATA OUT, DATA IN phase */
	uint16_t connect, wait; /* units of 100 us of bus time: connected; from a disconnection to
	                           the next reselection */
	bool hold;              /* no disconnection once data have begun */
};

/*
 * Target: replaces the port's limits, which begin as none (bus/connect.c). Of a conventional data
 * phase that is split so the process sees nothing but this: a command that came by an armed port,
 * or a DATA OUT that it asked for, is followed by FREE with ITEM_PARK; other tenures may come; then
 * a burst has that tenure's number again, and all the data.
 */
struct wire_limits {
	uint8_t n;
	struct wire_limit of[WIRE_LUNS_MAX];
};

/* ---- items: the one form of scripts, programs and bursts ---- */

enum wire_item_kind {
	/* S script (initiator), P program (target), B burst (to a target) */
	ITEM_SELECT = 1, /* S: select target `arg`, ATN if ITEM_ATN; ITEM_CHAIN: it may be chained
	                    while the tenure is below `len` ns of bus time; off: a mask of the IDs
	                    that are asserted, 0: the two of them; crc: the latest epoch of a
	                    port that the initiator knows of, 0: it does not say. To who has
	                    attached since it says nothing.  B: you were selected by `arg` */
	ITEM_MSG_OUT,  /* S: bytes to send.  P: drive MESSAGE OUT now; ITEM_AGAIN: all bytes of the
	                  MESSAGE OUT phase that came last are sent again.  B: bytes that came */
	ITEM_COMMAND,  /* S: the CDB.  P: drive COMMAND now.  B: the CDB that came */
	ITEM_DATA_OUT, /* S: len bytes of the frame's data from `off`, with their CRC.  P: take
	                  up to len bytes. B: len bytes that came (they are the frame's data), with
	                  the CRC (base/crc.h); ITEM_CUT: cut short */
	ITEM_DATA_IN, /* S: room for len bytes.  P: send len bytes (the frame's data from `off`). */
	ITEM_STATUS,  /* P: SAM status `arg` */
	ITEM_MSG_IN,  /* P: bytes to send */
	ITEM_FREE,    /* P: release BSY (after COMMAND COMPLETE or DISCONNECT; a leader: after BUS
	                 RELEASE).    B: BUS FREE came; ITEM_CUT: unexpectedly */
	ITEM_LATCH,   /* B, participant: bytes of the leader's first MESSAGE OUT, leader `arg` */
	ITEM_TOKEN,   /* B: the phase lines are yours (token in the burst's head) */
	ITEM_PASS,    /* P, leader: let go of the phase lines, keep BSY */
	ITEM_SENSE,   /* P: sense data that go with the STATUS which follows, where information
	                 units are agreed on; dropped elsewhere */
	ITEM_UNIT,    /* S: an L_Q and what follows it (scsi/iu.h), as they are to go out; in place
	                 of MSG_OUT and COMMAND */
};

#define ITEM_ATN   0x01
#define ITEM_CUT   0x02
#define ITEM_CHAIN 0x04 /* SELECT of a script */
#define ITEM_AGAIN 0x08 /* MSG_OUT of a program */
/*
 * A fault on demand: the bytes go out with wrong parity, once. MSG_OUT and COMMAND of a
 * conventional script: the item in the burst has the flag, and its process decides. MSG_IN, STATUS
 * and DATA_IN of a program: the initiator's adapter says MESSAGE PARITY ERROR or INITIATOR DETECTED
 * ERROR, and the target's port repeats what went wrong (after RESTORE POINTERS, where it is no
 * message); what it cannot repeat, its process is asked for.
 */
#define ITEM_PARITY       0x10
#define ITEM_PARK         0x20        /* FREE of a burst: the port goes on later by itself */
#define ITEM_UNITS        0x40        /* SELECT of a burst: by information units, see below */
#define WIRE_CHAIN_NS_MAX 1000000000U /* the most that its chaining limit may be */

/* On the wire: kind, arg, flags, 0, off (4), len (4), crc (4); then, for kinds with bytes, len
 * bytes. */
struct wire_item {
	uint8_t kind, arg, flags;
	uint32_t off, len, crc;
	struct span bytes; /* MSG_OUT, COMMAND, MSG_IN, LATCH, SENSE, UNIT; bytes.n == len */
};
#define WIRE_ITEM_LEN 16

/*
 * Information units (SPI-4, clause 14; bus/units.c): scripts and programs are the same with and
 * without an agreement on them. Where one is in force and a conventional script has no message but
 * IDENTIFY, a task attribute and a task management function, the initiator's adapter makes an L_Q
 * and a command information unit of its MSG_OUT and COMMAND, and the target's port makes those of
 * them again (SELECT has ITEM_UNITS). What a program says in MSG_IN to name its task, to disconnect
 * or to complete is then in the L_Qs, or in the BUS FREE, and no phase of its own.
 */

/* Reads the next item of a list; false at its end or with the cursor's error set when malformed. */
bool wire_item_get(struct rd *r, struct wire_item *out);
void wire_item_put(struct wr *w, const struct wire_item *item);
/* Shorthands. */
void wire_put_bytes(struct wr *w, uint8_t kind, const void *p,
                    size_t n); /* MSG_OUT, COMMAND, MSG_IN, LATCH */
void wire_put_plain(struct wr *w, uint8_t kind, uint8_t arg, uint8_t flags);
void wire_put_data(struct wr *w, uint8_t kind, uint32_t off, uint32_t len, uint32_t crc);
/* A script's selection, with ATN; chain_ns: the chaining limit, up to WIRE_CHAIN_NS_MAX, 0: it is
 * not to be chained. */
void wire_put_select(struct wr *w, uint8_t target, uint32_t chain_ns);
/* Into the selection that a script begins with: the latest epoch that its initiator knows of. */
void wire_select_known(struct wr *w, uint32_t epoch);

/* ---- initiator ---- */

/*
 * Initiator: one tenure, run when the bus is won. Starts with ITEM_SELECT. The target chooses the
 * phases; the port supplies: MSG_OUT and COMMAND items in order, DATA OUT and DATA IN at the data
 * pointer. Conventional: after the COMMAND the script lives on as the nexus (target, LUN, tag)
 * until COMMAND COMPLETE, an abort or CANCEL: a target that reconnects for data finds it. Mirroring
 * (the first MSG_OUT holds TARGET LEADER IDENTIFICATION): each later MSG_OUT is sent under ATN,
 * when a target has taken (or skipped) its DATA OUT; every leg's DATA_OUT item names the bytes; no
 * nexus stays. Broadcast: one DATA_OUT item an operation, for all devices of the bitmap; a port
 * that is armed for the command latches it, and its process gets LATCH, COMMAND, DATA_OUT in one
 * burst without a TOKEN: it is not asked.
 *
 * Chaining: where a mirroring script has its BUS RELEASE and the port's next one has the same
 * target, the same IDENTIFY and the same kind (silent, broadcast), both have ITEM_CHAIN, and the
 * tenure has lasted less than the limit of each (bus time; and a tenth of the server's limit of the
 * machine's), no BUS RELEASE is sent: the report is OUTCOME_CHAINED, and the next script goes on
 * under the same tenure with its first MESSAGE OUT, which is IDENTIFY, SIMPLE and the
 * identification, without the IDENTIFY.
 */
struct wire_script {
	uint32_t id;       /* chosen by the initiator, unique among its live scripts, not 0 */
	struct span items; /* encoded */
};

struct wire_cancel {
	uint32_t id; /* a queued script is answered OUTCOME_CANCELLED; a nexus is forgotten
	                likewise; the running one runs on */
};

enum wire_outcome {
	OUTCOME_COMPLETE = 1, /* STATUS and COMMAND COMPLETE came */
	OUTCOME_DISCONNECTED, /* DISCONNECT came: the nexus lives on */
	OUTCOME_RELEASED,     /* mirroring: BUS RELEASE was sent, BUS FREE followed */
	OUTCOME_SELECTION_TIMEOUT,
	OUTCOME_UNEXPECTED_FREE, /* the target (leader) let the bus go without saying why, or its
	                            port went */
	OUTCOME_RESET,           /* RST ended it, or found it queued */
	OUTCOME_CANCELLED,
	OUTCOME_BAD_SCRIPT, /* the script's items ran out or do not fit the phases: text in ERROR */
	OUTCOME_NO_NEXUS,   /* a reselection for data whose task is unknown: ABORT TASK was sent */
	OUTCOME_MORE,       /* not the end: part of a long DATA IN; more reports follow */
	OUTCOME_CHAINED, /* mirroring: all was sent but BUS RELEASE, the next script goes on under
	                    the same tenure */
};

enum wire_leg_result {
	LEG_TAKEN = 1, /* all bytes of its data phase were moved */
	LEG_DECLINED,  /* it took the token and skipped DATA OUT: its status says why */
	LEG_NO_TAKER, /* no port claims (group, device), or it did not latch the CDB; broadcast: nor
	                 the data */
	LEG_TIMEOUT,  /* it had the token and was silent */
	LEG_CUT,      /* the tenure ended in its data phase */
	LEG_NOT_REACHED, /* the tenure ended before */
};

struct wire_leg {
	uint32_t op;    /* operation id */
	uint8_t device; /* device id in the group */
	uint8_t port;   /* SCSI ID that had the token (broadcast: that has the data), WIRE_NO_ID if
	                   none */
	uint8_t result;
	uint32_t moved; /* bytes */
};

/* Server, to the initiator: a tenure of it has ended. One frame a tenure (but for OUTCOME_MORE, and
 * one for each script of a chain: legs, bytes and times are of the script's part). Data: DATA IN
 * bytes. */
struct wire_tenure {
	uint32_t script; /* 0: a reselection that no nexus of the port belongs to (every mirror
	                    status) */
	uint32_t tenure; /* as in the trace */
	bool reselected;
	uint8_t target; /* SCSI ID */
	uint32_t epoch; /* the target port's attach */
	uint8_t outcome;
	bool has_status;
	uint8_t status;
	/* Bytes moved in this tenure, of DATA IN those included that the script had no room for
	 * (UINT32_MAX: that or more). In a report with OUTCOME_MORE: so far. */
	uint32_t data_out, data_in;
	ns_t start_ns, end_ns; /* bus time */
	struct span msg_in;    /* all MESSAGE IN bytes of the tenure */
	struct span unit;      /* its status information unit, if one came; has_status is set */
	uint8_t n_legs;        /* mirroring only, in the order of the script; of a broadcast: the
	                          leader's, then by device id */
	struct wire_leg legs[WIRE_LEGS_MAX];
};

/* ---- target ---- */

enum wire_burst_role { BURST_TARGET = 1, BURST_LEADER = 2, BURST_PARTICIPANT = 3 };

/* Server, to a target: what its port received. Data: of the one ITEM_DATA_OUT that it may hold. */
struct wire_burst {
	uint32_t tenure;
	uint32_t token;   /* generation: a program must carry it; 0 when nothing is awaited */
	uint32_t program; /* reselections: the program that ran, else 0 */
	uint8_t role;
	uint8_t initiator; /* SCSI ID */
	uint32_t epoch;    /* the initiator port's attach */
	bool wanted;       /* the bus waits for a program (within the phase limit) */
	bool atn;          /* the initiator asserts ATN */
	struct span items;
};

enum wire_program_kind { PROGRAM_CONTINUE = 1, PROGRAM_RESELECT = 2 };

/*
 * Target: CONTINUE answers a burst that wanted a program. RESELECT queues a reconnection to
 * `initiator`: arbitration, reselection, then the items, which begin with MSG_IN (IDENTIFY, then
 * the tag). A program may end in FREE; if not, a burst asks for more. RESELECT is answered by a
 * burst only when data came in it or when it could not be run (ITEM_FREE with ITEM_CUT). It names
 * the tenure in which its task came: a target may not have heard yet that the task is over, and
 * its tag another one's. (0: it does not say.)
 */
struct wire_program {
	uint8_t kind;
	uint32_t id;     /* RESELECT: chosen by the target, not 0 */
	uint32_t tenure; /* CONTINUE: of the burst; RESELECT: of the bursts that brought the task */
	uint32_t token;  /* CONTINUE: of the burst */
	uint8_t initiator; /* RESELECT */
	uint32_t epoch;    /* RESELECT: the initiator's attach that the task belongs to */
	struct span items;
	unsigned kinds; /* read: a bit for each kind of item that is there */
};

/* ---- reset, management, trace ---- */

/* Device: assert RST. Server, to all: RST was asserted; scripts, nexuses, programs are void;
 * agreements are asynchronous. */
struct wire_reset {
	uint8_t by; /* SCSI ID, WIRE_NO_ID: the server's watchdog */
	char text[WIRE_TEXT_MAX + 1];
};

enum wire_mgmt_kind {
	MGMT_BUS_STATS = 1, /* payload of the answer: struct wire_stats */
	MGMT_BUS_SHOW,      /* struct wire_show */
	MGMT_FAULT,       /* to a target: payload is a fault specification as text; answer: text */
	MGMT_FAULT_LIST,  /* to a target: answer: one active specification a line */
	MGMT_FAULT_CLEAR, /* to a target */
};

/* Untraced; relayed to the target `to`, whose answer comes back. Targets and the server answer,
 * initiators ask. */
struct wire_mgmt {
	uint32_t req;
	bool answer;
	uint8_t from, to; /* SCSI IDs; WIRE_NO_ID: the bus server. The server fills in `from` */
	uint8_t kind;
	uint8_t code;        /* answers: enum wire_code */
	struct span payload; /* a text where code is not CODE_OK */
};

/* Server, to a tap: whole lines of the trace. A tap that is too slow loses lines and is told how
 * many. */
struct wire_trace {
	uint64_t lost;
	struct span text;
};

enum tenure_kind { TENURE_CONVENTIONAL, TENURE_SILENT, TENURE_BROADCAST, TENURE_KINDS };

struct wire_stats {
	ns_t now_ns; /* bus time */
	char profile[TARGET_NAME_MAX + 1];
	uint64_t tenures[TENURE_KINDS];
	uint64_t resets, selection_timeouts, phase_timeouts, refused_frames, crc_errors;
	struct {
		uint64_t count, bytes;
		ns_t ns;
	} phase[TENURE_KINDS][PHASE_KINDS];
	/* the profile in force, in ns (data, printed as it is) */
	uint8_t n_values;
	struct {
		char name[40];
		uint64_t ps; /* picoseconds */
	} value[40];
};
bool wire_stats_get(struct span payload, struct wire_stats *out);
void wire_stats_put(struct wr *w, const struct wire_stats *s);

struct wire_show {
	char profile[TARGET_NAME_MAX + 1];
	uint64_t boot;
	ns_t now_ns;
	uint16_t bsy, sel; /* masks of IDs that assert the line at this moment */
	uint8_t driver;    /* of the phase lines, WIRE_NO_ID: none */
	uint32_t tenure;
	uint8_t n_ports;
	struct {
		uint8_t id, role, arm_mode;
		uint32_t epoch;
		uint8_t uuid[UUID_LEN];
		char name[TARGET_NAME_MAX + 1];
		struct xfer xfer; /* targets: the agreement with the lowest-numbered initiator that
		                     has one */
		uint32_t refused; /* frames of it that were refused */
		uint16_t queued;  /* scripts or programs that wait for the bus */
		uint8_t n_members;
		struct wire_member members[WIRE_MEMBERS_MAX];
	} port[WIRE_IDS];
};
bool wire_show_get(struct span payload, struct wire_show *out);
void wire_show_put(struct wr *w, const struct wire_show *s);

/* ---- frames ---- */

/* Data in a ring: what the bytes at `off` were when the reference was made; once they are given to
 * other data, the generation that the ring has for their page is another. */
struct wire_ref {
	uint32_t ring; /* its number */
	uint32_t off;  /* from the start of the memory */
	uint32_t gen;
};
#define WIRE_REF_LEN 12

struct wire_header {
	uint8_t type;
	bool in_ring; /* the data do not follow: the head begins with a reference */
	uint32_t head_len, data_len;
};

struct wire_frame {
	enum wire_type type;
	union {
		struct wire_attach attach;
		struct wire_attached attached;
		struct wire_error error; /* REFUSED, ERROR */
		struct wire_ping ping;   /* PING, PONG */
		struct wire_port port;
		struct wire_arm arm;
		struct wire_members members;
		struct wire_script script;
		struct wire_cancel cancel;
		struct wire_tenure tenure;
		struct wire_burst burst;
		struct wire_program program;
		struct wire_reset reset;
		struct wire_mgmt mgmt;
		struct wire_trace trace;
		struct wire_ring ring;
		struct wire_limits limits;
	};
	bool in_ring; /* read: the data are at `ref`; who has the ring finds the block */
	struct wire_ref ref;
	struct block *data; /* or NULL; borrowed from whoever made the frame */
	struct span small;  /* senders only: short data that are in no block; the connection copies
	                       them */
};

/*
 * Reads a header (WIRE_HEADER_LEN bytes). False, with *why naming the field and its value in the
 * `n` bytes of why, when the type is unknown, a length exceeds its maximum, reserved bytes are set,
 * or data come with a type that has none.
 */
bool wire_header_get(const uint8_t *p, struct wire_header *out, char *why, size_t n);

/*
 * Decodes the head of a frame. False when it is cut short, has trailing bytes or a value is out of
 * range; why names the frame and the field. out->data is set to `data` (borrowed).
 */
bool wire_get(const struct wire_header *h, struct span head, struct block *data,
              struct wire_frame *out, char *why, size_t n);

/*
 * Encodes header and head of a frame into w; the data (f->data, its len bytes) follow it on the
 * stream. The cursor's error is set when it does not fit.
 */
void wire_put(struct wr *w, const struct wire_frame *f);
/* The same of a frame whose data are in a ring: they do not follow. */
void wire_put_ref(struct wr *w, const struct wire_frame *f, const struct wire_ref *ref);

/* Whether frames.def lets this role send the type; role 0: the server. */
bool wire_may_send(uint8_t type, uint8_t role);

/* "SCRIPT"; "frame type 77" for unknown ones is the caller's. NULL when unknown. */
const char *wire_type_name(uint8_t type);
const char *wire_code_name(uint8_t code);
const char *wire_outcome_name(uint8_t outcome); /* stable: "complete", "selection_timeout", ... */

#endif
