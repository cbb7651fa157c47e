/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/show.h"

static void put_member(struct jw *w, const struct ini_member *m)
{
	jw_obj(w, NULL);
	jw_u64(w, "device", m->device);
	jw_str(w, "name", m->name);
	jw_uuid(w, "uuid", m->uuid);
	if (m->id == WIRE_NO_ID)
		jw_null(w, "id");
	else
		jw_u64(w, "id", m->id);
	if (m->id == WIRE_NO_ID)
		jw_null(w, "lun");
	else
		jw_u64(w, "lun", m->lun);
	jw_str(w, "state", m->state == MEMBER_IN_SYNC ? "in_sync" : "stale");
	jw_str_or_null(w, "why", m->state == MEMBER_STALE ? m->why : "");
	jw_bool(w, "logged", m->state == MEMBER_IN_SYNC || m->logged);
	jw_u64(w, "resent_blocks", m->resent);
	jw_u64(w, "failed_blocks", m->failed);
	jw_u64(w, "repaired_blocks", m->repaired);
	jw_end_obj(w);
}

static void put_intent(struct jw *w, const struct ini_intent *l)
{
	jw_obj(w, "intent_log");
	jw_u64(w, "region_bytes", l->region_bytes);
	jw_u64(w, "regions", l->regions);
	jw_u64(w, "dirty_regions", l->dirty);
	jw_u64(w, "behind_regions", l->behind);
	jw_bool(w, "recovering", l->recovering);
	jw_end_obj(w);
}

void ctl_put_group(struct jw *w, const char *key, const struct ini_group *g)
{
	unsigned in_sync = 0;

	for (unsigned i = 0; i < g->n; i++)
		in_sync += g->m[i].state == MEMBER_IN_SYNC;
	jw_obj(w, key);
	jw_str(w, "name", g->name);
	jw_u64(w, "id", g->id);
	jw_uuid(w, "uuid", g->uuid);
	jw_u64(w, "generation", g->generation);
	jw_str(w, "state", in_sync == g->n ? "in_sync" : in_sync ? "degraded" : "stale");
	jw_str(w, "mode", ini_mode_name(g->mode));
	jw_u64(w, "block_size_bytes", g->block_size);
	jw_u64(w, "blocks", g->blocks);
	jw_u64(w, "size_bytes", g->blocks * g->block_size);
	jw_u64(w, "transfer_bytes", g->transfer);
	jw_u64(w, "window", g->window);
	jw_u64(w, "max_passes", g->max_passes);
	jw_u64(w, "members_in_sync", in_sync);
	if (g->served_by[0])
		jw_str(w, "served_by", g->served_by);
	else
		jw_null(w, "served_by");
	put_intent(w, &g->intent);
	jw_arr(w, "members");
	for (unsigned i = 0; i < g->n; i++)
		put_member(w, &g->m[i]);
	jw_end_arr(w);
	jw_end_obj(w);
}
