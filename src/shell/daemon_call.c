/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request, from its decoded line to its answer:
 *
 *   NEW --> answered at once
 *   NEW --> REPLY | QUERY | SCAN | SAVED --> TASK | JOBS --> ENCODE --> answered
 *
 * A call whose client has gone lives on until what it waits for is over; its answer is dropped.
 */
#include "shell/daemon_core.h"

#include "shell/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- answers ---- */

struct jw *call_begin(struct call *c)
{
	struct jw *w = &c->d->scratch;

	w->n = 0;
	w->comma = w->failed = false;
	ctl_begin_answer(w, c->req->id);
	return w;
}

static void send_scratch(struct call *c)
{
	struct daemon *d = c->d;

	if (c->client && !c->req->notification) {
		if (d->scratch.n > ENCODE_INLINE_MAX)
			client_take(c->client, &d->scratch);
		else
			client_put(c->client, &d->scratch);
	}
	call_free(c);
}

void call_end(struct call *c)
{
	ctl_end_answer(&c->d->scratch);
	send_scratch(c);
}

void call_done(struct call *c)
{
	struct jw *w = call_begin(c);

	jw_obj(w, "result");
	jw_end_obj(w);
	call_end(c);
}

void call_fail(struct call *c, const struct ctl_error *e)
{
	struct jw *w = &c->d->scratch;

	w->n = 0;
	w->comma = w->failed = false;
	ctl_put_error(w, c->req->id, e);
	send_scratch(c);
}

void call_fail_ini(struct call *c, const struct ini_error *ini)
{
	struct ctl_error e;

	ctl_fail_ini(&e, ini);
	call_fail(c, &e);
}

void call_fail_kind(struct call *c, const char *kind, const char *format, ...)
{
	struct ctl_error e;
	char text[CTL_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ctl_fail(&e, CTL_FAILED, kind, "%s", text);
	call_fail(c, &e);
}

/* ---- life ---- */

static struct call_list *bucket(struct daemon *d, uint64_t token)
{
	return &d->buckets[token % DAEMON_BUCKETS];
}

static void leave_client(struct call *c)
{
	if (!c->client)
		return;
	TAILQ_REMOVE(&c->client->calls, c, mine);
	c->client->data -= c->charged;
	if (c->req->method == CTL_JOB_WAIT)
		c->client->waits--;
	else
		c->client->in_flight--;
	c->client = NULL;
	loop_wake(c->d->loop);
}

void call_free(struct call *c)
{
	struct daemon *d = c->d;

	if (c->token)
		TAILQ_REMOVE(bucket(d, c->token), c, bucket);
	exec_over(c);
	TAILQ_REMOVE(&d->calls, c, all);
	leave_client(c);
	block_unref(c->data_in);
	jw_free(&c->text);
	ctl_request_free(c->req);
	free(c);
}

void call_orphan(struct call *c)
{
	leave_client(c);
	if (c->wait == CALL_REPLY && c->req->method == CTL_JOB_WAIT) {
		/* The core needs not remember a wait that nobody waits for. */
		ini_forget(c->d->ini, c->token);
		call_free(c);
	}
}

uint64_t call_await_reply(struct call *c)
{
	if (!c->token) {
		c->token = ++c->d->next_token;
		TAILQ_INSERT_TAIL(bucket(c->d, c->token), c, bucket);
	}
	c->wait = CALL_REPLY;
	return c->token;
}

void call_reply(struct daemon *d, const struct ini_action *a)
{
	struct call *c;

	TAILQ_FOREACH (c, bucket(d, a->token), bucket) {
		if (c->token != a->token)
			continue;
		if (c->wait != CALL_REPLY && c->wait != CALL_SAVED)
			return;
		if (a->error.kind != INI_OK && c->req->method != CTL_JOB_WAIT)
			call_fail_ini(c, &a->error);
		else
			method_reply(c, a);
		return;
	}
}

/* ---- starting ---- */

/* What a change is about, for the log. */
static const char *subject(const struct ctl_request *r, char *buf, size_t n)
{
	if (*r->name)
		snprintf(buf, n, " %s", r->name);
	else if (*r->group && *r->target)
		snprintf(buf, n, " %s %s", r->group, r->target);
	else if (*r->group)
		snprintf(buf, n, " %s", r->group);
	else if (*r->target)
		snprintf(buf, n, " %s", r->target);
	else if (r->job)
		snprintf(buf, n, " %u", r->job);
	else
		*buf = '\0';
	return buf;
}

/* Each change with who made it. Of commands that come by the thousand, the first of a connection;
 * their number when it ends. */
static void audit(struct client *c, const struct ctl_request *r)
{
	char what[2 * CTL_NAME_MAX + 8];
	enum log_level level = LOG_LEVEL_NOTICE;

	if (r->method == CTL_SCSI_EXECUTE && c->executed++)
		level = LOG_LEVEL_DEBUG;
	if (r->method == CTL_GROUP_WRITE && c->written++)
		level = LOG_LEVEL_DEBUG;
	log_line(level, "uid %u pid %d: %s%s", (unsigned)c->peer.uid, (int)c->peer.pid,
	         ctl_method_name(r->method), subject(r, what, sizeof(what)));
}

static bool admit(struct client *c, const struct ctl_request *r, struct ctl_error *e)
{
	struct daemon *d = c->d;

	if (!ctl_may(c->who, ctl_method_level(d->schema, r->method)))
		return ctl_fail(e, CTL_DENIED, "permission_denied",
		                "%s is for root and the daemon's user only",
		                ctl_method_name(r->method));
	if (d->draining && (ctl_method_changes(d->schema, r->method) || r->method == CTL_JOB_WAIT))
		return ctl_fail(e, CTL_FAILED, "shutdown", "the daemon is ending");
	if (r->method == CTL_JOB_WAIT && c->waits >= DAEMON_REQUESTS)
		return ctl_fail(e, CTL_LIMIT, "too_many_requests",
		                "a connection has at most %d job.wait in flight", DAEMON_REQUESTS);
	return true;
}

static void answer_error(struct client *c, const char *id, const struct ctl_error *e)
{
	struct jw *w = &c->d->scratch;

	w->n = 0;
	w->comma = w->failed = false;
	ctl_put_error(w, id, e);
	client_put(c, w);
}

void call_start(struct client *client, struct ctl_decoded *decoded)
{
	struct daemon *d = client->d;
	struct ctl_request *r = decoded->request;
	struct ctl_error e = decoded->error;

	d->requests++;
	if (!r || !admit(client, r, &e)) {
		if (!(r ? r->notification : decoded->silent))
			answer_error(client, decoded->id, &e);
		ctl_request_free(r);
		return;
	}
	struct call *c = calloc(1, sizeof(*c));
	if (!c) {
		ctl_fail(&e, CTL_INTERNAL, "internal", "out of memory");
		answer_error(client, decoded->id, &e);
		ctl_request_free(r);
		return;
	}
	*c = (struct call){.d = d, .client = client, .req = r, .deadline = NS_NEVER};
	c->charged = (size_t)r->data_len + r->length;
	TAILQ_INSERT_TAIL(&d->calls, c, all);
	TAILQ_INSERT_TAIL(&client->calls, c, mine);
	client->data += c->charged;
	if (r->method == CTL_JOB_WAIT)
		client->waits++;
	else
		client->in_flight++;
	if (ctl_method_changes(d->schema, r->method))
		audit(client, r);
	loop_wake(d->loop);
	method_run(c);
}

/* ---- time ---- */

static void expire(struct call *c)
{
	if (c->wait == CALL_REPLY || c->wait == CALL_SAVED)
		ini_forget(c->d->ini, c->token);
	switch (c->wait) {
	case CALL_REPLY:
	case CALL_JOBS:
		call_fail_kind(c, "timeout", "job %u is not concluded after %u ms", c->req->job,
		               c->req->timeout_ms);
		return;
	case CALL_QUERY:
		call_fail_kind(c, "timeout", "%s did not answer",
		               c->target == WIRE_NO_ID ? "the bus server" : "the target");
		return;
	case CALL_SCAN:
		call_fail_kind(c, "timeout", "the scan is not done");
		return;
	case CALL_SAVED:
		call_fail_kind(c, "state_dir",
		               "it was not saved within %d s that the member is stale",
		               (int)(SAVED_LIMIT_NS / NS_PER_S));
		return;
	case CALL_NEW:
	case CALL_TASK:
	case CALL_ENCODE:
		c->deadline = NS_NEVER; /* they have no limit here */
		return;
	}
}

static void look(struct call *c, ns_t now)
{
	struct daemon *d = c->d;

	if (c->deadline <= now) {
		expire(c);
		return;
	}
	if (c->wait == CALL_SCAN && hba_settled(d->hba)) {
		struct jw *w = call_begin(c);

		jw_obj(w, "result");
		query_put_targets(d, w);
		jw_end_obj(w);
		call_end(c);
	} else if ((c->wait == CALL_SCAN || c->wait == CALL_QUERY) &&
	           d->bus_state != BUS_ATTACHED) {
		call_fail_kind(c, "bus_down", "the connection to the bus server was lost");
	} else if (c->wait == CALL_JOBS && jobs_may_answer(c)) {
		jobs_answer(c);
	}
}

void calls_run(struct daemon *d, ns_t now)
{
	struct call *c, *next;

	for (c = TAILQ_FIRST(&d->calls); c; c = next) {
		next = TAILQ_NEXT(c, all);
		look(c, now);
	}
}

ns_t calls_deadline(const struct daemon *d)
{
	const struct call *c;
	ns_t at = NS_NEVER;

	TAILQ_FOREACH (c, &d->calls, all) {
		if (c->deadline < at)
			at = c->deadline;
	}
	return at;
}
