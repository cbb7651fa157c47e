/* SPDX-License-Identifier: BSD-2-Clause */
#include "shell/target_disk.h"

#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

/* The metadata as they must be for these options; *fresh: they have to be written. */
static bool metadata(const struct disk_opts *o, struct meta *m, bool *fresh, char *why, size_t n)
{
	enum meta_load found = meta_load(o->store, m, why, n);
	*fresh = found == META_NONE;
	if (found == META_BAD)
		return false;
	if (found == META_NONE) {
		*m = (struct meta){.block_size = o->block_size ? o->block_size : 512};
		if (o->has_uuid)
			memcpy(m->uuid, o->uuid, UUID_LEN);
		else
			uuid_generate(m->uuid);
		return true;
	}
	if (o->block_size && o->block_size != m->block_size) {
		(void)snprintf(why, n, "%s: has blocks of %u bytes, not %u as --block-size says",
		               o->store, (unsigned)m->block_size, (unsigned)o->block_size);
		return false;
	}
	if (o->has_uuid && memcmp(o->uuid, m->uuid, UUID_LEN) != 0) {
		(void)snprintf(why, n, "%s: has another UUID than --uuid says", o->store);
		return false;
	}
	return true;
}

/* Another process has not made it meanwhile. */
static bool same(const struct disk_opts *o, const struct meta *before, const struct meta *m,
                 char *why, size_t n)
{
	if (m->block_size == before->block_size)
		return true;
	(void)snprintf(why, n, "%s: was made by another process meanwhile", o->store);
	return false;
}

/* As it is known from now on. A disk that is not to be written to is left alone. */
static bool capacity(const struct disk_opts *o, uint64_t blocks, struct meta *m, bool *fresh)
{
	bool known = m->blocks == blocks || (o->write_protect && !*fresh);
	if (!known)
		m->blocks = blocks;
	*fresh = *fresh || !known;
	return true;
}

/* A disk that had no protection information says from now on that it has this type; one that had,
 * and may have been formatted since, keeps what it says. */
static bool protection(const struct disk_opts *o, struct meta *m, bool *fresh)
{
	size_t before = m->n_saved;
	if (o->protects)
		m->n_saved = tgt_saved_protection(o->protection, m->saved, m->n_saved);
	*fresh = *fresh || m->n_saved != before;
	return true;
}

/* From now on it has them, or has been told to do without. */
static bool checksums(const struct disk_opts *o, const struct store *s, struct meta *m, bool *fresh)
{
	bool known = m->sums == store_has_integrity(s) || (o->write_protect && !*fresh);
	if (!known)
		m->sums = store_has_integrity(s);
	*fresh = *fresh || !known;
	return true;
}

/* The metadata first: opening a store as one that it is not could leave files beside it that are of
 * no disk. And again: only the store's lock keeps others from changing them. */
bool target_disk_open(const struct disk_opts *o, const struct target_disk_how *how,
                      struct target_disk *d, char *why, size_t n)
{
	bool fresh = false;
	struct meta before;
	*d = (struct target_disk){.store = NULL};
	if (!metadata(o, &before, &fresh, why, n))
		return false;
	struct store_config c = {
	        .path = o->store,
	        .size = o->size,
	        .kept = before.blocks * before.block_size,
	        .block_size = before.block_size,
	        .write_protect = o->write_protect,
	        .direct = how->direct,
	        .map = how->map,
	        .stop = how->stop,
	        .thin = o->thin,
	        .protects = o->protects,
	        .integrity = o->integrity,
	        .had_integrity = before.sums && !o->no_integrity,
	};
	d->store = store_open(&c, why, n);
	if (!d->store)
		return false;
	if (metadata(o, &d->meta, &fresh, why, n) && same(o, &before, &d->meta, why, n) &&
	    capacity(o, store_blocks(d->store), &d->meta, &fresh) &&
	    protection(o, &d->meta, &fresh) && checksums(o, d->store, &d->meta, &fresh) &&
	    (!fresh || meta_save(o->store, &d->meta, why, n)))
		return true;
	target_disk_close(d);
	return false;
}

struct tgt_lu_config target_disk_config(const struct disk_opts *o, const struct target_disk *d)
{
	struct tgt_lu_config c = {
	        .block_size = d->meta.block_size,
	        .blocks = store_blocks(d->store),
	        .write_protect = o->write_protect,
	        .thin = o->thin,
	        .protects = store_protects(d->store),
	        .saved = {d->meta.saved, d->meta.n_saved},
	};
	memcpy(c.uuid, d->meta.uuid, UUID_LEN);
	memcpy(c.name, o->name, sizeof(c.name));
	return c;
}

void target_disk_close(struct target_disk *d)
{
	store_close(d->store);
	d->store = NULL;
}
