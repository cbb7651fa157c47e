/* SPDX-License-Identifier: BSD-2-Clause */
/* A bus event as a line of JSON: the format is smirror-protocol(7)'s. */
#ifndef SHELL_TRACE_JSON_H
#define SHELL_TRACE_JSON_H

#include "bus/bus.h"

/* Longest line: a MESSAGE phase full of one-byte messages. */
#define TRACE_LINE_MAX (64U * 1024)

/* The line with its newline; returns its length, 0 when it does not fit in cap. */
size_t trace_json(const struct bus_trace *e, char *out, size_t cap);

#endif
