/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages, byte for byte; what is cut short, too long or malformed. */
#include "scsi/msg.h"
#include "base/prng.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <signal.h>
#include <string.h>

#define XFER(p, o, w, opt) .xfer = {.period = (p), .offset = (o), .wide = (w), .options = (opt)}

static const struct {
	struct scsi_msg msg;
	const char *hex, *name;
} rows[] = {
        {{.kind = MSG_COMMAND_COMPLETE}, "00", "COMMAND COMPLETE"},
        {{.kind = MSG_SAVE_DATA_POINTER}, "02", "SAVE DATA POINTER"},
        {{.kind = MSG_RESTORE_POINTERS}, "03", "RESTORE POINTERS"},
        {{.kind = MSG_DISCONNECT}, "04", "DISCONNECT"},
        {{.kind = MSG_INITIATOR_DETECTED_ERROR}, "05", "INITIATOR DETECTED ERROR"},
        {{.kind = MSG_ABORT_TASK_SET}, "06", "ABORT TASK SET"},
        {{.kind = MSG_MESSAGE_REJECT}, "07", "MESSAGE REJECT"},
        {{.kind = MSG_NO_OPERATION}, "08", "NO OPERATION"},
        {{.kind = MSG_MESSAGE_PARITY_ERROR}, "09", "MESSAGE PARITY ERROR"},
        {{.kind = MSG_TARGET_RESET}, "0c", "TARGET RESET"},
        {{.kind = MSG_ABORT_TASK}, "0d", "ABORT TASK"},
        {{.kind = MSG_CLEAR_TASK_SET}, "0e", "CLEAR TASK SET"},
        {{.kind = MSG_CLEAR_ACA}, "16", "CLEAR ACA"},
        {{.kind = MSG_LOGICAL_UNIT_RESET}, "17", "LOGICAL UNIT RESET"},
        {{.kind = MSG_SIMPLE, .tag = 5}, "2005", "SIMPLE"},
        {{.kind = MSG_HEAD_OF_QUEUE, .tag = 0xff}, "21ff", "HEAD OF QUEUE"},
        {{.kind = MSG_ORDERED, .tag = 0}, "2200", "ORDERED"},
        {{.kind = MSG_ACA, .tag = 0x80}, "2480", "ACA"},
        {{.kind = MSG_IGNORE_WIDE_RESIDUE, .code = 1}, "2301", "IGNORE WIDE RESIDUE"},
        {{.kind = MSG_IDENTIFY, .identify = {.lun = 0, .disc_priv = true}}, "c0", "IDENTIFY"},
        {{.kind = MSG_IDENTIFY, .identify = {.lun = 7}}, "87", "IDENTIFY"},
        {{.kind = MSG_IDENTIFY, .identify = {.lun = 63, .disc_priv = true}}, "ff", "IDENTIFY"},
        {{.kind = MSG_OTHER, .code = 0x0a}, "0a", "LINKED COMMAND COMPLETE"},
        {{.kind = MSG_OTHER, .code = 0x55}, "55", "QAS REQUEST"},
        {{.kind = MSG_OTHER, .code = 0x11}, "11", "TERMINATE TASK"},
        {{.kind = MSG_OTHER, .code = 0x25}, "2500", "UNKNOWN MESSAGE"},
        {{.kind = MSG_OTHER, .code = 0x56}, "56", "UNKNOWN MESSAGE"},
        {{.kind = MSG_EXT_PPR, XFER(0x09, 62, 1, 2)},
         "01 06 04 09 00 3e 01 02",
         "PARALLEL PROTOCOL REQUEST"},
        {{.kind = MSG_EXT_SDTR, XFER(0x0c, 15, 0, 0)},
         "01 03 01 0c 0f",
         "SYNCHRONOUS DATA TRANSFER REQUEST"},
        {{.kind = MSG_EXT_WDTR, XFER(0, 0, 1, 0)}, "01 02 03 01", "WIDE DATA TRANSFER REQUEST"},
        {{.kind = MSG_EXT_OTHER, .code = 0x00}, "01 01 00", "MODIFY DATA POINTER"},
        {{.kind = MSG_EXT_OTHER, .code = 0x05}, "01 01 05", "MODIFY BIDIRECTIONAL DATA POINTER"},
        {{.kind = MSG_EXT_OTHER, .code = 0x06}, "01 01 06", "EXTENDED MESSAGE"},
        {{.kind = MSG_EXT_MIRROR,
          .mirror = {.function = MIRROR_LEADER, .group = 0x0102, .device = 3, .op = 0x04050607}},
         "01 0a e0 01 00 0102 03 04050607",
         "TARGET LEADER IDENTIFICATION"},
        {{.kind = MSG_EXT_MIRROR,
          .mirror = {.function = MIRROR_LEADER,
                     .last = true,
                     .broadcast = true,
                     .group = 1,
                     .op = UINT32_MAX,
                     .devices = 0x8000000f}},
         "01 0e e0 01 03 0001 00 ffffffff 8000000f",
         "TARGET LEADER IDENTIFICATION"},
        {{.kind = MSG_EXT_MIRROR,
          .mirror = {.function = MIRROR_SELECT, .last = true, .group = 1, .device = 2, .op = 9}},
         "01 0a e0 02 01 0001 02 00000009",
         "TARGET SELECTION"},
        {{.kind = MSG_EXT_MIRROR,
          .mirror = {.function = MIRROR_RELEASE, .group = 0xffff, .device = 0xff, .op = 9}},
         "01 0a e0 03 00 ffff ff 00000009",
         "BUS RELEASE"},
        {{.kind = MSG_EXT_MIRROR,
          .mirror = {.function = MIRROR_STATUS, .group = 1, .device = 2, .op = 9}},
         "01 0c e0 04 00 0001 02 00000009 00 00",
         "MIRROR STATUS"},
        {{.kind = MSG_EXT_MIRROR,
          .mirror = {.function = MIRROR_STATUS,
                     .group = 1,
                     .device = 2,
                     .op = 9,
                     .status = 2,
                     .sense_len = 8,
                     .sense = {0x72, 0x06, 0x29, 0x01}}},
         "01 14 e0 04 00 0001 02 00000009 02 08 7206290100000000",
         "MIRROR STATUS"},
};

static void check_mirror(const struct scsi_msg_mirror *a, const struct scsi_msg_mirror *b)
{
	ck_assert_int_eq(a->function, b->function);
	ck_assert_int_eq(a->last, b->last);
	ck_assert_int_eq(a->broadcast, b->broadcast);
	ck_assert_uint_eq(a->group, b->group);
	ck_assert_uint_eq(a->device, b->device);
	ck_assert_uint_eq(a->op, b->op);
	ck_assert_uint_eq(a->devices, b->devices);
	ck_assert_uint_eq(a->status, b->status);
	ck_assert_uint_eq(a->sense_len, b->sense_len);
	ck_assert_mem_eq(a->sense, b->sense, a->sense_len);
}

static void check_equal(const struct scsi_msg *a, const struct scsi_msg *b)
{
	ck_assert_int_eq(a->kind, b->kind);
	switch (a->kind) {
	case MSG_EXT_MIRROR:
		check_mirror(&a->mirror, &b->mirror);
		break;
	case MSG_EXT_PPR:
	case MSG_EXT_WDTR:
	case MSG_EXT_SDTR:
		ck_assert_mem_eq(&a->xfer, &b->xfer, sizeof(a->xfer));
		break;
	case MSG_IDENTIFY:
		ck_assert_uint_eq(a->identify.lun, b->identify.lun);
		ck_assert_int_eq(a->identify.disc_priv, b->identify.disc_priv);
		break;
	case MSG_EXT_OTHER:
	case MSG_OTHER:
	case MSG_IGNORE_WIDE_RESIDUE:
		ck_assert_uint_eq(a->code, b->code);
		break;
	case MSG_SIMPLE:
	case MSG_HEAD_OF_QUEUE:
	case MSG_ORDERED:
	case MSG_ACA:
		ck_assert_uint_eq(a->tag, b->tag);
		break;
	case MSG_COMMAND_COMPLETE:
	case MSG_SAVE_DATA_POINTER:
	case MSG_RESTORE_POINTERS:
	case MSG_DISCONNECT:
	case MSG_INITIATOR_DETECTED_ERROR:
	case MSG_ABORT_TASK_SET:
	case MSG_MESSAGE_REJECT:
	case MSG_NO_OPERATION:
	case MSG_MESSAGE_PARITY_ERROR:
	case MSG_TARGET_RESET:
	case MSG_ABORT_TASK:
	case MSG_CLEAR_TASK_SET:
	case MSG_CLEAR_ACA:
	case MSG_LOGICAL_UNIT_RESET:
		break;
	}
}

START_TEST(there_and_back)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[SCSI_MSG_MAX];
		struct wr w = wr_init(buf, sizeof(buf));
		scsi_msg_put(&w, &rows[i].msg);
		ck_assert(wr_ok(&w));
		hex_assert(buf, w.n, rows[i].hex);
		struct rd r = rd_init(buf, w.n);
		struct scsi_msg m;
		ck_assert_msg(scsi_msg_get(&r, &m), "%s", rows[i].hex);
		ck_assert(rd_done(&r));
		check_equal(&m, &rows[i].msg);
		ck_assert_str_eq(scsi_msg_name(&m), rows[i].name);
	}
}
END_TEST

/* Every truncation fails and leaves out alone; a byte more is the next message's. */
START_TEST(lengths)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[SCSI_MSG_MAX + 1], room[SCSI_MSG_MAX];
		struct scsi_msg m;
		size_t whole = hex_get(rows[i].hex, buf, sizeof(buf));
		memset(&m, 0x5a, sizeof(m));
		struct scsi_msg before = m;
		for (size_t n = 0; n < whole; n++) {
			struct rd r = rd_init(buf, n);
			ck_assert_msg(!scsi_msg_get(&r, &m) && r.error, "%zu of %s", n,
			              rows[i].hex);
			ck_assert_mem_eq(&m, &before, sizeof(m));
			struct wr w = wr_init(room, n);
			scsi_msg_put(&w, &rows[i].msg);
			ck_assert(!wr_ok(&w));
		}
		buf[whole] = 0x08;
		struct rd r = rd_init(buf, whole + 1);
		ck_assert(scsi_msg_get(&r, &m));
		ck_assert_uint_eq(rd_left(&r), 1);
		ck_assert(!rd_done(&r));
	}
}
END_TEST

/* All rows in one cursor: messages come in sequences. */
START_TEST(a_sequence)
{
	uint8_t buf[ARRAY_LEN(rows) * SCSI_MSG_MAX];
	struct wr w = wr_init(buf, sizeof(buf));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		scsi_msg_put(&w, &rows[i].msg);
	struct rd r = rd_init(buf, w.n);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scsi_msg m;
		ck_assert(scsi_msg_get(&r, &m));
		check_equal(&m, &rows[i].msg);
	}
	ck_assert(rd_done(&r));
}
END_TEST

START_TEST(malformed)
{
	static const char *const bad[] = {
	        "01 05 04 09003e01",     /* PPR of 5 */
	        "01 07 04 09003e010200", /* PPR of 7 */
	        "01 03 03 0100",         /* WDTR of 3 */
	        "01 01 03",              /* WDTR of 1 */
	        "01 02 01 0c",           /* SDTR of 2 */
	        "01 04 01 0c0f00",       /* SDTR of 4 */
	        "01 01 e0",              /* SILENT MIRRORING: nothing in it */
	        "01 09 e0 01 00 000102 000000",
	        "01 0b e0 01 00 000102 00000009 00",
	        "01 0a e0 00 00 000102 00000009", /* functions that there are not */
	        "01 0a e0 05 00 000102 00000009",
	        "01 0a e0 ff 00 000102 00000009",
	        "01 0a e0 01 04 000102 00000009", /* reserved flags */
	        "01 0a e0 02 80 000102 00000009",
	        "01 0a e0 03 41 000102 00000009",
	        "01 0a e0 01 02 000102 00000009",          /* BROADCAST without a bitmap */
	        "01 0e e0 01 00 000102 00000009 00000003", /* a bitmap without BROADCAST */
	        "01 0d e0 01 02 000102 00000009 000003",
	        "01 0a e0 04 00 000102 00000009", /* MIRROR STATUS without a status */
	        "01 0b e0 04 00 000102 00000009 02",
	        "01 0c e0 04 01 000102 00000009 0200", /* with flags */
	        "01 0c e0 04 02 000102 00000009 0200",
	        "01 0c e0 04 00 000102 00000009 0201",    /* sense length beyond the message */
	        "01 0d e0 04 00 000102 00000009 0200 72", /* and short of it */
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t buf[SCSI_MSG_MAX];
		struct scsi_msg m = {.kind = MSG_OTHER, .code = 0x77};
		struct rd r = rd_init(buf, hex_get(bad[i], buf, sizeof(buf)));
		ck_assert_msg(!scsi_msg_get(&r, &m) && r.error, "%s", bad[i]);
		ck_assert_int_eq(m.kind, MSG_OTHER);
		ck_assert_uint_eq(m.code, 0x77);
	}
}
END_TEST

/* As much sense data as we keep, and a byte more. */
START_TEST(the_longest_sense)
{
	uint8_t buf[2 + 12 + SCSI_SENSE_MAX + 1];
	struct scsi_msg m = {.kind = MSG_EXT_MIRROR}, back;
	m.mirror = (struct scsi_msg_mirror){.function = MIRROR_STATUS, .sense_len = SCSI_SENSE_MAX};
	memset(m.mirror.sense, 0xa5, sizeof(m.mirror.sense));
	struct wr w = wr_init(buf, SCSI_MSG_MAX < sizeof(buf) ? SCSI_MSG_MAX : sizeof(buf));
	scsi_msg_put(&w, &m);
	ck_assert(wr_ok(&w));
	struct rd r = rd_init(buf, w.n);
	ck_assert(scsi_msg_get(&r, &back) && rd_done(&r));
	check_equal(&back, &m);
	buf[1]++;
	buf[13]++;
	buf[w.n] = 0xa5;
	r = rd_init(buf, w.n + 1);
	ck_assert(!scsi_msg_get(&r, &back));
}
END_TEST

/* SPI-3: an extended length of zero stands for 256. */
START_TEST(the_longest_extended_message)
{
	uint8_t buf[2 + 256] = {0x01, 0x00, 0x7f};
	struct scsi_msg m;
	struct rd r = rd_init(buf, sizeof(buf));
	ck_assert(scsi_msg_get(&r, &m) && rd_done(&r));
	ck_assert_int_eq(m.kind, MSG_EXT_OTHER);
	ck_assert_uint_eq(m.code, 0x7f);
	r = rd_init(buf, sizeof(buf) - 1);
	ck_assert(!scsi_msg_get(&r, &m));
}
END_TEST

/* SPI-3, table 66: 20h to 2Fh are of two bytes, 01h is extended, all others of one. */
START_TEST(every_first_byte)
{
	for (unsigned code = 0; code <= 0xff; code++) {
		uint8_t buf[3] = {(uint8_t)code, 0x01, 0x00}, again[3];
		size_t len = code == 1 ? 3 : code >= 0x20 && code <= 0x2f ? 2 : 1;
		struct rd r = rd_init(buf, sizeof(buf));
		struct scsi_msg m;
		ck_assert_msg(scsi_msg_get(&r, &m), "%02x", code);
		ck_assert_uint_eq(sizeof(buf) - rd_left(&r), len);
		struct wr w = wr_init(again, sizeof(again));
		scsi_msg_put(&w, &m);
		ck_assert_uint_eq(w.n, len);
		ck_assert_uint_eq(again[0], code);
	}
}
END_TEST

/* Whatever bytes a peer sends: refused, or a message that encodes to one that decodes alike. */
START_TEST(noise_is_only_noise)
{
	struct prng g = prng_init(21);
	for (int i = 0; i < 200000; i++) {
		uint8_t buf[300], again[SCSI_MSG_MAX];
		struct scsi_msg m, back;
		size_t n = prng_below(&g, 32);
		for (size_t k = 0; k < n; k++)
			buf[k] = (uint8_t)prng_u64(&g);
		buf[0] = prng_below(&g, 4) ? 0x01 : buf[0];
		buf[1] = prng_below(&g, 2) ? (uint8_t)(n - 2) : buf[1];
		buf[2] = prng_below(&g, 2) ? MSG_MIRROR_CODE : (uint8_t)prng_below(&g, 5);
		buf[3] = prng_below(&g, 2) ? (uint8_t)prng_below(&g, 6) : buf[3];
		buf[4] = prng_below(&g, 2) ? (uint8_t)prng_below(&g, 4) : buf[4];
		struct rd r = rd_init(buf, n);
		if (!scsi_msg_get(&r, &m))
			continue;
		struct wr w = wr_init(again, sizeof(again));
		scsi_msg_put(&w, &m);
		ck_assert(wr_ok(&w));
		r = rd_init(again, w.n);
		ck_assert(scsi_msg_get(&r, &back) && rd_done(&r));
		check_equal(&back, &m);
	}
}
END_TEST

START_TEST(shorthands)
{
	uint8_t buf[8];
	struct wr w = wr_init(buf, sizeof(buf));
	msg_put_identify(&w, 1, true);
	msg_put_identify(&w, 63, false);
	msg_put_simple(&w, 0x42);
	msg_put_byte(&w, 0x04);
	ck_assert(wr_ok(&w));
	hex_assert(buf, w.n, "c1 bf 2042 04");
}
END_TEST

START_TEST(a_name_for_what_is_none)
{
	struct scsi_msg m = {.kind = MSG_EXT_MIRROR};
	ck_assert_str_eq(scsi_msg_name(&m), "UNKNOWN MESSAGE");
	m.mirror.function = (enum mirror_function)0x55;
	ck_assert_str_eq(scsi_msg_name(&m), "SILENT MIRRORING");
	m.kind = (enum scsi_msg_kind)1000;
	ck_assert_str_eq(scsi_msg_name(&m), "UNKNOWN MESSAGE");
}
END_TEST

/* Messages that nobody may send. */
static const struct scsi_msg misuse[] = {
        {.kind = MSG_IDENTIFY, .identify = {.lun = 64}},
        {.kind = MSG_EXT_MIRROR},
        {.kind = MSG_EXT_MIRROR, .mirror = {.function = (enum mirror_function)5}},
        {.kind = MSG_EXT_MIRROR, .mirror = {.function = MIRROR_STATUS, .last = true}},
        {.kind = MSG_EXT_MIRROR, .mirror = {.function = MIRROR_STATUS, .broadcast = true}},
        {.kind = MSG_EXT_MIRROR,
         .mirror = {.function = MIRROR_STATUS, .sense_len = SCSI_SENSE_MAX + 1}},
};

START_TEST(a_message_that_nobody_may_send)
{
	uint8_t buf[2 * SCSI_MSG_MAX];
	struct wr w = wr_init(buf, sizeof(buf));
	scsi_msg_put(&w, &misuse[_i]);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const tests[] = {
	        there_and_back,    lengths,
	        a_sequence,        malformed,
	        the_longest_sense, the_longest_extended_message,
	        every_first_byte,  noise_is_only_noise,
	        shorthands,        a_name_for_what_is_none,
	};
	Suite *suite = tap_suite("msg", tests, ARRAY_LEN(tests));
	TCase *tcase = tcase_create("misuse");
	tcase_add_loop_test_raise_signal(tcase, a_message_that_nobody_may_send, SIGABRT, 0,
	                                 (int)ARRAY_LEN(misuse));
	suite_add_tcase(suite, tcase);
	return suite;
}

TAP_MAIN_SUITE(make_suite);
