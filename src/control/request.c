/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/request.h"

#include "control/base64.h"
#include "control/params.h"

#include <stdlib.h>
#include <string.h>

/*
 * Nesting of a line, counted before a parser recurses into it. A string may be many MiB of base64:
 * its end is looked for with memchr.
 */
static bool too_deep(const char *p, size_t n)
{
	const char *end = p + n;
	unsigned depth = 0;

	for (; p < end; p++) {
		if (*p == '[' || *p == '{') {
			if (++depth > CTL_DEPTH_MAX)
				return true;
		} else if (*p == ']' || *p == '}') {
			depth -= depth > 0;
		} else if (*p == '"') {
			for (;;) {
				const char *q = memchr(p + 1, '"', (size_t)(end - p - 1));
				size_t slashes = 0;

				if (!q)
					return false;
				while (q[-1 - (ptrdiff_t)slashes] == '\\')
					slashes++;
				p = q;
				if (slashes % 2 == 0)
					break;
			}
		}
	}
	return false;
}

/* Takes the id as JSON text, which the answer repeats. */
static bool take_request_id(const json_t *id, char out[CTL_ID_MAX + 1])
{
	if (!json_is_string(id) && !json_is_number(id) && !json_is_null(id))
		return false;
	size_t n = json_dumpb(id, out, CTL_ID_MAX, JSON_ENCODE_ANY | JSON_COMPACT);
	if (!n || n > CTL_ID_MAX) {
		out[0] = '\0';
		return false;
	}
	out[n] = '\0';
	return true;
}

static bool bad_request(struct ctl_error *e, const char *text)
{
	return ctl_fail(e, CTL_INVALID_REQUEST, "bad_request", "%s", text);
}

/* The members of the request itself, other than the parameters. */
static bool check_frame(const json_t *doc, struct ctl_decoded *out)
{
	struct ctl_error *e = &out->error;
	const char *key, *version = json_string_value(json_object_get(doc, "jsonrpc"));
	const json_t *id = json_object_get(doc, "id"), *params = json_object_get(doc, "params");
	json_t *value;

	if (id && !take_request_id(id, out->id))
		return bad_request(e, "id is no string, number or null of at most 128 bytes");
	if (!version || strcmp(version, "2.0"))
		return bad_request(e, "jsonrpc is not \"2.0\"");
	if (!json_is_string(json_object_get(doc, "method")))
		return bad_request(e, "method is missing, or no string");
	if (params && !json_is_object(params))
		return ctl_fail(e, CTL_INVALID_PARAMS, "bad_type",
		                "params is no object: parameters go by name");
	json_object_foreach((json_t *)(uintptr_t)doc, key, value)
	{
		if (strcmp(key, "jsonrpc") && strcmp(key, "id") && strcmp(key, "method") &&
		    strcmp(key, "params"))
			return ctl_fail(e, CTL_INVALID_REQUEST, "bad_request",
			                "a request has no member '%.60s'", key);
	}
	out->silent = !id;
	return true;
}

static bool decode_request(const struct ctl_schema *s, const json_t *doc, struct ctl_decoded *out)
{
	if (json_is_array(doc))
		return ctl_fail(&out->error, CTL_INVALID_REQUEST, "batch",
		                "batches are not taken: send one request a line");
	if (!json_is_object(doc))
		return bad_request(&out->error, "a request is an object");
	if (!check_frame(doc, out))
		return false;
	const char *name = json_string_value(json_object_get(doc, "method"));
	const json_t *params = json_object_get(doc, "params");
	enum ctl_method method = ctl_method_by(name);

	if (method == CTL_METHODS)
		return ctl_fail(&out->error, CTL_NO_METHOD, "unknown_method",
		                "unknown method '%.60s'", name);
	if (!ctl_schema_check(s, method, params, &out->error))
		return false;
	struct ctl_request *r = calloc(1, sizeof(*r));
	if (!r)
		return ctl_fail(&out->error, CTL_INTERNAL, "internal", "out of memory");
	r->method = method;
	r->notification = out->silent;
	r->mode = INI_MODE_DEFAULT;
	memcpy(r->id, out->id, sizeof(r->id));
	if (!ctl_params_take(params, r, &out->error)) {
		ctl_request_free(r);
		return false;
	}
	out->request = r;
	return true;
}

void ctl_decode(const struct ctl_schema *s, const char *line, size_t n, struct ctl_decoded *out)
{
	json_error_t error;

	*out = (struct ctl_decoded){0};
	if (n > CTL_LINE_MAX) {
		ctl_fail(&out->error, CTL_INVALID_REQUEST, "too_long",
		         "a line has at most %u bytes", CTL_LINE_MAX);
		return;
	}
	if (too_deep(line, n)) {
		ctl_fail(&out->error, CTL_INVALID_REQUEST, "too_deep",
		         "nested deeper than %d levels", CTL_DEPTH_MAX);
		return;
	}
	json_t *doc = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!doc) {
		ctl_fail(&out->error, CTL_PARSE_ERROR, "parse_error", "no JSON, at byte %d: %s",
		         error.position, error.text);
		return;
	}
	(void)decode_request(s, doc, out);
	json_decref(doc);
}

void ctl_request_free(struct ctl_request *r)
{
	if (!r)
		return;
	block_unref(r->data);
	free(r);
}
