/* SPDX-License-Identifier: BSD-2-Clause */
/* Who has a turn, what time it is, and the fault. */
#include "steps/inside.h"

#include <stdlib.h>
#include <string.h>

#define STOP_NS         (25 * NS_PER_S) /* the bus server waits 15 s for a sign of life, others 20 s */
#define STARTS_ALLOCATE 6               /* times, at least */
#define MOMENT_NS       (4 * NS_PER_S) /* a phase may take 2 s, and the daemon waits 3 s for a status */

const struct fault faults[FAULTS] = {
#define FAULT(what, who, name) {what, who, name},
#include "steps/faults.def"
#undef FAULT
};

/* ---- faults ---- */

static bool is_of(const struct world *w, enum fault_what what, unsigned who)
{
	return w->fault && w->fault->what == what && w->fault->who == who;
}

bool strikes(struct world *w, enum fault_what what, unsigned who)
{
	if (!w->armed || !is_of(w, what, who))
		return false;
	w->struck = true;
	w->armed = w->good;
	return true;
}

bool stays(const struct world *w, enum fault_what what, unsigned who)
{
	return w->struck && w->good && is_of(w, what, who);
}

bool world_stopped(const struct world *w, unsigned who)
{
	return w->now < w->stopped_until[who];
}

static bool runs(const struct world *w, unsigned who)
{
	return who == BUS    ? w->bus != NULL
	       : who == HOST ? w->host.ini != NULL
	                     : w->disk[who].t != NULL;
}

static void kill_one(struct world *w, unsigned who)
{
	if (!runs(w, who))
		return;
	w->stopped_until[who] = 0;
	if (who == BUS)
		bus_kill(w);
	else if (who == HOST)
		host_kill(w);
	else
		disk_kill(w, who);
}

static void stop(struct world *w, unsigned who, ns_t time)
{
	if (runs(w, who))
		w->stopped_until[who] = time == NS_NEVER ? NS_NEVER : w->now + time;
}

void world_strike(struct world *w, unsigned f, bool good)
{
	unsigned who = faults[f].who;

	w->fault = &faults[f];
	w->good = good;
	w->struck = true;
	switch (w->fault->what) {
	case CUT:
		wires_cut(w, who);
		break;
	case KILL_KEPT:
		w->host.keeps_file = w->host.file_open;
		kill_one(w, who);
		break;
	case KILL:
		kill_one(w, who);
		break;
	case STOP:
		stop(w, who, good ? NS_NEVER : STOP_NS);
		break;
	case MOMENT:
		stop(w, who, MOMENT_NS);
		w->stop_again = good ? w->now + 2 * MOMENT_NS : NS_NEVER;
		break;
	case NO_START:
		kill_one(w, who);
		w->armed = true; /* for its start */
		break;
	case NO_MEMORY:
		memory_fail(good ? UINT32_MAX : 1);
		break;
	case WRITE_ERROR:
	case READ_ERROR:
	case NO_SPACE:
	case FLUSH_DEAD:
	case META_ERROR:
	case STATE_ERROR:
	case LOG_ERROR:
	case IMAGE_ERROR:
		w->struck = false; /* with the next operation of that kind */
		w->armed = true;
		break;
	}
}

/* ---- a step ---- */

static ns_t *start_at(struct world *w, unsigned who)
{
	return who == BUS ? &w->bus_at : who == HOST ? &w->host.start_at : &w->disk[who].start_at;
}

static bool stays_dead(const struct world *w, unsigned who)
{
	return stays(w, KILL, who) || stays(w, KILL_KEPT, who);
}

/* One of the allocations of a start fails: another one each time. */
static void start(struct world *w, unsigned who)
{
	bool fails = strikes(w, NO_START, who);

	if (fails)
		memory_fail(1 + (unsigned)(w->steps % STARTS_ALLOCATE));
	if (who == BUS)
		bus_start(w);
	else if (who == HOST)
		host_start(w);
	else
		disk_start(w, who);
	if (fails)
		memory_fail(0);
}

/* What is killed: the bus server first, then the disks. */
static bool start_again(struct world *w)
{
	static const unsigned order[NODES] = {BUS, 0, 1, 2, HOST};

	for (unsigned k = 0; k < NODES; k++) {
		unsigned who = order[k];
		if (runs(w, who) || w->now < *start_at(w, who) || stays_dead(w, who))
			continue;
		start(w, who);
		return true;
	}
	return false;
}

static bool take_turn(struct world *w, unsigned who)
{
	return who == BUS ? bus_turn(w) : who == HOST ? host_turn(w) : disk_turn(w, who);
}

bool world_step(struct world *w)
{
	if (w->before)
		w->before(w);
	w->steps++;
	if (start_again(w))
		return true;
	for (unsigned i = 0; i < NODES; i++) {
		unsigned who = (w->turn + i) % NODES;
		if (take_turn(w, who)) {
			w->turn = (who + 1) % NODES;
			return true;
		}
	}
	w->steps--;
	return false;
}

/* ---- time ---- */

static ns_t core_deadline(const struct world *w, unsigned who)
{
	return who == BUS    ? bus_deadline(w->bus)
	       : who == HOST ? host_deadline(&w->host)
	                     : tgt_deadline(w->disk[who].t);
}

static ns_t link_deadline(const struct world *w, unsigned i)
{
	const struct link *l = &w->link[i];

	if (l->up)
		return l->heartbeat_ns ? l->ping_at : NS_NEVER;
	return l->dial_at > w->now ? l->dial_at : NS_NEVER; /* it waits for more than time */
}

static ns_t deadline_of(struct world *w, unsigned who)
{
	if (!runs(w, who))
		return stays_dead(w, who) ? NS_NEVER : *start_at(w, who);
	if (world_stopped(w, who))
		return w->stopped_until[who];
	ns_t at = core_deadline(w, who);
	return who == BUS ? at : earlier(at, link_deadline(w, who));
}

static void deadline_reached(struct world *w, unsigned who)
{
	if (!runs(w, who) || world_stopped(w, who) || core_deadline(w, who) > w->now)
		return;
	if (who == BUS)
		bus_time(w);
	else if (who == HOST)
		w->host.due = true;
	else
		disk_time(w, who);
}

/* Time passes to the next thing that is due; what is due and cannot be is looked at later. */
static void pass_time(struct world *w, ns_t end)
{
	static const unsigned order[NODES] = {BUS, 0, 1, 2, HOST};
	ns_t at = w->stop_again ? w->stop_again : NS_NEVER;

	for (unsigned who = 0; who < NODES; who++)
		at = earlier(at, deadline_of(w, who));
	if (at <= w->now)
		at = w->now + NS_PER_MS;
	w->now = earlier(at, end);
	if (w->stop_again && w->now >= w->stop_again) {
		stop(w, w->fault->who, MOMENT_NS);
		w->stop_again = w->now + 2 * MOMENT_NS;
	}
	for (unsigned k = 0; k < NODES; k++)
		deadline_reached(w, order[k]);
}

bool world_until(struct world *w, ns_t limit, bool (*cond)(const struct world *w))
{
	ns_t end = w->now + limit;

	for (uint64_t n = 0; !cond || !cond(w); n++) {
		must(n < 1000000, "it never comes to rest");
		if (world_step(w))
			continue;
		if (w->now >= end)
			return !cond;
		pass_time(w, end);
	}
	return true;
}

/* ---- life ---- */

void world_new(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->now = NS_PER_S;
	bus_start(w);
	for (unsigned i = 0; i < DISKS; i++)
		disk_start(w, i);
	host_start(w);
}

void world_repair(struct world *w)
{
	unsigned disk = w->fault && w->fault->who < DISKS ? w->fault->who : 1;

	w->before = NULL;
	w->armed = w->good = w->struck = false;
	w->stop_again = 0;
	memset(w->stopped_until, 0, sizeof(w->stopped_until));
	memory_fail(0);
	kill_one(w, disk);
}

void world_free(struct world *w)
{
	kill_one(w, HOST);
	for (unsigned i = 0; i < DISKS; i++)
		kill_one(w, i);
	kill_one(w, BUS);
	for (unsigned i = 0; i < LINKS; i++) {
		free(w->link[i].to_bus.p);
		free(w->link[i].from_bus.p);
	}
}

void world_kill_disk(struct world *w, unsigned i)
{
	kill_one(w, i);
}
