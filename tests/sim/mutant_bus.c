/* SPDX-License-Identifier: BSD-2-Clause */
/* Mistakes of the bus server (mutants.def). */
#include "bus/core.h"
#include "sim/mutant.h"

WRAP(bool, script_is_for, (const struct script *s, const struct port *p))
{
	return __real_script_is_for(s, p) || MUTANT(KNOWN_IGNORED);
}

/* Of a port that is up it is a reset. */
WRAP(void, scripts_void, (struct bus * b, struct port *p, bool report))
{
	if (!MUTANT(EPOCH_IGNORED) || p->up)
		__real_scripts_void(b, p, report);
}
