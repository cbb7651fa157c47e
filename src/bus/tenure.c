/* SPDX-License-Identifier: BSD-2-Clause */
/* The tenure: from ARBITRATION up to and including the BUS FREE that follows. States and
 * invariants stand in core.h. */
#include "bus/core.h"

#include <string.h>

/* ---- begin ---- */

uint32_t tenure_number(struct bus *b)
{
	if ((uint32_t)++b->tenures == 0) /* no tenure has it */
		b->tenures++;
	return (uint32_t)b->tenures;
}

static struct tenure *begin(struct bus *b, uint8_t init, uint8_t target, enum tenure_kind kind)
{
	struct tenure *t = &b->ten;

	sm_assert(t->state == TENURE_NONE);
	memset(t, 0, offsetof(struct tenure, legs));
	t->state = TENURE_RUNS;
	t->number = t->key = t->nexus = tenure_number(b);
	t->kind = kind;
	t->init = init;
	t->target = target;
	t->init_epoch = b->port[init].epoch;
	t->driver = t->awaited = WIRE_NO_ID;
	t->start_ns = t->part_ns = b->bus_ns;
	t->machine_start = b->now;
	t->plain = true;
	b->stats.tenures[kind]++;
	return t;
}

static void arbitration(struct bus *b, uint16_t ids, uint8_t winner)
{
	struct phase p = {
	        .phase = PHASE_ARBITRATION,
	        .ps = b->handed_on ? bus_timing_qas(&b->cfg.timing)
	                           : bus_timing_arbitration(&b->cfg.timing),
	        .ids = ids,
	        .winner = winner,
	        .bsy = ids,
	        .sel = id_bit(winner),
	        .driver = WIRE_NO_ID,
	};
	phase_run(b, &p);
	b->handed_on = false;
}

/* SPI-3, SELECTION phase: a target answers when its own ID and one other are asserted, no more and
 * no fewer; whose the other is it takes from there. */
static bool two_ids(const struct script *s)
{
	return s->ids == 0 || s->ids == (uint16_t)(id_bit(s->owner) | id_bit(s->target));
}

static void selection_phase(struct bus *b, bool answered, bool atn)
{
	const struct tenure *t = &b->ten;
	struct phase p = {
	        .phase = PHASE_SELECTION,
	        .ps = answered ? bus_timing_selection(&b->cfg.timing)
	                       : bus_timing_selection_timeout(&b->cfg.timing),
	        .atn = atn,
	        .target = t->target,
	        .ids = t->script->ids,
	        .bsy = answered ? id_bit(t->target) : 0,
	        .sel = id_bit(t->init),
	        .driver = WIRE_NO_ID,
	};
	phase_run(b, &p);
}

void tenure_select(struct bus *b, struct script *s, uint16_t ids)
{
	const struct port *target = port_get(b, s->target);
	enum tenure_kind kind = s->broadcast ? TENURE_BROADCAST
	                        : s->mirror  ? TENURE_SILENT
	                                     : TENURE_CONVENTIONAL;
	struct tenure *t = begin(b, s->owner, s->target, kind);

	t->units = units_select(b, s);
	if (t->units)
		units_begin(b);
	script_run(b, s);
	if (s->mirror)
		silent_begin(b, s);
	arbitration(b, ids, s->owner);
	bool answered =
	        target && target->role == ROLE_TARGET && two_ids(s) && script_is_for(s, target);
	selection_phase(b, answered, s->atn && !t->units);
	if (!answered) {
		b->stats.selection_timeouts++;
		tenure_end(b, OUTCOME_SELECTION_TIMEOUT, true);
		return;
	}
	t->target_epoch = target->epoch;
	t->driver = t->target;
	t->pos = POS_SELECTED;
	burst_plain(b, ten_target(b), ITEM_SELECT, t->init,
	            t->units ? ITEM_UNITS
	            : s->atn ? ITEM_ATN
	                     : 0);
	tenure_advance(b);
}

void tenure_reselect(struct bus *b, struct port *p, struct program *g, uint16_t ids)
{
	enum tenure_kind kind = broadcast_status(p, g) ? TENURE_BROADCAST
	                        : g->mirror            ? TENURE_SILENT
	                                               : TENURE_CONVENTIONAL;
	struct tenure *t = begin(b, g->initiator, p->id, kind);

	t->reselected = true;
	t->program = g->id;
	t->own = g->own;
	t->nexus = g->tenure;
	if (g->own)
		t->key = g->tenure;
	t->target_epoch = p->epoch;
	t->has_op = g->mirror;
	t->op = g->op;
	t->units = units_reselect(b, p, g);
	if (t->units)
		units_begin(b);
	arbitration(b, ids, p->id);
	struct phase reselection = {
	        .phase = PHASE_RESELECTION,
	        .ps = bus_timing_selection(&b->cfg.timing),
	        .target = p->id,
	        .bsy = (uint16_t)(id_bit(t->init) | id_bit(p->id)),
	        .sel = id_bit(p->id),
	        .driver = WIRE_NO_ID,
	};
	phase_run(b, &reselection);
	t->io = true; /* reselection is told from selection by I/O (SPI-3, 10.6) */
	t->driver = p->id;
	t->pos = POS_MOVED;
	program_unlink(p, g);
	run_items(b, (struct span){program_items(g), g->len}, g->data);
	program_release(p, g);
	tenure_advance(b);
}

void tenure_advance(struct bus *b)
{
	while (b->ten.state == TENURE_RUNS)
		if (!arm_act(b))
			burst_want(b);
}

/* ---- phases in which the initiator's adapter has the word ---- */

static void send_flagged(struct bus *b, bool atn, struct span s, uint8_t flags)
{
	phase_bytes(b, PHASE_MESSAGE_OUT, atn, s);
	b->ten.last_out = s;
	burst_flagged(b, ten_driver(b), ITEM_MSG_OUT, s, flags);
}

static void send_out(struct bus *b, bool atn, struct span s)
{
	send_flagged(b, atn, s, 0);
}

void tenure_message_again(struct bus *b)
{
	struct span s = b->ten.last_out;

	send_out(b, true, s);
	snoop_out(b, s);
}

void tenure_message_out(struct bus *b)
{
	static const uint8_t message_reject[] = {0x07}, no_operation[] = {0x08};
	struct tenure *t = &b->ten;
	struct wire_item it;

	if (t->reject) {
		t->reject = false;
		send_out(b, true, (struct span){message_reject, 1});
		return;
	}
	if (ten_mirroring(t)) {
		silent_message_out(b);
		return;
	}
	if (t->units || !script_next(t, ITEM_MSG_OUT, &it)) {
		/* SPI-3, 16.4: what an initiator sends that has nothing to say. */
		send_out(b, false, (struct span){no_operation, 1});
		t->pos = POS_MOVED;
		return;
	}
	bool first = t->pos == POS_SELECTED || t->pos == POS_MESSAGES;
	send_flagged(b, true, it.bytes, it.flags & ITEM_PARITY);
	snoop_out(b, it.bytes);
	if (it.flags & ITEM_PARITY)
		t->plain = false; /* its process sees it */
	t->pos = first ? POS_MESSAGES : POS_MOVED;
	if (t->mirror)
		silent_identified(b, it.bytes);
}

/* A target asks for as many bytes as the operation code's group has, or the CDB says
 * (SPC-4, 4.2.5.1 and 4.2.3), however many the adapter was given. */
static struct span command_bytes(struct span given)
{
	size_t len = scsi_cdb_len(given);

	return (struct span){given.p, len > 0 && len < given.n ? len : given.n};
}

/* The command pointer is where it was (SPI-3, SCSI pointers): the same CDB. */
static void again(struct bus *b)
{
	struct tenure *t = &b->ten;
	struct span cdb = {t->cdb, t->cdb_len};

	t->restored = false;
	phase_bytes(b, PHASE_COMMAND, false, cdb);
	burst_bytes(b, ten_driver(b), ITEM_COMMAND, 0, cdb);
	t->pos = POS_COMMAND;
}

void tenure_command(struct bus *b)
{
	struct tenure *t = &b->ten;
	struct script *s = t->script;
	bool atn = !t->mirror && script_atn(t);
	struct wire_item it;

	if (t->units) {
		units_command(b);
		return;
	}
	if (t->restored && t->cdb_len > 0) {
		again(b);
		return;
	}
	if (!s || !script_next(t, ITEM_COMMAND, &it)) {
		tenure_abort_task(b, s ? OUTCOME_BAD_SCRIPT : OUTCOME_NO_NEXUS);
		return;
	}
	struct span cdb = command_bytes(it.bytes);
	phase_bytes(b, PHASE_COMMAND, atn, cdb);
	burst_flagged(b, ten_driver(b), ITEM_COMMAND, cdb, it.flags & ITEM_PARITY);
	t->cdb_len = (uint8_t)cdb.n;
	memcpy(t->cdb, cdb.p, cdb.n);
	/* Each port that the command is for looks at it. */
	t->cdb_known = scsi_cdb_get(cdb, &t->parsed) && t->parsed.op != OP_UNKNOWN &&
	               t->parsed.len == cdb.n;
	t->pos = it.flags & ITEM_PARITY ? POS_MOVED : POS_COMMAND;
	if (t->mirror) {
		silent_latch(b);
		return;
	}
	s->target_epoch = t->target_epoch;
	s->lun = t->lun;
	s->tagged = t->tagged;
	s->tag = t->tag;
	s->disc_priv = t->disc_priv;
}

void tenure_abort_task(struct bus *b, uint8_t outcome)
{
	static const uint8_t abort_task[] = {0x0d};

	send_out(b, true, (struct span){abort_task, 1});
	tenure_end(b, outcome, false);
}

void tenure_say(struct bus *b, struct span messages)
{
	if (b->ten.units) {
		units_message_in(b, messages);
		return;
	}
	phase_bytes(b, PHASE_MESSAGE_IN, false, messages);
	snoop_in(b, messages);
}

/* ---- end ---- */

uint8_t tenure_free_outcome(const struct tenure *t)
{
	if (ten_mirroring(t))
		return t->release ? OUTCOME_RELEASED : OUTCOME_UNEXPECTED_FREE;
	if (t->complete || t->over) /* ABORT TASK and the like: BUS FREE is the answer */
		return OUTCOME_COMPLETE;
	/* SPI-4: after a command or data information unit BUS FREE is what DISCONNECT says. */
	if ((t->disconnect || t->units) && (t->reselected || t->cdb_len > 0))
		return OUTCOME_DISCONNECTED;
	return OUTCOME_UNEXPECTED_FREE;
}

static bool is_cut(uint8_t outcome)
{
	return outcome == OUTCOME_UNEXPECTED_FREE || outcome == OUTCOME_NO_NEXUS ||
	       outcome == OUTCOME_BAD_SCRIPT;
}

static void end_script(struct bus *b, uint8_t outcome)
{
	struct script *s = b->ten.script;

	if (!s)
		return;
	if (outcome != OUTCOME_DISCONNECTED || !b->port[s->owner].up)
		script_free(b, s);
	else if (s->state == SCRIPT_RUNNING)
		script_to_nexus(b, s);
}

static void pace(struct bus *b)
{
	if (b->pace_until < b->now)
		b->pace_until = b->now;
	b->pace_until += b->bus_ns - b->ten.start_ns;
}

void tenure_unwait(struct bus *b)
{
	struct tenure *t = &b->ten;

	if (t->awaited != WIRE_NO_ID) {
		limit_waited(b);
		b->port[t->awaited].late++;
	}
	t->awaited = WIRE_NO_ID;
}

void tenure_end(struct bus *b, uint8_t outcome, bool own)
{
	struct tenure *t = &b->ten;
	struct port *target = ten_target(b);
	struct phase free = {
	        .phase = PHASE_BUS_FREE,
	        .ps = bus_timing_free(&b->cfg.timing),
	        .driver = WIRE_NO_ID,
	};

	if (t->units)
		units_flush(b);
	silent_end(b);
	tenure_unwait(b);
	connect_note_end(b, outcome);
	bool handed_on = qas_hand_on(b, outcome);
	t->driver = WIRE_NO_ID;
	if (!handed_on)
		phase_run(b, &free);
	if (t->ends != ENDS_NOTHING)
		programs_end(b, target);
	if (!own || target->gather.n > 0)
		burst_plain(b, target, ITEM_FREE, 0, is_cut(outcome) ? ITEM_CUT : 0);
	burst_flush(b, target, false);
	nexus_report(b, outcome);
	end_script(b, outcome);
	block_unref(t->held);
	t->held = NULL;
	t->script = NULL;
	pace(b);
	t->state = TENURE_NONE;
}

void tenure_lost(struct bus *b)
{
	tenure_end(b, OUTCOME_UNEXPECTED_FREE, false);
}
