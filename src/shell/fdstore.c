/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/fdstore.h"

#ifdef HAVE_LIBSYSTEMD
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* As many as the manager gave, in its order; NULL in `name`: taken. */
static struct {
	int n;
	char **name;
} given;

void fdstore_start(void)
{
	int n = sd_listen_fds_with_names(1, &given.name);

	given.n = n > 0 ? n : 0;
	for (int i = 0; i < given.n; i++)
		(void)fcntl(SD_LISTEN_FDS_START + i, F_SETFD, FD_CLOEXEC);
}

static void taken(int i)
{
	free(given.name[i]);
	given.name[i] = NULL;
}

static void close_spare(const char *name)
{
	for (int i = 0; i < given.n; i++) {
		if (!given.name[i] || strcmp(given.name[i], name) != 0)
			continue;
		(void)close(SD_LISTEN_FDS_START + i);
		taken(i);
	}
}

int fdstore_take(const char *name)
{
	for (int i = 0; i < given.n; i++) {
		if (!given.name[i] || strcmp(given.name[i], name) != 0)
			continue;
		taken(i);
		close_spare(name); /* to remove it would remove both */
		return SD_LISTEN_FDS_START + i;
	}
	return -1;
}

void fdstore_end(void)
{
	for (int i = 0; i < given.n; i++) {
		if (!given.name[i])
			continue;
		fdstore_remove(given.name[i]);
		(void)close(SD_LISTEN_FDS_START + i);
		taken(i);
	}
	free(given.name);
	given.name = NULL;
	given.n = 0;
}

/* FDPOLL=0: a file is not to go by what poll() says of it. */
bool fdstore_put(const char *name, int fd)
{
	char state[300];
	int len = snprintf(state, sizeof(state), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);

	return len > 0 && (size_t)len < sizeof(state) &&
	       sd_pid_notify_with_fds(0, 0, state, &fd, 1) > 0;
}

void fdstore_remove(const char *name)
{
	char state[300];
	int len = snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=%s", name);

	if (len > 0 && (size_t)len < sizeof(state))
		(void)sd_notify(0, state);
}
#else
void fdstore_start(void)
{
}

int fdstore_take(const char *name)
{
	(void)name;
	return -1;
}

void fdstore_end(void)
{
}

bool fdstore_put(const char *name, int fd)
{
	(void)name;
	(void)fd;
	return false;
}

void fdstore_remove(const char *name)
{
	(void)name;
}
#endif
