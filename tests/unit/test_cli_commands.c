/* SPDX-License-Identifier: BSD-2-Clause */
/* The table against the schema: what one has, the other has. */
#include "unit/tap_main.h"

#include "control/schema.h"
#include "shell/cli_help.h"
#include "shell/cli_parse.h"

#include <string.h>

static json_t *doc;

static json_t *methods(void)
{
	doc = json_loadb(ctl_schema_text, ctl_schema_text_len, 0, NULL);
	ck_assert_ptr_nonnull(doc);
	return json_object_get(doc, "methods");
}

static const char *name_of(const json_t *o)
{
	return json_string_value(json_object_get(o, "name"));
}

/* "group.add_member" as "group add-member" */
static void as_words(const char *method, char *buf, size_t n)
{
	(void)snprintf(buf, n, "%s", method);
	for (char *p = buf; *p; p++)
		*p = *p == '.' ? ' ' : *p == '_' ? '-' : *p;
}

START_TEST(every_method_is_a_command)
{
	const json_t *list = methods(), *m;
	size_t i;

	json_array_foreach(list, i, m)
	{
		char words[64];
		bool found = false;

		as_words(name_of(m), words, sizeof(words));
		for (size_t k = 0; k < cli_commands_n; k++) {
			if (strcmp(cli_commands[k].words, words) == 0) {
				ck_assert_str_eq(cli_commands[k].method, name_of(m));
				found = true;
			}
		}
		ck_assert_msg(found, "there is no command \"%s\"", words);
	}
	json_decref(doc);
}
END_TEST

static const json_t *method_by(const json_t *list, const char *name)
{
	const json_t *m;
	size_t i;

	json_array_foreach(list, i, m)
	{
		if (strcmp(name_of(m), name) == 0)
			return m;
	}
	return NULL;
}

static bool has_arg(const struct cli_command *c, const char *param)
{
	for (size_t i = 0; i < c->n_args; i++) {
		if (c->args[i].param && strcmp(c->args[i].param, param) == 0)
			return true;
	}
	return false;
}

START_TEST(every_word_is_a_parameter_of_its_method)
{
	const json_t *list = methods();

	for (size_t k = 0; k < cli_commands_n; k++) {
		const struct cli_command *c = &cli_commands[k];
		const json_t *m = c->method ? method_by(list, c->method) : NULL, *p;
		size_t i;

		ck_assert_msg(m || !c->method, "%s", c->words);
		for (i = 0; i < c->n_args; i++) {
			const char *param = c->args[i].param;
			bool found = !param;
			const json_t *params = json_object_get(m, "params");

			for (size_t j = 0; j < json_array_size(params) && !found; j++)
				found = strcmp(name_of(json_array_get(params, j)), param) == 0;
			ck_assert_msg(found, "%s: %s has no parameter %s", c->words, c->method,
			              param);
		}
		/* And the other way round, but for what the command finds itself. */
		json_array_foreach(json_object_get(m, "params"), i, p)
		{
			const char *name = name_of(p);
			bool own = c->job_type != NULL || strcmp(name, "image") == 0 ||
			           strcmp(name, "data") == 0 || strcmp(name, "data_out") == 0;

			ck_assert_msg(own || has_arg(c, name), "%s: nothing gives %s", c->words,
			              name);
		}
	}
	json_decref(doc);
}
END_TEST

START_TEST(every_command_does_and_says_something)
{
	for (size_t k = 0; k < cli_commands_n; k++) {
		const struct cli_command *c = &cli_commands[k];
		static char text[16384];
		FILE *to = fmemopen(text, sizeof(text), "w");

		ck_assert_msg(c->run || c->method, "%s", c->words);
		ck_assert_msg(c->method || (c->summary && c->about), "%s", c->words);
		memset(text, 0, sizeof(text));
		cli_help(to, c->words);
		ck_assert_int_eq(fclose(to), 0);
		ck_assert_msg(strstr(text, "usage: smirrorctl ") == text, "%s", c->words);
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			ck_assert_msg(strlen(line) < 80, "%s: %s", c->words, line);
	}
}
END_TEST

START_TEST(operands_that_may_be_missing_come_last)
{
	for (size_t k = 0; k < cli_commands_n; k++) {
		bool optional = false;

		for (size_t i = 0; i < cli_commands[k].n_args; i++) {
			const struct cli_arg *a = &cli_commands[k].args[i];

			if (!cli_is_operand(a))
				continue;
			ck_assert_msg(!optional || a->optional, "%s: %s", cli_commands[k].words,
			              a->word);
			optional = a->optional;
		}
	}
}
END_TEST

TAP_MAIN("cli_commands", every_method_is_a_command, every_word_is_a_parameter_of_its_method,
         every_command_does_and_says_something, operands_that_may_be_missing_come_last);
