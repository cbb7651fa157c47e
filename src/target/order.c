/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a task may start: SAM's task attributes, and the blocks that it touches.
 *
 * Several tasks are in the store at once, and a store does what it was given side by side, in any
 * order. So a task stays out while one that is there touches the same blocks and either of them
 * writes: it would not be known what is read, or which of two writes lands last. An aborted task
 * counts until the store has answered (TASK_DRAIN): its write may still land. A task keeps its
 * blocks to itself for all of its work: WRITE AND VERIFY verifies what it wrote.
 *
 * No order is needed between SYNCHRONIZE CACHE and other tasks (SBC-3, 5.27): it is for what was
 * completed before it came, and that is in the store.
 */
#include "target/core.h"

struct extent {
	lba_t lba;
	uint64_t blocks; /* 0: touches none */
	bool writes;
};

/* Of several logical units: it is alone in all stores. */
static bool copies(const struct task *k)
{
	return k->cdb.op == OP_EXTENDED_COPY;
}

static struct extent extent_of(const struct task *k)
{
	if (copies(k))
		return (struct extent){0, UINT64_MAX, true};
	const struct cmd *c = tgt_cmd_find(k->cdb.op);
	/* SBC-3, 5.25: a unit stops when all is on the medium. */
	if (tgt_bg_is_for(k->cdb.op))
		return (struct extent){0, k->lu->cfg.blocks, true};
	/* A self test reads whatever it likes. */
	if (k->cdb.op == OP_SEND_DIAGNOSTIC)
		return (struct extent){0, k->lu->cfg.blocks, false};
	if (k->cdb.op == OP_UNMAP) {
		struct extent e = {.writes = true};
		tgt_unmap_extent(k, &e.lba, &e.blocks);
		return e;
	}
	if (!c || !(c->flags & CMD_BLOCKS))
		return (struct extent){0};
	return (struct extent){k->cdb.lba, k->cdb.blocks, scsi_op_writes_medium(k->cdb.op)};
}

static bool conflict(const struct extent *a, const struct extent *b)
{
	if (a->blocks == 0 || b->blocks == 0 || (!a->writes && !b->writes))
		return false;
	/* Neither sum may wrap: compare distances. */
	return a->lba < b->lba ? b->lba - a->lba < a->blocks : a->lba - b->lba < b->blocks;
}

static bool in_store(const struct task *k)
{
	return k->state == TASK_RUNNING || k->state == TASK_DRAIN;
}

/* SAM-5, 8.7: HEAD OF QUEUE waits for nobody, ORDERED for all older ones, SIMPLE for older ones
 * that are ORDERED or HEAD OF QUEUE; each in its task set. (QUEUE ALGORITHM MODIFIER: blocks that
 * tasks share are theirs in the order in which they came, which is all that restricted reordering
 * asks for.) */
static bool behind(const struct task *k, const struct task *old)
{
	if (tgt_lu_apart(k->lu) && k->initiator != old->initiator)
		return false;
	/* What an ACA holds up may wait for just this one, which ends it. */
	if (k->cdb.op == OP_PR_OUT_PREEMPT_AND_ABORT && old->state == TASK_WAITING &&
	    tgt_allegiance_holds(old))
		return false;
	return k->attr == MSG_ORDERED || (k->attr == MSG_SIMPLE && old->attr != MSG_SIMPLE);
}

bool tgt_order_may_start(const struct tgt *t, const struct task *k)
{
	const struct extent mine = extent_of(k);
	const struct task *other;
	bool older = true;
	if (tgt_allegiance_holds(k) || tgt_bg_in_the_way(k))
		return false;
	TAILQ_FOREACH (other, &t->tasks, link) {
		if (other == k)
			older = false;
		bool same = other->lu == k->lu;
		if (other == k || (!same && !copies(k) && !copies(other)))
			continue; /* each logical unit has a task set of its own */
		bool waits = other->state == TASK_WAITING;
		if (!in_store(other) && !(older && waits))
			continue; /* has done its work, or comes behind */
		if (older && same && behind(k, other))
			return false;
		/* Of those that wait, too, the older one is first, so that nobody starves; but one
		 * whose initiator has to ask for its sense holds up no other. */
		bool passes = k->attr == MSG_HEAD_OF_QUEUE || k->attr == MSG_ACA;
		bool first = !waits || (!passes && !tgt_allegiance_holds(other));
		const struct extent theirs = extent_of(other);
		if (first && conflict(&mine, &theirs))
			return false;
	}
	return true;
}
