/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target's shell: carries between the target core, its store and the bus server.
 *
 *            connected          ATTACHED came
 *   WAITING ----------> ASKED --------------> UP
 *      ^  (retried with     |                  |
 *      |   growing pauses)  v                  v
 *      +--- the connection ended, or the server refuses for now
 *
 * The first attach that is refused for good (ID or UUID held by another) ends the program; a later
 * one is tried again. Store operations are synchronous: none is outstanding when it attaches again.
 */
#ifndef SHELL_TARGET_RUN_H
#define SHELL_TARGET_RUN_H

#include "shell/target_opts.h"

/* Opens the store, attaches, runs until SIGTERM. The process's exit status. */
int target_run(const struct target_opts *o);

#endif
