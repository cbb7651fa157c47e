/* SPDX-License-Identifier: BSD-2-Clause */
/* Help, from the table of commands and the texts of the schema. */
#ifndef SHELL_CLI_HELP_H
#define SHELL_CLI_HELP_H

#include "shell/cli.h"

/* topic: "" for everything, an object ("group"), or the words of a command. */
void cli_help(FILE *to, const char *topic);
/* "usage: smirrorctl mirror GROUP IMAGE [--mode MODE] ...", wrapped. */
void cli_help_usage(FILE *to, const struct cli_command *c);

#endif
