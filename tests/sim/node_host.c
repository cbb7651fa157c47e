/* SPDX-License-Identifier: BSD-2-Clause */
/* What the initiator daemon's shell does with the bus and its cores; its files: node_files.c. */
#include "base/assert.h"
#include "sim/mutant.h"
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

#define RETRY_FIRST_NS  (100 * NS_PER_MS)
#define RETRY_MOST_NS   (1 * NS_PER_S)
#define ATTACH_LIMIT_NS (5 * NS_PER_S)
#define SILENCE_MIN_NS  (5 * NS_PER_S)
#define ROUNDS_MOST     64

void host_node_start(struct sim *s, struct sim_host *h)
{
	sim_wraps[h->id] = (struct sim_wraps){.lowest = s->lowest_tags};
	s->hba_cfg.id = h->id;
	memcpy(s->hba_cfg.uuid, h->uuid, UUID_LEN);
	s->hba_cfg.seed = prng_u64(&s->sched);
	s->ini_cfg.seed = prng_u64(&s->sched);
	h->h = hba_new(&s->hba_cfg);
	h->ini = h->h ? ini_new(&s->ini_cfg, h->h) : NULL;
	if (!h->ini)
		sim_fail(s, "out of memory");
	h->link = HOST_DOWN;
	h->retry_at = s->now;
	h->retry_delay = 0;
	h->changed = true;
	h->frozen_until = 0;
	h->run_due = h->importing = false;
	h->stats = (struct hba_stats){0};
	host_files_start(s, h);
	work_host_back(s, h);
	SAY(s, "initiator %u is there", h->id);
}

static void hang_up(struct sim *s, struct sim_host *h)
{
	if (h->conn) {
		net_keep(s, h->conn); /* what is on its way outlives the initiator */
		net_close(s, h->conn, false);
	}
	h->conn = NULL;
}

void host_node_kill(struct sim *s, struct sim_host *h)
{
	SAY(s, "initiator %u is killed", h->id);
	cuts_host_dies(s, h);
	if (h->conn && sim_chance(&s->net, 2))
		net_cut(s, h->conn, false, true);
	if (h->conn)
		net_keep(s, h->conn);
	hang_up(s, h);
	host_files_killed(s, h);
	hba_free(h->h);
	ini_free(h->ini);
	h->ini = NULL;
	h->h = NULL;
	h->life++;
	h->epoch = 0;
	h->bus_boot = 0;
	h->frozen_until = 0;
	work_host_gone(s, h);
}

struct sim_host *host_of(struct sim *s, unsigned device)
{
	for (unsigned i = 0; i < s->n_hosts; i++)
		if (s->host[i].id == device)
			return &s->host[i];
	return NULL;
}

const struct ini_group *host_group(const struct sim_host *h)
{
	return h->ini ? ini_group_find(h->ini, SIM_GROUP) : NULL;
}

/* ---- running the cores ---- */

static void act(struct sim *s, struct sim_host *h, const struct ini_action *a)
{
	switch (a->kind) {
	case INI_ACT_FILE_READ:
	case INI_ACT_FILE_WRITE:
	case INI_ACT_FILE_SYNC:
	case INI_ACT_SAVE:
	case INI_ACT_INTENT:
		host_files_do(s, h, a);
		break;
	case INI_ACT_FILE_CLOSE:
		work_file_closed(s, a->file);
		break;
	case INI_ACT_REPLY:
		work_reply(s, h, a);
		break;
	case INI_ACT_LOG:
		SAY(s, "initiator %u: %s", h->id, a->text);
		if (s->created && strstr(a->text, " is stale"))
			sim_mark(s, MARK_STALE_SEEN);
		if (strstr(a->text, " is that of initiator "))
			sim_mark(s, MARK_LOST_SEEN);
		/* A page that could not be saved, and was all the same, says what another life
		 * knew. */
		if (!h->has_forgotten &&
		    strstr(a->text, " an old one, and all of the group is copied"))
			sim_fail(s, "a generation is on a page before the state file has it");
		break;
	case INI_ACT_CHANGED:
		if (a->object == OBJ_JOB)
			host_jobs_changed(s, h);
		break;
	case INI_ACT_BLOCK:
		sim_fail(s, "a block is wanted, and no load runs");
	}
}

static bool output(struct sim *s, struct sim_host *h)
{
	const struct wire_frame *f;
	bool some = false;

	while ((f = hba_output(h->h)) != NULL) {
		some = true;
		if (h->link == HOST_ATTACHED)
			net_send(s, h->conn, true, f);
	}
	return some;
}

static ns_t cores_due(const struct sim_host *h)
{
	ns_t a = hba_deadline(h->h), b = ini_deadline(h->ini);

	return a < b ? a : b;
}

/* Its page says that it is in sync, and so does the file, of this generation: one of before may say
 * so, too, and a mirror job that is cut off says otherwise until all is saved. */
static bool says_so(const struct sim_host *h, const struct ini_group *g, unsigned i)
{
	if (g->m[i].state != MEMBER_IN_SYNC || g->m[i].unit == WIRE_NO_ID || i >= h->disk.g.n ||
	    h->disk.g.m[i].state != MEMBER_IN_SYNC || h->disk.g.generation != g->generation)
		return false;
	const struct mode_mirror *page = &hba_target(h->h, g->m[i].unit)->member;
	return page->generation == g->generation && memcmp(page->owner, h->uuid, UUID_LEN) == 0;
}

/* Somebody stays in sync, whatever happens, until a mirror job overwrites all members. */
static void look_at_members(struct sim *s, struct sim_host *h)
{
	const struct ini_group *g = ini_groups(h->ini) ? ini_group_at(h->ini, 0) : NULL;

	if (!g)
		h->may_have_none = true;
	else if (host_in_sync(g) == 0 && !h->may_have_none)
		sim_fail(s, "no member is in sync any more");
	for (unsigned i = 0; g && h->may_have_none && i < g->n; i++)
		h->may_have_none = !says_so(h, g, i) || work_mirrors(s, h);
}

static bool run_cores(struct sim *s, struct sim_host *h)
{
	const struct ini_action *a;
	bool some = false;

	hba_run(h->h, s->now);
	ini_run(h->ini, s->now);
	if (sim_stepped(s)) {
		hba_check(h->h);
		ini_check(h->ini);
	}
	owners_look(s, h);
	cuts_seen(s, h);
	while ((a = ini_output(h->ini)) != NULL) {
		act(s, h, a);
		some = true;
	}
	look_at_members(s, h);
	return output(s, h) || some || cores_due(h) <= s->now;
}

/* ---- the bus ---- */

static void down(struct sim *s, struct sim_host *h)
{
	bool was = h->link == HOST_ATTACHED;

	hang_up(s, h);
	h->link = HOST_DOWN;
	h->retry_delay = was || !h->retry_delay ? RETRY_FIRST_NS : h->retry_delay * 2;
	if (h->retry_delay > RETRY_MOST_NS)
		h->retry_delay = RETRY_MOST_NS;
	h->retry_at = s->now + h->retry_delay;
	if (was) {
		hba_detached(h->h, s->now);
		if (sim_looks(s))
			hba_check(h->h);
	}
	host_node_wake(s, h);
}

void host_node_closed(struct sim *s, struct sim_host *h)
{
	down(s, h);
}

bool host_sees(const struct sim *s, const struct sim_host *h, const struct ini_member *m)
{
	const struct sim_disk *d = &s->d[m->uuid[0] - 0xd0];

	return d->t && d->link == DISK_UP && d->bus_life == h->bus_life && m->unit != WIRE_NO_ID &&
	       hba_target(h->h, m->unit)->epoch == d->epoch;
}

static void attached(struct sim *s, struct sim_host *h, const struct wire_attached *a)
{
	if (h->link != HOST_ATTACHING)
		return;
	h->link = HOST_ATTACHED;
	h->epoch = a->epoch;
	h->bus_boot = a->boot;
	h->bus_life = s->bus.life;
	h->retry_delay = 0;
	h->heartbeat_ns = a->heartbeat_ms * NS_PER_MS;
	h->ping_at = s->now + h->heartbeat_ns / 3;
	SAY(s, "initiator %u is attached, epoch %u", h->id, a->epoch);
	hba_attached(h->h, a, s->now);
	if (sim_looks(s))
		hba_check(h->h);
}

void host_node_frame(struct sim *s, struct sim_host *h, const struct wire_frame *f)
{
	const struct wire_frame pong = {.type = WIRE_PONG, .ping = f->ping};

	h->heard_at = s->now;
	if (f->type == WIRE_RESET)
		sim_mark(s, MARK_BUS_RST_SEEN);
	if (f->type == WIRE_ATTACHED) {
		attached(s, h, &f->attached);
	} else if (f->type == WIRE_REFUSED) {
		SAY(s, "initiator %u is refused: %s", h->id, f->error.text);
		if (f->error.code == CODE_UUID_HELD && f->error.ref)
			sim_mark(s, MARK_HOST_WAITS);
		down(s, h);
	} else if (f->type == WIRE_PING) {
		net_send(s, h->conn, true, &pong);
	} else if (h->link == HOST_ATTACHED) {
		if (f->type == WIRE_ERROR)
			SAY(s, "initiator %u: error: %s", h->id, f->error.text);
		hba_frame(h->h, f, s->now);
		if (sim_stepped(s))
			hba_check(h->h);
	}
}

void host_node_batch(struct sim *s, struct sim_host *h)
{
	host_node_wake(s, h);
}

void host_node_wake(struct sim *s, struct sim_host *h)
{
	if (h->run_due || !h->ini)
		return;
	h->run_due = true;
	sim_host_at(s, h, s->now + prng_below(&s->sched, 10 * NS_PER_US), SIM_HOST_RUN, 0);
}

static void attach(struct sim *s, struct sim_host *h)
{
	struct wire_frame f = {.type = WIRE_ATTACH,
	                       .attach = {.version = WIRE_VERSION,
	                                  .role = ROLE_INITIATOR,
	                                  .id = h->id,
	                                  .name = "host"}};

	h->conn = net_dial(s, h->id);
	if (!h->conn) {
		down(s, h);
		return;
	}
	memcpy(f.attach.uuid, h->uuid, UUID_LEN);
	f.attach.own = true;
	f.attach.epoch = h->epoch;
	f.attach.boot = h->bus_boot;
	h->link = HOST_ATTACHING;
	h->attach_until = s->now + ATTACH_LIMIT_NS;
	h->heard_at = s->now;
	net_send(s, h->conn, true, &f);
}

static void ping(struct sim *s, struct sim_host *h)
{
	const struct wire_frame f = {.type = WIRE_PING};
	ns_t limit = 4 * h->heartbeat_ns > SILENCE_MIN_NS ? 4 * h->heartbeat_ns : SILENCE_MIN_NS;

	if (s->now > h->heard_at + limit) {
		down(s, h);
		return;
	}
	net_send(s, h->conn, true, &f);
	h->ping_at = s->now + h->heartbeat_ns / 3;
}

static void link_run(struct sim *s, struct sim_host *h)
{
	if (h->link == HOST_DOWN && s->now >= h->retry_at)
		attach(s, h);
	else if (h->link == HOST_ATTACHING && s->now >= h->attach_until)
		down(s, h);
	else if (h->link == HOST_ATTACHED && hba_server_lost(h->h))
		down(s, h);
	else if (h->link == HOST_ATTACHED && h->heartbeat_ns && s->now >= h->ping_at)
		ping(s, h);
}

static void note_wraps(struct sim *s, struct sim_host *h)
{
	struct sim_wraps *w = &sim_wraps[h->id];

	if (w->tags > 0)
		sim_mark(s, MARK_HOST_TAG_WRAP);
	if (w->ops > 0)
		sim_mark(s, MARK_HOST_OP_WRAP);
	w->tags = w->ops = 0;
}

void host_node_run(struct sim *s, struct sim_host *h)
{
	unsigned rounds = 0;

	h->run_due = false;
	h->changed = true;
	link_run(s, h);
	while (run_cores(s, h) && ++rounds < ROUNDS_MOST)
		continue;
	note_wraps(s, h);
	seen_host(s, h);
	if (rounds == ROUNDS_MOST)
		host_node_wake(s, h);
}

static ns_t due(const struct sim_host *h)
{
	ns_t at = cores_due(h);

	if (h->link == HOST_DOWN && h->retry_at < at)
		at = h->retry_at;
	if (h->link == HOST_ATTACHING && h->attach_until < at)
		at = h->attach_until;
	if (h->link == HOST_ATTACHED && h->heartbeat_ns && h->ping_at < at)
		at = h->ping_at;
	return at;
}

/* Whatever changes the cores has them run after it, so that it is the same until then. */
ns_t host_node_due(struct sim *s, struct sim_host *h)
{
	if (!h->ini || h->run_due)
		return NS_NEVER;
	if (h->changed)
		h->due = due(h);
	h->changed = false;
	if (sim_looks(s))
		sm_assert(h->due == due(h));
	return h->due > h->frozen_until ? h->due : h->frozen_until;
}
