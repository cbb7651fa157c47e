/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/state.h"

#include "base/crc.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define STATE_FORMAT "smirror-state"
#define JOBS_FORMAT  "smirror-jobs"

/* ---- the envelope ---- */

static size_t envelope(char *out, size_t n, const char *format, uint32_t crc)
{
	return (size_t)snprintf(
	        out, n,
	        "{\"format\":\"%s\",\"version\":%d,\"crc32c\":\"%08x\",\"content\":", format,
	        CTL_STATE_VERSION, crc);
}

static void put_enveloped(struct jw *w, const char *format, const struct jw *content)
{
	char head[128];

	if (content->failed)
		w->failed = true;
	size_t n = envelope(head, sizeof(head), format, crc32c(0, content->p, content->n));
	jw_raw(w, head, n);
	jw_raw(w, content->p, content->n);
	jw_raw(w, "}\n", 2);
}

static json_t *get_enveloped(const char *text, size_t n, const char *format, char *why,
                             size_t why_n)
{
	char head[128];
	size_t len = envelope(head, sizeof(head), format, 0), same = 0;
	json_error_t error;

	if (n < len + 2 || text[n - 1] != '\n' || text[n - 2] != '}') {
		snprintf(why, why_n, "it is cut short (%zu bytes)", n);
		return NULL;
	}
	const char *content = text + len;
	size_t content_len = n - len - 2;
	uint32_t crc = crc32c(0, content, content_len);
	envelope(head, sizeof(head), format, crc);
	while (same < len && head[same] == text[same])
		same++;
	if (same < len) {
		const char *version = strstr(head, "\"version\":");
		bool is_version = version && same == (size_t)(version - head) + 10;

		snprintf(why, why_n, "%s",
		         is_version ? "its version is another one"
		         : same < strlen(format) + 11
		                 ? "it is no file of this format"
		                 : "it is damaged: its checksum does not match");
		return NULL;
	}
	json_t *doc = json_loadb(content, content_len, JSON_REJECT_DUPLICATES, &error);
	if (!doc)
		snprintf(why, why_n, "its content is no JSON: %s", error.text);
	return doc;
}

/* ---- values ---- */

/* The first thing that is wrong is remembered; one test at the end. */
struct get {
	char *why;
	size_t why_n;
	bool failed;
};

static void wrong(struct get *g, const char *key)
{
	if (!g->failed)
		snprintf(g->why, g->why_n, "'%s' is missing or wrong", key);
	g->failed = true;
}

static uint64_t get_u64(struct get *g, const json_t *o, const char *key, uint64_t max)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max) {
		wrong(g, key);
		return 0;
	}
	return (uint64_t)json_integer_value(v);
}

static void get_text(struct get *g, const json_t *o, const char *key, char *out, size_t n)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_string(v) || json_string_length(v) >= n) {
		wrong(g, key);
		return;
	}
	memcpy(out, json_string_value(v), json_string_length(v) + 1);
}

static void get_hex16(struct get *g, const json_t *o, const char *key, uint8_t *out)
{
	static const char digits[] = "0123456789abcdef";
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || strlen(s) != 2UL * UUID_LEN || strspn(s, digits) != strlen(s)) {
		wrong(g, key);
		return;
	}
	for (size_t i = 0; i < UUID_LEN; i++)
		out[i] = (uint8_t)((strchr(digits, s[2 * i]) - digits) << 4 |
		                   (strchr(digits, s[2 * i + 1]) - digits));
}

static unsigned get_name(struct get *g, const json_t *o, const char *key, unsigned n,
                         const char *(*name)(unsigned))
{
	const char *s = json_string_value(json_object_get(o, key));

	for (unsigned i = 0; s && i < n; i++)
		if (strcmp(s, name(i)) == 0)
			return i;
	wrong(g, key);
	return 0;
}

static const char *mode_name(unsigned i)
{
	return ini_mode_name((enum ini_mode)i);
}

static const char *type_name(unsigned i)
{
	return ini_job_type_name((enum ini_job_type)i);
}

/* ---- state.json ---- */

static void put_member(struct jw *w, const struct ini_member *m)
{
	jw_obj(w, NULL);
	jw_hex(w, "uuid", m->uuid, UUID_LEN);
	jw_u64(w, "device", m->device);
	jw_str(w, "name", m->name);
	jw_bool(w, "in_sync", m->state == MEMBER_IN_SYNC);
	jw_str(w, "why", m->why);
	jw_end_obj(w);
}

static void put_group(struct jw *w, const struct ini_group *g)
{
	jw_obj(w, NULL);
	jw_str(w, "name", g->name);
	jw_u64(w, "id", g->id);
	jw_hex(w, "uuid", g->uuid, UUID_LEN);
	jw_u64(w, "generation", g->generation);
	jw_str(w, "mode", ini_mode_name(g->mode));
	jw_u64(w, "block_size", g->block_size);
	jw_u64(w, "blocks", g->blocks);
	jw_u64(w, "transfer", g->transfer);
	jw_u64(w, "window", g->window);
	jw_u64(w, "max_passes", g->max_passes);
	jw_arr(w, "members");
	for (unsigned i = 0; i < g->n; i++)
		put_member(w, &g->m[i]);
	jw_end_arr(w);
	jw_end_obj(w);
}

void ctl_state_put(struct jw *w, const struct ctl_state *s)
{
	struct jw c = jw_init();

	jw_obj(&c, NULL);
	jw_hex(&c, "uuid", s->uuid, UUID_LEN);
	jw_u64(&c, "next_job", s->next_job);
	jw_arr(&c, "groups");
	for (unsigned i = 0; i < s->n; i++)
		put_group(&c, &s->groups[i]);
	jw_end_arr(&c);
	jw_end_obj(&c);
	put_enveloped(w, STATE_FORMAT, &c);
	jw_free(&c);
}

static void get_member(struct get *g, const json_t *o, struct ini_member *m)
{
	get_hex16(g, o, "uuid", m->uuid);
	m->device = (uint8_t)get_u64(g, o, "device", 31);
	get_text(g, o, "name", m->name, sizeof(m->name));
	m->state = json_is_true(json_object_get(o, "in_sync")) ? MEMBER_IN_SYNC : MEMBER_STALE;
	get_text(g, o, "why", m->why, sizeof(m->why));
	m->id = WIRE_NO_ID;
}

static void get_group(struct get *g, const json_t *o, struct ini_group *to)
{
	const json_t *members = json_object_get(o, "members");

	get_text(g, o, "name", to->name, sizeof(to->name));
	to->id = (uint16_t)get_u64(g, o, "id", UINT16_MAX);
	get_hex16(g, o, "uuid", to->uuid);
	to->generation = get_u64(g, o, "generation", INT64_MAX);
	to->mode = (enum ini_mode)get_name(g, o, "mode", INI_MODE_DEFAULT, mode_name);
	to->block_size = (uint32_t)get_u64(g, o, "block_size", UINT32_MAX);
	to->blocks = get_u64(g, o, "blocks", INT64_MAX);
	to->transfer = (uint32_t)get_u64(g, o, "transfer", UINT32_MAX);
	to->window = (unsigned)get_u64(g, o, "window", INI_WINDOW_MAX);
	to->max_passes = (unsigned)get_u64(g, o, "max_passes", UINT16_MAX);
	if (!json_is_array(members) || json_array_size(members) > INI_MEMBERS_MAX) {
		wrong(g, "members");
		return;
	}
	to->n = (unsigned)json_array_size(members);
	for (unsigned i = 0; i < to->n; i++)
		get_member(g, json_array_get(members, i), &to->m[i]);
}

bool ctl_state_get(const char *text, size_t n, struct ctl_state *out, char *why, size_t why_n)
{
	struct get g = {.why = why, .why_n = why_n};
	json_t *doc = get_enveloped(text, n, STATE_FORMAT, why, why_n);
	const json_t *groups = json_object_get(doc, "groups");

	if (!doc)
		return false;
	memset(out, 0, sizeof(*out));
	get_hex16(&g, doc, "uuid", out->uuid);
	out->next_job = (uint32_t)get_u64(&g, doc, "next_job", UINT32_MAX);
	if (json_is_array(groups) && json_array_size(groups) <= INI_GROUPS_MAX) {
		out->n = (unsigned)json_array_size(groups);
		for (unsigned i = 0; i < out->n; i++)
			get_group(&g, json_array_get(groups, i), &out->groups[i]);
	} else {
		wrong(&g, "groups");
	}
	json_decref(doc);
	return !g.failed;
}

/* ---- jobs.json ---- */

void ctl_jobs_put(struct jw *w, const struct ctl_jobs *s)
{
	struct jw c = jw_init();

	jw_obj(&c, NULL);
	jw_arr(&c, "live");
	for (unsigned i = 0; i < s->n; i++) {
		jw_obj(&c, NULL);
		jw_u64(&c, "id", s->j[i].id);
		jw_str(&c, "type", ini_job_type_name(s->j[i].type));
		jw_str(&c, "mode", ini_mode_name(s->j[i].mode));
		jw_str(&c, "group", s->j[i].group);
		jw_str(&c, "image", s->j[i].image);
		jw_u64(&c, "total", s->j[i].total);
		jw_end_obj(&c);
	}
	jw_end_arr(&c);
	jw_end_obj(&c);
	put_enveloped(w, JOBS_FORMAT, &c);
	jw_free(&c);
}

bool ctl_jobs_get(const char *text, size_t n, struct ctl_jobs *out, char *why, size_t why_n)
{
	struct get g = {.why = why, .why_n = why_n};
	json_t *doc = get_enveloped(text, n, JOBS_FORMAT, why, why_n);
	const json_t *live = json_object_get(doc, "live");

	if (!doc)
		return false;
	memset(out, 0, sizeof(*out));
	if (json_is_array(live) && json_array_size(live) <= ARRAY_LEN(out->j))
		out->n = (unsigned)json_array_size(live);
	else
		wrong(&g, "live");
	for (unsigned i = 0; i < out->n; i++) {
		const json_t *o = json_array_get(live, i);
		struct ctl_job_note *j = &out->j[i];

		j->id = (uint32_t)get_u64(&g, o, "id", UINT32_MAX);
		j->type = (enum ini_job_type)get_name(&g, o, "type", JOB_TYPES, type_name);
		j->mode = (enum ini_mode)get_name(&g, o, "mode", INI_MODE_DEFAULT + 1, mode_name);
		get_text(&g, o, "group", j->group, sizeof(j->group));
		get_text(&g, o, "image", j->image, sizeof(j->image));
		j->total = get_u64(&g, o, "total", INT64_MAX);
	}
	json_decref(doc);
	return !g.failed;
}
