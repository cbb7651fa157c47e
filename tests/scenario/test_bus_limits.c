/* SPDX-License-Identifier: BSD-2-Clause */
/* The bus core and those who break its rules: attaches, floods, silence, RST, management frames. */
#include "scenario/bus_rig.h"
#include "unit/tap_main.h"

#include "base/crc.h"

#include <string.h>

/* ---- attaching ---- */

START_TEST(an_id_has_one_holder)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	rig_attach(r, 2, ROLE_TARGET, "other");
	rig_expect(r, "h2< REFUSED id_held 0: SCSI ID 2 is held by disk2 (UUID "
	              "6469736b-3200-0000-0000-000000000000)\n");
	rig_attach(r, 3, ROLE_TARGET, "disk2");
	rig_expect(r, "h2< REFUSED uuid_held 0: UUID 6469736b-3200-0000-0000-000000000000 is "
	              "attached on SCSI ID 2 already, as disk2\n");
	rig_free(r);
}
END_TEST

START_TEST(the_same_device_supersedes_itself)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	rig_attach(r, 2, ROLE_TARGET, "disk2");
	rig_expect(r, "2< REFUSED superseded 0: the same device attached anew\n"
	              "7< PORT 2 down\n"
	              "2< ATTACHED\n"
	              "2< PORT 7 up\n"
	              "7< PORT 2 up\n");
	rig_free(r);
}
END_TEST

/* As disk2, by a process that was attached so last. */
static void come_as_disk2(struct rig *r, uint32_t epoch, uint64_t boot)
{
	struct wire_frame f = {.type = WIRE_ATTACH,
	                       .attach = {.version = WIRE_VERSION,
	                                  .role = ROLE_TARGET,
	                                  .id = 2,
	                                  .name = "disk2",
	                                  .uuid = "disk2",
	                                  .own = true,
	                                  .epoch = epoch,
	                                  .boot = boot}};

	rig_frame(r, rig_open(r), &f);
	rig_go(r);
}

START_TEST(a_second_process_waits_until_the_first_is_silent)
{
	static const char second[] =
	        "h1< REFUSED uuid_held 15000: UUID 6469736b-3200-0000-0000-000000000000 is "
	        "attached on SCSI ID 2 already, as disk2, by another process\n";
	struct wire_frame ping = {.type = WIRE_PING};
	struct rig *r = rig_new(NULL);

	rig_attach(r, 2, ROLE_TARGET, "disk2");
	rig_forget(r);
	come_as_disk2(r, 0, 0);
	rig_expect(r, second);
	rig_wait(r, 14 * NS_PER_S);
	rig_frame(r, r->handle[2], &ping);
	rig_wait(r, 14 * NS_PER_S);
	rig_forget(r);
	come_as_disk2(r, 0, 0);
	rig_expect(r, second);
	rig_wait(r, 1 * NS_PER_S);
	rig_expect(r, "2< REFUSED bad_state 0: silent for 15000 ms\n");
	come_as_disk2(r, 0, 0);
	rig_expect(r, "2< ATTACHED\n");
	rig_free(r);
}
END_TEST

/* It has left that connection behind; of another epoch, or of one of a bus server before this one,
 * it has not. */
START_TEST(a_process_supersedes_its_own_last_attach)
{
	struct bus_config cfg = bus_config_default();

	cfg.boot = 77;
	struct rig *r = rig_new(&cfg);
	rig_attach(r, 2, ROLE_TARGET, "disk2");
	rig_forget(r);
	come_as_disk2(r, r->epoch[2] - 1, 77);
	ck_assert_ptr_nonnull(strstr(r->text, "REFUSED uuid_held 15000"));
	rig_forget(r);
	come_as_disk2(r, r->epoch[2], 76);
	ck_assert_ptr_nonnull(strstr(r->text, "REFUSED uuid_held 15000"));
	rig_forget(r);
	come_as_disk2(r, r->epoch[2], 77);
	rig_expect(r, "2< REFUSED superseded 0: the same device attached anew\n"
	              "2< ATTACHED\n");
	rig_free(r);
}
END_TEST

/* Then nothing says which of the two is gone. */
START_TEST(without_heartbeats_the_second_process_supersedes)
{
	struct bus_config cfg = bus_config_default();

	cfg.heartbeat_ms = 0;
	struct rig *r = rig_new(&cfg);
	rig_attach(r, 2, ROLE_TARGET, "disk2");
	rig_forget(r);
	come_as_disk2(r, 0, 0);
	rig_expect(r, "2< REFUSED superseded 0: the same device attached anew\n"
	              "2< ATTACHED\n");
	rig_free(r);
}
END_TEST

START_TEST(a_crowd_attaches)
{
	struct rig *r = rig_new(NULL);
	uint32_t last = 0;
	char name[16];

	for (uint8_t id = 0; id < 15; id++) {
		(void)snprintf(name, sizeof(name), "disk%u", id);
		rig_attach(r, id, id < 8 ? ROLE_INITIATOR : ROLE_TARGET, name);
	}
	for (unsigned n = 0; n < 45; n++) {
		last = rig_open(r);
		rig_attach_frame(r, last, 9, ROLE_TARGET, "disk9");
	}
	r->sends = false;
	rig_go(r);
	ck_assert(!rig_closed(r, last));
	ck_assert_uint_eq(r->handle[9], last);
	rig_free(r);
}
END_TEST

START_TEST(an_end_that_was_read_in_time_frees_the_id)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	uint32_t handle = rig_open(r);

	rig_attach_frame(r, handle, 2, ROLE_TARGET, "other");
	rig_close(r, r->handle[2]);
	rig_go(r);
	rig_expect(r, "7< PORT 2 down\n"
	              "2< ATTACHED\n"
	              "2< PORT 7 up\n"
	              "7< PORT 2 up\n");
	rig_free(r);
}
END_TEST

START_TEST(frames_before_the_attach_is_through)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct wire_frame ping = {.type = WIRE_PING};
	uint32_t handle = rig_open(r);

	rig_attach_frame(r, handle, 5, ROLE_TARGET, "eager");
	rig_frame(r, handle, &ping);
	rig_attach_frame(r, handle, 6, ROLE_TARGET, "eager");
	rig_go(r);
	rig_frame(r, handle, &ping);
	handle = rig_open(r);
	rig_frame(r, handle, &ping);
	ck_assert(rig_closed(r, handle));
	rig_expect(r, "h2< ERROR bad_state 0: PING before ATTACHED came\n"
	              "h2< ERROR bad_state 0: attached before\n"
	              "5< ATTACHED\n"
	              "5< PORT 2 up\n"
	              "5< PORT 7 up\n"
	              "2< PORT 5 up\n"
	              "7< PORT 5 up\n"
	              "5< PONG\n"
	              "h3< REFUSED bad_state 0: PING before ATTACH\n");
	rig_free(r);
}
END_TEST

START_TEST(another_version)
{
	struct rig *r = rig_new(NULL);
	struct wire_frame f = {.type = WIRE_ATTACH};
	uint32_t handle = rig_open(r);

	f.attach = (struct wire_attach){.version = 99, .role = ROLE_TARGET, .id = 1, .name = "x"};
	rig_frame(r, handle, &f);
	rig_expect(r,
	           "h0< REFUSED version 0: protocol version 99 is not spoken here, version 1 is\n");
	ck_assert(rig_closed(r, handle));
	rig_free(r);
}
END_TEST

START_TEST(a_tap_has_no_id)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct wire_frame ping = {.type = WIRE_PING};
	uint32_t tap = rig_open(r);

	rig_attach_frame(r, tap, WIRE_NO_ID, ROLE_TAP, "tap");
	rig_go(r);
	rig_frame(r, tap, &ping);
	struct wire_frame rst = {.type = WIRE_RESET};
	rig_frame(r, tap, &rst);
	rig_expect(r, "h2< ATTACHED\n"
	              "h2 is a tap\n"
	              "h2< PONG\n"
	              "h2< ERROR bad_frame 0: RESET is not for this role to send\n");
	ck_assert(!rig_closed(r, tap));
	rig_free(r);
}
END_TEST

START_TEST(the_server_ends)
{
	struct rig *r = rig_disks(2, ARM_FULL);
	struct block *data = rig_block(512);
	struct items i;

	rig_arm(r, 4, ARM_NONE);
	it_pass(&i, 2, 2, 1, 9, data);
	rig_script(r, 7, 5, &i, data);
	rig_script(r, 7, 6, &i, data);
	rig_go(r);
	rig_forget(r);
	rig_shutdown(r);
	rig_expect(r, "T1 BUS FREE\n"
	              "2< REFUSED shutdown 0: the bus server ends\n"
	              "4< REFUSED shutdown 0: the bus server ends\n"
	              "7< REFUSED shutdown 0: the bus server ends\n");
	rig_free(r);
	ck_assert_uint_eq(data->refs, 1);
	block_unref(data);
}
END_TEST

/* ---- frames that are refused ---- */

START_TEST(a_frame_of_another_role)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct wire_frame f = {.type = WIRE_CANCEL, .cancel = {.id = 1}};

	rig_frame(r, r->handle[2], &f);
	rig_arm(r, 7, ARM_FULL);
	rig_expect(r, "2< ERROR bad_frame 0: CANCEL is not for this role to send\n"
	              "7< ERROR bad_frame 0: ARM is not for this role to send\n");
	rig_free(r);
}
END_TEST

START_TEST(who_goes_on_is_disconnected)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	uint32_t handle = r->handle[2];
	struct wire_frame f = {.type = WIRE_CANCEL, .cancel = {.id = 1}};

	for (unsigned n = 0; n < 15; n++)
		rig_frame(r, handle, &f);
	ck_assert(!rig_closed(r, handle));
	rig_forget(r);
	rig_frame(r, handle, &f);
	rig_expect(r, "2< ERROR bad_frame 0: CANCEL is not for this role to send\n"
	              "2< REFUSED bad_frame 0: 16 frames were refused\n"
	              "7< PORT 2 down\n");
	ck_assert(rig_closed(r, handle));
	/* What is still read from it is nobody's. */
	rig_frame(r, handle, &f);
	rig_close(r, handle);
	rig_expect(r, "");
	rig_free(r);
}
END_TEST

START_TEST(refusals_are_forgiven_with_time)
{
	struct bus_config cfg = bus_config_default();
	cfg.heartbeat_ms = 0;
	struct rig *r = rig_new(&cfg);
	rig_group(r, 1, ARM_FULL);
	struct wire_frame f = {.type = WIRE_CANCEL, .cancel = {.id = 1}};

	for (unsigned n = 0; n < 64; n++) {
		rig_frame(r, r->handle[2], &f);
		rig_wait(r, 10 * NS_PER_S);
	}
	ck_assert_uint_ne(r->handle[2], 0);
	rig_free(r);
}
END_TEST

START_TEST(what_is_no_frame)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	rig_bad(r, r->handle[2], "frame type 200 is unknown");
	rig_expect(r, "2< REFUSED bad_frame 0: frame type 200 is unknown\n"
	              "7< PORT 2 down\n");
	rig_free(r);
}
END_TEST

static void bad_script(struct rig *r, const struct items *i)
{
	rig_script(r, 7, 5, i, NULL);
}

START_TEST(scripts_that_cannot_be)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;
	uint8_t long_message[600] = {0x80};

	it_begin(&i);
	it_select(&i, 7); /* itself */
	bad_script(r, &i);
	it_begin(&i);
	it_select(&i, 2);
	it_message(&i, ITEM_MSG_OUT, long_message, sizeof(long_message));
	bad_script(r, &i);
	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, 1);
	it_cdb6(&i, 0, 0);
	it_cdb6(&i, 0, 0);
	bad_script(r, &i);
	it_begin(&i);
	it_select(&i, 2);
	it_leader(&i, true, 1, 0, 1, true);
	bad_script(r, &i);
	it_cdb6(&i, 0, 0);
	bad_script(r, &i);
	it_name(&i, 1, 2, true); /* another operation */
	bad_script(r, &i);
	it_begin(&i);
	it_select(&i, 2);
	it_leader(&i, true, 1, 0, 1, true);
	it_cdb6(&i, 0, 0);
	it_release(&i, 0, 1);
	it_name(&i, 1, 1, true);
	bad_script(r, &i);
	it_begin(&i);
	it_select(&i, 2);
	it_leader(&i, true, 1, 0, 1, true);
	it_cdb6(&i, 0, 0);
	for (unsigned n = 0; n < 64; n++)
		it_name(&i, 1, 1, true);
	it_release(&i, 0, 1);
	bad_script(r, &i);
	it_begin(&i);
	it_select(&i, 2);
	it_identify(&i, 1);
	it_leader(&i, true, 1, 0, 1, true);
	bad_script(r, &i);
	rig_expect(
	        r,
	        "7< ERROR bad_value 5: script: SCSI ID 7 cannot be selected\n"
	        "7< ERROR bad_value 5: script: a MESSAGE OUT of 600 bytes, 1 to 512 are possible\n"
	        "7< ERROR bad_value 5: script: 2 commands\n"
	        "7< ERROR bad_value 5: script: a mirroring script ends with BUS RELEASE\n"
	        "7< ERROR bad_value 5: script: a mirroring script ends with BUS RELEASE\n"
	        "7< ERROR bad_value 5: script: TARGET SELECTION of another group or operation\n"
	        "7< ERROR bad_value 5: script: MESSAGE OUT after BUS RELEASE\n"
	        "7< ERROR bad_value 5: script: more than 64 legs\n"
	        "7< ERROR bad_value 5: script: TARGET LEADER IDENTIFICATION is not in the first "
	        "MESSAGE OUT\n");
	rig_free(r);
}
END_TEST

START_TEST(a_long_program)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	static const uint8_t identify = 0x80, nothing = 0x08;
	struct items i;

	it_begin(&i);
	it_message(&i, ITEM_MSG_IN, &identify, 1);
	for (unsigned n = 0; n < 300; n++)
		it_message(&i, ITEM_MSG_IN, &nothing, 1);
	it_plain(&i, ITEM_FREE, 0);
	for (unsigned n = 1; n <= 33; n++)
		rig_reselect(r, 2, 7, n, &i, NULL);
	rig_expect(r, "2< ERROR flood 33: 32 programs wait\n");
	r->sends = r->traces = false;
	rig_go(r);
	r->sends = true;
	rig_reselect(r, 2, 7, 34, &i, NULL);
	rig_expect(r, "");
	rig_free(r);
}
END_TEST

START_TEST(a_script_id_is_used_once_at_a_time)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;

	it_begin(&i);
	it_select(&i, 2);
	rig_script(r, 7, 5, &i, NULL);
	rig_script(r, 7, 5, &i, NULL);
	rig_expect(r, "7< ERROR bad_state 5: script 5 is live already\n");
	rig_free(r);
}
END_TEST

START_TEST(a_flood_of_scripts)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;

	it_begin(&i);
	it_select(&i, 3);
	for (unsigned n = 1; n <= 65; n++)
		rig_script(r, 7, n, &i, NULL);
	rig_expect(r, "7< ERROR flood 65: 64 scripts wait, 64 are live\n");
	r->sends = r->traces = false;
	rig_go(r);
	r->sends = true;
	rig_script(r, 7, 65, &i, NULL);
	rig_go(r);
	rig_expect(r, "7< TENURE s65 T65 selection_timeout\n");
	rig_free(r);
}
END_TEST

START_TEST(a_flood_of_programs)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;

	it_status(&i, 1, 0, 1, 0);
	for (unsigned n = 1; n <= 4097; n++)
		rig_reselect(r, 2, 7, n, &i, NULL);
	rig_expect(r, "2< ERROR flood 4097: 4096 programs wait\n");
	/* They are run 8 a GO, the sockets being read between. */
	r->sends = r->traces = false;
	rig_go_once(r);
	ck_assert(r->more);
	unsigned rounds = 1;
	for (; r->more; rounds++)
		rig_go_once(r);
	ck_assert_uint_eq(rounds, 4096 / 8 + 1);
	rig_free(r);
}
END_TEST

static void select_it(struct rig *r, uint8_t target, uint32_t script)
{
	struct items i;

	it_begin(&i);
	it_select(&i, target);
	it_identify(&i, (uint8_t)script);
	it_cdb6(&i, 0, 0);
	rig_script(r, 7, script, &i, NULL);
	rig_go(r);
}

/* Reconnections of target 2, until it is not read any more. */
static void fill(struct rig *r, unsigned n, struct block *data)
{
	struct items i;

	it_begin(&i);
	it_reconnect(&i, 1);
	if (data)
		it_data(&i, ITEM_DATA_IN, 0, (uint32_t)data->len, 0);
	it_complete(&i, 0);
	for (unsigned k = 1; k <= n; k++) {
		ck_assert(bus_reads(r->bus, r->handle[2]));
		rig_reselect(r, 2, 7, k, &i, data);
	}
	ck_assert(!bus_reads(r->bus, r->handle[2]));
	ck_assert(bus_reads(r->bus, r->handle[7]));
}

/* A target that brings much while another one has the bus is not read any more, which is no silence
 * of its own; but it is read when the bus waits for it. */
START_TEST(what_is_full_is_not_read)
{
	struct bus_config cfg = bus_config_default();
	cfg.phase_timeout_ns = cfg.tenure_limit_ns = 60 * NS_PER_S;
	struct rig *r = rig_new(&cfg);
	struct block *data = _i ? rig_block(16U << 20) : NULL;
	const struct wire_frame ping = {.type = WIRE_PING};

	r->sends = r->traces = false;
	rig_target(r, 2, ARM_NONE, 1, 0);
	rig_target(r, 4, ARM_NONE, 1, 1);
	rig_attach(r, 7, ROLE_INITIATOR, "host");
	rig_go(r);
	select_it(r, 4, 1);
	fill(r, data ? 16 : 2048, data);
	for (unsigned s = 0; s < 20; s++) {
		rig_wait(r, NS_PER_S);
		rig_frame(r, r->handle[4], &ping);
		rig_frame(r, r->handle[7], &ping);
	}
	ck_assert(!rig_closed(r, r->handle[2]) && !bus_reads(r->bus, r->handle[2]));
	select_it(r, 2, 2);
	ck_assert(!bus_reads(r->bus, r->handle[2]));
	rig_plain(r, 4, ITEM_FREE, 0);
	ck_assert_uint_eq(r->tenure[2], 2);
	ck_assert(bus_reads(r->bus, r->handle[2]));
	rig_plain(r, 2, ITEM_FREE, 0);
	ck_assert(bus_reads(r->bus, r->handle[2]));
	rig_free(r);
	block_unref(data);
}
END_TEST

START_TEST(a_program_that_is_no_reconnection)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct items i;

	it_begin(&i);
	it_plain(&i, ITEM_STATUS, 0);
	rig_reselect(r, 2, 7, 1, &i, NULL);
	rig_expect(r, "2< ERROR bad_value 1: program: a reconnection begins with IDENTIFY in "
	              "MESSAGE IN\n");
	rig_free(r);
}
END_TEST

START_TEST(a_program_that_does_not_fit_the_part)
{
	struct rig *r = rig_disks(2, ARM_FULL);
	struct block *data = rig_block(512);
	struct items i;

	rig_arm(r, 4, ARM_FRONT);
	it_pass(&i, 2, 2, 1, 9, data);
	rig_script(r, 7, 5, &i, data);
	rig_go(r);
	rig_forget(r);
	static const uint8_t wrong[] = {ITEM_STATUS, ITEM_DATA_IN, ITEM_FREE, ITEM_COMMAND};
	for (unsigned n = 0; n < sizeof(wrong); n++) {
		it_begin(&i);
		it_plain(&i, wrong[n], 0);
		rig_continue(r, 4, &i, NULL);
	}
	/* Another port answers in its place. */
	r->tenure[2] = r->tenure[4];
	r->token[2] = r->token[4];
	it_begin(&i);
	it_plain(&i, ITEM_MSG_OUT, 0);
	rig_continue(r, 2, &i, NULL);
	rig_expect(r,
	           "4< ERROR bad_state 0: program: no STATUS and no DATA IN in a mirroring tenure\n"
	           "4< ERROR bad_state 0: program: no STATUS and no DATA IN in a mirroring tenure\n"
	           "4< ERROR bad_state 0: program: BSY is the leader's to release\n"
	           "4< ERROR bad_state 0: program: the COMMAND phase is the leader's\n"
	           "2< ERROR not_yours 0: tenure 1 does not wait for this port with token 1\n");
	/* The right one still may. */
	rig_continue(r, 4, &i, NULL);
	rig_expect(r, "T1 MESSAGE OUT bsy=2 drv=4 BUS RELEASE(d0 op9) atn\n"
	              "T1 BUS FREE\n"
	              "2< BURST leader T1 [FREE]\n"
	              "7< TENURE s5 T1 released out=512 op9/d0@2:taken(512) op9/d1@4:declined\n");
	rig_go(r);
	block_unref(data);
	rig_free(r);
}
END_TEST

/* ---- silence ---- */

START_TEST(a_silent_port_is_closed)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct wire_frame ping = {.type = WIRE_PING, .ping = {.cookie = 5}};

	for (unsigned n = 0; n < 4; n++) {
		rig_wait(r, 4 * NS_PER_S);
		rig_frame(r, r->handle[7], &ping);
	}
	rig_expect(r, "7< PONG\n"
	              "7< PONG\n"
	              "7< PONG\n"
	              "2< REFUSED bad_state 0: silent for 15000 ms\n"
	              "7< PORT 2 down\n"
	              "7< PONG\n");
	rig_free(r);
}
END_TEST

START_TEST(who_slept_himself_blames_nobody)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	r->now += 100 * NS_PER_S;
	rig_wait(r, 0);
	rig_expect(r, "");
	rig_wait(r, 15 * NS_PER_S);
	rig_expect(r, "2< REFUSED bad_state 0: silent for 15000 ms\n"
	              "7< PORT 2 down\n"
	              "7< REFUSED bad_state 0: silent for 15000 ms\n");
	rig_free(r);
}
END_TEST

START_TEST(an_idle_bus_wakes_for_heartbeats_only)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	ns_t at = bus_deadline(r->bus);
	struct wire_frame ping = {.type = WIRE_PING};

	rig_frame(r, r->handle[7], &ping);
	ck_assert_uint_eq(bus_deadline(r->bus), at);
	rig_gone(r, 7);
	rig_gone(r, 2);
	rig_wait(r, 15 * NS_PER_S);
	ck_assert_uint_eq(bus_deadline(r->bus), NS_NEVER);
	rig_free(r);
}
END_TEST

/* ---- RST ---- */

START_TEST(rst_voids_everything)
{
	struct rig *r = rig_disks(2, ARM_FULL);
	struct block *data = rig_block(512);
	struct wire_frame rst = {.type = WIRE_RESET, .reset = {.by = 7}};
	struct items i;

	it_pass(&i, 2, 2, 1, 9, data);
	rig_script(r, 7, 5, &i, data);
	it_status(&i, 1, 0, 1, 0);
	rig_reselect(r, 2, 7, 1, &i, NULL);
	rig_frame(r, r->handle[7], &rst);
	rig_go(r);
	rig_expect(r, "T1 RESET\n"
	              "T1 BUS FREE\n"
	              "2< RESET by 7: RST was asserted\n"
	              "4< RESET by 7: RST was asserted\n"
	              "7< TENURE s5 T0 reset\n"
	              "7< RESET by 7: RST was asserted\n");
	ck_assert_uint_eq(data->refs, 1);
	ck_assert_uint_eq(bus_now(r->bus), 25000 + 1200);
	block_unref(data);
	rig_free(r);
}
END_TEST

/* ---- management ---- */

static void mgmt(struct rig *r, uint8_t by, uint32_t req, uint8_t to, uint8_t kind, bool answer)
{
	struct wire_frame f = {.type = WIRE_MGMT};
	f.mgmt = (struct wire_mgmt){.req = req,
	                            .from = 9, /* the server knows better */
	                            .to = to,
	                            .kind = kind,
	                            .answer = answer,
	                            .payload = {(const uint8_t *)"text", 4}};
	rig_frame(r, r->handle[by], &f);
}

START_TEST(requests_are_relayed)
{
	struct rig *r = rig_disks(2, ARM_FULL);

	mgmt(r, 7, 1, 2, MGMT_FAULT, false);
	mgmt(r, 4, 1, 7, MGMT_FAULT, true); /* not asked */
	mgmt(r, 2, 1, 7, MGMT_FAULT, true);
	mgmt(r, 2, 1, 7, MGMT_FAULT, true); /* a second time */
	mgmt(r, 7, 2, 3, MGMT_FAULT, false);
	mgmt(r, 2, 3, 4, MGMT_FAULT, false); /* a target asks */
	rig_expect(
	        r,
	        "2< MGMT request 1 7>2 kind=3 code=ok text\n"
	        "4< ERROR not_yours 1: an answer that nobody waits for\n"
	        "7< MGMT answer 1 2>7 kind=3 code=ok text\n"
	        "2< ERROR not_yours 1: an answer that nobody waits for\n"
	        "7< MGMT answer 2 3>7 kind=3 code=no_port no target with this SCSI ID is attached\n"
	        "2< ERROR bad_state 3: initiators ask, targets answer\n");
	mgmt(r, 7, 4, 2, MGMT_FAULT_LIST, false);
	mgmt(r, 7, 4, 2, MGMT_FAULT_LIST, false);
	rig_forget(r);
	rig_gone(r, 2);
	rig_expect(r, "7< MGMT answer 4 2>7 kind=4 code=no_port the target has gone\n"
	              "4< PORT 2 down\n"
	              "7< PORT 2 down\n");
	mgmt(r, 7, 5, WIRE_NO_ID, MGMT_FAULT, false);
	rig_expect(r,
	           "7< MGMT answer 5 255>7 kind=3 code=bad_value the bus server has no faults\n");
	rig_free(r);
}
END_TEST

START_TEST(requests_that_wait_are_bounded)
{
	struct rig *r = rig_disks(1, ARM_FULL);

	r->sends = false;
	for (uint32_t n = 1; n <= 32; n++)
		mgmt(r, 7, n, 2, MGMT_FAULT, false);
	r->sends = true;
	mgmt(r, 7, 33, 2, MGMT_FAULT, false);
	rig_expect(r, "7< MGMT answer 33 2>7 kind=3 code=flood too many requests wait, or one with "
	              "this number\n");
	rig_free(r);
}
END_TEST

START_TEST(the_totals_add_up)
{
	struct rig *r = rig_disks(2, ARM_FULL);
	struct block *data = rig_block(1024);
	struct items i;

	it_pass(&i, 2, 2, 1, 9, data);
	rig_script(r, 7, 5, &i, data);
	it_status(&i, 1, 0, 9, 0);
	rig_reselect(r, 2, 7, 1, &i, NULL);
	rig_go(r);
	it_begin(&i);
	it_select(&i, 3);
	rig_script(r, 7, 6, &i, NULL);
	rig_go(r);
	rig_forget(r);
	mgmt(r, 7, 1, WIRE_NO_ID, MGMT_BUS_STATS, false);
	rig_expect(r, "7< MGMT answer 1 255>7 kind=1 code=ok\n");
	const struct wire_stats *s = &r->stats;
	ck_assert_uint_eq(s->tenures[TENURE_SILENT], 2);
	ck_assert_uint_eq(s->tenures[TENURE_CONVENTIONAL], 1);
	ck_assert_uint_eq(s->selection_timeouts, 1);
	ck_assert_uint_eq(s->phase[TENURE_SILENT][PHASE_DATA_OUT].count, 2);
	ck_assert_uint_eq(s->phase[TENURE_SILENT][PHASE_DATA_OUT].bytes, 2048);
	ck_assert_uint_eq(s->phase[TENURE_SILENT][PHASE_DATA_OUT].ns, 2 * (400 + 1024 * 160));
	ck_assert_uint_eq(s->phase[TENURE_SILENT][PHASE_BUS_FREE].count, 2);
	ck_assert_uint_eq(s->phase[TENURE_SILENT][PHASE_RESELECTION].count, 1);
	ck_assert_uint_eq(s->phase[TENURE_CONVENTIONAL][PHASE_SELECTION].count, 1);
	ns_t sum = 0;
	for (unsigned k = 0; k < TENURE_KINDS; k++)
		for (unsigned p = 0; p < PHASE_KINDS; p++)
			sum += s->phase[k][p].ns;
	ck_assert_uint_eq(sum, bus_now(r->bus));
	ck_assert_uint_eq(s->now_ns, sum);
	ck_assert_str_eq(s->profile, "spi3");
	ck_assert_uint_eq(s->n_values, BUS_VALUES);
	block_unref(data);
	rig_free(r);
}
END_TEST

START_TEST(what_bus_show_tells)
{
	struct rig *r = rig_disks(2, ARM_FULL);
	struct block *data = rig_block(512);
	struct items i;

	rig_arm(r, 4, ARM_NONE);
	it_pass(&i, 2, 2, 1, 9, data);
	rig_script(r, 7, 5, &i, data);
	rig_go(r);
	mgmt(r, 7, 1, WIRE_NO_ID, MGMT_BUS_SHOW, false);
	const struct wire_show *s = &r->show;
	ck_assert_uint_eq(s->bsy, 1 << 2);
	ck_assert_uint_eq(s->sel, 0);
	ck_assert_uint_eq(s->driver, 4);
	ck_assert_uint_eq(s->tenure, 1);
	ck_assert_uint_eq(s->n_ports, 3);
	ck_assert_str_eq(s->port[1].name, "disk4");
	ck_assert_uint_eq(s->port[1].arm_mode, ARM_NONE);
	ck_assert_uint_eq(s->port[1].n_members, 1);
	ck_assert_uint_eq(s->port[1].members[0].device, 1);
	rig_gone(r, 2);
	mgmt(r, 7, 2, WIRE_NO_ID, MGMT_BUS_SHOW, false);
	ck_assert_uint_eq(s->bsy, 0);
	ck_assert_uint_eq(s->driver, WIRE_NO_ID);
	block_unref(data);
	rig_free(r);
}
END_TEST

/* ---- pace, profiles ---- */

START_TEST(the_pace_of_the_bus)
{
	struct bus_config cfg = bus_config_default();
	cfg.pace = true;
	struct rig *r = rig_new(&cfg);
	struct items i;

	rig_group(r, 1, ARM_FULL);
	it_begin(&i);
	it_select(&i, 3); /* takes 250 ms */
	rig_script(r, 7, 1, &i, NULL);
	rig_script(r, 7, 2, &i, NULL);
	r->traces = false;
	rig_go(r);
	rig_expect(r, "7< TENURE s1 T1 selection_timeout\n");
	ns_t took = bus_now(r->bus);
	ck_assert_uint_eq(bus_deadline(r->bus), r->now + took);
	rig_wait(r, took - 1);
	rig_expect(r, "");
	rig_wait(r, 1);
	rig_expect(r, "7< TENURE s2 T2 selection_timeout\n");
	/* Nothing waits: no deadline but the heartbeat's. */
	ck_assert_uint_gt(bus_deadline(r->bus), r->now + NS_PER_S);
	rig_free(r);
}
END_TEST

START_TEST(another_profile)
{
	struct bus_config cfg = bus_config_default();
	ck_assert(bus_timing_profile(&cfg.timing, "scsi2"));
	ck_assert(bus_timing_set(&cfg.timing, "bus_free_delay", 0));
	struct rig *r = rig_new(&cfg);
	struct block *data = rig_block(512);
	struct items i;

	rig_group(r, 1, ARM_FULL);
	it_pass(&i, 2, 1, 1, 9, data);
	rig_script(r, 7, 1, &i, data);
	rig_go(r);
	/* 3600 + 580, messages of 15, 16 and 12 bytes, 512 bytes, all at 200 ns; bus settle */
	ns_t want = 3600 + 580 + (400 + 15 * 200) + (400 + 16 * 200) + (400 + 512 * 200) +
	            (400 + 12 * 200) + 400;
	ck_assert_uint_eq(bus_now(r->bus), want);
	rig_go(r);
	block_unref(data);
	rig_free(r);
}
END_TEST

START_TEST(new_timing_holds_from_the_next_tenure_on)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct bus_timing t;
	struct items i;

	ck_assert(bus_timing_profile(&t, "spi3"));
	ck_assert(bus_timing_set(&t, "selection_timeout", 0));
	ck_assert(bus_timing_set(&t, "selection_abort_time", 0));
	bus_set_timing(r->bus, &t);
	it_begin(&i);
	it_select(&i, 3);
	rig_script(r, 7, 1, &i, NULL);
	rig_go(r);
	ck_assert_uint_eq(bus_now(r->bus), 3600 + 490 + 1200);
	rig_free(r);
}
END_TEST

START_TEST(an_absent_participant_costs_the_abort_time)
{
	struct rig *r = rig_disks(1, ARM_FULL);
	struct block *data = rig_block(512);
	struct items i;
	ns_t took[2];

	for (unsigned n = 0; n < 2; n++) {
		it_pass(&i, 2, 1 + n, 1, 9, data);
		rig_script(r, 7, 1, &i, data);
		ns_t before = bus_now(r->bus);
		rig_go(r);
		took[n] = bus_now(r->bus) - before;
	}
	/* TARGET SELECTION, then the wait */
	ck_assert_uint_eq(took[1] - took[0], 400 + 12 * 160 + 200000);
	rig_go(r);
	block_unref(data);
	rig_free(r);
}
END_TEST

START_TEST(untraced_it_does_the_same)
{
	struct rig *r = rig_disks(2, ARM_FULL);
	struct block *data = rig_block(512);
	struct items i;

	bus_trace_on(r->bus, false);
	it_pass(&i, 2, 2, 1, 9, data);
	rig_script(r, 7, 1, &i, data);
	rig_go(r);
	rig_expect(r,
	           "4< BURST participant T1 [LATCH COMMAND MSG_OUT TOKEN DATA_OUT(512)] data=512\n"
	           "2< BURST leader T1 [SELECT MSG_OUT COMMAND DATA_OUT(512) FREE] data=512\n"
	           "7< TENURE s1 T1 released out=1024 op9/d0@2:taken(512) op9/d1@4:taken(512)\n");
	rig_go(r);
	block_unref(data);
	rig_free(r);
}
END_TEST

/* One reselection of target 2 after the other: the bus waits for it so long, twice in each. False:
 * it is out. */
static bool reselects(struct rig *r, unsigned times, ns_t wait)
{
	const struct wire_frame ping = {.type = WIRE_PING};
	const uint32_t handle = r->handle[2];
	struct items i;

	for (unsigned n = 1; n <= times; n++) {
		it_begin(&i);
		it_hex(&i, ITEM_MSG_IN, "80");
		rig_reselect(r, 2, 7, n, &i, NULL);
		rig_go(r);
		for (unsigned k = 0; k < 2 && !rig_closed(r, handle); k++) {
			rig_wait(r, wait);
			rig_frame(r, r->handle[7], &ping);
			if (k == 0) {
				it_begin(&i);
				it_hex(&i, ITEM_MSG_IN, "02");
				rig_continue(r, 2, &i, NULL);
			} else {
				rig_plain(r, 2, ITEM_FREE, 0);
			}
		}
		if (rig_closed(r, handle))
			return false;
	}
	return true;
}

/* It keeps below the limits of a phase and of a tenure, and has the bus all the time. */
START_TEST(who_is_slow_again_and_again_is_out)
{
	struct rig *r = rig_disks(1, ARM_NONE);

	r->sends = r->traces = false;
	ck_assert(reselects(r, 100, NS_PER_S / 2)); /* half a phase's limit a tenure: its due */
	r->sends = true;
	ck_assert(reselects(r, 1, 1900 * NS_PER_MS));
	rig_forget(r);
	ck_assert(!reselects(r, 1, 1900 * NS_PER_MS));
	ck_assert_ptr_nonnull(strstr(r->text,
	                             "2< REFUSED bad_state 0: ID 2 kept the bus waiting in "
	                             "many tenures, 5"));
	/* A new attach is no new start; time is. */
	rig_attach(r, 2, ROLE_TARGET, "disk2");
	rig_go(r);
	ck_assert(!reselects(r, 1, 1900 * NS_PER_MS));
	for (unsigned n = 0; n < 6; n++) {
		rig_wait(r, 10 * NS_PER_S);
		rig_frame(r, r->handle[7], &(struct wire_frame){.type = WIRE_PING});
	}
	rig_attach(r, 2, ROLE_TARGET, "disk2");
	rig_go(r);
	ck_assert(reselects(r, 1, 1900 * NS_PER_MS));
	rig_free(r);
}
END_TEST

/* Data phases without end, in one frame: with real pace they would be the bus's for minutes. */
START_TEST(one_program_for_minutes)
{
	struct bus_config cfg = bus_config_default();
	cfg.pace = _i == 0;
	struct rig *r = rig_new(&cfg);
	struct block *data = rig_block(16U << 20);
	struct items i;

	rig_target(r, 2, ARM_FRONT, 1, 0);
	rig_attach(r, 7, ROLE_INITIATOR, "host");
	rig_go(r);
	rig_inquiry(r, 1, 5, 255);
	rig_go(r);
	const uint32_t handle = r->handle[2];
	it_begin(&i);
	for (unsigned n = 0; n < 4; n++) /* asynchronous: 2.7 s each */
		it_data(&i, ITEM_DATA_IN, 0, 16U << 20, 0);
	it_complete(&i, 0);
	rig_forget(r);
	r->traces = false;
	rig_continue(r, 2, &i, data);
	ck_assert_uint_eq(rig_closed(r, handle), cfg.pace);
	if (cfg.pace)
		rig_expect(r, "7< TENURE s1 T1 reset in=33554432 data=255\n"
		              "2< RESET by 255: tenure 1 of ID 2 moves data without end\n"
		              "7< RESET by 255: tenure 1 of ID 2 moves data without end\n"
		              "2< REFUSED bad_state 0: ID 2 kept the bus in tenure 1 for 5000 ms: "
		              "attach anew\n"
		              "7< PORT 2 down\n");
	/* At once, not when that would have been over. */
	ck_assert(bus_deadline(r->bus) > r->now + 3 * NS_PER_S || !cfg.pace);
	rig_free(r);
	block_unref(data);
}
END_TEST

START_TEST(the_hold_limit_can_be_off)
{
	struct bus_config cfg = bus_config_default();
	cfg.hold_limit_ns = 0;
	struct rig *r = rig_new(&cfg);

	r->sends = r->traces = false;
	rig_target(r, 2, ARM_NONE, 1, 0);
	rig_attach(r, 7, ROLE_INITIATOR, "host");
	rig_go(r);
	ck_assert(reselects(r, 20, 1900 * NS_PER_MS));
	rig_free(r);
}
END_TEST

TAP_MAIN_TABLE("bus_limits", NULL, NULL, TAP_ONCE(an_id_has_one_holder),
               TAP_ONCE(the_same_device_supersedes_itself),
               TAP_ONCE(a_second_process_waits_until_the_first_is_silent),
               TAP_ONCE(a_process_supersedes_its_own_last_attach),
               TAP_ONCE(without_heartbeats_the_second_process_supersedes),
               TAP_ONCE(a_crowd_attaches), TAP_ONCE(an_end_that_was_read_in_time_frees_the_id),
               TAP_ONCE(frames_before_the_attach_is_through), TAP_ONCE(another_version),
               TAP_ONCE(a_tap_has_no_id), TAP_ONCE(the_server_ends), TAP_ONCE(a_long_program),
               TAP_ONCE(new_timing_holds_from_the_next_tenure_on),
               TAP_ONCE(a_frame_of_another_role), TAP_ONCE(who_goes_on_is_disconnected),
               TAP_ONCE(refusals_are_forgiven_with_time), TAP_ONCE(what_is_no_frame),
               TAP_ONCE(scripts_that_cannot_be), TAP_ONCE(a_script_id_is_used_once_at_a_time),
               TAP_ONCE(a_flood_of_scripts), TAP_ONCE(a_flood_of_programs),
               TAP_TIMES(what_is_full_is_not_read, 2), TAP_ONCE(who_is_slow_again_and_again_is_out),
               TAP_ONCE(the_hold_limit_can_be_off), TAP_TIMES(one_program_for_minutes, 2),
               TAP_ONCE(a_program_that_is_no_reconnection),
               TAP_ONCE(a_program_that_does_not_fit_the_part), TAP_ONCE(a_silent_port_is_closed),
               TAP_ONCE(who_slept_himself_blames_nobody),
               TAP_ONCE(an_idle_bus_wakes_for_heartbeats_only), TAP_ONCE(rst_voids_everything),
               TAP_ONCE(requests_are_relayed), TAP_ONCE(requests_that_wait_are_bounded),
               TAP_ONCE(the_totals_add_up), TAP_ONCE(what_bus_show_tells),
               TAP_ONCE(the_pace_of_the_bus), TAP_ONCE(another_profile),
               TAP_ONCE(an_absent_participant_costs_the_abort_time),
               TAP_ONCE(untraced_it_does_the_same));
