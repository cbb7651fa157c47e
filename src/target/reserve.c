/* SPDX-License-Identifier: BSD-2-Clause */
#include "target/reserve.h"

#include "base/assert.h"

#define BIT(nexus) ((uint16_t)(1U << (nexus)))

void reserve_init(struct reserve *r)
{
	*r = (struct reserve){.holder = RESV_NOBODY, .spc2 = RESV_NOBODY};
}

/* ---- types ---- */

static const struct {
	bool known, reads; /* others may read */
	bool registrants;  /* all that are registered have access */
	bool all;          /* ... and hold it */
} types[] = {
        [RESV_WRITE_EXCLUSIVE] = {.known = true, .reads = true},
        [RESV_EXCLUSIVE_ACCESS] = {.known = true},
        [RESV_WRITE_EXCLUSIVE_RO] = {.known = true, .reads = true, .registrants = true},
        [RESV_EXCLUSIVE_ACCESS_RO] = {.known = true, .registrants = true},
        [RESV_WRITE_EXCLUSIVE_AR] = {.known = true,
                                     .reads = true,
                                     .registrants = true,
                                     .all = true},
        [RESV_EXCLUSIVE_ACCESS_AR] = {.known = true, .registrants = true, .all = true},
};

static bool type_known(uint8_t type)
{
	return type < ARRAY_LEN(types) && types[type].known;
}

bool reserve_holds(const struct reserve *r, uint8_t nexus)
{
	if (r->type == RESV_NONE)
		return false;
	return types[r->type].all ? reserve_registered(r, nexus) : r->holder == nexus;
}

bool reserve_allows(const struct reserve *r, uint8_t nexus, enum resv_access access)
{
	if (r->spc2 != RESV_NOBODY && r->spc2 != nexus && access != ACCESS_NONE)
		return false;
	if (r->type == RESV_NONE || access == ACCESS_STATE || access == ACCESS_NONE ||
	    reserve_holds(r, nexus))
		return true;
	if (types[r->type].registrants && reserve_registered(r, nexus))
		return true;
	return types[r->type].reads && access == ACCESS_READS;
}

/* ---- parts of changes ---- */

static void enroll(struct reserve *r, uint8_t nexus, uint64_t key)
{
	r->registered |= BIT(nexus);
	r->key[nexus] = key;
}

static uint16_t with_key(const struct reserve *r, uint64_t key)
{
	uint16_t set = 0;
	for (uint8_t i = 0; i < RESV_NEXUSES; i++)
		if (reserve_registered(r, i) && r->key[i] == key)
			set |= BIT(i);
	return set;
}

static void hold(struct reserve *r, uint8_t nexus, uint8_t type)
{
	r->type = type;
	r->holder = types[type].all ? RESV_NOBODY : nexus;
}

/* Those who had access by being registered are told; with the other types nobody waits for it. */
static void release(struct reserve *r, uint8_t by, struct resv_effect *e)
{
	if (types[r->type].registrants)
		e->released = (uint16_t)(e->released | (r->registered & ~BIT(by)));
	r->type = RESV_NONE;
	r->holder = RESV_NOBODY;
}

/* The reservation goes with its holder, one of all registrants with the last of them. */
static void expel(struct reserve *r, uint16_t set, uint8_t by, struct resv_effect *e)
{
	bool held = r->type != RESV_NONE;
	bool all = held && types[r->type].all;
	r->registered &= (uint16_t)~set;
	for (uint8_t i = 0; i < RESV_NEXUSES; i++)
		if (set >> i & 1)
			r->key[i] = 0;
	if (held && (all ? r->registered == 0 : (set >> r->holder & 1)))
		release(r, by, e);
}

/* ---- service actions ---- */

/* SPC-4, table "Register behaviors for a REGISTER service action". */
static enum resv_result enrol(struct reserve *r, uint8_t nexus, const struct resv_out *o,
                              struct resv_effect *e)
{
	bool known = reserve_registered(r, nexus);
	bool ignore = o->action == RESV_REGISTER_IGNORE;
	if (!ignore && o->key != (known ? r->key[nexus] : 0))
		return RESV_CONFLICT;
	if (known && o->others_too)
		return RESV_BAD_CDB;
	if (!known && o->action_key == 0)
		return RESV_DONE; /* nothing is done, nothing is counted */
	r->aptpl = o->aptpl;
	r->generation++;
	if (o->action_key == 0) {
		expel(r, BIT(nexus), nexus, e);
		return RESV_DONE;
	}
	enroll(r, nexus, o->action_key);
	for (uint8_t i = 0; o->others_too && i < RESV_NEXUSES; i++)
		if ((o->others >> i & 1) && !reserve_registered(r, i))
			enroll(r, i, o->action_key);
	return RESV_DONE;
}

static enum resv_result reserve(struct reserve *r, uint8_t nexus, const struct resv_out *o)
{
	if (r->type == RESV_NONE)
		hold(r, nexus, o->type);
	return reserve_holds(r, nexus) && r->type == o->type ? RESV_DONE : RESV_CONFLICT;
}

static enum resv_result give_up(struct reserve *r, uint8_t nexus, const struct resv_out *o,
                                struct resv_effect *e)
{
	if (!reserve_holds(r, nexus))
		return RESV_DONE;
	if (r->type != o->type)
		return RESV_BAD_RELEASE;
	release(r, nexus, e);
	return RESV_DONE;
}

static void clear(struct reserve *r, uint8_t nexus, struct resv_effect *e)
{
	e->preempted = r->registered & (uint16_t)~BIT(nexus);
	r->type = RESV_NONE;
	r->holder = RESV_NOBODY;
	r->registered = 0;
	for (uint8_t i = 0; i < RESV_NEXUSES; i++)
		r->key[i] = 0;
	r->generation++;
}

/* The reservation becomes the preempting nexus's: all others in `set` lose their registrations. */
static void take_over(struct reserve *r, uint8_t nexus, uint16_t set, const struct resv_out *o,
                      struct resv_effect *e)
{
	bool another_type = r->type != o->type;
	set &= (uint16_t)~BIT(nexus);
	r->type = RESV_NONE;
	expel(r, set, nexus, e);
	hold(r, nexus, o->type);
	e->unregistered = set;
	if (another_type)
		e->released = r->registered & (uint16_t)~BIT(nexus);
}

/* SPC-4, "Preempting a persistent reservation with the PREEMPT service action" and "Removing
 * registrations with the PREEMPT service action". */
static enum resv_result preempt(struct reserve *r, uint8_t nexus, const struct resv_out *o,
                                struct resv_effect *e)
{
	bool all = r->type != RESV_NONE && types[r->type].all;
	uint16_t set = with_key(r, o->action_key);
	if (o->action_key == 0 && !all)
		return RESV_BAD_ACTION_KEY;
	if (o->action_key == 0)
		set = r->registered;
	if (set == 0)
		return RESV_CONFLICT;
	r->generation++;
	bool holders = all ? o->action_key == 0 : r->type != RESV_NONE && (set >> r->holder & 1);
	if (holders) {
		take_over(r, nexus, set, o, e);
	} else {
		expel(r, set, nexus, e);
		e->unregistered = set & (uint16_t)~BIT(nexus);
	}
	if (o->action == RESV_PREEMPT_ABORT)
		e->abort = set;
	return RESV_DONE;
}

static enum resv_result move(struct reserve *r, uint8_t nexus, const struct resv_out *o)
{
	if (r->type == RESV_NONE)
		return RESV_BAD_CDB;
	if (types[r->type].all || !reserve_holds(r, nexus))
		return RESV_CONFLICT;
	if (o->action_key == 0)
		return RESV_BAD_ACTION_KEY;
	if (o->to >= RESV_NEXUSES || o->to == nexus)
		return RESV_BAD_TO;
	enroll(r, o->to, o->action_key);
	r->holder = o->to;
	if (o->unregister) {
		r->registered &= (uint16_t)~BIT(nexus);
		r->key[nexus] = 0;
	}
	r->aptpl = o->aptpl;
	r->generation++;
	return RESV_DONE;
}

static enum resv_result act(struct reserve *r, uint8_t nexus, const struct resv_out *o,
                            struct resv_effect *e)
{
	if (o->action == RESV_REGISTER || o->action == RESV_REGISTER_IGNORE)
		return enrol(r, nexus, o, e);
	if (!reserve_registered(r, nexus) || r->key[nexus] != o->key)
		return RESV_CONFLICT;
	switch (o->action) {
	case RESV_RESERVE:
		return reserve(r, nexus, o);
	case RESV_RELEASE:
		return give_up(r, nexus, o, e);
	case RESV_CLEAR:
		clear(r, nexus, e);
		return RESV_DONE;
	case RESV_PREEMPT:
	case RESV_PREEMPT_ABORT:
		return preempt(r, nexus, o, e);
	case RESV_REGISTER_MOVE:
		return move(r, nexus, o);
	case RESV_REGISTER:
	case RESV_REGISTER_IGNORE:
		break;
	}
	return RESV_BAD_CDB;
}

static bool takes_type(enum resv_action action)
{
	return action == RESV_RESERVE || action == RESV_RELEASE || action == RESV_PREEMPT ||
	       action == RESV_PREEMPT_ABORT;
}

enum resv_result reserve_out(struct reserve *r, uint8_t nexus, const struct resv_out *o,
                             struct resv_effect *e)
{
	*e = (struct resv_effect){0};
	sm_assert(nexus < RESV_NEXUSES);
	/* SPC-2, "Reservations": the two kinds exclude each other. */
	if (r->spc2 != RESV_NOBODY)
		return RESV_CONFLICT;
	if (takes_type(o->action) && !type_known(o->type))
		return RESV_BAD_CDB;
	struct reserve next = *r;
	enum resv_result result = act(&next, nexus, o, e);
	if (result == RESV_DONE)
		*r = next;
	else
		*e = (struct resv_effect){0};
	return result;
}

/* ---- RESERVE, RELEASE ---- */

/* For these the commands do nothing, and succeed. */
static bool has_access(const struct reserve *r, uint8_t nexus)
{
	return reserve_holds(r, nexus) ||
	       (r->type != RESV_NONE && types[r->type].registrants && reserve_registered(r, nexus));
}

bool reserve_spc2_reserve(struct reserve *r, uint8_t nexus)
{
	if (has_access(r, nexus))
		return true;
	if (r->registered != 0 || (r->spc2 != RESV_NOBODY && r->spc2 != nexus))
		return false;
	r->spc2 = nexus;
	return true;
}

/* Of somebody else's reservation it is no error, and does nothing. */
bool reserve_spc2_release(struct reserve *r, uint8_t nexus)
{
	if (has_access(r, nexus))
		return true;
	if (r->registered != 0)
		return false;
	if (r->spc2 == nexus)
		r->spc2 = RESV_NOBODY;
	return true;
}

void reserve_lost(struct reserve *r, uint8_t nexus)
{
	if (nexus == RESV_NOBODY || r->spc2 == nexus)
		r->spc2 = RESV_NOBODY;
}

/* ---- kept over a restart ---- */

static bool kept(const struct reserve *r)
{
	return r->aptpl && r->registered != 0;
}

void reserve_put(const struct reserve *r, struct wr *w)
{
	if (!kept(r))
		return;
	wr_u8(w, r->type);
	wr_u8(w, r->holder);
	for (uint8_t i = 0; i < RESV_NEXUSES; i++) {
		if (!reserve_registered(r, i))
			continue;
		wr_u8(w, i);
		wr_u64(w, r->key[i]);
	}
}

/* The holder is one that is registered; nobody, where the type says so. */
static bool holder_right(const struct reserve *r)
{
	if (r->type == RESV_NONE || (type_known(r->type) && types[r->type].all))
		return r->holder == RESV_NOBODY;
	return type_known(r->type) && reserve_registered(r, r->holder);
}

bool reserve_get(struct span bytes, struct reserve *r)
{
	struct rd in = rd_init(bytes.p, bytes.n);
	struct reserve out;
	reserve_init(&out);
	out.aptpl = true;
	out.type = rd_u8(&in);
	out.holder = rd_u8(&in);
	uint8_t least = 0;
	while (rd_left(&in) > 0) {
		uint8_t nexus = rd_u8(&in);
		uint64_t key = rd_u64(&in);
		if (in.error || key == 0 || nexus < least || nexus >= RESV_NEXUSES)
			return false;
		enroll(&out, nexus, key);
		least = (uint8_t)(nexus + 1);
	}
	if (!rd_done(&in) || out.registered == 0 || !holder_right(&out))
		return false;
	*r = out;
	return true;
}

bool reserve_must_save(const struct reserve *was, const struct reserve *is)
{
	uint8_t a[RESERVE_SAVED_MAX], b[RESERVE_SAVED_MAX];
	struct wr x = wr_init(a, sizeof(a)), y = wr_init(b, sizeof(b));
	reserve_put(was, &x);
	reserve_put(is, &y);
	return x.n != y.n || memcmp(a, b, x.n) != 0;
}

void reserve_check(const struct reserve *r)
{
	sm_assert(holder_right(r));
	sm_assert(r->type == RESV_NONE || r->registered != 0);
	sm_assert(r->spc2 == RESV_NOBODY || (r->spc2 < RESV_NEXUSES && r->registered == 0));
	for (uint8_t i = 0; i < RESV_NEXUSES; i++)
		sm_assert((r->key[i] != 0) == reserve_registered(r, i));
}
