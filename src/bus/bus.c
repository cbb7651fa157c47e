/* SPDX-License-Identifier: BSD-2-Clause */
/* Events in, actions out. */
#include "bus/core.h"

#include <stdlib.h>

struct bus_config bus_config_default(void)
{
	struct bus_config cfg = {
	        .fairness = true,
	        .phase_timeout_ns = 2 * NS_PER_S,
	        .tenure_limit_ns = 5 * NS_PER_S,
	        .hold_limit_ns = 5 * NS_PER_S,
	        .heartbeat_ms = 5000,
	        .tenures_per_go = 8,
	};
	(void)bus_timing_profile(&cfg.timing, BUS_PROFILE_DEFAULT);
	return cfg;
}

struct bus *bus_new(const struct bus_config *cfg)
{
	struct bus *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->cfg = *cfg;
	b->action = malloc(ACTIONS_MAX * sizeof(*b->action));
	b->trace = malloc(TRACES_MAX * sizeof(*b->trace));
	b->held = malloc(ACTIONS_MAX * sizeof(struct block *));
	b->arena = malloc(ARENA_MAX);
	/* Megabytes, mostly of no use: each is filled in when it is taken. */
	b->scripts = malloc((size_t)WIRE_IDS * SCRIPTS_LIVE * sizeof(*b->scripts));
	b->programs = malloc((size_t)WIRE_IDS * PROGRAM_SLOTS * sizeof(*b->programs));
	bool good = b->action && b->trace && b->held && b->arena && b->scripts && b->programs;
	for (uint8_t i = 0; good && i < WIRE_IDS; i++)
		good = port_init(b, i);
	b->ten.driver = b->ten.awaited = WIRE_NO_ID;
	b->hear_at = NS_NEVER;
	if (!good) {
		bus_free(b);
		return NULL;
	}
	return b;
}

void bus_free(struct bus *b)
{
	if (!b)
		return;
	act_reset(b);
	block_unref(b->ten.held);
	if (b->ten.state != TENURE_NONE && b->ten.script)
		script_free(b, b->ten.script);
	for (unsigned i = 0; i < WIRE_IDS; i++) {
		struct port *p = &b->port[i];
		if (p->scripts) { /* else it came to port_init() no more */
			scripts_void(b, p, false);
			programs_void(p);
		}
		burst_drop(p);
		port_fini(p);
	}
	free(b->scripts);
	free(b->programs);
	free(b->action);
	free(b->trace);
	free(b->held);
	free(b->arena);
	free(b);
}

/* ---- frames ---- */

static void program(struct bus *b, struct conn *c, const struct wire_frame *f)
{
	if (f->program.kind == PROGRAM_CONTINUE)
		run_continue(b, c, f);
	else
		program_queue(b, c, f);
}

/* Without a bound one port's RSTs would be all that the bus carries, and all that others get to
 * read. */
static void reset_by(struct bus *b, struct conn *c)
{
	struct port *p = &b->port[c->id];

	forgive(&p->resets, RESET_FORGET_NS, b->now);
	if (p->resets.n >= RESETS_MAX) {
		refuse(b, c, CODE_FLOOD, WIRE_RESET, 0, "RST again and again");
		return;
	}
	p->resets.n++;
	if (b->ten.awaited == c->id)
		limit_dodged(b);
	bus_reset(b, c->id, "RST was asserted");
}

static void port_frame(struct bus *b, struct conn *c, const struct wire_frame *f, const char *why)
{
	struct port *p = &b->port[c->id];

	switch (f->type) {
	case WIRE_ARM:
		port_set_arm(p, &f->arm);
		break;
	case WIRE_MEMBERS:
		port_set_members(b, p, &f->members);
		break;
	case WIRE_LIMITS:
		p->limits = f->limits;
		break;
	case WIRE_SCRIPT:
		script_queue(b, c, f);
		break;
	case WIRE_CANCEL:
		script_cancel(b, p, f->cancel.id);
		break;
	case WIRE_PROGRAM:
		program(b, c, f);
		break;
	case WIRE_RESET:
		reset_by(b, c);
		break;
	case WIRE_MGMT:
		mgmt_frame(b, c, &f->mgmt);
		break;
	case WIRE_RING: /* the shell took those that are in order */
		refuse(b, c, CODE_BAD_VALUE, WIRE_RING, f->ring.number, "RING %u: %s",
		       f->ring.number, why ? why : "no shared memory here");
		break;
	case WIRE_ATTACH:
	case WIRE_ATTACHED:
	case WIRE_REFUSED:
	case WIRE_ERROR:
	case WIRE_PING:
	case WIRE_PONG:
	case WIRE_PORT:
	case WIRE_TENURE:
	case WIRE_BURST:
	case WIRE_TRACE:
		refuse(b, c, CODE_BAD_FRAME, (uint8_t)f->type, 0, "%s is not for a device to send",
		       wire_type_name((uint8_t)f->type));
		break;
	}
}

static void frame(struct bus *b, struct conn *c, const struct wire_frame *f, const char *why)
{
	uint8_t type = (uint8_t)f->type;

	c->heard = b->now;
	if (type == WIRE_ATTACH) {
		conn_attach(b, c, f);
	} else if (c->state == CONN_OPEN) {
		b->stats.refused_frames++;
		refuse_conn(b, c, CODE_BAD_STATE, type, 0, "%s before ATTACH",
		            wire_type_name(type));
	} else if (c->state == CONN_ATTACHING) {
		refuse(b, c, CODE_BAD_STATE, type, 0, "%s before ATTACHED came",
		       wire_type_name(type));
	} else if (!wire_may_send(type, c->attach.role)) {
		refuse(b, c, CODE_BAD_FRAME, type, 0, "%s is not for this role to send",
		       wire_type_name(type));
	} else if (type == WIRE_PING) {
		act_send(b, c->handle, WIRE_PONG)->ping = f->ping;
	} else if (type != WIRE_PONG) {
		port_frame(b, c, f, why);
	}
}

/* ---- running ---- */

static bool held_back(const struct bus *b)
{
	return b->cfg.pace && b->now < b->pace_until;
}

static void go(struct bus *b)
{
	unsigned n = b->cfg.tenures_per_go ? b->cfg.tenures_per_go : 1;

	attach_decide(b);
	connect_pass(b);
	while (b->ten.state == TENURE_NONE && !held_back(b)) {
		if (n-- == 0 || !act_room(b)) {
			b->more = true;
			return;
		}
		if (!arb_run(b))
			return;
	}
}

static bool work_waits(const struct bus *b)
{
	for (unsigned i = 0; i < WIRE_IDS; i++)
		if (b->port[i].up && (b->port[i].n_queued > 0 || b->port[i].n_programs > 0))
			return true;
	return false;
}

static void bad(struct bus *b, struct conn *c, const char *why)
{
	b->stats.refused_frames++;
	refuse_conn(b, c, CODE_BAD_FRAME, 0, 0, "%s", why ? why : "not a frame");
}

static void finish(struct bus *b, struct bus_actions *out)
{
	*out = (struct bus_actions){
	        .n = b->n_actions,
	        .action = b->action,
	        .n_trace = b->n_traces,
	        .trace = b->trace,
	        .more = b->more,
	};
}

void bus_step(struct bus *b, const struct bus_event *ev, struct bus_actions *out)
{
	struct conn *c;

	act_reset(b);
	b->now = ev->now;
	switch (ev->kind) {
	case BUS_EV_OPEN:
		conn_open(b, ev->handle);
		if (b->hear_at == NS_NEVER)
			b->hear_at = b->now + 3 * b->cfg.heartbeat_ms * NS_PER_MS;
		break;
	case BUS_EV_FRAME:
		c = conn_of(b, ev->handle);
		if (c)
			frame(b, c, ev->frame, ev->why);
		break;
	case BUS_EV_BAD:
		c = conn_of(b, ev->handle);
		if (c)
			bad(b, c, ev->why);
		break;
	case BUS_EV_CLOSED:
		c = conn_of(b, ev->handle);
		if (c)
			conn_closed(b, c, ev->why);
		break;
	case BUS_EV_GO:
		go(b);
		break;
	case BUS_EV_DEADLINE:
		limit_run(b);
		break;
	}
	limit_settle(b);
	finish(b, out);
}

bool bus_reads(const struct bus *b, uint32_t handle)
{
	uint32_t slot = BUS_HANDLE_SLOT(handle);
	const struct conn *c = slot < BUS_CONNS ? &b->conn[slot] : NULL;

	return !c || c->handle != handle || c->state != CONN_PORT ||
	       !programs_full(b, &b->port[c->id]);
}

ns_t bus_deadline(const struct bus *b)
{
	ns_t first = limit_deadline(b);

	if (b->ten.state != TENURE_NONE || !b->cfg.pace)
		return first;
	/* What waits is for later, where the bus has been found free. */
	ns_t due = b->idle_from ? connect_deadline(b) : work_waits(b) ? b->pace_until : NS_NEVER;
	return due < first ? due : first;
}

void bus_shutdown(struct bus *b, ns_t now, struct bus_actions *out)
{
	act_reset(b);
	b->now = now;
	for (unsigned i = 0; i < BUS_CONNS; i++) {
		struct conn *c = &b->conn[i];
		if (c->state == CONN_NONE)
			continue;
		struct wire_frame *f = act_send(b, c->handle, WIRE_REFUSED);
		f->error =
		        (struct wire_error){.code = CODE_SHUTDOWN, .text = "the bus server ends"};
		act_close(b, c, "shutdown");
	}
	for (unsigned i = 0; i < WIRE_IDS; i++)
		b->port[i].up = false;
	if (b->ten.state != TENURE_NONE)
		tenure_lost(b);
	for (unsigned i = 0; i < WIRE_IDS; i++) {
		scripts_void(b, &b->port[i], false);
		programs_void(&b->port[i]);
	}
	finish(b, out);
}

void bus_trace_on(struct bus *b, bool on)
{
	b->tracing = on;
}

void bus_set_timing(struct bus *b, const struct bus_timing *t)
{
	b->cfg.timing = *t;
}

ns_t bus_now(const struct bus *b)
{
	return b->bus_ns;
}
