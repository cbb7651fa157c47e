/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conventional tasks: one command with a nexus of its own, from selection to
 * COMMAND COMPLETE, and the REQUEST SENSE that follows a CHECK CONDITION.
 */
#include "initiator/hba_core.h"

#include "base/assert.h"
#include "base/crc.h"
#include "scsi/iu.h"
#include "scsi/msg.h"

#include <string.h>

#define REQUEST_SENSE_CDB                                                                          \
	{                                                                                          \
		0x03, 0, 0, 0, SCSI_SENSE_MAX, 0                                                   \
	}

/* What one that asks for page 30h holds back is not to wait longer than for other commands. */
static ns_t timeout_of(const struct hba *h, const struct hba_task *t)
{
	if (t->timeout_ns == 0 || t->sensing || (t->asks && t->timeout_ns > h->cfg.task_timeout_ns))
		return h->cfg.task_timeout_ns;
	return t->timeout_ns;
}

/*
 * A logical unit keeps the sense of one command for us. It gives the next CHECK CONDITION when
 * that has been asked for, or when it has waited long enough; then what it tells may be about
 * either, and is believed for none: a medium error names the first block that was not written.
 */
static void freeze(struct hba *h, struct hba_task *t, bool on)
{
	struct hba_port *p = &h->port[t->target];
	uint64_t unit = 1ULL << t->lun;

	if (t->sensing == on)
		return;
	t->sensing = on;
	p->frozen += on ? 1U : -1U;
	if (on)
		p->mixed |= p->sensing & unit;
	p->sensing = on ? p->sensing | unit : p->sensing & (~unit | p->mixed);
	if (p->frozen == 0)
		p->sensing = p->mixed = 0;
	h->dirty = true;
}

/*
 * Who has asked for page 30h as it is now may write again, whoever's it is: so says the target.
 * What is sent behind a command that asks, before its answer is here, may be meant for what was
 * there before: it waits.
 */
static bool asks_for_members(const struct hba_task *t)
{
	struct scsi_cdb cdb;

	/* PC: current values. Looked at first: it is so of few CDBs. */
	return t->cdb[2] == MODE_MIRROR_PAGE &&
	       scsi_cdb_get((struct span){t->cdb, t->cdb_len}, &cdb) &&
	       (cdb.op == OP_MODE_SENSE_6 || cdb.op == OP_MODE_SENSE_10);
}

static void ask(struct hba *h, struct hba_task *t, bool on)
{
	if (t->asks == on)
		return;
	t->asks = on;
	h->port[t->target].asking += on ? 1U : -1U;
	h->dirty = true;
}

static void end(struct hba *h, struct hba_task *t, enum hba_outcome outcome)
{
	struct hba_target *target = hba_counts(h, t->target, t->lun);

	freeze(h, t, false);
	/* Whoever asked may know now, if an answer came; we do when the scan has asked. */
	if (t->asks && !t->own && h->port[t->target].up)
		hba_scan_start(h, t->target);
	ask(h, t, false);
	t->over_in = t->driven_in > t->moved_in ? t->driven_in - t->moved_in : 0;
	h->stats.overruns += t->over_in > 0;
	t->outcome = outcome;
	if (outcome != HBA_COMPLETED || t->status != SCSI_GOOD)
		target->errors++;
	hba_item_done(h, &t->item);
}

/* The command had its status before REQUEST SENSE failed. */
static enum hba_outcome or_completed(const struct hba_task *t, enum hba_outcome outcome)
{
	return t->sensing ? HBA_COMPLETED : outcome;
}

void hba_task_start(struct hba *h, struct hba_task *t)
{
	sm_assert(t->target < WIRE_IDS && t->done);
	sm_assert(t->cdb_len > 0 && t->cdb_len <= SCSI_CDB_MAX);
	sm_assert(!t->data_out_len || (t->data_out && t->data_out_len <= t->data_out->len));
	sm_assert(!t->data_out || t->data_out->len <= WIRE_DATA_MAX);
	hba_item_init(&t->item, HBA_ITEM_TASK, (uint16_t)(1U << t->target));
	t->status = 0;
	t->has_sense = t->aborted = false;
	t->sense_raw_len = 0;
	t->moved_out = t->moved_in = 0;
	t->driven_in = t->over_in = 0;
	t->bus_ns = 0;
	t->ending = t->sensing = t->failed = t->asks = false;
	t->answer = HBA_ANSWER_NONE;
	if (!t->own)
		t->negotiate = HBA_NEGOTIATE_NONE;
	if (t->data_out)
		block_ref(t->data_out);
	if (t->data_out_len && !t->has_crc)
		t->data_out_crc = crc_data(0, t->data_out->data, t->data_out_len);
	if (!h->attached)
		end(h, t, HBA_ABORTED);
	else if (t->own)
		hba_item_urgent(h, &t->item);
	else
		hba_item_wait(h, &t->item);
}

bool hba_task_hand(struct hba *h, struct hba_task *t)
{
	struct hba_port *p = &h->port[t->target];
	uint8_t tag = t->item.tag;

	if (!t->sensing) {
		if (p->t.in_flight >= p->depth)
			return false;
		tag = t->untagged ? 0 : hba_tag_pick(h, t->item.targets);
		if (t->untagged ? p->tag[0].state != HBA_TAG_FREE : tag == 0)
			return false;
	}
	struct hba_script *s = hba_script_new(h, HBA_SCRIPT_TASK, t->target, tag, &t->item);
	if (!s)
		return false;
	t->item.script = s->id;
	t->item.canceling = false;
	if (!t->sensing) {
		ask(h, t, asks_for_members(t));
		t->item.tag = tag;
		hba_tag_take(h, t->target, tag, &t->item, 0, t->lun, t->data_out);
	}
	hba_timer_set(h, &t->item.timer, h->now + timeout_of(h, t));
	return true;
}

/* NACA=1, in the control byte of a CDB that is there in full. */
static bool naca(const struct hba_task *t)
{
	const struct span cdb = {t->cdb, t->cdb_len};
	unsigned n = scsi_cdb_len(cdb);

	return n > 0 && n <= t->cdb_len && (t->cdb[scsi_cdb_control_at(cdb)] & SCSI_CONTROL_NACA);
}

static void put_negotiation(struct wr *w, const struct hba_task *t)
{
	struct scsi_msg m = {.xfer = t->xfer};

	switch ((enum hba_negotiate)t->negotiate) {
	case HBA_NEGOTIATE_NONE:
		return;
	case HBA_NEGOTIATE_PPR:
		m.kind = MSG_EXT_PPR;
		break;
	case HBA_NEGOTIATE_WDTR:
		m.kind = MSG_EXT_WDTR;
		break;
	case HBA_NEGOTIATE_SDTR:
		m.kind = MSG_EXT_SDTR;
		break;
	}
	scsi_msg_put(w, &m);
}

const char *hba_attribute_name(enum hba_attribute a)
{
	static const char *const names[HBA_ATTRIBUTES] = {"simple", "ordered", "head_of_queue",
	                                                  "aca"};
	return names[a];
}

/* In an ACA, which a failed command with NACA has begun, only an ACA task is let through. */
static void put_tag(struct wr *w, const struct hba_task *t)
{
	static const enum scsi_msg_kind kinds[HBA_ATTRIBUTES] = {MSG_SIMPLE, MSG_ORDERED,
	                                                         MSG_HEAD_OF_QUEUE, MSG_ACA};
	struct scsi_msg m = {.kind = kinds[t->attribute], .tag = t->item.tag};

	if (t->sensing)
		m.kind = naca(t) ? MSG_ACA : MSG_SIMPLE;
	if (!t->untagged || m.kind == MSG_ACA)
		scsi_msg_put(w, &m);
}

void hba_task_build(struct hba *h, const struct hba_task *t, struct wr *w, struct wire_frame *f)
{
	static const uint8_t request_sense[] = REQUEST_SENSE_CDB;
	uint8_t msg[32];
	struct wr m = wr_init(msg, sizeof(msg));

	(void)h;
	msg_put_identify(&m, t->lun, !t->no_disconnect);
	put_tag(&m, t);
	if (!t->sensing)
		put_negotiation(&m, t);
	sm_assert(wr_ok(&m));
	wire_put_plain(w, ITEM_SELECT, t->target, ITEM_ATN);
	wire_put_bytes(w, ITEM_MSG_OUT, msg, m.n);
	if (t->sensing) {
		wire_put_bytes(w, ITEM_COMMAND, request_sense, sizeof(request_sense));
		wire_put_data(w, ITEM_DATA_IN, 0, SCSI_SENSE_MAX, 0);
		return;
	}
	wire_put_bytes(w, ITEM_COMMAND, t->cdb, t->cdb_len);
	if (t->data_out_len) {
		wire_put_data(w, ITEM_DATA_OUT, 0, t->data_out_len, t->data_out_crc);
		f->data = t->data_out;
	}
	if (t->data_in_len)
		wire_put_data(w, ITEM_DATA_IN, 0, t->data_in_len, 0);
}

/* ---- reports ---- */

static void take_data_in(struct hba_task *t, struct block *data)
{
	if (!data || data->len == 0)
		return;
	if (t->sensing) {
		size_t room = SCSI_SENSE_MAX - (size_t)t->sense_raw_len;
		size_t n = data->len < room ? data->len : room;
		memcpy(t->sense_raw + t->sense_raw_len, data->data, n);
		t->sense_raw_len = (uint8_t)(t->sense_raw_len + n);
		return;
	}
	uint32_t room = t->data_in_len - t->moved_in;
	uint32_t n = data->len < room ? (uint32_t)data->len : room;
	if (n == 0)
		return;
	uint32_t at = t->moved_in;
	t->moved_in += n;
	if (t->data_in)
		t->data_in(t, at, data, n);
}

/* What the target said to the negotiation in the first MESSAGE OUT. */
static void take_answer(struct hba_task *t, struct span msg_in)
{
	static const enum scsi_msg_kind wanted[] = {
	        [HBA_NEGOTIATE_PPR] = MSG_EXT_PPR,
	        [HBA_NEGOTIATE_WDTR] = MSG_EXT_WDTR,
	        [HBA_NEGOTIATE_SDTR] = MSG_EXT_SDTR,
	};
	struct rd r = rd_init(msg_in.p, msg_in.n);
	struct scsi_msg m;

	if (t->negotiate == HBA_NEGOTIATE_NONE || t->sensing || t->answer != HBA_ANSWER_NONE)
		return;
	while (rd_left(&r) && scsi_msg_get(&r, &m)) {
		if (m.kind == MSG_MESSAGE_REJECT) {
			t->answer = HBA_ANSWER_REJECTED;
			return;
		}
		if (m.kind == wanted[t->negotiate]) {
			t->answer = HBA_ANSWER_AGREED;
			t->xfer = m.xfer;
			return;
		}
	}
}

/* What a task that is over leaves at the target: after CHECK CONDITION with NACA an ACA condition,
 * of which nobody but us knows; and one that we know nothing of, if it was met. */
static void leaves_aca(struct hba *h, const struct hba_task *t, uint8_t status)
{
	bool ours = (t->sensing || t->has_sense) && naca(t);
	bool unknown = status == SCSI_ACA_ACTIVE && h->port[t->target].frozen == 0;

	if (!t->keeps_aca && (ours || unknown))
		hba_tag_left_aca(h, t->target, t->item.tag);
}

static bool asks_for_sense(const struct hba_task *t, uint8_t status)
{
	if (status != SCSI_CHECK_CONDITION || t->no_auto_sense)
		return false;
	return !t->has_sense ||
	       (t->sense.key == KEY_UNIT_ATTENTION && (t->own || t->takes_attention));
}

/* REQUEST SENSE is over. What came with the status is what the command met. */
static void take_sense(struct hba *h, struct hba_task *t, uint8_t status)
{
	struct span raw = {t->sense_raw, t->sense_raw_len};
	struct scsi_sense sense;

	if (status != SCSI_GOOD || !scsi_sense_get(raw, &sense))
		return;
	hba_take_attention(h, t->target, t->lun, &sense, t->own);
	if (t->has_sense)
		return;
	t->sense = sense;
	t->has_sense = !(h->port[t->target].mixed >> t->lun & 1);
}

void hba_task_sense(struct hba *h, struct hba_task *t)
{
	/* The tag stays ours: REQUEST SENSE goes out under it, ahead of all others. */
	t->failed = false;
	t->sense_raw_len = 0;
	freeze(h, t, true);
	hba_item_urgent(h, &t->item);
}

/* A status came: the task is over at the target. */
static void take_status(struct hba *h, struct hba_task *t, uint8_t status)
{
	leaves_aca(h, t, status);
	if (t->sensing) {
		take_sense(h, t, status);
		hba_tag_release(h, t->target, t->item.tag);
		end(h, t, HBA_COMPLETED);
		return;
	}
	t->status = status;
	if (t->has_sense)
		hba_take_attention(h, t->target, t->lun, &t->sense, t->own);
	if (asks_for_sense(t, status)) {
		/* Also of one that is given up: until it is asked for, the unit may start no other.
		 */
		hba_timer_clear(h, &t->item.timer);
		hba_script_drop(h, &t->item.script);
		t->failed = !hba_tag_keep(h, t->target, t->item.tag);
		if (!t->failed)
			hba_task_sense(h, t);
		return;
	}
	hba_tag_release(h, t->target, t->item.tag);
	end(h, t, HBA_COMPLETED);
}

/* A status information unit: the sense data that came with the status. False: it says that the
 * target could not make anything of our units, or is none. */
static bool take_unit(struct hba_task *t, struct span unit)
{
	struct iu_status s;

	if (unit.n == 0)
		return true;
	if (!iu_status_get(unit, &s) || s.failed)
		return false;
	if (!t->sensing && s.sense.n > 0 && s.sense.n <= SCSI_SENSE_MAX) {
		memcpy(t->sense_raw, s.sense.p, s.sense.n);
		t->sense_raw_len = (uint8_t)s.sense.n;
		t->has_sense = scsi_sense_get(s.sense, &t->sense);
	}
	return true;
}

/* BUS FREE in place of the command with which a negotiation went out: information units come or go
 * by it (SPI-4, IU_REQ). */
static bool renegotiated(const struct hba_task *t)
{
	return t->negotiate != HBA_NEGOTIATE_NONE && !t->sensing && t->answer != HBA_ANSWER_NONE;
}

static void give_up(struct hba *h, struct hba_task *t, enum hba_outcome outcome)
{
	if (t->ending)
		return;
	t->ending = true;
	t->end_as = (uint8_t)or_completed(t, outcome);
	hba_timer_clear(h, &t->item.timer);
	if (t->item.state == HBA_HANDED) {
		/* If it still waits at the server, the target knows nothing of it. */
		t->item.canceling = true;
		hba_out(h, HBA_OUT_CANCEL, t->item.script);
		hba_timer_set(h, &t->item.timer, h->now + h->cfg.task_timeout_ns);
	} else {
		sm_assert(t->item.state == HBA_NEXUS);
		t->item.state = HBA_ABORTING;
		hba_tag_abort(h, t->target, t->item.tag);
	}
}

static void disconnected(struct hba *h, struct hba_task *t)
{
	if (t->item.state != HBA_HANDED)
		return;
	t->item.state = HBA_NEXUS;
	if (t->ending) { /* CANCEL came too late */
		t->ending = false;
		give_up(h, t, t->end_as);
	}
}

/* It ended without a status. */
static void failed(struct hba *h, struct hba_task *t, enum hba_outcome outcome, bool known_over)
{
	if (known_over)
		hba_tag_release(h, t->target, t->item.tag);
	else
		hba_tag_drop(h, t->target, t->item.tag);
	end(h, t, t->ending ? t->end_as : or_completed(t, outcome));
}

void hba_task_report(struct hba *h, struct hba_task *t, const struct wire_tenure *tn,
                     struct block *data)
{
	/* What a report with OUTCOME_MORE counts is in the tenure's last one again. */
	bool last = tn->outcome != OUTCOME_MORE;

	if (last)
		t->bus_ns += tn->end_ns > tn->start_ns ? tn->end_ns - tn->start_ns : 0;
	if (last && !t->sensing) {
		t->moved_out += tn->data_out;
		t->driven_in += tn->data_in;
	}
	take_answer(t, tn->msg_in);
	take_data_in(t, data);
	switch ((enum wire_outcome)tn->outcome) {
	case OUTCOME_MORE:
		return;
	case OUTCOME_COMPLETE:
		if (tn->has_status && take_unit(t, tn->unit)) {
			take_status(h, t, tn->status);
			return;
		}
		if (!tn->has_status && renegotiated(t)) {
			hba_tag_release(h, t->target, t->item.tag);
			end(h, t, HBA_COMPLETED);
			return;
		}
		break;
	case OUTCOME_DISCONNECTED:
		disconnected(h, t);
		return;
	case OUTCOME_SELECTION_TIMEOUT:
		failed(h, t, HBA_SELECTION_TIMEOUT, true);
		return;
	case OUTCOME_UNEXPECTED_FREE:
		failed(h, t, HBA_ABORTED, false);
		return;
	case OUTCOME_RESET:
		failed(h, t, HBA_BUS_RESET, true);
		return;
	case OUTCOME_CANCELLED:
		/* One that waited at the server: the target has not heard of it. */
		t->aborted = t->item.state == HBA_HANDED && !t->sensing;
		failed(h, t, HBA_ABORTED, t->item.state == HBA_HANDED);
		return;
	case OUTCOME_BAD_SCRIPT:
		hba_task_refused(h, t);
		return;
	case OUTCOME_RELEASED:
	case OUTCOME_NO_NEXUS:
	case OUTCOME_CHAINED:
		break;
	}
	h->stats.protocol_errors++;
	failed(h, t, HBA_ABORTED, false);
}

void hba_task_refused(struct hba *h, struct hba_task *t)
{
	h->stats.internal_errors++;
	failed(h, t, HBA_ABORTED, false);
}

/* ---- when no status comes ---- */

void hba_task_expired(struct hba *h, struct hba_task *t)
{
	if (t->item.state != HBA_HANDED) {
		give_up(h, t, HBA_COMMAND_TIMEOUT);
		return;
	}
	if (!t->item.canceling) {
		/* With the default timeout, waiting behind others at the server does not count. */
		ns_t at = h->report_ns + timeout_of(h, t);
		if (!t->timeout_ns && at > h->now)
			hba_timer_set(h, &t->item.timer, at);
		else
			give_up(h, t, HBA_COMMAND_TIMEOUT);
		return;
	}
	/* The server does not even answer CANCEL. */
	hba_reset_bus(h);
	hba_tag_drop(h, t->target, t->item.tag);
	end(h, t, t->end_as);
}

void hba_task_aborted(struct hba *h, struct hba_task *t, bool confirmed)
{
	sm_assert(t->item.state == HBA_ABORTING && t->ending);
	t->aborted = confirmed;
	/* The server keeps the nexus until it is told: it would take the tag's next task for this
	 * one. */
	if (t->item.script)
		hba_out(h, HBA_OUT_CANCEL, t->item.script);
	end(h, t, t->failed ? HBA_COMPLETED : t->end_as);
}

void hba_task_abort(struct hba *h, struct hba_task *t)
{
	switch ((enum hba_item_state)t->item.state) {
	case HBA_WAITING:
		hba_item_unlink(h, &t->item);
		t->item.state = HBA_IDLE;
		t->aborted = true;
		end(h, t, HBA_ABORTED);
		return;
	case HBA_HANDED:
	case HBA_NEXUS:
		give_up(h, t, HBA_ABORTED);
		return;
	case HBA_IDLE:
	case HBA_URGENT: /* it has its status; the sense is bounded in time */
	case HBA_ABORTING:
	case HBA_DONE:
		return;
	}
}

void hba_task_lost(struct hba *h, struct hba_task *t, enum hba_outcome outcome)
{
	bool has_tag = t->item.state != HBA_WAITING && (t->item.state != HBA_URGENT || t->sensing);

	hba_item_unlink(h, &t->item);
	t->item.state = HBA_IDLE;
	if (has_tag)
		hba_tag_release(h, t->target, t->item.tag);
	end(h, t, outcome);
}

void hba_task_tell(struct hba_task *t)
{
	t->item.state = HBA_IDLE;
	block_unref(t->data_out);
	t->done(t);
}

void hba_task_forget(struct hba_task *t)
{
	block_unref(t->data_out);
	hba_member_forget(t);
}
