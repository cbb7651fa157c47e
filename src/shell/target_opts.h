/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of smirror-target: the command line, and the file that --config names; what is on the
 * command line goes before the file. */
#ifndef SHELL_TARGET_OPTS_H
#define SHELL_TARGET_OPTS_H

#include "shell/addr.h"
#include "shell/log.h"
#include "target/fault.h"
#include "target/target.h"

struct target_opts {
	const char *config; /* NULL: none */
	struct addr bus;
	uint8_t id;
	const char *store;
	uint64_t size;       /* 0: as the store is */
	uint32_t block_size; /* 0: as the metadata say, else 512 */
	char name[TARGET_NAME_MAX + 1];
	bool has_uuid;
	uint8_t uuid[UUID_LEN];
	unsigned queue_depth;
	bool unarmed, write_protect, thin, direct;
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
/* The log's level as the file says it now; false with why, which names file and line. */
bool target_opts_reread(const struct target_opts *o, enum log_level *level, char *why, size_t n);

#endif
