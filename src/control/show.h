/* SPDX-License-Identifier: BSD-2-Clause */
/* What the control socket shows of the core's structs: the objects of components.schemas. `key` is
 * NULL inside arrays. */
#ifndef CONTROL_SHOW_H
#define CONTROL_SHOW_H

#include "control/json.h"
#include "initiator/initiator.h"

/* status and status_name */
void ctl_put_status(struct jw *w, uint8_t status);
void ctl_put_sense(struct jw *w, const char *key, const struct scsi_sense *s);
void ctl_put_xfer(struct jw *w, const char *key, struct xfer x);
void ctl_put_target(struct jw *w, const char *key, const struct hba_target *t,
                    const struct ini_group *g);
void ctl_put_group(struct jw *w, const char *key, const struct ini_group *g);
/* with_runs: the runs of bad blocks, too. now_ns: machine time. */
void ctl_put_job(struct jw *w, const char *key, const struct ini_job *j, bool with_runs,
                 ns_t now_ns);
void ctl_put_bus(struct jw *w, const char *key, const struct wire_show *s);
void ctl_put_stats(struct jw *w, const char *key, const struct wire_stats *s);

/* Progress in thousandths of a percent, at most 100000. */
uint64_t ctl_percent_milli(uint64_t done, uint64_t total);

#endif
