/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario/bus_items.h"

#include "base/crc.h"
#include "unit/hex.h"

#include <check.h>

void it_begin(struct items *i)
{
	i->w = wr_init(i->buf, sizeof(i->buf));
}

void it_select(struct items *i, uint8_t target)
{
	wire_put_plain(&i->w, ITEM_SELECT, target, ITEM_ATN);
}

void it_message(struct items *i, uint8_t kind, const void *p, size_t n)
{
	wire_put_bytes(&i->w, kind, p, n);
}

void it_hex(struct items *i, uint8_t kind, const char *hex)
{
	uint8_t bytes[64];

	it_message(i, kind, bytes, hex_get(hex, bytes, sizeof(bytes)));
}

void it_identify(struct items *i, uint8_t tag)
{
	uint8_t buf[8];
	struct wr w = wr_init(buf, sizeof(buf));
	msg_put_identify(&w, 0, true);
	msg_put_simple(&w, tag);
	it_message(i, ITEM_MSG_OUT, buf, w.n);
}

void it_reconnect(struct items *i, uint8_t tag)
{
	const uint8_t bytes[] = {0x80, 0x20, tag};

	it_begin(i);
	it_message(i, ITEM_MSG_IN, bytes, sizeof(bytes));
}

void it_complete(struct items *i, uint8_t status)
{
	it_plain(i, ITEM_STATUS, status);
	it_hex(i, ITEM_MSG_IN, "00");
	it_plain(i, ITEM_FREE, 0);
}

void it_disconnect(struct items *i)
{
	it_hex(i, ITEM_MSG_IN, "04");
	it_plain(i, ITEM_FREE, 0);
}

static void put_mirror(struct wr *w, enum mirror_function function, uint8_t device, uint32_t op,
                       bool last)
{
	struct scsi_msg m = {.kind = MSG_EXT_MIRROR};
	m.mirror.function = function;
	m.mirror.group = 1;
	m.mirror.device = device;
	m.mirror.op = op;
	m.mirror.last = last;
	scsi_msg_put(w, &m);
}

void it_leader(struct items *i, bool first, uint8_t tag, uint8_t device, uint32_t op, bool last)
{
	uint8_t buf[64];
	struct wr w = wr_init(buf, sizeof(buf));
	if (first)
		msg_put_identify(&w, 0, true);
	msg_put_simple(&w, tag);
	put_mirror(&w, MIRROR_LEADER, device, op, last);
	it_message(i, ITEM_MSG_OUT, buf, w.n);
}

static void it_mirror(struct items *i, enum mirror_function function, uint8_t device, uint32_t op,
                      bool last)
{
	uint8_t buf[64];
	struct wr w = wr_init(buf, sizeof(buf));
	put_mirror(&w, function, device, op, last);
	it_message(i, ITEM_MSG_OUT, buf, w.n);
}

void it_name(struct items *i, uint8_t device, uint32_t op, bool last)
{
	it_mirror(i, MIRROR_SELECT, device, op, last);
}

void it_release(struct items *i, uint8_t device, uint32_t op)
{
	it_mirror(i, MIRROR_RELEASE, device, op, false);
}

void it_write16(struct items *i, lba_t lba, uint32_t blocks)
{
	struct scsi_cdb c = {.op = OP_WRITE_16, .lba = lba, .blocks = blocks};
	uint8_t cdb[SCSI_CDB_MAX];
	it_message(i, ITEM_COMMAND, cdb, scsi_cdb_put(&c, cdb));
}

void it_cdb6(struct items *i, uint8_t opcode, uint8_t byte4)
{
	const uint8_t cdb[6] = {opcode, 0, 0, 0, byte4, 0};
	it_message(i, ITEM_COMMAND, cdb, sizeof(cdb));
}

void it_data(struct items *i, uint8_t kind, uint32_t off, uint32_t len, uint32_t crc)
{
	wire_put_data(&i->w, kind, off, len, crc);
}

void it_plain(struct items *i, uint8_t kind, uint8_t arg)
{
	wire_put_plain(&i->w, kind, arg, 0);
}

void it_status(struct items *i, uint8_t tag, uint8_t status, uint32_t op, uint8_t device)
{
	uint8_t buf[SCSI_MSG_MAX + 8];
	struct wr w = wr_init(buf, sizeof(buf));

	msg_put_identify(&w, 0, false);
	msg_put_simple(&w, tag);
	if (op) {
		struct scsi_msg m = {.kind = MSG_EXT_MIRROR};
		m.mirror.function = MIRROR_STATUS;
		m.mirror.group = 1;
		m.mirror.device = device;
		m.mirror.op = op;
		m.mirror.status = status;
		scsi_msg_put(&w, &m);
	}
	it_begin(i);
	it_message(i, ITEM_MSG_IN, buf, w.n);
	it_complete(i, status);
}

void it_pass(struct items *i, uint8_t target, unsigned n, uint8_t tag, uint32_t op,
             const struct block *data)
{
	uint32_t len = (uint32_t)data->len;
	uint32_t crc = crc_data(0, data->data, len);

	it_begin(i);
	it_select(i, target);
	it_leader(i, true, tag, 0, op, n == 1);
	it_write16(i, 0, len / 512);
	it_data(i, ITEM_DATA_OUT, 0, len, crc);
	for (unsigned k = 1; k < n; k++) {
		it_name(i, (uint8_t)k, op, k + 1 == n);
		it_data(i, ITEM_DATA_OUT, 0, len, crc);
	}
	it_release(i, 0, op);
}

void it_chain(struct items *i, uint32_t limit_ns)
{
	struct rd r = rd_init(i->buf, i->w.n);
	struct wire_item select;
	struct wr w = wr_init(i->buf, WIRE_ITEM_LEN);

	ck_assert(wire_item_get(&r, &select) && select.kind == ITEM_SELECT);
	wire_put_select(&w, select.arg, limit_ns);
}

void it_broadcast_message(struct items *i, const struct scsi_msg_mirror *m, uint8_t tag)
{
	uint8_t buf[64];
	struct wr w = wr_init(buf, sizeof(buf));
	if (m->function == MIRROR_LEADER) {
		msg_put_identify(&w, 0, true);
		msg_put_simple(&w, tag);
	}
	struct scsi_msg out = {.kind = MSG_EXT_MIRROR, .mirror = *m};
	out.mirror.broadcast = true;
	scsi_msg_put(&w, &out);
	it_message(i, ITEM_MSG_OUT, buf, w.n);
}

void it_broadcast(struct items *i, uint8_t target, uint32_t devices, uint8_t tag, uint32_t op,
                  const struct block *data)
{
	uint32_t len = (uint32_t)data->len;
	struct scsi_msg_mirror m = {
	        .function = MIRROR_LEADER, .last = true, .group = 1, .op = op, .devices = devices};

	it_begin(i);
	it_select(i, target);
	it_broadcast_message(i, &m, tag);
	it_write16(i, 0, len / 512);
	it_data(i, ITEM_DATA_OUT, 0, len, crc_data(0, data->data, len));
	m.function = MIRROR_RELEASE;
	m.last = false;
	it_broadcast_message(i, &m, tag);
}
