/* SPDX-License-Identifier: BSD-2-Clause */
/* Every invariant of the host adapter, for tests after each step. */
#include "initiator/hba_core.h"

#include "base/assert.h"

static void check_timers(const struct hba *h)
{
	const struct hba_timer *t;

	for (unsigned i = 0; i < ARRAY_LEN(h->timers); i++) {
		ns_t last = 0;
		TAILQ_FOREACH (t, &h->timers[i], link) {
			sm_assert(t->at != NS_NEVER && t->at >= last && t->late == (i == 1));
			last = t->at;
		}
	}
}

static void check_tag(const struct hba *h, const struct hba_port *p, unsigned tag)
{
	const struct hba_tag *g = &p->tag[tag];
	bool free_bit = p->free_tags[tag / 64] >> tag % 64 & 1;

	sm_assert(g->target == p->t.id && g->tag == tag);
	sm_assert(free_bit == (g->state == HBA_TAG_FREE));
	bool asks = g->state == HBA_TAG_ABORTING || g->state == HBA_TAG_QUARANTINED;
	sm_assert(g->timer.at == NS_NEVER || asks);
	switch ((enum hba_tag_state)g->state) {
	case HBA_TAG_FREE:
	case HBA_TAG_QUARANTINED:
		sm_assert(!g->owner && !g->script);
		return;
	case HBA_TAG_BUSY:
		sm_assert(g->owner && !g->script);
		break;
	case HBA_TAG_ABORTING:
		sm_assert(g->script == 0 || h->script[g->script % HBA_SCRIPTS].id == g->script);
		break;
	}
	if (!g->owner)
		return;
	sm_assert(g->owner->tag == tag && g->owner->targets >> g->target & 1);
	sm_assert(g->owner->state == HBA_HANDED || g->owner->state == HBA_NEXUS ||
	          g->owner->state == HBA_ABORTING || g->owner->state == HBA_URGENT);
	if (g->owner->kind == HBA_ITEM_PASS) {
		const struct hba_pass *pass = hba_pass_of(g->owner);
		sm_assert(g->member < pass->n && pass->waiting >> g->member & 1);
		sm_assert(pass->m[g->member].target == g->target);
	}
}

static void check_port(const struct hba *h, unsigned id)
{
	const struct hba_port *p = &h->port[id];
	unsigned owned = 0, quarantined = 0, waiting = 0, asking = 0;
	const struct hba_item *i;

	for (unsigned tag = 0; tag < HBA_TAGS; tag++) {
		check_tag(h, p, tag);
		i = p->tag[tag].owner;
		owned += i != NULL;
		asking += i && i->kind == HBA_ITEM_TASK && hba_task_of(p->tag[tag].owner)->asks;
		quarantined += p->tag[tag].state == HBA_TAG_QUARANTINED;
	}
	TAILQ_FOREACH (i, &h->waiting, link)
		waiting += i->targets >> id & 1U;
	sm_assert(p->t.id == id);
	sm_assert(owned == p->t.in_flight);
	sm_assert(quarantined == p->quarantined);
	sm_assert(waiting == p->waiting);
	sm_assert(asking == p->asking);
	sm_assert(p->depth >= 1 && p->depth < HBA_TAGS);
	sm_assert((p->t.state == HBA_ABSENT) == !p->up);
	sm_assert(p->up || !p->scanning);
	sm_assert(p->scanning || p->t.state != HBA_SCANNING);
	sm_assert(!p->scan.probing || (p->up && !p->scanning));
	sm_assert(p->up || p->scan.timer.at == NS_NEVER);
	sm_assert(h->attached || !p->up);
}

static void check_scripts(const struct hba *h)
{
	unsigned queued = 0, passes = 0, live = 0, unused = 0;
	uint64_t data = 0;

	for (unsigned i = 0; i < HBA_SCRIPTS; i++) {
		const struct hba_script *s = &h->script[i];

		if (s->id == 0) {
			unused++;
			continue;
		}
		live++;
		data += s->data;
		sm_assert(s->id % HBA_SCRIPTS == i);
		queued += s->queued;
		passes += s->kind == HBA_SCRIPT_PASS;
		if (s->kind == HBA_SCRIPT_TASK || s->kind == HBA_SCRIPT_PASS)
			sm_assert(s->item && s->item->script == s->id && s->item->tag == s->tag);
		else
			sm_assert(h->port[s->target].tag[s->tag].script == s->id);
	}
	sm_assert(live + unused == HBA_SCRIPTS && live == h->live && data == h->data);
	sm_assert(queued == h->queued && queued <= HBA_URGENT_MAX);
	sm_assert(passes <= h->passes);
}

static void check_lists(const struct hba *h)
{
	const struct hba_item *i;
	const struct hba_tag *g;
	unsigned done = 0;

	TAILQ_FOREACH (i, &h->waiting, link)
		sm_assert(i->state == HBA_WAITING && i->script == 0);
	TAILQ_FOREACH (i, &h->urgent, link)
		sm_assert(i->state == HBA_URGENT && i->kind == HBA_ITEM_TASK && i->script == 0);
	TAILQ_FOREACH (i, &h->done, link) {
		sm_assert(i->state == HBA_DONE && i->script == 0 && i->timer.at == NS_NEVER);
		done++;
	}
	sm_assert(done == h->n_done);
	TAILQ_FOREACH (g, &h->aborts, link)
		sm_assert(g->state == HBA_TAG_ABORTING && g->script == 0);
}

void hba_check(const struct hba *h)
{
	check_timers(h);
	check_scripts(h);
	check_lists(h);
	for (unsigned id = 0; id < WIRE_IDS; id++) {
		check_port(h, id);
		sm_assert(!h->port[id].other.up || (h->attached && !h->port[id].up));
	}
	for (unsigned i = 0; i < h->n_extra; i++) {
		const struct hba_target *t = &h->extra[i];
		sm_assert(t->unit == WIRE_IDS + i && t->lun != 0 && t->id < WIRE_IDS);
		sm_assert(h->port[t->id].up || t->state == HBA_ABSENT);
		sm_assert(h->port[t->id].scanning || t->state != HBA_SCANNING);
	}
	sm_assert(h->out_n <= HBA_OUT_MAX);
	sm_assert(h->attached || (h->queued == 0 && h->passes == 0 && h->out_n == 0));
}
