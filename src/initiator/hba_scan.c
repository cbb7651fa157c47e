/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inquiry of a target, a table of steps: at its attach, after a bus reset
 * and on request. Also clears the UNIT ATTENTION that attach or reset left, so that a READY target
 * reports only those that callers should see.
 *
 *   SCANNING --all steps--> READY
 *            --a step that must succeed fails--> FAILED (why says how)
 *
 * First LUN 0, with the negotiation, then the others that REPORT LUNS names. One task at a time; a
 * UNIT ATTENTION repeats the step at once, BUSY and the like after a rest.
 *
 * That the list is another (REPORTED LUNS DATA HAS CHANGED), or a unit's size (CAPACITY DATA HAS
 * CHANGED), is said but once, maybe to a command of the scan itself. Then the scan starts over when
 * it is through: all units are inquired again, as a LUN may be another unit now. A target that says
 * so each time is scanned SCAN_RELISTS times more; after that what it said last holds, until a scan
 * is asked for or a caller's command is told.
 *
 * What comes back is read in hba_inquiry.c. A unit that may be usable later is probed
 * (hba_probe.c), by the same steps.
 */
#include "initiator/hba_core.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

#define SCAN_TRIES   24
#define SCAN_REST_NS (100 * NS_PER_MS)
#define SCAN_RELISTS 16

enum scan_step {
	SCAN_READY,
	SCAN_INQUIRY,
	SCAN_IDENTITY,
	SCAN_SERIAL,
	SCAN_MIRROR,
	SCAN_CAPACITY,
	SCAN_MEMBER,
	SCAN_PPR,
	SCAN_WDTR,
	SCAN_SDTR,
	SCAN_LUNS,
	SCAN_END,
};

struct scan_row {
	const char *name;
	enum scsi_op op;
	uint8_t page;   /* VPD or mode page */
	uint16_t alloc; /* data in */
	bool optional;  /* the target may refuse it */
	/* False: fills why. NULL: nothing to read. */
	bool (*read)(struct hba_scan *s, struct span data);
	bool (*skip)(const struct hba_scan *s);
	enum hba_negotiate negotiate;
};

static bool not_lun_0(const struct hba_scan *s)
{
	return s->found.lun != 0;
}

static bool not_mirror(const struct hba_scan *s)
{
	return !s->found.mirror;
}

/* ---- negotiation ---- */

static bool no_list(const struct hba_scan *s)
{
	return not_lun_0(s) || s->probing;
}

/* The agreement is the target's: a probe has one already. */
static bool nothing_to_offer(const struct hba_scan *s)
{
	return no_list(s) || (s->offer.offset == 0 && s->offer.wide == 0);
}

static bool not_rejected(const struct hba_scan *s)
{
	return nothing_to_offer(s) || s->answer != HBA_ANSWER_REJECTED;
}

static bool within(const struct xfer *agreed, const struct xfer *offer)
{
	return agreed->offset <= offer->offset && agreed->wide <= offer->wide &&
	       (agreed->options & ~offer->options) == 0 &&
	       (agreed->offset == 0 || agreed->period >= offer->period);
}

/* SDTR knows no DT transfers: Fast-40 is its fastest. */
static struct xfer offer_of(const struct hba_scan *s, enum hba_negotiate n)
{
	struct xfer x = s->offer;

	if (n == HBA_NEGOTIATE_PPR)
		return x;
	x.options = 0;
	if (n == HBA_NEGOTIATE_SDTR && x.period < 0x0a)
		x.period = 0x0a;
	return x;
}

/* Passes run without information units whatever is agreed on (xfer_plain()). */
static struct xfer best_offer(struct xfer x)
{
	x.options &= XFER_DT_REQ | XFER_QAS_REQ | XFER_IU_REQ | XFER_RTI;
	if (x.period > 0x09)
		x.options = 0;
	return xfer_common(x, x);
}

static bool take_answer(struct hba_scan *s, enum hba_negotiate n)
{
	const struct hba_task *t = &s->task;
	struct xfer offer = offer_of(s, n);

	if (n == HBA_NEGOTIATE_PPR)
		s->answer = t->answer;
	if (t->answer != HBA_ANSWER_AGREED)
		return true; /* what was agreed before holds: 8 bits, asynchronous */
	struct xfer agreed = t->xfer;
	if (n == HBA_NEGOTIATE_WDTR)
		agreed = (struct xfer){.wide = agreed.wide};
	else if (n == HBA_NEGOTIATE_SDTR)
		agreed = (struct xfer){.period = agreed.period, .offset = agreed.offset};
	if (!within(&agreed, &offer))
		return hba_scan_bad(s, "negotiation: it wants more than was offered");
	if (n == HBA_NEGOTIATE_SDTR)
		agreed.wide = s->found.xfer.wide;
	s->found.xfer = agreed;
	return true;
}

/* ---- the steps ---- */

static const struct scan_row rows[SCAN_END] = {
        [SCAN_READY] = {"TEST UNIT READY", .op = OP_TEST_UNIT_READY, .optional = true},
        [SCAN_INQUIRY] = {"INQUIRY", .op = OP_INQUIRY, .alloc = 96, .read = hba_read_inquiry},
        [SCAN_IDENTITY] = {"INQUIRY of VPD page 83h", .op = OP_INQUIRY, .page = 0x83,
                           .alloc = HBA_SCAN_BUF, .read = hba_read_identity},
        [SCAN_SERIAL] = {"INQUIRY of VPD page 80h", .op = OP_INQUIRY, .page = 0x80,
                         .alloc = HBA_SCAN_BUF, .optional = true, .read = hba_read_serial},
        [SCAN_MIRROR] = {"INQUIRY of VPD page C0h", .op = OP_INQUIRY, .page = VPD_MIRROR_PAGE,
                         .alloc = HBA_SCAN_BUF, .optional = true, .read = hba_read_mirror},
        [SCAN_CAPACITY] = {"READ CAPACITY(16)", .op = OP_READ_CAPACITY_16, .alloc = 32,
                           .read = hba_read_capacity},
        [SCAN_MEMBER] = {"MODE SENSE of page 30h", .op = OP_MODE_SENSE_10, .page = MODE_MIRROR_PAGE,
                         .alloc = 128, .read = hba_read_member, .skip = not_mirror},
        /* A negotiation travels with a command; that command's own result does not matter. */
        [SCAN_PPR] = {"negotiation by PPR", .op = OP_TEST_UNIT_READY, .optional = true,
                      .skip = nothing_to_offer, .negotiate = HBA_NEGOTIATE_PPR},
        [SCAN_WDTR] = {"negotiation by WDTR", .op = OP_TEST_UNIT_READY, .optional = true,
                       .skip = not_rejected, .negotiate = HBA_NEGOTIATE_WDTR},
        [SCAN_SDTR] = {"negotiation by SDTR", .op = OP_TEST_UNIT_READY, .optional = true,
                       .skip = not_rejected, .negotiate = HBA_NEGOTIATE_SDTR},
        [SCAN_LUNS] = {"REPORT LUNS", .op = OP_REPORT_LUNS, .alloc = HBA_SCAN_LUNS,
                       .optional = true, .skip = no_list, .read = hba_read_luns},
};

/* Where information units come or go by a negotiation, the target aborts all that it has of ours
 * (SPI-4, IU_REQ): that is waited for, as long as a target that is busy is. */
static bool must_wait(const struct hba *h, const struct hba_scan *s)
{
	const struct hba_target *t = &h->port[s->task.target].t;
	unsigned options = s->offer.options | t->xfer.options;

	return rows[s->step].negotiate != HBA_NEGOTIATE_NONE && (options & XFER_IU_REQ) &&
	       t->in_flight > 0 && s->tries < SCAN_TRIES;
}

static struct hba_port *port_of(struct hba *h, const struct hba_scan *s)
{
	return &h->port[s->task.target];
}

static unsigned depth_of(const struct hba_target *t)
{
	if (t->state != HBA_READY || !t->mirror || t->vpd.queue_depth <= 1)
		return 1;
	return t->vpd.queue_depth < HBA_TAGS - 1 ? t->vpd.queue_depth : HBA_TAGS - 1;
}

/* The credit is the target's, as LUN 0 says; as another says that is READY while LUN 0 is not, and
 * that holds until LUN 0 is, or the next scan. */
static void set_depth(struct hba_port *p, const struct hba_target *t)
{
	if (t->lun == 0 ? t->state == HBA_READY || !p->scan.probing
	                : p->t.state != HBA_READY && p->depth == 1)
		p->depth = depth_of(t);
}

/* A LUN is another unit than it was. */
static bool another(const struct hba_target *was, const struct hba_target *is)
{
	static const uint8_t unknown[UUID_LEN];

	return memcmp(was->uuid, unknown, UUID_LEN) != 0 &&
	       memcmp(is->uuid, unknown, UUID_LEN) != 0 &&
	       memcmp(was->uuid, is->uuid, UUID_LEN) != 0;
}

static void finish(struct hba *h, struct hba_scan *s, bool good)
{
	struct hba_port *p = port_of(h, s);
	struct hba_target *t = hba_unit(h, s->found.unit);
	struct hba_target *f = &s->found;
	/* A probe that found what there was: nobody need know. */
	bool same = !good && t->state == HBA_FAILED && strcmp(t->why, f->why) == 0;

	if (another(t, f))
		hba_waiting_lost(h, t->id, t->lun);
	else
		hba_member_found(h, t, &f->member);
	f->epoch = t->epoch;
	f->attach = t->attach;
	f->started = t->started && !good;
	f->power_on = t->started && good ? t->attach : t->power_on;
	f->in_flight = t->in_flight;
	f->commands = t->commands;
	f->errors = t->errors;
	f->state = good ? HBA_READY : HBA_FAILED;
	if (good)
		f->why[0] = '\0';
	else if (s->not_now)
		hba_probe_later(s);
	if (f->lun != 0)
		f->xfer = p->t.xfer;
	*t = *f;
	if (!same)
		hba_target_changed(h, t->unit);
	set_depth(p, t);
	if (t->lun == 0 && !good && !s->not_now)
		s->luns = 0;
	hba_scan_next(h, s);
}

static void take_data(struct hba_task *t, uint32_t at, struct block *data, uint32_t n)
{
	struct hba_scan *s = HBA_OWNER(t, struct hba_scan, task);

	if (at >= sizeof(s->buf))
		return;
	if (n > sizeof(s->buf) - at)
		n = (uint32_t)sizeof(s->buf) - at;
	memcpy(s->buf + at, data->data, n);
	s->got = at + n;
}

static void step_done(struct hba_task *t);

static void start_step(struct hba *h, struct hba_scan *s)
{
	while (s->step < SCAN_END && rows[s->step].skip && rows[s->step].skip(s))
		s->step++;
	if (s->step == SCAN_END) {
		if (!hba_probe_scans(h, s))
			finish(h, s, !s->not_now);
		return;
	}
	if (must_wait(h, s)) {
		s->tries++;
		hba_timer_set(h, &s->timer, h->now + SCAN_REST_NS);
		return;
	}
	const struct scan_row *row = &rows[s->step];
	uint8_t target = s->task.target;
	struct scsi_cdb cdb = {
	        .op = row->op,
	        .alloc = row->alloc,
	        .page = row->page,
	        .byte1 = row->op == OP_MODE_SENSE_10          ? 0x08 /* DBD */
	                 : row->op == OP_INQUIRY && row->page ? 0x01 /* EVPD */
	                                                      : 0,
	};
	s->got = 0;
	s->task = (struct hba_task){
	        .target = target,
	        .lun = s->found.lun,
	        .own = true,
	        .negotiate = (uint8_t)row->negotiate,
	        .xfer = offer_of(s, row->negotiate),
	        .data_in_len = row->alloc,
	        .data_in = take_data,
	        .done = step_done,
	        .ctx = h,
	};
	s->task.cdb_len = (uint8_t)scsi_cdb_put(&cdb, s->task.cdb);
	hba_task_start(h, &s->task);
}

static void say_why(struct hba_scan *s, const char *what)
{
	snprintf(s->found.why, sizeof(s->found.why), "%s: %s", rows[s->step].name, what);
}

static void fail(struct hba *h, struct hba_scan *s, const char *what)
{
	say_why(s, what);
	finish(h, s, false);
}

/* It may be usable later. LUN 0 is who the target is spoken to by: the rest of that can be found
 * out now. */
static void not_now(struct hba *h, struct hba_scan *s, const char *what)
{
	bool again = s->not_now;
	s->not_now = true;
	if (s->found.lun != 0 || s->probing) {
		fail(h, s, what);
		return;
	}
	if (!again)
		say_why(s, what);
	s->tries = 0;
	s->step = s->step < SCAN_PPR ? SCAN_PPR : (uint8_t)(s->step + 1);
	start_step(h, s);
}

static void retry(struct hba *h, struct hba_scan *s, ns_t rest_ns, const char *what)
{
	if (++s->tries > SCAN_TRIES)
		fail(h, s, what);
	else if (rest_ns)
		hba_timer_set(h, &s->timer, h->now + rest_ns);
	else
		start_step(h, s);
}

static void owner_read(struct hba *h, struct hba_scan *s)
{
	s->asked &= ~(UINT64_C(1) << s->found.lun);
	hba_member_found(h, hba_target(h, s->found.unit), &s->found.member);
	s->found.asked = s->found.member;
}

static void next_step(struct hba *h, struct hba_scan *s)
{
	if (s->step == SCAN_LUNS) {
		s->unlisted = false;
		s->probes = 0;
	}
	s->step++;
	start_step(h, s);
}

static void refused(struct hba *h, struct hba_scan *s)
{
	const struct hba_task *t = &s->task;
	char what[96];

	if (rows[s->step].optional) {
		next_step(h, s);
		return;
	}
	if (t->status == SCSI_RESERVATION_CONFLICT ||
	    (t->status == SCSI_CHECK_CONDITION && !t->has_sense)) {
		not_now(h, s, scsi_status_name(t->status));
		return;
	}
	if (!t->has_sense) {
		fail(h, s, scsi_status_name(t->status));
		return;
	}
	const char *text = scsi_sense_text(t->sense.asc, t->sense.ascq);
	snprintf(what, sizeof(what), "%s, %02xh/%02xh %s", scsi_sense_key_name(t->sense.key),
	         t->sense.asc, t->sense.ascq, text ? text : "");
	if (t->sense.key == KEY_NOT_READY)
		not_now(h, s, what);
	else
		fail(h, s, what);
}

static void take_status(struct hba *h, struct hba_scan *s)
{
	const struct hba_task *t = &s->task;
	const struct scan_row *row = &rows[s->step];

	if (row->negotiate != HBA_NEGOTIATE_NONE && !take_answer(s, row->negotiate)) {
		finish(h, s, false);
		return;
	}
	switch (t->status) {
	case SCSI_GOOD:
		if (row->read && !row->read(s, (struct span){s->buf, s->got})) {
			finish(h, s, false);
			return;
		}
		if (s->step == SCAN_MEMBER)
			owner_read(h, s);
		next_step(h, s);
		return;
	case SCSI_CHECK_CONDITION:
		if (t->has_sense && t->sense.key == KEY_UNIT_ATTENTION)
			retry(h, s, 0, "UNIT ATTENTION without end");
		else if (t->has_sense && t->sense.key == KEY_ABORTED_COMMAND)
			retry(h, s, SCAN_REST_NS, "ABORTED COMMAND without end");
		else if (!t->has_sense && row->read && s->tries < SCAN_TRIES)
			/* It was lost, or may be another command's: this one is not refused yet. */
			retry(h, s, SCAN_REST_NS, "");
		else
			refused(h, s);
		return;
	case SCSI_BUSY:
	case SCSI_TASK_SET_FULL:
	case SCSI_ACA_ACTIVE:
	case SCSI_TASK_ABORTED:
		if (s->tries >= SCAN_TRIES)
			not_now(h, s, "busy without end");
		else
			retry(h, s, SCAN_REST_NS, "busy without end");
		return;
	default:
		refused(h, s);
	}
}

static void step_done(struct hba_task *t)
{
	struct hba_scan *s = HBA_OWNER(t, struct hba_scan, task);
	struct hba *h = t->ctx;
	struct hba_port *p = port_of(h, s);

	if (!p->scanning && !s->probing)
		return;
	bool unread = s->step == SCAN_MEMBER && (s->again || t->outcome != HBA_COMPLETED);
	if (unread)
		s->asked |= UINT64_C(1) << s->found.lun;
	if (unread && s->probing) { /* a probe holds nothing back */
		uint8_t probes = s->probes;
		hba_scan_anew(h, t->target);
		s->probes = probes;
		return;
	}
	if (s->again) {
		hba_scan_anew(h, t->target);
		return;
	}
	switch (t->outcome) {
	case HBA_COMPLETED:
		take_status(h, s);
		return;
	case HBA_SELECTION_TIMEOUT:
		retry(h, s, SCAN_REST_NS, "it does not answer selection");
		return;
	case HBA_COMMAND_TIMEOUT:
		s->tries = (uint8_t)(s->tries + SCAN_TRIES / 3);
		retry(h, s, SCAN_REST_NS, "no status in time");
		return;
	case HBA_BUS_RESET:
	case HBA_ABORTED:
		retry(h, s, SCAN_REST_NS, "aborted");
		return;
	}
}

/* The number of a further logical unit; WIRE_NO_ID: there is no room. One that has gone gives its
 * number to another when there is no other. */
static uint8_t number(struct hba *h, uint8_t id, uint8_t lun)
{
	uint8_t unit = hba_unit_at(h, id, lun);
	struct hba_target *t = NULL;

	if (unit != WIRE_NO_ID)
		return unit;
	if (h->n_extra < HBA_EXTRA)
		t = &h->extra[h->n_extra++];
	for (unsigned i = 0; !t && i < HBA_EXTRA; i++)
		if (h->extra[i].state == HBA_ABSENT)
			t = &h->extra[i];
	if (!t)
		return WIRE_NO_ID;
	unit = (uint8_t)(WIRE_IDS + (t - h->extra));
	*t = (struct hba_target){.unit = unit, .id = id, .lun = lun, .state = HBA_SCANNING};
	return unit;
}

/* Room for ":63" behind it: a name that is too long for that gives way to the ID. */
static void name_unit(struct hba_target *f, const struct hba_target *first)
{
	int n = snprintf(f->name, sizeof(f->name), "%s:%u", first->name, f->lun);
	if (n < 0 || (size_t)n >= sizeof(f->name) || !first->name[0])
		snprintf(f->name, sizeof(f->name), "%u:%u", f->id, f->lun);
}

/* What the list did not name is not there. Whose a unit is that was asked, and has not told, nobody
 * knows; what waits for it would be carried out all the same. */
static void end_scan(struct hba *h, uint8_t id)
{
	uint64_t *asked = &h->port[id].scan.asked;

	for (; *asked; *asked &= *asked - 1)
		hba_waiting_taken(h, id, (uint8_t)__builtin_ctzll(*asked));
	h->port[id].scanning = false;
	for (unsigned i = 0; i < h->n_extra; i++) {
		struct hba_target *t = &h->extra[i];
		if (t->id != id || t->state != HBA_SCANNING)
			continue;
		t->state = HBA_ABSENT;
		hba_target_changed(h, t->unit);
	}
	h->dirty = true;
}

static void begin_unit(struct hba *h, struct hba_scan *s, uint8_t unit)
{
	const struct hba_target *t = hba_target(h, unit), *first = &port_of(h, s)->t;

	s->found = (struct hba_target){.unit = unit, .id = t->id, .lun = t->lun};
	if (t->lun != 0) {
		name_unit(&s->found, first);
		hba_unit(h, unit)->epoch = first->epoch;
		hba_unit(h, unit)->attach = first->attach;
	} else {
		memcpy(s->found.uuid, first->uuid, UUID_LEN);
		memcpy(s->found.name, first->name, sizeof(s->found.name));
		if (s->probing)
			s->found.xfer = first->xfer;
	}
	s->not_now = false;
	s->tries = 0;
	s->step = SCAN_READY;
	start_step(h, s);
}

/* Whether the list is to be read again, once more. */
static bool relist(struct hba_scan *s)
{
	if (s->relists >= SCAN_RELISTS)
		return false;
	s->relists++;
	return true;
}

void hba_scan_next(struct hba *h, struct hba_scan *s)
{
	uint8_t id = s->task.target, unit = WIRE_NO_ID;

	while (unit == WIRE_NO_ID && s->luns) {
		uint8_t lun = (uint8_t)__builtin_ctzll(s->luns);
		s->luns &= s->luns - 1;
		unit = number(h, id, lun);
	}
	if (unit != WIRE_NO_ID) {
		begin_unit(h, s, unit);
		return;
	}
	if (!s->probing && s->outdated && relist(s)) {
		s->again = true;
		hba_timer_set(h, &s->timer, h->now + SCAN_REST_NS);
		return;
	}
	if (!s->probing)
		end_scan(h, id);
	hba_probe_arm(h, s);
}

/* It tells that once, whoever asks; it is noted when the unit is READY the next time. */
static void started(struct hba *h, uint8_t id, uint8_t unit, bool own)
{
	if (unit == WIRE_NO_ID)
		return;
	hba_unit(h, unit)->started = true;
	if (!own && h->port[id].up && hba_target(h, unit)->state == HBA_READY)
		hba_scan_start(h, id);
}

void hba_take_attention(struct hba *h, uint8_t id, uint8_t lun, const struct scsi_sense *sense,
                        bool own)
{
	struct hba_scan *s = &h->port[id].scan;
	bool list = scsi_sense_is(sense, &SENSE_LUNS_CHANGED);
	bool pages = scsi_sense_is(sense, &SENSE_MODE_PARAMETERS_CHANGED);
	enum scan_step reads = pages ? SCAN_MEMBER : SCAN_CAPACITY;

	if (scsi_sense_is(sense, &SENSE_POWER_ON))
		started(h, id, own ? s->found.unit : hba_unit_at(h, id, lun), own);
	if ((!list && !pages && !scsi_sense_is(sense, &SENSE_CAPACITY_CHANGED)) || !h->port[id].up)
		return;
	if (!own)
		hba_scan_start(h, id);
	else if (list ? !s->probing && s->unlisted : s->step <= reads)
		return; /* it is still to be read */
	else if (!s->probing)
		s->outdated = true;
	else if (relist(s))
		hba_scan_anew(h, id);
}

void hba_scan_start(struct hba *h, uint8_t id)
{
	h->port[id].scan.relists = 0;
	hba_scan_anew(h, id);
}

void hba_scan_anew(struct hba *h, uint8_t id)
{
	struct hba_port *p = &h->port[id];
	struct hba_scan *s = &p->scan;

	p->scanning = true;
	if (p->t.state != HBA_SCANNING) {
		p->t.state = HBA_SCANNING;
		hba_target_changed(h, id);
	}
	hba_extras_state(h, id, HBA_SCANNING);
	hba_probe_stop(h, s);
	if (s->task.item.state != HBA_IDLE) { /* of the scan before */
		s->again = true;
		return;
	}
	s->again = s->outdated = false;
	s->unlisted = true;
	s->answer = HBA_ANSWER_NONE;
	s->offer = best_offer(h->cfg.xfer);
	s->luns = 0;
	s->task.target = id;
	begin_unit(h, s, id);
}

void hba_scan_stop(struct hba *h, uint8_t id)
{
	struct hba_scan *s = &h->port[id].scan;

	hba_probe_stop(h, s);
	s->again = false;
	s->asked = 0;
	h->port[id].scanning = false;
	if (s->task.item.state == HBA_URGENT && !s->task.sensing)
		hba_task_lost(h, &s->task, HBA_ABORTED);
}

void hba_scan_expired(struct hba *h, struct hba_scan *s)
{
	if (s->again)
		hba_scan_anew(h, s->task.target);
	else if (port_of(h, s)->scanning || s->probing)
		start_step(h, s);
	else
		hba_probe_start(h, s);
}
