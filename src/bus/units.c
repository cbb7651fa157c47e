/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packetized tenures: conventional commands between two ports that have agreed on information units
 * (IU_REQ of PPR; SPI-4, clause 14).
 *
 *   SELECTION without attention condition; DT DATA OUT: L_Q, command information unit
 *   for data out: DT DATA IN: L_Q; DT DATA OUT: data information unit
 *   BUS FREE, which is what DISCONNECT says; RESELECTION without IDENTIFY
 *   DT DATA IN: L_Q and data information unit, for data in; L_Q and status information unit,
 *   which GOOD does without; BUS FREE, which is what COMMAND COMPLETE says
 *
 * The ports translate: scripts and programs are those of tenures with MESSAGE, COMMAND and STATUS
 * phases. What is not a command (or a task management function) alone, a negotiation, a mirroring
 * pass, is begun with attention condition, and its tenure has no information units at all: it runs
 * by the agreement as it is without them (xfer_plain()), and so do reselections for it.
 *
 * Of what comes to a target's port wrongly, this is the answer (SPI-4, "SPI L_Q information unit"
 * and "SPI command information unit"):
 *
 *   cut short, or a wrong iuCRC of the L_Q      BUS FREE
 *   a TYPE that no initiator sends, or one for which there is no room here (MULTIPLE COMMAND)
 *                                               status, packetized failure INVALID TYPE CODE
 *   a length that is no command's, a TAG above 255, a LUN that IDENTIFY cannot name
 *                                               status, packetized failure ILLEGAL REQUEST
 *   a command information unit that contradicts itself, or an unknown function
 *                                               status, the packetized failure of its kind
 *   a wrong iuCRC of the command                CHECK CONDITION, by the target's process
 *
 * And to the initiator's port: an L_Q of a nexus that it does not know is answered by ABORT TASK.
 */
#include "bus/core.h"
#include "bus/packetized.h"

#include <string.h>

/* ---- the phase at hand ---- */

void units_begin(struct bus *b)
{
	struct units *u = &b->units;

	sm_assert(!u->open);
	u->xfer = b->agreed[b->ten.init][b->ten.target];
	u->trained[false] = u->trained[true] = false;
	u->n_sense = u->n_status = 0;
}

void units_flush(struct bus *b)
{
	struct units *u = &b->units;
	const struct phase p = {
	        .phase = u->in ? PHASE_DATA_IN : PHASE_DATA_OUT,
	        .ps = u->ps,
	        .bytes = u->bytes,
	        .crc = u->crc,
	        .units = true,
	        .octets = {u->octets, u->n_octets},
	        .bsy = id_bit(b->ten.target),
	        .driver = b->ten.driver,
	};

	if (!u->open)
		return;
	u->open = false;
	phase_run(b, &p);
}

/* SPI-4, training: before the first paced transfers of each direction, of a connection, or where
 * the information is retained since the agreement. */
static ps_t training(struct bus *b, bool in)
{
	struct units *u = &b->units;
	uint8_t *kept = &b->trained[b->ten.init][b->ten.target];
	uint8_t bit = in ? 2 : 1;
	bool done = u->trained[in] || ((u->xfer.options & XFER_RTI) && (*kept & bit));

	u->trained[in] = true;
	*kept |= bit;
	return done ? 0 : packetized_training(&b->cfg.timing, u->xfer, in);
}

/* len: of the unit, without pad and iuCRC; bytes: for the trace, all but data. */
static void put(struct bus *b, bool in, enum bus_unit kind, uint32_t len, struct span bytes)
{
	struct units *u = &b->units;

	if (u->open && (u->in != in || u->n_octets + BUS_UNIT_HEAD + bytes.n > UNITS_OCTETS ||
	                len > UINT32_MAX - u->bytes))
		units_flush(b);
	if (!u->open) {
		u->open = true;
		u->in = in;
		u->bytes = u->n_octets = 0;
		u->crc = BUS_CRC_NULL;
		u->ps = training(b, in);
	}
	struct wr w = wr_init(u->octets + u->n_octets, UNITS_OCTETS - u->n_octets);
	wr_u8(&w, (uint8_t)kind);
	wr_u32(&w, len);
	wr_bytes(&w, bytes.p, bytes.n);
	sm_assert(wr_ok(&w));
	u->n_octets += (uint32_t)w.n;
	u->bytes += len;
	u->ps += packetized_unit(&b->cfg.timing, u->xfer, len);
}

static void put_bytes(struct bus *b, bool in, enum bus_unit kind, struct span bytes)
{
	put(b, in, kind, (uint32_t)bytes.n, bytes);
}

static void put_l_q(struct bus *b, const struct iu_l_q *q)
{
	uint8_t bytes[IU_L_Q_LEN];
	struct wr w = wr_init(bytes, sizeof(bytes));

	iu_l_q_put(&w, q);
	put_bytes(b, true, BUS_UNIT_L_Q, (struct span){bytes, sizeof(bytes)});
}

/* Of the task at hand, from the target. */
static void put_own(struct bus *b, enum iu_type type, uint32_t length)
{
	const struct iu_l_q q = iu_l_q(type, b->ten.tag, b->ten.lun & (SCSI_LUNS - 1), length);

	put_l_q(b, &q);
}

static void put_data(struct bus *b, bool in, uint32_t len, enum bus_crc crc)
{
	put(b, in, BUS_UNIT_DATA, len, (struct span){NULL, 0});
	if (crc == BUS_CRC_BAD || b->units.crc == BUS_CRC_NULL)
		b->units.crc = crc;
}

/* ---- which tenures are packetized ---- */

/* What the first MESSAGE OUT of a script says, where it says no more than an L_Q and a command
 * information unit can. */
struct words {
	uint8_t lun, tag;
	enum scsi_msg_kind attr, function; /* MSG_NO_OPERATION: none */
};

static bool is_function(enum scsi_msg_kind kind)
{
	return kind == MSG_ABORT_TASK || kind == MSG_ABORT_TASK_SET || kind == MSG_CLEAR_TASK_SET ||
	       kind == MSG_LOGICAL_UNIT_RESET || kind == MSG_TARGET_RESET || kind == MSG_CLEAR_ACA;
}

static bool is_attribute(enum scsi_msg_kind kind)
{
	return kind == MSG_SIMPLE || kind == MSG_HEAD_OF_QUEUE || kind == MSG_ORDERED ||
	       kind == MSG_ACA;
}

static bool words_get(struct span bytes, struct words *out)
{
	struct rd r = rd_init(bytes.p, bytes.n);
	struct scsi_msg m;

	*out = (struct words){.attr = MSG_SIMPLE, .function = MSG_NO_OPERATION};
	if (!scsi_msg_get(&r, &m) || m.kind != MSG_IDENTIFY)
		return false;
	out->lun = m.identify.lun;
	for (unsigned n = 0; rd_left(&r) > 0; n++) {
		if (!scsi_msg_get(&r, &m) || out->function != MSG_NO_OPERATION)
			return false;
		if (is_attribute(m.kind) && n == 0) {
			out->attr = m.kind;
			out->tag = m.tag;
		} else if (is_function(m.kind)) {
			out->function = m.kind;
		} else {
			return false;
		}
	}
	return true;
}

/* Its items: the words, with a command or a function, and data; or units as they are. */
static bool fits(const struct script *s)
{
	struct rd r = rd_init(s->buf->items, s->len);
	struct wire_item it;
	struct words words;
	unsigned commands = 0;

	(void)wire_item_get(&r, &it); /* the selection */
	if (!wire_item_get(&r, &it))
		return false;
	if (it.kind == ITEM_UNIT)
		return true;
	if (!s->atn || it.kind != ITEM_MSG_OUT || !words_get(it.bytes, &words))
		return false;
	while (wire_item_get(&r, &it)) {
		if (it.kind == ITEM_MSG_OUT)
			return false;
		commands += it.kind == ITEM_COMMAND;
	}
	return commands == (words.function == MSG_NO_OPERATION ? 1U : 0U);
}

bool units_select(const struct bus *b, const struct script *s)
{
	return !s->mirror && packetized_applies(b->agreed[s->owner][s->target]) && fits(s);
}

bool units_reselect(const struct bus *b, const struct port *p, const struct program *g)
{
	const struct script *s;

	if (g->mirror || !packetized_applies(b->agreed[g->initiator][p->id]))
		return false;
	/* It begins with IDENTIFY: program_queue() has seen to it. */
	uint8_t lun = program_items(g)[WIRE_ITEM_LEN] & (SCSI_LUNS - 1);
	TAILQ_FOREACH (s, &b->port[g->initiator].nexuses, link)
		if (s->target == p->id && s->lun == lun && s->tagged == g->tagged &&
		    (!g->tagged || s->tag == g->tag))
			return s->units;
	return true;
}

/* ---- statuses ---- */

static void put_status(struct bus *b, struct iu_l_q q, const struct iu_status *s)
{
	struct units *u = &b->units;
	struct tenure *t = &b->ten;
	struct wr w = wr_init(u->status, sizeof(u->status));

	if (s->status != 0 || s->failed || s->sense.n > 0)
		iu_status_put(&w, s);
	sm_assert(wr_ok(&w));
	u->n_status = (uint32_t)w.n;
	q.type = IU_STATUS;
	q.length = u->n_status;
	put_l_q(b, &q);
	if (u->n_status > 0)
		put_bytes(b, true, BUS_UNIT_STATUS, (struct span){u->status, u->n_status});
	t->has_status = true;
	t->status = s->status;
	t->complete = true;
	t->pos = POS_MOVED;
}

void units_sense(struct bus *b, struct span sense)
{
	struct units *u = &b->units;

	if (!b->ten.units || sense.n > sizeof(u->sense))
		return;
	u->n_sense = (uint32_t)sense.n;
	if (sense.n > 0)
		memcpy(u->sense, sense.p, sense.n);
}

void units_status(struct bus *b, uint8_t status)
{
	struct units *u = &b->units;
	struct tenure *t = &b->ten;
	struct iu_status s = {.status = status, .sense = {u->sense, u->n_sense}};

	if (t->reselected && !t->script) {
		put_own(b, IU_STATUS, 0);
		tenure_abort_task(b, OUTCOME_NO_NEXUS);
		return;
	}
	put_status(b, iu_l_q(IU_STATUS, t->tag, t->lun & (SCSI_LUNS - 1), 0), &s);
	u->n_sense = 0;
}

/* ---- commands: what came to the target's port ---- */

static void refuse_unit(struct bus *b, const struct iu_l_q *q, enum iu_failure failure)
{
	const struct iu_status s = {.failed = true, .failure = (uint8_t)failure};

	put_status(b, *q, &s);
	tenure_end(b, OUTCOME_COMPLETE, false);
}

static enum iu_failure judge_l_q(const struct iu_l_q *q, uint8_t *lun)
{
	if (q->type != IU_LAST_COMMAND)
		return IU_FAILURE_TYPE_CODE;
	if (q->length < IU_COMMAND_LEN || q->length > IU_COMMAND_MAX || q->tag > UINT8_MAX ||
	    !iu_l_q_lun(q, lun))
		return IU_FAILURE_ILLEGAL_REQUEST;
	return IU_FAILURE_NONE;
}

/* The process is told by the messages that say the same. */
static void tell_words(struct bus *b, const struct iu_l_q *q, uint8_t lun,
                       const struct iu_command *c)
{
	uint8_t bytes[8];
	struct wr w = wr_init(bytes, sizeof(bytes));
	const struct scsi_msg attr = {.kind = c->attr, .tag = (uint8_t)q->tag};
	const struct scsi_msg function = {.kind = c->function};

	/* Who has agreed on information units lets the target disconnect. */
	msg_put_identify(&w, lun, true);
	scsi_msg_put(&w, &attr);
	if (c->function != MSG_NO_OPERATION)
		scsi_msg_put(&w, &function);
	sm_assert(wr_ok(&w));
	const struct span s = {bytes, w.n};
	burst_bytes(b, ten_driver(b), ITEM_MSG_OUT, 0, s);
	snoop_out(b, s);
}

static void take_command(struct bus *b, const struct iu_command *c, bool bad_crc)
{
	struct tenure *t = &b->ten;
	struct script *s = t->script;
	size_t len = scsi_cdb_len(c->cdb), most = c->cdb.n < SCSI_CDB_MAX ? c->cdb.n : SCSI_CDB_MAX;
	struct span cdb = {c->cdb.p, len > 0 && len < most ? len : most};

	burst_flagged(b, ten_driver(b), ITEM_COMMAND, cdb, bad_crc ? ITEM_PARITY : 0);
	t->cdb_len = (uint8_t)cdb.n;
	memcpy(t->cdb, cdb.p, cdb.n);
	t->cdb_known = scsi_cdb_get(cdb, &t->parsed) && t->parsed.op != OP_UNKNOWN &&
	               t->parsed.len == cdb.n;
	t->pos = bad_crc ? POS_MOVED : POS_COMMAND;
	s->target_epoch = t->target_epoch;
	s->lun = t->lun;
	s->tagged = true;
	s->tag = t->tag;
	s->disc_priv = true;
	s->units = true;
}

struct bad_crcs {
	bool l_q, command;
};

static void receive(struct bus *b, struct span bytes, struct bad_crcs bad)
{
	struct rd r = rd_init(bytes.p, bytes.n);
	struct iu_l_q q;
	struct iu_command c;
	uint8_t lun = 0;

	if (!iu_l_q_get(&r, &q) || bad.l_q) {
		put_bytes(b, false, BUS_UNIT_L_Q, bytes);
		b->units.crc = BUS_CRC_BAD;
		tenure_end(b, OUTCOME_UNEXPECTED_FREE, true);
		return;
	}
	put_bytes(b, false, BUS_UNIT_L_Q, (struct span){bytes.p, IU_L_Q_LEN});
	enum iu_failure failure = judge_l_q(&q, &lun);
	if (failure != IU_FAILURE_NONE) {
		refuse_unit(b, &q, failure);
		return;
	}
	/* The target takes as many bytes as the L_Q says, if the initiator has them. */
	struct span unit = rd_bytes(&r, q.length);
	if (!unit.p) {
		tenure_end(b, OUTCOME_UNEXPECTED_FREE, true);
		return;
	}
	put_bytes(b, false, BUS_UNIT_COMMAND, unit);
	if (bad.command)
		b->units.crc = BUS_CRC_BAD;
	failure = iu_command_get(unit, &c);
	if (failure != IU_FAILURE_NONE) {
		refuse_unit(b, &q, failure);
		return;
	}
	tell_words(b, &q, lun, &c);
	b->ten.function = c.function != MSG_NO_OPERATION;
	if (b->ten.function)
		b->ten.pos = POS_MOVED; /* its process carries it out */
	else
		take_command(b, &c, bad.command);
}

/* ---- commands: what the initiator's adapter sends ---- */

/* False: the script has none. */
static bool compose(struct tenure *t, struct wr *w, struct bad_crcs *bad)
{
	const struct script *s = t->script;
	struct wire_item it;
	struct words words;

	if (!script_next(t, ITEM_MSG_OUT, &it) || !words_get(it.bytes, &words))
		return false;
	bad->l_q = it.flags & ITEM_PARITY;
	struct iu_command c = {
	        .attr = words.attr,
	        .function = words.function,
	        .rd = s->in_room > 0,
	        .wr = s->n_pieces > 0,
	};
	if (words.function == MSG_NO_OPERATION) {
		if (!script_next(t, ITEM_COMMAND, &it))
			return false;
		c.cdb = it.bytes;
		bad->command = it.flags & ITEM_PARITY;
	}
	const struct iu_l_q q =
	        iu_l_q(IU_LAST_COMMAND, words.tag, words.lun, iu_command_len(c.cdb.n));
	iu_l_q_put(w, &q);
	iu_command_put(w, &c);
	return true;
}

void units_command(struct bus *b)
{
	struct tenure *t = &b->ten;
	uint8_t bytes[IU_L_Q_LEN + IU_COMMAND_MAX];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct bad_crcs bad = {false, false};
	struct wire_item it;

	if (!t->script || t->reselected) {
		tenure_abort_task(b, t->script ? OUTCOME_BAD_SCRIPT : OUTCOME_NO_NEXUS);
	} else if (script_next(t, ITEM_UNIT, &it)) {
		bad.l_q = it.flags & ITEM_PARITY;
		receive(b, it.bytes, bad);
	} else if (compose(t, &w, &bad)) {
		receive(b, (struct span){bytes, w.n}, bad);
	} else {
		tenure_abort_task(b, OUTCOME_BAD_SCRIPT);
	}
}

/* ---- data ---- */

static bool is_reject(struct span messages)
{
	struct rd r = rd_init(messages.p, messages.n);
	struct scsi_msg m;

	while (rd_left(&r) > 0 && scsi_msg_get(&r, &m))
		if (m.kind == MSG_MESSAGE_REJECT)
			return true;
	return false;
}

/* A task management function that is rejected was not done: it ends in a status that says so. */
void units_message_in(struct bus *b, struct span messages)
{
	struct tenure *t = &b->ten;
	uint16_t n = t->n_msg_in;

	snoop_in(b, messages);
	t->n_msg_in = n;
	t->reject = false; /* it was not said */
	if (t->function && is_reject(messages))
		put_status(b, iu_l_q(IU_STATUS, t->tag, t->lun & (SCSI_LUNS - 1), 0),
		           &(struct iu_status){.failed = true, .failure = IU_FAILURE_TMF_FAILED});
}

/* The CRC of what the initiator sends, as far as it lies together in its script. */
static enum bus_crc move(struct bus *b, struct script *s, uint32_t len)
{
	enum bus_crc crc = BUS_CRC_NULL;

	while (len > 0) {
		struct piece piece = nexus_piece(b, s, s->out_at, len);
		enum bus_crc one = phase_check(b, true, s->data, piece);
		if (one == BUS_CRC_BAD || crc == BUS_CRC_NULL)
			crc = one;
		s->out_at += piece.len;
		b->ten.data_out += piece.len;
		len -= piece.len;
	}
	return crc;
}

void units_stray(struct bus *b, uint32_t len)
{
	if (len > 0)
		put_own(b, IU_DATA, len < IU_DATA_MAX ? len : IU_DATA_MAX);
}

void units_data_out(struct bus *b, uint32_t len, uint32_t asked)
{
	struct script *s = b->ten.script;

	/* What the L_Q asks for comes: pad bytes, where the initiator has no more. */
	while (asked > 0) {
		uint32_t n = asked < IU_DATA_MAX ? asked : IU_DATA_MAX;
		uint32_t have = len < n ? len : n;
		put_own(b, IU_DATA, n);
		put_data(b, false, n, move(b, s, have));
		len -= have;
		asked -= n;
	}
	s->out_saved = s->out_at; /* SPI-4: an L_Q restores the data pointers, and saves them */
}

void units_data_in(struct bus *b, const struct block *data, struct piece piece)
{
	enum bus_crc crc = phase_check(b, false, data, piece);

	for (uint32_t left = piece.len; left > 0;) {
		uint32_t n = left < IU_DATA_MAX ? left : IU_DATA_MAX;
		put_own(b, IU_DATA, n);
		put_data(b, true, n, crc);
		left -= n;
	}
}
