/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCSI messages. The codec: what is a message gives the same message when it is written and read
 * again, and none is read beyond its end. Then a target: the bytes come as the MESSAGE OUT phases
 * of commands, of passes that it leads or takes part in, cut where the input says; what it answers
 * is a program of items and messages that can be read.
 */
#include "base/assert.h"
#include "base/crc.h"
#include "fuzz/disk.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define BURSTS 24

/* ---- the codec ---- */

static bool writable(const struct scsi_msg *m)
{
	return m->kind != MSG_OTHER && m->kind != MSG_EXT_OTHER &&
	       (m->kind != MSG_IDENTIFY || m->identify.lun < SCSI_LUNS);
}

static bool same(const struct scsi_msg *a, const struct scsi_msg *b)
{
	uint8_t x[SCSI_MSG_MAX], y[SCSI_MSG_MAX];
	struct wr v = wr_init(x, sizeof(x)), w = wr_init(y, sizeof(y));

	scsi_msg_put(&v, a);
	scsi_msg_put(&w, b);
	return wr_ok(&v) && wr_ok(&w) && v.n == w.n && memcmp(x, y, v.n) == 0;
}

static void read_all(const uint8_t *p, size_t n)
{
	struct rd r = rd_init(p, n);
	struct scsi_msg m, back;
	uint8_t bytes[SCSI_MSG_MAX];

	while (rd_left(&r) > 0 && scsi_msg_get(&r, &m)) {
		sm_assert(*scsi_msg_name(&m));
		if (!writable(&m))
			continue;
		struct wr w = wr_init(bytes, sizeof(bytes));
		scsi_msg_put(&w, &m);
		sm_assert(wr_ok(&w));
		struct rd again = rd_init(bytes, w.n);
		sm_assert(scsi_msg_get(&again, &back) && rd_done(&again));
		sm_assert(m.kind == back.kind && same(&m, &back));
	}
}

/* ---- a target ---- */

static struct fuzz_disk d;

static void read_program(const struct wire_program *p)
{
	struct rd r = rd_init(p->items.p, p->items.n);
	struct wire_item it;
	struct scsi_msg m;

	while (wire_item_get(&r, &it)) {
		if (it.kind != ITEM_MSG_IN)
			continue;
		struct rd bytes = rd_init(it.bytes.p, it.bytes.n);
		while (rd_left(&bytes) > 0)
			sm_assert(scsi_msg_get(&bytes, &m));
	}
	sm_assert(rd_done(&r));
}

static void look(const struct wire_frame *f)
{
	if (f->type == WIRE_PROGRAM)
		read_program(&f->program);
}

/* A burst whose messages are the input's. The first byte: bits 0-1 role, 2 with a CDB, 3 with data,
 * 4 ATN, 5 wrong parity, 6 the store answers; then a length and the bytes. */
static void burst(struct rd *r, uint32_t tenure)
{
	static const uint8_t write_16[16] = {0x8a, [9] = 2, [13] = 1};
	uint8_t items[512], how = rd_u8(r), n = rd_u8(r) % 100;
	struct span bytes = rd_bytes(r, n < rd_left(r) ? n : rd_left(r));
	struct wr w = wr_init(items, sizeof(items));
	struct wire_frame f = {.type = WIRE_BURST};
	struct wire_item msg = {.kind = (how & 3) == 2 ? ITEM_LATCH : ITEM_MSG_OUT,
	                        .arg = 7,
	                        .flags = how & 32 ? ITEM_PARITY : 0,
	                        .len = (uint32_t)bytes.n,
	                        .bytes = bytes};
	uint8_t role = (uint8_t)(1 + how % 3);

	if (msg.kind == ITEM_LATCH)
		msg.flags = 0;
	else
		wire_put_plain(&w, ITEM_SELECT, 7, ITEM_ATN);
	wire_item_put(&w, &msg);
	if (how & 4)
		wire_put_bytes(&w, ITEM_COMMAND, write_16, sizeof(write_16));
	if (how & 8) {
		f.data = block_new(DISK_BLOCK);
		sm_assert(f.data);
		memset(f.data->data, how, DISK_BLOCK);
		wire_put_data(&w, ITEM_DATA_OUT, 0, DISK_BLOCK,
		              crc_data(0, f.data->data, DISK_BLOCK));
	}
	f.burst = (struct wire_burst){.tenure = tenure,
	                              .token = tenure + 100,
	                              .role = role,
	                              .initiator = 7,
	                              .epoch = 3,
	                              .wanted = true,
	                              .atn = how & 16,
	                              .items = {items, w.n}};
	fuzz_disk_frame(&d, &f);
	block_unref(f.data);
	if (how & 64)
		fuzz_disk_answer(&d);
}

static void start(void)
{
	struct wire_attached a = {.epoch = 1, .boot = 1, .id = DISK_ID};
	struct wire_frame f = {.type = WIRE_PORT,
	                       .port = {.up = true, .id = 7, .role = ROLE_INITIATOR, .epoch = 3}};

	fuzz_disk_new(&d, NS_PER_S, look);
	fuzz_disk_step(&d, (struct tgt_event){.kind = TGT_EV_ATTACHED, .attached = &a});
	fuzz_disk_frame(&d, &f);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct rd r = rd_init(p, n);

	read_all(p, n);
	start();
	for (uint32_t i = 1; i < BURSTS && rd_left(&r) > 0; i++)
		burst(&r, i);
	fuzz_disk_answer(&d);
	fuzz_disk_free(&d);
	return 0;
}
