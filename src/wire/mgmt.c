/* SPDX-License-Identifier: BSD-2-Clause */
/* What is no SCSI: reset as a line that a port asserts, management, the live trace. */
#include "wire/codec.h"

void wire_get_reset(struct wire_in *in, struct wire_reset *out)
{
	out->by = in_id_or_none(in, "by");
	in_text(in, "text", out->text, WIRE_TEXT_MAX);
}

void wire_put_reset(struct wr *w, const struct wire_reset *m)
{
	wr_u8(w, m->by);
	out_text(w, m->text, WIRE_TEXT_MAX);
}

void wire_get_mgmt(struct wire_in *in, struct wire_mgmt *out)
{
	out->req = in_u32(in, "req");
	out->answer = in_bool(in, "answer");
	out->from = in_id_or_none(in, "from");
	out->to = in_id_or_none(in, "to");
	out->kind = in_u8_range(in, "kind", MGMT_BUS_STATS, MGMT_FAULT_CLEAR);
	out->code = in_u8_range(in, "code", CODE_OK, CODE_SHUTDOWN);
	out->payload = in_span(in, "payload", WIRE_MGMT_MAX);
}

void wire_put_mgmt(struct wr *w, const struct wire_mgmt *m)
{
	wr_u32(w, m->req);
	out_bool(w, m->answer);
	wr_u8(w, m->from);
	wr_u8(w, m->to);
	wr_u8(w, m->kind);
	wr_u8(w, m->code);
	out_span(w, m->payload, WIRE_MGMT_MAX);
}

void wire_get_trace(struct wire_in *in, struct wire_trace *out)
{
	out->lost = in_u64(in, "lost");
	out->text = in_span(in, "text", WIRE_TRACE_MAX);
}

void wire_put_trace(struct wr *w, const struct wire_trace *m)
{
	wr_u64(w, m->lost);
	out_span(w, m->text, WIRE_TRACE_MAX);
}
