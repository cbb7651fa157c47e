/* SPDX-License-Identifier: BSD-2-Clause */
/* TEST UNIT READY, REQUEST SENSE, REPORT LUNS (SPC-4), READ CAPACITY, START STOP UNIT, PREVENT
 * ALLOW MEDIUM REMOVAL (SBC-3). */
#include "target/core.h"

bool tgt_cmd_run_test_unit_ready(struct tgt *t, struct task *k)
{
	(void)t;
	(void)k;
	return false; /* whatever stands against it was found before */
}

/* ---- REQUEST SENSE ---- */

#define DESC 0x01

bool tgt_cmd_accept_request_sense(struct tgt *t, struct task *k)
{
	(void)t;
	return tgt_cdb_only(k, 1, k->cdb.byte1, DESC);
}

/* SPC-4, 6.39: the sense that is kept, else a UNIT ATTENTION, else what the unit is like. */
static struct scsi_sense pending_sense(const struct task *k)
{
	struct nexus *x = tgt_nexus(k);
	const struct scsi_sense ua = ua_first(&x->ua);
	struct scsi_sense kept;
	if (tgt_allegiance_sense(k, &kept)) {
		/* With UA_INTLCK_CTRL it is pending until now, when it is asked for. */
		if (kept.key == KEY_UNIT_ATTENTION && scsi_sense_is(&kept, &ua))
			(void)ua_take(&x->ua);
		return kept;
	}
	if (!k->lu->present)
		return SENSE_LUN_NOT_SUPPORTED;
	if (ua_pending(&x->ua))
		return ua_take(&x->ua);
	struct scsi_sense s;
	if (tgt_bg_sense(k->lu, &s))
		return s;
	if (k->lu->stopped)
		return SENSE_NOT_READY_STOPPED;
	/* SPC-4, 5.12.2: pollable. */
	switch (k->lu->power) {
	case POWER_IDLE:
		return SENSE_IDLE_BY_COMMAND;
	case POWER_STANDBY:
		return SENSE_STANDBY_BY_COMMAND;
	case POWER_ACTIVE:
		break;
	}
	if (tgt_exception_is(k->lu) && k->lu->modes.current.mrie == MRIE_ON_REQUEST)
		return SENSE_FALSE_EXCEPTION;
	return SENSE_NONE;
}

/* Of sense that goes with a CHECK CONDITION, D_SENSE says which format it has (SPC-4, control mode
 * page). Here it goes with it by the REQUEST SENSE that the host adapter sends, which asks for
 * none. */
static bool descriptor_wanted(const struct task *k)
{
	const struct nexus *x = tgt_nexus(k);
	bool kept = x->ca && x->ca_lun == k->lun;
	return k->cdb.byte1 & DESC || (kept && k->lu->modes.current.d_sense);
}

bool tgt_cmd_run_request_sense(struct tgt *t, struct task *k)
{
	bool descriptor = descriptor_wanted(k);
	struct scsi_sense s = pending_sense(k);
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	w.n = scsi_sense_put(&s, descriptor, t->resp, sizeof(t->resp));
	tgt_cmd_reply(t, k, &w);
	return false;
}

/* ---- REPORT LUNS ---- */

/* SPC-4, 6.33. None is well known, none is administrative or subsidiary to one. */
enum select_report {
	SELECT_SIMPLE = 0x00, /* all but the well known ones */
	SELECT_WELL_KNOWN = 0x01,
	SELECT_ALL = 0x02,
	SELECT_ADMINISTRATIVE = 0x10,
	SELECT_NOT_SUBSIDIARY = 0x11,
	SELECT_SUBSIDIARY = 0x12,
};

#define REPORT_LUNS_HEAD 8
_Static_assert(REPORT_LUNS_HEAD + 8 * SCSI_LUNS <= TGT_RESP_MAX, "REPORT LUNS");

bool tgt_cmd_accept_report_luns(struct tgt *t, struct task *k)
{
	uint8_t select = k->cdb.page;
	(void)t;
	if (!tgt_cdb_only(k, 1, k->cdb.byte1, 0))
		return false;
	if (select > SELECT_ALL && (select < SELECT_ADMINISTRATIVE || select > SELECT_SUBSIDIARY))
		return tgt_cdb_field_bad(k, 2, 0xff);
	/* SPC-4, 6.33: an allocation length below 16 is refused. */
	return k->cdb.alloc < 16 ? tgt_cdb_field_bad(k, 6, 0xff) : true;
}

bool tgt_cmd_run_report_luns(struct tgt *t, struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	uint8_t select = k->cdb.page;
	bool listed =
	        select == SELECT_SIMPLE || select == SELECT_ALL || select == SELECT_NOT_SUBSIDIARY;
	const struct tgt_lu *lu;
	wr_u32(&w, 0); /* the length, below */
	wr_u32(&w, 0);
	/* SAM-5, 4.7.7.2: peripheral device addressing, bus 0. Ascending, for that is how they are
	 * kept. */
	LU_FOREACH (lu, t)
		if (listed)
			wr_u64(&w, (uint64_t)lu->lun << 48);
	wr_at_u32(&w, 0, (uint32_t)(w.n - REPORT_LUNS_HEAD));
	tgt_lu_inventory_told(t, k->initiator);
	tgt_cmd_reply(t, k, &w);
	return false;
}

/* ---- READ CAPACITY ---- */

#define PMI   0x01
#define LBPME 0x8000 /* bytes 14 and 15 */
#define LBPRZ 0x4000

bool tgt_cmd_accept_read_capacity(struct tgt *t, struct task *k)
{
	(void)t;
	/* SBC-2, which hosts still go by: an LBA comes with PMI, and asks for the last block before
	 * a delay. There is none: it is the last of all. */
	const struct scsi_cdb *c = &k->cdb;
	if (!tgt_cdb_only(k, 1, c->byte1, 0) ||
	    !tgt_cdb_only(k, c->op == OP_READ_CAPACITY_10 ? 8 : 14, c->byte4, PMI))
		return false;
	return c->lba != 0 && !(c->byte4 & PMI) ? tgt_cdb_field_bad(k, 2, 0xff) : true;
}

bool tgt_cmd_run_read_capacity(struct tgt *t, struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	lba_t last = k->lu->cfg.blocks - 1;
	if (k->cdb.op == OP_READ_CAPACITY_10) {
		wr_u32(&w, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last);
		wr_u32(&w, k->lu->cfg.block_size);
	} else {
		wr_u64(&w, last);
		wr_u32(&w, k->lu->cfg.block_size);
		wr_u8(&w, tgt_protect_capacity(k->lu));
		wr_u8(&w, 0); /* one interval a block; a logical block is a physical one */
		/* SBC-3, LBPME and LBPRZ: what is not mapped reads as zeros */
		wr_u16(&w, k->lu->cfg.thin ? LBPME | LBPRZ : 0);
		wr_zero(&w, 16);
	}
	tgt_cmd_reply(t, k, &w);
	return false;
}

/* ---- START STOP UNIT ---- */

#define IMMED    0x01
#define LOEJ     0x02
#define NO_FLUSH 0x04

/* SBC-3, table 85. There are no timers: the conditions that are about them are refused. */
enum power_condition { CONDITION_START_VALID, CONDITION_ACTIVE, CONDITION_IDLE, CONDITION_STANDBY };

bool tgt_cmd_accept_start_stop(struct tgt *t, struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	unsigned condition = c->byte4 >> TGT_POWER_CONDITION;
	(void)t;
	if (!tgt_cdb_only(k, 1, c->byte1, IMMED))
		return false;
	if (condition > CONDITION_STANDBY)
		return tgt_cdb_field_bad(k, 4, 7);
	/* With a condition LOEJ and START are ignored. */
	bool eject = condition == CONDITION_START_VALID && (c->byte4 & LOEJ);
	if (eject)
		return tgt_cdb_field_bad(k, 4, 1);
	return tgt_cdb_only(k, 4, c->byte4 & 0x0f, NO_FLUSH | LOEJ | TGT_START);
}

/* SBC-3, 5.25: the cache goes to the medium before the unit stops, or is in standby. IMMED: the
 * status does not wait for that. */
bool tgt_cmd_run_start_stop(struct tgt *t, struct task *k)
{
	unsigned condition = k->cdb.byte4 >> TGT_POWER_CONDITION;
	bool flush = !(k->cdb.byte4 & NO_FLUSH);
	k->lu->power = condition == CONDITION_IDLE      ? POWER_IDLE
	               : condition == CONDITION_STANDBY ? POWER_STANDBY
	                                                : POWER_ACTIVE;
	k->lu->stopped = condition == CONDITION_START_VALID && !(k->cdb.byte4 & TGT_START);
	if (!flush || !(k->lu->stopped || k->lu->power == POWER_STANDBY))
		return false;
	if (k->cdb.byte1 & IMMED) {
		tgt_bg_start(t, k->lu, BG_FLUSH, 0);
		return false;
	}
	k->work = WORK_FLUSH;
	return true;
}

/* ---- PREVENT ALLOW MEDIUM REMOVAL ---- */

bool tgt_cmd_accept_prevent_allow(struct tgt *t, struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	(void)t;
	return tgt_cdb_only(k, 1, c->byte1, 0) && tgt_cdb_only(k, 4, c->byte4, TGT_PREVENT);
}

/* SBC-3, 5.9: the medium cannot be removed at all (RMB=0, LOEJ is refused): nothing is to be kept.
 */
bool tgt_cmd_run_prevent_allow(struct tgt *t, struct task *k)
{
	(void)t;
	(void)k;
	return false;
}
