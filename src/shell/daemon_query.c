/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods that ask the bus server or a target by a management frame, and the list of targets. */
#include "shell/daemon_core.h"

#include <stdio.h>
#include <string.h>

void query_put_target(struct daemon *d, struct jw *w, const char *key, uint8_t id)
{
	const struct hba_target *t = hba_target(d->hba, id);

	ctl_put_target(w, key, t, ini_group_of(d->ini, t->uuid));
}

void query_put_targets(struct daemon *d, struct jw *w)
{
	jw_arr(w, "targets");
	for (uint8_t id = 0; id < HBA_UNITS; id++)
		if (hba_target(d->hba, id)->state != HBA_ABSENT)
			query_put_target(d, w, NULL, id);
	jw_end_arr(w);
}

static bool attached(struct call *c)
{
	if (c->d->bus_state == BUS_ATTACHED)
		return true;
	call_fail_kind(c, "bus_down", "not attached to the bus server at %s", c->d->cfg.bus.text);
	return false;
}

void query_bus(struct call *c)
{
	if (attached(c))
		daemon_bus_query(c->d, c,
		                 c->req->method == CTL_BUS_SHOW ? MGMT_BUS_SHOW : MGMT_BUS_STATS,
		                 WIRE_NO_ID, "");
}

void query_scan(struct call *c)
{
	if (!attached(c))
		return;
	hba_scan(c->d->hba);
	c->wait = CALL_SCAN;
	c->deadline = loop_now() + SCAN_LIMIT_NS;
}

/* A fault of one logical unit, which the target's name or UUID says: that of LUN 0 stands for all,
 * and what the specification says itself counts. */
static void spec_of_unit(const char *spec, uint8_t lun, char *out, size_t cap)
{
	bool said = strstr(spec, ":lun=") || strstr(spec, ",lun=");

	if (lun == 0 || said)
		(void)snprintf(out, cap, "%s", spec);
	else
		(void)snprintf(out, cap, "%s%clun=%u", spec, strchr(spec, ':') ? ',' : ':', lun);
}

void query_fault(struct call *c)
{
	char spec[CTL_SPEC_MAX + 16];

	const struct ctl_request *r = c->req;
	struct ctl_error e;
	struct ini_error ini;

	if (CTL_HAS(r, SPEC) + r->clear + r->list != 1) {
		ctl_fail_param(&e, "bad_value", "spec",
		               "target.fault: exactly one of 'spec', 'clear' and 'list'");
		call_fail(c, &e);
		return;
	}
	if (!attached(c))
		return;
	uint8_t id = ini_target_by(c->d->ini, r->target, &ini);
	if (id == WIRE_NO_ID) {
		call_fail_ini(c, &ini);
		return;
	}
	const struct hba_target *t = hba_target(c->d->hba, id);
	spec_of_unit(r->spec, t->lun, spec, sizeof(spec));
	daemon_bus_query(c->d, c,
	                 r->clear  ? MGMT_FAULT_CLEAR
	                 : r->list ? MGMT_FAULT_LIST
	                           : MGMT_FAULT,
	                 t->id, spec);
}

/* ---- answers ---- */

static void answer_show(struct call *c, struct span payload)
{
	struct wire_show show;

	if (!wire_show_get(payload, &show)) {
		call_fail_kind(c, "internal", "the bus server's answer makes no sense");
		return;
	}
	ctl_put_bus(call_begin(c), "result", &show);
	call_end(c);
}

static void answer_stats(struct call *c, struct span payload)
{
	struct wire_stats stats;

	if (!wire_stats_get(payload, &stats)) {
		call_fail_kind(c, "internal", "the bus server's answer makes no sense");
		return;
	}
	ctl_put_stats(call_begin(c), "result", &stats);
	call_end(c);
}

/* One specification a line. */
static void put_lines(struct jw *w, const char *text, size_t n)
{
	jw_arr(w, "faults");
	while (n) {
		const char *end = memchr(text, '\n', n);
		size_t len = end ? (size_t)(end - text) : n;

		if (len)
			jw_strn(w, NULL, text, len);
		text += len + (end != NULL);
		n -= len + (end != NULL);
	}
	jw_end_arr(w);
}

static void answer_faults(struct call *c, struct span payload)
{
	struct jw *w = call_begin(c);

	jw_obj(w, "result");
	jw_strn(w, "text", c->text.p ? c->text.p : "", c->text.n);
	put_lines(w, (const char *)payload.p, payload.n);
	jw_end_obj(w);
	call_end(c);
}

static void answer(struct call *c, const struct wire_mgmt *m)
{
	const char *text = (const char *)m->payload.p;

	if (m->code != CODE_OK) {
		int n = m->payload.n < 400 ? (int)m->payload.n : 400;

		call_fail_kind(c,
		               m->code == CODE_BAD_VALUE ? "bad_value"
		               : m->code == CODE_NO_PORT ? "no_such_target"
		                                         : "device",
		               "%.*s", n, n ? text : "");
		return;
	}
	if (m->kind == MGMT_BUS_SHOW) {
		answer_show(c, m->payload);
	} else if (m->kind == MGMT_BUS_STATS) {
		answer_stats(c, m->payload);
	} else if (m->kind == MGMT_FAULT_LIST) {
		answer_faults(c, m->payload);
	} else {
		/* It is done; the list that is active now completes the answer. */
		jw_raw(&c->text, text ? text : "", m->payload.n);
		daemon_bus_query(c->d, c, MGMT_FAULT_LIST, c->target, "");
	}
}

void query_answer(struct daemon *d, const struct wire_mgmt *m)
{
	struct call *c;

	TAILQ_FOREACH (c, &d->calls, all) {
		if (c->wait == CALL_QUERY && c->mgmt_req == m->req) {
			answer(c, m);
			return;
		}
	}
}
