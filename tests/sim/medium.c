/* SPDX-License-Identifier: BSD-2-Clause */
#include "sim/medium.h"

#include "base/assert.h"

#include <string.h>

static size_t stride(const struct medium *m, const struct tgt_action *a)
{
	return m->block_size + (a->protect.type && a->protect.moved ? PROTECT_LEN : 0U);
}

static const uint8_t *data_of(const struct medium *m, const struct tgt_action *a, uint32_t i)
{
	size_t at = a->offset + (a->repeat ? 0 : i * stride(m, a));
	sm_assert(a->block && at + stride(m, a) <= a->block->len);
	return a->block->data + at;
}

/* ---- protection information ---- */

static bool fails(struct tgt_event *ev, enum tgt_store_result result, uint32_t i, unsigned field)
{
	if (field == 0)
		return false;
	ev->store.result = result;
	ev->store.good_blocks = i;
	ev->store.field = (uint8_t)field;
	return true;
}

static struct protect_tuple tuple_at(const struct medium *m, lba_t lba)
{
	sm_assert(m->tuples);
	return protect_get(m->tuples + lba * PROTECT_LEN);
}

/* Of what came; block i of those that are repeated. */
static struct protect_tuple came(const struct medium *m, const struct tgt_action *a, uint32_t i)
{
	struct protect_tuple t = protect_get(data_of(m, a, i) + m->block_size);
	return a->repeat ? protect_repeat(&a->protect, i, t) : t;
}

static bool data_wrong(const struct medium *m, const struct tgt_action *a, uint32_t n,
                       struct tgt_event *ev)
{
	const struct protect *p = &a->protect;
	uint32_t of = a->repeat ? 1 : n;
	if (!p->type || !p->moved || !a->block || p->none)
		return false;
	for (uint32_t i = 0; i < of; i++) {
		struct protect_tuple t = protect_get(data_of(m, a, i) + m->block_size);
		bool exempt = a->repeat && protect_is_none(t);
		if (!exempt && !p->index &&
		    fails(ev, STORE_PROTECTION, i,
		          protect_wrong(p, p->data, i, data_of(m, a, i), m->block_size, t)))
			return true;
	}
	return false;
}

static bool medium_wrong(const struct medium *m, const struct tgt_action *a, uint32_t n,
                         struct tgt_event *ev)
{
	const struct protect *p = &a->protect;
	for (uint32_t i = 0; p->type && p->medium && i < n; i++) {
		struct protect_tuple t = tuple_at(m, a->lba + i);
		const uint8_t *data = m->bytes + (a->lba + i) * m->block_size;
		if (!protect_escapes(p, t) &&
		    fails(ev, STORE_PROTECTION, i,
		          protect_wrong(p, p->medium, i, data, m->block_size, t)))
			return true;
	}
	return false;
}

/* The block is there already. */
static void protect(const struct medium *m, const struct tgt_action *a, uint32_t i)
{
	const struct protect *p = &a->protect;
	lba_t lba = a->lba + i;
	struct protect_tuple t =
	        protect_make(p, lba, m->bytes + lba * m->block_size, m->block_size);
	if (p->moved && !p->none) {
		struct protect_tuple with = came(m, a, i);
		with.guard = a->kind == TGT_STORE_OR ? t.guard : with.guard;
		t = with;
	}
	sm_assert(m->tuples);
	protect_put(m->tuples + lba * PROTECT_LEN, t);
}

/* ---- blocks ---- */

static void change(const struct medium *m, const struct tgt_action *a, uint32_t i)
{
	uint8_t *at = m->bytes + (a->lba + i) * m->block_size;
	if (a->kind == TGT_STORE_ZERO)
		memset(at, 0, m->block_size);
	else if (a->kind == TGT_STORE_WRITE || a->kind == TGT_STORE_ATOMIC)
		memcpy(at, data_of(m, a, i), m->block_size);
	else
		for (uint32_t k = 0; k < m->block_size; k++)
			at[k] |= data_of(m, a, i)[k];
	if (m->mapped)
		m->mapped[a->lba + i] = a->kind != TGT_STORE_ZERO;
	if (a->protect.type)
		protect(m, a, i);
}

/* False when block i differs, with where. */
static bool equal(const struct medium *m, const struct tgt_action *a, uint32_t i,
                  struct tgt_event *ev)
{
	const uint8_t *at = m->bytes + (a->lba + i) * m->block_size, *with = data_of(m, a, i);
	bool same = memcmp(at, with, m->block_size) == 0;
	uint32_t k = same ? m->block_size : 0;
	while (k < m->block_size && at[k] == with[k])
		k++;
	if (k == m->block_size)
		return !a->protect.type || !a->protect.moved ||
		       !fails(ev, STORE_MISCOMPARE, i,
		              protect_differs(&a->protect, tuple_at(m, a->lba + i), came(m, a, i)));
	ev->store.result = STORE_MISCOMPARE;
	ev->store.good_blocks = i;
	ev->store.differs = k;
	return false;
}

static struct block *read_blocks(const struct medium *m, const struct tgt_action *a, uint32_t n)
{
	struct block *b = block_new(n * stride(m, a));
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *to = b->data + i * stride(m, a);
		memcpy(to, m->bytes + (a->lba + i) * m->block_size, m->block_size);
		if (stride(m, a) > m->block_size)
			protect_put(to + m->block_size, tuple_at(m, a->lba + i));
	}
	return b;
}

static struct block *map(const struct medium *m, const struct tgt_action *a)
{
	struct lba_status v[TGT_MAP_MAX];
	uint8_t all[LBA_STATUS_HEAD_LEN + TGT_MAP_MAX * LBA_STATUS_DESCRIPTOR_LEN];
	struct wr w = wr_init(all, sizeof(all));
	size_t n = 0, fit = 1;
	if (a->room > LBA_STATUS_HEAD_LEN + LBA_STATUS_DESCRIPTOR_LEN)
		fit = (a->room - LBA_STATUS_HEAD_LEN + LBA_STATUS_DESCRIPTOR_LEN - 1) /
		      LBA_STATUS_DESCRIPTOR_LEN;
	for (lba_t at = a->lba; at < m->blocks; at++) {
		bool mapped = !m->mapped || m->mapped[at];
		enum lba_provisioning is = mapped ? LBA_MAPPED : LBA_DEALLOCATED;
		bool another = n == 0 || v[n - 1].status != is;
		if (another && n == fit)
			break;
		sm_assert(n < TGT_MAP_MAX);
		if (another)
			v[n++] = (struct lba_status){.lba = at, .status = is};
		v[n - 1].blocks++;
	}
	lba_status_put(&w, v, n);
	sm_assert(wr_ok(&w) && a->room > 0);
	struct block *b = block_new(w.n < a->room ? w.n : a->room);
	memcpy(b->data, all, b->len);
	return b;
}

void medium_do(const struct medium *m, const struct tgt_action *a, uint32_t n, struct tgt_event *ev)
{
	sm_assert(a->lba <= m->blocks && n <= m->blocks - a->lba);
	if (data_wrong(m, a, n, ev) || medium_wrong(m, a, n, ev))
		return;
	switch (a->kind) {
	case TGT_STORE_READ:
		ev->store.block = read_blocks(m, a, n);
		break;
	case TGT_STORE_WRITE:
	case TGT_STORE_ATOMIC:
	case TGT_STORE_OR:
	case TGT_STORE_ZERO:
		for (uint32_t i = 0; i < n; i++)
			change(m, a, i);
		break;
	case TGT_STORE_COMPARE:
		for (uint32_t i = 0; i < n && equal(m, a, i, ev); i++)
			continue;
		break;
	case TGT_STORE_MAP:
		ev->store.block = map(m, a);
		break;
	case TGT_STORE_VERIFY:
	case TGT_STORE_FLUSH:
	case TGT_META_SAVE:
	case TGT_SEND:
	case TGT_DIE:
		break;
	}
}
