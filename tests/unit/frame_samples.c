/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/frame_samples.h"

#include <string.h>

static uint8_t items[4096];
static uint8_t data[600];
static struct block block = {.refs = 1, .len = sizeof(data), .cap = sizeof(data), .data = data};

static const uint8_t uuid[UUID_LEN] = {0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8,
                                       0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xb0};
static const uint8_t bytes[] = {0xc0, 0x20, 0x07, 0x01, 0x0a, 0xe0};

static struct span list(const struct wr *w)
{
	return (struct span){w->p, w->n};
}

static struct span all_script_items(void)
{
	struct wr w = wr_init(items, sizeof(items));
	wire_put_select(&w, 3, 10000000);
	wire_put_bytes(&w, ITEM_MSG_OUT, bytes, sizeof(bytes));
	wire_put_bytes(&w, ITEM_COMMAND, bytes, 5);
	wire_put_bytes(&w, ITEM_UNIT, bytes, sizeof(bytes));
	wire_put_data(&w, ITEM_DATA_OUT, 88, 512, 0xdeadbeef);
	wire_put_data(&w, ITEM_DATA_IN, 0, 65536, 0);
	return list(&w);
}

static struct span all_burst_items(void)
{
	struct wr w = wr_init(items, sizeof(items));
	wire_put_plain(&w, ITEM_SELECT, 7, 0);
	wire_put_bytes(&w, ITEM_LATCH, bytes, sizeof(bytes));
	wire_put_bytes(&w, ITEM_MSG_OUT, bytes, sizeof(bytes));
	wire_put_bytes(&w, ITEM_COMMAND, bytes, 6);
	wire_put_plain(&w, ITEM_TOKEN, 0, 0);
	wire_put_data(&w, ITEM_DATA_OUT, 0, 600, 0x12345678);
	wire_put_plain(&w, ITEM_FREE, 0, ITEM_CUT);
	return list(&w);
}

static struct span all_program_items(void)
{
	struct wr w = wr_init(items, sizeof(items));
	wire_put_plain(&w, ITEM_MSG_OUT, 0, 0);
	wire_put_plain(&w, ITEM_COMMAND, 0, 0);
	wire_put_data(&w, ITEM_DATA_OUT, 0, 1048576, 0);
	wire_put_data(&w, ITEM_DATA_IN, 100, 500, 0x9abcdef0);
	wire_put_plain(&w, ITEM_PASS, 0, 0);
	wire_put_bytes(&w, ITEM_SENSE, bytes, 2);
	wire_put_plain(&w, ITEM_STATUS, 0x28, 0);
	wire_put_bytes(&w, ITEM_MSG_IN, bytes, 1);
	wire_put_plain(&w, ITEM_FREE, 0, 0);
	return list(&w);
}

static void fill_arm(struct wire_arm *a, uint8_t n_luns, uint8_t n_ops)
{
	a->mode = ARM_FULL;
	a->n_luns = n_luns;
	for (uint8_t i = 0; i < n_luns; i++) {
		a->luns[i].lun = (uint8_t)(i + 1);
		a->luns[i].block_size = 512U << i;
		a->luns[i].blocks = 0x0102030405060708 + i;
		a->luns[i].max_data = 1048576U + i;
		a->luns[i].n_ops = n_ops;
		for (uint8_t k = 0; k < n_ops; k++)
			a->luns[i].ops[k] = (uint8_t)(0x80 + i + k);
	}
}

static void fill_tenure(struct wire_tenure *t, uint8_t n_legs)
{
	t->script = 0x31323334;
	t->tenure = 0x41424344;
	t->reselected = true;
	t->target = 5;
	t->epoch = 0x51525354;
	t->outcome = OUTCOME_RELEASED;
	t->has_status = true;
	t->status = 0x28;
	t->data_out = 0x61626364;
	t->data_in = 0x71727374;
	t->start_ns = 0x8182838485868788;
	t->end_ns = 0x9192939495969798;
	t->msg_in = (struct span){bytes, sizeof(bytes)};
	t->n_legs = n_legs;
	for (uint8_t i = 0; i < n_legs; i++) {
		t->legs[i].op = 0x01020304U + i;
		t->legs[i].device = (uint8_t)(200 + i % 50);
		t->legs[i].port = i % 3 == 2 ? WIRE_NO_ID : (uint8_t)(i % 16);
		t->legs[i].result = (uint8_t)(LEG_TAKEN + i % LEG_NOT_REACHED);
		t->legs[i].moved = 512U * i;
	}
}

static void fill_attach(struct wire_attach *a, uint8_t role, uint8_t id, const char *name)
{
	a->version = WIRE_VERSION;
	a->role = role;
	a->id = id;
	memcpy(a->uuid, uuid, UUID_LEN);
	(void)strcpy(a->name, name);
}

static void fill_mgmt(struct wire_mgmt *m, bool answer)
{
	m->req = 0x01020304;
	m->answer = answer;
	m->from = 7;
	m->to = answer ? WIRE_NO_ID : 4;
	m->kind = MGMT_FAULT;
	m->code = answer ? CODE_BAD_VALUE : CODE_OK;
	m->payload = (struct span){(const uint8_t *)"busy:times=3", 12};
}

static void fill_program(struct wire_program *p, uint8_t kind)
{
	p->kind = kind;
	p->id = kind == PROGRAM_RESELECT ? 0x11121314 : 0;
	p->tenure = 0x21222324;
	p->token = 0x31323334;
	p->initiator = kind == PROGRAM_RESELECT ? 7 : WIRE_NO_ID;
	p->epoch = 0x41424344;
	p->items = all_program_items();
	for (unsigned kind = ITEM_MSG_OUT; kind <= ITEM_SENSE; kind++)
		if (kind != ITEM_LATCH && kind != ITEM_TOKEN)
			p->kinds |= 1U << kind;
}

static void fill_burst(struct wire_burst *b)
{
	b->tenure = 0x11121314;
	b->token = 0x21222324;
	b->program = 0x31323334;
	b->role = BURST_PARTICIPANT;
	b->initiator = 6;
	b->epoch = 0x41424344;
	b->wanted = true;
	b->atn = true;
	b->items = all_burst_items();
}

static void fill_error(struct wire_error *e, const char *text)
{
	e->code = CODE_CONFLICT;
	e->frame_type = WIRE_MEMBERS;
	e->ref = 0x61626364;
	(void)strcpy(e->text, text);
}

static void fill_port(struct wire_port *p)
{
	p->up = true;
	p->id = 11;
	p->role = ROLE_TARGET;
	p->epoch = 0x21222324;
	memcpy(p->uuid, uuid, UUID_LEN);
	(void)strcpy(p->name, "disk3");
}

static void fill_attached(struct wire_attached *a)
{
	a->epoch = 0x01020304;
	a->boot = 0x1112131415161718;
	a->id = 9;
	a->heartbeat_ms = 2500;
	(void)strcpy(a->profile, "spi3");
}

static void fill_members(struct wire_members *m)
{
	m->n = WIRE_MEMBERS_MAX;
	for (uint8_t i = 0; i < m->n; i++)
		m->m[i] = (struct wire_member){
		        .lun = i, .group = (uint16_t)(0x1234 + i), .device = (uint8_t)(0xf0 + i)};
}

static void fill_text(char *text, size_t n)
{
	memset(text, 'x', n);
	text[n] = '\0';
}

void frame_sample(unsigned i, struct wire_frame *f)
{
	static const enum wire_type types[FRAME_SAMPLES] = {
	        WIRE_ATTACH,  WIRE_ATTACH,  WIRE_ATTACHED, WIRE_REFUSED, WIRE_ERROR,   WIRE_PING,
	        WIRE_PONG,    WIRE_PORT,    WIRE_ARM,      WIRE_ARM,     WIRE_MEMBERS, WIRE_SCRIPT,
	        WIRE_SCRIPT,  WIRE_CANCEL,  WIRE_TENURE,   WIRE_TENURE,  WIRE_BURST,   WIRE_PROGRAM,
	        WIRE_PROGRAM, WIRE_RESET,   WIRE_RESET,    WIRE_MGMT,    WIRE_MGMT,    WIRE_TRACE,
	        WIRE_TRACE,   WIRE_MEMBERS, WIRE_RING,     WIRE_LIMITS,  WIRE_ATTACH,
	};

	memset(f, 0, sizeof(*f));
	for (size_t k = 0; k < sizeof(data); k++)
		data[k] = (uint8_t)(k * 7);
	f->type = types[i];
	switch (i) {
	case 0:
		fill_attach(&f->attach, ROLE_TARGET, 15, "a-name-of-thirty-two-bytes-12345");
		break;
	case 1:
		fill_attach(&f->attach, ROLE_TAP, WIRE_NO_ID, "");
		break;
	case 2:
		fill_attached(&f->attached);
		break;
	case 3:
		fill_error(&f->error, "group 1, device 2: held by \"disk\xc3\xa9\" on ID 4");
		break;
	case 4:
		fill_error(&f->error, "");
		fill_text(f->error.text, WIRE_TEXT_MAX);
		break;
	case 5:
	case 6:
		f->ping.cookie = 0xfedcba9876543210;
		break;
	case 7:
		fill_port(&f->port);
		break;
	case 8:
		fill_arm(&f->arm, WIRE_LUNS_MAX, WIRE_OPS_MAX);
		break;
	case 9:
		fill_arm(&f->arm, 0, 0);
		break;
	case 10:
		fill_members(&f->members);
		break;
	case 11:
		f->script = (struct wire_script){.id = 0x01020304, .items = all_script_items()};
		f->data = &block;
		break;
	case 12:
		f->script = (struct wire_script){.id = UINT32_MAX, .items = {items, WIRE_ITEM_LEN}};
		(void)all_script_items();
		break;
	case 13:
		f->cancel.id = 0x51525354;
		break;
	case 14:
		fill_tenure(&f->tenure, WIRE_LEGS_MAX);
		break;
	case 15:
		fill_tenure(&f->tenure, 0);
		f->tenure.unit = (struct span){data, IU_STATUS_MAX};
		f->data = &block;
		break;
	case 16:
		fill_burst(&f->burst);
		f->data = &block;
		break;
	case 17:
	case 18:
		fill_program(&f->program, i == 17 ? PROGRAM_CONTINUE : PROGRAM_RESELECT);
		f->data = &block;
		break;
	case 19:
		f->reset.by = 7;
		(void)strcpy(f->reset.text, "asked for");
		break;
	case 20:
		f->reset.by = WIRE_NO_ID;
		break;
	case 21:
	case 22:
		fill_mgmt(&f->mgmt, i == 22);
		break;
	case 23:
		f->trace.lost = 0x0102030405060708;
		f->trace.text = (struct span){data, sizeof(data)};
		break;
	case 26:
		f->ring = (struct wire_ring){.number = 0x11223344, .bytes = 0x0102030405060708};
		break;
	case 27:
		f->limits.n = WIRE_LUNS_MAX;
		for (uint8_t k = 0; k < f->limits.n; k++)
			f->limits.of[k] = (struct wire_limit){.lun = (uint8_t)(63 - k),
			                                      .out = 0x01020304U + k,
			                                      .in = UINT32_MAX - k,
			                                      .connect = 0x1234,
			                                      .wait = 0xfedc,
			                                      .hold = k % 2};
		break;
	case 28:
		fill_attach(&f->attach, ROLE_INITIATOR, 7, "smirrord");
		f->attach.own = true;
		f->attach.epoch = 0x01020304;
		f->attach.boot = 0x1112131415161718;
		break;
	default: /* 24: an empty TRACE, 25: no members */
		break;
	}
}
