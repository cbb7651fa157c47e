/* SPDX-License-Identifier: BSD-2-Clause */
/* Protection information (SBC-3): what commands may ask for, and what the store is to do for them.
 */
#ifndef TARGET_PROTECT_H
#define TARGET_PROTECT_H

#include "target/lu.h"
#include "target/task.h"

/* Looks at RDPROTECT, WRPROTECT, ... False: refused, with k->sense. */
bool tgt_protect_accept(struct task *k);
/* Bytes that a block of the command has in its data phase. */
static inline uint32_t tgt_protect_stride(const struct task *k)
{
	return k->lu->cfg.block_size + (k->cdb.wrprotect ? PROTECT_LEN : 0U);
}
/* What an operation of the store, for this work of a task, has to do with it. lu: whose store,
 * which has protection information. */
struct protect tgt_protect_of(const struct task *k, const struct tgt_lu *lu, enum task_work work);
/* What is told of wrong protection information: field of enum protect_field. */
struct scsi_sense tgt_protect_sense(uint8_t field, lba_t at);
/* READ CAPACITY(16), byte 12: PROT_EN and P_TYPE. */
uint8_t tgt_protect_capacity(const struct tgt_lu *lu);
/* The type that FMTPINFO and PROTECTION FIELD USAGE of a FORMAT UNIT ask for; -1: there is none. */
int tgt_protect_format(unsigned fmtpinfo, unsigned usage);

#endif
