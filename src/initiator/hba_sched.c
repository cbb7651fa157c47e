/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers, the table of scripts, and which of the waiting tasks and passes may start. */
#include "initiator/hba_core.h"

#include "base/assert.h"

/*
 * ---- timers: two lists, sorted ----
 * One for what expires within the time for a status, the other for what takes longer (tasks, passes
 * that are not reported). So most are set to expire last in their list: the walk is from the end.
 */

void hba_timer_set(struct hba *h, struct hba_timer *t, ns_t at)
{
	hba_timer_clear(h, t);
	t->at = at;
	t->late = at > h->now + h->cfg.status_timeout_ns;
	struct hba_timers *list = &h->timers[t->late];
	struct hba_timer *before = TAILQ_LAST(list, hba_timers);
	while (before && before->at > at)
		before = TAILQ_PREV(before, hba_timers, link);
	if (before)
		TAILQ_INSERT_AFTER(list, before, t, link);
	else
		TAILQ_INSERT_HEAD(list, t, link);
}

struct hba_timer *hba_timer_first(const struct hba *h)
{
	struct hba_timer *a = TAILQ_FIRST(&h->timers[0]), *b = TAILQ_FIRST(&h->timers[1]);

	return !a || (b && b->at < a->at) ? b : a;
}

void hba_timer_clear(struct hba *h, struct hba_timer *t)
{
	if (t->at == NS_NEVER)
		return;
	TAILQ_REMOVE(&h->timers[t->late], t, link);
	t->at = NS_NEVER;
}

static void timer_expired(struct hba *h, struct hba_timer *t)
{
	switch ((enum hba_timer_kind)t->kind) {
	case HBA_TIMER_ITEM: {
		struct hba_item *i = HBA_OWNER(t, struct hba_item, timer);
		if (i->kind == HBA_ITEM_TASK)
			hba_task_expired(h, hba_task_of(i));
		else
			hba_pass_expired(h, hba_pass_of(i));
		return;
	}
	case HBA_TIMER_TAG:
		hba_abort_expired(h, HBA_OWNER(t, struct hba_tag, timer));
		return;
	case HBA_TIMER_SCAN:
		hba_scan_expired(h, HBA_OWNER(t, struct hba_scan, timer));
		return;
	}
}

void hba_timers_run(struct hba *h)
{
	struct hba_timer *t;

	while ((t = hba_timer_first(h)) && t->at <= h->now) {
		hba_timer_clear(h, t);
		timer_expired(h, t);
	}
}

/* ---- scripts ---- */

#define SCRIPT_INDEX_BITS 9
_Static_assert(HBA_SCRIPTS == 1U << SCRIPT_INDEX_BITS, "a script's id holds its index");

struct hba_script *hba_script_new(struct hba *h, enum hba_script_kind kind, uint8_t target,
                                  uint8_t tag, struct hba_item *item)
{
	if (h->free_script == HBA_SCRIPTS)
		return NULL;
	uint16_t at = h->free_script;
	struct hba_script *s = &h->script[at];
	h->free_script = s->next_free;
	s->generation = (s->generation + 1) & (UINT32_MAX >> SCRIPT_INDEX_BITS);
	if (s->generation == 0)
		s->generation = 1; /* 0 is no id */
	s->id = s->generation << SCRIPT_INDEX_BITS | at;
	s->kind = (uint8_t)kind;
	s->target = target;
	s->tag = tag;
	s->item = item;
	s->queued = true;
	s->sent = false;
	h->queued++;
	h->live++;
	s->data = 0;
	s->known = h->known;
	hba_out(h, HBA_OUT_SCRIPT, s->id);
	return s;
}

struct hba_script *hba_script_find(struct hba *h, uint32_t id)
{
	struct hba_script *s = &h->script[id & (HBA_SCRIPTS - 1)];

	return id != 0 && s->id == id ? s : NULL;
}

void hba_script_ran(struct hba *h, struct hba_script *s)
{
	if (!s->queued)
		return;
	s->queued = false;
	h->queued--;
	h->dirty = true;
}

void hba_script_drop(struct hba *h, uint32_t *id)
{
	struct hba_script *s = hba_script_find(h, *id);

	*id = 0;
	if (!s)
		return;
	hba_script_ran(h, s);
	h->live--;
	h->data -= s->data;
	s->id = 0;
	s->kind = HBA_SCRIPT_NONE;
	s->item = NULL;
	s->next_free = h->free_script;
	h->free_script = (uint16_t)(s - h->script);
	h->dirty = true;
}

/* ---- items ---- */

void hba_item_init(struct hba_item *i, enum hba_item_kind kind, uint16_t targets)
{
	*i = (struct hba_item){
	        .kind = (uint8_t)kind,
	        .state = HBA_IDLE,
	        .targets = targets,
	        .timer = {.at = NS_NEVER, .kind = HBA_TIMER_ITEM},
	};
}

static void count_waiting(struct hba *h, uint16_t targets, int by)
{
	for (unsigned id = 0; id < WIRE_IDS; id++)
		if (targets >> id & 1)
			h->port[id].waiting += (unsigned)by;
}

void hba_item_wait(struct hba *h, struct hba_item *i)
{
	i->state = HBA_WAITING;
	TAILQ_INSERT_TAIL(&h->waiting, i, link);
	count_waiting(h, i->targets, 1);
	h->dirty = true;
}

void hba_item_urgent(struct hba *h, struct hba_item *i)
{
	i->state = HBA_URGENT;
	TAILQ_INSERT_TAIL(&h->urgent, i, link);
	h->dirty = true;
}

void hba_item_unlink(struct hba *h, struct hba_item *i)
{
	if (i->state == HBA_WAITING) {
		TAILQ_REMOVE(&h->waiting, i, link);
		count_waiting(h, i->targets, -1);
		h->dirty = true; /* those behind it may go now */
	} else if (i->state == HBA_URGENT) {
		TAILQ_REMOVE(&h->urgent, i, link);
	}
}

void hba_item_done(struct hba *h, struct hba_item *i)
{
	sm_assert(i->state != HBA_DONE && i->state != HBA_WAITING && i->state != HBA_URGENT);
	hba_timer_clear(h, &i->timer);
	hba_script_drop(h, &i->script);
	i->state = HBA_DONE;
	TAILQ_INSERT_TAIL(&h->done, i, link);
	h->n_done++;
}

static size_t data_of(struct hba_item *i)
{
	if (i->kind == HBA_ITEM_TASK && hba_task_of(i)->sensing)
		return 0;
	const struct block *data =
	        i->kind == HBA_ITEM_TASK ? hba_task_of(i)->data_out : hba_pass_of(i)->data;

	return data ? data->len : 0;
}

static bool hand(struct hba *h, struct hba_item *i)
{
	size_t data = data_of(i);
	bool ok;

	if (h->data && h->data + data > HBA_DATA_MAX)
		return false;
	if (i->kind == HBA_ITEM_TASK)
		ok = hba_task_hand(h, hba_task_of(i));
	else
		ok = hba_pass_hand(h, hba_pass_of(i));
	if (ok) {
		hba_script_find(h, i->script)->data = data;
		h->data += data;
	}
	return ok;
}

static void pump_urgent(struct hba *h)
{
	struct hba_item *i, *next;

	for (i = TAILQ_FIRST(&h->urgent); i && h->queued < HBA_URGENT_MAX; i = next) {
		next = TAILQ_NEXT(i, link);
		if (hand(h, i)) {
			TAILQ_REMOVE(&h->urgent, i, link);
			i->state = HBA_HANDED;
		}
	}
}

static bool has_credit(const struct hba *h, uint16_t targets)
{
	for (unsigned id = 0; id < WIRE_IDS; id++)
		if (targets >> id & 1 && h->port[id].t.in_flight >= h->port[id].depth)
			return false;
	return true;
}

/*
 * In order of arrival; what cannot start holds its targets against all that came later, so each
 * target is served in order and nothing starves. The walk ends as soon as no target is left that
 * somebody waits for: with one group, at the first that cannot start.
 */
static void pump_waiting(struct hba *h)
{
	uint16_t open = 0;
	struct hba_item *i, *next;

	for (unsigned id = 0; id < WIRE_IDS; id++) {
		const struct hba_port *p = &h->port[id];
		if (p->waiting && !p->scanning && !p->frozen && !p->asking)
			open |= (uint16_t)(1U << id);
	}
	for (i = TAILQ_FIRST(&h->waiting);
	     i && open && h->queued < HBA_QUEUED_MAX && h->live < HBA_LIVE_MAX; i = next) {
		next = TAILQ_NEXT(i, link);
		if ((i->targets & open) != i->targets || !has_credit(h, i->targets) ||
		    !hand(h, i)) {
			open &= (uint16_t)~i->targets;
			continue;
		}
		TAILQ_REMOVE(&h->waiting, i, link);
		count_waiting(h, i->targets, -1);
		i->state = HBA_HANDED;
		if (i->kind == HBA_ITEM_TASK && hba_task_of(i)->asks)
			open &= (uint16_t)~i->targets;
	}
}

void hba_pump(struct hba *h)
{
	struct hba_tag *g;

	if (!h->dirty || !h->attached)
		return;
	h->dirty = false;
	while ((g = TAILQ_FIRST(&h->aborts)) && h->queued < HBA_URGENT_MAX && hba_abort_hand(h, g))
		;
	pump_urgent(h);
	pump_waiting(h);
}
