/* SPDX-License-Identifier: BSD-2-Clause */
/* A client against a server that answers as it is told to, in a process of its own. */
#include "unit/tap_main.h"

#include "shell/cli_conn.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define GREETING "{\"product\":\"smirror\",\"version\":\"1\",\"api\":{\"major\":1,\"minor\":0}}\n"

static char directory[64], path[96], why[512];
static pid_t server;

static void put(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		_exit(1);
}

/* Starts a server that greets, and then does as `play` does. */
static void serve(const char *greeting, void (*play)(int fd))
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	(void)snprintf(directory, sizeof(directory), "/tmp/test_cli_conn.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/sock", directory);
	memcpy(a.sun_path, path, strlen(path) + 1);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	server = fork();
	ck_assert_int_ge(server, 0);
	if (server == 0) {
		int fd = accept(listener, NULL, NULL);

		(void)signal(SIGPIPE, SIG_IGN);
		put(fd, greeting);
		if (play)
			play(fd);
		_exit(0);
	}
	(void)close(listener);
}

static void end_of(struct cli_conn *c)
{
	cli_conn_free(c);
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	(void)unlink(path);
	(void)rmdir(directory);
}

/* One line of a client; the descriptor that came with it, or -1. */
static int read_line(int fd, char *line, size_t n)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	size_t at = 0;
	int came = -1;

	while (at + 1 < n) {
		struct iovec v = {.iov_base = line + at, .iov_len = 1};
		struct msghdr m = {.msg_iov = &v,
		                   .msg_iovlen = 1,
		                   .msg_control = control.bytes,
		                   .msg_controllen = sizeof(control.bytes)};
		if (recvmsg(fd, &m, 0) != 1)
			_exit(1);
		if (CMSG_FIRSTHDR(&m))
			memcpy(&came, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(came));
		if (line[at++] == '\n')
			break;
	}
	line[at] = '\0';
	return came;
}

/* Answers each request with its method and what the descriptor holds. */
static void echo(int fd)
{
	for (;;) {
		char line[4096], text[64] = "", answer[8192];
		int came = read_line(fd, line, sizeof(line));
		json_t *r = json_loads(line, 0, NULL);

		if (came >= 0 && pread(came, text, sizeof(text) - 1, 0) < 0)
			_exit(1);
		(void)snprintf(answer, sizeof(answer),
		               "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{}}\n"
		               "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"method\":\"%s\","
		               "\"file\":\"%s\"}}\n",
		               (int)json_integer_value(json_object_get(r, "id")),
		               json_string_value(json_object_get(r, "method")), text);
		put(fd, answer);
		json_decref(r);
	}
}

static void hang(int fd)
{
	(void)fd;
	for (;;)
		(void)pause();
}

START_TEST(a_request_is_answered)
{
	json_t *m = NULL;

	serve(GREETING, echo);
	struct cli_conn *c = cli_conn_open(path, why, sizeof(why));
	ck_assert_msg(c != NULL, "%s", why);
	for (int i = 1; i <= 3; i++) {
		json_int_t id = cli_conn_send(c, "bus.show", NULL, -1);
		ck_assert_int_eq(id, i);
		ck_assert_int_eq(cli_conn_next(c, 10 * NS_PER_S, &m), CLI_GOT_MESSAGE);
		ck_assert(!cli_answers(m, id)); /* a notification */
		json_decref(m);
		ck_assert_int_eq(cli_conn_next(c, 10 * NS_PER_S, &m), CLI_GOT_MESSAGE);
		ck_assert(cli_answers(m, id));
		ck_assert_str_eq(
		        json_string_value(json_object_get(json_object_get(m, "result"), "method")),
		        "bus.show");
		json_decref(m);
	}
	end_of(c);
}
END_TEST

START_TEST(a_descriptor_goes_with_the_request)
{
	json_t *m = NULL;
	int fd = memfd_create("image", 0);

	ck_assert_int_eq(write(fd, "contents", 8), 8);
	serve(GREETING, echo);
	struct cli_conn *c = cli_conn_open(path, why, sizeof(why));
	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(cli_conn_send(c, "job.create", NULL, fd), 1);
	(void)close(fd);
	ck_assert_int_eq(cli_conn_next(c, 10 * NS_PER_S, &m), CLI_GOT_MESSAGE);
	json_decref(m);
	ck_assert_int_eq(cli_conn_next(c, 10 * NS_PER_S, &m), CLI_GOT_MESSAGE);
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(m, "result"), "file")),
	                 "contents");
	json_decref(m);
	end_of(c);
}
END_TEST

/* The greeting is no smirrord's; the text says why not. */
static void not_greeted(const char *greeting, const char *text)
{
	serve(greeting, NULL);
	struct cli_conn *c = cli_conn_open(path, why, sizeof(why));
	ck_assert_ptr_null(c);
	ck_assert_msg(strstr(why, text) != NULL, "%s", why);
	(void)waitpid(server, NULL, 0);
	(void)unlink(path);
	(void)rmdir(directory);
}

START_TEST(a_server_that_is_none_of_ours_is_refused)
{
	not_greeted("220 mail ESMTP\r\n", "not understood");
	not_greeted("[1]\n", "not understood");
	not_greeted("{\"product\":\"QEMU\"}\n", "no smirrord");
	not_greeted("{\"product\":\"smirror\",\"api\":{\"major\":2}}\n", "version 2");
	not_greeted("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32001,"
	            "\"message\":\"you may not\"}}\n",
	            "you may not");
	not_greeted("", "closed");
	not_greeted("{\"product\"", "closed");
}
END_TEST

START_TEST(a_socket_that_is_not_there_is_an_error)
{
	char long_path[200];

	ck_assert_ptr_null(cli_conn_open("/nowhere/sock", why, sizeof(why)));
	ck_assert_ptr_nonnull(strstr(why, "No such file"));
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	ck_assert_ptr_null(cli_conn_open(long_path, why, sizeof(why)));
	ck_assert_ptr_nonnull(strstr(why, "longer"));
}
END_TEST

START_TEST(a_silent_server_is_waited_for_no_longer_than_said)
{
	json_t *m = NULL;

	serve(GREETING, hang);
	struct cli_conn *c = cli_conn_open(path, why, sizeof(why));
	ns_t before = cli_now();
	ck_assert_int_eq(cli_conn_next(c, 30 * NS_PER_MS, &m), CLI_GOT_TIMEOUT);
	ck_assert_uint_ge(cli_now() - before, 30 * NS_PER_MS);
	end_of(c);
}
END_TEST

/* More than the longest line, without an end. */
static void flood(int fd)
{
	static char chunk[1 << 20];

	memset(chunk, 'x', sizeof(chunk));
	for (int i = 0; i < 34; i++) {
		if (write(fd, chunk, sizeof(chunk)) < 0)
			_exit(1);
	}
	hang(fd);
}

START_TEST(a_line_without_an_end_is_cut_off)
{
	json_t *m = NULL;

	serve(GREETING, flood);
	struct cli_conn *c = cli_conn_open(path, why, sizeof(why));
	ck_assert_int_eq(cli_conn_next(c, 30 * NS_PER_S, &m), CLI_GOT_END);
	ck_assert_ptr_nonnull(strstr(cli_conn_why(c), "too long"));
	ck_assert_int_eq(cli_conn_next(c, NS_PER_S, &m), CLI_GOT_END);
	end_of(c);
}
END_TEST

START_TEST(a_signal_ends_a_wait_and_not_the_program)
{
	json_t *m = NULL;

	serve(GREETING, hang);
	struct cli_conn *c = cli_conn_open(path, why, sizeof(why));
	cli_hold_signals();
	(void)raise(SIGINT); /* held until the wait */
	ck_assert_int_eq(cli_signal(), 0);
	ck_assert_int_eq(cli_conn_next(c, NS_NEVER, &m), CLI_GOT_SIGNAL);
	ck_assert_int_eq(cli_signal(), SIGINT);
	end_of(c);
}
END_TEST

TAP_MAIN("cli_conn", a_request_is_answered, a_descriptor_goes_with_the_request,
         a_server_that_is_none_of_ours_is_refused, a_socket_that_is_not_there_is_an_error,
         a_silent_server_is_waited_for_no_longer_than_said, a_line_without_an_end_is_cut_off,
         a_signal_ends_a_wait_and_not_the_program);
