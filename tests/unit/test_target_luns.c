/* SPDX-License-Identifier: BSD-2-Clause */
/* Several logical units of one target: what is each one's own, the inventory, and how it changes.
 */
#include "unit/disk.h"
#include "unit/hex.h"
#include "unit/tap_main.h"

#include "base/cursor.h"

#include <stdio.h>
#include <string.h>

#define END   "STATUS(GOOD) COMMAND COMPLETE FREE"
#define CHECK "cont STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"
#define GOOD  "cont " END

/* Of REPORT LUNS: the header, and a LUN each. */
#define L(length) "000000" #length "00000000"
#define LUN0      "0000000000000000"
#define LUN3      "0003000000000000"
#define LUN63     "003f000000000000"

/* LUNs 0, 3 and 63, which were there at the first attach; no UNIT ATTENTION is pending. */
static struct disk *three(void)
{
	struct tgt_config c = disk_config();
	c.luns = 4;
	c.boot = 7;
	struct disk *d = disk_new_raw(&c);
	(void)disk_add(d, 63, (struct span){0});
	(void)disk_add(d, 3, (struct span){0});
	(void)disk_attach(d, 1);
	(void)disk_port(d, 7, 3, true);
	static const uint8_t luns[] = {0, 3, 63};
	for (unsigned i = 0; i < ARRAY_LEN(luns); i++) {
		ck_assert_ptr_nonnull(strstr(disk_lun_command(d, luns[i], "00:5"), CHECK));
		ck_assert_str_eq(disk_lun_sense(d, luns[i]), "6/29/1");
	}
	return d;
}

/* ---- REPORT LUNS (SPC-4, 6.33) ---- */

static const struct {
	const char *cdb, *data;
} lists[] = {
        {"a0:5.00000100.0000", L(18) LUN0 LUN3 LUN63},
        {"a000.02.000000.00000100.0000", L(18) LUN0 LUN3 LUN63},
        {"a000.01.000000.00000100.0000", L(00)},
        {"a000.10.000000.00000100.0000", L(00)},
        {"a000.11.000000.00000100.0000", L(18) LUN0 LUN3 LUN63},
        {"a000.12.000000.00000100.0000", L(00)},
        /* the length is that of the whole list, whatever fits */
        {"a0:5.00000010.0000", L(18) LUN0},
        {"a0:5.00000013.0000", L(18) LUN0 "0003 00"},
        {"a0:5.ffffffff.0000", L(18) LUN0 LUN3 LUN63},
};

START_TEST(report_luns)
{
	static const uint8_t asked[] = {0, 3, 9}; /* whichever, also one that is not there */
	struct disk *d = three();
	for (unsigned i = 0; i < ARRAY_LEN(asked); i++) {
		const char *out = disk_lun_command(d, asked[i], lists[_i].cdb);
		ck_assert_msg(strstr(out, END) != NULL, "%s", out);
		hex_assert(d->in, d->n_in, lists[_i].data);
	}
	disk_free(d);
}
END_TEST

static const struct {
	const char *cdb, *sense;
} refused[] = {
        {"a000.03.000000.00000100.0000", "5/24/0 cdb 2"},
        {"a000.13.000000.00000100.0000", "5/24/0 cdb 2"},
        {"a000.f8.000000.00000100.0000", "5/24/0 cdb 2"},
        {"a0:5.0000000f.0000", "5/24/0 cdb 6"},
        {"a001.00.000000.00000100.0000", "5/24/0 cdb 1.0"},
        {"a000.00.000000.00000100.0100", "5/24/0 cdb 10.0"},
};

START_TEST(report_luns_refused)
{
	struct disk *d = three();
	ck_assert_str_eq(disk_lun_command(d, 3, refused[_i].cdb), CHECK);
	ck_assert_str_eq(disk_lun_sense(d, 3), refused[_i].sense);
	disk_free(d);
}
END_TEST

/* ---- each is one's own ---- */

START_TEST(each_has_its_store)
{
	struct disk *d = three();
	ck_assert_str_eq(disk_burst(d, "sel msg=c32005 cmd=2a:6.0001.00 out=512:33 free"),
	                 "lun 3 write 0+1; resel 7 IDENTIFY(3) SIMPLE(5) " END);
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=ff2005 cmd=2a:6.0001.00 out=512:66 free"),
	                 "lun 63 write 0+1; resel 7 IDENTIFY(63) SIMPLE(5) " END);
	ck_assert_str_eq(disk_command(d, "28:6.0001.00"), "read 0+1; cont DATA-IN(512) " END);
	ck_assert_uint_eq(d->in[0], 0);
	ck_assert_str_eq(disk_lun_command(d, 3, "28:6.0001.00"),
	                 "lun 3 read 0+1; cont DATA-IN(512) " END);
	ck_assert_uint_eq(d->in[0], 0x33);
	ck_assert_str_eq(disk_lun_command(d, 63, "28:6.0001.00"),
	                 "lun 63 read 0+1; cont DATA-IN(512) " END);
	ck_assert_uint_eq(d->in[511], 0x66);
	disk_free(d);
}
END_TEST

START_TEST(each_has_its_designators)
{
	struct disk *d = three();
	ck_assert_str_eq(disk_lun_command(d, 3, "1201.80.00ff00"), "cont DATA-IN(36) " END);
	ck_assert_int_eq(memcmp(d->in + 4, "03020304", 8), 0);
	ck_assert_str_eq(disk_lun_command(d, 63, "1201.80.00ff00"), "cont DATA-IN(36) " END);
	ck_assert_int_eq(memcmp(d->in + 4, "3f020304", 8), 0);
	ck_assert_str_eq(disk_lun_command(d, 3, "1201.c0.00ff00"), "cont DATA-IN(68) " END);
	ck_assert_ptr_nonnull(memmem(d->in, d->n_in, "lun3", 4));
	disk_free(d);
}
END_TEST

START_TEST(each_has_its_state)
{
	struct disk *d = three();
	/* one stops, the others go on */
	ck_assert_str_eq(disk_lun_command(d, 3, "1b:5"), "lun 3 flush; arm full 0,63; " GOOD);
	ck_assert_str_eq(disk_lun_command(d, 3, "00:5"), CHECK);
	ck_assert_str_eq(disk_lun_sense(d, 3), "2/4/2");
	ck_assert_str_eq(disk_command(d, "00:5"), GOOD);
	/* WCE=0 of one: its saved page is its own, too */
	ck_assert_str_eq(disk_burst(d, "t=5 want sel msg=bf cmd=1511.0000.1800 out=x:4.0812.:18"),
	                 "lun 63 save; members none; " GOOD);
	ck_assert_str_eq(disk_burst(d, "t=6 sel msg=ff2001 cmd=2a:6.0001.00 out=512:11 free"),
	                 "lun 63 write 0+1; lun 63 flush; resel 7 IDENTIFY(63) SIMPLE(1) " END);
	ck_assert_str_eq(disk_burst(d, "t=7 sel msg=c02001 cmd=2a:6.0001.00 out=512:11 free"),
	                 "write 0+1; resel 7 IDENTIFY SIMPLE(1) " END);
	disk_free(d);
}
END_TEST

/* An allegiance of one LUN holds up nothing of another. */
START_TEST(each_has_its_allegiance)
{
	struct disk *d = three();
	ck_assert_str_eq(disk_lun_command(d, 3, "ff:5"), CHECK);
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c02006 cmd=2a:6.0001.00 out=512:11 free"),
	                 "write 0+1; resel 7 IDENTIFY SIMPLE(6) " END);
	ck_assert_str_eq(disk_burst(d, "t=3 sel msg=c32006 cmd=2a:6.0001.00 out=512:11 free"), "");
	ck_assert_str_eq(disk_lun_sense(d, 0), "0/0/0");
	ck_assert_str_eq(disk_lun_command(d, 3, "03000000.40.00"),
	                 "cont DATA-IN(18) " END
	                 "; lun 3 write 0+1; resel 7 IDENTIFY(3) SIMPLE(6) " END);
	disk_free(d);
}
END_TEST

/* The same blocks of two LUNs at once; the same tag on both is two tasks; a queue is full by
 * itself. */
START_TEST(each_has_its_task_set)
{
	struct disk *d = three();
	char words[96];
	d->hold = true;
	for (unsigned tag = 0; tag < d->cfg.queue_depth; tag++) {
		(void)snprintf(words, sizeof(words),
		               "t=%u sel msg=c320%02x cmd=2a:4.%02x.0000.0100 out=512:11 free",
		               tag + 1, tag, tag);
		(void)disk_burst(d, words);
	}
	ck_assert_uint_eq(d->n_held, d->cfg.queue_depth);
	ck_assert_str_eq(
	        disk_burst(d, "t=20 sel msg=c32050 cmd=2a:6.0001.00 out=512:11 free"),
	        "resel 7 IDENTIFY(3) SIMPLE(80) STATUS(TASK SET FULL) COMMAND COMPLETE FREE");
	ck_assert_str_eq(disk_burst(d, "t=21 sel msg=c02001 cmd=2a:6.0001.00 out=512:11 free"),
	                 "write 0+1");
	ck_assert_uint_eq(d->n_held, d->cfg.queue_depth + 1);
	(void)disk_release(d);
	disk_free(d);
}
END_TEST

/* LOGICAL UNIT RESET is of one; TARGET RESET of all. */
START_TEST(reset_of_one)
{
	struct disk *d = three();
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "sel msg=c02001 cmd=2a:6.0001.00 out=512:11 free"),
	                 "write 0+1");
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c32001 cmd=2a:6.0001.00 out=512:11 free"),
	                 "lun 3 write 0+1");
	(void)disk_burst(d, "t=3 sel msg=8317 free");
	ck_assert_str_eq(disk_release(d), "resel 7 IDENTIFY SIMPLE(1) " END);
	d->hold = false;
	ck_assert_str_eq(disk_lun_sense(d, 3), "6/29/3");
	ck_assert_str_eq(disk_lun_sense(d, 63), "0/0/0");
	ck_assert_str_eq(disk_lun_sense(d, 0), "0/0/0");
	(void)disk_burst(d, "t=4 sel msg=830c free");
	ck_assert_str_eq(disk_lun_sense(d, 63), "6/29/3");
	ck_assert_str_eq(disk_lun_sense(d, 0), "6/29/3");
	disk_free(d);
}
END_TEST

START_TEST(fault_of_one)
{
	struct disk *d = three();
	ck_assert_str_eq(disk_fault(d, "medium-error:lba=0,lun=3,times=0"), "mgmt ok ok");
	ck_assert_str_eq(disk_command(d, "28:6.0001.00"), "read 0+1; cont DATA-IN(512) " END);
	ck_assert_str_eq(disk_lun_command(d, 3, "28:6.0001.00"), CHECK);
	ck_assert_str_eq(disk_lun_sense(d, 3), "3/11/0 info 0");
	ck_assert_ptr_nonnull(strstr(disk_fault(d, "busy:lun=63"), "mgmt ok ok; arm front"));
	ck_assert_str_eq(disk_command(d, "28:6.0001.00"), "read 0+1; cont DATA-IN(512) " END);
	ck_assert_ptr_nonnull(strstr(disk_lun_command(d, 63, "28:6.0001.00"), "STATUS(BUSY)"));
	disk_free(d);
}
END_TEST

/* ---- those that are not there ---- */

START_TEST(absent)
{
	struct disk *d = three();
	ck_assert_str_eq(disk_lun_command(d, 62, "120000002400"), "cont DATA-IN(36) " END);
	ck_assert_uint_eq(d->in[0], 0x7f); /* SPC-4, tables 140 and 141: 011b, 1Fh */
	ck_assert_str_eq(disk_lun_command(d, 62, "1201.83.00ff00"), CHECK);
	ck_assert_str_eq(disk_lun_command(d, 62, "00:5"), CHECK);
	ck_assert_str_eq(disk_lun_sense(d, 62), "5/25/0");
	ck_assert_str_eq(disk_lun_sense(d, 61), "5/25/0");
	disk_free(d);
}
END_TEST

/* ---- the inventory changes ---- */

START_TEST(one_comes)
{
	struct disk *d = three();
	(void)disk_port(d, 5, 1, true);
	ck_assert_str_eq(disk_add(d, 8, (struct span){0}), "members none; arm front");
	/* it is new to everybody */
	ck_assert_ptr_nonnull(strstr(disk_lun_command(d, 8, "00:5"), CHECK));
	ck_assert_str_eq(disk_lun_sense(d, 8), "6/29/1");
	/* one of the others says that there is a new one, and by that all have */
	ck_assert_str_eq(disk_lun_command(d, 3, "00:5"), CHECK);
	ck_assert_str_eq(disk_lun_sense(d, 3), "6/3f/e");
	ck_assert_str_eq(disk_command(d, "00:5"), GOOD);
	ck_assert_str_eq(disk_lun_command(d, 63, "00:5"), GOOD);
	disk_free(d);
}
END_TEST

/* It was away, and may be a member: who asks at all for that is to ask it, too. */
START_TEST(one_is_back)
{
	static const char ask[] = "1a.08.30.00.ff.00";
	struct disk *d = three();

	ck_assert_ptr_nonnull(strstr(disk_command(d, ask), END));
	ck_assert_ptr_nonnull(strstr(disk_lun_command(d, 3, ask), END));
	(void)disk_remove(d, 3);
	(void)disk_add(d, 3, (struct span){0});
	(void)disk_lun_sense(d, 3); /* it is new */
	ck_assert_ptr_nonnull(strstr(disk_lun_command(d, 3, "08:3.01.00"), CHECK));
	ck_assert_str_eq(disk_lun_sense(d, 3), "6/2a/1");
	ck_assert_ptr_nonnull(strstr(disk_lun_command(d, 3, ask), END));
	ck_assert_ptr_nonnull(strstr(disk_lun_command(d, 3, "08:3.01.00"), END));
	disk_free(d);
}
END_TEST

/* The number in VPD page C0h that says when a logical unit was started. */
static uint32_t boot_of(struct disk *d, uint8_t lun)
{
	ck_assert_ptr_nonnull(strstr(disk_lun_command(d, lun, "1201.c0.0044.00"), END));
	ck_assert_uint_eq(d->n_in, 68);
	return get_be32(d->in + 12);
}

/* It has another store, or has lost what could not be synced when it was taken out: as one whose
 * target was started again. The others stay as they are. */
START_TEST(one_that_is_back_was_started)
{
	struct disk *d = three();
	uint32_t boot = boot_of(d, 0), before = boot_of(d, 3), first = 0;

	ck_assert_uint_ne(boot, 0);
	ck_assert_uint_eq(before, boot);
	for (unsigned i = 0; i < 2; i++) {
		(void)disk_remove(d, 3);
		(void)disk_add(d, 3, (struct span){0});
		(void)disk_lun_sense(d, 3);
		uint32_t now = boot_of(d, 3);
		ck_assert(now != 0 && now != before && now != first);
		first = now;
		(void)disk_command(d, "00:5"); /* it hears that there is another one */
		ck_assert_uint_eq(boot_of(d, 0), boot);
	}
	disk_free(d);
}
END_TEST

START_TEST(report_luns_tells)
{
	struct disk *d = three();
	(void)disk_add(d, 8, (struct span){0});
	ck_assert_ptr_nonnull(strstr(disk_lun_command(d, 3, "a0:5.00000100.0000"), END));
	hex_assert(d->in, d->n_in, L(20) LUN0 LUN3 "0008000000000000" LUN63);
	ck_assert_str_eq(disk_command(d, "00:5"), GOOD);
	ck_assert_str_eq(disk_lun_command(d, 3, "00:5"), GOOD);
	disk_free(d);
}
END_TEST

/* Its tasks: what waits ends at once, what is in the store when it has answered, with nothing more
 * asked of it. */
START_TEST(one_goes)
{
	struct disk *d = three();
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "t=1 sel msg=c32001 cmd=2a08:5.0001.00 out=512:11 free"),
	                 "lun 3 write 0+1");
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c32002 cmd=2a:6.0001.00 out=512:22 free"), "");
	ck_assert_str_eq(disk_burst(d, "t=3 sel msg=c02002 cmd=2a:6.0001.00 out=512:22 free"),
	                 "write 0+1");
	ck_assert_str_eq(disk_remove(d, 3), "resel 7 IDENTIFY(3) SIMPLE(2) STATUS(CHECK "
	                                    "CONDITION) COMMAND COMPLETE FREE; members none; arm "
	                                    "front");
	ck_assert(!tgt_has_lun(d->t, 3));
	/* another one, with the same LUN, has nothing to do with it */
	(void)disk_add(d, 3, (struct span){0});
	ck_assert_str_eq(disk_answer(d, 0), "resel 7 IDENTIFY(3) SIMPLE(1) STATUS(CHECK CONDITION) "
	                                    "COMMAND COMPLETE FREE");
	ck_assert_str_eq(disk_answer(d, 0), "resel 7 IDENTIFY SIMPLE(2) " END);
	d->hold = false;
	ck_assert_str_eq(disk_lun_sense(d, 3), "6/29/1");
	ck_assert_str_eq(disk_sense(d), "6/3f/e");
	disk_free(d);
}
END_TEST

/* CLEAR TASK SET and LOGICAL UNIT RESET end what a unit that has gone has left in the store. */
START_TEST(gone_and_cleared)
{
	static const char *const messages[] = {"t=2 want sel msg=830e", "t=2 want sel msg=8317",
	                                       "t=2 want sel msg=8306"};
	for (unsigned again = 0; again < 2; again++) {
		struct disk *d = three();
		d->hold = true;
		(void)disk_burst(d, "t=1 sel msg=c32001 cmd=2a:6.0001.00 out=512:11 free");
		(void)disk_remove(d, 3);
		if (again)
			(void)disk_add(d, 3, (struct span){0});
		ck_assert_ptr_null(strstr(disk_burst(d, messages[_i]), "FREE"));
		ck_assert_ptr_nonnull(strstr(disk_answer(d, 0), "cont FREE"));
		ck_assert_uint_eq(tgt_tasks(d->t), 0);
		disk_free(d);
	}
}
END_TEST

START_TEST(gone_while_data_come)
{
	struct disk *d = three();
	ck_assert_str_eq(disk_burst(d, "want sel msg=832001 cmd=2a:6.0001.00"),
	                 "cont DATA-OUT(512)");
	(void)disk_remove(d, 3);
	ck_assert_str_eq(disk_burst(d, "want out=512:11"), CHECK);
	ck_assert_str_eq(disk_lun_sense(d, 3), "5/25/0");
	disk_free(d);
}
END_TEST

/* ---- mirroring ---- */

/* Page 30h, member of the group, as it is kept. */
static struct span page(uint8_t *bytes, size_t cap, uint16_t group, uint8_t device)
{
	struct mode_mirror m = {.member = true, .device = device, .group = group, .generation = 1};
	struct wr w = wr_init(bytes, cap);
	mode_mirror_put(&w, &m);
	ck_assert(wr_ok(&w));
	return (struct span){bytes, w.n};
}

static struct disk *members(void)
{
	struct tgt_config c = disk_config();
	uint8_t three[MODE_MIRROR_LEN], five[MODE_MIRROR_LEN];
	c.luns = 4;
	struct disk *d = disk_new_raw(&c);
	(void)disk_add(d, 3, page(three, sizeof(three), 1, 2));
	(void)disk_add(d, 5, page(five, sizeof(five), 9, 4));
	ck_assert_str_eq(disk_attach(d, 1), "members 3=1:2 5=9:4; arm full 0,3,5");
	(void)disk_port(d, 7, 3, true);
	for (uint8_t lun = 0; lun < 6; lun++)
		(void)disk_lun_sense(d, lun);
	return d;
}

/* The leader's logical unit is the one that IDENTIFY names; a participant's is the member. */
START_TEST(leads_with_a_lun)
{
	struct disk *d = members();
	/* TARGET LEADER IDENTIFICATION of group 1, device 2 */
	ck_assert_str_eq(
	        disk_burst(d, "role=L sel msg=c3.2005.010ae001.00.0001.02.00000009 "
	                      "cmd=8a:12.01.00.00 out=512:44 free"),
	        "lun 3 write 0+1; resel 7 IDENTIFY(3) SIMPLE(5) MIRROR STATUS(1:2 op 9 GOOD) " END);
	ck_assert_uint_eq(d->other[3].media[0], 0x44);
	/* another LUN than that of the member */
	ck_assert_str_eq(
	        disk_burst(d, "t=2 role=L want sel msg=c0.2006.010ae001.00.0001.02.0000000a"),
	        "cont MESSAGE REJECT FREE");
	disk_free(d);
}
END_TEST

START_TEST(takes_part_with_a_lun)
{
	struct disk *d = members();
	/* the leader's LUN is 0, and it is device 1 */
	ck_assert_str_eq(
	        disk_burst(d, "role=P latch=c0.2005.010ae001.00.0009.01.00000009 "
	                      "cmd=8a:12.01.00.00 tok out=512:55 free"),
	        "lun 5 write 0+1; resel 7 IDENTIFY(5) SIMPLE(5) MIRROR STATUS(9:4 op 9 GOOD) " END);
	ck_assert_uint_eq(d->other[5].media[511], 0x55);
	disk_free(d);
}
END_TEST

/* Of one target's logical units one is in a group. */
START_TEST(one_of_a_group)
{
	struct disk *d = members();
	char words[256], list[160] = "";
	uint8_t bytes[8 + MODE_MIRROR_LEN] = {0};
	(void)page(bytes + 8, MODE_MIRROR_LEN, 9, 1);
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(list + 2 * i, sizeof(list) - 2 * i, "%02x", bytes[i]);
	(void)snprintf(words, sizeof(words), "want sel msg=80 cmd=5510:5.00%02x00 out=x%s",
	               (unsigned)sizeof(bytes), list);
	ck_assert_str_eq(disk_burst(d, words), CHECK);
	ck_assert_str_eq(disk_sense(d), "5/26/0");
	(void)disk_remove(d, 5);
	(void)disk_sense(d);
	ck_assert_str_eq(disk_burst(d, words), "members 9:1 3=1:2; " GOOD);
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_luns", NULL, NULL, TAP_EACH(report_luns, lists),
               TAP_EACH(report_luns_refused, refused), TAP_ONCE(each_has_its_store),
               TAP_ONCE(each_has_its_designators), TAP_ONCE(each_has_its_state),
               TAP_ONCE(each_has_its_allegiance), TAP_ONCE(each_has_its_task_set),
               TAP_ONCE(reset_of_one), TAP_ONCE(fault_of_one), TAP_ONCE(absent),
               TAP_ONCE(one_comes), TAP_ONCE(one_is_back), TAP_ONCE(one_that_is_back_was_started),
               TAP_ONCE(report_luns_tells), TAP_ONCE(one_goes), TAP_TIMES(gone_and_cleared, 3),
               TAP_ONCE(gone_while_data_come), TAP_ONCE(leads_with_a_lun),
               TAP_ONCE(takes_part_with_a_lun), TAP_ONCE(one_of_a_group));
