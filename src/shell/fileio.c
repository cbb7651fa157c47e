/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/fileio.h"

#include "shell/dirsync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

ssize_t fileio_load(int fd, void *p, size_t cap)
{
	size_t n = 0;

	while (n < cap) {
		ssize_t k = pread(fd, (uint8_t *)p + n, cap - n, (off_t)n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (k == 0)
			break;
		n += (size_t)k;
	}
	return (ssize_t)n;
}

bool fileio_get(int fd, void *p, size_t n, off_t at)
{
	uint8_t *to = p;

	while (n > 0) {
		ssize_t k = pread(fd, to, n, at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k == 0)
			errno = EIO; /* someone made it shorter */
		if (k <= 0)
			return false;
		to += k;
		n -= (size_t)k;
		at += k;
	}
	return true;
}

bool fileio_put(int fd, const void *p, size_t n, off_t at)
{
	const uint8_t *from = p;

	while (n > 0) {
		ssize_t k = pwrite(fd, from, n, at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k == 0)
			errno = EIO;
		if (k <= 0)
			return false;
		from += k;
		n -= (size_t)k;
		at += k;
	}
	return true;
}

bool fileio_replace(const char *path, const char *tmp, const void *p, size_t n)
{
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0660);
	bool ok = fd >= 0 && fileio_put(fd, p, n, 0) && fsync(fd) == 0;
	int error = errno;

	if (fd >= 0 && close(fd) != 0 && ok) {
		ok = false;
		error = errno;
	}
	errno = error;
	return ok && rename(tmp, path) == 0 && dirsync(path);
}
