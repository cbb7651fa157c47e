/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the trace goes: a file (truncated at the start, whole lines only, at
 * most TAP_LATE_MS behind) and the live taps. While nothing waits to be
 * written there is no timer.
 */
#ifndef SHELL_BUS_TAP_H
#define SHELL_BUS_TAP_H

#include "bus/bus.h"
#include "shell/conn.h"

#define TAP_LATE_MS 50

struct bus_tap;

/* path NULL: no file. NULL with why when it cannot be opened. */
struct bus_tap *bus_tap_new(struct event_base *base, const char *path, char *why, size_t n);
/* Writes what is left, and closes. */
void bus_tap_free(struct bus_tap *t);
/* The file is opened anew (it was renamed away): false with why; the old one is then kept. */
bool bus_tap_reopen(struct bus_tap *t, char *why, size_t n);
/* A live tap comes and goes. */
bool bus_tap_add(struct bus_tap *t, struct conn *c);
void bus_tap_remove(struct bus_tap *t, const struct conn *c);
/* Whether anyone wants events. */
bool bus_tap_wanted(const struct bus_tap *t);
void bus_tap_events(struct bus_tap *t, const struct bus_trace *e, unsigned n);

#endif
