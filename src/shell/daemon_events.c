/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Subscribers. What changes is noted once and told 50 ms later to all, as it is then: a thousand
 * changes of one object cost one event. A subscriber that does not read loses events and hears how
 * many.
 */
#include "shell/daemon_core.h"

#include <stdio.h>
#include <string.h>

#define GATHER_NS (50 * NS_PER_MS)
#define ALL       ((1U << OBJ_TARGET) | (1U << OBJ_GROUP) | (1U << OBJ_JOB) | (1U << OBJ_BUS))

static const char *const names[] = {
        [OBJ_TARGET] = "target", [OBJ_GROUP] = "group", [OBJ_JOB] = "job", [OBJ_BUS] = "bus"};

/* ---- one event ---- */

static struct jw *begin(struct client *c, const char *event)
{
	struct jw *w = &c->d->scratch;

	w->n = 0;
	w->comma = w->failed = false;
	jw_obj(w, NULL);
	jw_str(w, "jsonrpc", "2.0");
	jw_str(w, "method", "event");
	jw_obj(w, "params");
	jw_u64(w, "seq", ++c->sub.seq);
	jw_str(w, "boot_id", c->d->boot_id);
	jw_str(w, "event", event);
	return w;
}

static void end(struct client *c)
{
	struct jw *w = &c->d->scratch;

	jw_end_obj(w);
	ctl_end_answer(w);
	client_put(c, w);
}

static void tell_end(struct client *c)
{
	jw_null(begin(c, "end"), "object");
	end(c);
}

static void tell_bus(struct client *c, const char *event)
{
	struct jw *w = begin(c, event);

	jw_str(w, "object", "bus");
	jw_obj(w, "bus");
	jw_bool(w, "attached", c->d->bus_state == BUS_ATTACHED);
	jw_str(w, "profile", c->d->profile);
	jw_end_obj(w);
	end(c);
}

static void put_place(struct jw *w, const struct hba_target *t)
{
	jw_u64(w, "id", t->id);
	jw_u64(w, "lun", t->lun);
}

static void tell_gone(struct client *c, const struct dirty *x)
{
	struct jw *w = begin(c, "gone");

	jw_str(w, "object", names[x->object]);
	if (x->object == OBJ_GROUP)
		jw_str(w, "name", x->name);
	else if (x->object == OBJ_TARGET && x->id < HBA_UNITS)
		put_place(w, hba_target(c->d->hba, (uint8_t)x->id));
	else
		jw_u64(w, "id", x->id);
	end(c);
}

/* What an object is now; gone when it is not there any more. */
static void tell(struct client *c, const struct dirty *x, const char *event)
{
	struct daemon *d = c->d;
	const struct ini_group *g = NULL;
	const struct ini_job *j = NULL;

	if (x->object == OBJ_BUS) {
		tell_bus(c, event);
		return;
	}
	if (x->object == OBJ_GROUP)
		g = ini_group_find(d->ini, x->name);
	if (x->object == OBJ_JOB)
		j = ini_job_find(d->ini, x->id);
	if (x->object == OBJ_TARGET
	            ? x->id >= HBA_UNITS || hba_target(d->hba, (uint8_t)x->id)->state == HBA_ABSENT
	            : !g && !j) {
		tell_gone(c, x);
		return;
	}
	struct jw *w = begin(c, event);
	jw_str(w, "object", names[x->object]);
	if (g)
		ctl_put_group(w, "group", g);
	else if (j)
		ctl_put_job(w, "job", j, false, loop_now());
	else
		query_put_target(d, w, "target", (uint8_t)x->id);
	end(c);
}

/* ---- everything ---- */

static void tell_all(struct client *c)
{
	struct daemon *d = c->d;
	struct dirty x;

	if (c->sub.objects & 1U << OBJ_BUS)
		tell_bus(c, "exists");
	x = (struct dirty){.object = OBJ_TARGET};
	for (; c->sub.objects & 1U << OBJ_TARGET && x.id < HBA_UNITS; x.id++)
		if (hba_target(d->hba, (uint8_t)x.id)->state != HBA_ABSENT)
			tell(c, &x, "exists");
	x = (struct dirty){.object = OBJ_GROUP};
	for (unsigned i = 0; c->sub.objects & 1U << OBJ_GROUP && i < ini_groups(d->ini); i++) {
		memcpy(x.name, ini_group_at(d->ini, i)->name, sizeof(x.name));
		tell(c, &x, "exists");
	}
	x = (struct dirty){.object = OBJ_JOB};
	if (c->sub.objects & 1U << OBJ_JOB) {
		for (unsigned i = 0; i < ini_jobs(d->ini); i++) {
			x.id = ini_job_at(d->ini, i)->id;
			tell(c, &x, "exists");
		}
	}
	tell_end(c);
}

void events_subscribe(struct call *c)
{
	struct client *client = c->client;
	struct jw *w;

	if (client->sub.on) {
		call_fail_kind(c, "exists", "this connection is subscribed already");
		return;
	}
	client->sub = (struct subscription){.on = true,
	                                    .objects = c->req->objects ? c->req->objects : ALL};
	w = call_begin(c);
	jw_obj(w, "result");
	jw_str(w, "boot_id", c->d->boot_id);
	jw_u64(w, "seq", 0);
	jw_end_obj(w);
	call_end(c);
	tell_all(client);
}

/* ---- changes ---- */

void events_note(struct daemon *d, enum ini_object object, uint32_t id, const char *name, bool gone)
{
	struct dirty x = {.object = object, .id = id, .gone = gone};

	snprintf(x.name, sizeof(x.name), "%s", name);
	if (d->events_at == NS_NEVER)
		d->events_at = loop_now() + GATHER_NS;
	for (unsigned i = 0; i < d->n_dirty; i++) {
		struct dirty *y = &d->dirty[i];

		if (y->object == object && y->id == id && !strcmp(y->name, x.name)) {
			y->gone = gone;
			return;
		}
	}
	if (d->n_dirty == DIRTY_MAX)
		d->dirty_lost = true;
	else
		d->dirty[d->n_dirty++] = x;
}

static void tell_lost(struct client *c)
{
	struct jw *w = begin(c, "lost");

	jw_null(w, "object");
	jw_u64(w, "count", c->sub.lost);
	end(c);
	c->sub.lost = 0;
}

static void tell_changes(struct client *c)
{
	struct daemon *d = c->d;

	for (unsigned i = 0; i < d->n_dirty; i++) {
		if (!(c->sub.objects & 1U << d->dirty[i].object))
			continue;
		if (c->out_bytes > BOUND_EVENT_BYTES) {
			c->sub.lost++;
			continue;
		}
		if (c->sub.lost)
			tell_lost(c);
		if (d->dirty[i].gone)
			tell_gone(c, &d->dirty[i]);
		else
			tell(c, &d->dirty[i], "changed");
	}
	if (d->dirty_lost)
		c->sub.lost++;
}

void events_run(struct daemon *d, ns_t now)
{
	struct client *c;

	if (now < d->events_at)
		return;
	TAILQ_FOREACH (c, &d->clients, link) {
		if (c->sub.on && !c->dead)
			tell_changes(c);
	}
	d->n_dirty = 0;
	d->dirty_lost = false;
	d->events_at = NS_NEVER;
	/* Those who lost something hear of it as soon as they have read on. */
	TAILQ_FOREACH (c, &d->clients, link) {
		if (!c->sub.on || !c->sub.lost || c->dead)
			continue;
		if (c->out_bytes <= BOUND_EVENT_BYTES)
			tell_lost(c);
		else
			d->events_at = now + GATHER_NS;
	}
}
