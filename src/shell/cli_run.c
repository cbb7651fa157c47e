/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that are a little more than a call. */
#include "shell/cli.h"
#include "shell/cli_conn.h"
#include "shell/cli_show.h"
#include "shell/cli_table.h"
#include "shell/cli_text.h"

#include <stdio_ext.h>
#include <string.h>

int cli_run_call(struct cli *cli)
{
	const char *method = cli_local_text(cli, "METHOD");
	json_t *result = cli_call(cli, method, json_object_get(cli->locals, "PARAMS"), -1);

	if (!result)
		return cli->status;
	int status = cli_put(cli, result);
	json_decref(result);
	return status;
}

int cli_run_stats(struct cli *cli)
{
	json_t *result = cli_call(cli, "bus.stats", cli->params, -1);

	if (!result)
		return cli->status;
	if (cli->json)
		cli_put_json(result);
	else
		cli_show_stats(stdout, result, cli_local_flag(cli, "--values"));
	json_decref(result);
	return CLI_OK;
}

int cli_run_fault(struct cli *cli)
{
	size_t n = 0, i;
	const char *const words[] = {"spec", "clear", "list"};
	const json_t *one;
	char clean[512];

	for (i = 0; i < ARRAY_LEN(words); i++)
		n += json_object_get(cli->params, words[i]) != NULL;
	if (n != 1)
		return cli_fail(cli, CLI_USAGE,
		                "target fault: one of SPEC, --clear and --list is wanted");
	json_t *result = cli_call(cli, "target.fault", cli->params, -1);
	if (!result)
		return cli->status;
	const json_t *faults = json_object_get(result, "faults");
	if (cli->json) {
		cli_put_json(result);
	} else if (json_array_size(faults) == 0) {
		(void)printf("no faults are active\n");
	} else {
		json_array_foreach(faults, i, one)
		{
			const char *text = json_string_value(one);
			(void)printf("%s\n", cli_clean(text ? text : "?", clean, sizeof(clean)));
		}
	}
	json_decref(result);
	return CLI_OK;
}

/* One event for people: number, what happened, to what, and how that is now. */
static void put_event(const json_t *e)
{
	const char *kind = cli_str(e, "object"), *event = cli_str(e, "event");
	const json_t *o = json_object_get(e, kind);
	char word[32], object[32], name[128] = "", state[96] = "";

	(void)printf("%llu %s", (unsigned long long)cli_u64(e, "seq"),
	             cli_clean(event, word, sizeof(word)));
	if (strcmp(event, "lost") == 0)
		(void)printf(" %llu events", (unsigned long long)cli_u64(e, "count"));
	if (strcmp(kind, "job") == 0 && o) { /* its line begins with the word */
		(void)printf(" ");
		cli_show_job_line(stdout, o);
		return;
	}
	if (*kind)
		(void)printf(" %s", cli_clean(kind, object, sizeof(object)));
	if (strcmp(event, "gone") == 0) {
		(void)printf(" %s\n",
		             *cli_str(e, "name")
		                     ? cli_clean(cli_str(e, "name"), name, sizeof(name))
		                     : (cli_as_text(json_object_get(e, "id"), name, sizeof(name)),
		                        name));
		return;
	}
	if (strcmp(kind, "bus") == 0)
		(void)snprintf(state, sizeof(state), "%s",
		               cli_true(o, "attached") ? "attached" : "not attached");
	else if (o) {
		(void)snprintf(name, sizeof(name), " ");
		cli_as_text(json_object_get(o, "name"), name + 1, sizeof(name) - 1);
		cli_as_words(json_object_get(o, "state"), state, sizeof(state));
	}
	(void)printf("%s%s%s\n", name, *state ? ": " : "", state);
}

int cli_run_events(struct cli *cli)
{
	static char line[64 * KIB]; /* a whole one, so that it is written when we say so */
	uint64_t left = cli_local_number(cli, "--count", UINT64_MAX);
	json_t *m = NULL;

	(void)setvbuf(stdout, line, _IOFBF, sizeof(line));
	cli_hold_signals();
	json_t *result = cli_call(cli, "events.subscribe", cli->params, -1);
	if (!result)
		return cli->status;
	json_decref(result);
	for (; left > 0 && !ferror(stdout); left--) {
		switch (cli_conn_next(cli->conn, NS_NEVER, &m)) {
		case CLI_GOT_MESSAGE:
			if (cli->json)
				cli_put_json(json_object_get(m, "params"));
			else
				put_event(json_object_get(m, "params"));
			json_decref(m);
			if (!cli_may_write()) {
				__fpurge(stdout); /* nobody takes it, and exit() would wait */
				return CLI_OK;
			}
			(void)fflush(stdout);
			break;
		case CLI_GOT_TIMEOUT:
			break;
		case CLI_GOT_SIGNAL:
			return CLI_OK;
		case CLI_GOT_END:
			return cli_no_answer(cli, "connection_lost", "%s: %s", cli->control,
			                     cli_conn_why(cli->conn));
		}
	}
	return CLI_OK;
}
