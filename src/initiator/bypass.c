/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that a client sends to a disk itself, past its group, and that change its medium. Before
 * one goes out, its member is stale and has nothing left that the write-intent log would know of;
 * that is durable, whoever has asked for the change. Until it is over, no job brings the member in
 * sync: what a job has copied may be changed by it, before or after, and when it has been at work
 * is not known.
 */
#include "initiator/core.h"

#include "base/assert.h"

#include <string.h>

static bool reaches(const struct ini_bypass *b, const struct hba_target *t)
{
	return t->id == b->id && (b->whole || t->lun == b->lun);
}

/* A member that cannot be used at this moment may be what answers there: by its UUID, or, where it
 * could not be asked for that, by where it was last. */
static bool may_be(const struct group *g, unsigned member, const struct hba_target *t)
{
	const struct ini_member *m = &g->pub.m[member];

	if (m->unit != WIRE_NO_ID)
		return m->unit == t->unit;
	if (t->state == HBA_ABSENT)
		return false;
	return memcmp(t->uuid, m->uuid, UUID_LEN) == 0 ||
	       (t->state != HBA_READY && g->x[member].last_unit == t->unit);
}

static bool concerns(const struct ini_bypass *b, const struct group *g, unsigned member)
{
	for (uint8_t u = 0; u < HBA_UNITS; u++) {
		const struct hba_target *t = hba_target(g->ini->hba, u);
		if (reaches(b, t) && may_be(g, member, t))
			return true;
	}
	return false;
}

bool bypass_under_way(const struct group *g, unsigned member)
{
	const struct ini_bypass *b;

	TAILQ_FOREACH (b, &g->ini->bypasses, link)
		if (concerns(b, g, member))
			return true;
	return false;
}

/* Its units are inquired just now: nobody knows yet who they are. */
static bool is_scanned(const struct ini *ini, const struct ini_bypass *b)
{
	for (uint8_t u = 0; u < HBA_UNITS; u++) {
		const struct hba_target *t = hba_target(ini->hba, u);
		if (t->id == b->id && t->state == HBA_SCANNING)
			return true;
	}
	return false;
}

static void spoil_jobs(struct group *g, unsigned member)
{
	struct job *j;

	TAILQ_FOREACH (j, &g->ini->job_live, live)
		if (j->g == g && j->phase > PHASE_QUEUED)
			j->bypassed |= (uint16_t)(1U << member);
}

/* It was not saved, or neither its own page 30h nor another member's says that it has left. */
static bool failed(const struct group *g, unsigned member)
{
	uint8_t unit = g->pub.m[member].unit;

	if (g->change_error.kind == INI_OK)
		return false;
	return g->change_error.kind == INI_E_STATE_DIR || unit == WIRE_NO_ID ||
	       hba_target(g->ini->hba, unit)->member.generation != 0;
}

/* True when nothing is left to wait for: the member is stale, durably, or c has its error. */
static bool is_given_up(struct cmd *c, struct group *g, unsigned member)
{
	struct ini_member *m = &g->pub.m[member];
	struct member *x = &g->x[member];

	spoil_jobs(g, member);
	if (m->state != MEMBER_STALE || m->logged || !x->given_up) {
		bool was = member_doubt(g, member, "a command changed its medium");
		x->given_up = group_change(g, was);
		return false;
	}
	if (!group_change_done(g, x->given_up))
		return false;
	/* Whoever asked for it waits for it, and is asked when it is done: the error is its own. */
	if ((c->waits >> (unsigned)(g - g->ini->group) & 1) && failed(g, member)) {
		c->error = g->change_error;
		x->given_up = 0;
	}
	return true;
}

/* One that was given up for this command, perhaps, and has gone before that was durable: it may be
 * back before the command goes out. */
static bool is_owed(const struct cmd *c, const struct group *g, unsigned member)
{
	return (c->waits >> (unsigned)(g - g->ini->group) & 1) && g->x[member].given_up &&
	       g->pub.m[member].state == MEMBER_STALE;
}

void bypass_step(struct ini *ini, struct cmd *c)
{
	bool ready = !is_scanned(ini, &c->bypass);
	uint64_t waits = 0;

	for (unsigned k = 0; k < ini->groups_used; k++) {
		struct group *g = &ini->group[k];
		for (unsigned i = 0; g->used && i < g->pub.n; i++)
			if ((concerns(&c->bypass, g, i) || is_owed(c, g, i)) &&
			    !is_given_up(c, g, i))
				waits |= UINT64_C(1) << k;
	}
	c->waits = waits;
	if (c->error.kind != INI_OK || (ready && !waits))
		cmd_reply(ini, c);
}

void ini_bypass_begin(struct ini *ini, struct ini_bypass *b)
{
	TAILQ_INSERT_TAIL(&ini->bypasses, b, link);
}

bool ini_bypass_ready(struct ini *ini, const struct ini_bypass *b, uint64_t token,
                      struct ini_error *e)
{
	struct cmd *c = cmd_new(ini, CMD_BYPASS, token, e);

	if (!c)
		return false;
	c->bypass = *b;
	return true;
}

void ini_bypass_end(struct ini *ini, struct ini_bypass *b, bool loose)
{
	for (unsigned k = 0; loose && k < ini->groups_used; k++) {
		struct group *g = &ini->group[k];
		for (unsigned i = 0; g->used && i < g->pub.n; i++)
			if (g->pub.m[i].unit != WIRE_NO_ID && concerns(b, g, i))
				g->x[i].loose = true;
	}
	TAILQ_REMOVE(&ini->bypasses, b, link);
}
