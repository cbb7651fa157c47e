/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device's side of an attach and of all that follows it, with a bus server that sends whatever it
 * likes: a target's core, or (first bit of the input) the daemon's host adapter. The invariants
 * hold after each step, and each frame that it sends can be encoded.
 *
 * The input behind the first byte is a list of deeds, each a byte (3 bits) and what it needs.
 */
#include "base/assert.h"
#include "fuzz/disk.h"
#include "initiator/hba.h"
#include "shell/inbuf.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define TASKS     4
#define DEEDS_MAX 200

enum deed {
	DEED_STREAM,
	DEED_ATTACHED,
	DEED_PORT,
	DEED_TIME,
	DEED_DETACHED,
	DEED_ANSWER, /* operations of the store that are under way; of the adapter: a task begins */
	DEED_BURST,  /* a command by an armed port; of the adapter: as DEED_STREAM */
	DEED_STREAM_AGAIN
};

struct device {
	ns_t now;
	bool host, up;
	struct inbuf in;
	struct fuzz_disk disk;
	/* the adapter */
	struct hba *h;
	struct hba_task task[TASKS];
	bool busy[TASKS];
};

static struct device d;

static void encode(const struct wire_frame *f)
{
	static uint8_t head[WIRE_HEADER_LEN + WIRE_HEAD_MAX];
	struct wr w = wr_init(head, sizeof(head));

	wire_put(&w, f);
	sm_assert(wr_ok(&w));
}

/* ---- the host adapter ---- */

static void data_came(struct hba_task *t, uint32_t offset, struct block *data, uint32_t len)
{
	sm_assert(len <= data->len && offset <= t->data_in_len && len <= t->data_in_len - offset);
}

static void task_done(struct hba_task *t)
{
	d.busy[t - d.task] = false;
}

static void begin_task(uint8_t how)
{
	unsigned i = how % TASKS;

	if (d.busy[i])
		return;
	d.busy[i] = true;
	d.task[i] = (struct hba_task){.target = how / TASKS % 4,
	                              .cdb = {0x12, 0, 0, 0, 96, 0},
	                              .cdb_len = 6,
	                              .data_in_len = 96,
	                              .data_in = data_came,
	                              .done = task_done};
	hba_task_start(d.h, &d.task[i]);
}

static void adapter_run(void)
{
	const struct wire_frame *f;

	hba_run(d.h, d.now);
	while ((f = hba_output(d.h)))
		encode(f);
	hba_check(d.h);
}

/* ---- both ---- */

static void attached(uint8_t how)
{
	struct wire_attached a = {
	        .epoch = 1 + how % 4, .boot = how / 4, .id = d.host ? 7 : DISK_ID};

	if (d.up)
		return;
	/* As the shells do: not before what was asked for is answered. */
	if (!d.host)
		fuzz_disk_answer(&d.disk);
	d.up = true;
	if (d.host)
		hba_attached(d.h, &a, d.now);
	else
		fuzz_disk_step(&d.disk,
		               (struct tgt_event){.kind = TGT_EV_ATTACHED, .attached = &a});
}

static void detached(void)
{
	if (!d.up)
		return;
	d.up = false;
	inbuf_free(&d.in);
	sm_assert(inbuf_init(&d.in));
	if (d.host)
		hba_detached(d.h, d.now);
	else
		fuzz_disk_step(&d.disk, (struct tgt_event){.kind = TGT_EV_DETACHED});
}

static void frame(const struct wire_frame *f)
{
	if (!d.up || f->type == WIRE_ATTACHED || f->type == WIRE_REFUSED || f->type == WIRE_PING ||
	    f->type == WIRE_RING || (d.host && f->type == WIRE_MGMT))
		return; /* the shells' */
	if (d.host)
		hba_frame(d.h, f, d.now);
	else if (f->type != WIRE_ERROR)
		fuzz_disk_frame(&d.disk, f);
}

static void stream(struct span bytes)
{
	enum inbuf_result r = INBUF_MORE;

	while (d.up && bytes.n > 0) {
		struct iovec v[2];
		struct wire_frame f;
		char why[200] = "";
		(void)inbuf_room(&d.in, v);
		size_t k = bytes.n < v[0].iov_len ? bytes.n : v[0].iov_len;
		memcpy(v[0].iov_base, bytes.p, k);
		inbuf_added(&d.in, k);
		bytes.p += k;
		bytes.n -= k;
		while (d.up && (r = inbuf_next(&d.in, &f, why, sizeof(why))) == INBUF_FRAME)
			frame(&f);
		if (r == INBUF_BAD)
			detached();
	}
}

static void port(uint8_t how)
{
	struct wire_frame f = {.type = WIRE_PORT,
	                       .port = {.up = how & 1,
	                                .id = how >> 1 & 7,
	                                .role = how >> 4 & 1 ? ROLE_INITIATOR : ROLE_TARGET,
	                                .epoch = how >> 5}};

	f.port.uuid[0] = f.port.id;
	frame(&f);
}

/* Of initiator 7, whose epoch is 1: IDENTIFY, and the CDB that the input has. */
static void burst(struct rd *r)
{
	uint8_t items[256], cdb[16];
	uint8_t len = rd_u8(r) % 17;
	struct span rest = rd_bytes(r, len < rd_left(r) ? len : rd_left(r));
	struct wr w = wr_init(items, sizeof(items));
	struct wire_frame f = {.type = WIRE_BURST};

	if (rest.n < 6)
		return;
	memcpy(cdb, rest.p, rest.n);
	wire_put_plain(&w, ITEM_SELECT, 7, ITEM_ATN);
	wire_put_bytes(&w, ITEM_MSG_OUT, "\x80", 1);
	wire_put_bytes(&w, ITEM_COMMAND, cdb, rest.n);
	f.burst = (struct wire_burst){.tenure = 5,
	                              .token = 9,
	                              .role = BURST_TARGET,
	                              .initiator = 7,
	                              .epoch = 1,
	                              .wanted = true,
	                              .items = {items, w.n}};
	frame(&f);
}

static void deed(struct rd *r)
{
	size_t k;
	enum deed what = (enum deed)(rd_u8(r) & 7);

	switch (what) {
	case DEED_STREAM:
	case DEED_STREAM_AGAIN:
		k = rd_u16(r);
		stream(rd_bytes(r, k < rd_left(r) ? k : rd_left(r)));
		break;
	case DEED_ATTACHED:
		attached(rd_u8(r));
		break;
	case DEED_PORT:
		port(rd_u8(r));
		break;
	case DEED_TIME:
		d.now = d.disk.now += (ns_t)rd_u16(r) * NS_PER_MS;
		if (!d.host && tgt_deadline(d.disk.t) <= d.now)
			fuzz_disk_step(&d.disk, (struct tgt_event){.kind = TGT_EV_DEADLINE});
		break;
	case DEED_DETACHED:
		detached();
		break;
	case DEED_ANSWER:
		if (d.host)
			begin_task(rd_u8(r));
		else
			fuzz_disk_answer(&d.disk);
		break;
	case DEED_BURST:
		if (!d.host)
			burst(r);
		break;
	}
	if (d.host)
		adapter_run();
	if (d.host && hba_server_lost(d.h))
		detached();
}

static void make(bool host)
{
	const struct hba_config cfg = {.id = 7,
	                               .xfer = XFER_ULTRA160,
	                               .task_timeout_ns = 10 * NS_PER_S,
	                               .status_timeout_ns = 5 * NS_PER_S};

	d.now = d.disk.now = NS_PER_S;
	d.host = host;
	d.up = false;
	memset(d.busy, 0, sizeof(d.busy));
	sm_assert(inbuf_init(&d.in));
	if (host)
		d.h = hba_new(&cfg);
	else
		fuzz_disk_new(&d.disk, d.now, encode);
	sm_assert(!host || d.h);
}

static void end(void)
{
	if (d.host) {
		detached();
		hba_run(d.h, d.now);
		hba_free(d.h);
	} else {
		fuzz_disk_free(&d.disk);
	}
	inbuf_free(&d.in);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct rd r = rd_init(p, n);

	make(rd_u8(&r) & 1);
	for (unsigned i = 0; i < DEEDS_MAX && rd_left(&r) > 0; i++)
		deed(&r);
	end();
	return 0;
}
