/* SPDX-License-Identifier: BSD-2-Clause */
/* Write-intent logs: marks before writes, flushes, recovery. */
#ifndef INITIATOR_INTENTS_H
#define INITIATOR_INTENTS_H

#include "initiator/parts.h"

/* intents.c */
void log_open(struct group *g);    /* a new group's: all clean */
void log_unknown(struct group *g); /* nothing is known of what was in flight: all is copied */
void log_drop(struct group *g);    /* the group is gone */
/* A write to these members is to be marked. Those that are stale, and known as that, lack what they
 * lack, whatever becomes of it: after a crash nobody else would need to be looked at for it. */
bool log_is_for(const struct group *g, uint16_t members);
/* A write is to begin. False: only when io_marked() is called. */
bool log_begin(struct io *io);
void log_end(struct io *io);
/* Marks what a copying job will write; log_is_ready() then. */
void log_prepare(struct job *j);
enum log_ready { LOG_READY, LOG_WAITS, LOG_FAILED };
enum log_ready log_is_ready(const struct job *j);
/* From here on marks tell what members may lack behind an image of so many blocks. */
lba_t log_behind(const struct group *g, uint64_t blocks);
/* Blocks that a resync of these members would copy. */
uint64_t log_lacking(const struct group *g, uint16_t members, bool recovery);
/* These members have confirmed a flush that began after the ticket. */
void log_flushed(struct group *g, uint64_t ticket, uint16_t members);
/* A flush or a recovery of our own: how many ios it has; a command comes before a recovery. */
unsigned log_ios(const struct group *g);
bool log_busy(const struct group *g);
void log_pause(struct group *g);
void log_clean_done(struct group *g, bool good);
/* Not good: it is begun anew, and if it has failed, after pauses that double. */
void log_recovered(struct group *g, bool good, bool failed);
/* The same of a job that has written so many blocks, from the first on, to all of them alike. */
void log_overwritten(struct group *g, uint64_t ticket, uint16_t members, uint64_t blocks);
void logs_touch(struct ini *ini); /* something changed: they are looked at */
/* The core is run soon, by then at the latest: what is waited for says nothing when it ends. */
void logs_look_by(struct ini *ini, ns_t at);
/* Groups are looked at then. */
void logs_look_at(struct ini *ini, ns_t at);
void logs_run(struct ini *ini);
ns_t logs_deadline(const struct ini *ini);
bool logs_idle(const struct ini *ini); /* nothing is in work, nor could be let go of now */
bool out_intent(struct ini *ini, struct ini_action *a);
const struct ini_group *log_shown(struct group *g); /* with pub.intent as it is */

#endif
