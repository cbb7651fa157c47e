/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done to a line before a parser sees it: its nesting and its values are counted, and a
 * long text of base64 is taken out of it. A parser looks at every byte of a string several times;
 * data of many MiB need no more than their decoding.
 */
#ifndef CONTROL_LONGTEXT_H
#define CONTROL_LONGTEXT_H

#include "base/units.h"

struct ctl_line_look {
	bool too_deep, too_many;
	struct span text; /* of the line: a long value of "data" or "data_out", without its quotes;
	                     empty: there is none */
};

/* A parser takes a hundred bytes for each value: of more than values_max, by the commas, no tree is
 * made. */
struct ctl_line_look ctl_look(const char *line, size_t n, unsigned depth_max, unsigned values_max);

/* Stands for the text that was taken out. No other value of these parameters can be it: base64 has
 * no such character. */
#define CTL_TAKEN      "\x01"
#define CTL_TAKEN_JSON "\\u0001"

/* The line without the text; *n its length. The caller's to free; NULL: out of memory. */
char *ctl_without(const char *line, size_t *n, struct span text);

#endif
