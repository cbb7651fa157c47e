/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/reach.h"

#include "base/units.h"
#include "scsi/cdb.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <string.h>

/* Every operation of the table, with nothing but its opcode and service action, and no data. */
START_TEST(every_operation)
{
	static const struct {
		const char *name; /* as it begins */
		enum scsi_reach reach;
	} changing[] = {
	        {"WRITE(", REACH_UNIT},
	        {"WRITE AND VERIFY(", REACH_UNIT},
	        {"WRITE SAME(", REACH_UNIT},
	        {"WRITE ATOMIC(", REACH_UNIT},
	        {"COMPARE AND WRITE", REACH_UNIT},
	        {"ORWRITE(", REACH_UNIT},
	        {"UNMAP", REACH_UNIT},
	        {"FORMAT UNIT", REACH_UNIT},
	        {"SANITIZE, ", REACH_UNIT},
	        {"EXTENDED COPY(", REACH_TARGET},
	};
	unsigned found = 0;

	for (unsigned op = 0; op < OP_COUNT; op++) {
		struct scsi_cdb c = {.op = (enum scsi_op)op};
		uint8_t cdb[SCSI_CDB_MAX];
		enum scsi_reach want = REACH_NONE;
		const char *name = scsi_op_info(c.op)->name;
		c.blocks = c.op == OP_READ_6 || c.op == OP_WRITE_6;
		size_t n = scsi_cdb_put(&c, cdb);
		for (size_t i = 0; i < ARRAY_LEN(changing); i++)
			if (strncmp(name, changing[i].name, strlen(changing[i].name)) == 0)
				want = changing[i].reach;
		found += want != REACH_NONE;
		ck_assert_msg(scsi_reach((struct span){cdb, n}, (struct span){NULL, 0}) == want,
		              "%s", name);
	}
	ck_assert_uint_eq(found, 21);
}
END_TEST

static const struct {
	const char *cdb, *list;
	enum scsi_reach reach;
} cases[] = {
        /* MODE SELECT: caching page; page 30h; both; by subpage format; a block descriptor */
        {"15 10 00 00 18 00",
         "00000000 0812"
         "000000000000000000000000000000000000",
         REACH_NONE},
        {"15 10 00 00 34 00",
         "00000000 b02e"
         "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "000000000000",
         REACH_UNIT},
        {"55 10 00 00 00 00 00 00 10 00", "0000000000000000 0a020000 b0020000", REACH_UNIT},
        {"55 10 00 00 00 00 00 00 0c 00", "0000000000000000 0a020000", REACH_NONE},
        {"55 10 00 00 00 00 00 00 0f 00", "0000000000000000 4a010003000000", REACH_NONE},
        {"55 10 00 00 00 00 00 00 0f 00", "0000000000000000 70010003000000", REACH_UNIT},
        {"15 10 00 00 0c 00", "00000008 0000000000000200", REACH_UNIT},
        {"55 10 00 00 00 00 00 00 10 00", "0000000000000008 0000000000000200", REACH_UNIT},
        /* of the list, as much as the CDB says */
        {"55 10 00 00 00 00 00 00 0c 00", "0000000000000000 0a020000 b0020000", REACH_NONE},
        /* lists that end too early, or are not there */
        {"55 10 00 00 00 00 00 00 0c 00", "0000000000000000 0a0300", REACH_UNIT},
        {"55 10 00 00 00 00 00 00 0c 00", "00000000", REACH_UNIT},
        {"15 10 00 00 0c 00", "", REACH_UNIT},
        {"15 10 00 00 00 00", "", REACH_NONE},
        /* the vendor's pages; to be saved; RTD */
        {"15 00 00 00 08 00", "00000000 0a020000", REACH_UNIT},
        {"15 11 00 00 08 00", "00000000 0a020000", REACH_NONE},
        {"15 12 00 00 00 00", "", REACH_UNIT},
        /* SEND DIAGNOSTIC: a self-test; UNITOFFL; DEVOFFL */
        {"1d 04 00 00 00 00", "", REACH_NONE},
        {"1d 05 00 00 00 00", "", REACH_UNIT},
        {"1d 06 00 00 00 00", "", REACH_NONE},
        /* WRITE BUFFER: data, echo, microcode, the vendor's */
        {"3b 02 00 000000 000000 00", "", REACH_NONE},
        {"3b 0a 00 000000 000000 00", "", REACH_NONE},
        {"3b 05 00 000000 000000 00", "", REACH_TARGET},
        {"3b 01 00 000000 000000 00", "", REACH_TARGET},
        /* what the table has not, and what is too short: the disk refuses it */
        {"07 00 00 00 00 00", "", REACH_NONE},                     /* REASSIGN BLOCKS */
        {"3f 00 00 00 00 00 00 00 00 00", "", REACH_NONE},         /* WRITE LONG(10) */
        {"83 01 0000000000000000 00000000 00 00", "", REACH_NONE}, /* EXTENDED COPY(LID4) */
        {"02 00 00 00 00 04", "", REACH_NONE},
        {"c1 00 00 00 00 00", "", REACH_NONE},
        {"7f", "", REACH_NONE},
        {"2a 00 00 00 00 00", "", REACH_NONE},
        {"00", "", REACH_NONE},
};

START_TEST(what_says_more_than_its_opcode)
{
	uint8_t cdb[SCSI_CDB_MAX], list[64];
	struct span c = {cdb, hex_get(cases[_i].cdb, cdb, sizeof(cdb))};
	struct span l = {list, hex_get(cases[_i].list, list, sizeof(list))};

	ck_assert_msg(scsi_reach(c, l) == cases[_i].reach, "%s, %s", cases[_i].cdb, cases[_i].list);
}
END_TEST

TAP_MAIN_TABLE("reach", NULL, NULL, TAP_ONCE(every_operation),
               TAP_EACH(what_says_more_than_its_opcode, cases));
