/* SPDX-License-Identifier: BSD-2-Clause */
/* A target and its port: arming, memberships, what the port received, what it is to do. */
#include "base/assert.h"
#include "wire/codec.h"

static void get_arm_lun(struct wire_in *in, struct wire_arm_lun *out)
{
	out->lun = in_u8_range(in, "lun", 0, WIRE_LUN_MOST);
	out->block_size = in_u32_range(in, "block_size", 1, WIRE_DATA_MAX);
	out->blocks = in_u64(in, "blocks");
	out->max_data = in_u32_range(in, "max_data", 0, WIRE_DATA_MAX);
	out->n_ops = in_u8_range(in, "n_ops", 0, WIRE_OPS_MAX);
	in_copy(in, "ops", out->ops, out->n_ops);
}

static void put_arm_lun(struct wr *w, const struct wire_arm_lun *m)
{
	sm_assert(m->n_ops <= WIRE_OPS_MAX);
	wr_u8(w, m->lun);
	wr_u32(w, m->block_size);
	wr_u64(w, m->blocks);
	wr_u32(w, m->max_data);
	wr_u8(w, m->n_ops);
	wr_bytes(w, m->ops, m->n_ops);
}

void wire_get_arm(struct wire_in *in, struct wire_arm *out)
{
	out->mode = in_u8_range(in, "mode", ARM_NONE, ARM_FULL);
	out->n_luns = in_u8_range(in, "n_luns", 0, WIRE_LUNS_MAX);
	for (unsigned i = 0; i < out->n_luns; i++)
		get_arm_lun(in, &out->luns[i]);
}

void wire_put_arm(struct wr *w, const struct wire_arm *m)
{
	sm_assert(m->n_luns <= WIRE_LUNS_MAX);
	wr_u8(w, m->mode);
	wr_u8(w, m->n_luns);
	for (unsigned i = 0; i < m->n_luns; i++)
		put_arm_lun(w, &m->luns[i]);
}

void wire_get_member(struct wire_in *in, struct wire_member *out)
{
	out->lun = in_u8_range(in, "lun", 0, WIRE_LUN_MOST);
	out->group = in_u16(in, "group");
	out->device = in_u8(in, "device");
}

void wire_put_member(struct wr *w, const struct wire_member *m)
{
	wr_u8(w, m->lun);
	wr_u16(w, m->group);
	wr_u8(w, m->device);
}

void wire_get_members(struct wire_in *in, struct wire_members *out)
{
	out->n = in_u8_range(in, "n", 0, WIRE_MEMBERS_MAX);
	for (unsigned i = 0; i < out->n; i++)
		wire_get_member(in, &out->m[i]);
}

void wire_put_members(struct wr *w, const struct wire_members *m)
{
	sm_assert(m->n <= WIRE_MEMBERS_MAX);
	wr_u8(w, m->n);
	for (unsigned i = 0; i < m->n; i++)
		wire_put_member(w, &m->m[i]);
}

static void get_limit(struct wire_in *in, struct wire_limit *out)
{
	out->lun = in_u8_range(in, "lun", 0, WIRE_LUN_MOST);
	out->out = in_u32(in, "out");
	out->in = in_u32(in, "in");
	out->connect = in_u16(in, "connect");
	out->wait = in_u16(in, "wait");
	out->hold = in_bool(in, "hold");
}

void wire_get_limits(struct wire_in *in, struct wire_limits *out)
{
	out->n = in_u8_range(in, "n", 0, WIRE_LUNS_MAX);
	for (unsigned i = 0; i < out->n; i++)
		get_limit(in, &out->of[i]);
}

void wire_put_limits(struct wr *w, const struct wire_limits *m)
{
	sm_assert(m->n <= WIRE_LUNS_MAX);
	wr_u8(w, m->n);
	for (unsigned i = 0; i < m->n; i++) {
		wr_u8(w, m->of[i].lun);
		wr_u32(w, m->of[i].out);
		wr_u32(w, m->of[i].in);
		wr_u16(w, m->of[i].connect);
		wr_u16(w, m->of[i].wait);
		out_bool(w, m->of[i].hold);
	}
}

#define BURST_KINDS                                                                                \
	(1U << ITEM_SELECT | 1U << ITEM_MSG_OUT | 1U << ITEM_COMMAND | 1U << ITEM_DATA_OUT |       \
	 1U << ITEM_FREE | 1U << ITEM_LATCH | 1U << ITEM_TOKEN)
#define PROGRAM_KINDS                                                                              \
	(1U << ITEM_MSG_OUT | 1U << ITEM_COMMAND | 1U << ITEM_DATA_OUT | 1U << ITEM_DATA_IN |      \
	 1U << ITEM_STATUS | 1U << ITEM_MSG_IN | 1U << ITEM_FREE | 1U << ITEM_PASS |               \
	 1U << ITEM_SENSE)

void wire_get_burst(struct wire_in *in, struct wire_burst *out)
{
	out->tenure = in_u32(in, "tenure");
	out->token = in_u32(in, "token");
	out->program = in_u32(in, "program");
	out->role = in_u8_range(in, "role", BURST_TARGET, BURST_PARTICIPANT);
	out->initiator = in_id(in, "initiator");
	out->epoch = in_u32(in, "epoch");
	out->wanted = in_bool(in, "wanted");
	out->atn = in_bool(in, "atn");
	unsigned kinds;
	out->items = in_items(in, BURST_KINDS, 1U << ITEM_DATA_OUT, &kinds);
}

void wire_put_burst(struct wr *w, const struct wire_burst *m)
{
	wr_u32(w, m->tenure);
	wr_u32(w, m->token);
	wr_u32(w, m->program);
	wr_u8(w, m->role);
	wr_u8(w, m->initiator);
	wr_u32(w, m->epoch);
	out_bool(w, m->wanted);
	out_bool(w, m->atn);
	out_items(w, m->items);
}

void wire_get_program(struct wire_in *in, struct wire_program *out)
{
	out->kind = in_u8_range(in, "kind", PROGRAM_CONTINUE, PROGRAM_RESELECT);
	bool reselect = out->kind == PROGRAM_RESELECT;
	out->id = in_u32_range(in, "id", reselect ? 1 : 0, UINT32_MAX);
	out->tenure = in_u32(in, "tenure");
	out->token = in_u32(in, "token");
	out->initiator = reselect ? in_id(in, "initiator") : in_id_or_none(in, "initiator");
	out->epoch = in_u32(in, "epoch");
	out->items = in_items(in, PROGRAM_KINDS, 1U << ITEM_DATA_IN, &out->kinds);
}

void wire_put_program(struct wr *w, const struct wire_program *m)
{
	wr_u8(w, m->kind);
	wr_u32(w, m->id);
	wr_u32(w, m->tenure);
	wr_u32(w, m->token);
	wr_u8(w, m->initiator);
	wr_u32(w, m->epoch);
	out_items(w, m->items);
}
