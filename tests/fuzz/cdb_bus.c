/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus and its initiators' adapters, as the target's port sees them: bursts that its arming and
 * its limits allow, and answers to its programs.
 */
#include "fuzz/cdb_world.h"

#include "base/assert.h"
#include "base/crc.h"
#include "scsi/msg.h"
#include "scsi/status.h"

#include <stdio.h>
#include <string.h>

#define STRAY_TOKEN 100
#define SENSE_TAG   77
#define ITEMS_BYTES 256

static void act(struct world *w, const struct tgt_action *a);
static void serve(struct world *w);

void world_step(struct world *w, struct tgt_event *ev)
{
	struct tgt_actions out;

	if (w->dead)
		return;
	ev->now = w->now;
	tgt_step(w->t, ev, &out);
	tgt_check(w->t);
	for (unsigned i = 0; i < out.n && !w->dead; i++)
		act(w, &out.v[i]);
	serve(w);
}

static const char *name_of(const struct expected *e, char *buf, size_t n)
{
	return scsi_cdb_name((struct span){e->raw, e->n_raw}, buf, n);
}

static void trace(const struct world *w, const char *what, const struct expected *e, unsigned arg)
{
	char buf[16];

	if (!w->trace)
		return;
	(void)fprintf(stderr, "%u: %s ID %u LUN %u %s", w->tenure, what, FIRST_ID + w->who, w->lun,
	              e ? name_of(e, buf, sizeof(buf)) : "");
	for (size_t i = 0; e && i < e->n_raw; i++)
		(void)fprintf(stderr, "%s%02x", i ? "." : " ", e->raw[i]);
	(void)fprintf(stderr, " %02xh\n", arg);
}

/* A burst or a program, phase by phase. */
static void trace_items(const struct world *w, const char *what, struct span items)
{
	static const char *const names[] = {
	        [ITEM_SELECT] = "SELECT",   [ITEM_MSG_OUT] = "MSG_OUT",
	        [ITEM_COMMAND] = "COMMAND", [ITEM_DATA_OUT] = "DATA_OUT",
	        [ITEM_DATA_IN] = "DATA_IN", [ITEM_STATUS] = "STATUS",
	        [ITEM_MSG_IN] = "MSG_IN",   [ITEM_FREE] = "FREE"};
	struct rd r = rd_init(items.p, items.n);
	struct wire_item it;

	if (!w->trace)
		return;
	(void)fprintf(stderr, "%u: %s", w->tenure, what);
	while (wire_item_get(&r, &it)) {
		(void)fprintf(stderr, " %s %u", it.kind < ARRAY_LEN(names) ? names[it.kind] : "?",
		              it.len);
		for (size_t i = 0; i < it.bytes.n && it.kind != ITEM_COMMAND; i++)
			(void)fprintf(stderr, "%c%02x", i ? '.' : ':', it.bytes.p[i]);
		(void)fprintf(stderr, "%s", it.flags ? "!" : "");
	}
	(void)fprintf(stderr, "\n");
}

static void frame(struct world *w, const struct wire_frame *f)
{
	struct tgt_event ev = {.kind = TGT_EV_FRAME};

	ev.frame = f;
	world_step(w, &ev);
}

/* ---- statuses ---- */

static void ended(struct world *w, uint8_t who, uint8_t lun, struct expected *e, uint8_t status,
                  struct span data)
{
	trace(w, "status", e, status);
	oracle_status(w, lun, e, status, data);
	model_end(w, e, status);
	if (e == w->at) {
		w->n_got = data.n < sizeof(w->got) ? data.n : sizeof(w->got);
		if (w->n_got > 0)
			memcpy(w->got, data.p, w->n_got);
	}
	if (e == &w->sense) {
		w->sense_refused = status != SCSI_GOOD;
		return;
	}
	if (status != SCSI_CHECK_CONDITION)
		return;
	w->naca |= e->known && (e->cdb.control & SCSI_CONTROL_NACA);
	w->unasked[who][lun] = (struct unasked){true, *e, w->now};
	/* QERR */
	for (unsigned i = 0; i < INITIATORS && w->modes; i++)
		for (unsigned tag = 0; tag < TAGS; tag++)
			w->task[i][lun][tag].maybe = true;
}

/* The task that a reconnection names. */
static struct expected *named(struct world *w, uint8_t initiator, struct span messages,
                              uint8_t *lun)
{
	struct rd r = rd_init(messages.p, messages.n);
	struct scsi_msg m;
	unsigned tag = 0;

	sm_assert(initiator >= FIRST_ID && initiator < FIRST_ID + INITIATORS);
	bool ok = scsi_msg_get(&r, &m) && m.kind == MSG_IDENTIFY && m.identify.lun < LUNS;
	sm_assert(ok);
	*lun = m.identify.lun;
	if (rd_left(&r) > 0) {
		ok = scsi_msg_get(&r, &m) && m.kind == MSG_SIMPLE;
		sm_assert(ok && m.tag > 0);
		tag = m.tag;
	}
	sm_assert(tag < TAGS && rd_left(&r) == 0);
	return &w->task[initiator - FIRST_ID][*lun][tag];
}

static struct span data_of(const struct wire_frame *f, const struct wire_item *it)
{
	struct span all = f->data ? (struct span){f->data->data, f->data->len} : f->small;

	sm_assert(it->off <= all.n && it->len <= all.n - it->off);
	sm_assert(crc_data(0, all.p + it->off, it->len) == it->crc);
	return (struct span){all.p + it->off, it->len};
}

static void ask(struct world *w, const struct wire_item *it)
{
	struct asked *a = &w->asked;

	sm_assert(!a->data && !a->message && !a->command);
	if (it->kind == ITEM_DATA_OUT) {
		sm_assert(w->at && it->len > 0 && it->len <= TGT_TRANSFER_MAX);
		a->data = true;
		a->bytes = it->len;
	} else if (it->kind == ITEM_MSG_OUT) {
		a->message = true;
		a->again = it->flags & ITEM_AGAIN;
	} else {
		a->command = true;
	}
}

/* BUS FREE without a status, and not after DISCONNECT: the command is over, if there was one. */
static void unexpected_free(struct world *w, struct expected *e)
{
	if (!e || !e->out)
		return;
	sm_assert(w->wrong || e->maybe);
	model_over(w, e);
}

static void run_program(struct world *w, const struct wire_frame *f)
{
	const struct wire_program *p = &f->program;
	bool again = p->kind == PROGRAM_RESELECT, free = false, said = false;
	struct rd r = rd_init(p->items.p, p->items.n);
	struct wire_item it;
	struct span data = {0};
	struct expected *e = again ? NULL : w->at;
	uint8_t lun = w->lun, who = again ? (uint8_t)(p->initiator - FIRST_ID) : w->who;

	trace_items(w, again ? "reselects" : "goes on", p->items);
	sm_assert(again || (w->open && p->tenure == w->tenure));
	if (!again)
		w->open = false;
	for (unsigned i = 0; wire_item_get(&r, &it); i++) {
		sm_assert(!free); /* BUS FREE is the last phase */
		switch ((enum wire_item_kind)it.kind) {
		case ITEM_MSG_IN:
			sm_assert(it.len > 0);
			if (again && i == 0)
				e = named(w, p->initiator, it.bytes, &lun);
			sm_assert(!again || !e || p->tenure == e->tenure);
			said |= it.bytes.p[it.len - 1] == 0x04; /* DISCONNECT */
			break;
		case ITEM_DATA_IN:
			data = data_of(f, &it);
			break;
		case ITEM_STATUS:
			ended(w, who, lun, e, it.arg, data);
			said = true;
			break;
		case ITEM_DATA_OUT:
		case ITEM_MSG_OUT:
		case ITEM_COMMAND:
			ask(w, &it);
			break;
		case ITEM_FREE:
			free = true;
			break;
		case ITEM_SELECT:
		case ITEM_LATCH:
		case ITEM_TOKEN:
		case ITEM_PASS:
		case ITEM_SENSE: /* of information units */
		case ITEM_UNIT:
			sm_assert(false); /* no phase of a conventional tenure */
			break;
		}
	}
	sm_assert(rd_done(&r));
	if (free && !said)
		unexpected_free(w, e);
	sm_assert(free || w->asked.data || w->asked.message || w->asked.command);
}

/* ---- bursts ---- */

static void send_burst(struct world *w, const struct wr *items, struct block *data, bool wanted)
{
	struct wire_frame f = {.type = WIRE_BURST, .data = data};

	sm_assert(wr_ok(items));
	f.burst = (struct wire_burst){.tenure = w->tenure,
	                              .token = STRAY_TOKEN + w->tenure,
	                              .role = BURST_TARGET,
	                              .initiator = (uint8_t)(FIRST_ID + w->who),
	                              .epoch = 3,
	                              .wanted = wanted,
	                              .items = {items->p, items->n}};
	w->open = wanted;
	trace_items(w, wanted ? "burst, waits" : "burst", f.burst.items);
	frame(w, &f);
}

/* One more phase of the tenure comes with wrong parity. */
static bool goes_wrong(struct world *w)
{
	bool wrong = w->parity & 1;

	w->parity >>= 1;
	w->wrong |= wrong;
	return wrong;
}

/* Block i of e's data. */
static uint8_t byte_of(const struct expected *e, uint32_t i)
{
	const struct scsi_cdb *c = &e->cdb;
	bool same = choose_is_same(c->op) || c->bytchk == 3;
	bool match = c->op == OP_COMPARE_AND_WRITE;

	if (same)
		return e->base;
	if (match && i < c->blocks)
		return (uint8_t)((e->with + c->lba + i) % VALUES);
	return (uint8_t)((e->base + c->lba + i - (match ? c->blocks : 0)) % VALUES);
}

static struct block *data_block(struct world *w, const struct expected *e, uint32_t n)
{
	struct block *b = block_new(n);

	for (uint32_t i = 0; !e->small && i < n; i += BLOCK)
		memset(b->data + i, byte_of(e, i / BLOCK), n - i < BLOCK ? n - i : BLOCK);
	if (e->small && n > 0)
		memcpy(b->data, w->list + w->list_at, n);
	return b;
}

/* The adapter's data, as they were chosen: whole, cut, wrong, none. */
static struct block *put_data(struct world *w, struct wr *items, uint32_t bytes)
{
	struct expected *e = w->at;
	uint32_t at = e->small ? w->list_at : 0;
	uint32_t n = e->out_len - at < bytes ? e->out_len - at : bytes;
	bool parity = goes_wrong(w), wrong = e->how == 5;
	struct block *b = data_block(w, e, n);
	uint8_t flags = (uint8_t)((n < bytes ? ITEM_CUT : 0) | (parity ? ITEM_PARITY : 0));

	e->bad = n < bytes || wrong || parity;
	if (!parity)
		w->list_at += e->small ? n : 0;
	wire_item_put(items, &(struct wire_item){.kind = ITEM_DATA_OUT,
	                                         .len = n,
	                                         .flags = flags,
	                                         .crc = crc_data(0, b->data, n) ^ wrong});
	return b;
}

/* ---- data phases in parts ---- */

/* The most that one phase moves; 0: no limit. */
static uint32_t limit_of(const struct world *w, uint8_t lun)
{
	for (unsigned i = 0; i < w->limits.n; i++)
		if (w->limits.of[i].lun == lun && !w->limits.of[i].hold)
			return w->limits.of[i].out       ? w->limits.of[i].out
			       : w->limits.of[i].connect ? BLOCK
			                                 : 0;
	return 0;
}

/* The phase would be too long: the port disconnects, and the rest of the tenure comes later. */
static bool park(struct world *w, struct wr *items, uint32_t bytes, bool armed)
{
	uint32_t limit = limit_of(w, w->lun);
	unsigned i = 0;

	while (i < PARKED && w->parked[i].on)
		i++;
	if (limit == 0 || bytes <= limit || !(w->msg[0] & 0x40) || i == PARKED || w->at->small)
		return false;
	w->parked[i] = (struct parked){true, armed, w->tenure, w->who, w->lun, w->at, bytes};
	wire_put_plain(items, ITEM_FREE, 0, ITEM_PARK);
	send_burst(w, items, NULL, false);
	return true;
}

/* None that goes on is another one's. */
static void unpark(struct world *w, const struct expected *e)
{
	for (unsigned i = 0; i < PARKED; i++)
		if (w->parked[i].e == e)
			w->parked[i].on = false;
}

void world_resume(struct world *w, unsigned which)
{
	struct parked *p = &w->parked[which % PARKED];
	uint8_t buf[ITEMS_BYTES];
	struct wr items = wr_init(buf, sizeof(buf));
	uint32_t tenure = w->tenure;

	if (!p->on)
		return;
	p->on = false;
	/* Its nexus is the bus's to know; an initiator that has given it up has no data for it. */
	if (!p->e->out)
		return;
	trace(w, "resumed", p->e, 0);
	w->at = p->e;
	w->who = p->who;
	w->lun = p->lun;
	w->tenure = p->tenure;
	w->parity = 0;
	struct block *b = put_data(w, &items, p->bytes);
	if (p->armed)
		wire_put_plain(&items, ITEM_FREE, 0, 0);
	send_burst(w, &items, b, !p->armed);
	block_unref(b);
	world_free_bus(w);
	w->tenure = tenure;
}

/* ---- commands ---- */

static const struct wire_arm_lun *armed_lun(const struct world *w)
{
	for (unsigned i = 0; i < w->arm.n_luns; i++)
		if (w->arm.luns[i].lun == w->lun)
			return &w->arm.luns[i];
	return NULL;
}

/* The port takes the data by itself, and disconnects (bus/arm.c). */
static bool takes_data(const struct world *w, uint32_t *bytes)
{
	const struct wire_arm_lun *l = armed_lun(w);
	const struct expected *e = w->at;
	enum scsi_dir dir;

	if (w->arm.mode != ARM_FULL || !l || !(w->msg[0] & 0x40) || w->n_msg != 3 ||
	    w->msg[1] != 0x20 || !e->known || e->cdb.op == OP_UNKNOWN || w->parity)
		return false;
	uint64_t want = scsi_cdb_data_len(&e->cdb, l->block_size, &dir);
	bool listed = false;
	for (unsigned i = 0; i < l->n_ops; i++)
		listed = listed || l->ops[i] == e->cdb.opcode;
	*bytes = (uint32_t)want;
	return listed && dir == D_OUT && want > 0 && want <= l->max_data && want == e->out_len &&
	       e->cdb.lba <= l->blocks && e->cdb.blocks <= l->blocks - e->cdb.lba;
}

/* True when it came with wrong parity: the target is asked what to do. */
static bool put_cdb(struct world *w, struct wr *items)
{
	bool wrong = goes_wrong(w);
	struct wire_item it = {.kind = ITEM_COMMAND,
	                       .flags = wrong ? ITEM_PARITY : 0,
	                       .len = (uint32_t)w->at->n_raw,
	                       .bytes = {w->at->raw, w->at->n_raw}};
	wire_item_put(items, &it);
	return wrong;
}

/* The same of the messages. */
static bool put_messages(struct world *w, struct wr *items)
{
	bool wrong = goes_wrong(w);
	struct wire_item it = {.kind = ITEM_MSG_OUT,
	                       .flags = wrong ? ITEM_PARITY : 0,
	                       .len = (uint32_t)w->n_msg,
	                       .bytes = {w->msg, w->n_msg}};
	wire_item_put(items, &it);
	return wrong;
}

void world_command(struct world *w)
{
	uint8_t buf[ITEMS_BYTES];
	struct wr items = wr_init(buf, sizeof(buf));
	uint32_t bytes = 0;

	w->at->tenure = ++w->tenure;
	trace(w, "command", w->at, w->n_msg > 2 ? (unsigned)(w->msg[1] << 8 | w->msg[2]) : 0);
	w->has_cdb = true;
	w->wrong = false;
	/* What is done, may be so for one that has no status. */
	uint8_t opcode = w->at->raw[0];
	w->reserves |= opcode == 0x5f || opcode == 0x16 || opcode == 0x56;
	w->modes |= opcode == 0x15 || opcode == 0x55;
	wire_put_plain(&items, ITEM_SELECT, (uint8_t)(FIRST_ID + w->who), ITEM_ATN);
	if (w->arm.mode == ARM_NONE || put_messages(w, &items)) {
		send_burst(w, &items, NULL, true);
		return;
	}
	if (put_cdb(w, &items) || !takes_data(w, &bytes)) {
		send_burst(w, &items, NULL, true);
		return;
	}
	if (park(w, &items, bytes, true))
		return;
	struct block *b = put_data(w, &items, bytes);
	wire_put_plain(&items, ITEM_FREE, 0, 0);
	send_burst(w, &items, b, false);
	block_unref(b);
}

void world_message(struct world *w)
{
	uint8_t buf[ITEMS_BYTES];
	struct wr items = wr_init(buf, sizeof(buf));

	w->tenure++;
	trace(w, "message", NULL, w->msg[w->n_msg - 1]);
	w->has_cdb = false;
	w->at = NULL;
	w->parity = 0;
	wire_put_plain(&items, ITEM_SELECT, (uint8_t)(FIRST_ID + w->who), ITEM_ATN);
	if (w->arm.mode != ARM_NONE)
		(void)put_messages(w, &items);
	send_burst(w, &items, NULL, true);
}

/* What the target has asked for. */
static void serve(struct world *w)
{
	static const uint8_t no_operation[] = {0x08};
	struct asked asked = w->asked;
	uint8_t buf[ITEMS_BYTES];
	struct wr items = wr_init(buf, sizeof(buf));
	struct block *b = NULL;

	w->asked = (struct asked){0};
	if (w->dead)
		return;
	if (asked.data) {
		if (park(w, &items, asked.bytes, false))
			return;
		b = put_data(w, &items, asked.bytes);
	} else if (asked.message && (asked.again || w->n_msg > 0)) {
		(void)put_messages(w, &items);
	} else if (asked.message) {
		wire_put_bytes(&items, ITEM_MSG_OUT, no_operation, 1);
	} else if (asked.command && w->has_cdb) {
		(void)put_cdb(w, &items);
	} else if (asked.command) {
		world_reset(w); /* the adapter has none */
		return;
	} else {
		return;
	}
	send_burst(w, &items, b, true);
	block_unref(b);
}

static const uint8_t request_sense[] = {0x03, 0, 0, 0, SCSI_SENSE_MAX, 0};

static void ask_sense(struct world *w, uint8_t who, uint8_t lun)
{
	struct unasked u = w->unasked[who][lun];

	w->unasked[who][lun].on = false;
	w->sense = (struct expected){.out = true};
	choose_given(&w->sense, request_sense, sizeof(request_sense));
	w->at = &w->sense;
	w->who = who;
	w->lun = lun;
	w->msg[0] = (uint8_t)(0x80 | lun);
	/* In an ACA only a task with the ACA attribute is let through. */
	w->msg[1] = u.e.known && (u.e.cdb.control & SCSI_CONTROL_NACA) ? 0x24 : 0x20;
	w->msg[2] = SENSE_TAG;
	w->n_msg = 3;
	w->parity = 0;
	world_command(w);
	world_free_bus(w);
	if (!w->dead && !w->sense.out && !w->sense_refused && !u.e.stale && !u.e.gone)
		oracle_sense(w, &u);
}

void world_ask_all(struct world *w)
{
	for (uint8_t who = 0; who < INITIATORS; who++)
		for (uint8_t lun = 0; lun < LUNS; lun++) /* the next one comes when it is asked */
			while (w->unasked[who][lun].on && !w->dead && !w->open)
				ask_sense(w, who, lun);
}

static void act(struct world *w, const struct tgt_action *a)
{
	if (a->kind == TGT_DIE) {
		w->dead = true;
		return;
	}
	if (a->kind != TGT_SEND) {
		world_hold(w, a);
		return;
	}
	if (a->frame.type == WIRE_PROGRAM)
		run_program(w, &a->frame);
	else if (a->frame.type == WIRE_ARM)
		w->arm = a->frame.arm;
	else if (a->frame.type == WIRE_LIMITS)
		w->limits = a->frame.limits;
}

/* ---- time, and the bus ---- */

void world_deadline(struct world *w)
{
	struct tgt_event ev = {.kind = TGT_EV_DEADLINE};
	ns_t at = tgt_deadline(w->t);

	if (at == NS_NEVER)
		return;
	w->now = at > w->now ? at : w->now;
	world_step(w, &ev);
}

/* Nobody has a status to come. */
static void all_over(struct world *w)
{
	FOR_TASKS (w, e)
		model_over(w, e);
	w->sense.out = false;
	w->open = false;
	w->asked = (struct asked){0};
	memset(w->parked, 0, sizeof(w->parked));
}

void world_reset(struct world *w)
{
	struct wire_frame f = {.type = WIRE_RESET};

	trace(w, "reset", NULL, 0);
	f.reset = (struct wire_reset){.by = 7};
	all_over(w);
	frame(w, &f);
}

void world_free_bus(struct world *w)
{
	for (unsigned i = 0; w->open && !w->dead && i < PATIENCE; i++) {
		if (w->n_held > 0) {
			world_answer(w, 0);
		} else if (tgt_deadline(w->t) != NS_NEVER) {
			world_deadline(w);
		} else {
			/* as the server does when a phase is late: by a fault on demand */
			sm_assert(w->lossy);
			world_reset(w);
		}
	}
	sm_assert(!w->open || w->dead);
}

void world_port(struct world *w, uint8_t id, bool up)
{
	struct wire_frame f = {.type = WIRE_PORT};

	f.port = (struct wire_port){.up = up, .id = id, .role = ROLE_INITIATOR, .epoch = 3};
	for (unsigned lun = 0; lun < LUNS && !up; lun++)
		for (unsigned tag = 0; tag < TAGS; tag++) {
			struct expected *e = &w->task[id - FIRST_ID][lun][tag];
			unpark(w, e);
			model_over(w, e);
		}
	frame(w, &f);
}

void world_attach(struct world *w, uint64_t boot)
{
	struct wire_attached a = {.epoch = 1, .boot = boot, .id = TARGET_ID};
	struct tgt_event ev = {.kind = TGT_EV_ATTACHED};

	w->boot = boot;
	w->limits = (struct wire_limits){0};
	w->arm = (struct wire_arm){0};
	ev.attached = &a;
	world_step(w, &ev);
	for (uint8_t i = 0; i < INITIATORS; i++)
		world_port(w, (uint8_t)(FIRST_ID + i), true);
}

void world_detach(struct world *w)
{
	struct tgt_event ev = {.kind = TGT_EV_DETACHED};

	all_over(w);
	world_step(w, &ev);
	/* The shell attaches again when the store has answered all but what is in the background.
	 */
	for (unsigned i = 0; i < PATIENCE && tgt_store_ops(w->t) > 0 && !w->dead; i++)
		world_answer(w, 0);
}
