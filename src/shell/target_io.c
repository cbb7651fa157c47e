/* SPDX-License-Identifier: BSD-2-Clause */
/* The operations of a target's core on its stores: where each is done, and what comes of it. */
#include "base/assert.h"
#include "shell/ring.h"
#include "shell/target_inside.h"

#include <stdlib.h>
#include <string.h>

#define LARGE (1 * MIB) /* more bytes than that are a thread's to move */
/* What reads may hold, from when they are begun until the bus server has them: with more, further
 * ones wait. The bus may be another's for a while, and each task may read TGT_TRANSFER_MAX. */
#define READS_MAX (256 * MIB)
/* All that STORE_MAP can say. */
#define MAP_BYTES (LBA_STATUS_HEAD_LEN + TGT_MAP_MAX * LBA_STATUS_DESCRIPTOR_LEN)

/* ---- operations, on the loop or in a thread ---- */

static void map(struct op *op, struct store *s)
{
	struct lba_status v[TGT_MAP_MAX];
	struct wr w = wr_init(op->bytes, MAP_BYTES);
	uint32_t room = op->room < MAP_BYTES ? op->room : MAP_BYTES;
	uint32_t fit = (room + LBA_STATUS_HEAD_LEN - 1) / LBA_STATUS_DESCRIPTOR_LEN;
	unsigned n = store_map(s, op->lba, v, fit > 0 ? fit : 1);
	lba_status_put(&w, v, n);
	sm_assert(wr_ok(&w));
	op->good = (uint32_t)(w.n < room ? w.n : room);
}

static enum tgt_store_result protected_work(struct op *op, struct store *s)
{
	struct store_op o = {
	        .lba = op->lba, .blocks = op->blocks, .bytes = op->bytes, .repeat = op->repeat};
	enum tgt_store_result r = store_protected(s, op->kind, &op->protect, &o);
	op->good = o.good;
	op->differs = o.differs;
	op->field = o.field;
	return r;
}

static enum tgt_store_result work_of(struct op *op)
{
	struct disk *d = op->disk;
	struct store *s = d->disk.store;
	if (op->protect.type)
		return protected_work(op, s);
	switch (op->kind) {
	case TGT_STORE_READ:
		return store_read(s, op->lba, op->blocks, op->bytes, &op->good);
	case TGT_STORE_WRITE:
		return (op->repeat ? store_write_same : store_write)(s, op->lba, op->blocks,
		                                                     op->bytes, &op->good);
	case TGT_STORE_ATOMIC:
		return store_write_atomic(s, op->lba, op->blocks, op->bytes, &op->good);
	case TGT_STORE_OR:
		return store_or(s, op->lba, op->blocks, op->bytes, &op->good);
	case TGT_STORE_ZERO:
		return store_zero(s, op->lba, op->blocks, &op->good);
	case TGT_STORE_COMPARE:
		return store_compare(s, op->lba, op->blocks, op->bytes, op->repeat, &op->good,
		                     &op->differs);
	case TGT_STORE_VERIFY:
		return store_verify(s, op->lba, op->blocks, &op->good);
	case TGT_STORE_MAP:
		map(op, s);
		return STORE_OK;
	case TGT_STORE_FLUSH:
		return store_flush(s);
	case TGT_META_SAVE:
		d->save.ok = meta_save(d->path, &d->save.meta, d->save.why, sizeof(d->save.why));
		return STORE_OK;
	case TGT_SEND:
	case TGT_DIE:
		break;
	}
	sm_assert(false);
	return STORE_ERROR;
}

static void perform(struct op *op)
{
	struct stall_watch w = {0};
	bool watch = !store_in_memory(op->disk->disk.store);
	if (watch)
		w = stall_begin();
	op->result = work_of(op);
	op->stalled = watch && stall_end(&w);
}

/* ---- data that are in a ring ---- */

/*
 * They are the task's only as long as the initiator waits for it. One that has given up gives their
 * memory to others, so what is written from then on would be anybody's: it is looked at when the
 * operation is asked for, when a thread comes to it, which may be long after in a line behind a
 * store that hangs, and when it is over: nothing is promised for what may have been others'.
 *
 * A store that waits for a device may hang in the middle of a write, too. So a thread writes to it
 * from a copy, which is known to be of the task's own data by looking after it was made. What
 * remains is not acknowledged either, but may be others' data: a write that is done on the loop and
 * is the first to hang (those after it are the threads'), and one to memory while this process does
 * not run.
 */
static bool data_gone(const struct op *op)
{
	return op->block && !ring_current(op->block);
}

static size_t bytes_of(const struct op *op)
{
	bool moved = op->protect.type && op->protect.moved;
	size_t stride = op->disk->disk.meta.block_size + (moved ? PROTECT_LEN : 0U);
	size_t n = (op->repeat ? 1 : op->blocks) * stride;
	size_t left = op->block->len - (size_t)(op->bytes - op->block->data);
	return n < left ? n : left;
}

static bool to_be_copied(const struct op *op)
{
	return op->block && op->block->shared && !store_in_memory(op->disk->disk.store);
}

static void perform_from_copy(struct op *op)
{
	size_t n = bytes_of(op);
	uint8_t *copy = malloc(n), *theirs = op->bytes;
	if (!copy)
		return;
	memcpy(copy, theirs, n);
	op->bytes = copy;
	if (data_gone(op))
		op->result = STORE_DATA_GONE;
	else
		perform(op);
	op->bytes = theirs;
	free(copy);
}

static void run(struct work *work)
{
	struct op *op = (struct op *)work;
	op->result = STORE_ERROR;
	if (op->disk->io->closing)
		return;
	if (data_gone(op))
		op->result = STORE_DATA_GONE;
	else if (to_be_copied(op))
		perform_from_copy(op);
	else
		perform(op);
}

/* ---- completion ---- */

static void tell(struct disk *d, const struct op *op)
{
	if (op->kind == TGT_META_SAVE && !d->save.ok)
		log_error("%s", d->save.why);
	if (op->result == STORE_DEAD && !d->told_dead)
		log_error("%s: a flush failed: what was written may be lost; it takes no more",
		          d->path);
	d->told_dead = d->told_dead || op->result == STORE_DEAD;
	if (op->result == STORE_PROTECTION)
		log_warning("%s: block %llu: its %s is wrong", d->path,
		            (unsigned long long)op->lba + op->good,
		            op->field == PROTECT_APP   ? "application tag"
		            : op->field == PROTECT_REF ? "reference tag"
		                                       : "guard");
	if (op->result == STORE_ROTTEN)
		log_warning("%s: block %llu is not what was written there", d->path,
		            (unsigned long long)op->lba + op->good);
	if (op->result == STORE_ERROR || op->result == STORE_NO_SPACE ||
	    op->result == STORE_DATA_GONE)
		log_warning("%s: blocks %llu+%u: %s", d->path, (unsigned long long)op->lba,
		            (unsigned)op->blocks,
		            op->result == STORE_ERROR ? "input/output error"
		            : op->result == STORE_NO_SPACE
		                    ? "no space left"
		                    : "the initiator has taken its data back");
}

static void complete(struct op *op)
{
	struct disk *d = op->disk;
	struct target_io *io = d->io;
	if (data_gone(op)) {
		op->result = STORE_DATA_GONE;
		op->good = 0;
	}
	if (op->judged)
		stall_note(&d->stall, op->stalled, op->on_loop);
	if (!io->closing)
		tell(d, op);
	if (op->kind == TGT_META_SAVE && d->save.ok)
		d->disk.meta = d->save.meta;
	STAILQ_INSERT_TAIL(&io->done, op, link);
}

/* One flush was for all that came before it; the next one is for those that came meanwhile. */
static void flushed(struct disk *d)
{
	struct op *leader = STAILQ_FIRST(&d->flushing);
	enum tgt_store_result r = leader->result;
	struct op *op;
	while ((op = STAILQ_FIRST(&d->flushing)) != NULL) {
		STAILQ_REMOVE_HEAD(&d->flushing, link);
		op->result = r;
		complete(op);
	}
	STAILQ_CONCAT(&d->flushing, &d->flush_next);
	if (!STAILQ_EMPTY(&d->flushing) && !d->io->closing)
		workers_add(d->io->workers, &STAILQ_FIRST(&d->flushing)->work);
}

static void done(struct work *work)
{
	struct op *op = (struct op *)work;
	struct target_io *io = op->disk->io;
	if (op->kind == TGT_STORE_FLUSH)
		flushed(op->disk);
	else
		complete(op);
	io->wake(io->ctx);
}

/* ---- where it is done ---- */

static void to_thread(struct op *op)
{
	struct disk *d = op->disk;
	struct workers *workers = d->io->workers;
	op->work.run = run;
	op->work.done = done;
	if (op->kind != TGT_STORE_FLUSH) {
		workers_add(workers, &op->work);
	} else if (STAILQ_EMPTY(&d->flushing)) {
		STAILQ_INSERT_TAIL(&d->flushing, op, link);
		workers_add(workers, &op->work);
	} else {
		STAILQ_INSERT_TAIL(&d->flush_next, op, link);
	}
}

/* Does it if it can be done without waiting; else says whether that is known. */
static enum store_now try_now(struct op *op)
{
	struct store *s = op->disk->disk.store;
	enum store_now got = STORE_NOW_ASK;
	if (op->protect.type)
		return got; /* of two files */
	if (op->kind == TGT_STORE_READ)
		got = store_read_now(s, op->lba, op->blocks, op->bytes);
	else if (op->kind == TGT_STORE_WRITE && !op->repeat)
		got = store_write_now(s, op->lba, op->blocks, op->bytes);
	return got;
}

static bool writes(enum tgt_action_kind kind)
{
	return kind == TGT_STORE_WRITE || kind == TGT_STORE_OR || kind == TGT_STORE_ZERO;
}

/* True: to a thread. False: on the loop, if it is not done yet. */
static bool may_wait(struct op *op, bool *done_now)
{
	struct disk *d = op->disk;
	struct target_io *io = d->io;
	*done_now = false;
	if (!io->workers)
		return false;
	if ((uint64_t)op->blocks * d->disk.meta.block_size > LARGE)
		return true;
	if (store_in_memory(d->disk.store))
		return false;
	if (io->o->direct || op->kind == TGT_STORE_FLUSH || op->kind == TGT_META_SAVE ||
	    op->kind == TGT_STORE_ATOMIC ||
	    (writes(op->kind) && store_write_syncs(d->disk.store, op->lba, op->blocks)))
		return true;
	switch (try_now(op)) {
	case STORE_NOW_DONE:
		*done_now = true;
		return false;
	case STORE_NOW_NOT:
		return true;
	case STORE_NOW_ASK:
		break;
	}
	op->judged = true;
	return stall_feared(&d->stall);
}

/* ---- actions ---- */

/* Data for the core. */
static bool brings(enum tgt_action_kind kind)
{
	return kind == TGT_STORE_READ || kind == TGT_STORE_MAP;
}

static struct op *take(struct target_io *io, const struct tgt_action *a)
{
	struct disk *d = io->disk[a->lun];
	struct op *op = d ? STAILQ_FIRST(&d->unused) : NULL;
	sm_assert(op);
	STAILQ_REMOVE_HEAD(&d->unused, link);
	d->n_busy++;
	*op = (struct op){
	        .disk = d,
	        .kind = a->kind,
	        .id = a->op,
	        .lba = a->lba,
	        .blocks = a->blocks,
	        .repeat = a->repeat,
	        .protect = a->protect,
	        .room = a->room,
	};
	if (a->block && !brings(a->kind)) {
		op->block = block_ref(a->block);
		op->bytes = a->block->data + a->offset;
	}
	return op;
}

/* Bytes that it brings. */
static size_t brought(const struct op *op)
{
	bool moved = op->protect.type && op->protect.moved;
	size_t stride = op->disk->disk.meta.block_size + (moved ? PROTECT_LEN : 0U);
	return op->kind == TGT_STORE_MAP ? MAP_BYTES : op->blocks * stride;
}

static bool has_room(const struct target_io *io, const struct op *op)
{
	size_t held = pool_in_use(io->pool);
	return held == 0 || held + brought(op) <= READS_MAX;
}

static void keep_pages(struct disk *d, const struct tgt_action *a)
{
	struct meta *m = &d->save.meta;
	*m = d->disk.meta;
	sm_assert(a->bytes.n <= sizeof(m->saved));
	memcpy(m->saved, a->bytes.p, a->bytes.n);
	m->n_saved = a->bytes.n;
}

static void begin(struct op *op)
{
	bool done_now = false;
	if (brings(op->kind)) {
		op->block = pool_get(op->disk->io->pool, brought(op));
		op->bytes = op->block ? op->block->data : NULL;
	}
	if (brings(op->kind) && !op->block) {
		op->result = STORE_ERROR; /* out of memory */
		complete(op);
		return;
	}
	if (data_gone(op)) {
		complete(op);
		return;
	}
	if (may_wait(op, &done_now)) {
		to_thread(op);
		return;
	}
	op->on_loop = true;
	if (!done_now)
		perform(op);
	complete(op);
}

void target_io_do(struct target_io *io, const struct tgt_action *a)
{
	struct op *op = take(io, a);
	io->begun = true;
	if (a->kind == TGT_META_SAVE)
		keep_pages(op->disk, a);
	if (brings(a->kind) && (!STAILQ_EMPTY(&io->wait) || !has_room(io, op)))
		STAILQ_INSERT_TAIL(&io->wait, op, link);
	else
		begin(op);
}

static void begin_waiting(struct target_io *io)
{
	struct op *op;
	while ((op = STAILQ_FIRST(&io->wait)) != NULL && has_room(io, op)) {
		STAILQ_REMOVE_HEAD(&io->wait, link);
		begin(op);
	}
}

bool target_io_next(struct target_io *io, struct tgt_event *out)
{
	if (!io->closing)
		begin_waiting(io);
	const struct op *op = STAILQ_FIRST(&io->done);
	if (!op)
		return false;
	if (op->kind == TGT_META_SAVE) {
		*out = (struct tgt_event){.kind = TGT_EV_META_DONE};
		out->meta.op = op->id;
		out->meta.ok = op->disk->save.ok;
		return true;
	}
	*out = (struct tgt_event){.kind = TGT_EV_STORE_DONE};
	out->store.op = op->id;
	out->store.result = op->result;
	out->store.good_blocks = op->good;
	out->store.differs = op->differs;
	out->store.field = op->field;
	if (brings(op->kind) && op->result == STORE_OK)
		out->store.block = op->block;
	if (op->kind == TGT_STORE_MAP && op->result == STORE_OK)
		op->block->len = op->good;
	return true;
}

void target_io_taken(struct target_io *io)
{
	struct op *op = STAILQ_FIRST(&io->done);
	sm_assert(op);
	STAILQ_REMOVE_HEAD(&io->done, link);
	block_unref(op->block);
	STAILQ_INSERT_HEAD(&op->disk->unused, op, link);
	op->disk->n_busy--;
	disk_settle(op->disk);
}
