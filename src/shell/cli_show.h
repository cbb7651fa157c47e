/* SPDX-License-Identifier: BSD-2-Clause */
/* Results of methods for people. */
#ifndef SHELL_CLI_SHOW_H
#define SHELL_CLI_SHOW_H

#include "base/units.h"

#include <jansson.h>
#include <stdio.h>

void cli_show_done(FILE *to, const json_t *result); /* nothing: it is done */
void cli_show_daemon(FILE *to, const json_t *daemon);
void cli_show_bus(FILE *to, const json_t *bus);
/* values: those of the timing profile, too. */
void cli_show_stats(FILE *to, const json_t *stats, bool values);
void cli_show_targets(FILE *to, const json_t *result);
void cli_show_target(FILE *to, const json_t *target);
void cli_show_groups(FILE *to, const json_t *result);
void cli_show_group(FILE *to, const json_t *group);
void cli_show_jobs(FILE *to, const json_t *result);
void cli_show_job(FILE *to, const json_t *job);      /* all of it */
void cli_show_job_line(FILE *to, const json_t *job); /* "job 3: mirror g0, paused at 40 %" */
/* Table of the targets, bad runs below it. */
void cli_show_job_targets(FILE *to, const json_t *job);
/* Table of how long the writes of a load job took; nothing of another job. */
void cli_show_latency(FILE *to, const json_t *job);
/* Of a load job: what it is, and what it came to. */
void cli_as_load(const json_t *load, char *buf, size_t n);
void cli_as_load_limits(const json_t *load, char *buf, size_t n);
void cli_as_load_result(const json_t *load, char *buf, size_t n);
/* The one line at the end of a job that was followed. */
void cli_job_summary(const json_t *job, char *buf, size_t n);
/* Exit status of a concluded job. */
int cli_job_status(const json_t *job);
/* "MEDIUM ERROR, 0Ch/00h WRITE ERROR, LBA 5000" */
void cli_as_sense(const json_t *sense, char *buf, size_t n);

#endif
