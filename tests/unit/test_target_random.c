/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whatever a server or an initiator sends, no invariant breaks, and what is accepted has an end:
 * random bursts, resets, losses and store answers, with tgt_check() after each step.
 */
#include "unit/disk.h"
#include "unit/tap_main.h"

#include "base/crc.h"
#include "base/prng.h"
#include "scsi/cdb.h"
#include "scsi/msg.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#define STEPS 20000
#define SEEDS 6

struct world {
	struct prng g;
	struct disk *d;
	uint32_t tenure;
	uint8_t role;
};

static bool chance(struct world *w, unsigned percent)
{
	return prng_below(&w->g, 100) < percent;
}

static uint8_t any(struct world *w)
{
	return (uint8_t)prng_u64(&w->g);
}

/* ---- parts ---- */

static void put_mirror(struct world *w, struct wr *m, enum mirror_function function)
{
	struct scsi_msg msg = {.kind = MSG_EXT_MIRROR};
	msg.mirror.function = function;
	msg.mirror.group = chance(w, 90) ? 1 : 7;
	msg.mirror.device = (uint8_t)prng_below(&w->g, 4);
	msg.mirror.op = (uint32_t)prng_below(&w->g, 4);
	msg.mirror.last = chance(w, 30);
	msg.mirror.broadcast = chance(w, 3);
	scsi_msg_put(m, &msg);
}

static void put_negotiation(struct world *w, struct wr *m)
{
	static const enum scsi_msg_kind kinds[] = {MSG_EXT_PPR, MSG_EXT_SDTR, MSG_EXT_WDTR};
	struct scsi_msg msg = {.kind = kinds[prng_below(&w->g, 3)]};
	msg.xfer = (struct xfer){any(w), any(w), any(w), any(w)};
	scsi_msg_put(m, &msg);
}

static size_t messages(struct world *w, uint8_t *out, size_t cap)
{
	struct wr m = wr_init(out, cap);
	if (chance(w, 95))
		msg_put_identify(&m, chance(w, 95) ? 0 : 1, chance(w, 80));
	if (chance(w, 80)) {
		wr_u8(&m, (uint8_t)(0x20 + prng_below(&w->g, 3)));
		wr_u8(&m, (uint8_t)prng_below(&w->g, 6));
	}
	while (chance(w, 30)) {
		if (chance(w, 60))
			put_mirror(w, &m, (enum mirror_function)(1 + prng_below(&w->g, 3)));
		else if (chance(w, 50))
			put_negotiation(w, &m);
		else
			wr_u8(&m, (uint8_t)prng_below(&w->g, 0x20));
	}
	return m.n;
}

static size_t cdb(struct world *w, uint8_t *out)
{
	const struct scsi_op_info *info = scsi_op_info((enum scsi_op)prng_below(&w->g, OP_COUNT));
	struct scsi_cdb c;
	memset(out, 0, SCSI_CDB_MAX);
	out[0] = chance(w, 97) ? info->opcode : any(w);
	out[7] = 0x18; /* of variable length ones */
	size_t n = scsi_cdb_len((struct span){out, SCSI_CDB_MAX});
	out[7] = 0;
	n = n ? n : 6;
	/* small values, so that many are right */
	for (size_t i = 1; i < n; i++)
		if (chance(w, 30))
			out[i] = (uint8_t)prng_below(&w->g, 5);
	if (info->opcode == SCSI_OP_VARIABLE) {
		out[7] = 0x18;
		out[9] = (uint8_t)info->service_action;
	}
	while (chance(w, 98) && scsi_cdb_get((struct span){out, n}, &c) && c.reserved_at > 0)
		out[c.reserved_at] = 0;
	if (out[0] == info->opcode && info->service_action >= 0 && chance(w, 90) &&
	    info->opcode != SCSI_OP_VARIABLE)
		out[1] = (uint8_t)info->service_action;
	if (chance(w, 5))
		out[prng_below(&w->g, n)] = any(w);
	return chance(w, 98) ? n : prng_below(&w->g, SCSI_CDB_MAX + 1);
}

/* Data of the length that the CDB asks for, mostly. */
static struct block *data(struct world *w, const uint8_t *c, struct wr *items)
{
	struct scsi_cdb decoded;
	enum scsi_dir dir = D_NONE;
	uint64_t n = prng_below(&w->g, 4) * 512;
	if (chance(w, 90) && scsi_cdb_get((struct span){c, SCSI_CDB_MAX}, &decoded))
		n = scsi_cdb_data_len(&decoded, 512, &dir);
	n = n < 8192 ? n : 8192;
	struct block *b = block_new(n);
	memset(b->data, 0, n);
	struct wire_item it = {.kind = ITEM_DATA_OUT, .len = (uint32_t)n};
	it.flags = chance(w, 5) ? ITEM_CUT : 0;
	it.crc = crc_data(0, b->data, n) ^ chance(w, 5);
	it.off = chance(w, 1) ? any(w) : 0;
	wire_item_put(items, &it);
	return b;
}

static void put_bytes(struct wr *items, uint8_t kind, const uint8_t *p, size_t n)
{
	struct wire_item it = {.kind = kind, .len = (uint32_t)n, .bytes = {p, n}};
	if (kind != ITEM_LATCH && n > 0 && p[0] % 11 == 3)
		it.flags = ITEM_PARITY;
	wire_item_put(items, &it);
}

static void burst(struct world *w)
{
	uint8_t encoded[4096], bytes[512], c[SCSI_CDB_MAX] = {0};
	struct wr items = wr_init(encoded, sizeof(encoded));
	struct wire_frame f = {.type = WIRE_BURST};
	if (chance(w, 60)) {
		w->tenure++;
		w->role = (uint8_t)(1 + prng_below(&w->g, 3));
		if (w->role == BURST_PARTICIPANT)
			put_bytes(&items, ITEM_LATCH, bytes, messages(w, bytes, sizeof(bytes)));
		else
			wire_put_plain(&items, ITEM_SELECT, 7, chance(w, 95) ? ITEM_ATN : 0);
	}
	if (chance(w, 80))
		put_bytes(&items, ITEM_MSG_OUT, bytes, messages(w, bytes, sizeof(bytes)));
	if (chance(w, 80))
		put_bytes(&items, ITEM_COMMAND, c, cdb(w, c));
	if (chance(w, 40))
		wire_put_plain(&items, ITEM_TOKEN, 0, 0);
	if (chance(w, 50))
		f.data = data(w, c, &items);
	if (chance(w, 40))
		put_bytes(&items, ITEM_MSG_OUT, bytes, messages(w, bytes, sizeof(bytes)));
	if (chance(w, 30))
		wire_put_plain(&items, ITEM_FREE, 0,
		               chance(w, 20)   ? ITEM_CUT
		               : chance(w, 30) ? ITEM_PARK
		                               : 0);
	ck_assert(wr_ok(&items));
	/* One whose command was split comes again. */
	uint32_t tenure = w->tenure - (chance(w, 15) ? (uint32_t)prng_below(&w->g, 4) : 0);
	f.burst = (struct wire_burst){
	        .tenure = tenure,
	        .token = 100 + tenure,
	        .program = chance(w, 2) ? 5 : 0,
	        .role = w->role,
	        .initiator = chance(w, 90) ? 7 : 6,
	        .epoch = 3,
	        .wanted = chance(w, 60),
	        .atn = chance(w, 15),
	        .items = {encoded, chance(w, 98) ? items.n : prng_below(&w->g, items.n + 1)},
	};
	(void)disk_frame(w->d, &f);
	block_unref(f.data);
}

static void fault(struct world *w)
{
	static const char *const specs[] = {"busy",
	                                    "task-set-full",
	                                    "crc-error:times=3",
	                                    "slow:ms=5",
	                                    "medium-error:lba=3",
	                                    "no-status",
	                                    "slow:ms=0",
	                                    "medium-error:lba=2,blocks=9"};
	struct wire_frame f = {.type = WIRE_MGMT};
	f.mgmt = (struct wire_mgmt){.req = 1, .from = 7, .to = 2, .kind = MGMT_FAULT_CLEAR};
	if (chance(w, 40))
		(void)disk_frame(w->d, &f);
	else
		(void)disk_fault(w->d, specs[prng_below(&w->g, ARRAY_LEN(specs))]);
}

static void one(struct world *w)
{
	uint64_t what = prng_below(&w->g, 1000);
	struct disk *d = w->d;
	d->hold = chance(w, 60);
	d->now += prng_below(&w->g, 2 * NS_PER_MS);
	d->result = chance(w, 5) ? (enum tgt_store_result)prng_below(&w->g, STORE_DEAD) : STORE_OK;
	d->good_blocks = 0;
	d->meta_fails = chance(w, 20);
	if (what < 860)
		burst(w);
	else if (what < 940 && d->n_held > 0)
		(void)disk_answer(d, (unsigned)prng_below(&w->g, d->n_held));
	else if (what < 950)
		(void)disk_release(d);
	else if (what < 960)
		(void)disk_reset(d);
	else if (what < 970)
		(void)disk_port(d, 7, 3, chance(w, 80));
	else if (what < 990)
		fault(w);
	else {
		(void)disk_detach(d);
		(void)disk_release(d);
		(void)disk_attach(d, chance(w, 50) ? 1 : 2);
		(void)disk_port(d, 7, 3, true);
	}
	if (tgt_deadline(d->t) <= d->now)
		(void)disk_wait(d);
}

START_TEST(no_invariant_breaks)
{
	struct world w = {.g = prng_init((uint64_t)_i), .d = disk_new()};
	disk_join(w.d);
	w.tenure = 1000;
	for (unsigned i = 0; i < STEPS; i++)
		one(&w);
	/* what was accepted ends */
	w.d->hold = false;
	w.d->result = STORE_OK;
	(void)disk_burst(w.d, "t=1 free");
	for (uint32_t n = 996; n <= w.tenure; n++) { /* what was split, and never went on */
		char words[40];
		for (unsigned id = 6; id <= 7; id++) {
			(void)snprintf(words, sizeof(words), "t=%u ini=%u free cut", n, id);
			(void)disk_burst(w.d, words);
		}
	}
	(void)disk_release(w.d);
	while (tgt_deadline(w.d->t) != NS_NEVER)
		(void)disk_wait(w.d);
	ck_assert_uint_eq(tgt_tasks(w.d->t), 0);
	ck_assert_uint_eq(tgt_store_ops(w.d->t), 0);
	disk_free(w.d);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("target_random");
	TCase *c = tcase_create("random");
	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, no_invariant_breaks, 1, SEEDS + 1);
	suite_add_tcase(s, c);
	return s;
}

TAP_MAIN_SUITE(make_suite);
