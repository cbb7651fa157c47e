/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who can take part in a broadcast pass: a target that says so (VPD C0h), whose device id the
 * bitmap of the identification has room for, and whose transfer agreement is that of the others,
 * since one DATA OUT phase is clocked for all.
 */
#include "initiator/core.h"

#include <stdio.h>

static const struct hba_target *present(const struct group *g, unsigned member)
{
	uint8_t id = g->pub.m[member].unit;

	return id == WIRE_NO_ID ? NULL : hba_target(g->ini->hba, id);
}

/* Another of these members whose agreement is not that of t; NULL: there is none. */
static const struct hba_target *other_agreement(const struct group *g, uint16_t members,
                                                const struct hba_target *t)
{
	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct hba_target *o = members >> i & 1 ? present(g, i) : NULL;
		if (o && !xfer_alike(o->xfer, t->xfer))
			return o;
	}
	return NULL;
}

bool broadcast_admits(const struct group *g, uint16_t members, const struct hba_target *t,
                      struct ini_error *e)
{
	char mine[48], others[48];

	if (!t->vpd.broadcast) {
		(void)ini_refuse(e, INI_E_UNSUPPORTED,
		                 "target %s does not take part in broadcast passes (VPD page C0h)",
		                 t->name);
		copy_text(e->member, sizeof(e->member), t->name);
		return false;
	}
	const struct hba_target *o = other_agreement(g, members, t);
	if (!o)
		return true;
	(void)ini_refuse(e, INI_E_UNSUPPORTED,
	                 "a broadcast pass needs equal transfer agreements: target %s has %s, "
	                 "offset %u, target %s %s, offset %u",
	                 t->name, xfer_name(t->xfer, mine, sizeof(mine)), t->xfer.offset, o->name,
	                 xfer_name(o->xfer, others, sizeof(others)), o->xfer.offset);
	copy_text(e->member, sizeof(e->member), t->name);
	return false;
}

bool broadcast_check(const struct group *g, uint16_t members, struct ini_error *e)
{
	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct hba_target *t = members >> i & 1 ? present(g, i) : NULL;
		if (!t)
			continue; /* an absent one gets what it missed by silent passes */
		if (g->pub.m[i].device > HBA_BROADCAST_DEVICE_MAX) {
			(void)ini_refuse(e, INI_E_UNSUPPORTED,
			                 "member %s is device %u: broadcast passes name devices 0 "
			                 "to %d",
			                 t->name, g->pub.m[i].device, HBA_BROADCAST_DEVICE_MAX);
			copy_text(e->member, sizeof(e->member), t->name);
			return false;
		}
		if (!broadcast_admits(g, members, t, e))
			return false;
	}
	return true;
}

bool broadcast_fits(const struct group *g, uint16_t members)
{
	for (unsigned i = 0; i < g->pub.n; i++) {
		if (!(members >> i & 1))
			continue;
		const struct hba_target *t = present(g, i);
		if (!t || !t->vpd.broadcast || g->pub.m[i].device > HBA_BROADCAST_DEVICE_MAX ||
		    other_agreement(g, members, t))
			return false;
	}
	return true;
}
