/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Syncs that fail. The kernel has dropped what it could not write, and says the next time that all
 * is there: so whatever is tried again, the store takes no more. The linker leads fsync(),
 * fdatasync(), ftruncate(), pread(), pwrite(), fallocate(), posix_fadvise(), fstat(), fstatfs() and
 * statfs() here; one that fails has done nothing.
 */
#include "unit/store_files.h"
#include "unit/tap_main.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BS         512U
#define BYTES      (64U * BS)
#define ENTRIES_AT 8192
#define FAR        600000U /* another region than that of the first blocks */

/* ---- calls that fail ---- */

static char broken[192]; /* a path; "": none */
static unsigned before;  /* as many of its syncs succeed */
static bool stuck;       /* it cannot be made shorter either */
static bool once;        /* only the first that is told of it is */
static bool full;        /* half of what is written comes to it, and nothing after that */
static bool slow;        /* who is told of it is not done with that until another has returned */
static sem_t told, returned;
static off_t bad; /* a byte that cannot be read; -1: none */

/* Blocks of this file are in memory, and are CACHED there, which the medium did not take. */
static char cached[192]; /* a path; "": none */
static bool dirty;       /* the kernel has not tried yet */
#define CACHED 0x55

static bool is_of(int fd, const char *file)
{
	char name[32], path[160];
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(name, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return file[0] && strcmp(path, file) == 0;
}

static bool is_broken(int fd)
{
	return is_of(fd, broken);
}

static bool fails(int fd)
{
	if (!is_broken(fd))
		return false;
	if (before > 0) {
		before--;
		return false;
	}
	if (once)
		broken[0] = '\0';
	if (slow) {
		struct timespec limit;
		ck_assert(clock_gettime(CLOCK_REALTIME, &limit) == 0);
		limit.tv_nsec += 300 * 1000 * 1000;
		limit.tv_sec += limit.tv_nsec / 1000000000;
		limit.tv_nsec %= 1000000000;
		ck_assert(sem_post(&told) == 0);
		/* The other one may have to wait for this one. */
		(void)sem_timedwait(&returned, &limit);
	}
	errno = EIO;
	return true;
}

#define REAL(name, ...)                                                                            \
	int __real_##name(__VA_ARGS__);                                                            \
	int __wrap_##name(__VA_ARGS__);                                                            \
	int __wrap_##name(__VA_ARGS__)

REAL(fsync, int fd)
{
	return fails(fd) ? -1 : __real_fsync(fd);
}

REAL(fdatasync, int fd)
{
	dirty = dirty && !is_of(fd, cached);
	return fails(fd) ? -1 : __real_fdatasync(fd);
}

REAL(ftruncate, int fd, off_t n)
{
	return stuck && is_broken(fd) ? -1 : __real_ftruncate(fd, n);
}

/* The store is a device, whose node is on devtmpfs, where it is named by a link or directly; or a
 * file on tmpfs. */
static enum { AS_IT_IS, A_DEVICE, ON_TMPFS, IN_DEV } looks;

REAL(fstat, int fd, struct stat *st)
{
	int r = __real_fstat(fd, st);
	if ((looks == A_DEVICE || looks == IN_DEV) && is_of(fd, files.path))
		st->st_mode = S_IFBLK | 0600;
	return r;
}

REAL(fstatfs, int fd, struct statfs *f)
{
	int r = __real_fstatfs(fd, f);
	if (looks != AS_IT_IS && is_of(fd, files.path))
		f->f_type = TMPFS_MAGIC;
	return r;
}

REAL(statfs, const char *path, struct statfs *f)
{
	int r = __real_statfs(path, f);
	if (looks != AS_IT_IS && strcmp(path, files.dir) == 0)
		f->f_type = looks == IN_DEV ? TMPFS_MAGIC : EXT4_SUPER_MAGIC;
	return r;
}

/* What is dirty stays. */
REAL(posix_fadvise, int fd, off_t at, off_t n, int what)
{
	if (!dirty && is_of(fd, cached) && what == POSIX_FADV_DONTNEED && at == 0 && n == 0)
		cached[0] = '\0';
	return __real_posix_fadvise(fd, at, n, what);
}

REAL(fallocate, int fd, int mode, off_t at, off_t n)
{
	bool fails_here = full && is_broken(fd);
	errno = ENOSPC;
	return fails_here ? -1 : __real_fallocate(fd, mode, at, n);
}

static size_t entries; /* bytes of them that were written to files.beside */

ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
	static bool half;
	if (is_of(fd, files.beside) && at >= ENTRIES_AT)
		entries += n;
	if (!full || !is_broken(fd))
		return __real_pwrite(fd, p, n, at);
	half = !half;
	errno = ENOSPC;
	return half ? __real_pwrite(fd, p, n / 2, at) : -1;
}

ssize_t __real_pread(int fd, void *p, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *p, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *p, size_t n, off_t at)
{
	bool within = bad >= 0 && is_broken(fd) && at <= bad && bad - at < (off_t)n;
	size_t before_it = within ? (size_t)(bad - at) : n;
	if (is_of(fd, cached)) {
		memset(p, CACHED, n);
		return (ssize_t)n;
	}
	errno = EIO;
	return before_it > 0 ? __real_pread(fd, p, before_it, at) : -1;
}

static void break_it(const char *suffix)
{
	(void)snprintf(broken, sizeof(broken), "%s%s", files.path, suffix);
}

static void mend_it(void)
{
	broken[0] = cached[0] = '\0';
	before = 0;
	stuck = once = full = slow = false;
	bad = -1;
	looks = AS_IT_IS;
}

static void set_up(void)
{
	files_set_up(".none");
	mend_it();
	ck_assert(sem_init(&told, 0, 0) == 0 && sem_init(&returned, 0, 0) == 0);
}

/* ---- stores ---- */

struct row {
	const char *suffix;
	struct store_config how;
	struct protect protect;
};

static const struct row rows[] = {
        {".integrity", {.integrity = true}, {.type = 0}},
        {".protection", {.protects = true}, {.type = 1}},
};

static struct store *opened(const struct row *r)
{
	return files_opened(BYTES, BS, r->how);
}

static enum tgt_store_result put(struct store *s, const struct row *r, lba_t lba, uint8_t fill)
{
	uint8_t data[BS];
	uint32_t good;
	struct store_op o = {.lba = lba, .blocks = 1, .bytes = data};
	memset(data, fill, sizeof(data));
	return r->protect.type ? store_protected(s, TGT_STORE_WRITE, &r->protect, &o)
	                       : store_write(s, lba, 1, data, &good);
}

static enum tgt_store_result put_atomic(struct store *s, lba_t lba, uint8_t fill)
{
	uint8_t data[2 * BS];
	uint32_t good;
	memset(data, fill, sizeof(data));
	return store_write_atomic(s, lba, 2, data, &good);
}

static uint8_t first_byte(lba_t lba)
{
	uint8_t byte;
	peek(files.path, &byte, 1, (off_t)(lba * BS));
	return byte;
}

static void takes_no_more(struct store *s)
{
	ck_assert_int_eq(put(s, &rows[0], 9, 0x99), STORE_DEAD);
	ck_assert_int_eq(put_atomic(s, 9, 0x99), STORE_DEAD);
	ck_assert_int_eq(store_flush(s), STORE_DEAD);
	ck_assert_uint_eq(first_byte(9), 0);
}

/* The mark of what is about to be written: the write that is sent again would find it there. */
START_TEST(a_mark)
{
	const struct row *r = &rows[_i];
	struct store *s = opened(r);
	break_it(r->suffix);
	ck_assert_int_eq(put(s, r, 3, 0x33), STORE_DEAD);
	mend_it();
	ck_assert_int_eq(put(s, r, 3, 0x33), STORE_DEAD);
	ck_assert_uint_eq(first_byte(3), 0);
	takes_no_more(s);
	store_close(s);
}
END_TEST

START_TEST(entries_at_a_flush)
{
	const struct row *r = &rows[_i];
	struct store *s = opened(r);
	ck_assert_int_eq(put(s, r, 3, 0x33), STORE_OK);
	break_it(r->suffix);
	ck_assert_int_eq(store_flush(s), STORE_DEAD);
	mend_it();
	ck_assert_int_eq(put(s, r, 3, 0x34), STORE_DEAD);
	takes_no_more(s);
	store_close(s);
}
END_TEST

static struct store *the_store;

static void *put_far(void *ctx)
{
	ck_assert_int_eq(put(the_store, ctx, FAR, 0x44), STORE_DEAD);
	return NULL;
}

/* The mark of another write is synced beside it, by the same descriptor: the kernel tells that one
 * of what became of the entries. */
START_TEST(entries_at_a_flush_beside_a_mark)
{
	struct row r = rows[_i];
	pthread_t t;
	struct store *s = the_store = files_opened((FAR + 1) * BS, BS, r.how);
	ck_assert_int_eq(put(s, &r, 3, 0x33), STORE_OK);
	break_it(r.suffix);
	once = slow = true;
	ck_assert_int_eq(pthread_create(&t, NULL, put_far, &r), 0);
	ck_assert_int_eq(sem_wait(&told), 0);
	ck_assert_int_eq(store_flush(s), STORE_DEAD);
	ck_assert_int_eq(sem_post(&returned), 0);
	ck_assert_int_eq(pthread_join(t, NULL), 0);
	mend_it();
	store_close(s);
}
END_TEST

/* Marks that a flush could take away only in part: the next write makes its own anew. */
START_TEST(marks_that_go)
{
	const struct row *r = &rows[_i];
	struct store *s = opened(r);
	(void)snprintf(files.beside, sizeof(files.beside), "%s%s", files.path, r->suffix);
	ck_assert_int_eq(put(s, r, 3, 0x33), STORE_OK);
	ck_assert(in_doubt());
	break_it(r->suffix);
	full = true;
	before = 1;
	ck_assert_int_eq(store_flush(s), STORE_OK);
	mend_it();
	ck_assert_int_eq(put(s, r, 3, 0x34), STORE_OK);
	ck_assert(in_doubt());
	store_close(s);
}
END_TEST

/* What a process that was killed has left in memory is looked through at the next start, which says
 * of nothing that it is right before it is on the medium. */
START_TEST(blocks_that_were_looked_through)
{
	const struct row *r = &rows[_i];
	uint8_t other[BS] = {0x44};
	(void)snprintf(files.beside, sizeof(files.beside), "%s%s", files.path, r->suffix);
	pid_t pid = fork();
	if (pid == 0)
		_exit(put(opened(r), r, 3, 0x33) != STORE_OK);
	int status;
	ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
	break_it("");
	struct store_config how = r->how;
	how.kept = BYTES;
	ck_assert_ptr_null(files_open(BYTES, BS, how));
	ck_assert_ptr_nonnull(strstr(files.why, r->suffix));
	ck_assert(in_doubt());
	mend_it();
	poke(files.path, other, BS, 3 * BS); /* what is on the medium is not what was in memory */
	struct store *s = opened(r);
	const struct protect p = {.type = r->protect.type, .medium = PROTECT_GUARD};
	struct store_op o = {.blocks = BYTES / BS};
	uint32_t good;
	ck_assert_int_eq(p.type ? store_protected(s, TGT_STORE_VERIFY, &p, &o)
	                        : store_verify(s, 0, BYTES / BS, &good),
	                 STORE_OK);
	store_close(s);
}
END_TEST

/* So are those of what is kept of them that are right: the kernel may take them for written. */
START_TEST(entries_that_were_looked_through)
{
	const struct row *r = &rows[_i];
	(void)snprintf(files.beside, sizeof(files.beside), "%s%s", files.path, r->suffix);
	pid_t pid = fork();
	if (pid == 0)
		_exit(put(opened(r), r, 3, 0x33) != STORE_OK);
	int status;
	ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
	entries = 0;
	struct store *s = opened(r);
	ck_assert_uint_eq(entries, r->protect.type ? PROTECT_LEN : 4);
	store_close(s);
}
END_TEST

static const struct {
	struct store_config how;
	bool told; /* the error is told to who opens it, for nobody was told of it before */
} opens[] = {
        {{.kept = BYTES}, false},
        {{.kept = BYTES}, true},
        {{.kept = BYTES, .integrity = true}, true},
        {{.kept = BYTES, .protects = true}, true},
        {{.kept = BYTES, .write_protect = true}, false},
        {{.kept = BYTES, .write_protect = true}, true},
};

/* The process before this one was told that its data could not be written, and has ended. The
 * kernel has them still, and takes them for written: they are not what this one has to go by. */
START_TEST(blocks_that_the_medium_did_not_take)
{
	struct store_config how = opens[_i].how;
	uint8_t data[BS];
	uint32_t good;
	how.write_protect = false;
	struct store *s = files_opened(BYTES, BS, how);
	ck_assert_int_eq(put(s, &rows[0], 3, 0x33), STORE_OK);
	store_close(s);
	(void)snprintf(cached, sizeof(cached), "%s", files.path);
	dirty = true;
	if (opens[_i].told)
		break_it("");
	once = opens[_i].told;
	s = files_opened(BYTES, BS, opens[_i].how);
	ck_assert_int_eq(store_read(s, 3, 1, data, &good), STORE_OK);
	ck_assert_uint_eq(data[0], 0x33);
	store_close(s);
}
END_TEST

/* Checksums that are made anew have nothing to do with what was begun beside the old ones: not even
 * where a start is cut off between. */
START_TEST(checksums_beside_an_old_record)
{
	const struct row *r = &rows[0];
	char sums[160];
	uint32_t good;
	(void)snprintf(sums, sizeof(sums), "%s%s", files.path, r->suffix);
	pid_t pid = fork();
	if (pid == 0) {
		struct store *s = opened(r);
		bool ok = put(s, r, 3, 0x33) == STORE_OK && put(s, r, 7, 0x77) == STORE_OK &&
		          store_flush(s) == STORE_OK && put(s, r, 3, 0x34) == STORE_OK;
		_exit(!ok);
	}
	int status;
	ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
	ck_assert(unlink(sums) == 0);
	break_it("");
	struct store_config how = r->how;
	how.kept = BYTES;
	ck_assert_ptr_null(files_open(BYTES, BS, how));
	ck_assert(access(sums, F_OK) == 0);
	mend_it();
	poke(sums, "\0\0\0\0", 4, 8192 + 7 * 4); /* as it was cut off before this one */
	struct store *s = opened(r);
	ck_assert_int_eq(store_verify(s, 0, BYTES / BS, &good), STORE_OK);
	store_close(s);
}
END_TEST

/* One of them cannot be read: the others are looked through all the same. */
START_TEST(blocks_behind_one_that_is_bad)
{
	const struct row *r = &rows[_i];
	const struct protect p = {.type = r->protect.type, .medium = PROTECT_GUARD};
	uint8_t data[BS], other[BS];
	memset(other, 0x44, sizeof(other));
	pid_t pid = fork();
	if (pid == 0) {
		struct store *s = opened(r);
		_exit(put(s, r, 3, 0x33) != STORE_OK || put(s, r, 5, 0x33) != STORE_OK ||
		      put(s, r, 63, 0x33) != STORE_OK);
	}
	int status;
	ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
	poke(files.path, other, BS, 3 * BS);
	poke(files.path, other, BS, 5 * BS);
	poke(files.path, other, BS, 63 * BS);
	break_it("");
	before = UINT_MAX; /* it can be synced */
	bad = 4 * BS + 7;
	struct store *s = opened(r);
	for (lba_t lba = 0; lba < BYTES / BS; lba++) {
		uint32_t good;
		struct store_op o = {.lba = lba, .blocks = 1, .bytes = data};
		enum tgt_store_result got = p.type ? store_protected(s, TGT_STORE_READ, &p, &o)
		                                   : store_read(s, lba, 1, data, &good);
		ck_assert_msg(got == (lba == 4 ? STORE_ERROR : STORE_OK), "block %u: %d",
		              (unsigned)lba, got);
	}
	mend_it();
	store_close(s);
}
END_TEST

START_TEST(blocks_at_a_flush)
{
	struct store *s = files_opened(BYTES, BS, (struct store_config){.direct = false});
	break_it("");
	ck_assert_int_eq(store_flush(s), STORE_DEAD);
	mend_it();
	takes_no_more(s);
	store_close(s);
}
END_TEST

/* What is kept beside it would not outlive the machine. */
START_TEST(a_device_is_named_where_names_last)
{
	const struct store_config how = {.integrity = true, .write_protect = _i > 0};
	char sums[160];
	store_close(files_opened(BYTES, BS, (struct store_config){.direct = false}));
	(void)snprintf(sums, sizeof(sums), "%s.integrity", files.path);
	looks = IN_DEV;
	ck_assert_ptr_null(files_open(BYTES, BS, how));
	ck_assert_ptr_nonnull(strstr(files.why, "name it by a link in a directory that lasts"));
	ck_assert(access(sums, F_OK) != 0);
}
END_TEST

/* A disk that is not written to goes by what it finds, too. */
START_TEST(the_names_of_what_was_left)
{
	const struct store_config how = {.write_protect = _i > 0, .kept = BYTES};
	store_close(files_opened(BYTES, BS, (struct store_config){.direct = false}));
	(void)snprintf(broken, sizeof(broken), "%s", files.dir);
	ck_assert_ptr_null(files_open(BYTES, BS, how));
	ck_assert_ptr_nonnull(strstr(files.why, "cannot be made durable"));
	mend_it();
	store_close(files_opened(BYTES, BS, how));
}
END_TEST

/* What was behind its end would be zeros, once it is written to there. */
START_TEST(blocks_that_were_cut_off)
{
	struct store *s = files_opened(BYTES, BS, (struct store_config){.direct = false});
	ck_assert_int_eq(put(s, &rows[0], 3, 0x33), STORE_OK);
	ck_assert(truncate(files.path, 2 * BS) == 0);
	ck_assert_int_eq(put(s, &rows[0], 30, 0x33), STORE_OK);
	ck_assert_int_eq(store_flush(s), STORE_DEAD);
	ck_assert(truncate(files.path, BYTES) == 0);
	takes_no_more(s);
	store_close(s);
}
END_TEST

/* A device waits for its medium, whatever its name is on. */
START_TEST(a_device_is_not_memory)
{
	static const bool memory[] = {[A_DEVICE] = false, [ON_TMPFS] = true};
	for (looks = A_DEVICE; looks <= ON_TMPFS; looks++) {
		struct store *s = files_opened(BYTES, BS, (struct store_config){.map = true});
		ck_assert(store_in_memory(s) == memory[looks]);
		ck_assert_int_eq(put(s, &rows[0], 3, 0x33), STORE_OK);
		store_close(s);
	}
}
END_TEST

/* A file of which nobody knows what is on the medium is not there for the next start. */
START_TEST(a_new_file)
{
	const struct row *r = &rows[_i % (int)ARRAY_LEN(rows)];
	char beside[160], tmp[170];
	(void)snprintf(beside, sizeof(beside), "%s%s", files.path, r->suffix);
	(void)snprintf(tmp, sizeof(tmp), "%s.tmp", beside);
	store_close(files_opened(BYTES, BS, (struct store_config){.direct = false}));
	/* Of what is in it, and of its name. */
	(void)snprintf(broken, sizeof(broken), "%s", _i < (int)ARRAY_LEN(rows) ? tmp : files.dir);
	before = _i < (int)ARRAY_LEN(rows) ? 0 : 1; /* of the store's name */
	ck_assert_ptr_null(files_open(BYTES, BS, r->how));
	ck_assert_ptr_nonnull(strstr(files.why, "cannot be created"));
	mend_it();
	ck_assert(access(beside, F_OK) != 0 && access(tmp, F_OK) != 0);
	store_close(opened(r));
}
END_TEST

/* One that a process has left that was killed before it had synced it: the next one goes by it when
 * it is durable. */
START_TEST(a_record_that_was_left)
{
	store_close(files_opened(BYTES, BS, (struct store_config){.direct = false}));
	files_record(&(struct files_record){BS, 3, 2, 0x77, false}, SIZE_MAX);
	break_it(".atomic");
	once = true;
	ck_assert_ptr_null(files_open(BYTES, BS, (struct store_config){.direct = false}));
	ck_assert_ptr_nonnull(strstr(files.why, ".atomic: cannot be made durable"));
	ck_assert_uint_eq(first_byte(3), 0);
	store_close(files_opened(BYTES, BS, (struct store_config){.direct = false}));
	ck_assert_uint_eq(first_byte(4), 0x77);
}
END_TEST

/* There is no room for what is kept of the blocks: that is found out before they are begun. */
START_TEST(a_record_without_room)
{
	const struct row *r = &rows[1];
	uint8_t data[2 * BS] = {0x55};
	struct store *s = opened(r);
	struct store_op o = {.lba = 3, .blocks = 2, .bytes = data};
	ck_assert_int_eq(put(s, r, 3, 0x33), STORE_OK); /* it is in doubt already */
	break_it(r->suffix);
	full = true;
	before = UINT_MAX;
	ck_assert_int_eq(store_protected(s, TGT_STORE_ATOMIC, &r->protect, &o), STORE_NO_SPACE);
	mend_it();
	ck_assert_uint_eq(o.good, 0);
	ck_assert_uint_eq(first_byte(3), 0x33);
	ck_assert_int_eq(store_protected(s, TGT_STORE_ATOMIC, &r->protect, &o), STORE_OK);
	ck_assert_uint_eq(first_byte(3), 0x55);
	store_close(s);
}
END_TEST

/* It is not known whether it is whole: the next start would put it on top of what was written
 * since.
 */
START_TEST(a_record)
{
	struct store *s = files_opened(BYTES, BS, (struct store_config){.direct = false});
	ck_assert_int_eq(put_atomic(s, 3, 0x33), STORE_OK);
	break_it(".atomic");
	stuck = _i > 0;
	ck_assert_int_eq(put_atomic(s, 3, 0x44), STORE_DEAD);
	ck_assert_uint_eq(first_byte(3), 0x33);
	mend_it();
	takes_no_more(s);
	store_close(s);
}
END_TEST

/* One that is done, but stays. */
START_TEST(a_record_that_goes)
{
	struct store *s = files_opened(BYTES, BS, (struct store_config){.direct = false});
	ck_assert_int_eq(put_atomic(s, 3, 0x33), STORE_OK);
	break_it(".atomic");
	before = 1;
	ck_assert_int_eq(put_atomic(s, 3, 0x44), STORE_DEAD);
	mend_it();
	takes_no_more(s);
	store_close(s);
}
END_TEST

/* The directory: the record is there, and has no name after a crash. */
START_TEST(the_name_of_the_first_record)
{
	struct store *s = files_opened(BYTES, BS, (struct store_config){.direct = false});
	(void)snprintf(broken, sizeof(broken), "%s", files.dir);
	ck_assert_int_eq(put_atomic(s, 3, 0x33), STORE_DEAD);
	mend_it();
	ck_assert_uint_eq(first_byte(3), 0);
	takes_no_more(s);
	store_close(s);
}
END_TEST

TAP_MAIN_TABLE("store_sync", set_up, files_tear_down, TAP_EACH(a_mark, rows),
               TAP_EACH(entries_at_a_flush, rows), TAP_EACH(entries_at_a_flush_beside_a_mark, rows),
               TAP_EACH(marks_that_go, rows), TAP_EACH(blocks_that_were_looked_through, rows),
               TAP_EACH(entries_that_were_looked_through, rows),
               TAP_EACH(blocks_that_the_medium_did_not_take, opens),
               TAP_EACH(blocks_behind_one_that_is_bad, rows),
               TAP_ONCE(checksums_beside_an_old_record), TAP_ONCE(blocks_at_a_flush),
               TAP_TIMES(a_device_is_named_where_names_last, 2),
               TAP_TIMES(the_names_of_what_was_left, 2), TAP_ONCE(blocks_that_were_cut_off),
               TAP_ONCE(a_device_is_not_memory), TAP_TIMES(a_new_file, 4), TAP_TIMES(a_record, 2),
               TAP_ONCE(a_record_that_goes), TAP_ONCE(a_record_without_room),
               TAP_ONCE(a_record_that_was_left), TAP_ONCE(the_name_of_the_first_record));
