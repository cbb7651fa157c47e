/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/schema.h"

#include "base/assert.h"
#include "control/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS_MAX 16

struct param {
	const char *name; /* borrowed from the document */
	bool required;
	struct rule *rule;
};

struct method {
	enum ctl_level level;
	bool changes, there;
	unsigned n;
	struct param params[PARAMS_MAX];
};

struct ctl_schema {
	json_t *doc;
	char *compact;
	size_t compact_len;
	struct method methods[CTL_METHODS];
};

static const char *const names[] = {
#define CTL_METHOD(sym, name) name,
#include "control/methods.def"
#undef CTL_METHOD
};

const char *ctl_method_name(enum ctl_method m)
{
	sm_assert(m < CTL_METHODS);
	return names[m];
}

enum ctl_method ctl_method_by(const char *name)
{
	unsigned m = 0;

	while (m < CTL_METHODS && strcmp(names[m], name))
		m++;
	return (enum ctl_method)m;
}

enum ctl_level ctl_method_level(const struct ctl_schema *s, enum ctl_method m)
{
	sm_assert(m < CTL_METHODS);
	return s->methods[m].level;
}

bool ctl_method_changes(const struct ctl_schema *s, enum ctl_method m)
{
	sm_assert(m < CTL_METHODS);
	return s->methods[m].changes;
}

const char *ctl_schema_compact(const struct ctl_schema *s, size_t *n)
{
	*n = s->compact_len;
	return s->compact;
}

/* ---- compiling ---- */

static bool compile_params(struct method *m, const json_t *doc, const json_t *params, char *why,
                           size_t why_n)
{
	size_t i;
	const json_t *p;

	if (!json_is_array(params) || json_array_size(params) > PARAMS_MAX) {
		snprintf(why, why_n, "params is no list of at most %d", PARAMS_MAX);
		return false;
	}
	json_array_foreach(params, i, p)
	{
		struct param *to = &m->params[m->n];

		to->name = json_string_value(json_object_get(p, "name"));
		to->required = json_is_true(json_object_get(p, "required"));
		if (!to->name) {
			snprintf(why, why_n, "a parameter has no name");
			return false;
		}
		to->rule = rule_new(doc, json_object_get(p, "schema"), why, why_n);
		if (!to->rule)
			return false;
		m->n++;
	}
	return true;
}

static bool compile_method(struct ctl_schema *s, const json_t *j, char *why, size_t why_n)
{
	const char *name = json_string_value(json_object_get(j, "name"));
	const char *level = json_string_value(json_object_get(j, "x-permission"));
	enum ctl_method id = name ? ctl_method_by(name) : CTL_METHODS;
	char inner[200];

	if (id == CTL_METHODS || s->methods[id].there || !level) {
		snprintf(why, why_n,
		         "method %s: unknown, there twice, or without "
		         "x-permission",
		         name ? name : "without a name");
		return false;
	}
	struct method *m = &s->methods[id];
	m->there = true;
	m->changes = json_is_true(json_object_get(j, "x-changes"));
	m->level = strcmp(level, "read") == 0  ? CTL_READ
	           : strcmp(level, "job") == 0 ? CTL_JOB
	                                       : CTL_ADMIN;
	if (!compile_params(m, s->doc, json_object_get(j, "params"), inner, sizeof(inner))) {
		snprintf(why, why_n, "method %s: %s", name, inner);
		return false;
	}
	return true;
}

static bool compile(struct ctl_schema *s, char *why, size_t why_n)
{
	const json_t *methods = json_object_get(s->doc, "methods");
	const json_t *m;
	size_t i;

	json_array_foreach(methods, i, m)
	{
		if (!compile_method(s, m, why, why_n))
			return false;
	}
	for (i = 0; i < CTL_METHODS; i++) {
		if (!s->methods[i].there) {
			snprintf(why, why_n, "method %s is not there", names[i]);
			return false;
		}
	}
	s->compact = json_dumps(s->doc, JSON_COMPACT);
	if (!s->compact) {
		snprintf(why, why_n, "out of memory");
		return false;
	}
	s->compact_len = strlen(s->compact);
	return true;
}

struct ctl_schema *ctl_schema_new(const char *text, size_t n, char *why, size_t why_n)
{
	struct ctl_schema *s = calloc(1, sizeof(*s));
	json_error_t error;

	if (!s) {
		snprintf(why, why_n, "out of memory");
		return NULL;
	}
	s->doc = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
	if (!s->doc) {
		snprintf(why, why_n, "line %d: %s", error.line, error.text);
		free(s);
		return NULL;
	}
	if (!compile(s, why, why_n)) {
		ctl_schema_free(s);
		return NULL;
	}
	return s;
}

void ctl_schema_free(struct ctl_schema *s)
{
	if (!s)
		return;
	for (unsigned m = 0; m < CTL_METHODS; m++)
		for (unsigned i = 0; i < s->methods[m].n; i++)
			rule_free(s->methods[m].params[i].rule);
	free(s->compact);
	json_decref(s->doc);
	free(s);
}

/* ---- checking ---- */

static const struct param *find(const struct method *m, const char *name)
{
	for (unsigned i = 0; i < m->n; i++)
		if (strcmp(m->params[i].name, name) == 0)
			return &m->params[i];
	return NULL;
}

bool ctl_schema_check(const struct ctl_schema *s, enum ctl_method id, const json_t *params,
                      struct ctl_error *e)
{
	sm_assert(id < CTL_METHODS);
	const struct method *m = &s->methods[id];
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)params, name, value)
	{
		const struct param *p = find(m, name);

		if (!p)
			return ctl_fail_param(e, "unknown_parameter", name,
			                      "%s: unknown parameter '%.60s'", names[id], name);
		if (!rule_check(p->rule, value, name, e))
			return false;
	}
	for (unsigned i = 0; i < m->n; i++) {
		const struct param *p = &m->params[i];

		if (p->required && !json_object_get(params, p->name))
			return ctl_fail_param(e, "missing_parameter", p->name,
			                      "%s: parameter '%s' is missing", names[id], p->name);
	}
	return true;
}
