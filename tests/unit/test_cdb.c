/* SPDX-License-Identifier: BSD-2-Clause */
/* Command descriptor blocks, byte for byte, of every layout; and what the table says of each. */
#include "scsi/cdb.h"
#include "base/prng.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <signal.h>
#include <string.h>

#define LBA8 0x0102030405060708

static const struct {
	struct scsi_cdb cdb;
	const char *hex;
} rows[] = {
        {{.op = OP_TEST_UNIT_READY}, "00 00 00 00 00 00"},
        {{.op = OP_TEST_UNIT_READY, .byte1 = 0xe0, .control = 4}, "00 e0 00 00 00 04"},
        {{.op = OP_REQUEST_SENSE, .byte1 = 1, .alloc = 252}, "03 01 00 00 fc 00"},
        {{.op = OP_READ_6, .lba = 0x1fffff, .blocks = 1}, "08 1f ff ff 01 00"},
        {{.op = OP_WRITE_6, .lba = 0x010203, .blocks = 256, .byte1 = 0xe0}, "0a e1 02 03 00 00"},
        {{.op = OP_WRITE_6, .blocks = 255, .control = 0xff}, "0a 00 00 00 ff ff"},
        {{.op = OP_INQUIRY, .byte1 = 1, .page = 0xc0, .alloc = 0x0144}, "12 01 c0 01 44 00"},
        {{.op = OP_MODE_SELECT_6, .byte1 = 0x11, .alloc = 60}, "15 11 00 00 3c 00"},
        {{.op = OP_MODE_SENSE_6, .byte1 = 8, .page = 0x3f, .subpage = 0xff, .alloc = 255},
         "1a 08 3f ff ff 00"},
        {{.op = OP_START_STOP_UNIT, .byte1 = 1, .byte4 = 0x13}, "1b 01 00 00 13 00"},
        {{.op = OP_RECEIVE_DIAGNOSTIC_RESULTS, .byte1 = 1, .page = 0x3f, .alloc = 0x0102},
         "1c 01 3f 01 02 00"},
        {{.op = OP_SEND_DIAGNOSTIC, .byte1 = 0xb7, .alloc = 0x0102}, "1d b7 00 01 02 00"},
        {{.op = OP_PREVENT_ALLOW_MEDIUM_REMOVAL, .byte4 = 1}, "1e 00 00 00 01 00"},
        {{.op = OP_READ_CAPACITY_10, .alloc = 8}, "25 00 00000000 00 0000 00"},
        {{.op = OP_READ_10, .lba = 0x01020304, .blocks = 0x0506, .dpo = true},
         "28 10 01020304 00 0506 00"},
        {{.op = OP_WRITE_10, .lba = UINT32_MAX, .blocks = 0xffff, .fua = true, .wrprotect = 1},
         "2a 28 ffffffff 00 ffff 00"},
        {{.op = OP_WRITE_AND_VERIFY_10, .lba = 1, .blocks = 2, .dpo = true, .bytchk = 1},
         "2e 12 00000001 00 0002 00"},
        {{.op = OP_VERIFY_10, .lba = 1, .blocks = 2, .bytchk = 3, .wrprotect = 7},
         "2f e6 00000001 00 0002 00"},
        {{.op = OP_PRE_FETCH_10, .byte1 = 2, .lba = 9, .blocks = 8}, "34 02 00000009 00 0008 00"},
        {{.op = OP_SYNCHRONIZE_CACHE_10, .byte1 = 2, .lba = 9, .blocks = 8},
         "35 02 00000009 00 0008 00"},
        {{.op = OP_READ_DEFECT_DATA_10, .page = 0x1d, .alloc = 0x0102},
         "37 00 1d 000000 00 0102 00"},
        {{.op = OP_WRITE_BUFFER, .byte1 = 10, .page = 1, .lba = 0x020304, .alloc = 0x050607},
         "3b 0a 01 020304 050607 00"},
        {{.op = OP_READ_BUFFER, .byte1 = 2, .lba = 0xffffff, .alloc = 0xffffff},
         "3c 02 00 ffffff ffffff 00"},
        {{.op = OP_WRITE_SAME_10, .byte1 = 8, .lba = 9, .blocks = 8, .wrprotect = 1},
         "41 28 00000009 00 0008 00"},
        {{.op = OP_LOG_SENSE,
          .byte1 = 3,
          .page = 0x4d,
          .subpage = 1,
          .selector = 0x0203,
          .alloc = 9},
         "4d 03 4d 01 00 0203 0009 00"},
        {{.op = OP_MODE_SELECT_10, .byte1 = 0x10, .alloc = 0x0102}, "55 10 00000000 00 0102 00"},
        {{.op = OP_MODE_SENSE_10, .byte1 = 0x18, .page = 0x70, .subpage = 1, .alloc = 0xffff},
         "5a 18 70 01 000000 ffff 00"},
        {{.op = OP_READ_16, .lba = LBA8, .blocks = 0x090a0b0c, .dpo = true, .fua = true},
         "88 18 0102030405060708 090a0b0c 00 00"},
        {{.op = OP_COMPARE_AND_WRITE, .lba = LBA8, .blocks = 255, .dpo = true, .fua = true},
         "89 18 0102030405060708 000000 ff 00 00"},
        {{.op = OP_ORWRITE_16, .lba = LBA8, .blocks = 0x090a0b0c, .fua = true, .wrprotect = 7},
         "8b e8 0102030405060708 090a0b0c 00 00"},
        {{.op = OP_WRITE_SAME_16, .byte1 = 0x19, .lba = LBA8, .blocks = 3, .wrprotect = 2},
         "93 59 0102030405060708 00000003 00 00"},
        {{.op = OP_WRITE_16, .lba = UINT64_MAX, .blocks = UINT32_MAX, .byte1 = 7, .wrprotect = 5},
         "8a a7 ffffffffffffffff ffffffff 00 00"},
        {{.op = OP_WRITE_AND_VERIFY_16, .lba = LBA8, .blocks = 1, .bytchk = 1},
         "8e 02 0102030405060708 00000001 00 00"},
        {{.op = OP_VERIFY_16, .lba = LBA8, .blocks = 1, .bytchk = 1, .byte1 = 9},
         "8f 0b 0102030405060708 00000001 00 00"},
        {{.op = OP_PRE_FETCH_16, .byte1 = 2, .lba = LBA8, .blocks = 0x090a0b0c},
         "90 02 0102030405060708 090a0b0c 00 00"},
        {{.op = OP_SYNCHRONIZE_CACHE_16, .byte1 = 0xfe, .lba = LBA8, .blocks = 0},
         "91 fe 0102030405060708 00000000 00 00"},
        {{.op = OP_READ_CAPACITY_16, .alloc = 32}, "9e 10 0000000000000000 00000020 00 00"},
        {{.op = OP_READ_CAPACITY_16, .byte1 = 0x20, .lba = LBA8, .alloc = UINT32_MAX},
         "9e 30 0102030405060708 ffffffff 00 00"},
        {{.op = OP_REPORT_LUNS, .page = 2, .alloc = 0x01020304}, "a0 00 02 000000 01020304 00 00"},
        {{.op = OP_REPORT_OPCODES, .page = 0x83, .subpage = 0x9e, .selector = 0x0110, .alloc = 20},
         "a3 0c 83 9e 0110 00000014 00 00"},
        {{.op = OP_REPORT_FUNCTIONS, .byte1 = 0x20, .page = 0x80, .alloc = 16},
         "a3 2d 80 000000 00000010 00 00"},
        {{.op = OP_READ_12, .lba = 0x01020304, .blocks = 0x05060708, .fua = true},
         "a8 08 01020304 05060708 00 00"},
        {{.op = OP_WRITE_12, .lba = 1, .blocks = UINT32_MAX}, "aa 00 00000001 ffffffff 00 00"},
        {{.op = OP_WRITE_AND_VERIFY_12, .lba = 1, .blocks = 2, .dpo = true, .bytchk = 1},
         "ae 12 00000001 00000002 00 00"},
        {{.op = OP_READ_32,
          .lba = LBA8,
          .blocks = 0x090a0b0c,
          .wrprotect = 1,
          .dpo = true,
          .byte1 = 4,
          .control = 4,
          .ref = 0x11121314,
          .app = 0x1516,
          .app_mask = 0x1718},
         "7f 04 00000000 00 18 0009 34 00 0102030405060708 11121314 1516 1718 090a0b0c"},
        {{.op = OP_VERIFY_32,
          .lba = 1,
          .blocks = 2,
          .bytchk = 3,
          .wrprotect = 5,
          .app_mask = 0xffff},
         "7f 00 00000000 00 18 000a a6 00 0000000000000001 00000000 0000 ffff 00000002"},
        {{.op = OP_WRITE_32, .lba = 3, .blocks = 1, .fua = true, .ref = UINT32_MAX},
         "7f 00 00000000 00 18 000b 08 00 0000000000000003 ffffffff 0000 0000 00000001"},
        {{.op = OP_WRITE_AND_VERIFY_32, .blocks = 1, .bytchk = 1},
         "7f 00 00000000 00 18 000c 02 00 0000000000000000 00000000 0000 0000 00000001"},
        {{.op = OP_WRITE_SAME_32, .byte1 = 9, .blocks = 1, .wrprotect = 2},
         "7f 00 00000000 00 18 000d 49 00 0000000000000000 00000000 0000 0000 00000001"},
        {{.op = OP_VERIFY_12, .lba = 1, .blocks = 2, .bytchk = 3, .wrprotect = 7},
         "af e6 00000001 00000002 00 00"},
        {{.op = OP_READ_DEFECT_DATA_12, .byte1 = 0x1d, .lba = 7, .alloc = 0x01020304},
         "b7 1d 00000007 01020304 00 00"},
};

static void check_equal(const struct scsi_cdb *a, const struct scsi_cdb *b)
{
	ck_assert_int_eq(a->op, b->op);
	ck_assert_uint_eq(a->lba, b->lba);
	ck_assert_uint_eq(a->blocks, b->blocks);
	ck_assert_uint_eq(a->alloc, b->alloc);
	ck_assert_uint_eq(a->byte1, b->byte1);
	ck_assert_uint_eq(a->page, b->page);
	ck_assert_uint_eq(a->subpage, b->subpage);
	ck_assert_uint_eq(a->selector, b->selector);
	ck_assert_uint_eq(a->byte4, b->byte4);
	ck_assert_uint_eq(a->wrprotect, b->wrprotect);
	ck_assert_uint_eq(a->bytchk, b->bytchk);
	ck_assert_int_eq(a->dpo, b->dpo);
	ck_assert_int_eq(a->fua, b->fua);
	ck_assert_uint_eq(a->control, b->control);
	ck_assert_uint_eq(a->ref, b->ref);
	ck_assert_uint_eq(a->app, b->app);
	ck_assert_uint_eq(a->app_mask, b->app_mask);
}

/* Operations are looked up by halving the table. */
START_TEST(table_is_in_the_order_of_opcodes)
{
	for (enum scsi_op op = 1; op < OP_COUNT; op++) {
		const struct scsi_op_info *a = scsi_op_info(op - 1), *b = scsi_op_info(op);
		ck_assert_msg(a->opcode < b->opcode ||
		                      (a->opcode == b->opcode && a->service_action >= 0 &&
		                       a->service_action < b->service_action),
		              "%s comes after %s", b->name, a->name);
	}
}
END_TEST

START_TEST(there_and_back)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[SCSI_CDB_MAX];
		struct scsi_cdb c;
		memset(buf, 0x5a, sizeof(buf));
		size_t n = scsi_cdb_put(&rows[i].cdb, buf);
		hex_assert(buf, n, rows[i].hex);
		ck_assert(scsi_cdb_get((struct span){buf, n}, &c));
		check_equal(&c, &rows[i].cdb);
		ck_assert_uint_eq(c.opcode, buf[0]);
		ck_assert_uint_eq(c.len, n);
	}
}
END_TEST

START_TEST(lengths)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[SCSI_CDB_MAX + 1] = {0};
		struct scsi_cdb c;
		size_t len = hex_get(rows[i].hex, buf, SCSI_CDB_MAX);
		memset(&c, 0x5a, sizeof(c));
		struct scsi_cdb before = c;
		for (size_t n = 0; n < len; n++)
			ck_assert_msg(!scsi_cdb_get((struct span){buf, n}, &c), "%zu of %s", n,
			              rows[i].hex);
		ck_assert(!scsi_cdb_get((struct span){buf, SCSI_CDB_MAX + 1}, &c));
		ck_assert_mem_eq(&c, &before, sizeof(c));
		/* Adapters pad: what follows is not the CDB's. */
		ck_assert(scsi_cdb_get((struct span){buf, SCSI_CDB_MAX}, &c));
		check_equal(&c, &rows[i].cdb);
		ck_assert_uint_eq(c.len, len);
	}
}
END_TEST

/* Any bytes at all: what is encoded again has no bit that did not come, and decodes alike. */
START_TEST(there_and_back_at_random)
{
	struct prng g = prng_init(31);
	for (int i = 0; i < 20000; i++) {
		uint8_t raw[SCSI_CDB_MAX], again[SCSI_CDB_MAX];
		struct scsi_cdb c, back;
		for (size_t k = 0; k < sizeof(raw); k++)
			raw[k] = (uint8_t)prng_u64(&g);
		const struct scsi_op_info *info =
		        scsi_op_info((enum scsi_op)prng_below(&g, OP_COUNT + 1));
		if (info)
			raw[0] = info->opcode;
		if (info && info->opcode == SCSI_OP_VARIABLE) {
			raw[7] = 0x18;
			raw[8] = 0;
			raw[9] = (uint8_t)info->service_action;
		} else if (info && info->service_action >= 0)
			raw[1] = (uint8_t)((raw[1] & 0xe0) | info->service_action);
		ck_assert(scsi_cdb_get((struct span){raw, sizeof(raw)}, &c));
		if (info)
			ck_assert_int_eq(c.op, info->op);
		if (c.op == OP_UNKNOWN)
			continue;
		size_t n = scsi_cdb_put(&c, again);
		for (size_t k = 0; k < n; k++)
			ck_assert_msg((again[k] & ~raw[k]) == 0, "byte %zu of opcode %02x", k,
			              raw[0]);
		ck_assert(scsi_cdb_get((struct span){again, n}, &back));
		check_equal(&back, &c);
	}
}
END_TEST

START_TEST(opcodes_that_the_table_does_not_have)
{
	static const struct {
		const char *hex, *name;
		uint8_t len, control;
	} unknown[] = {
	        {"01 ff ff ff ff 07", "OPCODE 01h", 6, 7},
	        {"3f ff ff ff ff ff ff ff ff 08", "OPCODE 3Fh", 10, 8},
	        {"9f 10 00 00 00 00 00 00 00 00 00 00 00 00 00 09", "OPCODE 9Fh", 16, 9},
	        {"9e 1f 00 00 00 00 00 00 00 00 00 00 00 00 00 09", "OPCODE 9Eh", 16, 9},
	        {"bf 00 00 00 00 00 00 00 00 00 00 01", "OPCODE BFh", 12, 1},
	        {"7f 02 00 00 00 00 00 00", "OPCODE 7Fh", 8, 2},
	        {"c0", "OPCODE C0h", 0, 0},
	        {"ff ff", "OPCODE FFh", 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		uint8_t buf[SCSI_CDB_MAX];
		char name[16];
		struct span raw = {buf, hex_get(unknown[i].hex, buf, sizeof(buf))};
		struct scsi_cdb c, want = {.op = OP_UNKNOWN, .control = unknown[i].control};
		ck_assert(scsi_cdb_get(raw, &c));
		check_equal(&c, &want);
		ck_assert_uint_eq(c.opcode, buf[0]);
		ck_assert_uint_eq(c.len, unknown[i].len);
		ck_assert_str_eq(scsi_cdb_name(raw, name, sizeof(name)), unknown[i].name);
	}
}
END_TEST

START_TEST(names)
{
	char name[16];
	uint8_t buf[SCSI_CDB_MAX] = {0x8a};
	ck_assert_str_eq(scsi_cdb_name((struct span){buf, 16}, name, sizeof(name)), "WRITE(16)");
	/* The opcode is enough, unless there is a service action. */
	ck_assert_str_eq(scsi_cdb_name((struct span){buf, 1}, name, sizeof(name)), "WRITE(16)");
	buf[0] = 0x9e;
	buf[1] = 0xf0;
	ck_assert_str_eq(scsi_cdb_name((struct span){buf, 2}, name, sizeof(name)),
	                 "READ CAPACITY(16)");
	ck_assert_str_eq(scsi_cdb_name((struct span){buf, 1}, name, sizeof(name)), "OPCODE 9Eh");
	ck_assert_str_eq(scsi_cdb_name((struct span){NULL, 0}, name, sizeof(name)), "NO OPCODE");
}
END_TEST

START_TEST(lengths_by_group_code)
{
	static const uint8_t want[8] = {6, 10, 10, 0, 16, 12, 0, 0};
	uint8_t cdb[SCSI_CDB_MAX] = {0};
	for (unsigned opcode = 0; opcode <= 0xff; opcode++) {
		cdb[0] = (uint8_t)opcode;
		if (opcode != SCSI_OP_VARIABLE)
			ck_assert_uint_eq(scsi_cdb_len((struct span){cdb, 1}), want[opcode / 32]);
	}
}
END_TEST

START_TEST(lengths_that_a_cdb_says)
{
	uint8_t cdb[SCSI_CDB_MAX] = {SCSI_OP_VARIABLE, 0, 0, 0, 0, 0, 0, 0x18};
	ck_assert_uint_eq(scsi_cdb_len((struct span){cdb, 1}), 0);
	ck_assert_uint_eq(scsi_cdb_len((struct span){cdb, 7}), 0);
	ck_assert_uint_eq(scsi_cdb_len((struct span){cdb, 8}), 32);
	ck_assert_uint_eq(scsi_cdb_control_at((struct span){cdb, 32}), 1);
	cdb[7] = 0xff;
	ck_assert_uint_eq(scsi_cdb_len((struct span){cdb, 32}), 263);
	cdb[0] = 0x8a;
	ck_assert_uint_eq(scsi_cdb_control_at((struct span){cdb, 16}), 15);
}
END_TEST

/* Of the 32-byte commands one is one only with its length and its service action in full. */
START_TEST(variable_length_ones_are_known_in_full)
{
	uint8_t cdb[SCSI_CDB_MAX];
	struct scsi_cdb c, read = {.op = OP_READ_32, .lba = 5, .blocks = 2};
	ck_assert_uint_eq(scsi_cdb_put(&read, cdb), 32);
	ck_assert(scsi_cdb_get((struct span){cdb, 32}, &c) && c.op == OP_READ_32);
	ck_assert_uint_eq(c.flags_at, 10);
	ck_assert_uint_eq(c.lba_at, 12);
	ck_assert_uint_eq(c.blocks_at, 28);
	ck_assert_uint_eq(c.control_at, 1);
	ck_assert(!scsi_cdb_get((struct span){cdb, 31}, &c));
	cdb[8] = 1; /* service action 0109h */
	ck_assert(scsi_cdb_get((struct span){cdb, 32}, &c) && c.op == OP_UNKNOWN);
	cdb[8] = 0;
	cdb[7] = 0x10; /* 24 bytes */
	ck_assert(scsi_cdb_get((struct span){cdb, 32}, &c) && c.op == OP_UNKNOWN && c.len == 24);
}
END_TEST

START_TEST(the_table_agrees_with_itself)
{
	for (unsigned i = 0; i < OP_COUNT; i++) {
		const struct scsi_op_info *a = scsi_op_info((enum scsi_op)i);
		ck_assert_uint_eq(a->op, i);
		const uint8_t cdb[] = {a->opcode, 0, 0, 0, 0, 0, 0, 0x18};
		ck_assert_uint_eq(a->cdb_len, scsi_cdb_len((struct span){cdb, sizeof(cdb)}));
		ck_assert_int_le(a->service_action, 0x1f);
		ck_assert_int_eq(scsi_opcode_has_actions(a->opcode), a->service_action >= 0);
		for (unsigned k = 0; k < i; k++) {
			const struct scsi_op_info *b = scsi_op_info((enum scsi_op)k);
			ck_assert_str_ne(a->name, b->name);
			/* One opcode is told apart by service actions throughout, or is one
			 * operation. */
			ck_assert_msg(a->opcode != b->opcode ||
			                      (a->service_action >= 0 && b->service_action >= 0 &&
			                       a->service_action != b->service_action),
			              "%s and %s", a->name, b->name);
		}
	}
	ck_assert_ptr_null(scsi_op_info(OP_UNKNOWN));
	ck_assert_ptr_null(scsi_op_info((enum scsi_op)1000));
	ck_assert(!scsi_opcode_has_actions(0xff));
}
END_TEST

START_TEST(data_lengths)
{
	static const struct {
		const char *hex;
		enum scsi_dir dir;
		uint64_t len; /* with blocks of 512 bytes */
	} want[] = {
	        {"00 00 00 00 00 00", D_NONE, 0},
	        {"03 00 00 00 12 00", D_IN, 18},
	        {"08 00 00 00 00 00", D_IN, 256 * 512},
	        {"12 00 00 01 00 00", D_IN, 256},
	        {"15 10 00 00 00 00", D_OUT, 0},
	        {"15 10 00 00 3c 00", D_OUT, 60},
	        {"1b 00 00 00 01 00", D_NONE, 0},
	        {"25 00 00000000 00 0000 00", D_IN, 8},
	        {"28 00 00000000 00 0000 00", D_IN, 0},
	        {"2a 00 00000000 00 0003 00", D_OUT, 1536},
	        {"2e 00 00000000 00 0003 00", D_OUT, 1536},
	        {"2e 06 00000000 00 0003 00", D_OUT, 1536},
	        {"2f 00 00000000 00 0003 00", D_NONE, 0},
	        {"2f 02 00000000 00 0003 00", D_OUT, 1536},
	        {"2f 06 00000000 00 0003 00", D_OUT, 512},
	        {"2f 06 00000000 00 0000 00", D_OUT, 0},
	        {"35 00 00000000 00 0003 00", D_NONE, 0},
	        {"8a 00 0000000000000000 ffffffff 00 00", D_OUT, 512ULL * UINT32_MAX},
	        {"8e 00 0000000000000000 00000001 00 00", D_OUT, 512},
	        {"8f 02 0000000000000000 00000002 00 00", D_OUT, 1024},
	        {"8f 06 0000000000000000 00000002 00 00", D_OUT, 512},
	        {"8f 00 0000000000000000 00000002 00 00", D_NONE, 0},
	        {"91 00 0000000000000000 00000002 00 00", D_NONE, 0},
	        {"9e 10 0000000000000000 00000020 00 00", D_IN, 32},
	        {"a0 00 00 000000 00001000 00 00", D_IN, 4096},
	        {"34 00 00000000 00 0003 00", D_NONE, 0},
	        {"41 00 00000000 00 0003 00", D_OUT, 512},
	        {"41 00 00000000 00 0000 00", D_OUT, 512},
	        {"93 00 0000000000000000 00000003 00 00", D_OUT, 512},
	        {"93 01 0000000000000000 00000003 00 00", D_NONE, 0},
	        {"89 00 0000000000000000 000000 03 00 00", D_OUT, 3072},
	        {"8b 00 0000000000000000 00000003 00 00", D_OUT, 1536},
	        {"1d 10 00 01 02 00", D_OUT, 258},
	        {"37 00 18 000000 00 0008 00", D_IN, 8},
	        {"af 00 00000000 00000003 00 00", D_NONE, 0},
	        {"af 06 00000000 00000003 00 00", D_OUT, 512},
	        {"b7 18 00000000 00000008 00 00", D_IN, 8},
	        {"c0", D_NONE, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		uint8_t buf[SCSI_CDB_MAX];
		struct scsi_cdb c;
		enum scsi_dir dir = D_IN;
		ck_assert(scsi_cdb_get((struct span){buf, hex_get(want[i].hex, buf, sizeof(buf))},
		                       &c));
		ck_assert_msg(scsi_cdb_data_len(&c, 512, &dir) == want[i].len && dir == want[i].dir,
		              "%s", want[i].hex);
	}
	/* As an initiator fills it, without a length. */
	struct scsi_cdb c = {.op = OP_READ_CAPACITY_10};
	enum scsi_dir dir;
	uint8_t buf[SCSI_CDB_MAX];
	ck_assert_uint_eq(scsi_cdb_data_len(&c, 512, &dir), 8);
	hex_assert(buf, scsi_cdb_put(&c, buf), "25 00 00000000 00 0000 00");
}
END_TEST

START_TEST(reserved_bytes)
{
	static const struct {
		const char *hex;
		uint8_t at, reserved;
	} want[] = {
	        {"00 ff 00 00 00 ff", 0, 0}, /* byte 1 is in byte1, the last is the control */
	        {"00 00 01 02 03 00", 2, 1},
	        {"00 00 00 00 80 00", 4, 0x80},
	        {"08 1f ff ff ff ff", 0, 0},
	        {"28 ff ffffffff 00 ffff ff", 0, 0},
	        {"28 00 00000000 1f 0000 00", 0, 0}, /* a GROUP NUMBER is ignored */
	        {"28 00 00000000 3f 0000 00", 6, 0x20},
	        {"42 00 00000000 1f 0000 00", 0, 0},
	        {"a8 00 00000000 00000000 1f 00", 0, 0},
	        {"a8 00 00000000 00000000 80 00", 10, 0x80},
	        {"34 00 00000000 1f 0000 00", 0, 0},
	        {"89 00 0000000000000000 000000 00 1f 00", 0, 0},
	        {"88 ff ffffffffffffffff ffffffff 00 ff", 0, 0},
	        {"88 00 0000000000000000 00000000 40 00", 14, 0x40},
	        {"88 00 0000000000000000 00000000 1f 00", 0, 0},
	        {"a0 00 00 000100 00000000 00 00", 4, 1},
	        {"a0 00 ff 000000 ffffffff 00 00", 0, 0},
	        {"c0 ff ff ff ff ff", 0, 0}, /* of what is not known nothing is */
	};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		uint8_t buf[SCSI_CDB_MAX];
		struct scsi_cdb c;
		ck_assert(scsi_cdb_get((struct span){buf, hex_get(want[i].hex, buf, sizeof(buf))},
		                       &c));
		ck_assert_msg(c.reserved_at == want[i].at && c.reserved == want[i].reserved, "%s",
		              want[i].hex);
	}
}
END_TEST

START_TEST(what_writes)
{
	static const enum scsi_op writes[] = {OP_WRITE_6,
	                                      OP_WRITE_10,
	                                      OP_WRITE_12,
	                                      OP_WRITE_16,
	                                      OP_WRITE_SAME_10,
	                                      OP_WRITE_SAME_16,
	                                      OP_COMPARE_AND_WRITE,
	                                      OP_ORWRITE_16,
	                                      OP_WRITE_AND_VERIFY_10,
	                                      OP_WRITE_AND_VERIFY_12,
	                                      OP_WRITE_AND_VERIFY_16};
	static const enum scsi_op reads[] = {
	        OP_TEST_UNIT_READY, OP_READ_16, OP_VERIFY_16,           OP_INQUIRY,
	        OP_MODE_SELECT_6,   OP_UNKNOWN, OP_SYNCHRONIZE_CACHE_16};
	for (size_t i = 0; i < ARRAY_LEN(writes); i++)
		ck_assert(scsi_op_writes_medium(writes[i]));
	for (size_t i = 0; i < ARRAY_LEN(reads); i++)
		ck_assert(!scsi_op_writes_medium(reads[i]));
	/* All that takes blocks from the initiator writes, but VERIFY, which compares. */
	for (unsigned i = 0; i < OP_COUNT; i++) {
		struct scsi_cdb c = {.op = (enum scsi_op)i, .blocks = 1, .bytchk = 1};
		enum scsi_dir dir;
		bool takes = scsi_cdb_data_len(&c, 512, &dir) == 512 && dir == D_OUT;
		bool verify = strncmp(scsi_op_info(c.op)->name, "VERIFY", 6) == 0;
		ck_assert(!takes || verify || scsi_op_writes_medium(c.op));
	}
}
END_TEST

/* The usage data are those of the decoder: a bit that they name changes what is decoded. */
START_TEST(usage_is_what_is_decoded)
{
	for (unsigned op = 0; op < OP_COUNT; op++) {
		const struct scsi_op_info *info = scsi_op_info((enum scsi_op)op);
		uint8_t usage[SCSI_CDB_MAX], raw[SCSI_CDB_MAX];
		size_t n = scsi_cdb_usage((enum scsi_op)op, usage);
		bool variable = info->opcode == SCSI_OP_VARIABLE;
		ck_assert_uint_eq(n, info->cdb_len);
		ck_assert_uint_eq(usage[0], info->opcode);
		for (size_t bit = 8; bit < 8 * n; bit++) {
			struct scsi_cdb none, one;
			uint8_t mask = (uint8_t)(1U << bit % 8);
			if (bit / 8 == 1 && info->service_action >= 0 && mask < 0x20 && !variable)
				continue; /* the service action, as it is */
			if (variable && bit / 8 >= 7 && bit / 8 <= 9)
				continue; /* the length, too */
			memset(raw, 0, sizeof(raw));
			raw[0] = info->opcode;
			if (variable)
				memcpy(raw + 7, usage + 7, 3);
			else
				raw[1] = (uint8_t)(info->service_action >= 0 ? info->service_action
				                                             : 0);
			ck_assert(scsi_cdb_get((struct span){raw, n}, &none));
			raw[bit / 8] ^= mask;
			ck_assert(scsi_cdb_get((struct span){raw, n}, &one));
			bool number = one.lba != none.lba || one.blocks != none.blocks ||
			              one.alloc != none.alloc || one.subpage != none.subpage ||
			              one.selector != none.selector || one.ref != none.ref ||
			              one.app != none.app || one.app_mask != none.app_mask;
			bool raw_bits = one.byte1 != none.byte1 || one.page != none.page ||
			                one.byte4 != none.byte4 || one.control != none.control;
			bool flag = one.dpo != none.dpo || one.fua != none.fua ||
			            one.bytchk != none.bytchk || one.wrprotect != none.wrprotect;
			bool used = usage[bit / 8] & mask;
			ck_assert_msg(used ? number || raw_bits || flag : !number && !flag,
			              "%s, byte %zu, bit %zu", info->name, bit / 8, bit % 8);
		}
	}
}
END_TEST

START_TEST(usage_by_byte)
{
	/* SPC-4, 6.34.3, and the CDB of the command in SPC-4 or SBC-3 */
	static const struct {
		enum scsi_op op;
		const char *hex;
	} want[] = {
	        {OP_TEST_UNIT_READY, "00 00 00 00 00 04"},
	        {OP_REQUEST_SENSE, "03 01 00 00 ff 04"},
	        {OP_READ_6, "08 1f ff ff ff 04"},
	        {OP_INQUIRY, "12 01 ff ff ff 04"},
	        {OP_MODE_SELECT_6, "15 11 00 00 ff 04"},
	        {OP_MODE_SENSE_6, "1a 08 ff ff ff 04"},
	        {OP_START_STOP_UNIT, "1b 01 00 00 f7 04"},
	        {OP_READ_CAPACITY_10, "25 00 ffffffff 00 0001 04"},
	        {OP_READ_10, "28 f8 ffffffff 00 ffff 04"},
	        {OP_VERIFY_10, "2f f6 ffffffff 00 ffff 04"},
	        {OP_SYNCHRONIZE_CACHE_10, "35 02 ffffffff 00 ffff 04"},
	        {OP_LOG_SENSE, "4d 01 ff ff 00 ffff ffff 04"},
	        {OP_MODE_SENSE_10, "5a 18 ff ff 000000 ffff 04"},
	        {OP_WRITE_16, "8a f8 ffffffffffffffff ffffffff 00 04"},
	        {OP_UNMAP, "42 00 00000000 00 ffff 04"},
	        {OP_WRITE_ATOMIC_16, "9c f8 ffffffffffffffff ffff ffff 00 04"},
	        {OP_GET_LBA_STATUS, "9e 12 ffffffffffffffff ffffffff 00 04"},
	        {OP_READ_CAPACITY_16, "9e 10 ffffffffffffffff ffffffff 01 04"},
	        {OP_REPORT_LUNS, "a0 00 ff 000000 ffffffff 00 04"},
	        {OP_REPORT_OPCODES, "a3 0c 87 ff ffff ffffffff 00 04"},
	        {OP_REPORT_FUNCTIONS, "a3 0d 80 00 0000 ffffffff 00 04"},
	};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		uint8_t buf[SCSI_CDB_MAX];
		hex_assert(buf, scsi_cdb_usage(want[i].op, buf), want[i].hex);
	}
}
END_TEST

/* Values that the layout has no place for. */
static const struct scsi_cdb misuse[] = {
        {.op = OP_UNKNOWN},
        {.op = OP_READ_6, .lba = 1 << 21, .blocks = 1},
        {.op = OP_READ_6, .blocks = 0},
        {.op = OP_READ_6, .blocks = 257},
        {.op = OP_READ_6, .blocks = 1, .fua = true},
        {.op = OP_WRITE_6, .blocks = 1, .byte1 = 0x01},
        {.op = OP_READ_10, .lba = 1ULL << 32},
        {.op = OP_READ_10, .blocks = 0x10000},
        {.op = OP_READ_10, .alloc = 1},
        {.op = OP_READ_10, .byte1 = 0x10},
        {.op = OP_READ_10, .wrprotect = 8},
        {.op = OP_READ_10, .bytchk = 1},
        {.op = OP_VERIFY_10, .fua = true},
        {.op = OP_VERIFY_10, .bytchk = 4},
        {.op = OP_VERIFY_10, .bytchk = 8},
        {.op = OP_SYNCHRONIZE_CACHE_10, .fua = true},
        {.op = OP_SYNCHRONIZE_CACHE_10, .wrprotect = 1},
        {.op = OP_TEST_UNIT_READY, .lba = 1},
        {.op = OP_TEST_UNIT_READY, .page = 1},
        {.op = OP_INQUIRY, .alloc = 0x10000},
        {.op = OP_INQUIRY, .subpage = 1},
        {.op = OP_INQUIRY, .byte4 = 1},
        {.op = OP_MODE_SENSE_6, .alloc = 256},
        {.op = OP_READ_CAPACITY_10, .alloc = 9},
        {.op = OP_READ_CAPACITY_16, .byte1 = 0x10},
};

START_TEST(a_value_without_a_place)
{
	uint8_t buf[SCSI_CDB_MAX];
	scsi_cdb_put(&misuse[_i], buf);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const tests[] = {
	        there_and_back,
	        lengths,
	        there_and_back_at_random,
	        opcodes_that_the_table_does_not_have,
	        names,
	        lengths_by_group_code,
	        lengths_that_a_cdb_says,
	        variable_length_ones_are_known_in_full,
	        the_table_agrees_with_itself,
	        table_is_in_the_order_of_opcodes,
	        data_lengths,
	        reserved_bytes,
	        what_writes,
	        usage_is_what_is_decoded,
	        usage_by_byte,
	};
	Suite *suite = tap_suite("cdb", tests, ARRAY_LEN(tests));
	TCase *tcase = tcase_create("misuse");
	tcase_add_loop_test_raise_signal(tcase, a_value_without_a_place, SIGABRT, 0,
	                                 (int)ARRAY_LEN(misuse));
	suite_add_tcase(suite, tcase);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
