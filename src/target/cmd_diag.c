/* SPDX-License-Identifier: BSD-2-Clause */
/* SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS (SPC-4, 6.31 and 6.27), READ DEFECT DATA (SBC-3). */
#include "target/core.h"

#define SELF_TEST_CODE 5 /* a shift */
#define PF             0x10
#define SELFTEST       0x04
#define DEVOFFL        0x02
#define UNITOFFL       0x01

#define PAGE_HEADER 4

/* SPC-4, table 272: those in the background are not supported. */
enum self_test {
	TEST_NONE = 0,
	TEST_FOREGROUND_SHORT = 5,
	TEST_FOREGROUND_EXTENDED = 6,
};

static uint8_t code_of(const struct task *k)
{
	return k->cdb.byte1 >> SELF_TEST_CODE;
}

static bool code_ok(const struct task *k)
{
	switch (code_of(k)) {
	case TEST_NONE:
		return true;
	case TEST_FOREGROUND_SHORT:
	case TEST_FOREGROUND_EXTENDED:
		return !(k->cdb.byte1 & SELFTEST); /* the one or the other */
	default:
		return false;
	}
}

static bool tests(const struct task *k)
{
	return code_of(k) != TEST_NONE || (k->cdb.byte1 & SELFTEST);
}

bool tgt_cmd_accept_send_diagnostic(struct tgt *t, struct task *k)
{
	const struct scsi_cdb *c = &k->cdb;
	const uint8_t flags = PF | SELFTEST | DEVOFFL | UNITOFFL;
	(void)t;
	if (!code_ok(k))
		return tgt_cdb_field_bad(k, 1, 7);
	if (!tgt_cdb_only(k, 1, c->byte1, (uint8_t)(flags | 7U << SELF_TEST_CODE)))
		return false;
	/* A self test comes without a list, and a list is a page, whole. */
	if (c->alloc > 0 && (tests(k) || c->alloc < PAGE_HEADER))
		return tgt_cdb_field_bad(k, 3, 0xff);
	if (c->alloc > 0 && !(c->byte1 & PF))
		return tgt_cdb_field_bad(k, 1, 4);
	k->want_out = c->alloc;
	return true;
}

/* The list of the pages is the only page: it has no parameters (SPC-4, 7.2.12). */
static bool page_ok(struct task *k)
{
	struct rd r = rd_init(k->data->data + k->data_off, k->want_out);
	uint8_t code = rd_u8(&r);
	(void)rd_u8(&r);
	uint16_t length = rd_u16(&r);
	if (code == 0 && length == 0 && rd_left(&r) == 0)
		return true;
	tgt_task_fail(k, scsi_sense_field(SENSE_INVALID_FIELD_IN_PARAMETERS, false,
	                                  code != 0 ? 0 : 2, 0xff));
	return false;
}

/* Whether the medium can be read: of the short ones one piece, of the extended one all of it. */
bool tgt_cmd_run_send_diagnostic(struct tgt *t, struct task *k)
{
	uint64_t most = TGT_TRANSFER_MAX / k->lu->cfg.block_size;
	if (k->want_out > 0)
		return page_ok(k);
	if (!tests(k))
		return false;
	if (code_of(k) == TEST_FOREGROUND_EXTENDED)
		most = UINT32_MAX;
	uint64_t blocks = k->lu->cfg.blocks;
	tgt_cmd_start(t, k, 0, (uint32_t)(blocks < most ? blocks : most), WORK_VERIFY);
	return true;
}

#define PCV 0x01

bool tgt_cmd_accept_receive_diagnostic(struct tgt *t, struct task *k)
{
	(void)t;
	if (!tgt_cdb_only(k, 1, k->cdb.byte1, PCV))
		return false;
	return k->cdb.page != 0 ? tgt_cdb_field_bad(k, 2, 0xff) : true;
}

bool tgt_cmd_run_receive_diagnostic(struct tgt *t, struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	wr_u8(&w, 0x00); /* supported diagnostic pages */
	wr_u8(&w, 0);
	wr_u16(&w, 1);
	wr_u8(&w, 0x00);
	tgt_cmd_reply(t, k, &w);
	return false;
}

/* ---- READ DEFECT DATA (SBC-3, 5.17 and 5.18) ---- */

#define LISTS_AND_FORMAT 0x1f /* REQ_PLIST, REQ_GLIST, DEFECT LIST FORMAT */
#define FORMAT           0x07
#define FORMATS          6 /* above are a vendor's and a reserved one */

/* Where the flags and the format are. */
static uint8_t lists_of(const struct task *k, uint8_t *at)
{
	bool ten = k->cdb.op == OP_READ_DEFECT_DATA_10;
	*at = ten ? 2 : 1;
	return ten ? k->cdb.page : k->cdb.byte1;
}

bool tgt_cmd_accept_defects(struct tgt *t, struct task *k)
{
	uint8_t at;
	uint8_t lists = lists_of(k, &at);
	(void)t;
	if (at != 1 && !tgt_cdb_only(k, 1, k->cdb.byte1, 0))
		return false;
	if (!tgt_cdb_only(k, at, lists, LISTS_AND_FORMAT))
		return false;
	return (lists & FORMAT) >= FORMATS ? tgt_cdb_field_bad(k, at, 2) : true;
}

/* A file has no defects: both lists are valid, and empty in each format. */
bool tgt_cmd_run_defects(struct tgt *t, struct task *k)
{
	struct wr w = wr_init(t->resp, sizeof(t->resp));
	uint8_t at;
	wr_u8(&w, 0);
	wr_u8(&w, lists_of(k, &at));
	wr_u16(&w, 0); /* (10): the length; (12): the generation */
	if (k->cdb.op == OP_READ_DEFECT_DATA_12)
		wr_u32(&w, 0);
	tgt_cmd_reply(t, k, &w);
	return false;
}
