/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/bus_rig.h"

#include "base/assert.h"
#include "base/crc.h"
#include "scsi/status.h"

#include "unit/checks.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing down ---- */

static void say(struct rig *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct rig *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(r->text + r->n, sizeof(r->text) - r->n, fmt, ap);
	va_end(ap);
	ck_assert(n >= 0 && (size_t)n < sizeof(r->text) - r->n);
	r->n += (size_t)n;
}

static void say_message(struct rig *r, const struct scsi_msg *m)
{
	say(r, " %s", scsi_msg_name(m));
	if (m->kind == MSG_SIMPLE)
		say(r, "(%u)", m->tag);
	if (m->kind == MSG_EXT_MIRROR)
		say(r, "(d%u op%u%s)", m->mirror.device, m->mirror.op,
		    m->mirror.last ? " last" : "");
	if (m->kind == MSG_EXT_MIRROR && m->mirror.broadcast)
		say(r, "[%02x]", m->mirror.devices);
}

static void say_messages(struct rig *r, struct span s)
{
	struct rd rd = rd_init(s.p, s.n);
	struct scsi_msg m;
	while (rd_left(&rd) > 0) {
		if (!scsi_msg_get(&rd, &m)) {
			say(r, " ?");
			return;
		}
		say_message(r, &m);
	}
}

static void say_ids(struct rig *r, const char *what, uint16_t mask)
{
	say(r, " %s=", what);
	const char *comma = "";
	for (unsigned i = 0; i < WIRE_IDS; i++) {
		if (mask >> i & 1) {
			say(r, "%s%u", comma, i);
			comma = ",";
		}
	}
}

/* L_Q(type t<tag> l<lun> length), COMMAND(name), DATA(bytes), STATUS(GOOD failure=2 sense=18) */
static void say_unit(struct rig *r, uint8_t kind, uint32_t len, struct span s)
{
	struct rd rd = rd_init(s.p, s.n);
	struct iu_l_q q;
	struct iu_command c;
	struct iu_status u;
	char buf[32];
	uint8_t lun = 0xff;

	if (kind == BUS_UNIT_L_Q && iu_l_q_get(&rd, &q)) {
		(void)iu_l_q_lun(&q, &lun);
		say(r, " L_Q(%s t%u l%u %u)", iu_type_name(q.type), q.tag, lun, q.length);
	} else if (kind == BUS_UNIT_COMMAND && iu_command_get(s, &c) == IU_FAILURE_NONE) {
		const struct scsi_msg attr = {.kind = c.attr}, function = {.kind = c.function};
		say(r, " COMMAND(%s %s%s%s)", scsi_msg_name(&attr),
		    c.function == MSG_NO_OPERATION ? scsi_cdb_name(c.cdb, buf, sizeof(buf))
		                                   : scsi_msg_name(&function),
		    c.rd ? " rd" : "", c.wr ? " wr" : "");
	} else if (kind == BUS_UNIT_STATUS && iu_status_get(s, &u)) {
		say(r, " STATUS(%s", scsi_status_name(u.status));
		if (u.failed)
			say(r, " failure=%u", u.failure);
		if (u.sense.n)
			say(r, " sense=%zu", u.sense.n);
		say(r, ")");
	} else {
		say(r, kind == BUS_UNIT_DATA ? " DATA(%u)" : " ?(%u)", len);
	}
}

static void say_units(struct rig *r, struct span s)
{
	struct rd rd = rd_init(s.p, s.n);

	say(r, ":");
	while (rd_left(&rd) > 0) {
		uint8_t kind = rd_u8(&rd);
		uint32_t len = rd_u32(&rd);
		say_unit(r, kind, len, rd_bytes(&rd, kind == BUS_UNIT_DATA ? 0 : len));
	}
	ck_assert(rd_done(&rd));
}

static void say_trace(struct rig *r, const struct bus_trace *t)
{
	char buf[32];

	say(r, "T%u %s", t->tenure, scsi_phase_name(t->phase));
	switch (t->phase) {
	case PHASE_ARBITRATION:
		say_ids(r, "ids", t->ids);
		say(r, " win=%u", t->winner);
		break;
	case PHASE_SELECTION:
	case PHASE_RESELECTION:
		if (t->ids)
			say_ids(r, "ids", t->ids);
		say(r, t->phase == PHASE_SELECTION ? " %u>%u" : " %u<%u", t->init, t->target);
		say_ids(r, "bsy", t->bsy);
		say_ids(r, "sel", t->sel);
		break;
	case PHASE_COMMAND:
		say(r, " drv=%u %s", t->driver, scsi_cdb_name(t->octets, buf, sizeof(buf)));
		break;
	case PHASE_DATA_OUT:
	case PHASE_DATA_IN:
		say_ids(r, "bsy", t->bsy);
		say(r, " drv=%u %u%s", t->driver, t->bytes,
		    t->crc == BUS_CRC_OK    ? " crc"
		    : t->crc == BUS_CRC_BAD ? " badcrc"
		                            : "");
		if (t->units)
			say_units(r, t->octets);
		break;
	case PHASE_STATUS:
		say(r, " drv=%u %s", t->driver, scsi_status_name(t->status));
		break;
	case PHASE_MESSAGE_OUT:
	case PHASE_MESSAGE_IN:
		say_ids(r, "bsy", t->bsy);
		say(r, " drv=%u", t->driver);
		say_messages(r, t->octets);
		break;
	case PHASE_BUS_FREE:
	case PHASE_RESET:
		break;
	}
	say(r, "%s\n", t->atn ? " atn" : "");
}

static void say_items(struct rig *r, struct span s)
{
	static const char *const names[] = {"?",       "SELECT", "MSG_OUT", "COMMAND", "DATA_OUT",
	                                    "DATA_IN", "STATUS", "MSG_IN",  "FREE",    "LATCH",
	                                    "TOKEN",   "PASS",   "SENSE",   "UNIT"};
	struct rd rd = rd_init(s.p, s.n);
	struct wire_item it;
	say(r, " [");
	for (const char *space = ""; wire_item_get(&rd, &it); space = " ") {
		say(r, "%s%s", space, names[it.kind]);
		if (it.kind == ITEM_DATA_OUT)
			say(r, "(%u)", it.len);
		if (it.flags & ITEM_CUT)
			say(r, "!");
		if (it.flags & ITEM_PARITY)
			say(r, "~");
		if (it.flags & ITEM_PARK)
			say(r, "+");
		if (it.flags & ITEM_UNITS)
			say(r, "#");
	}
	say(r, "]");
}

static void say_tenure(struct rig *r, const struct wire_tenure *t)
{
	static const char *const legs[] = {"?",       "taken", "declined",   "no_taker",
	                                   "timeout", "cut",   "not_reached"};
	say(r, " TENURE s%u T%u %s", t->script, t->tenure, wire_outcome_name(t->outcome));
	if (t->has_status)
		say(r, " status=%02x", t->status);
	if (t->data_out)
		say(r, " out=%u", t->data_out);
	if (t->data_in)
		say(r, " in=%u", t->data_in);
	if (t->msg_in.n)
		say(r, " msg_in:");
	say_messages(r, t->msg_in);
	if (t->unit.n)
		say_unit(r, BUS_UNIT_STATUS, (uint32_t)t->unit.n, t->unit);
	for (unsigned i = 0; i < t->n_legs; i++) {
		say(r, " op%u/d%u", t->legs[i].op, t->legs[i].device);
		if (t->legs[i].port != WIRE_NO_ID)
			say(r, "@%u", t->legs[i].port);
		say(r, ":%s", legs[t->legs[i].result]);
		if (t->legs[i].moved)
			say(r, "(%u)", t->legs[i].moved);
	}
}

static void take_data(struct rig *r, const struct wire_frame *f)
{
	struct span s = f->data ? (struct span){f->data->data, f->data->len} : f->small;
	r->last_data_len = (uint32_t)s.n;
	memset(r->last_data, 0, sizeof(r->last_data));
	if (s.n)
		memcpy(r->last_data, s.p, s.n < sizeof(r->last_data) ? s.n : sizeof(r->last_data));
	if (s.n)
		say(r, " data=%zu", s.n);
}

static int port_of(const struct rig *r, uint32_t handle)
{
	for (int i = 0; i < WIRE_IDS; i++)
		if (r->handle[i] == handle)
			return i;
	return -1;
}

static void say_mgmt(struct rig *r, const struct wire_mgmt *m)
{
	say(r, " MGMT %s %u %u>%u kind=%u code=%s", m->answer ? "answer" : "request", m->req,
	    m->from, m->to, m->kind, wire_code_name(m->code));
	if (m->answer && m->code == CODE_OK && m->kind == MGMT_BUS_STATS)
		ck_assert(wire_stats_get(m->payload, &r->stats));
	else if (m->answer && m->code == CODE_OK && m->kind == MGMT_BUS_SHOW)
		ck_assert(wire_show_get(m->payload, &r->show));
	else
		say(r, " %.*s", (int)m->payload.n, (const char *)m->payload.p);
}

/* What a device is sent. */
static void say_frame(struct rig *r, uint32_t handle, const struct wire_frame *f)
{
	int id = port_of(r, handle);

	if (id >= 0)
		say(r, "%d<", id);
	else
		say(r, "h%u<", BUS_HANDLE_SLOT(handle));
	switch (f->type) {
	case WIRE_BURST:
		say(r, " BURST %s T%u",
		    f->burst.role == BURST_LEADER        ? "leader"
		    : f->burst.role == BURST_PARTICIPANT ? "participant"
		                                         : "target",
		    f->burst.tenure);
		if (f->burst.program)
			say(r, " p%u", f->burst.program);
		say(r, "%s%s", f->burst.wanted ? " wanted" : "", f->burst.atn ? " atn" : "");
		say_items(r, f->burst.items);
		take_data(r, f);
		break;
	case WIRE_TENURE:
		say_tenure(r, &f->tenure);
		take_data(r, f);
		break;
	case WIRE_ERROR:
	case WIRE_REFUSED:
		say(r, " %s %s %u: %s", wire_type_name((uint8_t)f->type),
		    wire_code_name(f->error.code), f->error.ref, f->error.text);
		break;
	case WIRE_PORT:
		say(r, " PORT %u %s", f->port.id, f->port.up ? "up" : "down");
		break;
	case WIRE_RESET:
		say(r, " RESET by %u: %s", f->reset.by, f->reset.text);
		break;
	case WIRE_MGMT:
		say_mgmt(r, &f->mgmt);
		break;
	case WIRE_ATTACHED:
	case WIRE_PONG:
		say(r, " %s", wire_type_name((uint8_t)f->type));
		break;
	case WIRE_ATTACH:
	case WIRE_PING:
	case WIRE_ARM:
	case WIRE_MEMBERS:
	case WIRE_LIMITS:
	case WIRE_SCRIPT:
	case WIRE_CANCEL:
	case WIRE_PROGRAM:
	case WIRE_TRACE:
	case WIRE_RING:
		ck_abort_msg("the server sent %s", wire_type_name((uint8_t)f->type));
	}
	say(r, "\n");
}

/* ---- carrying ---- */

/* As over a stream: what is sent is what the encoded bytes say. */
static void carry(const struct wire_frame *f, uint8_t *buf, size_t cap, struct wire_frame *out)
{
	char why[256] = "";
	struct wr w = wr_init(buf, cap);
	struct wire_header h;

	wire_put(&w, f);
	ck_assert(wr_ok(&w));
	ck_assert_msg(wire_header_get(buf, &h, why, sizeof(why)), "%s", why);
	ck_assert_uint_eq(w.n, WIRE_HEADER_LEN + h.head_len);
	bool good = wire_get(&h, (struct span){buf + WIRE_HEADER_LEN, h.head_len}, f->data, out,
	                     why, sizeof(why));
	ck_assert_msg(good, "%s", why);
	out->small = f->small;
}

/* By its messages: as in came[][][]. */
static unsigned tag_of(struct span messages)
{
	struct rd r = rd_init(messages.p, messages.n);
	struct scsi_msg m;

	while (rd_left(&r) > 0 && scsi_msg_get(&r, &m))
		if (m.kind == MSG_SIMPLE)
			return m.tag;
	return 256;
}

static void note_task(struct rig *r, int id, const struct wire_burst *b)
{
	struct rd items = rd_init(b->items.p, b->items.n);
	struct wire_item it;

	while (b->program == 0 && wire_item_get(&items, &it))
		if (it.kind == ITEM_MSG_OUT || it.kind == ITEM_LATCH)
			r->came[id][b->initiator][tag_of(it.bytes)] = b->tenure;
}

static void sent(struct rig *r, const struct bus_action *a)
{
	static uint8_t buf[WIRE_HEADER_LEN + WIRE_HEAD_MAX];
	struct wire_frame f;
	size_t n = r->n;

	carry(&a->frame, buf, sizeof(buf), &f);
	r->frames++;
	if (f.type == WIRE_ATTACHED && f.attached.id < WIRE_IDS) {
		r->handle[f.attached.id] = a->handle;
		r->epoch[f.attached.id] = f.attached.epoch;
	}
	int id = port_of(r, a->handle);
	if (f.type == WIRE_BURST && f.burst.wanted) {
		r->tenure[id] = f.burst.tenure;
		r->token[id] = f.burst.token;
	}
	if (f.type == WIRE_BURST)
		note_task(r, id, &f.burst);
	if (f.type == WIRE_TENURE && r->n_reports < RIG_REPORTS)
		r->report[r->n_reports++] = f.tenure;
	say_frame(r, a->handle, &f);
	if (!r->sends)
		r->n = n;
}

static void perform(struct rig *r, const struct bus_actions *out)
{
	r->more = out->more;
	for (unsigned i = 0; i < out->n_trace && r->n_phases < RIG_PHASES; i++)
		r->phase[r->n_phases++] = out->trace[i];
	for (unsigned i = 0; i < out->n_trace && r->traces; i++)
		say_trace(r, &out->trace[i]);
	for (unsigned i = 0; i < out->n; i++) {
		const struct bus_action *a = &out->action[i];
		if (a->kind == BUS_ACT_SEND)
			sent(r, a);
		else if (a->kind == BUS_ACT_CLOSE)
			r->open[BUS_HANDLE_SLOT(a->handle)] = false;
		else if (r->sends)
			say(r, "h%u is a tap\n", BUS_HANDLE_SLOT(a->handle));
	}
	for (unsigned i = 0; i < out->n; i++) {
		int id = port_of(r, out->action[i].handle);
		if (out->action[i].kind == BUS_ACT_CLOSE && id >= 0)
			r->handle[id] = 0;
	}
}

static void step(struct rig *r, struct bus_event ev)
{
	struct bus_actions out;

	ev.now = r->now;
	bus_step(r->bus, &ev, &out);
	bus_check(r->bus);
	perform(r, &out);
}

void rig_shutdown(struct rig *r)
{
	struct bus_actions out;

	bus_shutdown(r->bus, r->now, &out);
	bus_check(r->bus);
	perform(r, &out);
}

struct rig *rig_new(const struct bus_config *cfg)
{
	struct bus_config standard = bus_config_default();
	struct rig *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	r->bus = bus_new(cfg ? cfg : &standard);
	ck_assert_ptr_nonnull(r->bus);
	r->now = NS_PER_S;
	r->sends = r->traces = true;
	bus_trace_on(r->bus, true);
	return r;
}

struct rig *rig_disks(unsigned n, uint8_t mode)
{
	struct rig *r = rig_new(NULL);

	rig_group(r, n, mode);
	return r;
}

void rig_free(struct rig *r)
{
	bus_free(r->bus);
	free(r);
}

void rig_end(struct rig *r, struct block *data)
{
	rig_go(r);
	if (data)
		ck_assert_uint_eq(data->refs, 1);
	block_unref(data);
	rig_free(r);
}

uint32_t rig_open(struct rig *r)
{
	uint32_t slot = 0;

	while (slot < BUS_CONNS && r->open[slot])
		slot++;
	ck_assert_uint_lt(slot, BUS_CONNS);
	uint32_t handle = slot | ++r->gen << 8;
	r->open[slot] = true;
	step(r, (struct bus_event){.kind = BUS_EV_OPEN, .handle = handle});
	return handle;
}

bool rig_closed(const struct rig *r, uint32_t handle)
{
	return !r->open[BUS_HANDLE_SLOT(handle)];
}

void rig_frame(struct rig *r, uint32_t handle, const struct wire_frame *f)
{
	static uint8_t buf[WIRE_HEADER_LEN + WIRE_HEAD_MAX];
	struct wire_frame in;

	carry(f, buf, sizeof(buf), &in);
	step(r, (struct bus_event){.kind = BUS_EV_FRAME, .handle = handle, .frame = &in});
	/* Nothing of an event is kept. */
	memset(buf, 0xee, sizeof(buf));
}

void rig_bad(struct rig *r, uint32_t handle, const char *why)
{
	step(r, (struct bus_event){.kind = BUS_EV_BAD, .handle = handle, .why = why});
}

void rig_close(struct rig *r, uint32_t handle)
{
	int id = port_of(r, handle);
	if (id >= 0)
		r->handle[id] = 0;
	r->open[BUS_HANDLE_SLOT(handle)] = false;
	step(r, (struct bus_event){.kind = BUS_EV_CLOSED, .handle = handle, .why = "closed"});
}

void rig_go_once(struct rig *r)
{
	step(r, (struct bus_event){.kind = BUS_EV_GO});
}

void rig_go(struct rig *r)
{
	do
		rig_go_once(r);
	while (r->more);
}

void rig_wait(struct rig *r, ns_t ns)
{
	ns_t end = r->now + ns;

	for (ns_t at; (at = bus_deadline(r->bus)) <= end;) {
		if (at > r->now)
			r->now = at;
		step(r, (struct bus_event){.kind = BUS_EV_DEADLINE});
		rig_go(r);
	}
	r->now = end;
}

/* ---- devices ---- */

void rig_attach_frame(struct rig *r, uint32_t handle, uint8_t id, uint8_t role, const char *name)
{
	struct wire_frame f = {.type = WIRE_ATTACH};
	f.attach = (struct wire_attach){.version = WIRE_VERSION, .role = role, .id = id};
	(void)snprintf(f.attach.name, sizeof(f.attach.name), "%s", name);
	(void)snprintf((char *)f.attach.uuid, sizeof(f.attach.uuid), "%s", name);
	rig_frame(r, handle, &f);
}

void rig_attach(struct rig *r, uint8_t id, uint8_t role, const char *name)
{
	rig_attach_frame(r, rig_open(r), id, role, name);
	rig_go(r);
}

void rig_arm(struct rig *r, uint8_t id, uint8_t mode)
{
	struct wire_frame f = {.type = WIRE_ARM};
	f.arm = (struct wire_arm){.mode = mode, .n_luns = 1};
	f.arm.luns[0] = (struct wire_arm_lun){.block_size = 512,
	                                      .blocks = 1000,
	                                      .max_data = 65536,
	                                      .n_ops = 2,
	                                      .ops = {0x8a, 0x2a}};
	rig_frame(r, r->handle[id], &f);
}

void rig_member(struct rig *r, uint8_t id, uint16_t group, uint8_t device)
{
	struct wire_frame f = {.type = WIRE_MEMBERS};
	f.members = (struct wire_members){.n = 1, .m = {{.group = group, .device = device}}};
	rig_frame(r, r->handle[id], &f);
}

void rig_target(struct rig *r, uint8_t id, uint8_t mode, uint16_t group, uint8_t device)
{
	char name[16];
	(void)snprintf(name, sizeof(name), "disk%u", id);
	rig_attach(r, id, ROLE_TARGET, name);
	rig_arm(r, id, mode);
	rig_member(r, id, group, device);
}

void rig_group(struct rig *r, unsigned n, uint8_t mode)
{
	static const uint8_t ids[] = {2, 4, 5, 6, 8, 9, 10};
	ck_assert_uint_le(n, sizeof(ids));
	for (unsigned i = 0; i < n; i++)
		rig_target(r, ids[i], mode, 1, (uint8_t)i);
	rig_attach(r, 7, ROLE_INITIATOR, "daemon");
	rig_forget(r);
}

void rig_gone(struct rig *r, uint8_t id)
{
	rig_close(r, r->handle[id]);
	rig_go(r);
}

void rig_script(struct rig *r, uint8_t id, uint32_t script, const struct items *items,
                struct block *data)
{
	struct wire_frame f = {.type = WIRE_SCRIPT, .data = data};
	ck_assert(wr_ok(&items->w));
	f.script = (struct wire_script){.id = script, .items = {items->buf, items->w.n}};
	rig_frame(r, r->handle[id], &f);
}

void rig_cancel(struct rig *r, uint8_t id, uint32_t script)
{
	struct wire_frame f = {.type = WIRE_CANCEL, .cancel = {.id = script}};
	rig_frame(r, r->handle[id], &f);
}

void rig_continue(struct rig *r, uint8_t id, const struct items *items, struct block *data)
{
	struct wire_frame f = {.type = WIRE_PROGRAM, .data = data};
	ck_assert(wr_ok(&items->w));
	f.program = (struct wire_program){.kind = PROGRAM_CONTINUE,
	                                  .tenure = r->tenure[id],
	                                  .token = r->token[id],
	                                  .items = {items->buf, items->w.n}};
	rig_frame(r, r->handle[id], &f);
	rig_go(r);
}

void rig_reselect(struct rig *r, uint8_t id, uint8_t initiator, uint32_t program,
                  const struct items *items, struct block *data)
{
	struct wire_frame f = {.type = WIRE_PROGRAM, .data = data};
	struct rd in = rd_init(items->buf, items->w.n);
	struct wire_item first = {0};
	(void)wire_item_get(&in, &first);
	uint32_t came = r->came[id][initiator][tag_of(first.bytes)];
	ck_assert(wr_ok(&items->w));
	f.program = (struct wire_program){.kind = PROGRAM_RESELECT,
	                                  .id = program,
	                                  .tenure = came ? came : 1,
	                                  .initiator = initiator,
	                                  .epoch = r->epoch[initiator],
	                                  .items = {items->buf, items->w.n}};
	rig_frame(r, r->handle[id], &f);
}

void rig_plain(struct rig *r, uint8_t id, uint8_t kind, uint8_t arg)
{
	struct items i;

	it_begin(&i);
	it_plain(&i, kind, arg);
	rig_continue(r, id, &i, NULL);
}

void rig_disconnect(struct rig *r, uint8_t id)
{
	struct items i;

	it_begin(&i);
	it_disconnect(&i);
	rig_continue(r, id, &i, NULL);
}

void rig_complete(struct rig *r, uint8_t id, uint8_t status)
{
	struct items i;

	it_begin(&i);
	it_complete(&i, status);
	rig_continue(r, id, &i, NULL);
}

void rig_status(struct rig *r, uint8_t id, uint8_t initiator, uint32_t program, uint8_t tag,
                uint8_t status)
{
	struct items i;

	it_reconnect(&i, tag);
	it_complete(&i, status);
	rig_reselect(r, id, initiator, program, &i, NULL);
}

void rig_write(struct rig *r, uint8_t target, uint32_t script, uint8_t tag, struct block *data)
{
	struct items i;
	uint32_t len = (uint32_t)data->len;

	it_begin(&i);
	it_select(&i, target);
	it_identify(&i, tag);
	it_write16(&i, 0, len / 512);
	it_data(&i, ITEM_DATA_OUT, 0, len, crc_data(0, data->data, len));
	rig_script(r, 7, script, &i, data);
}

/* A command of 6 bytes with room for data in. */
static void put_command(struct rig *r, uint8_t target, uint32_t script, uint8_t tag, uint8_t opcode,
                        uint32_t room)
{
	struct items i;

	it_begin(&i);
	it_select(&i, target);
	it_identify(&i, tag);
	it_cdb6(&i, opcode, (uint8_t)room);
	if (room)
		it_data(&i, ITEM_DATA_IN, 0, room, 0);
	rig_script(r, 7, script, &i, NULL);
}

void rig_inquiry(struct rig *r, uint32_t script, uint8_t tag, uint32_t room)
{
	put_command(r, 2, script, tag, 0x12, room);
}

void rig_command(struct rig *r, uint8_t target, uint8_t tag, uint8_t opcode, uint32_t room)
{
	put_command(r, target, tag, tag, opcode, room);
}

/* ---- agreements ---- */

static void put_ppr(struct wr *w, struct xfer x)
{
	const struct scsi_msg m = {.kind = MSG_EXT_PPR, .xfer = x};
	scsi_msg_put(w, &m);
}

void rig_negotiate(struct rig *r, uint8_t target, struct xfer offer, struct xfer answer, bool free)
{
	uint8_t out[16], in[16];
	struct wr o = wr_init(out, sizeof(out)), a = wr_init(in, sizeof(in));
	struct items i;

	msg_put_identify(&o, 0, true);
	put_ppr(&o, offer);
	put_ppr(&a, answer);
	it_begin(&i);
	it_select(&i, target);
	it_message(&i, ITEM_MSG_OUT, out, o.n);
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, 100U + target, &i, NULL);
	rig_go(r);
	it_begin(&i);
	it_message(&i, ITEM_MSG_IN, in, a.n);
	if (free) {
		it_plain(&i, ITEM_FREE, 0);
	} else {
		it_plain(&i, ITEM_COMMAND, 0);
		it_complete(&i, 0);
	}
	rig_continue(r, target, &i, NULL);
}

struct xfer rig_xfer(uint8_t options)
{
	return (struct xfer){0x08, 127, 1, options};
}

struct rig *rig_units(uint8_t mode, uint8_t options)
{
	struct bus_config cfg = bus_config_default();

	cfg.tenures_per_go = 1;
	ck_assert(bus_timing_profile(&cfg.timing, "spi4"));
	struct rig *r = rig_new(&cfg);
	rig_group(r, 2, ARM_FRONT);
	rig_negotiate(r, 2, rig_xfer(options), rig_xfer(options), true);
	rig_negotiate(r, 4, rig_xfer(options), rig_xfer(options), true);
	rig_arm(r, 2, mode);
	rig_arm(r, 4, mode);
	rig_forget(r);
	return r;
}

/* ---- comparing ---- */

void rig_forget(struct rig *r)
{
	r->n = 0;
	r->text[0] = '\0';
	r->n_reports = r->n_phases = 0;
}

void rig_expect_at(struct rig *r, const char *want, const char *file, int line)
{
	r->text[r->n] = '\0';
	if (strcmp(r->text, want) != 0)
		ck_abort_msg("%s:%d: happened:\n%swanted:\n%s", file, line, r->text, want);
	rig_forget(r);
}

struct block *rig_block(uint32_t len)
{
	struct block *b = block_new(len);
	ck_assert_ptr_nonnull(b);
	for (uint32_t i = 0; i < len; i++)
		b->data[i] = (uint8_t)(i * 7 + i / 512);
	return b;
}
