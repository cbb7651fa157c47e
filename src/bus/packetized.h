/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What information units cost (SPI-4, clause 14): the packetized protocol, without which Fast-160
 * does not exist. units.c times each unit and training pattern of a tenure by it; and there is a
 * model of a whole conventional mirrored write, which takes what such tenures take. Nothing here is
 * about silent mirroring: members cannot snoop what has no COMMAND and MESSAGE phases.
 *
 * What is modelled, as Seagate 100293069 prints SPI-5 (sections 3.5.3.1 and 6; figures 16 to 18):
 *
 * - A write: selection without attention condition, so no MESSAGE OUT phase. DT DATA OUT: an L_Q
 *   and a command information unit. DT DATA IN: the target's L_Q for the data. DT DATA OUT: one
 *   data information unit. Then BUS FREE, which stands for a DISCONNECT message, and reselection
 *   without IDENTIFY; or the target keeps the bus ("held").
 * - Status: an L_Q in DT DATA IN. For GOOD its data length is zero, and no status information unit
 *   follows.
 * - An L_Q has 20 bytes, a command information unit 20 with a CDB of up to 16 bytes. Each unit is
 *   padded to a multiple of 4 bytes and ends with 4 of iuCRC (iuCRC interval 0: no others).
 * - A training pattern begins the first DT DATA phase of each direction, where transfers are paced
 *   (Fast-160), after each selection or reselection, unless training information is retained (PPR
 * option RTI, agreed on long before). SEL announces it: two deskew delays in DT DATA OUT, four in
 * DT DATA IN. It has three sections, of 192, 80 and 128 transfer periods; Fast-160: 2500 ns.
 * - All units move at the agreed period. P1 is never reversed inside a unit or between units of a
 *   phase: neither side pauses. Flow control (WR_FLOW) only ever adds pauses, and adds none here.
 * - With QAS, a tenure that another follows ends with a MESSAGE IN phase of one byte (QAS REQUEST)
 *   in place of BUS FREE and ARBITRATION: a QAS release delay, the QAS arbitration delay, another
 *   QAS release delay once SEL is asserted, and a bus settle delay.
 *
 * Assumed, because no source at hand says it: the length of the second section of the training
 * pattern is 8, 8 and 24 REQ (or ACK) cycles; the pattern starts with the bus settle delay over,
 * and the initiator answers the request for one at once (200 ns are allowed); what of QAS comes
 * before and after its arbitration delay. The profile has its targets' answers and delays, as in
 * timing.h: zero.
 */
#ifndef BUS_PACKETIZED_H
#define BUS_PACKETIZED_H

#include "bus/timing.h"

/* The data length of an L_Q has 24 bits. */
#define PACKETIZED_DATA_MOST 0xffffffU

struct packetized {
	bool held;     /* the target keeps the bus from its command to its status */
	bool retained; /* training information is: no patterns */
	bool qas;
};

/* Information units, double transition and 16 bits: what the functions below can be asked about. */
bool packetized_applies(struct xfer x);
/* One information unit of `bytes` without its iuCRC, in the phase that the bus is in. */
ps_t packetized_unit(const struct bus_timing *t, struct xfer x, uint32_t bytes);
/* A training pattern with its announcement; 0 where transfers are not paced. */
ps_t packetized_training(const struct bus_timing *t, struct xfer x, bool in);
/* The same `bytes` (1 to PACKETIZED_DATA_MOST) written to n targets, one after the other, from the
 * first ARBITRATION to the last BUS FREE. x must apply. */
ps_t packetized_write(const struct bus_timing *t, struct xfer x, struct packetized how, unsigned n,
                      uint32_t bytes);

#endif
