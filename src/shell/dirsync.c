/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/dirsync.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool dirsync(const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	/* A file system that cannot do it says EINVAL: there is nothing more to be had. */
	bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
	int error = errno;
	if (fd >= 0)
		(void)close(fd);
	free(copy);
	errno = error;
	return ok;
}
