/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/disk.h"
#include "unit/hex.h"

#include "sim/medium.h"

#include "base/crc.h"
#include "scsi/msg.h"
#include "scsi/sense.h"
#include "scsi/status.h"

#include "unit/checks.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_MAX 8192 /* of what is written out */
#define EPOCH    3    /* of initiators, unless a test says another */

/* ---- text ---- */

static void say(struct disk *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct disk *d, const char *fmt, ...)
{
	size_t n = strlen(d->text);
	va_list ap;
	va_start(ap, fmt);
	int k = vsnprintf(d->text + n, sizeof(d->text) - n, fmt, ap);
	va_end(ap);
	ck_assert(k >= 0 && (size_t)k < sizeof(d->text) - n);
}

static void begin(struct disk *d)
{
	say(d, "%s", d->text[0] ? "; " : "");
}

static void say_sense(struct disk *d, const struct scsi_sense *s)
{
	say(d, "%x/%x/%x", s->key, s->asc, s->ascq);
	if (s->info_valid)
		say(d, " info %llu", (unsigned long long)s->info);
	if (s->has_progress)
		say(d, " progress %u", s->progress);
	if (s->sks_valid && s->sks_bit < 8)
		say(d, " %s %u.%u", s->sks_cd ? "cdb" : "data", s->sks_field, s->sks_bit);
	else if (s->sks_valid)
		say(d, " %s %u", s->sks_cd ? "cdb" : "data", s->sks_field);
}

static void say_mirror(struct disk *d, const struct scsi_msg_mirror *m)
{
	say(d, "(%u:%u op %u %s", m->group, m->device, m->op, scsi_status_name(m->status));
	struct scsi_sense s;
	if (m->sense_len > 0 && scsi_sense_get((struct span){m->sense, m->sense_len}, &s)) {
		say(d, " ");
		say_sense(d, &s);
	}
	say(d, ")");
}

static void say_messages(struct disk *d, struct span bytes)
{
	struct rd r = rd_init(bytes.p, bytes.n);
	struct scsi_msg m;
	while (rd_left(&r) > 0) {
		ck_assert(scsi_msg_get(&r, &m));
		say(d, " %s", scsi_msg_name(&m));
		if (m.kind == MSG_IDENTIFY && m.identify.lun != 0)
			say(d, "(%u)", m.identify.lun);
		else if (m.kind == MSG_SIMPLE)
			say(d, "(%u)", m.tag);
		else if (m.kind == MSG_EXT_MIRROR)
			say_mirror(d, &m.mirror);
		else if (m.kind == MSG_EXT_PPR || m.kind == MSG_EXT_SDTR || m.kind == MSG_EXT_WDTR)
			say(d, "(%u %u %u %u)", m.xfer.period, m.xfer.offset, m.xfer.wide,
			    m.xfer.options);
	}
}

static void say_data_in(struct disk *d, const struct wire_frame *f, const struct wire_item *it)
{
	struct span s = f->data ? (struct span){f->data->data, f->data->len} : f->small;
	ck_assert_uint_eq(s.n, it->len);
	ck_assert(s.n <= sizeof(d->in));
	ck_assert_uint_eq(it->crc, crc_data(0, s.p, s.n));
	memcpy(d->in, s.p, s.n);
	d->n_in = s.n;
	say(d, " DATA-IN(%zu)", s.n);
}

static void say_program(struct disk *d, const struct wire_frame *f)
{
	const struct wire_program *p = &f->program;
	if (p->kind == PROGRAM_CONTINUE) {
		say(d, "cont");
		ck_assert_uint_eq(p->token, 100 + p->tenure);
	} else {
		say(d, "resel %u", p->initiator);
	}
	struct rd r = rd_init(p->items.p, p->items.n);
	struct wire_item it;
	while (wire_item_get(&r, &it)) {
		switch ((enum wire_item_kind)it.kind) {
		case ITEM_MSG_OUT:
			say(d, it.flags & ITEM_AGAIN ? " MESSAGE-OUT(again)" : " MESSAGE-OUT");
			break;
		case ITEM_COMMAND:
			say(d, " COMMAND");
			break;
		case ITEM_DATA_OUT:
			say(d, " DATA-OUT(%u)", it.len);
			break;
		case ITEM_DATA_IN:
			say_data_in(d, f, &it);
			break;
		case ITEM_STATUS:
			say(d, " STATUS(%s)", scsi_status_name(it.arg));
			break;
		case ITEM_MSG_IN:
			say_messages(d, it.bytes);
			break;
		case ITEM_FREE:
			say(d, " FREE");
			break;
		case ITEM_PASS:
			say(d, " PASS");
			break;
		case ITEM_SENSE:
			say(d, " SENSE(%u)", it.len);
			break;
		case ITEM_UNIT:
		case ITEM_SELECT:
		case ITEM_LATCH:
		case ITEM_TOKEN:
			ck_abort_msg("item %u in a program", it.kind);
		}
		if (it.flags & ITEM_PARITY)
			say(d, "!");
	}
	ck_assert(rd_done(&r));
}

static void say_arm(struct disk *d, const struct wire_arm *a)
{
	static const char *const modes[] = {"none", "front", "full"};
	say(d, "arm %s", modes[a->mode]);
	bool only_0 = a->n_luns == 1 && a->luns[0].lun == 0;
	for (unsigned i = 0; i < a->n_luns && !only_0; i++)
		say(d, "%s%u", i ? "," : " ", a->luns[i].lun);
}

static void say_members(struct disk *d, const struct wire_members *m)
{
	say(d, "members%s", m->n == 0 ? " none" : "");
	for (unsigned i = 0; i < m->n; i++) {
		say(d, " ");
		if (m->m[i].lun != 0)
			say(d, "%u=", m->m[i].lun);
		say(d, "%u:%u", m->m[i].group, m->m[i].device);
	}
}

static void say_limits(struct disk *d, const struct wire_limits *m)
{
	say(d, "limits");
	for (unsigned i = 0; i < m->n; i++)
		say(d, " %u:out=%u,in=%u,connect=%u,wait=%u%s", m->of[i].lun, m->of[i].out,
		    m->of[i].in, m->of[i].connect, m->of[i].wait, m->of[i].hold ? ",hold" : "");
}

static void say_frame(struct disk *d, const struct wire_frame *f)
{
	begin(d);
	if (f->type == WIRE_PROGRAM)
		say_program(d, f);
	else if (f->type == WIRE_ARM)
		say_arm(d, &f->arm);
	else if (f->type == WIRE_MEMBERS)
		say_members(d, &f->members);
	else if (f->type == WIRE_LIMITS)
		say_limits(d, &f->limits);
	else if (f->type == WIRE_MGMT)
		say(d, "mgmt %s %.*s", wire_code_name(f->mgmt.code), (int)f->mgmt.payload.n,
		    (const char *)f->mgmt.payload.p);
	else
		say(d, "%s", wire_type_name((uint8_t)f->type));
}

/* ---- the store ---- */

static bool writes(const struct tgt_action *a)
{
	return a->kind == TGT_STORE_WRITE || a->kind == TGT_STORE_ATOMIC ||
	       a->kind == TGT_STORE_OR || a->kind == TGT_STORE_ZERO;
}

/* Either would be done first: the core may not ask for both at once. */
static void check_apart(const struct disk *d, const struct tgt_action *a)
{
	for (unsigned i = 0; i < d->n_held; i++) {
		const struct tgt_action *b = &d->held[i].a;
		if (a->kind == TGT_STORE_MAP || b->kind == TGT_STORE_MAP)
			continue;
		bool touch = a->lun == b->lun && a->lba < b->lba + b->blocks &&
		             b->lba < a->lba + a->blocks;
		ck_assert_msg(!touch || (!writes(a) && !writes(b)),
		              "blocks %llu+%u while %llu+%u are under way",
		              (unsigned long long)a->lba, a->blocks, (unsigned long long)b->lba,
		              b->blocks);
	}
}

static void hold(struct disk *d, const struct tgt_action *a)
{
	struct disk_op op = {*a, d->result, d->good_blocks, d->meta_fails};
	check_apart(d, a);
	op.a.block = a->block ? block_ref(a->block) : NULL;
	ck_assert_uint_lt(d->n_held, DISK_HELD);
	d->held[d->n_held++] = op;
}

static struct tgt_event store(struct disk *d, const struct disk_op *op)
{
	uint8_t lun = op->a.lun;
	const struct medium m = {lun == 0 ? d->media : d->other[lun].media,
	                         lun == 0 ? d->mapped : d->other[lun].mapped, d->cfg.lu.block_size,
	                         d->cfg.lu.blocks, lun == 0 ? d->tuples : d->other[lun].tuples};
	struct tgt_event ev = {.kind = TGT_EV_STORE_DONE};
	bool part = op->result != STORE_OK;
	ev.store.op = op->a.op;
	ev.store.result = op->result;
	ev.store.good_blocks = op->good_blocks;
	if (!part || writes(&op->a))
		medium_do(&m, &op->a, part ? op->good_blocks : op->a.blocks, &ev);
	return ev;
}

static void say_store(struct disk *d, const struct tgt_action *a)
{
	static const char *const names[] = {
	        [TGT_STORE_READ] = "read",       [TGT_STORE_WRITE] = "write",
	        [TGT_STORE_COMPARE] = "compare", [TGT_STORE_VERIFY] = "verify",
	        [TGT_STORE_FLUSH] = "flush",     [TGT_META_SAVE] = "save",
	        [TGT_STORE_OR] = "or",           [TGT_STORE_ZERO] = "zero",
	        [TGT_STORE_MAP] = "map",         [TGT_STORE_ATOMIC] = "atomic",
	};
	if (a->lun != 0)
		say(d, "lun %u ", a->lun);
	say(d, "%s", names[a->kind]);
	if (a->kind == TGT_STORE_WRITE && a->repeat)
		say(d, " each");
	if (a->kind == TGT_STORE_MAP)
		say(d, " %llu", (unsigned long long)a->lba);
	else if (a->kind != TGT_STORE_FLUSH && a->kind != TGT_META_SAVE)
		say(d, " %llu+%u", (unsigned long long)a->lba, a->blocks);
}

static void act(struct disk *d, const struct tgt_action *a)
{
	if (a->kind == TGT_SEND) {
		say_frame(d, &a->frame);
		return;
	}
	begin(d);
	if (a->kind == TGT_DIE) {
		say(d, "die");
		d->dead = true;
		return;
	}
	say_store(d, a);
	if (a->kind == TGT_META_SAVE) {
		memcpy(d->saved, a->bytes.p, a->bytes.n);
		d->n_saved = a->bytes.n;
	}
	hold(d, a);
}

static void step(struct disk *d, struct tgt_event *ev)
{
	struct tgt_actions out;
	ev->now = d->now;
	tgt_step(d->t, ev, &out);
	tgt_check(d->t);
	for (unsigned i = 0; i < out.n && !d->dead; i++)
		act(d, &out.v[i]);
}

static void answer(struct disk *d, unsigned which)
{
	struct disk_op op = d->held[which];
	struct tgt_event ev = {.kind = TGT_EV_META_DONE};
	d->n_held--;
	memmove(d->held + which, d->held + which + 1, (d->n_held - which) * sizeof(d->held[0]));
	if (op.a.kind == TGT_META_SAVE) {
		ev.meta.op = op.a.op;
		ev.meta.ok = !op.meta_fails;
		step(d, &ev);
		return;
	}
	ev = store(d, &op);
	struct block *b = ev.store.block;
	step(d, &ev);
	block_unref(b);
	block_unref(op.a.block);
}

static void answer_store(struct disk *d)
{
	while (d->n_held > 0 && !d->dead)
		answer(d, 0);
}

static const char *event(struct disk *d, struct tgt_event ev)
{
	d->text[0] = '\0';
	step(d, &ev);
	if (!d->hold)
		answer_store(d);
	return d->text;
}

const char *disk_release(struct disk *d)
{
	d->text[0] = '\0';
	answer_store(d);
	return d->text;
}

const char *disk_answer(struct disk *d, unsigned which)
{
	ck_assert_uint_lt(which, d->n_held);
	d->text[0] = '\0';
	answer(d, which);
	return d->text;
}

const char *disk_wait(struct disk *d)
{
	ns_t at = tgt_deadline(d->t);
	ck_assert(at != NS_NEVER);
	if (at > d->now)
		d->now = at;
	return event(d, (struct tgt_event){.kind = TGT_EV_DEADLINE});
}

/* ---- events ---- */

const char *disk_frame(struct disk *d, const struct wire_frame *f)
{
	struct tgt_event ev = {.kind = TGT_EV_FRAME};
	ev.frame = f;
	return event(d, ev);
}

const char *disk_attach(struct disk *d, uint64_t boot)
{
	struct wire_attached a = {.epoch = 1, .boot = boot, .id = 2};
	struct tgt_event ev = {.kind = TGT_EV_ATTACHED};
	ev.attached = &a;
	return event(d, ev);
}

const char *disk_detach(struct disk *d)
{
	return event(d, (struct tgt_event){.kind = TGT_EV_DETACHED});
}

const char *disk_port(struct disk *d, uint8_t id, uint32_t epoch, bool up)
{
	struct wire_frame f = {.type = WIRE_PORT};
	f.port = (struct wire_port){.up = up, .id = id, .role = ROLE_INITIATOR, .epoch = epoch};
	return disk_frame(d, &f);
}

const char *disk_reset(struct disk *d)
{
	struct wire_frame f = {.type = WIRE_RESET};
	f.reset = (struct wire_reset){.by = 7};
	return disk_frame(d, &f);
}

const char *disk_add(struct disk *d, uint8_t lun, struct span saved)
{
	struct tgt_lu_config c = d->cfg.lu;
	struct tgt_event ev = {.kind = TGT_EV_LU_ADDED};
	char why[200];
	c.uuid[0] = c.uuid[UUID_LEN - 1] = lun;
	c.saved = saved;
	(void)snprintf(c.name, sizeof(c.name), "lun%u", lun);
	if (!d->other[lun].media) {
		d->other[lun].media = calloc(c.blocks, c.block_size);
		d->other[lun].mapped = calloc(c.blocks, sizeof(*d->mapped));
		d->other[lun].tuples = calloc(c.blocks, PROTECT_LEN);
		memset(d->other[lun].tuples, 0xff, c.blocks * PROTECT_LEN);
	}
	ev.added = tgt_lu_new(lun, &c, why, sizeof(why));
	ck_assert_msg(ev.added != NULL, "%s", why);
	return event(d, ev);
}

const char *disk_remove(struct disk *d, uint8_t lun)
{
	struct tgt_event ev = {.kind = TGT_EV_LU_REMOVED};
	ev.removed = lun;
	return event(d, ev);
}

const char *disk_fault(struct disk *d, const char *spec)
{
	struct wire_frame f = {.type = WIRE_MGMT};
	f.mgmt = (struct wire_mgmt){.req = 1, .from = 7, .to = 2, .kind = MGMT_FAULT};
	f.mgmt.payload = (struct span){(const uint8_t *)spec, strlen(spec)};
	return disk_frame(d, &f);
}

/* ---- bursts ---- */

static unsigned digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t hex(const char *s, uint8_t *out, size_t cap)
{
	size_t n = 0;
	while (*s) {
		if (*s == '.') {
			s++;
		} else if (*s == ':') {
			char *end = NULL;
			unsigned long zeros = strtoul(s + 1, &end, 10);
			ck_assert(n + zeros <= cap);
			memset(out + n, 0, zeros);
			n += zeros;
			s = end;
		} else {
			ck_assert(n < cap && s[1]);
			out[n++] = (uint8_t)(digit(s[0]) << 4 | digit(s[1]));
			s += 2;
		}
	}
	return n;
}

struct burst {
	struct wire_burst b;
	struct wire_item items[16];
	uint8_t bytes[16][256];
	unsigned n;
	struct block *data;
};

static void add_bytes(struct burst *b, uint8_t kind, const char *text)
{
	struct wire_item *it = &b->items[b->n];
	size_t n = hex(text, b->bytes[b->n], sizeof(b->bytes[0]));
	*it = (struct wire_item){.kind = kind, .len = (uint32_t)n, .bytes = {b->bytes[b->n], n}};
	b->n++;
}

static void add_data(struct burst *b, const char *text)
{
	char *end = NULL;
	unsigned long n = strtoul(text, &end, 10);
	if (*text == 'x') {
		b->data = block_new(DATA_MAX);
		n = b->data->len = hex(text + 1, b->data->data, DATA_MAX);
	} else {
		b->data = block_new(n);
		memset(b->data->data, (int)strtoul(end + 1, NULL, 16), n);
	}
	b->items[b->n++] = (struct wire_item){
	        .kind = ITEM_DATA_OUT,
	        .len = (uint32_t)n,
	        .crc = crc_data(0, b->data->data, n),
	};
}

static void word(struct burst *b, const char *w)
{
	const char *value = strchr(w, '=');
	value = value ? value + 1 : "";
	uint32_t number = (uint32_t)strtoul(value, NULL, 10);
	struct wire_item *last = b->n > 0 ? &b->items[b->n - 1] : NULL;
	if (strncmp(w, "t=", 2) == 0)
		b->b.tenure = number;
	else if (strncmp(w, "role=", 5) == 0)
		b->b.role = *value == 'L'   ? BURST_LEADER
		            : *value == 'P' ? BURST_PARTICIPANT
		                            : BURST_TARGET;
	else if (strncmp(w, "ini=", 4) == 0)
		b->b.initiator = (uint8_t)number;
	else if (strncmp(w, "epoch=", 6) == 0)
		b->b.epoch = number;
	else if (strncmp(w, "program=", 8) == 0)
		b->b.program = number;
	else if (strcmp(w, "want") == 0)
		b->b.wanted = true;
	else if (strcmp(w, "atn") == 0)
		b->b.atn = true;
	else if (strcmp(w, "sel") == 0)
		b->items[b->n++] = (struct wire_item){.kind = ITEM_SELECT, .flags = ITEM_ATN};
	else if (strcmp(w, "selu") == 0)
		b->items[b->n++] = (struct wire_item){.kind = ITEM_SELECT, .flags = ITEM_UNITS};
	else if (strcmp(w, "selno") == 0)
		b->items[b->n++] = (struct wire_item){.kind = ITEM_SELECT};
	else if (strcmp(w, "tok") == 0)
		b->items[b->n++] = (struct wire_item){.kind = ITEM_TOKEN};
	else if (strcmp(w, "free") == 0)
		b->items[b->n++] = (struct wire_item){.kind = ITEM_FREE};
	else if (strncmp(w, "msg=", 4) == 0)
		add_bytes(b, ITEM_MSG_OUT, value);
	else if (strncmp(w, "cmd=", 4) == 0)
		add_bytes(b, ITEM_COMMAND, value);
	else if (strncmp(w, "latch=", 6) == 0)
		add_bytes(b, ITEM_LATCH, value);
	else if (strncmp(w, "out=", 4) == 0)
		add_data(b, value);
	else if (strcmp(w, "cut") == 0 && last)
		last->flags |= ITEM_CUT;
	else if (strcmp(w, "park") == 0 && last)
		last->flags |= ITEM_PARK;
	else if (strcmp(w, "parity") == 0 && last)
		last->flags |= ITEM_PARITY;
	else if (strcmp(w, "badcrc") == 0 && last)
		last->crc ^= 1;
	else
		ck_abort_msg("no such word: %s", w);
}

const char *disk_burst(struct disk *d, const char *words)
{
	struct burst *b = calloc(1, sizeof(*b));
	uint8_t encoded[4096];
	b->b = (struct wire_burst){
	        .tenure = 1, .role = BURST_TARGET, .initiator = 7, .epoch = EPOCH};
	char *copy = strdup(words);
	for (char *save = NULL, *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		word(b, w);
	free(copy);
	if (b->b.wanted)
		b->b.token = 100 + b->b.tenure;
	struct wr w = wr_init(encoded, sizeof(encoded));
	for (unsigned i = 0; i < b->n; i++)
		wire_item_put(&w, &b->items[i]);
	ck_assert(wr_ok(&w));
	b->b.items = (struct span){encoded, w.n};
	struct wire_frame f = {.type = WIRE_BURST, .data = b->data};
	f.burst = b->b;
	const char *out = disk_frame(d, &f);
	block_unref(b->data);
	free(b);
	return out;
}

const char *disk_lun_command(struct disk *d, uint8_t lun, const char *cdb)
{
	char words[256];
	int n = snprintf(words, sizeof(words), "t=900 want sel msg=%02x cmd=", 0x80 | lun);
	for (; *cdb && n < (int)sizeof(words) - 1; cdb++)
		if (*cdb != ' ')
			words[n++] = *cdb;
	words[n] = '\0';
	return disk_burst(d, words);
}

const char *disk_command_with(struct disk *d, const char *cdb, const char *data)
{
	char words[8192];
	(void)snprintf(words, sizeof(words), "t=500 want sel msg=80 cmd=%s%s%s", cdb,
	               data ? " out=" : "", data ? data : "");
	return disk_burst(d, words);
}

const char *disk_command(struct disk *d, const char *cdb)
{
	return disk_lun_command(d, 0, cdb);
}

const char *disk_lun_sense(struct disk *d, uint8_t lun)
{
	struct scsi_sense s;
	const char *out = disk_lun_command(d, lun, "03000000.40.00");
	ck_assert_msg(strncmp(out, "cont DATA-IN(", 13) == 0 && strstr(out, "STATUS(GOOD)"), "%s",
	              out);
	ck_assert(scsi_sense_get((struct span){d->in, d->n_in}, &s));
	d->text[0] = '\0';
	say_sense(d, &s);
	return d->text;
}

const char *disk_sense(struct disk *d)
{
	return disk_lun_sense(d, 0);
}

/* ---- what is expected ---- */

void disk_answers(struct disk *d, const char *cdb, const char *data)
{
	const char *out = disk_command(d, cdb);
	ck_assert_msg(strstr(out, "STATUS(GOOD)"), "%s: %s", cdb, out);
	hex_assert(d->in, d->n_in, data);
}

void disk_refuses(struct disk *d, const char *cdb, const char *sense)
{
	ck_assert_str_eq(disk_command(d, cdb),
	                 "cont STATUS(CHECK CONDITION) COMMAND COMPLETE FREE");
	ck_assert_str_eq(disk_sense(d), sense);
}

void disk_does(struct disk *d, const struct disk_row *row)
{
	const char *out = disk_command_with(d, row->cdb, row->data);
	ck_assert_msg(strcmp(out, row->does) == 0, "%s: %s: %s", row->clause, row->cdb, out);
	if (row->sense)
		ck_assert_str_eq(disk_sense(d), row->sense);
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
}

bool disk_block_is(const struct disk *d, unsigned lba, uint8_t with)
{
	for (size_t i = 0; i < 512; i++)
		if (d->media[(size_t)lba * 512 + i] != with)
			return false;
	return true;
}

/* ---- creation ---- */

struct tgt_config disk_config(void)
{
	struct tgt_config c = {
	        .lu.uuid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	        .lu.name = "disk0",
	        .lu.block_size = 512,
	        .lu.blocks = 64,
	        .queue_depth = 4,
	        .xfer = XFER_ULTRA160,
	};
	return c;
}

struct disk *disk_new_raw(const struct tgt_config *cfg)
{
	char why[200];
	struct disk *d = calloc(1, sizeof(*d));
	d->cfg = *cfg;
	d->now = 1000 * NS_PER_S;
	d->mapped = calloc(cfg->lu.blocks, sizeof(*d->mapped));
	d->media = calloc(cfg->lu.blocks, cfg->lu.block_size);
	d->tuples = calloc(cfg->lu.blocks, PROTECT_LEN);
	memset(d->tuples, 0xff, cfg->lu.blocks * PROTECT_LEN);
	d->t = tgt_new(cfg, why, sizeof(why));
	ck_assert_msg(d->t != NULL, "%s", why);
	return d;
}

struct disk *disk_new(void)
{
	struct tgt_config c = disk_config();
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_port(d, 7, EPOCH, true);
	ck_assert_str_eq(disk_command(d, "00:5"),
	                 "cont STATUS(CHECK CONDITION) COMMAND COMPLETE FREE; arm full");
	ck_assert_str_eq(disk_sense(d), "6/29/1");
	return d;
}

void disk_free(struct disk *d)
{
	for (unsigned i = 0; i < d->n_held; i++)
		block_unref(d->held[i].a.block);
	tgt_free(d->t);
	free(d->media);
	free(d->mapped);
	free(d->tuples);
	for (unsigned i = 0; i < SCSI_LUNS; i++) {
		free(d->other[i].media);
		free(d->other[i].mapped);
		free(d->other[i].tuples);
	}
	free(d);
}

void disk_join(struct disk *d)
{
	/* MODE SELECT(10), SP; header of 8 bytes, page 30h: member, device 2, group 1 */
	uint8_t list[8 + MODE_MIRROR_LEN] = {0};
	struct wr w = wr_init(list + 8, MODE_MIRROR_LEN);
	struct mode_mirror m = {.member = true, .device = 2, .group = 1, .generation = 1};
	mode_mirror_put(&w, &m);
	struct block *data = block_new(sizeof(list));
	memcpy(data->data, list, sizeof(list));
	uint8_t encoded[512];
	w = wr_init(encoded, sizeof(encoded));
	const uint8_t cdb[10] = {0x55, 0x11, 0, 0, 0, 0, 0, 0, sizeof(list), 0};
	wire_put_plain(&w, ITEM_SELECT, 7, ITEM_ATN);
	wire_put_bytes(&w, ITEM_MSG_OUT, "\x80", 1);
	wire_put_bytes(&w, ITEM_COMMAND, cdb, sizeof(cdb));
	wire_put_data(&w, ITEM_DATA_OUT, 0, sizeof(list), crc_data(0, list, sizeof(list)));
	struct wire_frame f = {.type = WIRE_BURST, .data = data};
	f.burst = (struct wire_burst){.tenure = 800,
	                              .token = 900,
	                              .role = BURST_TARGET,
	                              .initiator = 7,
	                              .epoch = EPOCH,
	                              .wanted = true,
	                              .items = {encoded, w.n}};
	ck_assert_str_eq(disk_frame(d, &f),
	                 "save; members 1:2; cont STATUS(GOOD) COMMAND COMPLETE FREE");
	block_unref(data);
}
