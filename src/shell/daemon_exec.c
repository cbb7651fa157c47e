/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scsi.execute. A command that may change the medium of a member goes out only when it is durable
 * that the member is stale and all of it is to be copied: a crash in between must not leave it
 * trusted (initiator/bypass.c).
 */
#include "shell/daemon_core.h"

#include "base/assert.h"
#include "scsi/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *outcome_name(enum hba_outcome o)
{
	switch (o) {
	case HBA_COMPLETED:
		return "completed";
	case HBA_SELECTION_TIMEOUT:
		return "selection_timeout";
	case HBA_COMMAND_TIMEOUT:
		return "command_timeout";
	case HBA_BUS_RESET:
		return "bus_reset";
	case HBA_ABORTED:
		return "aborted";
	}
	return "aborted";
}

static void data_came(struct hba_task *t, uint32_t offset, struct block *data, uint32_t len)
{
	struct call *c = t->ctx;

	sm_assert(c->data_in && offset <= t->data_in_len && len <= t->data_in_len - offset &&
	          len <= data->len);
	memcpy(c->data_in->data + offset, data->data, len);
}

static void put_result(struct jw *w, const struct call *c)
{
	const struct hba_task *t = &c->task;
	uint64_t moved = (uint64_t)t->moved_out + t->moved_in;
	uint64_t asked = (uint64_t)t->data_out_len + t->data_in_len;

	ctl_begin_answer(w, c->req->id);
	jw_obj(w, "result");
	jw_str(w, "outcome", outcome_name(t->outcome));
	if (t->outcome == HBA_COMPLETED)
		jw_u64(w, "status", t->status);
	else
		jw_null(w, "status");
	jw_hex(w, "sense", t->sense_raw, t->has_sense ? t->sense_raw_len : 0);
	jw_base64(w, "data_in", c->data_in ? c->data_in->data : NULL, t->moved_in);
	jw_u64(w, "residual", asked > moved ? asked - moved : 0);
	jw_u64(w, "overflow_bytes", t->over_in);
	jw_u64(w, "bus_time_ns", t->bus_ns);
	jw_end_obj(w);
	ctl_end_answer(w);
}

static void encode_run(struct work *work)
{
	struct call *c = (struct call *)((char *)work - offsetof(struct call, work));

	put_result(&c->text, c);
}

static void encode_done(struct work *work)
{
	struct call *c = (struct call *)((char *)work - offsetof(struct call, work));

	if (c->client)
		client_take(c->client, &c->text);
	call_free(c);
}

static void end_bypass(struct call *c, bool loose)
{
	if (c->bypasses && c->d->ini)
		ini_bypass_end(c->d->ini, &c->bypass, loose);
	c->bypasses = false;
}

void exec_over(struct call *c)
{
	end_bypass(c, false);
}

static void task_done(struct hba_task *t)
{
	struct call *c = t->ctx;
	bool given_up = t->outcome == HBA_COMMAND_TIMEOUT || t->outcome == HBA_ABORTED;

	end_bypass(c, given_up && !t->aborted);
	if (!c->client || c->req->notification) {
		call_free(c);
		return;
	}
	if (t->moved_in > ENCODE_INLINE_MAX) {
		c->wait = CALL_ENCODE;
		c->work = (struct work){.run = encode_run, .done = encode_done};
		workers_add(c->d->workers, &c->work);
		return;
	}
	struct jw *w = &c->d->scratch;
	w->n = 0;
	w->comma = w->failed = false;
	put_result(w, c);
	client_put(c->client, w);
	call_free(c);
}

void exec_go(struct call *c)
{
	if (c->d->bus_state != BUS_ATTACHED) {
		call_fail_kind(c, "bus_down", "not attached to the bus server at %s",
		               c->d->cfg.bus.text);
		return;
	}
	c->wait = CALL_TASK;
	c->deadline = NS_NEVER;
	hba_task_start(c->d->hba, &c->task);
	loop_wake(c->d->loop);
}

/* An ID of the bus, even of a port that is not there: a selection that times out is an answer, too.
 */
static uint8_t plain_id(const char *text)
{
	char *end;
	unsigned long id = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && id < WIRE_IDS ? (uint8_t)id : WIRE_NO_ID;
}

static uint8_t find_target(struct call *c)
{
	struct ini_error e;
	uint8_t id = ini_target_by(c->d->ini, c->req->target, &e);

	if (id == WIRE_NO_ID)
		id = plain_id(c->req->target);
	if (id == WIRE_NO_ID)
		call_fail_ini(c, &e);
	else if (id == c->d->cfg.id)
		call_fail_kind(c, "bad_value", "SCSI ID %u is the daemon's own", id);
	else
		return id;
	return WIRE_NO_ID;
}

/* `lun` goes before the LUN of the name. */
static bool fill_task(struct call *c, uint8_t unit)
{
	const struct ctl_request *r = c->req;
	struct hba_task *t = &c->task;

	t->target = hba_target(c->d->hba, unit)->id;
	t->lun = CTL_HAS(r, LUN) ? r->lun : hba_target(c->d->hba, unit)->lun;
	t->attribute = r->attribute;
	t->keeps_aca = CTL_HAS(r, ATTRIBUTE);
	memcpy(t->cdb, r->cdb, sizeof(t->cdb));
	t->cdb_len = r->cdb_len;
	t->data_out = r->data;
	t->data_out_len = r->data_len;
	t->data_in_len = r->length;
	t->timeout_ns = r->timeout_ms * NS_PER_MS;
	t->data_in = data_came;
	t->done = task_done;
	t->ctx = c;
	if (!r->length)
		return true;
	c->data_in = block_new(r->length);
	if (c->data_in)
		return true;
	call_fail_kind(c, "internal", "out of memory for %u bytes", r->length);
	return false;
}

static enum scsi_reach reach_of(const struct ctl_request *r)
{
	struct span list = {r->data ? r->data->data : NULL, r->data ? r->data_len : 0};

	return scsi_reach((struct span){r->cdb, r->cdb_len}, list);
}

/* It does not go out before nobody it may change is trusted any more. */
static void go_when_ready(struct call *c, bool whole)
{
	struct ini_error e;

	c->bypass = (struct ini_bypass){.id = c->task.target, .lun = c->task.lun, .whole = whole};
	c->bypasses = true;
	ini_bypass_begin(c->d->ini, &c->bypass);
	if (!ini_bypass_ready(c->d->ini, &c->bypass, call_await_reply(c), &e)) {
		call_fail_ini(c, &e);
		return;
	}
	c->wait = CALL_SAVED;
	c->deadline = loop_now() + SAVED_LIMIT_NS;
	loop_wake(c->d->loop);
}

void exec_start(struct call *c)
{
	if (c->d->bus_state != BUS_ATTACHED) {
		call_fail_kind(c, "bus_down", "not attached to the bus server at %s",
		               c->d->cfg.bus.text);
		return;
	}
	uint8_t target = find_target(c);
	if (target == WIRE_NO_ID || !fill_task(c, target))
		return;
	enum scsi_reach reach = reach_of(c->req);
	if (reach == REACH_NONE)
		exec_go(c);
	else
		go_when_ready(c, reach == REACH_TARGET);
}
