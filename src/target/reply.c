/* SPDX-License-Identifier: BSD-2-Clause */
/* Actions and phase programs out. */
#include "base/assert.h"
#include "base/crc.h"
#include "target/core.h"

#include <string.h>

/* Items and data of the longest program that is not data of a block. */
#define PROGRAM_MAX 320

void tgt_out_reset(struct tgt *t)
{
	for (unsigned i = 0; i < t->n_held; i++)
		block_unref(t->held[i]);
	t->n_held = 0;
	t->n_act = 0;
	t->arena_used = 0;
}

struct tgt_action *tgt_out_action(struct tgt *t, enum tgt_action_kind kind)
{
	sm_assert(t->n_act < t->cap_act);
	struct tgt_action *a = &t->act[t->n_act++];
	a->kind = kind;
	a->op = 0;
	a->lun = 0;
	a->lba = 0;
	a->blocks = 0;
	a->block = NULL;
	a->offset = 0;
	a->repeat = false;
	a->protect.type = 0;
	a->bytes = (struct span){0};
	a->room = 0;
	a->frame.data = NULL;
	a->frame.small = (struct span){0};
	return a;
}

void tgt_out_hold(struct tgt *t, struct block *b)
{
	if (!b)
		return;
	sm_assert(t->n_held < t->cap_act);
	t->held[t->n_held++] = b;
}

struct wr tgt_out_cursor(const struct tgt *t)
{
	return wr_init(t->arena + t->arena_used, t->arena_cap - t->arena_used);
}

struct span tgt_out_take(struct tgt *t, const struct wr *w)
{
	sm_assert(wr_ok(w));
	t->arena_used += w->n;
	return (struct span){w->p, w->n};
}

void tgt_out_die(struct tgt *t)
{
	(void)tgt_out_action(t, TGT_DIE);
}

/* ---- programs ---- */

/* A fault on demand may strike a phase that the initiator receives; a packetized tenure has no such
 * phase. */
static uint8_t parity_flag(struct tgt *t, bool units, enum scsi_phase phase)
{
	return !units && fault_strike_parity(&t->faults, phase) ? ITEM_PARITY : 0;
}

static void put_messages(struct tgt *t, bool units, struct wr *w, const uint8_t *p, size_t n)
{
	struct wire_item it = {.kind = ITEM_MSG_IN,
	                       .flags = parity_flag(t, units, PHASE_MESSAGE_IN),
	                       .len = (uint32_t)n,
	                       .bytes = {p, n}};
	wire_item_put(w, &it);
}

/* The MESSAGE IN bytes that are due go first. */
static struct wr begin(struct tgt *t)
{
	struct tenure *n = &t->tenure;
	struct wr w = tgt_out_cursor(t);
	if (n->open && n->wanted && n->reply_len > 0) {
		put_messages(t, n->units, &w, n->reply, n->reply_len);
		memcpy(n->said, n->reply, n->reply_len);
		n->said_len = n->reply_len;
		n->reply_len = 0;
	} else {
		n->said_len = 0;
	}
	if (n->open && n->wanted && n->restore) {
		static const uint8_t restore[] = {0x03};
		put_messages(t, n->units, &w, restore, sizeof(restore));
		n->restore = false;
	}
	return w;
}

static struct tgt_action *send_continue(struct tgt *t, const struct wr *w)
{
	struct tenure *n = &t->tenure;
	struct tgt_action *a = tgt_out_action(t, TGT_SEND);
	sm_assert(n->open && n->wanted && w->n <= PROGRAM_MAX);
	a->frame.type = WIRE_PROGRAM;
	a->frame.program = (struct wire_program){
	        .kind = PROGRAM_CONTINUE,
	        .tenure = n->number,
	        .token = n->token,
	        .initiator = n->initiator,
	        .epoch = n->epoch,
	        .items = tgt_out_take(t, w),
	};
	n->wanted = false;
	return a;
}

static struct tgt_action *send_reselect(struct tgt *t, const struct task *k, const struct wr *w)
{
	struct tgt_action *a = tgt_out_action(t, TGT_SEND);
	sm_assert(w->n <= PROGRAM_MAX);
	if (++t->next_program == 0)
		t->next_program = 1;
	a->frame.type = WIRE_PROGRAM;
	a->frame.program = (struct wire_program){
	        .kind = PROGRAM_RESELECT,
	        .id = t->next_program,
	        .tenure = k->tenure,
	        .initiator = k->initiator,
	        .epoch = k->epoch,
	        .items = tgt_out_take(t, w),
	};
	return a;
}

void tgt_reply_phase(struct tgt *t, enum wire_item_kind kind, uint32_t len)
{
	struct wr w = begin(t);
	if (kind == ITEM_DATA_OUT)
		wire_put_data(&w, ITEM_DATA_OUT, 0, len, 0);
	else
		wire_put_plain(&w, (uint8_t)kind, 0, 0);
	(void)send_continue(t, &w);
}

void tgt_reply_again(struct tgt *t)
{
	struct wr w = tgt_out_cursor(t);
	wire_put_plain(&w, ITEM_MSG_OUT, 0, ITEM_AGAIN);
	(void)send_continue(t, &w);
}

static void put_message(struct tgt *t, bool units, struct wr *w, uint8_t code)
{
	put_messages(t, units, w, &code, 1);
}

void tgt_reply_disconnect(struct tgt *t)
{
	struct wr w = begin(t);
	put_message(t, t->tenure.units, &w, 0x04); /* DISCONNECT */
	wire_put_plain(&w, ITEM_FREE, 0, 0);
	(void)send_continue(t, &w);
}

/* Of a CHECK CONDITION; returns the length. */
static uint8_t sense_data(const struct task *k, uint8_t out[SCSI_SENSE_MAX])
{
	/* The fixed format has no room for an LBA above 32 bits. */
	bool descriptor =
	        k->lu->modes.current.d_sense || (k->sense.info_valid && k->sense.info > UINT32_MAX);
	return (uint8_t)scsi_sense_put(&k->sense, descriptor, out, SCSI_SENSE_MAX);
}

/* MIRROR STATUS carries its sense data: nothing that a later pass does can overwrite it. */
static void put_mirror_status(struct wr *w, const struct task *k)
{
	struct scsi_msg m = {.kind = MSG_EXT_MIRROR};
	m.mirror.function = MIRROR_STATUS;
	m.mirror.group = k->group;
	m.mirror.device = k->device;
	m.mirror.op = k->op;
	m.mirror.status = k->status;
	if (k->status == SCSI_CHECK_CONDITION)
		m.mirror.sense_len = sense_data(k, m.mirror.sense);
	scsi_msg_put(w, &m);
}

/* What a reselection says first: which task this is. */
static void put_nexus(struct tgt *t, struct wr *w, const struct task *k)
{
	uint8_t bytes[2 + 1 + SCSI_MSG_MAX];
	struct wr m = wr_init(bytes, sizeof(bytes));
	msg_put_identify(&m, k->lun, false);
	if (k->tagged)
		msg_put_simple(&m, k->tag);
	if (k->silent)
		put_mirror_status(&m, k);
	sm_assert(wr_ok(&m));
	put_messages(t, k->units, w, bytes, m.n);
}

static struct span data_in(const struct task *k)
{
	if (k->in)
		return (struct span){k->in->data, k->in->len};
	return k->small;
}

static void put_data_in(struct tgt *t, bool units, struct wr *w, struct span data)
{
	struct wire_item it = {.kind = ITEM_DATA_IN,
	                       .flags = parity_flag(t, units, PHASE_DATA_IN),
	                       .len = (uint32_t)data.n,
	                       .crc = crc_data(0, data.p, data.n)};
	wire_item_put(w, &it);
}

/* SPI-4: with information units a CHECK CONDITION has its sense data with it. */
static void put_sense(struct wr *w, const struct task *k)
{
	uint8_t sense[SCSI_SENSE_MAX];
	if (k->units && k->status == SCSI_CHECK_CONDITION)
		wire_put_bytes(w, ITEM_SENSE, sense, sense_data(k, sense));
}

void tgt_reply_status(struct tgt *t, struct task *k)
{
	struct wr w = k->connected ? begin(t) : tgt_out_cursor(t);
	struct span data = k->status == SCSI_GOOD ? data_in(k) : (struct span){0};
	if (!k->connected)
		put_nexus(t, &w, k);
	if (data.n > 0)
		put_data_in(t, k->units, &w, data);
	put_sense(&w, k);
	wire_put_plain(&w, ITEM_STATUS, k->status, parity_flag(t, k->units, PHASE_STATUS));
	put_message(t, k->units, &w, 0x00); /* COMMAND COMPLETE */
	wire_put_plain(&w, ITEM_FREE, 0, 0);
	struct tgt_action *a = k->connected ? send_continue(t, &w) : send_reselect(t, k, &w);
	if (data.n > 0 && k->in)
		a->frame.data = k->in;
	else
		a->frame.small = data;
}
