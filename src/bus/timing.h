/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timing model: what each step of the bus costs on a real bus. Picoseconds
 * inside, because a Fast-40 transfer takes 25 ns, a Fast-160 one 6.25.
 */
#ifndef BUS_TIMING_H
#define BUS_TIMING_H

#include "scsi/phase.h"
#include "scsi/xfer.h"

typedef uint64_t ps_t; /* picoseconds of bus time */

#define PS_PER_NS 1000ULL

enum bus_value {
#define BUS_VALUE(sym, name, scsi2, spi2, spi3, spi4) BUS_##sym,
#include "bus/profiles.def"
#undef BUS_VALUE
	BUS_VALUES
};

#define BUS_VALUE_MOST (NS_PER_S * PS_PER_NS) /* 1 s: more is a slip of the pen */

struct bus_timing {
	char profile[32]; /* the built-in profile that it started from */
	ps_t ps[BUS_VALUES];
};

/* "spi3": the profile where none is named. */
#define BUS_PROFILE_DEFAULT "spi3"

/* False when there is no such profile; out is then untouched. */
bool bus_timing_profile(struct bus_timing *out, const char *name);
/* The i-th profile's name; NULL past the last. */
const char *bus_timing_profile_name(unsigned i);
const char *bus_timing_value_name(enum bus_value v);
/* Overrides one value. False when there is no such value, or it is above BUS_VALUE_MOST. */
bool bus_timing_set(struct bus_timing *t, const char *name, ps_t ps);

/* BUS FREE seen: bus settle + bus free delay. */
ps_t bus_timing_free(const struct bus_timing *t);
/* Arbitration delay; then the winner asserts SEL and waits bus clear + bus settle. */
ps_t bus_timing_arbitration(const struct bus_timing *t);
/* The same after QAS REQUEST: a QAS release delay, the QAS arbitration delay, another release delay
 * once SEL is asserted, bus settle. */
ps_t bus_timing_qas(const struct bus_timing *t);
/* Selection or reselection that is answered: two deskew, bus settle, the answer, two deskew. */
ps_t bus_timing_selection(const struct bus_timing *t);
/* Nobody answers: the selection time-out, then the abort time. */
ps_t bus_timing_selection_timeout(const struct bus_timing *t);
ps_t bus_timing_reset(const struct bus_timing *t);
/* A change of phase: bus settle, and a data release delay when I/O goes from false to true. */
ps_t bus_timing_change(const struct bus_timing *t, bool turns);
/* COMMAND, STATUS, MESSAGE: 8 bits, asynchronous. */
ps_t bus_timing_bytes(const struct bus_timing *t, uint32_t bytes);
/* A data phase under an agreement. */
ps_t bus_timing_data(const struct bus_timing *t, struct xfer x, uint32_t bytes);

#endif
