/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wrong parity on demand in each phase, by the three cores together: what is tried again leaves no
 * trace but in the trace, what is not ends the command.
 */
#include "scenario/couple_check.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCKS   2
#define DATA_LEN (BLOCKS * COUPLE_BLOCK_SIZE)

static struct couple *c;
static uint8_t got[DATA_LEN];

static void run(struct hba_task *t, const struct scsi_cdb *cdb)
{
	couple_told = 0;
	couple_start(c, t, cdb);
	couple_run(c);
	couple_wait(c, 2 * NS_PER_S);
	ck_assert_uint_eq(couple_told, 1);
}

/* Messages of this name in the trace. */
static unsigned said(const char *name)
{
	unsigned n = 0;
	for (unsigned i = 0; i < c->n_trace; i++) {
		const struct bus_trace *t = &c->trace[i].t;
		struct rd r = rd_init(c->trace[i].octets, t->octets.n);
		struct scsi_msg m;
		if (t->phase != PHASE_MESSAGE_OUT && t->phase != PHASE_MESSAGE_IN)
			continue;
		while (rd_left(&r) && scsi_msg_get(&r, &m))
			n += strcmp(scsi_msg_name(&m), name) == 0;
	}
	return n;
}

/* A write, then a read of the same blocks, with the fault at the one or the other. */
static const struct {
	const char *clause, *fault;
	bool read; /* the fault is the read's */
	enum hba_outcome outcome;
	uint8_t status, asc, ascq;
	const char *says; /* in the trace */
	unsigned times;
} rows[] = {
        {"MESSAGE OUT: sent again", "parity-error:phase=message-out", false, HBA_COMPLETED,
         SCSI_GOOD, 0, 0, "IDENTIFY", 3},
        {"MESSAGE OUT: three times", "parity-error:phase=message-out,times=3", false, HBA_COMPLETED,
         SCSI_GOOD, 0, 0, "IDENTIFY", 5},
        {"MESSAGE OUT: BUS FREE", "parity-error:phase=message-out,times=4", false, HBA_ABORTED, 0,
         0, 0, "ABORT TASK", 1},
        {"COMMAND: sent again", "parity-error:phase=command,times=2", false, HBA_COMPLETED,
         SCSI_GOOD, 0, 0, "RESTORE POINTERS", 2},
        {"COMMAND: SCSI PARITY ERROR", "parity-error:phase=command,times=4", false, HBA_COMPLETED,
         SCSI_CHECK_CONDITION, 0x47, 0x00, "RESTORE POINTERS", 3},
        {"DATA OUT: sent again", "parity-error:phase=data-out", false, HBA_COMPLETED, SCSI_GOOD, 0,
         0, "RESTORE POINTERS", 1},
        {"DATA OUT: SCSI PARITY ERROR", "parity-error:phase=data-out,times=4", false, HBA_COMPLETED,
         SCSI_CHECK_CONDITION, 0x47, 0x00, "RESTORE POINTERS", 3},
        {"DATA IN: sent again", "parity-error:phase=data-in", true, HBA_COMPLETED, SCSI_GOOD, 0, 0,
         "INITIATOR DETECTED ERROR", 1},
        {"STATUS: sent again", "parity-error:phase=status,times=1", true, HBA_COMPLETED, SCSI_GOOD,
         0, 0, "INITIATOR DETECTED ERROR", 1},
        {"MESSAGE IN: sent again", "parity-error:phase=message-in,times=2", true, HBA_COMPLETED,
         SCSI_GOOD, 0, 0, "MESSAGE PARITY ERROR", 2},
};

START_TEST(wrong_parity)
{
	struct block *data = block_new(DATA_LEN);
	struct hba_task w = {.data_out = data, .data_out_len = DATA_LEN};
	struct hba_task r = {.data_in_len = DATA_LEN, .data_in = couple_take, .ctx = got};
	const struct scsi_cdb write = {.op = OP_WRITE_10, .lba = 7, .blocks = BLOCKS};
	const struct scsi_cdb read = {.op = OP_READ_10, .lba = 7, .blocks = BLOCKS};
	struct hba_task *struck = rows[_i].read ? &r : &w;

	memset(data->data, 0x5a, DATA_LEN);
	c = couple_new(1, false, 16);
	if (rows[_i].read)
		run(&w, &write);
	couple_fault(c, 0, rows[_i].fault);
	couple_forget(c);
	run(struck, rows[_i].read ? &read : &write);
	ck_assert_msg(struck->outcome == rows[_i].outcome, "%s: outcome %d", rows[_i].clause,
	              (int)struck->outcome);
	ck_assert_msg(said(rows[_i].says) == rows[_i].times, "%s: %u %s", rows[_i].clause,
	              said(rows[_i].says), rows[_i].says);
	if (struck->outcome == HBA_COMPLETED) {
		ck_assert_uint_eq(struck->status, rows[_i].status);
		ck_assert_uint_eq(struck->sense.asc, rows[_i].asc);
		ck_assert_uint_eq(struck->sense.ascq, rows[_i].ascq);
	}
	if (!rows[_i].read && struck->outcome == HBA_COMPLETED && w.status == SCSI_GOOD)
		ck_assert_uint_eq(w.moved_out, DATA_LEN);
	/* The fault has gone, and all is as before. */
	run(&w, &write);
	r = (struct hba_task){.data_in_len = DATA_LEN, .data_in = couple_take, .ctx = got};
	run(&r, &read);
	ck_assert_uint_eq(r.moved_in, DATA_LEN);
	ck_assert_mem_eq(got, data->data, DATA_LEN);
	ck_assert_uint_eq(hba_target(c->h, 0)->in_flight, 0);
	ck_assert_uint_eq(hba_stats(c->h)->protocol_errors, 0);
	ck_assert_uint_eq(hba_stats(c->h)->internal_errors, 0);
	ck_assert_msg(c->n_errors == 0, "%s", c->why);
	couple_free(c);
	block_unref(data);
}
END_TEST

TAP_MAIN_TABLE("couple_parity", NULL, NULL, TAP_EACH(wrong_parity, rows));
