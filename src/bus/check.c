/* SPDX-License-Identifier: BSD-2-Clause */
/* Every invariant of the bus, asserted: tests call it after each step. */
#include "bus/core.h"
#include "bus/packetized.h"

static void check_conns(const struct bus *b)
{
	for (unsigned i = 0; i < BUS_CONNS; i++) {
		const struct conn *c = &b->conn[i];
		if (c->state == CONN_NONE)
			continue;
		sm_assert(BUS_HANDLE_SLOT(c->handle) == i);
		sm_assert(c->refusals.n < REFUSALS_MAX);
		if (c->state == CONN_PORT) {
			sm_assert(c->id < WIRE_IDS && b->port[c->id].up);
			sm_assert(b->port[c->id].conn == i);
		}
	}
}

static void check_scripts(const struct bus *b, const struct port *p)
{
	const struct tenure *t = &b->ten;
	const struct script *s;
	unsigned queued = 0, live = 0, idle = 0;
	uint64_t data = 0;

	TAILQ_FOREACH (s, &p->queue, link) {
		sm_assert(s->state == SCRIPT_QUEUED && s->buf && s->owner == p->id);
		sm_assert(s->chain_ns == 0 || (s->mirror && s->identify >= 0x80));
		queued++;
		data += s->data ? s->data->len : 0;
	}
	TAILQ_FOREACH (s, &p->nexuses, link) {
		sm_assert(s->state == SCRIPT_NEXUS && !s->buf && s->owner == p->id && !s->mirror);
		sm_assert(s->out_at <= s->out_total && s->in_at <= s->in_room);
		live++;
		data += s->data ? s->data->len : 0;
	}
	if (t->state != TENURE_NONE && t->script && t->script->owner == p->id &&
	    t->script->state == SCRIPT_RUNNING) {
		live++;
		data += t->script->data ? t->script->data->len : 0;
	}
	TAILQ_FOREACH (s, &p->free_scripts, link) {
		sm_assert(s->state == SCRIPT_FREE && !s->buf && !s->data);
		idle++;
	}
	sm_assert(queued == p->n_queued && queued + live == p->n_live);
	sm_assert(p->n_live + idle == p->scripts_used && p->scripts_used <= SCRIPTS_LIVE);
	sm_assert(data == p->script_data);
	sm_assert(p->up || p->n_live == 0);
}

static void check_programs(const struct port *p)
{
	const struct program *g;
	unsigned n = 0, large = 0, idle = 0;
	uint64_t data = 0;

	TAILQ_FOREACH (g, &p->programs, link) {
		n++;
		large += g->large != NULL;
		data += g->data ? g->data->len : 0;
	}
	TAILQ_FOREACH (g, &p->free_programs, link)
		idle++;
	sm_assert(n + idle == p->programs_used && p->programs_used <= PROGRAM_SLOTS);
	sm_assert(data == p->program_data);
	sm_assert(n == p->n_programs && large + p->n_free_large == PROGRAM_LARGE);
	sm_assert(p->up || n == 0);
}

static void check_tenure(const struct bus *b)
{
	const struct tenure *t = &b->ten;

	sm_assert(t->state != TENURE_RUNS); /* never between steps */
	if (t->state == TENURE_NONE) {
		sm_assert(t->driver == WIRE_NO_ID && t->awaited == WIRE_NO_ID && !t->held);
		sm_assert(!b->units.open);
		for (unsigned i = 0; i < WIRE_IDS; i++)
			sm_assert(b->port[i].gather.n == 0 && !b->port[i].gather.data);
		return;
	}
	/* BSY has its one holder, the phase lines their one driver, and it is awaited. */
	sm_assert(b->port[t->target].up && b->port[t->target].epoch == t->target_epoch);
	sm_assert(b->port[t->init].up && b->port[t->init].epoch == t->init_epoch);
	sm_assert(t->awaited == t->driver && b->port[t->driver].up);
	sm_assert(t->driver == t->target || (t->mirror && t->leg > 1));
	/* Only a chain has a script whose part begins later than its tenure. */
	sm_assert(t->part_ns >= t->start_ns && t->part_ns <= b->bus_ns);
	sm_assert(t->part_ns == t->start_ns || (t->mirror && t->script->chain_ns > 0));
	sm_assert(!t->mirror || (t->script && t->n_legs == t->script->n_legs));
	sm_assert(t->token != 0 && t->leg <= t->n_legs && t->n_legs <= WIRE_LEGS_MAX);
	sm_assert(!(t->latched & id_bit(t->driver)) || t->driver == t->target);
	sm_assert(t->leg + t->listeners <= t->n_legs);
	/* In a broadcast the token stays with the leader. */
	sm_assert(t->listeners == 0 || t->driver == t->target);
	sm_assert(t->pos != POS_RELEASED || t->driver == t->target);
	sm_assert(!t->reject);
	/* A packetized tenure is conventional; the phase at hand is of its agreement. */
	sm_assert(!t->units || (!t->mirror && t->kind == TENURE_CONVENTIONAL));
	sm_assert(!b->units.open || (t->units && packetized_applies(b->units.xfer)));
	sm_assert(!b->units.open || (b->units.bytes > 0 && b->units.n_octets <= UNITS_OCTETS));
}

void bus_check(const struct bus *b)
{
	check_conns(b);
	for (unsigned i = 0; i < WIRE_IDS; i++) {
		const struct port *p = &b->port[i];
		sm_assert(p->id == i);
		if (p->up) {
			sm_assert(b->conn[p->conn].state == CONN_PORT && b->conn[p->conn].id == i);
			sm_assert(p->epoch != 0);
		}
		check_scripts(b, p);
		check_programs(p);
	}
	check_tenure(b);
	sm_assert(b->bus_ps < PS_PER_NS);
	sm_assert(b->n_actions <= ACTIONS_MAX && b->n_traces <= TRACES_MAX);
}
