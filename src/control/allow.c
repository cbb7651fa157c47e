/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/allow.h"

enum ctl_who ctl_who(const struct ctl_peer *peer, uid_t daemon, gid_t smirror)
{
	if (peer->uid == 0 || peer->uid == daemon)
		return CTL_OWNER;
	if (smirror == CTL_NO_GROUP)
		return CTL_NOBODY;
	if (peer->gid == smirror)
		return CTL_GROUP_MEMBER;
	for (unsigned i = 0; i < peer->n_groups && i < CTL_GROUPS_MAX; i++)
		if (peer->groups[i] == smirror)
			return CTL_GROUP_MEMBER;
	return CTL_NOBODY;
}

bool ctl_may(enum ctl_who who, enum ctl_level level)
{
	switch (who) {
	case CTL_NOBODY:
		return false;
	case CTL_GROUP_MEMBER:
		return level == CTL_READ || level == CTL_JOB;
	case CTL_OWNER:
		return true;
	}
	return false;
}
