/* SPDX-License-Identifier: BSD-2-Clause */
/* What makes tasks void: a port that comes or goes, RST, the bus server. */
#include "initiator/hba_core.h"

#include "base/assert.h"

#include <string.h>

/*
 * Ends what hangs on the nexus with a target. Scripts that the server was given and has not
 * reported are left alone: it will still report them (as reset, as a selection time-out, or as run
 * after all), and until then their tags are not free. A task that was for a target that has gone is
 * cancelled: nothing of it runs at whoever comes there next, and so it need not wait for its turn.
 */
static void nexus_lost(struct hba *h, uint8_t id, enum hba_outcome outcome, bool port_gone)
{
	const struct hba_port *p = &h->port[id];

	for (unsigned tag = 0; (tag = hba_tag_in_use(p, tag)) < HBA_TAGS; tag++) {
		struct hba_item *i = p->tag[tag].owner;

		if (!i)
			continue;
		if (i->kind == HBA_ITEM_PASS)
			hba_pass_member_lost(h, hba_pass_of(i), p->tag[tag].member, port_gone);
		else if (i->state != HBA_HANDED)
			hba_task_lost(h, hba_task_of(i), outcome);
		else if (port_gone && !hba_task_of(i)->own)
			hba_task_abort(h, hba_task_of(i));
	}
	hba_tags_void(h, id);
}

static bool is_for(struct hba_item *i, uint8_t id, uint8_t lun)
{
	if (!(i->targets >> id & 1))
		return false;
	if (lun == WIRE_NO_ID)
		return true;
	if (i->kind == HBA_ITEM_TASK)
		return hba_task_of(i)->lun == lun;
	const struct hba_pass *p = hba_pass_of(i);
	for (unsigned k = 0; k < p->n; k++)
		if (p->m[k].target == id && p->m[k].lun == lun)
			return true;
	return false;
}

/* What a target looks at, group and device, the next one may have, too: of a group of somebody
 * else's. To the others a pass may be sent again, it is no fault of theirs. */
static void waiting_pass_lost(struct hba *h, struct hba_pass *p)
{
	for (unsigned k = 0; k < p->n; k++)
		p->m[k].outcome = PASS_LOST;
	hba_pass_lost(h, p);
}

/* hba_set_member() looks at page 30h, and then writes it. */
enum which { ALL, ALL_BUT_LOOKS, PAGE_WRITES };

static bool is_one(struct hba_item *i, enum which which)
{
	if (i->kind == HBA_ITEM_PASS)
		return which != PAGE_WRITES;
	if (which == PAGE_WRITES)
		return hba_member_selects(hba_task_of(i));
	return which == ALL || !hba_member_looks(hba_task_of(i));
}

static void waiting_lost(struct hba *h, uint8_t id, uint8_t lun, enum which which)
{
	struct hba_item *i, *next;

	for (i = TAILQ_FIRST(&h->waiting); i; i = next) {
		next = TAILQ_NEXT(i, link);
		if (!is_for(i, id, lun) || !is_one(i, which))
			continue;
		if (i->kind == HBA_ITEM_PASS) {
			waiting_pass_lost(h, hba_pass_of(i));
			continue;
		}
		hba_task_of(i)->aborted = true;
		hba_task_lost(h, hba_task_of(i), HBA_ABORTED);
	}
}

void hba_waiting_lost(struct hba *h, uint8_t id, uint8_t lun)
{
	waiting_lost(h, id, lun, ALL);
}

void hba_waiting_taken(struct hba *h, uint8_t id, uint8_t lun)
{
	waiting_lost(h, id, lun, ALL_BUT_LOOKS);
}

void hba_selects_lost(struct hba *h, uint8_t id, uint8_t lun)
{
	waiting_lost(h, id, lun, PAGE_WRITES);
}

static void port_down(struct hba *h, uint8_t id)
{
	struct hba_port *p = &h->port[id];

	p->up = false;
	p->depth = 1;
	p->t.state = HBA_ABSENT;
	p->t.xfer = XFER_ASYNC;
	hba_extras_state(h, id, HBA_ABSENT);
	nexus_lost(h, id, HBA_ABORTED, true);
	hba_waiting_lost(h, id, WIRE_NO_ID);
	hba_scan_stop(h, id);
	h->dirty = true;
	hba_target_changed(h, id);
}

static void port_up(struct hba *h, const struct wire_port *w)
{
	struct hba_port *p = &h->port[w->id];

	p->up = true;
	p->depth = 1;
	p->t.epoch = w->epoch;
	p->t.attach = ++h->attaches;
	p->t.commands = p->t.errors = 0;
	memcpy(p->t.uuid, w->uuid, UUID_LEN);
	memcpy(p->t.name, w->name, sizeof(p->t.name));
	p->t.name[TARGET_NAME_MAX] = '\0';
	hba_scan_start(h, w->id);
}

static void initiator_up(struct hba *h, const struct wire_port *w)
{
	struct hba_initiator *other = &h->port[w->id].other;

	other->up = true;
	other->epoch = w->epoch;
	memcpy(other->uuid, w->uuid, UUID_LEN);
	memcpy(other->name, w->name, sizeof(other->name));
	other->name[TARGET_NAME_MAX] = '\0';
	h->initiators_changed = true;
}

void hba_on_port(struct hba *h, const struct wire_port *w)
{
	if (w->id >= WIRE_IDS || w->id == h->cfg.id)
		return;
	struct hba_port *p = &h->port[w->id];
	if (!w->up) {
		if (p->up && p->t.epoch == w->epoch)
			port_down(h, w->id);
		if (p->other.up && p->other.epoch == w->epoch) {
			p->other.up = false;
			h->initiators_changed = true;
		}
		return;
	}
	if (w->epoch > h->known)
		h->known = w->epoch;
	if (p->up && p->t.epoch == w->epoch)
		return;
	if (p->up)
		port_down(h, w->id); /* superseded */
	p->other.up = false;         /* likewise */
	if (w->role == ROLE_TARGET)
		port_up(h, w);
	else if (w->role == ROLE_INITIATOR)
		initiator_up(h, w);
}

const uint8_t *hba_own_uuid(const struct hba *h)
{
	return h->cfg.uuid;
}

const char *hba_initiator(const struct hba *h, const uint8_t uuid[UUID_LEN], uint8_t *id)
{
	for (*id = 0; *id < WIRE_IDS; ++*id) {
		const struct hba_initiator *other = &h->port[*id].other;
		if (other->up && memcmp(other->uuid, uuid, UUID_LEN) == 0)
			return other->name;
	}
	*id = WIRE_NO_ID;
	return NULL;
}

const char *hba_other_initiator(const struct hba *h, uint8_t *id)
{
	for (*id = 0; *id < WIRE_IDS; ++*id)
		if (h->port[*id].other.up)
			return h->port[*id].other.name;
	*id = WIRE_NO_ID;
	return NULL;
}

void hba_on_rst(struct hba *h, const struct wire_reset *r)
{
	h->stats.resets++;
	h->resetting = false;
	h->reset_seen = true;
	h->reset_by = r->by;
	for (uint8_t id = 0; id < WIRE_IDS; id++) {
		nexus_lost(h, id, HBA_BUS_RESET, false);
		h->port[id].t.xfer = XFER_ASYNC;
		if (h->port[id].up)
			hba_scan_start(h, id); /* clears the UNIT ATTENTION, negotiates anew */
	}
}

/* ---- the connection ---- */

static void items_lost(struct hba *h, struct hba_items *list)
{
	struct hba_item *i;

	while ((i = TAILQ_FIRST(list))) {
		if (i->kind == HBA_ITEM_TASK)
			hba_task_lost(h, hba_task_of(i), HBA_ABORTED);
		else
			hba_pass_lost(h, hba_pass_of(i));
	}
}

void hba_all_lost(struct hba *h)
{
	for (uint8_t id = 0; id < WIRE_IDS; id++) {
		h->port[id].up = false;
		h->port[id].t.state = HBA_ABSENT;
		hba_extras_state(h, id, HBA_ABSENT);
	}
	items_lost(h, &h->waiting);
	items_lost(h, &h->urgent);
	/* Passes first: one that has all its statuses but no report holds no tag any more. */
	for (unsigned k = 0; k < HBA_SCRIPTS; k++)
		if (h->script[k].kind == HBA_SCRIPT_PASS)
			hba_pass_lost(h, hba_pass_of(h->script[k].item));
	for (uint8_t id = 0; id < WIRE_IDS; id++) {
		struct hba_port *p = &h->port[id];
		for (unsigned tag = 0; (tag = hba_tag_in_use(p, tag)) < HBA_TAGS; tag++) {
			struct hba_item *i = p->tag[tag].owner;
			if (i && i->kind == HBA_ITEM_PASS)
				hba_pass_lost(h, hba_pass_of(i));
			else if (i)
				hba_task_lost(h, hba_task_of(i), HBA_ABORTED);
		}
		hba_tags_clear(h, id);
		hba_scan_stop(h, id);
		p->depth = 1;
		hba_target_changed(h, id);
	}
	sm_assert(h->queued == 0);
	sm_assert(h->passes == 0);
}
