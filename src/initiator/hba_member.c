/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes mode page 30h, the membership: looks first whose it is, and believes it only when it reads
 * back the same. */
#include "initiator/hba_core.h"

#include "base/assert.h"

#include <stdio.h>
#include <string.h>

#define HEADER_LEN 8    /* of MODE SELECT(10) and MODE SENSE(10), no block descriptors */
#define TRIES      4    /* UNIT ATTENTIONs that are overlooked */
#define SAVED      0xc0 /* PC of MODE SENSE: what is saved, and does not count as asked for */

static void finish(struct hba_set_member *s, bool ok, const char *why)
{
	block_unref(s->param);
	s->param = NULL;
	s->done(s, ok, why);
}

static void start(struct hba_set_member *s, bool reading);

static void explain(const struct hba_set_member *s, char *why, size_t n)
{
	const struct hba_task *t = &s->task;
	const char *what = s->reading ? "MODE SENSE" : "MODE SELECT";
	static const char *const outcome[] = {
	        [HBA_COMPLETED] = "",
	        [HBA_SELECTION_TIMEOUT] = "the target does not answer",
	        [HBA_COMMAND_TIMEOUT] = "no status in time",
	        [HBA_BUS_RESET] = "the bus was reset",
	        [HBA_ABORTED] = "aborted",
	};

	if (t->outcome != HBA_COMPLETED) {
		snprintf(why, n, "%s of page 30h: %s", what, outcome[t->outcome]);
	} else if (t->has_sense) {
		const char *text = scsi_sense_text(t->sense.asc, t->sense.ascq);
		snprintf(why, n, "%s of page 30h: %s, %02xh/%02xh %s", what,
		         scsi_sense_key_name(t->sense.key), t->sense.asc, t->sense.ascq,
		         text ? text : "");
	} else {
		snprintf(why, n, "%s of page 30h: %s", what, scsi_status_name(t->status));
	}
}

static bool same_group(const struct mode_mirror *a, const struct mode_mirror *b)
{
	return a->member == b->member && memcmp(a->group_uuid, b->group_uuid, UUID_LEN) == 0;
}

/* Somebody else has written it since the caller looked: has taken the group over, or has it, and
 * says something else now of who is in sync. Then it is not ours to write, nor to clear. */
static bool by_another(const struct hba_set_member *s, const struct mode_mirror *page)
{
	return memcmp(page->owner, s->hba->cfg.uuid, UUID_LEN) != 0 &&
	       !mode_mirror_equal(page, &s->was);
}

static bool same_unit(const struct hba_set_member *s)
{
	const struct hba_target *t = hba_target(s->hba, s->unit);

	return memcmp(t->uuid, s->uuid, UUID_LEN) == 0 && (!s->anew || t->attach == s->attach);
}

/* What was read: as wanted, or to be written, or another's. */
static void compare(struct hba_set_member *s)
{
	struct hba_target *t = hba_unit(s->hba, s->unit);
	struct mode_mirror page;

	if (s->got_len < HEADER_LEN ||
	    !mode_mirror_get((struct span){s->got + HEADER_LEN, s->got_len - HEADER_LEN}, &page)) {
		finish(s, false, "MODE SENSE of page 30h: malformed");
		return;
	}
	bool taken = page.member && by_another(s, &page);
	bool regrouped = !same_group(&page, &s->page) && !same_group(&page, &t->member);
	s->conflict = !s->wrote && page.member && (regrouped || taken);
	if (memcmp(page.owner, s->hba->cfg.uuid, UUID_LEN) == 0)
		t->asked = page;
	hba_member_found(s->hba, t, &page);
	t->member = page;
	hba_target_changed(s->hba, t->unit);
	if (s->wrote)
		t->vpd.started &= page.importing;
	if (mode_mirror_equal(&page, &s->page) && (s->wrote || !s->anew))
		finish(s, true, "");
	else if (s->conflict)
		finish(s, false,
		       regrouped ? "another initiator has made it a member of another group"
		                 : "another initiator serves its group, and has written it");
	else if (s->wrote)
		finish(s, false, "page 30h reads back otherwise than it was written");
	else if (s->anew && !mode_mirror_equal(&page, &s->page))
		finish(s, false, "page 30h is not as it was");
	else
		start(s, false);
}

/* The target may have the page, now or after its next start, unless it says that it did nothing: by
 * these statuses, or sense keys of commands that are refused. What fails in the middle of saving it
 * (HARDWARE ERROR of a target whose file is renamed, and its directory not synced) does not say. */
static bool may_have(const struct hba_set_member *s)
{
	const struct hba_task *t = &s->task;

	if (s->wrote || s->reading)
		return s->wrote;
	if (t->outcome != HBA_COMPLETED)
		return true;
	if (t->status == SCSI_CHECK_CONDITION && t->has_sense)
		return t->sense.key != KEY_NOT_READY && t->sense.key != KEY_ILLEGAL_REQUEST &&
		       t->sense.key != KEY_UNIT_ATTENTION && t->sense.key != KEY_DATA_PROTECT;
	return t->status != SCSI_BUSY && t->status != SCSI_TASK_SET_FULL &&
	       t->status != SCSI_RESERVATION_CONFLICT && t->status != SCSI_ACA_ACTIVE;
}

/* The page may be another one now: so says UNIT ATTENTION, or the scan has found that out while
 * MODE SELECT waited (hba_member_found()). */
static bool may_be_another(const struct hba_set_member *s)
{
	const struct hba_task *t = &s->task;

	if (t->outcome == HBA_COMPLETED)
		return t->has_sense && t->sense.key == KEY_UNIT_ATTENTION;
	return t->outcome == HBA_ABORTED && t->aborted && !s->reading && s->hba->port[t->target].up;
}

static void task_done(struct hba_task *t)
{
	struct hba_set_member *s = HBA_OWNER(t, struct hba_set_member, task);
	char why[160];

	if (!same_unit(s)) {
		s->may_have = s->wrote || !s->reading;
		finish(s, false, "page 30h: the logical unit is not the one that it was");
		return;
	}
	if (t->outcome == HBA_COMPLETED && t->status == SCSI_GOOD) {
		s->wrote |= !s->reading;
		if (s->reading)
			compare(s);
		else
			start(s, true);
		return;
	}
	if (may_be_another(s) && !s->anew && s->tries++ < TRIES) {
		start(s, true);
		return;
	}
	s->may_have = may_have(s);
	s->busy = t->outcome == HBA_COMPLETED &&
	          (t->status == SCSI_BUSY || t->status == SCSI_TASK_SET_FULL);
	explain(s, why, sizeof(why));
	finish(s, false, why);
}

static void take_data(struct hba_task *t, uint32_t at, struct block *data, uint32_t n)
{
	struct hba_set_member *s = HBA_OWNER(t, struct hba_set_member, task);

	sm_assert(at + n <= sizeof(s->got)); /* the task's room */
	memcpy(s->got + at, data->data, n);
	s->got_len = at + n;
}

static void start(struct hba_set_member *s, bool reading)
{
	struct hba_task *t = &s->task;
	const struct hba_target *to = hba_target(s->hba, s->unit);
	struct scsi_cdb cdb = {
	        .op = reading ? OP_MODE_SENSE_10 : OP_MODE_SELECT_10,
	        .alloc = HEADER_LEN + MODE_MIRROR_LEN,
	        .byte1 = reading ? 0x08 /* DBD */ : 0x11 /* PF, SP */,
	        .page = reading ? SAVED | MODE_MIRROR_PAGE : 0,
	};

	s->reading = reading;
	s->got_len = 0;
	*t = (struct hba_task){
	        .target = to->id, .lun = to->lun, .takes_attention = true, .done = task_done};
	t->cdb_len = (uint8_t)scsi_cdb_put(&cdb, t->cdb);
	if (reading) {
		t->data_in_len = HEADER_LEN + MODE_MIRROR_LEN;
		t->data_in = take_data;
	} else {
		t->data_out = s->param;
		t->data_out_len = HEADER_LEN + MODE_MIRROR_LEN;
	}
	hba_task_start(s->hba, t);
}

void hba_set_member(struct hba *h, uint8_t unit, struct hba_set_member *s)
{
	sm_assert(unit < HBA_UNITS && s->done && s->param);
	sm_assert(s->param->len >= HEADER_LEN + MODE_MIRROR_LEN);
	struct wr w = wr_init(s->param->data, s->param->len);

	wr_zero(&w, HEADER_LEN);
	mode_mirror_put(&w, &s->page);
	sm_assert(wr_ok(&w) && w.n == HEADER_LEN + MODE_MIRROR_LEN);
	s->param->data[HEADER_LEN] &= 0x7f; /* PS is reserved in MODE SELECT */
	s->hba = h;
	s->tries = 0;
	s->wrote = s->conflict = s->busy = s->may_have = false;
	s->unit = unit;
	memcpy(s->uuid, hba_target(h, unit)->uuid, UUID_LEN);
	s->attach = hba_target(h, unit)->attach;
	start(s, true);
}

void hba_member_found(struct hba *h, const struct hba_target *t, const struct mode_mirror *is)
{
	if (!is->member || memcmp(is->owner, h->cfg.uuid, UUID_LEN) == 0)
		return;
	if (memcmp(is->owner, t->asked.owner, UUID_LEN) != 0)
		hba_waiting_taken(h, t->id, t->lun);
	else if (!mode_mirror_equal(is, &t->asked))
		hba_selects_lost(h, t->id, t->lun);
}

bool hba_member_selects(struct hba_task *t)
{
	return t->done == task_done && !HBA_OWNER(t, struct hba_set_member, task)->reading;
}

bool hba_member_looks(struct hba_task *t)
{
	return t->done == task_done && HBA_OWNER(t, struct hba_set_member, task)->reading;
}

void hba_member_forget(struct hba_task *t)
{
	if (t->done == task_done)
		block_unref(HBA_OWNER(t, struct hba_set_member, task)->param);
}
