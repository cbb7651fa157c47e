/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Informational exceptions (SPC-4, informational exceptions control mode page). The disk predicts
 * no failure, so there is one exception: the false one that TEST asks for.
 */
#include "target/core.h"

#define UNIT_NS (100 * NS_PER_MS) /* of INTERVAL TIMER */

bool tgt_exception_is(const struct tgt_lu *lu)
{
	return lu->modes.current.test && !lu->modes.current.dexcpt;
}

/* One UNIT ATTENTION each for all initiators, then one after each interval, REPORT COUNT times. */
void tgt_exception_report(const struct tgt *t, struct tgt_lu *lu)
{
	const struct mode_values *m = &lu->modes.current;
	struct exceptions *e = &lu->exceptions;

	if (!tgt_exception_is(lu) || m->mrie != MRIE_ATTENTION || t->now < e->due ||
	    (m->exception_reports && e->reports >= m->exception_reports))
		return;
	tgt_lu_attention(lu, WIRE_NO_ID, UA_EXCEPTION);
	e->reports++;
	/* 0: the vendor's choice, which is as for all ones: once. */
	bool once = m->exception_interval == 0 || m->exception_interval == UINT32_MAX;
	e->due = once ? NS_NEVER : t->now + m->exception_interval * UNIT_NS;
}
