/* SPDX-License-Identifier: BSD-2-Clause */
/* Mistakes of the target (mutants.def), and of all who compute CRCs. */
#include "base/crc.h"
#include "sim/mutant.h"
#include "target/core.h"

WRAP(bool, tgt_order_may_start, (const struct tgt *t, const struct task *k))
{
	bool reads = k->cdb.op == OP_READ_16;

	return __real_tgt_order_may_start(t, k) || MUTANT(ORDER) || (MUTANT(RECOVERY) && reads);
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

/* What came for its data was cut off, or is damaged: it says nothing of that. */
WRAP(void, tgt_task_fail, (struct task * k, struct scsi_sense sense))
{
	bool cut = scsi_sense_is(&sense, &SENSE_DATA_PHASE_ERROR) ||
	           scsi_sense_is(&sense, &SENSE_DATA_CRC);

	if (!MUTANT(CUT_GOOD) || !cut)
		__real_tgt_task_fail(k, sense);
}

/* LAST is not the end: BUS RELEASE is. */
WRAP(void, tgt_silent_message, (struct tgt * t, const struct scsi_msg_mirror *m))
{
	struct tenure *n = &t->tenure;

	__real_tgt_silent_message(t, m);
	if (MUTANT(BSY_FREE) && m->function == MIRROR_SELECT && m->last && n->next == NEXT_PASS)
		n->next = NEXT_FREE;
}

/* A participant is not told of BUS FREE: it learns it by what comes next. */
WRAP(void, tgt_port_burst, (struct tgt * t, const struct wire_burst *b, struct block *data))
{
	const struct tenure *n = &t->tenure;
	struct wire_burst as = *b;

	if (MUTANT(STALE_ROLE) && n->open && n->mirror && b->role != BURST_TARGET)
		as.role = n->role;
	__real_tgt_port_burst(t, &as, data);
}
