/* SPDX-License-Identifier: BSD-2-Clause */
/* How the documents of `target inquiry` and its like look for people. */
#ifndef SHELL_CLI_DEVICE_H
#define SHELL_CLI_DEVICE_H

#include <jansson.h>
#include <stdio.h>

/* {pages: [...]}, each by cli_decode_page() */
void cli_show_pages(FILE *to, const json_t *doc);
/* {pages: [{page, name, fields: {NAME: {current, changeable, default, saved}}}]} */
void cli_show_modes(FILE *to, const json_t *doc);
/* {sense: ...} by cli_decode_sense() */
void cli_show_sense(FILE *to, const json_t *doc);
/* {commands: [{opcode, service_action, name, cdb_bytes}]} */
void cli_show_opcodes(FILE *to, const json_t *doc);
/* Adds the values of fields [{name, value}] to rows {NAME: {key: value}}, in their order. */
void cli_merge_fields(json_t *rows, const json_t *fields, const char *key);

#endif
