/* SPDX-License-Identifier: BSD-2-Clause */
/* Aligned tables and lists of fields, described by data: which member of an object, shown how. */
#ifndef SHELL_CLI_TABLE_H
#define SHELL_CLI_TABLE_H

#include "base/units.h"

#include <jansson.h>
#include <stdio.h>

#define CLI_CELL_MAX 512

struct cli_column {
	const char *title;
	const char *path; /* of the member: "name", "transfer.name"; "" for the whole object */
	/* NULL: cli_as_text */
	void (*show)(const json_t *v, char *buf, size_t n);
	bool right;
};

/* The member of an object at a path; NULL when it is not there. */
const json_t *cli_at(const json_t *o, const char *path);
/* Its value; 0, "" or false when it is not there or of another type. */
uint64_t cli_u64(const json_t *o, const char *path);
const char *cli_str(const json_t *o, const char *path);
bool cli_true(const json_t *o, const char *path);

/* How values are shown; of all, "-" for null, what is absent or of another type. */
void cli_as_text(const json_t *v, char *buf, size_t n);  /* strings, numbers, yes or no, lists */
void cli_as_words(const json_t *v, char *buf, size_t n); /* in_sync: in sync */
void cli_as_size(const json_t *v, char *buf, size_t n);  /* 1.5 GiB */
void cli_as_rate(const json_t *v, char *buf, size_t n);  /* 853 MB/s */
void cli_as_limit(const json_t *v, char *buf, size_t n); /* the same, 0 as none */
void cli_as_ns(const json_t *v, char *buf, size_t n);
void cli_as_ms(const json_t *v, char *buf, size_t n);
void cli_as_clock(const json_t *v, char *buf, size_t n); /* seconds */
void cli_as_hex_byte(const json_t *v, char *buf, size_t n);

/* A line of titles and one for each object of the array; nothing when it is empty. */
void cli_table(FILE *to, const struct cli_column *columns, size_t n, const json_t *rows);
/* A line for each column: title and value. Members that the object does not have are left out. */
void cli_fields(FILE *to, const struct cli_column *columns, size_t n, const json_t *o);

#endif
