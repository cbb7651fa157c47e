/* SPDX-License-Identifier: BSD-2-Clause */
/* The shell of smirror-bus: listeners and connections around the bus core. */
#ifndef SHELL_BUS_RUN_H
#define SHELL_BUS_RUN_H

#include "shell/bus_opts.h"

/* Runs until SIGTERM; the program's exit status. */
int bus_server_run(struct bus_opts *o);

#endif
