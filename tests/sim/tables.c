/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of marks and mutants. */
#include "sim/mutant.h"
#include "sim/sim.h"

const struct mark_row sim_marks[MARKS] = {
#define MARK(sym, name, seeds, per, rate) {name, seeds, per, rate},
#include "sim/marks.def"
#undef MARK
};

unsigned sim_mutant;
bool sim_overlapped;
struct sim_wraps sim_wraps[16];

const struct mutant_row sim_mutants[MUTANTS] = {
        {"none", ""},
#define OUTSIDE(sym, name, what) {name, what},
#define INSIDE(sym, name, what)  {name, what},
#include "sim/mutants.def"
#undef OUTSIDE
#undef INSIDE
};
