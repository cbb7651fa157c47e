/* SPDX-License-Identifier: BSD-2-Clause */
/* A client's connection to the control socket: lines of JSON-RPC out and in, every wait with a
 * limit. */
#ifndef SHELL_CLI_CONN_H
#define SHELL_CLI_CONN_H

#include "base/units.h"

#include <jansson.h>
#include <smirror/control.h>

#define CLI_LINE_MAX  ((size_t)SMIRROR_CONTROL_LINE_MAX) /* longest line that is read */
#define CLI_API_MAJOR SMIRROR_CONTROL_API_MAJOR          /* that is spoken here */

struct cli_conn;

enum cli_got {
	CLI_GOT_MESSAGE,
	CLI_GOT_TIMEOUT,
	CLI_GOT_SIGNAL, /* SIGINT, SIGTERM or SIGHUP, after cli_hold_signals() */
	CLI_GOT_END,    /* closed, or nothing that can be understood: why */
};

/* Connects and reads the greeting. NULL with why, and errno where it could not connect, else 0. */
struct cli_conn *cli_conn_open(const char *path, char *why, size_t n);
void cli_conn_free(struct cli_conn *c);

/* Sends a request, with a descriptor unless fd is -1. Its id, 0 with why in cli_conn_why(). */
json_int_t cli_conn_send(struct cli_conn *c, const char *method, const json_t *params, int fd);
/* The next message, an answer or a notification, for json_decref(). */
enum cli_got cli_conn_next(struct cli_conn *c, ns_t limit, json_t **out);
const char *cli_conn_why(const struct cli_conn *c);

/* Whether m answers request `id`. */
bool cli_answers(const json_t *m, json_int_t id);

/* The machine's monotonic clock. */
ns_t cli_now(void);

/* From here on, SIGINT, SIGTERM and SIGHUP do not end the program but a wait in cli_conn_next().
 * They stay ignored between waits; cli_signal() is the one that came, or 0. */
void cli_hold_signals(void);
int cli_signal(void);
/* Waits until the standard output takes something, which a reader that pauses may put off. False: a
 * signal came. */
bool cli_may_write(void);

#endif
