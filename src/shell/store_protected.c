/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations on blocks and their protection information, piece by piece. What is to be checked and
 * kept is said by struct protect; where it is kept, by store_protect.c. */
#include "base/assert.h"
#include "shell/store_inside.h"

#include <stdlib.h>
#include <string.h>

/* What an operation works with. */
struct job {
	struct store *s;
	enum tgt_action_kind kind;
	struct store_op *o;
	const struct protect *p;
	size_t stride;          /* bytes of a block in o->bytes */
	uint8_t *data, *tuples; /* of one piece */
};

static const uint8_t *given(const struct job *j, uint32_t i)
{
	return j->o->bytes + (j->o->repeat ? 0 : i * j->stride);
}

static bool came(const struct job *j)
{
	bool takes = j->kind == TGT_STORE_WRITE || j->kind == TGT_STORE_ATOMIC ||
	             j->kind == TGT_STORE_OR || j->kind == TGT_STORE_COMPARE;
	return takes && j->p->moved && !j->p->none;
}

/* What came with block i; without the guard where that is not what will be there. */
static struct protect_tuple tuple_given(const struct job *j, uint32_t i)
{
	struct protect_tuple t = protect_get(given(j, i) + j->s->block_size);
	return j->o->repeat ? protect_repeat(j->p, i, t) : t;
}

static enum tgt_store_result wrong(struct job *j, enum tgt_store_result result, uint32_t i,
                                   unsigned field)
{
	j->o->good = i;
	j->o->field = (uint8_t)field;
	return result;
}

/* Before anything is done with them. */
static enum tgt_store_result check_given(struct job *j)
{
	uint32_t n = j->o->repeat ? 1 : j->o->blocks;
	if (!came(j) || !j->p->data || (j->o->repeat && j->p->index > 0))
		return STORE_OK;
	for (uint32_t i = 0; i < n; i++) {
		struct protect_tuple t = protect_get(given(j, i) + j->s->block_size);
		/* SBC-3, WRITE SAME: all ones are to be written as they are. */
		if (j->o->repeat && protect_is_none(t))
			continue;
		unsigned field =
		        protect_wrong(j->p, j->p->data, i, given(j, i), j->s->block_size, t);
		if (field)
			return wrong(j, STORE_PROTECTION, i, field);
	}
	return STORE_OK;
}

/* A piece of the medium: n blocks from `at` on, to `data` and j->tuples; checked. */
static enum tgt_store_result fetch(struct job *j, uint32_t at, uint32_t n, uint8_t *data)
{
	size_t bs = j->s->block_size;
	uint32_t got = 0;
	lba_t lba = j->o->lba + at;
	enum tgt_store_result r = store_read(j->s, lba, n, data, &got);
	if (r == STORE_OK)
		r = store_tuples_read(j->s, lba, n, j->tuples);
	j->o->good = at + got;
	for (uint32_t i = 0; r == STORE_OK && j->p->medium && i < n; i++) {
		struct protect_tuple t = protect_get(j->tuples + (size_t)i * PROTECT_LEN);
		unsigned field =
		        protect_escapes(j->p, t)
		                ? 0
		                : protect_wrong(j->p, j->p->medium, at + i, data + i * bs, bs, t);
		if (field)
			return wrong(j, STORE_PROTECTION, at + i, field);
	}
	return r;
}

/* ---- reading ---- */

static enum tgt_store_result read_piece(struct job *j, uint32_t at, uint32_t n)
{
	size_t bs = j->s->block_size;
	uint8_t *to = j->o->bytes + at * j->stride;
	enum tgt_store_result r = fetch(j, at, n, j->p->moved ? j->data : to);
	for (uint32_t i = 0; r == STORE_OK && j->p->moved && i < n; i++) {
		memcpy(to + i * j->stride, j->data + i * bs, bs);
		memcpy(to + i * j->stride + bs, j->tuples + (size_t)i * PROTECT_LEN, PROTECT_LEN);
	}
	return r;
}

static enum tgt_store_result verify_piece(struct job *j, uint32_t at, uint32_t n)
{
	return fetch(j, at, n, j->data);
}

static uint32_t first_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint32_t i = 0;
	while (i < n && a[i] == b[i])
		i++;
	return i;
}

static enum tgt_store_result compare_piece(struct job *j, uint32_t at, uint32_t n)
{
	size_t bs = j->s->block_size;
	enum tgt_store_result r = fetch(j, at, n, j->data);
	for (uint32_t i = 0; r == STORE_OK && i < n; i++) {
		j->o->differs = first_difference(j->data + i * bs, given(j, at + i), bs);
		if (j->o->differs < bs)
			return wrong(j, STORE_MISCOMPARE, at + i, 0);
		struct protect_tuple t = protect_get(j->tuples + (size_t)i * PROTECT_LEN);
		unsigned field = came(j) ? protect_differs(j->p, t, tuple_given(j, at + i)) : 0;
		if (field)
			return wrong(j, STORE_MISCOMPARE, at + i, field);
	}
	return r;
}

/* ---- writing ---- */

/* For a piece of blocks as they will be. */
static void make_tuples(struct job *j, uint32_t at, uint32_t n, const uint8_t *data)
{
	size_t bs = j->s->block_size;
	for (uint32_t i = 0; i < n; i++) {
		struct protect_tuple t = {0};
		bool guard = !came(j) || j->kind == TGT_STORE_OR;
		if (guard)
			t = protect_make(j->p, j->o->lba + at + i, data + i * bs, bs);
		if (came(j)) {
			struct protect_tuple g = tuple_given(j, at + i);
			t = (struct protect_tuple){guard ? t.guard : g.guard, g.app, g.ref};
		}
		protect_put(j->tuples + (size_t)i * PROTECT_LEN, t);
	}
}

static void gather(const struct job *j, uint32_t at, uint32_t n, uint8_t *to)
{
	size_t bs = j->s->block_size;
	for (uint32_t i = 0; i < n; i++)
		memcpy(to + i * bs, given(j, at + i), bs);
}

static enum tgt_store_result put_piece(struct job *j, uint32_t at, uint32_t n, const uint8_t *data)
{
	uint32_t good = 0;
	lba_t lba = j->o->lba + at;
	make_tuples(j, at, n, data);
	enum tgt_store_result r = store_write(j->s, lba, n, data, &good);
	enum tgt_store_result kept = store_tuples_write(j->s, lba, good, j->tuples);
	j->o->good = at + (kept == STORE_OK ? good : 0);
	return r == STORE_OK ? kept : r;
}

static enum tgt_store_result write_piece(struct job *j, uint32_t at, uint32_t n)
{
	if (j->stride == j->s->block_size && !j->o->repeat)
		return put_piece(j, at, n, given(j, at));
	gather(j, at, n, j->data);
	return put_piece(j, at, n, j->data);
}

static enum tgt_store_result or_piece(struct job *j, uint32_t at, uint32_t n)
{
	size_t bs = j->s->block_size;
	enum tgt_store_result r = fetch(j, at, n, j->data);
	if (r != STORE_OK)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *with = given(j, at + i);
		for (size_t k = 0; k < bs; k++)
			j->data[i * bs + k] |= with[k];
	}
	return put_piece(j, at, n, j->data);
}

/* At once, whatever its length: it is bounded. */
static enum tgt_store_result write_atomic(struct job *j)
{
	size_t bs = j->s->block_size;
	uint32_t n = j->o->blocks;
	uint8_t *data = malloc(n * (bs + PROTECT_LEN));
	if (!data)
		return STORE_ERROR;
	struct job whole = *j;
	whole.tuples = data + n * bs;
	gather(j, 0, n, data);
	make_tuples(&whole, 0, n, data);
	enum tgt_store_result r =
	        store_write_record(j->s, j->o->lba, n, data, whole.tuples, &j->o->good);
	free(data);
	return r;
}

/* What has none, first: whatever the block is then, it can be read. */
static enum tgt_store_result zero(struct job *j)
{
	j->o->good = 0;
	if (j->s->dead)
		return STORE_DEAD;
	enum tgt_store_result r = beside_none(j->s->tuples, j->o->lba, j->o->blocks);
	if (r == STORE_OK)
		r = store_zero(j->s, j->o->lba, j->o->blocks, &j->o->good);
	return r;
}

/* ---- all ---- */

typedef enum tgt_store_result piece_fn(struct job *j, uint32_t at, uint32_t n);

static enum tgt_store_result in_pieces(struct job *j, piece_fn *fn)
{
	uint32_t most = (uint32_t)(SCRATCH_BYTES / j->s->block_size), at = 0;
	enum tgt_store_result r = STORE_OK;
	while (r == STORE_OK && at < j->o->blocks) {
		uint32_t n = j->o->blocks - at < most ? j->o->blocks - at : most;
		r = fn(j, at, n);
		at += n;
	}
	return r;
}

static enum tgt_store_result work(struct job *j)
{
	switch (j->kind) {
	case TGT_STORE_READ:
		return in_pieces(j, read_piece);
	case TGT_STORE_VERIFY:
		return in_pieces(j, verify_piece);
	case TGT_STORE_COMPARE:
		return in_pieces(j, compare_piece);
	case TGT_STORE_WRITE:
		return in_pieces(j, write_piece);
	case TGT_STORE_OR:
		return in_pieces(j, or_piece);
	case TGT_STORE_ATOMIC:
		return write_atomic(j);
	case TGT_STORE_ZERO:
		return zero(j);
	case TGT_STORE_MAP:
	case TGT_STORE_FLUSH:
	case TGT_META_SAVE:
	case TGT_SEND:
	case TGT_DIE:
		break;
	}
	sm_assert(false);
	return STORE_ERROR;
}

static enum tgt_store_result run(struct job *j)
{
	enum tgt_store_result r = check_given(j);
	unsigned half = 0;
	bool writes = j->kind == TGT_STORE_WRITE || j->kind == TGT_STORE_OR ||
	              j->kind == TGT_STORE_ATOMIC || j->kind == TGT_STORE_ZERO;
	if (r == STORE_OK && writes)
		r = store_begin(j->s, j->s->tuples, j->o->lba, j->o->blocks, &half);
	if (r != STORE_OK)
		return r;
	r = work(j);
	if (writes)
		beside_end(j->s->tuples, half);
	return r;
}

enum tgt_store_result store_protected(struct store *s, enum tgt_action_kind kind,
                                      const struct protect *p, struct store_op *o)
{
	struct job j = {
	        .s = s,
	        .kind = kind,
	        .o = o,
	        .p = p,
	        .stride = s->block_size + (p->moved ? PROTECT_LEN : 0U),
	        .data = store_scratch_get(s),
	        .tuples = store_scratch_get(s),
	};
	o->good = 0;
	sm_assert(s->tuples && p->type);
	enum tgt_store_result r = j.data && j.tuples ? run(&j) : STORE_ERROR;
	if (j.data)
		store_scratch_put(s, j.data);
	if (j.tuples)
		store_scratch_put(s, j.tuples);
	return r;
}
