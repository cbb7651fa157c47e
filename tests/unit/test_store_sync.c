/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Syncs that fail. The kernel has dropped what it could not write, and says the next time that all
 * is there: so whatever is tried again, the store takes no more. The linker leads fsync(),
 * fdatasync() and ftruncate() here; one that fails has done nothing.
 */
#include "unit/store_files.h"
#include "unit/tap_main.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BS    512U
#define BYTES (64U * BS)

/* ---- calls that fail ---- */

static char broken[160]; /* a path; "": none */
static unsigned before;  /* as many of its syncs succeed */
static bool stuck;       /* it cannot be made shorter either */

static bool is_broken(int fd)
{
	char name[32], path[160];
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(name, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return broken[0] && strcmp(path, broken) == 0;
}

static bool fails(int fd)
{
	if (!is_broken(fd))
		return false;
	if (before > 0) {
		before--;
		return false;
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
	return fails(fd) ? -1 : __real_fdatasync(fd);
}

REAL(ftruncate, int fd, off_t n)
{
	return stuck && is_broken(fd) ? -1 : __real_ftruncate(fd, n);
}

static void break_it(const char *suffix)
{
	(void)snprintf(broken, sizeof(broken), "%s%s", files.path, suffix);
}

static void mend_it(void)
{
	broken[0] = '\0';
	stuck = false;
}

static void set_up(void)
{
	files_set_up(".none");
	mend_it();
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

/* A file of which nobody knows what is on the medium is not there for the next start. */
START_TEST(a_new_file)
{
	const struct row *r = &rows[_i % (int)ARRAY_LEN(rows)];
	char beside[160];
	(void)snprintf(beside, sizeof(beside), "%s%s", files.path, r->suffix);
	store_close(files_opened(BYTES, BS, (struct store_config){.direct = false}));
	break_it(r->suffix);
	before = (unsigned)_i / ARRAY_LEN(rows);
	ck_assert_ptr_null(files_open(BYTES, BS, r->how));
	ck_assert_ptr_nonnull(strstr(files.why, "cannot be created"));
	mend_it();
	ck_assert(access(beside, F_OK) != 0);
	store_close(opened(r));
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
               TAP_EACH(entries_at_a_flush, rows), TAP_ONCE(blocks_at_a_flush),
               TAP_TIMES(a_new_file, 4), TAP_TIMES(a_record, 2), TAP_ONCE(a_record_that_goes),
               TAP_ONCE(the_name_of_the_first_record));
