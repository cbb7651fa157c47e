/* SPDX-License-Identifier: BSD-2-Clause */
/* One phase: bus time passes, the totals grow, the trace is told. */
#include "bus/core.h"

#include "base/crc.h"

static bool is_transfer(enum scsi_phase phase)
{
	return phase <= PHASE_MESSAGE_IN;
}

/* Time passes; returns the whole nanoseconds by which the clock moved. */
static ns_t pass(struct bus *b, ps_t ps)
{
	ns_t before = b->bus_ns;
	ps_t sum = ps + b->bus_ps;

	b->bus_ns += sum / PS_PER_NS;
	b->bus_ps = (uint32_t)(sum % PS_PER_NS);
	return b->bus_ns - before;
}

static void total(struct bus *b, const struct phase *p, ns_t dur)
{
	struct wire_stats *s = &b->stats;

	s->phase[b->ten.kind][p->phase].count++;
	s->phase[b->ten.kind][p->phase].bytes += p->bytes;
	s->phase[b->ten.kind][p->phase].ns += dur;
}

static void trace(struct bus *b, const struct phase *p, ns_t at, ns_t dur)
{
	const struct tenure *t = &b->ten;
	uint64_t seq = ++b->next_seq;

	if (!b->tracing)
		return;
	*act_trace(b) = (struct bus_trace){
	        .seq = seq,
	        .t_ns = at,
	        .dur_ns = dur,
	        .tenure = t->number,
	        .phase = p->phase,
	        .init = t->init,
	        .leader = t->mirror ? t->target : WIRE_NO_ID,
	        .driver = p->driver,
	        .bsy = p->bsy,
	        .sel = p->sel,
	        .atn = p->atn,
	        .bytes = p->bytes,
	        .crc = p->crc,
	        .has_op = t->has_op,
	        .op = t->op,
	        .ids = p->ids,
	        .winner = p->winner,
	        .target = p->target,
	        .status = p->status,
	        .units = p->units,
	        .octets = p->octets.n ? act_copy(b, p->octets.p, p->octets.n) : p->octets,
	};
}

void phase_run(struct bus *b, const struct phase *p)
{
	struct tenure *t = &b->ten;

	if (b->units.open)
		units_flush(b);
	ps_t ps = p->ps + t->lost_ps;
	ns_t at = b->bus_ns;

	t->lost_ps = 0;
	if (is_transfer(p->phase)) {
		bool io = p->phase & SCSI_IO;
		if (p->phase != PHASE_MESSAGE_OUT)
			t->last_out = (struct span){NULL, 0};
		if (p->phase != PHASE_MESSAGE_IN)
			t->after_in = p->phase == PHASE_DATA_IN;
		ps += bus_timing_change(&b->cfg.timing, io && !t->io);
		t->io = io;
	}
	ns_t dur = pass(b, ps);
	total(b, p, dur);
	trace(b, p, at, dur);
}

void phase_bytes(struct bus *b, enum scsi_phase phase, bool atn, struct span s)
{
	struct phase p = {
	        .phase = phase,
	        .ps = bus_timing_bytes(&b->cfg.timing, (uint32_t)s.n),
	        .bytes = (uint32_t)s.n,
	        .atn = atn,
	        .octets = s,
	        .bsy = id_bit(b->ten.target),
	        .driver = b->ten.driver,
	};
	phase_run(b, &p);
}

void phase_status(struct bus *b, uint8_t status)
{
	struct phase p = {
	        .phase = PHASE_STATUS,
	        .ps = bus_timing_bytes(&b->cfg.timing, 1),
	        .bytes = 1,
	        .status = status,
	        .bsy = id_bit(b->ten.target),
	        .driver = b->ten.driver,
	};
	phase_run(b, &p);
}

uint32_t phase_crc(struct bus *b, const struct block *data, struct piece piece)
{
	struct tenure *t = &b->ten;

	if (!t->crc_known || t->crc_of.off != piece.off || t->crc_of.len != piece.len) {
		t->crc = crc_data(0, data->data + piece.off, piece.len);
		t->crc_of = piece;
		t->crc_known = true;
	}
	return t->crc;
}

/* The legs of a pass move the same bytes of the same block: checked once. */
enum bus_crc phase_check(struct bus *b, bool out, const struct block *data, struct piece piece)
{
	/* Bytes in shared memory pass the server by: what it has not seen it does not judge. */
	if (!b->tracing || !data || data->shared || piece.len == 0)
		return BUS_CRC_NULL;
	/* Nor what a target drives beyond all that a script can have room for, which is dropped:
	 * hundreds of such phases in one program would keep the server from everybody else. */
	if (!out && b->ten.data_in >= WIRE_DATA_MAX)
		return BUS_CRC_NULL;
	uint32_t crc =
	        out ? phase_crc(b, data, piece) : crc_data(0, data->data + piece.off, piece.len);
	if (crc == piece.crc)
		return BUS_CRC_OK;
	b->stats.crc_errors++;
	return BUS_CRC_BAD;
}

void phase_data(struct bus *b, enum scsi_phase phase, const struct block *data, struct piece piece)
{
	const struct tenure *t = &b->ten;
	struct xfer x = ten_xfer(b, t->driver);
	struct phase p = {
	        .phase = phase,
	        .ps = bus_timing_data(&b->cfg.timing, x, piece.len),
	        .bytes = piece.len,
	        .crc = phase_check(b, phase == PHASE_DATA_OUT, data, piece),
	        .bsy = id_bit(t->target),
	        .driver = t->driver,
	};
	phase_run(b, &p);
}
