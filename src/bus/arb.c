/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arbitration: priority 7..0, then 15..8 (SPI-3, 10.4.2), tempered by fairness (annex B): a
 * device that wins remembers the lower ones that lost against it, and does not arbitrate again
 * before each of them had the bus or lost interest. So does one that does not want the bus: it
 * listens to the arbitrations of others, and waits for those that lost when it comes to want it.
 */
#include "bus/core.h"

static bool wants(struct bus *b, struct port *p)
{
	if (!p->up)
		return false;
	return p->role == ROLE_INITIATOR ? p->n_queued > 0 : program_ready(b, p);
}

uint16_t arb_wanting(struct bus *b)
{
	uint16_t mask = 0;

	for (uint8_t i = 0; i < WIRE_IDS; i++)
		if (wants(b, &b->port[i]))
			mask |= id_bit(i);
	return mask;
}

/* IDs as bits in the order of their priority, 15 (ID 7) the highest, 0 (ID 8) the lowest; and
 * back. */
static uint16_t turned(unsigned ids)
{
	return (uint16_t)(ids << 8 | ids >> 8);
}
_Static_assert(WIRE_IDS == 16, "turned");

/* ids: not 0. */
static uint8_t highest(uint16_t ids)
{
	unsigned rank = 31U - (unsigned)__builtin_clz(turned(ids));

	return (uint8_t)(rank ^ 8U);
}

static uint16_t lower_than(uint8_t id)
{
	return turned((1U << (id ^ 8U)) - 1);
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

/* The fairness registers of those that did not want the bus. One that wants it and holds back takes
 * nobody more into its register, or it might never have the bus. */
static void listen(struct bus *b, uint16_t want, uint16_t lost)
{
	for (uint8_t i = 0; i < WIRE_IDS; i++)
		if (!(want & id_bit(i)))
			b->port[i].fair |= lost & lower_than(i);
}

bool arb_run(struct bus *b)
{
	uint16_t want = arb_wanting(b);

	qas_settle(b, want);
	if (!want && connect_idle(b))
		want = arb_wanting(b);
	if (!want)
		return false;
	uint16_t ids = contenders(b, want);
	uint8_t winner = highest(ids);
	struct port *p = &b->port[winner];
	for (unsigned i = 0; i < WIRE_IDS; i++)
		b->port[i].fair &= (uint16_t)~id_bit(winner);
	p->fair = want & lower_than(winner);
	listen(b, want, want & (uint16_t)~id_bit(winner));
	if (p->role == ROLE_INITIATOR)
		tenure_select(b, TAILQ_FIRST(&p->queue), ids);
	else
		tenure_reselect(b, p, TAILQ_FIRST(&p->programs), ids);
	return true;
}
