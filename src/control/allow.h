/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may do what on the control socket, by the credentials of the accepted connection: root and
 * the daemon's user everything; members of the group `smirror` jobs and reading; others nothing.
 */
#ifndef CONTROL_ALLOW_H
#define CONTROL_ALLOW_H

#include "control/schema.h"

#include <sys/types.h>

#define CTL_GROUPS_MAX 256 /* supplementary groups that are looked at */
#define CTL_NO_GROUP   ((gid_t)-1)

enum ctl_who { CTL_NOBODY, CTL_GROUP_MEMBER, CTL_OWNER };

struct ctl_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	unsigned n_groups;
	gid_t groups[CTL_GROUPS_MAX];
};

/* daemon: the daemon's user; smirror: the group, CTL_NO_GROUP where there is none. */
enum ctl_who ctl_who(const struct ctl_peer *peer, uid_t daemon, gid_t smirror);
bool ctl_may(enum ctl_who who, enum ctl_level level);

#endif
