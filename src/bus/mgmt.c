/* SPDX-License-Identifier: BSD-2-Clause */
/* Management frames: what the server answers itself, and what it relays to a target and back. */
#include "bus/core.h"

#include <stdio.h>
#include <string.h>

/* ---- answers of the server ---- */

static struct wire_mgmt *answer(struct bus *b, const struct port *asker, const struct wire_mgmt *m,
                                uint8_t code)
{
	struct wire_frame *f = act_to(b, asker, WIRE_MGMT);

	f->mgmt = (struct wire_mgmt){.req = m->req,
	                             .answer = true,
	                             .from = m->to,
	                             .to = asker->id,
	                             .kind = m->kind,
	                             .code = code};
	return &f->mgmt;
}

static void answer_text(struct bus *b, const struct port *asker, const struct wire_mgmt *m,
                        uint8_t code, const char *text)
{
	answer(b, asker, m, code)->payload = act_copy(b, text, strlen(text));
}

static void fill_stats(const struct bus *b, struct wire_stats *s)
{
	*s = b->stats;
	s->now_ns = b->bus_ns;
	(void)snprintf(s->profile, sizeof(s->profile), "%s", b->cfg.timing.profile);
	_Static_assert(BUS_VALUES <= ARRAY_LEN(s->value), "all values fit");
	for (unsigned v = 0; v < BUS_VALUES; v++) {
		(void)snprintf(s->value[v].name, sizeof(s->value[v].name), "%s",
		               bus_timing_value_name((enum bus_value)v));
		s->value[v].ps = b->cfg.timing.ps[v];
	}
	s->n_values = BUS_VALUES;
}

static struct xfer shown_xfer(const struct bus *b, uint8_t target)
{
	for (unsigned i = 0; i < WIRE_IDS; i++) {
		struct xfer x = b->agreed[i][target];
		if (b->port[i].up && (x.offset != 0 || x.wide != 0))
			return x;
	}
	return XFER_ASYNC;
}

static void fill_show(const struct bus *b, struct wire_show *s)
{
	const struct tenure *t = &b->ten;
	bool busy = t->state != TENURE_NONE;

	*s = (struct wire_show){
	        .boot = b->cfg.boot,
	        .now_ns = b->bus_ns,
	        .bsy = busy ? id_bit(t->target) : 0,
	        .driver = busy ? t->driver : WIRE_NO_ID,
	        .tenure = (uint32_t)b->tenures,
	};
	(void)snprintf(s->profile, sizeof(s->profile), "%s", b->cfg.timing.profile);
	for (uint8_t i = 0; i < WIRE_IDS; i++) {
		const struct port *p = &b->port[i];
		if (!p->up)
			continue;
		unsigned n = s->n_ports++;
		s->port[n].id = i;
		s->port[n].role = p->role;
		s->port[n].arm_mode = p->arm.mode;
		s->port[n].epoch = p->epoch;
		memcpy(s->port[n].uuid, p->uuid, UUID_LEN);
		memcpy(s->port[n].name, p->name, sizeof(p->name));
		s->port[n].xfer = shown_xfer(b, i);
		s->port[n].refused = p->refused;
		s->port[n].queued = (uint16_t)(p->n_queued + p->n_programs);
		s->port[n].n_members = p->members.n;
		memcpy(s->port[n].members, p->members.m, sizeof(p->members.m));
	}
}

static void own(struct bus *b, const struct port *asker, const struct wire_mgmt *m)
{
	struct wr w = wr_init(act_arena(b, WIRE_MGMT_MAX), WIRE_MGMT_MAX);

	if (m->kind == MGMT_BUS_STATS) {
		struct wire_stats s;
		fill_stats(b, &s);
		wire_stats_put(&w, &s);
	} else if (m->kind == MGMT_BUS_SHOW) {
		struct wire_show s;
		fill_show(b, &s);
		wire_show_put(&w, &s);
	} else {
		answer_text(b, asker, m, CODE_BAD_VALUE, "the bus server has no faults");
		return;
	}
	sm_assert(wr_ok(&w));
	answer(b, asker, m, CODE_OK)->payload = (struct span){w.p, w.n};
}

/* ---- relaying ---- */

static void send_on(struct bus *b, const struct port *to, const struct wire_mgmt *m, uint8_t from)
{
	struct wire_frame *f = act_to(b, to, WIRE_MGMT);

	f->mgmt = *m;
	f->mgmt.from = from;
	f->mgmt.payload = act_copy(b, m->payload.p, m->payload.n);
}

static struct relay *relay_find(struct port *asker, uint8_t to, uint32_t req)
{
	for (unsigned i = 0; i < RELAYS; i++)
		if (asker->relay[i].used && asker->relay[i].to == to && asker->relay[i].req == req)
			return &asker->relay[i];
	return NULL;
}

/* Nobody waits for the answer any more; it may come. */
static void relay_drop(struct bus *b, struct relay *r)
{
	r->used = false;
	b->port[r->to].unwanted++;
}

/* A target that never answers keeps a place for a while, not for good. */
static struct relay *relay_new(struct bus *b, struct port *asker)
{
	for (unsigned i = 0; i < RELAYS; i++) {
		struct relay *r = &asker->relay[i];
		if (r->used && b->now - r->since >= RELAY_LIMIT_NS)
			relay_drop(b, r);
		if (!r->used)
			return r;
	}
	return NULL;
}

static void ask(struct bus *b, struct port *asker, const struct wire_mgmt *m)
{
	const struct port *to = port_get(b, m->to);

	if (!to || to->role != ROLE_TARGET) {
		answer_text(b, asker, m, CODE_NO_PORT, "no target with this SCSI ID is attached");
		return;
	}
	struct relay *r = relay_find(asker, m->to, m->req) ? NULL : relay_new(b, asker);
	if (!r) {
		answer_text(b, asker, m, CODE_FLOOD,
		            "too many requests wait, or one with this number");
		return;
	}
	*r = (struct relay){.used = true,
	                    .since = b->now,
	                    .req = m->req,
	                    .to_epoch = to->epoch,
	                    .to = m->to,
	                    .kind = m->kind};
	send_on(b, to, m, asker->id);
}

/* Who asked may have gone, or waited too long: that is not the target's fault. */
static void unwanted(struct bus *b, struct conn *c, const struct wire_mgmt *m)
{
	static const char text[] = "an answer that nobody waits for";
	struct port *p = &b->port[c->id];

	if (p->unwanted == 0) {
		refuse(b, c, CODE_NOT_YOURS, WIRE_MGMT, m->req, "%s", text);
		return;
	}
	p->unwanted--;
	tell_error(b, p, CODE_NOT_YOURS, WIRE_MGMT, m->req, "%s", text);
}

static void pass_back(struct bus *b, struct conn *c, const struct wire_mgmt *m)
{
	struct port *asker = port_get(b, m->to);
	struct relay *r = asker ? relay_find(asker, c->id, m->req) : NULL;

	if (!r || r->kind != m->kind) {
		unwanted(b, c, m);
		return;
	}
	r->used = false;
	send_on(b, asker, m, c->id);
}

void mgmt_frame(struct bus *b, struct conn *c, const struct wire_mgmt *m)
{
	struct port *p = &b->port[c->id];

	if (m->answer != (p->role == ROLE_TARGET))
		refuse(b, c, CODE_BAD_STATE, WIRE_MGMT, m->req, "initiators ask, targets answer");
	else if (m->answer)
		pass_back(b, c, m);
	else if (m->to == WIRE_NO_ID)
		own(b, p, m);
	else
		ask(b, p, m);
}

/* Who asked a target that has gone gets an answer; what a gone initiator asked is dropped. */
void mgmt_port_down(struct bus *b, const struct port *p)
{
	for (unsigned i = 0; i < WIRE_IDS; i++) {
		struct port *asker = &b->port[i];
		for (unsigned k = 0; k < RELAYS; k++) {
			struct relay *r = &asker->relay[k];
			if (!r->used || (asker != p && r->to != p->id))
				continue;
			relay_drop(b, r);
			struct wire_mgmt m = {.req = r->req, .to = r->to, .kind = r->kind};
			if (asker->up)
				answer_text(b, asker, &m, CODE_NO_PORT, "the target has gone");
		}
	}
}
