/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smirror-target whose file system fails as it is told to. Linked with --wrap, so that all but
 * these calls is the program as it is.
 *
 * Orders are a file in the directory that ORDERS names, called as the process's number, mapped by
 * both sides (struct orders; stores.py is the other one). A write that is to fail does a part of
 * its work now and then: whole pages, as a file system that is full (one that writes to new places
 * only: all writes need room), or whole sectors, as a device that fails.
 *
 * While `record` is set, what each write to FILE.img or FILE.img.integrity writes over goes to a
 * second file, with ".undo" behind the number, and so does each sync: what was not synced, a kernel
 * that could not write it may have dropped, and the test puts it back as it was.
 */
#include "shell/store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR 512

/* Each an errno, or 0; set by the test. What follows counts how often it was given, and what the
 * kernel has refused by itself. */
struct orders {
	_Atomic uint32_t write, read, sync, record;
	_Atomic uint32_t writes, reads, syncs, limits;
};

/* Behind it are `len` bytes. */
struct undo {
	uint32_t what; /* as below */
	uint32_t len;
	uint64_t at;
	char file[48]; /* the end of its path */
};

enum { UNDO_WRITE, UNDO_SYNCED, UNDO_FAILED };

static struct orders nothing, *orders = &nothing;
static int undo_fd = -1;
static pthread_mutex_t undoing = PTHREAD_MUTEX_INITIALIZER;

ssize_t __real_pread(int fd, void *p, size_t n, off_t at);
ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __real_preadv2(int fd, const struct iovec *v, int count, off_t at, int flags);
ssize_t __real_pwritev2(int fd, const struct iovec *v, int count, off_t at, int flags);
int __real_fallocate(int fd, int mode, off_t at, off_t n);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
bool __real_store_mapped_write(struct store *s, uint64_t at, const uint8_t *p, size_t n);
bool __real_store_mapped_read(struct store *s, uint64_t at, uint8_t *p, size_t n);

ssize_t __wrap_pread(int fd, void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_preadv2(int fd, const struct iovec *v, int count, off_t at, int flags);
ssize_t __wrap_pwritev2(int fd, const struct iovec *v, int count, off_t at, int flags);
int __wrap_fallocate(int fd, int mode, off_t at, off_t n);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
bool __wrap_store_mapped_write(struct store *s, uint64_t at, const uint8_t *p, size_t n);
bool __wrap_store_mapped_read(struct store *s, uint64_t at, uint8_t *p, size_t n);

__attribute__((constructor)) static void take_orders(void)
{
	const char *dir = getenv("ORDERS");
	char path[PATH_MAX], undo[PATH_MAX + 8];

	if (!dir)
		return;
	(void)snprintf(path, sizeof(path), "%s/%ld", dir, (long)getpid());
	(void)snprintf(undo, sizeof(undo), "%s.undo", path);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	undo_fd = open(undo, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || undo_fd < 0 || ftruncate(fd, sizeof(*orders)) != 0)
		abort();
	void *p = mmap(NULL, sizeof(*orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		abort();
	orders = p;
	(void)close(fd);
}

/* ---- what can be undone ---- */

/* It is the store, or its checksums. */
static bool named(int fd, struct undo *u)
{
	char link[64], path[PATH_MAX];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t got = readlink(link, path, sizeof(path) - 1);
	if (got <= 0)
		return false;
	path[got] = '\0';
	const char *name = strrchr(path, '/'), *end = strstr(path, ".img");
	if (!name || !end || (strcmp(end, ".img") != 0 && strcmp(end, ".img.integrity") != 0))
		return false;
	(void)snprintf(u->file, sizeof(u->file), "%s", name + 1);
	return true;
}

static void put(const struct undo *u, const void *bytes)
{
	struct iovec v[] = {{(void *)(uintptr_t)u, sizeof(*u)}, {(void *)(uintptr_t)bytes, u->len}};
	if (writev(undo_fd, v, 2) != (ssize_t)(sizeof(*u) + u->len))
		abort();
}

/* Nobody else writes until it is done. */
static ssize_t recorded(int fd, const void *p, size_t n, off_t at)
{
	struct undo u = {.what = UNDO_WRITE, .len = (uint32_t)n, .at = (uint64_t)at};
	void *old = named(fd, &u) ? calloc(1, n) : NULL;
	if (!old)
		return __real_pwrite(fd, p, n, at);
	(void)pthread_mutex_lock(&undoing);
	if (__real_pread(fd, old, n, at) == (ssize_t)n)
		put(&u, old);
	ssize_t done = __real_pwrite(fd, p, n, at);
	(void)pthread_mutex_unlock(&undoing);
	free(old);
	return done;
}

static int synced(int fd, int (*real)(int))
{
	struct undo u = {0};
	int error = (int)orders->sync;
	bool mine = orders->record && named(fd, &u);

	if (mine)
		(void)pthread_mutex_lock(&undoing);
	int r = error ? -1 : real(fd);
	u.what = r == 0 ? UNDO_SYNCED : UNDO_FAILED;
	if (mine) {
		put(&u, NULL);
		(void)pthread_mutex_unlock(&undoing);
	}
	if (error) {
		orders->syncs++;
		errno = error;
	}
	return r;
}

/* ---- calls ---- */

static ssize_t put_bytes(int fd, const void *p, size_t n, off_t at)
{
	ssize_t done = orders->record ? recorded(fd, p, n, at) : __real_pwrite(fd, p, n, at);
	if (done < 0)
		orders->limits++;
	return done;
}

ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
	uint32_t error = orders->write;
	if (!error)
		return put_bytes(fd, p, n, at);
	size_t unit = error == EIO ? SECTOR : PAGE;
	if (orders->writes++ % 2 == 0 && n >= 2 * unit)
		return put_bytes(fd, p, n / 2 / unit * unit, at);
	errno = (int)error;
	return -1;
}

ssize_t __wrap_pread(int fd, void *p, size_t n, off_t at)
{
	uint32_t error = orders->read;
	if (!error)
		return __real_pread(fd, p, n, at);
	orders->reads++;
	errno = (int)error;
	return -1;
}

/* Without waiting: then it waits. */
ssize_t __wrap_preadv2(int fd, const struct iovec *v, int count, off_t at, int flags)
{
	if (!orders->read)
		return __real_preadv2(fd, v, count, at, flags);
	errno = EAGAIN;
	return -1;
}

ssize_t __wrap_pwritev2(int fd, const struct iovec *v, int count, off_t at, int flags)
{
	if (!orders->write && !orders->record)
		return __real_pwritev2(fd, v, count, at, flags);
	errno = EAGAIN;
	return -1;
}

int __wrap_fallocate(int fd, int mode, off_t at, off_t n)
{
	uint32_t error = orders->write;
	if (!error)
		return __real_fallocate(fd, mode, at, n);
	orders->writes++;
	errno = (int)error;
	return -1;
}

int __wrap_fsync(int fd)
{
	return synced(fd, __real_fsync);
}

int __wrap_fdatasync(int fd)
{
	return synced(fd, __real_fdatasync);
}

/* By pwrite() and pread(). */
bool __wrap_store_mapped_write(struct store *s, uint64_t at, const uint8_t *p, size_t n)
{
	if (orders->write || orders->record)
		return false;
	return __real_store_mapped_write(s, at, p, n);
}

bool __wrap_store_mapped_read(struct store *s, uint64_t at, uint8_t *p, size_t n)
{
	return !orders->read && __real_store_mapped_read(s, at, p, n);
}
