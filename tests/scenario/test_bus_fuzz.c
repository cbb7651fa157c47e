/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus core among rogues: devices that attach, arm, claim, script, answer, reset and die at
 * random, with and without reason. Invariants are asserted after each step; when all are quiet the
 * bus is free again, within its limits, and nothing is lost. One seed reproduces everything.
 */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#include "base/crc.h"
#include "base/prng.h"
#include "scsi/iu.h"

#include <stdlib.h>
#include <string.h>

static unsigned below(struct prng *g, unsigned n)
{
	return (unsigned)prng_below(g, n);
}

static bool chance(struct prng *g, unsigned percent)
{
	return below(g, 100) < percent;
}

static void random_message(struct prng *g, struct items *i, uint8_t kind)
{
	uint8_t bytes[24];
	size_t n = 1 + below(g, 8);
	for (size_t k = 0; k < n; k++)
		bytes[k] = (uint8_t)prng_u64(g);
	if (chance(g, 60)) {
		static const uint8_t likely[] = {0x00, 0x02, 0x03, 0x04, 0x06, 0x07,
		                                 0x0c, 0x0d, 0x80, 0xc0, 0x20, 0x01};
		bytes[0] = likely[below(g, sizeof(likely))];
	}
	it_message(i, kind, bytes, n);
}

static void random_pass(struct prng *g, struct items *i, const struct block *data)
{
	uint32_t crc = crc_data(0, data->data, data->len);
	uint32_t op = 1 + below(g, 1000);
	unsigned ops = 1 + below(g, 3);

	it_select(i, (uint8_t)below(g, 8));
	for (unsigned k = 0; k < ops; k++, op++) {
		it_leader(i, k == 0, (uint8_t)below(g, 256), (uint8_t)below(g, 4), op, false);
		it_write16(i, below(g, 1100), (uint32_t)data->len / 512);
		if (chance(g, 90))
			it_data(i, ITEM_DATA_OUT, 0, (uint32_t)data->len, crc);
		for (unsigned legs = below(g, 4); legs > 0; legs--) {
			it_name(i, (uint8_t)below(g, 4), op, legs == 1);
			if (chance(g, 90))
				it_data(i, ITEM_DATA_OUT, 0, (uint32_t)data->len, crc);
		}
	}
	it_release(i, 0, op - 1);
}

static void random_broadcast(struct prng *g, struct items *i, const struct block *data)
{
	struct items other;

	it_broadcast(&other, (uint8_t)below(g, 8), (uint32_t)below(g, 8) * 2 + 1,
	             (uint8_t)below(g, 256), 1 + below(g, 1000), data);
	wr_bytes(&i->w, other.buf, other.w.n);
}

/* An item with the flags that a fault on demand, or a second try, gives it. */
static void flagged(struct prng *g, struct items *i, uint8_t kind, const void *p, uint32_t n)
{
	struct wire_item it = {.kind = kind, .len = n, .bytes = {p, n}};

	if (kind == ITEM_MSG_OUT && n == 0)
		it.flags = chance(g, 30) ? ITEM_AGAIN : 0;
	else
		it.flags = chance(g, 10) ? ITEM_PARITY : 0;
	wire_item_put(&i->w, &it);
}

static void random_offer(struct prng *g, struct items *i, uint8_t kind)
{
	/* Most agree on information units, or on QAS, and some on what there is not. */
	static const uint8_t options[] = {0x06, 0x06, 0x03, 0x07, 0x43, 0x47, 0x47};
	uint8_t likely = options[below(g, sizeof(options))];
	uint8_t ppr[] = {0xc0,
	                 0x01,
	                 0x06,
	                 0x04,
	                 (uint8_t)(8 + below(g, 2)),
	                 0,
	                 0x3e,
	                 0x01,
	                 chance(g, 80) ? likely : (uint8_t)prng_u64(g)};
	unsigned skip = kind == ITEM_MSG_IN;

	flagged(g, i, kind, ppr + skip, (uint32_t)sizeof(ppr) - skip);
}

/* An L_Q and a command information unit, of which a few bits may be others, cut short or not. */
static void random_units(struct prng *g, struct items *i)
{
	uint8_t bytes[IU_L_Q_LEN + IU_COMMAND_MAX] = {0};
	struct wr w = wr_init(bytes, sizeof(bytes));
	const uint8_t cdb[6] = {(uint8_t)prng_u64(g)};
	const struct iu_l_q q = iu_l_q(IU_LAST_COMMAND, (uint16_t)below(g, 4), 0, IU_COMMAND_LEN);
	const struct iu_command c = {
	        .attr = MSG_SIMPLE,
	        .function = chance(g, 30) ? MSG_ABORT_TASK : MSG_NO_OPERATION,
	        .cdb = {cdb, sizeof(cdb)},
	};

	iu_l_q_put(&w, &q);
	iu_command_put(&w, &c);
	while (chance(g, 50))
		bytes[below(g, (unsigned)w.n)] ^= (uint8_t)(1U << below(g, 8));
	size_t n = chance(g, 90) ? w.n : 1 + below(g, sizeof(bytes));
	flagged(g, i, ITEM_UNIT, bytes, (uint32_t)n);
}

static void random_command(struct prng *g, struct items *i, const struct block *data)
{
	struct wire_item select = {.kind = ITEM_SELECT,
	                           .arg = (uint8_t)below(g, 9),
	                           .flags = ITEM_ATN,
	                           .off = chance(g, 3) ? below(g, 65536) : 0};

	wire_item_put(&i->w, &select);
	if (chance(g, 15)) {
		random_units(g, i);
		return;
	}
	if (chance(g, 20))
		random_offer(g, i, ITEM_MSG_OUT);
	if (chance(g, 90))
		it_identify(i, (uint8_t)below(g, 4));
	while (chance(g, 20))
		random_message(g, i, ITEM_MSG_OUT);
	if (chance(g, 50))
		it_write16(i, below(g, 1000), (uint32_t)data->len / 512);
	else
		it_cdb6(i, (uint8_t)prng_u64(g), (uint8_t)prng_u64(g));
	if (chance(g, 10)) {
		for (unsigned k = 0; k < 8; k++) /* as many pieces as there may be */
			it_data(i, ITEM_DATA_OUT, k, 1, 7);
		return;
	}
	while (chance(g, 60))
		it_data(i, chance(g, 50) ? ITEM_DATA_OUT : ITEM_DATA_IN, 0, below(g, 1024), 7);
}

static void random_program(struct prng *g, struct items *i)
{
	it_begin(i);
	do {
		switch (below(g, 9)) {
		case 8:
			it_message(i, ITEM_SENSE, "\x70\0\5", below(g, 4));
			break;
		case 0:
			flagged(g, i, ITEM_MSG_OUT, NULL, 0);
			break;
		case 1:
			it_plain(i, ITEM_COMMAND, 0);
			break;
		case 2:
			it_data(i, ITEM_DATA_OUT, 0, below(g, 3) * 512, 0);
			break;
		case 3:
			wire_item_put(&i->w,
			              &(struct wire_item){.kind = ITEM_DATA_IN,
			                                  .flags = chance(g, 15) ? ITEM_PARITY : 0,
			                                  .off = below(g, 512),
			                                  .len = below(g, 512),
			                                  .crc = 1});
			break;
		case 4:
			wire_put_plain(&i->w, ITEM_STATUS, (uint8_t)below(g, 256),
			               chance(g, 10) ? ITEM_PARITY : 0);
			break;
		case 5:
			if (chance(g, 25))
				random_offer(g, i, ITEM_MSG_IN);
			else
				random_message(g, i, ITEM_MSG_IN);
			break;
		case 6:
			it_plain(i, ITEM_FREE, 0);
			break;
		case 7:
			it_plain(i, ITEM_PASS, 0);
			break;
		}
	} while (chance(g, 55));
}

static void reselect(struct rig *r, struct prng *g, uint8_t id, struct block *data)
{
	struct items i;
	const uint8_t nexus[] = {0x80, 0x20, (uint8_t)below(g, 4)};

	if (chance(g, 40)) {
		it_status(&i, (uint8_t)below(g, 4), 0, below(g, 2), 0);
	} else {
		random_program(g, &i);
		struct items with;
		it_begin(&with);
		it_message(&with, ITEM_MSG_IN, nexus, sizeof(nexus));
		wr_bytes(&with.w, i.buf, i.w.n);
		i.w = wr_init(i.buf, sizeof(i.buf));
		wr_bytes(&i.w, with.buf, with.w.n);
	}
	rig_reselect(r, id, (uint8_t)(6 + below(g, 3)), 1 + below(g, 1000), &i, data);
}

static void target_acts(struct rig *r, struct prng *g, uint8_t id, struct block *data)
{
	struct items i;

	struct wire_frame limits = {.type = WIRE_LIMITS};

	switch (below(g, 6)) {
	case 5:
		limits.limits.n = (uint8_t)below(g, 2);
		limits.limits.of[0] = (struct wire_limit){.out = below(g, 1024),
		                                          .in = below(g, 600),
		                                          .connect = (uint16_t)below(g, 3),
		                                          .wait = (uint16_t)below(g, 20),
		                                          .hold = chance(g, 10)};
		rig_frame(r, r->handle[id], &limits);
		break;
	case 0:
		rig_arm(r, id, (uint8_t)below(g, 3));
		break;
	case 1:
		rig_member(r, id, 1, (uint8_t)(chance(g, 90) ? id % 4 : below(g, 4)));
		break;
	case 2:
		reselect(r, g, id, data);
		break;
	default:
		random_program(g, &i);
		if (chance(g, 10))
			r->token[id] ^= 1;
		rig_continue(r, id, &i, data);
		break;
	}
}

static void initiator_acts(struct rig *r, struct prng *g, uint8_t id, struct block *data)
{
	struct wire_frame rst = {.type = WIRE_RESET};
	struct items i;

	if (chance(g, 2)) {
		rig_frame(r, r->handle[id], &rst);
	} else if (chance(g, 10)) {
		rig_cancel(r, id, 1 + below(g, 100));
	} else {
		it_begin(&i);
		if (chance(g, 45))
			random_pass(g, &i, data);
		else if (chance(g, 40))
			random_broadcast(g, &i, data);
		else
			random_command(g, &i, data);
		if (chance(g, 60)) /* a command that says so is refused */
			it_chain(&i, 1 + below(g, 2000000));
		rig_script(r, id, 1 + below(g, 100), &i, data);
	}
}

static void act(struct rig *r, struct prng *g, struct block *data)
{
	uint8_t id = (uint8_t)below(g, 9);
	bool initiator = id == 7 || id == 8;
	char name[16];

	(void)snprintf(name, sizeof(name), "device%u", id);
	if (!r->handle[id] || chance(g, 1))
		rig_attach(r, id, initiator ? ROLE_INITIATOR : ROLE_TARGET, name);
	else if (chance(g, 1))
		rig_close(r, r->handle[id]);
	else if (initiator)
		initiator_acts(r, g, id, data);
	else
		target_acts(r, g, id, data);
	if (chance(g, 70))
		rig_go(r);
	if (chance(g, 10))
		rig_wait(r, below(g, 3000) * NS_PER_MS);
}

/* A command to this target, or units, and what its process makes of it. */
static void packetized(struct rig *r, struct prng *g, uint8_t id, struct block *data)
{
	struct items i;

	it_begin(&i);
	it_select(&i, id);
	if (chance(g, 40)) {
		random_units(g, &i);
	} else {
		it_identify(&i, (uint8_t)below(g, 4));
		it_write16(&i, 0, 2);
	}
	if (chance(g, 50))
		it_data(&i, ITEM_DATA_OUT, 0, 1024, crc_data(0, data->data, 1024));
	if (chance(g, 50))
		it_data(&i, ITEM_DATA_IN, 0, below(g, 1024), 0);
	rig_script(r, 7, 200 + below(g, 100), &i, data);
	rig_go(r);
	for (unsigned n = below(g, 4); n > 0 && r->handle[id]; n--) {
		if (chance(g, 60)) {
			random_program(g, &i);
			rig_continue(r, id, &i, data);
		} else {
			reselect(r, g, id, data);
			rig_go(r);
		}
	}
}

/* Chance alone hardly ever makes an agreement on information units: this target has one, with
 * initiator 7, once what hangs has been ended. */
static void agree(struct rig *r, struct prng *g, uint8_t id, struct block *data)
{
	rig_wait(r, 10 * NS_PER_S);
	if (!r->handle[id])
		rig_attach(r, id, ROLE_TARGET, "agrees");
	if (!r->handle[7])
		rig_attach(r, 7, ROLE_INITIATOR, "device7");
	if (!r->handle[id] || !r->handle[7])
		return;
	rig_arm(r, id, ARM_FRONT);
	rig_negotiate(r, id, rig_xfer(0x47), rig_xfer(chance(g, 50) ? 0x03 : 0x47), true);
	rig_arm(r, id, (uint8_t)below(g, 3));
	for (unsigned n = below(g, 8); n > 0 && r->handle[id] && r->handle[7]; n--)
		packetized(r, g, id, data);
}

START_TEST(rogues)
{
	struct bus_config cfg = bus_config_default();
	cfg.tenures_per_go = 1 + (unsigned)_i % 5;
	struct rig *r = rig_new(&cfg);
	struct prng g = prng_init((uint64_t)_i);
	struct block *data = rig_block(1024);

	unsigned units = 0;
	for (unsigned n = 0; n < 3000; n++) {
		if (n % 100 == 0)
			agree(r, &g, (uint8_t)below(&g, 7), data);
		act(r, &g, data);
		for (unsigned k = 0; k < r->n_phases; k++)
			units += r->phase[k].units;
		rig_forget(r);
	}
	/* All are quiet now: limits free the bus, then heartbeats end the ports. */
	rig_wait(r, 10 * NS_PER_S);
	rig_forget(r);
	rig_wait(r, 20 * NS_PER_S);
	for (unsigned i = 0; i < WIRE_IDS; i++)
		ck_assert_uint_eq(r->handle[i], 0);
	rig_go(r);
	ck_assert_uint_eq(data->refs, 1);
	ck_assert_uint_gt(r->frames, 3000);
	ck_assert_uint_gt(units, 20);
	block_unref(data);
	rig_free(r);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("bus_fuzz");
	TCase *c = tcase_create("bus_fuzz");
	const char *first = getenv("FIRST"), *seeds = getenv("SEEDS");
	int from = first ? atoi(first) : 1;

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, rogues, from, from + (seeds ? atoi(seeds) : 20));
	suite_add_tcase(s, c);
	return s;
}

TAP_MAIN_SUITE(suite);
