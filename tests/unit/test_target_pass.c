/* SPDX-License-Identifier: BSD-2-Clause */
/* The target's role in silent mirroring, armed and unarmed (the steps of a pass; claims 1 to 9). */
#include "unit/disk.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

/* IDENTIFY with DiscPriv, SIMPLE(5), TARGET LEADER IDENTIFICATION / TARGET SELECTION / BUS RELEASE
 * of group 1, operation 9. Our device is 2. */
#define LEADER(device) "c0.2005.010ae001000001" device "00000009"
#define CHAINED                                                                                    \
	"2006.010ae00100000102"                                                                    \
	"0000000a"
#define BROADCAST(device, devices) "c0.2005.010ee001030001" device "00000009000000" devices
#define SELECT(device)             "010ae002000001" device "00000009"
#define RELEASE                                                                                    \
	"010ae003000001"                                                                           \
	"02"                                                                                       \
	"00000009"
#define WRITE16  "8a00:8.00000002:2" /* 2 blocks at 0 */
#define VERIFY16 "8f02:8.00000002:2"
#define SYNC10   "35:9"
#define GOOD5                                                                                      \
	"resel 7 IDENTIFY SIMPLE(5) MIRROR STATUS(1:2 op 9 GOOD) STATUS(GOOD) COMMAND COMPLETE "   \
	"FREE"
#define BAD5(status, sense)                                                                        \
	"resel 7 IDENTIFY SIMPLE(5) MIRROR STATUS(1:2 op 9 " status sense ") STATUS(" status       \
	") COMMAND COMPLETE FREE"

static struct disk *member(void)
{
	struct disk *d = disk_new();
	disk_join(d);
	return d;
}

static bool filled(const struct disk *d, unsigned lba, unsigned blocks, uint8_t with)
{
	for (size_t i = (size_t)lba * 512; i < (size_t)(lba + blocks) * 512; i++)
		if (d->media[i] != with)
			return false;
	return true;
}

START_TEST(armed_leader)
{
	struct disk *d = member();
	ck_assert_str_eq(disk_burst(d, "role=L sel msg=" LEADER("02") " cmd=" WRITE16
	                                                              " out=1024:5a msg=" SELECT(
	                                                                      "03") " msg=" RELEASE
	                                                                            " free"),
	                 "write 0+2; " GOOD5);
	ck_assert(filled(d, 0, 2, 0x5a) && filled(d, 2, 1, 0));
	disk_free(d);
}
END_TEST

/* What goes on at a member in the background is told by its own status; after that it is a member
 * as before. */
START_TEST(a_member_that_is_sanitized)
{
	struct disk *d = member();
	static const char pass[] = "role=L sel msg=" LEADER(
	        "02") " cmd=" WRITE16 " out=1024:5a msg=" SELECT("03") " msg=" RELEASE " free";
	d->hold = true;
	(void)disk_burst(d, "t=2 want sel msg=80 cmd=4881:5.0005.00 out=x0100000133");
	(void)disk_answer(d, 0);
	ck_assert_str_eq(disk_burst(d, pass), BAD5("CHECK CONDITION", " 2/4/1b progress 0"));
	(void)disk_release(d);
	ck_assert(filled(d, 0, 64, 0x33));
	d->hold = false;
	ck_assert_str_eq(disk_burst(d, pass), "write 0+2; " GOOD5);
	ck_assert(filled(d, 0, 2, 0x5a));
	/* one whose sanitize failed */
	d->result = STORE_ERROR;
	(void)disk_burst(d, "t=3 want sel msg=80 cmd=4881:5.0005.00 out=x0100000133");
	d->result = STORE_OK;
	ck_assert_str_eq(disk_burst(d, pass), BAD5("CHECK CONDITION", " 3/31/3"));
	disk_free(d);
}
END_TEST

START_TEST(armed_participant)
{
	struct disk *d = member();
	ck_assert_str_eq(disk_burst(d,
	                            "role=P latch=" LEADER("01") " cmd=" WRITE16
	                                                         " tok out=1024:5a msg=" RELEASE),
	                 "write 0+2; " GOOD5);
	ck_assert(filled(d, 0, 2, 0x5a));
	disk_free(d);
}
END_TEST

/* One DATA OUT for all: no TARGET SELECTION, no token. */
START_TEST(armed_in_a_broadcast)
{
	struct disk *d = member();
	ck_assert_str_eq(
	        disk_burst(d, "role=P latch=" BROADCAST("01", "06") " cmd=" WRITE16 " out=1024:5a"),
	        "write 0+2; " GOOD5);
	ck_assert(filled(d, 0, 2, 0x5a));
	ck_assert_str_eq(disk_burst(d, "t=2 role=L sel msg=" BROADCAST("02", "06") " cmd=" WRITE16
	                                                                           " out=1024:77 "
	                                                                           "free"),
	                 "write 0+2; " GOOD5);
	ck_assert(filled(d, 0, 2, 0x77));
	disk_free(d);
}
END_TEST

START_TEST(unarmed_leader_of_a_broadcast)
{
	struct disk *d = member();
	(void)disk_fault(d, "die:at=status"); /* disarms */
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "role=L want atn sel"), "cont MESSAGE-OUT");
	ck_assert_str_eq(disk_burst(d, "role=L want msg=" BROADCAST("02", "06")), "cont COMMAND");
	ck_assert_str_eq(disk_burst(d, "role=L want cmd=" WRITE16), "cont DATA-OUT(1024)");
	ck_assert_str_eq(disk_burst(d, "role=L want atn out=1024:11"),
	                 "write 0+2; cont MESSAGE-OUT");
	/* TARGET SELECTION and a BUS RELEASE of a silent pass are out of place */
	ck_assert_str_eq(disk_burst(d, "role=L want atn msg=" SELECT("03")),
	                 "cont MESSAGE REJECT MESSAGE-OUT");
	ck_assert_str_eq(disk_burst(d, "role=L want atn msg=" RELEASE),
	                 "cont MESSAGE REJECT MESSAGE-OUT");
	ck_assert_str_eq(disk_burst(d, "role=L want msg=010ee003020001020000000900000006"),
	                 "cont FREE");
	ck_assert_str_eq(disk_release(d), "die");
	disk_free(d);
}
END_TEST

/* The port may have latched the data before it heard that it was to be disarmed. */
START_TEST(refusals_in_a_broadcast)
{
	struct disk *d = member();
	(void)disk_fault(d, "busy:times=1");
	ck_assert_str_eq(
	        disk_burst(d, "role=P latch=" BROADCAST("01", "06") " cmd=" WRITE16 " out=1024:5a"),
	        BAD5("BUSY", "") "; arm full");
	(void)disk_fault(d, "crc-error:times=1");
	ck_assert_str_eq(disk_burst(d, "t=2 role=P latch=" BROADCAST("01", "06") " cmd=" WRITE16
	                                                                         " out=1024:5a"),
	                 BAD5("CHECK CONDITION", " b/47/1"));
	ck_assert(filled(d, 0, 2, 0));
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

START_TEST(unarmed_leader_phase_by_phase)
{
	struct disk *d = member();
	(void)disk_fault(d, "die:at=status"); /* disarms */
	ck_assert_str_eq(disk_burst(d, "role=L want atn sel"), "cont MESSAGE-OUT");
	ck_assert_str_eq(disk_burst(d, "role=L want msg=" LEADER("02")), "cont COMMAND");
	ck_assert_str_eq(disk_burst(d, "role=L want cmd=" WRITE16), "cont DATA-OUT(1024)");
	d->hold = true;
	ck_assert_str_eq(disk_burst(d, "role=L want atn out=1024:11"),
	                 "write 0+2; cont MESSAGE-OUT");
	ck_assert_str_eq(disk_burst(d, "role=L want msg=" SELECT("03")), "cont PASS");
	/* the participant drives the next message: snooped, nothing to answer */
	ck_assert_str_eq(disk_burst(d, "role=L msg=" SELECT("04")), "");
	/* that one does not take the token: it is the leader's again */
	ck_assert_str_eq(disk_burst(d, "role=L want atn tok"), "cont MESSAGE-OUT");
	ck_assert_str_eq(disk_burst(d, "role=L want msg=" RELEASE), "cont FREE");
	ck_assert_str_eq(disk_release(d), "die");
	disk_free(d);
}
END_TEST

START_TEST(leader_frees_on_release_driven_by_another)
{
	struct disk *d = member();
	ck_assert_str_eq(
	        disk_burst(d, "role=L want sel msg=" LEADER("02") " cmd=" WRITE16
	                                                          " out=1024:11 msg=" SELECT("03")),
	        "write 0+2; cont PASS; " GOOD5);
	ck_assert_str_eq(disk_burst(d, "role=L want msg=" RELEASE), "cont FREE");
	disk_free(d);
}
END_TEST

START_TEST(unarmed_participant)
{
	struct disk *d = member();
	ck_assert_str_eq(disk_burst(d, "role=P latch=" LEADER("01")), "");
	ck_assert_str_eq(disk_burst(d, "role=P cmd=" WRITE16), "");
	ck_assert_str_eq(disk_burst(d, "role=P want tok"), "cont DATA-OUT(1024)");
	ck_assert_str_eq(disk_burst(d, "role=P want atn out=1024:22"),
	                 "write 0+2; cont MESSAGE-OUT; " GOOD5);
	ck_assert_str_eq(disk_burst(d, "role=P msg=" RELEASE), "");
	disk_free(d);
}
END_TEST

START_TEST(latched_but_never_named)
{
	struct disk *d = member();
	ck_assert_str_eq(disk_burst(d, "role=P latch=" LEADER("01") " cmd=" WRITE16), "");
	ck_assert_str_eq(disk_burst(d, "role=P free"), "");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	/* the next tenure begins anew: a token without a latch takes nothing */
	ck_assert_str_eq(disk_burst(d, "t=2 role=P want tok"), "cont MESSAGE-OUT");
	disk_free(d);
}
END_TEST

START_TEST(chained_passes_of_one_tenure)
{
	struct disk *d = member();
	ck_assert_str_eq(disk_burst(d, "role=L sel msg=" LEADER("02") " cmd=" WRITE16
	                                                              " out=1024:11 msg=" CHAINED),
	                 "write 0+2; " GOOD5);
	ck_assert_str_eq(
	        disk_burst(d, "role=L cmd=8a00:8.00000001:2 out=512:33 "
	                      "msg=010ae003000001020000000a free"),
	        "write 0+1; resel 7 IDENTIFY SIMPLE(6) MIRROR STATUS(1:2 op 10 GOOD) STATUS(GOOD) "
	        "COMMAND COMPLETE FREE");
	ck_assert(filled(d, 0, 1, 0x33) && filled(d, 1, 1, 0x11));
	disk_free(d);
}
END_TEST

/* No STATUS and no disconnection inside a mirroring tenure: whoever refuses skips DATA OUT. */
static const struct {
	const char *fault, *status;
} refusals[] = {
        {"busy", BAD5("BUSY", "")},
        {"task-set-full", BAD5("TASK SET FULL", "")},
};

START_TEST(refuses_without_data)
{
	static const char *const bursts[] = {
	        "role=L want atn sel msg=" LEADER("02") " cmd=" WRITE16,
	        "role=P want atn latch=" LEADER("01") " cmd=" WRITE16 " tok",
	};
	char want[300];
	for (size_t i = 0; i < ARRAY_LEN(bursts); i++) {
		struct disk *d = member();
		(void)disk_fault(d, refusals[_i].fault);
		(void)snprintf(want, sizeof(want), "%s; cont MESSAGE-OUT; arm full",
		               refusals[_i].status);
		ck_assert_str_eq(disk_burst(d, bursts[i]), want);
		ck_assert_uint_eq(tgt_tasks(d->t), 0);
		ck_assert(filled(d, 0, 2, 0));
		disk_free(d);
	}
}
END_TEST

START_TEST(refuses_with_unit_attention)
{
	struct disk *d = member();
	ck_assert_str_eq(disk_reset(d), "members 1:2; arm front");
	ck_assert_str_eq(disk_burst(d, "role=L want atn sel msg=" LEADER("02") " cmd=" WRITE16),
	                 BAD5("CHECK CONDITION", " 6/29/2") "; cont MESSAGE-OUT; arm full");
	/* it was told: the next pass is taken, and no sense is left behind */
	ck_assert_str_eq(disk_sense(d), "0/0/0");
	ck_assert_str_eq(
	        disk_burst(d, "t=2 role=L sel msg=" LEADER(
	                              "02") " cmd=" WRITE16 " out=1024:5a msg=" RELEASE " free"),
	        "write 0+2; " GOOD5);
	disk_free(d);
}
END_TEST

START_TEST(armed_data_of_a_refused_command_are_not_stored)
{
	struct disk *d = member();
	(void)disk_reset(d);
	ck_assert_str_eq(disk_burst(d,
	                            "role=P latch=" LEADER("01") " cmd=" WRITE16
	                                                         " tok out=1024:5a msg=" RELEASE),
	                 BAD5("CHECK CONDITION", " 6/29/2") "; arm full");
	ck_assert(filled(d, 0, 2, 0));
	disk_free(d);
}
END_TEST

START_TEST(data_cut_off)
{
	struct disk *d = member();
	ck_assert_str_eq(disk_burst(d, "role=P latch=" LEADER("01") " cmd=" WRITE16
	                                                            " tok out=512:5a cut free cut"),
	                 BAD5("CHECK CONDITION", " b/4b/0"));
	ck_assert_str_eq(
	        disk_burst(d, "t=2 role=P latch=" LEADER("01") " cmd=" WRITE16
	                                                       " tok out=1024:5a cut free cut"),
	        BAD5("CHECK CONDITION", " b/4b/0"));
	ck_assert(filled(d, 0, 2, 0));
	disk_free(d);
}
END_TEST

START_TEST(leader_gone_after_our_data)
{
	struct disk *d = member();
	ck_assert_str_eq(disk_burst(d, "role=P latch=" LEADER("01") " cmd=" WRITE16
	                                                            " tok out=1024:5a free cut"),
	                 "write 0+2; " GOOD5);
	disk_free(d);
}
END_TEST

START_TEST(leader_gone_before_our_data)
{
	struct disk *d = member();
	ck_assert_str_eq(disk_burst(d, "role=P want latch=" LEADER("01") " cmd=" WRITE16 " tok"),
	                 "cont DATA-OUT(1024)");
	ck_assert_str_eq(disk_burst(d, "role=P free cut"), "");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

START_TEST(data_crc)
{
	struct disk *d = member();
	ck_assert_str_eq(
	        disk_burst(d, "role=P latch=" LEADER("01") " cmd=" WRITE16
	                                                   " tok out=1024:5a badcrc msg=" RELEASE),
	        BAD5("CHECK CONDITION", " b/47/1"));
	(void)disk_fault(d, "crc-error");
	ck_assert_str_eq(
	        disk_burst(d, "t=2 role=P latch=" LEADER("01") " cmd=" WRITE16
	                                                       " tok out=1024:5a msg=" RELEASE),
	        BAD5("CHECK CONDITION", " b/47/1"));
	ck_assert(filled(d, 0, 2, 0));
	disk_free(d);
}
END_TEST

START_TEST(medium_error_names_the_first_bad_block)
{
	struct disk *d = member();
	(void)disk_fault(d, "medium-error:lba=1,blocks=5");
	ck_assert_str_eq(disk_burst(d,
	                            "role=P latch=" LEADER("01") " cmd=" WRITE16
	                                                         " tok out=1024:5a msg=" RELEASE),
	                 "write 0+1; " BAD5("CHECK CONDITION", " 3/c/0 info 1"));
	ck_assert(filled(d, 0, 1, 0x5a) && filled(d, 1, 1, 0));
	/* a mirror status leaves no allegiance: other commands see nothing of it */
	ck_assert_str_eq(disk_sense(d), "0/0/0");
	disk_free(d);
}
END_TEST

START_TEST(verify_pass)
{
	struct disk *d = member();
	memset(d->media, 0x5a, 1024);
	ck_assert_str_eq(disk_burst(d,
	                            "role=P latch=" LEADER("01") " cmd=" VERIFY16
	                                                         " tok out=1024:5a msg=" RELEASE),
	                 "compare 0+2; " GOOD5);
	d->media[600] = 0;
	ck_assert_str_eq(
	        disk_burst(d, "t=2 role=P latch=" LEADER("01") " cmd=" VERIFY16
	                                                       " tok out=1024:5a msg=" RELEASE),
	        "compare 0+2; " BAD5("CHECK CONDITION", " e/1d/0 info 1"));
	disk_free(d);
}
END_TEST

START_TEST(flush_pass_has_no_data)
{
	struct disk *d = member();
	ck_assert_str_eq(disk_burst(d, "role=L want atn sel msg=" LEADER("02") " cmd=" SYNC10),
	                 "flush; cont MESSAGE-OUT; " GOOD5);
	ck_assert_str_eq(disk_burst(d, "t=2 role=P want latch=" LEADER("01") " cmd=" SYNC10 " tok"),
	                 "flush; cont MESSAGE-OUT; " GOOD5);
	disk_free(d);
}
END_TEST

/* Groups, devices and commands that are no business of ours. */
static const struct {
	const char *burst, *out;
} foreign[] = {
        {"role=L want sel msg=c0.2005.010ae0010000070200000009",
         "cont MESSAGE REJECT FREE"}, /* group 7 */
        {"role=L want sel msg=" LEADER("03"), "cont MESSAGE REJECT FREE"},
        {"role=L want sel msg=c0.010ae0010000010200000009",
         "cont MESSAGE REJECT FREE"}, /* no tag */
        {"role=L want sel msg=c0.2005.010ee001020001020000000900000003",
         "cont MESSAGE REJECT FREE"}, /* a broadcast that does not name us */
        {"role=P latch=" BROADCAST("01", "03") " cmd=" WRITE16 " out=1024:5a", ""},
        {"role=L want sel msg=c0.2005.0105e001000001",
         "cont MESSAGE REJECT COMMAND"}, /* cut short */
        {"want sel msg=c0." SELECT("02"), "cont MESSAGE REJECT FREE"},
        {"role=P want latch=c0.2005.010ae0010000070100000009 cmd=" WRITE16 " tok",
         "cont MESSAGE-OUT"},
        {"role=P latch=c0.2005.010ae0010000070100000009 cmd=" WRITE16 " tok out=1024:5a", ""},
        {"role=P want latch=" LEADER("01") " cmd=28:9 tok",
         BAD5("CHECK CONDITION", " 5/20/0 cdb 0.7") "; cont MESSAGE-OUT"},
        {"role=P want latch=" LEADER("01") " cmd=2f:9 tok",
         BAD5("CHECK CONDITION", " 5/24/0 cdb 1.2") "; cont MESSAGE-OUT"},
        {"role=P want latch=" LEADER("01") " cmd=8a00:6.00400000.0002:2 tok",
         BAD5("CHECK CONDITION", " 5/21/0 cdb 2") "; cont MESSAGE-OUT"},
};

START_TEST(what_is_not_ours)
{
	struct disk *d = member();
	ck_assert_str_eq(disk_burst(d, foreign[_i].burst), foreign[_i].out);
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	ck_assert(filled(d, 0, 64, 0));
	disk_free(d);
}
END_TEST

START_TEST(no_member_ignores_everything)
{
	struct disk *d = disk_new();
	ck_assert_str_eq(
	        disk_burst(d, "role=P latch=" LEADER("01") " cmd=" WRITE16 " tok out=1024:5a"), "");
	ck_assert_str_eq(disk_burst(d, "t=2 role=L want sel msg=" LEADER("02")),
	                 "cont MESSAGE REJECT FREE");
	ck_assert(filled(d, 0, 64, 0));
	disk_free(d);
}
END_TEST

START_TEST(tag_in_use)
{
	struct disk *d = member();
	d->hold = true;
	ck_assert_str_eq(disk_burst(d,
	                            "role=P latch=" LEADER("01") " cmd=" WRITE16
	                                                         " tok out=1024:11 msg=" RELEASE),
	                 "write 0+2");
	ck_assert_str_eq(
	        disk_burst(d, "t=2 role=P want latch=" LEADER("01") " cmd=" WRITE16 " tok"),
	        BAD5("CHECK CONDITION", " b/4e/0") "; cont MESSAGE-OUT");
	ck_assert_str_eq(disk_release(d), "");
	ck_assert_uint_eq(tgt_tasks(d->t), 0);
	disk_free(d);
}
END_TEST

TAP_MAIN_TABLE("target_pass", NULL, NULL, TAP_ONCE(armed_leader),
               TAP_ONCE(a_member_that_is_sanitized), TAP_ONCE(armed_participant),
               TAP_ONCE(armed_in_a_broadcast), TAP_ONCE(unarmed_leader_of_a_broadcast),
               TAP_ONCE(refusals_in_a_broadcast), TAP_ONCE(unarmed_leader_phase_by_phase),
               TAP_ONCE(leader_frees_on_release_driven_by_another), TAP_ONCE(unarmed_participant),
               TAP_ONCE(latched_but_never_named), TAP_ONCE(chained_passes_of_one_tenure),
               TAP_EACH(refuses_without_data, refusals), TAP_ONCE(refuses_with_unit_attention),
               TAP_ONCE(armed_data_of_a_refused_command_are_not_stored), TAP_ONCE(data_cut_off),
               TAP_ONCE(leader_gone_after_our_data), TAP_ONCE(leader_gone_before_our_data),
               TAP_ONCE(data_crc), TAP_ONCE(medium_error_names_the_first_bad_block),
               TAP_ONCE(verify_pass), TAP_ONCE(flush_pass_has_no_data),
               TAP_EACH(what_is_not_ours, foreign), TAP_ONCE(no_member_ignores_everything),
               TAP_ONCE(tag_in_use));
