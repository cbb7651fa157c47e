/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load jobs: writes of made-up data to a group, each measured. They are those of ini_group_write()
 * but for where they come from: members that are in sync get them, and one that misses some is
 * stale before the write counts.
 */
#include "initiator/core.h"

#include "base/assert.h"
#include "base/cursor.h"

#include <string.h>

#define LOAD_BLOCK     4096
#define LOAD_IN_FLIGHT 32
#define LOAD_FOR_NS    (5 * NS_PER_S)
#define NOISE_SEED     0x736d6972726f72ULL
#define STAMP_LEN      24 /* at the beginning of each logical block */

static uint32_t block_of(const struct group *g, const struct ini_job_spec *s)
{
	uint32_t bs = g->pub.block_size;

	if (s->transfer)
		return s->transfer;
	return bs > LOAD_BLOCK ? bs : LOAD_BLOCK - LOAD_BLOCK % bs;
}

bool load_check(const struct group *g, const struct ini_job_spec *s, struct ini_error *e)
{
	const struct ini_load_spec *l = &s->load;
	uint32_t bs = g->pub.block_size, block = block_of(g, s);
	/* Those that come in sync before it begins, or while it runs, too. */
	uint32_t most = group_transfer(g, block, (uint16_t)((1U << g->pub.n) - 1));

	if (l->pattern >= INI_PATTERNS)
		return ini_refuse(e, INI_E_BAD_VALUE, "no such pattern");
	if (block % bs)
		return ini_refuse(e, INI_E_BAD_VALUE,
		                  "a load's block of %u bytes is no multiple of group %s's logical "
		                  "blocks, %u bytes",
		                  block, g->pub.name, bs);
	if (block / bs > g->pub.blocks)
		return ini_refuse(e, INI_E_BAD_VALUE,
		                  "a load's block of %u bytes is larger than group %s", block,
		                  g->pub.name);
	if (block > most)
		return ini_refuse(e, INI_E_BAD_VALUE,
		                  "a load's block of %u bytes: the members of group %s take at "
		                  "most %u at once",
		                  block, g->pub.name, most);
	if (s->window > INI_LOAD_WINDOW_MAX)
		return ini_refuse(e, INI_E_BAD_VALUE, "a load has 1 to %d writes in flight",
		                  INI_LOAD_WINDOW_MAX);
	if (l->writes > INI_LOAD_WRITES_MAX || l->for_ns > INI_LOAD_FOR_MAX)
		return ini_refuse(e, INI_E_BAD_VALUE, "a load ends after %llu writes or a day",
		                  (unsigned long long)INI_LOAD_WRITES_MAX);
	return true;
}

void load_fill_in(struct job *j, const struct ini_job_spec *s)
{
	const struct group *g = j->g;
	struct ini_load_spec *l = &j->pub.load.spec;

	*l = s->load;
	if (!l->for_ns && !l->writes)
		l->for_ns = LOAD_FOR_NS;
	j->pub.transfer = block_of(g, s);
	j->pub.window = s->window ? s->window : LOAD_IN_FLIGHT;
	j->pub.total = l->writes * j->pub.transfer;
	j->run_blocks = j->pub.transfer / g->pub.block_size;
	j->blocks = l->writes ? l->writes * j->run_blocks : UINT64_MAX;
}

/* All loads write the same noise, so what the members hold after one depends on its seed alone. */
static void make_noise(struct ini *ini)
{
	struct prng g = prng_init(NOISE_SEED);

	for (size_t i = 0; !ini->noisy && i < INI_BLOCK_MAX; i += 8)
		put_be64(ini->noise + i, prng_u64(&g));
	ini->noisy = true;
}

void load_begin(struct job *j)
{
	make_noise(j->ini);
	/* A job that it waited for may have changed who is in sync. */
	j->want = members_in_sync(j->g);
	job_list_targets(j);
	j->load.places = prng_init(j->pub.load.spec.seed);
	j->load.slots = j->g->pub.blocks / j->run_blocks;
	hist_clear(&j->load.latency);
}

void load_look(struct job *j)
{
	const struct ini_load *l = &j->pub.load;

	if (l->spec.for_ns && l->ran_ns >= l->spec.for_ns && j->next < j->blocks) {
		j->blocks = j->next;
		j->pub.total = j->next * j->g->pub.block_size;
	}
	if (j->next < j->blocks && members_in_sync(j->g) == 0)
		job_fail(j, INI_E_UNSYNCED, "no member of group %s is in sync", j->pub.group);
}

void load_place(struct job *j, struct io *io)
{
	const struct ini_load_spec *l = &j->pub.load.spec;
	uint64_t n = j->load.started++;
	lba_t slot = l->pattern == INI_RANDOM ? prng_below(&j->load.places, j->load.slots)
	                                      : n % j->load.slots;

	io->lba = slot * j->run_blocks;
	io->blocks = j->run_blocks;
	io->number = n + 1;
	io->began_ns = j->ini->now;
	if (!l->writes)
		j->pub.total = j->next * j->g->pub.block_size;
}

void load_data(struct io *io, struct block *b)
{
	uint32_t bs = io->g->pub.block_size;

	sm_assert(bs >= STAMP_LEN && io->blocks * bs <= b->len && io->blocks * bs <= INI_BLOCK_MAX);
	memcpy(b->data, io->ini->noise, (size_t)io->blocks * bs);
	for (uint32_t i = 0; i < io->blocks; i++) {
		uint8_t *p = b->data + (size_t)i * bs;
		put_be64(p, io->number);
		put_be64(p + 8, io->lba + i);
		put_be64(p + 16, io->job->pub.load.spec.seed);
	}
	io->data = block_ref(b);
}

/* As for a client's write: it has failed when no member that was in sync holds it. */
bool load_written(struct job *j, const struct io *io)
{
	const struct group *g = j->g;
	const char *member = g->pub.m[io->last_member].name;
	char text[128];

	if (io->ticket && g->change_error.kind != INI_OK) {
		job_fail(j, g->change_error.kind, "%s", g->change_error.text);
		return false;
	}
	if (!io_lasts(io)) {
		if (!j->aborting) {
			job_fail(j, INI_E_DEVICE,
			         "group %s could not be written at LBA %llu: %s: %s", g->pub.name,
			         (unsigned long long)io->lba, member,
			         why_text(&io->last, text, sizeof(text)));
			ini_error_why(&j->pub.error, member, &io->last);
		}
		return false;
	}
	j->pub.load.writes++;
	hist_add(&j->load.latency, j->ini->now - io->began_ns);
	return true;
}

/* Writes may meet the same blocks more than once: a run is listed once, and counted each time. */
void load_bad(struct job *j, unsigned t, lba_t lba, uint32_t blocks, const struct why *why)
{
	struct ini_job_target *x = &j->pub.t[t];

	for (unsigned i = 0; i < x->n_runs; i++) {
		if (x->runs[i].lba < lba + blocks && lba < x->runs[i].lba + x->runs[i].blocks) {
			x->bad += blocks;
			return;
		}
	}
	target_bad(j, t, lba, blocks, why);
}

/* What a member was not sent, since it was in sync no more, it does not hold either. */
void load_settle(struct job *j)
{
	uint64_t written = j->pub.done / j->g->pub.block_size;

	for (unsigned t = 0; t < j->pub.n_targets; t++) {
		struct ini_job_target *x = &j->pub.t[t];
		if (x->good + x->bad >= written)
			continue;
		x->bad = written - x->good;
		x->runs_dropped++;
	}
}

void load_sum_up(struct job *j)
{
	const struct hist *h = &j->load.latency;

	if (h->n == 0)
		return;
	j->pub.load.latency = (struct ini_latency){
	        .min = h->min,
	        .mean = hist_mean(h),
	        .p50 = hist_at(h, 500),
	        .p90 = hist_at(h, 900),
	        .p99 = hist_at(h, 990),
	        .p99_9 = hist_at(h, 999),
	        .max = h->max,
	};
}
