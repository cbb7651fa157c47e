/* SPDX-License-Identifier: BSD-2-Clause */
/* The figures that tests/bench/BUS-TIME.md quotes, held against the tables that they are taken
 * from. */
#ifndef TESTS_SCENARIO_BUS_TIME_PROSE_H
#define TESTS_SCENARIO_BUS_TIME_PROSE_H

#include "bench/bus_time.h"

/* Fails the running test where a sentence does not say what t has, and where the text has a figure
 * (a percentage with two decimals, or a number of four digits or more) that no sentence known here
 * accounts for. */
void bus_time_prose_check(const struct bus_time *t, const char *text);

#endif
