/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts and bus time for people. */
#include "shell/cli_show.h"
#include "shell/cli_table.h"

#include <string.h>

/* In the order in which they happen; others that a bus server may tell come behind. */
static const char *const phases[] = {
        "ARBITRATION", "SELECTION", "RESELECTION", "MESSAGE OUT", "COMMAND", "DATA OUT",
        "DATA IN",     "STATUS",    "MESSAGE IN",  "BUS FREE",    "RESET",
};
static const char *const kinds[] = {"silent", "broadcast", "conventional"};

/* What rows stand for beside their numbers. */
static void add_row(json_t *rows, const char *kind, const char *phase, const json_t *numbers)
{
	json_t *row = json_object();

	(void)json_object_update(row, (json_t *)(uintptr_t)numbers);
	(void)json_object_set_new(row, "kind", json_string(kind));
	(void)json_object_set_new(row, "phase", json_string(phase));
	(void)json_array_append_new(rows, row);
}

static bool is_known(const char *phase)
{
	for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
		if (strcmp(phases[i], phase) == 0)
			return true;
	}
	return false;
}

/* Adds up one kind; false when nothing happened. */
static bool sum(const json_t *by_phase, json_int_t out[3])
{
	const char *name;
	const json_t *p;

	out[0] = out[1] = out[2] = 0;
	json_object_foreach((json_t *)(uintptr_t)by_phase, name, p)
	{
		out[0] += json_integer_value(json_object_get(p, "count"));
		out[1] += json_integer_value(json_object_get(p, "bytes"));
		out[2] += json_integer_value(json_object_get(p, "ns"));
	}
	return out[0] > 0;
}

static void add_kind(json_t *rows, const char *kind, const json_t *by_phase)
{
	json_int_t total[3];
	const char *name;
	const json_t *p;

	if (!sum(by_phase, total))
		return;
	for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
		p = json_object_get(by_phase, phases[i]);
		if (cli_u64(p, "count") > 0)
			add_row(rows, kind, phases[i], p);
	}
	json_object_foreach((json_t *)(uintptr_t)by_phase, name, p)
	{
		if (!is_known(name) && cli_u64(p, "count") > 0)
			add_row(rows, kind, name, p);
	}
	json_t *all =
	        json_pack("{s:I, s:I, s:I}", "count", total[0], "bytes", total[1], "ns", total[2]);
	add_row(rows, kind, "(all)", all);
	json_decref(all);
}

static void as_share(const json_t *row, char *buf, size_t n)
{
	double of = json_number_value(json_object_get(row, "of_ns"));

	if (of > 0)
		(void)snprintf(buf, n, "%.2f %%",
		               100 * json_number_value(json_object_get(row, "ns")) / of);
	else
		(void)snprintf(buf, n, "-");
}

static void show_values(FILE *to, const json_t *values)
{
	static const struct cli_column columns[] = {
	        {"TIMING VALUE", "name", NULL, false},
	        {"NS", "ns", NULL, true},
	};
	json_t *rows = json_array();
	const char *name;
	const json_t *v;

	json_object_foreach((json_t *)(uintptr_t)values, name, v)
	{
		json_t *row = json_object();
		(void)json_object_set_new(row, "name", json_string(name));
		(void)json_object_set(row, "ns", (json_t *)(uintptr_t)v);
		(void)json_array_append_new(rows, row);
	}
	if (json_array_size(rows) > 0)
		(void)fputc('\n', to);
	cli_table(to, columns, ARRAY_LEN(columns), rows);
	json_decref(rows);
}

static void as_tenures(const json_t *v, char *buf, size_t n)
{
	(void)snprintf(buf, n, "%llu silent, %llu broadcast, %llu conventional",
	               (unsigned long long)cli_u64(v, "silent"),
	               (unsigned long long)cli_u64(v, "broadcast"),
	               (unsigned long long)cli_u64(v, "conventional"));
}

void cli_show_stats(FILE *to, const json_t *stats, bool values)
{
	static const struct cli_column fields[] = {
	        {"Profile", "profile", NULL, false},
	        {"Bus time", "bus_time_ns", cli_as_ns, false},
	        {"Tenures", "tenures", as_tenures, false},
	        {"Bus resets", "resets", NULL, false},
	        {"Selection time-outs", "selection_timeouts", NULL, false},
	        {"Phase time-outs", "phase_timeouts", NULL, false},
	        {"CRC errors", "crc_errors", NULL, false},
	        {"Refused frames", "refused_frames", NULL, false},
	};
	static const struct cli_column columns[] = {
	        {"TENURE", "kind", NULL, false}, {"PHASE", "phase", NULL, false},
	        {"COUNT", "count", NULL, true},  {"BYTES", "bytes", cli_as_size, true},
	        {"TIME", "ns", cli_as_ns, true}, {"SHARE", "", as_share, true},
	};
	const json_t *by_kind = json_object_get(stats, "phases");
	json_t *rows = json_array(), *row;
	json_int_t of = 0;
	size_t r;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		add_kind(rows, kinds[i], json_object_get(by_kind, kinds[i]));
	if (cli_u64(stats, "total.count") > 0)
		add_row(rows, "all", "(all)", json_object_get(stats, "total"));
	of = json_integer_value(json_object_get(json_object_get(stats, "total"), "ns"));
	json_array_foreach(rows, r, row)(void) json_object_set_new(row, "of_ns", json_integer(of));
	cli_fields(to, fields, ARRAY_LEN(fields), stats);
	if (json_array_size(rows) > 0)
		(void)fputc('\n', to);
	cli_table(to, columns, ARRAY_LEN(columns), rows);
	json_decref(rows);
	if (values)
		show_values(to, json_object_get(stats, "profile_ns"));
}
