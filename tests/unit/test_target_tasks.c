/* SPDX-License-Identifier: BSD-2-Clause */
/* The task set, messages, UNIT ATTENTIONs and allegiances (SAM-5, clauses 5 to 8; SPI-3, clause
 * 16).
 */
#include "unit/disk.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define END         "STATUS(GOOD) COMMAND COMPLETE FREE"
#define CHECK       "cont STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"
#define WRITE(lba)  "cmd=2a:4." lba ".0000.0100 out=512:11 free" /* armed: one block */
#define DONE(tag)   "resel 7 IDENTIFY SIMPLE(" tag ") " END
#define FAILED(tag) "resel 7 IDENTIFY SIMPLE(" tag ") STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"
#define BUSY(tag)   "resel 7 IDENTIFY SIMPLE(" tag ") STATUS(TASK SET FULL) COMMAND COMPLETE FREE"

/* ---- order ---- */

START_TEST(ordered_waits_and_is_waited_for)
{
	struct disk *d = disk_new();
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "t=1 sel msg=c02001 " WRITE("01")), "write 1+1");
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c02202 " WRITE("02")), "");
	ck_assert_str_eq(disk_burst(d, "t=3 sel msg=c02003 " WRITE("03")), "");
	/* HEAD OF QUEUE waits for nobody */
	ck_assert_str_eq(disk_burst(d, "t=4 sel msg=c02104 " WRITE("04")), "write 4+1");
	d->hold = false;
	ck_assert_str_eq(disk_release(d), DONE("1") "; " DONE("4") "; write 2+1; " DONE(
	                                          "2") "; write 3+1; " DONE("3"));
	disk_free(d);
}
END_TEST

START_TEST(simple_tasks_run_side_by_side)
{
	struct disk *d = disk_new();
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "t=1 sel msg=c02001 " WRITE("01")), "write 1+1");
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c02002 " WRITE("02")), "write 2+1");
	ck_assert_uint_eq(tgt_store_ops(d->t), 2);
	d->hold = false;
	ck_assert_str_eq(disk_release(d), DONE("1") "; " DONE("2"));
	disk_free(d);
}
END_TEST

START_TEST(depth)
{
	struct disk *d = disk_new();
	d->hold = true;
	for (unsigned i = 1; i <= 4; i++) {
		char words[100], want[20];
		(void)snprintf(words, sizeof(words),
		               "t=%u sel msg=c0200%u cmd=2a:4.0%u.0000.0100 out=512:11 free", i, i,
		               i);
		(void)snprintf(want, sizeof(want), "write %u+1", i);
		ck_assert_str_eq(disk_burst(d, words), want);
	}
	ck_assert_str_eq(disk_burst(d, "t=5 sel msg=c02005 " WRITE("01")), BUSY("5"));
	/* quick commands take no room */
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	ck_assert_str_eq(disk_release(d), DONE("1") "; " DONE("2") "; " DONE("3") "; " DONE("4"));
	ck_assert_str_eq(disk_burst(d, "t=6 sel msg=c02005 " WRITE("01")), "write 1+1");
	disk_free(d);
}
END_TEST

START_TEST(overlapped_tag)
{
	struct disk *d = disk_new();
	d->hold = true;
	(void)disk_burst(d, "t=1 sel msg=c02001 " WRITE("01"));
	(void)disk_burst(d, "t=2 sel msg=c02002 " WRITE("02"));
	ck_assert_str_eq(disk_burst(d, "t=3 want sel msg=c02001 cmd=28:6.0001.00"), CHECK);
	/* all tasks of the initiator have ended, without a status */
	ck_assert_str_eq(disk_release(d), "");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	ck_assert_str_eq(disk_sense(d), "b/4e/0");
	disk_free(d);
}
END_TEST

/* So does one of which nobody can read what it is: a CDB that is too short, or has wrong parity. */
START_TEST(overlapped_by_what_is_no_command)
{
	static const char *const bursts[] = {
	        "t=3 want sel msg=c02001 cmd=28",
	        "t=3 want sel msg=c02001 cmd=28:6.0001.00 parity",
	};
	struct disk *d = disk_new();
	d->hold = true;
	(void)disk_burst(d, "t=1 sel msg=c02001 " WRITE("01"));
	const char *out = disk_burst(d, bursts[_i]);
	for (unsigned i = 0; i < 4 && !strstr(out, "STATUS"); i++)
		out = disk_burst(d, "t=3 want cmd=28:6.0001.00 parity");
	ck_assert_str_eq(out, CHECK);
	ck_assert_str_eq(disk_release(d), "");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	ck_assert_str_eq(disk_sense(d), "b/4e/0");
	disk_free(d);
}
END_TEST

/* ---- abort ---- */

static const struct {
	const char *messages;
	bool first, second, other; /* which of the tasks live on */
	const char *ua;            /* of the other initiator */
} aborts[] = {
        {"c02001.0d", false, true, true, "0/0/0"}, /* ABORT TASK */
        {"c02009.0d", true, true, true, "0/0/0"},  /* of one that is not there */
        {"c0.06", false, false, true, "0/0/0"},    /* ABORT TASK SET */
        {"c0.0e", false, false, false, "6/2f/0"},  /* CLEAR TASK SET */
        {"c0.17", false, false, false, "6/29/3"},  /* LOGICAL UNIT RESET */
        {"0c", false, false, false, "6/29/3"},     /* TARGET RESET needs no IDENTIFY */
};

START_TEST(abort_messages)
{
	struct disk *d = disk_new();
	char words[100], want[400] = "";
	(void)disk_port(d, 6, 9, true);
	(void)disk_burst(d, "ini=6 epoch=9 want sel msg=80 cmd=03:3.1200");
	d->hold = true;
	(void)disk_burst(d, "t=1 sel msg=c02001 " WRITE("01"));
	(void)disk_burst(d, "t=2 sel msg=c02002 " WRITE("02"));
	(void)disk_burst(d, "t=3 ini=6 epoch=9 sel msg=c02001 " WRITE("03"));
	(void)snprintf(words, sizeof(words), "t=4 want sel msg=%s", aborts[_i].messages);
	/* BUS FREE confirms the abort: not before what was aborted has left the store */
	bool drains = !(aborts[_i].first && aborts[_i].second && aborts[_i].other);
	ck_assert_str_eq(strncmp(disk_burst(d, words), "cont FREE", 9) == 0 ? "free" : "later",
	                 drains ? "later" : "free");
	(void)snprintf(want, sizeof(want), "%s%s%s", aborts[_i].first ? DONE("1") "; " : "",
	               aborts[_i].second ? DONE("2") "; " : "",
	               aborts[_i].other ? "resel 6 IDENTIFY SIMPLE(1) " END "; " : "");
	const char *got = disk_release(d);
	size_t n = 0;
	/* the same words in their order, but for where the abort's own BUS FREE stands */
	char rest[400] = "";
	for (const char *p = got; *p;) {
		const char *end = strstr(p, "; ");
		size_t len = end ? (size_t)(end - p) : strlen(p);
		if (strncmp(p, "cont FREE", 9) == 0)
			n++;
		else if (strncmp(p, "members", 7) != 0 && strncmp(p, "arm", 3) != 0)
			(void)snprintf(rest + strlen(rest), sizeof(rest) - strlen(rest), "%.*s; ",
			               (int)len, p);
		p += len + (end ? 2 : 0);
	}
	ck_assert_uint_eq(n, drains ? 1 : 0);
	ck_assert_str_eq(rest, want);
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	d->hold = false;
	ck_assert_str_eq(disk_burst(d, "t=5 ini=6 epoch=9 want sel msg=80 cmd=03:3.1200"),
	                 disk_burst(d, "t=6 ini=6 epoch=9 want sel msg=80 cmd=03:3.1200"));
	disk_free(d);
}
END_TEST

/* A store that hangs does not keep the bus: the abort is rejected, and BUS FREE follows. */
START_TEST(aborts_in_a_store_that_hangs)
{
	struct disk *d = disk_new();
	d->hold = true;
	(void)disk_burst(d, "t=1 sel msg=c02001 " WRITE("01"));
	(void)disk_burst(d, "t=2 sel msg=c02002 " WRITE("02"));
	d->now += 40 * NS_PER_MS;
	ck_assert_str_eq(disk_burst(d, "t=3 want sel msg=c02001.0d"), "");
	ck_assert_uint_eq(tgt_deadline(d->t), d->now + 100 * NS_PER_MS);
	ck_assert_str_eq(disk_wait(d), "cont MESSAGE REJECT FREE");
	ck_assert(tgt_deadline(d->t) == NS_NEVER);
	/* It is known to hang: the next ones are rejected at once; the abort of none is not. */
	ck_assert_str_eq(disk_burst(d, "t=4 want sel msg=c02002.0d"), "cont MESSAGE REJECT FREE");
	ck_assert_str_eq(disk_burst(d, "t=5 want sel msg=c02001.0d"), "cont MESSAGE REJECT FREE");
	ck_assert_str_eq(disk_burst(d, "t=6 want sel msg=c02003.0d"), "cont FREE");
	/* When they have left the store, the bus hears nothing of them, and the abort is done. */
	ck_assert_str_eq(disk_answer(d, 0), "");
	ck_assert_str_eq(disk_burst(d, "t=7 want sel msg=c02001.0d"), "cont FREE");
	ck_assert_str_eq(disk_burst(d, "t=8 want sel msg=c0.06"), "");
	ck_assert_str_eq(disk_wait(d), "cont MESSAGE REJECT FREE");
	ck_assert_str_eq(disk_answer(d, 0), "");
	ck_assert_str_eq(disk_burst(d, "t=9 want sel msg=c0.06"), "cont FREE");
	disk_free(d);
}
END_TEST

/* What others had aborted in the store is not waited for. */
START_TEST(an_abort_waits_for_its_own)
{
	struct tgt_config c = disk_config();
	c.luns = 2;
	struct disk *d = disk_new_raw(&c);
	(void)disk_add(d, 1, (struct span){0});
	(void)disk_attach(d, 1);
	(void)disk_port(d, 7, 3, true);
	(void)disk_port(d, 6, 9, true);
	(void)disk_lun_sense(d, 0);
	(void)disk_lun_sense(d, 1);
	(void)disk_burst(d, "ini=6 epoch=9 want sel msg=80 cmd=03:3.1200");
	d->hold = true;
	(void)disk_burst(d, "t=1 sel msg=c02001 " WRITE("01"));
	(void)disk_burst(d, "t=2 ini=6 epoch=9 sel msg=c02001 " WRITE("02"));
	(void)disk_burst(d, "t=3 sel msg=c12001 " WRITE("03"));
	ck_assert_str_eq(disk_burst(d, "t=4 ini=6 epoch=9 want sel msg=c0.06"), "");
	ck_assert_str_eq(disk_wait(d), "cont MESSAGE REJECT FREE");
	/* the other one's task is in the store yet, and so is one of the other unit */
	ck_assert_str_eq(disk_burst(d, "t=5 want sel msg=c12001.0d"), "");
	ck_assert_str_eq(disk_wait(d), "cont MESSAGE REJECT FREE");
	ck_assert_str_eq(disk_burst(d, "t=6 want sel msg=c02002.0d"), "cont FREE");
	ck_assert_str_eq(disk_burst(d, "t=7 want sel msg=c02001.0d"), "cont MESSAGE REJECT FREE");
	ck_assert_str_eq(disk_answer(d, 0), ""); /* of t=1 */
	ck_assert_str_eq(disk_burst(d, "t=8 want sel msg=c0.06"), "cont FREE");
	ck_assert_str_eq(disk_burst(d, "t=9 want sel msg=c0.0e"), "cont MESSAGE REJECT FREE");
	disk_free(d);
}
END_TEST

START_TEST(others_are_told_of_aborts)
{
	struct disk *d = disk_new();
	char words[100], sense[40];
	(void)disk_port(d, 6, 9, true);
	(void)disk_burst(d, "ini=6 epoch=9 want sel msg=80 cmd=03:3.1200");
	d->hold = true;
	(void)disk_burst(d, "t=3 ini=6 epoch=9 sel msg=c02001 " WRITE("03"));
	(void)snprintf(words, sizeof(words), "t=4 want sel msg=%s", aborts[_i].messages);
	(void)disk_burst(d, words);
	d->hold = false;
	(void)disk_release(d);
	(void)disk_burst(d, "t=5 ini=6 epoch=9 want sel msg=80 cmd=03:3.1200");
	(void)snprintf(sense, sizeof(sense), "%x/%x/%x", d->in[2], d->in[12], d->in[13]);
	ck_assert_str_eq(sense, aborts[_i].ua);
	disk_free(d);
}
END_TEST

START_TEST(attention_in_the_middle)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_burst(d, "want sel msg=c02005 cmd=2a:6.0001.00"),
	                 "cont DATA-OUT(512)");
	ck_assert_str_eq(disk_burst(d, "want atn out=512:11"), "cont MESSAGE-OUT");
	ck_assert_str_eq(disk_burst(d, "want msg=0d"), "cont FREE");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	ck_assert_uint_eq(d->media[0], 0);
	/* INITIATOR DETECTED ERROR ends the command */
	(void)disk_burst(d, "t=2 want sel msg=c02005 cmd=2a:6.0001.00");
	(void)disk_burst(d, "t=2 want atn out=512:11");
	ck_assert_str_eq(disk_burst(d, "t=2 want msg=05"), CHECK);
	ck_assert_str_eq(disk_sense(d), "b/48/0");
	disk_free(d);
}
END_TEST

/* ---- messages ---- */

static const struct {
	const char *burst, *out;
} messages[] = {
        /* PPR: what both can (SPI-4, 16.3.11); our best is 9, 62, wide, DT */
        {"want sel msg=c0.01060408003e0102 cmd=00:5",
         "cont PARALLEL PROTOCOL REQUEST(9 62 1 2) " END},
        {"want sel msg=c0.01060409007f0102 cmd=00:5",
         "cont PARALLEL PROTOCOL REQUEST(9 62 1 2) " END},
        {"want sel msg=c0.0106040c001f0000 cmd=00:5",
         "cont PARALLEL PROTOCOL REQUEST(12 31 0 0) " END},
        {"want sel msg=c0.01060409003e0107 cmd=00:5", /* IU and QAS are not had */
         "cont PARALLEL PROTOCOL REQUEST(9 62 1 2) " END},
        {"want sel msg=c0.0103010910 cmd=00:5", /* without DT Fast-40 is the most */
         "cont SYNCHRONOUS DATA TRANSFER REQUEST(10 16 0 0) " END},
        {"want sel msg=c0.01020301 cmd=00:5", "cont WIDE DATA TRANSFER REQUEST(0 0 1 0) " END},
        {"want sel msg=c0.01020302 cmd=00:5", "cont WIDE DATA TRANSFER REQUEST(0 0 1 0) " END},
        {"want sel msg=c0.08 cmd=00:5", "cont " END},
        {"want sel msg=c0.10 cmd=00:5", "cont MESSAGE REJECT " END},
        {"want sel msg=c0.0103550000 cmd=00:5", "cont MESSAGE REJECT " END},
        {"want sel msg=c0.0105 cmd=00:5", "cont MESSAGE REJECT " END}, /* cut short */
        {"want sel msg=c0.04", "cont MESSAGE REJECT COMMAND"},
        {"want sel msg=2005", "cont FREE"}, /* IDENTIFY is missing (SPI-3, 16.2.1) */
        {"want selno", "cont COMMAND"},     /* SCSI-1: no ATN, no messages */
        {"program=5 free cut", ""},
        {"program=5 want atn", "cont FREE"},
};

START_TEST(answers_messages)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_burst(d, messages[_i].burst), messages[_i].out);
	disk_free(d);
}
END_TEST

/* ---- UNIT ATTENTION ---- */

START_TEST(power_on_is_told_to_each)
{
	struct tgt_config c = disk_config();
	struct disk *d = disk_new_raw(&c);
	ck_assert_str_eq(disk_attach(d, 1), "members none; arm full");
	ck_assert_str_eq(disk_port(d, 7, 3, true), "arm front");
	ck_assert_str_eq(disk_port(d, 6, 4, true), "");
	/* these neither report nor clear it (SAM-5, 5.14) */
	ck_assert_str_eq(disk_command(d, "120000000500"), "cont DATA-IN(5) " END);
	ck_assert_str_eq(disk_command(d, "a0:5.0000001000:1"), "cont DATA-IN(16) " END);
	disk_refuses(d, "00:5", "6/29/1");
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	/* REQUEST SENSE takes it as data */
	ck_assert_str_eq(disk_burst(d, "ini=6 epoch=4 want sel msg=80 cmd=03:3.1200"),
	                 "cont DATA-IN(18) " END "; arm full");
	ck_assert_uint_eq(d->in[12], 0x29);
	disk_free(d);
}
END_TEST

START_TEST(resets_and_losses)
{
	struct disk *d = disk_new();
	d->hold = true;
	(void)disk_burst(d, "t=1 sel msg=c02001 " WRITE("01"));
	ck_assert_str_eq(disk_reset(d), "members none; arm front");
	ck_assert_str_eq(disk_release(d), "");
	d->hold = false;
	ck_assert_str_eq(disk_command(d, "00:5"), CHECK "; arm full");
	ck_assert_str_eq(disk_sense(d), "6/29/2");
	/* the initiator's port goes: its tasks with it */
	d->hold = true;
	(void)disk_burst(d, "t=2 sel msg=c02001 " WRITE("01"));
	ck_assert_str_eq(disk_port(d, 7, 3, false), "");
	ck_assert_str_eq(disk_release(d), "");
	d->hold = false;
	ck_assert_str_eq(disk_port(d, 7, 4, true), "arm front");
	ck_assert_str_eq(disk_burst(d, "t=3 epoch=4 want sel msg=80 cmd=00:5"), CHECK "; arm full");
	ck_assert_str_eq(disk_sense(d), "6/29/7");
	disk_free(d);
}
END_TEST

START_TEST(the_greater_reset_is_told)
{
	struct disk *d = disk_new();
	(void)disk_reset(d);
	(void)disk_port(d, 7, 3, false);
	(void)disk_port(d, 7, 4, true);
	ck_assert_str_eq(disk_burst(d, "epoch=4 want sel msg=80 cmd=03:3.1200"),
	                 "cont DATA-IN(18) " END "; arm full");
	ck_assert_uint_eq(d->in[13], 2);
	/* and stands for the lesser ones: nothing more is pending */
	ck_assert_str_eq(disk_burst(d, "t=2 epoch=4 want sel msg=80 cmd=00:5"), "cont " END);
	disk_free(d);
}
END_TEST

START_TEST(attach_anew)
{
	struct disk *d = disk_new();
	d->hold = true;
	(void)disk_burst(d, "t=1 sel msg=c02001 " WRITE("01"));
	ck_assert_str_eq(disk_detach(d), "");
	ck_assert_uint_eq(tgt_store_ops(d->t), 1);
	ck_assert_str_eq(disk_release(d), ""); /* the task of the old attach is silent */
	ck_assert_uint_eq(tgt_store_ops(d->t), 0);
	d->hold = false;
	/* frames of the old attach that are still to be read say nothing */
	ck_assert_str_eq(disk_burst(d, "t=2 want sel msg=80 cmd=00:5"), "");
	ck_assert_str_eq(disk_attach(d, 1), "members none; arm full");
	(void)disk_port(d, 7, 3, true);
	ck_assert_str_eq(disk_sense(d), "6/29/7");
	/* another boot of the server is a reset */
	(void)disk_detach(d);
	ck_assert_str_eq(disk_attach(d, 2), "members none; arm full");
	(void)disk_port(d, 7, 3, true);
	ck_assert_str_eq(disk_sense(d), "6/29/2");
	disk_free(d);
}
END_TEST

/* ---- contingent allegiance ---- */

START_TEST(tagged_tasks_wait_for_request_sense)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_burst(d, "want sel msg=c02001 cmd=28:4.40.0000.0100"), CHECK);
	/* it may have been on its way: it waits, and clears nothing */
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c02002 " WRITE("01")), "");
	ck_assert_str_eq(disk_burst(d, "t=3 want sel msg=c02001 cmd=03:3.1200"),
	                 "cont DATA-IN(18) " END "; write 1+1; " DONE("2"));
	ck_assert_uint_eq(d->in[12], 0x21);
	disk_free(d);
}
END_TEST

/* Two that are in the store at once fail: each sense goes to the one that it is of. */
START_TEST(each_check_condition_has_its_sense)
{
	struct disk *d = disk_new();
	d->hold = true;
	d->result = STORE_ERROR;
	(void)disk_burst(d, "sel msg=c02001 " WRITE("01"));
	(void)disk_burst(d, "t=2 sel msg=c02002 " WRITE("09"));
	ck_assert_str_eq(disk_answer(d, 0), FAILED("1"));
	ck_assert_str_eq(disk_answer(d, 0), "");
	ck_assert_str_eq(disk_burst(d, "t=3 want sel msg=c02001 cmd=03:3.1200"),
	                 "cont DATA-IN(18) " END "; " FAILED("2"));
	ck_assert_uint_eq(d->in[6], 1); /* INFORMATION */
	ck_assert_str_eq(disk_sense(d), "3/c/0 info 9");
	disk_free(d);
}
END_TEST

/* One that nobody asks for is held back for some seconds, no longer; an abort ends it, too. */
START_TEST(a_check_condition_that_waits)
{
	struct disk *d = disk_new();
	d->hold = true;
	d->result = STORE_ERROR;
	for (unsigned i = 0; i < 2; i++) {
		(void)disk_burst(d, "sel msg=c02001 " WRITE("01"));
		(void)disk_burst(d, "t=2 sel msg=c02002 " WRITE("09"));
		ck_assert_str_eq(disk_answer(d, 0), FAILED("1"));
		ck_assert_str_eq(disk_answer(d, 0), "");
		ck_assert_uint_eq(tgt_tasks(d->t), 1);
		if (i == 0) {
			ck_assert_str_eq(disk_wait(d), FAILED("2"));
			ck_assert_str_eq(disk_sense(d), "3/c/0 info 9");
		} else { /* ABORT TASK SET */
			(void)disk_burst(d, "t=3 want sel msg=8006");
			ck_assert_str_eq(disk_sense(d), "3/c/0 info 1");
		}
		ck_assert_uint_eq(tgt_tasks(d->t), 0);
	}
	disk_free(d);
}
END_TEST

/* One that fails at once, behind another's sense, lets the bus go first. */
START_TEST(a_check_condition_that_disconnects)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(disk_burst(d, "want sel msg=c02001 cmd=28:4.40.0000.0100"), CHECK);
	ck_assert_str_eq(disk_burst(d, "t=2 want sel msg=c02002 cmd=28:4.41.0000.0100"),
	                 "cont DISCONNECT FREE");
	ck_assert_str_eq(disk_burst(d, "t=3 want sel msg=c02001 cmd=03:3.1200"),
	                 "cont DATA-IN(18) " END "; " FAILED("2"));
	ck_assert_str_eq(disk_sense(d), "5/21/0 cdb 2");
	disk_free(d);
}
END_TEST

START_TEST(allegiance_ends)
{
	struct disk *d = disk_new();
	/* by the initiator's next command */
	(void)disk_command(d, "02:5");
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	ck_assert_str_eq(disk_sense(d), "0/0/0");
	/* by itself, when nobody asks */
	(void)disk_command(d, "02:5");
	ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c02002 " WRITE("01")), "");
	ck_assert_str_eq(disk_wait(d), "write 1+1; " DONE("2"));
	/* others have no part in it */
	(void)disk_port(d, 6, 9, true);
	(void)disk_burst(d, "t=3 ini=6 epoch=9 want sel msg=80 cmd=03:3.1200");
	(void)disk_command(d, "02:5");
	ck_assert_str_eq(disk_burst(d, "t=4 ini=6 epoch=9 sel msg=c02002 " WRITE("01")),
	                 "write 1+1; resel 6 IDENTIFY SIMPLE(2) " END);
	ck_assert_str_eq(disk_sense(d), "5/20/0 cdb 0.7");
	disk_free(d);
}
END_TEST

/* ---- tenures that end early ---- */

START_TEST(cut_before_the_data)
{
	struct disk *d = disk_new();
	(void)disk_burst(d, "want sel msg=c02001 cmd=2a:6.0001.00");
	ck_assert_str_eq(disk_burst(d, "free cut"), "");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	/* or another tenure begins without a word */
	(void)disk_burst(d, "t=2 want sel msg=c02001 cmd=2a:6.0001.00");
	ck_assert_str_eq(disk_command(d, "00:5"), "cont " END);
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

START_TEST(data_that_are_not_right)
{
	struct disk *d = disk_new();
	(void)disk_burst(d, "want sel msg=c02001 cmd=2a:6.0001.00");
	ck_assert_str_eq(disk_burst(d, "want out=100:11"), CHECK);
	ck_assert_str_eq(disk_sense(d), "b/4b/0");
	(void)disk_burst(d, "t=2 want sel msg=c02001 cmd=2a:6.0001.00");
	ck_assert_str_eq(disk_burst(d, "t=2 want out=512:11 badcrc"), CHECK);
	ck_assert_str_eq(disk_sense(d), "b/47/1");
	ck_assert_uint_eq(d->media[0], 0);
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_tasks", NULL, NULL, TAP_ONCE(ordered_waits_and_is_waited_for),
               TAP_ONCE(simple_tasks_run_side_by_side), TAP_ONCE(depth), TAP_ONCE(overlapped_tag),
               TAP_TIMES(overlapped_by_what_is_no_command, 2), TAP_EACH(abort_messages, aborts),
               TAP_ONCE(aborts_in_a_store_that_hangs), TAP_ONCE(an_abort_waits_for_its_own),
               TAP_EACH(others_are_told_of_aborts, aborts), TAP_ONCE(attention_in_the_middle),
               TAP_EACH(answers_messages, messages), TAP_ONCE(power_on_is_told_to_each),
               TAP_ONCE(resets_and_losses), TAP_ONCE(the_greater_reset_is_told),
               TAP_ONCE(attach_anew), TAP_ONCE(tagged_tasks_wait_for_request_sense),
               TAP_ONCE(each_check_condition_has_its_sense), TAP_ONCE(a_check_condition_that_waits),
               TAP_ONCE(a_check_condition_that_disconnects), TAP_ONCE(allegiance_ends),
               TAP_ONCE(cut_before_the_data), TAP_ONCE(data_that_are_not_right));
