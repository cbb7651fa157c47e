/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/cli_data.h"
#include "shell/cli_device.h"
#include "shell/cli_table.h"
#include "shell/cli_text.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 512

/* ---- pages ---- */

static void put_head(FILE *to, const json_t *page, bool first)
{
	const json_t *code = json_object_get(page, "page");
	const char *name = cli_str(page, "name");

	if (!first)
		(void)fprintf(to, "\n");
	if (json_is_integer(code))
		(void)fprintf(to, "%02llXh  ", (unsigned long long)json_integer_value(code));
	(void)fprintf(to, "%s%s\n", *name ? name : "a page that is not decoded",
	              cli_true(page, "savable") ? "  (savable)" : "");
}

static void value_text(const json_t *v, char *buf, size_t n)
{
	if (json_is_string(v) && json_string_length(v) == 0)
		(void)snprintf(buf, n, "-");
	else
		cli_as_text(v, buf, n);
}

/* "name  value (text)", names as wide as the widest. */
static void put_values(FILE *to, const json_t *list)
{
	size_t i, wide = 0;
	const json_t *one;

	json_array_foreach(list, i, one)
	{
		size_t n = strlen(cli_str(one, "name"));
		wide = n > wide ? n : wide;
	}
	json_array_foreach(list, i, one)
	{
		char value[LINE_MAX_BYTES];
		const char *text = cli_str(one, "text");
		const json_t *v = json_object_get(one, "value");
		bool both = v && *text;
		value_text(v ? v : json_object_get(one, "data"), value, sizeof(value));
		(void)fprintf(to, "  %-*s  %s%s%s%s\n", (int)wide, cli_str(one, "name"),
		              v || !*text ? value : "", both ? " (" : "", text, both ? ")" : "");
	}
}

static void put_list(FILE *to, const json_t *pages)
{
	size_t i;
	const json_t *one;

	json_array_foreach(pages, i, one)(void)
	        fprintf(to, "  %02llXh  %s\n", (unsigned long long)cli_u64(one, "page"),
	                cli_str(one, "name"));
}

static void put_designators(FILE *to, const json_t *list)
{
	size_t i;
	const json_t *one;

	json_array_foreach(list, i, one)(void)
	        fprintf(to, "  %s: %s (%s, %s)\n", cli_str(one, "association"),
	                cli_str(one, "designator"), cli_str(one, "type"), cli_str(one, "code_set"));
}

static void put_bytes(FILE *to, const json_t *page)
{
	const char *hex = cli_str(page, "data");
	size_t n = strlen(hex) / 2;
	uint8_t *p = malloc(n + 1);
	unsigned v;

	for (size_t i = 0; p && i < n && sscanf(hex + 2 * i, "%2x", &v) == 1; i++)
		p[i] = (uint8_t)v;
	if (p)
		cli_hex_dump(to, p, n);
	free(p);
}

static void put_page(FILE *to, const json_t *page)
{
	const json_t *fields = json_object_get(page, "fields");

	if (json_array_size(fields) > 0)
		put_values(to, fields);
	else if (json_object_get(page, "parameters"))
		put_values(to, json_object_get(page, "parameters"));
	else if (json_object_get(page, "pages"))
		put_list(to, json_object_get(page, "pages"));
	else if (json_object_get(page, "designators"))
		put_designators(to, json_object_get(page, "designators"));
	else if (json_object_get(page, "serial"))
		(void)fprintf(to, "  %s\n", cli_str(page, "serial"));
	else
		put_bytes(to, page);
}

void cli_show_pages(FILE *to, const json_t *doc)
{
	size_t i;
	const json_t *page;

	json_array_foreach(json_object_get(doc, "pages"), i, page)
	{
		put_head(to, page, i == 0);
		put_page(to, page);
	}
}

/* ---- mode pages ---- */

void cli_merge_fields(json_t *rows, const json_t *fields, const char *key)
{
	size_t i;
	const json_t *one;

	json_array_foreach(fields, i, one)
	{
		const char *name = cli_str(one, "name");
		json_t *row = json_object_get(rows, name);

		if (!row) {
			row = json_object();
			(void)json_object_set_new(rows, name, row);
		}
		(void)json_object_set(row, key, json_object_get(one, "value"));
	}
}

/* Some of its bits can be changed. */
static bool changeable(const json_t *mask)
{
	const char *text = json_is_string(mask) ? json_string_value(mask) : "";

	return json_is_integer(mask) ? json_integer_value(mask) != 0
	                             : text[strspn(text, "0-")] != '\0';
}

static void put_modes(FILE *to, const json_t *fields)
{
	static const struct cli_column columns[] = {
	        {"FIELD", "name", NULL, false},     {"CURRENT", "current", NULL, true},
	        {"DEFAULT", "default", NULL, true}, {"SAVED", "saved", NULL, true},
	        {"CHANGEABLE", "can", NULL, true},
	};
	json_t *rows = json_array(), *field;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)fields, name, field)
	{
		json_t *row = json_copy(field);
		(void)json_object_set_new(row, "name", json_string(name));
		(void)json_object_set_new(
		        row, "can", json_boolean(changeable(json_object_get(field, "changeable"))));
		(void)json_array_append_new(rows, row);
	}
	cli_table(to, columns, ARRAY_LEN(columns), rows);
	json_decref(rows);
}

void cli_show_modes(FILE *to, const json_t *doc)
{
	size_t i;
	const json_t *page;

	(void)fprintf(to, "write protected: %s, DPO and FUA: %s\n\n",
	              cli_true(doc, "write_protected") ? "yes" : "no",
	              cli_true(doc, "dpofua") ? "yes" : "no");
	json_array_foreach(json_object_get(doc, "pages"), i, page)
	{
		const json_t *fields = json_object_get(page, "fields");
		put_head(to, page, i == 0);
		if (json_object_size(fields) > 0)
			put_modes(to, fields);
	}
}

/* ---- sense, commands ---- */

void cli_show_sense(FILE *to, const json_t *doc)
{
	const json_t *s = json_object_get(doc, "sense");

	if (json_is_null(json_object_get(s, "key")))
		(void)fprintf(to, "no sense data\n");
	else
		(void)fprintf(to, "%s (%lluh): %s\n%s format, %s\n", cli_str(s, "key_text"),
		              (unsigned long long)cli_u64(s, "key"), cli_str(s, "text"),
		              cli_true(s, "descriptor_format") ? "descriptor" : "fixed",
		              cli_true(s, "deferred") ? "deferred" : "current");
	put_bytes(to, s);
}

static void as_opcode(const json_t *o, char *buf, size_t n)
{
	const json_t *action = json_object_get(o, "service_action");

	if (json_is_integer(action))
		(void)snprintf(buf, n, "%02llXh/%02llXh", (unsigned long long)cli_u64(o, "opcode"),
		               (unsigned long long)json_integer_value(action));
	else
		(void)snprintf(buf, n, "%02llXh", (unsigned long long)cli_u64(o, "opcode"));
}

void cli_show_opcodes(FILE *to, const json_t *doc)
{
	static const struct cli_column columns[] = {
	        {"OPCODE", "", as_opcode, false},
	        {"COMMAND", "name", NULL, false},
	        {"CDB BYTES", "cdb_bytes", NULL, true},
	        {"TIMEOUT s", "recommended_s", NULL, true},
	};

	cli_table(to, columns, ARRAY_LEN(columns), json_object_get(doc, "commands"));
}
