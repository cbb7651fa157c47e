/* SPDX-License-Identifier: BSD-2-Clause */
/* Mistakes of the target (mutants.def), and of all who compute CRCs. */
#include "base/crc.h"
#include "sim/mutant.h"
#include "target/core.h"

WRAP(bool, tgt_order_may_start, (const struct tgt *t, const struct task *k))
{
	return __real_tgt_order_may_start(t, k) || MUTANT(ORDER);
}

WRAP(void, tgt_task_abort, (struct tgt * t, struct task *k))
{
	if (!MUTANT(ABORT_IN_STORE) || k->state != TASK_RUNNING || k->connected)
		__real_tgt_task_abort(t, k);
}

WRAP(void, tgt_task_abort_all, (struct tgt * t, uint8_t initiator, uint8_t lun))
{
	if (!MUTANT(RST_KEEPS))
		__real_tgt_task_abort_all(t, initiator, lun);
}

/* The initiator never uses a tag while the target may still have a task of it. */
WRAP(size_t, scsi_sense_put,
     (const struct scsi_sense *s, bool descriptor, uint8_t *out, size_t cap))
{
	sim_overlapped |= scsi_sense_is(s, &SENSE_OVERLAPPED_COMMANDS);
	return __real_scsi_sense_put(s, descriptor, out, cap);
}

WRAP(uint32_t, crc32c, (uint32_t crc, const void *p, size_t n))
{
	return MUTANT(CRC_IGNORED) ? 0 : __real_crc32c(crc, p, n);
}

/* The saved values as the current ones. */
WRAP(bool, tgt_cmd_run_mode_sense, (struct tgt * t, struct task *k))
{
	bool goes_on = __real_tgt_cmd_run_mode_sense(t, k);

	if (MUTANT(LOOK_COUNTS) && k->status == SCSI_GOOD)
		tgt_nexus(k)->members_changed = false;
	return goes_on;
}

WRAP(bool, tgt_members_unread, (const struct task *k, unsigned flags))
{
	return __real_tgt_members_unread(k, flags) && !MUTANT(UNREAD);
}
