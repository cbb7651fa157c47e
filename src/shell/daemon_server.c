/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: listening, and who may talk to it. */
#include "shell/daemon_core.h"

#include "shell/log.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

static bool get_peer(int fd, struct ctl_peer *peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return false;
	peer->uid = cred.uid;
	peer->gid = cred.gid;
	peer->pid = cred.pid;
	peer->n_groups = 0;
	len = sizeof(peer->groups);
	/* A peer in more groups than are looked at counts by its main group. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &len) == 0)
		peer->n_groups = (unsigned)(len / sizeof(gid_t));
	return true;
}

static void refuse(int fd, const char *kind, int code, const char *text)
{
	struct ctl_error e;
	struct jw w = jw_init();

	ctl_fail(&e, code, kind, "%s", text);
	ctl_put_error(&w, "", &e);
	if (!w.failed)
		(void)!send(fd, w.p, w.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	jw_free(&w);
	close(fd);
}

static void on_accept(void *ctx, int fd)
{
	struct daemon *d = ctx;
	struct ctl_peer peer = {.uid = (uid_t)-1};
	enum ctl_who who = get_peer(fd, &peer) ? ctl_who(&peer, geteuid(), d->group) : CTL_NOBODY;

	if (who == CTL_NOBODY) {
		log_notice("control socket: a connection was refused (uid %u)", (unsigned)peer.uid);
		refuse(fd, "permission_denied", CTL_DENIED,
		       "the control socket is for root, the daemon's user and the group smirror");
		return;
	}
	if (d->n_clients >= DAEMON_CONNECTIONS) {
		refuse(fd, "too_many_connections", CTL_LIMIT,
		       "the control socket has as many connections as it takes");
		return;
	}
	struct client *c = client_new(d, fd, &peer, who);
	if (!c) {
		refuse(fd, "internal", CTL_INTERNAL, "out of memory");
		return;
	}
	client_greet(c);
}

static void find_group(struct daemon *d)
{
	const struct group *g = getgrnam("smirror");

	d->group = g ? g->gr_gid : CTL_NO_GROUP;
}

bool server_start(struct daemon *d, char *why, size_t n)
{
	struct addr a;
	char text[sizeof(a.text)];

	find_group(d);
	if (snprintf(text, sizeof(text), "unix:%s", d->cfg.control) >= (int)sizeof(text)) {
		snprintf(why, n, "control socket %s: the path is too long", d->cfg.control);
		return false;
	}
	if (!addr_parse(text, &a, why, n))
		return false;
	int fd = addr_listen(&a, why, n);
	if (fd < 0)
		return false;
	/* Members of the group may connect; when the daemon's own group is another one, only root
	 * can say so. */
	if (d->group != CTL_NO_GROUP && d->group != getegid() &&
	    chown(d->cfg.control, (uid_t)-1, d->group) != 0)
		log_debug("control socket %s keeps its group: %s", d->cfg.control, strerror(errno));
	d->listener = listener_new(loop_base(d->loop), fd, on_accept, d);
	if (!d->listener) {
		snprintf(why, n, "out of memory");
		close(fd);
		unlink(d->cfg.control);
		return false;
	}
	return true;
}

void server_stop(struct daemon *d)
{
	if (!d->listener)
		return;
	listener_free(d->listener);
	d->listener = NULL;
	unlink(d->cfg.control);
}
