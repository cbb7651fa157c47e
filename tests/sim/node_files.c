/* SPDX-License-Identifier: BSD-2-Clause */
/* The initiator daemon's files: its state, the write-intent log, images. */
#include "base/assert.h"
#include "mirror/intent.h"
#include "sim/mutant.h"
#include "sim/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the write-intent log ---- */

static void replace_log(struct sim_host *h)
{
	h->log.len = h->log_saving.len;
	memcpy(h->log.bytes, h->log_saving.bytes, h->log.len);
	h->log_void &= h->log.len == 0 || !h->log_is_new;
}

unsigned host_in_sync(const struct ini_group *g)
{
	unsigned n = 0;

	for (unsigned i = 0; g && i < g->n; i++)
		n += g->m[i].state == MEMBER_IN_SYNC;
	return n;
}

/* When the owner's log lets go of a block after an import, all members are equal there, and what
 * the other one has sent has ended. */
static void fence_others(struct sim *s, const struct sim_host *h)
{
	for (unsigned i = 0; i < s->n_hosts; i++)
		s->host[i].fenced |= i != h->index;
}

/* What is marked in the durable log now; what it lets go of is durable on all that are in sync (one
 * alone agrees with itself). */
static void look_at_log(struct sim *s, struct sim_host *h)
{
	static struct intent l;
	bool owner = host_owner(s) == h && !host_is_behind(s, h), some = false;
	const struct ini_group *g = owner ? host_group(h) : NULL;
	char why[128];
	bool was = h->knows_marks;

	intent_init(&l, h->disk.g.uuid, s->blocks, 0);
	h->knows_marks = h->log.len && !h->log_void &&
	                 intent_load(&l, h->log.bytes, h->log.len, why, sizeof(why));
	for (lba_t lba = 0; h->knows_marks && lba < s->blocks; lba++) {
		uint64_t r = lba >> l.shift, bit = 1ULL << r % 64;
		bool let_go = was && h->dirty[lba] && !(l.dirty[r / 64] & bit);
		h->dirty[lba] = l.dirty[r / 64] & bit;
		some |= !h->dirty[lba];
		for (unsigned i = 0; let_go && host_in_sync(g) > 1 && i < g->n; i++)
			if (g->m[i].state == MEMBER_IN_SYNC)
				store_let_go(s, g->m[i].uuid[0] - 0xd0U, lba);
	}
	if (owner && some)
		fence_others(s, h);
}

/* A repair needs no mark: it writes what another member has, or an only one had. */
static bool another_has_it(const struct sim *s, const struct sim_host *h, unsigned disk, lba_t lba)
{
	const struct ini_group *g = &h->disk.g;
	const uint8_t *p = s->d[disk].store.cache + lba * SIM_BLOCK;

	for (unsigned i = 0; i < g->n; i++) {
		unsigned other = g->m[i].uuid[0] - 0xd0U;
		if (other != disk &&
		    memcmp(p, s->d[other].store.cache + lba * SIM_BLOCK, SIM_BLOCK) == 0)
			return true;
	}
	return host_in_sync(g) == 1;
}

/* By one of them that has a mark of it, or none of which is known. */
static bool may_be_written(const struct sim *s, lba_t lba)
{
	for (unsigned i = 0; i < s->n_hosts; i++) {
		const struct sim_host *h = &s->host[i];
		if (!h->fenced && (!h->knows_marks || h->dirty[lba]))
			return true;
	}
	return false;
}

void host_files_written(struct sim *s, unsigned disk, lba_t lba)
{
	if (!s->created || may_be_written(s, lba))
		return;
	const struct sim_host *h = host_owner(s);
	if (another_has_it(s, h, disk, lba))
		return;
	for (unsigned i = 0; i < h->disk.g.n; i++) {
		const struct ini_member *m = &h->disk.g.m[i];
		if (m->uuid[0] == 0xd0 + disk && m->state == MEMBER_IN_SYNC)
			sim_fail(s,
			         "block %llu of disk %u is written, and the durable log has no "
			         "mark of it",
			         (unsigned long long)lba, disk);
	}
}

/* A log in which nothing is marked. */
static void clean_log(struct sim_host *h)
{
	static struct intent l;
	const struct ini_group *g = &h->disk.g;
	char why[128];

	intent_init(&l, g->uuid, g->blocks, 0);
	if (!h->log.len || !intent_load(&l, h->log.bytes, h->log.len, why, sizeof(why)))
		return;
	intent_init(&l, g->uuid, g->blocks, l.shift);
	h->log.len = intent_save(&l, h->log.bytes);
}

static void restore(struct sim *s, struct sim_host *h)
{
	struct ini_error e;

	if (!h->disk.there)
		return;
	look_at_log(s, h); /* it may have been saved before the state file knew its group */
	if (MUTANT(NO_RECOVERY))
		clean_log(h);
	if (h->disk.n > 0 && !ini_restore_group(h->ini, &h->disk.g, &e))
		sim_fail(s, "the saved state is refused: %s", e.text);
	if (h->disk.n > 0 && !ini_restore_intent(h->ini, SIM_GROUP,
	                                         h->log.len ? h->log.bytes : NULL, h->log.len, &e))
		SAY(s, "there is no write-intent log: %s", e.text);
	host_jobs_restore(s, h);
	ini_restore_next_job(h->ini, h->disk.next_job);
	bool owner = host_owner(s) == h;
	for (lba_t lba = 0; owner && h->disk.n > 0 && lba < s->blocks; lba++)
		if (!h->knows_marks || h->dirty[lba])
			model_recovers(&s->model, lba, s->model.clock);
}

void host_files_start(struct sim *s, struct sim_host *h)
{
	h->is_saving = h->save_again = h->log_is_saving = false;
	memset(h->op, 0, sizeof(h->op));
	restore(s, h);
}

void host_files_forget(struct sim_host *h)
{
	h->disk.there = h->knows_marks = false;
	h->disk.n = h->jobs.n = 0;
	h->log.len = 0;
}

void host_files_killed(struct sim *s, struct sim_host *h)
{
	if (h->is_saving && !h->save_fails) {
		bool done = sim_chance(&s->disk, 2);
		sim_mark(s, done ? MARK_HOST_SAVE_NEW : MARK_HOST_SAVE_OLD);
		if (done)
			h->disk = h->saving;
	}
	host_jobs_killed(s, h);
	if (h->log_is_saving && sim_chance(&s->disk, 2) && !h->log_fails &&
	    !MUTANT(LOG_NOT_SAVED)) {
		replace_log(h);
		look_at_log(s, h);
	}
}

/* ---- the state file ---- */

static void start_save(struct sim *s, struct sim_host *h, uint64_t seq)
{
	h->is_saving = true;
	h->save_seq = seq;
	h->save_fails = sim_strikes(s, MARK_HOST_SAVE_FAIL);
	h->saving.there = true;
	h->saving.next_job = ini_next_job(h->ini);
	h->saving.n = ini_groups(h->ini);
	sm_assert(h->saving.n <= 1);
	if (h->saving.n)
		ini_group_save(h->ini, 0, &h->saving.g);
	sim_host_at(s, h, s->now + sim_about(&s->disk, s->store_delay), SIM_SAVE, 0);
}

static void save(struct sim *s, struct sim_host *h, uint64_t seq)
{
	if (h->is_saving) {
		h->save_again = true;
		h->save_again_seq = seq;
	} else {
		start_save(s, h, seq);
	}
}

static void save_log(struct sim *s, struct sim_host *h, const struct ini_action *a)
{
	sm_assert(!h->log_is_saving && a->len <= SIM_INTENT_MAX);
	h->log_is_saving = h->log_is_new = true;
	h->log_op = a->op;
	h->log_fails = sim_strikes(s, MARK_HOST_LOG_FAIL);
	h->log_saving.len = a->len;
	if (a->len)
		memcpy(h->log_saving.bytes, a->bytes, a->len);
	sim_host_at(s, h, s->now + sim_about(&s->disk, s->store_delay), SIM_SAVE, 1);
}

static void log_saved(struct sim *s, struct sim_host *h)
{
	/* Behind the rename: its directory could not be synced. */
	bool there = !h->log_fails || sim_chance(&s->files, 2);
	h->log_is_saving = false;
	if (there && (!MUTANT(LOG_NOT_SAVED) || h->log.len == 0))
		replace_log(h);
	look_at_log(s, h);
	ini_intent_saved(h->ini, h->log_op, h->log_fails ? EIO : 0);
	host_node_wake(s, h);
}

void host_files_saved(struct sim *s, struct sim_host *h, bool log)
{
	if (log) {
		log_saved(s, h);
		return;
	}
	h->is_saving = false;
	if (!h->save_fails && !MUTANT(STATE_NOT_SAVED))
		h->disk = h->saving;
	if (!h->disk.there)
		h->disk = h->saving;
	look_at_log(s, h);
	ini_saved(h->ini, h->save_seq, h->save_fails ? EIO : 0);
	if (h->save_again) {
		h->save_again = false;
		start_save(s, h, h->save_again_seq);
	}
	host_node_wake(s, h);
}

/* ---- images ---- */

static void start_file(struct sim *s, struct sim_host *h, const struct ini_action *a)
{
	struct host_file_op *o = h->op;

	while (o->used)
		sm_assert(++o < h->op + SIM_FILE_OPS);
	*o = (struct host_file_op){.used = true,
	                           .op = a->op,
	                           .kind = a->kind,
	                           .file = a->file,
	                           .offset = a->offset,
	                           .len = a->len};
	if (a->kind == INI_ACT_FILE_WRITE)
		work_copy_written(s, a->file, a->offset, a->data->data + a->data_off, a->len);
	sim_host_at(s, h, s->now + sim_about(&s->disk, s->store_delay), SIM_FILE,
	            (uint32_t)(o - h->op));
}

void host_files_filed(struct sim *s, struct sim_host *h, uint32_t op)
{
	struct host_file_op o = h->op[op];
	int err = sim_strikes(s, MARK_HOST_FILE_FAIL) ? EIO : 0;

	sm_assert(o.used);
	h->op[op].used = false;
	if (o.kind == INI_ACT_FILE_READ) {
		struct block *b = block_new(o.len);
		work_image_read(s, o.file, o.offset, b);
		ini_file_read_done(h->ini, o.op, err, err ? NULL : b);
		block_unref(b);
	} else {
		ini_file_done(h->ini, o.op, err);
	}
	host_node_wake(s, h);
}

void host_files_do(struct sim *s, struct sim_host *h, const struct ini_action *a)
{
	if (a->kind == INI_ACT_SAVE)
		save(s, h, a->op);
	else if (a->kind == INI_ACT_INTENT)
		save_log(s, h, a);
	else
		start_file(s, h, a);
}
