/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mirroring passes, silent and broadcast. One script for the tenure; then each member that
 * took part reselects and returns its own status, which is matched by target, its epoch, tag,
 * operation id, group and device.
 *
 * Invariants: waiting has a bit for each member whose outcome is open, and each of these holds the
 * tag on its target; a pass is done when nothing is open and its tenure was reported.
 */
#include "initiator/hba_core.h"

#include "base/assert.h"
#include "scsi/msg.h"

#include <string.h>

/* ---- start ---- */

static void end(struct hba *h, struct hba_pass *p)
{
	hba_item_done(h, &p->item);
}

static void end_if_all_known(struct hba *h, struct hba_pass *p)
{
	if (p->waiting || !p->reported)
		return;
	sm_assert(h->passes > 0);
	h->passes--;
	end(h, p);
}

void hba_pass_start(struct hba *h, struct hba_pass *p)
{
	uint16_t targets = 0;

	sm_assert(p->n > 0 && p->n <= HBA_PASS_MEMBERS && p->done);
	sm_assert(!p->data_len || (p->data && p->data_len <= p->data->len));
	sm_assert(!p->data || p->data->len <= WIRE_DATA_MAX);
	sm_assert(!p->broadcast || p->data_len);
	for (unsigned i = 0; i < p->n; i++) {
		struct hba_pass_member *m = &p->m[i];
		sm_assert(m->target < WIRE_IDS && !(targets >> m->target & 1));
		sm_assert(!p->broadcast || m->device <= HBA_BROADCAST_DEVICE_MAX);
		targets |= (uint16_t)(1U << m->target);
		m->outcome = PASS_NOT_TAKEN;
		m->status = 0;
		m->has_sense = false;
		m->aborted = false;
		m->moved = 0;
		m->leg = LEG_NOT_REACHED;
	}
	hba_item_init(&p->item, HBA_ITEM_PASS, targets);
	p->op = 0;
	p->bus_ns = 0;
	p->leader_failed = false;
	p->waiting = p->gone = 0;
	p->reported = false;
	if (p->data)
		block_ref(p->data);
	if (!h->attached)
		end(h, p);
	else
		hba_item_wait(h, &p->item);
}

bool hba_pass_hand(struct hba *h, struct hba_pass *p)
{
	if (h->next_op == 0) { /* used up: 1 comes again once all that is out has come back */
		if (h->passes > 0)
			return false;
		h->next_op = 1;
	}
	uint8_t tag = hba_tag_pick(h, p->item.targets);
	if (tag == 0)
		return false;
	struct hba_script *s = hba_script_new(h, HBA_SCRIPT_PASS, p->m[0].target, tag, &p->item);
	if (!s)
		return false;
	p->item.script = s->id;
	p->item.tag = tag;
	p->item.canceling = false;
	p->op = h->next_op++;
	h->passes++;
	for (unsigned i = 0; i < p->n; i++)
		hba_tag_take(h, p->m[i].target, tag, &p->item, (uint8_t)i, p->m[i].lun, p->data);
	p->waiting = (uint16_t)((1UL << p->n) - 1);
	hba_timer_set(h, &p->item.timer, h->now + h->cfg.task_timeout_ns);
	return true;
}

/* ---- the script ---- */

/* The bitmap of all members. */
static uint32_t devices(const struct hba_pass *p)
{
	uint32_t set = 0;

	for (unsigned i = 0; i < p->n; i++)
		set |= UINT32_C(1) << p->m[i].device;
	return set;
}

/* The last member that is named, in a broadcast pass all at once. */
static bool is_last(const struct hba_pass *p, enum mirror_function function, unsigned member)
{
	return function != MIRROR_RELEASE && (p->broadcast || member + 1 == p->n);
}

static void put_mirror(struct wr *w, const struct hba_pass *p, enum mirror_function function,
                       unsigned member)
{
	struct scsi_msg m = {
	        .kind = MSG_EXT_MIRROR,
	        .mirror =
	                {
	                        .function = function,
	                        .last = is_last(p, function, member),
	                        .broadcast = p->broadcast,
	                        .group = p->group,
	                        .device = p->m[member].device,
	                        .op = p->op,
	                        .devices = p->broadcast ? devices(p) : 0,
	                },
	};
	scsi_msg_put(w, &m);
}

static void put_leg_data(struct wr *w, const struct hba_pass *p)
{
	if (p->data_len)
		wire_put_data(w, ITEM_DATA_OUT, 0, p->data_len, p->crc);
}

/*
 * One operation: identification, CDB, the leader's data (in a broadcast pass: everybody's), the
 * others in turn. Where it is chained behind another pass, the port leaves IDENTIFY out, and that
 * pass's BUS RELEASE.
 */
static void put_operation(struct wr *w, const struct hba_pass *p)
{
	uint8_t buf[SCSI_MSG_MAX + 8], cdb[SCSI_CDB_MAX];
	struct wr m = wr_init(buf, sizeof(buf));

	msg_put_identify(&m, p->m[0].lun, true);
	msg_put_simple(&m, p->item.tag);
	put_mirror(&m, p, MIRROR_LEADER, 0);
	sm_assert(wr_ok(&m));
	wire_put_bytes(w, ITEM_MSG_OUT, buf, m.n);
	wire_put_bytes(w, ITEM_COMMAND, cdb, scsi_cdb_put(&p->cdb, cdb));
	put_leg_data(w, p);
	for (unsigned i = 1; !p->broadcast && i < p->n; i++) {
		m = wr_init(buf, sizeof(buf));
		put_mirror(&m, p, MIRROR_SELECT, i);
		wire_put_bytes(w, ITEM_MSG_OUT, buf, m.n);
		put_leg_data(w, p);
	}
}

static void put_release(struct wr *w, const struct hba_pass *p)
{
	uint8_t buf[SCSI_MSG_MAX];
	struct wr m = wr_init(buf, sizeof(buf));

	put_mirror(&m, p, MIRROR_RELEASE, 0);
	wire_put_bytes(w, ITEM_MSG_OUT, buf, m.n);
}

void hba_pass_build(struct hba *h, const struct hba_pass *p, struct wr *w, struct wire_frame *f)
{
	wire_put_select(w, p->m[0].target, (uint32_t)h->cfg.tenure_chain_limit_ns);
	put_operation(w, p);
	put_release(w, p);
	if (p->data_len)
		f->data = p->data;
}

/* ---- outcomes ---- */

enum tag_fate { TAG_OVER, TAG_ABORT, TAG_LEFT };

static void close_member(struct hba *h, struct hba_pass *p, unsigned i,
                         enum hba_member_outcome outcome, enum tag_fate fate)
{
	struct hba_pass_member *m = &p->m[i];

	sm_assert(p->waiting >> i & 1);
	m->outcome = outcome;
	if (outcome != PASS_STATUS || m->status != SCSI_GOOD)
		hba_counts(h, m->target, m->lun)->errors++;
	p->waiting &= (uint16_t) ~(1U << i);
	switch (fate) {
	case TAG_OVER:
		hba_tag_release(h, m->target, p->item.tag);
		break;
	case TAG_ABORT:
		hba_tag_drop(h, m->target, p->item.tag);
		break;
	case TAG_LEFT:
		break;
	}
}

/* Some of its data reached the medium, or may have. */
static bool took_data(const struct hba_pass_member *m)
{
	return m->leg == LEG_TAKEN || m->moved > 0;
}

static void close_void(struct hba *h, struct hba_pass *p, unsigned i, enum tag_fate fate)
{
	close_member(h, p, i, took_data(&p->m[i]) ? PASS_LOST : PASS_NOT_TAKEN, fate);
}

/* It took the token, so it knows the task and may speak for it. */
static bool knows_the_task(const struct hba_pass_member *m)
{
	switch ((enum wire_leg_result)m->leg) {
	case LEG_TAKEN:
	case LEG_DECLINED:
	case LEG_TIMEOUT:
	case LEG_CUT:
		return true;
	case LEG_NO_TAKER:
	case LEG_NOT_REACHED:
		return false;
	}
	return false;
}

/* A status is still to come from a member that is there. */
static bool owes_status(const struct hba_pass_member *m)
{
	switch ((enum wire_leg_result)m->leg) {
	case LEG_TAKEN:
	case LEG_DECLINED:
	case LEG_CUT: /* 0Bh/4Bh */
		return true;
	case LEG_TIMEOUT:
		return m->moved > 0;
	case LEG_NO_TAKER:
	case LEG_NOT_REACHED:
		return false;
	}
	return false;
}

static void judge_member(struct hba *h, struct hba_pass *p, unsigned i, uint8_t outcome)
{
	struct hba_pass_member *m = &p->m[i];

	if (!(p->waiting >> i & 1))
		return; /* its status was faster than the report */
	if (outcome == OUTCOME_RESET) {
		close_void(h, p, i, TAG_OVER);
	} else if (p->gone >> i & 1) {
		/* If it took part, then the next incarnation of its port did. */
		close_void(h, p, i, knows_the_task(m) ? TAG_ABORT : TAG_OVER);
	} else if (!owes_status(m)) {
		bool told = knows_the_task(m) || (i == 0 && outcome == OUTCOME_UNEXPECTED_FREE);
		close_member(h, p, i, PASS_NOT_TAKEN, told ? TAG_ABORT : TAG_OVER);
	}
}

/* Legs come in the order of the script; what does not fit is looked for. */
static const struct wire_leg *find_leg(const struct hba_pass *p, unsigned i,
                                       const struct wire_tenure *tn)
{
	unsigned n = tn->n_legs < WIRE_LEGS_MAX ? tn->n_legs : WIRE_LEGS_MAX;

	if (i < n && tn->legs[i].op == p->op && tn->legs[i].device == p->m[i].device)
		return &tn->legs[i];
	for (unsigned k = 0; k < n; k++)
		if (tn->legs[k].op == p->op && tn->legs[k].device == p->m[i].device)
			return &tn->legs[k];
	return NULL;
}

static void take_legs(struct hba_pass *p, const struct wire_tenure *tn)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct wire_leg *leg = find_leg(p, i, tn);
		struct hba_pass_member *m = &p->m[i];

		if (!leg)
			continue;
		m->leg = leg->result;
		m->moved = leg->moved < p->data_len ? leg->moved : p->data_len;
	}
}

/* Whoever leads decides how the tenure goes on: what ends neither by BUS RELEASE (or, chained,
 * where it would have been) nor by us or a reset is its doing. */
static bool blames_leader(const struct hba_pass *p, uint8_t outcome)
{
	bool ours = outcome == OUTCOME_RELEASED || outcome == OUTCOME_CHAINED ||
	            outcome == OUTCOME_RESET || outcome == OUTCOME_CANCELLED;

	return !ours || p->m[0].leg == LEG_TIMEOUT;
}

void hba_pass_report(struct hba *h, struct hba_pass *p, const struct wire_tenure *tn)
{
	if (p->item.state != HBA_HANDED || tn->outcome == OUTCOME_MORE) {
		h->stats.protocol_errors++;
		return;
	}
	switch ((enum wire_outcome)tn->outcome) {
	case OUTCOME_RELEASED:
	case OUTCOME_CHAINED:
	case OUTCOME_SELECTION_TIMEOUT:
	case OUTCOME_UNEXPECTED_FREE:
	case OUTCOME_RESET:
	case OUTCOME_CANCELLED:
	case OUTCOME_MORE:
		break;
	case OUTCOME_BAD_SCRIPT: /* the script was judged before it ran: the leader went astray */
	case OUTCOME_COMPLETE:
	case OUTCOME_DISCONNECTED:
	case OUTCOME_NO_NEXUS:
		h->stats.protocol_errors++;
		break;
	}
	hba_script_drop(h, &p->item.script);
	p->reported = true;
	p->item.state = HBA_NEXUS;
	p->bus_ns += tn->end_ns > tn->start_ns ? tn->end_ns - tn->start_ns : 0;
	take_legs(p, tn);
	p->leader_failed = blames_leader(p, tn->outcome);
	for (unsigned i = 0; i < p->n; i++)
		judge_member(h, p, i, tn->outcome);
	hba_timer_set(h, &p->item.timer, h->now + h->cfg.status_timeout_ns);
	end_if_all_known(h, p);
}

/* The server refused the script, or says nothing of it: what the members did is not known. */
static void end_unknown(struct hba *h, struct hba_pass *p)
{
	hba_script_drop(h, &p->item.script);
	p->reported = true;
	p->item.state = HBA_NEXUS;
	for (unsigned i = 0; i < p->n; i++)
		if (p->waiting >> i & 1)
			close_member(h, p, i, PASS_LOST, TAG_ABORT);
	end_if_all_known(h, p);
}

void hba_pass_refused(struct hba *h, struct hba_pass *p)
{
	h->stats.internal_errors++;
	end_unknown(h, p);
}

/* ---- statuses ---- */

static bool read_status(struct span msg_in, uint8_t *tag, struct scsi_msg_mirror *out)
{
	struct rd r = rd_init(msg_in.p, msg_in.n);
	struct scsi_msg m;
	bool has_tag = false, has_status = false;

	while (rd_left(&r)) {
		if (!scsi_msg_get(&r, &m))
			return false;
		if (m.kind == MSG_SIMPLE) {
			*tag = m.tag;
			has_tag = true;
		} else if (m.kind == MSG_EXT_MIRROR && m.mirror.function == MIRROR_STATUS) {
			*out = m.mirror;
			has_status = true;
		}
	}
	return has_tag && has_status;
}

/* The pass and member that a status belongs to, NULL when it is an old one's. */
static struct hba_pass *find_pass(struct hba *h, const struct wire_tenure *tn, uint8_t tag,
                                  const struct scsi_msg_mirror *s, unsigned *member)
{
	struct hba_tag *g = &h->port[tn->target].tag[tag % HBA_TAGS];

	if (!g->owner || g->tag != tag || g->owner->kind != HBA_ITEM_PASS || g->epoch != tn->epoch)
		return NULL;
	struct hba_pass *p = hba_pass_of(g->owner);
	*member = g->member;
	if (s->op != p->op || s->group != p->group || s->device != p->m[*member].device ||
	    p->gone >> *member & 1)
		return NULL;
	return p;
}

void hba_pass_status(struct hba *h, const struct wire_tenure *tn)
{
	struct scsi_msg_mirror s;
	uint8_t tag = 0;
	unsigned i = 0;

	if (tn->outcome != OUTCOME_COMPLETE || !tn->has_status ||
	    !read_status(tn->msg_in, &tag, &s)) {
		h->stats.protocol_errors++;
		return;
	}
	struct hba_pass *p = find_pass(h, tn, tag, &s, &i);
	if (!p) {
		h->stats.stale_statuses++;
		return;
	}
	struct hba_pass_member *m = &p->m[i];
	p->bus_ns += tn->end_ns > tn->start_ns ? tn->end_ns - tn->start_ns : 0;
	m->status = tn->status;
	if (s.status != tn->status) { /* good only if both say so */
		h->stats.protocol_errors++;
		m->status = tn->status == SCSI_GOOD ? s.status : tn->status;
	}
	m->has_sense =
	        s.sense_len > 0 && scsi_sense_get((struct span){s.sense, s.sense_len}, &m->sense);
	if (m->has_sense)
		hba_take_attention(h, m->target, m->lun, &m->sense, false);
	close_member(h, p, i, PASS_STATUS, TAG_OVER);
	end_if_all_known(h, p);
}

/* ---- when none comes ---- */

void hba_pass_expired(struct hba *h, struct hba_pass *p)
{
	if (p->reported) {
		for (unsigned i = 0; i < p->n; i++)
			if (p->waiting >> i & 1)
				hba_tag_abort(h, p->m[i].target, p->item.tag);
		return;
	}
	ns_t at = h->report_ns + h->cfg.task_timeout_ns;
	if (p->item.canceling) {
		hba_reset_bus(h); /* the server does not even answer CANCEL */
		end_unknown(h, p);
	} else if (at > h->now) {
		hba_timer_set(h, &p->item.timer, at); /* others are being served */
	} else {
		p->item.canceling = true;
		hba_out(h, HBA_OUT_CANCEL, p->item.script);
		hba_timer_set(h, &p->item.timer, h->now + h->cfg.task_timeout_ns);
	}
}

void hba_pass_aborted(struct hba *h, struct hba_pass *p, unsigned member, bool confirmed)
{
	p->m[member].aborted = confirmed;
	close_member(h, p, member, PASS_TIMEOUT, TAG_LEFT);
	end_if_all_known(h, p);
}

void hba_pass_member_lost(struct hba *h, struct hba_pass *p, unsigned member, bool port_gone)
{
	if (p->reported) {
		close_void(h, p, member, TAG_OVER);
		end_if_all_known(h, p);
	} else if (port_gone) {
		p->gone |= (uint16_t)(1U << member);
	}
}

void hba_pass_lost(struct hba *h, struct hba_pass *p)
{
	if (p->item.state == HBA_WAITING) {
		hba_item_unlink(h, &p->item);
		p->item.state = HBA_IDLE;
		end(h, p);
		return;
	}
	/* A script that never left us was never run. */
	const struct hba_script *s = hba_script_find(h, p->item.script);
	bool sent = p->reported || (s && s->sent);
	p->item.state = HBA_NEXUS;
	for (unsigned i = 0; i < p->n; i++) {
		if (!(p->waiting >> i & 1))
			continue;
		bool may_have = sent && (!p->reported || took_data(&p->m[i]));
		close_member(h, p, i, may_have ? PASS_LOST : PASS_NOT_TAKEN, TAG_OVER);
	}
	p->reported = true;
	end_if_all_known(h, p);
}

void hba_pass_tell(struct hba_pass *p)
{
	p->item.state = HBA_IDLE;
	block_unref(p->data);
	p->done(p);
}
