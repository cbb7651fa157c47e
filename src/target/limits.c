/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limits of mode page 02h (SPC-4, disconnect-reconnect mode page) as the port keeps them: it is
 * told when a page changes, and splits data phases by itself (bus/connect.c).
 *
 * Of the page, the bus inactivity limit and the fairness bits need nothing: a target never holds
 * the bus without moving something when it may disconnect, and all arbitration is fair.
 */
#include "base/assert.h"
#include "target/core.h"

#include <string.h>

/* What the buffer ratios are of: the buffer that this disk is taken to have. */
#define BUFFER_BYTES (256U * 1024)
#define RATIO_WHOLE  256
#define BURST_UNIT   512 /* of the maximum burst size */

/* Bytes of the page. */
#define BUFFER_FULL  2
#define BUFFER_EMPTY 3
#define WAIT_LIMIT   6 /* disconnect time limit */
#define CONNECT      8
#define BURST_SIZE   10
#define FLAGS        12
#define DTDC         0x07 /* data transfer disconnect control */
#define DTDC_DATA    1    /* no disconnection once the data have begun */

/* The maximum burst size holds where there is one; else a buffer that is to be so full, or so
 * empty. */
static uint32_t burst(uint16_t units, uint8_t ratio)
{
	uint32_t bytes = BUFFER_BYTES / RATIO_WHOLE * ratio;

	if (units > 0)
		return (uint32_t)units * BURST_UNIT;
	return bytes / BURST_UNIT * BURST_UNIT;
}

void tgt_limits_get(struct span page, struct wire_limit *out)
{
	uint16_t units = get_be16(page.p + BURST_SIZE);

	out->out = burst(units, page.p[BUFFER_EMPTY]);
	out->in = burst(units, page.p[BUFFER_FULL]);
	out->connect = get_be16(page.p + CONNECT);
	out->wait = get_be16(page.p + WAIT_LIMIT);
	out->hold = (page.p[FLAGS] & DTDC) == DTDC_DATA;
}

/* Reads the page of a unit whose mode pages have changed; false: they have not. */
static bool read_page(struct tgt_lu *lu)
{
	uint8_t bytes[MODE_PAGE_MAX];

	if (memcmp(&lu->limits_of, &lu->modes.current, sizeof(lu->limits_of)) == 0)
		return false;
	lu->limits_of = lu->modes.current;
	size_t n = mode_page_put(&lu->modes, MODE_PAGE_DISCONNECT, PC_CURRENT, bytes);
	sm_assert(n > FLAGS);
	lu->limit.lun = lu->lun;
	tgt_limits_get((struct span){bytes, n}, &lu->limit);
	return true;
}

static bool limited(const struct wire_limit *l)
{
	return l->out || l->in || l->connect || l->wait || l->hold;
}

void tgt_limits_tell(struct tgt *t)
{
	struct wire_limits now = {0};
	struct tgt_lu *lu;

	LU_FOREACH (lu, t)
		t->limits_due = read_page(lu) || t->limits_due;
	if (!t->attached || !t->limits_due)
		return;
	t->limits_due = false;
	LU_FOREACH (lu, t)
		if (limited(&lu->limit) && now.n < WIRE_LUNS_MAX)
			now.of[now.n++] = lu->limit;
	/* Where there were none and are none, nothing is to be said. */
	if (now.n == 0 && t->limits_told == 0)
		return;
	t->limits_told = now.n;
	struct tgt_action *a = tgt_out_action(t, TGT_SEND);
	a->frame.type = WIRE_LIMITS;
	a->frame.limits = now;
}
