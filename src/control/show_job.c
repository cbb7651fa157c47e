/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/show.h"

#include "scsi/status.h"

#define NO_STATUS 0xff

void ctl_put_status(struct jw *w, uint8_t status)
{
	jw_u64(w, "status", status);
	jw_str(w, "status_name", scsi_status_name(status));
}

static void put_status_or_null(struct jw *w, bool has, uint8_t status)
{
	if (has) {
		ctl_put_status(w, status);
		return;
	}
	jw_null(w, "status");
	jw_null(w, "status_name");
}

void ctl_put_sense(struct jw *w, const char *key, const struct scsi_sense *s)
{
	const char *text = scsi_sense_text(s->asc, s->ascq);

	jw_obj(w, key);
	jw_u64(w, "key", s->key);
	jw_str(w, "key_name", scsi_sense_key_name(s->key));
	jw_u64(w, "asc", s->asc);
	jw_u64(w, "ascq", s->ascq);
	jw_str_or_null(w, "text", text ? text : "");
	if (s->info_valid)
		jw_u64(w, "lba", s->info);
	else
		jw_null(w, "lba");
	jw_end_obj(w);
}

static void put_sense_or_null(struct jw *w, bool has, const struct scsi_sense *s)
{
	if (has)
		ctl_put_sense(w, "sense", s);
	else
		jw_null(w, "sense");
}

static void put_failure(struct jw *w, const char *key, const struct ini_error *e)
{
	if (e->kind == INI_OK) {
		jw_null(w, key);
		return;
	}
	jw_obj(w, key);
	jw_str(w, "kind", ini_kind_name(e->kind));
	jw_str(w, "text", e->text);
	jw_str_or_null(w, "member", e->member);
	put_status_or_null(w, e->has_status, e->status);
	put_sense_or_null(w, e->has_sense, &e->sense);
	jw_end_obj(w);
}

static void put_run(struct jw *w, const struct ini_run *r)
{
	jw_obj(w, NULL);
	jw_u64(w, "lba", r->lba);
	jw_u64(w, "blocks", r->blocks);
	put_status_or_null(w, r->status != NO_STATUS, r->status);
	jw_str(w, "what", r->what);
	put_sense_or_null(w, r->has_sense, &r->sense);
	jw_end_obj(w);
}

static void put_job_target(struct jw *w, const struct ini_job_target *t, bool with_runs)
{
	jw_obj(w, NULL);
	jw_str(w, "name", t->name);
	jw_uuid(w, "uuid", t->uuid);
	jw_u64(w, "good_blocks", t->good);
	jw_u64(w, "resent_blocks", t->resent);
	jw_u64(w, "bad_blocks", t->bad);
	jw_u64(w, "repaired_blocks", t->repaired);
	jw_u64(w, "runs_count", t->n_runs);
	jw_u64(w, "runs_dropped", t->runs_dropped);
	if (with_runs) {
		jw_arr(w, "runs");
		for (unsigned i = 0; i < t->n_runs && i < INI_RUNS_MAX; i++)
			put_run(w, &t->runs[i]);
		jw_end_arr(w);
	}
	jw_end_obj(w);
}

uint64_t ctl_percent_milli(uint64_t done, uint64_t total)
{
	if (done >= total)
		return total ? 100000 : 0;
	/* without overflow: at 2^44 bytes and more a part in 2^24 is precise enough */
	while (total > UINT64_MAX / 100000) {
		total >>= 1;
		done >>= 1;
	}
	uint64_t milli = done * 100000 / total;
	return milli > 99999 ? 99999 : milli;
}

/* A load that ends by time alone: how much that will be is not known. */
static bool is_open(const struct ini_job *j)
{
	return j->type == JOB_LOAD && !j->load.spec.writes && j->conclusion == JOB_NONE;
}

/* How far it is; of a load with two limits, towards the one that is nearer. */
static uint64_t part_milli(const struct ini_job *j)
{
	uint64_t milli = is_open(j) ? 0 : ctl_percent_milli(j->done, j->total);

	if (j->type == JOB_LOAD && j->load.spec.for_ns && j->conclusion == JOB_NONE) {
		uint64_t by_time = ctl_percent_milli(j->load.ran_ns, j->load.spec.for_ns);
		if (by_time > milli)
			milli = by_time;
	}
	return milli;
}

/* False: it cannot be told. */
static bool time_to_go(const struct ini_job *j, uint64_t *s)
{
	const struct ini_load *l = &j->load;
	bool by_time = j->type == JOB_LOAD && l->spec.for_ns;
	bool by_bytes = !is_open(j) && j->rate && j->done <= j->total;

	if (j->state != JOB_RUNNING || (!by_time && !by_bytes))
		return false;
	*s = by_bytes ? (j->total - j->done + j->rate - 1) / j->rate : UINT64_MAX;
	if (by_time) {
		ns_t left = l->spec.for_ns > l->ran_ns ? l->spec.for_ns - l->ran_ns : 0;
		if ((left + NS_PER_S - 1) / NS_PER_S < *s)
			*s = (left + NS_PER_S - 1) / NS_PER_S;
	}
	return true;
}

static void put_progress(struct jw *w, const struct ini_job *j, ns_t now_ns)
{
	uint64_t milli = part_milli(j), eta_s;
	ns_t end = j->ended_ns ? j->ended_ns : now_ns;

	if (j->conclusion == JOB_SUCCESS)
		milli = 100000;
	jw_u64(w, "done_bytes", j->done);
	if (is_open(j))
		jw_null(w, "total_bytes");
	else
		jw_u64(w, "total_bytes", j->total);
	jw_milli(w, "percent", milli / 100 * 100);
	jw_u64(w, "rate_bytes_per_s", j->rate);
	if (time_to_go(j, &eta_s))
		jw_u64(w, "eta_s", eta_s);
	else
		jw_null(w, "eta_s");
	jw_u64(w, "elapsed_ms",
	       j->started_ns && end > j->started_ns ? (end - j->started_ns) / NS_PER_MS : 0);
	jw_u64(w, "running_ms", j->running_ns / NS_PER_MS);
	jw_bool(w, "stalled", j->stalled);
}

static void put_latency(struct jw *w, const struct ini_latency *t)
{
	if (t->max == 0) {
		jw_null(w, "latency_us");
		return;
	}
	jw_obj(w, "latency_us");
	jw_milli(w, "min", t->min);
	jw_milli(w, "mean", t->mean);
	jw_milli(w, "p50", t->p50);
	jw_milli(w, "p90", t->p90);
	jw_milli(w, "p99", t->p99);
	jw_milli(w, "p99_9", t->p99_9);
	jw_milli(w, "max", t->max);
	jw_end_obj(w);
}

static void put_limit(struct jw *w, const char *key, uint64_t limit)
{
	if (limit)
		jw_u64(w, key, limit);
	else
		jw_null(w, key);
}

static void put_load(struct jw *w, const struct ini_job *j)
{
	const struct ini_load *l = &j->load;

	if (j->type != JOB_LOAD) {
		jw_null(w, "load");
		return;
	}
	/* No product of writes, bytes and 10^9 fits 64 bits for long. */
	double per_s = l->ran_ns ? (double)l->writes * (double)NS_PER_S / (double)l->ran_ns : 0;
	jw_obj(w, "load");
	jw_str(w, "pattern", ini_pattern_name(l->spec.pattern));
	jw_u64(w, "block_bytes", j->transfer);
	jw_u64(w, "in_flight", j->window);
	put_limit(w, "seconds", l->spec.for_ns / NS_PER_S);
	put_limit(w, "writes_most", l->spec.writes);
	jw_u64(w, "seed", l->spec.seed);
	jw_u64(w, "writes", l->writes);
	jw_u64(w, "bytes", l->writes * j->transfer);
	jw_milli(w, "measured_ms", l->ran_ns / NS_PER_US);
	jw_u64(w, "writes_per_s", (uint64_t)per_s);
	jw_u64(w, "bytes_per_s", (uint64_t)(per_s * j->transfer));
	put_latency(w, &l->latency);
	jw_end_obj(w);
}

void ctl_put_job(struct jw *w, const char *key, const struct ini_job *j, bool with_runs,
                 ns_t now_ns)
{
	jw_obj(w, key);
	jw_u64(w, "id", j->id);
	jw_str(w, "type", ini_job_type_name(j->type));
	jw_str(w, "state", ini_job_state_name(j->state));
	jw_str_or_null(w, "conclusion",
	               j->conclusion == JOB_NONE ? "" : ini_conclusion_name(j->conclusion));
	put_failure(w, "error", &j->error);
	jw_str(w, "group", j->group);
	jw_str(w, "mode", ini_mode_name(j->mode));
	jw_str_or_null(w, "image", j->image);
	jw_u64(w, "transfer_bytes", j->transfer);
	jw_u64(w, "window", j->window);
	jw_u64(w, "speed_bytes_per_s", j->speed_limit);
	put_progress(w, j, now_ns);
	jw_obj(w, "passes");
	jw_u64(w, "silent", j->passes[INI_SILENT]);
	jw_u64(w, "conventional", j->passes[INI_CONVENTIONAL]);
	jw_u64(w, "broadcast", j->passes[INI_BROADCAST]);
	jw_u64(w, "resend", j->resend_passes);
	jw_end_obj(w);
	jw_u64(w, "bus_time_ns", j->bus_ns);
	jw_u64(w, "differing_blocks", j->differing);
	put_load(w, j);
	jw_arr(w, "targets");
	for (unsigned i = 0; i < j->n_targets && i < INI_MEMBERS_MAX; i++)
		put_job_target(w, &j->t[i], with_runs);
	jw_end_arr(w);
	jw_end_obj(w);
}
