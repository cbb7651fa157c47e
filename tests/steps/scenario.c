/* SPDX-License-Identifier: BSD-2-Clause */
#include "steps/scenario.h"

#include "initiator/core.h"

#include <string.h>

#define LIMIT_NS (300 * NS_PER_S)
#define WAIT_NS  (60 * NS_PER_S) /* for whoever is stopped, or started */

struct world world;
char where[200];

static struct world *const w = &world;
static unsigned life;    /* of the daemon that was asked last */
static uint32_t watched; /* the job that was created last */

/* ---- conditions ---- */

/* It is dead, or as good as that, or another one. */
static bool gone(const struct world *x)
{
	return !x->host.ini || x->host.lives != life || x->stopped_until[HOST] == NS_NEVER;
}

static bool answered(const struct world *x)
{
	return x->host.replied || gone(x);
}

static bool is_over(const struct ini_job *j)
{
	return j->state == JOB_CONCLUDED || j->state == JOB_DISMISSED;
}

static bool concluded(const struct world *x)
{
	return gone(x) || (is_over(ini_job_find(x->host.ini, watched)) && world_tells(x));
}

static bool runs(const struct world *x)
{
	return x->host.ini && !world_stopped(x, HOST);
}

static bool ready(const struct world *x)
{
	return runs(x) && x->host.attached && hba_settled(x->host.h) && !x->host.due;
}

static bool is_ready(const struct world *x, uint8_t disk)
{
	return ready(x) && hba_target(x->host.h, disk)->state == HBA_READY;
}

static bool all_ready(const struct world *x)
{
	for (uint8_t i = 0; i < DISKS; i++)
		if (!is_ready(x, i))
			return false;
	return true;
}

static bool disk2_ready(const struct world *x)
{
	return is_ready(x, 2);
}

static bool disk2_absent(const struct world *x)
{
	return !x->host.ini || hba_target(x->host.h, 2)->state == HBA_ABSENT;
}

static bool no_jobs(const struct world *x)
{
	for (unsigned i = 0; x->host.ini && i < ini_jobs(x->host.ini); i++)
		if (!is_over(ini_job_at(x->host.ini, i)))
			return false;
	return x->host.ini != NULL;
}

static bool drained(const struct world *x)
{
	return ini_drained(x->host.ini);
}

/* ---- commands ---- */

/* The next command's token; false: there is no daemon to be asked. */
static bool ask(void)
{
	(void)world_until(w, w->struck && w->fault->what == STOP ? WAIT_NS : WAIT_NS / 3, ready);
	if (!runs(w))
		return false;
	life = w->host.lives;
	w->host.token++;
	w->host.replied = false;
	w->host.due = true;
	return true;
}

/* Whether the command was carried out; not taken: it was refused at once. */
static bool carried_out(bool taken)
{
	if (!taken)
		return false;
	must(world_until(w, LIMIT_NS, answered), "%s: no answer", where);
	promise_check();
	return !gone(w) && w->host.error.kind == INI_OK;
}

static bool create(void)
{
	static const char *const members[] = {"disk0", "disk1", "disk2"};
	const uint8_t uuid[UUID_LEN] = {0xaa, 1};
	struct ini_error e;

	for (unsigned i = 0; i < 4; i++) {
		(void)world_until(w, 10 * NS_PER_S, all_ready);
		if (!ask())
			return false;
		if (carried_out(ini_group_create(w->host.ini, "g0", members, DISKS, INI_SILENT,
		                                 true, uuid, w->host.token, &e)))
			return true;
		(void)world_until(w, NS_PER_S, NULL);
		if (the_group())
			return true;
	}
	return false;
}

/* leaves: disk2 is killed in the middle of it. */
static void write_blocks(uint32_t lba, uint32_t n, uint8_t fill, bool leaves)
{
	struct ini_error e;

	if (!ask())
		return;
	struct block *b = memory_block((size_t)n * BLOCK);
	memset(b->data, fill, b->len);
	promise_begun(lba, n, fill);
	bool taken = ini_group_write(w->host.ini, "g0", (uint64_t)lba * BLOCK, (uint32_t)b->len, b,
	                             w->host.token, &e);
	for (unsigned i = 0; leaves && i < 8; i++)
		(void)world_step(w);
	if (leaves)
		world_kill_disk(w, 2);
	if (carried_out(taken))
		promise_acked(lba, n);
	block_unref(b);
}

static void read_blocks(uint32_t lba, uint32_t n)
{
	struct ini_error e;

	if (!ask())
		return;
	struct block *b = memory_block((size_t)n * BLOCK);
	if (carried_out(ini_group_read(w->host.ini, "g0", (uint64_t)lba * BLOCK, (uint32_t)b->len,
	                               b, w->host.token, &e)))
		promise_read(lba, n, b->data);
	block_unref(b);
}

static void flush(void)
{
	struct ini_error e;

	if (ask())
		(void)carried_out(ini_group_flush(w->host.ini, "g0", w->host.token, &e));
}

static void set_mode(enum ini_mode mode)
{
	const struct ini_group_set set = {.has_mode = true, .mode = mode};
	struct ini_error e;

	if (ask())
		(void)carried_out(ini_group_set(w->host.ini, "g0", &set, w->host.token, &e));
}

/* One block of a medium goes bad: while all members have it, and are seen, so that one more fault
 * can take none of it away. */
static void spoil(unsigned disk, uint32_t lba)
{
	if (members_synced() == DISKS && all_ready(w))
		w->disk[disk].bad[lba] = true;
}

/* ---- jobs ---- */

/* Of a job whose daemon is gone: the next one goes on with it, if it is in its journal (`went_on`:
 * so it does), or has said why not. */
static bool goes_on(bool *went_on)
{
	if (!world_until(w, WAIT_NS, runs))
		return false;
	const struct ini_job *j = ini_job_find(w->host.ini, watched);
	must((j != NULL) == world_kept(w, watched), "%s: the next daemon has lost job %u", where,
	     watched);
	life = w->host.lives;
	*went_on = j && !is_over(j);
	return j != NULL;
}

static bool job(enum ini_job_type type)
{
	struct ini_job_spec s = {.type = type, .mode = INI_MODE_DEFAULT, .group = "g0"};
	struct ini_error e;
	bool went_on = false;

	s.has_image = type == JOB_MIRROR;
	s.image_size = (uint64_t)IMAGE * BLOCK;
	w->image = IMAGE_FILL;
	if (!ask())
		return false;
	if (type == JOB_MIRROR)
		promise_begun(0, IMAGE, IMAGE_FILL);
	watched = ini_job_create(w->host.ini, &s, &e);
	if (!watched)
		return false;
	w->host.file_open = s.has_image;
	do {
		must(world_until(w, LIMIT_NS, concluded), "%s: job %u hangs", where, watched);
		promise_check();
	} while (gone(w) && goes_on(&went_on));
	const struct ini_job *j = gone(w) ? NULL : ini_job_find(w->host.ini, watched);
	if (!j)
		return false;
	promise_check_job(j);
	must(!went_on || w->good || j->conclusion == JOB_SUCCESS,
	     "%s: job %u went on after a restart, and has failed: %s", where, watched,
	     j->error.text);
	if (type == JOB_MIRROR && j->conclusion == JOB_SUCCESS)
		promise_acked(0, IMAGE);
	return j->conclusion == JOB_SUCCESS;
}

/* ---- the scenario ---- */

/* What nothing went wrong with succeeds. */
static void all_well(bool well, const char *what)
{
	must(w->fault || well, "without a fault: %s", what);
}

static bool scenario(void)
{
	if (!create())
		return false;
	all_well(job(JOB_MIRROR), "mirror");
	write_blocks(8, 8, 2, false);
	write_blocks(30, 4, 3, false);
	flush();
	write_blocks(12, 8, 4, true);
	(void)world_until(w, 5 * NS_PER_S, disk2_absent);
	write_blocks(28, 4, 5, false);
	(void)world_until(w, 5 * NS_PER_S, disk2_ready);
	all_well(job(JOB_RESYNC), "resync");
	all_well(job(JOB_VERIFY), "verify");
	write_blocks(60, 4, 6, false);
	spoil(0, 10);
	read_blocks(8, 8);
	all_well(members_readable(), "a read mends what it finds");
	spoil(0, 20);
	spoil(1, 33);
	spoil(2, 61);
	all_well(job(JOB_SCRUB) && ini_job_find(w->host.ini, watched)->t[1].repaired == 1, "scrub");
	set_mode(INI_BROADCAST);
	write_blocks(40, 16, 7, false);
	read_blocks(36, 24);
	return true;
}

/* Those that were left to a new daemon, or to one that was stopped, end, too. */
static void finish_jobs(void)
{
	uint32_t live[SAVED_JOBS];
	unsigned n = 0;

	for (unsigned i = 0; i < ini_jobs(w->host.ini); i++)
		if (!is_over(ini_job_at(w->host.ini, i)))
			live[n++] = ini_job_at(w->host.ini, i)->id;
	must(world_until(w, LIMIT_NS, no_jobs), "%s: a job hangs", where);
	for (unsigned i = 0; i < n; i++)
		promise_check_job(ini_job_find(w->host.ini, live[i]));
}

/* All is there again: the members can be made equal. */
static void end(void)
{
	world_repair(w);
	must(world_until(w, LIMIT_NS, all_ready), "%s: they do not find each other", where);
	finish_jobs();
	(void)world_until(w, 15 * NS_PER_S, NULL);
	finish_jobs();
	promise_check();
	if (the_group()) {
		if (members_synced() == 0)
			must(job(JOB_MIRROR) || members_synced() > 0,
			     "%s: no image can be mirrored",
			     where); /* who was started again may lack what is behind it */
		if (members_synced() < DISKS)
			must(job(JOB_RESYNC), "%s: no resync succeeds", where);
		must(members_synced() == DISKS && members_equal(), "%s: %u in sync, equal: %d",
		     where, members_synced(), members_equal());
		if (!members_readable())
			must(job(JOB_SCRUB), "%s: no scrub succeeds", where);
		must(job(JOB_VERIFY) && ini_job_find(w->host.ini, watched)->differing == 0,
		     "%s: a verify finds members that differ", where);
	}
	ini_drain(w->host.ini);
	w->host.due = true;
	must(world_until(w, LIMIT_NS, drained), "%s: it does not drain", where);
}

uint64_t scenario_run(void (*before)(struct world *x))
{
	long live = memory_live();

	promises_new();
	world_new(w);
	w->before = before;
	(void)scenario();
	uint64_t steps = w->steps;
	end();
	world_free(w);
	must(memory_live() == live, "%s: %ld pieces of memory are left", where,
	     memory_live() - live);
	return steps;
}
