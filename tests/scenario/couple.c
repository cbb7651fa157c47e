/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/couple.h"

#include "sim/medium.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUR_ID 7

/* Not by Check: programs that are no tests use this, too. */
__attribute__((format(printf, 1, 2), noreturn)) static void broken(const char *format, ...)
{
	va_list ap;

	fputs("couple: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

#define must(cond, ...)                                                                            \
	do {                                                                                       \
		if (!(cond))                                                                       \
			broken(__VA_ARGS__);                                                       \
	} while (0)

/* ---- streams of encoded bytes ---- */

static void pipe_put(struct couple_pipe *q, const void *p, size_t n)
{
	if (n == 0)
		return;
	if (q->n + n > q->cap) {
		q->cap = (q->n + n) * 2;
		q->p = realloc(q->p, q->cap);
		must(q->p, "out of memory");
	}
	memcpy(q->p + q->n, p, n);
	q->n += n;
}

static void pipe_drop(struct couple_pipe *q)
{
	free(q->p);
	*q = (struct couple_pipe){0};
}

static void pipe_frame(struct couple_pipe *q, const struct wire_frame *f)
{
	static uint8_t head[WIRE_HEADER_LEN + WIRE_HEAD_MAX];
	struct wr w = wr_init(head, sizeof(head));

	wire_put(&w, f);
	must(wr_ok(&w), "%s does not fit", wire_type_name((uint8_t)f->type));
	pipe_put(q, head, w.n);
	if (f->data)
		pipe_put(q, f->data->data, f->data->len);
	else
		pipe_put(q, f->small.p, f->small.n);
}

/* Takes the next frame out; its head is in `head`, its data in a block of its own. */
static bool pipe_take(struct couple_pipe *q, uint8_t *head, struct wire_frame *f)
{
	struct wire_header h;
	char why[256];

	if (q->n < WIRE_HEADER_LEN)
		return false;
	must(wire_header_get(q->p, &h, why, sizeof(why)), "%s", why);
	size_t all = WIRE_HEADER_LEN + (size_t)h.head_len + h.data_len;
	must(q->n >= all, "a frame that is cut short");
	memcpy(head, q->p + WIRE_HEADER_LEN, h.head_len);
	struct block *data = NULL;
	if (h.data_len) {
		data = block_new(h.data_len);
		must(data, "out of memory");
		memcpy(data->data, q->p + WIRE_HEADER_LEN + h.head_len, h.data_len);
	}
	memmove(q->p, q->p + all, q->n - all);
	q->n -= all;
	must(wire_get(&h, (struct span){head, h.head_len}, data, f, why, sizeof(why)), "%s", why);
	f->data = data;
	return true;
}

/* ---- the bus ---- */

static struct couple_link *link_at(struct couple *c, unsigned i)
{
	return i < COUPLE_DISKS ? &c->disk[i].link : &c->link;
}

static struct couple_link *link_of(struct couple *c, uint32_t handle)
{
	for (unsigned i = 0; i <= COUPLE_DISKS; i++)
		if (link_at(c, i)->up && link_at(c, i)->handle == handle)
			return link_at(c, i);
	return NULL;
}

static void keep_phase(struct couple *c, const struct bus_trace *t)
{
	if (c->n_trace == COUPLE_PHASES)
		return;
	struct couple_phase *p = &c->trace[c->n_trace++];
	p->t = *t;
	if (p->t.octets.n > sizeof(p->octets))
		p->t.octets.n = sizeof(p->octets);
	if (p->t.octets.n)
		memcpy(p->octets, t->octets.p, p->t.octets.n);
	p->t.octets.p = p->octets;
}

static void hang_up(struct couple *c, struct couple_link *l);
/* The bus server has closed it; what it sent before is still read. */
static void closed(struct couple *c, struct couple_link *l)
{
	l->up = false;
	pipe_drop(&l->to_bus);
	c->n_closed++;
}

static void bus_perform(struct couple *c, const struct bus_actions *out)
{
	for (unsigned i = 0; i < out->n; i++) {
		const struct bus_action *a = &out->action[i];
		struct couple_link *l = link_of(c, a->handle);

		if (!l)
			continue;
		if (a->kind == BUS_ACT_SEND)
			pipe_frame(&l->from_bus, &a->frame);
		else if (a->kind == BUS_ACT_CLOSE)
			closed(c, l);
	}
	for (unsigned i = 0; i < out->n_trace; i++)
		keep_phase(c, &out->trace[i]);
	bus_check(c->bus);
}

static bool bus_event(struct couple *c, enum bus_event_kind kind, uint32_t handle,
                      const struct wire_frame *f)
{
	struct bus_event ev = {.kind = kind, .now = c->now, .handle = handle, .frame = f};
	struct bus_actions out;

	bus_step(c->bus, &ev, &out);
	bool more = out.more;
	bus_perform(c, &out);
	return more;
}

/* All that was sent, then GO until nothing more is to run. */
static bool bus_turn(struct couple *c)
{
	static uint8_t head[WIRE_HEAD_MAX];
	struct wire_frame f;
	bool moved = false;

	for (unsigned i = 0; i <= COUPLE_DISKS; i++) {
		struct couple_link *l = link_at(c, i);
		while (l->up && pipe_take(&l->to_bus, head, &f)) {
			bus_event(c, BUS_EV_FRAME, l->handle, &f);
			block_unref(f.data);
			moved = true;
		}
	}
	if (bus_event(c, BUS_EV_GO, 0, NULL))
		moved = true;
	return moved;
}

static void dial(struct couple *c, struct couple_link *l, uint8_t role, uint8_t id,
                 const uint8_t *uuid, const char *name)
{
	struct wire_frame f = {.type = WIRE_ATTACH,
	                       .attach = {.version = WIRE_VERSION, .role = role, .id = id}};
	unsigned slot = l == &c->link ? COUPLE_DISKS : (unsigned)id;

	must(!l->up, "dialled twice");
	pipe_drop(&l->to_bus);
	pipe_drop(&l->from_bus);
	l->up = true;
	l->handle = slot | ++c->generation << 8;
	bus_event(c, BUS_EV_OPEN, l->handle, NULL);
	memcpy(f.attach.uuid, uuid, UUID_LEN);
	snprintf(f.attach.name, sizeof(f.attach.name), "%s", name);
	pipe_frame(&l->to_bus, &f);
}

static void hang_up(struct couple *c, struct couple_link *l)
{
	if (!l->up)
		return;
	l->up = false;
	pipe_drop(&l->to_bus);
	pipe_drop(&l->from_bus);
	bus_event(c, BUS_EV_CLOSED, l->handle, NULL);
}

/* What nobody expects in these tests unless it says so. */
static void note_error(struct couple *c, const struct wire_frame *f)
{
	if (f->type != WIRE_ERROR && f->type != WIRE_REFUSED)
		return;
	c->n_errors++;
	memcpy(c->why, f->error.text, sizeof(c->why));
}

/* The answer to couple_stats(). */
static void note_stats(struct couple *c, const struct wire_frame *f)
{
	if (f->type != WIRE_MGMT || !f->mgmt.answer || f->mgmt.kind != MGMT_BUS_STATS)
		return;
	must(f->mgmt.code == CODE_OK && wire_stats_get(f->mgmt.payload, &c->stats),
	     "no statistics");
	c->has_stats = true;
}

/* ---- disks ---- */

static void disk_perform(struct couple *c, uint8_t id, const struct tgt_action *a)
{
	struct couple_disk *d = &c->disk[id];
	struct tgt_event ev = {.kind = TGT_EV_STORE_DONE};

	if (d->dead)
		return;
	if (a->kind == TGT_SEND) {
		if (d->link.up)
			pipe_frame(&d->link.to_bus, &a->frame);
		return;
	}
	if (a->kind == TGT_DIE) {
		d->dead = true;
		return;
	}
	if (a->kind == TGT_META_SAVE) {
		must(a->bytes.n <= sizeof(d->saved), "more metadata than allowed");
		memcpy(d->saved, a->bytes.p, a->bytes.n);
		d->n_saved = a->bytes.n;
		ev.kind = TGT_EV_META_DONE;
		ev.meta.op = a->op;
		ev.meta.ok = true;
	} else {
		ev.store.op = a->op;
		ev.store.result = STORE_OK;
		const struct medium m = {d->media, NULL, COUPLE_BLOCK_SIZE,
		                         c->disk_config.lu.blocks, d->tuples};
		medium_do(&m, a, a->blocks, &ev);
	}
	must(d->n_held < COUPLE_HELD, "too many store operations");
	d->held[d->n_held++] = ev;
}

static void disk_event(struct couple *c, uint8_t id, const struct tgt_event *ev)
{
	struct couple_disk *d = &c->disk[id];
	struct tgt_event timed = *ev;
	struct tgt_actions out;

	timed.now = c->now;
	tgt_step(d->t, &timed, &out);
	for (unsigned i = 0; i < out.n; i++)
		disk_perform(c, id, &out.v[i]);
	tgt_check(d->t);
	if (d->dead)
		hang_up(c, &d->link);
}

void couple_release(struct couple *c, uint8_t id)
{
	struct couple_disk *d = &c->disk[id];
	struct tgt_event held[COUPLE_HELD];
	unsigned n = d->n_held;

	memcpy(held, d->held, n * sizeof(held[0]));
	d->n_held = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!d->dead)
			disk_event(c, id, &held[i]);
		if (held[i].kind == TGT_EV_STORE_DONE)
			block_unref(held[i].store.block);
	}
}

static bool disk_turn(struct couple *c, uint8_t id)
{
	static uint8_t head[WIRE_HEAD_MAX];
	struct couple_disk *d = &c->disk[id];
	struct wire_frame f;
	bool moved = false;

	if (!d->t || d->dead)
		return false;
	while (!d->dead && pipe_take(&d->link.from_bus, head, &f)) {
		struct tgt_event ev = {.kind = TGT_EV_FRAME, .frame = &f};
		moved = true;
		note_error(c, &f);
		if (f.type == WIRE_ATTACHED) {
			d->attached = true;
			ev.kind = TGT_EV_ATTACHED;
			ev.attached = &f.attached;
		}
		disk_event(c, id, &ev);
		block_unref(f.data);
	}
	if (d->n_held && !d->slow && !d->dead) {
		couple_release(c, id);
		moved = true;
	}
	if (!d->link.up && d->attached && !d->dead) {
		d->attached = false;
		disk_event(c, id, &(struct tgt_event){.kind = TGT_EV_DETACHED});
		moved = true;
	}
	return moved;
}

/* ---- the host adapter ---- */

static bool hba_turn(struct couple *c)
{
	static uint8_t head[WIRE_HEAD_MAX];
	const struct wire_frame *out;
	struct wire_frame f;
	bool moved = false;

	while (pipe_take(&c->link.from_bus, head, &f)) {
		moved = true;
		note_error(c, &f);
		note_stats(c, &f);
		if (f.type == WIRE_ATTACHED)
			hba_attached(c->h, &f.attached, c->now);
		else
			hba_frame(c->h, &f, c->now);
		hba_check(c->h);
		block_unref(f.data);
	}
	if (hba_deadline(c->h) <= c->now)
		moved = true;
	hba_run(c->h, c->now);
	hba_check(c->h);
	while ((out = hba_output(c->h))) {
		moved = true;
		if (c->link.up)
			pipe_frame(&c->link.to_bus, out);
	}
	return moved;
}

/* ---- all together ---- */

static bool turn(struct couple *c)
{
	bool moved = hba_turn(c);

	moved |= bus_turn(c);
	for (uint8_t id = 0; id < COUPLE_DISKS; id++)
		moved |= disk_turn(c, id);
	return moved;
}

void couple_turns(struct couple *c, unsigned n)
{
	while (n > 0 && turn(c))
		n--;
}

void couple_run(struct couple *c)
{
	for (unsigned n = 0; turn(c); n++)
		must(n < 100000, "it never comes to rest");
}

static ns_t next_deadline(const struct couple *c)
{
	ns_t at = hba_deadline(c->h);
	ns_t bus_at = bus_deadline(c->bus);

	if (bus_at < at)
		at = bus_at;
	if (c->ping_at < at)
		at = c->ping_at;
	for (unsigned id = 0; id < COUPLE_DISKS; id++) {
		const struct couple_disk *d = &c->disk[id];
		ns_t disk_at = d->t && !d->dead ? tgt_deadline(d->t) : NS_NEVER;
		if (disk_at < at)
			at = disk_at;
	}
	return at;
}

/* What the shells of the disks do. */
static void disks_ping(struct couple *c)
{
	static const struct wire_frame ping = {.type = WIRE_PING};

	if (c->now < c->ping_at)
		return;
	c->ping_at = c->now + NS_PER_S;
	for (unsigned id = 0; id < COUPLE_DISKS; id++)
		if (c->disk[id].link.up && !c->disk[id].dead)
			pipe_frame(&c->disk[id].link.to_bus, &ping);
}

static void deadlines(struct couple *c)
{
	disks_ping(c);
	if (bus_deadline(c->bus) <= c->now)
		bus_event(c, BUS_EV_DEADLINE, 0, NULL);
	for (uint8_t id = 0; id < COUPLE_DISKS; id++) {
		struct couple_disk *d = &c->disk[id];
		if (d->t && !d->dead && tgt_deadline(d->t) <= c->now)
			disk_event(c, id, &(struct tgt_event){.kind = TGT_EV_DEADLINE});
	}
	couple_run(c);
}

void couple_wait(struct couple *c, ns_t ns)
{
	ns_t end = c->now + ns;

	couple_run(c);
	for (ns_t at = next_deadline(c); at <= end; at = next_deadline(c)) {
		c->now = at > c->now ? at : c->now + 1;
		deadlines(c);
	}
	c->now = end;
	deadlines(c);
}

/* ---- life ---- */

static void disk_new(struct couple *c, uint8_t id)
{
	struct couple_disk *d = &c->disk[id];
	struct tgt_config cfg = c->disk_config;
	char why[256];

	memset(cfg.lu.uuid, 0xd0 + id, UUID_LEN);
	snprintf(cfg.lu.name, sizeof(cfg.lu.name), "disk%u", id);
	cfg.lu.saved = (struct span){d->saved, d->n_saved};
	d->t = tgt_new(&cfg, why, sizeof(why));
	must(d->t != NULL, "%s", why);
	d->dead = false;
	if (!d->media)
		d->media = calloc(cfg.lu.blocks, COUPLE_BLOCK_SIZE);
	if (!d->tuples)
		d->tuples = calloc(cfg.lu.blocks, PROTECT_LEN);
	must(d->media && d->tuples, "out of memory");
}

void couple_attach(struct couple *c, uint8_t id)
{
	struct couple_disk *d = &c->disk[id];
	uint8_t uuid[UUID_LEN];
	char name[16];

	if (!d->t)
		disk_new(c, id);
	memset(uuid, 0xd0 + id, UUID_LEN);
	snprintf(name, sizeof(name), "disk%u", id);
	dial(c, &d->link, ROLE_TARGET, id, uuid, name);
	couple_run(c);
}

void couple_kill(struct couple *c, uint8_t id)
{
	struct couple_disk *d = &c->disk[id];

	hang_up(c, &d->link);
	for (unsigned i = 0; i < d->n_held; i++)
		if (d->held[i].kind == TGT_EV_STORE_DONE)
			block_unref(d->held[i].store.block);
	d->n_held = 0;
	tgt_free(d->t);
	d->t = NULL;
	d->attached = false;
	couple_run(c);
}

static void new_bus(struct couple *c)
{
	struct bus_config cfg = bus_config_default();
	uint8_t uuid[UUID_LEN];

	cfg.boot = ++c->boot;
	c->bus = bus_new(&cfg);
	must(c->bus, "out of memory");
	bus_trace_on(c->bus, true);
	memset(uuid, 0x77, UUID_LEN);
	dial(c, &c->link, ROLE_INITIATOR, OUR_ID, uuid, "host");
	couple_run(c);
}

void couple_restart_bus(struct couple *c)
{
	for (unsigned i = 0; i <= COUPLE_DISKS; i++) {
		link_at(c, i)->up = false;
		pipe_drop(&link_at(c, i)->to_bus);
		pipe_drop(&link_at(c, i)->from_bus);
	}
	bus_free(c->bus);
	hba_detached(c->h, c->now);
	hba_check(c->h);
	new_bus(c); /* the disks find that theirs is gone */
	for (uint8_t id = 0; id < COUPLE_DISKS; id++) {
		struct couple_disk *d = &c->disk[id];
		if (!d->t || d->dead)
			continue;
		while (d->n_held)
			couple_release(c, id);
		must(tgt_store_ops(d->t) == 0, "store operations are left");
		couple_attach(c, id);
	}
}

void couple_fault(struct couple *c, uint8_t id, const char *spec)
{
	char why[256];

	must(tgt_fault_add(c->disk[id].t, spec, why, sizeof(why)), "%s", why);
	/* Arming follows with the next event. */
	disk_event(c, id, &(struct tgt_event){.kind = TGT_EV_DEADLINE});
	couple_run(c);
}

static bool member_ok, member_done;
static void joined(struct hba_set_member *s, bool ok, const char *why)
{
	(void)s;
	member_done = true;
	member_ok = ok;
	must(ok, "%s", why);
}

void couple_join(struct couple *c, uint8_t id, uint16_t group, uint8_t device)
{
	struct hba_set_member m = {
	        .page = {.member = true, .device = device, .group = group, .generation = 1},
	        .done = joined,
	        .param = block_new(MODE_MIRROR_LEN + 16),
	};

	memset(m.page.group_uuid, 0x66, UUID_LEN);
	member_done = false;
	hba_set_member(c->h, id, &m);
	couple_run(c);
	must(member_done && member_ok, "disk %u did not join", id);
}

const struct wire_stats *couple_stats(struct couple *c)
{
	const struct wire_frame ask = {
	        .type = WIRE_MGMT,
	        .mgmt = {.req = 1, .from = OUR_ID, .to = WIRE_NO_ID, .kind = MGMT_BUS_STATS},
	};

	c->has_stats = false;
	pipe_frame(&c->link.to_bus, &ask);
	couple_run(c);
	must(c->has_stats, "the bus does not answer");
	return &c->stats;
}

void couple_forget(struct couple *c)
{
	c->n_trace = 0;
}

unsigned couple_count(const struct couple *c, enum scsi_phase phase)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n_trace; i++)
		n += c->trace[i].t.phase == phase;
	return n;
}

struct couple *couple_new(unsigned n, bool unarmed, unsigned queue_depth)
{
	return couple_with(&(struct couple_setup){
	        .n = n,
	        .unarmed = unarmed,
	        .queue_depth = queue_depth,
	        .blocks = COUPLE_BLOCKS,
	        .xfer = XFER_ULTRA160,
	        .chain_ns = 10 * NS_PER_MS,
	});
}

struct couple *couple_with(const struct couple_setup *setup)
{
	struct couple *c = calloc(1, sizeof(*c));
	struct hba_config cfg = {
	        .id = OUR_ID,
	        .xfer = setup->xfer,
	        .task_timeout_ns = 10 * NS_PER_S,
	        .status_timeout_ns = 5 * NS_PER_S,
	        .tenure_chain_limit_ns = setup->chain_ns,
	};

	must(c, "out of memory");
	c->now = 100 * NS_PER_S;
	c->disk_config = (struct tgt_config){
	        .lu.block_size = COUPLE_BLOCK_SIZE,
	        .lu.blocks = setup->blocks,
	        .queue_depth = setup->queue_depth,
	        .unarmed = setup->unarmed,
	        .xfer = setup->xfer,
	};
	c->h = hba_new(&cfg);
	must(c->h, "out of memory");
	new_bus(c);
	unsigned n = setup->n;
	for (uint8_t id = 0; n > 0; id++) {
		if (id == OUR_ID)
			continue;
		couple_attach(c, id);
		couple_join(c, id, 1, id);
		n--;
	}
	must(hba_settled(c->h), "the scan does not end");
	return c;
}

void couple_free(struct couple *c)
{
	for (uint8_t id = 0; id < COUPLE_DISKS; id++) {
		if (c->disk[id].t)
			couple_kill(c, id);
		pipe_drop(&c->disk[id].link.to_bus);
		pipe_drop(&c->disk[id].link.from_bus);
		free(c->disk[id].media);
		free(c->disk[id].tuples);
	}
	hba_detached(c->h, c->now);
	hba_run(c->h, c->now);
	hba_check(c->h);
	hba_free(c->h);
	bus_free(c->bus);
	pipe_drop(&c->link.to_bus);
	pipe_drop(&c->link.from_bus);
	free(c);
}
