/* SPDX-License-Identifier: BSD-2-Clause */
#include "unit/tap_main.h"

#include "shell/cli_parse.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MOST 24

static struct cli cli;
static struct cli_parse parse;
static char line[1024];

/* Parses words that blanks separate. */
static enum cli_parsed parsed(const char *words)
{
	char *argv[WORDS_MOST + 1] = {(char *)(uintptr_t)CLI_PROGRAM};
	int argc = 1;

	json_decref(cli.params);
	json_decref(cli.locals);
	cli = (struct cli){.control = "default", .params = json_object(), .locals = json_object()};
	(void)snprintf(line, sizeof(line), "%s", words);
	for (char *w = strtok(line, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	return cli_parse(argc, argv, &cli, &parse);
}

/* The command runs this method with these parameters. */
static void runs(const char *words, const char *method, const char *params)
{
	char why[256] = "";

	ck_assert_msg(parsed(words) == CLI_RUN, "%s: %s", words, parse.why);
	ck_assert_str_eq(cli.command->method, method);
	ck_assert_msg(cli_check(&cli, why, sizeof(why)), "%s: %s", words, why);
	json_t *wanted = json_loads(params, 0, NULL);
	ck_assert_ptr_nonnull(wanted);
	char *got = json_dumps(cli.params, JSON_COMPACT);
	ck_assert_msg(json_equal(wanted, cli.params) == 1, "%s: %s, not %s", words, got, params);
	free(got);
	json_decref(wanted);
}

/* It is refused here, and the text holds the word. */
static void refused(const char *words, const char *word)
{
	enum cli_parsed p = parsed(words);

	ck_assert_msg(p == CLI_WRONG || p == CLI_RUN, "%s", words);
	if (p == CLI_RUN)
		ck_assert_msg(!cli_check(&cli, parse.why, sizeof(parse.why)), "%s", words);
	ck_assert_msg(strstr(parse.why, word) != NULL, "%s: \"%s\" does not name %s", words,
	              parse.why, word);
}

START_TEST(words_become_a_method_and_its_parameters)
{
	runs("group create g0 --members a,b,c --mode silent", "group.create",
	     "{\"name\":\"g0\",\"members\":[\"a\",\"b\",\"c\"],\"mode\":\"silent\"}");
	runs("group create --assume-clean --members=a --members b g0", "group.create",
	     "{\"name\":\"g0\",\"members\":[\"a\",\"b\"],\"assume_clean\":true}");
	runs("group import g1 --force", "group.import", "{\"name\":\"g1\",\"force\":true}");
	runs("group add-member g0 disk9", "group.add_member",
	     "{\"group\":\"g0\",\"target\":\"disk9\"}");
	runs("group read g0 64K 0x200", "group.read",
	     "{\"group\":\"g0\",\"offset_bytes\":65536,\"length_bytes\":512}");
	runs("job set-speed 7 10M", "job.set_speed", "{\"id\":7,\"speed_bytes_per_s\":10485760}");
	runs("target fault disk1 medium-error:lba=1,blocks=2,times=3", "target.fault",
	     "{\"target\":\"disk1\",\"spec\":\"medium-error:lba=1,blocks=2,times=3\"}");
	runs("target fault disk1 --clear", "target.fault", "{\"target\":\"disk1\",\"clear\":true}");
}
END_TEST

START_TEST(shortcuts_are_jobs)
{
	runs("mirror g0 x.img --block 256K --window 8 --speed 1G", "job.create",
	     "{\"type\":\"mirror\",\"group\":\"g0\",\"transfer_bytes\":262144,\"window\":8,"
	     "\"speed_bytes_per_s\":1073741824}");
	ck_assert_str_eq(cli_local_text(&cli, "IMAGE"), "x.img");
	ck_assert(!cli_local_flag(&cli, "--detach"));
	runs("--json verify g0 --detach", "job.create", "{\"type\":\"verify\",\"group\":\"g0\"}");
	ck_assert(cli.json);
	ck_assert_ptr_null(cli_local_text(&cli, "IMAGE"));
	ck_assert(cli_local_flag(&cli, "--detach"));
	runs("scrub g0", "job.create", "{\"type\":\"scrub\",\"group\":\"g0\"}");
	runs("load g0 --overwrite --block 8K --in-flight 64 --seconds 3 --writes 1000 --pattern "
	     "sequential --seed 5 --mode broadcast --speed 1M",
	     "job.create",
	     "{\"type\":\"load\",\"group\":\"g0\",\"overwrite\":true,\"block_bytes\":8192,"
	     "\"in_flight\":64,\"seconds\":3,\"writes\":1000,\"pattern\":\"sequential\",\"seed\":5,"
	     "\"mode\":\"broadcast\",\"speed_bytes_per_s\":1048576}");
	runs("job create load g0 --overwrite --block-bytes 512", "job.create",
	     "{\"type\":\"load\",\"group\":\"g0\",\"overwrite\":true,\"block_bytes\":512}");
	runs("job create read g0 out", "job.create", "{\"type\":\"read\",\"group\":\"g0\"}");
}
END_TEST

START_TEST(a_cdb_may_come_in_pieces)
{
	runs("scsi disk0 12 00 00 00 24 00 --in 36", "scsi.execute",
	     "{\"target\":\"disk0\",\"cdb\":\"120000002400\",\"data_in_length\":36}");
	runs("scsi execute disk0 120000002400 --lun 1", "scsi.execute",
	     "{\"target\":\"disk0\",\"cdb\":\"120000002400\",\"lun\":1}");
	/* A target of this name is still reached. */
	runs("scsi execute execute 120000002400", "scsi.execute",
	     "{\"target\":\"execute\",\"cdb\":\"120000002400\"}");
}
END_TEST

START_TEST(global_options_stand_anywhere)
{
	ck_assert_int_eq(parsed("group --control=/a/b list --json"), CLI_WRONG);
	ck_assert_int_eq(parsed("--control /a/b group list --json"), CLI_RUN);
	ck_assert_str_eq(cli.control, "/a/b");
	ck_assert(cli.json);
	ck_assert_int_eq(parsed("read g0 --control=/c -- --odd-name"), CLI_RUN);
	ck_assert_str_eq(cli.control, "/c");
	ck_assert_str_eq(cli_local_text(&cli, "FILE"), "--odd-name");
	ck_assert_int_eq(parsed("group write g0 0 -"), CLI_RUN);
	ck_assert_str_eq(cli_local_text(&cli, "FILE"), "-");
}
END_TEST

START_TEST(help_and_version)
{
	ck_assert_int_eq(parsed("--version"), CLI_VERSION);
	ck_assert_int_eq(parsed("--help"), CLI_HELP);
	ck_assert_str_eq(parse.topic, "");
	ck_assert_int_eq(parsed("group --help"), CLI_HELP);
	ck_assert_str_eq(parse.topic, "group");
	ck_assert_int_eq(parsed("help group"), CLI_HELP);
	ck_assert_str_eq(parse.topic, "group");
	ck_assert_int_eq(parsed("help"), CLI_HELP);
	ck_assert_str_eq(parse.topic, "");
	ck_assert_int_eq(parsed("mirror -h"), CLI_HELP);
	ck_assert_str_eq(parse.topic, "mirror");
	ck_assert_int_eq(parsed("job show --help"), CLI_HELP);
	ck_assert_str_eq(parse.topic, "job show");
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
	static const struct {
		const char *words, *named;
	} cases[] = {
	        {"", "command"},
	        {"paint", "paint"},
	        {"group paint", "group paint"},
	        {"group", "create"},
	        {"help paint", "paint"},
	        {"mirror", "GROUP"},
	        {"mirror g0", "IMAGE"},
	        {"mirror g0 a b", "\"b\""},
	        {"mirror g0 a --mode", "--mode"},
	        {"mirror g0 a --mode paint", "\"paint\""},
	        {"mirror g0 a --mode silent --mode silent", "twice"},
	        {"mirror g0 a --block 12Q", "12Q"},
	        {"mirror g0 a --window 65", "--window 65"},
	        {"mirror g0 a --detach=1", "--detach"},
	        {"mirror g0 a --explode", "--explode"},
	        {"--explode status", "--explode"},
	        {"mirror ../x a", "../x"},
	        {"group create g0", "--members"},
	        {"job show -1", "-1"},
	        {"job show x", "\"x\""},
	        {"job show 0", "ID 0"},
	        {"scsi d0 zz0000000000", "zz0000000000"},
	        {"call group.show [1]", "[1]"},
	        {"group show \xff", "\\xff"},
	        {"--control", "--control"},
	        {"--control=", "--control"},
	        {"events --objects job,cow", "cow"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		refused(cases[i].words, cases[i].named);
}
END_TEST

START_TEST(a_wrong_word_cannot_act_on_the_terminal)
{
	refused("\x1b[2J", "\\x1b[2J");
	ck_assert_ptr_null(strchr(parse.why, '\x1b'));
	refused("job show \x1b[2J", "\\x1b[2J");
	ck_assert_ptr_null(strchr(parse.why, '\x1b'));
}
END_TEST

START_TEST(a_cdb_without_an_end_is_refused)
{
	char *argv[300];

	(void)parsed("status");
	json_object_clear(cli.params);
	cli.command = NULL;
	argv[0] = (char *)(uintptr_t)CLI_PROGRAM;
	argv[1] = (char *)(uintptr_t) "scsi";
	argv[2] = (char *)(uintptr_t) "disk0";
	for (size_t i = 3; i < ARRAY_LEN(argv); i++)
		argv[i] = (char *)(uintptr_t) "00";
	ck_assert_int_eq(cli_parse(ARRAY_LEN(argv), argv, &cli, &parse), CLI_WRONG);
	ck_assert_ptr_nonnull(strstr(parse.why, "CDBHEX"));
}
END_TEST

TAP_MAIN("cli_parse", words_become_a_method_and_its_parameters, shortcuts_are_jobs,
         a_cdb_may_come_in_pieces, global_options_stand_anywhere, help_and_version,
         what_is_wrong_is_named, a_wrong_word_cannot_act_on_the_terminal,
         a_cdb_without_an_end_is_refused);
