/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of smirrord: the command line, and the file that --config names; what is on the command
 * line goes before the file. */
#ifndef SHELL_DAEMON_OPTS_H
#define SHELL_DAEMON_OPTS_H

#include "shell/daemon.h"
#include "shell/log.h"

struct daemon_opts {
	const char *config; /* NULL: none */
	bool level_given;   /* on the command line: SIGHUP leaves it */
	enum log_level log_level;
	struct daemon_config daemon;
};

/* Ends the program with status 2 when something is wrong, before anything was touched. */
void daemon_opts_read(int argc, char **argv, struct daemon_opts *out);
/* The log's level as the file says it now; false with why, which names file and line. */
bool daemon_opts_reread(const struct daemon_opts *o, enum log_level *level, char *why, size_t n);

#endif
