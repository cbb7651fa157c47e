/* SPDX-License-Identifier: BSD-2-Clause */
/* Jobs for people: lists, one job with its targets and bad blocks, the line at the end. */
#include "base/size.h"
#include "shell/cli.h"
#include "shell/cli_show.h"
#include "shell/cli_table.h"
#include "shell/cli_text.h"

#include <string.h>

void cli_as_sense(const json_t *sense, char *buf, size_t n)
{
	char key[64], text[128], lba[32] = "";

	if (!json_is_object(sense)) {
		(void)snprintf(buf, n, "-");
		return;
	}
	if (json_is_integer(json_object_get(sense, "lba")))
		(void)snprintf(lba, sizeof(lba), ", LBA %llu",
		               (unsigned long long)cli_u64(sense, "lba"));
	(void)snprintf(buf, n, "%s, %02llXh/%02llXh %s%s",
	               cli_clean(cli_str(sense, "key_name"), key, sizeof(key)),
	               (unsigned long long)cli_u64(sense, "asc"),
	               (unsigned long long)cli_u64(sense, "ascq"),
	               cli_clean(cli_str(sense, "text"), text, sizeof(text)), lba);
}

static void as_percent(const json_t *v, char *buf, size_t n)
{
	(void)snprintf(buf, n, "%.1f %%", json_number_value(v));
}

/* "concluded" is less than what it concluded with. */
static void as_state(const json_t *job, char *buf, size_t n)
{
	const char *conclusion = cli_str(job, "conclusion"), *state = cli_str(job, "state");
	bool away = strcmp(state, "dismissed") == 0;
	char a[64], b[64];

	if (*conclusion)
		(void)snprintf(buf, n, "%s%s", cli_clean(conclusion, a, sizeof(a)),
		               away ? ", dismissed" : "");
	else
		(void)snprintf(buf, n, "%s%s", cli_clean(state, b, sizeof(b)),
		               cli_true(job, "stalled") ? ", no progress" : "");
}

/* Only of a job that runs: what it has done since is in the rest. */
static void as_now(const json_t *job, char *buf, size_t n)
{
	if (strcmp(cli_str(job, "state"), "running") == 0)
		cli_as_rate(json_object_get(job, "rate_bytes_per_s"), buf, n);
	else
		(void)snprintf(buf, n, "-");
}

static void as_eta(const json_t *job, char *buf, size_t n)
{
	if (strcmp(cli_str(job, "state"), "running") == 0)
		cli_as_clock(json_object_get(job, "eta_s"), buf, n);
	else
		(void)snprintf(buf, n, "-");
}

void cli_show_jobs(FILE *to, const json_t *result)
{
	static const struct cli_column columns[] = {
	        {"ID", "id", NULL, true},
	        {"TYPE", "type", NULL, false},
	        {"GROUP", "group", NULL, false},
	        {"STATE", "", as_state, false},
	        {"DONE", "done_bytes", cli_as_size, true},
	        {"OF", "total_bytes", cli_as_size, true},
	        {"PERCENT", "percent", as_percent, true},
	        {"RATE", "", as_now, true},
	        {"ETA", "", as_eta, true},
	        {"TIME", "running_ms", cli_as_ms, true},
	        {"RESENDS", "passes.resend", NULL, true},
	        {"IMAGE", "image", NULL, false},
	};
	const json_t *jobs = json_object_get(result, "jobs");

	if (json_array_size(jobs) == 0)
		(void)fputs("no jobs\n", to);
	cli_table(to, columns, ARRAY_LEN(columns), jobs);
}

void cli_show_job_line(FILE *to, const json_t *job)
{
	char type[32], group[80], state[128], limit[32];

	as_state(job, state, sizeof(state));
	(void)fprintf(to, "job %llu: %s %s, %s at %.1f %%", (unsigned long long)cli_u64(job, "id"),
	              cli_clean(cli_str(job, "type"), type, sizeof(type)),
	              cli_clean(cli_str(job, "group"), group, sizeof(group)), state,
	              json_number_value(json_object_get(job, "percent")));
	if (cli_u64(job, "speed_bytes_per_s") > 0)
		(void)fprintf(
		        to, ", limited to %s",
		        cli_rate_text(cli_u64(job, "speed_bytes_per_s"), limit, sizeof(limit)));
	(void)fputc('\n', to);
}

/* What became of a target, in one word. */
static void as_verdict(const json_t *target, char *buf, size_t n)
{
	const char *word = "-";

	if (cli_u64(target, "bad_blocks") > 0)
		word = "bad";
	else if (cli_u64(target, "resent_blocks") > 0)
		word = "good, after resends";
	else if (cli_u64(target, "repaired_blocks") > 0)
		word = "good, after repairs";
	else if (cli_u64(target, "good_blocks") > 0)
		word = "good";
	(void)snprintf(buf, n, "%s", word);
}

/* Why a run is bad: its sense data, and what else there is to say. */
static void as_reason(const json_t *run, char *buf, size_t n)
{
	const json_t *sense = json_object_get(run, "sense");
	char what[128], decoded[256];

	(void)cli_clean(cli_str(run, "what"), what, sizeof(what));
	cli_as_sense(sense, decoded, sizeof(decoded));
	if (!json_is_object(sense))
		(void)snprintf(buf, n, "%s", what);
	else if (!*what || strstr(what, cli_str(sense, "key_name")))
		(void)snprintf(buf, n, "%s", decoded);
	else
		(void)snprintf(buf, n, "%s: %s", what, decoded);
}

/* Each bad run with the name of its target. */
static json_t *bad_runs(const json_t *job, uint64_t *dropped)
{
	json_t *rows = json_array(), *target, *run;
	size_t t, r;

	*dropped = 0;
	json_array_foreach(json_object_get(job, "targets"), t, target)
	{
		*dropped += cli_u64(target, "runs_dropped");
		json_array_foreach(json_object_get(target, "runs"), r, run)
		{
			json_t *row = json_copy(run);
			(void)json_object_set(row, "target", json_object_get(target, "name"));
			(void)json_array_append_new(rows, row);
		}
	}
	return rows;
}

void cli_show_job_targets(FILE *to, const json_t *job)
{
	static const struct cli_column columns[] = {
	        {"TARGET", "name", NULL, false},         {"GOOD BLOCKS", "good_blocks", NULL, true},
	        {"RESENT", "resent_blocks", NULL, true}, {"BAD", "bad_blocks", NULL, true},
	        {"RESULT", "", as_verdict, false},
	};
	static const struct cli_column scrubbed[] = {
	        {"TARGET", "name", NULL, false},
	        {"GOOD BLOCKS", "good_blocks", NULL, true},
	        {"REPAIRED", "repaired_blocks", NULL, true},
	        {"BAD", "bad_blocks", NULL, true},
	        {"RESULT", "", as_verdict, false},
	};
	bool scrub = strcmp(cli_str(job, "type"), "scrub") == 0;
	static const struct cli_column runs[] = {
	        {"TARGET", "target", NULL, false}, {"LBA", "lba", NULL, true},
	        {"BLOCKS", "blocks", NULL, true},  {"STATUS", "status_name", NULL, false},
	        {"SENSE", "", as_reason, false},
	};
	uint64_t dropped;
	json_t *rows = bad_runs(job, &dropped);

	cli_table(to, scrub ? scrubbed : columns, ARRAY_LEN(columns),
	          json_object_get(job, "targets"));
	if (json_array_size(rows) > 0)
		(void)fputs("\nBad blocks:\n", to);
	cli_table(to, runs, ARRAY_LEN(runs), rows);
	if (dropped > 0)
		(void)fprintf(to, "and %llu more runs\n", (unsigned long long)dropped);
	json_decref(rows);
}

static void as_progress(const json_t *job, char *buf, size_t n)
{
	char done[32], total[32] = "";

	if (json_is_integer(json_object_get(job, "total_bytes")))
		(void)size_text(cli_u64(job, "total_bytes"), total, sizeof(total));
	(void)snprintf(buf, n, "%.1f %%, %s%s%s",
	               json_number_value(json_object_get(job, "percent")),
	               size_text(cli_u64(job, "done_bytes"), done, sizeof(done)),
	               *total ? " of " : "", total);
}

static void as_passes(const json_t *v, char *buf, size_t n)
{
	(void)snprintf(buf, n,
	               "%llu silent, %llu broadcast, %llu conventional; %llu of them resends",
	               (unsigned long long)cli_u64(v, "silent"),
	               (unsigned long long)cli_u64(v, "broadcast"),
	               (unsigned long long)cli_u64(v, "conventional"),
	               (unsigned long long)cli_u64(v, "resend"));
}

/* What went wrong: the text, and of whom and with what sense, unless the text says it. */
static void as_failure(const json_t *error, char *buf, size_t n)
{
	const json_t *sense = json_object_get(error, "sense");
	char text[300], member[80], decoded[200] = "";

	(void)cli_clean(cli_str(error, "text"), text, sizeof(text));
	(void)cli_clean(cli_str(error, "member"), member, sizeof(member));
	if (json_is_object(sense) && !strstr(text, cli_str(sense, "key_name")))
		cli_as_sense(sense, decoded, sizeof(decoded));
	bool named = !*member || strstr(text, member);
	(void)snprintf(buf, n, "%s%s%s%s%s", named ? "" : member, named ? "" : ": ", text,
	               *decoded ? "; " : "", decoded);
}

void cli_show_job(FILE *to, const json_t *job)
{
	static const struct cli_column fields[] = {
	        {"Job", "id", NULL, false},
	        {"Type", "type", NULL, false},
	        {"Group", "group", NULL, false},
	        {"State", "", as_state, false},
	        {"Because", "error", as_failure, false},
	        {"Image", "image", NULL, false},
	        {"Mode", "mode", NULL, false},
	        {"Progress", "", as_progress, false},
	        {"Rate", "", as_now, false},
	        {"Time to go", "eta_s", cli_as_clock, false},
	        {"Running for", "running_ms", cli_as_ms, false},
	        {"Since its start", "elapsed_ms", cli_as_ms, false},
	        {"Speed limit", "speed_bytes_per_s", cli_as_limit, false},
	        {"Bytes of a pass", "transfer_bytes", cli_as_size, false},
	        {"Passes in flight", "window", NULL, false},
	        {"Passes", "passes", as_passes, false},
	        {"Bus time", "bus_time_ns", cli_as_ns, false},
	        {"Differing blocks", "differing_blocks", NULL, false},
	        {"Load", "load", cli_as_load, false},
	        {"Until", "load", cli_as_load_limits, false},
	        {"Result", "load", cli_as_load_result, false},
	};

	cli_fields(to, fields, ARRAY_LEN(fields), job);
	if (json_array_size(json_object_get(job, "targets")) > 0)
		(void)fputc('\n', to);
	cli_show_job_targets(to, job);
	cli_show_latency(to, job);
}

/* Sums over the targets of a job. */
struct tally {
	size_t targets, good; /* good: without bad blocks */
	uint64_t resent, bad, repaired;
};

static struct tally tally(const json_t *job)
{
	struct tally t = {.targets = json_array_size(json_object_get(job, "targets"))};
	const json_t *target;
	size_t i;

	json_array_foreach(json_object_get(job, "targets"), i, target)
	{
		t.good += cli_u64(target, "bad_blocks") == 0;
		t.resent += cli_u64(target, "resent_blocks");
		t.bad += cli_u64(target, "bad_blocks");
		t.repaired += cli_u64(target, "repaired_blocks");
	}
	return t;
}

static const char *blocks(uint64_t n, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%llu block%s", (unsigned long long)n, n == 1 ? "" : "s");
	return buf;
}

/* " in 1.2 s, 213 MB/s each, 853 MB/s summed" */
static void pace(const json_t *job, size_t targets, char *buf, size_t n)
{
	uint64_t ms = cli_u64(job, "running_ms"), done = cli_u64(job, "done_bytes");
	char time[32], each[32], summed[32];

	cli_as_ms(json_object_get(job, "running_ms"), time, sizeof(time));
	if (ms == 0) {
		(void)snprintf(buf, n, " in less than 1 ms");
		return;
	}
	uint64_t rate = (uint64_t)((double)done * 1000 / (double)ms);
	(void)cli_rate_text(rate, each, sizeof(each));
	if (targets > 1)
		(void)snprintf(buf, n, " in %s, %s each, %s summed", time, each,
		               cli_rate_text(rate * targets, summed, sizeof(summed)));
	else
		(void)snprintf(buf, n, " in %s, %s", time, each);
}

static void mirror_summary(const json_t *job, const char *verb, char *buf, size_t n)
{
	struct tally t = tally(job);
	char size[32], speed[128], resent[48] = "", bad[48] = "", count[32];

	pace(job, t.good, speed, sizeof(speed));
	if (t.resent > 0)
		(void)snprintf(resent, sizeof(resent), "; %s resent",
		               blocks(t.resent, count, sizeof(count)));
	if (t.bad > 0)
		(void)snprintf(bad, sizeof(bad), "; %s bad", blocks(t.bad, count, sizeof(count)));
	(void)snprintf(buf, n, "%s %s to %zu of %zu target%s%s%s%s", verb,
	               size_text(cli_u64(job, "done_bytes"), size, sizeof(size)), t.good, t.targets,
	               t.targets == 1 ? "" : "s", speed, resent, bad);
}

static void verify_summary(const json_t *job, char *buf, size_t n)
{
	struct tally t = tally(job);
	uint64_t differ = cli_u64(job, "differing_blocks");
	char size[32], speed[128], count[32], found[48] = "all equal", rest[64] = "";

	pace(job, t.targets, speed, sizeof(speed));
	if (differ > 0)
		(void)snprintf(found, sizeof(found), "%s %s", blocks(differ, count, sizeof(count)),
		               differ == 1 ? "differs" : "differ");
	if (t.bad > differ)
		(void)snprintf(rest, sizeof(rest), "; %s could not be compared",
		               blocks(t.bad - differ, count, sizeof(count)));
	(void)snprintf(buf, n, "verified %s on %zu target%s%s: %s%s",
	               size_text(cli_u64(job, "done_bytes"), size, sizeof(size)), t.targets,
	               t.targets == 1 ? "" : "s", speed, differ > 0 || !*rest ? found : "",
	               differ > 0 || !*rest ? rest : rest + 2);
}

/* "scrubbed 48 MiB of 3 targets in ...: 5 blocks repaired; 1 block bad" */
static void scrub_summary(const json_t *job, char *buf, size_t n)
{
	struct tally t = tally(job);
	char size[32], speed[128], count[32], repaired[64] = "all equal", bad[48] = "";

	pace(job, t.targets, speed, sizeof(speed));
	if (t.repaired > 0)
		(void)snprintf(repaired, sizeof(repaired), "%s repaired",
		               blocks(t.repaired, count, sizeof(count)));
	if (t.bad > 0)
		(void)snprintf(bad, sizeof(bad), "%s%s bad", t.repaired > 0 ? "; " : "",
		               blocks(t.bad, count, sizeof(count)));
	(void)snprintf(buf, n, "scrubbed %s of %zu target%s%s: %s%s",
	               size_text(cli_u64(job, "done_bytes"), size, sizeof(size)), t.targets,
	               t.targets == 1 ? "" : "s", speed,
	               t.repaired > 0 || t.bad == 0 ? repaired : "", bad);
}

static void load_summary(const json_t *job, char *buf, size_t n)
{
	char wrote[230], result[160];

	mirror_summary(job, "wrote", wrote, sizeof(wrote));
	cli_as_load_result(json_object_get(job, "load"), result, sizeof(result));
	(void)snprintf(buf, n, "%s: %s", wrote, result);
}

/* What was asked for, and done. */
static void done_summary(const json_t *job, char *buf, size_t n)
{
	const char *type = cli_str(job, "type");
	char size[32], speed[128], file[160];

	if (strcmp(type, "verify") == 0) {
		verify_summary(job, buf, n);
	} else if (strcmp(type, "scrub") == 0) {
		scrub_summary(job, buf, n);
	} else if (strcmp(type, "read") == 0) {
		pace(job, 1, speed, sizeof(speed));
		(void)snprintf(buf, n, "read %s into %s%s",
		               size_text(cli_u64(job, "done_bytes"), size, sizeof(size)),
		               cli_clean(cli_str(job, "image"), file, sizeof(file)), speed);
	} else if (strcmp(type, "load") == 0) {
		load_summary(job, buf, n);
	} else {
		mirror_summary(job, strcmp(type, "resync") == 0 ? "resynchronised" : "mirrored",
		               buf, n);
	}
}

/* How far a job came that was not done. */
static void broken_summary(const json_t *job, char *buf, size_t n)
{
	char done[32], total[32] = "", time[32];

	if (json_is_integer(json_object_get(job, "total_bytes")))
		(void)size_text(cli_u64(job, "total_bytes"), total, sizeof(total));
	cli_as_ms(json_object_get(job, "running_ms"), time, sizeof(time));
	(void)snprintf(buf, n, "%s%s%s were done in %s",
	               size_text(cli_u64(job, "done_bytes"), done, sizeof(done)),
	               *total ? " of " : "", total, time);
}

void cli_job_summary(const json_t *job, char *buf, size_t n)
{
	const char *conclusion = cli_str(job, "conclusion");
	bool success = strcmp(conclusion, "success") == 0;
	bool partial = strcmp(conclusion, "partial") == 0;
	bool differs =
	        strcmp(cli_str(job, "type"), "verify") == 0 && cli_u64(job, "differing_blocks") > 0;
	char text[400], why[320] = "", clean[64];

	/* A verification in which no target was equal failed, but was done. */
	differs &= strcmp(conclusion, "cancelled") != 0;
	if (success || partial || differs)
		done_summary(job, text, sizeof(text));
	else
		broken_summary(job, text, sizeof(text));
	if (success || differs) {
		(void)snprintf(buf, n, "%s", text);
		return;
	}
	if (json_is_object(json_object_get(job, "error")))
		as_failure(json_object_get(job, "error"), why, sizeof(why));
	(void)snprintf(buf, n, "job %llu %s%s%s; %s", (unsigned long long)cli_u64(job, "id"),
	               cli_clean(conclusion, clean, sizeof(clean)), *why ? ": " : "", why, text);
}

int cli_job_status(const json_t *job)
{
	const char *conclusion = cli_str(job, "conclusion");

	if (strcmp(cli_str(job, "type"), "verify") == 0 && cli_u64(job, "differing_blocks") > 0)
		return CLI_FAILED;
	if (strcmp(conclusion, "success") == 0)
		return CLI_OK;
	return strcmp(conclusion, "partial") == 0 ? CLI_PARTIAL : CLI_FAILED;
}
