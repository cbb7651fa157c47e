/* SPDX-License-Identifier: BSD-2-Clause */
/* What the bus core keeps: its bounds, connections, ports, the tenure, the bus. Who changes what:
 * core.h. */
#ifndef BUS_STATE_H
#define BUS_STATE_H

#include "base/assert.h"
#include "bus/bus.h"
#include "scsi/cdb.h"
#include "scsi/iu.h"
#include "scsi/msg.h"

#include <sys/queue.h>

/* ---- bounds ---- */

#define SCRIPTS_QUEUED  64                   /* that wait for the bus, of one port */
#define SCRIPTS_LIVE    512                  /* with those that live on as a nexus */
#define SCRIPT_DATA_MAX (256U * 1024 * 1024) /* bytes that live scripts of one port hold */
#define SCRIPT_PIECES   8                    /* data items of one conventional script */
#define MESSAGE_MAX     512                  /* bytes of one MESSAGE OUT item */
/* Programs that wait, of one port: with so many, or so many bytes of data, it is not read any
 * more, but while the bus waits for it; then up to these. */
#define PROGRAMS_FULL     2048
#define PROGRAM_DATA_FULL (256U * 1024 * 1024)
#define PROGRAMS_QUEUED   4096
#define PROGRAM_DATA_MAX  (512U * 1024 * 1024)
#define PROGRAM_SLOTS     (PROGRAMS_QUEUED + 1) /* with the one that runs */
#define PROGRAM_SMALL     256                   /* bytes of items; longer ones share buffers */
#define PROGRAM_LARGE     32                    /* of one port */

#define RELAYS            32 /* management requests of one port that wait for an answer */
#define RELAY_LIMIT_NS    (10 * NS_PER_S) /* then its place is given to another */
#define REFUSALS_MAX      16
#define REFUSAL_FORGET_NS (10 * NS_PER_S) /* one refusal is forgiven in this time */
#define NEWS_MAX          64              /* of others' claims, to one port; more are not told */
#define NEWS_FORGET_NS    (1 * NS_PER_S)  /* likewise */
#define RESETS_MAX        64              /* RSTs of one port; more are refused */
#define RESET_FORGET_NS   (2 * NS_PER_S)  /* likewise */

/*
 * Actions of one step; one tenure and what hangs on it never needs more than TENURE_*. Of that one
 * program may use PROGRAM_*, and what its last item needs beyond: then it is ended (act_spent).
 * What else there is, at most: the reports of all scripts that wait, as RST comes, and of the
 * nexuses that a message ends; the requests to a port that goes; and for each leg of a pass, for
 * each piece of a script, for each port a few.
 */
#define ACTIONS_MAX     8192U
#define TRACES_MAX      8192U
#define ARENA_MAX       (2U * 1024 * 1024)
#define TENURE_ACTIONS  4000U
#define TENURE_TRACES   1400U
#define TENURE_ARENA    (512U * 1024)
#define PROGRAM_ACTIONS 1000U
#define PROGRAM_TRACES  1000U
#define PROGRAM_ARENA   (256U * 1024)

/* Bytes of items that a burst gathers; the largest single item (a message or CDB) fits twice. */
#define BURST_MAX (15U * 1024)

/* ---- connections and ports ---- */

enum conn_state {
	CONN_NONE,
	CONN_OPEN,      /* has not said what it is */
	CONN_ATTACHING, /* its ATTACH waits for GO */
	CONN_PORT,
	CONN_TAP,
};

/* What is counted, and forgiven with time. */
struct forgiven {
	unsigned n;
	ns_t since; /* machine time at which the last was forgiven, or the first counted */
};

struct conn {
	enum conn_state state;
	uint32_t handle;
	uint8_t id; /* CONN_PORT */
	ns_t heard; /* when it last sent something */
	struct forgiven refusals;
	struct wire_attach attach;
};

/* What a script holds while it is QUEUED or RUNNING. */
struct script_buf {
	struct wire_leg legs[WIRE_LEGS_MAX]; /* mirroring: all that it has, none reached */
	uint8_t items[WIRE_HEAD_MAX];
};

enum script_state { SCRIPT_FREE, SCRIPT_QUEUED, SCRIPT_RUNNING, SCRIPT_NEXUS };

struct piece {
	uint32_t off, len, crc;
};

/* How much of a step's actions, traces and arena has been used. */
struct spent {
	unsigned actions, traces;
	size_t arena;
};

/*
 * A script of an initiator.
 *
 *   FREE -> QUEUED (SCRIPT) -> RUNNING (arbitration won, or chained) -> FREE, or
 *   RUNNING -> NEXUS (conventional, disconnected) -> FREE (COMMAND COMPLETE, CANCEL, ...)
 *
 * A nexus stays NEXUS while a reselection works on it (tenure.script points to it).
 */
struct script {
	TAILQ_ENTRY(script) link;
	enum script_state state;
	uint8_t owner; /* port */
	uint8_t target;
	uint32_t id;
	bool atn, mirror, broadcast;
	uint16_t ids;           /* asserted in SELECTION; 0: those of the two */
	uint32_t known;         /* the latest epoch that its initiator knew of; 0: any */
	uint32_t chain_ns;      /* mirroring: may be chained below this bus time; 0: not */
	uint8_t identify;       /* chain_ns: its IDENTIFY message */
	struct script_buf *buf; /* while QUEUED or RUNNING */
	uint32_t len;           /* of its items */
	struct block *data;
	/* conventional: the data, as one run of bytes, and the pointers into it */
	uint8_t n_pieces;
	struct piece piece[SCRIPT_PIECES];
	uint32_t out_total, in_room;
	uint32_t out_at, in_at, out_saved, in_saved;
	uint64_t in_given; /* bytes that have been reported */
	/* nexus */
	uint32_t tenure; /* in which its command went out: tells it from others of its tag */
	uint32_t target_epoch;
	uint8_t lun;
	bool tagged;
	uint8_t tag;
	bool disc_priv;
	bool units; /* its command came by information units */
	bool split; /* DATA OUT: some of the data came, from split_at on */
	uint32_t split_at;
	/* mirroring: of its first operation, for trace and totals */
	uint32_t op;
	unsigned n_legs;
};

TAILQ_HEAD(script_list, script);

struct program {
	TAILQ_ENTRY(program) link;
	uint32_t id;
	uint8_t initiator;
	uint32_t epoch;
	uint32_t tenure; /* in which its task came */
	uint8_t *large;  /* or small */
	uint32_t len;
	struct block *data;
	bool mirror; /* a MIRROR STATUS */
	bool own;    /* the port's: the rest of a data phase, under the tenure's number */
	bool tagged;
	uint8_t lun, tag;
	uint32_t op;
	uint8_t small[PROGRAM_SMALL];
};

TAILQ_HEAD(program_list, program);

_Static_assert(PROGRAM_ACTIONS + SCRIPTS_LIVE + WIRE_IDS * (SCRIPTS_QUEUED + RELAYS) +
                               8 * (WIRE_LEGS_MAX + SCRIPT_PIECES + WIRE_IDS) <=
                       TENURE_ACTIONS,
               "actions of a tenure");
_Static_assert(PROGRAM_TRACES + 4 * (WIRE_LEGS_MAX + SCRIPT_PIECES) <= TENURE_TRACES,
               "traces of a tenure");
_Static_assert(PROGRAM_ARENA + 8 * WIRE_HEAD_MAX <= TENURE_ARENA, "arena of a tenure");

/* What a target's port received and its process has not been told. */
struct gather {
	uint32_t len;
	unsigned n;
	uint8_t role;
	bool has_data;
	struct block *data;
	struct piece piece;
	uint8_t buf[BURST_MAX];
};

/* A pass and how many of its statuses have not come. */
#define OWED_OPS 64
struct owed {
	uint32_t op;
	uint8_t left;
};

struct relay {
	bool used;
	ns_t since;
	uint32_t req, to_epoch;
	uint8_t to, kind;
};

struct port {
	bool up;
	bool own; /* it asked to supersede nothing but its own last attach */
	uint8_t id, role, conn;
	uint32_t epoch;
	uint8_t uuid[UUID_LEN];
	char name[TARGET_NAME_MAX + 1];
	uint32_t refused;
	uint32_t
	        late; /* questions that were taken back while its program may have been under way */
	uint32_t unwanted; /* management requests to it whose answers nobody waits for any more */
	/* Of this ID, whoever has it: RSTs that it asserted; how often it was put out for keeping
	 * the bus; no target attaches with it before then (limit.c). */
	struct forgiven resets, fences;
	struct forgiven news; /* told to it, of claims by others */
	ns_t barred_until;
	/* Machine time that the bus has waited for it: in the tenure `waited_in`; and what it has
	 * kept the bus beyond its due, as of then (limit.c). */
	uint32_t waited_in;
	ns_t waited, held, held_at;
	uint16_t fair; /* IDs that lost against it and go first */

	/* initiator */
	struct script_list queue, nexuses, free_scripts;
	unsigned n_queued, n_live;
	uint64_t script_data;
	struct script *scripts; /* SCRIPTS_LIVE, in bus.scripts */
	unsigned scripts_used;  /* of them, ever: those behind are free, too, and untouched */
	struct script_buf *script_bufs; /* SCRIPTS_QUEUED + 1 */
	struct script_buf *free_bufs[SCRIPTS_QUEUED + 1];
	unsigned n_free_bufs;
	struct relay relay[RELAYS];
	struct owed owed[OWED_OPS]; /* by operation id */

	/* target */
	struct wire_arm arm;
	struct wire_members members;
	struct wire_limits limits;
	ns_t back_ns;   /* bus time before which it does not reselect after a disconnection */
	uint64_t since; /* what came in a tenure before this one ended by RST; bus.tenures */
	struct program_list programs, free_programs;
	unsigned n_programs;
	uint64_t program_data;
	struct program *program_slots; /* PROGRAM_SLOTS, likewise */
	unsigned programs_used;
	uint8_t *program_bufs; /* PROGRAM_LARGE, WIRE_HEAD_MAX each */
	uint8_t *free_large[PROGRAM_LARGE];
	unsigned n_free_large;
	struct gather gather;
	/* By initiator and tag: the last pass that it had a part in was a broadcast. */
	uint64_t broadcast_tags[WIRE_IDS][4];
};

/* ---- information units ---- */

#define UNITS_OCTETS 1024 /* of one phase, as the trace has them */

/* The DT DATA phase at hand of a packetized tenure: units that follow each other in one direction
 * are one phase, which is run when it ends. */
struct units {
	bool open, in;
	struct xfer xfer; /* the agreement of this connection */
	bool trained[2];  /* [in], since the bus was won */
	uint32_t bytes;
	ps_t ps;
	enum bus_crc crc;
	uint32_t n_octets, n_sense, n_status;
	uint8_t octets[UNITS_OCTETS];
	uint8_t sense[SCSI_SENSE_MAX]; /* for the status to come */
	uint8_t status[IU_STATUS_MAX]; /* the status information unit that went out */
};

/* ---- the tenure ---- */

/*
 * TENURE_NONE: the bus is free. TENURE_RUNS: inside of a step only. TENURE_WAITS: a target's
 * process is asked what to do (port `awaited`, token `token`).
 *
 *   NONE -> RUNS  arbitration won (tenure_select, tenure_reselect)
 *   RUNS -> WAITS the driver's port does not act by itself (burst_want)
 *   WAITS -> RUNS its program came (run_continue), its limit passed or its port went (silent_back)
 *   RUNS -> NONE  BUS FREE (tenure_end)
 *   WAITS -> NONE the BSY holder's or the initiator's port went; RST
 *
 * Invariants (check.c): `target` asserts BSY from the answered selection to BUS FREE, and only
 * it; `driver` is the one port that drives REQ, C/D, I/O and MSG: the target, or the participant
 * that has the token; one port at most is awaited, and it is the driver.
 */
enum tenure_state { TENURE_NONE, TENURE_RUNS, TENURE_WAITS };

/* Where the driver is: what it does next (arm.c does it, or its process says so). */
enum pos {
	POS_SELECTED, /* MESSAGE OUT if ATN, else COMMAND (SPI-3, 10.5) */
	POS_MESSAGES, /* the first MESSAGE OUT came: COMMAND */
	POS_COMMAND,  /* the CDB is there (participant: latched): DATA OUT, or the answer */
	POS_DATA,     /* mirroring: data are over: MESSAGE OUT for the next message */
	POS_MOVED,    /* conventional: what came last was no CDB: the process goes on */
	POS_FULL,     /* conventional, armed: all data came: DISCONNECT */
	POS_BACK,     /* leader: the token came back: MESSAGE OUT */
	POS_NAMED,    /* leader: TARGET SELECTION came: let go of the phase lines */
	POS_RELEASED, /* leader: BUS RELEASE came: let go of BSY */
};

struct offer {
	bool made;
	bool answered; /* it holds, unless the initiator rejects the answer */
	enum scsi_msg_kind kind;
	struct xfer xfer;
};

struct tenure {
	enum tenure_state state;
	uint32_t number;
	enum tenure_kind kind;
	bool reselected;
	uint8_t init, target;
	uint32_t init_epoch, target_epoch;
	ns_t start_ns, machine_start; /* bus time; machine time */
	ns_t part_ns;                 /* bus time at which the script at hand began */
	struct script *script;        /* NULL: a reselection that no nexus belongs to (yet) */
	uint32_t program;             /* reselection: its program's id, 0: the port's own */
	uint32_t key;                 /* the number by which the target's process knows it */
	bool own;                     /* a reselection of the port's own */
	struct span rest;             /* items of the program that follow the one at hand */

	bool units;    /* packetized: no MESSAGE, COMMAND and STATUS phases */
	bool function; /* ... for a task management function */

	uint8_t driver, awaited; /* WIRE_NO_ID: none */
	uint32_t token;
	ns_t asked_at, phase_deadline; /* machine time */
	bool excused;                  /* the server slept over its limit once */
	enum pos pos;
	bool io;      /* I/O was true in the last phase */
	ps_t lost_ps; /* spent waiting on the bus; counts with the next phase */
	bool has_op;
	uint32_t op;

	/* the initiator's adapter */
	struct rd items; /* of the script, not yet used */
	bool identified, disc_priv, tagged, simple;
	bool plain;           /* the first MESSAGE OUT held nothing that a target has to answer */
	bool over;            /* messages such as ABORT TASK: BUS FREE is what follows */
	bool reject;          /* ATN for MESSAGE REJECT */
	bool restored;        /* RESTORE POINTERS came: the CDB may be asked for again */
	bool after_in;        /* the last phase but MESSAGE IN was DATA IN */
	bool cut_in;          /* there was no room for all of it */
	struct span last_out; /* of the MESSAGE OUT phase that came last, if no other came since */
	bool bad_script;
	uint8_t lun, tag;
	struct offer offer;
	bool nexus_known; /* reselection: IDENTIFY came, script was looked for */
	bool complete, disconnect, release;
	bool has_status;
	uint8_t status;
	uint32_t data_out, data_in; /* data_in: what was driven, UINT32_MAX: that or more */
	uint16_t n_msg_in;
	uint8_t msg_in[WIRE_MSG_IN_MAX];
	struct block *held; /* DATA IN that goes with the next report */
	struct piece held_piece;
	uint64_t in_given; /* bytes of this tenure that have been reported */
	uint8_t cdb[SCSI_CDB_MAX];
	uint8_t cdb_len;
	bool cdb_known; /* it is one of ours: `parsed` */
	struct scsi_cdb parsed;
	uint32_t nexus; /* the tenure in which the task at hand came: this one, or an earlier one */
	/* Which tasks of the initiator it ends: their programs come no more. */
	enum { ENDS_NOTHING, ENDS_TASK, ENDS_LUN, ENDS_TARGET } ends;

	/* mirroring */
	bool mirror;
	uint16_t group;
	uint8_t device; /* the leader's */
	uint8_t latch[MESSAGE_MAX];
	uint16_t latch_len;
	uint16_t latched;   /* ports that hold the CDB and were not named yet */
	struct span select; /* the TARGET SELECTION that names the next one; in script->buf */
	bool leg_data;      /* the script has data for this leg, not yet used */
	bool leg_asked;     /* its DATA OUT is over, or was skipped */
	struct piece leg_piece;
	unsigned n_legs, leg; /* legs[leg - 1] is the one at hand; 0: none yet */
	unsigned listeners;   /* broadcast: the legs that follow the leader's have no turn of their
	                         own */
	/* CRC of the bytes that a leg took, computed once for all legs of the same bytes */
	bool crc_known;
	struct piece crc_of;
	uint32_t crc;
	struct wire_leg
	        legs[WIRE_LEGS_MAX]; /* last: n_legs of them are valid, the rest is not set */
};

struct bus {
	struct bus_config cfg;
	struct script *scripts;   /* of all ports */
	struct program *programs; /* likewise */
	ns_t now;                 /* machine */
	ns_t bus_ns;              /* bus time: nanoseconds and the rest in picoseconds */
	uint32_t bus_ps;
	ns_t pace_until;  /* machine time at which the last tenure is over */
	ns_t idle_from;   /* with pace: machine time since which the bus is free for a target that
	                     is to come back; 0: there is none */
	uint64_t tenures; /* that have begun; the lower half is the number of the last */
	uint32_t next_epoch, next_token;
	uint64_t next_seq;
	bool tracing;
	bool handed_on; /* QAS REQUEST was the last word of the tenure that is over */
	bool attaching; /* some connection is CONN_ATTACHING */
	bool overdue;   /* some port is found to have kept the bus for too long */
	bool ended;
	ns_t hear_at; /* machine time at which silence is looked for */

	struct conn conn[BUS_CONNS];
	struct port port[WIRE_IDS];
	struct xfer agreed[WIRE_IDS][WIRE_IDS]; /* [initiator][target] */
	/* [initiator][target]: a bit for each direction whose training information is retained */
	uint8_t trained[WIRE_IDS][WIRE_IDS];
	struct tenure ten;
	struct units units;
	struct wire_stats stats;

	struct bus_action *action;
	unsigned n_actions;
	struct bus_trace *trace;
	unsigned n_traces;
	struct block **held; /* blocks that actions point to */
	unsigned n_held;
	uint8_t *arena;
	size_t arena_n;
	bool more;
};

#endif
