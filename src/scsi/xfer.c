/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/xfer.h"

#include <stdio.h>

/* Transfer period factors (SPI-4, 4.12): a row holds the factors up to its last one. */
static const struct {
	uint8_t last;
	uint32_t period_10ps; /* 0: four nanoseconds times the factor */
	const char *name;
} periods[] = {
        {0x08, 625, "Fast-160 (Ultra320)"},
        {0x09, 1250, "Fast-80 (Ultra160)"},
        {0x0a, 2500, "Fast-40"},
        {0x0b, 3030, "Fast-40"},
        {0x0c, 5000, "Fast-20"},
        {0x18, 0, "Fast-20"},
        {0x31, 0, "Fast-10"},
        {0xff, 0, "Fast-5"},
};

#define FACTOR_MIN     0x08 /* those below are reserved */
#define FACTOR_FAST160 0x08
#define FACTOR_FAST80  0x09
#define FACTOR_FAST40  0x0a

static size_t period_row(uint8_t factor)
{
	size_t i = 0;
	while (periods[i].last < factor)
		i++;
	return i;
}

static uint8_t lesser(uint8_t a, uint8_t b)
{
	return a < b ? a : b;
}

/* What two offers have in common may be no mode of the standard: the next slower one is. */
static struct xfer legal(struct xfer x)
{
	if (x.offset == 0)
		return (struct xfer){.wide = x.wide};
	if (x.wide == 0 || !(x.options & XFER_DT_REQ))
		x.options = 0; /* DT is wide; information units and QAS need DT */
	if (x.period == FACTOR_FAST160 && !(x.options & XFER_IU_REQ))
		x.period = FACTOR_FAST80;
	if (x.period == FACTOR_FAST80 && !(x.options & XFER_DT_REQ))
		x.period = FACTOR_FAST40;
	if (x.period != FACTOR_FAST160)
		x.options &= (uint8_t)~XFER_RTI;
	return x;
}

struct xfer xfer_plain(struct xfer x)
{
	if (!(x.options & XFER_IU_REQ))
		return x;
	x.options &= (uint8_t)~XFER_IU_REQ;
	return legal(x);
}

bool xfer_paced(struct xfer x)
{
	return x.offset > 0 && x.period == FACTOR_FAST160;
}

struct xfer xfer_common(struct xfer a, struct xfer b)
{
	return legal((struct xfer){
	        .period = a.period > b.period ? a.period : b.period,
	        .offset = lesser(a.offset, b.offset),
	        .wide = lesser(a.wide, b.wide),
	        .options = a.options & b.options,
	});
}

bool xfer_equal(struct xfer a, struct xfer b)
{
	return a.period == b.period && a.offset == b.offset && a.wide == b.wide &&
	       a.options == b.options;
}

bool xfer_alike(struct xfer a, struct xfer b)
{
	a = xfer_plain(a);
	b = xfer_plain(b);
	a.options &= (uint8_t)~XFER_QAS_REQ;
	b.options &= (uint8_t)~XFER_QAS_REQ;
	return xfer_equal(a, b);
}

uint32_t xfer_period_10ps(uint8_t factor)
{
	if (factor < FACTOR_MIN)
		return 0;
	uint32_t p = periods[period_row(factor)].period_10ps;
	return p ? p : factor * 400U;
}

const char *xfer_name(struct xfer x, char *buf, size_t n)
{
	const char *mode = "async";
	if (x.offset > 0)
		mode = x.period < FACTOR_MIN ? "reserved" : periods[period_row(x.period)].name;
	(void)snprintf(buf, n, "%s%s%s%s", mode, x.wide ? " wide" : "",
	               x.options & XFER_IU_REQ ? " IU" : "",
	               x.options & XFER_QAS_REQ ? " QAS" : "");
	return buf;
}
