/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protection information (SBC-3): what each command checks by RDPROTECT, WRPROTECT, VRPROTECT and
 * ORPROTECT, for each type; what is written, compared and refused. What the disk says of it, and
 * FORMAT UNIT, are in test_target_protect_format.c.
 */
#include "unit/hex.h"
#include "unit/protected.h"
#include "unit/tap_main.h"

#include "base/crc.h"

#include <stdio.h>
#include <string.h>

/* SBC-3: which fields are checked by the value of the field, on the medium and of what comes. */
#define ALL_BY_VALUE                                                                               \
	{                                                                                          \
		"gar", "gar", "ar", "", "g", "gar"                                                 \
	}
#define OF_DATA                                                                                    \
	{                                                                                          \
		"", "gar", "ar", "", "g", "gar"                                                    \
	}
#define NOTHING                                                                                    \
	{                                                                                          \
		"", "", "", "", "", ""                                                             \
	}
#define ONLY_000                                                                                   \
	{                                                                                          \
		"gar", "", "", "", "", ""                                                          \
	}

enum shape { IN, OUT, SAME, TWICE, NO_DATA };

static const struct row {
	enum scsi_op op;
	uint8_t bytchk;
	enum shape shape;
	const char *medium[6], *data[6];
} rows[] = {
        {OP_READ_10, 0, IN, ALL_BY_VALUE, NOTHING},
        {OP_READ_12, 0, IN, ALL_BY_VALUE, NOTHING},
        {OP_READ_16, 0, IN, ALL_BY_VALUE, NOTHING},
        {OP_READ_32, 0, IN, ALL_BY_VALUE, NOTHING},
        {OP_WRITE_10, 0, OUT, NOTHING, OF_DATA},
        {OP_WRITE_12, 0, OUT, NOTHING, OF_DATA},
        {OP_WRITE_16, 0, OUT, NOTHING, OF_DATA},
        {OP_WRITE_32, 0, OUT, NOTHING, OF_DATA},
        {OP_WRITE_ATOMIC_16, 0, OUT, NOTHING, OF_DATA},
        {OP_ORWRITE_16, 0, OUT, ALL_BY_VALUE, OF_DATA},
        {OP_VERIFY_10, 0, NO_DATA, ALL_BY_VALUE, NOTHING},
        {OP_VERIFY_12, 0, NO_DATA, ALL_BY_VALUE, NOTHING},
        {OP_VERIFY_16, 0, NO_DATA, ALL_BY_VALUE, NOTHING},
        {OP_VERIFY_32, 0, NO_DATA, ALL_BY_VALUE, NOTHING},
        {OP_VERIFY_10, 1, OUT, ONLY_000, OF_DATA},
        {OP_VERIFY_12, 1, OUT, ONLY_000, OF_DATA},
        {OP_VERIFY_16, 1, OUT, ONLY_000, OF_DATA},
        {OP_VERIFY_32, 1, OUT, ONLY_000, OF_DATA},
        {OP_WRITE_AND_VERIFY_10, 0, OUT, NOTHING, OF_DATA},
        {OP_WRITE_AND_VERIFY_12, 1, OUT, NOTHING, OF_DATA},
        {OP_WRITE_AND_VERIFY_16, 1, OUT, NOTHING, OF_DATA},
        {OP_WRITE_AND_VERIFY_32, 1, OUT, NOTHING, OF_DATA},
        {OP_WRITE_SAME_10, 0, SAME, NOTHING, OF_DATA},
        {OP_WRITE_SAME_16, 0, SAME, NOTHING, OF_DATA},
        {OP_WRITE_SAME_32, 0, SAME, NOTHING, OF_DATA},
        {OP_COMPARE_AND_WRITE, 0, TWICE, ALL_BY_VALUE, OF_DATA},
};

static bool is_long(enum scsi_op op)
{
	return scsi_op_info(op)->cdb_len == 32;
}

/* Of which tags it is known what they have to be. */
static const char *known(uint8_t type, bool is_32, bool ato)
{
	return type == 1 ? "gr" : type == 2 && is_32 ? (ato ? "gar" : "gr") : "g";
}

static struct scsi_cdb cdb_of(const struct row *r, unsigned value)
{
	struct scsi_cdb c = {
	        .op = r->op,
	        .lba = LBA,
	        .blocks = 2,
	        .wrprotect = (uint8_t)value,
	        .bytchk = r->bytchk,
	};
	if (is_long(r->op)) {
		c.ref = REF2;
		c.app = APP;
		c.app_mask = 0xfff0;
	}
	return c;
}

/* The data of a command: what the medium holds, and where that is written other data; the second
 * block (of the last half; WRITE SAME: the one) with what is spoiled. */
static size_t data_of(const struct row *r, uint8_t type, unsigned value, char spoil, uint8_t *out)
{
	unsigned n = r->shape == SAME ? 1 : r->shape == TWICE ? 4 : 2;
	size_t at = 0;
	if (r->shape == IN || r->shape == NO_DATA)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		lba_t lba = LBA + i % 2;
		protected_fill(out + at, lba + (i >= 2 ? 7 : 0));
		struct protect_tuple t = protected_right(type, lba, out + at);
		at += BS;
		if (value == 0)
			continue;
		protect_put(out + at, i + 1 == n ? protected_spoil(t, type, spoil) : t);
		at += PROTECT_LEN;
	}
	return at;
}

static const char *sense_of(char what, const char *key, lba_t at)
{
	static char text[64];
	(void)snprintf(text, sizeof(text), "%s/10/%d info %u", key,
	               what == 'a'   ? 2
	               : what == 'r' ? 3
	                             : 1,
	               (unsigned)at);
	return text;
}

static bool caught(const char *by, const char *known_to_be, char what)
{
	return what != '-' && strchr(by, what) && strchr(known_to_be, what);
}

/* What of it is found in data that come: nothing of theirs says that they are not to be checked. */
static char found_in_data(const char *by, const char *known_to_be, char what)
{
	if (what == '*')
		what = caught(by, known_to_be, 'g') ? 'g' : 'a';
	return caught(by, known_to_be, what) ? what : '-';
}

/* One command, with one thing wrong: found or not as the table says. Nothing is written if so. */
static void one(uint8_t type, bool ato, const struct row *r, unsigned value, char what,
                bool on_medium)
{
	static uint8_t data[4 * (BS + PROTECT_LEN)], before[64 * BS];
	struct disk *d = protected_disk(type, (struct mode_bits){.ato = ato});
	struct scsi_cdb c = cdb_of(r, value);
	protected_put(d, type);
	size_t n = data_of(r, type, value, on_medium ? '-' : what, data);
	if (on_medium)
		protect_put(d->tuples + (LBA + 1) * PROTECT_LEN,
		            protected_spoil(protected_tuple(d, LBA + 1), type, what));
	memcpy(before, d->media, sizeof(before));
	const char *fields = known(type, is_long(r->op), ato);
	char found = found_in_data(r->data[value], fields, what);
	if (on_medium)
		found = caught(r->medium[value], fields, what) ? what : '-';
	lba_t at = r->shape == SAME ? LBA : LBA + 1;
	const char *out = protected_command(d, &c, n ? data : NULL, n);
	const char *name = scsi_op_info(r->op)->name;
	ck_assert_msg((strstr(out, CHECK) != NULL) == (found != '-'),
	              "type %u, ATO %d, %s, value %u, %c wrong %s: %s", type, ato, name, value,
	              what, on_medium ? "on the medium" : "in the data", out);
	if (found != '-') {
		ck_assert_str_eq(disk_sense(d), sense_of(found, "b", at));
		ck_assert_mem_eq(before, d->media, sizeof(before));
	}
	disk_free(d);
}

static void each_error(uint8_t type, bool ato, const struct row *r, unsigned value)
{
	static const char errors[] = "-gar*";
	bool brings = r->shape != IN && r->shape != NO_DATA;
	/* What is compared has to be equal: its own test. */
	bool compares = r->bytchk == 1 && !scsi_op_writes_medium(r->op);
	for (const char *e = errors; *e; e++) {
		if (!(compares && value != 0))
			one(type, ato, r, value, *e, true);
		if (brings && value != 0 && (!compares || *e == '-'))
			one(type, ato, r, value, *e, false);
	}
}

START_TEST(each_command_by_value)
{
	const struct row *r = &rows[_i];
	for (uint8_t type = 1; type <= 3; type++)
		for (unsigned value = 0; value <= 5; value++)
			for (int ato = 0; ato < 2; ato++) {
				if (is_long(r->op) ? type != 2 : type == 2 && value != 0)
					continue;
				each_error(type, ato, r, value);
			}
}
END_TEST

/* ---- refused ---- */

START_TEST(values_that_are_refused)
{
	uint8_t data[4 * (BS + PROTECT_LEN)];
	const struct row *r = &rows[_i];
	char want[32];
	for (int type = -1; type <= 3; type++) {
		struct disk *d = type < 0 ? disk_new()
		                          : protected_disk((uint8_t)type, (struct mode_bits){0});
		bool has = is_long(r->op) ? type == 2 : true;
		for (unsigned value = 0; value <= 7; value++) {
			struct scsi_cdb c = cdb_of(r, value);
			bool fine = has && (value == 0 || (type > 0 && value <= 5 &&
			                                   (type != 2 || is_long(r->op))));
			if (fine)
				continue;
			size_t n = data_of(r, 1, value, '-', data);
			ck_assert_str_eq(protected_command(d, &c, data, n), "cont " CHECK);
			bool opcode = !has || (type == 2 && !is_long(r->op));
			(void)snprintf(want, sizeof(want), "5/24/0 cdb %u.7",
			               is_long(r->op) ? 10U : 1U);
			ck_assert_str_eq(disk_sense(d), opcode ? "5/20/0 cdb 0.7" : want);
		}
		disk_free(d);
	}
}
END_TEST

/* SPC-4, control mode page, RWWP: what writes has to bring it. */
START_TEST(writes_without_are_refused)
{
	uint8_t data[4 * (BS + PROTECT_LEN)];
	const struct row *r = &rows[_i];
	for (uint8_t type = 0; type <= 3; type++) {
		struct disk *d = protected_disk(type, (struct mode_bits){.rwwp = true});
		struct scsi_cdb c = cdb_of(r, 0);
		if (is_long(r->op) && type != 2)
			goto next;
		protected_put(d, type);
		size_t n = data_of(r, type, 0, '-', data);
		bool refused = type != 0 && scsi_op_writes_medium(r->op);
		const char *out = protected_command(d, &c, n ? data : NULL, n);
		ck_assert_msg((strstr(out, CHECK) != NULL) == refused, "%s", out);
		if (refused)
			ck_assert_str_eq(disk_sense(d),
			                 is_long(r->op) ? "5/24/0 cdb 10.7" : "5/24/0 cdb 1.7");
	next:
		disk_free(d);
	}
}
END_TEST

/* ---- what is written ---- */

/* Without WRPROTECT (SBC-3, WRPROTECT field, 000b). */
START_TEST(it_is_made)
{
	static const struct {
		uint8_t type;
		bool ato;
		uint16_t app;
		uint32_t ref;
	} made[] = {
	        {1, false, 0, LBA},     {1, true, 0xffff, LBA},     {2, false, 0xffff, ~0U},
	        {2, true, 0xffff, ~0U}, {3, false, 0, 0xffffffffU}, {3, true, 0xffff, ~0U},
	};
	static const enum scsi_op ops[] = {
	        OP_WRITE_6,         OP_WRITE_10,      OP_WRITE_16,           OP_ORWRITE_16,
	        OP_WRITE_ATOMIC_16, OP_WRITE_SAME_10, OP_WRITE_AND_VERIFY_10};
	uint8_t block[2 * BS];
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		struct disk *d =
		        protected_disk(made[_i].type, (struct mode_bits){.ato = made[_i].ato});
		struct scsi_cdb c = {.op = ops[i], .lba = LBA, .blocks = 2};
		protected_fill(block, 40);
		protected_fill(block + BS, 40);
		bool same = ops[i] == OP_WRITE_SAME_10;
		ck_assert_ptr_nonnull(
		        strstr(protected_command(d, &c, block, same ? BS : 2 * BS), END));
		for (lba_t k = 0; k < 2; k++) {
			uint32_t ref =
			        made[_i].type == 1 ? made[_i].ref + (uint32_t)k : made[_i].ref;
			protected_is(d, LBA + k, crc16_guard(block, BS), made[_i].app, ref);
		}
		disk_free(d);
	}
}
END_TEST

/* What comes is kept as it came, and read as it was written. */
START_TEST(it_is_kept)
{
	static uint8_t data[2 * (BS + PROTECT_LEN)];
	for (uint8_t type = 1; type <= 3; type += 2) {
		struct disk *d = protected_disk(type, (struct mode_bits){.ato = type == 3});
		struct scsi_cdb c = {.op = OP_WRITE_16, .lba = LBA, .blocks = 2, .wrprotect = 3};
		size_t n = data_of(&rows[4], type, 3, 'g', data);
		ck_assert_str_eq(protected_command(d, &c, data, n), "write 4+2; cont " END);
		ck_assert_mem_eq(d->media + LBA * BS, data, BS);
		ck_assert_mem_eq(d->media + (LBA + 1) * BS, data + BS + PROTECT_LEN, BS);
		c.op = OP_READ_16;
		ck_assert_str_eq(protected_command(d, &c, NULL, 0),
		                 "read 4+2; cont DATA-IN(1040) " END);
		ck_assert_mem_eq(d->in, data, n);
		/* and is not sent where it is not asked for */
		c.wrprotect = 0;
		ck_assert_str_eq(protected_command(d, &c, NULL, 0), "read 4+2; cont " CHECK);
		ck_assert_str_eq(disk_sense(d), sense_of('g', "b", LBA + 1));
		c.blocks = 1;
		ck_assert_str_eq(protected_command(d, &c, NULL, 0),
		                 "read 4+1; cont DATA-IN(512) " END);
		disk_free(d);
	}
}
END_TEST

/* ORWRITE: the guard is of what is there then, the tags are those that came. */
START_TEST(or_makes_the_guard)
{
	uint8_t data[BS + PROTECT_LEN];
	struct disk *d = protected_disk(1, (struct mode_bits){0});
	struct scsi_cdb c = {.op = OP_ORWRITE_16, .lba = LBA, .blocks = 1, .wrprotect = 1};
	protected_put(d, 1);
	memset(data, 0x81, BS);
	struct protect_tuple t = {crc16_guard(data, BS), 0x7777, LBA};
	protect_put(data + BS, t);
	ck_assert_str_eq(protected_command(d, &c, data, sizeof(data)), "or 4+1; cont " END);
	ck_assert_uint_eq(d->media[LBA * BS], protected_byte(LBA, 0) | 0x81);
	protected_is(d, LBA, crc16_guard(d->media + LBA * BS, BS), 0x7777, LBA);
	disk_free(d);
}
END_TEST

/* WRITE SAME: reference tags count up from that which came, but with type 3. */
START_TEST(same_counts_up)
{
	uint8_t data[BS + PROTECT_LEN];
	for (uint8_t type = 1; type <= 3; type++) {
		struct disk *d = protected_disk(type, (struct mode_bits){0});
		struct scsi_cdb c = {.op = type == 2 ? OP_WRITE_SAME_32 : OP_WRITE_SAME_16,
		                     .lba = LBA,
		                     .blocks = 3,
		                     .wrprotect = 1};
		if (type == 2)
			c.ref = REF2;
		protected_fill(data, 9);
		struct protect_tuple t = protected_right(type, LBA, data);
		protect_put(data + BS, t);
		ck_assert_str_eq(protected_command(d, &c, data, sizeof(data)),
		                 "write each 4+3; cont " END);
		for (uint32_t i = 0; i < 3; i++)
			protected_is(d, LBA + i, t.guard, APP, t.ref + (type == 3 ? 0 : i));
		/* All ones are none, and are not checked. */
		memset(data + BS, 0xff, PROTECT_LEN);
		ck_assert_str_eq(protected_command(d, &c, data, sizeof(data)),
		                 "write each 4+3; cont " END);
		protected_is(d, LBA + 2, 0xffff, 0xffff, 0xffffffff);
		disk_free(d);
	}
}
END_TEST

/* What is unmapped, or written without data, has none; blocks that have some are not unmapped. */
START_TEST(unmapped_blocks_have_none)
{
	uint8_t data[BS + PROTECT_LEN] = {0};
	struct disk *d = protected_disk(1, (struct mode_bits){0});
	struct scsi_cdb c = {.op = OP_WRITE_SAME_16, .lba = LBA, .blocks = 2, .byte1 = 0x08};
	protected_put(d, 1);
	ck_assert_str_eq(protected_command(d, &c, data, BS), "zero 4+2; cont " END);
	protected_is(d, LBA + 1, 0xffff, 0xffff, 0xffffffff);
	protected_put(d, 1);
	c.wrprotect = 1;
	protect_put(data + BS, protected_right(1, LBA, data));
	ck_assert_str_eq(protected_command(d, &c, data, sizeof(data)), "write each 4+2; cont " END);
	protected_is(d, LBA + 1, crc16_guard(data, BS), APP, LBA + 1);
	memset(data + BS, 0xff, PROTECT_LEN);
	ck_assert_str_eq(protected_command(d, &c, data, sizeof(data)), "zero 4+2; cont " END);
	/* NDOB */
	protected_put(d, 1);
	c.byte1 = 0x01;
	ck_assert_str_eq(protected_command(d, &c, NULL, 0), "write each 4+2; cont " END);
	protected_is(d, LBA, 0xffff, 0xffff, 0xffffffff);
	/* UNMAP */
	protected_put(d, 1);
	ck_assert_str_eq(disk_burst(d, "t=5 want sel msg=80 cmd=42:6.0018.00 "
	                               "out=x0016.0010.:4.:7.05.00000001.:4"),
	                 "zero 5+1; cont " END);
	protected_is(d, LBA, protected_right(1, LBA, d->media + LBA * BS).guard, APP, LBA);
	protected_is(d, LBA + 1, 0xffff, 0xffff, 0xffffffff);
	c = (struct scsi_cdb){.op = OP_READ_16, .lba = LBA, .blocks = 2, .wrprotect = 1};
	ck_assert_str_eq(protected_command(d, &c, NULL, 0), "read 4+2; cont DATA-IN(1040) " END);
	hex_assert(d->in + 1032, 8, "ffff ffff ffffffff");
	disk_free(d);
}
END_TEST

/* ---- comparison ---- */

/* SBC-3, VRPROTECT with BYTCHK, byte-by-byte comparison. What differs is right by itself where it
 * can be: the medium's is another one. */
START_TEST(compared_byte_by_byte)
{
	static const struct {
		uint8_t type;
		bool ato;
		const char *fields[6];
	} compares[] = {
	        {1, false, {"", "gr", "r", "gr", "gr", "gr"}},
	        {1, true, {"", "gar", "ar", "gar", "gar", "gar"}},
	        {2, false, {"", "gr", "r", "gr", "gr", "gr"}},
	        {2, true, {"", "gar", "ar", "gar", "gar", "gar"}},
	        {3, false, {"", "g", "", "g", "g", "g"}},
	        {3, true, {"", "gar", "ar", "gar", "gar", "gar"}},
	};
	uint8_t type = compares[_i].type;
	static uint8_t data[2 * (BS + PROTECT_LEN)];
	for (unsigned value = 1; value <= 5; value++)
		for (const char *e = "-gar"; *e; e++) {
			struct disk *d =
			        protected_disk(type, (struct mode_bits){.ato = compares[_i].ato});
			const struct row *r = &rows[type == 2 ? 17 : 16];
			struct scsi_cdb c = cdb_of(r, value);
			protected_put(d, type);
			protect_put(d->tuples + (LBA + 1) * PROTECT_LEN,
			            protected_spoil(protected_tuple(d, LBA + 1), type, *e));
			size_t n = data_of(r, type, value, '-', data);
			bool differs = caught(compares[_i].fields[value], "gar", *e);
			const char *out = protected_command(d, &c, data, n);
			ck_assert_msg((strstr(out, CHECK) != NULL) == differs, "%u %c: %s", value,
			              *e, out);
			if (differs)
				ck_assert_str_eq(disk_sense(d), sense_of(*e, "e", LBA + 1));
			disk_free(d);
		}
}
END_TEST

/* One block for all (BYTCHK=11b): as WRITE SAME would have written it. */
START_TEST(compared_with_one)
{
	uint8_t data[BS + PROTECT_LEN];
	struct disk *d = protected_disk(1, (struct mode_bits){.ato = true});
	struct scsi_cdb c = {.op = OP_WRITE_SAME_16, .lba = LBA, .blocks = 3, .wrprotect = 1};
	protected_fill(data, 9);
	protect_put(data + BS, protected_right(1, LBA, data));
	(void)protected_command(d, &c, data, sizeof(data));
	c.op = OP_VERIFY_16;
	c.bytchk = 3;
	ck_assert_str_eq(protected_command(d, &c, data, sizeof(data)), "compare 4+3; cont " END);
	d->tuples[(LBA + 2) * PROTECT_LEN + 7]++;
	ck_assert_str_eq(protected_command(d, &c, data, sizeof(data)), "compare 4+3; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), sense_of('r', "e", LBA + 2));
	/* data that differ are a miscompare as ever; COMPARE AND WRITE counts the bytes that came
	 */
	d->media[(LBA + 1) * BS + 3]++;
	ck_assert_str_eq(protected_command(d, &c, data, sizeof(data)), "compare 4+3; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "e/1d/0 info 5");
	uint8_t twice[4 * (BS + PROTECT_LEN)];
	protected_put(d, 1);
	d->media[(LBA + 1) * BS + 3]++;
	protect_put(d->tuples + (LBA + 1) * PROTECT_LEN, PROTECT_NONE);
	struct scsi_cdb cas = cdb_of(&rows[25], 1);
	size_t n = data_of(&rows[25], 1, 1, '-', twice);
	ck_assert_str_eq(protected_command(d, &cas, twice, n), "compare 4+2; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), "e/1d/0 info 523");
	disk_free(d);
}
END_TEST

/* ---- with mode pages ---- */

/* DPICZ: what is read without RDPROTECT is not checked. */
START_TEST(not_checked_with_dpicz)
{
	struct disk *d = protected_disk(1, (struct mode_bits){.dpicz = true});
	struct scsi_cdb c = {.op = OP_READ_16, .lba = LBA, .blocks = 2};
	protected_put(d, 1);
	d->tuples[LBA * PROTECT_LEN]++;
	ck_assert_str_eq(protected_command(d, &c, NULL, 0), "read 4+2; cont DATA-IN(1024) " END);
	c.wrprotect = 1;
	ck_assert_str_eq(protected_command(d, &c, NULL, 0), "read 4+2; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), sense_of('g', "b", LBA));
	/* what is not about the blocks' contents checks nothing */
	c = (struct scsi_cdb){.op = OP_PRE_FETCH_16, .lba = LBA, .blocks = 2};
	ck_assert_str_eq(protected_command(d, &c, NULL, 0),
	                 "verify 4+2; cont STATUS(CONDITION MET) COMMAND COMPLETE FREE");
	disk_free(d);
}
END_TEST

/* The mask says which bits of the application tag are expected. */
START_TEST(only_bits_of_the_mask)
{
	struct disk *d = protected_disk(2, (struct mode_bits){.ato = true});
	struct scsi_cdb c = {
	        .op = OP_READ_32, .lba = LBA, .blocks = 2, .wrprotect = 1, .ref = REF2};
	protected_put(d, 2);
	for (unsigned bit = 0; bit < 16; bit++) {
		c.app = (uint16_t)(APP ^ 1U << bit);
		c.app_mask = (uint16_t)(1U << bit);
		ck_assert_str_eq(protected_command(d, &c, NULL, 0), "read 4+2; cont " CHECK);
		ck_assert_str_eq(disk_sense(d), sense_of('a', "b", LBA));
		c.app_mask = (uint16_t)~c.app_mask;
		ck_assert_str_eq(protected_command(d, &c, NULL, 0),
		                 "read 4+2; cont DATA-IN(1040) " END);
	}
	/* the reference tag counts from what is expected of the first block */
	c.lba++;
	c.blocks = 1;
	c.app_mask = 0;
	ck_assert_str_eq(protected_command(d, &c, NULL, 0), "read 5+1; cont " CHECK);
	ck_assert_str_eq(disk_sense(d), sense_of('r', "b", LBA + 1));
	c.ref++;
	ck_assert_str_eq(protected_command(d, &c, NULL, 0), "read 5+1; cont DATA-IN(520) " END);
	disk_free(d);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const plain[] = {
	        it_is_kept,
	        or_makes_the_guard,
	        same_counts_up,
	        unmapped_blocks_have_none,
	        compared_with_one,
	        not_checked_with_dpicz,
	        only_bits_of_the_mask,
	};
	Suite *s = tap_suite("target_protection", plain, ARRAY_LEN(plain));
	TCase *c = tcase_create("tables");
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, each_command_by_value, 0, (int)ARRAY_LEN(rows));
	tcase_add_loop_test(c, values_that_are_refused, 0, (int)ARRAY_LEN(rows));
	tcase_add_loop_test(c, writes_without_are_refused, 0, (int)ARRAY_LEN(rows));
	tcase_add_loop_test(c, it_is_made, 0, 6);
	tcase_add_loop_test(c, compared_byte_by_byte, 0, 6);
	suite_add_tcase(s, c);
	return s;
}

TAP_MAIN_SUITE(make_suite);
