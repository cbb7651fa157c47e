/* SPDX-License-Identifier: BSD-2-Clause */
/* What a process before this one has left in doubt, and what is said of it. */
#include "shell/log.h"
#include "shell/store_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool fail(char *why, size_t n, const struct beside *b, const char *what, int error)
{
	(void)snprintf(why, n, "%s: %s%s%s", beside_path(b), what, error ? ": " : "",
	               error ? strerrordesc_np(error) : "");
	return false;
}

/* ---- what is said ---- */

void store_changed_add(struct store_changed *c, lba_t lba)
{
	c->blocks++;
	if (c->n > 0 && !c->more && c->run[c->n - 1].end == lba) {
		c->run[c->n - 1].end++;
	} else if (c->n < ARRAY_LEN(c->run)) {
		c->run[c->n].first = lba;
		c->run[c->n++].end = lba + 1;
	} else {
		c->more = true;
	}
}

/* "; 7-9, 12": the blocks, or as many of them as there is room for. */
static void list(const struct store_changed *c, char *out, size_t n)
{
	size_t at = 0;
	*out = '\0';
	for (unsigned i = 0; i < c->n && at < n; i++) {
		lba_t first = c->run[i].first, last = c->run[i].end - 1;
		at += (size_t)snprintf(out + at, n - at, "%s %llu", i ? "," : ": LBA",
		                       (unsigned long long)first);
		if (last > first && at < n)
			at += (size_t)snprintf(out + at, n - at, "-%llu", (unsigned long long)last);
	}
	if (c->more && at < n)
		(void)snprintf(out + at, n - at, " and others");
}

static void tell(const struct beside *b, const struct store_changed *c, const char *what)
{
	char blocks[400];
	const char *unknown = beside_unknown(b), *path = beside_path(b);
	unsigned long long looked = c->looked, n = c->blocks;
	list(c, blocks, sizeof(blocks));
	if (beside_fresh(b))
		log_notice("%s: is new: of %llu blocks %llu %s", path, looked, n, what);
	else if (!unknown)
		log_notice("%s: was not closed: of %llu blocks that were being written, or not "
		           "flushed, %llu %s%s",
		           path, looked, n, what, blocks);
	else
		log_line(n > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
		         "%s: was not closed, and which blocks were being written, or not "
		         "flushed, is not known (%s): of all %llu in their regions %llu %s%s%s",
		         path, unknown, looked, n, what, blocks,
		         n > 0 ? "; any of these may have rotted instead" : "");
}

/* ---- looking ---- */

/* Pieces of as many blocks as there is room for. */
static enum tgt_store_result look_at(struct store *s, store_look_fn *look, lba_t lba,
                                     uint64_t blocks, uint8_t *data, uint8_t *beside,
                                     struct store_changed *changed)
{
	uint32_t piece = (uint32_t)(SCRATCH_BYTES / s->block_size);
	enum tgt_store_result r = STORE_OK;
	for (uint64_t at = 0; r == STORE_OK && at < blocks;) {
		if (s->stop && *s->stop) {
			errno = ECANCELED;
			return STORE_ERROR;
		}
		uint32_t n = blocks - at < piece ? (uint32_t)(blocks - at) : piece, got = 0;
		/* Without checksums: they are what may be wrong. */
		(void)store_move(s, false, data, lba + at, n, &got);
		if (got > 0)
			r = look(s, lba + at, got, data, beside, changed);
		changed->looked += got;
		/* A block that cannot be read will say so; those behind it can. */
		at += got < n ? got + 1 : n;
	}
	return r;
}

static bool look_at_all(struct store *s, struct beside *b, store_look_fn *look,
                        struct store_changed *changed)
{
	uint8_t *data = store_scratch_get(s), *beside = store_scratch_get(s);
	enum tgt_store_result r = STORE_OK;
	lba_t lba = 0;
	uint64_t blocks = 0;
	while (data && beside && r == STORE_OK && beside_doubt(b, lba, &lba, &blocks)) {
		r = look_at(s, look, lba, blocks, data, beside, changed);
		lba += blocks;
	}
	bool ok = data && beside && r == STORE_OK;
	if (data)
		store_scratch_put(s, data);
	if (beside)
		store_scratch_put(s, beside);
	return ok;
}

bool store_look_through(struct store *s, struct beside *b, store_look_fn *look, const char *what,
                        bool write_protect, char *why, size_t n)
{
	struct store_changed changed = {0};
	if (!beside_marked(b))
		return write_protect || beside_start(b, why, n);
	if (write_protect)
		return fail(why, n, b,
		            "writes were cut off: it has to be looked through without "
		            "--write-protect",
		            0);
	/* What a process that was killed has left in memory was written when the store was opened;
	 * where that has failed, some of it may be there still. Other data would be found after
	 * the end of the machine, and nothing in doubt. */
	if (fdatasync(s->fd) != 0)
		return fail(why, n, b, "what it is of cannot be made durable", errno);
	bool ok = look_at_all(s, b, look, &changed);
	if (!ok || !beside_settled(b))
		return fail(why, n, b, "cannot be looked through", errno);
	tell(b, &changed, what);
	return beside_start(b, why, n);
}
