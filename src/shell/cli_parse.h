/* SPDX-License-Identifier: BSD-2-Clause */
/* From the words of a command line to a command and its parameters. */
#ifndef SHELL_CLI_PARSE_H
#define SHELL_CLI_PARSE_H

#include "shell/cli.h"

enum cli_parsed {
	CLI_RUN,
	CLI_HELP, /* topic: of everything (""), of an object ("group") or of a command */
	CLI_VERSION,
	CLI_WRONG, /* why */
};

struct cli_parse {
	char topic[64];
	char why[512];
};

/* Fills control (unless it is not given), json, command, params and locals of cli. Words are looked
 * at only here; what they mean for a method is checked against the schema by cli_check(). */
enum cli_parsed cli_parse(int argc, char *const *argv, struct cli *cli, struct cli_parse *out);

/* Checks the parameters that the words gave against the schema. Those that the command adds itself
 * may be missing. False with a text that names the word. */
bool cli_check(const struct cli *cli, char *why, size_t n);

/* Whether it is an operand, and whether it must be there. */
static inline bool cli_is_operand(const struct cli_arg *a)
{
	return a->word[0] != '-';
}

#endif
