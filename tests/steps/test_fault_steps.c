/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fault at each step. A fixed scenario is run: a group of three disks, a mirror job, writes, a
 * flush, a member that goes and comes back, a resync, a verify. Before each step of it the process
 * divides, and in the new one each class of faults strikes, once and for good. However it goes on
 * there:
 *
 *   - nothing hangs: each command is answered and each job concluded within its time, or the daemon
 *     that had them is dead;
 *   - a job that says that it succeeded did, and what it says of a target is so;
 *   - a member that counts as in sync holds every write that was acknowledged;
 *   - when all is repaired the members can be made equal, hold what was acknowledged, and a verify
 *     says so; the daemon drains;
 *   - no memory is left behind.
 */
#include "initiator/core.h"
#include "steps/world.h"
#include "unit/tap_main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_NS   (300 * NS_PER_S)
#define IMAGE      24 /* blocks */
#define IMAGE_FILL 1
#define WRITES     16

static struct world w;
static char where[200];

/* ---- what was promised ---- */

static struct {
	unsigned n;
	struct {
		uint8_t value;
		bool acked;
	} write[WRITES];
} blocks[BLOCKS];

static void begun(uint32_t lba, uint32_t n, uint8_t fill)
{
	for (uint32_t i = lba; i < lba + n; i++) {
		must(blocks[i].n < WRITES, "too many");
		blocks[i].write[blocks[i].n].value = fill;
		blocks[i].write[blocks[i].n++].acked = false;
	}
}

static void acked(uint32_t lba, uint32_t n)
{
	for (uint32_t i = lba; i < lba + n; i++)
		blocks[i].write[blocks[i].n - 1].acked = true;
}

/* The write that was acknowledged last, or one after it. */
static bool may_be(uint32_t lba, uint8_t value)
{
	unsigned first = 0;

	for (unsigned i = 0; i < blocks[lba].n; i++)
		if (blocks[lba].write[i].acked)
			first = i;
	for (unsigned i = first; i < blocks[lba].n; i++)
		if (blocks[lba].write[i].value == value)
			return true;
	return false;
}

static uint8_t value_of(unsigned disk, uint32_t lba)
{
	const uint8_t *p = w.disk[disk].media + (size_t)lba * BLOCK;

	must(memcmp(p, p + 1, BLOCK - 1) == 0, "%s: disk%u: block %u is mixed", where, disk, lba);
	return p[0];
}

static const struct ini_group *group(void)
{
	return w.host.ini ? ini_group_find(w.host.ini, "g0") : NULL;
}

static unsigned synced(void)
{
	const struct ini_group *g = group();
	unsigned n = 0;

	for (unsigned i = 0; g && i < g->n; i++)
		n += g->m[i].state == MEMBER_IN_SYNC;
	return n;
}

static void check_synced(void)
{
	const struct ini_group *g = group();

	for (unsigned i = 0; g && i < g->n; i++)
		for (uint32_t b = 0; g->m[i].state == MEMBER_IN_SYNC && b < BLOCKS; b++)
			must(may_be(b, value_of(i, b)),
			     "%s: disk%u counts as in sync, block %u is %u", where, i, b,
			     value_of(i, b));
}

static bool equal(void)
{
	const struct ini_group *g = group();
	int first = -1;

	for (unsigned i = 0; g && i < g->n; i++) {
		if (g->m[i].state != MEMBER_IN_SYNC)
			continue;
		if (first >= 0 &&
		    memcmp(w.disk[first].media, w.disk[i].media, sizeof(w.disk[i].media)) != 0)
			return false;
		first = (int)i;
	}
	return true;
}

/* ---- commands ---- */

static unsigned life;
static uint32_t watched;

static bool gone(const struct world *x)
{
	return !x->host.ini || x->host.lives != life;
}

static bool answered(const struct world *x)
{
	return x->host.replied || gone(x);
}

static bool concluded(const struct world *x)
{
	return gone(x) || ini_job_find(x->host.ini, watched)->state == JOB_CONCLUDED;
}

static bool ready(const struct world *x)
{
	return x->host.ini && x->host.attached && hba_settled(x->host.h);
}

static bool all_ready(const struct world *x)
{
	for (uint8_t i = 0; i < DISKS && ready(x); i++)
		if (hba_target(x->host.h, i)->state != HBA_READY)
			return false;
	return ready(x);
}

static bool disk2_ready(const struct world *x)
{
	return ready(x) && hba_target(x->host.h, 2)->state == HBA_READY;
}

static bool disk2_absent(const struct world *x)
{
	return !x->host.ini || hba_target(x->host.h, 2)->state == HBA_ABSENT;
}

/* The next command's token; false: there is no daemon to be asked. */
static bool ask(void)
{
	(void)world_until(&w, 20 * NS_PER_S, ready);
	if (!w.host.ini)
		return false;
	life = w.host.lives;
	w.host.token++;
	w.host.replied = false;
	w.host.due = true;
	return true;
}

/* Whether the command was carried out; not taken: it was refused at once. */
static bool carried_out(bool taken)
{
	if (!taken)
		return false;
	must(world_until(&w, LIMIT_NS, answered), "%s: no answer", where);
	check_synced();
	return !gone(&w) && w.host.error.kind == INI_OK;
}

static bool create(void)
{
	static const char *const members[] = {"disk0", "disk1", "disk2"};
	const uint8_t uuid[UUID_LEN] = {0xaa, 1};
	struct ini_error e;

	for (unsigned i = 0; i < 4; i++) {
		(void)world_until(&w, 10 * NS_PER_S, all_ready);
		if (!ask())
			return false;
		if (carried_out(ini_group_create(w.host.ini, "g0", members, DISKS, INI_SILENT, true,
		                                 uuid, w.host.token, &e)))
			return true;
		(void)world_until(&w, NS_PER_S, NULL);
		if (group())
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
	begun(lba, n, fill);
	bool taken = ini_group_write(w.host.ini, "g0", (uint64_t)lba * BLOCK, (uint32_t)b->len, b,
	                             w.host.token, &e);
	for (unsigned i = 0; leaves && i < 8; i++)
		(void)world_step(&w);
	if (leaves)
		world_kill_disk(&w, 2);
	if (carried_out(taken))
		acked(lba, n);
	block_unref(b);
}

static void flush(void)
{
	struct ini_error e;

	if (ask())
		(void)carried_out(ini_group_flush(w.host.ini, "g0", w.host.token, &e));
}

/* ---- jobs ---- */

static void check_mirror(const struct ini_job *j)
{
	for (unsigned i = 0; i < j->n_targets; i++) {
		const struct ini_job_target *t = &j->t[i];
		bool good = t->bad == 0 && t->good == IMAGE;
		unsigned disk = t->uuid[0] - 0xd0U;
		if (j->conclusion == JOB_SUCCESS)
			must(good, "%s: success, but not of %s", where, t->name);
		for (uint32_t b = 0; good && b < IMAGE; b++)
			must(value_of(disk, b) == IMAGE_FILL,
			     "%s: %s is said to have the image, block %u is %u", where, t->name, b,
			     value_of(disk, b));
	}
}

static void check_job(const struct ini_job *j)
{
	if (j->type == JOB_MIRROR && j->conclusion != JOB_CANCELLED)
		check_mirror(j);
	if (j->type == JOB_RESYNC && j->conclusion == JOB_SUCCESS)
		must(equal(), "%s: a resync succeeded, and members differ", where);
	if (j->type == JOB_VERIFY && j->conclusion == JOB_SUCCESS)
		must(j->differing > 0 || equal(), "%s: a verify found nothing, and members differ",
		     where);
	if (j->conclusion == JOB_FAILED)
		must(j->error.kind != INI_OK && j->error.text[0],
		     "%s: a job failed, and does not say why", where);
}

static bool job(enum ini_job_type type)
{
	struct ini_job_spec s = {.type = type, .mode = INI_MODE_DEFAULT, .group = "g0"};
	struct ini_error e;

	s.has_image = type == JOB_MIRROR;
	s.image_size = (uint64_t)IMAGE * BLOCK;
	w.image = IMAGE_FILL;
	if (!ask())
		return false;
	if (type == JOB_MIRROR)
		begun(0, IMAGE, IMAGE_FILL);
	watched = ini_job_create(w.host.ini, &s, &e);
	if (!watched)
		return false;
	must(world_until(&w, LIMIT_NS, concluded), "%s: job %u hangs", where, watched);
	check_synced();
	if (gone(&w))
		return false;
	const struct ini_job *j = ini_job_find(w.host.ini, watched);
	check_job(j);
	if (type == JOB_MIRROR && j->conclusion == JOB_SUCCESS)
		acked(0, IMAGE);
	return j->conclusion == JOB_SUCCESS;
}

/* ---- the scenario ---- */

static bool scenario(void)
{
	if (!create())
		return false;
	(void)job(JOB_MIRROR);
	write_blocks(8, 8, 2, false);
	write_blocks(30, 4, 3, false);
	flush();
	write_blocks(12, 8, 4, true);
	(void)world_until(&w, 5 * NS_PER_S, disk2_absent);
	write_blocks(28, 4, 5, false);
	(void)world_until(&w, 5 * NS_PER_S, disk2_ready);
	(void)job(JOB_RESYNC);
	(void)job(JOB_VERIFY);
	write_blocks(60, 4, 6, false);
	return true;
}

static bool drained(const struct world *x)
{
	return ini_drained(x->host.ini);
}

/* All is there again: the members can be made equal. */
static void end(void)
{
	world_repair(&w);
	must(world_until(&w, LIMIT_NS, all_ready), "%s: they do not find each other", where);
	(void)world_until(&w, 15 * NS_PER_S, NULL);
	check_synced();
	if (group()) {
		if (synced() == 0)
			must(job(JOB_MIRROR) || synced() > 0, "%s: no image can be mirrored",
			     where); /* who was started again may lack what is behind it */
		if (synced() < DISKS)
			must(job(JOB_RESYNC), "%s: no resync succeeds", where);
		must(synced() == DISKS && equal(), "%s: %u in sync, equal: %d", where, synced(),
		     equal());
		must(job(JOB_VERIFY) && ini_job_find(w.host.ini, watched)->differing == 0,
		     "%s: a verify finds members that differ", where);
	}
	ini_drain(w.host.ini);
	w.host.due = true;
	must(world_until(&w, LIMIT_NS, drained), "%s: it does not drain", where);
}

/* The scenario, with `before` before each of its steps; how many these are. */
static uint64_t run(void (*before)(struct world *x))
{
	long live = memory_live();

	memset(blocks, 0, sizeof(blocks));
	for (unsigned i = 0; i < BLOCKS; i++)
		blocks[i].write[blocks[i].n++].acked = true;
	world_new(&w);
	w.before = before;
	(void)scenario();
	uint64_t steps = w.steps;
	end();
	world_free(&w);
	must(memory_live() == live, "%s: %ld pieces of memory are left", where,
	     memory_live() - live);
	return steps;
}

#if defined(__SANITIZE_ADDRESS__)
#define FEWER 4 /* it makes each run slow */
#else
#define FEWER 1
#endif

static bool all(void)
{
	const char *v = getenv("FAULT_STEPS");

	return v && strcmp(v, "all") == 0;
}

/* ---- processes ---- */

static unsigned running;
static uint64_t runs;

/* One of them ends; what failed in it was told to Check there. */
static void reap(void)
{
	int status;
	pid_t child;

	do
		child = wait(&status);
	while (child < 0 && errno == EINTR);
	must(child > 0, "no process");
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		_exit(WEXITSTATUS(status));
	must(WIFEXITED(status), "a run ended by signal %d; the last one begun: %s",
	     WTERMSIG(status), where);
	running--;
}

static unsigned at_once(void)
{
	const char *v = getenv("JOBS");

	return v && atoi(v) > 0 ? (unsigned)atoi(v) : 1;
}

/* Whether this is the new process. */
static bool divide(void)
{
	runs++;
	for (; running >= at_once();)
		reap();
	pid_t child = fork();
	must(child >= 0, "no process");
	running += child > 0;
	return child == 0;
}

static uint64_t steps_of_all;

/* Which steps: `make check` has time for some. */
static bool chosen(unsigned f, uint64_t step)
{
	uint64_t stride = all() ? 1 : steps_of_all * FEWER / (f == FAULT_KILL_HOST ? 40 : 5) + 1;

	return step % stride == (1 + f * 17) % stride;
}

static unsigned kind; /* of fault */

static void each_step(struct world *x)
{
	for (unsigned good = 0; good < 2 && chosen(kind, x->steps + 1); good++) {
		(void)snprintf(where, sizeof(where), "step %llu of %llu: %s%s",
		               (unsigned long long)x->steps + 1, (unsigned long long)steps_of_all,
		               fault_names[kind], good ? ", for good" : "");
		if (!divide())
			continue;
		x->before = NULL;
		world_strike(x, (enum fault)kind, good);
		running = 0;
		steps_of_all = 0; /* the new process */
		return;
	}
}

START_TEST(the_system_ends_right_whatever_fails)
{
	kind = (unsigned)_i;
	(void)snprintf(where, sizeof(where), "without a fault");
	steps_of_all = run(NULL);
	uint64_t steps = run(each_step);
	if (steps_of_all == 0)
		exit(0); /* coverage counts what it ran */
	must(steps == steps_of_all, "the scenario is not the same each time");
	while (running > 0)
		reap();
	printf("# %s, before a step of %llu, once and for good: %llu runs, all ended right\n",
	       fault_names[kind], (unsigned long long)steps, (unsigned long long)runs);
	(void)fflush(stdout);
}
END_TEST

static unsigned long long one;
static unsigned one_kind, one_good;

static void one_fault(struct world *x)
{
	if (x->steps + 1 == one)
		world_strike(x, (enum fault)one_kind, one_good);
}

/* One step of one kind, to look at: FAULT_STEP=step:kind:good (STEPS_LOG=1 shows the log). */
START_TEST(one_step)
{
	const char *v = getenv("FAULT_STEP");

	if (!v)
		return;
	ck_assert_int_eq(sscanf(v, "%llu:%u:%u", &one, &one_kind, &one_good), 3);
	must(one_kind < FAULTS, "too many");
	(void)snprintf(where, sizeof(where), "step %llu: %s", one, fault_names[one_kind]);
	(void)run(one_fault);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("faults at each step");
	TCase *c = tcase_create("faults");

	tcase_set_timeout(c, all() ? 24 * 3600 : 600);
	if (getenv("FAULT_STEP"))
		tcase_add_test(c, one_step);
	else
		tcase_add_loop_test(c, the_system_ends_right_whatever_fails, 0, FAULTS);
	suite_add_tcase(s, c);
	return s;
}

TAP_MAIN_SUITE(make_suite);
