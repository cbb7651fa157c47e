/* SPDX-License-Identifier: BSD-2-Clause */
#include "sim/sim.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETUP_LIMIT (30 * NS_PER_S)

/* ---- what is told ---- */

static void tell(const struct sim *s, FILE *to, const char *fmt, va_list ap)
{
	fprintf(to, "%llu.%06llu ms: ", (unsigned long long)(s->now / NS_PER_MS),
	        (unsigned long long)(s->now % NS_PER_MS));
	vfprintf(to, fmt, ap);
	fputc('\n', to);
}

void sim_say(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(s, stdout, fmt, ap);
	va_end(ap);
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "seed %llu at step %llu, ", (unsigned long long)s->seed,
	        (unsigned long long)s->steps);
	va_start(ap, fmt);
	tell(s, stderr, fmt, ap);
	va_end(ap);
	abort();
}

void sim_mark(struct sim *s, enum mark m)
{
	s->marks[m]++;
	if (sim_marks[m].per != '-')
		SAY(s, "! %s", sim_marks[m].name);
}

void sim_note(struct sim *s, uint64_t what)
{
	s->digest = (s->digest ^ what ^ s->now) * 0x100000001b3ULL;
	s->digest ^= s->digest >> 31;
}

bool sim_stepped(struct sim *s)
{
	return ++s->steps % s->check_every == 0;
}

/* ---- chance ---- */

ns_t sim_about(struct prng *g, ns_t mean)
{
	/* From a tenth to ten times, short ones more often. */
	uint64_t a = 1 + prng_below(g, 10), b = 1 + prng_below(g, 10);

	return mean * a / (2 * b) + 1;
}

static struct prng *stream_of(struct sim *s, enum mark m)
{
	if (m == MARK_DISK_LATE)
		return &s->token;
	return m < MARK_DISK_KILL ? &s->net : m < MARK_HOST_KILL ? &s->disk : &s->files;
}

/* One that is left out moves nothing else: its stream goes on as if it had struck. */
bool sim_strikes(struct sim *s, enum mark m)
{
	if (s->rate[m] == 0 || s->quiet || s->faults_off)
		return false;
	struct prng *g = stream_of(s, m);
	if (prng_below(g, 1000000) >= s->rate[m])
		return false;
	s->inner = prng_init(prng_u64(g));
	if (s->without[m] || s->n_struck >= s->struck_max)
		return false;
	s->n_struck++;
	sim_mark(s, m);
	return true;
}

/* ---- the queue: a heap ---- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

void sim_at(struct sim *s, ns_t at, enum sim_event_kind kind, uint32_t what, uint32_t life)
{
	struct sim_event e = {.at = at, .seq = ++s->seq, .kind = kind, .what = what, .life = life};
	unsigned i = s->n_queue++;

	sm_assert(s->n_queue <= SIM_QUEUE);
	for (; i > 0 && before(&e, &s->queue[(i - 1) / 2]); i = (i - 1) / 2)
		s->queue[i] = s->queue[(i - 1) / 2];
	s->queue[i] = e;
}

void sim_host_at(struct sim *s, const struct sim_host *h, ns_t at, enum sim_event_kind kind,
                 uint32_t what)
{
	sim_at(s, at, kind, what | h->index << 16, h->life);
}

static struct sim_event pop(struct sim *s)
{
	struct sim_event first = s->queue[0], last = s->queue[--s->n_queue];
	unsigned i = 0;

	for (;;) {
		unsigned k = 2 * i + 1;
		if (k + 1 < s->n_queue && before(&s->queue[k + 1], &s->queue[k]))
			k++;
		if (k >= s->n_queue || !before(&s->queue[k], &last))
			break;
		s->queue[i] = s->queue[k];
		i = k;
	}
	s->queue[i] = last;
	return first;
}

/* ---- what happens ---- */

/* A stopped process does nothing until it goes on. */
static bool postponed(struct sim *s, const struct sim_event *e, ns_t until)
{
	if (until <= s->now)
		return false;
	sim_at(s, until, e->kind, e->what, e->life);
	return true;
}

static void happen_host(struct sim *s, const struct sim_event *e)
{
	struct sim_host *h = &s->host[e->what >> 16];
	uint32_t what = e->what & 0xffff;

	if (e->life != h->life)
		return;
	if (e->kind == SIM_AGAIN) {
		faults_again(s, h);
		return;
	}
	if (e->kind == SIM_HIT) {
		faults_hit(s, h, what != 0);
		return;
	}
	if (e->kind == SIM_HOST_UP && !h->ini) {
		host_node_start(s, h);
		host_node_wake(s, h);
	}
	if (!h->ini || postponed(s, e, h->frozen_until))
		return;
	if (e->kind == SIM_HOST_RUN)
		host_node_run(s, h);
	else if (e->kind == SIM_FILE)
		host_files_filed(s, h, what);
	else if (e->kind == SIM_SAVE && what == 2)
		host_jobs_saved(s, h);
	else if (e->kind == SIM_SAVE && what == 3)
		host_jobs_again(s, h);
	else if (e->kind == SIM_SAVE)
		host_files_saved(s, h, what != 0);
}

static void happen_disk(struct sim *s, const struct sim_event *e)
{
	struct sim_disk *d = &s->d[e->what & 0xff];

	bool late = e->kind == SIM_STORE && d->store.op[e->what >> 8].told;
	if (e->life != d->life && !late)
		return;
	if (e->kind == SIM_DISK_UP && !d->t)
		disk_node_start(s, e->what & 0xff);
	else if (e->kind == SIM_UNIT && d->t && !postponed(s, e, d->frozen_until))
		faults_unit_over(s, e->what & 0xff, (enum unit_state)(e->what >> 8));
	else if (late)
		disk_node_stored(s, e->what & 0xff, e->what >> 8);
	else if (e->kind == SIM_STORE && d->t && !postponed(s, e, d->frozen_until))
		disk_node_stored(s, e->what & 0xff, e->what >> 8);
}

static void happen(struct sim *s, const struct sim_event *e)
{
	switch (e->kind) {
	case SIM_DELIVER:
		net_deliver(s, e->what, e->life);
		break;
	case SIM_CLOSED:
		net_closed(s, e->what, e->life);
		break;
	case SIM_GO:
		if (e->life == s->bus.life && s->bus.b && !postponed(s, e, s->bus.frozen_until))
			bus_node_go(s);
		break;
	case SIM_BUS_UP:
		if (e->life == s->bus.life && !s->bus.b)
			bus_node_start(s);
		break;
	case SIM_STORE:
	case SIM_DISK_UP:
	case SIM_UNIT:
		happen_disk(s, e);
		break;
	case SIM_HOST_UP:
	case SIM_HOST_RUN:
	case SIM_FILE:
	case SIM_SAVE:
	case SIM_AGAIN:
	case SIM_HIT:
		happen_host(s, e);
		break;
	case SIM_WORK:
		work_next(s);
		break;
	case SIM_FAULT:
		faults_next(s);
		break;
	}
}

static ns_t next_deadline(struct sim *s)
{
	ns_t at = bus_node_due(s), due;

	for (unsigned i = 0; i < s->n_hosts; i++) {
		due = host_node_due(s, &s->host[i]);
		at = due < at ? due : at;
	}
	for (unsigned i = 0; i < s->n_disks; i++) {
		due = disk_node_due(s, i);
		at = due < at ? due : at;
	}
	return at;
}

static void deadlines(struct sim *s)
{
	if (bus_node_due(s) <= s->now)
		bus_node_deadline(s);
	for (unsigned i = 0; i < s->n_disks; i++)
		if (disk_node_due(s, i) <= s->now)
			disk_node_deadline(s, i);
	for (unsigned i = 0; i < s->n_hosts; i++)
		if (host_node_due(s, &s->host[i]) <= s->now)
			host_node_wake(s, &s->host[i]);
}

/* What comes next, if it comes by then. */
static bool advance(struct sim *s, ns_t limit)
{
	ns_t due = next_deadline(s), first = s->n_queue ? s->queue[0].at : NS_NEVER;
	ns_t at = due < first ? due : first;

	if (at > limit)
		return false;
	s->now = at > s->now ? at : s->now;
	if (first <= due) {
		struct sim_event e = pop(s);
		sim_note(s, (uint64_t)e.kind << 32 | e.what);
		happen(s, &e);
	} else {
		deadlines(s);
	}
	net_reap(s);
	if (s->cuts > 0)
		cuts_look(s);
	return true;
}

bool sim_until(struct sim *s, ns_t limit, bool (*cond)(struct sim *s))
{
	ns_t end = s->now + limit;

	while (!cond(s))
		if (!advance(s, end))
			return false;
	return true;
}

/* ---- a seed's world ---- */

static struct prng stream(uint64_t seed, uint64_t number)
{
	struct prng g = prng_init(seed * 0x9E3779B97F4A7C15ULL + number * 0xD1B54A32D192ED03ULL);

	(void)prng_u64(&g);
	return prng_init(prng_u64(&g));
}

static void draw_faults(struct sim *s)
{
	struct prng g = stream(s->seed, 6);

	s->faults_off = sim_chance(&g, 16);
	s->fault_every = NS_PER_MS * (3 + prng_below(&g, 100));
	for (unsigned m = 0; m < MARKS; m++) {
		const struct mark_row *r = &sim_marks[m];
		bool has = r->per != '-' && prng_below(&g, 1000) < r->seeds;
		uint64_t eighths = 1 + prng_below(&g, 8);
		s->rate[m] = !has ? 0 : r->per == 't' ? r->rate : (uint32_t)(r->rate * eighths / 8);
	}
}

/* A stream of its own: seeds with one stay as they are. */
static void draw_hosts(struct sim *s, bool two)
{
	s->two = stream(s->seed, 8);
	s->n_hosts = sim_chance(&s->two, 8) || two ? 2 : 1;
	s->swap_every = 10 + prng_below(&s->two, 200);
	for (unsigned i = 0; i < s->n_hosts; i++) {
		struct sim_host *h = &s->host[i];
		h->index = i;
		h->id = (uint8_t)(SIM_HOST - i);
		h->fenced = i > 0;
		memset(h->uuid, i == 0 ? 0x77 : sim_chance(&s->two, 2) ? 0x76 : 0x78, UUID_LEN);
	}
	s->owner = &s->host[0];
	for (unsigned m = MARK_OWNER_KILL; m <= MARK_OWNER_ENDS && s->n_hosts == 1; m++)
		s->rate[m] = 0;
}

static void draw_world(struct sim *s)
{
	struct prng g = stream(s->seed, 7);

	s->n_disks = (unsigned)(1 + prng_below(&g, 5));
	s->blocks = 32 + 16 * prng_below(&g, 7);
	s->net_delay = NS_PER_US * (5 + prng_below(&g, 300));
	s->store_delay = NS_PER_US * (10 + prng_below(&g, 3000));
	s->slow_most = sim_chance(&g, 3) ? 3 * NS_PER_S : NS_PER_MS;
	s->work_every = NS_PER_US * (100 + prng_below(&g, 5000));
	s->queue_depth = (unsigned)(1 + prng_below(&g, 64));
	s->bus_trace = sim_chance(&g, 8);
	for (unsigned i = 0; i < s->n_disks; i++)
		s->d[i].unarmed = sim_chance(&g, 6);
	s->bus_cfg = bus_config_default();
	s->bus_cfg.heartbeat_ms = 1000;
	s->bus_cfg.phase_timeout_ns = 100 * NS_PER_MS;
	s->bus_cfg.tenure_limit_ns = 300 * NS_PER_MS;
	s->bus_cfg.fairness = !sim_chance(&g, 8);
	s->hba_cfg = (struct hba_config){.task_timeout_ns = NS_PER_S,
	                                 .status_timeout_ns = 500 * NS_PER_MS};
	if (sim_chance(&g, 2))
		s->hba_cfg.tenure_chain_limit_ns = 10 * NS_PER_MS;
	if (sim_chance(&g, 8))
		s->hba_cfg.first_op = UINT32_MAX - (uint32_t)prng_below(&g, 200);
	s->ini_cfg = (struct ini_config){.resend_delay_ns = 5 * NS_PER_MS,
	                                 .resend_delay_max_ns = 50 * NS_PER_MS,
	                                 .max_passes = (unsigned)(1 + prng_below(&g, 5)),
	                                 .window = (unsigned)(1 + prng_below(&g, 8)),
	                                 .transfer = (uint32_t)(1024U << prng_below(&g, 4)),
	                                 .bus_wait_ns = 2 * NS_PER_S,
	                                 .member_grace_ns = 500 * NS_PER_MS,
	                                 .busy_limit_ns = NS_PER_S,
	                                 .region_bytes = 2048ULL << prng_below(&g, 6),
	                                 .clean_idle_ns = NS_PER_MS * (5 + prng_below(&g, 400)),
	                                 .clean_most_ns = NS_PER_MS * (50 + prng_below(&g, 2000))};
	/* The last draws, so that they move no other. */
	s->xfer = sim_chance(&g, 3) ? XFER_ULTRA320 : XFER_ULTRA160;
	s->hba_cfg.xfer = s->xfer;
	s->lowest_tags = sim_chance(&g, 3);
}

bool sim_all_ready(const struct sim *s, const struct sim_host *h)
{
	unsigned ready = 0;

	for (unsigned i = 0; i < s->n_disks; i++)
		ready += hba_target(h->h, s->d[i].id)->state == HBA_READY;
	return h->link == HOST_ATTACHED && hba_settled(h->h) && ready == s->n_disks;
}

static bool all_ready(struct sim *s)
{
	return sim_all_ready(s, &s->host[0]);
}

static bool created(struct sim *s)
{
	const struct sim_host *h = &s->host[0];

	return work_idle(s) && h->disk.there && h->disk.n == 1;
}

static void set_up(struct sim *s)
{
	bool off = s->faults_off;

	s->faults_off = true;
	s->now = 100 * NS_PER_S;
	model_init(&s->model, s->blocks, SIM_BLOCK);
	bus_node_start(s);
	for (unsigned i = 0; i < s->n_disks; i++) {
		store_init(s, i);
		s->d[i].id = (uint8_t)i;
		disk_node_start(s, i);
	}
	for (unsigned i = 0; i < s->n_hosts; i++)
		host_node_start(s, &s->host[i]);
	if (!sim_until(s, SETUP_LIMIT, all_ready))
		sim_fail(s, "the initiator does not find its disks");
	if (!work_create_group(s, &s->host[0]) || !sim_until(s, SETUP_LIMIT, created))
		sim_fail(s, "the group cannot be made");
	s->created = s->taken = true;
	s->faults_off = off;
}

static void tear_down(struct sim *s)
{
	net_free(s); /* what is on its way is of those below, where a seed ends before its end */
	for (unsigned i = 0; i < s->n_disks; i++)
		disk_node_free(s, i);
	for (unsigned i = 0; i < s->n_hosts; i++) {
		hba_free(s->host[i].h); /* it has data of the upper half */
		ini_free(s->host[i].ini);
	}
	bus_free(s->bus.b);
	work_free(s);
}

uint64_t sim_run(uint64_t seed, const struct sim_options *o, uint64_t *marks, uint64_t *steps)
{
	struct sim *s = calloc(1, sizeof(*s));

	sm_assert(s);
	s->seed = seed;
	s->trace = o->trace;
	s->events = o->events;
	s->check_every = o->check_every;
	s->struck_max = o->struck_max;
	memcpy(s->without, o->without, sizeof(s->without));
	s->marks = marks;
	s->net = stream(seed, 1);
	s->disk = stream(seed, 2);
	s->sched = stream(seed, 3);
	s->work = stream(seed, 4);
	s->fault = stream(seed, 5);
	s->journal = stream(seed, 9); /* so that it moves nothing else */
	s->files = stream(seed, 10);
	s->image = stream(seed, 11);
	s->token = stream(seed, 12);
	draw_faults(s);
	draw_world(s);
	draw_hosts(s, o->two);
	set_up(s);
	sim_at(s, s->now, SIM_WORK, 0, 0);
	sim_at(s, s->now, SIM_FAULT, 0, 0);
	while (s->steps < s->events && !s->torn)
		(void)advance(s, NS_NEVER - 1);
	if (!s->torn) {
		faults_last(s);
		sim_end(s);
	}
	uint64_t digest = s->digest;
	*steps = s->steps;
	tear_down(s);
	free(s);
	return digest;
}
