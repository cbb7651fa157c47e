/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smirrord whose image files a test can stop: reading or writing one whose path ends with ".gated"
 * waits at its gate, a FIFO of that path and "-shut" behind it, if there is one, until that is
 * opened for writing; flushing it at that with "-unflushed". Whoever waits makes a file of its name
 * and
 * ".waits". Linked with --wrap, so that all else
 * is the program as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t __real_pread(int fd, void *p, size_t n, off_t offset);
ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t offset);
ssize_t __real_preadv2(int fd, const struct iovec *v, int count, off_t offset, int flags);
int __real_fsync(int fd);

ssize_t __wrap_pread(int fd, void *p, size_t n, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t offset);
ssize_t __wrap_preadv2(int fd, const struct iovec *v, int count, off_t offset, int flags);
int __wrap_fsync(int fd);

/* The gate's path. False: the file has none, or it is open. */
static bool shut(int fd, const char *suffix, char *gate, size_t n)
{
	static const char end[] = ".gated";
	char link[64], path[512];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t got = readlink(link, path, sizeof(path) - 1);
	if (got < (ssize_t)sizeof(end))
		return false;
	path[got] = '\0';
	if (strcmp(path + got - (sizeof(end) - 1), end) != 0)
		return false;
	(void)snprintf(gate, n, "%s%s", path, suffix);
	return access(gate, F_OK) == 0;
}

static void pass(int fd, const char *suffix)
{
	char gate[600], waits[620];

	if (!shut(fd, suffix, gate, sizeof(gate)))
		return;
	(void)snprintf(waits, sizeof(waits), "%s.waits", gate);
	int told = open(waits, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int in = open(gate, O_RDONLY | O_CLOEXEC); /* waits for the test */
	if (told >= 0)
		(void)close(told);
	if (in >= 0)
		(void)close(in);
}

ssize_t __wrap_pread(int fd, void *p, size_t n, off_t offset)
{
	pass(fd, "-shut");
	return __real_pread(fd, p, n, offset);
}

ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t offset)
{
	pass(fd, "-shut");
	return __real_pwrite(fd, p, n, offset);
}

int __wrap_fsync(int fd)
{
	pass(fd, "-unflushed");
	return __real_fsync(fd);
}

/* Without waiting, where flags say so: then it is not in the page cache. */
ssize_t __wrap_preadv2(int fd, const struct iovec *v, int count, off_t offset, int flags)
{
	char gate[600];

	if (shut(fd, "-shut", gate, sizeof(gate))) {
		errno = EAGAIN;
		return -1;
	}
	return __real_preadv2(fd, v, count, offset, flags);
}
