/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What protection information is checked for, and compared (SBC-3, "Protection information model",
 * and the tables of RDPROTECT, WRPROTECT, VRPROTECT and ORPROTECT). The store does it: struct
 * protect says what.
 *
 * What a tag is expected to be is known of type 1 (a reference tag is the LBA) and of type 2 with
 * commands of 32 bytes (they say it). GRD_CHK, APP_CHK and REF_CHK are one.
 */
#include "target/core.h"

/* By the value of the field, and with DPICZ of the control mode page. 0 moves none. */
#define VALUES 6
static const uint8_t checked[VALUES] = {
        PROTECT_ALL, PROTECT_ALL, PROTECT_APP | PROTECT_REF, 0, PROTECT_GUARD, PROTECT_ALL,
};
/* VERIFY and WRITE AND VERIFY with BYTCHK, byte-by-byte comparison. */
static const uint8_t compared[VALUES] = {
        0, PROTECT_ALL, PROTECT_APP | PROTECT_REF, PROTECT_ALL, PROTECT_ALL, PROTECT_ALL,
};

#define VARIABLE_LEN 32

static bool says_tags(const struct task *k)
{
	return k->cdb.len == VARIABLE_LEN;
}

bool tgt_protect_accept(struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	uint8_t type = k->lu->protection;
	k->protection = type;
	if (c->wrprotect == 0) {
		/* SPC-4, control mode page, RWWP: of logical units that have it. */
		bool refused =
		        type != 0 && k->lu->modes.current.rwwp && scsi_op_writes_medium(c->op);
		return refused ? tgt_cdb_field_bad(k, c->flags_at, 7) : true;
	}
	if (type == 0)
		return tgt_cdb_field_bad(k, c->flags_at, 7);
	/* Type 2: only those of 32 bytes say what the reference tags are to be. */
	if (type == 2 && !says_tags(k)) {
		tgt_task_fail(k, scsi_sense_field(SENSE_INVALID_OPCODE, true, 0, 7));
		return false;
	}
	return c->wrprotect < VALUES ? true : tgt_cdb_field_bad(k, c->flags_at, 7);
}

/* Fields of which it is known what they are to be. */
static uint8_t known(const struct task *k, const struct tgt_lu *lu)
{
	uint8_t fields = PROTECT_GUARD;
	if (lu->protection == 1 || says_tags(k))
		fields |= PROTECT_REF;
	if (says_tags(k) && lu->modes.current.ato)
		fields |= PROTECT_APP;
	return fields;
}

/* ATO=0: application tags, of type 3 also reference tags, are nothing that an initiator can count
 * on. */
static uint8_t comparable(const struct tgt_lu *lu)
{
	if (lu->modes.current.ato)
		return PROTECT_ALL;
	return lu->protection == 3 ? PROTECT_GUARD : PROTECT_GUARD | PROTECT_REF;
}

/* Of what is read. A medium that is compared is checked only where no protection information came
 * to be compared. */
static uint8_t of_medium(const struct task *k, const struct tgt_lu *lu, enum task_work work)
{
	uint8_t value = k->cdb.wrprotect;
	bool pre_fetch = k->cdb.op == OP_PRE_FETCH_10 || k->cdb.op == OP_PRE_FETCH_16;
	if (pre_fetch || k->cdb.op == OP_SEND_DIAGNOSTIC)
		return 0;
	if (value == 0 && lu->modes.current.dpicz)
		return 0;
	if (work == WORK_COMPARE && value != 0)
		return 0;
	return checked[value];
}

/* Of tuples that are made: with ATO=1 it is FFFFh (SBC-3, WRPROTECT field, 000b), which is not
 * checked. Else any value will do: of type 2, whose reference tags cannot be made, FFFFh, too; of
 * the others one with which they are checked. */
static uint16_t made_tag(const struct tgt_lu *lu)
{
	return lu->modes.current.ato || lu->protection == 2 ? 0xffff : 0;
}

struct protect tgt_protect_of(const struct task *k, const struct tgt_lu *lu, enum task_work work)
{
	const struct scsi_cdb *c = &k->cdb;
	uint8_t value = c->wrprotect;
	bool takes = work == WORK_WRITE || work == WORK_MATCH || work == WORK_COMPARE;
	bool came = value != 0 && k->data && takes;
	struct protect p = {
	        .type = lu->protection,
	        .moved = value != 0 && (work == WORK_READ || came),
	        /* SBC-3, UNMAP, and NDOB of WRITE SAME */
	        .none = work == WORK_ZERO || (work == WORK_WRITE && !k->data && !k->in),
	        .ref = says_tags(k) ? c->ref : (uint32_t)k->first,
	        .index = k->pos,
	        .app = c->app,
	        .mask = c->app_mask,
	        .made = made_tag(lu),
	};
	bool reads = work == WORK_READ || work == WORK_MATCH || work == WORK_COMPARE ||
	             work == WORK_VERIFY || c->op == OP_ORWRITE_16;
	if (reads)
		p.medium = of_medium(k, lu, work) & known(k, lu);
	/* What WRITE AND VERIFY compares with it has written: it was checked then. */
	if (came && !(work == WORK_COMPARE && scsi_op_writes_medium(c->op)))
		p.data = checked[value] & known(k, lu);
	if (came && work == WORK_COMPARE)
		p.compare = compared[value] & comparable(lu);
	return p;
}

struct scsi_sense tgt_protect_sense(uint8_t field, lba_t at)
{
	return scsi_sense_info(field == PROTECT_APP   ? SENSE_APPLICATION_TAG_CHECK
	                       : field == PROTECT_REF ? SENSE_REFERENCE_TAG_CHECK
	                                              : SENSE_GUARD_CHECK,
	                       at);
}

uint8_t tgt_protect_capacity(const struct tgt_lu *lu)
{
	if (lu->protection == 0)
		return 0;
	return (uint8_t)((lu->protection - 1) << 1 | 1);
}

int tgt_protect_format(unsigned fmtpinfo, unsigned usage)
{
	/* SBC-3, "FMTPINFO field and PROTECTION FIELD USAGE field" */
	static const struct {
		uint8_t fmtpinfo, usage, type;
	} rows[] = {{0, 0, 0}, {2, 0, 1}, {3, 0, 2}, {3, 1, 3}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].fmtpinfo == fmtpinfo && rows[i].usage == usage)
			return rows[i].type;
	return -1;
}
