/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/cli_table.h"

#include "base/size.h"
#include "shell/cli_text.h"

#include <string.h>

#define COLUMNS_MOST 24
#define GAP          2 /* blanks between columns */

const json_t *cli_at(const json_t *o, const char *path)
{
	while (o && *path) {
		char key[64];
		size_t n = strcspn(path, ".");

		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		o = json_object_get(o, key);
		path += n + (path[n] == '.');
	}
	return o;
}

uint64_t cli_u64(const json_t *o, const char *path)
{
	json_int_t v = json_integer_value(cli_at(o, path));

	return v > 0 ? (uint64_t)v : 0;
}

const char *cli_str(const json_t *o, const char *path)
{
	const char *s = json_string_value(cli_at(o, path));

	return s ? s : "";
}

bool cli_true(const json_t *o, const char *path)
{
	return json_is_true(cli_at(o, path));
}

static void put(char *buf, size_t n, const char *text)
{
	(void)snprintf(buf, n, "%s", text);
}

static void list_text(const json_t *v, char *buf, size_t n)
{
	size_t i, at = 0;
	const json_t *one;

	put(buf, n, json_array_size(v) > 0 ? "" : "-");
	json_array_foreach(v, i, one)
	{
		char text[128];

		cli_as_text(json_is_array(one) ? NULL : one, text, sizeof(text));
		if (at < n)
			at += (size_t)snprintf(buf + at, n - at, "%s%s", i > 0 ? ", " : "", text);
	}
}

void cli_as_text(const json_t *v, char *buf, size_t n)
{
	if (json_is_string(v))
		(void)cli_clean(*json_string_value(v) ? json_string_value(v) : "-", buf, n);
	else if (json_is_integer(v))
		(void)snprintf(buf, n, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		(void)snprintf(buf, n, "%.1f", json_real_value(v));
	else if (json_is_boolean(v))
		put(buf, n, json_is_true(v) ? "yes" : "no");
	else if (json_is_array(v))
		list_text(v, buf, n);
	else
		put(buf, n, "-");
}

void cli_as_words(const json_t *v, char *buf, size_t n)
{
	cli_as_text(v, buf, n);
	for (char *p = buf; *p; p++) {
		if (*p == '_')
			*p = ' ';
	}
}

/* "-" unless v is a number of 0 or more. */
static bool quantity(const json_t *v, uint64_t *out, char *buf, size_t n)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0) {
		put(buf, n, "-");
		return false;
	}
	*out = (uint64_t)json_integer_value(v);
	return true;
}

void cli_as_size(const json_t *v, char *buf, size_t n)
{
	uint64_t q = 0;

	if (quantity(v, &q, buf, n))
		(void)size_text(q, buf, n);
}

void cli_as_rate(const json_t *v, char *buf, size_t n)
{
	uint64_t q = 0;

	if (quantity(v, &q, buf, n))
		(void)cli_rate_text(q, buf, n);
}

void cli_as_limit(const json_t *v, char *buf, size_t n)
{
	uint64_t q = 0;

	if (!quantity(v, &q, buf, n))
		return;
	if (q == 0)
		put(buf, n, "none");
	else
		(void)cli_rate_text(q, buf, n);
}

void cli_as_ns(const json_t *v, char *buf, size_t n)
{
	uint64_t q = 0;

	if (quantity(v, &q, buf, n))
		(void)cli_ns_text(q, buf, n);
}

void cli_as_ms(const json_t *v, char *buf, size_t n)
{
	uint64_t q = 0;

	if (!quantity(v, &q, buf, n))
		return;
	if (q >= 60000)
		(void)cli_clock_text(q / 1000, buf, n);
	else
		(void)cli_ns_text(q * NS_PER_MS, buf, n);
}

void cli_as_clock(const json_t *v, char *buf, size_t n)
{
	uint64_t q = 0;

	if (quantity(v, &q, buf, n))
		(void)cli_clock_text(q, buf, n);
}

void cli_as_hex_byte(const json_t *v, char *buf, size_t n)
{
	uint64_t q = 0;

	if (quantity(v, &q, buf, n))
		(void)snprintf(buf, n, "%02llXh", (unsigned long long)q);
}

static const char *cell(const struct cli_column *c, const json_t *row, char *buf, size_t n)
{
	const json_t *v = cli_at(row, c->path);

	if (c->show)
		c->show(v, buf, n);
	else
		cli_as_text(v, buf, n);
	return buf;
}

/* The last column of a line has no blanks behind it. */
static void put_cell(FILE *to, const char *text, size_t width, bool right, bool last)
{
	size_t own = cli_width(text), pad = width > own ? width - own : 0;

	if (right)
		(void)fprintf(to, "%*s%s", (int)pad, "", text);
	else
		(void)fprintf(to, "%s%*s", text, last ? 0 : (int)pad, "");
	(void)fputs(last ? "\n" : "  ", to);
	_Static_assert(GAP == 2, "the string above");
}

void cli_table(FILE *to, const struct cli_column *columns, size_t n, const json_t *rows)
{
	size_t width[COLUMNS_MOST] = {0}, r;
	char buf[CLI_CELL_MAX];
	const json_t *row;

	if (json_array_size(rows) == 0 || n > COLUMNS_MOST)
		return;
	for (size_t i = 0; i < n; i++)
		width[i] = cli_width(columns[i].title);
	json_array_foreach(rows, r, row)
	{
		for (size_t i = 0; i < n; i++) {
			size_t w = cli_width(cell(&columns[i], row, buf, sizeof(buf)));
			width[i] = w > width[i] ? w : width[i];
		}
	}
	for (size_t i = 0; i < n; i++)
		put_cell(to, columns[i].title, width[i], columns[i].right, i + 1 == n);
	json_array_foreach(rows, r, row)
	{
		for (size_t i = 0; i < n; i++)
			put_cell(to, cell(&columns[i], row, buf, sizeof(buf)), width[i],
			         columns[i].right, i + 1 == n);
	}
}

static bool is_there(const json_t *o, const struct cli_column *c)
{
	const json_t *v = cli_at(o, c->path);

	return v && !json_is_null(v);
}

void cli_fields(FILE *to, const struct cli_column *columns, size_t n, const json_t *o)
{
	size_t width = 0;
	char buf[CLI_CELL_MAX];

	for (size_t i = 0; i < n; i++) {
		size_t w = is_there(o, &columns[i]) ? cli_width(columns[i].title) : 0;
		width = w > width ? w : width;
	}
	for (size_t i = 0; i < n; i++) {
		if (is_there(o, &columns[i]))
			(void)fprintf(to, "%-*s  %s\n", (int)width, columns[i].title,
			              cell(&columns[i], o, buf, sizeof(buf)));
	}
}
