/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines, the log and the ready line: what a process prints and how it ends. */
#include "unit/tap_main.h"

#include "shell/args.h"
#include "shell/log.h"
#include "shell/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char out[8192], err[8192];

static void take(int fd, char *text, size_t n)
{
	size_t got = 0;
	ssize_t r;
	while (got + 1 < n && (r = read(fd, text + got, n - 1 - got)) > 0)
		got += (size_t)r;
	text[got] = '\0';
	(void)close(fd);
}

/* Runs fn in a process of its own: its status, and what it printed, in out and err. */
static int run(void (*fn)(void *), void *arg)
{
	int o[2], e[2], status;

	ck_assert_int_eq(pipe(o), 0);
	ck_assert_int_eq(pipe(e), 0);
	(void)fflush(stdout);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		(void)dup2(o[1], STDOUT_FILENO);
		(void)dup2(e[1], STDERR_FILENO);
		(void)close(o[0]), (void)close(o[1]), (void)close(e[0]), (void)close(e[1]);
		fn(arg);
		(void)fflush(stdout);
		_exit(0);
	}
	(void)close(o[1]);
	(void)close(e[1]);
	take(o[0], out, sizeof(out));
	take(e[0], err, sizeof(err));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

enum { OPT_BUS = 1, OPT_ID, OPT_SIZE, OPT_LIMIT, OPT_QUIET, OPT_CONFIG, OPT_LEVEL };
static const struct args_option options[] = {
        {"bus", "ADDR", "the bus server", OPT_BUS},
        {"id", "N", "the SCSI ID", OPT_ID},
        {"size", "SIZE", "of the store", OPT_SIZE},
        {"limit", "TIME", "of a phase", OPT_LIMIT},
        {"quiet", NULL, "say nothing", OPT_QUIET},
        {"config", "FILE", "more of it", OPT_CONFIG},
        {"log-level", "LEVEL", "of the log", OPT_LEVEL},
};

/* A program that prints what it was given. */
static void program(void *arg)
{
	char **argv = arg;
	int argc = 0, id;
	while (argv[argc])
		argc++;
	struct args a = args_init("prog", "--bus ADDR", "It does nothing.", options,
	                          ARRAY_LEN(options), argc, argv);

	while ((id = args_next(&a)) != 0) {
		if (id == OPT_BUS)
			(void)printf("bus=%s ", args_addr(&a).text);
		if (id == OPT_ID)
			(void)printf("id=%d ", (int)args_number(&a, 0, 15));
		if (id == OPT_SIZE)
			(void)printf("size=%llu ", (unsigned long long)args_size(&a, 512, GIB));
		if (id == OPT_LIMIT)
			(void)printf("limit=%llu ", (unsigned long long)args_duration(&a));
		if (id == OPT_QUIET)
			(void)printf("quiet ");
		if (id == OPT_LEVEL)
			(void)printf("level=%d ", (int)args_log_level(&a));
		if (id == OPT_CONFIG) {
			cfg_opt_t opts[] = {CFG_INT("id", 7, CFGF_NONE), CFG_END()};
			cfg_t *cfg = args_file(&a, a.value, opts, NULL, 0);
			(void)printf("file=%ld ", cfg_getint(cfg, "id"));
			(void)cfg_free(cfg);
		}
	}
	args_no_operands(&a);
}

static int run_program(const char *a, const char *b, const char *c)
{
	char *argv[] = {(char[]){"prog"}, NULL, NULL, NULL, NULL};
	const char *given[] = {a, b, c};
	for (int i = 0; i < 3 && given[i]; i++)
		argv[i + 1] = strdup(given[i]);
	int status = run(program, argv);
	for (int i = 1; i < 4; i++)
		free(argv[i]);
	return status;
}

START_TEST(options_are_read)
{
	ck_assert_int_eq(run_program("--bus=unix:/x", "--id", "15"), 0);
	ck_assert_str_eq(out, "bus=unix:/x id=15 ");
	ck_assert_int_eq(run_program("--size=64K", "--limit=250ms", "--quiet"), 0);
	ck_assert_str_eq(out, "size=65536 limit=250000000 quiet ");
	ck_assert_int_eq(run_program("--config=/dev/null", "--log-level=error", NULL), 0);
	ck_assert_str_eq(out, "file=7 level=3 ");
	ck_assert_str_eq(err, "");
}
END_TEST

START_TEST(usage_errors_end_with_2_and_name_the_option)
{
	static const struct {
		const char *a, *b, *err;
	} rows[] = {
	        {"--bus", NULL, "prog: --bus needs a value\n"},
	        {"--bus", "/x",
	         "prog: --bus: \"/x\" is not an address: unix:PATH or tcp:HOST:PORT\n"},
	        {"--id", "16", "prog: --id: \"16\" is not a number of 0 to 15\n"},
	        {"--id", "-1", "prog: --id: \"-1\" is not a number of 0 to 15\n"},
	        {"--size", "1X", "prog: --size: \"1X\" is no size, such as 4096, 64K or 1G\n"},
	        {"--size", "2G", "prog: --size: 2G is out of range: 512 to 1073741824 bytes\n"},
	        {"--limit", "5", "prog: --limit: \"5\" is no duration, such as 250ms or 10s\n"},
	        {"--log-level", "loud", "prog: --log-level: there is no level \"loud\"\n"},
	        {"--config", "/nowhere/x", "prog: /nowhere/x: "},
	        {"--quiet", "x", "prog: \"x\": no operand is expected\n"},
	        {"--nope", NULL, "prog: --nope: "},
	        {"--quiet", "--nope=3", "prog: --nope=3: "},
	        {"--quiet=3", NULL, "prog: --quiet=3: "},
	        {"-x", NULL, "prog: -x: "},
	        {"-xyz", NULL, "prog: -xyz: "},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ck_assert_int_eq(run_program(rows[i].a, rows[i].b, NULL), 2);
		ck_assert_msg(strstr(err, rows[i].err) == err, "row %zu: %s", i, err);
		ck_assert_ptr_nonnull(strstr(err, "\nTry 'prog --help'.\n"));
	}
}
END_TEST

START_TEST(help_and_version)
{
	ck_assert_int_eq(run_program("--help", NULL, NULL), 0);
	ck_assert_ptr_eq(strstr(out, "usage: prog --bus ADDR\n"), out);
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		ck_assert_ptr_nonnull(strstr(out, options[i].help));
	ck_assert_int_eq(run_program("--version", NULL, NULL), 0);
	ck_assert_str_eq(out, "prog " PACKAGE_VERSION "\n");
}
END_TEST

static void log_some(void *arg)
{
	if (arg) {
		struct stat st;
		char stream[64];
		(void)fstat(STDERR_FILENO, &st);
		(void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		               (unsigned long long)st.st_ino);
		(void)setenv("JOURNAL_STREAM", stream, 1);
	} else {
		(void)setenv("JOURNAL_STREAM", "1:2", 1); /* of another stream */
	}
	log_init("prog", LOG_LEVEL_INFO);
	log_error("target %d failed", 3);
	log_warning("a peer said \"%s\"", "x\ny\x1b[1m");
	log_debug("not shown");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("shown");
}

START_TEST(the_log)
{
	ck_assert_int_eq(run(log_some, NULL), 0);
	ck_assert_str_eq(err,
	                 "prog: target 3 failed\nprog: a peer said \"x?y?[1m\"\nprog: shown\n");
	ck_assert_int_eq(run(log_some, err), 0);
	ck_assert_str_eq(err, "<3>target 3 failed\n<4>a peer said \"x?y?[1m\"\n<7>shown\n");
	ck_assert_int_eq(log_level_parse("notice"), LOG_LEVEL_NOTICE);
	ck_assert_int_eq(log_level_parse("Notice"), -1);
}
END_TEST

static void log_long(void *arg)
{
	static char text[5000];
	(void)arg;
	memset(text, 'x', sizeof(text) - 1);
	log_init("prog", LOG_LEVEL_INFO);
	log_info("%s", text);
	log_info("next");
}

START_TEST(a_long_line_is_cut)
{
	ck_assert_int_eq(run(log_long, NULL), 0);
	char *end = strchr(err, '\n');
	ck_assert_ptr_nonnull(end);
	ck_assert_int_lt(end - err, 2100);
	ck_assert_str_eq(end, "\nprog: next\n");
}
END_TEST

static void tell(void *arg)
{
	const char *const addrs[] = {"unix:/run/x", "tcp:127.0.0.1:5"};
	(void)arg;
	notify_ready(addrs, 2);
	notify_status("%d ports", 3);
	notify_reloading();
	notify_reloaded();
	notify_stopping();
}

START_TEST(readiness_is_told)
{
	char path[] = "/tmp/smirror-notify.XXXXXX", got[256];
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	ck_assert_ptr_nonnull(mkdtemp(path));
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s/n", path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	(void)setenv("NOTIFY_SOCKET", un.sun_path, 1);

	ck_assert_int_eq(run(tell, NULL), 0);
	ck_assert_str_eq(out, "ready unix:/run/x tcp:127.0.0.1:5\n");
#ifdef HAVE_LIBSYSTEMD
	static const char *const want[] = {"READY=1", "STATUS=3 ports",
	                                   "RELOADING=1\nMONOTONIC_USEC=", "READY=1", "STOPPING=1"};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		ssize_t n = recv(fd, got, sizeof(got) - 1, 0);
		ck_assert_int_gt(n, 0);
		got[n] = '\0';
		ck_assert_ptr_eq(strstr(got, want[i]), got);
	}
#endif
	ck_assert_int_eq(recv(fd, got, sizeof(got), 0), -1);
	(void)close(fd);
	(void)unlink(un.sun_path);
	(void)rmdir(path);
}
END_TEST

TAP_MAIN("args", options_are_read, usage_errors_end_with_2_and_name_the_option, help_and_version,
         the_log, a_long_line_is_cut, readiness_is_told);
