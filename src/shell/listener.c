/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/listener.h"

#include "shell/addr.h"
#include "shell/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_MOST 16 /* of one wake */
#define PAUSE_MS     100

struct listener {
	int fd;
	listener_fn fn;
	void *ctx;
	struct event *ev_accept, *ev_pause;
	bool told; /* of the shortage */
	bool busy, freed;
};

static void pause_accepting(struct listener *l, int error)
{
	const struct timeval t = {.tv_usec = PAUSE_MS * 1000};

	if (!l->told)
		log_warning("cannot accept a connection: %s; trying again", strerror(error));
	l->told = true;
	if (event_add(l->ev_pause, &t) == 0)
		(void)event_del(l->ev_accept);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	(void)fd, (void)what;
	(void)event_add(l->ev_accept, NULL);
}

static void accept_some(struct listener *l)
{
	for (int i = 0; i < ACCEPTS_MOST && !l->freed; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			l->told = false;
			addr_tune(fd);
			l->fn(l->ctx, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		           errno == ENOMEM) {
			pause_accepting(l, errno);
			return;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		}
		/* Others (ECONNABORTED ...) concern that one connection only. */
	}
}

static void destroy(struct listener *l)
{
	if (l->ev_accept)
		event_free(l->ev_accept);
	if (l->ev_pause)
		event_free(l->ev_pause);
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	(void)fd, (void)what;

	l->busy = true;
	accept_some(l);
	l->busy = false;
	if (l->freed)
		destroy(l);
}

struct listener *listener_new(struct event_base *base, int fd, listener_fn fn, void *ctx)
{
	struct listener *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	*l = (struct listener){.fd = fd, .fn = fn, .ctx = ctx};
	l->ev_accept = event_new(base, fd, EV_READ | EV_PERSIST, on_accept, l);
	l->ev_pause = event_new(base, -1, 0, on_pause_over, l);
	if (l->ev_accept && l->ev_pause && event_add(l->ev_accept, NULL) == 0)
		return l;
	l->fd = -1;
	destroy(l);
	return NULL;
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	l->freed = true;
	if (!l->busy)
		destroy(l);
}
