/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is shown: every member of an object is in the schema and the other way round, of the type
 * that the schema says; and the values are those of the struct.
 */
#include "unit/tap_main.h"

#include "control/schema.h"
#include "control/show.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *schemas(void)
{
	static json_t *doc;

	if (!doc)
		doc = json_loadb(ctl_schema_text, ctl_schema_text_len, 0, NULL);
	return json_object_get(json_object_get(doc, "components"), "schemas");
}

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "object";
	case JSON_ARRAY:
		return "array";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
		return "integer";
	case JSON_REAL:
		return "number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "boolean";
	case JSON_NULL:
		return "null";
	}
	return "?";
}

static bool has_type(const json_t *type, const char *name)
{
	size_t i;
	const json_t *one;

	if (json_is_string(type))
		return strcmp(json_string_value(type), name) == 0 ||
		       (strcmp(json_string_value(type), "number") == 0 &&
		        strcmp(name, "integer") == 0);
	json_array_foreach(type, i, one)
	{
		if (strcmp(json_string_value(one), name) == 0)
			return true;
	}
	return false;
}

static const json_t *resolve(const json_t *schema)
{
	const char *ref = json_string_value(json_object_get(schema, "$ref"));

	return ref ? json_object_get(schemas(), strrchr(ref, '/') + 1) : schema;
}

static void conforms(const char *where, const json_t *schema, const json_t *v)
{
	char deeper[200];
	const char *key;
	const json_t *one, *properties, *rest;
	json_t *value;
	size_t i;

	schema = resolve(schema);
	if (json_object_get(schema, "oneOf")) {
		if (json_is_null(v))
			return;
		schema = resolve(json_array_get(json_object_get(schema, "oneOf"), 0));
	}
	ck_assert_msg(has_type(json_object_get(schema, "type"), type_name(v)), "%s is a %s", where,
	              type_name(v));
	json_array_foreach(v, i, one)
	{
		snprintf(deeper, sizeof(deeper), "%.150s[%zu]", where, i);
		conforms(deeper, json_object_get(schema, "items"), one);
	}
	properties = json_object_get(schema, "properties");
	rest = json_object_get(schema, "additionalProperties");
	if (!json_is_object(v) || (!properties && !rest))
		return;
	json_object_foreach((json_t *)(uintptr_t)v, key, value)
	{
		const json_t *p = json_object_get(properties, key);

		snprintf(deeper, sizeof(deeper), "%.150s.%s", where, key);
		ck_assert_msg(p || rest, "%s is not in the schema", deeper);
		conforms(deeper, p ? p : rest, value);
	}
	json_object_foreach((json_t *)(uintptr_t)properties, key, value)
	{
		ck_assert_msg(json_object_get(v, key) != NULL, "%s.%s is missing", where, key);
	}
}

/* Parses what was written, checks it, and gives it to be looked at. */
static json_t *shown(struct jw *w, const char *schema)
{
	json_error_t error;
	json_t *doc = json_loadb(w->p, w->n, JSON_REJECT_DUPLICATES, &error);

	ck_assert_msg(doc != NULL, "%s: %.*s", error.text, (int)w->n, w->p);
	ck_assert_ptr_nonnull(json_object_get(schemas(), schema));
	conforms(schema, json_object_get(schemas(), schema), doc);
	jw_free(w);
	return doc;
}

static json_int_t integer(const json_t *o, const char *key)
{
	ck_assert_msg(json_is_integer(json_object_get(o, key)), "%s", key);
	return json_integer_value(json_object_get(o, key));
}

static const char *text(const json_t *o, const char *key)
{
	ck_assert_msg(json_is_string(json_object_get(o, key)), "%s", key);
	return json_string_value(json_object_get(o, key));
}

static struct ini_group sample_group(void)
{
	struct ini_group g = {.name = "g0",
	                      .id = 3,
	                      .generation = 9,
	                      .mode = INI_SILENT,
	                      .block_size = 512,
	                      .blocks = 2048,
	                      .transfer = 65536,
	                      .window = 8,
	                      .max_passes = 5,
	                      .n = 2};

	snprintf(g.m[0].name, sizeof(g.m[0].name), "disk0");
	g.m[0].id = 4;
	snprintf(g.m[1].name, sizeof(g.m[1].name), "disk1");
	g.m[1].state = MEMBER_STALE;
	g.m[1].id = WIRE_NO_ID;
	g.m[1].uuid[0] = 1;
	snprintf(g.m[1].why, sizeof(g.m[1].why), "it was away");
	return g;
}

START_TEST(group)
{
	struct ini_group g = sample_group();
	struct jw w = jw_init();

	ctl_put_group(&w, NULL, &g);
	json_t *o = shown(&w, "Group");
	ck_assert_str_eq(text(o, "state"), "degraded");
	ck_assert_int_eq(integer(o, "size_bytes"), 2048 * 512);
	ck_assert_int_eq(integer(o, "members_in_sync"), 1);
	const json_t *m = json_array_get(json_object_get(o, "members"), 1);
	ck_assert(json_is_null(json_object_get(m, "id")));
	ck_assert_str_eq(text(m, "why"), "it was away");
	json_decref(o);
	g.m[1].state = MEMBER_IN_SYNC;
	w = jw_init();
	ctl_put_group(&w, NULL, &g);
	o = shown(&w, "Group");
	ck_assert_str_eq(text(o, "state"), "in_sync");
	json_decref(o);
}
END_TEST

START_TEST(target)
{
	struct ini_group g = sample_group();
	struct hba_target t = {.id = 4,
	                       .state = HBA_READY,
	                       .name = "disk1",
	                       .vendor = "SMIRROR",
	                       .block_size = 512,
	                       .blocks = 4096,
	                       .xfer = XFER_ULTRA160,
	                       .mirror = true,
	                       .vpd = {.version = 1, .silent = true, .queue_depth = 64},
	                       .member = {.member = true, .device = 1, .group = 3}};
	struct jw w = jw_init();

	t.uuid[0] = 1;
	ctl_put_target(&w, NULL, &t, &g);
	json_t *o = shown(&w, "Target");
	ck_assert_str_eq(text(o, "state"), "ready");
	ck_assert_str_eq(text(o, "group"), "g0");
	ck_assert_str_eq(text(o, "member_state"), "stale");
	ck_assert_int_eq(integer(o, "capacity_bytes"), 4096 * 512);
	ck_assert_int_eq(integer(json_object_get(o, "transfer"), "width_bits"), 16);
	json_decref(o);

	t.state = HBA_FAILED;
	t.mirror = t.member.member = false;
	snprintf(t.why, sizeof(t.why), "INQUIRY: \xff no answer");
	w = jw_init();
	ctl_put_target(&w, NULL, &t, NULL);
	o = shown(&w, "Target");
	ck_assert(json_is_null(json_object_get(o, "group")));
	ck_assert_str_eq(text(o, "why"), "INQUIRY: \xef\xbf\xbd no answer");
	json_decref(o);
}
END_TEST

START_TEST(job)
{
	struct ini_job *j = calloc(1, sizeof(*j));
	struct jw w = jw_init();

	*j = (struct ini_job){.id = 7,
	                      .type = JOB_MIRROR,
	                      .state = JOB_RUNNING,
	                      .group = "g0",
	                      .image = "image.raw",
	                      .transfer = 65536,
	                      .window = 8,
	                      .done = 250,
	                      .total = 1000,
	                      .rate = 100,
	                      .started_ns = 2 * NS_PER_S,
	                      .running_ns = NS_PER_S,
	                      .n_targets = 2};
	j->t[0].n_runs = 1;
	j->t[0].runs[0] =
	        (struct ini_run){.lba = 5,
	                         .blocks = 3,
	                         .status = 2,
	                         .has_sense = true,
	                         .sense = {.key = 3, .asc = 0x0c, .info_valid = true, .info = 5}};
	j->t[1].n_runs = 1;
	j->t[1].runs[0] =
	        (struct ini_run){.lba = 9, .blocks = 1, .status = 0xff, .what = "status timeout"};
	ctl_put_job(&w, NULL, j, true, 5 * NS_PER_S);
	json_t *o = shown(&w, "Job");
	ck_assert_int_eq(integer(o, "percent"), 25);
	ck_assert_int_eq(integer(o, "eta_s"), 8);
	ck_assert_int_eq(integer(o, "elapsed_ms"), 3000);
	ck_assert(json_is_null(json_object_get(o, "conclusion")));
	const json_t *t0 = json_array_get(json_object_get(o, "targets"), 0);
	const json_t *run = json_array_get(json_object_get(t0, "runs"), 0);
	ck_assert_str_eq(text(run, "status_name"), "CHECK CONDITION");
	ck_assert_str_eq(text(json_object_get(run, "sense"), "key_name"), "MEDIUM ERROR");
	ck_assert_int_eq(integer(json_object_get(run, "sense"), "lba"), 5);
	const json_t *t1 = json_array_get(json_object_get(o, "targets"), 1);
	run = json_array_get(json_object_get(t1, "runs"), 0);
	ck_assert(json_is_null(json_object_get(run, "status")));
	ck_assert_str_eq(text(run, "what"), "status timeout");
	json_decref(o);

	j->state = JOB_CONCLUDED;
	j->conclusion = JOB_PARTIAL;
	j->ended_ns = 4 * NS_PER_S;
	j->error = (struct ini_error){.kind = INI_E_DEVICE,
	                              .text = "disk0 failed",
	                              .member = "disk0",
	                              .has_status = true,
	                              .status = 8};
	w = jw_init();
	ctl_put_job(&w, NULL, j, true, 100 * NS_PER_S);
	o = shown(&w, "Job");
	ck_assert_str_eq(text(o, "conclusion"), "partial");
	ck_assert_str_eq(text(json_object_get(o, "error"), "kind"), "device");
	ck_assert_str_eq(text(json_object_get(o, "error"), "status_name"), "BUSY");
	ck_assert_int_eq(integer(o, "elapsed_ms"), 2000);
	ck_assert(json_is_null(json_object_get(o, "eta_s")));
	json_decref(o);
	free(j);
}
END_TEST

START_TEST(load)
{
	struct ini_job *j = calloc(1, sizeof(*j));
	struct jw w = jw_init();

	*j = (struct ini_job){.id = 7,
	                      .type = JOB_LOAD,
	                      .state = JOB_RUNNING,
	                      .group = "g0",
	                      .transfer = 4096,
	                      .window = 32,
	                      .done = 500 * 4096,
	                      .total = 532 * 4096,
	                      .rate = 100,
	                      .load = {.spec = {.for_ns = 4 * NS_PER_S, .seed = 3},
	                               .writes = 500,
	                               .ran_ns = NS_PER_S / 2}};
	ctl_put_job(&w, NULL, j, true, 5 * NS_PER_S);
	json_t *o = shown(&w, "Job"), *l = json_object_get(o, "load");
	/* By time: how far it is depends on that alone. */
	ck_assert(json_number_value(json_object_get(o, "percent")) == 12.5);
	ck_assert_int_eq(integer(o, "eta_s"), 4);
	ck_assert(json_is_null(json_object_get(o, "total_bytes")));
	ck_assert_str_eq(text(l, "pattern"), "random");
	ck_assert_int_eq(integer(l, "block_bytes"), 4096);
	ck_assert_int_eq(integer(l, "in_flight"), 32);
	ck_assert_int_eq(integer(l, "seconds"), 4);
	ck_assert(json_is_null(json_object_get(l, "writes_most")));
	ck_assert_int_eq(integer(l, "seed"), 3);
	ck_assert_int_eq(integer(l, "writes"), 500);
	ck_assert_int_eq(integer(l, "bytes"), 500 * 4096);
	ck_assert_int_eq(integer(l, "measured_ms"), 500);
	ck_assert_int_eq(integer(l, "writes_per_s"), 1000);
	ck_assert_int_eq(integer(l, "bytes_per_s"), 4096000);
	ck_assert(json_is_null(json_object_get(l, "latency_us")));
	json_decref(o);

	/* By count, too: the nearer end counts. */
	j->load.spec.writes = 1000;
	j->total = 1000 * 4096;
	j->rate = 4096000;
	j->load.latency = (struct ini_latency){1500, 2500, 2000, 3000, 4000, 5001, 6000};
	w = jw_init();
	ctl_put_job(&w, NULL, j, true, 5 * NS_PER_S);
	o = shown(&w, "Job");
	l = json_object_get(json_object_get(o, "load"), "latency_us");
	ck_assert_int_eq(integer(o, "percent"), 50);
	ck_assert_int_eq(integer(o, "eta_s"), 1);
	ck_assert_int_eq(integer(o, "total_bytes"), 4096000);
	ck_assert(json_number_value(json_object_get(l, "min")) == 1.5);
	ck_assert(json_number_value(json_object_get(l, "mean")) == 2.5);
	ck_assert_int_eq(integer(l, "p50"), 2);
	ck_assert_int_eq(integer(l, "p90"), 3);
	ck_assert_int_eq(integer(l, "p99"), 4);
	ck_assert(json_number_value(json_object_get(l, "p99_9")) == 5.001);
	ck_assert_int_eq(integer(l, "max"), 6);
	json_decref(o);

	/* It is over by time, before all writes were made. */
	j->state = JOB_CONCLUDED;
	j->conclusion = JOB_SUCCESS;
	j->done = j->total = 600 * 4096;
	w = jw_init();
	ctl_put_job(&w, NULL, j, true, 5 * NS_PER_S);
	o = shown(&w, "Job");
	ck_assert_int_eq(integer(o, "percent"), 100);
	ck_assert_int_eq(integer(o, "total_bytes"), 600 * 4096);
	json_decref(o);

	*j = (struct ini_job){.type = JOB_MIRROR, .state = JOB_RUNNING};
	w = jw_init();
	ctl_put_job(&w, NULL, j, true, 5 * NS_PER_S);
	o = shown(&w, "Job");
	ck_assert(json_is_null(json_object_get(o, "load")));
	json_decref(o);
	free(j);
}
END_TEST

START_TEST(percent)
{
	ck_assert_uint_eq(ctl_percent_milli(0, 0), 0);
	ck_assert_uint_eq(ctl_percent_milli(0, 10), 0);
	ck_assert_uint_eq(ctl_percent_milli(1, 3), 33333);
	ck_assert_uint_eq(ctl_percent_milli(10, 10), 100000);
	ck_assert_uint_eq(ctl_percent_milli(11, 10), 100000);
	ck_assert_uint_eq(ctl_percent_milli(UINT64_MAX - 1, UINT64_MAX), 99999);
	ck_assert_uint_eq(ctl_percent_milli(UINT64_MAX / 2, UINT64_MAX), 50000 - 1);
}
END_TEST

START_TEST(bus)
{
	struct wire_show s = {.profile = "spi3",
	                      .boot = 1,
	                      .now_ns = 5,
	                      .bsy = 1 << 2 | 1 << 15,
	                      .driver = WIRE_NO_ID,
	                      .n_ports = 1};
	struct jw w = jw_init();

	s.port[0].id = 2;
	s.port[0].role = ROLE_TARGET;
	s.port[0].arm_mode = ARM_FULL;
	s.port[0].n_members = 1;
	ctl_put_bus(&w, NULL, &s);
	json_t *o = shown(&w, "Bus");
	ck_assert_uint_eq(json_array_size(json_object_get(o, "bsy")), 2);
	ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(o, "bsy"), 1)), 15);
	ck_assert(json_is_null(json_object_get(o, "driver")));
	ck_assert_str_eq(text(json_array_get(json_object_get(o, "ports"), 0), "armed"), "full");
	json_decref(o);
}
END_TEST

START_TEST(stats)
{
	struct wire_stats s = {.now_ns = 99, .profile = "spi3", .n_values = 2};
	struct jw w = jw_init();

	s.phase[TENURE_SILENT][PHASE_DATA_OUT].count = 3;
	s.phase[TENURE_SILENT][PHASE_DATA_OUT].bytes = 1000;
	s.phase[TENURE_CONVENTIONAL][PHASE_DATA_OUT].bytes = 24;
	s.phase[TENURE_CONVENTIONAL][PHASE_STATUS].ns = 7;
	snprintf(s.value[0].name, sizeof(s.value[0].name), "arbitration_delay");
	s.value[0].ps = 2400000;
	snprintf(s.value[1].name, sizeof(s.value[1].name), "cable_skew");
	s.value[1].ps = 2500;
	ctl_put_stats(&w, NULL, &s);
	json_t *o = shown(&w, "BusStats");
	const json_t *silent = json_object_get(json_object_get(o, "phases"), "silent");
	ck_assert_int_eq(integer(json_object_get(silent, "DATA OUT"), "count"), 3);
	const json_t *totals = json_object_get(o, "totals");
	ck_assert_int_eq(integer(json_object_get(totals, "DATA OUT"), "bytes"), 1024);
	ck_assert_int_eq(integer(json_object_get(o, "total"), "ns"), 7);
	ck_assert_uint_eq(json_object_size(totals), 11);
	const json_t *p = json_object_get(o, "profile_ns");
	ck_assert_int_eq(integer(p, "arbitration_delay"), 2400);
	ck_assert_double_eq(json_number_value(json_object_get(p, "cable_skew")), 2.5);
	json_decref(o);
}
END_TEST

START_TEST(errors)
{
	struct ini_error ini = {.kind = INI_E_DEVICE,
	                        .text = "disk0: no",
	                        .member = "disk0",
	                        .has_status = true,
	                        .status = 2,
	                        .has_sense = true,
	                        .sense = {.key = 3, .asc = 0x11}};
	struct ctl_error e;
	struct jw w = jw_init();

	ctl_fail_ini(&e, &ini);
	ctl_put_error(&w, "\"x\"", &e);
	ck_assert_int_eq(w.p[w.n - 1], '\n');
	json_t *doc = json_loadb(w.p, w.n, 0, NULL);
	ck_assert_str_eq(text(doc, "id"), "x");
	const json_t *error = json_object_get(doc, "error");
	ck_assert_int_eq(integer(error, "code"), CTL_FAILED);
	ck_assert_str_eq(text(error, "message"), "disk0: no");
	const json_t *data = json_object_get(error, "data");
	ck_assert_str_eq(text(data, "kind"), "device");
	ck_assert_str_eq(text(data, "member"), "disk0");
	ck_assert_int_eq(integer(data, "status"), 2);
	ck_assert_int_eq(integer(json_object_get(data, "sense"), "asc"), 0x11);
	json_decref(doc);
	jw_free(&w);
}
END_TEST

TAP_MAIN("show", group, target, job, load, percent, bus, stats, errors);
