/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/disks.h"

#include "base/crc.h"
#include "scsi/cdb.h"
#include "scsi/msg.h"
#include "scsi/phase.h"
#include "scsi/status.h"
#include "sim/medium.h"

#include "unit/checks.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(char *text, const char *fmt, ...)
{
	size_t n = strlen(text);
	va_list ap;
	va_start(ap, fmt);
	int k = vsnprintf(text + n, DISKS_TEXT - n, fmt, ap);
	va_end(ap);
	ck_assert(k >= 0 && (size_t)k < DISKS_TEXT - n);
}

void disks_clear(struct disks *r)
{
	r->trace[0] = r->reports[0] = r->errors[0] = '\0';
}

/* ---- frames as bytes ---- */

static void carry(struct disks *r, uint32_t handle, bool to_bus, const struct wire_frame *f)
{
	struct disks_frame *q = calloc(1, sizeof(*q));
	struct wr w =
	        wr_init(malloc(WIRE_HEADER_LEN + WIRE_HEAD_MAX), WIRE_HEADER_LEN + WIRE_HEAD_MAX);
	wire_put(&w, f);
	ck_assert_msg(wr_ok(&w), "%s", wire_type_name((uint8_t)f->type));
	q->handle = handle;
	q->to_bus = to_bus;
	q->head = w.p;
	q->n = w.n;
	if (f->data) {
		q->data = block_ref(f->data);
	} else if (f->small.n > 0) {
		q->data = block_new(f->small.n);
		memcpy(q->data->data, f->small.p, f->small.n);
	}
	*r->last = q;
	r->last = &q->next;
}

static void decode(const struct disks_frame *q, struct wire_frame *f)
{
	struct wire_header h;
	char why[200] = "";
	ck_assert_msg(wire_header_get(q->head, &h, why, sizeof(why)), "%s", why);
	struct span head = {q->head + WIRE_HEADER_LEN, q->n - WIRE_HEADER_LEN};
	ck_assert_uint_eq(h.data_len, q->data ? q->data->len : 0);
	ck_assert_msg(wire_get(&h, head, q->data, f, why, sizeof(why)), "%s", why);
}

/* ---- targets ---- */

static void store(struct disks_target *n, const struct tgt_action *a)
{
	const struct medium m = {n->media, NULL, 512, DISKS_BLOCKS, n->tuples};
	struct tgt_event ev = {.kind = TGT_EV_STORE_DONE};
	if (a->kind == TGT_META_SAVE) {
		ev = (struct tgt_event){.kind = TGT_EV_META_DONE};
		ev.meta.op = a->op;
		ev.meta.ok = true;
	} else {
		ev.store.op = a->op;
		medium_do(&m, a, a->blocks, &ev);
	}
	ck_assert_uint_lt(n->n_done, ARRAY_LEN(n->done));
	n->done[n->n_done++] = ev;
}

static void perform(struct disks_target *n, const struct tgt_actions *out)
{
	for (unsigned i = 0; i < out->n; i++) {
		const struct tgt_action *a = &out->v[i];
		if (a->kind == TGT_DIE) {
			disks_kill(n->rig, (unsigned)(n - n->rig->target));
			return;
		}
		if (a->kind != TGT_SEND)
			store(n, a);
		else if (n->handle)
			carry(n->rig, n->handle, true, &a->frame);
	}
}

static void target_step(struct disks_target *n, struct tgt_event *ev)
{
	struct tgt_actions out;
	ev->now = n->rig->now;
	tgt_step(n->t, ev, &out);
	tgt_check(n->t);
	perform(n, &out);
	while (n->n_done > 0) {
		struct tgt_event done = n->done[0];
		n->n_done--;
		memmove(n->done, n->done + 1, n->n_done * sizeof(n->done[0]));
		struct block *b = done.kind == TGT_EV_STORE_DONE ? done.store.block : NULL;
		target_step(n, &done);
		block_unref(b);
	}
}

static void target_frame(struct disks_target *n, const struct wire_frame *f)
{
	struct tgt_event ev = {.kind = TGT_EV_FRAME};
	if (f->type == WIRE_ERROR || f->type == WIRE_REFUSED) {
		say(n->rig->errors, "%s; ", f->error.text);
		return;
	}
	if (f->type == WIRE_ATTACHED) {
		ev.kind = TGT_EV_ATTACHED;
		ev.attached = &f->attached;
	} else {
		ev.frame = f;
	}
	target_step(n, &ev);
}

/* ---- the initiator ---- */

static void say_status(struct disks *r, const struct wire_tenure *t)
{
	struct rd m = rd_init(t->msg_in.p, t->msg_in.n);
	struct scsi_msg msg;
	while (rd_left(&m) > 0 && scsi_msg_get(&m, &msg)) {
		if (msg.kind == MSG_SIMPLE)
			say(r->reports, " tag %u", msg.tag);
		if (msg.kind != MSG_EXT_MIRROR)
			continue;
		say(r->reports, " device %u op %u", msg.mirror.device, msg.mirror.op);
		struct scsi_sense s;
		if (scsi_sense_get((struct span){msg.mirror.sense, msg.mirror.sense_len}, &s))
			say(r->reports, " %x/%x/%x", s.key, s.asc, s.ascq);
	}
	if (t->has_status)
		say(r->reports, " %s", scsi_status_name(t->status));
}

static void report(struct disks *r, const struct wire_tenure *t)
{
	static const char *const legs[] = {"?",       "taken", "declined",   "no taker",
	                                   "timeout", "cut",   "not reached"};
	if (t->reselected)
		say(r->reports, "from %u:", t->target);
	else
		say(r->reports, "script %u: %s", t->script, wire_outcome_name(t->outcome));
	for (unsigned i = 0; i < t->n_legs; i++)
		say(r->reports, "%s %u:%s", i ? "," : "", t->legs[i].device,
		    legs[t->legs[i].result]);
	say_status(r, t);
	say(r->reports, "; ");
}

static void initiator_frame(struct disks *r, const struct wire_frame *f)
{
	if (f->type == WIRE_TENURE)
		report(r, &f->tenure);
	else if (f->type == WIRE_ERROR || f->type == WIRE_REFUSED)
		say(r->errors, "initiator: %s; ", f->error.text);
	else if (f->type == WIRE_RESET)
		say(r->reports, "reset; ");
}

/* ---- the bus ---- */

/* "BUS FREE" of a bus that is free is no news; times are not looked at. */
static void say_trace(struct disks *r, const struct bus_trace *e)
{
	say(r->trace, "%s", scsi_phase_name(e->phase));
	if (e->driver != WIRE_NO_ID)
		say(r->trace, " %u/%x", e->driver, e->bsy);
	say(r->trace, "; ");
}

static void bus_event(struct disks *r, struct bus_event ev, bool *more)
{
	struct bus_actions out;
	ev.now = r->now;
	bus_step(r->bus, &ev, &out);
	bus_check(r->bus);
	for (unsigned i = 0; i < out.n; i++)
		if (out.action[i].kind == BUS_ACT_SEND)
			carry(r, out.action[i].handle, false, &out.action[i].frame);
	for (unsigned i = 0; i < out.n_trace; i++)
		say_trace(r, &out.trace[i]);
	if (more)
		*more = out.more;
}

static void deliver(struct disks *r, const struct disks_frame *q)
{
	struct wire_frame f;
	decode(q, &f);
	if (q->to_bus) {
		bus_event(
		        r,
		        (struct bus_event){.kind = BUS_EV_FRAME, .handle = q->handle, .frame = &f},
		        NULL);
		return;
	}
	if (q->handle == r->ini)
		initiator_frame(r, &f);
	for (unsigned i = 0; i < DISKS_TARGETS; i++)
		if (r->target[i].handle == q->handle)
			target_frame(&r->target[i], &f);
}

/* Until nothing is on its way and the bus has nothing to do. */
static void run(struct disks *r)
{
	bool more = true;
	while (r->first || more) {
		struct disks_frame *q = r->first;
		if (!q) {
			bus_event(r, (struct bus_event){.kind = BUS_EV_GO}, &more);
			continue;
		}
		r->first = q->next;
		if (!r->first)
			r->last = &r->first;
		deliver(r, q);
		block_unref(q->data);
		free(q->head);
		free(q);
		more = true;
	}
}

void disks_wait(struct disks *r)
{
	ns_t at = bus_deadline(r->bus);
	ck_assert(at != NS_NEVER);
	r->now = at > r->now ? at : r->now;
	bus_event(r, (struct bus_event){.kind = BUS_EV_DEADLINE}, NULL);
	run(r);
}

static uint32_t connect(struct disks *r, uint32_t slot, uint8_t role, uint8_t id)
{
	struct wire_frame f = {.type = WIRE_ATTACH};
	uint32_t handle = slot | ++r->generation << 8;
	bus_event(r, (struct bus_event){.kind = BUS_EV_OPEN, .handle = handle}, NULL);
	f.attach = (struct wire_attach){.version = WIRE_VERSION, .role = role, .id = id};
	f.attach.uuid[0] = (uint8_t)(id + 1);
	carry(r, handle, true, &f);
	return handle;
}

void disks_attach(struct disks *r, unsigned target)
{
	r->target[target].handle = connect(r, target, ROLE_TARGET, (uint8_t)target);
	run(r);
}

void disks_kill(struct disks *r, unsigned target)
{
	struct disks_target *n = &r->target[target];
	uint32_t handle = n->handle;
	struct tgt_event ev = {.kind = TGT_EV_DETACHED};
	n->handle = 0;
	target_step(n, &ev);
	bus_event(r, (struct bus_event){.kind = BUS_EV_CLOSED, .handle = handle, .why = "killed"},
	          NULL);
}

void disks_fault(struct disks *r, unsigned target, const char *spec)
{
	struct wire_frame f = {.type = WIRE_MGMT};
	f.mgmt = (struct wire_mgmt){.req = 1, .to = (uint8_t)target, .kind = MGMT_FAULT};
	f.mgmt.payload = (struct span){(const uint8_t *)spec, strlen(spec)};
	carry(r, r->ini, true, &f);
	run(r);
}

/* ---- scripts ---- */

static void put_mirror(struct wr *m, enum mirror_function function, const struct disks_op *o,
                       unsigned member)
{
	struct scsi_msg msg = {.kind = MSG_EXT_MIRROR};
	msg.mirror.function = function;
	msg.mirror.group = 1;
	msg.mirror.device = o->device[member];
	msg.mirror.op = o->op;
	msg.mirror.last = function != MIRROR_RELEASE && member + 1 == o->n;
	scsi_msg_put(m, &msg);
}

static uint32_t length_of(const struct disks_op *o)
{
	return o->blocks * (512U + (o->protect ? PROTECT_LEN : 0U));
}

static void put_data(const struct disks_op *o, uint8_t *p)
{
	for (uint32_t i = 0; i < o->blocks; i++) {
		memset(p, o->fill, 512);
		uint16_t guard = (uint16_t)(crc16_guard(p, 512) + o->guard);
		p += 512;
		if (!o->protect)
			continue;
		protect_put(p, (struct protect_tuple){guard, 0x1234, (uint32_t)o->lba + i});
		p += PROTECT_LEN;
	}
}

static void put_operation(struct wr *w, const struct disks_op *o, bool first, uint32_t off,
                          uint32_t crc)
{
	uint8_t bytes[128], cdb[SCSI_CDB_MAX];
	struct scsi_cdb c = {
	        .op = OP_WRITE_16, .lba = o->lba, .blocks = o->blocks, .wrprotect = o->protect};
	struct wr m = wr_init(bytes, sizeof(bytes));
	if (first)
		msg_put_identify(&m, 0, true);
	msg_put_simple(&m, o->tag);
	put_mirror(&m, MIRROR_LEADER, o, 0);
	wire_put_bytes(w, ITEM_MSG_OUT, bytes, m.n);
	wire_put_bytes(w, ITEM_COMMAND, cdb, scsi_cdb_put(&c, cdb));
	wire_put_data(w, ITEM_DATA_OUT, off, length_of(o), crc);
	for (unsigned i = 1; i < o->n; i++) {
		m = wr_init(bytes, sizeof(bytes));
		put_mirror(&m, MIRROR_SELECT, o, i);
		wire_put_bytes(w, ITEM_MSG_OUT, bytes, m.n);
		wire_put_data(w, ITEM_DATA_OUT, off, length_of(o), crc);
	}
}

static void send_script(struct disks *r, uint32_t id, const struct wr *w, struct block *data)
{
	struct wire_frame f = {.type = WIRE_SCRIPT, .data = data};
	ck_assert(wr_ok(w));
	f.script = (struct wire_script){.id = id, .items = {w->p, w->n}};
	carry(r, r->ini, true, &f);
	run(r);
}

void disks_pass(struct disks *r, uint32_t script, const struct disks_op *ops, unsigned n)
{
	uint8_t items[4096], bytes[64];
	struct wr w = wr_init(items, sizeof(items));
	uint32_t total = 0;
	for (unsigned i = 0; i < n; i++)
		total += length_of(&ops[i]);
	struct block *data = block_new(total);
	wire_put_plain(&w, ITEM_SELECT, (uint8_t)(ops[0].device[0] - 1), ITEM_ATN);
	uint32_t off = 0;
	for (unsigned i = 0; i < n; i++) {
		uint32_t len = length_of(&ops[i]);
		put_data(&ops[i], data->data + off);
		put_operation(&w, &ops[i], i == 0, off, crc_data(0, data->data + off, len));
		off += len;
	}
	struct wr m = wr_init(bytes, sizeof(bytes));
	put_mirror(&m, MIRROR_RELEASE, &ops[n - 1], 0);
	wire_put_bytes(&w, ITEM_MSG_OUT, bytes, m.n);
	send_script(r, script, &w, data);
	block_unref(data);
}

void disks_command(struct disks *r, uint32_t script, uint8_t target, uint8_t tag, struct span cdb,
                   struct block *data, uint32_t in_len)
{
	uint8_t items[512], bytes[8];
	struct wr w = wr_init(items, sizeof(items));
	struct wr m = wr_init(bytes, sizeof(bytes));
	msg_put_identify(&m, 0, true);
	msg_put_simple(&m, tag);
	wire_put_plain(&w, ITEM_SELECT, target, ITEM_ATN);
	wire_put_bytes(&w, ITEM_MSG_OUT, bytes, m.n);
	wire_put_bytes(&w, ITEM_COMMAND, cdb.p, cdb.n);
	if (data)
		wire_put_data(&w, ITEM_DATA_OUT, 0, (uint32_t)data->len,
		              crc_data(0, data->data, data->len));
	if (in_len)
		wire_put_data(&w, ITEM_DATA_IN, 0, in_len, 0);
	send_script(r, script, &w, data);
}

void disks_abort(struct disks *r, uint32_t script, uint8_t target, uint8_t tag)
{
	uint8_t items[64];
	struct wr w = wr_init(items, sizeof(items));
	const uint8_t bytes[] = {0xc0, 0x20, tag, 0x0d};
	wire_put_plain(&w, ITEM_SELECT, target, ITEM_ATN);
	wire_put_bytes(&w, ITEM_MSG_OUT, bytes, sizeof(bytes));
	send_script(r, script, &w, NULL);
}

/* ---- creation ---- */

static void make_target(struct disks *r, unsigned i, bool unarmed, uint8_t type)
{
	uint8_t saved[TGT_SAVED_MAX];
	struct wr w = wr_init(saved, sizeof(saved));
	struct mode_mirror m = {.member = true, .device = (uint8_t)(i + 1), .group = 1};
	char why[200];
	mode_mirror_put(&w, &m);
	struct tgt_config c = {
	        .lu.name = "disk",
	        .lu.block_size = 512,
	        .lu.blocks = DISKS_BLOCKS,
	        .queue_depth = 8,
	        .unarmed = unarmed,
	        .xfer = XFER_ULTRA160,
	        .lu.protects = type != 0,
	};
	size_t len = type ? tgt_saved_protection(type, saved, w.n) : w.n;
	c.lu.saved = (struct span){saved, len};
	memset(r->target[i].tuples, 0xff, sizeof(r->target[i].tuples));
	c.lu.uuid[0] = (uint8_t)(i + 1);
	r->target[i].rig = r;
	r->target[i].t = tgt_new(&c, why, sizeof(why));
	ck_assert_msg(r->target[i].t != NULL, "%s", why);
}

struct disks *disks_new(bool unarmed)
{
	static const uint8_t none[DISKS_TARGETS];
	return disks_new_protected(unarmed, none);
}

struct disks *disks_new_protected(bool unarmed, const uint8_t types[DISKS_TARGETS])
{
	static const uint8_t request_sense[] = {0x03, 0, 0, 0, 18, 0};
	struct disks *r = calloc(1, sizeof(*r));
	struct bus_config cfg = bus_config_default();
	cfg.heartbeat_ms = 0;
	r->now = 1000 * NS_PER_S;
	r->last = &r->first;
	r->bus = bus_new(&cfg);
	ck_assert_ptr_nonnull(r->bus);
	bus_trace_on(r->bus, true);
	r->ini = connect(r, DISKS_TARGETS, ROLE_INITIATOR, DISKS_INI);
	run(r);
	for (unsigned i = 0; i < DISKS_TARGETS; i++) {
		make_target(r, i, unarmed, types[i]);
		disks_attach(r, i);
		disks_command(r, 100 + i, (uint8_t)i, 1,
		              (struct span){request_sense, sizeof(request_sense)}, NULL, 18);
	}
	disks_clear(r);
	return r;
}

void disks_free(struct disks *r)
{
	ck_assert(!r->first);
	for (unsigned i = 0; i < DISKS_TARGETS; i++)
		tgt_free(r->target[i].t);
	bus_free(r->bus);
	free(r);
}

bool disks_filled(const struct disks *r, unsigned target, unsigned lba, unsigned blocks,
                  uint8_t with)
{
	for (size_t i = (size_t)lba * 512; i < (size_t)(lba + blocks) * 512; i++)
		if (r->target[target].media[i] != with)
			return false;
	return true;
}
