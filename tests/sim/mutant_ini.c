/* SPDX-License-Identifier: BSD-2-Clause */
/* Mistakes of the initiator (mutants.def). */
#include "initiator/core.h"
#include "initiator/hba_core.h"
#include "sim/mutant.h"

#include <string.h>

/* ---- the host adapter ---- */

WRAP(void, hba_tag_abort, (struct hba * h, uint8_t target, uint8_t tag))
{
	struct hba_item *owner = h->port[target].tag[tag].owner;
	unsigned member = h->port[target].tag[tag].member;

	if (!MUTANT(TAG_EARLY)) {
		__real_hba_tag_abort(h, target, tag);
		return;
	}
	hba_tag_release(h, target, tag);
	if (owner->kind == HBA_ITEM_TASK)
		hba_task_aborted(h, hba_task_of(owner), true);
	else
		hba_pass_aborted(h, hba_pass_of(owner), member, true);
}

WRAP(void, hba_pass_aborted, (struct hba * h, struct hba_pass *p, unsigned member, bool confirmed))
{
	__real_hba_pass_aborted(h, p, member, confirmed);
	if (!MUTANT(TIMEOUT_GOOD))
		return;
	p->m[member].outcome = PASS_STATUS;
	p->m[member].status = SCSI_GOOD;
}

/* The next one, whether it is free or not. */
static uint8_t next_tag(struct hba *h, uint16_t targets)
{
	struct hba_port *p = &h->port[__builtin_ctz(targets)];
	uint8_t tag = p->next_tag;

	p->next_tag = (uint8_t)(tag == HBA_TAGS - 1 ? 1 : tag + 1);
	return tag;
}

/* Whoever has the tag does not any more; the target knows nothing of that. */
WRAP(void, hba_tag_take,
     (struct hba * h, uint8_t target, uint8_t tag, struct hba_item *owner, uint8_t member,
      uint8_t lun, struct block *data))
{
	struct hba_tag *g = &h->port[target].tag[tag];

	if (MUTANT(TAG_WRAP) && g->owner)
		hba_tag_drop(h, target, tag);
	if (MUTANT(TAG_WRAP))
		hba_tags_void(h, target);
	__real_hba_tag_take(h, target, tag, owner, member, lun, data);
}

/* No mistake: tags and operation ids that begin again are seen here. */
WRAP(uint8_t, hba_tag_pick, (struct hba * h, uint16_t targets))
{
	struct sim_wraps *w = &sim_wraps[h->cfg.id];

	if (MUTANT(TAG_WRAP))
		return next_tag(h, targets);
	for (unsigned id = 0; w->lowest && id < WIRE_IDS; id++)
		h->port[id].next_tag = 1;
	uint8_t tag = __real_hba_tag_pick(h, targets);
	uint8_t *last = &w->last_tag[__builtin_ctz(targets)];

	w->tags += tag > 0 && tag < *last;
	w->ops += h->next_op < w->last_op;
	*last = tag;
	w->last_op = h->next_op;
	return tag;
}

/* The pass that a status was for, before it is taken. */
static struct hba_pass *pass_of(struct hba *h, const struct wire_tenure *tn)
{
	struct rd r = rd_init(tn->msg_in.p, tn->msg_in.n);
	struct scsi_msg m;

	while (rd_left(&r) && scsi_msg_get(&r, &m)) {
		struct hba_item *owner =
		        m.kind == MSG_SIMPLE ? h->port[tn->target].tag[m.tag].owner : NULL;
		if (owner && owner->kind == HBA_ITEM_PASS)
			return hba_pass_of(owner);
	}
	return NULL;
}

void __real_hba_pass_status(struct hba *h, const struct wire_tenure *tn);

/* The same status, as if this member had sent it. */
static void status_of_another(struct hba *h, const struct hba_pass *p, unsigned i,
                              const struct wire_tenure *tn)
{
	const struct hba_pass_member *m = &p->m[i];
	struct scsi_msg s = {.kind = MSG_EXT_MIRROR,
	                     .mirror = {.function = MIRROR_STATUS,
	                                .group = p->group,
	                                .device = m->device,
	                                .op = p->op,
	                                .status = SCSI_GOOD}};
	struct wire_tenure as = *tn;
	uint8_t bytes[64];
	struct wr w = wr_init(bytes, sizeof(bytes));

	msg_put_simple(&w, p->item.tag);
	scsi_msg_put(&w, &s);
	as.target = m->target;
	as.epoch = h->port[m->target].tag[p->item.tag].epoch;
	as.msg_in = (struct span){bytes, w.n};
	__real_hba_pass_status(h, &as);
}

/* Some pass that this target is still to answer. */
static struct hba_pass *pass_open(struct hba *h, uint8_t target)
{
	const struct hba_port *t = &h->port[target];

	for (unsigned tag = 0; (tag = hba_tag_in_use(t, tag)) < HBA_TAGS; tag++) {
		struct hba_item *owner = t->tag[tag].owner;
		if (owner && owner->kind == HBA_ITEM_PASS)
			return hba_pass_of(owner);
	}
	return NULL;
}

/* The status as one of this pass, of whichever it is. */
static void status_as_of(struct hba *h, const struct hba_pass *p, const struct wire_tenure *tn)
{
	struct rd r = rd_init(tn->msg_in.p, tn->msg_in.n);
	struct wire_tenure as = *tn;
	uint8_t bytes[WIRE_MSG_IN_MAX];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct scsi_msg m;

	while (rd_left(&r) && scsi_msg_get(&r, &m)) {
		if (m.kind == MSG_SIMPLE)
			m.tag = p->item.tag;
		if (m.kind == MSG_EXT_MIRROR)
			m.mirror.op = p->op;
		scsi_msg_put(&w, &m);
	}
	as.msg_in = (struct span){bytes, w.n};
	__real_hba_pass_status(h, &as);
}

WRAP(void, hba_pass_status, (struct hba * h, const struct wire_tenure *tn))
{
	struct hba_pass *other = MUTANT(TAG_IGNORED) ? pass_open(h, tn->target) : NULL;

	if (other) {
		status_as_of(h, other, tn);
		return;
	}
	struct hba_pass *p = MUTANT(STATUS_FOR_ALL) ? pass_of(h, tn) : NULL;

	__real_hba_pass_status(h, tn);
	for (unsigned i = 0; p && tn->status == SCSI_GOOD && p->item.state == HBA_NEXUS && i < p->n;
	     i++)
		if (p->waiting >> i & 1)
			status_of_another(h, p, i, tn);
}

/* ---- the write-intent log ---- */

WRAP(bool, log_begin, (struct io * io))
{
	return __real_log_begin(io) || MUTANT(LOG_LATE);
}

WRAP(bool, intent_flushed, (struct intent * l, uint64_t ticket, bool all))
{
	return __real_intent_flushed(l, ticket, all || MUTANT(LOG_CLEARED));
}

WRAP(uint64_t, intent_ticket, (struct intent * l))
{
	uint64_t ticket = __real_intent_ticket(l);

	return MUTANT(LOG_TICKET) ? UINT64_MAX : ticket;
}

WRAP(uint64_t, intent_plan, (struct intent * l, bool lacking, bool whole))
{
	uint64_t blocks = __real_intent_plan(l, lacking && !MUTANT(PLAN_DIRTY), whole);

	if (!MUTANT(TRUSTED) || !lacking)
		return blocks;
	memset(l->plan, 0, sizeof(l->plan));
	return 0;
}

/* ---- groups ---- */

static unsigned asked;

WRAP(bool, group_change_done, (const struct group *g, uint64_t ticket))
{
	asked++;
	return __real_group_change_done(g, ticket) || MUTANT(ACK_EARLY);
}

WRAP(bool, io_lasts, (const struct io *io))
{
	return __real_io_lasts(io) || MUTANT(ACK_ANYWAY);
}

WRAP(bool, member_stale, (struct group * g, unsigned member, const char *why))
{
	return !MUTANT(FAILED_STAYS) && __real_member_stale(g, member, why);
}

WRAP(uint16_t, members_that_may_leave, (const struct group *g, uint16_t set))
{
	uint16_t sync = members_in_sync(g);

	if (MUTANT(ALL_LEAVE))
		return set & sync;
	if (MUTANT(ALL_STAY) && !(sync & ~set))
		return 0;
	return __real_members_that_may_leave(g, set);
}

/* It has just been read, and is about to be written to those that are in sync. */
WRAP(void, source_step, (struct io * io))
{
	uint16_t source = (uint16_t)(1U << io->rd.member);

	__real_source_step(io);
	if (!MUTANT(RECOVERY) || io->state != IO_RUN || !io->job || !io->job->pub.recovery)
		return;
	for (unsigned k = 0; k < io->set.n; k++)
		if (io->set.run[k].want & ~io->set.run[k].failed & source)
			io->set.run[k].ok |= source;
}

WRAP(uint16_t, members_syncing, (const struct group *g))
{
	return MUTANT(WANT_SYNC) ? 0 : __real_members_syncing(g);
}

WRAP(void, job_spoiled, (struct job * j, unsigned member, lba_t lba, uint32_t blocks))
{
	if (!MUTANT(SPOILED))
		__real_job_spoiled(j, member, lba, blocks);
}

WRAP(uint16_t, job_complete_members, (const struct job *j))
{
	return MUTANT(COMPLETE) ? j->want : __real_job_complete_members(j);
}

WRAP(bool, mir_lock_granted, (const struct mir_locks *locks, const struct mir_lock *l))
{
	return __real_mir_lock_granted(locks, l) || MUTANT(LOCKS);
}

WRAP(void, restart_seen, (struct group * g, unsigned member, const struct hba_target *t))
{
	if (!MUTANT(RESTART_IGNORED))
		__real_restart_seen(g, member, t);
}

/* ---- two initiators ---- */

WRAP(void, hba_scan, (struct hba * h))
{
	if (!MUTANT(IMPORT_BLIND))
		__real_hba_scan(h);
}

/* import.c asks: whether all have been told. */
WRAP(bool, member_has_page, (const struct group *g, unsigned member))
{
	return __real_member_has_page(g, member) || MUTANT(IMPORT_UNTOLD);
}

WRAP(bool, group_is_ours, (const struct group *g, struct ini_error *e))
{
	return __real_group_is_ours(g, e) || MUTANT(LOST_SERVES);
}

bool sim_stands_in(void)
{
	static const struct group none;
	unsigned before = asked;

	(void)group_change_done(&none, 0);
	return asked > before;
}
