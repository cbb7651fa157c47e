/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that outlive the process: the service manager keeps them (systemd's file descriptor
 * store, sd_pid_notify_with_fds(3), FileDescriptorStoreMax= in the unit) and gives them to the
 * process that it starts in the place of this one. Without such a manager, or without libsystemd,
 * nothing is kept, and nothing is there.
 */
#ifndef SHELL_FDSTORE_H
#define SHELL_FDSTORE_H

#include <stdbool.h>

/* Once, at the start, before anything else is opened: takes note of what the manager has given. */
void fdstore_start(void);
/* The descriptor of this name, the caller's from now on, and still kept; -1: there is none. */
int fdstore_take(const char *name);
/* What nobody has taken is closed, and kept no longer. */
void fdstore_end(void);

/* Keeps a copy of it under this name (no ':', one descriptor each). False: there is nobody to keep
 * it. */
bool fdstore_put(const char *name, int fd);
void fdstore_remove(const char *name);

#endif
