/* SPDX-License-Identifier: BSD-2-Clause */
/* A store that is made, and what may lie beside it. */
#include "unit/store_files.h"
#include "unit/tap_main.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct store_config plain = {.direct = false};
static const struct store_config both = {.integrity = true, .protects = true};

static void set_up(void)
{
	files_set_up(".none");
}

static const char *beside(const char *suffix)
{
	static char name[160];
	(void)snprintf(name, sizeof(name), "%s%s", files.path, suffix);
	return name;
}

static void leave(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0600);
	ssize_t n = (ssize_t)strlen(text);
	ck_assert(fd >= 0 && write(fd, text, (size_t)n) == n && close(fd) == 0);
}

static bool is_there(const char *name)
{
	return access(name, F_OK) == 0;
}

/* Its data are gone with it: what was kept of them is not of the new file's zeros. */
static const char *const vouching[] = {".meta", ".protection", ".integrity"};

START_TEST(not_where_something_vouches_for_it)
{
	struct stat st;
	leave(beside(vouching[_i]), "");
	ck_assert_ptr_null(files_open(4096, 512, plain));
	ck_assert_ptr_nonnull(strstr(files.why, "is not there, but"));
	ck_assert_ptr_nonnull(strstr(files.why, vouching[_i]));
	ck_assert_ptr_nonnull(strstr(files.why, files.path));
	ck_assert(!is_there(files.path)); /* the next start would go by it */
	leave(files.path, "");
	ck_assert_ptr_null(files_open(4096, 512, plain));
	ck_assert_ptr_nonnull(strstr(files.why, "is empty, but"));
	ck_assert(stat(files.path, &st) == 0 && st.st_size == 0);
	ck_assert(unlink(beside(vouching[_i])) == 0);
	store_close(files_opened(4096, 512, plain));
}
END_TEST

START_TEST(all_that_does_is_named)
{
	for (size_t i = 0; i < ARRAY_LEN(vouching); i++)
		leave(beside(vouching[i]), "");
	ck_assert_ptr_null(files_open(4096, 512, plain));
	ck_assert_ptr_nonnull(strstr(files.why, "(.meta, .protection, .integrity)"));
}
END_TEST

/* What was begun in one that is gone is not done to another. */
START_TEST(without_what_was_begun)
{
	leave(beside(".atomic"), "SMIR");
	leave(beside(".redo"), "SMIR");
	struct store *s = files_opened(4096, 512, plain);
	ck_assert(!is_there(beside(".atomic")) && !is_there(beside(".redo")));
	store_close(s);
}
END_TEST

/* One that could be made, but not opened, leaves nothing that the next start would refuse: here
 * there is no descriptor for the directory of .protection. */
START_TEST(nothing_is_left_of_one_that_fails)
{
	struct rlimit few, as_it_was;
	ck_assert(getrlimit(RLIMIT_NOFILE, &as_it_was) == 0);
	int next = open("/dev/null", O_RDONLY);
	ck_assert(close(next) == 0);
	few = (struct rlimit){.rlim_cur = (rlim_t)next + 2, .rlim_max = as_it_was.rlim_max};
	ck_assert(setrlimit(RLIMIT_NOFILE, &few) == 0);
	struct store *s = files_open(4096, 512, both);
	ck_assert(setrlimit(RLIMIT_NOFILE, &as_it_was) == 0);
	ck_assert_ptr_null(s);
	ck_assert_ptr_nonnull(strstr(files.why, ".protection: cannot be created"));
	ck_assert(!is_there(files.path) && !is_there(beside(".protection")));
	store_close(files_opened(4096, 512, both));
}
END_TEST

TAP_MAIN_TABLE("store_make", set_up, files_tear_down,
               TAP_EACH(not_where_something_vouches_for_it, vouching),
               TAP_ONCE(all_that_does_is_named), TAP_ONCE(without_what_was_begun),
               TAP_ONCE(nothing_is_left_of_one_that_fails));
