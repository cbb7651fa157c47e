/* SPDX-License-Identifier: BSD-2-Clause */
/* REPORT SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS (SPC-4, 6.34 and 6.35). */
#include "scsi/cdb.h"
#include "unit/disk.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define END   "STATUS(GOOD) COMMAND COMPLETE FREE"
#define CHECK "cont STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"

static const struct {
	const char *clause, *cdb, *data;
} answers[] = {
        /* table 238: supported, CDB size, usage data */
        {"6.34.3, 001b", "a30c01120000000000ff0000", "00 03 0006 12 01 ff ff ff 04"},
        {"6.34.3, 001b", "a30c01280000000000ff0000", "00 03 000a 28 18 ff ff ff ff 00 ff ff 04"},
        {"6.34.3, 001b, not there", "a30c01010000000000ff0000", "00 01 0000"},
        {"6.34.3, 010b", "a30c029e0010000000ff0000",
         "00 03 0010 9e 10 ffffffffffffffff ffffffff 01 04"},
        {"6.34.3, 010b, not there", "a30c029e001f000000ff0000", "00 01 0000"},
        {"6.34.3, 010b, no such opcode", "a30c02d50000000000ff0000", "00 01 0000"},
        {"6.34.3, 011b", "a30c039e0010000000ff0000",
         "00 03 0010 9e 10 ffffffffffffffff ffffffff 01 04"},
        {"6.34.3, 011b", "a30c03000000000000ff0000", "00 03 0006 00 00 00 00 00 04"},
        {"6.34.3, 011b: 0 is no action here", "a30c039e0000000000ff0000", "00 01 0000"},
        {"6.34.3, 011b: no action has a number", "a30c03000001000000ff0000", "00 01 0000"},
        /* 6.34.4: RCTD; seconds, nominal and recommended */
        {"6.34.4, quick", "a30c81000000000000ff0000",
         "00 83 0006 00 00 00 00 00 04 000a 00 00 00000001 00000005"},
        {"6.34.4, store", "a30c812f0000000000ff0000",
         "00 83 000a 2f 16 ffffffff 00 ffff 04 000a 00 00 00000001 0000001e"},
        {"6.34.4, not there", "a30c81010000000000ff0000", "00 01 0000"},
        {"allocation length", "a30c0112000000000006 0000", "00 03 0006 12 01"},
        {"allocation length", "a30c0112000000000003 0000", "00 03 00"},
        {"6.35, table 241", "a30d00000000000000ff0000", "fa 00 00 00"},
        {"6.35, table 242", "a30d80000000000000ff0000", "fa 00 00 0c 0000000000000000 00000000"},
        {"6.35, allocation length", "a30d8000000000000005 0000", "fa 00 00 0c 00"},
};

START_TEST(answers_with)
{
	struct disk *d = disk_new();
	disk_answers(d, answers[_i].cdb, answers[_i].data);
	disk_free(d);
}
END_TEST

static const struct {
	const char *cdb, *sense;
} refused[] = {
        {"a30c04000000000000ff0000", "5/24/0 cdb 2.2"}, /* reserved option */
        {"a30c07000000000000ff0000", "5/24/0 cdb 2.2"},
        {"a30c08000000000000ff0000", "5/24/0 cdb 2.3"}, /* reserved bits */
        {"a30c019e0000000000ff0000", "5/24/0 cdb 2.2"}, /* 001b: it has service actions */
        {"a30c02120000000000ff0000", "5/24/0 cdb 4"},   /* 010b: it has none */
        {"a32c00000000000000ff0000", "5/24/0 cdb 1.5"},
        {"a30e00000000000000ff0000", "5/24/0 cdb 1.4"}, /* no such service action */
        {"a30d01000000000000ff0000", "5/24/0 cdb 2.0"},
        {"a30d0000000000000003 0000", "5/24/0 cdb 6"},
        {"a32d00000000000000ff0000", "5/24/0 cdb 1.5"},
};

START_TEST(refuses)
{
	struct disk *d = disk_new();
	disk_refuses(d, refused[_i].cdb, refused[_i].sense);
	disk_free(d);
}
END_TEST

/* Table 235: what is listed is what is answered; what is not is an invalid opcode or action. */
static bool listed(const struct disk *d, uint8_t opcode, int action, size_t each)
{
	for (size_t at = 4; at + each <= d->n_in; at += each) {
		const uint8_t *p = d->in + at;
		bool has = p[5] & 0x01;
		if (p[0] == opcode && has == (action >= 0) && (!has || p[3] == action))
			return true;
	}
	return false;
}

static bool refused_as_unknown(struct disk *d, uint8_t opcode, int action)
{
	char cdb[32];
	unsigned len = scsi_cdb_len((struct span){&opcode, 1});
	if (len == 0)
		return true;
	(void)snprintf(cdb, sizeof(cdb), "%02x%02x:%u", opcode, action < 0 ? 0U : (unsigned)action,
	               len - 2);
	(void)disk_command(d, cdb);
	const char *sense = disk_sense(d);
	return strcmp(sense, action < 0 ? "5/20/0 cdb 0.7" : "5/24/0 cdb 1.4") == 0;
}

START_TEST(the_list_is_what_is_answered)
{
	struct disk *d = disk_new(), *list = disk_new();
	(void)disk_command(list, _i ? "a30c80:5.ffff00:1" : "a30c00:5.ffff00:1");
	size_t each = _i ? 20 : 8;
	ck_assert_uint_eq(list->n_in % each, 4);
	ck_assert_uint_eq(list->in[2] * 256U + list->in[3], list->n_in - 4);
	for (unsigned opcode = 0; opcode < 256; opcode++) {
		bool actions =
		        scsi_opcode_has_actions((uint8_t)opcode) && opcode != SCSI_OP_VARIABLE;
		for (int action = actions ? 0 : -1; action < (actions ? 0x20 : 0); action++)
			ck_assert_msg(listed(list, (uint8_t)opcode, action, each) !=
			                      refused_as_unknown(d, (uint8_t)opcode, action),
			              "%02x/%d", opcode, action);
	}
	for (size_t at = 4; at < list->n_in; at += each) {
		const uint8_t *p = list->in + at;
		ck_assert_uint_eq(p[5] & 0x02, _i ? 2 : 0);
		ck_assert_uint_eq(p[7], scsi_cdb_len((struct span){p, 1}));
	}
	disk_free(d);
	disk_free(list);
}
END_TEST

TAP_MAIN_TABLE("target_report", NULL, NULL, TAP_EACH(answers_with, answers),
               TAP_EACH(refuses, refused), TAP_TIMES(the_list_is_what_is_answered, 2));
