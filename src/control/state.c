/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/state.h"

#include "control/saved.h"

#include <string.h>

static void put_member(struct jw *w, const struct ini_member *m)
{
	jw_obj(w, NULL);
	jw_hex(w, "uuid", m->uuid, UUID_LEN);
	jw_u64(w, "device", m->device);
	jw_str(w, "name", m->name);
	jw_bool(w, "in_sync", m->state == MEMBER_IN_SYNC);
	jw_str(w, "why", m->why);
	jw_bool(w, "logged", m->state == MEMBER_STALE && m->logged);
	jw_bool(w, "latest", m->state == MEMBER_STALE && m->latest);
	jw_bool(w, "restarted", m->state == MEMBER_IN_SYNC && m->restarted);
	jw_u64(w, "boot", m->boot);
	jw_end_obj(w);
}

static void put_group(struct jw *w, const struct ini_group *g)
{
	jw_obj(w, NULL);
	jw_str(w, "name", g->name);
	jw_u64(w, "id", g->id);
	jw_hex(w, "uuid", g->uuid, UUID_LEN);
	jw_u64(w, "generation", g->generation);
	jw_u64(w, "term", g->term);
	jw_u64(w, "used", g->used);
	jw_hex(w, "lost_to", g->lost_to, UUID_LEN);
	jw_bool(w, "log_lost", g->log_lost);
	jw_bool(w, "unflushed_lost", g->unflushed_lost);
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
	saved_put(w, "smirror-state", &c);
	jw_free(&c);
}

static void get_member(struct saved *g, const json_t *o, struct ini_member *m)
{
	saved_hex16(g, o, "uuid", m->uuid);
	m->device = (uint8_t)saved_u64(g, o, "device", 31);
	saved_text(g, o, "name", m->name, sizeof(m->name));
	m->state = json_is_true(json_object_get(o, "in_sync")) ? MEMBER_IN_SYNC : MEMBER_STALE;
	saved_cut_text(g, o, "why", m->why, sizeof(m->why));
	m->logged =
	        json_is_true(json_object_get(o, "logged")); /* older files have none: it is not */
	m->latest = json_is_true(json_object_get(o, "latest")); /* likewise */
	m->restarted = json_is_true(json_object_get(o, "restarted"));
	if (json_object_get(o, "boot")) /* older files have none: it is not known */
		m->boot = (uint32_t)saved_u64(g, o, "boot", UINT32_MAX);
	m->unit = m->id = WIRE_NO_ID;
}

static void get_group(struct saved *g, const json_t *o, struct ini_group *to)
{
	const json_t *members = json_object_get(o, "members");

	saved_text(g, o, "name", to->name, sizeof(to->name));
	to->id = (uint16_t)saved_u64(g, o, "id", UINT16_MAX);
	saved_hex16(g, o, "uuid", to->uuid);
	to->generation = saved_u64(g, o, "generation", SAVED_COUNT_MAX);
	if (json_object_get(o, "term")) /* older files have none: it never went to another */
		to->term = (uint16_t)saved_u64(g, o, "term", UINT16_MAX);
	/* Older files have what comes behind it, or nothing, which is no more than the generation.
	 */
	if (json_object_get(o, "used"))
		to->used = saved_u64(g, o, "used", SAVED_COUNT_MAX);
	else if (json_object_get(o, "owed"))
		to->used = saved_u64(g, o, "owed", SAVED_COUNT_MAX);
	if (!json_object_get(o, "used") && to->used > 0)
		to->used--;
	if (json_object_get(o, "lost_to"))
		saved_hex16(g, o, "lost_to", to->lost_to);
	to->log_lost = json_is_true(json_object_get(o, "log_lost"));
	to->unflushed_lost = json_is_true(json_object_get(o, "unflushed_lost"));
	to->mode = saved_mode(g, o);
	to->block_size = (uint32_t)saved_u64(g, o, "block_size", UINT32_MAX);
	to->blocks = saved_u64(g, o, "blocks", INT64_MAX);
	to->transfer = (uint32_t)saved_u64(g, o, "transfer", UINT32_MAX);
	to->window = (unsigned)saved_u64(g, o, "window", INI_WINDOW_MAX);
	to->max_passes = (unsigned)saved_u64(g, o, "max_passes", UINT16_MAX);
	if (!json_is_array(members) || json_array_size(members) > INI_MEMBERS_MAX) {
		saved_wrong(g, "members");
		return;
	}
	to->n = (unsigned)json_array_size(members);
	for (unsigned i = 0; i < to->n; i++)
		get_member(g, json_array_get(members, i), &to->m[i]);
}

bool ctl_state_get(const char *text, size_t n, struct ctl_state *out, char *why, size_t why_n)
{
	struct saved g = {.why = why, .why_n = why_n};
	json_t *doc = saved_get(text, n, "smirror-state", why, why_n);
	const json_t *groups = json_object_get(doc, "groups");

	if (!doc)
		return false;
	memset(out, 0, sizeof(*out));
	saved_hex16(&g, doc, "uuid", out->uuid);
	out->next_job = (uint32_t)saved_u64(&g, doc, "next_job", UINT32_MAX);
	if (json_is_array(groups) && json_array_size(groups) <= INI_GROUPS_MAX) {
		out->n = (unsigned)json_array_size(groups);
		for (unsigned i = 0; i < out->n; i++)
			get_group(&g, json_array_get(groups, i), &out->groups[i]);
	} else {
		saved_wrong(&g, "groups");
	}
	json_decref(doc);
	return !g.failed;
}
