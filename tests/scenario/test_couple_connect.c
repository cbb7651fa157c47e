/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disconnection by the limits of mode page 02h, by the three cores together: MODE SELECT, then
 * writes and reads whose data phases come in parts.
 */
#include "scenario/couple_check.h"
#include "unit/tap_main.h"

#include "base/prng.h"

#include <string.h>

#define BLOCKS   16
#define DATA_LEN (BLOCKS * COUPLE_BLOCK_SIZE)
#define TASKS    8

static struct couple *c;
static uint8_t got[TASKS][DATA_LEN];

/* Mode page 02h, from its third byte on. */
static void select_page(const uint8_t values[11])
{
	struct block *data = block_new(8 + 16);
	struct hba_task t = {.data_out = data, .data_out_len = 24};
	const struct scsi_cdb select = {.op = OP_MODE_SELECT_10, .alloc = 24, .byte1 = 0x10};

	memset(data->data, 0, 24);
	data->data[8] = 0x02;
	data->data[9] = 14;
	memcpy(data->data + 10, values, 11);
	couple_told = 0;
	couple_start(c, &t, &select);
	couple_run(c);
	ck_assert_uint_eq(couple_told, 1);
	ck_assert_msg(t.outcome == HBA_COMPLETED && t.status == SCSI_GOOD, "%x/%x", t.sense.asc,
	              t.sense.ascq);
	block_unref(data);
}

static void no_errors(void)
{
	ck_assert_uint_eq(hba_target(c->h, 0)->in_flight, 0);
	ck_assert_uint_eq(hba_stats(c->h)->protocol_errors, 0);
	ck_assert_uint_eq(hba_stats(c->h)->internal_errors, 0);
	ck_assert_uint_eq(hba_stats(c->h)->overruns, 0);
	ck_assert_msg(c->n_errors == 0, "%s", c->why);
}

static const struct {
	const char *clause;
	uint8_t page[11]; /* full, empty, inactivity, disconnect, connect, burst; flags */
	unsigned out, in; /* data phases of 8192 bytes */
	bool untagged, no_disconnect;
} rows[] = {
        {"the defaults: no limits", {0}, 1, 1, false, false},
        {"maximum burst size", {0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0}, 4, 4, false, false},
        {"maximum burst size, untagged", {0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0}, 4, 4, true, false},
        {"without the privilege", {0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0}, 1, 1, false, true},
        {"data transfer disconnect control", {0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1}, 1, 1, false, false},
        {"buffer full ratio: of reads", {2, 0}, 1, 4, false, false},
        {"buffer empty ratio: of writes", {0, 4}, 2, 1, false, false},
        {"disconnect time limit", {0, 0, 0, 0, 0, 50, 0, 0, 0, 8, 0}, 2, 2, false, false},
        {"connect time limit: all that fits",
         {0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0},
         1,
         1,
         false,
         false},
};

START_TEST(limits_of_page_02h)
{
	struct block *data = block_new(DATA_LEN);
	struct prng g = prng_init(5);
	struct hba_task w = {.data_out = data,
	                     .data_out_len = DATA_LEN,
	                     .untagged = rows[_i].untagged,
	                     .no_disconnect = rows[_i].no_disconnect};
	struct hba_task r = {.data_in_len = DATA_LEN,
	                     .data_in = couple_take,
	                     .ctx = got[0],
	                     .untagged = rows[_i].untagged,
	                     .no_disconnect = rows[_i].no_disconnect};

	for (size_t i = 0; i < DATA_LEN; i++)
		data->data[i] = (uint8_t)prng_u64(&g);
	c = couple_new(1, false, 16);
	select_page(rows[_i].page);
	couple_forget(c);
	couple_told = 0;
	couple_start(c, &w, &(struct scsi_cdb){.op = OP_WRITE_10, .lba = 7, .blocks = BLOCKS});
	couple_run(c);
	ck_assert_uint_eq(couple_told, 1);
	ck_assert(w.outcome == HBA_COMPLETED && w.status == SCSI_GOOD);
	ck_assert_uint_eq(w.moved_out, DATA_LEN);
	ck_assert_mem_eq(c->disk[0].media + 7 * COUPLE_BLOCK_SIZE, data->data, DATA_LEN);
	couple_start(c, &r, &(struct scsi_cdb){.op = OP_READ_10, .lba = 7, .blocks = BLOCKS});
	couple_run(c);
	ck_assert_uint_eq(couple_told, 2);
	ck_assert(r.outcome == HBA_COMPLETED && r.status == SCSI_GOOD);
	ck_assert_uint_eq(r.moved_in, DATA_LEN);
	ck_assert_mem_eq(got[0], data->data, DATA_LEN);
	ck_assert_msg(couple_count(c, PHASE_DATA_OUT) == rows[_i].out &&
	                      couple_count(c, PHASE_DATA_IN) == rows[_i].in,
	              "%s: %u out, %u in", rows[_i].clause, couple_count(c, PHASE_DATA_OUT),
	              couple_count(c, PHASE_DATA_IN));
	no_errors();
	couple_free(c);
	ck_assert_uint_eq(data->refs, 1);
	block_unref(data);
}
END_TEST

/* Many tasks at once, whose bursts interleave; armed, and with the process asked for each phase. */
START_TEST(many_at_once)
{
	struct block *data[TASKS];
	struct hba_task w[TASKS], r[TASKS];

	c = couple_new(1, _i, 16);
	select_page((const uint8_t[11]){0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0});
	couple_told = 0;
	for (unsigned k = 0; k < TASKS; k++) {
		data[k] = block_new(DATA_LEN);
		memset(data[k]->data, (int)(0x30 + k), DATA_LEN);
		w[k] = (struct hba_task){.data_out = data[k], .data_out_len = DATA_LEN};
		couple_start(
		        c, &w[k],
		        &(struct scsi_cdb){.op = OP_WRITE_10, .lba = k * BLOCKS, .blocks = BLOCKS});
	}
	couple_run(c);
	ck_assert_uint_eq(couple_told, TASKS);
	for (unsigned k = 0; k < TASKS; k++) {
		r[k] = (struct hba_task){
		        .data_in_len = DATA_LEN, .data_in = couple_take, .ctx = got[k]};
		couple_start(
		        c, &r[k],
		        &(struct scsi_cdb){.op = OP_READ_10, .lba = k * BLOCKS, .blocks = BLOCKS});
	}
	couple_run(c);
	ck_assert_uint_eq(couple_told, 2 * TASKS);
	for (unsigned k = 0; k < TASKS; k++) {
		ck_assert(w[k].status == SCSI_GOOD && r[k].status == SCSI_GOOD);
		ck_assert_uint_eq(r[k].moved_in, DATA_LEN);
		ck_assert_mem_eq(got[k], data[k]->data, DATA_LEN);
		ck_assert_uint_eq(data[k]->refs, 1);
		block_unref(data[k]);
	}
	no_errors();
	couple_free(c);
}
END_TEST

/* One is given up on in the middle of its data; the disk can be used as before. */
START_TEST(aborted_between_bursts)
{
	struct block *data = block_new(DATA_LEN);
	struct hba_task w = {.data_out = data, .data_out_len = DATA_LEN};

	memset(data->data, 0x77, DATA_LEN);
	for (unsigned turns = 1; turns < 12; turns++) {
		struct hba_task again = {.data_out = data, .data_out_len = DATA_LEN};
		c = couple_new(1, _i, 16);
		select_page((const uint8_t[11]){0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0});
		couple_told = 0;
		couple_start(c, &w, &(struct scsi_cdb){.op = OP_WRITE_10, .blocks = BLOCKS});
		couple_turns(c, turns);
		hba_task_abort(c->h, &w);
		couple_run(c);
		couple_wait(c, 3 * NS_PER_S);
		ck_assert_uint_eq(couple_told, 1);
		couple_start(c, &again, &(struct scsi_cdb){.op = OP_WRITE_10, .blocks = BLOCKS});
		couple_run(c);
		ck_assert_uint_eq(couple_told, 2);
		ck_assert(again.outcome == HBA_COMPLETED && again.status == SCSI_GOOD);
		ck_assert_mem_eq(c->disk[0].media, data->data, DATA_LEN);
		ck_assert_uint_eq(tgt_tasks(c->disk[0].t), 0);
		ck_assert_msg(c->n_errors == 0, "%s", c->why);
		couple_free(c);
		ck_assert_uint_eq(data->refs, 1);
	}
	block_unref(data);
}
END_TEST

/* QAS as it is negotiated at the scan: tenures of conventional tasks of three disks follow each
 * other without BUS FREE, where somebody waits. */
START_TEST(quick_arbitration)
{
	struct couple_setup setup = {
	        .n = 3, .queue_depth = 16, .blocks = COUPLE_BLOCKS, .xfer = XFER_ULTRA160};
	struct hba_task t[6];
	ns_t took[2];
	unsigned free[2];

	for (unsigned qas = 0; qas < 2; qas++) {
		setup.xfer.options = qas ? XFER_DT_REQ | XFER_QAS_REQ : XFER_DT_REQ;
		c = couple_with(&setup);
		ck_assert_uint_eq(hba_target(c->h, 2)->xfer.options, setup.xfer.options);
		couple_forget(c);
		couple_told = 0;
		ns_t before = bus_now(c->bus);
		for (unsigned k = 0; k < ARRAY_LEN(t); k++) {
			t[k] = (struct hba_task){.target = (uint8_t)(k % 3)};
			couple_start(c, &t[k], &(struct scsi_cdb){.op = OP_SYNCHRONIZE_CACHE_10});
		}
		couple_run(c);
		took[qas] = bus_now(c->bus) - before;
		free[qas] = couple_count(c, PHASE_BUS_FREE);
		ck_assert_uint_eq(couple_told, ARRAY_LEN(t));
		for (unsigned k = 0; k < ARRAY_LEN(t); k++)
			ck_assert_uint_eq(t[k].status, SCSI_GOOD);
		ck_assert_uint_eq(couple_count(c, PHASE_ARBITRATION), 2 * ARRAY_LEN(t));
		no_errors();
		couple_free(c);
	}
	ck_assert_uint_eq(free[0], 2 * ARRAY_LEN(t));
	ck_assert_uint_lt(free[1], ARRAY_LEN(t));
	ck_assert_uint_lt(took[1], took[0]);
}
END_TEST

TAP_MAIN_TABLE("couple_connect", NULL, NULL, TAP_EACH(limits_of_page_02h, rows),
               TAP_TIMES(many_at_once, 2), TAP_TIMES(aborted_between_bursts, 2),
               TAP_ONCE(quick_arbitration));
