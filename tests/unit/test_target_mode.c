/* SPDX-License-Identifier: BSD-2-Clause */
/* Mode pages byte for byte, in each page control; what may be changed of them (SPC-4, 7.5; SBC-3,
 * 6.4), and what REQUEST SENSE makes of refusals. */
#include "base/crc.h"
#include "unit/disk.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define END   "STATUS(GOOD) COMMAND COMPLETE FREE"
#define CHECK "cont STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"

#define Z8  "0000000000000000"
#define Z16 Z8 Z8
#define Z32 Z16 Z16
#define FF8 "ffffffffffffffff"

/* current (also default and saved, as nothing was changed) and changeable */
static const struct {
	uint8_t code;
	const char *clause, *current, *changeable;
} pages[] = {
        {0x01, "SBC-3, 6.4.8", "81 0a c000" Z8, "81 0a c4 ff 00000000 ff 00 ffff"},
        {0x02, "SPC-4, 7.5.10", "82 0e" Z8 "000000000000", "82 0e ffff" FF8 "09 00 0000"},
        {0x08, "SBC-3, 6.4.5", "88 12 04" Z16 "00", "88 12 05" Z16 "00"},
        {0x0a, "SPC-4, 7.5.8", "8a 0a 00 10" Z8, "8a 0a ec f6 38 d0 000000000000"},
        {0x1c, "SPC-4, 7.5.11", "9c 0a 08 00" Z8, "9c 0a 0c 0f" FF8},
        {0x30, "smirror-protocol(7)", "b0 2e" Z32 Z8 "000000000000",
         "b0 2e ff ff ffff ffff" FF8 FF8 FF8 FF8 FF8},
};

enum { CURRENT, CHANGEABLE, DEFAULT, SAVED };

START_TEST(values)
{
	struct disk *d = disk_new();
	for (unsigned pc = CURRENT; pc <= SAVED; pc++) {
		/* Alone, and with all its subpages (SPC-4, table 131). */
		for (unsigned sub = 0; sub < 256; sub += 255) {
			char cdb[32];
			(void)snprintf(cdb, sizeof(cdb), "5a08%02x%02x:3.00ff00",
			               pc << 6 | pages[_i].code, sub);
			(void)disk_command(d, cdb);
			ck_assert_uint_gt(d->n_in, 8);
			ck_assert_uint_eq(d->in[1], d->n_in - 2);
			hex_assert(d->in + 8, d->n_in - 8,
			           pc == CHANGEABLE ? pages[_i].changeable : pages[_i].current);
		}
	}
	disk_free(d);
}
END_TEST

/* Page 3Fh: all, ascending; the other codes are refused. */
START_TEST(all_pages)
{
	struct disk *d = disk_new();
	for (unsigned pc = CURRENT; pc <= SAVED; pc++) {
		char cdb[32];
		size_t at = 4;
		(void)snprintf(cdb, sizeof(cdb), "1a08%02x00ff00", pc << 6 | 0x3f);
		(void)disk_command(d, cdb);
		for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
			uint8_t want[64];
			size_t n =
			        hex_get(pc == CHANGEABLE ? pages[i].changeable : pages[i].current,
			                want, sizeof(want));
			ck_assert_uint_le(at + n, d->n_in);
			ck_assert_mem_eq(d->in + at, want, n);
			at += n;
		}
		ck_assert_uint_eq(at, d->n_in);
	}
	for (unsigned code = 0, next = 0; code < 0x3f; code++) {
		char cdb[32];
		bool known = next < ARRAY_LEN(pages) && pages[next].code == code;
		next += known;
		(void)snprintf(cdb, sizeof(cdb), "1a08%02x00ff00", code);
		ck_assert_msg((strcmp(disk_command(d, cdb), CHECK) == 0) == !known, "%02x", code);
		if (!known)
			ck_assert_str_eq(disk_sense(d), "5/24/0 cdb 2.5");
	}
	disk_free(d);
}
END_TEST

/* Block descriptors (SBC-3, 6.4.2): short, long, and where the number does not fit. */
START_TEST(block_descriptors)
{
	static const struct {
		uint64_t blocks;
		const char *cdb, *data;
	} want[] = {
	        {64, "1a000a001800", "17 00 10 08 00000040 00 000200"},
	        {64, "5a000a:4.001800", "00 1a 00 10 00 00 0008 00000040 00 000200"},
	        {64, "5a100a:4.001800",
	         "00 22 00 10 01 00 0010 0000000000000040 00000000 00000200"},
	        {64, "5a180a:4.001800", "00 12 00 10 00 00 0000"},
	        {UINT64_C(1) << 32, "1a000a001800", "17 00 10 08 ffffffff 00 000200"},
	        {UINT64_C(1) << 32, "5a100a:4.001800",
	         "00 22 00 10 01 00 0010 0000000100000000 00000000 00000200"},
	};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct tgt_config c = disk_config();
		uint8_t bytes[32];
		size_t n = hex_get(want[i].data, bytes, sizeof(bytes));
		struct disk *d = disk_new();
		tgt_free(d->t);
		c.lu.blocks = want[i].blocks;
		char why[128];
		d->t = tgt_new(&c, why, sizeof(why));
		(void)disk_attach(d, 1);
		(void)disk_sense(d); /* takes the UNIT ATTENTION */
		(void)disk_command(d, want[i].cdb);
		ck_assert_uint_le(n, d->n_in);
		ck_assert_mem_eq(d->in, bytes, n);
		disk_free(d);
	}
}
END_TEST

static bool select_sp; /* MODE SELECT with SP */

/* A whole MODE SELECT(6) of initiator 7; list in hex. */
static const char *mode_select(struct disk *d, const char *list)
{
	struct wire_frame f = {.type = WIRE_BURST};
	uint8_t bytes[256], encoded[512];
	size_t n = hex_get(list, bytes, sizeof(bytes));
	const uint8_t cdb[] = {0x15, select_sp ? 0x11 : 0x10, 0, 0, (uint8_t)n, 0};
	f.data = block_new(n);
	memcpy(f.data->data, bytes, n);
	struct wr w = wr_init(encoded, sizeof(encoded));
	wire_put_plain(&w, ITEM_SELECT, 7, ITEM_ATN);
	wire_put_bytes(&w, ITEM_MSG_OUT, "\x80", 1);
	wire_put_bytes(&w, ITEM_COMMAND, cdb, sizeof(cdb));
	wire_put_data(&w, ITEM_DATA_OUT, 0, (uint32_t)n, crc_data(0, bytes, n));
	f.burst = (struct wire_burst){.tenure = 700,
	                              .token = 800,
	                              .role = BURST_TARGET,
	                              .initiator = 7,
	                              .epoch = 3,
	                              .wanted = true,
	                              .items = {encoded, w.n}};
	const char *out = disk_frame(d, &f);
	block_unref(f.data);
	return out;
}

/* Bits that may be changed, but not alone: what makes no sense, and the bit that is named. */
static const struct {
	uint8_t page, byte, bits, named;
} no_sense[] = {
        {0x1c, 2, 0x04, 2}, /* TEST where DEXCPT is set */
        {0x1c, 3, 0x0d, 3}, /* methods that there are none: MRIE 1, 4 and 8 */
        {0x0a, 2, 0xc0, 7}, /* TST above 001b */
        {0x0a, 3, 0xe0, 7}, /* QUEUE ALGORITHM MODIFIER above 1h */
        {0x0a, 3, 0x04, 2}, /* QERR 10b */
        {0x0a, 4, 0x10, 5}, /* UA_INTLCK_CTRL 01b */
};

/* The bit that is named when this one is refused; 8: it is not. */
static size_t makes_no_sense(uint8_t first, size_t bit)
{
	for (size_t i = 0; i < ARRAY_LEN(no_sense); i++)
		if (no_sense[i].page == (first & 0x3f) && no_sense[i].byte == bit / 8 &&
		    (no_sense[i].bits & 1U << bit % 8))
			return no_sense[i].named;
	return 8;
}

/* What MODE SENSE gave is taken back by MODE SELECT; each bit of it that the mask does not have is
 * refused, and named (SPC-4, 6.9 and 7.5.1). */
START_TEST(only_the_changeable_bits)
{
	struct disk *d = disk_new();
	uint8_t now[64], mask[64];
	size_t n = hex_get(pages[_i].current, now, sizeof(now));
	ck_assert_uint_eq(hex_get(pages[_i].changeable, mask, sizeof(mask)), n);
	for (size_t bit = 2 * 8; bit <= n * 8; bit++) {
		char list[160] = "00000000", want[80];
		bool whole = bit == n * 8; /* as it is */
		for (size_t i = 0; i < n; i++) {
			unsigned flip = bit / 8 == i ? 1U << bit % 8 : 0;
			(void)snprintf(list + 8 + 2 * i, 3, "%02x", now[i] ^ flip);
		}
		const char *out = mode_select(d, list);
		size_t named = makes_no_sense(now[0], bit);
		if (whole || (mask[bit / 8] & 1U << bit % 8 && named == 8)) {
			ck_assert_msg(strstr(out, END) != NULL, "%s", list);
			continue;
		}
		ck_assert_str_eq(out, CHECK);
		(void)snprintf(want, sizeof(want), "5/26/0 data %zu.%zu", 4 + bit / 8,
		               named < 8 ? named : bit % 8);
		ck_assert_str_eq(disk_sense(d), want);
	}
	disk_free(d);
}
END_TEST

/* SPC-4, 6.9: others are told of a change, and of nothing else. */
START_TEST(others_are_told_of_changes)
{
	struct disk *d = disk_new();
	(void)disk_port(d, 6, 9, true);
	(void)disk_burst(d, "ini=6 epoch=9 want sel msg=80 cmd=00:5"); /* its power on */
	(void)mode_select(d, "00000000 08 12 04" Z16 "00");
	ck_assert_str_eq(disk_burst(d, "t=1 ini=6 epoch=9 want sel msg=80 cmd=00:5"), "cont " END);
	(void)mode_select(d, "00000000 08 12 00" Z16 "00");
	ck_assert_ptr_nonnull(
	        strstr(disk_burst(d, "t=2 ini=6 epoch=9 want sel msg=80 cmd=00:5"), CHECK));
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	disk_free(d);
}
END_TEST

#define MEMBER(owner)                                                                              \
	"00000000 30 2e 11 01 0001 0001 66666666666666666666666666666666 0000000000000001 "        \
	"000000000000000000000000000000" owner

#define IMPORTING(owner)                                                                           \
	"00000000 30 2e 15 01 0001 0001 66666666666666666666666666666666 0000000000000001 "        \
	"000000000000000000000000000000" owner

/* A command of another initiator with a tag of the tenure of its own. */
static const char *of(struct disk *d, uint8_t ini, const char *cdb)
{
	static unsigned tenure = 10;
	char burst[128];

	(void)snprintf(burst, sizeof(burst), "t=%u ini=%u epoch=%u want sel msg=80 cmd=%s",
	               ++tenure, ini, ini + 3U, cdb);
	return disk_burst(d, burst);
}

/* Whoever knows of page 30h hears that another one has changed it until it has read it: of commands
 * that are on their way behind the one that is told by UNIT ATTENTION none is carried out. Who has
 * never asked for it by name is told once; to ask for all pages, or for what is saved of it, is not
 * that. */
START_TEST(members_are_to_be_read)
{
	static const char read[] = "08:3.01.00", sense[] = "1a.08.30.00.ff.00";
	struct disk *d = disk_new();

	for (uint8_t ini = 4; ini < 7; ini++) {
		(void)disk_port(d, ini, ini + 3U, true);
		(void)of(d, ini, "00:5"); /* its power on */
	}
	(void)of(d, 6, sense);
	(void)of(d, 4, sense);
	(void)of(d, 5, "1a.08.3f.00.ff.00");
	(void)of(d, 5, "1a.08.f0.00.ff.00");
	(void)mode_select(d, MEMBER("77"));
	for (uint8_t ini = 4; ini < 7; ini++)
		ck_assert_ptr_nonnull(strstr(of(d, ini, "00:5"), CHECK));
	ck_assert_str_eq(of(d, 6, "00:5"), "cont " END);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(strstr(of(d, 6, read), CHECK));
		ck_assert_ptr_nonnull(strstr(of(d, 6, "03:3.12.00"), END));
		ck_assert_uint_eq(d->in[2], 6);
		ck_assert_uint_eq(d->in[12], 0x2a);
		ck_assert_uint_eq(d->in[13], 0x01);
		ck_assert_ptr_nonnull(strstr(of(d, 6, "0a:3.01.00"), CHECK));
		ck_assert_ptr_nonnull(strstr(of(d, 6, "15.11.00.00.00.00"), CHECK));
		ck_assert_ptr_nonnull(
		        strstr(of(d, 6, i == 0 ? "1a.08.f0.00.ff.00" : "1a.08.3f.00.ff.00"), END));
	}
	ck_assert_ptr_nonnull(strstr(of(d, 6, read), CHECK));
	(void)of(d, 6, "03:3.12.00");
	ck_assert_ptr_nonnull(strstr(of(d, 5, read), "read 0+1"));
	ck_assert_ptr_nonnull(strstr(of(d, 6, sense), END));
	ck_assert_ptr_nonnull(strstr(of(d, 6, read), "read 0+1"));
	/* As it was: nothing to hear. Gone, and another one with its ID: it has asked for nothing.
	 */
	(void)mode_select(d, MEMBER("77"));
	ck_assert_ptr_nonnull(strstr(of(d, 6, read), "read 0+1"));
	(void)disk_port(d, 4, 7, false);
	(void)disk_port(d, 4, 7, true);
	(void)of(d, 4, "00:5");
	ck_assert_ptr_nonnull(strstr(of(d, 4, read), "read 0+1"));
	disk_free(d);
}
END_TEST

/* Nor may the port take a write's data ahead of the commands before, until all have asked. */
START_TEST(members_that_are_to_be_read_disarm)
{
	static const char sense[] = "1a.08.30.00.ff.00";
	struct disk *d = disk_new();

	for (uint8_t ini = 4; ini < 6; ini++) {
		(void)disk_port(d, ini, ini + 3U, true);
		(void)of(d, ini, "00:5"); /* its power on */
		(void)of(d, ini, sense);
	}
	ck_assert_ptr_nonnull(strstr(mode_select(d, MEMBER("77")), "arm front"));
	for (uint8_t ini = 4; ini < 6; ini++)
		for (unsigned i = 0; i < 2; i++) /* UNIT ATTENTION, and its sense */
			ck_assert_ptr_null(strstr(of(d, ini, i ? "03:3.12.00" : "00:5"), "arm"));
	ck_assert_ptr_null(strstr(of(d, 5, sense), "arm"));
	ck_assert_ptr_nonnull(strstr(of(d, 4, sense), "arm full"));
	disk_free(d);
}
END_TEST

/* ... also of a MODE SELECT that was there before, and waited until sense had been asked for. */
START_TEST(members_are_to_be_read_by_one_that_waits)
{
	struct disk *d = disk_new();
	char burst[400];

	(void)disk_port(d, 6, 9, true);
	(void)of(d, 6, "00:5");
	(void)of(d, 6, "1a.08.30.00.ff.00");
	ck_assert_ptr_nonnull(strstr(of(d, 6, "08:3.00.00.01"), CHECK)); /* byte 5: a field */
	(void)snprintf(burst, sizeof(burst),
	               "t=5 ini=6 epoch=9 want sel msg=c02001 cmd=15.11.00.00.34.00 out=x%s",
	               "00000000.30.2e.11.01.0001.0001.66666666666666666666666666666666."
	               "0000000000000002.00000000000000000000000000000066");
	(void)disk_burst(d, burst);
	(void)mode_select(d, MEMBER("77"));
	/* its sense, and then it has its turn */
	ck_assert_ptr_nonnull(strstr(of(d, 6, "03:3.12.00"), "STATUS(CHECK CONDITION)"));
	(void)of(d, 6, "03:3.12.00");
	ck_assert_uint_eq(d->in[2], 6);
	ck_assert_uint_eq(d->in[12], 0x2a);
	ck_assert_uint_eq(d->in[13], 0x01);
	disk_free(d);
}
END_TEST

/* ... and of a write. That its initiator has asked before it has its turn does not help it. */
START_TEST(members_change_before_a_write_has_its_turn)
{
	struct disk *d = disk_new();
	const char *end;

	(void)disk_port(d, 6, 9, true);
	(void)of(d, 6, "00:5");
	(void)of(d, 6, "1a.08.30.00.ff.00");
	d->hold = true;
	ck_assert_str_eq(
	        disk_burst(d, "t=5 ini=6 epoch=9 sel msg=c02001 cmd=2a:6.0001.00 out=512:11 free"),
	        "write 0+1");
	(void)disk_burst(d, "t=6 ini=6 epoch=9 sel msg=c02002 cmd=2a:6.0001.00 out=512:22 free");
	if (_i == 0) {
		(void)mode_select(d, MEMBER("77"));
		(void)of(d, 6, "00:5"); /* UNIT ATTENTION */
		(void)of(d, 6, "03:3.12.00");
		ck_assert_ptr_nonnull(strstr(of(d, 6, "1a.08.30.00.ff.00"), END));
	}
	end = disk_answer(d, 0);
	ck_assert_ptr_nonnull(strstr(end, "SIMPLE(1) STATUS(GOOD)"));
	if (_i == 1)
		end = disk_answer(d, 0);
	ck_assert_ptr_nonnull(strstr(end, _i == 0 ? "SIMPLE(2) STATUS(CHECK CONDITION)"
	                                          : "SIMPLE(2) STATUS(GOOD)"));
	ck_assert_uint_eq(d->media[0], _i == 0 ? 0x11 : 0x22);
	disk_free(d);
}
END_TEST

/* What is being saved holds in a moment, whoever waits for it by then: page 30h as it was is not
 * told any more. */
START_TEST(members_that_are_being_saved)
{
	struct disk *d = disk_new();

	(void)disk_port(d, 6, 9, true);
	(void)of(d, 6, "00:5");
	d->hold = select_sp = true;
	(void)mode_select(d, MEMBER("77"));
	select_sp = false;
	ck_assert_uint_eq(d->n_held, 1);
	ck_assert_ptr_nonnull(strstr(of(d, 6, "1a.08.30.00.ff.00"), "STATUS(BUSY)"));
	ck_assert_ptr_nonnull(strstr(of(d, 6, "1a.08.08.00.ff.00"), "STATUS(GOOD)"));
	(void)disk_release(d);
	d->hold = false;
	ck_assert_ptr_nonnull(strstr(of(d, 6, "1a.08.30.00.ff.00"), CHECK));
	ck_assert_ptr_nonnull(strstr(of(d, 6, "1a.08.30.00.ff.00"), "STATUS(GOOD)"));
	ck_assert_uint_eq(d->in[4 + 2], 0x11);
	/* of another page, and of the same once more, nothing is waited for */
	d->hold = select_sp = true;
	(void)mode_select(d, "00000000 81 0a 0005 00000000 07 00 1234");
	select_sp = false;
	ck_assert_uint_eq(d->n_held, 1);
	ck_assert_ptr_nonnull(strstr(of(d, 6, "1a.08.30.00.ff.00"), "STATUS(GOOD)"));
	(void)disk_release(d);
	/* nor of one that could not be saved, while something else is */
	d->hold = false;
	d->meta_fails = select_sp = true;
	(void)mode_select(d, MEMBER("88"));
	d->meta_fails = select_sp = false;
	(void)disk_sense(d);
	(void)of(d, 6, "00:5");
	d->hold = true;
	(void)disk_command_with(d, "5f:6.00.18.00", "x:8.0000000000000099.:4.01.:3");
	ck_assert_uint_eq(d->n_held, 1);
	ck_assert_ptr_nonnull(strstr(of(d, 6, "1a.08.30.00.ff.00"), "STATUS(GOOD)"));
	(void)disk_release(d);
	disk_free(d);
}
END_TEST

/* Flags of VPD page C0h. */
static uint8_t mirror_flags(struct disk *d)
{
	(void)disk_command(d, "1201c00044 00");
	ck_assert_uint_eq(d->n_in, 68);
	return d->in[5];
}

static struct disk *started_again(struct disk *d)
{
	uint8_t saved[TGT_SAVED_MAX];
	struct tgt_config c = d->cfg;
	memcpy(saved, d->saved, d->n_saved);
	c.lu.saved = (struct span){saved, d->n_saved};
	c.boot = 0x01020304;
	disk_free(d);
	d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_port(d, 7, 3, true);
	(void)disk_command(d, "00:5");
	ck_assert_str_eq(disk_sense(d), "6/29/1");
	return d;
}

/* Whoever finds a membership knows whether what was written under it may be gone: until the page is
 * written once more, be it as it is; other pages, or an import that begins, change nothing. */
START_TEST(a_start_since_the_membership)
{
	for (unsigned as_it_is = 0; as_it_is < 2; as_it_is++) {
		struct disk *d = disk_new();

		select_sp = true;
		(void)mode_select(d, MEMBER("77"));
		ck_assert_uint_eq(mirror_flags(d), 0x03);
		d = started_again(d);
		ck_assert_uint_eq(mirror_flags(d), 0x07);
		ck_assert_mem_eq(d->in + 12, "\x01\x02\x03\x04", 4);
		(void)mode_select(d, "00000000 8a 0a 04 10 08 00 0000 0000 0000");
		ck_assert_uint_eq(mirror_flags(d), 0x07);
		if (!as_it_is)
			(void)mode_select(d, IMPORTING("78"));
		ck_assert_uint_eq(mirror_flags(d), 0x07);
		(void)mode_select(d, as_it_is ? MEMBER("77") : MEMBER("78"));
		ck_assert_uint_eq(mirror_flags(d), 0x03);
		select_sp = false;
		disk_free(d);
	}
}
END_TEST

/* Each page is saved with SP, and is so after a reset; without SP it is as it was saved. */
START_TEST(saved_values)
{
	static const char *const lists[] = {
	        "00000000 81 0a 0005 00000000 07 00 1234",
	        "00000000 82 0e 1122 0001 0002 0003 0004 09 00 0000",
	        "00000000 88 12 01" Z16 "00",
	        "00000000 8a 0a 04 10 08 00 0000 0000 0000",
	        "00000000 9c 0a 04 06 00000000 00000000",
	};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct disk *d = disk_new();
		uint8_t list[64], was[64];
		char cdb[32];
		size_t n = hex_get(lists[i], list, sizeof(list)) - 4;
		(void)snprintf(cdb, sizeof(cdb), "1a08%02x00ff00", list[4] & 0x3f);
		(void)disk_command(d, cdb);
		memcpy(was, d->in + 4, n);
		ck_assert_uint_eq(d->n_in, 4 + n);
		(void)mode_select(d, lists[i]);
		(void)disk_command(d, cdb);
		ck_assert_mem_eq(d->in + 4, list + 4, n);
		(void)disk_reset(d);
		(void)disk_sense(d);
		(void)disk_command(d, cdb);
		ck_assert_mem_eq(d->in + 4, was, n);
		select_sp = true;
		(void)mode_select(d, lists[i]);
		select_sp = false;
		(void)disk_reset(d);
		(void)disk_sense(d);
		(void)disk_command(d, cdb);
		ck_assert_mem_eq(d->in + 4, list + 4, n);
		disk_free(d);
	}
}
END_TEST

/* SWP: writes are refused by their own code, reads are not; the header says WP (SBC-3, 6.4.2.1). */
START_TEST(software_write_protection)
{
	struct disk *d = disk_new();
	(void)mode_select(d, "00000000 8a 0a 00 10 08 00000000000000");
	(void)disk_command(d, "1a080a00ff00");
	ck_assert_uint_eq(d->in[2], 0x90);
	disk_refuses(d, "2a:6.000100", "7/27/2");
	ck_assert_ptr_nonnull(strstr(disk_command(d, "28:6.000100"), "STATUS(GOOD)"));
	(void)mode_select(d, "00000000 8a 0a 00 10" Z8);
	(void)disk_command(d, "1a080a00ff00");
	ck_assert_uint_eq(d->in[2], 0x10);
	disk_free(d);
}
END_TEST

/* D_SENSE: the sense of a CHECK CONDITION; what is polled is as DESC asks (SPC-4, control mode
 * page). */
START_TEST(descriptor_sense)
{
	struct disk *d = disk_new();
	(void)mode_select(d, "00000000 8a 0a 04 10" Z8);
	ck_assert_str_eq(disk_command(d, "1a083e00ff00"), CHECK);
	(void)disk_command(d, "03:3.ff00");
	hex_assert(d->in, d->n_in, "72 05 24 00 000000 08 02 06 0000 cd 0002 00");
	(void)disk_command(d, "03:3.ff00");
	ck_assert_uint_eq(d->in[0], 0x70);
	(void)disk_command(d, "0301:2.ff00");
	ck_assert_uint_eq(d->in[0], 0x72);
	disk_free(d);
}
END_TEST

/* TEST of page 1Ch by each method (SPC-4, informational exceptions control mode page). */
START_TEST(informational_exceptions)
{
	struct disk *d = disk_new();
	(void)mode_select(d, "00000000 9c 0a 04 00 00000000 00000000");
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	(void)disk_command(d, "03:3.ff00");
	ck_assert_uint_eq(d->in[12], 0);
	(void)disk_command(d, "4d006f000000:2.2000");
	hex_assert(d->in, d->n_in, "af 00 0007 0000 23 03 5d ff ff");
	(void)mode_select(d, "00000000 9c 0a 04 06 00000000 00000000");
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	for (int i = 0; i < 2; i++) { /* each time that it is asked for */
		(void)disk_command(d, "03:3.ff00");
		hex_assert(d->in, d->n_in, "70 00 00 00000000 0a 00000000 5d ff 00 000000");
	}
	(void)mode_select(d, "00000000 9c 0a 04 02 00000000 00000000");
	disk_refuses(d, "00:5", "6/5d/ff");
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	/* twice, 2 s after one another */
	(void)mode_select(d, "00000000 9c 0a 04 02 00000014 00000002");
	for (int i = 0; i < 2; i++) {
		disk_refuses(d, "00:5", "6/5d/ff");
		ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
		d->now += 2 * NS_PER_S;
	}
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	(void)mode_select(d, "00000000 9c 0a 08 00 00000000 00000000");
	(void)disk_command(d, "4d006f000000:2.2000");
	hex_assert(d->in, d->n_in, "af 00 0007 0000 23 03 00 00 ff");
	disk_free(d);
}
END_TEST

/* REQUEST SENSE in both formats (SPC-4, 4.5.2 and 4.5.3), cut by any allocation length. */
static const struct {
	const char *cdb, *sense;
} senses[] = {
        {"03:3.ff00", "70 00 05 00000000 0a 00000000 24 00 00 cd 0002"},
        {"0301:2.ff00", "72 05 24 00 000000 08 02 06 0000 cd 0002 00"},
        {"03:3.0500", "70 00 05 0000"},
        {"0301:2.0900", "72 05 24 00 000000 08 02"},
};

START_TEST(sense_formats)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_command(d, "1a083e00ff00"), CHECK);
	(void)disk_command(d, senses[_i].cdb);
	hex_assert(d->in, d->n_in, senses[_i].sense);
	/* it was told, also where it was cut */
	(void)disk_command(d, "03:3.1200");
	ck_assert_uint_eq(d->in[2], 0);
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_mode", NULL, NULL, TAP_EACH(values, pages), TAP_ONCE(all_pages),
               TAP_ONCE(block_descriptors), TAP_EACH(only_the_changeable_bits, pages),
               TAP_ONCE(others_are_told_of_changes), TAP_ONCE(members_are_to_be_read),
               TAP_ONCE(members_that_are_to_be_read_disarm),
               TAP_ONCE(members_are_to_be_read_by_one_that_waits),
               TAP_TIMES(members_change_before_a_write_has_its_turn, 2),
               TAP_ONCE(members_that_are_being_saved), TAP_ONCE(a_start_since_the_membership),
               TAP_ONCE(saved_values), TAP_ONCE(software_write_protection),
               TAP_ONCE(descriptor_sense), TAP_ONCE(informational_exceptions),
               TAP_EACH(sense_formats, senses));
