/* SPDX-License-Identifier: BSD-2-Clause */
/* Payload of MGMT_BUS_SHOW: the bus and its ports at this moment. */
#include "base/assert.h"
#include "wire/codec.h"

static void get_xfer(struct wire_in *in, struct xfer *out)
{
	out->period = in_u8(in, "period");
	out->offset = in_u8_range(in, "offset", 0, XFER_OFFSET_MAX);
	out->wide = in_u8_range(in, "wide", 0, XFER_WIDE_MAX);
	out->options = in_u8(in, "options");
}

static void put_xfer(struct wr *w, const struct xfer *x)
{
	wr_u8(w, x->period);
	wr_u8(w, x->offset);
	wr_u8(w, x->wide);
	wr_u8(w, x->options);
}

static void get_shown_port(struct wire_in *in, struct wire_show *out, unsigned i)
{
	out->port[i].id = in_id(in, "id");
	out->port[i].role = in_u8_range(in, "role", ROLE_TARGET, ROLE_INITIATOR);
	out->port[i].arm_mode = in_u8_range(in, "arm_mode", ARM_NONE, ARM_FULL);
	out->port[i].epoch = in_u32(in, "epoch");
	in_copy(in, "uuid", out->port[i].uuid, UUID_LEN);
	in_name(in, "name", out->port[i].name);
	get_xfer(in, &out->port[i].xfer);
	out->port[i].refused = in_u32(in, "refused");
	out->port[i].queued = in_u16(in, "queued");
	out->port[i].n_members = in_u8_range(in, "n_members", 0, WIRE_MEMBERS_MAX);
	for (unsigned m = 0; m < out->port[i].n_members; m++)
		wire_get_member(in, &out->port[i].members[m]);
}

static void put_shown_port(struct wr *w, const struct wire_show *s, unsigned i)
{
	sm_assert(s->port[i].n_members <= WIRE_MEMBERS_MAX);
	wr_u8(w, s->port[i].id);
	wr_u8(w, s->port[i].role);
	wr_u8(w, s->port[i].arm_mode);
	wr_u32(w, s->port[i].epoch);
	wr_bytes(w, s->port[i].uuid, UUID_LEN);
	out_name(w, s->port[i].name);
	put_xfer(w, &s->port[i].xfer);
	wr_u32(w, s->port[i].refused);
	wr_u16(w, s->port[i].queued);
	wr_u8(w, s->port[i].n_members);
	for (unsigned m = 0; m < s->port[i].n_members; m++)
		wire_put_member(w, &s->port[i].members[m]);
}

bool wire_show_get(struct span payload, struct wire_show *out)
{
	struct wire_in in = {.r = rd_init(payload.p, payload.n)};
	struct wire_show s = {0};

	in_name(&in, "profile", s.profile);
	s.boot = in_u64(&in, "boot");
	s.now_ns = in_u64(&in, "now_ns");
	s.bsy = in_u16(&in, "bsy");
	s.sel = in_u16(&in, "sel");
	s.driver = in_id_or_none(&in, "driver");
	s.tenure = in_u32(&in, "tenure");
	s.n_ports = in_u8_range(&in, "n_ports", 0, WIRE_IDS);
	for (unsigned i = 0; i < s.n_ports; i++)
		get_shown_port(&in, &s, i);
	if (!rd_done(&in.r))
		return false;
	*out = s;
	return true;
}

void wire_show_put(struct wr *w, const struct wire_show *s)
{
	sm_assert(s->n_ports <= WIRE_IDS);
	out_name(w, s->profile);
	wr_u64(w, s->boot);
	wr_u64(w, s->now_ns);
	wr_u16(w, s->bsy);
	wr_u16(w, s->sel);
	wr_u8(w, s->driver);
	wr_u32(w, s->tenure);
	wr_u8(w, s->n_ports);
	for (unsigned i = 0; i < s->n_ports; i++)
		put_shown_port(w, s, i);
}
