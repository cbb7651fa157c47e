/* SPDX-License-Identifier: BSD-2-Clause */
/* Which mistake (mutants.def) is in force; none by default. */
#ifndef TESTS_SIM_MUTANT_H
#define TESTS_SIM_MUTANT_H

enum mutant {
	MUTANT_NONE,
#define OUTSIDE(sym, name, what) MUTANT_##sym,
#include "sim/mutants.def"
#undef OUTSIDE
	MUTANTS
};

extern unsigned sim_mutant; /* enum mutant */
#define MUTANT(sym) (sim_mutant == MUTANT_##sym)

struct mutant_row {
	const char *name, *what;
};
extern const struct mutant_row sim_mutants[MUTANTS];

#endif
