/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/saved.h"

#include "base/crc.h"
#include "control/state.h"

#include <stdio.h>
#include <string.h>

/* ---- the envelope ---- */

static size_t envelope(char *out, size_t n, const char *format, uint32_t crc)
{
	return (size_t)snprintf(
	        out, n,
	        "{\"format\":\"%s\",\"version\":%d,\"crc32c\":\"%08x\",\"content\":", format,
	        CTL_STATE_VERSION, crc);
}

void saved_put(struct jw *w, const char *format, const struct jw *content)
{
	char head[128];

	if (content->failed)
		w->failed = true;
	size_t n = envelope(head, sizeof(head), format, crc32c(0, content->p, content->n));
	jw_raw(w, head, n);
	jw_raw(w, content->p, content->n);
	jw_raw(w, "}\n", 2);
}

json_t *saved_get(const char *text, size_t n, const char *format, char *why, size_t why_n)
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

void saved_wrong(struct saved *g, const char *key)
{
	if (!g->failed)
		snprintf(g->why, g->why_n, "'%s' is missing or wrong", key);
	g->failed = true;
}

uint64_t saved_u64(struct saved *g, const json_t *o, const char *key, uint64_t max)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max) {
		saved_wrong(g, key);
		return 0;
	}
	return (uint64_t)json_integer_value(v);
}

bool saved_bool(struct saved *g, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_boolean(v))
		saved_wrong(g, key);
	return json_is_true(v);
}

void saved_text(struct saved *g, const json_t *o, const char *key, char *out, size_t n)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_string(v) || json_string_length(v) >= n) {
		saved_wrong(g, key);
		return;
	}
	memcpy(out, json_string_value(v), json_string_length(v) + 1);
}

void saved_cut_text(struct saved *g, const json_t *o, const char *key, char *out, size_t n)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s)
		saved_wrong(g, key);
	else
		snprintf(out, n, "%s", s);
}

void saved_hex16(struct saved *g, const json_t *o, const char *key, uint8_t *out)
{
	static const char digits[] = "0123456789abcdef";
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || strlen(s) != 2UL * UUID_LEN || strspn(s, digits) != strlen(s)) {
		saved_wrong(g, key);
		return;
	}
	for (size_t i = 0; i < UUID_LEN; i++)
		out[i] = (uint8_t)((strchr(digits, s[2 * i]) - digits) << 4 |
		                   (strchr(digits, s[2 * i + 1]) - digits));
}

static unsigned get_one_of(struct saved *g, const json_t *o, const char *key, unsigned n,
                           const char *(*name)(unsigned))
{
	const char *s = json_string_value(json_object_get(o, key));

	for (unsigned i = 0; s && i < n; i++)
		if (strcmp(s, name(i)) == 0)
			return i;
	saved_wrong(g, key);
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

static const char *pattern_name(unsigned i)
{
	return ini_pattern_name((enum ini_pattern)i);
}

static const char *conclusion_name(unsigned i)
{
	return ini_conclusion_name((enum ini_conclusion)i);
}

static const char *kind_name(unsigned i)
{
	return ini_kind_name((enum ini_kind)i);
}

enum ini_mode saved_mode(struct saved *g, const json_t *o)
{
	return (enum ini_mode)get_one_of(g, o, "mode", INI_MODE_DEFAULT + 1, mode_name);
}

enum ini_job_type saved_type(struct saved *g, const json_t *o)
{
	return (enum ini_job_type)get_one_of(g, o, "type", JOB_TYPES, type_name);
}

enum ini_pattern saved_pattern(struct saved *g, const json_t *o)
{
	return (enum ini_pattern)get_one_of(g, o, "pattern", INI_PATTERNS, pattern_name);
}

enum ini_conclusion saved_conclusion(struct saved *g, const json_t *o)
{
	return (enum ini_conclusion)get_one_of(g, o, "conclusion", JOB_CANCELLED + 1,
	                                       conclusion_name);
}

enum ini_kind saved_kind(struct saved *g, const json_t *o)
{
	return (enum ini_kind)get_one_of(g, o, "error", INI_KINDS, kind_name);
}
