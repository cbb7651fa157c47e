/* SPDX-License-Identifier: BSD-2-Clause */
/* What a target leaves that has ended in good order: it is found once, and no damage passes. */
#include "unit/tap_main.h"

#include "shell/ended.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEN 20

static char dir[64], store[100], file[120], tmp[120], why[400];

static void set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/smirror-ended-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(store, sizeof(store), "%s/disk.img", dir);
	(void)snprintf(file, sizeof(file), "%s.ended", store);
	(void)snprintf(tmp, sizeof(tmp), "%s.ended.tmp", store);
}

static void tear_down(void)
{
	(void)unlink(file);
	(void)rmdir(file);
	(void)unlink(tmp);
	(void)rmdir(tmp);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void put(const uint8_t *p, size_t n)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert(fd >= 0 && write(fd, p, n) == (ssize_t)n && close(fd) == 0);
}

static bool save(uint32_t number)
{
	return ended_save(store, &(struct ended){.number = number, .luns = 3}, why, sizeof(why));
}

/* 0: there was none. What is seen before is the same. */
static uint32_t take(void)
{
	struct ended e, seen = ended_look(store, why, sizeof(why));

	ck_assert(ended_take(store, &e, why, sizeof(why)));
	ck_assert(e.number == seen.number && e.luns == seen.luns);
	ck_assert_uint_eq(e.luns, e.number ? 3 : 0);
	return e.number;
}

static void saved(uint8_t out[LEN])
{
	ck_assert(save(0x12345678));
	int fd = open(file, O_RDONLY);
	ck_assert(fd >= 0 && read(fd, out, LEN) == LEN && close(fd) == 0);
	struct stat st;
	ck_assert(stat(file, &st) == 0 && st.st_size == LEN);
}

static bool is_there(void)
{
	return access(file, F_OK) == 0;
}

START_TEST(it_is_found_once)
{
	ck_assert_uint_eq(take(), 0);
	ck_assert_str_eq(why, "");
	ck_assert(save(7));
	ck_assert(save(UINT32_MAX));
	ck_assert(access(tmp, F_OK) != 0);
	ck_assert_uint_eq(take(), UINT32_MAX);
	ck_assert_str_eq(why, "");
	ck_assert(!is_there());
	ck_assert_uint_eq(take(), 0);
	ck_assert_str_eq(why, "");
}
END_TEST

START_TEST(no_damage_passes)
{
	uint8_t good[LEN], bad[LEN + 1] = {0};

	saved(good);
	for (unsigned bit = 0; bit < 8 * LEN; bit++) {
		memcpy(bad, good, LEN);
		bad[bit / 8] ^= (uint8_t)(1U << bit % 8);
		put(bad, LEN);
		ck_assert_uint_eq(take(), 0);
		ck_assert_ptr_nonnull(strstr(why, file));
		ck_assert(!is_there());
	}
	memcpy(bad, good, LEN);
	for (size_t n = 0; n <= LEN + 1; n++) {
		put(bad, n);
		ck_assert_uint_eq(take(), n == LEN ? 0x12345678 : 0);
		ck_assert_int_eq(why[0] == '\0', n == LEN || n == 0);
		ck_assert(!is_there());
	}
}
END_TEST

/* Not that its name is gone is what has to be durable. */
START_TEST(one_whose_name_stays_is_void)
{
	struct ended e;

	ck_assert(save(7));
	ck_assert_int_eq(link(file, tmp), 0); /* as a name that comes back would show it */
	ck_assert_uint_eq(take(), 7);
	ck_assert(!is_there() && rename(tmp, file) == 0);
	ck_assert_uint_eq(take(), 0);
	ck_assert_str_eq(why, "");
	ck_assert_int_eq(mkdir(file, 0700), 0);
	ck_assert(!ended_take(store, &e, why, sizeof(why)));
	ck_assert_ptr_nonnull(strstr(why, "cannot be opened"));
	ck_assert_uint_eq(e.number, 0);
}
END_TEST

START_TEST(one_that_cannot_be_written_is_told)
{
	char lengthy[5000];

	ck_assert_int_eq(mkdir(tmp, 0700), 0);
	ck_assert(!save(7));
	ck_assert_ptr_nonnull(strstr(why, "cannot be written"));
	ck_assert(!is_there() && rmdir(tmp) == 0);
	ck_assert_int_eq(mkdir(file, 0700), 0);
	ck_assert(!save(7) && access(tmp, F_OK) != 0);
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[sizeof(lengthy) - 1] = '\0';
	struct ended e = {.number = 7, .luns = 1};
	ck_assert(!ended_save(lengthy, &e, why, sizeof(why)));
	ck_assert(ended_take(lengthy, &e, why, sizeof(why)) && e.number == 0);
}
END_TEST

TAP_MAIN_WITH("ended", set_up, tear_down, it_is_found_once, no_damage_passes,
              one_whose_name_stays_is_void, one_that_cannot_be_written_is_told);
