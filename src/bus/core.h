/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of the bus core: what its files call of each other. What it keeps is in state.h.
 *
 *   bus.c     events, deadlines          attach.c  connections, ports, memberships
 *   act.c     actions, the arena         refuse.c  who breaks the rules
 *   script.c  scripts of initiators      program.c phase programs of targets
 *   arb.c     arbitration, fairness      tenure.c  the tenure: its states, start and end
 *   run.c     a program, item by item    arm.c     what a port does by itself
 *   silent.c  leader, token, latches     burst.c   what a target's port received
 *   broadcast.c  a DATA OUT for many     nexus.c   data pointers, reports
 *   chain.c   scripts under one tenure   snoop.c   messages, agreements
 *   limit.c   timeouts, RST              phase.c   one phase: time, totals, trace
 *   mgmt.c    management frames          check.c   the invariants
 *   owed.c    statuses to come           connect.c  how long a target stays connected
 *   qas.c     quick arbitration              units.c   information units
 */
#ifndef BUS_CORE_H
#define BUS_CORE_H

#include "bus/state.h"

/* ---- act.c ---- */
void act_reset(struct bus *b);
bool act_room(const struct bus *b); /* for another tenure */
struct spent act_spent(const struct bus *b);
/* Since then more has been used than a program may. */
bool act_beyond(const struct bus *b, const struct spent *since);
/* A SEND to the port's connection; its type is set, the rest is the caller's to fill. */
struct wire_frame *act_send(struct bus *b, uint32_t handle, enum wire_type type);
struct wire_frame *act_to(struct bus *b, const struct port *p, enum wire_type type);
/* The last action: its frame may wait a little for others. */
void act_lazy(struct bus *b);
/* Gives the frame these bytes of a block; a part of a block is copied by the connection. */
void act_data(struct bus *b, struct wire_frame *f, struct block *data, uint32_t off, uint32_t len);
struct span act_copy(struct bus *b, const void *p, size_t n);
uint8_t *act_arena(struct bus *b, size_t n);
void act_close(struct bus *b, struct conn *c, const char *text);
void act_tap(struct bus *b, uint32_t handle);
struct bus_trace *act_trace(struct bus *b);

/* ---- refuse.c ---- */
void refuse(struct bus *b, struct conn *c, uint8_t code, uint8_t type, uint32_t ref,
            const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* One for each time as long as `each` that has passed. */
void forgive(struct forgiven *f, ns_t each, ns_t now);
/* REFUSED, and the end of the connection. */
void refuse_conn(struct bus *b, struct conn *c, uint8_t code, uint8_t type, uint32_t ref,
                 const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* An ERROR that is not its fault. */
void tell_error(struct bus *b, const struct port *p, uint8_t code, uint8_t type, uint32_t ref,
                const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* ---- attach.c ---- */
void conn_open(struct bus *b, uint32_t handle);
void conn_closed(struct bus *b, struct conn *c, const char *why);
struct conn *conn_of(struct bus *b, uint32_t handle); /* NULL: an old handle */
void conn_attach(struct bus *b, struct conn *c, const struct wire_frame *f);
void attach_decide(struct bus *b);
void port_down(struct bus *b, struct port *p);
void port_set_arm(struct port *p, const struct wire_arm *a);
void port_set_members(struct bus *b, struct port *p, const struct wire_members *m);
struct port *port_get(struct bus *b, uint8_t id); /* NULL when it is not up */
bool port_init(struct bus *b, uint8_t id);        /* false: out of memory */
void port_fini(struct port *p);

/* ---- script.c ---- */
void script_queue(struct bus *b, struct conn *c, const struct wire_frame *f);
void script_cancel(struct bus *b, struct port *p, uint32_t id);
/* It is the tenure's from here on; its selection has been read. */
void script_run(struct bus *b, struct script *s);
void script_free(struct bus *b, struct script *s);
void script_to_nexus(struct bus *b, struct script *s);
/* A report for a script that did not run. */
void script_report_unrun(struct bus *b, struct script *s, uint8_t outcome);
void scripts_void(struct bus *b, struct port *p, bool report);
void scripts_forget_target(struct bus *b, uint8_t target);
/* The target has aborted all tasks of this initiator: its nexuses are reported as cancelled. */
void scripts_cancel_nexuses(struct bus *b, struct port *p, uint8_t target);
/* ATN: the next item that is no data is a MESSAGE OUT. */
bool script_atn(const struct tenure *t);
bool script_next(struct tenure *t, uint8_t kind, struct wire_item *out);
/* The SILENT MIRRORING message among these; false: there is none. One reading, for the judge of a
 * script and for the tenure that runs it. */
bool script_mirror(struct span bytes, struct scsi_msg *out);
/* The port is the one that the initiator spoke to: it has not attached since. Who has been started
 * again knows nothing of what it was to do, nor of who may ask for it. */
bool script_is_for(const struct script *s, const struct port *p);

/* ---- program.c ---- */
void program_queue(struct bus *b, struct conn *c, const struct wire_frame *f);
void program_free(struct port *p, struct program *g);
/* The same in two steps: it waits no more, its bytes stay; they go. */
void program_unlink(struct port *p, struct program *g);
void program_release(struct port *p, struct program *g);
const uint8_t *program_items(const struct program *g);
void programs_void(struct port *p);
/* So much waits that no more is to be read of it. */
bool programs_full(const struct bus *b, const struct port *p);
/* Those for this initiator. */
void programs_void_for(struct port *p, uint8_t initiator);
/* The tenure has ended tasks of its initiator in this target (tenure.ends), which has answered:
 * what it had asked for on behalf of them does not come any more. */
void programs_end(struct bus *b, struct port *p);
/* Whether one more can wait, with so many bytes of data. */
bool program_room(const struct port *p, uint64_t data);
/* A slot, empty, at the end of those that wait; there has to be room. */
struct program *program_take(struct port *p);
/* Whether one waits that can be run. Drops those before it whose task is over, or whose initiator
 * is gone, with a burst that says so. */
bool program_ready(struct bus *b, struct port *p);

/* ---- arb.c ---- */
/* One arbitration and the tenure of who wins it; false: nobody wants the bus. */
bool arb_run(struct bus *b);
/* The IDs that want the bus now. */
uint16_t arb_wanting(struct bus *b);

/* ---- tenure.c ---- */
/* The number of one that begins. */
uint32_t tenure_number(struct bus *b);
void tenure_select(struct bus *b, struct script *s, uint16_t ids);
void tenure_reselect(struct bus *b, struct port *p, struct program *g, uint16_t ids);
/* What the ports do by themselves, until the tenure ends or a process is asked. */
void tenure_advance(struct bus *b);
void tenure_end(struct bus *b, uint8_t outcome, bool own);
/* The initiator's adapter cannot go on: MESSAGE OUT with ABORT TASK, BUS FREE. */
void tenure_abort_task(struct bus *b, uint8_t outcome);
/* BSY goes because a port went. */
void tenure_lost(struct bus *b);
/* Nobody is awaited any more: whose answer is on its way has done nothing wrong. */
void tenure_unwait(struct bus *b);
/* MESSAGE OUT and COMMAND, driven by the driver: the adapter sends what its script has. */
void tenure_message_out(struct bus *b);
/* The target saw wrong parity: all bytes of the last MESSAGE OUT phase once more (SPI-3, MESSAGE
 * OUT phase; an initiator without ATN knows it by the REQ that follows). */
void tenure_message_again(struct bus *b);
void tenure_command(struct bus *b);
/* What a target's port says by itself in MESSAGE IN. */
void tenure_say(struct bus *b, struct span messages);
uint8_t tenure_free_outcome(const struct tenure *t);

/* ---- run.c ---- */
void run_continue(struct bus *b, struct conn *c, const struct wire_frame *f);
void run_items(struct bus *b, struct span items, struct block *data);

/* ---- arm.c ---- */
/* One phase that the driver's port does by itself; false: it asks its process. */
bool arm_act(struct bus *b);
/* Whether the armed port takes the data of (group, device) by itself. */
bool arm_takes_pass(const struct bus *b, const struct port *p, uint8_t device);

/* ---- silent.c ---- */
void silent_begin(struct bus *b, const struct script *s);
/* A MESSAGE OUT with TARGET LEADER IDENTIFICATION came to the leader. */
void silent_identified(struct bus *b, struct span bytes);
/* The COMMAND phase is over: all members of the group have heard it. */
void silent_latch(struct bus *b);
/* MESSAGE OUT after a leg: names the next, a further operation, or releases the bus. */
void silent_message_out(struct bus *b);
/* The driver lets go of the phase lines, and keeps BSY if it has it. */
void silent_pass(struct bus *b);
/* The token is the leader's again; the leg at hand has come to `result`. */
void silent_back(struct bus *b, uint8_t result);
void silent_data_out(struct bus *b, uint32_t most);
/* The one port that claims (group, device); NULL when there is none or more than one. */
struct port *silent_claimant(struct bus *b, uint8_t device);
void silent_port_lost(struct bus *b, struct port *p);
/* The member entry by which the port is (group, device); NULL: it is not. */
const struct wire_member *silent_member(const struct port *p, uint16_t group, uint8_t device);
/* The leader was silent: its leg, if that is what was awaited. */
void silent_blame(struct tenure *t);
/* BUS FREE has come; a participant that has the token is told. */
void silent_end(struct bus *b);

/* ---- broadcast.c ---- */
/* The leader was identified: all that it names listen. */
void broadcast_begin(struct bus *b, const struct scsi_msg_mirror *m);
/* The leader has clocked a whole DATA OUT: who latches it has it. */
void broadcast_data(struct bus *b);
/* No DATA OUT comes any more: who has nothing missed it. */
void broadcast_close(struct tenure *t);
/* What this port's status of the task belongs to. */
void broadcast_note(struct bus *b, uint8_t id, bool broadcast);
bool broadcast_status(const struct port *p, const struct program *g);

/* ---- chain.c ---- */
/* The script that goes on where the running one has its BUS RELEASE; NULL: the bus is released. */
struct script *chain_next(const struct bus *b);
/* Reports the running script, and takes up that one. */
void chain_begin(struct bus *b, struct script *next);
/* Its first MESSAGE OUT as it is sent under a tenure that stands. */
struct span chain_identification(struct span first);

/* ---- burst.c ---- */
void burst_plain(struct bus *b, struct port *p, uint8_t kind, uint8_t arg, uint8_t flags);
void burst_bytes(struct bus *b, struct port *p, uint8_t kind, uint8_t arg, struct span s);
/* The same with ITEM_PARITY, if it is set. */
void burst_flagged(struct bus *b, struct port *p, uint8_t kind, struct span s, uint8_t flags);
void burst_data(struct bus *b, struct port *p, struct block *data, struct piece piece,
                uint8_t flags);
void burst_flush(struct bus *b, struct port *p, bool wanted);
void burst_want(struct bus *b);
void burst_drop(struct port *p);
uint8_t burst_role(const struct bus *b, const struct port *p);

/* ---- nexus.c ---- */
void nexus_find(struct bus *b);
/* The bytes at this place of the data, as far as they lie together. */
struct piece nexus_piece(struct bus *b, const struct script *s, uint32_t at, uint32_t most);
void nexus_data_out(struct bus *b, uint32_t most);
void nexus_data_in(struct bus *b, const struct wire_item *it, struct block *data);
void nexus_report(struct bus *b, uint8_t outcome);

/* ---- connect.c ---- */
/* How much of `len` bytes the data phase at hand may move before the target disconnects. */
uint32_t connect_bytes(struct bus *b, bool out, uint32_t len);
/* It disconnects, to move the rest when it is connected again: so many bytes, or of that item what
 * comes after those that were moved. */
void connect_leave_out(struct bus *b, uint32_t left);
void connect_leave_in(struct bus *b, const struct wire_item *it, uint32_t moved,
                      struct block *block);
/* The tenure ends so: how long its target keeps away. */
void connect_note_end(struct bus *b, uint8_t outcome);
/* The disconnect time limit is over. */
bool connect_may_come(const struct bus *b, const struct port *p, const struct program *g);
/* Nobody wants the bus but targets that keep away: it stays free until the first may come. False:
 * there is none, or (with real pace) its time has not come. */
bool connect_idle(struct bus *b);
/* With real pace: the time of a free bus passes with the machine's, before anybody has it. */
void connect_pass(struct bus *b);
/* When the first may come; NS_NEVER: none is waited for. */
ns_t connect_deadline(const struct bus *b);

/* ---- qas.c ---- */
/* The tenure ends with QAS REQUEST, and somebody takes the bus so; false: BUS FREE follows. */
bool qas_hand_on(struct bus *b, uint8_t outcome);
/* Arbitration begins among these. Who was to take the bus may be gone meanwhile, or not be alone:
 * BUS FREE. */
void qas_settle(struct bus *b, uint16_t want);

/* ---- units.c ---- */
/* Whether the tenure that begins is packetized: of a script; of a program. */
bool units_select(const struct bus *b, const struct script *s);
bool units_reselect(const struct bus *b, const struct port *p, const struct program *g);
void units_begin(struct bus *b);
/* The phase at hand is over. */
void units_flush(struct bus *b);
/* DT DATA OUT with the command, driven by the target. */
void units_command(struct bus *b);
/* What a program says in MESSAGE IN: no phase. */
void units_message_in(struct bus *b, struct span messages);
/* L_Q, and the data: `len` bytes from the data pointer on, of `asked`; a piece of a block. */
void units_data_out(struct bus *b, uint32_t len, uint32_t asked);
void units_data_in(struct bus *b, const struct block *data, struct piece piece);
/* The L_Q alone, of a task that the initiator does not know. */
void units_stray(struct bus *b, uint32_t len);
/* Sense data for the next status; L_Q, and the status information unit if there is something to
 * say. */
void units_sense(struct bus *b, struct span sense);
void units_status(struct bus *b, uint8_t status);

/* ---- owed.c: true when more of the same pass is to come ---- */

bool owed_pass(struct port *p, const struct wire_leg *legs, unsigned n);
bool owed_status(struct port *p, uint32_t op);

/* ---- snoop.c ---- */
/* What the initiator sent. */
void snoop_out(struct bus *b, struct span bytes);
/* What the target sent. */
void snoop_in(struct bus *b, struct span bytes);
void agree_none(struct bus *b, uint8_t id); /* all agreements of this port: asynchronous */

/* ---- limit.c ---- */
void limit_run(struct bus *b);
ns_t limit_deadline(const struct bus *b);
/* A connection that is silent for so long ends; 0: none does. */
ns_t limit_silence_ns(const struct bus *b);
void bus_reset(struct bus *b, uint8_t by, const char *text);
/* What the bus has waited for the awaited port, as of now, counts. */
void limit_waited(struct bus *b);
/* The awaited port asserts RST: all that the bus has waited for it counts. */
void limit_dodged(struct bus *b);
/* The end of a step: who was found to have kept the bus for too long is out. */
void limit_settle(struct bus *b);
/* A port that has kept the bus for too long, all in all, is out; true. */
bool limit_holds(struct bus *b, struct port *p);
/* A conventional tenure is to have another data phase. Where the bus keeps to its time, one program
 * may ask for minutes of it: past the limit of a tenure it is ended by RST, and the driver is out.
 * True: so it was. */
bool limit_overrun(struct bus *b);
/* A program has made more phases, or frames, than one may: RST, and the driver is out. */
void limit_spent(struct bus *b);

/* ---- phase.c ---- */
struct phase {
	enum scsi_phase phase;
	ps_t ps; /* beyond the change of phase, for which phase_run() knows the price */
	uint32_t bytes;
	bool atn;
	enum bus_crc crc;
	bool units;
	struct span octets;
	uint8_t status;
	uint16_t ids, bsy, sel;
	uint8_t winner, target, driver;
};
void phase_run(struct bus *b, const struct phase *p);
/* An information transfer phase that the driver drives: MESSAGE, COMMAND, STATUS. */
void phase_bytes(struct bus *b, enum scsi_phase phase, bool atn, struct span s);
void phase_status(struct bus *b, uint8_t status);
void phase_data(struct bus *b, enum scsi_phase phase, const struct block *data, struct piece piece);
uint32_t phase_crc(struct bus *b, const struct block *data, struct piece piece);
/* Whether bytes of a data phase are those that their CRC is of, as far as the server sees them. */
enum bus_crc phase_check(struct bus *b, bool out, const struct block *data, struct piece piece);

/* ---- mgmt.c ---- */
void mgmt_frame(struct bus *b, struct conn *c, const struct wire_mgmt *m);
void mgmt_port_down(struct bus *b, const struct port *p);

static inline uint16_t id_bit(uint8_t id)
{
	return (uint16_t)(1U << (id & 15));
}

/* A leader was identified: the rules of silent mirroring hold. */
static inline bool ten_mirroring(const struct tenure *t)
{
	return t->mirror && t->leg > 0;
}

/* How data move in this tenure to or from that device. */
static inline struct xfer ten_xfer(const struct bus *b, uint8_t device)
{
	struct xfer x = b->agreed[b->ten.init][device];

	return (x.options & XFER_IU_REQ) && !b->ten.units ? xfer_plain(x) : x;
}

/* The port that asserts BSY; the port that drives the phase lines. */
static inline struct port *ten_target(struct bus *b)
{
	return &b->port[b->ten.target];
}
static inline struct port *ten_driver(struct bus *b)
{
	return &b->port[b->ten.driver];
}

#endif
