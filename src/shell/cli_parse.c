/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/cli_parse.h"

#include "base/size.h"
#include "control/schema.h"
#include "shell/cli_text.h"

#include <stdarg.h>
#include <string.h>

#define OPERANDS_MOST 4096 /* words of one CDB, at most */

struct parser {
	int argc;
	char *const *argv;
	int at;
	bool only_operands; /* after "--" */
	bool help, version;
	unsigned operands; /* that the command took */
	struct cli *cli;
	struct cli_parse *out;
};

static bool wrong(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(p->out->why, sizeof(p->out->why), fmt, ap);
	va_end(ap);
	return false;
}

/* The value of an option: behind '=' or the next word. */
static bool value_of(struct parser *p, const char *word, const char **value)
{
	const char *equals = strchr(word, '=');

	if (equals) {
		*value = equals + 1;
		return true;
	}
	if (p->at >= p->argc)
		return wrong(p, "%s needs a value", word);
	*value = p->argv[p->at++];
	return true;
}

/* "--mode" is "--mode" and "--mode=silent". */
static bool is_option(const char *word, const char *name)
{
	size_t n = strlen(name);

	return strncmp(word, name, n) == 0 && (word[n] == '\0' || word[n] == '=');
}

/* Takes an option that belongs to all commands. */
static bool take_global(struct parser *p, const char *word, bool *taken)
{
	const char *value = NULL;

	*taken = true;
	if (strcmp(word, "--json") == 0) {
		p->cli->json = true;
	} else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		p->help = true;
	} else if (strcmp(word, "--version") == 0) {
		p->version = true;
	} else if (is_option(word, "--control")) {
		if (!value_of(p, word, &value))
			return false;
		if (!*value)
			return wrong(p, "--control needs a path");
		p->cli->control = value;
	} else {
		*taken = false;
	}
	return true;
}

/* Whether `words` are, or start with, first (and second). */
static bool has_words(const char *words, const char *first, const char *second, bool whole)
{
	size_t n = strlen(first);

	if (strncmp(words, first, n) != 0)
		return false;
	if (!second)
		return words[n] == '\0' || (!whole && words[n] == ' ');
	return words[n] == ' ' && strcmp(words + n + 1, second) == 0;
}

static const struct cli_command *find(const char *first, const char *second)
{
	for (size_t i = 0; i < cli_commands_n; i++) {
		if (has_words(cli_commands[i].words, first, second, true))
			return &cli_commands[i];
	}
	return NULL;
}

/* "create, list, show": the second words of an object; empty when there is no such object. */
static void verbs(const char *object, char *buf, size_t n)
{
	size_t at = 0, len = strlen(object);

	buf[0] = '\0';
	for (size_t i = 0; i < cli_commands_n && at < n; i++) {
		const char *words = cli_commands[i].words;
		if (has_words(words, object, NULL, false) && words[len] == ' ')
			at += (size_t)snprintf(buf + at, n - at, "%s%s", at ? ", " : "",
			                       words + len + 1);
	}
}

/* The command that the words at hand name. With --help, an object alone is enough. */
static bool take_command(struct parser *p)
{
	const char *first = p->argv[p->at++];
	const char *second = p->at < p->argc && p->argv[p->at][0] != '-' ? p->argv[p->at] : NULL;
	char list[256], clean[64], clean2[64];

	p->cli->command = second ? find(first, second) : NULL;
	if (p->cli->command) {
		p->at++;
		return true;
	}
	p->cli->command = find(first, NULL);
	if (p->cli->command)
		return true;
	verbs(first, list, sizeof(list));
	(void)cli_clean(first, clean, sizeof(clean));
	if (!*list)
		return wrong(p, "%s: there is no such command", clean);
	if (second)
		return wrong(p, "%s %s: there is no such command; there are: %s", clean,
		             cli_clean(second, clean2, sizeof(clean2)), list);
	(void)snprintf(p->out->topic, sizeof(p->out->topic), "%s", clean);
	for (; p->at < p->argc; p->at++) {
		if (strcmp(p->argv[p->at], "--help") == 0 || strcmp(p->argv[p->at], "-h") == 0) {
			p->help = true;
			return true;
		}
	}
	return wrong(p, "%s: a word is missing: %s", clean, list);
}

/* One word or value as JSON; NULL with why. */
static json_t *convert(struct parser *p, const struct cli_arg *a, const char *text)
{
	uint64_t v = 0;
	json_t *j = NULL;
	json_error_t e;
	char clean[80];

	(void)cli_clean(text, clean, sizeof(clean));
	switch (a->kind) {
	case CLI_TEXT:
	case CLI_HEX:
	case CLI_LIST:
		j = json_string(text);
		if (!j)
			(void)wrong(p, "%s: \"%s\" is not UTF-8", a->word, clean);
		break;
	case CLI_PATH: /* of any bytes; it stays here */
		j = json_string_nocheck(text);
		break;
	case CLI_NUMBER:
		if (number_parse(text, 0, INT64_MAX, &v))
			j = json_integer((json_int_t)v);
		else
			(void)wrong(p, "%s: \"%s\" is not a number", a->word, clean);
		break;
	case CLI_SIZE:
		if ((size_parse(text, &v) || number_parse(text, 0, INT64_MAX, &v)) &&
		    v <= INT64_MAX)
			j = json_integer((json_int_t)v);
		else
			(void)wrong(p, "%s: \"%s\" is no size, such as 4096, 64K or 1G", a->word,
			            clean);
		break;
	case CLI_JSON:
		j = json_loads(text, JSON_REJECT_DUPLICATES, &e);
		if (!json_is_object(j)) {
			json_decref(j);
			j = NULL;
			(void)wrong(p, "%s: \"%s\" is no JSON object", a->word, clean);
		}
		break;
	case CLI_FLAG:
		j = json_true();
		break;
	}
	return j;
}

static json_t *place_of(struct parser *p, const struct cli_arg *a, const char **key)
{
	*key = a->param ? a->param : a->word;
	return a->param ? p->cli->params : p->cli->locals;
}

static bool put_list(struct parser *p, const struct cli_arg *a, json_t *list, const char *text)
{
	while (*text) {
		char item[128];
		size_t n = strcspn(text, ",");

		if (n >= sizeof(item))
			return wrong(p, "%s: a name is longer than %zu bytes", a->word,
			             sizeof(item) - 1);
		(void)snprintf(item, sizeof(item), "%.*s", (int)n, text);
		json_t *j = convert(p, a, item);
		if (!j || json_array_append_new(list, j) != 0)
			return false;
		text += n + (text[n] == ',');
	}
	return true;
}

/* A CDB may come in several words, which are joined; a digit that is alone is a byte, as for
 * sg_raw. */
static bool put_joined(struct parser *p, const struct cli_arg *a, json_t *to, const char *key,
                       const char *text)
{
	const char *old = json_string_value(json_object_get(to, key));
	char joined[256];

	if (strlen(old ? old : "") + strlen(text) + 1 >= sizeof(joined))
		return wrong(p, "%s: too long", a->word);
	(void)snprintf(joined, sizeof(joined), "%s%s%s", old ? old : "", text[1] ? "" : "0", text);
	json_t *j = convert(p, a, joined);
	return j && json_object_set_new(to, key, j) == 0;
}

static bool put_value(struct parser *p, const struct cli_arg *a, const char *text)
{
	const char *key;
	json_t *to = place_of(p, a, &key);
	json_t *old = json_object_get(to, key);

	if (a->kind == CLI_LIST) {
		if (!old && json_object_set_new(to, key, json_array()) != 0)
			return false;
		return put_list(p, a, json_object_get(to, key), text);
	}
	if (a->kind == CLI_HEX)
		return put_joined(p, a, to, key, text);
	if (old)
		return wrong(p, "%s is there twice", a->word);
	json_t *j = convert(p, a, text);
	return j && json_object_set_new(to, key, j) == 0;
}

static bool take_option(struct parser *p, const char *word)
{
	const struct cli_command *c = p->cli->command;
	char clean[64];
	bool taken = false;

	for (size_t i = 0; i < c->n_args; i++) {
		const struct cli_arg *a = &c->args[i];
		const char *value = "";

		if (cli_is_operand(a) || !is_option(word, a->word))
			continue;
		if (a->kind == CLI_FLAG && strchr(word, '='))
			return wrong(p, "%s takes no value", a->word);
		if (a->kind != CLI_FLAG && !value_of(p, word, &value))
			return false;
		return put_value(p, a, value);
	}
	if (!take_global(p, word, &taken))
		return false;
	return taken || wrong(p, "%s: %s has no such option", cli_clean(word, clean, sizeof(clean)),
	                      c->words);
}

static bool take_operand(struct parser *p, const char *word)
{
	const struct cli_command *c = p->cli->command;
	unsigned k = 0;
	char clean[64];

	for (size_t i = 0; i < c->n_args; i++) {
		const struct cli_arg *a = &c->args[i];

		if (!cli_is_operand(a) || k++ != p->operands)
			continue;
		if (a->kind != CLI_HEX)
			p->operands++;
		return put_value(p, a, word);
	}
	return wrong(p, "\"%s\" is a word too many for %s", cli_clean(word, clean, sizeof(clean)),
	             c->words);
}

static bool nothing_missing(struct parser *p)
{
	const struct cli_command *c = p->cli->command;

	for (size_t i = 0; i < c->n_args; i++) {
		const char *key;
		json_t *to = place_of(p, &c->args[i], &key);

		if (cli_is_operand(&c->args[i]) && !c->args[i].optional &&
		    !json_object_get(to, key))
			return wrong(p, "%s: %s is missing", c->words, c->args[i].word);
	}
	return true;
}

/* Options before the command, the command, its words. */
static bool take_all(struct parser *p)
{
	while (p->at < p->argc && !p->help) {
		const char *word = p->argv[p->at];
		bool option = word[0] == '-' && word[1] != '\0' && !p->only_operands, taken = false;
		char clean[64];

		if (!option && !p->cli->command) {
			if (strcmp(word, "help") == 0) {
				p->help = true;
				if (++p->at >= p->argc)
					return true;
			}
			if (!take_command(p))
				return p->help && *p->out->topic;
			continue;
		}
		p->at++;
		if (!option) {
			if (!take_operand(p, word))
				return false;
		} else if (strcmp(word, "--") == 0) {
			p->only_operands = true;
		} else if (p->cli->command) {
			if (!take_option(p, word))
				return false;
		} else if (!take_global(p, word, &taken) || !taken) {
			return taken ? false
			             : wrong(p, "%s: there is no such option",
			                     cli_clean(word, clean, sizeof(clean)));
		}
	}
	return true;
}

enum cli_parsed cli_parse(int argc, char *const *argv, struct cli *cli, struct cli_parse *out)
{
	struct parser p = {.argc = argc, .argv = argv, .at = 1, .cli = cli, .out = out};

	*out = (struct cli_parse){.topic = ""};
	if (!take_all(&p))
		return CLI_WRONG;
	if (p.help) {
		if (cli->command)
			(void)snprintf(out->topic, sizeof(out->topic), "%s", cli->command->words);
		return CLI_HELP;
	}
	if (p.version)
		return CLI_VERSION;
	if (!cli->command) {
		(void)wrong(&p, "a command is missing");
		return CLI_WRONG;
	}
	if (cli->command->job_type &&
	    json_object_set_new(cli->params, "type", json_string(cli->command->job_type)) != 0)
		return CLI_WRONG;
	return nothing_missing(&p) ? CLI_RUN : CLI_WRONG;
}

/* The word that gave a parameter ("members[2]" is of "members"). */
static const char *word_of(const struct cli_command *c, const char *param)
{
	size_t n = strcspn(param, "[.");

	for (size_t i = 0; i < c->n_args; i++) {
		const char *own = c->args[i].param;
		if (own && strlen(own) == n && strncmp(own, param, n) == 0)
			return c->args[i].word;
	}
	return param;
}

bool cli_check(const struct cli *cli, char *why, size_t n)
{
	const struct cli_command *c = cli->command;
	struct ctl_error e = {.code = 0};

	if (!c->method)
		return true;
	struct ctl_schema *s = ctl_schema_new(ctl_schema_text, ctl_schema_text_len, why, n);
	if (!s)
		return false;
	bool ok = ctl_schema_check(s, ctl_method_by(c->method), cli->params, &e);
	ctl_schema_free(s);
	if (ok)
		return true;
	const char *word = word_of(c, e.parameter);
	if (strcmp(e.kind, "missing_parameter") == 0) {
		/* What the command adds itself; or an option that the method needs. */
		if (word == e.parameter)
			return true;
		(void)snprintf(why, n, "%s: %s is missing", c->words, word);
		return false;
	}
	json_t *v = json_object_get(cli->params, e.parameter);
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	(void)snprintf(why, n, "%s %.80s: %s", word, text ? text : "", e.text);
	free(text);
	return false;
}
