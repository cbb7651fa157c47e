/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scripts of initiators: they are judged as a whole when they come, so that a tenure meets
 * no surprise half way; then they wait for the bus.
 */
#include "bus/core.h"

#include <stdio.h>
#include <string.h>

/* ---- judging ---- */

struct judge {
	struct script *s;
	char why[160];
	bool release; /* BUS RELEASE came */
	bool leg;     /* the last item opened a leg: DATA OUT may follow */
	bool command; /* a leader was identified, its COMMAND has not come */
	bool broadcast;
	uint16_t group;
	uint32_t op;
};

#define BAD(j, ...) ((void)snprintf((j)->why, sizeof((j)->why), __VA_ARGS__), false)

bool script_mirror(struct span bytes, struct scsi_msg *out)
{
	struct rd r = rd_init(bytes.p, bytes.n);
	while (rd_left(&r) > 0 && scsi_msg_get(&r, out))
		if (out->kind == MSG_EXT_MIRROR)
			return true;
	return false;
}

bool script_is_for(const struct script *s, const struct port *p)
{
	return s->known == 0 || p->epoch <= s->known;
}

/* What a chained operation begins with has to be left when IDENTIFY is left out: a tag, and the
 * identification. */
static bool judge_chained(struct judge *j, struct span bytes)
{
	struct rd r = rd_init(bytes.p, bytes.n);
	struct scsi_msg m;

	if (j->s->chain_ns == 0)
		return true;
	if (!scsi_msg_get(&r, &m) || m.kind != MSG_IDENTIFY || !scsi_msg_get(&r, &m) ||
	    m.kind != MSG_SIMPLE || !scsi_msg_get(&r, &m) || m.kind != MSG_EXT_MIRROR ||
	    rd_left(&r) > 0)
		return BAD(j, "a script that may be chained begins with IDENTIFY, SIMPLE and "
		              "TARGET LEADER IDENTIFICATION");
	j->s->identify = bytes.p[0];
	return true;
}

/* One tenure is of one kind. The leader of a broadcast pass is one of those that it is for. */
static bool judge_ways(struct judge *j, const struct scsi_msg_mirror *m)
{
	if (j->s->n_legs > 0 && m->broadcast != j->broadcast)
		return BAD(j, "broadcast and silent passes in one tenure");
	if (j->broadcast && j->leg)
		return BAD(j, "a broadcast pass without DATA OUT");
	if (m->broadcast && (m->device > 31 || !(m->devices >> m->device & 1)))
		return BAD(j, "the leader, device %u, is not in the bitmap of devices", m->device);
	j->broadcast = j->s->broadcast = m->broadcast;
	return true;
}

static bool add_leg(struct judge *j, uint32_t op, uint8_t device)
{
	struct script *s = j->s;

	if (s->n_legs == WIRE_LEGS_MAX)
		return BAD(j, "more than %d legs", WIRE_LEGS_MAX);
	s->buf->legs[s->n_legs++] = (struct wire_leg){
	        .op = op, .device = device, .port = WIRE_NO_ID, .result = LEG_NOT_REACHED};
	return true;
}

/* Those that the message opens: one, or a broadcast's, the leader's first. */
static bool add_legs(struct judge *j, const struct scsi_msg_mirror *m)
{
	uint32_t others = m->broadcast ? m->devices & ~(UINT32_C(1) << m->device) : 0;

	if (!add_leg(j, m->op, m->device))
		return false;
	for (; others; others &= others - 1)
		if (!add_leg(j, m->op, (uint8_t)__builtin_ctz(others)))
			return false;
	return true;
}

static bool judge_leader(struct judge *j, const struct scsi_msg_mirror *m)
{
	if (j->command)
		return BAD(j, "no COMMAND follows a TARGET LEADER IDENTIFICATION");
	if (!judge_ways(j, m))
		return false;
	j->group = m->group;
	j->op = m->op;
	j->command = true;
	if (j->s->n_legs == 0)
		j->s->op = m->op;
	j->leg = true;
	return add_legs(j, m);
}

static bool judge_mirror_message(struct judge *j, const struct scsi_msg *m)
{
	if (j->release)
		return BAD(j, "MESSAGE OUT after BUS RELEASE");
	if (m->mirror.function == MIRROR_LEADER)
		return judge_leader(j, &m->mirror);
	if (j->command)
		return BAD(j, "no COMMAND follows a TARGET LEADER IDENTIFICATION");
	if (m->mirror.group != j->group || m->mirror.op != j->op)
		return BAD(j, "%s of another group or operation", scsi_msg_name(m));
	if (m->mirror.broadcast != j->broadcast)
		return BAD(j, "%s whose BROADCAST flag is not the pass's", scsi_msg_name(m));
	switch (m->mirror.function) {
	case MIRROR_LEADER:
		break;
	case MIRROR_SELECT:
		if (j->broadcast)
			return BAD(j, "TARGET SELECTION in a broadcast pass");
		j->leg = true;
		return add_legs(j, &m->mirror);
	case MIRROR_RELEASE:
		if (j->broadcast && j->leg)
			return BAD(j, "a broadcast pass without DATA OUT");
		j->release = true;
		j->leg = false;
		return true;
	case MIRROR_STATUS:
		break;
	}
	return BAD(j, "MIRROR STATUS is a target's message");
}

/* m: of a MESSAGE OUT, its SILENT MIRRORING message, or NULL. */
static bool judge_mirror_item(struct judge *j, const struct wire_item *it, const struct scsi_msg *m)
{
	switch ((enum wire_item_kind)it->kind) {
	case ITEM_MSG_OUT:
		return m ? judge_mirror_message(j, m)
		         : BAD(j, "a message of a mirroring script is not of SILENT MIRRORING");
	case ITEM_COMMAND:
		if (!j->command)
			return BAD(j, "COMMAND without a TARGET LEADER IDENTIFICATION");
		j->command = false;
		return true;
	case ITEM_DATA_OUT:
		if (!j->leg || j->command)
			return BAD(j, "DATA OUT that no leg is for");
		j->leg = false;
		return true;
	case ITEM_SELECT:
	case ITEM_DATA_IN:
	case ITEM_STATUS:
	case ITEM_MSG_IN:
	case ITEM_FREE:
	case ITEM_LATCH:
	case ITEM_TOKEN:
	case ITEM_PASS:
	case ITEM_SENSE:
	case ITEM_UNIT:
		break;
	}
	return BAD(j, "an item of kind %u in a mirroring script", it->kind);
}

static bool judge_data(struct judge *j, const struct wire_item *it)
{
	struct script *s = j->s;

	if (it->kind == ITEM_DATA_IN) {
		if (it->len > WIRE_DATA_MAX - s->in_room)
			return BAD(j, "room for more than %u bytes of DATA IN", WIRE_DATA_MAX);
		s->in_room += it->len;
		return true;
	}
	if (s->n_pieces == SCRIPT_PIECES)
		return BAD(j, "more than %d pieces of DATA OUT", SCRIPT_PIECES);
	if (it->len > WIRE_DATA_MAX - s->out_total)
		return BAD(j, "more than %u bytes of DATA OUT", WIRE_DATA_MAX);
	s->piece[s->n_pieces++] = (struct piece){it->off, it->len, it->crc};
	s->out_total += it->len;
	return true;
}

static bool judge_item(struct judge *j, const struct wire_item *it)
{
	struct scsi_msg m;

	if (it->kind == ITEM_SELECT)
		return BAD(j, "a second selection");
	if (it->kind == ITEM_MSG_OUT && (it->len == 0 || it->len > MESSAGE_MAX))
		return BAD(j, "a MESSAGE OUT of %u bytes, 1 to %d are possible", it->len,
		           MESSAGE_MAX);
	if (it->kind == ITEM_UNIT && (it->len == 0 || it->len > MESSAGE_MAX))
		return BAD(j, "information units of %u bytes, 1 to %d are possible", it->len,
		           MESSAGE_MAX);
	if (it->kind == ITEM_COMMAND && (it->len == 0 || it->len > SCSI_CDB_MAX))
		return BAD(j, "a CDB of %u bytes, 1 to %d are possible", it->len, SCSI_CDB_MAX);
	bool mirror = it->kind == ITEM_MSG_OUT && script_mirror(it->bytes, &m);
	/* The first MESSAGE OUT tells what kind of script it is. */
	if (mirror && !j->s->mirror) {
		if (!j->s->atn || m.mirror.function != MIRROR_LEADER)
			return BAD(j, "%s outside of a mirroring script", scsi_msg_name(&m));
		if (j->s->n_pieces > 0 || j->s->in_room > 0)
			return BAD(j, "data before a TARGET LEADER IDENTIFICATION");
		if (!judge_chained(j, it->bytes))
			return false;
		j->s->mirror = true;
	}
	if (j->s->mirror && (it->flags & ITEM_PARITY))
		return BAD(j, "wrong parity in a mirroring script");
	if (j->s->mirror)
		return judge_mirror_item(j, it, mirror ? &m : NULL);
	if (it->kind == ITEM_DATA_OUT || it->kind == ITEM_DATA_IN)
		return judge_data(j, it);
	return true;
}

static bool judge(struct judge *j, struct span items)
{
	struct rd r = rd_init(items.p, items.n);
	struct wire_item it;
	unsigned messages = 0, commands = 0, units = 0;

	if (!wire_item_get(&r, &it) || it.kind != ITEM_SELECT)
		return BAD(j, "it does not begin with a selection");
	if (it.arg >= WIRE_IDS || it.arg == j->s->owner)
		return BAD(j, "SCSI ID %u cannot be selected", it.arg);
	j->s->target = it.arg;
	j->s->atn = it.flags & ITEM_ATN;
	j->s->chain_ns = it.flags & ITEM_CHAIN ? it.len : 0;
	j->s->ids = (uint16_t)it.off;
	j->s->known = it.crc;
	while (wire_item_get(&r, &it)) {
		messages += it.kind == ITEM_MSG_OUT;
		commands += it.kind == ITEM_COMMAND;
		units += it.kind == ITEM_UNIT;
		bool was = j->s->mirror;
		if (!judge_item(j, &it))
			return false;
		if (!was && j->s->mirror && (messages > 1 || commands > 0))
			return BAD(j,
			           "TARGET LEADER IDENTIFICATION is not in the first MESSAGE OUT");
	}
	if (r.error)
		return BAD(j, "a malformed item");
	if (j->s->mirror && (j->command || !j->release))
		return BAD(j, "a mirroring script ends with BUS RELEASE");
	if (!j->s->mirror && j->s->chain_ns > 0)
		return BAD(j, "only a mirroring script may be chained");
	if (units > 1 || (units > 0 && (messages > 0 || commands > 0)))
		return BAD(j, "information units beside others, messages or a command");
	if (!j->s->mirror && commands > 1)
		return BAD(j, "%u commands", commands);
	return true;
}

/* ---- queueing ---- */

static bool id_live(const struct port *p, uint32_t id)
{
	const struct script *s;
	TAILQ_FOREACH (s, &p->queue, link)
		if (s->id == id)
			return true;
	TAILQ_FOREACH (s, &p->nexuses, link)
		if (s->id == id)
			return true;
	return false;
}

static bool running_id(const struct bus *b, const struct port *p, uint32_t id)
{
	const struct tenure *t = &b->ten;
	return t->state != TENURE_NONE && t->script && t->script->owner == p->id &&
	       t->script->id == id;
}

static void buf_back(struct bus *b, struct script *s)
{
	struct port *p = &b->port[s->owner];

	if (!s->buf)
		return;
	sm_assert(p->n_free_bufs <= SCRIPTS_QUEUED);
	p->free_bufs[p->n_free_bufs++] = s->buf;
	s->buf = NULL;
}

static struct script *take_free(struct port *p)
{
	struct script *s = TAILQ_FIRST(&p->free_scripts);

	if (!s)
		return &p->scripts[p->scripts_used++]; /* fewer than SCRIPTS_LIVE are live */
	TAILQ_REMOVE(&p->free_scripts, s, link);
	return s;
}

void script_queue(struct bus *b, struct conn *c, const struct wire_frame *f)
{
	struct port *p = &b->port[c->id];
	const struct wire_script *w = &f->script;
	uint64_t data = f->data ? f->data->len : 0;

	if (p->n_queued >= SCRIPTS_QUEUED || p->n_live >= SCRIPTS_LIVE || p->n_free_bufs == 0) {
		refuse(b, c, CODE_FLOOD, WIRE_SCRIPT, w->id, "%u scripts wait, %u are live",
		       p->n_queued, p->n_live);
		return;
	}
	if (p->script_data + data > SCRIPT_DATA_MAX) {
		refuse(b, c, CODE_FLOOD, WIRE_SCRIPT, w->id, "more than %u bytes in live scripts",
		       SCRIPT_DATA_MAX);
		return;
	}
	if (id_live(p, w->id) || running_id(b, p, w->id)) {
		refuse(b, c, CODE_BAD_STATE, WIRE_SCRIPT, w->id, "script %u is live already",
		       w->id);
		return;
	}
	struct script *s = take_free(p);
	struct judge j = {.s = s};
	*s = (struct script){.owner = p->id, .id = w->id, .buf = p->free_bufs[--p->n_free_bufs]};
	if (!judge(&j, w->items)) {
		buf_back(b, s);
		s->state = SCRIPT_FREE;
		TAILQ_INSERT_HEAD(&p->free_scripts, s, link);
		refuse(b, c, CODE_BAD_VALUE, WIRE_SCRIPT, w->id, "script: %s", j.why);
		return;
	}
	s->state = SCRIPT_QUEUED;
	s->len = (uint32_t)w->items.n;
	memcpy(s->buf->items, w->items.p, w->items.n);
	s->data = f->data ? block_ref(f->data) : NULL;
	p->script_data += data;
	p->n_queued++;
	p->n_live++;
	TAILQ_INSERT_TAIL(&p->queue, s, link);
}

/* ---- the life of one ---- */

void script_run(struct bus *b, struct script *s)
{
	struct port *p = &b->port[s->owner];
	struct tenure *t = &b->ten;
	struct wire_item it;

	sm_assert(s->state == SCRIPT_QUEUED && t->script == NULL);
	TAILQ_REMOVE(&p->queue, s, link);
	p->n_queued--;
	s->state = SCRIPT_RUNNING;
	t->script = s;
	s->tenure = t->number;
	t->items = rd_init(s->buf->items, s->len);
	(void)wire_item_get(&t->items, &it); /* the selection */
}

void script_to_nexus(struct bus *b, struct script *s)
{
	struct port *p = &b->port[s->owner];

	sm_assert(s->state == SCRIPT_RUNNING);
	buf_back(b, s);
	s->state = SCRIPT_NEXUS;
	TAILQ_INSERT_TAIL(&p->nexuses, s, link);
}

void script_free(struct bus *b, struct script *s)
{
	struct port *p = &b->port[s->owner];

	sm_assert(s->state != SCRIPT_FREE && p->n_live > 0);
	if (s->state == SCRIPT_QUEUED) {
		TAILQ_REMOVE(&p->queue, s, link);
		p->n_queued--;
	} else if (s->state == SCRIPT_NEXUS) {
		TAILQ_REMOVE(&p->nexuses, s, link);
	}
	if (b->ten.script == s)
		b->ten.script = NULL;
	buf_back(b, s);
	if (s->data)
		p->script_data -= s->data->len;
	block_unref(s->data);
	s->data = NULL;
	s->state = SCRIPT_FREE;
	p->n_live--;
	TAILQ_INSERT_HEAD(&p->free_scripts, s, link);
}

void script_report_unrun(struct bus *b, struct script *s, uint8_t outcome)
{
	const struct port *p = &b->port[s->owner];
	const struct port *target = port_get(b, s->target);
	struct wire_frame *f = act_to(b, p, WIRE_TENURE);

	f->tenure = (struct wire_tenure){
	        .script = s->id,
	        .target = s->target,
	        .epoch = target ? target->epoch : 0,
	        .outcome = outcome,
	        .start_ns = b->bus_ns,
	        .end_ns = b->bus_ns,
	};
}

void script_cancel(struct bus *b, struct port *p, uint32_t id)
{
	struct script *s, *found = NULL;

	TAILQ_FOREACH (s, &p->queue, link)
		if (s->id == id)
			found = s;
	TAILQ_FOREACH (s, &p->nexuses, link)
		if (s->id == id)
			found = s;
	/* Unknown: its report crossed with the CANCEL. A nexus at work runs on, as a script does.
	 */
	if (!found || found == b->ten.script)
		return;
	script_report_unrun(b, found, OUTCOME_CANCELLED);
	script_free(b, found);
}

void scripts_void(struct bus *b, struct port *p, bool report)
{
	struct script *s;

	while ((s = TAILQ_FIRST(&p->queue)) != NULL) {
		if (report)
			script_report_unrun(b, s, OUTCOME_RESET);
		script_free(b, s);
	}
	while ((s = TAILQ_FIRST(&p->nexuses)) != NULL)
		script_free(b, s);
}

/* I_T nexus loss: the initiators learn it by PORT. */
void scripts_forget_target(struct bus *b, uint8_t target)
{
	for (unsigned i = 0; i < WIRE_IDS; i++) {
		struct script *s = TAILQ_FIRST(&b->port[i].nexuses);
		while (s) {
			struct script *next = TAILQ_NEXT(s, link);
			if (s->target == target)
				script_free(b, s);
			s = next;
		}
	}
}

void scripts_cancel_nexuses(struct bus *b, struct port *p, uint8_t target)
{
	struct script *s = TAILQ_FIRST(&p->nexuses);

	while (s) {
		struct script *next = TAILQ_NEXT(s, link);
		if (s->target == target) {
			script_report_unrun(b, s, OUTCOME_CANCELLED);
			script_free(b, s);
		}
		s = next;
	}
}

/* ---- the adapter's place in a running script ---- */

static bool is_data(const struct wire_item *it)
{
	return it->kind == ITEM_DATA_OUT || it->kind == ITEM_DATA_IN;
}

bool script_atn(const struct tenure *t)
{
	struct rd r = t->items;
	struct wire_item it;

	while (wire_item_get(&r, &it))
		if (!is_data(&it))
			return it.kind == ITEM_MSG_OUT;
	return false;
}

bool script_next(struct tenure *t, uint8_t kind, struct wire_item *out)
{
	struct rd r = t->items;

	while (wire_item_get(&r, out)) {
		if (out->kind == kind) {
			t->items = r;
			return true;
		}
		if (!is_data(out))
			return false;
	}
	return false;
}
