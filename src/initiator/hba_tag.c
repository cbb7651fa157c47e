/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tags, and the ABORT TASK (or CLEAR ACA) that ends what a tag stands for. A tag is not used
 * again while an old task may still speak (hba_core.h has the states).
 */
#include "initiator/hba_core.h"

#include "base/assert.h"
#include "scsi/iu.h"
#include "scsi/msg.h"

#include <stdlib.h>
#include <string.h>

/* The target reads them no more. */
static void drop_data(struct hba_tag *g)
{
	block_unref(g->data);
	g->data = NULL;
}

static void set_free(struct hba *h, struct hba_tag *g)
{
	struct hba_port *p = &h->port[g->target];

	if (g->state == HBA_TAG_QUARANTINED)
		p->quarantined--;
	hba_timer_clear(h, &g->timer);
	drop_data(g);
	g->state = HBA_TAG_FREE;
	g->over = g->again = false;
	g->script = 0;
	p->free_tags[g->tag / 64] |= 1ULL << g->tag % 64;
	h->dirty = true;
}

/* Whoever gave the task up bars the unit as long as it may go on: it is said again. */
static void quarantine(struct hba *h, struct hba_tag *g)
{
	struct hba_port *p = &h->port[g->target];

	g->state = HBA_TAG_QUARANTINED;
	g->again = true;
	hba_timer_set(h, &g->timer, h->now + HBA_AGAIN_NS);
	p->quarantined++;
	if (p->quarantined > HBA_LOST_TAGS)
		hba_reset_bus(h); /* a target that answers no ABORT TASK: the next step is RST */
}

void hba_tags_init(struct hba *h)
{
	for (uint8_t id = 0; id < WIRE_IDS; id++) {
		struct hba_port *p = &h->port[id];

		p->next_tag = 1;
		for (unsigned tag = 0; tag < HBA_TAGS; tag++)
			p->tag[tag] = (struct hba_tag){
			        .target = id,
			        .tag = (uint8_t)tag,
			        .timer = {.at = NS_NEVER, .kind = HBA_TIMER_TAG},
			};
		for (unsigned i = 0; i < ARRAY_LEN(p->free_tags); i++)
			p->free_tags[i] = UINT64_MAX;
	}
}

uint8_t hba_tag_pick(struct hba *h, uint16_t targets)
{
	uint64_t common[HBA_TAGS / 64];
	struct hba_port *first = NULL;

	memset(common, 0xff, sizeof(common));
	common[0] &= ~(uint64_t)1; /* not the untagged one */
	for (unsigned id = 0; id < WIRE_IDS; id++) {
		if (!(targets >> id & 1))
			continue;
		if (!first)
			first = &h->port[id];
		for (unsigned i = 0; i < ARRAY_LEN(common); i++)
			common[i] &= h->port[id].free_tags[i];
	}
	sm_assert(first);
	/* From the tag after the last one on, so that a tag rests as long as possible. */
	unsigned from = first->next_tag;
	for (unsigned n = 0; n <= ARRAY_LEN(common); n++) {
		unsigned word = (from / 64 + n) % ARRAY_LEN(common);
		uint64_t bits = common[word];
		if (n == 0)
			bits &= UINT64_MAX << from % 64;
		if (bits) {
			unsigned tag = word * 64 + (unsigned)__builtin_ctzll(bits);
			first->next_tag = (uint8_t)(tag == HBA_TAGS - 1 ? 1 : tag + 1);
			return (uint8_t)tag;
		}
	}
	return 0;
}

unsigned hba_tag_in_use(const struct hba_port *p, unsigned from)
{
	for (unsigned word = from / 64; word < ARRAY_LEN(p->free_tags); word++) {
		uint64_t bits = ~p->free_tags[word];
		if (word == from / 64)
			bits &= UINT64_MAX << from % 64;
		if (bits)
			return word * 64 + (unsigned)__builtin_ctzll(bits);
	}
	return HBA_TAGS;
}

void hba_tag_take(struct hba *h, uint8_t target, uint8_t tag, struct hba_item *owner,
                  uint8_t member, uint8_t lun, struct block *data)
{
	struct hba_port *p = &h->port[target];
	struct hba_tag *g = &p->tag[tag];

	sm_assert(g->state == HBA_TAG_FREE && !g->owner);
	p->free_tags[tag / 64] &= ~(1ULL << tag % 64);
	g->state = HBA_TAG_BUSY;
	g->aca = false;
	g->owner = owner;
	g->member = member;
	g->lun = lun;
	g->epoch = p->t.epoch;
	g->data = data ? block_ref(data) : NULL;
	p->t.in_flight++;
	hba_counts(h, target, lun)->commands++;
}

static void leave(struct hba *h, struct hba_tag *g)
{
	sm_assert(g->owner && h->port[g->target].t.in_flight > 0);
	g->owner = NULL;
	h->port[g->target].t.in_flight--;
	h->dirty = true;
}

/* Its task is over: nothing more to abort. */
static void over(struct hba *h, struct hba_tag *g)
{
	if (g->state == HBA_TAG_ABORTING && g->script) {
		drop_data(g);
		g->over = true;
		return;
	}
	if (g->state == HBA_TAG_ABORTING)
		TAILQ_REMOVE(&h->aborts, g, link);
	set_free(h, g);
}

static void start_abort(struct hba *h, struct hba_tag *g)
{
	g->state = HBA_TAG_ABORTING;
	g->over = g->canceling = false;
	g->script = 0;
	TAILQ_INSERT_TAIL(&h->aborts, g, link);
	hba_timer_set(h, &g->timer, h->now + HBA_ABORT_NS);
	h->dirty = true;
}

void hba_tag_release(struct hba *h, uint8_t target, uint8_t tag)
{
	struct hba_tag *g = &h->port[target].tag[tag];

	leave(h, g);
	if (g->aca && g->state == HBA_TAG_BUSY && h->port[target].up)
		start_abort(h, g);
	else
		over(h, g);
}

void hba_tag_drop(struct hba *h, uint8_t target, uint8_t tag)
{
	struct hba_tag *g = &h->port[target].tag[tag];

	leave(h, g);
	if (g->state != HBA_TAG_BUSY)
		return;
	if (h->port[target].up)
		start_abort(h, g);
	else
		set_free(h, g); /* what the port knew went with it */
}

void hba_tag_left_aca(struct hba *h, uint8_t target, uint8_t tag)
{
	h->port[target].tag[tag].aca = true;
}

void hba_tag_abort(struct hba *h, uint8_t target, uint8_t tag)
{
	struct hba_tag *g = &h->port[target].tag[tag];

	sm_assert(g->owner);
	if (g->state == HBA_TAG_BUSY)
		start_abort(h, g);
}

bool hba_tag_keep(struct hba *h, uint8_t target, uint8_t tag)
{
	struct hba_tag *g = &h->port[target].tag[tag];

	sm_assert(g->owner);
	if (g->state == HBA_TAG_BUSY)
		return true;
	if (g->script)
		return false;
	TAILQ_REMOVE(&h->aborts, g, link);
	hba_timer_clear(h, &g->timer);
	g->state = HBA_TAG_BUSY;
	return true;
}

bool hba_abort_hand(struct hba *h, struct hba_tag *g)
{
	struct hba_script *s = hba_script_new(h, HBA_SCRIPT_ABORT, g->target, g->tag, NULL);

	if (!s)
		return false;
	TAILQ_REMOVE(&h->aborts, g, link);
	g->script = s->id;
	h->stats.aborts += !g->aca;
	return true;
}

void hba_abort_build(struct hba *h, const struct hba_tag *g, struct wr *w)
{
	uint8_t msg[8];
	struct wr m = wr_init(msg, sizeof(msg));

	(void)h;
	msg_put_identify(&m, g->lun, true);
	if (g->tag && !g->aca)
		msg_put_simple(&m, g->tag);
	msg_put_byte(&m, g->aca ? 0x16 : 0x0d); /* CLEAR ACA, ABORT TASK */
	wire_put_plain(w, ITEM_SELECT, g->target, ITEM_ATN);
	wire_put_bytes(w, ITEM_MSG_OUT, msg, m.n);
}

/* Tells the owner, who leaves. */
static void tell_owner(struct hba *h, struct hba_tag *g, bool confirmed)
{
	struct hba_item *owner = g->owner;

	if (!owner)
		return;
	leave(h, g);
	if (owner->kind == HBA_ITEM_TASK)
		hba_task_aborted(h, hba_task_of(owner), confirmed);
	else
		hba_pass_aborted(h, hba_pass_of(owner), g->member, confirmed);
}

/* A packetized failure: it does not know the function, or has not done it. */
static bool failed(struct span unit)
{
	struct iu_status s;

	return unit.n > 0 && (!iu_status_get(unit, &s) || s.failed);
}

/* What was to be aborted is in the target's store yet. */
static bool rejected(struct span msg_in, struct span unit)
{
	struct rd r = rd_init(msg_in.p, msg_in.n);
	struct scsi_msg m;
	struct iu_status s;

	while (rd_left(&r) && scsi_msg_get(&r, &m))
		if (m.kind == MSG_MESSAGE_REJECT)
			return true;
	return unit.n > 0 && iu_status_get(unit, &s) && s.failed &&
	       s.failure == IU_FAILURE_TMF_FAILED;
}

/* The upper half hears of it when nothing of that unit is left that was given up and may go on. */
static void drained(struct hba *h, uint8_t target, uint8_t lun)
{
	const struct hba_port *p = &h->port[target];

	for (unsigned tag = 0; (tag = hba_tag_in_use(p, tag)) < HBA_TAGS; tag++) {
		const struct hba_tag *g = &p->tag[tag];
		if (g->lun == lun && !g->owner)
			return;
	}
	h->units_drained |= UINT64_C(1) << hba_counts(h, target, lun)->unit;
	h->dirty = true;
}

/* The target got ABORT TASK if it was selected and the bus was not reset: BUS FREE follows. */
static bool was_delivered(const struct wire_tenure *tn)
{
	uint8_t outcome = tn->outcome;

	if (rejected(tn->msg_in, tn->unit))
		return false;
	return (outcome == OUTCOME_COMPLETE && !failed(tn->unit)) ||
	       outcome == OUTCOME_DISCONNECTED || outcome == OUTCOME_RELEASED ||
	       outcome == OUTCOME_UNEXPECTED_FREE;
}

void hba_abort_report(struct hba *h, struct hba_script *s, const struct wire_tenure *tn)
{
	struct hba_tag *g = &h->port[s->target].tag[s->tag];
	bool confirmed = tn && was_delivered(tn);

	sm_assert(g->state == HBA_TAG_ABORTING && g->script == s->id);
	hba_script_drop(h, &g->script);
	hba_timer_clear(h, &g->timer);
	if (g->owner && g->owner->kind == HBA_ITEM_TASK && hba_task_of(g->owner)->failed) {
		g->state = HBA_TAG_BUSY;
		hba_task_sense(h, hba_task_of(g->owner));
		return;
	}
	bool told = !g->owner;
	tell_owner(h, g, confirmed);
	if (confirmed || g->over) {
		set_free(h, g);
		if (told)
			drained(h, g->target, g->lun);
	} else {
		h->stats.aborts_failed += !g->canceling && !g->again;
		quarantine(h, g);
	}
}

void hba_abort_expired(struct hba *h, struct hba_tag *g)
{
	if (g->state == HBA_TAG_QUARANTINED) {
		h->port[g->target].quarantined--;
		start_abort(h, g);
		return;
	}
	sm_assert(g->state == HBA_TAG_ABORTING);
	if (g->canceling) { /* the server does not even answer CANCEL */
		hba_reset_bus(h);
		return;
	}
	h->stats.aborts_failed += !g->again;
	tell_owner(h, g, false);
	if (g->script) { /* its report decides on the tag */
		g->canceling = true;
		hba_out(h, HBA_OUT_CANCEL, g->script);
		hba_timer_set(h, &g->timer, h->now + h->cfg.task_timeout_ns);
		return;
	}
	TAILQ_REMOVE(&h->aborts, g, link);
	quarantine(h, g);
}

void hba_tags_void(struct hba *h, uint8_t target)
{
	const struct hba_port *p = &h->port[target];

	for (unsigned tag = 0; (tag = hba_tag_in_use(p, tag)) < HBA_TAGS; tag++) {
		struct hba_tag *g = &h->port[target].tag[tag];

		switch ((enum hba_tag_state)g->state) {
		case HBA_TAG_FREE:
		case HBA_TAG_BUSY:
			break;
		case HBA_TAG_ABORTING:
		case HBA_TAG_QUARANTINED:
			if (!g->owner)
				over(h, g);
			break;
		}
	}
}

void hba_tags_clear(struct hba *h, uint8_t target)
{
	const struct hba_port *p = &h->port[target];

	for (unsigned tag = 0; (tag = hba_tag_in_use(p, tag)) < HBA_TAGS; tag++) {
		struct hba_tag *g = &h->port[target].tag[tag];

		sm_assert(!g->owner);
		if (g->state == HBA_TAG_ABORTING && g->script)
			hba_script_drop(h, &g->script);
		else if (g->state == HBA_TAG_ABORTING)
			TAILQ_REMOVE(&h->aborts, g, link);
		set_free(h, g);
	}
}
