/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of groups' write-intent logs, intent-UUID.log in the state directory: each is
 * written anew and renamed into place, in a thread, so that a write that waits for its mark does
 * not hold up the loop.
 */
#include "shell/daemon_core.h"

#include "base/assert.h"
#include "mirror/intent.h"
#include "shell/fileio.h"
#include "shell/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

struct log_save {
	struct work work;
	struct daemon *d;
	char name[64];
	uint64_t op;
	int err;
	size_t n;
	uint8_t bytes[INTENT_SAVED_MAX];
};

static void name_log(char *name, size_t n, const uint8_t uuid[UUID_LEN])
{
	char text[37];

	uuid_unparse_lower(uuid, text);
	(void)snprintf(name, n, "intent-%s.log", text);
}

/* The directory is not synced: a log that comes back is an orphan, whose UUID nobody has. */
static int remove_log(int dir, const char *name)
{
	return unlinkat(dir, name, 0) != 0 && errno != ENOENT ? errno : 0;
}

static void run_save(struct work *work)
{
	struct log_save *s = (struct log_save *)work;
	int dir = s->d->dir_fd;

	s->err = s->n ? state_write_file(dir, s->name, s->bytes, s->n) : remove_log(dir, s->name);
}

static void save_done(struct work *work)
{
	struct log_save *s = (struct log_save *)work;
	struct daemon *d = s->d;

	if (s->err)
		log_error("%s/%s could not be written: %s", d->cfg.state_dir, s->name,
		          strerror(s->err));
	d->logs_saving--;
	ini_intent_saved(d->ini, s->op, s->err);
	free(s);
	loop_wake(d->loop);
}

void logs_save(struct daemon *d, const struct ini_action *a)
{
	struct log_save *s = malloc(sizeof(*s));

	sm_assert(a->len <= INTENT_SAVED_MAX);
	if (!s) {
		ini_intent_saved(d->ini, a->op, ENOMEM);
		return;
	}
	s->work = (struct work){.run = run_save, .done = save_done};
	s->d = d;
	s->op = a->op;
	s->n = a->len;
	name_log(s->name, sizeof(s->name), a->uuid);
	memcpy(s->bytes, a->bytes, a->len);
	d->logs_saving++;
	workers_add(d->workers, &s->work);
}

/* ---- the start ---- */

/* One more byte than a log can have; -1 with errno. */
static ssize_t read_log(int dir, const char *name, uint8_t *to)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -1;
	ssize_t n = fileio_load(fd, to, INTENT_SAVED_MAX + 1);
	int err = errno;
	close(fd);
	errno = err;
	return n;
}

void logs_restore(struct daemon *d)
{
	static uint8_t bytes[INTENT_SAVED_MAX + 1];
	char name[64];
	struct ini_error e;

	for (unsigned i = 0; i < ini_groups(d->ini); i++) {
		const struct ini_group *g = ini_group_at(d->ini, i);

		name_log(name, sizeof(name), g->uuid);
		ssize_t n = read_log(d->dir_fd, name, bytes);
		if (n < 0 && errno != ENOENT)
			log_error("%s/%s: %s", d->cfg.state_dir, name, strerror(errno));
		if (!ini_restore_intent(d->ini, g->name, n < 0 ? NULL : bytes,
		                        n < 0 ? 0 : (size_t)n, &e))
			log_error("%s/%s: %s", d->cfg.state_dir, name, e.text);
	}
}
