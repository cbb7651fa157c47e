/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each command of commands.def, bit by bit of its CDB. What REPORT SUPPORTED OPERATION CODES says
 * that the disk looks at (SPC-4, CDB usage data) it looks at; each other bit is reserved, and one
 * that is set is refused with the pointer at it (SPC-4, INVALID FIELD IN CDB; sense key specific
 * data, field pointer). And each allocation length gives the beginning of what a long one gives
 * (SPC-4, ALLOCATION LENGTH field).
 */
#include "unit/disk.h"
#include "unit/tap_main.h"

#include "scsi/cdb.h"
#include "target/core.h"

#include <stdio.h>
#include <string.h>

#define CONTROL_VENDOR 0xc0

/* All that a disk may have: thin provisioning, and type 2 for the commands of 32 bytes. */
static struct disk *disk_for(enum scsi_op op)
{
	struct tgt_config c = disk_config();
	const struct cmd *cmd = tgt_cmd_find(op);
	c.lu.thin = true;
	c.lu.protects = cmd->flags & CMD_TYPE2;
	uint8_t saved[TGT_SAVED_MAX];
	if (c.lu.protects)
		c.lu.saved = (struct span){saved, tgt_saved_protection(2, saved, 0)};
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_sense(d);
	return d;
}

static const char *send(struct disk *d, const uint8_t *cdb, size_t n)
{
	char hex[2 * SCSI_CDB_MAX + 1];
	for (size_t i = 0; i < n; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", cdb[i]);
	return disk_command(d, hex);
}

/* As the device itself tells them. */
static size_t usage_of(struct disk *d, const struct scsi_op_info *i, uint8_t *usage)
{
	int action = i->service_action < 0 ? 0 : i->service_action;
	const uint8_t cdb[12] = {
	        0xa3, 0x0c, 0x03, i->opcode, (uint8_t)(action >> 8), (uint8_t)action,
	        0,    0,    0,    0xff};
	(void)send(d, cdb, sizeof(cdb));
	ck_assert_uint_eq(d->in[1], 0x03);
	size_t n = d->in[2] * 256U + d->in[3];
	ck_assert_uint_eq(n, i->cdb_len);
	memcpy(usage, d->in + 4, n);
	return n;
}

/* Bits that are not looked at, and need not be 0: GROUP NUMBER; FUA_NV of reads and writes, RARC of
 * reads, SYNC_NV, all obsolete or nothing but a wish. */
static uint8_t ignored(const struct scsi_op_info *i, size_t at)
{
	static const struct {
		enum scsi_op op;
		uint8_t at, bits;
	} rows[] = {
	        {OP_READ_10, 1, 0x06},
	        {OP_READ_12, 1, 0x06},
	        {OP_READ_16, 1, 0x06},
	        {OP_READ_32, 10, 0x06},
	        {OP_WRITE_10, 1, 0x02},
	        {OP_WRITE_12, 1, 0x02},
	        {OP_WRITE_16, 1, 0x02},
	        {OP_WRITE_32, 10, 0x02},
	        {OP_SYNCHRONIZE_CACHE_10, 1, 0x04},
	        {OP_SYNCHRONIZE_CACHE_16, 1, 0x04},
	};
	static const enum scsi_op grouped[] = {OP_READ_10,
	                                       OP_WRITE_10,
	                                       OP_WRITE_AND_VERIFY_10,
	                                       OP_VERIFY_10,
	                                       OP_PRE_FETCH_10,
	                                       OP_SYNCHRONIZE_CACHE_10,
	                                       OP_WRITE_SAME_10,
	                                       OP_UNMAP,
	                                       OP_READ_12,
	                                       OP_WRITE_12,
	                                       OP_WRITE_AND_VERIFY_12,
	                                       OP_VERIFY_12,
	                                       OP_READ_16,
	                                       OP_WRITE_16,
	                                       OP_WRITE_AND_VERIFY_16,
	                                       OP_VERIFY_16,
	                                       OP_PRE_FETCH_16,
	                                       OP_SYNCHRONIZE_CACHE_16,
	                                       OP_WRITE_SAME_16,
	                                       OP_WRITE_ATOMIC_16,
	                                       OP_COMPARE_AND_WRITE,
	                                       OP_ORWRITE_16,
	                                       OP_READ_32,
	                                       OP_WRITE_32,
	                                       OP_WRITE_AND_VERIFY_32,
	                                       OP_VERIFY_32,
	                                       OP_WRITE_SAME_32};
	uint8_t bits = 0;
	size_t group = i->cdb_len == 32 || i->cdb_len == 10 ? 6 : i->cdb_len - 2U;
	for (size_t n = 0; n < ARRAY_LEN(rows); n++)
		if (rows[n].op == i->op && rows[n].at == at)
			bits |= rows[n].bits;
	for (size_t n = 0; n < ARRAY_LEN(grouped); n++)
		if (grouped[n] == i->op && at == group)
			bits |= 0x1f;
	return bits;
}

/* With nothing in it but what says which command it is. */
static void begin(const struct scsi_op_info *i, uint8_t *cdb)
{
	memset(cdb, 0, SCSI_CDB_MAX);
	cdb[0] = i->opcode;
	if (i->cdb_len == 32) {
		cdb[7] = 0x18;
		cdb[9] = (uint8_t)i->service_action;
	} else if (i->service_action >= 0) {
		cdb[1] = (uint8_t)i->service_action;
	}
}

/* The highest bit of the field: the pointer is at that (SPC-4, field pointer). One field of several
 * bits may be refused as a whole: RDPROTECT and the like. */
static unsigned field_of(const struct scsi_op_info *i, size_t at, unsigned bit)
{
	size_t flags = i->cdb_len == 32 ? 10 : 1;
	return at == flags && bit >= 5 && scsi_op_protects(i->op) ? 7 : bit;
}

/* Says which command it is. */
static bool selects(const struct scsi_op_info *i, size_t at, unsigned bit)
{
	if (i->cdb_len == 32)
		return at >= 7 && at <= 9;
	return i->service_action >= 0 && at == 1 && bit < 5;
}

START_TEST(reserved_bits)
{
	const struct scsi_op_info *i = scsi_op_info((enum scsi_op)_i);
	uint8_t usage[SCSI_CDB_MAX], cdb[SCSI_CDB_MAX];
	if (!tgt_cmd_find(i->op))
		return;
	struct disk *d = disk_for(i->op);
	size_t n = usage_of(d, i, usage), control = i->cdb_len == 32 ? 1 : n - 1;
	for (size_t at = 1; at < n; at++) {
		uint8_t open = (uint8_t)(usage[at] | ignored(i, at) |
		                         (at == control ? CONTROL_VENDOR : 0));
		for (unsigned bit = 0; bit < 8; bit++) {
			char pointer[64];
			if (open >> bit & 1 || selects(i, at, bit))
				continue;
			begin(i, cdb);
			cdb[at] |= (uint8_t)(1U << bit);
			ck_assert_msg(strstr(send(d, cdb, n), "CHECK CONDITION"),
			              "%s: byte %zu, bit %u: taken", i->name, at, bit);
			(void)snprintf(pointer, sizeof(pointer), "5/24/0 cdb %zu.%u", at,
			               field_of(i, at, bit));
			const char *sense = disk_sense(d);
			ck_assert_msg(strcmp(sense, pointer) == 0, "%s: byte %zu, bit %u: %s",
			              i->name, at, bit, sense);
		}
	}
	disk_free(d);
}
END_TEST

/* ---- allocation lengths ---- */

static const struct {
	const char *clause, *cdb; /* "@1", "@2", "@3" or "@4": the length's place, and bytes */
	unsigned least;           /* below it is refused */
} lengths[] = {
        {"REQUEST SENSE", "03000000@1.00", 0},
        {"INQUIRY", "120000@2.00", 0},
        {"INQUIRY, supported pages", "120100@2.00", 0},
        {"INQUIRY, unit serial number", "120180@2.00", 0},
        {"INQUIRY, device identification", "120183@2.00", 0},
        {"INQUIRY, extended INQUIRY data", "120186@2.00", 0},
        {"INQUIRY, third party copy", "12018f@2.00", 0},
        {"INQUIRY, block limits", "1201b0@2.00", 0},
        {"INQUIRY, block device characteristics", "1201b1@2.00", 0},
        {"INQUIRY, logical block provisioning", "1201b2@2.00", 0},
        {"INQUIRY, mirroring", "1201c0@2.00", 0},
        {"MODE SENSE(6)", "1a003f00@1.00", 0},
        {"MODE SENSE(6), subpages", "1a003fff@1.00", 0},
        {"MODE SENSE(10)", "5a003f00:3@2.00", 0},
        {"MODE SENSE(10), LLBAA", "5a103f00:3@2.00", 0},
        {"MODE SENSE(10), changeable values", "5a007f00:3@2.00", 0},
        {"LOG SENSE, supported pages", "4d0040:4@2.00", 0},
        {"LOG SENSE, supported pages and subpages", "4d0040ff:3@2.00", 0},
        {"LOG SENSE, write errors", "4d0042:4@2.00", 0},
        {"LOG SENSE, temperature", "4d004d:4@2.00", 0},
        {"LOG SENSE, informational exceptions", "4d006f:4@2.00", 0},
        {"RECEIVE DIAGNOSTIC RESULTS", "1c0100@2.00", 0},
        {"READ DEFECT DATA(10)", "370018:4@2.00", 0},
        {"READ DEFECT DATA(12)", "b718:4@4.0000", 0},
        {"READ BUFFER, descriptor", "3c03:4@3.00", 0},
        {"READ BUFFER, data", "3c02:4@3.00", 0},
        {"READ CAPACITY(16)", "9e10:8@4.0000", 0},
        {"GET LBA STATUS", "9e12:8@4.0000", 0},
        {"REPORT LUNS", "a0:5@4.0000", 16},
        {"REPORT SUPPORTED OPERATION CODES", "a30c80:3@4.0000", 0},
        {"REPORT SUPPORTED OPERATION CODES, one", "a30c8128:2@4.0000", 0},
        {"REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", "a30d80:3@4.0000", 4},
        {"PERSISTENT RESERVE IN, READ KEYS", "5e00:5@2.00", 0},
        {"PERSISTENT RESERVE IN, READ RESERVATION", "5e01:5@2.00", 0},
        {"PERSISTENT RESERVE IN, REPORT CAPABILITIES", "5e02:5@2.00", 0},
        {"PERSISTENT RESERVE IN, READ FULL STATUS", "5e03:5@2.00", 0},
        {"RECEIVE COPY OPERATING PARAMETERS", "8403:8@4.0000", 0},
};

/* The answer's length; what it is stands in d->in. */
static size_t answer(struct disk *d, const char *cdb, unsigned length)
{
	char words[96], number[9];
	const char *at = strchr(cdb, '@');
	(void)snprintf(number, sizeof(number), "%08x", length);
	(void)snprintf(words, sizeof(words), "%.*s.%s%s", (int)(at - cdb), cdb,
	               number + 8 - 2 * (at[1] - '0'), at + 2);
	d->n_in = 0;
	const char *out = disk_command(d, words);
	ck_assert_msg(strstr(out, "STATUS(GOOD)"), "%s: %s", words, out);
	return d->n_in;
}

START_TEST(allocation_lengths)
{
	struct disk *d = disk_for(OP_INQUIRY);
	static uint8_t whole[65536];
	const char *cdb = lengths[_i].cdb;
	unsigned most = strstr(cdb, "@1") ? 0xff : 0xffff;
	(void)disk_add(d, 3, (struct span){0});
	(void)disk_sense(d);
	ck_assert_str_eq(disk_burst(d, "t=90 want sel msg=80 cmd=5f00:3.00000018.00 "
	                               "out=x:8.0000000000000001:8"),
	                 "cont STATUS(GOOD) COMMAND COMPLETE FREE");
	size_t n = answer(d, cdb, most);
	ck_assert_msg(n > lengths[_i].least && n < most, "%s: %zu bytes", lengths[_i].clause, n);
	memcpy(whole, d->in, n);
	for (unsigned length = lengths[_i].least; length < n + 2; length++) {
		size_t got = answer(d, cdb, length);
		ck_assert_msg(got == (length < n ? length : n), "%s: %u: %zu bytes",
		              lengths[_i].clause, length, got);
		ck_assert_msg(memcmp(d->in, whole, got) == 0, "%s: %u: others", lengths[_i].clause,
		              length);
	}
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_cdbs", NULL, NULL, TAP_TIMES(reserved_bits, OP_COUNT),
               TAP_EACH(allocation_lengths, lengths));
