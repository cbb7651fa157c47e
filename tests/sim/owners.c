/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two initiators on one group: whose it is, and how it goes from one to the other. The owner is
 * killed, stopped, cut off or ends, and the other one imports the group; or it does so by force
 * while the owner writes. Who has lost the group finds that out, refuses everything, deletes it,
 * and imports it again some time.
 */
#include "base/assert.h"
#include "initiator/core.h"
#include "sim/sim.h"

#include <string.h>

#define CLAIM_NS  (2 * NS_PER_MS) /* about as long as it takes to tell all members */
#define ASK_NS    (5 * NS_PER_MS)
#define END_LIMIT (60 * NS_PER_S)
#define FORCE_NS  (200 * NS_PER_MS)
#define TAKE_NS   (3 * NS_PER_S) /* how long the other one tries, beyond the owner's absence */
#define REFUSED_MOST                                                                               \
	20 /* after the faults: what a delete that was cut off has left takes force                \
	    */

static const uint8_t nobody[UUID_LEN];

bool host_has_lost(const struct sim_host *h)
{
	const struct ini_group *g = host_group(h);

	return g && memcmp(g->lost_to, nobody, UUID_LEN) != 0;
}

/* The group as this one has it, or will have it when it starts again; NULL: it has none, or knows
 * that it has lost it. */
static const struct ini_group *claim(const struct sim_host *h)
{
	const struct ini_group *g = h->ini ? host_group(h) : h->disk.n > 0 ? &h->disk.g : NULL;

	return g && memcmp(g->lost_to, nobody, UUID_LEN) == 0 ? g : NULL;
}

static struct sim_host *other_than(struct sim *s, const struct sim_host *h)
{
	return &s->host[1 - h->index];
}

/* As pages are compared: the later term, or else the lesser UUID. */
static bool is_later(const struct sim_host *a, const struct sim_host *b)
{
	const struct ini_group *ga = claim(a), *gb = claim(b);

	if (!ga || !gb)
		return ga != NULL;
	if (ga->term != gb->term)
		return ga->term > gb->term;
	return memcmp(a->uuid, b->uuid, UUID_LEN) < 0;
}

struct sim_host *host_owner(struct sim *s)
{
	struct sim_host *a = &s->host[0], *b = &s->host[1];

	if (s->n_hosts < 2)
		return a;
	if (!claim(a) && !claim(b))
		return s->owner;
	return is_later(a, b) ? a : b;
}

bool host_is_behind(const struct sim *s, const struct sim_host *h)
{
	const struct ini_group *g = claim(h);
	bool behind = false;

	for (unsigned i = 0; g && i < s->n_disks; i++) {
		const struct mode_mirror *page = disk_node_page(s, i);
		behind |= page && page->member && !page->importing && page->term > g->term;
	}
	return behind;
}

struct sim_host *owners_pick(struct sim *s)
{
	struct sim_host *h = host_owner(s);

	if (s->n_hosts < 2 || s->quiet)
		return h;
	if (s->ghost_until > s->now && sim_chance(&s->two, 2))
		return s->ghost;
	return sim_chance(&s->two, host_runs(s, h) ? 12 : 3) ? other_than(s, h) : h;
}

/* ---- what clients ask for ---- */

static bool is_asked(const struct sim *s, const struct sim_host *h)
{
	for (unsigned i = 0; i < SIM_OPS; i++)
		if (s->op[i].host == h &&
		    (s->op[i].kind == CLIENT_IMPORT || s->op[i].kind == CLIENT_DELETE))
			return true;
	return false;
}

/* One that was the owner's until the other one's import was answered leaves the members as they
 * are, whether it has heard of that or not. */
static bool may_delete(const struct sim *s, const struct sim_host *h)
{
	return host_has_lost(h) || (s->taken && s->owner != h);
}

/* A step on the way of this one to the group. */
static void come_by(struct sim *s, struct sim_host *h, bool force)
{
	if (!host_runs(s, h) || is_asked(s, h) || s->now < h->ask_at)
		return;
	h->ask_at = s->now + sim_about(&s->two, ASK_NS);
	if (!host_group(h))
		work_import(s, h, force);
	else if (may_delete(s, h) && (host_has_lost(h) || s->ghost_until <= s->now))
		work_delete(s, h);
}

/* The time to hit it: there are pages of both. */
static void look_at_claim(struct sim *s, struct sim_host *h)
{
	const struct ini *ini = h->ini;

	for (unsigned k = 0; !h->claims && k < ini->groups_used; k++)
		h->claims = ini->group[k].used && ini->group[k].claiming;
	if (h->claims && sim_strikes(s, MARK_IMPORT_HIT))
		sim_host_at(s, h, s->now + sim_about(&s->fault, CLAIM_NS), SIM_HIT, 0);
}

/* Some members have a later term than others that were not told, which only an import by force can
 * do. */
static bool is_split(const struct sim *s)
{
	uint16_t latest = 0;
	bool split = false;

	for (unsigned i = 0; i < s->n_disks; i++) {
		const struct mode_mirror *page = disk_node_page(s, i);
		if (page && page->member && page->term > latest)
			latest = page->term;
	}
	for (unsigned i = 0; i < s->n_disks; i++) {
		const struct mode_mirror *page = disk_node_page(s, i);
		split |= page && page->member && !page->importing && page->term < latest;
	}
	return split;
}

void owners_look(struct sim *s, struct sim_host *h)
{
	if (s->n_hosts == 2 && !s->forced && is_split(s))
		sim_fail(s, "the group was taken over, not by force, and a member was not told");
	if (h->importing && h->ini && !h->claims)
		look_at_claim(s, h);
	if (!h->importing || !host_group(h))
		return;
	h->importing = false;
	h->imported_at = s->model.clock; /* its recovery may be over before it is answered */
	s->owner = h;
	s->taken = h->fenced = false;
	h->log_void = true;
	h->log_is_new = false;
	h->knows_marks = false;
}

/* By force, it may be without some that are not there, or that could not be told. */
static bool has_all(const struct sim *s, const struct client_op *o)
{
	const struct ini_group *g = host_group(o->host);

	for (unsigned i = 0; o->force && i < g->n; i++) {
		const struct mode_mirror *page = disk_node_page(s, g->m[i].uuid[0] - 0xd0U);
		if (!page || memcmp(page->owner, o->host->uuid, UUID_LEN) != 0)
			return false;
	}
	return g->n == s->n_disks;
}

/* What was acknowledged by either may be lost by whatever is done now. */
static void tear(struct sim *s)
{
	if (!s->torn)
		sim_mark(s, MARK_TORN);
	s->torn = true;
	model_wild(&s->model);
}

void owners_force(struct sim *s)
{
	s->forced = true;
	if (s->n_hosts == 2 && is_split(s))
		tear(s);
}

void owners_imported(struct sim *s, const struct client_op *o, const struct ini_error *e)
{
	o->host->importing = false;
	if (o->force && s->n_hosts == 2 && (is_split(s) || (e->kind == INI_OK && !has_all(s, o))))
		tear(s);
	if (e->kind == INI_E_BUSY)
		sim_mark(s, MARK_IMPORT_REFUSED);
	if (e->kind == INI_E_DEVICE)
		sim_mark(s, MARK_IMPORT_UNTOLD);
	if (e->kind != INI_OK) {
		s->refused += s->quiet;
		return;
	}
	s->taken = true;
	for (lba_t lba = 0; lba < s->blocks; lba++)
		model_recovers(&s->model, lba, o->host->imported_at);
	s->force_until = 0;
	if (o->from == o->host)
		return;
	sim_mark(s, o->force ? MARK_IMPORT_FORCED : MARK_TAKEN_OVER);
	if (o->host->had_lost)
		sim_mark(s, MARK_LOST_BACK);
	o->host->had_lost = false;
}

void owners_deleted(struct sim *s, struct sim_host *h)
{
	h->had_lost = true;
	sim_mark(s, MARK_LOST_DELETED);
}

/* ---- the owner ends ---- */

/* Nothing is asked any more of who ends; when it has ended, the other one takes over. */
static void end_owner(struct sim *s)
{
	struct sim_host *h = s->ending;

	if (!h->ini || h->life != s->ending_life) {
		s->ending = NULL;
		return;
	}
	if (!host_runs(s, h) || !ini_drained(h->ini) || h->is_saving || h->log_is_saving)
		return;
	SAY(s, "initiator %u has ended", h->id);
	host_node_kill(s, h);
	sim_host_at(s, h, s->now + sim_about(&s->two, NS_PER_S), SIM_HOST_UP, 0);
	s->ending = NULL;
	s->take_until = s->now + TAKE_NS;
}

/* ---- the owner fails ---- */

static void kill_owner(struct sim *s, struct sim_host *h)
{
	host_node_kill(s, h);
	sim_host_at(s, h, s->now + sim_about(&s->fault, NS_PER_S), SIM_HOST_UP, 0);
}

/* For so long that the bus server gives it up. */
static void stop_owner(struct sim *s, struct sim_host *h)
{
	SAY(s, "initiator %u is stopped", h->id);
	h->frozen_until = s->now + 4 * NS_PER_S + sim_about(&s->fault, 2 * NS_PER_S);
}

/* It hears of it when it sends something. */
static void cut_owner(struct sim *s, struct sim_host *h)
{
	SAY(s, "initiator %u is cut off", h->id);
	net_cut(s, h->conn, false, true);
}

/* What it sends arrives when the other one has long had the group, and its log is clean. */
static void delay_owner(struct sim *s, struct sim_host *h)
{
	ns_t until = s->now + FORCE_NS + sim_about(&s->fault, 5 * FORCE_NS);

	SAY(s, "what initiator %u sends is held up", h->id);
	net_stall(s, h->conn, true, until);
	s->force_until = s->now + FORCE_NS;
}

bool owners_strike(struct sim *s, enum mark m)
{
	struct sim_host *h = host_owner(s);

	if (s->n_hosts < 2 || !host_runs(s, h) || !claim(h) || s->ending)
		return false;
	bool needs_conn = m == MARK_OWNER_CUT || m == MARK_OWNER_LATE;
	if (needs_conn && (!h->conn || h->conn->to_bus.lost))
		return false;
	if (m == MARK_OWNER_LATE) {
		delay_owner(s, h);
		return true;
	}
	s->take_until = s->now + TAKE_NS;
	if (m == MARK_OWNER_KILL) {
		kill_owner(s, h);
	} else if (m == MARK_OWNER_STOP) {
		stop_owner(s, h);
		s->take_until = h->frozen_until;
	} else if (m == MARK_OWNER_CUT) {
		cut_owner(s, h);
	} else {
		ini_drain(h->ini);
		host_node_wake(s, h);
		s->ending = h;
		s->ending_life = h->life;
	}
	return true;
}

/* ---- all ---- */

/* Who does nothing hears nothing. */
static void poke(struct sim *s, struct sim_host *h)
{
	if (sim_chance(&s->two, 2))
		work_read(s, h);
	else if (hba_settled(h->h) && sim_chance(&s->two, 16))
		hba_scan(h->h);
	host_node_wake(s, h);
}

/* For no reason: by force, with all that it takes, or not. */
static void change_over(struct sim *s, struct sim_host *h)
{
	bool force = sim_chance(&s->two, 3);

	if (force)
		s->force_until = s->now + FORCE_NS;
	come_by(s, h, force);
}

/* One that is stopped goes on when its time has come, with all that waits for it. */
void owners_rest(struct sim *s)
{
	if (s->ending && s->ending->ini && s->ending->life == s->ending_life)
		host_node_kill(s, s->ending); /* it would not take a command any more */
	s->ending = NULL;
	s->take_until = s->force_until = 0;
}

void owners_next(struct sim *s)
{
	struct sim_host *h = host_owner(s), *x = other_than(s, h);

	if (s->ending)
		end_owner(s);
	else if (!claim(h)) /* pages may name either: the other one is refused */
		come_by(s, sim_chance(&s->two, 2) ? h : x, s->refused > REFUSED_MOST);
	else if (s->take_until > s->now)
		come_by(s, x, false);
	else if (s->force_until > s->now)
		come_by(s, x, true);
	else if (!s->quiet && sim_chance(&s->two, s->swap_every))
		change_over(s, x);
	else if (s->quiet && claim(x) && host_runs(s, x))
		poke(s, x);
}

/* ---- the end ---- */

bool owners_agree(struct sim *s)
{
	const struct sim_host *h = host_owner(s);

	return s->n_hosts < 2 || (claim(h) && !claim(other_than(s, h)));
}

void owners_ask(struct sim *s)
{
	for (unsigned i = 0; s->n_hosts == 2 && i < s->n_hosts; i++) {
		hba_scan(s->host[i].h);
		host_node_wake(s, &s->host[i]);
	}
}

void owners_look_at_end(struct sim *s)
{
	if (s->n_hosts == 2)
		work_burst(s, other_than(s, host_owner(s)), 1); /* accepted() looks */
}

static bool has_changed(struct sim *s)
{
	const struct sim_host *h = host_owner(s);

	return h->ini && s->owner == h && s->taken && claim(h);
}

bool owners_change_at_end(struct sim *s)
{
	struct sim_host *h = host_owner(s);

	if (s->n_hosts < 2 || !sim_chance(&s->two, 2))
		return false;
	host_node_kill(s, h);
	s->taken = false;
	s->take_until = s->now + END_LIMIT;
	if (!sim_until(s, END_LIMIT, has_changed))
		sim_fail(s, "initiator %u does not come by the group, and initiator %u is gone",
		         other_than(s, h)->id, h->id);
	s->take_until = 0;
	host_node_start(s, h);
	host_node_wake(s, h);
	sim_mark(s, MARK_OWNER_LAST);
	return true;
}
