/* SPDX-License-Identifier: BSD-2-Clause */
#include "mirror/resend.h"

#include "base/assert.h"

#include <string.h>

static uint16_t bit(unsigned member)
{
	sm_assert(member < MIR_MEMBERS_MAX);
	return (uint16_t)(1U << member);
}

static uint16_t missing(const struct mir_run *r)
{
	return (uint16_t)(r->want & ~(r->sent | r->held | r->ok | r->failed));
}

static uint16_t unfinished(const struct mir_run *r)
{
	return (uint16_t)(r->want & ~(r->ok | r->failed));
}

void mir_set_init(struct mir_set *s, lba_t lba, uint32_t blocks, uint16_t want)
{
	sm_assert(blocks > 0);
	s->n = 1;
	s->run[0] = (struct mir_run){.lba = lba, .blocks = blocks, .want = want};
}

int mir_set_next(const struct mir_set *s, uint16_t allowed, uint16_t *members)
{
	for (unsigned i = 0; i < s->n; i++) {
		uint16_t who = missing(&s->run[i]) & allowed;
		if (who) {
			*members = who;
			return (int)i;
		}
	}
	return -1;
}

void mir_set_send(struct mir_set *s, int run, uint16_t members)
{
	sm_assert(run >= 0 && (unsigned)run < s->n);
	struct mir_run *r = &s->run[run];
	sm_assert((members & ~missing(r)) == 0 && members != 0);
	r->sent |= members;
	r->again |= (uint16_t)(r->before & members);
}

bool mir_set_room(const struct mir_set *s)
{
	return s->n + MIR_ROOM <= MIR_RUNS_MAX;
}

/* Makes a run begin at lba, which lies within the set. */
static void split_at(struct mir_set *s, lba_t lba)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct mir_run *r = &s->run[i];
		if (lba == r->lba || lba >= r->lba + r->blocks)
			continue;
		if (lba < r->lba)
			return;
		sm_assert(s->n < MIR_RUNS_MAX);
		memmove(r + 2, r + 1, (s->n - i - 1) * sizeof(*r));
		r[1] = r[0];
		r[0].blocks = (uint32_t)(lba - r->lba);
		r[1].lba = lba;
		r[1].blocks -= r[0].blocks;
		s->n++;
		return;
	}
}

enum outcome { OUT_OK, OUT_HOLD, OUT_BACK, OUT_FAIL };

static void apply(struct mir_run *r, unsigned member, enum outcome outcome)
{
	uint16_t b = bit(member);

	if (outcome == OUT_FAIL) {
		if (unfinished(r) & b) {
			r->sent &= (uint16_t)~b;
			r->held &= (uint16_t)~b;
			r->failed |= b;
		}
		return;
	}
	sm_assert(r->sent & b);
	r->sent &= (uint16_t)~b;
	if (outcome == OUT_OK)
		r->ok |= b;
	else if (outcome == OUT_HOLD)
		r->held |= b;
}

static void settle(struct mir_set *s, unsigned member, lba_t lba, uint32_t blocks,
                   enum outcome outcome, bool counts, bool was_sent)
{
	if (blocks == 0)
		return;
	split_at(s, lba);
	split_at(s, lba + blocks);
	for (unsigned i = 0; i < s->n; i++) {
		struct mir_run *r = &s->run[i];
		if (r->lba < lba || r->lba >= lba + blocks)
			continue;
		apply(r, member, outcome);
		if (counts && r->tries[member] < UINT8_MAX)
			r->tries[member]++;
		if (was_sent)
			r->before |= bit(member);
	}
}

void mir_set_ok(struct mir_set *s, unsigned member, lba_t lba, uint32_t blocks)
{
	settle(s, member, lba, blocks, OUT_OK, false, false);
}

void mir_set_hold(struct mir_set *s, unsigned member, lba_t lba, uint32_t blocks, bool counts,
                  bool was_sent)
{
	settle(s, member, lba, blocks, OUT_HOLD, counts, was_sent);
}

void mir_set_back(struct mir_set *s, unsigned member, lba_t lba, uint32_t blocks, bool was_sent)
{
	settle(s, member, lba, blocks, OUT_BACK, false, was_sent);
}

void mir_set_fail(struct mir_set *s, unsigned member, lba_t lba, uint32_t blocks)
{
	settle(s, member, lba, blocks, OUT_FAIL, false, false);
}

void mir_set_release(struct mir_set *s)
{
	for (unsigned i = 0; i < s->n; i++)
		s->run[i].held = 0;
}

static bool agree(const struct mir_run *a, const struct mir_run *b)
{
	return a->want == b->want && a->sent == b->sent && a->held == b->held && a->ok == b->ok &&
	       a->failed == b->failed && a->before == b->before && a->again == b->again &&
	       memcmp(a->tries, b->tries, sizeof(a->tries)) == 0;
}

void mir_set_merge(struct mir_set *s)
{
	unsigned kept = 0;

	for (unsigned i = 1; i < s->n; i++) {
		if (agree(&s->run[kept], &s->run[i]))
			s->run[kept].blocks += s->run[i].blocks;
		else if (++kept != i)
			s->run[kept] = s->run[i];
	}
	s->n = kept + 1;
}

uint16_t mir_set_open(const struct mir_set *s)
{
	uint16_t open = 0;

	for (unsigned i = 0; i < s->n; i++)
		open |= unfinished(&s->run[i]);
	return open;
}

uint16_t mir_set_held(const struct mir_set *s)
{
	uint16_t held = 0;

	for (unsigned i = 0; i < s->n; i++)
		held |= s->run[i].held;
	return held;
}

uint16_t mir_set_failed(const struct mir_set *s)
{
	uint16_t failed = 0;

	for (unsigned i = 0; i < s->n; i++)
		failed |= s->run[i].failed;
	return failed;
}

unsigned mir_set_tries(const struct mir_set *s, unsigned member, lba_t lba)
{
	sm_assert(member < MIR_MEMBERS_MAX);
	for (unsigned i = 0; i < s->n; i++)
		if (lba >= s->run[i].lba && lba < s->run[i].lba + s->run[i].blocks)
			return s->run[i].tries[member];
	return 0;
}

struct mir_tally mir_set_tally(const struct mir_set *s, unsigned member)
{
	struct mir_tally t = {0};
	uint16_t b = bit(member);

	for (unsigned i = 0; i < s->n; i++) {
		const struct mir_run *r = &s->run[i];
		if (r->ok & b)
			t.ok += r->blocks;
		if (r->failed & b)
			t.failed += r->blocks;
		if (r->again & b)
			t.again += r->blocks;
	}
	return t;
}

/* The legal combinations of one member's bits, one table row each. */
static const struct {
	bool want, sent, held, ok, failed;
} legal[] = {
        {false, false, false, false, false}, {true, false, false, false, false},
        {true, true, false, false, false},   {true, false, true, false, false},
        {true, false, false, true, false},   {true, false, false, false, true},
};

static bool is_legal(const struct mir_run *r, uint16_t b)
{
	for (size_t i = 0; i < ARRAY_LEN(legal); i++)
		if (legal[i].want == !!(r->want & b) && legal[i].sent == !!(r->sent & b) &&
		    legal[i].held == !!(r->held & b) && legal[i].ok == !!(r->ok & b) &&
		    legal[i].failed == !!(r->failed & b))
			return true;
	return false;
}

void mir_set_check(const struct mir_set *s)
{
	sm_assert(s->n > 0 && s->n <= MIR_RUNS_MAX);
	for (unsigned i = 0; i < s->n; i++) {
		const struct mir_run *r = &s->run[i];
		sm_assert(r->blocks > 0);
		sm_assert(i == 0 || r[-1].lba + r[-1].blocks == r->lba);
		for (unsigned m = 0; m < MIR_MEMBERS_MAX; m++)
			sm_assert(is_legal(r, bit(m)));
		sm_assert((r->again & ~r->before) == 0);
	}
}
