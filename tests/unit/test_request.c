/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests: for every method of the schema, good parameters are taken, and each one that is
 * missing, of a wrong type or unknown is refused by name. Then the lines that are no requests.
 */
#include "unit/tap_main.h"

#include "control/request.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct ctl_schema *schema;
static json_t *doc;

static void setup(void)
{
	char why[200];
	json_error_t error;

	schema = ctl_schema_new(ctl_schema_text, ctl_schema_text_len, why, sizeof(why));
	ck_assert_msg(schema != NULL, "%s", why);
	doc = json_loadb(ctl_schema_text, ctl_schema_text_len, 0, &error);
	ck_assert_ptr_nonnull(doc);
}

static void teardown(void)
{
	ctl_schema_free(schema);
	json_decref(doc);
}

static struct ctl_decoded decode(const char *line)
{
	struct ctl_decoded d;

	ctl_decode(schema, line, strlen(line), &d);
	return d;
}

/* A good value of each parameter. One that is missing here fails the test. */
static const struct {
	const char *name, *value;
} samples[] = {
        {"target", "\"disk0\""},
        {"group", "\"g0\""},
        {"name", "\"g1\""},
        {"uuid", "\"00112233-4455-6677-8899-aabbccddeeff\""},
        {"members", "[\"disk0\",3]"},
        {"mode", "\"conventional\""},
        {"assume_clean", "true"},
        {"force", "true"},
        {"transfer_bytes", "65536"},
        {"window", "4"},
        {"max_passes", "3"},
        {"speed_bytes_per_s", "1000000"},
        {"offset_bytes", "4096"},
        {"length_bytes", "512"},
        {"data", "\"AAECAw==\""},
        {"data_out", "\"AAECAw==\""},
        {"data_in_length", "36"},
        {"timeout_ms", "100"},
        {"attribute", "\"head_of_queue\""},
        {"lun", "0"},
        {"cdb", "\"120000002400\""},
        {"id", "17"},
        {"type", "\"resync\""},
        {"image", "\"image.raw\""},
        {"spec", "\"busy:times=1\""},
        {"clear", "true"},
        {"list", "false"},
        {"live", "true"},
        {"objects", "[\"job\",\"bus\"]"},
        {"overwrite", "true"},
        {"pattern", "\"sequential\""},
        {"block_bytes", "8192"},
        {"in_flight", "16"},
        {"seconds", "7"},
        {"writes", "1000"},
        {"seed", "9007199254740991"},
};

static json_t *sample(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		if (strcmp(samples[i].name, name) == 0)
			return json_loads(samples[i].value, JSON_DECODE_ANY, NULL);
	ck_abort_msg("no sample of parameter %s", name);
	return NULL;
}

/* Decodes a request of the method; params is borrowed. */
static struct ctl_decoded request(const char *method, json_t *params)
{
	json_t *r = json_pack("{s:s,s:i,s:s,s:O}", "jsonrpc", "2.0", "id", 5, "method", method,
	                      "params", params);
	char *line = json_dumps(r, JSON_COMPACT);
	struct ctl_decoded d = decode(line);

	free(line);
	json_decref(r);
	return d;
}

static void refused(const char *method, json_t *params, const char *kind, const char *parameter)
{
	struct ctl_decoded d = request(method, params);

	ck_assert_msg(d.request == NULL, "%s: %s of %s was taken", method, kind, parameter);
	ck_assert_int_eq(d.error.code, CTL_INVALID_PARAMS);
	ck_assert_msg(strcmp(d.error.kind, kind) == 0, "%s %s: %s: %s", method, parameter,
	              d.error.kind, d.error.text);
	ck_assert_str_eq(d.error.parameter, parameter);
	ck_assert_ptr_nonnull(strstr(d.error.text, parameter));
	ck_assert_str_eq(d.id, "5");
	ck_assert(!d.silent);
}

static void check_param(const char *method, json_t *good, json_t *p)
{
	const char *name = json_string_value(json_object_get(p, "name"));
	json_t *bad = json_copy(good);

	json_object_set_new(bad, name, json_null());
	refused(method, bad, "bad_type", name);
	json_object_set_new(bad, name, json_object());
	refused(method, bad, "bad_type", name);
	json_object_set_new(bad, name, json_real(1.5));
	refused(method, bad, "bad_type", name);
	json_object_del(bad, name);
	if (json_is_true(json_object_get(p, "required"))) {
		refused(method, bad, "missing_parameter", name);
	} else {
		struct ctl_decoded d = request(method, bad);
		ck_assert_msg(d.request != NULL, "%s without %s: %s", method, name, d.error.text);
		ctl_request_free(d.request);
	}
	json_decref(bad);
}

START_TEST(every_method)
{
	json_t *methods = json_object_get(doc, "methods");
	size_t i, k;
	json_t *m, *p;

	ck_assert_uint_eq(json_array_size(methods), CTL_METHODS);
	json_array_foreach(methods, i, m)
	{
		const char *name = json_string_value(json_object_get(m, "name"));
		json_t *good = json_object();

		json_array_foreach(json_object_get(m, "params"), k, p)
		{
			const char *param = json_string_value(json_object_get(p, "name"));
			json_object_set_new(good, param, sample(param));
		}
		struct ctl_decoded d = request(name, good);
		ck_assert_msg(d.request != NULL, "%s: %s", name, d.error.text);
		ck_assert_int_eq(d.request->method, ctl_method_by(name));
		ck_assert_str_eq(d.request->id, "5");
		ctl_request_free(d.request);

		json_array_foreach(json_object_get(m, "params"), k, p)
		{
			check_param(name, good, p);
		}
		json_object_set_new(good, "colour", json_integer(1));
		refused(name, good, "unknown_parameter", "colour");
		json_decref(good);
	}
}
END_TEST

START_TEST(values_arrive)
{
	struct ctl_decoded d = decode(
	        "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"scsi.execute\",\"params\":{"
	        "\"target\":11,\"lun\":1,\"cdb\":\"2A00000000010000010A\",\"data_out\":"
	        "\"AAECAw==\",\"data_in_length\":9,\"timeout_ms\":77,\"attribute\":\"aca\"}}");
	struct ctl_request *r = d.request;

	ck_assert_msg(r != NULL, "%s", d.error.text);
	ck_assert_str_eq(r->id, "\"x\"");
	ck_assert_str_eq(r->target, "11");
	ck_assert_uint_eq(r->lun, 1);
	ck_assert_uint_eq(r->cdb_len, 10);
	ck_assert_uint_eq(r->cdb[0], 0x2a);
	ck_assert_uint_eq(r->cdb[9], 0x0a);
	ck_assert_uint_eq(r->data_len, 4);
	ck_assert_int_eq(memcmp(r->data->data, "\0\1\2\3", 4), 0);
	ck_assert_uint_eq(r->length, 9);
	ck_assert_uint_eq(r->timeout_ms, 77);
	ck_assert_int_eq(r->attribute, HBA_ACA);
	ck_assert(CTL_HAS(r, DATA_OUT) && CTL_HAS(r, TIMEOUT) && !CTL_HAS(r, GROUP));
	ctl_request_free(r);

	d = decode(
	        "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"group.create\",\"params\":{"
	        "\"name\":\"g\",\"members\":[\"a\",4],\"mode\":\"conventional\",\"assume_clean\":"
	        "true}}");
	r = d.request;
	ck_assert_msg(r != NULL, "%s", d.error.text);
	ck_assert_str_eq(r->id, "null");
	ck_assert(!r->notification);
	ck_assert_uint_eq(r->n_members, 2);
	ck_assert_str_eq(r->members[0], "a");
	ck_assert_str_eq(r->members[1], "4");
	ck_assert_int_eq(r->mode, INI_CONVENTIONAL);
	ck_assert(r->assume_clean);
	ctl_request_free(r);

	d = decode("{\"jsonrpc\":\"2.0\",\"method\":\"group.import\",\"params\":{\"name\":\"g\","
	           "\"uuid\":\"00112233-4455-6677-8899-AABBCCDDEEFF\"}}");
	r = d.request;
	ck_assert_msg(r != NULL, "%s", d.error.text);
	ck_assert(r->notification);
	ck_assert(!r->force);
	ck_assert_uint_eq(r->uuid[1], 0x11);
	ck_assert_uint_eq(r->uuid[15], 0xff);
	ctl_request_free(r);
}
END_TEST

#define REQ(method, params)                                                                        \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":" params "}"

static const struct {
	const char *line;
	int code;
	const char *kind, *word;
} wrong[] = {
        {"hello", CTL_PARSE_ERROR, "parse_error", "JSON"},
        {"{\"jsonrpc\":\"2.0\"", CTL_PARSE_ERROR, "parse_error", ""},
        {"{\"a\":1,\"a\":2}", CTL_PARSE_ERROR, "parse_error", "duplicate"},
        {"{} {}", CTL_PARSE_ERROR, "parse_error", "end of file"},
        {"\"\xff\"", CTL_PARSE_ERROR, "parse_error", ""},
        {"42", CTL_INVALID_REQUEST, "bad_request", "object"},
        {"null", CTL_INVALID_REQUEST, "bad_request", "object"},
        {"[]", CTL_INVALID_REQUEST, "batch", "one request a line"},
        {"{}", CTL_INVALID_REQUEST, "bad_request", "2.0"},
        {"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"job.list\"}", CTL_INVALID_REQUEST, "bad_request",
         "jsonrpc"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1}", CTL_INVALID_REQUEST, "bad_request", "method"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", CTL_INVALID_REQUEST, "bad_request",
         "method"},
        {"{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"job.list\"}", CTL_INVALID_REQUEST,
         "bad_request", "id"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"job.list\",\"parms\":{}}", CTL_INVALID_REQUEST,
         "bad_request", "parms"},
        {REQ("job.list", "[]"), CTL_INVALID_PARAMS, "bad_type", "by name"},
        {REQ("job.liste", "{}"), CTL_NO_METHOD, "unknown_method", "job.liste"},
        {REQ("group.show", "{\"group\":\"../x\"}"), CTL_INVALID_PARAMS, "bad_value", "group"},
        {REQ("group.show", "{\"group\":\"\"}"), CTL_INVALID_PARAMS, "bad_value", "group"},
        {REQ("group.show", "{\"group\":\"g\\u0000\"}"), CTL_PARSE_ERROR, "parse_error", ""},
        {REQ("scsi.execute", "{\"target\":0,\"cdb\":\"00\"}"), CTL_INVALID_PARAMS, "bad_value",
         "2 characters long"},
        {REQ("job.show", "{\"id\":0}"), CTL_INVALID_PARAMS, "bad_value", "at least 1"},
        {REQ("job.show", "{\"id\":4294967296}"), CTL_INVALID_PARAMS, "bad_value", "at most"},
        {REQ("job.show", "{\"id\":99999999999999999999}"), CTL_PARSE_ERROR, "parse_error",
         "integer"},
        {REQ("target.show", "{\"target\":16}"), CTL_INVALID_PARAMS, "bad_value", "target"},
        {REQ("target.show", "{\"target\":-1}"), CTL_INVALID_PARAMS, "bad_value", "target"},
        {REQ("job.create", "{\"type\":\"paint\",\"group\":\"g\"}"), CTL_INVALID_PARAMS, "bad_value",
         "mirror, verify, resync, read, load"},
        {REQ("job.create", "{\"type\":\"load\",\"group\":\"g\",\"in_flight\":257}"),
         CTL_INVALID_PARAMS, "bad_value", "in_flight"},
        {REQ("job.create", "{\"type\":\"load\",\"group\":\"g\",\"pattern\":\"zigzag\"}"),
         CTL_INVALID_PARAMS, "bad_value", "random, sequential"},
        {REQ("job.create", "{\"type\":\"load\",\"group\":\"g\",\"seconds\":0}"), CTL_INVALID_PARAMS,
         "bad_value", "seconds"},
        {REQ("job.create", "{\"type\":\"load\",\"group\":\"g\",\"block_bytes\":100}"),
         CTL_INVALID_PARAMS, "bad_value", "block_bytes"},
        {REQ("scsi.execute", "{\"target\":1,\"cdb\":\"000000000000\",\"attribute\":\"ACA\"}"),
         CTL_INVALID_PARAMS, "bad_value", "attribute"},
        {REQ("scsi.execute", "{\"target\":1,\"cdb\":\"zz0000000000\"}"), CTL_INVALID_PARAMS,
         "bad_value", "cdb"},
        {REQ("scsi.execute", "{\"target\":1,\"cdb\":\"0000000000000\"}"), CTL_INVALID_PARAMS,
         "bad_value", "cdb"},
        {REQ("scsi.execute", "{\"target\":1,\"cdb\":\"000000000000\",\"data_out\":\"A\"}"),
         CTL_INVALID_PARAMS, "bad_value", "data_out"},
        {REQ("scsi.execute", "{\"target\":1,\"cdb\":\"000000000000\",\"data_out\":\"A!==\"}"),
         CTL_INVALID_PARAMS, "bad_value", "character 1"},
        {REQ("events.subscribe", "{\"objects\":[\"job\",\"job\"]}"), CTL_INVALID_PARAMS,
         "bad_value", "twice"},
        {REQ("group.create", "{\"name\":\"g\",\"members\":[1,true]}"), CTL_INVALID_PARAMS,
         "bad_type", "members"},
};

START_TEST(what_is_wrong_is_told)
{
	struct ctl_decoded d = decode(wrong[_i].line);

	ck_assert_msg(d.request == NULL, "taken: %s", wrong[_i].line);
	ck_assert_msg(d.error.code == wrong[_i].code && !strcmp(d.error.kind, wrong[_i].kind),
	              "%s: %d %s %s", wrong[_i].line, d.error.code, d.error.kind, d.error.text);
	ck_assert_msg(strstr(d.error.text, wrong[_i].word) != NULL, "%s: %s", wrong[_i].line,
	              d.error.text);
	ck_assert(!d.silent);
}
END_TEST

START_TEST(notifications_are_silent)
{
	ck_assert(decode("{\"jsonrpc\":\"2.0\",\"method\":\"nope\"}").silent);
	ck_assert(decode("{\"jsonrpc\":\"2.0\",\"method\":\"job.show\",\"params\":{}}").silent);
	/* but what is no request at all is not */
	ck_assert(!decode("{\"jsonrpc\":\"2.0\",\"method\":1}").silent);
}
END_TEST

static struct ctl_decoded nested(unsigned depth, const char *open, const char *close)
{
	size_t n = 0;
	char *line = malloc(200 + 8UL * depth);

	n += (size_t)sprintf(line,
	                     "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"job.list\",\"params\":");
	for (unsigned i = 1; i < depth; i++)
		n += (size_t)sprintf(line + n, "%s", open);
	n += (size_t)sprintf(line + n, "1");
	for (unsigned i = 1; i < depth; i++)
		n += (size_t)sprintf(line + n, "%s", close);
	sprintf(line + n, "}");
	struct ctl_decoded d = decode(line);
	free(line);
	return d;
}

START_TEST(depth)
{
	ck_assert_str_eq(nested(CTL_DEPTH_MAX + 1, "[", "]").error.kind, "too_deep");
	ck_assert_str_eq(nested(100000, "{\"a\":", "}").error.kind, "too_deep");
	ck_assert_str_eq(nested(CTL_DEPTH_MAX, "{\"a\":", "}").error.kind, "unknown_parameter");
	/* brackets in strings are none */
	ck_assert_str_eq(
	        decode("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}").error.kind,
	        "bad_request");
	ck_assert_str_eq(
	        decode("{\"a\":\"\\\\\",\"b\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}")
	                .error.kind,
	        "bad_request");
	ck_assert_str_eq(decode("{\"a\":\"\\\\\",\"b\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[")
	                         .error.kind,
	                 "too_deep");
	ck_assert_str_eq(decode("\"never ended [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[").error.kind,
	                 "parse_error");
}
END_TEST

/* Its parameters are an array of so many. */
static const char *listed(unsigned values, const char *value)
{
	static char kind[64];
	size_t n = 0;
	char *line = malloc(200 + 8UL * values);

	n += (size_t)sprintf(line,
	                     "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"job.list\","
	                     "\"params\":[%s",
	                     value);
	for (unsigned i = 1; i < values; i++)
		n += (size_t)sprintf(line + n, ",%s", value);
	sprintf(line + n, "]}");
	(void)snprintf(kind, sizeof(kind), "%s", decode(line).error.kind);
	free(line);
	return kind;
}

START_TEST(values)
{
	/* three commas are the request's own */
	ck_assert_str_eq(listed(CTL_VALUES_MAX - 3, "0"), "bad_type");
	ck_assert_str_eq(listed(CTL_VALUES_MAX - 2, "0"), "too_many");
	ck_assert_str_eq(listed(1000000, "{}"), "too_many");
	/* commas in strings are none */
	ck_assert_str_eq(listed(CTL_VALUES_MAX - 3, "\",,\""), "bad_type");
}
END_TEST

START_TEST(long_ids)
{
	char line[600], id[300];

	memset(id, 'i', sizeof(id));
	id[CTL_ID_MAX - 2] = '\0';
	sprintf(line, "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"job.list\"}", id);
	struct ctl_decoded d = decode(line);
	ck_assert_msg(d.request != NULL, "%s", d.error.text);
	ck_assert_uint_eq(strlen(d.request->id), CTL_ID_MAX);
	ctl_request_free(d.request);
	id[CTL_ID_MAX - 2] = 'i';
	id[CTL_ID_MAX - 1] = '\0';
	sprintf(line, "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"job.list\"}", id);
	d = decode(line);
	ck_assert_str_eq(d.error.kind, "bad_request");
	ck_assert_str_eq(d.id, "");
}
END_TEST

START_TEST(truncated_requests)
{
	static const char line[] = REQ("scsi.execute", "{\"target\":\"a\",\"cdb\":\"120000002400\","
	                                               "\"data_out\":\"AAECAw==\"}");

	for (size_t n = 0; n < sizeof(line) - 1; n++) {
		struct ctl_decoded d;

		ctl_decode(schema, line, n, &d);
		ck_assert_msg(d.request == NULL, "%zu bytes were taken", n);
		ck_assert_int_eq(d.error.code, CTL_PARSE_ERROR);
	}
}
END_TEST

static struct ctl_decoded with_data(const char *before, const char *data, const char *after)
{
	char *line = malloc(strlen(before) + strlen(data) + strlen(after) + 1);

	sprintf(line, "%s%s%s", before, data, after);
	struct ctl_decoded d = decode(line);
	free(line);
	return d;
}

/* Long data do not go through the parser: the outcome is the same, wherever they stand. */
START_TEST(long_data)
{
	static const char before[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"group.write\","
	                             "\"params\":{\"group\":\"g\",\"offset_bytes\":0,";
	char text[1025], other[1025], head[300];
	struct ctl_decoded d;

	memset(text, 'A', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text + 1020, "AAE=", 4);
	for (unsigned blanks = 0; blanks < 2; blanks++) {
		sprintf(head, "%s%s", before, blanks ? "\"data\" \t:\r \"" : "\"data\":\"");
		d = with_data(head, text, "\"}}");
		ck_assert_msg(d.request != NULL, "%s", d.error.text);
		ck_assert_uint_eq(d.request->data_len, 1024 / 4 * 3 - 1);
		ctl_request_free(d.request);
	}
	/* what is no base64, too */
	memcpy(other, text, sizeof(text));
	other[700] = '\x01';
	sprintf(head, "%s\"data\":\"", before);
	d = with_data(head, other, "\"}}");
	ck_assert_str_eq(d.error.kind, "bad_value");
	ck_assert_ptr_nonnull(strstr(d.error.text, "character 700"));
	/* escapes are the parser's */
	memcpy(other, text, sizeof(text));
	memcpy(other + 1020, "AAAA", 4);
	memcpy(other + 400, "\\/\\/", 4);
	d = with_data(head, other, "AA\"}}");
	ck_assert_msg(d.request != NULL, "%s", d.error.text);
	ctl_request_free(d.request);
	/* the mark itself is no data, with or without a text that was taken out */
	d = with_data(head, "\\u0001", "\"}}");
	ck_assert_str_eq(d.error.kind, "bad_value");
	sprintf(head, "%s\"data\":\"\\u0001\",\"x\":{\"data\":\"", before);
	d = with_data(head, text, "\"}}}");
	ck_assert_str_eq(d.error.kind, "unknown_parameter");
	/* a long value of another parameter is not touched */
	sprintf(head,
	        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"job.create\",\"params\":{\"image\":\"");
	d = with_data(head, text, "\",\"type\":\"mirror\",\"group\":\"g\"}}");
	ck_assert_str_eq(d.error.kind, "too_long");
	/* nor the same word at the end of another one */
	sprintf(head, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"job.create\",\"params\":{"
	              "\"my\\\"data\":\"");
	d = with_data(head, text, "\",\"type\":\"mirror\",\"group\":\"g\"}}");
	ck_assert_str_eq(d.error.kind, "unknown_parameter");
}
END_TEST

/* A schema that says something that the validator does not know is no schema. */
static const char *const broken[] = {
        "\"maximum\": 15,",
        "\"multipleOf\": 15,", /* replaced by */
        "\"type\": \"string\", \"minLength\": 1, \"maxLength\": 255",
        "\"type\": \"number\"",
        "\"job.wait\"",
        "\"job.weit\"",
        "#/components/schemas/JobId",
        "#/components/schemas/JobIds",
        "^[0-9A-Fa-f]+$",
        "^[0-9A-Fa-f+$",
};

START_TEST(unknown_words_of_the_schema_are_refused)
{
	char why[200];

	for (size_t i = 0; i < ARRAY_LEN(broken); i += 2) {
		char *text = malloc(2 * ctl_schema_text_len);
		size_t from = strlen(broken[i]), to = strlen(broken[i + 1]);

		memcpy(text, ctl_schema_text, ctl_schema_text_len);
		text[ctl_schema_text_len] = '\0';
		char *at = strstr(text, broken[i]);
		ck_assert_msg(at != NULL, "%s", broken[i]);
		memmove(at + to, at + from, strlen(at + from) + 1);
		memcpy(at, broken[i + 1], to);
		ck_assert_msg(ctl_schema_new(text, strlen(text), why, sizeof(why)) == NULL, "%s",
		              broken[i + 1]);
		ck_assert_msg(*why != '\0', "%s", broken[i + 1]);
		free(text);
	}
}
END_TEST

TAP_MAIN_TABLE("request", setup, teardown, TAP_ONCE(every_method), TAP_ONCE(values_arrive),
               TAP_EACH(what_is_wrong_is_told, wrong), TAP_ONCE(notifications_are_silent),
               TAP_ONCE(depth), TAP_ONCE(values), TAP_ONCE(long_ids), TAP_ONCE(long_data),
               TAP_ONCE(truncated_requests), TAP_ONCE(unknown_words_of_the_schema_are_refused));
