/* SPDX-License-Identifier: BSD-2-Clause */
#include "sim/net.h"

#include "base/assert.h"
#include "sim/sim.h"

#include <string.h>

#define GENERATION(l) ((l)->handle >> 8)

static uint32_t index_of(const struct sim *s, const struct net_link *l)
{
	return (uint32_t)(l - s->n.link);
}

static struct net_pipe *pipe_of(struct net_link *l, bool to_bus)
{
	return to_bus ? &l->to_bus : &l->to_device;
}

static bool pipe_init(struct net_pipe *p)
{
	*p = (struct net_pipe){.open = true};
	return inbuf_init(&p->in);
}

struct net_link *net_dial(struct sim *s, unsigned device)
{
	struct net_link *l = s->n.link;

	if (!s->bus.b) {
		sim_mark(s, MARK_NET_REFUSED);
		return NULL;
	}
	while (l < s->n.link + NET_LINKS && l->used)
		l++;
	if (l == s->n.link + NET_LINKS) { /* of a server that is stopped */
		sim_mark(s, MARK_NET_REFUSED);
		return NULL;
	}
	l->used = true;
	l->device = device;
	l->id = host_of(s, device) ? (uint8_t)device : s->d[device].id;
	l->handle = index_of(s, l) | ++s->n.generation << 8;
	if (!pipe_init(&l->to_bus) || !pipe_init(&l->to_device))
		sim_fail(s, "out of memory");
	bus_node_open(s, l);
	return l;
}

/* The receiver is stopped: until when. */
static ns_t frozen(struct sim *s, const struct net_link *l, bool to_bus)
{
	if (to_bus)
		return s->bus.frozen_until;
	const struct sim_host *h = host_of(s, l->device);
	return h ? h->frozen_until : s->d[l->device].frozen_until;
}

static void schedule(struct sim *s, struct net_link *l, bool to_bus, bool more)
{
	struct net_pipe *p = pipe_of(l, to_bus);
	ns_t at = s->now + (more ? NS_PER_US : sim_about(&s->net, s->net_delay));

	if (p->scheduled || p->lost)
		return;
	if (sim_strikes(s, MARK_NET_SLOW))
		at += sim_about(&s->inner, 20 * s->net_delay);
	p->scheduled = true;
	sim_at(s, at, SIM_DELIVER, index_of(s, l) << 1 | to_bus, GENERATION(l));
}

void net_send(struct sim *s, struct net_link *l, bool to_bus, const struct wire_frame *f)
{
	struct net_pipe *p = pipe_of(l, to_bus);

	sim_note(s, (uint64_t)f->type << 8 | l->device);
	if (p->lost && !p->told) { /* RST: the far end knows nothing of it */
		p->told = true;
		sim_at(s, s->now + sim_about(&s->net, 100 * s->net_delay), SIM_CLOSED,
		       index_of(s, l) << 1 | !to_bus, GENERATION(l));
	}
	if (!l->used || !p->open || p->fin || p->lost)
		return;
	if (!outq_put(&p->out, f, NULL, -1))
		sim_fail(s, "out of memory");
	schedule(s, l, to_bus, false);
}

void net_close(struct sim *s, struct net_link *l, bool bus_end)
{
	struct net_pipe *mine = pipe_of(l, bus_end), *other = pipe_of(l, !bus_end);

	if (!mine->open)
		return;
	mine->open = false;
	other->fin = true;
	s->n.dead += !other->open;
	if (other->open)
		schedule(s, l, !bus_end, false);
}

/* ---- what is on its way ---- */

static size_t waiting(const struct net_pipe *p)
{
	return p->kept ? p->kept->len - p->kept_at : p->out.bytes;
}

/* The first run of it; its length is 0 when there is none. */
static struct iovec first_run(const struct net_pipe *p)
{
	struct iovec v = {.iov_len = 0};
	int fd;

	if (p->kept)
		return (struct iovec){.iov_base = p->kept->data + p->kept_at,
		                      .iov_len = p->kept->len - p->kept_at};
	(void)outq_peek(&p->out, &v, 1, &fd);
	return v;
}

static void taken(struct net_pipe *p, size_t n)
{
	if (p->kept)
		p->kept_at += n;
	else
		outq_take(&p->out, n);
}

/* Up to n bytes, from the sender's queue to the receiver's buffer; returns how many. */
static size_t carry(struct net_pipe *p, size_t n)
{
	struct iovec from = first_run(p), room[2];

	n = from.iov_len < n ? from.iov_len : n;
	if (n == 0)
		return 0;
	/* Behind a block that is there whole. */
	int k = inbuf_room(&p->in, room) > 1 && room[0].iov_len == 0;
	n = room[k].iov_len < n ? room[k].iov_len : n;
	memcpy(room[k].iov_base, from.iov_base, n);
	inbuf_added(&p->in, n);
	taken(p, n);
	return n;
}

static void forget(struct net_pipe *p)
{
	outq_clear(&p->out);
	block_unref(p->kept);
	p->kept = NULL;
}

void net_keep(struct sim *s, struct net_link *l)
{
	struct net_pipe *p = &l->to_bus;
	struct block *b;
	size_t at = 0;

	if (p->kept || p->out.bytes == 0)
		return;
	b = block_new(p->out.bytes);
	if (!b)
		sim_fail(s, "out of memory");
	while (at < b->len) {
		struct iovec v = first_run(p);
		memcpy(b->data + at, v.iov_base, v.iov_len);
		taken(p, v.iov_len);
		at += v.iov_len;
	}
	outq_clear(&p->out);
	p->kept = b;
	p->kept_at = 0;
}

/* ---- connections that fail ---- */

static void lose(struct sim *s, struct net_pipe *p)
{
	if (waiting(p) > 0 && inbuf_partial(&p->in))
		sim_mark(s, MARK_NET_CUT_INSIDE);
	p->lost = true;
	forget(p);
}

/* A part of what is on its way arrives before the cut: it may be inside a frame. */
static void squeeze(struct sim *s, struct net_pipe *p)
{
	size_t n = waiting(p) > 0 ? (size_t)prng_below(&s->net, waiting(p)) : 0;

	while (n > 0)
		n -= carry(p, n);
}

void net_cut(struct sim *s, struct net_link *l, bool bus_deaf, bool device_deaf)
{
	squeeze(s, &l->to_bus);
	squeeze(s, &l->to_device);
	lose(s, &l->to_bus);
	lose(s, &l->to_device);
	uint32_t what = index_of(s, l) << 1;
	if (!bus_deaf)
		sim_at(s, s->now + sim_about(&s->net, s->net_delay), SIM_CLOSED, what | 1,
		       GENERATION(l));
	if (!device_deaf)
		sim_at(s, s->now + sim_about(&s->net, s->net_delay), SIM_CLOSED, what,
		       GENERATION(l));
}

void net_stall(struct sim *s, struct net_link *l, bool to_bus, ns_t until)
{
	(void)s;
	pipe_of(l, to_bus)->stalled_until = until;
}

static struct net_link *link_of(struct sim *s, uint32_t what, uint32_t generation)
{
	struct net_link *l = &s->n.link[what >> 1];
	return l->used && GENERATION(l) == generation ? l : NULL;
}

static void arrive(struct sim *s, struct net_link *l, bool to_bus, struct wire_frame *f)
{
	sim_note(s, (uint64_t)f->type << 16 | (uint64_t)to_bus << 8 | l->device);
	SAY(s, "%s %u: %s", to_bus ? "bus <-" : "bus ->", l->device,
	    wire_type_name((uint8_t)f->type));
	struct sim_host *h = host_of(s, l->device);
	if (to_bus) {
		bus_node_frame(s, l, f);
	} else if (h) {
		host_node_frame(s, h, f);
	} else {
		if (f->type == WIRE_BURST && f->data && f->data->len > 0 &&
		    sim_strikes(s, MARK_NET_FLIP)) {
			size_t at = (size_t)prng_below(&s->inner, f->data->len);
			f->data->data[at] ^= (uint8_t)(1U << prng_below(&s->inner, 8));
		}
		disk_node_frame(s, l->device, f);
	}
}

/* Frames that are there whole; false: what came is none. */
static bool take_frames(struct sim *s, struct net_link *l, bool to_bus)
{
	struct net_pipe *p = pipe_of(l, to_bus);
	struct wire_frame f;
	char why[256] = "";

	while (p->open) {
		enum inbuf_result r = inbuf_next(&p->in, &f, why, sizeof(why));
		if (r == INBUF_MORE)
			return true;
		if (r != INBUF_FRAME)
			sim_fail(s, "%s of %u are not understood: %s",
			         to_bus ? "bytes" : "bytes to", l->device, why);
		arrive(s, l, to_bus, &f);
	}
	return false;
}

static void hear_closed(struct sim *s, struct net_link *l, bool to_bus)
{
	struct net_pipe *p = pipe_of(l, to_bus);
	struct sim_host *h = host_of(s, l->device);

	if (!p->open)
		return;
	SAY(s, "%s %u hears that its connection is closed", to_bus ? "the bus of" : "device",
	    l->device);
	if (to_bus)
		bus_node_closed(s, l);
	else if (h)
		host_node_closed(s, h);
	else
		disk_node_closed(s, l->device);
}

static void batch(struct sim *s, struct net_link *l, bool to_bus)
{
	struct sim_host *h = host_of(s, l->device);

	if (to_bus)
		bus_node_go_soon(s);
	else if (h)
		host_node_batch(s, h);
}

void net_deliver(struct sim *s, uint32_t what, uint32_t generation)
{
	struct net_link *l = link_of(s, what, generation);
	bool to_bus = what & 1;
	struct net_pipe *p;

	if (!l)
		return;
	p = pipe_of(l, to_bus);
	p->scheduled = false;
	if (!p->open || p->lost)
		return;
	ns_t until = frozen(s, l, to_bus);
	until = p->stalled_until > until ? p->stalled_until : until;
	if (until > s->now) {
		p->scheduled = true;
		sim_at(s, until, SIM_DELIVER, what, generation);
		return;
	}
	size_t n = waiting(p);
	if (n > 1 && sim_strikes(s, MARK_NET_SPLIT))
		n = 1 + (size_t)prng_below(&s->inner, n - 1);
	size_t left = waiting(p) - n;
	while (p->open && waiting(p) > left) {
		(void)carry(p, waiting(p) - left);
		if (!take_frames(s, l, to_bus))
			break;
	}
	if (p->open)
		batch(s, l, to_bus);
	if (p->open && waiting(p) > 0)
		schedule(s, l, to_bus, true);
	else if (p->open && p->fin)
		hear_closed(s, l, to_bus);
}

void net_closed(struct sim *s, uint32_t what, uint32_t generation)
{
	struct net_link *l = link_of(s, what, generation);
	bool to_bus = what & 1;

	if (!l)
		return;
	ns_t until = frozen(s, l, to_bus);
	if (until > s->now) {
		sim_at(s, until, SIM_CLOSED, what, generation);
		return;
	}
	if (pipe_of(l, to_bus)->open && take_frames(s, l, to_bus))
		hear_closed(s, l, to_bus);
}

static void drop(struct net_link *l)
{
	forget(&l->to_bus);
	forget(&l->to_device);
	inbuf_free(&l->to_bus.in);
	inbuf_free(&l->to_device.in);
	l->used = false;
}

void net_reap(struct sim *s)
{
	if (s->n.dead == 0)
		return;
	s->n.dead = 0;
	for (unsigned i = 0; i < NET_LINKS; i++)
		if (s->n.link[i].used && !s->n.link[i].to_bus.open && !s->n.link[i].to_device.open)
			drop(&s->n.link[i]);
}

void net_free(struct sim *s)
{
	for (unsigned i = 0; i < NET_LINKS; i++)
		if (s->n.link[i].used)
			drop(&s->n.link[i]);
}
