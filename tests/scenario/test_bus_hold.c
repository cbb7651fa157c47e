/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus core and one port that would have the bus, or what the bus brings, for itself. */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#include <string.h>

/* A target whose process is asked for each phase, and the initiator 7. */
static struct rig *begin(const struct bus_config *cfg)
{
	struct rig *r = rig_new(cfg);

	rig_attach(r, 2, ROLE_TARGET, "disk2");
	rig_attach(r, 7, ROLE_INITIATOR, "host");
	rig_go(r);
	rig_forget(r);
	return r;
}

/* ---- programs ---- */

static void put(struct items *i, uint8_t kind, uint8_t flags, uint32_t len, const void *p)
{
	wire_item_put(&i->w,
	              &(struct wire_item){
	                      .kind = kind, .flags = flags, .len = len, .bytes = {p, p ? len : 0}});
}

/* A task with eight pieces of data, which has disconnected; another one has the bus. */
static void eight_pieces(struct rig *r, struct block *data)
{
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, 1);
	it_cdb6(&i, 0, 0);
	for (uint32_t n = 0; n < 8; n++)
		it_data(&i, ITEM_DATA_OUT, n, 1, 0);
	rig_script(r, 7, 1, &i, data);
	rig_go(r);
	it_begin(&i);
	it_plain(&i, ITEM_MSG_OUT, 0);
	it_plain(&i, ITEM_COMMAND, 0);
	it_disconnect(&i);
	rig_continue(r, 2, &i, NULL);
	rig_go(r);
	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, 2);
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, 2, &i, NULL);
	rig_go(r);
}

/* What a step has room for is shared by its tenures: one program has its part of it, however many
 * phases it asks for. */
START_TEST(a_program_of_more_phases_than_there_is_room_for)
{
	struct bus_config cfg = bus_config_default();
	cfg.tenures_per_go = 20;
	struct rig *r = begin(&cfg);
	struct block *data = rig_block(8);
	const uint32_t handle = r->handle[2];
	struct items i;

	r->traces = r->sends = false;
	eight_pieces(r, data);
	for (uint32_t n = 1; n <= 20; n++) {
		it_reconnect(&i, n < 20 ? 99 : 1);
		for (unsigned k = 0; n < 20 && k < 80; k++)
			put(&i, ITEM_STATUS, ITEM_PARITY, 0, NULL);
		for (unsigned k = 0; n == 20 && k < 150; k++) {
			if (_i)
				put(&i, ITEM_STATUS, ITEM_PARITY, 0, NULL);
			else
				put(&i, ITEM_MSG_IN, ITEM_PARITY, 1, "\3");
			put(&i, ITEM_DATA_OUT, 0, 8, NULL);
		}
		it_plain(&i, ITEM_FREE, 0);
		rig_reselect(r, 2, 7, n, &i, NULL);
	}
	ck_assert(!rig_closed(r, handle));
	rig_plain(r, 2, ITEM_FREE, 0);
	rig_go(r);
	ck_assert(rig_closed(r, handle));
	ck_assert_uint_eq(r->report[r->n_reports - 1].outcome, OUTCOME_RESET);
	ck_assert(!rig_closed(r, r->handle[7]));
	rig_end(r, data);
}
END_TEST

TAP_MAIN_TABLE("bus_hold", NULL, NULL,
               TAP_TIMES(a_program_of_more_phases_than_there_is_room_for, 2));
