/* SPDX-License-Identifier: BSD-2-Clause */
#include "bus/timing.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

enum { P_SCSI2, P_SPI2, P_SPI3, P_SPI4, PROFILES };

static const char *const profile_names[PROFILES] = {"scsi2", "spi2", "spi3", "spi4"};

static const struct {
	const char *name;
	ps_t ps[PROFILES];
} values[BUS_VALUES] = {
#define BUS_VALUE(sym, name, scsi2, spi2, spi3, spi4)                                              \
	[BUS_##sym] = {name, {scsi2, spi2, spi3, spi4}},
#include "bus/profiles.def"
#undef BUS_VALUE
};

/* SPI-3, 11.6: a group of DT data ends with 32 bits of CRC. */
#define DT_CRC_LEN 4

bool bus_timing_profile(struct bus_timing *out, const char *name)
{
	for (unsigned p = 0; p < PROFILES; p++) {
		if (strcmp(profile_names[p], name) != 0)
			continue;
		(void)snprintf(out->profile, sizeof(out->profile), "%s", name);
		for (unsigned v = 0; v < BUS_VALUES; v++)
			out->ps[v] = values[v].ps[p];
		return true;
	}
	return false;
}

const char *bus_timing_profile_name(unsigned i)
{
	return i < PROFILES ? profile_names[i] : NULL;
}

const char *bus_timing_value_name(enum bus_value v)
{
	sm_assert(v < BUS_VALUES);
	return values[v].name;
}

bool bus_timing_set(struct bus_timing *t, const char *name, ps_t ps)
{
	if (ps > BUS_VALUE_MOST)
		return false;
	for (unsigned v = 0; v < BUS_VALUES; v++) {
		if (strcmp(values[v].name, name) == 0) {
			t->ps[v] = ps;
			return true;
		}
	}
	return false;
}

ps_t bus_timing_free(const struct bus_timing *t)
{
	return t->ps[BUS_BUS_SETTLE_DELAY] + t->ps[BUS_BUS_FREE_DELAY];
}

ps_t bus_timing_arbitration(const struct bus_timing *t)
{
	return t->ps[BUS_ARBITRATION_DELAY] + t->ps[BUS_BUS_CLEAR_DELAY] +
	       t->ps[BUS_BUS_SETTLE_DELAY];
}

ps_t bus_timing_qas(const struct bus_timing *t)
{
	return 2 * t->ps[BUS_QAS_RELEASE_DELAY] + t->ps[BUS_QAS_ARBITRATION_DELAY] +
	       t->ps[BUS_BUS_SETTLE_DELAY];
}

ps_t bus_timing_selection(const struct bus_timing *t)
{
	return 4 * t->ps[BUS_DESKEW_DELAY] + t->ps[BUS_BUS_SETTLE_DELAY] + t->ps[BUS_TARGET_ANSWER];
}

ps_t bus_timing_selection_timeout(const struct bus_timing *t)
{
	return 2 * t->ps[BUS_DESKEW_DELAY] + t->ps[BUS_BUS_SETTLE_DELAY] +
	       t->ps[BUS_SELECTION_TIMEOUT] + t->ps[BUS_SELECTION_ABORT_TIME];
}

ps_t bus_timing_reset(const struct bus_timing *t)
{
	return t->ps[BUS_RESET_HOLD_TIME];
}

ps_t bus_timing_change(const struct bus_timing *t, bool turns)
{
	return t->ps[BUS_BUS_SETTLE_DELAY] + (turns ? t->ps[BUS_DATA_RELEASE_DELAY] : 0);
}

ps_t bus_timing_bytes(const struct bus_timing *t, uint32_t bytes)
{
	return t->ps[BUS_ASYNC_BYTE] * bytes;
}

/* One transfer. No more than `offset` REQs may be out before their ACKs come back. */
static ps_t transfer(const struct bus_timing *t, struct xfer x)
{
	ps_t period = (ps_t)xfer_period_10ps(x.period) * 10;
	if (x.offset == 0 || period == 0)
		return t->ps[BUS_ASYNC_BYTE];
	ps_t round_trip = t->ps[BUS_REQ_TO_ACK] + t->ps[BUS_OFFSET_LATENCY];
	ps_t limited = round_trip / x.offset;
	return period > limited ? period : limited;
}

ps_t bus_timing_data(const struct bus_timing *t, struct xfer x, uint32_t bytes)
{
	uint64_t len = bytes;
	if (bytes > 0 && x.offset > 0 && (x.options & XFER_DT_REQ))
		len += DT_CRC_LEN;
	uint64_t transfers = x.wide ? (len + 1) / 2 : len;
	return transfers * transfer(t, x);
}
