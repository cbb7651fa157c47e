/* SPDX-License-Identifier: BSD-2-Clause */
#include "bus/packetized.h"

#include "base/assert.h"

/* SPI-4, 14.3.1 and 14.3.2: lengths without iuCRC. */
#define L_Q_LEN     20
#define COMMAND_LEN 20 /* 4 and a CDB of 16 bytes: no additional ones */
#define PAD         4

#define QAS_REQUEST_LEN 1

/* Sections A, B and C of a training pattern, in transfer periods. */
#define TRAINING_PERIODS     (192 + 2 * (8 + 8 + 24) + 128)
#define ANNOUNCE_OUT_DESKEWS 2 /* SEL asserted */
#define ANNOUNCE_IN_DESKEWS  4 /* SEL released, then asserted */

/* A sum that follows the bus from phase to phase. */
struct sum {
	const struct bus_timing *t;
	struct xfer x;
	struct packetized how;
	ps_t ps;
	bool in;         /* I/O is true */
	bool trained[2]; /* [in], since the bus was won */
	bool handed_on;  /* QAS: the next tenure has won the bus already */
};

bool packetized_applies(struct xfer x)
{
	return (x.options & XFER_IU_REQ) && (x.options & XFER_DT_REQ) && x.wide == 1 &&
	       x.offset > 0;
}

ps_t packetized_unit(const struct bus_timing *t, struct xfer x, uint32_t bytes)
{
	/* The CRC of bus_timing_data() is the iuCRC: one for all of the unit. */
	return bus_timing_data(t, x, (bytes + PAD - 1) / PAD * PAD);
}

ps_t packetized_training(const struct bus_timing *t, struct xfer x, bool in)
{
	ps_t period = (ps_t)xfer_period_10ps(x.period) * 10;

	if (!xfer_paced(x))
		return 0;
	return t->ps[BUS_DESKEW_DELAY] * (in ? ANNOUNCE_IN_DESKEWS : ANNOUNCE_OUT_DESKEWS) +
	       TRAINING_PERIODS * period;
}

/* ---- steps ---- */

static void connect(struct sum *s, bool reselection)
{
	if (!s->handed_on)
		s->ps += bus_timing_arbitration(s->t);
	s->ps += bus_timing_selection(s->t);
	s->in = reselection;
	s->trained[false] = s->trained[true] = false;
}

static void turn_to(struct sum *s, bool in)
{
	s->ps += bus_timing_change(s->t, in && !s->in);
	s->in = in;
}

static void data_phase(struct sum *s, bool in)
{
	turn_to(s, in);
	if (!s->how.retained && !s->trained[in])
		s->ps += packetized_training(s->t, s->x, in);
	s->trained[in] = true;
}

static void unit(struct sum *s, uint32_t bytes)
{
	s->ps += packetized_unit(s->t, s->x, bytes);
}

static void leave(struct sum *s, bool last)
{
	s->handed_on = s->how.qas && !last;
	if (!s->handed_on) {
		s->ps += bus_timing_free(s->t);
		return;
	}
	turn_to(s, true);
	s->ps += bus_timing_bytes(s->t, QAS_REQUEST_LEN) + bus_timing_qas(s->t);
}

/* ---- a write ---- */

static void write_one(struct sum *s, uint32_t bytes, bool last)
{
	connect(s, false);
	data_phase(s, false);
	unit(s, L_Q_LEN);
	unit(s, COMMAND_LEN);
	data_phase(s, true);
	unit(s, L_Q_LEN);
	data_phase(s, false);
	unit(s, bytes);
	if (!s->how.held) {
		leave(s, false);
		connect(s, true);
	}
	data_phase(s, true);
	unit(s, L_Q_LEN); /* the status: GOOD */
	leave(s, last);
}

ps_t packetized_write(const struct bus_timing *t, struct xfer x, struct packetized how, unsigned n,
                      uint32_t bytes)
{
	struct sum s = {.t = t, .x = x, .how = how};

	sm_assert(packetized_applies(x) && bytes > 0 && bytes <= PACKETIZED_DATA_MOST);
	for (unsigned i = 0; i < n; i++)
		write_one(&s, bytes, i + 1 == n);
	return s.ps;
}
