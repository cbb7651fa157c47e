/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of smirror-bus: the command line, and the file that --config names; what is on the
 * command line goes before the file. */
#ifndef SHELL_BUS_OPTS_H
#define SHELL_BUS_OPTS_H

#include "bus/bus.h"
#include "shell/addr.h"
#include "shell/log.h"

#define BUS_LISTEN_MAX 16
#define BUS_SET_MAX    64

struct bus_opts {
	const char *config; /* NULL: none */
	struct addr listen[BUS_LISTEN_MAX];
	unsigned n_listen;
	const char *trace; /* NULL: none */
	struct bus_config bus;
	const char *profile;          /* of the command line, NULL: not given there */
	const char *set[BUS_SET_MAX]; /* NAME=VALUE of the command line, checked */
	unsigned n_set;
	ns_t busy_poll_ns; /* see loop_busy_poll() */
	enum log_level log_level;
	bool log_level_given;
};

/* Ends the program with status 2 when something is wrong, before anything was touched. */
void bus_opts_read(int argc, char **argv, struct bus_opts *out);
/* What can change while it runs, as the file says it now: timing and the log's level. False with
 * why, which names file and line. */
bool bus_opts_reread(const struct bus_opts *o, struct bus_timing *timing, enum log_level *level,
                     char *why, size_t n);

#endif
