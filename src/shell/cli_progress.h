/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Progress of a job: on a terminal a bar that is drawn anew in its place, at most ten times a
 * second; elsewhere a line for each 10 %, and every 5 s. Time is given to it.
 */
#ifndef SHELL_CLI_PROGRESS_H
#define SHELL_CLI_PROGRESS_H

#include "base/units.h"

#include <jansson.h>
#include <stdio.h>

#define CLI_DRAW_NS (NS_PER_S / 10)
#define CLI_LINE_NS (5 * NS_PER_S)

struct cli_progress {
	FILE *to;
	bool terminal;
	bool drawn;      /* there is a bar on the line */
	bool started;    /* last_ns and tenths are of an earlier one */
	ns_t last_ns;    /* when something was shown */
	unsigned tenths; /* of the last line */
};

struct cli_progress cli_progress_on(FILE *to);
/* Shows what is due of a job. */
void cli_progress_show(struct cli_progress *p, const json_t *job, ns_t now);
/* Clears the bar away. */
void cli_progress_end(struct cli_progress *p);

/* The bar, at most `columns` wide; the line without a bar. */
void cli_progress_bar(const json_t *job, unsigned columns, char *buf, size_t n);
void cli_progress_line(const json_t *job, char *buf, size_t n);

#endif
