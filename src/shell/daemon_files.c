/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Image files: opened by clients, passed as descriptors, read and written for the core. What is in
 * the page cache is read on the loop; what is not, and all writing, goes to a thread.
 */
#include "shell/daemon_core.h"

#include "base/assert.h"
#include "shell/fdstore.h"
#include "shell/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define THREADS 2        /* of a file */
#define END_NS  NS_PER_S /* for what they are at, at the end */

struct file_work {
	struct work work;
	struct daemon *d;
	struct daemon_file *file;
	int fd;
	enum ini_action_kind kind;
	uint64_t op, offset, size;
	uint32_t len;
	struct block *data;
	uint8_t *bytes;
	int err;
};

struct kept_name {
	char text[24];
};

static struct kept_name kept_name(uint32_t job)
{
	struct kept_name name;

	(void)snprintf(name.text, sizeof(name.text), "job-%u", job);
	return name;
}

static void close_if_idle(struct daemon_file *f)
{
	if (!f->closing || f->work)
		return;
	workers_free(f->workers);
	if (f->kept)
		fdstore_remove(kept_name(f->kept).text);
	close(f->fd);
	*f = (struct daemon_file){.fd = -1};
}

/* ---- in a thread ---- */

/* Past the end of the file: zeros. An end before `size` is not the one that the job knows: what was
 * to be mirrored is not there any more, and zeros are no copy of it. */
static int read_all(int fd, uint8_t *p, size_t n, uint64_t offset, uint64_t size)
{
	while (n) {
		ssize_t got = pread(fd, p, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0 && offset < size)
			return ENODATA;
		if (got == 0) {
			memset(p, 0, n);
			return 0;
		}
		p += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

static int write_all(int fd, const uint8_t *p, size_t n, uint64_t offset)
{
	while (n) {
		ssize_t done = pwrite(fd, p, n, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? errno : EIO;
		p += done;
		n -= (size_t)done;
		offset += (uint64_t)done;
	}
	return 0;
}

static void run_work(struct work *work)
{
	struct file_work *w = (struct file_work *)work;

	if (w->kind == INI_ACT_FILE_READ)
		w->err = read_all(w->fd, w->bytes, w->len, w->offset, w->size);
	else if (w->kind == INI_ACT_FILE_WRITE)
		w->err = write_all(w->fd, w->bytes, w->len, w->offset);
	else
		w->err = fsync(w->fd) == 0 ? 0 : errno;
}

/* ---- on the loop ---- */

static void work_done(struct work *work)
{
	struct file_work *w = (struct file_work *)work;
	struct daemon *d = w->d;

	w->file->work--;
	d->files_open--;
	if (w->kind == INI_ACT_FILE_READ)
		ini_file_read_done(d->ini, w->op, w->err, w->err ? NULL : w->data);
	else
		ini_file_done(d->ini, w->op, w->err);
	block_unref(w->data);
	close_if_idle(w->file);
	free(w);
	loop_wake(d->loop);
}

static void fail_now(struct daemon *d, enum ini_action_kind kind, uint64_t op, int err)
{
	if (kind == INI_ACT_FILE_READ)
		ini_file_read_done(d->ini, op, err, NULL);
	else
		ini_file_done(d->ini, op, err);
}

static void to_thread(struct daemon *d, const struct ini_action *a, struct block *data)
{
	struct daemon_file *f = &d->files[a->file];
	struct file_work *w = calloc(1, sizeof(*w));

	if (!f->workers)
		f->workers = workers_new(loop_base(d->loop), THREADS);
	if (!w || !f->workers) {
		free(w);
		block_unref(data);
		fail_now(d, a->kind, a->op, ENOMEM);
		return;
	}
	*w = (struct file_work){
	        .work = {.run = run_work, .done = work_done},
	        .d = d,
	        .file = f,
	        .fd = f->fd,
	        .kind = a->kind,
	        .op = a->op,
	        .offset = a->offset,
	        .size = f->size,
	        .len = a->len,
	        .data = data,
	        .bytes = data ? data->data + (a->kind == INI_ACT_FILE_WRITE ? a->data_off : 0)
	                      : NULL,
	};
	f->work++;
	d->files_open++;
	workers_add(f->workers, &w->work);
}

static void read_file(struct daemon *d, const struct ini_action *a)
{
	struct block *b = daemon_bus_block(d, a->len);
	uint64_t op = a->op;

	if (!b) {
		ini_file_read_done(d->ini, op, ENOMEM, NULL);
		return;
	}
	struct iovec v = {.iov_base = b->data, .iov_len = a->len};
	ssize_t got = preadv2(d->files[a->file].fd, &v, 1, (off_t)a->offset, RWF_NOWAIT);
	if (got != (ssize_t)a->len) {
		to_thread(d, a, b);
		return;
	}
	ini_file_read_done(d->ini, op, 0, b);
	block_unref(b);
}

void files_act(struct daemon *d, const struct ini_action *a)
{
	sm_assert(a->file >= 0 && a->file < DAEMON_FILES && d->files[a->file].used);
	switch (a->kind) {
	case INI_ACT_FILE_READ:
		read_file(d, a);
		return;
	case INI_ACT_FILE_WRITE:
		to_thread(d, a, block_ref(a->data));
		return;
	case INI_ACT_FILE_SYNC:
		to_thread(d, a, NULL);
		return;
	case INI_ACT_FILE_CLOSE:
		d->files[a->file].closing = true;
		close_if_idle(&d->files[a->file]);
		return;
	case INI_ACT_BLOCK:
	case INI_ACT_SAVE:
	case INI_ACT_INTENT:
	case INI_ACT_REPLY:
	case INI_ACT_CHANGED:
	case INI_ACT_LOG:
		return; /* they are of no file */
	}
}

static bool check(int fd, bool writing, uint64_t *size, struct ctl_error *e)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || flags & O_PATH || fstat(fd, &st) != 0)
		return ctl_fail_param(e, "bad_descriptor", "image",
		                      "the descriptor that came is of no open file");
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return ctl_fail_param(e, "bad_descriptor", "image",
		                      "the image is neither a regular file nor a block device");
	if (writing && (flags & O_ACCMODE) == O_RDONLY)
		return ctl_fail_param(e, "bad_descriptor", "image",
		                      "the file is not open for writing");
	if (!writing && (flags & O_ACCMODE) == O_WRONLY)
		return ctl_fail_param(e, "bad_descriptor", "image",
		                      "the file is not open for reading");
	if (writing && flags & O_APPEND)
		return ctl_fail_param(e, "bad_descriptor", "image",
		                      "the file is open for appending only");
	if (flags & O_DIRECT)
		return ctl_fail_param(e, "bad_descriptor", "image",
		                      "the file is open with O_DIRECT");
	*size = (uint64_t)st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, size) != 0)
		return ctl_fail_param(e, "bad_descriptor", "image",
		                      "the size of the block device is not known: %s",
		                      strerror(errno));
	return true;
}

int files_add(struct daemon *d, int fd, bool writing, uint64_t *size, struct ctl_error *e)
{
	int i = 0;

	if (!check(fd, writing, size, e)) {
		close(fd);
		return -1;
	}
	while (i < DAEMON_FILES && d->files[i].used)
		i++;
	if (i == DAEMON_FILES) {
		close(fd);
		ctl_fail(e, CTL_FAILED, "too_many", "%d image files are open already",
		         DAEMON_FILES);
		return -1;
	}
	if (!writing)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	d->files[i] = (struct daemon_file){.used = true, .fd = fd, .size = *size};
	return i;
}

void files_keep(struct daemon *d, int file, uint32_t job)
{
	if (fdstore_put(kept_name(job).text, d->files[file].fd))
		d->files[file].kept = job;
}

void files_reopen(struct daemon *d, struct ini_job *j)
{
	struct ctl_error e;
	int fd = j->kept.file ? fdstore_take(kept_name(j->id).text) : -1;

	if (fd < 0)
		return;
	j->kept.handle = files_add(d, fd, j->type == JOB_READ, &j->kept.size, &e);
	j->kept.reopened = j->kept.handle >= 0;
	if (j->kept.reopened) {
		d->files[j->kept.handle].kept = j->id;
		return;
	}
	fdstore_remove(kept_name(j->id).text);
	log_warning("job %u: the file that was kept for it is not taken: %s", j->id, e.text);
}

bool files_busy(const struct daemon *d)
{
	for (int i = 0; i < DAEMON_FILES; i++)
		if (d->files[i].used && !d->files[i].closing && d->files[i].work)
			return true;
	return false;
}

bool files_end(struct daemon *d)
{
	for (int i = 0; i < DAEMON_FILES; i++) {
		struct workers *p = d->files[i].workers;
		d->files[i].workers = NULL; /* their last piece of work may close the file */
		if (!workers_end(p, END_NS))
			return false;
	}
	return true;
}

void files_free(struct daemon *d)
{
	for (int i = 0; i < DAEMON_FILES; i++)
		if (d->files[i].used)
			close(d->files[i].fd);
}
