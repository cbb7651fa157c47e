/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connection to the bus server:
 *
 *   DOWN --connect--> ATTACHING --ATTACHED--> ATTACHED --closed--> DOWN (again after a delay)
 *
 * A refusal at the first attach ends the daemon: somebody else has the ID, and waiting would only
 * hide that. Later ones (somebody took the ID while the bus server was away) are tried again. One
 * that is superseded ends at any time.
 *
 * Where this device itself has the ID, by another attach than the last one of this process, then an
 * earlier process has it, whose end the bus server has not noticed yet, or a second daemon with a
 * copy of the state directory. The former is found silent in a known time; so long it is tried.
 */
#include "shell/daemon_core.h"

#include "shell/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RETRY_FIRST_NS  (100 * NS_PER_MS)
#define RETRY_MOST_NS   (1 * NS_PER_S)
#define ATTACH_LIMIT_NS (5 * NS_PER_S)
#define TWIN_LIMIT_NS   (3 * 3600 * NS_PER_S) /* whatever the bus server says */
#define OUT_MAX         (512 * MIB)

/* The same trouble again and again is told once. */
static void complain(struct daemon *d, const char *why)
{
	if (strncmp(d->bus_why, why, sizeof(d->bus_why) - 1)) {
		snprintf(d->bus_why, sizeof(d->bus_why), "%s", why);
		if (strncmp(why, d->cfg.bus.text, strlen(d->cfg.bus.text)) == 0)
			log_warning("%s; trying again", why);
		else
			log_warning("%s: %s; trying again", d->cfg.bus.text, why);
	}
}

/* ---- shared memory for data ---- */

/* Blocks that are out keep it; targets of the old attach may still read from it. */
static void drop_ring(struct daemon *d)
{
	ring_unref(d->ring);
	d->ring = NULL;
	d->ring_shared = false;
}

static void offer_ring(struct daemon *d, uint32_t epoch)
{
	struct wire_frame f = {.type = WIRE_RING};
	char why[160];

	if (!d->cfg.ring_bytes || !conn_is_local(d->bus))
		return;
	d->ring = ring_new(epoch, d->cfg.ring_bytes, why, sizeof(why));
	if (d->ring) {
		f.ring = (struct wire_ring){.number = epoch, .bytes = ring_bytes(d->ring)};
		if (conn_send_fd(d->bus, &f, ring_fd(d->ring)))
			return;
		snprintf(why, sizeof(why), "%s", strerror(errno));
	}
	log_notice("no shared memory for data: %s; they go over the socket", why);
	drop_ring(d);
}

static void ring_taken(struct daemon *d, uint32_t number)
{
	if (!d->ring || ring_number(d->ring) != number)
		return;
	d->ring_shared = true;
	(void)ring_set_add(conn_rings_out(d->bus), d->ring);
}

struct block *daemon_bus_block(struct daemon *d, size_t len)
{
	struct block *b = d->ring_shared && len > 0 ? ring_get(d->ring, len) : NULL;

	return b ? b : pool_get(d->pool, len);
}

struct block *daemon_bus_share(struct daemon *d, struct block *b)
{
	struct block *shared = d->ring_shared && b->len > 0 ? ring_get(d->ring, b->len) : NULL;

	if (!shared)
		return b;
	memcpy(shared->data, b->data, b->len);
	block_unref(b);
	return shared;
}

/* The connection is over, or none came about. */
static void down(struct daemon *d, const char *why)
{
	bool was = d->bus_state == BUS_ATTACHED;

	if (d->bus)
		conn_free(d->bus);
	d->bus = NULL;
	d->bus_state = BUS_DOWN;
	d->twin_until = 0;
	drop_ring(d);
	if (!d->draining)
		complain(d, why);
	d->retry_delay = was || !d->retry_delay ? RETRY_FIRST_NS : d->retry_delay * 2;
	if (d->retry_delay > RETRY_MOST_NS)
		d->retry_delay = RETRY_MOST_NS;
	d->retry_at = loop_now() + d->retry_delay;
	if (was) {
		hba_detached(d->hba, loop_now());
		events_note(d, OBJ_BUS, 0, "", false);
	}
	loop_wake(d->loop);
}

/* ---- frames ---- */

static void attached(struct daemon *d, const struct wire_attached *a)
{
	ns_t now = loop_now();

	if (d->bus_state != BUS_ATTACHING)
		return;
	d->bus_state = BUS_ATTACHED;
	d->ever_attached = true;
	d->twin_until = 0;
	d->epoch = a->epoch;
	d->bus_boot = a->boot;
	d->attaches++;
	d->bus_why[0] = '\0';
	d->retry_delay = 0;
	snprintf(d->profile, sizeof(d->profile), "%s", a->profile);
	d->heartbeat_ns = a->heartbeat_ms * NS_PER_MS;
	d->ping_at = d->heartbeat_ns ? now + d->heartbeat_ns / 3 : NS_NEVER;
	log_notice("attached to the bus server at %s as SCSI ID %u", d->cfg.bus.text, a->id);
	offer_ring(d, a->epoch);
	hba_attached(d->hba, a, now);
	events_note(d, OBJ_BUS, 0, "", false);
}

/* Another process is this device: an earlier one, perhaps, which is given the time to be found
 * silent. False: it has had it. */
static bool await_twin(struct daemon *d, const struct wire_error *e)
{
	ns_t now = loop_now(), silence = e->ref * NS_PER_MS, until = d->twin_until;
	char why[WIRE_TEXT_MAX + 64];

	/* Twice: a bus server that was stopped itself begins to listen anew. */
	if (!until)
		until = now + 2 * (silence < TWIN_LIMIT_NS ? silence : TWIN_LIMIT_NS) +
		        2 * RETRY_MOST_NS;
	if (now >= until)
		return false;
	snprintf(why, sizeof(why), "it refuses: %s; waiting for that to be silent", e->text);
	down(d, why);
	d->twin_until = until;
	return true;
}

static void refused(struct daemon *d, const struct wire_error *e)
{
	bool twin = e->code == CODE_UUID_HELD && e->ref != 0;
	char why[WIRE_TEXT_MAX + 64];

	if (twin && await_twin(d, e))
		return;
	/* Superseded: another process is this device now, and would be superseded in its turn. */
	if (twin || e->code == CODE_SUPERSEDED || (!d->ever_attached && e->code != CODE_SHUTDOWN)) {
		log_error("%s refuses: %s%s", d->cfg.bus.text, e->text,
		          twin ? ", which goes on: does it have this state directory, or a copy of "
		                 "it?"
		               : "");
		conn_free(d->bus);
		d->bus = NULL;
		d->bus_state = BUS_DOWN;
		daemon_stop(d, 1);
		return;
	}
	snprintf(why, sizeof(why), "it refuses: %s", e->text);
	down(d, why);
}

static void refused_frame(struct daemon *d, const struct wire_error *e)
{
	log_warning("the bus server refused a frame (%s): %s", wire_code_name(e->code), e->text);
	if (e->frame_type == WIRE_RING && !d->ring_shared)
		drop_ring(d); /* data go over the socket */
}

static void on_frame(void *ctx, const struct wire_frame *f)
{
	struct daemon *d = ctx;

	d->heard_at = loop_now();
	if (f->type == WIRE_ATTACHED) {
		attached(d, &f->attached);
	} else if (f->type == WIRE_REFUSED) {
		refused(d, &f->error);
	} else if (f->type == WIRE_PING) {
		struct wire_frame pong = {.type = WIRE_PONG, .ping = f->ping};

		conn_send(d->bus, &pong);
	} else if (f->type == WIRE_RING) {
		ring_taken(d, f->ring.number);
	} else if (f->type == WIRE_MGMT) {
		if (f->mgmt.answer)
			query_answer(d, &f->mgmt);
	} else if (d->bus_state == BUS_ATTACHED) {
		if (f->type == WIRE_ERROR)
			refused_frame(d, &f->error);
		hba_frame(d->hba, f, d->heard_at);
	}
}

static void on_bad(void *ctx, const char *why)
{
	down(ctx, why);
}

static void on_batch(void *ctx)
{
	struct daemon *d = ctx;

	loop_wake(d->loop);
}

static void on_closed(void *ctx, const char *why)
{
	down(ctx, why);
}

static const struct conn_ops ops = {
        .frame = on_frame, .bad = on_bad, .batch = on_batch, .closed = on_closed};

/* ---- life ---- */

static void attach(struct daemon *d)
{
	struct wire_frame f = {.type = WIRE_ATTACH};
	char why[200];
	int fd = addr_connect(&d->cfg.bus, why, sizeof(why));

	if (fd < 0) {
		down(d, why);
		return;
	}
	d->bus = conn_new(loop_base(d->loop), fd, &ops, d, OUT_MAX);
	if (!d->bus) {
		close(fd);
		down(d, "out of memory");
		return;
	}
	f.attach.version = WIRE_VERSION;
	f.attach.role = ROLE_INITIATOR;
	f.attach.id = d->cfg.id;
	memcpy(f.attach.uuid, d->uuid, UUID_LEN);
	snprintf(f.attach.name, sizeof(f.attach.name), "smirrord");
	f.attach.own = true;
	f.attach.epoch = d->epoch;
	f.attach.boot = d->bus_boot;
	d->bus_state = BUS_ATTACHING;
	d->attach_until = loop_now() + ATTACH_LIMIT_NS;
	conn_send(d->bus, &f);
}

bool daemon_bus_start(struct daemon *d)
{
	d->bus_state = BUS_DOWN;
	d->retry_at = 0;
	d->ping_at = NS_NEVER;
	return true;
}

static void ping(struct daemon *d, ns_t now)
{
	struct wire_frame f = {.type = WIRE_PING, .ping.cookie = now};

	if (now > d->heard_at + conn_silence_limit(d->heartbeat_ns)) {
		down(d, "it is silent");
		return;
	}
	conn_send(d->bus, &f);
	d->ping_at = now + d->heartbeat_ns / 3;
}

void daemon_bus_run(struct daemon *d, ns_t now)
{
	if (d->bus_state == BUS_DOWN && now >= d->retry_at && !d->stopped)
		attach(d);
	else if (d->bus_state == BUS_ATTACHING && now >= d->attach_until)
		down(d, "it does not answer the attach");
	else if (d->bus_state == BUS_ATTACHED && hba_server_lost(d->hba))
		down(d, "it answers neither a cancel nor a reset");
	else if (d->bus_state == BUS_ATTACHED && now >= d->ping_at)
		ping(d, now);
}

ns_t daemon_bus_deadline(const struct daemon *d)
{
	switch (d->bus_state) {
	case BUS_DOWN:
		return d->retry_at;
	case BUS_ATTACHING:
		return d->attach_until;
	case BUS_ATTACHED:
		return d->ping_at;
	}
	return NS_NEVER;
}

bool daemon_bus_output(struct daemon *d)
{
	const struct wire_frame *f;
	bool some = false;

	while ((f = hba_output(d->hba)) != NULL) {
		some = true;
		if (d->bus_state == BUS_ATTACHED)
			conn_send(d->bus, f);
	}
	return some;
}

void daemon_bus_query(struct daemon *d, struct call *c, enum wire_mgmt_kind kind, uint8_t to,
                      const char *payload)
{
	struct wire_frame f = {.type = WIRE_MGMT};

	c->wait = CALL_QUERY;
	c->target = to;
	c->deadline = loop_now() + QUERY_LIMIT_NS;
	c->mgmt_req = ++d->next_mgmt;
	f.mgmt = (struct wire_mgmt){.req = c->mgmt_req,
	                            .from = d->cfg.id,
	                            .to = to,
	                            .kind = (uint8_t)kind,
	                            .payload = {(const uint8_t *)payload, strlen(payload)}};
	conn_send(d->bus, &f);
}
