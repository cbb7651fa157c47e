/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes of files: all that are asked for, or an error. */
#include "shell/fileio.h"
#include "unit/tap_main.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static int new_file(void)
{
	int fd = memfd_create("fileio", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(what_is_put_is_got)
{
	int fd = new_file();
	char text[8] = "";

	ck_assert(fileio_put(fd, "smirror", 7, 100));
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 107);
	ck_assert(fileio_get(fd, text, 7, 100));
	ck_assert_str_eq(text, "smirror");
	ck_assert(fileio_get(fd, text, 3, 104));
	ck_assert_str_eq(text, "rorrror");
	ck_assert(fileio_put(fd, "", 0, 5000));
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 107);
	(void)close(fd);
}
END_TEST

START_TEST(a_file_that_ends_before_is_an_error)
{
	int fd = new_file();
	char text[8];

	ck_assert(fileio_put(fd, "abcd", 4, 0));
	errno = 0;
	ck_assert(!fileio_get(fd, text, 5, 0));
	ck_assert_int_eq(errno, EIO);
	ck_assert(fileio_get(fd, text, 0, 4));
	(void)close(fd);
	ck_assert(!fileio_get(fd, text, 1, 0));
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(what_is_loaded_is_bounded)
{
	int fd = new_file();
	char text[16] = "";

	ck_assert_int_eq(fileio_load(fd, text, sizeof(text)), 0);
	ck_assert(fileio_put(fd, "abcdef", 6, 0));
	ck_assert_int_eq(fileio_load(fd, text, sizeof(text)), 6);
	ck_assert_str_eq(text, "abcdef");
	memset(text, 0, sizeof(text));
	ck_assert_int_eq(fileio_load(fd, text, 4), 4);
	ck_assert_str_eq(text, "abcd");
	(void)close(fd);
	ck_assert_int_eq(fileio_load(fd, text, 4), -1);
}
END_TEST

/* The kernel writes as far as the limit, which is no error yet. */
START_TEST(a_write_that_is_cut_short_goes_on_to_its_error)
{
	static char many[3000];
	const struct rlimit limit = {.rlim_cur = 2000, .rlim_max = RLIM_INFINITY};
	int fd = new_file();

	memset(many, 'x', sizeof(many));
	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	errno = 0;
	ck_assert(!fileio_put(fd, many, sizeof(many), 0));
	ck_assert_int_eq(errno, EFBIG);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 2000);
	(void)close(fd);
}
END_TEST

TAP_MAIN("fileio", what_is_put_is_got, a_file_that_ends_before_is_an_error,
         what_is_loaded_is_bounded, a_write_that_is_cut_short_goes_on_to_its_error);
