/* SPDX-License-Identifier: BSD-2-Clause */
/* One value's rule: the subset of JSON Schema that schema.h names, compiled. */
#ifndef CONTROL_RULE_H
#define CONTROL_RULE_H

#include "control/error.h"

#include <jansson.h>

struct rule;

/* NULL with why. Strings are borrowed from doc, where $ref is looked up. */
struct rule *rule_new(const json_t *doc, const json_t *schema, char *why, size_t n);
void rule_free(struct rule *r);
/* False: e names the parameter (`name`) and what is wrong with its value. */
bool rule_check(const struct rule *r, const json_t *v, const char *name, struct ctl_error *e);

#endif
