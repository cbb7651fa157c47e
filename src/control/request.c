/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/request.h"

#include "control/longtext.h"
#include "control/params.h"

#include <stdlib.h>
#include <string.h>

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

static bool decode_request(const struct ctl_schema *s, const json_t *doc, struct span data,
                           struct ctl_decoded *out)
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
	if (!ctl_params_take(params, data, r, &out->error)) {
		ctl_request_free(r);
		return false;
	}
	out->request = r;
	return true;
}

static json_t *parse(const char *line, size_t n, struct span data, struct ctl_error *e)
{
	json_error_t error;
	char *shorter = data.n ? ctl_without(line, &n, data) : NULL;

	if (data.n && !shorter) {
		ctl_fail(e, CTL_INTERNAL, "internal", "out of memory");
		return NULL;
	}
	json_t *doc = json_loadb(shorter ? shorter : line, n,
	                         JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!doc)
		ctl_fail(e, CTL_PARSE_ERROR, "parse_error", "no JSON, at byte %d%s: %s",
		         error.position, shorter ? " (without the data)" : "", error.text);
	free(shorter);
	return doc;
}

void ctl_decode(const struct ctl_schema *s, const char *line, size_t n, struct ctl_decoded *out)
{
	*out = (struct ctl_decoded){0};
	if (n > CTL_LINE_MAX) {
		ctl_fail(&out->error, CTL_INVALID_REQUEST, "too_long",
		         "a line has at most %u bytes", CTL_LINE_MAX);
		return;
	}
	struct ctl_line_look look = ctl_look(line, n, CTL_DEPTH_MAX, CTL_VALUES_MAX);
	if (look.too_deep) {
		ctl_fail(&out->error, CTL_INVALID_REQUEST, "too_deep",
		         "nested deeper than %d levels", CTL_DEPTH_MAX);
		return;
	}
	if (look.too_many) {
		ctl_fail(&out->error, CTL_INVALID_REQUEST, "too_many", "more than %d values",
		         CTL_VALUES_MAX);
		return;
	}
	json_t *doc = parse(line, n, look.text, &out->error);
	if (!doc)
		return;
	(void)decode_request(s, doc, look.text, out);
	json_decref(doc);
}

void ctl_request_free(struct ctl_request *r)
{
	if (!r)
		return;
	block_unref(r->data);
	free(r);
}
