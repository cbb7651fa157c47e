/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arbitration: priority 7..0, then 15..8 (SPI-3, 10.4.2), tempered by fairness (annex B): a
 * device that wins remembers the lower ones that lost against it, and does not arbitrate again
 * before each of them had the bus or lost interest.
 */
#include "bus/core.h"

static bool wants(struct bus *b, struct port *p)
{
	if (!p->up)
		return false;
	return p->role == ROLE_INITIATOR ? p->n_queued > 0 : program_ready(b, p);
}

static uint16_t wanting(struct bus *b)
{
	uint16_t mask = 0;

	for (uint8_t i = 0; i < WIRE_IDS; i++)
		if (wants(b, &b->port[i]))
			mask |= id_bit(i);
	return mask;
}

/* 7 is highest: 0..15 by falling priority. */
static uint8_t by_priority(unsigned i)
{
	return (uint8_t)(i < 8 ? 7 - i : 23 - i);
}

static uint8_t highest(uint16_t ids)
{
	for (unsigned i = 0; i < WIRE_IDS; i++)
		if (ids & id_bit(by_priority(i)))
			return by_priority(i);
	return WIRE_NO_ID;
}

static uint16_t lower_than(uint8_t id)
{
	uint16_t mask = 0;
	bool seen = false;

	for (unsigned i = 0; i < WIRE_IDS; i++) {
		if (seen)
			mask |= id_bit(by_priority(i));
		seen = seen || by_priority(i) == id;
	}
	return mask;
}

/* Those that want the bus and hold back for nobody. The lowest never holds back. */
static uint16_t contenders(struct bus *b, uint16_t want)
{
	uint16_t mask = 0;

	for (uint8_t i = 0; i < WIRE_IDS; i++) {
		struct port *p = &b->port[i];
		p->fair &= want;
		if ((want & id_bit(i)) && (!b->cfg.fairness || p->fair == 0))
			mask |= id_bit(i);
	}
	return mask;
}

bool arb_run(struct bus *b)
{
	uint16_t want = wanting(b);

	if (!want)
		return false;
	uint16_t ids = contenders(b, want);
	uint8_t winner = highest(ids);
	sm_assert(winner < WIRE_IDS);
	struct port *p = &b->port[winner];
	for (unsigned i = 0; i < WIRE_IDS; i++)
		b->port[i].fair &= (uint16_t)~id_bit(winner);
	p->fair = want & lower_than(winner);
	if (p->role == ROLE_INITIATOR)
		tenure_select(b, TAILQ_FIRST(&p->queue), ids);
	else
		tenure_reselect(b, p, TAILQ_FIRST(&p->programs), ids);
	return true;
}
