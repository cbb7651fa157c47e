/* SPDX-License-Identifier: BSD-2-Clause */
/* The host adapter: its life, frames in, frames out. */
#include "initiator/hba_core.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

struct hba *hba_new(const struct hba_config *cfg)
{
	sm_assert(cfg->id < WIRE_IDS && cfg->task_timeout_ns && cfg->status_timeout_ns);
	sm_assert(cfg->tenure_chain_limit_ns <= WIRE_CHAIN_NS_MAX);
	struct hba *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->cfg = *cfg;
	TAILQ_INIT(&h->waiting);
	TAILQ_INIT(&h->urgent);
	TAILQ_INIT(&h->done);
	TAILQ_INIT(&h->aborts);
	TAILQ_INIT(&h->timers[0]);
	TAILQ_INIT(&h->timers[1]);
	for (uint16_t i = 0; i < HBA_SCRIPTS; i++)
		h->script[i].next_free = (uint16_t)(i + 1);
	hba_tags_init(h);
	for (uint8_t id = 0; id < WIRE_IDS; id++) {
		h->port[id].t.id = h->port[id].t.unit = id;
		h->port[id].depth = 1;
		h->port[id].scan.timer = (struct hba_timer){.at = NS_NEVER, .kind = HBA_TIMER_SCAN};
	}
	return h;
}

/* What is in flight is over, and the data are nobody's any more; nobody is told. */
void hba_free(struct hba *h)
{
	struct hba_item *i;

	if (!h)
		return;
	hba_detached(h, h->now);
	TAILQ_FOREACH (i, &h->done, link) {
		if (i->kind == HBA_ITEM_TASK)
			hba_task_forget(hba_task_of(i));
		else
			block_unref(hba_pass_of(i)->data);
	}
	free(h);
}

struct hba_target *hba_unit(struct hba *h, uint8_t unit)
{
	sm_assert(unit < HBA_UNITS);
	return unit < WIRE_IDS ? &h->port[unit].t : &h->extra[unit - WIRE_IDS];
}

const struct hba_target *hba_target(const struct hba *h, uint8_t unit)
{
	sm_assert(unit < HBA_UNITS);
	return unit < WIRE_IDS ? &h->port[unit].t : &h->extra[unit - WIRE_IDS];
}

uint8_t hba_unit_at(const struct hba *h, uint8_t id, uint8_t lun)
{
	sm_assert(id < WIRE_IDS);
	if (lun == 0)
		return id;
	for (unsigned i = 0; i < h->n_extra; i++)
		if (h->extra[i].id == id && h->extra[i].lun == lun)
			return h->extra[i].unit;
	return WIRE_NO_ID;
}

struct hba_target *hba_counts(struct hba *h, uint8_t id, uint8_t lun)
{
	uint8_t unit = hba_unit_at(h, id, lun);
	return hba_unit(h, unit == WIRE_NO_ID ? id : unit);
}

void hba_extras_state(struct hba *h, uint8_t id, enum hba_target_state state)
{
	for (unsigned i = 0; i < h->n_extra; i++) {
		struct hba_target *t = &h->extra[i];
		if (t->id != id || t->state == state)
			continue;
		t->state = state;
		hba_target_changed(h, t->unit);
	}
}

const struct hba_target *hba_find(const struct hba *h, const uint8_t uuid[UUID_LEN])
{
	for (uint8_t unit = 0; unit < WIRE_IDS + h->n_extra; unit++) {
		const struct hba_target *t = hba_target(h, unit);
		if (t->state == HBA_READY && memcmp(t->uuid, uuid, UUID_LEN) == 0)
			return t;
	}
	return NULL;
}

void hba_scan(struct hba *h)
{
	for (uint8_t id = 0; id < WIRE_IDS; id++)
		if (h->port[id].up)
			hba_scan_start(h, id);
}

bool hba_up(const struct hba *h)
{
	return h->attached;
}

bool hba_settled(const struct hba *h)
{
	if (!h->attached || !h->settled)
		return false;
	for (unsigned id = 0; id < WIRE_IDS; id++)
		if (h->port[id].scanning)
			return false;
	return true;
}

void hba_reset_bus(struct hba *h)
{
	if (!h->attached || h->resetting)
		return;
	h->resetting = true;
	h->reset_until = h->now + h->cfg.task_timeout_ns;
	hba_out(h, HBA_OUT_RESET, 0);
}

ns_t hba_bus_now(const struct hba *h)
{
	return h->bus_now;
}

const struct hba_stats *hba_stats(const struct hba *h)
{
	return &h->stats;
}

void hba_on_target(struct hba *h, hba_target_fn fn, void *ctx)
{
	h->target_fn = fn;
	h->target_ctx = ctx;
}

void hba_on_reset(struct hba *h, hba_reset_fn fn, void *ctx)
{
	h->reset_fn = fn;
	h->reset_ctx = ctx;
}

void hba_on_drained(struct hba *h, hba_drained_fn fn, void *ctx)
{
	h->drained_fn = fn;
	h->drained_ctx = ctx;
}

_Static_assert(HBA_UNITS <= 64, "changed, drained");

void hba_target_changed(struct hba *h, uint8_t unit)
{
	h->changed |= UINT64_C(1) << unit;
}

static void set_now(struct hba *h, ns_t now)
{
	if (now > h->now)
		h->now = now;
}

/* ---- the connection ---- */

void hba_attached(struct hba *h, const struct wire_attached *a, ns_t now)
{
	if (h->attached)
		hba_detached(h, now);
	set_now(h, now);
	h->attached = true;
	h->settled = h->lost = false;
	h->dirty = true;
	h->next_op = h->cfg.first_op ? h->cfg.first_op : 1;
	h->known = a->epoch;
	h->heartbeat_ns = a->heartbeat_ms ? a->heartbeat_ms * NS_PER_MS / 2 : NS_NEVER;
	h->sent_ns = h->report_ns = h->now;
	/* When it is answered, the PORT frames of all ports that are up have come before it. */
	h->ping_cookie++;
	hba_out(h, HBA_OUT_PING, 0);
}

void hba_detached(struct hba *h, ns_t now)
{
	set_now(h, now);
	if (!h->attached)
		return;
	hba_all_lost(h);
	for (uint8_t id = 0; id < WIRE_IDS; id++)
		h->port[id].other.up = false;
	h->attached = h->settled = h->resetting = h->pong = false;
	h->out_n = 0;
}

bool hba_server_lost(const struct hba *h)
{
	return h->lost;
}

/* ---- frames in ---- */

static void on_tenure(struct hba *h, const struct wire_tenure *tn, struct block *data)
{
	h->stats.tenures++;
	h->report_ns = h->now;
	if (tn->end_ns > h->bus_now)
		h->bus_now = tn->end_ns;
	if (tn->target >= WIRE_IDS) {
		h->stats.protocol_errors++;
		return;
	}
	if (tn->script == 0) {
		hba_pass_status(h, tn);
		return;
	}
	struct hba_script *s = hba_script_find(h, tn->script);
	if (!s) {
		h->stats.stale_reports++;
		return;
	}
	if (s->target != tn->target || !s->sent) {
		h->stats.protocol_errors++;
		return;
	}
	if (tn->outcome != OUTCOME_MORE)
		hba_script_ran(h, s);
	switch ((enum hba_script_kind)s->kind) {
	case HBA_SCRIPT_NONE:
		break;
	case HBA_SCRIPT_TASK:
		hba_task_report(h, hba_task_of(s->item), tn, data);
		break;
	case HBA_SCRIPT_PASS:
		hba_pass_report(h, hba_pass_of(s->item), tn);
		break;
	case HBA_SCRIPT_ABORT:
		hba_abort_report(h, s, tn);
		break;
	}
}

/* A script that was refused ends; texts are for the caller of hba_frame(). */
static void on_error(struct hba *h, const struct wire_error *e)
{
	struct hba_script *s = e->frame_type == WIRE_SCRIPT ? hba_script_find(h, e->ref) : NULL;

	if (!s)
		return;
	switch ((enum hba_script_kind)s->kind) {
	case HBA_SCRIPT_NONE:
		break;
	case HBA_SCRIPT_TASK:
		hba_task_refused(h, hba_task_of(s->item));
		break;
	case HBA_SCRIPT_PASS:
		hba_pass_refused(h, hba_pass_of(s->item));
		break;
	case HBA_SCRIPT_ABORT:
		h->stats.internal_errors++;
		hba_abort_report(h, s, NULL);
		break;
	}
}

void hba_frame(struct hba *h, const struct wire_frame *f, ns_t now)
{
	set_now(h, now);
	if (!h->attached)
		return;
	switch (f->type) {
	case WIRE_TENURE:
		on_tenure(h, &f->tenure, f->data);
		break;
	case WIRE_PORT:
		hba_on_port(h, &f->port);
		break;
	case WIRE_RESET:
		hba_on_rst(h, &f->reset);
		break;
	case WIRE_ERROR:
		on_error(h, &f->error);
		break;
	case WIRE_PING:
		h->pong = true;
		h->pong_cookie = f->ping.cookie;
		break;
	case WIRE_PONG:
		h->settled = h->settled || f->ping.cookie == h->ping_cookie;
		break;
	case WIRE_ATTACH:
	case WIRE_ATTACHED: /* hba_attached() */
	case WIRE_REFUSED:
	case WIRE_ARM:
	case WIRE_MEMBERS:
	case WIRE_LIMITS:
	case WIRE_SCRIPT:
	case WIRE_CANCEL:
	case WIRE_BURST:
	case WIRE_PROGRAM:
	case WIRE_MGMT:
	case WIRE_TRACE:
	case WIRE_RING:
		break;
	}
}

/* ---- time ---- */

static void tell_changes(struct hba *h)
{
	uint64_t changed = h->changed;

	h->changed = 0;
	if (h->initiators_changed && h->target_fn)
		h->target_fn(h->target_ctx, WIRE_NO_ID);
	h->initiators_changed = false;
	if (h->reset_seen) {
		h->reset_seen = false;
		if (h->reset_fn)
			h->reset_fn(h->reset_ctx, h->reset_by);
	}
	for (uint8_t unit = 0; unit < HBA_UNITS && changed >> unit; unit++)
		if (changed >> unit & 1 && h->target_fn)
			h->target_fn(h->target_ctx, unit);
}

/* After those that are done: what was given up by one of them is known then. */
static void tell_drained(struct hba *h)
{
	uint64_t drained = h->units_drained;

	h->units_drained = 0;
	for (uint8_t unit = 0; unit < HBA_UNITS && drained >> unit; unit++)
		if (drained >> unit & 1 && h->drained_fn)
			h->drained_fn(h->drained_ctx, unit);
}

/* Those that are done now; what these callers start and what ends at once is for the next run. */
static void tell_done(struct hba *h)
{
	for (unsigned n = h->n_done; n > 0; n--) {
		struct hba_item *i = TAILQ_FIRST(&h->done);

		TAILQ_REMOVE(&h->done, i, link);
		h->n_done--;
		if (i->kind == HBA_ITEM_TASK)
			hba_task_tell(hba_task_of(i));
		else
			hba_pass_tell(hba_pass_of(i));
	}
}

void hba_run(struct hba *h, ns_t now)
{
	set_now(h, now);
	hba_timers_run(h);
	if (h->resetting && h->now >= h->reset_until) {
		hba_detached(h, now);
		h->lost = true;
	}
	tell_changes(h);
	tell_done(h);
	tell_drained(h);
	hba_pump(h);
	if (h->attached && h->heartbeat_ns != NS_NEVER && h->out_n == 0 &&
	    h->now - h->sent_ns >= h->heartbeat_ns)
		hba_out(h, HBA_OUT_PING, 0);
}

ns_t hba_deadline(const struct hba *h)
{
	const struct hba_timer *t = hba_timer_first(h);
	ns_t at = t ? t->at : NS_NEVER;

	if (h->n_done || h->changed || h->units_drained || h->initiators_changed || h->reset_seen ||
	    (h->dirty && h->attached))
		return h->now;
	if (h->resetting && h->reset_until < at)
		at = h->reset_until;
	if (h->attached && h->heartbeat_ns != NS_NEVER && h->out_n == 0 &&
	    h->sent_ns + h->heartbeat_ns < at)
		at = h->sent_ns + h->heartbeat_ns;
	return at;
}

/* ---- frames out ---- */

void hba_out(struct hba *h, enum hba_out_kind kind, uint32_t id)
{
	if (!h->attached)
		return;
	/* Two a script at most (itself, its CANCEL), one RESET, one PING. */
	sm_assert(h->out_n < HBA_OUT_MAX);
	unsigned at = (h->out_first + h->out_n) % HBA_OUT_MAX;
	h->out[at].kind = (uint8_t)kind;
	h->out[at].id = id;
	h->out_n++;
}

static void build_script(struct hba *h, struct hba_script *s)
{
	struct wr w = wr_init(h->items, sizeof(h->items));

	s->sent = true;
	h->frame.type = WIRE_SCRIPT;
	switch ((enum hba_script_kind)s->kind) {
	case HBA_SCRIPT_NONE:
		break;
	case HBA_SCRIPT_TASK:
		hba_task_build(h, hba_task_of(s->item), &w, &h->frame);
		break;
	case HBA_SCRIPT_PASS:
		hba_pass_build(h, hba_pass_of(s->item), &w, &h->frame);
		break;
	case HBA_SCRIPT_ABORT:
		hba_abort_build(h, &h->port[s->target].tag[s->tag], &w);
		break;
	}
	wire_select_known(&w, s->known);
	sm_assert(wr_ok(&w));
	h->frame.script.id = s->id;
	h->frame.script.items = (struct span){h->items, w.n};
}

/* False when there is nothing left to say. */
static bool build_frame(struct hba *h, enum hba_out_kind kind, uint32_t id)
{
	struct hba_script *s;

	h->frame = (struct wire_frame){.data = NULL};
	switch (kind) {
	case HBA_OUT_SCRIPT:
		s = hba_script_find(h, id);
		if (!s)
			return false;
		build_script(h, s);
		return true;
	case HBA_OUT_CANCEL:
		h->frame.type = WIRE_CANCEL;
		h->frame.cancel.id = id;
		return true;
	case HBA_OUT_RESET:
		h->frame.type = WIRE_RESET;
		h->frame.reset.by = h->cfg.id;
		return true;
	case HBA_OUT_PING:
		h->frame.type = WIRE_PING;
		h->frame.ping.cookie = h->ping_cookie;
		return true;
	}
	return false;
}

const struct wire_frame *hba_output(struct hba *h)
{
	if (h->pong) {
		h->pong = false;
		h->sent_ns = h->now;
		h->frame = (struct wire_frame){.type = WIRE_PONG, .ping = {h->pong_cookie}};
		return &h->frame;
	}
	while (h->out_n) {
		unsigned at = h->out_first;

		h->out_first = (at + 1) % HBA_OUT_MAX;
		h->out_n--;
		if (build_frame(h, h->out[at].kind, h->out[at].id)) {
			h->sent_ns = h->now;
			return &h->frame;
		}
	}
	return NULL;
}
