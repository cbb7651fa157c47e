/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files in the state directory, as text: state.json (identity, groups, next job id) and
 * jobs.json (the jobs, live ones written ahead). Each is one line: an envelope that names format
 * and version and carries a CRC-32C over the content. Whatever is not exactly what was written is
 * refused.
 */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include "control/json.h"
#include "initiator/initiator.h"

#define CTL_STATE_VERSION 1
#define CTL_JOBS_MAX      (INI_JOBS_MAX + INI_HISTORY_MAX)
#define CTL_STATE_MAX     (4U * 1024 * 1024) /* longest file that is read */

struct ctl_state {
	uint8_t uuid[UUID_LEN]; /* of the initiator port: made once */
	uint32_t next_job;
	unsigned n;
	struct ini_group groups[INI_GROUPS_MAX];
};

/* Jobs as they are listed, oldest first: live ones, written ahead, and the history. */
struct ctl_jobs {
	unsigned n;
	const struct ini_job *j[CTL_JOBS_MAX];
};

void ctl_state_put(struct jw *w, const struct ctl_state *s);
/* False with why; out is then undefined. */
bool ctl_state_get(const char *text, size_t n, struct ctl_state *out, char *why, size_t why_n);
void ctl_jobs_put(struct jw *w, const struct ctl_jobs *s);
/* The jobs are allocated here, for ctl_jobs_free(). One that was live is, with what
 * ini_restore_job() needs to go on with it; if an older daemon wrote the file, without that, it is
 * concluded: failed, since the daemon was restarted. Runs of bad blocks are not kept, and times of
 * the old clock are not. */
bool ctl_jobs_get(const char *text, size_t n, struct ctl_jobs *out, char *why, size_t why_n);
void ctl_jobs_free(struct ctl_jobs *s);

#endif
