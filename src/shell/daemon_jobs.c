/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods of jobs. */
#include "shell/daemon_core.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void no_such_job(struct call *c, uint32_t id)
{
	call_fail_kind(c, "no_such_job", "there is no job %u", id);
}

/* Neither of the two files knows its number. */
static bool is_unsaved(const struct call *c)
{
	const struct daemon *d = c->d;

	return c->req->method == CTL_JOB_CREATE && d->jobs_done < c->jobs_version &&
	       c->job >= ini_saved_jobs(d->ini);
}

/* One whose number could not be saved ends by that: then it is known. */
bool jobs_may_answer(const struct call *c)
{
	const struct daemon *d = c->d;
	const struct ini_job *j = ini_job_find(d->ini, c->job);

	if (d->core_runs < c->after_run || d->jobs_tried < c->jobs_version)
		return false;
	return !is_unsaved(c) || !j || j->state == JOB_CONCLUDED || j->state == JOB_DISMISSED;
}

/* What a client was told of a job is what it is told after a restart: the file first. (If it cannot
 * be written, the log says so; but no number is given that may be given again.) And the cores run
 * before it is told: a job that is resumed says that it runs. */
void jobs_answer(struct call *c)
{
	struct daemon *d = c->d;
	const struct ini_job *j;

	if (c->wait != CALL_JOBS) {
		state_jobs(d);
		c->jobs_version = d->jobs_version;
		c->after_run = d->core_runs + 1;
		c->wait = CALL_JOBS;
		loop_wake(d->loop);
		return;
	}
	j = ini_job_find(d->ini, c->job);
	if (!j) {
		no_such_job(c, c->job);
		return;
	}
	if (is_unsaved(c)) {
		call_fail_kind(c, ini_kind_name(INI_E_STATE_DIR), "%s",
		               j->error.kind != INI_OK ? j->error.text
		                                       : "the job could not be saved");
		return;
	}
	ctl_put_job(call_begin(c), "result", j, true, loop_now());
	call_end(c);
}

/* ---- job.create ---- */

static bool take_image(struct call *c, struct ini_job_spec *spec, struct ctl_error *e)
{
	const struct ctl_request *r = c->req;
	bool needed = r->type == JOB_MIRROR || r->type == JOB_READ;

	if (!CTL_HAS(r, IMAGE)) {
		if (needed)
			return ctl_fail_param(e, "missing_parameter", "image",
			                      "job.create: parameter 'image' is missing: a %s job "
			                      "needs a file",
			                      ini_job_type_name(r->type));
		return true;
	}
	if (r->type == JOB_RESYNC || r->type == JOB_LOAD)
		return ctl_fail_param(e, "unknown_parameter", "image",
		                      "job.create: a %s job has no image",
		                      ini_job_type_name(r->type));
	int fd = client_claim(c->client);
	if (fd < 0)
		return ctl_fail_param(e, "missing_descriptor", "image",
		                      "job.create: no descriptor of %.200s came with the request",
		                      r->image);
	spec->image = files_add(c->d, fd, r->type == JOB_READ, &spec->image_size, e);
	spec->has_image = spec->image >= 0;
	snprintf(spec->image_name, sizeof(spec->image_name), "%s", r->image);
	return spec->has_image;
}

/* Parameters that only load jobs have, and those that have others in their place there. */
static const struct {
	unsigned bit;
	const char *name;
	bool of_loads;
} particular[] = {
        {HAS_OVERWRITE_BIT, "overwrite", true}, {HAS_PATTERN_BIT, "pattern", true},
        {HAS_BLOCK_BIT, "block_bytes", true},   {HAS_IN_FLIGHT_BIT, "in_flight", true},
        {HAS_SECONDS_BIT, "seconds", true},     {HAS_WRITES_BIT, "writes", true},
        {HAS_SEED_BIT, "seed", true},           {HAS_TRANSFER_BIT, "transfer_bytes", false},
        {HAS_WINDOW_BIT, "window", false},
};

static bool check_particular(const struct ctl_request *r, struct ctl_error *e)
{
	for (size_t i = 0; i < ARRAY_LEN(particular); i++) {
		if (!(r->has >> particular[i].bit & 1) ||
		    particular[i].of_loads == (r->type == JOB_LOAD))
			continue;
		return ctl_fail_param(e, "unknown_parameter", particular[i].name,
		                      "job.create: a %s job has no parameter '%s'",
		                      ini_job_type_name(r->type), particular[i].name);
	}
	if (r->type != JOB_LOAD || r->overwrite)
		return true;
	return ctl_fail_param(
	        e, CTL_HAS(r, OVERWRITE) ? "bad_value" : "missing_parameter", "overwrite",
	        "job.create: a load job overwrites what group %s holds with generated "
	        "data: parameter 'overwrite' must be true",
	        r->group);
}

void jobs_create(struct call *c)
{
	const struct ctl_request *r = c->req;
	struct ini_job_spec spec = {.type = r->type,
	                            .mode = r->mode,
	                            .transfer = r->type == JOB_LOAD ? r->block : r->transfer,
	                            .window = r->type == JOB_LOAD ? r->in_flight : r->window,
	                            .speed_limit = r->speed,
	                            .image = -1,
	                            .load = r->load};
	struct ctl_error e;
	struct ini_error ini;

	snprintf(spec.group, sizeof(spec.group), "%s", r->group);
	if (!check_particular(r, &e) || !take_image(c, &spec, &e)) {
		call_fail(c, &e);
		return;
	}
	c->job = ini_job_create(c->d->ini, &spec, &ini);
	if (!c->job) {
		if (spec.has_image)
			files_act(c->d, &(struct ini_action){.kind = INI_ACT_FILE_CLOSE,
			                                     .file = spec.image});
		call_fail_ini(c, &ini);
		return;
	}
	if (spec.has_image)
		files_keep(c->d, spec.image, c->job);
	jobs_answer(c);
}

/* ---- the others ---- */

static bool wanted(const struct ctl_request *r, const struct ini_job *j)
{
	if (CTL_HAS(r, GROUP) && strcmp(r->group, j->group))
		return false;
	return !r->live || (j->state != JOB_CONCLUDED && j->state != JOB_DISMISSED);
}

void jobs_list(struct call *c)
{
	struct daemon *d = c->d;
	struct jw *w = call_begin(c);
	ns_t now = loop_now();

	jw_obj(w, "result");
	jw_arr(w, "jobs");
	for (unsigned i = 0; i < ini_jobs(d->ini); i++)
		if (wanted(c->req, ini_job_at(d->ini, i)))
			ctl_put_job(w, NULL, ini_job_at(d->ini, i), false, now);
	jw_end_arr(w);
	jw_end_obj(w);
	call_end(c);
}

void jobs_show(struct call *c)
{
	const struct ini_job *j = ini_job_find(c->d->ini, c->req->job);

	if (!j) {
		no_such_job(c, c->req->job);
		return;
	}
	ctl_put_job(call_begin(c), "result", j, true, loop_now());
	call_end(c);
}

void jobs_wait(struct call *c)
{
	struct ini_error e;

	c->job = c->req->job;
	const struct ini_job *j = ini_job_find(c->d->ini, c->job);
	bool over = j && (j->state == JOB_CONCLUDED || j->state == JOB_DISMISSED);
	/* Of one that is over the answer is on its way, however short the time. */
	if (CTL_HAS(c->req, TIMEOUT) && !over)
		c->deadline = loop_now() + c->req->timeout_ms * NS_PER_MS;
	if (!ini_job_wait(c->d->ini, c->job, call_await_reply(c), &e))
		call_fail_ini(c, &e);
}

static bool change(struct call *c, struct ini_error *e)
{
	struct ini *ini = c->d->ini;

	if (c->req->method == CTL_JOB_PAUSE)
		return ini_job_pause(ini, c->job, e);
	if (c->req->method == CTL_JOB_RESUME)
		return ini_job_resume(ini, c->job, e);
	if (c->req->method == CTL_JOB_CANCEL)
		return ini_job_cancel(ini, c->job, e);
	if (c->req->method == CTL_JOB_DISMISS)
		return ini_job_dismiss(ini, c->job, e);
	sm_assert(c->req->method == CTL_JOB_SET_SPEED);
	return ini_job_set_speed(ini, c->job, c->req->speed, e);
}

void jobs_change(struct call *c)
{
	struct ini_error e;

	c->job = c->req->job;
	if (!change(c, &e))
		call_fail_ini(c, &e);
	else
		jobs_answer(c);
}
