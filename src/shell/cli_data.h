/* SPDX-License-Identifier: BSD-2-Clause */
/* Data between files and the control socket. A path of "-" is standard input or output. */
#ifndef SHELL_CLI_DATA_H
#define SHELL_CLI_DATA_H

#include "shell/cli.h"

/* The contents of a file in base64. NULL when it cannot be read or is too long (told). */
json_t *cli_data_from(struct cli *cli, const char *path);
/* Base64 to bytes, for free(); NULL when it is none (told). */
uint8_t *cli_data_decode(struct cli *cli, const json_t *text, size_t *n);
/* Writes all of it. False when that failed (told). */
bool cli_data_to(struct cli *cli, const char *path, const uint8_t *p, size_t n);
/* 16 bytes a line: offset, hex, characters. */
void cli_hex_dump(FILE *to, const uint8_t *p, size_t n);

#endif
