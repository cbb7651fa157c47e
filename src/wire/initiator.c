/* SPDX-License-Identifier: BSD-2-Clause */
/* An initiator and its port: scripts, and the reports of their tenures. */
#include "base/assert.h"
#include "wire/codec.h"

#define SCRIPT_KINDS                                                                               \
	(1U << ITEM_SELECT | 1U << ITEM_MSG_OUT | 1U << ITEM_COMMAND | 1U << ITEM_DATA_OUT |       \
	 1U << ITEM_DATA_IN | 1U << ITEM_UNIT)

void wire_get_script(struct wire_in *in, struct wire_script *out)
{
	out->id = in_u32_range(in, "id", 1, UINT32_MAX);
	unsigned kinds;
	out->items = in_items(in, SCRIPT_KINDS, 1U << ITEM_DATA_OUT, &kinds);
	/* So that every report can name a target. */
	if (!in->r.error && (out->items.n == 0 || out->items.p[0] != ITEM_SELECT))
		in_fail(in, "item 0 is not a selection");
}

void wire_put_script(struct wr *w, const struct wire_script *m)
{
	wr_u32(w, m->id);
	out_items(w, m->items);
}

void wire_get_cancel(struct wire_in *in, struct wire_cancel *out)
{
	out->id = in_u32_range(in, "id", 1, UINT32_MAX);
}

void wire_put_cancel(struct wr *w, const struct wire_cancel *m)
{
	wr_u32(w, m->id);
}

static void get_leg(struct wire_in *in, struct wire_leg *out)
{
	out->op = in_u32(in, "op of a leg");
	out->device = in_u8(in, "device of a leg");
	out->port = in_id_or_none(in, "port of a leg");
	out->result = in_u8_range(in, "result of a leg", LEG_TAKEN, LEG_NOT_REACHED);
	out->moved = in_u32_range(in, "moved of a leg", 0, WIRE_DATA_MAX);
}

static void put_leg(struct wr *w, const struct wire_leg *m)
{
	wr_u32(w, m->op);
	wr_u8(w, m->device);
	wr_u8(w, m->port);
	wr_u8(w, m->result);
	wr_u32(w, m->moved);
}

/* Whether there is a status, and how it came: a status information unit is the last field. */
enum { STATUS_NONE, STATUS_PLAIN, STATUS_UNIT };

void wire_get_tenure(struct wire_in *in, struct wire_tenure *out)
{
	out->script = in_u32(in, "script");
	out->tenure = in_u32(in, "tenure");
	out->reselected = in_bool(in, "reselected");
	out->target = in_id(in, "target");
	out->epoch = in_u32(in, "epoch");
	out->outcome = in_u8_range(in, "outcome", OUTCOME_COMPLETE, OUTCOME_CHAINED);
	uint8_t status = in_u8_range(in, "has_status", STATUS_NONE, STATUS_UNIT);
	out->has_status = status != STATUS_NONE;
	out->status = in_u8(in, "status");
	out->data_out = in_u32(in, "data_out");
	out->data_in = in_u32(in, "data_in");
	out->start_ns = in_u64(in, "start_ns");
	out->end_ns = in_u64(in, "end_ns");
	out->msg_in = in_span(in, "msg_in", WIRE_MSG_IN_MAX);
	out->n_legs = in_u8_range(in, "n_legs", 0, WIRE_LEGS_MAX);
	for (unsigned i = 0; i < out->n_legs; i++)
		get_leg(in, &out->legs[i]);
	out->unit =
	        status == STATUS_UNIT ? in_span(in, "unit", IU_STATUS_MAX) : (struct span){NULL, 0};
}

void wire_put_tenure(struct wr *w, const struct wire_tenure *m)
{
	sm_assert(m->n_legs <= WIRE_LEGS_MAX);
	wr_u32(w, m->script);
	wr_u32(w, m->tenure);
	out_bool(w, m->reselected);
	wr_u8(w, m->target);
	wr_u32(w, m->epoch);
	wr_u8(w, m->outcome);
	wr_u8(w, m->unit.n > 0 ? STATUS_UNIT : m->has_status ? STATUS_PLAIN : STATUS_NONE);
	wr_u8(w, m->status);
	wr_u32(w, m->data_out);
	wr_u32(w, m->data_in);
	wr_u64(w, m->start_ns);
	wr_u64(w, m->end_ns);
	out_span(w, m->msg_in, WIRE_MSG_IN_MAX);
	wr_u8(w, m->n_legs);
	for (unsigned i = 0; i < m->n_legs; i++)
		put_leg(w, &m->legs[i]);
	if (m->unit.n > 0)
		out_span(w, m->unit, IU_STATUS_MAX);
}
