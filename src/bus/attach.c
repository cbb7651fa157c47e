/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections and ports. An attach is decided at GO, when all ends of connections that
 * were there to read have been read: a device that comes back finds its old port gone.
 */
#include "bus/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- connections ---- */

struct conn *conn_of(struct bus *b, uint32_t handle)
{
	uint32_t slot = BUS_HANDLE_SLOT(handle);
	if (slot >= BUS_CONNS)
		return NULL;
	struct conn *c = &b->conn[slot];
	return c->state != CONN_NONE && c->handle == handle ? c : NULL;
}

void conn_open(struct bus *b, uint32_t handle)
{
	uint32_t slot = BUS_HANDLE_SLOT(handle);
	sm_assert(slot < BUS_CONNS && b->conn[slot].state == CONN_NONE);
	b->conn[slot] = (struct conn){
	        .state = CONN_OPEN, .handle = handle, .id = WIRE_NO_ID, .heard = b->now};
}

void conn_closed(struct bus *b, struct conn *c, const char *why)
{
	bool was_port = c->state == CONN_PORT;

	(void)why;
	c->state = CONN_NONE;
	if (was_port)
		port_down(b, &b->port[c->id]);
}

void conn_attach(struct bus *b, struct conn *c, const struct wire_frame *f)
{
	const struct wire_attach *a = &f->attach;

	if (c->state != CONN_OPEN) {
		refuse(b, c, CODE_BAD_STATE, WIRE_ATTACH, 0, "attached before");
		return;
	}
	if (a->version != WIRE_VERSION) {
		refuse_conn(b, c, CODE_VERSION, WIRE_ATTACH, 0,
		            "protocol version %u is not spoken here, version %d is", a->version,
		            WIRE_VERSION);
		return;
	}
	c->attach = *a;
	c->state = CONN_ATTACHING;
	b->attaching = true;
}

/* ---- attaching ---- */

static uint32_t new_epoch(struct bus *b)
{
	if (++b->next_epoch == 0)
		b->next_epoch = 1;
	return b->next_epoch;
}

static void send_attached(struct bus *b, const struct conn *c, uint32_t epoch)
{
	struct wire_frame *f = act_send(b, c->handle, WIRE_ATTACHED);
	f->attached = (struct wire_attached){
	        .epoch = epoch,
	        .boot = b->cfg.boot,
	        .id = c->attach.id,
	        .heartbeat_ms = b->cfg.heartbeat_ms,
	};
	(void)snprintf(f->attached.profile, sizeof(f->attached.profile), "%s",
	               b->cfg.timing.profile);
}

static void send_port(struct bus *b, const struct port *to, const struct port *p, bool up)
{
	struct wire_frame *f = act_to(b, to, WIRE_PORT);
	f->port = (struct wire_port){.up = up, .id = p->id, .role = p->role, .epoch = p->epoch};
	memcpy(f->port.uuid, p->uuid, UUID_LEN);
	memcpy(f->port.name, p->name, sizeof(f->port.name));
}

/* To all others: this port came or went. */
static void announce(struct bus *b, const struct port *p, bool up)
{
	for (unsigned i = 0; i < WIRE_IDS; i++)
		if (b->port[i].up && &b->port[i] != p)
			send_port(b, &b->port[i], p, up);
}

static void port_up(struct bus *b, struct conn *c)
{
	struct port *p = &b->port[c->attach.id];

	p->up = true;
	p->own = c->attach.own;
	p->role = c->attach.role;
	p->conn = (uint8_t)BUS_HANDLE_SLOT(c->handle);
	p->epoch = new_epoch(b);
	p->refused = 0;
	p->late = p->unwanted = p->waited_in = 0;
	p->fair = 0;
	p->arm = (struct wire_arm){.mode = ARM_NONE};
	p->limits.n = 0;
	p->back_ns = 0;
	p->members = (struct wire_members){.n = 0};
	memcpy(p->uuid, c->attach.uuid, UUID_LEN);
	memcpy(p->name, c->attach.name, sizeof(p->name));
	c->state = CONN_PORT;
	c->id = p->id;
	agree_none(b, p->id);
	send_attached(b, c, p->epoch);
	for (unsigned i = 0; i < WIRE_IDS; i++)
		if (b->port[i].up && &b->port[i] != p)
			send_port(b, p, &b->port[i], true);
	announce(b, p, true);
}

static void uuid_text(const uint8_t u[UUID_LEN], char out[40])
{
	char *p = out;
	for (unsigned i = 0; i < UUID_LEN; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += snprintf(p, 3, "%02x", u[i]);
	}
}

static struct port *holder_of_uuid(struct bus *b, const uint8_t uuid[UUID_LEN])
{
	for (unsigned i = 0; i < WIRE_IDS; i++)
		if (b->port[i].up && memcmp(b->port[i].uuid, uuid, UUID_LEN) == 0)
			return &b->port[i];
	return NULL;
}

static const char *name_of(const struct port *p)
{
	return p->name[0] ? p->name : "a device without a name";
}

/*
 * The port, or another one, is taken by somebody who keeps it. A process that comes back leaves its
 * old connection behind, which has not noticed yet, and takes its place. Where the connection may
 * be another process's, one with a copy of what makes it this device, it gets the port when that
 * one is silent. So it is if either of the two says that it knows its own last attach: who does not
 * say so cannot be told from a stranger.
 */
static bool is_taken(struct bus *b, struct conn *c, const struct port *held,
                     const struct port *same)
{
	const struct wire_attach *a = &c->attach;
	char uuid[40];

	/* What comes back in another role is not the device that went. */
	if (held->up && (same != held || held->role != a->role)) {
		uuid_text(held->uuid, uuid);
		refuse_conn(b, c, CODE_ID_HELD, WIRE_ATTACH, 0,
		            "SCSI ID %u is held by %s (UUID %s)", a->id, name_of(held), uuid);
		return true;
	}
	bool last = a->own && a->epoch == held->epoch && a->boot == b->cfg.boot;
	bool twin = same == held && !last && (a->own || held->own) && limit_silence_ns(b) > 0;
	if (!same || (same == held && !twin))
		return false;
	uuid_text(same->uuid, uuid);
	refuse_conn(b, c, CODE_UUID_HELD, WIRE_ATTACH,
	            twin ? (uint32_t)(limit_silence_ns(b) / NS_PER_MS) : 0,
	            "UUID %s is attached on SCSI ID %u already, as %s%s", uuid, same->id,
	            name_of(same), twin ? ", by another process" : "");
	return true;
}

/* Its ID has kept the bus from others again and again. Initiators never do. */
static bool is_barred(struct bus *b, struct conn *c)
{
	const struct port *p = &b->port[c->attach.id];

	if (c->attach.role != ROLE_TARGET || b->now >= p->barred_until)
		return false;
	uint32_t ms = (uint32_t)((p->barred_until - b->now + NS_PER_MS - 1) / NS_PER_MS);
	refuse_conn(b, c, CODE_FLOOD, WIRE_ATTACH, ms,
	            "SCSI ID %u has kept the bus from others %u times of late: not before %u ms "
	            "have passed",
	            c->attach.id, p->fences.n, ms);
	return true;
}

static void attach_device(struct bus *b, struct conn *c)
{
	const struct wire_attach *a = &c->attach;

	if (a->id >= WIRE_IDS) {
		refuse_conn(b, c, CODE_BAD_STATE, WIRE_ATTACH, 0,
		            "a device has a SCSI ID of 0 to %d", WIRE_IDS - 1);
		return;
	}
	struct port *same = holder_of_uuid(b, a->uuid);
	if (is_taken(b, c, &b->port[a->id], same) || is_barred(b, c))
		return;
	if (same)
		refuse_conn(b, &b->conn[same->conn], CODE_SUPERSEDED, 0, 0,
		            "the same device attached anew");
	port_up(b, c);
}

static unsigned taps(const struct bus *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < BUS_CONNS; i++)
		n += b->conn[i].state == CONN_TAP;
	return n;
}

static void attach_tap(struct bus *b, struct conn *c)
{
	if (taps(b) >= BUS_TAPS) {
		refuse_conn(b, c, CODE_FLOOD, WIRE_ATTACH, 0, "%d live taps are there already",
		            BUS_TAPS);
		return;
	}
	c->state = CONN_TAP;
	send_attached(b, c, new_epoch(b));
	act_tap(b, c->handle);
}

void attach_decide(struct bus *b)
{
	if (!b->attaching)
		return;
	b->attaching = false;
	for (unsigned i = 0; i < BUS_CONNS; i++) {
		struct conn *c = &b->conn[i];
		if (c->state != CONN_ATTACHING)
			continue;
		if (!act_room(b)) { /* each is told to all: a crowd takes several turns */
			b->attaching = true;
			b->more = true;
			return;
		}
		if (c->attach.role == ROLE_TAP)
			attach_tap(b, c);
		else
			attach_device(b, c);
	}
}

/* ---- ports ---- */

struct port *port_get(struct bus *b, uint8_t id)
{
	return id < WIRE_IDS && b->port[id].up ? &b->port[id] : NULL;
}

void port_down(struct bus *b, struct port *p)
{
	sm_assert(p->up);
	p->up = false; /* nothing is sent to it from here on */
	mgmt_port_down(b, p);
	if (b->ten.state != TENURE_NONE) {
		if (b->ten.target == p->id || b->ten.init == p->id)
			tenure_lost(b);
		else
			silent_port_lost(b, p);
	}
	burst_drop(p);
	scripts_void(b, p, false);
	scripts_forget_target(b, p->id);
	programs_void(p);
	agree_none(b, p->id);
	p->members.n = 0;
	p->arm.mode = ARM_NONE;
	for (unsigned i = 0; i < WIRE_IDS; i++)
		b->port[i].fair &= (uint16_t)~id_bit(p->id);
	announce(b, p, false);
}

void port_set_arm(struct port *p, const struct wire_arm *a)
{
	p->arm = *a;
}

/* ---- memberships ---- */

static bool claims(const struct wire_members *c, const struct wire_member *m)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->m[i].group == m->group && c->m[i].device == m->device)
			return true;
	return false;
}

/* Who attaches anew each time has not been refused yet; each of these is a line in a log. */
static void tell_conflict(struct bus *b, struct port *p, const struct port *other,
                          const struct wire_member *m)
{
	forgive(&p->news, NEWS_FORGET_NS, b->now);
	if (p->news.n >= NEWS_MAX)
		return;
	p->news.n++;
	tell_error(b, p, CODE_CONFLICT, WIRE_MEMBERS, 0,
	           "device %u of group %u is claimed by %s (ID %u), too", m->device, m->group,
	           name_of(other), other->id);
}

/*
 * Who comes to claim what another one has is told, and it counts as a refusal: who does so again
 * and again floods the other with such news. Who says once more what it said before (a target does
 * so after RST) tells nothing new: another one that has claimed the same does not put it out.
 */
void port_set_members(struct bus *b, struct port *p, const struct wire_members *m)
{
	const struct wire_member *mine = NULL;
	const struct port *theirs = NULL;
	const struct wire_members before = p->members;

	p->members = *m;
	for (unsigned i = 0; i < WIRE_IDS; i++) {
		struct port *other = &b->port[i];
		if (!other->up || other == p)
			continue;
		for (unsigned k = 0; k < p->members.n; k++) {
			if (!claims(&other->members, &p->members.m[k]) ||
			    claims(&before, &p->members.m[k]))
				continue;
			mine = &p->members.m[k];
			theirs = other;
			tell_conflict(b, other, p, mine);
		}
	}
	if (mine)
		refuse(b, &b->conn[p->conn], CODE_CONFLICT, WIRE_MEMBERS, 0,
		       "device %u of group %u is claimed by %s (ID %u), too", mine->device,
		       mine->group, name_of(theirs), theirs->id);
}

/* ---- memory ---- */

/* What is not touched before use: the system gives pages when a port needs them. */
bool port_init(struct bus *b, uint8_t id)
{
	struct port *p = &b->port[id];

	p->id = id; /* the rest is zero */
	TAILQ_INIT(&p->queue);
	TAILQ_INIT(&p->nexuses);
	TAILQ_INIT(&p->free_scripts);
	TAILQ_INIT(&p->programs);
	TAILQ_INIT(&p->free_programs);
	p->scripts = b->scripts + (size_t)id * SCRIPTS_LIVE;
	p->program_slots = b->programs + (size_t)id * PROGRAM_SLOTS;
	p->script_bufs = malloc((SCRIPTS_QUEUED + 1) * sizeof(*p->script_bufs));
	p->program_bufs = malloc(PROGRAM_LARGE * (size_t)WIRE_HEAD_MAX);
	if (!p->script_bufs || !p->program_bufs)
		return false;
	for (unsigned i = 0; i <= SCRIPTS_QUEUED; i++)
		p->free_bufs[p->n_free_bufs++] = &p->script_bufs[i];
	for (unsigned i = 0; i < PROGRAM_LARGE; i++)
		p->free_large[p->n_free_large++] = p->program_bufs + i * (size_t)WIRE_HEAD_MAX;
	return true;
}

void port_fini(struct port *p)
{
	free(p->script_bufs);
	free(p->program_bufs);
}
