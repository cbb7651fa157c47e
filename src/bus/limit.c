/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of the machine's time: who keeps the bus waiting, who is silent. And RST. */
#include "bus/core.h"

#include <stdarg.h>
#include <stdio.h>

/* So late for a deadline of its own, the server was stopped, or the machine: what came meanwhile
 * lies in the sockets, and is looked at before anybody is blamed. */
#define SLEPT_NS (100 * NS_PER_MS)

/* ---- RST ---- */

static void reset_phase(struct bus *b)
{
	struct phase rst = {
	        .phase = PHASE_RESET,
	        .ps = bus_timing_reset(&b->cfg.timing),
	        .driver = WIRE_NO_ID,
	};
	struct phase free = {
	        .phase = PHASE_BUS_FREE,
	        .ps = bus_timing_free(&b->cfg.timing),
	        .driver = WIRE_NO_ID,
	};
	phase_run(b, &rst);
	phase_run(b, &free);
}

/* The tenure that RST ends: reported, no burst is told of it any more. */
static void void_tenure(struct bus *b)
{
	struct tenure *t = &b->ten;

	units_flush(b);
	tenure_unwait(b);
	t->driver = WIRE_NO_ID;
	reset_phase(b);
	nexus_report(b, OUTCOME_RESET);
	if (t->script)
		script_free(b, t->script);
	block_unref(t->held);
	t->held = NULL;
	t->state = TENURE_NONE;
}

/* RST on a free bus has a tenure number of its own. */
static void void_free_bus(struct bus *b, uint8_t by)
{
	struct tenure *t = &b->ten;

	*t = (struct tenure){.number = tenure_number(b),
	                     .init = by,
	                     .driver = WIRE_NO_ID,
	                     .awaited = WIRE_NO_ID,
	                     .target = WIRE_NO_ID};
	reset_phase(b);
}

void bus_reset(struct bus *b, uint8_t by, const char *text)
{
	b->handed_on = false; /* RST ends it like all else */
	if (b->ten.state == TENURE_NONE)
		void_free_bus(b, by);
	else
		void_tenure(b);
	b->stats.resets++;
	for (uint8_t i = 0; i < WIRE_IDS; i++) {
		struct port *p = &b->port[i];
		agree_none(b, i);
		p->fair = 0;
		burst_drop(p);
		if (!p->up)
			continue;
		scripts_void(b, p, true);
		programs_void(p);
		p->since = b->tenures + 1;
		struct wire_frame *f = act_to(b, p, WIRE_RESET);
		f->reset.by = by;
		(void)snprintf(f->reset.text, sizeof(f->reset.text), "%s", text);
	}
}

/* ---- the bus ---- */

static bool participant_awaited(const struct tenure *t)
{
	return t->state == TENURE_WAITS && t->awaited != t->target;
}

/*
 * A port that let a phase wait past its limit, or the bus past the tenure's, is out: its attach is
 * void, and it comes back by a new one. Left attached, a stopped process or one that asks for
 * phases without end would cost a time-out, and a RST, whenever it is selected.
 */
/*
 * By a new attach at once, the first time: any process may be stopped once. Whoever did so for ever
 * would have the bus for a limit's time again and again, and all others its RSTs. So from the
 * second time on the ID waits, each time for twice as long. It is the ID that does: a name costs
 * nothing.
 */
#define FENCES_MOST     8
#define FENCE_FORGET_NS (60 * NS_PER_S) /* without another one, after the wait */
#define FENCE_WAIT_NS   (4 * NS_PER_S)  /* the second time */

static void bar(struct bus *b, struct port *p)
{
	if (b->now > p->fences.since)
		forgive(&p->fences, FENCE_FORGET_NS, b->now);
	if (p->fences.n < FENCES_MOST)
		p->fences.n++;
	p->barred_until = b->now;
	if (p->fences.n > 1)
		p->barred_until += FENCE_WAIT_NS << (p->fences.n - 2);
	p->fences.since = p->barred_until;
}

static void fence(struct bus *b, const struct port *p, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
static void fence(struct bus *b, const struct port *p, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bar(b, &b->port[p->id]);
	refuse_conn(b, &b->conn[p->conn], CODE_BAD_STATE, 0, 0, "%s: attach anew", text);
}

static void fence_kept(struct bus *b, const struct port *p, const char *what, uint32_t tenure,
                       ns_t limit_ns)
{
	fence(b, p, "ID %u kept %s in tenure %u for %llu ms", p->id, what, tenure,
	      (unsigned long long)(limit_ns / NS_PER_MS));
}

/* ---- what a port keeps the bus waiting, all in all ---- */

/*
 * A port may stay below both limits and have the bus nearly always: it answers late, each time, and
 * comes back. So what it keeps the bus waiting in one tenure beyond its due is added up, a tenth of
 * the time that passes is taken off, and who comes beyond hold_limit_ns is out. Its due is half of
 * the limit of a phase; where others want the bus meanwhile, it is an eighth, and a twentieth for
 * one answer. A port whose process is asked for each phase and answers as soon as it can never gets
 * there, however often it has the bus, on a machine that is busy, too.
 */
#define FORGIVEN 10 /* one part of so many */

static ns_t beyond(ns_t waited, ns_t due)
{
	return waited > due ? waited - due : 0;
}

/* No more than what is forgiven in some seconds: a device that comes after it has this ID, too. */
static void note_held(struct bus *b, struct port *p)
{
	ns_t most = b->cfg.hold_limit_ns + b->cfg.hold_limit_ns / 8;

	if (b->cfg.hold_limit_ns == 0 || p->held <= b->cfg.hold_limit_ns)
		return;
	if (p->held > most)
		p->held = most;
	b->overdue = true;
}

static bool others_want(const struct bus *b, const struct port *p)
{
	for (unsigned i = 0; i < WIRE_IDS; i++) {
		const struct port *other = &b->port[i];
		if (other != p && other->up && (other->n_queued > 0 || other->n_programs > 0))
			return true;
	}
	return false;
}

void limit_waited(struct bus *b)
{
	struct tenure *t = &b->ten;
	struct port *p = &b->port[t->awaited];
	const bool wanted = others_want(b, p);
	ns_t limit = b->cfg.phase_timeout_ns, due = wanted ? limit / 8 : limit / 2;
	ns_t took = b->now - t->asked_at;

	if (took > limit) /* we were late ourselves; or slept, and know nothing */
		took = took > limit + SLEPT_NS ? 0 : limit;
	t->asked_at = b->now;
	if (p->waited_in != t->number) {
		p->waited_in = t->number;
		p->waited = 0;
	}
	p->held = beyond(p->held, (b->now - p->held_at) / FORGIVEN);
	p->held_at = b->now;
	ns_t over = beyond(p->waited + took, due) - beyond(p->waited, due);
	ns_t late = wanted ? beyond(took, limit / 20) : 0;
	p->held += over > late ? over : late;
	p->waited += took;
	note_held(b, p);
}

/* What it was asked for is not answered, and what it has kept the bus for comes again: it costs the
 * others more than a late answer, however soon it does so. */
#define DODGES_MOST 16 /* in a row */

void limit_dodged(struct bus *b)
{
	struct port *p = &b->port[b->ten.awaited];
	ns_t least = b->cfg.hold_limit_ns / DODGES_MOST, before = p->held;
	ns_t took = b->now - b->ten.asked_at;

	limit_waited(b);
	ns_t counted = p->held > before ? p->held - before : 0;
	p->held += beyond(took > least ? took : least, counted);
	note_held(b, p);
}

void limit_settle(struct bus *b)
{
	if (!b->overdue)
		return;
	if (!act_room(b)) {
		b->more = true;
		return;
	}
	b->overdue = false;
	for (unsigned i = 0; i < WIRE_IDS; i++)
		if (b->port[i].up && b->port[i].role == ROLE_TARGET)
			(void)limit_holds(b, &b->port[i]);
}

bool limit_holds(struct bus *b, struct port *p)
{
	if (b->cfg.hold_limit_ns == 0 || p->held <= b->cfg.hold_limit_ns)
		return false;
	fence(b, p, "ID %u kept the bus waiting in many tenures, %llu ms beyond its due", p->id,
	      (unsigned long long)(p->held / NS_PER_MS));
	return true;
}

/* ---- one phase, one tenure ---- */

static void phase_over(struct bus *b)
{
	struct tenure *t = &b->ten;
	const struct port *p = ten_driver(b);
	uint32_t number = t->number;
	char text[128];

	b->stats.phase_timeouts++;
	if (!participant_awaited(t)) {
		silent_blame(t);
		(void)snprintf(text, sizeof(text), "ID %u kept a phase waiting in tenure %u", p->id,
		               number);
		bus_reset(b, WIRE_NO_ID, text);
	}
	/* A participant's token goes back with its port. */
	fence_kept(b, p, "a phase waiting", number, b->cfg.phase_timeout_ns);
}

/* Whom the bus has waited for the most in this tenure is to blame: it may wait now for one that was
 * asked just now. */
static const struct port *slowest(struct bus *b)
{
	const struct port *p = ten_driver(b);

	for (unsigned i = 0; i < WIRE_IDS; i++) {
		const struct port *other = &b->port[i];
		if (other->up && other->waited_in == b->ten.number && other->waited > p->waited)
			p = other;
	}
	return p;
}

static void tenure_over(struct bus *b)
{
	const struct tenure *t = &b->ten;
	uint32_t number = t->number;
	char text[128];

	limit_waited(b);
	const struct port *p = slowest(b);
	(void)snprintf(text, sizeof(text), "tenure %u of ID %u is past its limit", number,
	               t->target);
	bus_reset(b, WIRE_NO_ID, text);
	fence_kept(b, p, "the bus", number, b->cfg.tenure_limit_ns);
}

bool limit_overrun(struct bus *b)
{
	const struct tenure *t = &b->ten;
	const struct port *p = ten_driver(b);
	uint32_t number = t->number;
	char text[128];

	if (!b->cfg.pace || ten_mirroring(t) || b->bus_ns - t->start_ns < b->cfg.tenure_limit_ns)
		return false;
	(void)snprintf(text, sizeof(text), "tenure %u of ID %u moves data without end", number,
	               t->target);
	bus_reset(b, WIRE_NO_ID, text);
	fence_kept(b, p, "the bus", number, b->cfg.tenure_limit_ns);
	return true;
}

void limit_spent(struct bus *b)
{
	const struct port *p = ten_driver(b);
	char text[128];

	(void)snprintf(text, sizeof(text), "tenure %u of ID %u has phases without end",
	               b->ten.number, b->ten.target);
	bus_reset(b, WIRE_NO_ID, text);
	fence(b, p, "ID %u asked for more phases than a program may", p->id);
}

static ns_t tenure_deadline(const struct bus *b)
{
	const struct tenure *t = &b->ten;

	if (t->state != TENURE_WAITS)
		return NS_NEVER;
	ns_t end = t->machine_start + b->cfg.tenure_limit_ns;
	return t->phase_deadline < end ? t->phase_deadline : end;
}

/* Once in a tenure: whoever keeps the server busy does not put off its limits. */
static bool excused(struct bus *b)
{
	struct tenure *t = &b->ten;
	const ns_t due = tenure_deadline(b), limit = b->cfg.tenure_limit_ns;

	if (t->excused || b->now <= due || b->now - due <= SLEPT_NS)
		return false;
	t->excused = true;
	t->asked_at = b->now;
	t->phase_deadline = b->now + SLEPT_NS;
	if (t->machine_start + limit < t->phase_deadline)
		t->machine_start = t->phase_deadline - limit;
	return true;
}

static void limit_tenure(struct bus *b)
{
	const struct tenure *t = &b->ten;

	if (t->state != TENURE_WAITS || excused(b))
		return;
	if (b->now >= t->machine_start + b->cfg.tenure_limit_ns)
		tenure_over(b);
	else if (b->now >= t->phase_deadline)
		phase_over(b);
}

/* ---- silence ---- */

static ns_t beat_ns(const struct bus *b)
{
	return b->cfg.heartbeat_ms * NS_PER_MS;
}

ns_t limit_silence_ns(const struct bus *b)
{
	return 3 * beat_ns(b);
}

/* When the first connection will have been silent for too long, if it stays so. */
static ns_t next_hearing(const struct bus *b)
{
	ns_t first = NS_NEVER;

	for (unsigned i = 0; i < BUS_CONNS; i++) {
		const struct conn *c = &b->conn[i];
		if (c->state != CONN_NONE && c->heard + limit_silence_ns(b) < first)
			first = c->heard + limit_silence_ns(b);
	}
	return first;
}

static void limit_silence(struct bus *b)
{
	if (b->cfg.heartbeat_ms == 0 || b->now < b->hear_at)
		return;
	/* We were late ourselves (stopped, suspended): nobody is silent who had no chance to be
	 * heard. Nor is one that is not read. */
	bool late = b->hear_at != 0 && b->now - b->hear_at > SLEPT_NS;
	for (unsigned i = 0; i < BUS_CONNS; i++) {
		struct conn *c = &b->conn[i];
		if (c->state == CONN_NONE)
			continue;
		if (late || !bus_reads(b, c->handle))
			c->heard = b->now;
		else if (b->now - c->heard >= limit_silence_ns(b))
			refuse_conn(b, c, CODE_BAD_STATE, 0, 0, "silent for %llu ms",
			            (unsigned long long)((b->now - c->heard) / NS_PER_MS));
	}
	b->hear_at = next_hearing(b);
}

/* ---- both ---- */

void limit_run(struct bus *b)
{
	limit_tenure(b);
	limit_silence(b);
}

ns_t limit_deadline(const struct bus *b)
{
	ns_t first = tenure_deadline(b);

	if (b->cfg.heartbeat_ms != 0 && b->hear_at < first)
		first = b->hear_at;
	return first;
}
