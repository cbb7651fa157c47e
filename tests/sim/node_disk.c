/* SPDX-License-Identifier: BSD-2-Clause */
/* What a disk's shell does. */
#include "base/assert.h"
#include "sim/mutant.h"
#include "sim/sim.h"
#include "target/core.h"

#include <stdio.h>
#include <string.h>

#define RETRY_FIRST_NS  (20 * NS_PER_MS)
#define RETRY_MOST_NS   (1 * NS_PER_S)
#define ATTACH_LIMIT_NS (5 * NS_PER_S)

static void identity(unsigned i, uint8_t *uuid, char *name, size_t n)
{
	memset(uuid, (int)(0xd0 + i), UUID_LEN);
	snprintf(name, n, "disk%u", i);
}

void disk_node_start(struct sim *s, unsigned i)
{
	struct sim_disk *d = &s->d[i];
	struct tgt_config cfg = {.lu.block_size = SIM_BLOCK,
	                         .lu.blocks = s->blocks,
	                         .queue_depth = s->queue_depth,
	                         .unarmed = d->unarmed,
	                         .boot = disk_boot(d),
	                         .xfer = s->xfer,
	                         .lu.saved = {d->store.saved, d->store.n_saved}};
	char why[256];

	identity(i, cfg.lu.uuid, cfg.lu.name, sizeof(cfg.lu.name));
	d->t = tgt_new(&cfg, why, sizeof(why));
	if (!d->t)
		sim_fail(s, "disk %u does not start: %s", i, why);
	d->store.dead = false;
	d->link = DISK_WAITING;
	d->retry_at = s->now;
	d->pause = RETRY_FIRST_NS;
	d->deadline = NS_NEVER;
	d->frozen_until = 0;
	d->changed = true;
	d->dying = false;
	SAY(s, "disk %u is there", i);
}

static void hang_up(struct sim *s, unsigned i)
{
	struct sim_disk *d = &s->d[i];

	d->changed = true;
	if (d->conn)
		net_close(s, d->conn, false);
	d->conn = NULL;
}

void disk_node_kill(struct sim *s, unsigned i, bool power)
{
	struct sim_disk *d = &s->d[i];

	d->changed = true;
	SAY(s, "disk %u: %s", i, power ? "power cut" : "killed");
	if (d->t) {
		if (d->conn && (power || sim_chance(&s->net, 2)))
			net_cut(s, d->conn, false, true);
		if (d->conn)
			net_keep(s, d->conn);
		hang_up(s, i);
		store_killed(s, i);
		tgt_free(d->t);
	}
	d->t = NULL;
	d->units = 0;
	d->link = DISK_OFF;
	d->life++;
	d->frozen_until = 0;
	if (power)
		store_power_cut(s, i);
}

void disk_node_free(struct sim *s, unsigned i)
{
	if (s->d[i].t)
		tgt_free(s->d[i].t);
	s->d[i].t = NULL;
	store_free(s, i);
}

static void send(struct sim *s, unsigned i, const struct wire_frame *f)
{
	struct sim_disk *d = &s->d[i];

	if (!d->conn)
		return;
	d->changed = true;
	net_send(s, d->conn, true, f);
	if (d->heartbeat_ns)
		d->ping_at = s->now + d->heartbeat_ns / 3;
}

static void died(struct sim *s, unsigned i)
{
	sim_mark(s, MARK_DISK_DIED);
	disk_node_kill(s, i, false);
	sim_at(s, s->now + sim_about(&s->fault, 50 * NS_PER_MS), SIM_DISK_UP, i, s->d[i].life);
}

static void step(struct sim *s, unsigned i, struct tgt_event ev)
{
	struct sim_disk *d = &s->d[i];
	struct tgt_actions out;

	ev.now = s->now;
	d->changed = true;
	sim_overlapped = false;
	tgt_step(d->t, &ev, &out);
	if (sim_overlapped)
		sim_fail(s, "disk %u: a command came under the tag of one that it still has", i);
	bool check = sim_stepped(s);
	for (unsigned k = 0; k < out.n; k++) {
		const struct tgt_action *a = &out.v[k];
		if (a->kind == TGT_DIE) {
			died(s, i);
			return;
		}
		if (a->kind == TGT_SEND)
			send(s, i, &a->frame);
		else
			store_do(s, i, a);
	}
	if (check)
		tgt_check(d->t);
	d->deadline = tgt_deadline(d->t);
}

static void wait_again(struct sim *s, unsigned i)
{
	struct sim_disk *d = &s->d[i];

	d->changed = true;
	d->link = DISK_WAITING;
	d->retry_at = s->now + d->pause;
	d->pause = d->pause * 3 / 2 < RETRY_MOST_NS ? d->pause * 3 / 2 : RETRY_MOST_NS;
}

static void unlink_conn(struct sim *s, unsigned i)
{
	struct sim_disk *d = &s->d[i];
	bool was_up = d->link == DISK_UP;

	d->changed = true;
	hang_up(s, i);
	d->heartbeat_ns = 0;
	if (was_up)
		step(s, i, (struct tgt_event){.kind = TGT_EV_DETACHED});
	if (d->t)
		wait_again(s, i);
}

void disk_node_closed(struct sim *s, unsigned i)
{
	unlink_conn(s, i);
}

static void attached(struct sim *s, unsigned i, const struct wire_attached *a)
{
	struct sim_disk *d = &s->d[i];

	if (d->link != DISK_ASKED)
		return;
	d->link = DISK_UP;
	d->epoch = a->epoch;
	d->bus_life = s->bus.life;
	d->pause = RETRY_FIRST_NS;
	d->heartbeat_ns = a->heartbeat_ms * NS_PER_MS;
	d->ping_at = s->now + d->heartbeat_ns / 3;
	SAY(s, "disk %u is attached, epoch %u", i, a->epoch);
	step(s, i, (struct tgt_event){.kind = TGT_EV_ATTACHED, .attached = a});
	if (s->quiet)
		disk_node_forgive(s, i);
}

void disk_node_frame(struct sim *s, unsigned i, const struct wire_frame *f)
{
	struct wire_frame pong = {.type = WIRE_PONG};

	if (f->type == WIRE_ATTACHED) {
		attached(s, i, &f->attached);
	} else if (f->type == WIRE_REFUSED) {
		SAY(s, "disk %u is refused: %s", i, f->error.text);
		s->d[i].pause = RETRY_MOST_NS;
		unlink_conn(s, i);
	} else if (f->type == WIRE_ERROR) {
		SAY(s, "disk %u: error: %s", i, f->error.text);
	} else if (f->type == WIRE_PING) {
		pong.ping.cookie = f->ping.cookie;
		send(s, i, &pong);
	} else if (s->d[i].link == DISK_UP) {
		step(s, i, (struct tgt_event){.kind = TGT_EV_FRAME, .frame = f});
	}
}

void disk_node_stored(struct sim *s, unsigned i, uint32_t op)
{
	struct tgt_event ev;
	struct block *b;

	if (!store_done(s, i, op, &ev))
		return;
	b = ev.kind == TGT_EV_STORE_DONE ? ev.store.block : NULL;
	step(s, i, ev);
	block_unref(b);
}

static void dial(struct sim *s, unsigned i)
{
	struct sim_disk *d = &s->d[i];
	struct wire_frame f = {
	        .type = WIRE_ATTACH,
	        .attach = {.version = WIRE_VERSION, .role = ROLE_TARGET, .id = d->id}};

	d->conn = net_dial(s, i);
	if (!d->conn) {
		wait_again(s, i);
		return;
	}
	identity(i, f.attach.uuid, f.attach.name, sizeof(f.attach.name));
	d->link = DISK_ASKED;
	d->changed = true;
	d->asked_until = s->now + ATTACH_LIMIT_NS;
	net_send(s, d->conn, true, &f);
}

/* What the attach before asked for has to be done before it attaches again. */
static bool may_dial(const struct sim_disk *d)
{
	return d->link == DISK_WAITING && tgt_store_ops(d->t) == 0;
}

static ns_t due(const struct sim_disk *d)
{
	ns_t at = d->deadline;

	if (!d->t)
		return NS_NEVER;
	if (may_dial(d) && d->retry_at < at)
		at = d->retry_at;
	if (d->link == DISK_ASKED && d->asked_until < at)
		at = d->asked_until;
	if (d->link == DISK_UP && d->heartbeat_ns && d->ping_at < at)
		at = d->ping_at;
	return at > d->frozen_until ? at : d->frozen_until;
}

ns_t disk_node_due(struct sim *s, unsigned i)
{
	struct sim_disk *d = &s->d[i];

	if (d->changed)
		d->due = due(d);
	d->changed = false;
	if (sim_looks(s))
		sm_assert(d->due == due(d));
	return d->due;
}

void disk_node_deadline(struct sim *s, unsigned i)
{
	struct sim_disk *d = &s->d[i];
	static const struct wire_frame ping = {.type = WIRE_PING};

	if (d->deadline <= s->now)
		step(s, i, (struct tgt_event){.kind = TGT_EV_DEADLINE});
	if (!d->t)
		return;
	if (may_dial(d) && d->retry_at <= s->now)
		dial(s, i);
	else if (d->link == DISK_ASKED && d->asked_until <= s->now)
		unlink_conn(s, i);
	else if (d->link == DISK_UP && d->heartbeat_ns && d->ping_at <= s->now)
		send(s, i, &ping);
}

void disk_node_forgive(struct sim *s, unsigned i)
{
	const struct wire_frame clear = {
	        .type = WIRE_MGMT,
	        .mgmt = {.req = 1, .from = SIM_HOST, .to = s->d[i].id, .kind = MGMT_FAULT_CLEAR}};

	if (s->d[i].t && s->d[i].link == DISK_UP)
		step(s, i, (struct tgt_event){.kind = TGT_EV_FRAME, .frame = &clear});
}

/* ---- what others do to its unit ---- */

#define OTHER 15 /* SCSI ID of who reserves it */

static void reserve(struct tgt_lu *lu, bool on)
{
	struct reserve *r = &lu->resv;

	reserve_init(r);
	if (!on)
		return;
	r->registered = 1U << OTHER;
	r->key[OTHER] = 1;
	r->type = RESV_EXCLUSIVE_ACCESS;
	r->holder = OTHER;
}

/* As commands of others would have it; a kill ends it. */
void disk_node_unit(struct sim *s, unsigned i, enum unit_state state, bool on)
{
	static const char *const what[UNIT_STATES] = {"write protected", "stopped", "reserved",
	                                              "claims"};
	struct tgt_lu *lu = s->d[i].t->lu[0];

	SAY(s, "disk %u: %s%s", i, on ? "" : "no longer ", what[state]);
	s->d[i].units ^= 1U << state;
	switch (state) {
	case UNIT_PROTECTED:
		lu->cfg.write_protect = on; /* its switch: SWP would be saved with page 30h */
		break;
	case UNIT_STOPPED:
		lu->stopped = on;
		break;
	case UNIT_RESERVED:
		reserve(lu, on);
		if (!on)
			tgt_lu_attention(lu, WIRE_NO_ID, UA_RESERVATIONS_RELEASED);
		break;
	case UNIT_CLAIMS:
	case UNIT_STATES:
		break;
	}
	step(s, i, (struct tgt_event){.kind = TGT_EV_DEADLINE});
}

bool disk_node_claim(struct sim *s, unsigned i, unsigned other)
{
	const struct mode_mirror *m = disk_node_page(s, i), *its = disk_node_page(s, other);
	struct wire_frame f = {.type = WIRE_MEMBERS, .members.n = 2};

	if (!m || !its || !m->member || !its->member || s->d[i].link != DISK_UP)
		return false;
	SAY(s, "disk %u: claims what disk %u has", i, other);
	f.members.m[0] = (struct wire_member){.group = m->group, .device = m->device};
	f.members.m[1] = (struct wire_member){.group = its->group, .device = its->device};
	send(s, i, &f);
	return true;
}

bool disk_node_started(const struct sim *s, unsigned i)
{
	return s->d[i].t && s->d[i].t->lu[0]->started;
}

const struct mode_mirror *disk_node_page(const struct sim *s, unsigned i)
{
	return s->d[i].t ? &s->d[i].t->lu[0]->modes.saved.mirror : NULL;
}

void disk_node_fault(struct sim *s, unsigned i, const char *spec)
{
	char why[256];

	SAY(s, "disk %u: fault %s", i, spec);
	/* False: it has too many already. */
	if (tgt_fault_add(s->d[i].t, spec, why, sizeof(why)))
		step(s, i, (struct tgt_event){.kind = TGT_EV_DEADLINE});
}
