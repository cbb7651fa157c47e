/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/fileio.h"

#include <errno.h>
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
