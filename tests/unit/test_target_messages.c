/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a target does about messages, by the clauses of SPI-3: a row is a story of bursts and what
 * comes of each.
 */
#include "target/core.h"
#include "unit/disk.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define END    "STATUS(GOOD) COMMAND COMPLETE FREE"
#define CHECK  "STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"
#define SDTR   "010301190f"
#define ANSWER "SYNCHRONOUS DATA TRANSFER REQUEST(25 15 0 0) "
#define WRITE1 "cmd=2a:6.0001.00"
#define STEPS  9

static const struct {
	const char *clause, *fault;
	struct {
		const char *burst, *out;
	} step[STEPS];
	const char *sense; /* of the CHECK CONDITION at the end */
} stories[] = {
        {"IDENTIFY: the LUN, and the privilege of disconnection",
         NULL,
         {{"want sel msg=c02005 cmd=35:9", "cont DISCONNECT FREE; flush; resel 7 IDENTIFY "
                                           "SIMPLE(5) " END},
          {"t=2 want sel msg=802005 cmd=35:9", "flush; cont " END},
          {"t=3 want sel msg=81 cmd=00:5", "cont " CHECK}},
         NULL},
        {"IDENTIFY: a second one may take the privilege back",
         NULL,
         {{"want sel msg=c02005", "cont COMMAND"},
          {"want atn cmd=35:9", "cont MESSAGE-OUT"},
          {"want msg=80", "flush; cont " END}},
         NULL},
        {"IDENTIFY: a second one of another LUN is answered by BUS FREE",
         NULL,
         {{"want sel msg=c02005 " WRITE1, "cont DATA-OUT(512)"},
          {"want atn out=512:11", "cont MESSAGE-OUT"},
          {"want msg=c1", "cont FREE"},
          {"t=2 want sel msg=c02005 cmd=00:5", "cont " END}},
         NULL},
        {"IDENTIFY: it comes first",
         NULL,
         {{"want sel msg=2005", "cont FREE"}, {"t=2 want sel msg=0d", "cont FREE"}},
         NULL},
        {"task attribute messages: one for a task",
         NULL,
         {{"want sel msg=c0.2005.2106 cmd=00:5", "cont MESSAGE REJECT " END}},
         NULL},
        {"task attribute messages: before its command",
         NULL,
         {{"want sel msg=c0", "cont COMMAND"},
          {"want atn cmd=00:5", "cont MESSAGE-OUT"},
          {"want msg=2005", "cont MESSAGE REJECT " END}},
         NULL},
        {"MESSAGE PARITY ERROR: what was said last is said again",
         NULL,
         {{"want atn sel msg=c0." SDTR, "cont " ANSWER "MESSAGE-OUT"},
          {"want atn msg=09", "cont " ANSWER "MESSAGE-OUT"},
          {"want msg=09", "cont " ANSWER "COMMAND"},
          {"want cmd=00:5", "cont " END}},
         NULL},
        {"MESSAGE PARITY ERROR: too many tries end in BUS FREE",
         NULL,
         {{"want atn sel msg=c0." SDTR, "cont " ANSWER "MESSAGE-OUT"},
          {"want atn msg=09", "cont " ANSWER "MESSAGE-OUT"},
          {"want atn msg=09", "cont " ANSWER "MESSAGE-OUT"},
          {"want atn msg=09", "cont " ANSWER "MESSAGE-OUT"},
          {"want msg=09", "cont FREE"}},
         NULL},
        {"MESSAGE PARITY ERROR: where nothing was said, BUS FREE",
         NULL,
         {{"want sel msg=c0.09", "cont FREE"},
          {"t=2 want atn sel msg=c0." SDTR, "cont " ANSWER "MESSAGE-OUT"},
          {"t=2 want atn msg=08", "cont MESSAGE-OUT"},
          {"t=2 want msg=09", "cont FREE"}},
         NULL},
        {"INITIATOR DETECTED ERROR: the command ends",
         NULL,
         {{"want sel msg=c02005 " WRITE1, "cont DATA-OUT(512)"},
          {"want atn out=512:11", "cont MESSAGE-OUT"},
          {"want msg=05", "cont " CHECK}},
         "b/48/0"},
        {"MESSAGE REJECT of an answer is taken",
         NULL,
         {{"want atn sel msg=c0." SDTR, "cont " ANSWER "MESSAGE-OUT"},
          {"want msg=07", "cont COMMAND"},
          {"want cmd=00:5", "cont " END}},
         NULL},
        {"MESSAGE OUT phase: wrong parity, and all bytes come again",
         NULL,
         {{"want sel msg=c02005 parity", "cont MESSAGE-OUT(again)"},
          {"want msg=c02005", "cont COMMAND"},
          {"want cmd=00:5", "cont " END}},
         NULL},
        {"MESSAGE OUT phase: that what follows waits for them",
         NULL,
         {{"want atn sel msg=c02005 parity", "cont MESSAGE-OUT(again)"},
          {"want atn msg=c02005", "cont MESSAGE-OUT"},
          {"want msg=0d", "cont FREE"}},
         NULL},
        {"MESSAGE OUT phase: too many tries end in BUS FREE",
         NULL,
         {{"want sel msg=c02005 parity", "cont MESSAGE-OUT(again)"},
          {"want msg=c02005 parity", "cont MESSAGE-OUT(again)"},
          {"want msg=c02005 parity", "cont MESSAGE-OUT(again)"},
          {"want msg=c02005 parity", "cont FREE"}},
         NULL},
        {"MESSAGE OUT phase: a fault on demand",
         "parity-error:phase=message-out",
         {{"want atn sel", "cont MESSAGE-OUT"},
          {"want msg=c02005", "cont MESSAGE-OUT(again); arm full"},
          {"want msg=c02005", "cont COMMAND"},
          {"want cmd=00:5", "cont " END}},
         NULL},
        {"COMMAND phase: the command pointer is restored",
         NULL,
         {{"want sel msg=c02005 cmd=00:5 parity", "cont RESTORE POINTERS COMMAND"},
          {"want cmd=00:5", "cont " END}},
         NULL},
        {"COMMAND phase: too many tries end in SCSI PARITY ERROR",
         "parity-error:phase=command,times=4",
         {{"want atn sel", "cont MESSAGE-OUT"},
          {"want msg=80", "cont COMMAND"},
          {"want cmd=00:5", "cont RESTORE POINTERS COMMAND"},
          {"want cmd=00:5", "cont RESTORE POINTERS COMMAND"},
          {"want cmd=00:5", "cont RESTORE POINTERS COMMAND"},
          {"want cmd=00:5", "cont " CHECK "; arm full"}},
         "b/47/0"},
        {"DATA OUT phase: the data pointer is restored",
         "parity-error:phase=data-out",
         {{"want sel msg=802005 " WRITE1, "cont DATA-OUT(512)"},
          {"want out=512:11", "cont RESTORE POINTERS DATA-OUT(512); arm full"},
          {"want out=512:22", "write 0+1; cont " END}},
         NULL},
        {"DATA OUT phase: too many tries end in SCSI PARITY ERROR",
         "parity-error:phase=data-out,times=0",
         {{"want sel msg=802005 " WRITE1, "cont DATA-OUT(512)"},
          {"want out=512:11", "cont RESTORE POINTERS DATA-OUT(512)"},
          {"want out=512:11", "cont RESTORE POINTERS DATA-OUT(512)"},
          {"want out=512:11", "cont RESTORE POINTERS DATA-OUT(512)"},
          {"want out=512:11", "cont " CHECK}},
         "b/47/0"},
        {"disconnect-reconnect: the data of a command come in several tenures",
         NULL,
         {{"t=1 sel msg=c02005 " WRITE1 " free park", ""},
          {"t=2 want sel msg=c02006 cmd=00:5", "cont " END},
          {"t=1 out=512:11 free", "write 0+1; resel 7 IDENTIFY SIMPLE(5) " END}},
         NULL},
        {"disconnect-reconnect: so do those that its process asked for",
         NULL,
         {{"t=1 want sel msg=c02205 " WRITE1, "cont DATA-OUT(512)"},
          {"t=1 free park", ""},
          {"t=2 want sel msg=c02006 cmd=00:5", "cont " END},
          {"t=1 want out=512:11",
           "cont DISCONNECT FREE; write 0+1; resel 7 IDENTIFY SIMPLE(5) " END}},
         NULL},
        {"disconnect-reconnect: the initiator is gone meanwhile",
         NULL,
         {{"t=1 sel msg=c02005 " WRITE1 " free park", ""}, {"t=1 free cut", ""}},
         NULL},
        {"disconnect-reconnect: ABORT TASK meanwhile",
         NULL,
         {{"t=1 sel msg=c02005 " WRITE1 " free park", ""},
          {"t=2 want sel msg=c0.2005.0d", "cont FREE"},
          {"t=1 out=512:11 free", ""}},
         NULL},
        {"disconnect-reconnect: what is refused says so behind its data",
         NULL,
         {{"t=1 sel msg=c02005 cmd=2a:1.0000ffff.00.0001.00 free park", ""},
          {"t=1 out=512:11 free",
           "resel 7 IDENTIFY SIMPLE(5) STATUS(CHECK CONDITION) COMMAND COMPLETE FREE"}},
         "5/21/0 cdb 2"},
        {"DATA IN phase: goes out with wrong parity",
         "parity-error:phase=data-in",
         {{"want sel msg=80 cmd=120000000500", "cont DATA-IN(5)! " END}},
         NULL},
        {"STATUS phase: goes out with wrong parity",
         "parity-error:phase=status",
         {{"want sel msg=80 cmd=00:5", "cont STATUS(GOOD)! COMMAND COMPLETE FREE"},
          {"t=2 want sel msg=80 cmd=00:5", "cont " END}},
         NULL},
        {"MESSAGE IN phase: goes out with wrong parity",
         "parity-error:phase=message-in,times=2",
         {{"want sel msg=c0." SDTR " cmd=00:5",
           "cont SYNCHRONOUS DATA TRANSFER REQUEST(25 15 0 0)! STATUS(GOOD) COMMAND COMPLETE! "
           "FREE"}},
         NULL},
};

START_TEST(messages_and_parity)
{
	struct disk *d = disk_new();
	if (stories[_i].fault)
		(void)disk_fault(d, stories[_i].fault);
	for (unsigned k = 0; k < STEPS && stories[_i].step[k].burst; k++) {
		const char *out = disk_burst(d, stories[_i].step[k].burst);
		ck_assert_msg(strcmp(out, stories[_i].step[k].out) == 0, "%s: step %u: %s",
		              stories[_i].clause, k, out);
	}
	if (stories[_i].sense)
		ck_assert_str_eq(disk_sense(d), stories[_i].sense);
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

/* Commands whose data come later, and that there is no room for: each has its status when its data
 * have come, where they are not too many. */
START_TEST(no_room_for_what_comes_later)
{
	struct disk *d = disk_new();
	unsigned depth = d->cfg.queue_depth, last = depth + TGT_BEYOND_MAX;
	char burst[100], full[100];

	for (unsigned k = 1; k <= last + 1; k++) {
		(void)snprintf(burst, sizeof(burst), "t=%u sel msg=c020%02x " WRITE1 " free park",
		               k, k);
		ck_assert_str_eq(disk_burst(d, burst), "");
		ck_assert_uint_eq(tgt_tasks(d->t), k < last ? k : last);
	}
	ck_assert_str_eq(disk_burst(d, "t=99 want sel msg=c02063 cmd=00:5"), "cont " END);
	for (unsigned k = last + 1; k >= 1; k--) {
		(void)snprintf(burst, sizeof(burst), "t=%u out=512:11 free", k);
		(void)snprintf(
		        full, sizeof(full),
		        "resel 7 IDENTIFY SIMPLE(%u) STATUS(TASK SET FULL) COMMAND COMPLETE FREE",
		        k);
		const char *out = disk_burst(d, burst);
		if (k > last)
			ck_assert_str_eq(out, "");
		else if (k > depth)
			ck_assert_str_eq(out, full);
		else
			ck_assert_ptr_nonnull(strstr(out, "write 0+1"));
	}
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

/* Whatever an initiator may not say, or says out of place, is rejected; the command goes on. */
static const char *const rejected[] = {
        "00", "02", "03", "04",        "0a",      "0b",        "0f",        "10",
        "11", "12", "13", "14",        "18",      "1f",        "23.01",     "2f.00",
        "30", "55", "7f", "0105.00:4", "0101.02", "0109.05:8", "0103.55:2",
};

START_TEST(message_reject)
{
	struct disk *d = disk_new();
	char burst[100], hex[20] = "";
	for (const char *p = rejected[_i]; *p; p++) /* '.' parts what is read by a person */
		(void)strncat(hex, p, 1);
	(void)snprintf(burst, sizeof(burst), "want sel msg=c0.%s cmd=00:5", hex);
	ck_assert_str_eq(disk_burst(d, burst), "cont MESSAGE REJECT " END);
	disk_free(d);
}
END_TEST

/* "BUS FREE phase" follows these: what stands behind them in the same MESSAGE OUT is not heard. */
static const struct {
	const char *code, *out;
} last_ones[] = {
        {"0c", "members none; cont FREE; arm front"},
        {"06", "cont FREE"},
        {"0d", "cont FREE"},
        {"0e", "cont FREE"},
        {"16", "cont FREE"},
        {"17", "members none; cont FREE; arm front"},
};

START_TEST(nothing_is_heard_behind_the_last_message)
{
	struct disk *d = disk_new();
	char burst[400];
	int n = snprintf(burst, sizeof(burst), "want sel msg=80");
	for (unsigned i = 0; i < 90; i++)
		n += snprintf(burst + n, sizeof(burst) - (size_t)n, "%s", last_ones[_i].code);
	ck_assert_str_eq(disk_burst(d, burst), last_ones[_i].out);
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_messages", NULL, NULL, TAP_ONCE(no_room_for_what_comes_later),
               TAP_EACH(messages_and_parity, stories), TAP_EACH(message_reject, rejected),
               TAP_EACH(nothing_is_heard_behind_the_last_message, last_ones));
