/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/iu.h"

#include "base/assert.h"

#include <string.h>

/* ---- L_Q (SPI-4, "SPI L_Q information unit") ---- */

static const struct {
	uint8_t type;
	const char *name;
} types[] = {
        {IU_LAST_COMMAND, "LAST COMMAND"},
        {IU_MULTIPLE_COMMAND, "MULTIPLE COMMAND"},
        {IU_DATA, "DATA"},
        {IU_DATA_STREAM, "DATA STREAM"},
        {IU_STATUS, "STATUS"},
};

const char *iu_type_name(uint8_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return "RESERVED";
}

bool iu_l_q_get(struct rd *r, struct iu_l_q *out)
{
	const uint8_t *p = rd_take(r, IU_L_Q_LEN);

	if (!p)
		return false;
	out->type = p[0];
	out->tag = get_be16(p + 2);
	memcpy(out->lun, p + 4, sizeof(out->lun));
	out->length = get_be24(p + 13);
	return true;
}

void iu_l_q_put(struct wr *w, const struct iu_l_q *q)
{
	sm_assert(q->length <= IU_DATA_MAX);
	wr_u8(w, q->type);
	wr_u8(w, 0);
	wr_u16(w, q->tag);
	wr_bytes(w, q->lun, sizeof(q->lun));
	wr_u8(w, 0);
	wr_u24(w, q->length);
	wr_zero(w, 4); /* BIDI DIRECTION; IUCRC INTERVAL: one iuCRC, at the end */
}

struct iu_l_q iu_l_q(enum iu_type type, uint16_t tag, uint8_t lun, uint32_t length)
{
	sm_assert(lun < SCSI_LUNS);
	return (struct iu_l_q){
	        .type = (uint8_t)type, .tag = tag, .lun = {0, lun}, .length = length};
}

/* SAM-5, 4.7: peripheral device or flat space addressing, in the first level and no other. */
bool iu_l_q_lun(const struct iu_l_q *q, uint8_t *lun)
{
	static const uint8_t none[6];
	bool first = q->lun[0] == 0x00 || q->lun[0] == 0x40;

	if (!first || q->lun[1] >= SCSI_LUNS || memcmp(q->lun + 2, none, sizeof(none)) != 0)
		return false;
	*lun = q->lun[1];
	return true;
}

/* ---- command (SPI-4, "SPI command information unit") ---- */

#define ATTRIBUTE 0x07
#define RDDATA    0x02
#define WRDATA    0x01
#define CDB_AT    4
#define CDB_LEN   16
#define CDB_PAD   4 /* ADDITIONAL CDB LENGTH is in units of these */
_Static_assert(CDB_AT + CDB_LEN == IU_COMMAND_LEN, "lengths");
_Static_assert(CDB_AT + SCSI_CDB_MAX <= IU_COMMAND_MAX, "a CDB fits");

struct code {
	uint8_t code;
	enum scsi_msg_kind kind;
};

static const struct code attributes[] = {
        {0, MSG_SIMPLE}, {1, MSG_HEAD_OF_QUEUE}, {2, MSG_ORDERED}, {4, MSG_ACA}};

static const struct code functions[] = {
        {0x00, MSG_NO_OPERATION},   {0x01, MSG_ABORT_TASK},         {0x02, MSG_ABORT_TASK_SET},
        {0x04, MSG_CLEAR_TASK_SET}, {0x08, MSG_LOGICAL_UNIT_RESET}, {0x20, MSG_TARGET_RESET},
        {0x40, MSG_CLEAR_ACA},
};

static bool kind_of(const struct code *row, size_t n, unsigned code, enum scsi_msg_kind *out)
{
	for (size_t i = 0; i < n; i++) {
		if (row[i].code == code) {
			*out = row[i].kind;
			return true;
		}
	}
	return false;
}

static uint8_t code_of(const struct code *row, size_t n, enum scsi_msg_kind kind)
{
	size_t i = 0;

	while (i < n && row[i].kind != kind)
		i++;
	sm_assert(i < n);
	return row[i].code;
}

enum iu_failure iu_command_get(struct span s, struct iu_command *out)
{
	struct iu_command c;

	if (s.n < IU_COMMAND_LEN)
		return IU_FAILURE_COMMAND_FIELDS;
	/* What there is to be done comes first: CDB and attribute of a function do not count. */
	if (!kind_of(functions, ARRAY_LEN(functions), s.p[2], &c.function))
		return IU_FAILURE_TMF_NOT_SUPPORTED;
	c.attr = MSG_SIMPLE;
	if (!kind_of(attributes, ARRAY_LEN(attributes), s.p[1] & ATTRIBUTE, &c.attr) &&
	    c.function == MSG_NO_OPERATION)
		return IU_FAILURE_COMMAND_FIELDS;
	/* ADDITIONAL CDB LENGTH, bits 7 to 2, in units of 4 bytes: the bits are the bytes. */
	if (s.n != IU_COMMAND_LEN + (size_t)(s.p[3] & ~(RDDATA | WRDATA)))
		return IU_FAILURE_COMMAND_FIELDS;
	c.rd = s.p[3] & RDDATA;
	c.wr = s.p[3] & WRDATA;
	c.cdb = (struct span){s.p + CDB_AT, s.n - CDB_AT};
	*out = c;
	return IU_FAILURE_NONE;
}

uint32_t iu_command_len(size_t cdb_len)
{
	size_t more = cdb_len > CDB_LEN ? cdb_len - CDB_LEN : 0;

	return (uint32_t)(IU_COMMAND_LEN + (more + CDB_PAD - 1) / CDB_PAD * CDB_PAD);
}

void iu_command_put(struct wr *w, const struct iu_command *c)
{
	uint32_t len = iu_command_len(c->cdb.n);

	sm_assert(c->cdb.n <= SCSI_CDB_MAX);
	wr_u8(w, 0);
	wr_u8(w, code_of(attributes, ARRAY_LEN(attributes), c->attr));
	wr_u8(w, code_of(functions, ARRAY_LEN(functions), c->function));
	wr_u8(w, (uint8_t)((len - IU_COMMAND_LEN) | (c->rd ? RDDATA : 0U) | (c->wr ? WRDATA : 0U)));
	wr_padded(w, c->cdb.p, c->cdb.n, len - CDB_AT, 0);
}

/* ---- status (SPI-4, "SPI status information unit") ---- */

#define RSPVALID 0x01
#define SNSVALID 0x02

static const struct {
	uint8_t code;
	const char *name;
} failures[] = {
        {IU_FAILURE_NONE, "NO FAILURE"},
        {IU_FAILURE_COMMAND_FIELDS, "SPI COMMAND INFORMATION UNIT FIELDS INVALID"},
        {IU_FAILURE_TMF_NOT_SUPPORTED, "TASK MANAGEMENT FUNCTION NOT SUPPORTED"},
        {IU_FAILURE_TMF_FAILED, "TASK MANAGEMENT FUNCTION FAILED"},
        {IU_FAILURE_TYPE_CODE, "INVALID TYPE CODE RECEIVED IN SPI L_Q INFORMATION UNIT"},
        {IU_FAILURE_ILLEGAL_REQUEST, "ILLEGAL REQUEST RECEIVED IN SPI L_Q INFORMATION UNIT"},
};

const char *iu_failure_name(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		if (failures[i].code == code)
			return failures[i].name;
	return "RESERVED";
}

bool iu_status_get(struct span s, struct iu_status *out)
{
	struct rd r = rd_init(s.p, s.n);
	struct iu_status u = {0};

	rd_skip(&r, 2);
	uint8_t valid = rd_u8(&r);
	u.status = rd_u8(&r);
	uint32_t sense = rd_u32(&r), failed = rd_u32(&r);
	/* Lists that are not valid are not there, whatever their lengths say. */
	struct span list = rd_bytes(&r, valid & RSPVALID ? failed : 0);
	u.sense = rd_bytes(&r, valid & SNSVALID ? sense : 0);
	u.failed = valid & RSPVALID;
	if (!rd_done(&r) || (u.failed && list.n < IU_FAILURES_LEN))
		return false;
	u.failure = u.failed ? list.p[IU_FAILURES_LEN - 1] : (uint8_t)IU_FAILURE_NONE;
	*out = u;
	return true;
}

void iu_status_put(struct wr *w, const struct iu_status *s)
{
	sm_assert(s->sense.n <= SCSI_SENSE_MAX);
	wr_zero(w, 2);
	wr_u8(w, (uint8_t)((s->failed ? RSPVALID : 0U) | (s->sense.n ? SNSVALID : 0U)));
	wr_u8(w, s->status);
	wr_u32(w, (uint32_t)s->sense.n);
	wr_u32(w, s->failed ? IU_FAILURES_LEN : 0);
	if (s->failed)
		wr_u32(w, s->failure);
	wr_bytes(w, s->sense.p, s->sense.n);
}
