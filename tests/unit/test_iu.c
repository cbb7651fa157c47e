/* SPDX-License-Identifier: BSD-2-Clause */
/* SPI information units, byte for byte (SPI-4, clause 14); what is cut short or malformed. */
#include "scsi/iu.h"
#include "base/prng.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <string.h>

/* ---- L_Q ---- */

static const struct {
	struct iu_l_q q;
	const char *hex, *name;
} l_qs[] = {
        {{.type = IU_LAST_COMMAND, .tag = 5, .length = 20},
         "01 00 0005 0000000000000000 00 000014 00 00 0000",
         "LAST COMMAND"},
        {{.type = IU_MULTIPLE_COMMAND, .tag = 0x1234, .lun = {0, 3}, .length = 0x90},
         "02 00 1234 0003000000000000 00 000090 00 00 0000",
         "MULTIPLE COMMAND"},
        {{.type = IU_DATA, .tag = 255, .lun = {0, 63}, .length = IU_DATA_MAX},
         "04 00 00ff 003f000000000000 00 ffffff 00 00 0000",
         "DATA"},
        {{.type = IU_DATA_STREAM, .length = 512},
         "05 00 0000 0000000000000000 00 000200 00 00 0000",
         "DATA STREAM"},
        {{.type = IU_STATUS, .tag = 1},
         "08 00 0001 0000000000000000 00 000000 00 00 0000",
         "STATUS"},
        {{.type = 0x33, .lun = {1, 2, 3, 4, 5, 6, 7, 8}},
         "33 00 0000 0102030405060708 00 000000 00 00 0000",
         "RESERVED"},
};

START_TEST(an_l_q_there_and_back)
{
	for (size_t i = 0; i < ARRAY_LEN(l_qs); i++) {
		uint8_t buf[IU_L_Q_LEN];
		struct wr w = wr_init(buf, sizeof(buf));
		struct iu_l_q got = {0};

		iu_l_q_put(&w, &l_qs[i].q);
		ck_assert(wr_ok(&w));
		hex_assert(buf, w.n, l_qs[i].hex);
		for (size_t n = 0; n < sizeof(buf); n++) {
			struct rd cut = rd_init(buf, n);
			ck_assert(!iu_l_q_get(&cut, &got) && cut.error && got.type == 0);
		}
		struct rd r = rd_init(buf, sizeof(buf));
		ck_assert(iu_l_q_get(&r, &got) && rd_done(&r));
		ck_assert_uint_eq(got.type, l_qs[i].q.type);
		ck_assert_uint_eq(got.tag, l_qs[i].q.tag);
		ck_assert_uint_eq(got.length, l_qs[i].q.length);
		ck_assert_mem_eq(got.lun, l_qs[i].q.lun, sizeof(got.lun));
		ck_assert_str_eq(iu_type_name(got.type), l_qs[i].name);
	}
}
END_TEST

/* Fields that a receiver ignores: BIDI DIRECTION, IUCRC INTERVAL, reserved bytes. */
START_TEST(what_of_an_l_q_does_not_count)
{
	uint8_t buf[IU_L_Q_LEN];
	struct iu_l_q q;

	hex_get("01 ff 0005 0001000000000000 ff 000014 ff ff ffff", buf, sizeof(buf));
	struct rd r = rd_init(buf, sizeof(buf));
	ck_assert(iu_l_q_get(&r, &q));
	ck_assert(q.type == IU_LAST_COMMAND && q.tag == 5 && q.length == 20);
}
END_TEST

START_TEST(luns_of_an_l_q)
{
	static const struct {
		uint8_t lun[8];
		int want; /* -1: IDENTIFY cannot name it */
	} rows[] = {
	        {{0, 0}, 0},
	        {{0, 63}, 63},
	        {{0, 64}, -1},
	        {{0x40, 5}, 5},
	        {{0x40, 64}, -1},
	        {{0x41, 5}, -1},
	        {{0x80, 5}, -1},
	        {{0xc1, 1}, -1},
	        {{1, 5}, -1},
	        {{0, 5, 0, 1}, -1},
	        {{0, 5, 0, 0, 0, 0, 0, 1}, -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct iu_l_q q = {.type = IU_DATA};
		uint8_t lun = 0xee;

		memcpy(q.lun, rows[i].lun, sizeof(q.lun));
		ck_assert_int_eq(iu_l_q_lun(&q, &lun), rows[i].want >= 0);
		ck_assert_uint_eq(lun, rows[i].want >= 0 ? (unsigned)rows[i].want : 0xee);
	}
	for (uint8_t lun = 0, back; lun < SCSI_LUNS; lun++) {
		struct iu_l_q q = iu_l_q(IU_STATUS, 9, lun, 0);
		ck_assert(iu_l_q_lun(&q, &back) && back == lun);
	}
}
END_TEST

/* ---- commands ---- */

static const uint8_t write_16[] = {0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0};
static const uint8_t read_32[] = {0x7f, 0, 0, 0, 0, 0, 0, 0x18, 0, 9, 0x20, 0, 0, 0, 0, 0,
                                  0,    0, 0, 1, 0, 0, 0, 0,    0, 0, 0,    0, 0, 0, 0, 8};
static const uint8_t inquiry[] = {0x12, 0, 0, 0, 96, 0};

static const struct {
	struct iu_command c;
	const char *hex;
} commands[] = {
        {{.attr = MSG_SIMPLE, .function = MSG_NO_OPERATION, .wr = true, .cdb = {write_16, 16}},
         "00 00 00 01 8a000000000000000001000000080000"},
        {{.attr = MSG_HEAD_OF_QUEUE, .function = MSG_NO_OPERATION, .rd = true, .cdb = {inquiry, 6}},
         "00 01 00 02 12000000600000000000000000000000"},
        {{.attr = MSG_ORDERED, .function = MSG_NO_OPERATION, .cdb = {inquiry, 1}},
         "00 02 00 00 12000000000000000000000000000000"},
        {{.attr = MSG_ACA, .function = MSG_NO_OPERATION, .cdb = {inquiry, 6}},
         "00 04 00 00 12000000600000000000000000000000"},
        {{.attr = MSG_SIMPLE, .function = MSG_NO_OPERATION, .rd = true, .cdb = {read_32, 32}},
         "00 00 00 12 7f000000000000180009200000000000 00000001000000000000000000000008"},
        {{.attr = MSG_SIMPLE, .function = MSG_NO_OPERATION, .cdb = {read_32, 17}},
         "00 00 00 04 7f000000000000180009200000000000 00000000"},
        {{.attr = MSG_SIMPLE, .function = MSG_ABORT_TASK},
         "00 00 01 00 00000000000000000000000000000000"},
        {{.attr = MSG_SIMPLE, .function = MSG_ABORT_TASK_SET},
         "00 00 02 00 00000000000000000000000000000000"},
        {{.attr = MSG_SIMPLE, .function = MSG_CLEAR_TASK_SET},
         "00 00 04 00 00000000000000000000000000000000"},
        {{.attr = MSG_SIMPLE, .function = MSG_LOGICAL_UNIT_RESET},
         "00 00 08 00 00000000000000000000000000000000"},
        {{.attr = MSG_SIMPLE, .function = MSG_TARGET_RESET},
         "00 00 20 00 00000000000000000000000000000000"},
        {{.attr = MSG_SIMPLE, .function = MSG_CLEAR_ACA},
         "00 00 40 00 00000000000000000000000000000000"},
};

START_TEST(a_command_there_and_back)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const struct iu_command *c = &commands[i].c;
		uint8_t buf[IU_COMMAND_MAX], cdb[SCSI_CDB_MAX] = {0};
		struct wr w = wr_init(buf, sizeof(buf));
		struct iu_command got;

		if (c->cdb.n)
			memcpy(cdb, c->cdb.p, c->cdb.n);
		iu_command_put(&w, c);
		ck_assert(wr_ok(&w));
		hex_assert(buf, w.n, commands[i].hex);
		ck_assert_int_eq(iu_command_get((struct span){buf, w.n}, &got), IU_FAILURE_NONE);
		ck_assert_int_eq(got.attr, c->attr);
		ck_assert_int_eq(got.function, c->function);
		ck_assert_uint_eq(w.n, iu_command_len(c->cdb.n));
		ck_assert(got.rd == c->rd && got.wr == c->wr && got.cdb.n == w.n - 4);
		ck_assert_mem_eq(got.cdb.p, cdb, c->cdb.n);
	}
}
END_TEST

START_TEST(commands_that_are_refused)
{
	static const struct {
		const char *hex;
		enum iu_failure why;
	} rows[] = {
	        {"", IU_FAILURE_COMMAND_FIELDS},
	        {"00 00 00 00 120000006000000000000000000000", IU_FAILURE_COMMAND_FIELDS},
	        /* reserved task attributes; the other bits of their byte do not count */
	        {"00 03 00 00 12000000600000000000000000000000", IU_FAILURE_COMMAND_FIELDS},
	        {"00 05 00 00 12000000600000000000000000000000", IU_FAILURE_COMMAND_FIELDS},
	        {"00 07 00 00 12000000600000000000000000000000", IU_FAILURE_COMMAND_FIELDS},
	        {"ff f8 00 00 12000000600000000000000000000000", IU_FAILURE_NONE},
	        /* functions that there are not, and two at once */
	        {"00 00 10 00 00000000000000000000000000000000", IU_FAILURE_TMF_NOT_SUPPORTED},
	        {"00 00 80 00 00000000000000000000000000000000", IU_FAILURE_TMF_NOT_SUPPORTED},
	        {"00 00 03 00 00000000000000000000000000000000", IU_FAILURE_TMF_NOT_SUPPORTED},
	        /* of a function the attribute does not count */
	        {"00 07 01 00 00000000000000000000000000000000", IU_FAILURE_NONE},
	        /* ADDITIONAL CDB LENGTH: 4 bytes, and there are none, or others */
	        {"00 00 00 04 12000000600000000000000000000000", IU_FAILURE_COMMAND_FIELDS},
	        {"00 00 00 04 12000000600000000000000000000000 aabbccdd", IU_FAILURE_NONE},
	        {"00 00 00 00 12000000600000000000000000000000 aabbccdd",
	         IU_FAILURE_COMMAND_FIELDS},
	        {"00 00 00 07 12000000600000000000000000000000 aabbccdd", IU_FAILURE_NONE},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[64];
		size_t n = hex_get(rows[i].hex, buf, sizeof(buf));
		struct iu_command got = {.attr = MSG_OTHER};

		ck_assert_msg(iu_command_get((struct span){buf, n}, &got) == rows[i].why, "row %zu",
		              i);
		ck_assert((got.attr == MSG_OTHER) == (rows[i].why != IU_FAILURE_NONE));
	}
}
END_TEST

/* ---- statuses ---- */

static const uint8_t sense[] = {0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0};

static const struct {
	struct iu_status s;
	const char *hex;
} statuses[] = {
        {{.status = 0x08}, "0000 00 08 00000000 00000000"},
        {{.status = 0x02, .sense = {sense, sizeof(sense)}},
         "0000 02 02 00000012 00000000 700005000000000a00000000200000000000"},
        {{.failed = true, .failure = IU_FAILURE_ILLEGAL_REQUEST},
         "0000 01 00 00000000 00000004 00000007"},
        {{.status = 0x02, .failed = true, .failure = 4, .sense = {sense, 2}},
         "0000 03 02 00000002 00000004 00000004 7000"},
};

START_TEST(a_status_there_and_back)
{
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		const struct iu_status *s = &statuses[i].s;
		uint8_t buf[IU_STATUS_MAX + 1] = {0};
		struct wr w = wr_init(buf, IU_STATUS_MAX);
		struct iu_status got = {.status = 0xee};

		iu_status_put(&w, s);
		ck_assert(wr_ok(&w));
		hex_assert(buf, w.n, statuses[i].hex);
		for (size_t n = 0; n <= w.n + 1; n++)
			if (n != w.n)
				ck_assert(!iu_status_get((struct span){buf, n}, &got));
		ck_assert_uint_eq(got.status, 0xee);
		ck_assert(iu_status_get((struct span){buf, w.n}, &got));
		ck_assert_uint_eq(got.status, s->status);
		ck_assert(got.failed == s->failed && got.failure == s->failure);
		ck_assert_uint_eq(got.sense.n, s->sense.n);
		if (s->sense.n)
			ck_assert_mem_eq(got.sense.p, s->sense.p, s->sense.n);
	}
}
END_TEST

START_TEST(lists_of_a_status)
{
	static const struct {
		const char *hex;
		bool good;
	} rows[] = {
	        /* lengths of lists that are not valid do not count */
	        {"0000 00 02 000000ff 000000ff", true},
	        {"0000 02 02 00000002 000000ff 7000", true},
	        {"0000 01 00 000000ff 00000004 00000002", true},
	        {"0000 01 00 00000000 00000008 00000002 00000000", true},
	        /* too short for a code; longer than what came; lengths that overflow */
	        {"0000 01 00 00000000 00000003 000000", false},
	        {"0000 01 00 00000000 00000000", false},
	        {"0000 02 02 00000003 00000000 7000", false},
	        {"0000 02 02 ffffffff 00000000 7000", false},
	        {"0000 03 02 fffffffe 00000004 00000000 7000", false},
	        {"0000 03 02 00000002 ffffffff 00000000 7000", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[64];
		size_t n = hex_get(rows[i].hex, buf, sizeof(buf));
		struct iu_status got;

		ck_assert_msg(iu_status_get((struct span){buf, n}, &got) == rows[i].good, "row %zu",
		              i);
	}
	ck_assert_str_eq(iu_failure_name(IU_FAILURE_TYPE_CODE),
	                 "INVALID TYPE CODE RECEIVED IN SPI L_Q INFORMATION UNIT");
	ck_assert_str_eq(iu_failure_name(1), "RESERVED");
}
END_TEST

/* Anything at all: read or refused, and what was read is within what came. */
START_TEST(noise)
{
	struct prng g = prng_init(14);

	for (unsigned round = 0; round < 20000; round++) {
		uint8_t buf[48];
		size_t n = prng_below(&g, sizeof(buf) + 1);
		struct iu_command c;
		struct iu_status s;

		for (size_t i = 0; i < n; i++)
			buf[i] = (uint8_t)(prng_u64(&g) & (prng_below(&g, 3) ? 0x07 : 0xff));
		if (iu_command_get((struct span){buf, n}, &c) == IU_FAILURE_NONE)
			ck_assert(c.cdb.n >= 16 && c.cdb.p + c.cdb.n == buf + n);
		if (iu_status_get((struct span){buf, n}, &s) && s.sense.n)
			ck_assert(s.sense.p + s.sense.n == buf + n);
	}
}
END_TEST

TAP_MAIN("iu", an_l_q_there_and_back, what_of_an_l_q_does_not_count, luns_of_an_l_q,
         a_command_there_and_back, commands_that_are_refused, a_status_there_and_back,
         lists_of_a_status, noise);
