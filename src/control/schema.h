/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The schema of the control socket (OpenRPC), compiled into tables that requests are checked
 * against. Of JSON Schema it knows, for parameters: type, enum, pattern, minimum, maximum,
 * minLength, maxLength (bytes), items, minItems, maxItems, uniqueItems, $ref; description and
 * default are for people. Any other word in a parameter is refused at the start, not ignored.
 * After ctl_schema_new() it is only read: threads may share it.
 */
#ifndef CONTROL_SCHEMA_H
#define CONTROL_SCHEMA_H

#include "control/error.h"

#include <jansson.h>

enum ctl_method {
#define CTL_METHOD(sym, name) CTL_##sym,
#include "control/methods.def"
#undef CTL_METHOD
	CTL_METHODS
};

enum ctl_level { CTL_READ, CTL_JOB, CTL_ADMIN };

/* The text of conf/control-schema.json. */
extern const char ctl_schema_text[];
extern const size_t ctl_schema_text_len;

struct ctl_schema;

/* NULL with why when the text is no schema that fits methods.def. */
struct ctl_schema *ctl_schema_new(const char *text, size_t n, char *why, size_t why_n);
void ctl_schema_free(struct ctl_schema *s);

const char *ctl_method_name(enum ctl_method m);
/* CTL_METHODS when there is none of this name. */
enum ctl_method ctl_method_by(const char *name);
enum ctl_level ctl_method_level(const struct ctl_schema *s, enum ctl_method m);
bool ctl_method_changes(const struct ctl_schema *s, enum ctl_method m);

/* The document, compact: the result of rpc.discover. */
const char *ctl_schema_compact(const struct ctl_schema *s, size_t *n);

/* Checks the parameters of a request; params may be NULL. */
bool ctl_schema_check(const struct ctl_schema *s, enum ctl_method m, const json_t *params,
                      struct ctl_error *e);

#endif
