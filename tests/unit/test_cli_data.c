/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "shell/cli_data.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct cli cli;
static char path[64];

static void make_file(size_t n)
{
	(void)snprintf(path, sizeof(path), "/tmp/test_cli_data.XXXXXX");
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)n), 0);
	ck_assert_int_eq(pwrite(fd, "abcd", n < 4 ? n : 4, 0), n < 4 ? (ssize_t)n : 4);
	(void)close(fd);
}

START_TEST(a_file_goes_to_base64_and_back)
{
	make_file(5);
	json_t *text = cli_data_from(&cli, path);
	size_t n = 0;

	ck_assert_str_eq(json_string_value(text), "YWJjZAA=");
	uint8_t *p = cli_data_decode(&cli, text, &n);
	ck_assert_uint_eq(n, 5);
	ck_assert_int_eq(memcmp(p, "abcd", 5), 0);
	ck_assert(cli_data_to(&cli, path, p, 3));
	json_t *again = cli_data_from(&cli, path);
	ck_assert_str_eq(json_string_value(again), "YWJj");
	free(p);
	json_decref(text);
	json_decref(again);
	(void)unlink(path);
}
END_TEST

START_TEST(a_file_may_be_empty_and_16_mib_but_not_more)
{
	make_file(0);
	json_t *text = cli_data_from(&cli, path);
	ck_assert_str_eq(json_string_value(text), "");
	json_decref(text);
	(void)unlink(path);
	make_file(CLI_DATA_MAX);
	text = cli_data_from(&cli, path);
	ck_assert_uint_eq(json_string_length(text), (CLI_DATA_MAX + 2) / 3 * 4);
	json_decref(text);
	(void)unlink(path);
	make_file(CLI_DATA_MAX + 1);
	ck_assert_ptr_null(cli_data_from(&cli, path));
	ck_assert_int_eq(cli.status, CLI_FAILED);
	(void)unlink(path);
}
END_TEST

START_TEST(what_is_no_base64_or_no_file_is_an_error)
{
	json_t *text = json_string("a?c=");
	size_t n = 0;

	ck_assert_ptr_null(cli_data_decode(&cli, text, &n));
	ck_assert_ptr_null(cli_data_decode(&cli, NULL, &n));
	ck_assert_ptr_null(cli_data_from(&cli, "/nowhere/file"));
	ck_assert(!cli_data_to(&cli, "/nowhere/file", (const uint8_t *)"x", 1));
	ck_assert(!cli_data_to(&cli, "/dev/full", (const uint8_t *)"x", 1));
	json_decref(text);
}
END_TEST

START_TEST(a_hex_dump_has_16_bytes_a_line)
{
	char text[512] = "";
	uint8_t bytes[18];
	FILE *to = fmemopen(text, sizeof(text), "w");

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(0x75 + i);
	cli_hex_dump(to, bytes, sizeof(bytes));
	ck_assert_int_eq(fclose(to), 0);
	ck_assert_str_eq(
	        text,
	        "00000000  75 76 77 78 79 7a 7b 7c  7d 7e 7f 80 81 82 83 84  |uvwxyz{|}~......|\n"
	        "00000010  85 86                                             |..|\n");
}
END_TEST

TAP_MAIN("cli_data", a_file_goes_to_base64_and_back, a_file_may_be_empty_and_16_mib_but_not_more,
         what_is_no_base64_or_no_file_is_an_error, a_hex_dump_has_16_bytes_a_line);
