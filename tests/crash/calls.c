/* SPDX-License-Identifier: BSD-2-Clause */
/* The system calls that the linker leads here: those on /crash are done in files.c's directory, the
 * others by the kernel. */
#include "base/assert.h"
#include "crash/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FIRST_FD 100000
#define FDS      64
#define THE_DIR  UINT32_MAX
#define PARENT   (UINT32_MAX - 1) /* where the directory has its name */
#define THE_BOOT (UINT32_MAX - 2) /* its number */
#define BOOT_ID  "/proc/sys/kernel/random/boot_id"
#define MAPS     4

static struct {
	bool used;
	bool scratch;  /* files_scratch() */
	bool memory;   /* files_memory() */
	uint32_t file; /* THE_DIR: the directory itself */
	uint64_t at;
} fds[FDS];
static unsigned parent_syncs;

unsigned files_parent_syncs(void)
{
	return parent_syncs;
}

static struct map {
	uint8_t *at; /* NULL: none */
	size_t n;
	uint32_t file;
} maps[MAPS];

#define REAL(type, name, ...)                                                                      \
	type __real_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__)

static bool ours(int fd)
{
	return fd >= FIRST_FD && fd < FIRST_FD + FDS && fds[fd - FIRST_FD].used;
}

static uint32_t file_of(int fd)
{
	return fds[fd - FIRST_FD].file;
}

static struct image_file *bytes_of(int fd)
{
	sm_assert(!fds[fd - FIRST_FD].scratch); /* files_hash() takes it for granted */
	sm_assert(file_of(fd) < files_now.n_files);
	return &files_now.file[file_of(fd)];
}

static int fail(int error)
{
	errno = error;
	return -1;
}

/* The name in the directory, "" for itself; NULL: it is another path. */
static const char *inside(const char *path)
{
	size_t n = strlen(FILES_DIR);

	if (strncmp(path, FILES_DIR, n) != 0)
		return NULL;
	return path[n] == '/' ? path + n + 1 : path[n] == '\0' ? path + n : NULL;
}

static int new_fd(uint32_t file, bool scratch)
{
	int i = 0;

	while (i < FDS && fds[i].used)
		i++;
	sm_assert(i < FDS);
	fds[i].used = true;
	fds[i].scratch = scratch;
	fds[i].memory = false;
	fds[i].file = file;
	fds[i].at = 0;
	return FIRST_FD + i;
}

static struct record named(enum record_kind kind, const char *name, uint32_t file)
{
	struct record r = {.kind = kind, .file = file, .memory = files_memory(name)};

	sm_assert(strlen(name) < FILES_NAME);
	(void)snprintf(r.name, sizeof(r.name), "%s", name);
	return r;
}

static int open_inside(const char *name, int flags)
{
	uint32_t file;

	if (!*name)
		return new_fd(THE_DIR, false);
	if (!image_find(&files_now, name, &file)) {
		if (!(flags & O_CREAT))
			return fail(ENOENT);
		file = files_now.n_files;
		struct record r = named(RECORD_CREATE, name, file);
		files_do(&r);
	} else if (flags & O_EXCL) {
		return fail(EEXIST);
	} else if ((flags & O_TRUNC) && files_now.file[file].n > 0) {
		files_do(&(struct record){
		        .kind = RECORD_TRUNCATE, .file = file, .memory = files_memory(name)});
	}
	int fd = new_fd(file, files_scratch(name));
	fds[fd - FIRST_FD].memory = files_memory(name);
	return fd;
}

/* ---- names ---- */

static mode_t mode_of(int flags, va_list ap)
{
	return flags & O_CREAT ? va_arg(ap, mode_t) : 0;
}

REAL(int, open, const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = mode_of(flags, ap);
	va_end(ap);
	if (strcmp(path, "/") == 0)
		return new_fd(PARENT, false);
	if (strcmp(path, BOOT_ID) == 0)
		return new_fd(THE_BOOT, false);
	return inside(path) ? open_inside(inside(path), flags) : __real_open(path, flags, mode);
}

REAL(int, openat, int dir, const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = mode_of(flags, ap);
	va_end(ap);
	return ours(dir) ? open_inside(path, flags) : __real_openat(dir, path, flags, mode);
}

REAL(int, close, int fd)
{
	if (!ours(fd))
		return __real_close(fd);
	fds[fd - FIRST_FD].used = false;
	return 0;
}

static int rename_inside(const char *from, const char *to)
{
	uint32_t file;

	if (!image_find(&files_now, from, &file))
		return fail(ENOENT);
	struct record r = named(RECORD_RENAME, from, file);
	sm_assert(strlen(to) < FILES_NAME);
	(void)snprintf(r.to, sizeof(r.to), "%s", to);
	files_do(&r);
	for (int i = 0; i < FDS; i++)
		if (fds[i].used && fds[i].file == file)
			fds[i].scratch = files_scratch(to);
	return 0;
}

REAL(int, rename, const char *from, const char *to)
{
	return inside(from) ? rename_inside(inside(from), inside(to)) : __real_rename(from, to);
}

REAL(int, renameat, int a, const char *from, int b, const char *to)
{
	return ours(a) ? rename_inside(from, to) : __real_renameat(a, from, b, to);
}

static int unlink_inside(const char *name)
{
	uint32_t file;

	if (!image_find(&files_now, name, &file))
		return fail(ENOENT);
	struct record r = named(RECORD_UNLINK, name, file);
	files_do(&r);
	return 0;
}

REAL(int, unlink, const char *path)
{
	return inside(path) ? unlink_inside(inside(path)) : __real_unlink(path);
}

REAL(int, unlinkat, int dir, const char *path, int flags)
{
	return ours(dir) ? unlink_inside(path) : __real_unlinkat(dir, path, flags);
}

REAL(int, mkdir, const char *path, mode_t mode)
{
	return inside(path) ? fail(EEXIST) : __real_mkdir(path, mode);
}

REAL(int, faccessat, int dir, const char *path, int mode, int flags)
{
	uint32_t file;

	if (inside(path))
		return image_find(&files_now, inside(path), &file) ? 0 : fail(ENOENT);
	return ours(dir) ? 0 : __real_faccessat(dir, path, mode, flags);
}

/* ---- bytes ---- */

REAL(ssize_t, pread, int fd, void *to, size_t n, off_t at)
{
	char boot[40];

	if (!ours(fd))
		return __real_pread(fd, to, n, at);
	(void)snprintf(boot, sizeof(boot), "00000000-0000-4000-8000-%012x\n", files_boot());
	const struct image_file number = {(uint8_t *)boot, strlen(boot)};
	const struct image_file *f = file_of(fd) == THE_BOOT ? &number : bytes_of(fd);
	size_t left = (size_t)at < f->n ? f->n - (size_t)at : 0;
	size_t k = n < left ? n : left;
	if (k > 0)
		memcpy(to, f->bytes + at, k);
	return (ssize_t)k;
}

REAL(ssize_t, read, int fd, void *to, size_t n)
{
	if (!ours(fd))
		return __real_read(fd, to, n);
	ssize_t k = __wrap_pread(fd, to, n, (off_t)fds[fd - FIRST_FD].at);
	fds[fd - FIRST_FD].at += (uint64_t)k;
	return k;
}

REAL(ssize_t, pwrite, int fd, const void *from, size_t n, off_t at)
{
	if (!ours(fd))
		return __real_pwrite(fd, from, n, at);
	files_do(&(struct record){.kind = RECORD_WRITE,
	                          .file = file_of(fd),
	                          .at = (uint64_t)at,
	                          .n = n,
	                          .bytes = (uint8_t *)(uintptr_t)from,
	                          .memory = fds[fd - FIRST_FD].memory});
	return (ssize_t)n;
}

REAL(ssize_t, write, int fd, const void *from, size_t n)
{
	if (!ours(fd))
		return __real_write(fd, from, n);
	ssize_t k = __wrap_pwrite(fd, from, n, (off_t)fds[fd - FIRST_FD].at);
	fds[fd - FIRST_FD].at += (uint64_t)k;
	return k;
}

REAL(int, ftruncate, int fd, off_t n)
{
	if (!ours(fd))
		return __real_ftruncate(fd, n);
	files_do(&(struct record){.kind = RECORD_TRUNCATE, .file = file_of(fd), .at = (uint64_t)n});
	return 0;
}

static int sync_inside(int fd)
{
	uint32_t file = file_of(fd);

	if (file == PARENT) {
		parent_syncs++;
		return 0;
	}
	files_do(&(struct record){.kind = file == THE_DIR ? RECORD_SYNC_DIR : RECORD_SYNC,
	                          .file = file});
	return 0;
}

REAL(int, fsync, int fd)
{
	return ours(fd) ? sync_inside(fd) : __real_fsync(fd);
}

REAL(int, fdatasync, int fd)
{
	return ours(fd) ? sync_inside(fd) : __real_fdatasync(fd);
}

/* Zeros within the file, which the end of the machine treats as if they were written. */
static void zero_inside(int fd, uint64_t at, uint64_t n)
{
	static const uint8_t zeros[65536];
	size_t size = bytes_of(fd)->n;

	if (at >= size)
		return;
	n = n < size - at ? n : size - at;
	sm_assert(n <= sizeof(zeros));
	(void)__wrap_pwrite(fd, zeros, n, (off_t)at);
}

/* Room there is. */
REAL(int, fallocate, int fd, int mode, off_t at, off_t n)
{
	if (!ours(fd))
		return __real_fallocate(fd, mode, at, n);
	sm_assert(mode & FALLOC_FL_KEEP_SIZE);
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		zero_inside(fd, (uint64_t)at, (uint64_t)n);
	return 0;
}

/* ---- memory ---- */

REAL(void *, mmap, void *at, size_t n, int protection, int flags, int fd, off_t off)
{
	struct map *m = maps;

	if (!ours(fd))
		return __real_mmap(at, n, protection, flags, fd, off);
	sm_assert(fds[fd - FIRST_FD].memory && off == 0 && n == bytes_of(fd)->n);
	while (m < maps + MAPS && m->at)
		m++;
	sm_assert(m < maps + MAPS);
	m->at = __real_mmap(NULL, n, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sm_assert(m->at != MAP_FAILED);
	memcpy(m->at, bytes_of(fd)->bytes, n);
	m->n = n;
	m->file = file_of(fd);
	return m->at;
}

REAL(int, munmap, void *at, size_t n)
{
	files_look_at_memory();
	for (struct map *m = maps; m < maps + MAPS; m++)
		if (m->at == at)
			m->at = NULL;
	return __real_munmap(at, n);
}

static void look_at_page(const struct map *m, size_t at)
{
	size_t n = m->n - at < 4096 ? m->n - at : 4096;

	if (memcmp(files_now.file[m->file].bytes + at, m->at + at, n) != 0)
		files_do(&(struct record){.kind = RECORD_WRITE,
		                          .file = m->file,
		                          .at = at,
		                          .n = n,
		                          .bytes = m->at + at,
		                          .memory = true});
}

void files_look_at_memory(void)
{
	for (const struct map *m = maps; m < maps + MAPS; m++)
		for (size_t at = 0; m->at && at < m->n; at += 4096)
			look_at_page(m, at);
}

void files_unmap(void)
{
	files_look_at_memory();
	for (struct map *m = maps; m < maps + MAPS; m++)
		m->at = NULL;
	for (int i = 0; i < FDS; i++)
		fds[i].used = false;
}

/* ---- the rest ---- */

REAL(int, flock, int fd, int how)
{
	return ours(fd) ? 0 : __real_flock(fd, how);
}

REAL(off_t, lseek, int fd, off_t at, int whence)
{
	if (!ours(fd))
		return __real_lseek(fd, at, whence);
	sm_assert(whence == SEEK_END && at == 0);
	return (off_t)bytes_of(fd)->n;
}

REAL(int, fstat, int fd, struct stat *st)
{
	if (!ours(fd))
		return __real_fstat(fd, st);
	*st = (struct stat){.st_mode = S_IFREG | 0600, .st_size = (off_t)bytes_of(fd)->n};
	return 0;
}

REAL(int, fstatfs, int fd, struct statfs *f)
{
	if (!ours(fd))
		return __real_fstatfs(fd, f);
	*f = (struct statfs){.f_type = EXT4_SUPER_MAGIC};
	return 0;
}
