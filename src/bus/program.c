/* SPDX-License-Identifier: BSD-2-Clause */
/* Phase programs by which targets want to reconnect: they wait for the bus. */
#include "bus/core.h"

#include <string.h>

const uint8_t *program_items(const struct program *g)
{
	return g->large ? g->large : g->small;
}

/* What its first MESSAGE IN says: the kind of tenure that it will be. */
static void look(struct program *g, struct span messages)
{
	struct rd r = rd_init(messages.p, messages.n);
	struct scsi_msg m;

	while (rd_left(&r) > 0 && scsi_msg_get(&r, &m)) {
		if (m.kind == MSG_IDENTIFY)
			g->lun = m.identify.lun;
		if (m.kind == MSG_SIMPLE) {
			g->tagged = true;
			g->tag = m.tag;
		}
		if (m.kind == MSG_EXT_MIRROR && m.mirror.function == MIRROR_STATUS) {
			g->mirror = true;
			g->op = m.mirror.op;
		}
	}
}

/* A reconnection begins with IDENTIFY (SPI-3, 10.6); *messages are those of that phase. */
static bool begins_right(const struct wire_program *w, struct span *messages)
{
	struct rd r = rd_init(w->items.p, w->items.n);
	struct wire_item it;

	if ((w->kinds & 1U << ITEM_PASS) || !wire_item_get(&r, &it) || it.kind != ITEM_MSG_IN ||
	    it.len == 0 || it.bytes.p[0] < 0x80)
		return false;
	*messages = it.bytes;
	return true;
}

/* A program that runs waits no more and has its slot still: slots are what is asked for. */
bool program_room(const struct port *p, uint64_t data)
{
	bool slot = !TAILQ_EMPTY(&p->free_programs) || p->programs_used < PROGRAM_SLOTS;

	return slot && p->n_programs < PROGRAMS_QUEUED &&
	       p->program_data + data <= PROGRAM_DATA_MAX;
}

struct program *program_take(struct port *p)
{
	struct program *g = TAILQ_FIRST(&p->free_programs);

	sm_assert(program_room(p, 0));
	if (g)
		TAILQ_REMOVE(&p->free_programs, g, link);
	else
		g = &p->program_slots[p->programs_used++];
	g->id = 0;
	g->own = g->mirror = g->tagged = false;
	g->lun = g->tag = 0;
	g->op = 0;
	g->large = NULL;
	g->len = 0;
	g->data = NULL;
	p->n_programs++;
	TAILQ_INSERT_TAIL(&p->programs, g, link);
	return g;
}

void program_queue(struct bus *b, struct conn *c, const struct wire_frame *f)
{
	struct port *p = &b->port[c->id];
	const struct wire_program *w = &f->program;
	uint64_t data = f->data ? f->data->len : 0;
	bool large = w->items.n > PROGRAM_SMALL;
	struct span messages;

	if (!begins_right(w, &messages)) {
		refuse(b, c, CODE_BAD_VALUE, WIRE_PROGRAM, w->id,
		       "program: a reconnection begins with IDENTIFY in MESSAGE IN");
		return;
	}
	if (!program_room(p, data) || (large && p->n_free_large == 0)) {
		refuse(b, c, CODE_FLOOD, WIRE_PROGRAM, w->id, "%u programs wait", p->n_programs);
		return;
	}
	struct program *g = program_take(p);
	g->id = w->id;
	g->initiator = w->initiator;
	g->epoch = w->epoch;
	g->tenure = w->tenure;
	g->large = large ? p->free_large[--p->n_free_large] : NULL;
	g->len = (uint32_t)w->items.n;
	memcpy(large ? g->large : g->small, w->items.p, w->items.n);
	g->data = f->data ? block_ref(f->data) : NULL;
	p->program_data += data;
	look(g, messages);
}

/*
 * What a target has read of its medium it brings to the bus as fast as it can, and the bus may be
 * held by another one: no rule is broken. What the bus waits for comes behind that, so then it is
 * read, too.
 */
bool programs_full(const struct bus *b, const struct port *p)
{
	bool awaited = b->ten.state == TENURE_WAITS && b->ten.awaited == p->id;

	return (p->n_programs >= PROGRAMS_FULL || p->program_data >= PROGRAM_DATA_FULL) && !awaited;
}

void program_free(struct port *p, struct program *g)
{
	program_unlink(p, g);
	program_release(p, g);
}

void program_unlink(struct port *p, struct program *g)
{
	sm_assert(p->n_programs > 0);
	TAILQ_REMOVE(&p->programs, g, link);
	p->n_programs--;
}

void program_release(struct port *p, struct program *g)
{
	if (g->large)
		p->free_large[p->n_free_large++] = g->large;
	g->large = NULL;
	if (g->data)
		p->program_data -= g->data->len;
	block_unref(g->data);
	g->data = NULL;
	TAILQ_INSERT_HEAD(&p->free_programs, g, link);
}

void programs_void(struct port *p)
{
	struct program *g;

	while ((g = TAILQ_FIRST(&p->programs)) != NULL)
		program_free(p, g);
}

void programs_void_for(struct port *p, uint8_t initiator)
{
	struct program *g = TAILQ_FIRST(&p->programs);

	while (g) {
		struct program *next = TAILQ_NEXT(g, link);
		if (g->initiator == initiator)
			program_free(p, g);
		g = next;
	}
}

/* RST came since. The target had not heard it when it sent this. */
static bool reset_since(const struct bus *b, const struct port *p, const struct program *g)
{
	uint64_t came = b->tenures - (uint32_t)((uint32_t)b->tenures - g->tenure);

	return g->tenure != 0 && came < p->since;
}

/* Its tag is a later task's: with that one's script its data and its status would be taken for what
 * they are not. */
static bool superseded(const struct bus *b, const struct port *p, const struct program *g)
{
	const struct script *s;

	if (g->mirror || g->tenure == 0) /* its operation is named; or nothing is */
		return false;
	TAILQ_FOREACH (s, &b->port[g->initiator].nexuses, link) {
		if (s->target == p->id && s->lun == g->lun && s->tagged == g->tagged &&
		    (!s->tagged || s->tag == g->tag) && s->tenure != g->tenure)
			return true;
	}
	return false;
}

static bool runnable(struct bus *b, const struct port *p, const struct program *g)
{
	const struct port *i = port_get(b, g->initiator);

	return i && i->role == ROLE_INITIATOR && i->epoch == g->epoch && !reset_since(b, p, g) &&
	       !superseded(b, p, g);
}

/* Tells that it cannot be run: its task is over, or its initiator is gone. */
static void tell(struct bus *b, struct port *p, const struct program *g)
{
	uint8_t item[WIRE_ITEM_LEN];
	struct wr w = wr_init(item, sizeof(item));

	wire_put_plain(&w, ITEM_FREE, 0, ITEM_CUT);
	struct wire_frame *f = act_to(b, p, WIRE_BURST);
	f->burst = (struct wire_burst){
	        .tenure = g->own ? g->tenure : 0,
	        .program = g->id,
	        .role = BURST_TARGET,
	        .initiator = g->initiator,
	        .epoch = g->epoch,
	        .items = act_copy(b, item, w.n),
	};
}

/* Of the tasks that the tenure ends. */
static bool ended(const struct tenure *t, const struct program *g)
{
	if (g->initiator != t->init || g->own)
		return false;
	if (t->ends == ENDS_TARGET)
		return true;
	return g->lun == t->lun && (t->ends == ENDS_LUN ||
	                            (g->tagged == t->tagged && (!g->tagged || g->tag == t->tag)));
}

/*
 * What waits here is the target's own business on a real bus: its process, which has asked for it
 * before it heard the message, would not come to reselect for that task any more.
 */
void programs_end(struct bus *b, struct port *p)
{
	struct program *g = TAILQ_FIRST(&p->programs), *next;

	for (; g; g = next) {
		next = TAILQ_NEXT(g, link);
		if (!ended(&b->ten, g))
			continue;
		if (p->up && act_room(b)) /* it has been told, in any case */
			tell(b, p, g);
		program_free(p, g);
	}
}

bool program_ready(struct bus *b, struct port *p)
{
	struct program *g;

	while ((g = TAILQ_FIRST(&p->programs)) != NULL && !runnable(b, p, g)) {
		if (!act_room(b)) {
			b->more = true;
			return false;
		}
		tell(b, p, g);
		program_free(p, g);
	}
	return g != NULL && connect_may_come(b, p, g);
}
