/* SPDX-License-Identifier: BSD-2-Clause */
/* Reservations as plain state: every change, what it means to others, and what is kept. Clauses are
 * of SPC-4, by their titles. */
#include "base/prng.h"
#include "target/reserve.h"
#include "unit/tap_main.h"

#include <stdio.h>
#include <string.h>

#define A 7 /* nexuses */
#define B 6
#define C 5
#define D 4

/* State as text: "gen=2 7:10 6:20 WE@7 aptpl"; RESERVE as "spc2@7". */
static const char *show(const struct reserve *r)
{
	static const char *const types[] = {
	        [RESV_WRITE_EXCLUSIVE] = "WE",      [RESV_EXCLUSIVE_ACCESS] = "EA",
	        [RESV_WRITE_EXCLUSIVE_RO] = "WERO", [RESV_EXCLUSIVE_ACCESS_RO] = "EARO",
	        [RESV_WRITE_EXCLUSIVE_AR] = "WEAR", [RESV_EXCLUSIVE_ACCESS_AR] = "EAAR",
	};
	static char text[300];
	int n = snprintf(text, sizeof(text), "gen=%u", r->generation);
	for (unsigned i = RESV_NEXUSES; i-- > 0;)
		if (reserve_registered(r, (uint8_t)i))
			n += snprintf(text + n, sizeof(text) - (size_t)n, " %u:%llx", i,
			              (unsigned long long)r->key[i]);
	if (r->type != RESV_NONE)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %s", types[r->type]);
	if (r->holder != RESV_NOBODY)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "@%u", r->holder);
	if (r->aptpl)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " aptpl");
	if (r->spc2 != RESV_NOBODY)
		(void)snprintf(text + n, sizeof(text) - (size_t)n, " spc2@%u", r->spc2);
	return text;
}

static void show_set(char *text, size_t cap, const char *name, uint16_t set)
{
	for (unsigned i = RESV_NEXUSES; set && i-- > 0;)
		if (set >> i & 1) {
			size_t n = strlen(text);
			(void)snprintf(text + n, cap - n, " %s:%u", name, i);
		}
}

/* What is due: "released:6 unregistered:5". */
static const char *show_effect(const struct resv_effect *e)
{
	static char text[300];
	text[0] = '\0';
	show_set(text, sizeof(text), "preempted", e->preempted);
	show_set(text, sizeof(text), "released", e->released);
	show_set(text, sizeof(text), "unregistered", e->unregistered);
	show_set(text, sizeof(text), "abort", e->abort);
	return text;
}

static void reg(struct reserve *r, uint8_t nexus, uint64_t key)
{
	struct resv_effect e;
	const struct resv_out o = {.action = RESV_REGISTER_IGNORE, .action_key = key};
	ck_assert_int_eq(reserve_out(r, nexus, &o, &e), RESV_DONE);
}

static void take(struct reserve *r, uint8_t nexus, uint8_t type)
{
	struct resv_effect e;
	const struct resv_out o = {.action = RESV_RESERVE, .type = type, .key = r->key[nexus]};
	ck_assert_int_eq(reserve_out(r, nexus, &o, &e), RESV_DONE);
}

/* A has key 10h, B 20h, C 20h; D is not registered. Of types that one holds it is A's. */
static struct reserve three(uint8_t type)
{
	struct reserve r;
	reserve_init(&r);
	reg(&r, A, 0x10);
	reg(&r, B, 0x20);
	reg(&r, C, 0x20);
	if (type != RESV_NONE)
		take(&r, A, type);
	return r;
}

/* ---- service actions ---- */

#define WE   RESV_WRITE_EXCLUSIVE
#define EA   RESV_EXCLUSIVE_ACCESS
#define WERO RESV_WRITE_EXCLUSIVE_RO
#define EARO RESV_EXCLUSIVE_ACCESS_RO
#define WEAR RESV_WRITE_EXCLUSIVE_AR
#define EAAR RESV_EXCLUSIVE_ACCESS_AR

#define REGISTER    .action = RESV_REGISTER
#define IGNORE      .action = RESV_REGISTER_IGNORE
#define RESERVE     .action = RESV_RESERVE
#define RELEASE     .action = RESV_RELEASE
#define CLEAR       .action = RESV_CLEAR
#define PREEMPT     .action = RESV_PREEMPT
#define ABORT       .action = RESV_PREEMPT_ABORT
#define MOVE        .action = RESV_REGISTER_MOVE
#define KEYS(k, sa) .key = (k), .action_key = (sa)

#define SAME(type) "gen=3 7:10 6:20 5:20" type

static const struct {
	uint8_t type; /* as three() has it */
	uint8_t by;
	struct resv_out out;
	enum resv_result result;
	const char *then, *effect;
} actions[] = {
        /* "Register behaviors for a REGISTER service action" */
        {0, D, {REGISTER, KEYS(0, 0x40)}, RESV_DONE, "gen=4 7:10 6:20 5:20 4:40", ""},
        {0, D, {REGISTER, KEYS(0, 0)}, RESV_DONE, SAME(""), ""},
        {0, D, {REGISTER, KEYS(1, 0x40)}, RESV_CONFLICT, SAME(""), ""},
        {0, A, {REGISTER, KEYS(0, 0x40)}, RESV_CONFLICT, SAME(""), ""},
        {0, A, {REGISTER, KEYS(0x20, 0x40)}, RESV_CONFLICT, SAME(""), ""},
        {0, A, {REGISTER, KEYS(0x10, 0x40)}, RESV_DONE, "gen=4 7:40 6:20 5:20", ""},
        {0, A, {REGISTER, KEYS(0x10, 0)}, RESV_DONE, "gen=4 6:20 5:20", ""},
        {0,
         A,
         {REGISTER, KEYS(0x10, 0x40), .aptpl = true},
         RESV_DONE,
         "gen=4 7:40 6:20 5:20 aptpl",
         ""},
        /* SPEC_I_PT: those that are registered keep their keys */
        {0,
         D,
         {REGISTER, KEYS(0, 0x40), .others_too = true, .others = 1 << 3 | 1 << A},
         RESV_DONE,
         "gen=4 7:10 6:20 5:20 4:40 3:40",
         ""},
        {0,
         A,
         {REGISTER, KEYS(0x10, 0x40), .others_too = true, .others = 1 << 3},
         RESV_BAD_CDB,
         SAME(""),
         ""},
        /* "... REGISTER AND IGNORE EXISTING KEY service action" */
        {0, D, {IGNORE, KEYS(1, 0x40)}, RESV_DONE, "gen=4 7:10 6:20 5:20 4:40", ""},
        {0, D, {IGNORE, KEYS(1, 0)}, RESV_DONE, SAME(""), ""},
        {0, A, {IGNORE, KEYS(1, 0x40)}, RESV_DONE, "gen=4 7:40 6:20 5:20", ""},
        {0, A, {IGNORE, KEYS(1, 0)}, RESV_DONE, "gen=4 6:20 5:20", ""},
        /* "Unregistering": the holder's reservation goes with it */
        {WE, A, {REGISTER, KEYS(0x10, 0)}, RESV_DONE, "gen=4 6:20 5:20", ""},
        {EA, A, {REGISTER, KEYS(0x10, 0)}, RESV_DONE, "gen=4 6:20 5:20", ""},
        {WERO,
         A,
         {REGISTER, KEYS(0x10, 0)},
         RESV_DONE,
         "gen=4 6:20 5:20",
         " released:6 released:5"},
        {EARO, A, {IGNORE, KEYS(9, 0)}, RESV_DONE, "gen=4 6:20 5:20", " released:6 released:5"},
        {WEAR, A, {REGISTER, KEYS(0x10, 0)}, RESV_DONE, "gen=4 6:20 5:20 WEAR", ""},
        {WE, B, {REGISTER, KEYS(0x20, 0)}, RESV_DONE, "gen=4 7:10 5:20 WE@7", ""},
        /* "Reserving" */
        {0, A, {RESERVE, KEYS(0x10, 0), .type = WE}, RESV_DONE, SAME(" WE@7"), ""},
        {0, B, {RESERVE, KEYS(0x20, 0), .type = EA}, RESV_DONE, SAME(" EA@6"), ""},
        {0, B, {RESERVE, KEYS(0x20, 0), .type = WEAR}, RESV_DONE, SAME(" WEAR"), ""},
        {0, A, {RESERVE, KEYS(0x11, 0), .type = WE}, RESV_CONFLICT, SAME(""), ""},
        {0, D, {RESERVE, KEYS(0, 0), .type = WE}, RESV_CONFLICT, SAME(""), ""},
        {0, A, {RESERVE, KEYS(0x10, 0), .type = 0}, RESV_BAD_CDB, SAME(""), ""},
        {0, A, {RESERVE, KEYS(0x10, 0), .type = 2}, RESV_BAD_CDB, SAME(""), ""},
        {0, A, {RESERVE, KEYS(0x10, 0), .type = 4}, RESV_BAD_CDB, SAME(""), ""},
        {0, A, {RESERVE, KEYS(0x10, 0), .type = 9}, RESV_BAD_CDB, SAME(""), ""},
        {0, A, {RESERVE, KEYS(0x10, 0), .type = 15}, RESV_BAD_CDB, SAME(""), ""},
        {WE, A, {RESERVE, KEYS(0x10, 0), .type = WE}, RESV_DONE, SAME(" WE@7"), ""},
        {WE, A, {RESERVE, KEYS(0x10, 0), .type = EA}, RESV_CONFLICT, SAME(" WE@7"), ""},
        {WE, B, {RESERVE, KEYS(0x20, 0), .type = WE}, RESV_CONFLICT, SAME(" WE@7"), ""},
        {WEAR, B, {RESERVE, KEYS(0x20, 0), .type = WEAR}, RESV_DONE, SAME(" WEAR"), ""},
        {WEAR, B, {RESERVE, KEYS(0x20, 0), .type = EAAR}, RESV_CONFLICT, SAME(" WEAR"), ""},
        /* "Releasing" */
        {WE, A, {RELEASE, KEYS(0x10, 0), .type = WE}, RESV_DONE, SAME(""), ""},
        {EA, A, {RELEASE, KEYS(0x10, 0), .type = EA}, RESV_DONE, SAME(""), ""},
        {WERO,
         A,
         {RELEASE, KEYS(0x10, 0), .type = WERO},
         RESV_DONE,
         SAME(""),
         " released:6 released:5"},
        {EAAR,
         B,
         {RELEASE, KEYS(0x20, 0), .type = EAAR},
         RESV_DONE,
         SAME(""),
         " released:7 released:5"},
        {WE, A, {RELEASE, KEYS(0x10, 0), .type = EA}, RESV_BAD_RELEASE, SAME(" WE@7"), ""},
        {WE, A, {RELEASE, KEYS(0x10, 0), .type = 2}, RESV_BAD_CDB, SAME(" WE@7"), ""},
        {WE, A, {RELEASE, KEYS(0x11, 0), .type = WE}, RESV_CONFLICT, SAME(" WE@7"), ""},
        {WE, B, {RELEASE, KEYS(0x20, 0), .type = WE}, RESV_DONE, SAME(" WE@7"), ""},
        {WE, D, {RELEASE, KEYS(0, 0), .type = WE}, RESV_CONFLICT, SAME(" WE@7"), ""},
        {0, A, {RELEASE, KEYS(0x10, 0), .type = WE}, RESV_DONE, SAME(""), ""},
        /* "Clearing a reservation" */
        {WE, B, {CLEAR, KEYS(0x20, 0)}, RESV_DONE, "gen=4", " preempted:7 preempted:5"},
        {0, A, {CLEAR, KEYS(0x10, 0)}, RESV_DONE, "gen=4", " preempted:6 preempted:5"},
        {WE, B, {CLEAR, KEYS(0x10, 0)}, RESV_CONFLICT, SAME(" WE@7"), ""},
        {WE, D, {CLEAR, KEYS(0, 0)}, RESV_CONFLICT, SAME(" WE@7"), ""},
        /* "Preempting ... with the PREEMPT service action": the holder's key */
        {WE,
         B,
         {PREEMPT, KEYS(0x20, 0x10), .type = WE},
         RESV_DONE,
         "gen=4 6:20 5:20 WE@6",
         " unregistered:7"},
        {WE,
         B,
         {PREEMPT, KEYS(0x20, 0x10), .type = EARO},
         RESV_DONE,
         "gen=4 6:20 5:20 EARO@6",
         " released:5 unregistered:7"},
        {EARO,
         B,
         {PREEMPT, KEYS(0x20, 0x10), .type = WEAR},
         RESV_DONE,
         "gen=4 6:20 5:20 WEAR",
         " released:5 unregistered:7"},
        {WE,
         A,
         {PREEMPT, KEYS(0x10, 0x10), .type = EA},
         RESV_DONE,
         "gen=4 7:10 6:20 5:20 EA@7",
         " released:6 released:5"},
        {WE, B, {PREEMPT, KEYS(0x20, 0x10), .type = 4}, RESV_BAD_CDB, SAME(" WE@7"), ""},
        {WE, B, {PREEMPT, KEYS(0x21, 0x10), .type = WE}, RESV_CONFLICT, SAME(" WE@7"), ""},
        {WE, D, {PREEMPT, KEYS(0, 0x10), .type = WE}, RESV_CONFLICT, SAME(" WE@7"), ""},
        /* ... of all registrants: 0 is the key of all */
        {WEAR,
         B,
         {PREEMPT, KEYS(0x20, 0), .type = EA},
         RESV_DONE,
         "gen=4 6:20 EA@6",
         " unregistered:7 unregistered:5"},
        {WEAR,
         B,
         {PREEMPT, KEYS(0x20, 0x10), .type = EA},
         RESV_DONE,
         "gen=4 6:20 5:20 WEAR",
         " unregistered:7"},
        {WE, B, {PREEMPT, KEYS(0x20, 0), .type = WE}, RESV_BAD_ACTION_KEY, SAME(" WE@7"), ""},
        /* "Removing registrations": another one's key */
        {WE,
         A,
         {PREEMPT, KEYS(0x10, 0x20), .type = EA},
         RESV_DONE,
         "gen=4 7:10 WE@7",
         " unregistered:6 unregistered:5"},
        {0,
         A,
         {PREEMPT, KEYS(0x10, 0x20), .type = WE},
         RESV_DONE,
         "gen=4 7:10",
         " unregistered:6 unregistered:5"},
        {WE,
         B,
         {PREEMPT, KEYS(0x20, 0x20), .type = WE},
         RESV_DONE,
         "gen=4 7:10 WE@7",
         " unregistered:5"},
        {WE, A, {PREEMPT, KEYS(0x10, 0x99), .type = WE}, RESV_CONFLICT, SAME(" WE@7"), ""},
        {0, A, {PREEMPT, KEYS(0x10, 0), .type = WE}, RESV_BAD_ACTION_KEY, SAME(""), ""},
        /* "... with the PREEMPT AND ABORT service action" */
        {WE,
         B,
         {ABORT, KEYS(0x20, 0x10), .type = WE},
         RESV_DONE,
         "gen=4 6:20 5:20 WE@6",
         " unregistered:7 abort:7"},
        {WE,
         A,
         {ABORT, KEYS(0x10, 0x20), .type = WE},
         RESV_DONE,
         "gen=4 7:10 WE@7",
         " unregistered:6 unregistered:5 abort:6 abort:5"},
        {WE, A, {ABORT, KEYS(0x10, 0x99), .type = WE}, RESV_CONFLICT, SAME(" WE@7"), ""},
        /* "Registering and moving the reservation" */
        {WE, A, {MOVE, KEYS(0x10, 0x40), .to = D}, RESV_DONE, "gen=4 7:10 6:20 5:20 4:40 WE@4", ""},
        {WE,
         A,
         {MOVE, KEYS(0x10, 0x40), .to = D, .unregister = true},
         RESV_DONE,
         "gen=4 6:20 5:20 4:40 WE@4",
         ""},
        {EARO,
         A,
         {MOVE, KEYS(0x10, 0x21), .to = B, .aptpl = true},
         RESV_DONE,
         "gen=4 7:10 6:21 5:20 EARO@6 aptpl",
         ""},
        {0, A, {MOVE, KEYS(0x10, 0x40), .to = D}, RESV_BAD_CDB, SAME(""), ""},
        {WEAR, A, {MOVE, KEYS(0x10, 0x40), .to = D}, RESV_CONFLICT, SAME(" WEAR"), ""},
        {WE, B, {MOVE, KEYS(0x20, 0x40), .to = D}, RESV_CONFLICT, SAME(" WE@7"), ""},
        {WE, A, {MOVE, KEYS(0x11, 0x40), .to = D}, RESV_CONFLICT, SAME(" WE@7"), ""},
        {WE, D, {MOVE, KEYS(0, 0x40), .to = B}, RESV_CONFLICT, SAME(" WE@7"), ""},
        {WE, A, {MOVE, KEYS(0x10, 0), .to = D}, RESV_BAD_ACTION_KEY, SAME(" WE@7"), ""},
        {WE, A, {MOVE, KEYS(0x10, 0x40), .to = A}, RESV_BAD_TO, SAME(" WE@7"), ""},
};

START_TEST(service_actions)
{
	struct reserve r = three(actions[_i].type);
	struct resv_effect e;
	ck_assert_int_eq(reserve_out(&r, actions[_i].by, &actions[_i].out, &e), actions[_i].result);
	reserve_check(&r);
	ck_assert_str_eq(show(&r), actions[_i].then);
	ck_assert_str_eq(show_effect(&e), actions[_i].effect);
}
END_TEST

START_TEST(the_last_registrant_takes_it_along)
{
	struct reserve r = three(RESV_WRITE_EXCLUSIVE_AR);
	const uint8_t all[] = {A, B, C};
	struct resv_effect e;
	for (unsigned i = 0; i < 3; i++) {
		const struct resv_out o = {.action = RESV_REGISTER, .key = r.key[all[i]]};
		ck_assert_int_eq(r.type, RESV_WRITE_EXCLUSIVE_AR);
		ck_assert_int_eq(reserve_out(&r, all[i], &o, &e), RESV_DONE);
		ck_assert_str_eq(show_effect(&e), "");
		reserve_check(&r);
	}
	ck_assert_str_eq(show(&r), "gen=6");
}
END_TEST

/* ---- conflicts: the columns of the tables ---- */

static const struct {
	uint8_t type;
	enum resv_access access;
	bool holder, registered, other;
} conflicts[] = {
        {WE, ACCESS_CHANGES, true, false, false},  {WE, ACCESS_READS, true, true, true},
        {WE, ACCESS_STATE, true, true, true},      {EA, ACCESS_CHANGES, true, false, false},
        {EA, ACCESS_READS, true, false, false},    {EA, ACCESS_STATE, true, true, true},
        {EA, ACCESS_NONE, true, true, true},       {WERO, ACCESS_CHANGES, true, true, false},
        {WERO, ACCESS_READS, true, true, true},    {WERO, ACCESS_STATE, true, true, true},
        {EARO, ACCESS_CHANGES, true, true, false}, {EARO, ACCESS_READS, true, true, false},
        {EARO, ACCESS_STATE, true, true, true},    {WEAR, ACCESS_CHANGES, true, true, false},
        {WEAR, ACCESS_READS, true, true, true},    {EAAR, ACCESS_CHANGES, true, true, false},
        {EAAR, ACCESS_READS, true, true, false},   {EAAR, ACCESS_STATE, true, true, true},
        {0, ACCESS_CHANGES, true, true, true},     {0, ACCESS_READS, true, true, true},
};

START_TEST(who_may_do_what)
{
	const struct reserve r = three(conflicts[_i].type);
	enum resv_access access = conflicts[_i].access;
	ck_assert_int_eq(reserve_allows(&r, A, access), conflicts[_i].holder);
	ck_assert_int_eq(reserve_allows(&r, B, access), conflicts[_i].registered);
	ck_assert_int_eq(reserve_allows(&r, D, access), conflicts[_i].other);
}
END_TEST

/* ---- RESERVE, RELEASE ---- */

START_TEST(one_reserves)
{
	struct reserve r;
	reserve_init(&r);
	ck_assert(reserve_spc2_reserve(&r, A));
	ck_assert(reserve_spc2_reserve(&r, A));
	ck_assert(!reserve_spc2_reserve(&r, B));
	ck_assert(!reserve_allows(&r, B, ACCESS_READS));
	ck_assert(!reserve_allows(&r, B, ACCESS_STATE));
	ck_assert(reserve_allows(&r, B, ACCESS_NONE));
	ck_assert(reserve_allows(&r, A, ACCESS_CHANGES));
	/* somebody else's RELEASE does nothing */
	ck_assert(reserve_spc2_release(&r, B));
	ck_assert_str_eq(show(&r), "gen=0 spc2@7");
	/* persistent ones are excluded, to its owner, too */
	struct resv_effect e;
	const struct resv_out o = {.action = RESV_REGISTER, .action_key = 1};
	ck_assert_int_eq(reserve_out(&r, A, &o, &e), RESV_CONFLICT);
	ck_assert(reserve_spc2_release(&r, A));
	ck_assert_str_eq(show(&r), "gen=0");
	/* it ends with its nexus, and at a reset */
	ck_assert(reserve_spc2_reserve(&r, A));
	reserve_lost(&r, B);
	ck_assert_str_eq(show(&r), "gen=0 spc2@7");
	reserve_lost(&r, A);
	ck_assert_str_eq(show(&r), "gen=0");
	ck_assert(reserve_spc2_reserve(&r, A));
	reserve_lost(&r, RESV_NOBODY);
	ck_assert_str_eq(show(&r), "gen=0");
	reserve_check(&r);
}
END_TEST

/* "Exceptions to SPC-2 RESERVE and RELEASE behavior" */
static const struct {
	uint8_t type;
	bool holder, registered, other;
} both_kinds[] = {
        {0, false, false, false},  {WE, true, false, false},  {EA, true, false, false},
        {WERO, true, true, false}, {EARO, true, true, false}, {WEAR, true, true, false},
        {EAAR, true, true, false},
};

START_TEST(both_kinds_exclude_each_other)
{
	static const uint8_t who[] = {A, B, D};
	const bool want[] = {both_kinds[_i].holder, both_kinds[_i].registered,
	                     both_kinds[_i].other};
	struct reserve r = three(both_kinds[_i].type);
	char before[300];
	(void)snprintf(before, sizeof(before), "%s", show(&r));
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(reserve_spc2_reserve(&r, who[i]), want[i]);
		ck_assert_int_eq(reserve_spc2_release(&r, who[i]), want[i]);
		ck_assert_str_eq(show(&r), before);
	}
}
END_TEST

/* ---- any sequence ---- */

/*
 * What holds whatever is asked, in any order: nothing changes but by what is done; a reservation
 * that is not for registrants has one that may write; who may not is told of nothing that he can
 * do; and what is saved comes back.
 */
static void check_access(const struct reserve *r)
{
	unsigned write = 0, read = 0, registered = 0;
	for (uint8_t i = 0; i < RESV_NEXUSES; i++) {
		write += reserve_allows(r, i, ACCESS_CHANGES);
		read += reserve_allows(r, i, ACCESS_READS);
		registered += reserve_registered(r, i);
		ck_assert(reserve_allows(r, i, ACCESS_NONE));
		ck_assert(!reserve_holds(r, i) || reserve_registered(r, i));
	}
	bool one = r->type == RESV_WRITE_EXCLUSIVE || r->type == RESV_EXCLUSIVE_ACCESS ||
	           r->spc2 != RESV_NOBODY;
	bool none = r->type == RESV_NONE && r->spc2 == RESV_NOBODY;
	bool shut = r->spc2 != RESV_NOBODY || r->type == RESV_EXCLUSIVE_ACCESS ||
	            r->type == RESV_EXCLUSIVE_ACCESS_RO || r->type == RESV_EXCLUSIVE_ACCESS_AR;
	ck_assert_uint_eq(write, none ? RESV_NEXUSES : one ? 1 : registered);
	ck_assert_uint_eq(read, shut ? write : RESV_NEXUSES);
}

static void check_kept(const struct reserve *r)
{
	uint8_t bytes[RESERVE_SAVED_MAX];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct reserve back;
	reserve_put(r, &w);
	ck_assert(wr_ok(&w));
	if (w.n == 0)
		return;
	ck_assert(reserve_get((struct span){bytes, w.n}, &back));
	ck_assert(!reserve_must_save(r, &back));
}

static struct resv_out any_out(struct prng *g, const struct reserve *r, uint8_t nexus)
{
	static const uint8_t types[] = {WE, EA, WERO, EARO, WEAR, EAAR, 0, 2, 9};
	struct resv_out o = {.action = (enum resv_action)prng_below(g, 8)};
	o.type = prng_below(g, 2) ? r->type : types[prng_below(g, ARRAY_LEN(types))];
	o.key = prng_below(g, 8) ? r->key[nexus] : prng_below(g, 4);
	o.action_key = prng_below(g, 4);
	o.aptpl = prng_below(g, 2);
	o.others_too = prng_below(g, 8) == 0;
	o.others = (uint16_t)prng_u64(g);
	o.unregister = prng_below(g, 2);
	o.to = (uint8_t)prng_below(g, 18);
	return o;
}

START_TEST(any_sequence)
{
	struct prng g = prng_init((uint64_t)_i);
	struct reserve r;
	unsigned reserved = 0;
	reserve_init(&r);
	for (unsigned step = 0; step < 1000; step++) {
		uint8_t nexus = (uint8_t)prng_below(&g, 5);
		const struct resv_out o = any_out(&g, &r, nexus);
		const struct reserve was = r;
		struct resv_effect e;
		enum resv_result result = reserve_out(&r, nexus, &o, &e);
		if (result != RESV_DONE)
			ck_assert_mem_eq(&r, &was, sizeof(r));
		ck_assert_uint_le(r.generation - was.generation, 1);
		/* the one whose doing it was is told nothing */
		ck_assert(!((e.preempted | e.released | e.unregistered) >> nexus & 1));
		/* who lost a registration is told */
		uint16_t lost =
		        was.registered & (uint16_t)~r.registered & (uint16_t) ~(1U << nexus);
		ck_assert_uint_eq(lost & ~(e.preempted | e.unregistered), 0);
		if (prng_below(&g, 10) == 0)
			(void)reserve_spc2_reserve(&r, nexus);
		if (prng_below(&g, 3) == 0)
			(void)reserve_spc2_release(&r, nexus);
		reserve_check(&r);
		check_access(&r);
		check_kept(&r);
		reserved += r.type != RESV_NONE;
	}
	ck_assert_uint_gt(reserved, 20);
}
END_TEST

/* ---- kept over a restart ---- */

START_TEST(kept_and_back)
{
	static const uint8_t types[] = {0, WE, EA, WERO, EARO, WEAR, EAAR};
	uint8_t bytes[RESERVE_SAVED_MAX];
	for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
		struct reserve r = three(types[i]), back;
		struct wr w = wr_init(bytes, sizeof(bytes));
		reserve_put(&r, &w);
		ck_assert_uint_eq(w.n, 0); /* not without APTPL */
		r.aptpl = true;
		reserve_put(&r, &w);
		ck_assert(wr_ok(&w));
		ck_assert(reserve_get((struct span){bytes, w.n}, &back));
		/* "PRGENERATION ... set to zero by power on" */
		r.generation = 0;
		ck_assert_str_eq(show(&back), show(&r));
		reserve_check(&back);
	}
}
END_TEST

START_TEST(all_nexuses_fit)
{
	struct reserve r, back;
	uint8_t bytes[RESERVE_SAVED_MAX];
	struct wr w = wr_init(bytes, sizeof(bytes));
	reserve_init(&r);
	for (uint8_t i = 0; i < RESV_NEXUSES; i++)
		reg(&r, i, UINT64_MAX - i);
	r.aptpl = true;
	reserve_put(&r, &w);
	ck_assert(wr_ok(&w) && w.n == RESERVE_SAVED_MAX);
	ck_assert(reserve_get((struct span){bytes, w.n}, &back));
	ck_assert(!reserve_must_save(&r, &back));
}
END_TEST

static const struct {
	const char *what;
	uint8_t n, bytes[20];
} damaged[] = {
        {"nothing", 0, {0}},
        {"no registration", 2, {0, 0xff}},
        {"a holder that is not registered", 11, {1, 6, 7, 0, 0, 0, 0, 0, 0, 0, 1}},
        {"a holder of no reservation", 11, {0, 7, 7, 0, 0, 0, 0, 0, 0, 0, 1}},
        {"one holder of all registrants' type", 11, {7, 7, 7, 0, 0, 0, 0, 0, 0, 0, 1}},
        {"no such type", 11, {2, 7, 7, 0, 0, 0, 0, 0, 0, 0, 1}},
        {"no such type", 11, {9, 0xff, 7, 0, 0, 0, 0, 0, 0, 0, 1}},
        {"a key that is none", 11, {0, 0xff, 7, 0, 0, 0, 0, 0, 0, 0, 0}},
        {"no such nexus", 11, {0, 0xff, 16, 0, 0, 0, 0, 0, 0, 0, 1}},
        {"cut short", 10, {0, 0xff, 7, 0, 0, 0, 0, 0, 0, 0}},
        {"twice", 20, {0, 0xff, 7, 0, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0, 1}},
};

START_TEST(damaged_ones_are_refused)
{
	struct reserve r;
	reserve_init(&r);
	ck_assert_msg(!reserve_get((struct span){damaged[_i].bytes, damaged[_i].n}, &r), "%s",
	              damaged[_i].what);
	ck_assert_str_eq(show(&r), "gen=0");
}
END_TEST

START_TEST(what_must_be_saved)
{
	struct reserve is = three(RESV_WRITE_EXCLUSIVE), was = is;
	ck_assert(!reserve_must_save(&was, &is));
	is.aptpl = true; /* APTPL set, and taken back */
	ck_assert(reserve_must_save(&was, &is));
	ck_assert(reserve_must_save(&is, &was));
	was = is;
	is.generation++;
	ck_assert(!reserve_must_save(&was, &is));
	is.key[A]++;
	ck_assert(reserve_must_save(&was, &is));
	is = was;
	is.type = RESV_EXCLUSIVE_ACCESS;
	ck_assert(reserve_must_save(&was, &is));
}
END_TEST

TAP_MAIN_TABLE("reserve", NULL, NULL, TAP_EACH(service_actions, actions),
               TAP_ONCE(the_last_registrant_takes_it_along), TAP_EACH(who_may_do_what, conflicts),
               TAP_ONCE(one_reserves), TAP_EACH(both_kinds_exclude_each_other, both_kinds),
               TAP_TIMES(any_sequence, 8), TAP_ONCE(kept_and_back), TAP_ONCE(all_nexuses_fit),
               TAP_EACH(damaged_ones_are_refused, damaged), TAP_ONCE(what_must_be_saved));
