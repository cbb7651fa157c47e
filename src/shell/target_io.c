/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/target_io.h"

#include "base/assert.h"
#include "shell/meta.h"
#include "shell/pool.h"
#include "shell/ring.h"
#include "shell/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#define POOL_BYTES (32 * MIB) /* of blocks for reads that are kept */
/* Each task has one operation at most; one more for what drains. */
#define DONE_MAX (TGT_DEPTH_MAX + 2)

struct target_io {
	const struct target_opts *o;
	struct store *store;
	struct meta meta;
	struct pool *pool;
	struct tgt_event done[DONE_MAX]; /* a ring */
	unsigned first, n;
	bool told_dead;
};

/* ---- opening ---- */

/* The metadata as they must be for these options; *fresh: they have to be written. */
static bool metadata(struct target_io *io, bool *fresh, char *why, size_t n)
{
	const struct target_opts *o = io->o;
	enum meta_load found = meta_load(o->store, &io->meta, why, n);
	*fresh = found == META_NONE;
	if (found == META_BAD)
		return false;
	if (found == META_NONE) {
		io->meta = (struct meta){.block_size = o->block_size ? o->block_size : 512};
		if (o->has_uuid)
			memcpy(io->meta.uuid, o->uuid, UUID_LEN);
		else
			uuid_generate(io->meta.uuid);
		return true;
	}
	if (o->block_size && o->block_size != io->meta.block_size) {
		(void)snprintf(why, n, "%s: has blocks of %u bytes, not %u as --block-size says",
		               o->store, (unsigned)io->meta.block_size, (unsigned)o->block_size);
		return false;
	}
	if (o->has_uuid && memcmp(o->uuid, io->meta.uuid, UUID_LEN) != 0) {
		(void)snprintf(why, n, "%s: has another UUID than --uuid says", o->store);
		return false;
	}
	return true;
}

static struct tgt *make_core(const struct target_io *io, char *why, size_t n)
{
	const struct target_opts *o = io->o;
	struct tgt_config c = {
	        .block_size = io->meta.block_size,
	        .blocks = store_blocks(io->store),
	        .queue_depth = o->queue_depth,
	        .unarmed = o->unarmed,
	        .write_protect = o->write_protect,
	        .xfer = XFER_ULTRA160,
	        .saved = {io->meta.saved, io->meta.n_saved},
	};
	char text[256];
	memcpy(c.uuid, io->meta.uuid, UUID_LEN);
	memcpy(c.name, o->name, sizeof(c.name));
	struct tgt *t = tgt_new(&c, text, sizeof(text));
	if (!t)
		(void)snprintf(why, n, "%s: %s", o->store, text);
	return t;
}

/* The store first: its lock keeps others from the metadata, too. */
static bool open_all(struct target_io *io, struct tgt **t, char *why, size_t n)
{
	const struct target_opts *o = io->o;
	bool fresh = false;
	struct meta peek;
	char ignored[256];
	uint32_t block_size = o->block_size ? o->block_size : 512;
	if (!o->block_size && meta_load(o->store, &peek, ignored, sizeof(ignored)) == META_LOADED)
		block_size = peek.block_size;
	struct store_config c = {
	        .path = o->store,
	        .size = o->size,
	        .block_size = block_size,
	        .write_protect = o->write_protect,
	};
	io->store = store_open(&c, why, n);
	if (!io->store || !metadata(io, &fresh, why, n))
		return false;
	if (fresh && !meta_save(o->store, &io->meta, why, n))
		return false;
	io->pool = pool_new(POOL_BYTES);
	if (!io->pool) {
		(void)snprintf(why, n, "out of memory");
		return false;
	}
	*t = make_core(io, why, n);
	return *t != NULL;
}

struct target_io *target_io_open(const struct target_opts *o, struct tgt **t, char *why, size_t n)
{
	struct target_io *io = calloc(1, sizeof(*io));
	if (!io) {
		(void)snprintf(why, n, "out of memory");
		return NULL;
	}
	io->o = o;
	if (open_all(io, t, why, n))
		return io;
	target_io_close(io);
	return NULL;
}

void target_io_close(struct target_io *io)
{
	if (!io)
		return;
	while (io->n > 0)
		target_io_taken(io);
	if (io->pool)
		pool_free(io->pool);
	store_close(io->store);
	free(io);
}

const uint8_t *target_io_uuid(const struct target_io *io)
{
	return io->meta.uuid;
}

/* ---- actions ---- */

static enum tgt_store_result read_blocks(struct target_io *io, const struct tgt_action *a,
                                         struct tgt_event *ev)
{
	struct block *b = pool_get(io->pool, (size_t)a->blocks * io->meta.block_size);
	if (!b)
		return STORE_ERROR;
	enum tgt_store_result r =
	        store_read(io->store, a->lba, a->blocks, b->data, &ev->store.good_blocks);
	if (r == STORE_OK)
		ev->store.block = b;
	else
		block_unref(b);
	return r;
}

static void save(struct target_io *io, const struct tgt_action *a, struct tgt_event *ev)
{
	char why[512];
	struct meta m = io->meta;
	ev->kind = TGT_EV_META_DONE;
	ev->meta.op = a->op;
	sm_assert(a->bytes.n <= sizeof(m.saved));
	memcpy(m.saved, a->bytes.p, a->bytes.n);
	m.n_saved = a->bytes.n;
	ev->meta.ok = meta_save(io->o->store, &m, why, sizeof(why));
	if (ev->meta.ok)
		io->meta = m;
	else
		log_error("%s", why);
}

static void tell(struct target_io *io, enum tgt_store_result r, const struct tgt_action *a)
{
	if (r == STORE_DEAD && !io->told_dead)
		log_error("%s: a flush failed: what was written may be lost; it takes no more",
		          io->o->store);
	io->told_dead = io->told_dead || r == STORE_DEAD;
	if (r == STORE_ERROR || r == STORE_NO_SPACE || r == STORE_DATA_GONE)
		log_warning("%s: blocks %llu+%u: %s", io->o->store, (unsigned long long)a->lba,
		            (unsigned)a->blocks,
		            r == STORE_ERROR      ? "input/output error"
		            : r == STORE_NO_SPACE ? "no space left"
		                                  : "the initiator has taken its data back");
}

/* Data in a ring are the task's only as long as the initiator waits for it. */
static bool data_gone(const struct tgt_action *a)
{
	return a->block && !ring_current(a->block);
}

static enum tgt_store_result work(struct target_io *io, const struct tgt_action *a,
                                  struct tgt_event *ev)
{
	enum tgt_store_result r = STORE_OK;
	uint32_t *good = &ev->store.good_blocks;
	const uint8_t *data = a->block ? a->block->data + a->offset : NULL;
	if (data_gone(a))
		return STORE_DATA_GONE;
	switch (a->kind) {
	case TGT_STORE_READ:
		r = read_blocks(io, a, ev);
		break;
	case TGT_STORE_WRITE:
		r = store_write(io->store, a->lba, a->blocks, data, good);
		break;
	case TGT_STORE_COMPARE:
		r = store_compare(io->store, a->lba, a->blocks, data, a->repeat, good);
		break;
	case TGT_STORE_VERIFY:
		r = store_verify(io->store, a->lba, a->blocks, good);
		break;
	case TGT_STORE_FLUSH:
		r = store_flush(io->store);
		break;
	case TGT_META_SAVE:
	case TGT_SEND:
	case TGT_DIE:
		break;
	}
	return data_gone(a) ? STORE_DATA_GONE : r;
}

void target_io_do(struct target_io *io, const struct tgt_action *a)
{
	struct tgt_event ev = {.kind = TGT_EV_STORE_DONE};
	if (a->kind == TGT_META_SAVE) {
		save(io, a, &ev);
	} else {
		enum tgt_store_result r = work(io, a, &ev);
		ev.store.op = a->op;
		ev.store.result = r;
		tell(io, r, a);
	}
	sm_assert(io->n < DONE_MAX);
	io->done[(io->first + io->n++) % DONE_MAX] = ev;
}

bool target_io_next(struct target_io *io, struct tgt_event *out)
{
	if (io->n == 0)
		return false;
	*out = io->done[io->first];
	return true;
}

void target_io_taken(struct target_io *io)
{
	sm_assert(io->n > 0);
	struct tgt_event *ev = &io->done[io->first];
	if (ev->kind == TGT_EV_STORE_DONE)
		block_unref(ev->store.block);
	io->first = (io->first + 1) % DONE_MAX;
	io->n--;
}

bool target_io_flush(struct target_io *io)
{
	return store_flush(io->store) == STORE_OK;
}
