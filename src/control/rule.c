/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/rule.h"

#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T_STRING  0x01U
#define T_INTEGER 0x02U
#define T_BOOLEAN 0x04U
#define T_ARRAY   0x08U
#define REF_MAX   4 /* a $ref that leads to a $ref ... */

struct rule {
	unsigned types;
	json_int_t min, max;     /* integers */
	size_t min_len, max_len; /* strings, bytes */
	size_t min_n, max_n;     /* arrays */
	bool unique;
	bool has_pattern;
	regex_t pattern;
	const char *pattern_text;
	const json_t *options; /* enum, borrowed */
	struct rule *items;
};

static const struct {
	const char *name;
	unsigned bit;
} types[] = {
        {"string", T_STRING}, {"integer", T_INTEGER}, {"boolean", T_BOOLEAN}, {"array", T_ARRAY}};

static unsigned type_bit(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (name && strcmp(types[i].name, name) == 0)
			return types[i].bit;
	return 0;
}

static bool take_types(struct rule *r, const json_t *v)
{
	size_t i;
	const json_t *one;

	if (json_is_string(v)) {
		r->types = type_bit(json_string_value(v));
		return r->types != 0;
	}
	json_array_foreach(v, i, one)
	{
		unsigned bit = type_bit(json_string_value(one));
		if (!bit)
			return false;
		r->types |= bit;
	}
	return r->types != 0;
}

static bool take_size(size_t *out, const json_t *v)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*out = (size_t)json_integer_value(v);
	return true;
}

static bool take_integer(json_int_t *out, const json_t *v)
{
	*out = json_integer_value(v);
	return json_is_integer(v);
}

static bool take_pattern(struct rule *r, const json_t *v)
{
	r->pattern_text = json_string_value(v);
	r->has_pattern = r->pattern_text &&
	                 regcomp(&r->pattern, r->pattern_text, REG_EXTENDED | REG_NOSUB) == 0;
	return r->has_pattern;
}

static bool take_enum(struct rule *r, const json_t *v)
{
	size_t i;
	const json_t *one;

	json_array_foreach(v, i, one)
	{
		if (!json_is_string(one))
			return false;
	}
	r->options = v;
	return json_array_size(v) > 0;
}

/* One word of the schema; false when it is unknown or its value makes no sense. */
static bool take(struct rule *r, const json_t *doc, const char *word, const json_t *v, char *why,
                 size_t n)
{
	if (strcmp(word, "description") == 0 || strcmp(word, "default") == 0)
		return true;
	if (strcmp(word, "type") == 0)
		return take_types(r, v);
	if (strcmp(word, "enum") == 0)
		return take_enum(r, v);
	if (strcmp(word, "pattern") == 0)
		return take_pattern(r, v);
	if (strcmp(word, "minimum") == 0)
		return take_integer(&r->min, v);
	if (strcmp(word, "maximum") == 0)
		return take_integer(&r->max, v);
	if (strcmp(word, "minLength") == 0)
		return take_size(&r->min_len, v);
	if (strcmp(word, "maxLength") == 0)
		return take_size(&r->max_len, v);
	if (strcmp(word, "minItems") == 0)
		return take_size(&r->min_n, v);
	if (strcmp(word, "maxItems") == 0)
		return take_size(&r->max_n, v);
	if (strcmp(word, "uniqueItems") == 0) {
		r->unique = json_is_true(v);
		return json_is_boolean(v);
	}
	if (strcmp(word, "items") == 0) {
		r->items = rule_new(doc, v, why, n);
		return r->items != NULL;
	}
	return false;
}

/* Follows $ref, which stands alone. NULL when it leads nowhere. */
static const json_t *resolve(const json_t *doc, const json_t *schema)
{
	static const char prefix[] = "#/components/schemas/";
	const json_t *all = json_object_get(json_object_get(doc, "components"), "schemas");

	for (unsigned i = 0; i < REF_MAX; i++) {
		const char *ref = json_string_value(json_object_get(schema, "$ref"));

		if (!ref)
			return schema;
		if (strncmp(ref, prefix, sizeof(prefix) - 1))
			return NULL;
		schema = json_object_get(all, ref + sizeof(prefix) - 1);
	}
	return NULL;
}

struct rule *rule_new(const json_t *doc, const json_t *schema, char *why, size_t n)
{
	struct rule *r = calloc(1, sizeof(*r));
	const char *word;
	json_t *v;

	if (!r) {
		snprintf(why, n, "out of memory");
		return NULL;
	}
	r->min = INT64_MIN;
	r->max = INT64_MAX;
	r->max_len = r->max_n = SIZE_MAX;
	schema = resolve(doc, schema);
	if (!json_is_object(schema)) {
		snprintf(why, n, "a schema is missing, or a $ref leads nowhere");
		rule_free(r);
		return NULL;
	}
	json_object_foreach((json_t *)(uintptr_t)schema, word, v)
	{
		*why = '\0';
		if (!take(r, doc, word, v, why, n)) {
			if (!*why)
				snprintf(why, n,
				         "'%s' is no word of this subset, or its value is wrong",
				         word);
			rule_free(r);
			return NULL;
		}
	}
	if (!r->types || (r->types & T_ARRAY && !r->items)) {
		snprintf(why, n, "a schema has no type, or an array no items");
		rule_free(r);
		return NULL;
	}
	return r;
}

void rule_free(struct rule *r)
{
	if (!r)
		return;
	if (r->has_pattern)
		regfree(&r->pattern);
	rule_free(r->items);
	free(r);
}

/* ---- checking ---- */

static bool wrong_type(const struct rule *r, const char *name, struct ctl_error *e)
{
	char list[64] = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (r->types & types[i].bit)
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? " or " : "",
			                      types[i].name);
	return ctl_fail_param(e, "bad_type", name, "parameter '%.60s' has the wrong type, not %s",
	                      name, list);
}

static bool bad_option(const struct rule *r, const char *name, struct ctl_error *e)
{
	char list[200] = "";
	size_t n = 0, i;
	const json_t *one;

	json_array_foreach(r->options, i, one)
	{
		if (n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
			                      json_string_value(one));
	}
	return ctl_fail_param(e, "bad_value", name, "parameter '%.60s' is none of: %s", name, list);
}

static bool check_string(const struct rule *r, const json_t *v, const char *name,
                         struct ctl_error *e)
{
	const char *s = json_string_value(v);
	size_t len = json_string_length(v), i;
	const json_t *one;

	if (len > r->max_len)
		return ctl_fail_param(e, "too_long", name,
		                      "parameter '%.60s' is %zu characters long, at most %zu", name,
		                      len, r->max_len);
	if (len < r->min_len)
		return ctl_fail_param(e, "bad_value", name,
		                      "parameter '%.60s' is %zu characters long, at least %zu",
		                      name, len, r->min_len);
	if (r->has_pattern && regexec(&r->pattern, s, 0, NULL, 0) != 0)
		return ctl_fail_param(e, "bad_value", name, "parameter '%.60s' does not match %s",
		                      name, r->pattern_text);
	if (!r->options)
		return true;
	json_array_foreach(r->options, i, one)
	{
		if (strcmp(json_string_value(one), s) == 0)
			return true;
	}
	return bad_option(r, name, e);
}

static bool check_integer(const struct rule *r, const json_t *v, const char *name,
                          struct ctl_error *e)
{
	json_int_t n = json_integer_value(v);

	if (n < r->min)
		return ctl_fail_param(e, "bad_value", name,
		                      "parameter '%.60s' is %" JSON_INTEGER_FORMAT
		                      ", at least %" JSON_INTEGER_FORMAT,
		                      name, n, r->min);
	if (n > r->max)
		return ctl_fail_param(e, "bad_value", name,
		                      "parameter '%.60s' is %" JSON_INTEGER_FORMAT
		                      ", at most %" JSON_INTEGER_FORMAT,
		                      name, n, r->max);
	return true;
}

static bool check_array(const struct rule *r, const json_t *v, const char *name,
                        struct ctl_error *e)
{
	size_t n = json_array_size(v);

	if (n < r->min_n || n > r->max_n)
		return ctl_fail_param(e, "bad_value", name,
		                      "parameter '%.60s' has %zu items, not %zu to %zu", name, n,
		                      r->min_n, r->max_n);
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(v, i);

		if (!rule_check(r->items, one, name, e))
			return false;
		for (size_t k = 0; r->unique && k < i; k++)
			if (json_equal(one, json_array_get(v, k)))
				return ctl_fail_param(e, "bad_value", name,
				                      "parameter '%.60s' holds an item twice",
				                      name);
	}
	return true;
}

bool rule_check(const struct rule *r, const json_t *v, const char *name, struct ctl_error *e)
{
	if (json_is_string(v) && r->types & T_STRING)
		return check_string(r, v, name, e);
	if (json_is_integer(v) && r->types & T_INTEGER)
		return check_integer(r, v, name, e);
	if (json_is_boolean(v) && r->types & T_BOOLEAN)
		return true;
	if (json_is_array(v) && r->types & T_ARRAY)
		return check_array(r, v, name, e);
	return wrong_type(r, name, e);
}
