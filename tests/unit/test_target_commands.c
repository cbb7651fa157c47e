/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands one by one: what each answers, and what it refuses with which sense (SPC-4, SBC-3). */
#include "unit/disk.h"
#include "unit/tap_main.h"

#include "base/crc.h"

#include <stdio.h>
#include <string.h>

#define END           "STATUS(GOOD) COMMAND COMPLETE FREE"
#define CHECK         "cont STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"
#define DATA(n)       "cont DATA-IN(" n ") " END
#define MEDIUM(words) "cont DISCONNECT FREE; " words "; resel 7 IDENTIFY SIMPLE(5) "

static void fill(struct disk *d, unsigned lba, unsigned blocks, uint8_t with)
{
	memset(d->media + (size_t)lba * 512, with, (size_t)blocks * 512);
}

static bool filled(const struct disk *d, unsigned lba, unsigned blocks, uint8_t with)
{
	for (size_t i = (size_t)lba * 512; i < (size_t)(lba + blocks) * 512; i++)
		if (d->media[i] != with)
			return false;
	return true;
}

/* ---- what answers ---- */

static const struct {
	const char *cdb, *out;
	const char *data; /* how it begins, in hex; NULL: not looked at */
} answers[] = {
        {"00:5", "cont " END, NULL},
        /* INQUIRY, SPC-4 6.6: SPC-4, HISUP, 91 more bytes; ADDR16, WBUS16 SYNC CMDQUE */
        {"120000000040", "cont " END, NULL}, /* allocation length 0; control: a vendor's bit */
        {"120000006000", DATA("96"), "000006325b"},
        {"120000002400", DATA("36"), NULL},
        {"120000000500", DATA("5"), "000006325b"},
        {"a000000000000000001000:1", DATA("16"),
         "0000000800000000"
         "0000000000000000"},
        {"a000010000000000001000:1", DATA("8"), "0000000000000000"},
        {"25:9", DATA("8"), "0000003f00000200"},
        {"9e10:8.0000002000:1", DATA("32"), "000000000000003f00000200"},
        {"9e10:8.0000000c00:1", DATA("12"), "000000000000003f00000200"},
        /* MODE SENSE(6): header 4, descriptor 8, pages 12 + 16 + 20 + 12 + 12 + 48 */
        {"1a003f00ff00", DATA("132"),
         "83001008"
         "0000004000000200"
         "810ac0"},
        {"1a083f00ff00", DATA("124"),
         "7b001000"
         "810ac0"},
        {"1a0808000400", DATA("4"), "17001000"},
        {"1a088800ff00", DATA("24"),
         "17001000"
         "881204"},
        {"1a084800ff00", DATA("24"),
         "17001000"
         "881205"},
        {"1a08c800ff00", DATA("24"),
         "17001000"
         "881204"},
        {"1a080a00ff00", DATA("16"),
         "0f001000"
         "8a0a0010"},
        {"1a084a00ff00", DATA("16"),
         "0f001000"
         "8a0aecf6"
         "38"},
        {"1a083fffff00", DATA("124"),
         "7b001000"
         "810ac0"},
        {"5a10300000000000ff00", DATA("72"),
         "0046001001000010"
         "0000000000000040"
         "0000000000000200"},
        {"5a0830:4.00ff00:1", DATA("56"),
         "0036001000000000"
         "b02e"},
        {"03:3.1200", DATA("18"),
         "70000000000000"
         "0a"},
        {"0301:2.1200", DATA("8"), "7200000000000000"},
        {"1b:3.0100", "cont " END, NULL},
};

static void begins_with(const struct disk *d, const char *hex)
{
	char text[2 * 64 + 1] = "";
	size_t n = strlen(hex) / 2;
	for (size_t i = 0; i < n && i < 64; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", d->in[i]);
	ck_assert_uint_le(n, d->n_in);
	ck_assert_str_eq(text, hex);
}

START_TEST(answers_with_data)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_command(d, answers[_i].cdb), answers[_i].out);
	if (answers[_i].data)
		begins_with(d, answers[_i].data);
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

/* ---- what is refused ---- */

static const struct {
	const char *cdb, *sense;
} refusals[] = {
        {"02:5", "5/20/0 cdb 0.7"},
        {"0001:4", "5/24/0 cdb 1.0"},
        {"7f:15", "5/20/0 cdb 0.7"},
        {"c1:11", "5/20/0 cdb 0.7"},
        {"9e11:14", "5/24/0 cdb 1.4"},      /* service action (SPC-4, 4.2.5.2) */
        {"28:5", "b/4a/0"},                 /* CDB cut short */
        {"120001002400", "5/24/0 cdb 2"},   /* page without EVPD */
        {"1201b5002400", "5/24/0 cdb 2"},   /* page that is not there */
        {"120200002400", "5/24/0 cdb 1.1"}, /* CMDDT */
        {"1a003e00ff00", "5/24/0 cdb 2.5"},
        {"1a000801ff00", "5/24/0 cdb 3"},
        {"1a100800ff00", "5/24/0 cdb 1.4"}, /* LLBAA in the 6-byte form */
        {"a000030000000000001000:1", "5/24/0 cdb 2"},
        {"a000000000000000000800:1", "5/24/0 cdb 6"}, /* SPC-4, 6.33: below 16 */
        {"9e10:7.010000002000:1", "5/24/0 cdb 2"},
        {"1b:3.0200", "5/24/0 cdb 4.1"}, /* LOEJ */
        {"1b:3.5100", "5/24/0 cdb 4.7"}, /* POWER CONDITION */
        {"2800:3.3f00000200", "5/21/0 cdb 2"},
        {"0800004000"
         "00",
         "5/21/0 cdb 1"},
        {"0800004001"
         "00",
         "5/21/0 cdb 1"},
        {"08000001"
         "0000",
         "5/21/0 cdb 1"}, /* length 0 is 256 blocks */
        {"8800ffffffffffffffff0000000100:1", "5/21/0 cdb 2"},
        {"2820:8", "5/24/0 cdb 1.7"}, /* RDPROTECT */
        {"2a20:8", "5/24/0 cdb 1.7"},
        {"2e04:8", "5/24/0 cdb 1.2"}, /* BYTCHK 10b */
        {"2e06:8", "5/24/0 cdb 1.2"}, /* BYTCHK 11b is VERIFY's only */
        {"2f04:8", "5/24/0 cdb 1.2"},
        {"3500:3.3f00000200", "5/21/0 cdb 2"},
        {"1501:2.1800", "5/24/0 cdb 1.4"}, /* PF */
        {"5511:5.ffff00", "5/1a/0 cdb 7"},
};

START_TEST(refuses)
{
	struct disk *d = disk_new();
	disk_refuses(d, refusals[_i].cdb, refusals[_i].sense);
	ck_assert_str_eq(disk_sense(d), "0/0/0"); /* it was told */
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

START_TEST(too_long_a_transfer)
{
	struct tgt_config c = disk_config();
	c.lu.blocks = 70000;
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_sense(d); /* takes the UNIT ATTENTION */
	disk_refuses(d, "88:9.0000800100:1", "5/24/0 cdb 10");
	disk_refuses(d, "a8:5.0000800100:1", "5/24/0 cdb 6");
	disk_free(d);
}
END_TEST

/* ---- the medium ---- */

START_TEST(reads)
{
	static const char *const cdbs[] = {"0800000402.00", "28:4.04.0000.0200",
	                                   "a8:4.04.0000000200:1", "88:8.04.0000000200:1"};
	struct disk *d = disk_new();
	fill(d, 4, 2, 0x77);
	for (size_t i = 0; i < ARRAY_LEN(cdbs); i++) {
		char words[128];
		(void)snprintf(words, sizeof(words), "t=%zu want sel msg=c02005 cmd=%s", i + 1,
		               cdbs[i]);
		ck_assert_str_eq(disk_burst(d, words), MEDIUM("read 4+2") "DATA-IN(1024) " END);
		for (size_t k = 0; k < d->n_in; k++)
			ck_assert_uint_eq(d->in[k], 0x77);
	}
	/* without the privilege to disconnect it stays connected */
	ck_assert_str_eq(disk_command(d, cdbs[1]), "read 4+2; " DATA("1024"));
	/* SBC-3: a transfer length of zero is no error */
	ck_assert_str_eq(disk_command(d, "28:9"), "cont " END);
	disk_free(d);
}
END_TEST

START_TEST(writes_armed)
{
	static const char *const cdbs[] = {"0a00000402.00", "2a:4.04.0000.0200",
	                                   "aa:4.04.0000000200:1", "8a:8.04.0000000200:1"};
	struct disk *d = disk_new();
	for (size_t i = 0; i < ARRAY_LEN(cdbs); i++) {
		char words[128];
		(void)snprintf(words, sizeof(words),
		               "t=%zu sel msg=c02005 cmd=%s out=1024:a%zu free", i + 1, cdbs[i], i);
		ck_assert_str_eq(disk_burst(d, words),
		                 "write 4+2; resel 7 IDENTIFY SIMPLE(5) " END);
		ck_assert(filled(d, 4, 2, (uint8_t)(0xa0 + i)) && filled(d, 3, 1, 0) &&
		          filled(d, 6, 1, 0));
	}
	disk_free(d);
}
END_TEST

START_TEST(writes_phase_by_phase)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_burst(d, "want atn sel"), "cont MESSAGE-OUT");
	ck_assert_str_eq(disk_burst(d, "want msg=c02005"), "cont COMMAND");
	ck_assert_str_eq(disk_burst(d, "want cmd=2a:4.04.0000.0200"), "cont DATA-OUT(1024)");
	ck_assert_str_eq(disk_burst(d, "want out=1024:11"), MEDIUM("write 4+2") END);
	/* connected to the end, where it may not disconnect */
	ck_assert_str_eq(disk_burst(d, "t=2 want sel msg=80 cmd=2a:4.04.0000.0100"),
	                 "cont DATA-OUT(512)");
	ck_assert_str_eq(disk_burst(d, "t=2 want out=512:22"), "write 4+1; cont " END);
	ck_assert(filled(d, 4, 1, 0x22) && filled(d, 5, 1, 0x11));
	disk_free(d);
}
END_TEST

START_TEST(flushes_where_it_must)
{
	struct disk *d = disk_new();
	/* FUA */
	ck_assert_str_eq(
	        disk_burst(d, "sel msg=c02005 cmd=2a08:5.0001.00 out=1024:11 free"),
	        "resel 7 IDENTIFY SIMPLE(5) STATUS(CHECK CONDITION) COMMAND COMPLETE FREE");
	ck_assert_str_eq(disk_sense(d), "b/4b/0"); /* more data than the command has */
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c02005 cmd=2a08:5.0001.00 out=512:11 free"),
	                 "write 0+1; flush; resel 7 IDENTIFY SIMPLE(5) " END);
	/* WCE=0, by MODE SELECT(6) of page 08h */
	ck_assert_str_eq(disk_burst(d, "t=3 want sel msg=80 cmd=1510:2.1800"), "cont DATA-OUT(24)");
	ck_assert_str_eq(disk_command(d, "35:9"), "flush; cont " END);
	disk_free(d);
}
END_TEST

START_TEST(verifies)
{
	struct disk *d = disk_new();
	fill(d, 0, 4, 0x11);
	ck_assert_str_eq(disk_command(d, "2f:6.0004"
	                                 "00"),
	                 "verify 0+4; cont " END);
	ck_assert_str_eq(disk_burst(d, "sel msg=c02005 cmd=2f02:5.00.0200 out=1024:11 free"),
	                 "compare 0+2; resel 7 IDENTIFY SIMPLE(5) " END);
	/* BYTCHK=11b: each block against the one that came */
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c02005 cmd=8f06:8.00000004:2 out=512:11 free"),
	                 "compare 0+4; resel 7 IDENTIFY SIMPLE(5) " END);
	fill(d, 3, 1, 0x12);
	ck_assert_str_eq(disk_burst(d, "t=3 sel msg=c02005 cmd=8f06:8.00000004:2 out=512:11 free"),
	                 "compare 0+4; resel 7 IDENTIFY SIMPLE(5) STATUS(CHECK CONDITION) "
	                 "COMMAND COMPLETE FREE");
	ck_assert_str_eq(disk_sense(d), "e/1d/0 info 3");
	/* WRITE AND VERIFY: what is verified is the medium */
	ck_assert_str_eq(disk_burst(d, "t=4 sel msg=c02005 cmd=2e02:5.0001.00 out=512:33 free"),
	                 "write 0+1; flush; compare 0+1; resel 7 IDENTIFY SIMPLE(5) " END);
	ck_assert_str_eq(disk_burst(d, "t=5 sel msg=c02005 cmd=8e00:8.00000001:2 out=512:33 free"),
	                 "write 0+1; flush; verify 0+1; resel 7 IDENTIFY SIMPLE(5) " END);
	disk_free(d);
}
END_TEST

/* ---- the store fails ---- */

static const struct {
	const char *cdb;
	enum tgt_store_result result;
	const char *sense;
} failures[] = {
        {"28:4.04.0000.0200", STORE_ERROR, "3/11/0 info 5"},
        {"2a:4.04.0000.0200", STORE_ERROR, "3/c/0 info 5"},
        {"2a:4.04.0000.0200", STORE_NO_SPACE, "3/c/0 info 5"},
        {"2f:4.04.0000.0200", STORE_ERROR, "3/11/0 info 5"},
        {"28:4.04.0000.0200", STORE_ROTTEN, "3/11/c info 5"},
        {"2f:4.04.0000.0200", STORE_ROTTEN, "3/11/c info 5"},
        {"35:9", STORE_DEAD, "4/44/0"},
};

START_TEST(store_fails)
{
	struct disk *d = disk_new();
	char words[128];
	d->result = failures[_i].result;
	d->good_blocks = 1;
	(void)snprintf(words, sizeof(words), "sel msg=c02005 cmd=%s %s free", failures[_i].cdb,
	               failures[_i].cdb[1] == 'a' ? "out=1024:11" : "");
	ck_assert_ptr_nonnull(strstr(disk_burst(d, words), "STATUS(CHECK CONDITION)"));
	ck_assert_str_eq(disk_sense(d), failures[_i].sense);
	/* a failed flush is final, other errors are not */
	d->result = STORE_OK;
	bool dead = failures[_i].result == STORE_DEAD;
	ck_assert_str_eq(disk_command(d, "28:4.04.0000.0200"),
	                 dead ? CHECK : "read 4+2; " DATA("1024"));
	disk_free(d);
}
END_TEST

/* ---- states ---- */

START_TEST(stopped)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_command(d, "1b:5"), "flush; arm front; cont " END);
	disk_refuses(d, "00:5", "2/4/2");
	disk_refuses(d, "28:4.04.0000.0200", "2/4/2");
	ck_assert_str_eq(disk_sense(d), "2/4/2"); /* also without a command before */
	ck_assert_str_eq(disk_command(d, "120000000500"), DATA("5"));
	ck_assert_str_eq(disk_command(d, "1b:3.0100"), "cont " END "; arm full");
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	disk_free(d);
}
END_TEST

static struct disk *write_protected_disk(void)
{
	struct tgt_config c = disk_config();
	c.lu.write_protect = true;
	struct disk *d = disk_new_raw(&c);
	(void)disk_attach(d, 1);
	(void)disk_sense(d);
	return d;
}

START_TEST(write_protected)
{
	struct disk *d = write_protected_disk();
	ck_assert_str_eq(disk_command(d, "1a083f000400"), DATA("4"));
	ck_assert_uint_eq(d->in[2], 0x90); /* WP, DPOFUA */
	ck_assert_str_eq(disk_command(d, "28:6.0001.00"), "read 0+1; " DATA("512"));
	ck_assert_str_eq(disk_command(d, "35:9"), "flush; cont " END);
	disk_free(d);
}
END_TEST

START_TEST(other_luns)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_burst(d, "want sel msg=c1 cmd=120000002400"), DATA("36"));
	ck_assert_uint_eq(d->in[0], 0x7f);
	ck_assert_str_eq(disk_burst(d, "t=2 want sel msg=c1 cmd=00:5"), CHECK);
	ck_assert_str_eq(disk_burst(d, "t=3 want sel msg=c1 cmd=03:3.1200"), DATA("18"));
	ck_assert_uint_eq(d->in[2], 5);
	ck_assert_uint_eq(d->in[12], 0x25);
	ck_assert_str_eq(disk_burst(d, "t=4 want sel msg=c1 cmd=a0:5.0000001000:1"), DATA("16"));
	/* the data of an armed write to it would not be taken, but if they were: */
	ck_assert_str_eq(
	        disk_burst(d, "t=5 sel msg=c12005 cmd=2a:6.0001.00 out=512:11 free"),
	        "resel 7 IDENTIFY(1) SIMPLE(5) STATUS(CHECK CONDITION) COMMAND COMPLETE FREE");
	ck_assert(filled(d, 0, 1, 0));
	disk_free(d);
}
END_TEST

/* ---- MODE SELECT ---- */

/* A whole MODE SELECT, one phase after the other; list in hex. */
static const char *mode_select(struct disk *d, bool ten, bool sp, const char *list)
{
	struct wire_frame f = {.type = WIRE_BURST};
	uint8_t bytes[256], encoded[512];
	size_t n = 0;
	for (; list[2 * n]; n++) {
		unsigned v = 0;
		ck_assert(sscanf(list + 2 * n, "%2x", &v) == 1);
		bytes[n] = (uint8_t)v;
	}
	const uint8_t six[] = {0x15, (uint8_t)(0x10 | sp), 0, 0, (uint8_t)n, 0};
	const uint8_t long_one[] = {0x55, (uint8_t)(0x10 | sp), 0, 0, 0, 0, 0, 0, (uint8_t)n, 0};
	f.data = block_new(n);
	memcpy(f.data->data, bytes, n);
	struct wr w = wr_init(encoded, sizeof(encoded));
	wire_put_plain(&w, ITEM_SELECT, 7, ITEM_ATN);
	wire_put_bytes(&w, ITEM_MSG_OUT, "\x80", 1);
	wire_put_bytes(&w, ITEM_COMMAND, ten ? long_one : six, ten ? 10 : 6);
	if (n > 0)
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

#define Z16      "00000000000000000000000000000000"
#define HEAD6    "00000000"
#define HEAD10   "0000000000000000"
#define CACHE(b) "0812" b "0000000000000000000000000000000000"
#define CONTROL  "0a0a04100800000000000000"

START_TEST(mode_select_changes)
{
	struct disk *d = disk_new();
	(void)disk_port(d, 6, 9, true);
	(void)disk_burst(d, "ini=6 epoch=9 want sel msg=80 cmd=00:5"); /* its power on */
	ck_assert_str_eq(mode_select(d, false, false, HEAD6 CACHE("00")),
	                 "members none; cont " END "; arm front");
	/* WCE=0: each write is flushed */
	ck_assert_str_eq(disk_burst(d, "sel msg=c02005 cmd=2a:6.0001.00 out=512:11 free"),
	                 "write 0+1; flush; resel 7 IDENTIFY SIMPLE(5) " END);
	/* the other initiator is told, once (SPC-4, 6.9) */
	ck_assert_str_eq(disk_burst(d, "t=2 ini=6 epoch=9 want sel msg=80 cmd=00:5"),
	                 CHECK "; arm full");
	ck_assert_str_eq(disk_burst(d, "t=3 ini=6 epoch=9 want sel msg=80 cmd=03:3.1200"),
	                 DATA("18"));
	ck_assert_uint_eq(d->in[12], 0x2a);
	ck_assert_str_eq(disk_burst(d, "t=4 ini=6 epoch=9 want sel msg=80 cmd=00:5"), "cont " END);
	/* current 0, default and saved 1; SP=1 saves */
	ck_assert_str_eq(disk_command(d, "1a080800ff00"), DATA("24"));
	ck_assert_uint_eq(d->in[6], 0);
	ck_assert_str_eq(disk_command(d, "1a08c800ff00"), DATA("24"));
	ck_assert_uint_eq(d->in[6], 4);
	ck_assert_str_eq(mode_select(d, true, true, HEAD10 CACHE("00") CONTROL),
	                 "save; members none; cont " END "; arm front");
	ck_assert_str_eq(disk_command(d, "1a08c800ff00"), DATA("24"));
	ck_assert_uint_eq(d->in[6], 0);
	ck_assert_str_eq(mode_select(d, false, false, ""), "cont " END);
	disk_free(d);
}
END_TEST

/* SBC-3, write protection: each command that would write; of a disk that is not thin also where it
 * is asked to unmap. */
static const char *const writing[] = {
        "0a:3.0100",      "2a:6.0001.00",  "aa:8.01.0000",    "8a:12.01.0000",
        "2e:6.0001.00",   "ae:8.01.0000",  "8e:12.01.0000",   "41:6.0001.00",
        "4108:5.0001.00", "93:12.01.0000", "9301:11.01.0000", "9308:11.01.0000",
        "89:12.01.0000",  "8b:12.01.0000", "9c:11.0001.0000", "04:5",
        "4801:5.0008.00",
};

START_TEST(what_would_write_is_refused)
{
	struct disk *d = write_protected_disk();
	disk_refuses(d, writing[_i], "7/27/0");
	disk_free(d);
	d = disk_new();
	(void)mode_select(d, false, false, HEAD6 CONTROL); /* SWP */
	disk_refuses(d, writing[_i], "7/27/2");
	disk_free(d);
}
END_TEST

static const struct {
	bool ten;
	const char *list, *sense;
} bad_lists[] = {
        {false, "000000", "5/1a/0 cdb 4"},
        {true, "00000000000000", "5/1a/0 cdb 7"},
        {false, "00010000", "5/26/0 data 1"},
        {false, "00000007", "5/26/0 data 3"},
        {false, "0000000800000040", "5/1a/0 cdb 4"},
        {false,
         "00000008"
         "0000004000000400",
         "5/26/0 data 9"}, /* block length */
        {false,
         "00000008"
         "0000004100000200",
         "5/26/0 data 4"}, /* number of blocks */
        {true,
         "0000000001000008"
         "0000004000000200",
         "5/26/0 data 6"},
        {false, HEAD6 "3e020000", "5/26/0 data 4.5"},
        {false, HEAD6 "480204", "5/26/0 data 4.6"},  /* SPF */
        {false, HEAD6 "081104", "5/26/0 data 5"},    /* page length */
        {false, HEAD6 "0812040000", "5/1a/0 cdb 4"}, /* cut short */
        {false, HEAD6 "08", "5/1a/0 cdb 4"},
        {false, HEAD6 CACHE("06"), "5/26/0 data 6.1"}, /* MF cannot be changed */
        {false, HEAD6 CACHE("04") "0a0a00900000000000000000", "5/26/0 data 27.7"},
};

START_TEST(mode_select_refuses)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(mode_select(d, bad_lists[_i].ten, false, bad_lists[_i].list), CHECK);
	ck_assert_str_eq(disk_sense(d), bad_lists[_i].sense);
	disk_free(d);
}
END_TEST

START_TEST(membership_survives)
{
	struct disk *d = disk_new();
	disk_join(d);
	struct tgt_config c = disk_config();
	c.lu.saved = (struct span){d->saved, d->n_saved};
	struct disk *again = disk_new_raw(&c);
	ck_assert_str_eq(disk_attach(again, 1), "members 1:2; arm full");
	disk_free(again);
	/* a save that fails changes nothing */
	d->meta_fails = true;
	ck_assert_str_eq(mode_select(d, false, true, HEAD6 CACHE("00")), "save; " CHECK);
	ck_assert_str_eq(disk_sense(d), "4/44/0");
	ck_assert_str_eq(disk_command(d, "1a080800ff00"), DATA("24"));
	ck_assert_uint_eq(d->in[6], 4);
	/* what was saved must be whole */
	char why[200];
	c.lu.saved.n--;
	ck_assert_ptr_null(tgt_new(&c, why, sizeof(why)));
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_commands", NULL, NULL, TAP_EACH(answers_with_data, answers),
               TAP_EACH(refuses, refusals), TAP_ONCE(too_long_a_transfer), TAP_ONCE(reads),
               TAP_ONCE(writes_armed), TAP_ONCE(writes_phase_by_phase),
               TAP_ONCE(flushes_where_it_must), TAP_ONCE(verifies), TAP_EACH(store_fails, failures),
               TAP_ONCE(stopped), TAP_ONCE(write_protected), TAP_ONCE(other_luns),
               TAP_ONCE(mode_select_changes), TAP_EACH(what_would_write_is_refused, writing),
               TAP_EACH(mode_select_refuses, bad_lists), TAP_ONCE(membership_survives));
