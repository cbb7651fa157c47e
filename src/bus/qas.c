/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Quick arbitration and selection (SPI-4): where initiator and target have agreed on it (QAS_REQ of
 * PPR), the target ends its tenure with QAS REQUEST, in a MESSAGE IN phase, in place of BUS FREE.
 * Who else has such an agreement and wants the bus arbitrates at once; the winner asserts SEL, and
 * the target lets BSY go. It spares the BUS FREE phase and most of the arbitration delay.
 *
 *   COMMAND COMPLETE or DISCONNECT -> QAS REQUEST -> somebody takes it: ARBITRATION, which is quick
 *                                                 -> nobody does: BUS FREE, after the delay
 *
 * Where a port without QAS wants the bus, it goes free: nobody is to wait for ever. A mirroring
 * tenure ends with BUS RELEASE and BUS FREE always. Profiles without the delays (SCSI-2, SPI-2)
 * have no QAS, whatever was agreed.
 */
#include "bus/core.h"

static bool capable(const struct bus *b, const struct port *p)
{
	for (unsigned i = 0; i < WIRE_IDS; i++)
		if ((b->agreed[p->id][i].options | b->agreed[i][p->id].options) & XFER_QAS_REQ)
			return true;
	return false;
}

/* All of these can arbitrate so, and there is one. */
static bool all_capable(const struct bus *b, uint16_t ids)
{
	for (unsigned i = 0; i < WIRE_IDS; i++)
		if ((ids >> i & 1) && !capable(b, &b->port[i]))
			return false;
	return ids != 0;
}

bool qas_hand_on(struct bus *b, uint8_t outcome)
{
	static const uint8_t request[] = {0x55};
	struct tenure *t = &b->ten;
	const ps_t delay = b->cfg.timing.ps[BUS_QAS_ARBITRATION_DELAY];

	if (t->mirror || (outcome != OUTCOME_COMPLETE && outcome != OUTCOME_DISCONNECTED) ||
	    (!t->complete && !t->disconnect && !t->units) || delay == 0 ||
	    !(b->agreed[t->init][t->target].options & XFER_QAS_REQ))
		return false;
	phase_bytes(b, PHASE_MESSAGE_IN, false, (struct span){request, sizeof(request)});
	b->handed_on = all_capable(b, arb_wanting(b));
	if (!b->handed_on)
		t->lost_ps += delay; /* it waits for them, in vain */
	return b->handed_on;
}

void qas_settle(struct bus *b, uint16_t want)
{
	const struct phase free = {
	        .phase = PHASE_BUS_FREE,
	        .ps = b->cfg.timing.ps[BUS_QAS_ARBITRATION_DELAY] + bus_timing_free(&b->cfg.timing),
	        .driver = WIRE_NO_ID,
	};

	if (!b->handed_on || all_capable(b, want))
		return;
	b->handed_on = false;
	phase_run(b, &free);
}
