/* SPDX-License-Identifier: BSD-2-Clause */
/* The logical units of a target: their stores and metadata are opened and closed, at the start and
 * the end of the target, and by threads in between. */
#include "base/assert.h"
#include "shell/target_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define POOL_BYTES (32 * MIB) /* of blocks for reads that are kept */
/* Threads that open and close. */
#define OPENERS 4

/* ---- disks ---- */

static void disk_free(struct disk *d)
{
	if (d->disk.store)
		target_disk_close(&d->disk);
	free(d->op);
	free(d);
}

static bool take_ended(struct disk *d, char *why, size_t n)
{
	if (!ended_take(d->path, &d->ended, why, n))
		return false;
	if (why[0])
		log_warning("%s: nothing is known of how it has ended before", why);
	return true;
}

static struct disk *disk_open(struct target_io *io, const struct disk_opts *o,
                              const atomic_bool *stop, char *why, size_t n)
{
	const struct target_disk_how how = {io->o->direct, !io->o->no_map, stop};
	unsigned ops = io->o->queue_depth + 2;
	struct disk *d = calloc(1, sizeof(*d));
	if (d)
		d->op = calloc(ops, sizeof(*d->op));
	if (!d || !d->op) {
		(void)snprintf(why, n, "out of memory");
		free(d);
		return NULL;
	}
	d->io = io;
	d->lun = o->lun;
	d->stall = stall_init();
	(void)snprintf(d->path, sizeof(d->path), "%s", o->store);
	STAILQ_INIT(&d->unused);
	STAILQ_INIT(&d->flushing);
	STAILQ_INIT(&d->flush_next);
	for (unsigned i = 0; i < ops; i++)
		STAILQ_INSERT_TAIL(&d->unused, &d->op[i], link);
	if (target_disk_open(o, &how, &d->disk, why, n) && take_ended(d, why, n))
		return d;
	disk_free(d);
	return NULL;
}

static bool disk_end(struct disk *d)
{
	bool ok = store_flush(d->disk.store) == STORE_OK;
	if (!ok)
		log_error("%s: the last flush failed: what was written may be lost", d->path);
	return ok;
}

static void close_it(struct work *work)
{
	struct disk *d = (struct disk *)work;
	(void)disk_end(d);
	target_disk_close(&d->disk);
}

static void closed(struct work *work)
{
	struct disk *d = (struct disk *)work;
	struct target_io *io = d->io;
	SLIST_REMOVE(&io->gone, d, disk, link);
	log_info("%s: LUN %u is closed", d->path, d->lun);
	disk_free(d);
	io->wake(io->ctx);
}

static bool have_openers(struct target_io *io)
{
	if (!io->openers && !io->closing)
		io->openers = workers_new(io->base, OPENERS);
	return io->openers != NULL;
}

/* One that is gone is closed once the core has heard of all its operations. */
void disk_settle(struct disk *d)
{
	if (!d->gone || d->leaving || d->n_busy > 0)
		return;
	d->leaving = true;
	d->work.run = close_it;
	d->work.done = closed;
	if (have_openers(d->io)) {
		workers_add(d->io->openers, &d->work);
	} else {
		close_it(&d->work);
		closed(&d->work);
	}
}

static void disk_leave(struct disk *d)
{
	d->gone = true;
	SLIST_INSERT_HEAD(&d->io->gone, d, link);
	disk_settle(d);
}

/* It is there. NULL with why: it goes again. */
static struct tgt_lu *disk_there(struct disk *d, const struct disk_opts *o, char *why, size_t n)
{
	char text[256];
	struct tgt_lu_config c = target_disk_config(o, &d->disk);
	struct tgt_lu *lu = tgt_lu_new(o->lun, &c, text, sizeof(text));
	if (lu) {
		d->io->disk[o->lun] = d;
	} else {
		(void)snprintf(why, n, "%s: %s", o->store, text);
		disk_leave(d);
	}
	return lu;
}

struct tgt_lu *target_io_add(struct target_io *io, const struct disk_opts *o, char *why, size_t n)
{
	struct disk *d = disk_open(io, o, NULL, why, n);
	return d ? disk_there(d, o, why, n) : NULL;
}

void target_io_remove(struct target_io *io, uint8_t lun)
{
	struct disk *d = io->disk[lun];
	sm_assert(d && lun != 0);
	io->disk[lun] = NULL;
	io->changed = true;
	disk_leave(d);
}

bool target_io_closing(const struct target_io *io, const char *store)
{
	const struct disk *d;
	SLIST_FOREACH(d, &io->gone, link)
	if (strcmp(d->path, store) == 0)
		return true;
	return false;
}

/* ---- disks that are opened while others are in use ---- */

static void open_it(struct work *work)
{
	struct opening *g = (struct opening *)work;
	g->disk = disk_open(g->io, &g->list.v[0], &g->stop, g->why, sizeof(g->why));
}

static void opened(struct work *work)
{
	struct opening *g = (struct opening *)work;
	g->over = true;
	g->io->wake(g->io->ctx);
}

bool target_io_add_later(struct target_io *io, const struct disk_opts *o, char *why, size_t n)
{
	struct opening *g = calloc(1, sizeof(*g));
	if (!g || !have_openers(io) || !disk_list_add(&g->list, o->spec, why, n)) {
		(void)snprintf(why, n, "%s: no thread to open it: %s", o->store, strerror(errno));
		free(g);
		return false;
	}
	g->io = io;
	g->work.run = open_it;
	g->work.done = opened;
	SLIST_INSERT_HEAD(&io->opening, g, link);
	workers_add(io->openers, &g->work);
	return true;
}

bool target_io_adds(const struct target_io *io, uint8_t lun, const char *spec)
{
	const struct opening *g;
	SLIST_FOREACH(g, &io->opening, link)
	if (g->list.v[0].lun == lun && !g->stop && strcmp(g->list.v[0].spec, spec) == 0)
		return true;
	return false;
}

void target_io_add_stop(struct target_io *io, uint8_t lun)
{
	struct opening *g;
	SLIST_FOREACH(g, &io->opening, link)
	if (g->list.v[0].lun == lun)
		g->stop = true;
}

/* What came of it, which is the caller's. */
static struct disk *opening_end(struct opening *g)
{
	struct disk *d = g->disk;
	SLIST_REMOVE(&g->io->opening, g, opening, link);
	disk_list_free(&g->list);
	free(g);
	return d;
}

bool target_io_added(struct target_io *io, uint8_t *lun, struct tgt_lu **lu, char *why, size_t n)
{
	struct opening *g = SLIST_FIRST(&io->opening);
	while (g && !g->over)
		g = SLIST_NEXT(g, link);
	if (!g)
		return false;
	io->changed = true;
	*lun = g->list.v[0].lun;
	(void)snprintf(why, n, "%s", g->stop ? "" : g->why);
	*lu = g->disk && !g->stop ? disk_there(g->disk, &g->list.v[0], why, n) : NULL;
	if (g->disk && g->stop)
		disk_leave(g->disk);
	(void)opening_end(g);
	return true;
}

/* ---- all ---- */

/* All logical units were left by the same process, and were all of its. */
static bool all_ended(const struct target_io *io)
{
	const struct ended *e = &io->disk[0]->ended;
	char why[PATH_MAX + 200];
	bool same = e->number != 0 && e->luns == io->o->luns.n + 1;
	for (unsigned i = 0; same && i < io->o->luns.n; i++) {
		struct ended other = ended_look(io->o->luns.v[i].store, why, sizeof(why));
		same = other.number == e->number && other.luns == e->luns;
	}
	return same;
}

/* The number of this start: the one before's, where that has lost nothing. 0 with why. */
static uint32_t number_start(const struct target_io *io, char *why, size_t n)
{
	uint32_t boot;
	if (all_ended(io))
		return io->disk[0]->ended.number;
	if (getrandom(&boot, sizeof(boot), 0) != sizeof(boot)) {
		(void)snprintf(why, n, "no random number: %s", strerror(errno));
		return 0;
	}
	return boot ? boot : 1;
}

static struct tgt *make_core(struct target_io *io, char *why, size_t n)
{
	const struct target_opts *o = io->o;
	io->boot = number_start(io, why, n);
	if (!io->boot)
		return NULL;
	struct tgt_config c = {
	        .lu = target_disk_config(&o->disk, &io->disk[0]->disk),
	        .luns = SCSI_LUNS,
	        .queue_depth = o->queue_depth,
	        .unarmed = o->unarmed,
	        .boot = io->boot,
	        .xfer = o->packetized ? XFER_ULTRA320 : XFER_ULTRA160,
	};
	if (o->qas)
		c.xfer.options |= XFER_QAS_REQ;
	char text[256];
	struct tgt *t = tgt_new(&c, text, sizeof(text));
	if (!t)
		(void)snprintf(why, n, "%s: %s", o->disk.store, text);
	return t;
}

static void room_again(void *ctx)
{
	struct target_io *io = ctx;
	if (!io->closing && !STAILQ_EMPTY(&io->wait))
		io->wake(io->ctx);
}

static bool open_all(struct target_io *io, struct event_base *base, struct tgt **t, char *why,
                     size_t n)
{
	io->disk[0] = disk_open(io, &io->o->disk, NULL, why, n);
	*t = io->disk[0] ? make_core(io, why, n) : NULL;
	if (!*t)
		return false;
	io->pool = pool_new(POOL_BYTES);
	if (io->pool)
		pool_on_return(io->pool, room_again, io);
	if (io->o->workers > 0)
		io->workers = workers_new(base, io->o->workers);
	if (io->pool && (io->workers || io->o->workers == 0))
		return true;
	(void)snprintf(why, n, "%u threads for the store: %s", io->o->workers, strerror(errno));
	tgt_free(*t);
	*t = NULL;
	return false;
}

struct target_io *target_io_open(const struct target_opts *o, struct event_base *base,
                                 target_io_wake *wake, void *ctx, struct tgt **t, char *why,
                                 size_t n)
{
	struct target_io *io = calloc(1, sizeof(*io));
	if (!io) {
		(void)snprintf(why, n, "out of memory");
		return NULL;
	}
	io->o = o;
	io->wake = wake;
	io->ctx = ctx;
	io->base = base;
	STAILQ_INIT(&io->done);
	STAILQ_INIT(&io->wait);
	if (open_all(io, base, t, why, n))
		return io;
	target_io_close(io);
	return NULL;
}

static void stop_threads(struct target_io *io)
{
	struct opening *g;
	io->closing = true;
	SLIST_FOREACH(g, &io->opening, link)
	g->stop = true;
	workers_free(io->workers);
	workers_free(io->openers);
	io->workers = io->openers = NULL;
}

static void leave_ended(const struct disk *d, const struct ended *e)
{
	char why[PATH_MAX + 200];
	if (!ended_save(d->path, e, why, sizeof(why)))
		log_warning("%s: the next start counts as one that may have lost something", why);
}

/* A start that failed before anything was asked for has changed nothing. */
static void put_back(const struct target_io *io)
{
	for (unsigned i = 0; i < SCSI_LUNS; i++)
		if (io->disk[i] && io->disk[i]->ended.number)
			leave_ended(io->disk[i], &io->disk[i]->ended);
}

void target_io_close(struct target_io *io)
{
	if (!io)
		return;
	stop_threads(io);
	if (!io->begun && !io->changed && !io->over)
		put_back(io);
	while (!STAILQ_EMPTY(&io->done))
		target_io_taken(io);
	if (io->pool)
		pool_free(io->pool);
	while (!SLIST_EMPTY(&io->opening)) {
		struct disk *d = opening_end(SLIST_FIRST(&io->opening));
		if (d)
			disk_free(d);
	}
	for (unsigned i = 0; i < SCSI_LUNS; i++)
		if (io->disk[i])
			disk_free(io->disk[i]);
	while (!SLIST_EMPTY(&io->gone)) {
		struct disk *d = SLIST_FIRST(&io->gone);
		SLIST_REMOVE_HEAD(&io->gone, link);
		disk_free(d);
	}
	free(io);
}

const uint8_t *target_io_uuid(const struct target_io *io)
{
	return io->disk[0]->disk.meta.uuid;
}

/* Each logical unit has a number that goes by how many were put in before it: where some have come
 * or gone, the next start's would be others'. */
static void leave_number(const struct target_io *io)
{
	unsigned luns = 0;
	for (unsigned i = 0; i < SCSI_LUNS; i++)
		luns += io->disk[i] != NULL;
	const struct ended e = {.number = io->boot, .luns = (uint16_t)luns};
	for (unsigned i = 0; !io->changed && i < SCSI_LUNS; i++)
		if (io->disk[i])
			leave_ended(io->disk[i], &e);
}

bool target_io_end(struct target_io *io)
{
	struct disk *d;
	bool ok = true;
	stop_threads(io);
	io->over = true;
	for (unsigned i = 0; i < SCSI_LUNS; i++)
		ok = (!io->disk[i] || disk_end(io->disk[i])) && ok;
	SLIST_FOREACH(d, &io->gone, link)
	ok = disk_end(d) && ok;
	if (ok)
		leave_number(io);
	return ok;
}
