/* SPDX-License-Identifier: BSD-2-Clause */
/* REPORT SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS (SPC-4, 6.34 and 6.35): read off
 * opcodes.def, the CDB layouts and the command table. */
#include "target/core.h"

#define RCTD    0x80 /* byte 2: with timeouts descriptors */
#define REPD    0x80 /* byte 2: the extended data of the functions */
#define OPTIONS 0x07

/* REPORTING OPTIONS (table 233). */
enum { OPTION_ALL, OPTION_OPCODE, OPTION_ACTION, OPTION_EITHER, OPTION_COUNT };

/* A descriptor of all commands, byte 5; one command, byte 1. */
#define ALL_CTDP     0x02
#define ALL_SERVACTV 0x01
#define ONE_CTDP     0x80
#define ONE_NO       0x01
#define ONE_STANDARD 0x03

#define SAME_UNMAP 0x08 /* byte 1 of WRITE SAME: of thin provisioned disks */
#define PROTECT    0xe0 /* byte 1 of what reads and writes: of those with protection */
#define FMTPINFO   0xc0 /* byte 1 of FORMAT UNIT: of those that can have it */

#define TIMEOUTS_LEN 10 /* after its length field */

/* Seconds. What waits for nothing but us ends at once; the rest waits for the store's file system
 * and for the tasks before it. */
#define NOMINAL_S         1
#define RECOMMEND_QUICK_S 5
#define RECOMMEND_STORE_S 30

static void put_timeouts(struct wr *w, const struct cmd *c)
{
	wr_u16(w, TIMEOUTS_LEN);
	wr_u8(w, 0);
	wr_u8(w, 0);
	wr_u32(w, NOMINAL_S);
	wr_u32(w, c->flags & CMD_QUICK ? RECOMMEND_QUICK_S : RECOMMEND_STORE_S);
}

static void put_all(struct wr *w, const struct tgt_lu *lu, bool timeouts)
{
	wr_u32(w, 0); /* the length, at the end */
	for (unsigned op = 0; op < OP_COUNT; op++) {
		const struct cmd *c = tgt_cmd_of(lu, (enum scsi_op)op);
		const struct scsi_op_info *i = scsi_op_info((enum scsi_op)op);
		if (!c)
			continue;
		bool action = i->service_action >= 0;
		wr_u8(w, i->opcode);
		wr_u8(w, 0);
		wr_u16(w, (uint16_t)(action ? i->service_action : 0));
		wr_u8(w, 0);
		wr_u8(w, (uint8_t)((timeouts ? ALL_CTDP : 0) | (action ? ALL_SERVACTV : 0)));
		wr_u16(w, i->cdb_len);
		if (timeouts)
			put_timeouts(w, c);
	}
	wr_at_u32(w, 0, (uint32_t)(w->n - 4));
}

/* What of the usage is looked at by some logical units only. */
static void narrow(const struct tgt_lu *lu, const struct cmd *c, uint8_t *usage)
{
	uint8_t *flags = &usage[c->flags & CMD_TYPE2 ? 10 : 1];
	bool same =
	        c->op == OP_WRITE_SAME_10 || c->op == OP_WRITE_SAME_16 || c->op == OP_WRITE_SAME_32;
	bool protects = lu->protection == 1 || lu->protection == 3 || (c->flags & CMD_TYPE2);
	if (same && !lu->cfg.thin)
		*flags &= (uint8_t)~SAME_UNMAP;
	if (scsi_op_protects(c->op) && !protects)
		*flags &= (uint8_t)~PROTECT;
	if (c->op == OP_FORMAT_UNIT && !lu->cfg.protects)
		*flags &= (uint8_t)~FMTPINFO;
}

static void put_one(struct wr *w, const struct tgt_lu *lu, const struct cmd *c, bool timeouts)
{
	wr_u8(w, 0);
	if (!c) {
		wr_u8(w, ONE_NO);
		wr_u16(w, 0);
		return;
	}
	uint8_t usage[SCSI_CDB_MAX];
	size_t n = scsi_cdb_usage(c->op, usage);
	narrow(lu, c, usage);
	wr_u8(w, (uint8_t)(ONE_STANDARD | (timeouts ? ONE_CTDP : 0)));
	wr_u16(w, (uint16_t)n);
	wr_bytes(w, usage, n);
	if (timeouts)
		put_timeouts(w, c);
}

/* The command with this opcode, and with this service action where it has one. */
static const struct cmd *find(const struct tgt_lu *lu, uint8_t opcode, uint16_t action)
{
	for (unsigned op = 0; op < OP_COUNT; op++) {
		const struct scsi_op_info *i = scsi_op_info((enum scsi_op)op);
		uint16_t its = (uint16_t)(i->service_action >= 0 ? i->service_action : 0);
		if (i->opcode == opcode && its == action && tgt_cmd_of(lu, (enum scsi_op)op))
			return tgt_cmd_of(lu, (enum scsi_op)op);
	}
	return NULL;
}

bool tgt_cmd_accept_report_opcodes(struct tgt *t, struct task *k)
{
	(void)t;
	const struct scsi_cdb *c = &k->cdb;
	unsigned option = c->page & OPTIONS;
	bool actions = tgt_cmd_has_actions(k->lu, c->subpage);
	if (!tgt_cdb_only(k, 1, c->byte1, 0) || !tgt_cdb_only(k, 2, c->page, RCTD | OPTIONS))
		return false;
	if (option >= OPTION_COUNT || (option == OPTION_OPCODE && actions))
		return tgt_cdb_field_bad(k, 2, 2);
	/* An opcode that we do not have is no error: the answer says so. */
	if (option == OPTION_ACTION && !actions && find(k->lu, c->subpage, 0))
		return tgt_cdb_field_bad(k, 4, 0xff);
	return true;
}

bool tgt_cmd_run_report_opcodes(struct tgt *t, struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	const struct scsi_cdb *c = &k->cdb;
	unsigned option = c->page & OPTIONS;
	bool timeouts = c->page & RCTD;
	if (option == OPTION_ALL)
		put_all(&w, k->lu, timeouts);
	else
		put_one(&w, k->lu,
		        find(k->lu, c->subpage, option == OPTION_OPCODE ? 0 : c->selector),
		        timeouts);
	tgt_cmd_reply(t, k, &w);
	return false;
}

/* ---- task management functions ---- */

/* ABORT TASK, ABORT TASK SET, CLEAR ACA, CLEAR TASK SET, LOGICAL UNIT RESET */
#define FUNCTIONS    0xf8
#define TARGET_RESET 0x02
#define EXTENDED_LEN 16
#define SHORT_LEN    4

bool tgt_cmd_accept_report_functions(struct tgt *t, struct task *k)
{
	(void)t;
	if (!tgt_cdb_only(k, 1, k->cdb.byte1, 0) || !tgt_cdb_only(k, 2, k->cdb.page, REPD))
		return false;
	return k->cdb.alloc < 4 ? tgt_cdb_field_bad(k, 6, 0xff) : true;
}

/* As message.c has them. The parallel bus has no QUERY functions. */
bool tgt_cmd_run_report_functions(struct tgt *t, struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	bool extended = k->cdb.page & REPD;
	wr_u8(&w, FUNCTIONS | TARGET_RESET);
	wr_zero(&w, 2);
	wr_u8(&w, extended ? EXTENDED_LEN - SHORT_LEN : 0);
	if (extended)
		wr_zero(&w, EXTENDED_LEN - SHORT_LEN); /* no times are promised */
	tgt_cmd_reply(t, k, &w);
	return false;
}
