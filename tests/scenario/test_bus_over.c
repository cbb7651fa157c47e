/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a target asks for on behalf of a task that is over: by an abort, a reset, RST, or because
 * the initiator gave it up. A real target would not come to reselect for it; here its process may
 * not have heard yet. It must not be taken for what the next task of the tag does.
 */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#define TAG 3

#define IDENTIFY           0xc0
#define SIMPLE             0x20
#define TARGET_RESET       0x0c
#define ABORT_TASK         0x0d
#define ABORT_TASK_SET     0x06
#define CLEAR_TASK_SET     0x0e
#define LOGICAL_UNIT_RESET 0x17

/* Reselection for a status, and the report that no task of ours is meant by it. */
#define STATUS_OF_4                                                                                \
	"T3 ARBITRATION ids=2 win=2\n"                                                             \
	"T3 RESELECTION 7<2 bsy=2,7 sel=2\n"                                                       \
	"T3 MESSAGE IN bsy=2 drv=2 IDENTIFY SIMPLE(4)\n"                                           \
	"T3 STATUS drv=2 GOOD\n"                                                                   \
	"T3 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"                                             \
	"T3 BUS FREE\n"                                                                            \
	"7< TENURE s0 T3 complete status=00 msg_in: IDENTIFY SIMPLE(4) COMMAND COMPLETE\n"

static struct block *data;

/* Target 2, initiator 7; script 5 is a write of two blocks that has come in tenure 1: the port has
 * the data, and disconnected. */
static struct rig *begin(void)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	data = rig_block(1024);
	rig_write(r, 2, 5, TAG, data);
	rig_go(r);
	rig_forget(r);
	return r;
}

static void end(struct rig *r)
{
	rig_free(r);
	block_unref(data);
}

static void status(struct rig *r, uint8_t tag, uint32_t program)
{
	rig_status(r, 2, 7, program, tag, 0);
}

/* The same, of the task that came in that tenure. */
static void status_of(struct rig *r, uint32_t tenure, uint32_t program)
{
	r->came[2][7][TAG] = tenure;
	status(r, TAG, program);
}

/* Script 6: nothing but messages. */
static void message(struct rig *r, uint8_t code)
{
	const uint8_t tagged[] = {IDENTIFY, SIMPLE, TAG, code}, plain[] = {IDENTIFY, code};
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	if (code == ABORT_TASK)
		it_message(&i, ITEM_MSG_OUT, tagged, sizeof(tagged));
	else
		it_message(&i, ITEM_MSG_OUT, plain, sizeof(plain));
	rig_script(r, 7, 6, &i, NULL);
}

static void answer(struct rig *r)
{
	rig_plain(r, 2, ITEM_FREE, 0);
}

static void reset(struct rig *r)
{
	struct wire_frame rst = {.type = WIRE_RESET};

	rig_frame(r, r->handle[7], &rst);
	rig_go(r);
	rig_forget(r);
}

/* ---- messages ---- */

/* The status waited for the bus when the abort came. */
START_TEST(an_aborted_task_does_not_reselect)
{
	struct rig *r = begin();

	message(r, ABORT_TASK);
	status(r, TAG, 1);
	status(r, 4, 2); /* another task's */
	rig_forget(r);
	rig_go(r);
	answer(r);
	rig_expect(r, "T2 ARBITRATION ids=2,7 win=7\n"
	              "T2 SELECTION 7>2 bsy=2 sel=7 atn\n"
	              "T2 MESSAGE OUT bsy=2 drv=2 IDENTIFY SIMPLE(3) ABORT TASK atn\n"
	              "2< BURST target T2 wanted [SELECT MSG_OUT]\n"
	              "T2 BUS FREE\n"
	              "2< BURST target T0 p1 [FREE!]\n"
	              "7< TENURE s6 T2 complete\n" STATUS_OF_4);
	end(r);
}
END_TEST

/* It comes to the server after the message went out, of a target that has not heard it yet. */
START_TEST(a_task_that_is_being_aborted_does_not_reselect)
{
	struct rig *r = begin();

	message(r, ABORT_TASK);
	rig_go(r);
	status(r, TAG, 1);
	status(r, 4, 2);
	rig_forget(r);
	answer(r);
	rig_expect(r, "T2 BUS FREE\n"
	              "2< BURST target T0 p1 [FREE!]\n"
	              "7< TENURE s6 T2 complete\n" STATUS_OF_4);
	end(r);
}
END_TEST

/* The target goes before it has answered the abort: what it asked for goes with it. */
START_TEST(a_target_dies_while_it_is_told_to_abort)
{
	struct rig *r = begin();

	message(r, ABORT_TASK);
	rig_go(r);
	status(r, TAG, 1);
	rig_forget(r);
	rig_gone(r, 2);
	rig_expect(r, "T2 BUS FREE\n"
	              "7< TENURE s6 T2 unexpected_free\n"
	              "7< PORT 2 down\n");
	end(r);
}
END_TEST

static const uint8_t messages[] = {ABORT_TASK_SET, CLEAR_TASK_SET, LOGICAL_UNIT_RESET,
                                   TARGET_RESET};

/* All of the initiator's tasks there are over. */
START_TEST(tasks_that_a_message_ends_do_not_reselect)
{
	struct rig *r = begin();

	message(r, messages[_i]);
	rig_go(r);
	status(r, TAG, 1);
	status(r, 4, 2);
	rig_forget(r);
	answer(r);
	rig_expect(r, "T2 BUS FREE\n"
	              "2< BURST target T0 p1 [FREE!]\n"
	              "2< BURST target T0 p2 [FREE!]\n"
	              "7< TENURE s6 T2 complete\n");
	end(r);
}
END_TEST

/* ---- RST ---- */

/* The target sent it before it heard of RST; it comes while the bus is free, and while a command
 * with the tag that has been used again waits for its own status. */
START_TEST(a_task_that_rst_ended_does_not_reselect)
{
	struct rig *r = begin();

	reset(r); /* tenure 2 */
	status_of(r, 1, 1);
	rig_go(r);
	rig_expect(r, "2< BURST target T0 p1 [FREE!]\n");
	rig_write(r, 2, 7, TAG, data);
	rig_go(r);
	rig_forget(r);
	status_of(r, 1, 2);
	status_of(r, 3, 3);
	rig_go(r);
	rig_expect(r, "T4 ARBITRATION ids=2 win=2\n"
	              "T4 RESELECTION 7<2 bsy=2,7 sel=2\n"
	              "T4 MESSAGE IN bsy=2 drv=2 IDENTIFY SIMPLE(3)\n"
	              "T4 STATUS drv=2 GOOD\n"
	              "T4 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T4 BUS FREE\n"
	              "2< BURST target T0 p2 [FREE!]\n"
	              "7< TENURE s7 T4 complete status=00 msg_in: IDENTIFY SIMPLE(3) COMMAND "
	              "COMPLETE\n");
	end(r);
}
END_TEST

/* ---- the tag is another task's ---- */

START_TEST(the_tag_of_a_task_that_was_given_up)
{
	struct rig *r = begin();

	rig_cancel(r, 7, 5);
	rig_write(r, 2, 7, TAG, data);
	rig_go(r);
	rig_forget(r);
	status_of(r, 1, 1);
	status_of(r, 2, 2);
	rig_go(r);
	rig_expect(r, "T3 ARBITRATION ids=2 win=2\n"
	              "T3 RESELECTION 7<2 bsy=2,7 sel=2\n"
	              "T3 MESSAGE IN bsy=2 drv=2 IDENTIFY SIMPLE(3)\n"
	              "T3 STATUS drv=2 GOOD\n"
	              "T3 MESSAGE IN bsy=2 drv=2 COMMAND COMPLETE\n"
	              "T3 BUS FREE\n"
	              "2< BURST target T0 p1 [FREE!]\n"
	              "7< TENURE s7 T3 complete status=00 msg_in: IDENTIFY SIMPLE(3) COMMAND "
	              "COMPLETE\n");
	end(r);
}
END_TEST

TAP_MAIN_TABLE("bus_over", NULL, NULL, TAP_ONCE(an_aborted_task_does_not_reselect),
               TAP_ONCE(a_task_that_is_being_aborted_does_not_reselect),
               TAP_ONCE(a_target_dies_while_it_is_told_to_abort),
               TAP_EACH(tasks_that_a_message_ends_do_not_reselect, messages),
               TAP_ONCE(a_task_that_rst_ended_does_not_reselect),
               TAP_ONCE(the_tag_of_a_task_that_was_given_up));
