/* SPDX-License-Identifier: BSD-2-Clause */
/* What the bus server's shell does. */
#include "base/assert.h"
#include "bus/core.h"
#include "sim/mutant.h"
#include "sim/sim.h"

void bus_node_start(struct sim *s)
{
	s->bus_cfg.boot = ++s->bus.boot;
	s->bus.b = bus_new(&s->bus_cfg);
	if (!s->bus.b)
		sim_fail(s, "out of memory");
	bus_trace_on(s->bus.b, s->bus_trace);
	s->bus.life++;
	s->bus.go_due = false;
	s->bus.deadline = NS_NEVER;
	s->bus.frozen_until = 0;
	s->bus.token_key = s->bus.token = 0;
	SAY(s, "the bus server is there");
}

void bus_node_kill(struct sim *s)
{
	SAY(s, "the bus server is killed");
	for (unsigned i = 0; i < NET_LINKS; i++)
		if (s->n.link[i].used)
			net_close(s, &s->n.link[i], true);
	bus_free(s->bus.b);
	s->bus.b = NULL;
	s->bus.life++;
	s->bus.deadline = NS_NEVER;
}

static struct net_link *link_of(struct sim *s, uint32_t handle)
{
	struct net_link *l = &s->n.link[BUS_HANDLE_SLOT(handle)];

	sm_assert(BUS_HANDLE_SLOT(handle) < NET_LINKS);
	return l->used && l->handle == handle && l->to_bus.open ? l : NULL;
}

static void phases(struct sim *s, const struct bus_actions *out)
{
	for (unsigned i = 0; i < out->n_trace; i++) {
		const struct bus_trace *t = &out->trace[i];
		SAY(s, "  tenure %u %s driver %u bytes %u", t->tenure, scsi_phase_name(t->phase),
		    t->driver, t->bytes);
	}
}

/* Whoever has it, and is stopped or mute, has it no longer than the limit; a server that was
 * stopped itself sees to that when it goes on. */
static void held(struct sim *s)
{
	const struct tenure *t = &s->bus.b->ten;

	ns_t end = t->machine_start + s->bus_cfg.tenure_limit_ns;
	end = end > s->bus.frozen_until ? end : s->bus.frozen_until;
	if (t->state != TENURE_NONE && s->now > end)
		sim_fail(s, "tenure %u holds the bus for longer than its limit", t->number);
}

/* What a device's core sends is in order; but for an answer that has crossed with the end of what
 * was asked, it is not refused. */
static void look_at_error(struct sim *s, const struct net_link *l, const struct wire_frame *f)
{
	bool asked = f->error.frame_type == WIRE_PROGRAM || f->error.frame_type == WIRE_SCRIPT;

	if (f->type == WIRE_ERROR && asked && f->error.code != CODE_NOT_YOURS)
		sim_fail(s, "the bus refuses what %u has sent: %s", l->device, f->error.text);
}

static void note_burst(struct sim *s, const struct net_link *l, const struct wire_burst *burst)
{
	struct rd r = rd_init(burst->items.p, burst->items.n);
	struct wire_item it;
	struct scsi_msg m;

	while (wire_item_get(&r, &it)) {
		bool says = it.kind == ITEM_LATCH || it.kind == ITEM_MSG_OUT;
		if (says && script_mirror(it.bytes, &m) && m.mirror.function == MIRROR_LEADER)
			s->bus.told_op[l->id] = m.mirror.op;
		if (it.kind == ITEM_DATA_OUT && !(it.flags & ITEM_CUT))
			s->bus.data_op[l->id] = s->bus.told_op[l->id];
	}
}

/* Who has taken its data, as the report of a pass says, was given them. */
static void look_at_report(struct sim *s, const struct wire_tenure *report)
{
	for (unsigned i = 0; i < report->n_legs; i++) {
		const struct wire_leg *leg = &report->legs[i];
		const struct port *p = port_get(s->bus.b, leg->port);
		if (p && leg->result == LEG_TAKEN && leg->moved > 0 &&
		    s->bus.data_op[leg->port] != leg->op)
			sim_fail(s, "a report says that %u has taken the data of operation %u",
			         leg->port, leg->op);
	}
}

static void sends(struct sim *s, struct net_link *l, const struct wire_frame *f)
{
	look_at_error(s, l, f);
	if (f->type == WIRE_BURST)
		note_burst(s, l, &f->burst);
	else if (f->type == WIRE_TENURE)
		look_at_report(s, &f->tenure);
	net_send(s, l, false, f);
}

static void look_at_token(struct sim *s)
{
	const struct tenure *t = &s->bus.b->ten;

	if (t->state != TENURE_WAITS || t->awaited == t->target ||
	    (t->key == s->bus.token_key && t->token == s->bus.token))
		return;
	s->bus.token_key = t->key;
	s->bus.token = t->token;
	for (unsigned i = 0; i < s->n_disks; i++)
		if (s->d[i].id == t->awaited && s->d[i].link == DISK_UP)
			faults_token(s, i);
}

static bool step(struct sim *s, struct bus_event ev)
{
	struct bus_actions out;

	ev.now = s->now;
	bus_step(s->bus.b, &ev, &out);
	(void)sim_stepped(s);
	held(s);
	phases(s, &out);
	look_at_token(s);
	for (unsigned i = 0; i < out.n; i++) {
		const struct bus_action *a = &out.action[i];
		struct net_link *l = link_of(s, a->handle);
		if (a->kind == BUS_ACT_SEND)
			seen_frame(s, &a->frame);
		if (!l)
			continue;
		if (a->kind == BUS_ACT_CLOSE)
			SAY(s, "the bus closes %u: %s", l->device, a->text ? a->text : "");
		if (a->kind == BUS_ACT_SEND)
			sends(s, l, &a->frame);
		else if (a->kind == BUS_ACT_CLOSE)
			net_close(s, l, true);
	}
	bus_check(s->bus.b);
	s->bus.deadline = bus_deadline(s->bus.b);
	return out.more;
}

void bus_node_open(struct sim *s, struct net_link *l)
{
	step(s, (struct bus_event){.kind = BUS_EV_OPEN, .handle = l->handle});
}

/* The tenure waits for this very program. */
static bool has_token(const struct bus *b, const struct net_link *l, const struct wire_frame *f)
{
	const struct tenure *t = &b->ten;

	return t->state == TENURE_WAITS && t->awaited == l->id && f->program.tenure == t->key &&
	       f->program.token == t->token;
}

/* Phases are run for whom the token is with, and for nobody else. */
void bus_node_frame(struct sim *s, struct net_link *l, const struct wire_frame *f)
{
	bool goes_on = f->type == WIRE_PROGRAM && f->program.kind == PROGRAM_CONTINUE;
	bool may = !goes_on || has_token(s->bus.b, l, f);
	ns_t before = bus_now(s->bus.b);

	step(s, (struct bus_event){.kind = BUS_EV_FRAME, .handle = l->handle, .frame = f});
	if (!may && bus_now(s->bus.b) != before)
		sim_fail(s, "device %u, which has not got the token, has driven a phase",
		         l->device);
}

void bus_node_closed(struct sim *s, struct net_link *l)
{
	net_close(s, l, true);
	step(s, (struct bus_event){.kind = BUS_EV_CLOSED, .handle = l->handle, .why = "closed"});
	bus_node_go_soon(s);
}

void bus_node_go_soon(struct sim *s)
{
	if (s->bus.go_due || !s->bus.b)
		return;
	s->bus.go_due = true;
	sim_at(s, s->now + prng_below(&s->sched, 20 * NS_PER_US), SIM_GO, 0, s->bus.life);
}

void bus_node_go(struct sim *s)
{
	s->bus.go_due = false;
	if (step(s, (struct bus_event){.kind = BUS_EV_GO}))
		bus_node_go_soon(s);
}

ns_t bus_node_due(const struct sim *s)
{
	const struct sim_bus *b = &s->bus;

	return !b->b ? NS_NEVER : b->deadline > b->frozen_until ? b->deadline : b->frozen_until;
}

void bus_node_deadline(struct sim *s)
{
	if (MUTANT(WATCHDOG)) {
		s->bus.deadline = NS_NEVER;
		return;
	}
	step(s, (struct bus_event){.kind = BUS_EV_DEADLINE});
	bus_node_go_soon(s);
}
