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

static bool step(struct sim *s, struct bus_event ev)
{
	struct bus_actions out;

	ev.now = s->now;
	bus_step(s->bus.b, &ev, &out);
	(void)sim_stepped(s);
	held(s);
	phases(s, &out);
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
			net_send(s, l, false, &a->frame);
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

void bus_node_frame(struct sim *s, struct net_link *l, const struct wire_frame *f)
{
	step(s, (struct bus_event){.kind = BUS_EV_FRAME, .handle = l->handle, .frame = f});
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
