/* SPDX-License-Identifier: BSD-2-Clause */
/* How a port comes, is refused, is watched, and is told of the others. */
#include "wire/codec.h"

void wire_get_attach(struct wire_in *in, struct wire_attach *out)
{
	out->version = in_u16(in, "version");
	if (out->version != WIRE_VERSION) {
		/* The rest may be of another form: the server answers CODE_VERSION. */
		rd_skip(&in->r, rd_left(&in->r));
		return;
	}
	out->role = in_u8_flagged(in, "role", ROLE_TARGET, ROLE_TAP, SMIRROR_ROLE_OWN, &out->own);
	if (out->role != ROLE_TAP)
		out->id = in_id(in, "id");
	else
		out->id = in_u8_range(in, "id", WIRE_NO_ID, WIRE_NO_ID);
	in_copy(in, "uuid", out->uuid, UUID_LEN);
	in_name(in, "name", out->name);
	if (out->own) {
		out->epoch = in_u32(in, "epoch");
		out->boot = in_u64(in, "boot");
	}
}

void wire_put_attach(struct wr *w, const struct wire_attach *m)
{
	wr_u16(w, m->version);
	wr_u8(w, m->own ? m->role | SMIRROR_ROLE_OWN : m->role);
	wr_u8(w, m->id);
	wr_bytes(w, m->uuid, UUID_LEN);
	out_name(w, m->name);
	if (m->own) {
		wr_u32(w, m->epoch);
		wr_u64(w, m->boot);
	}
}

void wire_get_attached(struct wire_in *in, struct wire_attached *out)
{
	out->epoch = in_u32(in, "epoch");
	out->boot = in_u64(in, "boot");
	out->id = in_id_or_none(in, "id");
	out->heartbeat_ms = in_u32(in, "heartbeat_ms");
	in_name(in, "profile", out->profile);
}

void wire_put_attached(struct wr *w, const struct wire_attached *m)
{
	wr_u32(w, m->epoch);
	wr_u64(w, m->boot);
	wr_u8(w, m->id);
	wr_u32(w, m->heartbeat_ms);
	out_name(w, m->profile);
}

void wire_get_error(struct wire_in *in, struct wire_error *out)
{
	out->code = in_u8_range(in, "code", CODE_OK, CODE_SHUTDOWN);
	out->frame_type = in_u8(in, "frame_type");
	out->ref = in_u32(in, "ref");
	in_text(in, "text", out->text, WIRE_TEXT_MAX);
}

void wire_put_error(struct wr *w, const struct wire_error *m)
{
	wr_u8(w, m->code);
	wr_u8(w, m->frame_type);
	wr_u32(w, m->ref);
	out_text(w, m->text, WIRE_TEXT_MAX);
}

void wire_get_ping(struct wire_in *in, struct wire_ping *out)
{
	out->cookie = in_u64(in, "cookie");
}

void wire_put_ping(struct wr *w, const struct wire_ping *m)
{
	wr_u64(w, m->cookie);
}

void wire_get_port(struct wire_in *in, struct wire_port *out)
{
	out->up = in_bool(in, "up");
	out->id = in_id(in, "id");
	out->role = in_u8_range(in, "role", ROLE_TARGET, ROLE_INITIATOR);
	out->epoch = in_u32(in, "epoch");
	in_copy(in, "uuid", out->uuid, UUID_LEN);
	in_name(in, "name", out->name);
}

void wire_put_port(struct wr *w, const struct wire_port *m)
{
	out_bool(w, m->up);
	wr_u8(w, m->id);
	wr_u8(w, m->role);
	wr_u32(w, m->epoch);
	wr_bytes(w, m->uuid, UUID_LEN);
	out_name(w, m->name);
}

void wire_get_ring(struct wire_in *in, struct wire_ring *out)
{
	out->number = in_u32(in, "number");
	out->bytes = in_u64(in, "bytes");
}

void wire_put_ring(struct wr *w, const struct wire_ring *m)
{
	wr_u32(w, m->number);
	wr_u64(w, m->bytes);
}
