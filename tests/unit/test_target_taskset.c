/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The task set with several initiators: what the control mode page makes of it, what one
 * initiator's doing ends of another one's, who is told and how, and in which order. Clauses are of
 * SAM-5 and SPC-4, by their titles. Initiators 7, 6 and 5 are up.
 */
#include "scsi/sense.h"
#include "unit/disk.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define DONE(ini, tag) "resel " ini " IDENTIFY SIMPLE(" tag ") STATUS(GOOD) COMMAND COMPLETE FREE"
#define ABORTED(ini, tag)                                                                          \
	"resel " ini " IDENTIFY SIMPLE(" tag ") STATUS(TASK ABORTED) COMMAND COMPLETE FREE"
#define GOOD "GOOD"

/* ---- commands that end at once ---- */

static unsigned tenure = 1000;

/* The status that a command from `ini` ends with; data as of a burst's word. */
static const char *status_of(struct disk *d, unsigned ini, const char *messages, const char *cdb,
                             const char *data)
{
	static char text[40];
	char words[400];
	(void)snprintf(words, sizeof(words), "t=%u ini=%u want sel msg=%s cmd=%s", ++tenure, ini,
	               messages, cdb);
	const char *out = disk_burst(d, words);
	if (data) {
		(void)snprintf(words, sizeof(words), "t=%u ini=%u want out=%s", tenure, ini, data);
		out = disk_burst(d, words);
	}
	const char *status = strstr(out, "STATUS(");
	(void)snprintf(text, sizeof(text), "%.*s", status ? (int)strcspn(status + 7, ")") : 0,
	               status ? status + 7 : "");
	return text;
}

static const char *sense_of(struct disk *d, unsigned ini, const char *messages)
{
	static char text[40];
	struct scsi_sense s;
	const char *status = status_of(d, ini, messages, "03:3.4000", NULL);
	if (strcmp(status, GOOD) != 0)
		return status;
	ck_assert(scsi_sense_get((struct span){d->in, d->n_in}, &s));
	(void)snprintf(text, sizeof(text), "%x/%x/%x", s.key, s.asc, s.ascq);
	return text;
}

/* TEST UNIT READY: "GOOD", another status, or the sense of a CHECK CONDITION. */
static const char *ready(struct disk *d, unsigned ini)
{
	const char *status = status_of(d, ini, "80", "00:5", NULL);
	return strcmp(status, "CHECK CONDITION") == 0 ? sense_of(d, ini, "80") : status;
}

/* Bytes 2 to 5 of the control mode page: TST 2.7-5, QERR 3.2-1, UA_INTLCK_CTRL 4.5-4, TAS 5.6. */
static struct disk *three(const char *control)
{
	struct tgt_config c = disk_config();
	c.queue_depth = 8;
	struct disk *d = disk_new_raw(&c);
	char list[80];
	(void)disk_attach(d, 1);
	for (uint8_t i = 5; i <= 7; i++) {
		(void)disk_port(d, i, 3, true);
		ck_assert_str_eq(ready(d, i), "6/29/1");
	}
	(void)snprintf(list, sizeof(list), "x00000000.8a0a%s:6", control);
	ck_assert_str_eq(status_of(d, 7, "80", "1510:2.1000", list), GOOD);
	for (unsigned i = 5; i <= 6; i++) {
		const char *told = strcmp(control, "00100000") == 0 ? GOOD : "6/2a/1";
		ck_assert_str_eq(ready(d, i), told);
	}
	return d;
}

/* A write of one block at `lba`, by SIMPLE task `tag`, for which the port has taken the data. */
static const char *write_of(struct disk *d, unsigned ini, unsigned tag, unsigned lba)
{
	char words[200];
	(void)snprintf(words, sizeof(words),
	               "t=%u ini=%u sel msg=c020%02x cmd=2a:4.%02x.0000.0100 out=512:11 free",
	               ++tenure, ini, tag, lba);
	return disk_burst(d, words);
}

#define PLAIN "00100000"
#define TAS   "00100040"
#define APART "20100000"

/* ---- task management: who ends what, and who is told ---- */

/* 7 acts; in the store: a task of 7 and one of 6; one of 5 waits for 6's blocks. `told` is what
 * comes when the store has answered, and what each has pending then. */
static const struct {
	const char *what, *control, *messages;
	const char *out;
	const char *six, *five, *seven;
} functions[] = {
        {"ABORT TASK", PLAIN, "c02001.0d", DONE("6", "2") "; write 2+1; " DONE("5", "3"), GOOD,
         GOOD, GOOD},
        {"ABORT TASK SET", PLAIN, "c0.06", DONE("6", "2") "; write 2+1; " DONE("5", "3"), GOOD,
         GOOD, GOOD},
        {"ABORT TASK SET, TAS", TAS, "c0.06", DONE("6", "2") "; write 2+1; " DONE("5", "3"), GOOD,
         GOOD, GOOD},
        {"CLEAR TASK SET", PLAIN, "c0.0e", "", "6/2f/0", "6/2f/0", GOOD},
        {"CLEAR TASK SET, TAS", TAS, "c0.0e", ABORTED("5", "3") "; " ABORTED("6", "2"), GOOD, GOOD,
         GOOD},
        {"CLEAR TASK SET, TST=1", APART, "c0.0e", DONE("6", "2") "; write 2+1; " DONE("5", "3"),
         GOOD, GOOD, GOOD},
        {"LOGICAL UNIT RESET", PLAIN, "c0.17", "", "6/29/3", "6/29/3", "6/29/3"},
        {"LOGICAL UNIT RESET, TAS", TAS, "c0.17", ABORTED("5", "3") "; " ABORTED("6", "2"),
         "6/29/3", "6/29/3", "6/29/3"},
        {"TARGET RESET", PLAIN, "0c", "", "6/29/3", "6/29/3", "6/29/3"},
        {"TARGET RESET, TAS", TAS, "0c", "", "6/29/3", "6/29/3", "6/29/3"},
        {"CLEAR ACA, where there is none", PLAIN, "c0.16",
         DONE("7", "1") "; " DONE("6", "2") "; write 2+1; " DONE("5", "3"), GOOD, GOOD, GOOD},
};

/* What it says of tasks: not of the port, nor where the abort's own BUS FREE stands. */
static void add_tasks(char *all, size_t cap, const char *out)
{
	for (const char *p = out; *p;) {
		const char *end = strstr(p, "; ");
		size_t len = end ? (size_t)(end - p) : strlen(p);
		bool other = strncmp(p, "cont FREE", 9) == 0 || strncmp(p, "arm", 3) == 0 ||
		             strncmp(p, "members", 7) == 0;
		size_t n = strlen(all);
		if (!other)
			(void)snprintf(all + n, cap - n, "%s%.*s", n ? "; " : "", (int)len, p);
		p += len + (end ? 2 : 0);
	}
}

START_TEST(management_functions)
{
	struct disk *d = three(functions[_i].control);
	char words[60], out[500] = "";
	d->hold = true;
	ck_assert_str_eq(write_of(d, 7, 1, 1), "write 1+1");
	ck_assert_str_eq(write_of(d, 6, 2, 2), "write 2+1");
	ck_assert_str_eq(write_of(d, 5, 3, 2), "");
	(void)snprintf(words, sizeof(words), "t=1 want sel msg=%s", functions[_i].messages);
	add_tasks(out, sizeof(out), disk_burst(d, words));
	add_tasks(out, sizeof(out), disk_release(d));
	ck_assert_msg(strcmp(out, functions[_i].out) == 0, "%s: %s", functions[_i].what, out);
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	d->hold = false;
	ck_assert_str_eq(ready(d, 6), functions[_i].six);
	ck_assert_str_eq(ready(d, 5), functions[_i].five);
	ck_assert_str_eq(ready(d, 7), functions[_i].seven);
	/* it is said once */
	for (unsigned i = 5; i <= 7; i++)
		ck_assert_str_eq(ready(d, i), GOOD);
	disk_free(d);
}
END_TEST

/* TASK ABORTED comes when the write that was under way has landed; its tag is in use until then. */
START_TEST(aborted_after_it_has_landed)
{
	struct disk *d = three(TAS);
	d->hold = true;
	ck_assert_str_eq(write_of(d, 6, 2, 2), "write 2+1");
	(void)disk_burst(d, "t=1 want sel msg=c0.0e");
	ck_assert_uint_eq(d->n_held, 1);
	(void)disk_burst(d, "t=2 ini=6 want sel msg=c02002 cmd=28:7.0100");
	ck_assert_str_eq(sense_of(d, 6, "80"), "b/4e/0"); /* overlapped: its own doing ends it */
	ck_assert_str_eq(disk_answer(d, 0), "");
	/* ABORT TASK of what is about to say TASK ABORTED: it says nothing */
	ck_assert_str_eq(write_of(d, 6, 2, 2), "write 2+1");
	(void)disk_burst(d, "t=3 want sel msg=c0.0e");
	(void)disk_burst(d, "t=4 ini=6 want sel msg=c02002.0d");
	ck_assert_ptr_null(strstr(disk_answer(d, 0), "TASK ABORTED"));
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

/* One whose tenure is open: the status is the next thing that its bus gets. */
START_TEST(aborted_on_the_bus)
{
	struct disk *d = three("00120040"); /* QERR: all; TAS */
	d->hold = true;
	d->result = STORE_ERROR;
	(void)write_of(d, 6, 1, 1);
	d->result = STORE_OK;
	(void)disk_burst(d, "t=1 ini=5 want sel msg=c02002 cmd=2a:4.09.0000.0100");
	(void)disk_answer(d, 0);
	ck_assert_str_eq(disk_burst(d, "t=1 ini=5 want out=512:22"),
	                 "cont STATUS(TASK ABORTED) COMMAND COMPLETE FREE");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	ck_assert_uint_eq(d->media[9 * 512], 0);
	disk_free(d);
}
END_TEST

/* ---- QERR ---- */

/* A write of 7 fails; others of 7 and 6 are in the store or wait behind it. */
static const struct {
	const char *what, *control;
	bool seven, six; /* live on */
	const char *out; /* of those that do not */
	const char *told;
} queue_errors[] = {
        {"00b", PLAIN, true, true, "", GOOD},
        {"01b", "00120000", false, false, "", "6/2f/0"},
        {"01b, TAS", "00120040", false, false, ABORTED("6", "3"), GOOD},
        {"01b, TST=1", "20120000", false, true, "", GOOD},
        {"11b", "00160000", false, true, "", GOOD},
        {"11b, TAS", "00160040", false, true, "", GOOD},
};

START_TEST(what_a_check_condition_ends)
{
	struct disk *d = three(queue_errors[_i].control);
	char out[500] = "", want[500] = "";
	d->hold = true;
	d->result = STORE_ERROR;
	(void)write_of(d, 7, 1, 1);
	d->result = STORE_OK;
	(void)write_of(d, 7, 2, 2);
	(void)write_of(d, 6, 3, 3);
	(void)write_of(d, 7, 4, 2); /* waits */
	ck_assert_uint_eq(d->n_held, 3);
	(void)disk_answer(d, 0);
	ck_assert_str_eq(sense_of(d, 7, "80"), "3/c/0");
	add_tasks(out, sizeof(out), disk_release(d));
	(void)snprintf(want, sizeof(want), "%s%s%s%s",
	               queue_errors[_i].seven ? DONE("7", "2") "; " : "",
	               queue_errors[_i].six ? DONE("6", "3") : "", queue_errors[_i].out,
	               queue_errors[_i].seven ? "; write 2+1; " DONE("7", "4") : "");
	if (queue_errors[_i].seven) /* it waits for its turn */
		(void)snprintf(want, sizeof(want), "%s",
		               DONE("7", "2") "; write 2+1; " DONE("6", "3") "; " DONE("7", "4"));
	ck_assert_msg(strcmp(out, want) == 0, "%s: %s", queue_errors[_i].what, out);
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	d->hold = false;
	ck_assert_str_eq(ready(d, 6), queue_errors[_i].told);
	ck_assert_str_eq(ready(d, 7), GOOD);
	disk_free(d);
}
END_TEST

/* One that has the bus, and whose data are to come: they come, are let fall, and the bus is free.
 */
START_TEST(a_check_condition_ends_one_that_has_the_bus)
{
	struct disk *d = three("00120000");
	d->hold = true;
	d->result = STORE_ERROR;
	(void)write_of(d, 7, 1, 1);
	d->result = STORE_OK;
	ck_assert_str_eq(disk_burst(d, "t=90 want ini=6 sel msg=c02002 cmd=2a:4.02.0000.0100"),
	                 "cont DATA-OUT(512)");
	(void)disk_answer(d, 0);
	ck_assert_str_eq(disk_burst(d, "t=90 want ini=6 out=512:22"), "cont FREE");
	ck_assert_uint_eq(d->n_held, 0);
	ck_assert_str_eq(sense_of(d, 7, "80"), "3/c/0");
	ck_assert_str_eq(ready(d, 6), "6/2f/0");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

/* ---- TST ---- */

/* "Task attributes": ORDERED waits for the tasks of its own task set. */
START_TEST(order_in_each_task_set)
{
	for (unsigned apart = 0; apart < 2; apart++) {
		struct disk *d = three(apart ? APART : PLAIN);
		d->hold = true;
		(void)write_of(d, 6, 1, 1);
		ck_assert_str_eq(disk_burst(d, "t=1 sel msg=c02202 "
		                               "cmd=2a:4.05.0000.0100 out=512:22 free"),
		                 apart ? "write 5+1" : "");
		/* blocks are the medium's, not a task set's */
		ck_assert_str_eq(disk_burst(d, "t=2 ini=5 sel msg=c02203 "
		                               "cmd=2a:4.01.0000.0100 out=512:33 free"),
		                 "");
		disk_free(d);
	}
}
END_TEST

/* ---- no room ---- */

/* TASK SET FULL to who has tasks there, BUSY to who has none; UA_INTLCK_CTRL=11b: told again. */
START_TEST(no_room)
{
	for (unsigned interlock = 0; interlock < 2; interlock++) {
		struct disk *d = three(interlock ? "00103000" : PLAIN);
		d->hold = true;
		for (unsigned i = 1; i <= 8; i++)
			(void)write_of(d, 7, i, i);
		ck_assert_uint_eq(d->n_held, 8);
		ck_assert_str_eq(status_of(d, 7, "802009", "28:7.0100", NULL), "TASK SET FULL");
		ck_assert_str_eq(status_of(d, 6, "802009", "28:7.0100", NULL), "BUSY");
		(void)disk_answer(d, 0);
		ck_assert_str_eq(ready(d, 7), interlock ? "6/2c/8" : GOOD);
		ck_assert_str_eq(ready(d, 6), interlock ? "6/2c/7" : GOOD);
		ck_assert_str_eq(ready(d, 6), GOOD);
		(void)disk_release(d);
		disk_free(d);
	}
}
END_TEST

/* ---- UNIT ATTENTIONs ---- */

/* UA_INTLCK_CTRL: only REQUEST SENSE takes it */
START_TEST(interlocked)
{
	static const char *const controls[] = {PLAIN, "00102000", "00103000"};
	for (unsigned i = 0; i < 3; i++) {
		struct disk *d = three(controls[i]);
		(void)disk_burst(d, "t=1 ini=6 want sel msg=80.17");
		if (i > 0) { /* current values became the saved ones */
			(void)sense_of(d, 7, "80");
			char list[80];
			(void)snprintf(list, sizeof(list), "x00000000.8a0a%s:6", controls[i]);
			ck_assert_str_eq(status_of(d, 7, "80", "1510:2.1000", list), GOOD);
		}
		ck_assert_str_eq(status_of(d, 5, "80", "00:5", NULL), "CHECK CONDITION");
		/* another command instead of REQUEST SENSE */
		ck_assert_str_eq(status_of(d, 5, "80", "00:5", NULL),
		                 i == 0 ? GOOD : "CHECK CONDITION");
		ck_assert_str_eq(status_of(d, 5, "80", "00:5", NULL),
		                 i == 0 ? GOOD : "CHECK CONDITION");
		disk_free(d);
	}
}
END_TEST

START_TEST(taken_by_request_sense)
{
	struct disk *d = three("00103000");
	/* a status without sense */
	ck_assert_str_eq(status_of(d, 7, "80", "16:5", NULL), GOOD);
	ck_assert_str_eq(status_of(d, 6, "80", "00:5", NULL), "RESERVATION CONFLICT");
	ck_assert_str_eq(status_of(d, 6, "80", "00:5", NULL), "RESERVATION CONFLICT");
	ck_assert_str_eq(status_of(d, 7, "80", "17:5", NULL), GOOD);
	ck_assert_str_eq(status_of(d, 6, "80", "00:5", NULL), "CHECK CONDITION");
	ck_assert_str_eq(status_of(d, 6, "80", "00:5", NULL), "CHECK CONDITION");
	ck_assert_str_eq(sense_of(d, 6, "80"), "6/2c/9");
	ck_assert_str_eq(ready(d, 6), GOOD); /* once, though it was refused twice */
	disk_free(d);
}
END_TEST

/* In order: what was reset, then what was cleared, then what has changed. */
START_TEST(in_their_order)
{
	struct disk *d = three(PLAIN);
	d->hold = true;
	(void)write_of(d, 6, 1, 1);
	ck_assert_str_eq(status_of(d, 7, "80", "1510:2.1000", "x00000000.8a0a04100000:6"), GOOD);
	(void)disk_burst(d, "t=1 want sel msg=c0.0e");
	(void)disk_release(d);
	d->hold = false;
	ck_assert_str_eq(ready(d, 6), "6/2f/0");
	ck_assert_str_eq(ready(d, 6), "6/2a/1");
	ck_assert_str_eq(ready(d, 6), GOOD);
	ck_assert_str_eq(ready(d, 5), "6/2a/1");
	/* a reset stands for all that was before it */
	ck_assert_str_eq(status_of(d, 7, "80", "1510:2.1000", "x00000000.8a0a00100000:6"), GOOD);
	(void)disk_reset(d);
	(void)disk_port(d, 6, 3, false);
	(void)disk_port(d, 6, 3, true);
	ck_assert_str_eq(ready(d, 6), "6/29/2");
	ck_assert_str_eq(ready(d, 6), GOOD);
	disk_free(d);
}
END_TEST

/* ---- faults ---- */

/* Busy, and a full task set, are said before a UNIT ATTENTION, which stays. */
START_TEST(faults_go_first)
{
	struct disk *d = three(PLAIN);
	(void)disk_reset(d);
	(void)disk_fault(d, "busy:times=1");
	(void)disk_fault(d, "task-set-full:times=1");
	ck_assert_str_eq(status_of(d, 6, "80", "28:7.0100", NULL), "BUSY");
	ck_assert_str_eq(status_of(d, 6, "80", "28:7.0100", NULL), "TASK SET FULL");
	ck_assert_str_eq(status_of(d, 6, "80", "28:7.0100", NULL), "CHECK CONDITION");
	ck_assert_str_eq(sense_of(d, 6, "80"), "6/29/2");
	disk_free(d);
}
END_TEST

/* ---- ACA ---- */

#define ACA(tag) "8024" tag
/* Establishes it: no such opcode, NACA=1. */
static void establish(struct disk *d, unsigned ini)
{
	ck_assert_str_eq(status_of(d, ini, "802001", "02:4.04", NULL), "CHECK CONDITION");
}

/* "Processing new commands ... while an ACA condition is in effect": 7 has it. */
static const struct {
	const char *control;
	unsigned by;
	const char *messages, *cdb, *status;
} during[] = {
        {PLAIN, 7, "802002", "00:5", "ACA ACTIVE"},
        {PLAIN, 7, "802002", "00:4.04", "ACA ACTIVE"},
        {PLAIN, 7, "802102", "00:5", "ACA ACTIVE"},
        {PLAIN, 7, "80", "03:3.1200", "ACA ACTIVE"}, /* REQUEST SENSE is no exception */
        {PLAIN, 7, "80", "12:3.2400", "ACA ACTIVE"},
        {PLAIN, 7, ACA("02"), "00:5", GOOD},
        {PLAIN, 7, ACA("02"), "00:4.04", GOOD},
        {PLAIN, 6, "802002", "00:5", "BUSY"},
        {PLAIN, 6, "802002", "00:4.04", "ACA ACTIVE"},
        {PLAIN, 6, ACA("02"), "00:5", "ACA ACTIVE"},
        {PLAIN, 6, "80", "12:3.2400", "BUSY"},
        {APART, 7, "802002", "00:5", "ACA ACTIVE"},
        {APART, 6, "802002", "00:5", GOOD},
        {APART, 6, "802002", "00:4.04", GOOD},
        {APART, 6, ACA("02"), "00:5", "CHECK CONDITION"},
};

START_TEST(new_commands_during_aca)
{
	struct disk *d = three(during[_i].control);
	establish(d, 7);
	ck_assert_str_eq(status_of(d, during[_i].by, during[_i].messages, during[_i].cdb, NULL),
	                 during[_i].status);
	/* none of them ends it */
	ck_assert_str_eq(status_of(d, 7, "802003", "00:5", NULL), "ACA ACTIVE");
	ck_assert_str_eq(sense_of(d, 7, ACA("04")), "5/20/0");
	ck_assert_str_eq(sense_of(d, 7, ACA("04")), "0/0/0");
	ck_assert_str_eq(status_of(d, 7, "802003", "00:5", NULL), "ACA ACTIVE");
	ck_assert_str_eq(disk_burst(d, "t=1 want sel msg=80.16"), "cont FREE; arm full");
	ck_assert_str_eq(ready(d, 7), GOOD);
	disk_free(d);
}
END_TEST

/* "ACA" without the condition: ILLEGAL REQUEST, INVALID MESSAGE ERROR. */
START_TEST(aca_attribute_without_aca)
{
	struct disk *d = three(PLAIN);
	ck_assert_str_eq(status_of(d, 7, ACA("01"), "00:5", NULL), "CHECK CONDITION");
	ck_assert_str_eq(sense_of(d, 7, "80"), "5/49/0");
	ck_assert_str_eq(status_of(d, 7, ACA("01"), "12:3.2400", NULL), "CHECK CONDITION");
	disk_free(d);
}
END_TEST

/* Tasks that are there wait, of all initiators, or with TST=1 its own; by CLEAR ACA they go on. */
START_TEST(held_up_by_aca)
{
	for (unsigned apart = 0; apart < 2; apart++) {
		struct disk *d = three(apart ? APART : PLAIN);
		d->hold = true;
		(void)write_of(d, 7, 10, 1);
		(void)write_of(d, 6, 11, 2);
		ck_assert_str_eq(write_of(d, 7, 12, 1), "");
		ck_assert_str_eq(write_of(d, 6, 13, 2), "");
		establish(d, 7);
		/* an ACA task goes at once; a second one beside it does not */
		ck_assert_str_eq(disk_burst(d, "t=2 sel msg=c0240e cmd=28:4.20.0000.0100 free"),
		                 "read 32+1");
		ck_assert_str_eq(status_of(d, 7, ACA("0f"), "00:5", NULL), "ACA ACTIVE");
		ck_assert_str_eq(disk_answer(d, 0), DONE("7", "10"));
		ck_assert_str_eq(disk_answer(d, 0),
		                 apart ? DONE("6", "11") "; write 2+1" : DONE("6", "11"));
		ck_assert_str_eq(disk_answer(d, 0), "resel 7 IDENTIFY SIMPLE(14) DATA-IN(512) "
		                                    "STATUS(GOOD) COMMAND COMPLETE FREE");
		/* nor does time end it */
		ck_assert(tgt_deadline(d->t) == NS_NEVER);
		/* what is not its own is not for 6 to end */
		(void)disk_burst(d, "t=3 ini=6 want sel msg=80.16");
		ck_assert_uint_eq(d->n_held, apart ? 1 : 0);
		ck_assert_str_eq(disk_burst(d, "t=4 want sel msg=80.16"),
		                 apart ? "cont FREE; write 1+1; arm full"
		                       : "cont FREE; write 1+1; write 2+1; arm full");
		disk_free(d);
	}
}
END_TEST

/* A task that may not disconnect has the bus, which whoever has the ACA needs to end it. */
START_TEST(cannot_wait_for_aca)
{
	static const char *const cdb[] = {"28:4.20.0000.0100", "28:4.20.0000.01.04"};
	static const char *const status[] = {"BUSY", "ACA ACTIVE"};
	char words[80], want[80];
	struct disk *d = three(PLAIN);
	d->hold = true;
	d->result = STORE_ERROR;
	ck_assert_str_eq(
	        disk_burst(d, "t=1 ini=6 sel msg=c02001 cmd=2a:4.01.0000.01.04 out=512:11 free"),
	        "write 1+1");
	(void)snprintf(words, sizeof(words), "t=2 want sel msg=802202 cmd=%s", cdb[_i]);
	ck_assert_str_eq(disk_burst(d, words), "");
	(void)snprintf(want, sizeof(want), "; cont STATUS(%s) COMMAND COMPLETE FREE", status[_i]);
	ck_assert_ptr_nonnull(strstr(disk_answer(d, 0), want));
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

/* The CHECK CONDITION of an ACA task ends it, and with NACA begins another. */
START_TEST(ended_by_its_own_error)
{
	struct disk *d = three(PLAIN);
	establish(d, 7);
	ck_assert_str_eq(status_of(d, 7, ACA("02"), "1f:4.04", NULL), "CHECK CONDITION");
	ck_assert_str_eq(status_of(d, 7, "802003", "00:5", NULL), "ACA ACTIVE");
	ck_assert_str_eq(status_of(d, 7, ACA("02"), "28:4.7f.000001.00", NULL), "CHECK CONDITION");
	/* a CA: REQUEST SENSE without more ado */
	ck_assert_str_eq(sense_of(d, 7, "80"), "5/21/0");
	ck_assert_str_eq(ready(d, 7), GOOD);
	disk_free(d);
}
END_TEST

/* "Clearing an ACA condition": resets, the nexus that is lost, PREEMPT AND ABORT by another one. */
START_TEST(what_else_ends_it)
{
	struct disk *d = three(PLAIN);
	establish(d, 7);
	(void)disk_burst(d, "t=1 ini=6 want sel msg=80.17");
	ck_assert_str_eq(ready(d, 5), "6/29/3");
	ck_assert_str_eq(ready(d, 6), "6/29/3");
	ck_assert_str_eq(ready(d, 7), "6/29/3");
	establish(d, 7);
	ck_assert_str_eq(ready(d, 6), "BUSY");
	(void)disk_port(d, 7, 3, false);
	ck_assert_str_eq(ready(d, 6), GOOD);
	(void)disk_port(d, 7, 3, true);
	ck_assert_str_eq(ready(d, 7), "6/29/7");
	ck_assert_str_eq(status_of(d, 7, "80", "5f06:3.00000018.00", "x:8.0000000000000077.:8"),
	                 GOOD);
	ck_assert_str_eq(status_of(d, 6, "80", "5f06:3.00000018.00", "x:8.0000000000000066.:8"),
	                 GOOD);
	establish(d, 7);
	ck_assert_str_eq(status_of(d, 6, "80", "5f0401:2.00000018.00", NULL), "BUSY");
	ck_assert_str_eq(status_of(d, 6, "80", "5f0501:2.00000018.00",
	                           "x0000000000000066.0000000000000077.:8"),
	                 GOOD);
	ck_assert_str_eq(ready(d, 7), "6/2a/5");
	ck_assert_str_eq(ready(d, 7), GOOD);
	disk_free(d);
}
END_TEST

/* ... also one that is ORDERED, and is not let go: what is before it waits for the end of the ACA.
 */
START_TEST(it_is_ended_by_one_that_is_ordered)
{
	struct disk *d = three(PLAIN);
	ck_assert_str_eq(status_of(d, 7, "80", "5f06:3.00000018.00", "x:8.0000000000000077.:8"),
	                 GOOD);
	ck_assert_str_eq(status_of(d, 6, "80", "5f06:3.00000018.00", "x:8.0000000000000066.:8"),
	                 GOOD);
	d->hold = true;
	(void)write_of(d, 6, 10, 1);
	ck_assert_str_eq(write_of(d, 6, 11, 1), ""); /* waits: the same block */
	establish(d, 7);
	ck_assert_str_eq(disk_answer(d, 0), DONE("6", "10"));
	ck_assert_str_eq(status_of(d, 6, "80220c", "5f0501:2.00000018.00",
	                           "x0000000000000066.0000000000000077.:8"),
	                 GOOD);
	ck_assert_uint_eq(d->n_held, 1); /* 11 goes on */
	d->hold = false;
	(void)disk_release(d);
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	ck_assert_str_eq(ready(d, 6), GOOD);
	disk_free(d);
}
END_TEST

/* PREEMPT AND ABORT, which had to wait itself, ends a task that has the bus: it lets that go. */
START_TEST(one_that_has_the_bus_is_ended_by_another_one)
{
	struct disk *d = three(PLAIN);
	for (unsigned ini = 6; ini < 8; ini++)
		ck_assert_str_eq(
		        status_of(d, ini, "80", "5f06:3.00000018.00",
		                  ini == 6 ? "x:8.0000000000000066.:8" : "x:8.0000000000000077.:8"),
		        GOOD);
	d->hold = true;
	(void)write_of(d, 5, 10, 1);
	ck_assert_str_eq(status_of(d, 7, "c0220c", "5f0501:2.00000018.00",
	                           "x0000000000000077.0000000000000066.:8"),
	                 "");
	ck_assert_str_eq(disk_burst(d, "t=20 ini=6 want sel msg=80200b cmd=28:4.01.0000.0100"), "");
	d->hold = false;
	ck_assert_ptr_nonnull(strstr(disk_answer(d, 0), "cont FREE"));
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

/* ABORT TASK SET and CLEAR TASK SET end tasks, not the condition. */
START_TEST(aborts_do_not_end_it)
{
	struct disk *d = three(PLAIN);
	establish(d, 7);
	ck_assert_str_eq(disk_burst(d, "t=1 want sel msg=80.06"), "cont FREE");
	ck_assert_str_eq(disk_burst(d, "t=2 want sel msg=80.0e"), "cont FREE");
	ck_assert_str_eq(ready(d, 7), "ACA ACTIVE");
	disk_free(d);
}
END_TEST

/* A pass begins none, and is held off by one. */
START_TEST(passes)
{
	struct disk *d = disk_new();
	disk_join(d);
	ck_assert_str_eq(disk_burst(d, "t=1 role=L sel msg=c0.2005.010ae00100000102.00000009 "
	                               "cmd=8a00:8.00000002.00.04 out=1024:5a "
	                               "msg=010ae00300000102.00000009 free"),
	                 "resel 7 IDENTIFY SIMPLE(5) MIRROR STATUS(1:2 op 9 CHECK CONDITION 5/24/0 "
	                 "cdb 15.2) STATUS(CHECK CONDITION) COMMAND COMPLETE FREE");
	establish(d, 7);
	ck_assert_str_eq(disk_burst(d, "t=2 role=L sel msg=c0.2005.010ae00100000102.00000009 "
	                               "cmd=8a00:8.00000002:2 out=1024:5a "
	                               "msg=010ae00300000102.00000009 free"),
	                 "resel 7 IDENTIFY SIMPLE(5) MIRROR STATUS(1:2 op 9 ACA ACTIVE) STATUS(ACA "
	                 "ACTIVE) COMMAND COMPLETE FREE");
	ck_assert_uint_eq(d->media[0], 0);
	disk_free(d);
}
END_TEST

/* No ACA for a unit that is not there: nobody could end it. */
START_TEST(no_such_unit)
{
	struct disk *d = three(PLAIN);
	ck_assert_str_eq(status_of(d, 7, "832001", "00:4.04", NULL), "CHECK CONDITION");
	ck_assert_str_eq(sense_of(d, 7, "83"), "5/25/0");
	ck_assert_str_eq(ready(d, 7), GOOD);
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_taskset", NULL, NULL, TAP_EACH(management_functions, functions),
               TAP_ONCE(aborted_after_it_has_landed), TAP_ONCE(aborted_on_the_bus),
               TAP_EACH(what_a_check_condition_ends, queue_errors),
               TAP_ONCE(a_check_condition_ends_one_that_has_the_bus),
               TAP_ONCE(order_in_each_task_set), TAP_ONCE(no_room), TAP_ONCE(interlocked),
               TAP_ONCE(taken_by_request_sense), TAP_ONCE(in_their_order),
               TAP_ONCE(faults_go_first), TAP_EACH(new_commands_during_aca, during),
               TAP_ONCE(aca_attribute_without_aca), TAP_ONCE(held_up_by_aca),
               TAP_TIMES(cannot_wait_for_aca, 2), TAP_ONCE(ended_by_its_own_error),
               TAP_ONCE(what_else_ends_it), TAP_ONCE(one_that_has_the_bus_is_ended_by_another_one),
               TAP_ONCE(it_is_ended_by_one_that_is_ordered), TAP_ONCE(aborts_do_not_end_it),
               TAP_ONCE(passes), TAP_ONCE(no_such_unit));
