/* SPDX-License-Identifier: BSD-2-Clause */
/* From a CDB to a task: what the target knows, and the order in which a command is refused. */
#include "base/assert.h"
#include "target/core.h"

#include <string.h>

#define QUICK  CMD_QUICK
#define MEDIUM (CMD_MEDIUM | CMD_READY)
#define BLOCKS (MEDIUM | CMD_BLOCKS)
#define PASS   CMD_PASS
#define THIN   CMD_THIN
#define TYPE2  CMD_TYPE2
#define ALWAYS (CMD_QUICK | CMD_NO_UA)

static const struct cmd cmds[OP_COUNT] = {
#define CMD(op_, flags_, accept_, run_)                                                            \
	[OP_##op_] = {OP_##op_, (flags_), tgt_cmd_accept_##accept_, tgt_cmd_run_##run_},
#include "target/commands.def"
#undef CMD
};

const struct cmd *tgt_cmd_find(enum scsi_op op)
{
	return (unsigned)op < OP_COUNT && cmds[op].accept ? &cmds[op] : NULL;
}

const struct cmd *tgt_cmd_of(const struct tgt_lu *lu, enum scsi_op op)
{
	const struct cmd *c = tgt_cmd_find(op);
	if (!c || !(c->flags & (CMD_THIN | CMD_TYPE2)))
		return c;
	bool has = c->flags & CMD_THIN ? lu->cfg.thin : lu->protection == 2;
	return has ? c : NULL;
}

bool tgt_cmd_has_actions(const struct tgt_lu *lu, uint8_t opcode)
{
	bool has = false;
	for (unsigned op = 0; op < OP_COUNT && scsi_opcode_has_actions(opcode) && !has; op++)
		has = scsi_op_info((enum scsi_op)op)->opcode == opcode &&
		      tgt_cmd_of(lu, (enum scsi_op)op);
	return has;
}

bool tgt_cdb_field_bad(struct task *k, uint16_t field, uint8_t bit)
{
	tgt_task_fail(k, scsi_sense_field(SENSE_INVALID_FIELD_IN_CDB, true, field, bit));
	return false;
}

bool tgt_cdb_only(struct task *k, uint16_t at, uint8_t byte, uint8_t allowed)
{
	uint8_t bit = 7;
	unsigned bad = byte & ~(unsigned)allowed;
	if (!bad)
		return true;
	while (!(bad >> bit & 1))
		bit--;
	return tgt_cdb_field_bad(k, at, bit);
}

bool tgt_cmd_accept_plain(struct tgt *t, struct task *k)
{
	(void)t;
	return tgt_cdb_only(k, 1, k->cdb.byte1, 0);
}

static void nexus(struct tgt *t, struct task *k)
{
	const struct tenure *n = &t->tenure;
	k->initiator = n->initiator;
	k->epoch = n->epoch;
	k->tenure = n->number;
	k->lun = n->lun;
	k->lu = tgt_lu_at(t, n->lun);
	k->lu->n_tasks++;
	k->tagged = n->tagged;
	k->tag = n->tag;
	k->attr = n->tagged ? n->attr : MSG_SIMPLE;
	k->disc_priv = n->disc_priv;
	k->units = n->units;
	k->members_changes = tgt_nexus(k)->members_changes;
	k->silent = n->mirror;
	k->connected = !n->mirror;
	k->group = n->group;
	k->device = n->device;
	k->op = n->op;
	/* Those that come later find it ahead of all that were there. */
	if (k->attr == MSG_HEAD_OF_QUEUE) {
		TAILQ_REMOVE(&t->tasks, k, link);
		TAILQ_INSERT_HEAD(&t->tasks, k, link);
	}
}

static bool fail(struct task *k, const struct scsi_sense *sense)
{
	tgt_task_fail(k, *sense);
	return false;
}

static bool refuse(struct task *k, enum scsi_status status)
{
	k->status = (uint8_t)status;
	return false;
}

/* A command whose nexus is in use ends all tasks of that initiator here (SAM-5, 5.10). */
static bool overlaps(struct tgt *t, struct task *k)
{
	struct task *old;
	TAILQ_FOREACH (old, &t->tasks, link) {
		if (old != k && tgt_task_lives(old) && old->initiator == k->initiator &&
		    old->lun == k->lun && old->tagged == k->tagged && old->tag == k->tag)
			break;
	}
	if (!old)
		return false;
	struct task *each = TAILQ_FIRST(&t->tasks);
	while (each) {
		struct task *next = TAILQ_NEXT(each, link);
		if (each != k && each->initiator == k->initiator && each->lun == k->lun)
			tgt_task_abort(t, each);
		each = next;
	}
	return true;
}

/* SPC-4, variable length CDB format: those that we have are all of one length. */
static bool unknown_action(struct task *k)
{
	if (k->cdb.opcode != SCSI_OP_VARIABLE)
		return tgt_cdb_field_bad(k, 1, 4);
	return tgt_cdb_field_bad(k, k->cdb.len == SCSI_CDB_MAX ? 8 : 7, 0xff);
}

static bool opcode_known(struct task *k, const struct cmd *c)
{
	if (c && (!k->silent || (c->flags & CMD_PASS)))
		return true;
	/* SPC-4, 4.2.5.2: an unknown service action is an invalid field. */
	if (!c && tgt_cmd_has_actions(k->lu, k->cdb.opcode))
		return unknown_action(k);
	tgt_task_fail(k, scsi_sense_field(SENSE_INVALID_OPCODE, true, 0, 7));
	return false;
}

/* Its initiator's sense was not asked for, and now it is another command that comes. One with a
 * tag that is to be queued may have been on its way: it waits and clears nothing. */
static void clear_ca(const struct task *k, const struct cmd *c)
{
	bool queued = c && !(c->flags & CMD_QUICK) && k->tagged;
	if (!(c && (c->flags & CMD_KEEP_CA)))
		tgt_allegiance_sent(k, queued);
}

/* SPC-4 (SAM-5, 5.14): that the inventory has changed is said once, not by each logical unit. With
 * UA_INTLCK_CTRL only REQUEST SENSE takes one; who is told its sense with MIRROR STATUS has it. */
static void attention(struct tgt *t, struct task *k, struct ua *ua)
{
	bool stays = k->lu->modes.current.ua_intlck != 0 && !k->silent;
	tgt_task_fail(k, stays ? ua_first(ua) : ua_take(ua));
	if (!stays && scsi_sense_is(&k->sense, &SENSE_LUNS_CHANGED))
		tgt_lu_inventory_told(t, k->initiator);
}

/* SAM-5, TASK SET FULL and BUSY: there is no room for it beside others of its initiator; at all. */
static bool room(const struct tgt *t, struct task *k, unsigned flags)
{
	const struct task *other;
	/* n_tasks counts k itself. */
	if (!k->lu->present || (flags & CMD_QUICK) || k->lu->n_tasks <= k->lu->queue_depth)
		return true;
	TAILQ_FOREACH (other, &t->tasks, link) {
		if (other != k && other->lu == k->lu && other->initiator == k->initiator)
			return refuse(k, SCSI_TASK_SET_FULL);
	}
	return refuse(k, SCSI_BUSY);
}

/* SAM-5, "Status precedence": these statuses go before all that CHECK CONDITION would say. */
static bool admitted(struct tgt *t, struct task *k, unsigned flags)
{
	if (!tgt_allegiance_admits(t, k) || !room(t, k, flags))
		return false;
	if (!tgt_reserve_allows(k))
		return refuse(k, SCSI_RESERVATION_CONFLICT);
	if ((flags & CMD_MEDIUM) && fault_strike(&t->faults, FAULT_BUSY, k->lun))
		return refuse(k, SCSI_BUSY);
	if ((flags & CMD_MEDIUM) && fault_strike(&t->faults, FAULT_FULL, k->lun))
		return refuse(k, SCSI_TASK_SET_FULL);
	return true;
}

static bool ready(struct task *k, const struct cmd *c)
{
	if ((c->flags & CMD_READY) && k->lu->store_dead)
		return fail(k, &SENSE_INTERNAL_TARGET_FAILURE);
	if ((c->flags & CMD_READY) && k->lu->stopped)
		return fail(k, &SENSE_NOT_READY_STOPPED);
	return true;
}

/* False: refused, with k->status (and k->sense). */
static bool accept(struct tgt *t, struct task *k, const struct cmd *c)
{
	unsigned flags = c ? c->flags : 0;
	if (overlaps(t, k))
		return fail(k, &SENSE_OVERLAPPED_COMMANDS);
	if (!admitted(t, k, flags))
		return false;
	if (!k->lu->present && !(flags & CMD_ANY_LUN))
		return fail(k, &SENSE_LUN_NOT_SUPPORTED);
	struct ua *ua = &tgt_nexus(k)->ua;
	tgt_exception_report(t, k->lu);
	if (!(flags & CMD_NO_UA) && ua_pending(ua)) {
		attention(t, k, ua);
		return false;
	}
	if (tgt_members_unread(k, flags))
		return fail(k, &SENSE_MODE_PARAMETERS_CHANGED);
	if (!opcode_known(k, c))
		return false;
	/* A mirroring pass begins no allegiance. */
	if (k->silent && (k->cdb.control & SCSI_CONTROL_NACA))
		return tgt_cdb_field_bad(k, k->cdb.control_at, 2);
	if (!tgt_cdb_only(k, k->cdb.reserved_at, k->cdb.reserved, 0) ||
	    !tgt_cdb_only(k, k->cdb.control_at, k->cdb.control,
	                  SCSI_CONTROL_NACA | SCSI_CONTROL_VENDOR))
		return false;
	if (!tgt_bg_allows(k, c) || !ready(k, c))
		return false;
	if (!c->accept(t, k))
		return false;
	if (flags & CMD_MEDIUM)
		k->lu->power = POWER_ACTIVE;
	return true;
}

/* Which command it is nobody knows; that its nexus is in use is known all the same. */
static void unread(struct tgt *t, struct task *k, struct scsi_sense sense)
{
	k->cdb.op = OP_UNKNOWN;
	tgt_task_fail(k, overlaps(t, k) ? SENSE_OVERLAPPED_COMMANDS : sense);
}

struct task *tgt_dispatch(struct tgt *t)
{
	const struct tenure *n = &t->tenure;
	/* Nobody sends a second command before the first one's status: if so, that one is over. */
	tgt_port_forget(t);
	struct task *k = tgt_task_take(t);
	nexus(t, k);
	const struct cmd *c = NULL;
	bool ok = scsi_cdb_get((struct span){n->cdb, n->cdb_len}, &k->cdb);
	if (ok) {
		c = tgt_cmd_of(k->lu, k->cdb.op);
		clear_ca(k, c);
		if (c && (c->flags & CMD_MEDIUM) && fault_dies(&t->faults, STEP_COMMAND))
			tgt_out_die(t);
		ok = accept(t, k, c);
	} else {
		unread(t, k, SENSE_COMMAND_PHASE_ERROR);
	}
	if (!ok)
		tgt_task_set(t, k, TASK_DONE);
	else if (k->want_out > 0)
		tgt_task_set(t, k, TASK_DATA);
	return k;
}

struct task *tgt_dispatch_unread(struct tgt *t, struct scsi_sense sense)
{
	struct task *k = tgt_task_take(t);
	nexus(t, k);
	unread(t, k, sense);
	tgt_task_set(t, k, TASK_DONE);
	return k;
}

void tgt_cmd_reply(struct tgt *t, struct task *k, const struct wr *w)
{
	sm_assert(wr_ok(w) && w->p == t->resp);
	size_t n = w->n < k->cdb.alloc ? w->n : k->cdb.alloc;
	k->small = (struct span){t->resp, n};
}
