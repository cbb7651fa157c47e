/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state directory: state.json (identity, groups, next job id) and jobs.json. Each is written
 * anew to a temporary file, synced, renamed into place, and the directory synced: after a crash
 * there is the old file or the new one. What a daemon that was killed has left is synced before it
 * is read. A lock on the directory keeps a second daemon out.
 */
#include "shell/daemon_core.h"

#include "base/assert.h"
#include "shell/dirsync.h"
#include "shell/fdstore.h"
#include "shell/fileio.h"
#include "shell/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>

#define STATE_FILE "state.json"
#define JOBS_FILE  "jobs.json"

#define JOBS_RETRY_NS (2 * NS_PER_S) /* after jobs.json could not be written */

struct save {
	struct work work;
	struct daemon *d;
	int dir;
	const char *name;
	struct jw text;
	uint64_t seq;
	int err;
};

/* ---- writing, in a thread ---- */

int state_write_file(int dir, const char *name, const void *bytes, size_t len)
{
	char tmp[64];
	int err = 0;

	snprintf(tmp, sizeof(tmp), "%s.new", name);
	int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno;
	if (!fileio_put(fd, bytes, len, 0))
		err = errno;
	if (!err && fsync(fd) != 0)
		err = errno;
	if (close(fd) != 0 && !err)
		err = errno;
	if (!err && renameat(dir, tmp, dir, name) != 0)
		err = errno;
	if (!err && fsync(dir) != 0)
		err = errno;
	return err;
}

static void run_save(struct work *work)
{
	struct save *s = (struct save *)work;

	s->err = s->text.failed ? ENOMEM : state_write_file(s->dir, s->name, s->text.p, s->text.n);
	jw_free(&s->text);
}

/* ---- state.json ---- */

static void put_state(struct daemon *d, struct jw *w)
{
	struct ctl_state *s = d->state;

	memcpy(s->uuid, d->uuid, UUID_LEN);
	s->next_job = ini_next_job(d->ini);
	s->n = ini_groups(d->ini);
	sm_assert(s->n <= INI_GROUPS_MAX);
	for (unsigned i = 0; i < s->n; i++)
		ini_group_save(d->ini, i, &s->groups[i]);
	ctl_state_put(w, s);
}

static void start_save(struct daemon *d, uint64_t seq)
{
	d->saving = true;
	d->save->seq = seq;
	d->save->text = jw_init();
	put_state(d, &d->save->text);
	if (d->stopped) /* the threads have ended */
		run_save(&d->save->work);
	else
		workers_add(d->workers, &d->save->work);
}

static void save_done(struct work *work)
{
	struct save *s = (struct save *)work;
	struct daemon *d = s->d;

	d->saving = false;
	if (s->err)
		log_error("%s/%s could not be written: %s", d->cfg.state_dir, s->name,
		          strerror(s->err));
	ini_saved(d->ini, s->seq, s->err);
	if (d->save_again) {
		d->save_again = false;
		start_save(d, d->save_again_seq);
	}
	loop_wake(d->loop);
}

void state_save(struct daemon *d, uint64_t seq)
{
	if (d->saving) {
		d->save_again = true;
		d->save_again_seq = seq;
	} else {
		start_save(d, seq);
	}
}

/* ---- jobs.json ---- */

static uint64_t add(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * 0x100000001b3ULL;
}

/* Changes whenever what is written of the jobs would, but for what live ones have cost so far. */
static uint64_t jobs_sum(const struct ctl_jobs *jobs)
{
	uint64_t sum = 0xcbf29ce484222325ULL;

	for (unsigned i = 0; i < jobs->n; i++) {
		const struct ini_job *j = jobs->j[i];
		bool over = j->state == JOB_CONCLUDED || j->state == JOB_DISMISSED;
		uint64_t one = (uint64_t)j->id << 16 | (uint64_t)(j->state == JOB_DISMISSED) << 8 |
		               (over ? (uint64_t)j->conclusion + 1 : 0);

		sum = add(sum, one);
		if (over)
			continue;
		sum = add(sum, (uint64_t)j->kept.cancelled << 1 | j->kept.paused);
		sum = add(sum, j->speed_limit);
		sum = add(sum, j->kept.swept);
	}
	return sum;
}

static void gather_jobs(const struct daemon *d, struct ctl_jobs *all)
{
	all->n = ini_jobs(d->ini);
	sm_assert(all->n <= CTL_JOBS_MAX);
	for (unsigned i = 0; i < all->n; i++)
		all->j[i] = ini_job_at(d->ini, i);
}

/* What has changed since the last try is tried at once: somebody may wait for it. */
ns_t state_deadline(const struct daemon *d)
{
	if (d->jobs_saving || d->jobs_version == d->jobs_done)
		return NS_NEVER;
	return d->jobs_version == d->jobs_tried ? d->jobs_retry_at : 0;
}

void state_jobs(struct daemon *d)
{
	struct ctl_jobs all;

	d->jobs_touched = false;
	gather_jobs(d, &all);
	uint64_t sum = jobs_sum(&all);
	if (sum != d->jobs_sum) {
		d->jobs_sum = sum;
		d->jobs_version++;
	}
	if (d->jobs_version == d->jobs_done || d->jobs_saving || loop_now() < state_deadline(d))
		return;
	d->jobs_saving = true;
	d->jobs_save->seq = d->jobs_version;
	d->jobs_save->text = jw_init();
	ctl_jobs_put(&d->jobs_save->text, &all);
	workers_add(d->workers, &d->jobs_save->work);
}

static void jobs_saved(struct work *work)
{
	struct save *s = (struct save *)work;
	struct daemon *d = s->d;

	d->jobs_saving = false;
	d->jobs_tried = s->seq;
	if (!s->err)
		d->jobs_done = s->seq;
	else
		d->jobs_retry_at = loop_now() + JOBS_RETRY_NS;
	if (s->err && !d->jobs_broken)
		log_error("%s/%s could not be written: %s; until it can, what becomes of jobs will "
		          "not survive a restart",
		          d->cfg.state_dir, s->name, strerror(s->err));
	if (!s->err && d->jobs_broken)
		log_notice("%s/%s could be written again", d->cfg.state_dir, s->name);
	d->jobs_broken = s->err != 0;
	loop_wake(d->loop);
}

bool state_idle(const struct daemon *d)
{
	return !d->saving && !d->jobs_saving && d->jobs_version == d->jobs_tried;
}

void state_end(struct daemon *d)
{
	if (d->jobs_version != d->jobs_done)
		d->jobs_version++;
}

/* ---- the start ---- */

static bool lock_dir(struct daemon *d, char *why, size_t n)
{
	const char *path = d->cfg.state_dir;

	if (mkdir(path, 0750) != 0 && errno != EEXIST) {
		snprintf(why, n, "state directory %s: %s", path, strerror(errno));
		return false;
	}
	d->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir_fd < 0) {
		snprintf(why, n, "state directory %s: %s", path, strerror(errno));
		return false;
	}
	if (faccessat(d->dir_fd, ".", W_OK | X_OK, AT_EACCESS) != 0) {
		snprintf(why, n, "state directory %s cannot be written to: %s", path,
		         strerror(errno));
		return false;
	}
	if (flock(d->dir_fd, LOCK_EX | LOCK_NB) != 0) {
		snprintf(why, n, "state directory %s is in use by another daemon", path);
		return false;
	}
	/* One that was killed may have given a file its name, and not made that durable. What it
	 * says is gone by from here on: it must not be one of before when the machine ends. */
	if (fsync(d->dir_fd) != 0) {
		snprintf(why, n, "state directory %s cannot be synced: %s", path, strerror(errno));
		return false;
	}
	return true;
}

/* The file's text, NUL behind it; NULL with why, or with *missing when it is not there. */
static char *read_file(int dir, const char *name, size_t *n, bool *missing, char *why, size_t why_n)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *text = NULL;

	*missing = fd < 0 && errno == ENOENT;
	if (fd < 0 || !(text = malloc(CTL_STATE_MAX + 2))) {
		snprintf(why, why_n, "%s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	ssize_t got = fileio_load(fd, text, CTL_STATE_MAX + 1);
	if (got < 0 || (size_t)got > CTL_STATE_MAX) {
		snprintf(why, why_n, "%s",
		         got < 0 ? strerror(errno) : "it is longer than any state file");
		close(fd);
		free(text);
		return NULL;
	}
	close(fd);
	text[got] = '\0';
	*n = (size_t)got;
	return text;
}

static bool load_state(struct daemon *d, char *why, size_t n)
{
	bool missing;
	size_t len;
	char inner[160];
	char *text = read_file(d->dir_fd, STATE_FILE, &len, &missing, inner, sizeof(inner));
	bool ok = text && ctl_state_get(text, len, d->state, inner, sizeof(inner));

	free(text);
	if (missing) {
		memset(d->state, 0, sizeof(*d->state));
		uuid_generate(d->state->uuid);
		d->state->next_job = 1;
	} else if (!ok) {
		snprintf(why, n, "%s/%s is refused: %s", d->cfg.state_dir, STATE_FILE, inner);
		return false;
	}
	memcpy(d->uuid, d->state->uuid, UUID_LEN);
	if (!missing)
		return true;
	/* The identity is made once, so it must be there before the bus hears of it. */
	struct jw w = jw_init();
	ctl_state_put(&w, d->state);
	int err = w.failed ? ENOMEM : state_write_file(d->dir_fd, STATE_FILE, w.p, w.n);
	/* And so must be the directory, which was perhaps made just now. Who may not read the
	 * parent directory cannot sync it, either. */
	if (!err && !dirsync(d->cfg.state_dir) && errno != EACCES)
		err = errno;
	jw_free(&w);
	if (err)
		snprintf(why, n, "%s/%s could not be written: %s", d->cfg.state_dir, STATE_FILE,
		         strerror(err));
	return !err;
}

static bool load_jobs(struct daemon *d, char *why, size_t n)
{
	bool missing;
	size_t len;
	char inner[160];
	char *text = read_file(d->dir_fd, JOBS_FILE, &len, &missing, inner, sizeof(inner));
	bool ok = text && ctl_jobs_get(text, len, &d->old_jobs, inner, sizeof(inner));

	free(text);
	if (!ok && !missing)
		snprintf(why, n, "%s/%s is refused: %s", d->cfg.state_dir, JOBS_FILE, inner);
	return ok || missing;
}

bool state_start(struct daemon *d, char *why, size_t n)
{
	d->state = calloc(1, sizeof(*d->state));
	d->save = calloc(1, sizeof(*d->save));
	d->jobs_save = calloc(1, sizeof(*d->jobs_save));
	if (!d->state || !d->save || !d->jobs_save) {
		snprintf(why, n, "out of memory");
		return false;
	}
	if (!lock_dir(d, why, n) || !load_state(d, why, n) || !load_jobs(d, why, n))
		return false;
	*d->save = (struct save){.work = {.run = run_save, .done = save_done},
	                         .d = d,
	                         .dir = d->dir_fd,
	                         .name = STATE_FILE};
	*d->jobs_save = (struct save){.work = {.run = run_save, .done = jobs_saved},
	                              .d = d,
	                              .dir = d->dir_fd,
	                              .name = JOBS_FILE};
	return true;
}

/* One that ctl_jobs_get() has made. */
static void restore_job(struct daemon *d, struct ini_job *j)
{
	struct ini_error e;

	if (j->state != JOB_CONCLUDED && j->state != JOB_DISMISSED)
		files_reopen(d, j);
	if (ini_restore_job(d->ini, j, &e))
		return;
	log_warning("job %u is not listed any more: %s", j->id, e.text);
	if (j->kept.reopened)
		files_act(d,
		          &(struct ini_action){.kind = INI_ACT_FILE_CLOSE, .file = j->kept.handle});
}

bool state_restore(struct daemon *d, char *why, size_t n)
{
	struct ini_error e;
	uint32_t next = d->state->next_job ? d->state->next_job : 1;

	for (unsigned i = 0; i < d->state->n; i++) {
		if (!ini_restore_group(d->ini, &d->state->groups[i], &e)) {
			snprintf(why, n, "%s/%s is refused: %s", d->cfg.state_dir, STATE_FILE,
			         e.text);
			return false;
		}
	}
	logs_restore(d);
	for (unsigned i = 0; i < d->old_jobs.n; i++) {
		if (d->old_jobs.j[i]->id >= next)
			next = d->old_jobs.j[i]->id + 1;
		restore_job(d, (struct ini_job *)(uintptr_t)d->old_jobs.j[i]);
	}
	fdstore_end();
	ctl_jobs_free(&d->old_jobs);
	ini_restore_next_job(d->ini, next);
	state_jobs(d); /* what has failed by that: durable, too */
	return true;
}

void state_stop(struct daemon *d)
{
	ctl_jobs_free(&d->old_jobs);
	free(d->save);
	free(d->jobs_save);
	free(d->state);
	if (d->dir_fd >= 0)
		close(d->dir_fd);
}
