/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults on demand: specifications "kind:key=value,..." and when they strike.
 *
 *   medium-error:lba=N,blocks=N,times=N   reads and writes that touch the range
 *   crc-error:times=N                     data phases out
 *   parity-error:phase=P,times=N          phases of this kind: message-out, command, data-out (what
 *                                         the target receives), message-in, data-in, status (what
 *                                         the initiator receives)
 *   busy:times=N  task-set-full:times=N   commands refused with that status
 *   no-status:times=N                     done, but the status is never sent
 *   slow:ms=N                             every status waits
 *   die:at=selected|command|data|status   the process ends at that step
 *
 * Each but `die` and `parity-error` takes lun=N: of that logical unit only.
 * times counts commands (parity-error: phases), 1 where it is not given; 0: for good. blocks is 1
 * where it is not given.
 */
#ifndef TARGET_FAULT_H
#define TARGET_FAULT_H

#include "base/cursor.h"
#include "base/units.h"
#include "scsi/phase.h"

#define FAULTS_MAX       32
#define FAULT_SLOW_MS    600000 /* longest */
#define FAULT_TEXT_MAX   96     /* one specification as printed, with its end */
#define FAULT_TIMES_MAX  1000000000
#define FAULT_BLOCKS_MAX UINT32_MAX
#define FAULT_LUN_MAX    63
#define FAULT_ANY_LUN    UINT64_MAX

enum fault_kind {
	FAULT_MEDIUM,
	FAULT_CRC,
	FAULT_PARITY,
	FAULT_BUSY,
	FAULT_FULL,
	FAULT_NO_STATUS,
	FAULT_SLOW,
	FAULT_DIE,
	FAULT_KINDS,
};

enum fault_step { STEP_SELECTED, STEP_COMMAND, STEP_DATA, STEP_STATUS, STEP_KINDS };

struct fault {
	enum fault_kind kind;
	uint64_t lba, blocks, times, ms; /* times: commands left, 0 for good */
	uint64_t lun;                    /* FAULT_ANY_LUN: of each */
	enum fault_step at;
	enum scsi_phase phase;
};

struct faults {
	unsigned n;
	struct fault f[FAULTS_MAX]; /* in the order in which they came */
};

/* Adds one. False with why, which names the key and the value, when it is none. */
bool fault_add(struct faults *f, struct span spec, char *why, size_t n);
void fault_clear(struct faults *f);
/* One specification a line, as fault_add() takes them; empty when there is none. */
void fault_list(const struct faults *f, struct wr *w);

bool fault_has(const struct faults *f, enum fault_kind kind);
/* Strikes a command to this LUN: counts, and goes when it was the last time. */
bool fault_strike(struct faults *f, enum fault_kind kind, uint8_t lun);
/* The same of wrong parity, in phases of this kind. */
bool fault_has_parity(const struct faults *f, enum scsi_phase phase);
bool fault_strike_parity(struct faults *f, enum scsi_phase phase);
/* Strikes a range of blocks: *bad is the first that fails. */
bool fault_strike_medium(struct faults *f, uint8_t lun, lba_t lba, uint64_t blocks, lba_t *bad);
/* How long a status waits, 0: not. */
ns_t fault_slow_ns(const struct faults *f, uint8_t lun);
bool fault_dies(const struct faults *f, enum fault_step at);

#endif
