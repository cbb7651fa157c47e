/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of the simulator; its help is below. */
#include "base/assert.h"
#include "sim/mutant.h"
#include "sim/sim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_DEFAULT 10000
#define CHECK_DEFAULT  512 /* for many seeds; 1 for one */
#define CHECK_ALL      512 /* and for one in so many of them */
#define SEED_LIMIT_S   60  /* of processor time: a seed that takes more hangs */
#define JOBS_MAX       64
#define FAILURES_MAX   20 /* then it is enough */

struct options {
	struct sim_options sim;
	uint64_t first, last;
	bool one, until_found, mutants;
	unsigned jobs;
	uint64_t progress; /* seeds of a process between two lines about it; 0: none */
};

/* What a worker tells; in memory that the parent has, too. */
struct worker {
	pid_t pid;
	uint64_t seed, last;
	uint64_t done, steps;
	uint64_t marks[MARKS];
	bool busy;
};

static void usage(FILE *to)
{
	fputs("usage: sim --seed N [--trace] | --seeds A..B [--jobs N] [--until-found]\n"
	      "           [--progress N] [--events N] [--faults N] [--without \"FAULT\"]... "
	      "[--mutant NAME]\n"
	      "           [--check N] [--two]\n"
	      "       sim --all-mutants --seeds A..B [--jobs N]\n"
	      "       sim --marks | --mutants\n"
	      "\n"
	      "  --seed N        run this seed and print its digest; --trace: and all that "
	      "happens\n"
	      "  --seeds A..B    run these, in N processes (1); print rates, marks, failing seeds\n"
	      "  --until-found   end at the first failing seed\n"
	      "  --progress N    a line after every N seeds of a process\n"
	      "  --events N      steps of the cores before the faults stop (10000)\n"
	      "  --check N       look at all invariants after every Nth step (512, of one seed in\n"
	      "                  512 each; of a single seed: 1); the bus server's: always\n"
	      "  --two           with two initiators on the group in each seed, not in one of "
	      "eight\n"
	      "  --faults N      inject the first N faults only\n"
	      "  --without F     inject none of this class (a name that --marks prints)\n"
	      "  --mutant NAME   with this mistake in it (--mutants prints them)\n"
	      "  --all-mutants   with each of them: the seed that finds it\n",
	      to);
}

static _Noreturn void bad(const char *what, const char *value)
{
	fprintf(stderr, "sim: %s: %s\n", what, value);
	usage(stderr);
	exit(2);
}

static uint64_t number(const char *what, const char *text)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end)
		bad(what, text);
	return v;
}

static void range(struct options *o, const char *text)
{
	char *end;

	o->first = strtoull(text, &end, 10);
	if (strncmp(end, "..", 2) != 0)
		bad("--seeds", text);
	o->last = number("--seeds", end + 2);
	if (o->last < o->first)
		bad("--seeds", text);
}

static void without(struct options *o, const char *name)
{
	for (unsigned m = 0; m < MARKS; m++)
		if (sim_marks[m].per != '-' && strcmp(sim_marks[m].name, name) == 0) {
			o->sim.without[m] = true;
			return;
		}
	bad("--without", name);
}

static void mutant(const char *name)
{
	for (unsigned m = 0; m < MUTANTS; m++)
		if (strcmp(sim_mutants[m].name, name) == 0) {
			sim_mutant = m;
			return;
		}
	bad("--mutant", name);
}

static void list(bool mutants)
{
	for (unsigned m = 1; mutants && m < MUTANTS; m++)
		printf("%s\t%s\n", sim_mutants[m].name, sim_mutants[m].what);
	for (unsigned m = 0; !mutants && m < MARKS; m++)
		printf("%s%s\n", sim_marks[m].name, sim_marks[m].per != '-' ? "" : " (seen)");
	exit(0);
}

static void option(struct options *o, const char *name, const char *value)
{
	if (strcmp(name, "--seed") == 0) {
		o->first = o->last = number(name, value);
		o->one = true;
		o->sim.check_every = o->sim.check_every ? o->sim.check_every : 1;
	} else if (strcmp(name, "--seeds") == 0) {
		range(o, value);
	} else if (strcmp(name, "--events") == 0) {
		o->sim.events = number(name, value);
	} else if (strcmp(name, "--faults") == 0) {
		o->sim.struck_max = number(name, value);
	} else if (strcmp(name, "--progress") == 0) {
		o->progress = number(name, value);
	} else if (strcmp(name, "--check") == 0) {
		o->sim.check_every = (unsigned)number(name, value);
		if (o->sim.check_every < 1)
			bad(name, value);
	} else if (strcmp(name, "--jobs") == 0) {
		o->jobs = (unsigned)number(name, value);
		if (o->jobs < 1 || o->jobs > JOBS_MAX)
			bad(name, value);
	} else if (strcmp(name, "--without") == 0) {
		without(o, value);
	} else if (strcmp(name, "--mutant") == 0) {
		mutant(value);
	} else {
		bad("no such option", name);
	}
}

static struct options parse(int argc, char **argv)
{
	struct options o = {.sim = {.events = EVENTS_DEFAULT, .struck_max = UINT64_MAX},
	                    .first = 1,
	                    .last = 0,
	                    .jobs = 1};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			usage(stdout);
			exit(0);
		}
		if (strcmp(argv[i], "--mutants") == 0 || strcmp(argv[i], "--marks") == 0)
			list(strcmp(argv[i], "--mutants") == 0);
		if (strcmp(argv[i], "--trace") == 0)
			o.sim.trace = true;
		else if (strcmp(argv[i], "--two") == 0)
			o.sim.two = true;
		else if (strcmp(argv[i], "--until-found") == 0)
			o.until_found = true;
		else if (strcmp(argv[i], "--all-mutants") == 0)
			o.mutants = o.until_found = true;
		else if (i + 1 < argc)
			option(&o, argv[i], argv[i + 1]), i++;
		else
			bad("no value", argv[i]);
	}
	if (o.last < o.first)
		bad("no seeds", "--seed or --seeds");
	return o;
}

/* ---- running ---- */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A build in which some mistakes and faults would be without effect, unseen. */
static void check_build(void)
{
	if (sim_stands_in())
		return;
	fprintf(stderr, "sim: built with link-time optimization (-flto): what stands in for "
	                "functions of the cores "
	                "is not called; build it without\n");
	exit(2);
}

static int run_one(const struct options *o)
{
	uint64_t marks[MARKS] = {0}, steps;
	uint64_t digest = sim_run(o->first, &o->sim, marks, &steps);

	printf("seed %llu: %llu steps, digest %016llx\n", (unsigned long long)o->first,
	       (unsigned long long)steps, (unsigned long long)digest);
	return 0;
}

static _Noreturn void work(struct worker *w, const struct options *o)
{
	const struct itimerval limit = {.it_value.tv_sec = SEED_LIMIT_S};

	for (; w->seed <= w->last; w->seed += o->jobs) {
		struct sim_options sim = o->sim;
		uint64_t steps;
		if (sim.check_every == 0)
			sim.check_every = w->seed % CHECK_ALL == 0 ? 1 : CHECK_DEFAULT;
		(void)setitimer(ITIMER_PROF, &limit, NULL);
		(void)sim_run(w->seed, &sim, w->marks, &steps);
		w->steps += steps;
		w->done++;
		if (o->progress && w->done % o->progress == 0)
			printf("to seed %llu of %llu: %llu clean in this process\n",
			       (unsigned long long)w->seed, (unsigned long long)w->last,
			       (unsigned long long)w->done);
	}
	_exit(0);
}

static void start(struct worker *w, const struct options *o)
{
	fflush(stdout);
	w->busy = true;
	pid_t pid = fork();
	if (pid == 0)
		work(w, o);
	w->pid = pid;
	if (pid < 0) {
		perror("sim: fork");
		exit(2);
	}
}

static void told(const struct worker *w, const struct options *o, int status)
{
	printf("FAILED: seed %llu: %s; again: %s", (unsigned long long)w->seed,
	       !WIFSIGNALED(status)          ? "ends"
	       : WTERMSIG(status) == SIGPROF ? "takes too long"
	                                     : strsignal(WTERMSIG(status)),
	       SIM_PROGRAM);
	if (sim_mutant)
		printf(" --mutant %s", sim_mutants[sim_mutant].name);
	if (o->sim.two)
		printf(" --two");
	if (o->sim.events != EVENTS_DEFAULT)
		printf(" --events %llu", (unsigned long long)o->sim.events);
	if (o->sim.struck_max != UINT64_MAX)
		printf(" --faults %llu", (unsigned long long)o->sim.struck_max);
	for (unsigned m = 0; m < MARKS; m++)
		if (o->sim.without[m])
			printf(" --without \"%s\"", sim_marks[m].name);
	printf(" --seed %llu --trace\n", (unsigned long long)w->seed);
}

static void report(const struct worker *w, unsigned n, double took, unsigned failed)
{
	uint64_t done = 0, steps = 0;

	for (unsigned i = 0; i < n; i++) {
		done += w[i].done;
		steps += w[i].steps;
	}
	for (unsigned m = 0; m < MARKS; m++) {
		uint64_t count = 0;
		for (unsigned i = 0; i < n; i++)
			count += w[i].marks[m];
		printf("%12llu  %s\n", (unsigned long long)count, sim_marks[m].name);
	}
	printf("%llu seeds clean, %u failed; %.1f s, %.0f seeds a minute, %.0f steps a seed, "
	       "%.2f million steps a second\n",
	       (unsigned long long)done, failed, took, (double)done * 60 / took,
	       done ? (double)steps / (double)done : 0.0, (double)steps / took / 1e6);
}

static void start_all(struct worker *w, const struct options *o)
{
	for (unsigned i = 0; i < o->jobs; i++) {
		w[i] = (struct worker){.seed = o->first + i, .last = o->last};
		start(&w[i], o);
	}
}

static struct worker *workers(void)
{
	struct worker *w = mmap(NULL, JOBS_MAX * sizeof(*w), PROT_READ | PROT_WRITE,
	                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	sm_assert(w != MAP_FAILED);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	return w;
}

static int run_all(struct options *o)
{
	struct worker *w = workers();
	double began = seconds();
	unsigned failed = 0;
	bool enough = false;
	int status;
	pid_t pid;

	start_all(w, o);
	while ((pid = wait(&status)) > 0) {
		struct worker *k = w;
		while (k->pid != pid)
			k++;
		k->busy = false;
		if (status == 0)
			continue;
		failed++;
		told(k, o, status);
		enough = enough || o->until_found || failed >= FAILURES_MAX;
		for (unsigned i = 0; enough && i < o->jobs; i++)
			if (w[i].busy)
				kill(w[i].pid, SIGTERM), w[i].last = 0, failed--;
		k->seed += o->jobs;
		if (!enough && k->seed <= k->last)
			start(k, o);
	}
	report(w, o->jobs, seconds() - began, failed);
	return failed ? 1 : 0;
}

/* The first failure, of whichever process; 0: none of the seeds fails. */
static uint64_t first_failure(struct worker *w, const struct options *o)
{
	uint64_t found = 0;
	int status;
	pid_t pid;

	start_all(w, o);
	while ((pid = wait(&status)) > 0) {
		struct worker *k = w;
		while (k->pid != pid)
			k++;
		k->busy = false;
		if (status == 0 || found)
			continue;
		found = k->seed;
		for (unsigned i = 0; i < o->jobs; i++)
			if (w[i].busy)
				kill(w[i].pid, SIGTERM);
	}
	return found;
}

/* It is the mutant that the seed finds: without it nothing fails. */
static bool is_clean(struct worker *w, const struct options *o, uint64_t seed)
{
	struct options one = *o;

	one.first = one.last = seed;
	one.jobs = 1;
	sim_mutant = MUTANT_NONE;
	return first_failure(w, &one) == 0;
}

/* With two initiators in each seed where the seeds as they are do not find it. */
static uint64_t find(struct worker *w, struct options *o, const char **how)
{
	uint64_t seed = first_failure(w, o);

	*how = o->sim.two ? "--two" : "";
	if (seed || o->sim.two)
		return seed;
	o->sim.two = true;
	*how = "--two";
	return first_failure(w, o);
}

/* Each mutant with the seed that finds it: what fails says so into the void. */
static int hunt(struct options *o)
{
	struct worker *w = workers();
	unsigned missed = 0;

	if (!freopen("/dev/null", "w", stderr))
		return 2;
	for (unsigned m = 1; m < MUTANTS; m++) {
		double began = seconds();
		sim_mutant = m;
		struct options of = *o;
		const char *how;
		uint64_t seed = find(w, &of, &how);
		bool found = seed && is_clean(w, &of, seed);
		printf("%-20s %s %-6llu %-5s %6.1f s  %s\n", sim_mutants[m].name,
		       found  ? "seed"
		       : seed ? "FAILS WITHOUT IT"
		              : "NOT FOUND",
		       (unsigned long long)seed, how, seconds() - began, sim_mutants[m].what);
		missed += !found;
	}
	printf("%d mutants, %u not found\n", MUTANTS - 1, missed);
	return missed ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct options o = parse(argc, argv);

	check_build();
	sim_keep_memory();
	if (o.mutants)
		return hunt(&o);
	if (o.one)
		return run_one(&o);
	return run_all(&o);
}
