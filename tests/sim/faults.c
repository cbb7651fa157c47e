/* SPDX-License-Identifier: BSD-2-Clause */
/* What is done to the network, the processes and the machines. */
#include "base/assert.h"
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

#define REST_LIMIT (5 * NS_PER_S)

/* ---- the network ---- */

static struct net_link *some_link(struct sim *s)
{
	unsigned first = (unsigned)prng_below(&s->fault, NET_LINKS);

	for (unsigned i = 0; i < NET_LINKS; i++) {
		struct net_link *l = &s->n.link[(first + i) % NET_LINKS];
		if (l->used && l->to_bus.open && l->to_device.open && !l->to_bus.lost)
			return l;
	}
	return NULL;
}

static bool cut(struct sim *s, bool deaf)
{
	struct net_link *l = some_link(s);
	bool bus = deaf && sim_chance(&s->fault, 2);

	if (!l)
		return false;
	SAY(s, "the connection of %u is cut", l->device);
	net_cut(s, l, bus, deaf && !bus);
	return true;
}

static bool stall(struct sim *s)
{
	struct net_link *l = some_link(s);
	uint64_t which = prng_below(&s->fault, 3);
	ns_t until = s->now +
	             sim_about(&s->fault, sim_chance(&s->fault, 4) ? 2 * NS_PER_S : 50 * NS_PER_MS);

	if (!l)
		return false;
	SAY(s, "the connection of %u stalls", l->device);
	if (which != 0)
		net_stall(s, l, true, until);
	if (which != 1)
		net_stall(s, l, false, until);
	return true;
}

/* ---- disks ---- */

static void disk_back(struct sim *s, unsigned i, ns_t about)
{
	sim_at(s, s->now + sim_about(&s->fault, about), SIM_DISK_UP, i, s->d[i].life);
}

static bool kill_disk(struct sim *s, unsigned i, bool power)
{
	if (!s->d[i].t)
		return false;
	disk_node_kill(s, i, power);
	disk_back(s, i, sim_chance(&s->fault, 3) ? NS_PER_S : 30 * NS_PER_MS);
	return true;
}

static void stop_disk(struct sim *s, unsigned i, ns_t until)
{
	SAY(s, "disk %u is stopped", i);
	s->d[i].frozen_until = until;
	s->d[i].changed = true;
}

static bool mute(struct sim *s, unsigned i, ns_t about)
{
	if (!s->d[i].t)
		return false;
	stop_disk(s, i, s->now + sim_about(&s->fault, about));
	return true;
}

/* What it sends when it goes on is there just before, or just after: in the same tenure still. */
void faults_token(struct sim *s, unsigned i)
{
	ns_t back = s->now + s->bus_cfg.phase_timeout_ns;

	if (!s->d[i].t || s->d[i].frozen_until > s->now || !sim_strikes(s, MARK_DISK_LATE))
		return;
	stop_disk(s, i, back - s->net_delay + prng_below(&s->inner, 3 * s->net_delay));
}

static bool own_fault(struct sim *s, unsigned i, const char *format)
{
	char spec[96];
	unsigned long long lba = prng_below(&s->fault, s->blocks);
	unsigned long long times = 1 + prng_below(&s->fault, 4);

	if (!s->d[i].t || s->d[i].frozen_until > s->now)
		return false;
	if (strstr(format, "lba="))
		snprintf(spec, sizeof(spec), "medium-error:lba=%llu,times=%llu", lba, times);
	else if (strstr(format, "times="))
		snprintf(spec, sizeof(spec), "%s%llu", format, times);
	else
		snprintf(spec, sizeof(spec), "%s", format);
	disk_node_fault(s, i, spec);
	return true;
}

static bool reset_by_disk(struct sim *s, unsigned i)
{
	const struct wire_frame f = {.type = WIRE_RESET, .reset = {.by = s->d[i].id, .text = "x"}};

	if (!s->d[i].t || s->d[i].link != DISK_UP || s->d[i].frozen_until > s->now)
		return false;
	net_send(s, s->d[i].conn, true, &f);
	return true;
}

/* What another one does to it, for a while. */
static bool unit(struct sim *s, unsigned i, enum unit_state state)
{
	unsigned other = (unsigned)prng_below(&s->fault, s->n_disks);

	if (!s->d[i].t || s->d[i].frozen_until > s->now || s->d[i].units >> state & 1)
		return false;
	if (state == UNIT_CLAIMS && (other == i || !disk_node_claim(s, i, other)))
		return false;
	disk_node_unit(s, i, state, true);
	sim_at(s, s->now + sim_about(&s->fault, 100 * NS_PER_MS), SIM_UNIT, i | state << 8,
	       s->d[i].life);
	return true;
}

void faults_unit_over(struct sim *s, unsigned i, enum unit_state state)
{
	if (!(s->d[i].units >> state & 1))
		return;
	if (state == UNIT_CLAIMS) /* it claims as long as it is attached */
		(void)kill_disk(s, i, false);
	else
		disk_node_unit(s, i, state, false);
}

static bool id_is_taken(const struct sim *s, uint8_t id)
{
	for (unsigned i = 0; i < s->n_disks; i++)
		if (s->d[i].id == id)
			return true;
	return false;
}

/* Somebody has set its jumpers anew while it was off. */
static bool move_disk(struct sim *s, unsigned i)
{
	uint8_t id = (uint8_t)prng_below(&s->fault, SIM_DISKS);

	while (id_is_taken(s, id))
		id = (uint8_t)((id + 1) % SIM_DISKS);
	if (!kill_disk(s, i, false))
		return false;
	SAY(s, "disk %u: its SCSI ID is %u now", i, id);
	s->d[i].id = id;
	return true;
}

/* ---- the bus server, the initiator ---- */

/* Everything waits for these two: they go on for as long as they were stopped. */
static bool stop(struct sim *s, ns_t *until, ns_t *from, ns_t about)
{
	ns_t t = sim_about(&s->fault, about);

	if (s->now < *from || *until > s->now)
		return false;
	*until = s->now + t;
	*from = s->now + 2 * t;
	return true;
}

static bool mute_bus(struct sim *s)
{
	ns_t about = sim_chance(&s->fault, 4) ? 3 * NS_PER_S : 100 * NS_PER_MS;

	if (!s->bus.b || !stop(s, &s->bus.frozen_until, &s->bus.stop_from, about))
		return false;
	SAY(s, "the bus server is stopped");
	return true;
}

static bool restart_bus(struct sim *s, ns_t about)
{
	if (!s->bus.b)
		return false;
	bus_node_kill(s);
	sim_at(s, s->now + sim_about(&s->fault, about), SIM_BUS_UP, 0, s->bus.life);
	return true;
}

static struct sim_host *some_host(struct sim *s)
{
	return &s->host[s->n_hosts < 2 ? 0 : prng_below(&s->fault, s->n_hosts)];
}

static bool restart_host(struct sim *s, struct sim_host *h)
{
	if (!h->ini)
		return false;
	host_node_kill(s, h);
	sim_host_at(s, h, s->now + sim_about(&s->fault, 100 * NS_PER_MS), SIM_HOST_UP, 0);
	return true;
}

static bool lose_state(struct sim *s, struct sim_host *h)
{
	if (!restart_host(s, h))
		return false;
	host_files_forget(h);
	h->has_forgotten = true;
	cuts_forgive(s);
	return true;
}

/* It is back, and gone again: after a time in which it attaches, and may have begun to work. */
static void host_back(struct sim *s, struct sim_host *h)
{
	ns_t up = s->now + sim_about(&s->fault, 20 * NS_PER_MS);

	sim_host_at(s, h, up, SIM_HOST_UP, 0);
	if (!sim_chance(&s->fault, 3))
		sim_host_at(s, h, up + sim_about(&s->fault, 20 * s->net_delay + 10 * NS_PER_MS),
		            SIM_AGAIN, 0);
}

void faults_again(struct sim *s, struct sim_host *h)
{
	if (s->quiet || !h->ini)
		return;
	host_node_kill(s, h);
	host_back(s, h);
}

/* All but the one that could not be told are away when it is back, and so is who had the group. */
static void hit_again(struct sim *s)
{
	for (unsigned i = 0; i < s->n_disks; i++)
		if (i != s->hit)
			(void)kill_disk(s, i, false);
}

static void ghost(struct sim *s, struct sim_host *other)
{
	unsigned i = (unsigned)prng_below(&s->fault, s->n_disks);
	ns_t back = s->now + sim_about(&s->fault, 100 * NS_PER_MS);

	SAY(s, "initiator %u is to come back to disk %u alone", other->id, i);
	if (!s->d[i].t)
		return;
	disk_node_kill(s, i, false);
	sim_at(s, back, SIM_DISK_UP, i, s->d[i].life);
	sim_host_at(s, other, back, SIM_HOST_UP, 0);
	if (!sim_chance(&s->fault, 4))
		sim_host_at(s, other, back > s->now + NS_PER_MS ? back - NS_PER_MS : s->now,
		            SIM_HIT, 1);
	s->hit = i;
	s->ghost = other;
	s->ghost_until = back + NS_PER_S;
}

/* What an import says does not come to all members; and who had the group is there again, perhaps,
 * and finds nobody else. */
void faults_hit(struct sim *s, struct sim_host *h, bool again)
{
	struct sim_host *other = &s->host[1 - h->index];
	unsigned i = (unsigned)prng_below(&s->fault, s->n_disks);
	uint64_t what = prng_below(&s->fault, 5);

	if (s->quiet)
		return;
	if (again)
		hit_again(s);
	else if (s->n_hosts == 2 && !other->ini && sim_chance(&s->fault, 2))
		ghost(s, other);
	else if (what == 0)
		(void)restart_host(s, h);
	else if (what == 1)
		(void)mute(s, i, 30 * NS_PER_MS);
	else
		(void)kill_disk(s, i, what == 2);
}

/* What one disk says comes late, so that it meets a later life of the initiator. */
static bool flap(struct sim *s, struct sim_host *h)
{
	struct net_link *l = some_link(s);

	if (!h->ini)
		return false;
	if (l && !host_of(s, l->device))
		net_stall(s, l, true, s->now + sim_about(&s->fault, 100 * NS_PER_MS));
	host_node_kill(s, h);
	host_back(s, h);
	return true;
}

static bool mute_host(struct sim *s, struct sim_host *h, ns_t about)
{
	if (!h->ini || !stop(s, &h->frozen_until, &h->stop_from, about))
		return false;
	SAY(s, "initiator %u is stopped", h->id);
	return true;
}

static bool reset_by_host(struct sim *s, struct sim_host *h)
{
	if (!h->ini || h->link != HOST_ATTACHED || h->frozen_until > s->now)
		return false;
	hba_reset_bus(h->h);
	host_node_wake(s, h);
	return true;
}

/* ---- all ---- */

static bool disk_fault(struct sim *s, enum mark m, unsigned i)
{
	switch ((int)m) {
	case MARK_DISK_KILL:
		return kill_disk(s, i, false);
	case MARK_DISK_POWER:
		return kill_disk(s, i, true);
	case MARK_DISK_MUTE:
		return mute(s, i, 30 * NS_PER_MS);
	case MARK_DISK_MUTE_LONG:
		return mute(s, i, 6 * NS_PER_S);
	case MARK_DISK_DIE_SELECTED:
		return own_fault(s, i, "die:at=selected");
	case MARK_DISK_DIE_COMMAND:
		return own_fault(s, i, "die:at=command");
	case MARK_DISK_DIE_DATA:
		return own_fault(s, i, "die:at=data");
	case MARK_DISK_DIE_STATUS:
		return own_fault(s, i, "die:at=status");
	case MARK_DISK_BUSY:
		return own_fault(s, i, "busy:times=");
	case MARK_DISK_FULL:
		return own_fault(s, i, "task-set-full:times=");
	case MARK_DISK_NO_STATUS:
		return own_fault(s, i, "no-status:times=");
	case MARK_DISK_CRC:
		return own_fault(s, i, "crc-error:times=");
	case MARK_DISK_MEDIUM:
		return own_fault(s, i, "lba=");
	case MARK_DISK_SLOW:
		return own_fault(s, i, "slow:ms=3");
	case MARK_STORE_ROT:
		store_rot(s, i);
		return true;
	case MARK_BUS_RESET_OTHER:
		return reset_by_disk(s, i);
	case MARK_DISK_PROTECTED:
		return unit(s, i, UNIT_PROTECTED);
	case MARK_DISK_STOPPED:
		return unit(s, i, UNIT_STOPPED);
	case MARK_DISK_RESERVED:
		return unit(s, i, UNIT_RESERVED);
	case MARK_DISK_CLAIMS:
		return unit(s, i, UNIT_CLAIMS);
	case MARK_DISK_MOVES:
		return move_disk(s, i);
	default:
		return false;
	}
}

static bool strike(struct sim *s, enum mark m)
{
	struct sim_host *h = some_host(s);

	switch ((int)m) {
	case MARK_OWNER_KILL:
	case MARK_OWNER_STOP:
	case MARK_OWNER_CUT:
	case MARK_OWNER_LATE:
	case MARK_OWNER_ENDS:
		return owners_strike(s, m);
	case MARK_NET_CUT:
		return cut(s, false);
	case MARK_NET_HALF_OPEN:
		return cut(s, true);
	case MARK_NET_STALL:
		return stall(s);
	case MARK_BUS_RESTART:
		return restart_bus(s, 30 * NS_PER_MS);
	case MARK_BUS_AWAY:
		return restart_bus(s, 4 * NS_PER_S);
	case MARK_BUS_RESET:
		return reset_by_host(s, h);
	case MARK_HOST_KILL:
		return restart_host(s, h);
	case MARK_HOST_STATE_LOST:
		return lose_state(s, h);
	case MARK_HOST_FLAP:
		return flap(s, h);
	case MARK_HOST_MUTE:
		return mute_host(s, h, 300 * NS_PER_MS);
	case MARK_HOST_MUTE_LONG:
		return mute_host(s, h, 6 * NS_PER_S);
	case MARK_HOST_IMAGE:
		return work_image_changes(s);
	case MARK_BUS_MUTE:
		return mute_bus(s);
	default:
		return disk_fault(s, m, (unsigned)prng_below(&s->fault, s->n_disks));
	}
}

static enum mark pick(struct sim *s)
{
	uint64_t all = 0, at;

	for (unsigned m = 0; m < MARKS; m++)
		all += sim_marks[m].per == 't' ? s->rate[m] : 0;
	if (all == 0)
		return MARKS;
	at = prng_below(&s->fault, all);
	for (unsigned m = 0; m < MARKS; m++) {
		uint32_t w = sim_marks[m].per == 't' ? s->rate[m] : 0;
		if (at < w)
			return (enum mark)m;
		at -= w;
	}
	return MARKS;
}

void faults_next(struct sim *s)
{
	struct prng before;
	enum mark m;

	if (s->quiet || s->faults_off)
		return;
	sim_at(s, s->now + sim_about(&s->fault, s->fault_every), SIM_FAULT, 0, 0);
	m = pick(s);
	/* Whatever one draws, the next one draws the same: one that is left out changes no other.
	 */
	before = s->fault;
	if (m != MARKS && !s->without[m] && s->n_struck < s->struck_max && strike(s, m)) {
		s->n_struck++;
		sim_mark(s, m);
	}
	s->fault = before;
	(void)prng_u64(&s->fault);
}

/* The faults that a disk's core still has. */
static void forgive(struct sim *s, unsigned i)
{
	s->d[i].frozen_until = 0;
	s->d[i].changed = true;
	if (s->d[i].t && s->d[i].store.dead)
		disk_node_kill(s, i, false);
	for (unsigned u = 0; s->d[i].t && u < UNIT_STATES; u++)
		if (s->d[i].units >> u & 1)
			faults_unit_over(s, i, (enum unit_state)u);
	if (!s->d[i].t)
		disk_node_start(s, i);
	else
		disk_node_forgive(s, i);
}

/* ---- the last one ---- */

static bool log_is_clean(struct sim *s)
{
	const struct ini_group *g = host_group(host_owner(s));

	return work_idle(s) && g && g->intent.dirty == 0;
}

static bool never(struct sim *s)
{
	(void)s;
	return false;
}

void faults_last(struct sim *s)
{
	bool all = sim_chance(&s->fault, 3);

	if (!sim_strikes(s, MARK_HOST_LAST))
		return;
	if (sim_chance(&s->fault, 2)) {
		faults_stop(s);
		(void)sim_until(s, REST_LIMIT, log_is_clean);
	}
	struct sim_host *h = host_owner(s);
	if (h->ini)
		work_burst(s, h, 1 + (unsigned)prng_below(&s->fault, 6));
	/* About as long as what they do takes. */
	(void)sim_until(s, sim_about(&s->fault, 2 * s->store_delay + 20 * s->net_delay), never);
	if (h->ini)
		host_node_kill(s, h);
	if (all)
		sim_mark(s, MARK_ALL_LAST);
	for (unsigned i = 0; all && i < s->n_disks; i++)
		disk_node_kill(s, i, true);
	if (all && s->bus.b)
		bus_node_kill(s);
}

void faults_stop(struct sim *s)
{
	SAY(s, "no more faults");
	s->quiet = true;
	if (s->n_hosts == 1)
		s->host[0].frozen_until = 0;
	owners_rest(s);
	if (!s->bus.b)
		bus_node_start(s);
	s->bus.frozen_until = 0;
	for (unsigned i = 0; i < NET_LINKS; i++) {
		struct net_link *l = &s->n.link[i];
		net_stall(s, l, true, 0);
		net_stall(s, l, false, 0);
	}
	for (unsigned i = 0; i < s->n_disks; i++)
		forgive(s, i);
	for (unsigned i = 0; i < s->n_hosts; i++) {
		if (!s->host[i].ini)
			host_node_start(s, &s->host[i]);
		host_node_wake(s, &s->host[i]);
	}
}
