/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a power cut took from one disk, and others have: that may not be seen, and is to be copied
 * back. It is excused when the last one goes that has it, or could not be known to have it: then it
 * is lost, and the disk's own is as good as any.
 *
 * Where there are two initiators, whoever takes the group over knows who was started since its page
 * was written; so one that was is none of which the others can be sure.
 */
#include "initiator/core.h"
#include "sim/sim.h"

#include <string.h>

static const uint8_t *block_at(const struct sim *s, unsigned disk, lba_t lba)
{
	return s->d[disk].store.cache + lba * SIM_BLOCK;
}

static bool is_right(const struct sim *s, unsigned disk, lba_t lba)
{
	return model_allows(&s->model, lba, model_hash(block_at(s, disk, lba), SIM_BLOCK),
	                    s->model.clock + 1);
}

static unsigned disk_of(const struct ini_member *m)
{
	return (unsigned)m->uuid[0] - 0xd0;
}

/* The core's; NULL: it is down. */
static const struct group *core_group(const struct sim_host *h)
{
	return h->ini && h->ini->n_listed ? h->ini->listed[0] : NULL;
}

/* As the initiator has it, or will have it when it starts again. */
static const struct ini_group *group_now(const struct sim_host *h)
{
	const struct group *g = core_group(h);

	if (h->ini)
		return g ? &g->pub : NULL;
	return h->disk.n ? &h->disk.g : NULL;
}

/* It is in sync, and the initiator knows that its process is the one that it was (it has read the
 * number of its start, and not only heard that it is there), and waits for it where it is not
 * there. */
static bool can_be_trusted(struct sim *s, const struct ini_group *g, unsigned i)
{
	const struct sim_host *h = host_owner(s);
	const struct sim_disk *d = &s->d[disk_of(&g->m[i])];
	const struct group *core = core_group(h);

	if (g->m[i].state != MEMBER_IN_SYNC || g->m[i].restarted || d->doubtful)
		return false;
	if (!d->t || d->store.dead || d->seen_life != d->life)
		return false;
	if (s->n_hosts > 1 && disk_node_started(s, disk_of(&g->m[i])))
		return false;
	return !core || !h->ini->bus_up || member_presence(core, i) == HERE ||
	       member_presence(core, i) == COMING;
}

static bool another_has_it(struct sim *s, unsigned disk, lba_t lba)
{
	const struct ini_group *g = group_now(host_owner(s));

	for (unsigned i = 0; g && i < g->n; i++) {
		unsigned other = disk_of(&g->m[i]);
		if (other != disk && can_be_trusted(s, g, i) && !s->d[other].cut[lba] &&
		    is_right(s, other, lba))
			return true;
	}
	return false;
}

static void forgive(struct sim *s, unsigned disk, lba_t lba)
{
	s->cuts -= s->d[disk].cut[lba];
	s->d[disk].cut[lba] = false;
	store_excuse(s, disk, lba);
}

static void forgive_all(struct sim *s, unsigned disk)
{
	for (lba_t lba = 0; s->cuts > 0 && lba < s->blocks; lba++)
		if (s->d[disk].cut[lba])
			forgive(s, disk, lba);
}

void cuts_note(struct sim *s, unsigned disk, lba_t lba)
{
	if (s->d[disk].cut[lba] || lba >= s->model.blocks)
		return;
	if (is_right(s, disk, lba) || !another_has_it(s, disk, lba)) {
		store_excuse(s, disk, lba);
		return;
	}
	SAY(s, "disk %u: block %llu is gone, and others have it", disk, (unsigned long long)lba);
	sim_mark(s, MARK_CUT_OTHERS);
	s->d[disk].cut[lba] = true;
	s->cuts++;
}

static void look_at(struct sim *s, unsigned disk, lba_t lba)
{
	if (is_right(s, disk, lba)) {
		SAY(s, "disk %u: block %llu is back", disk, (unsigned long long)lba);
		sim_mark(s, MARK_CUT_BACK);
		s->d[disk].cut[lba] = false;
		s->cuts--;
	} else if (!another_has_it(s, disk, lba)) {
		forgive(s, disk, lba);
	}
}

/* What one has lost is copied to one that can be trusted. */
void cuts_written(struct sim *s, unsigned disk, lba_t lba, const uint8_t *p)
{
	const struct ini_group *g = group_now(host_owner(s));
	bool cut = false;

	for (unsigned i = 0; i < s->n_disks; i++)
		cut |= i != disk && s->d[i].cut[lba];
	if (!cut || s->d[disk].cut[lba] || !is_right(s, disk, lba) ||
	    model_allows(&s->model, lba, model_hash(p, SIM_BLOCK), s->model.clock + 1))
		return;
	for (unsigned i = 0; g && i < g->n; i++)
		if (disk_of(&g->m[i]) == disk && can_be_trusted(s, g, i))
			sim_fail(s, "block %llu of disk %u gets what a power cut has left of it",
			         (unsigned long long)lba, disk);
}

void cuts_look(struct sim *s)
{
	for (unsigned i = 0; i < s->n_disks; i++)
		s->d[i].was_started |= disk_node_started(s, i);
	for (unsigned i = 0; i < s->n_disks; i++)
		for (lba_t lba = 0; s->cuts > 0 && lba < s->blocks; lba++)
			if (s->d[i].cut[lba])
				look_at(s, i, lba);
}

/* Who has left, and the file does not say so, is found by its page: it is not there to be trusted.
 * Nor is who was started again, and the file does not know: it counts as started again then. */
void cuts_host_dies(struct sim *s, const struct sim_host *h)
{
	const struct ini_group *g = &h->disk.g, *now = group_now(h);

	if (h != host_owner(s))
		return;
	for (unsigned i = 0; h->disk.n && now && i < g->n && i < now->n; i++)
		if (g->m[i].state != now->m[i].state || g->m[i].boot != now->m[i].boot)
			s->d[disk_of(&g->m[i])].seen_life--;
}

void cuts_forgive(struct sim *s)
{
	for (unsigned i = 0; i < s->n_disks; i++)
		forgive_all(s, i);
}

/* Another one has just taken the group over, and all that it took to be in sync were started again:
 * it could not know who has more. */
static bool all_were_started(struct sim *s, const struct sim_host *h, const struct group *g)
{
	bool all = s->cuts_owner && s->cuts_owner != h;

	for (unsigned i = 0; i < g->pub.n; i++)
		if (g->pub.m[i].state == MEMBER_IN_SYNC)
			all &= s->d[disk_of(&g->pub.m[i])].was_started;
	return all;
}

/* The initiator has read the number of this start of it. */
static bool start_is_read(const struct sim *s, const struct sim_host *h, const struct ini_member *m)
{
	const struct hba_target *t = m->unit != WIRE_NO_ID ? hba_target(h->h, m->unit) : NULL;

	return host_sees(s, h, m) && t->state == HBA_READY &&
	       t->vpd.boot == disk_boot(&s->d[disk_of(m)]);
}

/* Of those in sync each is known to have been started again, or is as of now: they are made equal,
 * by any of them, and the core does not leave that to be seen. */
static bool last_was_started(const struct sim *s, const struct sim_host *h, const struct group *g)
{
	bool all = true;

	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct ini_member *m = &g->pub.m[i];
		const struct sim_disk *d = &s->d[disk_of(m)];
		if (m->state == MEMBER_IN_SYNC)
			all &= d->doubtful || m->restarted ||
			       (d->seen_life != d->life && start_is_read(s, h, m));
	}
	return all;
}

void cuts_seen(struct sim *s, const struct sim_host *h)
{
	const struct group *g = core_group(h);

	if (h != host_owner(s) || !g)
		return;
	bool all = all_were_started(s, h, g) || last_was_started(s, h, g);
	s->cuts_owner = h;
	for (unsigned i = 0; i < g->pub.n; i++) {
		const struct ini_member *m = &g->pub.m[i];
		struct sim_disk *d = &s->d[disk_of(m)];
		/* All that are there were, it turned out: they are made equal, by any of them. */
		d->doubtful = s->cuts > 0 && m->state == MEMBER_IN_SYNC &&
		              (d->doubtful || m->restarted || all);
		if (!disk_node_started(s, disk_of(m)))
			d->was_started = false;
		if (start_is_read(s, h, m))
			d->seen_life = d->life;
	}
}
