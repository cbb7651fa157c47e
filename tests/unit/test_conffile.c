/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "shell/conffile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/smirror-conf.XXXXXX";
static char why[512];

static bool is_even(const char *v, char *text, size_t n)
{
	(void)snprintf(text, n, "%s is odd", v);
	return (v[strlen(v) - 1] - '0') % 2 == 0;
}

static bool is_lower(const char *v, char *text, size_t n)
{
	(void)snprintf(text, n, "\"%s\" has more than small letters", v);
	return strspn(v, "abcdefghijklmnopqrstuvwxyz") == strlen(v);
}

static const struct conf_check checks[] = {
        {.name = "listen", .kind = CONF_ADDR},
        {.name = "id", .kind = CONF_NUMBER, .most = 15},
        {.name = "limit", .kind = CONF_DURATION, .least = NS_PER_MS, .most = 10 * NS_PER_S},
        {.name = "block", .kind = CONF_SIZE, .least = 512, .most = MIB},
        {.name = "level", .kind = CONF_LEVEL},
        {.name = "mode", .kind = CONF_WORD, .words = "silent conventional broadcast"},
        {.name = "even", .kind = CONF_NUMBER, .most = 100, .accepts = is_even},
        {.name = "word", .kind = CONF_TEXT, .accepts = is_lower},
        {.name = "group|id", .kind = CONF_NUMBER, .least = 100, .most = 65535},
};

static cfg_t *read_text(const char *text)
{
	cfg_opt_t group[] = {CFG_INT("id", 100, CFGF_NONE), CFG_END()};
	cfg_opt_t opts[] = {CFG_STR_LIST("listen", NULL, CFGF_NONE),
	                    CFG_INT("id", 7, CFGF_NONE),
	                    CFG_STR("limit", "1s", CFGF_NONE),
	                    CFG_STR("block", "64K", CFGF_NONE),
	                    CFG_STR("level", "info", CFGF_NONE),
	                    CFG_STR("other-level", NULL, CFGF_NODEFAULT),
	                    CFG_STR("mode", "silent", CFGF_NONE),
	                    CFG_INT("even", 2, CFGF_NONE),
	                    CFG_STR_LIST("word", NULL, CFGF_NONE),
	                    CFG_SEC("group", group, CFGF_MULTI | CFGF_TITLE),
	                    CFG_END()};
	if (text) {
		FILE *f = fopen(path, "w");
		ck_assert_ptr_nonnull(f);
		ck_assert_int_ge(fputs(text, f), 0);
		ck_assert_int_eq(fclose(f), 0);
	}
	return conf_read(text ? path : NULL, opts, checks, ARRAY_LEN(checks), why, sizeof(why));
}

static void setup(void)
{
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
}

static void teardown(void)
{
	(void)unlink(path);
}

START_TEST(defaults_without_a_file)
{
	cfg_t *c = read_text(NULL);

	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(conf_size(c, "block"), 65536);
	ck_assert_uint_eq(conf_duration(c, "limit"), NS_PER_S);
	ck_assert_uint_eq(cfg_size(c, "listen"), 0);
	ck_assert_int_eq(conf_level(c, "other-level"), LOG_LEVEL_INFO);
	(void)cfg_free(c);
}
END_TEST

START_TEST(values_are_read)
{
	cfg_t *c = read_text("# a comment\n"
	                     "listen = { \"unix:/run/a\", \"tcp:127.0.0.1:99\" }\n"
	                     "id = 3\nlimit = 250ms\nblock = \"1M\"\nlevel = debug\n"
	                     "mode = conventional\ngroup \"g0\" {\n\tid = 200\n}\n");

	ck_assert_msg(c != NULL, "%s", why);
	ck_assert_uint_eq(cfg_size(c, "listen"), 2);
	ck_assert_str_eq(conf_addr(c, "listen", 1).text, "tcp:127.0.0.1:99");
	ck_assert_int_eq(cfg_getint(c, "id"), 3);
	ck_assert_uint_eq(conf_duration(c, "limit"), 250 * NS_PER_MS);
	ck_assert_uint_eq(conf_size(c, "block"), MIB);
	ck_assert_int_eq(conf_level(c, "level"), LOG_LEVEL_DEBUG);
	ck_assert_int_eq(cfg_getint(cfg_getnsec(c, "group", 0), "id"), 200);
	(void)cfg_free(c);
}
END_TEST

START_TEST(errors_name_file_and_line)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	        {"id = 3\nspeed = 4\n", ":2: no such option 'speed'"},
	        {"\n\nid = 16\n", ":3: id: 16 is out of range: 0 to 15"},
	        {"id = -1\n", ":1: id: -1 is out of range: 0 to 15"},
	        {"id = x\n", ":1: invalid integer value for option 'id'"},
	        {"id = \"\"\n", ":1: invalid integer value for option 'id'"},
	        {"limit = 10\n", ":1: limit: \"10\" is no duration, such as 250ms or 10s"},
	        {"limit = 11s\n", ":1: limit: \"11s\" is out of range: 1 to 10000 ms"},
	        {"block = 1.5M\n", ":1: block: \"1.5M\" is no size, such as 4096, 64K or 1G"},
	        {"block = 2M\n", ":1: block: \"2M\" is out of range: 512 to 1048576 bytes"},
	        {"level = loud\n",
	         ":1: level: \"loud\" is not error, warning, notice, info or debug"},
	        {"mode = silen\n",
	         ":1: mode: \"silen\" is not one of: silent conventional broadcast"},
	        {"listen = { \"unix:/a\",\n\"here\" }\n",
	         ":2: listen: \"here\" is not an address: unix:PATH or tcp:HOST:PORT"},
	        {"even = 4\neven = 5\n", ":2: even: 5 is odd"},
	        {"even = 101\n", ":1: even: 101 is out of range: 0 to 100"},
	        {"word = {\"a\",\n\"B\", \"c\"}\n", ":2: word: \"B\" has more than small letters"},
	        /* comments of every kind do not move the line */
	        {"# a\n\n# b\nspeed = 4\n", ":4: no such option 'speed'"},
	        {"id = 3 # a\n// b\nspeed = 4\n", ":3: no such option 'speed'"},
	        {"/* a\n b */ id = 3\nspeed = 4\n", ":3: no such option 'speed'"},
	        {"level = \"a#//\\\"/*\"\n",
	         ":1: level: \"a#//\"/*\" is not error, warning, notice, info or debug"},
	        {"id = 3\n/* a\n", ": a comment has no end"},
	        {"level = \"a\\", ": a text in quotes has no end"},
	        {"id = 3\nlevel = 'debug\n", ": a text in quotes has no end"},
	        /* one line, whatever is quoted */
	        {"level = \"a\nb\"\n",
	         ":2: level: \"a?b\" is not error, warning, notice, info or debug"},
	        {"group \"a\" {\n id = 99\n}\n", ":2: id: 99 is out of range: 100 to 65535"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char want[512];
		ck_assert_msg(read_text(rows[i].text) == NULL, "%s is taken", rows[i].text);
		(void)snprintf(want, sizeof(want), "%s%s", path, rows[i].why);
		ck_assert_str_eq(why, want);
	}
}
END_TEST

START_TEST(garbage_is_an_error)
{
	static const char *const rows[] = {"}",          "{",       "=",
	                                   "id",         "id =",    "id = \"3",
	                                   "listen = {", "group {", "\x01\x02\xff\xfe",
	                                   "id = 3 = 4"};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cfg_t *c = read_text(rows[i]);
		ck_assert_msg(c == NULL, "%s is taken", rows[i]);
		ck_assert_ptr_eq(strstr(why, path), why);
	}
}
END_TEST

START_TEST(what_cannot_be_read_is_named)
{
	cfg_opt_t opts[] = {CFG_END()};

	ck_assert_ptr_null(conf_read("/nonexistent/x.conf", opts, NULL, 0, why, sizeof(why)));
	ck_assert_str_eq(why, "/nonexistent/x.conf: No such file or directory");
	ck_assert_ptr_null(conf_read("/tmp", opts, NULL, 0, why, sizeof(why)));
	ck_assert_str_eq(why, "/tmp: Is a directory");
}
END_TEST

TAP_MAIN_WITH("conffile", setup, teardown, defaults_without_a_file, values_are_read,
              errors_name_file_and_line, garbage_is_an_error, what_cannot_be_read_is_named);
