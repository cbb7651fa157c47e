/* SPDX-License-Identifier: BSD-2-Clause */
/* Load jobs for people: what was asked for, writes per second, how long they took. */
#include "base/size.h"
#include "shell/cli_show.h"
#include "shell/cli_table.h"
#include "shell/cli_text.h"

/* Microseconds, with a fraction. */
static void as_us(const json_t *v, char *buf, size_t n)
{
	double us = json_number_value(v);

	if (!json_is_number(v) || us < 0 || us > 1e15)
		(void)snprintf(buf, n, "-");
	else
		(void)cli_ns_text((ns_t)(us * (double)NS_PER_US), buf, n);
}

void cli_as_load(const json_t *load, char *buf, size_t n)
{
	char pattern[32], block[32];

	(void)snprintf(buf, n, "%s writes of %s, %llu in flight, seed %llu",
	               cli_clean(cli_str(load, "pattern"), pattern, sizeof(pattern)),
	               size_text(cli_u64(load, "block_bytes"), block, sizeof(block)),
	               (unsigned long long)cli_u64(load, "in_flight"),
	               (unsigned long long)cli_u64(load, "seed"));
}

void cli_as_load_limits(const json_t *load, char *buf, size_t n)
{
	uint64_t writes = cli_u64(load, "writes_most"), s = cli_u64(load, "seconds");
	int at = 0;

	*buf = '\0';
	if (writes)
		at = snprintf(buf, n, "%llu writes%s", (unsigned long long)writes, s ? " or " : "");
	if (s && at >= 0 && (size_t)at < n)
		(void)snprintf(buf + at, n - (size_t)at, "%llu s", (unsigned long long)s);
}

void cli_as_load_result(const json_t *load, char *buf, size_t n)
{
	char median[32], most[32];
	int at = snprintf(buf, n, "%llu writes, %llu a second",
	                  (unsigned long long)cli_u64(load, "writes"),
	                  (unsigned long long)cli_u64(load, "writes_per_s"));

	if (!json_is_object(json_object_get(load, "latency_us")) || at < 0 || (size_t)at >= n)
		return;
	as_us(cli_at(load, "latency_us.p50"), median, sizeof(median));
	as_us(cli_at(load, "latency_us.p99"), most, sizeof(most));
	(void)snprintf(buf + at, n - (size_t)at, ", median %s, 99 %% within %s", median, most);
}

void cli_show_latency(FILE *to, const json_t *job)
{
	static const struct cli_column columns[] = {
	        {"LATENCY: MIN", "min", as_us, true}, {"MEAN", "mean", as_us, true},
	        {"50 %", "p50", as_us, true},         {"90 %", "p90", as_us, true},
	        {"99 %", "p99", as_us, true},         {"99.9 %", "p99_9", as_us, true},
	        {"MAX", "max", as_us, true},
	};
	const json_t *latency = cli_at(job, "load.latency_us");

	if (!json_is_object(latency))
		return;
	json_t *rows = json_pack("[O]", latency);
	(void)fputc('\n', to);
	cli_table(to, columns, ARRAY_LEN(columns), rows);
	json_decref(rows);
}
