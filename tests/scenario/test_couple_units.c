/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Information units by the three cores together: agreed on at the scan, then commands, sense data
 * that come with the status, aborts, and passes beside them.
 */
#include "base/crc.h"
#include "scenario/couple_check.h"
#include "unit/tap_main.h"

#include <string.h>

#define BLOCKS   16
#define DATA_LEN (BLOCKS * COUPLE_BLOCK_SIZE)

static struct couple *c;
static uint8_t got[DATA_LEN];

static void begin(unsigned n, bool unarmed)
{
	c = couple_with(&(struct couple_setup){.n = n,
	                                       .unarmed = unarmed,
	                                       .queue_depth = 16,
	                                       .blocks = COUPLE_BLOCKS,
	                                       .xfer = XFER_ULTRA320});
	couple_forget(c);
}

static void run(struct hba_task *t, const struct scsi_cdb *cdb)
{
	couple_told = 0;
	couple_forget(c);
	couple_start(c, t, cdb);
	couple_run(c);
	ck_assert_uint_eq(couple_told, 1);
}

/* No phase in the trace but those of packetized tenures. */
static void only_units(void)
{
	for (unsigned i = 0; i < c->n_trace; i++) {
		const struct bus_trace *t = &c->trace[i].t;
		bool data = t->phase == PHASE_DATA_OUT || t->phase == PHASE_DATA_IN;
		ck_assert_msg(data ? t->units : t->phase > PHASE_MESSAGE_IN, "%s in tenure %u",
		              scsi_phase_name(t->phase), t->tenure);
		ck_assert(!t->atn);
	}
}

START_TEST(agreed_on_at_the_scan)
{
	begin(2, _i);
	for (uint8_t id = 0; id < 2; id++) {
		ck_assert_int_eq(hba_target(c->h, id)->state, HBA_READY);
		ck_assert(xfer_equal(hba_target(c->h, id)->xfer, XFER_ULTRA320));
	}
	/* Again, while it holds; after a reset, anew. */
	hba_scan(c->h);
	couple_run(c);
	ck_assert(xfer_equal(hba_target(c->h, 0)->xfer, XFER_ULTRA320));
	hba_reset_bus(c->h);
	couple_run(c);
	couple_wait(c, NS_PER_S);
	ck_assert(hba_settled(c->h));
	ck_assert(xfer_equal(hba_target(c->h, 1)->xfer, XFER_ULTRA320));
	couple_quiet(c);
	couple_free(c);
}
END_TEST

START_TEST(a_write_and_a_read)
{
	struct block *data = couple_pattern(DATA_LEN, 3);
	struct hba_task w = {.data_out = data, .data_out_len = DATA_LEN};
	struct hba_task r = {.data_in_len = DATA_LEN, .data_in = couple_take, .ctx = got};

	begin(1, _i);
	run(&w, &(struct scsi_cdb){.op = OP_WRITE_16, .lba = 7, .blocks = BLOCKS});
	ck_assert(w.outcome == HBA_COMPLETED && w.status == SCSI_GOOD && w.moved_out == DATA_LEN);
	ck_assert_mem_eq(c->disk[0].media + 7 * COUPLE_BLOCK_SIZE, data->data, DATA_LEN);
	only_units();
	run(&r, &(struct scsi_cdb){.op = OP_READ_10, .lba = 7, .blocks = BLOCKS});
	ck_assert(r.outcome == HBA_COMPLETED && r.status == SCSI_GOOD && r.moved_in == DATA_LEN);
	ck_assert_mem_eq(got, data->data, DATA_LEN);
	only_units();
	/* Less room than there is, more, and untagged. */
	r = (struct hba_task){
	        .data_in_len = 100, .data_in = couple_take, .ctx = got, .untagged = true};
	run(&r, &(struct scsi_cdb){.op = OP_READ_10, .lba = 7, .blocks = 1});
	ck_assert(r.status == SCSI_GOOD && r.moved_in == 100 && r.over_in == 412);
	w = (struct hba_task){.data_out = data, .data_out_len = 512};
	run(&w, &(struct scsi_cdb){.op = OP_WRITE_16, .lba = 7, .blocks = 2});
	ck_assert(w.status == SCSI_CHECK_CONDITION && w.sense.asc == 0x4b);
	ck_assert_uint_eq(hba_target(c->h, 0)->in_flight, 0);
	block_unref(data);
	couple_free(c);
}
END_TEST

/* One tenure, or with its reselection two: the sense is there, and nobody asks for it. */
START_TEST(sense_comes_with_the_status)
{
	struct hba_task bad = {.data_in_len = 512, .data_in = couple_take, .ctx = got};
	struct hba_task sense = {.data_in_len = 18, .data_in = couple_take, .ctx = got};

	begin(1, _i);
	run(&bad, &(struct scsi_cdb){.op = OP_READ_10, .lba = COUPLE_BLOCKS, .blocks = 1});
	ck_assert(bad.outcome == HBA_COMPLETED && bad.status == SCSI_CHECK_CONDITION);
	ck_assert(bad.has_sense && bad.sense.key == KEY_ILLEGAL_REQUEST && bad.sense.asc == 0x21);
	ck_assert_uint_eq(bad.sense_raw_len, 18);
	only_units();
	ck_assert_uint_le(couple_count(c, PHASE_ARBITRATION), 2);
	/* It is not kept. */
	run(&sense, &(struct scsi_cdb){.op = OP_REQUEST_SENSE, .alloc = 18});
	ck_assert(sense.status == SCSI_GOOD && (got[2] & 0x0f) == KEY_NO_SENSE);
	couple_quiet(c);
	couple_free(c);
}
END_TEST

/* NACA: the condition stands until CLEAR ACA, which the host adapter sends; then the next goes. */
START_TEST(aca_is_cleared)
{
	struct hba_task bad = {.data_in_len = 512}, next = {.data_in_len = 512};

	begin(1, false);
	couple_told = 0;
	couple_start(c, &bad,
	             &(struct scsi_cdb){
	                     .op = OP_READ_10, .lba = COUPLE_BLOCKS, .blocks = 1, .control = 0x04});
	couple_run(c);
	ck_assert(couple_told == 1 && bad.status == SCSI_CHECK_CONDITION && bad.has_sense);
	run(&next, &(struct scsi_cdb){.op = OP_READ_10, .blocks = 1});
	ck_assert_uint_eq(next.status, SCSI_GOOD);
	only_units();
	couple_quiet(c);
	couple_free(c);
}
END_TEST

START_TEST(a_wrong_crc_is_that_of_a_unit)
{
	struct block *data = couple_pattern(DATA_LEN, 4);
	struct hba_task w = {.data_out = data, .data_out_len = DATA_LEN};

	begin(1, _i);
	couple_fault(c, 0, "crc-error:times=1");
	run(&w, &(struct scsi_cdb){.op = OP_WRITE_16, .blocks = BLOCKS});
	ck_assert(w.status == SCSI_CHECK_CONDITION && w.has_sense);
	ck_assert(w.sense.key == KEY_ABORTED_COMMAND && w.sense.asc == 0x47 && w.sense.ascq == 3);
	run(&w, &(struct scsi_cdb){.op = OP_WRITE_16, .blocks = BLOCKS});
	ck_assert_uint_eq(w.status, SCSI_GOOD);
	block_unref(data);
	couple_quiet(c);
	couple_free(c);
}
END_TEST

/* ABORT TASK by a task management function; the tag is free again. */
START_TEST(an_abort)
{
	struct hba_task r = {.data_in_len = 512, .timeout_ns = NS_PER_S};
	struct hba_task again = {.data_in_len = 512};

	begin(1, false);
	c->disk[0].slow = true;
	couple_told = 0;
	couple_start(c, &r, &(struct scsi_cdb){.op = OP_READ_10, .blocks = 1});
	couple_run(c);
	ck_assert_uint_eq(couple_told, 0);
	couple_wait(c, NS_PER_S);
	/* What is in the store drains first. */
	couple_release(c, 0);
	couple_run(c);
	couple_wait(c, NS_PER_S);
	ck_assert_uint_eq(couple_told, 1);
	ck_assert(r.outcome == HBA_COMMAND_TIMEOUT && r.aborted);
	only_units();
	ck_assert(hba_stats(c->h)->aborts == 1 && hba_stats(c->h)->aborts_failed == 0);
	c->disk[0].slow = false;
	run(&again, &(struct scsi_cdb){.op = OP_READ_10, .blocks = 1});
	ck_assert_uint_eq(again.status, SCSI_GOOD);
	couple_quiet(c);
	couple_free(c);
}
END_TEST

/* Another initiator's TARGET RESET would end our agreement, too: here the disk restarts. */
START_TEST(a_disk_that_comes_back)
{
	struct hba_task r = {.data_in_len = 512};

	begin(2, false);
	couple_kill(c, 0);
	couple_run(c);
	couple_attach(c, 0);
	couple_run(c);
	couple_wait(c, NS_PER_S);
	ck_assert_int_eq(hba_target(c->h, 0)->state, HBA_READY);
	ck_assert(xfer_equal(hba_target(c->h, 0)->xfer, XFER_ULTRA320));
	run(&r, &(struct scsi_cdb){.op = OP_READ_10, .blocks = 1});
	ck_assert_uint_eq(r.status, SCSI_GOOD);
	only_units();
	couple_restart_bus(c);
	couple_wait(c, NS_PER_S);
	ck_assert(xfer_equal(hba_target(c->h, 1)->xfer, XFER_ULTRA320));
	couple_free(c);
}
END_TEST

/* ---- passes ---- */

/* Silent and broadcast, with commands to the same disks in flight: all of them are done, and no
 * phase of a pass has information units. */
START_TEST(passes_beside_commands)
{
	struct block *data = couple_pattern(DATA_LEN, 5);
	struct hba_task r[3] = {{.data_in_len = 512},
	                        {.target = 1, .data_in_len = 512},
	                        {.target = 2, .data_in_len = 512}};
	struct hba_pass p = {
	        .broadcast = _i,
	        .group = 1,
	        .cdb = {.op = OP_WRITE_16, .lba = 3, .blocks = BLOCKS},
	        .data = data,
	        .data_len = DATA_LEN,
	        .crc = crc_data(0, data->data, DATA_LEN),
	        .n = 3,
	        .done = couple_pass_done,
	};

	begin(3, false);
	couple_told = 0;
	for (uint8_t i = 0; i < 3; i++) {
		p.m[i].target = p.m[i].device = i;
		couple_start(c, &r[i],
		             &(struct scsi_cdb){.op = OP_READ_10, .lba = 200, .blocks = 1});
	}
	hba_pass_start(c->h, &p);
	couple_run(c);
	ck_assert_uint_eq(couple_told, 4);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(r[i].outcome == HBA_COMPLETED && r[i].status == SCSI_GOOD);
		ck_assert(p.m[i].outcome == PASS_STATUS && p.m[i].status == SCSI_GOOD);
		ck_assert_mem_eq(c->disk[i].media + 3 * COUPLE_BLOCK_SIZE, data->data, DATA_LEN);
	}
	unsigned passes = 0, units = 0;
	for (unsigned i = 0; i < c->n_trace; i++) {
		const struct bus_trace *t = &c->trace[i].t;
		ck_assert(!t->units || (t->leader == WIRE_NO_ID && !t->has_op));
		passes += t->phase == PHASE_DATA_OUT && t->leader != WIRE_NO_ID;
		units += t->units;
	}
	ck_assert_uint_eq(passes, _i ? 1 : 3);
	ck_assert_uint_ge(units, 6);
	block_unref(data);
	couple_quiet(c);
	couple_free(c);
}
END_TEST

/* A member's refusal has its sense with MIRROR STATUS, as always. */
START_TEST(a_pass_that_is_refused)
{
	struct block *data = couple_pattern(DATA_LEN, 6);
	struct hba_pass p = {
	        .group = 1,
	        .cdb = {.op = OP_WRITE_16, .lba = COUPLE_BLOCKS, .blocks = BLOCKS},
	        .data = data,
	        .data_len = DATA_LEN,
	        .crc = crc_data(0, data->data, DATA_LEN),
	        .n = 2,
	        .done = couple_pass_done,
	};

	begin(2, _i);
	p.m[1].target = p.m[1].device = 1;
	couple_told = 0;
	hba_pass_start(c->h, &p);
	couple_run(c);
	ck_assert_uint_eq(couple_told, 1);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert(p.m[i].outcome == PASS_STATUS && p.m[i].status == SCSI_CHECK_CONDITION);
		ck_assert(p.m[i].has_sense && p.m[i].sense.asc == 0x21);
	}
	block_unref(data);
	couple_quiet(c);
	couple_free(c);
}
END_TEST

/* ---- disconnection by the limits of mode page 02h ---- */

/* Maximum burst size of 2048 bytes: each data information unit is as long, and BUS FREE parts them.
 */
START_TEST(limits_of_page_02h)
{
	struct block *page = block_new(24), *data = couple_pattern(DATA_LEN, 7);
	struct hba_task m = {.data_out = page, .data_out_len = 24};
	struct hba_task w = {.data_out = data, .data_out_len = DATA_LEN};
	struct hba_task r = {.data_in_len = DATA_LEN, .data_in = couple_take, .ctx = got};
	unsigned units = 0;

	begin(1, _i);
	memset(page->data, 0, 24);
	page->data[8] = 0x02;
	page->data[9] = 14;
	page->data[19] = 4;
	run(&m, &(struct scsi_cdb){.op = OP_MODE_SELECT_10, .alloc = 24, .byte1 = 0x10});
	ck_assert_uint_eq(m.status, SCSI_GOOD);
	run(&w, &(struct scsi_cdb){.op = OP_WRITE_16, .lba = 7, .blocks = BLOCKS});
	ck_assert(w.status == SCSI_GOOD && w.moved_out == DATA_LEN);
	ck_assert_mem_eq(c->disk[0].media + 7 * COUPLE_BLOCK_SIZE, data->data, DATA_LEN);
	for (unsigned i = 0; i < c->n_trace; i++)
		units += c->trace[i].t.phase == PHASE_DATA_OUT && c->trace[i].t.bytes == 2048;
	ck_assert_uint_eq(units, 4);
	ck_assert_uint_ge(couple_count(c, PHASE_RESELECTION), 3);
	only_units();
	run(&r, &(struct scsi_cdb){.op = OP_READ_10, .lba = 7, .blocks = BLOCKS});
	ck_assert(r.status == SCSI_GOOD && r.moved_in == DATA_LEN);
	ck_assert_mem_eq(got, data->data, DATA_LEN);
	ck_assert_uint_ge(couple_count(c, PHASE_RESELECTION), 3);
	only_units();
	block_unref(page);
	block_unref(data);
	couple_quiet(c);
	couple_free(c);
}
END_TEST

/* A scan, which negotiates, waits for what is in flight, and ends none of it. */
START_TEST(a_scan_waits)
{
	struct hba_task r = {.data_in_len = 512};

	begin(1, false);
	c->disk[0].slow = true;
	couple_told = 0;
	couple_start(c, &r, &(struct scsi_cdb){.op = OP_READ_10, .blocks = 1});
	couple_run(c);
	hba_scan(c->h);
	couple_wait(c, NS_PER_S);
	ck_assert_int_eq(hba_target(c->h, 0)->state, HBA_SCANNING);
	couple_release(c, 0);
	c->disk[0].slow = false;
	couple_wait(c, NS_PER_S);
	ck_assert(couple_told == 1 && r.outcome == HBA_COMPLETED && r.status == SCSI_GOOD);
	ck_assert_int_eq(hba_target(c->h, 0)->state, HBA_READY);
	ck_assert(xfer_equal(hba_target(c->h, 0)->xfer, XFER_ULTRA320));
	couple_quiet(c);
	couple_free(c);
}
END_TEST

/* MODE SELECT of one page: its code, its length, and bytes 2 and on. */
static void select_page(const uint8_t *page)
{
	size_t n = 2U + page[1];
	struct block *data = block_new(8 + n);
	struct hba_task m = {.data_out = data, .data_out_len = (uint32_t)(8 + n)};

	memset(data->data, 0, 8);
	memcpy(data->data + 8, page, n);
	run(&m,
	    &(struct scsi_cdb){.op = OP_MODE_SELECT_10, .alloc = (uint32_t)(8 + n), .byte1 = 0x10});
	ck_assert_uint_eq(m.status, SCSI_GOOD);
	block_unref(data);
}

/* The next command meets the UNIT ATTENTION of an informational exception (TEST). */
static void except(void)
{
	static const uint8_t off[12] = {0x1c, 10}, on[12] = {0x1c, 10, 0x04, 0x02, [11] = 1};

	select_page(off);
	select_page(on);
}

/* With UA_INTLCK_CTRL a UNIT ATTENTION stays until REQUEST SENSE asks for it, which is not needed
 * for the sense itself. */
START_TEST(an_attention_that_stays)
{
	static const uint8_t interlocked[12] = {0x0a, 10, [4] = 0x20};
	struct hba_task r = {.data_in_len = 512, .data_in = couple_take, .ctx = got};

	begin(1, false);
	select_page(interlocked);
	except();
	hba_scan(c->h);
	couple_run(c);
	couple_wait(c, NS_PER_S);
	ck_assert_str_eq(hba_target(c->h, 0)->why, "");
	ck_assert_int_eq(hba_target(c->h, 0)->state, HBA_READY);
	/* Nor for who does not say that he goes on. */
	except();
	for (unsigned i = 0; i < 4; i++) {
		r.takes_attention = i == 2;
		run(&r, &(struct scsi_cdb){.op = OP_READ_10, .blocks = 1});
		ck_assert_uint_eq(r.status, i < 3 ? SCSI_CHECK_CONDITION : SCSI_GOOD);
		ck_assert(i == 3 || (r.has_sense && r.sense.key == KEY_UNIT_ATTENTION));
	}
	except();
	couple_join(c, 0, 1, 0);
	couple_quiet(c);
	couple_free(c);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *const once[] = {aca_is_cleared, an_abort, a_disk_that_comes_back, a_scan_waits,
	                             an_attention_that_stays};
	const TTest *const both[] = {agreed_on_at_the_scan,       a_write_and_a_read,
	                             sense_comes_with_the_status, a_wrong_crc_is_that_of_a_unit,
	                             passes_beside_commands,      a_pass_that_is_refused,
	                             limits_of_page_02h};
	Suite *s = tap_suite("couple_units", once, ARRAY_LEN(once));
	TCase *t = tcase_create("armed and not, silent and broadcast");

	for (size_t i = 0; i < ARRAY_LEN(both); i++)
		tcase_add_loop_test(t, both[i], 0, 2);
	suite_add_tcase(s, t);
	return s;
}

TAP_MAIN_SUITE(make_suite);
