/* SPDX-License-Identifier: BSD-2-Clause */
/* What the program tells whoever started it: the line "ready ADDR..." on standard output, and
 * systemd (where libsystemd is there and $NOTIFY_SOCKET is set; else nothing). */
#ifndef SHELL_NOTIFY_H
#define SHELL_NOTIFY_H

#include <stddef.h>

/* Can be used from now on: the line, flushed, with n addresses, and READY=1. */
void notify_ready(const char *const *addrs, size_t n);
void notify_stopping(void);
/* Around the rereading of the configuration. */
void notify_reloading(void);
void notify_reloaded(void);
/* One line for `systemctl status`. */
void notify_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
