/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/trace_json.h"

#include "scsi/cdb.h"
#include "scsi/iu.h"
#include "scsi/msg.h"
#include "scsi/status.h"

#include <string.h>

static void put(struct wr *w, const char *text)
{
	wr_bytes(w, text, strlen(text));
}

static void put_u64(struct wr *w, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	wr_bytes(w, digits + at, sizeof(digits) - at);
}

static void put_bool(struct wr *w, bool v)
{
	put(w, v ? "true" : "false");
}

static void put_id(struct wr *w, uint8_t id)
{
	if (id == WIRE_NO_ID)
		put(w, "null");
	else
		put_u64(w, id);
}

static void put_mask(struct wr *w, uint16_t mask)
{
	const char *between = "";

	put(w, "[");
	for (unsigned id = 0; id < WIRE_IDS; id++) {
		if (!(mask & 1U << id))
			continue;
		put(w, between);
		put_u64(w, id);
		between = ",";
	}
	put(w, "]");
}

static void put_hex(struct wr *w, const uint8_t *p, size_t n)
{
	static const char digit[] = "0123456789abcdef";

	put(w, "\"");
	for (size_t i = 0; i < n; i++) {
		wr_u8(w, (uint8_t)digit[p[i] >> 4]);
		wr_u8(w, (uint8_t)digit[p[i] & 15]);
	}
	put(w, "\"");
}

/* Those that a broadcast pass is for. */
static void put_devices(struct wr *w, uint32_t devices)
{
	const char *between = "";

	put(w, ",\"devices\":[");
	for (unsigned i = 0; i < 32; i++) {
		if (!(devices >> i & 1))
			continue;
		put(w, between);
		between = ",";
		put_u64(w, i);
	}
	put(w, "]");
}

static void put_mirror(struct wr *w, const struct scsi_msg_mirror *m)
{
	put(w, ",\"group\":");
	put_u64(w, m->group);
	put(w, ",\"device\":");
	put_u64(w, m->device);
	put(w, ",\"last\":");
	put_bool(w, m->last);
	put(w, ",\"op\":");
	put_u64(w, m->op);
	if (m->broadcast)
		put_devices(w, m->devices);
	if (m->function == MIRROR_STATUS) {
		put(w, ",\"status\":\"");
		put(w, scsi_status_name(m->status));
		put(w, "\"");
	}
}

/* What cannot be read as messages, because it was cut short or is malformed, is one message without
 * a name. */
static void put_messages(struct wr *w, struct span octets)
{
	struct rd r = rd_init(octets.p, octets.n);
	const char *between = "";

	put(w, "[");
	while (rd_left(&r) > 0) {
		const uint8_t *from = r.p;
		size_t left = r.n;
		struct scsi_msg m;
		bool known = scsi_msg_get(&r, &m);

		put(w, between);
		between = ",";
		put(w, "{\"name\":\"");
		put(w, known ? scsi_msg_name(&m) : "MALFORMED");
		put(w, "\",\"hex\":");
		put_hex(w, from, known ? left - r.n : left);
		if (known && m.kind == MSG_EXT_MIRROR)
			put_mirror(w, &m.mirror);
		put(w, "}");
	}
	put(w, "]");
}

static void put_crc(struct wr *w, enum bus_crc crc)
{
	switch (crc) {
	case BUS_CRC_NULL:
		put(w, "null");
		return;
	case BUS_CRC_BAD:
		put(w, "false");
		return;
	case BUS_CRC_OK:
		put(w, "true");
		return;
	}
}

static bool is_message(enum scsi_phase phase)
{
	return phase == PHASE_MESSAGE_OUT || phase == PHASE_MESSAGE_IN;
}

/* ---- information units ---- */

static void put_text(struct wr *w, const char *key, const char *text)
{
	put(w, ",\"");
	put(w, key);
	put(w, "\":\"");
	put(w, text);
	put(w, "\"");
}

static void put_number(struct wr *w, const char *key, uint64_t v)
{
	put(w, ",\"");
	put(w, key);
	put(w, "\":");
	put_u64(w, v);
}

static void put_l_q(struct wr *w, struct span s)
{
	struct rd r = rd_init(s.p, s.n);
	struct iu_l_q q;
	uint8_t lun;

	if (!iu_l_q_get(&r, &q))
		return;
	put_text(w, "type", iu_type_name(q.type));
	put_number(w, "tag", q.tag);
	if (iu_l_q_lun(&q, &lun))
		put_number(w, "lun", lun);
	put_number(w, "length", q.length);
}

static void put_command(struct wr *w, struct span s)
{
	struct iu_command c;
	char name[24];

	if (iu_command_get(s, &c) != IU_FAILURE_NONE)
		return;
	const struct scsi_msg attr = {.kind = c.attr}, function = {.kind = c.function};
	put_text(w, "attribute", scsi_msg_name(&attr));
	if (c.function != MSG_NO_OPERATION)
		put_text(w, "function", scsi_msg_name(&function));
	else
		put_text(w, "command", scsi_cdb_name(c.cdb, name, sizeof(name)));
}

static void put_status_unit(struct wr *w, struct span s)
{
	struct iu_status u;

	if (!iu_status_get(s, &u))
		return;
	put_text(w, "status", scsi_status_name(u.status));
	if (u.failed)
		put_text(w, "failure", iu_failure_name(u.failure));
	if (u.sense.n > 0) {
		put(w, ",\"sense\":");
		put_hex(w, u.sense.p, u.sense.n);
	}
}

static void put_unit(struct wr *w, uint8_t kind, uint32_t len, struct span s)
{
	static const char *const names[] = {[BUS_UNIT_L_Q] = "L_Q",
	                                    [BUS_UNIT_COMMAND] = "COMMAND",
	                                    [BUS_UNIT_DATA] = "DATA",
	                                    [BUS_UNIT_STATUS] = "STATUS"};

	put(w, "{\"name\":\"");
	put(w, kind < ARRAY_LEN(names) ? names[kind] : "?");
	put(w, "\"");
	put_number(w, "bytes", len);
	if (s.n > 0) {
		put(w, ",\"hex\":");
		put_hex(w, s.p, s.n);
	}
	if (kind == BUS_UNIT_L_Q)
		put_l_q(w, s);
	else if (kind == BUS_UNIT_COMMAND)
		put_command(w, s);
	else if (kind == BUS_UNIT_STATUS)
		put_status_unit(w, s);
	put(w, "}");
}

static void put_units(struct wr *w, const struct bus_trace *e)
{
	struct rd r = rd_init(e->octets.p, e->octets.n);
	const char *between = "";

	if (!e->units)
		return;
	put(w, ",\"units\":[");
	while (rd_left(&r) > 0) {
		uint8_t kind = rd_u8(&r);
		uint32_t len = rd_u32(&r);
		struct span s = rd_bytes(&r, kind == BUS_UNIT_DATA ? 0 : len);

		put(w, between);
		between = ",";
		put_unit(w, kind, len, s);
	}
	put(w, "]");
}

/* What only phases of this kind have. */
static void put_extra(struct wr *w, const struct bus_trace *e)
{
	char name[24];

	switch (e->phase) {
	case PHASE_ARBITRATION:
		put(w, ",\"ids\":");
		put_mask(w, e->ids);
		put(w, ",\"winner\":");
		put_id(w, e->winner);
		return;
	case PHASE_SELECTION:
	case PHASE_RESELECTION:
		if (e->ids) { /* others than the two */
			put(w, ",\"ids\":");
			put_mask(w, e->ids);
		}
		put(w, ",\"target\":");
		put_id(w, e->target);
		return;
	case PHASE_COMMAND:
		put(w, ",\"cdb\":");
		put_hex(w, e->octets.p, e->octets.n);
		put(w, ",\"name\":\"");
		put(w, scsi_cdb_name(e->octets, name, sizeof(name)));
		put(w, "\"");
		return;
	case PHASE_STATUS:
		put(w, ",\"status\":\"");
		put(w, scsi_status_name(e->status));
		put(w, "\"");
		return;
	case PHASE_DATA_OUT:
	case PHASE_DATA_IN:
		put_units(w, e);
		return;
	case PHASE_MESSAGE_OUT:
	case PHASE_MESSAGE_IN:
	case PHASE_BUS_FREE:
	case PHASE_RESET:
		return;
	}
}

size_t trace_json(const struct bus_trace *e, char *out, size_t cap)
{
	struct wr w = wr_init(out, cap);

	put(&w, "{\"seq\":");
	put_u64(&w, e->seq);
	put(&w, ",\"t_ns\":");
	put_u64(&w, e->t_ns);
	put(&w, ",\"dur_ns\":");
	put_u64(&w, e->dur_ns);
	put(&w, ",\"tenure\":");
	put_u64(&w, e->tenure);
	put(&w, ",\"phase\":\"");
	put(&w, scsi_phase_name(e->phase));
	put(&w, "\",\"init\":");
	put_id(&w, e->init);
	put(&w, ",\"leader\":");
	put_id(&w, e->leader);
	put(&w, ",\"bsy\":");
	put_mask(&w, e->bsy);
	put(&w, ",\"sel\":");
	put_mask(&w, e->sel);
	put(&w, ",\"driver\":");
	put_id(&w, e->driver);
	put(&w, ",\"atn\":");
	put_bool(&w, e->atn);
	put(&w, ",\"bytes\":");
	put_u64(&w, e->bytes);
	put(&w, ",\"crc_ok\":");
	put_crc(&w, e->crc);
	put(&w, ",\"op\":");
	if (e->has_op)
		put_u64(&w, e->op);
	else
		put(&w, "null");
	put(&w, ",\"msg\":");
	if (is_message(e->phase))
		put_messages(&w, e->octets);
	else
		put(&w, "null");
	put_extra(&w, e);
	put(&w, "}\n");
	return wr_ok(&w) ? w.n : 0;
}
