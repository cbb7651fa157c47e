/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/cli_help.h"

#include "control/schema.h"
#include "shell/cli_parse.h"

#include <string.h>

#define LINE_WIDTH   79
#define TEXT_INDENT  24 /* of what is said of an option */
#define TITLE_INDENT 2

/* Text, broken between words; `at` is the column where it begins. */
static void put_wrapped(FILE *to, const char *text, size_t indent, size_t at)
{
	bool first = true;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (!first && at + 1 + n > LINE_WIDTH) {
			(void)fprintf(to, "\n%*s", (int)indent, "");
			at = indent;
			first = true;
		}
		(void)fprintf(to, "%s%.*s", first ? "" : " ", (int)n, text);
		at += n + !first;
		first = false;
		text += n + strspn(text + n, " ");
	}
	(void)fputc('\n', to);
}

/* A title, and a text in the column beside it. */
static void put_entry(FILE *to, const char *title, size_t column, const char *text)
{
	size_t at = TITLE_INDENT + strlen(title);

	(void)fprintf(to, "%*s%s", TITLE_INDENT, "", title);
	if (at + 1 > column) {
		(void)fputc('\n', to);
		at = 0;
	}
	(void)fprintf(to, "%*s", (int)(column - at), "");
	put_wrapped(to, text, column, column);
}

static const json_t *method_of(const json_t *doc, const char *name)
{
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(doc, "methods"), i, m)
	{
		if (name && strcmp(json_string_value(json_object_get(m, "name")), name) == 0)
			return m;
	}
	return NULL;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static const json_t *param_of(const json_t *method, const char *name)
{
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(method, "params"), i, p)
	{
		if (name && strcmp(text_of(p, "name"), name) == 0)
			return p;
	}
	return NULL;
}

/* "MODE" as it stands in the components, when a parameter refers to one. */
static const json_t *resolved(const json_t *doc, const json_t *schema)
{
	static const char where[] = "#/components/schemas/";
	const char *ref = text_of(schema, "$ref");

	if (strncmp(ref, where, sizeof(where) - 1) != 0)
		return schema;
	return json_object_get(json_object_get(json_object_get(doc, "components"), "schemas"),
	                       ref + sizeof(where) - 1);
}

/* What an argument is: the words of the table or of the schema, and the values that it may have. */
static void describe(const json_t *doc, const json_t *method, const struct cli_arg *a, char *buf,
                     size_t n)
{
	const json_t *p = param_of(method, a->param), *one;
	const json_t *schema = resolved(doc, json_object_get(p, "schema"));
	const json_t *values = json_object_get(schema, "enum");
	size_t i, at;

	if (!values)
		values = json_object_get(json_object_get(schema, "items"), "enum");
	at = (size_t)snprintf(buf, n, "%s", a->help ? a->help : text_of(p, "description"));
	json_array_foreach(values, i, one)
	{
		if (at < n && json_is_string(one))
			at += (size_t)snprintf(buf + at, n - at, "%s%s", i > 0 ? ", " : " One of ",
			                       json_string_value(one));
	}
	if (json_array_size(values) > 0 && at < n)
		(void)snprintf(buf + at, n - at, ".");
	if (a->kind == CLI_SIZE && at < n)
		(void)snprintf(buf + at, n - at, " K, M, G and T are powers of 1024.");
}

/* Operands unless they are optional, and options that the method does not do without. */
static bool must_be_there(const json_t *method, const struct cli_arg *a)
{
	if (cli_is_operand(a))
		return !a->optional;
	return json_is_true(json_object_get(param_of(method, a->param), "required"));
}

static void put_usage(FILE *to, const json_t *doc, const struct cli_command *c)
{
	const json_t *method = method_of(doc, c->method);
	char line[1024];
	size_t at = (size_t)snprintf(line, sizeof(line), "usage: %s %s", CLI_PROGRAM, c->words);

	for (size_t i = 0; i < c->n_args && at < sizeof(line); i++) {
		const struct cli_arg *a = &c->args[i];
		bool must = must_be_there(method, a);

		/* A blank inside of [...] is no place to break: shown as '\1'. */
		at += (size_t)snprintf(line + at, sizeof(line) - at, " %s%s%s%s%s", must ? "" : "[",
		                       a->word, a->value ? "\1" : "", a->value ? a->value : "",
		                       must ? "" : "]");
	}
	char wrapped[2048] = "";
	FILE *mem = fmemopen(wrapped, sizeof(wrapped), "w");
	if (!mem)
		return;
	put_wrapped(mem, line, 8, 0);
	(void)fclose(mem);
	for (char *p = wrapped; *p; p++) {
		if (*p == '\1')
			*p = ' ';
	}
	(void)fputs(wrapped, to);
}

void cli_help_usage(FILE *to, const struct cli_command *c)
{
	json_t *doc = json_loadb(ctl_schema_text, ctl_schema_text_len, 0, NULL);

	put_usage(to, doc, c);
	json_decref(doc);
}

static const char *summary_of(const json_t *doc, const struct cli_command *c)
{
	return c->summary ? c->summary : text_of(method_of(doc, c->method), "summary");
}

static void put_globals(FILE *to)
{
	(void)fputs("\nWith every command:\n", to);
	put_entry(to, "--control PATH", TEXT_INDENT,
	          "Socket of the daemon; else $" CLI_CONTROL_ENV ", else " CLI_CONTROL_DEFAULT ".");
	put_entry(to, "--json", TEXT_INDENT, "One line of JSON instead of text.");
	put_entry(to, "--help", TEXT_INDENT, "Show help and end.");
}

static void help_command(FILE *to, const json_t *doc, const struct cli_command *c)
{
	const json_t *method = method_of(doc, c->method);
	const char *about = c->about ? c->about : text_of(method, "description");

	put_usage(to, doc, c);
	(void)fprintf(to, "\n%s.\n", summary_of(doc, c));
	if (*about)
		put_wrapped(to, about, 0, 0);
	if (c->n_args > 0)
		(void)fputc('\n', to);
	for (size_t i = 0; i < c->n_args; i++) {
		const struct cli_arg *a = &c->args[i];
		char title[64], text[1024];

		(void)snprintf(title, sizeof(title), "%s%s%s", a->word, a->value ? " " : "",
		               a->value ? a->value : "");
		describe(doc, method, a, text, sizeof(text));
		put_entry(to, title, TEXT_INDENT, text);
	}
	put_globals(to);
	if (c->method)
		(void)fprintf(to, "\nMethod of the control socket: %s\n", c->method);
}

static void help_list(FILE *to, const json_t *doc, const char *object)
{
	size_t n = strlen(object);

	for (size_t i = 0; i < cli_commands_n; i++) {
		const char *words = cli_commands[i].words;

		if (n == 0 || (strncmp(words, object, n) == 0 && words[n] == ' '))
			put_entry(to, words, TEXT_INDENT, summary_of(doc, &cli_commands[i]));
	}
}

static void help_all(FILE *to, const json_t *doc)
{
	(void)fprintf(
	        to,
	        "usage: %s [--control PATH] [--json] COMMAND ...\n\n"
	        "Mirrors images to groups of SCSI disks, and shows what smirrord has and does.\n\n",
	        CLI_PROGRAM);
	help_list(to, doc, "");
	put_globals(to);
	put_entry(to, "--version", TEXT_INDENT, "Show the version and end.");
	(void)fprintf(to,
	              "\n'%s COMMAND --help' tells more of a command.\n"
	              "Exit status: 0 all good, 1 failed, 2 usage, 3 partial.\n",
	              CLI_PROGRAM);
}

void cli_help(FILE *to, const char *topic)
{
	json_t *doc = json_loadb(ctl_schema_text, ctl_schema_text_len, 0, NULL);

	if (!*topic) {
		help_all(to, doc);
		json_decref(doc);
		return;
	}
	for (size_t i = 0; i < cli_commands_n; i++) {
		if (strcmp(cli_commands[i].words, topic) == 0) {
			help_command(to, doc, &cli_commands[i]);
			json_decref(doc);
			return;
		}
	}
	(void)fprintf(to, "usage: %s %s COMMAND ...\n\n", CLI_PROGRAM, topic);
	help_list(to, doc, topic);
	put_globals(to);
	json_decref(doc);
}
