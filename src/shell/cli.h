/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of the control socket (smirrorctl): what its files share. A
 * command is data (struct cli_command): its words, the method, which word
 * becomes which parameter, who prints the result. Errors are told where they
 * are found, on standard error; functions return the exit status or NULL.
 */
#ifndef SHELL_CLI_H
#define SHELL_CLI_H

#include "base/units.h"

#include <jansson.h>
#include <smirror/control.h>
#include <stdio.h>

#define CLI_PROGRAM         "smirrorctl"
#define CLI_CONTROL_DEFAULT SMIRROR_CONTROL_PATH
#define CLI_CONTROL_ENV     "SMIRROR_CONTROL"
#define CLI_JSON_VERSION    1                /* of what --json prints */
#define CLI_DATA_MAX        (16U * MIB)      /* of one scsi, group write or group read */
#define CLI_ANSWER_NS       (300 * NS_PER_S) /* limit for an answer that is no job */

enum cli_exit {
	CLI_OK = SMIRROR_EXIT_GOOD,
	CLI_FAILED = SMIRROR_EXIT_FAILED,
	CLI_USAGE = SMIRROR_EXIT_USAGE,
	CLI_PARTIAL = SMIRROR_EXIT_PARTIAL,
	CLI_SIGNAL = 128, /* and the number of the signal */
};

enum cli_kind {
	CLI_TEXT,
	CLI_PATH,   /* of a file; any bytes */
	CLI_NUMBER, /* decimal or 0x... */
	CLI_SIZE,   /* with K, M, G, T */
	CLI_LIST,   /* A,B,C; an option may come again and adds to it */
	CLI_FLAG,   /* an option without a value: true */
	CLI_HEX,    /* the last operand: all words that are left, joined */
	CLI_JSON,
};

struct cli_arg {
	const char *word;  /* "GROUP": an operand; "--mode": an option */
	const char *value; /* an option's value in the help; NULL for flags and operands */
	const char *param; /* of the method; NULL: for the command itself, under its word */
	enum cli_kind kind;
	bool optional;    /* an operand that may be missing */
	const char *help; /* NULL: what the schema says of the parameter */
};

struct cli;

struct cli_command {
	const char *words;  /* "group create" */
	const char *method; /* its parameters are checked against the schema; NULL: none */
	const struct cli_arg *args;
	size_t n_args;
	int (*run)(struct cli *cli); /* NULL: the method is called, its result printed */
	void (*print)(FILE *to, const json_t *result); /* NULL: as JSON, indented */
	const char *summary;                           /* NULL: the method's */
	const char *about;                             /* NULL: the method's description */
	const char *job_type;                          /* job.create: its type */
};

struct cli_conn;

struct cli {
	const char *control; /* path of the socket */
	bool json;
	const struct cli_command *command;
	json_t *params; /* of the method */
	json_t *locals; /* of the command itself, by word */
	struct cli_conn *conn;
	int status; /* exit status that belongs to the last error told */
};

/* The table of all commands. */
extern const struct cli_command cli_commands[];
extern const size_t cli_commands_n;

/* "smirrorctl: ..." and a line end on standard error, cleaned of control characters. */
void cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, with cli->status; returns it. */
int cli_fail(struct cli *cli, int status, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* There is no answer: with --json it is told as an error answer of this data.kind would be, too. */
int cli_no_answer(struct cli *cli, const char *kind, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* Connects unless it is connected. False when that failed (told). */
bool cli_connect(struct cli *cli);
/* Calls a method; fd (or -1) goes with the request. NULL when that failed (told); cli->status. */
json_t *cli_call(struct cli *cli, const char *method, const json_t *params, int fd);
/* The same, but an error answer of this kind is not told and makes *was true. */
json_t *cli_call_unless(struct cli *cli, const char *method, const json_t *params, const char *kind,
                        bool *was);
/* Tells an error object. */
void cli_tell_error(struct cli *cli, const json_t *error);
/* One line of JSON with the version added. */
void cli_put_json(const json_t *result);
/* A result as the user wants it. Returns the exit status. */
int cli_put(struct cli *cli, const json_t *result);

/* Locals. */
const char *cli_local_text(const struct cli *cli, const char *word);
uint64_t cli_local_number(const struct cli *cli, const char *word, uint64_t otherwise);
bool cli_local_flag(const struct cli *cli, const char *word);

/* Runs a whole command line; returns the exit status. */
int cli_main(int argc, char **argv);

/* Commands that are more than a call. */
int cli_run_call(struct cli *cli);
int cli_run_events(struct cli *cli);
int cli_run_fault(struct cli *cli);
int cli_run_group_read(struct cli *cli);
int cli_run_group_write(struct cli *cli);
int cli_run_inquiry(struct cli *cli);
int cli_run_job(struct cli *cli);
int cli_run_load(struct cli *cli);
int cli_run_log(struct cli *cli);
int cli_run_modes(struct cli *cli);
int cli_run_opcodes(struct cli *cli);
int cli_run_scsi(struct cli *cli);
int cli_run_sense(struct cli *cli);
int cli_run_stats(struct cli *cli);
int cli_run_status(struct cli *cli);
int cli_run_trace(struct cli *cli);
int cli_run_vpd(struct cli *cli);
int cli_run_wait(struct cli *cli);

#endif
