/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs: the file is opened here and passed to the daemon; then the job is followed to its end. */
#include "shell/cli.h"
#include "shell/cli_conn.h"
#include "shell/cli_progress.h"
#include "shell/cli_show.h"
#include "shell/cli_table.h"
#include "shell/cli_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_NS       (NS_PER_S / 10) /* between two looks at a job */
#define POLL_LIMIT_NS (60 * NS_PER_S) /* for the answer to one */
#define IMAGE_MAX     255             /* bytes of the name that the daemon takes */

struct follow {
	struct cli *cli;
	uint64_t job;
	json_int_t wait_id, look_id; /* look_id: 0 when no look is in flight */
	ns_t look_ns;                /* when it began, or the next one is due */
	struct cli_progress progress;
};

/* The result of a job: for people the targets and one last line. */
static int conclude(struct cli *cli, const json_t *job)
{
	char text[1024];
	int status = cli_job_status(job);

	if (cli->json) {
		cli_put_json(job);
		return status;
	}
	cli_job_summary(job, text, sizeof(text));
	cli_show_job_targets(stdout, job);
	cli_show_latency(stdout, job);
	if (strcmp(cli_str(job, "conclusion"), "success") == 0 || status == CLI_OK)
		(void)printf("\n%s\n", text);
	else
		cli_say("%s", text);
	return status;
}

static int detached(struct follow *f)
{
	int signo = cli_signal();

	cli_progress_end(&f->progress);
	cli_say("detached from job %llu, which goes on: '%s job wait %llu' follows it, "
	        "'%s job cancel %llu' ends it",
	        (unsigned long long)f->job, CLI_PROGRAM, (unsigned long long)f->job, CLI_PROGRAM,
	        (unsigned long long)f->job);
	return CLI_SIGNAL + signo;
}

static int lost(struct follow *f, const char *kind, const char *why)
{
	cli_progress_end(&f->progress);
	return cli_no_answer(
	        f->cli, kind,
	        "lost sight of job %llu: %s; '%s job show %llu' tells what became of it",
	        (unsigned long long)f->job, why, CLI_PROGRAM, (unsigned long long)f->job);
}

/* Takes a message; true when it ended the job, with its exit status. */
static bool heard(struct follow *f, const json_t *m, int *status)
{
	const json_t *result = json_object_get(m, "result");

	if (f->look_id && cli_answers(m, f->look_id)) {
		f->look_id = 0;
		f->look_ns += POLL_NS;
		if (result && !f->cli->json)
			cli_progress_show(&f->progress, result, cli_now());
		return false;
	}
	if (!cli_answers(m, f->wait_id))
		return false;
	cli_progress_end(&f->progress);
	if (result) {
		*status = conclude(f->cli, result);
	} else {
		cli_tell_error(f->cli, json_object_get(m, "error"));
		*status = f->cli->status;
	}
	return true;
}

/* Looks at the job where it is time to. Returns when to do the next thing, 0 when the daemon is
 * silent. */
static ns_t look(struct follow *f)
{
	ns_t now = cli_now();

	if (f->look_id)
		return now - f->look_ns < POLL_LIMIT_NS ? f->look_ns + POLL_LIMIT_NS : 0;
	if (now < f->look_ns)
		return f->look_ns;
	json_t *params = json_pack("{s:I}", "id", (json_int_t)f->job);
	f->look_id = cli_conn_send(f->cli->conn, "job.show", params, -1);
	json_decref(params);
	f->look_ns = now;
	return now + POLL_LIMIT_NS;
}

static int follow(struct cli *cli, uint64_t job, const json_t *wait_params)
{
	struct follow f = {
	        .cli = cli, .job = job, .look_ns = cli_now(), .progress = cli_progress_on(stderr)};
	int status = CLI_FAILED;

	f.wait_id = cli_conn_send(cli->conn, "job.wait", wait_params, -1);
	if (!f.wait_id)
		return lost(&f, "connection_lost", cli_conn_why(cli->conn));
	for (;;) {
		json_t *m = NULL;
		ns_t until = look(&f), now = cli_now();

		if (until == 0)
			return lost(&f, "no_answer", "the daemon does not answer");
		switch (cli_conn_next(cli->conn, until > now ? until - now : 0, &m)) {
		case CLI_GOT_MESSAGE: {
			bool over = heard(&f, m, &status);
			json_decref(m);
			if (over)
				return status;
			break;
		}
		case CLI_GOT_TIMEOUT:
			break;
		case CLI_GOT_SIGNAL:
			return detached(&f);
		case CLI_GOT_END:
			return lost(&f, "connection_lost", cli_conn_why(cli->conn));
		}
	}
}

int cli_run_wait(struct cli *cli)
{
	cli_hold_signals();
	if (!cli_connect(cli))
		return cli->status;
	return follow(cli, cli_u64(cli->params, "id"), cli->params);
}

/* The name under which the daemon knows the file: UTF-8, its end where it is too long. */
static json_t *image_name(const char *path)
{
	size_t n = strlen(path);
	const char *from = n > IMAGE_MAX ? path + n - IMAGE_MAX : path;
	char clean[IMAGE_MAX + 1];

	while (((unsigned char)*from & 0xc0) == 0x80) /* not in the midst of a character */
		from++;
	return json_string(cli_clean(from, clean, sizeof(clean)));
}

/* Opens what the job reads, or (`read`) writes; *created: it was not there before. What it held is
 * kept until the daemon has taken the job. */
static int open_file(struct cli *cli, const char *path, bool writes, bool *created)
{
	/* O_NONBLOCK: a FIFO must not keep us waiting before it is refused. */
	int flags = (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK;
	int fd = open(path, flags);
	struct stat st;

	*created = writes && fd < 0 && errno == ENOENT;
	if (*created)
		fd = open(path, flags | O_CREAT | O_EXCL, 0666);
	if (fd < 0) {
		(void)cli_fail(cli, CLI_FAILED, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))) {
		(void)cli_fail(cli, CLI_FAILED, "%s is neither a regular file nor a block device",
		               path);
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* The file gets the size that the job will fill: what the daemon writes meanwhile lies within. */
static void set_size(int fd, const json_t *job)
{
	uint64_t size = cli_u64(job, "total_bytes");
	struct stat st;

	if (size > 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    ftruncate(fd, (off_t)size) != 0)
		cli_say("the file keeps its length: %s", strerror(errno));
}

static json_t *create(struct cli *cli, const char *path)
{
	bool writes = strcmp(cli_str(cli->params, "type"), "read") == 0, created = false;
	int fd = -1;

	if (path) {
		fd = open_file(cli, path, writes, &created);
		if (fd < 0)
			return NULL;
		(void)json_object_set_new(cli->params, "image", image_name(path));
	}
	json_t *job = cli_call(cli, "job.create", cli->params, fd);
	if (job && writes && fd >= 0)
		set_size(fd, job);
	if (fd >= 0)
		(void)close(fd);
	if (!job && created)
		(void)unlink(path);
	return job;
}

int cli_run_job(struct cli *cli)
{
	const char *path = cli_local_text(cli, "IMAGE");
	/* `job create` only creates. */
	bool detach = cli_local_flag(cli, "--detach") || !cli->command->job_type;

	if (!path)
		path = cli_local_text(cli, "FILE");
	if (!cli_connect(cli))
		return cli->status;
	if (!detach)
		cli_hold_signals();
	json_t *job = create(cli, path);
	if (!job)
		return cli->status;
	uint64_t id = cli_u64(job, "id");
	if (detach && cli->json)
		cli_put_json(job);
	else if (detach)
		cli_show_job_line(stdout, job);
	json_decref(job);
	if (detach)
		return CLI_OK;
	json_t *params = json_pack("{s:I}", "id", (json_int_t)id);
	int status = follow(cli, id, params);
	json_decref(params);
	return status;
}

/* It is asked for by name what no other command does to a group's data without an image in hand. */
int cli_run_load(struct cli *cli)
{
	if (!cli_true(cli->params, "overwrite"))
		return cli_fail(cli, CLI_USAGE,
		                "load overwrites what group %s holds with generated data: add "
		                "--overwrite if it may",
		                cli_str(cli->params, "group"));
	return cli_run_job(cli);
}
