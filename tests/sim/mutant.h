/* SPDX-License-Identifier: BSD-2-Clause */
/* Which mistake (mutants.def) is in force; none by default. */
#ifndef TESTS_SIM_MUTANT_H
#define TESTS_SIM_MUTANT_H

#include <stdbool.h>
#include <stdint.h>

enum mutant {
	MUTANT_NONE,
#define OUTSIDE(sym, name, what) MUTANT_##sym,
#define INSIDE(sym, name, what)  MUTANT_##sym,
#include "sim/mutants.def"
#undef OUTSIDE
#undef INSIDE
	MUTANTS
};

extern unsigned sim_mutant; /* enum mutant */
#define MUTANT(sym) (sim_mutant == MUTANT_##sym)

/* What has begun again since it was looked at last. */
struct sim_wraps {
	bool lowest; /* no mistake either: the lowest free tag is the next one, none has a rest */
	unsigned tags, ops;
	uint32_t last_op;
	uint8_t last_tag[16];
};
extern struct sim_wraps sim_wraps[16]; /* of an initiator, by its SCSI ID */

/* These stand in for the cores' functions: with link-time optimization they would not be called. */
bool sim_stands_in(void);

/* A target has told of overlapped commands. */
extern bool sim_overlapped;

struct mutant_row {
	const char *name, *what;
};
extern const struct mutant_row sim_mutants[MUTANTS];

/*
 * WRAP(type, function, (parameters)): what is called in place of a core's function, and `real_` in
 * front of it the function itself. Each has its --wrap in local.mk.
 */
#define WRAP(type, fn, params)                                                                     \
	type __real_##fn params;                                                                   \
	type __wrap_##fn params;                                                                   \
	type __wrap_##fn params

#endif
