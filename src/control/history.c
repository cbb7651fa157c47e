/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/state.h"

#include "control/saved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_over(const struct ini_job *j)
{
	return j->state == JOB_CONCLUDED || j->state == JOB_DISMISSED;
}

static void put_target(struct jw *w, const struct ini_job_target *t)
{
	jw_obj(w, NULL);
	jw_hex(w, "uuid", t->uuid, UUID_LEN);
	jw_str(w, "name", t->name);
	jw_u64(w, "good", t->good);
	jw_u64(w, "resent", t->resent);
	jw_u64(w, "bad", t->bad);
	jw_u64(w, "repaired", t->repaired);
	jw_end_obj(w);
}

/* The numbers of a load job, written and read by one table. */
static const struct {
	const char *name;
	size_t at;
	bool moves; /* until it is over */
} load_members[] = {
        {"seed", offsetof(struct ini_load, spec.seed), false},
        {"for_ns", offsetof(struct ini_load, spec.for_ns), false},
        {"most", offsetof(struct ini_load, spec.writes), false},
        {"writes", offsetof(struct ini_load, writes), true},
        {"ran_ns", offsetof(struct ini_load, ran_ns), true},
        {"min_ns", offsetof(struct ini_load, latency.min), true},
        {"mean_ns", offsetof(struct ini_load, latency.mean), true},
        {"p50_ns", offsetof(struct ini_load, latency.p50), true},
        {"p90_ns", offsetof(struct ini_load, latency.p90), true},
        {"p99_ns", offsetof(struct ini_load, latency.p99), true},
        {"p99_9_ns", offsetof(struct ini_load, latency.p99_9), true},
        {"max_ns", offsetof(struct ini_load, latency.max), true},
};

static void put_load(struct jw *w, const struct ini_load *l, bool over)
{
	jw_obj(w, "load");
	jw_str(w, "pattern", ini_pattern_name(l->spec.pattern));
	for (size_t i = 0; i < ARRAY_LEN(load_members); i++) {
		uint64_t v;
		memcpy(&v, (const char *)l + load_members[i].at, sizeof(v));
		jw_u64(w, load_members[i].name, over || !load_members[i].moves ? v : 0);
	}
	jw_end_obj(w);
}

static void get_load(struct saved *g, const json_t *o, struct ini_load *l)
{
	l->spec.pattern = saved_pattern(g, o);
	for (size_t i = 0; i < ARRAY_LEN(load_members); i++) {
		uint64_t v = saved_u64(g, o, load_members[i].name, SAVED_COUNT_MAX);
		memcpy((char *)l + load_members[i].at, &v, sizeof(v));
	}
}

/* Of a live job: what a daemon that is started again needs to go on with it, or to say why not. */
static void put_live(struct jw *w, const struct ini_job *j)
{
	const struct ini_kept *k = &j->kept;

	jw_obj(w, "live");
	jw_hex(w, "group", k->group, UUID_LEN);
	jw_bool(w, "file", k->file);
	jw_bool(w, "recovery", j->recovery);
	jw_bool(w, "paused", k->paused);
	jw_bool(w, "cancelled", k->cancelled);
	jw_u64(w, "speed_limit", j->speed_limit);
	jw_u64(w, "swept", k->swept);
	jw_u64(w, "mended", k->mended);
	jw_end_obj(w);
}

/* Of a live job that does not go on after a restart only what does not move; of another one what it
 * has cost until now, too, with how far it is. The file is written when a job comes, is steered or
 * ends, and now and then when it has got on. */
static void put_job(struct jw *w, const struct ini_job *j)
{
	bool over = is_over(j), counts = over || ini_job_goes_on(j);

	jw_obj(w, NULL);
	jw_u64(w, "id", j->id);
	jw_str(w, "type", ini_job_type_name(j->type));
	jw_str(w, "mode", ini_mode_name(j->mode));
	jw_str(w, "group", j->group);
	jw_str(w, "image", j->image);
	jw_u64(w, "transfer", j->transfer);
	jw_u64(w, "window", j->window);
	jw_u64(w, "total", j->total);
	jw_bool(w, "dismissed", j->state == JOB_DISMISSED);
	jw_str(w, "conclusion", ini_conclusion_name(over ? j->conclusion : JOB_NONE));
	jw_str(w, "error", ini_kind_name(over ? j->error.kind : INI_OK));
	jw_str(w, "text", over && j->error.kind != INI_OK ? j->error.text : "");
	jw_str(w, "member", over && j->error.kind != INI_OK ? j->error.member : "");
	jw_u64(w, "done", over ? j->done : 0);
	jw_u64(w, "elapsed_ns",
	       over && j->ended_ns > j->started_ns ? j->ended_ns - j->started_ns : 0);
	jw_u64(w, "running_ns", counts ? j->running_ns : 0);
	jw_u64(w, "silent", counts ? j->passes[INI_SILENT] : 0);
	jw_u64(w, "conventional", counts ? j->passes[INI_CONVENTIONAL] : 0);
	jw_u64(w, "broadcast", counts ? j->passes[INI_BROADCAST] : 0);
	jw_u64(w, "resend", counts ? j->resend_passes : 0);
	jw_u64(w, "bus_ns", counts ? j->bus_ns : 0);
	jw_u64(w, "differing", over ? j->differing : 0);
	if (!over)
		put_live(w, j);
	if (j->type == JOB_LOAD)
		put_load(w, &j->load, over);
	jw_arr(w, "targets");
	for (unsigned i = 0; counts && i < j->n_targets && i < INI_MEMBERS_MAX; i++)
		put_target(w, &j->t[i]);
	jw_end_arr(w);
	jw_end_obj(w);
}

void ctl_jobs_put(struct jw *w, const struct ctl_jobs *s)
{
	struct jw c = jw_init();

	jw_obj(&c, NULL);
	jw_arr(&c, "jobs");
	for (unsigned i = 0; i < s->n; i++)
		put_job(&c, s->j[i]);
	jw_end_arr(&c);
	jw_end_obj(&c);
	saved_put(w, "smirror-jobs", &c);
	jw_free(&c);
}

static void get_targets(struct saved *g, const json_t *list, struct ini_job *j)
{
	if (!json_is_array(list) || json_array_size(list) > INI_MEMBERS_MAX) {
		saved_wrong(g, "targets");
		return;
	}
	j->n_targets = (unsigned)json_array_size(list);
	for (unsigned i = 0; i < j->n_targets; i++) {
		const json_t *o = json_array_get(list, i);

		saved_hex16(g, o, "uuid", j->t[i].uuid);
		saved_text(g, o, "name", j->t[i].name, sizeof(j->t[i].name));
		j->t[i].good = saved_u64(g, o, "good", SAVED_COUNT_MAX);
		j->t[i].resent = saved_u64(g, o, "resent", SAVED_COUNT_MAX);
		j->t[i].bad = saved_u64(g, o, "bad", SAVED_COUNT_MAX);
		if (json_object_get(o, "repaired")) /* older daemons did not have it */
			j->t[i].repaired = saved_u64(g, o, "repaired", SAVED_COUNT_MAX);
	}
}

/* False: an older daemon wrote down nothing of that. */
static bool get_live(struct saved *g, const json_t *o, struct ini_job *j)
{
	const json_t *live = json_object_get(o, "live");

	if (!live)
		return false;
	if (j->state == JOB_DISMISSED)
		saved_wrong(g, "live");
	if (j->transfer > INI_BLOCK_MAX)
		saved_wrong(g, "transfer");
	if (j->window == 0 || j->window > INI_LOAD_WINDOW_MAX)
		saved_wrong(g, "window");
	j->state = JOB_CREATED;
	j->kept.known = true;
	saved_hex16(g, live, "group", j->kept.group);
	j->kept.file = saved_bool(g, live, "file");
	j->recovery = saved_bool(g, live, "recovery");
	j->kept.paused = saved_bool(g, live, "paused");
	j->kept.cancelled = saved_bool(g, live, "cancelled");
	j->speed_limit = saved_u64(g, live, "speed_limit", INT64_MAX);
	j->kept.swept = saved_u64(g, live, "swept", j->total); /* a block is a byte at least */
	j->kept.mended = saved_u64(g, live, "mended", SAVED_COUNT_MAX);
	return true;
}

static void get_result(struct saved *g, const json_t *o, struct ini_job *j)
{
	j->state = json_is_true(json_object_get(o, "dismissed")) ? JOB_DISMISSED : JOB_CONCLUDED;
	j->conclusion = saved_conclusion(g, o);
	j->error.kind = saved_kind(g, o);
	saved_cut_text(g, o, "text", j->error.text, sizeof(j->error.text));
	saved_cut_text(g, o, "member", j->error.member, sizeof(j->error.member));
	j->done = saved_u64(g, o, "done", SAVED_COUNT_MAX);
	/* only the difference of the two is ever shown */
	j->started_ns = 1;
	j->ended_ns = 1 + saved_u64(g, o, "elapsed_ns", SAVED_COUNT_MAX);
	j->running_ns = saved_u64(g, o, "running_ns", SAVED_COUNT_MAX);
	j->passes[INI_SILENT] = saved_u64(g, o, "silent", SAVED_COUNT_MAX);
	j->passes[INI_CONVENTIONAL] = saved_u64(g, o, "conventional", SAVED_COUNT_MAX);
	j->passes[INI_BROADCAST] = saved_u64(g, o, "broadcast", SAVED_COUNT_MAX);
	j->resend_passes = saved_u64(g, o, "resend", SAVED_COUNT_MAX);
	j->bus_ns = saved_u64(g, o, "bus_ns", SAVED_COUNT_MAX);
	j->differing = saved_u64(g, o, "differing", SAVED_COUNT_MAX);
	if (j->conclusion != JOB_NONE || get_live(g, o, j))
		return;
	j->conclusion = JOB_FAILED;
	j->error.kind = INI_E_SHUTDOWN;
	snprintf(j->error.text, sizeof(j->error.text),
	         "the daemon was restarted while the job was not concluded");
}

static void get_job(struct saved *g, const json_t *o, struct ini_job *j)
{
	j->id = (uint32_t)saved_u64(g, o, "id", UINT32_MAX);
	j->type = saved_type(g, o);
	j->mode = saved_mode(g, o);
	saved_text(g, o, "group", j->group, sizeof(j->group));
	saved_cut_text(g, o, "image", j->image, sizeof(j->image));
	j->transfer = (uint32_t)saved_u64(g, o, "transfer", UINT32_MAX);
	j->window = (unsigned)saved_u64(g, o, "window", UINT16_MAX);
	j->total = saved_u64(g, o, "total", INT64_MAX);
	get_result(g, o, j);
	if (j->type == JOB_LOAD)
		get_load(g, json_object_get(o, "load"), &j->load);
	get_targets(g, json_object_get(o, "targets"), j);
}

bool ctl_jobs_get(const char *text, size_t n, struct ctl_jobs *out, char *why, size_t why_n)
{
	struct saved g = {.why = why, .why_n = why_n};
	json_t *doc = saved_get(text, n, "smirror-jobs", why, why_n);
	const json_t *list = json_object_get(doc, "jobs"), *o;
	size_t i;

	*out = (struct ctl_jobs){0};
	if (!doc)
		return false;
	if (!json_is_array(list) || json_array_size(list) > CTL_JOBS_MAX)
		saved_wrong(&g, "jobs");
	json_array_foreach(list, i, o)
	{
		/* Large, but only what is written to takes memory. */
		struct ini_job *j = g.failed ? NULL : calloc(1, sizeof(*j));

		if (!j) {
			saved_wrong(&g, "jobs");
			break;
		}
		out->j[out->n++] = j;
		get_job(&g, o, j);
	}
	json_decref(doc);
	if (g.failed)
		ctl_jobs_free(out);
	return !g.failed;
}

void ctl_jobs_free(struct ctl_jobs *s)
{
	for (unsigned i = 0; i < s->n; i++)
		free((struct ini_job *)(uintptr_t)s->j[i]);
	s->n = 0;
}
