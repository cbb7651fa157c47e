/* SPDX-License-Identifier: BSD-2-Clause */
/* What the upper half is made of, by name: bounds, lists, and why something failed. */
#ifndef INITIATOR_PARTS_H
#define INITIATOR_PARTS_H

#include "initiator/initiator.h"

#include <sys/queue.h>

#define INI_IOS        512 /* runs of blocks in work at once */
#define INI_IOS_SPARE  64  /* of them kept for commands, and jobs' flushes */
#define INI_CMDS       512
#define INI_WAITS      256 /* of them, at most, wait for jobs: others need some, too */
#define INI_VIEWS      1024
#define INI_BUFFERS    40 /* of INI_BLOCK_MAX: what jobs read from members */
#define INI_SECOND     8  /* of them kept for who has one, to compare with another */
#define INI_PARAMS     256
#define INI_LOG_LINES  64
#define INI_GONE_MAX   64
#define INI_MUTE_LIMIT 10 /* attempts in a row without any status: the member is given up */
#define INI_JOB_SLOTS  (INI_JOBS_MAX + INI_HISTORY_MAX)
#define INI_RATE_SLOTS 8
#define STATUS_NONE    0xff

struct io;
struct job;
struct cmd;
struct group;

TAILQ_HEAD(io_list, io);
TAILQ_HEAD(cmd_list, cmd);

/* Why blocks failed on a member. */
struct why {
	uint8_t status; /* STATUS_NONE: none came */
	bool has_sense;
	struct scsi_sense sense;
	const char *what;
	bool away; /* it was not here: they may still be sent when it comes back */
};

#endif
