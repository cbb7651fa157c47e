/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/reach.h"

#include "base/units.h"
#include "scsi/cdb.h"
#include "scsi/page.h"

#define PARAM_PF  0x10 /* MODE SELECT: the pages are as SPC-4 has them */
#define PARAM_SP  0x01
#define DIAG_UNIT 0x01 /* SEND DIAGNOSTIC: UNITOFFL */
#define PAGE_CODE 0x3f
#define PAGE_SPF  0x40
/* Mode pages up to the end of the list: page 30h, or something that is no page, is among them. */
static bool pages_change(struct rd *r)
{
	while (rd_left(r) > 0) {
		uint8_t code = rd_u8(r);
		bool sub = code & PAGE_SPF;
		if ((code & PAGE_CODE) == MODE_MIRROR_PAGE)
			return true;
		if (sub)
			(void)rd_u8(r);
		size_t len = sub ? rd_u16(r) : rd_u8(r);
		rd_skip(r, len);
		if (r->error)
			return true;
	}
	return false;
}

/* MODE SELECT: of the list, as much as its CDB says. */
static enum scsi_reach modes(const struct scsi_cdb *c, struct span list)
{
	bool ten = c->op == OP_MODE_SELECT_10;
	struct rd r = rd_init(list.p, list.n < c->alloc ? list.n : c->alloc);

	if (c->byte1 & ~(PARAM_PF | PARAM_SP)) /* RTD: all pages, to their defaults */
		return REACH_UNIT;
	if (c->alloc == 0)
		return REACH_NONE;
	rd_skip(&r, ten ? 6 : 3);
	size_t descriptors = ten ? rd_u16(&r) : rd_u8(&r);
	if (r.error || descriptors > 0)
		return REACH_UNIT;
	if (!(c->byte1 & PARAM_PF) && rd_left(&r) > 0)
		return REACH_UNIT;
	return pages_change(&r) ? REACH_UNIT : REACH_NONE;
}

/* WRITE BUFFER: data, echo and error history buffers are nothing but that. */
static enum scsi_reach buffer(const struct scsi_cdb *c)
{
	switch (c->byte1 & 0x1f) {
	case 0x00: /* combined header and data (obsolete) */
	case 0x02: /* data */
	case 0x0a: /* echo buffer */
	case 0x1c: /* application client error history */
		return REACH_NONE;
	default:
		return REACH_TARGET;
	}
}

enum scsi_reach scsi_reach(struct span cdb, struct span list)
{
	struct scsi_cdb c;

	/* The disk's commands are those of the same table: it refuses what that has not, or what is
	 * shorter than it has. */
	if (!scsi_cdb_get(cdb, &c) || c.op == OP_UNKNOWN)
		return REACH_NONE;
	switch (scsi_op_info(c.op)->changes) {
	case C_NONE:
		break;
	case C_MEDIUM:
	case C_UNIT:
		return REACH_UNIT;
	case C_TARGET:
		return REACH_TARGET;
	case C_MODES:
		return modes(&c, list);
	case C_OFFLINE:
		return c.byte1 & DIAG_UNIT ? REACH_UNIT : REACH_NONE;
	case C_BUFFER:
		return buffer(&c);
	}
	return REACH_NONE;
}
