/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of smirror-target: the command line, and the file that --config names; what is on the
 * command line goes before the file. */
#ifndef SHELL_TARGET_OPTS_H
#define SHELL_TARGET_OPTS_H

#include "shell/addr.h"
#include "shell/disk_opts.h"
#include "shell/log.h"
#include "target/fault.h"
#include "target/target.h"

struct target_opts {
	const char *config; /* NULL: none */
	struct addr bus;
	uint8_t id;
	struct disk_opts disk; /* LUN 0 */
	struct disk_list luns; /* the others */
	uint64_t luns_given;   /* of them, a bit for each LUN: on the command line */
	unsigned queue_depth;
	bool unarmed, direct, no_map, qas, packetized;
	unsigned workers;              /* threads for the store; 0: none */
	const char *fault[FAULTS_MAX]; /* checked */
	unsigned n_faults;
	ns_t busy_poll_ns; /* see loop_busy_poll() */
	enum log_level log_level;
	bool level_given; /* on the command line: SIGHUP leaves it */
	void *file;       /* what the strings above may point into */
};

/* Ends the program with status 2 when something is wrong, before anything was touched. */
void target_opts_read(int argc, char **argv, struct target_opts *out);
void target_opts_free(struct target_opts *o);
/* What SIGHUP may change. */
struct target_again {
	enum log_level level;
	struct disk_list luns; /* the caller's to free */
};
/* As the command line and the file say it now; false with why, which names file and line. */
bool target_opts_reread(const struct target_opts *o, struct target_again *out, char *why, size_t n);

#endif
