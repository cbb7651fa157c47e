/* SPDX-License-Identifier: BSD-2-Clause */
/* The target core: creation, events, invariants. */
#include "base/assert.h"
#include "target/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Actions of one step: a step can end all tasks and start as many. */
#define ACTIONS(depth)  (3 * (depth) + 16)
#define PROGRAM_BYTES   320
#define ARENA(depth)    ((size_t)(2 * (depth) + 8) * PROGRAM_BYTES + WIRE_MGMT_MAX)
#define FAULT_WHY_BYTES 200

/* ---- creation ---- */

static bool config_ok(const struct tgt_config *c, char *why, size_t n)
{
	if (c->queue_depth == 0 || c->queue_depth > TGT_DEPTH_MAX) {
		(void)snprintf(why, n, "queue depth %u: must be 1 to %d", c->queue_depth,
		               TGT_DEPTH_MAX);
		return false;
	}
	if (c->luns > SCSI_LUNS) {
		(void)snprintf(why, n, "%u logical units: at most %d", c->luns, SCSI_LUNS);
		return false;
	}
	return true;
}

static bool allocate(struct tgt *t)
{
	unsigned depth = t->cfg.queue_depth * (t->cfg.luns > 0 ? t->cfg.luns : 1) + TGT_BEYOND_MAX;
	t->n_slots = depth + 1;
	t->slot = calloc(t->n_slots, sizeof(*t->slot));
	t->cap_act = ACTIONS(depth);
	t->act = malloc(t->cap_act * sizeof(*t->act));
	t->held = malloc(t->cap_act * sizeof(struct block *));
	t->arena_cap = ARENA(depth);
	t->arena = malloc(t->arena_cap);
	return t->slot && t->act && t->held && t->arena;
}

struct tgt *tgt_new(const struct tgt_config *cfg, char *why, size_t why_len)
{
	if (!config_ok(cfg, why, why_len))
		return NULL;
	struct tgt *t = calloc(1, sizeof(*t));
	if (t) {
		t->cfg = *cfg;
		TAILQ_INIT(&t->tasks);
	}
	if (!t || !allocate(t)) {
		(void)snprintf(why, why_len, "out of memory");
		tgt_free(t);
		return NULL;
	}
	t->cfg.lu.saved = (struct span){0};
	reserve_init(&t->absent.resv);
	struct tgt_lu *lu = tgt_lu_new(0, &cfg->lu, why, why_len);
	if (!lu) {
		tgt_free(t);
		return NULL;
	}
	tgt_lu_added(t, lu);
	return t;
}

void tgt_free(struct tgt *t)
{
	if (!t)
		return;
	for (unsigned i = 0; t->slot && i < t->n_slots; i++) {
		block_unref(t->slot[i].data);
		block_unref(t->slot[i].in);
	}
	if (t->held)
		tgt_out_reset(t);
	for (unsigned i = 0; i < SCSI_LUNS; i++)
		tgt_lu_free(t->lu[i]);
	while (!SLIST_EMPTY(&t->gone)) {
		struct tgt_lu *lu = SLIST_FIRST(&t->gone);
		SLIST_REMOVE_HEAD(&t->gone, link);
		tgt_lu_free(lu);
	}
	free(t->slot);
	free(t->act);
	free(t->held);
	free(t->arena);
	free(t);
}

/* ---- attach ---- */

static void nexus_lost(struct tgt *t, uint8_t id, enum ua_kind ua)
{
	struct tgt_lu *lu;
	LU_FOREACH (lu, t) {
		tgt_lu_lose_nexus(lu, id, ua);
		lu->nexus[id].asks_members = lu->nexus[id].members_changed = false;
	}
	tgt_allegiance_end(&t->absent, id);
}

static void lose_all(struct tgt *t, enum ua_kind ua)
{
	tgt_port_close(t);
	tgt_task_abort_all(t, WIRE_NO_ID, WIRE_NO_ID);
	for (unsigned i = 0; i < WIRE_IDS; i++) {
		t->ini[i].up = t->ini[i].units = false;
		nexus_lost(t, (uint8_t)i, ua);
	}
}

static void attached(struct tgt *t, const struct wire_attached *a)
{
	/* A restart of the bus server is a reset. The first attach is the power on. */
	if (t->was_attached)
		lose_all(t, a->boot == t->boot ? UA_NEXUS_LOSS : UA_BUS_RESET);
	t->attached = true;
	t->was_attached = true;
	t->boot = a->boot;
	t->id = a->id;
	t->luns_changed = true;
	t->limits_told = 0;
}

static void detached(struct tgt *t)
{
	tgt_port_close(t);
	tgt_task_abort_all(t, WIRE_NO_ID, WIRE_NO_ID);
	t->attached = false;
}

/* ---- frames ---- */

static void lose_nexus(struct tgt *t, uint8_t id)
{
	if (t->tenure.open && t->tenure.initiator == id)
		tgt_port_close(t);
	tgt_task_abort_all(t, id, WIRE_NO_ID);
	t->ini[id].units = false;
	nexus_lost(t, id, UA_NEXUS_LOSS);
}

static void port_changed(struct tgt *t, const struct wire_port *p)
{
	if (p->id >= WIRE_IDS)
		return;
	struct ini *i = &t->ini[p->id];
	bool up = p->up && p->role == ROLE_INITIATOR;
	if (i->up && (!up || i->epoch != p->epoch))
		lose_nexus(t, p->id);
	i->up = up;
	if (up)
		i->epoch = p->epoch;
}

static bool fault_command(struct tgt *t, const struct wire_mgmt *q, struct wr *w)
{
	char why[FAULT_WHY_BYTES];
	bool ok = true;
	if (q->kind == MGMT_FAULT)
		ok = fault_add(&t->faults, q->payload, why, sizeof(why));
	else if (q->kind == MGMT_FAULT_CLEAR)
		fault_clear(&t->faults);
	else
		fault_list(&t->faults, w);
	if (q->kind == MGMT_FAULT && ok)
		wr_bytes(w, "ok", 2);
	if (!ok)
		wr_bytes(w, why, strlen(why));
	return ok;
}

static void management(struct tgt *t, const struct wire_mgmt *q)
{
	bool known =
	        q->kind == MGMT_FAULT || q->kind == MGMT_FAULT_LIST || q->kind == MGMT_FAULT_CLEAR;
	if (q->answer || !known)
		return;
	struct wr w = tgt_out_cursor(t);
	bool ok = fault_command(t, q, &w);
	struct tgt_action *a = tgt_out_action(t, TGT_SEND);
	a->frame.type = WIRE_MGMT;
	a->frame.mgmt = (struct wire_mgmt){
	        .req = q->req,
	        .answer = true,
	        .from = t->id,
	        .to = q->from,
	        .kind = q->kind,
	        .code = ok ? CODE_OK : CODE_BAD_VALUE,
	        .payload = tgt_out_take(t, &w),
	};
}

static void frame(struct tgt *t, const struct wire_frame *f)
{
	if (!t->attached)
		return; /* left over from the attach before */
	switch (f->type) {
	case WIRE_BURST:
		tgt_port_burst(t, &f->burst, f->data);
		break;
	case WIRE_PORT:
		port_changed(t, &f->port);
		break;
	case WIRE_RESET:
		tgt_port_close(t);
		tgt_target_reset(t, UA_BUS_RESET);
		break;
	case WIRE_MGMT:
		management(t, &f->mgmt);
		break;
	case WIRE_ATTACH:
	case WIRE_ATTACHED:
	case WIRE_REFUSED:
	case WIRE_ERROR:
	case WIRE_PING:
	case WIRE_PONG:
	case WIRE_ARM:
	case WIRE_MEMBERS:
	case WIRE_LIMITS:
	case WIRE_SCRIPT:
	case WIRE_CANCEL:
	case WIRE_TENURE:
	case WIRE_PROGRAM:
	case WIRE_TRACE:
	case WIRE_RING:
		break; /* the shell's, or nobody's */
	}
}

/* ---- steps ---- */

void tgt_step(struct tgt *t, const struct tgt_event *ev, struct tgt_actions *out)
{
	tgt_out_reset(t);
	if (ev->now > t->now)
		t->now = ev->now;
	switch (ev->kind) {
	case TGT_EV_ATTACHED:
		attached(t, ev->attached);
		break;
	case TGT_EV_DETACHED:
		detached(t);
		break;
	case TGT_EV_FRAME:
		frame(t, ev->frame);
		break;
	case TGT_EV_STORE_DONE:
		tgt_work_store_done(t, ev);
		break;
	case TGT_EV_META_DONE:
		tgt_work_meta_done(t, ev);
		break;
	case TGT_EV_LU_ADDED:
		tgt_lu_added(t, ev->added);
		break;
	case TGT_EV_LU_REMOVED:
		tgt_lu_removed(t, ev->removed);
		break;
	case TGT_EV_DEADLINE:
		tgt_task_expire(t);
		tgt_port_drained(t);
		break;
	}
	do {
		tgt_task_deliver_delayed(t);
		if (t->n_in[TASK_WAITING] > 0)
			tgt_task_run_waiting(t);
	} while (tgt_task_queue_errors(t));
	tgt_port_abandoned(t);
	if (t->luns_changed && t->attached) {
		t->luns_changed = false;
		t->arm_sent = false;
		t->limits_due = true;
		tgt_port_members(t);
	}
	tgt_limits_tell(t);
	tgt_port_arm(t);
	tgt_lu_reap(t);
	*out = (struct tgt_actions){.n = t->n_act, .v = t->act};
}

ns_t tgt_deadline(const struct tgt *t)
{
	ns_t tasks = tgt_task_deadline(t), port = tgt_port_deadline(t);
	return tasks < port ? tasks : port;
}

unsigned tgt_store_ops(const struct tgt *t)
{
	return t->n_in[TASK_RUNNING] + t->n_in[TASK_DRAIN];
}

unsigned tgt_tasks(const struct tgt *t)
{
	return t->n_tasks;
}

bool tgt_fault_add(struct tgt *t, const char *spec, char *why, size_t why_len)
{
	struct span s = {(const uint8_t *)spec, strlen(spec)};
	return fault_add(&t->faults, s, why, why_len);
}

void tgt_check(const struct tgt *t)
{
	const struct tenure *n = &t->tenure;
	tgt_task_check(t);
	sm_assert(t->n_act <= t->cap_act && t->n_held <= t->cap_act);
	sm_assert(t->arena_used <= t->arena_cap);
	sm_assert(n->open || (!n->wanted && !n->task));
	sm_assert(!n->task || n->task->state != TASK_FREE);
	sm_assert(!n->task || n->task->connected || n->task->state == TASK_DATA);
	sm_assert(n->next != NEXT_DATA || !n->open || (n->task && n->task->state == TASK_DATA));
	sm_assert(n->reply_len <= sizeof(n->reply));
	const struct tgt_lu *lu;
	LU_FOREACH (lu, t) {
		reserve_check(&lu->resv);
		sm_assert(lu->modes.saved.mirror.member || lu->modes.saved.mirror.group == 0);
	}
}
