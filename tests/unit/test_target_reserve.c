/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reservations of a disk: which commands conflict, what PERSISTENT RESERVE IN says, parameters of
 * PERSISTENT RESERVE OUT, what others are told, and what a restart keeps. The rules themselves are
 * test_reserve.c's. Initiators 7, 6 and 5 are up; clauses are of SPC-4, by their titles.
 */
#include "target/core.h"
#include "unit/disk.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define EPOCH "epoch=3"

/* The status that a command from `ini` ends with; a CHECK CONDITION as its sense. */
static const char *cmd(struct disk *d, unsigned ini, const char *cdb, const char *data)
{
	static unsigned tenure = 1;
	static char text[80];
	char words[2200];
	const char *out, *status;
	(void)snprintf(words, sizeof(words), "t=%u ini=%u " EPOCH " want sel msg=80 cmd=%s",
	               ++tenure, ini, cdb);
	out = disk_burst(d, words);
	if (strncmp(out, "cont DATA-OUT", 13) == 0) {
		(void)snprintf(words, sizeof(words), "t=%u ini=%u " EPOCH " want out=x%s", tenure,
		               ini, data ? data : ":512");
		out = disk_burst(d, words);
	}
	status = strstr(out, "STATUS(");
	ck_assert_msg(status || d->n_held > 0, "%s", out);
	(void)snprintf(text, sizeof(text), "%.*s", status ? (int)strcspn(status + 7, ")") : 0,
	               status ? status + 7 : "");
	if (strcmp(text, "CHECK CONDITION") != 0)
		return text;
	(void)snprintf(words, sizeof(words), "t=%u ini=%u " EPOCH " want sel msg=80 cmd=03:3.4000",
	               ++tenure, ini);
	struct scsi_sense s;
	(void)disk_burst(d, words);
	ck_assert(scsi_sense_get((struct span){d->in, d->n_in}, &s));
	int n = snprintf(text, sizeof(text), "%x/%x/%x", s.key, s.asc, s.ascq);
	if (s.sks_valid)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %s %u",
		              s.sks_cd ? "cdb" : "data", s.sks_field);
	if (s.sks_valid && s.sks_bit < 8)
		(void)snprintf(text + n, sizeof(text) - (size_t)n, ".%u", s.sks_bit);
	return text;
}

/* PERSISTENT RESERVE OUT with a list of 24 bytes: action, scope and type, keys, flags. */
static const char *out(struct disk *d, unsigned ini, unsigned action, unsigned type, uint64_t key,
                       uint64_t action_key, unsigned flags)
{
	char cdb[40], data[80];
	(void)snprintf(cdb, sizeof(cdb), "5f%02x%02x0000.00000018.00", action, type);
	(void)snprintf(data, sizeof(data), "%016llx.%016llx.00000000.%02x000000",
	               (unsigned long long)key, (unsigned long long)action_key, flags);
	return cmd(d, ini, cdb, data);
}

/* What a PERSISTENT RESERVE IN answers, in hexadecimal. */
static const char *in(struct disk *d, unsigned ini, unsigned action)
{
	static char text[2 * 1024 + 1];
	char cdb[40];
	(void)snprintf(cdb, sizeof(cdb), "5e%02x0000000000.0400.00", action);
	d->n_in = 0;
	const char *status = cmd(d, ini, cdb, NULL);
	if (strcmp(status, "GOOD") != 0)
		return status;
	for (size_t i = 0; i < d->n_in && i < 1024; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", d->in[i]);
	return text;
}

static struct disk *disk_of(const struct tgt_config *c)
{
	struct disk *d = disk_new_raw(c);
	(void)disk_attach(d, 1);
	for (uint8_t i = 5; i <= 7; i++) {
		(void)disk_port(d, i, 3, true);
		ck_assert_str_eq(cmd(d, i, "00:5", NULL), "6/29/1");
	}
	return d;
}

static struct disk *disk_for_three(void)
{
	const struct tgt_config c = disk_config();
	return disk_of(&c);
}

#define GOOD     "GOOD"
#define CONFLICT "RESERVATION CONFLICT"

enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, ABORT, IGNORE, MOVE };
enum { KEYS, RESERVATION, CAPABILITIES, FULL };
enum { WE = 1, EA = 3, WERO = 5, EARO = 6, WEAR = 7, EAAR = 8 };
#define APTPL 1

/* The first n of 7, 6 and 5 are registered, with keys 77h, 66h and 55h. */
static struct disk *registrants(unsigned n)
{
	struct disk *d = disk_for_three();

	for (unsigned ini = 7; ini > 7 - n; ini--)
		ck_assert_str_eq(out(d, ini, IGNORE, 0, 0, ini * 0x11, 0), GOOD);
	return d;
}

/* 7 of them has the unit reserved. */
static struct disk *reserved(unsigned n, unsigned type)
{
	struct disk *d = registrants(n);

	ck_assert_str_eq(out(d, 7, RESERVE, type, 0x77, 0, 0), GOOD);
	return d;
}

/* ---- conflicts ---- */

START_TEST(each_command_has_its_row)
{
	for (unsigned op = 0; op < OP_COUNT; op++)
		ck_assert_msg(
		        !tgt_cmd_find((enum scsi_op)op) || tgt_reserve_knows((enum scsi_op)op),
		        "conflicts.def has no row for %s", scsi_op_info((enum scsi_op)op)->name);
}
END_TEST

/* "SPC commands that are allowed in the presence of various reservations", and SBC-3's. Letters: 7
 * has the unit reserved, and 6 asks: WE, EA; registered: WERO, EARO; not: WERO, EARO; RESERVE. A:
 * allowed (whatever the command then says), C: conflict. */
static const struct {
	const char *cdb, *want;
} table[] = {
        {"00:5", "AAAAAAC"},           {"03:3.1200", "AAAAAAA"},    {"08:3.0100", "ACAAACC"},
        {"0a:3.0100", "CCAACCC"},      {"12:3.2400", "AAAAAAA"},    {"15.10:4", "CCAACCC"},
        {"1a003f00ff00", "ACAAACC"},   {"1b:3.0100", "AAAAAAA"},    {"1b:5", "CCAACCC"},
        {"1b:3.1000", "CCAACCC"},      {"1c:5", "ACAAACC"},         {"1d04:4", "CCAACCC"},
        {"1e:5", "AAAAAAA"},           {"1e:3.0100", "CCAACCC"},    {"25:9", "AAAAAAA"},
        {"28:7.0100", "ACAAACC"},      {"2a:7.0100", "CCAACCC"},    {"2e:7.0100", "CCAACCC"},
        {"2f:7.0100", "ACAAACC"},      {"34:7.0100", "ACAAACC"},    {"35:9", "CCAACCC"},
        {"37:7.0800", "ACAAACC"},      {"3b02:7.0400", "CCAACCC"},  {"3c02:7.0400", "ACAAACC"},
        {"41:7.0100", "CCAACCC"},      {"42:6.0008.00", "CCAACCC"}, {"4c:9", "CCAACCC"},
        {"4d0040:5.4000", "AAAAAAA"},  {"5510:8", "CCAACCC"},       {"5a003f:5.ff00", "ACAAACC"},
        {"5e:7.0800", "AAAAAAC"},      {"5e02:6.0800", "AAAAAAC"},  {"88:12.0100:1", "ACAAACC"},
        {"89:12.0100:1", "CCAACCC"},   {"8a:12.0100:1", "CCAACCC"}, {"8b:12.0100:1", "CCAACCC"},
        {"8e:12.0100:1", "CCAACCC"},   {"8f:12.0100:1", "ACAAACC"}, {"90:12.0100:1", "ACAAACC"},
        {"91:15", "CCAACCC"},          {"93:12.0100:1", "CCAACCC"}, {"9e10:11.2000:1", "AAAAAAA"},
        {"9e12:11.2000:1", "ACAAACC"}, {"a0:8.1000:1", "AAAAAAA"},  {"a30c:7.4000:1", "ACAAACC"},
        {"a30d:7.4000:1", "ACAAACC"},  {"a8:8.0100:1", "ACAAACC"},  {"aa:8.0100:1", "CCAACCC"},
        {"ae:8.0100:1", "CCAACCC"},    {"af:8.0100:1", "ACAAACC"},  {"b7:9.0800", "ACAAACC"},
        {"ff:5", "AAAAAAA"}, /* unknown: that it is so is said first */
};

static const struct {
	unsigned type, registrants;
} columns[] = {{WE, 1}, {EA, 1}, {WERO, 2}, {EARO, 2}, {WERO, 1}, {EARO, 1}};

START_TEST(commands_of_others)
{
	for (unsigned i = 0; i < 7; i++) {
		struct disk *d = i == 6 ? disk_for_three()
		                        : reserved(columns[i].registrants, columns[i].type);
		if (i == 6)
			ck_assert_str_eq(cmd(d, 7, "16:5", NULL), GOOD);
		const char *got = cmd(d, 6, table[_i].cdb, NULL);
		bool conflict = strcmp(got, CONFLICT) == 0;
		ck_assert_msg(conflict == (table[_i].want[i] == 'C'), "%s, column %u: %s",
		              table[_i].cdb, i, got);
		/* who has it is not in his own way */
		if (strncmp(table[_i].cdb, "5e", 2) != 0)
			ck_assert_str_ne(cmd(d, 7, table[_i].cdb, NULL), CONFLICT);
		disk_free(d);
	}
}
END_TEST

START_TEST(all_registrants_alike)
{
	static const unsigned types[] = {WEAR, EAAR};
	for (unsigned i = 0; i < 2; i++) {
		struct disk *d = reserved(2, types[i]);
		ck_assert_str_eq(cmd(d, 6, "2a:7.0100", NULL), GOOD);
		ck_assert_str_eq(cmd(d, 5, "2a:7.0100", NULL), CONFLICT);
		ck_assert_str_eq(cmd(d, 5, "28:7.0100", NULL), i == 0 ? GOOD : CONFLICT);
		disk_free(d);
	}
}
END_TEST

/* SAM-5, "Status precedence": RESERVATION CONFLICT is said before a UNIT ATTENTION, which stays. */
START_TEST(before_unit_attentions)
{
	struct disk *d = registrants(2);
	ck_assert_str_eq(out(d, 7, PREEMPT, EA, 0x77, 0x66, 0), GOOD);
	ck_assert_str_eq(out(d, 7, RESERVE, EA, 0x77, 0, 0), GOOD);
	ck_assert_str_eq(cmd(d, 6, "28:7.0100", NULL), CONFLICT);
	ck_assert_str_eq(cmd(d, 6, "00:5", NULL), "6/2a/5");
	ck_assert_str_eq(cmd(d, 6, "00:5", NULL), GOOD);
	disk_free(d);
}
END_TEST

/* What counts is what is reserved when a command's turn comes. */
START_TEST(when_its_turn_comes)
{
	struct disk *d = registrants(1);
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "t=901 ini=6 " EPOCH
	                               " sel msg=c02001 cmd=2a:4.04.0000.0100 out=512:11 free"),
	                 "write 4+1");
	ck_assert_str_eq(disk_burst(d, "t=902 ini=6 " EPOCH
	                               " sel msg=c02202 cmd=2a:4.05.0000.0100 out=512:22 free"),
	                 "");
	(void)disk_burst(d, "t=903 want sel msg=802103 cmd=5f01030000.00000018.00");
	ck_assert_str_eq(disk_burst(d, "t=903 want out=x0000000000000077.:16"),
	                 "cont STATUS(GOOD) COMMAND COMPLETE FREE; arm front");
	ck_assert_str_eq(disk_answer(d, 0),
	                 "resel 6 IDENTIFY SIMPLE(1) STATUS(GOOD) COMMAND COMPLETE FREE; "
	                 "resel 6 IDENTIFY SIMPLE(2) STATUS(" CONFLICT ") COMMAND COMPLETE FREE");
	ck_assert_uint_eq(d->media[5 * 512], 0);
	disk_free(d);
}
END_TEST

/* No port takes data for a command that will be refused. */
START_TEST(ports_are_told)
{
	struct disk *d = registrants(1);
	ck_assert_ptr_nonnull(strstr(
	        disk_burst(d, "t=901 ini=7 " EPOCH " sel msg=80 cmd=5f01030000.00000018.00 "
	                      "out=x0000000000000077.0000000000000000.00000000.00000000 want"),
	        "arm front"));
	ck_assert_str_eq(disk_port(d, 6, 3, false), "");
	ck_assert_str_eq(disk_port(d, 5, 3, false), "arm full");
	ck_assert_str_eq(disk_port(d, 5, 3, true), "arm front");
	disk_free(d);
}
END_TEST

/* A member whose unit is reserved: its own status says so, and it takes no data. */
START_TEST(in_a_mirroring_pass)
{
	struct disk *d = disk_new();
	disk_join(d);
	(void)disk_port(d, 6, 3, true);
	ck_assert_str_eq(cmd(d, 6, "00:5", NULL), "6/29/1");
	ck_assert_str_eq(cmd(d, 6, "00:5", NULL), "6/2a/1");
	ck_assert_str_eq(cmd(d, 6, "16:5", NULL), GOOD);
	ck_assert_str_eq(
	        disk_burst(d,
	                   "t=900 role=L sel msg=c0.2005.010ae00100000102.00000009 "
	                   "cmd=8a00:8.00000002:2 out=1024:5a msg=010ae00300000102.00000009 free"),
	        "resel 7 IDENTIFY SIMPLE(5) MIRROR STATUS(1:2 op 9 " CONFLICT ") STATUS(" CONFLICT
	        ") COMMAND COMPLETE FREE");
	ck_assert_uint_eq(d->media[0], 0);
	ck_assert_str_eq(cmd(d, 6, "17:5", NULL), GOOD);
	ck_assert_str_eq(
	        disk_burst(d,
	                   "t=901 role=L sel msg=c0.2005.010ae00100000102.00000009 "
	                   "cmd=8a00:8.00000002:2 out=1024:5a msg=010ae00300000102.00000009 free"),
	        "write 0+2; resel 7 IDENTIFY SIMPLE(5) MIRROR STATUS(1:2 op 9 GOOD) STATUS(GOOD) "
	        "COMMAND COMPLETE FREE");
	disk_free(d);
}
END_TEST

/* ---- PERSISTENT RESERVE IN ---- */

#define ID(id) "0100" id "0000000100000000000000000000000000000000"

START_TEST(what_is_read)
{
	struct disk *d = disk_for_three();
	ck_assert_str_eq(in(d, 7, KEYS), "0000000000000000");
	ck_assert_str_eq(in(d, 7, RESERVATION), "0000000000000000");
	ck_assert_str_eq(in(d, 7, FULL), "0000000000000000");
	ck_assert_str_eq(in(d, 7, CAPABILITIES), "00081db0ea010000");
	ck_assert_str_eq(out(d, 7, IGNORE, 0, 0, 0x1122334455667788, 0), GOOD);
	ck_assert_str_eq(out(d, 6, IGNORE, 0, 0, 0x66, 0), GOOD);
	ck_assert_str_eq(in(d, 5, KEYS), "00000002000000100000000000000066"
	                                 "1122334455667788");
	ck_assert_str_eq(out(d, 7, RESERVE, WERO, 0x1122334455667788, 0, 0), GOOD);
	ck_assert_str_eq(in(d, 5, RESERVATION), "0000000200000010"
	                                        "112233445566778800000000" /* obsolete */
	                                        "00050000");
	ck_assert_str_eq(in(d, 5, FULL), "0000000200000060"
	                                 "000000000000006600000000" /* reserved */
	                                 "0000000000000001"
	                                 "00000018" ID("0006") "112233445566778800000000"
	                                                       "0105000000000001"
	                                                       "00000018" ID("0007"));
	/* of all registrants: no one's key */
	ck_assert_str_eq(out(d, 7, RELEASE, WERO, 0x1122334455667788, 0, 0), GOOD);
	ck_assert_str_eq(cmd(d, 6, "00:5", NULL), "6/2a/4");
	ck_assert_str_eq(out(d, 6, RESERVE, EAAR, 0x66, 0, 0), GOOD);
	ck_assert_str_eq(in(d, 5, RESERVATION), "0000000200000010"
	                                        "0000000000000000"
	                                        "0000000000080000");
	/* the allocation length cuts, the lengths in it do not change */
	ck_assert_str_eq(cmd(d, 5, "5e:7.0a00", NULL), GOOD);
	ck_assert_uint_eq(d->n_in, 10);
	ck_assert_uint_eq(d->in[7], 16);
	ck_assert_str_eq(cmd(d, 5, "5e:9", NULL), GOOD);
	disk_free(d);
}
END_TEST

static const struct {
	const char *cdb, *data, *want;
} fields[] = {
        {"5e04:6.0800", NULL, "5/24/0 cdb 1.4"}, /* no such service action */
        {"5e1f:6.0800", NULL, "5/24/0 cdb 1.4"},
        {"5e80:6.0800", NULL, "5/24/0 cdb 1.7"},
        {"5e0001:5.0800", NULL, "5/24/0 cdb 2.0"},
        {"5f08:3.00000018.00", NULL, "5/24/0 cdb 1.4"},
        {"5f20:3.00000018.00", NULL, "5/24/0 cdb 1.5"},
        {"5f000001:1.00000018.00", NULL, "5/24/0 cdb 3.0"},
        {"5f00:3.00000017.00", NULL, "5/1a/0 cdb 5"}, /* the list's length */
        {"5f00:8", NULL, "5/1a/0 cdb 5"},
        {"5f00:3.00000019.00", ":25", "5/1a/0 cdb 5"},
        {"5f06:3.0000001c.00", NULL, "5/1a/0 cdb 5"},
        {"5f00:3.00000401.00", NULL, "5/1a/0 cdb 5"},
        {"5f00:3.00000018.00", "000000000000000000000000000000010000000080000000",
         "5/26/0 data 20"}, /* reserved flags */
        {"5f06:3.00000018.00", "000000000000000000000000000000010000000008000000",
         "5/26/0 data 20.3"}, /* SPEC_I_PT only with REGISTER */
        {"5f00:3.0000001c.00", "00000000000000000000000000000001000000000800000000000018",
         "5/1a/0 cdb 5"}, /* ... and TransportIDs that are not there */
        {"5f01:1.11:1.00000018.00", "000000000000007700000000000000000000000000000000",
         "5/24/0 cdb 3.4"},
        {"5f0111:2.00000018.00", "000000000000007700000000000000000000000000000000",
         "5/24/0 cdb 2.7"}, /* only the whole unit is reserved */
        {"5f0102:2.00000018.00", "000000000000007700000000000000000000000000000000",
         "5/24/0 cdb 2"}, /* no such type */
        {"5f0401:2.00000018.00", "000000000000007700000000000000000000000000000000",
         "5/26/0 data 8"}, /* nobody has key 0 */
        {"5f07:3.00000018.00", ":24", "5/1a/0 cdb 5"},
        {"17:5", NULL, CONFLICT}, /* by who is registered, but does not hold it */
};

START_TEST(fields_that_are_wrong)
{
	struct disk *d = registrants(1);
	ck_assert_str_eq(cmd(d, 7, fields[_i].cdb, fields[_i].data), fields[_i].want);
	/* nothing has changed */
	ck_assert_str_eq(in(d, 7, KEYS), "00000001000000080000000000000077");
	ck_assert_str_eq(in(d, 7, RESERVATION), "0000000100000000");
	disk_free(d);
}
END_TEST

/* SPC-2: neither extents nor third parties. */
static const struct {
	const char *cdb, *want;
} reserve_fields[] = {
        {"16:3.0100", "5/24/0 cdb 4.0"}, /* an extent list */
        {"1601:4", "5/24/0 cdb 1.0"},    /* an extent */
        {"1610:4", "5/24/0 cdb 1.4"},    /* a third party */
        {"5610:8", "5/24/0 cdb 1.4"},    {"56:7.0100", "5/24/0 cdb 8.0"},
        {"1710:4", "5/24/0 cdb 1.4"},    {"5710:8", "5/24/0 cdb 1.4"},
};

START_TEST(whole_units_are_reserved)
{
	struct disk *d = disk_for_three();
	ck_assert_str_eq(cmd(d, 7, reserve_fields[_i].cdb, NULL), reserve_fields[_i].want);
	ck_assert_str_eq(cmd(d, 6, "16:5", NULL), GOOD);
	disk_free(d);
}
END_TEST

/* ---- TransportIDs ---- */

START_TEST(others_are_registered_too)
{
	struct disk *d = disk_for_three();
	const char *list = "0000000000000000.0000000000000077.00000000.08000000."
	                   "00000030." ID("0006") "." ID("0003");
	ck_assert_str_eq(cmd(d, 7, "5f00:3.0000004c.00", list), GOOD);
	ck_assert_str_eq(in(d, 7, KEYS),
	                 "0000000100000018000000000000007700000000000000770000000000"
	                 "000077");
	ck_assert_str_eq(out(d, 6, RESERVE, WE, 0x77, 0, 0), GOOD);
	disk_free(d);
}
END_TEST

static const char *const bad_ids[] = {
        "000000060000000100000000000000000000000000000000", /* another protocol's */
        ID("0002"),                                         /* this disk itself */
        ID("0010"),                                         /* no such SCSI ID */
        "010000060000000200000000000000000000000000000000",
        "410000060000000100000000000000000000000000000000",
        "050000060000000100000000000000000000000000000000", /* iSCSI's */
};

START_TEST(initiators_that_cannot_be)
{
	struct disk *d = disk_for_three();
	char list[200];
	(void)snprintf(list, sizeof(list),
	               "0000000000000000.0000000000000077.00000000.08000000.00000018.%.48s",
	               bad_ids[_i]);
	ck_assert_str_eq(cmd(d, 7, "5f00:3.00000034.00", list), "5/26/0 data 28");
	ck_assert_str_eq(in(d, 7, KEYS), "0000000000000000");
	disk_free(d);
}
END_TEST

/* REGISTER AND MOVE of 7's registration. */
#define MOVE_TO(key, flags, port, id)                                                              \
	"0000000000000077." key ".00." flags "." port ".00000018." ID(id)
#define KEY_66 "0000000000000066"

static const struct {
	const char *data, *sense;
} no_moves[] = {
        {MOVE_TO(KEY_66, "02", "0002", "0006"), "5/26/0 data 18"},            /* no such port */
        {MOVE_TO(KEY_66, "04", "0001", "0006"), "5/26/0 data 17"},            /* a reserved flag */
        {MOVE_TO(KEY_66, "02", "0001", "0007"), "5/26/0 data 24"},            /* he has it */
        {MOVE_TO("0000000000000000", "02", "0001", "0006"), "5/26/0 data 8"}, /* key 0 */
};

START_TEST(moved_to_another)
{
	const char *move = "5f07:3.00000030.00", *to6 = MOVE_TO(KEY_66, "02", "0001", "0006");
	struct disk *d = registrants(1);
	ck_assert_str_eq(cmd(d, 7, move, to6), "5/24/0 cdb 2");
	ck_assert_str_eq(out(d, 7, RESERVE, EA, 0x77, 0, 0), GOOD);
	for (unsigned i = 0; i < ARRAY_LEN(no_moves); i++)
		ck_assert_str_eq(cmd(d, 7, move, no_moves[i].data), no_moves[i].sense);
	ck_assert_str_eq(cmd(d, 7, move, to6), GOOD);
	ck_assert_str_eq(in(d, 7, KEYS), "00000002000000080000000000000066");
	ck_assert_str_eq(cmd(d, 7, "28:7.0100", NULL), CONFLICT);
	ck_assert_str_eq(cmd(d, 6, "28:7.0100", NULL), GOOD);
	disk_free(d);
}
END_TEST

/* ---- what others are told ---- */

START_TEST(others_are_told)
{
	struct disk *d = reserved(3, WERO);
	ck_assert_str_eq(out(d, 7, RELEASE, WERO, 0x77, 0, 0), GOOD);
	ck_assert_str_eq(cmd(d, 6, "00:5", NULL), "6/2a/4");
	ck_assert_str_eq(cmd(d, 5, "00:5", NULL), "6/2a/4");
	ck_assert_str_eq(cmd(d, 7, "00:5", NULL), GOOD);
	ck_assert_str_eq(out(d, 7, PREEMPT, WE, 0x77, 0x66, 0), GOOD);
	ck_assert_str_eq(cmd(d, 6, "00:5", NULL), "6/2a/5");
	ck_assert_str_eq(cmd(d, 5, "00:5", NULL), GOOD);
	ck_assert_str_eq(out(d, 7, CLEAR, 0, 0x77, 0, 0), GOOD);
	ck_assert_str_eq(cmd(d, 6, "00:5", NULL), GOOD);
	ck_assert_str_eq(cmd(d, 5, "00:5", NULL), "6/2a/3");
	ck_assert_str_eq(cmd(d, 7, "00:5", NULL), GOOD);
	disk_free(d);
}
END_TEST

/* "Releasing": by its holder, as what it is; by others it is no error, and does nothing. */
START_TEST(released_as_what_it_is)
{
	struct disk *d = reserved(2, WE);
	ck_assert_str_eq(out(d, 7, RELEASE, WERO, 0x77, 0, 0), "5/26/4");
	ck_assert_str_eq(out(d, 6, RELEASE, WERO, 0x66, 0, 0), GOOD);
	ck_assert_str_eq(out(d, 6, RELEASE, WE, 0x77, 0, 0), CONFLICT);
	ck_assert_str_eq(in(d, 6, RESERVATION), "000000020000001000000000000000770000000000010000");
	ck_assert_str_eq(out(d, 7, RELEASE, WE, 0x77, 0, 0), GOOD);
	ck_assert_str_eq(in(d, 6, RESERVATION), "0000000200000000");
	disk_free(d);
}
END_TEST

/* "Preempting ... with the PREEMPT AND ABORT service action": GOOD when what was aborted is gone */
START_TEST(preempt_and_abort)
{
	struct disk *d = registrants(2);
	ck_assert_str_eq(out(d, 6, RESERVE, WE, 0x66, 0, 0), GOOD);
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "t=901 ini=6 " EPOCH
	                               " sel msg=c02001 cmd=2a:4.04.0000.0100 out=512:11 free"),
	                 "write 4+1");
	ck_assert_str_eq(disk_burst(d, "t=902 ini=6 " EPOCH
	                               " sel msg=c02002 cmd=2a:4.04.0000.0100 out=512:22 free"),
	                 "");
	ck_assert_str_eq(
	        disk_burst(d, "t=903 ini=5 " EPOCH " sel msg=c02001 cmd=28:4.09.0000.0100 free"),
	        "read 9+1");
	ck_assert_str_eq(
	        disk_burst(d, "t=904 " EPOCH " sel msg=c02003 cmd=5f05010000.00000018.00 "
	                      "out=x0000000000000077.0000000000000066.00000000.00000000 free"),
	        "");
	ck_assert_str_eq(disk_answer(d, 0),
	                 "resel 7 IDENTIFY SIMPLE(3) STATUS(GOOD) COMMAND COMPLETE FREE");
	ck_assert_uint_eq(d->media[4 * 512], 0x11); /* it was under way */
	ck_assert_str_eq(disk_answer(d, 0), "resel 5 IDENTIFY SIMPLE(1) DATA-IN(512) STATUS(GOOD) "
	                                    "COMMAND COMPLETE FREE");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	/* both are told, what was cleared first */
	ck_assert_str_eq(cmd(d, 6, "00:5", NULL), "6/2f/0");
	ck_assert_str_eq(cmd(d, 6, "00:5", NULL), "6/2a/5");
	ck_assert_str_eq(cmd(d, 6, "00:5", NULL), GOOD);
	disk_free(d);
}
END_TEST

START_TEST(preempt_and_abort_keeps_the_bus)
{
	struct disk *d = registrants(2);
	d->hold = true;
	(void)disk_burst(d, "t=901 ini=6 " EPOCH
	                    " sel msg=c02001 cmd=2a:4.04.0000.0100 out=512:11 free");
	/* no disconnection: the status comes in its tenure */
	(void)disk_burst(d, "t=904 want sel msg=80 cmd=5f05010000.00000018.00");
	ck_assert_str_eq(disk_burst(d, "t=904 want "
	                               "out=x0000000000000077.0000000000000066.00000000.00000000"),
	                 "arm front");
	ck_assert_str_eq(disk_answer(d, 0), "cont STATUS(GOOD) COMMAND COMPLETE FREE");
	disk_free(d);
}
END_TEST

/* ---- life ---- */

START_TEST(resets_and_losses)
{
	struct disk *d = reserved(1, EA);
	(void)disk_reset(d);
	(void)disk_port(d, 7, 3, false);
	ck_assert_str_eq(cmd(d, 6, "28:7.0100", NULL), CONFLICT);
	/* whoever has the ID has the registration */
	(void)disk_port(d, 7, 3, true);
	ck_assert_str_eq(cmd(d, 7, "00:5", NULL), "6/29/2");
	ck_assert_str_eq(cmd(d, 7, "28:7.0100", NULL), GOOD);
	ck_assert_str_eq(out(d, 7, CLEAR, 0, 0x77, 0, 0), GOOD);
	/* RESERVE: ends with the nexus, and with a reset */
	ck_assert_str_eq(cmd(d, 7, "56:9", NULL), GOOD);
	ck_assert_str_eq(cmd(d, 6, "16:5", NULL), CONFLICT);
	ck_assert_str_eq(in(d, 7, KEYS), CONFLICT);
	ck_assert_str_eq(out(d, 7, REGISTER, 0, 0, 1, 0), CONFLICT);
	(void)disk_port(d, 7, 3, false);
	ck_assert_str_eq(cmd(d, 6, "00:5", NULL), "6/29/2");
	ck_assert_str_eq(cmd(d, 6, "16:5", NULL), GOOD);
	ck_assert_str_eq(cmd(d, 5, "00:5", NULL), CONFLICT);
	ck_assert_str_eq(cmd(d, 5, "17:5", NULL), "6/29/2");
	ck_assert_str_eq(cmd(d, 5, "57:9", NULL), GOOD); /* not his: nothing */
	ck_assert_str_eq(cmd(d, 5, "00:5", NULL), CONFLICT);
	(void)disk_burst(d, "t=900 ini=6 " EPOCH " want sel msg=80.17");
	ck_assert_str_eq(cmd(d, 5, "00:5", NULL), "6/29/3");
	ck_assert_str_eq(cmd(d, 5, "16:5", NULL), GOOD);
	ck_assert_str_eq(cmd(d, 5, "17:5", NULL), GOOD);
	disk_free(d);
}
END_TEST

/* Another process with what the last one saved. */
static struct disk *restart(struct disk *d)
{
	struct tgt_config c = disk_config();
	uint8_t saved[TGT_SAVED_MAX];
	memcpy(saved, d->saved, d->n_saved);
	c.lu.saved = (struct span){saved, d->n_saved};
	disk_free(d);
	return disk_of(&c);
}

START_TEST(kept_over_a_restart)
{
	struct disk *d = disk_for_three();
	ck_assert_str_eq(out(d, 7, REGISTER, 0, 0, 0x77, APTPL), GOOD);
	ck_assert_str_eq(in(d, 7, CAPABILITIES), "00081db1ea010000");
	ck_assert_str_eq(out(d, 7, RESERVE, WE, 0x77, 0, 0), GOOD);
	/* what else is saved leaves it there, and the other way round */
	ck_assert_str_eq(cmd(d, 7, "1511:2.1800", "00000000.0812:18"), GOOD);
	d = restart(d);
	ck_assert_str_eq(in(d, 6, KEYS), "00000000000000080000000000000077");
	ck_assert_str_eq(in(d, 6, RESERVATION), "00000000000000100000000000000077"
	                                        "0000000000010000");
	ck_assert_str_eq(cmd(d, 6, "2a:7.0100", NULL), CONFLICT);
	ck_assert_str_eq(cmd(d, 7, "1a0008:1.ff00", NULL), GOOD);
	ck_assert_uint_eq(d->in[4 + 8 + 2] & 4, 0); /* WCE */
	/* RELEASE, and the last APTPL counts */
	ck_assert_str_eq(out(d, 7, RELEASE, WE, 0x77, 0, 0), GOOD);
	d = restart(d);
	ck_assert_str_eq(in(d, 6, RESERVATION), "0000000000000000");
	ck_assert_str_eq(out(d, 7, REGISTER, 0, 0x77, 0x78, 0), GOOD);
	d = restart(d);
	ck_assert_str_eq(in(d, 6, KEYS), "0000000000000000");
	ck_assert_str_eq(cmd(d, 7, "1a0008:1.ff00", NULL), GOOD);
	ck_assert_uint_eq(d->in[4 + 8 + 2] & 4, 0);
	disk_free(d);
}
END_TEST

START_TEST(not_without_being_asked)
{
	struct disk *d = reserved(1, WE);
	ck_assert_uint_eq(d->n_saved, 0);
	disk_free(d);
}
END_TEST

START_TEST(when_it_cannot_be_saved)
{
	struct disk *d = disk_for_three();
	d->meta_fails = true;
	ck_assert_str_eq(out(d, 7, REGISTER, 0, 0, 0x77, APTPL), "4/44/0");
	ck_assert_str_eq(in(d, 7, KEYS), "0000000000000000");
	ck_assert_str_eq(in(d, 7, CAPABILITIES), "00081db0ea010000");
	disk_free(d);
}
END_TEST

START_TEST(while_it_is_being_saved)
{
	struct disk *d = disk_for_three();
	d->hold = true;
	ck_assert_str_eq(out(d, 7, REGISTER, 0, 0, 0x77, APTPL), "");
	ck_assert_str_eq(out(d, 6, REGISTER, 0, 0, 0x66, 0), "BUSY");
	ck_assert_str_eq(cmd(d, 6, "16:5", NULL), "BUSY");
	ck_assert_str_eq(in(d, 6, KEYS), "0000000000000000");
	(void)disk_release(d);
	ck_assert_str_eq(in(d, 6, KEYS), "00000001000000080000000000000077");
	/* nobody waits for the status any more: it holds all the same */
	ck_assert_str_eq(out(d, 7, REGISTER, 0, 0x77, 0x78, APTPL), "");
	(void)disk_burst(d, "t=990 want sel msg=80.06");
	(void)disk_release(d);
	ck_assert_str_eq(in(d, 6, KEYS), "00000002000000080000000000000078");
	disk_free(d);
}
END_TEST

START_TEST(damaged_ones_are_refused)
{
	static const uint8_t records[][4] = {
	        {0x7f, 2, 0, 0xff}, {0x7f, 9, 0, 0xff}, {0x7f, 0, 0, 0}};
	struct tgt_config c = disk_config();
	char why[100];
	for (unsigned i = 0; i < ARRAY_LEN(records); i++) {
		c.lu.saved = (struct span){records[i], sizeof(records[i])};
		ck_assert_ptr_null(tgt_new(&c, why, sizeof(why)));
		ck_assert_str_eq(why, "saved reservations: damaged");
	}
}
END_TEST

TAP_MAIN_TABLE("target_reserve", NULL, NULL, TAP_ONCE(each_command_has_its_row),
               TAP_EACH(commands_of_others, table), TAP_ONCE(all_registrants_alike),
               TAP_ONCE(before_unit_attentions), TAP_ONCE(when_its_turn_comes),
               TAP_ONCE(ports_are_told), TAP_ONCE(in_a_mirroring_pass), TAP_ONCE(what_is_read),
               TAP_EACH(fields_that_are_wrong, fields),
               TAP_EACH(whole_units_are_reserved, reserve_fields),
               TAP_ONCE(others_are_registered_too), TAP_EACH(initiators_that_cannot_be, bad_ids),
               TAP_ONCE(moved_to_another), TAP_ONCE(others_are_told),
               TAP_ONCE(released_as_what_it_is), TAP_ONCE(preempt_and_abort),
               TAP_ONCE(preempt_and_abort_keeps_the_bus), TAP_ONCE(resets_and_losses),
               TAP_ONCE(kept_over_a_restart), TAP_ONCE(not_without_being_asked),
               TAP_ONCE(when_it_cannot_be_saved), TAP_ONCE(while_it_is_being_saved),
               TAP_ONCE(damaged_ones_are_refused));
