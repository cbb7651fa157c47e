/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients: what they ask of the initiator, and what they hear. */
#include "base/assert.h"
#include "scsi/cdb.h"
#include "sim/sim.h"

#include <string.h>

static uint8_t contents[SIM_BLOCKS * SIM_BLOCK];

static const uint8_t *contents_of(uint64_t value, lba_t lba, lba_t blocks)
{
	for (lba_t i = 0; i < blocks; i++)
		model_fill(value, lba + i, contents + i * SIM_BLOCK, SIM_BLOCK);
	return contents;
}

/* What was removed before the oldest read began is of no use to anybody. */
static void look_back(struct sim *s)
{
	uint64_t oldest = s->model.clock;

	for (unsigned i = 0; i < SIM_OPS; i++)
		if (s->op[i].kind == CLIENT_READ && s->op[i].began < oldest)
			oldest = s->op[i].began;
	for (unsigned i = 0; i < SIM_FILES; i++)
		if (s->file[i].used && s->file[i].type == JOB_READ && s->file[i].began < oldest)
			oldest = s->file[i].began;
	s->model.oldest_read = oldest;
}

static struct client_op *op_new(struct sim *s, struct sim_host *h, enum client_kind kind)
{
	for (unsigned i = 0; i < SIM_OPS; i++) {
		struct client_op *o = &s->op[i];
		if (o->kind != CLIENT_NONE)
			continue;
		*o = (struct client_op){.kind = kind, .host = h, .token = ++s->next_token};
		o->began = model_now(&s->model);
		return o;
	}
	return NULL;
}

static void op_free(struct client_op *o)
{
	block_unref(o->block);
	*o = (struct client_op){.kind = CLIENT_NONE};
}

void work_free(struct sim *s)
{
	for (unsigned i = 0; i < SIM_OPS; i++)
		op_free(&s->op[i]);
}

static void refused(struct sim *s, struct client_op *o, const struct ini_error *e)
{
	SAY(s, "refused: %s", e->text);
	sim_mark(s, MARK_REFUSED);
	if (host_has_lost(o->host) && e->kind == INI_E_BUSY)
		sim_mark(s, MARK_LOST_REFUSES);
	op_free(o);
}

/* Who has lost the group does nothing with it. */
static void accepted(struct sim *s, const struct sim_host *h)
{
	if (host_has_lost(h))
		sim_fail(s, "initiator %u has lost the group, and takes a command", h->id);
}

static void pick_range(struct sim *s, struct client_op *o)
{
	o->blocks = (uint32_t)(1 + prng_below(&s->work, 8));
	/* Half of it within a few blocks, so that commands meet. */
	lba_t within = sim_chance(&s->work, 2) ? 16 : s->blocks;
	o->lba = prng_below(&s->work, within - o->blocks + 1);
}

/* ---- groups ---- */

bool work_create_group(struct sim *s, struct sim_host *h)
{
	static const char *const names[SIM_DISKS] = {"disk0", "disk1", "disk2",
	                                             "disk3", "disk4", "disk5"};
	uint8_t uuid[UUID_LEN];
	struct ini_error e;
	struct client_op *o = op_new(s, h, CLIENT_CREATE);

	memset(uuid, 0x66, sizeof(uuid));
	return ini_group_create(h->ini, SIM_GROUP, names, s->n_disks,
	                        (enum ini_mode)prng_below(&s->work, 3), true, uuid, o->token, &e);
}

static void start_write(struct sim *s, struct sim_host *h)
{
	struct client_op *o = op_new(s, h, CLIENT_WRITE);
	struct ini_error e;

	if (!o)
		return;
	pick_range(s, o);
	look_back(s);
	uint64_t value = ++s->next_value;
	if (!model_room(&s->model, o->lba, o->blocks)) {
		op_free(o);
		return;
	}
	o->block = block_new((size_t)o->blocks * SIM_BLOCK);
	memcpy(o->block->data, contents_of(value, o->lba, o->blocks), o->block->len);
	o->write = model_begin(&s->model, o->lba, o->blocks, o->block->data, SIM_BLOCK);
	SAY(s, "write %llu: %u blocks at %llu", (unsigned long long)o->token, o->blocks,
	    (unsigned long long)o->lba);
	if (ini_group_write(h->ini, SIM_GROUP, o->lba * SIM_BLOCK, o->blocks * SIM_BLOCK, o->block,
	                    o->token, &e)) {
		accepted(s, h);
		return;
	}
	model_undo(&s->model, o->lba, o->blocks, o->write);
	refused(s, o, &e);
}

static void start_read(struct sim *s, struct sim_host *h)
{
	struct client_op *o = op_new(s, h, CLIENT_READ);
	struct ini_error e;

	if (!o)
		return;
	pick_range(s, o);
	o->block = block_new((size_t)o->blocks * SIM_BLOCK);
	memset(o->block->data, 0x5a, o->block->len);
	SAY(s, "read %llu: %u blocks at %llu", (unsigned long long)o->token, o->blocks,
	    (unsigned long long)o->lba);
	if (!ini_group_read(h->ini, SIM_GROUP, o->lba * SIM_BLOCK, o->blocks * SIM_BLOCK, o->block,
	                    o->token, &e))
		refused(s, o, &e);
	else
		accepted(s, h);
}

void work_read(struct sim *s, struct sim_host *h)
{
	start_read(s, h);
	host_node_wake(s, h);
}

static void start_flush(struct sim *s, struct sim_host *h)
{
	struct client_op *o = op_new(s, h, CLIENT_FLUSH);
	struct ini_error e;

	if (!o)
		return;
	SAY(s, "flush %llu", (unsigned long long)o->token);
	if (!ini_group_flush(h->ini, SIM_GROUP, o->token, &e))
		refused(s, o, &e);
	else
		accepted(s, h);
}

static void start_set(struct sim *s, struct sim_host *h)
{
	struct client_op *o = op_new(s, h, CLIENT_SET);
	struct ini_group_set set = {.has_mode = true,
	                            .mode = (enum ini_mode)prng_below(&s->work, 3)};
	struct ini_error e;

	if (!o)
		return;
	if (!ini_group_set(h->ini, SIM_GROUP, &set, o->token, &e))
		refused(s, o, &e);
	else
		accepted(s, h);
}

void work_import(struct sim *s, struct sim_host *h, bool force)
{
	struct sim_host *from = host_owner(s);
	struct client_op *o;
	struct ini_error e;

	if (host_group(h) || !sim_all_ready(s, h) || !(o = op_new(s, h, CLIENT_IMPORT)))
		return;
	o->from = from;
	o->force = force;
	SAY(s, "initiator %u is to import the group%s", h->id, force ? " by force" : "");
	if (force)
		owners_force(s);
	h->claims = false;
	h->importing = ini_group_import(h->ini, SIM_GROUP, NULL, force, o->token, &e);
	if (!h->importing)
		refused(s, o, &e);
	host_node_wake(s, h);
}

void work_delete(struct sim *s, struct sim_host *h)
{
	struct client_op *o = op_new(s, h, CLIENT_DELETE);
	struct ini_error e;

	if (!o)
		return;
	SAY(s, "initiator %u is to delete the group", h->id);
	if (!ini_group_delete(h->ini, SIM_GROUP, o->token, &e))
		refused(s, o, &e);
	host_node_wake(s, h);
}

/* ---- replies ---- */

static void check_read(struct sim *s, lba_t lba, uint64_t hash, uint64_t began, const char *who)
{
	if (model_allows(&s->model, lba, hash, began))
		return;
	const struct model_block *b = &s->model.b[lba];
	for (unsigned i = 0; i < b->n; i++)
		SAY(s, "  may be: write %u, hash %llx, %s%llu to %llu, gone %llu", b->e[i].write,
		    (unsigned long long)b->e[i].hash, b->e[i].acked ? "acknowledged, " : "",
		    (unsigned long long)b->e[i].began, (unsigned long long)b->e[i].ended,
		    (unsigned long long)b->e[i].removed);
	sim_fail(s, "%s, begun at %llu: block %llu is what it may not be (hash %llx)", who,
	         (unsigned long long)began, (unsigned long long)lba, (unsigned long long)hash);
}

static void was_read(struct sim *s, struct client_op *o, const struct ini_action *a)
{
	bool good = a->error.kind == INI_OK;

	sim_mark(s, good ? MARK_READ_GOOD : MARK_READ_FAILED);
	for (uint32_t i = 0; good && i < o->blocks; i++) {
		const uint8_t *p = a->data->data + a->data_off + (size_t)i * SIM_BLOCK;
		check_read(s, o->lba + i, model_hash(p, SIM_BLOCK), o->began, "read");
	}
}

static unsigned disk_of(const struct ini_member *m)
{
	return (unsigned)m->uuid[0] - 0xd0;
}

/* Whoever is in sync has it, or what took its place; or had it until a power cut. */
static void check_written(struct sim *s, const struct client_op *o, const struct ini_member *m)
{
	const uint8_t *p = s->d[disk_of(m)].store.cache + o->lba * SIM_BLOCK;

	for (size_t i = 0; i < o->blocks; i++, p += SIM_BLOCK)
		if (!s->d[disk_of(m)].cut[o->lba + i] &&
		    memcmp(p, o->block->data + i * SIM_BLOCK, SIM_BLOCK) != 0 &&
		    !model_allows(&s->model, o->lba + i, model_hash(p, SIM_BLOCK),
		                  s->model.clock + 1))
			sim_fail(s, "a write is acknowledged, and block %llu of %s has not got it",
			         (unsigned long long)(o->lba + i), m->name);
}

/* In sync for whoever answers, and for whoever has the group by now. */
static bool counts(struct sim *s, const struct client_op *o, unsigned member)
{
	const struct sim_host *owner = host_owner(s);
	const struct ini_group *g = host_group(o->host), *now = host_group(owner);

	if (!now && !owner->ini && owner->disk.n > 0)
		now = &owner->disk.g; /* it is down */
	return g->m[member].state == MEMBER_IN_SYNC &&
	       (!now || (member < now->n && now->m[member].state == MEMBER_IN_SYNC &&
	                 memcmp(now->m[member].uuid, g->m[member].uuid, UUID_LEN) == 0));
}

static void written(struct sim *s, struct client_op *o, bool good)
{
	const struct ini_group *g = host_group(o->host);

	sim_mark(s, good ? MARK_WRITE_GOOD : MARK_WRITE_FAILED);
	model_end(&s->model, o->lba, o->blocks, o->write, good);
	for (unsigned i = 0; good && i < g->n; i++)
		if (counts(s, o, i))
			check_written(s, o, &g->m[i]);
}

static void flushed(struct sim *s, const struct client_op *o, bool good)
{
	const struct ini_group *g = host_group(o->host);

	sim_mark(s, good ? MARK_FLUSH_GOOD : MARK_FLUSH_FAILED);
	for (unsigned i = 0; good && i < g->n; i++)
		if (counts(s, o, i))
			store_flushed(s, disk_of(&g->m[i]), o->began);
}

static void imported(struct sim *s, const struct client_op *o, const struct ini_error *e)
{
	const struct ini_group *g = host_group(o->host);
	bool there = e->kind == INI_OK || (g && e->kind == INI_E_STATE_DIR);

	if (e->kind == INI_OK)
		sim_mark(s, host_in_sync(g) > 0 ? MARK_IMPORTED : MARK_IMPORTED_STALE);
	/* Their pages do not say who has more: behind a smaller image each one's is as good. The
	 * group may be there even so that its state was not saved. */
	for (unsigned i = 0; there && host_in_sync(g) == 0 && i < s->n_disks; i++)
		for (lba_t lba = 0; lba < s->blocks; lba++)
			store_excuse(s, i, lba);
	owners_imported(s, o, e);
}

void work_reply(struct sim *s, struct sim_host *h, const struct ini_action *a)
{
	struct client_op *o = s->op;

	while (o < s->op + SIM_OPS &&
	       (o->kind == CLIENT_NONE || o->host != h || o->token != a->token))
		o++;
	if (o == s->op + SIM_OPS)
		sim_fail(s, "a second answer, or one to nobody: %llu",
		         (unsigned long long)a->token);
	SAY(s, "answer to %llu: %s", (unsigned long long)a->token,
	    a->error.kind == INI_OK ? "good" : a->error.text);
	sim_note(s, a->token << 8 | a->error.kind);
	bool good = a->error.kind == INI_OK;
	if (o->kind == CLIENT_WRITE)
		written(s, o, good);
	else if (o->kind == CLIENT_READ)
		was_read(s, o, a);
	else if (o->kind == CLIENT_FLUSH)
		flushed(s, o, good);
	else if (o->kind == CLIENT_IMPORT)
		imported(s, o, &a->error);
	else if (o->kind == CLIENT_DELETE && good)
		owners_deleted(s, h);
	else if (o->kind == CLIENT_CREATE && !good)
		sim_fail(s, "the group cannot be made: %s", a->error.text);
	op_free(o);
}

/* ---- tasks ---- */

static void task_data(struct hba_task *t, uint32_t offset, struct block *data, uint32_t len)
{
	struct client_task *k = t->ctx;

	(void)data;
	if (!k->used || offset + len > t->data_in_len)
		sim_fail(k->s, "data of a task that has ended, or too much of it");
	k->got += len;
}

static void task_done(struct hba_task *t)
{
	struct client_task *k = t->ctx;
	struct sim *s = k->s;

	if (!k->used)
		sim_fail(s, "a task ends twice");
	k->used = false;
	sim_mark(s, MARK_TASK_DONE);
	sim_note(s, (uint64_t)t->outcome << 8 | t->status);
	if (t->outcome == HBA_ABORTED && k->by_abort)
		sim_mark(s, MARK_TASK_ABORTED);
	else if (t->outcome == HBA_COMMAND_TIMEOUT)
		sim_mark(s, MARK_TASK_TIMEOUT);
	else if (t->outcome == HBA_BUS_RESET)
		sim_mark(s, MARK_TASK_RESET);
	else if (t->outcome == HBA_SELECTION_TIMEOUT)
		sim_mark(s, MARK_TASK_NOBODY);
	bool whole = t->outcome == HBA_COMPLETED && t->status == SCSI_GOOD;
	if (whole && t->cdb[0] == OP_READ_16 && t->moved_in != t->data_in_len)
		sim_fail(s, "READ is GOOD with %u of %u bytes", t->moved_in, t->data_in_len);
	if (whole && t->cdb[0] == OP_READ_16 && k->got != t->data_in_len)
		sim_fail(s, "READ is GOOD, and %u of %u bytes came", k->got, t->data_in_len);
}

static void start_task(struct sim *s, struct sim_host *h)
{
	static const enum scsi_op ops[] = {OP_TEST_UNIT_READY, OP_READ_16, OP_READ_16, OP_INQUIRY};
	struct client_task *k = s->task;
	struct scsi_cdb cdb = {.op = ops[prng_below(&s->work, ARRAY_LEN(ops))]};

	while (k < s->task + SIM_TASKS && k->used)
		k++;
	if (k == s->task + SIM_TASKS)
		return;
	memset(k, 0, sizeof(*k));
	k->used = true;
	k->s = s;
	k->host = h;
	k->t.target = (uint8_t)prng_below(&s->work, s->n_disks + 1);
	k->t.untagged = sim_chance(&s->work, 16);
	k->t.no_disconnect = sim_chance(&s->work, 8);
	if (cdb.op == OP_READ_16) {
		cdb.blocks = (uint32_t)(1 + prng_below(&s->work, 8));
		cdb.lba = prng_below(&s->work, s->blocks - cdb.blocks + 1);
		k->t.data_in_len = cdb.blocks * SIM_BLOCK;
	} else if (cdb.op == OP_INQUIRY) {
		k->t.data_in_len = 36;
	}
	k->t.cdb_len = (uint8_t)scsi_cdb_put(&cdb, k->t.cdb);
	if (cdb.op == OP_INQUIRY)
		k->t.cdb[4] = 36;
	k->t.data_in = task_data;
	k->t.done = task_done;
	k->t.ctx = k;
	hba_task_start(h->h, &k->t);
}

static void abort_task(struct sim *s)
{
	struct client_task *k = &s->task[prng_below(&s->work, SIM_TASKS)];

	if (!k->used || k->by_abort || !host_runs(s, k->host) ||
	    !sim_strikes(s, MARK_HOST_TASK_ABORT))
		return;
	k->by_abort = true;
	hba_task_abort(k->host->h, &k->t);
	host_node_wake(s, k->host);
}

/* ---- jobs ---- */

static struct client_file *file_of(struct sim *s, int file)
{
	sm_assert(file >= 0 && file < SIM_FILES);
	return &s->file[file];
}

void work_image_read(struct sim *s, int file, uint64_t offset, struct block *b)
{
	const struct client_file *f = file_of(s, file);

	for (size_t i = 0; i < b->len / SIM_BLOCK; i++)
		model_fill(f->value, offset / SIM_BLOCK + i, b->data + i * SIM_BLOCK, SIM_BLOCK);
}

bool work_image_changes(struct sim *s)
{
	for (unsigned i = 0; i < SIM_FILES; i++) {
		struct client_file *f = &s->file[i];
		if (!f->used || f->type != JOB_MIRROR || f->other)
			continue;
		look_back(s);
		f->value = ++s->next_value;
		f->other = model_begin(&s->model, 0, f->blocks, contents_of(f->value, 0, f->blocks),
		                       SIM_BLOCK);
		return true;
	}
	return false;
}

/* Of an image that was changed members have one or the other, each block all of them the same: what
 * it is now need not have taken the place of anything. */
static void image_over(struct sim *s, const struct client_file *f, bool good)
{
	model_end(&s->model, 0, f->blocks, f->write, good);
	if (f->other)
		model_end(&s->model, 0, f->blocks, f->other, false);
}

void work_copy_written(struct sim *s, int file, uint64_t offset, const uint8_t *p, uint32_t len)
{
	struct client_file *f = file_of(s, file);

	for (size_t i = 0; i < len / SIM_BLOCK; i++) {
		lba_t lba = offset / SIM_BLOCK + i;
		if (lba >= s->blocks)
			sim_fail(s, "a copy is longer than its group");
		f->hash[lba] = model_hash(p + i * SIM_BLOCK, SIM_BLOCK);
		f->has[lba] = true;
	}
}

void work_file_closed(struct sim *s, int file)
{
	SAY(s, "file %d is closed", file);
	if (!file_of(s, file)->used)
		sim_fail(s, "a file is closed twice");
}

/* All that it has written is durable on these: there was a flush. Clients have written since,
 * perhaps: we hear of its end late. */
static void mirrored(struct sim *s, const struct sim_host *h)
{
	const struct ini_group *g = host_group(h);

	for (unsigned i = 0; g && i < g->n; i++) {
		struct store_sim *t = &s->d[disk_of(&g->m[i])].store;
		if (g->m[i].state == MEMBER_IN_SYNC && t->flushed < t->last_flush)
			t->flushed = t->last_flush;
	}
}

static void copied(struct sim *s, const struct client_file *f)
{
	for (lba_t i = 0; i < f->blocks; i++) {
		if (!f->has[i])
			sim_fail(s, "block %llu is not in the copy", (unsigned long long)i);
		check_read(s, i, f->hash[i], f->began, "copy");
	}
}

static void settle_file(struct sim *s, struct client_file *f)
{
	const struct ini_job *j = ini_job_find(f->host->ini, f->job);

	if (!j)
		sim_fail(s, "job %u is gone", f->job);
	if (j->state != JOB_CONCLUDED && j->state != JOB_DISMISSED)
		return;
	SAY(s, "job %u: %s %s", j->id, ini_job_type_name(j->type),
	    ini_conclusion_name(j->conclusion));
	sim_mark(s, j->conclusion == JOB_SUCCESS   ? MARK_JOB_GOOD
	            : j->conclusion == JOB_PARTIAL ? MARK_JOB_PART
	            : j->conclusion == JOB_FAILED  ? MARK_JOB_BAD
	                                           : MARK_JOB_CANCEL);
	bool good = j->conclusion == JOB_SUCCESS;
	if (f->type == JOB_MIRROR)
		image_over(s, f, good);
	if (f->type == JOB_MIRROR && good)
		mirrored(s, f->host);
	if (f->type == JOB_READ && good)
		copied(s, f);
	f->used = false;
}

static void settle_files(struct sim *s)
{
	for (unsigned i = 0; i < SIM_FILES; i++)
		if (s->file[i].used && s->file[i].host->ini)
			settle_file(s, &s->file[i]);
}

static unsigned jobs_live(const struct sim *s, const struct sim_host *h)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SIM_FILES; i++)
		n += s->file[i].used && s->file[i].host == h;
	return n;
}

bool work_mirrors(const struct sim *s, const struct sim_host *h)
{
	for (unsigned i = 0; i < SIM_FILES; i++)
		if (s->file[i].used && s->file[i].host == h && s->file[i].type == JOB_MIRROR)
			return true;
	return false;
}

/* Some images are smaller than the group: what is behind them stays. */
static lba_t image_blocks(struct sim *s)
{
	if (s->quiet || !sim_chance(&s->image, 3))
		return s->blocks;
	sim_mark(s, MARK_IMAGE_SMALLER);
	return 1 + prng_below(&s->image, s->blocks);
}

uint32_t work_job(struct sim *s, struct sim_host *h, enum ini_job_type type)
{
	struct ini_job_spec spec = {.type = type, .group = SIM_GROUP, .mode = INI_MODE_DEFAULT};
	struct client_file *f = s->file;
	struct ini_error e;

	look_back(s);
	while (f < s->file + SIM_FILES && f->used)
		f++;
	if (f == s->file + SIM_FILES)
		return 0;
	*f = (struct client_file){.used = true, .host = h, .type = type, .blocks = s->blocks};
	f->began = model_now(&s->model);
	if (type == JOB_MIRROR)
		f->blocks = image_blocks(s);
	if (type == JOB_MIRROR || type == JOB_READ) {
		spec.has_image = true;
		spec.image = (int)(f - s->file);
		spec.image_size = type == JOB_MIRROR ? f->blocks * SIM_BLOCK : 0;
	}
	if (type == JOB_MIRROR) {
		f->value = ++s->next_value;
		f->write = model_begin(&s->model, 0, f->blocks, contents_of(f->value, 0, f->blocks),
		                       SIM_BLOCK);
	}
	f->job = ini_job_create(h->ini, &spec, &e);
	host_node_wake(s, h);
	SAY(s, "job %s: %s", ini_job_type_name(type), f->job ? "created" : e.text);
	if (f->job) {
		accepted(s, h);
		h->may_have_none |= type == JOB_MIRROR;
		return f->job;
	}
	if (type == JOB_MIRROR)
		model_undo(&s->model, 0, f->blocks, f->write);
	f->used = false;
	sim_mark(s, MARK_REFUSED);
	return 0;
}

static void start_job(struct sim *s, struct sim_host *h)
{
	static const enum ini_job_type types[] = {JOB_RESYNC, JOB_RESYNC, JOB_VERIFY,
	                                          JOB_READ,   JOB_MIRROR, JOB_SCRUB};
	const struct ini_group *g = host_group(h);
	unsigned in_sync = 0;

	if (!g)
		return;
	for (unsigned i = 0; i < g->n; i++)
		in_sync += g->m[i].state == MEMBER_IN_SYNC;
	if (jobs_live(s, h) >= 2)
		return;
	enum ini_job_type type = types[prng_below(&s->work, ARRAY_LEN(types))];
	if (!in_sync)
		type = JOB_MIRROR;
	(void)work_job(s, h, type);
}

/* Pause, resume, cancel, speed. */
static void control_job(struct sim *s)
{
	const struct client_file *f = &s->file[prng_below(&s->work, SIM_FILES)];
	struct ini_error e;
	uint64_t what = prng_below(&s->work, 6);

	if (!f->used || !host_runs(s, f->host))
		return;
	if (what == 0)
		(void)ini_job_cancel(f->host->ini, f->job, &e);
	else if (what <= 2)
		(void)ini_job_pause(f->host->ini, f->job, &e);
	else
		(void)ini_job_resume(f->host->ini, f->job, &e);
	host_node_wake(s, f->host);
}

/* ---- all ---- */

void work_host_gone(struct sim *s, struct sim_host *h)
{
	bool writes = false;

	for (unsigned i = 0; i < SIM_OPS; i++) {
		struct client_op *o = &s->op[i];
		if (o->host != h)
			continue;
		if (o->kind == CLIENT_WRITE) {
			model_end(&s->model, o->lba, o->blocks, o->write, false);
			sim_mark(s, MARK_WRITE_UNKNOWN);
			writes = true;
		}
		op_free(o);
	}
	for (unsigned i = 0; i < SIM_FILES; i++) {
		struct client_file *f = &s->file[i];
		if (f->host != h)
			continue;
		if (f->used && f->type == JOB_MIRROR)
			image_over(s, f, false);
		f->used &= f->type != JOB_MIRROR && f->type != JOB_READ; /* others go on */
	}
	for (unsigned i = 0; i < SIM_TASKS; i++)
		s->task[i].used &= s->task[i].host != h;
	if (writes)
		sim_mark(s, MARK_HOST_KILL_WRITES);
}

/* A job that was not saved, or ended before its end was heard of, is not there any more. */
void work_host_back(struct sim *s, struct sim_host *h)
{
	for (unsigned i = 0; i < SIM_FILES; i++)
		if (s->file[i].host == h && !ini_job_find(h->ini, s->file[i].job))
			s->file[i].used = false;
}

/* What is paused goes on: also a job that was over for clients, and that came back with a journal
 * in which it was not. */
static void go_on(struct sim *s, struct sim_host *h)
{
	struct ini_error e;

	for (unsigned i = 0; i < ini_jobs(h->ini); i++) {
		const struct ini_job *j = ini_job_at(h->ini, i);
		if (j->state != JOB_PAUSED)
			continue;
		(void)ini_job_resume(h->ini, j->id, &e);
		host_node_wake(s, h);
	}
}

bool work_idle(struct sim *s)
{
	for (unsigned i = 0; i < s->n_hosts; i++)
		if (!s->host[i].ini)
			return false;
	settle_files(s);
	for (unsigned i = 0; i < s->n_hosts; i++)
		go_on(s, &s->host[i]);
	for (unsigned i = 0; i < s->n_hosts; i++)
		if (jobs_live(s, &s->host[i]) > 0)
			return false;
	for (unsigned i = 0; i < SIM_OPS; i++)
		if (s->op[i].kind != CLIENT_NONE)
			return false;
	for (unsigned i = 0; i < SIM_TASKS; i++)
		if (s->task[i].used)
			return false;
	return true;
}

static void start_something(struct sim *s, struct sim_host *h)
{
	uint64_t what = prng_below(&s->work, 100);

	if (what < 50)
		start_write(s, h);
	else if (what < 75)
		start_read(s, h);
	else if (what < 80)
		start_flush(s, h);
	else if (what < 92)
		start_task(s, h);
	else if (what < 94)
		start_job(s, h);
	else if (what < 98)
		control_job(s);
	else if (what < 99)
		start_set(s, h);
	else if (h->h)
		hba_scan(h->h);
}

void work_burst(struct sim *s, struct sim_host *h, unsigned n)
{
	while (n-- > 0)
		start_write(s, h);
	host_node_wake(s, h);
}

void work_next(struct sim *s)
{
	sim_at(s, s->now + sim_about(&s->work, s->work_every), SIM_WORK, 0, 0);
	if (s->n_hosts > 1)
		owners_next(s);
	struct sim_host *h = owners_pick(s);
	if (!host_runs(s, h))
		return;
	if (s->n_hosts == 1)
		work_import(s, h, false);
	if (s->quiet)
		return;
	settle_files(s);
	if (s->ghost_until > s->now && h == s->ghost)
		start_read(s, h);
	else
		start_something(s, h);
	abort_task(s);
	host_node_wake(s, h);
}
