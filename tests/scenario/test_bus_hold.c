/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus core and one port that would have the bus, or what the bus brings, for itself. */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#include <stdlib.h>
#include <string.h>

/* A target whose process is asked for each phase, and the initiator 7. */
static struct rig *begin(const struct bus_config *cfg)
{
	struct rig *r = rig_new(cfg);

	rig_attach(r, 2, ROLE_TARGET, "disk2");
	rig_attach(r, 7, ROLE_INITIATOR, "host");
	rig_go(r);
	rig_forget(r);
	return r;
}

/* ---- programs ---- */

static void put(struct items *i, uint8_t kind, uint8_t flags, uint32_t len, const void *p)
{
	wire_item_put(&i->w,
	              &(struct wire_item){
	                      .kind = kind, .flags = flags, .len = len, .bytes = {p, p ? len : 0}});
}

/* A task with eight pieces of data, which has disconnected; another one has the bus. */
static void eight_pieces(struct rig *r, struct block *data)
{
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, 1);
	it_cdb6(&i, 0, 0);
	for (uint32_t n = 0; n < 8; n++)
		it_data(&i, ITEM_DATA_OUT, n, 1, 0);
	rig_script(r, 7, 1, &i, data);
	rig_go(r);
	it_begin(&i);
	it_plain(&i, ITEM_MSG_OUT, 0);
	it_plain(&i, ITEM_COMMAND, 0);
	it_disconnect(&i);
	rig_continue(r, 2, &i, NULL);
	rig_go(r);
	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, 2);
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, 2, &i, NULL);
	rig_go(r);
}

/* What a step has room for is shared by its tenures: one program has its part of it, however many
 * phases it asks for. */
START_TEST(a_program_of_more_phases_than_there_is_room_for)
{
	struct bus_config cfg = bus_config_default();
	cfg.tenures_per_go = 20;
	struct rig *r = begin(&cfg);
	struct block *data = rig_block(8);
	const uint32_t handle = r->handle[2];
	struct items i;

	r->traces = r->sends = false;
	eight_pieces(r, data);
	for (uint32_t n = 1; n <= 20; n++) {
		it_reconnect(&i, n < 20 ? 99 : 1);
		for (unsigned k = 0; n < 20 && k < 80; k++)
			put(&i, ITEM_STATUS, ITEM_PARITY, 0, NULL);
		for (unsigned k = 0; n == 20 && k < 150; k++) {
			if (_i)
				put(&i, ITEM_STATUS, ITEM_PARITY, 0, NULL);
			else
				put(&i, ITEM_MSG_IN, ITEM_PARITY, 1, "\3");
			put(&i, ITEM_DATA_OUT, 0, 8, NULL);
		}
		it_plain(&i, ITEM_FREE, 0);
		rig_reselect(r, 2, 7, n, &i, NULL);
	}
	ck_assert(!rig_closed(r, handle));
	rig_plain(r, 2, ITEM_FREE, 0);
	rig_go(r);
	ck_assert(rig_closed(r, handle));
	ck_assert_uint_eq(r->report[r->n_reports - 1].outcome, OUTCOME_RESET);
	ck_assert(!rig_closed(r, r->handle[7]));
	rig_end(r, data);
}
END_TEST

/* ---- put out, and back ---- */

/* Selected, target 2 says nothing; heartbeats go on. */
static void is_mute(struct rig *r)
{
	const struct wire_frame ping = {.type = WIRE_PING};
	const uint32_t handle = r->handle[2];
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, 1);
	rig_script(r, 7, 1, &i, NULL);
	rig_go(r);
	rig_wait(r, 2 * NS_PER_S);
	ck_assert(rig_closed(r, handle));
	rig_frame(r, r->handle[7], &ping);
}

static void wait_for(struct rig *r, ns_t ns)
{
	const struct wire_frame ping = {.type = WIRE_PING};

	for (; ns > 0; ns -= ns < NS_PER_S ? ns : NS_PER_S) {
		rig_wait(r, ns < NS_PER_S ? ns : NS_PER_S);
		for (unsigned i = 0; i < WIRE_IDS; i++)
			if (r->handle[i])
				rig_frame(r, r->handle[i], &ping);
	}
}

/* Whether there is a target 2 now that asked for it. */
static bool comes_back(struct rig *r, const char *name)
{
	rig_attach(r, 2, ROLE_TARGET, name);
	rig_go(r);
	return r->handle[2] != 0;
}

/* At once the first time; then its ID waits, twice as long each time, up to minutes. */
START_TEST(who_is_put_out_again_and_again_waits)
{
	struct rig *r = begin(NULL);

	r->traces = false;
	is_mute(r);
	ck_assert(comes_back(r, "disk2"));
	for (ns_t wait = 4 * NS_PER_S; wait <= 512 * NS_PER_S; wait *= 2) {
		is_mute(r);
		rig_forget(r);
		ck_assert(!comes_back(r, wait % 3 ? "disk2" : "other"));
		if (wait == 8 * NS_PER_S)
			rig_expect(r, "h0< REFUSED flood 8000: SCSI ID 2 has kept the bus from "
			              "others 3 times of late: not before 8000 ms have passed\n");
		wait_for(r, (wait < 256 * NS_PER_S ? wait : 256 * NS_PER_S) - NS_PER_MS);
		ck_assert(!comes_back(r, "disk2"));
		wait_for(r, NS_PER_MS);
		ck_assert(comes_back(r, "disk2"));
	}
	rig_free(r);
}
END_TEST

START_TEST(who_behaves_is_forgiven)
{
	struct rig *r = begin(NULL);

	r->traces = r->sends = false;
	is_mute(r);
	ck_assert(comes_back(r, "disk2"));
	is_mute(r);
	wait_for(r, 4 * NS_PER_S);
	for (unsigned n = 0; n < 10; n++) { /* once in two minutes: at once again */
		ck_assert(comes_back(r, "disk2"));
		wait_for(r, 120 * NS_PER_S);
		is_mute(r);
	}
	ck_assert(comes_back(r, "disk2"));
	rig_free(r);
}
END_TEST

/* What a target did is not held against an initiator that has its ID later. */
START_TEST(an_initiator_does_not_wait)
{
	struct rig *r = begin(NULL);

	r->traces = r->sends = false;
	is_mute(r);
	ck_assert(comes_back(r, "disk2"));
	is_mute(r);
	ck_assert(!comes_back(r, "disk2"));
	rig_attach(r, 2, ROLE_INITIATOR, "second");
	rig_go(r);
	ck_assert_uint_ne(r->handle[2], 0);
	rig_free(r);
}
END_TEST

/* ---- what it keeps the bus ---- */

static void selected(struct rig *r, uint32_t script)
{
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, 1);
	rig_script(r, 7, script, &i, NULL);
	rig_go(r);
}

/* It does not answer, it asserts RST: so late, as often as that is borne. */
static unsigned dodges(struct rig *r, ns_t late)
{
	const struct wire_frame rst = {.type = WIRE_RESET};
	const uint32_t handle = r->handle[2];

	for (unsigned n = 1; n <= 60; n++) {
		selected(r, n);
		wait_for(r, late);
		rig_frame(r, handle, &rst);
		if (rig_closed(r, handle))
			return n;
	}
	return 0;
}

START_TEST(rst_is_no_answer)
{
	static const ns_t late[] = {0, 110 * NS_PER_MS, 500 * NS_PER_MS, 1900 * NS_PER_MS};
	static const unsigned times[] = {17, 17, 12, 3};
	struct rig *r = begin(NULL);

	r->traces = r->sends = false;
	ck_assert_uint_eq(dodges(r, late[_i]), times[_i]);
	rig_free(r);
}
END_TEST

/* The initiator may, whoever is awaited. */
START_TEST(rst_of_another_one_is_not_held_against_who_is_awaited)
{
	const struct wire_frame rst = {.type = WIRE_RESET};
	struct rig *r = begin(NULL);
	const uint32_t handle = r->handle[2];

	r->traces = r->sends = false;
	for (unsigned n = 1; n <= 40; n++) {
		selected(r, n);
		rig_frame(r, r->handle[7], &rst);
	}
	ck_assert(!rig_closed(r, handle));
	rig_free(r);
}
END_TEST

/* It keeps the bus until the initiator goes, each time: that is a wait, too. */
START_TEST(what_ends_without_an_answer_counts)
{
	struct rig *r = begin(NULL);
	unsigned n;

	r->traces = r->sends = false;
	for (n = 1; n < 20 && r->handle[2] != 0; n++) {
		selected(r, n);
		wait_for(r, 1900 * NS_PER_MS);
		rig_close(r, r->handle[7]);
		rig_attach(r, 7, ROLE_INITIATOR, "host");
		rig_go(r);
	}
	ck_assert_uint_le(n, 9);
	rig_free(r);
}
END_TEST

/* Reselections of target 2, which answers late; meanwhile the initiator has a script that waits, if
 * `wanted`. How long until it is out; 0: it is not, for a minute. */
static ns_t answers_late(struct rig *r, ns_t late, bool wanted)
{
	const ns_t begun = r->now;
	struct items i;

	for (uint32_t n = 1; r->handle[2] && r->now - begun < 60 * NS_PER_S; n++) {
		it_begin(&i);
		it_hex(&i, ITEM_MSG_IN, "80");
		rig_reselect(r, 2, 7, n, &i, NULL);
		rig_go(r);
		if (wanted) {
			it_begin(&i);
			it_select(&i, 5);
			rig_script(r, 7, n, &i, NULL);
		}
		wait_for(r, late);
		rig_plain(r, 2, ITEM_FREE, 0);
		rig_go(r); /* the script is run */
	}
	return r->handle[2] ? 0 : r->now - begun;
}

/* Below each limit, and nobody else has the bus but for an instant. */
START_TEST(who_is_late_while_others_wait_is_out)
{
	static const ns_t late[] = {900 * NS_PER_MS, 500 * NS_PER_MS, 250 * NS_PER_MS};
	static const ns_t most[] = {8 * NS_PER_S, 8 * NS_PER_S, 12 * NS_PER_S};
	struct rig *r = begin(NULL);

	r->traces = r->sends = false;
	ns_t took = answers_late(r, late[_i], true);
	ck_assert_uint_gt(took, 0);
	ck_assert_uint_le(took, most[_i]);
	rig_free(r);
}
END_TEST

/* A process of a busy machine; one that nobody else waits for. */
START_TEST(who_is_merely_slow_is_not)
{
	struct rig *r = begin(NULL);

	r->traces = r->sends = false;
	ck_assert_uint_eq(answers_late(r, 110 * NS_PER_MS, true), 0);
	ck_assert_uint_eq(answers_late(r, 900 * NS_PER_MS, false), 0);
	rig_free(r);
}
END_TEST

/* ---- what it makes others hear ---- */

/* It attaches anew before it is put out; what the other one is told is bounded all the same. */
START_TEST(claims_are_told_now_and_then)
{
	struct rig *r = begin(NULL);
	unsigned told = 0;

	r->traces = false;
	rig_member(r, 2, 1, 1);
	for (unsigned n = 0; n < 30; n++) {
		rig_forget(r);
		rig_attach(r, 9, ROLE_TARGET, "twin");
		for (unsigned k = 0; k < 15; k++) {
			rig_member(r, 9, 1, 1);
			rig_member(r, 9, 1, 2);
		}
		for (const char *p = r->text; (p = strstr(p, "2< ERROR conflict")) != NULL; p++)
			told++;
		rig_gone(r, 9);
	}
	ck_assert_uint_eq(told, 64);
	rig_forget(r);
	wait_for(r, NS_PER_S);
	rig_attach(r, 9, ROLE_TARGET, "twin");
	rig_member(r, 9, 1, 1);
	ck_assert_ptr_nonnull(strstr(r->text, "2< ERROR conflict"));
	rig_free(r);
}
END_TEST

/* ---- a server that was stopped ---- */

/* The answer lies in the socket when it goes on, behind a deadline that is over. */
START_TEST(who_slept_over_a_limit_looks_first)
{
	struct rig *r = begin(NULL);
	const uint32_t handle = r->handle[2];

	r->traces = r->sends = false;
	for (uint32_t n = 1; n <= 20; n++) {
		selected(r, n);
		r->now += 2300 * NS_PER_MS + n * NS_PER_S;
		rig_wait(r, 0);
		ck_assert(!rig_closed(r, handle));
		ck_assert_uint_le(bus_deadline(r->bus), r->now + 100 * NS_PER_MS);
		rig_plain(r, 2, ITEM_FREE, 0);
		rig_go(r);
		ck_assert(!rig_closed(r, handle) && r->handle[7] != 0);
	}
	/* There is none. */
	selected(r, 99);
	r->now += 2300 * NS_PER_MS;
	rig_wait(r, 0);
	rig_wait(r, 100 * NS_PER_MS);
	ck_assert(rig_closed(r, handle));
	rig_free(r);
}
END_TEST

/* ... once: the next time it was late for other reasons. */
START_TEST(a_busy_server_does_not_wait_for_ever)
{
	struct rig *r = begin(NULL);

	r->traces = r->sends = false;
	selected(r, 1);
	for (unsigned n = 0; n < 2; n++) {
		r->now += 2300 * NS_PER_MS;
		rig_wait(r, 0);
	}
	ck_assert_uint_eq(r->handle[2], 0);
	rig_free(r);
}
END_TEST

/* By less than a heartbeat, too. */
START_TEST(who_slept_finds_nobody_silent)
{
	struct rig *r = begin(NULL);

	r->traces = r->sends = false;
	r->now += 16 * NS_PER_S;
	rig_wait(r, 0);
	ck_assert(r->handle[2] != 0 && r->handle[7] != 0);
	rig_wait(r, 15 * NS_PER_S);
	ck_assert(r->handle[2] == 0 && r->handle[7] == 0);
	rig_free(r);
}
END_TEST

/* ---- what it brings ---- */

/* Halves of the data, and RESTORE POINTERS, again and again; how many bytes are reported. */
static uint64_t brings_again(struct rig *r, uint32_t number, struct block *data)
{
	const uint32_t half = (uint32_t)data->len / 2;
	uint64_t bytes = 0;
	struct items i;

	it_reconnect(&i, 5);
	for (unsigned n = 0; n < 100; n++) {
		it_data(&i, ITEM_DATA_IN, 0, half, 0);
		it_data(&i, ITEM_DATA_IN, half, half - 1, 0);
		it_hex(&i, ITEM_MSG_IN, "03");
	}
	it_disconnect(&i);
	rig_reselect(r, 2, 7, number, &i, data);
	for (rig_go_once(r); r->n > 0; rig_forget(r)) {
		for (const char *p = r->text; (p = strstr(p, " data=")) != NULL;)
			bytes += strtoul(p += strlen(" data="), NULL, 10);
		rig_go_once(r);
	}
	return bytes;
}

START_TEST(who_brings_the_same_again_and_again_is_not_heard)
{
	struct rig *r = begin(NULL);
	struct block *data = rig_block(1000);
	uint64_t bytes = 0;

	r->traces = false;
	rig_inquiry(r, 1, 5, 1000);
	rig_go(r);
	struct items i;
	it_begin(&i);
	it_plain(&i, ITEM_MSG_OUT, 0);
	it_plain(&i, ITEM_COMMAND, 0);
	it_disconnect(&i);
	rig_continue(r, 2, &i, NULL);
	rig_forget(r);
	for (uint32_t n = 1; n <= 4; n++) {
		uint64_t now = brings_again(r, n, data);
		ck_assert_uint_le(now, 1000);
		bytes += now;
	}
	/* What it has taken back once may come again. */
	ck_assert_uint_ge(bytes, 1900);
	ck_assert_uint_le(bytes, 2000);
	rig_end(r, data);
}
END_TEST

/* ---- whose place is taken ---- */

/* As disk2, by a process that knows its last attach; the first of it, this is. */
static void knowing_disk2(struct rig *r)
{
	struct wire_frame f = {.type = WIRE_ATTACH,
	                       .attach = {.version = WIRE_VERSION,
	                                  .role = ROLE_TARGET,
	                                  .id = 2,
	                                  .name = "disk2",
	                                  .uuid = "disk2",
	                                  .own = true}};

	rig_frame(r, rig_open(r), &f);
	rig_go(r);
}

/* Its UUID is known to all ports: who sends it is not the device, as long as that is heard. */
START_TEST(who_knows_its_last_attach_is_not_superseded_by_who_does_not)
{
	struct rig *r = rig_new(NULL);

	knowing_disk2(r);
	const uint32_t handle = r->handle[2];
	rig_forget(r);
	rig_attach(r, 2, ROLE_TARGET, "disk2");
	rig_go(r);
	rig_expect(r, "h1< REFUSED uuid_held 15000: UUID 6469736b-3200-0000-0000-000000000000 is "
	              "attached on SCSI ID 2 already, as disk2, by another process\n");
	ck_assert(!rig_closed(r, handle));
	/* ... or its connection ends. */
	rig_close(r, handle);
	ck_assert(comes_back(r, "disk2"));
	rig_free(r);
}
END_TEST

START_TEST(who_is_silent_is_superseded)
{
	struct rig *r = rig_new(NULL);

	knowing_disk2(r);
	rig_wait(r, 15 * NS_PER_S);
	ck_assert_uint_eq(r->handle[2], 0);
	ck_assert(comes_back(r, "disk2"));
	rig_free(r);
}
END_TEST

TAP_MAIN_TABLE("bus_hold", NULL, NULL, TAP_ONCE(who_is_put_out_again_and_again_waits),
               TAP_ONCE(who_behaves_is_forgiven), TAP_ONCE(an_initiator_does_not_wait),
               TAP_TIMES(who_is_late_while_others_wait_is_out, 3),
               TAP_ONCE(who_is_merely_slow_is_not), TAP_TIMES(rst_is_no_answer, 4),
               TAP_ONCE(claims_are_told_now_and_then), TAP_ONCE(who_slept_over_a_limit_looks_first),
               TAP_ONCE(a_busy_server_does_not_wait_for_ever),
               TAP_ONCE(who_slept_finds_nobody_silent), TAP_ONCE(who_is_silent_is_superseded),
               TAP_ONCE(who_knows_its_last_attach_is_not_superseded_by_who_does_not),
               TAP_ONCE(who_brings_the_same_again_and_again_is_not_heard),
               TAP_ONCE(what_ends_without_an_answer_counts),
               TAP_ONCE(rst_of_another_one_is_not_held_against_who_is_awaited),
               TAP_TIMES(a_program_of_more_phases_than_there_is_room_for, 2));
