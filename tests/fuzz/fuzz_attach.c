/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus server's side of an attach and of all that follows it, with peers that send whatever they
 * like: connections come and go, their streams arrive in pieces, time passes. As the shell does
 * (shell/bus_run.c), what is no frame ends a connection. The core's invariants hold after each
 * step, and each frame that it sends can be encoded.
 *
 * The input is a list of deeds, each a byte: what (3 bits), which connection (the rest), and what
 * it needs behind it.
 */
#include "base/assert.h"
#include "bus/bus.h"
#include "shell/inbuf.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define CONNS     6
#define DEEDS_MAX 200

enum deed {
	DEED_OPEN,
	DEED_STREAM,
	DEED_ATTACH,
	DEED_GO,
	DEED_TIME,
	DEED_CLOSE,
	DEED_ARM,
	DEED_TRACE
};

struct peer {
	bool open;
	uint32_t handle;
	struct inbuf in;
};

struct server {
	struct bus *bus;
	struct peer peer[CONNS];
	uint32_t generation;
	ns_t now;
};

static void drop(struct server *s, uint32_t handle)
{
	for (unsigned i = 0; i < CONNS; i++)
		if (s->peer[i].open && s->peer[i].handle == handle) {
			s->peer[i].open = false;
			inbuf_free(&s->peer[i].in);
		}
}

static void encode(const struct wire_frame *f)
{
	static uint8_t head[WIRE_HEADER_LEN + WIRE_HEAD_MAX];
	struct wr w = wr_init(head, sizeof(head));

	wire_put(&w, f);
	sm_assert(wr_ok(&w));
}

static void step(struct server *s, enum bus_event_kind kind, uint32_t handle,
                 const struct wire_frame *f, const char *why)
{
	struct bus_event ev = {
	        .kind = kind, .now = s->now, .handle = handle, .frame = f, .why = why};
	struct bus_actions out;

	bus_step(s->bus, &ev, &out);
	for (unsigned i = 0; i < out.n; i++) {
		if (out.action[i].kind == BUS_ACT_SEND)
			encode(&out.action[i].frame);
		else if (out.action[i].kind == BUS_ACT_CLOSE)
			drop(s, out.action[i].handle);
	}
	bus_check(s->bus);
}

static void open_peer(struct server *s, unsigned i)
{
	struct peer *p = &s->peer[i];

	if (p->open || !inbuf_init(&p->in))
		return;
	p->open = true;
	p->handle = i | ++s->generation << 8;
	step(s, BUS_EV_OPEN, p->handle, NULL, NULL);
}

static void close_peer(struct server *s, unsigned i)
{
	uint32_t handle = s->peer[i].handle;

	if (!s->peer[i].open)
		return;
	step(s, BUS_EV_CLOSED, handle, NULL, "it closed");
	drop(s, handle);
}

/* Bytes of its stream, and the frames that are whole with them. */
static void stream(struct server *s, unsigned i, struct span bytes)
{
	struct peer *p = &s->peer[i];
	enum inbuf_result r = INBUF_MORE;

	while (p->open && bytes.n > 0) {
		struct iovec v[2];
		struct wire_frame f;
		char why[200] = "";
		(void)inbuf_room(&p->in, v);
		size_t k = bytes.n < v[0].iov_len ? bytes.n : v[0].iov_len;
		memcpy(v[0].iov_base, bytes.p, k);
		inbuf_added(&p->in, k);
		bytes.p += k;
		bytes.n -= k;
		while (p->open && (r = inbuf_next(&p->in, &f, why, sizeof(why))) == INBUF_FRAME)
			step(s, BUS_EV_FRAME, p->handle, &f, "no ring");
		if (p->open && r == INBUF_BAD) {
			sm_assert(why[0]);
			step(s, BUS_EV_BAD, p->handle, NULL, why);
			close_peer(s, i);
		}
	}
}

/* A frame that is right in form. */
static void send(struct server *s, unsigned i, const struct wire_frame *f)
{
	static uint8_t bytes[WIRE_HEADER_LEN + 4096];
	struct wr w = wr_init(bytes, sizeof(bytes));

	wire_put(&w, f);
	sm_assert(wr_ok(&w));
	stream(s, i, (struct span){bytes, w.n});
}

static void attach(struct server *s, unsigned i, uint8_t how)
{
	struct wire_frame f = {.type = WIRE_ATTACH,
	                       .attach = {.version = WIRE_VERSION,
	                                  .role = (uint8_t)(1 + how % 3),
	                                  .id = how % 3 == 2 ? WIRE_NO_ID : how / 3 % 16,
	                                  .name = "peer"}};

	memset(f.attach.uuid, how / 48, UUID_LEN);
	f.attach.uuid[0] = f.attach.id;
	f.attach.own = how >= 128;
	send(s, i, &f);
}

static void arm(struct server *s, unsigned i, uint8_t how)
{
	struct wire_frame members = {.type = WIRE_MEMBERS,
	                             .members = {.n = 1, .m = {{0, 1, (uint8_t)(how / 3)}}}};
	struct wire_frame f = {.type = WIRE_ARM,
	                       .arm = {.mode = how % 3,
	                               .n_luns = 1,
	                               .luns = {{.block_size = 512,
	                                         .blocks = 1024,
	                                         .max_data = 65536,
	                                         .n_ops = 2,
	                                         .ops = {0x2a, 0x8a}}}}};

	send(s, i, &members);
	send(s, i, &f);
}

static void deed(struct server *s, struct rd *r)
{
	uint8_t b = rd_u8(r);
	unsigned i = b >> 3 & 31;
	size_t k;

	i %= CONNS;
	switch ((enum deed)(b & 7)) {
	case DEED_OPEN:
		open_peer(s, i);
		break;
	case DEED_STREAM:
		k = rd_u16(r);
		stream(s, i, rd_bytes(r, k < rd_left(r) ? k : rd_left(r)));
		break;
	case DEED_ATTACH:
		open_peer(s, i);
		attach(s, i, rd_u8(r));
		break;
	case DEED_GO:
		step(s, BUS_EV_GO, 0, NULL, NULL);
		break;
	case DEED_TIME:
		s->now += (ns_t)rd_u16(r) * NS_PER_MS;
		if (bus_deadline(s->bus) <= s->now)
			step(s, BUS_EV_DEADLINE, 0, NULL, NULL);
		break;
	case DEED_CLOSE:
		close_peer(s, i);
		break;
	case DEED_ARM:
		arm(s, i, rd_u8(r));
		break;
	case DEED_TRACE:
		bus_trace_on(s->bus, i & 1);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct server s;
	struct bus_config cfg = bus_config_default();
	struct rd r = rd_init(p, n);

	memset(&s, 0, sizeof(s));
	s.now = NS_PER_S;
	cfg.boot = 7;
	s.bus = bus_new(&cfg);
	if (!s.bus)
		return 0;
	for (unsigned i = 0; i < DEEDS_MAX && rd_left(&r) > 0; i++)
		deed(&s, &r);
	step(&s, BUS_EV_GO, 0, NULL, NULL);
	for (unsigned i = 0; i < CONNS; i++)
		close_peer(&s, i);
	bus_free(s.bus);
	return 0;
}
