/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes the name of a file durable, that is, its directory. */
#ifndef SHELL_DIRSYNC_H
#define SHELL_DIRSYNC_H

#include <stdbool.h>

/* The directory that holds path. False with errno. */
bool dirsync(const char *path);

#endif
