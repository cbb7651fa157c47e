/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/show.h"

#include <string.h>

static const char *state_name(enum hba_target_state s)
{
	switch (s) {
	case HBA_ABSENT:
		return "absent";
	case HBA_SCANNING:
		return "scanning";
	case HBA_READY:
		return "ready";
	case HBA_FAILED:
		return "failed";
	}
	return "unknown";
}

static void put_capability(struct jw *w, const struct hba_target *t)
{
	if (!t->mirror) {
		jw_null(w, "mirror");
		return;
	}
	jw_obj(w, "mirror");
	jw_u64(w, "version", t->vpd.version);
	jw_bool(w, "silent", t->vpd.silent);
	jw_bool(w, "broadcast", t->vpd.broadcast);
	jw_u64(w, "queue_depth", t->vpd.queue_depth);
	jw_u64(w, "max_transfer_bytes", t->vpd.max_transfer);
	jw_end_obj(w);
}

static void put_membership(struct jw *w, const struct mode_mirror *m)
{
	if (!m->member) {
		jw_null(w, "membership");
		return;
	}
	jw_obj(w, "membership");
	jw_u64(w, "group_id", m->group);
	jw_u64(w, "device", m->device);
	jw_uuid(w, "group_uuid", m->group_uuid);
	jw_u64(w, "generation", m->generation);
	jw_uuid(w, "owner", m->owner);
	jw_end_obj(w);
}

static void put_group_state(struct jw *w, const struct hba_target *t, const struct ini_group *g)
{
	const struct ini_member *m = NULL;

	for (unsigned i = 0; g && i < g->n; i++)
		if (memcmp(g->m[i].uuid, t->uuid, UUID_LEN) == 0)
			m = &g->m[i];
	if (!m) {
		jw_null(w, "group");
		jw_null(w, "member_state");
		return;
	}
	jw_str(w, "group", g->name);
	jw_str(w, "member_state", m->state == MEMBER_IN_SYNC ? "in_sync" : "stale");
}

void ctl_put_target(struct jw *w, const char *key, const struct hba_target *t,
                    const struct ini_group *g)
{
	jw_obj(w, key);
	jw_u64(w, "id", t->id);
	jw_u64(w, "lun", t->lun);
	jw_str(w, "state", state_name(t->state));
	jw_str_or_null(w, "why", t->state == HBA_FAILED ? t->why : "");
	jw_str(w, "name", t->name);
	jw_uuid(w, "uuid", t->uuid);
	jw_str(w, "vendor", t->vendor);
	jw_str(w, "product", t->product);
	jw_str(w, "revision", t->revision);
	jw_str(w, "serial", t->serial);
	jw_u64(w, "block_size_bytes", t->block_size);
	jw_u64(w, "blocks", t->blocks);
	jw_u64(w, "capacity_bytes", t->blocks * t->block_size);
	ctl_put_xfer(w, "transfer", t->xfer);
	put_capability(w, t);
	put_membership(w, &t->member);
	put_group_state(w, t, g);
	jw_u64(w, "epoch", t->epoch);
	jw_u64(w, "in_flight", t->in_flight);
	jw_u64(w, "commands", t->commands);
	jw_u64(w, "errors", t->errors);
	jw_end_obj(w);
}
