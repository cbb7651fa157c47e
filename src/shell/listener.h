/* SPDX-License-Identifier: BSD-2-Clause */
/* Accepts connections on a listening socket. When the process or the system has no descriptor left,
 * it pauses instead of spinning. */
#ifndef SHELL_LISTENER_H
#define SHELL_LISTENER_H

#include <event2/event.h>

struct listener;

/* A connection came: fd is non-blocking, tuned, and now the callee's. */
typedef void (*listener_fn)(void *ctx, int fd);

/* Takes over fd, a socket of addr_listen(). NULL when out of memory (fd stays the caller's). */
struct listener *listener_new(struct event_base *base, int fd, listener_fn fn, void *ctx);
void listener_free(struct listener *l);

#endif
