/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/cli.h"

#include "shell/cli_conn.h"
#include "shell/cli_help.h"
#include "shell/cli_parse.h"
#include "shell/cli_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 2048
#define NO_CALL  (-32000) /* JSON-RPC's first code of an implementation's own */
/* So that 12.345 is not shown as 12.345000000000001. */
#define DIGITS JSON_REAL_PRECISION(15)

static void say(const char *fmt, va_list ap)
{
	char raw[TEXT_MAX], clean[2 * TEXT_MAX];

	(void)vsnprintf(raw, sizeof(raw), fmt, ap);
	(void)fflush(stdout);
	(void)fprintf(stderr, "%s: %s\n", CLI_PROGRAM, cli_clean(raw, clean, sizeof(clean)));
}

void cli_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

int cli_fail(struct cli *cli, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	cli->status = status;
	return status;
}

int cli_no_answer(struct cli *cli, const char *kind, const char *fmt, ...)
{
	char raw[TEXT_MAX], clean[2 * TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	json_t *whole = json_pack("{s:{s:i, s:s, s:{s:s}}}", "error", "code", NO_CALL, "message",
	                          cli_clean(raw, clean, sizeof(clean)), "data", "kind", kind);
	if (cli->json && whole)
		cli_put_json(whole);
	json_decref(whole);
	return cli_fail(cli, CLI_FAILED, "%s", raw);
}

bool cli_connect(struct cli *cli)
{
	char why[512];

	if (cli->conn)
		return true;
	cli->conn = cli_conn_open(cli->control, why, sizeof(why));
	if (cli->conn)
		return true;
	if (cli_signal()) {
		(void)cli_fail(cli, CLI_SIGNAL + cli_signal(),
		               "interrupted before the daemon answered");
		return false;
	}
	if (errno != ENOENT && errno != ECONNREFUSED) {
		(void)cli_no_answer(cli, "no_daemon", "cannot talk to a daemon at %s: %s",
		                    cli->control, why);
		return false;
	}
	(void)cli_no_answer(cli, "no_daemon", "no daemon at %s: %s", cli->control, why);
	cli_say("start it (smirrord --bus ADDR --state-dir DIR --control %s, or systemctl start "
	        "smirrord), or tell where it is with --control PATH or " CLI_CONTROL_ENV,
	        cli->control);
	return false;
}

void cli_tell_error(struct cli *cli, const json_t *error)
{
	const char *text = json_string_value(json_object_get(error, "message"));
	const char *kind =
	        json_string_value(json_object_get(json_object_get(error, "data"), "kind"));
	json_int_t code = json_integer_value(json_object_get(error, "code"));
	/* What JSON-RPC calls an invalid request, no such method and invalid parameters. */
	bool usage = code <= -32600 && code >= -32602;

	if (cli->json) {
		json_t *whole = json_pack("{s:O}", "error", error);
		cli_put_json(whole);
		json_decref(whole);
	}
	(void)cli_fail(cli, usage ? CLI_USAGE : CLI_FAILED, "%s (%s)", text ? text : "failed",
	               kind ? kind : "without a kind");
}

/* The answer to a request; notifications are passed over. NULL when none came (told). */
static json_t *answer_to(struct cli *cli, json_int_t id, ns_t end)
{
	json_t *m = NULL;

	for (;;) {
		ns_t now = cli_now();

		switch (cli_conn_next(cli->conn, end > now ? end - now : 0, &m)) {
		case CLI_GOT_MESSAGE:
			/* An error with id null: the request could not even be read. */
			if (cli_answers(m, id) ||
			    (json_object_get(m, "error") && json_is_null(json_object_get(m, "id"))))
				return m;
			json_decref(m);
			break;
		case CLI_GOT_TIMEOUT:
			(void)cli_no_answer(cli, "no_answer", "the daemon at %s does not answer",
			                    cli->control);
			return NULL;
		case CLI_GOT_SIGNAL:
			(void)cli_fail(cli, CLI_SIGNAL + cli_signal(),
			               "interrupted before the daemon answered");
			return NULL;
		case CLI_GOT_END:
			(void)cli_no_answer(cli, "connection_lost", "%s: %s", cli->control,
			                    cli_conn_why(cli->conn));
			return NULL;
		}
	}
}

static json_t *call(struct cli *cli, const char *method, const json_t *params, int fd,
                    const char *kind, bool *was)
{
	if (!cli_connect(cli))
		return NULL;
	/* A command may be given more time by its own parameter. */
	ns_t limit = CLI_ANSWER_NS;
	json_int_t ms = json_integer_value(json_object_get(params, "timeout_ms"));
	if (ms > 0)
		limit += (ns_t)ms * NS_PER_MS;
	json_int_t id = cli_conn_send(cli->conn, method, params, fd);
	/* When sending failed, the daemon may have said why before it closed. */
	json_t *m = answer_to(cli, id, id ? cli_now() + limit : cli_now() + NS_PER_S);
	if (!m)
		return NULL;
	json_t *error = json_object_get(m, "error"), *result = json_object_get(m, "result");
	const char *its =
	        json_string_value(json_object_get(json_object_get(error, "data"), "kind"));
	if (kind && its && strcmp(kind, its) == 0) {
		*was = true;
		result = NULL;
	} else if (json_is_object(error)) {
		cli_tell_error(cli, error);
		result = NULL;
	} else if (!result) {
		(void)cli_fail(cli, CLI_FAILED, "%s: an answer without a result", method);
	}
	json_incref(result);
	json_decref(m);
	return result;
}

json_t *cli_call(struct cli *cli, const char *method, const json_t *params, int fd)
{
	return call(cli, method, params, fd, NULL, NULL);
}

json_t *cli_call_unless(struct cli *cli, const char *method, const json_t *params, const char *kind,
                        bool *was)
{
	return call(cli, method, params, -1, kind, was);
}

void cli_put_json(const json_t *result)
{
	json_t *o = json_is_object(result) ? json_copy((json_t *)(uintptr_t)result)
	                                   : json_pack("{s:O}", "result", result);

	/* daemon.info has a version of its own. */
	if (!json_object_get(o, "version"))
		(void)json_object_set_new(o, "version", json_integer(CLI_JSON_VERSION));
	char *line = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII | DIGITS);
	if (line)
		(void)puts(line);
	else
		cli_say("out of memory");
	free(line);
	json_decref(o);
}

static void put_indented(const json_t *result)
{
	char *text =
	        json_dumps(result, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY | DIGITS);

	if (text)
		(void)puts(text);
	free(text);
}

int cli_put(struct cli *cli, const json_t *result)
{
	if (cli->json)
		cli_put_json(result);
	else if (cli->command->print)
		cli->command->print(stdout, result);
	else
		put_indented(result);
	return CLI_OK;
}

const char *cli_local_text(const struct cli *cli, const char *word)
{
	return json_string_value(json_object_get(cli->locals, word));
}

uint64_t cli_local_number(const struct cli *cli, const char *word, uint64_t otherwise)
{
	const json_t *v = json_object_get(cli->locals, word);

	return json_is_integer(v) ? (uint64_t)json_integer_value(v) : otherwise;
}

bool cli_local_flag(const struct cli *cli, const char *word)
{
	return json_is_true(json_object_get(cli->locals, word));
}

static int run(struct cli *cli)
{
	if (cli->command->run)
		return cli->command->run(cli);
	json_t *result = cli_call(cli, cli->command->method, cli->params, -1);
	if (!result)
		return cli->status;
	int status = cli_put(cli, result);
	json_decref(result);
	return status;
}

static int usage(struct cli *cli, const char *why)
{
	(void)cli_fail(cli, CLI_USAGE, "%s", why);
	if (cli->command)
		cli_help_usage(stderr, cli->command);
	(void)fprintf(stderr, "Try '%s --help'.\n", CLI_PROGRAM);
	return CLI_USAGE;
}

static int parsed(struct cli *cli, int argc, char **argv)
{
	struct cli_parse parse;

	switch (cli_parse(argc, argv, cli, &parse)) {
	case CLI_HELP:
		cli_help(stdout, parse.topic);
		return CLI_OK;
	case CLI_VERSION:
		(void)printf("%s %s\n", CLI_PROGRAM, PACKAGE_VERSION);
		return CLI_OK;
	case CLI_WRONG:
		return usage(cli, parse.why);
	case CLI_RUN:
		break;
	}
	if (!cli_check(cli, parse.why, sizeof(parse.why)))
		return usage(cli, parse.why);
	return run(cli);
}

int cli_main(int argc, char **argv)
{
	const char *environment = getenv(CLI_CONTROL_ENV);
	struct cli cli = {
	        .control = environment && *environment ? environment : CLI_CONTROL_DEFAULT,
	        .params = json_object(),
	        .locals = json_object(),
	};
	int status = parsed(&cli, argc, argv);

	cli_conn_free(cli.conn);
	json_decref(cli.params);
	json_decref(cli.locals);
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == CLI_OK) {
		cli_say("cannot write to standard output");
		status = CLI_FAILED;
	}
	return status;
}
