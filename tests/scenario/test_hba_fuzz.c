/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host adapter against a bus server that says anything at any time: it
 * neither crashes nor loses a task or a pass, and comes to rest when the server goes.
 */
#include "base/prng.h"
#include "scenario/fake_bus.h"
#include "unit/tap_main.h"

#include <string.h>

#define TASKS  40
#define PASSES 40
#define STEPS  3000

static struct fake f;
static struct prng g;
static struct hba_task task[TASKS];
static struct hba_pass pass[PASSES];
static bool task_runs[TASKS], pass_runs[PASSES];
static struct fake_script old[64]; /* scripts that were seen: reports may name them again */
static unsigned n_old;

static uint32_t below(uint32_t n)
{
	return (uint32_t)prng_below(&g, n);
}

static void task_done(struct hba_task *t)
{
	ck_assert(task_runs[t - task]);
	task_runs[t - task] = false;
}

static void pass_done(struct hba_pass *p)
{
	ck_assert(pass_runs[p - pass]);
	ck_assert_uint_eq(p->waiting, 0);
	pass_runs[p - pass] = false;
}

static void start_task(void)
{
	unsigned i = below(TASKS);

	if (task_runs[i]) {
		if (below(4) == 0)
			hba_task_abort(f.h, &task[i]);
		return;
	}
	task_runs[i] = true;
	task[i] = (struct hba_task){
	        .target = (uint8_t)below(6),
	        .untagged = below(8) == 0,
	        .no_auto_sense = below(8) == 0,
	        .cdb = {0x28},
	        .cdb_len = 10,
	        .data_in_len = below(3) * 100,
	        .timeout_ns = below(2) * NS_PER_S,
	        .done = task_done,
	};
	hba_task_start(f.h, &task[i]);
}

static void start_pass(void)
{
	unsigned i = below(PASSES);

	if (pass_runs[i])
		return;
	pass_runs[i] = true;
	pass[i] = (struct hba_pass){
	        .group = 7,
	        .cdb = {.op = OP_SYNCHRONIZE_CACHE_16},
	        .n = 1 + below(5),
	        .done = pass_done,
	};
	unsigned first = below(6);
	for (unsigned k = 0; k < pass[i].n; k++) {
		pass[i].m[k].target = (uint8_t)((first + k) % 6);
		pass[i].m[k].device = (uint8_t)(10 + k);
	}
	hba_pass_start(f.h, &pass[i]);
}

/* A script that was sent: mostly a live one. */
static struct fake_script some_script(void)
{
	struct fake_script s = {.id = (uint32_t)prng_u64(&g), .target = (uint8_t)below(16)};

	if (f.n && below(4)) {
		s = fake_take(&f);
		old[n_old++ % ARRAY_LEN(old)] = s;
		return s;
	}
	if (n_old && below(10))
		return old[below(n_old < ARRAY_LEN(old) ? n_old : ARRAY_LEN(old))];
	return s;
}

static size_t some_messages(uint8_t *to, size_t cap)
{
	struct wr w = wr_init(to, cap);

	for (unsigned n = below(4); n > 0; n--) {
		struct scsi_msg m = {.kind = MSG_EXT_PPR, .xfer = {9, (uint8_t)below(128), 1, 2}};
		switch (below(5)) {
		case 0:
			msg_put_byte(&w, 0x07);
			break;
		case 1:
			scsi_msg_put(&w, &m);
			break;
		case 2:
			msg_put_simple(&w, (uint8_t)below(256));
			break;
		default:
			wr_u8(&w, (uint8_t)below(256));
		}
	}
	return w.n;
}

static void send_report(void)
{
	struct fake_script s = some_script();
	struct wire_tenure tn = fake_tenure(&f, &s, (uint8_t)below(OUTCOME_CHAINED + 2));
	uint8_t msg[64], data[64] = {0};

	tn.has_status = below(4) > 0;
	tn.status = below(2) ? (uint8_t)below(4) : (uint8_t)below(256);
	tn.reselected = below(2);
	tn.data_out = below(1000);
	tn.msg_in = (struct span){msg, some_messages(msg, sizeof(msg))};
	tn.n_legs = below(20) == 0 ? 255 : (uint8_t)s.n_legs;
	for (unsigned i = 0; i < tn.n_legs && i < WIRE_LEGS_MAX; i++)
		tn.legs[i] = (struct wire_leg){
		        .op = s.leg[i % FAKE_LEGS].op + (below(30) == 0),
		        .device = s.leg[i % FAKE_LEGS].device,
		        .result = (uint8_t)below(LEG_NOT_REACHED + 2),
		        .moved = below(2) * below(8192),
		};
	if (below(40) == 0)
		tn.target = (uint8_t)below(256);
	if (below(20) == 0)
		tn.script = 0;
	if (below(20) == 0)
		tn.end_ns = 0;
	fake_send(&f, &tn, data, below(3) ? 0 : 1 + below(60));
}

static void send_status(void)
{
	struct fake_script s = some_script();

	if (!s.mirror)
		return;
	unsigned leg = below(s.n_legs);
	struct fake_status st = fake_status_of(&f, &s, leg, (uint8_t)((s.target + leg) % 6));
	st.status = below(3) ? SCSI_GOOD : SCSI_CHECK_CONDITION;
	st.sense = below(2) ? &SENSE_WRITE_ERROR : NULL;
	if (below(30) == 0)
		st.epoch++;
	fake_send_status(&f, &st);
}

static void send_other(void)
{
	struct wire_frame e = {.type = WIRE_ERROR, .error = {.frame_type = WIRE_SCRIPT}};
	uint8_t id = (uint8_t)below(6);

	switch (below(12)) {
	case 0:
		fake_rst(&f);
		break;
	case 1:
		e.error.ref = some_script().id;
		fake_frame(&f, &e);
		break;
	case 2:
		hba_scan(f.h);
		break;
	case 3:
		hba_detached(f.h, f.now);
		f.n = 0;
		fake_run(&f);
		fake_attach(&f);
		break;
	case 4:
		hba_reset_bus(f.h);
		break;
	default:
		fake_port(&f, id, !f.disk[id].up);
	}
}

static void step(void)
{
	if (f.n > FAKE_SCRIPTS / 2)
		fake_serve(&f);
	switch (below(16)) {
	case 0:
	case 1:
	case 2:
		start_task();
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		start_pass();
		break;
	case 7:
	case 8:
	case 9:
		send_report();
		break;
	case 10:
	case 11:
	case 12:
		send_status();
		break;
	case 13:
		fake_wait(&f, below(3) * 700 * NS_PER_MS);
		break;
	case 14:
		fake_serve(&f);
		break;
	default:
		if (below(4) == 0)
			send_other();
	}
	fake_run(&f);
}

START_TEST(anything_at_any_time)
{
	g = prng_init(1000 + (uint64_t)_i);
	fake_init(&f, NULL);
	for (uint8_t id = 0; id < 6; id++)
		fake_disk_up(&f, id, (uint16_t)(1 + below(6)));
	for (unsigned i = 0; i < STEPS; i++)
		step();
	if (_i % 2) {
		/* Time alone ends everything, too, though nobody answers any more. */
		for (unsigned i = 0; i < 400; i++) {
			f.n = 0;
			fake_wait(&f, NS_PER_S);
		}
	} else {
		hba_detached(f.h, f.now);
		fake_run(&f);
	}
	for (unsigned i = 0; i < TASKS; i++)
		ck_assert_msg(!task_runs[i], "task %u never ended", i);
	for (unsigned i = 0; i < PASSES; i++)
		ck_assert_msg(!pass_runs[i], "pass %u never ended", i);
	hba_detached(f.h, f.now);
	fake_end(&f);
}
END_TEST

TAP_MAIN_TABLE("hba_fuzz", NULL, NULL, TAP_TIMES(anything_at_any_time, 12));
